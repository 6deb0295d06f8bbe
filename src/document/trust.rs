//! `discovery`, `certificateKey` and `pki`: whom this machine trusts, how it is known, and the sealed bundle.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pki::key::PrivateKey;
use crate::pki::shared::SharedName;

use super::field::{BootstrapToken, CertificateKey};
use super::form;
use super::outline::Rule;
use super::source::{pinned, secret};
use super::spec::{BootstrapCredential, Discovery, PkiSource, SealedBundle, SecretSource};
use super::walk::At;

/// The files of a bundle for stacked etcd, by their names in Secret kubeadm-certs (kubeadm.md §3).
pub const BUNDLE_FILES: [&str; 8] = [
    SharedName::CaCertificate.secret_key(),
    SharedName::CaKey.secret_key(),
    SharedName::EtcdCaCertificate.secret_key(),
    SharedName::EtcdCaKey.secret_key(),
    SharedName::FrontProxyCaCertificate.secret_key(),
    SharedName::FrontProxyCaKey.secret_key(),
    SharedName::ServiceAccountKey.secret_key(),
    SharedName::ServiceAccountPublicKey.secret_key(),
];

/// The forms of `pki`.
pub(super) const PKI_FORMS: &str = "{secret: {}}, {inline: {bundle: …}}, {url: URL, sha256: DIGEST} or {disk: {}}";

/// Bytes of a sealed file beside its content: the nonce before it and the tag after it.
const SEAL_BYTES: usize = 12 + 16;

/// What is known of the certificates in a PEM text: subjects (DER) of CAs, issuers of all.
struct Certificates {
    subjects: Vec<Vec<u8>>,
    issuers: Vec<Vec<u8>>,
    /// Public key of the first, as its SubjectPublicKeyInfo holds it.
    public_key: Vec<u8>,
    all_are_authorities: bool,
}

/// Reads PEM certificates, and keeps the text, which is never quoted: a key may have slipped in.
fn pem(text: &str) -> Result<(String, Certificates), String> {
    certificates(text).map(|read| (text.to_owned(), read))
}

fn certificates(text: &str) -> Result<Certificates, String> {
    if text.contains("PRIVATE KEY-----") {
        return Err("this holds a private key; write certificates only, and treat that key as lost".to_owned());
    }
    let mut found = Certificates { public_key: Vec::new(), subjects: Vec::new(), issuers: Vec::new(), all_are_authorities: true };
    for der in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let der = der.map_err(|_| {
            "this is not PEM; write the certificate as a block: `|` after the colon and its lines indented below".to_owned()
        })?;
        let (_, certificate) = X509Certificate::from_der(&der)
            .map_err(|_| "a CERTIFICATE block here is no X.509 certificate; copy the whole file again".to_owned())?;
        if found.subjects.is_empty() {
            found.public_key = certificate.public_key().subject_public_key.data.to_vec();
        }
        found.subjects.push(certificate.subject().as_raw().to_vec());
        found.issuers.push(certificate.issuer().as_raw().to_vec());
        found.all_are_authorities &= certificate.is_ca();
    }
    if found.subjects.is_empty() {
        return Err(
            "there is no CERTIFICATE block here; write the certificate's PEM as a block: `|` after the colon and its lines indented below"
                .to_owned(),
        );
    }
    Ok(found)
}

/// `discovery`.
pub(super) fn discovery(at: &At<'_>) -> Option<Discovery> {
    let mut fields = at.map("a map with certificateAuthority and a bootstrap credential")?;
    let authority = fields.need("certificateAuthority", "The cluster's CA certificate, PEM: what this machine trusts", form::CA.example);
    let certificate = fields.get("bootstrapCertificate", "A client certificate with which this machine asks to join");
    let token = fields.get("bootstrapToken", "A bootstrap token with which this machine asks to join; the cluster has to know it");
    fields.written(Rule::NotBoth(["bootstrapCertificate", "bootstrapToken"]));
    fields.finish();
    let authority = authority.and_then(|at| {
        let (text, read) = at.parse(&form::CA, pem)?;
        if !read.all_are_authorities {
            at.wrong("a certificate here is not one of a CA", "write the cluster's own ca.crt, not a serving or client certificate");
        }
        Some((text, read))
    });
    if let (Some(_), Some(token)) = (&certificate, &token) {
        token.misplaced("there are two bootstrap credentials", "keep bootstrapCertificate or bootstrapToken");
    }
    let certificate = certificate.map(|at| bootstrap_certificate(&at, authority.as_ref().map(|(_, read)| read)));
    let token =
        token.map(|at| secret(&at, &form::BOOTSTRAP_TOKEN, |text| BootstrapToken::parse(text).map(|_| ())).map(BootstrapCredential::Token));
    let credential = certificate.or(token).map_or(Some(None), |credential| credential.map(Some));
    Some(Discovery { certificate_authority: authority?.0, credential: credential? })
}

fn bootstrap_certificate(at: &At<'_>, authority: Option<&Certificates>) -> Option<BootstrapCredential> {
    let mut fields = at.map("a map with certificate and key")?;
    let certificate = fields.need("certificate", "The certificate, PEM", form::CLIENT_CERTIFICATE.example);
    let key = fields.need("key", "Its private key, PEM", "the PEM of its key, or a reference");
    fields.finish();
    let certificate = certificate.and_then(|at| {
        let (text, read) = at.parse(&form::CLIENT_CERTIFICATE, pem)?;
        let known = |issuer: &Vec<u8>| authority.is_none_or(|authority| authority.subjects.contains(issuer));
        if !read.issuers.first().is_some_and(known) {
            at.wrong("this certificate was not issued by certificateAuthority", "write both from documents of the same mint");
        }
        Some((text, read))
    });
    let key = key.and_then(|at| {
        let source = secret(&at, &form::CLIENT_KEY, private_key)?;
        if let (SecretSource::Inline(key), Some((_, certificate))) = (&source, &certificate)
            && public_key(key.expose()).is_some_and(|public| public != certificate.public_key)
        {
            at.wrong("this key does not belong to the certificate beside it", "write the two that were made together");
        }
        Some(source)
    });
    Some(BootstrapCredential::Certificate { certificate: certificate?.0, key: key? })
}

/// The public half of a PEM private key, if it is of a kind that this program can read.
fn public_key(pem: &str) -> Option<Vec<u8>> {
    PrivateKey::from_pem(pem, "").ok().map(|key| key.public_bits().to_vec())
}

fn private_key(text: &str) -> Result<(), String> {
    PrivateKey::from_pem(text, "")
        .map(|_| ())
        .map_err(|_| "this is no private key in PEM; write it as a block: `|` after the colon and its lines indented below".to_owned())
}

/// `certificateKey`.
pub(super) fn certificate_key(at: &At<'_>) -> Option<SecretSource<String>> {
    secret(at, &form::CERTIFICATE_KEY, |text| CertificateKey::parse(text).map(|_| ()))
}

/// `pki`.
pub(super) fn pki(at: &At<'_>) -> Option<PkiSource> {
    let example = PKI_FORMS;
    let mut fields = at.map(example)?;
    let shared = fields.get("secret", "Secret kubeadm-certs of the cluster, for two hours after its init");
    let inline = fields.get("inline", "This document");
    let disk = fields.get("disk", "You: the files are put into /etc/kubernetes/pki by a way of your own; write {}");
    let written = fields.written(Rule::One(&["secret", "inline", "disk", "url"]));
    let url = pinned(&mut fields);
    fields.finish();
    let shared = shared.map(|at| shared_pki(&at));
    let inline = inline.map(|at| inline_pki(&at));
    let disk = disk.map(|at| at.map("disk: {}").map(|fields| fields.finish()).map(|()| PkiSource::Disk));
    let url = url.map(|url| url.map(|(url, sha256)| PkiSource::Url { url, sha256 }));
    if written != 1 {
        at.wrong("this is not one source of the PKI", format!("write exactly one of {example}"));
        return None;
    }
    shared.or(inline).or(disk).or(url)?
}

fn shared_pki(at: &At<'_>) -> Option<PkiSource> {
    let mut fields = at.map("secret: {}")?;
    let sealed = fields.get("bundle", "On the machine that starts the cluster: the eight sealed files, as mint writes them");
    fields.finish();
    let bundle = sealed.map_or(Some(None), |at| bundle(&at).map(Some))?;
    Some(PkiSource::Secret { bundle })
}

fn inline_pki(at: &At<'_>) -> Option<PkiSource> {
    let mut fields = at.map("inline: {bundle: …}")?;
    let example = "bundle with the eight sealed files, as mint writes it";
    let sealed = fields.need("bundle", "The eight sealed files, as mint writes them", example);
    fields.finish();
    bundle(&sealed?).map(|bundle| PkiSource::Inline { bundle })
}

/// The eight sealed files: names exact, values base64. Values are never quoted.
fn bundle(at: &At<'_>) -> Option<SealedBundle> {
    let mut bundle = SealedBundle::new();
    let mut fields = at.map("a map of the eight sealed files, as mint writes it")?;
    let mut missing = Vec::new();
    for name in BUNDLE_FILES {
        match fields.one_of_all(name, "A sealed file of kubeadm's shared PKI, base64") {
            Some(item) => drop(item.parse(&form::SEALED, sealed).map(|text| bundle.insert(name.to_owned(), text))),
            None => missing.push(name),
        }
    }
    fields.finish();
    if !missing.is_empty() {
        at.misplaced(
            format!("the bundle has no {}", missing.join(", ")),
            "write all eight files, as mint or Secret kubeadm-certs has them",
        );
    }
    Some(bundle)
}

/// Standard base64 with padding, line breaks ignored as Kubernetes' reader does, of more than an empty sealed file.
fn sealed(text: &str) -> Result<String, String> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let plain = body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    if !plain || padding > 2 || !text.len().is_multiple_of(4) {
        return Err("this is not base64; copy the value whole, as mint or Secret kubeadm-certs has it".to_owned());
    }
    if text.len() / 4 * 3 - padding <= SEAL_BYTES {
        return Err("this is too short for a sealed file; copy the value whole, as mint or Secret kubeadm-certs has it".to_owned());
    }
    Ok(text)
}
