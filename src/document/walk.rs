//! The walk over a spanned tree: values with their field path, maps that know which fields were asked for, and one
//! place where violations gather. A reader asks for fields and goes on past every violation, so that all are found.

use std::cell::RefCell;

use super::field::{shown, shown_name};
use super::scalar;
use super::tree::{Entry, Node, Place, Tree};
use super::violation::Violation;

/// Where the violations of one walk gather.
#[derive(Debug, Default)]
pub(super) struct Walk {
    found: RefCell<Vec<Violation>>,
}

impl Walk {
    /// Records a violation.
    pub(super) fn wrong(&self, place: Place, path: &str, problem: impl Into<String>, advice: impl Into<String>) {
        let violation =
            Violation { line: place.line, column: place.column, path: path.to_owned(), problem: problem.into(), advice: advice.into() };
        if let Ok(mut found) = self.found.try_borrow_mut() {
            found.push(violation);
        }
    }

    /// All that was found.
    pub(super) fn into_list(self) -> Vec<Violation> {
        self.found.into_inner()
    }
}

/// A value of the tree, its field path and the place of its key (its own place, in a list).
#[derive(Clone)]
pub(super) struct At<'t> {
    pub(super) walk: &'t Walk,
    pub(super) tree: &'t Tree,
    pub(super) path: String,
    pub(super) key: Place,
}

impl<'t> At<'t> {
    /// The root of a document; `path` is empty, or the kind of a kubeadm document.
    pub(super) fn root(walk: &'t Walk, tree: &'t Tree, path: &str) -> Self {
        Self { walk, tree, path: path.to_owned(), key: tree.place }
    }

    /// A violation of this value, at the value.
    pub(super) fn wrong(&self, problem: impl Into<String>, advice: impl Into<String>) {
        self.walk.wrong(self.tree.place, &self.path, problem, advice);
    }

    /// A violation of this field's being here, at its key.
    pub(super) fn misplaced(&self, problem: impl Into<String>, advice: impl Into<String>) {
        self.walk.wrong(self.key, &self.path, problem, advice);
    }

    /// A violation from a sentence `problem; advice`, the form of [`super::field`]'s errors.
    fn wrong_sentence(&self, sentence: &str) {
        match sentence.rsplit_once("; ") {
            Some((problem, advice)) => self.wrong(problem, advice),
            None => self.wrong(sentence, "correct it"),
        }
    }

    /// The path of a field below this one.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value as a map. `example` is what to write.
    pub(super) fn map(&self, example: &str) -> Option<Fields<'t>> {
        match &self.tree.node {
            Node::Map(entries) => Some(Fields { at: self.clone(), entries, asked: Vec::new(), never: Vec::new() }),
            other => {
                self.wrong(format!("this is {}, not a map", self.called(other)), format!("write {example}"));
                None
            }
        }
    }

    /// The value as a list. `example` is what to write.
    pub(super) fn list(&self, example: &str) -> Option<Vec<Self>> {
        match &self.tree.node {
            Node::List(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, tree)| Self { walk: self.walk, tree, path: format!("{}[{i}]", self.path), key: tree.place })
                    .collect(),
            ),
            other => {
                self.wrong(format!("this is {}, not a list", self.called(other)), format!("write {example}"));
                None
            }
        }
    }

    fn called(&self, node: &Node) -> &'static str {
        if self.is_null() { "empty" } else { node.kind() }
    }

    /// Whether the value is YAML's null: nothing at all, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.tree.node, Node::Scalar { text, plain: true } if scalar::is_null(text.expose()))
    }

    /// The source text of a single value that has a form of its own; whether YAML takes it for text does not matter then.
    pub(super) fn word(&self, example: &str) -> Option<&'t str> {
        match &self.tree.node {
            Node::Scalar { text, .. } if !self.is_null() => Some(text.expose()),
            other => {
                self.wrong(format!("this is {}, not a single value", self.called(other)), format!("write {example}"));
                None
            }
        }
    }

    /// Text without a form of its own: what YAML takes for anything but text has to be quoted.
    pub(super) fn text(&self, example: &str) -> Option<&'t str> {
        let text = self.word(example)?;
        let plain = matches!(&self.tree.node, Node::Scalar { plain: true, .. });
        match scalar::meaning(text) {
            Some(meaning) if plain => {
                let advice = if text.len() <= 40 { format!("put it in quotes: \"{text}\"") } else { "put it in quotes".to_owned() };
                self.wrong(format!("{} is {meaning} to YAML, not text", shown(text)), advice);
                None
            }
            _ => Some(text),
        }
    }

    /// A value read by one of [`super::field`]'s parsers, whose errors may quote it.
    pub(super) fn parse<T>(&self, example: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.word(example)?) {
            Ok(value) => Some(value),
            Err(sentence) => {
                self.wrong_sentence(&sentence);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.tree.node {
            Node::Scalar { text, plain: true } if text.expose() == "true" => Some(true),
            Node::Scalar { text, plain: true } if text.expose() == "false" => Some(false),
            _ => {
                self.wrong("this is neither true nor false", "write true or false, without quotes");
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let example = names.join(" or ");
        let word = self.word(&example)?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| value.clone());
        if found.is_none() {
            // A word may be quoted; anything else may be a secret that was pasted here.
            let is_word = word.len() <= 20 && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
            let called = if is_word { shown(word) } else { "this value".to_owned() };
            self.wrong(format!("{called} is not known here"), format!("write {example}"));
        }
        found
    }
}

/// A map whose fields are being read.
pub(super) struct Fields<'t> {
    pub(super) at: At<'t>,
    entries: &'t [Entry],
    asked: Vec<&'static str>,
    never: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// A field that may be absent. Asking makes it known; a known field that is null counts as absent and is a violation.
    pub(super) fn get(&mut self, name: &'static str) -> Option<At<'t>> {
        let at = self.peek(name)?;
        if at.is_null() {
            at.wrong("the field has no value", "give it one or remove the field");
            return None;
        }
        Some(at)
    }

    /// A field that may be absent or null.
    fn peek(&mut self, name: &'static str) -> Option<At<'t>> {
        self.asked.push(name);
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(At { walk: self.at.walk, tree: &entry.value, path: self.at.path_of(name), key: entry.place })
    }

    /// A field that must be there. `example` is what to write.
    pub(super) fn need(&mut self, name: &'static str, example: &str) -> Option<At<'t>> {
        if let Some(at) = self.peek(name) {
            if at.is_null() {
                at.wrong("the field has no value", format!("write {example}"));
                return None;
            }
            return Some(at);
        }
        self.at.walk.wrong(self.at.tree.place, &self.at.path_of(name), "this field is required", format!("write {example}"));
        None
    }

    /// A field that does not belong here, though a person may well write it: a violation with words of its own.
    pub(super) fn never(&mut self, name: &'static str, problem: &str, advice: &str) {
        self.never.push(name);
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == name) {
            self.at.walk.wrong(entry.place, &self.at.path_of(name), problem, advice);
        }
    }

    /// Whether the field is written.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == name)
    }

    /// All entries as they are written, for maps whose keys are the user's own.
    pub(super) const fn entries(&self) -> &'t [Entry] {
        self.entries
    }

    /// Every field that nobody asked for is a violation, with the nearest known one as advice. Its value is never quoted.
    pub(super) fn finish(self) {
        let known = |name: &str| self.asked.contains(&name) || self.never.contains(&name);
        for entry in self.entries.iter().filter(|entry| !known(&entry.key)) {
            let problem = format!("{} is no known field", shown_name(&entry.key));
            let advice = match nearest(&entry.key, &self.asked) {
                Some(name) => format!("did you mean `{name}`?"),
                None if self.asked.is_empty() => "write {}: nothing is known here".to_owned(),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            self.at.walk.wrong(entry.place, &self.at.path, problem, advice);
        }
    }
}

/// The known name that was probably meant: at most a third of its letters differ.
#[must_use]
pub fn nearest(written: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = written.to_ascii_lowercase();
    known
        .iter()
        .filter(|name| name.len() <= 64 && written.len() <= 64)
        .map(|name| (distance(&lower, &name.to_ascii_lowercase()), *name))
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's edit distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut next = vec![i + 1];
        for (y, pair) in b.bytes().zip(row.windows(2)) {
            let (&[diagonal, above], Some(&left)) = (pair, next.last()) else { break };
            next.push((diagonal + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
