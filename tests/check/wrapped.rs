//! What machines are really given: documents in what platforms and their tools put around them.

use kubeboot::check::{Checked, Content, Rule, text};
use kubeboot::render::{Format, MintedDocument, render};
use kubeboot::secret::Secret;

use super::binary::{Folder, breaking, cluster, minted_with, owned, said};
use super::{broken, fixture, judged};

const WRONG: &str = "reject/everything-at-once.yaml";

/// The renderings that the agent unwraps, and what each is called when it is taken off.
const WRAPPINGS: [(Format, &str); 4] = [
    (Format::GzipBase64, "base64, gzip"),
    (Format::Mime, "MIME part 1"),
    (Format::CloudConfig, "#cloud-config, kubeboot from line 3"),
    (Format::Nocloud, "#cloud-config, kubeboot from line 3"),
];

fn wrapped(format: Format, bytes: &[u8]) -> Vec<u8> {
    let bytes = Secret::new(bytes.to_vec());
    let files = render(format, "prod", &[MintedDocument { name: "worker.yaml", bytes: &bytes }]).unwrap();
    files[0].bytes.expose().clone()
}

/// What people are told of each diagnostic, but for the file's name.
fn told(checked: &Checked) -> Vec<(Rule, usize, usize, String, Option<String>)> {
    let found = checked.diagnostics.iter();
    found.map(|d| (d.rule, d.line, d.column, d.problem.clone(), d.excerpt.as_ref().map(|excerpt| excerpt.line.clone()))).collect()
}

#[test]
fn lines_are_those_of_the_document_and_its_wrapping_is_named() {
    let bare = judged("user-data", &fixture(WRONG));
    assert!(bare.diagnostics.len() > 3 && bare.diagnostics.iter().all(|found| found.within.is_empty()));
    for (format, within) in WRAPPINGS {
        let bytes = wrapped(format, &fixture(WRONG));
        let checked = judged("user-data", &bytes);
        assert_eq!(told(&checked), told(&bare), "{format:?}");
        assert!(checked.diagnostics.iter().all(|found| found.within == within), "{format:?}: {checked:?}");
        let people = text::human(&checked, false);
        assert!(people.contains(&format!(" --> user-data ({within}):5:20 (kubernetesVersion)\n")), "{people}");
        let (code, out, err) = said(&["--json", "-"], &bytes);
        assert_eq!((code, err.as_str()), (65, ""), "{out}");
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&value["diagnostics"][0]["within"], &value["files"][0]["within"]), (&within.into(), &within.into()), "{out}");
        assert_eq!(value["diagnostics"][0]["file"], "<stdin>");
    }
    let (_, out, _) = said(&["--json", "-"], &fixture(WRONG));
    assert!(out.contains("\"within\": null") && !out.contains("\"within\": \""), "{out}");
}

#[test]
fn mint_s_renderings_are_judged_in_their_folder() {
    let folder = Folder::new();
    let formats: Vec<&str> = Format::ALL.iter().flat_map(|format| ["--render", format.name()]).collect();
    let documents = minted_with(&folder, &cluster("v1.37.2", ""), &formats);
    let (code, out, _) = said(&["--json", &documents], b"");
    assert_eq!(code, 0, "{out}");
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let files = value["files"].as_array().unwrap();
    let mut judged: Vec<(&str, &str)> = Vec::new();
    for file in files {
        assert_eq!(file["kind"], "Node", "{out}");
        let name = file["file"].as_str().unwrap().strip_prefix(&documents).unwrap().trim_start_matches('/');
        if name.contains("worker") {
            judged.push((name, file["within"].as_str().unwrap_or_default()));
            assert_eq!(file["power"], files[files.len() - 1]["power"], "{out}");
        }
    }
    judged.sort_unstable();
    let expected = [
        ("cloud-config/worker.yaml", "#cloud-config, kubeboot from line 3"),
        ("credentials/worker/kubeboot.node", ""),
        ("gzip-base64/worker.yaml.gz.b64", "base64, gzip"),
        ("mime/worker.mime", "MIME part 1"),
        ("nocloud/worker/user-data", "#cloud-config, kubeboot from line 3"),
        ("worker.yaml", ""),
    ];
    assert_eq!(judged, expected);
    assert_eq!(files.len(), 3 * expected.len());
    // What the agent can't unwrap is read by the platform's own program.
    assert_eq!(breaking(&out, "skipped"), ["kubeboot.json"], "{out}");
}

#[test]
fn a_wrapping_that_is_broken_is_an_error_and_another_agent_s_is_none() {
    let folder = Folder::new();
    let good = fixture("accept/worker-token.yaml");
    let whole = wrapped(Format::GzipBase64, &good);
    folder.write("d/torn.yaml.gz.b64", &whole[..whole.len() / 8 * 4]);
    let message = |types: [&str; 2]| {
        let parts: String = types.iter().map(|kind| format!("--x\nContent-Type: {kind}\n\nkind: Node\n")).collect();
        format!("Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n{parts}--x--\n").into_bytes()
    };
    folder.write("d/two.mime", &message(["text/x-kubeboot"; 2]));
    folder.write("d/foreign.mime", &message(["text/x-shellscript", "text/plain"]));
    folder.write("d/foreign.yaml", b"#cloud-config\nruncmd: [reboot]\n");
    folder.write("d/misplaced.yaml", b"#cloud-config\napiVersion: kubeboot/v1alpha1\nkind: Node\n");
    folder.write("d/user-data", b"#!/bin/sh\nreboot\n");
    let (code, out, err) = said(&["--json", &folder.at("d")], b"");
    assert_eq!((code, err.as_str()), (65, ""), "{out}");
    assert_eq!(breaking(&out, "wrapping"), owned(&["misplaced.yaml", "torn.yaml.gz.b64", "two.mime"]), "{out}");
    assert_eq!(breaking(&out, "skipped"), owned(&["foreign.mime", "foreign.yaml", "user-data"]), "{out}");
    // Named itself, it is meant to be one.
    let (code, out, _) = said(&["--json", &folder.at("d/foreign.mime")], b"");
    assert_eq!((code, breaking(&out, "wrapping")), (65, owned(&["foreign.mime"])), "{out}");
    assert!(out.contains("the user-data holds no document of kubeboot: part 1 (text/x-shellscript): "), "{out}");
}

#[test]
fn sizes_are_those_of_what_the_platform_gets() {
    let mut text = fixture("accept/worker-token.yaml");
    text.extend_from_slice("# long\n".repeat(3000).as_bytes());
    assert_eq!(broken(&judged("worker.yaml", &text)), [Rule::Size]);
    assert_eq!(broken(&judged("worker.yaml.gz.b64", &wrapped(Format::GzipBase64, &text))), []);
    assert_eq!(broken(&judged("worker.mime", &wrapped(Format::Mime, &text))), [Rule::Size]);
}

#[test]
fn a_cluster_file_is_not_wrapped() {
    let bytes = fixture("accept/cluster.yaml");
    assert_eq!(broken(&judged("cluster.yaml", &bytes)), []);
    let checked = judged("cluster.yaml", &wrapped(Format::CloudConfig, &bytes));
    assert_eq!(broken(&checked), [Rule::Wrapping]);
    assert!(matches!(checked.files[0].content, Content::Cluster(_)));
}
