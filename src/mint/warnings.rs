//! What a person should know before using what was minted.

use crate::document::remark::{self, Remark};
use crate::document::size::{self, Platform};
use crate::document::spec::{CredentialKind, PkiMode};
use crate::fault::Fault;
use crate::render::{Format, MintedDocument, render};

use super::{BUNDLE_FILE, DAY, FileKind, KeyPlace, Material, MintedFile};

/// A window longer than this is worth a word, seconds.
const LONG_WINDOW: i64 = 7 * DAY;

pub(super) fn all(material: &Material<'_>, files: &[MintedFile]) -> Result<Vec<String>, Fault> {
    let (spec, options) = (material.spec, &material.options);
    let mut warnings = Vec::new();
    if material.mode == PkiMode::Inline && options.key == KeyPlace::Documents {
        warnings.push(
            "pki: inline puts the CA keys and the key that opens them into every control plane's document: whoever reads such a document \
             owns the cluster, for as long as it lives"
                .to_owned(),
        );
    }
    if spec.initialize.claim.is_some() && !material.living && material.mode != PkiMode::Disk {
        warnings.push(
            "initialize.claim lets every control plane start the cluster, so that the one document that they share holds what that takes: \
             keep it as you would keep control-plane-init.yaml"
                .to_owned(),
        );
    }
    if material.again && material.mode == PkiMode::Secret {
        warnings.push(
            "pki: secret gives a control plane its keys for two hours from init only: in a cluster that is older, the new \
             control-plane.yaml joins none. For one more write pki: inline, or url"
                .to_owned(),
        );
    }
    if material.resealed && matches!(material.mode, PkiMode::Url(_)) {
        warnings.push(format!(
            "the earlier mint's {BUNDLE_FILE} is not beside its documents, so that another one was sealed: it is as good, but the earlier \
             documents hold the SHA-256 of theirs and refuse any other. To keep both good, put a copy of what lies at the URL there as \
             {BUNDLE_FILE} and mint again; or write another URL for this one"
        ));
    }
    if material.again && spec.credential == CredentialKind::BootstrapToken {
        warnings.push(
            "the bootstrap token is a new one, which a cluster that lives already does not know; for joiners of a living cluster write \
             credential: bootstrapCertificate"
                .to_owned(),
        );
    }
    if let Some(Remark { problem, advice }) = spec.control_plane.count.and_then(remark::control_planes) {
        warnings.push(format!("{problem}; {advice}"));
    }
    if options.valid_for.as_secs() > LONG_WINDOW.unsigned_abs() {
        warnings.push(format!(
            "the window is {} days long; until it ends, a leaked document can start or join the cluster",
            options.valid_for.as_secs() / DAY.unsigned_abs()
        ));
    }
    for file in files.iter().filter(|file| file.kind == FileKind::Document) {
        warnings.extend(too_large(file)?);
    }
    Ok(warnings)
}

/// A document that is more than some platforms take, and for which of them gzip is enough.
fn too_large(file: &MintedFile) -> Result<Option<String>, Fault> {
    let bytes = file.bytes.expose().len();
    let Some(Remark { problem, advice }) = remark::size(bytes) else { return Ok(None) };
    let document = MintedDocument { name: &file.name, bytes: &file.bytes };
    // Where base64 is taken it is decoded, so that what counts is what gzip makes of the document.
    let encoded: usize = render(Format::GzipBase64, "", &[document])?.iter().map(|file| file.bytes.expose().trim_ascii_end().len()).sum();
    let packed = encoded / 4 * 3;
    let still = size::exceeded(packed);
    let helped: Vec<&str> = size::exceeded(bytes).into_iter().filter(|platform| !still.contains(platform)).map(Platform::name).collect();
    let enough = if helped.is_empty() { "for none of them".to_owned() } else { format!("for {}", helped.join(" and ")) };
    Ok(Some(format!("{}: {problem}; {advice}, which makes {packed} bytes of it, enough {enough}", file.name)))
}
