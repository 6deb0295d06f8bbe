//! How a machine is refused, looked at from outside: how its unit ends or what it waits for, in which words, and that its
//! disk is as before.

use std::time::Duration;

use kubeboot::failure::Failure;
use kubeboot::message::Message;

use super::{Cluster, SHORT};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::fleet;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::tree::{Paths, Tree};

/// From power-on to the end, or to the wait.
const PATIENCE: Duration = Duration::from_secs(150);

const LEDGER: &str = "var/lib/kubeboot/ledger.jsonl";

/// What the step named shared-pki writes.
pub const SHARED_PKI: [&str; 8] =
    ["ca.crt", "ca.key", "etcd/ca.crt", "etcd/ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub"];

/// What is expected of a machine.
pub struct Refusal<'a> {
    pub failure: Failure,
    pub end: End,
    /// Said in this order, in the fault or in the wait's line.
    pub words: &'a [&'a str],
}

#[derive(Clone, Copy)]
pub enum End {
    /// With this exit code.
    Halts(u8),
    /// An hour of waiting is not awaited here: that it ends with 75 is shown in virtual time.
    Waits,
}

impl Refusal<'_> {
    /// Waits for it.
    pub fn look(&self, name: &str, node: &Node, unit: &str, checks: &mut Checks) {
        match self.end {
            End::Halts(code) => self.halts(name, node, unit, code, checks),
            End::Waits => self.waits(name, node, unit, checks),
        }
    }

    fn halts(&self, name: &str, node: &Node, unit: &str, code: u8, checks: &mut Checks) {
        let ended = agent::wait_until_halted(node, unit, PATIENCE).and_then(|seen| is(&seen, &code.to_string()));
        if !checks.that(&format!("{name}: it halts with exit code {code}"), ended) {
            return;
        }
        checks.that(&format!("{name}: status.json names and tells it"), self.fault(node, code));
        let line = agent::property(node, unit, "StatusText").and_then(|line| expect(line.starts_with("failed: "), || line));
        checks.that(&format!("{name}: systemctl status tells it"), line);
        checks.that(&format!("{name}: the journal has it by its id, with its name and exit code"), self.entry(node, code));
    }

    fn waits(&self, name: &str, node: &Node, unit: &str, checks: &mut Checks) {
        let seen = agent::wait_until_it_waits(node, self.failure.name(), PATIENCE);
        let told = seen.clone().and_then(|line| self.says(&line));
        if !checks.that(&format!("{name}: it waits, and says why"), told) {
            return;
        }
        let line = agent::property(node, unit, "StatusText").and_then(|line| self.says(&line));
        checks.that(&format!("{name}: systemctl status says the same"), line);
        let text = node.must(&["kubeboot", "status"], SHORT);
        let now = text.and_then(|text| text.lines().find(|line| line.starts_with("  now ")).map(str::to_owned).whilst(text));
        checks.that(&format!("{name}: kubeboot status says the same"), now.and_then(|line| self.says(&line)));
        checks.that(&format!("{name}: the journal has the wait by its id, with its name"), self.told_waiting(node));
    }

    fn told_waiting(&self, node: &Node) -> Outcome<String> {
        let entries = agent::entries(node, Message::Waiting)?;
        let named = entries.iter().rfind(|entry| entry["FAILURE"] == self.failure.name());
        let entry = named.whilst(format_args!("none of {} entries has its name", entries.len()))?;
        self.says(entry["MESSAGE"].as_str().unwrap_or_default())
    }

    fn fault(&self, node: &Node, code: u8) -> Outcome<String> {
        let status = agent::status(node)?;
        is(&status["exitCode"].to_string(), &code.to_string())?;
        let fault = &status["fault"];
        is(fault["name"].as_str().unwrap_or_default(), self.failure.name())?;
        let told = ["what", "at", "why", "advice"].map(|part| fault[part].as_str().unwrap_or_default()).join("\n");
        self.says(&told)
    }

    fn entry(&self, node: &Node, code: u8) -> Outcome<String> {
        let entries = agent::entries(node, Message::Failed)?;
        let entry = entries.last().whilst("no entry")?;
        let fields = (entry["FAILURE"].as_str(), entry["EXIT_CODE"].as_str());
        expect(fields == (Some(self.failure.name()), Some(&code.to_string())), || entry.to_string())
    }

    fn says(&self, text: &str) -> Outcome<String> {
        let mut rest = text;
        for words in self.words {
            let (_, after) = rest.split_once(words).whilst(format_args!("no “{words}” (in its place) in: {text}"))?;
            rest = after;
        }
        Ok(self.failure.name().to_owned())
    }
}

fn is(seen: &str, wanted: &str) -> Outcome<String> {
    expect(seen == wanted, || format!("it is {seen}, not {wanted}"))
}

/// What an ordinary boot of this image writes when kubeboot has no part in it.
pub fn noise(cluster: &Cluster, node: &Node) -> Outcome<Paths> {
    cluster.ready.re_image(node)?;
    fleet::furnish(node, b"")?;
    fleet::disable(node)?;
    let before = Tree::of(node)?;
    node.power_on()?;
    wait_for("an ordinary boot", PATIENCE, Duration::from_millis(200), || {
        // The kubelet, which has no configuration yet, is started again and again: with it, all is started.
        let again = agent::property(node, "kubelet.service", "NRestarts")?;
        if again == "0" { Err("the kubelet has not ended yet".to_owned()) } else { Ok(()) }
    })?;
    // The service that answers this makes itself a folder, whenever it is asked.
    agent::clock_is_synchronised(node)?;
    let written = before.differences(&Tree::of(node)?);
    node.power_cut()?;
    Ok(written)
}

/// That the disk is as before but for the ledger and what a step left that the ledger names as begun.
pub fn is_untouched(node: &Node, before: &Tree, noise: &Paths) -> Outcome<String> {
    let later = Tree::of(node)?;
    let ledger = agent::ledger(node);
    let mut named = vec!["var/lib/kubeboot".to_owned(), LEDGER.to_owned()];
    if ledger.iter().any(|record| record == "begun shared-pki") {
        named.extend(["etc/kubernetes", "etc/kubernetes/pki", "etc/kubernetes/pki/etcd"].map(str::to_owned));
        named.extend(SHARED_PKI.map(|file| format!("etc/kubernetes/pki/{file}")));
    }
    let differing: Vec<String> = before.differences(&later).difference(noise).filter(|path| !named.contains(path)).cloned().collect();
    expect(differing.is_empty(), || format!("{differing:?}; the ledger: {ledger:?}"))
}

/// A file that nobody may leave is left, and found.
pub fn a_file_is_found(node: &Node, before: &Tree, noise: &Paths) -> Outcome<String> {
    let planted = "etc/planted";
    node.must(&["sh", "-c", &format!("echo planted >/{planted}")], SHORT)?;
    let seen = is_untouched(node, before, noise);
    node.must(&["rm", &format!("/{planted}")], SHORT)?;
    match seen {
        Err(told) if told.contains(planted) => Ok(String::new()),
        other => Err(format!("not found: {other:?}")),
    }
}
