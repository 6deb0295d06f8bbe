//! MIME messages, as cloud-init's tools and Terraform's `cloudinit_config` write them (RFC 2045, 2046): headers, a
//! boundary, parts with headers of their own. No comments in headers, no encoded words: nobody writes those here.

use super::Wrong;
use super::encoding::{self, Broken};
use crate::secret::Secret;

/// Most parts.
pub(super) const PARTS: usize = 100;

/// A message, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity<'a> {
    /// `text/plain` and such, lower case; printable.
    pub media_type: String,
    /// Content-Transfer-Encoding, lower case.
    pub transfer: String,
    boundary: Option<String>,
    /// What follows the headers.
    pub body: &'a [u8],
    /// Line of the whole message where the body begins.
    line: usize,
}

/// How a part's bytes are read.
pub(super) type Decoder = fn(&[u8], usize) -> Result<Secret<Vec<u8>>, Broken>;

/// The decoder of a Content-Transfer-Encoding.
pub(super) fn transfer_decoder(name: &str) -> Option<Decoder> {
    match name {
        "7bit" | "8bit" | "binary" => Some(encoding::identity),
        "base64" => Some(encoding::base64),
        "quoted-printable" => Some(encoding::quoted_printable),
        _ => None,
    }
}

impl<'a> Entity<'a> {
    /// Reads a message's headers.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Wrong> {
        Self::at(bytes, 1)
    }

    fn at(bytes: &'a [u8], first_line: usize) -> Result<Self, Wrong> {
        let mut rest = bytes;
        let mut line = first_line;
        let mut fields: Vec<String> = Vec::new();
        // A part without headers begins with an empty line; before a whole message empty lines mean nothing.
        let mut begun = first_line > 1;
        while !rest.is_empty() {
            let (text, after) = next_line(rest);
            rest = after;
            line += 1;
            let Ok(text) = std::str::from_utf8(text) else {
                return Err(Wrong { line: line - 1, why: "a header is not text".to_owned() });
            };
            if text.trim().is_empty() {
                if begun {
                    break;
                }
                continue;
            }
            begun = true;
            match fields.last_mut() {
                Some(field) if text.starts_with([' ', '\t']) => field.push_str(text),
                // The envelope line of mbox, which Python's own writer puts first.
                None if text.starts_with("From ") => {}
                _ if text.contains(':') => fields.push(text.to_owned()),
                _ => {
                    let why = "this line is no header; an empty line has to follow the headers".to_owned();
                    return Err(Wrong { line: line - 1, why });
                }
            }
        }
        let value = |name: &str| {
            let named = |field: &&String| field.split_once(':').is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            fields.iter().find(named).and_then(|field| field.split_once(':')).map(|(_, value)| value.trim())
        };
        let content_type = value("Content-Type").unwrap_or("text/plain");
        let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let transfer = value("Content-Transfer-Encoding").unwrap_or("7bit");
        Ok(Self {
            media_type: word(media_type),
            transfer: word(transfer),
            boundary: parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty()),
            body: rest,
            line,
        })
    }

    /// True if it has parts.
    pub(super) fn is_multipart(&self) -> bool {
        self.media_type.starts_with("multipart/")
    }

    /// Its parts; `None` if it has none by its type.
    pub(super) fn parts(&self) -> Result<Option<Vec<Self>>, Wrong> {
        if !self.is_multipart() {
            return Ok(None);
        }
        let Some(boundary) = &self.boundary else {
            return Err(Wrong { line: self.line, why: format!("{} has no boundary", self.media_type) });
        };
        let mut parts = Vec::new();
        // Offset and line where the open part begins.
        let mut open: Option<(usize, usize)> = None;
        let (mut offset, mut line) = (0, self.line);
        while let Some(rest) = self.body.get(offset..).filter(|rest| !rest.is_empty()) {
            let (text, after) = next_line(rest);
            let next = self.body.len() - after.len();
            let mark = text.strip_prefix(b"--").and_then(|text| text.strip_prefix(boundary.as_bytes())).map(<[u8]>::trim_ascii_end);
            if let Some(end @ (b"" | b"--")) = mark {
                if let Some((start, first_line)) = open {
                    let part = self.body.get(start..offset).unwrap_or_default();
                    parts.push(Self::at(without_line_end(part), first_line)?);
                }
                if parts.len() > PARTS {
                    return Err(Wrong { line, why: format!("there are more than {PARTS} parts") });
                }
                if !end.is_empty() {
                    return Ok(Some(parts));
                }
                open = Some((next, line + 1));
            }
            offset = next;
            line += 1;
        }
        let why = match open {
            Some(_) => "the boundary that closes the message is missing: it was cut off",
            None => "the boundary that the headers announce is nowhere",
        };
        Err(Wrong { line, why: why.to_owned() })
    }
}

/// A line without its end, and what follows.
fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, rest) = end.and_then(|end| bytes.split_at_checked(end + 1)).unwrap_or((bytes, &[]));
    (without_line_end(line), rest)
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// A word for comparison and for messages.
fn word(text: &str) -> String {
    text.trim().chars().filter(char::is_ascii_graphic).take(80).collect::<String>().to_ascii_lowercase()
}

/// A parameter of a header's value, its quotes taken off.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
            Some(quoted) => unquote(quoted),
        };
        if key.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
}

/// Up to the closing quote, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}
