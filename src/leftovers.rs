//! What a kubeadm that died leaves half-written, and would stumble over (kubeadm.md §2.3, §6.1): judged here, removed by
//! [`crate::act::leftovers`]. Whole files stay, for kubeadm goes on with them; manifests don't matter, for it writes them anew.

use crate::kubeconfig;
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::pki::pem;
use crate::pki::shared::SharedName;

/// A certificate that kubeadm signs with a shared CA: `NAME.crt` and `NAME.key` below /etc/kubernetes/pki.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Path without its ending.
    pub name: &'static str,
    /// The CA that signs it.
    pub authority: SharedName,
}

/// The leaves of a stacked control plane (kubeadm.md §2.1).
pub const LEAVES: [Leaf; 7] = [
    Leaf { name: "apiserver", authority: SharedName::CaCertificate },
    Leaf { name: "apiserver-kubelet-client", authority: SharedName::CaCertificate },
    Leaf { name: "front-proxy-client", authority: SharedName::FrontProxyCaCertificate },
    Leaf { name: "etcd/server", authority: SharedName::EtcdCaCertificate },
    Leaf { name: "etcd/peer", authority: SharedName::EtcdCaCertificate },
    Leaf { name: "etcd/healthcheck-client", authority: SharedName::EtcdCaCertificate },
    Leaf { name: "apiserver-etcd-client", authority: SharedName::EtcdCaCertificate },
];

/// Why a leaf's files are no use, or `None` if they are whole, or not there at all.
#[must_use]
pub fn leaf_trouble(certificate: Option<&[u8]>, key: Option<&[u8]>, authority: &Certificate) -> Option<&'static str> {
    let (certificate, key) = match (certificate, key) {
        (None, None) => return None,
        (None, Some(_)) => return Some("a key without its certificate"),
        (Some(_), None) => return Some("a certificate without its key"),
        (Some(certificate), Some(key)) => (String::from_utf8_lossy(certificate), String::from_utf8_lossy(key)),
    };
    let Ok(certificate) = Certificate::first(&certificate, "") else { return Some("the certificate is empty or torn") };
    if !pem::sections(&key).iter().any(|section| section.label.ends_with("PRIVATE KEY") && section.der.is_some()) {
        return Some("the key is empty or torn");
    }
    match PrivateKey::from_pem(&key, "") {
        Ok(key) if key.public_bits() != certificate.public_bits() => return Some("the key is not the certificate's"),
        Err(_) => return Some("the key can't be read"),
        Ok(_) => {}
    }
    (!certificate.is_signed_by(authority)).then_some("the certificate is not signed by this cluster's CA")
}

/// Why a kubeconfig is no use, or `None` if it is whole, or not there at all.
#[must_use]
pub fn kubeconfig_trouble(bytes: Option<&[u8]>) -> Option<&'static str> {
    match bytes? {
        [] => Some("the kubeconfig is empty"),
        // Base64 may end anywhere; what client-go writes ends in a newline.
        bytes if bytes.last() != Some(&b'\n') => Some("the kubeconfig breaks off"),
        bytes => kubeconfig::read(bytes, "").is_err().then_some("the kubeconfig is torn"),
    }
}

/// Why a worker's ca.crt is no use, or `None` if it is whole, or not there at all: kubeadm writes it only where there is none.
#[must_use]
pub fn authority_trouble(bytes: Option<&[u8]>) -> Option<&'static str> {
    Certificate::all(&String::from_utf8_lossy(bytes?), "").is_err().then_some("the certificate is empty or torn")
}
