//! What others say goes to the console, the journal and `status.json`: nothing that looks like a secret goes along.

/// Stands for what was cut out.
const CUT: &str = "[cut out]";

/// The text without bootstrap tokens, certificate keys, private keys, service-account tokens and base64 of PEM.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    // A key in PEM is many words: from its first line to its last, or to the end.
    while let Some((before, key)) = rest.split_once("-----BEGIN ") {
        kept.push_str(&words(before));
        kept.push_str(CUT);
        rest = key.split_once("-----END ").and_then(|(_, after)| after.split_once("-----")).map_or("", |(_, after)| after);
    }
    kept.push_str(&words(rest));
    kept
}

const fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '/' | '=' | ':')
}

fn words(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_of_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_of_word(c)).unwrap_or(from.len()));
        kept.push_str(before);
        kept.push_str(if is_secret(word) { CUT } else { word });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn is_secret(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ':']);
    // `-----BEGIN` and `{"` in base64: PEM, and a JSON Web Token.
    let encoded = word.contains("LS0tLS1CRUdJTi") || word.split([':', '=']).any(|part| part.starts_with("eyJ"));
    encoded || word.split([':', '=', '/']).any(is_token) || is_certificate_key(word)
}

/// A bootstrap token: `[a-z0-9]{6}.[a-z0-9]{16}` (kubeadm.md §4.1).
fn is_token(word: &str) -> bool {
    let is_part = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    word.split_once('.').is_some_and(|(id, secret)| is_part(id, 6) && is_part(secret, 16))
}

/// 64 hexadecimal digits. With `sha256:` before them they are a digest, which is no secret.
fn is_certificate_key(word: &str) -> bool {
    let mut parts = word.split([':', '=', '/']).rev();
    let is_key = parts.next().is_some_and(|last| last.len() == 64 && last.bytes().all(|b| b.is_ascii_hexdigit()));
    is_key && parts.next() != Some("sha256")
}
