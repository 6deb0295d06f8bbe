//! Instants of our own: the core has no clock, it is told the time.

use std::fmt;
use std::time::Duration;

/// Time since the host's boot or the start of a rehearsal; never goes backwards. For waits and deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Duration);

impl Instant {
    /// How long ago `earlier` was; zero if it is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant `later`.
    #[must_use]
    pub const fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

/// Wall-clock time: seconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX). For certificates and windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub i64);

const DAY: i64 = 86_400;

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counted in eras of 400 years
/// that begin in March, so that the leap day is an era's last.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

const fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

impl UnixTime {
    /// Reads RFC 3339 in UTC with whole or fractional seconds (`2026-11-24T10:00:00Z`), the form that
    /// Kubernetes writes; the fraction is dropped. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_suffix('Z')?;
        let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
        if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let bytes = whole.as_bytes();
        if bytes.len() != 19 || bytes[4] != b'-' || bytes[7] != b'-' || bytes[10] != b'T' || bytes[13] != b':' || bytes[16] != b':' {
            return None;
        }
        let number = |from: usize, to: usize| -> Option<i64> {
            let part = whole.get(from..to)?;
            part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if hour > 23 || minute > 59 || second > 59 || date_of(days_of(year, month, day)) != (year, month, day) {
            return None;
        }
        Some(Self(days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second))
    }

    /// Year, month, day, hour, minute, second in UTC.
    #[must_use]
    pub const fn civil(self) -> (i64, i64, i64, i64, i64, i64) {
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        (year, month, day, second / 3600, second / 60 % 60, second % 60)
    }

    /// This time `seconds` later (earlier, if negative).
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A length of time as people write it: numbers with units, the largest first: `24h`, `90m`, `7d`, `1h30m`.
/// `None` for anything else, and for no time at all.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut total = 0_u64;
    let mut rest = text;
    for (unit, seconds) in [('d', 86_400_u64), ('h', 3600), ('m', 60), ('s', 1)] {
        let Some((count, after)) = rest.split_once(unit) else { continue };
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        total = total.checked_add(count.parse::<u64>().ok()?.checked_mul(seconds)?)?;
        rest = after;
    }
    (rest.is_empty() && total > 0).then(|| Duration::from_secs(total))
}
