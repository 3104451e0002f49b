//! Comparing a short learned text with the input, as blocks.

const BLOCK: usize = 32;

/// A text of at most `32 * BLOCKS` bytes, laid out for comparing in whole blocks.
///
/// Comparing reads full blocks of the input where there are enough bytes left, and single bytes at its end; the answer is
/// that of `starts_with`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Literal<const BLOCKS: usize> {
    blocks: [[u8; BLOCK]; BLOCKS],
    len: u32,
}

impl<const BLOCKS: usize> Literal<BLOCKS> {
    /// `None` where `text` is too long.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut literal = Self { blocks: [[0; BLOCK]; BLOCKS], len: u32::try_from(text.len()).ok()? };
        literal.blocks.as_flattened_mut().get_mut(..text.len())?.copy_from_slice(text);
        Some(literal)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The text.
    pub(crate) fn text(&self) -> &[u8] {
        self.blocks.as_flattened().get(..self.len()).unwrap_or_default()
    }

    /// Whether `rest` starts with the text.
    #[inline(always)]
    pub(crate) fn begins(&self, rest: &[u8]) -> bool {
        let (blocks, _) = rest.as_chunks::<BLOCK>();
        let mut left = self.len();
        for (index, own) in self.blocks.iter().enumerate() {
            let Some(block) = blocks.get(index) else { return self.begins_short(rest) };
            if left <= BLOCK {
                return equal_start(block, own, left);
            }
            if !equal_start(block, own, BLOCK) {
                return false;
            }
            left -= BLOCK;
        }
        true
    }

    #[cold]
    fn begins_short(&self, rest: &[u8]) -> bool {
        rest.starts_with(self.text())
    }
}

/// Masks for the first 0 to 32 bytes of a block.
static MASKS: [u8; 2 * BLOCK] = {
    let mut masks = [0; 2 * BLOCK];
    let mut index = 0;
    while index < BLOCK {
        masks[index] = 0xff;
        index += 1;
    }
    masks
};

/// Whether the first `len` bytes of two blocks are equal.
#[inline(always)]
fn equal_start(a: &[u8; BLOCK], b: &[u8; BLOCK], len: usize) -> bool {
    let Some(mask) = MASKS.get(BLOCK.wrapping_sub(len)..).and_then(|masks| masks.first_chunk::<BLOCK>())
    else {
        return false;
    };
    let word = |block: &[u8; BLOCK], index: usize| {
        let (words, _) = block.as_chunks::<8>();
        u64::from_ne_bytes(words[index])
    };
    let difference = |index| (word(a, index) ^ word(b, index)) & word(mask, index);
    (difference(0) | difference(1)) | (difference(2) | difference(3)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparing_in_blocks_is_the_same_as_starts_with() {
        let text: Vec<u8> = (0..100u8).collect();
        for length in 0..=64 {
            let literal = Literal::<2>::new(&text[..length]).unwrap();
            assert_eq!((literal.len(), literal.text()), (length, &text[..length]));
            for rest in [0, 1, length.saturating_sub(1), length, length + 1, 64, 100] {
                let rest = &text[..rest.min(100)];
                assert_eq!(
                    literal.begins(rest),
                    rest.starts_with(&text[..length]),
                    "{length} {}",
                    rest.len()
                );
            }
            for at in 0..length {
                let mut other = text.clone();
                other[at] ^= 1;
                assert!(!literal.begins(&other));
            }
        }
        assert!(Literal::<2>::new(&text[..65]).is_none());
    }
}
