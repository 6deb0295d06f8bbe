//! What bytes look like when they are not the bare document: each common guise of userdata is named, so that nobody
//! has to guess from a YAML error. Those that can hold a document are unwrapped by [`crate::datasource`].

/// What an input looks like that begins like anything but a YAML or JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guise {
    /// RFC 1952.
    Gzip,
    /// A message of RFC 2045, in user-data a multi-part one.
    Mime,
    /// cloud-init's `#cloud-config`.
    CloudConfig,
    /// Base64 and nothing else.
    Base64,
    /// What can't hold a document, in words.
    Other(&'static str),
}

impl Guise {
    /// What a person calls it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Gzip => "gzip-compressed data",
            Self::Mime => "a MIME multipart message",
            Self::CloudConfig => "cloud-init's #cloud-config",
            Self::Base64 => "base64 text",
            Self::Other(words) => words,
        }
    }
}

/// The guise of an input, if it has one.
#[must_use]
pub fn guise(bytes: &[u8]) -> Option<Guise> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(&[0x1f, 0x8b]) {
        return Some(Guise::Gzip);
    }
    if starts(&[0xff, 0xfe]) || starts(&[0xfe, 0xff]) {
        return Some(Guise::Other("UTF-16 text"));
    }
    if starts(b"BZh") || starts(&[0xfd, b'7', b'z', b'X', b'Z']) || starts(&[0x28, 0xb5, 0x2f, 0xfd]) || starts(b"PK\x03\x04") {
        return Some(Guise::Other("compressed data"));
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    // What follows the first line may be no text: a part of a message.
    let head = std::str::from_utf8(text.split(|byte| *byte == b'\n').next().unwrap_or_default()).ok()?.trim_end();
    let lower = head.to_ascii_lowercase();
    if head == "#cloud-config" {
        return Some(Guise::CloudConfig);
    }
    if head == "#cloud-config-archive" {
        return Some(Guise::Other("cloud-init's #cloud-config-archive"));
    }
    if lower.starts_with("content-type:") || lower.starts_with("mime-version:") || lower.starts_with("from nobody ") {
        return Some(Guise::Mime);
    }
    if head.starts_with("#!") {
        return Some(Guise::Other("a script"));
    }
    if head.starts_with("#include")
        || head.starts_with("#part-handler")
        || head.starts_with("#cloud-boothook")
        || head.starts_with("## template:")
    {
        return Some(Guise::Other("cloud-init userdata"));
    }
    if lower.starts_with("<?xml") || lower.starts_with("<!doctype") || lower.starts_with("<html") {
        return Some(Guise::Other("an HTML or XML page"));
    }
    if lower.starts_with("-----begin ") {
        return Some(Guise::Other("a PEM file"));
    }
    is_base64_blob(text).then_some(Guise::Base64)
}

/// One run of base64 and nothing else, long enough that no YAML document is meant: a document has colons.
fn is_base64_blob(text: &[u8]) -> bool {
    let mut length = 0_usize;
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => length += 1,
            b'\r' | b'\n' => {}
            _ => return false,
        }
    }
    length >= 40
}
