//! `kubeboot run`: the agent.

use std::path::{Path, PathBuf};

use crate::concurrently::{First, race};
use crate::datasource;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::host::local::{LocalHost, lock, terminated};
use crate::paths;
use crate::run;
use crate::waiting::Early;

/// Arguments of `kubeboot run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// Read the document from here and nowhere else:
    /// file:PATH, nocloud:FOLDER or url:URL#sha256=HEX
    #[arg(long, value_name = "SOURCE", verbatim_doc_comment)]
    pub datasource: Option<String>,
}

/// Runs the agent to its end, or until a signal asks it to stop.
///
/// # Errors
/// The fault that ended it; it has been told already.
pub async fn run(args: &RunArgs) -> Result<(), Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    // Two agents would run two kubeadms and write one ledger. The other one's report is left alone.
    let _lock = match lock(Path::new(paths::LOCK)) {
        Ok(lock) => lock,
        Err(fault) => {
            run::tell_fault(&host, &fault);
            return Err(fault);
        }
    };
    let working = async {
        let (facts, unknown) = match host.facts().await {
            Ok(facts) => (facts, None),
            Err(fault) => (Facts::default(), Some(fault)),
        };
        let mut early = Early::begin(&host, &facts).await;
        let found = match unknown {
            None => datasource::find(&mut early, args.datasource.as_deref(), &facts).await,
            Some(fault) => Err(fault),
        };
        run::run(early, found, facts).await
    };
    // The signals first: their handlers have to stand before the work begins.
    match race(terminated(), working).await {
        First::Right(result) => result,
        First::Left(signal) => {
            let fault = Fault::new(
                Failure::Stopped,
                "kubeboot was asked to stop",
                signal?,
                "start kubeboot.service again: it goes on where it stopped",
            );
            run::stopped(&host, &fault).await;
            // The work was dropped with its children, which have yet to end.
            host.settle().await;
            Err(fault)
        }
    }
}
