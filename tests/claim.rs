//! The right to start the cluster, claimed: of all machines that share a document one starts it, whatever the store does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "claim/dies.rs"]
mod dies;
#[path = "support/documents.rs"]
mod documents;
#[allow(dead_code, reason = "not every world is in these tests")]
#[path = "run/initialiser.rs"]
mod initialiser;
#[allow(dead_code, reason = "no power is cut in these tests")]
#[path = "run/kubeadm.rs"]
mod kubeadm;
#[path = "wire/real.rs"]
mod real;
#[path = "wire/servers.rs"]
#[allow(dead_code, reason = "other servers are other tests'")]
mod servers;
#[allow(dead_code, reason = "not every test listens to all that is told")]
#[path = "support/sim.rs"]
mod sim;
#[path = "claim/table.rs"]
mod table;
#[path = "claim/wire.rs"]
mod wire;
#[allow(dead_code, reason = "its world is the other test's")]
#[path = "run/worker.rs"]
mod worker;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use initialiser::{Failing, Initialiser, Script, Store, boot, boot_as, document_with, machine_of, machine_with, twin};
use kubeboot::facts::Facts;
use kubeboot::failure::Failure;
use kubeboot::host::{Method, Response, Unanswered};
use sim::Sim;

const CLAIM: &str = "  claim: {put: \"https://store.test/claim?signature=hunter2\", get: \"https://store.test/claim?signature=hunter3\"}\n";

type Balancer = Vec<(f64, Result<u16, Unanswered>)>;

fn refused() -> Result<u16, Unanswered> {
    Err(Unanswered::Refused("10.0.0.9:6443".to_owned()))
}

fn unclear() -> Result<u16, Unanswered> {
    Err(Unanswered::ConnectTimeout("10.0.0.9:6443".to_owned()))
}

fn silent() -> Balancer {
    vec![(0.0, refused())]
}

fn inits(sim: &Sim<Initialiser>) -> usize {
    sim.effects.borrow().iter().filter(|effect| effect.starts_with("run kubeadm init --config") && !effect.contains(": ")).count()
}

/// A machine that has to claim the right at this store.
fn claimant(store: &Rc<Store>, balancer: Balancer) -> Sim<Initialiser> {
    let mut sim = machine_with(CLAIM, balancer);
    sim.world.store = Rc::clone(store);
    sim
}

/// A store that answers by a script.
fn scripted(script: impl Fn(f64, Method, u32) -> Option<Result<Response, Unanswered>> + 'static) -> Rc<Store> {
    let store = Rc::new(Store::default());
    let (puts, gets) = (Cell::new(0), Cell::new(0));
    // Each request with its number among those of its method, from 1.
    let script: Script = Box::new(move |now, request| {
        let count = if request.method == Method::Put { &puts } else { &gets };
        count.set(count.get() + 1);
        script(now, request.method, count.get())
    });
    *store.script.borrow_mut() = Some(script);
    store
}

/// Plays before the scripts: a status without a body.
#[allow(clippy::unnecessary_wraps, reason = "as scripts answer")]
fn status(status: u16) -> Option<Result<Response, Unanswered>> {
    Some(Ok(Response { status, body: Vec::new() }))
}

/// What the fence has seen last after so many seconds in which it chose nothing: the failure's name, and its words.
fn waits_for(sim: &Sim<Initialiser>, facts: Facts, seconds: f64) -> (String, String) {
    sim.dies_at.set(Some(sim.seconds() + seconds));
    let ended = boot_as(sim, facts);
    assert!(ended.is_none(), "{ended:?}");
    last_wait(sim)
}

fn last_wait(sim: &Sim<Initialiser>) -> (String, String) {
    let report: kubeboot::report::Report = serde_json::from_str(&sim.file("/run/kubeboot/status.json").unwrap()).unwrap();
    let fence = report.steps.iter().find(|step| step.id.name() == "fence").unwrap();
    let wait = fence.waits.last().unwrap();
    assert!(!wait.over && wait.next_try_in.is_some());
    (wait.failure.clone(), wait.last_seen.clone())
}

fn waits_as(sim: &Sim<Initialiser>, facts: Facts) -> (String, String) {
    waits_for(sim, facts, 300.0)
}

fn other() -> Facts {
    Facts { machine_id: "f".repeat(32), hostname: "cp-2".to_owned(), ..initialiser::facts() }
}

fn with_uuid(uuid: Option<&str>) -> Facts {
    Facts { system_uuid: uuid.map(str::to_owned), ..initialiser::facts() }
}

/// All that a run tells anybody.
fn told(sim: &Sim<Initialiser>) -> String {
    let mut all = sim.statuses.borrow().join("\n") + &sim.effects.borrow().join("\n");
    for told in sim.events.borrow().iter() {
        all.push_str(&told.message);
    }
    for file in ["/run/kubeboot/status.json", "/var/lib/kubeboot/ledger.jsonl"] {
        all.push_str(&sim.file(file).unwrap());
    }
    all
}

/// The URLs are told, their signatures are not.
fn assert_signatures_are_hidden(told: &str) {
    assert!(told.contains("https://store.test/claim"), "{told}");
    for part in ["hunter", "signature="] {
        assert!(!told.contains(part), "{told}");
    }
}

#[test]
fn of_two_that_claim_one_starts_the_cluster() {
    let store = Rc::new(Store::default());
    let first = claimant(&store, silent());
    boot(&first).unwrap().unwrap();
    assert_eq!(inits(&first), 1);
    assert_eq!(store.puts.get(), 2, "a second create shows that the store refuses one");
    // The claim comes before the record that init was begun.
    let events = first.events.borrow().iter().map(|told| told.message.clone()).collect::<Vec<_>>().join("\n");
    assert!(events.contains("claimed; looking once more who serves"), "{events}");
    assert_signatures_are_hidden(&told(&first));
    let second = twin(&first, silent());
    let (failure, seen) = waits_as(&second, other());
    assert_eq!(inits(&second), 0);
    assert_eq!(failure, "awaits-initialiser");
    assert_eq!(
        seen,
        "nobody serves yet; machine 0123456789abcdef0123456789abcdef (cp-1) has claimed the right to start the cluster, waiting for it; \
         if it is gone for good, delete https://store.test/claim"
    );
    assert_signatures_are_hidden(&told(&second));
    assert!(store.puts.get() < 2 + 300 / 4, "a store is not asked without end: {}", store.puts.get());
}

#[test]
fn two_machines_with_one_machine_id_do_not_both_win() {
    let (ours, theirs) = (Some("4c4c4544-0000-1111-2222-333344445555"), Some("4c4c4544-0000-1111-2222-333344446666"));
    let store = Rc::new(Store::default());
    let first = claimant(&store, silent());
    boot_as(&first, with_uuid(ours)).unwrap().unwrap();
    assert_eq!(inits(&first), 1);
    for (uuid, words) in [(theirs, "system UUID 4c4c4544-0000-1111-2222-333344446666"), (None, "no system UUID")] {
        let second = twin(&first, silent());
        let fault = boot_as(&second, with_uuid(uuid)).unwrap().unwrap_err();
        assert_eq!((fault.failure(), fault.class().exit_code(), inits(&second)), (Failure::MachineIdShared, 69, 0));
        assert_eq!(
            fault.why(),
            Some(
                format!(
                    "machine-id 0123456789abcdef0123456789abcdef: the claim is node cp-1's with system UUID \
                     4c4c4544-0000-1111-2222-333344445555, this is node cp-1 with {words}"
                )
                .as_str()
            )
        );
        assert!(fault.advice().contains("leave /etc/machine-id empty in the image"), "{fault}");
        assert_signatures_are_hidden(&format!("{}{fault}", told(&second)));
    }
    // The same machine, which has no other sign of having won: its disk is as new.
    let again = twin(&first, silent());
    boot_as(&again, with_uuid(ours)).unwrap().unwrap();
    // Where the first has no UUID, a second that has one is another machine too.
    let store = Rc::new(Store::default());
    let first = claimant(&store, silent());
    boot(&first).unwrap().unwrap();
    let fault = boot_as(&twin(&first, silent()), with_uuid(ours)).unwrap().unwrap_err();
    assert_eq!(fault.failure(), Failure::MachineIdShared);
}

/// Another machine's claim of the same cluster.
fn anothers(store: &Store) -> Vec<u8> {
    let text = String::from_utf8(store.object.borrow().clone().unwrap()).unwrap();
    text.replace("0123456789abcdef0123456789abcdef", &"f".repeat(32)).replace("cp-1", "cp-2").into_bytes()
}

#[test]
fn a_claim_that_was_deleted_and_retaken_is_seen_right_before_init() {
    let sim = claimant(&Rc::default(), silent());
    let store = Rc::clone(&sim.world.store);
    let (seen, reads) = (Rc::clone(&store), Cell::new(0));
    // The first GET says that it is won; before the second somebody else has it.
    *store.script.borrow_mut() = Some(Box::new(move |_, request| {
        if request.method == Method::Get {
            reads.set(reads.get() + 1);
            if reads.get() == 2 {
                let bytes = anothers(&seen);
                *seen.object.borrow_mut() = Some(bytes);
            }
        }
        None
    }));
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.class().exit_code(), inits(&sim)), (Failure::AwaitsInitialiser, 75, 0));
    assert_eq!(fault.what(), "init is not begun: the claim is not known to be this machine's");
    assert!(fault.why().unwrap().contains("(cp-2) has claimed the right"), "{fault}");
    assert_signatures_are_hidden(&format!("{}{fault}", told(&sim)));
    // The unit starts it again; the fence waits for the one that has it.
    assert_eq!(waits_as(&sim, initialiser::facts()).0, "awaits-initialiser");
    assert_eq!(inits(&sim), 0);
}

#[test]
fn a_claim_that_is_gone_or_unreadable_right_before_init_is_asked_for_anew() {
    for (answer, words) in [
        (404, "the claim is gone: somebody has deleted it since this machine made it"),
        // S3 says so of what was deleted.
        (403, "the claim is gone, or may not be read any more: HTTP 403 to the GET"),
        (503, "the claim can't be read: HTTP 503"),
    ] {
        let sim = claimant(
            &scripted(move |_, method, number| if (method, number) == (Method::Get, 2) { status(answer) } else { None }),
            silent(),
        );
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!((fault.failure(), fault.class().exit_code(), inits(&sim)), (Failure::ClaimStoreDown, 75, 0));
        assert_eq!(fault.why(), Some(words));
        // The run ends here: nothing promises that this one tries again.
        let events = sim.events.borrow().iter().map(|told| told.message.clone()).collect::<Vec<_>>().join("\n");
        assert!(events.contains(words) && !events.contains("will be repeated"), "{events}");
        boot(&sim).unwrap().unwrap();
        assert_eq!(inits(&sim), 1);
    }
}

#[test]
fn a_claim_that_was_lost_right_before_init_binds_the_machine_to_nothing() {
    let lost = || scripted(|_, method, number| if (method, number) == (Method::Get, 2) { status(404) } else { None });
    let count = |sim: &Sim<Initialiser>, part: &str| sim.effects.borrow().iter().filter(|effect| effect.contains(part)).count();
    let sim = claimant(&lost(), silent());
    boot(&sim).unwrap().unwrap_err();
    assert_eq!((count(&sim, ": course initialise"), count(&sim, ": begun kubeadm-init"), inits(&sim)), (1, 0, 0));
    let left = sim.files.borrow().clone();
    // The next run is a first one: kubeadm looks at the machine once more.
    boot(&sim).unwrap().unwrap();
    assert_eq!((count(&sim, "run kubeadm init phase preflight"), count(&sim, ": begun kubeadm-init"), inits(&sim)), (2, 1, 1));
    // Another cluster's document counts on this disk as if it were new.
    let other = claimant(&Rc::default(), silent());
    let document = other.file(worker::DOCUMENT).unwrap();
    *other.files.borrow_mut() = left;
    other.put(worker::DOCUMENT, &document);
    boot(&other).unwrap().unwrap();
    assert_eq!(inits(&other), 1);
}

#[test]
fn a_repeated_init_reads_the_claim_again_as_long_as_it_has_started_nothing() {
    let sim = claimant(&Rc::default(), silent());
    let store = Rc::clone(&sim.world.store);
    let failing = Failing { stderr: "something that has no name\n".to_owned(), logs: Vec::new(), journal: String::new() };
    *sim.world.failing.borrow_mut() = Some(failing);
    let (seen, reads) = (Rc::clone(&store), Cell::new(0));
    *store.script.borrow_mut() = Some(Box::new(move |_, request| {
        reads.set(reads.get() + u32::from(request.method == Method::Get));
        if reads.get() == 4 {
            let bytes = anothers(&seen);
            *seen.object.borrow_mut() = Some(bytes);
        }
        None
    }));
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), inits(&sim)), (Failure::AwaitsInitialiser, 2), "{fault}");
}

/// When the store has said that the claim is this machine's, of the machine's time.
fn won_at() -> f64 {
    let won_at = Rc::new(Cell::new(0.0));
    let clock = Rc::clone(&won_at);
    let undisturbed = claimant(
        &scripted(move |now, method, number| {
            if (method, number) == (Method::Get, 1) {
                clock.set(now);
            }
            None
        }),
        silent(),
    );
    boot(&undisturbed).unwrap().unwrap();
    won_at.get()
}

#[test]
fn who_comes_up_after_the_claim_was_won_is_seen() {
    let won_at = won_at();
    assert!((3.0..10.0).contains(&won_at), "{won_at}");
    // The last look before saw nobody, and is younger than three seconds for a while.
    let sim = claimant(&Rc::default(), vec![(0.0, refused()), (won_at + 0.001, Ok(503))]);
    boot(&sim).unwrap().unwrap_err();
    assert_eq!((sim.world.store.puts.get(), inits(&sim)), (2, 0));
    assert!(sim.effects.borrow().iter().any(|effect| effect.ends_with(": course join")));
}

#[test]
fn a_store_that_ignores_the_condition_is_found_out() {
    let store = Rc::new(Store { ignores_the_condition: true, ..Store::default() });
    let sim = claimant(&store, silent());
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), inits(&sim)), (Failure::ClaimStoreUnfit, 0));
    assert_eq!(fault.at(), "https://store.test/claim");
}

#[test]
fn a_store_that_is_down_is_waited_for_and_one_that_refuses_is_not() {
    let store = Rc::new(Store::default());
    store.down_until.set(60.0);
    let sim = claimant(&store, silent());
    boot(&sim).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
    let waits: Vec<String> = sim.events.borrow().iter().map(|told| told.message.clone()).collect();
    assert!(waits.iter().any(|line| line.ends_with(": the claim can't be made: HTTP 503")), "{waits:?}");
    for status in [403, 404, 405, 501] {
        let store = Rc::new(Store::default());
        store.refuses.set(Some(status));
        let sim = claimant(&store, silent());
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!((fault.failure(), inits(&sim)), (Failure::ClaimRefused, 0), "{status}");
        assert_eq!(fault.why(), Some(format!("HTTP {status}").as_str()));
    }
}

#[test]
fn a_conflict_says_that_the_object_is_there() {
    let conflicts = || scripted(|_, method, number| if method == Method::Put && number > 1 { status(409) } else { None });
    let sim = claimant(&conflicts(), silent());
    boot(&sim).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
    let second = twin(&sim, silent());
    assert_eq!(waits_as(&second, other()).0, "awaits-initialiser");
    // The first of two at a time: both are told so, and the object is there a moment later.
    let sim = claimant(&scripted(|now, method, _| if method == Method::Put && now < 12.0 { status(409) } else { None }), silent());
    let (failure, seen) = waits_for(&sim, initialiser::facts(), 7.0);
    assert_eq!(failure, "claim-store-down");
    let folder = "the object's folder is missing";
    assert_eq!(
        seen,
        format!("the claim can't be made: HTTP 409, and nothing is there: another machine's create is not over yet, or {folder}")
    );
    boot(&sim).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
}

#[test]
fn a_conflict_over_what_never_is_there_is_a_missing_folder() {
    let sim = claimant(&scripted(|_, method, _| if method == Method::Put { status(409) } else { None }), silent());
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.class().exit_code(), inits(&sim)), (Failure::ClaimRefused, 65, 0));
    assert_eq!(fault.what(), "the claim's store refuses to create the claim, and shows none");
    assert!(fault.why().unwrap().starts_with("HTTP 409 to the PUT, and nothing is there, for 15 s"), "{fault}");
    assert!(fault.advice().starts_with("create the folder that the object lies in (WebDAV: its collection)"), "{fault}");
    // Conflicts that something else comes between are counted anew.
    let refusals = |now: f64| now % 18.0 < 12.0;
    let sim = claimant(
        &scripted(move |now, method, _| if method == Method::Put { status(if refusals(now) { 409 } else { 503 }) } else { None }),
        silent(),
    );
    assert_eq!(waits_as(&sim, initialiser::facts()).0, "claim-store-down");
}

#[test]
fn a_claim_that_exists_and_is_not_shown_yet_is_waited_for() {
    let sim = claimant(&scripted(|now, method, _| if method == Method::Get && now < 120.0 { status(404) } else { None }), silent());
    let seen = "the claim can't be read: the store says that it exists, but does not show it yet; do put and get name the same object?";
    assert_eq!(waits_for(&sim, initialiser::facts(), 100.0), ("claim-store-down".to_owned(), seen.to_owned()));
    boot(&sim).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
}

#[test]
fn nothing_is_claimed_where_somebody_serves_or_nobody_knows() {
    for balancer in [vec![(0.0, Ok(200))], vec![(0.0, unclear())], vec![(0.0, Err(Unanswered::ForeignCa("CN=other".to_owned())))]] {
        let store = Rc::new(Store::default());
        let sim = claimant(&store, balancer);
        sim.dies_at.set(Some(120.0));
        assert!(boot(&sim).is_none());
        assert_eq!((store.puts.get(), inits(&sim)), (0, 0));
    }
    // What is in the claim's place must be one, of this cluster.
    for (object, what) in [
        ("<html>", "what is in the claim's place is no claim"),
        (r#"{"cluster":"00","node":"cp-1","machine":"0123456789abcdef0123456789abcdef"}"#, "the claim is another cluster's"),
    ] {
        let store = Rc::new(Store::default());
        *store.object.borrow_mut() = Some(object.as_bytes().to_vec());
        let sim = claimant(&store, silent());
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!((fault.failure(), fault.what(), inits(&sim)), (Failure::ClaimStoreUnfit, what, 0));
    }
}

#[test]
fn nothing_is_claimed_outside_of_the_window_or_by_a_bad_clock() {
    let sim = claimant(&Rc::default(), vec![(0.0, unclear()), (1900.0, refused())]);
    sim.dies_at.set(Some(2000.0));
    assert!(boot(&sim).is_none());
    assert_eq!(last_wait(&sim).0, "window-past");
    assert_eq!((sim.world.store.puts.get(), inits(&sim)), (0, 0));
    // It was good when the runtime was waited for.
    let text = String::from_utf8(document_with(CLAIM)).unwrap();
    let vouched = text.replace("clock: plausible", "clock: synchronised");
    assert_ne!(text, vouched);
    let sim = machine_of(vouched.into_bytes(), Rc::default(), silent());
    sim.drifts.set((2.5, 100.0));
    assert_eq!(waits_for(&sim, initialiser::facts(), 90.0).0, "clock-untrusted");
    assert_eq!((sim.world.store.puts.get(), inits(&sim)), (0, 0));
    boot(&sim).unwrap().unwrap();
    // What is won is no right once the window is past.
    let sim = claimant(&Rc::default(), vec![(0.0, refused()), (won_at(), unclear()), (1900.0, refused())]);
    let puts = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&puts);
    *sim.world.store.script.borrow_mut() = Some(Box::new(move |now, _| {
        log.borrow_mut().push(now);
        None
    }));
    sim.dies_at.set(Some(2000.0));
    assert!(boot(&sim).is_none());
    assert_eq!(last_wait(&sim).0, "window-past");
    assert_eq!(inits(&sim), 0, "{puts:?}");
}

#[test]
fn a_claims_urls_are_not_in_its_debug_form() {
    let claim = kubeboot::document::read_node(&documents::document(&document_with(CLAIM))).unwrap().initialize.unwrap().claim.unwrap();
    assert!(claim.put.ends_with("hunter2") && claim.get.ends_with("hunter3"));
    assert_signatures_are_hidden(&format!("{claim:?}"));
}
