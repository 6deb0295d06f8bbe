//! Documents: what is accepted and what comes of it, what is rejected and in which words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "document/accept.rs"]
mod accept;
#[path = "document/field.rs"]
mod field;
#[path = "support/fixtures.rs"]
mod files;
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

use kubeboot::document::read_node;
use kubeboot::document::spec::NodeSpec;

use files::{document, fixtures, folder, read};

/// The NodeSpec of an accepted fixture.
fn node(name: &str) -> NodeSpec {
    let bytes = std::fs::read(folder("accept").join(name)).unwrap();
    read_node(&document(name, &bytes)).unwrap_or_else(|violations| panic!("{violations}"))
}
