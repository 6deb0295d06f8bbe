//! Success is the effect, not the exit code (design §5): what this machine's own kubelet, API server and etcd member say.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::backoff;
use crate::cluster::api::{Ask, Client, Trouble};
use crate::cluster::{etcd, object};
use crate::cni::DaemonSet;
use crate::document::spec::CniChoice;
use crate::failure::{Failure, Seen};
use crate::fault::Fault;
use crate::host::{Command, Host, Level};
use crate::moment::UnixTime;
use crate::plan::Course;
use crate::run::{Look, Run};

/// How often in a row another machine's id may stand in our Node before it is called a clash: about a minute of looks.
const CLASH: u32 = 60;

/// What the Ready condition's message of a Node names while its kubelet has not made its CSINode.
const WAITS_FOR_CSI: &str = "CSINode";

/// Where a Node has the label that kubeadm puts on control planes.
pub(super) const CONTROL_PLANE: &str = "/metadata/labels/node-role.kubernetes.io~1control-plane";

/// Whether a join's effects are there: our Node by our own kubelet.conf, and on a control plane its label and its vote.
///
/// # Errors
/// kubelet.conf is there, but can't be read.
pub async fn joined<H: Host>(run: &mut Run<'_, H>) -> Result<bool, Fault> {
    let Some(client) = run.as_kubelet().await? else { return Ok(false) };
    let Ok(node) = client.ask(run.host, &Ask::get(object::node(&run.identity.name))).await else { return Ok(false) };
    if object::machine_id(&node) != Some(&run.facts.machine_id) {
        return Ok(false);
    }
    if !run.is_control_plane() {
        return Ok(true);
    }
    Ok(node.pointer(CONTROL_PLANE).is_some() && Own::of(run)?.votes(run).await.is_ok())
}

/// This control plane's own servers, asked with certificates that it signs for itself.
pub(super) struct Own {
    api: Client,
    etcd: Client,
}

impl Own {
    pub(super) fn of<H: Host>(run: &Run<'_, H>) -> Result<Self, Fault> {
        Ok(Self { api: run.admin_here()?, etcd: run.etcd_here()? })
    }

    /// Whether this machine's member votes; else what is seen.
    pub(super) async fn votes<H: Host>(&self, run: &Run<'_, H>) -> Result<(), Seen> {
        let own = super::turn::peer_url(run);
        match self.etcd.ask(run.host, &etcd::list()).await {
            Err(trouble) => Err(trouble.failure().seen(format!("this machine's etcd: {}", trouble.line()))),
            Ok(answer) if etcd::members(&answer).iter().any(|member| member.votes() && member.peers.contains(&own)) => Ok(()),
            Ok(_) => Err(Failure::MemberNotVoting.seen("this machine's etcd member does not vote yet")),
        }
    }
}

/// A kubelet that has not registered its Node finds none.
fn node_trouble(trouble: &Trouble) -> Failure {
    if trouble.status() == Some(404) { Failure::NodeUnregistered } else { trouble.failure() }
}

/// This machine's Node by its own kubelet; else what is seen. `clashes` counts looks in a row at another machine's.
async fn own_node<H: Host>(run: &Run<'_, H>, kubelet: &Client, clashes: &mut u32) -> Result<Result<Value, Seen>, Fault> {
    let name = &run.identity.name;
    let node = match kubelet.ask(run.host, &Ask::get(object::node(name))).await {
        Ok(node) => node,
        Err(trouble) => return Ok(Err(node_trouble(&trouble).seen(format!("Node {name}: {}", trouble.line())))),
    };
    let other = match object::machine_id(&node) {
        Some(id) if id == run.facts.machine_id => {
            *clashes = 0;
            return Ok(Ok(node));
        }
        other => other.filter(|id| !id.is_empty()).unwrap_or("unknown").to_owned(),
    };
    *clashes += 1;
    if *clashes > CLASH {
        return Err(Fault::new(
            Failure::NameTaken,
            format!("another machine is Node {name}"),
            format!("Node {name}"),
            "give one of the two machines another hostname (or nodeRegistration.name), and delete the Node once",
        )
        .because(format!("the Node's machine-id is {other}, this machine's is {}", run.facts.machine_id)));
    }
    Ok(Err(Failure::NameTaken.seen(format!("Node {name} has machine-id {other}, this machine {}", run.facts.machine_id))))
}

/// What is still missing of the CNI's pods on this node.
async fn missing_pod<H: Host>(run: &Run<'_, H>, kubelet: &Client, sets: &[DaemonSet]) -> Option<Seen> {
    let name = &run.identity.name;
    let pods = match kubelet.ask(run.host, &object::pods_on(name)).await {
        Ok(pods) => pods,
        Err(trouble) => return Some(trouble.failure().seen(format!("pods of {name}: {}", trouble.line()))),
    };
    sets.iter().find_map(|set| {
        let owned = object::owned_by(&pods, &set.namespace, &set.name);
        match owned.first() {
            None => Some(Failure::NodeNotReady.seen(format!("DaemonSet {}/{} has no pod on {name} yet", set.namespace, set.name))),
            Some(pod) if object::condition(pod, "Ready") != Some(true) => {
                let why = object::container_trouble(pod);
                Some(Failure::NodeNotReady.seen(format!("the pod of DaemonSet {}/{} on {name} is not ready{why}", set.namespace, set.name)))
            }
            Some(_) => None,
        }
    })
}

/// What is still missing. What comes last is asked first, so that a look at a node that isn't ready costs one request.
async fn missing<H: Host>(
    run: &Run<'_, H>,
    kubelet: &Client,
    own: Option<&Own>,
    sets: &[DaemonSet],
    clashes: &mut u32,
) -> Result<Option<Seen>, Fault> {
    let node = match own_node(run, kubelet, clashes).await? {
        Ok(node) => node,
        Err(seen) => return Ok(Some(seen)),
    };
    if run.spec.cni != CniChoice::None {
        if object::condition(&node, "Ready") != Some(true) {
            let why = object::condition_message(&node, "Ready");
            return Ok(Some(Failure::NodeNotReady.seen(format!("Node {} is not Ready: {why}", run.identity.name))));
        }
        if !sets.is_empty()
            && let Some(seen) = missing_pod(run, kubelet, sets).await
        {
            return Ok(Some(seen));
        }
    }
    if let Some(own) = own {
        if let Err(trouble) = own.api.healthy(run.host, "/readyz").await {
            return Ok(Some(trouble.failure().seen(format!("this machine's API server: {}", trouble.line()))));
        }
        if let Err(seen) = own.votes(run).await {
            return Ok(Some(seen));
        }
    }
    Ok(None)
}

/// Waits until what a join is for is there: kubeadm is done once the kubelet has its certificate, the Node comes later.
///
/// # Errors
/// Another machine is this Node, or the step's time is over.
pub async fn arrive<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let mut clashes = 0;
    run.until("this machine's Node", backoff::LOCAL, async |run| {
        let Some(kubelet) = run.as_kubelet().await? else {
            return Ok(Look::NotYet(Failure::NodeUnregistered.seen("the kubelet has no certificate yet")));
        };
        if let Err(seen) = own_node(run, &kubelet, &mut clashes).await? {
            return Ok(Look::NotYet(seen));
        }
        Ok(if joined(run).await? {
            Look::Yes(())
        } else {
            Look::NotYet(Failure::MemberNotVoting.seen("it has no label, or its etcd member no vote, yet"))
        })
    })
    .await
}

/// Restarts the kubelet of a control plane that has just joined.
///
/// kubeadm starts it before the etcd member that its API server needs, so it counts failures while nothing can answer: the
/// sixth try for its CSINode comes 19 s after the fifth (kubelet pkg/volume/csi, initBackoff: 15 ms, factor 6), and until then
/// the Node is not Ready, though all is there. kubeadm itself restarts the kubelet at the end of init; after a join nobody does.
async fn wake<H: Host>(run: &Run<'_, H>) -> Result<(), Fault> {
    run.tell(Level::Info, "restarting the kubelet, which waits for what has been there since its API server serves");
    let restart = Command::new("systemctl", ["restart", "kubelet.service"], Duration::from_secs(60));
    let output = run.command(&restart).await?;
    if !output.ok() {
        // It comes to itself all the same, only later.
        run.tell(Level::Warning, &format!("`{}`: {}", restart.line(), output.stderr.trim()));
    }
    Ok(())
}

/// The step.
///
/// # Errors
/// A clash of names, or the step's time is over.
pub async fn wait<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let sets = super::cni::manifest(run).await?.map(|manifest| manifest.daemon_sets()).unwrap_or_default();
    let own = if run.is_control_plane() { Some(Own::of(run)?) } else { None };
    let mut kubelet = None;
    let (mut clashes, mut woken) = (0, run.course == Course::Initialise);
    run.until("the node to work", backoff::SHARED, async |run| {
        // The kubelet's first certificate is replaced soon after init: on a refusal the file is read again.
        if kubelet.is_none() {
            kubelet = run.as_kubelet().await?;
        }
        let Some(client) = &kubelet else { return Ok(Look::NotYet(Failure::NodeUnregistered.seen("the kubelet has no certificate yet"))) };
        Ok(match missing(run, client, own.as_ref(), &sets, &mut clashes).await? {
            None => Look::Yes(()),
            Some(seen) => {
                if seen.failure == Failure::CredentialRefused {
                    kubelet = None;
                }
                if own.is_some() && !woken && seen.line.contains(WAITS_FOR_CSI) {
                    woken = true;
                    wake(run).await?;
                }
                Look::NotYet(seen)
            }
        })
    })
    .await?;
    labels(run).await?;
    taints(run).await
}

/// A kubelet never re-applies labels to a Node that exists: what the document says and the Node lacks is patched
/// where this machine has the right, and told where it has not.
async fn labels<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let Some(kubelet) = run.as_kubelet().await? else { return Ok(()) };
    let path = object::node(&run.identity.name);
    let node = kubelet.ask(run.host, &Ask::get(path.clone())).await.map_err(|trouble| trouble.fault("reading the Node failed", &path))?;
    let has =
        |key: &str, value: &str| node.pointer("/metadata/labels").and_then(|labels| labels.get(key)).and_then(Value::as_str) == Some(value);
    let lacking: Map<String, Value> = run
        .spec
        .registration
        .labels
        .iter()
        .filter(|(key, value)| !has(key, value))
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let names = lacking.keys().cloned().collect::<Vec<_>>().join(", ");
    if run.is_control_plane() {
        let patch = Ask::patch(path.clone(), &json!({"metadata": {"labels": lacking}}));
        run.admin_here()?.ask(run.host, &patch).await.map_err(|trouble| trouble.fault("labelling the Node failed", &path))?;
        run.tell(Level::Info, &format!("labels put on the existing Node: {names}"));
    } else {
        let task = format!("Node {} existed before and lacks labels of the document: `kubectl label node` {names}", run.identity.name);
        run.leave_to_do(task);
    }
    Ok(())
}

/// The taints that the document names and an existing Node lacks, as with labels. A Node that this run registered had them
/// from the first: what has taken one off since (a CNI its start-up taint) did so on purpose.
async fn taints<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let wanted = run.spec.registration.taints.clone().unwrap_or_default();
    if wanted.is_empty() {
        return Ok(());
    }
    let Some(kubelet) = run.as_kubelet().await? else { return Ok(()) };
    let path = object::node(&run.identity.name);
    let node = kubelet.ask(run.host, &Ask::get(path.clone())).await.map_err(|trouble| trouble.fault("reading the Node failed", &path))?;
    let lacking = object::lacking_taints(&node, &wanted);
    if lacking.is_empty() || !object::is_older(&node, UnixTime::parse(&run.report.started_at)) {
        return Ok(());
    }
    let words = lacking.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    if run.is_control_plane() {
        let patch = Ask::patch(path.clone(), &object::tainted(&node, &lacking));
        run.admin_here()?.ask(run.host, &patch).await.map_err(|trouble| trouble.fault("tainting the Node failed", &path))?;
        run.tell(Level::Info, &format!("taints put on the existing Node: {words}"));
    } else {
        let name = &run.identity.name;
        let task = format!("Node {name} existed before and lacks taints of the document: `kubectl taint node {name} {words}`");
        run.leave_to_do(task);
    }
    Ok(())
}
