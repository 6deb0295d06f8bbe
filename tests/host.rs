//! `LocalHost` against real files, processes and sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "host/command.rs"]
mod command;
#[path = "host/facts.rs"]
mod facts;
#[path = "host/files.rs"]
mod files;
#[path = "host/journal.rs"]
mod journal;
#[path = "host/systemd.rs"]
mod systemd;

use kubeboot::host::local::{LocalHost, Surroundings};

/// A host over a fresh folder, outside any service.
fn host() -> (tempfile::TempDir, LocalHost) {
    let folder = tempfile::tempdir().unwrap();
    let host = LocalHost::in_surroundings(folder.path().to_owned(), Surroundings::default());
    (folder, host)
}
