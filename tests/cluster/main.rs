//! The cluster test bed: real machines (machine containers with addresses of their own), real Kubernetes, a real
//! balancer behind a real name, all on this machine and in namespaces that the bed made.
//!
//! `tests/cluster/build` makes and keeps what is needed, `tests/cluster/run [CASE…]` runs the cases,
//! `tests/cluster/by-hand` the baseline. From what is made once to what is asserted:
//!
//! - made once and kept ([`cache`]): [`parts`] → [`images`], [`rootfs`] → [`preload`]
//! - made for each case: [`network`], [`balancer`], [`node`] → [`bed`] → [`fleet`] puts kubeboot on it, with a document that may be [`altered`]
//! - looked at from outside: [`kubectl`], [`etcd`], [`workload`], [`agent`], [`tree`]; for secrets: [`needles`], [`sampler`], [`search`]
//! - [`cases`] and [`by_hand`] say what is done and must hold; [`figures`] what it took
//! - [`supervise`] and [`made`] see to it that nothing is left behind, however a run ends
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test program talks to the person who runs it; only the product is silent")]

mod agent;
mod altered;
mod balancer;
mod bed;
mod by_hand;
mod cache;
mod capabilities;
mod cases;
mod cgroup;
mod checks;
mod command;
mod enter;
mod etcd;
mod figures;
mod fleet;
mod images;
mod kubectl;
mod made;
mod needles;
mod network;
mod node;
mod outcome;
mod parts;
mod preload;
mod rootfs;
mod sampler;
mod say;
mod search;
mod supervise;
mod tree;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::outcome::{Outcome, While};
use crate::say::say;

const USAGE: &str = "usage: cluster run [CASE…] | build | kubeadm | kubeadms | by-hand [RUNS]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("enter") => enter::enter(&arguments[1..]).map(|()| ExitCode::SUCCESS),
        Some("kubeadm") => parts::kubeadm().map(|kubeadm| told(&[kubeadm])),
        Some("kubeadms") => parts::other_kubeadms().and_then(|mut all| {
            all.push(parts::kubeadm()?);
            Ok(told(&all))
        }),
        Some("run" | "build" | "by-hand") if supervise::is_worker() => work(&arguments),
        Some("run" | "build" | "by-hand") => supervised(&arguments),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    result.unwrap_or_else(|trouble| {
        eprintln!("{trouble}");
        ExitCode::FAILURE
    })
}

fn supervised(arguments: &[String]) -> Outcome<ExitCode> {
    let missing = capabilities::missing()?;
    if !missing.is_empty() {
        // Never a silent pass: where the bed can't run, nothing was tested.
        return Err(format!("this machine can't run the bed; missing:\n  {}", missing.join("\n  ")));
    }
    supervise::supervise(arguments)
}

/// Only a build: no machine, no network, nothing to clean up.
fn told(kubeadms: &[(&str, PathBuf)]) -> ExitCode {
    for (version, path) in kubeadms {
        println!("{version} {}", path.display());
    }
    ExitCode::SUCCESS
}

fn work(arguments: &[String]) -> Outcome<ExitCode> {
    supervise::die_with_supervisor()?;
    match arguments.first().map(String::as_str) {
        Some("build") => {
            bed::prepare()?;
            say("everything is built");
        }
        Some("by-hand") => by_hand::run(match arguments.get(1) {
            Some(times) => times.parse().whilst("by-hand: how many times?")?,
            None => 1,
        })?,
        _ => {
            if !cases::run(&arguments[1..])? {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
