//! `kubeboot mint CLUSTER --out DIR`: the cluster file read, [`crate::mint::mint`] called, its files written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::basis::{basis, read};
use super::minted::told;
use super::rendering::Rendering;
use crate::document::{Disposal, Document, read_cluster};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::local::disk_failure;
use crate::mint::{FileKind, KeyPlace, MintOptions, Minted, MintedFile, mint};
use crate::moment::{self, UnixTime};
use crate::pki::random;
use crate::render::Format;
use crate::secret::Secret;

/// Make the documents of a cluster: keys, userdata of every machine, admin.conf
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("basis").args(["from", "pki"])))]
pub struct MintArgs {
    /// The cluster file (kind: Cluster)
    #[arg(value_name = "CLUSTER")]
    pub cluster: PathBuf,
    /// Folder to make: absent or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Mint again, from an earlier mint's keys
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Mint for a living cluster, from its PKI
    #[arg(long, value_name = "DIR")]
    pub pki: Option<PathBuf>,
    /// Certificate key here, not in documents
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub key_out: Option<PathBuf>,
    /// Certificate key that was kept apart
    #[arg(long, value_name = "FILE", requires = "basis")]
    pub key: Option<PathBuf>,
    /// How long the documents are good
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub valid_for: Duration,
    /// How long admin.conf is good; default 7d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub admin_valid_for: Option<Duration>,
    /// Make break-glass.conf too (system:masters)
    #[arg(long)]
    pub break_glass: bool,
    /// Documents in this form too, in DIR/FORMAT; repeatable
    #[arg(long, value_name = "FORMAT")]
    pub render: Vec<Format>,
}

/// Reads, mints and writes; the text for standard output.
///
/// # Errors
/// [`Failure::ClusterFile`]; [`Failure::OutputFolder`]: one that holds something; [`Failure::CommandLine`]: the times;
/// [`Failure::PkiUnusable`] and [`Failure::SecretReference`]: `--from`, `--pki`, `--key`; and what the disk or the kernel refuses.
pub fn run(args: &MintArgs) -> Result<String, Fault> {
    refuse_full(&args.out)?;
    if let Some(key_out) = &args.key_out {
        refuse_key(key_out, &args.out)?;
    }
    let document = Document {
        origin: args.cluster.display().to_string(),
        bytes: read_cluster_file(&args.cluster)?,
        instance_id: None,
        disposal: Disposal::Remove(Vec::new()),
    };
    let spec = read_cluster(&document).map_err(|violations| violations.into_fault())?;
    let options = MintOptions {
        now: now()?,
        valid_for: args.valid_for,
        admin_valid_for: args.admin_valid_for,
        key: match (&args.key_out, &args.key) {
            (Some(_), _) => KeyPlace::Apart,
            (None, Some(_)) => KeyPlace::Kept,
            (None, None) => KeyPlace::Documents,
        },
        break_glass: args.break_glass,
    };
    let minted = mint(&spec, &options, basis(args)?, &mut random::fill)?;
    let renderings = Rendering::all(&args.render, &spec.name, &minted)?;
    write_all(args, &minted, &renderings)?;
    Ok(told(args, &spec, &minted, &renderings))
}

fn duration(text: &str) -> Result<Duration, String> {
    moment::duration(text).ok_or_else(|| "write a number and a unit, for example 24h, 90m or 7d".to_owned())
}

fn now() -> Result<UnixTime, Fault> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    since
        .map(UnixTime)
        .ok_or_else(|| Fault::new(Failure::ClockUntrusted, "the clock is before 1970", "this machine's clock", "set the clock"))
}

fn read_cluster_file(path: &Path) -> Result<Secret<Vec<u8>>, Fault> {
    read(path).map_err(|error| {
        let advice = "name a cluster file that can be read; one has a few hundred bytes";
        Fault::new(Failure::ClusterFile, "the cluster file can't be read", path.display().to_string(), advice).because(error.to_string())
    })
}

/// The certificate key's file must not exist, nor lie in the folder from which it is kept apart.
fn refuse_key(key_out: &Path, out: &Path) -> Result<(), Fault> {
    let refuse = |what: &str, advice: &str| Err(Fault::new(Failure::OutputFolder, what, key_out.display().to_string(), advice));
    let is_within = || Ok::<bool, io::Error>(parent_of(key_out).canonicalize()?.starts_with(out.canonicalize()?));
    if key_out.starts_with(out) || is_within().unwrap_or(false) {
        return refuse("a key in the folder of the documents is not kept apart from them", "name a file elsewhere");
    }
    if key_out.symlink_metadata().is_ok() {
        let advice = "name a new file; what is here may be the only copy of a cluster's key and is never overwritten (after a mint that \
                      was interrupted it may be nobody's: then its folder is missing)";
        return refuse("the certificate key's file is there already", advice);
    }
    Ok(())
}

/// Secrets are never overwritten: the folder must not exist, or be empty.
fn refuse_full(out: &Path) -> Result<(), Fault> {
    let place = out.display().to_string();
    let refuse = |what: &str, advice: &str| Err(Fault::new(Failure::OutputFolder, what, place.clone(), advice));
    if !parent_of(out).is_dir() {
        return refuse("there is no folder in which this one could be made", "make the folders above it first, or name another place");
    }
    if out.file_name().is_none() || out.is_symlink() {
        return refuse(
            "this can't be the folder for the documents, which takes its place whole",
            "name the folder itself, by its own name",
        );
    }
    match fs::read_dir(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::new(
            Failure::OutputFolder,
            "this can't be the folder for the documents",
            place,
            "name a folder that does not exist yet",
        )
        .because(error.to_string())),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                let advice = "name a new folder; what is here may be the only copy of a cluster's keys and is never overwritten";
                refuse("the folder for the documents is not empty", advice)
            }
        },
    }
}

/// All files or none: written into a folder beside, synced, then renamed over the (absent or empty) one. A key that is kept
/// apart is written before: alone it opens nothing.
fn write_all(args: &MintArgs, minted: &Minted, renderings: &[Rendering]) -> Result<(), Fault> {
    let out = &args.out;
    let failed = |error: &io::Error, place: &Path| {
        Fault::new(
            disk_failure(error),
            "the documents can't be written",
            place.display().to_string(),
            "see the cause, or name a place that does not exist yet; nothing was left behind",
        )
        .because(error.to_string())
    };
    let parent = parent_of(out);
    // Removed again unless it is renamed.
    let beside = tempfile::Builder::new()
        .prefix(".kubeboot-mint-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| failed(&error, out))?;
    let is_apart = |file: &&MintedFile| args.key_out.is_some() && file.kind == FileKind::CertificateKey;
    let fill = || -> io::Result<()> {
        write(&beside.path().join(".gitignore"), b"# These files hold secrets.\n*\n")?;
        let put = |path: PathBuf, bytes: &Secret<Vec<u8>>| -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(parent_of(&path))?;
            write(&path, bytes.expose())?;
            File::open(parent_of(&path))?.sync_all()
        };
        for file in minted.files.iter().filter(|file| !is_apart(file)) {
            put(beside.path().join(&file.name), &file.bytes)?;
        }
        for rendering in renderings {
            let folder = beside.path().join(rendering.format.name());
            for file in &rendering.files {
                put(folder.join(&file.path), &file.bytes)?;
            }
            File::open(&folder)?.sync_all()?;
        }
        File::open(beside.path())?.sync_all()
    };
    fill().map_err(|error| failed(&error, out))?;
    let key = minted.files.iter().find(is_apart).zip(args.key_out.as_deref());
    if let Some((file, path)) = key {
        write_key(path, file).map_err(|error| failed(&error, path))?;
    }
    // A folder replaces an empty one, and no other.
    if let Err(error) = fs::rename(beside.path(), out) {
        // Just written, and of use to nobody; what keeps the folder from its place is the fault to tell.
        let _removed = key.map(|(_, path)| fs::remove_file(path));
        return Err(failed(&error, out));
    }
    // What it names is gone from there; its removal has nothing left to do.
    let _renamed = beside.keep();
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(|error| failed(&error, out))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whole or not at all, and over nothing.
fn write_key(path: &Path, file: &MintedFile) -> io::Result<()> {
    let mut beside =
        tempfile::Builder::new().prefix(".kubeboot-mint-").permissions(fs::Permissions::from_mode(0o600)).tempfile_in(parent_of(path))?;
    beside.write_all(file.bytes.expose())?;
    beside.as_file().sync_all()?;
    beside.persist_noclobber(path).map_err(|refused| refused.error)?;
    File::open(parent_of(path))?.sync_all()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
