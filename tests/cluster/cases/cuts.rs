//! Power cuts of machines and kills of the agent, on seeing a moment of its course from outside: the product has no hook
//! for it. However often it is struck, a first boot ends as an undisturbed one.
//!
//! What a cut of these machines can't show is a write that the disk had not taken yet: the host that holds the disks lives
//! on. That records are synced before and after each effect is shown on the simulated host.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Cluster, FIRST_BOOT, SHORT, ha, secrets};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::etcd;
use crate::fleet::{DOCUMENT, document_of};
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::say::say;

/// How often a machine's disk is looked at: kubeadm makes some of the files within milliseconds of each other.
const LOOK: Duration = Duration::from_millis(2);

/// etcd makes its log some ten milliseconds before it writes to it; ended in between, it never starts from it.
const ETCD_LOG: &str = "var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal";
/// What etcd makes the log with ends before this byte; its first entry, some hundred bytes, does not.
const ETCD_LOG_IS_WRITTEN: usize = 128;

/// Index of the machine that initialises, and of the one that joins it.
const FIRST: usize = 0;
const SECOND: usize = 1;

/// A moment of a first boot that can be seen from outside of the machine.
#[derive(Clone, Copy)]
enum Moment {
    /// The ledger has this record.
    Record(&'static str),
    /// kubeadm, or what it started, has made this file or folder.
    File(&'static str),
    /// The agent has removed this file.
    Gone(&'static str),
}

use Moment::{File, Gone, Record};

/// Those of an initialiser, in the order in which an undisturbed one has them.
const OF_INIT: [Moment; 9] = [
    Record("started"),
    Record("begun kubeadm-init"),
    File("etc/kubernetes/pki/apiserver.key"),
    File("etc/kubernetes/admin.conf"),
    File("etc/kubernetes/manifests/etcd.yaml"),
    File(ETCD_LOG),
    Record("done kubeadm-init"),
    Record("begun retire"),
    Gone(DOCUMENT),
];

/// Those of a control plane that joins.
const OF_JOIN: [Moment; 9] = [
    Record("done shared-pki"),
    Record("begun kubeadm-join"),
    File("etc/kubernetes/pki/apiserver.key"),
    File("etc/kubernetes/bootstrap-kubelet.conf"),
    File("etc/kubernetes/manifests/etcd.yaml"),
    File(ETCD_LOG),
    File("etc/kubernetes/kubelet.conf"),
    Record("done kubeadm-join"),
    Record("begun retire"),
];

/// Some of each, to come over a machine in one and the same life.
const ROW_OF_INIT: [Moment; 5] = [
    Record("begun shared-pki"),
    Record("begun kubeadm-init"),
    File("etc/kubernetes/admin.conf"),
    File(ETCD_LOG),
    Record("done kubeadm-init"),
];
const ROW_OF_JOIN: [Moment; 5] = [
    Record("done shared-pki"),
    Record("begun kubeadm-join"),
    File("etc/kubernetes/manifests/etcd.yaml"),
    File("etc/kubernetes/kubelet.conf"),
    Record("done kubeadm-join"),
];

impl Moment {
    fn name(self) -> String {
        match self {
            Record(name) | File(name) => name.to_owned(),
            Gone(name) => format!("no {name}"),
        }
    }

    fn has_come(self, node: &Node) -> bool {
        match self {
            Record(record) => agent::ledger(node).iter().any(|seen| seen == record),
            File(path) => node.path(path).exists(),
            Gone(path) => !node.path(path).exists(),
        }
    }
}

/// What happens to a machine at a moment.
#[derive(Clone, Copy)]
enum Blow {
    PowerCut,
    /// SIGKILL of the agent alone. systemd ends what is left of its control group, and by Restart= begins anew.
    Kill,
}

impl Blow {
    /// The process whose death it is.
    fn target(self, node: &Node) -> Outcome<i32> {
        match self {
            Self::PowerCut => node.init(),
            Self::Kill => node.main_process("kubeboot"),
        }
    }

    /// Waits for the moment and strikes; the target is looked for before, so that it is hit at once.
    fn strike(self, node: &Node, moment: Moment) -> Outcome<()> {
        let mut target = None;
        let target = agent::wait_for(node, &moment.name(), FIRST_BOOT, LOOK, || {
            let aimed = match target {
                Some(aimed) => aimed,
                None => *target.insert(self.target(node)?),
            };
            if moment.has_come(node) { Ok(aimed) } else { Err("not there".to_owned()) }
        })?;
        kill(Pid::from_raw(target), Signal::SIGKILL).whilst(target)?;
        match self {
            Self::PowerCut => node.wait_off(),
            Self::Kill => wait_for("the agent's end", SHORT, LOOK, || match self.target(node) {
                Ok(same) if same == target => Err("it lives".to_owned()),
                _ => Ok(()),
            }),
        }
    }

    fn recover(self, node: &Node) -> Outcome<()> {
        match self {
            Self::PowerCut => node.power_on(),
            Self::Kill => Ok(()),
        }
    }
}

/// The disk as a blow left it, before anything goes on.
struct Scene {
    last_record: String,
    /// The document lies where it was put.
    document: bool,
    /// Nothing will start any more.
    marker: bool,
    /// What etcd had made of its data.
    etcd: Etcd,
}

impl Scene {
    fn of(node: &Node) -> Self {
        Self {
            last_record: agent::ledger(node).pop().unwrap_or_else(|| "nothing".to_owned()),
            document: node.path(DOCUMENT).exists(),
            marker: agent::marker(node).is_ok(),
            etcd: Etcd::of(node),
        }
    }
}

/// etcd's data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Etcd {
    None,
    /// It has made its log, and not written to it.
    Stillborn,
    /// By the inode of its log: data that were wiped and made again have another.
    Written(u64),
}

impl Etcd {
    fn of(node: &Node) -> Self {
        let path = node.path(ETCD_LOG);
        let mut beginning = [0; 512];
        let read = fs::File::open(&path).and_then(|mut log| log.read_exact(&mut beginning).map(|()| log.metadata()));
        match read {
            Ok(Ok(log)) if beginning[ETCD_LOG_IS_WRITTEN..].iter().any(|byte| *byte != 0) => Self::Written(log.ino()),
            Ok(Ok(_)) => Self::Stillborn,
            _ => Self::None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "has no log",
            Self::Stillborn => "has made its log",
            Self::Written(_) => "has written to its log",
        }
    }
}

pub fn first_machine_loses_power(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    lives(cluster, FIRST, &OF_INIT, Blow::PowerCut, checks)
}

pub fn first_agent_is_killed(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    lives(cluster, FIRST, &OF_INIT, Blow::Kill, checks)
}

pub fn second_machine_loses_power(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    first_lives(cluster)?;
    lives(cluster, SECOND, &OF_JOIN, Blow::PowerCut, checks)
}

pub fn second_agent_is_killed(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    first_lives(cluster)?;
    lives(cluster, SECOND, &OF_JOIN, Blow::Kill, checks)
}

fn first_lives(cluster: &Cluster) -> Outcome<()> {
    let first = cluster.node(FIRST)?;
    first.power_on()?;
    agent::wait_until_retired(first, FIRST_BOOT).map(drop)
}

pub fn power_is_lost_often(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    in_one_life(cluster, Blow::PowerCut, checks)
}

pub fn agents_are_killed_often(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    in_one_life(cluster, Blow::Kill, checks)
}

/// The whole row comes over the first machine, then over the second. What was broken off has left no secret either.
fn in_one_life(cluster: &Cluster, blow: Blow, checks: &mut Checks) -> Outcome<()> {
    life(cluster, FIRST, &ROW_OF_INIT, blow, checks)?;
    life(cluster, SECOND, &ROW_OF_JOIN, blow, checks)?;
    secrets::sampler_is_shown_to_find(cluster, checks);
    secrets::look(cluster, checks);
    Ok(())
}

/// One blow a life, at each of the moments.
fn lives(cluster: &Cluster, index: usize, moments: &[Moment], blow: Blow, checks: &mut Checks) -> Outcome<()> {
    for (number, moment) in moments.iter().enumerate() {
        if number > 0 {
            another_life(cluster, index, checks)?;
        }
        let mut held = Checks::default();
        let lived = life(cluster, index, &[*moment], blow, &mut held).and_then(|()| held.verdict());
        if lived.is_err() {
            cluster.diagnose(&moment.name().replace(['/', ' '], "-"));
        }
        checks.that(&format!("struck at {}, it ends as undisturbed", moment.name()), lived.map(|()| String::new()));
    }
    Ok(())
}

/// The machine is replaced by a fresh one, as an operator does it who removes a lost control plane from the cluster first.
fn another_life(cluster: &Cluster, index: usize, checks: &mut Checks) -> Outcome<()> {
    let node = cluster.node(index)?;
    if index != FIRST {
        let etcdctl = cluster.ready.parts.path("etcdctl")?;
        etcd::remove(&cluster.bed, etcdctl, &node.name)?;
        node.power_cut()?;
        let kubectl = cluster.kubectl()?;
        wait_for("deleting the Node", FIRST_BOOT, Duration::from_millis(300), || kubectl.must(&["delete", "node", &node.name], SHORT))?;
        let left = etcd::members(&cluster.bed, etcdctl)?;
        let gone = !left.0.contains(&node.name) && left.1.is_empty();
        checks.that("its old member is removed, so that it joins as a new machine", expect(gone, || format!("{left:?}")));
    } else {
        node.power_cut()?;
    }
    cluster.re_image(index)
}

/// From power-on to the end, struck at each of the moments.
fn life(cluster: &Cluster, index: usize, moments: &[Moment], blow: Blow, checks: &mut Checks) -> Outcome<()> {
    let node = cluster.node(index)?;
    node.power_on()?;
    let mut scene = Scene::of(node);
    for moment in moments {
        blow.strike(node, *moment)?;
        scene = Scene::of(node);
        let (ledger, etcd) = (&scene.last_record, scene.etcd.name());
        say(format!("  {}: struck at {}; the ledger ends with {ledger}, etcd {etcd}", node.name, moment.name()));
        blow.recover(node)?;
    }
    ends_as_undisturbed(cluster, index, moments.len(), &scene, checks)
}

fn ends_as_undisturbed(cluster: &Cluster, index: usize, blows: usize, scene: &Scene, checks: &mut Checks) -> Outcome<()> {
    let node = cluster.node(index)?;
    // Behind the marker nothing runs again: the run that was struck had done all but disable the unit, if not that too.
    if !scene.marker {
        if !checks.that("the unit has ended", agent::wait_until_retired(node, FIRST_BOOT)) {
            return Ok(());
        }
        let starts = agent::ledger(node).iter().filter(|record| *record == "started").count();
        let (told, wanted) = match scene.document {
            true => (agent::status_tells_success(node, cluster.role(index)), 2..=blows + 1),
            // There is nothing to begin anew: what is left of retiring is finished.
            false => (agent::status_tells_retired(node, cluster.role(index)), 1..=blows),
        };
        checks.that("status.json tells of success", told);
        checks.that("the ledger has its starts", expect(wanted.contains(&starts), || format!("{starts}, not {wanted:?}")));
    }
    checks.that("the marker is there", agent::marker(node));
    cluster_is_one(cluster, index, checks)?;
    checks.that("kubeadm's configuration is gone", agent::kubeadm_folder_is_gone(node));
    ha::shape_of(cluster, index, checks)?;
    checks.that("kubeadm was resumed, never reset", never_reset(node, scene));
    if scene.marker {
        // Asked last: by now the machine has come up as far as the unit would have been started.
        checks.that("the unit stays off", agent::wait_until_held_off(node, FIRST_BOOT));
    }
    Ok(())
}

/// The CA of the documents, one Node for each machine, one voter for each control plane.
fn cluster_is_one(cluster: &Cluster, index: usize, checks: &mut Checks) -> Outcome<()> {
    let node = cluster.node(index)?;
    let wanted: Vec<&str> = cluster.bed.nodes[..=index].iter().map(|node| node.name.as_str()).collect();
    let document = String::from_utf8(cluster.minted.document(document_of(index, cluster.control_planes))?).whilst("the document")?;
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let authority = squeezed(&node.read("etc/kubernetes/pki/ca.crt")?);
    checks
        .that("its CA is the document's", expect(!authority.is_empty() && squeezed(&document).contains(&authority), || authority.clone()));
    let kubectl = cluster.kubectl()?;
    // A machine that was struck when all was done may still be on its way up.
    let nodes = wait_for("each machine's Node", FIRST_BOOT, Duration::from_millis(300), || {
        let boot = node.must(&["cat", "/proc/sys/kernel/random/boot_id"], SHORT)?;
        let nodes = kubectl.json(&["get", "nodes"])?;
        let nodes = nodes["items"].as_array().whilst("no nodes")?;
        let ready: Vec<&str> = nodes.iter().filter(|node| is_ready(node)).filter_map(|node| node["metadata"]["name"].as_str()).collect();
        let boots: Vec<&str> = nodes.iter().filter_map(|node| node["status"]["nodeInfo"]["bootID"].as_str()).collect();
        let holds = nodes.len() == wanted.len() && ready == wanted && boots.contains(&boot.trim());
        expect(holds, || format!("{} Nodes, Ready {ready:?}, boots {boots:?}; {} is in boot {boot}", nodes.len(), node.name))
    });
    checks.that("each machine has one Node, Ready in this boot", nodes);
    let (voters, learners) = etcd::members(&cluster.bed, cluster.ready.parts.path("etcdctl")?)?;
    checks.that(
        "each control plane's member votes, and there is no other",
        expect(voters == wanted && learners.is_empty(), || format!("voters {voters:?}, learners {learners:?}")),
    );
    Ok(())
}

fn is_ready(node: &Value) -> bool {
    node["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// By the journal, in which kubeadm's every line is, and by etcd's data, which a reset removes.
fn never_reset(node: &Node, scene: &Scene) -> Outcome<String> {
    let said = agent::said(node, "all")?;
    let (ran, reset) = (said.contains("[kubelet-start]"), said.contains("[reset]"));
    if !ran || reset {
        return Err(format!("the journal has kubeadm's own lines: {ran}; of a reset: {reset}"));
    }
    match (scene.etcd, Etcd::of(node)) {
        (_, Etcd::None | Etcd::Stillborn) => Err("etcd has written nothing to its log".to_owned()),
        (before @ Etcd::Written(_), now) if now != before => Err("etcd's log is not the one that was there before".to_owned()),
        (Etcd::Written(_), _) => Ok("etcd kept its data".to_owned()),
        (Etcd::None | Etcd::Stillborn, _) => Ok(String::new()),
    }
}
