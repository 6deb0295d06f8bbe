//! The table of failures: stable names, what kubeboot does about each, and the README's copy of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/readme.rs"]
mod readme;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

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

/// What no test expects by name yet, and why.
const UNSEEN: [(Failure, &str); 1] = [(Failure::NoRandomness, "every kernel that runs this has getrandom(2)")];

/// Whether a line of a test expects this failure, by its variant or, from outside, by its name.
fn is_expected(failure: Failure, line: &str) -> bool {
    let (variant, name) = (format!("Failure::{failure:?}"), failure.name());
    let made = ["Fault::new", ".telling("].iter().any(|maker| line.contains(maker));
    let whole = |text: &str| line.match_indices(text).any(|(at, _)| !line[at + text.len()..].starts_with(|c: char| c.is_alphanumeric()));
    !made && (whole(&variant) || line.contains(&format!("\"{name}\"")) || line.starts_with(&format!("{name} ")))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if name == "expected"
            || name.ends_with("status.json")
            || (name.ends_with(".rs") && path != Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/failure.rs")))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_failure_is_brought_about_by_a_test() {
    assert!(is_expected(Failure::Disk, "assert_eq!(fault.failure(), Failure::Disk);"));
    assert!(!is_expected(Failure::Disk, "assert_eq!(fault.failure(), Failure::DiskFull);"));
    assert!(!is_expected(Failure::Disk, "let fault = Fault::new(Failure::Disk, \"a\", \"b\", \"c\");"));
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")), &mut files);
    let texts: Vec<String> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let seen = |failure: Failure| texts.iter().any(|text| text.lines().any(|line| is_expected(failure, line)));
    let missing: Vec<&str> = Failure::ALL
        .iter()
        .filter(|failure| !UNSEEN.iter().any(|(unseen, _)| unseen == *failure) && !seen(**failure))
        .map(|failure| failure.name())
        .collect();
    assert!(missing.is_empty(), "no test expects {missing:?}");
    assert!(UNSEEN.iter().all(|(failure, _)| !seen(*failure)), "one of them is expected after all");
}
