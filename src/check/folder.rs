//! The files of one folder beside each other. The first document of a folder is what the others are compared with.

use std::collections::BTreeMap;

use crate::digest;
use crate::document::field::CertificateKey;
use crate::document::spec::{Initialize, NodeSpec, PkiSource, SealedBundle, SecretSource};
use crate::host::shown_url;
use crate::pki::certificate::Certificate;
use crate::pki::seal;

use super::{Companions, Rule, Sheet, networks, node};

pub(super) fn check(sheets: &mut [Sheet<'_>], companions: &[Companions]) {
    for sheet in sheets.iter_mut() {
        let beside = companions.iter().find(|companions| companions.folder == sheet.input.folder);
        if let (Some(beside), Some(spec)) = (beside, sheet.node().cloned()) {
            parted(sheet, &spec, beside);
        }
        networks::cni(sheet, beside.map_or(&[], |beside| &beside.manifests));
    }
    let mut folders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, sheet) in sheets.iter().enumerate() {
        if sheet.node().is_some() {
            folders.entry(sheet.input.folder.as_str()).or_default().push(index);
        }
    }
    for members in folders.into_values() {
        let member = |index: usize| {
            let sheet = sheets.get(index)?;
            Some(Member { index, name: sheet.input.name.clone(), within: sheet.within.clone(), spec: sheet.node()?.clone() })
        };
        let files: Vec<Member> = members.into_iter().filter_map(member).collect();
        for (number, own) in files.iter().enumerate() {
            let before = files.get(..number).unwrap_or_default();
            let Some(sheet) = sheets.get_mut(own.index) else { continue };
            if let Some(first) = before.first() {
                alike(sheet, &own.spec, &first.name, &first.spec);
            }
            initialisers(sheet, own, before);
            windows(sheet, &own.spec, before);
            keys(sheet, own, &files);
        }
    }
}

/// A document among those of its folder.
struct Member {
    index: usize,
    name: String,
    within: String,
    spec: NodeSpec,
}

fn authorities(spec: &NodeSpec) -> Vec<Certificate> {
    Certificate::all(&spec.discovery.certificate_authority, "").unwrap_or_default()
}

fn alike(sheet: &mut Sheet<'_>, spec: &NodeSpec, first: &str, other: &NodeSpec) {
    if spec.cluster != other.cluster {
        let problem = format!("this is cluster {}, and {first} is of cluster {}", spec.cluster, other.cluster);
        sheet.tell(Rule::ClusterDiffers, "cluster", problem, "keep one cluster's documents in a folder");
    }
    let known = authorities(other);
    // A CA that is being rotated is there beside the old one.
    if !authorities(spec).iter().any(|authority| known.iter().any(|known| known.der() == authority.der())) {
        let problem = format!("this is another cluster's CA than that of {first}");
        sheet.tell(Rule::ClusterDiffers, "discovery.certificateAuthority", problem, "use documents of the same mint");
    }
    if spec.endpoint != other.endpoint {
        let problem = format!("the endpoint is {}, and {first} has {}", spec.endpoint, other.endpoint);
        sheet.tell(Rule::EndpointDiffers, "controlPlaneEndpoint", problem, "write the same in all documents of a cluster");
    }
    if spec.kubernetes_version != other.kubernetes_version {
        let problem = format!("the version is {}, and {first} has {}", spec.kubernetes_version, other.kubernetes_version);
        sheet.tell(Rule::VersionDiffers, "kubernetesVersion", problem, "write the same in all documents, until the cluster is upgraded");
    }
}

/// A claim is what makes it safe that several machines may start the cluster; it is one only in the same store. The same document in
/// another wrapping is there for the same machine.
fn initialisers(sheet: &mut Sheet<'_>, own: &Member, before: &[Member]) {
    let Some(initialize) = &own.spec.initialize else { return };
    // A URL's query may be a signature of its own for each document.
    let store = |initialize: &Initialize| initialize.claim.as_ref().map(|claim| shown_url(&claim.put));
    let rival = before.iter().find(|other| {
        let is_same = other.spec == own.spec && other.within != own.within;
        let may = |other: &Initialize| other.claim.is_none() || store(other) != store(initialize);
        other.spec.cluster == own.spec.cluster && !is_same && other.spec.initialize.as_ref().is_some_and(may)
    });
    if let Some(Member { name, .. }) = rival {
        let problem = format!("{name} may start this cluster too: two machines could make two clusters of one name");
        sheet.tell(Rule::TwoInitialisers, "initialize", problem, "keep initialize in one document, or let all claim in the same store");
    }
}

/// Mint lets credentials and windows end together.
fn windows(sheet: &mut Sheet<'_>, spec: &NodeSpec, before: &[Member]) {
    let end = |spec: &NodeSpec| {
        let window = spec.initialize.as_ref().map(|initialize| ("initialize.before", initialize.before));
        let credential = node::credential(spec).map(|found| ("discovery.bootstrapCertificate.certificate", found.not_after()));
        window.or(credential)
    };
    let Some((field, own)) = end(spec) else { return };
    let other = before.iter().find_map(|other| end(&other.spec).map(|(_, end)| (&other.name, end)));
    if let Some((name, theirs)) = other.filter(|(_, theirs)| *theirs != own) {
        let problem = format!("this ends at {own}, and {name} at {theirs}");
        sheet.tell(Rule::WindowDiffers, field, problem, "use documents of the same mint");
    }
}

/// A control plane's key against the bundle that another's document has, where its own has none.
fn keys(sheet: &mut Sheet<'_>, own: &Member, files: &[Member]) {
    let Some(SecretSource::Inline(key)) = &own.spec.certificate_key else { return };
    if node::bundle(&own.spec).is_some() {
        return;
    }
    for Member { name, spec: other, .. } in files.iter().filter(|other| other.name != own.name) {
        let Some(SecretSource::Inline(theirs)) = other.certificate_key.as_ref().filter(|_| node::bundle(other).is_some()) else { continue };
        if !theirs.expose().trim().eq_ignore_ascii_case(key.expose().trim()) {
            let problem = format!("this key does not open the bundle of {name}, which has another");
            sheet.tell(Rule::BundleKey, "certificateKey", problem, "use documents of the same mint");
        }
    }
}

/// A key or a bundle that is kept apart from its document, where it lies beside it.
fn parted(sheet: &mut Sheet<'_>, spec: &NodeSpec, beside: &Companions) {
    let apart = match (&spec.certificate_key, &beside.key) {
        (Some(own), Some(bytes)) => key_beside(sheet, own, bytes.expose()),
        _ => None,
    };
    let bundle: Option<SealedBundle> = match (&spec.pki, &beside.bundle) {
        (Some(PkiSource::Url { sha256, .. }), Some(bytes)) => {
            if digest::sha256(bytes.expose()) != *sha256 {
                let problem = "the bundle.json beside this document has another digest: machines would refuse it";
                sheet.tell(Rule::BundlePin, "pki.sha256", problem, "use the bundle.json and the documents of the same mint");
                return;
            }
            let Ok(bundle) = seal::read(bytes.expose()) else {
                let problem = "the bundle.json beside this document is no bundle, though it is the one that the document means";
                sheet.tell(Rule::BundleContents, "pki.url", problem, "use the bundle.json and the documents of the same mint");
                return;
            };
            Some(bundle)
        }
        _ => node::bundle(spec).cloned(),
    };
    let key = match &spec.certificate_key {
        // The two are in the document, and were compared there.
        Some(SecretSource::Inline(_)) if node::bundle(spec).is_some() => return,
        Some(SecretSource::Inline(key)) => CertificateKey::parse(key.expose().trim()).ok(),
        Some(_) => apart,
        None => None,
    };
    if let (Some(bundle), Some(key)) = (bundle, key) {
        node::opens(sheet, &bundle, &key, &spec.discovery.certificate_authority);
    }
}

/// The certificate key that lies beside a document which needs one: a key, and no other than the document's own.
fn key_beside(sheet: &mut Sheet<'_>, own: &SecretSource<String>, bytes: &[u8]) -> Option<CertificateKey> {
    let parsed = std::str::from_utf8(bytes).ok().and_then(|text| CertificateKey::parse(text.trim()).ok());
    let Some(key) = parsed else {
        let problem = "the certificate-key beside this document is no certificate key";
        sheet.tell(Rule::BundleKey, "certificateKey", problem, "put the file there that mint wrote: 64 hex digits");
        return None;
    };
    if let SecretSource::Inline(own) = own
        && CertificateKey::parse(own.expose().trim()).is_ok_and(|own| own != key)
    {
        let problem = "the certificate-key beside this document is another than its own";
        sheet.tell(Rule::BundleKey, "certificateKey", problem, "use the certificate-key and the documents of the same mint");
    }
    Some(key)
}
