//! Datasources: where a machine finds its document. Each has one file with a `fetch` that asks the [`Host`] and a pure
//! `read` of what came; [`find`] is the only place that chooses.
//!
//! The order, and why:
//! 1. **Told** (`--datasource`): that one alone. Somebody typed it.
//! 2. What is addressed to kubeboot by name: `/etc/kubeboot/node.yaml` (or `.json`), the credential `kubeboot.node` and
//!    `kubeboot.url=` on the kernel's command line. Two of these contradict each other, and a machine that is told two things
//!    must not guess which cluster it belongs to: refused, naming both.
//! 3. What is addressed to whoever reads it: the NoCloud seed folder, then the NoCloud drive. These may hold another
//!    agent's user-data, so they come last; but they are not searched for one of ours: what is there is the document,
//!    and its reader says what is wrong with a `#cloud-config`. A seed folder beats the drive, being the more local
//!    (cloud-init, which merges the two, lets the drive win; one of them is what anybody has).
//!
//! Wherever it comes from, [`unwrap`] takes off what platforms and their tools put around it.
//!
//! A drive may show up late (udev), so the local places are asked again for [`PATIENCE`] before giving up.
//!
//! Adding one: its file, a variant and its arms here (the compiler shows each), a fixture under
//! `tests/fixtures/datasource/`, a row in the README.

pub mod cmdline;
pub mod credential;
pub mod file;
pub mod nocloud;
pub mod unwrap;
pub mod url;

use std::path::PathBuf;
use std::time::Duration;

use crate::backoff;
use crate::document::Document;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Host, shown_url};
use crate::waiting::{Early, Look};

/// A document larger than this is none: platforms allow 16 KiB to 256 KiB of user-data.
pub const LIMIT: usize = 1024 * 1024;
/// How long local places are asked again: udev has settled long before on any machine, but nothing waits for it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One kind of place. Closed: the binary knows all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datasource {
    /// `/etc/kubeboot/node.yaml` or `node.json`.
    File,
    /// Credential `kubeboot.node` of the unit.
    Credential,
    /// `kubeboot.url=` on the kernel's command line.
    CommandLine,
    /// NoCloud seed folder below `/var/lib/cloud/seed`.
    Seed,
    /// NoCloud drive, found by its label.
    Drive,
}

/// What one place had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A document.
    Document(Document),
    /// None; each line names a place and says what was there instead.
    Nothing(Vec<String>),
}

impl Datasource {
    /// All, in the order in which they are asked.
    pub const ALL: [Self; 5] = [Self::File, Self::Credential, Self::CommandLine, Self::Seed, Self::Drive];

    /// The name in messages and in the fixtures' folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Credential => "credential",
            Self::CommandLine => "cmdline",
            Self::Seed => "seed",
            Self::Drive => "drive",
        }
    }

    async fn fetch<H: Host>(self, early: &mut Early<'_, H>, facts: &Facts) -> Result<Found, Fault> {
        let host = early.host;
        match self {
            Self::File => file::fetch(host).await,
            Self::Credential => credential::fetch(host).await,
            Self::CommandLine => cmdline::fetch(early, &facts.command_line).await,
            Self::Seed => nocloud::fetch_seed(host).await,
            Self::Drive => nocloud::fetch_drive(host).await,
        }
    }
}

/// The one datasource that `--datasource` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// `file:PATH`: the document itself.
    File(PathBuf),
    /// `nocloud:FOLDER`: a folder with `user-data` and perhaps `meta-data`.
    NoCloud(PathBuf),
    /// `url:URL` or `url:URL#sha256=HEX`.
    Url(url::Pinned),
}

impl Told {
    /// Reads the option's value.
    ///
    /// # Errors
    /// [`Failure::CommandLine`] for any other form.
    pub fn parse(value: &str) -> Result<Self, Fault> {
        let usage = |why: &str| {
            Fault::new(
                Failure::CommandLine,
                "this is no datasource",
                format!("--datasource {}", shown_url(value)),
                "write file:/PATH, nocloud:/FOLDER, url:https://… or url:http://…#sha256=64-HEX-DIGITS",
            )
            .because(why)
        };
        let (kind, rest) = value.split_once(':').ok_or_else(|| usage("there is no colon in it"))?;
        let absolute = || Some(PathBuf::from(rest)).filter(|p| p.is_absolute()).ok_or_else(|| usage("the path has to begin with /"));
        match kind {
            "file" => absolute().map(Self::File),
            "nocloud" => absolute().map(Self::NoCloud),
            "url" => {
                let (url, digest) = rest.split_once("#sha256=").map_or((rest, None), |(url, digest)| (url, Some(digest)));
                url::Pinned::new(url, digest).map(Self::Url).map_err(|why| usage(&why))
            }
            _ => Err(usage("its kind is none of file, nocloud, url")),
        }
    }
}

/// The document of this machine, unwrapped. `told` is the value of `--datasource`; `None` asks every place in the order above.
///
/// # Errors
/// [`Failure::CommandLine`] for a malformed `told`; an input failure if no place has a document (all are listed), if two
/// contradict, if what was fetched is not what was pinned, or if it can't be unwrapped; [`Failure::DocumentUnfetchable`] if
/// a network place did not answer in [`url::PATIENCE`]; the host's own faults.
pub async fn find<H: Host>(early: &mut Early<'_, H>, told: Option<&str>, facts: &Facts) -> Result<Document, Fault> {
    unwrap::unwrap(choose(early, told, facts).await?)
}

async fn choose<H: Host>(early: &mut Early<'_, H>, told: Option<&str>, facts: &Facts) -> Result<Document, Fault> {
    if let Some(told) = told {
        return match Told::parse(told)? {
            Told::File(path) => file::fetch_told(early.host, &path).await,
            Told::NoCloud(folder) => nocloud::fetch_told(early.host, &folder).await,
            Told::Url(pinned) => url::fetch(early, &pinned, "--datasource").await,
        };
    }
    let mut looked = Vec::new();
    let found = early.until("a document in one of the datasources", backoff::LOCAL, PATIENCE, async |early| {
        looked = Vec::new();
        for source in Datasource::ALL {
            match source.fetch(early, facts).await? {
                Found::Document(document) => {
                    refuse_two(early.host, source, &document, facts).await?;
                    return Ok(Look::Yes(document));
                }
                Found::Nothing(lines) => looked.extend(lines),
            }
        }
        Ok(Look::NotYet(Failure::NoDocument.seen(looked.join("; "))))
    });
    let found = found.await;
    match found {
        Err(fault) if fault.failure() == Failure::NoDocument => Err(nothing(&looked)),
        other => other,
    }
}

/// What is addressed to kubeboot by name must not be there twice; those that are asked earlier have nothing.
async fn refuse_two<H: Host>(host: &H, source: Datasource, document: &Document, facts: &Facts) -> Result<(), Fault> {
    let mut places = vec![document.origin.clone()];
    if source == Datasource::File
        && let Found::Document(other) = credential::fetch(host).await?
    {
        places.push(other.origin);
    }
    if matches!(source, Datasource::File | Datasource::Credential)
        && let Some(pinned) = cmdline::read(&facts.command_line)?
    {
        places.push(format!("kubeboot.url={} on the kernel's command line", pinned.shown()));
    }
    if places.len() == 1 {
        return Ok(());
    }
    Err(Fault::new(
        Failure::DocumentAmbiguous,
        "this machine is told two things",
        places.join(" and "),
        "remove one of them, or say which with --datasource",
    ))
}

fn nothing(looked: &[String]) -> Fault {
    Fault::new(
        Failure::NoDocument,
        "this machine has no document: no datasource holds one",
        "datasources, in the order asked",
        "put the document that `kubeboot mint` wrote for this machine in one of these places, or say where it is with --datasource",
    )
    .because(looked.join("\n"))
}
