//! `kubeboot.url=URL` and `kubeboot.sha256=HEX` on the kernel's command line: PXE, and whoever edits a boot loader.

use super::{Found, url};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::waiting::Early;

/// Fetches what the command line names, if it names anything.
pub(super) async fn fetch<H: Host>(early: &mut Early<'_, H>, command_line: &str) -> Result<Found, Fault> {
    match read(command_line)? {
        Some(pinned) => url::fetch(early, &pinned, "kubeboot.url= on the kernel's command line").await.map(Found::Document),
        None => Ok(Found::Nothing(vec!["/proc/cmdline: no kubeboot.url=".to_owned()])),
    }
}

/// The URL and its pin, if there is one. As the kernel does, words end at blanks outside double quotes.
///
/// # Errors
/// [`Failure::DocumentSource`] for a URL that may not be used, a malformed digest, a digest alone, or one parameter with two values.
pub fn read(command_line: &str) -> Result<Option<url::Pinned>, Fault> {
    let refuse = |what: &str, advice: &str| {
        Fault::new(Failure::DocumentSource, "the kernel's command line can't be followed", "/proc/cmdline", advice).because(what)
    };
    let words = words(command_line);
    let value = |name: &str| -> Result<Option<&str>, Fault> {
        let mut values = words.iter().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let first = values.next();
        match values.find(|other| Some(*other) != first) {
            Some(_) => Err(refuse(&format!("{name}= is there twice, with different values"), "keep one of them")),
            None => Ok(first),
        }
    };
    match (value("kubeboot.url")?, value("kubeboot.sha256")?) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(refuse("kubeboot.sha256= without kubeboot.url=", "add kubeboot.url=, or remove kubeboot.sha256=")),
        (Some(url), digest) => url::Pinned::new(url, digest).map(Some).map_err(|why| {
            refuse(&why, "write kubeboot.url=https://…, or kubeboot.url=http://… with kubeboot.sha256= and the document's SHA-256")
        }),
    }
}

fn words(command_line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in command_line.chars() {
        match character {
            '"' => quoted = !quoted,
            blank if blank.is_ascii_whitespace() && !quoted => words.push(String::new()),
            other => {
                if let Some(word) = words.last_mut() {
                    word.push(other);
                }
            }
        }
    }
    words
}
