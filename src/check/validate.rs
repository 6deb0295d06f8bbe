//! What a kubeadm on this machine is asked, and what of its answer may be shown.

use crate::document::field::{BootstrapToken, CertificateKey, Cidr, KubernetesVersion};
use crate::document::shown::is_field_name;
use crate::document::spec::{BootstrapCredential, ClusterSpec, EncryptionAlgorithm, NodeSpec, PkiSource};
use crate::document::{Disposal, Document, Violations, read_node};
use crate::fault::Fault;
use crate::kubeadm::censor::without_secrets;
use crate::kubeadm::config::{self, Secrets, Spelt};
use crate::mint::{Basis, EarlierBundle, FileKind, MintOptions, MintedFile, mint};
use crate::moment::UnixTime;
use crate::pki::random::Randomness;
use crate::pki::shared::SharedPki;
use crate::secret::Secret;

use super::{Diagnostic, Rule};

/// Stand for the secrets: of the form that kubeadm demands.
const CERTIFICATE_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const TOKEN: &str = "000000.0000000000000000";
/// Seconds; the CAs of [`documents`] outlive mint's window.
const A_DAY: i64 = 24 * 3600;
/// Longest answer that is shown, characters.
const ANSWER: usize = 600;

/// The documents that mint would make of a cluster file, by their names: what kubeadm is asked about, for nothing else reads
/// a cluster file's kubeadm documents. Their keys are of no use to anybody, and of the kind that is made at once.
///
/// # Errors
/// [`crate::failure::Failure::NoRandomness`]; mint, or the reader of its documents, contradicts the reader of cluster files.
pub fn documents(spec: &ClusterSpec, now: UnixTime, random: Randomness<'_>) -> Result<Vec<(String, NodeSpec)>, Fault> {
    let pki = SharedPki::mint(EncryptionAlgorithm::EcdsaP256, now, now.plus(2 * A_DAY))?;
    let mut key = [0; 32];
    random(&mut key)?;
    let basis = Basis::Minted { pki, key: CertificateKey::new(key), bundle: EarlierBundle::None };
    let options = MintOptions { admin_valid_for: Some(config::A_WINDOW), ..MintOptions::plain(now, config::A_WINDOW) };
    let minted = mint(spec, &options, basis, random)?;
    let documents = minted.files.into_iter().filter(|file| file.kind == FileKind::Document);
    let read = |file: MintedFile| {
        let (origin, disposal) = (file.name.clone(), Disposal::Remove(Vec::new()));
        let document = Document { origin, bytes: file.bytes, instance_id: None, disposal };
        read_node(&document).map(|spec| (file.name, spec)).map_err(Violations::into_fault)
    };
    documents.map(read).collect()
}

/// What `kubeadm init` and `kubeadm join` would read, as far as the document's machine runs them. kubeadm looks whether
/// the discovery's kubeconfig exists, and never into it: `existing` is any file that does.
#[must_use]
pub fn configurations(spec: &NodeSpec, existing: &str) -> Vec<Secret<String>> {
    let name = spec.registration.name.as_ref().map_or_else(|| "node".to_owned(), ToString::to_string);
    // Addresses of documentation (RFC 5737, RFC 3849), of the cluster's family.
    let is_ipv4 = spec.networking.service_subnets.iter().all(Cidr::is_ipv4);
    let identity = Spelt { name, address: if is_ipv4 { "192.0.2.1" } else { "2001:db8::1" }.to_owned() };
    let mut join = config::join(spec, &identity);
    if let Some(path) = join.iter_mut().find_map(|document| document.pointer_mut("/discovery/file/kubeConfigPath")) {
        *path = existing.into();
    }
    let mut found = vec![join];
    if spec.initialize.is_some() {
        let secrets = Secrets {
            certificate_key: matches!(spec.pki, Some(PkiSource::Secret { .. })).then_some(CERTIFICATE_KEY),
            bootstrap_token: matches!(spec.discovery.credential, Some(BootstrapCredential::Token(_))).then_some((TOKEN, config::A_WINDOW)),
        };
        found.push(config::init(spec, &identity, secrets));
    }
    found.iter().map(|documents| Secret::new(config::render(documents))).collect()
}

/// There is no kubeadm to ask.
#[must_use]
pub fn absent() -> Diagnostic {
    let problem = "no kubeadm is on PATH, so that its own `kubeadm config validate` was not asked";
    let advice = "nothing has to be done; with the kubeadm of the machines' image more is found";
    Diagnostic::of_file(Rule::KubeadmAbsent, "kubeadm", problem, advice)
}

/// The kubeadm that is there is of another minor, whose fields, gates and versions are others.
#[must_use]
pub fn other(program: &str, found: KubernetesVersion, wanted: KubernetesVersion) -> Diagnostic {
    let problem = format!("this kubeadm is {found}, and was not asked about documents for {wanted}");
    Diagnostic::of_file(Rule::KubeadmAbsent, program, problem, format!("nothing has to be done; kubeadm {wanted} would be asked"))
}

/// There is one, but it can't be asked.
#[must_use]
pub fn silent(program: &str, why: &str) -> Diagnostic {
    let problem = format!("kubeadm could not be asked: {}", without_secrets(why));
    Diagnostic::of_file(Rule::KubeadmSilent, program, problem, "mend it, or take it off PATH")
}

/// kubeadm refuses the configuration. `document`: which of those that mint would make of this file.
#[must_use]
pub fn refused(file: &str, document: Option<&str>, version: KubernetesVersion, answer: &str) -> Diagnostic {
    let (whose, advice) = match document {
        None => (String::new(), "correct the kubeadm documents; `kubeboot plan DOCUMENT` shows the whole configuration without secrets"),
        Some(name) => (format!(" by a machine with {name}"), "correct the kubeadm documents behind the cluster file"),
    };
    let problem = format!("kubeadm {version} refuses what it would be given{whose}: {}", shown(answer));
    Diagnostic::of_file(Rule::KubeadmValidate, file, problem, advice)
}

/// kubeadm's words without the values that it quotes, which could be anything: names of fields stay.
#[must_use]
pub fn shown(answer: &str) -> String {
    let mut kept = String::new();
    let one_line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = one_line.trim_start_matches("error: ").split(" To see the stack trace").next().unwrap_or_default();
    while let Some((before, from)) = rest.split_once('"') {
        kept.push_str(before);
        let (inside, after) = from.split_once('"').unwrap_or((from, ""));
        let names_a_field = ["unknown field ", "duplicate field "].iter().any(|words| before.ends_with(words)) && is_field_path(inside);
        kept.push_str(&if names_a_field { format!("`{inside}`") } else { "…".to_owned() });
        rest = after;
    }
    kept.push_str(rest);
    without_secrets(&unquoted(&kept)).chars().take(ANSWER).collect()
}

/// Whether this looks like the path of a field, `apiServer.extraArgs[0].name`, so that it may be shown.
fn is_field_path(text: &str) -> bool {
    let is_name = |part: &str| {
        let name = part.strip_suffix(']').and_then(|part| part.rsplit_once('['));
        let name = name.filter(|(_, index)| index.bytes().all(|byte| byte.is_ascii_digit())).map_or(part, |(name, _)| name);
        is_field_name(name)
    };
    BootstrapToken::parse(text).is_err() && text.split('.').all(is_name)
}

/// Without the values that field errors print bare: `Invalid value: 7: must be …`.
fn unquoted(text: &str) -> String {
    let mut parts = text.split("Invalid value: ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("Invalid value: …");
        if let Some((_, after)) = part.split_once(": ") {
            kept.push_str(": ");
            kept.push_str(after);
        }
    }
    kept
}
