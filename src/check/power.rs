//! What who reads a machine's document can do with it, in plain words, from what the document holds.

use crate::document::spec::{BootstrapCredential, NodeSpec, PkiSource, SecretSource};

use super::node;

/// One sentence without its full stop.
#[must_use]
pub fn power(spec: &NodeSpec) -> String {
    let joins = joins(spec);
    let joins_if = |before: &str| joins.as_ref().map_or_else(String::new, |joins| format!("{before}{joins}"));
    let has_key = matches!(spec.certificate_key, Some(SecretSource::Inline(_)));
    match &spec.pki {
        None => joins.map_or_else(
            || "who reads it gains nothing: its credential comes another way".to_owned(),
            |joins| format!("who reads it and reaches the API server {joins}"),
        ),
        Some(PkiSource::Disk) => {
            let alone = joins.map_or_else(
                || "who reads it gains nothing".to_owned(),
                |joins| format!("who reads it and reaches the API server {joins}"),
            );
            format!("{alone}: it holds no key of the cluster's; who reads /etc/kubernetes/pki of its machine owns the cluster")
        }
        Some(PkiSource::Url { .. }) if has_key => format!(
            "who reads it and gets the bundle from its URL owns the cluster, at any time: it holds the key that opens the CA keys there{}",
            joins_if("; even without them ")
        ),
        Some(PkiSource::Url { .. }) => format!(
            "who reads it, gets the bundle from its URL and has the certificate key owns the cluster, at any time{}",
            joins_if("; even without them ")
        ),
        Some(PkiSource::Secret { bundle: None }) if has_key => format!(
            "who reads it and reaches the API server owns the cluster, as long as Secret kubeadm-certs is there (two hours from init){}",
            joins_if("; without that Secret it ")
        ),
        Some(PkiSource::Secret { bundle: None }) => {
            let secret = "as long as Secret kubeadm-certs is there (two hours from init)";
            match joins {
                Some(joins) => {
                    format!("who reads it and reaches the API server {joins}; with the certificate key too it owns the cluster, {secret}")
                }
                None => {
                    format!("who reads it gains nothing; who has its credential and the certificate key too owns the cluster, {secret}")
                }
            }
        }
        Some(PkiSource::Secret { bundle: Some(_) } | PkiSource::Inline { .. }) if has_key => {
            "who reads it owns the cluster, at any time: it holds the CA keys and the key that opens them".to_owned()
        }
        Some(PkiSource::Secret { bundle: Some(_) } | PkiSource::Inline { .. }) => format!(
            "who reads it and has the certificate key owns the cluster, at any time: it holds the CA keys, sealed{}",
            joins_if(", and without it ")
        ),
    }
}

/// What the credential in it is good for; a reference is no credential.
fn joins(spec: &NodeSpec) -> Option<String> {
    match spec.discovery.credential.as_ref()? {
        BootstrapCredential::Certificate { key: SecretSource::Inline(_), .. } => Some(match node::credential(spec) {
            Some(certificate) => format!("can add a node until {}", certificate.not_after()),
            None => "can add a node".to_owned(),
        }),
        BootstrapCredential::Token(SecretSource::Inline(_)) => Some("can add a node as long as its bootstrap token lives".to_owned()),
        BootstrapCredential::Certificate { .. } | BootstrapCredential::Token(_) => None,
    }
}
