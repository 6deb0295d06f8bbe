//! `kubeboot schema KIND`: what an editor wants to know of kubeboot's documents.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::schema::{Kind, schema};

/// Arguments of `kubeboot schema`.
#[derive(Clone, Debug, clap::Args)]
pub struct SchemaArgs {
    /// Of which kind of document
    #[arg(value_name = "KIND", value_enum)]
    pub kind: Kind,
}

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Node, Self::Cluster]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Node => PossibleValue::new("node").help("a machine's document, kind: Node"),
            Self::Cluster => PossibleValue::new("cluster").help("mint's input, kind: Cluster"),
        })
    }
}

/// The schema for standard output.
#[must_use]
pub fn run(args: &SchemaArgs) -> String {
    format!("{:#}\n", schema(args.kind))
}
