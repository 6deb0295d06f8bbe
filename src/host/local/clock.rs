//! Time: the monotonic clock, the wall clock, and whether the kernel calls the latter synchronised.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::moment::{Instant, UnixTime};

/// CLOCK_BOOTTIME: goes on while the machine is suspended, as the windows of certificates do.
pub(super) fn now() -> Instant {
    // Can't fail on Linux 2.6.39 and later; zero would only make every wait look young.
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    Instant(time)
}

pub(super) fn wall() -> UnixTime {
    let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
    UnixTime(match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => seconds(before.duration()).saturating_neg(),
    })
}

/// adjtimex(2): neither TIME_ERROR nor STA_UNSYNC, which is what `timedatectl` calls "System clock synchronized".
pub(super) fn synchronised() -> bool {
    // SAFETY: `timex` is a plain C struct of integers, for which all zeroes is a valid value; modes = 0 makes the call
    // a pure read into that struct, which outlives it.
    #[allow(unsafe_code)]
    let (state, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex.status)
    };
    state != -1 && state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0
}
