//! kubeadm's own documents after `---`: which are known, their scalars as JSON, and what in them belongs to kubeboot.

use serde_json::{Map, Value};

use super::scalar;
use super::shown::{path_name, shown, shown_name};
use super::spec::Overrides;
use super::tree::{Node, Place, Tree};
use super::walk::{At, Walk};

const KUBEADM: &str = "kubeadm.k8s.io/v1beta4";

/// The kinds that may follow, and the only apiVersion each is written in.
pub(super) const KINDS: [(&str, &str); 5] = [
    ("ClusterConfiguration", KUBEADM),
    ("InitConfiguration", KUBEADM),
    ("JoinConfiguration", KUBEADM),
    ("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1"),
    ("KubeProxyConfiguration", "kubeproxy.config.k8s.io/v1alpha1"),
];

/// What the Node document or cluster file says of fields that ClusterConfiguration has too.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The field that holds the cluster's name: `cluster` of a Node document, `name` of a cluster file.
    pub(super) name_field: &'static str,
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) pods: Option<String>,
    pub(super) services: Option<String>,
    pub(super) domain: Option<String>,
    /// A cluster file's alone.
    pub(super) encryption: Option<String>,
}

/// Whose a field is.
enum Owner {
    /// It has a field of the Node document; the same value may be repeated.
    Said(&'static str, fn(&Said) -> Option<&String>),
    /// kubeboot writes exactly this.
    Fixed(&'static str),
    /// It must not be written; what to do instead.
    Never(&'static str),
    /// It has a field of the cluster file, and none of the Node document: there it may be written.
    SaidByCluster(&'static str, fn(&Said) -> Option<&String>),
}

const SET_BY_DISCOVERY: &str = "remove it: kubeboot writes it from discovery";
const SET_BY_PKI: &str = "remove it and write certificateKey in kubeboot's document";

/// Every field of kubeadm's documents that kubeboot owns.
const OWNED: [(&str, &str, Owner); 27] = [
    ("ClusterConfiguration", "kubernetesVersion", Owner::Said("kubernetesVersion", |said| said.version.as_ref())),
    ("ClusterConfiguration", "controlPlaneEndpoint", Owner::Said("controlPlaneEndpoint", |said| said.endpoint.as_ref())),
    ("ClusterConfiguration", "clusterName", Owner::Said("cluster", |said| said.name.as_ref())),
    ("ClusterConfiguration", "networking.podSubnet", Owner::Said("networking.podSubnet", |said| said.pods.as_ref())),
    ("ClusterConfiguration", "networking.serviceSubnet", Owner::Said("networking.serviceSubnet", |said| said.services.as_ref())),
    ("ClusterConfiguration", "networking.dnsDomain", Owner::Said("networking.dnsDomain", |said| said.domain.as_ref())),
    ("ClusterConfiguration", "encryptionAlgorithm", Owner::SaidByCluster("encryptionAlgorithm", |said| said.encryption.as_ref())),
    ("ClusterConfiguration", "certificatesDir", Owner::Fixed("/etc/kubernetes/pki")),
    ("ClusterConfiguration", "etcd.local.dataDir", Owner::Fixed("/var/lib/etcd")),
    ("ClusterConfiguration", "etcd.external", Owner::Never("remove it: this version runs etcd on the control planes (etcd.local)")),
    ("InitConfiguration", "certificateKey", Owner::Never(SET_BY_PKI)),
    (
        "InitConfiguration",
        "bootstrapTokens",
        Owner::Never("remove it: kubeboot writes it from discovery, so that no usable token is left over"),
    ),
    ("InitConfiguration", "localAPIEndpoint", Owner::Never("remove it and write nodeRegistration.addressFrom in kubeboot's document")),
    ("InitConfiguration", "nodeRegistration.name", Owner::Never("remove it and write nodeRegistration.name in kubeboot's document")),
    (
        "InitConfiguration",
        "nodeRegistration.criSocket",
        Owner::Never("remove it and write nodeRegistration.criSocket in kubeboot's document"),
    ),
    ("InitConfiguration", "nodeRegistration.taints", Owner::Never("remove it and write nodeRegistration.taints in kubeboot's document")),
    (
        "InitConfiguration",
        "skipPhases",
        Owner::Never(
            "remove it: kubeboot chooses the phases, and dns.disabled and proxy.disabled of ClusterConfiguration leave out add-ons",
        ),
    ),
    ("InitConfiguration", "dryRun", Owner::Never("remove it, `kubeboot plan DOCUMENT` shows what would be done")),
    ("JoinConfiguration", "discovery", Owner::Never(SET_BY_DISCOVERY)),
    (
        "JoinConfiguration",
        "controlPlane",
        Owner::Never("remove it and write role, certificateKey and nodeRegistration.addressFrom in kubeboot's document"),
    ),
    ("JoinConfiguration", "caCertPath", Owner::Fixed("/etc/kubernetes/pki/ca.crt")),
    ("JoinConfiguration", "nodeRegistration.name", Owner::Never("remove it and write nodeRegistration.name in kubeboot's document")),
    (
        "JoinConfiguration",
        "nodeRegistration.criSocket",
        Owner::Never("remove it and write nodeRegistration.criSocket in kubeboot's document"),
    ),
    ("JoinConfiguration", "nodeRegistration.taints", Owner::Never("remove it and write nodeRegistration.taints in kubeboot's document")),
    ("JoinConfiguration", "skipPhases", Owner::Never("remove it: kubeboot chooses the phases")),
    ("JoinConfiguration", "dryRun", Owner::Never("remove it, `kubeboot plan DOCUMENT` shows what would be done")),
    ("KubeletConfiguration", "registerWithTaints", Owner::Never("remove it and write nodeRegistration.taints in kubeboot's document")),
];

/// Every argument of kubeadm's argument lists that kubeboot owns: kind, list, argument, instead.
const OWNED_ARGUMENTS: [(&str, &str, &str, &str); 12] = [
    ("InitConfiguration", "nodeRegistration.kubeletExtraArgs", "node-ip", "nodeRegistration.addressFrom"),
    ("InitConfiguration", "nodeRegistration.kubeletExtraArgs", "node-labels", "nodeRegistration.labels"),
    ("InitConfiguration", "nodeRegistration.kubeletExtraArgs", "register-with-taints", "nodeRegistration.taints"),
    ("InitConfiguration", "nodeRegistration.kubeletExtraArgs", "hostname-override", "nodeRegistration.name"),
    ("JoinConfiguration", "nodeRegistration.kubeletExtraArgs", "node-ip", "nodeRegistration.addressFrom"),
    ("JoinConfiguration", "nodeRegistration.kubeletExtraArgs", "node-labels", "nodeRegistration.labels"),
    ("JoinConfiguration", "nodeRegistration.kubeletExtraArgs", "register-with-taints", "nodeRegistration.taints"),
    ("JoinConfiguration", "nodeRegistration.kubeletExtraArgs", "hostname-override", "nodeRegistration.name"),
    ("ClusterConfiguration", "apiServer.extraArgs", "advertise-address", "nodeRegistration.addressFrom"),
    ("ClusterConfiguration", "apiServer.extraArgs", "service-cluster-ip-range", "networking.serviceSubnet"),
    ("ClusterConfiguration", "controllerManager.extraArgs", "cluster-cidr", "networking.podSubnet"),
    ("ClusterConfiguration", "controllerManager.extraArgs", "service-cluster-ip-range", "networking.serviceSubnet"),
];

/// What a document of kubeadm's may not say because kubeboot says it, as far as that can be seen in the document alone.
#[derive(Debug)]
pub struct KubeadmOutline {
    /// Its kind.
    pub kind: &'static str,
    /// The only apiVersion it is written in.
    pub api_version: &'static str,
    /// Paths of fields that must not be written, and what to do instead.
    pub never: Vec<(&'static str, &'static str)>,
    /// Paths of fields that may only be written with this value.
    pub fixed: Vec<(&'static str, &'static str)>,
    /// Paths of argument lists, and arguments that must not be in them.
    pub arguments: Vec<(&'static str, &'static str)>,
}

/// One for each kind that may follow kubeboot's own document.
#[must_use]
pub fn outlines() -> [KubeadmOutline; 5] {
    KINDS.map(|(kind, api_version)| {
        let mut outline = KubeadmOutline { kind, api_version, never: Vec::new(), fixed: Vec::new(), arguments: Vec::new() };
        for (_, path, owner) in OWNED.iter().filter(|(of, ..)| *of == kind) {
            match owner {
                Owner::Never(advice) => outline.never.push((*path, *advice)),
                Owner::Fixed(value) => outline.fixed.push((*path, *value)),
                Owner::Said(..) | Owner::SaidByCluster(..) => {}
            }
        }
        outline.arguments = OWNED_ARGUMENTS.iter().filter(|(of, ..)| *of == kind).map(|(_, list, name, _)| (*list, *name)).collect();
        outline
    })
}

/// One kubeadm document: its kind, and its place in the input.
pub(super) struct KubeadmDocument<'t> {
    pub(super) kind: &'static str,
    pub(super) tree: &'t Tree,
}

/// Reads the documents: scalars, owned fields, argument lists.
pub(super) fn overrides(walk: &Walk, documents: &[KubeadmDocument<'_>], said: &Said) -> Overrides {
    let mut overrides = Overrides::default();
    for document in documents {
        let value = to_json(walk, document.tree, document.kind);
        owned(walk, document, &value, said);
        let room = match document.kind {
            "ClusterConfiguration" => &mut overrides.cluster,
            "InitConfiguration" => &mut overrides.init,
            "JoinConfiguration" => &mut overrides.join,
            "KubeletConfiguration" => &mut overrides.kubelet,
            _ => &mut overrides.kube_proxy,
        };
        *room = Some(value);
    }
    overrides
}

/// A tree as JSON, as Kubernetes' own reader sees it; what that reader may see otherwise than a person is a violation.
pub(super) fn to_json(walk: &Walk, tree: &Tree, path: &str) -> Value {
    match &tree.node {
        Node::Scalar { text, plain: false } => Value::String(text.expose().clone()),
        Node::Scalar { text, plain: true } => scalar::to_json(text.expose()).unwrap_or_else(|meaning| {
            let advice = "put it in quotes if it is text, or write true, false or a decimal number";
            walk.wrong(tree.place, path, format!("YAML readers take this value for {meaning}, and not all for the same"), advice);
            Value::Null
        }),
        Node::List(items) => Value::Array(items.iter().enumerate().map(|(i, item)| to_json(walk, item, &format!("{path}[{i}]"))).collect()),
        Node::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                if entry.plain && scalar::meaning(&entry.key).is_some() {
                    walk.wrong(
                        entry.place,
                        path,
                        format!("{} is not text to YAML, but a key has to be", shown_name(&entry.key)),
                        "put it in quotes",
                    );
                }
                let below = format!("{path}.{}", path_name(&entry.key));
                if matches!(entry.key.as_str(), "extraArgs" | "kubeletExtraArgs") && matches!(entry.value.node, Node::Map(_)) {
                    walk.wrong(
                        entry.place,
                        &below,
                        "this is a map, as it was before v1beta4",
                        "write a list, - {name: NAME, value: VALUE}",
                    );
                }
                if matches!(entry.key.as_str(), "extraArgs" | "kubeletExtraArgs") {
                    argument_values(walk, &entry.value, &below);
                }
                map.insert(entry.key.clone(), to_json(walk, &entry.value, &below));
            }
            Value::Object(map)
        }
    }
}

/// v1beta4's `Arg.value` is text: a plain `4` or `true` makes kubeadm's decoder fail.
fn argument_values(walk: &Walk, list: &Tree, path: &str) {
    let Node::List(items) = &list.node else { return };
    for (i, item) in items.iter().enumerate() {
        if let Some((_, value)) = find(item, "value")
            && let Node::Scalar { text, plain: true } = &value.node
            && scalar::to_json(text.expose()).is_ok_and(|value| !value.is_string())
        {
            walk.wrong(value.place, &format!("{path}[{i}].value"), "this is not text to YAML, and kubeadm wants text", "put it in quotes");
        }
    }
}

fn find<'t>(tree: &'t Tree, path: &str) -> Option<(Place, &'t Tree)> {
    let mut at = (tree.place, tree);
    for name in path.split('.') {
        let Node::Map(entries) = &at.1.node else { return None };
        let entry = entries.iter().find(|entry| entry.key == name)?;
        at = (entry.place, &entry.value);
    }
    Some(at)
}

fn text(tree: &Tree) -> Option<&str> {
    match &tree.node {
        Node::Scalar { text, .. } => Some(text.expose()),
        _ => None,
    }
}

fn owned(walk: &Walk, document: &KubeadmDocument<'_>, value: &Value, said: &Said) {
    for (_, path, owner) in OWNED.iter().filter(|(kind, ..)| *kind == document.kind) {
        let Some((place, tree)) = find(document.tree, path) else { continue };
        if value.pointer(&format!("/{}", path.replace('.', "/"))).is_none_or(Value::is_null) {
            continue;
        }
        let full = format!("{}.{path}", document.kind);
        match owner {
            Owner::Never(advice) => walk.wrong(place, &full, "this field is kubeboot's to set", *advice),
            Owner::Fixed(fixed) if text(tree) != Some(*fixed) => {
                walk.wrong(place, &full, "this field is kubeboot's to set", format!("remove it, kubeboot uses {fixed}"));
            }
            // A Node document has nothing to compare with.
            Owner::SaidByCluster(_, of) if of(said).is_none() => {}
            Owner::Said(field, of) | Owner::SaidByCluster(field, of) if text(tree) != of(said).map(String::as_str) => {
                // Nothing to compare with: the field itself is missing or wrong, which is a violation of its own.
                let problem = match of(said) {
                    Some(ours) => format!("this is not what kubeboot's document says, {}", shown(ours)),
                    None => "this field belongs in kubeboot's document".to_owned(),
                };
                let field = if *field == "cluster" { said.name_field } else { field };
                walk.wrong(place, &full, problem, format!("remove it and write `{field}` in kubeboot's document"));
            }
            Owner::Fixed(_) | Owner::Said(..) | Owner::SaidByCluster(..) => {}
        }
    }
    for (_, list, argument, instead) in OWNED_ARGUMENTS.iter().filter(|(kind, ..)| *kind == document.kind) {
        let Some((_, Tree { node: Node::List(items), .. })) = find(document.tree, list) else { continue };
        for (i, item) in items.iter().enumerate() {
            if find(item, "name").and_then(|(_, name)| text(name)) == Some(*argument) {
                walk.wrong(
                    item.place,
                    &format!("{}.{list}[{i}]", document.kind),
                    format!("the argument {argument} is kubeboot's to set"),
                    format!("remove it and write `{instead}` in kubeboot's document"),
                );
            }
        }
    }
}

/// Whether ClusterConfiguration speaks of the size of nodes' shares of the pod subnet.
pub(super) fn sets_node_mask(documents: &[KubeadmDocument<'_>]) -> bool {
    documents.iter().filter(|document| document.kind == "ClusterConfiguration").any(|document| {
        let Some((_, Tree { node: Node::List(items), .. })) = find(document.tree, "controllerManager.extraArgs") else { return false };
        items
            .iter()
            .filter_map(|item| find(item, "name").and_then(|(_, name)| text(name)))
            .any(|name| name.starts_with("node-cidr-mask-size") || name == "allocate-node-cidrs")
    })
}

/// Documents that a worker's `kubeadm join` does not read: without effect, so that writing one is a mistake (kubeadm.md §1.1).
pub(super) fn useless_on_worker(walk: &Walk, documents: &[KubeadmDocument<'_>]) {
    for document in documents.iter().filter(|document| document.kind != "JoinConfiguration") {
        let at = At::root(walk, document.tree, document.kind);
        at.wrong(
            "kubeadm join on a worker does not read this document",
            "remove it here, it belongs to the machine that starts the cluster, and JoinConfiguration to this one",
        );
    }
}
