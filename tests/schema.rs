//! `kubeboot schema`: held against documents by somebody else's validator (boon) and YAML reader (serde-saphyr), neither of
//! which kubeboot itself uses. Whatever the reader takes the schema takes; what the reader finds of wrong shape it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/fixtures.rs"]
mod files;
#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use files::{fixtures, is_cluster, read};
use kubeboot::document::Violations;
use kubeboot::schema::{Kind, schema};
use serde_json::{Map, Value, json};

/// Both schemas, compiled: which judges them against draft 2020-12's own schema first.
struct Judge {
    schemas: Schemas,
    node: SchemaIndex,
    cluster: SchemaIndex,
}

impl Judge {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let mut compile = |location: &str, kind| {
            compiler.set_default_draft(Draft::V2020_12);
            compiler.add_resource(location, schema(kind)).unwrap();
            compiler.compile(location, &mut schemas).unwrap_or_else(|error| panic!("{location}: {error:#}"))
        };
        let (node, cluster) = (compile("node.json", Kind::Node), compile("cluster.json", Kind::Cluster));
        Self { schemas, node, cluster }
    }

    /// What is wrong with the first of the documents that the schema refuses.
    fn refuses(&self, kind: Kind, documents: &[Value]) -> Option<String> {
        let index = if kind == Kind::Node { self.node } else { self.cluster };
        documents.iter().find_map(|document| self.schemas.validate(document, index).err().map(|error| format!("{error:#}")))
    }
}

fn kind(name: &str) -> Kind {
    if is_cluster(name) { Kind::Cluster } else { Kind::Node }
}

/// The documents of a text as an editor's YAML reader sees them; none, if it is no YAML to it.
fn documents(bytes: &[u8]) -> Option<Vec<Value>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(text.trim_start_matches('\u{feff}')).ok()?;
    Some(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn written(documents: &[Value]) -> Vec<u8> {
    documents.iter().map(|document| format!("---\n{document}\n")).collect::<String>().into_bytes()
}

#[test]
fn the_schemas() {
    golden::golden("schema/node.json", &format!("{:#}\n", schema(Kind::Node)));
}

#[test]
fn the_schema_of_cluster_files() {
    golden::golden("schema/cluster.json", &format!("{:#}\n", schema(Kind::Cluster)));
}

#[test]
fn every_accepted_document_is_accepted() {
    let judge = Judge::new();
    for (name, bytes) in fixtures("accept") {
        let documents = documents(&bytes).unwrap_or_else(|| panic!("{name} is no YAML"));
        assert!(!documents.is_empty(), "{name}");
        if let Some(error) = judge.refuses(kind(&name), &documents) {
            panic!("{name}: {error}");
        }
    }
}

/// What the schema sees of the documents that the reader refuses, and what only the reader does.
#[test]
fn rejected_documents() {
    let judge = Judge::new();
    let mut said = String::new();
    for (name, bytes) in fixtures("reject") {
        let seen = match documents(&bytes) {
            None => "no YAML",
            Some(documents) if documents.is_empty() => "no document",
            Some(documents) if judge.refuses(kind(&name), &documents).is_some() => "refused",
            Some(_) => "taken",
        };
        writeln!(said, "{name}: {seen}").unwrap();
    }
    golden::golden("schema/reject.txt", &said);
}

/// Violations of shape, which are as wrong to the schema: all others are of relations, or of what a value means.
fn of_shape(violations: &Violations) -> bool {
    let words =
        ["is no known field", "this field is required", ", not a map", ", not a list", ", not a single value", "the field has no value"];
    violations
        .list()
        .iter()
        .any(|violation| words.iter().any(|word| violation.problem.contains(word)) && !violation.problem.contains("on a control plane"))
}

/// Every value below, with its path.
fn walk<'v>(value: &'v Value, path: &str, each: &mut impl FnMut(&str, &'v Value)) {
    each(path, value);
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, below)| walk(below, &format!("{path}/{}", escaped(name)), each)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, below)| walk(below, &format!("{path}/{i}"), each)),
        _ => {}
    }
}

/// RFC 6901.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn short(text: &str) -> bool {
    text.len() <= 100
}

/// All short words of all fixtures, and words at the edges of forms.
fn corpus() -> BTreeSet<String> {
    let mut words: BTreeSet<String> = EDGES.iter().map(|word| (*word).to_owned()).collect();
    for (_, bytes) in fixtures("accept").into_iter().chain(fixtures("reject")) {
        for document in documents(&bytes).unwrap_or_default() {
            walk(&document, "", &mut |_, value| {
                if let Value::String(text) = value
                    && short(text)
                {
                    words.insert(text.clone());
                }
            });
        }
    }
    words
}

const EDGES: [&str; 40] = [
    "",
    " ",
    "a",
    "A",
    "0",
    "-",
    "a-",
    "a.b",
    "a..b",
    "a_b",
    "a/b",
    "a.example.com/b",
    "v1.31.0",
    "v1.30.9",
    "v1.100.0",
    "v2.0.0",
    "v1.37.02",
    "v1.99999.99999",
    "host:1",
    "host:65535",
    "host:0",
    "HOST.example:443",
    "[::1]:6443",
    "[fd00::1%eth0]:6443",
    "10.0.0.1:6443",
    "fd00::/48",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "::/0",
    " 10.0.0.0/8",
    "1d",
    "2h3m4s",
    "UNIX:///x",
    "https://h",
    "http://h:1/?a=b",
    "24h",
    "5",
    "2026-11-24T10:00:00.123Z",
    "52-54-00-12-34-56",
    "unix:///",
];

/// Changes one place of a document: takes it away, puts something else there, puts something beside it. All words are tried
/// in the first place of a path alone, which `tried` keeps.
fn changes(document: &Value, words: &BTreeSet<String>, tried: &mut BTreeSet<String>) -> Vec<(String, Value)> {
    let mut changed = Vec::new();
    walk(document, "", &mut |path, value| {
        let mut put = |what: &str, other: Value| {
            let mut copy = document.clone();
            *copy.pointer_mut(path).unwrap() = other;
            changed.push((format!("{path}: {what}"), copy));
        };
        for other in [json!(null), json!(7), json!(1.5), json!(true), json!([]), json!({}), json!(["x"]), json!({"x": "y"})] {
            put(&other.to_string(), other);
        }
        match value {
            Value::String(text) if short(text) && tried.insert(path.to_owned()) => words.iter().for_each(|word| put(word, json!(word))),
            Value::Number(_) => [0, 1, 10, 255, 256].into_iter().for_each(|number| put(&number.to_string(), json!(number))),
            Value::Object(fields) => {
                for name in fields.keys() {
                    let mut fewer = fields.clone();
                    fewer.remove(name);
                    put(&format!("without {name}"), Value::Object(fewer));
                }
                for name in ["zzz", "url", "sha256", "file", "labels", "hostname", "bootstrapToken", "replaceDead"] {
                    let mut more: Map<String, Value> = fields.clone();
                    if more.insert(name.to_owned(), json!("x")).is_none() {
                        put(&format!("with {name}"), Value::Object(more));
                    }
                }
            }
            _ => {}
        }
    });
    changed
}

#[test]
fn reader_and_schema_agree_on_changed_documents() {
    let (judge, words) = (Judge::new(), corpus());
    assert!(words.len() > 200, "only {} words", words.len());
    let (mut taken, mut shapes, mut all) = (0, 0, 0);
    let mut tried = [BTreeSet::new(), BTreeSet::new()];
    for (name, bytes) in fixtures("accept").into_iter().filter(|(name, _)| name.ends_with(".yaml")) {
        let (kind, documents) = (kind(&name), documents(&bytes).unwrap());
        for (index, document) in documents.iter().enumerate() {
            for (change, document) in changes(document, &words, &mut tried[usize::from(kind == Kind::Cluster)]) {
                let mut changed = documents.clone();
                changed[index] = document;
                all += 1;
                let refused = judge.refuses(kind, &changed.iter().filter(|document| !document.is_null()).cloned().collect::<Vec<_>>());
                match read(&name, &written(&changed)) {
                    Ok(()) => {
                        taken += 1;
                        assert_eq!(refused, None, "{name}{change}: the reader takes it");
                    }
                    Err(violations) if of_shape(&violations) => {
                        shapes += 1;
                        assert!(refused.is_some(), "{name}{change}: the schema takes it, and the reader says\n{violations}");
                    }
                    Err(_) => {}
                }
            }
        }
    }
    assert!(taken > 500 && shapes > 1000, "{all} changes, {taken} taken, {shapes} of wrong shape");
}
