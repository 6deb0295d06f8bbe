//! `kubeboot plan DOCUMENT`: what a machine with this document would do.

use std::path::{Path, PathBuf};

use crate::datasource::{file, unwrap};
use crate::document::{Violations, read_node};
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::host::local::LocalHost;
use crate::plan::forecast;

/// Arguments of `kubeboot plan`.
#[derive(Clone, Debug, clap::Args)]
pub struct PlanArgs {
    /// The document (kind: Node)
    #[arg(value_name = "DOCUMENT")]
    pub document: PathBuf,
    /// What is known of the machine, as JSON (see README)
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Print JSON, for tools
    #[arg(long)]
    pub json: bool,
}

/// Largest file of facts, bytes.
const LIMIT: usize = 1 << 20;

/// The text for standard output.
///
/// # Errors
/// The document can't be read, or is wrong: all violations. [`Failure::CommandLine`]: the facts.
pub async fn run(args: &PlanArgs) -> Result<String, Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let document = unwrap::unwrap(file::fetch_told(&host, &absolute(&args.document)).await?)?;
    let spec = read_node(&document).map_err(Violations::into_fault)?;
    let facts = match &args.facts {
        Some(path) => Some(facts(&host, &absolute(path)).await?),
        None => None,
    };
    let forecast = forecast(&spec, facts.as_ref());
    Ok(if args.json { forecast.json() } else { forecast.text(&spec) })
}

async fn facts(host: &LocalHost, path: &Path) -> Result<Facts, Fault> {
    let refuse = |what: &str, why: String| {
        let advice = "write {\"hostname\": \"cp-1\", \"addresses\": [{\"interface\": \"eth0\", \"address\": \"10.0.0.11\", \"prefix\": \
                      24}], \"defaultInterface\": \"eth0\"}, or less of it; README has all fields";
        Err(Fault::new(Failure::CommandLine, what, path.display().to_string(), advice).because(why))
    };
    match host.read(path, LIMIT).await? {
        None => refuse("there are no facts", "there is no such file".to_owned()),
        Some(bytes) => serde_json::from_slice(&bytes).or_else(|error| refuse("these are no facts of a machine", error.to_string())),
    }
}
