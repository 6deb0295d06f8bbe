//! etcd's logs, as etcd 3.7.0 left them when it was killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kubeboot::cluster::wal::is_stillborn;

/// Killed between making its log and writing to it.
const STILLBORN: &[u8] = include_bytes!("fixtures/etcd/v3.7.0/stillborn.wal");
/// Killed when it served.
const STARTED: &[u8] = include_bytes!("fixtures/etcd/v3.7.0/started.wal");

#[test]
fn a_log_without_entries_is_stillborn() {
    assert!(is_stillborn(STILLBORN));
    assert!(!is_stillborn(STARTED));
}

#[test]
fn what_cannot_be_read_counts_as_written() {
    assert!(!is_stillborn(b""));
    assert!(!is_stillborn(&[0; 512]), "no record at all");
    // The end of the records, 80 bytes, was not seen.
    for length in 0..88 {
        assert!(!is_stillborn(&STILLBORN[..length]), "{length} bytes");
    }
    assert!(is_stillborn(&STILLBORN[..88]));
    // The same log with one byte more: a frame that is longer than the file, a record of another kind, no kind.
    for (at, byte) in [(86, 1), (81, 0x7f), (80, 1)] {
        let mut log = STILLBORN.to_vec();
        log[at] = byte;
        assert!(!is_stillborn(&log), "byte {at}");
    }
    // Wherever the first entry or state begins, something is written.
    for (at, kind) in [(9, 2), (25, 3)] {
        let mut log = STILLBORN.to_vec();
        assert!([1, 4].contains(&log[at]), "byte {at} is a kind");
        log[at] = kind;
        assert!(!is_stillborn(&log), "kind {kind} at {at}");
    }
}
