//! `kubeboot check FILE|DIR…`: reads the files, lets [`crate::check`] judge them, asks kubeadm if there is one.

mod kubeadm;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use crate::check::{self, Companions, Input, Severity, text};
use crate::datasource::file;
use crate::document::tree;
use crate::failure::Failure;
use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::host::local::LocalHost;
use crate::mint::{BUNDLE_FILE, KEY_FILE, PKI_FOLDER};
use crate::secret::Secret;

/// Arguments of `kubeboot check`.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Documents, cluster files, folders of them; - is standard input
    #[arg(value_name = "FILE|DIR", required = true)]
    pub files: Vec<PathBuf>,
    /// Print JSON, for tools
    #[arg(long)]
    pub json: bool,
}

/// Most files of one call: a folder with more was not meant.
const FILES_LIMIT: usize = 1000;

/// The text for standard output, and the exit code: that of class Input if there is an error.
///
/// # Errors
/// [`Failure::NoDocument`]: a path that is not there, or a folder without documents; the host's faults.
pub async fn run(args: &CheckArgs) -> Result<(String, u8), Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    let (mut inputs, mut skipped) = (Vec::new(), Vec::new());
    for path in &args.files {
        if path.as_os_str() == "-" {
            inputs.push(standard_input()?);
        } else if path.is_dir() {
            let before = inputs.len();
            folder(&host, path, true, &mut inputs, &mut skipped).await?;
            if inputs.len() == before {
                let advice = "name a folder with documents: files that end in .yaml, .yml or .json and begin with apiVersion: kubeboot/…";
                return Err(Fault::new(Failure::NoDocument, "there is no document in this folder", path.display().to_string(), advice));
            }
        } else {
            inputs.push(one(&host, path).await?);
        }
    }
    let mut companions: Vec<Companions> = Vec::new();
    for Input { folder, .. } in &inputs {
        if companions.iter().all(|known| known.folder != *folder) {
            companions.push(beside(&host, folder).await?);
        }
    }
    let mut checked = check::check(&inputs, &companions, host.wall());
    checked.diagnostics.extend(skipped.iter().map(|name| check::skipped(name)));
    kubeadm::ask(&host, &mut checked).await?;
    let code = if checked.count(Severity::Error) > 0 { Class::Input.exit_code() } else { 0 };
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let text = if args.json { text::machine(&checked) } else { text::human(&checked, std::io::stdout().is_terminal() && !plain) };
    Ok((text, code))
}

/// What mint puts beside documents, if it is there.
async fn beside(host: &LocalHost, folder: &str) -> Result<Companions, Fault> {
    let mut found = Companions { folder: folder.to_owned(), bundle: None, key: None };
    // Standard input lies nowhere.
    if folder.starts_with('/') {
        let path = Path::new(folder);
        found.bundle = host.read(&path.join(BUNDLE_FILE), tree::DOCUMENT.size).await?.map(Secret::new);
        found.key = host.read(&path.join(KEY_FILE), tree::DOCUMENT.size).await?.map(Secret::new);
    }
    Ok(found)
}

fn standard_input() -> Result<Input, Fault> {
    let mut bytes = Vec::new();
    let limit = tree::DOCUMENT.size as u64 + 1;
    std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(|error| {
        Fault::new(Failure::Disk, "standard input can't be read", "-", "name a file instead").because(error.to_string())
    })?;
    Ok(Input { name: "<stdin>".to_owned(), folder: "<stdin>".to_owned(), bytes: Secret::new(bytes) })
}

async fn one(host: &LocalHost, path: &Path) -> Result<Input, Fault> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let bytes = file::fetch_told(host, &absolute).await?.bytes;
    let folder = absolute.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    Ok(Input { name: path.display().to_string(), folder, bytes })
}

/// The documents of a folder and, if `deeper`, of the folders in it.
async fn folder(host: &LocalHost, path: &Path, deeper: bool, inputs: &mut Vec<Input>, skipped: &mut Vec<String>) -> Result<(), Fault> {
    let failed = |error: std::io::Error| {
        Fault::new(Failure::Disk, "the folder can't be read", path.display().to_string(), "look at its permissions")
            .because(error.to_string())
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort();
    for name in names {
        let below = path.join(&name);
        if below.is_dir() {
            if deeper && name != PKI_FOLDER {
                Box::pin(folder(host, &below, false, inputs, skipped)).await?;
            }
            continue;
        }
        let is_candidate = below.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if !is_candidate || name == BUNDLE_FILE {
            continue;
        }
        let input = one(host, &below).await?;
        if !check::is_document(input.bytes.expose()) {
            skipped.push(input.name);
        } else if inputs.len() < FILES_LIMIT {
            inputs.push(input);
        } else {
            let what = format!("there are more than {FILES_LIMIT} documents");
            return Err(Fault::new(Failure::CommandLine, what, path.display().to_string(), "name fewer folders"));
        }
    }
    Ok(())
}
