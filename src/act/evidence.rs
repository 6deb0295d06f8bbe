//! What etcd, the API server and the kubelet say about why kubeadm waited in vain for them.
//!
//! It is gathered after a failure, so whatever can't be read here is told to the journal and left out: a fault about a log
//! would hide the one that matters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fault::Fault;
use crate::host::{Host, Level, Part};
use crate::kubeadm::command;
use crate::kubeadm::diagnosis::Program;
use crate::kubeadm::testimony::{Testimony, container_lines, newest};
use crate::moment::UnixTime;
use crate::paths;
use crate::run::Run;

/// How much of a log is read, bytes. etcd's last words with their stack trace are a few KiB.
const TAIL: usize = 64 << 10;

/// A container that keeps ending is started again after at most five minutes (the kubelet's MaxContainerBackOff): what was said
/// longer before kubeadm started is of an earlier attempt.
const BACK_OFF: i64 = 300;

/// What these programs said since shortly before a command that took `took` and has just ended.
pub async fn gather<H: Host>(run: &Run<'_, H>, programs: &[Program], took: Duration) -> Vec<Testimony> {
    let took = i64::try_from(took.as_secs()).unwrap_or(i64::MAX);
    let since = run.host.wall().plus(took.saturating_add(BACK_OFF).saturating_neg());
    let mut heard = Vec::new();
    for program in programs {
        let testimony = match program {
            Program::Etcd => container(run, *program, "etcd", since).await,
            Program::ApiServer => container(run, *program, "kube-apiserver", since).await,
            Program::Kubelet => kubelet(run).await,
        };
        match testimony {
            Ok(testimony) => heard.extend(testimony),
            Err(fault) => run.tell(Level::Warning, &format!("a log that may tell the cause can't be read: {}", fault.line())),
        }
    }
    heard
}

/// The newest log of a static pod's container. A pod whose manifest changed is another pod, in a folder of its own; a container
/// that has just been started again has said nothing yet, so the log before is read too.
async fn container<H: Host>(run: &Run<'_, H>, program: Program, name: &str, since: UnixTime) -> Result<Option<Testimony>, Fault> {
    let pod = format!("kube-system_{name}-{}_", run.identity.name);
    let folders = run.host.list(Path::new(paths::POD_LOGS)).await?.unwrap_or_default();
    let mut newest_of_all: Option<(UnixTime, PathBuf, String)> = None;
    for folder in folders.iter().filter(|folder| folder.starts_with(&pod)) {
        let folder = Path::new(paths::POD_LOGS).join(folder).join(name);
        let files = run.host.list(&folder).await?.unwrap_or_default();
        let mut restarts: Vec<u32> = files.iter().filter_map(|file| file.strip_suffix(".log")?.parse().ok()).collect();
        restarts.sort_unstable();
        let mut log = String::new();
        for restart in restarts.iter().skip(restarts.len().saturating_sub(2)) {
            let path = folder.join(format!("{restart}.log"));
            if let Some(bytes) = run.host.read_part(&path, Part::Tail, TAIL).await? {
                log.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        if let Some(time) = newest(&log)
            && newest_of_all.as_ref().is_none_or(|(other, ..)| time > *other)
        {
            newest_of_all = Some((time, folder, log));
        }
    }
    let Some((_, folder, log)) = newest_of_all else { return Ok(None) };
    let lines = container_lines(&log, since);
    Ok(Some(Testimony { program, at: format!("{name}'s log in {}", folder.display()), lines }))
}

async fn kubelet<H: Host>(run: &Run<'_, H>) -> Result<Option<Testimony>, Fault> {
    let journal = command::kubelet_journal();
    let output = run.host.run(&journal, &mut |_, _| {}).await?;
    let lines = output.stdout.lines().map(str::to_owned).collect();
    Ok(Some(Testimony { program: Program::Kubelet, at: format!("the kubelet's journal (`{}`)", journal.line()), lines }))
}
