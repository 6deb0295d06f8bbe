//! What the command line names, read: documents, folders of them, standard input, and what mint puts beside documents.
//! What can't be read is told as everything else is, and keeps nothing else from being judged.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::check::{self, Companions, Diagnostic, Input, ManifestAtHand, Rule};
use crate::cni;
use crate::datasource::credential;
use crate::digest;
use crate::document::spec::CniChoice;
use crate::document::tree;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::host::local::LocalHost;
use crate::mint::{BUNDLE_FILE, KEY_FILE, PKI_FOLDER};
use crate::paths::FLANNEL_MANIFEST;
use crate::secret::Secret;

/// Most documents of one call: a folder with more was not meant.
const DOCUMENTS: usize = 1000;
/// How many folders below the one that is named are read: mint's `nocloud/worker/user-data` lies two below.
const DEPTH: usize = 2;
/// Endings of documents, bare or in mint's renderings. A file of another name is looked at only if it is named itself.
const ENDINGS: [&str; 4] = ["yaml", "yml", "json", "mime"];
/// Names of documents without an ending: NoCloud's, and the credential's.
const NAMES: [&str; 2] = ["user-data", credential::NAME];
/// flannel's manifest, as images have it and as flannel ships it.
const FLANNEL_NAMES: [&str; 2] = ["flannel.yaml", "kube-flannel.yml"];
/// What standard input is called.
const STANDARD_INPUT: &str = "<stdin>";

/// All that was read, and what could not be.
#[derive(Default)]
pub(super) struct Found {
    pub inputs: Vec<Input>,
    pub companions: Vec<Companions>,
    pub told: Vec<Diagnostic>,
    /// What is named twice, or lies in two folders that are one, is judged once: files and folders by their true paths.
    known: BTreeSet<PathBuf>,
}

impl Found {
    /// Reads all that is named.
    ///
    /// # Errors
    /// [`Failure::CommandLine`]: standard input is named twice; too many documents.
    pub(super) async fn read(host: &LocalHost, named: &[PathBuf]) -> Result<Self, Fault> {
        let is_standard_input = |path: &Path| path.as_os_str() == "-";
        if named.iter().filter(|path| is_standard_input(path)).count() > 1 {
            let advice = "write - once; what comes after the first document on standard input would be a part of it";
            return Err(Fault::new(Failure::CommandLine, "standard input is named twice, and can be read once", "- -", advice));
        }
        let mut found = Self::default();
        for path in named {
            if is_standard_input(path) {
                found.standard_input();
            } else if found.is_known(path) {
                continue;
            } else if path.is_dir() {
                if found.folder(host, path, DEPTH).await? == 0 {
                    found.told.push(check::empty(&path.display().to_string()));
                }
            } else {
                match regular(host, path, tree::DOCUMENT.size).await {
                    Ok(bytes) => found.add(path, bytes)?,
                    Err(fault) => found.told.push(unreadable(path, &fault)),
                }
            }
        }
        let folders: BTreeSet<String> = found.inputs.iter().map(|input| input.folder.clone()).collect();
        for folder in folders {
            found.beside(host, folder).await;
        }
        Ok(found)
    }

    fn standard_input(&mut self) {
        let limit = tree::DOCUMENT.size;
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes);
        let bytes = Secret::new(bytes);
        let (problem, advice) = match read {
            Ok(length) if length <= limit => {
                let (name, folder) = (STANDARD_INPUT.to_owned(), STANDARD_INPUT.to_owned());
                self.inputs.push(Input { name, folder, bytes });
                return;
            }
            Ok(_) => {
                (format!("standard input is larger than {limit} bytes"), "a document has some kilobytes: look at what is written there")
            }
            Err(error) => (format!("standard input can't be read: {error}"), "name a file instead"),
        };
        self.told.push(check::unreadable(STANDARD_INPUT, problem, advice));
    }

    /// Whether this was met before, by whichever name.
    fn is_known(&mut self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|path| !self.known.insert(path))
    }

    fn add(&mut self, path: &Path, bytes: Secret<Vec<u8>>) -> Result<(), Fault> {
        if self.inputs.len() >= DOCUMENTS {
            let what = format!("there are more than {DOCUMENTS} documents");
            let at = check::text::printable(&path.display().to_string()).into_owned();
            return Err(Fault::new(Failure::CommandLine, what, at, "name fewer files and folders"));
        }
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = absolute.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        self.inputs.push(Input { name: path.display().to_string(), folder, bytes });
        Ok(())
    }

    /// The documents of a folder and of the folders in it, as deep as this: how many there are.
    async fn folder(&mut self, host: &LocalHost, path: &Path, deeper: usize) -> Result<usize, Fault> {
        let names = fs::read_dir(path).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect());
        let mut names: Vec<_> = match names {
            Ok(names) => names,
            Err(error) => {
                let problem = format!("the folder can't be read: {error}");
                self.told.push(check::unreadable(&path.display().to_string(), problem, "look at its owner and its mode"));
                return Ok(1);
            }
        };
        // Files first: they are called by their own names, not by those that a link in a folder gives them.
        names.sort_by_cached_key(|name| (path.join(name).is_dir(), name.clone()));
        let mut count = 0;
        for name in names {
            let below = path.join(&name);
            if below.is_dir() {
                if deeper > 0 && name != PKI_FOLDER && !self.is_known(&below) {
                    count += Box::pin(self.folder(host, &below, deeper - 1)).await?;
                }
                continue;
            }
            if !is_candidate(&name) {
                continue;
            }
            if self.is_known(&below) {
                count += 1;
                continue;
            }
            match regular(host, &below, tree::DOCUMENT.size).await {
                Ok(bytes) if !check::is_document(&bytes) => self.told.push(check::skipped(&below.display().to_string())),
                Ok(bytes) => {
                    count += 1;
                    self.add(&below, bytes)?;
                }
                // Manifests and states of other programs may be as large as they like.
                Err(fault) if fault.failure() == Failure::FileTooLarge => self.told.push(check::skipped(&below.display().to_string())),
                Err(fault) => {
                    count += 1;
                    self.told.push(unreadable(&below, &fault));
                }
            }
        }
        Ok(count)
    }

    /// What documents speak of and lies beside them, or, for a CNI's manifest, where it lies in an image: this may be one.
    async fn beside(&mut self, host: &LocalHost, folder: String) {
        let mut found = Companions { folder, bundle: None, key: None, manifests: Vec::new() };
        // Beside standard input lies nothing.
        let beside = Some(PathBuf::from(&found.folder)).filter(|folder| folder.is_absolute());
        if let Some(beside) = &beside {
            found.bundle = self.companion(host, &beside.join(BUNDLE_FILE), tree::DOCUMENT.size).await;
            found.key = self.companion(host, &beside.join(KEY_FILE), tree::DOCUMENT.size).await;
        }
        let mut choices: Vec<CniChoice> = Vec::new();
        for choice in self.inputs.iter().filter(|input| input.folder == found.folder).filter_map(check::cni) {
            if !choices.contains(&choice) {
                choices.push(choice);
            }
        }
        for choice in choices {
            for path in manifest_paths(&choice, beside.as_deref()) {
                let Some(bytes) = self.companion(host, &path, cni::LIMIT).await else { continue };
                // What is pinned is compared with nothing else.
                if !matches!(&choice, CniChoice::Url { sha256, .. } if digest::sha256(bytes.expose()) != *sha256) {
                    self.told.retain(|told| told.rule != Rule::Skipped || !is_same(Path::new(&told.file), &path));
                    let (place, bytes) = (path.display().to_string(), bytes.expose().clone());
                    found.manifests.push(ManifestAtHand { choice, place, bytes });
                    break;
                }
            }
        }
        self.companions.push(found);
    }

    /// A file that is spoken of, if it is there.
    async fn companion(&mut self, host: &LocalHost, path: &Path, limit: usize) -> Option<Secret<Vec<u8>>> {
        path.symlink_metadata().ok()?;
        match regular(host, path, limit).await {
            Ok(bytes) => Some(bytes),
            Err(fault) => {
                // It may lie in a folder that was read, where it was told already.
                if !self.told.iter().any(|told| std::path::absolute(&told.file).is_ok_and(|known| known == path)) {
                    self.told.push(unreadable(path, &fault));
                }
                None
            }
        }
    }
}

/// Where the manifest of a CNI may be at hand.
fn manifest_paths(choice: &CniChoice, beside: Option<&Path>) -> Vec<PathBuf> {
    let (image, names) = match choice {
        CniChoice::Flannel => (Some(Path::new(FLANNEL_MANIFEST)), FLANNEL_NAMES.map(OsStr::new).to_vec()),
        CniChoice::Manifest(path) => (Some(path.as_path()), path.file_name().into_iter().collect()),
        CniChoice::Url { url, .. } => (None, url.split(['?', '#']).next().and_then(|url| Path::new(url).file_name()).into_iter().collect()),
        CniChoice::None => (None, Vec::new()),
    };
    let beside = beside.into_iter().flat_map(|folder| names.iter().map(|name| folder.join(name)).collect::<Vec<_>>());
    beside.chain(image.map(Path::to_owned)).collect()
}

fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

fn is_candidate(name: &OsStr) -> bool {
    // What is no UTF-8 keeps its ending.
    let name = name.to_string_lossy();
    let unpacked = name.strip_suffix(".b64").unwrap_or(&name);
    let bare = unpacked.strip_suffix(".gz").unwrap_or(unpacked);
    let has_ending = bare.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending));
    (has_ending || NAMES.contains(&bare)) && name != BUNDLE_FILE
}

/// A file's bytes. Nothing else is ever opened: a pipe would be waited for, a device might do something.
async fn regular(host: &LocalHost, path: &Path, limit: usize) -> Result<Secret<Vec<u8>>, Fault> {
    let none = |what: &str, advice: &str| Fault::new(Failure::NoDocument, what, path.display().to_string(), advice);
    let absent = || none("there is no such file", "look at the path");
    let kind = match fs::metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            return Err(none("this link points to nothing", "mend or remove it"));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(absent()),
        Err(error) => return Err(none("this can't be looked at", "look at the path and its folders").because(error.to_string())),
    };
    if let Some(odd) = odd(kind) {
        return Err(none(&format!("this is {odd}, not a file"), "name a file; what a program writes can be handed over as -"));
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    host.read(&absolute, limit).await?.map(Secret::new).ok_or_else(absent)
}

fn odd(kind: FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a folder"),
        _ if kind.is_fifo() => Some("a pipe"),
        _ if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

fn unreadable(path: &Path, fault: &Fault) -> Diagnostic {
    let problem = fault.why().map_or_else(|| fault.what().to_owned(), |why| format!("{}: {why}", fault.what()));
    let advice = match fault.failure() {
        Failure::NoDocument => fault.advice(),
        Failure::FileTooLarge => "a document has some kilobytes: name the right file",
        _ => "look at its owner and its mode",
    };
    check::unreadable(&path.display().to_string(), problem, advice)
}
