//! The table of failures: stable names, what kubeboot does about each, and the README's copy of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/readme.rs"]
mod readme;

use std::collections::BTreeSet;
use std::fmt::Write;

use kubeboot::failure::{Failure, Handling};
use kubeboot::fault::Class;

#[test]
fn names_are_stable_words_and_no_two_are_alike() {
    let names: BTreeSet<&str> = Failure::ALL.iter().map(|failure| failure.name()).collect();
    assert_eq!(names.len(), Failure::ALL.len());
    let meanings: BTreeSet<&str> = Failure::ALL.iter().map(|failure| failure.meaning()).collect();
    assert_eq!(meanings.len(), Failure::ALL.len());
    for name in names {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !name.starts_with('-') && !name.ends_with('-'), "{name}");
    }
}

#[test]
fn the_class_follows_from_what_is_done_about_it() {
    for failure in Failure::ALL {
        match failure.handling() {
            Handling::Waits | Handling::Retries => assert_eq!(failure.class(), Class::Transient, "{failure:?}"),
            Handling::Halts(class) => {
                assert_eq!(failure.class(), class, "{failure:?}");
                assert_ne!(class, Class::Transient, "{failure:?}: nothing halts with an exit code on which the unit restarts");
            }
        }
    }
    let classes: BTreeSet<u8> = Failure::ALL.iter().map(|failure| failure.class().exit_code()).collect();
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), [2, 65, 69, 70, 75]);
}

#[test]
fn the_readme_has_the_table() {
    let mut table = "| name | what it means | kubeboot | exit code |\n|---|---|---|---|\n".to_owned();
    for failure in Failure::ALL {
        let (name, meaning, word) = (failure.name(), failure.meaning(), failure.handling().word());
        writeln!(table, "| `{name}` | {meaning} | {word} | {} |", failure.class().exit_code()).unwrap();
    }
    readme::has("failures: from src/failure.rs", &table);
}
