//! There is never a second cluster: who may start one, as a table (design §4). First match wins.

use std::time::Duration;

/// Who serves the cluster's endpoint and peers, own address excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Somebody verified by our CA, whatever HTTP status.
    Ours,
    /// TLS by another CA; the words are what was seen.
    Foreign(String),
    /// The endpoint doesn't say: time-out, no route, no name, not TLS. For how long it has been so.
    Unclear(String, Duration),
    /// Refused or closed, steadily for three seconds.
    Nobody,
    /// Refused or closed, but not for three seconds yet.
    NotSteadyYet,
}

/// Whether this machine may start the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum May {
    /// Told by the document, in the window, clock good.
    Yes,
    /// The document speaks to another machine.
    NotTold,
    /// The clock can't be trusted yet; what it looks like.
    ClockBad(String),
    /// The window is past.
    WindowPast,
}

/// What the ledger of this machine-id records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Neither init nor join.
    Nothing,
    /// init was begun.
    InitBegun,
    /// init's effects were seen.
    InitDone,
    /// A join was begun.
    JoinBegun,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Record, sync, init.
    Initialise,
    /// Init was begun or done here: go on with it.
    ResumeInit,
    /// Join.
    Join,
    /// Wait, saying this.
    Wait(String),
    /// Halt: what and the way out.
    Halt(String, String),
}

/// How long "nobody" has to be seen, from the agent's start.
pub const STEADY: Duration = Duration::from_secs(3);

/// The table. `local`: etcd's `member/` folder or its static pod is on this disk. `proceed_after`: `initialize.onUnreachable`.
#[must_use]
pub fn decide(recorded: Recorded, local: bool, serves: &Serves, may: &May, proceed_after: Option<Duration>) -> Verdict {
    match (recorded, local) {
        (Recorded::JoinBegun, _) => return Verdict::Join,
        (Recorded::InitDone, true) | (Recorded::InitBegun, true) => return Verdict::ResumeInit,
        (Recorded::InitDone, false) => {
            return match serves {
                Serves::Ours => Verdict::Join,
                _ => Verdict::Halt(
                    "this machine once started the cluster, its etcd data is gone and nobody else serves".to_owned(),
                    "restore etcd from a backup, or remove /var/lib/kubeboot to start a new, empty cluster".to_owned(),
                ),
            };
        }
        (Recorded::Nothing, true) => {
            return Verdict::Halt(
                "there is etcd state of an earlier life on this disk (/var/lib/etcd/member or /etc/kubernetes/manifests/etcd.yaml)".to_owned(),
                "if it is this cluster's, leave it and remove kubeboot.service; if it is rubbish, run `kubeadm reset` and start this machine again".to_owned(),
            );
        }
        (Recorded::Nothing | Recorded::InitBegun, false) => {}
    }
    match serves {
        Serves::Ours => return Verdict::Join,
        Serves::Foreign(seen) => return Verdict::Wait(format!("another cluster's CA answers: {seen}")),
        Serves::NotSteadyYet => return Verdict::Wait("nobody serves; making sure".to_owned()),
        Serves::Unclear(seen, since) if proceed_after.is_none_or(|limit| *since < limit) => {
            return Verdict::Wait(format!("the endpoint is unclear, so this machine must not start a cluster: {seen}"));
        }
        Serves::Unclear(..) | Serves::Nobody => {}
    }
    match may {
        May::Yes => Verdict::Initialise,
        May::ClockBad(seen) => Verdict::Wait(format!("the clock can't be trusted: {seen}")),
        May::WindowPast => {
            Verdict::Wait("the window (initialize.before) is past and nobody serves: re-mint the documents with `kubeboot mint`".to_owned())
        }
        May::NotTold => Verdict::Wait("nobody serves yet; initialize.node names another machine, waiting for it".to_owned()),
    }
}
