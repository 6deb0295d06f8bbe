//! The eight files that every control plane of a cluster has in common (kubeadm.md §2.4), in memory.

use zeroize::Zeroize;

use crate::document::spec::EncryptionAlgorithm;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Mode;
use crate::moment::UnixTime;
use crate::secret::Secret;

use super::authority::Authority;
use super::certificate::Certificate;
use super::key::{self, PrivateKey};

/// The names, in the order in which kubeadm writes: key before certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedName {
    /// The cluster CA's key.
    CaKey,
    /// The cluster CA.
    CaCertificate,
    /// The front-proxy CA's key.
    FrontProxyCaKey,
    /// The front-proxy CA.
    FrontProxyCaCertificate,
    /// The etcd CA's key.
    EtcdCaKey,
    /// The etcd CA.
    EtcdCaCertificate,
    /// Signs service-account tokens.
    ServiceAccountKey,
    /// Verifies service-account tokens.
    ServiceAccountPublicKey,
}

impl SharedName {
    /// All eight.
    pub const ALL: [Self; 8] = [
        Self::CaKey,
        Self::CaCertificate,
        Self::FrontProxyCaKey,
        Self::FrontProxyCaCertificate,
        Self::EtcdCaKey,
        Self::EtcdCaCertificate,
        Self::ServiceAccountKey,
        Self::ServiceAccountPublicKey,
    ];

    /// Path below /etc/kubernetes/pki.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::CaKey => "ca.key",
            Self::CaCertificate => "ca.crt",
            Self::FrontProxyCaKey => "front-proxy-ca.key",
            Self::FrontProxyCaCertificate => "front-proxy-ca.crt",
            Self::EtcdCaKey => "etcd/ca.key",
            Self::EtcdCaCertificate => "etcd/ca.crt",
            Self::ServiceAccountKey => "sa.key",
            Self::ServiceAccountPublicKey => "sa.pub",
        }
    }

    /// Key in the data of Secret kubeadm-certs: the path with `-` for `/` (kubeadm.md §3).
    #[must_use]
    pub const fn secret_key(self) -> &'static str {
        match self {
            Self::EtcdCaKey => "etcd-ca.key",
            Self::EtcdCaCertificate => "etcd-ca.crt",
            other => other.path(),
        }
    }

    /// 0600 for keys, 0644 for what is public, as kubeadm writes them.
    #[must_use]
    pub const fn mode(self) -> Mode {
        match self {
            Self::CaKey | Self::FrontProxyCaKey | Self::EtcdCaKey | Self::ServiceAccountKey => Mode::Private,
            Self::CaCertificate | Self::FrontProxyCaCertificate | Self::EtcdCaCertificate | Self::ServiceAccountPublicKey => Mode::Public,
        }
    }
}

/// One file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// Path below /etc/kubernetes/pki.
    pub path: &'static str,
    /// Contents.
    pub bytes: Secret<Vec<u8>>,
    /// Permission bits.
    pub mode: Mode,
}

/// A CA's certificate and key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// One certificate, or several of which the first counts.
    pub certificate: String,
    /// Its key.
    pub key: Secret<String>,
}

impl From<&Authority> for Pair {
    fn from(authority: &Authority) -> Self {
        Self { certificate: authority.certificate_pem().to_owned(), key: authority.key_pem() }
    }
}

/// The shared PKI, PEM, byte by byte as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPki {
    /// Signs everything that speaks to the API server.
    pub ca: Pair,
    /// Signs the aggregation layer's client.
    pub front_proxy_ca: Pair,
    /// Signs everything that speaks to etcd.
    pub etcd_ca: Pair,
    /// Signs service-account tokens.
    pub service_account_key: Secret<String>,
    /// Verifies service-account tokens.
    pub service_account_public_key: String,
}

impl SharedPki {
    /// Puts the eight together, each asked for by name.
    ///
    /// # Errors
    /// The first one of `file`.
    pub fn from_files(mut file: impl FnMut(SharedName) -> Result<Secret<String>, Fault>) -> Result<Self, Fault> {
        let mut pair = |key, certificate| -> Result<Pair, Fault> {
            let key = file(key)?;
            Ok(Pair { key, certificate: file(certificate)?.expose().clone() })
        };
        Ok(Self {
            ca: pair(SharedName::CaKey, SharedName::CaCertificate)?,
            front_proxy_ca: pair(SharedName::FrontProxyCaKey, SharedName::FrontProxyCaCertificate)?,
            etcd_ca: pair(SharedName::EtcdCaKey, SharedName::EtcdCaCertificate)?,
            service_account_key: file(SharedName::ServiceAccountKey)?,
            service_account_public_key: file(SharedName::ServiceAccountPublicKey)?.expose().clone(),
        })
    }

    /// A new one: three CAs as kubeadm names them and a service-account pair, all keys of one kind.
    ///
    /// # Errors
    /// [`Failure::NoRandomness`] if the kernel gives no randomness.
    pub fn mint(algorithm: EncryptionAlgorithm, not_before: UnixTime, not_after: UnixTime) -> Result<Self, Fault> {
        let authority = |name| Ok(Pair::from(&Authority::mint(algorithm, name, not_before, not_after)?));
        let service_account = PrivateKey::generate(algorithm)?;
        Ok(Self {
            ca: authority("kubernetes")?,
            front_proxy_ca: authority("front-proxy-ca")?,
            etcd_ca: authority("etcd-ca")?,
            service_account_key: service_account.to_pem(),
            service_account_public_key: service_account.public_pem(),
        })
    }

    /// One file's text.
    #[must_use]
    pub fn text(&self, name: SharedName) -> &str {
        match name {
            SharedName::CaKey => self.ca.key.expose(),
            SharedName::CaCertificate => &self.ca.certificate,
            SharedName::FrontProxyCaKey => self.front_proxy_ca.key.expose(),
            SharedName::FrontProxyCaCertificate => &self.front_proxy_ca.certificate,
            SharedName::EtcdCaKey => self.etcd_ca.key.expose(),
            SharedName::EtcdCaCertificate => &self.etcd_ca.certificate,
            SharedName::ServiceAccountKey => self.service_account_key.expose(),
            SharedName::ServiceAccountPublicKey => &self.service_account_public_key,
        }
    }

    /// The files to write, in order.
    #[must_use]
    pub fn files(&self) -> Vec<SharedFile> {
        SharedName::ALL
            .into_iter()
            .map(|name| SharedFile { path: name.path(), bytes: Secret::new(self.text(name).as_bytes().to_vec()), mode: name.mode() })
            .collect()
    }

    /// The cluster CA, ready to sign.
    ///
    /// # Errors
    /// As [`Authority::from_pem`].
    pub fn authority(&self) -> Result<Authority, Fault> {
        Authority::from_pem(&self.ca.certificate, self.ca.key.expose(), "ca")
    }

    /// The etcd CA, ready to sign.
    ///
    /// # Errors
    /// As [`Authority::from_pem`].
    pub fn etcd_authority(&self) -> Result<Authority, Fault> {
        Authority::from_pem(&self.etcd_ca.certificate, self.etcd_ca.key.expose(), "etcd/ca")
    }

    /// Checks what kubeadm would not (kubeadm.md §2.3): each certificate is a CA and its key its own, the
    /// service-account pair is one, and the cluster CA is one of those of `discovery.certificateAuthority`.
    /// Validity is not compared with a clock; [`Authority::certificate`] has the times.
    ///
    /// # Errors
    /// [`Failure::PkiUnusable`], naming the file.
    pub fn check(&self, discovery_ca_pem: &str) -> Result<(), Fault> {
        let ca = self.authority()?;
        Authority::from_pem(&self.front_proxy_ca.certificate, self.front_proxy_ca.key.expose(), "front-proxy-ca")?;
        self.etcd_authority()?;
        let signer = PrivateKey::from_pem(self.service_account_key.expose(), "sa.key")?;
        if key::public_bits_of_pem(&self.service_account_public_key, "sa.pub")? != signer.public_bits() {
            let advice = "take both files from the same place and time, or make sa.pub anew: openssl pkey -in sa.key -pubout -out sa.pub";
            return Err(Fault::new(Failure::PkiUnusable, "this is not the public key of sa.key", "sa.pub", advice));
        }
        let known = Certificate::all(discovery_ca_pem, "discovery.certificateAuthority")?;
        if known.iter().any(|certificate| certificate.der() == ca.certificate().der()) {
            Ok(())
        } else {
            let what = "the cluster CA of the shared PKI is not the one that discovery.certificateAuthority names";
            Err(Fault::new(Failure::CaMismatch, what, "ca.crt", "use a bundle and a document of the same mint"))
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // The key wipes itself; a certificate is public, but a mixed-up pair may hold a key here.
        self.certificate.zeroize();
    }
}
