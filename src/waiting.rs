//! Waiting, visibly: what for, since when, what was last seen and by which name, when the next look comes. All of it in
//! `status.json`, changes in the journal and in `systemctl status`, the console at growing intervals.
//!
//! One loop for everybody who waits: [`Early`] before the first step, [`crate::run::Run`] in a step.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::act::pace::Pace;
use crate::backoff::{self, Backoff};
use crate::facts::Facts;
use crate::failure::Seen;
use crate::fault::Fault;
use crate::host::{Event, Host, Level, Mode};
use crate::message::Message;
use crate::moment::Instant;
use crate::paths;
use crate::plan::StepId;
use crate::report::{Report, Wait, milliseconds};

/// Console lines of a wait that lasts: after this long, then each time twice as long.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// What a look at the world said.
#[derive(Debug)]
pub enum Look<T> {
    /// It is so.
    Yes(T),
    /// Not yet.
    NotYet(Seen),
}

/// Whoever waits: with a report that says so.
pub(crate) trait Waiter<'a> {
    /// The world.
    type World: Host + 'a;
    /// The way to it.
    fn host(&self) -> &'a Self::World;
    /// Where the wait is told.
    fn report(&mut self) -> &mut Report;
    /// When the report was last written.
    fn told(&mut self) -> &mut Instant;
    /// The step that waits; none before the first.
    fn step(&self) -> Option<StepId>;
    /// How often this machine looks at what others share, if it does already.
    fn pace(&self) -> Option<Rc<Pace>>;
}

/// Looks until it is so, or `deadline` is past.
///
/// # Errors
/// What a look throws, or a fault named by what was last seen, which says what was waited for.
pub(crate) async fn until<'a, W: Waiter<'a>, T>(
    waiter: &mut W,
    waiting_for: &str,
    pace: Backoff,
    deadline: Instant,
    mut look: impl AsyncFnMut(&mut W) -> Result<Look<T>, Fault>,
) -> Result<T, Fault> {
    let (host, step) = (waiter.host(), waiter.step().map_or("", StepId::name));
    let prefix = if step.is_empty() { String::new() } else { format!("{step}: ") };
    let since = host.now();
    let mut wait = Wait::new(waiting_for, host.wall().to_string());
    let mut next_word = FIRST_WORD;
    let shared = waiter.pace().filter(|_| pace == backoff::SHARED);
    let mut alike = 0_u32;
    if let Some(kept) = &shared {
        kept.hold(host, host.noise()).await;
        alike = kept.tries(host.now());
    }
    loop {
        wait.tries += 1;
        alike += 1;
        let looked = match &shared {
            Some(kept) => kept.look(host, look(waiter)).await,
            None => look(waiter).await,
        };
        if looked.is_err() && wait.tries > 1 {
            // Whatever comes next, nobody waits for this any more.
            wait.end();
            note(waiter, &wait);
        }
        let looked = looked?;
        let elapsed = host.now().since(since);
        wait.seconds = milliseconds(elapsed);
        let seen = match looked {
            Look::Yes(value) => {
                if wait.tries > 1 {
                    wait.end();
                    note(waiter, &wait);
                }
                return Ok(value);
            }
            Look::NotYet(seen) => seen,
        };
        let tell = |message: &str, is_for_console: bool| {
            let event = Event::new(Level::Info, step, message).of(Message::Waiting).telling(seen.failure);
            host.tell(&if is_for_console { event.on_console() } else { event });
        };
        let moved = wait.see(&seen);
        // Something moves: what is waited for is near, so it is looked for as often as at first.
        let pause = pace.pause(alike, host.noise());
        if moved && wait.tries > 1 {
            alike = 1;
        }
        wait.next_try_in = Some(milliseconds(pause));
        note(waiter, &wait);
        if moved {
            let message = format!("waiting for {waiting_for}: {}", seen.line);
            tell(&message, false);
            host.status(&format!("{prefix}{message}"));
        }
        if moved || host.now().since(*waiter.told()) >= Duration::from_secs(1) {
            publish(waiter).await?;
        }
        if elapsed >= next_word {
            next_word = elapsed * 2;
            tell(&format!("{prefix}waiting for {waiting_for} since {} s: {}", elapsed.as_secs(), seen.line), true);
        }
        if host.now() >= deadline {
            return Err(Fault::new(
                seen.failure,
                format!("waited {} s in vain for {waiting_for}", elapsed.as_secs()),
                if step.is_empty() { "before the first step".to_owned() } else { format!("step {step}") },
                "what was last seen says what is missing; kubeboot tries again by itself",
            )
            .because(seen.line));
        }
        host.sleep(pause).await;
    }
}

/// Puts the wait into the report, in the place of the same one as it was.
fn note<'a, W: Waiter<'a>>(waiter: &mut W, wait: &Wait) {
    let step = waiter.step();
    let report = waiter.report();
    let waits = match step {
        None => &mut report.waits,
        Some(id) => match report.step(id) {
            Some(entry) => &mut entry.waits,
            None => return,
        },
    };
    wait.note(waits);
}

/// Writes `status.json`.
///
/// # Errors
/// The disk's.
pub(crate) async fn publish<'a, W: Waiter<'a>>(waiter: &mut W) -> Result<(), Fault> {
    let host = waiter.host();
    *waiter.told() = host.now();
    let bytes = waiter.report().to_json();
    host.write(Path::new(paths::STATUS), &bytes, Mode::Private).await
}

/// A run before its first step: it has no plan yet, but it can wait, and tells it.
#[derive(Debug)]
pub struct Early<'a, H: Host> {
    /// The world.
    pub host: &'a H,
    /// What is told.
    pub report: Report,
    told: Instant,
}

impl<'a, H: Host> Early<'a, H> {
    /// Begins a run on the machine with these facts: from now on there is a `status.json` of it.
    pub async fn begin(host: &'a H, facts: &Facts) -> Self {
        let report = Report::new(&facts.machine_id, host.wall().to_string());
        let mut early = Self { host, report, told: host.now() };
        // What keeps it from being written is told by the first step, which writes it again.
        let _ = publish(&mut early).await;
        early
    }

    /// Looks until it is so, at most `limit` long.
    ///
    /// # Errors
    /// What a look throws, or a fault named by what was last seen, which says what was waited for.
    pub async fn until<T>(
        &mut self,
        waiting_for: &str,
        pace: Backoff,
        limit: Duration,
        look: impl AsyncFnMut(&mut Self) -> Result<Look<T>, Fault>,
    ) -> Result<T, Fault> {
        let deadline = self.host.now().plus(limit);
        until(self, waiting_for, pace, deadline, look).await
    }
}

impl<'a, H: Host> Waiter<'a> for Early<'a, H> {
    type World = H;

    fn host(&self) -> &'a H {
        self.host
    }

    fn report(&mut self) -> &mut Report {
        &mut self.report
    }

    fn told(&mut self) -> &mut Instant {
        &mut self.told
    }

    fn step(&self) -> Option<StepId> {
        None
    }

    fn pace(&self) -> Option<Rc<Pace>> {
        None
    }
}
