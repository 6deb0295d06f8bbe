//! A certificate authority: its certificate and its key, known to belong together.

use crate::document::spec::EncryptionAlgorithm;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::moment::UnixTime;
use crate::secret::Secret;

use super::certificate::Certificate;
use super::key::PrivateKey;
use super::{issue, pem};

/// A CA that can sign.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    certificate_pem: String,
    key: PrivateKey,
}

impl Authority {
    /// Takes a certificate (the first of the text, as kubeadm does) and its key. `at` names the pair in faults,
    /// for example `ca`: then they speak of `ca.crt` and `ca.key`.
    ///
    /// # Errors
    /// [`Failure::PkiUnusable`]: one can't be read, the certificate is no CA, or the key is another's.
    pub fn from_pem(certificate_pem: &str, key_pem: &str, at: &str) -> Result<Self, Fault> {
        let (certificate_at, key_at) = (format!("{at}.crt"), format!("{at}.key"));
        let certificate = Certificate::first(certificate_pem, &certificate_at)?;
        if !certificate.is_authority() {
            let advice = "use the CA's certificate, not one that it signed; its basic constraints say CA:TRUE";
            return Err(Fault::new(Failure::PkiUnusable, "this certificate is no CA", certificate_at, advice));
        }
        let key = PrivateKey::from_pem(key_pem, &key_at)?;
        if key.public_bits() != certificate.public_bits() {
            let what = format!("this key is not the key of the certificate in {certificate_at}");
            return Err(Fault::new(Failure::PkiUnusable, what, key_at, "take both files from the same place and time"));
        }
        Ok(Self { certificate, certificate_pem: certificate_pem.to_owned(), key })
    }

    /// A new CA as kubeadm would make it (kubeadm.md §2.2).
    ///
    /// # Errors
    /// [`Failure::NoRandomness`] if the kernel gives no randomness.
    pub fn mint(algorithm: EncryptionAlgorithm, common_name: &str, not_before: UnixTime, not_after: UnixTime) -> Result<Self, Fault> {
        let key = PrivateKey::generate(algorithm)?;
        let subject = issue::name(common_name, &[]);
        let der = issue::sign(
            &issue::Statement {
                issuer: &subject,
                subject: &subject,
                not_before,
                not_after,
                public_key_info: &key.public_key_info(),
                extensions: &issue::authority_extensions(common_name, &key),
            },
            &key,
        )?;
        let certificate_pem = pem::write("CERTIFICATE", &der);
        Ok(Self { certificate: Certificate::first(&certificate_pem, common_name)?, certificate_pem, key })
    }

    /// What the certificate says.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate, PEM, as it was handed in.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The key in the form that kubeadm writes.
    #[must_use]
    pub fn key_pem(&self) -> Secret<String> {
        self.key.to_pem()
    }

    pub(super) const fn key(&self) -> &PrivateKey {
        &self.key
    }
}
