//! What answers and silences mean to the gate (a joiner's) and to the fence (an initialiser's), and the clock to both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kubeboot::act::runtime::distrust;
use kubeboot::failure::Failure;
use kubeboot::gate::{GOOD_IN_A_ROW, Sight, Voice, refused, sight, voice};
use kubeboot::host::{Response, Unanswered};
use kubeboot::moment::UnixTime;

fn answer(status: u16) -> Result<Response, Unanswered> {
    Ok(Response { status, body: b"ok".to_vec() })
}

/// Every reason, with the gate's line and the fence's word for it. A reason that is added must be added here.
fn reasons() -> Vec<(Unanswered, &'static str, Voice)> {
    let all: [fn(String) -> Unanswered; 12] = [
        Unanswered::NoName,
        Unanswered::NoRoute,
        Unanswered::ConnectTimeout,
        Unanswered::Refused,
        Unanswered::Closed,
        Unanswered::NotTls,
        Unanswered::ForeignCa,
        Unanswered::BadCertificate,
        Unanswered::TlsFailed,
        Unanswered::NoAnswer,
        Unanswered::Verified,
        Unanswered::Unusable,
    ];
    let mut reasons: Vec<Unanswered> = all.iter().map(|make| make("10.0.0.9:6443".to_owned())).collect();
    reasons.push(Unanswered::TooLarge(4096));
    let unclear = |line: &str| Voice::Unclear(line.to_owned());
    reasons
        .into_iter()
        .map(|reason| {
            let (line, voice) = match &reason {
                Unanswered::NoName(_) => ("the name does not resolve: 10.0.0.9:6443", unclear("the name does not resolve: 10.0.0.9:6443")),
                Unanswered::NoRoute(_) => ("no route: 10.0.0.9:6443", unclear("no route: 10.0.0.9:6443")),
                Unanswered::ConnectTimeout(_) => ("connecting timed out: 10.0.0.9:6443", unclear("connecting timed out: 10.0.0.9:6443")),
                Unanswered::Refused(_) => ("connection refused: 10.0.0.9:6443", Voice::Silent),
                Unanswered::Closed(_) => ("connection closed at once: 10.0.0.9:6443", Voice::Silent),
                Unanswered::NotTls(_) => ("answers, but not in TLS: 10.0.0.9:6443", unclear("answers, but not in TLS: 10.0.0.9:6443")),
                Unanswered::ForeignCa(_) => {
                    ("its certificate is signed by another CA: 10.0.0.9:6443", Voice::Foreign("10.0.0.9:6443".to_owned()))
                }
                Unanswered::BadCertificate(_) => ("its certificate is not valid here: 10.0.0.9:6443", Voice::Ours),
                Unanswered::Verified(_) => ("TLS is right, but no answer comes: 10.0.0.9:6443", Voice::Ours),
                Unanswered::TlsFailed(_) => ("TLS failed: 10.0.0.9:6443", unclear("TLS failed: 10.0.0.9:6443")),
                Unanswered::NoAnswer(_) => ("no answer: 10.0.0.9:6443", unclear("no answer: 10.0.0.9:6443")),
                Unanswered::TooLarge(_) => ("the answer is larger than 4096 bytes", Voice::Ours),
                Unanswered::Unusable(_) => {
                    ("the request can't be made: 10.0.0.9:6443", unclear("the request can't be made: 10.0.0.9:6443"))
                }
            };
            (reason, line, voice)
        })
        .collect()
}

#[test]
fn every_silence_has_its_own_words_at_the_gate() {
    let mut lines = Vec::new();
    for (reason, line, _) in reasons() {
        assert_eq!(reason.line(), line);
        let expected = match &reason {
            Unanswered::ForeignCa(seen) => Sight::Foreign(seen.clone()),
            reason => Sight::NotYet(reason.seen()),
        };
        assert_eq!(sight(&Err(reason)), expected);
        assert!(!lines.contains(&line), "`{line}` stands for two reasons");
        lines.push(line);
    }
    assert_eq!(lines.len(), 13);
}

#[test]
fn statuses_at_the_gate() {
    assert_eq!(sight(&answer(200)), Sight::Ready);
    assert_eq!(sight(&answer(401)), Sight::Unauthorised);
    for status in [201, 204, 301, 400, 403, 404, 429, 500, 503] {
        assert_eq!(
            sight(&answer(status)),
            Sight::NotYet(Failure::ApiNotReady.seen(format!("our cluster answers, but isn't ready (/readyz: HTTP {status})")))
        );
    }
    assert_eq!(GOOD_IN_A_ROW, 3);
}

#[test]
fn to_the_fence_whatever_our_ca_signed_is_ours_and_only_refusals_are_silence() {
    for status in [200, 401, 403, 404, 500, 503] {
        assert_eq!(voice(&answer(status)), Voice::Ours, "{status}");
    }
    for (reason, _, expected) in reasons() {
        assert_eq!(voice(&Err(reason.clone())), expected, "{reason:?}");
    }
}

#[test]
fn of_several_voices_the_loudest_counts_whatever_their_order() {
    let unclear = Voice::Unclear("no route".to_owned());
    let foreign = Voice::Foreign("CN=other".to_owned());
    let ranked = [Voice::Silent, unclear, foreign, Voice::Ours];
    for (low, quiet) in ranked.iter().enumerate() {
        for loud in ranked.iter().skip(low) {
            assert_eq!(Voice::loudest([quiet.clone(), loud.clone()]), *loud);
            assert_eq!(Voice::loudest([loud.clone(), quiet.clone(), quiet.clone()]), *loud);
        }
    }
    assert_eq!(Voice::loudest([]), Voice::Silent);
    let of = |text: &str| Voice::Unclear(text.to_owned());
    assert_eq!(Voice::loudest([of("first"), of("second")]), of("first"));
}

#[test]
fn a_refusal_is_waited_out_unless_the_documents_certificate_is_past() {
    let end = UnixTime::parse("2026-11-24T10:00:00Z").unwrap();
    let wait = refused(None, end, "api:6443").unwrap();
    assert_eq!(
        wait,
        Failure::CredentialRefused.seen(
            "the cluster refuses the bootstrap credential of this document (HTTP 401): kubeadm init has not got so far yet, or the \
         credential is expired or another cluster's"
        )
    );
    for now in [end.plus(-86_400), end.plus(-1), end] {
        assert_eq!(refused(Some(end), now, "api:6443").unwrap(), wait, "the text must not change with the time");
    }
    let fault = refused(Some(end), end.plus(1), "api:6443").unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::CredentialExpired, "api:6443"));
    assert_eq!(fault.why(), Some("HTTP 401; it was valid until 2026-11-24T10:00:00Z"));
    assert!(fault.advice().contains("kubeadm token create") && fault.advice().contains("mint` does not help"), "{fault}");
}

#[test]
fn what_is_wrong_with_a_clock_is_told_without_the_time_that_runs() {
    let [built, born] = ["2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"].map(|text| UnixTime::parse(text).unwrap());
    for (now, unsynchronised, text) in [
        (built.plus(-1), true, Some("it says that it is before 2026-01-01T00:00:00Z, when this program was built")),
        (born.plus(-1), true, Some("it says that it is before 2026-06-01T00:00:00Z, from when on the cluster's CA is valid")),
        (
            born,
            true,
            Some(
                "the kernel says that it is not synchronised; is a time service running? (`clock: plausible` in the document does without)",
            ),
        ),
        (born, false, None),
    ] {
        assert_eq!(distrust(now, built, born, unsynchronised).as_deref(), text);
    }
    assert_eq!(distrust(built.plus(-9), built, born, false), distrust(built.plus(-1), built, born, false));
    assert_eq!(distrust(built, built, born, false), distrust(born.plus(-1), built, born, false));
}

#[test]
fn every_silence_has_a_name() {
    let names: Vec<Failure> = reasons().iter().map(|(reason, ..)| reason.failure()).collect();
    assert_eq!(
        names,
        [
            Failure::NameUnresolved,
            Failure::NoRoute,
            Failure::ConnectTimeout,
            Failure::ConnectionRefused,
            Failure::ConnectionClosed,
            Failure::NotTls,
            Failure::ForeignCa,
            Failure::CertificateInvalid,
            Failure::TlsFailed,
            Failure::NoAnswer,
            // After a handshake of ours: no answer either.
            Failure::NoAnswer,
            Failure::Bug,
            Failure::NoAnswer,
        ]
    );
}
