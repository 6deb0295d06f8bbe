//! Documents: bytes and their origin, read into a spanned tree, walked into a [`spec::NodeSpec`] or *all* violations.
//!
//! The way: [`tree`] parses → `walk` hands out fields with their place → `node` and `cluster` ask for them, `part` reads
//! what both have, `kubeadm` reads kubeadm's own documents → `relations` compares fields → [`spec`]. [`violation`] is
//! what went wrong, [`overrides`] merges kubeadm's documents later, [`field`] are the words with a form, [`form`] what a person
//! writes for them, and [`shown`] what of them an error may hold. [`outline`] is what all of it asks for.

pub mod field;
pub mod form;
pub mod outline;
pub mod overrides;
pub mod remark;
pub mod shown;
pub mod size;
pub mod spec;
pub mod tree;
pub mod violation;

mod cluster;
mod kinds;
mod kubeadm;
mod labels;
pub mod manifest;
mod network;
mod node;
mod part;
mod relations;
mod scalar;
pub mod sniff;
mod source;
mod start;
mod trust;
mod walk;

pub use kubeadm::{KubeadmOutline, outlines as kubeadm_outlines};
pub use overrides::merge;
pub use trust::BUNDLE_FILES;
pub use violation::{Violation, Violations};
pub use walk::nearest;

use crate::secret::Secret;

use kinds::Sorted;
use outline::Outline;
use spec::{ClusterSpec, NodeSpec};
use walk::{At, Walk};

/// Reads a machine's document, `kind: Node`, with kubeadm's documents that follow it.
///
/// # Errors
/// All violations of the document.
pub fn read_node(document: &Document) -> Result<NodeSpec, Violations> {
    read(document, "Node", node::read)
}

/// Reads mint's input, `kind: Cluster`, with kubeadm's documents that follow it.
///
/// # Errors
/// All violations of the cluster file.
pub fn read_cluster(document: &Document) -> Result<ClusterSpec, Violations> {
    read(document, "Cluster", cluster::read)
}

/// What [`read_node`] asks of a machine's document.
#[must_use]
pub fn outline_node() -> Outline {
    outline(node::read)
}

/// What [`read_cluster`] asks of a cluster file.
#[must_use]
pub fn outline_cluster() -> Outline {
    outline(cluster::read)
}

fn outline<T>(reader: fn(&Sorted<'_>) -> Option<T>) -> Outline {
    let (walk, outline) = (Walk::default(), Outline::default());
    let nothing = tree::Tree { place: tree::Place::START, node: tree::Node::Map(Vec::new()) };
    // There is nothing to read, and so nothing comes of it.
    let _ = reader(&Sorted { own: At::everything(&walk, &nothing, &outline), kubeadm: Vec::new() });
    outline
}

fn read<T>(document: &Document, kind: &'static str, reader: fn(&Sorted<'_>) -> Option<T>) -> Result<T, Violations> {
    let parsed = tree::parse(document.bytes.expose(), tree::DOCUMENT);
    if parsed.spoilt {
        return Err(Violations::new(&document.origin, parsed.violations));
    }
    let walk = Walk::default();
    let spec = kinds::sort(&walk, &parsed.documents, kind).and_then(|sorted| reader(&sorted));
    let mut found = parsed.violations;
    found.append(&mut walk.into_list());
    match spec {
        Some(spec) if found.is_empty() => Ok(spec),
        _ if found.is_empty() => Err(Violations::new(
            &document.origin,
            vec![tree::whole(
                tree::Place::START,
                "kubeboot could not read the document and does not know why",
                "report this as a bug of kubeboot",
            )],
        )),
        _ => Err(Violations::new(&document.origin, found)),
    }
}

/// What a datasource hands over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it came from, as a person would name it: `/etc/kubeboot/node.yaml`, `https://…`. First word of every violation.
    pub origin: String,
    /// The bytes.
    pub bytes: Secret<Vec<u8>>,
    /// Instance id of the datasource (NoCloud meta-data), if it has one.
    pub instance_id: Option<String>,
    /// What can be done about the document once it has served (design §7).
    pub disposal: Disposal,
}

/// How a document leaves the machine once it has served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposal {
    /// kubeboot removes these files.
    Remove(Vec<std::path::PathBuf>),
    /// It can't; the report tells the operator to do this.
    Tell(String),
}
