//! What some releases of kubeadm do otherwise, as far as a first boot meets it: one table, which `kubeboot plan` shows for the
//! release of the document. Read from kubeadm's sources v1.34.4, v1.35.4, v1.36.1, v1.36.3 and v1.37.2. A row names the releases of
//! which that is known: what later patches of 1.34 and 1.35 took from newer minors is not, and nothing is said of them.

use serde::Serialize;

use crate::document::field::KubernetesVersion;
use crate::document::spec::{NodeSpec, Role};
use crate::plan::Course;

/// A behaviour, and what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quirk {
    /// Stable name.
    pub id: &'static str,
    /// What kubeadm does.
    pub kubeadm: &'static str,
    /// What kubeboot does about it.
    pub kubeboot: &'static str,
    #[serde(skip)]
    releases: &'static [Patches],
    #[serde(skip)]
    met_by: Meets,
}

/// A minor, and its first and last patch that do it.
type Patches = (u16, u16, u16);

/// The course on which it is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meets {
    Init,
    Join,
    ControlPlaneJoin,
}

const QUIRKS: [Quirk; 6] = [
    Quirk {
        id: "api-call-bounds-init",
        kubeadm: "init waits for etcd and the API server no longer than timeouts.kubernetesAPICall, by default a minute",
        kubeboot: "it is five minutes, unless the document says otherwise",
        releases: &[(36, 1, u16::MAX), (37, 0, u16::MAX)],
        met_by: Meets::Init,
    },
    Quirk {
        id: "init-through-balancer",
        kubeadm: "init's last phases reach the API server through the load balancer, so by way of this machine itself",
        kubeboot: "init is repeated until the balancer leads back here; one that never does has to be set right",
        releases: &[(34, 0, 4), (35, 0, 4), (36, 0, 0)],
        met_by: Meets::Init,
    },
    Quirk {
        id: "resolver-of-the-initialiser",
        kubeadm: "the resolver file of systemd-resolved gets into every node's kubelet configuration if the first machine has it",
        kubeboot: "nothing: give all machines the same resolver",
        releases: &[(34, 0, 4), (35, 0, 4), (36, 0, 3), (37, 0, 0)],
        met_by: Meets::Init,
    },
    Quirk {
        id: "brief-read-of-the-configuration",
        kubeadm: "join gives up reading ConfigMap kubeadm-config after a third of a second",
        kubeboot: "it is started when the endpoint answers, and repeated if the read fails",
        releases: &[(34, 0, 4), (35, 0, 4), (36, 0, 2)],
        met_by: Meets::Join,
    },
    Quirk {
        id: "every-etcd-member-answers",
        kubeadm: "join of a control plane fails if one etcd member does not answer",
        kubeboot: "it is not started before all of them do",
        releases: &[(34, 0, 4), (35, 0, 4), (36, 0, 0)],
        met_by: Meets::ControlPlaneJoin,
    },
    Quirk {
        id: "kubelet-client-without-group",
        kubeadm: "the API server reads logs by a ClusterRoleBinding that only init and `upgrade apply` of such a kubeadm make",
        kubeboot: "nothing: where an older kubeadm made the cluster, `kubectl logs` this way needs `kubeadm upgrade apply` first",
        releases: &[(36, 1, u16::MAX), (37, 0, u16::MAX)],
        met_by: Meets::ControlPlaneJoin,
    },
];

/// What a machine with this document meets on this course.
pub fn quirks(spec: &NodeSpec, course: Course) -> impl Iterator<Item = Quirk> {
    let KubernetesVersion { minor, patch, .. } = spec.kubernetes_version;
    let control_plane = spec.role == Role::ControlPlane;
    QUIRKS.into_iter().filter(move |quirk| {
        let now = quirk.releases.iter().any(|(of, first, last)| minor == *of && (*first..=*last).contains(&patch));
        let here = match quirk.met_by {
            Meets::Init => course == Course::Initialise,
            Meets::Join => course == Course::Join,
            Meets::ControlPlaneJoin => course == Course::Join && control_plane,
        };
        now && here
    })
}
