//! [`LocalHost`]: this machine. The only place that names tokio, reqwest, nix, `std::fs` and `std::process`.
//!
//! | file | thought |
//! |---|---|
//! | `files` | read, replace as one, sync, mount |
//! | `command` | the process runner |
//! | `http`, `tls` | one exchange, and why none came about |
//! | `names` | DNS and bare TCP |
//! | `observe` | the machine's facts |
//! | `clock` | time, and whether to believe it |
//! | `lock` | one agent at a time |
//! | `journal`, `systemd` | journal, console, status, credentials, signals |

use std::cell::Cell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::{Command, Event, Host, Mode, Output, Part, Request, Response, Stream, Unanswered};
use crate::facts::Facts;
use crate::fault::Fault;
use crate::moment::{Instant, UnixTime};
use crate::pki::random;

mod clock;
mod command;
mod files;
mod http;
mod journal;
mod lock;
mod names;
mod observe;
mod systemd;
mod tls;

pub use files::failure as disk_failure;
pub use lock::{Lock, lock};
pub use systemd::{Surroundings, terminated};

/// A unix socket on this machine answers at once or is stuck.
const SOCKET_LIMIT: Duration = Duration::from_secs(1);

/// This machine, or a tree that looks like one.
pub struct LocalHost {
    root: PathBuf,
    surroundings: Surroundings,
    journal: journal::Journal,
    clients: http::Clients,
    ending: command::Ending,
    ready: Cell<bool>,
}

impl fmt::Debug for LocalHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalHost").field("root", &self.root).field("surroundings", &self.surroundings).finish_non_exhaustive()
    }
}

impl LocalHost {
    /// The machine whose files lie under `root` (`/` but for tests and images that are mounted somewhere), in the
    /// surroundings of this process.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self::in_surroundings(root, Surroundings::of_process())
    }

    /// The same in other surroundings.
    #[must_use]
    pub fn in_surroundings(root: PathBuf, surroundings: Surroundings) -> Self {
        let journal = journal::Journal::new(&root, surroundings.journal);
        Self { root, surroundings, journal, clients: http::Clients::default(), ending: command::Ending::default(), ready: Cell::new(false) }
    }

    /// Waits for the process groups of dropped runs, which were told to end, at most six seconds: TERM, and KILL after five.
    /// A process that exits before leaves them to whoever stops it, and systemd kills them at once (`KillMode=mixed`).
    pub async fn settle(&self) {
        self.ending.settle().await;
    }

    fn at(&self, path: &Path) -> PathBuf {
        rooted(&self.root, path)
    }
}

/// `path` below `root`: absolute paths of the machine, without a way out by `..`.
fn rooted(root: &Path, path: &Path) -> PathBuf {
    let mut whole = root.to_owned();
    for part in path.components() {
        match part {
            Component::Normal(name) => whole.push(name),
            Component::ParentDir if whole != root => {
                whole.pop();
            }
            _ => {}
        }
    }
    whole
}

impl Host for LocalHost {
    async fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        files::read(&self.at(path), limit)
    }

    async fn read_part(&self, path: &Path, part: Part, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        files::read_part(&self.at(path), part, limit)
    }

    async fn is_private(&self, path: &Path) -> Result<Option<bool>, Fault> {
        files::is_private(&self.at(path))
    }

    async fn list(&self, path: &Path) -> Result<Option<Vec<String>>, Fault> {
        files::list(&self.at(path))
    }

    async fn write(&self, path: &Path, bytes: &[u8], mode: Mode) -> Result<(), Fault> {
        files::write(&self.at(path), bytes, mode)
    }

    async fn append(&self, path: &Path, bytes: &[u8]) -> Result<(), Fault> {
        files::append(&self.at(path), bytes)
    }

    async fn remove(&self, path: &Path) -> Result<bool, Fault> {
        files::remove(&self.at(path))
    }

    async fn remove_folder(&self, path: &Path) -> Result<bool, Fault> {
        files::remove_folder(&self.at(path))
    }

    async fn mount_read_only(&self, device: &Path, at: &Path) -> Result<(), Fault> {
        files::mount_read_only(&self.at(device), &self.at(at))
    }

    async fn unmount(&self, at: &Path) -> Result<(), Fault> {
        files::unmount(&self.at(at))
    }

    async fn socket_answers(&self, path: &Path) -> bool {
        let connect = tokio::net::UnixStream::connect(self.at(path));
        matches!(tokio::time::timeout(SOCKET_LIMIT, connect).await, Ok(Ok(_)))
    }

    async fn run(&self, command: &Command, line: &mut dyn FnMut(Stream, &str)) -> Result<Output, Fault> {
        command::run(&self.root, &self.ending, command, line).await
    }

    async fn http(&self, request: &Request) -> Result<Response, Unanswered> {
        http::exchange(&self.root, &self.clients, request).await
    }

    async fn resolve(&self, name: &str, limit: Duration) -> Result<Vec<IpAddr>, Unanswered> {
        names::resolve(name, limit).await
    }

    async fn connects(&self, address: SocketAddr, limit: Duration) -> Result<(), Unanswered> {
        names::connects(address, limit).await
    }

    async fn facts(&self) -> Result<Facts, Fault> {
        observe::facts(&self.root)
    }

    fn clock_synchronised(&self) -> bool {
        clock::synchronised()
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn wall(&self) -> UnixTime {
        clock::wall()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        random::fill(bytes)
    }

    fn tell(&self, event: &Event<'_>) {
        self.journal.tell(event);
    }

    fn status(&self, line: &str) {
        let Some(socket) = &self.surroundings.notify_socket else { return };
        // One line: a newline would begin another assignment.
        let line = line.replace('\n', " ");
        let ready = if self.ready.replace(true) { "" } else { "\nREADY=1" };
        systemd::notify(&self.root, socket, &format!("STATUS={line}{ready}"));
    }

    fn credential_path(&self, name: &str) -> Option<PathBuf> {
        systemd::credential_path(self.surroundings.credentials.as_deref(), name)
    }
}
