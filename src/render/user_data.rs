//! User-data: compressed, as a MIME part, in a `#cloud-config`, on a NoCloud drive.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};

use super::{MintedDocument, RenderedFile};
use crate::datasource::unwrap::{KEY, PART_TYPE};
use crate::digest::sha256;
use crate::emit::Page;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::secret::Secret;

/// RFC 1952's "unknown": a file that is the same wherever it was made.
const NO_SYSTEM: u8 = 255;
/// Longest line that 7bit allows, RFC 2045.
const LINE: usize = 998;
/// Longest line of encoded text, RFC 2045.
const ENCODED_LINE: usize = 76;

/// gzip in base64, on one line: what an API's field takes.
pub(super) fn gzip_base64(document: MintedDocument<'_>) -> Result<RenderedFile, Fault> {
    Ok(RenderedFile::new(format!("{}.yaml.gz.b64", document.stem()), packed(document)? + "\n"))
}

/// gzip in base64, without a line's end.
pub(super) fn packed(document: MintedDocument<'_>) -> Result<String, Fault> {
    let bytes = document.bytes.expose();
    // No time and no name in its header.
    let mut encoder = GzBuilder::new().operating_system(NO_SYSTEM).write(Vec::with_capacity(bytes.len()), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish()).map(Secret::new).map_err(|error| {
        Fault::new(Failure::Bug, "a document can't be compressed", document.name, "report this as a bug of kubeboot")
            .because(error.to_string())
    })?;
    Ok(STANDARD.encode(packed.expose()))
}

/// A multi-part of one part of our own type; others may be added to it.
pub(super) fn mime(document: MintedDocument<'_>) -> Result<RenderedFile, Fault> {
    let text = document.text()?;
    // Of no use as a line of the document, which does not hold its own digest.
    let boundary = format!("kubeboot-{}", sha256(text.as_bytes()));
    // Python, and cloud-init with it, takes what is not ASCII for another encoding than it is.
    let (encoding, body) = match text.is_ascii() && text.ends_with('\n') {
        true if text.lines().all(|line| line.len() <= LINE) => ("7bit", text.to_owned()),
        true => ("binary", text.to_owned()),
        false => ("base64", encoded_lines(text)),
    };
    let message = format!(
        "Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\
         MIME-Version: 1.0\n\
         \n\
         --{boundary}\n\
         Content-Type: {PART_TYPE}; charset=\"utf-8\"\n\
         Content-Transfer-Encoding: {encoding}\n\
         Content-Disposition: attachment; filename=\"{}\"\n\
         \n\
         {body}\n\
         --{boundary}--\n",
        document.name
    );
    Ok(RenderedFile::new(format!("{}.mime", document.stem()), message))
}

fn encoded_lines(text: &str) -> String {
    let mut lines = String::new();
    for (at, character) in STANDARD.encode(text).chars().enumerate() {
        if at > 0 && at % ENCODED_LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines
}

/// A `#cloud-config` with our key alone.
pub(super) fn cloud_config(document: MintedDocument<'_>) -> Result<RenderedFile, Fault> {
    Ok(RenderedFile::new(format!("{}.yaml", document.stem()), in_cloud_config(document)?))
}

fn in_cloud_config(document: MintedDocument<'_>) -> Result<String, Fault> {
    let mut page = Page::new();
    page.block(KEY, document.text()?);
    let page = page.finish();
    Ok(format!("#cloud-config\n{}", String::from_utf8_lossy(page.expose())))
}

/// A folder for each document: what goes on a drive with label `cidata`, or into `/var/lib/cloud/seed/nocloud`. A
/// `#cloud-config`, so that cloud-init on the same machine finds nothing to complain of. The instance id changes with the
/// document, so that cloud-init takes a machine with a new one for a new machine.
pub(super) fn nocloud(cluster: &str, document: MintedDocument<'_>) -> Result<[RenderedFile; 2], Fault> {
    let stem = document.stem();
    let digest: String = sha256(document.bytes.expose()).chars().take(12).collect();
    Ok([
        RenderedFile::new(format!("{stem}/user-data"), in_cloud_config(document)?),
        RenderedFile::new(format!("{stem}/meta-data"), format!("instance-id: {cluster}-{stem}-{digest}\n")),
    ])
}
