//! No secret in arguments, environments, journals or files outside kubeadm's own. Each kind of search is first shown to
//! find one.

use std::sync::Arc;
use std::time::Duration;

use super::{Cluster, SHORT};
use crate::checks::Checks;
use crate::command::wait_for;
use crate::fleet::Choice;
use crate::needles::{BUNDLE_KEYS, Needles};
use crate::outcome::Outcome;
use crate::sampler::Sampler;
use crate::search::{self, Decoy, Searched};

/// That the harness found every secret that the documents must hold: a search for nothing finds nothing.
pub fn understood(needles: &Needles, choice: Choice) -> Outcome<()> {
    let labels = needles.labels();
    let credential = match choice.credential {
        "bootstrapToken" => "bootstrap token",
        _ => "private key in a document",
    };
    let mut wanted = vec!["certificate key", "key of the minted admin.conf", credential];
    wanted.retain(|label| *label != "certificate key" || choice.pki != "disk");
    wanted.extend(BUNDLE_KEYS);
    wanted.retain(|label| !labels.contains(label));
    if wanted.is_empty() { Ok(()) } else { Err(format!("the harness finds no {wanted:?} in what mint made")) }
}

/// A process with a planted secret in its arguments and one in its environment runs in a machine; a sampler of its own,
/// beside the one that looks for the real ones, must see both.
pub fn sampler_is_shown_to_find(cluster: &Cluster, checks: &mut Checks) {
    checks.that("the sampler finds planted secrets in argv and environment", planted(cluster));
}

fn planted(cluster: &Cluster) -> Outcome<String> {
    let decoy = Decoy::new("planted")?;
    let node = cluster.node(cluster.bed.nodes.len() - 1)?;
    let text = decoy.text.clone();
    let sampler = Sampler::start(Some(Arc::new(decoy.needles)));
    wait_for("the machine's init", SHORT, Duration::from_millis(10), || node.init().map(drop))?;
    // The shell takes the secret in its arguments; the sleep it becomes has it in its environment alone.
    let line = format!("P={text} exec sleep 1");
    node.must(&["sh", "-c", "sleep 0.2; eval \"$0\"", &line], SHORT)?;
    let sights = sampler.samples().sights;
    for (program, place) in [("sh", "argv"), ("sleep", "environment")] {
        if !sights.iter().any(|sight| sight.program == program && sight.place == place) {
            return Err(format!("not in the {place} of {program}; seen: {sights:?}"));
        }
    }
    Ok(String::new())
}

/// After the run: what the sampler saw, and what the machines kept.
pub fn look(cluster: &Cluster, checks: &mut Checks) {
    let samples = cluster.sampler.samples();
    let seen: Vec<String> = samples.sights.iter().map(|sight| format!("{} in {} of {}", sight.label, sight.place, sight.program)).collect();
    checks.that(
        "no secret in the arguments or environment of a process",
        if seen.is_empty() { Ok(format!("{} processes, {} rounds", samples.processes, samples.rounds)) } else { Err(seen.join("; ")) },
    );
    let since = cluster.power_on.wall;
    checks.that("the search finds the cluster's keys where they belong", belong(cluster));
    for node in &cluster.bed.nodes {
        if !checks.that(&format!("{}: the searches find what was planted", node.name), search::shown_to_find(node, since)) {
            continue;
        }
        let journal = search::journals(node, &cluster.needles).and_then(told);
        checks.that(&format!("{}: no secret in the journal", node.name), journal);
        let files = search::files(node, &cluster.needles, since).and_then(told);
        checks.that(&format!("{}: no secret in a file outside kubeadm's own", node.name), files);
    }
}

fn belong(cluster: &Cluster) -> Outcome<String> {
    let found = search::where_they_belong(cluster.node(0)?, &cluster.needles)?;
    let missing: Vec<&str> = BUNDLE_KEYS.into_iter().filter(|key| !found.finds.iter().any(|find| find.label == *key)).collect();
    if missing.is_empty() { Ok(String::new()) } else { Err(format!("{missing:?} not found in /etc/kubernetes/pki")) }
}

fn told(searched: Searched) -> Outcome<String> {
    if searched.finds.is_empty() {
        return Ok(format!("{} looked at, {} MiB", searched.files, searched.bytes >> 20));
    }
    let finds: Vec<String> = searched.finds.iter().take(10).map(|find| format!("{} in {}", find.label, find.place)).collect();
    Err(finds.join("; "))
}
