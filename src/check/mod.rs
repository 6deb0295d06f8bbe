//! `kubeboot check`: everything that can be known to be wrong with documents and cluster files before a machine boots
//! with them. Pure: names, bytes and the time are handed in. The way: what platforms put around a document is taken off as
//! the agent does it, `node` and `cluster` judge one file, `folder` the files of one folder beside each other; `excerpt`
//! shows the place without secrets; [`text`] tells it.

pub mod power;
pub mod rule;
pub mod text;
pub mod validate;

mod cluster;
mod excerpt;
mod folder;
mod kubeadm;
mod networks;
mod node;

use crate::datasource::unwrap;
use crate::document::sniff::{Guise, guise};
use crate::document::spec::{ClusterSpec, CniChoice, NodeSpec};
use crate::document::tree::{self, Node, Place, Tree};
use crate::document::{Disposal, Document, read_cluster, read_node};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::moment::UnixTime;
use crate::secret::Secret;

use excerpt::Text;
pub use rule::{Rule, Severity};

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name, as a person would write it.
    pub name: String,
    /// The folder in which it belongs together with others; files of one folder are compared.
    pub folder: String,
    /// Its bytes.
    pub bytes: Secret<Vec<u8>>,
}

/// A CNI's manifest that lies where it can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestAtHand {
    /// The `cni` of the documents that mean it.
    pub choice: CniChoice,
    /// Its path.
    pub place: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What lies beside the documents of a folder, and the documents speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companions {
    /// The folder.
    pub folder: String,
    /// bundle.json.
    pub bundle: Option<Secret<Vec<u8>>>,
    /// certificate-key.
    pub key: Option<Secret<Vec<u8>>>,
    /// Manifests of the documents' CNIs.
    pub manifests: Vec<ManifestAtHand>,
}

/// A line of the file, without anything that could be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line; what is not known to be public is `…`.
    pub line: String,
    /// Characters before the mark.
    pub before: usize,
    /// Characters marked, at least one.
    pub width: usize,
}

/// One thing that is wrong, or worth knowing. No text of it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule it breaks.
    pub rule: Rule,
    /// The file.
    pub file: String,
    /// What was taken off to get at the document, in the words of the agent's own origins; empty where it lies bare. Lines
    /// are counted in what is left.
    pub within: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Field path; empty where the whole file is meant.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to write, or to do.
    pub advice: String,
    /// The place; `None` where the whole file is meant.
    pub excerpt: Option<Excerpt>,
}

impl Diagnostic {
    /// What is wrong with a file as a whole.
    fn of_file(rule: Rule, file: &str, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        let Place { line, column } = Place::START;
        let (file, problem, advice) = (file.to_owned(), problem.into(), advice.into());
        Self { rule, file, within: String::new(), line, column, field: String::new(), problem, advice, excerpt: None }
    }
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A machine's document.
    Node(Box<NodeSpec>),
    /// A cluster file.
    Cluster(Box<ClusterSpec>),
    /// Neither, or wrong.
    Unread,
}

/// A file that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// What was taken off, as in [`Diagnostic::within`].
    pub within: String,
    /// What it is.
    pub content: Content,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// In the order of the files and of their text.
    pub diagnostics: Vec<Diagnostic>,
    /// The files.
    pub files: Vec<Judged>,
}

impl Checked {
    /// How many diagnostics are as severe as this.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.rule.severity() == severity).count()
    }

    /// Adds what was found before anything could be judged.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        if diagnostic.rule == Rule::Unreadable {
            self.files.push(Judged { name: diagnostic.file.clone(), within: String::new(), content: Content::Unread });
        }
        self.diagnostics.push(diagnostic);
    }
}

/// A file while it is judged: what was found gathers in it.
struct Sheet<'i> {
    input: &'i Input,
    within: String,
    text: Text,
    content: Content,
    found: Vec<Diagnostic>,
}

impl Sheet<'_> {
    /// Records what is wrong with a field of kubeboot's own document; with its parent, where the field is not written.
    fn tell(&mut self, rule: Rule, field: &str, problem: impl Into<String>, advice: impl Into<String>) {
        let place = self.text.place(field);
        self.tell_at(rule, place, field, problem, advice);
    }

    /// Records what is wrong at a place; `None`: with the file.
    fn tell_at(&mut self, rule: Rule, place: Option<Place>, field: &str, problem: impl Into<String>, advice: impl Into<String>) {
        let excerpt = place.and_then(|place| self.text.excerpt(place));
        let Place { line, column } = place.unwrap_or(Place::START);
        let (file, within, field) = (self.input.name.clone(), self.within.clone(), field.to_owned());
        let (problem, advice) = (problem.into(), advice.into());
        self.found.push(Diagnostic { rule, file, within, line, column, field, problem, advice, excerpt });
    }

    fn node(&self) -> Option<&NodeSpec> {
        match &self.content {
            Content::Node(spec) => Some(spec),
            _ => None,
        }
    }
}

/// Judges files, each by itself and beside those of its folder.
#[must_use]
pub fn check(inputs: &[Input], companions: &[Companions], now: UnixTime) -> Checked {
    let mut sheets: Vec<Sheet<'_>> = inputs.iter().map(|input| single(input, now)).collect();
    folder::check(&mut sheets, companions);
    let mut checked = Checked { diagnostics: Vec::new(), files: Vec::new() };
    for mut sheet in sheets {
        sheet.found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        checked.diagnostics.append(&mut sheet.found);
        checked.files.push(Judged { name: sheet.input.name.clone(), within: sheet.within, content: sheet.content });
    }
    checked
}

/// The CNI that a right document or cluster file wants.
#[must_use]
pub fn cni(input: &Input) -> Option<CniChoice> {
    let document = unwrapped(&input.name, &input.bytes).ok()?;
    read_node(&document).map(|spec| spec.cni).or_else(|_| read_cluster(&document).map(|spec| spec.cni)).ok()
}

/// Whether a file of a folder claims to be kubeboot's, so that it is worth judging.
#[must_use]
pub fn is_document(bytes: &Secret<Vec<u8>>) -> bool {
    let says_so = |bytes: &[u8]| bytes.windows(b"kubeboot/v1".len()).any(|window| window == b"kubeboot/v1");
    let document = match unwrapped("", bytes) {
        Ok(document) => document,
        // What is too broken to be unwrapped may still have been meant; what another agent's reader is for was not.
        Err(fault) => {
            let is_packed = matches!(guise(bytes.expose()), Some(Guise::Gzip | Guise::Base64));
            return fault.failure() != Failure::DocumentWrapping || is_packed || says_so(bytes.expose());
        }
    };
    let bytes = document.bytes.expose();
    let parsed = tree::parse(bytes, tree::DOCUMENT);
    let is_ours = |tree: &Tree| match excerpt::field(tree, "apiVersion").map(|entry| &entry.value.node) {
        Some(Node::Scalar { text, .. }) => text.expose().starts_with("kubeboot/"),
        _ => matches!(kind(tree), Some("Node" | "Cluster")),
    };
    // What is too broken to be parsed may have been meant as well; what is refused at its first byte is in another form,
    // one for a platform.
    let is_broken_later = || parsed.spoilt && parsed.violations.iter().all(|found| (found.line, found.column) != (1, 1));
    parsed.documents.iter().any(is_ours) || (is_broken_later() && says_so(bytes))
}

/// A file as the agent would come by its document.
fn unwrapped(name: &str, bytes: &Secret<Vec<u8>>) -> Result<Document, Fault> {
    let disposal = Disposal::Remove(Vec::new());
    unwrap::unwrap(Document { origin: name.to_owned(), bytes: bytes.clone(), instance_id: None, disposal })
}

/// The wrappings, which an origin names in brackets behind the file's name.
fn wrappings(name: &str, origin: &str) -> String {
    let brackets = origin.strip_prefix(name).unwrap_or_default().trim();
    brackets.strip_prefix('(').and_then(|way| way.strip_suffix(')')).unwrap_or_default().to_owned()
}

/// A file of a folder that is none.
#[must_use]
pub fn skipped(name: &str) -> Diagnostic {
    let problem = "this is no document of kubeboot's, bare or wrapped, and was not checked";
    Diagnostic::of_file(Rule::Skipped, name, problem, "nothing has to be done; if it was made from a document, check that")
}

/// What can't be read.
#[must_use]
pub fn unreadable(name: &str, problem: impl Into<String>, advice: impl Into<String>) -> Diagnostic {
    Diagnostic::of_file(Rule::Unreadable, name, problem, advice)
}

/// A folder without documents.
#[must_use]
pub fn empty(name: &str) -> Diagnostic {
    let problem = "there is no document in this folder";
    Diagnostic::of_file(Rule::EmptyFolder, name, problem, "name a folder with documents in it, or the files themselves (README, Check)")
}

fn single(input: &Input, now: UnixTime) -> Sheet<'_> {
    let sheet = |within, text| Sheet { input, within, text, content: Content::Unread, found: Vec::new() };
    let document = match unwrapped(&input.name, &input.bytes) {
        Ok(document) => document,
        Err(fault) => {
            let mut sheet = sheet(wrappings(&input.name, fault.at()), Text::new(b"", tree::parse(b"", tree::DOCUMENT)));
            let problem =
                fault.why().map_or_else(|| fault.what().to_owned(), |why| format!("{}: {}", fault.what(), why.replace('\n', "; ")));
            sheet.tell_at(Rule::Wrapping, None, "", problem, fault.advice());
            return sheet;
        }
    };
    let parsed = tree::parse(document.bytes.expose(), tree::DOCUMENT);
    let is_cluster = parsed.documents.iter().any(|tree| kind(tree) == Some("Cluster"));
    let mut sheet = sheet(wrappings(&input.name, &document.origin), Text::new(document.bytes.expose(), parsed));
    if is_cluster && !sheet.within.is_empty() {
        let advice = "hand the cluster file itself to mint; what machines get is wrapped by `mint --render`";
        sheet.tell_at(Rule::Wrapping, None, "", "mint reads a cluster file as it is, and this one is wrapped", advice);
    }
    let read = if is_cluster {
        read_cluster(&document).map(|spec| Content::Cluster(Box::new(spec)))
    } else {
        read_node(&document).map(|spec| Content::Node(Box::new(spec)))
    };
    match read {
        Ok(content) => sheet.content = content,
        Err(violations) => {
            for violation in violations.list() {
                let place = Place { line: violation.line, column: violation.column };
                sheet.tell_at(Rule::Document, Some(place), &violation.path, &violation.problem, &violation.advice);
            }
        }
    }
    kubeadm::fields(&mut sheet);
    match sheet.content.clone() {
        Content::Node(spec) => node::check(&mut sheet, &spec, now),
        Content::Cluster(spec) => cluster::check(&mut sheet, &spec),
        Content::Unread => {}
    }
    sheet
}

/// `kind` of a document.
fn kind(tree: &Tree) -> Option<&str> {
    match excerpt::field(tree, "kind").map(|entry| &entry.value.node) {
        Some(Node::Scalar { text, .. }) => Some(text.expose()),
        _ => None,
    }
}
