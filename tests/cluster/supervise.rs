//! The harness runs as two processes: one works, one only waits for it to end, however it ends, and then cleans up. So a
//! panic, a signal and a killed worker all leave the machine as it was.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;

use crate::made;
use crate::outcome::{Outcome, While};
use crate::say::{self, say};

/// Set for the process that works.
const WORKER: &str = "KUBEBOOT_BED_WORKER";

pub fn is_worker() -> bool {
    std::env::var_os(WORKER).is_some()
}

/// Called by the worker: without its supervisor nobody would clean up after it.
pub fn die_with_supervisor() -> Outcome<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).whilst("prctl")
}

/// The exit code of the whole run.
pub fn supervise(arguments: &[String]) -> Outcome<ExitCode> {
    say::elapsed();
    // Whoever started us may die without a word; that must not leave us running.
    prctl::set_pdeathsig(Signal::SIGTERM).whilst("prctl")?;
    let mut awaited = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD] {
        awaited.add(signal);
    }
    awaited.thread_block().whilst("blocking signals")?;
    let _lock = only_one()?;
    let stale = made::undo_all()?;
    if stale > 0 {
        say(format!("cleaned up {stale} things that an earlier run left"));
    }
    let mut worker = Command::new(std::env::current_exe().whilst("own program")?)
        .args(arguments)
        .env(WORKER, "1")
        .process_group(0)
        .spawn()
        .whilst("starting the worker")?;
    let group = Pid::from_raw(i32::try_from(worker.id()).whilst("process id")?);
    let mut interrupted = None;
    let status = loop {
        match awaited.wait().whilst("waiting for signals")? {
            Signal::SIGCHLD => {
                if let Some(status) = worker.try_wait().whilst("the worker")? {
                    break Some(status);
                }
            }
            signal => {
                say(format!("{signal}: cleaning up"));
                interrupted = Some(signal);
                // First politely: a half-made root file system unmounts what it mounted.
                let _ = killpg(group, Signal::SIGTERM);
                std::thread::sleep(Duration::from_millis(500));
                let _ = killpg(group, Signal::SIGKILL);
                break worker.wait().ok();
            }
        }
    };
    // Whatever the worker started and did not end, builds included; none left is the usual answer.
    let _ = killpg(group, Signal::SIGKILL);
    made::undo_all()?;
    Ok(match (interrupted, status.and_then(|status| status.code())) {
        (Some(signal), _) => ExitCode::from(u8::try_from(128 + signal as i32).unwrap_or(1)),
        (None, Some(code)) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        (None, None) => {
            say("the worker was killed");
            ExitCode::FAILURE
        }
    })
}

/// Names and addresses of the bed exist once per machine, so two runs at a time would undo each other.
fn only_one() -> Outcome<File> {
    fs::create_dir_all(made::STATE).whilst(made::STATE)?;
    let path = Path::new(made::STATE).join("lock");
    let lock = File::create(&path).whilst(path.display())?;
    lock.try_lock().whilst("another run of the bed is going on")?;
    Ok(lock)
}
