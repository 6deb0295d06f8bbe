//! `kubeboot status`: the report, for a person or a tool, once or for as long as the first boot lasts.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::host::local::LocalHost;
use crate::paths;
use crate::report::{self, Outcome, Report};
use crate::run::REPORT_LIMIT;

/// Arguments of `kubeboot status`.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// Print /run/kubeboot/status.json as it is
    #[arg(long)]
    pub json: bool,
    /// Print it anew whenever it changes until the first boot has ended,
    /// whose exit code it takes
    #[arg(long, verbatim_doc_comment)]
    pub watch: bool,
}

/// How often a watched report is looked at: it is written at most once a second while nothing changes.
const LOOK: Duration = Duration::from_millis(250);
/// ECMA-48: cursor home, erase what is below.
const CLEAR: &[u8] = b"\x1b[H\x1b[J";

const NOTHING: &str = "kubeboot has not run since this machine booted; see `systemctl status kubeboot`\n";

/// What is to be shown, and the exit code of a first boot that has ended for good.
struct Shown {
    text: String,
    ended: Option<u8>,
}

async fn shown<H: Host>(host: &H, json: bool) -> Result<Option<Shown>, Fault> {
    if let Some(bytes) = host.read(Path::new(paths::STATUS), REPORT_LIMIT).await? {
        let report: Report = serde_json::from_slice(&bytes).map_err(|error| {
            Fault::new(Failure::NeverRan, "the report can't be read", paths::STATUS, "it is written anew by the next run of kubeboot")
                .because(error.to_string())
        })?;
        // What may pass brings the unit back.
        let passing = report.exit_code == Some(Class::Transient.exit_code());
        let ended = report.exit_code.filter(|_| report.outcome != Outcome::Running && !passing);
        let text = if json { String::from_utf8_lossy(&bytes).into_owned() } else { report::text(&report) };
        return Ok(Some(Shown { text, ended }));
    }
    let earlier = host.list(Path::new(paths::DONE)).await?.is_some_and(|machines| !machines.is_empty());
    let text = "kubeboot did its work at an earlier boot of this machine; nothing to do\n".to_owned();
    Ok((earlier && !json).then_some(Shown { text, ended: Some(0) }))
}

/// Writes the report to `out`; with `--watch` again and again.
///
/// # Errors
/// The report can't be read; there is none, and a tool asked for it. With `--watch`: none, but the exit code of the run.
pub async fn run(args: &StatusArgs, out: &mut (impl Write + IsTerminal)) -> Result<u8, Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    if args.watch {
        return watch(&host, args.json, out).await;
    }
    let text = match shown(&host, args.json).await? {
        Some(shown) => shown.text,
        None if args.json => {
            return Err(Fault::new(
                Failure::NeverRan,
                "kubeboot has not run since this machine booted",
                paths::STATUS,
                "see `systemctl status kubeboot`",
            ));
        }
        None => NOTHING.to_owned(),
    };
    // A closed pipe (`| head`) is the reader's choice, not a fault.
    let _ = out.write_all(text.as_bytes());
    Ok(0)
}

async fn watch<H: Host>(host: &H, json: bool, out: &mut (impl Write + IsTerminal)) -> Result<u8, Fault> {
    let mut last = String::new();
    loop {
        let (text, ended) = match shown(host, json).await? {
            Some(shown) => (shown.text, shown.ended),
            None if json => (String::new(), None),
            None => (NOTHING.to_owned(), None),
        };
        if text != last {
            let clear = if out.is_terminal() { CLEAR } else { b"" };
            if out.write_all(&[clear, text.as_bytes()].concat()).and_then(|()| out.flush()).is_err() {
                return Ok(0);
            }
            last = text;
        }
        if let Some(code) = ended {
            return Ok(code);
        }
        host.sleep(LOOK).await;
    }
}
