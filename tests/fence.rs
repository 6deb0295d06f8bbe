//! The table of the fence, row by row, and what holds for every combination: there is never a second cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[path = "fence/observe.rs"]
mod observe;

use std::time::Duration;

use kubeboot::document::spec::InitializeNode;
use kubeboot::facts::{Facts, InterfaceAddress};
use kubeboot::failure::Failure;
use kubeboot::fence::{FRESH, Looked, May, PEERS_FRESH, Recorded, STEADY, Serves, Sighting, Verdict, decide, names};
use kubeboot::gate::Voice;
use kubeboot::moment::Instant;

const MINUTE: Duration = Duration::from_secs(60);

const RECORDED: [Recorded; 4] = [Recorded::Nothing, Recorded::InitBegun, Recorded::InitDone, Recorded::JoinBegun];

fn serves() -> Vec<Serves> {
    vec![
        Serves::Ours,
        Serves::Foreign("CN=other".to_owned()),
        Serves::Unclear("connecting timed out".to_owned(), Duration::ZERO),
        Serves::Unclear("connecting timed out".to_owned(), 10 * MINUTE),
        Serves::Nobody,
        Serves::NotSteadyYet,
    ]
}

fn mays() -> Vec<May> {
    vec![
        May::Yes,
        May::NotTold,
        May::ClockBad("it says 1970".to_owned()),
        May::WindowPast,
        May::ClaimLost("cp-2 has it".to_owned()),
        May::ClaimStoreDown("HTTP 503".to_owned()),
    ]
}

const PROCEED: [Option<Duration>; 3] = [None, Some(Duration::from_secs(300)), Some(Duration::from_secs(3600))];

fn all() -> impl Iterator<Item = (Recorded, bool, Serves, May, Option<Duration>, Verdict)> {
    RECORDED.into_iter().flat_map(|recorded| {
        [false, true].into_iter().flat_map(move |local| {
            serves().into_iter().flat_map(move |serves| {
                mays().into_iter().flat_map(move |may| {
                    let serves = serves.clone();
                    PROCEED.into_iter().map(move |proceed| {
                        let verdict = decide(recorded, local, &serves, &may, proceed);
                        (recorded, local, serves.clone(), may.clone(), proceed, verdict)
                    })
                })
            })
        })
    })
}

/// One word for a verdict, as the table of the design has it.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Initialise => "init",
        Verdict::ResumeInit => "resume init",
        Verdict::Join => "join",
        Verdict::Wait(_) => "wait",
        Verdict::Halt(..) => "halt",
    }
}

#[test]
fn the_table_row_by_row() {
    let ours = Serves::Ours;
    let foreign = Serves::Foreign("CN=other".to_owned());
    let unclear = |minutes: u32| Serves::Unclear("connecting timed out".to_owned(), MINUTE * minutes);
    let nobody = Serves::Nobody;
    let unsteady = Serves::NotSteadyYet;
    let bad = May::ClockBad("it says 1970".to_owned());
    let (lost, down) = (May::ClaimLost("cp-2 has it".to_owned()), May::ClaimStoreDown("HTTP 503".to_owned()));
    let (yes, not, past) = (May::Yes, May::NotTold, May::WindowPast);
    let five = Some(5 * MINUTE);
    for (recorded, local, serves, may, proceed, then) in [
        // join begun | any | any | – | resume join, never init
        (Recorded::JoinBegun, false, &nobody, &yes, None, "join"),
        (Recorded::JoinBegun, true, &nobody, &yes, five, "join"),
        (Recorded::JoinBegun, true, &ours, &yes, None, "join"),
        (Recorded::JoinBegun, false, &foreign, &not, None, "join"),
        // init done | yes | any | – | go on after it
        (Recorded::InitDone, true, &ours, &yes, None, "resume init"),
        (Recorded::InitDone, true, &nobody, &past, None, "resume init"),
        (Recorded::InitDone, true, &foreign, &not, None, "resume init"),
        // init done | no | ours / nobody / else | – | join / halt / wait, for the others may live unseen
        (Recorded::InitDone, false, &ours, &yes, None, "join"),
        (Recorded::InitDone, false, &nobody, &yes, five, "halt"),
        (Recorded::InitDone, false, &foreign, &yes, five, "wait"),
        (Recorded::InitDone, false, &unclear(9), &yes, five, "wait"),
        (Recorded::InitDone, false, &unsteady, &yes, None, "wait"),
        // init begun | yes | any | – | resume init
        (Recorded::InitBegun, true, &nobody, &yes, None, "resume init"),
        (Recorded::InitBegun, true, &ours, &past, None, "resume init"),
        (Recorded::InitBegun, true, &foreign, &not, None, "resume init"),
        (Recorded::InitBegun, true, &unclear(0), &bad, None, "resume init"),
        // none | yes | any | – | halt: state of an earlier life
        (Recorded::Nothing, true, &nobody, &yes, None, "halt"),
        (Recorded::Nothing, true, &ours, &yes, None, "halt"),
        (Recorded::Nothing, true, &foreign, &not, five, "halt"),
        // none or init begun | no | ours | – | join
        (Recorded::Nothing, false, &ours, &yes, None, "join"),
        (Recorded::Nothing, false, &ours, &not, None, "join"),
        (Recorded::Nothing, false, &ours, &past, None, "join"),
        (Recorded::InitBegun, false, &ours, &bad, None, "join"),
        // … | foreign | – | wait, loud
        (Recorded::Nothing, false, &foreign, &yes, five, "wait"),
        (Recorded::InitBegun, false, &foreign, &yes, five, "wait"),
        // … | unclear | any | wait; with proceedAfter past, and may: as the row below
        (Recorded::Nothing, false, &unclear(600), &yes, None, "wait"),
        (Recorded::Nothing, false, &unclear(4), &yes, five, "wait"),
        (Recorded::Nothing, false, &unclear(5), &yes, five, "init"),
        (Recorded::InitBegun, false, &unclear(6), &yes, five, "init"),
        (Recorded::Nothing, false, &unclear(6), &not, five, "wait"),
        (Recorded::Nothing, false, &unclear(6), &bad, five, "wait"),
        (Recorded::Nothing, false, &unclear(6), &past, five, "wait"),
        // … | nobody | yes | init
        (Recorded::Nothing, false, &nobody, &yes, None, "init"),
        (Recorded::InitBegun, false, &nobody, &yes, None, "init"),
        // … | nobody | clock bad | wait for it
        (Recorded::Nothing, false, &nobody, &bad, None, "wait"),
        // … | nobody | claim store down, claim lost | wait
        (Recorded::Nothing, false, &nobody, &down, None, "wait"),
        (Recorded::InitBegun, false, &nobody, &down, None, "wait"),
        (Recorded::Nothing, false, &nobody, &lost, None, "wait"),
        (Recorded::Nothing, false, &unclear(6), &lost, five, "wait"),
        (Recorded::Nothing, false, &ours, &lost, None, "join"),
        (Recorded::InitBegun, true, &nobody, &lost, None, "resume init"),
        // … | nobody | window past | wait, loud
        (Recorded::Nothing, false, &nobody, &past, None, "wait"),
        (Recorded::InitBegun, false, &nobody, &past, None, "wait"),
        // … | nobody | not told | wait for the initialiser
        (Recorded::Nothing, false, &nobody, &not, None, "wait"),
        // Refused, but not for three seconds: nobody is nobody yet.
        (Recorded::Nothing, false, &unsteady, &yes, five, "wait"),
        (Recorded::InitBegun, false, &unsteady, &yes, None, "wait"),
    ] {
        let verdict = decide(recorded, local, serves, may, proceed);
        assert_eq!(word(&verdict), then, "{recorded:?}, local {local}, {serves:?}, {may:?}, {proceed:?}: {verdict:?}");
    }
}

#[test]
fn a_cluster_starts_only_where_nobody_serves_and_this_machine_may() {
    let mut starts = 0;
    for (recorded, local, serves, may, proceed, verdict) in all() {
        if verdict != Verdict::Initialise {
            continue;
        }
        starts += 1;
        let case = format!("{recorded:?}, local {local}, {serves:?}, {may:?}, {proceed:?}");
        assert_eq!(may, May::Yes, "{case}");
        assert!(!local, "{case}");
        assert!(matches!(recorded, Recorded::Nothing | Recorded::InitBegun), "{case}");
        match serves {
            Serves::Nobody => {}
            Serves::Unclear(_, since) => assert!(proceed.is_some_and(|limit| since >= limit), "{case}"),
            _ => panic!("{case}"),
        }
    }
    // Nobody: two records, three limits; unclear for ten minutes: two records, the one limit that is past.
    assert_eq!(starts, 2 * 3 + 2);
}

#[test]
fn init_is_resumed_only_with_its_state_on_this_disk() {
    for (recorded, local, .., verdict) in all() {
        if verdict == Verdict::ResumeInit {
            assert!(local && matches!(recorded, Recorded::InitBegun | Recorded::InitDone), "{recorded:?}, local {local}");
        }
    }
}

#[test]
fn whoever_began_to_join_never_starts_a_cluster_and_foreigners_start_nothing() {
    for (recorded, local, serves, may, proceed, verdict) in all() {
        if recorded == Recorded::JoinBegun {
            assert_eq!(verdict, Verdict::Join);
        }
        if matches!(serves, Serves::Foreign(_)) {
            assert_ne!(verdict, Verdict::Initialise, "{recorded:?}, {local}, {may:?}, {proceed:?}");
        }
        if serves == Serves::Ours {
            assert_ne!(verdict, Verdict::Initialise, "{recorded:?}, {local}, {may:?}, {proceed:?}");
        }
    }
}

#[test]
fn halts_and_waits_say_what_was_seen_and_what_to_do() {
    let at = |recorded, local, serves: Serves, may: May| decide(recorded, local, &serves, &may, None);
    assert_eq!(
        at(Recorded::InitDone, false, Serves::Nobody, May::Yes),
        Verdict::Halt(
            Failure::EtcdLost,
            "this machine once started the cluster, its etcd data is gone and nobody else serves".to_owned(),
            "start the other control planes, then this machine again: it joins them. Restore etcd from a backup if none has its data. \
             Only if every other control plane is gone for good, remove /var/lib/kubeboot: that starts a new, empty cluster, a second \
             one beside any control plane that comes back"
                .to_owned()
        )
    );
    assert_eq!(
        at(Recorded::Nothing, true, Serves::Nobody, May::Yes),
        Verdict::Halt(
            Failure::EarlierLife,
            "there is etcd state of an earlier life on this disk (/var/lib/etcd/member or /etc/kubernetes/manifests/etcd.yaml)".to_owned(),
            "if it is this cluster's, leave it and remove kubeboot.service; if it is rubbish, run `kubeadm reset` and start this machine again"
                .to_owned()
        )
    );
    let wait = |failure: Failure, text: &str| Verdict::Wait(failure.seen(text));
    for (serves, failure, text) in [
        (Serves::Foreign("CN=other".to_owned()), Failure::ForeignCa, "another cluster's CA answers: CN=other"),
        (
            Serves::Unclear("no route: 10.0.0.9".to_owned(), 99 * MINUTE),
            Failure::EndpointUnclear,
            "the endpoint is unclear: no route: 10.0.0.9",
        ),
    ] {
        let text = format!("init was done here, but its etcd data is gone, and {text}");
        assert_eq!(at(Recorded::InitDone, false, serves, May::Yes), wait(failure, &text));
    }
    for (serves, may, failure, text) in [
        (Serves::Foreign("CN=other".to_owned()), May::Yes, Failure::ForeignCa, "another cluster's CA answers: CN=other"),
        (Serves::NotSteadyYet, May::Yes, Failure::NobodyYet, "nobody serves; making sure"),
        (
            Serves::Unclear("no route: 10.0.0.9".to_owned(), MINUTE),
            May::Yes,
            Failure::EndpointUnclear,
            "the endpoint is unclear, so this machine must not start a cluster: no route: 10.0.0.9",
        ),
        (Serves::Nobody, May::ClockBad("it says 1970".to_owned()), Failure::ClockUntrusted, "the clock can't be trusted: it says 1970"),
        (
            Serves::Nobody,
            May::WindowPast,
            Failure::WindowPast,
            "the window (initialize.before) is past and nobody serves: re-mint the documents with `kubeboot mint`",
        ),
        (Serves::Nobody, May::ClaimLost("cp-2 has it".to_owned()), Failure::AwaitsInitialiser, "cp-2 has it"),
        (Serves::Nobody, May::ClaimStoreDown("HTTP 503".to_owned()), Failure::ClaimStoreDown, "HTTP 503"),
        (
            Serves::Nobody,
            May::NotTold,
            Failure::AwaitsInitialiser,
            "nobody serves yet; initialize.node names another machine, waiting for it",
        ),
    ] {
        assert_eq!(at(Recorded::Nothing, false, serves, may), wait(failure, text));
    }
    assert_eq!(STEADY, Duration::from_secs(3));
}

fn at(milliseconds: u64) -> Instant {
    Instant(Duration::from_millis(milliseconds))
}

/// A look that took no time.
fn look(milliseconds: u64) -> Looked {
    Looked { begun: at(milliseconds), over: at(milliseconds) }
}

/// A sighting whose peers were asked, in vain, at the last of the looks.
fn sighting(looks: &[(u64, Voice)]) -> Sighting {
    let mut sighting = Sighting::new(true);
    for (when, voice) in looks {
        sighting.hear(voice.clone(), look(*when));
        sighting.hear_peers(&Voice::Silent, look(*when));
    }
    sighting
}

#[test]
fn nobody_takes_two_silent_looks_that_span_three_seconds() {
    assert_eq!(sighting(&[]).serves(at(9000)), Serves::NotSteadyYet);
    // One look, however late or old.
    assert_eq!(sighting(&[(9000, Voice::Silent)]).serves(at(9000)), Serves::NotSteadyYet);
    assert_eq!(sighting(&[(0, Voice::Silent)]).serves(at(3000)), Serves::NotSteadyYet);
    assert_eq!(sighting(&[(100, Voice::Silent), (3099, Voice::Silent)]).serves(at(3500)), Serves::NotSteadyYet);
    assert_eq!(sighting(&[(100, Voice::Silent), (3100, Voice::Silent)]).serves(at(3100)), Serves::Nobody);
    // Something else between them begins it anew.
    let interrupted = sighting(&[(0, Voice::Silent), (2000, Voice::Unclear("no route".to_owned())), (4000, Voice::Silent)]);
    assert_eq!(interrupted.serves(at(4000)), Serves::NotSteadyYet);
}

#[test]
fn old_looks_say_nothing() {
    let looks = [(0, Voice::Silent), (3000, Voice::Silent)];
    let fresh = u64::try_from(FRESH.as_millis()).unwrap();
    assert_eq!(sighting(&looks).serves(at(3000 + fresh)), Serves::Nobody);
    assert_eq!(sighting(&looks).serves(at(3001 + fresh)), Serves::NotSteadyYet);
    let unclear = |text: &str| Voice::Unclear(text.to_owned());
    let looks = [(0, unclear("no route")), (60_000, unclear("time-out"))];
    assert_eq!(sighting(&looks).serves(at(61_000)), Serves::Unclear("time-out".to_owned(), MINUTE));
    assert_eq!(sighting(&looks).serves(at(60_001 + fresh)), Serves::Unclear("time-out".to_owned(), Duration::ZERO));
}

#[test]
fn nobody_serves_only_once_the_peers_were_asked_and_lately() {
    let mut sighting = Sighting::new(true);
    let mut now = 0;
    while now <= 20_000 {
        sighting.hear(Voice::Silent, look(now));
        assert_eq!(sighting.serves(at(now)), Serves::NotSteadyYet, "the peers were never asked");
        now += 1000;
    }
    sighting.hear_peers(&Voice::Foreign("CN=other".to_owned()), look(20_000));
    assert_eq!(sighting.serves(at(20_000)), Serves::Nobody);
    let late = 20_001 + u64::try_from(PEERS_FRESH.as_millis()).unwrap();
    sighting.hear(Voice::Silent, look(late));
    assert_eq!(sighting.serves(at(late)), Serves::NotSteadyYet);
}

#[test]
fn only_looks_that_were_begun_later_count_as_later() {
    let (claimed, mut sighting) = (at(5000), Sighting::new(true));
    let look = |begun, over| Looked { begun: at(begun), over: at(over) };
    assert!(!sighting.looked_since(claimed), "nobody has looked");
    sighting.hear(Voice::Silent, look(5001, 5002));
    assert!(!sighting.looked_since(claimed), "nobody has asked the peers");
    // One that was under way already may have been answered before.
    for (begun, over) in [(4000, 4100), (4900, 8000), (5000, 8000)] {
        sighting.hear_peers(&Voice::Silent, look(begun, over));
        assert!(!sighting.looked_since(claimed), "{begun}");
    }
    sighting.hear_peers(&Voice::Silent, look(5001, 8000));
    assert!(sighting.looked_since(claimed));
    sighting.hear(Voice::Silent, look(4999, 8001));
    assert!(!sighting.looked_since(claimed), "the endpoint's look is older");
}

#[test]
fn who_was_proven_ours_stays_ours() {
    let mut by_peer = sighting(&[(0, Voice::Silent), (3000, Voice::Silent)]);
    by_peer.hear_peers(&Voice::Ours, look(3000));
    by_peer.hear_peers(&Voice::Silent, look(4000));
    assert_eq!(by_peer.serves(at(4000)), Serves::Ours);
    let by_endpoint = sighting(&[(0, Voice::Ours), (1000, Voice::Silent), (9000, Voice::Silent)]);
    assert_eq!(by_endpoint.serves(at(9000)), Serves::Ours);
}

#[test]
fn initialize_names_one_machine_whatever_the_case_of_its_hostname() {
    let facts = |number: u8| Facts {
        hostname: format!("CP-{number}.Example.com"),
        system_uuid: Some(format!("uuid-{number}")),
        serial: Some(format!("serial-{number}")),
        hardware_addresses: vec!["00:00:5e:00:53:ff".to_owned(), format!("00:00:5e:00:53:0{number}")],
        addresses: vec![InterfaceAddress { interface: "eth0".to_owned(), address: [192, 0, 2, number].into(), prefix: 24 }],
        ..Facts::default()
    };
    for node in [
        InitializeNode::SystemUuid("uuid-1".to_owned()),
        InitializeNode::InstanceId("i-1".to_owned()),
        InitializeNode::Serial("serial-1".to_owned()),
        InitializeNode::Mac("00:00:5e:00:53:01".to_owned()),
        InitializeNode::Address([192, 0, 2, 1].into()),
        InitializeNode::Hostname("cp-1.example.com".to_owned()),
    ] {
        assert!(names(&node, &facts(1), Some("i-1")), "{node:?}");
        assert!(!names(&node, &facts(2), Some("i-2")), "{node:?}");
        assert!(!names(&node, &Facts::default(), None), "{node:?}");
    }
}
