//! Fields that a Node document and a cluster file have alike.

use super::field::{KubernetesVersion, is_dns_name, shown};
use super::spec::ClockPolicy;
use super::walk::At;

/// Lowest minor that reads v1beta4, the only kubeadm configuration that is written (kubeadm.md §1.1).
const LOWEST_MINOR: u16 = 31;

/// `kubernetesVersion`.
pub(super) fn version(at: &At<'_>) -> Option<KubernetesVersion> {
    let version = at.parse("a release, for example v1.37.2", KubernetesVersion::parse)?;
    if version.major != 1 {
        at.wrong(format!("there is no Kubernetes {version}"), "write a release of Kubernetes 1, for example v1.37.2");
        return None;
    }
    if version.minor < LOWEST_MINOR {
        at.wrong(
            format!("{version} is too old: its kubeadm does not read v1beta4"),
            format!("write v1.{LOWEST_MINOR} or newer; 1.34 to 1.37 are tested"),
        );
        return None;
    }
    Some(version)
}

/// `cluster` of a Node document, `name` of a cluster file.
pub(super) fn cluster_name(at: &At<'_>) -> Option<String> {
    let name = at.text("a name, for example prod")?;
    if name.len() > 63 || !is_dns_name(name) || name.bytes().any(|b| b.is_ascii_uppercase()) {
        at.wrong(format!("{} is no cluster name", shown(name)), "write at most 63 lower-case letters, digits, hyphens and dots");
        return None;
    }
    Some(name.to_owned())
}

/// `clock`.
pub(super) fn clock(at: Option<&At<'_>>) -> Option<ClockPolicy> {
    match at {
        Some(at) => at.choice(&[("synchronised", ClockPolicy::Synchronised), ("plausible", ClockPolicy::Plausible)]),
        None => Some(ClockPolicy::Synchronised),
    }
}
