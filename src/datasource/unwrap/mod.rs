//! Wrappings: what platforms and their tools put around a document, taken off layer by layer. gzip, base64, MIME and
//! `#cloud-config`, in any order. Pure and bounded: layers, parts, the size of each layer and of all together.
//!
//! Of a MIME multi-part, whose other parts may be another agent's, the document is the part of type `text/x-kubeboot`;
//! without one it is the part that holds a document by its looks: a text with `apiVersion: kubeboot/…`, or a
//! `#cloud-config` with the key `kubeboot`. Two of these are refused.
//!
//! Whatever else user-data can be (a script, `#include`, …) is handed on as it is, and the document's reader names it.

mod cloud_config;
mod encoding;
mod mime;

use super::LIMIT;
use crate::document::sniff::{Guise, guise};
use crate::document::{Disposal, Document};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::secret::Secret;

/// Most layers: gzip in base64 in a part of a multi-part that is itself gzip in base64, and one to spare.
const LAYERS: usize = 6;
/// What all layers, and all parts in which the document may be, may come to together, bytes.
const WORK: usize = 4 * LIMIT;
/// The type of a part that is addressed to kubeboot.
pub const PART_TYPE: &str = "text/x-kubeboot";
/// The key of a `#cloud-config` that is addressed to kubeboot.
pub const KEY: &str = "kubeboot";

/// The document without its wrappings. Lines are counted in what is left; the origin says, in brackets, where in the
/// whole that lies.
///
/// # Errors
/// [`Failure::DocumentWrapping`]: a layer is broken, or no part is kubeboot's; [`Failure::DocumentAmbiguous`]: two are;
/// [`Failure::FileTooLarge`]: it unpacks to more than [`LIMIT`].
pub fn unwrap(document: Document) -> Result<Document, Fault> {
    if !matches!(guise(document.bytes.expose()), Some(Guise::Gzip | Guise::Mime | Guise::CloudConfig | Guise::Base64)) {
        return Ok(document);
    }
    let mut unwrapping = Unwrapping { left: WORK, parts: mime::PARTS, is_shared: false, see: &mut |_| {} };
    let place = Place { origin: &document.origin, way: Vec::new() };
    match unwrapping.peel(document.bytes.expose(), &place, true)? {
        Peeled::Document { bytes, origin } => {
            let disposal = match document.disposal {
                // The rest is another agent's, who needs it at the next boot.
                Disposal::Remove(files) if unwrapping.is_shared => Disposal::Tell(format!(
                    "take kubeboot's part out of {}: it is this machine's document with its secrets, and the rest is another agent's",
                    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
                )),
                other => other,
            };
            Ok(Document { origin, bytes, disposal, instance_id: document.instance_id })
        }
        Peeled::Another(what) => Err(place.broken("the user-data holds no document of kubeboot", ADVICE).because(what)),
    }
}

/// Shows every layer that [`unwrap`] would come by, the outermost first, as far as it can be unwrapped.
pub fn layers(bytes: &[u8], see: &mut dyn FnMut(&[u8])) {
    let place = Place { origin: "", way: Vec::new() };
    // What it comes to, or why it comes to nothing, is not asked for.
    let _ = Unwrapping { left: WORK, parts: mime::PARTS, is_shared: false, see }.peel(bytes, &place, true);
}

const ADVICE: &str =
    "put the document there as it is, as a MIME part of type text/x-kubeboot, or in a #cloud-config under the key kubeboot";

/// Where in the user-data one is.
#[derive(Clone)]
struct Place<'a> {
    origin: &'a str,
    /// The wrappings that were taken off.
    way: Vec<String>,
}

impl Place<'_> {
    fn within(&self, layer: impl Into<String>) -> Self {
        let mut inner = self.clone();
        inner.way.push(layer.into());
        inner
    }

    fn shown(&self) -> String {
        if self.way.is_empty() { self.origin.to_owned() } else { format!("{} ({})", self.origin, self.way.join(", ")) }
    }

    fn broken(&self, what: impl Into<String>, advice: &str) -> Fault {
        Fault::new(Failure::DocumentWrapping, what, self.shown(), advice)
    }
}

/// Why a text can't be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    /// Line of this text, from 1.
    line: usize,
    /// In words.
    why: String,
}

/// What is inside of wrappings.
enum Peeled {
    /// The document and its origin.
    Document { bytes: Secret<Vec<u8>>, origin: String },
    /// Something else, in words.
    Another(String),
}

/// One unwrapping: how much it may still produce.
struct Unwrapping<'s> {
    left: usize,
    /// How many parts of messages it may still look at.
    parts: usize,
    /// Whether something stands beside the document.
    is_shared: bool,
    /// Is shown every layer.
    see: &'s mut dyn FnMut(&[u8]),
}

impl Unwrapping<'_> {
    /// Takes off all layers. `addressed`: nobody but kubeboot is meant, so that whatever is left is the document.
    fn peel(&mut self, bytes: &[u8], place: &Place<'_>, addressed: bool) -> Result<Peeled, Fault> {
        (self.see)(bytes);
        let guise = guise(bytes);
        // A byte order mark is part of no wrapping; the document keeps its own, byte by byte as it came.
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        if place.way.len() >= LAYERS && matches!(guise, Some(Guise::Gzip | Guise::Mime | Guise::CloudConfig | Guise::Base64)) {
            return Err(too_deep(place));
        }
        match guise {
            Some(Guise::Gzip) => {
                let inner = self.decoded(place, |most| encoding::gunzip(bytes, most), "gzip")?;
                self.peel(inner.expose(), &place.within("gzip"), addressed)
            }
            Some(Guise::Base64) => {
                let inner = self.decoded(place, |most| encoding::base64(text, most), "base64")?;
                self.peel(inner.expose(), &place.within("base64"), addressed)
            }
            Some(Guise::Mime) => self.message(text, place),
            Some(Guise::CloudConfig) => self.cloud_config(bytes, place, addressed),
            Some(Guise::Other(words)) if !addressed => Ok(Peeled::Another(words.to_owned())),
            None if !addressed && !is_ours(text) => Ok(Peeled::Another("no document of kubeboot".to_owned())),
            _ if text.trim_ascii().is_empty() => {
                Err(place.broken("there is nothing in here", "wrap the document that `kubeboot mint` wrote"))
            }
            _ => Ok(Peeled::Document { bytes: Secret::new(bytes.to_vec()), origin: place.shown() }),
        }
    }

    /// What a decoder makes, within the bounds.
    fn decoded(
        &mut self,
        place: &Place<'_>,
        decode: impl FnOnce(usize) -> Result<Secret<Vec<u8>>, encoding::Broken>,
        what: &str,
    ) -> Result<Secret<Vec<u8>>, Fault> {
        let most = LIMIT.min(self.left);
        match decode(most) {
            Ok(inner) => {
                self.left = self.left.saturating_sub(inner.expose().len());
                Ok(inner)
            }
            Err(encoding::Broken::TooLarge) => {
                let (what, advice) = match most {
                    LIMIT => (format!("this {what} unpacks to more than {LIMIT} bytes"), "this is no document: look at what was wrapped"),
                    _ => (format!("all that is wrapped here unpacks to more than {WORK} bytes"), "leave other things out of the user-data"),
                };
                Err(Fault::new(Failure::FileTooLarge, what, place.shown(), advice))
            }
            Err(encoding::Broken::Malformed(why)) => Err(place
                .broken(format!("this {what} is broken"), "wrap the document anew; it may have been cut off on the way")
                .because(why)),
        }
    }

    fn cloud_config(&mut self, bytes: &[u8], place: &Place<'_>, addressed: bool) -> Result<Peeled, Fault> {
        let advice = "write the whole document under the key kubeboot, as a block (`kubeboot: |`) or as a map";
        match cloud_config::read(bytes) {
            Ok(Some(held)) => {
                self.left = self.left.saturating_sub(held.bytes.expose().len());
                self.is_shared |= held.is_shared;
                let inner = place.within(format!("#cloud-config, {KEY} from line {}", held.line));
                self.peel(held.bytes.expose(), &inner, true)
            }
            Ok(None) if !addressed => Ok(Peeled::Another(format!("a #cloud-config without the key {KEY}"))),
            Ok(None) => Err(place.broken(format!("this #cloud-config has no key {KEY}"), advice)),
            Err(Wrong { line, why }) => {
                Err(place.within(format!("#cloud-config, line {line}")).broken("this #cloud-config can't be read", advice).because(why))
            }
        }
    }

    fn message(&mut self, bytes: &[u8], place: &Place<'_>) -> Result<Peeled, Fault> {
        let entity = mime::Entity::parse(bytes).map_err(|wrong| unreadable(place, wrong))?;
        self.entity(&entity, place)
    }

    /// A message, or a part that has parts.
    fn entity(&mut self, entity: &mime::Entity<'_>, place: &Place<'_>) -> Result<Peeled, Fault> {
        if place.way.len() >= LAYERS {
            return Err(too_deep(place));
        }
        let parts = match entity.parts().map_err(|wrong| unreadable(place, wrong))? {
            Some(parts) => parts,
            None => return self.part(entity, &place.within("MIME"), entity.media_type == PART_TYPE),
        };
        self.is_shared |= parts.len() > 1;
        self.parts = self.parts.checked_sub(parts.len()).ok_or_else(|| {
            place.broken(format!("there are more than {} MIME parts", mime::PARTS), "leave other things out of the user-data")
        })?;
        let place_of = |number: usize| place.within(format!("MIME part {}", number + 1));
        let addressed: Vec<_> = parts.iter().enumerate().filter(|(_, part)| part.media_type == PART_TYPE).collect();
        match addressed.as_slice() {
            [] => {}
            [(number, part)] => return self.part(part, &place_of(*number), true),
            [(one, _), (other, _), ..] => return Err(two(place, *one, *other)),
        }
        let mut found: Option<(usize, Peeled)> = None;
        let mut others = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let mut note = |what: &str| others.push(format!("part {} ({}): {what}", number + 1, part.media_type));
            let left = self.left;
            let inside = if part.is_multipart() { self.entity(part, &place_of(number)) } else { self.part(part, &place_of(number), false) };
            if !matches!(inside, Ok(Peeled::Document { .. })) {
                // Nothing of it is kept: the next one may come to as much.
                self.left = left;
            }
            match inside {
                Ok(Peeled::Another(what)) => note(&what),
                Ok(document) => match &found {
                    Some((first, _)) => return Err(two(place, *first, number)),
                    None => found = Some((number, document)),
                },
                // Another agent's part may be as it likes, and as large.
                Err(fault) if matches!(fault.failure(), Failure::DocumentWrapping | Failure::FileTooLarge) => note(fault.what()),
                Err(fault) => return Err(fault),
            }
        }
        Ok(found.map_or_else(|| Peeled::Another(others.join("\n")), |(_, document)| document))
    }

    fn part(&mut self, part: &mime::Entity<'_>, place: &Place<'_>, addressed: bool) -> Result<Peeled, Fault> {
        let Some(decode) = mime::transfer_decoder(&part.transfer) else {
            let what = format!("Content-Transfer-Encoding {} is not known", part.transfer);
            return Err(place.broken(what, "write base64, quoted-printable, 7bit or 8bit"));
        };
        let content = self.decoded(place, |most| decode(part.body, most), &part.transfer)?;
        // The type alone makes it one: cloud-init asks for the first line only where there is no type.
        if part.media_type == "text/cloud-config" {
            (self.see)(content.expose());
            return self.cloud_config(content.expose(), place, addressed);
        }
        self.peel(content.expose(), place, addressed)
    }
}

fn too_deep(place: &Place<'_>) -> Fault {
    place.broken(format!("the document is wrapped more than {LAYERS} times"), "wrap it once")
}

fn unreadable(place: &Place<'_>, wrong: Wrong) -> Fault {
    let advice = "make the multi-part anew; it may have been cut off on the way";
    place.within(format!("MIME, line {}", wrong.line)).broken("this MIME message can't be read", advice).because(wrong.why)
}

fn two(place: &Place<'_>, one: usize, other: usize) -> Fault {
    let what = format!("MIME parts {} and {} both are documents of kubeboot", one + 1, other + 1);
    Fault::new(Failure::DocumentAmbiguous, what, place.shown(), "leave one of them")
}

/// A text that says of itself that it is for kubeboot, whichever kind, however wrong otherwise.
fn is_ours(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    if text.trim_start().starts_with('{') {
        let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
        return value.is_some_and(|value| value.get("apiVersion").and_then(|v| v.as_str()).is_some_and(|v| v.starts_with("kubeboot/")));
    }
    text.lines()
        .filter_map(|line| line.strip_prefix("apiVersion:"))
        .any(|v| v.trim_start_matches([' ', '"', '\'']).starts_with("kubeboot/"))
}
