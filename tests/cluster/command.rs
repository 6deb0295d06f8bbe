//! Programs run to their end, with a deadline and with everything they said.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::{Outcome, While};

/// How often a running program is asked whether it has ended.
const TICK: Duration = Duration::from_millis(5);

pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn ok(&self) -> bool {
        self.status.success()
    }
}

pub fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    // What is run, not how it gets there.
    text.rsplit_once(" -- ").map_or(text.clone(), |(_, inner)| inner.to_owned())
}

/// Runs to the end, whatever that end is; past the deadline the program is killed and that is the failure.
pub fn run(command: &mut Command, deadline: Duration) -> Outcome<Ended> {
    let what = describe(command);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().whilst(format_args!("starting {what}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().whilst(&what)? {
            break status;
        }
        if started.elapsed() > deadline {
            // Already gone is as good; the wait below takes it off the process table.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{what}: not done after {deadline:?}"));
        }
        thread::sleep(TICK);
    };
    Ok(Ended { status, stdout: collected(stdout), stderr: collected(stderr) })
}

/// Runs and insists on success; gives what it printed.
pub fn must(command: &mut Command, deadline: Duration) -> Outcome<String> {
    let what = describe(command);
    let ended = run(command, deadline)?;
    if ended.ok() { Ok(ended.stdout) } else { Err(format!("{what}: {}\n{}{}", ended.status, ended.stdout, ended.stderr)) }
}

/// A program of the host, by name and arguments.
pub fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments);
    command
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe cut short is what was said until then.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn collected(reader: thread::JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

/// Asks again and again until the answer is there; `last` of the failures is told when time is up.
pub fn wait_for<T>(what: &str, deadline: Duration, pause: Duration, mut ask: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(last) if started.elapsed() > deadline => {
                return Err(format!("{what}: not after {deadline:?}; last: {last}"));
            }
            Err(_) => thread::sleep(pause),
        }
    }
}
