//! What is read from a certificate, and no more.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use crate::failure::Failure;
use crate::fault::Fault;
use crate::moment::UnixTime;

use super::pem;

/// One certificate's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    public_key_info: Vec<u8>,
    public_bits: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
    key_id: Option<Vec<u8>>,
    common_name: String,
    is_authority: bool,
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Certificate {
    /// All certificates of a PEM text, in order; at least one. Other sections are passed over. `at` names the text in faults.
    ///
    /// # Errors
    /// [`Failure::PkiUnusable`] if there is none or one can't be parsed.
    pub fn all(text: &str, at: &str) -> Result<Vec<Self>, Fault> {
        let refuse = |what: &str| Fault::new(Failure::PkiUnusable, what, at, "write PEM certificates (-----BEGIN CERTIFICATE-----)");
        let mut found = Vec::new();
        for section in pem::sections(text).into_iter().filter(|section| section.label == "CERTIFICATE") {
            let der = section.der.ok_or_else(|| refuse("a PEM certificate is torn or no base64"))?;
            found.push(Self::parse(der.expose()).ok_or_else(|| refuse("a certificate can't be parsed"))?);
        }
        if found.is_empty() { Err(refuse("this holds no PEM certificate")) } else { Ok(found) }
    }

    /// The first certificate of a PEM text, the one that kubeadm takes. `at` names the text in faults.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub fn first(text: &str, at: &str) -> Result<Self, Fault> {
        let none = || Fault::new(Failure::PkiUnusable, "this holds no PEM certificate", at, "write PEM certificates");
        Self::all(text, at)?.into_iter().next().ok_or_else(none)
    }

    fn parse(der: &[u8]) -> Option<Self> {
        let (rest, x509) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let key_id = x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        });
        let common_name = x509.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned();
        Some(Self {
            subject: x509.subject().as_raw().to_vec(),
            issuer: x509.issuer().as_raw().to_vec(),
            public_key_info: x509.public_key().raw.to_vec(),
            public_bits: x509.public_key().subject_public_key.data.to_vec(),
            signed: x509.tbs_certificate.as_ref().to_vec(),
            signature: x509.signature_value.data.to_vec(),
            key_id,
            common_name,
            is_authority: x509.is_ca(),
            not_before: UnixTime(x509.validity().not_before.timestamp()),
            not_after: UnixTime(x509.validity().not_after.timestamp()),
            der: der.to_vec(),
        })
    }

    /// The whole certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Subject's distinguished name, DER, as it stands.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Issuer's distinguished name, DER, as it stands.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// SubjectPublicKeyInfo, DER: what kubeadm's `sha256:` CA pins are made of (kubeadm.md §4.3).
    #[must_use]
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// The bit string of SubjectPublicKeyInfo.
    #[must_use]
    pub fn public_bits(&self) -> &[u8] {
        &self.public_bits
    }

    /// Whether `authority`'s key signed this, with the hash that kubeadm's authorities sign with: SHA-384 on P-384, SHA-256 else.
    #[must_use]
    pub fn is_signed_by(&self, authority: &Self) -> bool {
        let algorithms: [&'static dyn VerificationAlgorithm; 3] =
            [&ECDSA_P256_SHA256_ASN1, &ECDSA_P384_SHA384_ASN1, &RSA_PKCS1_2048_8192_SHA256];
        let verifies = |algorithm: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(algorithm, authority.public_bits()).verify(&self.signed, &self.signature).is_ok()
        };
        self.issuer == authority.subject && algorithms.into_iter().any(verifies)
    }

    /// Subject key identifier, if there is one.
    #[must_use]
    pub fn key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }

    /// First common name; empty if none.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Basic constraints say CA.
    #[must_use]
    pub const fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// Begin of validity.
    #[must_use]
    pub const fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// End of validity.
    #[must_use]
    pub const fn not_after(&self) -> UnixTime {
        self.not_after
    }
}
