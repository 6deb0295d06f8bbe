//! What will be done, as data: a list of steps that can be printed, compared and kept as a golden file.
//!
//! A plan holds no secret and reads nothing: it follows from the document and the course that the fence chose.
//! Linear on purpose: some ten steps, and waits that don't depend on each other run together inside one.

mod build;
mod forecast;
mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use build::build;
pub use forecast::{Forecast, forecast};
pub use text::render;

/// What the fence decides: start the cluster, or join it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// `kubeadm init`.
    Initialise,
    /// `kubeadm join`.
    Join,
}

/// Stable names of steps: ledger keys, journal fields, words of the report. Never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepId {
    /// Host facts and preflight.
    Preflight,
    /// Clock and container runtime are there.
    Runtime,
    /// The fence chooses the course.
    Fence,
    /// The cluster answers and lets this machine join.
    Gate,
    /// The shared PKI is on disk.
    SharedPki,
    /// kubeadm's configuration is written and accepted.
    KubeadmConfig,
    /// kubeadm's own preflight before init, images included.
    KubeadmPreflight,
    /// `kubeadm init`.
    KubeadmInit,
    /// This control plane holds the join Lease and etcd is fit to grow.
    JoinTurn,
    /// The CNI's objects are in the cluster.
    Cni,
    /// `kubeadm join`.
    KubeadmJoin,
    /// The node works: the effect, not the exit code.
    NodeReady,
    /// Marker, secrets gone, unit disabled.
    Retire,
}

impl StepId {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Runtime => "runtime",
            Self::Fence => "fence",
            Self::Gate => "gate",
            Self::SharedPki => "shared-pki",
            Self::KubeadmConfig => "kubeadm-config",
            Self::KubeadmPreflight => "kubeadm-preflight",
            Self::KubeadmInit => "kubeadm-init",
            Self::JoinTurn => "join-turn",
            Self::Cni => "cni",
            Self::KubeadmJoin => "kubeadm-join",
            Self::NodeReady => "node-ready",
            Self::Retire => "retire",
        }
    }
}

/// How a step is known to be done; asked of the world before the action and after it. Data only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoneWhen {
    /// The action changes nothing that lasts and ends when what it asks for is so.
    Observed,
    /// The eight shared files are on disk, pair up and belong to the document's CA.
    SharedPkiOnDisk,
    /// init's last objects are in the cluster: the control-plane label of this Node, the bootstrap RBAC, the add-ons.
    ClusterStarted,
    /// Every object of the CNI's manifest is in the cluster.
    CniPresent,
    /// kubelet.conf reads a Node of our name and machine-id; a control plane is labelled and its etcd member votes.
    Joined,
    /// The marker of this machine is there and no secret is left.
    Retired,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub id: StepId,
    /// Why and what, for a person.
    pub why: String,
    /// How it is known to be done.
    pub done_when: DoneWhen,
    /// From its beginning until kubeboot gives up with exit code 75 and systemd starts it anew.
    pub deadline: Duration,
}

/// The steps of one course. An initialiser sets out on [`Course::Initialise`]; if the fence finds the cluster alive it
/// goes on behind the fence of its [`Course::Join`] plan. What stands before the fence changes nothing that a join minds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the plan leads to.
    pub course: Course,
    /// In order.
    pub steps: Vec<Step>,
}

impl Step {
    /// Whether it changes something that outlives this run, so that the ledger has to know.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.done_when != DoneWhen::Observed
    }
}
