//! Mail addresses: an RFC 5322 dot-atom, `@`, and a domain name of at least two labels.

use super::class::{
    ALNUM, BASE64, DIGIT, HYPHEN, LOWER, SPACE, TOKEN, UPPER, WORD, WORD_HYPHEN, after_escape_letter, at,
    before, closes, from, is, run_end, run_end_within, slice,
};

use crate::redact::placeholder;

/// RFC 5321, section 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_LABEL: usize = 63;
const LONGEST_ADDRESS: usize = 254;

/// The address whose `@` stands at `sign`: where it begins and ends.
pub(super) fn find(text: &[u8], sign: usize) -> Option<(usize, usize)> {
    find_between(text, sign, sign + 1)
}

/// The address whose `@` stands from `sign` to `sign_end`, since in a URL it is written in three bytes.
pub(super) fn find_between(text: &[u8], sign: usize, sign_end: usize) -> Option<(usize, usize)> {
    let end = domain_end(text, sign_end)?;
    let start = local_start(text, sign)?;
    let is_address = end - start <= LONGEST_ADDRESS
        && !is_repository(text, start, sign, end)
        && !is_place_in_file(text, start, end);
    is_address.then_some((start, end))
}

/// The address that begins behind a find that ends before `start`, though what stands before its `@` in all is too long.
pub(super) fn find_behind(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let rest = from(text, start);
    let sign = rest.iter().take(LONGEST_LOCAL + 1).position(|byte| *byte == b'@' || is(*byte, SPACE))?;
    let (first, end) = (at(rest, sign) == b'@').then(|| find(rest, sign)).flatten()?;
    Some((start + first, start + end))
}

/// Whether it is where a repository is fetched from: `git@host:path`, `git@host/path`, `git@host-alias:path`. What stands behind
/// a colon is a path only if it has a slash in it or ends as repositories do, or it could be anything.
fn is_repository(text: &[u8], start: usize, sign: usize, end: usize) -> bool {
    const LONGEST_ALIAS: usize = 64;
    const LONGEST_PATH: usize = 256;
    let local = slice(text, start, sign);
    // The digits of a pseudonym are no part of it.
    let is_behind_pseudonym = || {
        let pseudonym =
            start.checked_sub(b"hmac:".len()).and_then(|start| placeholder::length_at(from(text, start)));
        pseudonym.is_some_and(|length| length + b".git".len() == local.len() + b"hmac:".len())
    };
    if local != b"git" && !(local.ends_with(b".git") && is_behind_pseudonym()) {
        return false;
    }
    let host = if matches!(at(text, end), b'-' | b'_') {
        run_end_within(text, end, WORD_HYPHEN, LONGEST_ALIAS)
    } else {
        end
    };
    let path_end = run_end_within(text, host + 1, WORD_HYPHEN | TOKEN | BASE64, LONGEST_PATH);
    let mut path = slice(text, host + 1, path_end);
    while let Some(rest) = path.strip_suffix(b".") {
        path = rest;
    }
    match at(text, host) {
        b'/' => true,
        // What an address begins with is no path.
        b':' if !at(text, path_end).is_ascii() || matches!(at(text, path_end), b'@' | b'%') => false,
        b':' => path.contains(&b'/') || path.ends_with(b".git"),
        _ => false,
    }
}

/// Whether it is a file of code with a line: `src/lib@main.rs:12` or `lib@main.rs:12:7`. With neither a folder nor a column it
/// may as well be an address of a country, and a port.
fn is_place_in_file(text: &[u8], start: usize, end: usize) -> bool {
    const SUFFIXES: [&[u8]; 6] = [b".rs", b".py", b".sh", b".pl", b".cc", b".md"];
    if !SUFFIXES.iter().any(|suffix| slice(text, start, end).ends_with(suffix)) {
        return false;
    }
    let Some(line_end) = number_end(text, end) else {
        return false;
    };
    let is_in_folder = before(text, start) == b'/' && before(text, start - 1) != b'/';
    is_in_folder || number_end(text, line_end).is_some()
}

/// Where the number of a line or a column ends, behind the colon at `colon`.
fn number_end(text: &[u8], colon: usize) -> Option<usize> {
    const LONGEST_NUMBER: usize = 5;
    let end = run_end_within(text, colon + 1, DIGIT, LONGEST_NUMBER + 1);
    let is_number = at(text, colon) == b':' && (1..=LONGEST_NUMBER).contains(&(end - (colon + 1)));
    // What an address begins with is no number.
    let goes_on = |place: usize| !at(text, place).is_ascii() || !closes(text, place);
    let is_of_more = goes_on(end)
        || matches!(at(text, end), b'@' | b'%' | b'+' | b'-')
        || (at(text, end) == b'.' && goes_on(end + 1));
    (is_number && !is_of_more).then_some(end)
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
    character_before(text, end).filter(|(character, _)| is_letter(*character)).map(|(_, width)| width)
}

/// Whether the character is a letter, a digit, or an accent that belongs to the letter before it.
fn is_letter(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{3099}' | '\u{309a}')
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
        is_letter(character).then_some(width)
    })
}

/// Where the longest domain name that begins at `start` ends.
///
/// The last label is two ASCII letters or more, punycode (`xn--`), or one of those in another script that are given out.
/// Versions (`name@1.2.3-beta.rc`) and names of files (`icon@2x.png`) are no domains. Behind a well-known last label a
/// hyphen or an underscore may go on with something else (`joe@example.com_old`).
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
        if labels > 0
            && at(text, end) != b'_'
            && (if plain { is_top_level(name) } else { is_international(name) })
        {
            best = Some(end);
        } else if labels > 0 {
            let head = run_end(text, label, UPPER | LOWER);
            if matches!(at(text, head), b'-' | b'_') && is_well_known(slice(text, label, head)) {
                best = Some(head);
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
    (label.len() >= 2 && label.iter().all(|byte| is(*byte, UPPER | LOWER)) && !is_suffix(label))
        || (label.len() > 4 && label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--")))
}

/// Whether files end so, and no domain does.
fn is_suffix(label: &[u8]) -> bool {
    const SUFFIXES: [&[u8]; 36] = [
        b"png", b"jpg", b"jpeg", b"webp", b"gif", b"svg", b"avif", b"pdf", b"js", b"ts", b"jsx", b"tsx",
        b"mjs", b"cjs", b"json", b"jsonl", b"txt", b"toml", b"yaml", b"yml", b"xml", b"csv", b"html", b"htm",
        b"css", b"scss", b"exe", b"dll", b"lock", b"log", b"java", b"php", b"rb", b"cpp", b"hpp", b"tmp",
    ];
    SUFFIXES.iter().any(|suffix| label.eq_ignore_ascii_case(suffix))
}

/// Whether it is one of the top-level domains under which nearly all addresses are.
fn is_well_known(label: &[u8]) -> bool {
    const LABELS: [&[u8]; 32] = [
        b"com", b"net", b"org", b"edu", b"gov", b"mil", b"int", b"info", b"biz", b"io", b"co", b"ai", b"dev",
        b"app", b"me", b"us", b"uk", b"eu", b"de", b"fr", b"nl", b"ch", b"at", b"it", b"es", b"pl", b"ru",
        b"jp", b"cn", b"in", b"br", b"au",
    ];
    LABELS.iter().any(|known| label.eq_ignore_ascii_case(known))
}

/// Whether it is a top-level domain in another script than Latin, from the root zone. Any two letters would not do: in a text
/// without a space behind the full stop, a sentence begins there.
fn is_international(label: &[u8]) -> bool {
    const LABELS: [&str; 34] = [
        "рф",
        "рус",
        "бел",
        "бг",
        "укр",
        "срб",
        "мкд",
        "мон",
        "қаз",
        "ею",
        "москва",
        "орг",
        "ком",
        "сайт",
        "онлайн",
        "дети",
        "ελ",
        "ευ",
        "հայ",
        "გე",
        "中国",
        "中國",
        "香港",
        "台湾",
        "台灣",
        "澳門",
        "新加坡",
        "公司",
        "网络",
        "한국",
        "भारत",
        "ไทย",
        "مصر",
        "السعودية",
    ];
    std::str::from_utf8(label).is_ok_and(|label| LABELS.contains(&&*label.to_lowercase()))
}
