//! A document behind a URL: bounded in size and time, pinned by its digest or by a certificate of a public CA.

use std::time::Duration;

use super::LIMIT;
use crate::backoff;
use crate::digest::sha256;
use crate::document::{Disposal, Document};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::fetch::{self, Unfetched};
use crate::host::{Host, Request, shown_url};
use crate::secret::Secret;
use crate::waiting::{Early, Look};

/// How long a server that does not answer is asked again. Longer than a switch takes to forward (spanning tree: 50 s)
/// and a server room to come back after a power cut, with the unit's restarts after it.
pub const PATIENCE: Duration = Duration::from_secs(600);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const TRY_LIMIT: Duration = Duration::from_secs(30);

/// A URL that may be used: https, or plain http with the body's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    url: String,
    sha256: Option<String>,
}

impl Pinned {
    /// Checks scheme and digest (64 hex digits of either case).
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn new(url: &str, sha256: Option<&str>) -> Result<Self, String> {
        let https = url.starts_with("https://");
        if !https && !url.starts_with("http://") {
            return Err(format!("{} is neither an https:// nor an http:// URL", shown_url(url)));
        }
        let digest = sha256.map(str::to_ascii_lowercase);
        match &digest {
            Some(hex) if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Err(format!("the SHA-256 has to be 64 hex digits, this has {} characters", hex.chars().count()))
            }
            None if !https => Err(format!("{} is plain http without a SHA-256: anybody on the way could rewrite it", shown_url(url))),
            _ => Ok(Self { url: url.to_owned(), sha256: digest }),
        }
    }

    /// The URL for messages.
    #[must_use]
    pub fn shown(&self) -> String {
        shown_url(&self.url)
    }
}

/// Fetches until there is an answer that settles it, at most [`PATIENCE`] long. `who` named the URL.
pub(super) async fn fetch<H: Host>(early: &mut Early<'_, H>, pinned: &Pinned, who: &str) -> Result<Document, Fault> {
    let waiting_for = format!("the document at {}", pinned.shown());
    early.until(&waiting_for, backoff::DOCUMENT, PATIENCE, async |early| ask(early.host, pinned, who).await).await
}

async fn ask<H: Host>(host: &H, pinned: &Pinned, who: &str) -> Result<Look<Document>, Fault> {
    let request = Request::get(pinned.url.clone(), CONNECT_LIMIT, TRY_LIMIT, LIMIT);
    match fetch::fetched(host.http(&request).await) {
        Ok(body) => read(pinned, body, who).map(Look::Yes),
        Err(Unfetched { why, advice, passes: true }) => Ok(Look::NotYet(Failure::DocumentUnfetchable.seen(format!("{why}; {advice}")))),
        Err(Unfetched { why, advice, .. }) => {
            let place = format!("{} ({who})", pinned.shown());
            Err(Fault::new(Failure::DocumentSource, "the document can't be fetched", place, advice).because(why))
        }
    }
}

/// The body is the document if it is what was pinned.
///
/// # Errors
/// [`Failure::PinMismatch`] with both digests if not, [`Failure::DocumentSource`] if there is nothing in it.
pub fn read(pinned: &Pinned, body: Secret<Vec<u8>>, who: &str) -> Result<Document, Fault> {
    let place = format!("{} ({who})", pinned.shown());
    if let Some(wanted) = &pinned.sha256 {
        let found = sha256(body.expose());
        if found != *wanted {
            let advice = "if the document was made anew, pin its new digest; if not, somebody has changed it on the way";
            return Err(Fault::new(Failure::PinMismatch, "what was fetched is not what was pinned", place, advice)
                .because(format!("pinned SHA-256  {wanted}\nfetched SHA-256 {found}")));
        }
    }
    if body.expose().trim_ascii().is_empty() {
        return Err(Fault::new(
            Failure::DocumentSource,
            "what was fetched is empty",
            place,
            "look at the URL and at what its server holds",
        ));
    }
    Ok(Document {
        origin: pinned.shown(),
        bytes: body,
        instance_id: None,
        disposal: Disposal::Tell(format!("delete {} from its server: it holds this machine's document with its secrets", pinned.shown())),
    })
}
