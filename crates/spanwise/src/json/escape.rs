//! JSON string escapes (RFC 8259 section 7): checking them in place and undoing them.

use super::scan::Simd;
use super::utf8;

/// What stands at a backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// A legal escape of this many bytes.
    Legal(usize),
    /// `\uD800` to `\uDFFF` without its other half: six bytes that stand for no character.
    LoneSurrogate,
    /// No escape of JSON.
    Illegal,
    /// The text ends inside the escape.
    Cut,
}

/// What no digit has, and no four of them.
const NO_DIGIT: u32 = 1 << 16;

static DIGITS: [u32; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        if let Some(value) = hex_value(byte) {
            table[byte as usize] = value as u32;
        }
        byte -= 1;
    }
    table
};

/// Reads the four hex digits at `at`.
#[inline]
fn unit(text: &[u8], at: usize) -> Option<u32> {
    let [a, b, c, d] = *text.get(at..)?.first_chunk::<4>()?;
    let value = |digit: u8| DIGITS[usize::from(digit)];
    let unit = value(a) << 12 | value(b) << 8 | value(c) << 4 | value(d);
    (unit < NO_DIGIT).then_some(unit)
}

/// The value of one hex digit of either case.
pub(crate) const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Checks the escape whose backslash stands at `at`.
pub(crate) fn check(text: &[u8], at: usize) -> Escape {
    match text.get(at + 1) {
        None => Escape::Cut,
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Escape::Legal(2),
        Some(b'u') => match unit(text, at + 2) {
            Some(0xD800..=0xDBFF) => match (text.get(at + 6), text.get(at + 7), unit(text, at + 8)) {
                (Some(b'\\'), Some(b'u'), Some(0xDC00..=0xDFFF)) => Escape::Legal(12),
                _ => Escape::LoneSurrogate,
            },
            Some(0xDC00..=0xDFFF) => Escape::LoneSurrogate,
            Some(_) => Escape::Legal(6),
            None if text.len() < at + 6 => Escape::Cut,
            None => Escape::Illegal,
        },
        Some(_) => Escape::Illegal,
    }
}

/// Appends the text that `raw` (the bytes between the quotes) stands for.
///
/// Lone surrogates become U+FFFD, as does every maximal invalid UTF-8 sequence, so that what is appended is UTF-8
/// whatever `raw` holds. An escape that JSON does not know is kept as it is written.
pub(crate) fn unescape_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'\\', raw.get(from..).unwrap_or_default()) {
        let at = from + found;
        push_lossy(raw.get(from..at).unwrap_or_default(), out);
        from = at + unescape_one(raw, at, out);
    }
    push_lossy(raw.get(from..).unwrap_or_default(), out);
}

/// Appends the text that `raw` stands for, where `raw` is UTF-8 that decode has already checked.
pub(crate) fn unescape_checked_into(raw: &[u8], out: &mut Vec<u8>) {
    Simd::detect().unescape(raw, out);
}

/// As [`unescape_checked_into`], with what every processor has.
///
/// Sixteen bytes are appended at once and the surplus is cut off again: where a backslash comes every few bytes (JSON in
/// strings), that costs half of finding each one first and copying the run before it.
pub(super) fn unescape_by_halves(raw: &[u8], out: &mut Vec<u8>) {
    out.reserve(raw.len() + 16);
    let mut at = 0;
    while let Some(chunk) = raw.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let length = out.len();
        out.extend_from_slice(chunk);
        let lane = first_backslash(*chunk);
        at += lane;
        if lane < 16 {
            out.truncate(length + lane);
            at += unescape_one(raw, at, out);
        }
    }
    while let Some(&byte) = raw.get(at) {
        if byte == b'\\' {
            at += unescape_one(raw, at, out);
        } else {
            out.push(byte);
            at += 1;
        }
    }
}

/// Index of the first backslash among sixteen bytes, or 16.
#[cfg(target_arch = "x86_64")]
#[inline]
fn first_backslash(chunk: [u8; 16]) -> usize {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    #[inline]
    #[target_feature(enable = "sse2")]
    fn hits(low: i64, high: i64) -> i32 {
        let backslashes = _mm_set1_epi8(b'\\'.cast_signed());
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_set_epi64x(high, low), backslashes))
    }
    let [low, high] = words(chunk).map(u64::cast_signed);
    #[allow(
        unsafe_code,
        reason = "undoing escapes is most of what columns of LLM traces cost; a third less of it"
    )]
    // SAFETY: SSE2 is part of every x86-64.
    let hits = unsafe { hits(low, high) };
    (hits | 1 << 16).trailing_zeros() as usize
}

#[cfg(not(target_arch = "x86_64"))]
use first_backslash_by_words as first_backslash;

/// Index of the first backslash among sixteen bytes, or 16.
#[cfg(any(not(target_arch = "x86_64"), test))]
#[inline]
fn first_backslash_by_words(chunk: [u8; 16]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let [low, high] = words(chunk).map(|word| {
        let word = word ^ (ONES * u64::from(b'\\'));
        (word.wrapping_sub(ONES) & !word & (ONES << 7)).trailing_zeros() as usize / 8
    });
    if low < 8 { low } else { 8 + high }
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the low half, then the high half")]
fn words(chunk: [u8; 16]) -> [u64; 2] {
    let chunk = u128::from_le_bytes(chunk);
    [chunk as u64, (chunk >> 64) as u64]
}

/// Appends what the escape at `at` stands for and returns its length in bytes, at least one.
#[inline]
pub(super) fn unescape_one(raw: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    // Nearly all escapes are these.
    match raw.get(at + 1) {
        Some(&byte @ (b'"' | b'\\' | b'/')) => {
            out.push(byte);
            2
        }
        Some(b'n') => {
            out.push(b'\n');
            2
        }
        _ => unescape_other(raw, at, out),
    }
}

fn unescape_other(raw: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let length = match check(raw, at) {
        Escape::Legal(length) => length,
        Escape::LoneSurrogate => {
            push_char(char::REPLACEMENT_CHARACTER, out);
            return 6;
        }
        Escape::Illegal | Escape::Cut => {
            out.push(b'\\');
            return 1;
        }
    };
    match raw.get(at + 1) {
        Some(b'b') => out.push(0x08),
        Some(b'f') => out.push(0x0c),
        Some(b'r') => out.push(b'\r'),
        Some(b't') => out.push(b'\t'),
        Some(b'u') => {
            let first = unit(raw, at + 2).unwrap_or_default();
            let code = match length {
                12 => {
                    let second = unit(raw, at + 8).unwrap_or_default();
                    0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF)
                }
                _ => first,
            };
            push_char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), out);
        }
        Some(&byte) => out.push(byte),
        None => {}
    }
    length
}

fn push_char(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Appends `bytes`, with U+FFFD for every maximal part that is not UTF-8.
pub(crate) fn push_lossy(bytes: &[u8], out: &mut Vec<u8>) {
    if utf8::is_valid(bytes) {
        out.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            push_char(char::REPLACEMENT_CHARACTER, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bytes, step};
    use super::*;

    fn unescaped(raw: &str) -> String {
        let mut out = Vec::new();
        unescape_into(raw.as_bytes(), &mut out);
        for simd in Simd::available() {
            let mut checked = b"before".to_vec();
            simd.unescape(raw.as_bytes(), &mut checked);
            assert_eq!(checked.strip_prefix(b"before"), Some(&out[..]), "{simd} {raw}");
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_ways_to_undo_escapes_agree_wherever_the_escape_stands() {
        for escape in [r"\n", r#"\""#, r"\\", r"\u00e9", r"\ud83d\ude00", r"\ud83d", r"\t\r\b\f\/", "é€"] {
            for before in (0..34).chain(58..67).step_by(step(11)) {
                for after in (0..18).chain([44, 64]).step_by(step(8)) {
                    unescaped(&format!("{}{escape}{}", "x".repeat(before), "y".repeat(after)));
                }
            }
        }
    }

    #[test]
    fn the_first_backslash_is_found_wherever_it_stands_and_whatever_stands_beside_it() {
        for place in 0..=16 {
            for other in bytes() {
                // Next to it stands what a borrow of the subtraction would make of it.
                for next in [b'\\' - 1, b'\\', b'\\' + 1, other] {
                    let mut chunk = [if other == b'\\' { b'a' } else { other }; 16];
                    if let Some(byte) = chunk.get_mut(place + 1) {
                        *byte = next;
                    }
                    if let Some(byte) = chunk.get_mut(place) {
                        *byte = b'\\';
                    }
                    let shown = chunk.escape_ascii();
                    assert_eq!(chunk.iter().position(|byte| *byte == b'\\').unwrap_or(16), place);
                    assert_eq!(first_backslash(chunk), place, "{shown}");
                    assert_eq!(first_backslash_by_words(chunk), place, "{shown}");
                }
            }
        }
    }

    #[test]
    fn random_text_of_few_letters_is_undone_alike() {
        let pieces = [
            "\\\\",
            "\\\"",
            "\\n",
            "\\u00e9",
            "\\ud83d\\ude00",
            "\\ud83d",
            "\\/",
            "n",
            "u0041",
            "b",
            "é€",
            "f\u{7f}",
        ];
        let mut state = 11u64;
        for _ in 0..3000 / step(100) {
            let mut raw = String::new();
            for _ in 0..state % 150 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                raw.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            unescaped(&raw);
        }
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        for (raw, text) in [
            (r"", ""),
            (r"plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u20AC\u0000", "Aé€\0"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d", "\u{fffd}"),
            (r"\ude00x", "\u{fffd}x"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            ("é\\n€", "é\n€"),
        ] {
            assert_eq!(unescaped(raw), text, "{raw}");
        }
    }

    #[test]
    fn checks_tell_legal_lone_illegal_and_cut_apart() {
        for (text, expected) in [
            (r"\n", Escape::Legal(2)),
            (r"\u00e9", Escape::Legal(6)),
            (r"\ud83d\ude00", Escape::Legal(12)),
            (r"\ud83d", Escape::LoneSurrogate),
            (r"\ud83d\n1234", Escape::LoneSurrogate),
            (r"\ud83d\ud83d", Escape::LoneSurrogate),
            (r"\udc00\ud800", Escape::LoneSurrogate),
            (r"\x41", Escape::Illegal),
            (r"\u12G4", Escape::Illegal),
            (r"\u12", Escape::Cut),
            (r"\", Escape::Cut),
        ] {
            assert_eq!(check(text.as_bytes(), 0), expected, "{text}");
        }
    }

    #[test]
    fn invalid_utf8_becomes_replacement_characters() {
        let mut out = Vec::new();
        unescape_into(b"caf\xc3\\n\xff\xe2\x82", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "caf\u{fffd}\n\u{fffd}\u{fffd}");
    }
}
