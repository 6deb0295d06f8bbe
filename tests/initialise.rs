//! The first control plane in virtual time: it starts a cluster where nobody serves, and nowhere else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[path = "support/golden.rs"]
mod golden;
#[allow(dead_code, reason = "the claim's store is another test's")]
#[path = "run/initialiser.rs"]
mod initialiser;
#[path = "run/kubeadm.rs"]
mod kubeadm;
#[allow(dead_code, reason = "not every test listens to all that is told")]
#[path = "support/sim.rs"]
mod sim;
#[allow(dead_code, reason = "its world is the other test's")]
#[path = "run/worker.rs"]
mod worker;

use std::path::Path;

use golden::golden;
use initialiser::{Initialiser, boot, machine, machine_with};
use kubeadm::Torn;
use kubeboot::failure::Failure;
use kubeboot::fault::Class;
use kubeboot::host::{Mode, Unanswered};
use sim::Sim;

fn refused() -> Result<u16, Unanswered> {
    Err(Unanswered::Refused("10.0.0.9:6443".to_owned()))
}

fn unclear() -> Result<u16, Unanswered> {
    Err(Unanswered::ConnectTimeout("10.0.0.9:6443".to_owned()))
}

fn inits(sim: &Sim<Initialiser>) -> usize {
    sim.effects.borrow().iter().filter(|effect| effect.ends_with(": certs")).count()
}

#[test]
fn nobody_serves_and_a_cluster_starts() {
    let sim = machine(vec![(0.0, refused())]);
    boot(&sim).unwrap().unwrap();
    golden("run/initialiser-effects.txt", &(sim.effects.borrow().join("\n") + "\n"));
    assert_eq!(inits(&sim), 1);
    let applied = sim.world.applied.borrow();
    assert_eq!(applied.len(), 6, "{:?}", applied.keys());
    assert_eq!(sim.file("/etc/kubernetes/super-admin.conf"), None);
    assert_eq!(sim.file(worker::DOCUMENT), None);
    // The order that matters: nothing is begun before the fence has spoken, and what it said is on disk first.
    let effects = sim.effects.borrow();
    let place =
        |start: &str| effects.iter().position(|effect| effect.starts_with(start)).unwrap_or_else(|| panic!("no {start}: {effects:?}"));
    let ledger = "append /var/lib/kubeboot/ledger.jsonl:";
    assert!(place(&format!("{ledger} course initialise")) < place(&format!("{ledger} begun kubeadm-init")));
    assert!(place(&format!("{ledger} begun kubeadm-init")) < place("run kubeadm init --config"));
}

#[test]
fn it_dies_after_any_effect_and_there_is_one_cluster() {
    let undisturbed = machine(vec![(0.0, refused())]);
    boot(&undisturbed).unwrap().unwrap();
    let last = undisturbed.effects.borrow().iter().position(|effect| effect.starts_with("write /var/lib/kubeboot/done/")).unwrap();
    let effects = undisturbed.effects.borrow().clone();
    let paths = |sim: &Sim<Initialiser>| sim.files.borrow().keys().cloned().collect::<Vec<_>>();
    for dies_after in 1..=last {
        let at = &effects[dies_after - 1];
        // The agent's own files are synced; kubeadm syncs none.
        let cuts = if at.starts_with("run kubeadm init --config") { Torn::ALL.as_slice() } else { &[Torn::Whole] };
        for cut in [None].into_iter().chain(cuts.iter().copied().map(Some)) {
            let sim = machine(vec![(0.0, refused())]);
            sim.dies_after.set(Some(dies_after));
            assert!(boot(&sim).is_none(), "it did not die after `{at}`");
            if let Some(torn) = cut {
                Initialiser::lose_power(&sim, torn);
            }
            let how = format!("died after `{at}` ({cut:?})");
            let ended = boot(&sim).unwrap();
            assert!(ended.is_ok(), "{how}: {}", ended.unwrap_err());
            assert!((1..=2).contains(&inits(&sim)), "{how}: {} inits", inits(&sim));
            assert_eq!(paths(&sim), paths(&undisturbed), "{how}");
            assert_eq!(*sim.world.gone_through.borrow(), *undisturbed.world.gone_through.borrow(), "{how}");
        }
    }
}

#[test]
fn an_etcd_that_was_ended_before_it_wrote_anything_is_made_anew() {
    let stillborn: &[u8] = include_bytes!("fixtures/etcd/v3.7.0/stillborn.wal");
    let started: &[u8] = include_bytes!("fixtures/etcd/v3.7.0/started.wal");
    let log = "/var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal";
    let cleared = ["remove /etc/kubernetes/manifests/etcd.yaml", "remove /var/lib/etcd/member/"];
    for (bytes, wanted) in [(stillborn, cleared.as_slice()), (started, &[])] {
        let sim = machine(vec![(0.0, refused())]);
        let undisturbed = machine(vec![(0.0, refused())]);
        boot(&undisturbed).unwrap().unwrap();
        let begun = undisturbed.effects.borrow().iter().position(|effect| effect.ends_with("begun kubeadm-init")).unwrap();
        sim.dies_after.set(Some(begun + 1));
        assert!(boot(&sim).is_none());
        sim.put("/etc/kubernetes/manifests/etcd.yaml", "kind: Pod\n");
        sim.files.borrow_mut().insert(log.into(), (bytes.to_vec(), Mode::Private));
        boot(&sim).unwrap().unwrap();
        let effects = sim.effects.borrow();
        let etcd: Vec<&String> = effects.iter().filter(|effect| cleared.contains(&effect.as_str())).collect();
        assert_eq!(etcd, wanted);
        let place = |wanted: &str| effects.iter().position(|effect| effect.starts_with(wanted));
        assert!(wanted.iter().all(|effect| place(effect) < place("run kubeadm init --config")), "{effects:?}");
        assert_eq!(sim.files.borrow().contains_key(Path::new(log)), wanted.is_empty());
        let waited = "waiting for etcd to end: nobody listens on 10.0.0.11:2380; making sure";
        assert_eq!(sim.events.borrow().iter().any(|told| told.message == waited), !wanted.is_empty());
    }
}

#[test]
fn where_it_is_not_clear_that_nobody_serves_no_cluster_starts() {
    for (seen, words) in [
        (unclear(), "the endpoint is unclear, so this machine must not start a cluster: connecting timed out: 10.0.0.9:6443"),
        (Err(Unanswered::ForeignCa("CN=other".to_owned())), "another cluster's CA answers: CN=other"),
        (
            Err(Unanswered::NotTls("HTTP/1.1 503".to_owned())),
            "the endpoint is unclear, so this machine must not start a cluster: answers, but not in TLS: HTTP/1.1 503",
        ),
    ] {
        let sim = machine(vec![(0.0, seen)]);
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!((fault.class(), fault.why()), (Class::Transient, Some(words)));
        assert_eq!(inits(&sim), 0);
        assert!(sim.seconds() > 3600.0);
    }
}

#[test]
fn whoever_is_not_told_waits_for_the_one_who_is() {
    let sim = machine_with("  node: {hostname: cp-9}\n", vec![(0.0, refused())]);
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!(fault.why(), Some("nobody serves yet; initialize.node names another machine, waiting for it"));
    assert_eq!(inits(&sim), 0);
    for node in ["{hostname: cp-1}", "{address: 10.0.0.11}"] {
        let sim = machine_with(&format!("  node: {node}\n"), vec![(0.0, refused())]);
        boot(&sim).unwrap().unwrap();
        assert_eq!(inits(&sim), 1, "{node}");
    }
    // Facts that this machine doesn't have name nobody.
    for node in ["{serial: X1}", "{mac: 52-54-00-12-34-AB}", "{instanceID: i-1}", "{systemUUID: 4C4C4544-0042-3510-8054-B4C04F564432}"] {
        let sim = machine_with(&format!("  node: {node}\n"), vec![(0.0, refused())]);
        assert_eq!(boot(&sim).unwrap().unwrap_err().why(), fault.why(), "{node}");
    }
}

#[test]
fn an_unclear_endpoint_counts_as_nobody_only_where_the_document_says_so() {
    let sim = machine_with("  onUnreachable: {proceedAfter: 5m}\n", vec![(0.0, unclear())]);
    boot(&sim).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
    let ledger = sim.file("/var/lib/kubeboot/ledger.jsonl").unwrap();
    let course = ledger.lines().find(|line| line.contains("\"course\"")).unwrap();
    let at = kubeboot::moment::UnixTime::parse(&course[7..27]).unwrap().0 - worker::start().0 - 7;
    assert!((300..=302).contains(&at), "the course was chosen {at} s after the start");
}

#[test]
fn refusals_must_be_steady() {
    // Three seconds of refusals, broken by a time-out: they are counted anew from there.
    let sim = machine(vec![(0.0, refused()), (1.5, unclear()), (4.0, refused())]);
    boot(&sim).unwrap().unwrap();
    let fence = sim.events.borrow().iter().filter(|told| told.step == "fence").map(|told| told.message.clone()).collect::<Vec<_>>();
    assert!(fence.iter().any(|line| line.ends_with("nobody serves; making sure")), "{fence:?}");
    let begun = sim.file("/var/lib/kubeboot/ledger.jsonl").unwrap();
    let course = begun.lines().find(|line| line.contains("\"course\"")).unwrap();
    let at = kubeboot::moment::UnixTime::parse(&course[7..27]).unwrap().0 - worker::start().0 - 7;
    assert!((7..=9).contains(&at), "the course was chosen {at} s after the start: {course}");
}

#[test]
fn somebody_serves_and_it_joins() {
    for balancer in [vec![(0.0, Ok(200))], vec![(0.0, Ok(401))], vec![(0.0, refused()), (1.0, Ok(503))]] {
        let sim = machine(balancer);
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!(fault.why(), Some("our cluster answers, but isn't ready (/readyz: HTTP 503)"), "{fault}");
        assert!(sim.effects.borrow().iter().any(|effect| effect.ends_with(": course join")), "{:?}", sim.effects.borrow());
        assert_eq!(inits(&sim), 0);
    }
}

#[test]
fn state_of_an_earlier_life_is_not_touched() {
    let sim = machine(vec![(0.0, refused())]);
    sim.put("/var/lib/etcd/member/wal/0", "x");
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::MachineUnfit, "step preflight"));
    assert!(fault.why().unwrap().contains("etcd state of an earlier life"), "{fault}");
    assert_eq!((inits(&sim), sim.file("/var/lib/etcd/member/wal/0").as_deref()), (0, Some("x")));
}

#[test]
fn a_window_that_is_past_starts_nothing() {
    let sim = machine(vec![(0.0, unclear()), (1900.0, refused())]);
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!(fault.why(), Some("the window (initialize.before) is past and nobody serves: re-mint the documents with `kubeboot mint`"));
    assert_eq!(inits(&sim), 0);
}

#[test]
fn no_secret_is_told() {
    let sim = machine(vec![(0.0, Err(Unanswered::NoName("api.bed.test".to_owned()))), (9.0, refused())]);
    sim.dies_after.set(Some(20));
    assert!(boot(&sim).is_none());
    let document = sim.file(worker::DOCUMENT).unwrap();
    let config = sim.file("/run/kubeboot/kubeadm/init.json").unwrap();
    let key = document.lines().find_map(|line| line.strip_prefix("certificateKey: ")).unwrap().trim_matches('"').to_owned();
    assert!(key.len() == 64 && config.contains(&key), "the configuration is where the key belongs");
    let mut secrets = vec![key, worker::KUBELET_KEY.to_owned()];
    for name in ["ca.key", "sa.key", "front-proxy-ca.key", "etcd/ca.key"] {
        let pem = sim.file(&format!("/etc/kubernetes/pki/{name}")).unwrap();
        // The first line of a P-256 key in SEC1 or PKCS#8 holds the number that is the secret.
        secrets.push(pem.lines().nth(1).unwrap().to_owned());
    }
    boot(&sim).unwrap().unwrap();
    let mut all = sim.statuses.borrow().join("\n");
    for told in sim.events.borrow().iter() {
        all.push_str(&told.message);
    }
    for told in [sim.effects.borrow().join("\n"), sim.file("/run/kubeboot/status.json").unwrap()] {
        all.push_str(&told);
    }
    all.push_str(&sim.file("/var/lib/kubeboot/ledger.jsonl").unwrap());
    let leaked = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    for secret in &secrets {
        assert!(secret.len() > 30 && leaked(&format!("{all}{secret}")));
    }
    assert!(all.len() > 4000 && !leaked(&all), "{all}");
    // kubeadm's configuration, which holds one, is gone; nothing else but the PKI and the kubelet's own file holds any.
    for (path, (bytes, mode)) in sim.files.borrow().iter() {
        if leaked(&String::from_utf8_lossy(bytes)) {
            let place = path.to_str().unwrap();
            assert!(place.ends_with(".key") || place == worker::KUBELET_PEM, "{place}");
            assert_eq!(*mode, kubeboot::host::Mode::Private);
        }
    }
}
