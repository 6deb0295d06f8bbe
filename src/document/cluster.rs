//! `kind: Cluster`, mint's input → [`ClusterSpec`].

use super::kinds::Sorted;
use super::kubeadm;
use super::spec::{ClusterSpec, CredentialKind, PkiMode, Pool};
use super::walk::At;
use super::{labels, network, node, part, relations, source};

/// Reads a cluster file; `None` means that there are violations.
pub(super) fn read(sorted: &Sorted<'_>) -> Option<ClusterSpec> {
    let mut fields = sorted.own.map("a document")?;
    let (_, _) = (fields.get("apiVersion"), fields.get("kind"));
    let name = fields.need("name", "the cluster's name, name: prod");
    let version = fields.need("kubernetesVersion", "kubernetesVersion: v1.37.2");
    let endpoint = fields.need("controlPlaneEndpoint", "controlPlaneEndpoint: api.example.com:6443, the load balancer's name");
    let networking = fields.get("networking");
    let cni_at = fields.need("cni", "cni: {name: flannel}, or {name: none} if somebody else installs one");
    let pki = fields.get("pki");
    let credential = fields.get("credential");
    let clock = fields.get("clock");
    let control_plane = fields.get("controlPlane");
    let worker = fields.get("worker");
    fields.finish();
    let name = name.and_then(|at| part::cluster_name(&at));
    let version = version.and_then(|at| part::version(&at));
    let endpoint = endpoint.and_then(|at| network::endpoint(&at));
    let networks = network::networking(networking.as_ref());
    let cni = cni_at.as_ref().and_then(source::cni);
    let pki = match pki {
        Some(at) => at.choice(&[("secret", PkiMode::Secret), ("inline", PkiMode::Inline)]),
        None => Some(PkiMode::Secret),
    };
    let credential = match credential {
        Some(at) => {
            at.choice(&[("bootstrapCertificate", CredentialKind::BootstrapCertificate), ("bootstrapToken", CredentialKind::BootstrapToken)])
        }
        None => Some(CredentialKind::BootstrapCertificate),
    };
    let clock = part::clock(clock.as_ref());
    let control_plane = pool(control_plane.as_ref());
    let worker = pool(worker.as_ref());
    let said = node::said("name", name.as_ref(), version, endpoint.as_ref(), networks.as_ref());
    let overrides = kubeadm::overrides(sorted.own.walk, &sorted.kubeadm, &said);
    if let Some(networks) = &networks {
        relations::networks(networks, cni_at.as_ref(), cni.as_ref(), &sorted.kubeadm);
    }
    Some(ClusterSpec {
        name: name?,
        kubernetes_version: version?,
        endpoint: endpoint?,
        networking: networks?.value,
        cni: cni?,
        pki: pki?,
        credential: credential?,
        clock: clock?,
        control_plane: control_plane?,
        worker: worker?,
        overrides,
    })
}

/// `controlPlane`, `worker`.
fn pool(at: Option<&At<'_>>) -> Option<Pool> {
    let Some(at) = at else { return Some(Pool::default()) };
    let mut fields = at.map("a map, for example {labels: {pool: general}, taints: []}")?;
    let labels = fields.get("labels");
    let taints = fields.get("taints");
    let address_from = fields.get("addressFrom");
    fields.finish();
    let labels = labels.map(|at| labels::labels(&at));
    let taints = taints.map(|at| labels::taints(&at));
    let address_from = address_from.map(|at| network::address_from(&at));
    Some(Pool {
        labels: labels.unwrap_or(Some(Default::default()))?,
        taints: taints.map_or(Some(None), |taints| taints.map(Some))?,
        address_from: address_from.unwrap_or(Some(Vec::new()))?,
    })
}
