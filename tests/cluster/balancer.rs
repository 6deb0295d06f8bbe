//! The cluster's endpoint: HAProxy under a DNS name, in a namespace of its own, as an operator would have them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cgroup;
use crate::command::wait_for;
use crate::enter::Place;
use crate::network::{BALANCER, BALANCER_ADDRESS, ENDPOINT, Plug};
use crate::outcome::{Outcome, While};

/// Where the bed looks at the cluster from: it sees what a laptop of the operator would see.
pub struct Balancer {
    place: Place,
}

impl Balancer {
    /// Up and answering when this returns. `control_planes` and `nodes` are numbers of nodes.
    pub fn start(folder: &Path, nodes: &[u8], control_planes: &[u8]) -> Outcome<Self> {
        let folder = folder.join("balancer");
        fs::create_dir_all(&folder).whilst(folder.display())?;
        Plug::balancer().plug_in()?;
        let resolv = folder.join("resolv.conf");
        fs::write(&resolv, format!("nameserver {BALANCER_ADDRESS}\n")).whilst(resolv.display())?;
        let cgroups = cgroup::make("lb")?;
        let place = Place { cgroups, netns: Some(BALANCER.to_owned()), resolv: Some(resolv) };
        let balancer = Self { place };
        let config = folder.join("haproxy.cfg");
        fs::write(&config, haproxy(control_planes)).whilst(config.display())?;
        balancer.serve(&folder, "haproxy", &["-db".into(), "-f".into(), config.display().to_string()])?;
        balancer.serve(&folder, "dnsmasq", &names(nodes))?;
        wait_for("haproxy and dnsmasq", Duration::from_secs(10), Duration::from_millis(20), || balancer.listens())?;
        Ok(balancer)
    }

    /// A command that will run beside the balancer.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Outcome<Command> {
        self.place.command(name, arguments)
    }

    fn serve(&self, folder: &Path, name: &str, arguments: &[String]) -> Outcome<()> {
        let log: PathBuf = folder.join(format!("{name}.log"));
        let log = File::create(&log).whilst(log.display())?;
        let errors = log.try_clone().whilst(name)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.place.command(name, &arguments)?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().whilst(name)?;
        Ok(())
    }

    fn listens(&self) -> Outcome<()> {
        let mut look = self.place.command("ss", &["-Hlntu"])?;
        let found = crate::command::must(&mut look, Duration::from_secs(5))?;
        for port in [":6443", ":53"] {
            if !found.contains(&format!("{BALANCER_ADDRESS}{port}")) {
                return Err(format!("nothing listens on {BALANCER_ADDRESS}{port}"));
            }
        }
        Ok(())
    }
}

/// A check that asks `/readyz` and not only for a connection: an API server that listens may be far from serving.
fn haproxy(control_planes: &[u8]) -> String {
    let mut config = format!(
        "global
  maxconn 2000
defaults
  mode tcp
  log global
  timeout connect 2s
  timeout client 10m
  timeout server 10m
  timeout check 2s
frontend api
  bind {BALANCER_ADDRESS}:6443
  default_backend control-planes
backend control-planes
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify none inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
"
    );
    for number in control_planes {
        let plug = Plug::node(*number);
        config.push_str(&format!("  server n{number} {}:6443\n", plug.address));
    }
    config
}

/// The endpoint's name and the machines' names; every other name does not exist.
fn names(nodes: &[u8]) -> Vec<String> {
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
    arguments.push(format!("--host-record={ENDPOINT},{BALANCER_ADDRESS}"));
    for number in nodes {
        arguments.push(format!("--host-record=n{number},{}", Plug::node(*number).address));
    }
    arguments
}
