//! What kubeadm and the programs that it starts say when they fail, as they really said it (tests/fixtures), and what it is
//! called. The goldens hold name, causes and advice of every one of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use golden::golden;
use kubeboot::failure::Failure;
use kubeboot::kubeadm::censor::without_secrets;
use kubeboot::kubeadm::diagnosis::{Diagnosis, Program, diagnose};
use kubeboot::kubeadm::symptom::{APISERVER_LOG, ETCD_LOG, KUBEADM as KUBEADM_WORDS, KUBELET_JOURNAL};
use kubeboot::kubeadm::testimony::{Testimony, container_lines, newest, readable};
use kubeboot::moment::UnixTime;

/// The versions of kubeadm whose outputs are kept.
const VERSIONS: [&str; 4] = ["v1.34.4", "v1.35.4", "v1.36.3", "v1.37.2"];

/// By the name of the output, the same with every version that has one.
const KUBEADM: &[(&str, Failure)] = &[
    ("config-validate-argument-map", Failure::ConfigRefused),
    ("config-validate-bad-value", Failure::ConfigRefused),
    ("config-validate-certificate-key", Failure::ConfigRefused),
    ("config-validate-feature-gate", Failure::ConfigRefused),
    ("config-validate-loopback", Failure::ConfigRefused),
    ("config-validate-old-api", Failure::ConfigRefused),
    ("config-validate-unknown-field", Failure::ConfigRefused),
    ("config-validate-version-too-old", Failure::ConfigRefused),
    ("init-addon-endpoint-gone", Failure::NoAnswer),
    ("init-api-dead-kubelet-alive", Failure::ApiserverUnhealthy),
    ("init-bootstrap-token-endpoint-gone", Failure::NoAnswer),
    ("init-ca-certificate-missing", Failure::PkiTorn),
    ("init-ca-certificate-torn", Failure::PkiTorn),
    ("init-ca-key-ed25519", Failure::PkiUnusable),
    ("init-ca-key-missing", Failure::PkiTorn),
    ("init-ca-key-of-another", Failure::PkiForeign),
    ("init-ca-key-torn", Failure::PkiTorn),
    ("init-disk-full", Failure::DiskFull),
    ("init-disk-read-only", Failure::DiskReadOnly),
    ("init-external-ca-incomplete", Failure::PkiTorn),
    ("init-kubeconfig-empty", Failure::PkiTorn),
    ("init-kubeconfig-of-another-ca", Failure::PkiForeign),
    ("init-kubeconfig-torn", Failure::PkiTorn),
    ("init-kubelet-dead", Failure::ApiserverUnhealthy),
    ("init-kubelet-dead-api-alive", Failure::KubeletUnhealthy),
    ("init-leaf-certificate-missing", Failure::PkiTorn),
    ("init-leaf-of-another-ca", Failure::PkiForeign),
    ("init-leaf-torn", Failure::PkiTorn),
    ("init-mark-control-plane-endpoint-gone", Failure::NoAnswer),
    ("init-node-missing", Failure::NodeUnregistered),
    ("init-preflight", Failure::KubeadmRefuses),
    ("init-preflight-image-pull", Failure::ImagePull),
    ("init-preflight-kubelet-newer", Failure::KubeadmRefuses),
    ("init-preflight-leftovers", Failure::KubeadmRefuses),
    ("init-preflight-machine", Failure::KubeadmRefuses),
    ("init-preflight-ports", Failure::PortTaken),
    ("init-sa-key-torn", Failure::PkiTorn),
    ("init-scheduler-dead", Failure::ControlPlaneUnhealthy),
    ("init-skip-phase-unknown", Failure::ConfigRefused),
    ("init-upload-certs-endpoint-gone", Failure::NoAnswer),
    ("init-upload-config-endpoint-gone", Failure::NoAnswer),
    ("join-ca-torn", Failure::PkiTorn),
    ("join-certificate-key-wrong", Failure::CertificateKeyWrong),
    ("join-cluster-info-missing", Failure::InitUnfinished),
    ("join-cluster-info-signature-wrong", Failure::CredentialRefused),
    ("join-cluster-info-unsigned", Failure::ClusterInfoUnsigned),
    ("join-credential-refused", Failure::CredentialRefused),
    ("join-discovery-other-ca", Failure::ForeignCa),
    ("join-endpoint-closed", Failure::ConnectionClosed),
    ("join-endpoint-expired", Failure::CertificateInvalid),
    ("join-endpoint-foreign-ca", Failure::ForeignCa),
    ("join-endpoint-no-name", Failure::NameUnresolved),
    ("join-endpoint-no-route", Failure::NoRoute),
    ("join-endpoint-not-yet-valid", Failure::ClockUntrusted),
    ("join-endpoint-other-name", Failure::CertificateInvalid),
    ("join-endpoint-plain-http", Failure::NotTls),
    ("join-endpoint-refused", Failure::ConnectionRefused),
    ("join-endpoint-silent", Failure::NoAnswer),
    ("join-etcd-ca-key-torn", Failure::PkiTorn),
    ("join-etcd-dead-voter", Failure::EtcdUnfit),
    ("join-etcd-member-not-started", Failure::EtcdUnhealthy),
    ("join-etcd-other-learner", Failure::EtcdUnfit),
    ("join-etcd-pods-missing", Failure::EtcdUnfit),
    ("join-kubeadm-config-forbidden", Failure::InitUnfinished),
    ("join-kubeadm-config-missing", Failure::InitUnfinished),
    ("join-kubeconfig-empty", Failure::PkiTorn),
    ("join-kubelet-config-missing", Failure::InitUnfinished),
    ("join-leaf-certificate-missing", Failure::PkiTorn),
    ("join-leaf-key-missing", Failure::PkiTorn),
    ("join-leaf-of-another-node", Failure::PkiForeign),
    ("join-name-taken", Failure::NodeStands),
    ("join-pin-foreign", Failure::CaMismatch),
    ("join-pki-missing", Failure::ForeignCa),
    ("join-preflight", Failure::KubeadmRefuses),
    ("join-preflight-endpoint-refused", Failure::ConnectionRefused),
    ("join-preflight-leftovers", Failure::KubeadmRefuses),
    ("join-preflight-no-stable-endpoint", Failure::KubeadmRefuses),
    ("join-preflight-pki-missing", Failure::PkiTorn),
    ("join-sa-key-torn", Failure::PkiTorn),
    ("join-secret-damaged", Failure::SecretGone),
    ("join-secret-gone", Failure::SecretGone),
    ("join-secret-incomplete", Failure::SecretGone),
    ("join-worker-kubelet-dead", Failure::KubeletUnhealthy),
    ("join-worker-tls-bootstrap", Failure::TlsBootstrap),
    ("preflight-not-root", Failure::KubeadmRefuses),
];

/// Outputs of one version whose name is another: what was wrong is the same, what kubeadm says is not.
const EXCEPTIONS: &[(&str, &str, Failure)] = &[
    // These look at the kubelet first; from 1.36.1 on the API server is asked first, whatever does not run.
    // A majority is enough for these, and this machine's own old voter is taken for the new one: it is the kubelet that is missed.
    ("v1.36.3", "join-etcd-dead-voter", Failure::KubeletUnhealthy),
    ("v1.37.2", "join-etcd-dead-voter", Failure::KubeletUnhealthy),
    // It knows no cgroup v1 that is too old, and reports the runtime alone.
    ("v1.34.4", "init-preflight", Failure::RuntimeDown),
    ("v1.34.4", "init-kubelet-dead", Failure::KubeletUnhealthy),
    ("v1.35.4", "init-kubelet-dead", Failure::KubeletUnhealthy),
];

/// Logs of programs that kubeadm starts: who, which folder, file, and what it is called.
const LOGS: &[(Program, &str, &str, Failure)] = &[
    (Program::Etcd, "etcd/v3.7.0/log", "certificate-torn", Failure::PkiTorn),
    (Program::Etcd, "etcd/v3.7.0/log", "cluster-of-another", Failure::EtcdMemberMismatch),
    (Program::Etcd, "etcd/v3.7.0/log", "key-missing", Failure::PkiTorn),
    (Program::Etcd, "etcd/v3.7.0/log", "member-removed", Failure::EtcdMemberMismatch),
    (Program::Etcd, "etcd/v3.7.0/log", "no-quorum", Failure::EtcdUnhealthy),
    (Program::Etcd, "etcd/v3.7.0/log", "no-space", Failure::DiskFull),
    (Program::Etcd, "etcd/v3.7.0/log", "not-a-member", Failure::EtcdMemberMismatch),
    (Program::Etcd, "etcd/v3.7.0/log", "others-away", Failure::EtcdUnhealthy),
    (Program::Etcd, "etcd/v3.7.0/log", "port-in-use", Failure::PortTaken),
    (Program::Etcd, "etcd/v3.7.0/log", "read-only", Failure::DiskReadOnly),
    (Program::Etcd, "etcd/v3.7.0/log", "unknown-flag", Failure::ConfigRefused),
    (Program::Etcd, "etcd/v3.7.0/log", "wiped-voter", Failure::EtcdMemberMismatch),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "bad-flag", Failure::ConfigRefused),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "certificate-torn", Failure::PkiTorn),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "etcd-foreign-ca", Failure::PkiForeign),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "etcd-refused", Failure::EtcdUnhealthy),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "key-missing", Failure::PkiTorn),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "key-of-another", Failure::PkiTorn),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "plugin", Failure::ConfigRefused),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "port-in-use", Failure::PortTaken),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "sa-key-torn", Failure::PkiTorn),
    (Program::ApiServer, "kube-apiserver/v1.37.2", "unknown-flag", Failure::ConfigRefused),
    (Program::Kubelet, "kubelet/v1.37.2", "bad-value", Failure::ConfigRefused),
    (Program::Kubelet, "kubelet/v1.37.2", "bootstrap-missing", Failure::KubeletUnhealthy),
    (Program::Kubelet, "kubelet/v1.37.2", "cgroup-v1", Failure::MachineUnfit),
    // Every kubelet says so until kubeadm has written its configuration: it is no cause, and what kubeadm said stays.
    (Program::Kubelet, "kubelet/v1.37.2", "config-missing", Failure::KubeadmFailed),
    (Program::Kubelet, "kubelet/v1.37.2", "image-pull", Failure::ImagePull),
    (Program::Kubelet, "kubelet/v1.37.2", "runtime-down", Failure::RuntimeDown),
    (Program::Kubelet, "kubelet/v1.37.2", "swap", Failure::MachineUnfit),
    (Program::Kubelet, "kubelet/v1.37.2", "unknown-flag", Failure::ConfigRefused),
];

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder)
}

/// Names of the fixtures of a folder that end so, without that end.
fn kept(folder: &str, end: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(fixtures(folder)).unwrap();
    entries.filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(end)?.to_owned())).collect()
}

fn show(text: &mut String, name: &str, diagnosis: &Diagnosis) {
    writeln!(text, "{name}: {}", diagnosis.failure.name()).unwrap();
    for line in diagnosis.why.lines() {
        writeln!(text, "  why: {line}").unwrap();
    }
    writeln!(text, "  do:  {}\n", diagnosis.advice).unwrap();
}

fn named(version: &str, name: &str) -> Failure {
    let exception = EXCEPTIONS.iter().find(|(of, output, _)| (*of, *output) == (version, name)).map(|(.., failure)| *failure);
    exception.unwrap_or_else(|| KUBEADM.iter().find(|(output, _)| *output == name).unwrap_or_else(|| panic!("{name} has no name")).1)
}

#[test]
fn every_output_of_every_kubeadm_has_the_name_that_it_should_have() {
    for version in VERSIONS {
        let mut text = String::new();
        for name in kept(&format!("kubeadm/{version}"), ".stderr.txt") {
            let stderr = std::fs::read_to_string(fixtures("kubeadm").join(version).join(format!("{name}.stderr.txt"))).unwrap();
            let diagnosis = diagnose(&stderr);
            assert_eq!(diagnosis.failure, named(version, &name), "{version} {name}:\n{}", diagnosis.why);
            show(&mut text, &name, &diagnosis);
        }
        golden(&format!("diagnosis/kubeadm-{version}.txt"), &text);
    }
}

#[test]
fn the_table_has_no_output_that_is_not_kept() {
    let all: BTreeSet<String> = VERSIONS.iter().flat_map(|version| kept(&format!("kubeadm/{version}"), ".stderr.txt")).collect();
    assert_eq!(all, KUBEADM.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// What a program said, as it is gathered on a machine.
fn testimony(program: Program, folder: &str, name: &str) -> Testimony {
    let (end, at) = match program {
        Program::Etcd => ("log", "etcd's log"),
        Program::ApiServer => ("log", "kube-apiserver's log"),
        Program::Kubelet => ("journal.txt", "the kubelet's journal"),
    };
    let text = std::fs::read_to_string(fixtures(folder).join(format!("{name}.{end}"))).unwrap();
    let lines = match program {
        Program::Kubelet => text.lines().map(str::to_owned).collect(),
        Program::Etcd | Program::ApiServer => container_lines(&text, UnixTime(0)),
    };
    Testimony { program, at: at.to_owned(), lines }
}

#[test]
fn every_log_tells_the_cause_that_it_has() {
    let mut text = String::new();
    for (program, folder, name, failure) in LOGS {
        let diagnosis = diagnose("").hear(&[testimony(*program, folder, name)]);
        assert_eq!(diagnosis.failure, *failure, "{folder}/{name}:\n{}", diagnosis.why);
        show(&mut text, &format!("{folder}/{name}"), &diagnosis);
    }
    golden("diagnosis/logs.txt", &text);
    for folder in ["etcd/v3.7.0/log", "kube-apiserver/v1.37.2", "kubelet/v1.37.2"] {
        let end = if folder.starts_with("kubelet") { ".journal.txt" } else { ".log" };
        let listed = LOGS.iter().filter(|(_, of, ..)| *of == folder).map(|(_, _, name, _)| (*name).to_owned());
        assert_eq!(kept(folder, end), listed.collect());
    }
}

#[test]
fn the_deepest_who_knows_a_cause_is_believed() {
    let stderr = std::fs::read_to_string(fixtures("kubeadm/v1.37.2/init-api-dead-kubelet-alive.stderr.txt")).unwrap();
    let etcd = || testimony(Program::Etcd, "etcd/v3.7.0/log", "no-space");
    let api = || testimony(Program::ApiServer, "kube-apiserver/v1.37.2", "etcd-refused");
    let kubelet = || testimony(Program::Kubelet, "kubelet/v1.37.2", "image-pull");
    let name = |heard: &[Testimony]| diagnose(&stderr).hear(heard).failure;
    assert_eq!(name(&[kubelet(), api(), etcd()]), Failure::DiskFull);
    assert_eq!(name(&[kubelet(), api()]), Failure::EtcdUnhealthy);
    assert_eq!(name(&[kubelet()]), Failure::ImagePull);
    assert_eq!(name(&[]), Failure::ApiserverUnhealthy);
    let heard = diagnose(&stderr).hear(&[etcd()]);
    let lines: Vec<&str> = heard.why.lines().collect();
    assert_eq!(lines[0], "etcd's log: failed to create WAL: no space left on device");
    assert!(lines[1].starts_with("error: error execution phase wait-control-plane: "), "kubeadm's own words stay: {}", heard.why);
}

#[test]
fn who_knows_the_cause_is_not_asked_for_a_deeper_one() {
    let stderr = std::fs::read_to_string(fixtures("kubeadm/v1.37.2/join-ca-torn.stderr.txt")).unwrap();
    let known = diagnose(&stderr);
    assert_eq!(known.clone().hear(&[testimony(Program::Etcd, "etcd/v3.7.0/log", "wiped-voter")]), known);
}

#[test]
fn without_an_error_line_the_last_lines_stand_for_it() {
    assert_eq!(diagnose("one\n\ntwo\n\nthree\nfour\nfive\nsix\n").why, "two\nthree\nfour\nfive\nsix");
    assert_eq!(diagnose("panic: runtime error\n").failure, Failure::KubeadmFailed);
    assert_eq!(diagnose("").why, "");
}

/// A check that no table knows is nothing that time mends.
#[test]
fn an_unknown_check_of_preflight_halts() {
    let stderr = "[preflight] Some fatal errors occurred:\n\t[ERROR Moon]: the moon is full\nerror: error execution phase preflight: x\n";
    assert_eq!(diagnose(stderr).failure, Failure::KubeadmRefuses);
    let beside = "[preflight] Some fatal errors occurred:\n\t[ERROR ImagePull]: failed\n\t[ERROR Moon]: full\nerror: x\n";
    assert_eq!(diagnose(beside).failure, Failure::KubeadmRefuses);
}

#[test]
fn lines_of_a_container_are_those_since_a_time_whatever_the_machines_zone() {
    let log = "28:59.1Z stderr F the middle of a line\n\
        2026-11-25T23:28:59.877709000Z stderr F old\n\
        2026-11-26T00:29:00.1+01:00 stderr F in Vienna\n\
        2026-11-25T18:29:01-05:00 stdout P in New York\n\
        2026-11-25T23:29:02Z stderr F \n";
    let since = UnixTime::parse("2026-11-25T23:29:00Z").unwrap();
    assert_eq!(container_lines(log, since), ["in Vienna", "in New York", ""]);
    assert_eq!(newest(log), UnixTime::parse("2026-11-25T23:29:02Z"));
    assert_eq!(newest("cut off"), None);
}

#[test]
fn lines_are_told_without_their_headers_and_not_without_end() {
    assert_eq!(readable(r#"{"level":"fatal","msg":"discovery failed","error":"no way"}"#), "discovery failed: no way");
    assert_eq!(readable(r#"{"level":"warn","msg":"alone"}"#), "alone");
    assert_eq!(readable(r#"E1125 23:40:00.397759    3364 run.go:72] "command failed" err="x""#), r#""command failed" err="x""#);
    assert_eq!(readable("panic: at once"), "panic: at once");
    let long = readable(&"ö".repeat(600));
    assert_eq!((long.chars().count(), long.ends_with("ö …")), (502, true));
}

#[test]
fn nothing_that_looks_like_a_secret_is_told() {
    let key = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";
    for (text, told) in [
        ("token abcdef.0123456789abcdef.", "token [cut out]"),
        ("\"--token=abcdef.0123456789abcdef\"", "\"[cut out]\""),
        ("Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln failed", "Bearer [cut out] failed"),
        ("client-key-data: LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0t", "client-key-data: [cut out]"),
        ("a -----BEGIN EC PRIVATE KEY-----\nAAAA\nBBBB\n-----END EC PRIVATE KEY----- b", "a [cut out] b"),
        ("a -----BEGIN EC PRIVATE KEY-----\nAAAA", "a [cut out]"),
    ] {
        assert_eq!(without_secrets(text), told);
    }
    assert_eq!(without_secrets(&format!("key: {key}")), "key: [cut out]");
    let digest = format!("image@sha256:{key} and the pin \"sha256:{key}\"");
    assert_eq!(without_secrets(&digest), digest);
    let planted = diagnose(&format!("error: error execution phase x: {key} abcdef.0123456789abcdef\n"));
    assert_eq!(planted.why, "error: error execution phase x: [cut out] [cut out]");
    // Neither where the line is cut short in the middle of it.
    let lines = vec![format!(r#"{{"level":"fatal","msg":"{}","error":"{key}"}}"#, "long ".repeat(95))];
    let heard = diagnose("").hear(&[Testimony { program: Program::Etcd, at: "etcd's log".to_owned(), lines }]);
    assert_eq!(heard.why, format!("etcd's log: {}: [cut out]\n", "long ".repeat(95)));
}

/// Every text of the tables is one that was really said.
#[test]
fn no_row_is_made_up() {
    let outputs: Vec<String> = VERSIONS
        .iter()
        .flat_map(|version| kept(&format!("kubeadm/{version}"), ".stderr.txt").into_iter().map(move |name| (version, name)))
        .map(|(version, name)| std::fs::read_to_string(fixtures("kubeadm").join(version).join(format!("{name}.stderr.txt"))).unwrap())
        .collect();
    for symptom in KUBEADM_WORDS {
        let fits = |output: &String| symptom.said.iter().all(|said| output.contains(said));
        assert!(outputs.iter().any(fits), "no kubeadm said {:?}", symptom.said);
    }
    for (of, rows) in [(Program::Etcd, ETCD_LOG), (Program::ApiServer, APISERVER_LOG), (Program::Kubelet, KUBELET_JOURNAL)] {
        let said = LOGS.iter().filter(|(program, ..)| *program == of);
        let lines: Vec<String> = said.flat_map(|(program, folder, name, _)| testimony(*program, folder, name).lines).collect();
        for symptom in rows {
            let fits = |line: &String| symptom.said.iter().all(|said| line.contains(said));
            assert!(lines.iter().any(fits), "no {of:?} said {:?}", symptom.said);
        }
    }
}
