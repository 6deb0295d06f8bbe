//! Waits of the step at hand: see [`crate::waiting`].

use std::rc::Rc;

use super::Run;
use crate::act::pace::Pace;
use crate::backoff::Backoff;
use crate::fault::Fault;
use crate::host::Host;
use crate::moment::Instant;
use crate::plan::StepId;
use crate::report::Report;
use crate::waiting::{self, Look, Waiter};

impl<H: Host> Run<'_, H> {
    /// Looks until it is so, for as long as the step at hand may take.
    ///
    /// # Errors
    /// What a look throws, or a fault named by what was last seen, which says what was waited for.
    pub async fn until<T>(
        &mut self,
        waiting_for: &str,
        pace: Backoff,
        look: impl AsyncFnMut(&mut Self) -> Result<Look<T>, Fault>,
    ) -> Result<T, Fault> {
        let deadline = self.at_hand.1;
        waiting::until(self, waiting_for, pace, deadline, look).await
    }
}

impl<'a, H: Host> Waiter<'a> for Run<'a, H> {
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
        Some(self.at_hand.0)
    }

    fn pace(&self) -> Option<Rc<Pace>> {
        Some(Rc::clone(&self.pace))
    }
}
