//! `kubeboot check FILE|DIR…`: reads the files, lets [`crate::check`] judge them, asks kubeadm if there is one.

mod files;
mod kubeadm;

use std::io::IsTerminal;
use std::path::PathBuf;

use crate::check::{self, Severity, text};
use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::host::local::LocalHost;

use files::Found;

/// Arguments of `kubeboot check`.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Documents, cluster files, folders of them; - is standard input
    #[arg(value_name = "FILE|DIR", required = true)]
    pub files: Vec<PathBuf>,
    /// Print JSON, for tools
    #[arg(long)]
    pub json: bool,
}

/// The text for standard output, and the exit code: that of class Input if there is an error.
///
/// # Errors
/// [`crate::failure::Failure::CommandLine`]: standard input is named twice, or too much at once.
pub async fn run(args: &CheckArgs) -> Result<(String, u8), Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    let Found { inputs, companions, told, .. } = Found::read(&host, &args.files).await?;
    let mut checked = check::check(&inputs, &companions, host.wall());
    told.into_iter().for_each(|diagnostic| checked.add(diagnostic));
    kubeadm::ask(&host, &mut checked).await?;
    let code = if checked.count(Severity::Error) > 0 { Class::Input.exit_code() } else { 0 };
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let text = if args.json { text::machine(&checked) } else { text::human(&checked, std::io::stdout().is_terminal() && !plain) };
    Ok((text, code))
}
