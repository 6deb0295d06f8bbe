//! etcd asked directly, not through Kubernetes: who are its members, and do they vote.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::bed::Bed;
use crate::command::must;
use crate::outcome::{Outcome, While};

/// The names of voting members and of learners, as the member on `n1` sees them.
pub fn members(bed: &Bed, etcdctl: &Path) -> Outcome<(Vec<String>, Vec<String>)> {
    let node = bed.nodes.first().whilst("no nodes")?;
    let pki = node.root().join("etc/kubernetes/pki/etcd");
    let option = |name: &str, file: &str| format!("--{name}={}", pki.join(file).display());
    let arguments = [
        format!("--endpoints=https://{}:2379", node.plug.address),
        option("cacert", "ca.crt"),
        option("cert", "healthcheck-client.crt"),
        option("key", "healthcheck-client.key"),
        "member".to_owned(),
        "list".to_owned(),
        "--write-out=json".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = bed.balancer.command(&etcdctl.to_string_lossy(), &arguments)?;
    let list: Value = serde_json::from_str(&must(&mut command, Duration::from_secs(20))?).whilst("etcdctl")?;
    let (mut voters, mut learners) = (Vec::new(), Vec::new());
    for member in list["members"].as_array().whilst("etcdctl lists no members")? {
        let name = member["name"].as_str().unwrap_or("(unstarted)").to_owned();
        if member["isLearner"].as_bool() == Some(true) { learners.push(name) } else { voters.push(name) }
    }
    voters.sort();
    Ok((voters, learners))
}
