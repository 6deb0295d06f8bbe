//! What who reads a file can do with it, in plain words: printed by mint, and in the file's comment where it can have one.

use crate::document::spec::PkiMode;
use crate::power::{Held, Source, WITH_TOKEN, until};

use super::administrator::Administrator;
use super::documents::Reader;
use super::{Credential, KeyPlace, Material};

/// bundle.json.
pub(super) const BUNDLE: &str = "who reads it and has the certificate key owns the cluster, at any time: it holds the CA keys, sealed; \
                                 without the key it opens nothing, so that it may lie where every machine can fetch it";

/// The keys below pki/.
pub(super) const PKI: &str = "who reads it owns the cluster, at any time: the cluster's keys are in it, not sealed; keep it offline";

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

/// What a document holds.
pub(super) fn of_document(material: &Material<'_>, reader: Reader<'_>) -> Held {
    let source = match (reader, &material.mode) {
        (Reader::Worker(..), _) => Source::Nowhere,
        (_, PkiMode::Disk) => Source::Disk,
        (_, PkiMode::Url(_)) => Source::Url,
        (Reader::ControlPlane(_), PkiMode::Secret) => Source::Secret,
        (_, PkiMode::Secret | PkiMode::Inline) => Source::Document,
    };
    let is_token = matches!(material.credential, Credential::Token(_));
    // Who has the CA key signs for itself; a token the initialiser has to make.
    let has_credential = matches!(source, Source::Nowhere | Source::Secret) || (is_token && reader.starts());
    let joins = has_credential.then(|| if is_token { WITH_TOKEN.to_owned() } else { until(material.before) });
    Held { source, has_key: material.options.key == KeyPlace::Documents, joins }
}
