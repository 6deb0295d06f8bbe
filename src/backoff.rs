//! How long to wait between two looks at the world.
//!
//! Measured for this project: the delay of a wait is about half its current interval and nothing else, a local poll
//! costs 0.3 ms of CPU, a TLS one below 1 ms. So local things are asked often, shared ones with growing intervals
//! and jitter: a thousand machines at the one-second cap make a thousand handshakes a second, and none is late by much more.

use std::time::Duration;

/// Steps of growth after which any schedule has reached its cap.
const GROWTH: u32 = 40;

/// A capped exponential schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    /// How many pauses are equal before they grow.
    flat: u32,
    cap: Duration,
}

/// Things on this machine: 100 ms for ten seconds, then growing to 500 ms.
pub const LOCAL: Backoff = Backoff { first: Duration::from_millis(100), flat: 100, cap: Duration::from_millis(500) };
/// Things that others share (endpoint, API, etcd of others): 250 ms for six seconds, then growing to 1 s, which is reached before
/// ten seconds have passed: from then on a machine costs the balancer at most one handshake a second.
pub const SHARED: Backoff = Backoff { first: Duration::from_millis(250), flat: 24, cap: Duration::from_secs(1) };
/// A document's server: 250 ms growing to 2 s, spread so that a rack does not ask in step.
pub const DOCUMENT: Backoff = Backoff { first: Duration::from_millis(250), flat: 1, cap: Duration::from_secs(2) };
/// A whole step that failed: 1 s growing to 15 s.
pub const STEP: Backoff = Backoff { first: Duration::from_secs(1), flat: 4, cap: Duration::from_secs(15) };

impl Backoff {
    /// The number of tries from which on every pause is the longest: growing by half takes fewer steps than this.
    #[must_use]
    pub const fn tries_to_cap(self) -> u32 {
        self.flat + GROWTH
    }

    /// Pause after try number `tries` (from 1), with `noise` (any random number) making it up to 20 % longer.
    /// After the equal ones each is half as long again, up to the cap.
    #[must_use]
    pub fn pause(self, tries: u32, noise: u32) -> Duration {
        let grown = (self.flat..tries.min(self.tries_to_cap())).fold(self.first, |pause, _| (pause * 3 / 2).min(self.cap)).min(self.cap);
        grown * (100 + noise % 21) / 100
    }
}
