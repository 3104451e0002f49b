//! Byte classes and neighbours: what a character of text is, and what touches it.
//!
//! Detectors work on bytes, because every character that they give a meaning to is ASCII; a byte of a longer
//! character belongs to no class. Reading beyond either end gives 0, which belongs to no class either, so a detector
//! needs no bounds of its own.
//!
//! **Escape letters.** Text is often JSON inside a string, and there the line break before a key is written `\n`: the
//! letter n touches the key. A letter that a backslash makes an escape (`\n`, `\t`, `\r`, `\b`, `\f`) is therefore no
//! neighbour. `\u` escapes are undone before anything is looked for (see `view`), so they never come here.
//!
//! **Levels.** The same text must be found whether its escapes are undone or not, once or ten times, since a look at the raw
//! bytes decides whether to look further. A character that is escaped is one byte and backslashes before it, at any level:
//! so what is measured across quotes and line breaks is measured in bytes that are no backslashes.

/// `0`–`9`.
pub(super) const DIGIT: u8 = 1;
/// `A`–`Z`.
pub(super) const UPPER: u8 = 2;
/// `a`–`z`.
pub(super) const LOWER: u8 = 4;
/// `_`.
pub(super) const UNDERSCORE: u8 = 8;
/// `-`.
pub(super) const HYPHEN: u8 = 16;
/// `+`, `/`, `=`: what base64 adds.
pub(super) const BASE64: u8 = 32;
/// `.` and `~`: what a bearer token adds (RFC 6750, section 2.1).
pub(super) const TOKEN: u8 = 64;
/// Space, tab, line feed, carriage return.
pub(super) const SPACE: u8 = 128;

/// ASCII letters and digits.
pub(super) const ALNUM: u8 = DIGIT | UPPER | LOWER;
/// What may not touch a match: ASCII letters, digits and the underscore.
pub(super) const WORD: u8 = ALNUM | UNDERSCORE;
/// The alphabet of base64url, and of most provider keys.
pub(super) const WORD_HYPHEN: u8 = WORD | HYPHEN;

static CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0usize;
    while byte < 256 {
        table[byte] = match byte {
            0x30..=0x39 => DIGIT,
            0x41..=0x5a => UPPER,
            0x61..=0x7a => LOWER,
            0x5f => UNDERSCORE,
            0x2d => HYPHEN,
            0x2b | 0x2f | 0x3d => BASE64,
            0x2e | 0x7e => TOKEN,
            0x09 | 0x0a | 0x0d | 0x20 => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Whether `byte` belongs to one of `classes`.
#[inline]
pub(super) fn is(byte: u8, classes: u8) -> bool {
    CLASS[usize::from(byte)] & classes != 0
}

/// The byte at `index`, or 0 beyond the end.
#[inline]
pub(super) fn at(text: &[u8], index: usize) -> u8 {
    text.get(index).copied().unwrap_or(0)
}

/// The byte before `index`, or 0 at the beginning.
#[inline]
pub(super) fn before(text: &[u8], index: usize) -> u8 {
    index.checked_sub(1).map_or(0, |index| at(text, index))
}

/// The text from `start` to `end`, or nothing where there is no such range.
#[inline]
pub(super) fn slice(text: &[u8], start: usize, end: usize) -> &[u8] {
    text.get(start..end).unwrap_or(&[])
}

/// The text from `start` on, or nothing beyond the end.
#[inline]
pub(super) fn from(text: &[u8], start: usize) -> &[u8] {
    text.get(start..).unwrap_or(&[])
}

/// The bytes of a colour, as terminals are sent it: `ESC [ 32 m`. Colours stand around values in what programs print.
const LONGEST_COLOUR: usize = 20;

/// The length of the colour that `text` begins with.
pub(super) fn colour_length(text: &[u8]) -> Option<usize> {
    let code = text.strip_prefix(b"\x1b[")?;
    let length = code.iter().take(LONGEST_COLOUR).take_while(|byte| is_of_colour(**byte)).count();
    (at(code, length) == b'm').then_some(length + 3)
}

/// The length of the colour that `text` ends with.
pub(super) fn last_colour_length(text: &[u8]) -> Option<usize> {
    let code = text.strip_suffix(b"m")?;
    let length = code.iter().rev().take(LONGEST_COLOUR).take_while(|byte| is_of_colour(**byte)).count();
    slice(code, 0, code.len() - length).ends_with(b"\x1b[").then_some(length + 3)
}

fn is_of_colour(byte: u8) -> bool {
    is(byte, DIGIT) || byte == b';'
}

/// Where the run of `classes` that begins at `start` ends.
#[inline]
pub(super) fn run_end(text: &[u8], start: usize, classes: u8) -> usize {
    start + from(text, start).iter().take_while(|byte| is(**byte, classes)).count()
}

/// Where the run of `classes` that begins at `start` ends, looking no further than `longest` bytes.
#[inline]
pub(super) fn run_end_within(text: &[u8], start: usize, classes: u8, longest: usize) -> usize {
    start + from(text, start).iter().take(longest).take_while(|byte| is(**byte, classes)).count()
}

/// Whether the byte before `index` is the letter of an escape such as `\n`.
#[inline]
pub(super) fn after_escape_letter(text: &[u8], index: usize) -> bool {
    matches!(before(text, index), b'n' | b't' | b'r' | b'b' | b'f')
        && index >= 2
        && at(text, index - 2) == b'\\'
}

/// Where the text begins that ends before `end` and has `length` bytes, backslashes not counted.
pub(super) fn reach_back(text: &[u8], end: usize, length: usize) -> usize {
    let head = text.get(..end).unwrap_or(text);
    let mut counted = 0;
    head.iter()
        .rposition(|byte| {
            counted += usize::from(*byte != b'\\');
            counted > length
        })
        .map_or(0, |place| place + 1)
}

/// Where the text ends that begins at `start` and has `length` bytes, backslashes not counted.
pub(super) fn reach_on(text: &[u8], start: usize, length: usize) -> usize {
    let mut counted = 0;
    let taken = from(text, start).iter().position(|byte| {
        counted += usize::from(*byte != b'\\');
        counted > length
    });
    taken.map_or(text.len(), |taken| start + taken)
}

/// Whether a match may begin at `index`: no letter, digit or underscore touches it from the left.
#[inline]
pub(super) fn opens(text: &[u8], index: usize) -> bool {
    !is(before(text, index), WORD) || after_escape_letter(text, index)
}

/// Whether a match may end before `index`: no letter, digit or underscore follows.
#[inline]
pub(super) fn closes(text: &[u8], index: usize) -> bool {
    !is(at(text, index), WORD)
}

/// Whether letters are words in small letters or `camelCase`: no capital has another one behind it, or nothing.
pub(super) fn is_spelt(letters: &[u8]) -> bool {
    let is_capital = |byte: &u8| is(*byte, UPPER);
    !letters.last().is_some_and(is_capital)
        && !letters.array_windows().any(|[a, b]| is_capital(a) && is_capital(b))
}

/// Whether `text` begins with `word`, ASCII case aside.
#[inline]
pub(super) fn starts_with_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_text_touch_nothing() {
        assert!(opens(b"sk", 0));
        assert!(closes(b"sk", 2));
        assert!(!closes(b"sk", 1));
        assert_eq!(before(b"", 0), 0);
        assert_eq!(at(b"a", usize::MAX), 0);
        assert_eq!(slice(b"abc", 2, 1), b"");
    }

    #[test]
    fn backslashes_have_no_length() {
        let text = br#"ab\\\\"cd"#;
        assert_eq!((text.len(), reach_back(text, 8, 2), reach_back(text, 8, 3)), (9, 2, 1));
        assert_eq!(reach_back(b"abc", 3, 9), 0);
        assert_eq!((reach_on(text, 0, 2), reach_on(text, 1, 2), reach_on(text, 0, 9)), (6, 7, 9));
    }

    #[test]
    fn the_letter_of_an_escape_is_no_neighbour() {
        assert!(opens(br"\nsk-", 2));
        assert!(opens(br"\tsk-", 2));
        assert!(!opens(br"\dsk-", 2));
        assert!(!opens(b"nsk-", 1));
    }
}
