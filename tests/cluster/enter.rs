//! Running a program somewhere else: this program, called again as `enter`, joins the control groups and the network
//! namespace it is told and then becomes the program. Joining happens before the program exists, so that it never runs
//! for a moment outside.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use crate::outcome::{Outcome, While};

/// Where a program is to run.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub cgroups: Vec<PathBuf>,
    pub netns: Option<String>,
    /// A resolv.conf to see instead of this machine's.
    pub resolv: Option<PathBuf>,
}

impl Place {
    /// A command that will run there.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe().whilst("own program")?);
        command.arg("enter");
        for cgroup in &self.cgroups {
            command.arg("--cgroup").arg(cgroup);
        }
        if let Some(netns) = &self.netns {
            command.arg("--netns").arg(netns);
        }
        if let Some(resolv) = &self.resolv {
            command.arg("--resolv").arg(resolv);
        }
        command.arg("--").arg(name).args(arguments);
        Ok(command)
    }
}

/// The other end of [`Place::command`]. Returns only on failure.
pub fn enter(arguments: &[String]) -> Outcome<()> {
    let mut rest = arguments.iter();
    let mut resolv = None;
    while let Some(option) = rest.next() {
        let mut value = || rest.next().whilst(format_args!("enter: {option} wants a value"));
        match option.as_str() {
            "--cgroup" => {
                let procs = Path::new(value()?).join("cgroup.procs");
                fs::write(&procs, "0").whilst(procs.display())?;
            }
            "--netns" => {
                let path = Path::new("/run/netns").join(value()?);
                let namespace = File::open(&path).whilst(path.display())?;
                setns(namespace, CloneFlags::CLONE_NEWNET).whilst(path.display())?;
            }
            "--resolv" => resolv = Some(PathBuf::from(value()?)),
            "--" => break,
            other => return Err(format!("enter: unknown option {other}")),
        }
    }
    if let Some(resolv) = resolv {
        shadow("/etc/resolv.conf", &resolv)?;
    }
    let program = rest.next().whilst("enter: no program")?;
    let error = Command::new(program).args(rest).exec();
    Err(format!("{program}: {error}"))
}

/// Seen by this process and its children alone.
fn shadow(target: &str, source: &Path) -> Outcome<()> {
    let target = fs::canonicalize(target).whilst(target)?;
    unshare(CloneFlags::CLONE_NEWNS).whilst("unshare")?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).whilst("making mounts private")?;
    mount(Some(source), &target, none, MsFlags::MS_BIND, none).whilst(target.display())
}
