//! A machine whose agent dies again and again before an endpoint that is dead costs the balancer no more than one that waits
//! in peace. Connections are counted by the balancer itself.

use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Cluster, FIRST_BOOT, SHORT};
use crate::agent;
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

/// Longer than this nobody is without a look in such a storm.
const HOLE: f64 = 10.0;

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
    let settled = *balancer.connections(&node.plug)?.first().whilst("no connections")? + SETTLED;
    for face in [Face::Closing, Face::Mute] {
        balancer.show(face)?;
        node.must(&["systemctl", "start", agent::UNIT], SHORT)?;
        let begun = seconds_since_1970()?;
        die_often(node)?;
        let ended = seconds_since_1970()?;
        node.must(&["systemctl", "stop", agent::UNIT], SHORT)?;
        balancer.is_quiet()?;
        let phase = begun.max(settled)..ended;
        let times: Vec<f64> = balancer.connections(&node.plug)?.into_iter().filter(|at| phase.contains(at)).collect();
        checks.that(&format!("{face:?}: {STARTS} starts cost at most one connection a second"), one_a_second(&times, &phase));
    }
    Ok(())
}

fn seconds_since_1970() -> Outcome<f64> {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs_f64()).whilst("the clock")
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

fn one_a_second(times: &[f64], phase: &Range<f64>) -> Outcome<String> {
    let gaps = |times: &[f64]| times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<f64>>();
    let least = gaps(times).into_iter().fold(f64::INFINITY, f64::min);
    let with_ends: Vec<f64> = [phase.start].into_iter().chain(times.iter().copied()).chain([phase.end]).collect();
    let longest = gaps(&with_ends).into_iter().fold(0.0, f64::max);
    let seconds = phase.end - phase.start;
    let told = format!("{} connections in {seconds:.1} s, {least:.2} to {longest:.2} s apart", times.len());
    // Some of the lives are long enough for a look, so that a storm in which nobody looks, or a count with a hole, shows nothing.
    if least >= 1.0 - SPREAD && longest < HOLE { Ok(told) } else { Err(told) }
}
