//! Looks at the endpoint and the peers from the agent's start on, and applies [`crate::fence`]'s table.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::claim::Known;
use super::pace::Pace;
use crate::backoff;
use crate::concurrently::{First, all, race};
use crate::document::field::Endpoint;
use crate::document::spec::{NodeSpec, OnUnreachable};
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
pub use crate::fence::Sighting;
use crate::fence::{Looked, May, Recorded, Verdict, decide, names};
use crate::gate::{Voice, voice};
use crate::host::{Event, Host, Level, Request, Tls};
use crate::ledger::Entry;
use crate::message::Message;
use crate::paths;
use crate::plan::{Course, StepId};
use crate::run::{Look, Run};

const CONNECT: Duration = Duration::from_millis(1000);
const EXCHANGE: Duration = Duration::from_secs(3);
const NAME: Duration = Duration::from_secs(3);

/// Looks on and on while somebody wants to know; its work costs nobody else any time. Endpoint and peers each at their own
/// pace: a dead peer delays no look at the endpoint.
pub async fn observe<H: Host>(host: &H, spec: NodeSpec, facts: Facts, sighting: Rc<RefCell<Sighting>>, pace: Rc<Pace>) -> Infallible {
    let endpoint = repeat(host, &sighting, &pace, async || {
        let begun = host.now();
        let voice = pace.look(host, listen(host, &spec, &facts, &spec.endpoint)).await;
        sighting.borrow_mut().hear(voice, Looked { begun, over: host.now() });
    });
    let peers = repeat(host, &sighting, &pace, async || {
        let begun = host.now();
        let voices = all(spec.peers.iter().map(|peer| listen(host, &spec, &facts, peer))).await;
        sighting.borrow_mut().hear_peers(&Voice::loudest(voices), Looked { begun, over: host.now() });
    });
    match race(endpoint, peers).await {
        First::Left(never) | First::Right(never) => match never {},
    }
}

async fn repeat<H: Host>(host: &H, sighting: &RefCell<Sighting>, pace: &Pace, look: impl AsyncFn()) -> Infallible {
    pace.hold(host, host.noise()).await;
    let mut tries = pace.tries(host.now());
    loop {
        if !sighting.borrow().wanted {
            host.sleep(Duration::from_secs(3600)).await;
            continue;
        }
        tries += 1;
        look().await;
        host.sleep(backoff::SHARED.pause(tries, host.noise())).await;
    }
}

/// The loudest of all addresses behind one endpoint, all asked at once, own ones left out: an API server of our own proves
/// nothing.
async fn listen<H: Host>(host: &H, spec: &NodeSpec, facts: &Facts, endpoint: &Endpoint) -> Voice {
    let addresses = match host.resolve(endpoint.host(), NAME).await {
        Ok(addresses) => addresses,
        Err(reason) => return voice(&Err(reason)),
    };
    let own = |address: &IpAddr| address.is_loopback() || facts.addresses.iter().any(|entry| entry.address == *address);
    let ask = async |address: IpAddr| {
        let request = Request {
            address: Some(address),
            tls: Some(Tls { roots: spec.discovery.certificate_authority.clone(), identity: None }),
            fresh: true,
            ..Request::get(format!("{}/readyz", endpoint.url()), CONNECT, EXCHANGE, 64 << 10)
        };
        voice(&host.http(&request).await)
    };
    Voice::loudest(all(addresses.into_iter().filter(|address| !own(address)).map(ask)).await)
}

/// Whether etcd data, or etcd's static pod, is on this disk.
///
/// # Errors
/// The disk's.
pub async fn etcd_is_local<H: Host>(run: &Run<'_, H>) -> Result<bool, Fault> {
    Ok(run.host.list(Path::new(paths::ETCD_MEMBER)).await?.is_some()
        || run.host.read(Path::new(paths::ETCD_MANIFEST), 1 << 20).await?.is_some())
}

/// The step: waits for a verdict and takes the course it gives.
///
/// # Errors
/// The table says halt, or the waiting took too long.
pub async fn pass<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let Some(initialize) = run.spec.initialize.clone() else {
        return Err(Fault::new(Failure::Bug, "there is nothing to fence without `initialize`", "step fence", "report this"));
    };
    let proceed_after = match initialize.on_unreachable {
        OnUnreachable::Wait => None,
        OnUnreachable::ProceedAfter(time) => Some(time),
    };
    let recorded = if run.progress.has_begun(StepId::KubeadmJoin) {
        Recorded::JoinBegun
    } else if run.progress.done.contains(&StepId::KubeadmInit) {
        Recorded::InitDone
    } else if run.progress.has_begun(StepId::KubeadmInit) {
        Recorded::InitBegun
    } else {
        Recorded::Nothing
    };
    let local = etcd_is_local(run).await?;
    let is_told = initialize.node.as_ref().is_none_or(|node| names(node, &run.facts, run.instance_id.as_deref()));
    let mut known = Known::default();
    let course = run
        .until("a verdict of the fence", backoff::LOCAL, async |run| {
            let may = if !is_told {
                May::NotTold
            } else if let Some(trouble) = super::runtime::clock_trouble(run)? {
                May::ClockBad(trouble)
            } else if run.host.wall() >= initialize.before {
                May::WindowPast
            } else {
                May::Yes
            };
            let serves = run.sighting.borrow().serves(run.host.now());
            let mut verdict = decide(recorded, local, &serves, &may, proceed_after);
            // Claimed only where nothing else is against it: nobody who joins ever holds the right to start a cluster.
            if let (Verdict::Initialise, Some(claim)) = (&verdict, &initialize.claim) {
                verdict = match known.may(run, claim).await? {
                    // Who had the claim before, and lost it to this machine, may serve: only a later look decides.
                    (at, May::Yes) if !run.sighting.borrow().looked_since(at) => {
                        Verdict::Wait(Failure::NobodyYet.seen("the right to start the cluster is claimed; looking once more who serves"))
                    }
                    (_, may) => decide(recorded, local, &serves, &may, proceed_after),
                };
            }
            Ok(match verdict {
                Verdict::Initialise | Verdict::ResumeInit => Look::Yes(Course::Initialise),
                Verdict::Join => Look::Yes(Course::Join),
                Verdict::Wait(seen) => Look::NotYet(seen),
                Verdict::Halt(failure, what, advice) => return Err(Fault::new(failure, what, "step fence", advice)),
            })
        })
        .await?;
    run.sighting.borrow_mut().wanted = false;
    run.course = course;
    run.report.course = Some(course);
    let message = match course {
        Course::Initialise => "this machine starts the cluster, or goes on starting it",
        Course::Join => "the cluster is alive: this machine joins it",
    };
    run.tell_event(Event::new(Level::Info, "", message).of(Message::CourseTaken).on_console());
    run.record(Entry::Course { course }).await
}
