//! The one place that says which steps a machine takes, and in which order.

use std::time::Duration;

use crate::document::spec::{CniChoice, NodeSpec, PkiSource, Role};
use crate::host::shown_url;

use super::{Course, DoneWhen, Plan, Step, StepId};

const MINUTE: Duration = Duration::from_secs(60);

/// Whether this document carries the shared PKI itself.
#[must_use]
fn has_pki_first(spec: &NodeSpec) -> bool {
    spec.pki.as_ref().is_some_and(PkiSource::precedes_the_cluster)
}

fn step(id: StepId, why: String, done_when: DoneWhen, deadline: Duration) -> Step {
    Step { id, why, done_when, deadline }
}

/// The steps of `course` for a machine with this document.
#[must_use]
pub fn build(spec: &NodeSpec, course: Course) -> Plan {
    let control_plane = spec.role == Role::ControlPlane;
    let observed = |id, why: String, minutes: u32| step(id, why, DoneWhen::Observed, MINUTE * minutes);
    let mut steps = vec![
        observed(
            StepId::Preflight,
            format!("this machine is fit to be a {} node of Kubernetes {}", spec.role.name(), spec.kubernetes_version),
            1,
        ),
        observed(StepId::Runtime, format!("the clock is fit and {} answers", spec.registration.cri_socket), 10),
    ];
    let shared_pki = || {
        let from = match &spec.pki {
            Some(PkiSource::Url { url, .. }) => format!("from the bundle at {}", shown_url(url)),
            Some(PkiSource::Disk) => "where the operator puts them".to_owned(),
            Some(PkiSource::Secret { bundle: None }) => "from Secret kube-system/kubeadm-certs".to_owned(),
            Some(PkiSource::Secret { bundle: Some(_) } | PkiSource::Inline { .. }) | None => "from the document's bundle".to_owned(),
        };
        step(
            StepId::SharedPki,
            format!("the cluster's CAs and service-account keys are in /etc/kubernetes/pki, {from}"),
            // Files of the operator's are looked at, and nothing is done that the ledger could claim.
            if spec.pki == Some(PkiSource::Disk) { DoneWhen::Observed } else { DoneWhen::SharedPkiOnDisk },
            10 * MINUTE,
        )
    };
    let claim = spec.initialize.as_ref().and_then(|initialize| initialize.claim.as_ref());
    let fence = || {
        let then = match claim {
            Some(claim) => format!("only then may this machine claim the right to start the cluster, at {}", shown_url(&claim.put)),
            None => "only then may this machine start the cluster".to_owned(),
        };
        observed(StepId::Fence, format!("nobody serves {} yet: {then}", spec.endpoint), 60)
    };
    let kubeadm_config = || observed(StepId::KubeadmConfig, "kubeadm accepts the configuration".to_owned(), 2);
    let kubeadm_preflight = || observed(StepId::KubeadmPreflight, "kubeadm finds the machine fit and the images are there".to_owned(), 15);
    match course {
        Course::Initialise => {
            steps.push(shared_pki());
            steps.push(kubeadm_config());
            steps.push(kubeadm_preflight());
            steps.push(fence());
            steps.push(step(
                StepId::KubeadmInit,
                format!("`kubeadm init` starts cluster {}", spec.cluster),
                DoneWhen::ClusterStarted,
                20 * MINUTE,
            ));
            if spec.cni != CniChoice::None {
                steps.push(cni(spec));
            }
        }
        Course::Join => {
            // Who has the CA needs no credential of the document's: the machine signs its own, which the gate asks for.
            if has_pki_first(spec) {
                steps.push(shared_pki());
            }
            if spec.initialize.is_some() {
                steps.push(fence());
            }
            // Nothing of it needs the cluster, so it is behind us when the gate opens.
            steps.push(kubeadm_config());
            steps.push(observed(StepId::Gate, format!("{} answers as our cluster and lets this machine join", spec.endpoint), 60));
            if control_plane && !has_pki_first(spec) {
                steps.push(shared_pki());
            }
            steps.push(kubeadm_preflight());
            if control_plane {
                steps.push(observed(
                    StepId::JoinTurn,
                    "no other control plane is joining, every etcd member votes and is healthy".to_owned(),
                    60,
                ));
                if spec.cni != CniChoice::None {
                    steps.push(cni(spec));
                }
            }
            steps.push(step(
                StepId::KubeadmJoin,
                format!("`kubeadm join` makes this machine a {} node", spec.role.name()),
                DoneWhen::Joined,
                20 * MINUTE,
            ));
        }
    }
    let ready = match (control_plane, &spec.cni) {
        (true, CniChoice::None) => "the Node is registered by this machine, the local API server serves, the etcd member votes",
        (true, _) => "the Node is Ready with its CNI pod, the local API server serves, the etcd member votes",
        (false, CniChoice::None) => "the Node is registered by this machine",
        (false, _) => "the Node is Ready with its CNI pod",
    };
    steps.push(observed(StepId::NodeReady, ready.to_owned(), 15));
    steps.push(step(StepId::Retire, "secrets removed, marker written, unit disabled".to_owned(), DoneWhen::Retired, 2 * MINUTE));
    Plan { course, steps }
}

fn cni(spec: &NodeSpec) -> Step {
    let what = match &spec.cni {
        CniChoice::Flannel => "flannel's objects".to_owned(),
        CniChoice::Manifest(path) => format!("the objects of {}", path.display()),
        CniChoice::Url { url, .. } => format!("the objects of {}", shown_url(url)),
        CniChoice::None => "no objects".to_owned(),
    };
    step(StepId::Cni, format!("{what} are in the cluster"), DoneWhen::CniPresent, 10 * MINUTE)
}
