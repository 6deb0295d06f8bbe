//! Private keys: read in the containers that kubeadm reads, written in the ones that kubeadm writes
//! (client-go util/keyutil), generated and used to sign.
//!
//! ring wants PKCS#8 or bare numbers and kubeadm before 1.34 wants SEC1 for downloaded EC keys (kubeadm.md §2.3),
//! so the small conversions between the forms (RFC 5915, RFC 5958, RFC 8017) are here.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};

use crate::document::spec::EncryptionAlgorithm;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::secret::Secret;

use super::der::{self, BIT_STRING, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, Wiped};
use super::{pem, random, rsa};

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A curve that is read and signed with. kubeadm reads keys on any curve that Go knows, and makes keys on these two
/// (encryptionAlgorithm, kubeadm.md §1.3).
struct Curve {
    /// Its name in faults.
    name: &'static str,
    /// Its object identifier.
    oid: &'static [u8],
    /// Octets of a scalar.
    scalar: usize,
    /// With the hash that Go, and so kubeadm, takes for the curve.
    signing: &'static EcdsaSigningAlgorithm,
    /// Object identifier of that signature.
    signature: &'static [u8],
}

static P256: Curve = Curve {
    name: "P-256",
    oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    scalar: 32,
    signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
    signature: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
};
static P384: Curve = Curve {
    name: "P-384",
    oid: &[0x2b, 0x81, 0x04, 0x00, 0x22],
    scalar: 48,
    signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
    signature: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
};

/// A private key whose private and public half are known to belong together (ring checks it at the door).
pub struct PrivateKey(Kind);

enum Kind {
    Ec { curve: &'static Curve, scalar: Secret<Vec<u8>>, pair: EcdsaKeyPair },
    Rsa { pkcs1: Secret<Vec<u8>>, pair: RsaKeyPair },
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.0 {
            Kind::Ec { curve, .. } => curve.name,
            Kind::Rsa { .. } => "RSA",
        };
        write!(f, "PrivateKey({kind}, [redacted])")
    }
}

fn unreadable(at: &str, what: &str) -> Fault {
    let advice = "write an unencrypted ECDSA key on P-256 or P-384 (\"EC PRIVATE KEY\" or \"PRIVATE KEY\") or an RSA key of 2048 to \
                  4096 bits (\"RSA PRIVATE KEY\" or \"PRIVATE KEY\")";
    Fault::new(Failure::PkiUnusable, what, at, advice)
}

impl PrivateKey {
    /// A new key, `encryptionAlgorithm`'s.
    ///
    /// # Errors
    /// [`Failure::NoRandomness`] if the kernel gives no randomness.
    pub fn generate(algorithm: EncryptionAlgorithm) -> Result<Self, Fault> {
        let bits = match algorithm {
            EncryptionAlgorithm::EcdsaP256 => return Self::generate_p256(),
            EncryptionAlgorithm::EcdsaP384 => return generate_on(&P384),
            EncryptionAlgorithm::Rsa2048 => 2048,
            EncryptionAlgorithm::Rsa3072 => 3072,
            EncryptionAlgorithm::Rsa4096 => 4096,
        };
        from_pkcs1(rsa::generate(bits)?.expose(), "key generation")
    }

    /// A new P-256 key.
    ///
    /// # Errors
    /// [`Failure::NoRandomness`] if the kernel gives no randomness.
    pub fn generate_p256() -> Result<Self, Fault> {
        generate_on(&P256)
    }

    /// Reads the first private key of a PEM text: PKCS#1, SEC1 or PKCS#8; an "EC PARAMETERS" section before it is
    /// passed over. `at` names the text in faults.
    ///
    /// # Errors
    /// [`Failure::PkiUnusable`]: no key, a torn or encrypted one, or a kind that is not read; it names which.
    pub fn from_pem(text: &str, at: &str) -> Result<Self, Fault> {
        let sections = pem::sections(text);
        let Some(section) = sections.iter().find(|section| section.label.ends_with("PRIVATE KEY")) else {
            return Err(match sections.first() {
                Some(other) => unreadable(at, &format!("this is no private key but a PEM section \"{}\"", other.label)),
                None => unreadable(at, "this holds no PEM private key"),
            });
        };
        if section.label == "ENCRYPTED PRIVATE KEY" || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(unreadable(at, "the private key is protected by a passphrase"));
        }
        let Some(der) = &section.der else {
            return Err(unreadable(at, &format!("the PEM section \"{}\" is torn or no base64", section.label)));
        };
        match section.label.as_str() {
            "EC PRIVATE KEY" => from_sec1(der.expose(), None, at),
            "RSA PRIVATE KEY" => from_pkcs1(der.expose(), at),
            "PRIVATE KEY" => from_pkcs8(der.expose(), at),
            other => Err(unreadable(at, &format!("the private key is of a form that is not read: \"{other}\""))),
        }
    }

    /// The key as kubeadm writes it: "EC PRIVATE KEY" (SEC1 with the curve's name) or "RSA PRIVATE KEY" (PKCS#1).
    #[must_use]
    pub fn to_pem(&self) -> Secret<String> {
        match &self.0 {
            Kind::Ec { curve, scalar, pair } => {
                let sec1 = Wiped(der::value(
                    SEQUENCE,
                    &[
                        &der::integer(&[1]),
                        &Wiped(der::value(OCTET_STRING, &[scalar.expose()])).0,
                        &der::value(der::context(0), &[&der::value(OID, &[curve.oid])]),
                        &der::value(der::context(1), &[&der::bit_string(pair.public_key().as_ref())]),
                    ],
                ));
                Secret::new(pem::write("EC PRIVATE KEY", &sec1.0))
            }
            Kind::Rsa { pkcs1, .. } => Secret::new(pem::write("RSA PRIVATE KEY", pkcs1.expose())),
        }
    }

    /// The public key as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER.
    #[must_use]
    pub fn public_key_info(&self) -> Vec<u8> {
        let algorithm = match &self.0 {
            Kind::Ec { curve, .. } => der::value(SEQUENCE, &[&der::value(OID, &[EC_PUBLIC_KEY]), &der::value(OID, &[curve.oid])]),
            Kind::Rsa { .. } => der::value(SEQUENCE, &[&der::value(OID, &[RSA_ENCRYPTION]), &der::value(der::NULL, &[])]),
        };
        der::value(SEQUENCE, &[&algorithm, &der::bit_string(self.public_bits())])
    }

    /// The public key in PEM, "PUBLIC KEY", the form of sa.pub.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem::write("PUBLIC KEY", &self.public_key_info())
    }

    /// What the bit string of SubjectPublicKeyInfo holds: a curve point or an RSAPublicKey.
    #[must_use]
    pub fn public_bits(&self) -> &[u8] {
        match &self.0 {
            Kind::Ec { pair, .. } => pair.public_key().as_ref(),
            Kind::Rsa { pair, .. } => pair.public_key().as_ref(),
        }
    }

    /// AlgorithmIdentifier of [`Self::sign`]: ecdsa-with-SHA256, ecdsa-with-SHA384 or sha256WithRSAEncryption.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match &self.0 {
            Kind::Ec { curve, .. } => der::value(SEQUENCE, &[&der::value(OID, &[curve.signature])]),
            Kind::Rsa { .. } => der::value(SEQUENCE, &[&der::value(OID, &[RSA_SHA256]), &der::value(der::NULL, &[])]),
        }
    }

    /// Signs with SHA-256, or the curve's hash.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let failed = |_| Fault::new(Failure::NoRandomness, "signing failed", "private key", "check that this kernel has getrandom");
        match &self.0 {
            Kind::Ec { pair, .. } => Ok(pair.sign(&random::source(), message).map_err(failed)?.as_ref().to_vec()),
            Kind::Rsa { pair, .. } => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random::source(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

/// A new key on a curve.
fn generate_on(curve: &Curve) -> Result<PrivateKey, Fault> {
    let broken = |what| Fault::new(Failure::NoRandomness, what, "key generation", "check that this kernel has getrandom");
    let document = EcdsaKeyPair::generate_pkcs8(curve.signing, &random::source()).map_err(|_| broken("no key could be generated"))?;
    from_pkcs8(document.as_ref(), "key generation")
}

/// PKCS#8 (RFC 5958): version, algorithm, octets; attributes after them are passed over.
fn from_pkcs8(bytes: &[u8], at: &str) -> Result<PrivateKey, Fault> {
    let parse = || {
        let mut outer = Reader::new(bytes).enter(SEQUENCE)?;
        outer.next(INTEGER)?;
        let mut algorithm = outer.enter(SEQUENCE)?;
        let kind = algorithm.next(OID)?;
        let curve = if algorithm.peek() == Some(OID) { algorithm.next(OID) } else { None };
        Some((kind, curve, outer.next(OCTET_STRING)?))
    };
    match parse() {
        Some((RSA_ENCRYPTION, _, key)) => from_pkcs1(key, at),
        Some((EC_PUBLIC_KEY, curve, key)) => from_sec1(key, curve, at),
        Some((ED25519, ..)) => Err(unreadable(at, "the private key is Ed25519, which kubeadm does not read")),
        Some(_) => Err(unreadable(at, "the private key is neither RSA nor ECDSA")),
        None => Err(unreadable(at, "the PEM section \"PRIVATE KEY\" is no PKCS#8 key")),
    }
}

/// SEC1 (RFC 5915); inside of PKCS#8 the curve stands outside.
fn from_sec1(bytes: &[u8], outer_curve: Option<&[u8]>, at: &str) -> Result<PrivateKey, Fault> {
    let parse = || {
        let mut key = Reader::new(bytes).enter(SEQUENCE)?;
        key.next(INTEGER)?;
        let scalar = key.next(OCTET_STRING)?;
        let curve = if key.peek() == Some(der::context(0)) { Some(key.enter(der::context(0))?.next(OID)?) } else { None };
        let point = if key.peek() == Some(der::context(1)) { key.enter(der::context(1))?.next(BIT_STRING)? } else { &[] };
        key.is_empty().then_some((scalar, curve.or(outer_curve), point))
    };
    let Some((scalar, curve, point)) = parse() else {
        return Err(unreadable(at, "the private key is no ECDSA key on a named curve"));
    };
    let curve = match curve {
        Some(oid) if oid == P256.oid => &P256,
        Some(oid) if oid == P384.oid => &P384,
        Some(P521) => return Err(unreadable(at, "the private key is on the curve P-521, which kubeboot does not read")),
        _ => return Err(unreadable(at, "the private key is on a curve that kubeboot does not read")),
    };
    // The first octet of a bit string counts unused bits.
    let Some((0, point)) = point.split_first().map(|(unused, point)| (*unused, point)) else {
        return Err(Fault::new(
            Failure::PkiUnusable,
            "the private key lacks its public half",
            at,
            "write it anew with `openssl ec -in OLD -out NEW`, which adds it",
        ));
    };
    // Some writers drop leading zero octets of the scalar.
    let mut padded = Wiped(vec![0; curve.scalar.saturating_sub(scalar.len())]);
    padded.0.extend_from_slice(scalar);
    let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing, &padded.0, point, &random::source()).map_err(|rejected| {
        let what = format!("the private and the public half of the {} key do not belong together", curve.name);
        unreadable(at, &what).because(rejected.to_string())
    })?;
    Ok(PrivateKey(Kind::Ec { curve, scalar: Secret::new(std::mem::take(&mut padded.0)), pair }))
}

/// PKCS#1 (RFC 8017 appendix A.1.2).
fn from_pkcs1(bytes: &[u8], at: &str) -> Result<PrivateKey, Fault> {
    let pair = RsaKeyPair::from_der(bytes)
        .map_err(|rejected| unreadable(at, "the RSA private key is refused").because(format!("ring: {rejected}")))?;
    Ok(PrivateKey(Kind::Rsa { pkcs1: Secret::new(bytes.to_vec()), pair }))
}

/// The public bits of a PEM "PUBLIC KEY" text, to be compared with [`PrivateKey::public_bits`]. `at` names the text.
///
/// # Errors
/// [`Failure::PkiUnusable`] if it is none.
pub fn public_bits_of_pem(text: &str, at: &str) -> Result<Vec<u8>, Fault> {
    let parse = || {
        let section = pem::sections(text).into_iter().find(|section| section.label == "PUBLIC KEY")?;
        let der = section.der?;
        let mut info = Reader::new(der.expose()).enter(SEQUENCE)?;
        info.next(SEQUENCE)?;
        Some(info.next(BIT_STRING)?.split_first()?.1.to_vec())
    };
    parse().ok_or_else(|| {
        let advice = "write the public key as PEM \"PUBLIC KEY\", as `openssl pkey -in sa.key -pubout` prints it";
        Fault::new(Failure::PkiUnusable, "this is no PEM public key", at, advice)
    })
}
