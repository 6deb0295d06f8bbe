//! SHA-256 as people write it: what pins a URL, and what names a cluster.

/// SHA-256 in lower-case hex, 64 digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
