//! The one error of kubeboot: what happened, where, why, what to do about it, and how final it is.
//!
//! A bare message does not compile: [`Fault::new`] asks for the name, the place and the advice. Callers branch on
//! [`Failure`] and [`Class`], never on text. Rendered on the console, in the journal and in `status.json` alike.

use std::fmt;

use crate::failure::Failure;

/// How final a fault is. It alone decides retry and exit code (see [`Class::exit_code`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The command line was wrong: exit code 2.
    Usage,
    /// The document or another input is wrong; a retry with the same input cannot help: exit code 65.
    Input,
    /// The machine or the cluster is in a state that a person has to change: exit code 69.
    Broken,
    /// kubeboot contradicts itself: exit code 70.
    Bug,
    /// Not yet, or not this time; retried until the step's deadline, then exit code 75, on which the unit restarts.
    Transient,
}

impl Class {
    /// The process exit code, after sysexits(3); the README's table names each.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Input => 65,
            Self::Broken => 69,
            Self::Bug => 70,
            Self::Transient => 75,
        }
    }

    /// The class in one lower-case word, as `status.json` and the journal name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Input => "input",
            Self::Broken => "broken",
            Self::Bug => "bug",
            Self::Transient => "transient",
        }
    }
}

/// One failure, complete enough for a person who sees nothing but it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    failure: Failure,
    what: String,
    at: String,
    why: Option<String>,
    advice: String,
}

impl Fault {
    /// Of that name, `what` happened, `at` which file, field, URL, command or step, and what to do about it.
    /// None of the texts may hold a secret.
    pub fn new(failure: Failure, what: impl Into<String>, at: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { failure, what: what.into(), at: at.into(), why: None, advice: advice.into() }
    }

    /// Adds the deepest cause known.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// Which way to fail it is.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        self.failure
    }

    /// How final it is.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.failure.class()
    }

    /// What happened.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Where it happened.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The deepest cause known.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// One line for logs and `last observation` fields.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.why {
            Some(why) => format!("{} ({}): {why}", self.what, self.at),
            None => format!("{} ({})", self.what, self.at),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        write!(f, "  where:  {}", self.at)?;
        if let Some(why) = &self.why {
            write!(f, "\n  why:    {}", why.trim_end().replace('\n', "\n          "))?;
        }
        write!(f, "\n  do:     {}", self.advice)
    }
}

impl std::error::Error for Fault {}
