//! The loop: decide → ask or act → record, from a document to a retired machine.
//!
//! One executor for every [`Host`]. It owns no knowledge of kubeadm: [`crate::act`] does the steps, [`crate::plan`]
//! lists them, [`crate::decide`] chooses.

mod arrival;
mod memory;
mod waiting;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::act;
use crate::act::fence::Sighting;
use crate::act::pace::Pace;
use crate::cni::Manifest;
use crate::concurrently::{First, race};
use crate::decide::{Attempt, Decision, StepState, decide};
use crate::document::spec::{NodeSpec, Role};
use crate::document::{Disposal, Document, Violations, read_node};
use crate::facts::Facts;
use crate::fault::{Class, Fault};
use crate::host::{Event, Host, Level, Mode, Stream};
use crate::kubeadm::config::Identity;
use crate::ledger::{Entry, Progress};
use crate::message::Message;
use crate::moment::Instant;
use crate::paths;
use crate::pki::shared::SharedPki;
use crate::plan::{self, Course, Plan, Step, StepId};
use crate::report::{FaultReport, Outcome, Report, StepOutcome, milliseconds};
use crate::waiting::{Early, publish};

pub use crate::waiting::Look;

/// Largest report read, bytes.
pub const REPORT_LIMIT: usize = 4 << 20;

/// One run on one machine: what is known, what was done, and the way to the world.
#[derive(Debug)]
pub struct Run<'a, H: Host> {
    /// The world.
    pub host: &'a H,
    /// What this machine is to be.
    pub spec: NodeSpec,
    /// What can be done about the document in the end.
    pub disposal: Disposal,
    /// Instance id of the datasource.
    pub instance_id: Option<String>,
    /// The machine.
    pub facts: Facts,
    /// Name and address of the node.
    pub identity: Identity,
    /// What the ledger proves.
    pub progress: Progress,
    /// What is told.
    pub report: Report,
    /// The shared PKI, once it is on disk.
    pub shared: Option<SharedPki>,
    /// How often this machine looks at the endpoint.
    pub pace: Rc<Pace>,
    /// What the endpoint and the peers looked like, for the fence.
    pub sighting: Rc<RefCell<Sighting>>,
    /// The course taken.
    pub course: Course,
    /// The CNI's manifest, once it was read.
    pub manifest: Option<Rc<Manifest>>,
    /// The held join Lease.
    pub turn: Option<act::turn::Turn>,
    /// The step at hand and its end.
    at_hand: (StepId, Instant),
    began: Instant,
    told: Instant,
}

/// Runs a document to its end. The report is written throughout; the fault, if any, is in it too.
///
/// # Errors
/// The fault that ended the run; its class is the exit code.
pub async fn run<H: Host>(mut early: Early<'_, H>, document: Result<Document, Fault>, facts: Facts) -> Result<(), Fault> {
    let host = early.host;
    let is_missing = document.is_err();
    let prepared = match document {
        Ok(document) => prepare(&mut early, document, facts.clone()).await,
        Err(fault) => Err(fault),
    };
    let mut run = match prepared {
        Ok(run) => run,
        Err(fault) => {
            // What a datasource after ours holds is somebody else's, once ours is gone.
            let result = if is_missing || fault.class() == Class::Input {
                memory::without_document(host, &facts, &mut early.report, fault).await
            } else {
                Err(fault)
            };
            end(host, &mut early.report, result.as_ref().err()).await;
            return result;
        }
    };
    let observer = act::fence::observe(host, run.spec.clone(), run.facts.clone(), Rc::clone(&run.sighting), Rc::clone(&run.pace));
    let result = match race(run.steps(), observer).await {
        First::Left(result) => result,
        First::Right(never) => match never {},
    };
    end(host, &mut run.report, result.as_ref().err()).await;
    result
}

/// Corrects the report of a run that a signal ended; the fault is told even if it had not come to one.
pub async fn stopped<H: Host>(host: &H, fault: &Fault) {
    let left = host.read(Path::new(paths::STATUS), REPORT_LIMIT).await;
    match left.ok().flatten().map(|bytes| serde_json::from_slice::<Report>(&bytes)) {
        Some(Ok(mut report)) => end(host, &mut report, Some(fault)).await,
        _ => tell_fault(host, fault),
    }
}

/// The fault that ends it, to journal and console.
pub fn tell_fault<H: Host>(host: &H, fault: &Fault) {
    host.tell(&Event::new(Level::Error, "", &fault.to_string()).of(Message::Failed).telling(fault.failure()).on_console());
}

/// The last words: report, console, journal.
async fn end<H: Host>(host: &H, report: &mut Report, fault: Option<&Fault>) {
    report.ended_at = Some(host.wall().to_string());
    report.rest();
    report.outcome = if fault.is_some() { Outcome::Failed } else { Outcome::Done };
    report.exit_code = Some(fault.map_or(0, |fault| fault.class().exit_code()));
    report.fault = fault.map(FaultReport::from);
    if let Some(fault) = fault {
        if let Some(step) = report.steps.iter_mut().find(|step| step.outcome == StepOutcome::Running) {
            step.outcome = StepOutcome::Failed;
        }
        tell_fault(host, fault);
        host.status(&format!("failed: {}", fault.line()));
    }
    if let Err(unwritten) = host.write(Path::new(paths::STATUS), &report.to_json(), Mode::Private).await {
        tell_fault(host, &unwritten);
    }
}

/// Document, ledger and identity, before any step.
async fn prepare<'a, H: Host>(early: &mut Early<'a, H>, document: Document, facts: Facts) -> Result<Run<'a, H>, Fault> {
    let host = early.host;
    early.report.datasource.clone_from(&document.origin);
    let spec = read_node(&document).map_err(Violations::into_fault)?;
    early.report.cluster.clone_from(&spec.cluster);
    spec.role.name().clone_into(&mut early.report.role);
    let (facts, identity) = arrival::settle(early, &spec, facts).await?;
    early.report.node.clone_from(&identity.name);
    early.report.address = identity.address.to_string();
    let progress = memory::recall(host, &facts).await?;
    let now = host.now();
    // An initialiser sets out to initialise until a join was begun; the fence has the last word.
    let course = match spec.initialize {
        Some(_) if !progress.has_begun(StepId::KubeadmJoin) => Course::Initialise,
        _ => Course::Join,
    };
    let mut run = Run {
        host,
        disposal: document.disposal,
        instance_id: document.instance_id,
        pace: Rc::new(Pace::recall(host).await),
        sighting: Rc::new(RefCell::new(Sighting::new(spec.initialize.is_some()))),
        spec,
        facts,
        identity,
        progress,
        report: early.report.clone(),
        shared: None,
        course,
        manifest: None,
        turn: None,
        at_hand: (StepId::Preflight, now),
        began: now,
        told: now,
    };
    run.introduce().await?;
    Ok(run)
}

impl<H: Host> Run<'_, H> {
    async fn steps(&mut self) -> Result<(), Fault> {
        let mut plan = plan::build(&self.spec, self.course);
        self.report.follow(&plan);
        let mut next = 0;
        while let Some(step) = plan.steps.get(next).cloned() {
            self.step(&step).await?;
            let planned = plan.course;
            if self.course != planned {
                plan = self.change();
                next = plan.steps.iter().position(|other| other.id == step.id).unwrap_or(next);
            }
            next += 1;
        }
        let took = self.host.now().since(self.began).as_secs_f64();
        let message = format!("done: {} {} works, {took:.1} s after the start", self.spec.role.name(), self.identity.name);
        self.tell_event(Event::new(Level::Info, "", &message).of(Message::Done).on_console());
        self.host.status("done");
        Ok(())
    }

    /// The fence chose another course than the one set out on.
    fn change(&mut self) -> Plan {
        let plan = plan::build(&self.spec, self.course);
        self.report.follow(&plan);
        plan
    }

    async fn step(&mut self, step: &Step) -> Result<(), Fault> {
        let since = self.host.now();
        self.at_hand = (step.id, since.plus(step.deadline));
        let mut state = StepState::new(since, self.host.noise());
        let started = self.host.wall().to_string();
        if let Some(entry) = self.report.step(step.id) {
            entry.outcome = StepOutcome::Running;
            entry.started_at = Some(started);
        }
        self.host.status(&format!("{}: {}", step.id.name(), step.why));
        publish(self).await?;
        loop {
            match decide(step, &state, self.host.now()) {
                Decision::Ask => state.asked = Some(act::is_done(self, step.done_when).await?),
                Decision::Run => {
                    state.attempts += 1;
                    if let Some(entry) = self.report.step(step.id) {
                        entry.attempts = state.attempts;
                        entry.next_try_in = None;
                    }
                    self.tell_event(Event::new(Level::Info, "", &format!("begun: {}", step.why)).of(Message::StepBegins));
                    let ended = match act::may_begin(self, step.id).await {
                        Ok(()) => {
                            if step.has_effect() {
                                self.record(Entry::Begun { step: step.id }).await?;
                            }
                            act::act(self, step.id).await
                        }
                        refused => refused,
                    };
                    state.last = ended.map_or_else(Attempt::Failed, |()| Attempt::Succeeded);
                    state.asked = None;
                }
                Decision::Sleep(pause) => {
                    self.tell_pause(&state, pause).await?;
                    self.host.sleep(pause).await;
                    state.last = Attempt::None;
                    state.asked = None;
                    state.noise = self.host.noise();
                }
                Decision::Halt(fault) => {
                    self.record(Entry::Failed { step: step.id, fault: fault.line() }).await?;
                    return Err(fault);
                }
                Decision::Next => break,
            }
        }
        if step.has_effect() {
            self.record(Entry::Done { step: step.id }).await?;
        }
        let took = self.host.now().since(since);
        let found = state.attempts == 0;
        if let Some(entry) = self.report.step(step.id) {
            entry.outcome = if found { StepOutcome::FoundDone } else { StepOutcome::Done };
            entry.seconds = Some(milliseconds(took));
        }
        let how = if found { "found done" } else { "done" };
        let message = format!("{} {how} ({:.1} s): {}", step.id.name(), took.as_secs_f64(), step.why);
        self.tell_event(Event::new(Level::Info, "", &message).of(Message::StepDone).on_console());
        publish(self).await
    }

    /// Why the step at hand pauses, and for how long.
    async fn tell_pause(&mut self, state: &StepState, pause: Duration) -> Result<(), Fault> {
        let Attempt::Failed(fault) = &state.last else { return Ok(()) };
        let step = self.at_hand.0;
        if let Some(entry) = self.report.step(step) {
            entry.last_failure = Some(FaultReport::from(fault));
            entry.next_try_in = Some(milliseconds(pause));
        }
        let (attempts, seconds) = (state.attempts, pause.as_secs_f64());
        let message = format!("attempt {attempts} failed, will be repeated: {}", fault.line());
        self.tell_event(Event::new(Level::Warning, "", &message).of(Message::AttemptFailed).telling(fault.failure()));
        self.host.status(&format!("{}: attempt {attempts} failed, next in {seconds:.0} s: {}", step.name(), fault.line()));
        publish(self).await
    }

    /// To the journal.
    pub fn tell(&self, level: Level, message: &str) {
        self.tell_event(Event::new(level, "", message));
    }

    /// An event of the step at hand.
    pub fn tell_event(&self, event: Event<'_>) {
        self.host.tell(&Event { step: self.at_hand.0.name(), ..event });
    }

    /// What is left for a person, to report and journal.
    pub fn leave_to_do(&mut self, task: String) {
        self.tell_event(Event::new(Level::Warning, "", &task).of(Message::LeftToDo));
        self.report.left_to_do.push(task);
    }

    /// Runs a command whose lines go to the journal as they come.
    ///
    /// # Errors
    /// The program can't be started.
    pub async fn command(&self, command: &crate::host::Command) -> Result<crate::host::Output, Fault> {
        let step = self.at_hand.0.name();
        let host = self.host;
        let mut line = |_: Stream, text: &str| host.tell(&Event::new(Level::Debug, step, text).of(Message::Output));
        host.run(command, &mut line).await
    }

    /// Whether this machine is a control plane.
    #[must_use]
    pub fn is_control_plane(&self) -> bool {
        self.spec.role == Role::ControlPlane
    }
}
