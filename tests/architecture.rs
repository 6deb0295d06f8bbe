//! The wall of the house, kept by reading the sources: what the core may not name, how large a file may be, what no
//! file is called, and that one crypto provider serves the whole tree.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of src, by its path from the root, with its text.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join("src"), &mut paths);
    paths.sort();
    let shown = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (shown(path), fs::read_to_string(path).unwrap())).collect()
}

/// The edge: the only files that touch the world.
fn is_edge(path: &str) -> bool {
    path.starts_with("src/host/local") || path.starts_with("src/cli/") || path == "src/main.rs" || path == "src/build.rs"
}

/// Core files that may name one thing each, and why.
const EXCEPTIONS: [(&str, &str, &str); 1] = [("src/pki/random.rs", "SystemRandom", "the kernel's randomness is named in this one file")];

/// Crates that are the world by themselves.
const CRATES: [&str; 6] = ["tokio", "reqwest", "nix", "libc", "hyper", "tempfile"];

/// Paths of the standard library that are the world; a path includes what is below it.
const PATHS: [&str; 13] = [
    "std::fs",
    "std::process",
    "std::env",
    "std::thread",
    "std::os",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::io::stdin",
    "std::io::stdout",
];

/// Words that no honest core needs, however they got into scope.
const WORDS: [&str; 10] = [
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "ToSocketAddrs",
    "SystemRandom",
    "OpenOptions",
];

/// Sequences that only a clock, a thread or an environment has.
const SEQUENCES: [&str; 6] = ["Instant::now", "thread::", "env::var", "env::args", "fs::read", "process::"];

/// A line of code without its comment. Strings stay: a `//` in one stands behind a colon, never behind a space.
fn code(line: &str) -> &str {
    if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or_default() }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether `text` holds `wanted` with nothing of a longer word around it.
fn holds(text: &str, wanted: &str) -> bool {
    let bytes = text.as_bytes();
    text.match_indices(wanted).any(|(start, _)| {
        let end = start + wanted.len();
        let before = start > 0 && is_word(bytes[start - 1]);
        let after = wanted.ends_with(|c: char| c.is_alphanumeric()) && bytes.get(end).is_some_and(|byte| is_word(*byte));
        !before && !after
    })
}

/// The full paths of a `use` tree: `std::{fs, io::{self, Read}}` is three.
fn expand(prefix: &str, tree: &str, out: &mut Vec<String>) {
    let tree = tree.trim();
    match tree.split_once('{') {
        None => {
            let name = tree.split(" as ").next().unwrap_or_default().trim();
            let full = format!("{prefix}{name}");
            out.push(full.strip_suffix("::self").unwrap_or(&full).to_owned());
        }
        Some((head, rest)) => {
            let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
            let (mut depth, mut start) = (0, 0);
            let mut parts = Vec::new();
            for (index, c) in inside.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        parts.push(&inside[start..index]);
                        start = index + 1;
                    }
                    _ => {}
                }
            }
            parts.push(&inside[start..]);
            for part in parts.into_iter().filter(|part| !part.trim().is_empty()) {
                expand(&format!("{prefix}{}", head.trim()), part, out);
            }
        }
    }
}

/// Every offence of a core file: line number and the offending text.
fn offences(path: &str, text: &str) -> Vec<String> {
    let allowed = |word: &str| EXCEPTIONS.iter().any(|(file, exception, _)| *file == path && *exception == word);
    let mut found = Vec::new();
    let mut offend = |line: usize, text: &str, what: &str| {
        if !allowed(what) {
            found.push(format!("{path}:{line}: `{}` names {what}", text.trim()));
        }
    };
    // `use` statements, put together over lines and taken apart into full paths.
    let mut statement: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let code = code(line);
        let number = index + 1;
        for word in CRATES.iter().chain(&WORDS).chain(&SEQUENCES).filter(|word| holds(code, word)) {
            offend(number, line, word);
        }
        for path in PATHS.iter().filter(|path| holds(code, path)) {
            offend(number, line, path);
        }
        let trimmed = code.trim();
        let starts = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().find_map(|start| trimmed.strip_prefix(start));
        if let (None, Some(rest)) = (&statement, starts) {
            statement = Some((number, rest.to_owned()));
        } else if let Some((_, so_far)) = &mut statement {
            so_far.push_str(trimmed);
        }
        if let Some((start, whole)) = statement.take_if(|(_, so_far)| so_far.ends_with(';')) {
            let mut paths = Vec::new();
            expand("", whole.trim_end_matches(';'), &mut paths);
            for used in &paths {
                let below = |path: &&&str| used == **path || used.strip_prefix(**path).is_some_and(|rest| rest.starts_with("::"));
                // A plain path was found above already.
                if let Some(path) = PATHS.iter().find(below).filter(|path| !holds(&whole, path)) {
                    offend(start, &format!("use {whole}"), path);
                }
            }
        }
    }
    found
}

#[test]
fn the_core_does_not_name_the_world() {
    let found: Vec<String> = sources().iter().filter(|(path, _)| !is_edge(path)).flat_map(|(path, text)| offences(path, text)).collect();
    assert!(found.is_empty(), "the core touches the world; go through trait Host instead:\n{}", found.join("\n"));
}

#[test]
fn the_edge_does_and_is_seen_to() {
    // The search is no blind one: what the edge names is found by it, were it core.
    for (file, what) in [
        ("src/host/local/files.rs", "std::fs"),
        ("src/host/local/command.rs", "tokio"),
        ("src/host/local/http.rs", "reqwest"),
        ("src/host/local/observe.rs", "nix"),
        ("src/cli/mint.rs", "SystemTime"),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(offences(file, &text).iter().any(|offence| offence.ends_with(&format!(" names {what}"))), "{what} is not seen in {file}");
    }
}

#[test]
fn planted_offences_are_found() {
    for (line, what) in [
        ("use tokio::time::sleep;", "tokio"),
        ("use std::{fmt, fs};", "std::fs"),
        ("use std::{fmt, net::{IpAddr, TcpStream as Stream}};", "TcpStream"),
        ("use std::fs::read;", "std::fs"),
        ("let now = std::time::Instant::now();", "Instant::now"),
        ("let home = std::env::var(\"HOME\");", "std::env"),
        ("    nix::unistd::getuid();", "nix"),
        ("let id = std::process::id(); // why not", "std::process"),
        ("let random = ring::rand::SystemRandom::new();", "SystemRandom"),
        ("use std::os::unix::net::UnixStream;", "UnixStream"),
        ("std::thread::sleep(pause);", "std::thread"),
    ] {
        let text = format!("//! A file.\n\n{line}\n");
        let found = offences("src/fence.rs", &text);
        assert!(
            found.iter().any(|offence| offence.starts_with("src/fence.rs:3: ") && offence.ends_with(&format!(" names {what}"))),
            "`{line}`: {found:?}"
        );
    }
    let multi = "use std::{\n    fmt,\n    env,\n};\n";
    assert_eq!(offences("src/fence.rs", multi), ["src/fence.rs:1: `use std::{fmt,env,};` names std::env"]);
    for innocent in [
        "//! It names neither tokio nor std::fs.",
        "    // std::process would do, but",
        "use std::net::{IpAddr, SocketAddr};",
        "let version = env!(\"CARGO_PKG_VERSION\");",
        "let unix = UnixTime(0).plus(3);",
        "let at = \"https://example.com\"; // the SystemTime of others",
        "run.host.now()",
    ] {
        assert_eq!(offences("src/fence.rs", innocent), Vec::<String>::new());
    }
    // The exception is for one file and one word.
    assert_eq!(offences("src/pki/random.rs", "use ring::rand::SystemRandom;\n"), Vec::<String>::new());
    assert_eq!(offences("src/pki/random.rs", "use std::fs;\n").len(), 1);
}

#[test]
fn randomness_is_named_in_one_file() {
    let named: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| text.lines().any(|line| holds(code(line), "SystemRandom")))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(named, ["src/pki/random.rs"]);
    for (file, word, _) in EXCEPTIONS {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(holds(&text, word), "the exception of {file} is not needed any more");
    }
}

#[test]
fn files_are_small_and_say_what_they_are() {
    let sources = sources();
    assert!(sources.len() > 80, "only {} sources were found", sources.len());
    let mut wrong = Vec::new();
    for (path, text) in &sources {
        let lines = text.lines().count();
        if lines > 420 {
            wrong.push(format!("{path} has {lines} lines: one thought a file, and none over 420"));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{path} does not begin with a `//!` that says what it is"));
        }
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        if path.split('/').chain([name]).any(|part| ["utils", "util", "common", "helpers", "helper", "manager", "misc"].contains(&part)) {
            wrong.push(format!("{path}: the name says nothing"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_panics() {
    const WAYS: [&str; 9] =
        [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!(", "assert!(", "assert_eq!(", "dbg!("];
    let panics = |text: &str| -> Vec<(usize, &'static str)> {
        text.lines()
            .enumerate()
            .flat_map(|(n, line)| WAYS.iter().filter(move |way| code(line).contains(**way)).map(move |way| (n + 1, *way)))
            .collect()
    };
    assert_eq!(panics("fn a() {\n    b.unwrap();\n}\n"), [(2, ".unwrap()")]);
    let found: Vec<String> = sources()
        .iter()
        .filter(|(path, _)| path != "src/main.rs")
        .flat_map(|(path, text)| panics(text).into_iter().map(|(line, way)| format!("{path}:{line}: {way}")).collect::<Vec<_>>())
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_of_tests_is_run() {
    // Cargo finds tests/NAME.rs by itself, and silently leaves it out where a target of that name is written down.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let targets = manifest.split("[[test]]").skip(1).map(|target| target.split("\n[").next().unwrap_or_default());
    let stems: Vec<String> = fs::read_dir(root().join("tests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(stems.len() > 20 && !manifest.contains("autotests = false"));
    for target in targets {
        let hidden = stems
            .iter()
            .find(|stem| target.contains(&format!("name = \"{stem}\"")) && !target.contains(&format!("path = \"tests/{stem}.rs\"")));
        assert_eq!(hidden, None, "another target has this file's name:{target}");
    }
}

#[test]
fn one_crypto_provider_serves_the_tree() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let count = |name: &str| lock.lines().filter(|line| *line == format!("name = \"{name}\"")).count();
    assert_eq!((count("ring"), count("rustls")), (1, 1));
    for other in
        ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls", "boring", "mbedtls", "rustls-openssl", "aes-gcm", "sha2"]
    {
        assert_eq!(count(other), 0, "{other} is in Cargo.lock");
    }
}

#[test]
fn help_fits_a_terminal() {
    for arguments in
        [&["--help"][..], &["run", "--help"], &["status", "--help"], &["plan", "--help"], &["check", "--help"], &["mint", "--help"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_kubeboot")).args(arguments).env("COLUMNS", "300").output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Usage: kubeboot"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{arguments:?}: {} columns: {line}", line.chars().count());
        }
    }
}
