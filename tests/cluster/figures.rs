//! The figures of a run: how long it took, where the time went, what kubeboot itself cost beside kubeadm.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::agent;
use crate::bed::Bed;
use crate::sampler::{Cost, Samples};

/// Steps worth a column: the id in status.json.
const STEPS: [&str; 9] = ["preflight", "runtime", "gate", "join-turn", "shared-pki", "kubeadm-init", "kubeadm-join", "cni", "node-ready"];

pub struct PowerOn {
    pub at: Instant,
    pub wall: SystemTime,
}

impl PowerOn {
    pub fn now() -> Self {
        Self { at: Instant::now(), wall: SystemTime::now() }
    }
}

pub fn print(case: &str, bed: &Bed, power_on: &PowerOn, ready: &BTreeMap<String, Instant>, samples: &Samples) {
    println!("\n{case}: seconds since power-on at which each step began → ended");
    for node in &bed.nodes {
        let at = ready.get(&node.name).map(|at| at.duration_since(power_on.at).as_secs_f64());
        let mut line = format!("  {:<3} Ready {:6.1}", node.name, at.unwrap_or(f64::NAN));
        match agent::status(node) {
            Ok(status) => {
                for id in STEPS {
                    let Some((began, seconds)) = agent::step(&status, id) else {
                        continue;
                    };
                    let began = since(&began, power_on.wall).unwrap_or(f64::NAN);
                    line.push_str(&format!("  {id} {began:.1}→{:.1}", began + seconds));
                }
            }
            Err(error) => line.push_str(&format!("  no status: {error}")),
        }
        println!("{line}");
    }
    println!("{case}: cost, sampled in {} rounds", samples.rounds);
    let (mut own, mut theirs) = (Cost::default(), Cost::default());
    for ((node, program), cost) in &samples.costs {
        let children = if program == "kubeboot" { format!(", its children {:.2} s", cost.children_seconds) } else { String::new() };
        println!(
            "  {node:<3} {program:<9} {:3} processes  {:7.3} s CPU  peak {:5.1} MiB{children}",
            cost.processes,
            cost.cpu_seconds,
            mebibytes(cost.peak_kib)
        );
        let sum = if program == "kubeboot" { &mut own } else { &mut theirs };
        sum.cpu_seconds += cost.cpu_seconds;
        sum.children_seconds += cost.children_seconds;
        sum.peak_kib = sum.peak_kib.max(cost.peak_kib);
    }
    println!(
        "  kubeboot {:.3} s CPU, {:.1} % of the {:.2} s of kubeadm and what else it called; peak memory {:.1} MiB against {:.1} MiB",
        own.cpu_seconds,
        100.0 * own.cpu_seconds / own.children_seconds,
        own.children_seconds,
        mebibytes(own.peak_kib),
        mebibytes(theirs.peak_kib)
    );
    if let Some(last) = ready.values().max() {
        println!("  power-on to all Ready: {:.1} s\n", last.duration_since(power_on.at).as_secs_f64());
    }
}

fn mebibytes(kib: u64) -> f64 {
    Duration::from_millis(kib).as_secs_f64() * 1000.0 / 1024.0
}

/// Seconds from `start` to an RFC 3339 time in UTC.
fn since(time: &str, start: SystemTime) -> Option<f64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let fraction: String = time.get(19..)?.trim_start_matches('.').chars().take_while(char::is_ascii_digit).collect();
    let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
    // Days since 1970, counting years from March so that the leap day comes last.
    let (shifted, march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + (march * 153 + 2) / 5 + day - 719_469;
    let seconds = ((days * 24 + number(11..13)?) * 60 + number(14..16)?) * 60 + number(17..19)?;
    let start = start.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    Some(Duration::from_secs(u64::try_from(seconds).ok()?).as_secs_f64() + fraction - start)
}
