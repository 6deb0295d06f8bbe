//! Documents: what is accepted and what comes of it, what is rejected and in which words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "document/accept.rs"]
mod accept;
#[path = "document/field.rs"]
mod field;
#[path = "document/merge.rs"]
mod merge;
#[path = "document/mutation.rs"]
mod mutation;
#[path = "support/numbers.rs"]
#[allow(dead_code, reason = "numbers alone are needed here")]
mod numbers;
#[path = "support/readme.rs"]
mod readme;
#[path = "document/reject.rs"]
mod reject;
#[path = "document/scalar.rs"]
mod scalar;
#[path = "document/size.rs"]
mod size;
#[path = "document/tree.rs"]
mod tree;

use std::path::{Path, PathBuf};

use kubeboot::document::spec::NodeSpec;
use kubeboot::document::{Disposal, Document, Violations, read_cluster, read_node};
use kubeboot::secret::Secret;

/// A document of these bytes, from `origin`.
fn document(origin: &str, bytes: &[u8]) -> Document {
    Document {
        origin: origin.to_owned(),
        bytes: Secret::new(bytes.to_vec()),
        instance_id: None,
        disposal: Disposal::Tell("nothing to do".to_owned()),
    }
}

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document").join(kind)
}

/// The documents in a folder of fixtures, in the order of their names.
fn fixtures(kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Reads a fixture as what its name says: cluster files begin with `cluster`.
fn read(name: &str, bytes: &[u8]) -> Result<(), Violations> {
    let document = document(name, bytes);
    if name.starts_with("cluster") { read_cluster(&document).map(|_| ()) } else { read_node(&document).map(|_| ()) }
}

/// The NodeSpec of an accepted fixture.
fn node(name: &str) -> NodeSpec {
    let bytes = std::fs::read(folder("accept").join(name)).unwrap();
    read_node(&document(name, &bytes)).unwrap_or_else(|violations| panic!("{violations}"))
}
