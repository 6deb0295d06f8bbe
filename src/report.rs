//! What happens and what happened: `/run/kubeboot/status.json`, a stable schema, and the same for a person.
//!
//! Times are wall-clock RFC 3339, durations seconds with three decimals. Fields are added, never renamed.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Seen;
use crate::fault::Fault;
use crate::plan::{Course, Plan, StepId};

/// The whole of `status.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `kubeboot/v1alpha1`.
    pub api_version: String,
    /// `Status`.
    pub kind: String,
    /// Version of kubeboot.
    pub kubeboot: String,
    /// How the run stands.
    pub outcome: Outcome,
    /// Exit code, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// machine-id.
    pub machine: String,
    /// Where the document came from.
    #[serde(default)]
    pub datasource: String,
    /// Cluster name.
    #[serde(default)]
    pub cluster: String,
    /// Role.
    #[serde(default)]
    pub role: String,
    /// Node name.
    #[serde(default)]
    pub node: String,
    /// Address of the node.
    #[serde(default)]
    pub address: String,
    /// initialise or join, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// When this run began.
    pub started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What it waited for before the first step: its document, a name, an address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// The steps, in order.
    #[serde(default)]
    pub steps: Vec<StepReport>,
    /// Why it ended, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultReport>,
    /// When certificates on this machine expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Expiry>,
    /// What is left for a person to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_do: Vec<String>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Under way.
    Running,
    /// The node works and kubeboot has retired.
    Done,
    /// It ended with a fault.
    Failed,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// Not reached.
    Pending,
    /// At hand.
    Running,
    /// Done by this run.
    Done,
    /// It was done already.
    FoundDone,
    /// It failed for good.
    Failed,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Which.
    pub id: StepId,
    /// Why.
    pub why: String,
    /// How it stands.
    pub outcome: StepOutcome,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// How long it took, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Attempts.
    pub attempts: u32,
    /// How the last failed attempt that was repeated failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FaultReport>,
    /// While it pauses after a failed attempt: how long, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_in: Option<f64>,
    /// What it waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
}

/// One wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// For what.
    pub waiting_for: String,
    /// Since when.
    pub since: String,
    /// How long, seconds; grows while it lasts.
    pub seconds: f64,
    /// Looks taken.
    pub tries: u32,
    /// What the last look saw, in words.
    pub last_seen: String,
    /// Its name, one of the README's table of failures.
    #[serde(default)]
    pub failure: String,
    /// How soon after the last look the next one comes, seconds; none once the wait is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_in: Option<f64>,
    /// True once the wait is over.
    pub over: bool,
}

impl Wait {
    /// A wait that begins.
    #[must_use]
    pub fn new(waiting_for: &str, since: String) -> Self {
        Self {
            waiting_for: waiting_for.to_owned(),
            since,
            seconds: 0.0,
            tries: 0,
            last_seen: String::new(),
            failure: String::new(),
            next_try_in: None,
            over: false,
        }
    }

    /// Takes in what a look saw; whether it is something else than before.
    pub fn see(&mut self, seen: &Seen) -> bool {
        let moved = self.last_seen != seen.line;
        self.last_seen.clone_from(&seen.line);
        seen.failure.name().clone_into(&mut self.failure);
        moved
    }

    /// What was waited for is there.
    pub fn end(&mut self) {
        self.over = true;
        self.next_try_in = None;
    }

    /// Puts itself among the others, in its own place as it was before.
    pub fn note(&self, waits: &mut Vec<Self>) {
        match waits.iter_mut().find(|old| old.waiting_for == self.waiting_for && old.since == self.since) {
            Some(old) => old.clone_from(self),
            None => waits.push(self.clone()),
        }
    }
}

/// Seconds with three decimals, as the report has all its times.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A [`Fault`] in the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultReport {
    /// Its name, one of the README's table of failures.
    #[serde(default)]
    pub name: String,
    /// usage, input, broken, bug, transient.
    pub class: String,
    /// What happened.
    pub what: String,
    /// Where.
    pub at: String,
    /// The deepest cause known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do.
    pub advice: String,
}

impl From<&Fault> for FaultReport {
    fn from(fault: &Fault) -> Self {
        Self {
            name: fault.failure().name().to_owned(),
            class: fault.class().name().to_owned(),
            what: fault.what().to_owned(),
            at: fault.at().to_owned(),
            why: fault.why().map(str::to_owned),
            advice: fault.advice().to_owned(),
        }
    }
}

/// When a certificate file expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiry {
    /// File.
    pub file: String,
    /// notAfter.
    pub expires: String,
}

impl Report {
    /// A run that begins.
    #[must_use]
    pub fn new(machine: &str, started_at: String) -> Self {
        Self {
            api_version: "kubeboot/v1alpha1".to_owned(),
            kind: "Status".to_owned(),
            kubeboot: env!("CARGO_PKG_VERSION").to_owned(),
            outcome: Outcome::Running,
            exit_code: None,
            machine: machine.to_owned(),
            datasource: String::new(),
            cluster: String::new(),
            role: String::new(),
            node: String::new(),
            address: String::new(),
            course: None,
            started_at,
            ended_at: None,
            waits: Vec::new(),
            steps: Vec::new(),
            fault: None,
            certificates: Vec::new(),
            left_to_do: Vec::new(),
        }
    }

    /// Lists the plan's steps, keeping what is known of steps that were under way or done.
    pub fn follow(&mut self, plan: &Plan) {
        let known = std::mem::take(&mut self.steps);
        self.steps = plan
            .steps
            .iter()
            .map(|step| match known.iter().find(|old| old.id == step.id && old.outcome != StepOutcome::Pending) {
                Some(old) => old.clone(),
                None => StepReport {
                    id: step.id,
                    why: step.why.clone(),
                    outcome: StepOutcome::Pending,
                    started_at: None,
                    seconds: None,
                    attempts: 0,
                    last_failure: None,
                    next_try_in: None,
                    waits: Vec::new(),
                },
            })
            .collect();
        // What was done on a course that was left stays visible, in front.
        let mut left: Vec<StepReport> = known
            .into_iter()
            .filter(|old| old.outcome != StepOutcome::Pending && !plan.steps.iter().any(|step| step.id == old.id))
            .collect();
        left.append(&mut self.steps);
        self.steps = left;
    }

    /// The step's entry.
    pub fn step(&mut self, id: StepId) -> Option<&mut StepReport> {
        self.steps.iter_mut().find(|step| step.id == id)
    }

    /// Nothing is tried again any more.
    pub fn rest(&mut self) {
        self.steps.iter_mut().for_each(|step| step.next_try_in = None);
        let waits = self.steps.iter_mut().flat_map(|step| &mut step.waits).chain(&mut self.waits);
        waits.for_each(|wait| wait.next_try_in = None);
    }

    /// `status.json`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// What is done, waited for or paused over at the moment.
fn now(report: &Report) -> Option<String> {
    let waits_for = |waits: &[Wait]| {
        let wait = waits.iter().rev().find(|wait| !wait.over)?;
        let next = wait.next_try_in.map(|pause| format!("; next look within {pause:.1} s")).unwrap_or_default();
        Some(format!("waiting for {}: {}{next}", wait.waiting_for, wait.last_seen))
    };
    let Some(step) = report.steps.iter().find(|step| step.outcome == StepOutcome::Running) else {
        return waits_for(&report.waits).filter(|_| report.outcome == Outcome::Running);
    };
    let id = step.id.name();
    if let Some(wait) = waits_for(&step.waits) {
        return Some(format!("{id}: {wait}"));
    }
    match (&step.last_failure, step.next_try_in) {
        (Some(failed), Some(pause)) => Some(format!("{id}: attempt {} failed: {}; next within {pause:.0} s", step.attempts, failed.what)),
        _ => Some(format!("{id}: {}", step.why)),
    }
}

/// The waits that last, or lasted long enough to be of interest.
fn tell_waits(text: &mut String, indent: usize, waits: &[Wait]) {
    for wait in waits.iter().filter(|wait| !wait.over || wait.seconds >= 1.0) {
        let tense = if wait.over { "waited" } else { "waiting" };
        let _ = writeln!(text, "{:indent$}{tense} {:.1} s for {}: {}", "", wait.seconds, wait.waiting_for, wait.last_seen);
    }
}

/// The report as a person reads it: one screen.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    let outcome = match (report.outcome, report.exit_code) {
        (Outcome::Running, _) => "running".to_owned(),
        (Outcome::Done, _) => "done".to_owned(),
        (Outcome::Failed, Some(code)) => format!("failed (exit code {code})"),
        (Outcome::Failed, None) => "failed".to_owned(),
    };
    let _ = writeln!(text, "kubeboot {}: {outcome}", report.kubeboot);
    if !report.cluster.is_empty() {
        // Name and address come last, and are waited for.
        let who = if report.node.is_empty() { String::new() } else { format!(" {} ({})", report.node, report.address) };
        let _ = writeln!(text, "  cluster {}, {}{who}, document {}", report.cluster, report.role, report.datasource);
    }
    let ended = report.ended_at.as_deref().map(|at| format!(", ended {at}")).unwrap_or_default();
    let _ = writeln!(text, "  began {}{ended}", report.started_at);
    tell_waits(&mut text, 2, &report.waits);
    if let Some(now) = now(report) {
        let _ = writeln!(text, "  now {now}");
    }
    if !report.steps.is_empty() {
        let _ = writeln!(text, "\n  {:<18} {:<10} {:>8}  WHAT", "STEP", "STATE", "SECONDS");
    }
    for step in &report.steps {
        let state = match step.outcome {
            StepOutcome::Pending => "-",
            StepOutcome::Running => "running",
            StepOutcome::Done => "done",
            StepOutcome::FoundDone => "found",
            StepOutcome::Failed => "FAILED",
        };
        let seconds = step.seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default();
        let _ = writeln!(text, "  {:<18} {state:<10} {seconds:>8}  {}", step.id.name(), step.why);
        tell_waits(&mut text, 42, &step.waits);
        if let Some(failed) = &step.last_failure {
            let why = failed.why.as_deref().map(|why| format!(": {}", why.replace('\n', "; "))).unwrap_or_default();
            let _ = writeln!(text, "  {:<38}  failed before: {}{why}", "", failed.what);
        }
    }
    if let Some(fault) = &report.fault {
        let _ = writeln!(text, "\n  {}\n    name:   {}\n    where:  {}", fault.what, fault.name, fault.at);
        if let Some(why) = &fault.why {
            let _ = writeln!(text, "    why:    {}", why.replace('\n', "\n            "));
        }
        let _ = writeln!(text, "    do:     {}", fault.advice);
    }
    for expiry in &report.certificates {
        let _ = writeln!(text, "  expires {}  {}", expiry.expires, expiry.file);
    }
    for task in &report.left_to_do {
        let _ = writeln!(text, "  left to do: {task}");
    }
    text
}
