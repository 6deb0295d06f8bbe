//! No input makes a reader panic: mutated fixtures, from a seed that is the same on every machine. A plain `cargo test`
//! tries a bounded number; by hand, as many as KUBEBOOT_FUZZ says:
//! `KUBEBOOT_FUZZ=10000000 cargo test --release --test fuzz -- --nocapture`. Cargo builds tests so that they unwind,
//! whatever the profile says, so that a panic is caught here and the input that made it is shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod mutator;
#[path = "../support/numbers.rs"]
#[allow(dead_code, reason = "numbers alone are needed here")]
mod numbers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use kubeboot::document::field::CertificateKey;
use kubeboot::document::spec::SealedBundle;
use kubeboot::document::{Disposal, Document, read_cluster, read_node};
use kubeboot::pki::seal;
use kubeboot::secret::Secret;

use mutator::Mutator;

/// Executions of each target in a plain `cargo test`.
const BOUNDED: u64 = 4_000;

fn executions() -> u64 {
    std::env::var("KUBEBOOT_FUZZ").map_or(BOUNDED, |told| told.parse().expect("KUBEBOOT_FUZZ is a number of executions"))
}

/// Accepted and rejected fixtures, those of cluster files or the others.
fn corpus(cluster: bool) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document");
    let mut paths: Vec<_> = ["accept", "reject"]
        .iter()
        .flat_map(|kind| std::fs::read_dir(folder.join(kind)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("cluster") == cluster)
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Hands mutated seeds to `target`, which says whether it accepted. Both answers have to occur, or the mutations either
/// change nothing or leave nothing to read.
fn fuzz(name: &str, corpus: Vec<Vec<u8>>, target: impl Fn(&[u8]) -> bool) {
    assert!(corpus.len() > 1, "{name}: nothing to start from");
    let mut mutator = Mutator::new(corpus);
    let (start, count) = (Instant::now(), executions());
    let (mut accepted, mut rejected) = (0_u64, 0_u64);
    for execution in 0..count {
        let input = mutator.next();
        match catch_unwind(AssertUnwindSafe(|| target(&input))) {
            Ok(true) => accepted += 1,
            Ok(false) => rejected += 1,
            Err(_) => panic!("{name}, execution {execution}: this input panics:\n{}", input.escape_ascii()),
        }
    }
    println!("{name}: {count} executions in {:.1} s, {accepted} accepted, {rejected} rejected", start.elapsed().as_secs_f64());
    assert!(accepted > 0 && rejected > 0, "{name}: {accepted} accepted, {rejected} rejected");
}

fn document(bytes: &[u8]) -> Document {
    Document {
        origin: "fuzz".to_owned(),
        bytes: Secret::new(bytes.to_vec()),
        instance_id: None,
        disposal: Disposal::Tell("nothing to do".to_owned()),
    }
}

/// Violations are rendered too: they quote the input.
#[test]
fn documents() {
    fuzz("document", corpus(false), |bytes| read_node(&document(bytes)).map_err(|found| found.to_string()).is_ok());
}

#[test]
fn cluster_files() {
    fuzz("cluster file", corpus(true), |bytes| read_cluster(&document(bytes)).map_err(|found| found.to_string()).is_ok());
}

/// A bundle of eight values that the key opens, as lines `NAME VALUE`: names, base64 and ciphertext are all mutated.
#[test]
fn bundles() {
    let key = CertificateKey::new([7; 32]);
    let names = kubeboot::pki::shared::SharedName::ALL.map(kubeboot::pki::shared::SharedName::secret_key);
    let bundle = |text: &str| {
        let line = |name: &str| format!("{name} {}\n", base64_of(&seal::seal_value(text.as_bytes(), &key, [1; 12]).unwrap()));
        names.iter().map(|name| line(name)).collect::<String>().into_bytes()
    };
    fuzz("bundle", vec![bundle("PEM"), bundle("-----BEGIN PRIVATE KEY-----\n")], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        let bundle: SealedBundle = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        seal::open(&bundle, &key).map_err(|fault| fault.to_string()).is_ok()
    });
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
