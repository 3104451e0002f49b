//! Lower-case hex digits, eight at a time in an ordinary register (SWAR). Nothing here reads upper-case ones.

/// The eight bytes of hex digits in `word`, if all are lower-case.
#[inline]
fn lower_hex_word(word: u64) -> Option<u32> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Bytes below 0x80 cannot carry into their neighbours when these are added.
    let at_least = |low: u8| word.wrapping_add(ONES * (0x80 - u64::from(low)));
    let digit = at_least(b'0') & !at_least(b'9' + 1);
    let letter = at_least(b'a') & !at_least(b'f' + 1) & HIGH;
    if word & HIGH != 0 || (digit | letter) & HIGH != HIGH {
        return None;
    }
    let halves = (word & (0x0f * ONES)) + (letter >> 7) * 9;
    let bytes = (halves << 4 | halves >> 8) & 0x00ff_00ff_00ff_00ff;
    let bytes = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    #[allow(clippy::cast_possible_truncation, reason = "the low half holds all four bytes")]
    let packed = (bytes | bytes >> 16) as u32;
    Some(packed)
}

/// The bytes that `2 * N` lower-case hex digits spell.
#[inline]
pub(crate) fn lower_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let ((words, []), (slots, [])) = (digits.as_chunks::<8>(), bytes.as_chunks_mut::<4>()) else {
        return None;
    };
    if words.len() != slots.len() {
        return None;
    }
    for (slot, word) in slots.iter_mut().zip(words) {
        *slot = lower_hex_word(u64::from_le_bytes(*word))?.to_le_bytes();
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bytes, step};
    use super::*;

    fn naive(text: &[u8; 16]) -> Option<[u8; 8]> {
        let mut bytes = [0; 8];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks(2)) {
            for digit in pair {
                let digits = b"0123456789abcdef";
                *byte = *byte << 4 | u8::try_from(digits.iter().position(|it| it == digit)?).unwrap();
            }
        }
        Some(bytes)
    }

    #[test]
    fn words_of_lower_case_digits_are_read_as_digit_by_digit() {
        for byte in bytes() {
            for place in (0..16).step_by(step(5)) {
                let mut text = *b"09afdeadbeef1234";
                text[place] = byte;
                let slow = naive(&text);
                assert_eq!(lower_hex::<8>(&text), slow, "{}", text.escape_ascii());
            }
        }
        assert_eq!(lower_hex::<8>(b"0123"), None);
        assert_eq!(lower_hex::<16>(b"09afdeadbeef1234"), None);
    }
}
