//! Command lines about kubeadm. None holds a secret: those travel in the 0600 configuration on tmpfs.

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

/// The kubelet's last words. A start of it alone is 120 lines: it tells its whole configuration.
#[must_use]
pub fn kubelet_journal() -> Command {
    Command::new("journalctl", ["--unit=kubelet.service", "--boot", "--lines=300", "--output=cat", "--no-pager"], QUICK)
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

/// Reads the answer of [`kubeadm_version`] or [`kubelet_version`]. A build suffix (`v1.37.2+vendor.1`) is dropped.
#[must_use]
pub fn read_version(stdout: &str) -> Option<KubernetesVersion> {
    let word = stdout.split_whitespace().last()?;
    let release = word.split(['+', '-']).next()?;
    KubernetesVersion::parse(release).ok()
}
