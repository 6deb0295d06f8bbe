//! What mint makes is faultless, and every mixture of two mints is seen through.

use std::time::Duration;

use kubeboot::check::power::power;
use kubeboot::check::{Companions, Content, Input, Rule, check};
use kubeboot::document::{Disposal, Document, read_cluster};
use kubeboot::mint::{Basis, FileKind, KeyPlace, MintOptions, MintedFile, mint};
use kubeboot::moment::UnixTime;
use kubeboot::pki::random;
use kubeboot::secret::Secret;

use super::{NOW, broken};

const CLUSTER: &str = "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: v1.37.2\n\
                       controlPlaneEndpoint: api.prod.example.com:6443\nnetworking: {podSubnet: 10.244.0.0/16}\ncni: {name: flannel}\n";

/// All files of a mint.
fn all_files(cluster: &str, valid_for: u64, key: KeyPlace) -> Vec<MintedFile> {
    let document = Document {
        origin: "cluster.yaml".to_owned(),
        bytes: Secret::new(cluster.as_bytes().to_vec()),
        instance_id: None,
        disposal: Disposal::Remove(Vec::new()),
    };
    let spec = read_cluster(&document).unwrap_or_else(|violations| panic!("{violations}"));
    let options = MintOptions { key, ..MintOptions::plain(NOW, Duration::from_secs(valid_for)) };
    mint(&spec, &options, Basis::New, &mut random::fill).unwrap().files
}

/// The documents of a mint, as files of one folder; with what mint says of their power.
fn minted(cluster: &str, valid_for: u64) -> Vec<(Input, String)> {
    documents(all_files(cluster, valid_for, KeyPlace::Documents))
}

fn documents(files: Vec<MintedFile>) -> Vec<(Input, String)> {
    let documents = files.into_iter().filter(|file| file.kind == FileKind::Document);
    documents.map(|file| (Input { name: file.name, folder: "d".to_owned(), bytes: file.bytes }, file.power)).collect()
}

fn inputs(cluster: &str, valid_for: u64) -> Vec<Input> {
    minted(cluster, valid_for).into_iter().map(|(input, _)| input).collect()
}

/// The file of this name, with a text replaced in it.
fn altered(inputs: &[Input], name: &str, from: &str, to: &str) -> Input {
    let input = inputs.iter().find(|input| input.name == name).unwrap();
    let text = std::str::from_utf8(input.bytes.expose()).unwrap();
    assert!(text.contains(from), "{from} is not in {name}");
    let bytes = Secret::new(text.replacen(from, to, 1).into_bytes());
    Input { name: name.to_owned(), folder: input.folder.clone(), bytes }
}

fn rules(inputs: &[Input], now: UnixTime) -> Vec<Rule> {
    broken(&check(inputs, &[], now))
}

const DAY: u64 = 86_400;

#[test]
fn what_mint_makes_is_faultless_in_every_way_of_the_pki() {
    for pki in ["secret", "inline", "disk", "{url: \"https://store.example.com/bundle.json\"}"] {
        for credential in ["bootstrapCertificate", "bootstrapToken"] {
            let inputs = inputs(&format!("{CLUSTER}pki: {pki}\ncredential: {credential}\n"), DAY);
            assert!(inputs.len() >= 3);
            assert_eq!(rules(&inputs, NOW), [], "{pki} {credential}");
        }
    }
}

#[test]
fn mint_and_check_say_the_same_of_a_document_s_power() {
    for (pki, credential) in [("secret", "bootstrapCertificate"), ("inline", "bootstrapCertificate"), ("disk", "bootstrapCertificate")] {
        let files = minted(&format!("{CLUSTER}pki: {pki}\ncredential: {credential}\n"), DAY);
        let inputs: Vec<Input> = files.iter().map(|(input, _)| input.clone()).collect();
        for (file, (_, told)) in check(&inputs, &[], NOW).files.iter().zip(&files) {
            let Content::Node(spec) = &file.content else { panic!("{} is no document", file.name) };
            assert_eq!(&power(spec), told, "{}, {pki}", file.name);
        }
    }
}

#[test]
fn time_passes() {
    let inputs = inputs(CLUSTER, DAY);
    let end = NOW.plus(86_400);
    assert_eq!(rules(&inputs, end.plus(-3601)), []);
    assert_eq!(rules(&inputs, end.plus(-3600)), [Rule::ExpiresSoon; 3]);
    assert_eq!(rules(&inputs, end), [Rule::WindowPast, Rule::Expired, Rule::Expired]);
    // CAs are backdated by a day, bootstrap certificates by an hour.
    assert_eq!(rules(&inputs, NOW.plus(-7200)), [Rule::NotYetValid; 2]);
    let ten_years = NOW.plus(3660 * 86_400);
    assert!(rules(&inputs, ten_years).iter().filter(|rule| **rule == Rule::Expired).count() == 5);
}

#[test]
fn two_mints_do_not_mix() {
    let (one, two) = (inputs(CLUSTER, DAY), inputs(CLUSTER, DAY));
    let find = |inputs: &[Input], name: &str| inputs.iter().find(|input| input.name == name).unwrap().clone();
    let mixed = [find(&one, "control-plane-init.yaml"), find(&two, "control-plane.yaml")];
    assert_eq!(rules(&mixed, NOW), [Rule::ClusterDiffers, Rule::BundleKey]);
    let mut second = find(&one, "control-plane-init.yaml");
    second.name = "again.yaml".to_owned();
    assert_eq!(rules(&[find(&one, "control-plane-init.yaml"), second.clone()], NOW), [Rule::TwoInitialisers]);
    // The same document in gzip is for the same machine; a changed one is not.
    let packed = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text).unwrap();
        Input { bytes: Secret::new(encoder.finish().unwrap()), ..second.clone() }
    };
    let text = second.bytes.expose();
    assert_eq!(rules(&[find(&one, "control-plane-init.yaml"), packed(text)], NOW), []);
    let changed = [text.as_slice(), b"clock: plausible\n"].concat();
    let changed = String::from_utf8(changed).unwrap().replacen("clock: synchronised\n", "", 1);
    assert_eq!(rules(&[find(&one, "control-plane-init.yaml"), packed(changed.as_bytes())], NOW), [Rule::TwoInitialisers]);
    // In another folder it is another's.
    second.folder = "elsewhere".to_owned();
    assert_eq!(rules(&[find(&one, "control-plane-init.yaml"), second], NOW), []);
}

#[test]
fn documents_of_one_folder_say_the_same() {
    let inputs = inputs(CLUSTER, DAY);
    let worker = |from: &str, to: &str| {
        let changed = altered(&inputs, "worker.yaml", from, to);
        rules(&[inputs[0].clone(), changed], NOW)
    };
    assert_eq!(worker("cluster: prod", "cluster: test"), [Rule::ClusterDiffers]);
    assert_eq!(worker("api.prod.example.com:6443", "api.example.com:6443"), [Rule::EndpointDiffers]);
    assert_eq!(worker("v1.37.2", "v1.37.1"), [Rule::VersionDiffers]);
    let end = NOW.plus(86_400).to_string();
    let init = altered(&inputs, "control-plane-init.yaml", &format!("before: \"{end}\""), &format!("before: \"{}\"", NOW.plus(80_000)));
    assert_eq!(rules(&[init, inputs[2].clone()], NOW), [Rule::WindowDiffers]);
}

#[test]
fn claimants_of_one_store_are_no_rivals() {
    let claim = "initialize: {claim: {put: \"https://store.example.com/a\", get: \"https://store.example.com/a\"}}\n";
    let inputs = inputs(&format!("{CLUSTER}{claim}"), DAY);
    let mut second = inputs[0].clone();
    second.name = "again.yaml".to_owned();
    assert_eq!(rules(&[inputs[0].clone(), second], NOW), []);
    let mut other = altered(&inputs, "control-plane.yaml", "https://store.example.com/a", "https://store.example.com/b");
    other.name = "other.yaml".to_owned();
    assert_eq!(rules(&[inputs[0].clone(), other], NOW), [Rule::TwoInitialisers]);
}

#[test]
fn a_bundle_is_opened_and_looked_into() {
    let (one, two) = (inputs(&format!("{CLUSTER}pki: inline\n"), DAY), inputs(&format!("{CLUSTER}pki: inline\n"), DAY));
    let text = |inputs: &[Input]| String::from_utf8(inputs[1].bytes.expose().clone()).unwrap();
    let (ours, theirs) = (text(&one), text(&two));
    let line = |text: &str, starts: &str| text.lines().find(|line| line.trim_start().starts_with(starts)).unwrap().to_owned();
    // Another's key.
    let key = "certificateKey:";
    assert_eq!(rules(&[altered(&one, &one[1].name, &line(&ours, key), &line(&theirs, key))], NOW), [Rule::BundleKey]);
    // Another's bundle with its key: another CA.
    let (_, their_secrets) = theirs.split_once("certificateKey:").unwrap();
    let (our_public, _) = ours.split_once("certificateKey:").unwrap();
    let grafted = Input { bytes: Secret::new(format!("{our_public}certificateKey:{their_secrets}").into_bytes()), ..one[1].clone() };
    assert_eq!(rules(&[grafted], NOW), [Rule::BundleCa]);
    // A pair that is torn: the key of etcd's CA in the place of the front proxy's.
    let value = |text: &str, name: &str| line(text, name).split_once(": ").unwrap().1.to_owned();
    let (etcd, front) = (value(&ours, "etcd-ca.key"), value(&ours, "front-proxy-ca.key"));
    assert_eq!(rules(&[altered(&one, &one[1].name, &front, &etcd)], NOW), [Rule::BundleContents]);
}

/// The digest is right, and what it is of can be read in two ways.
#[test]
fn a_bundle_beside_its_document_that_has_a_name_twice_is_none() {
    let cluster = format!("{CLUSTER}pki: {{url: \"https://store.example.com/bundle.json\"}}\n");
    let minted = all_files(&cluster, DAY, KeyPlace::Documents);
    let bundle = minted.iter().find(|file| file.kind == FileKind::Bundle).unwrap();
    let pin = kubeboot::digest::sha256(bundle.bytes.expose());
    let twice = String::from_utf8(bundle.bytes.expose().clone()).unwrap().replacen('{', "{\"sa.pub\": \"\", ", 1).into_bytes();
    let new_pin = kubeboot::digest::sha256(&twice);
    let inputs: Vec<Input> = documents(minted.clone())
        .into_iter()
        .map(|(input, _)| {
            let text = String::from_utf8(input.bytes.expose().clone()).unwrap().replace(&pin, &new_pin);
            Input { bytes: Secret::new(text.into_bytes()), ..input }
        })
        .collect();
    let beside = [Companions { folder: "d".to_owned(), bundle: Some(Secret::new(twice)), key: None, manifests: Vec::new() }];
    assert_eq!(broken(&check(&inputs, &beside, NOW)), [Rule::BundleContents; 2]);
}

#[test]
fn what_is_kept_apart_is_compared_where_it_lies_beside() {
    for pki in ["inline", "{url: \"https://store.example.com/bundle.json\"}"] {
        let cluster = format!("{CLUSTER}pki: {pki}\n");
        let (one, two) = (all_files(&cluster, DAY, KeyPlace::Apart), all_files(&cluster, DAY, KeyPlace::Apart));
        let bytes = |files: &[MintedFile], kind| files.iter().find(|file| file.kind == kind).map(|file| file.bytes.clone());
        let beside = |bundle: &[MintedFile], key: &[MintedFile]| {
            [Companions {
                folder: "d".to_owned(),
                bundle: bytes(bundle, FileKind::Bundle),
                key: bytes(key, FileKind::CertificateKey),
                manifests: Vec::new(),
            }]
        };
        let inputs: Vec<Input> = documents(one.clone()).into_iter().map(|(input, _)| input).collect();
        let found = |companions: &[Companions]| broken(&check(&inputs, companions, NOW));
        assert_eq!(found(&beside(&one, &one)), [], "{pki}");
        assert_eq!(found(&beside(&one, &two)), [Rule::BundleKey; 2], "{pki}");
        for unusable in [b"".as_slice(), b"garbage", &[b'g'; 64], &[0xff; 64]] {
            let mut beside = beside(&one, &one);
            beside[0].key = Some(Secret::new(unusable.to_vec()));
            assert_eq!(found(&beside), [Rule::BundleKey; 2], "{pki}: {unusable:?}");
        }
        let expected: &[Rule] = if pki == "inline" { &[] } else { &[Rule::BundlePin; 2] };
        assert_eq!(found(&beside(&two, &one)), expected, "{pki}");
    }
}
