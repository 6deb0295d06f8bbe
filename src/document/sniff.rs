//! What bytes look like when they are not the bare document: each common guise of userdata is named, so that nobody
//! has to guess from a YAML error.

/// What the input looks like, if it begins like anything but a YAML or JSON document.
pub(super) fn guise(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(&[0x1f, 0x8b]) {
        return Some("gzip-compressed data");
    }
    if starts(&[0xff, 0xfe]) || starts(&[0xfe, 0xff]) {
        return Some("UTF-16 text");
    }
    if starts(b"BZh") || starts(&[0xfd, b'7', b'z', b'X', b'Z']) || starts(&[0x28, 0xb5, 0x2f, 0xfd]) || starts(b"PK\x03\x04") {
        return Some("compressed data");
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
    let head = text.lines().next().unwrap_or_default().trim_end();
    let lower = head.to_ascii_lowercase();
    if head == "#cloud-config" || head == "#cloud-config-archive" {
        return Some("cloud-init's #cloud-config");
    }
    if lower.starts_with("content-type:") || lower.starts_with("mime-version:") || lower.starts_with("from nobody ") {
        return Some("a MIME multipart message");
    }
    if head.starts_with("#!") {
        return Some("a script");
    }
    if head.starts_with("#include")
        || head.starts_with("#part-handler")
        || head.starts_with("#cloud-boothook")
        || head.starts_with("## template:")
    {
        return Some("cloud-init userdata");
    }
    if lower.starts_with("<?xml") || lower.starts_with("<!doctype") || lower.starts_with("<html") {
        return Some("an HTML or XML page");
    }
    if lower.starts_with("-----begin ") {
        return Some("a PEM file");
    }
    if is_base64_blob(text) {
        return Some("base64 text");
    }
    None
}

/// One run of base64 and nothing else, long enough that no YAML document is meant: a document has colons.
fn is_base64_blob(text: &str) -> bool {
    let mut length = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => length += 1,
            b'\r' | b'\n' => {}
            _ => return false,
        }
    }
    length >= 40
}
