//! Three control planes and a worker, switched on at the same moment.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Cluster, FIRST_BOOT, SHORT, secrets};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::kubectl::Kubectl;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::{etcd, workload};

/// A machine's whole reboot, until its Node is Ready again.
const REBOOT: Duration = Duration::from_secs(120);

/// How long the API may be gone when a control plane loses power: a health check, an election, a client's retry.
const OUTAGE: Duration = Duration::from_secs(30);

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let kubectl = cluster.kubectl()?;
    secrets::sampler_is_shown_to_find(cluster, checks);
    if !checks.that("four nodes are Ready, by the minted admin.conf through the balancer", cluster.all_ready()) {
        return Ok(());
    }
    shape(cluster, checks)?;
    let (voters, learners) = etcd::members(&cluster.bed, cluster.ready.parts.path("etcdctl")?)?;
    checks.that(
        "etcd has three voting members and no learner",
        expect(voters == ["n1", "n2", "n3"] && learners.is_empty(), || format!("voters {voters:?}, learners {learners:?}")),
    );
    for (index, node) in cluster.bed.nodes.iter().enumerate() {
        let name = &node.name;
        checks.that(&format!("{name}: the unit has ended"), agent::wait_until_retired(node, FIRST_BOOT));
        checks.that(&format!("{name}: the marker is there"), agent::marker(node));
        let told = agent::status_tells_success(node, cluster.role(index));
        checks.that(&format!("{name}: status.json tells of success"), told);
    }
    checks.that("one machine initialised, the others joined", who_did_what(cluster));
    traffic(cluster, &kubectl, checks);
    secrets::look(cluster, checks);
    Ok(())
}

pub fn shake(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let kubectl = cluster.kubectl()?;
    for index in [1, 3] {
        let node = cluster.node(index)?;
        let name = &node.name;
        checks.that(&format!("{name}: comes back from a reboot"), reboot(&kubectl, node));
        checks.that(&format!("{name}: only came back"), agent::did_nothing_this_boot(node));
        checks.that(&format!("{name}: the unit stayed off"), agent::wait_until_retired(node, SHORT));
    }
    checks.that("a control plane's loss leaves the API answering", lose(&kubectl, cluster.node(0)?));
    let picture = kubectl.must(&["get", "nodes", "-o", "name"], SHORT);
    checks.that("the cluster still knows its four nodes", picture.and_then(|names| expect(names.lines().count() == 4, || names.clone())));
    Ok(())
}

/// Roles, labels, taints and addresses, as the documents say.
pub fn shape(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    (0..cluster.bed.nodes.len()).try_for_each(|index| shape_of(cluster, index, checks))
}

/// The same of one machine.
pub fn shape_of(cluster: &Cluster, index: usize, checks: &mut Checks) -> Outcome<()> {
    let (kubectl, node) = (cluster.kubectl()?, cluster.node(index)?);
    let control_plane = index < cluster.control_planes;
    let name = &node.name;
    let seen = kubectl.json(&["get", "node", name])?;
    let label = |key: &str| seen["metadata"]["labels"][key].as_str().map(str::to_owned);
    let tainted =
        seen["spec"]["taints"].as_array().is_some_and(|taints| taints.contains(&json!({"key": CONTROL_PLANE, "effect": "NoSchedule"})));
    checks.that(
        &format!("{name}: has the role {}", cluster.role(index)),
        expect(label(CONTROL_PLANE).is_some() == control_plane && tainted == control_plane, || {
            format!("labels {}, taints {}", seen["metadata"]["labels"], seen["spec"]["taints"])
        }),
    );
    let wanted = if control_plane { (Some("cp"), None) } else { (Some("worker"), Some("general")) };
    let labels = (label("bed"), label("pool"));
    checks.that(
        &format!("{name}: has the document's labels"),
        expect((labels.0.as_deref(), labels.1.as_deref()) == wanted, || format!("{labels:?}")),
    );
    let address = json!({"type": "InternalIP", "address": node.plug.address});
    checks.that(
        &format!("{name}: has its own address"),
        expect(seen["status"]["addresses"].as_array().is_some_and(|all| all.contains(&address)), || {
            seen["status"]["addresses"].to_string()
        }),
    );
    let machine = node.read("etc/machine-id")?;
    checks.that(
        &format!("{name}: is this machine"),
        expect(seen["status"]["nodeInfo"]["machineID"] == machine.trim(), || seen["status"]["nodeInfo"].to_string()),
    );
    Ok(())
}

fn who_did_what(cluster: &Cluster) -> Outcome<String> {
    for (index, node) in cluster.bed.nodes.iter().enumerate() {
        let status = agent::status(node)?;
        let wanted = if index == 0 { "kubeadm-init" } else { "kubeadm-join" };
        let unwanted = if index == 0 { "kubeadm-join" } else { "kubeadm-init" };
        if agent::step(&status, wanted).is_none() || agent::step(&status, unwanted).is_some() {
            return Err(format!("{}: {}", node.name, status["steps"]));
        }
    }
    Ok(String::new())
}

fn traffic(cluster: &Cluster, kubectl: &Kubectl, checks: &mut Checks) {
    let (worker, control_plane) = ("on-worker", "on-control-plane");
    let started = workload::start(&cluster.bed, kubectl, &[(worker, "n4"), (control_plane, "n2")]);
    if !checks.that("a pod runs on the worker and one on a control plane", started) {
        return;
    }
    for (from, to) in [(worker, control_plane), (control_plane, worker)] {
        let reached = workload::address(kubectl, to).and_then(|address| workload::reaches(kubectl, from, &address, 8080, to));
        checks.that(&format!("{from} reaches {to} by address"), reached);
    }
    for from in [worker, control_plane] {
        checks.that(&format!("{from} reaches the Service by name"), workload::service_by_name(kubectl, from, worker));
    }
}

/// Reboots and waits for a Node that is Ready in another boot than before.
fn reboot(kubectl: &Kubectl, node: &Node) -> Outcome<String> {
    let boot_id = || -> Outcome<(String, bool)> {
        let seen = kubectl.json(&["get", "node", &node.name])?;
        let id = seen["status"]["nodeInfo"]["bootID"].as_str().whilst("no bootID")?.to_owned();
        let conditions = seen["status"]["conditions"].as_array().into_iter().flatten();
        let ready = conditions.clone().any(|c| c["type"] == "Ready" && c["status"] == "True");
        Ok((id, ready))
    };
    let (before, _) = boot_id()?;
    let started = Instant::now();
    node.must(&["systemctl", "reboot", "--no-block"], SHORT)?;
    wait_for("the reboot", REBOOT, Duration::from_millis(300), || {
        let (id, ready) = boot_id()?;
        if id != before && ready { Ok(()) } else { Err(format!("boot {id}, Ready {ready}")) }
    })?;
    if node.boots() != 2 {
        return Err(format!("it was started {} times", node.boots()));
    }
    Ok(format!("Ready again after {:.1} s", started.elapsed().as_secs_f64()))
}

/// Cuts the power and counts what a client of the balancer notices.
fn lose(kubectl: &Kubectl, node: &Node) -> Outcome<String> {
    node.power_cut()?;
    let cut = Instant::now();
    let (mut failed, mut good, mut answered) = (0, 0, None);
    while good < 20 {
        let asked = cut.elapsed();
        let ended = kubectl.run(&["get", "--raw", "/api/v1/namespaces/default"], SHORT)?;
        if ended.ok() {
            good += 1;
            answered = answered.or(Some(asked));
        } else {
            failed += 1;
            good = 0;
            answered = None;
        }
        if cut.elapsed() > OUTAGE && answered.is_none() {
            return Err(format!("{failed} requests failed in {OUTAGE:?}; the last: {}", ended.stderr));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let since = answered.map_or(0.0, |at| at.as_secs_f64());
    Ok(format!("{} gone; {failed} requests failed, all answered from {since:.1} s on", node.name))
}
