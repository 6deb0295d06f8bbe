//! The documents that the reader accepts and refuses, as files.

use std::path::{Path, PathBuf};

use kubeboot::document::{Disposal, Document, Violations, read_cluster, read_node};
use kubeboot::secret::Secret;

/// A document of these bytes, from `origin`.
pub fn document(origin: &str, bytes: &[u8]) -> Document {
    Document {
        origin: origin.to_owned(),
        bytes: Secret::new(bytes.to_vec()),
        instance_id: None,
        disposal: Disposal::Tell("nothing to do".to_owned()),
    }
}

/// Where the documents of a kind lie: `accept` or `reject`.
pub fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document").join(kind)
}

/// The documents in a folder of fixtures, in the order of their names.
pub fn fixtures(kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Whether a fixture is a cluster file: their names begin with `cluster`.
pub fn is_cluster(name: &str) -> bool {
    name.starts_with("cluster")
}

/// Reads a fixture as what its name says.
pub fn read(name: &str, bytes: &[u8]) -> Result<(), Violations> {
    let document = document(name, bytes);
    if is_cluster(name) { read_cluster(&document).map(drop) } else { read_node(&document).map(drop) }
}
