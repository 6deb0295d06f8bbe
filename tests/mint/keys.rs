//! Minting from keys that are there: an earlier mint's, a living cluster's, and a key that is kept apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kubeboot::cli::mint::{MintArgs, run};
use kubeboot::document::field::CertificateKey;
use kubeboot::document::read_node;
use kubeboot::document::spec::{BootstrapCredential, NodeSpec, PkiSource, SecretSource};
use kubeboot::failure::Failure;
use kubeboot::pki::certificate::Certificate;
use kubeboot::pki::seal;

use super::folder::{arguments, mode, names, tree};
use super::{CLUSTER, CONTROL_PLANE, CONTROL_PLANE_INIT, WORKER, bundle, document, inline};

fn read(folder: &Path, name: &str) -> NodeSpec {
    let bytes = fs::read(folder.join(name)).unwrap();
    read_node(&document(name, &bytes)).unwrap_or_else(|violations| panic!("{violations}"))
}

fn from(arguments: &MintArgs, out: &str) -> MintArgs {
    let out = arguments.cluster.with_file_name(out);
    MintArgs { from: Some(arguments.out.clone()), out, ..arguments.clone() }
}

/// What was printed, however it is wrapped.
fn flat(told: &str) -> String {
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn rewrite(arguments: &MintArgs, more: &str) {
    fs::write(&arguments.cluster, format!("{CLUSTER}{more}")).unwrap();
}

#[test]
fn minted_again_from_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let first = arguments(folder.path());
    run(&first).unwrap();
    let before = tree(&first.out);
    rewrite(&first, "workers: {gpu: {labels: {gpu: present}}, general: {}}\n");
    let again = MintArgs { valid_for: Duration::from_secs(3600), ..from(&first, "again") };
    let told = run(&again).unwrap();
    let said = flat(&told);
    assert!(said.contains("Give worker-general.yaml and worker-gpu.yaml to as many machines as you like"), "{told}");
    assert!(said.contains("Give control-plane.yaml to a machine only within two hours from the cluster's init"), "{told}");
    assert_eq!(tree(&first.out), before, "what was there is as it was");
    for (name, bytes) in tree(&again.out).iter().filter(|(name, _)| name.starts_with("pki/") || name == "certificate-key") {
        assert_eq!(Some(bytes), before.iter().find(|(old, _)| old == name).map(|(_, bytes)| bytes), "{name}");
    }
    let (old, new) = (read(&first.out, WORKER), read(&again.out, "worker-gpu.yaml"));
    assert_eq!(old.discovery.certificate_authority, new.discovery.certificate_authority);
    assert_ne!(old.discovery.credential, new.discovery.credential, "a new window has a new certificate");
    let ends = |node: &NodeSpec| match &node.discovery.credential {
        Some(BootstrapCredential::Certificate { certificate, .. }) => Certificate::first(certificate, "x").unwrap().not_after(),
        other => panic!("{other:?}"),
    };
    assert!(ends(&new) < ends(&old));
    let (old, new) = (read(&first.out, CONTROL_PLANE_INIT), read(&again.out, CONTROL_PLANE_INIT));
    assert_eq!(old.certificate_key, new.certificate_key);
    let key = CertificateKey::parse(inline(new.certificate_key.as_ref().unwrap())).unwrap();
    assert_eq!(seal::open(bundle(&old).unwrap(), &key).unwrap(), seal::open(bundle(&new).unwrap(), &key).unwrap());
    // And again from that one.
    run(&MintArgs { from: Some(again.out.clone()), out: folder.path().join("third"), ..first.clone() }).unwrap();

    let fault = run(&MintArgs { out: first.out.clone(), ..again }).unwrap_err();
    assert_eq!(fault.failure(), Failure::OutputFolder, "not into the folder that it comes from");
    assert_eq!(tree(&first.out), before);
}

#[test]
fn a_new_token_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let first = arguments(folder.path());
    rewrite(&first, "credential: bootstrapToken\n");
    assert!(!run(&first).unwrap().contains("WARNING"));
    assert!(run(&from(&first, "again")).unwrap().contains("WARNING: the bootstrap token is a new one"));
}

#[test]
fn what_lies_at_the_url_stays_good() {
    let folder = tempfile::tempdir().unwrap();
    let first = arguments(folder.path());
    rewrite(&first, "pki: {url: 'http://10.0.0.5/bundle.json'}\n");
    let told = run(&first).unwrap();
    assert!(told.contains("1. Put a copy of bundle.json at the URL of the cluster file's pki, unchanged"), "{told}");
    let bytes = fs::read(first.out.join("bundle.json")).unwrap();
    let digest = kubeboot::digest::sha256(&bytes);
    for name in [CONTROL_PLANE_INIT, CONTROL_PLANE] {
        let text = fs::read_to_string(first.out.join(name)).unwrap();
        assert!(text.contains(&format!("pki:\n  url: http://10.0.0.5/bundle.json\n  sha256: \"{digest}\"\n")), "{text}");
        assert!(!text.contains("bootstrapCertificate"), "it signs for itself");
    }
    let data: std::collections::BTreeMap<String, String> = serde_json::from_slice(&bytes).unwrap();
    let key = CertificateKey::parse(fs::read_to_string(first.out.join("certificate-key")).unwrap().trim()).unwrap();
    assert_eq!(seal::open(&data, &key).unwrap().ca.certificate, fs::read_to_string(first.out.join("pki/ca.crt")).unwrap());

    let again = from(&first, "again");
    run(&again).unwrap();
    assert_eq!(fs::read(again.out.join("bundle.json")).unwrap(), bytes, "documents of both mints pin the same bytes");

    let other = MintArgs { out: folder.path().join("other"), ..first.clone() };
    run(&other).unwrap();
    let refused = |from: &Path, out: &str| {
        let fault = run(&MintArgs { from: Some(from.to_owned()), out: folder.path().join(out), ..first.clone() }).unwrap_err();
        (fault.failure(), fault.what().to_owned())
    };
    fs::copy(other.out.join("bundle.json"), again.out.join("bundle.json")).unwrap();
    assert_eq!(refused(&again.out, "x").0, Failure::CertificateKeyWrong);
    fs::copy(other.out.join("certificate-key"), again.out.join("certificate-key")).unwrap();
    assert_eq!(refused(&again.out, "x"), (Failure::PkiUnusable, "the earlier mint's bundle holds another PKI than its pki/".to_owned()));
    let twice = String::from_utf8(bytes).unwrap().replacen('{', "{\"sa.pub\": \"\", ", 1);
    for text in ["{", &twice] {
        fs::write(again.out.join("bundle.json"), text).unwrap();
        assert_eq!(refused(&again.out, "x"), (Failure::PkiUnusable, "the earlier mint's bundle can't be read".to_owned()));
    }
}

/// Gone from the folder, as when it was moved to its URL: a new one is not what older documents pin.
#[test]
fn a_bundle_that_was_moved_away_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let first = arguments(folder.path());
    const URL: &str = "pki: {url: 'http://10.0.0.5/bundle.json'}\n";
    const WARNING: &str = "WARNING: the earlier mint's bundle.json is not beside its documents, so that another one was sealed";
    rewrite(&first, URL);
    run(&first).unwrap();
    let moved = fs::read(first.out.join("bundle.json")).unwrap();
    fs::remove_file(first.out.join("bundle.json")).unwrap();
    let told = run(&from(&first, "again")).unwrap();
    assert!(flat(&told).contains(WARNING), "{told}");
    assert_ne!(fs::read(folder.path().join("again/bundle.json")).unwrap(), moved);
    // Put back, all is well.
    fs::write(first.out.join("bundle.json"), &moved).unwrap();
    assert!(!run(&from(&first, "well")).unwrap().contains("WARNING"));
    assert_eq!(fs::read(folder.path().join("well/bundle.json")).unwrap(), moved);
    // Nor is one missing where none is of use, or was ever made.
    fs::remove_file(first.out.join("bundle.json")).unwrap();
    rewrite(&first, "pki: disk\n");
    assert!(!run(&from(&first, "disk")).unwrap().contains("WARNING"));
    let disk = MintArgs { out: folder.path().join("disk"), ..first.clone() };
    rewrite(&first, URL);
    assert!(!run(&from(&disk, "from-disk")).unwrap().contains("WARNING"));
    // Where the documents are gone too, nobody knows.
    for name in [CONTROL_PLANE_INIT, CONTROL_PLANE] {
        fs::remove_file(disk.out.join(name)).unwrap();
    }
    assert!(flat(&run(&from(&disk, "unknown")).unwrap()).contains(WARNING));
}

/// Nothing is sealed, nor opened: no machine is given a key.
#[test]
fn where_the_pki_is_on_disk_no_key_is_kept_apart_and_the_files_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let first = arguments(folder.path());
    rewrite(&first, "pki: disk\n");
    let key_out = folder.path().join("the.key");
    let fault = run(&MintArgs { key_out: Some(key_out.clone()), ..first.clone() }).unwrap_err();
    assert_eq!((fault.failure(), fault.at(), fault.advice()), (Failure::CommandLine, "--key-out, pki: disk", "leave out --key-out"));
    assert_eq!(names(folder.path()), ["cluster.yaml"]);

    let files = "control plane, under the same names: ca.key, ca.crt, front-proxy-ca.key, front-proxy-ca.crt, etcd/ca.key, etcd/ca.crt, \
                 sa.key, sa.pub.";
    let told = flat(&run(&first).unwrap());
    let step = |pki: &Path, which: &str| format!("1. Put these files of {} into /etc/kubernetes/pki of {which} {files}", pki.display());
    assert!(told.contains(&step(&first.out.join("pki"), "every")), "{told}");
    // A key that was kept apart is good for the next mint, and for no machine of this one.
    fs::rename(first.out.join("certificate-key"), &key_out).unwrap();
    let told = flat(&run(&MintArgs { key: Some(key_out.clone()), ..from(&first, "again") }).unwrap());
    assert!(told.contains(&step(&folder.path().join("again/pki"), "every")) && !told.contains("credential"), "{told}");
    let pki = kubeadms(folder.path(), &ec);
    for key in [None, Some(key_out)] {
        let out = folder.path().join(if key.is_some() { "kept" } else { "living" });
        let told = flat(&run(&MintArgs { pki: Some(pki.clone()), key, out, ..first.clone() }).unwrap());
        assert!(told.contains(&step(&pki, "every new")) && !told.contains("credential"), "{told}");
    }
}

#[test]
fn what_is_secret_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let first = arguments(folder.path());
    let told = |more: &str, arguments: MintArgs| {
        rewrite(&first, more);
        let told = run(&arguments).unwrap();
        let (head, _) = told.split_once(".\n").unwrap();
        head.split_once(": ").unwrap().1.replace(&arguments.out.display().to_string(), "OUT")
    };
    // Three certificates and a public key are nobody's secret.
    assert_eq!(told("", first.clone()), "13 files in OUT, 9 of them secret");
    let apart = MintArgs { key_out: Some(folder.path().join("key")), out: folder.path().join("apart"), ..first.clone() };
    assert_eq!(told("", apart), "12 files in OUT, 8 of them secret");
    // Nor are documents without any key or credential.
    assert_eq!(told("pki: disk\n", MintArgs { out: folder.path().join("disk"), ..first.clone() }), "13 files in OUT, 7 of them secret");
    let pki = Some(kubeadms(folder.path(), &ec));
    assert_eq!(told("", MintArgs { pki, out: folder.path().join("living"), ..first.clone() }), "4 files in OUT, all secret");
}

#[test]
fn a_key_that_is_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let key_out = folder.path().join("the.key");
    let first = MintArgs { key_out: Some(key_out.clone()), ..arguments(folder.path()) };
    let told = run(&first).unwrap();
    let credential = SecretSource::Credential("kubeboot.certificate-key".to_owned());
    let hex = fs::read_to_string(&key_out).unwrap();
    assert_eq!((hex.len(), mode(&key_out)), (65, 0o600));
    assert!(
        flat(&told).contains(&format!("Give {} to control planes as the systemd credential kubeboot.certificate-key", key_out.display())),
        "{told}"
    );
    assert!(!told.contains(hex.trim()));
    for (name, bytes) in tree(&first.out) {
        assert!(!String::from_utf8(bytes).unwrap().contains(hex.trim()), "{name}");
    }
    assert!(!first.out.join("certificate-key").exists());
    for name in [CONTROL_PLANE_INIT, CONTROL_PLANE] {
        assert_eq!(read(&first.out, name).certificate_key, Some(credential.clone()), "{name}");
    }
    let key = CertificateKey::parse(hex.trim()).unwrap();
    seal::open(bundle(&read(&first.out, CONTROL_PLANE_INIT)).unwrap(), &key).unwrap();

    // It is never overwritten, nor put where it would not be apart.
    let again = MintArgs { out: folder.path().join("again"), ..first.clone() };
    let fault = run(&again).unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::OutputFolder, "the certificate key's file is there already"));
    let fault = run(&MintArgs { key_out: Some(again.out.join("key")), ..again.clone() }).unwrap_err();
    assert_eq!(fault.what(), "a key in the folder of the documents is not kept apart from them");
    let fault = run(&MintArgs { key_out: Some(folder.path().join("no/such/key")), ..again.clone() }).unwrap_err();
    assert_eq!(fault.failure(), Failure::Disk);
    assert_eq!(names(folder.path()), ["cluster.yaml", "out", "the.key"], "nothing half");

    // Minted again with it, it stays apart.
    let without = MintArgs { key_out: None, ..from(&first, "again") };
    let fault = run(&without).unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::SecretReference, "the certificate key can't be read"));
    assert!(fault.advice().contains("--key FILE"), "{fault}");
    let with = MintArgs { key: Some(key_out.clone()), ..without };
    run(&with).unwrap();
    assert_eq!(read(&with.out, CONTROL_PLANE).certificate_key, Some(credential));
    assert!(!with.out.join("certificate-key").exists());

    // Another cluster's key, and no key.
    let wrong = folder.path().join("wrong.key");
    fs::write(&wrong, format!("{}\n", "ab".repeat(32))).unwrap();
    let refused = |key: &Path| run(&MintArgs { key: Some(key.to_owned()), out: folder.path().join("x"), ..with.clone() }).unwrap_err();
    assert_eq!(refused(&wrong).failure(), Failure::CertificateKeyWrong);
    fs::write(&wrong, "hunter2").unwrap();
    let fault = refused(&wrong);
    assert_eq!((fault.failure(), fault.what()), (Failure::SecretReference, "this is no certificate key"));
    assert!(!fault.to_string().contains("hunter2"));
    assert!(!folder.path().join("x").exists());
}

/// The PKI of a cluster that kubeadm made, in the forms that it writes: PKCS#1, or SEC1 on one of its two curves.
fn kubeadms(folder: &Path, new_key: &dyn Fn(&str) -> String) -> PathBuf {
    let pki = folder.join("kubernetes/pki");
    fs::create_dir_all(pki.join("etcd")).unwrap();
    let openssl = |line: &str| {
        let output = Command::new("openssl").current_dir(&pki).args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (name, common_name) in [("ca", "kubernetes"), ("front-proxy-ca", "front-proxy-ca"), ("etcd/ca", "etcd-ca")] {
        openssl(&new_key(&format!("{name}.key")));
        openssl(&format!(
            "req -x509 -new -key {name}.key -out {name}.crt -days 3650 -subj /CN={common_name} \
             -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"
        ));
    }
    openssl(&new_key("sa.key"));
    openssl("pkey -in sa.key -pubout -out sa.pub");
    // What lies there too is nobody's business here.
    fs::write(pki.join("apiserver.crt"), "no certificate").unwrap();
    pki
}

fn rsa(name: &str) -> String {
    format!("genrsa -traditional -out {name} 2048")
}

fn ec384(name: &str) -> String {
    format!("ecparam -name secp384r1 -genkey -noout -out {name}")
}

fn ec(name: &str) -> String {
    format!("ecparam -name prime256v1 -genkey -noout -out {name}")
}

#[test]
fn a_living_clusters_pki_makes_documents_that_join_it() {
    let kinds = [("RSA PRIVATE KEY", &rsa as &dyn Fn(&str) -> String), ("EC PRIVATE KEY", &ec), ("EC PRIVATE KEY", &ec384)];
    for (label, new_key) in kinds {
        let folder = tempfile::tempdir().unwrap();
        let pki = kubeadms(folder.path(), new_key);
        assert!(fs::read_to_string(pki.join("ca.key")).unwrap().starts_with(&format!("-----BEGIN {label}-----")));
        let before = tree(&pki);
        let arguments = MintArgs { pki: Some(pki.clone()), ..arguments(folder.path()) };
        let told = run(&arguments).unwrap();
        assert_eq!(tree(&pki), before);
        assert_eq!(names(&arguments.out), [".gitignore", "admin.conf", "certificate-key", CONTROL_PLANE, WORKER]);
        let [control_plane, worker] = [CONTROL_PLANE, WORKER].map(|name| read(&arguments.out, name));
        assert_eq!((&control_plane.initialize, &worker.initialize), (&None, &None));
        let ca = fs::read_to_string(pki.join("ca.crt")).unwrap();
        assert_eq!(worker.discovery.certificate_authority, ca);
        assert!(matches!(control_plane.pki, Some(PkiSource::Inline { .. })), "{told}");
        let key = CertificateKey::parse(inline(control_plane.certificate_key.as_ref().unwrap())).unwrap();
        let opened = seal::open(bundle(&control_plane).unwrap(), &key).unwrap();
        for file in opened.files() {
            assert_eq!(file.bytes.expose(), &fs::read(pki.join(file.path)).unwrap(), "{}: byte by byte", file.path);
        }
        let Some(BootstrapCredential::Certificate { certificate, key }) = &worker.discovery.credential else { panic!("no certificate") };
        super::client(&ca, certificate, inline(key));

        // What it made can't be taken for a cluster that is to be started.
        let fault = run(&from(&arguments, "again").without_pki()).unwrap_err();
        assert_eq!((fault.failure(), fault.what()), (Failure::PkiUnusable, "a file of the cluster's PKI can't be read"));
        assert!(fault.advice().contains("minted again with --pki"), "{fault}");
        // With the same key again, it is kept apart.
        let key = arguments.out.join("certificate-key");
        let again = MintArgs { key: Some(key), out: folder.path().join("again"), ..arguments.clone() };
        run(&again).unwrap();
        assert_eq!(names(&again.out), [".gitignore", "admin.conf", CONTROL_PLANE, WORKER]);
    }
}

trait WithoutPki {
    fn without_pki(self) -> Self;
}

impl WithoutPki for MintArgs {
    fn without_pki(self) -> Self {
        Self { pki: None, ..self }
    }
}

#[test]
fn a_living_cluster_can_not_be_grown_in_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let pki = kubeadms(folder.path(), &ec);
    let arguments = MintArgs { pki: Some(pki.clone()), ..arguments(folder.path()) };
    let refused = |arguments: &MintArgs| {
        let fault = run(arguments).unwrap_err();
        assert!(!arguments.out.exists());
        (fault.failure(), fault.what().to_owned(), fault.at().to_owned())
    };
    rewrite(&arguments, "pki: secret\n");
    let (failure, what, _) = refused(&arguments);
    assert_eq!((failure, what.as_str()), (Failure::CommandLine, "no machine would upload Secret kubeadm-certs to the living cluster"));
    rewrite(&arguments, "credential: bootstrapToken\n");
    let (failure, what, _) = refused(&arguments);
    assert_eq!(failure, Failure::CommandLine);
    assert_eq!(what, "no machine would make the bootstrap token of these documents in the living cluster");
    rewrite(&arguments, "");
    for name in ["etcd/ca.key", "sa.pub"] {
        let kept = fs::read(pki.join(name)).unwrap();
        fs::remove_file(pki.join(name)).unwrap();
        let (failure, what, at) = refused(&arguments);
        assert_eq!((failure, what.as_str()), (Failure::PkiUnusable, "a file of the cluster's PKI can't be read"));
        assert_eq!(Path::new(&at), pki.join(name));
        fs::write(pki.join(name), kept).unwrap();
    }
    fs::copy(pki.join("etcd/ca.key"), pki.join("front-proxy-ca.key")).unwrap();
    let (failure, what, at) = refused(&arguments);
    assert_eq!(
        (failure, what.as_str(), at.as_str()),
        (Failure::PkiUnusable, "this key is not the key of the certificate in front-proxy-ca.crt", "front-proxy-ca.key")
    );
}
