//! Looking at the cluster from outside, as an operator would: kubectl with an admin kubeconfig, through the balancer.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::balancer::Balancer;
use crate::command::{Ended, must, run};
use crate::outcome::{Outcome, While};

pub struct Kubectl<'bed> {
    balancer: &'bed Balancer,
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl<'bed> Kubectl<'bed> {
    pub fn new(balancer: &'bed Balancer, program: &Path, kubeconfig: &Path) -> Self {
        Self { balancer, program: program.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Outcome<Command> {
        let mut command = self.balancer.command(&self.program.to_string_lossy(), &[])?;
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--request-timeout=10s").args(arguments);
        Ok(command)
    }

    pub fn run(&self, arguments: &[&str], deadline: Duration) -> Outcome<Ended> {
        run(&mut self.command(arguments)?, deadline)
    }

    pub fn must(&self, arguments: &[&str], deadline: Duration) -> Outcome<String> {
        must(&mut self.command(arguments)?, deadline)
    }

    pub fn json(&self, arguments: &[&str]) -> Outcome<Value> {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        let text = self.must(&all, Duration::from_secs(15))?;
        serde_json::from_str(&text).whilst(arguments.join(" "))
    }

    /// What a person would want to see when something is wrong; never fails.
    pub fn picture(&self) -> String {
        match self.run(&["get", "nodes,pods", "-A", "-o", "wide"], Duration::from_secs(15)) {
            Ok(ended) => format!("{}{}", ended.stdout, ended.stderr),
            Err(error) => error,
        }
    }

    /// Follows the Ready condition of all nodes by a watch: no polling, so that the time seen is the time it happened.
    pub fn watch_ready(&self) -> Outcome<ReadyWatch> {
        let template = "{.metadata.name}={.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}";
        let mut arguments = vec!["--kubeconfig".to_owned(), self.kubeconfig.to_string_lossy().into_owned()];
        arguments.extend(["get", "nodes", "--watch", "-o"].map(str::to_owned));
        arguments.push(format!("jsonpath={template}"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let place = self.balancer.command(&self.program.to_string_lossy(), &arguments)?;
        Ok(ReadyWatch::start(place))
    }
}

/// When each node was first seen Ready, and whether it is now.
#[derive(Clone)]
pub struct ReadyWatch {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    first: BTreeMap<String, Instant>,
    now: BTreeMap<String, bool>,
    over: bool,
    pid: Option<u32>,
}

impl ReadyWatch {
    fn start(mut command: Command) -> Self {
        let watch = Self { seen: Arc::default() };
        let seen = Arc::clone(&watch.seen);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        thread::spawn(move || {
            // Before the API is there, and when the server it spoke to goes, the watch ends and is begun again.
            while !lock(&seen).over {
                let Ok(mut child) = command.spawn() else {
                    return;
                };
                lock(&seen).pid = Some(child.id());
                if let Some(output) = child.stdout.take() {
                    for line in BufReader::new(output).lines().map_while(Result::ok) {
                        let Some((name, status)) = line.split_once('=') else {
                            continue;
                        };
                        let ready = status == "True";
                        let mut seen = lock(&seen);
                        seen.now.insert(name.to_owned(), ready);
                        if ready {
                            seen.first.entry(name.to_owned()).or_insert_with(Instant::now);
                        }
                    }
                }
                // Its output has ended, so it has, or does now.
                let _ = child.wait();
                lock(&seen).pid = None;
                thread::sleep(Duration::from_millis(500));
            }
        });
        watch
    }

    pub fn first_ready(&self) -> BTreeMap<String, Instant> {
        lock(&self.seen).first.clone()
    }

    /// `Ok` with the moment the last of them became Ready, when all are Ready now.
    pub fn all_ready(&self, count: usize) -> Outcome<Instant> {
        let seen = lock(&self.seen);
        let ready = seen.now.values().filter(|ready| **ready).count();
        match seen.first.values().max() {
            Some(last) if ready == count && seen.now.len() == count => Ok(*last),
            _ => Err(format!("Ready: {:?}", seen.now)),
        }
    }
}

impl Drop for ReadyWatch {
    fn drop(&mut self) {
        // The thread holds the other one.
        if Arc::strong_count(&self.seen) <= 2 {
            let mut seen = lock(&self.seen);
            seen.over = true;
            if let Some(pid) = seen.pid.and_then(|pid| i32::try_from(pid).ok()) {
                // Ended already is as good.
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            }
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
