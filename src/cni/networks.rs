//! The networks that a CNI makes by itself, as its manifest says them. What a CNI chooses at run time is in none.

use serde_json::Value;

use super::Manifest;
use crate::cluster::object::Object;
use crate::document::field::Cidr;

/// How the network has to lie to the cluster's pod subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is the same: shares of the pod subnet are routed, and this says which.
    Same,
    /// It lies in it: shares of this network are given out.
    Within,
}

/// A network out of which pods get their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnNetwork {
    /// Where the manifest says it, in the words of the CNI's documentation.
    pub said: &'static str,
    /// The network.
    pub cidr: Cidr,
    /// How it has to lie to the pod subnet.
    pub fit: Fit,
}

impl OwnNetwork {
    /// Whether pods that get their addresses by it get those of this pod subnet.
    #[must_use]
    pub fn fits(&self, pods: &Cidr) -> bool {
        match self.fit {
            Fit::Same => self.cidr == *pods,
            Fit::Within => pods.prefix() <= self.cidr.prefix() && pods.contains(self.cidr.address()),
        }
    }
}

impl Manifest {
    /// flannel's `net-conf.json`; Calico's pools, for its operator (`Installation`), as `IPPool` and as the variables of
    /// calico-node; Cilium's cluster pool. What is no network is left out.
    #[must_use]
    pub fn networks(&self) -> Vec<OwnNetwork> {
        let mut found = Vec::new();
        for object in &self.objects {
            let mut add = |fit: Fit, said: &'static str, text: Option<&str>| {
                // Cilium takes several, with spaces between them.
                let words = text.unwrap_or_default().split([' ', ',']).filter_map(|word| Cidr::parse(word).ok());
                found.extend(words.map(|cidr| OwnNetwork { said, cidr, fit }));
            };
            match object.kind.as_str() {
                "ConfigMap" => {
                    let text = |key: &str| object.body.get("data")?.get(key)?.as_str();
                    let flannel: Value = text("net-conf.json").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
                    add(Fit::Same, "flannel's Network", flannel.get("Network").and_then(Value::as_str));
                    add(Fit::Same, "flannel's IPv6Network", flannel.get("IPv6Network").and_then(Value::as_str));
                    if text("ipam") == Some("cluster-pool") {
                        add(Fit::Within, "Cilium's cluster-pool-ipv4-cidr", text("cluster-pool-ipv4-cidr"));
                        add(Fit::Within, "Cilium's cluster-pool-ipv6-cidr", text("cluster-pool-ipv6-cidr"));
                    }
                }
                "IPPool" => add(Fit::Within, "Calico's pool", object.body.pointer("/spec/cidr").and_then(Value::as_str)),
                "Installation" => {
                    let pools = object.body.pointer("/spec/calicoNetwork/ipPools").and_then(Value::as_array);
                    for pool in pools.into_iter().flatten() {
                        add(Fit::Within, "Calico's pool", pool.get("cidr").and_then(Value::as_str));
                    }
                }
                "DaemonSet" => {
                    add(Fit::Within, "CALICO_IPV4POOL_CIDR", variable(object, "CALICO_IPV4POOL_CIDR"));
                    add(Fit::Within, "CALICO_IPV6POOL_CIDR", variable(object, "CALICO_IPV6POOL_CIDR"));
                }
                _ => {}
            }
        }
        found
    }
}

/// The value of an environment variable of any container.
fn variable<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    let containers = object.body.pointer("/spec/template/spec/containers")?.as_array()?;
    let mut variables = containers.iter().filter_map(|container| container.get("env")?.as_array()).flatten();
    variables.find(|variable| variable.get("name").and_then(Value::as_str) == Some(name))?.get("value")?.as_str()
}
