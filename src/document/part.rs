//! Fields that a Node document and a cluster file have alike.

use super::field::{KubernetesVersion, is_dns_name};
use super::form;
use super::shown::shown;
use super::spec::ClockPolicy;
use super::walk::{At, Fields};

/// Lowest minor that reads v1beta4, the only kubeadm configuration that is written (kubeadm.md §1.1).
const LOWEST_MINOR: u16 = 31;

/// The fields that both begin with, as far as they are written.
pub(super) struct Shared<'t> {
    pub(super) version: Option<At<'t>>,
    pub(super) endpoint: Option<At<'t>>,
    pub(super) networking: Option<At<'t>>,
}

/// Asks for them.
pub(super) fn shared<'t>(fields: &mut Fields<'t>) -> Shared<'t> {
    Shared {
        version: fields.need("kubernetesVersion", "The release of Kubernetes, whole: v1.37.2", "kubernetesVersion: v1.37.2"),
        endpoint: fields.need(
            "controlPlaneEndpoint",
            "The load balancer before the API servers, host:port",
            "controlPlaneEndpoint: api.example.com:6443, the load balancer's name",
        ),
        networking: fields.get("networking", "The networks of pods and services"),
    }
}

/// Asks for `cni`.
pub(super) fn cni<'t>(fields: &mut Fields<'t>) -> Option<At<'t>> {
    let example = "cni: {name: flannel}, or {name: none} if somebody else installs one";
    fields.need("cni", "The network plugin that the machine that starts the cluster installs", example)
}

/// Asks for `clock`.
pub(super) fn clock_field<'t>(fields: &mut Fields<'t>) -> Option<At<'t>> {
    let what = "How sure of the time a machine has to be before it makes or judges a certificate: synchronised (the default) waits for \
                time synchronisation, plausible for a time after the CA's and the binary's birth";
    fields.get("clock", what)
}

/// Asks for `labels`, `taints` and `addressFrom`, which `nodeRegistration` and the pools of a cluster file have.
pub(super) fn pool<'t>(fields: &mut Fields<'t>) -> (Option<At<'t>>, Option<At<'t>>, Option<At<'t>>) {
    (
        fields.get("labels", "Labels of the node; only those that a kubelet may set itself"),
        fields.get("taints", "Taints of the node; without the list kubeadm's default, with [] none"),
        fields.get("addressFrom", "Networks that pick the node's address (default: the one on the default route)"),
    )
}

/// `kubernetesVersion`.
pub(super) fn version(at: &At<'_>) -> Option<KubernetesVersion> {
    let version = at.parse(&form::VERSION, KubernetesVersion::parse)?;
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
    let name = at.word(&form::CLUSTER_NAME)?;
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
