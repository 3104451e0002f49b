//! Credentials known by the word before them: `Bearer …` in a header, `password=…` in a line of settings.

use super::class::{
    ALNUM, BASE64, DIGIT, HYPHEN, LOWER, SPACE, TOKEN, UNDERSCORE, UPPER, after_escape_letter, at, before,
    colour_length, from, is, is_spelt, last_colour_length, opens, reach_back, run_end_within, slice,
    starts_with_ignoring_case,
};
use crate::decode::base64;
use crate::redact::placeholder;

/// RFC 6750, section 2.1: what a bearer token is made of.
const TOKEN_68: u8 = ALNUM | HYPHEN | UNDERSCORE | TOKEN | BASE64;

/// The shortest credential without a header's name before it, and the longest looked at.
const SHORTEST: usize = 16;
const LONGEST: usize = 4096;
/// Behind `Authorization:`, what is so long is no word, whatever it is made of.
const LONGEST_WORD: usize = 24;

/// The credential behind the word `Bearer`, `Basic` or `Token` that ends before `word_end`. The word stays.
///
/// A digit is asked for, since prose has bearers of good news; and where the word is one of everyday prose, the text
/// must look drawn at random, or `authorization` stand before it. What follows `Basic` can be decoded: to a user and a
/// password.
pub(super) fn find_bearer(text: &[u8], word_end: usize) -> Option<(usize, usize)> {
    let (start, end) = credential(text, word_end)?;
    let token = slice(text, start, end);
    let is_long = token.len() >= SHORTEST && has_digit(token);
    let is_authorized = |length: usize| {
        let scheme = word_end - length;
        let earlier = slice(text, reach_back(text, scheme, 20), scheme).to_ascii_lowercase();
        memchr::memmem::find(&earlier, b"authorization").is_some()
    };
    let is_credential = if ends_with_word(text, word_end, b"bearer") {
        is_long || (token.len() >= LONGEST_WORD && is_authorized(6))
    } else if ends_with_word(text, word_end, b"basic") {
        is_user_and_password(token) || (is_long && is_authorized(5))
    } else {
        ends_with_word(text, word_end, b"token") && is_long && (looks_random(token) || is_authorized(5))
    };
    is_credential.then(|| (start, end_around_placeholders(text, end)))
}

/// Words behind `Authorization:` that a credential follows, in lower case, beside those of [`find_bearer`].
const SCHEMES: [&[u8]; 11] = [
    b"apikey",
    b"api-key",
    b"key",
    b"geniekey",
    b"ssws",
    b"splunk",
    b"negotiate",
    b"oauth",
    b"dpop",
    b"bot",
    b"token",
];

/// The credential behind `authorization` (which ends before `word_end`), a colon or an equals sign, and a scheme.
pub(super) fn find_authorized(text: &[u8], word_end: usize) -> Option<(usize, usize)> {
    const LONGEST_GAP: usize = 4;
    const LONGEST_SCHEME: usize = 16;
    const SHORTEST: usize = 12;
    let sign = gap_end(text, word_end, LONGEST_GAP);
    if !matches!(at(text, sign), b':' | b'=') {
        return None;
    }
    let mut scheme = gap_end(text, sign + 1, LONGEST_GAP);
    if at(text, scheme) == b'[' {
        scheme = gap_end(text, scheme + 1, LONGEST_GAP);
    }
    let scheme_end = run_end_within(text, scheme, ALNUM | HYPHEN, LONGEST_SCHEME);
    let word = slice(text, scheme, scheme_end).to_ascii_lowercase();
    if !SCHEMES.contains(&&*word) {
        return None;
    }
    let (start, end) = credential(text, scheme_end)?;
    let token = slice(text, start, end);
    let is_credential = token.len() >= LONGEST_WORD || (token.len() >= SHORTEST && has_digit(token));
    is_credential.then(|| (start, end_around_placeholders(text, end)))
}

/// What RFC 6750 lets a credential be made of, behind the spaces at `space` and what an earlier redaction left there.
fn credential(text: &[u8], space: usize) -> Option<(usize, usize)> {
    const MOST_PLACEHOLDERS: usize = 8;
    let blank_end = blank_end(text, space);
    if blank_end == space {
        return None;
    }
    let mut start = blank_end;
    for _ in 0..MOST_PLACEHOLDERS {
        let Some(length) = placeholder::length_at(from(text, start)) else {
            break;
        };
        start += length;
        start = run_end_within(text, start, HYPHEN | UNDERSCORE | TOKEN, MOST_PLACEHOLDERS);
    }
    let mut end = run_end_within(text, start, TOKEN_68, LONGEST + 1);
    if end - start > LONGEST {
        return None;
    }
    while end > start && before(text, end) == b'.' {
        end -= 1;
    }
    (end > start && is(at(text, start), ALNUM | BASE64)).then_some((start, end))
}

/// Where a credential ends that ends before `end`, with the placeholders that it goes on behind: what is left there would be taken
/// for a credential when it is looked at again.
fn end_around_placeholders(text: &[u8], mut end: usize) -> usize {
    const MOST_PLACEHOLDERS: usize = 8;
    for _ in 0..MOST_PLACEHOLDERS {
        let Some(length) = placeholder::length_at(from(text, end)) else {
            break;
        };
        end = run_end_within(text, end + length, TOKEN_68, LONGEST);
        while before(text, end) == b'.' {
            end -= 1;
        }
    }
    end
}

fn has_digit(token: &[u8]) -> bool {
    token.iter().any(u8::is_ascii_digit)
}

fn ends_with_word(text: &[u8], end: usize, word: &[u8]) -> bool {
    end.checked_sub(word.len())
        .is_some_and(|start| starts_with_ignoring_case(from(text, start), word) && opens(text, start))
}

/// Whether it is base64 of `user:password`, in any encoding. Some words can be read so too, but not as UTF-8.
fn is_user_and_password(token: &[u8]) -> bool {
    const SHORTEST: usize = 8;
    let mut decoded = Vec::new();
    // Padding ends it, whatever touches it.
    let padding = token.iter().position(|byte| *byte == b'=').unwrap_or(token.len());
    let token =
        slice(token, 0, padding + from(token, padding).iter().take_while(|byte| **byte == b'=').count());
    let is_word = || token.iter().skip(1).all(|byte| is(*byte, LOWER));
    token.len() >= SHORTEST
        && base64::decode_into(token, &mut decoded)
        && decoded.contains(&b':')
        && !decoded.iter().any(u8::is_ascii_control)
        && (!is_word() || std::str::from_utf8(&decoded).is_ok())
}

/// Whether letters and digits, small letters and capitals take turns as in nothing that anybody thinks up, or it is a long row
/// of hexadecimal digits, and it is no path. A capital before small letters begins a word, and is no turn; where capitals
/// stand side by side or at an end, it is no row of words.
fn looks_random(token: &[u8]) -> bool {
    const SHORTEST_ROW: usize = 32;
    let is_turn = |pair: &[u8]| match pair {
        [a, b] => {
            (is(*a, DIGIT) && is(*b, UPPER | LOWER))
                || (is(*a, UPPER | LOWER) && is(*b, DIGIT))
                || (is(*a, LOWER) && is(*b, UPPER))
        }
        _ => false,
    };
    let turns = token.windows(2).filter(|pair| is_turn(pair)).count();
    let is_hexadecimal = token.len() >= SHORTEST_ROW && token.iter().all(u8::is_ascii_hexdigit);
    let is_of_words = || token.split(|byte| !is(*byte, UPPER | LOWER)).all(is_spelt);
    let has_both = token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    let is_path = at(token, 0) == b'/' || memchr::memmem::find(token, b"//").is_some();
    !is_path && (turns * 4 >= token.len() || is_hexadecimal || (has_both && !is_of_words()))
}

/// Words before `=` or `:` that a secret follows.
const WORDS: [&[u8]; 10] = [
    b"password",
    b"passwd",
    b"secret",
    b"token",
    b"api_key",
    b"apikey",
    b"api-key",
    b"authorization",
    b"cookie",
    b"passphrase",
];

/// The secret behind the `=` or `:` at `sign`, if one of the words stands before. Word and quotes stay.
pub(super) fn find_assigned(text: &[u8], sign: usize) -> Option<(usize, usize)> {
    find_assigned_around(text, sign, &[])
}

/// The same where `finds` are other finds in the text, in order and apart. Those that the secret holds or touches are part of it:
/// the placeholders in their place would be.
fn find_assigned_around(text: &[u8], sign: usize, finds: &[(usize, usize)]) -> Option<(usize, usize)> {
    const SHORTEST: usize = 8;
    const LONGEST: usize = 200;
    const LONGEST_GAP: usize = 8;
    let word_end = gap_start(text, sign, LONGEST_GAP);
    let stands_before = |word: &&[u8]| {
        word_end.checked_sub(word.len()).is_some_and(|start| {
            starts_with_ignoring_case(from(text, start), word)
                && (opens(text, start)
                    || before(text, start) == b'_'
                    || last_colour_length(slice(text, 0, start)).is_some())
        })
    };
    if !WORDS.iter().any(stands_before) {
        return None;
    }
    let start = gap_end(text, sign + 1, LONGEST_GAP);
    let mut end = start;
    let mut length = 0;
    let mut is_joined = false;
    loop {
        let rest = from(text, end).iter().take(LONGEST + 1 - length);
        let run = rest.take_while(|byte| !ends_secret(**byte)).count();
        let find = finds.partition_point(|(_, find_end)| *find_end <= end);
        let find = finds.get(find).filter(|(first, _)| (start..=end + run).contains(first));
        let Some((first, find_end)) = find else {
            (length, end) = (length + run, end + run);
            break;
        };
        length += first.saturating_sub(end);
        end = *find_end;
        is_joined = true;
    }
    (length <= LONGEST && (is_joined || length >= SHORTEST)).then_some((start, end))
}

/// Finds the assigned secrets that hold or touch other finds: see [`find_assigned_around`].
pub(super) fn find_joined_secrets(
    text: &[u8],
    finds: &[(usize, usize)],
    mut found: impl FnMut(usize, usize),
) {
    let mut floor = 0;
    for sign in memchr::memchr2_iter(b'=', b':', text) {
        let find = finds.get(finds.partition_point(|(_, end)| *end <= sign));
        // In the place of a find that holds the sign there will be none.
        if sign < floor || find.is_some_and(|(start, _)| *start <= sign) {
            continue;
        }
        if let Some((start, end)) = find_assigned_around(text, sign, finds) {
            floor = end;
            found(start, end);
        }
    }
}

fn ends_secret(byte: u8) -> bool {
    is(byte, SPACE)
        || byte.is_ascii_control()
        || matches!(byte, b'"' | b'\'' | b'\\' | b';' | b',' | b'`' | b'<' | b'>')
}

/// Where the quotes, spaces, controls and colours end that begin at `start`, escaped or not, at most `longest` of them.
fn gap_end(text: &[u8], start: usize, longest: usize) -> usize {
    let mut end = start;
    let mut length = 0;
    loop {
        if length < longest
            && let Some(colour) = colour_length(from(text, end))
        {
            length += 1;
            end += colour;
            continue;
        }
        let byte = at(text, end);
        let is_gap =
            text.get(end).copied().is_some_and(is_gap) || (end > start && after_escape_letter(text, end + 1));
        if byte != b'\\' && (!is_gap || length == longest) {
            return end;
        }
        length += usize::from(byte != b'\\');
        end += 1;
    }
}

/// Where the quotes, spaces, controls and colours begin that end before `end`, escaped or not, at most `longest` of them.
fn gap_start(text: &[u8], end: usize, longest: usize) -> usize {
    let mut start = end;
    let mut length = 0;
    loop {
        if length < longest
            && let Some(colour) = last_colour_length(slice(text, 0, start))
        {
            length += 1;
            start -= colour;
            continue;
        }
        let byte = before(text, start);
        let is_gap =
            slice(text, 0, start).last().copied().is_some_and(is_gap) || after_escape_letter(text, start);
        if byte != b'\\' && (!is_gap || length == longest) {
            return start;
        }
        length += usize::from(byte != b'\\');
        start -= 1;
    }
}

/// Where the spaces and tabs end that begin at `start`, escaped or not, at most a few of them.
fn blank_end(text: &[u8], start: usize) -> usize {
    const LONGEST: usize = 8;
    let mut end = start;
    for _ in 0..LONGEST {
        let backslashes = from(text, end).iter().take_while(|byte| **byte == b'\\').count();
        match at(text, end + backslashes) {
            b' ' | b'\t' if backslashes == 0 => end += 1,
            b't' if backslashes > 0 => end += backslashes + 1,
            _ => break,
        }
    }
    end
}

/// Whether a byte parts a word from its value.
fn is_gap(byte: u8) -> bool {
    is(byte, SPACE) || matches!(byte, b'"' | b'\'') || byte.is_ascii_control()
}
