//! Where events go: the journal by its native protocol, the console, or standard error.
//!
//! Under systemd an event is one journal entry with fields (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>) and, if it is
//! for the console, one line there. Standard error is the journal too then, so it is used only if the socket fails: no
//! event is stored twice. Without systemd every event is one line on standard error.
//!
//! Why not tracing-journald: it knows no other place than /run/systemd/journal/socket, so nothing could be seen of it on
//! a machine that is not a service's; and the protocol is what follows.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::{Event, Level};

const SOCKET: &str = "/run/systemd/journal/socket";
const CONSOLE: &str = "/dev/console";
/// Under the smallest net.core.wmem_default in use (212992), with room for the fields. Lines are far shorter.
const LONGEST: usize = 128 * 1024;
/// A journald that hangs must not hang the machine's first boot.
const PATIENCE: Duration = Duration::from_secs(1);

/// The ways out, found once at the start.
#[derive(Debug)]
pub(super) struct Journal {
    sender: Option<UnixDatagram>,
    socket: PathBuf,
    console: PathBuf,
    service: bool,
}

impl Journal {
    /// `service`: our standard error is the journal.
    pub(super) fn new(root: &Path, service: bool) -> Self {
        let sender = service.then(UnixDatagram::unbound).and_then(Result::ok);
        let sender = sender.filter(|s| s.set_write_timeout(Some(PATIENCE)).is_ok());
        Self { sender, socket: super::rooted(root, Path::new(SOCKET)), console: super::rooted(root, Path::new(CONSOLE)), service }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        let entry = || native(event);
        let stored = self.sender.as_ref().is_some_and(|sender| sender.send_to(&entry(), &self.socket).is_ok());
        if !stored {
            // sd-daemon(3): journald takes `<N>` off a line of standard error and stores it as the priority.
            let prefix = if self.service { format!("<{}>", priority(event.level)) } else { String::new() };
            let _ = writeln!(std::io::stderr().lock(), "{prefix}{}", line(event));
        }
        if self.service && event.console {
            self.show(event);
        }
    }

    /// One line on the console, whose absence or stubbornness (a serial line without a listener) is no reason to fail.
    fn show(&self, event: &Event<'_>) {
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
        if let Ok(mut console) = OpenOptions::new().write(true).custom_flags(flags).open(&self.console) {
            let _ = console.write_all(format!("kubeboot: {}\n", line(event)).as_bytes());
        }
    }
}

/// syslog(3) priorities.
const fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warning => 4,
        Level::Info => 6,
        Level::Debug => 7,
    }
}

/// The event on one line for terminals: control characters, which could drive one, become spaces.
fn line(event: &Event<'_>) -> String {
    let message: String = event.message.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if event.step.is_empty() { message } else { format!("{}: {message}", event.step) }
}

fn native(event: &Event<'_>) -> Vec<u8> {
    let mut entry = Vec::with_capacity(event.message.len().saturating_add(128));
    let mut cut = event.message.len().min(LONGEST);
    while !event.message.is_char_boundary(cut) {
        cut = cut.saturating_sub(1);
    }
    field(&mut entry, "MESSAGE", event.message.get(..cut).unwrap_or_default());
    field(&mut entry, "PRIORITY", &priority(event.level).to_string());
    field(&mut entry, "SYSLOG_IDENTIFIER", "kubeboot");
    if !event.step.is_empty() {
        field(&mut entry, "STEP", event.step);
    }
    entry
}

/// `NAME=value`, or for a value of several lines `NAME`, its length in 64 bits little-endian, and the value.
fn field(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}
