//! `kubeadm config validate`, by the kubeadm that the person's PATH names.

use std::path::PathBuf;

use nix::unistd::{AccessFlags, access};

use crate::check::{Checked, Content, Judged, validate};
use crate::document::field::KubernetesVersion;
use crate::document::spec::NodeSpec;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::local::LocalHost;
use crate::host::{Command, Host, Mode};
use crate::kubeadm::command;
use crate::moment::UnixTime;
use crate::pki::random;
use crate::secret::Secret;

/// Puts what each machine's kubeadm would read, with placeholders for secrets, before the kubeadm of this machine. What is
/// wrong with that kubeadm is told as everything else is, and ends nothing.
///
/// # Errors
/// The configuration can't be written.
pub(super) async fn ask(host: &LocalHost, checked: &mut Checked) -> Result<(), Fault> {
    if checked.files.iter().all(|file| file.content == Content::Unread) {
        return Ok(());
    }
    let Some(program) = on_path("kubeadm") else {
        checked.diagnostics.push(validate::absent());
        return Ok(());
    };
    let version = match version(host, &program).await {
        Ok(version) => version,
        Err(why) => {
            checked.diagnostics.push(validate::silent(&program, &why));
            return Ok(());
        }
    };
    // Overrides may hold what only their writer knows: 0600, and gone at the end.
    let unwritten = |error: std::io::Error| {
        let (place, advice) = (std::env::temp_dir().display().to_string(), "set TMPDIR to a folder that can be written");
        Fault::new(Failure::Disk, "the configuration for kubeadm can't be written", place, advice).because(error.to_string())
    };
    let folder = tempfile::Builder::new().prefix(".kubeboot-check-").tempdir().map_err(unwritten)?;
    let path = folder.path().join("kubeadm.yaml");
    let place = path.display().to_string();
    // Many machines' configuration is the same, and is asked about once.
    let mut known: Vec<(Secret<String>, Option<String>)> = Vec::new();
    let mut found = Vec::new();
    for Judged { name: file, content, .. } in &checked.files {
        let mut refusals: Vec<String> = Vec::new();
        for Machine { document, spec } in machines(content, host.wall())? {
            let wanted = spec.kubernetes_version;
            if (wanted.major, wanted.minor) != (version.major, version.minor) {
                found.push(validate::other(file, wanted, version));
                // All machines of a cluster file are of one version.
                break;
            }
            for config in validate::configurations(&spec, &place) {
                let refusal = match known.iter().find(|(asked, _)| *asked == config) {
                    Some((_, refusal)) => refusal.clone(),
                    None => {
                        host.write(&path, config.expose().as_bytes(), Mode::Private).await?;
                        let refusal = match answer(host, by(&program, command::validate(&place))).await {
                            Ok(Answer::Accepted(_)) => None,
                            Ok(Answer::Refused(words)) => Some(words),
                            Err(why) => {
                                found.push(validate::silent(&program, &why));
                                checked.diagnostics.append(&mut found);
                                return Ok(());
                            }
                        };
                        known.push((config, refusal.clone()));
                        refusal
                    }
                };
                // Machines of one file are refused for one and the same line of it.
                if let Some(words) = refusal.filter(|words| !refusals.contains(words)) {
                    found.push(validate::refused(file, document.as_deref(), version, &words));
                    refusals.push(words);
                }
            }
        }
    }
    checked.diagnostics.append(&mut found);
    Ok(())
}

/// A machine, as kubeadm is asked about it.
struct Machine {
    /// Which document mint would make for it, where the file is a cluster file.
    document: Option<String>,
    spec: NodeSpec,
}

fn machines(content: &Content, now: UnixTime) -> Result<Vec<Machine>, Fault> {
    Ok(match content {
        Content::Node(spec) => vec![Machine { document: None, spec: NodeSpec::clone(spec) }],
        Content::Cluster(spec) => validate::documents(spec, now, &mut random::fill)?
            .into_iter()
            .map(|(name, spec)| Machine { document: Some(name), spec })
            .collect(),
        Content::Unread => Vec::new(),
    })
}

/// How it ended, if it ended by itself.
enum Answer {
    /// With 0; its standard output.
    Accepted(String),
    /// With another code; its standard error.
    Refused(String),
}

/// Runs it; otherwise why it says nothing.
async fn answer(host: &LocalHost, command: Command) -> Result<Answer, String> {
    match host.run(&command, &mut |_, _| {}).await {
        Ok(output) if output.ok() => Ok(Answer::Accepted(output.stdout)),
        Ok(output) if output.timed_out => Err(format!("it did not end within {} seconds", command.limit.as_secs())),
        Ok(output) if output.status.is_none() => Err("it was ended by a signal".to_owned()),
        Ok(output) => Ok(Answer::Refused(output.stderr)),
        Err(fault) => Err(fault.line()),
    }
}

async fn version(host: &LocalHost, program: &str) -> Result<KubernetesVersion, String> {
    match answer(host, by(program, command::kubeadm_version())).await? {
        Answer::Accepted(words) => command::read_version(&words).ok_or_else(|| "it does not say its version".to_owned()),
        Answer::Refused(_) => Err("`kubeadm version` fails".to_owned()),
    }
}

/// The command with the program's path, for the host looks programs up where machines have them.
fn by(program: &str, command: Command) -> Command {
    Command { program: program.to_owned(), ..command }
}

/// The program's path, as a shell would find it; but never in a folder that is relative to where one happens to be.
fn on_path(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).filter_map(|folder| folder.canonicalize().ok());
    let is_program = |path: &PathBuf| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    // The host's command lines are text.
    folders.map(|folder| folder.join(program)).filter(is_program).find_map(|path| path.into_os_string().into_string().ok())
}
