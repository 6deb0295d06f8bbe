//! Plans as golden texts, and that no secret of a document is in anything that `kubeboot plan` prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[path = "support/golden.rs"]
mod golden;

use std::time::Duration;

use documents::node;
use golden::golden;
use kubeboot::document::field::KubernetesVersion;
use kubeboot::document::spec::{BootstrapCredential, CniChoice, NodeSpec, PkiSource, SecretSource};
use kubeboot::facts::Facts;
use kubeboot::plan::{Course, DoneWhen, Plan, StepId, build, forecast, render};

fn without_cni(mut spec: NodeSpec) -> NodeSpec {
    spec.cni = CniChoice::None;
    spec
}

#[test]
fn golden_plans() {
    let (init, join, worker) = (node("control-plane-init.yaml"), node("control-plane-join.yaml"), node("worker-certificate.yaml"));
    for (name, spec, course) in [
        ("init", &init, Course::Initialise),
        ("init-that-joins", &init, Course::Join),
        ("control-plane", &join, Course::Join),
        ("worker", &worker, Course::Join),
    ] {
        golden(&format!("plan/{name}-flannel.txt"), &render(&build(spec, course)));
        golden(&format!("plan/{name}-no-cni.txt"), &render(&build(&without_cni(spec.clone()), course)));
    }
}

fn told(spec: &NodeSpec) -> String {
    forecast(spec, None).text(spec)
}

/// As a tool, or a person, writes them.
fn facts(json: &str) -> Facts {
    serde_json::from_str(json).unwrap()
}

#[test]
fn with_facts_it_knows_the_machine() {
    let cp_1 = r#"{"hostname": "CP-1", "addresses": [{"interface": "eth0", "address": "10.0.0.11", "prefix": 24}], "defaultInterface": "eth0",
        "hardwareAddresses": ["52:54:00:12:34:ab"]}"#;
    let share = node("control-plane-inline.yaml");
    golden("plan/facts-control-plane.json", &forecast(&share, Some(&facts(cp_1))).json());
    golden("plan/facts-control-plane.txt", &forecast(&share, Some(&facts(cp_1))).text(&share));
    golden("plan/no-facts-worker.json", &forecast(&node("worker-token.yaml"), None).json());
    // A machine that is nobody yet.
    let unnamed = forecast(&share, Some(&facts("{}")));
    let text = unnamed.text(&share);
    assert!(text.starts_with("With these facts it waits before the first step: "), "{text}");
    assert!(text.contains("initialize.node names another machine: this one waits for it, and joins.\n"), "{text}");
    assert!(!text.contains("kubeadm init"), "{text}");
    assert!(text.contains("<the address ") && unnamed.json().contains("\"mayInitialise\": false"), "{text}");
    let unknown = serde_json::from_str::<Facts>(r#"{"hostnam": "cp-1"}"#).unwrap_err().to_string();
    assert!(unknown.starts_with("unknown field `hostnam`, expected one of `hostname`, `machineId`"), "{unknown}");
}

#[test]
fn golden_texts_of_the_subcommand() {
    for name in
        ["control-plane-init", "control-plane-inline", "control-plane-join", "control-plane-url", "control-plane-disk", "worker-token"]
    {
        golden(&format!("plan/cli-{name}.txt"), &told(&node(&format!("{name}.yaml"))));
    }
}

/// Ids of what a machine meets on a course, of every release whose kubeadm was read.
#[test]
fn quirks_of_releases() {
    let met = |document: &str, version: &str, course: &str| {
        let mut spec = node(document);
        spec.kubernetes_version = KubernetesVersion::parse(version).unwrap();
        let told: serde_json::Value = serde_json::from_str(&forecast(&spec, None).json()).unwrap();
        let way = told["courses"].as_array().unwrap().iter().find(|way| way["course"] == course).unwrap().clone();
        way["quirks"].as_array().unwrap().iter().map(|quirk| quirk["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (bounds, balancer, resolver) = ("api-call-bounds-init", "init-through-balancer", "resolver-of-the-initialiser");
    let (brief, members, group) = ("brief-read-of-the-configuration", "every-etcd-member-answers", "kubelet-client-without-group");
    for (version, init, worker, control_plane) in [
        ("v1.34.4", vec![balancer, resolver], vec![brief], vec![brief, members]),
        ("v1.35.4", vec![balancer, resolver], vec![brief], vec![brief, members]),
        // What these took from newer minors is not known.
        ("v1.34.5", vec![], vec![], vec![]),
        ("v1.35.5", vec![], vec![], vec![]),
        ("v1.33.9", vec![], vec![], vec![]),
        ("v1.36.0", vec![balancer, resolver], vec![brief], vec![brief, members]),
        ("v1.36.1", vec![bounds, resolver], vec![brief], vec![brief, group]),
        ("v1.36.3", vec![bounds, resolver], vec![], vec![group]),
        ("v1.37.2", vec![bounds], vec![], vec![group]),
    ] {
        assert_eq!(met("control-plane-init.yaml", version, "initialise"), init, "{version}");
        assert_eq!(met("worker-token.yaml", version, "join"), worker, "{version}");
        assert_eq!(met("control-plane-join.yaml", version, "join"), control_plane, "{version}");
    }
}

fn ids(plan: &Plan) -> Vec<StepId> {
    plan.steps.iter().map(|step| step.id).collect()
}

#[test]
fn the_store_of_a_claim_is_named_without_its_signature() {
    let told = render(&build(&node("control-plane-claim.yaml"), Course::Initialise));
    assert!(
        told.contains("only then may this machine claim the right to start the cluster, at https://example.com/claims/prod\n"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn the_manifest_of_the_document_is_named() {
    let mut spec = node("control-plane-join.yaml");
    let why = |spec: &NodeSpec| build(spec, Course::Join).steps.into_iter().find(|step| step.id == StepId::Cni).unwrap().why;
    assert_eq!(why(&spec), "flannel's objects are in the cluster");
    spec.cni = CniChoice::Manifest("/usr/share/cni/cilium.yaml".into());
    assert_eq!(why(&spec), "the objects of /usr/share/cni/cilium.yaml are in the cluster");
    spec.cni = CniChoice::Url { url: "https://u:p@images.example.com/cni.yaml?signature=s".to_owned(), sha256: "ab".repeat(32) };
    assert_eq!(why(&spec), "the objects of https://images.example.com/cni.yaml are in the cluster");
}

#[test]
fn what_every_plan_keeps() {
    let specs = [
        "control-plane-init",
        "control-plane-inline",
        "control-plane-url",
        "control-plane-disk",
        "control-plane-join",
        "control-plane-references",
        "worker-token",
        "ipv6",
    ];
    for spec in specs.map(|name| node(&format!("{name}.yaml"))) {
        for course in [Course::Initialise, Course::Join] {
            if course == Course::Initialise && spec.initialize.is_none() {
                continue;
            }
            for spec in [spec.clone(), without_cni(spec.clone())] {
                let plan = build(&spec, course);
                let ids = ids(&plan);
                let place = |id: StepId| ids.iter().position(|other| *other == id);
                assert_eq!((place(StepId::Preflight), place(StepId::Retire)), (Some(0), Some(ids.len() - 1)), "{ids:?}");
                assert!(ids.iter().enumerate().all(|(n, id)| !ids[..n].contains(id)), "a step stands twice: {ids:?}");
                // Whoever may initialise passes the fence before anything that can't be taken back.
                let effect = place(if course == Course::Initialise { StepId::KubeadmInit } else { StepId::KubeadmJoin }).unwrap();
                assert_eq!(spec.initialize.is_some(), place(StepId::Fence).is_some_and(|fence| fence < effect), "{ids:?}");
                assert!(place(StepId::KubeadmConfig).unwrap() < effect);
                assert_eq!(place(StepId::Gate).is_some(), course == Course::Join);
                assert!(!(ids.contains(&StepId::KubeadmInit) && ids.contains(&StepId::KubeadmJoin)), "{ids:?}");
                for step in &plan.steps {
                    assert!(step.deadline >= Duration::from_secs(60) && step.deadline <= Duration::from_secs(3600), "{step:?}");
                    assert_eq!(step.has_effect(), step.done_when != DoneWhen::Observed);
                }
                // The ledger and the report find steps by name.
                for id in ids {
                    assert_eq!(serde_json::to_value(id).unwrap(), id.name());
                }
            }
        }
    }
}

/// Every secret text of a document, key material line by line.
fn secrets(spec: &NodeSpec) -> Vec<String> {
    let mut found = Vec::new();
    let mut take = |source: &SecretSource<String>| {
        if let SecretSource::Inline(secret) = source {
            found.extend(secret.expose().lines().filter(|line| line.len() >= 6 && !line.starts_with("-----")).map(str::to_owned));
        }
    };
    if let Some(key) = &spec.certificate_key {
        take(key);
    }
    match &spec.discovery.credential {
        Some(BootstrapCredential::Certificate { key, .. }) => take(key),
        Some(BootstrapCredential::Token(token)) => take(token),
        None => {}
    }
    if let Some(PkiSource::Inline { bundle } | PkiSource::Secret { bundle: Some(bundle) }) = &spec.pki {
        found.extend(bundle.values().cloned());
    }
    found
}

/// Those of `secrets` that stand in `text`: any twelve characters of one, or a token's secret half. What the document's
/// certificates say too (algorithm, public key) is no secret.
fn leaked<'a>(text: &str, secrets: &'a [String], public: &str) -> Vec<&'a str> {
    let parts = |secret: &'a String| {
        let windows = (0..secret.len().saturating_sub(11)).map(move |n| &secret[n..n + 12]);
        windows.chain(secret.split_once('.').map(|(_, half)| half)).filter(|part| !public.contains(part))
    };
    secrets.iter().filter(|secret| parts(secret).any(|part| text.contains(part))).map(String::as_str).collect()
}

/// The certificates of a document.
fn public(spec: &NodeSpec) -> String {
    match &spec.discovery.credential {
        Some(BootstrapCredential::Certificate { certificate, .. }) => format!("{}{certificate}", spec.discovery.certificate_authority),
        _ => spec.discovery.certificate_authority.clone(),
    }
}

#[test]
fn no_secret_is_in_a_plan() {
    let mut searched = 0;
    for name in ["control-plane-init", "control-plane-inline", "control-plane-join", "node-share", "worker-certificate", "worker-token"] {
        let spec = node(&format!("{name}.yaml"));
        let mut secrets = secrets(&spec);
        let public = public(&spec);
        // The last line of a private key is its public one.
        secrets.retain(|secret| !leaked(secret, std::slice::from_ref(secret), &public).is_empty());
        assert!(!secrets.is_empty(), "{name} holds no secret to look for");
        searched += secrets.len();
        let text = told(&spec);
        assert!(text.len() > 500);
        for secret in &secrets {
            // The search finds each of them if it is there, even a part of it.
            assert_eq!(leaked(&format!("{text}{secret}"), &secrets, &public), [secret.as_str()], "{name}");
            assert_eq!(leaked(&format!("{text}{}", &secret[2..]), &secrets, &public), [secret.as_str()], "{name}");
        }
        assert_eq!(leaked(&text, &secrets, &public), Vec::<&str>::new(), "{name}");
        for course in [Course::Initialise, Course::Join] {
            let plan = build(&spec, course);
            assert_eq!(leaked(&format!("{plan:?}{}", render(&plan)), &secrets, &public), Vec::<&str>::new(), "{name}");
        }
        // The value of the document shows none either, but for the bundle, which is sealed.
        let mut open = spec.clone();
        open.pki = None;
        assert_eq!(leaked(&format!("{spec:?}"), &self::secrets(&open), &public), Vec::<&str>::new(), "{name}");
    }
    assert!(searched > 20, "{searched}");
}
