//! The ledger: what its lines prove, and what a power cut leaves of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kubeboot::ledger::{Entry, Progress, Record, fold, line, mended};
use kubeboot::plan::{Course, StepId};

const MACHINE: &str = "0123456789abcdef0123456789abcdef";

fn record(entry: Entry) -> Record {
    Record { at: "2026-11-24T09:00:00Z".to_owned(), machine: MACHINE.to_owned(), entry }
}

fn entries() -> Vec<Entry> {
    vec![
        Entry::Started { cluster: "aa".repeat(32), role: "control-plane".to_owned(), node: "cp-1".to_owned() },
        Entry::Course { course: Course::Initialise },
        Entry::Begun { step: StepId::SharedPki },
        Entry::Done { step: StepId::SharedPki },
        Entry::Begun { step: StepId::KubeadmInit },
        Entry::Failed { step: StepId::KubeadmInit, fault: "kubeadm init ended with 1".to_owned() },
    ]
}

fn whole() -> Vec<u8> {
    entries().into_iter().flat_map(|entry| line(&record(entry))).collect()
}

#[test]
fn its_words_are_stable() {
    let text = String::from_utf8(whole()).unwrap();
    let head = format!(r#"{{"at":"2026-11-24T09:00:00Z","machine":"{MACHINE}","entry":"#);
    let tails = [
        format!(r#""started","cluster":"{}","role":"control-plane","node":"cp-1"}}"#, "aa".repeat(32)),
        r#""course","course":"initialise"}"#.to_owned(),
        r#""begun","step":"shared-pki"}"#.to_owned(),
        r#""done","step":"shared-pki"}"#.to_owned(),
        r#""begun","step":"kubeadm-init"}"#.to_owned(),
        r#""failed","step":"kubeadm-init","fault":"kubeadm init ended with 1"}"#.to_owned(),
    ];
    assert_eq!(text, tails.map(|tail| format!("{head}{tail}\n")).concat());
}

#[test]
fn it_proves_what_was_begun_and_done() {
    let progress = fold(&whole()).unwrap();
    assert_eq!(
        progress,
        Progress {
            identity: Some(("aa".repeat(32), "control-plane".to_owned(), "cp-1".to_owned())),
            machines: vec![MACHINE.to_owned()],
            begun: vec![StepId::SharedPki, StepId::KubeadmInit],
            done: vec![StepId::SharedPki],
        }
    );
    assert!(progress.has_begun(StepId::KubeadmInit) && !progress.has_begun(StepId::KubeadmJoin));
    assert_eq!(fold(b"").unwrap(), Progress::default());
    assert_eq!(fold(b"\n\n").unwrap(), Progress::default());
}

#[test]
fn until_kubeadm_begins_the_last_run_says_who_this_is() {
    let started = |node: &str| line(&record(Entry::Started { cluster: "bb".repeat(32), role: "worker".to_owned(), node: node.to_owned() }));
    let begun = |step| line(&record(Entry::Begun { step }));
    let bytes = [started("w-1"), begun(StepId::SharedPki), started("w-2"), begun(StepId::KubeadmJoin), started("w-3")].concat();
    assert_eq!(fold(&bytes).unwrap().identity.unwrap().2, "w-2");
}

#[test]
fn later_runs_do_not_change_who_was_first() {
    let mut bytes = whole();
    bytes.extend(whole());
    bytes.extend(line(&record(Entry::Started { cluster: "bb".repeat(32), role: "worker".to_owned(), node: "w-1".to_owned() })));
    bytes.extend(line(&record(Entry::Course { course: Course::Join })));
    bytes.extend(line(&Record { machine: "f".repeat(32), ..record(Entry::Begun { step: StepId::KubeadmJoin }) }));
    let progress = fold(&bytes).unwrap();
    assert_eq!(progress.identity.unwrap().2, "cp-1");
    assert_eq!(progress.begun, [StepId::SharedPki, StepId::KubeadmInit, StepId::KubeadmJoin]);
    assert_eq!(progress.machines, [MACHINE.to_owned(), "f".repeat(32)]);
}

#[test]
fn a_line_torn_anywhere_reads_as_nothing_and_the_next_run_goes_on() {
    let kept = whole();
    let before = fold(&kept).unwrap();
    let last = line(&record(Entry::Begun { step: StepId::KubeadmJoin }));
    // All but its newline is a whole record: it was written, so it counts.
    for length in 0..last.len() - 1 {
        let torn = [&kept[..], &last[..length]].concat();
        assert_eq!(fold(&torn).unwrap(), before, "{length} bytes of the last line");
        // The next record must not be glued to the torn one: that would read as damage for ever after.
        let mut next = mended(&torn).unwrap_or(torn);
        assert_eq!(next, kept);
        next.extend(&last);
        assert!(fold(&next).unwrap().has_begun(StepId::KubeadmJoin));
    }
    let unended = [&kept[..], &last[..last.len() - 1]].concat();
    assert!(fold(&unended).unwrap().has_begun(StepId::KubeadmJoin));
    assert_eq!(mended(&unended).unwrap(), [&kept[..], &last[..]].concat());
    assert_eq!(mended(&kept), None);
    assert_eq!(mended(b""), None);
    // What some file systems leave where a write was lost.
    assert_eq!(mended(&[&kept[..], &[0; 40]].concat()).unwrap(), kept);
    assert_eq!(mended(b"{\"at\":").unwrap(), b"");
}

#[test]
fn damage_before_the_end_is_told_by_its_line() {
    let text = String::from_utf8(whole()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for broken in 0..lines.len() {
        let damaged: String =
            lines.iter().enumerate().map(|(n, line)| if n == broken { "{\"at\":\"20\n".to_owned() } else { format!("{line}\n") }).collect();
        assert_eq!(fold(damaged.as_bytes()), Err(broken + 1));
    }
    // A last line that ends in a newline was written whole, and is damage too.
    assert_eq!(fold(format!("{text}rubbish\n").as_bytes()), Err(lines.len() + 1));
    assert_eq!(fold(format!("{text}\u{0}\n{text}").as_bytes()), Err(lines.len() + 1));
}

#[test]
fn fields_of_a_later_kubeboot_are_passed_over() {
    let text = format!(
        "{{\"at\":\"x\",\"machine\":\"{MACHINE}\",\"boot\":7,\"entry\":\"begun\",\"step\":\"kubeadm-join\",\"attempt\":{{\"n\":2}}}}\n"
    );
    assert!(fold(text.as_bytes()).unwrap().has_begun(StepId::KubeadmJoin));
    // An entry or a step that it doesn't know could be the one that matters: that is not passed over.
    for unknown in ["\"entry\":\"reset\"", "\"entry\":\"begun\",\"step\":\"kubeadm-reset\""] {
        let text = format!("{{\"at\":\"x\",\"machine\":\"{MACHINE}\",{unknown}}}\n");
        assert_eq!(fold(text.as_bytes()), Err(1));
    }
}
