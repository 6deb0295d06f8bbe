//! Keys that kubeboot makes, RSA above all, before openssl: it checks every number of them.

use std::fs;

use kubeboot::document::spec::EncryptionAlgorithm;
use kubeboot::pki::key::PrivateKey;
use kubeboot::pki::shared::{SharedName, SharedPki};

use super::{DAY, now, openssl_ok, read};

#[test]
fn openssl_finds_nothing_wrong_with_a_new_key_of_any_kind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for algorithm in EncryptionAlgorithm::ALL {
        let key = PrivateKey::generate(algorithm).unwrap();
        fs::write(folder.join("new.key"), key.to_pem().expose()).unwrap();
        fs::write(folder.join("new.pub"), key.public_pem()).unwrap();
        let said = openssl_ok(folder, "pkey -in new.key -check -noout -text");
        assert!(said.contains("Key is valid"), "{algorithm:?}: {said}");
        let (label, size) = match algorithm {
            EncryptionAlgorithm::EcdsaP256 => ("EC PRIVATE KEY", "(256 bit"),
            EncryptionAlgorithm::EcdsaP384 => ("EC PRIVATE KEY", "(384 bit"),
            EncryptionAlgorithm::Rsa2048 => ("RSA PRIVATE KEY", "(2048 bit, 2 primes)"),
            EncryptionAlgorithm::Rsa3072 => ("RSA PRIVATE KEY", "(3072 bit, 2 primes)"),
            EncryptionAlgorithm::Rsa4096 => ("RSA PRIVATE KEY", "(4096 bit, 2 primes)"),
        };
        assert!(said.contains(size), "{algorithm:?}: {said}");
        assert!(label.starts_with("EC") || said.contains("publicExponent: 65537 (0x10001)"), "{said}");
        assert!(read(folder, "new.key").starts_with(&format!("-----BEGIN {label}-----\n")));
        assert_eq!(openssl_ok(folder, "pkey -in new.key -pubout"), read(folder, "new.pub"));
        // In the other container that kubeadm reads, it is the same key.
        openssl_ok(folder, "pkcs8 -topk8 -nocrypt -in new.key -out other.key");
        let again = PrivateKey::from_pem(&read(folder, "other.key"), "other.key").unwrap();
        assert_eq!(again.to_pem(), key.to_pem());
    }
}

#[test]
fn two_keys_share_no_prime() {
    let folder = tempfile::tempdir().unwrap();
    let primes = || {
        let key = PrivateKey::generate(EncryptionAlgorithm::Rsa2048).unwrap();
        fs::write(folder.path().join("new.key"), key.to_pem().expose()).unwrap();
        let said = openssl_ok(folder.path(), "rsa -in new.key -noout -text");
        ["prime1:", "prime2:"].map(|name| said.split_once(name).unwrap().1.lines().skip(1).take(8).collect::<String>())
    };
    let mut all = [primes(), primes(), primes()].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}

#[test]
fn a_pki_of_other_keys_is_whole_and_openssl_verifies_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (algorithm, signature, size) in [
        (EncryptionAlgorithm::Rsa2048, "sha256WithRSAEncryption", "Public-Key: (2048 bit)"),
        (EncryptionAlgorithm::EcdsaP384, "ecdsa-with-SHA384", "ASN1 OID: secp384r1"),
    ] {
        let pki = SharedPki::mint(algorithm, now().plus(-DAY), now().plus(3650 * DAY)).unwrap();
        assert_eq!(pki.check(&pki.ca.certificate), Ok(()));
        for name in [SharedName::CaCertificate, SharedName::FrontProxyCaCertificate, SharedName::EtcdCaCertificate] {
            fs::write(folder.join("ca.crt"), pki.text(name)).unwrap();
            openssl_ok(folder, "verify -x509_strict -CAfile ca.crt ca.crt");
            let said = openssl_ok(folder, "x509 -in ca.crt -noout -text");
            for wanted in [signature, size, "CA:TRUE", "Digital Signature, Key Encipherment, Certificate Sign"] {
                assert!(said.contains(wanted), "{}: no {wanted}: {said}", name.path());
            }
        }
    }
}
