//! What a kubeadm that died leaves: which files are torn, and which are to be kept. Cut at every byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kubeboot::leftovers::{authority_trouble, kubeconfig_trouble, leaf_trouble};
use kubeboot::pki::certificate::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm,
};

struct Made {
    certificate: String,
    key: String,
    authority: String,
}

fn torn_pair(certificate: Option<&str>, key: Option<&str>, authority: &str) -> Option<&'static str> {
    leaf_trouble(certificate.map(str::as_bytes), key.map(str::as_bytes), &Certificate::first(authority, "ca").unwrap())
}

/// The curves of kubeadm's ECDSA keys.
const CURVES: [&SignatureAlgorithm; 2] = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384];

fn authority(name: &str, curve: &'static SignatureAlgorithm) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate_for(curve).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (certificate, Issuer::new(params, key))
}

fn made(curve: &'static SignatureAlgorithm) -> Made {
    let (authority, issuer) = authority("kubernetes", curve);
    let key = KeyPair::generate_for(curve).unwrap();
    let certificate = CertificateParams::new(vec!["cp-1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap().pem();
    Made { certificate, key: key.serialize_pem(), authority }
}

#[test]
fn a_whole_pair_is_kept_and_every_torn_one_is_not() {
    for curve in CURVES {
        cut_at_every_byte(&made(curve));
    }
}

fn cut_at_every_byte(made: &Made) {
    let judge = |certificate: Option<&str>, key: Option<&str>| torn_pair(certificate, key, &made.authority);
    assert_eq!(judge(Some(&made.certificate), Some(&made.key)), None);
    assert_eq!(judge(None, None), None);
    assert_eq!(judge(None, Some(&made.key)).unwrap(), "a key without its certificate");
    assert_eq!(judge(Some(&made.certificate), None).unwrap(), "a certificate without its key");
    // A missing last newline is all that a cut may take.
    for length in 0..made.certificate.len() - 1 {
        let cut = made.certificate.get(..length).unwrap();
        assert!(
            judge(Some(cut), Some(&made.key)).is_some() || made.certificate.trim_end() == cut.trim_end(),
            "certificate cut at {length}"
        );
    }
    for length in 0..made.key.len() - 1 {
        let cut = made.key.get(..length).unwrap();
        assert!(judge(Some(&made.certificate), Some(cut)).is_some() || made.key.trim_end() == cut.trim_end(), "key cut at {length}");
    }
}

#[test]
fn pairs_of_others_are_torn_too() {
    for curve in CURVES {
        foreign(curve);
    }
}

fn foreign(curve: &'static SignatureAlgorithm) {
    let (ours, theirs) = (made(curve), made(curve));
    assert_eq!(torn_pair(Some(&ours.certificate), Some(&theirs.key), &ours.authority).unwrap(), "the key is not the certificate's");
    // Of the same name, but another key.
    let (etcd, _) = authority("kubernetes", curve);
    assert_eq!(torn_pair(Some(&ours.certificate), Some(&ours.key), &etcd).unwrap(), "the certificate is not signed by this cluster's CA");
}

#[test]
fn kubeconfigs_as_kubeadm_writes_them_are_kept_and_cut_ones_are_not() {
    let made = made(CURVES[0]);
    let encode = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let whole = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://10.0.0.11:6443\n  name: kubernetes\n\
         contexts:\n- context:\n    cluster: kubernetes\n    user: kubernetes-admin\n  name: kubernetes-admin@kubernetes\n\
         current-context: kubernetes-admin@kubernetes\nkind: Config\nusers:\n- name: kubernetes-admin\n  user:\n    \
         client-certificate-data: {}\n    client-key-data: {}\n",
        encode(&made.authority),
        encode(&made.certificate),
        encode(&made.key)
    );
    assert_eq!(kubeconfig_trouble(Some(whole.as_bytes())), None);
    for length in 0..whole.len() {
        let cut = whole.get(..length).unwrap();
        assert!(kubeconfig_trouble(Some(cut.as_bytes())).is_some(), "cut at {length}: {cut}");
    }
}

#[test]
fn a_workers_ca_is_whole_or_nothing() {
    let made = made(CURVES[0]);
    assert_eq!(authority_trouble(None), None);
    assert_eq!(authority_trouble(Some(made.authority.as_bytes())), None);
    for length in 0..made.authority.trim_end().len() {
        assert!(authority_trouble(Some(&made.authority.as_bytes()[..length])).is_some(), "cut at {length}");
    }
}
