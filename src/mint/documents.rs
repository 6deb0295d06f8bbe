//! Renders the three `kind: Node` documents: each what its reader needs and no more.

use serde_json::Value;

use crate::document::field::{Cidr, Taint};
use crate::document::spec::{ClockPolicy, ClusterSpec, CniChoice, PkiMode, Pool, Role};
use crate::emit::Page;

use super::{Credential, Material, MintedFile};

const DEFAULT_SERVICES: &str = "10.96.0.0/12";
const DEFAULT_DOMAIN: &str = "cluster.local";

/// Whose document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Initialiser,
    ControlPlane,
    Worker,
}

impl Reader {
    pub(super) const ALL: [Self; 3] = [Self::Initialiser, Self::ControlPlane, Self::Worker];

    const fn name(self) -> &'static str {
        match self {
            Self::Initialiser => "control-plane-init.yaml",
            Self::ControlPlane => "control-plane.yaml",
            Self::Worker => "worker.yaml",
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Initialiser | Self::ControlPlane => Role::ControlPlane,
            Self::Worker => Role::Worker,
        }
    }

    const fn purpose(self) -> &'static str {
        match self {
            Self::Initialiser => "the one machine that starts it",
            Self::ControlPlane => "every further control plane",
            Self::Worker => "every worker",
        }
    }

    /// Whether the document carries the bundle, and with it the CA key: then its machine signs its own bootstrap certificate.
    fn has_bundle(self, mode: PkiMode) -> bool {
        match self {
            Self::Initialiser => true,
            Self::ControlPlane => mode == PkiMode::Inline,
            Self::Worker => false,
        }
    }

    const fn power(self, mode: PkiMode) -> &'static str {
        match (self, mode) {
            (Self::Initialiser, _) => "who reads it owns the cluster: it holds the CA keys and the key that opens them",
            (Self::ControlPlane, PkiMode::Inline) => {
                "who reads it owns the cluster, at any time: it holds the CA keys and the key that opens them"
            }
            (Self::ControlPlane, PkiMode::Secret) => {
                "who reads it and reaches the API server owns the cluster, as long as Secret kubeadm-certs is there (two hours from init); \
                 then it adds nodes"
            }
            (Self::Worker, _) => "who reads it and reaches the API server can add a node; it holds no key of the cluster's",
        }
    }
}

/// When and by what a file was made; a comment of every file.
pub(super) fn birth(page: &mut Page, material: &Material) {
    page.comment(&format!("Minted {} by kubeboot {}.", material.options.now, env!("CARGO_PKG_VERSION")));
}

/// One document with its comment, and kubeadm's documents that its reader can use.
pub(super) fn file(spec: &ClusterSpec, material: &Material, reader: Reader) -> MintedFile {
    let power = reader.power(spec.pki);
    let joins_for_ever = reader == Reader::ControlPlane && reader.has_bundle(spec.pki);
    let until = (!joins_for_ever).then_some(material.before);
    let mut page = Page::new();
    page.comment(&format!("{}: cluster {}, for {}.", reader.name(), spec.name, reader.purpose()));
    birth(&mut page, material);
    page.comment(&lifetime(spec, material, reader));
    page.comment(&format!("Power: {power}."));
    node(&mut page, spec, material, reader);
    kubeadm(&mut page, spec, reader);
    MintedFile { name: reader.name(), bytes: page.finish(), purpose: reader.purpose(), power, until }
}

fn lifetime(spec: &ClusterSpec, material: &Material, reader: Reader) -> String {
    let before = material.before;
    match (reader, &material.credential) {
        (Reader::Initialiser, _) => {
            format!("It starts the cluster until {before}, and no cluster after that. Never give it to two machines.")
        }
        (Reader::ControlPlane, _) if reader.has_bundle(spec.pki) => {
            "It joins at any time: its machine signs its own credentials.".to_owned()
        }
        (_, Credential::Certificate(_)) => format!("It joins until {before}, when its bootstrap certificate expires."),
        (_, Credential::Token(_)) => {
            format!("It joins as long as its bootstrap token lives in the cluster; the initialiser makes the token, before {before}.")
        }
    }
}

fn node(page: &mut Page, spec: &ClusterSpec, material: &Material, reader: Reader) {
    page.text("apiVersion", "kubeboot/v1alpha1");
    page.text("kind", "Node");
    page.text("cluster", &spec.name);
    page.text("role", reader.role().name());
    page.text("kubernetesVersion", &spec.kubernetes_version.to_string());
    page.text("controlPlaneEndpoint", &spec.endpoint.to_string());
    networking(page, spec);
    registration(page, if reader.role() == Role::Worker { &spec.worker } else { &spec.control_plane });
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
    if reader == Reader::Initialiser {
        page.section("initialize", |page| page.quoted("before", &material.before.to_string()));
    }
    page.section("discovery", |page| discovery(page, spec, material, reader));
    if reader.role() == Role::ControlPlane {
        page.quoted("certificateKey", material.certificate_key.expose());
        page.section("pki", |page| pki(page, spec.pki, material, reader));
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

fn discovery(page: &mut Page, spec: &ClusterSpec, material: &Material, reader: Reader) {
    page.block("certificateAuthority", &material.certificate_authority);
    match &material.credential {
        // The initialiser has to make the token in the cluster, so it needs it as well.
        Credential::Token(token) if reader == Reader::Initialiser => page.quoted("bootstrapToken", token.expose()),
        // Who holds the CA key needs no credential that will expire.
        _ if reader.has_bundle(spec.pki) => {}
        Credential::Token(token) => page.quoted("bootstrapToken", token.expose()),
        Credential::Certificate(identity) => page.section("bootstrapCertificate", |page| {
            page.block("certificate", &identity.certificate_pem);
            page.block("key", identity.key_pem.expose());
        }),
    }
}

fn pki(page: &mut Page, mode: PkiMode, material: &Material, reader: Reader) {
    let source = match mode {
        PkiMode::Secret => "secret",
        PkiMode::Inline => "inline",
    };
    if !reader.has_bundle(mode) {
        return page.value(source, &Value::Object(serde_json::Map::new()));
    }
    page.section(source, |page| {
        page.section("bundle", |page| material.bundle.iter().for_each(|(name, sealed)| page.quoted(name, sealed)));
    });
}

/// kubeadm's own documents: a joiner's kubeadm reads JoinConfiguration alone (kubeadm.md §1.1), and the initialiser may
/// come back as a joiner (design §4, the re-imaged first machine).
fn kubeadm(page: &mut Page, spec: &ClusterSpec, reader: Reader) {
    let overrides = &spec.overrides;
    let (kubeadm, kubelet, proxy) = ("kubeadm.k8s.io/v1beta4", "kubelet.config.k8s.io/v1beta1", "kubeproxy.config.k8s.io/v1alpha1");
    if reader == Reader::Initialiser {
        document(page, kubeadm, "ClusterConfiguration", overrides.cluster.as_ref());
        document(page, kubeadm, "InitConfiguration", overrides.init.as_ref());
        document(page, kubelet, "KubeletConfiguration", overrides.kubelet.as_ref());
        document(page, proxy, "KubeProxyConfiguration", overrides.kube_proxy.as_ref());
    }
    document(page, kubeadm, "JoinConfiguration", overrides.join.as_ref());
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
