//! `status.json` as a golden file, and the same for a person.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[path = "support/golden.rs"]
mod golden;

use documents::node;
use golden::golden;
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::plan::{Course, StepId, build};
use kubeboot::report::{Expiry, FaultReport, Outcome, Report, StepOutcome, Wait, text};

fn time(minute: u32) -> String {
    format!("2026-11-24T09:{minute:02}:00Z")
}

fn wait(what: &str, seconds: f64, over: bool) -> Wait {
    let mut wait = Wait::new(what, time(1));
    wait.see(&Failure::ConnectionRefused.seen("connection refused: 10.0.0.9:6443"));
    (wait.seconds, wait.tries, wait.next_try_in) = (seconds, 7, Some(0.25));
    if over {
        wait.end();
    }
    wait
}

/// A worker in the middle of its join.
fn running() -> Report {
    let mut report = Report::new("0123456789abcdef0123456789abcdef", time(0));
    // The version is the crate's own; the golden file is about all the rest.
    report.kubeboot = "0.0.0".to_owned();
    report.datasource = "/etc/kubeboot/node.yaml".to_owned();
    report.cluster = "prod".to_owned();
    report.role = "worker".to_owned();
    report.node = "w-1".to_owned();
    report.address = "10.0.0.21".to_owned();
    report.course = Some(Course::Join);
    report.follow(&build(&node("worker-token.yaml"), Course::Join));
    for (id, outcome, seconds) in [
        (StepId::Preflight, StepOutcome::Done, Some(0.213)),
        (StepId::Runtime, StepOutcome::FoundDone, Some(0.0)),
        (StepId::Gate, StepOutcome::Running, None),
    ] {
        let step = report.step(id).unwrap();
        step.outcome = outcome;
        step.started_at = Some(time(1));
        step.seconds = seconds;
        step.attempts = 1;
    }
    report.step(StepId::Runtime).unwrap().waits = vec![wait("clock and container runtime", 0.4, true), wait("something longer", 1.0, true)];
    report.step(StepId::Gate).unwrap().waits = vec![wait("api.prod.example.com:6443 to serve this cluster", 0.2, false)];
    let runtime = report.step(StepId::Runtime).unwrap();
    let failed = Fault::new(Failure::KubeadmFailed, "kubeadm join ended with 1 after 12 s", "`kubeadm join`", "see the journal");
    runtime.last_failure = Some(FaultReport::from(&failed.because("one\ntwo")));
    report
}

fn failed() -> Report {
    let mut report = running();
    let fault = Fault::new(Failure::ConnectionRefused, "waited 3600 s in vain", "step gate", "what was last seen says what is missing")
        .because("one\ntwo");
    report.outcome = Outcome::Failed;
    report.exit_code = Some(fault.class().exit_code());
    report.ended_at = Some(time(59));
    report.fault = Some(FaultReport::from(&fault));
    report.step(StepId::Gate).unwrap().outcome = StepOutcome::Failed;
    report.rest();
    report
}

fn done() -> Report {
    let mut report = running();
    report.outcome = Outcome::Done;
    report.exit_code = Some(0);
    report.ended_at = Some(time(3));
    for step in &mut report.steps {
        step.outcome = StepOutcome::Done;
        step.seconds = Some(1.25);
        step.waits.clear();
    }
    report.certificates =
        vec![Expiry { file: "/var/lib/kubelet/pki/kubelet-client-current.pem".to_owned(), expires: "2027-11-24T09:02:00Z".to_owned() }];
    report.left_to_do = vec!["remove the userdata of this machine".to_owned()];
    report
}

#[test]
fn golden_reports() {
    let mut pausing = running();
    pausing.step(StepId::Gate).unwrap().waits.clear();
    let broken = pausing.step(StepId::Runtime).unwrap().last_failure.take();
    let gate = pausing.step(StepId::Gate).unwrap();
    (gate.attempts, gate.last_failure, gate.next_try_in) = (2, broken, Some(4.2));
    golden("report/pausing.txt", &text(&pausing));
    for (name, report) in [("running", running()), ("failed", failed()), ("done", done())] {
        golden(&format!("report/{name}.json"), &String::from_utf8(report.to_json()).unwrap());
        golden(&format!("report/{name}.txt"), &text(&report));
        assert_eq!(serde_json::from_slice::<Report>(&report.to_json()).unwrap(), report);
    }
}

#[test]
fn a_run_that_ended_before_its_document_was_read_has_a_text_too() {
    let mut report = Report::new("", time(0));
    report.outcome = Outcome::Failed;
    report.fault = Some(FaultReport::from(&Fault::new(Failure::NoDocument, "there is no document", "every datasource", "give it one")));
    let told = text(&report);
    let expected = format!(
        "kubeboot {}: failed\n  began 2026-11-24T09:00:00Z\n\n  there is no document\n    name:   no-document\n    where:  every datasource\n    do:     give it one\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(told, expected);
}

#[test]
fn reports_of_earlier_and_later_kubeboots_are_read() {
    let least = r#"{"apiVersion":"kubeboot/v1alpha1","kind":"Status","kubeboot":"9","outcome":"running","machine":"m","startedAt":"t","new":{"a":1}}"#;
    let report: Report = serde_json::from_str(least).unwrap();
    assert_eq!((report.outcome, report.steps.len(), report.exit_code), (Outcome::Running, 0, None));
}

#[test]
fn another_course_keeps_what_was_done() {
    let spec = node("control-plane-init.yaml");
    let mut report = Report::new("m", time(0));
    report.follow(&build(&spec, Course::Initialise));
    for id in [StepId::Preflight, StepId::SharedPki, StepId::KubeadmInit, StepId::Fence] {
        report.step(id).unwrap().outcome = StepOutcome::Done;
    }
    report.follow(&build(&spec, Course::Join));
    let stands = |report: &Report| report.steps.iter().map(|step| (step.id, step.outcome)).collect::<Vec<_>>();
    let all = stands(&report);
    assert_eq!(all[0], (StepId::KubeadmInit, StepOutcome::Done), "left with the course, but done");
    assert!(!all.contains(&(StepId::KubeadmInit, StepOutcome::Pending)), "it is not to come");
    for id in [StepId::Preflight, StepId::SharedPki, StepId::Fence] {
        assert!(all.contains(&(id, StepOutcome::Done)));
    }
    assert!(all.contains(&(StepId::KubeadmJoin, StepOutcome::Pending)));
    let before = all.len();
    report.follow(&build(&spec, Course::Join));
    assert_eq!(stands(&report).len(), before, "the same plan again adds nothing");
}
