//! Nanoseconds since the Unix epoch as text.

/// RFC 3339 in UTC, with as many digits of the second as it takes: none, three, six or nine.
pub(crate) fn rfc3339(nanos: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    const DAY: u64 = 86_400;
    let (seconds, fraction) = (nanos / SECOND, nanos % SECOND);
    let (days, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = match fraction {
        0 => String::new(),
        _ if fraction.is_multiple_of(1_000_000) => format!(".{:03}", fraction / 1_000_000),
        _ if fraction.is_multiple_of(1000) => format!(".{:06}", fraction / 1000),
        _ => format!(".{fraction:09}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar.
///
/// Years are taken to begin in March, so that the leap day is the last of its year; a day is then found by division.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097; // days of 400 years
    let day = days + 719_468; // since 0000-03-01
    let (era, day) = (day / ERA, day % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // 0 is March
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day_of_month)
}

/// A length of time, in the unit that suits it.
pub(crate) fn duration(nanos: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = nanos as f64;
    // A unit ends where what is shown would be rounded up to one of the next.
    match nanos {
        0..1000 => format!("{nanos} ns"),
        1000..999_500 => format!("{:.0} µs", value / 1e3),
        999_500..999_500_000 => format!("{:.0} ms", value / 1e6),
        999_500_000..59_995_000_000 => format!("{:.2} s", value / 1e9),
        59_995_000_000..3_597_000_000_000 => format!("{:.1} min", value / 60e9),
        3_597_000_000_000..172_620_000_000_000 => format!("{:.1} h", value / 3600e9),
        _ => format!("{:.1} days", value / 86_400e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (951_868_799_999_999_999, "2000-02-29T23:59:59.999999999Z"),
            (951_868_800_000_000_000, "2000-03-01T00:00:00Z"),
            (1_704_067_199_000_000_000, "2023-12-31T23:59:59Z"),
            (1_790_611_200_417_000_000, "2026-09-28T16:00:00.417Z"),
            (1_790_611_200_417_005_000, "2026-09-28T16:00:00.417005Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!(rfc3339(nanos), text);
        }
    }

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        for (nanos, text) in [
            (0, "0 ns"),
            (500, "500 ns"),
            (999, "999 ns"),
            (1000, "1 µs"),
            (812_000, "812 µs"),
            (999_499, "999 µs"),
            (999_500, "1 ms"),
            (999_999, "1 ms"),
            (812_400_000, "812 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (999_999_999, "1.00 s"),
            (3_124_000_000, "3.12 s"),
            (59_994_999_999, "59.99 s"),
            (59_995_000_000, "1.0 min"),
            (59_999_999_999, "1.0 min"),
            (90_000_000_000, "1.5 min"),
            (3_596_999_999_999, "59.9 min"),
            (3_597_000_000_000, "1.0 h"),
            (9_000_000_000_000, "2.5 h"),
            (172_619_999_999_999, "47.9 h"),
            (172_620_000_000_000, "2.0 days"),
            (259_200_000_000_000, "3.0 days"),
        ] {
            assert_eq!(duration(nanos), text);
        }
    }
}
