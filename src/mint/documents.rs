//! Renders the `kind: Node` documents: each what its reader needs and no more.

use std::net::SocketAddr;

use serde_json::{Map, Value};

use crate::digest;
use crate::document::field::{Cidr, Taint};
use crate::document::spec::{ClockPolicy, ClusterSpec, CniChoice, EncryptionAlgorithm, InitializeNode, OnUnreachable, PkiMode, Pool, Role};
use crate::emit::Page;
use crate::kubeadm::config::LOCAL_PORT;
use crate::power::power;

use super::{CONTROL_PLANE, Credential, FileKind, INITIALISER, KEY_CREDENTIAL, KeyPlace, Material, MintedFile, power};

const DEFAULT_SERVICES: &str = "10.96.0.0/12";
const DEFAULT_DOMAIN: &str = "cluster.local";

/// Whose document.
#[derive(Clone, Copy)]
pub(super) enum Reader<'a> {
    /// The one machine that starts the cluster.
    Initialiser(&'a Pool),
    /// Every control plane, of which one claims the right to start the cluster.
    Claimant(&'a Pool),
    /// Every control plane that only joins.
    ControlPlane(&'a Pool),
    /// Every worker of a pool, by the pool's name if it has one.
    Worker(Option<&'a str>, &'a Pool),
}

impl<'a> Reader<'a> {
    fn file_name(self) -> String {
        match self {
            Self::Initialiser(_) => INITIALISER.to_owned(),
            Self::Claimant(_) | Self::ControlPlane(_) => CONTROL_PLANE.to_owned(),
            Self::Worker(None, _) => "worker.yaml".to_owned(),
            Self::Worker(Some(pool), _) => format!("worker-{pool}.yaml"),
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Initialiser(_) | Self::Claimant(_) | Self::ControlPlane(_) => Role::ControlPlane,
            Self::Worker(..) => Role::Worker,
        }
    }

    const fn pool(self) -> &'a Pool {
        match self {
            Self::Initialiser(pool) | Self::Claimant(pool) | Self::ControlPlane(pool) | Self::Worker(_, pool) => pool,
        }
    }

    fn purpose(self, material: &Material<'_>) -> String {
        match self {
            Self::Initialiser(_) => "the one machine that starts it".to_owned(),
            Self::Claimant(_) => "every control plane".to_owned(),
            Self::ControlPlane(_) if material.living => "every new control plane".to_owned(),
            Self::ControlPlane(_) => "every further control plane".to_owned(),
            Self::Worker(None, _) => "every worker".to_owned(),
            Self::Worker(Some(pool), _) => format!("every worker of pool {pool}"),
        }
    }

    /// Whether its machine may start the cluster.
    pub(super) const fn starts(self) -> bool {
        matches!(self, Self::Initialiser(_) | Self::Claimant(_))
    }

    /// Whether its machine has the CA key once it has opened the bundle, or finds it on its disk, before it speaks to the
    /// cluster: then it signs its own bootstrap certificate.
    fn signs_for_itself(self, mode: &PkiMode) -> bool {
        match (self.role(), mode) {
            (Role::Worker, _) => false,
            (Role::ControlPlane, PkiMode::Secret) => self.starts(),
            (Role::ControlPlane, PkiMode::Inline | PkiMode::Url(_) | PkiMode::Disk) => true,
        }
    }
}

/// When and by what a file was made; in a comment of every file that can have one.
pub(super) fn birth(material: &Material<'_>) -> String {
    format!("minted {} by kubeboot {}", material.options.now, env!("CARGO_PKG_VERSION"))
}

/// One document with its comment, and kubeadm's documents that its reader can use.
pub(super) fn file(material: &Material<'_>, reader: Reader<'_>) -> MintedFile {
    let (name, purpose, held) = (reader.file_name(), reader.purpose(material), power::of_document(material, reader));
    let power = power(&held);
    let joins_for_ever = !matches!(reader, Reader::Initialiser(_)) && reader.signs_for_itself(&material.mode);
    let until = (!joins_for_ever).then_some(material.before);
    let mut page = Page::new();
    match (reader, &material.credential) {
        // The smallest document of all says once what its power is and until when.
        (Reader::Worker(..), Credential::Certificate(_)) => page.comment(&format!("{name}, {}.", birth(material))),
        _ => {
            page.comment(&format!("{name}: cluster {}, for {purpose}; {}.", material.spec.name, birth(material)));
            page.comment(&lifetime(material, reader));
        }
    }
    page.comment(&format!("Power: {power}."));
    node(&mut page, material, reader);
    kubeadm(&mut page, material.spec, reader);
    MintedFile { name, kind: FileKind::Document, bytes: page.finish(), purpose, power, secret: held.is_secret(), until }
}

fn lifetime(material: &Material<'_>, reader: Reader<'_>) -> String {
    let before = material.before;
    match (reader, &material.credential) {
        (Reader::Initialiser(_), _) => {
            format!("It starts the cluster until {before}, and no cluster after that. Never give it to two machines.")
        }
        (Reader::Claimant(_), _) => {
            format!(
                "One machine, the first that claims the right, starts the cluster with it until {before}; the others join, at any time."
            )
        }
        _ if reader.signs_for_itself(&material.mode) => "It joins at any time: its machine signs its own credentials.".to_owned(),
        (_, Credential::Certificate(_)) => format!("It joins until {before}, when its bootstrap certificate expires."),
        (_, Credential::Token(_)) => {
            format!("It joins as long as its bootstrap token lives in the cluster; the initialiser makes the token, before {before}.")
        }
    }
}

fn node(page: &mut Page, material: &Material<'_>, reader: Reader<'_>) {
    let spec = material.spec;
    page.text("apiVersion", "kubeboot/v1alpha1");
    page.text("kind", "Node");
    page.text("cluster", &spec.name);
    page.text("role", reader.role().name());
    page.text("kubernetesVersion", &spec.kubernetes_version.to_string());
    page.text("controlPlaneEndpoint", &spec.endpoint.to_string());
    networking(page, spec);
    registration(page, reader.pool());
    page.section("cni", |page| match &spec.cni {
        CniChoice::Flannel => page.text("name", "flannel"),
        CniChoice::None => page.text("name", "none"),
        CniChoice::Manifest(path) => page.text("manifest", &path.to_string_lossy()),
        CniChoice::Url { url, sha256 } => {
            page.text("url", url);
            page.quoted("sha256", sha256);
        }
    });
    match spec.clock {
        ClockPolicy::Synchronised => {}
        ClockPolicy::Plausible => page.text("clock", "plausible"),
    }
    if reader.starts() {
        if !spec.control_plane.addresses.is_empty() {
            let peers = spec.control_plane.addresses.iter().map(|address| SocketAddr::new(*address, LOCAL_PORT).to_string());
            page.value("peers", &peers.collect());
        }
        page.section("initialize", |page| initialize(page, material));
    }
    page.section("discovery", |page| discovery(page, material, reader));
    if reader.role() == Role::ControlPlane {
        match (&material.mode, material.options.key) {
            // Nothing is sealed.
            (PkiMode::Disk, _) => {}
            (_, KeyPlace::Documents) => page.quoted("certificateKey", material.certificate_key.expose()),
            (_, KeyPlace::Apart | KeyPlace::Kept) => page.section("certificateKey", |page| page.text("credential", KEY_CREDENTIAL)),
        }
        page.section("pki", |page| pki(page, material, reader));
    }
}

fn initialize(page: &mut Page, material: &Material<'_>) {
    let starter = &material.spec.initialize;
    page.quoted("before", &material.before.to_string());
    match starter.on_unreachable {
        OnUnreachable::Wait => {}
        OnUnreachable::ProceedAfter(time) => {
            page.section("onUnreachable", |page| page.text("proceedAfter", &format!("{}s", time.as_secs())));
        }
    }
    if let Some(node) = &starter.node {
        let (way, value) = match node {
            InitializeNode::SystemUuid(value) => ("systemUUID", value.clone()),
            InitializeNode::InstanceId(value) => ("instanceID", value.clone()),
            InitializeNode::Serial(value) => ("serial", value.clone()),
            InitializeNode::Mac(value) => ("mac", value.clone()),
            InitializeNode::Address(address) => ("address", address.to_string()),
            InitializeNode::Hostname(value) => ("hostname", value.clone()),
        };
        page.section("node", |page| page.quoted(way, &value));
    }
    if let Some(claim) = &starter.claim {
        page.section("claim", |page| {
            page.quoted("put", &claim.put);
            page.quoted("get", &claim.get);
        });
    }
}

/// What differs from the defaults of the document, which are kubeadm's: userdata is small on some platforms.
fn networking(page: &mut Page, spec: &ClusterSpec) {
    let networking = &spec.networking;
    let (pods, services, domain) = (subnets(&networking.pod_subnets), subnets(&networking.service_subnets), &networking.dns_domain);
    let fields = [("podSubnet", pods.as_str(), ""), ("serviceSubnet", &services, DEFAULT_SERVICES), ("dnsDomain", domain, DEFAULT_DOMAIN)];
    let told: Vec<_> = fields.into_iter().filter(|(_, value, default)| value != default).collect();
    if !told.is_empty() {
        page.section("networking", |page| told.iter().for_each(|(key, value, _)| page.text(key, value)));
    }
}

fn subnets(list: &[Cidr]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn registration(page: &mut Page, pool: &Pool) {
    if pool == &Pool::default() {
        return;
    }
    page.section("nodeRegistration", |page| {
        if !pool.address_from.is_empty() {
            page.value("addressFrom", &pool.address_from.iter().map(ToString::to_string).collect());
        }
        if !pool.labels.is_empty() {
            page.section("labels", |page| pool.labels.iter().for_each(|(key, value)| page.text(key, value)));
        }
        if let Some(taints) = &pool.taints {
            page.value("taints", &taints.iter().map(taint).collect());
        }
    });
}

fn taint(taint: &Taint) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert("key".to_owned(), taint.key.clone().into());
    if !taint.value.is_empty() {
        fields.insert("value".to_owned(), taint.value.clone().into());
    }
    fields.insert("effect".to_owned(), taint.effect.clone().into());
    Value::Object(fields)
}

fn discovery(page: &mut Page, material: &Material<'_>, reader: Reader<'_>) {
    page.block("certificateAuthority", &material.certificate_authority);
    match &material.credential {
        // The initialiser has to make the token in the cluster, so it needs it as well.
        Credential::Token(token) if reader.starts() => page.quoted("bootstrapToken", token.expose()),
        // Who has the CA key needs no credential that will expire.
        _ if reader.signs_for_itself(&material.mode) => {}
        Credential::Token(token) => page.quoted("bootstrapToken", token.expose()),
        Credential::Certificate(identity) => page.section("bootstrapCertificate", |page| {
            page.block("certificate", &identity.certificate_pem);
            page.block("key", identity.key_pem.expose());
        }),
    }
}

fn pki(page: &mut Page, material: &Material<'_>, reader: Reader<'_>) {
    let nothing = Value::Object(Map::new());
    let bundle = |page: &mut Page| {
        page.section("bundle", |page| material.bundle.iter().for_each(|(name, sealed)| page.quoted(name, sealed)));
    };
    match &material.mode {
        PkiMode::Secret if reader.starts() => page.section("secret", bundle),
        PkiMode::Secret => page.value("secret", &nothing),
        PkiMode::Inline => page.section("inline", bundle),
        PkiMode::Disk => page.value("disk", &nothing),
        PkiMode::Url(url) => {
            page.text("url", url);
            page.quoted("sha256", &digest::sha256(&material.bundle_json));
        }
    }
}

/// kubeadm's own documents: a joiner's kubeadm reads JoinConfiguration alone (kubeadm.md §1.1), and the initialiser may
/// come back as a joiner (design §4, the re-imaged first machine).
fn kubeadm(page: &mut Page, spec: &ClusterSpec, reader: Reader<'_>) {
    let overrides = &spec.overrides;
    let (kubeadm, kubelet, proxy) = ("kubeadm.k8s.io/v1beta4", "kubelet.config.k8s.io/v1beta1", "kubeproxy.config.k8s.io/v1alpha1");
    if reader.starts() {
        document(page, kubeadm, "ClusterConfiguration", cluster_configuration(spec).as_ref());
        document(page, kubeadm, "InitConfiguration", overrides.init.as_ref());
        document(page, kubelet, "KubeletConfiguration", overrides.kubelet.as_ref());
        document(page, proxy, "KubeProxyConfiguration", overrides.kube_proxy.as_ref());
    }
    document(page, kubeadm, "JoinConfiguration", overrides.join.as_ref());
}

/// The cluster file's ClusterConfiguration, with the kind of key in it that is not the agent's own choice.
fn cluster_configuration(spec: &ClusterSpec) -> Option<Value> {
    if spec.encryption == EncryptionAlgorithm::default() {
        return spec.overrides.cluster.clone();
    }
    let mut fields = spec.overrides.cluster.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    fields.insert("encryptionAlgorithm".to_owned(), spec.encryption.name().into());
    Some(Value::Object(fields))
}

fn document(page: &mut Page, api_version: &str, kind: &str, value: Option<&Value>) {
    let Some(fields) = value.and_then(Value::as_object) else { return };
    page.separator();
    page.text("apiVersion", api_version);
    page.text("kind", kind);
    for (key, value) in fields.iter().filter(|(key, _)| !["apiVersion", "kind"].contains(&key.as_str())) {
        page.value(key, value);
    }
}
