//! `initialize.claim`: who of several machines with the same document may start the cluster. One conditional create
//! (`If-None-Match: *`, RFC 9110 §13.1.2) decides; its body names the winner. Answers in, verdicts out.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Seen};
use crate::fault::Fault;
use crate::fetch;
use crate::host::{Response, Unanswered, shown_url};

/// Largest claim that is read, bytes: one has some 300.
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
    /// System UUID, where the platform has one: two machines of one image may share a machine-id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
}

/// How a conditional create ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The object was not there and now is ours.
    New,
    /// The object is there: 412, the condition's own answer.
    Exists,
    /// 409: stores that see two creates at a time mean that the object is there, or will be (S3: ConditionalRequestConflict);
    /// WebDAV means that the folder which it would be in is missing (RFC 4918 §9.7.1). What can be read then tells them apart.
    Conflict,
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
    /// Nobody's: it is not there.
    Absent,
    /// 403: it may not be read, or it is not there, which S3 tells nobody who may not list the bucket. Only a create tells these
    /// apart. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    Hidden,
    /// Not known this time.
    NotNow(Seen),
}

fn down(what: &str, why: &str) -> Seen {
    Failure::ClaimStoreDown.seen(format!("{what}: {why}"))
}

/// What another try may mend, as it is seen.
fn passing(what: &str, answer: &Result<Response, Unanswered>) -> Option<Seen> {
    fetch::passes(answer).then(|| down(what, &fetch::seen(answer)))
}

fn refused(what: &str, url: &str, answer: &Result<Response, Unanswered>) -> Fault {
    let why = fetch::seen(answer);
    if matches!(answer, Err(Unanswered::Unusable(_))) {
        // The document's reader has seen that the URLs can be used, so it is what this machine trusts.
        return Fault::new(
            Failure::MachineUnfit,
            "this machine can't ask the claim's store",
            shown_url(url),
            "install a CA bundle that knows the store's CA in the image (ca-certificates), or name the machine with initialize.node",
        )
        .because(why);
    }
    Fault::new(
        Failure::ClaimRefused,
        what,
        shown_url(url),
        "look at initialize.claim: the URL, how long its signature is good, and whether the store knows `If-None-Match: *` on a PUT \
         (HTTP 501 says that it does not)",
    )
    .because(why)
}

/// Reads the answer to a conditional create at `url`. Only its status counts: what was created is created, however large the
/// text about it.
///
/// # Errors
/// [`Failure::ClaimRefused`]: an answer that another try does not mend; [`Failure::MachineUnfit`]: nobody can be asked.
pub fn created(url: &str, answer: &Result<Response, Unanswered>) -> Result<Created, Fault> {
    match answer {
        Ok(Response { status: 200..300, .. }) | Err(Unanswered::TooLarge(_)) => return Ok(Created::New),
        Ok(Response { status: 412, .. }) => return Ok(Created::Exists),
        Ok(Response { status: 409, .. }) => return Ok(Created::Conflict),
        _ => {}
    }
    match passing("the claim can't be made", answer) {
        Some(seen) => Ok(Created::NotNow(seen)),
        None => Err(refused("the claim's store refuses to create the claim", url, answer)),
    }
}

/// Reads the answer to a GET of the claim at `url`, for the machine `us`.
///
/// # Errors
/// [`Failure::ClaimRefused`]: an answer that another try does not mend; [`Failure::ClaimStoreUnfit`]: what is there is no claim
/// for this cluster; [`Failure::MachineIdShared`]: it is the claim of another machine with this one's machine-id;
/// [`Failure::MachineUnfit`]: nobody can be asked.
pub fn whose(url: &str, us: &Winner, answer: &Result<Response, Unanswered>) -> Result<Whose, Fault> {
    let no_claim = |why: &str| unfit(url, "what is in the claim's place is no claim", why);
    let response = match answer {
        Ok(response) if response.status == 200 => response,
        Ok(Response { status: 404 | 410, .. }) => return Ok(Whose::Absent),
        Ok(Response { status: 403, .. }) => return Ok(Whose::Hidden),
        Err(reason @ Unanswered::TooLarge(_)) => return Err(no_claim(&reason.line())),
        _ => {
            return match passing("the claim can't be read", answer) {
                Some(seen) => Ok(Whose::NotNow(seen)),
                None => Err(refused("the claim's store refuses to show the claim", url, answer)),
            };
        }
    };
    let winner = serde_json::from_slice::<Winner>(&response.body).map_err(|error| no_claim(&error.to_string()))?;
    if winner.cluster != us.cluster {
        Err(unfit(url, "the claim is another cluster's", &winner.cluster))
    } else if winner.machine != us.machine {
        Ok(Whose::Theirs(lost(url, us, &winner)))
    } else if winner.uuid != us.uuid {
        Err(shared(url, us, &winner))
    } else {
        Ok(Whose::Ours)
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

/// By machine-id alone both would take the claim for theirs, and start a cluster each.
fn shared(url: &str, us: &Winner, winner: &Winner) -> Fault {
    let uuid = |of: &Winner| of.uuid.as_ref().map_or_else(|| "no system UUID".to_owned(), |uuid| format!("system UUID {uuid}"));
    Fault::new(
        Failure::MachineIdShared,
        "another machine with this machine's machine-id has claimed the right to start the cluster",
        shown_url(url),
        format!(
            "give every machine a machine-id of its own: leave /etc/machine-id empty in the image, the first boot fills it. If it was \
             this machine under another system UUID, delete {}",
            shown_url(url)
        ),
    )
    .because(format!(
        "machine-id {}: the claim is node {}'s with {}, this is node {} with {}",
        us.machine,
        winner.node,
        uuid(winner),
        us.node,
        uuid(us)
    ))
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

/// The store says by 412, or by having created it, that the object exists, and yet that it is not there.
#[must_use]
pub fn not_shown_yet() -> Seen {
    down("the claim can't be read", "the store says that it exists, but does not show it yet; do put and get name the same object?")
}

/// The create says that the object exists, the read may not see it.
#[must_use]
pub fn may_not_be_read(url: &str) -> Fault {
    Fault::new(
        Failure::ClaimRefused,
        "the claim's store refuses to show the claim",
        shown_url(url),
        "look at initialize.claim.get: whether it names the object that put does, how long its signature is good, and whether whoever \
         signed it may read the object (S3: s3:GetObject)",
    )
    .because("HTTP 403 to the GET of what exists, as the PUT says")
}

/// What a conflict saw in the object's place: nothing, or (`is_hidden`) what may be nothing.
const fn in_its_place(is_hidden: bool) -> &'static str {
    if is_hidden { "HTTP 403 to the GET, as S3 says of what is not there to whoever may not list the bucket" } else { "nothing is there" }
}

/// 409 for a create of what is not there, or is not to be seen: it may pass.
#[must_use]
pub fn in_conflict(is_hidden: bool) -> Seen {
    let place = in_its_place(is_hidden);
    let why = format!("HTTP 409, and {place}: another machine's create is not over yet, or the object's folder is missing");
    down("the claim can't be made", &why)
}

/// The same, and it has not passed for so many seconds.
#[must_use]
pub fn stays_in_conflict(url: &str, is_hidden: bool, seconds: u64) -> Fault {
    Fault::new(
        Failure::ClaimRefused,
        "the claim's store refuses to create the claim, and shows none",
        shown_url(url),
        "create the folder that the object lies in (WebDAV: its collection), and look whether put and get of initialize.claim name the \
         same object, and get may read it",
    )
    .because(format!("HTTP 409 to the PUT, and {}, for {seconds} s", in_its_place(is_hidden)))
}

/// A claim that was won is, right before init, not seen to be this machine's any more.
#[must_use]
pub fn not_held(url: &str, whose: Whose) -> Option<Fault> {
    let seen = match whose {
        Whose::Ours => return None,
        Whose::Theirs(line) => Failure::AwaitsInitialiser.seen(line),
        Whose::Absent => down("the claim is gone", "somebody has deleted it since this machine made it"),
        Whose::Hidden => down("the claim is gone, or may not be read any more", "HTTP 403 to the GET"),
        Whose::NotNow(seen) => seen,
    };
    let advice = "nothing: kubeboot starts again, looks who serves and asks the store anew";
    Some(
        Fault::new(seen.failure, "init is not begun: the claim is not known to be this machine's", shown_url(url), advice)
            .because(seen.line),
    )
}
