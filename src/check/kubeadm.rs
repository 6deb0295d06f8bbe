//! kubeadm's own documents: fields that strict decoding of v1beta4 refuses, and feature gates that a version does not have.
//! kubelet's and kube-proxy's documents have hundreds of fields that change with every version: `kubeadm config validate`
//! judges those, where there is a kubeadm.

use crate::document::field::KubernetesVersion;
use crate::document::shown::is_field_name;
use crate::document::tree::{Entry, Node, Tree};

use super::excerpt::field;
use super::{Content, Rule, Sheet, kind};

/// The fields of v1beta4 (kubeadm.md §1.2 to §1.4, cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go), by path; `[]` stands for every
/// item of a list. What is not listed as a path of its own is not looked into.
const FIELDS: [(&str, &[&str]); 33] = [
    (
        "InitConfiguration",
        &["bootstrapTokens", "certificateKey", "dryRun", "localAPIEndpoint", "nodeRegistration", "patches", "skipPhases", "timeouts"],
    ),
    ("JoinConfiguration", &["caCertPath", "controlPlane", "discovery", "dryRun", "nodeRegistration", "patches", "skipPhases", "timeouts"]),
    (
        "ClusterConfiguration",
        &[
            "apiServer",
            "caCertificateValidityPeriod",
            "certificateValidityPeriod",
            "certificatesDir",
            "clusterName",
            "controlPlaneEndpoint",
            "controllerManager",
            "dns",
            "encryptionAlgorithm",
            "etcd",
            "featureGates",
            "imageRepository",
            "kubernetesVersion",
            "networking",
            "proxy",
            "scheduler",
        ],
    ),
    ("InitConfiguration.nodeRegistration", REGISTRATION),
    ("JoinConfiguration.nodeRegistration", REGISTRATION),
    ("InitConfiguration.localAPIEndpoint", &["advertiseAddress", "bindPort"]),
    ("InitConfiguration.patches", &["directory"]),
    ("JoinConfiguration.patches", &["directory"]),
    ("InitConfiguration.timeouts", TIMEOUTS),
    ("JoinConfiguration.timeouts", TIMEOUTS),
    ("ClusterConfiguration.apiServer", &["certSANs", "extraArgs", "extraEnvs", "extraVolumes"]),
    ("ClusterConfiguration.controllerManager", COMPONENT),
    ("ClusterConfiguration.scheduler", COMPONENT),
    ("ClusterConfiguration.dns", &["disabled", "imageRepository", "imageTag"]),
    ("ClusterConfiguration.proxy", &["disabled"]),
    ("ClusterConfiguration.networking", &["dnsDomain", "podSubnet", "serviceSubnet"]),
    ("ClusterConfiguration.etcd", &["external", "local"]),
    (
        "ClusterConfiguration.etcd.local",
        &["dataDir", "extraArgs", "extraEnvs", "imageRepository", "imageTag", "peerCertSANs", "serverCertSANs"],
    ),
    ("InitConfiguration.nodeRegistration.kubeletExtraArgs[]", ARGUMENT),
    ("JoinConfiguration.nodeRegistration.kubeletExtraArgs[]", ARGUMENT),
    ("ClusterConfiguration.apiServer.extraArgs[]", ARGUMENT),
    ("ClusterConfiguration.apiServer.extraEnvs[]", VARIABLE),
    ("ClusterConfiguration.apiServer.extraVolumes[]", VOLUME),
    ("ClusterConfiguration.controllerManager.extraArgs[]", ARGUMENT),
    ("ClusterConfiguration.controllerManager.extraEnvs[]", VARIABLE),
    ("ClusterConfiguration.controllerManager.extraVolumes[]", VOLUME),
    ("ClusterConfiguration.scheduler.extraArgs[]", ARGUMENT),
    ("ClusterConfiguration.scheduler.extraEnvs[]", VARIABLE),
    ("ClusterConfiguration.scheduler.extraVolumes[]", VOLUME),
    ("ClusterConfiguration.etcd.local.extraArgs[]", ARGUMENT),
    ("ClusterConfiguration.etcd.local.extraEnvs[]", VARIABLE),
    ("JoinConfiguration.discovery", &["bootstrapToken", "file", "tlsBootstrapToken"]),
    ("JoinConfiguration.controlPlane", &["certificateKey", "localAPIEndpoint"]),
];
const REGISTRATION: &[&str] =
    &["criSocket", "ignorePreflightErrors", "imagePullPolicy", "imagePullSerial", "kubeletExtraArgs", "name", "taints"];
const TIMEOUTS: &[&str] = &[
    "controlPlaneComponentHealthCheck",
    "discovery",
    "etcdAPICall",
    "kubeletHealthCheck",
    "kubernetesAPICall",
    "tlsBootstrap",
    "upgradeManifests",
];
const ARGUMENT: &[&str] = &["name", "value"];
const VARIABLE: &[&str] = &["name", "value", "valueFrom"];
const VOLUME: &[&str] = &["hostPath", "mountPath", "name", "pathType", "readOnly"];
const COMPONENT: &[&str] = &["extraArgs", "extraEnvs", "extraVolumes"];

/// Gates of kubeadm, the minor version from which on each is gone (kubeadm.md §1.3). A gate that is not here is not judged.
const GATES: [(&str, u16); 5] = [
    ("EtcdLearnerMode", 33),
    ("WaitForAllControlPlaneComponents", 35),
    ("ControlPlaneKubeletLocalMode", 36),
    ("NodeLocalCRISocket", 37),
    ("PublicKeysECDSA", 37),
];

pub(super) fn fields(sheet: &mut Sheet<'_>) {
    let version = match &sheet.content {
        Content::Node(spec) => Some(spec.kubernetes_version),
        Content::Cluster(spec) => Some(spec.kubernetes_version),
        Content::Unread => None,
    };
    for tree in sheet.text.documents().to_vec() {
        let Some(kind) = kind(&tree).map(str::to_owned) else { continue };
        for (path, known) in FIELDS.iter().filter(|(path, _)| path.split('.').next() == Some(kind.as_str())) {
            unknown(sheet, &tree, path, known);
        }
        if let (Some(version), "ClusterConfiguration") = (version, kind.as_str()) {
            gates(sheet, &tree, version);
        }
    }
}

fn unknown(sheet: &mut Sheet<'_>, document: &Tree, path: &str, known: &[&'static str]) {
    let mut found = vec![document];
    for step in path.split('.').skip(1) {
        let name = step.strip_suffix("[]");
        found = found.into_iter().filter_map(|tree| field(tree, name.unwrap_or(step))).map(|entry| &entry.value).collect();
        if name.is_some() {
            found = found.into_iter().flat_map(items).collect();
        }
    }
    let is_root = !path.contains('.');
    for entry in found.into_iter().flat_map(entries) {
        let key = entry.key.as_str();
        if known.contains(&key) || (is_root && matches!(key, "apiVersion" | "kind")) {
            continue;
        }
        let shown = if is_field_name(key) { format!("`{key}`") } else { "this key".to_owned() };
        let advice = match crate::document::nearest(key, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        let problem = format!("{shown} is no field of kubeadm's v1beta4, and kubeadm refuses the document");
        sheet.tell_at(Rule::KubeadmField, Some(entry.place), path, problem, advice);
    }
}

fn items(tree: &Tree) -> &[Tree] {
    match &tree.node {
        Node::List(items) => items,
        _ => &[],
    }
}

fn entries(tree: &Tree) -> &[Entry] {
    match &tree.node {
        Node::Map(entries) => entries,
        _ => &[],
    }
}

fn gates(sheet: &mut Sheet<'_>, document: &Tree, version: KubernetesVersion) {
    let Some(Node::Map(entries)) = field(document, "featureGates").map(|entry| &entry.value.node) else { return };
    for entry in entries {
        let Some((gate, gone)) = GATES.iter().find(|(gate, _)| *gate == entry.key) else { continue };
        if version.minor >= *gone {
            let problem =
                format!("kubeadm {}.{} has no gate `{gate}` any more, it has been gone since 1.{gone}", version.major, version.minor);
            sheet.tell_at(
                Rule::FeatureGate,
                Some(entry.place),
                "ClusterConfiguration.featureGates",
                problem,
                "remove it: kubeadm refuses gates that it does not know",
            );
        }
    }
}
