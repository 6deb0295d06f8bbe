//! What a document holds that is worth something, from what is written in it.

use crate::document::spec::{BootstrapCredential, NodeSpec, PkiSource, SecretSource};
use crate::power::{Held, Source, WITH_TOKEN, until};

use super::node;

/// One sentence without its full stop: see [`crate::power::power`].
#[must_use]
pub fn power(spec: &NodeSpec) -> String {
    let source = match &spec.pki {
        None => Source::Nowhere,
        Some(PkiSource::Disk) => Source::Disk,
        Some(PkiSource::Url { .. }) => Source::Url,
        Some(PkiSource::Secret { bundle: None }) => Source::Secret,
        Some(PkiSource::Secret { bundle: Some(_) } | PkiSource::Inline { .. }) => Source::Document,
    };
    let has_key = matches!(spec.certificate_key, Some(SecretSource::Inline(_)));
    crate::power::power(&Held { source, has_key, joins: joins(spec) })
}

/// What the credential in it is good for; a reference is no credential.
fn joins(spec: &NodeSpec) -> Option<String> {
    match spec.discovery.credential.as_ref()? {
        BootstrapCredential::Certificate { key: SecretSource::Inline(_), .. } => {
            Some(node::credential(spec).map_or_else(|| "can add a node".to_owned(), |certificate| until(certificate.not_after())))
        }
        BootstrapCredential::Token(SecretSource::Inline(_)) => Some(WITH_TOKEN.to_owned()),
        BootstrapCredential::Certificate { .. } | BootstrapCredential::Token(_) => None,
    }
}
