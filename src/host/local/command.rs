//! The only process runner: nothing inherited, output by line, a limit that is kept, nothing left behind.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Command, Output, Stream};

/// Where programs are looked up; also the PATH of the child, because kubeadm starts others (crictl, mount, conntrack).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// A line longer than this is handed on cut: one runaway line must not fill the journal.
const LINE: usize = 8 * 1024;
/// How much of each stream [`Output`] keeps, from its end.
const KEPT: usize = 64 * 1024;
/// Between TERM and KILL; kubeadm needs less than one second to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long the end of dropped runs is waited for: [`GRACE`], and a moment for the KILL.
const SETTLED: Duration = Duration::from_secs(6);
/// How long output is still read once the child itself has ended: a grandchild may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(500);

pub(super) async fn run(root: &Path, ending: &Ending, command: &Command, line: &mut dyn FnMut(Stream, &str)) -> Result<Output, Fault> {
    let started = Instant::now();
    let program = find(root, &command.program)?;
    let unable = |error: io::Error| {
        Fault::new(
            Failure::ProgramUnusable,
            format!("{} can't be started", command.program),
            program.display().to_string(),
            "this must be an executable of this machine's architecture, on a file system that is not mounted noexec",
        )
        .because(error.to_string())
    };
    let mut child = tokio::process::Command::new(&program)
        .args(&command.arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        // client-go, which kubeadm is made of, looks for ~/.kube and complains when there is no HOME.
        .env("HOME", "/root")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(unable)?;
    let (out, err) = (Lines::new(child.stdout.take()), Lines::new(child.stderr.take()));
    let mut group = Group { leader: Leader(Some(child)), out, err, ending };

    let mut status = None;
    let mut timed_out = false;
    let mut deadline = tokio::time::Instant::now() + command.limit;
    while status.is_none() || group.out.open() || group.err.open() {
        tokio::select! {
            // Output first, so that what was written before the end is told before the end.
            biased;
            more = group.out.next(), if group.out.open() => more.lines(&mut |text| line(Stream::Out, text)),
            more = group.err.next(), if group.err.open() => more.lines(&mut |text| line(Stream::Err, text)),
            ended = group.leader.wait(), if status.is_none() => {
                status = Some(ended.map_err(unable)?);
                deadline = tokio::time::Instant::now() + DRAIN;
            }
            () = tokio::time::sleep_until(deadline) => {
                if status.is_some() {
                    break;
                }
                group.leader.signal(if timed_out { Signal::SIGKILL } else { Signal::SIGTERM });
                timed_out = true;
                deadline = tokio::time::Instant::now() + GRACE;
            }
        }
    }
    // Reaped: the group id may be another's from now on.
    group.leader.0 = None;
    group.out.rest(&mut |text| line(Stream::Out, text));
    group.err.rest(&mut |text| line(Stream::Err, text));
    Ok(Output {
        status: status.and_then(|s| s.code()),
        timed_out,
        stdout: group.out.kept(),
        stderr: group.err.kept(),
        took: started.elapsed(),
    })
}

/// The program's path, from [`PATH`] under `root`. Our own look-up, because the message has to say where it was sought.
fn find(root: &Path, program: &str) -> Result<PathBuf, Fault> {
    let executable = |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    let candidates: Vec<PathBuf> = if program.contains('/') {
        vec![super::rooted(root, Path::new(program))]
    } else {
        PATH.split(':').map(|folder| super::rooted(root, Path::new(folder)).join(program)).collect()
    };
    candidates.into_iter().find(|path| executable(path)).ok_or_else(|| {
        Fault::new(
            Failure::ProgramMissing,
            format!("{program} is not installed"),
            if program.contains('/') { program.to_owned() } else { format!("PATH {PATH}") },
            format!("put {program} into the machine's image; kubeboot installs nothing"),
        )
    })
}

/// Children whose run was dropped, on their way to the end.
#[derive(Debug, Default)]
pub(super) struct Ending(RefCell<Vec<JoinHandle<()>>>);

impl Ending {
    /// Waits until all of them have ended, at most [`SETTLED`] long.
    pub(super) async fn settle(&self) {
        let ending = self.0.take();
        let all = async {
            for child in ending {
                // It can only have been cancelled, with the runtime.
                let _ = child.await;
            }
        };
        let _ = tokio::time::timeout(SETTLED, all).await;
    }
}

/// A child, the leader of its process group.
struct Leader(Option<Child>);

impl Leader {
    async fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        match &mut self.0 {
            Some(child) => child.wait().await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Signals the whole group. Safe against a reused id: the leader is not reaped as long as [`Child::id`] is known.
    fn signal(&self, signal: Signal) {
        let id = self.0.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id {
            // ESRCH: all gone in the meantime, which is what was wanted.
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }
}

/// A child and its process group; dropped before the child has ended, the group is told to, and [`Ending`] knows of it.
struct Group<'a> {
    leader: Leader,
    out: Lines<ChildStdout>,
    err: Lines<ChildStderr>,
    ending: &'a Ending,
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.leader.signal(Signal::SIGTERM);
        let mut leader = Leader(self.leader.0.take());
        if leader.0.is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Kept open: who still has something to say in ending would die of SIGPIPE instead.
        let pipes = (self.out.reader.take(), self.err.reader.take());
        let ended = runtime.spawn(async move {
            if tokio::time::timeout(GRACE, leader.wait()).await.is_err() {
                leader.signal(Signal::SIGKILL);
                let _ = leader.wait().await;
            }
            drop(pipes);
        });
        let mut ending = self.ending.0.borrow_mut();
        ending.retain(|child| !child.is_finished());
        ending.push(ended);
    }
}

/// One stream: splits it into lines and keeps its end.
struct Lines<R> {
    reader: Option<R>,
    chunk: Vec<u8>,
    line: Vec<u8>,
    kept: VecDeque<u8>,
}

/// What [`Lines::next`] read, borrowed until its lines are told.
struct More<'a> {
    line: &'a mut Vec<u8>,
    chunk: &'a [u8],
}

impl More<'_> {
    fn lines(self, tell: &mut dyn FnMut(&str)) {
        for (index, part) in self.chunk.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                tell_line(self.line, tell);
            }
            let room = LINE.saturating_sub(self.line.len()).min(part.len());
            self.line.extend(part.iter().take(room));
        }
    }
}

fn tell_line(line: &mut Vec<u8>, tell: &mut dyn FnMut(&str)) {
    tell(String::from_utf8_lossy(line).trim_end_matches('\r'));
    line.clear();
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: Option<R>) -> Self {
        Self { reader, chunk: Vec::with_capacity(LINE), line: Vec::new(), kept: VecDeque::new() }
    }

    const fn open(&self) -> bool {
        self.reader.is_some()
    }

    /// Reads what is there. Cancel-safe: `read_buf` is, and nothing is awaited after it.
    async fn next(&mut self) -> More<'_> {
        self.chunk.clear();
        let read = match &mut self.reader {
            Some(reader) => reader.read_buf(&mut self.chunk).await,
            None => Ok(0),
        };
        // A pipe that can't be read is as good as closed.
        if !matches!(read, Ok(1..)) {
            self.reader = None;
        }
        self.kept.extend(&self.chunk);
        let excess = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..excess);
        More { line: &mut self.line, chunk: &self.chunk }
    }

    /// The last line, if it did not end in a newline.
    fn rest(&mut self, tell: &mut dyn FnMut(&str)) {
        if !self.line.is_empty() {
            tell_line(&mut self.line, tell);
        }
    }

    fn kept(&mut self) -> String {
        String::from_utf8_lossy(self.kept.make_contiguous()).into_owned()
    }
}
