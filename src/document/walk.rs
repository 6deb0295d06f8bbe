//! The walk over a spanned tree: values with their field path, maps that know which fields were asked for, and one
//! place where violations gather. A reader asks for fields and goes on past every violation, so that all are found.
//!
//! The same readers tell what they would take, for [`super::outline`]: run over [`At::everything`] they are given every field they
//! ask for and no value.

use std::cell::RefCell;

use super::form::{Form, Look};
use super::outline::{FieldOutline, MapOutline, Outline, Rule, Shape};
use super::scalar;
use super::shown::{is_harmless, path_name, shown, shown_name};
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
    /// Where is kept what is asked of this value, if there is none and all is asked.
    outline: Option<Outline>,
}

impl<'t> At<'t> {
    /// The root of a document; `path` is empty, or the kind of a kubeadm document.
    pub(super) fn root(walk: &'t Walk, tree: &'t Tree, path: &str) -> Self {
        Self { walk, tree, path: path.to_owned(), key: tree.place, outline: None }
    }

    /// A value that has every field it is asked for, and of which `outline` keeps what was asked. `tree` is empty.
    pub(super) fn everything(walk: &'t Walk, tree: &'t Tree, outline: &Outline) -> Self {
        Self { outline: Some(outline.clone()), ..Self::root(walk, tree, "") }
    }

    /// The value of a field or an item.
    fn below(&self, tree: &'t Tree, path: String, key: Place) -> Self {
        Self { walk: self.walk, tree, path, key, outline: None }
    }

    /// What is below a value that has everything.
    fn part(&self, outline: &Outline) -> Self {
        Self { outline: Some(outline.clone()), ..self.below(self.tree, String::new(), self.key) }
    }

    /// Keeps what is asked, if all is asked; whether it is.
    fn keep(&self, shape: impl FnOnce() -> Shape) -> bool {
        if let Some(outline) = &self.outline {
            outline.add(shape());
        }
        self.outline.is_some()
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
            Node::Map(entries) => {
                Some(Fields { at: self.clone(), entries, asked: Vec::new(), never: Vec::new(), outline: MapOutline::default() })
            }
            other => {
                self.wrong(format!("this is {}, not a map", self.called(other)), format!("write {example}"));
                None
            }
        }
    }

    /// The value as a map whose keys are the user's own; `each` reads an entry. `example` is what to write. How many
    /// entries there are.
    pub(super) fn keyed(&self, example: &str, keys: &'static Form, mut each: impl FnMut(Key<'t>, Self)) -> Option<usize> {
        let value = Outline::default();
        if self.keep(|| Shape::Keyed { keys, value: value.clone() }) {
            each(Key { text: keys.example, plain: false }, self.part(&value));
            return None;
        }
        let entries = self.map(example)?.entries;
        for entry in entries {
            let path = self.path_of(path_name(&entry.key));
            each(Key { text: &entry.key, plain: entry.plain }, self.below(&entry.value, path, entry.place));
        }
        Some(entries.len())
    }

    /// The value as a list. `example` is what to write.
    pub(super) fn list(&self, example: &str) -> Option<Vec<Self>> {
        let item = Outline::default();
        if self.keep(|| Shape::List(item.clone())) {
            return Some(vec![self.part(&item)]);
        }
        match &self.tree.node {
            Node::List(items) => {
                let item = |(i, tree): (usize, &'t Tree)| self.below(tree, format!("{}[{i}]", self.path), tree.place);
                Some(items.iter().enumerate().map(item).collect())
            }
            other => {
                self.wrong(format!("this is {}, not a list", self.called(other)), format!("write {example}"));
                None
            }
        }
    }

    /// A value that may be a map, or something else.
    pub(super) fn map_or<T>(&self, map: impl FnOnce(&Self) -> Option<T>, other: impl FnOnce(&Self) -> Option<T>) -> Option<T> {
        match (&self.tree.node, &self.outline) {
            (_, Some(_)) => {
                let (_, _) = (other(self), map(self));
                None
            }
            (Node::Map(_), None) => map(self),
            (_, None) => other(self),
        }
    }

    fn called(&self, node: &Node) -> &'static str {
        if self.is_null() { "empty" } else { node.kind() }
    }

    /// Whether the value is YAML's null: nothing at all, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.tree.node, Node::Scalar { text, plain: true } if scalar::is_null(text.expose()))
    }

    /// Whether the value is this word.
    pub(super) fn says(&self, word: &str) -> bool {
        matches!(&self.tree.node, Node::Scalar { text, .. } if text.expose() == word)
    }

    /// The text of a single value that is no secret.
    pub(super) fn word(&self, form: &'static Form) -> Option<&'t str> {
        if self.keep(|| Shape::Single(form)) {
            return None;
        }
        let text = self.single(form.example)?;
        // A secret may have slipped in here; cut short or cut up it would be no help.
        let may_be_quoted = text.len() <= 40 && is_harmless(text);
        let quoted = if may_be_quoted { format!("put it in quotes: \"{text}\"") } else { "put it in quotes".to_owned() };
        self.is_what_yaml_takes_it_for(form, text, &shown(text), &quoted).then_some(text)
    }

    /// A value read by one of [`super::field`]'s parsers, whose errors may quote it. Nothing else does.
    pub(super) fn parse<T>(&self, form: &'static Form, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.keep(|| Shape::Single(form)) {
            return None;
        }
        let text = self.single(form.example)?;
        match parse(text) {
            Ok(value) => self.is_what_yaml_takes_it_for(form, text, "this", "put it in quotes").then_some(value),
            Err(sentence) => {
                self.wrong_sentence(&sentence);
                None
            }
        }
    }

    /// What YAML takes for anything but text has to be quoted, whatever its form is, and a number must not: other readers of
    /// YAML, an editor's among them, would see another value.
    fn is_what_yaml_takes_it_for(&self, form: &Form, text: &str, called: &str, advice: &str) -> bool {
        let plain = matches!(&self.tree.node, Node::Scalar { plain: true, .. });
        match (form.look, scalar::meaning(text)) {
            (Look::Number(..), _) if !plain => {
                self.wrong(format!("{called} is text to YAML, not a number"), "write the number without quotes");
                false
            }
            (Look::Text(_) | Look::Anything, Some(meaning)) if plain => {
                self.wrong(format!("{called} is {meaning} to YAML, not text"), advice);
                false
            }
            _ => true,
        }
    }

    fn single(&self, example: &str) -> Option<&'t str> {
        match &self.tree.node {
            Node::Scalar { text, .. } if !self.is_null() => Some(text.expose()),
            other => {
                self.wrong(format!("this is {}, not a single value", self.called(other)), format!("write {example}"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        if self.keep(|| Shape::Boolean) {
            return None;
        }
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
    pub(super) fn choice<T: Clone>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        self.choice_or(choices, None)
    }

    /// One of a few words. `other` is what may be written instead of a word.
    pub(super) fn choice_or<T: Clone>(&self, choices: &[(&'static str, T)], other: Option<&str>) -> Option<T> {
        let names: Vec<&'static str> = choices.iter().map(|(name, _)| *name).collect();
        if self.keep(|| Shape::Words(names.clone())) {
            return None;
        }
        let mut words: Vec<&str> = names;
        words.extend(other);
        let example = words.join(" or ");
        let word = self.single(&example)?;
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

/// A key of the user's own.
#[derive(Clone, Copy)]
pub(super) struct Key<'t> {
    pub(super) text: &'t str,
    /// Written without quotes.
    pub(super) plain: bool,
}

/// A map whose fields are being read.
pub(super) struct Fields<'t> {
    pub(super) at: At<'t>,
    entries: &'t [Entry],
    asked: Vec<&'static str>,
    never: Vec<&'static str>,
    outline: MapOutline,
}

impl<'t> Fields<'t> {
    /// A field that may be absent; `what` it means. Asking makes it known; a known field that is null counts as absent and
    /// is a violation.
    pub(super) fn get(&mut self, name: &'static str, what: &'static str) -> Option<At<'t>> {
        let at = self.peek(name, what, false)?;
        if at.is_null() {
            at.wrong("the field has no value", "give it one or remove the field");
            return None;
        }
        Some(at)
    }

    /// A field that may be absent or null.
    fn peek(&mut self, name: &'static str, what: &'static str, required: bool) -> Option<At<'t>> {
        self.asked.push(name);
        if self.at.outline.is_some() {
            let value = Outline::default();
            let at = self.at.part(&value);
            self.outline.fields.push(FieldOutline { name, required, what, value });
            return Some(at);
        }
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(self.at.below(&entry.value, self.at.path_of(name), entry.place))
    }

    /// A field that must be there. `what` it means, and an `example` of what to write.
    pub(super) fn need(&mut self, name: &'static str, what: &'static str, example: &str) -> Option<At<'t>> {
        if let Some(at) = self.peek(name, what, true) {
            if at.is_null() {
                at.wrong("the field has no value", format!("write {example}"));
                return None;
            }
            return Some(at);
        }
        self.at.walk.wrong(self.at.tree.place, &self.at.path_of(name), "this field is required", format!("write {example}"));
        None
    }

    /// A field that must be there with others, of which the reader tells at once which are not.
    pub(super) fn one_of_all(&mut self, name: &'static str, what: &'static str) -> Option<At<'t>> {
        self.peek(name, what, true)
    }

    /// A field that is there and has this value, which somebody else has looked at.
    pub(super) fn seen(&mut self, name: &'static str, what: &'static str, value: &'static str) {
        if let Some(at) = self.peek(name, what, true) {
            let _ = at.keep(|| Shape::Words(vec![value]));
        }
    }

    /// A field that does not belong here, though a person may well write it: a violation with words of its own.
    pub(super) fn never(&mut self, name: &'static str, problem: &str, advice: &str) {
        self.never.push(name);
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == name) {
            self.at.walk.wrong(entry.place, &self.at.path_of(name), problem, advice);
        }
    }

    /// How many of the fields that a rule is about are written. What breaks the rule is for the reader to say.
    pub(super) fn written(&mut self, rule: Rule) -> usize {
        let names = match &rule {
            Rule::One(names) | Rule::Together(names) => names,
            Rule::NotBoth(names) => names.as_slice(),
        };
        let count = names.iter().filter(|name| self.entries.iter().any(|entry| entry.key == **name)).count();
        self.outline.rules.push(rule);
        count
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
        let _ = self.at.keep(|| Shape::Map(self.outline));
    }
}

/// The known name that was probably meant: it begins so, or at most a third of its letters differ.
#[must_use]
pub fn nearest(written: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = written.to_ascii_lowercase();
    let begun = |name: &&&'static str| lower.len() >= 4 && name.to_ascii_lowercase().starts_with(&lower);
    if let Some(name) = known.iter().filter(begun).min_by_key(|name| name.len()) {
        return Some(*name);
    }
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
