//! `kubeboot run`: the agent.

use std::path::PathBuf;

use crate::concurrently::{First, race};
use crate::datasource;
use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::host::local::{LocalHost, terminated};
use crate::run;

/// Arguments of `kubeboot run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// Read the document from here and nowhere else: file:PATH, nocloud:FOLDER or url:URL#sha256=HEX
    #[arg(long, value_name = "SOURCE")]
    pub datasource: Option<String>,
}

/// Runs the agent to its end, or until a signal asks it to stop.
///
/// # Errors
/// The fault that ended it; it has been told already.
pub async fn run(args: &RunArgs) -> Result<(), Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    let working = async {
        let facts = host.facts().await?;
        let found = datasource::find(&host, args.datasource.as_deref(), &facts).await;
        run::run(&host, found, facts).await
    };
    match race(working, terminated()).await {
        First::Left(result) => result,
        First::Right(signal) => {
            signal?;
            Err(Fault::new(
                Class::Transient,
                "kubeboot was asked to stop",
                "a signal",
                "start kubeboot.service again: it goes on where it stopped",
            ))
        }
    }
}
