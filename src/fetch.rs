//! What became of a request to a server outside of the cluster: for a document, a bundle, a secret, a manifest, a claim. One
//! judgement of what may pass, and of what another try does not mend.

use crate::host::{Response, Unanswered};
use crate::secret::Secret;

/// Nothing was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfetched {
    /// What was seen, in words and without secrets.
    pub why: String,
    /// What to look at.
    pub advice: &'static str,
    /// Whether another try may fetch it.
    pub passes: bool,
}

/// Whether another try may be answered otherwise: nobody answers as he should, or the server says so itself (RFC 9110 §15.5.9
/// and §15.6, RFC 8470 §5.2, RFC 6585 §4). That it does not know the method (501) stays.
#[must_use]
pub const fn passes(answer: &Result<Response, Unanswered>) -> bool {
    match answer {
        Ok(response) => matches!(response.status, 408 | 425 | 429 | 500 | 502..=599),
        Err(Unanswered::TooLarge(_) | Unanswered::Unusable(_)) => false,
        Err(_) => true,
    }
}

/// What was seen, in words.
#[must_use]
pub fn seen(answer: &Result<Response, Unanswered>) -> String {
    match answer {
        Ok(response) => format!("HTTP {}", response.status),
        Err(reason) => reason.line(),
    }
}

/// The body that a GET fetched: that of a 200.
///
/// # Errors
/// There is none, and why.
pub fn fetched(answer: Result<Response, Unanswered>) -> Result<Secret<Vec<u8>>, Unfetched> {
    let passes = passes(&answer);
    let advice = match &answer {
        Ok(Response { status: 300..=399, .. }) => "name the URL that it redirects to: redirects are not followed",
        Ok(_) if passes => "look at its server, which is there but does not serve it",
        Ok(_) => "look at the URL, and at whether its server holds it and gives it to whoever asks",
        Err(Unanswered::TooLarge(_)) => "this is not what is looked for: look at the URL",
        Err(Unanswered::Unusable(_)) => "look at the URL; without a CA bundle in the image use plain http with a SHA-256",
        Err(Unanswered::ForeignCa(_)) => "look at whose server answers there, and whether the image's CA bundle knows that server's CA",
        Err(Unanswered::BadCertificate(_)) => "look at this machine's clock and at the server's certificate: validity and name have to fit",
        Err(_) => "look at this machine's network and at the server",
    };
    match answer {
        Ok(Response { status: 200, body }) => Ok(Secret::new(body)),
        other => Err(Unfetched { why: seen(&other), advice, passes }),
    }
}
