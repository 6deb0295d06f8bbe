//! The shared PKI by the two ways that need neither the cluster nor the document: a bundle at a URL, which is deleted when
//! all have it, and the operator's own hands.

use std::fs;

use kubeboot::failure::Failure;

use super::refusal::SHARED_PKI;
use super::{Cluster, FIRST_BOOT, ha};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::fleet::BUNDLE_URL;
use crate::outcome::{Outcome, While};

pub fn from_a_url(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    cluster.bed.balancer.publish(&cluster.minted.folder.join("bundle.json"))?;
    cluster.switch_on()?;
    ha::look(cluster, checks)?;
    cluster.bed.balancer.withdraw();
    for node in cluster.bed.nodes.iter().take(cluster.control_planes) {
        let left = agent::status(node)?["leftToDo"].to_string();
        let wanted = format!("once every control plane has joined, delete {BUNDLE_URL}");
        checks.that(&format!("{}: its operator is told to delete the bundle", node.name), expect(left.contains(&wanted), || left.clone()));
    }
    Ok(())
}

pub fn by_hand(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    cluster.switch_on()?;
    let control_planes = || cluster.bed.nodes.iter().take(cluster.control_planes);
    for node in control_planes() {
        let seen = agent::wait_until_it_waits(node, Failure::PkiAwaited.name(), FIRST_BOOT);
        let named = seen.and_then(|line| expect(SHARED_PKI.iter().all(|name| line.contains(name)), || line.clone()));
        checks.that(&format!("{}: it waits for the files, and names them", node.name), named);
    }
    for node in control_planes() {
        for name in SHARED_PKI {
            let path = cluster.minted.folder.join("pki").join(name);
            let bytes = fs::read(&path).whilst(path.display())?;
            node.put(&format!("etc/kubernetes/pki/{name}"), &bytes, if name.ends_with(".key") { 0o600 } else { 0o644 })?;
        }
    }
    ha::look(cluster, checks)
}
