//! What this machine must have for the bed, and which package brings what is missing.

use std::path::Path;

use crate::cgroup;
use crate::outcome::Outcome;

/// Programs of the host and the Debian package each comes from.
const PROGRAMS: [(&str, &str); 16] = [
    ("systemd-nspawn", "systemd-container"),
    ("mmdebstrap", "mmdebstrap"),
    ("haproxy", "haproxy"),
    ("dnsmasq", "dnsmasq-base"),
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("nsenter", "util-linux"),
    ("chroot", "coreutils"),
    ("journalctl", "systemd"),
    ("cc", "gcc"),
    ("go", "golang-go (1.26 or newer; older ones download it), or https://go.dev/dl"),
    ("sh", "dash"),
    ("env", "coreutils"),
    ("cp", "coreutils"),
    ("mkfs.ext4", "e2fsprogs"),
    ("musl-gcc", "musl-tools"),
];

/// Every missing thing, each with its remedy. `building`: whether Go parts may have to be built.
pub fn missing() -> Outcome<Vec<String>> {
    let mut missing = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        missing.push("root: run it as root (machine containers, namespaces, mounts)".to_owned());
    }
    let search: Vec<_> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    for (program, package) in PROGRAMS {
        let built = matches!(program, "go" | "cc");
        if built && std::env::var_os("KUBEBOOT_PARTS").is_some_and(|value| !value.is_empty()) && program == "go" {
            continue;
        }
        // haproxy and ip lie in sbin, which a user's PATH may lack.
        let found = search.iter().any(|folder| folder.join(program).is_file());
        if !found {
            missing.push(format!("program {program}: apt-get install {package}"));
        }
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.lines().any(|line| line.trim_start_matches("nodev").trim() == "overlay") {
        missing.push("file system overlay: modprobe overlay".to_owned());
    }
    if !Path::new("/proc/self/ns/net").exists() {
        missing.push("network namespaces: a kernel with CONFIG_NET_NS".to_owned());
    }
    if !Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables").exists() {
        missing.push("bridge netfilter: modprobe br_netfilter".to_owned());
    }
    if !Path::new("/dev/kmsg").exists() {
        missing.push("/dev/kmsg: kubelet reads kernel messages".to_owned());
    }
    for controller in cgroup::missing_controllers()? {
        missing.push(format!("cgroup controller {controller}: mount it (version 1 or 2)"));
    }
    Ok(missing)
}
