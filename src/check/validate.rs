//! What a kubeadm on this machine is asked, and what of its answer may be shown.

use crate::document::field::{Cidr, is_field_name};
use crate::document::spec::{BootstrapCredential, NodeSpec, PkiSource};
use crate::kubeadm::censor::without_secrets;
use crate::kubeadm::config::{self, Secrets, Spelt};
use crate::secret::Secret;

use super::{Diagnostic, Rule};

/// Stand for the secrets: of the form that kubeadm demands.
const CERTIFICATE_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const TOKEN: &str = "000000.0000000000000000";
/// Longest answer that is shown, characters.
const ANSWER: usize = 600;

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

fn of_file(rule: Rule, file: &str, problem: String, advice: &str) -> Diagnostic {
    let (file, advice) = (file.to_owned(), advice.to_owned());
    Diagnostic { rule, file, line: 1, column: 1, field: String::new(), problem, advice, excerpt: None }
}

/// There is no kubeadm to ask.
#[must_use]
pub fn absent() -> Diagnostic {
    let problem = "there is no kubeadm here, so that its own `kubeadm config validate` was not asked".to_owned();
    of_file(Rule::KubeadmAbsent, "kubeadm", problem, "nothing has to be done; with the kubeadm of the machines' image more is found")
}

/// kubeadm refuses the configuration.
#[must_use]
pub fn refused(file: &str, answer: &str) -> Diagnostic {
    let problem = format!("kubeadm refuses what it would be given: {}", shown(answer));
    let advice = "correct the kubeadm documents; `kubeboot plan DOCUMENT` shows the whole configuration without secrets";
    of_file(Rule::KubeadmValidate, file, problem, advice)
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
        let names_a_field = ["unknown field ", "duplicate field "].iter().any(|words| before.ends_with(words)) && is_field_name(inside);
        kept.push_str(&if names_a_field { format!("`{inside}`") } else { "…".to_owned() });
        rest = after;
    }
    kept.push_str(rest);
    without_secrets(&unquoted(&kept)).chars().take(ANSWER).collect()
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
