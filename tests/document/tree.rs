//! The spanned tree: places, plain and quoted, both syntaxes.

use kubeboot::document::Violation;
use kubeboot::document::tree::{self, DEPTH_LIMIT, Entry, Node, Place, Tree};

fn parse(bytes: &[u8]) -> Result<Vec<Tree>, Vec<Violation>> {
    let parsed = tree::parse(bytes, tree::DOCUMENT);
    if parsed.violations.is_empty() { Ok(parsed.documents) } else { Err(parsed.violations) }
}

fn entries(tree: &Tree) -> &[Entry] {
    match &tree.node {
        Node::Map(entries) => entries,
        other => panic!("not a map: {other:?}"),
    }
}

fn scalar(tree: &Tree) -> (&str, bool) {
    match &tree.node {
        Node::Scalar { text, plain } => (text.expose(), *plain),
        other => panic!("not a scalar: {other:?}"),
    }
}

const fn place(line: usize, column: usize) -> Place {
    Place { line, column }
}

#[test]
fn every_node_knows_its_place_and_every_scalar_its_style() {
    let trees = parse("a: plain\nb:\n  - 'single'\n  - \"dou\\tble\"\nc: |\n  block\n  text\nü: {d: e}\n".as_bytes()).unwrap();
    let [tree] = trees.as_slice() else { panic!("{trees:?}") };
    let map = entries(tree);
    assert_eq!(map.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "ü"]);
    assert_eq!(map.iter().map(|entry| entry.place).collect::<Vec<_>>(), [place(1, 1), place(2, 1), place(5, 1), place(8, 1)]);
    assert_eq!((scalar(&map[0].value), map[0].value.place), (("plain", true), place(1, 4)));
    let Node::List(items) = &map[1].value.node else { panic!("not a list") };
    assert_eq!((scalar(&items[0]), items[0].place), (("single", false), place(3, 5)));
    assert_eq!((scalar(&items[1]), items[1].place), (("dou\tble", false), place(4, 5)));
    assert_eq!(scalar(&map[2].value), ("block\ntext\n", false));
    let inner = entries(&map[3].value);
    assert_eq!((inner[0].place, inner[0].value.place), (place(8, 5), place(8, 8)));
}

#[test]
fn json_is_read_too() {
    let trees = parse(b"{\n\t\"a\": [1, \"2\", null],\r\n\t\"b\\u00e4\": {\"c\\/d\": true}\n}\n").unwrap();
    let map = entries(&trees[0]);
    assert_eq!((map[0].key.as_str(), map[0].place, map[0].plain), ("a", place(2, 2), false));
    let Node::List(items) = &map[0].value.node else { panic!("not a list") };
    assert_eq!(items.iter().map(scalar).collect::<Vec<_>>(), [("1", true), ("2", false), ("null", true)]);
    assert_eq!(map[1].key, "bä");
    assert_eq!(entries(&map[1].value)[0].key, "c/d");
}

#[test]
fn documents_are_told_apart_and_empty_ones_left_out() {
    let trees = parse(b"---\n---\na: 1\n...\n---\n# nothing\n---\nb: 2\n---\n").unwrap();
    assert_eq!(trees.iter().map(|tree| entries(tree)[0].key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(trees.iter().map(|tree| tree.place.line).collect::<Vec<_>>(), [3, 8]);
    assert_eq!(parse(b"").unwrap(), []);
}

#[test]
fn line_ends_and_byte_order_mark_do_not_matter() {
    let unix = parse(b"a: |\n  x\n  y\nb: c\n").unwrap();
    assert_eq!(parse(b"a: |\r\n  x\r\n  y\r\nb: c\r\n").unwrap(), unix);
    assert_eq!(parse("\u{feff}a: |\n  x\n  y\nb: c\n".as_bytes()).unwrap(), unix);
}

#[test]
fn nesting_is_bounded() {
    let deep = |depth: usize| parse(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
    assert!(deep(DEPTH_LIMIT).is_ok());
    assert!(deep(DEPTH_LIMIT + 1).unwrap_err()[0].problem.contains("nested deeper than 64"));
    assert!(deep(100_000).is_err());
    let blocks: String = (0..70).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(parse(blocks.as_bytes()).unwrap_err()[0].problem.contains("nested deeper than 64"));
}

#[test]
fn an_alias_bomb_is_refused_without_being_expanded() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let before = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", ")));
    }
    let violations = parse(text.as_bytes()).unwrap_err();
    assert!(violations.iter().any(|violation| violation.problem.contains("anchor")));
    assert!(violations.iter().any(|violation| violation.problem.contains("alias")));
}

#[test]
fn a_scalar_is_not_shown_by_debug() {
    let trees = parse(b"key: hunter2\n").unwrap();
    assert!(!format!("{trees:?}").contains("hunter2"));
}
