//! `kubeboot status`: the report, for a person or a tool.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::host::local::LocalHost;
use crate::paths;
use crate::report;
use crate::run::REPORT_LIMIT;

/// Arguments of `kubeboot status`.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// Print /run/kubeboot/status.json as it is
    #[arg(long)]
    pub json: bool,
}

/// The text for standard output.
///
/// # Errors
/// The report can't be read; there is none, and a tool asked for it.
pub async fn run(args: &StatusArgs) -> Result<String, Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    match host.read(Path::new(paths::STATUS), REPORT_LIMIT).await? {
        Some(bytes) if args.json => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Some(bytes) => {
            let report = serde_json::from_slice(&bytes).map_err(|error| {
                Fault::new(Failure::NeverRan, "the report can't be read", paths::STATUS, "it is written anew by the next run of kubeboot")
                    .because(error.to_string())
            })?;
            Ok(report::text(&report))
        }
        None if args.json => Err(Fault::new(
            Failure::NeverRan,
            "kubeboot has not run since this machine booted",
            paths::STATUS,
            "see `systemctl status kubeboot`",
        )),
        None => match host.list(Path::new(paths::DONE)).await? {
            Some(machines) if !machines.is_empty() => {
                Ok("kubeboot did its work at an earlier boot of this machine; nothing to do\n".to_owned())
            }
            _ => Ok("kubeboot has not run since this machine booted; see `systemctl status kubeboot`\n".to_owned()),
        },
    }
}
