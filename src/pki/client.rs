//! Short-lived client certificates: the bootstrap certificate of a document, the admin's, and the ones that a
//! control plane which holds the CA key signs for itself (design §3).

use crate::failure::Failure;
use crate::fault::Fault;
use crate::moment::UnixTime;
use crate::secret::Secret;

use super::authority::Authority;
use super::key::PrivateKey;
use super::{issue, pem};

/// The group whose members may ask for a node's certificate and have it approved (kubeadm.md "Seen": a client certificate
/// of this organisation does all that a bootstrap token does).
pub const BOOTSTRAPPERS: &str = "system:bootstrappers:kubeadm:default-node-token";

/// The group that init binds to cluster-admin (kubeadm.md §2.1); before that it has no rights at all.
pub const CLUSTER_ADMINS: &str = "kubeadm:cluster-admins";

/// The group that the API server lets do everything, whatever RBAC says.
pub const MASTERS: &str = "system:masters";

/// A client certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM.
    pub certificate_pem: String,
    /// PEM, "EC PRIVATE KEY".
    pub key_pem: Secret<String>,
}

/// [`sign`] for as much of the time as lies inside the CA's own validity: backdated certificates of a CA that is minutes
/// old, and late ones of a CA that is about to end.
///
/// # Errors
/// [`Failure::PkiUnusable`] if nothing of the time does; [`Failure::NoRandomness`] without randomness.
pub fn sign_within(
    authority: &Authority,
    common_name: &str,
    organizations: &[&str],
    not_before: UnixTime,
    not_after: UnixTime,
) -> Result<ClientIdentity, Fault> {
    let ca = authority.certificate();
    sign(authority, common_name, organizations, not_before.max(ca.not_before()), not_after.min(ca.not_after()))
}

/// Signs a new P-256 key for `common_name` in the `organizations` (user name and groups, to Kubernetes; user name, to etcd).
///
/// # Errors
/// [`Failure::PkiUnusable`] if the window is empty or not inside the CA's own validity; [`Failure::NoRandomness`] without randomness.
pub fn sign(
    authority: &Authority,
    common_name: &str,
    organizations: &[&str],
    not_before: UnixTime,
    not_after: UnixTime,
) -> Result<ClientIdentity, Fault> {
    let ca = authority.certificate();
    if not_before >= not_after || not_before < ca.not_before() || not_after > ca.not_after() {
        let what = format!("a client certificate from {not_before} to {not_after} can't be signed");
        let at = format!("CA {}, valid from {} to {}", ca.common_name(), ca.not_before(), ca.not_after());
        return Err(Fault::new(Failure::PkiUnusable, what, at, "check the clock, or ask for a time inside of the CA's"));
    }
    let key = PrivateKey::generate_p256()?;
    let der = issue::sign(
        &issue::Statement {
            issuer: ca.subject(),
            subject: &issue::name(common_name, organizations),
            not_before,
            not_after,
            public_key_info: &key.public_key_info(),
            extensions: &issue::client_extensions(ca.key_id()),
        },
        authority.key(),
    )?;
    Ok(ClientIdentity { certificate_pem: pem::write("CERTIFICATE", &der), key_pem: key.to_pem() })
}
