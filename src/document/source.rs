//! Where a value comes from: written in the document, or a reference to a file, a systemd credential or a pinned URL;
//! and `cni`, whose manifest is such a value. No value and no URL is ever quoted: a URL may be signed.

use std::path::PathBuf;

use crate::secret::Secret;

use super::form::{self, Form};
use super::outline::Rule;
use super::spec::{CniChoice, SecretSource};
use super::walk::{At, Fields};

/// A secret: its text, or a reference. `check` reads the text and never quotes it.
pub(super) fn secret(at: &At<'_>, form: &'static Form, check: impl FnOnce(&str) -> Result<(), String>) -> Option<SecretSource<String>> {
    at.map_or(
        |at| reference(at, form.example),
        |at| at.parse(form, |text| check(text.trim()).map(|()| SecretSource::Inline(Secret::new(tidy(text))))),
    )
}

fn reference(at: &At<'_>, example: &str) -> Option<SecretSource<String>> {
    let mut fields = at.map(example)?;
    let file = fields.get("file", "A file of the machine, read when it is needed");
    let credential = fields.get("credential", "A systemd credential of kubeboot's unit");
    let written = fields.written(Rule::One(&["file", "credential", "url"]));
    let url = pinned(&mut fields);
    fields.finish();
    let file = file.map(|at| path(&at).map(SecretSource::File));
    let credential = credential.map(|at| at.parse(&form::CREDENTIAL, credential_name).map(SecretSource::Credential));
    let url = url.map(|url| url.map(|(url, sha256)| SecretSource::Url { url, sha256 }));
    if written != 1 {
        at.wrong("this is not one reference", "write {file: PATH}, {credential: NAME} or {url: URL, sha256: DIGEST}");
        return None;
    }
    file.or(credential).or(url)?
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
    at.parse(&form::PATH, |text| {
        if !text.starts_with('/') || text.ends_with('/') || text.contains('\0') || text.split('/').any(|part| part == "..") {
            return Err("this is no absolute path of a file; write the whole path, for example /etc/kubeboot/certificate-key".to_owned());
        }
        Ok(PathBuf::from(text))
    })
}

/// `url` and `sha256` of a map, if they are there: `Some(None)` if they are wrong.
pub(super) fn pinned(fields: &mut Fields<'_>) -> Option<Option<(String, String)>> {
    let url = fields.get("url", "Where it is served");
    let sha256 = fields.get("sha256", "The SHA-256 of what the URL serves, as sha256sum prints it");
    fields.written(Rule::Together(&["url", "sha256"]));
    match (url, sha256) {
        (Some(url), Some(sha256)) => {
            let url = url.parse(&form::URL, http_url);
            let sha256 = sha256.parse(&form::SHA256, digest);
            Some(url.zip(sha256))
        }
        (Some(url), None) => {
            url.misplaced(
                "there is no sha256 beside the url",
                "add sha256 with the SHA-256 of what the URL serves, as sha256sum prints it",
            );
            Some(None)
        }
        (None, Some(sha256)) => {
            sha256.misplaced("there is no url beside the sha256", "add the url, or remove sha256");
            Some(None)
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
    let name = fields.get("name", "flannel, which kubeboot brings, or none if somebody else installs one");
    let manifest = fields.get("manifest", "A file of the image with the CNI's manifest");
    let written = fields.written(Rule::One(&["name", "manifest", "url"]));
    let url = pinned(&mut fields);
    fields.finish();
    let name = name.map(|at| at.choice(&[("flannel", CniChoice::Flannel), ("none", CniChoice::None)]));
    let manifest = manifest.map(|at| path(&at).map(CniChoice::Manifest));
    let url = url.map(|url| url.map(|(url, sha256)| CniChoice::Url { url, sha256 }));
    if written != 1 {
        at.wrong("this is not one choice of a CNI", format!("write exactly one of {forms}"));
        return None;
    }
    name.or(manifest).or(url)?
}
