//! Whether this machine can be what the document says: facts in, everything that is wrong out, all at once.
//!
//! kubeadm's own preflight comes later and checks more; what stands here fails earlier and says what to do.

use std::net::IpAddr;

use crate::document::field::{KubernetesVersion, NodeName};
use crate::document::spec::{CniChoice, NodeSpec, Role};
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::kubeadm::config::Identity;

/// What was found by asking the machine, beside its [`Facts`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Version that kubeadm reports, or why it doesn't.
    pub kubeadm: Option<Result<KubernetesVersion, String>>,
    /// Version that kubelet reports, or why it doesn't.
    pub kubelet: Option<Result<KubernetesVersion, String>>,
    /// /proc/sys/net/ipv4/ip_forward (or the IPv6 twin, by the node's family) is 1.
    pub forwarding: bool,
    /// The kernel knows overlayfs (/proc/filesystems).
    pub overlay: bool,
    /// /proc/sys/net/bridge/bridge-nf-call-iptables (IPv6: …-ip6tables) is 1: br_netfilter is loaded, and bridged packets are filtered.
    pub bridge_netfilter: bool,
    /// There is etcd data, or etcd's static pod, on this disk.
    pub etcd_state: bool,
    /// Ports that something listens on already.
    pub busy_ports: Vec<u16>,
    /// The kubelet's unit is enabled, so that a reboot brings the node back.
    pub kubelet_enabled: bool,
}

/// Ports a role needs (kubeadm.md §5.1).
#[must_use]
pub const fn ports(role: Role) -> &'static [u16] {
    match role {
        Role::ControlPlane => &[6443, 10250, 10257, 10259, 2379, 2380],
        Role::Worker => &[10250],
    }
}

/// What the node is called and which address it uses.
///
/// # Errors
/// Every sentence that says why not.
pub fn identity(spec: &NodeSpec, facts: &Facts) -> Result<Identity, Vec<String>> {
    let mut problems = Vec::new();
    let name = match &spec.registration.name {
        Some(name) => name.as_str().to_owned(),
        None => {
            let name = facts.hostname.to_ascii_lowercase();
            if name.is_empty() || name == "localhost" || name.starts_with("localhost.") || name == "(none)" {
                problems.push(format!(
                    "the hostname is `{}`, which can't name a node: set the hostname, or nodeRegistration.name",
                    facts.hostname
                ));
            } else if let Err(problem) = NodeName::parse(&name) {
                problems.push(format!("{problem} (from the hostname): set the hostname, or nodeRegistration.name"));
            }
            name
        }
    };
    let all = || facts.addresses.iter().map(|entry| format!("{} on {}", entry.address, entry.interface)).collect::<Vec<_>>().join(", ");
    let wanted = &spec.registration.address_from;
    let family =
        |address: &IpAddr| spec.networking.service_subnets.first().is_none_or(|subnet| subnet.address().is_ipv4() == address.is_ipv4());
    // On a resumed run the CNI's own interfaces are there too; their addresses are pods', not the node's.
    let pods = |address: &IpAddr| spec.networking.pod_subnets.iter().any(|subnet| subnet.contains(*address));
    let mut fitting = facts.addresses.iter().filter(|entry| !pods(&entry.address)).filter(|entry| family(&entry.address)).filter(|entry| {
        if wanted.is_empty() {
            facts.default_interface.as_ref() == Some(&entry.interface)
        } else {
            wanted.iter().any(|network| network.contains(entry.address))
        }
    });
    match fitting.next() {
        Some(entry) if problems.is_empty() => Ok(Identity { name, address: entry.address }),
        Some(_) => Err(problems),
        None if wanted.is_empty() => {
            problems
                .push(format!("there is no default route whose interface has an address ({}): set nodeRegistration.addressFrom", all()));
            Err(problems)
        }
        None => {
            let networks = wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            problems.push(format!("no address of this machine ({}) is in nodeRegistration.addressFrom ({networks})", all()));
            Err(problems)
        }
    }
}

/// Everything wrong with the machine, and everything worth a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Each ends the run.
    pub errors: Vec<String>,
    /// Each is told.
    pub warnings: Vec<String>,
}

fn version(program: &str, found: Option<&Result<KubernetesVersion, String>>, wanted: KubernetesVersion, verdict: &mut Verdict) {
    match found {
        Some(Ok(found)) if (found.major, found.minor) != (wanted.major, wanted.minor) => {
            verdict
                .errors
                .push(format!("{program} is {found}, the document wants {wanted}: use an image of that minor, or set kubernetesVersion"));
        }
        Some(Ok(found)) if *found != wanted => {
            verdict
                .warnings
                .push(format!("{program} is {found}, the document wants {wanted}: mixed patch releases bring mixed etcd versions"));
        }
        Some(Ok(_)) => {}
        Some(Err(reason)) => verdict.errors.push(format!("{program} does not answer: {reason}")),
        None => verdict.errors.push(format!("{program} was not asked")),
    }
}

/// Checks. `fresh`: nothing of ours was begun on this disk, so that its ports must be free.
#[must_use]
pub fn check(spec: &NodeSpec, facts: &Facts, findings: &Findings, fresh: bool) -> Verdict {
    let mut verdict = Verdict::default();
    if facts.uid != 0 {
        verdict.errors.push(format!("kubeboot runs as user {}: run it as root", facts.uid));
    }
    if facts.machine_id.is_empty() {
        verdict.errors.push("/etc/machine-id is missing or empty: let systemd make one at boot (an empty file in the image)".to_owned());
    }
    version("kubeadm", findings.kubeadm.as_ref(), spec.kubernetes_version, &mut verdict);
    version("kubelet", findings.kubelet.as_ref(), spec.kubernetes_version, &mut verdict);
    if !findings.kubelet_enabled {
        verdict.errors.push(
            "kubelet.service is not enabled, so the node would not outlive a reboot: `systemctl enable kubelet` in the image".to_owned(),
        );
    }
    if !findings.forwarding {
        verdict.errors.push(
            "IP forwarding is off: `net.ipv4.ip_forward = 1` (IPv6: net.ipv6.conf.all.forwarding) in /etc/sysctl.d of the image".to_owned(),
        );
    }
    if !findings.overlay {
        verdict.errors.push("the kernel does not know overlayfs: `overlay` in /etc/modules-load.d of the image".to_owned());
    }
    if !findings.bridge_netfilter {
        let text = "bridged packets bypass iptables: `br_netfilter` in /etc/modules-load.d of the image, net.bridge.bridge-nf-call-iptables = 1 in its sysctl.d".to_owned();
        // flannel's pods hang on a bridge; what another CNI needs, its manifest doesn't say.
        if spec.cni == CniChoice::Flannel { verdict.errors.push(text) } else { verdict.warnings.push(text) }
    }
    if fresh && spec.role == Role::ControlPlane && findings.etcd_state {
        verdict.errors.push(
            "there is etcd state of an earlier life on this disk (/var/lib/etcd/member or /etc/kubernetes/manifests/etcd.yaml): if it is this cluster's, leave it and disable kubeboot.service; if it is rubbish, empty /var/lib/etcd and /etc/kubernetes/manifests"
                .to_owned(),
        );
    }
    let swap_allowed =
        spec.overrides.kubelet.as_ref().and_then(|kubelet| kubelet.get("failSwapOn")).and_then(serde_json::Value::as_bool) == Some(false);
    if !facts.swaps.is_empty() && !swap_allowed {
        let text = format!(
            "swap is on ({}): the kubelet refuses to start unless its configuration says `failSwapOn: false`",
            facts.swaps.join(", ")
        );
        if spec.initialize.is_some() { verdict.errors.push(text) } else { verdict.warnings.push(text) }
    }
    if spec.role == Role::ControlPlane && !facts.volatile.is_empty() {
        verdict.errors.push(format!(
            "{} would not outlive a power cycle, and a control plane's etcd member must: mount a persistent volume there",
            facts.volatile.join(", ")
        ));
    }
    if fresh && !findings.busy_ports.is_empty() {
        let ports = findings.busy_ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        verdict
            .errors
            .push(format!("something listens on port {ports} already: this image runs a service there, or this machine is a node already"));
    }
    verdict
}

/// The errors as one fault that lists them all.
#[must_use]
pub fn fault(errors: &[String]) -> Fault {
    let many = if errors.len() == 1 { "1 thing".to_owned() } else { format!("{} things", errors.len()) };
    Fault::new(
        Failure::MachineUnfit,
        format!("this machine can't become a node: {many} to mend"),
        "step preflight",
        "mend the image or the document, then start the machine again",
    )
    .because(errors.join("\n"))
}
