//! Bytes → spanned trees, one for each document between `---`. YAML or JSON, which is YAML too.
//!
//! Built from the parser's events, not through a decoder, so that every node knows its line and column and every
//! scalar whether it was plain or quoted. Anchors, aliases, tags and directives are refused: a document needs none, and
//! without them its size bounds the work. Scalars are wiped when dropped, for any of them may be a secret.

use granit_parser::{Event, Parser, ScalarStyle, Span, options};

use crate::secret::Secret;

use super::sniff;
use super::violation::Violation;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest input, bytes.
    pub size: usize,
    /// Most nodes in all documents of one input: maps, lists, keys and scalars.
    pub nodes: usize,
}

/// Documents and kubeconfigs.
pub const DOCUMENT: Limits = Limits { size: 1 << 20, nodes: 20_000 };
/// Manifests: the largest known CNI, with all its definitions, is below a third of this.
pub const MANIFEST: Limits = Limits { size: 4 << 20, nodes: 300_000 };
/// Deepest nesting of maps and lists.
pub const DEPTH_LIMIT: usize = 64;

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// Where every text begins.
    pub const START: Self = Self { line: 1, column: 1 };

    fn of(span: &Span) -> Self {
        Self { line: span.start.line().max(1), column: span.start.col() + 1 }
    }
}

/// A node and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub node: Node,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A scalar.
    Scalar {
        /// Its text after YAML's unescaping.
        text: Secret<String>,
        /// True if it was written without quotes and not as a block, so that YAML may take it for something else than text.
        plain: bool,
    },
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order of the text; no key is there twice.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Key.
    pub key: String,
    /// True if the key was written without quotes.
    pub plain: bool,
    /// Where the key begins.
    pub place: Place,
    /// Value.
    pub value: Tree,
}

impl Node {
    /// What a person calls it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Scalar { .. } => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// What parsing makes of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// All documents; empty ones (two `---` in a row) are left out.
    pub documents: Vec<Tree>,
    /// What is wrong with the text: duplicate keys, anchors, tags, and what spoils the trees.
    pub violations: Vec<Violation>,
    /// True if the trees lack something that the text has, because of a syntax error, a limit or an alias: what is
    /// said about their fields could be wrong then.
    pub spoilt: bool,
}

/// Reads all documents of an input.
#[must_use]
pub fn parse(bytes: &[u8], limits: Limits) -> Parsed {
    let mut builder = Builder { limit: limits.nodes, left: limits.nodes, ..Builder::default() };
    let read = decode(bytes, limits).and_then(|text| builder.read(text));
    let mut parsed = builder.parsed;
    if let Err(fatal) = read {
        parsed.violations.push(fatal);
        parsed.spoilt = true;
    }
    parsed
}

pub(super) fn whole(place: Place, problem: impl Into<String>, advice: impl Into<String>) -> Violation {
    Violation { line: place.line, column: place.column, path: String::new(), problem: problem.into(), advice: advice.into() }
}

/// Bytes → text without byte-order mark, or why they can't be a document.
fn decode(bytes: &[u8], limits: Limits) -> Result<&str, Violation> {
    if bytes.len() > limits.size {
        return Err(whole(Place::START, format!("the input has {} bytes", bytes.len()), format!("a document has at most {}", limits.size)));
    }
    if let Some(guise) = sniff::guise(bytes) {
        return Err(whole(
            Place::START,
            format!("this looks like {}", guise.words()),
            "the document itself has to be here, beginning with `apiVersion: kubeboot/v1alpha1`",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let last = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        whole(Place { line, column }, "this is not UTF-8 text", "save the document as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(column) = line.chars().position(|c| c != '\t' && c.is_control() && c != '\u{85}') {
            return Err(whole(
                Place { line: number + 1, column: column + 1 },
                "there is a control character here",
                "remove it, or write it as an escape in double quotes",
            ));
        }
    }
    Ok(text)
}

/// A map or list that is still open.
enum Open {
    List { place: Place, items: Vec<Tree> },
    Map { place: Place, entries: Vec<Entry>, key: Key },
}

/// What an open map waits for.
enum Key {
    /// A key.
    Next,
    /// The value of this key.
    Of { key: String, plain: bool, place: Place },
    /// The value of something that can't be a key; dropped.
    Unusable,
}

#[derive(Default)]
struct Builder {
    parsed: Parsed,
    open: Vec<Open>,
    /// How many nodes there may be, and how many of them are left.
    limit: usize,
    left: usize,
}

impl Builder {
    fn read(&mut self, text: &str) -> Result<(), Violation> {
        let options = options! { emit_unresolved_aliases: true, simple_key_max_lookahead: 1024 };
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = next.map_err(|error| {
                let place = Place { line: error.marker().line().max(1), column: error.marker().col() + 1 };
                whole(place, format!("this is not YAML: {}", error.info()), "correct the text; indentation is by spaces")
            })?;
            self.event(event, Place::of(&span))?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Violation> {
        let anchored = event.anchor_id().is_some();
        let tagged = event.tag().is_some();
        if anchored || tagged {
            let what = if anchored { "an anchor (`&name`)" } else { "a tag (`!name`)" };
            self.parsed.violations.push(whole(
                place,
                format!("there is {what} here"),
                "write the value out; text that begins with & or ! goes in quotes",
            ));
        }
        match event {
            Event::DocumentStart(_, Some(_)) => {
                self.parsed.violations.push(whole(place, "there is a %YAML directive before this document", "remove it"));
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.parsed.violations.push(whole(
                    place,
                    "there is an alias (`*name`) here",
                    "write the value out; text that begins with * goes in quotes",
                ));
                self.parsed.spoilt = true;
                self.count(place)?;
                self.add(Tree { place, node: Node::Scalar { text: Secret::new(String::new()), plain: true } });
            }
            Event::Scalar(text, style, ..) => {
                self.count(place)?;
                self.add(Tree { place, node: Node::Scalar { text: Secret::new(text.into_owned()), plain: style == ScalarStyle::Plain } });
            }
            Event::SequenceStart(..) => self.start(place, Open::List { place, items: Vec::new() })?,
            Event::MappingStart(..) => self.start(place, Open::Map { place, entries: Vec::new(), key: Key::Next })?,
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { place, items }) => self.add(Tree { place, node: Node::List(items) }),
                Some(Open::Map { place, entries, .. }) => self.add(Tree { place, node: Node::Map(entries) }),
                None => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, place: Place) -> Result<(), Violation> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                return Err(whole(place, format!("there are more than {} values", self.limit), "far fewer are ever needed; shorten it"));
            }
        }
        Ok(())
    }

    fn start(&mut self, place: Place, open: Open) -> Result<(), Violation> {
        self.count(place)?;
        if self.open.len() >= DEPTH_LIMIT {
            return Err(whole(
                place,
                format!("maps and lists are nested deeper than {DEPTH_LIMIT}"),
                "a document needs far less; flatten it",
            ));
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished node where it belongs: into the innermost open map or list, or on the list of documents.
    fn add(&mut self, tree: Tree) {
        let Some(open) = self.open.last_mut() else {
            let empty = matches!(&tree.node, Node::Scalar { text, plain: true } if super::scalar::is_null(text.expose()));
            if !empty {
                self.parsed.documents.push(tree);
            }
            return;
        };
        match open {
            Open::List { items, .. } => items.push(tree),
            Open::Map { entries, key, .. } => match std::mem::replace(key, Key::Next) {
                Key::Next => match tree.node {
                    Node::Scalar { text, plain } => {
                        if plain && text.expose() == "<<" {
                            self.parsed.violations.push(whole(tree.place, "there is a merge key (`<<`) here", "write the fields out"));
                            *key = Key::Unusable;
                        } else {
                            *key = Key::Of { key: text.expose().clone(), plain, place: tree.place };
                        }
                    }
                    _ => {
                        self.parsed.violations.push(whole(tree.place, "a map or list is used as a key", "write the name of a field"));
                        *key = Key::Unusable;
                    }
                },
                Key::Of { key, plain, place } => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        self.parsed.violations.push(whole(
                            place,
                            format!("{} is written twice; it is also at line {}", super::shown::shown_name(&key), first.place.line),
                            "keep one of them",
                        ));
                    } else {
                        entries.push(Entry { key, plain, place, value: tree });
                    }
                }
                Key::Unusable => {}
            },
        }
    }
}
