//! What some releases of kubeadm do otherwise, as far as a first boot meets it: one table, which `kubeboot plan` shows for the
//! release of the document. Read from kubeadm's sources v1.34.4, v1.35.4, v1.36.1, v1.36.3 and v1.37.2. What releases between
//! these two do is not known, so that a row begins with the first that does it, and ends with the first that does not.

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
    releases: Releases,
    #[serde(skip)]
    met_by: Meets,
}

/// Minor and patch.
type Release = (u16, u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Releases {
    Before(Release),
    From(Release),
}

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
        releases: Releases::From((36, 1)),
        met_by: Meets::Init,
    },
    Quirk {
        id: "init-through-balancer",
        kubeadm: "init's last phases reach the API server through the load balancer, so by way of this machine itself",
        kubeboot: "init is repeated until the balancer leads back here; one that never does has to be set right",
        releases: Releases::Before((36, 1)),
        met_by: Meets::Init,
    },
    Quirk {
        id: "resolver-of-the-initialiser",
        kubeadm: "the resolver file of systemd-resolved gets into every node's kubelet configuration if the first machine has it",
        kubeboot: "nothing: give all machines the same resolver",
        releases: Releases::Before((37, 1)),
        met_by: Meets::Init,
    },
    Quirk {
        id: "brief-read-of-the-configuration",
        kubeadm: "join gives up reading the cluster's configuration after a third of a second",
        kubeboot: "it is started when the endpoint answers, and repeated if the read fails",
        releases: Releases::Before((36, 3)),
        met_by: Meets::Join,
    },
    Quirk {
        id: "every-etcd-member-answers",
        kubeadm: "join of a control plane fails if one etcd member does not answer",
        kubeboot: "it is not started before all of them do",
        releases: Releases::Before((36, 1)),
        met_by: Meets::ControlPlaneJoin,
    },
    Quirk {
        id: "kubelet-client-without-group",
        kubeadm: "this API server reads logs by a ClusterRoleBinding that only init and `upgrade apply` of this release or a later one make",
        kubeboot: "nothing: run `kubeadm upgrade apply` in a cluster that an older kubeadm made, or `kubectl logs` is forbidden by way of this machine",
        releases: Releases::From((36, 1)),
        met_by: Meets::ControlPlaneJoin,
    },
];

/// What a machine with this document meets on this course.
pub fn quirks(spec: &NodeSpec, course: Course) -> impl Iterator<Item = Quirk> {
    let KubernetesVersion { minor, patch, .. } = spec.kubernetes_version;
    let control_plane = spec.role == Role::ControlPlane;
    QUIRKS.into_iter().filter(move |quirk| {
        let now = match quirk.releases {
            Releases::Before(first_without) => (minor, patch) < first_without,
            Releases::From(first_with) => (minor, patch) >= first_with,
        };
        let here = match quirk.met_by {
            Meets::Init => course == Course::Initialise,
            Meets::Join => course == Course::Join,
            Meets::ControlPlaneJoin => course == Course::Join && control_plane,
        };
        now && here
    })
}
