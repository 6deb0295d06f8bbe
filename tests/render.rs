//! Renderings: each is read back by the datasource that it is for, byte by byte what was minted, and is the same machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
#[allow(dead_code, reason = "documents are read here as datasources hand them over")]
mod documents;
#[path = "support/golden.rs"]
mod golden;
#[path = "datasource/host.rs"]
#[allow(dead_code, reason = "the other test asks more of a machine")]
mod host;

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::datasource::{self, unwrap};
use kubeboot::document::{Document, read_node};
use kubeboot::facts::Facts;
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::host::Response;
use kubeboot::render::{Format, MintedDocument, RenderedFile, render};
use kubeboot::secret::Secret;
use kubeboot::waiting::Early;
use serde_json::Value;

use host::Machine;

const SEED: &str = "var/lib/cloud/seed/nocloud/user-data";

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

/// The one file whose path ends so.
fn file<'r>(files: &'r [RenderedFile], ending: &str) -> &'r [u8] {
    let mut found = files.iter().filter(|file| file.path.ends_with(ending));
    let file = found.next().unwrap_or_else(|| panic!("no {ending} in {:?}", files.iter().map(|file| &file.path).collect::<Vec<_>>()));
    assert_eq!(found.next(), None, "{ending}");
    file.bytes.expose()
}

async fn found(machine: &Machine, command_line: &str) -> Result<Document, Fault> {
    let facts = Facts { command_line: command_line.to_owned(), ..Facts::default() };
    datasource::find(&mut Early::begin(machine, &facts).await, None, &facts).await
}

fn put(machine: &Machine, path: &str, bytes: &[u8]) {
    let path = machine.root.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

async fn at(path: &str, bytes: &[u8]) -> Document {
    let machine = Machine::answering(Vec::new());
    put(&machine, path, bytes);
    found(&machine, "").await.unwrap()
}

/// Nothing is lost: the bytes, and with them what the machine is to be.
fn same(document: &Document, minted: &Secret<Vec<u8>>, what: &str) {
    assert_eq!(String::from_utf8_lossy(document.bytes.expose()), String::from_utf8_lossy(minted.expose()), "{what}");
    let plain = documents::document(minted.expose());
    assert_eq!(read_node(document).unwrap(), read_node(&plain).unwrap(), "{what}");
}

#[tokio::test]
async fn user_data_is_read_back_from_a_seed_folder() {
    for (name, bytes) in accepted() {
        for (format, origin) in
            [(Format::GzipBase64, " (base64, gzip)"), (Format::Mime, " (MIME part 1)"), (Format::CloudConfig, " (#cloud-config")]
        {
            let files = rendered(format, &name, &bytes);
            assert_eq!(files.len(), 1);
            let document = at(SEED, files[0].bytes.expose()).await;
            assert!(document.origin.starts_with(&format!("/{SEED}{origin}")), "{}", document.origin);
            same(&document, &bytes, &format!("{name} as {}", format.name()));
        }
    }
}

#[tokio::test]
async fn a_nocloud_folder_is_read_back_from_a_drive() {
    let mut ids = BTreeSet::new();
    for (name, bytes) in accepted() {
        let files = rendered(Format::Nocloud, &name, &bytes);
        let machine = Machine::answering(Vec::new());
        std::fs::create_dir_all(&machine.drive).unwrap();
        for file in &files {
            std::fs::write(machine.drive.join(file.path.rsplit('/').next().unwrap()), file.bytes.expose()).unwrap();
        }
        put(&machine, "dev/disk/by-label/cidata", b"");
        let document = found(&machine, "").await.unwrap();
        same(&document, &bytes, &name);
        let id = document.instance_id.unwrap();
        assert!(id.starts_with(&format!("prod-{}-", name.trim_end_matches(".yaml"))), "{id}");
        // Another document is another instance, as cloud-init sees it.
        assert!(ids.insert(id));
        let changed = Secret::new([bytes.expose().as_slice(), b"\n"].concat());
        assert_ne!(file(&rendered(Format::Nocloud, &name, &changed), "/meta-data"), file(&files, "/meta-data"));
    }
}

#[tokio::test]
async fn ignition_writes_the_file_that_is_read() {
    for (name, bytes) in accepted() {
        let configuration: Value = serde_json::from_slice(file(&rendered(Format::Ignition, &name, &bytes), ".ign")).unwrap();
        assert_eq!(configuration["ignition"]["version"], "3.0.0");
        let [written] = configuration["storage"]["files"].as_array().unwrap().as_slice() else { panic!("{name}") };
        assert_eq!(written["mode"], 0o600);
        let data = written["contents"]["source"].as_str().unwrap().strip_prefix("data:;base64,").unwrap();
        let path = written["path"].as_str().unwrap();
        same(&at(path.trim_start_matches('/'), &STANDARD.decode(data).unwrap()).await, &bytes, &name);
    }
}

#[tokio::test]
async fn ipxe_and_the_command_line_pin_what_is_served() {
    for (name, bytes) in accepted() {
        let files = rendered(Format::Ipxe, &name, &bytes);
        let text = |ending: &str| String::from_utf8(file(&files, ending).to_vec()).unwrap();
        // As iPXE expands it: settings are set line by line.
        let mut script = text(".ipxe").replace("${next-server}", "10.0.0.1");
        for setting in ["base", "options"] {
            let value = script.lines().find_map(|line| line.strip_prefix(&format!("set {setting} "))).unwrap().to_owned();
            script = script.replace(&format!("${{{setting}}}"), &value);
        }
        assert!(script.starts_with("#!ipxe\n") && !script.contains("${"), "{script}");
        let kernel = script.lines().find_map(|line| line.strip_prefix("kernel ")).unwrap().split_once(' ').unwrap().1;
        let words = text(".cmdline").replace(kubeboot::render::SERVER, "http://10.0.0.1");
        for command_line in [kernel, words.as_str()] {
            let serving = |body: &[u8]| Machine::answering(vec![Ok(Response { status: 200, body: body.to_vec() })]);
            let document = found(&serving(bytes.expose()), command_line).await.unwrap();
            assert_eq!(document.origin, format!("http://10.0.0.1/prod/{name}"));
            same(&document, &bytes, &name);
            let mut changed = bytes.expose().clone();
            changed[0] ^= 1;
            assert_eq!(found(&serving(&changed), command_line).await.unwrap_err().failure(), Failure::PinMismatch);
        }
    }
}

#[tokio::test]
async fn credentials_are_read_back_as_systemd_hands_them_over() {
    for (name, bytes) in accepted() {
        let files = rendered(Format::Credentials, &name, &bytes);
        let string = std::str::from_utf8(file(&files, "/smbios-type-11")).unwrap();
        // smbios-type-11(7): NAME=VALUE behind the first colon, to the end of the string.
        let (kind, rest) = string.split_once(':').unwrap();
        let (credential, value) = rest.split_once('=').unwrap();
        assert_eq!(kind, "io.systemd.credential.binary");
        for content in [STANDARD.decode(value).unwrap(), file(&files, &format!("/{credential}")).to_vec()] {
            let document = at(&format!("run/credentials/kubeboot.service/{credential}"), &content).await;
            assert_eq!(document.origin, "credential kubeboot.node");
            same(&document, &bytes, &name);
        }
    }
}

#[tokio::test]
async fn terraform_has_every_form_of_every_document() {
    let accepted = accepted();
    let minted: Vec<MintedDocument<'_>> = accepted.iter().map(|(name, bytes)| MintedDocument { name, bytes }).collect();
    let files = render(Format::Terraform, "prod", &minted).unwrap();
    assert_eq!(files.len(), 1);
    let all: Value = serde_json::from_slice(files[0].bytes.expose()).unwrap();
    assert_eq!(all.as_object().unwrap().len(), accepted.len());
    for (name, bytes) in &accepted {
        let forms = &all[name.trim_end_matches(".yaml")];
        let text = |form: &str| forms[form].as_str().unwrap().as_bytes().to_vec();
        for form in
            [text("user_data"), STANDARD.decode(text("user_data_base64")).unwrap(), text("user_data_base64"), text("user_data_gzip_base64")]
        {
            same(&at(SEED, &form).await, bytes, name);
        }
        assert_eq!(text("sha256"), kubeboot::digest::sha256(bytes.expose()).into_bytes());
    }
}

/// Small and without secrets, so that the forms can be looked at.
const SHOWN: &str = "# A worker.\napiVersion: kubeboot/v1alpha1\nkind: Node\ncluster: prod\n---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

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
    let packed = STANDARD.decode(file(&files, ".gz.b64").trim_ascii_end()).unwrap();
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
