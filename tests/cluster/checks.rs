//! Assertions: one line each, with the time; the case goes on where that makes sense and fails in the end.

use crate::outcome::Outcome;
use crate::say::say;

#[derive(Default)]
pub struct Checks {
    failures: usize,
}

impl Checks {
    /// Records one assertion. `Ok` holds what was seen, `Err` why it doesn't hold.
    pub fn that(&mut self, what: &str, seen: Outcome<String>) -> bool {
        match seen {
            Ok(seen) if seen.is_empty() => say(format!("  ok    {what}")),
            Ok(seen) => say(format!("  ok    {what}: {seen}")),
            Err(why) => {
                self.failures += 1;
                say(format!("  FAIL  {what}: {why}"));
                return false;
            }
        }
        true
    }

    pub fn verdict(&self) -> Outcome<()> {
        match self.failures {
            0 => Ok(()),
            1 => Err("1 assertion failed".to_owned()),
            failures => Err(format!("{failures} assertions failed")),
        }
    }
}

/// An assertion in a word.
pub fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome<String> {
    if holds { Ok(String::new()) } else { Err(otherwise()) }
}
