//! The command line: one file per subcommand, arguments to calls, nothing else.

mod basis;
pub mod check;
pub mod manual;
pub mod mint;
mod minted;
pub mod plan;
mod rendering;
pub mod run;
pub mod schema;
pub mod status;

use clap::{Parser, Subcommand};

/// First-boot agent for highly available Kubernetes
#[derive(Clone, Debug, Parser)]
#[command(name = "kubeboot", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Sub,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Sub {
    /// Turn this machine into what its document says; the unit runs this
    Run(run::RunArgs),
    /// Show what kubeboot does, or did, on this machine
    Status(status::StatusArgs),
    /// Show what a machine with this document would do, without secrets
    Plan(plan::PlanArgs),
    /// Find what is wrong with documents before machines boot with them
    Check(check::CheckArgs),
    /// Make the documents of a cluster: CAs, userdata of all roles
    Mint(mint::MintArgs),
    /// Print the JSON Schema of a kind of document, for editors
    Schema(schema::SchemaArgs),
    /// Print completions for a shell
    Completions(manual::CompletionsArgs),
    /// Write man pages
    Man(manual::ManArgs),
}
