//! A small scripted machine: files in memory, virtual time, and a [`World`] that answers commands and HTTP requests.
//! It answers what the script knows and ends the test on everything else.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kubeboot::document::Document;
use kubeboot::facts::Facts;
use kubeboot::fault::Fault;
use kubeboot::host::{Command, Event, Host, Level, Mode, Output, Part, Request, Response, Stream, Unanswered};
use kubeboot::moment::{Instant, UnixTime};
use kubeboot::run;
use kubeboot::waiting::Early;

/// The world outside of the machine's memory: each test scripts its own.
pub trait World {
    /// How long a command runs before it has done anything.
    fn takes(&self, command: &Command) -> Duration;
    /// The addresses of a name; `None` is a name that the script doesn't know.
    fn resolve(&self, name: &str) -> Option<Vec<IpAddr>> {
        let _ = name;
        None
    }
    /// The parts of a command that a machine can die between, each with the seconds that it takes.
    fn phases(&self, command: &Command) -> &'static [(&'static str, f64)] {
        let _ = command;
        &[]
    }
    /// Does a part; what the command says if it ends there.
    fn phase(&self, sim: &Sim<Self>, phase: &str) -> Option<Output>
    where
        Self: Sized,
    {
        panic!("there is no {phase} in {}", sim.seconds())
    }
    /// Time has passed for what goes on by itself.
    fn passes(&self, sim: &Sim<Self>)
    where
        Self: Sized,
    {
        let _ = sim;
    }
    /// What a command does and says; `None` is a command that the script doesn't know.
    fn command(&self, sim: &Sim<Self>, command: &Command) -> Option<Output>
    where
        Self: Sized;
    /// What an exchange brings; `None` is a request that the script doesn't know.
    fn http(&self, sim: &Sim<Self>, request: &Request) -> Option<Result<Response, Unanswered>>
    where
        Self: Sized;
}

/// A run from its beginning, as the agent has one.
pub async fn first_boot<W: World>(sim: &Sim<W>, found: Result<Document, Fault>, facts: Facts) -> Result<(), Fault> {
    run::run(Early::begin(sim, &facts).await, found, facts).await
}

/// An [`Event`], owned.
#[derive(Clone, Debug)]
pub struct Told {
    pub level: Level,
    pub step: String,
    pub message: String,
    pub console: bool,
}

/// What is written again and again and decides nothing.
const TOLD: [&str; 2] = ["/run/kubeboot/status.json", "/run/kubeboot/pace.json"];

/// The machine.
pub struct Sim<W> {
    pub world: W,
    pub files: RefCell<BTreeMap<PathBuf, (Vec<u8>, Mode)>>,
    /// What changed the machine, in order; what only tells of the run is left out.
    pub effects: RefCell<Vec<String>>,
    pub events: RefCell<Vec<Told>>,
    pub statuses: RefCell<Vec<String>>,
    /// The machine dies right after this many effects more.
    pub dies_after: Cell<Option<usize>>,
    /// What a further look at the machine finds.
    pub facts: RefCell<Option<Facts>>,
    /// From when to when, seconds since the start, the clock is not synchronised.
    pub drifts: Cell<(f64, f64)>,
    /// The agent is killed at this time, seconds since the start.
    pub dies_at: Cell<Option<f64>>,
    clock: Cell<Duration>,
    sleepers: RefCell<BTreeSet<(Duration, u64)>>,
    counter: Cell<u64>,
    dead: Cell<bool>,
    start: UnixTime,
}

struct Sleep<'a, W>(&'a Sim<W>, (Duration, u64));

impl<W> Drop for Sleep<'_, W> {
    fn drop(&mut self) {
        self.0.sleepers.borrow_mut().remove(&self.1);
    }
}

impl<W: World> Sim<W> {
    /// A machine that starts at this time with these files.
    pub fn new(world: W, start: UnixTime, files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(path, bytes)| (PathBuf::from(path), (bytes.to_vec(), Mode::Private))).collect();
        Self {
            world,
            files: RefCell::new(files),
            effects: RefCell::default(),
            events: RefCell::default(),
            statuses: RefCell::default(),
            dies_after: Cell::new(None),
            facts: RefCell::default(),
            drifts: Cell::new((0.0, 1.0)),
            dies_at: Cell::new(None),
            clock: Cell::new(Duration::from_secs(7)),
            sleepers: RefCell::default(),
            counter: Cell::new(0),
            dead: Cell::new(false),
            start,
        }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.clock.get().as_secs_f64() - 7.0
    }

    /// Polls; where nothing can go on, time goes to the next sleeper's end. `None` if the machine died.
    pub fn drive<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        self.dead.set(false);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            if self.dead.get() {
                return None;
            }
            let next = self.sleepers.borrow().first().copied();
            let (end, _) = next.expect("nobody sleeps and nothing goes on");
            assert!(end < Duration::from_secs(1_000_000), "it goes on for ever");
            if let Some(at) = self.dies_at.get().filter(|at| end.as_secs_f64() - 7.0 > *at) {
                self.dies_at.set(None);
                self.clock.set(Duration::from_secs(7) + Duration::from_secs_f64(at));
                return None;
            }
            self.clock.set(self.clock.get().max(end));
            self.world.passes(self);
        }
    }

    pub fn file(&self, path: &str) -> Option<String> {
        self.files.borrow().get(Path::new(path)).map(|(bytes, _)| String::from_utf8(bytes.clone()).unwrap())
    }

    pub fn put(&self, path: &str, text: &str) {
        self.files.borrow_mut().insert(path.into(), (text.as_bytes().to_vec(), Mode::Private));
    }

    /// What a power cut leaves: nothing under /run.
    pub fn cut_power(&self) {
        self.files.borrow_mut().retain(|path, _| !path.starts_with("/run"));
    }

    /// Notes an effect, and dies after it if it is time.
    async fn effect(&self, line: String) {
        self.effects.borrow_mut().push(line);
        match self.dies_after.get() {
            Some(1) => {
                self.dies_after.set(None);
                self.dead.set(true);
                std::future::pending::<()>().await;
            }
            left => self.dies_after.set(left.map(|left| left - 1)),
        }
    }

    fn count(&self) -> u64 {
        self.counter.replace(self.counter.get() + 1)
    }
}

impl<W: World> Host for Sim<W> {
    async fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        let bytes = self.files.borrow().get(path).map(|(bytes, _)| bytes.clone());
        assert!(bytes.as_ref().is_none_or(|bytes| bytes.len() <= limit), "{} is larger than {limit}", path.display());
        Ok(bytes)
    }

    async fn read_part(&self, path: &Path, part: Part, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        let files = self.files.borrow();
        Ok(files.get(path).map(|(bytes, _)| match part {
            Part::Head => bytes[..bytes.len().min(limit)].to_vec(),
            Part::Tail => bytes[bytes.len().saturating_sub(limit)..].to_vec(),
        }))
    }

    async fn is_private(&self, path: &Path) -> Result<Option<bool>, Fault> {
        Ok(self.files.borrow().get(path).map(|(_, mode)| *mode == Mode::Private))
    }

    async fn list(&self, path: &Path) -> Result<Option<Vec<String>>, Fault> {
        let files = self.files.borrow();
        let below = files.keys().filter_map(|file| file.strip_prefix(path).ok()?.components().next());
        let names: BTreeSet<String> = below.map(|name| name.as_os_str().to_str().unwrap().to_owned()).collect();
        Ok((!names.is_empty()).then(|| names.into_iter().collect()))
    }

    async fn write(&self, path: &Path, bytes: &[u8], mode: Mode) -> Result<(), Fault> {
        self.files.borrow_mut().insert(path.to_owned(), (bytes.to_vec(), mode));
        if !TOLD.contains(&path.to_str().unwrap()) {
            self.effect(format!("write {} {mode:?}", path.display())).await;
        }
        Ok(())
    }

    async fn append(&self, path: &Path, bytes: &[u8]) -> Result<(), Fault> {
        self.files.borrow_mut().entry(path.to_owned()).or_insert((Vec::new(), Mode::Private)).0.extend_from_slice(bytes);
        let record: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let word = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let line = format!("append {}: {} {}{}", path.display(), word("entry"), word("step"), word("course"));
        self.effect(line.trim_end().to_owned()).await;
        Ok(())
    }

    async fn remove(&self, path: &Path) -> Result<bool, Fault> {
        let was = self.files.borrow_mut().remove(path).is_some();
        if was && !TOLD.contains(&path.to_str().unwrap()) {
            self.effect(format!("remove {}", path.display())).await;
        }
        Ok(was)
    }

    async fn remove_folder(&self, path: &Path) -> Result<bool, Fault> {
        let before = self.files.borrow().len();
        self.files.borrow_mut().retain(|file, _| !file.starts_with(path));
        let was = self.files.borrow().len() < before;
        if was {
            self.effect(format!("remove {}/", path.display())).await;
        }
        Ok(was)
    }

    async fn mount_read_only(&self, device: &Path, _: &Path) -> Result<(), Fault> {
        panic!("nothing is to be mounted: {}", device.display())
    }

    async fn unmount(&self, at: &Path) -> Result<(), Fault> {
        panic!("nothing is mounted: {}", at.display())
    }

    async fn socket_answers(&self, path: &Path) -> bool {
        assert_eq!(path, Path::new("/run/containerd/containerd.sock"));
        self.seconds() >= 2.0
    }

    async fn run(&self, command: &Command, line: &mut dyn FnMut(Stream, &str)) -> Result<Output, Fault> {
        let mut ended = None;
        for (phase, seconds) in self.world.phases(command) {
            self.sleep(Duration::from_secs_f64(*seconds)).await;
            ended = self.world.phase(self, phase);
            if ended.is_some() {
                break;
            }
            self.effect(format!("run {}: {phase}", command.line())).await;
        }
        self.sleep(self.world.takes(command)).await;
        let Some(output) = ended.or_else(|| self.world.command(self, command)) else {
            panic!("the script does not know `{}`", command.line())
        };
        for text in output.stdout.lines() {
            line(Stream::Out, text);
        }
        for text in output.stderr.lines() {
            line(Stream::Err, text);
        }
        self.effect(format!("run {}", command.line())).await;
        Ok(output)
    }

    async fn http(&self, request: &Request) -> Result<Response, Unanswered> {
        let Some(answer) = self.world.http(self, request) else { panic!("the script does not know {:?} {}", request.method, request.url) };
        if let Err(Unanswered::ConnectTimeout(_)) = &answer {
            self.sleep(request.connect_limit).await;
        }
        answer
    }

    async fn resolve(&self, name: &str, _: Duration) -> Result<Vec<IpAddr>, Unanswered> {
        Ok(self.world.resolve(name).unwrap_or_else(|| panic!("the script has no address of {name}")))
    }

    async fn connects(&self, address: SocketAddr, _: Duration) -> Result<(), Unanswered> {
        Err(Unanswered::Refused(address.to_string()))
    }

    async fn facts(&self) -> Result<Facts, Fault> {
        self.facts.borrow().clone().ok_or_else(|| panic!("facts are handed in"))
    }

    fn clock_synchronised(&self) -> bool {
        let (from, to) = self.drifts.get();
        !(from..to).contains(&self.seconds())
    }

    fn now(&self) -> Instant {
        Instant(self.clock.get())
    }

    fn wall(&self) -> UnixTime {
        self.start.plus(i64::try_from(self.clock.get().as_secs()).unwrap())
    }

    async fn sleep(&self, time: Duration) {
        let end = self.clock.get() + time;
        let sleep = Sleep(self, (end, self.count()));
        self.sleepers.borrow_mut().insert(sleep.1);
        poll_fn(|_| if self.clock.get() >= end { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        bytes.fill(u8::try_from(self.count() % 251).unwrap());
        Ok(())
    }

    fn tell(&self, event: &Event<'_>) {
        self.events.borrow_mut().push(Told {
            level: event.level,
            step: event.step.to_owned(),
            message: event.message.to_owned(),
            console: event.console,
        });
    }

    fn status(&self, line: &str) {
        self.statuses.borrow_mut().push(line.to_owned());
    }

    fn credential_path(&self, name: &str) -> Option<PathBuf> {
        panic!("no credential {name} was handed over")
    }
}
