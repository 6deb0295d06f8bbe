//! Files: read with a limit, replaced as one, synced. Called by [`super::LocalHost`] with re-rooted paths.
//!
//! Plain blocking calls: the files are a few KiB, one thread does everything, and a ledger that is written
//! "later" is no ledger.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags};

use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Mode, Part};

/// File systems that a NoCloud drive may have (cloud-init, DataSourceNoCloud).
const DRIVE_FILE_SYSTEMS: [&str; 2] = ["iso9660", "vfat"];

impl Mode {
    const fn file(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }

    const fn folder(self) -> u32 {
        match self {
            Self::Private => 0o700,
            Self::Public => 0o755,
        }
    }
}

/// The name of an I/O error.
pub fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failure::DiskFull,
        ErrorKind::ReadOnlyFilesystem => Failure::DiskReadOnly,
        _ => Failure::Disk,
    }
}

/// An I/O error as a [`Fault`] that names the path and knows what the common ones ask of a person.
pub(super) fn fault(what: &str, path: &Path, error: &io::Error) -> Fault {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: free space on this file system, or give the machine a larger disk"
        }
        ErrorKind::ReadOnlyFilesystem => "this file system is mounted read-only: mount it read-write, or put a writable volume there",
        ErrorKind::PermissionDenied => {
            "kubeboot runs as root; look at the owner, the mode and the attributes (lsattr) of this path and its folders"
        }
        ErrorKind::NotADirectory => "a file lies where a folder is expected: move it away",
        ErrorKind::IsADirectory => "a folder lies where a file is expected: move it away",
        _ => "look at this path on the machine, and at the kernel's messages (dmesg) for errors of its disk",
    };
    Fault::new(failure(error), what, path.display().to_string(), advice).because(error.to_string())
}

pub(super) fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
    let failed = |error: io::Error| fault("can't read the file", path, &error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Room for all of it at once: a buffer that grows leaves copies of a secret behind.
    let expected = file.metadata().map_or(0, |m| usize::try_from(m.len()).unwrap_or(usize::MAX));
    let mut bytes = Vec::with_capacity(expected.min(limit).saturating_add(1));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(Fault::new(
            Failure::FileTooLarge,
            format!("the file is larger than {limit} bytes"),
            path.display().to_string(),
            "this is not a file that kubeboot expects here: put the right one there",
        ));
    }
    Ok(Some(bytes))
}

pub(super) fn read_part(path: &Path, part: Part, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
    let failed = |error: io::Error| fault("can't read a part of the file", path, &error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    if part == Part::Tail {
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        file.seek(SeekFrom::Start(length.saturating_sub(limit))).map_err(failed)?;
    }
    let mut bytes = Vec::new();
    // A log grows while it is read.
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

pub(super) fn is_private(path: &Path) -> Result<Option<bool>, Fault> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.permissions().mode() & 0o077 == 0)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault("can't look at the file's mode", path, &error)),
    }
}

pub(super) fn list(path: &Path) -> Result<Option<Vec<String>>, Fault> {
    let failed = |error: io::Error| fault("can't list the folder", path, &error);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(Some(names))
}

pub(super) fn write(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), Fault> {
    let folder = parent(path)?;
    make_folders(folder, mode.folder()).map_err(|e| fault("can't make the folder", folder, &e))?;
    replace(folder, path, bytes, mode).map_err(|e| fault("can't write the file", path, &e))
}

fn replace(folder: &Path, path: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".kubeboot-").permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    // Again by fchmod: the mode given to open(2) passes through the umask.
    file.as_file().set_permissions(Permissions::from_mode(mode.file()))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    sync_folder(folder)
}

pub(super) fn append(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let folder = parent(path)?;
    make_folders(folder, Mode::Private.folder()).map_err(|e| fault("can't make the folder", folder, &e))?;
    let run = || -> io::Result<()> {
        let new = !path.try_exists()?;
        let mut file = OpenOptions::new().append(true).create(true).mode(Mode::Private.file()).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if new { sync_folder(folder) } else { Ok(()) }
    };
    run().map_err(|e| fault("can't append to the file", path, &e))
}

pub(super) fn remove(path: &Path) -> Result<bool, Fault> {
    gone(fs::remove_file(path), path, "can't remove the file")
}

pub(super) fn remove_folder(path: &Path) -> Result<bool, Fault> {
    gone(fs::remove_dir_all(path), path, "can't remove the folder")
}

fn gone(result: io::Result<()>, path: &Path, what: &str) -> Result<bool, Fault> {
    match result {
        Ok(()) => sync_folder(parent(path)?).map(|()| true).map_err(|e| fault(what, path, &e)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(fault(what, path, &error)),
    }
}

/// Read-only, and nothing on it can be run or act as a device: the drive comes from outside.
pub(super) fn mount_read_only(device: &Path, at: &Path) -> Result<(), Fault> {
    make_folders(at, Mode::Private.folder()).map_err(|e| fault("can't make the folder", at, &e))?;
    // Left by a run that was killed between mount and unmount; EINVAL says that nothing is mounted, as it should be.
    let _ = nix::mount::umount2(at, MntFlags::MNT_DETACH);
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let mut reasons = Vec::new();
    for kind in DRIVE_FILE_SYSTEMS {
        match nix::mount::mount(Some(device), at, Some(kind), flags, None::<&str>) {
            Ok(()) => return Ok(()),
            Err(error) => reasons.push(format!("as {kind}: {}", error.desc())),
        }
    }
    let _ = fs::remove_dir(at);
    Err(Fault::new(
        Failure::DriveUnreadable,
        "can't mount the drive",
        device.display().to_string(),
        "make the drive anew with one of these file systems; the image's kernel needs the module of it (isofs, vfat with nls_iso8859-1)",
    )
    .because(reasons.join("; ")))
}

pub(super) fn unmount(at: &Path) -> Result<(), Fault> {
    nix::mount::umount2(at, MntFlags::MNT_DETACH).map_err(|e| fault("can't unmount the drive", at, &e.into()))?;
    fs::remove_dir(at).map_err(|e| fault("can't remove the mount point", at, &e))
}

fn parent(path: &Path) -> Result<&Path, Fault> {
    path.parent()
        .ok_or_else(|| Fault::new(Failure::Bug, "a path without a folder", path.display().to_string(), "report this as a bug of kubeboot"))
}

/// Makes the missing ones among `folder` and its parents, each with exactly `mode`, and syncs what holds them,
/// so that a power loss can't take the folder of a synced file away.
fn make_folders(folder: &Path, mode: u32) -> io::Result<()> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let Some(above) = folder.parent() else { return Ok(()) };
    make_folders(above, mode)?;
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(mode))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    sync_folder(above)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
