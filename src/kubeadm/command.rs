//! kubeadm's command lines. None holds a secret: those travel in the 0600 configuration on tmpfs.

use std::time::Duration;

use crate::document::field::KubernetesVersion;
use crate::host::Command;
use crate::paths;
use crate::plan::Course;

const QUICK: Duration = Duration::from_secs(30);

/// `kubeadm version -o short` prints the version alone (kubeadm.md §5.5).
#[must_use]
pub fn kubeadm_version() -> Command {
    Command::new("kubeadm", ["version", "-o", "short"], QUICK)
}

/// `kubelet --version` prints `Kubernetes v1.37.2`.
#[must_use]
pub fn kubelet_version() -> Command {
    Command::new("kubelet", ["--version"], QUICK)
}

/// Strict decoding, which init and join themselves only warn about (kubeadm.md §1.1).
#[must_use]
pub fn validate(config: &str) -> Command {
    Command::new("kubeadm", ["config", "validate", "--config", config], QUICK)
}

/// kubeadm's own checks of a machine that will run init or join, the pulling of missing images among them. Run by
/// itself: init and join proper always skip it, so that a resumed run is the same command, and a control plane pulls
/// its images before it takes its turn. A fresh volume's `lost+found` is no reason to refuse it as etcd's; etcd's own data
/// is looked for by kubeboot's preflight. `all_ignored`: the document ignores `all`, beside which kubeadm takes no name.
#[must_use]
pub fn preflight(course: Course, all_ignored: bool, limit: Duration) -> Command {
    let (verb, config) = match course {
        Course::Initialise => ("init", paths::INIT_CONFIG),
        Course::Join => ("join", paths::JOIN_CONFIG),
    };
    let mut command = Command::new("kubeadm", [verb, "phase", "preflight", "--config", config], limit);
    if !all_ignored {
        command.arguments.push("--ignore-preflight-errors=DirAvailable--var-lib-etcd".to_owned());
    }
    command
}

/// `kubeadm init`. Nobody types the join command that its last phase shows; the two `--skip-…-print` keep secrets out of
/// the output all the same (kubeadm.md §1.5).
#[must_use]
pub fn init(upload_certificates: bool, limit: Duration) -> Command {
    let mut command = Command::new(
        "kubeadm",
        [
            "init",
            "--config",
            paths::INIT_CONFIG,
            "--skip-phases=preflight,show-join-command",
            "--skip-token-print",
            "--skip-certificate-key-print",
        ],
        limit,
    );
    if upload_certificates {
        command.arguments.push("--upload-certs".to_owned());
    }
    command
}

/// `kubeadm join`.
#[must_use]
pub fn join(limit: Duration) -> Command {
    Command::new("kubeadm", ["join", "--config", paths::JOIN_CONFIG, "--skip-phases=preflight"], limit)
}

/// Preflight errors that time may mend: the runtime comes up, a registry comes back (kubeadm.md §5.3). Every other one is
/// the image's, the flavour's or the document's.
const PASSING: [&str; 3] = ["CRI", "ContainerRuntimeVersion", "ImagePull"];

/// Whether a failed preflight names an error that time does not mend.
#[must_use]
pub fn is_permanent(stderr: &str) -> bool {
    let names = stderr.lines().filter_map(|line| line.trim_start().strip_prefix("[ERROR ")?.split(']').next());
    names.into_iter().any(|name| !PASSING.contains(&name))
}

/// Reads the answer of [`kubeadm_version`] or [`kubelet_version`]. A build suffix (`v1.37.2+vendor.1`) is dropped.
#[must_use]
pub fn read_version(stdout: &str) -> Option<KubernetesVersion> {
    let word = stdout.split_whitespace().last()?;
    let release = word.split(['+', '-']).next()?;
    KubernetesVersion::parse(release).ok()
}

/// The lines of a failed kubeadm that say why: preflight causes stand before the last line, so every `[ERROR` line
/// is kept (kubeadm.md §5.2); then the `error:` line without its hint about `--v`.
#[must_use]
pub fn reason(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim_end)
        .filter(|line| line.trim_start().starts_with("[ERROR") || line.starts_with("error:") || line.starts_with("error "))
        .filter(|line| !line.contains("preflight checks failed") && !line.contains("Some fatal errors occurred"))
        .map(str::trim_start)
        .collect();
    if lines.is_empty() {
        let mut tail: Vec<&str> = stderr.lines().rev().filter(|line| !line.trim().is_empty()).take(5).collect();
        tail.reverse();
        tail.join("\n")
    } else {
        lines.join("\n")
    }
}
