//! PEM (RFC 7468): the sections of a text, and a section as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize;

use crate::secret::Secret;

/// One `-----BEGIN label-----` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The label: `CERTIFICATE`, `EC PRIVATE KEY`, …
    pub label: String,
    /// The contents, decoded. `None` if they are not base64, as in keys with a passphrase and in torn files.
    pub der: Option<Secret<Vec<u8>>>,
}

/// The sections of a text, in order. Text outside of sections is no part of PEM and is left out, as Go leaves it;
/// a section without its end line counts as one that can't be decoded.
#[must_use]
pub fn sections(text: &str) -> Vec<Section> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) else { continue };
        let mut body = String::with_capacity(text.len());
        let mut closed = false;
        for line in lines.by_ref() {
            if let Some(end) = line.strip_prefix("-----END ").and_then(|rest| rest.strip_suffix("-----")) {
                closed = end == label;
                break;
            }
            body.push_str(line.trim());
        }
        let der = if closed { STANDARD.decode(&body).ok().map(Secret::new) } else { None };
        body.zeroize();
        found.push(Section { label: label.to_owned(), der });
    }
    found
}

/// A section as text, 64 characters a line, with a line end after the last.
#[must_use]
pub fn write(label: &str, der: &[u8]) -> String {
    let mut body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    body.zeroize();
    text
}
