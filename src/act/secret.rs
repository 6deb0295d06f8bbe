//! Filling a secret's reference at the moment of use, and other pinned things from outside.

use std::path::Path;
use std::time::Duration;

use crate::digest::sha256;
use crate::document::field::{BootstrapToken, CertificateKey};
use crate::document::spec::{PkiSource, SecretSource};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::fetch::{self, Unfetched};
use crate::host::{Host, Request, shown_url};
use crate::run::Run;
use crate::secret::Secret;

/// Largest secret, bytes: a key in PEM is below 4 KiB.
const LIMIT: usize = 64 << 10;

/// Fetches something whose digest is known.
///
/// # Errors
/// Transient where another try may fetch it; input if not, or if something else came.
pub async fn fetch_pinned<H: Host>(host: &H, url: &str, digest: &str, limit: usize) -> Result<Secret<Vec<u8>>, Fault> {
    let request = Request::get(url.to_owned(), Duration::from_secs(5), Duration::from_secs(30), limit);
    // The query may be a signature: messages have the URL without it.
    let shown = shown_url(url);
    let body = fetch::fetched(host.http(&request).await).map_err(|Unfetched { why, advice, passes }| {
        let failure = if passes { Failure::FetchFailed } else { Failure::FetchRefused };
        Fault::new(failure, "fetching failed", shown.as_str(), advice).because(why)
    })?;
    let found = sha256(body.expose());
    if found == digest {
        Ok(body)
    } else {
        Err(Fault::new(
            Failure::PinMismatch,
            "what the URL serves is not what the document pins",
            shown,
            "put the right file there, or its sha256 in the document",
        )
        .because(format!("pinned sha256 {digest}, found {found}")))
    }
}

/// The value behind a source. `field` names it in faults. A trailing newline is not part of it.
///
/// # Errors
/// The file, credential or URL isn't there, or holds no text.
pub async fn resolve<H: Host>(host: &H, source: &SecretSource<String>, field: &str) -> Result<Secret<String>, Fault> {
    let from_file = async |path: &Path, advice: &str| {
        host.read(path, LIMIT).await?.map(Secret::new).ok_or_else(|| {
            Fault::new(Failure::SecretReference, format!("{field} refers to a file that is not there"), path.display().to_string(), advice)
        })
    };
    let bytes = match source {
        SecretSource::Inline(value) => return Ok(value.clone()),
        SecretSource::File(path) => from_file(path, "put the secret there before kubeboot starts, or write it into the document").await?,
        SecretSource::Credential(name) => {
            let path = host.credential_path(name).ok_or_else(|| {
                Fault::new(
                    Failure::SecretReference,
                    format!("{field} refers to a systemd credential, but the unit was given none"),
                    format!("credential {name}"),
                    "hand it over with ImportCredential= or LoadCredential= in a drop-in of kubeboot.service",
                )
            })?;
            from_file(&path, "hand the credential over with ImportCredential= or LoadCredential= in a drop-in of kubeboot.service").await?
        }
        SecretSource::Url { url, sha256 } => fetch_pinned(host, url, sha256, LIMIT).await?,
    };
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| {
        Fault::new(
            Failure::SecretReference,
            format!("{field} is not text"),
            field,
            "the secret must be the text itself, not a binary form of it",
        )
    })?;
    Ok(Secret::new(text.trim_end_matches(['\n', '\r']).to_owned()))
}

impl<H: Host> Run<'_, H> {
    /// The certificate key of the document.
    ///
    /// # Errors
    /// It can't be had, or is none.
    pub async fn certificate_key(&self) -> Result<CertificateKey, Fault> {
        const FIELD: &str = "certificateKey";
        let source = self.spec.certificate_key.as_ref().ok_or_else(|| {
            Fault::new(
                Failure::SecretReference,
                "the document has no certificate key",
                FIELD,
                "control planes need one: mint the documents with `kubeboot mint`",
            )
        })?;
        let text = resolve(self.host, source, FIELD).await?;
        CertificateKey::parse(text.expose()).map_err(|problem| Fault::new(Failure::SecretReference, problem, FIELD, "see `kubeboot mint`"))
    }

    /// The bootstrap token behind a source.
    ///
    /// # Errors
    /// It can't be had, or is none.
    pub async fn bootstrap_token(&self, source: &SecretSource<String>) -> Result<BootstrapToken, Fault> {
        const FIELD: &str = "discovery.bootstrapToken";
        let text = resolve(self.host, source, FIELD).await?;
        BootstrapToken::parse(text.expose()).map_err(|problem| Fault::new(Failure::SecretReference, problem, FIELD, "see `kubeboot mint`"))
    }

    /// Whether kubeadm uploads the shared PKI after init (`pki: secret`).
    #[must_use]
    pub fn uploads_certificates(&self) -> bool {
        matches!(self.spec.pki, Some(PkiSource::Secret { .. }))
    }
}
