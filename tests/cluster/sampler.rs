//! Looks at every process of the machine, again and again while a cluster comes up: is a secret in its arguments or its
//! environment, and what do kubeboot and kubeadm cost.
//!
//! A process that lives shorter than one round, some ten milliseconds, can be missed: what it was started with stood in
//! its parent's hands, and journals and files are searched as well.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::needles::Needles;

const PAUSE: Duration = Duration::from_millis(10);

/// Clock ticks per second in /proc, fixed by the kernel's interface.
const TICKS: f64 = 100.0;

/// A secret seen where it must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sight {
    pub label: String,
    pub program: String,
    /// argv or environment.
    pub place: &'static str,
}

/// What one program cost on one node.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    pub processes: usize,
    pub cpu_seconds: f64,
    /// Of the children it has waited for: exact, where sampling them misses their last moments.
    pub children_seconds: f64,
    pub peak_kib: u64,
}

#[derive(Default)]
struct Seen {
    stop: bool,
    sights: BTreeSet<Sight>,
    /// Process and its start → node, program, what it cost until the last look.
    costs: BTreeMap<(i32, u64), (String, String, Cost)>,
    rounds: u64,
    processes: usize,
}

pub struct Sampler {
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

/// What a sampler saw until now.
pub struct Samples {
    pub sights: Vec<Sight>,
    pub rounds: u64,
    pub processes: usize,
    /// By node and program.
    pub costs: BTreeMap<(String, String), Cost>,
}

impl Sampler {
    pub fn start(needles: Option<Arc<Needles>>) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let shared = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            let mut rounds = Rounds { needles, known: HashMap::new() };
            loop {
                if lock(&shared).stop {
                    return;
                }
                rounds.once(&shared);
                thread::sleep(PAUSE);
            }
        });
        Self { seen, thread: Some(thread) }
    }

    pub fn samples(&self) -> Samples {
        let seen = lock(&self.seen);
        let mut costs: BTreeMap<(String, String), Cost> = BTreeMap::new();
        for (node, program, one) in seen.costs.values() {
            let cost = costs.entry((node.clone(), program.clone())).or_default();
            cost.processes += 1;
            cost.cpu_seconds += one.cpu_seconds;
            cost.children_seconds += one.children_seconds;
            cost.peak_kib = cost.peak_kib.max(one.peak_kib);
        }
        Samples { sights: seen.sights.iter().cloned().collect(), rounds: seen.rounds, processes: seen.processes, costs }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        lock(&self.seen).stop = true;
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is remembered of a process between rounds.
struct Known {
    started: u64,
    rounds: u32,
    node: String,
    program: String,
}

impl Known {
    /// Each round when young, for `exec` follows soon; then now and then, because two cores are shared with what is
    /// measured.
    fn is_due(&self) -> bool {
        self.rounds <= 6 || is_measured(&self.program) || self.rounds.is_multiple_of(32)
    }
}

fn is_measured(program: &str) -> bool {
    matches!(program, "kubeboot" | "kubeadm")
}

struct Rounds {
    needles: Option<Arc<Needles>>,
    known: HashMap<i32, Known>,
}

impl Rounds {
    fn once(&mut self, shared: &Mutex<Seen>) {
        let Ok(entries) = fs::read_dir("/proc") else { return };
        let own = i32::try_from(std::process::id()).ok();
        let pids: HashSet<i32> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| Some(*pid) != own)
            .collect();
        self.known.retain(|pid, _| pids.contains(pid));
        let mut born = 0;
        for pid in pids {
            let known = self.known.entry(pid).or_insert_with(|| {
                born += 1;
                Known { started: 0, rounds: 0, node: String::new(), program: String::new() }
            });
            known.rounds = known.rounds.saturating_add(1);
            if known.is_due() {
                self.look(pid, shared);
            }
        }
        let mut seen = lock(shared);
        seen.rounds += 1;
        seen.processes += born;
    }

    fn look(&mut self, pid: i32, shared: &Mutex<Seen>) {
        let (Some(stat), Some(known)) = (Stat::read(pid), self.known.get_mut(&pid)) else { return };
        if known.program != stat.program || known.started != stat.started {
            // Born, or another program since: arguments and environment are new, and soon settled.
            known.program.clone_from(&stat.program);
            known.started = stat.started;
            known.rounds = 1;
            known.node = node_of(pid).unwrap_or_default();
        }
        if let Some(needles) = &self.needles {
            for (file, place) in [("cmdline", "argv"), ("environ", "environment")] {
                let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                for label in needles.found_in(&bytes) {
                    let (label, program) = (label.to_owned(), stat.program.clone());
                    lock(shared).sights.insert(Sight { label, program, place });
                }
            }
        }
        if is_measured(&stat.program) && !known.node.is_empty() {
            let cpu = stat.cpu_seconds.max(scheduled_seconds(pid));
            let peak = peak_kib(pid);
            let mut seen = lock(shared);
            let fresh = || (known.node.clone(), stat.program.clone(), Cost::default());
            let cost = seen.costs.entry((pid, stat.started)).or_insert_with(fresh);
            if cost.1 != stat.program {
                // Before exec it was a copy of its parent.
                *cost = fresh();
            }
            cost.2.cpu_seconds = cost.2.cpu_seconds.max(cpu);
            cost.2.children_seconds = stat.children_seconds;
            cost.2.peak_kib = cost.2.peak_kib.max(peak);
        }
    }
}

struct Stat {
    program: String,
    started: u64,
    cpu_seconds: f64,
    children_seconds: f64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, fields) = text.split_once('(')?.1.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(Self {
            program: name.to_owned(),
            started: fields.get(19)?.parse().ok()?,
            cpu_seconds: (f64::from(number(11)?) + f64::from(number(12)?)) / TICKS,
            children_seconds: (f64::from(number(13)?) + f64::from(number(14)?)) / TICKS,
        })
    }
}

/// CPU of the threads that live now, finer than clock ticks.
fn scheduled_seconds(pid: i32) -> f64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0.0;
    };
    threads
        .filter_map(Result::ok)
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        })
        .sum::<f64>()
        / 1e9
}

fn peak_kib(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The node a process runs on, by the control group the bed started the node in.
fn node_of(pid: i32) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let (_, after) = groups.split_once("kubeboot-bed-")?;
    after.split(['/', '\n']).next().map(str::to_owned)
}
