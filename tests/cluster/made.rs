//! What the bed made on this machine, written down before it is made, and its undoing.
//!
//! There is one way to clean up, used after every case, after an interruption and for what an earlier run left: read
//! the record and undo it. Processes are found by the control groups they were started in, never by name.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{must, program};
use crate::outcome::{Outcome, While};

/// On tmpfs: a machine that was switched off has nothing left to undo.
pub const STATE: &str = "/run/kubeboot-bed";

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cgroup,
    Netns,
    /// A folder under which things are mounted, now or later.
    MountsUnder,
}

const KINDS: [(Kind, &str); 3] = [(Kind::Cgroup, "cgroup"), (Kind::Netns, "netns"), (Kind::MountsUnder, "mounts")];

fn record_file() -> PathBuf {
    Path::new(STATE).join("made")
}

/// Written before the thing exists, so that no moment is left in which an interruption would forget it.
pub fn record(kind: Kind, what: &str) -> Outcome<()> {
    fs::create_dir_all(STATE).whilst(STATE)?;
    let name = KINDS.iter().find(|(k, _)| *k == kind).map_or("", |(_, name)| name);
    let mut file = fs::OpenOptions::new().create(true).append(true).open(record_file()).whilst(record_file().display())?;
    writeln!(file, "{name} {what}").whilst(record_file().display())
}

/// Undoes everything on record. What can't be undone stays on record and is told.
pub fn undo_all() -> Outcome<usize> {
    let file = record_file();
    let Ok(text) = fs::read_to_string(&file) else {
        return Ok(0);
    };
    let mut entries: Vec<(Kind, String)> = Vec::new();
    for line in text.lines() {
        let Some((name, what)) = line.split_once(' ') else {
            continue;
        };
        let Some((kind, _)) = KINDS.iter().find(|(_, n)| *n == name) else {
            continue;
        };
        let entry = (*kind, what.to_owned());
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let of = |kind: Kind| entries.iter().filter(move |(k, _)| *k == kind).map(|(_, what)| what.clone());
    let mut troubles = Vec::new();
    let cgroups: Vec<PathBuf> = of(Kind::Cgroup).map(PathBuf::from).collect();
    troubles.extend(end_processes(&cgroups).err());
    for folder in of(Kind::MountsUnder) {
        troubles.extend(unmount_under(Path::new(&folder)).err());
    }
    for name in of(Kind::Netns) {
        if Path::new("/run/netns").join(&name).exists() {
            troubles.extend(must(&mut program("ip", &["netns", "del", &name]), PATIENCE).err());
        }
    }
    for cgroup in &cgroups {
        troubles.extend(remove_cgroup(cgroup).err());
    }
    if !troubles.is_empty() {
        return Err(format!("could not undo everything (see {}):\n{}", file.display(), troubles.join("\n")));
    }
    fs::remove_file(&file).whilst(file.display())?;
    Ok(entries.len())
}

fn end_processes(cgroups: &[PathBuf]) -> Outcome<()> {
    let started = Instant::now();
    loop {
        let pids: Vec<i32> = cgroups.iter().flat_map(|cgroup| pids_under(cgroup)).collect();
        if pids.is_empty() {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("processes {pids:?} do not end"));
        }
        for pid in pids {
            // Gone meanwhile is what is wanted.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The processes of a control group and of all below it.
pub fn pids_under(cgroup: &Path) -> Vec<i32> {
    let mut pids: Vec<i32> = fs::read_to_string(cgroup.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        .filter(|pid| *pid > 0)
        .collect();
    for child in folders_in(cgroup) {
        pids.extend(pids_under(&child));
    }
    pids
}

/// Removes a control group that has no processes, its children first.
pub fn remove_cgroup(cgroup: &Path) -> Outcome<()> {
    for child in folders_in(cgroup) {
        remove_cgroup(&child)?;
    }
    let started = Instant::now();
    loop {
        match fs::remove_dir(cgroup) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            // The kernel lets go of a dead process a moment after it is gone from the list.
            Err(_) if started.elapsed() < Duration::from_secs(3) => thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(format!("{}: {error}", cgroup.display())),
        }
    }
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn unmount_under(folder: &Path) -> Outcome<()> {
    let mut points = mounted_under(folder)?;
    points.reverse();
    for point in points {
        umount2(&point, MntFlags::MNT_DETACH).whilst(format_args!("unmounting {}", point.display()))?;
    }
    match mounted_under(folder)?.first() {
        None => Ok(()),
        Some(point) => Err(format!("{} is still mounted", point.display())),
    }
}

fn mounted_under(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").whilst("/proc/self/mountinfo")?;
    Ok(table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(folder))
        .collect())
}
