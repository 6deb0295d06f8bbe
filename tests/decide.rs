//! Every branch of the only place that chooses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use kubeboot::decide::{Attempt, Decision, StepState, decide};
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::moment::Instant;
use kubeboot::plan::{DoneWhen, Step, StepId};

const DEADLINE: u64 = 600;

fn step(done_when: DoneWhen) -> Step {
    Step { id: StepId::KubeadmJoin, why: "it has to be".to_owned(), done_when, deadline: Duration::from_secs(DEADLINE) }
}

/// A step that began at second 100.
fn state(asked: Option<bool>, attempts: u32, last: Attempt) -> StepState {
    StepState { asked, attempts, last, ..StepState::new(Instant(Duration::from_secs(100)), 0) }
}

fn at(done_when: DoneWhen, asked: Option<bool>, attempts: u32, last: Attempt, after: u64) -> Decision {
    decide(&step(done_when), &state(asked, attempts, last), Instant(Duration::from_secs(100 + after)))
}

fn fault(failure: Failure) -> Fault {
    Fault::new(failure, "kubeadm join ended with 1", "`kubeadm join`", "see the journal").because("connection refused")
}

fn failed() -> Attempt {
    Attempt::Failed(fault(Failure::KubeadmFailed))
}

/// A pause with noise 0, which is no spread at all.
fn pause(millis: u64) -> Decision {
    Decision::Sleep(Duration::from_millis(millis))
}

#[test]
fn a_step_with_an_effect_asks_before_and_after_it_acts() {
    let joined = DoneWhen::Joined;
    assert_eq!(at(joined, None, 0, Attempt::None, 0), Decision::Ask);
    assert_eq!(at(joined, Some(true), 0, Attempt::None, 0), Decision::Next);
    assert_eq!(at(joined, Some(false), 0, Attempt::None, 0), Decision::Run);
    assert_eq!(at(joined, None, 1, Attempt::Succeeded, 5), Decision::Ask);
    assert_eq!(at(joined, Some(true), 1, Attempt::Succeeded, 5), Decision::Next);
    // It says that it succeeded, the world says no: time, then the question again.
    assert_eq!(at(joined, Some(false), 1, Attempt::Succeeded, 5), pause(1000));
    assert_eq!(at(joined, None, 1, Attempt::None, 6), Decision::Ask);
    assert_eq!(at(joined, Some(false), 1, Attempt::None, 6), Decision::Run);
}

#[test]
fn a_step_that_only_observes_is_its_action() {
    let observed = DoneWhen::Observed;
    assert_eq!(at(observed, None, 0, Attempt::None, 0), Decision::Run);
    assert_eq!(at(observed, None, 1, Attempt::Succeeded, 9), Decision::Next);
    assert_eq!(at(observed, None, 1, Attempt::Succeeded, DEADLINE + 9), Decision::Next, "done is done, however late");
    assert_eq!(at(observed, None, 1, failed(), 9), pause(1000));
    assert_eq!(at(observed, None, 1, Attempt::None, 10), Decision::Run);
}

#[test]
fn every_step_with_an_effect_is_asked_about() {
    for done_when in [DoneWhen::SharedPkiOnDisk, DoneWhen::ClusterStarted, DoneWhen::CniPresent, DoneWhen::Joined, DoneWhen::Retired] {
        assert!(step(done_when).has_effect());
        assert_eq!(at(done_when, None, 0, Attempt::None, 0), Decision::Ask);
    }
    assert!(!step(DoneWhen::Observed).has_effect());
}

#[test]
fn what_a_retry_cannot_help_halts_at_once_and_unchanged() {
    for failure in [Failure::CommandLine, Failure::DocumentInvalid, Failure::DiskFull, Failure::Bug] {
        for done_when in [DoneWhen::Observed, DoneWhen::Joined] {
            assert_eq!(at(done_when, None, 1, Attempt::Failed(fault(failure)), 1), Decision::Halt(fault(failure)));
            assert_eq!(at(done_when, Some(true), 1, Attempt::Failed(fault(failure)), DEADLINE), Decision::Halt(fault(failure)));
        }
    }
}

#[test]
fn what_may_pass_is_tried_again_until_the_deadline() {
    assert_eq!(at(DoneWhen::Joined, None, 1, failed(), DEADLINE - 1), pause(1000));
    let Decision::Halt(last) = at(DoneWhen::Joined, None, 7, failed(), DEADLINE) else { panic!("it goes on for ever") };
    assert_eq!((last.failure(), last.class().exit_code()), (Failure::KubeadmFailed, 75));
    assert_eq!(last.what(), "kubeadm join ended with 1; not better after 600 s of step kubeadm-join");
    assert_eq!((last.at(), last.why(), last.advice()), ("`kubeadm join`", Some("connection refused"), "see the journal"));
    let bare = Attempt::Failed(Fault::new(Failure::KubeadmFailed, "what", "where", "do"));
    let Decision::Halt(last) = at(DoneWhen::Observed, None, 1, bare, DEADLINE + 1) else { panic!("it goes on for ever") };
    assert_eq!(last.why(), None);
}

#[test]
fn pauses_grow_with_attempts() {
    for (attempts, millis) in [(1, 1000), (4, 1000), (5, 1500), (6, 2250), (20, 15_000), (4_000_000_000, 15_000)] {
        assert_eq!(at(DoneWhen::Joined, None, attempts, failed(), 1), pause(millis), "{attempts}");
    }
}

#[test]
fn an_action_without_effect_ends_in_words_at_the_deadline() {
    let Decision::Halt(last) = at(DoneWhen::Joined, Some(false), 3, Attempt::Succeeded, DEADLINE) else { panic!("it goes on for ever") };
    assert_eq!(last.failure(), Failure::EffectMissing);
    assert_eq!(last.what(), "step kubeadm-join ran 3 times without an error, but its effect is not there");
    assert_eq!(last.at(), "step kubeadm-join");
}

#[test]
fn a_late_step_is_still_asked_about_before_it_is_given_up() {
    // The deadline ends failures and effects that don't come, never a step whose effect may be there by now.
    assert_eq!(at(DoneWhen::Joined, None, 3, Attempt::Succeeded, DEADLINE + 60), Decision::Ask);
    assert_eq!(at(DoneWhen::Joined, Some(true), 3, Attempt::Succeeded, DEADLINE + 60), Decision::Next);
    assert_eq!(at(DoneWhen::Joined, Some(true), 3, Attempt::None, DEADLINE + 60), Decision::Next);
}

#[test]
fn what_the_fence_alone_waits_for_ends_the_run_though_it_may_pass() {
    for failure in [Failure::AwaitsInitialiser, Failure::ClaimStoreDown] {
        assert_eq!(fault(failure).class().exit_code(), 75);
        let attempt = Attempt::Failed(fault(failure));
        assert_eq!(at(DoneWhen::ClusterStarted, Some(false), 1, attempt, 0), Decision::Halt(fault(failure)));
    }
}
