//! The executor on a scripted machine in virtual time: a worker from its document to its end, what it waits for, where
//! it gives up, and that it can die after every single effect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[path = "support/golden.rs"]
mod golden;
#[path = "support/sim.rs"]
mod sim;
#[path = "run/worker.rs"]
mod worker;

use std::path::Path;

use golden::golden;
use kubeboot::facts::Facts;
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::host::{Level, Mode, Unanswered};
use kubeboot::moment::UnixTime;
use kubeboot::report::{Outcome, Report, StepOutcome};
use sim::Sim;
use worker::{DOCUMENT, MACHINE, Worker, boot, machine, start};

const STATUS: &str = "/run/kubeboot/status.json";
const LEDGER: &str = "/var/lib/kubeboot/ledger.jsonl";

fn report(sim: &Sim<Worker>) -> Report {
    serde_json::from_str(&sim.file(STATUS).unwrap()).unwrap()
}

/// The text with every time of the run's day as seconds since its start: `T+12`.
fn relative(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let time = rest.get(..20).and_then(UnixTime::parse).map(|time| time.0 - start().0 - 7);
        match time {
            Some(seconds) if (0..86_400).contains(&seconds) => {
                out.push_str(&format!("T+{seconds}"));
                rest = &rest[20..];
            }
            _ => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

fn told(sim: &Sim<Worker>, level: Level) -> Vec<String> {
    sim.events.borrow().iter().filter(|told| told.level == level).map(|told| format!("{}: {}", told.step, told.message)).collect()
}

#[test]
fn a_worker_from_document_to_retirement() {
    let sim = machine(Worker::default());
    boot(&sim).unwrap().unwrap();
    golden("run/worker-effects.txt", &(sim.effects.borrow().join("\n") + "\n"));
    golden("run/worker-ledger.jsonl", &relative(&sim.file(LEDGER).unwrap()));
    golden("run/worker-status.json", &relative(&sim.file(STATUS).unwrap()).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    let console: Vec<String> = sim.events.borrow().iter().filter(|told| told.console).map(|told| format!("{}\n", told.message)).collect();
    golden("run/worker-console.txt", &console.concat());
    let report = report(&sim);
    assert_eq!((report.outcome, report.exit_code), (Outcome::Done, Some(0)));
    assert!(report.steps.iter().all(|step| matches!(step.outcome, StepOutcome::Done)), "{report:#?}");
    // The document and kubeadm's configuration are gone, the marker is there.
    assert_eq!(sim.file(DOCUMENT), None);
    assert!(!sim.files.borrow().keys().any(|path| path.starts_with("/run/kubeboot/kubeadm")));
    assert!(sim.file(&format!("/var/lib/kubeboot/done/{MACHINE}")).is_some());
    assert_eq!(sim.statuses.borrow().last().map(String::as_str), Some("done"));
    assert_eq!(told(&sim, Level::Warning), Vec::<String>::new());
}

#[test]
fn what_it_wrote_was_private() {
    let sim = machine(Worker::default());
    sim.dies_after.set(Some(usize::MAX));
    boot(&sim).unwrap().unwrap();
    let effects = sim.effects.borrow();
    let writes: Vec<&String> = effects.iter().filter(|effect| effect.starts_with("write ")).collect();
    for write in &writes {
        assert!(write.ends_with(" Private") || write.contains("/var/lib/kubeboot/done/"), "{write}");
    }
    assert_eq!(writes.len(), 3, "{writes:?}");
    assert_eq!(sim.files.borrow()[Path::new(STATUS)].1, Mode::Private);
}

#[test]
fn it_dies_after_any_effect_and_the_next_run_ends_the_same() {
    let undisturbed = machine(Worker::default());
    boot(&undisturbed).unwrap().unwrap();
    let effects = undisturbed.effects.borrow().len();
    assert!(effects > 10, "{effects}");
    let last = undisturbed.effects.borrow().iter().position(|effect| effect.starts_with("write /var/lib/kubeboot/done/")).unwrap();
    for power in [false, true] {
        // From the marker on, the unit's condition keeps a further run from starting.
        for dies_after in 1..=last {
            let sim = machine(Worker::default());
            sim.dies_after.set(Some(dies_after));
            assert!(boot(&sim).is_none(), "it did not die after effect {dies_after}");
            if power {
                sim.cut_power();
            }
            let at = sim.effects.borrow().last().cloned().unwrap();
            let ended = boot(&sim).unwrap();
            assert!(ended.is_ok(), "died after `{at}` (power cut: {power}): {}", ended.unwrap_err());
            let paths = |sim: &Sim<Worker>| sim.files.borrow().keys().cloned().collect::<Vec<_>>();
            assert_eq!(paths(&sim), paths(&undisturbed), "died after `{at}` (power cut: {power})");
            assert_eq!(report(&sim).outcome, Outcome::Done);
        }
    }
}

#[test]
fn a_torn_ledger_line_does_not_stop_the_third_run() {
    let sim = machine(Worker::default());
    sim.dies_after.set(Some(2));
    assert!(boot(&sim).is_none());
    let torn = sim.file(LEDGER).unwrap() + "{\"at\":\"2026-1";
    sim.put(LEDGER, &torn);
    sim.dies_after.set(Some(4));
    assert!(boot(&sim).is_none());
    boot(&sim).unwrap().unwrap();
    assert!(sim.file(LEDGER).unwrap().lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn a_late_endpoint_is_waited_for_in_words() {
    let refused = || Err(Unanswered::Refused("10.0.0.9:6443".to_owned()));
    let sim = machine(Worker {
        endpoint: vec![
            (0.0, Err(Unanswered::NoName("api.prod.example.com".to_owned()))),
            (20.0, refused()),
            (60.0, Err(Unanswered::NotTls("HTTP/1.1 400 Bad Request".to_owned()))),
            (65.0, Ok(503)),
            (70.0, Ok(200)),
        ],
        ..Worker::default()
    });
    boot(&sim).unwrap().unwrap();
    let waits: Vec<String> = told(&sim, Level::Info).into_iter().filter(|line| line.contains("waiting for api.")).collect();
    let what = "gate: waiting for api.prod.example.com:6443 to serve this cluster";
    let mut changes: Vec<&str> = waits.iter().filter_map(|line| line.strip_prefix(what)).filter(|line| line.starts_with(": ")).collect();
    changes.dedup();
    assert_eq!(
        changes,
        [
            ": the name does not resolve: api.prod.example.com",
            ": connection refused: 10.0.0.9:6443",
            ": answers, but not in TLS: HTTP/1.1 400 Bad Request",
            ": our cluster answers, but isn't ready (/readyz: HTTP 503)",
        ]
    );
    let report = report(&sim);
    let gate = report.steps.iter().find(|step| step.id.name() == "gate").unwrap();
    assert_eq!(gate.waits.len(), 1);
    assert!(gate.waits[0].over && gate.waits[0].seconds > 65.0, "{:?}", gate.waits);
    // It was there less than one and a half seconds after it could be.
    assert!(gate.seconds.unwrap() < 71.5, "{gate:?}");
    // A console that is looked at says something, and is not flooded.
    let console = sim.events.borrow().iter().filter(|told| told.console && told.message.contains("waiting")).count();
    assert!((2..=4).contains(&console), "{console}");
}

fn failed(sim: &Sim<Worker>) -> Fault {
    let fault = boot(sim).unwrap().unwrap_err();
    let report = report(sim);
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, Some(fault.class().exit_code())));
    assert_eq!(report.fault.unwrap().what, fault.what());
    assert_eq!(report.steps.iter().filter(|step| step.outcome == StepOutcome::Failed).count(), 1);
    assert!(sim.file(DOCUMENT).is_some(), "the document of a machine that failed is still needed");
    assert!(sim.events.borrow().last().is_some_and(|told| told.level == Level::Error && told.console));
    assert!(sim.file(LEDGER).unwrap().trim_end().lines().last().unwrap().contains("\"entry\":\"failed\""));
    fault
}

#[test]
fn a_refused_credential_is_waited_out() {
    // A worker whose certificate is good by its clock: init may not be that far, so the unit starts it again.
    let sim = machine(Worker { endpoint: vec![(0.0, Ok(401))], ..Worker::default() });
    let fault = failed(&sim);
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::CredentialRefused, 75));
    assert!(fault.why().unwrap().contains("401"), "{fault}");
    // While init makes its bindings and tokens a refusal is normal.
    let sim = machine(Worker { endpoint: vec![(0.0, Ok(401)), (200.0, Ok(200))], ..Worker::default() });
    boot(&sim).unwrap().unwrap();
}

#[test]
fn refusals_count_in_a_row_only() {
    // Behind a balancer one server of three may lag for long; it is not the credential.
    let mut endpoint = Vec::new();
    for n in 0..400_u32 {
        endpoint.push((f64::from(n) * 2.0, Ok(401)));
        endpoint.push((f64::from(n) * 2.0 + 1.0, Ok(503)));
    }
    endpoint.push((800.0, Ok(200)));
    let sim = machine(Worker { endpoint, ..Worker::default() });
    boot(&sim).unwrap().unwrap();
}

#[test]
fn a_foreign_ca_is_waited_for_and_then_it_is_try_again() {
    let sim = machine(Worker { endpoint: vec![(0.0, Err(Unanswered::ForeignCa("CN=other".to_owned())))], ..Worker::default() });
    let fault = failed(&sim);
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::ForeignCa, 75));
    assert!(fault.what().starts_with("waited 36"), "{fault}");
    assert_eq!(
        fault.why(),
        Some(
            "api.prod.example.com:6443 is served by another cluster: CN=other; does the name or the balancer point at the right machines?"
        )
    );
    // The next run, by the unit, goes on.
    sim.world.cured.set(true);
    boot(&sim).unwrap().unwrap();
}

#[test]
fn nothing_ever_answers_and_it_gives_up_with_75() {
    let sim = machine(Worker { endpoint: vec![(0.0, Err(Unanswered::ConnectTimeout("10.0.0.9:6443".to_owned())))], ..Worker::default() });
    let fault = failed(&sim);
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::ConnectTimeout, 75));
    assert_eq!(fault.why(), Some("connecting timed out: 10.0.0.9:6443"));
    assert!((3600.0..3620.0).contains(&sim.seconds()), "{}", sim.seconds());
}

#[test]
fn kubeadm_fails_twice_and_then_does_not() {
    let sim = machine(Worker { failures: 2.into(), ..Worker::default() });
    boot(&sim).unwrap().unwrap();
    let joins: Vec<String> =
        sim.effects.borrow().iter().filter(|effect| effect.starts_with("run kubeadm join --config")).cloned().collect();
    let join = "run kubeadm join --config /run/kubeboot/kubeadm/join.json --skip-phases=preflight";
    // kubeadm's own preflight would stumble over what the first attempt left: it runs once, before.
    assert_eq!(joins, [join; 3]);
    assert_eq!(sim.effects.borrow().iter().filter(|effect| effect.contains("phase preflight")).count(), 1);
    let warnings = told(&sim, Level::Warning);
    assert_eq!(warnings.len(), 2);
    assert!(
        warnings[0].starts_with("kubeadm-join: attempt 1 failed, will be repeated: kubeadm join ended with 1 after 12 s"),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("connection refused"), "the cause is in it: {warnings:?}");
    let step = report(&sim).steps.into_iter().find(|step| step.id.name() == "kubeadm-join").unwrap();
    assert_eq!(step.attempts, 3);
}

#[test]
fn kubeadm_fails_for_ever_and_it_gives_up_with_75() {
    let sim = machine(Worker { failures: u32::MAX.into(), ..Worker::default() });
    let fault = failed(&sim);
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::ConnectionRefused, 75));
    assert!(fault.what().ends_with("; not better after 1200 s of step kubeadm-join"), "{fault}");
    assert!(fault.why().unwrap().starts_with("error: error execution phase kubelet-start"), "{fault}");
}

#[test]
fn a_refused_configuration_is_the_documents_fault() {
    let sim = machine(Worker { refuses: true, ..Worker::default() });
    let fault = failed(&sim);
    assert_eq!((fault.failure(), fault.what()), (Failure::ConfigRefused, "the configuration is refused"));
    assert!(fault.why().unwrap().contains("unknown field \"controlPlaneEndpont\""), "{fault}");
}

#[test]
fn another_machines_node_of_that_name_is_a_clash() {
    let sim = machine(Worker { node_machine: "f".repeat(32), ..Worker::default() });
    let fault = failed(&sim);
    assert_eq!((fault.failure(), fault.what()), (Failure::NameTaken, "another machine is Node w-1"));
    let why = fault.why().unwrap();
    assert!(why.contains(&"f".repeat(32)) && why.contains("0123456789abcdef0123456789abcdef"), "it names both: {why}");
}

#[test]
fn a_namesake_at_work_is_not_disturbed() {
    let sim = machine(Worker { namesake: Some((f64::INFINITY, "f".repeat(32))), ..Worker::default() });
    let fault = failed(&sim);
    assert_eq!((fault.failure(), fault.what()), (Failure::NameTaken, "another machine is Node w-1, and at work"));
    let seen = format!("Node w-1 is Ready with machine-id {}, this machine's is 0123456789abcdef0123456789abcdef", "f".repeat(32));
    assert_eq!(fault.why(), Some(seen.as_str()));
    let effects = sim.effects.borrow();
    assert!(!effects.iter().any(|effect| effect.contains("kubeadm join")), "{effects:?}");
    assert!((90.0..110.0).contains(&sim.seconds()), "it is given up after {} s", sim.seconds());
}

#[test]
fn the_node_of_an_earlier_life_is_taken_over_once_it_is_not_ready() {
    let sim = machine(Worker { namesake: Some((50.0, "f".repeat(32))), ..Worker::default() });
    boot(&sim).unwrap().unwrap();
    assert!(sim.seconds() > 50.0, "kubeadm was run beside it");
}

#[test]
fn no_secret_is_told() {
    let worker = Worker { failures: 1.into(), endpoint: vec![(0.0, Ok(401)), (9.0, Ok(200))], ..Worker::default() };
    let sim = machine(worker);
    boot(&sim).unwrap().unwrap();
    let mut all = sim.statuses.borrow().join("\n");
    for told in sim.events.borrow().iter() {
        all.push_str(&told.message);
    }
    all.push_str(&sim.effects.borrow().join("\n"));
    all.push_str(&sim.file(STATUS).unwrap());
    all.push_str(&sim.file(LEDGER).unwrap());
    let secrets = worker::secrets();
    let leaked = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    assert!(all.len() > 2000 && !secrets.is_empty());
    for secret in &secrets {
        assert!(secret.len() >= 16 && leaked(&format!("{all}{secret}")));
    }
    assert!(!leaked(&all), "{all}");
}

#[test]
fn a_disk_of_another_machine_is_refused_before_anything_is_written() {
    let sim = machine(Worker::default());
    let ledger = format!("{{\"at\":\"x\",\"machine\":\"{}\",\"entry\":\"begun\",\"step\":\"kubeadm-join\"}}\n{{\"at", "e".repeat(32));
    sim.put(LEDGER, &ledger);
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::CloneOfAnother, "this disk was the first boot of another machine"));
    assert_eq!(*sim.effects.borrow(), Vec::<String>::new());
    assert_eq!(sim.file(LEDGER).unwrap(), ledger);
}

#[test]
fn a_damaged_ledger_is_refused() {
    let sim = machine(Worker::default());
    sim.put(LEDGER, "rubbish\n{}\n");
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::LedgerDamaged, "line 1 of the ledger is damaged"));
}

#[test]
fn without_a_document_it_says_so_and_ends() {
    let sim = machine(Worker::default());
    let missing = Fault::new(Failure::NoDocument, "there is no document", "every datasource", "give it one");
    let ended = sim.drive(sim::first_boot(&sim, Err(missing.clone()), worker::facts())).unwrap();
    assert_eq!(ended, Err(missing));
    assert_eq!(report(&sim).exit_code, Some(65));
}

#[test]
fn a_run_that_a_signal_ended_is_told_as_such() {
    let sim = machine(Worker::default());
    sim.dies_after.set(Some(9));
    assert!(boot(&sim).is_none());
    assert_eq!((report(&sim).outcome, report(&sim).exit_code), (Outcome::Running, None));
    let fault = Fault::new(Failure::Stopped, "kubeboot was asked to stop", "SIGTERM", "start kubeboot.service again");
    sim.drive(kubeboot::run::stopped(&sim, &fault)).unwrap();
    let stopped = report(&sim);
    assert_eq!((stopped.outcome, stopped.exit_code), (Outcome::Failed, Some(75)));
    assert_eq!(stopped.steps.iter().filter(|step| step.outcome == StepOutcome::Failed).count(), 1);
    boot(&sim).unwrap().unwrap();
    assert_eq!(report(&sim).outcome, Outcome::Done);
    // A run that was stopped before its first report has none to correct, but it says why it ended.
    let sim = machine(Worker::default());
    sim.drive(kubeboot::run::stopped(&sim, &fault)).unwrap();
    assert_eq!(sim.file(STATUS), None);
    assert_eq!(sim.events.borrow().iter().filter(|told| told.message.contains("kubeboot was asked to stop")).count(), 1);
}

/// Gaps between the looks at the endpoint from `from` seconds on.
fn gaps(sim: &Sim<Worker>, from: f64) -> Vec<f64> {
    let looks = sim.world.looks.borrow();
    looks.windows(2).filter(|pair| pair[0] >= from).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn a_dead_endpoint_costs_one_handshake_a_second_after_ten() {
    let refused = Err(Unanswered::Refused("10.0.0.9:6443".to_owned()));
    let sim = machine(Worker { endpoint: vec![(0.0, refused)], ..Worker::default() });
    sim.dies_at.set(Some(300.0));
    assert!(boot(&sim).is_none());
    let first = sim.world.looks.borrow()[0];
    let gaps = gaps(&sim, first + 10.0);
    assert!(gaps.len() > 240, "{}", gaps.len());
    assert!(gaps.iter().all(|gap| (1.0..=1.2001).contains(gap)), "{gaps:?}");
}

/// Killed every 300 ms by somebody, started again at once.
fn a_thousand_starts(answer: Unanswered) {
    let sim = machine(Worker { endpoint: vec![(0.0, Err(answer))], ..Worker::default() });
    // The runtime is there from the second second on.
    for start in 0..1000_u32 {
        sim.dies_at.set(Some(3.0 + f64::from(start) * 0.3));
        assert!(boot(&sim).is_none(), "start {start}");
    }
    let (first, looks) = (sim.world.looks.borrow()[0], sim.world.looks.borrow().len());
    let gaps = gaps(&sim, first + 10.0);
    assert!(gaps.len() > 200 && looks < 400, "{looks}");
    assert!(gaps.iter().all(|gap| *gap >= 1.0), "{gaps:?}");
    // After a reboot the first look comes at once again: the file is of another boot.
    sim.put("/run/kubeboot/pace.json", r#"{"first":99000000,"last":99000000}"#);
    sim.world.cured.set(true);
    boot(&sim).unwrap().unwrap();
}

#[test]
fn a_machine_without_name_or_address_is_waited_for_and_then_it_is_try_again() {
    let nowhere = Facts { hostname: "localhost".to_owned(), addresses: Vec::new(), default_interface: None, ..worker::facts() };
    let sim = machine(Worker::default());
    sim.facts.replace(Some(nowhere.clone()));
    let document = || Ok(documents::document(&documents::bytes("worker-certificate.yaml")));
    let fault = sim.drive(sim::first_boot(&sim, document(), nowhere.clone())).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::NoNameOrAddress, 75));
    assert!(fault.why().unwrap().contains("the hostname is `localhost`"), "{fault}");
    assert!((300.0..302.0).contains(&sim.seconds()), "{}", sim.seconds());
    let waits = report(&sim).waits;
    assert_eq!(waits.iter().map(|wait| wait.failure.as_str()).collect::<Vec<_>>(), ["no-name-or-address"]);
    assert!(!waits[0].over && waits[0].seconds >= 300.0, "{waits:?}");
    // DHCP was late.
    let sim = machine(Worker::default());
    sim.facts.replace(Some(worker::facts()));
    sim.drive(sim::first_boot(&sim, document(), nowhere)).unwrap().unwrap();
}

#[test]
fn a_thousand_starts_cost_no_more_than_one() {
    a_thousand_starts(Unanswered::Refused("10.0.0.9:6443".to_owned()));
}

#[test]
fn a_thousand_starts_that_each_die_in_the_middle_of_a_look_cost_no_more_than_one() {
    a_thousand_starts(Unanswered::ConnectTimeout("10.0.0.9:6443".to_owned()));
}
