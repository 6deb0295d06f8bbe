//! What the load balancer and the API behind it look like from here (design §6): answers in, distinct states out.

use crate::failure::{Failure, Seen};
use crate::fault::Fault;
use crate::host::{Response, Unanswered};
use crate::moment::UnixTime;

/// How the endpoint looks to a machine that wants to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// No answer that a join could use.
    NotYet(Seen),
    /// TLS by another CA: waited for, loudly, for a balancer may point at the wrong cluster only for a while.
    Foreign(String),
    /// Our CA, 401: the credential is expired or another cluster's.
    Unauthorised,
    /// Our CA, `/readyz` answers 200.
    Ready,
}

/// How many good answers in a row a joiner wants: a balancer with one healthy and one starting server behind it
/// answers well every other time (seen on the real thing: TCP checks forward to servers that listen but can't serve).
pub const GOOD_IN_A_ROW: u32 = 3;

/// Reads an answer to `GET /readyz` through the endpoint, asked with the bootstrap credential.
#[must_use]
pub fn sight(answer: &Result<Response, Unanswered>) -> Sight {
    match answer {
        Ok(response) => match response.status {
            200 => Sight::Ready,
            401 => Sight::Unauthorised,
            status => Sight::NotYet(Failure::ApiNotReady.seen(format!("our cluster answers, but isn't ready (/readyz: HTTP {status})"))),
        },
        Err(Unanswered::ForeignCa(seen)) => Sight::Foreign(seen.clone()),
        Err(other) => Sight::NotYet(other.seen()),
    }
}

/// What HTTP 401 means to a joiner whose document has a bootstrap certificate that is valid to `not_after` (`None`: a token,
/// or one signed just now): usually that it has to wait, for init makes tokens late and a server knows its CA's clients
/// only once it is up; the text says so.
///
/// # Errors
/// [`Failure::CredentialExpired`] if the certificate is past by our clock: no waiting will mend that. `at` names the endpoint.
pub fn refused(not_after: Option<UnixTime>, now: UnixTime, at: &str) -> Result<Seen, Fault> {
    match not_after {
        Some(end) if end < now => Err(Fault::new(
            Failure::CredentialExpired,
            "the cluster refuses the bootstrap certificate of this document, which is expired",
            at,
            "give this document a fresh credential of the same cluster: on a control plane, `kubeadm token create` makes a token for \
             discovery.bootstrapToken; or let the cluster's CA sign another discovery.bootstrapCertificate. `kubeboot mint` does not \
             help here: it makes a new cluster",
        )
        .because(format!("HTTP 401; it was valid until {end}"))),
        _ => Ok(Failure::CredentialRefused.seen(
            "the cluster refuses the bootstrap credential of this document (HTTP 401): kubeadm init has not got so far yet, or \
             the credential is expired or another cluster's",
        )),
    }
}

/// What one server says to the fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Verified by our CA, any status.
    Ours,
    /// TLS by another CA.
    Foreign(String),
    /// Refused, or closed at once.
    Silent,
    /// Anything else.
    Unclear(String),
}

impl Voice {
    /// Ours proves that the cluster lives, foreign that this place is another's, unclear proves nothing, silent less.
    const fn loudness(&self) -> u8 {
        match self {
            Self::Silent => 0,
            Self::Unclear(_) => 1,
            Self::Foreign(_) => 2,
            Self::Ours => 3,
        }
    }

    /// What several servers behind one name say together: the loudest of them, of equals the first. None at all are silent.
    #[must_use]
    pub fn loudest(voices: impl IntoIterator<Item = Self>) -> Self {
        voices.into_iter().fold(Self::Silent, |loudest, voice| if voice.loudness() > loudest.loudness() { voice } else { loudest })
    }
}

/// Reads an answer for the fence.
#[must_use]
pub fn voice(answer: &Result<Response, Unanswered>) -> Voice {
    match answer {
        Ok(_) => Voice::Ours,
        Err(Unanswered::ForeignCa(seen)) => Voice::Foreign(seen.clone()),
        Err(Unanswered::Refused(_) | Unanswered::Closed(_)) => Voice::Silent,
        // A server that shows a certificate of our CA's, if an expired one, or speaks our CA's TLS and then fails, is ours:
        // only who started the cluster, or joined it, has one.
        Err(Unanswered::TooLarge(_) | Unanswered::BadCertificate(_) | Unanswered::Verified(_)) => Voice::Ours,
        Err(other) => Voice::Unclear(other.line()),
    }
}
