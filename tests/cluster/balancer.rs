//! The cluster's endpoint: HAProxy under a DNS name, in a namespace of its own, as an operator would have them; and every
//! other way in which it may look to a machine that asks too early.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

use crate::cgroup;
use crate::command::{must, wait_for};
use crate::enter::Place;
use crate::network::{BALANCER, BALANCER_ADDRESS, ENDPOINT, Plug};
use crate::outcome::{Outcome, While};

const SHORT: Duration = Duration::from_secs(10);
/// How long a mute endpoint keeps a connection.
const MUTE: Duration = Duration::from_secs(20);

/// The server of files, among the servers.
const FILES: &str = "files";

/// What a machine meets at the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// The control planes, as it should be.
    Serving,
    /// The control planes, but never the one that asks.
    HairpinBlind,
    /// No such name.
    Nameless,
    /// Packets to it vanish.
    Unreachable,
    /// Plain HTTP, 200 to everything.
    PlainHttp,
    /// TLS, 200 to everything; the certificate is another CA's.
    Foreign,
    /// Connections are accepted and closed.
    Closing,
    /// Connections are accepted, and nothing more comes.
    Mute,
    /// Nothing listens.
    Off,
}

/// Where the bed looks at the cluster from: it sees what a laptop of the operator would see.
pub struct Balancer {
    place: Place,
    folder: PathBuf,
    /// A Debian tree whose programs are used here: the host may have no packet filter of its own.
    tools: PathBuf,
    nodes: Vec<u8>,
    control_planes: Vec<u8>,
    servers: Mutex<BTreeMap<&'static str, Child>>,
}

impl Balancer {
    /// Up and answering when this returns. `control_planes` and `nodes` are numbers of nodes.
    pub fn start(folder: &Path, tools: &Path, nodes: &[u8], control_planes: &[u8]) -> Outcome<Self> {
        let folder = folder.join("balancer");
        fs::create_dir_all(&folder).whilst(folder.display())?;
        Plug::balancer().plug_in()?;
        let resolv = folder.join("resolv.conf");
        fs::write(&resolv, format!("nameserver {BALANCER_ADDRESS}\n")).whilst(resolv.display())?;
        let cgroups = cgroup::make("lb")?;
        let place = Place { cgroups, netns: Some(BALANCER.to_owned()), resolv: Some(resolv) };
        let (nodes, control_planes) = (nodes.to_vec(), control_planes.to_vec());
        let balancer = Self { place, folder, tools: tools.to_owned(), nodes, control_planes, servers: Mutex::default() };
        balancer.show(Face::Serving)?;
        Ok(balancer)
    }

    /// A command that will run beside the balancer.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Outcome<Command> {
        self.place.command(name, arguments)
    }

    /// Changes what the endpoint is; it is so when this returns. Connections through it break.
    pub fn show(&self, face: Face) -> Outcome<()> {
        self.end("haproxy");
        self.end("dnsmasq");
        self.drop_packets(if face == Face::Unreachable { "tcp dport 6443" } else { "" })?;
        self.serve("dnsmasq", "dnsmasq", &names(&self.nodes, face != Face::Nameless))?;
        let mut ports = vec![":53"];
        if face != Face::Off {
            let config = self.folder.join("haproxy.cfg");
            fs::write(&config, self.haproxy(face)?).whilst(config.display())?;
            self.serve("haproxy", "haproxy", &["-db".into(), "-f".into(), config.display().to_string()])?;
            ports.push(":6443");
        }
        wait_for("the balancer's servers", SHORT, Duration::from_millis(20), || self.listens(&ports))
    }

    /// Serves a file at [`crate::fleet::BUNDLE_URL`], and nothing else.
    pub fn publish(&self, file: &Path) -> Outcome<()> {
        let config = self.folder.join("files.cfg");
        let text = format!(
            "defaults
  mode http
  timeout client 10s
frontend files
  bind {BALANCER_ADDRESS}:8080
  http-request return status 404 unless {{ path /bundle.json }}
  http-request return status 200 content-type application/json file {}
",
            file.display()
        );
        fs::write(&config, text).whilst(config.display())?;
        self.serve(FILES, "haproxy", &["-db".into(), "-f".into(), config.display().to_string()])?;
        wait_for("the server of files", SHORT, Duration::from_millis(20), || self.listens(&[":8080"]))
    }

    /// The file is gone.
    pub fn withdraw(&self) {
        self.end(FILES);
    }

    /// Packets of this machine to the endpoint vanish, until the next face.
    pub fn ignore(&self, plug: &Plug) -> Outcome<()> {
        self.drop_packets(&format!("ip saddr {} tcp dport 6443", plug.address))
    }

    /// Waits until HAProxy holds no connection: only of those that have ended its log tells.
    pub fn is_quiet(&self) -> Outcome<()> {
        wait_for("an end of all connections", MUTE + SHORT, Duration::from_millis(200), || {
            let open =
                must(&mut self.command("ss", &["-Htn", "state", "connected", "exclude", "time-wait", "sport", "=", ":6443"])?, SHORT)?;
            if open.trim().is_empty() { Ok(()) } else { Err(open) }
        })
    }

    /// When a machine opened connections to HAProxy, whatever its faces were since it was started; seconds since 1970, those
    /// that have ended.
    pub fn connections(&self, plug: &Plug) -> Outcome<Vec<f64>> {
        let log = self.log("haproxy");
        let text = fs::read_to_string(&log).whilst(log.display())?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let mut times: Vec<f64> = lines.filter(|(_, from)| *from == plug.address).filter_map(|(at, _)| at.parse().ok()).collect();
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// `what`: an expression of nft's; empty: nothing is dropped any more.
    fn drop_packets(&self, what: &str) -> Outcome<()> {
        let mut rules = "add table inet bed; delete table inet bed".to_owned();
        if !what.is_empty() {
            rules += "; add table inet bed; add chain inet bed input { type filter hook input priority 0; }";
            rules += &format!("; add rule inet bed input {what} drop");
        }
        let tools = self.tools.to_string_lossy();
        must(&mut self.command("chroot", &[&tools, "nft", &rules])?, SHORT).map(drop)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn serve(&self, name: &'static str, program: &str, arguments: &[String]) -> Outcome<()> {
        let log = self.log(name);
        let log = File::options().create(true).append(true).open(&log).whilst(log.display())?;
        let errors = log.try_clone().whilst(name)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.command(program, &arguments)?;
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().whilst(name)?;
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).insert(name, child);
        Ok(())
    }

    fn end(&self, name: &str) {
        if let Some(mut child) = self.servers.lock().unwrap_or_else(PoisonError::into_inner).remove(name) {
            // Ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn listens(&self, ports: &[&str]) -> Outcome<()> {
        let found = must(&mut self.command("ss", &["-Hlntu"])?, SHORT)?;
        match ports.iter().find(|port| !found.contains(&format!("{BALANCER_ADDRESS}{port}"))) {
            Some(port) => Err(format!("nothing listens on {BALANCER_ADDRESS}{port}")),
            None => Ok(()),
        }
    }

    fn haproxy(&self, face: Face) -> Outcome<String> {
        let rest = match face {
            Face::PlainHttp | Face::Foreign => "  mode http\n  http-request return status 200\n".to_owned(),
            Face::Closing => "  tcp-request content reject\n".to_owned(),
            Face::Mute => format!("  tcp-request inspect-delay {}s\n  tcp-request content reject if WAIT_END\n", MUTE.as_secs()),
            Face::HairpinBlind => self.control_planes(true),
            Face::Serving | Face::Nameless | Face::Unreachable | Face::Off => self.control_planes(false),
        };
        let tls = if face == Face::Foreign { format!(" ssl crt {}", self.foreign_certificate()?.display()) } else { String::new() };
        // The log: when each connection was opened, and by whom.
        Ok(format!(
            "global
  maxconn 2000
  log stdout format raw daemon info
defaults
  mode tcp
  log global
  log-format \"%Ts.%ms %ci\"
  timeout connect 2s
  timeout client 10m
  timeout server 10m
  timeout check 2s
frontend api
  bind {BALANCER_ADDRESS}:6443{tls}
{rest}"
        ))
    }

    /// A check that asks `/readyz` and not only for a connection: an API server that listens may be far from serving.
    fn control_planes(&self, hairpin_blind: bool) -> String {
        let blind = self.control_planes.iter().filter(|_| hairpin_blind);
        let mut rules: String =
            blind.clone().map(|number| format!("  use_backend all-but-n{number} if {{ src {} }}\n", Plug::node(*number).address)).collect();
        rules += "  default_backend control-planes\n";
        let mut backend = |name: &str, left_out: Option<&u8>| {
            rules += &format!(
                "backend {name}
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify none inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
"
            );
            for number in self.control_planes.iter().filter(|number| Some(*number) != left_out) {
                rules += &format!("  server n{number} {}:6443\n", Plug::node(*number).address);
            }
        };
        backend("control-planes", None);
        blind.for_each(|number| backend(&format!("all-but-n{number}"), Some(number)));
        rules
    }

    /// Right in everything but who signed it: itself.
    fn foreign_certificate(&self) -> Outcome<PathBuf> {
        let key = KeyPair::generate().whilst("a key")?;
        let parameters = CertificateParams::new(vec![ENDPOINT.to_owned()]).whilst(ENDPOINT)?;
        let certificate = parameters.self_signed(&key).whilst(ENDPOINT)?;
        let path = self.folder.join("foreign.pem");
        fs::write(&path, certificate.pem() + &key.serialize_pem()).whilst(path.display())?;
        Ok(path)
    }
}

/// The endpoint's name, if it is to have one, and the machines' names; every other name does not exist.
fn names(nodes: &[u8], endpoint: bool) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--local=/#/",
        "--bind-interfaces",
        "--user=root",
        "--pid-file=",
        "--log-facility=-",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--listen-address={BALANCER_ADDRESS}"));
    if endpoint {
        arguments.push(format!("--host-record={ENDPOINT},{BALANCER_ADDRESS}"));
    }
    for number in nodes {
        arguments.push(format!("--host-record=n{number},{}", Plug::node(*number).address));
    }
    arguments
}
