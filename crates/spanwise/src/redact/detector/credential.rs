//! Credentials known by the word before them: `Bearer …` in a header, `password=…` in a line of settings.

use super::class::{
    ALNUM, BASE64, HYPHEN, SPACE, TOKEN, UNDERSCORE, after_escape_letter, at, before, from, is, opens,
    reach_back, run_end, slice, starts_with_ignoring_case,
};

/// RFC 6750, section 2.1: what a bearer token is made of.
const TOKEN_68: u8 = ALNUM | HYPHEN | UNDERSCORE | TOKEN | BASE64;

/// The credential that begins at `start`, behind `Bearer `, `Basic ` or `Token `, and where it ends. The word stays.
///
/// A digit is asked for, since prose has bearers of good news; and where the word is one of everyday prose, the text
/// must look drawn at random, or `authorization` stand before it.
pub(super) fn find_bearer(text: &[u8], start: usize) -> Option<usize> {
    const SHORTEST: usize = 16;
    const LONGEST: usize = 4096;
    if before(text, start) != b' ' {
        return None;
    }
    let (word, is_everyday) = if ends_with_word(text, start, b"bearer ") {
        (7, false)
    } else if ends_with_word(text, start, b"basic ") || ends_with_word(text, start, b"token ") {
        (6, true)
    } else {
        return None;
    };
    let mut end = run_end(text, start, TOKEN_68);
    while end > start && before(text, end) == b'.' {
        end -= 1;
    }
    let token = slice(text, start, end);
    let has_digit = token.iter().any(u8::is_ascii_digit);
    if !(SHORTEST..=LONGEST).contains(&token.len()) || !has_digit || !is(at(token, 0), ALNUM | BASE64) {
        return None;
    }
    if is_everyday && !looks_random(token) {
        let scheme = start - word;
        let earlier = slice(text, reach_back(text, scheme, 20), scheme).to_ascii_lowercase();
        memchr::memmem::find(&earlier, b"authorization")?;
    }
    Some(end)
}

fn ends_with_word(text: &[u8], end: usize, word: &[u8]) -> bool {
    end.checked_sub(word.len())
        .is_some_and(|start| starts_with_ignoring_case(from(text, start), word) && opens(text, start))
}

/// Whether the text has both cases, or is a long row of hexadecimal digits, and is no path.
fn looks_random(token: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| token.iter().any(test);
    let is_hex = token.len() >= 32 && token.iter().all(u8::is_ascii_hexdigit);
    let is_path = at(token, 0) == b'/' || memchr::memmem::find(token, b"//").is_some();
    !is_path && (is_hex || (has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)))
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
    const SHORTEST: usize = 8;
    const LONGEST: usize = 200;
    const LONGEST_GAP: usize = 8;
    let word_end = gap_start(text, sign, LONGEST_GAP);
    let stands_before = |word: &&[u8]| {
        word_end.checked_sub(word.len()).is_some_and(|start| {
            starts_with_ignoring_case(from(text, start), word)
                && (opens(text, start) || before(text, start) == b'_')
        })
    };
    if !WORDS.iter().any(stands_before) {
        return None;
    }
    let start = gap_end(text, sign + 1, LONGEST_GAP);
    let length = from(text, start)
        .iter()
        .take(LONGEST + 1)
        .take_while(|byte| {
            !is(**byte, SPACE)
                && !byte.is_ascii_control()
                && !matches!(byte, b'"' | b'\'' | b'\\' | b';' | b',' | b'`' | b'<' | b'>')
        })
        .count();
    (SHORTEST..=LONGEST).contains(&length).then_some((start, start + length))
}

/// Where the quotes, spaces and line breaks end that begin at `start`, escaped or not, at most `longest` of them.
fn gap_end(text: &[u8], start: usize, longest: usize) -> usize {
    let mut end = start;
    let mut length = 0;
    loop {
        let byte = at(text, end);
        let is_gap = is_gap(byte) || (end > start && after_escape_letter(text, end + 1));
        if byte != b'\\' && (!is_gap || length == longest) {
            return end;
        }
        length += usize::from(byte != b'\\');
        end += 1;
    }
}

/// Where the quotes, spaces and line breaks begin that end before `end`, escaped or not, at most `longest` of them.
fn gap_start(text: &[u8], end: usize, longest: usize) -> usize {
    let mut start = end;
    let mut length = 0;
    loop {
        let byte = before(text, start);
        let is_gap = is_gap(byte) || after_escape_letter(text, start);
        if byte != b'\\' && (!is_gap || length == longest) {
            return start;
        }
        length += usize::from(byte != b'\\');
        start -= 1;
    }
}

fn is_gap(byte: u8) -> bool {
    is(byte, SPACE) || matches!(byte, b'"' | b'\'')
}
