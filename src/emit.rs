//! Writes YAML that a person likes to read: the documents of mint and kubeconfigs.
//!
//! Correct for every value, which is proven by reading back: what could be taken for anything but text is quoted,
//! and a quoted text is ASCII. Why not a crate: those that emit well also quote secrets in their errors or are
//! decoders too; this is one writer into one buffer that can be wiped.

use serde_json::Value;

use crate::paragraph;
use crate::secret::Secret;

/// Larger than any document that mint writes, so that the buffer does not grow and leave a copy of a secret behind.
const CAPACITY: usize = 64 * 1024;

/// A text in the making.
#[derive(Debug)]
pub struct Page {
    text: String,
    depth: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new() -> Self {
        Self { text: String::with_capacity(CAPACITY), depth: 0 }
    }

    /// The text, which may hold secrets.
    #[must_use]
    pub fn finish(self) -> Secret<Vec<u8>> {
        Secret::new(self.text.into_bytes())
    }

    /// A paragraph of comment, wrapped.
    pub fn comment(&mut self, text: &str) {
        paragraph::write(&mut self.text, "# ", "# ", text);
    }

    /// `---`: the next document begins.
    pub fn separator(&mut self) {
        self.text.push_str("---\n");
    }

    /// `key: value`, quoted where needed.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push(' ');
        scalar(&mut self.text, value);
        self.text.push('\n');
    }

    /// `key: "value"`, for values that look odd without quotes.
    pub fn quoted(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push(' ');
        quote(&mut self.text, value);
        self.text.push('\n');
    }

    /// `key: |` and the lines, where a block says the same as the text; quoted otherwise.
    pub fn block(&mut self, key: &str, value: &str) {
        if !fits_block(value) {
            return self.quoted(key, value);
        }
        self.key(key);
        self.text.push_str(" |\n");
        for line in value.lines() {
            self.indent(self.depth);
            // One column is all that a block needs; userdata is small on some platforms.
            self.text.push(' ');
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// `key:` and what `inside` writes, one level deeper; `inside` must write something.
    pub fn section(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.key(key);
        self.text.push('\n');
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    /// One item of a list, inside of a [`Self::section`]: a map with what `inside` writes.
    pub fn item(&mut self, inside: impl FnOnce(&mut Self)) {
        let start = self.text.len();
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        // The first line's indentation is the item's place plus two; its last two columns take the dash.
        let dash = start + 2 * self.depth;
        if self.text.get(dash..dash + 2) == Some("  ") {
            self.text.replace_range(dash..dash + 2, "- ");
        }
    }

    /// `key:` and any JSON value that holds no secret.
    pub fn value(&mut self, key: &str, value: &Value) {
        match value {
            Value::Object(map) if !map.is_empty() => self.section(key, |page| page.fields(value)),
            Value::Array(items) if !items.is_empty() => self.section(key, |page| page.list(items)),
            Value::String(text) if text.contains('\n') => self.block(key, text),
            other => {
                self.key(key);
                self.text.push(' ');
                leaf(&mut self.text, other);
                self.text.push('\n');
            }
        }
    }

    /// The fields of a JSON object, at this level; nothing for any other value.
    pub fn fields(&mut self, object: &Value) {
        for (key, value) in object.as_object().into_iter().flatten() {
            self.value(key, value);
        }
    }

    fn list(&mut self, items: &[Value]) {
        for item in items {
            if item.as_object().is_some_and(|map| !map.is_empty()) {
                self.item(|page| page.fields(item));
            } else {
                self.indent(self.depth);
                self.text.push_str("- ");
                leaf(&mut self.text, item);
                self.text.push('\n');
            }
        }
    }

    fn key(&mut self, key: &str) {
        self.indent(self.depth);
        scalar(&mut self.text, key);
        self.text.push(':');
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.text.push_str("  ");
        }
    }
}

/// A value on one line: scalars, and lists and maps in flow style.
fn leaf(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => scalar(out, text),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                flow(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (n, (key, item)) in map.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                quote(out, key);
                out.push_str(": ");
                flow(out, item);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

/// Inside of brackets every text is quoted: commas and brackets mean something there.
fn flow(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => quote(out, text),
        other => leaf(out, other),
    }
}

/// A text, without quotes where nobody could take it for anything else.
fn scalar(out: &mut String, text: &str) {
    if is_plain(text) { out.push_str(text) } else { quote(out, text) }
}

/// True for texts that every reader of YAML 1.1 and 1.2 takes for text: no number, time, truth value or null (those of
/// YAML 1.1, which Kubernetes' reader follows, included), no indicator at the start, no `: ` or ` #` inside.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._/:=+@-".contains(&b);
    let begins = match text.bytes().next() {
        Some(first) if first.is_ascii_alphabetic() || first == b'/' => true,
        // A network is no number: no number has a slash.
        Some(first) => first.is_ascii_digit() && text.contains('/'),
        None => false,
    };
    begins && text.bytes().all(allowed) && !text.ends_with(':') && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// A double-quoted text in ASCII; YAML's escapes, which are JSON's for everything in the basic plane.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
}

/// A block keeps lines of printable ASCII that end in exactly one line end and don't begin with a space.
fn fits_block(text: &str) -> bool {
    text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b))
        && text.lines().all(|line| !line.ends_with(' '))
}
