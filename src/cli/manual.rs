//! `kubeboot completions SHELL` and `kubeboot man DIR`: what clap itself makes of the command line.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use crate::failure::Failure;
use crate::fault::Fault;

/// Arguments of `kubeboot completions`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompletionsArgs {
    /// Whose
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// The script for standard output.
///
/// # Errors
/// [`Failure::Bug`]: it is no text.
pub fn completions(args: &CompletionsArgs) -> Result<String, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kubeboot", &mut script);
    String::from_utf8(script).map_err(|error| {
        Fault::new(Failure::Bug, "the completions are no text", "kubeboot completions", "report this").because(error.to_string())
    })
}

/// Arguments of `kubeboot man`.
#[derive(Clone, Debug, clap::Args)]
pub struct ManArgs {
    /// Folder for kubeboot.1 and a page of each subcommand
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Writes the pages; nothing for standard output.
///
/// # Errors
/// [`Failure::OutputFolder`]: it is not there, or can't be written to.
pub fn man(args: &ManArgs) -> Result<String, Fault> {
    clap_mangen::generate_to(Cli::command(), &args.folder).map(|()| String::new()).map_err(|error| {
        let advice = "name a folder that exists and can be written to, for example /usr/share/man/man1";
        Fault::new(Failure::OutputFolder, "the pages can't be written", args.folder.display().to_string(), advice)
            .because(error.to_string())
    })
}
