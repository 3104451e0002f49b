//! Comparing a short learned text with the input.

use super::scan::Kernel;

/// A text of at most `32 * BLOCKS` bytes, kept where it is compared from.
///
/// Comparing takes a few loads of a size known at compile time, which overlap where the length is between two sizes. The
/// answer is that of `starts_with`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Literal<const BLOCKS: usize> {
    blocks: [[u8; 32]; BLOCKS],
    len: u8,
}

impl<const BLOCKS: usize> Literal<BLOCKS> {
    /// `None` where `text` is too long.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut literal = Self { blocks: [[0; 32]; BLOCKS], len: u8::try_from(text.len()).ok()? };
        literal.blocks.as_flattened_mut().get_mut(..text.len())?.copy_from_slice(text);
        Some(literal)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The text.
    #[allow(clippy::inline_always, reason = "as below")]
    #[inline(always)]
    pub(crate) fn text(&self) -> &[u8] {
        self.blocks.as_flattened().get(..self.len()).unwrap_or_default()
    }

    /// Whether `rest` starts with the text.
    #[allow(clippy::inline_always, reason = "measured: the call costs as much as the comparison")]
    #[inline(always)]
    pub(crate) fn begins(&self, rest: &[u8]) -> bool {
        let text = self.text();
        let Some(rest) = rest.get(..text.len()) else { return false };
        match text.len() {
            0 => true,
            1 => rest.first() == text.first(),
            2..4 => ends_equal::<2>(rest, text),
            4..8 => ends_equal::<4>(rest, text),
            8..16 => ends_equal::<8>(rest, text),
            16..32 => ends_equal::<16>(rest, text),
            _ => {
                let (blocks, _) = text.as_chunks::<32>();
                let (others, _) = rest.as_chunks::<32>();
                // Block by block: comparing the slices would be a call.
                blocks.iter().zip(others).all(|(a, b)| a == b)
                    && text.last_chunk::<32>() == rest.last_chunk::<32>()
            }
        }
    }

    /// The same as [`Self::begins`] in a vectorized loop.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(crate) fn stands_at<K: Kernel>(&self, kernel: K, rest: &[u8]) -> bool {
        let len = self.len();
        if len < 32 {
            // Wider than the text where the input is long enough: one comparison of bytes, the surplus masked.
            return match (rest.first_chunk::<32>(), self.blocks.first()) {
                (Some(rest), Some(text)) => kernel.begin_alike(rest, text, len),
                _ => rest.starts_with(self.text()),
            };
        }
        let text = self.text();
        let Some(rest) = rest.get(..text.len()) else { return false };
        let (blocks, _) = text.as_chunks::<32>();
        let (others, _) = rest.as_chunks::<32>();
        blocks.iter().zip(others).all(|(a, b)| a == b) && text.last_chunk::<32>() == rest.last_chunk::<32>()
    }
}

/// Whether the first `N` and the last `N` bytes of two texts of the same length, from `N` to `2 * N`, are equal.
#[allow(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn ends_equal<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
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
