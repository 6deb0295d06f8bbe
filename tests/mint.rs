//! From a cluster file to documents: each is read back by the reader that machines use, and openssl judges what is in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "mint/folder.rs"]
mod folder;
#[path = "support/golden.rs"]
mod golden;
#[path = "mint/keys.rs"]
mod keys;
#[path = "mint/power.rs"]
mod power;
#[path = "mint/settings.rs"]
mod settings;

use std::fs;
use std::process::Command;
use std::time::Duration;

use kubeboot::document::field::{BootstrapToken, CertificateKey};
use kubeboot::document::spec::{BootstrapCredential, ClusterSpec, NodeSpec, PkiSource, Role, SealedBundle, SecretSource};
use kubeboot::document::{Disposal, Document, read_cluster, read_node};
use kubeboot::failure::Failure;
use kubeboot::kubeconfig::{self, Material, Presented};
use kubeboot::mint::{Basis, FileKind, MintOptions, Minted, mint};
use kubeboot::moment::UnixTime;
use kubeboot::pki::certificate::Certificate;
use kubeboot::pki::random;
use kubeboot::pki::seal;
use kubeboot::secret::Secret;

const CLUSTER: &str = "apiVersion: kubeboot/v1alpha1
kind: Cluster
name: prod
kubernetesVersion: v1.37.2
controlPlaneEndpoint: api.prod.example.com:6443
networking: {podSubnet: 10.244.0.0/16}
cni: {name: flannel}
";

const HOUR: i64 = 3600;

fn document(origin: &str, bytes: &[u8]) -> Document {
    Document { origin: origin.to_owned(), bytes: Secret::new(bytes.to_vec()), instance_id: None, disposal: Disposal::Remove(Vec::new()) }
}

fn cluster(more: &str) -> ClusterSpec {
    read_cluster(&document("cluster.yaml", format!("{CLUSTER}{more}").as_bytes())).unwrap_or_else(|violations| panic!("{violations}"))
}

/// Now, to the second: openssl judges validity by its own clock.
fn options() -> MintOptions {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = UnixTime(i64::try_from(since.as_secs()).unwrap());
    MintOptions::plain(now, Duration::from_secs(86_400))
}

fn minted(more: &str) -> Minted {
    mint(&cluster(more), &options(), Basis::New, &mut random::fill).unwrap()
}

fn text<'m>(minted: &'m Minted, name: &str) -> &'m str {
    let file = minted.files.iter().find(|file| file.name == name).unwrap();
    std::str::from_utf8(file.bytes.expose()).unwrap()
}

fn node(minted: &Minted, name: &str) -> NodeSpec {
    let text = text(minted, name);
    read_node(&document(name, text.as_bytes())).unwrap_or_else(|violations| panic!("{violations}{text}"))
}

const CONTROL_PLANE_INIT: &str = "control-plane-init.yaml";
const CONTROL_PLANE: &str = "control-plane.yaml";
const WORKER: &str = "worker.yaml";
const DOCUMENTS: [&str; 3] = [CONTROL_PLANE_INIT, CONTROL_PLANE, WORKER];

/// The whole folder of a plain mint, in the order of the table.
const FILES: [&str; 13] = [
    CONTROL_PLANE_INIT,
    CONTROL_PLANE,
    WORKER,
    "admin.conf",
    "certificate-key",
    "pki/ca.key",
    "pki/ca.crt",
    "pki/front-proxy-ca.key",
    "pki/front-proxy-ca.crt",
    "pki/etcd/ca.key",
    "pki/etcd/ca.crt",
    "pki/sa.key",
    "pki/sa.pub",
];

fn bundle(node: &NodeSpec) -> Option<&SealedBundle> {
    if let Some(PkiSource::Secret { bundle: Some(bundle) } | PkiSource::Inline { bundle }) = &node.pki { Some(bundle) } else { None }
}

fn inline(source: &SecretSource<String>) -> &str {
    match source {
        SecretSource::Inline(secret) => secret.expose(),
        other => panic!("{other:?}"),
    }
}

/// The whole line of subject, purpose and chain, as openssl sees a client certificate signed by `ca`.
fn client(ca: &str, certificate: &str, key: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |line: &str| {
        let output = Command::new("openssl").current_dir(folder.path()).args(line.split(' ')).output().expect("openssl");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "openssl {line}: {text}");
        text
    };
    for (name, text) in [("ca.crt", ca), ("client.crt", certificate), ("client.key", key)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    openssl("verify -x509_strict -purpose sslclient -CAfile ca.crt client.crt");
    assert_eq!(openssl("pkey -in client.key -pubout"), openssl("x509 -in client.crt -noout -pubkey"));
    openssl("x509 -in client.crt -noout -subject").trim().to_owned()
}

#[test]
fn the_default_cluster() {
    let options = options();
    let minted = mint(&cluster(""), &options, Basis::New, &mut random::fill).unwrap();
    assert_eq!(minted.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), FILES);
    assert_eq!(minted.warnings, [""; 0]);
    let [init, control_plane, worker] = DOCUMENTS.map(|name| node(&minted, name));

    for node in [&init, &control_plane, &worker] {
        assert_eq!(node.cluster, "prod");
        assert_eq!(node.endpoint.to_string(), "api.prod.example.com:6443");
        assert_eq!(node.discovery.certificate_authority, init.discovery.certificate_authority);
        assert_eq!(node.networking, cluster("").networking);
        assert_eq!(node.cni, cluster("").cni);
    }
    assert_eq!([init.role, control_plane.role, worker.role], [Role::ControlPlane, Role::ControlPlane, Role::Worker]);

    // Who gets what.
    assert_eq!(init.initialize.as_ref().unwrap().before, options.now.plus(24 * HOUR));
    assert_eq!((control_plane.initialize, worker.initialize), (None, None));
    assert_eq!((worker.certificate_key, &worker.pki), (None, &None));
    assert_eq!(control_plane.pki, Some(PkiSource::Secret { bundle: None }));
    assert_eq!(init.certificate_key, control_plane.certificate_key);
    assert_eq!(init.discovery.credential, None, "it holds the CA key and signs its own");

    // The bundle opens with the certificate key and belongs to the CA of every document.
    let key = CertificateKey::parse(inline(init.certificate_key.as_ref().unwrap())).unwrap();
    let pki = seal::open(bundle(&init).unwrap(), &key).unwrap();
    pki.check(&worker.discovery.certificate_authority).unwrap();
    let ca = Certificate::first(&pki.ca.certificate, "ca").unwrap();
    assert_eq!(ca.not_before(), options.now.plus(-24 * HOUR));
    assert_eq!(ca.not_after(), options.now.plus(3650 * 24 * HOUR));

    // The bootstrap certificate, the same in both joiners' documents.
    assert_eq!(control_plane.discovery.credential, worker.discovery.credential);
    let Some(BootstrapCredential::Certificate { certificate, key }) = &worker.discovery.credential else { panic!("no certificate") };
    assert_eq!(
        client(&pki.ca.certificate, certificate, inline(key)),
        "subject=O = system:bootstrappers:kubeadm:default-node-token, CN = kubeboot"
    );
    let bootstrap = Certificate::first(certificate, "bootstrap").unwrap();
    assert_eq!(bootstrap.not_before(), options.now.plus(-HOUR));
    assert_eq!(bootstrap.not_after(), init.initialize.unwrap().before, "the window ends for all at once");

    // The admin.
    let admin = kubeconfig::read(text(&minted, "admin.conf").as_bytes(), "admin.conf").unwrap();
    assert_eq!(admin.server, "https://api.prod.example.com:6443");
    assert_eq!(admin.certificate_authority, Material::Pem(Secret::new(pki.ca.certificate.clone())));
    let Presented::Certificate { certificate: Material::Pem(certificate), key: Material::Pem(key) } = admin.user else {
        panic!("no certificate")
    };
    assert_eq!(
        client(&pki.ca.certificate, certificate.expose(), key.expose()),
        "subject=O = kubeadm:cluster-admins, CN = kubernetes-admin"
    );
    assert_eq!(Certificate::first(certificate.expose(), "admin").unwrap().not_after(), options.now.plus(7 * 24 * HOUR));
}

#[test]
fn inline_documents_of_control_planes_carry_the_bundle() {
    let minted = minted("pki: inline\n");
    let [init, control_plane, worker] = DOCUMENTS.map(|name| node(&minted, name));
    assert_eq!(init.pki, control_plane.pki);
    assert!(matches!(init.pki, Some(PkiSource::Inline { .. })));
    assert_eq!(control_plane.discovery.credential, None, "it holds the CA key and signs its own");
    assert!(matches!(worker.discovery.credential, Some(BootstrapCredential::Certificate { .. })));
    assert_eq!(worker.pki, None);
    assert_eq!(minted.warnings.len(), 1);
    assert!(minted.warnings[0].starts_with("pki: inline puts the CA keys"), "{:?}", minted.warnings);
}

#[test]
fn one_token_serves_all_documents_that_need_it() {
    for mode in ["secret", "inline"] {
        let minted = minted(&format!("pki: {mode}\ncredential: bootstrapToken\n"));
        let [init, control_plane, worker] = DOCUMENTS.map(|name| node(&minted, name).discovery.credential);
        let Some(BootstrapCredential::Token(token)) = &init else { panic!("the initialiser makes the token") };
        BootstrapToken::parse(inline(token)).unwrap();
        assert_eq!(init, worker);
        if mode == "inline" {
            assert_eq!(control_plane, None, "it holds the CA key and signs its own");
            assert!(!text(&minted, CONTROL_PLANE).contains(inline(token)));
            assert!(text(&minted, CONTROL_PLANE).contains("# It joins at any time: its machine signs its own credentials.\n"));
        } else {
            assert_eq!(init, control_plane);
        }
    }
}

/// Randomness that says what it was asked for: bytes that would make some letters likelier are thrown away.
#[test]
fn tokens_take_each_letter_alike() {
    let mut asked = Vec::new();
    let mut counter = 0_u8;
    let spec = cluster("credential: bootstrapToken\n");
    let minted = mint(&spec, &options(), Basis::New, &mut |bytes: &mut [u8]| {
        asked.push(bytes.len());
        for byte in bytes {
            *byte = if counter.is_multiple_of(2) { 255 } else { 0 };
            counter = counter.wrapping_add(1);
        }
        Ok(())
    })
    .unwrap();
    let Some(BootstrapCredential::Token(token)) = node(&minted, WORKER).discovery.credential else { panic!("no token") };
    assert_eq!(inline(&token), "aaaaaa.aaaaaaaaaaaaaaaa", "of 255 and 0 in turn, only 0 makes letters");
    assert_eq!(asked[..9], [32, 12, 12, 12, 12, 12, 12, 12, 12], "the certificate key, then a nonce for each file");
}

#[test]
fn no_document_holds_what_is_not_its_own() {
    for more in ["", "credential: bootstrapToken\n", "pki: inline\n", "pki: inline\ncredential: bootstrapToken\n"] {
        let minted = minted(more);
        let init = node(&minted, CONTROL_PLANE_INIT);
        let hex = inline(init.certificate_key.as_ref().unwrap()).to_owned();
        let pki = seal::open(bundle(&init).unwrap(), &CertificateKey::parse(&hex).unwrap()).unwrap();
        // A line of each key's PEM, as it would be found in any text that holds the key plainly.
        let keys = [&pki.ca.key, &pki.front_proxy_ca.key, &pki.etcd_ca.key, &pki.service_account_key];
        let lines = keys.map(|key| key.expose().lines().nth(1).unwrap().to_owned());
        assert!(pki.ca.key.expose().contains(&lines[0]), "the search finds what is there");
        let handed_out = [FileKind::Document, FileKind::Kubeconfig];
        for file in minted.files.iter().filter(|file| handed_out.contains(&file.kind)) {
            let text = text(&minted, &file.name);
            assert!(!lines.iter().any(|line| text.contains(line)), "{more}{}", file.name);
            let holds_key = text.contains(&hex);
            assert_eq!(holds_key, file.name.starts_with("control-plane"), "{more}{}", file.name);
            let holds_bundle = text.contains(&bundle(&init).unwrap()["ca.key"]);
            let expected = file.name == CONTROL_PLANE_INIT || (more.contains("inline") && file.name == CONTROL_PLANE);
            assert_eq!(holds_bundle, expected, "{more}{}", file.name);
        }
    }
}

#[test]
fn two_mints_share_nothing() {
    let (one, two) = (minted(""), minted(""));
    let (one, two) = (node(&one, CONTROL_PLANE_INIT), node(&two, CONTROL_PLANE_INIT));
    assert_ne!(one.discovery.certificate_authority, two.discovery.certificate_authority);
    assert_ne!(one.certificate_key, two.certificate_key);
    let key = CertificateKey::parse(inline(two.certificate_key.as_ref().unwrap())).unwrap();
    assert!(seal::open(bundle(&one).unwrap(), &key).unwrap_err().what().starts_with("the certificate key does not open the bundle"));
}

/// Everything that a cluster file can say arrives where it can be used, awkward values included.
#[test]
fn all_that_the_cluster_file_says_arrives() {
    let text = "apiVersion: kubeboot/v1alpha1
kind: Cluster
name: prod
kubernetesVersion: v1.37.2
controlPlaneEndpoint: '[fd00::1]:6443'
networking: {podSubnet: 'fd01::/56', serviceSubnet: 'fd02::/112', dnsDomain: prod.local}
cni: {url: 'https://example.com/cni.yaml?a=b&c=%20', sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
clock: plausible
controlPlane: {addressFrom: [10.0.0.0/16, 'fd00::/64'], taints: []}
workers:
  general:
    labels: {pool: 'yes', version: '1.10', example.com/empty: ''}
    taints: [{key: dedicated, value: 'true', effect: NoSchedule}, {key: a, effect: NoExecute}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
encryptionAlgorithm: ECDSA-P256
apiServer:
  certSANs: ['10.0.0.100', api.other]
  extraArgs: [{name: profiling, value: 'false'}, {name: v, value: '2'}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
patches: {directory: /etc/kubernetes/patches}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
timeouts: {discovery: 10m0s}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 200
serverTLSBootstrap: true
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
";
    let spec = read_cluster(&document("cluster.yaml", text.as_bytes())).unwrap_or_else(|violations| panic!("{violations}"));
    let minted = mint(&spec, &options(), Basis::New, &mut random::fill).unwrap();
    let [init, control_plane, worker] = [CONTROL_PLANE_INIT, CONTROL_PLANE, "worker-general.yaml"].map(|name| node(&minted, name));
    for node in [&init, &control_plane, &worker] {
        assert_eq!((&node.cluster, node.kubernetes_version, &node.endpoint), (&spec.name, spec.kubernetes_version, &spec.endpoint));
        assert_eq!((&node.networking, &node.cni, node.clock), (&spec.networking, &spec.cni, spec.clock));
        let pool = if node.role == Role::Worker { &spec.workers["general"] } else { &spec.control_plane.pool };
        let registration = &node.registration;
        assert_eq!(
            (&registration.labels, &registration.taints, &registration.address_from),
            (&pool.labels, &pool.taints, &pool.address_from)
        );
        assert_eq!(node.overrides.join, spec.overrides.join);
    }
    assert_eq!(init.overrides, spec.overrides);
    for node in [&control_plane, &worker] {
        let others = (&node.overrides.cluster, &node.overrides.init, &node.overrides.kubelet, &node.overrides.kube_proxy);
        assert_eq!(others, (&None, &None, &None, &None));
    }
}

#[test]
fn every_file_says_in_words_what_it_is() {
    let options = MintOptions { now: UnixTime::parse("2026-11-23T10:00:00Z").unwrap(), ..options() };
    let head = |more: &str, name: &str| {
        let minted = mint(&cluster(more), &options, Basis::New, &mut random::fill).unwrap();
        text(&minted, name).lines().take_while(|line| line.starts_with('#')).fold(String::new(), |all, line| all + line + "\n")
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        head("", CONTROL_PLANE_INIT),
        format!(
            "# control-plane-init.yaml: cluster prod, for the one machine that starts it; minted\n# 2026-11-23T10:00:00Z by kubeboot \
             {version}.\n# It starts the cluster until 2026-11-24T10:00:00Z, and no cluster after that. Never give it to two\n# \
             machines.\n# Power: who reads it owns the cluster, at any time: it holds the CA keys and the key that opens\n\
             # them.\n"
        )
    );
    assert!(head("", CONTROL_PLANE).contains("# It joins until 2026-11-24T10:00:00Z, when its bootstrap certificate expires.\n"));
    assert!(head("pki: inline\n", CONTROL_PLANE).contains("# It joins at any time: its machine signs its own credentials.\n"));
    assert!(head("credential: bootstrapToken\n", WORKER).contains("# It joins as long as its bootstrap token lives in the cluster;"));
    assert_eq!(
        head("", WORKER),
        format!(
            "# worker.yaml, minted 2026-11-23T10:00:00Z by kubeboot {version}.\n# Power: who reads it and reaches the API server can add a \
             node until 2026-11-24T10:00:00Z.\n"
        )
    );
    assert!(head("", "admin.conf").contains("# Good until 2026-11-30T10:00:00Z,"));
}

/// Userdata is small on many platforms, so that a document's size is a promise (README).
#[test]
fn documents_are_small() {
    let (bundle, worker) = (8 * 1024, 2 * 1024);
    for (more, limits) in [("", [bundle, 2560, worker]), ("pki: inline\n", [bundle, bundle, worker])] {
        let minted = minted(more);
        for (name, limit) in DOCUMENTS.into_iter().zip(limits) {
            let size = text(&minted, name).len();
            assert!(size < limit, "{more}{name}: {size} bytes");
        }
    }
}

#[test]
fn windows_have_bounds() {
    let refuse = |options: MintOptions| mint(&cluster(""), &options, Basis::New, &mut random::fill).unwrap_err();
    let fault = refuse(MintOptions { valid_for: Duration::from_secs(599), ..options() });
    assert_eq!(fault.failure(), Failure::CommandLine);
    assert_eq!(
        fault.to_string(),
        "--valid-for is 599 seconds\n  where:  --valid-for\n  do:     write at least 10m and less than ten years, for example 24h"
    );
    assert_eq!(refuse(MintOptions { admin_valid_for: Some(Duration::MAX), ..options() }).at(), "--admin-valid-for");
    let long = MintOptions { valid_for: Duration::from_secs(8 * 86_400), ..options() };
    let minted = mint(&cluster(""), &long, Basis::New, &mut random::fill).unwrap();
    assert_eq!(minted.warnings, ["the window is 8 days long; until it ends, a leaked document can start or join the cluster"]);
}
