//! A machine for the datasources: files are real (a copy of the fixture), drive, network and time are not.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubeboot::facts::Facts;
use kubeboot::fault::Fault;
use kubeboot::host::local::{LocalHost, Surroundings};
use kubeboot::host::{Command, Event, Host, Mode, Output, Part, Request, Response, Stream, Unanswered};
use kubeboot::moment::{Instant, UnixTime};
use kubeboot::paths;
use kubeboot::report::Report;

/// SHA-256 of the body of [`ok`], by sha256sum(1).
pub const DIGEST_OF_OK: &str = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df";

pub fn ok() -> Result<Response, Unanswered> {
    Ok(Response { status: 200, body: b"ok".to_vec() })
}

pub fn status(status: u16) -> Result<Response, Unanswered> {
    Ok(Response { status, body: Vec::new() })
}

pub struct Machine {
    pub root: tempfile::TempDir,
    pub drive: PathBuf,
    pub mounted: Cell<u32>,
    pub mounts: Cell<u32>,
    /// The pauses slept.
    pub pauses: RefCell<Vec<Duration>>,
    /// After so many, the label `other` becomes `cidata`; zero: never.
    pub after_pauses: Cell<usize>,
    pub told: RefCell<Vec<String>>,
    /// Every status.json that was written.
    pub reports: RefCell<Vec<Report>>,
    /// What HTTP answers; the last one for ever.
    answers: RefCell<VecDeque<Result<Response, Unanswered>>>,
    files: LocalHost,
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

impl Machine {
    /// The machine of a fixture.
    pub fn of(case: &Path) -> Self {
        let machine = Self::answering(Vec::new());
        copy(&case.join("root"), machine.root.path());
        copy(&case.join("drive"), &machine.drive);
        // `STATUS` and the body after a blank line; answers are separated by lines of `===`.
        if let Ok(text) = std::fs::read_to_string(case.join("answers")) {
            let answer = |text: &str| {
                let (status, body) = text.split_once("\n\n").unwrap_or((text, ""));
                Ok(Response { status: status.trim().parse().unwrap(), body: body.as_bytes().to_vec() })
            };
            *machine.answers.borrow_mut() = text.split("===\n").map(answer).collect();
        }
        machine
    }

    /// An empty machine and what HTTP answers it.
    pub fn answering(answers: Vec<Result<Response, Unanswered>>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let drive = root.path().join("the-drive");
        let files = LocalHost::in_surroundings(root.path().to_owned(), Surroundings::default());
        Self {
            root,
            drive,
            mounted: Cell::new(0),
            mounts: Cell::new(0),
            pauses: RefCell::default(),
            after_pauses: Cell::new(0),
            told: RefCell::default(),
            reports: RefCell::default(),
            answers: RefCell::new(answers.into()),
            files,
        }
    }

    fn below(&self, path: &Path) -> PathBuf {
        self.root.path().join(path.strip_prefix("/").unwrap())
    }
}

impl Host for Machine {
    async fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        self.files.read(path, limit).await
    }

    async fn read_part(&self, path: &Path, part: Part, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        self.files.read_part(path, part, limit).await
    }

    async fn is_private(&self, _: &Path) -> Result<Option<bool>, Fault> {
        panic!("a datasource looks at no mode")
    }

    async fn list(&self, path: &Path) -> Result<Option<Vec<String>>, Fault> {
        self.files.list(path).await
    }

    async fn mount_read_only(&self, device: &Path, at: &Path) -> Result<(), Fault> {
        assert!(self.below(device).exists(), "{} is no device of this machine", device.display());
        copy(&self.drive, &self.below(at));
        self.mounted.set(self.mounted.get() + 1);
        self.mounts.set(self.mounts.get() + 1);
        Ok(())
    }

    async fn unmount(&self, at: &Path) -> Result<(), Fault> {
        std::fs::remove_dir_all(self.below(at)).unwrap();
        self.mounted.set(self.mounted.get() - 1);
        Ok(())
    }

    async fn http(&self, request: &Request) -> Result<Response, Unanswered> {
        assert!(request.tls.is_none() && request.bearer.is_none());
        let mut answers = self.answers.borrow_mut();
        let first = answers.pop_front().expect("nothing should have been asked of the network");
        if answers.is_empty() {
            answers.push_back(first.clone());
        }
        first
    }

    async fn sleep(&self, time: Duration) {
        self.pauses.borrow_mut().push(time);
        if self.pauses.borrow().len() == self.after_pauses.get() {
            let labels = self.below(Path::new("/dev/disk/by-label"));
            std::fs::rename(labels.join("other"), labels.join("cidata")).unwrap();
        }
    }

    fn now(&self) -> Instant {
        Instant(self.pauses.borrow().iter().sum())
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.files.random(bytes)
    }

    fn tell(&self, event: &Event<'_>) {
        self.told.borrow_mut().push(event.message.to_owned());
    }

    fn status(&self, _line: &str) {}

    async fn write(&self, path: &Path, bytes: &[u8], _: Mode) -> Result<(), Fault> {
        assert_eq!(path, Path::new(paths::STATUS), "a datasource writes nothing, but its waits are told");
        self.reports.borrow_mut().push(serde_json::from_slice(bytes).unwrap());
        Ok(())
    }

    async fn append(&self, _: &Path, _: &[u8]) -> Result<(), Fault> {
        panic!("a datasource writes nothing")
    }

    async fn remove(&self, _: &Path) -> Result<bool, Fault> {
        panic!("a datasource removes nothing")
    }

    async fn remove_folder(&self, _: &Path) -> Result<bool, Fault> {
        panic!("a datasource removes nothing")
    }

    async fn socket_answers(&self, _: &Path) -> bool {
        panic!("a datasource asks no socket")
    }

    async fn run(&self, _: &Command, _: &mut dyn FnMut(Stream, &str)) -> Result<Output, Fault> {
        panic!("a datasource runs nothing")
    }

    async fn resolve(&self, _: &str, _: Duration) -> Result<Vec<IpAddr>, Unanswered> {
        panic!("a datasource resolves nothing itself")
    }

    async fn connects(&self, _: SocketAddr, _: Duration) -> Result<(), Unanswered> {
        panic!("a datasource connects to nothing itself")
    }

    async fn facts(&self) -> Result<Facts, Fault> {
        panic!("a datasource is handed the facts")
    }

    fn clock_synchronised(&self) -> bool {
        panic!("a datasource trusts no clock")
    }

    fn wall(&self) -> UnixTime {
        UnixTime(1_764_000_000)
    }

    fn credential_path(&self, name: &str) -> Option<PathBuf> {
        let folder = Path::new("/run/credentials/kubeboot.service");
        self.below(folder).exists().then(|| folder.join(name))
    }
}
