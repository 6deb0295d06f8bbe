//! Whole outputs for people and for tools, and each rule by itself, with an input beside it that does not break it.

use kubeboot::check::{Rule, Severity, text, validate};
use kubeboot::document::field::KubernetesVersion;
use kubeboot::moment::UnixTime;

use super::support::golden;
use super::{NOW, broken, fixture, input, judged};

/// Documents of the document tests whose whole output is kept.
const SHOWN: [&str; 45] = [
    "accept/cluster-claim.yaml",
    "accept/cluster-whole.yaml",
    "accept/cluster.yaml",
    "accept/control-plane-claim.yaml",
    "accept/control-plane-init.yaml",
    "accept/control-plane-inline.json",
    "accept/control-plane-join.yaml",
    "accept/control-plane-references.yaml",
    "accept/crlf.yaml",
    "accept/ipv6.yaml",
    "accept/worker-certificate.yaml",
    "accept/worker-compact.json",
    "accept/worker-references.yaml",
    "accept/worker-tabs.json",
    "accept/worker-token.yaml",
    "reject/ambiguous-text.yaml",
    "reject/anchors.yaml",
    "reject/bundle-names.yaml",
    "reject/bundle-values.yaml",
    "reject/ca-holds-a-key.yaml",
    "reject/cloud-config.yaml",
    "reject/cluster-pasted-token.yaml",
    "reject/comment-only.yaml",
    "reject/control-character.yaml",
    "reject/duplicate-and-unknown.yaml",
    "reject/empty.yaml",
    "reject/everything-at-once.yaml",
    "reject/gzip.yaml",
    "reject/in-json.json",
    "reject/initialize-claim-word.yaml",
    "reject/kind-misspelt.yaml",
    "reject/kubeadm-contradicts.yaml",
    "reject/kubeadm-owned-init.yaml",
    "reject/labels-kubelet-may-not-set.yaml",
    "reject/not-utf8.yaml",
    "reject/peers.yaml",
    "reject/secret-url-forms.yaml",
    "reject/secret-values.yaml",
    "reject/subnets-overlap.yaml",
    "reject/syntax.yaml",
    "reject/tab-indentation.yaml",
    "reject/taints.yaml",
    "reject/two-nodes.yaml",
    "reject/unknown-fields.yaml",
    "reject/worker-with-keys.yaml",
];

#[test]
fn people_are_told_so() {
    let said: Vec<String> =
        SHOWN.iter().map(|name| format!("##### {name}\n{}", text::human(&judged(name, &fixture(name)), false))).collect();
    golden("check/people.txt", &said.join("\n"));
}

#[test]
fn tools_are_told_so() {
    let said: Vec<String> = SHOWN.iter().map(|name| text::machine(&judged(name, &fixture(name)))).collect();
    golden("check/tools.json", &said.concat());
}

#[test]
fn colours_change_nothing_but_colours() {
    let checked = judged("unknown-fields.yaml", &fixture("reject/unknown-fields.yaml"));
    let (mut plain, coloured) = (String::new(), text::human(&checked, true));
    let mut parts = coloured.split('\u{1b}');
    plain.push_str(parts.next().unwrap());
    for part in parts {
        plain.push_str(part.split_once('m').unwrap().1);
    }
    assert!(coloured.contains("\u{1b}[1;31merror"));
    assert_eq!(plain, text::human(&checked, false));
}

const NODE: &str = "accept/worker-token.yaml";

/// The fixture of a worker with one text in it replaced.
fn worker(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(fixture(NODE)).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_good_document_breaks_no_rule() {
    assert_eq!(broken(&judged("worker.yaml", &fixture(NODE))), []);
}

#[test]
fn an_endpoint_is_better_a_name() {
    let bytes = worker("api.prod.example.com:6443", "192.0.2.10:6443");
    assert_eq!(broken(&judged("worker.yaml", &bytes)), [Rule::EndpointAddress]);
}

#[test]
fn machines_are_not_in_the_cluster_s_own_networks() {
    let bytes = worker("api.prod.example.com:6443", "10.96.0.10:6443");
    assert_eq!(broken(&judged("worker.yaml", &bytes)), [Rule::EndpointAddress, Rule::NodeInNetwork]);
    let cluster = |from: &str| {
        format!(
            "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: v1.37.2\ncontrolPlaneEndpoint: api.example.com:6443\n\
             networking: {{podSubnet: 10.244.0.0/16}}\ncni: {{name: flannel}}\nworkers: {{general: {{addressFrom: [{from}]}}}}\n"
        )
    };
    assert_eq!(broken(&judged("cluster.yaml", cluster("10.0.0.0/8").as_bytes())), [Rule::NetworkOverlap, Rule::NetworkOverlap]);
    assert_eq!(broken(&judged("cluster.yaml", cluster("192.168.0.0/16").as_bytes())), []);
}

#[test]
fn a_window_is_open_ends_soon_or_is_past() {
    let bytes = fixture("accept/control-plane-init.yaml");
    let at = |now| {
        let found = kubeboot::check::check(&[input("init.yaml", &bytes)], &[], now);
        broken(&found).into_iter().filter(|rule| *rule != Rule::BundleKey).collect::<Vec<_>>()
    };
    let end = UnixTime::parse("2026-11-24T10:00:00Z").unwrap();
    assert_eq!(at(end.plus(-3601)), []);
    assert_eq!(at(end.plus(-3600)), [Rule::ExpiresSoon]);
    assert_eq!(at(end.plus(-1)), [Rule::ExpiresSoon]);
    assert_eq!(at(end), [Rule::WindowPast]);
    assert_eq!(NOW, end.plus(-1800));
}

#[test]
fn an_even_number_of_control_planes_is_worth_a_word() {
    let cluster = |count: u8| {
        let text = String::from_utf8(fixture("accept/cluster.yaml")).unwrap();
        assert!(text.contains("\ncontrolPlane: {"), "{text}");
        broken(&judged("cluster.yaml", text.replace("controlPlane: {", &format!("controlPlane: {{count: {count}, ")).as_bytes()))
    };
    for count in [1, 3, 5] {
        assert_eq!(cluster(count), []);
    }
    for count in [2, 4] {
        assert_eq!(cluster(count), [Rule::EvenControlPlanes]);
    }
}

#[test]
fn a_document_has_to_fit_its_platform() {
    let padded = |bytes: usize| {
        let mut text = fixture(NODE);
        while text.len() + 2 < bytes {
            let length = (bytes - text.len() - 2).min(100);
            text.extend_from_slice(format!("#{}\n", "x".repeat(length)).as_bytes());
        }
        judged("worker.yaml", &text)
    };
    assert_eq!(broken(&padded(16_000)), []);
    let checked = padded(20_000);
    assert_eq!(broken(&checked), [Rule::Size]);
    assert!(checked.diagnostics[0].problem.contains("EC2 (16384)"), "{checked:?}");
    assert!(!checked.diagnostics[0].problem.contains("Hetzner"), "{checked:?}");
}

/// A cluster file with a kubeadm document of this version.
fn with_kubeadm(version: &str, document: &str) -> Vec<Rule> {
    let text = format!(
        "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: {version}\ncontrolPlaneEndpoint: api.example.com:6443\n\
         networking: {{podSubnet: 10.244.0.0/16}}\ncni: {{name: flannel}}\n---\napiVersion: kubeadm.k8s.io/v1beta4\n{document}\n"
    );
    broken(&judged("cluster.yaml", text.as_bytes()))
}

#[test]
fn kubeadm_s_strict_decoding_is_foreseen() {
    for wrong in [
        "kind: ClusterConfiguration\napiSever: {}",
        "kind: ClusterConfiguration\napiServer: {certSans: []}",
        "kind: ClusterConfiguration\netcd: {local: {dataDirectory: /x}}",
        "kind: InitConfiguration\npatch: {}",
        "kind: JoinConfiguration\ntimeouts: {tlsbootstrap: 5m0s}",
        "kind: JoinConfiguration\nnodeRegistration: {kubeletArgs: []}",
        "kind: InitConfiguration\nnodeRegistration: {kubeletExtraArgs: [{name: v, value: \"2\"}, {nam: v, value: \"2\"}]}",
        "kind: ClusterConfiguration\napiServer: {extraVolumes: [{name: a, hostPath: /a, mountPath: /a, readonly: true}]}",
        "kind: ClusterConfiguration\netcd: {local: {extraEnvs: [{name: A, valeu: b}]}}",
    ] {
        assert_eq!(with_kubeadm("v1.37.2", wrong), [Rule::KubeadmField], "{wrong}");
    }
    for right in [
        "kind: ClusterConfiguration\napiServer: {certSANs: [a.example.com], extraArgs: [], extraEnvs: [], extraVolumes: []}",
        "kind: ClusterConfiguration\ndns: {disabled: true}\nproxy: {disabled: true}\nimageRepository: registry.example.com",
        "kind: InitConfiguration\npatches: {directory: /etc/patches}",
        "kind: ClusterConfiguration\nscheduler: {extraVolumes: [{name: a, hostPath: /a, mountPath: /a, readOnly: true, pathType: File}]}",
        "kind: ClusterConfiguration\ncontrollerManager: {extraEnvs: [{name: A, value: b}], extraArgs: [{name: v, value: \"2\"}]}",
        "kind: JoinConfiguration\nnodeRegistration: {imagePullSerial: false, ignorePreflightErrors: [NumCPU]}",
    ] {
        assert_eq!(with_kubeadm("v1.37.2", right), [], "{right}");
    }
}

#[test]
fn a_gate_is_gone_from_a_version_on() {
    for (gate, last, first_without) in [
        ("EtcdLearnerMode", "v1.32.9", "v1.33.0"),
        ("WaitForAllControlPlaneComponents", "v1.34.4", "v1.35.0"),
        ("ControlPlaneKubeletLocalMode", "v1.35.4", "v1.36.0"),
        ("NodeLocalCRISocket", "v1.36.3", "v1.37.0"),
        ("PublicKeysECDSA", "v1.36.3", "v1.37.0"),
    ] {
        let document = format!("kind: ClusterConfiguration\nfeatureGates: {{{gate}: true}}");
        assert!(!with_kubeadm(last, &document).contains(&Rule::FeatureGate), "{gate} {last}");
        assert!(with_kubeadm(first_without, &document).contains(&Rule::FeatureGate), "{gate} {first_without}");
    }
    assert_eq!(with_kubeadm("v1.37.2", "kind: ClusterConfiguration\nfeatureGates: {RootlessControlPlane: true}"), []);
}

#[test]
fn kubeadm_s_answer_is_shown_without_values() {
    for (answer, shown) in [
        (
            "error: strict decoding error: unknown field \"apiSever\"\nTo see the stack trace",
            "strict decoding error: unknown field `apiSever`",
        ),
        ("error: x: Invalid value: \"hunter2\": must be y", "x: Invalid value: …: must be y"),
        ("x: Invalid value: 7: must be y", "x: Invalid value: …: must be y"),
        ("unknown field \"abcdef.0123456789abcdef\"", "unknown field …"),
        ("unknown field \"apiServer.extraArgs[0].nam\", x", "unknown field `apiServer.extraArgs[0].nam`, x"),
        ("unknown field \"apiServer[hunter2].nam\"", "unknown field …"),
    ] {
        assert_eq!(validate::shown(answer), shown);
    }
    let version = KubernetesVersion { major: 1, minor: 37, patch: 2 };
    assert_eq!(validate::refused("a.yaml", None, version, "x").rule.severity(), Severity::Error);
    assert_eq!(validate::absent().rule.severity(), Severity::Note);
}

#[test]
fn names_of_rules_are_their_own() {
    let mut names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
