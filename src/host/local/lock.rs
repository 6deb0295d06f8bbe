//! One agent at a time: an advisory lock that ends with the process, however it ends (flock(2)).

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::failure::Failure;
use crate::fault::Fault;

/// The lock; given up when dropped.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held, not read")] Flock<std::fs::File>);

/// Takes the lock at `path`, making its folder (0700) if there is none.
///
/// # Errors
/// Another process holds it, or the file can't be made.
pub fn lock(path: &Path) -> Result<Lock, Fault> {
    let shown = path.display().to_string();
    let broken = |why: String| {
        Fault::new(Failure::Disk, "the lock can't be taken", &shown, "run kubeboot as root; /run must be writable").because(why)
    };
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| broken(error.to_string()))?;
    }
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(|error| broken(error.to_string()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Lock(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(Fault::new(
            Failure::AlreadyRunning,
            "another kubeboot is at work on this machine",
            shown,
            "leave it to kubeboot.service (`kubeboot status` shows what it does), or stop that first",
        )),
        Err((_, errno)) => Err(broken(errno.to_string())),
    }
}
