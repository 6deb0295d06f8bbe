//! Where a value comes from: written in the document, or a reference to a file, a systemd credential or a pinned URL;
//! and `cni`, whose manifest is such a value. No value and no URL is ever quoted: a URL may be signed.

use std::path::PathBuf;

use crate::secret::Secret;

use super::spec::{CniChoice, SecretSource};
use super::tree::Node;
use super::walk::{At, Fields};

/// A secret: its text, or a reference. `check` reads the text and never quotes it.
pub(super) fn secret(at: &At<'_>, what: &str, check: impl FnOnce(&str) -> Result<(), String>) -> Option<SecretSource<String>> {
    let example = format!("{what}, or a reference: {{file: PATH}}, {{credential: NAME}} or {{url: URL, sha256: DIGEST}}");
    if !matches!(at.tree.node, Node::Map(_)) {
        return at.parse(&example, |text| check(text.trim()).map(|()| SecretSource::Inline(Secret::new(tidy(text)))));
    }
    let mut fields = at.map(&example)?;
    let file = fields.get("file");
    let credential = fields.get("credential");
    let written = usize::from(file.is_some()) + usize::from(credential.is_some()) + usize::from(fields.has("url"));
    let url = pinned(&mut fields);
    fields.finish();
    if written != 1 {
        at.wrong("this is not one reference", "write {file: PATH}, {credential: NAME} or {url: URL, sha256: DIGEST}");
        return None;
    }
    if let Some(file) = file {
        return path(&file).map(SecretSource::File);
    }
    if let Some(credential) = credential {
        return credential.parse("the name of a systemd credential", credential_name).map(SecretSource::Credential);
    }
    url.map(|(url, sha256)| SecretSource::Url { url, sha256 })
}

/// Without space around it, which a block scalar brings along; PEM ends its last line.
fn tidy(text: &str) -> String {
    let text = text.trim();
    if text.contains('\n') { format!("{text}\n") } else { text.to_owned() }
}

/// systemd.exec(5): a credential's name is a file name.
fn credential_name(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'@'));
    if plain && !text.is_empty() && text.len() <= 255 && text != "." && text != ".." {
        Ok(text.to_owned())
    } else {
        Err("this is no credential name; write letters, digits, ., _ and -, for example kubeboot.certificate-key".to_owned())
    }
}

/// An absolute path of a file.
pub(super) fn path(at: &At<'_>) -> Option<PathBuf> {
    let text = at.word("an absolute path")?;
    if !text.starts_with('/') || text.ends_with('/') || text.contains('\0') || text.split('/').any(|part| part == "..") {
        at.wrong("this is no absolute path of a file", "write the whole path, for example /etc/kubeboot/certificate-key");
        return None;
    }
    Some(PathBuf::from(text))
}

/// `url` and `sha256` of a map, if `url` is there.
pub(super) fn pinned(fields: &mut Fields<'_>) -> Option<(String, String)> {
    let url = fields.get("url");
    let sha256 = fields.get("sha256");
    match (url, sha256) {
        (Some(url), Some(sha256)) => {
            let url = url.parse("an https:// or http:// URL", http_url);
            let sha256 = sha256.parse("64 hex digits", digest);
            Some((url?, sha256?))
        }
        (Some(url), None) => {
            url.misplaced(
                "there is no sha256 beside the url",
                "add sha256 with the SHA-256 of what the URL serves, as sha256sum prints it",
            );
            None
        }
        (None, Some(sha256)) => {
            sha256.misplaced("there is no url beside the sha256", "add the url, or remove sha256");
            None
        }
        (None, None) => None,
    }
}

/// An http or https URL without user name, as the HTTP client will read it (WHATWG URL).
pub(super) fn http_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match authority {
        Some(authority) if authority.contains('@') => Err("the URL holds a user name; use a URL without user name and password".to_owned()),
        Some(authority) if !authority.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => match url::Url::parse(text) {
            Ok(url) if url.port() == Some(0) => Err("this URL has port 0; write a port from 1 to 65535, or none".to_owned()),
            Ok(_) => Ok(text.to_owned()),
            // The parser's reason quotes nothing.
            Err(reason) => Err(format!("this is no URL ({reason}); write https://host/path or http://host/path")),
        },
        _ => Err("this is no URL; write https://host/path or http://host/path".to_owned()),
    }
}

fn digest(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("this is no SHA-256; write 64 hex digits, as sha256sum prints them".to_owned())
    }
}

/// `cni`.
pub(super) fn cni(at: &At<'_>) -> Option<CniChoice> {
    let forms = "{name: flannel}, {name: none}, {manifest: PATH} or {url: URL, sha256: DIGEST}";
    let mut fields = at.map(forms)?;
    let name = fields.get("name");
    let manifest = fields.get("manifest");
    let written = usize::from(name.is_some()) + usize::from(manifest.is_some()) + usize::from(fields.has("url"));
    let url = pinned(&mut fields);
    fields.finish();
    if written != 1 {
        at.wrong("this is not one choice of a CNI", format!("write exactly one of {forms}"));
        return None;
    }
    if let Some(name) = name {
        return match name.choice(&[("flannel", true), ("none", false)])? {
            true => Some(CniChoice::Flannel),
            false => Some(CniChoice::None),
        };
    }
    if let Some(manifest) = manifest {
        return path(&manifest).map(CniChoice::Manifest);
    }
    url.map(|(url, sha256)| CniChoice::Url { url, sha256 })
}
