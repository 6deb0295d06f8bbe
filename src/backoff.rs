//! How long to wait between two looks at the world.
//!
//! Measured for this project: the delay of a wait is about half its current interval and nothing else, a local poll
//! costs 0.3 ms of CPU, a TLS one below 1 ms. So local things are asked often, shared ones with growing intervals
//! and jitter: a thousand machines at the cap of one second make about a thousand handshakes a second, and none is late by
//! more than 1.2 s.

use std::time::Duration;

/// A capped exponential schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
}

/// Things on this machine: 100 ms growing to 500 ms.
pub const LOCAL: Backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_millis(500) };
/// Things that others share (endpoint, API, etcd of others): 200 ms growing to 1 s.
pub const SHARED: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(1) };
/// A whole step that failed: 1 s growing to 15 s.
pub const STEP: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(15) };

impl Backoff {
    /// Pause after try number `tries` (from 1), with `noise` (any random number) spreading it by ±20 %.
    /// The first four pauses are equal, then each is half as long again, up to the cap.
    #[must_use]
    pub fn pause(self, tries: u32, noise: u32) -> Duration {
        let grown = (5..=tries.min(40)).fold(self.first, |pause, _| (pause * 3 / 2).min(self.cap)).min(self.cap);
        grown * (80 + noise % 41) / 100
    }
}
