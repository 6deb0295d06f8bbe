//! The catalogue of messages: ids that journald takes, no two alike, and the README's copy of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/readme.rs"]
mod readme;

use std::collections::BTreeSet;
use std::fmt::Write;

use kubeboot::message::Message;

#[test]
fn ids_are_what_journald_takes_and_no_two_are_alike() {
    let ids: BTreeSet<&str> = Message::ALL.iter().map(|message| message.id()).collect();
    assert_eq!(ids.len(), Message::ALL.len());
    for id in ids {
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
    }
}

#[test]
fn the_readme_has_the_catalogue() {
    let mut table = "| MESSAGE_ID | told when |\n|---|---|\n".to_owned();
    for message in Message::ALL {
        writeln!(table, "| `{}` | {} |", message.id(), message.meaning()).unwrap();
    }
    readme::has("messages: from src/message.rs", &table);
}
