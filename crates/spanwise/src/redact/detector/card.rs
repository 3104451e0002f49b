//! Payment cards: 13 to 19 digits of a known issuer that pass the Luhn check.
//!
//! Luhn alone passes one number in ten. With the issuer's prefix and length under 3% of random sixteen-digit numbers
//! pass, and no time in milli- or nanoseconds of this century does: those begin with 1, and no issuer's number does.

use super::class::{ALNUM, at, before, from, is, opens, slice};

/// Longest number, ISO/IEC 7812.
const MOST_DIGITS: usize = 19;

/// The card that begins at `start`, and where it ends. `start` is the first digit of a group of digits.
///
/// The digits come in one piece, or in groups of 4-4-4-4 or 4-6-5 with the same separator, a space or a hyphen.
pub(super) fn find(text: &[u8], start: usize) -> Option<usize> {
    if !opens(text, start)
        || (before(text, start) == b'.' && start >= 2 && at(text, start - 2).is_ascii_digit())
    {
        return None;
    }
    let first = digits_at(text, start);
    let end = match first {
        13..=MOST_DIGITS => start + first,
        4 => grouped(text, start)?,
        _ => return None,
    };
    let after = at(text, end);
    if is(after, ALNUM) || after == b'_' || (after == b'.' && at(text, end + 1).is_ascii_digit()) {
        return None;
    }
    let mut digits = [0u8; MOST_DIGITS];
    let mut length = 0;
    for (slot, byte) in
        digits.iter_mut().zip(slice(text, start, end).iter().filter(|byte| byte.is_ascii_digit()))
    {
        *slot = byte - b'0';
        length += 1;
    }
    let digits = digits.get(..length)?;
    (has_issuer(digits) && passes_luhn(digits) && digits.iter().any(|digit| Some(digit) != digits.first()))
        .then_some(end)
}

fn digits_at(text: &[u8], start: usize) -> usize {
    from(text, start).iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count()
}

fn grouped(text: &[u8], start: usize) -> Option<usize> {
    let separator = at(text, start + 4);
    if separator != b' ' && separator != b'-' {
        return None;
    }
    let rest: &[usize] = match digits_at(text, start + 5) {
        4 => &[4, 4, 4],
        6 => &[6, 5],
        _ => return None,
    };
    let mut end = start + 4;
    for length in rest {
        if at(text, end) != separator || digits_at(text, end + 1) != *length {
            return None;
        }
        end += 1 + length;
    }
    Some(end)
}

/// Whether the prefix is an issuer's, and the length one that the issuer gives.
fn has_issuer(digits: &[u8]) -> bool {
    let prefix = |length: usize| {
        digits.get(..length).unwrap_or(&[]).iter().fold(0u32, |number, digit| number * 10 + u32::from(*digit))
    };
    let length = digits.len();
    match digits.first() {
        Some(4) => matches!(length, 13 | 16 | 19),
        Some(2) => length == 16 && (2221..=2720).contains(&prefix(4)),
        Some(5) => length == 16 && (51..=55).contains(&prefix(2)),
        Some(6) => {
            length >= 16
                && (matches!(prefix(2), 62 | 65) || prefix(4) == 6011 || (644..=649).contains(&prefix(3)))
        }
        Some(3) => match prefix(2) {
            34 | 37 => length == 15,
            35 => length >= 16 && (3528..=3589).contains(&prefix(4)),
            36 | 38 | 39 => length >= 14,
            _ => length >= 14 && (300..=305).contains(&prefix(3)),
        },
        _ => false,
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_this_century_are_no_cards() {
        for step in 0..50_000u64 {
            for time in
                [1_600_000_000_000 + step * 7_919, (1_600_000_000_000 + step * 7_919) * 1_000_000 + step]
            {
                assert_eq!(find(time.to_string().as_bytes(), 0), None, "{time}");
            }
        }
    }

    /// A number that begins with `prefix`, has `length` digits and passes Luhn.
    fn number(prefix: &str, length: usize) -> String {
        let mut digits: Vec<u8> = prefix.bytes().map(|byte| byte - b'0').collect();
        digits.resize(length, 0);
        let passing = (0..10).find(|last| {
            digits[length - 1] = *last;
            passes_luhn(&digits)
        });
        assert!(passing.is_some());
        digits.iter().map(|digit| char::from(b'0' + digit)).collect()
    }

    /// Up to both ends of each range, and of no other length.
    #[test]
    fn numbers_are_of_the_issuers_and_of_the_lengths_that_they_give() {
        let rows: [(&[&str], &[usize]); 8] = [
            (&["4"], &[13, 16, 19]),
            (&["2221", "2720", "51", "55"], &[16]),
            (&["62", "65", "6011", "644", "649"], &[16, 17, 18, 19]),
            (&["34", "37"], &[15]),
            (&["3528", "3589"], &[16, 17, 18, 19]),
            (&["36", "38", "39", "300", "305"], &[14, 15, 16, 17, 18, 19]),
            (&["2220", "2721", "50", "56", "61", "63", "66", "6010", "6012", "643", "3527", "3590"], &[]),
            (&["306", "31", "32", "33", "0", "1", "7", "8", "9"], &[]),
        ];
        for (prefixes, lengths) in rows {
            for prefix in prefixes {
                let found: Vec<_> = (12..=20)
                    .filter(|length| find(number(prefix, *length).as_bytes(), 0) == Some(*length))
                    .collect();
                assert_eq!(found, lengths, "{prefix}");
            }
        }
    }

    #[test]
    fn a_table_of_digits_passes_or_fails_luhn() {
        assert!(passes_luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]));
        assert!(!passes_luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 4]));
    }
}
