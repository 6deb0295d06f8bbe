//! Documents: bytes and their origin, read into a spanned tree, walked into a [`spec::NodeSpec`] or *all* violations.

pub mod field;
pub mod spec;

use crate::secret::Secret;

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
