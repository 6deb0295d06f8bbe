//! What a secret looks like when it leaks: the bytes to search for, in every form that a program might write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::path::Path;

use crate::outcome::{Outcome, While};

/// The private keys of a bundle, by their names in Secret kubeadm-certs.
pub const BUNDLE_KEYS: [&str; 4] = ["ca.key", "etcd-ca.key", "front-proxy-ca.key", "sa.key"];

struct Needle {
    label: String,
    bytes: Vec<u8>,
}

/// All secrets of a cluster, ready to be searched for.
pub struct Needles {
    needles: Vec<Needle>,
    /// By the first two bytes, so that most of a haystack is passed in one look.
    starts: Vec<Vec<u32>>,
}

impl Needles {
    pub fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = self.needles.iter().map(|needle| needle.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    /// The labels found in `haystack`, each once.
    pub fn found_in(&self, haystack: &[u8]) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for (at, pair) in haystack.windows(2).enumerate() {
            for index in &self.starts[usize::from(pair[0]) << 8 | usize::from(pair[1])] {
                let Some(needle) = self.needles.get(*index as usize) else {
                    continue;
                };
                if haystack[at..].starts_with(&needle.bytes) && !found.contains(&needle.label.as_str()) {
                    found.push(&needle.label);
                }
            }
        }
        found
    }
}

#[derive(Default)]
pub struct Gathering {
    needles: Vec<Needle>,
}

impl Gathering {
    pub fn finish(self) -> Needles {
        let mut starts = vec![Vec::new(); 1 << 16];
        for (index, needle) in (0u32..).zip(&self.needles) {
            starts[usize::from(needle.bytes[0]) << 8 | usize::from(needle.bytes[1])].push(index);
        }
        Needles { needles: self.needles, starts }
    }

    fn push(&mut self, label: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        // Anything shorter would be found by chance.
        if bytes.len() >= 12 {
            self.needles.push(Needle { label: label.to_owned(), bytes });
        }
    }

    /// A secret that is text: itself, and base64 of it at any place in a longer text.
    pub fn text(&mut self, label: &str, text: &str) {
        self.push(label, text);
        self.encoded(label, text.as_bytes());
    }

    /// Base64 of `bytes` wherever they stand in what was encoded. In pieces, because PEM breaks lines.
    fn encoded(&mut self, label: &str, bytes: &[u8]) {
        for before in 0..3 {
            let mut shifted = vec![0; before];
            shifted.extend(bytes);
            let text = STANDARD.encode(&shifted);
            // The first and last characters also hold bits of the neighbours.
            let inner = &text[4..text.len() - 4];
            for piece in inner.as_bytes().windows(20).step_by(5) {
                self.push(label, piece);
            }
        }
    }

    /// A private key in PEM, as it stands; and its secret number in any other wrapping of it.
    pub fn private_key(&mut self, label: &str, pem: &str) -> Outcome<()> {
        let body: Vec<&str> = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        for line in body.iter().filter(|line| line.len() >= 40) {
            self.push(label, *line);
        }
        let der = STANDARD.decode(body.concat()).whilst(format_args!("{label}: not PEM"))?;
        let secret = secret_number(&der);
        self.push(label, secret);
        self.encoded(label, secret);
        // As kubeconfigs hold it: base64 of PEM.
        let whole = STANDARD.encode(pem);
        for piece in whole.as_bytes().chunks(40).skip(2).filter(|piece| piece.len() == 40) {
            self.push(label, piece);
        }
        Ok(())
    }

    /// The keys of the shared PKI in a minted folder, which not every document holds.
    pub fn shared(&mut self, pki: &Path) -> Outcome<()> {
        for name in BUNDLE_KEYS {
            let path = pki.join(name.replace("etcd-ca", "etcd/ca"));
            self.private_key(name, &std::fs::read_to_string(&path).whilst(path.display())?)?;
        }
        Ok(())
    }

    /// Everything secret that `kubeboot mint` wrote in one text.
    pub fn minted(&mut self, text: &str) -> Outcome<()> {
        for pem in pem_blocks(text) {
            self.private_key("private key in a document", &pem)?;
        }
        for (_, encoded) in values(text, "client-key-data") {
            let pem = STANDARD.decode(encoded).whilst("client-key-data")?;
            self.private_key("key of the minted admin.conf", &String::from_utf8_lossy(&pem))?;
        }
        for (_, token) in values(text, "bootstrapToken") {
            let (_, secret) = token.split_once('.').whilst("bootstrapToken without a dot")?;
            self.text("bootstrap token", secret);
        }
        let Some((_, certificate_key)) = values(text, "certificateKey").into_iter().next() else {
            return Ok(());
        };
        let key = unhex(&certificate_key).whilst("certificateKey is not hex")?;
        self.text("certificate key", &certificate_key);
        self.push("certificate key", key.as_slice());
        self.encoded("certificate key", &key);
        for name in BUNDLE_KEYS {
            for (_, sealed) in values(text, name) {
                let sealed = STANDARD.decode(&sealed).whilst(name)?;
                self.private_key(name, &open(&key, &sealed).whilst(name)?)?;
            }
        }
        Ok(())
    }
}

/// `name: value` wherever it stands, quoted or not, in YAML or JSON.
fn values(text: &str, name: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(name) {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let after = text[at + name.len()..].trim_start_matches(['"', '\'']);
        if !(before.is_whitespace() || "\"'{,".contains(before)) || !after.starts_with(':') {
            continue;
        }
        let value = after[1..].trim_start().trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| c.is_whitespace() || "\"',}".contains(c)).unwrap_or(value.len());
        if end > 0 {
            found.push((at, value[..end].to_owned()));
        }
    }
    found
}

/// The private keys in a text, without the indentation YAML gives them, also where JSON wrote `\n`.
fn pem_blocks(text: &str) -> Vec<String> {
    let text = text.replace("\\n", "\n");
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        let line = line.trim().trim_matches('"');
        let line = line.find("-----BEGIN").map_or(line, |start| &line[start..]);
        if line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY") {
            block = Some(String::new());
        }
        if let Some(lines) = &mut block {
            lines.push_str(line);
            lines.push('\n');
            if line.starts_with("-----END") {
                blocks.extend(block.take());
            }
        }
    }
    blocks
}

/// The part of a key that is nowhere public: the number of an elliptic key, or a stretch among the primes of RSA.
fn secret_number(der: &[u8]) -> &[u8] {
    // INTEGER 1, OCTET STRING of 32 or 48 bytes (P-256, P-384): ECPrivateKey, which PKCS#8 wraps.
    for length in [0x20, 0x30] {
        let mark = [0x02, 0x01, 0x01, 0x04, length];
        if let Some(at) = der.windows(mark.len()).position(|window| window == mark)
            && let Some(number) = der.get(at + mark.len()..at + mark.len() + 32)
        {
            return number;
        }
    }
    // Version, modulus and exponent come first; then the private exponent and the primes.
    let at = der.len() * 7 / 10;
    der.get(at..at + 32).unwrap_or(der)
}

/// kubeadm's seal: a nonce, then AES-256-GCM under the certificate key.
fn open(key: &[u8], sealed: &[u8]) -> Outcome<String> {
    let key = UnboundKey::new(&AES_256_GCM, key).whilst("certificate key")?;
    let (nonce, rest) = sealed.split_at_checked(12).whilst("too short")?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).whilst("nonce")?;
    let mut content = rest.to_vec();
    let opened = LessSafeKey::new(key).open_in_place(nonce, Aad::empty(), &mut content).whilst("does not open")?;
    String::from_utf8(opened.to_vec()).whilst("not text")
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (text.len() == 64).then(|| (0..32).map(|at| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()).collect()).flatten()
}
