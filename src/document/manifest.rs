//! Kubernetes' own YAML, manifests and kubeconfigs, as JSON: the same tree and the same rules for scalars as documents.

use serde_json::Value;

use super::Violations;
use super::kubeadm::to_json;
use super::tree::{self, Limits};
use super::walk::Walk;

/// Every YAML document of a text as JSON; empty ones are left out. `origin` names the text.
///
/// # Errors
/// All violations.
pub fn values(bytes: &[u8], limits: Limits, origin: &str) -> Result<Vec<Value>, Violations> {
    let parsed = tree::parse(bytes, limits);
    let walk = Walk::default();
    let values = parsed.documents.iter().map(|tree| to_json(&walk, tree, "")).collect();
    let mut found = parsed.violations;
    found.append(&mut walk.into_list());
    if found.is_empty() { Ok(values) } else { Err(Violations::new(origin, found)) }
}
