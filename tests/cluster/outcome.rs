//! Failures are sentences for the person who runs the bed; nothing here is matched on.

use std::fmt::Display;

pub type Outcome<T> = Result<T, String>;

/// Says what was being done when something failed.
pub trait While<T> {
    fn whilst(self, doing: impl Display) -> Outcome<T>;
}

impl<T, E: Display> While<T> for Result<T, E> {
    fn whilst(self, doing: impl Display) -> Outcome<T> {
        self.map_err(|error| format!("{doing}: {error}"))
    }
}

impl<T> While<T> for Option<T> {
    fn whilst(self, doing: impl Display) -> Outcome<T> {
        self.ok_or_else(|| doing.to_string())
    }
}
