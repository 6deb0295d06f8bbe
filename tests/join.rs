//! A further control plane in virtual time: it takes its turn, joins, and can die after any effect of its own or phase of
//! kubeadm's, by a signal or with its power.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[path = "support/golden.rs"]
mod golden;
#[path = "run/joiner.rs"]
mod joiner;
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
#[path = "join/url.rs"]
mod url;
#[allow(dead_code, reason = "its world is the other test's")]
#[path = "run/worker.rs"]
mod worker;

use std::path::{Path, PathBuf};

use golden::golden;
use joiner::{BUNDLE, Joiner, boot, kit, machine};
use kubeadm::Torn;
use kubeboot::digest::sha256;
use kubeboot::document::spec::EncryptionAlgorithm;
use kubeboot::failure::Failure;
use kubeboot::host::Mode;
use kubeboot::pki::shared::{SharedName, SharedPki};
use kubeboot::report::{Report, StepOutcome};
use serde_json::Value;
use sim::Sim;
use worker::start;

fn report(sim: &Sim<Joiner>) -> Report {
    serde_json::from_str(&sim.file("/run/kubeboot/status.json").unwrap()).unwrap()
}

/// How it stands in the end: the files of the machine, the marks of its Node, the Lease's holder.
fn end(sim: &Sim<Joiner>) -> (Vec<PathBuf>, Option<(Value, Value)>, Option<String>) {
    let holder = sim.world.lease.borrow().as_ref().map(|(holder, _)| holder.clone());
    (sim.files.borrow().keys().cloned().collect(), sim.world.marks.borrow().clone(), holder)
}

#[test]
fn it_takes_its_turn_and_joins() {
    let sim = machine(Joiner::default());
    boot(&sim).unwrap().unwrap();
    golden("run/joiner-effects.txt", &(sim.effects.borrow().join("\n") + "\n"));
    let (files, marks, holder) = end(&sim);
    assert_eq!(holder.as_deref(), Some(""), "the turn was given up");
    let (labels, taints) = marks.unwrap();
    assert_eq!(labels["node-role.kubernetes.io/control-plane"], "");
    assert_eq!(taints[0]["effect"], "NoSchedule");
    assert!(!files.contains(&PathBuf::from("/etc/kubernetes/bootstrap-kubelet.conf")), "{files:?}");
    // The turn is given up while kubeadm still works: others join meanwhile.
    let events = sim.events.borrow();
    let place = |start: &str| events.iter().position(|told| told.message.starts_with(start)).unwrap();
    assert!(place("this machine's etcd member votes") < place("kubeadm-join done"));
}

#[test]
fn it_dies_after_any_effect_and_ends_as_undisturbed() {
    let undisturbed = machine(Joiner::default());
    boot(&undisturbed).unwrap().unwrap();
    let effects = undisturbed.effects.borrow().clone();
    let last = effects.iter().position(|effect| effect.starts_with("write /var/lib/kubeboot/done/")).unwrap();
    let mut marked = 0;
    for dies_after in 1..=last {
        let at = &effects[dies_after - 1];
        let is_kubeadms = at.starts_with("run kubeadm join --config");
        // The agent's own files are synced; kubeadm syncs none.
        let cuts: &[Torn] = if is_kubeadms { &Torn::ALL } else { &[Torn::Whole] };
        for cut in [None].into_iter().chain(cuts.iter().copied().map(Some)) {
            let sim = machine(Joiner::default());
            sim.dies_after.set(Some(dies_after));
            assert!(boot(&sim).is_none(), "it did not die after `{at}`");
            if let Some(torn) = cut {
                Joiner::lose_power(&sim, torn);
            }
            let how = format!("died after `{at}` ({cut:?})");
            let ended = boot(&sim).unwrap();
            assert!(ended.is_ok(), "{how}: {}\n{}", ended.unwrap_err(), sim.effects.borrow().join("\n"));
            assert_eq!(end(&sim), end(&undisturbed), "{how}");
            marked += usize::from(sim.events.borrow().iter().any(|told| told.message.contains("the Node is marked as a control plane")));
        }
    }
    assert!(marked > 0, "no life was finished by kubeboot itself");
}

#[test]
fn another_machines_turn_is_waited_for() {
    // Alive and renewing for a minute; then dead with the Lease in its hand: its term has to pass.
    for (rival, takes, least) in [((60.0, true), 1, 60.0), ((1e9, false), 1, 20.0)] {
        let sim = machine(Joiner { rival: Some(rival), ..Joiner::default() });
        boot(&sim).unwrap().unwrap();
        let report = report(&sim);
        let waits = report.steps.iter().flat_map(|step| &step.waits).filter(|wait| wait.failure == "turn-taken").collect::<Vec<_>>();
        assert_eq!(waits.len(), takes, "{waits:?}");
        assert!(waits[0].last_seen.starts_with("cp-3 is joining") && waits[0].seconds > least - 10.0, "{waits:?}");
        assert!(sim.seconds() > least);
    }
}

#[test]
fn a_member_that_does_not_vote_yet_is_waited_for() {
    let sim = machine(Joiner { votes_late: 30.0, ..Joiner::default() });
    boot(&sim).unwrap().unwrap();
    let report = report(&sim);
    let wait = report.steps.iter().flat_map(|step| &step.waits).find(|wait| wait.failure == "member-not-voting").unwrap();
    assert!(wait.over && wait.seconds > 15.0, "{wait:?}");
    assert_eq!(sim.world.lease.borrow().as_ref().unwrap().0, "");
}

#[test]
fn marks_that_come_too_late_are_put_again() {
    let undisturbed = machine(Joiner::default());
    boot(&undisturbed).unwrap().unwrap();
    let effects = undisturbed.effects.borrow().clone();
    let unmarked = effects.iter().position(|effect| effect.ends_with(": kubelet-wait-bootstrap")).unwrap();
    let sim = machine(Joiner { conflicts: 2.into(), ..Joiner::default() });
    sim.dies_after.set(Some(unmarked + 1));
    assert!(boot(&sim).is_none());
    // The kubelet goes on: its Node is Ready when kubeboot comes back, and kubeadm would refuse it.
    sim.drive(kubeboot::host::Host::sleep(&sim, std::time::Duration::from_secs(60))).unwrap();
    let joins = sim.world.joins.get();
    boot(&sim).unwrap().unwrap();
    assert_eq!((sim.world.conflicts.get(), sim.world.joins.get()), (0, joins), "kubeadm was not asked");
    assert_eq!(end(&sim), end(&undisturbed));
    let failed = report(&sim).steps.iter().find_map(|step| step.last_failure.clone()).unwrap();
    assert_eq!(failed.name, "api-unavailable");
}

fn at_a_url(url: &str, body: &[u8]) -> Option<String> {
    Some(format!("certificateKey:KEY\npki: {{url: \"{url}\", sha256: {}}}\n", sha256(body)))
}

#[test]
fn the_bundle_is_fetched_from_its_url_and_what_is_not_it_is_refused() {
    let bundle = kit().bundle.to_string().into_bytes();
    let served = vec![(503, Vec::new()), (429, Vec::new()), (200, bundle.clone())].into();
    let sim = machine(Joiner { pki: at_a_url(BUNDLE, &bundle), served, ..Joiner::default() });
    boot(&sim).unwrap().unwrap();
    let seen = report(&sim);
    let step = seen.steps.iter().find(|step| step.id.name() == "shared-pki").unwrap();
    assert_eq!((step.attempts, step.last_failure.as_ref().unwrap().name.as_str()), (3, "fetch-failed"));
    let undisturbed = machine(Joiner::default());
    boot(&undisturbed).unwrap().unwrap();
    assert_eq!(end(&sim), end(&undisturbed));
    let told = "once every control plane has joined, delete https://files.test/bundle.json: it is the cluster's shared PKI, sealed";
    assert_eq!(seen.left_to_do, [told]);
    assert!(!format!("{seen:?}{:?}{:?}", sim.events.borrow(), sim.statuses.borrow()).contains("hunter2"));

    let other = br#"{"ca.crt": 7}"#.to_vec();
    let twice = String::from_utf8(bundle.clone()).unwrap().replacen('{', "{\"ca.key\": \"AAAA\", ", 1).into_bytes();
    for (pinned, body, failure) in
        [(&bundle, &other, Failure::PinMismatch), (&other, &other, Failure::PkiUnusable), (&twice, &twice, Failure::PkiUnusable)]
    {
        let sim = machine(Joiner { pki: at_a_url(BUNDLE, pinned), served: vec![(200, body.clone())].into(), ..Joiner::default() });
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!((fault.failure(), fault.at()), (failure, "https://files.test/bundle.json"), "{fault}");
        assert_eq!(sim.file("/etc/kubernetes/pki/ca.key"), None);
    }
}

/// The operator copies the eight files from this second on, one each second, the last in two halves.
fn delivered(from: f64, change: impl Fn(&str, &str) -> String) -> Joiner {
    let mut deliveries = Vec::new();
    for (number, (name, text)) in (0_u32..).zip(&kit().shared) {
        let (at, text) = (from + f64::from(number), change(name, text));
        if number == 7 {
            deliveries.push((at - 0.5, (*name).to_owned(), text[..text.len() / 2].to_owned()));
        }
        deliveries.push((at, (*name).to_owned(), text));
    }
    Joiner { pki: Some("pki: {disk: {}}\n".to_owned()), deliveries: deliveries.into(), ..Joiner::default() }
}

#[test]
fn files_that_the_operator_puts_there_are_waited_for_checked_and_left_alone() {
    let sim = machine(delivered(20.0, |_, text| text.to_owned()));
    boot(&sim).unwrap().unwrap();
    let seen = report(&sim);
    let step = seen.steps.iter().find(|step| step.id.name() == "shared-pki").unwrap();
    assert_eq!((step.waits[0].failure.as_str(), step.waits[0].over), ("pki-awaited", true));
    assert!((24.0..26.0).contains(&step.seconds.unwrap()), "{step:?}");
    assert!(seen.left_to_do.is_empty());
    assert!(!sim.effects.borrow().iter().any(|effect| effect.starts_with("write /etc/kubernetes/pki")), "{:?}", sim.effects.borrow());

    // They are there from the first: nothing is to be done.
    let sim = machine(delivered(-10.0, |_, text| text.to_owned()));
    boot(&sim).unwrap().unwrap();
    let told = report(&sim);
    let step = told.steps.iter().find(|step| step.id.name() == "shared-pki").unwrap();
    assert!(step.outcome == StepOutcome::Done && step.waits.is_empty(), "{step:?}");
    // Nothing is recorded that would make the files kubeboot's own, which another document could replace.
    assert!(!sim.file("/var/lib/kubeboot/ledger.jsonl").unwrap().contains("shared-pki"));

    // Keys that others may read are told, and left; certificates are for everybody.
    let sim = machine(delivered(-10.0, |_, text| text.to_owned()));
    for (name, text) in &kit().shared {
        let mode = if ["ca.key", "sa.key"].contains(name) || !name.ends_with(".key") { Mode::Public } else { Mode::Private };
        sim.files.borrow_mut().insert(format!("/etc/kubernetes/pki/{name}").into(), (text.clone().into_bytes(), mode));
    }
    sim.world.deliveries.take();
    boot(&sim).unwrap().unwrap();
    let told = "`chmod 600 /etc/kubernetes/pki/ca.key /etc/kubernetes/pki/sa.key`: not only their owner may read or write these private \
                keys of the cluster";
    assert_eq!(report(&sim).left_to_do, [told]);
    assert!(sim.events.borrow().iter().any(|event| event.step == "shared-pki" && event.message == told));
    assert_eq!(sim.files.borrow()[Path::new("/etc/kubernetes/pki/ca.key")].1, Mode::Public);

    // A key that is no pair stays wrong.
    let front_proxy = kit().shared.iter().find(|(name, _)| *name == "front-proxy-ca.key").unwrap().1.clone();
    let sim = machine(delivered(5.0, |name, text| if name == "etcd/ca.key" { front_proxy.clone() } else { text.to_owned() }));
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!(fault.failure(), Failure::PkiUnusable, "{fault}");
    assert!(fault.at().contains("etcd/ca"), "{fault}");
    assert!((16.0..18.0).contains(&sim.seconds()), "{}", sim.seconds());

    // Nor do another cluster's files belong here.
    let other = SharedPki::mint(EncryptionAlgorithm::EcdsaP256, start(), start().plus(86_400)).unwrap();
    let foreign = |name: &str| other.text(SharedName::ALL.into_iter().find(|known| known.path() == name).unwrap()).to_owned();
    let sim = machine(delivered(5.0, |name, _| foreign(name)));
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::CaMismatch, "/etc/kubernetes/pki, ca.crt"), "{fault}");
    assert!(fault.advice().contains("mint's pki folder"), "{fault}");

    // Half of them never come: it says which, and is started again by the unit.
    let mut world = delivered(5.0, |_, text| text.to_owned());
    world.deliveries.get_mut().truncate(4);
    let sim = machine(world);
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::PkiAwaited, 75));
    assert_eq!(fault.why(), Some("not there yet: etcd/ca.key, etcd/ca.crt, sa.key, sa.pub"));
}
