//! etcd's members, through the JSON gateway that every member serves beside gRPC (`/v3/cluster/member/list`).

use std::time::Duration;

use serde_json::{Value, json};

use super::api::Ask;
use crate::host::Method;

/// etcd refuses a further member ("unhealthy cluster") until every voter has been connected for this long: its HealthInterval
/// under strict-reconfig-check (etcd server/etcdserver/server.go). A join that begins earlier starts its kubelet against an
/// API server that can't come up, and the kubelet's growing pauses then cost more than the wait: seen as 17 s against 10 s.
pub const SETTLING: Duration = Duration::from_secs(5);

/// One member. Ids are decimal strings in the gateway's JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Decimal id.
    pub id: String,
    /// Name; empty until it has started.
    pub name: String,
    /// Peer URLs.
    pub peers: Vec<String>,
    /// Client URLs; none until it has started.
    pub clients: Vec<String>,
    /// A learner doesn't vote.
    pub learner: bool,
}

impl Member {
    /// The id as etcdctl takes and prints it.
    #[must_use]
    pub fn hex_id(&self) -> String {
        self.id.parse::<u64>().map_or_else(|_| self.id.clone(), |id| format!("{id:x}"))
    }

    /// Started and voting.
    #[must_use]
    pub fn votes(&self) -> bool {
        !self.learner && !self.name.is_empty()
    }
}

/// How etcd's list contradicts this machine's disk; either way kubeadm would run for minutes and never end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction<'a> {
    /// An earlier life's member stands in the list, but its data is gone: it can't come back, and nobody can be added in its
    /// place (kubeadm.md §6.4).
    StaleVoter(&'a Member),
    /// There is data, but no such member: it was removed, or the data is another cluster's.
    Removed,
}

/// Compares the list with this machine's disk: `local` is whether etcd data is on it. A learner that never started is what
/// an interrupted join leaves, with or without data.
#[must_use]
pub fn contradiction<'a>(members: &'a [Member], own_peer: &str, local: bool) -> Option<Contradiction<'a>> {
    match members.iter().find(|member| member.peers.iter().any(|peer| peer == own_peer)) {
        Some(member) if !local && (!member.learner || !member.name.is_empty()) => Some(Contradiction::StaleVoter(member)),
        None if local => Some(Contradiction::Removed),
        _ => None,
    }
}

/// Asks for the members. Linearizable: a member that lost its leader otherwise answers with what it last knew, as if all
/// were well (seen on 3.7.0); asked so, it says 503 after its request time-out.
#[must_use]
pub fn list() -> Ask {
    Ask::send(Method::Post, "/v3/cluster/member/list", &json!({"linearizable": true}))
}

/// Reads the answer of [`list`]; members without the fields of a member are left out.
#[must_use]
pub fn members(answer: &Value) -> Vec<Member> {
    let texts = |member: &Value, key: &str| -> Vec<String> {
        member.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(|url| url.as_str().map(str::to_owned)).collect()
    };
    answer
        .get("members")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|member| {
            Some(Member {
                id: member.get("ID")?.as_str()?.to_owned(),
                name: member.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                peers: texts(member, "peerURLs"),
                clients: texts(member, "clientURLs"),
                learner: member.get("isLearner").and_then(Value::as_bool).unwrap_or(false),
            })
        })
        .collect()
}

/// The etcd pods of the cluster: label that kubeadm puts on its static pods.
#[must_use]
pub fn pods() -> Ask {
    Ask::get("/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd,tier%3Dcontrol-plane")
}

/// Client URLs from the pods' annotation, which kubeadm writes for this purpose.
#[must_use]
pub fn client_urls(pods: &Value) -> Vec<String> {
    pods.get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|pod| pod.get("metadata")?.get("annotations")?.get("kubeadm.kubernetes.io/etcd.advertise-client-urls")?.as_str())
        .flat_map(|urls| urls.split(','))
        .map(str::to_owned)
        .collect()
}

/// Why another member can't be added now, or `None`: no foreign learner, every member started (design §5).
/// `own_peer` is this machine's peer URL, whose own learner of an earlier attempt is no hindrance.
#[must_use]
pub fn hindrance(members: &[Member], own_peer: &str) -> Option<String> {
    let foreign = |member: &&Member| !member.peers.iter().any(|peer| peer == own_peer);
    if let Some(learner) = members.iter().filter(foreign).find(|member| member.learner) {
        let who = if learner.name.is_empty() { learner.peers.join(",") } else { learner.name.clone() };
        return Some(format!("etcd member {who} is still a learner"));
    }
    let unstarted = members.iter().filter(foreign).find(|member| member.name.is_empty())?;
    Some(format!("etcd member {} has not started", unstarted.peers.join(",")))
}

/// Asks a member for its status, which it gives in any state; [`ailment`] reads it.
#[must_use]
pub fn health() -> Ask {
    Ask::send(Method::Post, "/v3/maintenance/status", &json!({}))
}

/// What the answer of [`health`] says is wrong with the member, or `None`. It comes with HTTP 200 either way; without a
/// leader, with an alarm or a corrupt store it lists `errors` (etcd's StatusResponse).
#[must_use]
pub fn ailment(status: &Value) -> Option<String> {
    let errors: Vec<&str> = status.get("errors").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    (!errors.is_empty()).then(|| errors.join(", "))
}
