//! Instants: RFC 3339 read and written, by a calendar that is counted here day by day.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use kubeboot::moment::{Instant, UnixTime};

#[test]
fn known_times() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("2000-02-29T12:00:00Z", 951_825_600),
        ("2001-09-09T01:46:40Z", 1_000_000_000),
        ("2026-11-24T10:00:00Z", 1_795_514_400),
        ("2038-01-19T03:14:08Z", 1 << 31),
        ("2100-02-28T23:59:59Z", 4_107_542_399),
        ("2100-03-01T00:00:00Z", 4_107_542_400),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
    ] {
        assert_eq!(UnixTime::parse(text), Some(UnixTime(seconds)), "{text}");
        assert_eq!(UnixTime(seconds).to_string(), text);
    }
}

#[test]
fn every_day_of_five_centuries() {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut days = 0;
    for year in 1970..2470 {
        for month in 1..=12 {
            let length = match month {
                2 if leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            for day in 1..=length {
                let time = UnixTime(days * 86_400 + 3661);
                let text = format!("{year:04}-{month:02}-{day:02}T01:01:01Z");
                assert_eq!(time.to_string(), text);
                assert_eq!(UnixTime::parse(&text), Some(time));
                assert_eq!(time.civil(), (year, month, day, 1, 1, 1));
                days += 1;
            }
            assert_eq!(UnixTime::parse(&format!("{year:04}-{month:02}-{:02}T00:00:00Z", length + 1)), None);
        }
    }
}

#[test]
fn fractions_are_dropped() {
    for text in ["2026-11-24T10:00:00.0Z", "2026-11-24T10:00:00.999999999Z", "2026-11-24T10:00:00.25Z"] {
        assert_eq!(UnixTime::parse(text), UnixTime::parse("2026-11-24T10:00:00Z"), "{text}");
    }
}

#[test]
fn anything_else_is_no_time() {
    for text in [
        "",
        "Z",
        "2026-11-24",
        "2026-11-24T10:00:00",
        "2026-11-24T10:00:00z",
        "2026-11-24t10:00:00Z",
        "2026-11-24 10:00:00Z",
        "2026-11-24T10:00:00+00:00",
        "2026-11-24T10:00Z",
        "2026-11-24T10:00:00.Z",
        "2026-11-24T10:00:00.1x",
        "2026-11-24T10:00:00.+1Z",
        "2026-11-24T10:00:00ZZ",
        " 2026-11-24T10:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T10:60:00Z",
        "2026-11-24T10:00:60Z",
        "2026-00-24T10:00:00Z",
        "2026-13-24T10:00:00Z",
        "2026-11-00T10:00:00Z",
        "2026-11-31T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "+026-11-24T10:00:00Z",
        "2026-1a-24T10:00:00Z",
        "20261-11-24T10:00:00Z",
        "2026-11-24T10:00:0éZ",
        "é026-11-24T10:00:0Z",
    ] {
        assert_eq!(UnixTime::parse(text), None, "{text}");
    }
}

#[test]
fn instants_do_not_wrap() {
    let (early, late) = (Instant(Duration::from_secs(5)), Instant(Duration::from_secs(8)));
    assert_eq!(late.since(early), Duration::from_secs(3));
    assert_eq!(early.since(late), Duration::ZERO);
    assert_eq!(early.plus(Duration::from_secs(3)), late);
    assert_eq!(late.plus(Duration::MAX), Instant(Duration::MAX));
    assert_eq!(UnixTime(10).plus(-20), UnixTime(-10));
    assert_eq!(UnixTime(i64::MAX).plus(1), UnixTime(i64::MAX));
}

#[test]
fn durations_are_numbers_with_units_the_largest_first() {
    use kubeboot::moment::duration;
    for (text, seconds) in
        [("24h", 86_400), ("90m", 5400), ("7d", 604_800), ("1h30m", 5400), ("1d1h1m1s", 90_061), ("5s", 5), ("0h5m", 300)]
    {
        assert_eq!(duration(text), Some(std::time::Duration::from_secs(seconds)), "{text}");
    }
    for text in [
        "",
        "0s",
        "5",
        "h",
        "m5",
        "30m1h",
        "1h1h",
        "5 m",
        "-5m",
        "+5m",
        "1.5h",
        "5m ",
        "99999999999999999999s",
        "999999999999999999d",
        "5w",
    ] {
        assert_eq!(duration(text), None, "{text}");
    }
}
