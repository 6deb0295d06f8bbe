//! cloud-init itself, Debian's, beside ours: what we write it reads without complaint, what it writes we read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
#[allow(dead_code, reason = "documents are read here as datasources hand them over")]
mod documents;
#[path = "datasource/host.rs"]
#[allow(dead_code, reason = "the other test asks more of a machine")]
mod host;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::act::disposal::remove_copies;
use kubeboot::datasource;
use kubeboot::document::{Document, read_node};
use kubeboot::facts::Facts;
use kubeboot::render::{Format, MintedDocument, render};
use kubeboot::secret::Secret;
use kubeboot::waiting::Early;
use serde_json::Value;

use host::Machine;

const NAMES: [&str; 4] = ["worker-certificate.yaml", "control-plane-init.yaml", "worker.json", LONG];

/// With a line longer than mail allows, as in a bundle of RSA keys.
const LONG: &str = "long lines";

fn bytes_of(name: &str) -> Vec<u8> {
    match name {
        LONG => [format!("# {}\n", "long".repeat(1000)).into_bytes(), documents::bytes("worker-certificate.yaml")].concat(),
        name => documents::bytes(name),
    }
}

/// Runs a program of the packages cloud-init, cloud-image-utils or what they need; its standard output.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; tests/prepare installs cloud-init and cloud-image-utils"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

/// cloud-init's modules are Debian's Python's alone.
fn python(folder: &Path, script: &str, arguments: &[&str]) -> Value {
    let output = run(folder, "/usr/bin/python3", &[&["-c", script], arguments].concat());
    serde_json::from_slice(&output).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output)))
}

/// Writes a rendering of one document into a folder.
fn write(format: Format, name: &str, folder: &Path) -> Secret<Vec<u8>> {
    let bytes = Secret::new(bytes_of(name));
    for file in render(format, "prod", &[MintedDocument { name: "node.yaml", bytes: &bytes }]).unwrap() {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.bytes.expose()).unwrap();
    }
    bytes
}

async fn found(machine: &Machine) -> Document {
    let facts = Facts::default();
    datasource::find(&mut Early::begin(machine, &facts).await, None, &facts).await.unwrap()
}

async fn from_seed(user_data: &[u8]) -> Vec<u8> {
    let machine = Machine::answering(Vec::new());
    let seed = machine.root.path().join("var/lib/cloud/seed/nocloud");
    fs::create_dir_all(&seed).unwrap();
    fs::write(seed.join("user-data"), user_data).unwrap();
    let document = found(&machine).await;
    read_node(&document).unwrap();
    document.bytes.expose().clone()
}

#[test]
fn the_cloud_config_is_valid() {
    for name in NAMES {
        let folder = tempfile::tempdir().unwrap();
        write(Format::CloudConfig, name, folder.path());
        let said = run(folder.path(), "cloud-init", &["schema", "--config-file", "node.yaml"]);
        assert_eq!(String::from_utf8(said).unwrap(), "Valid cloud-config: node.yaml\n");
        // It judges: the bare document is none.
        fs::write(folder.path().join("bare"), bytes_of(name)).unwrap();
        let bare = Command::new("cloud-init").args(["schema", "--config-file", "bare"]).current_dir(folder.path()).output().unwrap();
        assert!(!bare.status.success());
    }
}

/// Every part as cloud-init hands it to its handlers: type and content.
const PARTS: &str = "
import base64, json, sys
from cloudinit.helpers import Paths
from cloudinit.user_data import UserDataProcessor
message = UserDataProcessor(Paths({})).process(open(sys.argv[1], 'rb').read())
parts = [part for part in message.walk() if not part.is_multipart()]
print(json.dumps([[part.get_content_type(), base64.b64encode(part.get_payload(decode=True)).decode()] for part in parts]))
";

#[test]
fn cloud_init_finds_our_part_in_the_multi_part_and_its_own_in_the_cloud_config() {
    for (format, path, kind) in [(Format::Mime, "node.mime", "text/x-kubeboot"), (Format::CloudConfig, "node.yaml", "text/cloud-config")] {
        for name in NAMES {
            let folder = tempfile::tempdir().unwrap();
            let bytes = write(format, name, folder.path());
            let parts = python(folder.path(), PARTS, &[path]);
            let [part] = parts.as_array().unwrap().as_slice() else { panic!("{parts}") };
            assert_eq!(part[0], kind);
            let content = STANDARD.decode(part[1].as_str().unwrap()).unwrap();
            if format == Format::Mime {
                assert_eq!(content, *bytes.expose());
            }
        }
    }
}

#[tokio::test]
async fn what_make_mime_puts_together_is_read() {
    for name in NAMES {
        let folder = tempfile::tempdir().unwrap();
        let bytes = bytes_of(name);
        fs::write(folder.path().join("node.yaml"), &bytes).unwrap();
        fs::write(folder.path().join("setup.sh"), "#!/bin/sh\ntrue\n").unwrap();
        fs::write(folder.path().join("users.yaml"), "#cloud-config\nusers: []\n").unwrap();
        let attached = ["-a", "setup.sh:x-shellscript", "-a", "users.yaml:cloud-config", "-a", "node.yaml:x-kubeboot"];
        let message = run(folder.path(), "cloud-init", &[&["devel", "make-mime", "--force"], attached.as_slice()].concat());
        assert_eq!(from_seed(&message).await, bytes, "{name}");
        // And of a type that says nothing, by its looks.
        let attached = ["-a", "setup.sh:x-shellscript", "-a", "node.yaml:plain", "-a", "users.yaml:cloud-config"];
        let message = run(folder.path(), "cloud-init", &[&["devel", "make-mime", "--force"], attached.as_slice()].concat());
        assert_eq!(from_seed(&message).await, bytes, "{name}");
    }
}

/// What cloud-init's own datasource finds below `seed/nocloud`.
const NOCLOUD: &str = "
import json, os, sys
from cloudinit.helpers import Paths
from cloudinit.sources.DataSourceNoCloud import DataSourceNoCloud
folder = os.getcwd()
paths = Paths({'cloud_dir': folder, 'run_dir': folder})
source = DataSourceNoCloud({'datasource': {'NoCloud': {'fs_label': None}}}, None, paths)
assert source.get_data()
raw = source.get_userdata_raw()
import yaml
print(json.dumps([source.get_instance_id(), yaml.safe_load(raw)['kubeboot']]))
";

#[tokio::test]
async fn cloud_inits_nocloud_reads_the_folder_as_we_do() {
    for name in NAMES {
        let folder = tempfile::tempdir().unwrap();
        let bytes = write(Format::Nocloud, name, folder.path());
        fs::create_dir(folder.path().join("seed")).unwrap();
        fs::rename(folder.path().join("node"), folder.path().join("seed/nocloud")).unwrap();
        let seen = python(folder.path(), NOCLOUD, &[]);
        let meta_data = fs::read(folder.path().join("seed/nocloud/meta-data")).unwrap();
        assert_eq!(seen[0].as_str().map(str::to_owned), datasource::nocloud::instance_id(&meta_data));
        assert_eq!(seen[1].as_str().unwrap().as_bytes(), bytes.expose().as_slice(), "{name}");
        assert_eq!(from_seed(&fs::read(folder.path().join("seed/nocloud/user-data")).unwrap()).await, *bytes.expose());
    }
}

#[tokio::test]
async fn a_drive_made_by_cloud_localds_is_read() {
    for name in NAMES {
        let folder = tempfile::tempdir().unwrap();
        let bytes = write(Format::Nocloud, name, folder.path());
        run(folder.path(), "cloud-localds", &["drive.iso", "node/user-data", "node/meta-data"]);
        let label = run(folder.path(), "blkid", &["-p", "-s", "LABEL", "-o", "value", "drive.iso"]);
        let machine = Machine::answering(Vec::new());
        fs::create_dir_all(&machine.drive).unwrap();
        for file in ["user-data", "meta-data"] {
            let content = run(folder.path(), "isoinfo", &["-R", "-i", "drive.iso", "-x", &format!("/{file}")]);
            fs::write(machine.drive.join(file), content).unwrap();
        }
        // As udev links it.
        let links = machine.root.path().join("dev/disk/by-label");
        fs::create_dir_all(&links).unwrap();
        fs::write(links.join(String::from_utf8(label).unwrap().trim()), "").unwrap();
        let document = found(&machine).await;
        assert_eq!(document.bytes.expose(), bytes.expose());
        assert!(document.instance_id.unwrap().starts_with("prod-node-"));
    }
}

/// `write_files` of a `#cloud-config`, as cloud-init's own module does it.
const WRITE_FILES: &str = "
import os, pwd, sys
from cloudinit.config.cc_write_files import write_files
content = open('node.yaml.gz.b64').read()
write_files('test', [{'path': sys.argv[1], 'permissions': '0600', 'encoding': 'gz+b64', 'content': content}], pwd.getpwuid(os.getuid()).pw_name)
print('null')
";

#[tokio::test]
async fn cloud_inits_write_files_takes_what_is_gzip_in_base64() {
    for name in NAMES {
        let folder = tempfile::tempdir().unwrap();
        let bytes = write(Format::GzipBase64, name, folder.path());
        let machine = Machine::answering(Vec::new());
        let file = machine.root.path().join("etc/kubeboot/node.yaml");
        python(folder.path(), WRITE_FILES, &[file.to_str().unwrap()]);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(found(&machine).await.bytes, bytes, "{name}");
    }
}

/// What cloud-init keeps of a NoCloud datasource below `seed/nocloud`: written by its own code, as at the end of its first stage.
const PICKLED: &str = "
import os, sys
from cloudinit.helpers import Paths
from cloudinit.sources import pkl_store
from cloudinit.sources.DataSourceNoCloud import DataSourceNoCloud
folder = os.getcwd()
paths = Paths({'cloud_dir': folder, 'run_dir': folder})
source = DataSourceNoCloud({'datasource': {'NoCloud': {'fs_label': None}}}, None, paths)
assert source.get_data()
assert pkl_store(source, sys.argv[1])
print('null')
";

#[tokio::test]
async fn a_document_is_seen_in_what_cloud_init_pickles_however_it_is_wrapped() {
    let wrapped = |format: Format, path: &str| {
        let folder = tempfile::tempdir().unwrap();
        write(format, "worker-certificate.yaml", folder.path());
        fs::read(folder.path().join(path)).unwrap()
    };
    let encoded = wrapped(Format::GzipBase64, "node.yaml.gz.b64");
    let part = [b"Content-Type: text/x-kubeboot\nContent-Transfer-Encoding: base64\n\n".as_slice(), &encoded].concat();
    let others = format!("#cloud-config\nusers: []\n# {}\n", "x".repeat(999)).into_bytes();
    for (user_data, is_ours) in [
        (documents::bytes("worker-certificate.yaml"), true),
        (wrapped(Format::CloudConfig, "node.yaml"), true),
        (wrapped(Format::Mime, "node.mime"), true),
        (STANDARD.decode(encoded.trim_ascii()).unwrap(), true),
        (encoded, true),
        (part, true),
        (others, false),
    ] {
        let machine = Machine::answering(Vec::new());
        let instance = machine.root.path().join("var/lib/cloud/instances/i-1");
        fs::create_dir_all(&instance).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("seed/nocloud")).unwrap();
        fs::write(folder.path().join("seed/nocloud/user-data"), &user_data).unwrap();
        fs::write(folder.path().join("seed/nocloud/meta-data"), "instance-id: i-1\n").unwrap();
        python(folder.path(), PICKLED, &[instance.join("obj.pkl").to_str().unwrap()]);
        let left = remove_copies(&machine).await;
        assert_eq!(left.iter().filter(|task| task.contains("/i-1/obj.pkl, ")).count(), usize::from(is_ours), "{left:?}");
        assert_eq!(left.len(), usize::from(is_ours), "{left:?}: {}", String::from_utf8_lossy(&user_data));
    }
}
