//! Whether a machine can become a node: every error and warning in its words, and all of them at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;

use documents::node;
use kubeboot::document::field::{Cidr, KubernetesVersion, NodeName};
use kubeboot::document::spec::{CniChoice, NodeSpec, Role};
use kubeboot::facts::{Facts, InterfaceAddress};
use kubeboot::failure::Failure;
use kubeboot::kubeadm::config::Identity;
use kubeboot::preflight::{Findings, check, fault, identity, ports};
use serde_json::json;

const WANTED: KubernetesVersion = KubernetesVersion { major: 1, minor: 37, patch: 2 };

fn address(interface: &str, address: &str) -> InterfaceAddress {
    InterfaceAddress { interface: interface.to_owned(), address: address.parse().unwrap(), prefix: 24 }
}

/// A machine that nothing is wrong with.
fn facts() -> Facts {
    Facts {
        hostname: "w-1".to_owned(),
        machine_id: "0123456789abcdef0123456789abcdef".to_owned(),
        addresses: vec![address("eth0", "10.0.0.21"), address("eth1", "192.168.7.21"), address("eth0", "fd00::21")],
        default_interface: Some("eth0".to_owned()),
        processors: 2,
        memory: 4 << 30,
        ..Facts::default()
    }
}

fn findings() -> Findings {
    Findings {
        etcd_state: false,
        kubeadm: Some(Ok(WANTED)),
        kubelet: Some(Ok(WANTED)),
        forwarding: true,
        overlay: true,
        bridge_netfilter: true,
        busy_ports: Vec::new(),
        kubelet_enabled: true,
    }
}

fn worker() -> NodeSpec {
    node("worker-token.yaml")
}

fn errors(spec: &NodeSpec, facts: &Facts, findings: &Findings) -> Vec<String> {
    let verdict = check(spec, facts, findings, true);
    assert_eq!(verdict.warnings, Vec::<String>::new());
    verdict.errors
}

fn warnings(spec: &NodeSpec, facts: &Facts, findings: &Findings) -> Vec<String> {
    let verdict = check(spec, facts, findings, true);
    assert_eq!(verdict.errors, Vec::<String>::new());
    verdict.warnings
}

#[test]
fn a_fit_machine_is_fit() {
    for name in ["worker-token", "control-plane-join", "control-plane-init"] {
        for fresh in [true, false] {
            assert_eq!(check(&node(&format!("{name}.yaml")), &facts(), &findings(), fresh), kubeboot::preflight::Verdict::default());
        }
    }
}

#[test]
fn errors_one_by_one() {
    let spec = worker();
    assert_eq!(errors(&spec, &Facts { uid: 1000, ..facts() }, &findings()), ["kubeboot runs as user 1000: run it as root"]);
    assert_eq!(
        errors(&spec, &Facts { machine_id: String::new(), ..facts() }, &findings()),
        ["/etc/machine-id is missing or empty: let systemd make one at boot (an empty file in the image)"]
    );
    assert_eq!(
        errors(&spec, &facts(), &Findings { kubelet_enabled: false, ..findings() }),
        ["kubelet.service is not enabled, so the node would not outlive a reboot: `systemctl enable kubelet` in the image"]
    );
    assert_eq!(
        errors(&spec, &facts(), &Findings { forwarding: false, ..findings() }),
        ["IP forwarding is off: `net.ipv4.ip_forward = 1` (IPv6: net.ipv6.conf.all.forwarding) in /etc/sysctl.d of the image"]
    );
    assert_eq!(
        errors(&spec, &facts(), &Findings { overlay: false, ..findings() }),
        ["the kernel does not know overlayfs: `overlay` in /etc/modules-load.d of the image"]
    );
}

#[test]
fn versions() {
    let spec = worker();
    let found = |minor, patch| Some(Ok(KubernetesVersion { major: 1, minor, patch }));
    assert_eq!(
        errors(&spec, &facts(), &Findings { kubeadm: found(36, 2), ..findings() }),
        ["kubeadm is v1.36.2, the document wants v1.37.2: use an image of that minor, or set kubernetesVersion"]
    );
    assert_eq!(
        errors(&spec, &facts(), &Findings { kubelet: found(38, 2), ..findings() }),
        ["kubelet is v1.38.2, the document wants v1.37.2: use an image of that minor, or set kubernetesVersion"]
    );
    assert_eq!(
        warnings(&spec, &facts(), &Findings { kubelet: found(37, 1), ..findings() }),
        ["kubelet is v1.37.1, the document wants v1.37.2: mixed patch releases bring mixed etcd versions"]
    );
    assert_eq!(
        errors(&spec, &facts(), &Findings { kubeadm: Some(Err("no such file".to_owned())), kubelet: None, ..findings() }),
        ["kubeadm does not answer: no such file", "kubelet was not asked"]
    );
}

#[test]
fn bridges_matter_to_flannel_for_sure() {
    let text = "bridged packets bypass iptables: `br_netfilter` in /etc/modules-load.d of the image, net.bridge.bridge-nf-call-iptables = 1 in its sysctl.d";
    let bypassed = Findings { bridge_netfilter: false, ..findings() };
    assert_eq!(errors(&worker(), &facts(), &bypassed), [text]);
    let mut other = worker();
    other.cni = CniChoice::Manifest("/cni.yaml".into());
    assert_eq!(warnings(&other, &facts(), &bypassed), [text]);
}

#[test]
fn etcd_state_of_an_earlier_life_stops_a_control_plane() {
    let old = Findings { etcd_state: true, ..findings() };
    let found = errors(&node("control-plane-join.yaml"), &facts(), &old);
    assert!(found.len() == 1 && found[0].starts_with("there is etcd state of an earlier life on this disk"), "{found:?}");
    assert_eq!(check(&node("control-plane-join.yaml"), &facts(), &old, false).errors, Vec::<String>::new(), "ours, of a run that goes on");
    assert_eq!(errors(&worker(), &facts(), &old), Vec::<String>::new());
}

#[test]
fn swap_is_an_error_where_the_kubelets_configuration_is_the_documents() {
    let swapping = Facts { swaps: vec!["/dev/zram0".to_owned(), "/swapfile".to_owned()], ..facts() };
    let text = "swap is on (/dev/zram0, /swapfile): the kubelet refuses to start unless its configuration says `failSwapOn: false`";
    // A joiner's kubelet takes its configuration from the cluster, which may allow it.
    assert_eq!(warnings(&worker(), &swapping, &findings()), [text]);
    let mut init = node("control-plane-init.yaml");
    assert_eq!(errors(&init, &swapping, &findings()), [text]);
    init.overrides.kubelet = Some(json!({"failSwapOn": true}));
    assert_eq!(errors(&init, &swapping, &findings()), [text]);
    init.overrides.kubelet = Some(json!({"failSwapOn": false}));
    assert_eq!(errors(&init, &swapping, &findings()), Vec::<String>::new());
}

#[test]
fn volatile_state_is_for_workers_only() {
    let volatile = Facts { volatile: vec!["/etc/kubernetes".to_owned(), "/var/lib/etcd".to_owned()], ..facts() };
    assert_eq!(errors(&worker(), &volatile, &findings()), Vec::<String>::new());
    assert_eq!(
        errors(&node("control-plane-join.yaml"), &volatile, &findings()),
        [
            "/etc/kubernetes, /var/lib/etcd would not outlive a power cycle, and a control plane's etcd member must: mount a persistent volume there"
        ]
    );
}

#[test]
fn ports_must_be_free_unless_they_may_be_ours() {
    let busy = Findings { busy_ports: vec![10250, 2379], ..findings() };
    assert_eq!(
        errors(&worker(), &facts(), &busy),
        ["something listens on port 10250, 2379 already: this image runs a service there, or this machine is a node already"]
    );
    assert_eq!(check(&worker(), &facts(), &busy, false).errors, Vec::<String>::new());
    assert_eq!(ports(Role::Worker), [10250]);
    assert_eq!(ports(Role::ControlPlane), [6443, 10250, 10257, 10259, 2379, 2380]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let broken =
        Facts { uid: 7, machine_id: String::new(), volatile: vec!["/var/lib/etcd".to_owned()], swaps: vec!["/s".to_owned()], ..facts() };
    let nothing = Findings { busy_ports: vec![6443], etcd_state: true, ..Findings::default() };
    let verdict = check(&node("control-plane-init.yaml"), &broken, &nothing, true);
    assert_eq!((verdict.errors.len(), verdict.warnings.len()), (12, 0), "{verdict:#?}");
    let whole = fault(&verdict.errors);
    assert_eq!((whole.failure(), whole.what()), (Failure::MachineUnfit, "this machine can't become a node: 12 things to mend"));
    assert_eq!(whole.why().unwrap().lines().collect::<Vec<_>>(), verdict.errors);
    assert_eq!(fault(&verdict.errors[..1]).what(), "this machine can't become a node: 1 thing to mend");
    assert_eq!((whole.at(), whole.advice()), ("step preflight", "mend the image or the document, then start the machine again"));
}

#[test]
fn names() {
    let mut spec = worker();
    let named = |spec: &NodeSpec, hostname: &str| identity(spec, &Facts { hostname: hostname.to_owned(), ..facts() });
    assert_eq!(named(&spec, "W-1").unwrap(), Identity { name: "w-1".to_owned(), address: "10.0.0.21".parse().unwrap() });
    for bad in ["", "localhost", "localhost.localdomain", "(none)", "LOCALHOST"] {
        assert_eq!(
            named(&spec, bad).unwrap_err(),
            [format!("the hostname is `{bad}`, which can't name a node: set the hostname, or nodeRegistration.name")]
        );
    }
    let problems = named(&spec, "w_1").unwrap_err();
    assert!(
        problems.len() == 1 && problems[0].ends_with(" (from the hostname): set the hostname, or nodeRegistration.name"),
        "{problems:?}"
    );
    spec.registration.name = Some(NodeName::parse("rack-7").unwrap());
    assert_eq!(named(&spec, "localhost").unwrap().name, "rack-7");
}

#[test]
fn addresses() {
    let mut spec = worker();
    let of = |spec: &NodeSpec, facts: &Facts| identity(spec, facts).map(|identity| identity.address.to_string());
    assert_eq!(of(&spec, &facts()).unwrap(), "10.0.0.21");
    // The CNI's own interfaces are there on a resumed run.
    let resumed = Facts { addresses: vec![address("eth0", "10.244.1.1"), address("eth0", "10.0.0.21")], ..facts() };
    assert_eq!(of(&spec, &resumed).unwrap(), "10.0.0.21");
    assert_eq!(
        of(&spec, &Facts { default_interface: None, ..facts() }).unwrap_err(),
        [
            "there is no default route whose interface has an address (10.0.0.21 on eth0, 192.168.7.21 on eth1, fd00::21 on eth0): set nodeRegistration.addressFrom"
        ]
    );
    spec.registration.address_from = vec![Cidr::parse("172.16.0.0/12").unwrap(), Cidr::parse("192.168.0.0/16").unwrap()];
    assert_eq!(of(&spec, &facts()).unwrap(), "192.168.7.21");
    spec.registration.address_from.pop();
    assert_eq!(
        of(&spec, &facts()).unwrap_err(),
        [
            "no address of this machine (10.0.0.21 on eth0, 192.168.7.21 on eth1, fd00::21 on eth0) is in nodeRegistration.addressFrom (172.16.0.0/12)"
        ]
    );
    // The family is that of the service subnet.
    spec.registration.address_from.clear();
    spec.networking.service_subnets = vec![Cidr::parse("fd00:10:96::/112").unwrap()];
    assert_eq!(of(&spec, &facts()).unwrap(), "fd00::21");
    // Both problems at once.
    let nothing = Facts { hostname: "localhost".to_owned(), addresses: Vec::new(), ..facts() };
    assert_eq!(of(&spec, &nothing).unwrap_err().len(), 2);
}
