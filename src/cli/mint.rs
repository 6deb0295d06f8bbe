//! `kubeboot mint CLUSTER --out DIR`: the cluster file read, [`crate::mint::mint`] called, its files written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::document::{Disposal, Document, read_cluster};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::local::disk_failure;
use crate::mint::{MintOptions, Minted, mint};
use crate::moment::{self, UnixTime};
use crate::pki::random;
use crate::secret::Secret;

/// Largest cluster file, bytes: a hundred times what one needs, and no more than a document may have.
const CLUSTER_LIMIT: u64 = 1 << 20;

/// Make the documents of a new cluster: keys, userdata of every machine, admin.conf
#[derive(Clone, Debug, clap::Args)]
pub struct MintArgs {
    /// The cluster file (kind: Cluster)
    #[arg(value_name = "CLUSTER")]
    pub cluster: PathBuf,
    /// Folder to make; it must not exist or be empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How long the documents are good
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub valid_for: Duration,
    /// How long admin.conf is good
    #[arg(long, value_name = "TIME", default_value = "168h", value_parser = duration)]
    pub admin_valid_for: Duration,
}

/// Reads, mints and writes; the text for standard output.
///
/// # Errors
/// [`Failure::ClusterFile`]; [`Failure::OutputFolder`]: one that holds something; [`Failure::CommandLine`]: the times;
/// and what the disk or the kernel refuses.
pub fn run(args: &MintArgs) -> Result<String, Fault> {
    refuse_full(&args.out)?;
    let document = Document {
        origin: args.cluster.display().to_string(),
        bytes: Secret::new(read(&args.cluster)?),
        instance_id: None,
        disposal: Disposal::Remove(Vec::new()),
    };
    let spec = read_cluster(&document).map_err(|violations| violations.into_fault())?;
    let options = MintOptions { now: now()?, valid_for: args.valid_for, admin_valid_for: args.admin_valid_for };
    let minted = mint(&spec, &options, &mut random::fill)?;
    write_all(&args.out, &minted)?;
    Ok(told(&args.out, &spec.name, &minted))
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

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let failed = |error: &io::Error| {
        let advice = "name a file that can be read";
        Fault::new(Failure::ClusterFile, "the cluster file can't be read", path.display().to_string(), advice).because(error.to_string())
    };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(CLUSTER_LIMIT + 1).read_to_end(&mut bytes)).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > CLUSTER_LIMIT {
        let what = format!("the cluster file has more than {CLUSTER_LIMIT} bytes");
        return Err(Fault::new(Failure::ClusterFile, what, path.display().to_string(), "name a cluster file; one has a few hundred bytes"));
    }
    Ok(bytes)
}

/// Secrets are never overwritten: the folder must not exist, or be empty.
fn refuse_full(out: &Path) -> Result<(), Fault> {
    let place = out.display().to_string();
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
                Err(Fault::new(Failure::OutputFolder, "the folder for the documents is not empty", place, advice))
            }
        },
    }
}

/// All files or none: written into a folder beside, synced, then renamed over the (absent or empty) one.
fn write_all(out: &Path, minted: &Minted) -> Result<(), Fault> {
    let failed = |error: &io::Error| {
        Fault::new(
            disk_failure(error),
            "the documents can't be written",
            out.display().to_string(),
            "see the cause, or name a folder that does not exist yet; nothing was left behind",
        )
        .because(error.to_string())
    };
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Removed again unless it is renamed.
    let beside = tempfile::Builder::new()
        .prefix(".kubeboot-mint-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| failed(&error))?;
    let fill = || -> io::Result<()> {
        write(&beside.path().join(".gitignore"), b"# These files hold secrets.\n*\n")?;
        for file in &minted.files {
            write(&beside.path().join(file.name), file.bytes.expose())?;
        }
        File::open(beside.path())?.sync_all()?;
        // A folder replaces an empty one, and no other.
        fs::rename(beside.path(), out)?;
        File::open(parent)?.sync_all()
    };
    fill().map_err(|error| failed(&error))?;
    // What it names is gone from there; its removal has nothing left to do.
    let _renamed = beside.keep();
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn told(out: &Path, cluster: &str, minted: &Minted) -> String {
    let (place, admin) = (out.display(), out.join("admin.conf"));
    let admin = admin.display();
    let mut text = format!("Cluster {cluster}: {} files in {place}, all secret.\n\n", minted.files.len());
    text.push_str(&format!("{:<24} {:>6}  {:<20}  {}\n", "file", "bytes", "good until", "for"));
    for file in &minted.files {
        let until = file.until.map_or_else(|| "no end".to_owned(), |until| until.to_string());
        text.push_str(&format!("{:<24} {:>6}  {until:<20}  {}\n", file.name, file.bytes.expose().len(), file.purpose));
    }
    text.push('\n');
    for file in &minted.files {
        text.push_str(&format!("{}: {}.\n", file.name, file.power));
    }
    for warning in &minted.warnings {
        text.push_str(&format!("\nWARNING: {warning}.\n"));
    }
    text.push_str(&format!(
        "\nNext:\n\
         1. Give control-plane-init.yaml to one machine as its userdata or as /etc/kubeboot/node.yaml, never to two.\n\
         2. Give control-plane.yaml and worker.yaml to as many others as you like; switch all of them on.\n\
         3. kubectl --kubeconfig {admin} get nodes\n\
         4. Move {place} to a safe place: control-plane-init.yaml holds the CA keys of the cluster.\n"
    ));
    text
}
