//! No output shows a secret: every fixture, every line of it as the place of a violation, searched for what was planted.

use kubeboot::check::text;
use kubeboot::render::{Format, MintedDocument, render};
use kubeboot::secret::Secret;

use super::{fixture, judged};

/// What the fixtures hold of secrets, by the bytes that would show them.
const PLANTED: [&str; 7] =
    ["hunter2", "HUNTER2", "0123456789abcdef", "9f86d081884c7d65", "MIGHAgEAMBMGByqGSM49", "lAWndHWI2c9vbs1z", "swordfish"];

fn shows_a_secret(text: &str) -> Option<&'static str> {
    PLANTED.into_iter().find(|secret| text.contains(secret))
}

fn fixtures() -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["accept", "reject"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document").join(kind);
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".yaml") || name.ends_with(".json") {
                found.push(format!("{kind}/{name}"));
            }
        }
    }
    found.sort();
    found
}

fn said(bytes: &[u8]) -> String {
    let checked = judged("a.yaml", bytes);
    format!("{}{}{:?}", text::human(&checked, false), text::machine(&checked), checked.diagnostics)
}

#[test]
fn a_planted_secret_is_found() {
    // What may be shown is shown: a word that is public by its field is seen by the same search.
    let bytes = b"apiVersion: kubeboot/v1alpha1\nkind: Node\nrole: swordfish\n";
    assert_eq!(shows_a_secret(&said(bytes)), Some("swordfish"));
}

#[test]
fn no_output_shows_a_secret() {
    let (mut holding, mut wrapped) = (0, 0);
    for name in fixtures() {
        let bytes = fixture(&name);
        holding += usize::from(shows_a_secret(&String::from_utf8_lossy(&bytes)).is_some());
        assert_eq!(shows_a_secret(&said(&bytes)), None, "{name}");
        for format in [Format::GzipBase64, Format::CloudConfig] {
            let document = Secret::new(bytes.clone());
            // What is no text is not rendered as one.
            let Ok(files) = render(format, "prod", &[MintedDocument { name: "a.yaml", bytes: &document }]) else { continue };
            wrapped += 1;
            assert_eq!(shows_a_secret(&said(files[0].bytes.expose())), None, "{name} {format:?}");
        }
    }
    assert!(wrapped > 200, "only {wrapped} were wrapped");
    assert!(holding > 100, "only {holding} fixtures hold a secret");
}

/// A violation on each line in turn, so that each line is shown: the text is broken there, or a field is unknown there.
#[test]
fn no_line_of_a_document_shows_a_secret() {
    let mut shown = 0;
    for name in [
        "accept/control-plane-init.yaml",
        "accept/control-plane-inline.yaml",
        "accept/control-plane-join.yaml",
        "accept/worker-certificate.yaml",
        "accept/worker-token.yaml",
        "reject/worker-with-keys.yaml",
        "reject/secret-url-forms.yaml",
    ] {
        let text = String::from_utf8(fixture(name)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for at in 0..lines.len() {
            for (before, after) in [("", "}"), ("", "\u{7}"), ("x", ""), ("", ": {"), ("\t", ""), ("&a ", ""), ("- ", "")] {
                let broken: Vec<String> = lines
                    .iter()
                    .enumerate()
                    .map(|(n, line)| if n == at { format!("{before}{line}{after}") } else { (*line).to_owned() })
                    .collect();
                let said = said(broken.join("\n").as_bytes());
                shown += usize::from(said.contains(&format!("\"line\": {}", at + 1)));
                assert_eq!(shows_a_secret(&said), None, "{name} line {}: {before}…{after}", at + 1);
            }
        }
    }
    assert!(shown > 300, "only {shown} lines were shown");
}
