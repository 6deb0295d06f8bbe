//! What is wrong with a document: every violation with its place, the field, the problem and what to write instead.

use std::cmp::Ordering;
use std::fmt;

use crate::failure::Failure;
use crate::fault::Fault;

/// One thing wrong with a document. No text of it holds a secret: only fields known not to be secret are quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Field path, `nodeRegistration.labels`; empty where the whole document is meant. Fields of a kubeadm document
    /// begin with its kind.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub advice: String,
}

impl Violation {
    fn order(&self, other: &Self) -> Ordering {
        (self.line, self.column, &self.path, &self.problem).cmp(&(other.line, other.column, &other.path, &other.problem))
    }
}

/// All violations of one document, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    origin: String,
    list: Vec<Violation>,
}

impl Violations {
    /// Sorts the violations by place; the same one twice counts once.
    pub(super) fn new(origin: &str, mut list: Vec<Violation>) -> Self {
        list.sort_by(Violation::order);
        list.dedup();
        Self { origin: origin.to_owned(), list }
    }

    /// Where the document came from.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The violations, in the order of the text; at least one.
    #[must_use]
    pub fn list(&self) -> &[Violation] {
        &self.list
    }

    /// The same as one fault of class Input: the first place in `where`, every violation on a line of its own in `why`.
    #[must_use]
    pub fn into_fault(self) -> Fault {
        let what = match self.list.len() {
            1 => "the document has a violation".to_owned(),
            n => format!("the document has {n} violations"),
        };
        let at = match self.list.first() {
            Some(first) => format!("{}:{}:{}", self.origin, first.line, first.column),
            None => self.origin.clone(),
        };
        Fault::new(
            Failure::DocumentInvalid,
            what,
            at,
            "correct it; `kubeboot check FILE` shows each place, and judges it again without changing anything",
        )
        .because(self.to_string())
    }
}

/// `ORIGIN:LINE:COLUMN: path: problem; advice`, one violation a line, the form that editors jump to.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.list {
            write!(f, "{}:{}:{}: ", self.origin, violation.line, violation.column)?;
            if !violation.path.is_empty() {
                write!(f, "{}: ", violation.path)?;
            }
            writeln!(f, "{}; {}", violation.problem, violation.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
