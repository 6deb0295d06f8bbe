//! The only place that chooses what happens next: ask, run, sleep, halt, go on (design §5). Pure: told the time.

use std::time::Duration;

use crate::backoff;
use crate::failure::Failure;
use crate::fault::{Class, Fault};
use crate::moment::Instant;
use crate::plan::{DoneWhen, Step};

/// How the last attempt of the step's action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// None was made since the world was last given time.
    None,
    /// It failed.
    Failed(Fault),
    /// It succeeded, by its own account.
    Succeeded,
}

/// What is known of the step at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepState {
    /// When it became the step at hand.
    pub since: Instant,
    /// Whether it is done, as far as the world was asked since the last attempt.
    pub asked: Option<bool>,
    /// Attempts of its action in this run.
    pub attempts: u32,
    /// The last attempt.
    pub last: Attempt,
    /// Random spread for pauses.
    pub noise: u32,
}

impl StepState {
    /// Nothing known yet.
    #[must_use]
    pub const fn new(since: Instant, noise: u32) -> Self {
        Self { since, asked: None, attempts: 0, last: Attempt::None, noise }
    }
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask the world whether the step is done.
    Ask,
    /// Run the action.
    Run,
    /// Wait, then forget the last attempt and what the world said.
    Sleep(Duration),
    /// Give up: the fault says what to do, its class the exit code.
    Halt(Fault),
    /// The step is done: the next one.
    Next,
}

/// What the fence alone waits for: it looks who serves meanwhile. Where another step meets it, the run ends, and the next one
/// comes to the fence again.
const fn is_for_the_fence(failure: Failure) -> bool {
    matches!(failure, Failure::AwaitsInitialiser | Failure::ClaimStoreDown)
}

/// Chooses.
#[must_use]
pub fn decide(step: &Step, state: &StepState, now: Instant) -> Decision {
    let late = now.since(state.since) >= step.deadline;
    let pause = Decision::Sleep(backoff::STEP.pause(state.attempts, state.noise));
    let only_observes = matches!(step.done_when, DoneWhen::Observed);
    match (&state.last, state.asked) {
        (Attempt::Failed(fault), _) if fault.class() != Class::Transient || is_for_the_fence(fault.failure()) => {
            Decision::Halt(fault.clone())
        }
        (Attempt::Failed(fault), _) if late => {
            let what = format!("{}; not better after {} s of step {}", fault.what(), step.deadline.as_secs(), step.id.name());
            let last = Fault::new(fault.failure(), what, fault.at(), fault.advice());
            Decision::Halt(match fault.why() {
                Some(why) => last.because(why),
                None => last,
            })
        }
        (Attempt::Failed(_), _) => pause,
        (Attempt::None, _) if only_observes => Decision::Run,
        (Attempt::Succeeded, _) if only_observes => Decision::Next,
        (_, None) => Decision::Ask,
        (_, Some(true)) => Decision::Next,
        (Attempt::None, Some(false)) => Decision::Run,
        // The action succeeded, yet the world says no: the world is right.
        (Attempt::Succeeded, Some(false)) if late => Decision::Halt(Fault::new(
            Failure::EffectMissing,
            format!("step {} ran {} times without an error, but its effect is not there", step.id.name(), state.attempts),
            format!("step {}", step.id.name()),
            "see `journalctl -u kubeboot` for what it did and what it asked",
        )),
        (Attempt::Succeeded, Some(false)) => pause,
    }
}
