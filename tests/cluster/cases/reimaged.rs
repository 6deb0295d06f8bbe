//! The machine that started the cluster loses its disks while the others live, and comes back with the document that lets
//! it start one: it joins, once what is left of its earlier life is out of the way, by the words of its own advice.

use std::time::Duration;

use kubeboot::failure::Failure;
use serde_json::Value;

use super::refusal::{self, End, Refusal};
use super::{Cluster, FIRST_BOOT, SHORT};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::etcd;
use crate::outcome::{Outcome, While};
use crate::tree::Tree;

const FIRST: usize = 0;

const STALE: Refusal<'static> = Refusal {
    failure: Failure::StaleVoter,
    end: End::Halts(69),
    words: &[
        "etcd member n1 (",
        ") is an earlier life of this machine, whose data is gone",
        "if that machine is gone for good, remove its member: `kubectl -n kube-system exec etcd-n",
        "member remove ",
        "then start this machine again: it joins as a new member",
    ],
};

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let (node, kubectl) = (cluster.node(FIRST)?, cluster.kubectl()?);
    let noise = refusal::noise(cluster, node)?;
    cluster.re_image(FIRST)?;
    cluster.switch_on()?;
    for node in &cluster.bed.nodes {
        agent::wait_until_retired(node, FIRST_BOOT)?;
    }
    let birth = ["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"];
    let born = kubectl.must(&birth, SHORT)?;

    node.power_cut()?;
    cluster.re_image(FIRST)?;
    let before = Tree::of(node)?;
    node.power_on()?;
    STALE.look("re-imaged", node, agent::UNIT, checks);
    let status = agent::status(node)?;
    checks.that("re-imaged: the fence says join", expect(status["course"] == "join", || status["course"].to_string()));
    checks.that("re-imaged: the disk is as before, but for what the ledger names", refusal::is_untouched(node, &before, &noise));
    checks.that("re-imaged: a planted file is found", refusal::a_file_is_found(node, &before, &noise));

    let command = command_of(&status)?;
    let arguments: Vec<&str> = command.split(' ').collect();
    let removed = wait_for("the advised command", FIRST_BOOT, Duration::from_secs(1), || kubectl.must(&arguments, SHORT));
    if !checks.that("re-imaged: the advised command removes the member", removed.map(|said| said.trim().to_owned())) {
        return Ok(());
    }
    node.power_off(FIRST_BOOT)?;
    node.power_on()?;
    checks.that("re-imaged: started again, it joins", agent::wait_until_retired(node, FIRST_BOOT));
    checks.that("re-imaged: status.json tells of success", agent::status_tells_success(node, "control-plane"));
    checks.that("re-imaged: the Node is Ready, and this machine's", ready_as_this_machine(cluster));
    let members = etcd::members(&cluster.bed, cluster.ready.parts.path("etcdctl")?)?;
    let three = ["n1", "n2", "n3"].map(str::to_owned).to_vec();
    checks.that("re-imaged: three voters, no learner", expect(members == (three, vec![]), || format!("{members:?}")));
    let now = kubectl.must(&birth, SHORT)?;
    checks.that("re-imaged: it is the same cluster", expect(now == born, || format!("{now}, not {born}")));
    Ok(())
}

/// What the advice has between its backticks, without the program's name.
fn command_of(status: &Value) -> Outcome<String> {
    let advice = status["fault"]["advice"].as_str().whilst("no advice")?;
    let command = advice.split('`').nth(1).and_then(|command| command.strip_prefix("kubectl "));
    Ok(command.whilst(format_args!("no command in: {advice}"))?.to_owned())
}

fn ready_as_this_machine(cluster: &Cluster) -> Outcome<String> {
    let node = cluster.kubectl()?.json(&["get", "node", "n1"])?;
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.filter(|condition| condition["type"] == "Ready").any(|condition| condition["status"] == "True");
    let (seen, own) = (&node["status"]["nodeInfo"]["machineID"], cluster.node(FIRST)?.read("etc/machine-id")?);
    expect(ready && *seen == own.trim(), || format!("Ready: {ready}, machine-id {seen}"))
}
