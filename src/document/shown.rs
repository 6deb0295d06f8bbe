//! What of a document's text may stand in an error.

use crate::host::shown_url;
use crate::kubeadm::censor::without_secrets;

use super::field::BootstrapToken;

/// The value as an error shows it: in backquotes, one line, control characters escaped, at most 60 characters.
/// For values that are known not to be secret.
pub(super) fn shown(text: &str) -> String {
    format!("`{}`", shown_bare(text))
}

/// Whether nothing in the text is known for a secret, a URL's signature and password included.
#[must_use]
pub fn is_harmless(text: &str) -> bool {
    without_secrets(text) == text && (!text.contains("://") || shown_url(text) == text)
}

/// The same without backquotes.
pub(super) fn shown_bare(text: &str) -> String {
    // A secret may have slipped into the place of a name; cut off, it would not be known for one.
    let text = without_secrets(text);
    let text = if text.contains("://") { shown_url(&text) } else { text };
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

/// A key as a part of a field path: a key that is not shown is `…`.
pub(super) fn path_name(key: &str) -> &str {
    if is_field_name(key) { key } else { "…" }
}

/// A key as an error shows it. A key that does not look like the name of a field may be a value, even a secret, that
/// slipped into the place of a key: it is not shown.
pub(super) fn shown_name(key: &str) -> String {
    if is_field_name(key) { format!("`{key}`") } else { "this key".to_owned() }
}

/// Whether a key looks like the name of a field, so that it may be shown.
#[must_use]
pub fn is_field_name(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.len() <= 40
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'))
        && BootstrapToken::parse(key).is_err()
}
