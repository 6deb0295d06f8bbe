//! kubeadm's configuration, v1beta4 (kubeadm 1.31 and later), rendered as JSON documents between `---`.
//!
//! Pure: secrets come in as [`Secrets`] at the moment of writing, or as the word `[redacted]` for `kubeboot plan`.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::document::field::Taint;
use crate::document::merge;
use crate::document::spec::{NodeSpec, Role};
use crate::paths;
use crate::pki::client::BOOTSTRAPPERS;

/// kubeadm's API version that every supported kubeadm reads.
const V1BETA4: &str = "kubeadm.k8s.io/v1beta4";
/// A group without rights, for the one token that keeps kubeadm from minting a 24 h one of its own (design §3).
const NO_RIGHTS: &str = "system:bootstrappers:kubeboot:none";

/// What the node is called and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Node name.
    pub name: String,
    /// advertiseAddress and node-ip.
    pub address: IpAddr,
}

/// An [`Identity`] as configuration spells it; `kubeboot plan` fills in words for what only the machine knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelt {
    /// Node name.
    pub name: String,
    /// Address.
    pub address: String,
}

impl From<&Identity> for Spelt {
    fn from(identity: &Identity) -> Self {
        Self { name: identity.name.clone(), address: identity.address.to_string() }
    }
}

/// The secrets of an init configuration.
#[derive(Clone, Copy, Debug)]
pub struct Secrets<'a> {
    /// certificateKey, 64 hex digits; only where kubeadm uploads the certificates.
    pub certificate_key: Option<&'a str>,
    /// The bootstrap token that joiners use, and how long it is good for, if they use one.
    pub bootstrap_token: Option<(&'a str, Duration)>,
}

/// How long kubeadm may wait for what (kubeadm.md §5.4). kubernetesAPICall is five minutes, not one: from 1.36.1
/// it bounds the start of etcd and the API server of init. etcdAPICall stays at its default, being spent per dead member.
fn timeouts() -> Value {
    json!({
        "controlPlaneComponentHealthCheck": "5m0s",
        "kubeletHealthCheck": "5m0s",
        "kubernetesAPICall": "5m0s",
        "etcdAPICall": "2m0s",
        "tlsBootstrap": "5m0s",
        "discovery": "5m0s",
    })
}

fn taints(taints: &[Taint]) -> Value {
    taints.iter().map(|taint| json!({"key": taint.key, "value": taint.value, "effect": taint.effect})).collect()
}

fn registration(spec: &NodeSpec, identity: &Spelt) -> Value {
    let mut arguments = vec![json!({"name": "node-ip", "value": identity.address})];
    if !spec.registration.labels.is_empty() {
        let labels: Vec<String> = spec.registration.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        arguments.push(json!({"name": "node-labels", "value": labels.join(",")}));
    }
    let mut registration = json!({
        "name": identity.name,
        "criSocket": spec.registration.cri_socket,
        "imagePullPolicy": "IfNotPresent",
        "kubeletExtraArgs": arguments,
    });
    if let (Some(list), Some(map)) = (&spec.registration.taints, registration.as_object_mut()) {
        map.insert("taints".to_owned(), taints(list));
    }
    registration
}

fn merged(base: Value, over: Option<&Value>) -> Value {
    match over {
        Some(over) => merge(base, over),
        None => base,
    }
}

/// Documents of `kubeadm init`, as values.
#[must_use]
pub fn init(spec: &NodeSpec, identity: &Spelt, secrets: Secrets<'_>) -> Vec<Value> {
    let token = match secrets.bootstrap_token {
        Some((token, ttl)) => json!({
            "token": token,
            "ttl": format!("{}s", ttl.as_secs()),
            "usages": ["authentication"],
            "groups": [BOOTSTRAPPERS],
            "description": "kubeboot: joins of the first boot",
        }),
        None => {
            json!({"ttl": "10m0s", "usages": ["authentication"], "groups": [NO_RIGHTS], "description": "kubeboot: unused, keeps kubeadm from adding a token"})
        }
    };
    let mut init = json!({
        "apiVersion": V1BETA4,
        "kind": "InitConfiguration",
        "bootstrapTokens": [token],
        "nodeRegistration": registration(spec, identity),
        "localAPIEndpoint": {"advertiseAddress": identity.address, "bindPort": LOCAL_PORT},
        "timeouts": timeouts(),
    });
    if let (Some(key), Some(map)) = (secrets.certificate_key, init.as_object_mut()) {
        map.insert("certificateKey".to_owned(), Value::String(key.to_owned()));
    }
    let subnets = |list: &[crate::document::field::Cidr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut networking = json!({"serviceSubnet": subnets(&spec.networking.service_subnets), "dnsDomain": spec.networking.dns_domain});
    if let (false, Some(map)) = (spec.networking.pod_subnets.is_empty(), networking.as_object_mut()) {
        map.insert("podSubnet".to_owned(), Value::String(subnets(&spec.networking.pod_subnets)));
    }
    let cluster = json!({
        "apiVersion": V1BETA4,
        "kind": "ClusterConfiguration",
        "clusterName": spec.cluster,
        "kubernetesVersion": spec.kubernetes_version.to_string(),
        "controlPlaneEndpoint": spec.endpoint.to_string(),
        "networking": networking,
        "certificatesDir": paths::PKI,
        // As small and quick as the minted CAs: ten RSA keys are a second of a small machine's CPU.
        "encryptionAlgorithm": "ECDSA-P256",
    });
    let mut documents = vec![merged(init, spec.overrides.init.as_ref()), merged(cluster, spec.overrides.cluster.as_ref())];
    documents.extend(spec.overrides.kubelet.clone());
    documents.extend(spec.overrides.kube_proxy.clone());
    documents
}

/// What `kubeboot plan` shows for a token's time to live: mint's default window.
pub const A_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Port of every API server that kubeboot starts: kubeadm's default bindPort.
pub const LOCAL_PORT: u16 = 6443;

/// Document of `kubeadm join`: discovery by file, whose kubeconfig carries the credential, so that there is one
/// way for certificate and token, without JWS, hash or anonymous access (kubeadm.md §4.4).
#[must_use]
pub fn join(spec: &NodeSpec, identity: &Spelt) -> Vec<Value> {
    let mut join = json!({
        "apiVersion": V1BETA4,
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": paths::DISCOVERY}},
        "nodeRegistration": registration(spec, identity),
        "timeouts": timeouts(),
    });
    if let (Role::ControlPlane, Some(map)) = (spec.role, join.as_object_mut()) {
        // No certificateKey: the shared PKI is on disk before kubeadm starts (design §3).
        map.insert("controlPlane".to_owned(), json!({"localAPIEndpoint": {"advertiseAddress": identity.address, "bindPort": LOCAL_PORT}}));
    }
    vec![merged(join, spec.overrides.join.as_ref())]
}

/// The documents as one file.
#[must_use]
pub fn render(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("---\n{document:#}\n")).collect()
}
