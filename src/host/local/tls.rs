//! TLS as [`Tls`] asks for it: exactly those roots, ring, and a verdict that tells a foreign CA from a wrong clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::files;
use crate::host::{Tls, Unanswered};

/// The system's CA bundle: Debian's place, then Fedora's.
const SYSTEM_ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
/// Such bundles are about 220 KiB.
const SYSTEM_ROOTS_LIMIT: usize = 4 * 1024 * 1024;

/// The configuration for `tls`; without one, the system's CA bundle is trusted.
pub(super) fn configuration(root: &Path, tls: Option<&Tls>) -> Result<ClientConfig, Unanswered> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = match tls {
        Some(tls) => exact_roots(&tls.roots)?,
        None => system_roots(root)?,
    };
    let unusable = |what: &str, error: &dyn std::fmt::Display| Unanswered::Unusable(format!("{what}: {error}"));
    let verifier = Verifier {
        webpki: WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|e| unusable("the trusted certificates", &e))?,
    };
    let builder = with_versions(provider)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = tls.and_then(|t| t.identity.as_ref()) else { return Ok(builder.with_no_client_auth()) };
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|e| unusable("the client certificate", &e))?;
    if chain.is_empty() {
        return Err(Unanswered::Unusable("the client certificate: no PEM certificate in it".to_owned()));
    }
    // The error tells which part of the PEM is missing, never its bytes.
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|e| unusable("the client key", &e))?;
    builder.with_client_auth_cert(chain, key).map_err(|e| unusable("the client certificate and key", &e))
}

type Versioned = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn with_versions(provider: Arc<CryptoProvider>) -> Result<Versioned, Unanswered> {
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|e| Unanswered::Unusable(e.to_string()))
}

/// Every certificate of the PEM text has to be usable: a CA that is silently left out would look like a foreign server.
fn exact_roots(pem: &str) -> Result<RootCertStore, Unanswered> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let added = certificate.map_err(|e| e.to_string()).and_then(|c| store.add(c).map_err(|e| e.to_string()));
        added.map_err(|e| Unanswered::Unusable(format!("the trusted certificates: {e}")))?;
    }
    if store.is_empty() {
        return Err(Unanswered::Unusable("the trusted certificates: no PEM certificate among them".to_owned()));
    }
    Ok(store)
}

/// Bundles hold certificates that webpki can't use; those are left out, as every TLS client does.
fn system_roots(root: &Path) -> Result<RootCertStore, Unanswered> {
    for place in SYSTEM_ROOTS {
        let bundle = files::read(&super::rooted(root, Path::new(place)), SYSTEM_ROOTS_LIMIT);
        let Some(bundle) = bundle.map_err(|e| Unanswered::Unusable(e.line()))? else { continue };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(CertificateDer::pem_slice_iter(&bundle).filter_map(Result::ok));
        if !store.is_empty() {
            return Ok(store);
        }
    }
    Err(Unanswered::Unusable(format!(
        "no CA bundle to verify this https server with: neither {}; install ca-certificates in the image",
        SYSTEM_ROOTS.join(" nor ")
    )))
}

/// webpki's verdict under an optional other name. It never accepts what webpki refuses.
#[derive(Debug)]
struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |at| self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at);
        let refused = match verify(now) {
            Ok(verified) => return Ok(verified),
            Err(refused) => refused,
        };
        // webpki looks at the validity before the signature: an expired certificate of *another* CA is reported as
        // expired too. So it is asked again at an instant inside the validity, only for the reason, never to accept.
        // Names come last, so a wrong name is said of a certificate whose chain is good.
        let inside = match &refused {
            Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => Some(*not_after),
            Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
                Some(UnixTime::since_unix_epoch(Duration::from_secs(not_before.as_secs())))
            }
            _ => None,
        };
        match inside.map(verify) {
            // At no instant were all certificates of the chain valid, so no signature was looked at: nothing is proven.
            Some(Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. }))) => {
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
            }
            Some(Err(other)) => Err(other),
            _ => Err(refused),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// What a TLS error says about the server (design §4, §6).
pub(super) fn classify(target: &str, error: &Error) -> Unanswered {
    let text = format!("{target}: {error}");
    match error {
        Error::InvalidCertificate(reason) => match reason {
            // Our verifier has seen that the chain is good: the server is ours.
            CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. } => Unanswered::BadCertificate(text),
            // The purpose is looked at before the signature, which may be anybody's.
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } | CertificateError::Revoked => {
                Unanswered::TlsFailed(text)
            }
            // Not only UnknownIssuer: every kubeadm CA is called "kubernetes", and another one of that name shows as a
            // bad signature; a self-signed one with CA:TRUE as "CA used as end entity". None is proven to be ours.
            _ => Unanswered::ForeignCa(text),
        },
        // The bytes of something that never spoke TLS. What a TLS stack says wrongly is another matter.
        Error::InvalidMessage(_) => Unanswered::NotTls(text),
        _ => Unanswered::TlsFailed(text),
    }
}
