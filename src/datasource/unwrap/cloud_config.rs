//! `#cloud-config`: YAML, or JSON after the first line, of which one key is kubeboot's. The rest is cloud-init's and may be
//! what the document's own reader refuses (anchors, tags), so this one looks at events and takes the one value out.

use granit_parser::{Event, Marker, Parser, ScalarStyle, options};

use super::{KEY, Wrong};
use crate::secret::Secret;

/// What the key holds.
#[derive(Debug)]
pub(super) struct Held {
    /// A scalar's text; of a map, its lines as they are written, without their indentation.
    pub bytes: Secret<Vec<u8>>,
    /// Line of the `#cloud-config` where it begins.
    pub line: usize,
    /// Whether there are other keys beside it.
    pub is_shared: bool,
}

/// Where in the outermost map one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Key,
    /// The value of our key, or of another's.
    Value(bool),
}

/// The value of the key `kubeboot`; `None` if there is no such key.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Held>, Wrong> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        Wrong { line: before.iter().filter(|byte| **byte == b'\n').count() + 1, why: "this is not UTF-8 text".to_owned() }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut held, mut is_shared) = (None, false);
    let mut depth = 0_usize;
    let mut documents = 0_usize;
    let mut awaits = Awaits::Key;
    // Where our map began.
    let mut map: Option<Marker> = None;
    let options = options! { emit_unresolved_aliases: true, simple_key_max_lookahead: 1024 };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) =
            next.map_err(|error| Wrong { line: error.marker().line().max(1), why: format!("this is not YAML: {}", error.info()) })?;
        let wrong = |why: &str| Err(Wrong { line: span.start.line().max(1), why: why.to_owned() });
        // A node that begins at the level of the outermost map's keys and values.
        let ours = depth == 1 && awaits == Awaits::Value(true);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return wrong(
                        "a second YAML document begins here; where the document itself has --- lines, write it as a block (`kubeboot: |`)",
                    );
                }
            }
            Event::Scalar(value, ScalarStyle::Plain, ..) if ours && matches!(&*value, "" | "~" | "null") => {
                return wrong("the key kubeboot is empty");
            }
            Event::Scalar(value, style, ..) if depth == 1 => match awaits {
                Awaits::Key if *value == *KEY && held.is_some() => return wrong("the key kubeboot is there twice"),
                Awaits::Key => {
                    is_shared |= *value != *KEY;
                    awaits = Awaits::Value(*value == *KEY);
                }
                Awaits::Value(true) => {
                    // A block begins, for the parser, with its first line that is not empty.
                    let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                    let empty = value.bytes().take_while(|byte| block && *byte == b'\n').count();
                    let line = span.start.line().saturating_sub(empty).max(1);
                    held = Some(Held { bytes: Secret::new(value.into_owned().into_bytes()), line, is_shared: false });
                    awaits = Awaits::Key;
                }
                Awaits::Value(false) => awaits = Awaits::Key,
            },
            Event::Alias(_) | Event::UnresolvedAlias(_) if ours => return wrong("the document is an alias; write it out"),
            Event::Alias(_) | Event::UnresolvedAlias(_) if depth == 1 => awaits = after(awaits),
            Event::SequenceStart(..) if ours => return wrong("the document is a list; it has to be a map, or a block (`kubeboot: |`)"),
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if ours {
                    map = Some(span.start);
                }
                depth += 1;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    if let Some(start) = map.take() {
                        held = Some(Held { bytes: lines(text, start, span.end), line: start.line(), is_shared: false });
                    }
                    awaits = after(awaits);
                }
            }
            _ => {}
        }
    }
    Ok(held.map(|held| Held { is_shared, ..held }))
}

fn after(awaits: Awaits) -> Awaits {
    match awaits {
        Awaits::Key => Awaits::Value(false),
        Awaits::Value(_) => Awaits::Key,
    }
}

/// The source from `start` to `end`, every line without the indentation that the first one has.
fn lines(text: &str, start: Marker, end: Marker) -> Secret<Vec<u8>> {
    let source = start.byte_offset().zip(end.byte_offset()).and_then(|(start, end)| text.get(start..end)).unwrap_or_default();
    let mut inner = String::with_capacity(source.len());
    for line in source.split_inclusive('\n') {
        let blank = line.bytes().take(start.col()).take_while(|byte| *byte == b' ').count();
        inner.push_str(line.get(blank..).unwrap_or_default());
    }
    Secret::new(inner.into_bytes())
}
