//! `kubeboot check`: what it finds, in which words, and that none of them shows a secret.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "check/binary.rs"]
mod binary;
#[path = "check/folder.rs"]
mod folder;
#[path = "check/kubeadm.rs"]
mod kubeadm;
#[path = "check/networks.rs"]
mod networks;
#[path = "check/paths.rs"]
mod paths;
#[path = "check/real_kubeadm.rs"]
mod real_kubeadm;
#[path = "check/rules.rs"]
mod rules;
#[path = "check/secrets.rs"]
mod secrets;
#[path = "support/golden.rs"]
mod support;
#[path = "check/tool.rs"]
mod tool;
#[path = "check/wrapped.rs"]
mod wrapped;

use std::path::Path;

use kubeboot::check::{Checked, Input, Rule, check};
use kubeboot::moment::UnixTime;
use kubeboot::secret::Secret;

/// 2026-11-24T09:30:00Z: half an hour before the windows of the fixtures end.
const NOW: UnixTime = UnixTime(1_795_512_600);

fn input(name: &str, bytes: &[u8]) -> Input {
    Input { name: name.to_owned(), folder: name.to_owned(), bytes: Secret::new(bytes.to_vec()) }
}

/// A fixture of the document tests.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document").join(name)).unwrap()
}

/// One file, judged.
fn judged(name: &str, bytes: &[u8]) -> Checked {
    check(&[input(name, bytes)], &[], NOW)
}

/// The rules that were broken, in order.
fn broken(checked: &Checked) -> Vec<Rule> {
    checked.diagnostics.iter().map(|diagnostic| diagnostic.rule).collect()
}
