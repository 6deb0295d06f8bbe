//! What fields of a document demand of one another. A field that is itself wrong is not compared.

use super::kubeadm::{self, KubeadmDocument};
use super::network::{self, Networks};
use super::node::Draft;
use super::spec::{CniChoice, PkiSource, Role};
use super::trust::PKI_FORMS;
use super::walk::At;

/// Checks a Node document.
pub(super) fn check(draft: &Draft<'_>) {
    match draft.role {
        Some(Role::Worker) => worker(draft),
        Some(Role::ControlPlane) => control_plane(draft),
        None => {}
    }
    if let Some(networks) = &draft.networks {
        networks_of(draft, networks);
    }
}

fn networks_of(draft: &Draft<'_>, value: &Networks<'_>) {
    networks(value, draft.cni.at.as_ref(), draft.cni.value.as_ref(), draft.kubeadm);
}

/// Networking against the CNI and kubeadm's documents.
pub(super) fn networks(networks: &Networks<'_>, cni_at: Option<&At<'_>>, cni: Option<&CniChoice>, kubeadm: &[KubeadmDocument<'_>]) {
    if let (Some(at), Some(CniChoice::Flannel), true) = (cni_at, cni, networks.value.pod_subnets.is_empty()) {
        at.misplaced("flannel needs networking.podSubnet", "add podSubnet: 10.244.0.0/16 to networking");
    }
    if !kubeadm::sets_node_mask(kubeadm) {
        network::node_masks(networks);
    }
}

fn worker(draft: &Draft<'_>) {
    let theirs = "remove it: least privilege, no key of the cluster is written to a worker";
    if let Some(at) = &draft.certificate_key.at {
        at.misplaced("a worker has no certificateKey", theirs);
    }
    if let Some(at) = &draft.pki.at {
        at.misplaced("a worker has no pki", theirs);
    }
    if let Some(at) = &draft.initialize.at {
        at.misplaced("a worker can't initialise a cluster", "remove it, or write role: control-plane");
    }
    credential(draft, "a worker");
    kubeadm::useless_on_worker(draft.root.walk, draft.kubeadm);
}

fn credential(draft: &Draft<'_>, who: &str) {
    if let (Some(at), Some(discovery)) = (&draft.discovery.at, &draft.discovery.value)
        && discovery.credential.is_none()
    {
        at.misplaced(
            format!("{who} needs a bootstrap credential to join"),
            "add bootstrapCertificate: {certificate: …, key: …} or bootstrapToken",
        );
    }
}

fn control_plane(draft: &Draft<'_>) {
    let root = &draft.root;
    if draft.pki.at.is_none() {
        root.walk.wrong(root.tree.place, "pki", "this field is required on a control plane", format!("write pki: with one of {PKI_FORMS}"));
    }
    if let (Some(at), Some(PkiSource::Disk)) = (&draft.certificate_key.at, &draft.pki.value) {
        at.misplaced("with pki: {disk: {}} there is no bundle that a certificateKey could open", "remove certificateKey");
    }
    if draft.certificate_key.at.is_none() && draft.pki.value != Some(PkiSource::Disk) {
        let problem = "this field is required on a control plane: it opens the bundle";
        root.walk.wrong(
            root.tree.place,
            "certificateKey",
            problem,
            "write 64 hex digits or a reference, {file: PATH} or {credential: NAME}",
        );
    }
    let (Some(at), Some(pki)) = (&draft.pki.at, &draft.pki.value) else { return };
    match (pki, &draft.initialize.at) {
        (PkiSource::Secret { bundle: None }, Some(initialize)) => {
            initialize.misplaced(
                "the machine that starts the cluster has to bring its PKI",
                "write the bundle in pki.secret.bundle, as mint does, or have it elsewhere, {url: …} or {disk: {}}; or remove initialize",
            );
        }
        (PkiSource::Secret { bundle: Some(_) }, None) => {
            at.misplaced(
                "the bundle is in a document that can't start the cluster",
                "write pki: {secret: {}} (this machine reads the bundle from Secret kubeadm-certs), or pki: {inline: {bundle: …}}",
            );
        }
        (PkiSource::Secret { bundle: None }, None) => credential(draft, "a control plane that reads Secret kubeadm-certs"),
        _ => {}
    }
}
