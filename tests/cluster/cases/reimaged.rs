//! The machine that started the cluster comes back with an empty disk and its old document, while the others live: it joins,
//! never starts a second cluster, and says first what is left of its earlier life in etcd.

use std::time::Duration;

use kubeboot::failure::Failure;

use super::refusal::{End, Refusal};
use super::{Cluster, FIRST_BOOT, SHORT};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::etcd;
use crate::outcome::{Outcome, While};

const FIRST: usize = 0;

const STALE: Refusal = Refusal {
    failure: Failure::StaleVoter,
    end: End::Halts(69),
    words: &[
        "etcd member n1 (",
        "is an earlier life of this machine, whose data is gone",
        "remove its member: `kubectl -n kube-system exec etcd-",
        "member remove ",
        "then start this machine again: it joins as a new member",
    ],
};

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    cluster.switch_on()?;
    if !checks.that("the cluster is up", cluster.all_ready()) {
        return Ok(());
    }
    for node in &cluster.bed.nodes {
        agent::wait_until_retired(node, FIRST_BOOT)?;
    }
    let first = cluster.node(FIRST)?;
    first.power_cut()?;
    cluster.re_image(FIRST)?;
    first.power_on()?;
    STALE.look("re-imaged", first, agent::UNIT, checks);
    let ledger = agent::ledger(first);
    checks.that(
        "the fence said join, and kubeadm was not begun",
        expect(
            ledger.iter().any(|record| record == "course join") && !ledger.iter().any(|record| record.starts_with("begun kubeadm")),
            || format!("{ledger:?}"),
        ),
    );
    if !checks.that("its advice, to the letter, removes the member", follow_advice(cluster)) {
        return Ok(());
    }
    first.must(&["systemctl", "start", agent::UNIT], SHORT)?;
    checks.that("it joins: the unit has ended", agent::wait_until_retired(first, FIRST_BOOT));
    checks.that("status.json tells of success", agent::status_tells_success(first, "control-plane"));
    let members = wait_for("three voters", SHORT, Duration::from_millis(200), || {
        let members = etcd::members(&cluster.bed, cluster.ready.parts.path("etcdctl")?)?;
        expect(members == (vec!["n1".to_owned(), "n2".to_owned(), "n3".to_owned()], vec![]), || format!("{members:?}"))
    });
    checks.that("etcd has three voting members and no learner", members);
    checks.that("all nodes are Ready", cluster.all_ready());
    Ok(())
}

/// Runs the command between the backticks, which is one for an operator's laptop.
fn follow_advice(cluster: &Cluster) -> Outcome<String> {
    let status = agent::status(cluster.node(FIRST)?)?;
    let advice = status["fault"]["advice"].as_str().whilst("no advice")?;
    let command = advice.split('`').nth(1).whilst("no command in the advice")?;
    let words: Vec<&str> = command.split_whitespace().collect();
    let (program, arguments) = words.split_first().whilst("an empty command")?;
    expect(*program == "kubectl", || command.to_owned())?;
    cluster.kubectl()?.must(arguments, SHORT).map(|said| said.trim().to_owned())
}
