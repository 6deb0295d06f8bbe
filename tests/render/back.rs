//! Renderings as their platforms hand them over, read by the datasources that they are for.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::datasource;
use kubeboot::document::Document;
use kubeboot::facts::Facts;
use kubeboot::fault::Fault;
use kubeboot::host::Response;
use kubeboot::render::{Format, MintedDocument, RenderedFile, SERVER};
use kubeboot::waiting::Early;
use serde_json::Value;

use super::host::Machine;

/// Where user-data is found that is on the machine's disk.
pub const SEED: &str = "var/lib/cloud/seed/nocloud/user-data";

/// The one file whose path ends so.
pub fn file<'r>(files: &'r [RenderedFile], ending: &str) -> &'r [u8] {
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

/// What a machine finds whose kernel has this command line and is served this body.
pub async fn served(body: &[u8], command_line: &str) -> Result<Document, Fault> {
    found(&Machine::answering(vec![Ok(Response { status: 200, body: body.to_vec() })]), command_line).await
}

/// One document in each way in which the platforms of its form hand it over. `files` are that document's in this form,
/// but for Terraform, where they are all documents'.
pub async fn read(format: Format, minted: MintedDocument<'_>, files: &[RenderedFile]) -> Vec<Document> {
    let mut documents = Vec::new();
    match format {
        Format::GzipBase64 | Format::Mime | Format::CloudConfig => {
            assert_eq!(files.len(), 1);
            documents.push(at(SEED, files[0].bytes.expose()).await);
        }
        Format::Nocloud => documents.push(drive(files).await),
        Format::Ignition => documents.push(ignition(files).await),
        Format::Ipxe => {
            for command_line in command_lines(files) {
                documents.push(served(minted.bytes.expose(), &command_line).await.unwrap());
            }
        }
        Format::Credentials => documents.extend(credentials(files).await),
        Format::Terraform => {
            let all: Value = serde_json::from_slice(file(files, "kubeboot.json")).unwrap();
            let forms = &all[minted.name.trim_end_matches(".yaml")];
            let text = |form: &str| forms[form].as_str().unwrap().as_bytes().to_vec();
            let base64 = text("user_data_base64");
            // A provider hands on what it is given, or decodes it first.
            for form in [text("user_data"), STANDARD.decode(&base64).unwrap(), base64, text("user_data_gzip_base64")] {
                documents.push(at(SEED, &form).await);
            }
        }
    }
    documents
}

async fn drive(files: &[RenderedFile]) -> Document {
    let machine = Machine::answering(Vec::new());
    std::fs::create_dir_all(&machine.drive).unwrap();
    for file in files {
        std::fs::write(machine.drive.join(Path::new(&file.path).file_name().unwrap()), file.bytes.expose()).unwrap();
    }
    put(&machine, "dev/disk/by-label/cidata", b"");
    found(&machine, "").await.unwrap()
}

/// As Ignition writes it.
async fn ignition(files: &[RenderedFile]) -> Document {
    let configuration: Value = serde_json::from_slice(file(files, ".ign")).unwrap();
    assert_eq!(configuration["ignition"]["version"], "3.0.0");
    let [written] = configuration["storage"]["files"].as_array().unwrap().as_slice() else { panic!("{configuration}") };
    assert_eq!(written["mode"], 0o600);
    let data = written["contents"]["source"].as_str().unwrap().strip_prefix("data:;base64,").unwrap();
    let path = written["path"].as_str().unwrap();
    at(path.trim_start_matches('/'), &STANDARD.decode(data).unwrap()).await
}

/// The kernel's, from the script as iPXE expands it (settings are set line by line) and from the words for other boot loaders.
pub fn command_lines(files: &[RenderedFile]) -> [String; 2] {
    let text = |ending: &str| String::from_utf8(file(files, ending).to_vec()).unwrap();
    let mut script = text(".ipxe").replace("${next-server}", "10.0.0.1");
    for setting in ["base", "options"] {
        let value = script.lines().find_map(|line| line.strip_prefix(&format!("set {setting} "))).unwrap().to_owned();
        script = script.replace(&format!("${{{setting}}}"), &value);
    }
    assert!(script.starts_with("#!ipxe\n") && !script.contains("${"), "{script}");
    let kernel = script.lines().find_map(|line| line.strip_prefix("kernel ")).unwrap().split_once(' ').unwrap().1.to_owned();
    [kernel, text(".cmdline").replace(SERVER, "http://10.0.0.1")]
}

/// As systemd hands over the SMBIOS string, and the file: smbios-type-11(7), NAME=VALUE behind the first colon, to the end
/// of the string.
async fn credentials(files: &[RenderedFile]) -> [Document; 2] {
    let string = std::str::from_utf8(file(files, "/smbios-type-11")).unwrap();
    let (kind, rest) = string.split_once(':').unwrap();
    let (credential, value) = rest.split_once('=').unwrap();
    assert_eq!(kind, "io.systemd.credential.binary");
    let path = format!("run/credentials/kubeboot.service/{credential}");
    let documents = [at(&path, &STANDARD.decode(value).unwrap()).await, at(&path, file(files, &format!("/{credential}"))).await];
    assert!(documents.iter().all(|document| document.origin == "credential kubeboot.node"));
    documents
}
