//! Paragraphs: no line is too long, and no word is lost.
#![allow(clippy::unwrap_used, missing_docs)]

use kubeboot::paragraph::write;

fn written(first: &str, next: &str, text: &str) -> String {
    let mut out = String::new();
    write(&mut out, first, next, text);
    out
}

#[test]
fn a_line_takes_what_fits_and_no_more() {
    for length in 90..110 {
        let text = format!("{} b", "a".repeat(length));
        let lines = written("- ", "  ", &text);
        // Two columns, the word, a space, a letter.
        let expected = if length + 4 <= 100 { format!("- {text}\n") } else { format!("- {}\n  b\n", "a".repeat(length)) };
        assert_eq!(lines, expected);
    }
}

#[test]
fn words_stay_in_their_order_whatever_is_between_them() {
    let text = "one  two\nthree\t".repeat(40);
    let lines = written("1. ", "   ", &text);
    assert!(lines.lines().all(|line| line.chars().count() <= 100) && lines.lines().count() > 4, "{lines}");
    assert!(lines.lines().skip(1).all(|line| line.starts_with("   ") && !line.starts_with("    ")), "{lines}");
    let words: Vec<&str> = lines.strip_prefix("1. ").unwrap().split_whitespace().collect();
    assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
    // Characters are counted, not bytes.
    assert_eq!(written("", "", &"é".repeat(100)).lines().count(), 1);
    assert_eq!(written("", "", &format!("{} é", "é".repeat(98))).lines().count(), 1);
    assert_eq!(written("# ", "# ", ""), "# \n");
}
