//! No input makes the reader panic or hang: every prefix and every one-byte change of the accepted documents, in a
//! deterministic selection.

use super::numbers::Numbers;
use super::{fixtures, read};

/// Bytes that mean something to YAML, to lines, or to UTF-8.
const TELLING: &[u8] = b":-#&*!|>'\"%@`{}[],? \t\r\n\0.~/\\<=0\xff\xc3\x80\x07";

#[test]
fn every_prefix_is_read_without_panic() {
    for (name, bytes) in fixtures("accept") {
        for end in 0..bytes.len() {
            let _ = read(&name, &bytes[..end]);
        }
    }
}

#[test]
fn changes_of_one_byte_are_read_without_panic() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut rejected = 0;
    for (name, bytes) in fixtures("accept") {
        for _ in 0..600 {
            let mut changed = bytes.clone();
            let at = numbers.below(changed.len());
            let byte = TELLING[numbers.below(TELLING.len())];
            match numbers.below(3) {
                0 => changed[at] = byte,
                1 => changed.insert(at, byte),
                _ => drop(changed.remove(at)),
            }
            rejected += usize::from(read(&name, &changed).is_err());
        }
    }
    assert!(rejected > 1000, "the changes change nothing: {rejected}");
}
