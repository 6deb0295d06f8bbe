//! CNI manifests: read into objects in the order of application, and what they must agree on with the document.

mod networks;

use serde_json::Value;

use crate::cluster::object::Object;
use crate::document::field::Cidr;
use crate::document::manifest::values;
use crate::document::tree::MANIFEST;
use crate::failure::Failure;
use crate::fault::Fault;

pub use networks::{Fit, OwnNetwork};

/// Largest manifest, bytes: Calico's operator with all its definitions is below 3 MiB.
pub const LIMIT: usize = 4 << 20;

/// A manifest, ready to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its objects: namespaces first, workloads last.
    pub objects: Vec<Object>,
}

/// The DaemonSet whose pod on this node says that the network works here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSet {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Manifest {
    /// Reads YAML; a `List` counts as its items.
    ///
    /// # Errors
    /// The text isn't YAML, or something in it is no Kubernetes object.
    pub fn read(bytes: &[u8], at: &str) -> Result<Self, Fault> {
        let wrong = |why: String| {
            Fault::new(Failure::CniManifest, "this is no Kubernetes manifest", at, "mend the manifest in the image or at its URL")
                .because(why)
        };
        let mut objects = Vec::new();
        for document in values(bytes, MANIFEST, at).map_err(|violations| wrong(violations.to_string()))? {
            let items = match document {
                Value::Null => continue,
                Value::Object(mut map)
                    if map.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List")) && map.contains_key("items") =>
                {
                    match map.remove("items") {
                        Some(Value::Array(items)) => items,
                        _ => Vec::new(),
                    }
                }
                other => vec![other],
            };
            for item in items {
                objects.push(Object::read(item).map_err(wrong)?);
            }
        }
        if objects.is_empty() {
            return Err(wrong("it holds no object".to_owned()));
        }
        objects.sort_by_key(Object::rank);
        Ok(Self { objects })
    }

    /// Its DaemonSets.
    #[must_use]
    pub fn daemon_sets(&self) -> Vec<DaemonSet> {
        let sets = self.objects.iter().filter(|object| object.kind == "DaemonSet");
        sets.map(|set| DaemonSet { namespace: set.namespace.clone().unwrap_or_else(|| "default".to_owned()), name: set.name.clone() })
            .collect()
    }

    /// flannel's own network (`net-conf.json` of its ConfigMap) must be the pod subnet: flannel routes that network
    /// and no other, whatever the nodes' podCIDRs are (flannel Documentation/kubernetes.md).
    ///
    /// # Errors
    /// It differs, or isn't there.
    pub fn check_flannel(&self, pod_subnets: &[Cidr], at: &str) -> Result<(), Fault> {
        let wrong = |why: String| {
            Fault::new(
                Failure::CniManifest,
                "flannel's network is not the cluster's pod subnet",
                at,
                "set networking.podSubnet to flannel's network, or net-conf.json in the image's manifest to the pod subnet",
            )
            .because(why)
        };
        let text = self
            .objects
            .iter()
            .filter(|object| object.kind == "ConfigMap")
            .find_map(|map| map.body.pointer("/data/net-conf.json")?.as_str());
        let Some(text) = text else { return Err(wrong("the manifest has no ConfigMap with net-conf.json".to_owned())) };
        let config: Value = serde_json::from_str(text).map_err(|error| wrong(format!("net-conf.json is no JSON: {error}")))?;
        for (key, v4) in [("Network", true), ("IPv6Network", false)] {
            let flannel = config.get(key).and_then(Value::as_str).unwrap_or("none");
            let wanted =
                pod_subnets.iter().find(|subnet| subnet.address().is_ipv4() == v4).map_or_else(|| "none".to_owned(), ToString::to_string);
            // A single-stack flannel may carry the other family's network and not use it.
            if flannel != wanted && wanted != "none" {
                return Err(wrong(format!("net-conf.json says {key} {flannel}, networking.podSubnet says {wanted}")));
            }
        }
        Ok(())
    }
}
