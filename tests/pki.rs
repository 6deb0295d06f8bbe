//! The shared PKI against openssl, which is the other opinion here: what kubeboot writes, openssl reads and verifies;
//! what openssl writes, kubeboot reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "pki/made.rs"]
mod made;

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::act::pki::refuse_foreign;
use kubeboot::document::field::CertificateKey;
use kubeboot::document::spec::{EncryptionAlgorithm, SealedBundle};
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::host::Mode;
use kubeboot::moment::UnixTime;
use kubeboot::pki::authority::Authority;
use kubeboot::pki::certificate::Certificate;
use kubeboot::pki::client;
use kubeboot::pki::key::PrivateKey;
use kubeboot::pki::seal;
use kubeboot::pki::shared::{Pair, SharedName, SharedPki};
use kubeboot::pki::{pem, random};
use kubeboot::secret::Secret;

/// openssl judges validity by its own clock, so tests that ask it use real time.
fn now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixTime(i64::try_from(since.as_secs()).unwrap())
}

const DAY: i64 = 86_400;

fn minted() -> SharedPki {
    SharedPki::mint(EncryptionAlgorithm::EcdsaP256, now().plus(-DAY), now().plus(3650 * DAY)).unwrap()
}

/// Runs openssl in a folder; what it printed on both streams, and whether it was content.
fn openssl(folder: &Path, line: &str) -> (bool, String) {
    let output =
        Command::new("openssl").current_dir(folder).args(line.split(' ').filter(|word| !word.is_empty())).output().expect("openssl");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn openssl_ok(folder: &Path, line: &str) -> String {
    let (ok, text) = openssl(folder, line);
    assert!(ok, "openssl {line}: {text}");
    text
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn key(byte: u8) -> CertificateKey {
    CertificateKey::new([byte; 32])
}

#[test]
fn minted_authorities_have_kubeadms_shape() {
    let folder = tempfile::tempdir().unwrap();
    let pki = minted();
    for (name, common_name, pair) in
        [("ca", "kubernetes", &pki.ca), ("front-proxy-ca", "front-proxy-ca", &pki.front_proxy_ca), ("etcd-ca", "etcd-ca", &pki.etcd_ca)]
    {
        fs::write(folder.path().join("ca.crt"), &pair.certificate).unwrap();
        fs::write(folder.path().join("ca.key"), pair.key.expose()).unwrap();
        openssl_ok(folder.path(), "verify -x509_strict -CAfile ca.crt ca.crt");
        let text = openssl_ok(folder.path(), "x509 -in ca.crt -noout -text");
        for part in [
            format!("Subject: CN = {common_name}"),
            format!("Issuer: CN = {common_name}"),
            format!("DNS:{common_name}"),
            "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment, Certificate Sign\n".to_owned(),
            "X509v3 Basic Constraints: critical\n                CA:TRUE\n".to_owned(),
            "Version: 3 (0x2)".to_owned(),
            "Signature Algorithm: ecdsa-with-SHA256".to_owned(),
            "ASN1 OID: prime256v1".to_owned(),
        ] {
            assert!(text.contains(&part), "{name}: no {part:?} in {text}");
        }
        assert!(!text.contains("pathlen"), "{name}: {text}");
        assert!(!text.contains("Serial Number: -") && !text.contains("(Negative)"), "{name}: {text}");
        let certificate = Certificate::first(&pair.certificate, name).unwrap();
        assert_eq!(certificate.not_after().0 - certificate.not_before().0, 3651 * DAY);
        assert!(pair.key.expose().starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
        assert_eq!(openssl_ok(folder.path(), "pkey -in ca.key -pubout"), openssl_ok(folder.path(), "x509 -in ca.crt -noout -pubkey"));
        assert!(openssl_ok(folder.path(), "ec -in ca.key -noout -text").contains("ASN1 OID: prime256v1"));
    }
    fs::write(folder.path().join("sa.key"), pki.service_account_key.expose()).unwrap();
    assert_eq!(openssl_ok(folder.path(), "pkey -in sa.key -pubout"), pki.service_account_public_key);
    assert_eq!(pki.check(&pki.ca.certificate), Ok(()));
}

#[test]
fn files_are_the_eight_with_their_modes() {
    let pki = minted();
    let files: Vec<_> = pki.files().iter().map(|file| (file.path, file.mode)).collect();
    let (private, public) = (Mode::Private, Mode::Public);
    let expected = [
        ("ca.key", private),
        ("ca.crt", public),
        ("front-proxy-ca.key", private),
        ("front-proxy-ca.crt", public),
        ("etcd/ca.key", private),
        ("etcd/ca.crt", public),
        ("sa.key", private),
        ("sa.pub", public),
    ];
    assert_eq!(files, expected);
    let again = SharedPki::from_files(|name| Ok(Secret::new(pki.text(name).to_owned()))).unwrap();
    assert_eq!(again, pki);
    assert!(!format!("{pki:?}").contains("PRIVATE"));
}

/// RSA and EC authorities as openssl makes them, with names that would be changed by a writer that knows only CN and O.
#[test]
fn clients_are_signed_by_authorities_that_openssl_made() {
    let subject = "/DC=com/DC=example/O=First/O=Second/CN=kubernetes";
    for (algorithm, form) in [
        ("rsa:2048", ""),
        ("rsa:3072", "rsa -traditional"),
        ("rsa:4096", "rsa -traditional"),
        ("ec -pkeyopt ec_paramgen_curve:P-256", ""),
        ("ec -pkeyopt ec_paramgen_curve:P-256", "ec"),
        ("ec -pkeyopt ec_paramgen_curve:P-384", ""),
        ("ec -pkeyopt ec_paramgen_curve:P-384", "ec"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        openssl_ok(
            folder,
            &format!(
                "req -x509 -newkey {algorithm} -nodes -keyout ca.key -out ca.crt -days 30 -addext keyUsage=critical,keyCertSign -subj \
                 {subject}"
            ),
        );
        if !form.is_empty() {
            openssl_ok(folder, &format!("{form} -in ca.key -out ca.key"));
        }
        let label = if form.is_empty() { "BEGIN PRIVATE KEY" } else { "BEGIN RSA PRIVATE KEYBEGIN EC PRIVATE KEY" };
        let first_line = read(folder, "ca.key").lines().next().unwrap().trim_matches('-').to_owned();
        assert!(label.contains(&first_line), "{algorithm} {form}: {first_line}");

        let authority = Authority::from_pem(&read(folder, "ca.crt"), &read(folder, "ca.key"), "ca").unwrap();
        let groups = ["one:group", "another"];
        let identity = client::sign(&authority, "somebody", &groups, authority.certificate().not_before(), now().plus(3600)).unwrap();
        fs::write(folder.join("client.crt"), &identity.certificate_pem).unwrap();
        fs::write(folder.join("client.key"), identity.key_pem.expose()).unwrap();
        openssl_ok(folder, "verify -x509_strict -purpose sslclient -CAfile ca.crt client.crt");
        let (ok, text) = openssl(folder, "verify -purpose sslserver -CAfile ca.crt client.crt");
        assert!(!ok, "{text}");
        assert_eq!(openssl_ok(folder, "pkey -in client.key -pubout"), openssl_ok(folder, "x509 -in client.crt -noout -pubkey"));
        let text = openssl_ok(folder, "x509 -in client.crt -noout -text");
        let signature = match algorithm {
            "ec -pkeyopt ec_paramgen_curve:P-256" => "ecdsa-with-SHA256",
            "ec -pkeyopt ec_paramgen_curve:P-384" => "ecdsa-with-SHA384",
            _ => "sha256WithRSAEncryption",
        };
        assert_eq!(text.matches(&format!("Signature Algorithm: {signature}\n")).count(), 2, "{text}");
        for part in [
            "Subject: O = one:group, O = another, CN = somebody",
            "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n",
            "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
            "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        ] {
            assert!(text.contains(part), "{algorithm} {form}: no {part:?} in {text}");
        }
        let signed = Certificate::first(&identity.certificate_pem, "client").unwrap();
        assert_eq!(signed.issuer(), authority.certificate().subject());
        assert!(signed.is_signed_by(authority.certificate()), "{algorithm} {form}");
        assert!(!signed.is_signed_by(minted().authority().unwrap().certificate()));

        // The key as kubeboot writes it is the same key, in kubeadm's form.
        fs::write(folder.join("again.key"), authority.key_pem().expose()).unwrap();
        assert_eq!(openssl_ok(folder, "pkey -in again.key"), openssl_ok(folder, "pkey -in ca.key"));
        assert!(read(folder, "again.key").starts_with(if algorithm.starts_with("rsa") { "-----BEGIN RSA" } else { "-----BEGIN EC" }));
    }
}

#[test]
fn a_client_certificate_stays_inside_of_its_authority() {
    let authority = Authority::mint(EncryptionAlgorithm::EcdsaP256, "kubernetes", UnixTime(1_000), UnixTime(2_000)).unwrap();
    for (from, to) in [(999, 1_500), (1_500, 2_001), (1_500, 1_500)] {
        let fault = client::sign(&authority, "a", &[], UnixTime(from), UnixTime(to)).unwrap_err();
        assert_eq!(fault.failure(), Failure::PkiUnusable);
        assert_eq!(fault.at(), "CA kubernetes, valid from 1970-01-01T00:16:40Z to 1970-01-01T00:33:20Z");
    }
    client::sign(&authority, "a", &[], UnixTime(1_000), UnixTime(2_000)).unwrap();
}

#[test]
fn times_from_2050_on_are_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (UnixTime::parse("2049-12-31T23:59:59Z").unwrap(), UnixTime::parse("2050-01-01T00:00:00Z").unwrap());
    let authority = Authority::mint(EncryptionAlgorithm::EcdsaP256, "kubernetes", from, to).unwrap();
    assert_eq!((authority.certificate().not_before(), authority.certificate().not_after()), (from, to));
    fs::write(folder.path().join("ca.crt"), authority.certificate_pem()).unwrap();
    let dates = openssl_ok(folder.path(), "x509 -in ca.crt -noout -dates");
    assert_eq!(dates, "notBefore=Dec 31 23:59:59 2049 GMT\nnotAfter=Jan  1 00:00:00 2050 GMT\n");
}

/// Each way in which material can be wrong, with the whole text that a person reads.
#[test]
fn wrong_material_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = minted();
    let other = minted();
    let checked = |change: &dyn Fn(&mut SharedPki)| {
        let mut pki = good.clone();
        change(&mut pki);
        pki.check(&good.ca.certificate).unwrap_err()
    };
    let expect = |fault: Fault, text: &str| {
        let ours = !text.starts_with("the cluster CA of the shared PKI is not the one");
        let named = if ours { Failure::PkiUnusable } else { Failure::CaMismatch };
        assert_eq!(fault.failure(), named);
        assert_eq!(fault.to_string(), text);
    };
    let key_advice = "write an unencrypted ECDSA key on P-256 or P-384 (\"EC PRIVATE KEY\" or \"PRIVATE KEY\") or an RSA key of 2048 to \
                      4096 bits (\"RSA PRIVATE KEY\" or \"PRIVATE KEY\")";

    expect(
        checked(&|pki| pki.ca.key = other.ca.key.clone()),
        "this key is not the key of the certificate in ca.crt\n  where:  ca.key\n  do:     take both files from the same place and time",
    );
    expect(
        checked(&|pki| pki.front_proxy_ca.key = other.ca.key.clone()),
        "this key is not the key of the certificate in front-proxy-ca.crt\n  where:  front-proxy-ca.key\n  do:     take both files from \
         the same place and time",
    );
    expect(
        checked(&|pki| pki.etcd_ca.certificate = other.etcd_ca.certificate.clone()),
        "this key is not the key of the certificate in etcd/ca.crt\n  where:  etcd/ca.key\n  do:     take both files from the same \
         place and time",
    );
    expect(
        checked(&|pki| pki.service_account_public_key = other.service_account_public_key.clone()),
        "this is not the public key of sa.key\n  where:  sa.pub\n  do:     take both files from the same place and time, or make sa.pub \
         anew: openssl pkey -in sa.key -pubout -out sa.pub",
    );
    expect(
        checked(&|pki| pki.ca = other.ca.clone()),
        "the cluster CA of the shared PKI is not the one that discovery.certificateAuthority names\n  where:  ca.crt\n  do:     use a \
         bundle and a document of the same mint",
    );
    expect(
        checked(&|pki| pki.ca.certificate = "nonsense".to_owned()),
        "this holds no PEM certificate\n  where:  ca.crt\n  do:     write PEM certificates (-----BEGIN CERTIFICATE-----)",
    );
    expect(
        checked(&|pki| pki.ca.certificate = pki.ca.certificate.replace("-----END", "")),
        "a PEM certificate is torn or no base64\n  where:  ca.crt\n  do:     write PEM certificates (-----BEGIN CERTIFICATE-----)",
    );
    expect(
        checked(&|pki| pki.ca.certificate = pem::write("CERTIFICATE", b"nonsense")),
        "a certificate can't be parsed\n  where:  ca.crt\n  do:     write PEM certificates (-----BEGIN CERTIFICATE-----)",
    );
    let leaf = client::sign(&good.authority().unwrap(), "leaf", &[], now(), now().plus(60)).unwrap();
    expect(
        checked(&|pki| {
            pki.ca = Pair { certificate: leaf.certificate_pem.clone(), key: leaf.key_pem.clone() };
        }),
        "this certificate is no CA\n  where:  ca.crt\n  do:     use the CA's certificate, not one that it signed; its basic constraints \
         say CA:TRUE",
    );

    let no_key = |text: &str, what: &str| {
        let fault = PrivateKey::from_pem(text, "sa.key").unwrap_err();
        assert_eq!(fault.to_string(), format!("{what}\n  where:  sa.key\n  do:     {key_advice}"));
    };
    no_key("", "this holds no PEM private key");
    no_key(&good.ca.certificate, "this is no private key but a PEM section \"CERTIFICATE\"");
    no_key(&good.ca.key.expose().replace('=', "!"), "the PEM section \"EC PRIVATE KEY\" is torn or no base64");
    no_key(&pem::write("DSA PRIVATE KEY", b"x"), "the private key is of a form that is not read: \"DSA PRIVATE KEY\"");
    no_key(&pem::write("PRIVATE KEY", b"x"), "the PEM section \"PRIVATE KEY\" is no PKCS#8 key");
    no_key(&pem::write("EC PRIVATE KEY", b"x"), "the private key is no ECDSA key on a named curve");
    for (line, what) in [
        ("genpkey -algorithm ed25519", "the private key is Ed25519, which kubeadm does not read"),
        ("genpkey -algorithm ed448", "the private key is neither RSA nor ECDSA"),
        ("genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-521", "the private key is on the curve P-521, which kubeboot does not read"),
        ("genpkey -algorithm ec -pkeyopt ec_paramgen_curve:secp256k1", "the private key is on a curve that kubeboot does not read"),
        ("genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -aes128 -pass pass:x", "the private key is protected by a passphrase"),
        ("genrsa -traditional -aes128 -passout pass:xxxx", "the private key is protected by a passphrase"),
    ] {
        openssl_ok(folder, &format!("{line} -out wrong.key"));
        no_key(&read(folder, "wrong.key"), what);
    }
    openssl_ok(folder, "genrsa -out small.key 1024");
    let fault = PrivateKey::from_pem(&read(folder, "small.key"), "sa.key").unwrap_err();
    assert_eq!((fault.what(), fault.why()), ("the RSA private key is refused", Some("ring: TooSmall")));
    openssl_ok(folder, "ecparam -genkey -name prime256v1 -out half.key");
    PrivateKey::from_pem(&read(folder, "half.key"), "sa.key").expect("EC PARAMETERS before the key are passed over");
    openssl_ok(folder, "ec -in half.key -no_public -out half.key");
    let fault = PrivateKey::from_pem(&read(folder, "half.key"), "sa.key").unwrap_err();
    assert_eq!(fault.what(), "the private key lacks its public half");
}

#[test]
fn a_rotated_ca_is_known_by_any_certificate_of_discovery() {
    let (pki, other) = (minted(), minted());
    let both = format!("{}{}", other.ca.certificate, pki.ca.certificate);
    assert_eq!(pki.check(&both), Ok(()));
    assert!(pki.check(&other.ca.certificate).is_err());
}

/// Some writers (and one key in 256) drop the scalar's leading zero octet; RFC 5915 has it.
#[test]
fn a_scalar_without_its_leading_zero_is_read() {
    for _ in 0..20_000 {
        let key = PrivateKey::generate_p256().unwrap();
        let whole = key.to_pem();
        let der = pem::sections(whole.expose()).remove(0).der.unwrap();
        let der = der.expose();
        assert_eq!(der[..7], [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20], "the layout that the next lines cut");
        if der[7] == 0 {
            let short = [&[0x30, 0x76, 0x02, 0x01, 0x01, 0x04, 0x1f], &der[8..]].concat();
            let read = PrivateKey::from_pem(&pem::write("EC PRIVATE KEY", &short), "short").unwrap();
            assert_eq!(read.to_pem(), whole);
            return;
        }
    }
    panic!("no key with a leading zero in 20000");
}

/// A key that any byte of was changed is refused or is still a whole pair; nothing panics.
#[test]
fn mangled_material_is_refused_without_panic() {
    let folder = tempfile::tempdir().unwrap();
    openssl_ok(folder.path(), "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out rsa.key");
    openssl_ok(folder.path(), "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out ec.key");
    let pki = minted();
    let mut sections = pem::sections(&read(folder.path(), "ec.key"));
    sections.extend(pem::sections(pki.ca.key.expose()));
    sections.extend(pem::sections(&pki.ca.certificate));
    // Most of an RSA key is numbers; its head is where the structure is.
    let rsa = pem::sections(&read(folder.path(), "rsa.key")).remove(0);
    for (section, positions) in sections.iter().map(|section| (section, usize::MAX)).chain([(&rsa, 64)]) {
        let der = section.der.as_ref().unwrap().expose();
        for position in 0..der.len().min(positions) {
            for change in [0x00, 0x7f, 0x80, 0xff, der[position] ^ 1, der[position].wrapping_add(1)] {
                let mut changed = der.clone();
                changed[position] = change;
                let text = pem::write(&section.label, &changed);
                if section.label == "CERTIFICATE" {
                    let _ = Certificate::all(&text, "x");
                } else if let Ok(key) = PrivateKey::from_pem(&text, "x") {
                    PrivateKey::from_pem(key.to_pem().expose(), "again").unwrap();
                }
            }
            let cut = pem::write(&section.label, &der[..position]);
            assert!(PrivateKey::from_pem(&cut, "x").is_err());
            assert!(Certificate::all(&cut, "x").is_err());
        }
    }
}

/// The vector of kubeadm's format: key 00..1f, nonce 00..0b, plaintext `kubeadm`.
#[test]
fn sealing_is_kubeadms() {
    let mut bytes = [0; 32];
    (0..32).zip(bytes.iter_mut()).for_each(|(n, byte)| *byte = n);
    let key = CertificateKey::new(bytes);
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&bytes[..12]);
    let sealed = seal::seal_value(b"kubeadm", &key, nonce).unwrap();
    let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "000102030405060708090a0b2c77b47ea481afbbb43f43e136590b8b7ef446c4c9855a");
    assert_eq!(seal::open_value(&sealed, &key).unwrap().expose(), b"kubeadm");
    // Every one-bit change, the nonce's and the tag's included, and every shorter text fails to open.
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(seal::open_value(&changed, &key), None, "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(seal::open_value(&sealed[..length], &key), None, "length {length}");
    }
}

fn sealed(pki: &SharedPki) -> SealedBundle {
    seal::seal(pki, &key(7), &mut random::fill).unwrap()
}

#[test]
fn a_bundle_opens_with_its_key_alone() {
    let pki = minted();
    let bundle = sealed(&pki);
    let names: Vec<_> = bundle.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["ca.crt", "ca.key", "etcd-ca.crt", "etcd-ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub"],
        "the names of Secret kubeadm-certs"
    );
    assert_eq!(seal::open(&bundle, &key(7)).unwrap(), pki);
    assert!(bundle.values().all(|value| !value.contains("LS0tLS1CRUdJTi")), "no value is PEM in base64");
    let mut nonces: Vec<_> = bundle.values().map(|value| value[..16].to_owned()).collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 8, "a nonce is used once");

    let fault = seal::open(&bundle, &key(8)).unwrap_err();
    assert_eq!(fault.failure(), Failure::CertificateKeyWrong);
    assert_eq!(
        fault.to_string(),
        "the certificate key does not open the bundle, or the bundle was changed\n  where:  bundle, ca.key\n  do:     use the \
         certificate key and the bundle of the same mint (or of the same `kubeadm init --upload-certs`)"
    );
}

/// The last of two would win silently, and a person sees the first.
#[test]
fn a_bundles_file_has_each_name_once() {
    let bundle = sealed(&minted());
    let json = serde_json::to_string_pretty(&bundle).unwrap();
    assert_eq!(seal::read(json.as_bytes()).unwrap(), bundle);
    let line = json.lines().find(|line| line.contains("\"ca.key\"")).unwrap();
    let twice = json.replacen('{', &format!("{{\n{line}"), 1);
    assert_eq!(seal::read(twice.as_bytes()).unwrap_err(), format!("line 4, column {}: a name is there twice", line.len() - 1));
    for (text, why) in [
        ("{", "line 1, column 1: not an object of texts"),
        ("[\"hunter2\"]", "line 1, column 0: not an object of texts"),
        ("{\"a\": \"hunter2\"} x", "line 1, column 18: not an object of texts"),
        ("{\"a\": {\"b\": \"hunter2\"}}", "line 1, column 6: not an object of texts"),
    ] {
        assert_eq!(seal::read(text.as_bytes()).unwrap_err(), why, "{text}");
    }
}

/// Every byte of every sealed value, the nonce's and the tag's included, and every character of its base64.
#[test]
fn a_bundle_with_any_one_byte_changed_does_not_open() {
    let good = sealed(&minted());
    let mut changes = 0;
    for (name, value) in &good {
        let refused = |text: String, at: usize| {
            let mut bundle = good.clone();
            bundle.insert(name.clone(), text);
            let failure = seal::open(&bundle, &key(7)).map(|_| ()).map_err(|fault| fault.failure());
            assert!(matches!(failure, Err(Failure::CertificateKeyWrong | Failure::PkiUnusable)), "{name}, byte {at}: {failure:?}");
        };
        let bytes = STANDARD.decode(value).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            refused(STANDARD.encode(&changed), at);
        }
        for at in 0..value.len() {
            let other = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut changed = value.clone();
            changed.replace_range(at..=at, other);
            refused(changed, at);
        }
        changes += bytes.len() + value.len();
    }
    assert!(changes > 5000, "{changes}");
}

#[test]
fn a_bundle_of_other_contents_is_refused() {
    let pki = minted();
    let good = sealed(&pki);
    let changed = |change: &dyn Fn(&mut SealedBundle)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        let fault = seal::open(&bundle, &key(7)).unwrap_err();
        let named = if fault.what().starts_with("the certificate key") { Failure::CertificateKeyWrong } else { Failure::PkiUnusable };
        assert_eq!(fault.failure(), named);
        fault.line()
    };
    for name in SharedName::ALL.map(SharedName::secret_key) {
        assert_eq!(changed(&|bundle| drop(bundle.remove(name))), format!("the bundle lacks {name} (bundle, {name})"));
        assert_eq!(
            changed(&|bundle| drop(bundle.insert(name.to_owned(), String::new()))),
            format!("the bundle lacks {name} (bundle, {name})")
        );
        assert_eq!(changed(&|bundle| bundle.get_mut(name).unwrap().push('!')), format!("this value is no base64 (bundle, {name})"));
    }
    assert_eq!(
        changed(&|bundle| drop(bundle.insert("../../passwd".to_owned(), String::new()))),
        "the bundle holds `../../passwd`, which is none of the shared files (bundle)"
    );
    let foreign = seal::seal_value(&[0xff, 0xfe], &key(7), [0; 12]).unwrap();
    let text = pem::write("X", &foreign).lines().nth(1).unwrap().to_owned();
    assert_eq!(
        changed(&|bundle| drop(bundle.insert("sa.pub".to_owned(), text.clone()))),
        "the opened value is no PEM text (bundle, sa.pub)"
    );
}

/// The bundle of a cluster that kubeadm made with its default keys: three RSA CAs and an RSA service-account pair.
#[test]
fn an_rsa_pki_made_by_openssl_is_sealed_opened_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pair = |name: &str| {
        openssl_ok(folder, &format!("req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.crt -days 3650 -subj /CN={name}"));
        openssl_ok(folder, &format!("rsa -traditional -in {name}.key -out {name}.key"));
        Pair { certificate: read(folder, &format!("{name}.crt")), key: Secret::new(read(folder, &format!("{name}.key"))) }
    };
    let mut pki = minted();
    (pki.ca, pki.front_proxy_ca, pki.etcd_ca) = (pair("kubernetes"), pair("front-proxy-ca"), pair("etcd-ca"));
    openssl_ok(folder, "genrsa -traditional -out sa.key 2048");
    openssl_ok(folder, "rsa -in sa.key -pubout -out sa.pub");
    (pki.service_account_key, pki.service_account_public_key) = (Secret::new(read(folder, "sa.key")), read(folder, "sa.pub"));
    let opened = seal::open(&sealed(&pki), &key(7)).unwrap();
    assert_eq!(opened, pki);
    assert_eq!(opened.check(&read(folder, "kubernetes.crt")), Ok(()));
}

/// A CA that was made a minute ago, and one that ends in an hour: what is signed for ten minutes ago to two hours hence
/// shrinks to the CA's own time. Of nothing left, nothing is signed.
#[test]
fn short_certificates_shrink_into_their_authoritys_time() {
    let now = now();
    let short = |from: i64, to: i64| {
        let authority = Authority::mint(EncryptionAlgorithm::EcdsaP256, "kubernetes", now.plus(from), now.plus(to)).unwrap();
        client::sign_within(&authority, "system:bootstrap:cp-1", &[client::BOOTSTRAPPERS], now.plus(-600), now.plus(7200))
            .map(|signed| (authority.certificate_pem().to_owned(), signed))
    };
    for ((from, to), window) in
        [((-60, DAY), (-60, 7200)), ((-DAY, 3600), (-600, 3600)), ((-60, 60), (-60, 60)), ((-DAY, DAY), (-600, 7200))]
    {
        let (ca, signed) = short(from, to).unwrap();
        let certificate = Certificate::first(&signed.certificate_pem, "client").unwrap();
        assert_eq!((certificate.not_before(), certificate.not_after()), (now.plus(window.0), now.plus(window.1)), "{from}..{to}");
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.crt"), ca).unwrap();
        fs::write(folder.path().join("client.crt"), &signed.certificate_pem).unwrap();
        openssl_ok(folder.path(), "verify -x509_strict -purpose sslclient -CAfile ca.crt client.crt");
    }
    for (from, to) in [(7200, DAY), (-DAY, -600)] {
        assert_eq!(short(from, to).unwrap_err().failure(), Failure::PkiUnusable, "{from}..{to}");
    }
}

/// What a power cut leaves of our own writing is the bundle's, file by file; what is not is another PKI's, and is named.
#[test]
fn files_of_another_pki_are_refused_by_name() {
    let (ours, theirs) = (minted(), minted());
    let of = |pki: &SharedPki, name: SharedName| (name, Secret::new(pki.text(name).to_owned()));
    for count in 0..=SharedName::ALL.len() {
        let found: Vec<_> = SharedName::ALL[..count].iter().map(|name| of(&ours, *name)).collect();
        assert_eq!(refuse_foreign(&found, &ours), Ok(()), "{count}");
    }
    let found = [of(&ours, SharedName::CaKey), of(&theirs, SharedName::EtcdCaKey), of(&theirs, SharedName::ServiceAccountPublicKey)];
    let fault = refuse_foreign(&found, &ours).unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::PkiForeign, "/etc/kubernetes/pki/etcd/ca.key, /etc/kubernetes/pki/sa.pub"));
    assert!(!fault.to_string().contains("BEGIN"), "{fault}");
}
