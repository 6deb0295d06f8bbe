//! `initialize.claim`: who of several machines with the same document may start the cluster. One conditional create
//! (`If-None-Match: *`, RFC 9110 §13.1.2) decides; its body names the winner. Answers in, verdicts out.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Seen};
use crate::fault::Fault;
use crate::host::{Response, Unanswered, shown_url};

/// Largest claim that is read, bytes: one has some 250.
pub const LIMIT: usize = 16 << 10;

/// What the object holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Winner {
    /// SHA-256 of the cluster's CA certificate, hex.
    pub cluster: String,
    /// Node name, for people.
    pub node: String,
    /// machine-id: whose the right is.
    pub machine: String,
}

/// How a conditional create ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The object was not there and now is ours.
    New,
    /// The object is there.
    Exists,
    /// Not this time.
    NotNow(Seen),
}

/// Whose the object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This machine's: it has the right, since whenever it was claimed.
    Ours,
    /// Another's, in words.
    Theirs(String),
    /// Not known this time.
    NotNow(Seen),
}

fn down(what: &str, why: &str) -> Seen {
    Failure::ClaimStoreDown.seen(format!("{what}: {why}"))
}

/// What no answer, or a status that may pass, says of the store.
fn passing(what: &str, answer: &Result<Response, Unanswered>) -> Option<Seen> {
    match answer {
        Err(Unanswered::TooLarge(_) | Unanswered::Unusable(_)) => None,
        Err(reason) => Some(down(what, &reason.line())),
        Ok(Response { status: status @ (408 | 425 | 429 | 500 | 502..=599), .. }) => Some(down(what, &format!("HTTP {status}"))),
        Ok(_) => None,
    }
}

fn refused(what: &str, url: &str, answer: &Result<Response, Unanswered>) -> Fault {
    let why = match answer {
        Ok(response) => format!("HTTP {}", response.status),
        Err(reason) => reason.line(),
    };
    Fault::new(
        Failure::ClaimRefused,
        what,
        shown_url(url),
        "look at initialize.claim: the URL, how long its signature is good, and whether the store knows `If-None-Match: *` on a PUT \
         (HTTP 501 says that it does not)",
    )
    .because(why)
}

/// Reads the answer to a conditional create at `url`. 412 is the condition's own answer, 409 that of stores which see two at
/// a time.
///
/// # Errors
/// [`Failure::ClaimRefused`]: an answer that another try does not mend.
pub fn created(url: &str, answer: &Result<Response, Unanswered>) -> Result<Created, Fault> {
    match answer {
        Ok(response) if (200..300).contains(&response.status) => return Ok(Created::New),
        Ok(Response { status: 409 | 412, .. }) => return Ok(Created::Exists),
        _ => {}
    }
    match passing("the claim can't be made", answer) {
        Some(seen) => Ok(Created::NotNow(seen)),
        None => Err(refused("the claim's store refuses to create the claim", url, answer)),
    }
}

/// Reads the answer to a GET of the claim at `url`, for the machine `us`. Not found right after "exists" is a store that is not
/// done with it yet.
///
/// # Errors
/// [`Failure::ClaimRefused`]: an answer that another try does not mend; [`Failure::ClaimStoreUnfit`]: what is there is no claim
/// for this cluster.
pub fn whose(url: &str, us: &Winner, answer: &Result<Response, Unanswered>) -> Result<Whose, Fault> {
    let response = match answer {
        Ok(response) if response.status == 200 => response,
        Ok(Response { status: 404, .. }) => {
            return Ok(Whose::NotNow(down("the claim can't be read", "the store says that it exists, but not yet what it is")));
        }
        _ => {
            return match passing("the claim can't be read", answer) {
                Some(seen) => Ok(Whose::NotNow(seen)),
                None => Err(refused("the claim's store refuses to show the claim", url, answer)),
            };
        }
    };
    let winner = serde_json::from_slice::<Winner>(&response.body).map_err(|error| error.to_string());
    match winner {
        Ok(winner) if winner.cluster != us.cluster => Err(unfit(url, "the claim is another cluster's", &winner.cluster)),
        Ok(winner) if winner.machine == us.machine => Ok(Whose::Ours),
        Ok(winner) => Ok(Whose::Theirs(lost(url, us, &winner))),
        Err(why) => Err(unfit(url, "what is in the claim's place is no claim", &why)),
    }
}

fn lost(url: &str, us: &Winner, winner: &Winner) -> String {
    let line = format!("nobody serves yet; machine {} ({}) has claimed the right to start the cluster", winner.machine, winner.node);
    if winner.node == us.node {
        format!("{line}, by this machine's name: if it was this machine before it was re-imaged, delete {}", shown_url(url))
    } else {
        format!("{line}, waiting for it; if it is gone for good, delete {}", shown_url(url))
    }
}

fn unfit(url: &str, what: &str, why: &str) -> Fault {
    Fault::new(
        Failure::ClaimStoreUnfit,
        what,
        shown_url(url),
        "use an object of its own for each cluster; delete this one if nothing needs it",
    )
    .because(why)
}

/// A second create that is answered as the first one was: the store ignores the condition, and everybody would win.
#[must_use]
pub fn ignores_the_condition(url: &str) -> Fault {
    Fault::new(
        Failure::ClaimStoreUnfit,
        "the claim's store ignores `If-None-Match: *`: it created the same object twice",
        shown_url(url),
        "use a store that answers a conditional create of what exists with 409 or 412, or name the machine with initialize.node",
    )
}
