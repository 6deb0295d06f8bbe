//! Where events go: the journal with fields, the console, or standard error.
//!
//! Under systemd an event is one journal entry (tracing-journald speaks the protocol) and, if it is for the console, one
//! line there. Standard error is the journal too then, so it is used only if no journald answered at the start: no event
//! is stored twice. Without systemd every event is one line on standard error.
//!
//! The journal is this process's, like its standard error, so it does not follow the host's root; the console does.
//! An entry that journald does not take later on is lost, as a line on standard error would be: journald reads that too.
//! While journald hangs, an event waits for it, also as standard error would, until its watchdog (three minutes) ends it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tracing::{Dispatch, dispatcher};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::layer::SubscriberExt;

use crate::failure::Failure;
use crate::host::{Event, Level};
use crate::message::Message;

/// SYSLOG_IDENTIFIER, which `journalctl -t` and the unit's own lines go by.
const IDENTIFIER: &str = "kubeboot";
const CONSOLE: &str = "/dev/console";

/// The ways out, found once at the start.
#[derive(Debug)]
pub(super) struct Journal {
    /// Kept here and not set for the process: each host has its own.
    journald: Option<Dispatch>,
    console: PathBuf,
    service: bool,
}

impl Journal {
    /// `service`: our standard error is the journal.
    pub(super) fn new(root: &Path, service: bool) -> Self {
        let journald = service.then(journald).and_then(Result::ok);
        Self { journald, console: super::rooted(root, Path::new(CONSOLE)), service }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        if let Some(journald) = &self.journald {
            dispatcher::with_default(journald, || enter(event));
        } else {
            // sd-daemon(3): journald takes `<N>` off a line of standard error and stores it as the priority.
            let prefix = if self.service { format!("<{}>", char::from(priority(event.level) as u8)) } else { String::new() };
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

/// journald at /run/systemd/journal/socket; an error if nothing listens there. Without a prefix the fields are called as
/// [`enter`] calls them, in upper case; with one, STEP would be F_STEP.
fn journald() -> std::io::Result<Dispatch> {
    let priorities = PriorityMappings {
        error: priority(Level::Error),
        warn: priority(Level::Warning),
        info: priority(Level::Info),
        debug: priority(Level::Debug),
        trace: Priority::Debug,
    };
    let layer =
        tracing_journald::layer()?.with_field_prefix(None).with_syslog_identifier(IDENTIFIER.to_owned()).with_priority_mappings(priorities);
    Ok(Dispatch::new(tracing_subscriber::registry().with(layer)))
}

/// One entry: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER; STEP, MESSAGE_ID, FAILURE and EXIT_CODE if there is one; and what the library adds (TARGET, CODE_FILE,
/// CODE_LINE). A field that is `None` is left out.
fn enter(event: &Event<'_>) {
    let message = event.message;
    let step = (!event.step.is_empty()).then_some(event.step);
    let message_id = event.id.map(Message::id);
    let failure = event.failure.map(Failure::name);
    let exit_code = event.failure.filter(|_| event.id == Some(Message::Failed)).map(|failure| failure.class().exit_code());
    // A level is part of what tracing keeps for each place in the code, so it can't be a variable: four places.
    match event.level {
        Level::Error => tracing::error!(message, step, message_id, failure, exit_code),
        Level::Warning => tracing::warn!(message, step, message_id, failure, exit_code),
        Level::Info => tracing::info!(message, step, message_id, failure, exit_code),
        Level::Debug => tracing::debug!(message, step, message_id, failure, exit_code),
    }
}

/// syslog(3) priorities.
const fn priority(level: Level) -> Priority {
    match level {
        Level::Error => Priority::Error,
        Level::Warning => Priority::Warning,
        Level::Info => Priority::Informational,
        Level::Debug => Priority::Debug,
    }
}

/// The event on one line for terminals: control characters, which could drive one, become spaces.
fn line(event: &Event<'_>) -> String {
    let message: String = event.message.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if event.step.is_empty() { message } else { format!("{}: {message}", event.step) }
}
