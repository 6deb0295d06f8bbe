//! The end of a first boot, and what a disk says of earlier ones: over real files below a folder, with a `systemctl` of
//! the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kubeboot::act::disposal::{dispose, remove_copies};
use kubeboot::document::{Disposal, Document};
use kubeboot::facts::{Facts, InterfaceAddress};
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::host::local::{LocalHost, Surroundings};
use kubeboot::ledger::{Entry, Record, fold, line};
use kubeboot::plan::StepId;
use kubeboot::report::{Outcome, Report};
use kubeboot::run;
use kubeboot::secret::Secret;
use kubeboot::waiting::Early;

const ID: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// The bytes of an accepted document of the document tests.
fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document/accept").join(name)).unwrap()
}

fn document(text: &[u8]) -> Document {
    Document {
        origin: "/etc/kubeboot/node.yaml".to_owned(),
        bytes: Secret::new(text.to_vec()),
        instance_id: None,
        disposal: Disposal::Tell("delete it".to_owned()),
    }
}

struct Machine {
    folder: tempfile::TempDir,
    host: LocalHost,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = LocalHost::in_surroundings(folder.path().to_owned(), Surroundings::default());
        let machine = Self { folder, host };
        machine.systemctl("exit 0");
        machine
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, text: &[u8]) -> PathBuf {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn systemctl(&self, then: &str) {
        let called = self.at("called");
        let script = self.put("/usr/bin/systemctl", format!("#!/bin/sh\necho \"$@\" >>{}\n{then}\n", called.display()).as_bytes());
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn called(&self) -> String {
        std::fs::read_to_string(self.at("called")).unwrap_or_default()
    }

    fn ledger(&self, machine: &str, entries: &[Entry]) {
        let record = |entry: &Entry| Record { at: "2026-11-23T10:00:00Z".to_owned(), machine: machine.to_owned(), entry: entry.clone() };
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| line(&record(entry))).collect();
        self.put("/var/lib/kubeboot/ledger.jsonl", &bytes);
    }

    fn report(&self) -> Report {
        serde_json::from_slice(&std::fs::read(self.at("/run/kubeboot/status.json")).unwrap()).unwrap()
    }

    fn is_marked(&self) -> bool {
        self.at("/var/lib/kubeboot/done").join(ID).exists()
    }

    async fn without_document(&self) -> Result<(), Fault> {
        run(&self.host, Err(Fault::new(Failure::NoDocument, "this machine has no document", "datasources", "put one")), facts(ID)).await
    }

    async fn with_document(&self, name: &str, machine_id: &str) -> Fault {
        self.put("/usr/share/kubeboot/cni/flannel.yaml", include_bytes!("fixtures/cni/kube-flannel-v0.28.10.yml"));
        run(&self.host, Ok(document(&bytes(name))), facts(machine_id)).await.unwrap_err()
    }
}

async fn run(host: &LocalHost, found: Result<Document, Fault>, facts: Facts) -> Result<(), Fault> {
    run::run(Early::begin(host, &facts).await, found, facts).await
}

fn facts(machine_id: &str) -> Facts {
    Facts {
        hostname: "w-1".to_owned(),
        machine_id: machine_id.to_owned(),
        addresses: vec![InterfaceAddress { interface: "eth0".to_owned(), address: "192.0.2.21".parse().unwrap(), prefix: 24 }],
        default_interface: Some("eth0".to_owned()),
        ..Facts::default()
    }
}

fn started(node: &str) -> Entry {
    Entry::Started { cluster: "aa".repeat(32), role: "worker".to_owned(), node: node.to_owned() }
}

fn retiring() -> Vec<Entry> {
    [StepId::KubeadmJoin, StepId::Retire].into_iter().fold(vec![started("w-1")], |mut entries, step| {
        entries.push(Entry::Begun { step });
        entries
    })
}

#[tokio::test]
async fn the_document_and_cloud_inits_copies_of_it_go() {
    let machine = Machine::new();
    let document = bytes("worker-token.yaml");
    let seed = machine.put("/var/lib/cloud/seed/nocloud/user-data", &document);
    let copies = ["user-data.txt", "user-data.txt.i", "obj.pkl"].map(|name| {
        let wrapped = [b"Content-Type: multipart/mixed\n\n".as_slice(), &document].concat();
        machine.put(&format!("/var/lib/cloud/instances/i-1/{name}"), &wrapped)
    });
    let foreign = machine.put("/var/lib/cloud/instances/i-0/user-data.txt", b"#cloud-config\n{}\n");
    assert_eq!(dispose(&machine.host, &Disposal::Remove(vec!["/var/lib/cloud/seed/nocloud/user-data".into()])).await, [""; 0]);
    let left = remove_copies(&machine.host).await;
    assert!(!seed.exists() && !copies[0].exists() && !copies[1].exists());
    assert!(copies[2].exists() && foreign.exists());
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(
        left[0].starts_with("delete /var/lib/cloud/instances/i-1/obj.pkl, in which cloud-init keeps this machine's document"),
        "{left:?}"
    );
}

/// However it is wrapped: in a part, in gzip, encoded within cloud-init's own `write_files`.
#[tokio::test]
async fn copies_of_a_wrapped_document_go_too() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use std::io::Write;
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let encoded = STANDARD.encode(packed(&bytes("worker-token.yaml")));
    let part = format!("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/x-kubeboot\n\n{encoded}\n--b--\n");
    let written = format!("#cloud-config\nwrite_files:\n  - {{path: /etc/kubeboot/node.yaml, encoding: gz+b64, content: {encoded}}}\n");
    let written_in_part = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n{}\n--b--\n",
        STANDARD.encode(&written)
    );
    for user_data in [encoded.as_bytes(), part.as_bytes(), written.as_bytes(), written_in_part.as_bytes(), &packed(written.as_bytes())] {
        let machine = Machine::new();
        let copy = machine.put("/var/lib/cloud/instances/i-1/user-data.txt", user_data);
        machine.put("/var/lib/cloud/instances/i-1/obj.pkl", &pickled(user_data));
        machine.put("/var/lib/cloud/instances/i-1/cloud-config.txt", written.as_bytes());
        // Another agent's, of the same form.
        machine.put("/var/lib/cloud/instances/i-0/obj.pkl", &pickled(&packed(&[b"#cloud-config\n".as_slice(), &[b'#'; 999]].concat())));
        // The second time is that of a run whose power was cut after the copies were removed.
        for _ in 0..2 {
            let left = remove_copies(&machine.host).await;
            assert!(!copy.exists(), "{}", String::from_utf8_lossy(user_data));
            assert_eq!(left.len(), 2, "{left:?}");
            assert!(left[0].contains("/i-1/obj.pkl, ") && left[1].contains("/i-1/cloud-config.txt, "), "{left:?}");
        }
    }
}

/// As Python pickles an object with this in it by protocol 4: a string, or bytes if it is none.
fn pickled(bytes: &[u8]) -> Vec<u8> {
    let kind = if std::str::from_utf8(bytes).is_ok() { b"X" } else { b"B" };
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let before = b"\x80\x04\x95\0\0\0\0\0\0\0\0}\x94\x8c\x0cuserdata_raw\x94";
    [before.as_slice(), kind, &length, bytes, b"\x94s."].concat()
}

/// One whose every fifth byte begins what looks like a text of a mebibyte would be looked through for hours.
#[tokio::test]
async fn a_pickle_that_is_full_of_texts_is_told() {
    let machine = Machine::new();
    machine.put("/var/lib/cloud/instances/i-1/obj.pkl", &b"B\0\0\x10\0".repeat(1 << 20));
    let left = remove_copies(&machine.host).await;
    assert!(matches!(left.as_slice(), [task] if task.contains("/i-1/obj.pkl, ")), "{left:?}");
}

/// A part of another agent's that is larger than any document hides nothing of what is beside it.
#[tokio::test]
async fn a_copy_beside_a_large_part_goes_too() {
    let machine = Machine::new();
    let mut copy = b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/octet-stream\n\n".to_vec();
    copy.extend(vec![b'x'; 2 << 20]);
    copy.extend(b"\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n");
    copy.extend(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes("worker-token.yaml")).into_bytes());
    copy.extend(b"\n--b--\n");
    let file = machine.put("/var/lib/cloud/instances/i-1/user-data.txt.i", &copy);
    assert_eq!(remove_copies(&machine.host).await, [""; 0]);
    assert!(!file.exists());
}

#[tokio::test]
async fn what_cant_be_removed_is_told_and_no_failure() {
    let machine = Machine::new();
    machine.put("/seed/user-data/not-empty", b"");
    let left = dispose(&machine.host, &Disposal::Remove(vec!["/seed/user-data".into()])).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].starts_with("delete /seed/user-data, which holds this machine's document with its secrets: "), "{left:?}");
    assert_eq!(dispose(&machine.host, &Disposal::Tell("detach it".to_owned())).await, ["detach it"]);
    assert_eq!(dispose(&machine.host, &Disposal::Remove(vec!["/seed/gone".into()])).await, [""; 0]);
}

/// The power went between the removal of the document and the marker.
#[tokio::test]
async fn a_restart_without_the_document_finishes_retiring() {
    let machine = Machine::new();
    machine.ledger(ID, &retiring());
    let copy = machine.put("/var/lib/cloud/instances/i-1/user-data.txt", &bytes("worker-token.yaml"));
    machine.put("/var/lib/cloud/instances/i-1/obj.pkl", &pickled(&bytes("worker-token.yaml")));
    let config = machine.put("/run/kubeboot/kubeadm/join.json", b"{}");
    machine.without_document().await.unwrap();
    assert!(machine.is_marked() && !config.exists());
    assert_eq!(machine.called(), "disable --quiet kubeboot.service\n");
    let report = machine.report();
    assert_eq!((report.outcome, report.exit_code, report.node.as_str()), (Outcome::Done, Some(0), "w-1"));
    assert!(!copy.exists());
    let [task] = report.left_to_do.as_slice() else { panic!("{:?}", report.left_to_do) };
    assert!(task.starts_with("delete /var/lib/cloud/instances/i-1/obj.pkl, in which cloud-init keeps"), "{task}");
    let progress = fold(&std::fs::read(machine.at("/var/lib/kubeboot/ledger.jsonl")).unwrap()).unwrap();
    assert!(progress.done.contains(&StepId::Retire));
}

/// Its document gone, this machine finds what lies in a later datasource.
#[tokio::test]
async fn what_is_no_document_of_ours_does_not_keep_it_from_retiring() {
    let machine = Machine::new();
    machine.ledger(ID, &retiring());
    let found = document(b"#cloud-config\nruncmd: []\n");
    run(&machine.host, Ok(found.clone()), facts(ID)).await.unwrap();
    assert!(machine.is_marked());
    let fresh = Machine::new();
    assert_eq!(run(&fresh.host, Ok(found), facts(ID)).await.unwrap_err().failure(), Failure::DocumentInvalid);
    assert!(!fresh.is_marked());
}

#[tokio::test]
async fn a_unit_that_cant_be_disabled_is_left_to_do() {
    let machine = Machine::new();
    machine.ledger(ID, &retiring());
    machine.systemctl("echo 'Read-only file system' >&2; exit 1");
    machine.without_document().await.unwrap();
    assert!(machine.is_marked());
    assert_eq!(machine.report().left_to_do.len(), 1);
    assert!(machine.report().left_to_do[0].ends_with("Read-only file system"));
}

#[tokio::test]
async fn without_a_document_nothing_else_is_done() {
    let machine = Machine::new();
    assert_eq!(machine.without_document().await.unwrap_err().what(), "this machine has no document");
    machine.ledger(ID, &[started("w-1"), Entry::Begun { step: StepId::KubeadmJoin }]);
    assert_eq!(machine.without_document().await.unwrap_err().what(), "this machine has no document");
    assert!(!machine.is_marked());
    assert_eq!((machine.called(), machine.report().outcome), (String::new(), Outcome::Failed));
}

#[tokio::test]
async fn a_clone_of_a_finished_or_an_unfinished_disk_halts() {
    let halts = async |machine: Machine, at: &str| {
        for fault in [machine.without_document().await.unwrap_err(), machine.with_document("worker-token.yaml", ID).await] {
            assert_eq!(
                (fault.failure(), fault.what(), fault.at()),
                (Failure::CloneOfAnother, "this disk was the first boot of another machine", at)
            );
            assert!(fault.why().unwrap().contains(OTHER), "{fault}");
        }
        assert!(!machine.is_marked());
    };
    let finished = Machine::new();
    finished.put(&format!("/var/lib/kubeboot/done/{OTHER}"), b"");
    halts(finished, "/var/lib/kubeboot/done").await;
    let unfinished = Machine::new();
    unfinished.ledger(OTHER, &retiring());
    halts(unfinished, "/var/lib/kubeboot/ledger.jsonl").await;
}

/// Until kubeadm was begun nothing binds a machine to a document; from then on, only its own will do.
#[tokio::test]
async fn a_document_binds_from_kubeadm_on() {
    let machine = Machine::new();
    machine.ledger(ID, &[started("another")]);
    assert_eq!(machine.with_document("worker-token.yaml", ID).await.at(), "step preflight", "there is no kubeadm here");
    machine.ledger(ID, &[started("another"), Entry::Begun { step: StepId::KubeadmJoin }]);
    let fault = machine.with_document("worker-token.yaml", ID).await;
    assert_eq!(fault.failure(), Failure::DocumentDiffers);
    assert!(fault.what().starts_with("the document is for another cluster, role or node"), "{fault}");
}

#[tokio::test]
async fn a_machine_without_an_id_ends_in_preflight_and_leaves_no_line_by_nobody() {
    let machine = Machine::new();
    let fault = machine.with_document("worker-token.yaml", "").await;
    assert_eq!(fault.at(), "step preflight");
    assert!(fault.why().unwrap().contains("/etc/machine-id is missing or empty"), "{fault}");
    assert!(!Path::exists(&machine.at("/var/lib/kubeboot/ledger.jsonl")));
}
