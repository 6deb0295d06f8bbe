//! A line of a document as it may be shown. An allow-list: keys that look like fields, values of fields that are
//! known to be public, punctuation. Everything else becomes `…`, also in a text that is too broken to be parsed.

use crate::document::shown::{is_field_name, is_harmless};
use crate::document::tree::{Entry, Node, Parsed, Place, Tree};
use crate::secret::Secret;

use super::Excerpt;
use super::text::is_printable;

/// Longest line and longest value that are shown, characters.
const LINE_LIMIT: usize = 120;
const VALUE_LIMIT: usize = 64;

/// Fields of kubeboot's own documents whose values are public; what is below one of them is public too.
const PUBLIC: [&str; 27] = [
    "apiVersion",
    "kind",
    "name",
    "cluster",
    "role",
    "kubernetesVersion",
    "controlPlaneEndpoint",
    "networking",
    "nodeRegistration.name",
    "nodeRegistration.addressFrom",
    "nodeRegistration.labels",
    "nodeRegistration.taints",
    "nodeRegistration.criSocket",
    "peers",
    "initialize.before",
    "initialize.onUnreachable",
    "initialize.node",
    "cni.name",
    "cni.manifest",
    "clock",
    "encryptionAlgorithm",
    "credential",
    "replaceDead",
    "controlPlane.count",
    "controlPlane.addresses",
    "controlPlane.addressFrom",
    "workers",
];

/// Fields of kubeadm's documents whose values are public.
const PUBLIC_OF_KUBEADM: [&str; 10] = [
    "apiVersion",
    "kind",
    "kubernetesVersion",
    "controlPlaneEndpoint",
    "clusterName",
    "networking",
    "certificatesDir",
    "featureGates",
    "encryptionAlgorithm",
    "dns",
];

/// Fields whose names are shown also in a text that can't be parsed, where nothing says what is a key.
const NAMES: [&str; 23] = [
    "apiVersion",
    "kind",
    "name",
    "cluster",
    "role",
    "kubernetesVersion",
    "controlPlaneEndpoint",
    "networking",
    "nodeRegistration",
    "labels",
    "taints",
    "peers",
    "discovery",
    "certificateAuthority",
    "bootstrapCertificate",
    "bootstrapToken",
    "certificateKey",
    "pki",
    "initialize",
    "cni",
    "clock",
    "controlPlane",
    "workers",
];

fn is_public(list: &[&str], path: &str) -> bool {
    list.iter().any(|public| path.strip_prefix(public).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The entry of a map.
pub(super) fn field<'t>(tree: &'t Tree, name: &str) -> Option<&'t Entry> {
    match &tree.node {
        Node::Map(entries) => entries.iter().find(|entry| entry.key == name),
        _ => None,
    }
}

/// A stretch of the text that may be shown, from its place on.
struct Stretch {
    place: Place,
    length: usize,
}

/// A file's text with its trees.
pub(super) struct Text {
    text: Secret<String>,
    /// Where each line begins and ends in it.
    lines: Vec<(usize, usize)>,
    parsed: Parsed,
    shown: Vec<Stretch>,
}

impl Text {
    pub(super) fn new(bytes: &[u8], parsed: Parsed) -> Self {
        let text = String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned();
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split('\n') {
            lines.push((start, start + line.trim_end_matches('\r').len()));
            start += line.len() + 1;
        }
        let mut found = Self { text: Secret::new(text), lines, parsed, shown: Vec::new() };
        let mut shown = Vec::new();
        for tree in &found.parsed.documents {
            let own = field(tree, "apiVersion").is_none_or(|entry| match &entry.value.node {
                Node::Scalar { text, .. } => text.expose().starts_with("kubeboot/"),
                _ => true,
            });
            found.gather(tree, "", if own { &PUBLIC } else { &PUBLIC_OF_KUBEADM }, &mut shown);
        }
        for number in 1..=found.lines.len() {
            found.name(number, &mut shown);
        }
        shown.sort_by_key(|stretch| stretch.place);
        found.shown = shown;
        found
    }

    pub(super) fn documents(&self) -> &[Tree] {
        &self.parsed.documents
    }

    fn gather(&self, tree: &Tree, path: &str, public: &[&str], shown: &mut Vec<Stretch>) {
        match &tree.node {
            Node::Map(entries) => {
                for entry in entries {
                    if is_field_name(&entry.key) {
                        self.add(entry.place, &entry.key, shown);
                    }
                    let below = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                    self.gather(&entry.value, &below, public, shown);
                }
            }
            Node::List(items) => items.iter().for_each(|item| self.gather(item, path, public, shown)),
            Node::Scalar { text, .. } => {
                let text = text.expose();
                // A secret that slipped into a public field is still one.
                if is_public(public, path) && text.chars().count() <= VALUE_LIMIT && is_harmless(text) {
                    self.add(tree.place, text, shown);
                }
            }
        }
    }

    /// Only what stands in the text exactly so, quoted or not: then its length is known.
    fn add(&self, place: Place, text: &str, shown: &mut Vec<Stretch>) {
        // What begins behind the end of an excerpt is never asked for, and a text may be one long line.
        let Some(line) = self.line(place.line).filter(|_| place.column <= LINE_LIMIT) else { return };
        let rest: String = line.chars().skip(place.column.saturating_sub(1)).take(text.chars().count() + 1).collect();
        let length = text.chars().count();
        if rest.starts_with(text) {
            shown.push(Stretch { place, length });
        } else if rest.strip_prefix(['"', '\'']).is_some_and(|inner| inner.starts_with(text)) {
            shown.push(Stretch { place, length: length + 1 });
        }
    }

    /// The name at the beginning of a line of a text that can't be parsed.
    fn name(&self, number: usize, shown: &mut Vec<Stretch>) {
        let Some(line) = self.line(number).filter(|_| self.parsed.spoilt) else { return };
        let name = line.trim_start_matches([' ', '"']);
        let indent = line.len() - name.len();
        let name = name.split([':', '"']).next().unwrap_or_default();
        if NAMES.contains(&name) && line.get(indent + name.len()..).is_some_and(|rest| rest.trim_start_matches('"').starts_with(':')) {
            shown.push(Stretch { place: Place { line: number, column: indent + 1 }, length: name.len() });
        }
    }

    fn line(&self, number: usize) -> Option<&str> {
        let (start, end) = self.lines.get(number.checked_sub(1)?)?;
        self.text.expose().get(*start..*end)
    }

    /// Where a field of kubeboot's own document is written: its value, or the nearest field above it that is written.
    pub(super) fn place(&self, path: &str) -> Option<Place> {
        let own = self.documents().iter().find(|tree| matches!(super::kind(tree), Some("Node" | "Cluster")))?;
        let (mut at, mut place) = (own, None);
        for name in path.split('.') {
            let Some(entry) = field(at, name) else { break };
            // A map's or a block's own place is the line below, which says less than its key.
            place = Some(if matches!(entry.value.node, Node::Scalar { .. }) && entry.value.place.line == entry.place.line {
                entry.value.place
            } else {
                entry.place
            });
            at = &entry.value;
        }
        place
    }

    /// The line of a place, with the place marked.
    pub(super) fn excerpt(&self, place: Place) -> Option<Excerpt> {
        let line: Vec<char> = self.line(place.line)?.chars().take(LINE_LIMIT).collect();
        let at = place.column.saturating_sub(1);
        let first = self.shown.partition_point(|stretch| stretch.place.line < place.line);
        let end = self.shown.partition_point(|stretch| stretch.place.line <= place.line);
        let shown = self.shown.get(first..end).unwrap_or_default();
        let here = |column: usize| shown.iter().find(|s| (s.place.column..s.place.column + s.length).contains(&(column + 1)));
        let structural = |c: char| matches!(c, ':' | ',' | '{' | '}' | '[' | ']' | '-' | '"' | '\'' | '|' | '&' | '*' | '!');
        let (mut out, mut before, mut column) = (String::new(), None, 0);
        while let Some(c) = line.get(column).copied() {
            if column == at || (before.is_none() && column > at) {
                before = Some(out.chars().count());
            }
            if here(column).is_some() || c == ' ' {
                // One for one, so that the mark stays in its place.
                out.push(if is_printable(c) { c } else { char::REPLACEMENT_CHARACTER });
                column += 1;
                continue;
            }
            let end = line
                .iter()
                .enumerate()
                .skip(column)
                .find(|(n, c)| **c == ' ' || here(*n).is_some() || (*n > column && *n == at))
                .map_or(line.len(), |(n, _)| n);
            let run = line.get(column..end).unwrap_or_default();
            // Punctuation around what is hidden stays, so that the line keeps its shape.
            let head = run.iter().take_while(|c| structural(**c)).count();
            let tail = run.iter().rev().take_while(|c| structural(**c)).count().min(run.len() - head);
            out.extend(run.iter().take(head));
            if head + tail < run.len() && !out.trim_end().ends_with('…') {
                out.push('…');
            }
            out.extend(run.iter().skip(run.len() - tail));
            column = end;
        }
        let out = out.trim_end().to_owned();
        let before = before.unwrap_or_else(|| out.chars().count()).min(out.chars().count());
        let known = shown.iter().find(|stretch| stretch.place == place);
        let width = known.map_or(1, |stretch| stretch.length).clamp(1, LINE_LIMIT);
        Some(Excerpt { line: out, before, width })
    }
}
