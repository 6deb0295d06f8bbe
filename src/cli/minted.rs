//! What mint prints: which files there are, what each is worth to who reads it, what to do with them.

use super::mint::MintArgs;
use super::rendering::Rendering;
use crate::document::spec::{ClusterSpec, PkiMode};
use crate::mint::{BUNDLE_FILE, CONTROL_PLANE, FileKind, INITIALISER, KEY_CREDENTIAL, Minted, MintedFile, PKI_FOLDER};
use crate::paragraph;
use crate::pki::shared::SharedName;

/// A line of the table: a file, or the folder of the PKI.
struct Row<'m> {
    name: String,
    bytes: usize,
    file: &'m MintedFile,
}

fn rows<'m>(args: &MintArgs, minted: &'m Minted) -> Vec<Row<'m>> {
    let mut rows: Vec<Row<'m>> = Vec::new();
    for file in &minted.files {
        let bytes = file.bytes.expose().len();
        match (file.kind, rows.last_mut()) {
            (FileKind::Pki, Some(row)) if row.file.kind == FileKind::Pki => row.bytes += bytes,
            (FileKind::Pki, _) => rows.push(Row { name: format!("{PKI_FOLDER}/"), bytes, file }),
            (FileKind::CertificateKey, _) => {
                let name = args.key_out.as_ref().map_or_else(|| file.name.clone(), |path| path.display().to_string());
                rows.push(Row { name, bytes, file });
            }
            _ => rows.push(Row { name: file.name.clone(), bytes, file }),
        }
    }
    rows
}

/// The whole text.
pub(super) fn told(args: &MintArgs, spec: &ClusterSpec, minted: &Minted, renderings: &[Rendering]) -> String {
    let rows = rows(args, minted);
    let is_here = |file: &&MintedFile| args.key_out.is_none() || file.kind != FileKind::CertificateKey;
    let here: Vec<&MintedFile> = minted.files.iter().filter(is_here).collect();
    let secret = match (here.iter().filter(|file| file.secret).count(), here.len()) {
        (secret, all) if secret == all => "all secret".to_owned(),
        (secret, _) => format!("{secret} of them secret"),
    };
    let mut text = format!("Cluster {}: {} files in {}, {secret}.\n\n", spec.name, here.len(), args.out.display());
    text.push_str(&format!("{:<24} {:>6}  {:<20}  {}\n", "file", "bytes", "good until", "for"));
    for row in &rows {
        let until = row.file.until.map_or_else(|| "no end".to_owned(), |until| until.to_string());
        text.push_str(&format!("{:<24} {:>6}  {until:<20}  {}\n", row.name, row.bytes, row.file.purpose));
    }
    for rendering in renderings {
        text.push_str(&rendering.row());
    }
    text.push('\n');
    for row in &rows {
        paragraph::write(&mut text, "", "  ", &format!("{}: {}.", row.name, row.file.power));
    }
    for warning in &minted.warnings {
        text.push('\n');
        paragraph::write(&mut text, "WARNING: ", "  ", &format!("{warning}."));
    }
    text.push_str("\nNext:\n");
    for (number, step) in (1..).zip(steps(args, spec, minted)) {
        match step {
            Step::Words(words) => paragraph::write(&mut text, &format!("{number}. "), "   ", &words),
            Step::Command(line) => text.push_str(&format!("{number}. {line}\n")),
        }
    }
    text
}

/// One thing to do.
enum Step {
    /// In words.
    Words(String),
    /// A command, to be copied whole.
    Command(String),
}

/// What to do with what was minted.
fn steps(args: &MintArgs, spec: &ClusterSpec, minted: &Minted) -> Vec<Step> {
    let place = args.out.display();
    let has = |name: &str| minted.files.iter().any(|file| file.name == name);
    let mut steps = Vec::new();
    if has(BUNDLE_FILE) {
        steps.push(Step::Words(format!(
            "Put a copy of {BUNDLE_FILE} at the URL of the cluster file's pki, unchanged: documents hold its SHA-256, and the next mint \
             takes this one again."
        )));
    }
    if spec.pki == Some(PkiMode::Disk) {
        let (pki, which) = match &args.pki {
            Some(pki) => (pki.clone(), "every new control plane"),
            None => (args.out.join(PKI_FOLDER), "every control plane"),
        };
        let names = SharedName::ALL.map(SharedName::path).join(", ");
        steps.push(Step::Words(format!(
            "Put these files of {} into /etc/kubernetes/pki of {which}, under the same names: {names}.",
            pki.display()
        )));
    } else if let Some(key) = args.key_out.as_ref().or(args.key.as_ref()) {
        steps.push(Step::Words(format!(
            "Give {} to control planes as the systemd credential {KEY_CREDENTIAL}, by another way than their documents.",
            key.display()
        )));
    }
    // Secret kubeadm-certs is kept for two hours from init, and most clusters that are minted for again are older.
    let is_too_late = args.from.is_some() && matches!(spec.pki, None | Some(PkiMode::Secret));
    let others: Vec<&str> = minted
        .files
        .iter()
        .filter(|file| file.kind == FileKind::Document && file.name != INITIALISER && !(is_too_late && file.name == CONTROL_PLANE))
        .map(|file| file.name.as_str())
        .collect();
    if has(INITIALISER) && args.from.is_some() {
        steps.push(Step::Words(format!(
            "Delete {INITIALISER}, unless the cluster was never started: then it is for one machine, never for two."
        )));
    } else if has(INITIALISER) {
        steps.push(Step::Words(format!("Give {INITIALISER} to one machine as its userdata or as /etc/kubeboot/node.yaml, never to two.")));
    }
    let others = match others.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        all => all.join(", "),
    };
    steps.push(Step::Words(format!("Give {others} to as many machines as you like; switch all of them on.")));
    if is_too_late {
        steps.push(Step::Words(format!(
            "Give {CONTROL_PLANE} to a machine only within two hours from the cluster's init: see the warning."
        )));
    }
    steps.push(Step::Command(format!("kubectl --kubeconfig {} get nodes", quoted(&args.out.join("admin.conf").display().to_string()))));
    steps.push(Step::Words(format!("Move {place} to a safe place: it holds keys of the cluster.")));
    steps
}

/// A word of a command, as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | ':' | ','));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
