//! Renderings: each is read back by the datasource that it is for, byte by byte what was minted, and is the same machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "render/back.rs"]
mod back;
#[path = "render/cluster_files.rs"]
mod cluster_files;
#[path = "support/documents.rs"]
#[allow(dead_code, reason = "documents are read here as datasources hand them over")]
mod documents;
#[path = "support/golden.rs"]
mod golden;
#[path = "datasource/host.rs"]
#[allow(dead_code, reason = "the other test asks more of a machine")]
mod host;
#[path = "render/identity.rs"]
mod identity;
#[path = "support/numbers.rs"]
mod numbers;

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::datasource::unwrap;
use kubeboot::document::{Document, read_node};
use kubeboot::failure::Failure;
use kubeboot::render::{Format, MintedDocument, RenderedFile, render};
use kubeboot::secret::Secret;
use serde_json::Value;

const DOCUMENTS: [&str; 3] = ["control-plane-init.yaml", "control-plane.yaml", "worker.yaml"];

/// `kubeboot mint FOLDER/cluster.yaml --out FOLDER/out`; exit code, standard output, standard error.
fn mint(folder: &Path, more: &str, options: &[&str]) -> (i32, String, String) {
    let cluster = "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: v1.37.2\n\
                   controlPlaneEndpoint: api.prod.example.com:6443\nnetworking: {podSubnet: 10.244.0.0/16}\ncni: {name: flannel}\n";
    std::fs::write(folder.join("cluster.yaml"), format!("{cluster}{more}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kubeboot"))
        .args(["mint", "cluster.yaml", "--out", "out"])
        .args(options)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Accepted documents of every form: comments, several documents in one, JSON, CRLF, a byte-order mark.
fn accepted() -> Vec<(String, Secret<Vec<u8>>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/document/accept");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("cluster"))
        .map(|name| (name.clone(), Secret::new(documents::bytes(&name))))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(found.len() > 10);
    // A bundle of RSA keys has lines longer than mail allows.
    let long = format!("# {}\n", "long".repeat(1000)).into_bytes();
    found.push(("long-lines.yaml".to_owned(), Secret::new([long, documents::bytes("worker-certificate.yaml")].concat())));
    // And what is rendered in earnest; `inline` has the largest of every kind.
    let folder = tempfile::tempdir().unwrap();
    mint(folder.path(), "pki: inline\n", &[]);
    for name in DOCUMENTS {
        found.push((format!("minted-{name}"), Secret::new(std::fs::read(folder.path().join("out").join(name)).unwrap())));
    }
    found
}

fn rendered(format: Format, name: &str, bytes: &Secret<Vec<u8>>) -> Vec<RenderedFile> {
    render(format, "prod", &[MintedDocument { name, bytes }]).unwrap()
}

/// Nothing is lost: the bytes, and with them what the machine is to be.
fn same(document: &Document, minted: &Secret<Vec<u8>>, what: &str) {
    assert_eq!(String::from_utf8_lossy(document.bytes.expose()), String::from_utf8_lossy(minted.expose()), "{what}");
    let plain = documents::document(minted.expose());
    assert_eq!(read_node(document).unwrap(), read_node(&plain).unwrap(), "{what}");
}

#[tokio::test]
async fn every_form_of_every_document_is_read_back() {
    for (name, bytes) in accepted() {
        let minted = MintedDocument { name: &name, bytes: &bytes };
        for format in Format::ALL {
            for document in back::read(*format, minted, &rendered(*format, &name, &bytes)).await {
                same(&document, &bytes, &format!("{name} as {}", format.name()));
            }
        }
    }
}

#[tokio::test]
async fn the_origin_says_what_the_document_was_wrapped_in() {
    let (name, bytes) = accepted().remove(0);
    for (format, origin) in
        [(Format::GzipBase64, " (base64, gzip)"), (Format::Mime, " (MIME part 1)"), (Format::CloudConfig, " (#cloud-config")]
    {
        let minted = MintedDocument { name: &name, bytes: &bytes };
        let [document] = back::read(format, minted, &rendered(format, &name, &bytes)).await.try_into().unwrap();
        assert!(document.origin.starts_with(&format!("/{}{origin}", back::SEED)), "{}", document.origin);
    }
}

#[tokio::test]
async fn a_changed_document_is_another_instance() {
    let mut ids = BTreeSet::new();
    for (name, bytes) in accepted() {
        let files = rendered(Format::Nocloud, &name, &bytes);
        let [document] = back::read(Format::Nocloud, MintedDocument { name: &name, bytes: &bytes }, &files).await.try_into().unwrap();
        let id = document.instance_id.unwrap();
        assert!(id.starts_with(&format!("prod-{}-", name.trim_end_matches(".yaml"))), "{id}");
        // As cloud-init sees it.
        assert!(ids.insert(id));
        let changed = Secret::new([bytes.expose().as_slice(), b"\n"].concat());
        assert_ne!(back::file(&rendered(Format::Nocloud, &name, &changed), "/meta-data"), back::file(&files, "/meta-data"));
    }
}

#[tokio::test]
async fn ipxe_and_the_command_line_pin_what_is_served() {
    for (name, bytes) in accepted() {
        for command_line in back::command_lines(&rendered(Format::Ipxe, &name, &bytes)) {
            let mut changed = bytes.expose().clone();
            changed[0] ^= 1;
            assert_eq!(back::served(&changed, &command_line).await.unwrap_err().failure(), Failure::PinMismatch);
            assert_eq!(back::served(bytes.expose(), &command_line).await.unwrap().origin, format!("http://10.0.0.1/prod/{name}"));
        }
    }
}

#[tokio::test]
async fn terraform_has_every_document_in_one_file() {
    let accepted = accepted();
    let minted: Vec<MintedDocument<'_>> = accepted.iter().map(|(name, bytes)| MintedDocument { name, bytes }).collect();
    let files = render(Format::Terraform, "prod", &minted).unwrap();
    assert_eq!(files.len(), 1);
    let all: Value = serde_json::from_slice(files[0].bytes.expose()).unwrap();
    assert_eq!(all.as_object().unwrap().len(), accepted.len());
    for (document, (name, bytes)) in minted.into_iter().zip(&accepted) {
        for read in back::read(Format::Terraform, document, &files).await {
            same(&read, bytes, name);
        }
        assert_eq!(all[name.trim_end_matches(".yaml")]["sha256"], kubeboot::digest::sha256(bytes.expose()));
    }
}

/// Small and without secrets, so that the forms can be looked at.
const SHOWN: &str = "# A worker.\napiVersion: kubeboot/v1alpha1\nkind: Node\ncluster: prod\n\
                     ---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

#[test]
fn the_forms_are_the_same_wherever_they_are_made() {
    let bytes = Secret::new(SHOWN.as_bytes().to_vec());
    let documents = [MintedDocument { name: "control-plane.yaml", bytes: &bytes }, MintedDocument { name: "worker.yaml", bytes: &bytes }];
    for format in Format::ALL {
        let mut paths = BTreeSet::new();
        for file in render(*format, "prod", &documents).unwrap() {
            assert!(paths.insert(file.path.clone()), "{} twice", file.path);
            if !file.path.starts_with("control-plane") {
                golden::golden(&format!("render/{}/{}", format.name(), file.path), std::str::from_utf8(file.bytes.expose()).unwrap());
            }
        }
    }
}

#[test]
fn gzip_is_what_gzip_reads() {
    let bytes = Secret::new(documents::bytes("worker-certificate.yaml"));
    let files = rendered(Format::GzipBase64, "worker.yaml", &bytes);
    let packed = STANDARD.decode(back::file(&files, ".gz.b64").trim_ascii_end()).unwrap();
    assert!(packed.len() < bytes.expose().len());
    let mut gzip = Command::new("gzip").args(["-d", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip");
    gzip.stdin.take().unwrap().write_all(&packed).unwrap();
    let output = gzip.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, *bytes.expose());
}

#[test]
fn renderings_within_renderings_are_read_back() {
    // gzip-base64 is two layers, the others are one; six are allowed.
    let formats = [Format::GzipBase64, Format::Mime, Format::CloudConfig];
    let cost = |format: Format| if format == Format::GzipBase64 { 2 } else { 1 };
    let mut tried = 0;
    for (name, plain) in accepted() {
        let mut waiting: Vec<(u32, Secret<Vec<u8>>)> = vec![(0, plain.clone())];
        while let Some((layers, bytes)) = waiting.pop() {
            let document = Document { bytes: bytes.clone(), ..documents::document(b"") };
            assert_eq!(unwrap::unwrap(document).unwrap().bytes, plain, "{name}, {layers} layers");
            tried += 1;
            for format in formats.into_iter().filter(|format| layers + cost(*format) <= 6) {
                // Larger than anybody's; every nesting is tried up to here.
                if layers < 4 {
                    waiting.push((layers + cost(format), rendered(format, "worker.yaml", &bytes).remove(0).bytes));
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

#[test]
fn what_is_no_text_is_a_bug_and_not_rendered() {
    let bytes = Secret::new(vec![0xff]);
    for format in [Format::Mime, Format::CloudConfig, Format::Nocloud, Format::Terraform] {
        let fault = render(format, "prod", &[MintedDocument { name: "worker.yaml", bytes: &bytes }]).unwrap_err();
        assert_eq!(fault.failure(), Failure::Bug);
    }
}

/// Every file and folder below one.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.into_iter().flat_map(|path| if path.is_dir() { [vec![path.clone()], below(&path)].concat() } else { vec![path] }).collect()
}

#[test]
fn mint_writes_the_forms_that_are_asked_for_beside_the_documents() {
    let folder = tempfile::tempdir().unwrap();
    let asked: Vec<&str> = Format::ALL.iter().flat_map(|format| ["--render", format.name()]).chain(["--render", "mime"]).collect();
    let (code, said, wrong) = mint(folder.path(), "", &asked);
    assert_eq!((code, wrong.as_str()), (0, ""));
    let out = folder.path().join("out");
    let minted: Vec<(&str, Secret<Vec<u8>>)> =
        DOCUMENTS.map(|name| (name, Secret::new(std::fs::read(out.join(name)).unwrap()))).into_iter().collect();
    let documents: Vec<MintedDocument<'_>> = minted.iter().map(|(name, bytes)| MintedDocument { name, bytes }).collect();
    for format in Format::ALL {
        let place = out.join(format.name());
        let files = render(*format, "prod", &documents).unwrap();
        for file in &files {
            assert_eq!(std::fs::read(place.join(&file.path)).unwrap(), *file.bytes.expose(), "{}", file.path);
        }
        assert_eq!(below(&place).iter().filter(|path| path.is_file()).count(), files.len(), "{}", format.name());
        assert_eq!(said.matches(&format!("\n{}/ ", format.name())).count(), 1, "{said}");
    }
    for path in below(&out) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    // What is not asked for is not there.
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(mint(folder.path(), "", &[]).0, 0);
    assert!(Format::ALL.iter().all(|format| !folder.path().join("out").join(format.name()).exists()));
    let (code, _, wrong) = mint(tempfile::tempdir().unwrap().path(), "", &["--render", "qcow2"]);
    assert_eq!(code, 2);
    assert!(wrong.contains("gzip-base64, mime, cloud-config, ignition, nocloud, ipxe, credentials, terraform"), "{wrong}");
}
