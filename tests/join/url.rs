//! `pki: url` against a real HTTPS server: what another try may mend is asked for again, the rest ends the run by its name.

use std::path::Path;

use kubeboot::digest::sha256;
use kubeboot::document::field::CertificateKey;
use kubeboot::document::spec::EncryptionAlgorithm;
use kubeboot::failure::Failure;
use kubeboot::pki::shared::SharedPki;
use kubeboot::pki::{random, seal};
use serde_json::json;

use crate::joiner::{Joiner, boot, kit, machine};
use crate::real::{beside, exchange, trusting};
use crate::report;
use crate::servers::{Ca, tls_server};
use crate::sim::Sim;
use crate::worker::start;

fn answer(status: &str, body: &[u8]) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{}", body.len(), std::str::from_utf8(body).unwrap())
}

/// A machine below `root` whose bundle, with the digest of `pinned`, is what this server of the CA's answers.
fn asking(ca: &Ca, root: &Path, pinned: &[u8], answer: String) -> (Sim<Joiner>, String) {
    let config = ca.server("127.0.0.1", |_| {});
    let answer: &'static str = answer.leak();
    let address = beside(move || async move { tls_server(config, answer).await.0 });
    let url = format!("https://{address}/bundle.json");
    let pki = crate::at_a_url(&format!("{url}?signature=hunter2"), pinned);
    (machine(Joiner { pki, outside: Some(Box::new(exchange(root))), ..Joiner::default() }), url)
}

/// The step's attempts, and what its last failure but the end was.
fn attempts(sim: &Sim<Joiner>) -> (u32, Option<String>) {
    let step = report(sim).steps.into_iter().find(|step| step.id.name() == "shared-pki").unwrap();
    (step.attempts, step.last_failure.map(|fault| fault.name))
}

fn assert_nothing_is_written_and_no_secret_told(sim: &Sim<Joiner>, fault: &kubeboot::fault::Fault) {
    assert!(!sim.files.borrow().keys().any(|path| path.starts_with("/etc/kubernetes/pki")), "{fault}");
    let status = sim.file("/run/kubeboot/status.json").unwrap();
    let all = format!("{fault}{status}{:?}{:?}{:?}", sim.events.borrow(), sim.statuses.borrow(), sim.effects.borrow());
    assert!(!all.contains("hunter2") && !all.contains(&kit().key), "{all}");
}

#[test]
fn a_bundle_behind_https_is_used() {
    let ca = Ca::new();
    let root = trusting(&ca);
    let bundle = kit().bundle.to_string().into_bytes();
    let (sim, _) = asking(&ca, root.path(), &bundle, answer("200 OK", &bundle));
    boot(&sim).unwrap().unwrap();
    assert_eq!(attempts(&sim), (1, None));
}

#[test]
fn what_another_try_does_not_mend_ends_the_run_at_once() {
    let ca = Ca::new();
    let (root, bare) = (trusting(&ca), tempfile::tempdir().unwrap());
    let bundle = kit().bundle.to_string().into_bytes();
    let good = || answer("200 OK", &bundle);
    let moved = "HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n".to_owned();
    for (root, answer, why, advice) in [
        (root.path(), answer("200 OK", &[b' '; (64 << 10) + 1]), "the answer is larger than 65536 bytes", "look at the URL"),
        (root.path(), answer("404 Not Found", b""), "HTTP 404", "look at the URL"),
        (root.path(), answer("403 Forbidden", b""), "HTTP 403", "gives it to whoever asks"),
        (root.path(), moved, "HTTP 301", "name the URL that it redirects to"),
        (bare.path(), good(), "no CA bundle", "without a CA bundle in the image use plain http"),
    ] {
        let (sim, url) = asking(&ca, root, &bundle, answer);
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::FetchRefused, 65), "{fault}");
        assert_eq!((fault.what(), fault.at()), ("fetching failed", url.as_str()));
        assert!(fault.why().unwrap().contains(why) && fault.advice().contains(advice), "{fault}");
        assert_eq!(attempts(&sim), (1, None), "{fault}");
        assert_nothing_is_written_and_no_secret_told(&sim, &fault);
    }
}

/// The image's bundle may be yesterday's, the name a wrong one for a while: it may pass, but nothing is read from such a server.
#[test]
fn a_server_that_the_image_does_not_trust_is_asked_again_until_the_step_ends() {
    let ca = Ca::new();
    let root = trusting(&Ca::new());
    let bundle = kit().bundle.to_string().into_bytes();
    let (sim, url) = asking(&ca, root.path(), &bundle, answer("200 OK", &bundle));
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.class().exit_code(), fault.at()), (Failure::FetchFailed, 75, url.as_str()));
    assert!(fault.why().unwrap().starts_with("its certificate is signed by another CA: "), "{fault}");
    assert!(fault.advice().contains("whether the image's CA bundle knows"), "{fault}");
    let (attempts, last) = attempts(&sim);
    assert!(attempts > 3 && last.as_deref() == Some("fetch-failed"), "{attempts} {last:?}");
    assert_nothing_is_written_and_no_secret_told(&sim, &fault);
}

#[test]
fn a_bundle_of_another_key_or_another_cluster_is_refused_by_name() {
    let ca = Ca::new();
    let root = trusting(&ca);
    let own = CertificateKey::parse(&kit().key).unwrap();
    let other = SharedPki::mint(EncryptionAlgorithm::EcdsaP256, start(), start().plus(86_400)).unwrap();
    for (key, failure) in [(CertificateKey::new([7; 32]), Failure::CertificateKeyWrong), (own, Failure::CaMismatch)] {
        let bundle = json!(seal::seal(&other, &key, &mut random::fill).unwrap()).to_string().into_bytes();
        let (sim, _) = asking(&ca, root.path(), &bundle, answer("200 OK", &bundle));
        let fault = boot(&sim).unwrap().unwrap_err();
        assert_eq!((fault.failure(), fault.class().exit_code()), (failure, 65), "{fault}");
        assert_eq!(attempts(&sim), (1, None), "{fault}");
        assert_nothing_is_written_and_no_secret_told(&sim, &fault);
    }
    // Nor what is not what was pinned, though it would open.
    let bundle = kit().bundle.to_string().into_bytes();
    let (sim, url) = asking(&ca, root.path(), b"another", answer("200 OK", &bundle));
    let fault = boot(&sim).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::PinMismatch, url.as_str()));
    assert!(fault.why().unwrap().contains(&sha256(&bundle)), "{fault}");
    assert_nothing_is_written_and_no_secret_told(&sim, &fault);
}
