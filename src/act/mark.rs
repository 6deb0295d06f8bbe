//! The end of a join that kubeadm itself can't reach any more: it refuses a machine whose Node is Ready ("already exists in
//! the cluster", kubeadm.md §4.5, §6.4), though it died before it had marked it as a control plane.

use serde_json::{Value, json};

use super::ready::Own;
use crate::cluster::api::{Ask, Trouble};
use crate::cluster::object;
use crate::document::field::Taint;
use crate::fault::Fault;
use crate::host::{Host, Level};
use crate::run::Run;

/// The taint of control planes, unless the document has a list of its own.
fn usual() -> Vec<Taint> {
    vec![Taint { key: "node-role.kubernetes.io/control-plane".to_owned(), value: String::new(), effect: "NoSchedule".to_owned() }]
}

/// Whether all of a join was there but the marks, which are put on now: kubeadm's mark-control-plane. A Node that is not
/// Ready, or a member that doesn't vote, is still kubeadm's to go on with.
///
/// # Errors
/// The Node can't be patched; transient ones are repeated.
pub async fn finish_join<H: Host>(run: &Run<'_, H>) -> Result<bool, Fault> {
    if run.as_kubelet().await?.is_none() {
        return Ok(false);
    }
    let (client, path) = (run.admin_by_endpoint()?, object::node(&run.identity.name));
    let Ok(node) = client.ask(run.host, &Ask::get(path.clone())).await else { return Ok(false) };
    let ready = object::condition(&node, "Ready") == Some(true) && object::machine_id(&node) == Some(&run.facts.machine_id);
    if !ready || Own::of(run)?.votes(run).await.is_err() {
        return Ok(false);
    }
    let failed = |trouble: Trouble| trouble.fault("marking the Node as a control plane failed", &path);
    let wanted = run.spec.registration.taints.clone().unwrap_or_else(usual);
    let mut patch = object::tainted(&node, &object::lacking_taints(&node, &wanted));
    if let Some(Value::Object(metadata)) = patch.get_mut("metadata") {
        let labels = json!({"node-role.kubernetes.io/control-plane": "", "node.kubernetes.io/exclude-from-external-load-balancers": ""});
        metadata.insert("labels".to_owned(), labels);
    }
    client.ask(run.host, &Ask::patch(path.clone(), &patch)).await.map_err(failed)?;
    run.tell(Level::Info, "the join was over but for its end, which kubeadm doesn't repeat: the Node is marked as a control plane");
    Ok(true)
}
