//! Every answer to the creates against every answer to the read: what becomes of the machine, whom nobody serves.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use kubeboot::host::{Method, Response, Unanswered};

use crate::initialiser::{Script, Store, boot, document_with, facts, machine_of};
use crate::{CLAIM, assert_signatures_are_hidden, inits, last_wait, silent, told};

type Answer = Result<Response, Unanswered>;

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It starts the cluster.
    Starts,
    /// It waits, by this name.
    Waits(&'static str),
    /// It ends, by this name.
    Ends(&'static str, u8),
}

use Then::{Ends, Starts, Waits};

const DOWN: Then = Waits("claim-store-down");
const REFUSED: Then = Ends("claim-refused", 65);
const UNFIT: Then = Ends("claim-store-unfit", 69);
const NOBODY_TO_ASK: Then = Ends("machine-unfit", 69);

/// What the creates settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Creates {
    /// All by themselves.
    Settle(Then),
    /// Nothing: it exists, and whoever reads it knows whose it is.
    Exists,
    /// Nothing, but that it isn't there is no news.
    Conflicts,
}

use Creates::{Conflicts, Exists, Settle};

fn answers(status: u16) -> Answer {
    Ok(Response { status, body: Vec::new() })
}

fn no_answer() -> Answer {
    Err(Unanswered::Refused("192.0.2.7:443".to_owned()))
}

fn too_large() -> Answer {
    Err(Unanswered::TooLarge(16384))
}

fn no_bundle() -> Answer {
    Err(Unanswered::Unusable("no CA bundle to verify this https server with".to_owned()))
}

/// The first create's answer, the others', and what follows: one of each kind.
fn creates() -> Vec<(Answer, Answer, Creates)> {
    vec![
        (answers(201), answers(412), Exists),
        // Made, and for long not to be seen: put and get may be of two objects.
        (answers(201), answers(409), Conflicts),
        (answers(200), answers(412), Exists),
        (answers(204), answers(412), Exists),
        (too_large(), answers(412), Exists),
        (answers(412), answers(412), Exists),
        (answers(409), answers(412), Exists),
        (answers(409), answers(409), Conflicts),
        (answers(201), answers(201), Settle(UNFIT)),
        (answers(201), too_large(), Settle(UNFIT)),
        (too_large(), too_large(), Settle(UNFIT)),
        (answers(201), answers(403), Settle(REFUSED)),
        (no_answer(), no_answer(), Settle(DOWN)),
        (answers(201), no_answer(), Settle(DOWN)),
        (no_bundle(), no_bundle(), Settle(NOBODY_TO_ASK)),
        (answers(503), answers(503), Settle(DOWN)),
        (answers(503), answers(412), Exists),
        (answers(403), answers(403), Settle(REFUSED)),
    ]
}

/// Every status of these kinds.
fn statuses() -> Vec<(Answer, Answer, Creates)> {
    let mut all = Vec::new();
    for passes in [408, 425, 429, 500, 502, 503, 504, 507, 599] {
        all.push((answers(passes), answers(passes), Settle(DOWN)));
        all.push((answers(201), answers(passes), Settle(DOWN)));
        all.push((answers(passes), answers(412), Exists));
    }
    for stays in [301, 304, 307, 400, 401, 403, 404, 405, 410, 411, 413, 501] {
        all.push((answers(stays), answers(stays), Settle(REFUSED)));
    }
    all
}

const MACHINE: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "ffffffffffffffffffffffffffffffff";

/// What a GET answers, what follows where the object exists, and where the create was in conflict.
fn reads(cluster: &str) -> Vec<(Answer, Then, Then)> {
    let body = |text: &str| Ok(Response { status: 200, body: text.as_bytes().to_vec() });
    let claim = |cluster: &str, machine: &str, more: &str| {
        body(&format!("{{\"cluster\":\"{cluster}\",\"node\":\"cp-1\",\"machine\":\"{machine}\"{more}}}"))
    };
    let same = |answer: Answer, then: Then| (answer, then, then);
    let mut all = vec![
        same(claim(cluster, MACHINE, ""), Starts),
        same(claim(cluster, MACHINE, ",\"uuid\":null"), Starts),
        same(claim(cluster, MACHINE, ",\"uuid\":\"4c4c4544-0000-1111-2222-333344445555\""), Ends("machine-id-shared", 69)),
        same(claim(cluster, OTHER, ""), Waits("awaits-initialiser")),
        same(claim(cluster, OTHER, ",\"uuid\":\"4c4c4544-0000-1111-2222-333344445555\""), Waits("awaits-initialiser")),
        same(claim("00", MACHINE, ""), UNFIT),
        same(claim("00", OTHER, ""), UNFIT),
        same(body(""), UNFIT),
        same(body("<html>"), UNFIT),
        same(body("{}"), UNFIT),
        same(too_large(), UNFIT),
        same(no_answer(), DOWN),
        same(no_bundle(), NOBODY_TO_ASK),
        (answers(404), DOWN, REFUSED),
        (answers(410), DOWN, REFUSED),
    ];
    all.extend([408, 425, 429, 500, 502, 503, 599].map(|passes| same(answers(passes), DOWN)));
    all.extend([201, 204, 206, 301, 304, 400, 401, 403, 405, 409, 412, 501].map(|stays| same(answers(stays), REFUSED)));
    all
}

#[test]
fn every_answer_to_the_creates_against_every_answer_to_the_read() {
    let document = document_with(CLAIM);
    let spec = kubeboot::document::read_node(&crate::documents::document(&document)).unwrap();
    let cluster = kubeboot::act::pki::cluster_identity(&spec).unwrap();
    let mut wrong = Vec::new();
    let mut cells = 0;
    // Each kind of creates meets every read; each status of a kind one of each.
    let reads = reads(&cluster);
    let few = [reads.first().unwrap().clone(), (answers(404), DOWN, REFUSED), (answers(503), DOWN, DOWN)];
    let each = creates().into_iter().map(|row| (row, reads.as_slice())).chain(statuses().into_iter().map(|row| (row, few.as_slice())));
    for ((first, others, creates), reads) in each {
        for (read, exists, conflicts) in reads {
            let wanted = match creates {
                Settle(then) => then,
                Exists => *exists,
                Conflicts => *conflicts,
            };
            let got = becomes(&document, vec![first.clone(), others.clone()], vec![read.clone()]);
            cells += 1;
            if got != wanted {
                wrong.push(format!("PUT {first:?}, PUT {others:?}, GET {read:?}: {got:?}, not {wanted:?}"));
            }
        }
    }
    assert!(cells > 700, "{cells}");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}", wrong.len(), wrong.join("\n"));
}

/// S3 says 403 of what is not there to whoever may not list the bucket: the create's answer decides what it means.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
#[test]
fn a_read_that_is_forbidden_means_what_the_creates_say() {
    let document = document_with(CLAIM);
    let spec = kubeboot::document::read_node(&crate::documents::document(&document)).unwrap();
    let cluster = kubeboot::act::pki::cluster_identity(&spec).unwrap();
    let of = |machine: &str| {
        let body = format!("{{\"cluster\":\"{cluster}\",\"node\":\"cp-1\",\"machine\":\"{machine}\"}}").into_bytes();
        Ok(Response { status: 200, body })
    };
    let (ours, theirs, lost) = (of(MACHINE), of(OTHER), Waits("awaits-initialiser"));
    let statuses = |list: &[u16]| list.iter().map(|status| answers(*status)).collect::<Vec<Answer>>();
    let then = |list: &[u16], last: &Answer| [statuses(list), vec![last.clone()]].concat();
    for (puts, gets, wanted) in [
        // Another's create is not over: its claim is there a moment later.
        (statuses(&[409, 412]), then(&[403], &theirs), lost),
        (statuses(&[409, 409, 409, 412]), then(&[403, 404, 403], &theirs), lost),
        // It came to nothing, and this machine's does not.
        (statuses(&[409, 201, 412]), then(&[403], &ours), Starts),
        // Deleted right before init: the next run asks anew.
        (statuses(&[201, 412]), vec![ours.clone(), answers(403)], Ends("claim-store-down", 75)),
        // It exists, or will never be there: then the read is forbidden for good.
        (statuses(&[412]), statuses(&[403]), REFUSED),
        (statuses(&[201, 412]), statuses(&[403]), REFUSED),
        (statuses(&[409, 412]), statuses(&[403]), REFUSED),
        (statuses(&[409]), statuses(&[403]), REFUSED),
        (statuses(&[409]), statuses(&[403, 404]), REFUSED),
        (statuses(&[503]), statuses(&[403]), DOWN),
    ] {
        let shown = format!("{puts:?} {gets:?}");
        assert_eq!(becomes(&document, puts, gets), wanted, "{shown}");
    }
}

/// What becomes of a machine whose store gives these answers one after the other, the last ones for ever.
fn becomes(document: &[u8], puts: Vec<Answer>, gets: Vec<Answer>) -> Then {
    let store = Rc::new(Store::default());
    let (puts, gets) = (RefCell::new(VecDeque::from(puts)), RefCell::new(VecDeque::from(gets)));
    let script: Script = Box::new(move |_, request| {
        let mut left = if request.method == Method::Put { puts.borrow_mut() } else { gets.borrow_mut() };
        if left.len() > 1 { left.pop_front() } else { left.front().cloned() }
    });
    *store.script.borrow_mut() = Some(script);
    let sim = machine_of(document.to_vec(), store, silent());
    assert_eq!(facts().machine_id, MACHINE);
    sim.dies_at.set(Some(60.0));
    let ended = boot(&sim);
    let starts = inits(&sim);
    assert_signatures_are_hidden(&format!("{}{ended:?}", told(&sim)));
    let then = match ended {
        Some(Ok(())) => Starts,
        Some(Err(fault)) => {
            assert_signatures_are_hidden(&fault.to_string());
            assert_eq!(fault.at(), "https://store.test/claim", "{fault}");
            Ends(fault.failure().name(), fault.class().exit_code())
        }
        // Names live as long as the program.
        None => {
            Waits(kubeboot::failure::Failure::ALL.iter().map(|failure| failure.name()).find(|name| *name == last_wait(&sim).0).unwrap())
        }
    };
    assert_eq!(starts, usize::from(then == Starts));
    then
}
