//! One machine's document, when it is right by itself: its times, its bundle, its size, its networks.

use crate::document::field::CertificateKey;
use crate::document::remark;
use crate::document::spec::{BootstrapCredential, NodeSpec, PkiSource, SealedBundle, SecretSource};
use crate::failure::Failure;
use crate::moment::UnixTime;
use crate::pki::certificate::Certificate;
use crate::pki::seal;

use super::{Rule, Sheet, networks};

/// What ends within this many seconds ends soon: machines take minutes to boot.
const SOON: i64 = 3600;

pub(super) fn check(sheet: &mut Sheet<'_>, spec: &NodeSpec, now: UnixTime) {
    endpoint(sheet, spec.endpoint.address().is_some());
    networks::check(sheet, &spec.networking);
    times(sheet, spec, now);
    if let (Some(bundle), Some(SecretSource::Inline(key))) = (bundle(spec), &spec.certificate_key)
        && let Ok(key) = CertificateKey::parse(key.expose().trim())
    {
        opens(sheet, bundle, &key, &spec.discovery.certificate_authority);
    }
    // As the platform gets it, wrapped or not.
    if let Some(remark) = remark::size(sheet.input.bytes.expose().len()) {
        sheet.tell_at(Rule::Size, None, "", remark.problem, remark.advice);
    }
}

/// The controlPlaneEndpoint, which is in every certificate and kubeconfig.
pub(super) fn endpoint(sheet: &mut Sheet<'_>, is_address: bool) {
    if is_address {
        sheet.tell(
            Rule::EndpointAddress,
            "controlPlaneEndpoint",
            "the endpoint is an address, which the cluster keeps for life: it is in its certificates and kubeconfigs",
            "write a DNS name that points to it, so that it can be moved",
        );
    }
}

/// The bundle that is in the document.
pub(super) fn bundle(spec: &NodeSpec) -> Option<&SealedBundle> {
    spec.pki.as_ref().and_then(PkiSource::bundle)
}

/// The certificate by which the machine joins, if it is in the document.
pub(super) fn credential(spec: &NodeSpec) -> Option<Certificate> {
    match &spec.discovery.credential {
        Some(BootstrapCredential::Certificate { certificate, .. }) => Certificate::first(certificate, "").ok(),
        _ => None,
    }
}

fn times(sheet: &mut Sheet<'_>, spec: &NodeSpec, now: UnixTime) {
    let authority = "discovery.certificateAuthority";
    let authorities = Certificate::all(&spec.discovery.certificate_authority, authority).unwrap_or_default();
    for certificate in &authorities {
        validity(sheet, authority, "the cluster's CA certificate", certificate, now, "the cluster needs a new CA");
    }
    if let Some(certificate) = credential(spec) {
        let field = "discovery.bootstrapCertificate.certificate";
        let again = "mint again with `kubeboot mint CLUSTER --from DIR`: the cluster keeps its keys";
        validity(sheet, field, "the bootstrap certificate", &certificate, now, again);
        if !authorities.iter().any(|authority| certificate.is_signed_by(authority)) {
            let problem = "this certificate was not signed by certificateAuthority, though it names it as its issuer";
            sheet.tell(Rule::Document, field, problem, "write both from documents of the same mint");
        }
    }
    if let Some(initialize) = &spec.initialize {
        let (field, end) = ("initialize.before", initialize.before);
        let again = "mint again for a new window if the cluster was not started yet";
        if end <= now {
            sheet.tell(Rule::WindowPast, field, format!("the window ended at {end}: this document starts no cluster any more"), again);
        } else if end <= now.plus(SOON) {
            sheet.tell(Rule::ExpiresSoon, field, format!("the window ends within an hour, at {end}"), again);
        }
    }
}

fn validity(sheet: &mut Sheet<'_>, field: &str, what: &str, certificate: &Certificate, now: UnixTime, advice: &str) {
    let (from, end) = (certificate.not_before(), certificate.not_after());
    if end <= now {
        sheet.tell(Rule::Expired, field, format!("{what} expired at {end}"), advice);
    } else if end <= now.plus(SOON) {
        sheet.tell(Rule::ExpiresSoon, field, format!("{what} expires within an hour, at {end}"), advice);
    }
    if from > now {
        let advice = "check this machine's clock, and the clock of the machine that minted";
        sheet.tell(Rule::NotYetValid, field, format!("{what} is not valid before {from}"), advice);
    }
}

/// Opens the bundle with the key and looks whether all in it belongs together and to the CA.
pub(super) fn opens(sheet: &mut Sheet<'_>, bundle: &SealedBundle, key: &CertificateKey, authority: &str) {
    let field = match sheet.node().and_then(|spec| spec.pki.as_ref()) {
        Some(PkiSource::Secret { .. }) => "pki.secret.bundle",
        Some(PkiSource::Url { .. }) => "pki.url",
        _ => "pki.inline.bundle",
    };
    let Err(fault) = seal::open(bundle, key).and_then(|pki| pki.check(authority)) else { return };
    let rule = match fault.failure() {
        Failure::CertificateKeyWrong => Rule::BundleKey,
        Failure::CaMismatch => Rule::BundleCa,
        _ => Rule::BundleContents,
    };
    // These faults name files and say what is wrong with them; none quotes a text.
    sheet.tell(rule, field, format!("{} ({})", fault.what(), fault.at()), fault.advice());
}
