//! Mail addresses: an RFC 5322 dot-atom, `@`, and a domain name of at least two labels.

use super::class::{ALNUM, DIGIT, HYPHEN, LOWER, UPPER, WORD, after_escape_letter, at, before, is, slice};

/// RFC 5321, section 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_LABEL: usize = 63;
const LONGEST_ADDRESS: usize = 254;

/// The address whose `@` stands at `sign`: where it begins and ends.
pub(super) fn find(text: &[u8], sign: usize) -> Option<(usize, usize)> {
    let end = domain_end(text, sign + 1)?;
    let start = local_start(text, sign)?;
    (end - start <= LONGEST_ADDRESS).then_some((start, end))
}

/// Where the local part that ends before `sign` begins.
///
/// A character that RFC 5322 allows but that machine text uses between things (`name=`, `path/`, `?a=b&`) ends it, and
/// so does an opening quote: taking `mail=` along would only hide what is no address.
fn local_start(text: &[u8], sign: usize) -> Option<usize> {
    if before(text, sign) == b'.' {
        return None;
    }
    let mut start = sign;
    while let Some(width) = local_character_before(text, start) {
        if at(text, start) == b'.' && before(text, start) == b'.' {
            break;
        }
        if sign - start >= LONGEST_LOCAL {
            if after_escape_letter(text, start) {
                break;
            }
            return None;
        }
        start -= width;
    }
    // A letter that a backslash makes a line break or a tab is no letter of the address.
    if is(at(text, start), ALNUM) && after_escape_letter(text, start + 1) && start + 1 < sign {
        start += 1;
    }
    while start < sign && at(text, start).is_ascii() && !is(at(text, start), WORD) {
        start += 1;
    }
    (start < sign).then_some(start)
}

/// The width of the character before `end`, if it can stand in a local part.
fn local_character_before(text: &[u8], end: usize) -> Option<usize> {
    let byte = before(text, end);
    if byte.is_ascii() {
        let allowed = is(byte, WORD | HYPHEN)
            || matches!(byte, b'.' | b'+' | b'!' | b'#' | b'$' | b'%' | b'\'' | b'*' | b'^' | b'~');
        return allowed.then_some(1);
    }
    character_before(text, end).filter(|(character, _)| character.is_alphanumeric()).map(|(_, width)| width)
}

/// The character that ends before `end`, and its width. Damaged text has none.
fn character_before(text: &[u8], end: usize) -> Option<(char, usize)> {
    (2..=4).find_map(|width| {
        let encoded = slice(text, end.checked_sub(width)?, end);
        let character = std::str::from_utf8(encoded).ok()?.chars().next_back()?;
        (character.len_utf8() == width).then_some((character, width))
    })
}

/// The width of the letter at `start`, beyond ASCII.
fn letter_at(text: &[u8], start: usize) -> Option<usize> {
    (2..=4).find_map(|width| {
        let character = std::str::from_utf8(text.get(start..start + width)?).ok()?.chars().next()?;
        character.is_alphanumeric().then_some(width)
    })
}

/// Where the longest domain name that begins at `start` ends.
///
/// The last label is two ASCII letters or more, or punycode (`xn--`). Versions (`name@1.2.3-beta.rc`) and picture
/// scales (`icon@2x.png`) are no domains.
fn domain_end(text: &[u8], start: usize) -> Option<usize> {
    let mut label = start;
    let mut labels = 0usize;
    let mut numeric_labels = 0usize;
    let mut best = None;
    while label - start < LONGEST_ADDRESS {
        let mut end = label;
        let mut plain = true;
        loop {
            if is(at(text, end), ALNUM | HYPHEN) {
                end += 1;
            } else if let Some(width) = (!at(text, end).is_ascii()).then(|| letter_at(text, end)).flatten() {
                if plain && is_top_level(slice(text, label, end)) && labels > 0 {
                    best = Some(end);
                }
                plain = false;
                end += width;
            } else {
                break;
            }
            if end - label > LONGEST_LABEL * 2 {
                return best;
            }
        }
        while end > label && before(text, end) == b'-' {
            end -= 1;
        }
        let name = slice(text, label, end);
        if name.is_empty() || name.len() > LONGEST_LABEL || name.first() == Some(&b'-') {
            return best;
        }
        if labels < 2 && name.iter().all(|byte| is(*byte, DIGIT)) {
            numeric_labels += 1;
        }
        if labels > 0 && plain && at(text, end) != b'_' && is_top_level(name) {
            best = Some(end);
            if labels == 1 && is_picture_scale(slice(text, start, label), name) {
                best = None;
            }
        }
        labels += 1;
        if numeric_labels == 2 {
            return None;
        }
        if at(text, end) != b'.' {
            return best;
        }
        label = end + 1;
    }
    best
}

fn is_top_level(label: &[u8]) -> bool {
    (label.len() >= 2 && label.iter().all(|byte| is(*byte, UPPER | LOWER)))
        || (label.len() > 4 && label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--")))
}

/// Whether the name is that of a picture for dense screens: `@2x.png`.
fn is_picture_scale(first: &[u8], last: &[u8]) -> bool {
    matches!(first, [b'1'..=b'9', b'x', b'.'])
        && [&b"png"[..], b"jpg", b"jpeg", b"webp", b"gif", b"svg", b"avif"].contains(&last)
}
