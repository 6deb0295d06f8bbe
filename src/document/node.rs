//! `kind: Node` → [`NodeSpec`].

use super::field::{Cidr, Endpoint, KubernetesVersion, NodeName};
use super::form;
use super::kinds::{self, Sorted};
use super::kubeadm::{self, KubeadmDocument, Said};
use super::network::{self, Networks};
use super::shown::shown;
use super::spec::{ClockPolicy, CniChoice, Discovery, Initialize, NodeSpec, Overrides, PkiSource, Registration, Role, SecretSource};
use super::walk::At;
use super::{labels, part, relations, source, start, trust};

const DEFAULT_CRI_SOCKET: &str = "unix:///run/containerd/containerd.sock";

/// A field as far as it could be read: where it is written, and its value if that is right.
pub(super) struct Read<'t, T> {
    pub(super) at: Option<At<'t>>,
    pub(super) value: Option<T>,
}

impl<'t, T> Read<'t, T> {
    fn of(at: Option<At<'t>>, read: impl FnOnce(&At<'t>) -> Option<T>) -> Self {
        let value = at.as_ref().and_then(read);
        Self { at, value }
    }
}

/// The document as far as it could be read; the relations between its fields are checked on it.
pub(super) struct Draft<'t> {
    pub(super) root: At<'t>,
    pub(super) kubeadm: &'t [KubeadmDocument<'t>],
    pub(super) cluster: Option<String>,
    pub(super) role: Option<Role>,
    pub(super) version: Option<KubernetesVersion>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) networks: Option<Networks<'t>>,
    pub(super) registration: Option<Registration>,
    pub(super) peers: Read<'t, Vec<Endpoint>>,
    pub(super) discovery: Read<'t, Discovery>,
    pub(super) certificate_key: Read<'t, SecretSource<String>>,
    pub(super) pki: Read<'t, PkiSource>,
    pub(super) initialize: Read<'t, Initialize>,
    pub(super) cni: Read<'t, CniChoice>,
    pub(super) clock: Option<ClockPolicy>,
    pub(super) overrides: Overrides,
}

/// Reads a Node document; `None` means that there are violations.
pub(super) fn read(sorted: &Sorted<'_>) -> Option<NodeSpec> {
    let draft = draft(sorted)?;
    relations::check(&draft);
    Some(NodeSpec {
        cluster: draft.cluster?,
        role: draft.role?,
        kubernetes_version: draft.version?,
        endpoint: draft.endpoint?,
        networking: draft.networks?.value,
        registration: draft.registration?,
        peers: draft.peers.value.unwrap_or_default(),
        discovery: draft.discovery.value?,
        certificate_key: draft.certificate_key.value,
        pki: draft.pki.value,
        initialize: draft.initialize.value,
        cni: draft.cni.value?,
        clock: draft.clock?,
        overrides: draft.overrides,
    })
}

fn draft<'t>(sorted: &'t Sorted<'t>) -> Option<Draft<'t>> {
    let root = sorted.own.clone();
    let mut fields = root.map("a document")?;
    kinds::seen(&mut fields, "Node");
    let cluster = fields.need("cluster", "The cluster's name", "the cluster's name, cluster: prod");
    let role = fields.need("role", "What the machine will be", "role: control-plane or role: worker");
    let part::Shared { version, endpoint, networking } = part::shared(&mut fields);
    let registration = fields.get("nodeRegistration", "How this machine registers itself");
    let peers = fields.get("peers", "Other control planes, host:port, that are asked before a cluster is started");
    let replace_dead = fields.get("replaceDead", "Not in this version: false");
    let discovery =
        fields.need("discovery", "Whom this machine trusts, and how it is known", "discovery with the cluster's certificateAuthority");
    let certificate_key = fields.get("certificateKey", "Control planes: kubeadm's certificate key, which opens the bundle");
    let pki = fields.get("pki", "Control planes: where the shared PKI comes from");
    let initialize = fields.get("initialize", "Only where the cluster may be started: until when, and by whom");
    let cni = part::cni(&mut fields);
    let clock = part::clock_field(&mut fields);
    fields.finish();
    if let Some(at) = replace_dead
        && at.boolean() == Some(true)
    {
        at.misplaced(
            "`replaceDead: true` is not in this version",
            "leave it out, and remove the dead member with etcdctl before this machine joins",
        );
    }
    let cluster = cluster.and_then(|at| part::cluster_name(&at));
    let version = version.and_then(|at| part::version(&at));
    let endpoint = endpoint.and_then(|at| network::endpoint(&at));
    let networks = network::networking(networking.as_ref());
    let said = said("cluster", cluster.as_ref(), version, endpoint.as_ref(), networks.as_ref());
    let overrides = kubeadm::overrides(root.walk, &sorted.kubeadm, &said);
    Some(Draft {
        kubeadm: &sorted.kubeadm,
        role: role.and_then(|at| role_word(&at)),
        registration: registration_fields(registration.as_ref()),
        peers: Read::of(peers, network::peers),
        discovery: Read::of(discovery, trust::discovery),
        certificate_key: Read::of(certificate_key, trust::certificate_key),
        pki: Read::of(pki, trust::pki),
        initialize: Read::of(initialize, start::initialize),
        cni: Read::of(cni, source::cni),
        clock: part::clock(clock.as_ref()),
        root,
        cluster,
        version,
        endpoint,
        networks,
        overrides,
    })
}

/// What kubeboot's own document says of fields that ClusterConfiguration has too, as kubeadm writes them.
pub(super) fn said(
    name_field: &'static str,
    name: Option<&String>,
    version: Option<KubernetesVersion>,
    endpoint: Option<&Endpoint>,
    networks: Option<&Networks<'_>>,
) -> Said {
    let subnets = |list: &[Cidr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let networking = networks.map(|networks| &networks.value);
    Said {
        name_field,
        name: name.cloned(),
        version: version.map(|version| version.to_string()),
        endpoint: endpoint.map(ToString::to_string),
        pods: networking.map(|networking| subnets(&networking.pod_subnets)).filter(|text| !text.is_empty()),
        services: networking.map(|networking| subnets(&networking.service_subnets)),
        domain: networking.map(|networking| networking.dns_domain.clone()),
        encryption: None,
    }
}

fn role_word(at: &At<'_>) -> Option<Role> {
    if at.says("etcd") {
        at.wrong("`role: etcd` is not in this version", "use control planes with etcd of their own: role: control-plane");
        return None;
    }
    at.choice(&[(Role::ControlPlane.name(), Role::ControlPlane), (Role::Worker.name(), Role::Worker)])
}

fn registration_fields(at: Option<&At<'_>>) -> Option<Registration> {
    let default = Registration {
        name: None,
        address_from: Vec::new(),
        labels: Default::default(),
        taints: None,
        cri_socket: DEFAULT_CRI_SOCKET.to_owned(),
    };
    let Some(at) = at else { return Some(default) };
    let mut fields = at.map("a map, for example {name: cp-1, labels: {pool: general}}")?;
    let name = fields.get("name", "The node's name (default: the hostname)");
    let (labels, taints, address_from) = part::pool(&mut fields);
    let cri_socket = fields.get("criSocket", "The container runtime's socket (default: unix:///run/containerd/containerd.sock)");
    fields.finish();
    let name = name.map(|at| at.parse(&form::NODE_NAME, NodeName::parse));
    let address_from = address_from.map(|at| network::address_from(&at));
    let labels = labels.map(|at| labels::labels(&at));
    let taints = taints.map(|at| labels::taints(&at));
    let cri_socket = cri_socket.map(|at| at.parse(&form::CRI_SOCKET, socket));
    Some(Registration {
        name: name.map_or(Some(None), |name| name.map(Some))?,
        address_from: address_from.unwrap_or(Some(default.address_from))?,
        labels: labels.unwrap_or(Some(default.labels))?,
        taints: taints.map_or(Some(None), |taints| taints.map(Some))?,
        cri_socket: cri_socket.unwrap_or(Some(default.cri_socket))?,
    })
}

/// kubeadm takes a bare path with a warning; here the scheme is written out.
fn socket(text: &str) -> Result<String, String> {
    if text.starts_with("unix:///") && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err(format!("{} is no CRI socket; write for example {DEFAULT_CRI_SOCKET}", shown(text)))
    }
}
