//! What a node's disk holds before anybody switched it on: Debian with a container runtime, and over it a thin layer
//! with Kubernetes' programs and their settings: a golden image, made by hand. Nothing in it is set up for one cluster
//! and nothing of kubeboot is in it; those are put in per node.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cache::{self, Key};
use crate::command::must;
use crate::outcome::{Outcome, While};
use crate::parts::{self, Parts};
use crate::say::say;

const SUITE: &str = "bookworm";

const PACKAGES: &[&str] = &[
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "curl",
    "dbus",
    "e2fsprogs",
    "ebtables",
    "ethtool",
    "ipset",
    "iproute2",
    "iptables",
    "kmod",
    "libnss-myhostname",
    "nftables",
    "procps",
    "runc",
    "socat",
    "systemd",
    "systemd-sysv",
    "udev",
    "util-linux",
];

/// Timers of a Debian system that would only be noise on two cores.
const MASKED: &[&str] =
    &["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer", "e2scrub_reap.service"];

const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Where the flannel manifest lies in the image.
pub const FLANNEL: &str = "usr/share/kubeboot/cni/flannel.yaml";

/// The Debian tree, unpacked. It is only ever the lower layer of an overlay.
pub fn debian() -> Outcome<PathBuf> {
    let packages = PACKAGES.join(",");
    let key = Key::new().with(SUITE).with(&packages).finish();
    cache::kept("rootfs", &format!("{SUITE}-{key}"), |partial| {
        let started = Instant::now();
        say(format!("making the root file system of {SUITE}"));
        let mut make = Command::new("mmdebstrap");
        make.args(["--mode=root", "--variant=minbase", "--format=directory", "--quiet"]);
        make.arg(format!("--include={packages}")).arg(SUITE).arg(partial);
        must(&mut make, DEADLINE)?;
        say(format!("root file system made in {:.0} s", started.elapsed().as_secs_f64()));
        Ok(())
    })
}

/// What lies over the Debian tree.
pub fn layer(parts: &Parts, debian: &Path, pause_image: &str) -> Outcome<PathBuf> {
    let manifest = older_cni(&parts::flannel_manifest()?)?;
    let files = files(pause_image, &manifest);
    let mut key = parts.key().with(debian.as_os_str().as_encoded_bytes());
    for (path, mode, text) in &files {
        key = key.with(path).with(mode.to_le_bytes()).with(text);
    }
    cache::kept("rootfs", &format!("layer-{}", key.finish()), |partial| {
        for (path, mode, text) in &files {
            lay(&partial.join(path), text.as_bytes(), *mode)?;
        }
        for name in ["kubeadm", "kubelet", "kubectl"] {
            copy_program(parts.path(name)?, &partial.join("usr/bin").join(name))?;
        }
        for entry in fs::read_dir(debian.join("usr/lib/cni")).whilst("Debian's CNI plugins")? {
            let entry = entry.whilst("Debian's CNI plugins")?;
            copy_program(&entry.path(), &partial.join("opt/cni/bin").join(entry.file_name()))?;
        }
        enable(partial, "machine.service", "sysinit.target")?;
        enable(partial, "kubelet.service", "multi-user.target")?;
        for unit in MASKED {
            link("/dev/null", &partial.join("etc/systemd/system").join(unit))?;
        }
        // A journal that is a folder here outlives a reboot.
        for folder in ["var/log/journal", "etc/cni/net.d", "etc/kubernetes/manifests"] {
            fs::create_dir_all(partial.join(folder)).whilst(folder)?;
        }
        Ok(())
    })
}

type Laid = (&'static str, u32, String);

fn files(pause_image: &str, manifest: &str) -> Vec<Laid> {
    vec![
        ("usr/local/sbin/make-it-look-like-a-machine", 0o755, include_str!("machine/make-it-look-like-a-machine").into()),
        ("etc/systemd/system/machine.service", 0o644, include_str!("machine/machine.service").into()),
        ("etc/systemd/system/kubelet.service", 0o644, include_str!("machine/kubelet.service").into()),
        ("etc/systemd/system/kubelet.service.d/10-kubeadm.conf", 0o644, include_str!("machine/10-kubeadm.conf").into()),
        // A machine container has no CAP_SYS_RESOURCE, so kubelet can't make itself harder to kill.
        ("etc/default/kubelet", 0o644, "KUBELET_EXTRA_ARGS=--oom-score-adj=0\n".into()),
        ("etc/containerd/config.toml", 0o644, include_str!("machine/containerd.toml").replace("@PAUSE@", pause_image)),
        ("etc/sysctl.d/90-kubernetes.conf", 0o644, "net.ipv4.ip_forward = 1\n".into()),
        (FLANNEL, 0o644, manifest.to_owned()),
    ]
}

/// The flannel plugin that the module proxy serves speaks CNI up to 0.4.0, the manifest asks for 1.0.0.
fn older_cni(manifest: &str) -> Outcome<String> {
    let newer = "\"cniVersion\": \"1.0.0\"";
    if manifest.matches(newer).count() != 1 {
        return Err(format!("flannel's manifest no longer has exactly one {newer}"));
    }
    Ok(manifest.replace(newer, "\"cniVersion\": \"0.3.1\""))
}

/// Puts a file in a node's tree.
pub fn lay(path: &Path, content: &[u8], mode: u32) -> Outcome<()> {
    let folder = path.parent().whilst(path.display())?;
    fs::create_dir_all(folder).whilst(folder.display())?;
    fs::write(path, content).whilst(path.display())?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).whilst(path.display())
}

/// What `systemctl enable` would do.
pub fn enable(root: &Path, unit: &str, target: &str) -> Outcome<()> {
    let wants = root.join("etc/systemd/system").join(format!("{target}.wants"));
    link(&format!("/etc/systemd/system/{unit}"), &wants.join(unit))
}

fn link(to: &str, path: &Path) -> Outcome<()> {
    let folder = path.parent().whilst(path.display())?;
    fs::create_dir_all(folder).whilst(folder.display())?;
    symlink(to, path).whilst(path.display())
}

pub fn copy_program(from: &Path, to: &Path) -> Outcome<()> {
    let folder = to.parent().whilst(to.display())?;
    fs::create_dir_all(folder).whilst(folder.display())?;
    fs::copy(from, to).whilst(from.display())?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).whilst(to.display())
}
