//! What is written is what is read back, for every value, by kubeboot's own reader (and mint's tests ask kubectl).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kubeboot::document::tree::{self, Node, Tree};
use kubeboot::emit::Page;
use serde_json::{Map, Value, json};

/// A tree as JSON, by the rule of YAML 1.2's core schema for what the writer leaves unquoted.
fn to_json(tree: &Tree) -> Value {
    match &tree.node {
        Node::Scalar { text, plain: false } => Value::String(text.expose().clone()),
        Node::Scalar { text, plain: true } => serde_json::from_str(text.expose()).unwrap_or_else(|_| Value::String(text.expose().clone())),
        Node::List(items) => Value::Array(items.iter().map(to_json).collect()),
        Node::Map(entries) => Value::Object(entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value))).collect()),
    }
}

fn written(write: impl FnOnce(&mut Page)) -> String {
    let mut page = Page::new();
    write(&mut page);
    String::from_utf8(page.finish().expose().clone()).unwrap()
}

fn read(text: &str) -> Value {
    let parsed = tree::parse(text.as_bytes(), tree::DOCUMENT);
    assert!(parsed.violations.is_empty(), "{:?}\n{text}", parsed.violations);
    let trees = parsed.documents;
    assert_eq!(trees.len(), 1, "{text}");
    to_json(&trees[0])
}

/// Texts that YAML writers get wrong, and every single character of the first planes.
fn awkward() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "a b",
        " a",
        "a ",
        "a: b",
        "a:",
        ":a",
        "a #b",
        "#a",
        "-",
        "- a",
        "-a",
        "?",
        "? a",
        "!a",
        "&a",
        "*a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "\"a\"",
        "'a'",
        "{a}",
        "[a]",
        "a, b",
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "N",
        "true",
        "False",
        "null",
        "Null",
        "~",
        "0",
        "1",
        "-1",
        "+1",
        "0644",
        "0o17",
        "0x1f",
        "1_000",
        "1.10",
        "1e3",
        ".5",
        ".inf",
        ".nan",
        "1:30",
        "190:20:30",
        "2026-11-24",
        "2026-11-24T10:00:00Z",
        "10.0.0.0/16",
        "10.0.0.1:6443",
        "fd00::/64",
        "::1/128",
        "[fd00::1]:6443",
        "a\nb",
        "a\nb\n",
        "\na\n",
        " a\nb\n",
        "a\n\n",
        "a \nb\n",
        "a\n b\n",
        "a\n\nb\n",
        "---\n",
        "...\n",
        "---",
        "...",
        "%YAML 1.2\n",
        "a\tb",
        "\t",
        "a\r\nb\r\n",
        "# a\n",
        "<<",
        "=",
        "é",
        "日本",
        "😀",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "\\",
        "\\n",
        "\\u0041",
        "a\\",
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .collect();
    texts.extend((1..0x3000).filter_map(char::from_u32).map(|c| c.to_string()));
    texts.extend((1..0x100).filter_map(char::from_u32).flat_map(|c| [format!("a{c}"), format!("{c}a"), format!("a{c}a\n")]));
    texts.push("x".repeat(5000));
    texts
}

#[test]
fn every_text_is_read_back() {
    for text in awkward() {
        for way in [Page::text, Page::quoted, Page::block] {
            let page = written(|page| page.section("outer", |page| way(page, "key", &text)));
            assert_eq!(read(&page), json!({"outer": {"key": text}}), "{page}");
        }
    }
}

#[test]
fn every_key_is_read_back() {
    for key in awkward().into_iter().filter(|key| key != "<<" && key.len() < 1000) {
        let page = written(|page| page.text(&key, "value"));
        assert_eq!(read(&page), json!({ key: "value" }), "{page}");
    }
}

#[test]
fn every_json_value_is_read_back() {
    let mut many = Map::new();
    for (n, text) in awkward().into_iter().enumerate().filter(|(n, _)| n % 37 == 0 || *n < 90) {
        many.insert(format!("k{n}"), json!([text, {"a": text, "b": [text]}, [text, [text, {"c": text}]]]));
    }
    let values = [
        json!({"empty": {}, "none": [], "null": null, "yes": true, "no": false, "int": -5, "big": 18_446_744_073_709_551_615_u64, "float": 1.5}),
        json!({"list": [1, "1", true, "true", null, "null", {}, [], [[]], [{}], {"a": {}}, {"a": []}]}),
        json!({"deep": [{"a": [{"b": [{"c": "d"}, {"e": {"f": "g"}}]}], "h": "i"}], "after": 1}),
        json!({"extraArgs": [{"name": "v", "value": "2"}, {"name": "profiling", "value": "false"}], "text": "line one\nline two\n"}),
        Value::Object(many),
    ];
    for value in values {
        let page = written(|page| page.fields(&value));
        assert_eq!(read(&page), value, "{page}");
        let page = written(|page| page.value("below", &value));
        assert_eq!(read(&page), json!({ "below": value }), "{page}");
    }
}

#[test]
fn a_page_looks_like_a_persons() {
    let page = written(|page| {
        page.comment(
            "A sentence that is long enough to be broken, because nobody reads lines that have more than a hundred characters in them.",
        );
        page.text("kind", "Node");
        page.section("networking", |page| page.text("podSubnet", "10.244.0.0/16"));
        page.value("taints", &json!([{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}]));
        page.section("users", |page| page.item(|page| page.section("user", |page| page.block("pem", "one\ntwo\n"))));
        page.separator();
        page.text("version", "1.10");
    });
    let expected = "\
# A sentence that is long enough to be broken, because nobody reads lines that have more than a
# hundred characters in them.
kind: Node
networking:
  podSubnet: 10.244.0.0/16
taints:
  - key: dedicated
    value: gpu
    effect: NoSchedule
  - key: a
    effect: NoExecute
users:
  - user:
      pem: |
       one
       two
---
version: \"1.10\"
";
    assert_eq!(page, expected);
}
