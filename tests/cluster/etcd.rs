//! etcd asked directly, not through Kubernetes: who are its members, and do they vote; a member taken out.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::bed::Bed;
use crate::command::must;
use crate::outcome::{Outcome, While};

/// The names of voting members and of learners, as the member on `n1` sees them.
pub fn members(bed: &Bed, etcdctl: &Path) -> Outcome<(Vec<String>, Vec<String>)> {
    let (mut voters, mut learners) = (Vec::new(), Vec::new());
    for member in list(bed, etcdctl)? {
        let name = member["name"].as_str().unwrap_or("(unstarted)").to_owned();
        if member["isLearner"].as_bool() == Some(true) { learners.push(name) } else { voters.push(name) }
    }
    voters.sort();
    Ok((voters, learners))
}

/// Removes a member, as an operator does before the machine is replaced.
pub fn remove(bed: &Bed, etcdctl: &Path, name: &str) -> Outcome<()> {
    let members = list(bed, etcdctl)?;
    let member = members.iter().find(|member| member["name"] == name).whilst(format_args!("etcd has no member {name}"))?;
    let id = member["ID"].as_u64().whilst("the member has no ID")?;
    ask(bed, etcdctl, &["remove", &format!("{id:x}")]).map(drop)
}

fn list(bed: &Bed, etcdctl: &Path) -> Outcome<Vec<Value>> {
    let list = ask(bed, etcdctl, &["list"])?;
    list["members"].as_array().cloned().whilst("etcdctl lists no members")
}

fn ask(bed: &Bed, etcdctl: &Path, words: &[&str]) -> Outcome<Value> {
    let node = bed.nodes.first().whilst("no nodes")?;
    let pki = node.root().join("etc/kubernetes/pki/etcd");
    let option = |name: &str, file: &str| format!("--{name}={}", pki.join(file).display());
    let options = [
        format!("--endpoints=https://{}:2379", node.plug.address),
        option("cacert", "ca.crt"),
        option("cert", "healthcheck-client.crt"),
        option("key", "healthcheck-client.key"),
        "--write-out=json".to_owned(),
        "member".to_owned(),
    ];
    let arguments: Vec<&str> = options.iter().map(String::as_str).chain(words.iter().copied()).collect();
    let mut command = bed.balancer.command(&etcdctl.to_string_lossy(), &arguments)?;
    serde_json::from_str(&must(&mut command, Duration::from_secs(20))?).whilst("etcdctl")
}
