//! The seam: everything that touches the world is a method of [`Host`], so that one executor runs on a real
//! machine ([`local::LocalHost`]) and in a rehearsed world alike.
//!
//! Static dispatch, futures that need no `Send`: one current-thread runtime, and code above this seam names
//! neither tokio nor reqwest nor std::fs. What is one thought for the executor is one method here.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::facts::Facts;
use crate::failure::{Failure, Seen};
use crate::fault::Fault;
use crate::message::Message;
use crate::moment::{Instant, UnixTime};
use crate::secret::Secret;

pub mod local;

/// Which part of a file is wanted, where the whole may be too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its beginning.
    Head,
    /// Its end.
    Tail,
}

/// Permission bits of a file that kubeboot writes. There is no untyped mode: a decimal or YAML slip can't pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0600: anything that holds, or points at, a secret.
    Private,
    /// 0644: certificates, reports.
    Public,
}

/// A command line; never with a secret in it, for `/proc` shows it to everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program name, looked up in the fixed PATH of the host.
    pub program: String,
    /// Arguments after the program name.
    pub arguments: Vec<String>,
    /// When to stop it: TERM to its process group, KILL five seconds later.
    pub limit: Duration,
}

impl Command {
    /// A command with its arguments and time limit.
    pub fn new<const N: usize>(program: &str, arguments: [&str; N], limit: Duration) -> Self {
        Self { program: program.to_owned(), arguments: arguments.iter().map(|a| (*a).to_owned()).collect(), limit }
    }

    /// The line as a person would type it.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.program.clone();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(argument);
        }
        line
    }
}

/// How a command ended, with as much of its output as is kept: the last 64 KiB of each stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit status; `None` if a signal (ours after `limit`, or another's) ended it.
    pub status: Option<i32>,
    /// True if it was stopped because its limit had passed.
    pub timed_out: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Wall time it took.
    pub took: Duration,
}

impl Output {
    /// Ended by itself with status 0.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.status == Some(0) && !self.timed_out
    }
}

/// Whom a TLS connection trusts and who it says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM certificates that alone are trusted as roots.
    pub roots: String,
    /// Client identity, if any: PEM certificate (chain) and PEM private key (PKCS#8, SEC1 or PKCS#1).
    pub identity: Option<(String, Secret<String>)>,
}

/// HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
}

/// One HTTP exchange: no redirects, no proxies, bounded in time and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// `https://…` or `http://…`; who may use plain http is decided above (design: pinned or link-local only).
    pub url: String,
    /// Where to connect instead of asking for the URL's host: one of its addresses. The name stays what is asked for in SNI
    /// (RFC 6066 §3), which some balancers route by, and what the certificate has to be for. `None`: any address.
    pub address: Option<IpAddr>,
    /// For https: whom to trust; `None` is the system's CA bundle, for URLs outside the cluster. Plain http has none.
    pub tls: Option<Tls>,
    /// Bearer token, for bootstrap tokens and service accounts.
    pub bearer: Option<Secret<String>>,
    /// Content-Type of `body`.
    pub content_type: Option<&'static str>,
    /// Body; may hold secrets.
    pub body: Option<Secret<Vec<u8>>>,
    /// `If-None-Match: *` (RFC 9110 §13.1.2): create, but replace nothing.
    pub only_if_absent: bool,
    /// Limit for the connection attempt: name, TCP and TLS handshake together.
    pub connect_limit: Duration,
    /// Limit for the whole exchange.
    pub limit: Duration,
    /// Largest body accepted, in bytes.
    pub size_limit: usize,
    /// A connection of its own, for those who want to know what a balancer does with the next one.
    pub fresh: bool,
}

impl Request {
    /// A GET as nobody, trusting the system's CAs: what the others differ from.
    #[must_use]
    pub const fn get(url: String, connect_limit: Duration, limit: Duration, size_limit: usize) -> Self {
        Self {
            method: Method::Get,
            url,
            address: None,
            tls: None,
            bearer: None,
            content_type: None,
            body: None,
            only_if_absent: false,
            connect_limit,
            limit,
            size_limit,
            fresh: false,
        }
    }
}

/// A URL for messages: without user, password, query and fragment, which may be secrets (signed URLs).
#[must_use]
pub fn shown_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// An answer, of whatever status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Body, at most `size_limit` bytes; what only explains why there was no success is cut off there.
    pub body: Vec<u8>,
}

/// Why no answer came. The gate and the fence tell these apart (design §4, §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The name has no address (yet).
    NoName(String),
    /// No route to the address.
    NoRoute(String),
    /// The connection attempt timed out.
    ConnectTimeout(String),
    /// Refused: something is there and says no.
    Refused(String),
    /// Accepted, then closed or reset before TLS or an answer began.
    Closed(String),
    /// Answers, but not in TLS: a proxy, PROXY protocol, plain HTTP.
    NotTls(String),
    /// TLS whose certificate none of `roots` signed.
    ForeignCa(String),
    /// Proven to be signed by our roots, but for another name or outside its validity (clock!).
    BadCertificate(String),
    /// The handshake failed otherwise: no version in common, a certificate for another purpose, ours refused (TLS 1.2).
    TlsFailed(String),
    /// Connected, but the answer did not come in time or broke off; over TLS: before the handshake was over.
    NoAnswer(String),
    /// TLS by our roots was completed, and then no whole answer came: a server of ours that hangs, stops or refuses us.
    Verified(String),
    /// The answer, one of success (RFC 9110 §15.3), is larger than `size_limit`.
    TooLarge(usize),
    /// The request itself could not be made (malformed URL or PEM): ours to mend.
    Unusable(String),
}

impl Unanswered {
    /// Its name. What is too large or broke off after the handshake is an answer of ours that is none.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::NoName(_) => Failure::NameUnresolved,
            Self::NoRoute(_) => Failure::NoRoute,
            Self::ConnectTimeout(_) => Failure::ConnectTimeout,
            Self::Refused(_) => Failure::ConnectionRefused,
            Self::Closed(_) => Failure::ConnectionClosed,
            Self::NotTls(_) => Failure::NotTls,
            Self::ForeignCa(_) => Failure::ForeignCa,
            Self::BadCertificate(_) => Failure::CertificateInvalid,
            Self::TlsFailed(_) => Failure::TlsFailed,
            Self::NoAnswer(_) | Self::Verified(_) | Self::TooLarge(_) => Failure::NoAnswer,
            Self::Unusable(_) => Failure::Bug,
        }
    }

    /// As a look sees it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.failure().seen(self.line())
    }

    /// What was seen, for a person.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::NoName(s) => format!("the name does not resolve: {s}"),
            Self::NoRoute(s) => format!("no route: {s}"),
            Self::ConnectTimeout(s) => format!("connecting timed out: {s}"),
            Self::Refused(s) => format!("connection refused: {s}"),
            Self::Closed(s) => format!("connection closed at once: {s}"),
            Self::NotTls(s) => format!("answers, but not in TLS: {s}"),
            Self::ForeignCa(s) => format!("its certificate is signed by another CA: {s}"),
            Self::BadCertificate(s) => format!("its certificate is not valid here: {s}"),
            Self::TlsFailed(s) => format!("TLS failed: {s}"),
            Self::NoAnswer(s) => format!("no answer: {s}"),
            Self::Verified(s) => format!("TLS is right, but no answer comes: {s}"),
            Self::TooLarge(limit) => format!("the answer is larger than {limit} bytes"),
            Self::Unusable(s) => format!("the request can't be made: {s}"),
        }
    }
}

/// One line of a child's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Something worth telling: goes to the journal with fields, and to the console if `console` says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Loudness.
    pub level: Level,
    /// Step it belongs to, by id; empty before the first.
    pub step: &'a str,
    /// The line, free of secrets.
    pub message: &'a str,
    /// Whether the console shows it.
    pub console: bool,
    /// Which of the catalogue it is, if any.
    pub id: Option<Message>,
    /// The failure that it tells of, if any.
    pub failure: Option<Failure>,
}

impl<'a> Event<'a> {
    /// For the journal alone, and none of the catalogue.
    #[must_use]
    pub const fn new(level: Level, step: &'a str, message: &'a str) -> Self {
        Self { level, step, message, console: false, id: None, failure: None }
    }

    /// As this one of the catalogue.
    #[must_use]
    pub const fn of(self, id: Message) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Telling of this failure.
    #[must_use]
    pub const fn telling(self, failure: Failure) -> Self {
        Self { failure: Some(failure), ..self }
    }

    /// For the console too.
    #[must_use]
    pub const fn on_console(self) -> Self {
        Self { console: true, ..self }
    }
}

/// Loudness of an [`Event`], journald's priorities by another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Lines of children.
    Debug,
    /// A step changed.
    Info,
    /// Will be retried.
    Warning,
    /// It ends here.
    Error,
}

/// The world, as much of it as kubeboot uses. Paths are absolute; errors are [`Fault`]s that name the place.
///
/// A missing file is `Ok(None)` or `Ok(false)`, never an error; every other failure is one.
pub trait Host {
    /// The whole file, at most `limit` bytes; larger is a fault. `None` if there is none.
    fn read(&self, path: &Path, limit: usize) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>>;
    /// The first or last `limit` bytes of a file, which may begin or end in the middle of a line. `None` if there is none.
    fn read_part(&self, path: &Path, part: Part, limit: usize) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>>;
    /// Whether a file's mode is for its owner alone ([`Mode::Private`], or less). `None` if there is none.
    fn is_private(&self, path: &Path) -> impl Future<Output = Result<Option<bool>, Fault>>;
    /// Names in a folder, sorted; `None` if there is none.
    fn list(&self, path: &Path) -> impl Future<Output = Result<Option<Vec<String>>, Fault>>;
    /// Replaces or creates the file as one: temporary file in the same folder, mode, sync, rename, sync of the folder.
    /// Missing parent folders are made, 0700 for [`Mode::Private`], 0755 for [`Mode::Public`].
    fn write(&self, path: &Path, bytes: &[u8], mode: Mode) -> impl Future<Output = Result<(), Fault>>;
    /// Appends to a file (made [`Mode::Private`] if missing) and syncs it: the ledger.
    fn append(&self, path: &Path, bytes: &[u8]) -> impl Future<Output = Result<(), Fault>>;
    /// Removes a file; `false` if there was none. The folder is synced.
    fn remove(&self, path: &Path) -> impl Future<Output = Result<bool, Fault>>;
    /// Removes a folder and what is in it; `false` if there was none.
    fn remove_folder(&self, path: &Path) -> impl Future<Output = Result<bool, Fault>>;
    /// Mounts the block device read-only (nosuid, nodev, noexec; vfat or iso9660, the two that NoCloud allows) on the folder
    /// `at`, which is made, 0700, if missing. What a killed run left mounted there is unmounted first.
    fn mount_read_only(&self, device: &Path, at: &Path) -> impl Future<Output = Result<(), Fault>>;
    /// Unmounts what [`Host::mount_read_only`] mounted, and removes the folder.
    fn unmount(&self, at: &Path) -> impl Future<Output = Result<(), Fault>>;
    /// True if something listens on the unix socket at `path`.
    fn socket_answers(&self, path: &Path) -> impl Future<Output = bool>;
    /// Runs a command: stdin null, clean environment with `LC_ALL=C` and a fixed PATH, own process group.
    /// Each line is handed to `line` as it comes; lines are cut at 8 KiB. A program that can't be started is a fault.
    /// Dropping the future ends the process group (TERM).
    fn run(&self, command: &Command, line: &mut dyn FnMut(Stream, &str)) -> impl Future<Output = Result<Output, Fault>>;
    /// One HTTP exchange.
    fn http(&self, request: &Request) -> impl Future<Output = Result<Response, Unanswered>>;
    /// Addresses of a name, from /etc/hosts and DNS, at most `limit` long; an address literal resolves to itself.
    fn resolve(&self, name: &str, limit: Duration) -> impl Future<Output = Result<Vec<IpAddr>, Unanswered>>;
    /// True if a TCP connection to `address` is accepted within `limit`.
    fn connects(&self, address: SocketAddr, limit: Duration) -> impl Future<Output = Result<(), Unanswered>>;
    /// What this machine is (see [`Facts`]).
    fn facts(&self) -> impl Future<Output = Result<Facts, Fault>>;
    /// Whether adjtimex(2) says that the clock is synchronised.
    fn clock_synchronised(&self) -> bool;
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Wall-clock time.
    fn wall(&self) -> UnixTime;
    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
    /// Fills `bytes` with randomness fit for keys.
    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault>;
    /// A random number for jitter; no harm is done if there is none.
    fn noise(&self) -> u32 {
        let mut bytes = [0; 4];
        let _ = self.random(&mut bytes);
        u32::from_le_bytes(bytes)
    }
    /// Tells journal and console.
    fn tell(&self, event: &Event<'_>);
    /// What `systemctl status` shows: sd_notify(3) STATUS=, and READY=1 once the first one is set. A no-op without systemd.
    fn status(&self, line: &str);
    /// Where a systemd credential of this name would be, if the unit was given any ($CREDENTIALS_DIRECTORY).
    fn credential_path(&self, name: &str) -> Option<PathBuf>;
}
