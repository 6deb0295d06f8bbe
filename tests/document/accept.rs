//! Accepted documents and the values that come of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use kubeboot::document::field::{Cidr, Endpoint, KubernetesVersion, Taint};
use kubeboot::document::spec::{
    BootstrapCredential, ClockPolicy, ClusterSpec, CniChoice, CredentialKind, EncryptionAlgorithm, InitializeNode, OnUnreachable,
    Overrides, PkiMode, PkiSource, Pool, Role, SecretSource, Starter,
};
use kubeboot::document::{BUNDLE_FILES, read_cluster, read_node};
use kubeboot::moment::UnixTime;
use serde_json::json;

use super::{document, fixtures, folder, node, read};

fn cluster(name: &str) -> ClusterSpec {
    let bytes = std::fs::read(folder("accept").join(name)).unwrap();
    read_cluster(&document(name, &bytes)).unwrap_or_else(|violations| panic!("{violations}"))
}

fn cidrs(list: &[&str]) -> Vec<Cidr> {
    list.iter().map(|text| Cidr::parse(text).unwrap()).collect()
}

fn taint(key: &str, value: &str, effect: &str) -> Taint {
    Taint { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() }
}

#[test]
fn every_fixture_is_accepted() {
    let all = fixtures("accept");
    assert!(all.len() >= 15, "only {} fixtures were found", all.len());
    for (name, bytes) in all {
        read(&name, &bytes).unwrap_or_else(|violations| panic!("{violations}"));
    }
}

#[test]
fn the_initialiser() {
    let spec = node("control-plane-init.yaml");
    assert_eq!((spec.cluster.as_str(), spec.role, spec.clock), ("prod", Role::ControlPlane, ClockPolicy::Plausible));
    assert_eq!(spec.kubernetes_version, KubernetesVersion { major: 1, minor: 37, patch: 2 });
    assert_eq!(spec.endpoint, Endpoint::parse("api.prod.example.com:6443").unwrap());
    assert_eq!(spec.networking.pod_subnets, cidrs(&["10.244.0.0/16"]));
    assert_eq!(spec.networking.service_subnets, cidrs(&["10.96.0.0/12"]));
    assert_eq!(spec.networking.dns_domain, "cluster.local");
    assert_eq!(spec.registration.name.as_ref().unwrap().as_str(), "cp-1");
    assert_eq!(spec.registration.address_from, cidrs(&["10.0.0.0/16"]));
    let labels = [("pool", "general"), ("node.kubernetes.io/disk", "ssd"), ("answer", "yes")];
    assert_eq!(spec.registration.labels, labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>());
    assert_eq!(spec.registration.taints, Some(Vec::new()));
    assert_eq!(spec.registration.cri_socket, "unix:///run/crio/crio.sock");
    let peers = ["10.0.0.12:6443", "[fd00::13]:6443", "cp-4.prod.example.com:6443"];
    assert_eq!(spec.peers, peers.map(|text| Endpoint::parse(text).unwrap()));
    assert_eq!(spec.discovery.credential, None);
    assert!(spec.discovery.certificate_authority.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let Some(SecretSource::Inline(key)) = &spec.certificate_key else { panic!("no certificate key") };
    assert_eq!(key.expose(), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    let Some(PkiSource::Secret { bundle: Some(bundle) }) = &spec.pki else { panic!("no bundle") };
    assert_eq!(bundle.keys().map(String::as_str).collect::<Vec<_>>(), BUNDLE_FILES);
    assert!(bundle.values().all(|text| text.len() == 96));
    let initialize = spec.initialize.as_ref().unwrap();
    assert_eq!(initialize.before, UnixTime::parse("2026-11-24T10:00:00Z").unwrap());
    assert_eq!(initialize.on_unreachable, OnUnreachable::ProceedAfter(Duration::from_secs(300)));
    assert_eq!(initialize.node, Some(InitializeNode::SystemUuid("4c4c4544-0042-3510-8054-b4c04f564432".to_owned())));
    assert_eq!(initialize.claim, None);
    let claim = node("control-plane-claim.yaml").initialize.unwrap().claim.unwrap();
    assert_eq!(claim.put, "https://example.com/claims/prod?signature=hunter2");
    assert_eq!(claim.get, "https://example.com/claims/prod");
    assert_eq!(spec.cni, CniChoice::Flannel);
}

#[test]
fn kubeadms_documents_as_kubernetes_reads_them() {
    let overrides = node("control-plane-init.yaml").overrides;
    assert_eq!(
        overrides.cluster,
        Some(json!({
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": "v1.37.2",
            "controlPlaneEndpoint": "api.prod.example.com:6443",
            "apiServer": {
                "certSANs": ["api.example.com"],
                "extraArgs": [{"name": "audit-log-maxage", "value": "30"}, {"name": "profiling", "value": "false"}],
            },
            "dns": {"disabled": false},
            "proxy": null,
        }))
    );
    assert_eq!(
        overrides.init.unwrap().get("nodeRegistration"),
        Some(&json!({"ignorePreflightErrors": ["SystemVerification"], "imagePullSerial": true}))
    );
    let kubelet = overrides.kubelet.unwrap();
    assert_eq!((&kubelet["maxPods"], &kubelet["imageGCHighThresholdPercent"]), (&json!(200), &json!(85)));
    assert_eq!(overrides.kube_proxy.unwrap()["clientConnection"]["qps"], json!(2.5));
    assert_eq!(overrides.join, None);
}

#[test]
fn a_joining_control_plane() {
    let spec = node("control-plane-join.yaml");
    assert_eq!((spec.role, spec.clock, &spec.initialize), (Role::ControlPlane, ClockPolicy::Synchronised, &None));
    assert_eq!(spec.pki, Some(PkiSource::Secret { bundle: None }));
    let Some(BootstrapCredential::Certificate { certificate, key: SecretSource::Inline(key) }) = &spec.discovery.credential else {
        panic!("no bootstrap certificate")
    };
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(key.expose().starts_with("-----BEGIN PRIVATE KEY-----\n") && key.expose().ends_with("-----END PRIVATE KEY-----\n"));
    assert_eq!(spec.overrides.join.unwrap()["nodeRegistration"]["kubeletExtraArgs"], json!([{"name": "v", "value": "4"}]));
    assert_eq!((spec.registration.name, spec.registration.taints), (None, None));
    assert_eq!(spec.registration.cri_socket, "unix:///run/containerd/containerd.sock");
}

#[test]
fn identical_documents_of_control_planes() {
    let spec = node("control-plane-inline.yaml");
    let Some(PkiSource::Inline { bundle }) = &spec.pki else { panic!("no bundle") };
    assert_eq!(bundle.len(), 8);
    let initialize = spec.initialize.unwrap();
    assert_eq!(initialize.on_unreachable, OnUnreachable::Wait);
    assert_eq!(initialize.node, Some(InitializeNode::Mac("52:54:00:12:34:ab".to_owned())));
    let spec = node("control-plane-inline.json");
    assert_eq!(spec.endpoint.address(), "fd00::1".parse::<IpAddr>().ok());
    assert_eq!((spec.cni, spec.initialize.unwrap().node), (CniChoice::None, Some(InitializeNode::Hostname("cp-1".to_owned()))));
}

#[test]
fn a_worker_with_a_token() {
    let spec = node("worker-token.yaml");
    let Some(BootstrapCredential::Token(SecretSource::Inline(token))) = &spec.discovery.credential else { panic!("no token") };
    assert_eq!(token.expose(), "abcdef.0123456789abcdef");
    assert_eq!((spec.role, &spec.pki, &spec.certificate_key, &spec.initialize), (Role::Worker, &None, &None, &None));
    assert_eq!((spec.peers.as_slice(), &spec.overrides), ([].as_slice(), &Overrides::default()));
}

#[test]
fn secrets_may_be_references() {
    let spec = node("worker-references.yaml");
    assert_eq!(spec.discovery.credential, Some(BootstrapCredential::Token(SecretSource::Credential("kubeboot.token".to_owned()))));
    assert_eq!(spec.cni, CniChoice::Url { url: "http://images.example.com/cni.yaml".to_owned(), sha256: "ab".repeat(32) });
    let taints = vec![taint("dedicated", "gpu", "NoSchedule"), taint("example.com/slow", "", "PreferNoSchedule")];
    assert_eq!(spec.registration.taints, Some(taints));
    let spec = node("control-plane-references.yaml");
    assert_eq!(spec.certificate_key, Some(SecretSource::File(PathBuf::from("/etc/kubeboot/certificate-key"))));
    let Some(BootstrapCredential::Certificate { key, .. }) = spec.discovery.credential else { panic!("no bootstrap certificate") };
    assert_eq!(key, SecretSource::Url { url: "https://keys.example.com/boot?sig=1".to_owned(), sha256: "0f".repeat(32) });
}

#[test]
fn networking_defaults_and_ipv6() {
    let spec = node("ipv6.yaml");
    assert_eq!(spec.networking.pod_subnets, cidrs(&["fd00:10:244::/48"]));
    assert_eq!(spec.networking.service_subnets, cidrs(&["fd00:10:96::/112"]));
    assert_eq!(spec.networking.dns_domain, "prod.local");
    assert_eq!(spec.cni, CniChoice::Manifest(PathBuf::from("/usr/share/cni/cilium.yaml")));
    let spec = node("minimal-networking.yaml");
    assert_eq!(spec.networking.pod_subnets, []);
    assert_eq!(spec.networking.service_subnets, cidrs(&["10.96.0.0/12"]));
}

#[test]
fn the_form_of_the_text_does_not_matter() {
    let plain = node("worker-token.yaml");
    assert_eq!(node("crlf.yaml"), plain);
    assert_eq!(node("byte-order-mark.yaml"), plain);
    let mut other = node("other-documents-first.yaml");
    assert_eq!(other.overrides.join.take().unwrap()["timeouts"]["discovery"], json!("5m0s"));
    assert_eq!(other, plain);
    let json = node("worker.json");
    assert_eq!((node("worker-compact.json"), node("worker-tabs.json")), (json.clone(), json.clone()));
    assert_eq!(json.registration.labels.get("pool").map(String::as_str), Some("yes"));
    assert_eq!(json.discovery, plain.discovery);
}

#[test]
fn cluster_files() {
    let spec = cluster("cluster.yaml");
    assert_eq!((spec.name.as_str(), spec.pki, spec.credential), ("bed", None, CredentialKind::BootstrapCertificate));
    assert_eq!(spec.encryption, EncryptionAlgorithm::EcdsaP256);
    assert_eq!(spec.initialize, Starter { on_unreachable: OnUnreachable::Wait, node: None, claim: None });
    assert_eq!((spec.kubernetes_version.to_string().as_str(), spec.endpoint.to_string().as_str()), ("v1.37.2", "api.bed.test:6443"));
    assert_eq!((&spec.cni, spec.clock), (&CniChoice::Flannel, ClockPolicy::Plausible));
    assert_eq!((spec.control_plane.count, spec.control_plane.addresses), (None, Vec::new()));
    let pool = spec.control_plane.pool;
    assert_eq!(pool.labels.get("bed").map(String::as_str), Some("cp"));
    assert_eq!((pool.taints, pool.address_from), (None, cidrs(&["10.0.0.0/24"])));
    assert_eq!(spec.workers.keys().collect::<Vec<_>>(), ["general"]);
    assert_eq!((&spec.workers["general"].taints, spec.workers["general"].labels.len()), (&Some(Vec::new()), 1));
    assert!(spec.overrides.init.is_some());
    let spec = cluster("cluster-inline-token.yaml");
    assert_eq!((spec.pki, spec.credential), (Some(PkiMode::Inline), CredentialKind::BootstrapToken));
    assert_eq!((spec.clock, spec.workers.len()), (ClockPolicy::Synchronised, 0));
}

#[test]
fn a_cluster_file_that_says_everything() {
    let spec = cluster("cluster-whole.yaml");
    assert_eq!(spec.encryption, EncryptionAlgorithm::Rsa3072);
    assert_eq!(spec.pki, Some(PkiMode::Url("http://10.0.0.5/bundle.json?a=b".to_owned())));
    let node = Some(InitializeNode::Mac("52:54:00:12:34:56".to_owned()));
    let on_unreachable = OnUnreachable::ProceedAfter(std::time::Duration::from_secs(300));
    assert_eq!(spec.initialize, Starter { on_unreachable, node, claim: None });
    let control_plane = spec.control_plane;
    assert_eq!((control_plane.count, control_plane.pool.labels.len()), (Some(3), 1));
    assert_eq!(control_plane.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.11", "fd00::11"]);
    assert_eq!(spec.workers.keys().collect::<Vec<_>>(), ["general", "gpu-1"]);
    assert_eq!(spec.workers["general"], Pool::default());
    let gpu = &spec.workers["gpu-1"];
    assert_eq!((gpu.labels.len(), gpu.taints.as_ref().map(Vec::len), &gpu.address_from), (1, Some(1), &cidrs(&["10.1.0.0/16"])));

    let spec = cluster("cluster-claim.yaml");
    assert_eq!((spec.pki, spec.initialize.node), (Some(PkiMode::Disk), None));
    let claim = spec.initialize.claim.unwrap();
    assert_eq!((claim.put.as_str(), claim.get.as_str()), ("https://store.test/claim?sig=a", "https://store.test/claim"));
}

#[test]
fn releases_that_v1beta4_knows_are_accepted() {
    let text = std::fs::read_to_string(folder("accept").join("worker-token.yaml")).unwrap();
    for version in ["v1.31.0", "v1.33.9", "v1.34.4", "v1.38.0"] {
        let spec = read_node(&document(version, text.replace("v1.37.2", version).as_bytes())).unwrap();
        assert_eq!(spec.kubernetes_version.to_string(), version);
    }
}

#[test]
fn durations_are_read_as_go_writes_them() {
    let text = std::fs::read_to_string(folder("accept").join("control-plane-init.yaml")).unwrap();
    for (written, seconds) in [("5m", 300), ("1h30m", 5400), ("90s", 90), ("1h0m1s", 3601), ("24h", 86_400)] {
        let spec = read_node(&document(written, text.replace("proceedAfter: 5m", &format!("proceedAfter: {written}")).as_bytes())).unwrap();
        assert_eq!(spec.initialize.unwrap().on_unreachable, OnUnreachable::ProceedAfter(Duration::from_secs(seconds)));
    }
    for written in ["5", "0s", "-5m", "1m1h", "500ms", "1.5h", "5M", "\"\"", "9999999h", "25h"] {
        let changed = text.replace("proceedAfter: 5m", &format!("proceedAfter: {written}"));
        let violations = read_node(&document(written, changed.as_bytes())).unwrap_err();
        assert_eq!(violations.list().len(), 1, "{violations}");
        assert_eq!(violations.list()[0].path, "initialize.onUnreachable.proceedAfter");
    }
}
