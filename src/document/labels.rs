//! Labels and taints of a node: Kubernetes' syntax (apimachinery util/validation) and what a kubelet may set itself
//! (k8s.io/kubelet pkg/apis/well_known_labels.go, the same from 1.34 to 1.37; cmd/kubelet/app/options). A kubelet exits
//! on a label that it may not set, so that is a violation here.

use std::collections::BTreeMap;

use super::field::{Taint, is_dns_name};
use super::shown::shown;
use super::walk::{At, Key};
use super::{form, scalar};

/// Labels of Kubernetes' own namespaces that a kubelet may set.
const KUBELET_LABELS: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Namespaces of Kubernetes' own in which, sub-domains included, a kubelet may set any label.
const KUBELET_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

fn within(namespace: &str, domain: &str) -> bool {
    namespace.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn kubelet_may_set(key: &str) -> bool {
    let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
    let kubernetes = within(namespace, "kubernetes.io") || within(namespace, "k8s.io");
    !kubernetes || KUBELET_LABELS.contains(&key) || KUBELET_NAMESPACES.iter().any(|domain| within(namespace, domain))
}

/// A label's name or value: at most 63 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends.
fn is_label_name(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A qualified name: a label's name, with a DNS sub-domain and a slash before it or not.
fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_name(prefix) && !prefix.bytes().any(|b| b.is_ascii_uppercase()) && is_label_name(name),
        None => is_label_name(text),
    }
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_label_name(text)
}

const KEY_ADVICE: &str = "write at most 63 letters, digits, -, _ and ., if need be after a DNS name and a slash";
const VALUE_ADVICE: &str = "write at most 63 letters, digits, -, _ and .";

/// `labels`.
pub(super) fn labels(at: &At<'_>) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    at.keyed("a map, for example {pool: general}", &form::LABEL_KEY, |key, mut value| {
        value.path.clone_from(&at.path);
        label_key(&key, &value);
        if let Some(text) = value.word(&form::LABEL_VALUE) {
            if is_label_value(text) {
                labels.insert(key.text.to_owned(), text.to_owned());
            } else {
                value.wrong(format!("{} is no label value", shown(text)), VALUE_ADVICE);
            }
        }
    })?;
    Some(labels)
}

fn label_key(key: &Key<'_>, value: &At<'_>) {
    if key.plain && scalar::meaning(key.text).is_some() {
        value.misplaced(format!("the key {} is not text to YAML", shown(key.text)), "put it in quotes");
    } else if !is_qualified_name(key.text) {
        value.misplaced(format!("{} is no label key", shown(key.text)), KEY_ADVICE);
    } else if !kubelet_may_set(key.text) {
        let advice = if key.text.starts_with("node-role.kubernetes.io/") {
            "remove it: kubeadm labels control planes itself, and a worker's role is set with kubectl after it has joined"
        } else {
            "use a prefix of your own or node.kubernetes.io/, or set it with kubectl after the node has joined"
        };
        value.misplaced(format!("a kubelet may not set the label {} on its own node", shown(key.text)), advice);
    }
}

/// `taints`: an empty list means none, and is not the same as no list.
pub(super) fn taints(at: &At<'_>) -> Option<Vec<Taint>> {
    let mut taints: Vec<Taint> = Vec::new();
    for item in at.list("a list, for example [{key: dedicated, value: gpu, effect: NoSchedule}]; [] means none")? {
        let Some(taint) = taint(&item) else { continue };
        if taints.iter().any(|other| other.key == taint.key && other.effect == taint.effect) {
            item.wrong(format!("there are two taints {}:{}", taint.key, taint.effect), "keep one of them");
        }
        taints.push(taint);
    }
    Some(taints)
}

fn taint(at: &At<'_>) -> Option<Taint> {
    let mut fields = at.map("a map, {key: dedicated, value: gpu, effect: NoSchedule}")?;
    let key = fields.need("key", "The taint's key", "key: dedicated");
    let value = fields.get("value", "The taint's value (default: none)");
    let effect = fields.need("effect", "What it does to pods that don't tolerate it", "effect: NoSchedule");
    fields.finish();
    let effect = effect
        .and_then(|at| at.choice(&[("NoSchedule", "NoSchedule"), ("PreferNoSchedule", "PreferNoSchedule"), ("NoExecute", "NoExecute")]));
    let key = key.and_then(|at| {
        let key = at.word(&form::TAINT_KEY)?;
        if !is_qualified_name(key) {
            at.wrong(format!("{} is no taint key", shown(key)), KEY_ADVICE);
        }
        Some(key.to_owned())
    });
    let value = match value {
        Some(at) => {
            let value = at.word(&form::TAINT_VALUE)?;
            if !is_label_value(value) {
                at.wrong(format!("{} is no taint value", shown(value)), VALUE_ADVICE);
            }
            value.to_owned()
        }
        None => String::new(),
    };
    Some(Taint { key: key?, value, effect: effect?.to_owned() })
}
