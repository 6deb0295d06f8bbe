//! `kubeboot schema KIND`: what an editor wants to know of kubeboot's documents.

use crate::schema::{Kind, schema};

/// Arguments of `kubeboot schema`.
#[derive(Clone, Debug, clap::Args)]
pub struct SchemaArgs {
    /// Whose: a machine's document, or mint's input
    #[arg(value_name = "KIND", value_enum)]
    pub kind: Word,
}

/// The kinds, as they are written on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Word {
    /// kind: Node
    Node,
    /// kind: Cluster
    Cluster,
}

/// The schema for standard output.
#[must_use]
pub fn run(args: &SchemaArgs) -> String {
    let kind = match args.kind {
        Word::Node => Kind::Node,
        Word::Cluster => Kind::Cluster,
    };
    format!("{:#}\n", schema(kind))
}
