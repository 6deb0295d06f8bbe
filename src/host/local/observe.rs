//! The machine's facts, read from /proc and /sys; only the interface addresses have no file and come from getifaddrs(3).

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::files;
use crate::facts::{Facts, InterfaceAddress};
use crate::fault::Fault;
use crate::paths;

/// Files of /proc and /sys that are read here stay far below this.
const LIMIT: usize = 1024 * 1024;
/// RTF_REJECT of <linux/route.h>: an "unreachable" route is none.
const RTF_REJECT: u32 = 0x0200;
/// RTF_UP of <linux/route.h>.
const RTF_UP: u32 = 0x0001;

pub(super) fn facts(root: &Path) -> Result<Facts, Fault> {
    let text = |path: &str| text(root, path);
    let cpus = text("/sys/devices/system/cpu/online")?.map_or(0, |list| count(&list));
    let mounts = text("/proc/self/mountinfo")?.unwrap_or_default();
    Ok(Facts {
        hostname: text("/proc/sys/kernel/hostname")?.unwrap_or_default(),
        machine_id: text("/etc/machine-id")?.filter(|id| is_machine_id(id)).unwrap_or_default(),
        uid: nix::unistd::geteuid().as_raw(),
        addresses: addresses()?,
        default_interface: default_interface(
            &text("/proc/net/route")?.unwrap_or_default(),
            &text("/proc/net/ipv6_route")?.unwrap_or_default(),
        ),
        processors: if cpus == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { cpus },
        memory: memory(&text("/proc/meminfo")?.unwrap_or_default()),
        swaps: swaps(&text("/proc/swaps")?.unwrap_or_default()),
        volatile: paths::STATE_FOLDERS.iter().filter(|p| is_volatile(&mounts, &resolved(root, p))).map(|p| (*p).to_owned()).collect(),
        command_line: text("/proc/cmdline")?.unwrap_or_default(),
        system_uuid: text("/sys/class/dmi/id/product_uuid")?.filter(|u| !u.is_empty()).map(|u| u.to_lowercase()),
        serial: text("/sys/class/dmi/id/product_serial")?.filter(|s| !s.is_empty()),
        hardware_addresses: hardware_addresses(root)?,
    })
}

/// A file's text without the blanks around it; `None` if there is none.
fn text(root: &Path, path: &str) -> Result<Option<String>, Fault> {
    let bytes = files::read(&super::rooted(root, Path::new(path)), LIMIT)?;
    Ok(bytes.map(|b| String::from_utf8_lossy(&b).trim().to_owned()))
}

/// machine-id(5); `uninitialized` is what an image holds before its first boot.
fn is_machine_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn addresses() -> Result<Vec<InterfaceAddress>, Fault> {
    let all = getifaddrs().map_err(|e| files::fault("can't list the network addresses", Path::new("getifaddrs(3)"), &e.into()))?;
    let mut found = Vec::new();
    for one in all.filter(|a| a.flags.contains(InterfaceFlags::IFF_UP)) {
        let ip = |storage: Option<nix::sys::socket::SockaddrStorage>| -> Option<IpAddr> {
            let storage = storage?;
            let four = storage.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            four.or_else(|| storage.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
        };
        let (Some(address), Some(mask)) = (ip(one.address), ip(one.netmask)) else { continue };
        if !is_local(address) {
            found.push(InterfaceAddress { interface: one.interface_name, address, prefix: prefix(mask) });
        }
    }
    Ok(found)
}

/// Loopback and link-local addresses: never another machine's way here.
const fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_loopback() || a.is_link_local(),
        IpAddr::V6(a) => a.is_loopback() || a.is_unicast_link_local(),
    }
}

fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(m) => u32::from(m).leading_ones(),
        IpAddr::V6(m) => u128::from(m).leading_ones(),
    };
    u8::try_from(ones).unwrap_or(0)
}

/// Interface of the default route with the lowest metric, IPv4 first: /proc/net/route, then /proc/net/ipv6_route
/// (proc_pid_net(5); net/ipv4/fib_trie.c and net/ipv6/route.c write them).
fn default_interface(four: &str, six: &str) -> Option<String> {
    let hex = |word: Option<&&str>| word.and_then(|w| u32::from_str_radix(w, 16).ok());
    let four = four.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let flags = hex(words.get(3))?;
        let default = hex(words.get(1))? == 0 && hex(words.get(7))? == 0;
        let metric: u32 = words.get(6)?.parse().ok()?;
        (default && flags & RTF_UP != 0 && flags & RTF_REJECT == 0).then(|| (metric, words.first().map(|w| (*w).to_owned())))
    });
    let six = six.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let default = words.first()?.bytes().all(|b| b == b'0') && hex(words.get(1))? == 0;
        let (metric, flags) = (hex(words.get(5))?, hex(words.get(8))?);
        let interface = words.get(9).filter(|name| **name != "lo")?;
        (default && flags & RTF_UP != 0 && flags & RTF_REJECT == 0).then(|| (metric, Some((*interface).to_owned())))
    });
    let lowest = |routes: Vec<(u32, Option<String>)>| routes.into_iter().min_by_key(|route| route.0).and_then(|route| route.1);
    lowest(four.collect()).or_else(|| lowest(six.collect()))
}

/// Processors in a list such as `0-3,8`.
fn count(list: &str) -> usize {
    let of = |range: &str| -> Option<usize> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(last.saturating_sub(first).saturating_add(1))
    };
    list.split(',').filter_map(of).fold(0, usize::saturating_add)
}

/// `MemTotal:  2048 kB`, in bytes.
fn memory(meminfo: &str) -> u64 {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

fn swaps(table: &str) -> Vec<String> {
    table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(unescaped).collect()
}

fn hardware_addresses(root: &Path) -> Result<Vec<String>, Fault> {
    let folder = "/sys/class/net";
    let mut found = Vec::new();
    for interface in files::list(&super::rooted(root, Path::new(folder)))?.unwrap_or_default() {
        // Bonding leaves plain files (`bonding_masters`) among the interfaces' folders: no address in those.
        let Ok(Some(address)) = text(root, &format!("{folder}/{interface}/address")) else { continue };
        let address = address.to_lowercase();
        if address.bytes().any(|b| b != b'0' && b != b':') && !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(found)
}

/// `path` with the symbolic links of that part of it which exists resolved, as mountinfo shows paths.
fn resolved(root: &Path, path: &str) -> PathBuf {
    let whole = super::rooted(root, Path::new(path));
    let mut rest = Vec::new();
    let mut existing = whole.as_path();
    let real = loop {
        if let Ok(real) = existing.canonicalize() {
            break real;
        }
        match (existing.parent(), existing.file_name()) {
            (Some(above), Some(name)) => {
                rest.push(name);
                existing = above;
            }
            _ => return PathBuf::from(path),
        }
    };
    let real = rest.iter().rev().fold(real, |path, name| path.join(name));
    let real_root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    real.strip_prefix(&real_root).map_or_else(|_| PathBuf::from(path), |inner| Path::new("/").join(inner))
}

/// One mount of /proc/self/mountinfo (proc_pid_mountinfo(5)).
struct Mount {
    point: PathBuf,
    kind: String,
    upper: Option<PathBuf>,
}

fn mounts(mountinfo: &str) -> Vec<Mount> {
    let read = |line: &str| -> Option<Mount> {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let (kind, options) = (after.next()?, after.nth(1).unwrap_or_default());
        Some(Mount {
            point: PathBuf::from(unescaped(before.split(' ').nth(4)?)),
            kind: kind.to_owned(),
            upper: options.split(',').find_map(|o| o.strip_prefix("upperdir=")).map(|p| PathBuf::from(unescaped(p))),
        })
    };
    mountinfo.lines().filter_map(read).collect()
}

/// The mount that `path` lies on: the longest mount point above it, the last mounted of those on one point.
fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts.iter().filter(|m| path.starts_with(&m.point)).max_by_key(|m| m.point.components().count())
}

/// Whether what is written at `path` is gone after a power cycle. An overlay is as lasting as its upper folder; one whose
/// upper folder was hidden by the initramfs is not called volatile, because nothing proves it.
fn is_volatile(mountinfo: &str, path: &Path) -> bool {
    let mounts = mounts(mountinfo);
    let mut path = path;
    // Overlays on overlays end somewhere; eight is more than overlayfs allows (two).
    for _ in 0..8 {
        let Some(mount) = mount_of(&mounts, path) else { return false };
        match (mount.kind.as_str(), &mount.upper) {
            ("tmpfs" | "ramfs" | "rootfs", _) => return true,
            ("overlay", Some(upper)) => path = upper,
            _ => return false,
        }
    }
    false
}

/// mountinfo and swaps write blanks, tabs, newlines and backslashes as `\` and three octal digits.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|d| std::str::from_utf8(d).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
