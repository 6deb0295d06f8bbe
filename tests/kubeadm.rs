//! kubeadm's configuration as golden files, its command lines, and its answers as v1.37.2 really gives them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[path = "support/golden.rs"]
mod golden;

use std::path::Path;
use std::time::Duration;

use documents::node;
use golden::golden;
use kubeboot::document::field::KubernetesVersion;
use kubeboot::document::spec::NodeSpec;
use kubeboot::kubeadm::command::{self, read_version};
use kubeboot::kubeadm::config::{Identity, Secrets, Spelt, init, join, render};
use kubeboot::plan::Course;
use serde_json::Value;

const KEY: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";
const TOKEN: &str = "k1tch3.1234567890abcdef";

fn spelt(name: &str, address: &str) -> Spelt {
    Spelt::from(&Identity { name: name.to_owned(), address: address.parse().unwrap() })
}

fn captured(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm/v1.37.2").join(name)).unwrap()
}

const NO_SECRETS: Secrets<'static> = Secrets { certificate_key: None, bootstrap_token: None };

#[test]
fn golden_init_configurations() {
    let spec = node("control-plane-init.yaml");
    let secret = Secrets { certificate_key: Some(KEY), bootstrap_token: None };
    golden("kubeadm/init-secret-certificate.txt", &render(&init(&spec, &spelt("cp-1", "10.0.0.11"), secret)));
    let token = Secrets { certificate_key: None, bootstrap_token: Some((TOKEN, Duration::from_secs(86_399))) };
    let inline = node("control-plane-inline.yaml");
    golden("kubeadm/init-inline-token.txt", &render(&init(&inline, &spelt("cp-1", "10.0.0.11"), token)));
}

#[test]
fn golden_join_configurations() {
    golden("kubeadm/join-control-plane.txt", &render(&join(&node("control-plane-join.yaml"), &spelt("cp-2", "10.0.0.12"))));
    golden("kubeadm/join-worker-taints.txt", &render(&join(&node("worker-references.yaml"), &spelt("w-1", "10.0.0.21"))));
    golden("kubeadm/join-worker-ipv6.txt", &render(&join(&node("ipv6.yaml"), &spelt("w-2", "fd00::22"))));
    golden("kubeadm/join-worker-overrides.txt", &render(&join(&node("other-documents-first.yaml"), &spelt("w-3", "10.0.0.23"))));
}

fn documents_of(spec: &NodeSpec, secrets: Secrets<'_>) -> (Value, Value) {
    let all = init(spec, &spelt("cp-1", "10.0.0.11"), secrets);
    (all[0].clone(), all[1].clone())
}

#[test]
fn the_one_token_of_init_opens_nothing_unless_the_document_has_one() {
    let spec = node("control-plane-inline.yaml");
    let (unused, _) = documents_of(&spec, NO_SECRETS);
    let tokens = unused["bootstrapTokens"].as_array().unwrap();
    // An empty list would make kubeadm add a token of 24 hours with all rights.
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].get("token"), None);
    assert_eq!(tokens[0]["groups"], serde_json::json!(["system:bootstrappers:kubeboot:none"]));
    assert_eq!(tokens[0]["usages"], serde_json::json!(["authentication"]));
    assert_eq!(unused.get("certificateKey"), None);
    let (told, _) = documents_of(&spec, Secrets { bootstrap_token: Some((TOKEN, Duration::from_secs(60))), certificate_key: Some(KEY) });
    assert_eq!(told["bootstrapTokens"][0]["token"], TOKEN);
    assert_eq!(told["bootstrapTokens"][0]["ttl"], "60s");
    assert_eq!(told["bootstrapTokens"][0]["usages"], serde_json::json!(["authentication"]), "no signing: cluster-info stays unsigned");
    assert_eq!(told["certificateKey"], KEY);
}

#[test]
fn kubeadms_own_documents_are_merged_over_ours() {
    let (init, cluster) = documents_of(&node("control-plane-init.yaml"), NO_SECRETS);
    assert_eq!(init["nodeRegistration"]["ignorePreflightErrors"], serde_json::json!(["SystemVerification"]));
    assert_eq!(init["nodeRegistration"]["name"], "cp-1");
    assert_eq!(cluster["apiServer"]["certSANs"], serde_json::json!(["api.example.com"]));
    assert_eq!(cluster["encryptionAlgorithm"], "ECDSA-P256");
    let joined = &join(&node("control-plane-join.yaml"), &spelt("cp-2", "10.0.0.12"))[0];
    let arguments = joined["nodeRegistration"]["kubeletExtraArgs"].as_array().unwrap();
    for name in ["node-ip", "v"] {
        assert!(arguments.iter().any(|argument| argument["name"] == name), "{name} is gone: {arguments:?}");
    }
    assert_eq!(joined["controlPlane"]["localAPIEndpoint"]["advertiseAddress"], "10.0.0.12");
    assert_eq!(joined["controlPlane"].get("certificateKey"), None, "the PKI is on disk before kubeadm starts");
}

#[test]
fn rendered_documents_read_back_as_they_were() {
    let documents = init(&node("control-plane-init.yaml"), &spelt("cp-1", "10.0.0.11"), NO_SECRETS);
    let text = render(&documents);
    let back: Vec<Value> = text.split("---\n").skip(1).map(|part| serde_json::from_str(part).unwrap()).collect();
    assert_eq!(back, documents);
    assert_eq!(back.len(), 4, "init, cluster, kubelet, kube-proxy");
}

#[test]
fn golden_command_lines() {
    let limit = Duration::from_secs(900);
    let all = [
        command::kubeadm_version(),
        command::kubelet_version(),
        command::kubelet_journal(),
        command::validate("/run/kubeboot/kubeadm/init.json"),
        command::preflight(Course::Initialise, false, limit),
        command::preflight(Course::Join, false, limit),
        command::preflight(Course::Join, true, limit),
        command::init(true, limit),
        command::init(false, limit),
        command::join(limit),
    ];
    let text: String = all.iter().map(|command| format!("{} s: {}\n", command.limit.as_secs(), command.line())).collect();
    golden("kubeadm/commands.txt", &text);
}

#[test]
fn versions_as_programs_print_them() {
    let version = |minor, patch| Some(KubernetesVersion { major: 1, minor, patch });
    assert_eq!(read_version(&captured("version.stdout.txt")), version(37, 2));
    assert_eq!(read_version(&captured("kubelet-version.stdout.txt")), version(37, 2));
    for (text, expected) in [
        ("v1.37.2+vendor.1\n", version(37, 2)),
        ("Kubernetes v1.36.10-gke.100", version(36, 10)),
        ("v1.37.0-rc.1", version(37, 0)),
        ("", None),
        ("\n", None),
        ("Kubernetes", None),
        ("1.37.2", None),
        ("v1.37", None),
        ("v1.37.2.1", None),
    ] {
        assert_eq!(read_version(text), expected, "`{text}`");
    }
}
