//! What the cluster file says of keys, machines and pools, in documents.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::cli::mint::{MintArgs, run};
use kubeboot::document::spec::{EncryptionAlgorithm, InitializeNode, OnUnreachable, PkiSource, SecretSource};
use kubeboot::kubeconfig::{self, Material, Presented};
use kubeboot::mint::{Basis, FileKind, KeyPlace, MintOptions, mint};
use kubeboot::pki::certificate::Certificate;
use kubeboot::pki::random;
use kubeboot::render::{Format, MintedDocument, render};

use super::folder::arguments;
use super::{CONTROL_PLANE, CONTROL_PLANE_INIT, client, cluster, minted, node, options, text};

#[test]
fn rsa_keys_are_kubeadms_in_every_file() {
    let minted = minted("encryptionAlgorithm: RSA-2048\n");
    for name in ["pki/ca.key", "pki/front-proxy-ca.key", "pki/etcd/ca.key", "pki/sa.key"] {
        assert!(text(&minted, name).starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "{name}");
    }
    assert!(text(&minted, "pki/sa.pub").starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let init = node(&minted, CONTROL_PLANE_INIT);
    assert_eq!(init.overrides.cluster.unwrap()["encryptionAlgorithm"], "RSA-2048", "kubeadm's leaves are of the same kind");
    assert_eq!(node(&minted, CONTROL_PLANE).overrides.cluster, None);
    let admin = kubeconfig::read(text(&minted, "admin.conf").as_bytes(), "admin.conf").unwrap();
    let Presented::Certificate { certificate: Material::Pem(certificate), key: Material::Pem(key) } = admin.user else { panic!() };
    client(text(&minted, "pki/ca.crt"), certificate.expose(), key.expose());
}

/// Of kubeadm since 1.34; the documents stay as small as those of P-256.
#[test]
fn keys_on_p384_are_kubeadms_too() {
    let minted = minted("encryptionAlgorithm: ECDSA-P384\npki: inline\n");
    for name in [CONTROL_PLANE_INIT, CONTROL_PLANE] {
        assert!(text(&minted, name).len() < 8 * 1024, "{}", text(&minted, name).len());
    }
    let init = node(&minted, CONTROL_PLANE_INIT);
    assert_eq!(init.overrides.cluster.unwrap()["encryptionAlgorithm"], "ECDSA-P384", "kubeadm's leaves are of the same kind");
    let admin = kubeconfig::read(text(&minted, "admin.conf").as_bytes(), "admin.conf").unwrap();
    let Presented::Certificate { certificate: Material::Pem(certificate), key: Material::Pem(key) } = admin.user else { panic!() };
    client(text(&minted, "pki/ca.crt"), certificate.expose(), key.expose());
}

/// Four RSA-4096 keys, sealed, are too much for some platforms; elsewhere, they are not in the way.
#[test]
fn documents_that_a_platform_does_not_take_are_warned_of() {
    // How much smaller gzip makes it, and for whom that is enough, changes with the size.
    for (keys, over, enough) in
        [("RSA-2048", "EC2 (16384)", "EC2"), ("RSA-4096", "EC2 (16384), CloudStack (32768 as base64)", "CloudStack")]
    {
        let minted = minted(&format!("encryptionAlgorithm: {keys}\n"));
        let bytes = text(&minted, CONTROL_PLANE_INIT).len();
        let document = minted.files.iter().find(|file| file.name == CONTROL_PLANE_INIT).unwrap();
        let document = MintedDocument { name: &document.name, bytes: &document.bytes };
        let encoded = render(Format::GzipBase64, "prod", &[document]).unwrap().remove(0).bytes;
        let packed = STANDARD.decode(encoded.expose().trim_ascii_end()).unwrap().len().next_multiple_of(3);
        let [warning] = minted.warnings.try_into().unwrap();
        let problem =
            format!("control-plane-init.yaml: {bytes} bytes are more than some platforms take as userdata: {over}; use ECDSA keys ");
        assert!(warning.starts_with(&problem), "{warning}");
        let advice = format!(" (mint --render gzip-base64), which makes {packed} bytes of it, enough for {enough}");
        assert!(warning.ends_with(&advice), "{warning}");
    }
    assert_eq!(minted("encryptionAlgorithm: RSA-4096\npki: {url: 'https://files.test/b'}\n").warnings, [""; 0]);
}

/// Together with what the file says of ClusterConfiguration; the default is not written, for it is the agent's own.
#[test]
fn the_kind_of_keys_goes_beside_what_else_is_said_to_kubeadm() {
    let more = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nimageRepository: registry.test\n";
    let minted = minted(&format!("encryptionAlgorithm: RSA-2048\n{more}"));
    let cluster = node(&minted, CONTROL_PLANE_INIT).overrides.cluster.unwrap();
    assert_eq!((&cluster["encryptionAlgorithm"], &cluster["imageRepository"]), (&"RSA-2048".into(), &"registry.test".into()));
    assert_eq!(EncryptionAlgorithm::default(), EncryptionAlgorithm::EcdsaP256);
    let plain = super::minted("");
    assert_eq!(node(&plain, CONTROL_PLANE_INIT).overrides.cluster, None);
}

#[test]
fn the_initialiser_is_told_of_peers_and_guards() {
    let minted = minted(
        "initialize: {onUnreachable: {proceedAfter: 90m}, node: {hostname: cp-1}}\n\
         controlPlane: {count: 3, addresses: [10.0.0.11, 'fd00::11']}\n",
    );
    assert_eq!(minted.warnings, [""; 0]);
    let init = node(&minted, CONTROL_PLANE_INIT);
    let peers: Vec<_> = init.peers.iter().map(ToString::to_string).collect();
    assert_eq!(peers, ["10.0.0.11:6443", "[fd00::11]:6443"]);
    let initialize = init.initialize.unwrap();
    assert_eq!(initialize.node, Some(InitializeNode::Hostname("cp-1".to_owned())));
    assert_eq!(initialize.on_unreachable, OnUnreachable::ProceedAfter(std::time::Duration::from_secs(5400)));
    let joiner = node(&minted, CONTROL_PLANE);
    assert_eq!((joiner.peers.len(), joiner.initialize), (0, None));
}

/// Each of the ways in which a machine can be named, as the reader of machines reads it.
#[test]
fn every_way_to_name_the_initialiser_arrives() {
    let ways = [
        "systemUUID: 4c4c4544-0042-3510-8052-b4c04f4e4d31",
        "instanceID: '12'",
        "serial: 'yes'",
        "mac: '52:54:00:12:34:56'",
        "address: 'fd00::1'",
        "hostname: '1'",
    ];
    for way in ways {
        let line = format!("initialize: {{node: {{{way}}}}}\n");
        let init = node(&minted(&line), CONTROL_PLANE_INIT);
        assert_eq!(init.initialize.unwrap().node, cluster(&line).initialize.node, "{way}");
    }
}

#[test]
fn claimants_share_one_document() {
    let minted = minted("initialize: {claim: {put: 'https://store.test/c?sig=a&b=%20', get: 'https://store.test/c'}}\n");
    let all: Vec<_> = minted.files.iter().map(|file| file.name.as_str()).filter(|name| name.ends_with(".yaml")).collect();
    assert_eq!(all, [CONTROL_PLANE, "worker.yaml"]);
    let shared = node(&minted, CONTROL_PLANE);
    assert!(matches!(shared.pki, Some(PkiSource::Secret { bundle: Some(_) })));
    assert_eq!(shared.initialize.unwrap().claim.unwrap().put, "https://store.test/c?sig=a&b=%20");
    assert!(
        minted.warnings.iter().any(|warning| warning.starts_with("initialize.claim lets every control plane")),
        "{:?}",
        minted.warnings
    );
}

#[test]
fn an_even_number_of_control_planes_is_warned_of() {
    let warnings = minted("controlPlane: {count: 4}\n").warnings;
    assert_eq!(warnings, ["4 control planes bear no more failures than 3: etcd needs more than half of its members; write 3 or 5"]);
    assert_eq!(minted("controlPlane: {count: 5}\n").warnings, [""; 0]);
}

#[test]
fn pools_have_documents_of_their_own() {
    let minted = minted(
        "workers: {general: {}, gpu: {labels: {gpu: present}, taints: [{key: gpu, effect: NoSchedule}], addressFrom: [10.1.0.0/16]}}\n",
    );
    let names: Vec<_> = minted.files.iter().map(|file| file.name.as_str()).filter(|name| name.starts_with("worker")).collect();
    assert_eq!(names, ["worker-general.yaml", "worker-gpu.yaml"]);
    let (general, gpu) = (node(&minted, "worker-general.yaml"), node(&minted, "worker-gpu.yaml"));
    assert_eq!((general.registration.labels.len(), general.registration.taints), (0, None));
    assert_eq!(gpu.registration.labels["gpu"], "present");
    assert_eq!((gpu.registration.taints.unwrap().len(), gpu.registration.address_from.len()), (1, 1));
    assert!(text(&minted, "worker-gpu.yaml").starts_with("# worker-gpu.yaml, minted "));
}

/// Nothing is sealed, and nothing that opens anything is handed out.
#[test]
fn machines_that_have_the_pki_on_disk_are_told_so() {
    let minted = minted("pki: disk\n");
    for node in [CONTROL_PLANE_INIT, CONTROL_PLANE].map(|name| node(&minted, name)) {
        assert_eq!((node.pki, node.certificate_key, node.discovery.credential), (Some(PkiSource::Disk), None, None));
    }
}

/// The digest is of the very bytes of bundle.json; where the key is, is another matter.
#[test]
fn machines_that_fetch_the_bundle_are_told_where_and_which() {
    for key in [KeyPlace::Documents, KeyPlace::Apart] {
        let options = MintOptions { key, ..options() };
        let minted = mint(&cluster("pki: {url: 'https://files.test/b?x=1&y=%20'}\n"), &options, Basis::New, &mut random::fill).unwrap();
        let sha256 = kubeboot::digest::sha256(text(&minted, "bundle.json").as_bytes());
        for node in [CONTROL_PLANE_INIT, CONTROL_PLANE].map(|name| node(&minted, name)) {
            let url = "https://files.test/b?x=1&y=%20".to_owned();
            assert_eq!((node.pki, node.discovery.credential), (Some(PkiSource::Url { url, sha256: sha256.clone() }), None));
            assert_eq!(matches!(node.certificate_key, Some(SecretSource::Inline(_))), key == KeyPlace::Documents);
        }
    }
}

/// Whatever a cluster file can choose, every document of it is one that machines accept.
#[test]
fn documents_of_every_choice_are_read_back() {
    let mut count = 0;
    for pki in ["secret", "inline", "disk", "{url: 'http://10.0.0.5/bundle.json'}"] {
        for credential in ["bootstrapCertificate", "bootstrapToken"] {
            for starter in ["{}", "{claim: {put: 'https://s.test/c', get: 'https://s.test/c'}}", "{node: {address: 10.0.0.11}}"] {
                for key in [KeyPlace::Documents, KeyPlace::Apart].into_iter().filter(|key| (pki, *key) != ("disk", KeyPlace::Apart)) {
                    let spec =
                        cluster(&format!("pki: {pki}\ncredential: {credential}\ninitialize: {starter}\nworkers: {{a: {{}}, b-2: {{}}}}\n"));
                    let options = MintOptions { key, ..options() };
                    let minted = mint(&spec, &options, Basis::New, &mut random::fill).unwrap();
                    for file in minted.files.iter().filter(|file| file.kind == FileKind::Document) {
                        node(&minted, &file.name);
                        count += 1;
                    }
                }
            }
        }
    }
    assert_eq!(count, (3 * 2 + 1) * 2 * (4 + 3 + 4));
}

#[test]
fn break_glass_is_made_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = MintArgs { break_glass: true, ..arguments(folder.path()) };
    let told = run(&arguments).unwrap();
    assert!(told.contains("break-glass.conf: who reads it and reaches the API server is the cluster's root"), "{told}");
    let bytes = fs::read(arguments.out.join("break-glass.conf")).unwrap();
    let conf = kubeconfig::read(&bytes, "break-glass.conf").unwrap();
    let Presented::Certificate { certificate: Material::Pem(certificate), key: Material::Pem(key) } = conf.user else { panic!() };
    let ca = fs::read_to_string(arguments.out.join("pki/ca.crt")).unwrap();
    assert_eq!(client(&ca, certificate.expose(), key.expose()), "subject=O = system:masters, CN = kubernetes-super-admin");
    let hours = |option: Option<u64>| {
        let options = MintOptions { break_glass: true, admin_valid_for: option.map(std::time::Duration::from_secs), ..options() };
        let minted = mint(&cluster(""), &options, Basis::New, &mut random::fill).unwrap();
        ["admin.conf", "break-glass.conf"].map(|name| {
            let Presented::Certificate { certificate: Material::Pem(pem), .. } =
                kubeconfig::read(text(&minted, name).as_bytes(), name).unwrap().user
            else {
                panic!()
            };
            (Certificate::first(pem.expose(), name).unwrap().not_after().0 - options.now.0) / 3600
        })
    };
    assert_eq!((hours(None), hours(Some(7200))), ([168, 24], [2, 2]));
    // Of group system:masters nothing is made to last longer.
    assert_eq!(hours(Some(90 * 86_400)), [90 * 24, 24]);
}
