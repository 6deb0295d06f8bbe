//! What who reads a file can do with it, in plain words: printed by mint, and in the file's comment where it can have one.

use crate::document::spec::PkiMode;

use super::administrator::Administrator;
use super::documents::Reader;
use super::{Credential, KeyPlace, Material};

/// bundle.json.
pub(super) const BUNDLE: &str = "who reads it and has the certificate key owns the cluster, at any time: it holds the CA keys, sealed; \
                                 without the key it opens nothing, so that it may lie where every machine can fetch it";

/// The keys below pki/.
pub(super) const PKI: &str =
    "who reads it owns the cluster, at any time: it is one of the cluster's keys itself, not sealed; keep it offline";

/// The certificates below pki/, and sa.pub.
pub(super) const PUBLIC: &str = "who reads it can do nothing with it: it is public";

/// certificate-key, which opens what lies elsewhere.
pub(super) fn of_key(material: &Material<'_>) -> String {
    let sealed = match &material.mode {
        PkiMode::Secret if material.spec.initialize.claim.is_some() => {
            "control-plane.yaml or, for two hours from init, Secret kubeadm-certs"
        }
        PkiMode::Secret => "control-plane-init.yaml or, for two hours from init, Secret kubeadm-certs",
        PkiMode::Inline => "a control plane's document",
        PkiMode::Url(_) => "bundle.json",
        PkiMode::Disk => return "who reads it can do nothing with it as long as pki is disk: nothing is sealed with it".to_owned(),
    };
    format!("who reads it and has the bundle ({sealed}) owns the cluster: it opens the CA keys; alone it opens nothing")
}

/// A kubeconfig.
pub(super) const fn of_administrator(administrator: Administrator) -> &'static str {
    match administrator {
        Administrator::Admin => {
            "who reads it and reaches the API server administers the cluster; the certificate can't be revoked, only expire, but its \
             group's binding (ClusterRoleBinding kubeadm:cluster-admins) can be removed"
        }
        Administrator::BreakGlass => {
            "who reads it and reaches the API server is the cluster's root, even if every RBAC rule is gone or forbids it: group \
             system:masters is above RBAC, and the certificate can't be revoked, only expire"
        }
    }
}

/// A document.
pub(super) fn of_document(material: &Material<'_>, reader: Reader<'_>) -> String {
    let apart = material.options.key != KeyPlace::Documents;
    let token = matches!(material.credential, Credential::Token(_));
    let joins = if token {
        "can add a node as long as its bootstrap token lives".to_owned()
    } else {
        format!("can add a node until {}", material.before)
    };
    let starts = reader.starts();
    match (reader, &material.mode) {
        (Reader::Worker(..), _) => format!("who reads it and reaches the API server {joins}"),
        (_, PkiMode::Disk) => {
            let alone = if token && starts {
                format!("who reads it and reaches the API server {joins}")
            } else {
                "who reads it gains nothing".to_owned()
            };
            format!("{alone}: it holds no key of the cluster's; who reads /etc/kubernetes/pki of its machine owns the cluster")
        }
        (_, PkiMode::Url(_)) => {
            let more = if token && starts { format!("; even without them {joins}") } else { String::new() };
            if apart {
                format!("who reads it, gets bundle.json from its URL and has the certificate key owns the cluster, at any time{more}")
            } else {
                format!(
                    "who reads it and gets bundle.json from its URL owns the cluster, at any time: it holds the key that opens the CA \
                     keys there{more}"
                )
            }
        }
        (Reader::ControlPlane(_), PkiMode::Secret) => {
            let secret = "as long as Secret kubeadm-certs is there (two hours from init)";
            if apart {
                format!("who reads it and reaches the API server {joins}; with the certificate key too it owns the cluster, {secret}")
            } else {
                format!("who reads it and reaches the API server owns the cluster, {secret}; without that Secret it {joins}")
            }
        }
        (_, PkiMode::Secret | PkiMode::Inline) => {
            let more = if token && starts { format!(", and without it {joins}") } else { String::new() };
            if apart {
                format!("who reads it and has the certificate key owns the cluster, at any time: it holds the CA keys, sealed{more}")
            } else {
                "who reads it owns the cluster, at any time: it holds the CA keys and the key that opens them".to_owned()
            }
        }
    }
}
