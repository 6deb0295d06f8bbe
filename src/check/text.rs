//! What `check` prints: for people as compilers do, for tools as JSON.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::paragraph;

use super::power::power;
use super::{Checked, Content, Diagnostic, Judged, Severity};

/// Escapes of a terminal: red, yellow, blue, bold, off; all empty where there is none.
struct Colours {
    error: &'static str,
    warning: &'static str,
    note: &'static str,
    bold: &'static str,
    off: &'static str,
}

const COLOURED: Colours =
    Colours { error: "\u{1b}[1;31m", warning: "\u{1b}[1;33m", note: "\u{1b}[1;34m", bold: "\u{1b}[1m", off: "\u{1b}[0m" };
const PLAIN: Colours = Colours { error: "", warning: "", note: "", bold: "", off: "" };

/// For people.
#[must_use]
pub fn human(checked: &Checked, coloured: bool) -> String {
    let colours = if coloured { COLOURED } else { PLAIN };
    let mut out = String::new();
    for diagnostic in &checked.diagnostics {
        one(&mut out, diagnostic, &colours);
    }
    for file in &checked.files {
        let Judged { name, content, .. } = file;
        let words = match content {
            Content::Node(spec) => power(spec),
            Content::Cluster(_) => {
                "who reads it can do nothing with it: it holds no key of the cluster's; who changes it changes what mint makes".to_owned()
            }
            Content::Unread => continue,
        };
        paragraph::write(&mut out, &format!("{}: ", printable(name)), "  ", &format!("{words}."));
    }
    let (errors, warnings) = (checked.count(Severity::Error), checked.count(Severity::Warning));
    let (Colours { bold, off, .. }, files) = (&colours, checked.files.len());
    let _ = writeln!(out, "{bold}{}: {}, {}{off}", counted(files, "file"), counted(errors, "error"), counted(warnings, "warning"));
    out
}

/// False for what would move a terminal's cursor, colour it or turn its direction.
pub(super) fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A name or a sentence as a terminal may see it: the rest is escaped.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) { shown.push(c) } else { shown.extend(c.escape_default()) }
    }
    Cow::Owned(shown)
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn one(out: &mut String, diagnostic: &Diagnostic, colours: &Colours) {
    let severity = diagnostic.rule.severity();
    let colour = match severity {
        Severity::Error => colours.error,
        Severity::Warning => colours.warning,
        Severity::Note => colours.note,
    };
    let (bold, off, note) = (colours.bold, colours.off, colours.note);
    let Diagnostic { rule, file, within, line, column, field, problem, advice, excerpt } = diagnostic;
    let file = if within.is_empty() { file.clone() } else { format!("{file} ({within})") };
    let (file, field, problem, advice) = (printable(&file), printable(field), printable(problem), printable(advice));
    let _ = writeln!(out, "{colour}{}[{}]{off}{bold}: {problem}{off}", severity.name(), rule.name());
    let number = line.to_string();
    let gap = " ".repeat(number.len());
    let place = if excerpt.is_some() { format!("{file}:{line}:{column}") } else { file.into_owned() };
    let at = if field.is_empty() { String::new() } else { format!(" ({field})") };
    let _ = writeln!(out, "{gap}{note}-->{off} {place}{at}");
    if let Some(excerpt) = excerpt {
        let _ = writeln!(out, "{gap} {note}|{off}");
        let _ = writeln!(out, "{note}{number} |{off} {}", excerpt.line);
        let mark = "^".repeat(excerpt.width);
        let _ = writeln!(out, "{gap} {note}|{off} {}{colour}{mark}{off}", " ".repeat(excerpt.before));
    }
    let _ = writeln!(out, "{gap} {note}={off} help: {advice}\n");
}

/// For tools. Fields are only ever added.
#[must_use]
pub fn machine(checked: &Checked) -> String {
    let diagnostics: Vec<Value> = checked
        .diagnostics
        .iter()
        .map(|found| {
            json!({
                "severity": found.rule.severity().name(),
                "rule": found.rule.name(),
                "file": found.file,
                "within": (!found.within.is_empty()).then_some(&found.within),
                "line": found.excerpt.as_ref().map(|_| found.line),
                "column": found.excerpt.as_ref().map(|_| found.column),
                "field": found.field,
                "problem": found.problem,
                "advice": found.advice,
            })
        })
        .collect();
    let files: Vec<Value> = checked
        .files
        .iter()
        .map(|Judged { name, within, content }| {
            let (kind, power) = match content {
                Content::Node(spec) => (Some("Node"), Some(power(spec))),
                Content::Cluster(_) => (Some("Cluster"), None),
                Content::Unread => (None, None),
            };
            json!({"file": name, "within": (!within.is_empty()).then_some(within), "kind": kind, "power": power})
        })
        .collect();
    let whole = json!({
        "errors": checked.count(Severity::Error),
        "warnings": checked.count(Severity::Warning),
        "diagnostics": diagnostics,
        "files": files,
    });
    format!("{whole:#}\n")
}
