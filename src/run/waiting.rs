//! Waiting, visibly: what for, since when, what was last seen and by which name, when the next look comes. All of it in
//! `status.json`, changes in the journal and in `systemctl status`, the console at growing intervals.

use std::rc::Rc;
use std::time::Duration;

use super::Run;
use crate::backoff::{self, Backoff};
use crate::failure::Seen;
use crate::fault::Fault;
use crate::host::{Event, Host, Level};
use crate::message::Message;
use crate::report::{Wait, milliseconds};

/// Console lines of a wait that lasts: after this long, then each time twice as long.
pub(super) const FIRST_WORD: Duration = Duration::from_secs(10);

/// What a look at the world said.
#[derive(Debug)]
pub enum Look<T> {
    /// It is so.
    Yes(T),
    /// Not yet.
    NotYet(Seen),
}

impl<H: Host> Run<'_, H> {
    /// Looks until it is so, for as long as the step at hand may take.
    ///
    /// # Errors
    /// What a look throws, or a fault named by what was last seen, which says what was waited for.
    pub async fn until<T>(
        &mut self,
        waiting_for: &str,
        pace: Backoff,
        mut look: impl AsyncFnMut(&mut Self) -> Result<Look<T>, Fault>,
    ) -> Result<T, Fault> {
        let (step, deadline) = self.at_hand;
        let since = self.host.now();
        let mut wait = Wait::new(waiting_for, self.host.wall().to_string());
        let mut next_word = FIRST_WORD;
        let is_shared = pace == backoff::SHARED;
        let mut alike = 0_u32;
        if is_shared {
            self.pace.hold(self.host, self.host.noise()).await;
            alike = self.pace.tries(self.host.now());
        }
        loop {
            wait.tries += 1;
            alike += 1;
            let (host, kept) = (self.host, Rc::clone(&self.pace));
            let looked = if is_shared { kept.look(host, look(self)).await? } else { look(self).await? };
            let elapsed = self.host.now().since(since);
            wait.seconds = milliseconds(elapsed);
            let seen = match looked {
                Look::Yes(value) => {
                    if wait.tries > 1 {
                        wait.end();
                        self.report_wait(&wait);
                    }
                    return Ok(value);
                }
                Look::NotYet(seen) => seen,
            };
            let pause = pace.pause(alike, self.host.noise());
            wait.next_try_in = Some(milliseconds(pause));
            let moved = wait.see(&seen);
            self.report_wait(&wait);
            if moved {
                let message = format!("waiting for {waiting_for}: {}", seen.line);
                self.tell_event(Event::new(Level::Info, "", &message).of(Message::Waiting).telling(seen.failure));
                self.host.status(&format!("{}: waiting for {waiting_for}: {}", step.name(), seen.line));
                self.publish().await?;
                // Something moves: what is waited for is near, so it is looked for as often as at first.
                if wait.tries > 1 {
                    alike = 1;
                }
            } else if self.host.now().since(self.told) >= Duration::from_secs(1) {
                self.publish().await?;
            }
            if elapsed >= next_word {
                next_word = elapsed * 2;
                let seconds = elapsed.as_secs();
                let message = format!("{}: waiting for {waiting_for} since {seconds} s: {}", step.name(), seen.line);
                self.tell_event(Event::new(Level::Info, "", &message).of(Message::Waiting).telling(seen.failure).on_console());
            }
            if self.host.now() >= deadline {
                return Err(Fault::new(
                    seen.failure,
                    format!("waited {} s in vain for {waiting_for}", elapsed.as_secs()),
                    format!("step {}", step.name()),
                    "what was last seen says what is missing; kubeboot tries again by itself",
                )
                .because(seen.line));
            }
            self.host.sleep(pause).await;
        }
    }

    /// Puts the wait into the report, in the place of the same one as it was.
    fn report_wait(&mut self, wait: &Wait) {
        let step = self.at_hand.0;
        let Some(entry) = self.report.step(step) else { return };
        match entry.waits.iter_mut().find(|old| old.is_same(wait)) {
            Some(old) => old.clone_from(wait),
            None => entry.waits.push(wait.clone()),
        }
    }
}
