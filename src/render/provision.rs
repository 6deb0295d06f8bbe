//! What provisioning tools take: Ignition, Terraform and OpenTofu.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{MintedDocument, RenderedFile, user_data};
use crate::digest::sha256;
use crate::fault::Fault;

/// Where the file datasource looks.
const PATH: &str = "/etc/kubeboot/node.yaml";
/// rw for root alone; JSON knows no octal.
const MODE: u32 = 0o600;
/// The oldest of spec 3: every Ignition since reads it.
const SPEC: &str = "3.0.0";

/// An Ignition configuration that writes the file. <https://coreos.github.io/ignition/configuration-v3_0/>
pub(super) fn ignition(document: MintedDocument<'_>) -> RenderedFile {
    let source = format!("data:;base64,{}", STANDARD.encode(document.bytes.expose()));
    let configuration = json!({
        "ignition": {"version": SPEC},
        "storage": {"files": [{"path": PATH, "mode": MODE, "contents": {"source": source}}]},
    });
    RenderedFile::new(format!("{}.ign", document.stem()), format!("{configuration}\n"))
}

/// One object: document name → the document in the forms that providers' arguments take.
pub(super) fn terraform(documents: &[MintedDocument<'_>]) -> Result<RenderedFile, Fault> {
    let mut all = Map::new();
    for document in documents.iter().copied() {
        let bytes = document.bytes.expose();
        let forms = json!({
            "user_data": document.text()?,
            "user_data_base64": STANDARD.encode(bytes),
            "user_data_gzip_base64": user_data::packed(document)?,
            "sha256": sha256(bytes),
        });
        all.insert(document.stem().to_owned(), forms);
    }
    Ok(RenderedFile::new("kubeboot.json", format!("{:#}\n", Value::Object(all))))
}
