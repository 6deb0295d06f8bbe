//! A document behind a URL: bounded in size and time, pinned by its digest or by a certificate of a public CA.

use std::time::Duration;

use super::LIMIT;
use crate::backoff;
use crate::digest::sha256;
use crate::document::{Disposal, Document};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Host, Request, Unanswered, shown_url};
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
    let refuse = |what: &str, advice: &str| Fault::new(Failure::DocumentSource, what, format!("{} ({who})", pinned.shown()), advice);
    let again = |seen: String, advice: &str| Ok(Look::NotYet(Failure::DocumentUnfetchable.seen(format!("{seen}; {advice}"))));
    match host.http(&request).await {
        Ok(answer) => match answer.status {
            200 => read(pinned, Secret::new(answer.body), who).map(Look::Yes),
            408 | 425 | 429 | 500..=599 => {
                again(format!("the server answers {}", answer.status), "look at the server: it is there, but does not serve the document")
            }
            300..=399 => Err(refuse(
                &format!("the server answers {}", answer.status),
                "name the URL that it redirects to: redirects are not followed",
            )),
            status => Err(refuse(&format!("the server answers {status}"), "look at the URL, and at whether the server holds the document")),
        },
        Err(Unanswered::TooLarge(limit)) => {
            Err(refuse(&format!("what is there is larger than {limit} bytes"), "this is no document: look at the URL"))
        }
        Err(unusable @ Unanswered::Unusable(_)) => {
            Err(refuse("the URL can't be used", "look at the URL; without a CA bundle in the image use plain http with a SHA-256")
                .because(unusable.line()))
        }
        Err(clock @ Unanswered::BadCertificate(_)) => {
            again(clock.line(), "look at this machine's clock and at the server's certificate: validity and name have to fit")
        }
        Err(other) => again(other.line(), "look at this machine's network and at the server"),
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
