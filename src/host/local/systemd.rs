//! What systemd hands to a service and wants to hear from it: sd_notify(3), credentials, signals.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::fault::Fault;

/// What the process was given by whoever started it: the only environment that kubeboot reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// $JOURNAL_STREAM is set and names our standard error: a service whose output is the journal.
    pub journal: bool,
    /// $NOTIFY_SOCKET.
    pub notify_socket: Option<OsString>,
    /// $CREDENTIALS_DIRECTORY.
    pub credentials: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            journal: std::env::var("JOURNAL_STREAM").is_ok_and(|stream| names_stderr(&stream)),
            notify_socket: std::env::var_os("NOTIFY_SOCKET"),
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        }
    }
}

/// systemd.exec(5), $JOURNAL_STREAM: `DEVICE:INODE` of the stream, to be compared, because children inherit the variable
/// even where their output goes elsewhere.
fn names_stderr(stream: &str) -> bool {
    nix::sys::stat::fstat(std::io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Sends one message to the notify socket; `@name` is one of the abstract namespace. Failure is ignored as sd_notify's
/// manual asks: a status line is never worth the run.
pub(super) fn notify(root: &Path, socket: &OsString, message: &str) {
    let send = || -> std::io::Result<usize> {
        let bytes = socket.as_bytes();
        let address = match bytes.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(super::rooted(root, Path::new(socket)))?,
        };
        let sender = UnixDatagram::unbound()?;
        sender.set_nonblocking(true)?;
        sender.send_to_addr(message.as_bytes(), &address)
    };
    let _ = send();
}

/// $CREDENTIALS_DIRECTORY/NAME; names that would lead elsewhere have no path.
pub(super) fn credential_path(folder: Option<&Path>, name: &str) -> Option<PathBuf> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/') && !name.contains('\0');
    folder.filter(|_| plain).map(|folder| folder.join(name))
}

/// Completes with the signal's name once systemd (SIGTERM) or a person (SIGINT) asks for the end. `main` races it with
/// the run: dropping the run ends its children.
///
/// # Errors
/// If the kernel refuses the signal handlers.
pub async fn terminated() -> Result<&'static str, Fault> {
    let failed = |error: std::io::Error| {
        Fault::new(Failure::Bug, "can't listen for signals", "sigaction(2)", "report this as a bug of kubeboot").because(error.to_string())
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}
