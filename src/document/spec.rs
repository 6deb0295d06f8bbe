//! What a machine is to be, valid by construction: [`NodeSpec`] comes only out of [`super::read_node`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::host::shown_url;
use crate::moment::UnixTime;
use crate::secret::Secret;

use super::field::{Cidr, Endpoint, KubernetesVersion, NodeName, Taint};

/// Where a secret of the document comes from. Plans hold these, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource<T: zeroize::Zeroize> {
    /// Written in the document.
    Inline(Secret<T>),
    /// `{file: PATH}`: read at the moment of use.
    File(PathBuf),
    /// `{credential: NAME}`: a systemd credential of the unit.
    Credential(String),
    /// `{url: …, sha256: …}`: fetched at the moment of use and compared with the digest (64 lower-case hex digits).
    Url {
        /// Where.
        url: String,
        /// SHA-256 of the body.
        sha256: String,
    },
}

/// What a node is in the cluster. `etcd` is a word of the document that this version refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs the API server and a stacked etcd member.
    ControlPlane,
    /// Runs workloads.
    Worker,
}

impl Role {
    /// The word that documents use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane",
            Self::Worker => "worker",
        }
    }
}

/// `networking`: kubeadm's ClusterConfiguration.networking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networking {
    /// Pod subnets: one or none; a second family is refused in this version.
    pub pod_subnets: Vec<Cidr>,
    /// Service subnets: one; a second family is refused in this version. Default 10.96.0.0/12, as kubeadm's.
    pub service_subnets: Vec<Cidr>,
    /// Cluster domain. Default cluster.local.
    pub dns_domain: String,
}

/// `nodeRegistration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Node name; the hostname where absent.
    pub name: Option<NodeName>,
    /// Networks that pick the node's address; the address on the default route where empty.
    pub address_from: Vec<Cidr>,
    /// Node labels, only such as a kubelet may set itself.
    pub labels: BTreeMap<String, String>,
    /// `None`: kubeadm's default (control planes: NoSchedule); `Some(empty)`: none.
    pub taints: Option<Vec<Taint>>,
    /// CRI socket, `unix:///…`. Default unix:///run/containerd/containerd.sock.
    pub cri_socket: String,
}

/// The bootstrap credential: how this machine is known to the API server before it has a certificate of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootstrapCredential {
    /// `bootstrapCertificate`: a client certificate of the bootstrappers' group, PEM, and its key.
    Certificate {
        /// PEM.
        certificate: String,
        /// PEM.
        key: SecretSource<String>,
    },
    /// `bootstrapToken`: `abcdef.0123456789abcdef`.
    Token(SecretSource<String>),
}

/// `discovery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// PEM of the cluster's CA certificate (one or more certificates): the cluster's identity.
    pub certificate_authority: String,
    /// The credential; control planes that have the CA key before they join may do without.
    pub credential: Option<BootstrapCredential>,
}

/// A sealed bundle: the `data` of a kubeadm-certs Secret, file name to base64 text (kubeadm.md §3).
pub type SealedBundle = BTreeMap<String, String>;

/// `pki`: where the shared PKI comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PkiSource {
    /// Secret kubeadm-certs; the initialiser's document alone carries the bundle.
    Secret {
        /// Present on the initialiser only.
        bundle: Option<SealedBundle>,
    },
    /// The document carries the bundle.
    Inline {
        /// The bundle.
        bundle: SealedBundle,
    },
    /// The bundle lies at a URL, which may be a signed one, and has this digest (64 hex digits).
    Url {
        /// https or http.
        url: String,
        /// Of what the URL serves.
        sha256: String,
    },
    /// The operator puts the files where kubeadm looks for them: kubeadm's manual certificate distribution.
    Disk,
}

impl PkiSource {
    /// The bundle, if the document itself holds it.
    #[must_use]
    pub const fn bundle(&self) -> Option<&SealedBundle> {
        match self {
            Self::Secret { bundle: Some(bundle) } | Self::Inline { bundle } => Some(bundle),
            Self::Secret { bundle: None } | Self::Url { .. } | Self::Disk => None,
        }
    }

    /// Whether the shared PKI can be had before the cluster lives: then this machine signs its own bootstrap certificate.
    #[must_use]
    pub const fn precedes_the_cluster(&self) -> bool {
        match self {
            Self::Secret { bundle } => bundle.is_some(),
            Self::Inline { .. } | Self::Url { .. } | Self::Disk => true,
        }
    }
}

/// `initialize.onUnreachable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnreachable {
    /// An endpoint that is unclear is waited for.
    Wait,
    /// After this long the endpoint counts as nobody.
    ProceedAfter(Duration),
}

/// Which machine `initialize` speaks to, on documents that several machines share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitializeNode {
    /// SMBIOS product UUID, lower case.
    SystemUuid(String),
    /// Instance id of the datasource.
    InstanceId(String),
    /// SMBIOS serial.
    Serial(String),
    /// Hardware address of any interface, lower case with colons.
    Mac(String),
    /// Any address of the machine.
    Address(IpAddr),
    /// The hostname.
    Hostname(String),
}

/// `initialize.claim`: a store in which the first of several machines claims the right to start the cluster. Both are
/// `https://` URLs of one object, and may be signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where the object is created.
    pub put: String,
    /// Where it is read.
    pub get: String,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("put", &shown_url(&self.put)).field("get", &shown_url(&self.get)).finish()
    }
}

/// `initialize`: only on documents of machines that may start the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initialize {
    /// End of the window.
    pub before: UnixTime,
    /// What to do while the endpoint is unclear.
    pub on_unreachable: OnUnreachable,
    /// Whose the right is; `None`: this document is one machine's alone, or the right is claimed.
    pub node: Option<InitializeNode>,
    /// Where the right is claimed, on documents that several machines share.
    pub claim: Option<Claim>,
}

/// `cni`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CniChoice {
    /// `{name: flannel}`: the manifest baked in the image.
    Flannel,
    /// `{manifest: PATH}`: any manifest in the image.
    Manifest(PathBuf),
    /// `{url: …, sha256: …}`.
    Url {
        /// Where.
        url: String,
        /// SHA-256 of the body, 64 lower-case hex digits.
        sha256: String,
    },
    /// `{name: none}`: somebody else installs it; success does not wait for Ready.
    None,
}

/// `clock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockPolicy {
    /// adjtimex(2) reports no TIME_ERROR.
    Synchronised,
    /// Not before the CA's notBefore and not before this binary was built.
    Plausible,
}

/// kubeadm's own documents after `---`, as JSON, to be merged over what kubeboot renders. Each is checked not
/// to contradict the Node document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// ClusterConfiguration.
    pub cluster: Option<serde_json::Value>,
    /// InitConfiguration.
    pub init: Option<serde_json::Value>,
    /// JoinConfiguration.
    pub join: Option<serde_json::Value>,
    /// KubeletConfiguration.
    pub kubelet: Option<serde_json::Value>,
    /// KubeProxyConfiguration.
    pub kube_proxy: Option<serde_json::Value>,
}

/// What this machine is to be. Valid; only [`super::read_node`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeSpec {
    /// Cluster name.
    pub cluster: String,
    /// Role.
    pub role: Role,
    /// Version of Kubernetes, which kubeadm and kubelet must match.
    pub kubernetes_version: KubernetesVersion,
    /// controlPlaneEndpoint.
    pub endpoint: Endpoint,
    /// networking.
    pub networking: Networking,
    /// nodeRegistration.
    pub registration: Registration,
    /// Other control planes, asked by the fence.
    pub peers: Vec<Endpoint>,
    /// discovery.
    pub discovery: Discovery,
    /// certificateKey; control planes only.
    pub certificate_key: Option<SecretSource<String>>,
    /// pki; control planes only.
    pub pki: Option<PkiSource>,
    /// initialize; control planes only.
    pub initialize: Option<Initialize>,
    /// cni.
    pub cni: CniChoice,
    /// clock.
    pub clock: ClockPolicy,
    /// kubeadm documents.
    pub overrides: Overrides,
}

/// `encryptionAlgorithm`: the kind of every key that is minted, and that kubeadm makes for its leaves; kubeadm's own words
/// (ClusterConfiguration.encryptionAlgorithm, kubeadm.md §1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionAlgorithm {
    /// `ECDSA-P256` (default).
    #[default]
    EcdsaP256,
    /// `ECDSA-P384`, of kubeadm since 1.34.
    EcdsaP384,
    /// `RSA-2048`, kubeadm's own default.
    Rsa2048,
    /// `RSA-3072`.
    Rsa3072,
    /// `RSA-4096`.
    Rsa4096,
}

impl EncryptionAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::EcdsaP256, Self::EcdsaP384, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// kubeadm's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA-P256",
            Self::EcdsaP384 => "ECDSA-P384",
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
        }
    }

    /// The first minor of Kubernetes 1 whose kubeadm makes such keys (kubeadm.md §1.3); `None`: every one does.
    #[must_use]
    pub const fn first_minor(self) -> Option<u16> {
        match self {
            Self::EcdsaP256 | Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => None,
            Self::EcdsaP384 => Some(34),
        }
    }
}

/// Which credential `mint` puts in documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A client certificate signed offline (default).
    BootstrapCertificate,
    /// A bootstrap token.
    BootstrapToken,
}

/// Which `pki` mode `mint` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PkiMode {
    /// Secret kubeadm-certs.
    Secret,
    /// In every control plane's document.
    Inline,
    /// On every control plane's disk, put there by the operator.
    Disk,
    /// In a file of its own, fetched from this http:// or https:// URL.
    Url(String),
}

/// `initialize` of a cluster file: who starts the cluster. The window is mint's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    /// What to do while the endpoint is unclear.
    pub on_unreachable: OnUnreachable,
    /// The one machine that may.
    pub node: Option<InitializeNode>,
    /// Where the control planes, which share one document, claim the right.
    pub claim: Option<Claim>,
}

/// Labels and taints of one kind of node in a cluster file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// nodeRegistration.labels.
    pub labels: BTreeMap<String, String>,
    /// nodeRegistration.taints.
    pub taints: Option<Vec<Taint>>,
    /// nodeRegistration.addressFrom.
    pub address_from: Vec<Cidr>,
}

/// `controlPlane` of a cluster file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPlanes {
    /// How many there will be, if that is known.
    pub count: Option<u8>,
    /// Addresses that some of them will have.
    pub addresses: Vec<IpAddr>,
    /// What all of them are like.
    pub pool: Pool,
}

/// mint's input, `kind: Cluster`. Valid; only [`super::read_cluster`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterSpec {
    /// Cluster name.
    pub name: String,
    /// Version of Kubernetes.
    pub kubernetes_version: KubernetesVersion,
    /// controlPlaneEndpoint.
    pub endpoint: Endpoint,
    /// networking.
    pub networking: Networking,
    /// cni.
    pub cni: CniChoice,
    /// encryptionAlgorithm.
    pub encryption: EncryptionAlgorithm,
    /// pki, if it is written: secret otherwise, or inline where a living cluster's PKI is adopted.
    pub pki: Option<PkiMode>,
    /// credential. Default bootstrapCertificate.
    pub credential: CredentialKind,
    /// clock. Default synchronised.
    pub clock: ClockPolicy,
    /// initialize.
    pub initialize: Starter,
    /// Control planes.
    pub control_plane: ControlPlanes,
    /// Pools of workers by name; none: one pool without a name.
    pub workers: BTreeMap<String, Pool>,
    /// kubeadm documents, handed on to the documents that can use them.
    pub overrides: Overrides,
}
