//! Points in time and windows of validity, in whole seconds. The clock that is read is the caller's.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This time and `seconds` more, stopping at the end of the scale.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl UnixTime {
    /// Reads RFC 3339 in UTC and whole seconds, as `2026-06-01T00:00:00Z`: the one form in which it is written.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| -> Option<u64> {
            let digits = text.get(from..to)?;
            digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?;
        let days = days(year, month, day)?.checked_mul(86_400)?;
        let time = Self(days.checked_add(seconds)?.checked_add(second)?);
        // A day that the month does not have, and every other spelling, is written otherwise than it was read.
        (time.to_string() == text).then_some(time)
    }
}

/// Writes RFC 3339 in UTC, as `2026-06-01T00:00:00Z`. A verification writes some twenty: two digits at a time, since
/// `write!` costs ten times as much.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0 / 86_400);
        let second = self.0 % 86_400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        if year > 9999 {
            return write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        }
        let [y1, y2] = two_digits(year / 100);
        let [y3, y4] = two_digits(year % 100);
        let ([m1, m2], [d1, d2]) = (two_digits(month), two_digits(day));
        let [[h1, h2], [n1, n2], [s1, s2]] = [hour, minute, second].map(two_digits);
        let text = [
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
            b'Z',
        ];
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Of a number below 100.
fn two_digits(value: u64) -> [u8; 2] {
    let digit = |value: u64| char::from_digit(u32::try_from(value % 10).unwrap_or(0), 10);
    [value / 10, value].map(|value| digit(value).map_or(b'0', |digit| digit as u8))
}

/// Days since the epoch to a Gregorian date, by eras of 400 years that begin on 1 March.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "every term is bounded by the u64 day count divided down"
)]
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// A Gregorian date to days since the epoch: the inverse of [`civil`].
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let from_march = if month <= 2 { month.checked_add(9)? } else { month.checked_sub(3)? };
    let (era, year) = (year / 400, year % 400);
    let day_of_year = from_march.checked_mul(153)?.checked_add(2)? / 5;
    let day_of_year = day_of_year.checked_add(day.checked_sub(1)?)?;
    let leap_days = (year / 4).checked_sub(year / 100)?;
    let day_of_era = year.checked_mul(365)?.checked_add(leap_days)?.checked_add(day_of_year)?;
    era.checked_mul(146_097)?.checked_add(day_of_era)?.checked_sub(719_468)
}

/// When something counts: inclusive at both ends, as X.509 (RFC 5280 §4.1.2.5) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first second that counts.
    pub from: UnixTime,
    /// The last second that counts.
    pub until: UnixTime,
}

impl Window {
    /// A window that holds every time: the start of a chain of intersections.
    pub const ALWAYS: Self = Self { from: UnixTime(0), until: UnixTime(u64::MAX) };

    /// True when `time` lies inside, both ends counted.
    #[must_use]
    pub fn contains(&self, time: UnixTime) -> bool {
        self.from <= time && time <= self.until
    }

    /// The seconds that both windows hold. It holds no time at all where they do not meet.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }
}

/// Writes `FROM to UNTIL`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_across_leap_years() {
        assert_eq!(UnixTime(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(UnixTime(951_782_400).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(UnixTime(1_780_272_000).to_string(), "2026-06-01T00:00:00Z");
        assert_eq!(UnixTime(4_107_542_399).to_string(), "2100-02-28T23:59:59Z");
        assert_eq!(UnixTime(4_107_542_400).to_string(), "2100-03-01T00:00:00Z");
        assert_eq!(UnixTime(1_798_761_599).to_string(), "2026-12-31T23:59:59Z");
        assert_eq!(UnixTime(253_402_300_799).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(UnixTime(253_402_300_800).to_string(), "10000-01-01T00:00:00Z");
    }

    #[test]
    fn reads_what_it_writes_and_no_other_spelling() {
        for seconds in [0, 951_782_400, 1_780_272_000, 4_107_542_399, 4_107_542_400, 86_399] {
            let time = UnixTime(seconds);
            assert_eq!(UnixTime::from_rfc3339(&time.to_string()), Some(time));
        }
        for text in [
            "",
            "2026-06-01",
            "2026-06-01T00:00:00",
            "2026-06-01T00:00:00z",
            "2026-06-01 00:00:00Z",
            "2026-06-01T00:00:00+00:00",
            "2026-02-29T00:00:00Z",
            "2026-06-31T00:00:00Z",
            "2026-06-00T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-06-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-06-01T00:00:00Z",
        ] {
            assert_eq!(UnixTime::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn counts_both_ends_of_a_window_and_no_second_more() {
        let window = Window { from: UnixTime(10), until: UnixTime(20) };
        assert!(window.contains(UnixTime(10)) && window.contains(UnixTime(20)));
        assert!(!window.contains(UnixTime(9)) && !window.contains(UnixTime(21)));
        assert_eq!(window.to_string(), "1970-01-01T00:00:10Z to 1970-01-01T00:00:20Z");
    }

    #[test]
    fn windows_that_do_not_meet_hold_nothing() {
        let early = Window { from: UnixTime(1), until: UnixTime(2) };
        let late = Window { from: UnixTime(3), until: UnixTime(4) };
        let both = early.intersect(&late);
        assert!((0..6).all(|second| !both.contains(UnixTime(second))));
    }
}
