//! There is never a second cluster: who may start one, as a table (design §4). First match wins.

use std::time::Duration;

use crate::document::spec::InitializeNode;
use crate::facts::Facts;
use crate::failure::{Failure, Seen};
use crate::gate::Voice;
use crate::moment::Instant;

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
    /// Told by the document or claimed, in the window, clock good.
    Yes,
    /// The document speaks to another machine.
    NotTold,
    /// The clock can't be trusted yet; what it looks like.
    ClockBad(String),
    /// The window is past.
    WindowPast,
    /// Another machine has claimed the right; the whole sentence.
    ClaimLost(String),
    /// The claim's store doesn't say; what it looks like.
    ClaimStoreDown(String),
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
    Wait(Seen),
    /// Halt: what and the way out.
    Halt(Failure, String, String),
}

/// How far apart the first and the last of the looks have to be that saw nobody, and nothing else between them.
pub const STEADY: Duration = Duration::from_secs(3);
/// How old the last look at the endpoint may be to say that nobody serves: it is repeated every second.
pub const FRESH: Duration = Duration::from_secs(3);
/// The same for the peers, whose look is over only when the slowest is: a name, a connection, an answer that doesn't come.
pub const PEERS_FRESH: Duration = Duration::from_secs(15);

/// What the endpoint and the peers said so far.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Whether somebody will ask for it.
    pub wanted: bool,
    ours: bool,
    endpoint: Option<Heard>,
    peers: Option<Looked>,
}

/// When a look began and when it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Its beginning: it says nothing of what came later.
    pub begun: Instant,
    /// Its end.
    pub over: Instant,
}

/// A voice, when it was first heard, and the last look that heard it without another one between.
#[derive(Clone, Debug)]
struct Heard {
    voice: Voice,
    first: Instant,
    last: Looked,
}

impl Sighting {
    /// Nothing seen yet. `wanted`: somebody will ask.
    #[must_use]
    pub const fn new(wanted: bool) -> Self {
        Self { wanted, ours: false, endpoint: None, peers: None }
    }

    /// Takes in what the endpoint said. A voice of the same kind as before keeps its age.
    pub fn hear(&mut self, voice: Voice, look: Looked) {
        self.ours |= voice == Voice::Ours;
        let same = self.endpoint.as_ref().filter(|old| std::mem::discriminant(&old.voice) == std::mem::discriminant(&voice));
        let first = same.map_or(look.over, |old| old.first);
        self.endpoint = Some(Heard { voice, first, last: look });
    }

    /// Takes in what the loudest peer said. Only one of ours counts: a peer that isn't up yet is no news.
    pub fn hear_peers(&mut self, voice: &Voice, look: Looked) {
        self.ours |= *voice == Voice::Ours;
        self.peers = Some(look);
    }

    /// Whether the last looks, at endpoint and peers both, were begun after `at`: they would have seen what came until then.
    #[must_use]
    pub fn looked_since(&self, at: Instant) -> bool {
        let since = |look: Option<Looked>| look.is_some_and(|look| look.begun > at);
        since(self.endpoint.as_ref().map(|heard| heard.last)) && since(self.peers)
    }

    /// What the table calls it. Ours is a proof that doesn't age: the cluster was started. The others need a last look that
    /// is fresh, at endpoint and peers both, and an age that two looks at least span: a single late look proves none.
    #[must_use]
    pub fn serves(&self, now: Instant) -> Serves {
        if self.ours {
            return Serves::Ours;
        }
        let Some(Heard { voice, first, last }) = &self.endpoint else { return Serves::NotSteadyYet };
        let fresh = now.since(last.over) <= FRESH && self.peers.is_some_and(|peers| now.since(peers.over) <= PEERS_FRESH);
        let age = if fresh { last.over.since(*first) } else { Duration::ZERO };
        match voice {
            Voice::Ours => Serves::Ours,
            Voice::Foreign(seen) => Serves::Foreign(seen.clone()),
            Voice::Unclear(seen) => Serves::Unclear(seen.clone(), age),
            Voice::Silent if age >= STEADY => Serves::Nobody,
            Voice::Silent => Serves::NotSteadyYet,
        }
    }
}

/// Whether `initialize.node` names this machine. Hostnames are compared without regard to case: the document's is in lower
/// case, as Kubernetes wants it, the kernel's is as somebody once wrote it.
#[must_use]
pub fn names(node: &InitializeNode, facts: &Facts, instance_id: Option<&str>) -> bool {
    match node {
        InitializeNode::SystemUuid(uuid) => facts.system_uuid.as_ref() == Some(uuid),
        InitializeNode::InstanceId(id) => instance_id == Some(id),
        InitializeNode::Serial(serial) => facts.serial.as_ref() == Some(serial),
        InitializeNode::Mac(mac) => facts.hardware_addresses.contains(mac),
        InitializeNode::Address(address) => facts.addresses.iter().any(|entry| entry.address == *address),
        InitializeNode::Hostname(name) => facts.hostname.eq_ignore_ascii_case(name),
    }
}

/// The table. `local`: etcd's `member/` folder or its static pod is on this disk. `proceed_after`: `initialize.onUnreachable`.
#[must_use]
pub fn decide(recorded: Recorded, local: bool, serves: &Serves, may: &May, proceed_after: Option<Duration>) -> Verdict {
    match (recorded, local) {
        (Recorded::JoinBegun, _) => return Verdict::Join,
        (Recorded::InitDone, true) | (Recorded::InitBegun, true) => return Verdict::ResumeInit,
        (Recorded::InitDone, false) => {
            return match serves {
                Serves::Ours => Verdict::Join,
                // The others may live behind what can't be seen at the moment: a halt would end the waiting for them.
                Serves::NotSteadyYet => {
                    Verdict::Wait(Failure::NobodyYet.seen("init was done here, but its etcd data is gone; looking who serves"))
                }
                Serves::Foreign(seen) => Verdict::Wait(
                    Failure::ForeignCa
                        .seen(format!("init was done here, but its etcd data is gone, and another cluster's CA answers: {seen}")),
                ),
                Serves::Unclear(seen, _) => Verdict::Wait(
                    Failure::EndpointUnclear
                        .seen(format!("init was done here, but its etcd data is gone, and the endpoint is unclear: {seen}")),
                ),
                Serves::Nobody => Verdict::Halt(
                    Failure::EtcdLost,
                    "this machine once started the cluster, its etcd data is gone and nobody else serves".to_owned(),
                    "start the other control planes, then this machine again: it joins them. Restore etcd from a backup if none has its \
                     data. Only if every other control plane is gone for good, remove /var/lib/kubeboot: that starts a new, empty \
                     cluster, a second one beside any control plane that comes back"
                        .to_owned(),
                ),
            };
        }
        (Recorded::Nothing, true) => {
            return Verdict::Halt(
                Failure::EarlierLife,
                "there is etcd state of an earlier life on this disk (/var/lib/etcd/member or /etc/kubernetes/manifests/etcd.yaml)".to_owned(),
                "if it is this cluster's, leave it and remove kubeboot.service; if it is rubbish, run `kubeadm reset` and start this machine again".to_owned(),
            );
        }
        (Recorded::Nothing | Recorded::InitBegun, false) => {}
    }
    match serves {
        Serves::Ours => return Verdict::Join,
        Serves::Foreign(seen) => return Verdict::Wait(Failure::ForeignCa.seen(format!("another cluster's CA answers: {seen}"))),
        Serves::NotSteadyYet => return Verdict::Wait(Failure::NobodyYet.seen("nobody serves; making sure")),
        Serves::Unclear(seen, since) if proceed_after.is_none_or(|limit| *since < limit) => {
            return Verdict::Wait(
                Failure::EndpointUnclear.seen(format!("the endpoint is unclear, so this machine must not start a cluster: {seen}")),
            );
        }
        Serves::Unclear(..) | Serves::Nobody => {}
    }
    match may {
        May::Yes => Verdict::Initialise,
        May::ClockBad(seen) => Verdict::Wait(Failure::ClockUntrusted.seen(format!("the clock can't be trusted: {seen}"))),
        May::WindowPast => Verdict::Wait(
            Failure::WindowPast
                .seen("the window (initialize.before) is past and nobody serves: re-mint the documents with `kubeboot mint`"),
        ),
        May::ClaimLost(line) => Verdict::Wait(Failure::AwaitsInitialiser.seen(line)),
        May::ClaimStoreDown(seen) => Verdict::Wait(Failure::ClaimStoreDown.seen(seen)),
        May::NotTold => {
            Verdict::Wait(Failure::AwaitsInitialiser.seen("nobody serves yet; initialize.node names another machine, waiting for it"))
        }
    }
}
