//! United States social security numbers: `AAA-GG-SSSS` with the same separator twice, in the ranges that are given out.

use super::class::{DIGIT, at, before, closes, is, opens, slice};

/// Numbers that adverts, forms and text books made known; the first two were never anyone's.
const WELL_KNOWN: [&[u8]; 3] = [b"078051120", b"219099999", b"123456789"];

/// The number that begins at `start`, and where it ends. Nine bare digits never are one.
pub(super) fn find(text: &[u8], start: usize) -> Option<usize> {
    let separator = at(text, start + 3);
    let end = start + 11;
    if (separator != b'-' && separator != b' ') || at(text, start + 6) != separator {
        return None;
    }
    let number = slice(text, start, end);
    let (area, group, serial) = (number.get(..3)?, number.get(4..6)?, number.get(7..)?);
    if ![area, group, serial].iter().all(|part| part.iter().all(u8::is_ascii_digit)) {
        return None;
    }
    if area == b"000" || area == b"666" || area.first() == Some(&b'9') || group == b"00" || serial == b"0000"
    {
        return None;
    }
    if WELL_KNOWN.iter().any(|known| [area, group, serial].concat() == **known) {
        return None;
    }
    // A longer row of such groups is a part number or a line of a table.
    let row_before = before(text, start) == separator && start >= 2 && is(at(text, start - 2), DIGIT);
    let row_after = at(text, end) == separator && is(at(text, end + 1), DIGIT);
    (opens(text, start) && closes(text, end) && !row_before && !row_after).then_some(end)
}
