//! The systemd credential `kubeboot.node`, which the unit passes on: of the machine's SMBIOS strings (type 11) or fw_cfg, where
//! the hypervisor puts it, or of a file below `/etc/credstore`. systemd.exec(5), smbios-type-11(7),
//! <https://systemd.io/VM_INTERFACE>. All credentials of a unit together may have 1 MiB.

use super::{Found, LIMIT};
use crate::document::{Disposal, Document};
use crate::fault::Fault;
use crate::host::Host;
use crate::secret::Secret;

/// What the credential is called.
pub const NAME: &str = "kubeboot.node";

/// The credential, if the unit was given it.
pub(super) async fn fetch<H: Host>(host: &H) -> Result<Found, Fault> {
    match host.credential_path(NAME) {
        Some(path) => Ok(read(host.read(&path, LIMIT).await?.map(Secret::new))),
        None => Ok(read(None)),
    }
}

/// It is the document as it is.
#[must_use]
pub fn read(credential: Option<Secret<Vec<u8>>>) -> Found {
    let origin = format!("credential {NAME}");
    match credential {
        None => Found::Nothing(vec![format!("{origin}: kubeboot.service was given none")]),
        Some(bytes) => Found::Document(Document {
            bytes,
            instance_id: None,
            disposal: Disposal::Tell(format!(
                "delete {origin} where it was set (SMBIOS string, fw_cfg, /etc/credstore): it holds this machine's document with its \
                 secrets"
            )),
            origin,
        }),
    }
}
