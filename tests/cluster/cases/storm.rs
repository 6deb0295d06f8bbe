//! A machine whose agent dies again and again before an endpoint that is dead costs the balancer no more than one that waits
//! in peace. Connections are counted by the balancer itself.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Cluster, FIRST_BOOT, SHORT};
use crate::balancer::Face;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::say::say;

/// How often the agent is killed before each face of the endpoint.
const STARTS: u32 = 500;

/// How long the agent lives: too short to look, long enough to, and between.
const LIVES: [u64; 6] = [50, 150, 250, 350, 500, 700];

/// systemd's pause between two lives is ten seconds; this is what an impatient operator makes of it.
const IMPATIENT: &str = "[Service]\nRestartSec=0\n";

/// From then on, after the first connection, it is one a second at most.
const SETTLED: f64 = 10.0;

/// A pause of a second is seen at the balancer with the difference of two ways there.
const SPREAD: f64 = 0.05;

pub fn breaks_loose(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let (node, balancer) = (cluster.node(1)?, &cluster.bed.balancer);
    node.put("etc/systemd/system/kubeboot.service.d/impatient.conf", IMPATIENT.as_bytes(), 0o644)?;
    balancer.show(Face::Closing)?;
    node.power_on()?;
    wait_for("the first look", FIRST_BOOT, Duration::from_millis(100), || {
        expect(!balancer.connections(&node.plug)?.is_empty(), || "none".to_owned())
    })?;
    let mut seen = 0;
    for face in [Face::Closing, Face::Mute] {
        balancer.show(face)?;
        die_often(node)?;
        let all = balancer.connections(&node.plug)?;
        let first = *all.first().whilst("no connections")?;
        let late: Vec<f64> = all.iter().skip(seen).copied().filter(|at| at - first > SETTLED).collect();
        seen = all.len();
        checks.that(&format!("{face:?}: {STARTS} starts cost at most one connection a second"), one_a_second(&late));
    }
    Ok(())
}

fn die_often(node: &Node) -> Outcome<()> {
    let mut last = 0;
    for (start, life) in (1..=STARTS).zip(LIVES.iter().cycle()) {
        last = wait_for("the agent's next life", SHORT, Duration::from_millis(5), || match node.main_process("kubeboot")? {
            same if same == last => Err("it is the old one".to_owned()),
            next => Ok(next),
        })?;
        sleep(Duration::from_millis(*life));
        kill(Pid::from_raw(last), Signal::SIGKILL).whilst(format_args!("start {start}"))?;
        if start.is_multiple_of(100) {
            say(format!("  {start} starts"));
        }
    }
    Ok(())
}

fn one_a_second(times: &[f64]) -> Outcome<String> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Err("there was no connection: nothing is shown".to_owned());
    };
    let (seconds, gaps) = (last - first, times.windows(2).map(|pair| pair[1] - pair[0]));
    let least = gaps.fold(f64::INFINITY, f64::min);
    let told = format!("{} connections in {seconds:.1} s, {least:.2} s apart at least", times.len());
    // Some of the lives are long enough for a look, so that a storm in which nobody looks shows nothing.
    let shown = times.len() as f64 > seconds / 5.0;
    if shown && least >= 1.0 - SPREAD { Ok(told) } else { Err(told) }
}
