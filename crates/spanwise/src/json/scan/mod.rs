//! The scan of string text: where a string ends, and whether it is well-formed.
//!
//! One algorithm, [`clean_with`], over 64-byte blocks and a small set of masks per block; one thin instance per instruction
//! set, chosen at run time. The portable one is safe code and the oracle: all must give the same answers. Before it stands
//! [`short_plain`], whatever is chosen, with what every processor of the architecture has: tests hold it to the portable one by
//! itself. No padding is asked of the caller: the last block of a text is copied.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
mod neon;
mod outline;
mod portable;
mod simd;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use kernel::{Kernel, Vectorized, short_plain};
pub(crate) use outline::{Outline, Spaces};
pub(crate) use portable::string_run;
pub use simd::Simd;

use super::escape::{self, Escape};

/// One bit a byte of a block, the lowest for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Masks {
    quote: u64,
    backslash: u64,
    /// Below 0x20.
    control: u64,
    /// Above 0x7f.
    high: u64,
}

/// What the bytes of `\\uXXXX` may be, a bit a byte of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digits {
    /// `u`.
    u: u64,
    /// A hex digit of either case.
    hex: u64,
    /// `d` of either case, with which surrogates begin.
    d: u64,
    /// `0` to `7`, after which no `d` begins a surrogate.
    low: u64,
}

impl Digits {
    /// Those of `escapes` that are `u` and four digits within the block. `None` where one is not that, or is half a pair.
    #[allow(clippy::inline_always, reason = "as its caller")]
    #[inline(always)]
    fn units(self, escapes: u64) -> Option<u64> {
        /// Behind these bytes there is room for four more.
        const WHOLE: u64 = u64::MAX >> 4;
        let units = escapes & self.u & WHOLE;
        let digits = units << 1 | units << 2 | units << 3 | units << 4;
        let halves = units << 1 & self.d & !(self.low >> 1);
        (digits & !self.hex == 0 && halves == 0).then_some(units)
    }
}

const BLOCK: usize = 64;

/// A well-formed string, but for its UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clean {
    /// Where the closing quote stands.
    pub(crate) end: usize,
    /// It holds a backslash.
    pub(crate) escaped: bool,
    /// It holds a byte above 0x7f.
    pub(crate) high: bool,
}

/// Scans the string whose first byte after the quote stands at `start`. `None` where it does not end, holds a control
/// character, an escape that JSON does not know, or half a surrogate pair.
#[inline]
pub(crate) fn clean(simd: Simd, text: &[u8], start: usize) -> Option<Clean> {
    // What every processor of the architecture has, so that the common case is no call.
    #[cfg(not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_feature = "neon", target_endian = "little")
    )))]
    let kernel = kernel::Portable;
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
    let kernel = neon::Neon;
    #[cfg(target_arch = "x86_64")]
    let kernel = x86::Sse2;
    match short_plain(kernel, text.get(start..)?) {
        Some(length) => Some(Clean { end: start + length, escaped: false, high: false }),
        None => simd.clean(text, start),
    }
}

/// What an escaped byte may be.
const SIMPLE: u8 = 1;
const UNICODE: u8 = 2;
const SIMPLE_LETTERS: &[u8] = b"\"\\/bfnrt";
static ESCAPED: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < SIMPLE_LETTERS.len() {
        table[SIMPLE_LETTERS[index] as usize] = SIMPLE;
        index += 1;
    }
    table[b'u' as usize] = UNICODE;
    table
};

/// For each row of sixteen characters of ASCII that has letters of [`SIMPLE`], a bit of its own.
#[allow(dead_code, reason = "for instruction sets that look bytes up by their halves")]
static SIMPLE_ROWS: [u8; 16] = [0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0];

/// For each column, the bits of the rows in which it has such a letter.
#[allow(dead_code, reason = "as above")]
static SIMPLE_COLUMNS: [u8; 16] = {
    let mut table = [0; 16];
    let mut byte = 0;
    while byte < 128 {
        if ESCAPED[byte] == SIMPLE {
            table[byte % 16] |= SIMPLE_ROWS[byte / 16];
        }
        byte += 1;
    }
    table
};

#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn clean_with(
    text: &[u8],
    start: usize,
    masks: impl Fn(&[u8; BLOCK]) -> Masks,
    simple: impl Fn(&[u8; BLOCK]) -> Option<u64>,
    digits: impl Fn(&[u8; BLOCK]) -> Option<Digits>,
) -> Option<Clean> {
    let mut at = start;
    let mut found = Clean { end: 0, escaped: false, high: false };
    let mut first_is_escaped = 0;
    // The end of a surrogate pair, whose second half is no escape of its own.
    let mut pair_end = 0;
    loop {
        let rest = text.get(at..)?;
        let mut last = [b' '; BLOCK];
        let block = match rest.first_chunk::<BLOCK>() {
            Some(block) => block,
            None if rest.is_empty() => return None,
            None => {
                last.get_mut(..rest.len())?.copy_from_slice(rest);
                &last
            }
        };
        let masks = masks(block);
        let escaped = if masks.backslash | first_is_escaped == 0 {
            0
        } else {
            escaped_bytes(masks.backslash, &mut first_is_escaped)
        };
        let quote = masks.quote & !escaped;
        // All bits below the closing quote, or all bits.
        let inside = (quote & quote.wrapping_neg()).wrapping_sub(1);
        if masks.control & inside != 0 {
            return None;
        }
        found.escaped |= masks.backslash & inside != 0;
        found.high |= masks.high & inside != 0;
        let mut bits = escaped & inside;
        if bits != 0
            && let Some(simple) = simple(block)
        {
            bits &= !simple;
        }
        // Units of a block are checked together, once.
        let mut together = true;
        while bits != 0 {
            let byte_at = at + bits.trailing_zeros() as usize;
            let rest_of_bits = bits & (bits - 1);
            match ESCAPED[usize::from(*text.get(byte_at)?)] {
                SIMPLE => {}
                UNICODE if byte_at < pair_end => {}
                UNICODE
                    if std::mem::take(&mut together)
                        && let Some(units) = digits(block).and_then(|digits| digits.units(bits))
                        && units != 0 =>
                {
                    bits &= !units;
                    continue;
                }
                UNICODE => match escape::check(text, byte_at - 1) {
                    Escape::Legal(length) => pair_end = byte_at - 1 + length,
                    _ => return None,
                },
                _ => return None,
            }
            bits = rest_of_bits;
        }
        if quote != 0 {
            found.end = at + quote.trailing_zeros() as usize;
            return Some(found);
        }
        if rest.len() <= BLOCK {
            return None;
        }
        at += BLOCK;
    }
}

/// The bytes that a backslash escapes: those after an odd number of backslashes. Carries over to the next block.
#[allow(clippy::inline_always, reason = "as its caller")]
#[inline(always)]
fn escaped_bytes(backslash: u64, first_is_escaped: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslash = backslash & !*first_is_escaped;
    let after = backslash << 1 | *first_is_escaped;
    // Runs that begin on an odd bit, plus all backslashes: the carry runs to the end of each such run.
    let (sum, carry) = (backslash & !EVEN & !after).overflowing_add(backslash);
    *first_is_escaped = u64::from(carry);
    (EVEN ^ sum << 1) & after
}

#[cfg(test)]
mod tests {
    use super::super::samples::step;
    use super::*;

    /// One byte after the other: the definition.
    fn naive(text: &[u8], start: usize) -> Option<Clean> {
        let mut found = Clean { end: start, escaped: false, high: false };
        loop {
            match *text.get(found.end)? {
                b'"' => return Some(found),
                b'\\' => {
                    let Escape::Legal(length) = escape::check(text, found.end) else { return None };
                    found.escaped = true;
                    found.end += length;
                }
                byte if byte < 0x20 => return None,
                byte => {
                    found.high |= byte >= 0x80;
                    found.end += 1;
                }
            }
        }
    }

    struct ShortPlain<'a>(&'a [u8]);

    impl Vectorized for ShortPlain<'_> {
        type Output = Option<usize>;

        fn run<K: Kernel>(self, kernel: K) -> Self::Output {
            short_plain(kernel, self.0)
        }
    }

    /// All sets, with what stands before them and each by itself, against the definition: what they share must not hide what they
    /// would do alone, and is told by itself, too.
    fn check(text: &[u8]) {
        for start in 0..text.len().min(3) {
            let expected = naive(text, start);
            let rest = &text[start..];
            let is_short = |found: &Clean| !found.escaped && !found.high && found.end - start < 32;
            let short = expected.filter(|found| rest.len() >= 32 && is_short(found));
            let short = short.map(|found| found.end - start);
            for simd in Simd::available() {
                let shown = text.escape_ascii();
                assert_eq!(clean(simd, text, start), expected, "{simd} {start} {shown}");
                assert_eq!(simd.clean(text, start), expected, "{simd} alone {start} {shown}");
                assert_eq!(simd.vectorize(ShortPlain(rest)), short, "{simd} {start} {shown}");
            }
        }
    }

    #[test]
    fn every_instruction_set_agrees_on_every_byte_at_every_place() {
        for length in [1, 15, 16, 17, 31, 33, 63, 64, 65, 127, 130] {
            for place in (0..length).step_by(step(63)) {
                for byte in [0, 0x1f, 0x20, b'!', b'"', b'#', b'[', b'\\', b']', 0x7f, 0x80, 0xff] {
                    let mut text = vec![b'a'; length];
                    text[place] = byte;
                    check(&text);
                    text.push(b'"');
                    check(&text);
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_agrees_on_escapes_across_blocks() {
        let pieces = [
            r"\n",
            r"\\",
            r#"\""#,
            r"\u00e9",
            r"\ud83d\ude00",
            r"\ud83d",
            r"\ude00",
            r"\x",
            r"\u12g4",
            r"\uD7ff\u0041\u4e2d",
            r"\u4E2D\ud8zz",
            r"\u4e2d\u6587\uD83D\uDE00\u5b57",
            "\\",
            "\\\\\\",
            "é",
            "\u{1}",
        ];
        for before in (40..72).step_by(step(23)) {
            for piece in pieces {
                for again in pieces.into_iter().step_by(step(4)) {
                    let text = format!("{}{piece}{again}{}\"", "a".repeat(before), "b".repeat(before % 5));
                    check(text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn random_text_of_few_letters_is_read_alike() {
        let letters = *b"\\\\\\\"nu0dD8ae \xc3\xa9/";
        let mut state = 7u64;
        for _ in (0..4000).step_by(step(200)) {
            let mut text = Vec::new();
            for _ in 0..(state % 200) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push(letters[(state >> 33) as usize % letters.len()]);
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            check(&text);
        }
    }
}
