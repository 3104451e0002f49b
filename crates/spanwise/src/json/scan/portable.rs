//! Eight bytes at a time in an ordinary register (SWAR), in safe code.

use super::{BLOCK, Clean, Masks, clean_with};

const ONES: u64 = 0x0101_0101_0101_0101;
const QUOTES: u64 = ONES * 0x22;
const BACKSLASHES: u64 = ONES * 0x5c;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Lanes of `word` that are zero, as their high bit. Lanes above the lowest hit may be wrong.
const fn zero_lanes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// Index of the first `"`, `\` or control character at or after `from`, or the length of `text`.
///
/// `high` gets bits set when a byte above `0x7f` was passed over.
pub(crate) fn string_run(text: &[u8], from: usize, high: &mut u64) -> usize {
    let mut at = from;
    let rest = text.get(from..).unwrap_or_default();
    let (words, _) = rest.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let quote = zero_lanes(word ^ QUOTES);
        let backslash = zero_lanes(word ^ BACKSLASHES);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let hit = quote | backslash | control;
        if hit != 0 {
            let lane = hit.trailing_zeros() / 8;
            *high |= word & HIGH & !(u64::MAX << (lane * 8));
            return at + lane as usize;
        }
        *high |= word & HIGH;
        at += 8;
    }
    while let Some(&byte) = text.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        *high |= u64::from(byte) & 0x80;
        at += 1;
    }
    at
}

/// Lanes of `word` that are zero, as their high bit; exact in every lane.
const fn exact_zero_lanes(word: u64) -> u64 {
    !((word & !HIGH).wrapping_add(!HIGH) | word | !HIGH)
}

/// The high bits of the lanes, as eight bits.
const fn gather(lanes: u64) -> u64 {
    (lanes >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

fn masks(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (words, _) = block.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let shift = 8 * index;
        masks.quote |= gather(exact_zero_lanes(word ^ QUOTES)) << shift;
        masks.backslash |= gather(exact_zero_lanes(word ^ BACKSLASHES)) << shift;
        // Below 0x20: no bit of 0xe0 is set.
        masks.control |= gather(exact_zero_lanes(word & (ONES * 0xe0))) << shift;
        masks.high |= gather(word & HIGH) << shift;
    }
    masks
}

pub(super) fn clean(text: &[u8], start: usize) -> Option<Clean> {
    clean_with(text, start, masks, |_| None, |_| None)
}

/// See [`super::Kernel::short`].
#[inline]
pub(super) fn short(block: &[u8; 32]) -> (u32, u32) {
    let (mut quote, mut other) = (0, 0);
    let (words, _) = block.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let backslash = exact_zero_lanes(word ^ BACKSLASHES);
        let control = exact_zero_lanes(word & (ONES * 0xe0));
        quote |= gather(exact_zero_lanes(word ^ QUOTES)) << (8 * index);
        other |= gather((backslash | control | word) & HIGH) << (8 * index);
    }
    #[allow(clippy::cast_possible_truncation, reason = "four words give 32 bits")]
    (quote as u32, other as u32)
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{bytes, step};
    use super::string_run;

    fn naive(text: &[u8], from: usize) -> (usize, bool) {
        let mut at = from;
        let mut high = false;
        while at < text.len() && text[at] != b'"' && text[at] != b'\\' && text[at] >= 0x20 {
            high |= text[at] >= 0x80;
            at += 1;
        }
        (at, high)
    }

    #[test]
    fn every_byte_at_every_lane_matches_the_naive_scan() {
        for length in (0..20).step_by(step(9)) {
            for position in (0..length).step_by(step(4)) {
                for byte in bytes() {
                    for fill in [b'a', 0x20, 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']'] {
                        let mut text = vec![fill; length];
                        text[position] = byte;
                        let mut high = 0;
                        let end = string_run(&text, 0, &mut high);
                        assert_eq!((end, high != 0), naive(&text, 0), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_start_beyond_the_text_is_its_own_end() {
        let mut high = 0;
        assert_eq!(string_run(b"ab", 2, &mut high), 2);
        assert_eq!(string_run(b"ab", 9, &mut high), 9);
    }
}
