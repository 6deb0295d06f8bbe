//! Sealed bundles: kubeadm's own format, the `data` of Secret kubeadm-certs (kubeadm.md §3). Each value is base64 of
//! nonce ‖ AES-256-GCM ciphertext ‖ tag over the file's bytes, without associated data.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use zeroize::Zeroize;

use crate::document::field::CertificateKey;
use crate::document::spec::SealedBundle;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::secret::Secret;

use super::random::Randomness;
use super::shared::{SharedName, SharedPki};

fn cipher(key: &CertificateKey) -> Result<LessSafeKey, Fault> {
    let unusable = |_| Fault::new(Failure::Bug, "AES-256-GCM refused its key", "certificateKey", "report this");
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).map_err(unusable)?))
}

/// Seals one value under a nonce that must never be used twice with a key: nonce ‖ ciphertext ‖ tag.
///
/// # Errors
/// [`Failure::Bug`] only.
pub fn seal_value(plain: &[u8], key: &CertificateKey, nonce: [u8; NONCE_LEN]) -> Result<Vec<u8>, Fault> {
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    // Room for the tag is there, so that sealing never leaves a copy of the plain text behind in a smaller buffer.
    let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
    text.extend_from_slice(plain);
    let failed = |_| Fault::new(Failure::Bug, "AES-256-GCM refused a value", "bundle", "report this");
    cipher(key)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).map_err(failed)?;
    sealed.extend_from_slice(&text);
    Ok(sealed)
}

/// Opens one value; `None` if the key is wrong or any bit was changed, which can't be told apart.
#[must_use]
pub fn open_value(sealed: &[u8], key: &CertificateKey) -> Option<Secret<Vec<u8>>> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = rest.to_vec();
    let opened = cipher(key).ok()?.open_in_place(nonce, Aad::empty(), &mut text).ok().map(|plain| plain.to_vec());
    text.zeroize();
    opened.map(Secret::new)
}

/// Seals the eight files, each under a nonce of its own.
///
/// # Errors
/// Those of `random`.
pub fn seal(pki: &SharedPki, key: &CertificateKey, random: Randomness<'_>) -> Result<SealedBundle, Fault> {
    let mut bundle = SealedBundle::new();
    for name in SharedName::ALL {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        bundle.insert(name.secret_key().to_owned(), STANDARD.encode(seal_value(pki.text(name).as_bytes(), key, nonce)?));
    }
    Ok(bundle)
}

/// A bundle as its file has it: one JSON object, file name to base64 text.
///
/// # Errors
/// Where and why it is none, without a word of its values. A name that is there twice, too: which of the two is meant is
/// nobody's to guess.
pub fn read(json: &[u8]) -> Result<SealedBundle, String> {
    let place = |error: &serde_json::Error| format!("line {}, column {}", error.line(), error.column());
    match serde_json::from_slice(json) {
        Ok(Once(bundle)) => Ok(bundle),
        Err(error) if error.to_string().starts_with(TWICE) => Err(format!("{}: {TWICE}", place(&error))),
        Err(error) => Err(format!("{}: not an object of texts", place(&error))),
    }
}

const TWICE: &str = "a name is there twice";

/// A map in which no name is there twice; serde's own takes the last one.
struct Once(SealedBundle);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = SealedBundle;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SealedBundle, A::Error> {
                let mut bundle = SealedBundle::new();
                while let Some((name, sealed)) = map.next_entry::<String, String>()? {
                    if bundle.insert(name, sealed).is_some() {
                        return Err(Error::custom(TWICE));
                    }
                }
                Ok(bundle)
            }
        }

        deserializer.deserialize_map(Names).map(Self)
    }
}

/// Opens a bundle. What it holds is not checked beyond being text: that is [`SharedPki::check`]'s.
///
/// # Errors
/// [`Failure::PkiUnusable`]: a name that is not one of the eight, one missing or empty, no base64;
/// [`Failure::CertificateKeyWrong`].
pub fn open(bundle: &SealedBundle, key: &CertificateKey) -> Result<SharedPki, Fault> {
    let advice = "use the certificate key and the bundle of the same mint (or of the same `kubeadm init --upload-certs`)";
    if let Some(unknown) = bundle.keys().find(|name| SharedName::ALL.iter().all(|known| known.secret_key() != name.as_str())) {
        let shown: String = unknown.escape_debug().take(64).collect();
        let what = format!("the bundle holds `{shown}`, which is none of the shared files");
        let only = SharedName::ALL.map(SharedName::secret_key).join(", ");
        return Err(Fault::new(Failure::PkiUnusable, what, "bundle", format!("only these belong in it: {only}")));
    }
    SharedPki::from_files(|name| {
        let at = format!("bundle, {}", name.secret_key());
        let Some(text) = bundle.get(name.secret_key()).filter(|text| !text.is_empty()) else {
            let what = format!("the bundle lacks {}", name.secret_key());
            let advice = "make the bundle anew on a control plane that has all shared files (stacked etcd, CA keys on disk)";
            return Err(Fault::new(Failure::PkiUnusable, what, at, advice));
        };
        let sealed = STANDARD.decode(text).map_err(|_| Fault::new(Failure::PkiUnusable, "this value is no base64", at.clone(), advice))?;
        let Some(plain) = open_value(&sealed, key) else {
            return Err(Fault::new(
                Failure::CertificateKeyWrong,
                "the certificate key does not open the bundle, or the bundle was changed",
                at,
                advice,
            ));
        };
        match std::str::from_utf8(plain.expose()) {
            Ok(text) => Ok(Secret::new(text.to_owned())),
            Err(_) => Err(Fault::new(Failure::PkiUnusable, "the opened value is no PEM text", at, advice)),
        }
    })
}
