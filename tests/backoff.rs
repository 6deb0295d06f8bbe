//! The schedules written out, and the spread of their pauses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use kubeboot::backoff::{Backoff, LOCAL, SHARED, STEP};

/// Noise that spreads nothing.
const EVEN: u32 = 0;

/// The first pauses in milliseconds, rounded down.
fn schedule(backoff: Backoff, from: u32) -> Vec<u128> {
    (from..from + 12).map(|tries| backoff.pause(tries, EVEN).as_millis()).collect()
}

#[test]
fn the_schedules() {
    assert_eq!(schedule(LOCAL, 1), [100; 12]);
    assert_eq!(schedule(LOCAL, 97), [100, 100, 100, 100, 150, 225, 337, 500, 500, 500, 500, 500]);
    assert_eq!(schedule(SHARED, 1), [250; 12]);
    assert_eq!(schedule(SHARED, 21), [250, 250, 250, 250, 375, 562, 843, 1000, 1000, 1000, 1000, 1000]);
    assert_eq!(schedule(STEP, 1), [1000, 1000, 1000, 1000, 1500, 2250, 3375, 5062, 7593, 11_390, 15_000, 15_000]);
}

#[test]
fn pauses_grow_by_a_fifth_at_most_and_never_shrink() {
    for backoff in [LOCAL, SHARED, STEP] {
        for tries in [1, 6, 12, 100, 1000, u32::MAX] {
            let even = backoff.pause(tries, EVEN);
            let pauses: Vec<_> = (0..21).map(|noise| backoff.pause(tries, noise)).collect();
            assert_eq!(*pauses.iter().min().unwrap(), even);
            assert_eq!(*pauses.iter().max().unwrap(), even * 120 / 100);
            // Each of the 21 steps is one percent: machines that started together drift apart.
            assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]));
            assert_eq!(backoff.pause(tries, u32::MAX), backoff.pause(tries, u32::MAX % 21));
        }
    }
}

#[test]
fn before_the_first_try_it_is_the_first_pause() {
    assert_eq!(LOCAL.pause(0, EVEN), LOCAL.pause(1, EVEN));
}
