//! What may pass and what another try does not mend: every status, and every way in which no answer comes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kubeboot::fetch::{fetched, passes};
use kubeboot::host::{Response, Unanswered};

#[test]
fn every_status_is_a_body_or_passes_or_stays() {
    for status in 100..=999 {
        let answer = || Ok(Response { status, body: b"body".to_vec() });
        match fetched(answer()) {
            Ok(body) => assert_eq!((status, body.expose().as_slice()), (200, b"body".as_slice())),
            Err(none) => {
                assert_ne!(status, 200);
                let may_pass = matches!(status, 408 | 425 | 429 | 500 | 502..=599);
                assert_eq!((none.passes, passes(&answer())), (may_pass, may_pass), "{status}");
                assert_eq!(none.why, format!("HTTP {status}"));
                assert_eq!(none.advice.contains("redirects"), (300..400).contains(&status), "{status}");
            }
        }
    }
}

#[test]
fn every_way_without_an_answer_passes_or_stays() {
    let of = |kind: fn(String) -> Unanswered| kind("there".to_owned());
    for (reason, may_pass, advice) in [
        (of(Unanswered::NoName), true, "network"),
        (of(Unanswered::NoRoute), true, "network"),
        (of(Unanswered::ConnectTimeout), true, "network"),
        (of(Unanswered::Refused), true, "network"),
        (of(Unanswered::Closed), true, "network"),
        (of(Unanswered::NotTls), true, "network"),
        (of(Unanswered::ForeignCa), true, "CA bundle"),
        (of(Unanswered::BadCertificate), true, "clock"),
        (of(Unanswered::TlsFailed), true, "network"),
        (of(Unanswered::NoAnswer), true, "network"),
        (of(Unanswered::Verified), true, "network"),
        (Unanswered::TooLarge(7), false, "the URL"),
        (of(Unanswered::Unusable), false, "CA bundle in the image"),
    ] {
        let line = reason.line();
        let none = fetched(Err(reason)).unwrap_err();
        assert_eq!((none.passes, none.why.as_str()), (may_pass, line.as_str()));
        assert!(none.advice.contains(advice), "{line}: {}", none.advice);
    }
}
