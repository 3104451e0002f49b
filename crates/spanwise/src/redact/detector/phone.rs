//! Telephone numbers: international ones with their `+`, and North American ones (off unless asked for).

use super::class::{DIGIT, at, before, closes, is, opens, run_end_within, slice};

/// E.164, section 6: at most fifteen digits, the country code among them.
const MOST_DIGITS: usize = 15;
const FEWEST_DIGITS: usize = 8;

/// The country codes of one and of two digits. What begins otherwise has three, and is listed by its first two.
const TWO_DIGITS: [u8; 45] = [
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
    60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98, 99,
];
const THREE_DIGITS_BEGIN: [u8; 17] = [21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 85];
const THREE_DIGITS_BEGIN_TOO: [u8; 5] = [80, 87, 88, 96, 97];

/// The international number whose `+` stands at `start`, and where it ends.
///
/// Its digits may be parted by single spaces, dots or hyphens, once by a slash, and one group may stand in brackets; a `(0)`,
/// which is not dialled from abroad, does not count. The country code must be one that is given out, and the number long
/// enough for it.
pub(super) fn find_e164(text: &[u8], start: usize) -> Option<usize> {
    if !opens(text, start)
        || matches!(before(text, start), b')' | b'+')
        || !matches!(at(text, start + 1), b'1'..=b'9')
    {
        return None;
    }
    let mut digits = [0u8; MOST_DIGITS];
    let mut count = 0;
    let mut position = start + 1;
    let mut bracket: Option<bool> = None;
    let mut single_digits = 0;
    let mut has_slash = false;
    let mut best = None;
    loop {
        let group = position;
        while is(at(text, position), DIGIT) {
            // A group that runs beyond the fifteenth digit is no part of the number.
            let Some(slot) = digits.get_mut(count) else {
                return best;
            };
            *slot = at(text, position) - b'0';
            count += 1;
            position += 1;
        }
        if position == group {
            return best;
        }
        single_digits += usize::from(position - group == 1 && group != start + 1);
        if bracket == Some(true) {
            if at(text, position) != b')' {
                return best;
            }
            bracket = Some(false);
            position += 1;
        } else if closes(text, position) && single_digits <= 1 && is_complete(digits.get(..count)?) {
            best = Some(position);
        }
        if matches!(at(text, position), b' ' | b'.' | b'-') {
            position += 1;
        } else if at(text, position) == b'/' && !has_slash && is_line_number(text, position + 1) {
            has_slash = true;
            position += 1;
        }
        if at(text, position) == b'(' && bracket.is_none() {
            if slice(text, position, position + 3) == b"(0)" {
                bracket = Some(false);
                position += 3 + usize::from(at(text, position + 3) == b' ');
            } else {
                bracket = Some(true);
                position += 1;
            }
        }
    }
}

/// Whether a slash before `start` parts a number from its area code: dates and sums have shorter groups of digits.
fn is_line_number(text: &[u8], start: usize) -> bool {
    const FEWEST: usize = 5;
    run_end_within(text, start, DIGIT, FEWEST) == start + FEWEST
}

/// Whether the digits are a whole number of a country: a code that is given out, and enough digits behind it.
fn is_complete(digits: &[u8]) -> bool {
    let (Some(first), Some(second)) = (digits.first(), digits.get(1)) else {
        return false;
    };
    let begin = first * 10 + second;
    match (first, begin) {
        // North America: eleven digits, neither the area nor the exchange begins with 0 or 1.
        (1, _) => digits.len() == 11 && *second >= 2 && digits.get(4).is_some_and(|digit| *digit >= 2),
        (7, _) => digits.len() == 11,
        // Countries with short numbers.
        (_, 39 | 43 | 46 | 47 | 49 | 95 | 99) => digits.len() >= FEWEST_DIGITS,
        (_, begin) if TWO_DIGITS.contains(&begin) => digits.len() >= 10,
        (_, begin) => {
            digits.len() >= FEWEST_DIGITS
                && (THREE_DIGITS_BEGIN.contains(&begin) || THREE_DIGITS_BEGIN_TOO.contains(&begin))
        }
    }
}

/// The North American number that begins at `start`, and where it ends: `(NXX) NXX-XXXX`, `NXX-NXX-XXXX` or
/// `NXX.NXX.XXXX`.
pub(super) fn find_nanp(text: &[u8], start: usize) -> Option<usize> {
    let (area, exchange, separator) = if at(text, start) == b'(' {
        if at(text, start + 4) != b')' || at(text, start + 5) != b' ' {
            return None;
        }
        (start + 1, start + 6, b'-')
    } else {
        (start, start + 4, at(text, start + 3))
    };
    let line = exchange + 4;
    let end = line + 4;
    let are_digits = |from: usize, count: usize| (from..from + count).all(|place| is(at(text, place), DIGIT));
    let shaped = matches!(separator, b'-' | b'.')
        && at(text, exchange + 3) == separator
        && are_digits(area, 3)
        && are_digits(exchange, 3)
        && are_digits(line, 4)
        && at(text, area) >= b'2'
        && at(text, exchange) >= b'2';
    let row_before = before(text, start) == separator && start >= 2 && is(at(text, start - 2), DIGIT);
    let row_after = at(text, end) == separator && is(at(text, end + 1), DIGIT);
    (shaped && opens(text, start) && closes(text, end) && !row_before && !row_after).then_some(end)
}
