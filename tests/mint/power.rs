//! What every file says of its power, for every way in which a cluster can be minted, in one table to be read by a person; and
//! that the words are right, by what is in the file.

use kubeboot::mint::{Basis, FileKind, KeyPlace, MintOptions, Minted, mint};
use kubeboot::moment::UnixTime;
use kubeboot::pki::random;
use kubeboot::pki::shared::SharedPki;

use super::golden::golden;
use super::{cluster, options};

const CLAIM: &str = "initialize: {claim: {put: 'https://store.test/c', get: 'https://store.test/c'}}\n";
const MODES: [(&str, &str); 4] =
    [("secret", ""), ("inline", "pki: inline\n"), ("url", "pki: {url: 'https://files.test/bundle.json'}\n"), ("disk", "pki: disk\n")];

/// One way of minting, with what came of it.
struct Way {
    words: String,
    mode: &'static str,
    key: KeyPlace,
    claim: bool,
    token: bool,
    living: bool,
    minted: Minted,
}

fn ways() -> Vec<Way> {
    let fixed = MintOptions { now: UnixTime::parse("2026-11-23T10:00:00Z").unwrap(), break_glass: true, ..options() };
    let pki = || SharedPki::mint(Default::default(), fixed.now.plus(-86_400), fixed.now.plus(3650 * 86_400)).unwrap();
    let mut ways = Vec::new();
    for (mode, line) in MODES {
        for (key, key_word) in [(KeyPlace::Documents, "key in documents"), (KeyPlace::Apart, "key apart")] {
            if (mode, key) == ("disk", KeyPlace::Apart) {
                continue;
            }
            let fixed = MintOptions { key, ..fixed };
            for (claim, claim_line) in [(false, ""), (true, CLAIM)] {
                for (token, token_line) in [(false, ""), (true, "credential: bootstrapToken\n")] {
                    let spec = cluster(&format!("{line}{claim_line}{token_line}"));
                    let minted = mint(&spec, &fixed, Basis::New, &mut random::fill).unwrap();
                    let starts = if claim { "a claim" } else { "one machine" };
                    let words = format!("pki {mode}, {key_word}, {starts}, {}", if token { "token" } else { "certificate" });
                    ways.push(Way { words, mode, key, claim, token, living: false, minted });
                }
            }
            if mode != "secret" {
                let minted = mint(&cluster(line), &fixed, Basis::Living { pki: pki(), key: None }, &mut random::fill).unwrap();
                let words = format!("pki {mode}, {key_word}, a living cluster");
                ways.push(Way { words, mode, key, claim: false, token: false, living: true, minted });
            }
        }
    }
    ways
}

#[test]
fn the_power_of_each_file_in_each_way() {
    let mut table = String::new();
    let mut said_of_keys = Vec::new();
    for way in ways() {
        table.push_str(&format!("{}\n", way.words));
        for file in &way.minted.files {
            let until = file.until.map_or_else(|| "no end".to_owned(), |until| until.to_string());
            match file.kind {
                FileKind::Document | FileKind::CertificateKey | FileKind::Bundle => {
                    table.push_str(&format!("  {} ({until}): {}\n", file.name, file.power));
                }
                // The same in every way, once.
                FileKind::Kubeconfig | FileKind::Pki => {
                    let line = format!("{} ({until}): {}\n", file.name, file.power);
                    if !said_of_keys.contains(&line) {
                        said_of_keys.push(line);
                    }
                }
            }
        }
        for warning in &way.minted.warnings {
            table.push_str(&format!("  WARNING: {warning}\n"));
        }
    }
    table.push_str("in each way\n");
    said_of_keys.iter().for_each(|line| table.push_str(&format!("  {line}")));
    golden("mint/power.txt", &table);
}

/// By the bytes: who is said to own the cluster has what that takes, and who isn't has not.
#[test]
fn the_words_are_right() {
    for way in ways() {
        let file = |name: &str| way.minted.files.iter().find(|file| file.name == name);
        let key = file("certificate-key").map(|file| String::from_utf8(file.bytes.expose().clone()).unwrap()).unwrap();
        let documents: Vec<_> = way.minted.files.iter().filter(|file| file.kind == FileKind::Document).collect();
        let starters = usize::from(!way.living);
        let names: Vec<_> = documents.iter().map(|file| file.name.as_str()).collect();
        match (way.claim, way.living) {
            (false, false) => assert_eq!(names, ["control-plane-init.yaml", "control-plane.yaml", "worker.yaml"]),
            (true, _) | (_, true) => assert_eq!(names, ["control-plane.yaml", "worker.yaml"], "{}", way.words),
        }
        assert_eq!(documents.iter().filter(|file| holds(file, "initialize:")).count(), starters, "{}", way.words);
        assert_eq!(file("pki/ca.key").is_some(), !way.living, "{}", way.words);
        assert_eq!(file("bundle.json").is_some(), way.mode == "url", "{}", way.words);
        for file in &way.minted.files {
            let worthless = ["who reads it gains nothing", "who reads it can do nothing with it: it is public"];
            assert_eq!(file.secret, !worthless.iter().any(|words| file.power.starts_with(words)), "{}: {}", way.words, file.name);
        }
        for document in documents {
            let at = format!("{}: {}", way.words, document.name);
            let (has_key, has_bundle) = (holds(document, key.trim()), holds(document, "ca.key:"));
            let has_credential = holds(document, "bootstrapCertificate:") || holds(document, "bootstrapToken:");
            let says = |words: &str| document.power.contains(words);
            assert!(!holds(document, "PRIVATE KEY") || holds(document, "bootstrapCertificate:"), "{at}");
            if document.name.starts_with("worker") {
                assert!(!has_key && !has_bundle && has_credential && says("add a node") && !says("owns the cluster"), "{at}");
                continue;
            }
            assert_eq!(has_key, way.key == KeyPlace::Documents && way.mode != "disk", "{at}");
            assert_eq!(says("the certificate key"), way.key == KeyPlace::Apart, "{at}");
            assert_eq!(says("CA keys, sealed") || says("CA keys and the key that opens them"), has_bundle, "{at}");
            assert_eq!(says("bundle from its URL"), way.mode == "url", "{at}");
            assert_eq!(says("at any time"), way.mode == "url" || has_bundle, "{at}");
            let alone = has_key && has_bundle;
            assert_eq!(document.power.starts_with("who reads it owns the cluster"), alone, "{at}");
            // Beside owning the cluster, adding a node goes without saying.
            assert!(alone || says("add a node") == has_credential, "{at}: {}", document.power);
            assert_eq!(says("bootstrap token"), has_credential && way.token && !alone, "{at}");
            assert!(
                std::str::from_utf8(document.bytes.expose()).unwrap().replace("\n# ", " ").contains(&document.power),
                "{at}: in its comment"
            );
        }
    }
}

fn holds(file: &kubeboot::mint::MintedFile, text: &str) -> bool {
    std::str::from_utf8(file.bytes.expose()).unwrap().lines().any(|line| !line.starts_with('#') && line.contains(text))
}
