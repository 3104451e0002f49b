//! Structure without vectors: eight bytes at a time.

use super::StructuralIndex;
use super::block::Masks;

pub(super) fn bitmap(text: &[u8], words: &mut Vec<u64>) -> bool {
    super::bitmap_with(text, words, classify, prefix_xor)
}

pub(super) fn index(text: &[u8], index: &mut StructuralIndex) -> bool {
    super::index_with(text, index, classify, prefix_xor, super::write_eights)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// A bit for each of eight bytes that is `byte`.
fn equal(eight: u64, byte: u8) -> u64 {
    let difference = eight ^ ONES.wrapping_mul(u64::from(byte));
    // The high bit of each byte that is zero; exact, since no carry leaves a byte.
    let zero = !(((difference & !HIGH) + !HIGH) | difference) & HIGH;
    (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

fn classify(block: &[u8; 64]) -> Masks {
    let mut masks = Masks { quotes: 0, backslashes: 0, operators: 0 };
    for (row, eight) in block.as_chunks::<8>().0.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let shift = 8 * row;
        masks.quotes |= equal(eight, b'"') << shift;
        masks.backslashes |= equal(eight, b'\\') << shift;
        // Setting this bit makes `[` and `{`, and `]` and `}`, the same.
        let folded = eight | (0x20 * ONES);
        let brackets = equal(folded, b'{') | equal(folded, b'}');
        masks.operators |= (brackets | equal(eight, b':') | equal(eight, b',')) << shift;
    }
    masks
}

fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
