//! A document as mint made it, but for one field.

use crate::outcome::{Outcome, While};

/// The field named `key`, of which there has to be one, says `value`; PEM becomes a block.
pub fn with(document: &[u8], key: &str, value: &str) -> Outcome<Vec<u8>> {
    replace(document, key, |indent| match value.contains('\n') {
        true => value.lines().fold(format!("{indent}{key}: |\n"), |text, line| format!("{text}{indent}  {line}\n")),
        false => format!("{indent}{key}: \"{value}\"\n"),
    })
}

/// Without that field.
pub fn without(document: &[u8], key: &str) -> Outcome<Vec<u8>> {
    replace(document, key, |_| String::new())
}

fn replace(document: &[u8], key: &str, new: impl Fn(&str) -> String) -> Outcome<Vec<u8>> {
    let text = std::str::from_utf8(document).whilst("a minted document")?;
    let (mut result, mut found, mut inside) = (String::new(), 0, None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if inside.is_some_and(|of| indent > of) {
            continue;
        }
        inside = None;
        if line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) {
            found += 1;
            inside = Some(indent);
            result.push_str(&new(&line[..indent]));
        } else {
            result.push_str(line);
            result.push('\n');
        }
    }
    if found == 1 { Ok(result.into_bytes()) } else { Err(format!("the minted document has {found} fields {key}, not one")) }
}
