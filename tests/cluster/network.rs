//! The bed's network: a switch in a namespace that leads nowhere else, and one namespace per machine, each with one
//! interface, an address and a MAC of its own.

use std::path::Path;
use std::time::Duration;

use crate::command::{must, program};
use crate::made::{self, Kind};
use crate::outcome::Outcome;

pub const SWITCH: &str = "kubeboot-bed";
pub const BALANCER: &str = "kubeboot-bed-lb";
pub const BALANCER_ADDRESS: &str = "10.77.0.10";
pub const ENDPOINT: &str = "api.bed.test";
const GATEWAY: &str = "10.77.0.1";

const DEADLINE: Duration = Duration::from_secs(20);

/// One plug of the switch.
#[derive(Clone, Debug)]
pub struct Plug {
    pub netns: String,
    pub address: String,
    /// Its last octet, which also makes the MAC.
    octet: u8,
}

impl Plug {
    pub fn balancer() -> Self {
        Self { netns: BALANCER.to_owned(), address: BALANCER_ADDRESS.to_owned(), octet: 10 }
    }

    /// Node number 1, 2, …
    pub fn node(number: u8) -> Self {
        let octet = 10 + number;
        Self { netns: format!("{SWITCH}-n{number}"), address: format!("10.77.0.{octet}"), octet }
    }

    fn port(&self) -> String {
        format!("port{}", self.octet)
    }

    /// Plugs in. Done anew for each power-on: what a machine's kernel knew of its network goes with the power.
    pub fn plug_in(&self) -> Outcome<()> {
        made::record(Kind::Netns, &self.netns)?;
        if Path::new("/run/netns").join(&self.netns).exists() {
            ip(&["-n", SWITCH, "link", "del", &self.port()])?;
            ip(&["netns", "del", &self.netns])?;
        }
        let (netns, port) = (self.netns.as_str(), self.port());
        let mac = format!("02:6b:62:00:00:{:02x}", self.octet);
        ip(&["netns", "add", netns])?;
        ip(&["-n", netns, "link", "set", "lo", "up"])?;
        ip(&["-n", SWITCH, "link", "add", &port, "type", "veth", "peer", "name", "host0", "address", &mac, "netns", netns])?;
        ip(&["-n", SWITCH, "link", "set", &port, "master", "br0", "up"])?;
        ip(&["-n", netns, "addr", "add", &format!("{}/24", self.address), "dev", "host0"])?;
        ip(&["-n", netns, "link", "set", "host0", "up"])?;
        // kubeadm and flannel look for the default route; nothing is behind it.
        ip(&["-n", netns, "route", "add", "default", "via", GATEWAY])
    }
}

/// The switch, with nothing plugged in.
pub fn switch_on() -> Outcome<()> {
    made::record(Kind::Netns, SWITCH)?;
    ip(&["netns", "add", SWITCH])?;
    ip(&["-n", SWITCH, "link", "set", "lo", "up"])?;
    ip(&["-n", SWITCH, "link", "add", "br0", "type", "bridge"])?;
    ip(&["-n", SWITCH, "addr", "add", &format!("{GATEWAY}/24"), "dev", "br0"])?;
    ip(&["-n", SWITCH, "link", "set", "br0", "up"])
}

fn ip(arguments: &[&str]) -> Outcome<()> {
    must(&mut program("ip", arguments), DEADLINE).map(drop)
}
