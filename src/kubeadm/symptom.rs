//! What kubeadm, etcd, the API server and the kubelet say when they fail, and what it is called: one table for each. The words
//! are from real outputs of kubeadm 1.34 to 1.37, etcd 3.7 and Kubernetes 1.37 (tests/fixtures); the first row that fits counts,
//! so that the narrow ones stand before the wide ones.

use super::diagnosis::Program;
use crate::failure::Failure;

/// One way of saying it.
#[derive(Debug)]
pub struct Symptom {
    /// Words that all stand in what was said.
    pub said: &'static [&'static str],
    /// What it is.
    pub failure: Failure,
    /// What to do about it.
    pub advice: &'static str,
    /// Who may know more, the deepest first.
    pub ask: &'static [Program],
}

const fn row(said: &'static [&'static str], failure: Failure, advice: &'static str) -> Symptom {
    Symptom { said, failure, advice, ask: &[] }
}

const fn asking(ask: &'static [Program], said: &'static [&'static str], failure: Failure, advice: &'static str) -> Symptom {
    Symptom { said, failure, advice, ask }
}

/// Everybody, the deepest first: the API server needs etcd. The kubelet comes last, though it starts both: where it does not
/// run, neither has a log of this attempt, and where it does, it tells at length of containers that only end.
const ALL: &[Program] = &[Program::Etcd, Program::ApiServer, Program::Kubelet];
/// Those that a join has started before its kubelet has a certificate.
const ETCD: &[Program] = &[Program::Etcd, Program::Kubelet];
/// The kubelet alone.
const KUBELET: &[Program] = &[Program::Kubelet];

const SPACE: &str = "free space on this file system, or give the machine a larger disk";
const READ_ONLY: &str = "this file system is mounted read-only: mount it read-write, or put a writable volume there";
const RUNTIME: &str =
    "look at the container runtime: `systemctl status containerd`, `journalctl -u containerd`; kubeboot goes on once it answers";
const IMAGE: &str =
    "make the registry reachable from this machine (name, route, proxy), or bake the images into the image; kubeboot tries again by itself";
const PORT: &str = "`ss -ltnp` shows who listens there: stop it, or take a machine that is no Kubernetes node yet";
const LEFT: &str =
    "the machine has files of an earlier attempt or an earlier life: begin with a fresh image, or clear them with `kubeadm reset`";
const MACHINE: &str = "mend the image or the machine's size; what must stay so can be named in nodeRegistration.ignorePreflightErrors";
const KUBELET_LOOKS: &str = "look at `journalctl -u kubelet`; kubeboot tries again by itself";
const CONTAINERS: &str = "look at `crictl ps -a` and at /var/log/pods; kubeboot tries again by itself";
const TORN: &str = "the file is empty, cut off, or without its pair, as after a power cut: remove the named file and its pair if kubeadm made them \
     (everything but the CAs and sa.*), else begin with a fresh image; then start kubeboot.service again";
const FOREIGN: &str = "files of different clusters or nodes lie in /etc/kubernetes: begin with a fresh image";
const MEMBER: &str = "remove this machine's old member by a healthy control plane (`etcdctl member remove`), empty /var/lib/etcd/member here, \
     and start kubeboot.service again";
const UPLOAD: &str =
    "on a control plane: `kubeadm init phase upload-certs --upload-certs` with the same certificate key, then start kubeboot.service again";
const OTHERS: &str = "look at the other control planes' etcd: each that is listed has to run and be reachable at ports 2379 and 2380; \
     remove members that never come back";
const ENDPOINT: &str = "look at the balancer, its backends and this machine's way there; kubeboot tries again by itself";
const HAIRPIN: &str = "a control plane has to reach itself through the balancer too: look at its hairpin setting and its health check; kubeboot tries again by itself";
const CLOCK: &str = "set this machine's clock: look at its time service (chrony, systemd-timesyncd)";
const CREDENTIAL: &str = "the cluster does not know this document's credential: mint a new one, or wait for init to end";
const RIGHTS: &str =
    "look whether kubeadm init ended on the first control plane: it writes these at its end; kubeboot tries again by itself";
const DOCUMENT: &str = "mend the kubeadm documents after `---` in this machine's document (`kubeboot plan` shows the whole configuration)";

/// kubeadm's own words.
pub const KUBEADM: &[Symptom] = &[
    // Preflight's, by the names of its checks.
    row(&["[ERROR Port-"], Failure::PortTaken, PORT),
    row(&["[ERROR FileAvailable-"], Failure::KubeadmRefuses, LEFT),
    row(&["[ERROR DirAvailable-"], Failure::KubeadmRefuses, LEFT),
    row(&["[ERROR IsPrivilegedUser]"], Failure::KubeadmRefuses, "kubeboot runs as root, as its unit does"),
    row(
        &["[ERROR KubeletVersion]"],
        Failure::KubeadmRefuses,
        "bake kubelet and kubeadm of the document's kubernetesVersion into the image",
    ),
    row(&["[ERROR ImagePull]"], Failure::ImagePull, IMAGE),
    row(&["CRI runtime service"], Failure::RuntimeDown, RUNTIME),
    row(&["[ERROR "], Failure::KubeadmRefuses, MACHINE),
    // The disk.
    row(&["no space left on device"], Failure::DiskFull, SPACE),
    row(&["read-only file system"], Failure::DiskReadOnly, READ_ONLY),
    // What kubeadm started and waits for. From 1.36.1 on it asks the API server first, whatever does not run.
    asking(KUBELET, &["waiting for the kubelet to start"], Failure::KubeletUnhealthy, KUBELET_LOOKS),
    asking(ALL, &["kube-apiserver check failed"], Failure::ApiserverUnhealthy, CONTAINERS),
    asking(KUBELET, &["waiting for the control plane to start"], Failure::ControlPlaneUnhealthy, CONTAINERS),
    asking(ALL, &["phase wait-control-plane", "could not bootstrap the admin user"], Failure::ApiserverUnhealthy, CONTAINERS),
    asking(
        ALL,
        &["waiting for TLS bootstrap"],
        Failure::TlsBootstrap,
        "look at the CSRs (`kubectl get csr`) and at kube-controller-manager, \
         which signs them; kubeboot tries again by itself",
    ),
    // Certificates and keys on disk.
    row(&["does not contain any valid"], Failure::PkiTorn, TORN),
    row(&["does not contain a valid"], Failure::PkiTorn, TORN),
    row(&["failed to find CurrentContext"], Failure::PkiTorn, TORN),
    row(&["could not load expected certificate"], Failure::PkiTorn, TORN),
    row(&["couldn't load the certificate file", "no such file or directory"], Failure::PkiTorn, TORN),
    row(&["couldn't load the private key file", "no such file or directory"], Failure::PkiTorn, TORN),
    row(&["file does not exists or it is not valid"], Failure::PkiTorn, TORN),
    row(&["neither in RSA nor ECDSA format"], Failure::PkiUnusable, "kubeadm takes RSA and ECDSA keys only: mint the cluster's PKI anew"),
    row(&["provided PrivateKey doesn't match parent's PublicKey"], Failure::PkiForeign, FOREIGN),
    row(&["not signed by CA certificate"], Failure::PkiForeign, FOREIGN),
    row(&["does not contain a trusted CA"], Failure::PkiForeign, FOREIGN),
    row(&["failed to write or validate certificate", "is invalid"], Failure::PkiForeign, FOREIGN),
    // Secret kubeadm-certs.
    row(
        &["cipher: message authentication failed"],
        Failure::CertificateKeyWrong,
        "give the certificate key that Secret kubeadm-certs was sealed with",
    ),
    row(&["error decoding secret data"], Failure::SecretGone, UPLOAD),
    row(&["Secret \"kubeadm-certs\" was not found"], Failure::SecretGone, UPLOAD),
    row(&["Secret does not include the required certificate or key"], Failure::SecretGone, UPLOAD),
    // Discovery by token.
    row(
        &["none of the public keys", "are pinned"],
        Failure::CaMismatch,
        "the endpoint's cluster has another CA than the document: look whether it is this cluster's",
    ),
    row(
        &["could not find a JWS signature"],
        Failure::ClusterInfoUnsigned,
        "look whether the bootstrap token still exists and kube-controller-manager runs; kubeboot tries again by itself",
    ),
    row(&["failed to verify JWS signature"], Failure::CredentialRefused, CREDENTIAL),
    // The cluster.
    row(&["cluster-info\" not found"], Failure::InitUnfinished, RIGHTS),
    row(&["kubeadm-config ConfigMap", "not found"], Failure::InitUnfinished, RIGHTS),
    // Not name-taken: that a machine was re-imaged shows in its Node only once that is NotReady.
    row(
        &["already exists in the cluster"],
        Failure::NodeStands,
        "if it is another machine's, give one of the two another name; if it is this machine's of before, \
         it is NotReady within a minute, and kubeboot tries again by itself",
    ),
    row(
        &["doesn't have a stable controlPlaneEndpoint"],
        Failure::KubeadmRefuses,
        "the cluster was begun without controlPlaneEndpoint: no control plane can join it",
    ),
    row(&["nodes \"", "not found"], Failure::NodeUnregistered, KUBELET_LOOKS),
    // The endpoint.
    row(&["x509: certificate has expired or is not yet valid", "is before"], Failure::ClockUntrusted, CLOCK),
    row(
        &["x509: certificate has expired or is not yet valid", "is after"],
        Failure::CertificateInvalid,
        "renew the API servers' certificates, or set this machine's clock",
    ),
    row(
        &["x509: certificate is valid for"],
        Failure::CertificateInvalid,
        "the API servers' certificates have to name the endpoint (apiServer.certSANs)",
    ),
    row(
        &["x509: certificate signed by unknown authority"],
        Failure::ForeignCa,
        "the endpoint's server is of another cluster, or of another life of this one",
    ),
    row(&["no such host"], Failure::NameUnresolved, ENDPOINT),
    row(&["no route to host"], Failure::NoRoute, ENDPOINT),
    row(&["HTTP response to HTTPS client"], Failure::NotTls, ENDPOINT),
    row(&["connect: connection refused"], Failure::ConnectionRefused, ENDPOINT),
    row(&["connection reset by peer"], Failure::ConnectionClosed, ENDPOINT),
    row(&["cluster-info ConfigMap", "EOF"], Failure::ConnectionClosed, ENDPOINT),
    row(&["TLS handshake timeout"], Failure::NoAnswer, ENDPOINT),
    row(&["Client.Timeout exceeded"], Failure::NoAnswer, ENDPOINT),
    row(&["cluster-info ConfigMap", "Unauthorized"], Failure::CredentialRefused, CREDENTIAL),
    row(&["could not bootstrap the admin user", "context deadline exceeded"], Failure::NoAnswer, HAIRPIN),
    // etcd.
    row(
        &["too many learner members"],
        Failure::EtcdUnfit,
        "another control plane is joining, or one never ended: look at `etcdctl member list`; kubeboot tries again by itself",
    ),
    asking(ETCD, &["phase etcd-join"], Failure::EtcdUnhealthy, CONTAINERS),
    row(&["phase check-etcd"], Failure::EtcdUnfit, OTHERS),
];

/// kubeadm failed before its first phase: it refuses what it was given.
pub const BEFORE_ANY_PHASE: Symptom = row(&["error:"], Failure::ConfigRefused, DOCUMENT);

/// Nothing above: kubeadm's words have to do.
pub const UNKNOWN: Symptom = asking(
    ALL,
    &[],
    Failure::KubeadmFailed,
    "its whole output is in the journal: `journalctl -u kubeboot`; the kubelet's in `journalctl -u kubelet`",
);

/// A line of etcd's log.
pub const ETCD_LOG: &[Symptom] = &[
    row(&["is out of range [lastIndex("], Failure::EtcdMemberMismatch, MEMBER),
    row(&["the member has been permanently removed from the cluster"], Failure::EtcdMemberMismatch, MEMBER),
    row(&["cluster ID mismatch"], Failure::EtcdMemberMismatch, MEMBER),
    row(&["error validating peerURLs"], Failure::EtcdMemberMismatch, MEMBER),
    row(&["no space left on device"], Failure::DiskFull, SPACE),
    row(&["read-only file system"], Failure::DiskReadOnly, READ_ONLY),
    row(&["bind: address already in use"], Failure::PortTaken, PORT),
    row(&["fatal", "failed to find any PEM data"], Failure::PkiTorn, TORN),
    row(&["fatal", "/etc/kubernetes/pki/", "no such file or directory"], Failure::PkiTorn, TORN),
    row(&["flag provided but not defined"], Failure::ConfigRefused, DOCUMENT),
    row(&["failed to get cluster response"], Failure::EtcdUnhealthy, OTHERS),
    row(&["prober detected unhealthy status"], Failure::EtcdUnhealthy, OTHERS),
    row(&["\"level\":\"fatal\""], Failure::EtcdUnhealthy, CONTAINERS),
    row(&["\"level\":\"panic\""], Failure::EtcdUnhealthy, CONTAINERS),
];

/// A line of kube-apiserver's log.
pub const APISERVER_LOG: &[Symptom] = &[
    row(&["command failed", "bind: address already in use"], Failure::PortTaken, PORT),
    row(&["command failed", "failed to find any PEM data"], Failure::PkiTorn, TORN),
    row(&["command failed", "does not contain a valid"], Failure::PkiTorn, TORN),
    row(&["command failed", "/etc/kubernetes/pki/", "no such file or directory"], Failure::PkiTorn, TORN),
    row(&["command failed", "private key does not match public key"], Failure::PkiTorn, TORN),
    row(&["unknown flag"], Failure::ConfigRefused, DOCUMENT),
    row(&["unrecognized feature gate"], Failure::ConfigRefused, DOCUMENT),
    row(&["enable-admission-plugins plugin", "is unknown"], Failure::ConfigRefused, DOCUMENT),
    row(&["createTransport failed", "authentication handshake failed"], Failure::PkiForeign, FOREIGN),
    row(&["createTransport failed", "2379: connect: connection refused"], Failure::EtcdUnhealthy, CONTAINERS),
    row(&["command failed"], Failure::ApiserverUnhealthy, CONTAINERS),
];

/// A line of the kubelet's journal.
pub const KUBELET_JOURNAL: &[Symptom] = &[
    row(
        &["command failed", "running with swap on is not supported"],
        Failure::MachineUnfit,
        "take the swap out of the image (`swapoff -a`, /etc/fstab), or allow it in the kubelet's configuration",
    ),
    row(
        &["command failed", "to not run on a host using cgroup v1"],
        Failure::MachineUnfit,
        "boot the machine with cgroup v2 (systemd.unified_cgroup_hierarchy=1)",
    ),
    row(&["command failed", "unknown flag"], Failure::ConfigRefused, DOCUMENT),
    row(&["command failed", "quantities must match"], Failure::ConfigRefused, DOCUMENT),
    row(&["command failed", "validate CRI v1 runtime API"], Failure::RuntimeDown, RUNTIME),
    row(&["failed to pull image"], Failure::ImagePull, IMAGE),
    row(&["command failed", "failed to run Kubelet"], Failure::KubeletUnhealthy, KUBELET_LOOKS),
];
