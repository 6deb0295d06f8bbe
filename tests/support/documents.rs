//! The accepted documents of the document tests, read: what the core's tests start from.

use std::path::Path;

use kubeboot::document::spec::NodeSpec;
use kubeboot::document::{Disposal, Document, read_node};
use kubeboot::secret::Secret;

/// The bytes of an accepted document.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document/accept").join(name)).unwrap()
}

/// A document of these bytes.
pub fn document(text: &[u8]) -> Document {
    Document {
        origin: "/etc/kubeboot/node.yaml".to_owned(),
        bytes: Secret::new(text.to_vec()),
        instance_id: None,
        disposal: Disposal::Remove(vec!["/etc/kubeboot/node.yaml".into()]),
    }
}

/// What it says.
pub fn node(name: &str) -> NodeSpec {
    read_node(&document(&bytes(name))).unwrap_or_else(|violations| panic!("{violations}"))
}
