//! Where objects live, and what nodes and pods say of themselves.

use serde_json::{Value, json};

use super::api::Ask;
use crate::document::field::Taint;
use crate::host::Method;
use crate::moment::UnixTime;

/// A Kubernetes object of a manifest, by the words that find its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// `DaemonSet`.
    pub kind: String,
    /// metadata.namespace, where given.
    pub namespace: Option<String>,
    /// metadata.name.
    pub name: String,
    /// The whole object.
    pub body: Value,
}

impl Object {
    /// Reads one object.
    ///
    /// # Errors
    /// A sentence that names the missing word.
    pub fn read(body: Value) -> Result<Self, String> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let need =
            |pointer: &str| text(pointer).ok_or_else(|| format!("an object has no {}", pointer.trim_start_matches('/').replace('/', ".")));
        Ok(Self {
            api_version: need("/apiVersion")?,
            kind: need("/kind")?,
            namespace: text("/metadata/namespace"),
            name: need("/metadata/name")?,
            body,
        })
    }

    /// `DaemonSet kube-flannel/kube-flannel-ds`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// Where the API group lists its resources: `/api/v1` or `/apis/apps/v1`.
    #[must_use]
    pub fn group_path(&self) -> String {
        if self.api_version.contains('/') { format!("/apis/{}", self.api_version) } else { format!("/api/{}", self.api_version) }
    }

    /// The object's own path, by the answer to GET [`Object::group_path`] (an APIResourceList).
    /// `None` if the server doesn't know the kind (yet).
    #[must_use]
    pub fn path(&self, resources: &Value) -> Option<String> {
        let resource = resources.get("resources")?.as_array()?.iter().find(|resource| {
            resource.get("kind").and_then(Value::as_str) == Some(&self.kind)
                && resource.get("name").and_then(Value::as_str).is_some_and(|name| !name.contains('/'))
        })?;
        let plural = resource.get("name")?.as_str()?;
        if resource.get("namespaced")?.as_bool()? {
            let namespace = self.namespace.as_deref().unwrap_or("default");
            Some(format!("{}/namespaces/{namespace}/{plural}/{}", self.group_path(), self.name))
        } else {
            Some(format!("{}/{plural}/{}", self.group_path(), self.name))
        }
    }

    /// Rank in the order of application: namespaces, definitions, accounts and rights, configuration, the rest.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self.kind.as_str() {
            "Namespace" => 0,
            "CustomResourceDefinition" => 1,
            "ServiceAccount" | "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => 2,
            "ConfigMap" | "Secret" => 3,
            _ => 4,
        }
    }
}

/// Path of a Node.
#[must_use]
pub fn node(name: &str) -> String {
    format!("/api/v1/nodes/{name}")
}

/// GET of all pods of a node, which its own kubelet may ask (node authorizer).
#[must_use]
pub fn pods_on(node: &str) -> Ask {
    Ask::get(format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}"))
}

/// Whether a status condition of this type is True.
#[must_use]
pub fn condition(object: &Value, kind: &str) -> Option<bool> {
    let list = object.pointer("/status/conditions")?.as_array()?;
    let found = list.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))?;
    Some(found.get("status").and_then(Value::as_str) == Some("True"))
}

/// The message of a condition, for waits.
#[must_use]
pub fn condition_message(object: &Value, kind: &str) -> String {
    let message = object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .and_then(|list| list.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind)))
        .and_then(|condition| condition.get("message"))
        .and_then(Value::as_str);
    message.unwrap_or("no such condition yet").to_owned()
}

/// `status.nodeInfo.machineID` of a Node.
#[must_use]
pub fn machine_id(node: &Value) -> Option<&str> {
    node.pointer("/status/nodeInfo/machineID").and_then(Value::as_str)
}

/// Whether a Node was made before `moment`; yes if either time is unknown.
#[must_use]
pub fn is_older(node: &Value, moment: Option<UnixTime>) -> bool {
    let made = node.pointer("/metadata/creationTimestamp").and_then(Value::as_str).and_then(UnixTime::parse);
    made.zip(moment).is_none_or(|(made, moment)| made < moment)
}

fn is_of(found: &Value, taint: &Taint) -> bool {
    let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
    text("key") == taint.key && text("effect") == taint.effect
}

fn taints(node: &Value) -> &[Value] {
    node.pointer("/spec/taints").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Which of these taints a Node has not, or has with another value: key and effect name a taint.
#[must_use]
pub fn lacking_taints(node: &Value, wanted: &[Taint]) -> Vec<Taint> {
    let value = |found: &Value| found.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
    let has = |taint: &&Taint| taints(node).iter().any(|found| is_of(found, taint) && value(found) == taint.value);
    wanted.iter().filter(|taint| !has(taint)).cloned().collect()
}

/// The patch that puts these taints on a Node. `spec.taints` is replaced as a whole, so the others stand in it too, and
/// the patch holds for the Node as it was read alone (409 otherwise).
#[must_use]
pub fn tainted(node: &Value, taints_to_put: &[Taint]) -> Value {
    let mut all: Vec<Value> = taints(node).iter().filter(|found| !taints_to_put.iter().any(|taint| is_of(found, taint))).cloned().collect();
    all.extend(taints_to_put.iter().map(|taint| json!({"key": taint.key, "value": taint.value, "effect": taint.effect})));
    json!({"metadata": {"resourceVersion": node.pointer("/metadata/resourceVersion")}, "spec": {"taints": all}})
}

/// The pods of a list that this DaemonSet owns.
#[must_use]
pub fn owned_by<'a>(pods: &'a Value, namespace: &str, daemon_set: &str) -> Vec<&'a Value> {
    let of = |pod: &Value| {
        pod.pointer("/metadata/namespace").and_then(Value::as_str) == Some(namespace)
            && pod.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|owners| {
                owners.iter().any(|owner| {
                    owner.get("kind").and_then(Value::as_str) == Some("DaemonSet")
                        && owner.get("name").and_then(Value::as_str) == Some(daemon_set)
                })
            })
    };
    pods.get("items").and_then(Value::as_array).map(|items| items.iter().filter(|pod| of(pod)).collect()).unwrap_or_default()
}

/// Asks whether the asker may create CSRs of the kind a kubelet's TLS bootstrap needs: the last right that init
/// gives to bootstrappers, so that everything a join needs is there (design §6).
#[must_use]
pub fn may_bootstrap() -> Ask {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "group": "certificates.k8s.io", "resource": "certificatesigningrequests", "subresource": "nodeclient", "verb": "create",
        }},
    });
    Ask::send(Method::Post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review)
}

/// The answer of [`may_bootstrap`].
#[must_use]
pub fn allowed(review: &Value) -> bool {
    review.pointer("/status/allowed").and_then(Value::as_bool) == Some(true)
}

/// Why a pod's containers don't run, as the kubelet says it: `: CrashLoopBackOff (…)`; empty if it says nothing.
#[must_use]
pub fn container_trouble(pod: &Value) -> String {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let waiting = statuses
        .iter()
        .filter_map(|pointer| pod.pointer(pointer)?.as_array())
        .flatten()
        .find_map(|status| status.pointer("/state/waiting"));
    let text = |key: &str| waiting.and_then(|state| state.get(key)).and_then(Value::as_str).unwrap_or_default();
    match (text("reason"), text("message")) {
        ("", _) => String::new(),
        (reason, "") => format!(": {reason}"),
        (reason, message) => format!(": {reason} ({message})"),
    }
}
