//! `kubeadm config validate`, by the kubeadm that the person's PATH names.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::check::{Checked, Content, Diagnostic, Judged, validate};
use crate::document::field::KubernetesVersion;
use crate::document::spec::NodeSpec;
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
/// The documents of a cluster file can't be made: see [`validate::documents`].
pub(super) async fn ask(host: &LocalHost, checked: &mut Checked) -> Result<(), Fault> {
    if checked.files.iter().all(|file| file.content == Content::Unread) {
        return Ok(());
    }
    let Some(program) = on_path("kubeadm") else {
        checked.diagnostics.push(validate::absent());
        return Ok(());
    };
    let mut files = Vec::new();
    for Judged { name, content, .. } in &checked.files {
        files.push((name.as_str(), machines(content, host.wall())?));
    }
    let mut found = Vec::new();
    let mut kubeadm = Kubeadm { host, program, known: Vec::new() };
    if let Err(why) = kubeadm.judge(&files, &mut found).await {
        found.push(validate::silent(&kubeadm.program, &why));
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

/// The kubeadm that is asked. Where it gives no answer, the error says why, in words.
struct Kubeadm<'h> {
    host: &'h LocalHost,
    program: String,
    /// Many machines' configuration is the same, and is asked about once.
    known: Vec<(Secret<String>, Option<String>)>,
}

impl Kubeadm<'_> {
    async fn judge(&mut self, files: &[(&str, Vec<Machine>)], found: &mut Vec<Diagnostic>) -> Result<(), String> {
        let version = self.version().await?;
        let parent = std::env::temp_dir();
        // Overrides may hold what only their writer knows: 0600, and gone at the end.
        let folder = tempfile::Builder::new().prefix(".kubeboot-check-").tempdir_in(&parent);
        let folder = folder.map_err(|error| format!("TMPDIR has to be a folder that can be written ({}): {error}", parent.display()))?;
        let path = folder.path().join("kubeadm.yaml");
        let mut others: Vec<KubernetesVersion> = Vec::new();
        for (file, machines) in files {
            let mut refusals: Vec<String> = Vec::new();
            for Machine { document, spec } in machines {
                let wanted = spec.kubernetes_version;
                if (wanted.major, wanted.minor) != (version.major, version.minor) {
                    if !others.contains(&wanted) {
                        found.push(validate::other(&self.program, version, wanted));
                        others.push(wanted);
                    }
                    continue;
                }
                for config in validate::configurations(spec, &path.display().to_string()) {
                    // Machines of one file are refused for one and the same line of it.
                    if let Some(words) = self.refusal(&path, config).await?.filter(|words| !refusals.contains(words)) {
                        found.push(validate::refused(file, document.as_deref(), version, &words));
                        refusals.push(words);
                    }
                }
            }
        }
        Ok(())
    }

    /// What it says against this configuration, which is put at the path.
    async fn refusal(&mut self, path: &Path, config: Secret<String>) -> Result<Option<String>, String> {
        if let Some((_, refusal)) = self.known.iter().find(|(asked, _)| *asked == config) {
            return Ok(refusal.clone());
        }
        self.host.write(path, config.expose().as_bytes(), Mode::Private).await.map_err(|fault| fault.line())?;
        let refusal = match self.answer(command::validate(&path.display().to_string())).await? {
            Answer::Accepted(_) => None,
            Answer::Refused(words) => Some(words),
        };
        self.known.push((config, refusal.clone()));
        Ok(refusal)
    }

    async fn version(&self) -> Result<KubernetesVersion, String> {
        match self.answer(command::kubeadm_version()).await? {
            Answer::Accepted(words) => command::read_version(&words).ok_or_else(|| "it does not say its version".to_owned()),
            Answer::Refused(_) => Err("`kubeadm version` fails".to_owned()),
        }
    }

    /// The command by the program's path, for the host looks programs up where machines have them.
    async fn answer(&self, command: Command) -> Result<Answer, String> {
        let command = Command { program: self.program.clone(), ..command };
        match self.host.run(&command, &mut |_, _| {}).await {
            Ok(output) if output.ok() => Ok(Answer::Accepted(output.stdout)),
            Ok(output) if output.timed_out => Err(format!("it did not end within {} seconds", command.limit.as_secs())),
            Ok(output) if output.status.is_none() => Err("it was ended by a signal".to_owned()),
            Ok(output) => Ok(Answer::Refused(output.stderr)),
            Err(fault) => Err(fault.line()),
        }
    }
}

/// The program's path, as a shell would find it; but never in a folder that is relative to where one happens to be.
fn on_path(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).filter_map(|folder| folder.canonicalize().ok());
    let is_program = |path: &PathBuf| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    // The host's command lines are text.
    folders.map(|folder| folder.join(program)).filter(is_program).find_map(|path| path.into_os_string().into_string().ok())
}
