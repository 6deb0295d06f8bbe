//! What a person should know before using what was minted.

use crate::document::remark::{self, Remark};
use crate::document::spec::{CredentialKind, PkiMode};

use super::{DAY, FileKind, KeyPlace, Material, MintedFile};

/// A window longer than this is worth a word, seconds.
const LONG_WINDOW: i64 = 7 * DAY;

pub(super) fn all(material: &Material<'_>, files: &[MintedFile]) -> Vec<String> {
    let (spec, options) = (material.spec, &material.options);
    let mut warnings = Vec::new();
    if material.mode == PkiMode::Inline && options.key == KeyPlace::Documents {
        warnings.push(
            "pki: inline puts the CA keys and the key that opens them into every control plane's document: who ever reads such a document \
             owns the cluster, for as long as it lives"
                .to_owned(),
        );
    }
    if spec.initialize.claim.is_some() && !material.living {
        warnings.push(
            "initialize.claim lets every control plane start the cluster, so that the one document that they share holds what that takes: \
             keep it as you would keep control-plane-init.yaml"
                .to_owned(),
        );
    }
    if material.again && material.mode == PkiMode::Secret {
        warnings.push(
            "pki: secret gives a control plane its keys for two hours from init only: in a cluster that is older, the new control-plane.yaml \
             joins none. For one more write pki: inline, or url"
                .to_owned(),
        );
    }
    if material.again && spec.credential == CredentialKind::BootstrapToken {
        warnings.push(
            "the bootstrap token is a new one, which a cluster that lives already does not know; for joiners of a living cluster write \
             credential: bootstrapCertificate"
                .to_owned(),
        );
    }
    if let Some(Remark { problem, advice }) = spec.control_plane.count.and_then(remark::control_planes) {
        warnings.push(format!("{problem}; {advice}"));
    }
    if options.valid_for.as_secs() > LONG_WINDOW.unsigned_abs() {
        warnings.push(format!(
            "the window is {} days long; until it ends, a leaked document can start or join the cluster",
            options.valid_for.as_secs() / DAY.unsigned_abs()
        ));
    }
    for file in files.iter().filter(|file| file.kind == FileKind::Document) {
        if let Some(Remark { problem, advice }) = remark::size(file.bytes.expose().len()) {
            warnings.push(format!("{}: {problem}; {advice}", file.name));
        }
    }
    warnings
}
