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
        let (whole, part) = (self.len() / 32, self.len() % 32);
        let Some((blocks, rest)) = rest.split_at_checked(32 * whole) else { return false };
        let (blocks, _) = blocks.as_chunks::<32>();
        if !self.blocks.iter().zip(blocks).all(|(a, b)| kernel.begin_alike(a, b, 32)) {
            return false;
        }
        // Wider than the text where the input is long enough: one comparison of bytes, the surplus masked.
        match (self.blocks.get(whole), rest.first_chunk::<32>()) {
            (Some(last), Some(rest)) => kernel.begin_alike(last, rest, part),
            (Some(last), None) => last.get(..part).is_some_and(|last| rest.starts_with(last)),
            (None, _) => true,
        }
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
    use crate::json::Simd;
    use crate::json::samples::step;
    use crate::json::scan::Vectorized;

    struct StandsAt<'a>(&'a Literal<2>, &'a [u8]);

    impl Vectorized for StandsAt<'_> {
        type Output = bool;

        fn run<K: Kernel>(self, kernel: K) -> bool {
            self.0.stands_at(kernel, self.1)
        }
    }

    #[test]
    fn comparing_in_blocks_is_the_same_as_starts_with() {
        let text: Vec<u8> = (0..100u8).collect();
        for length in (0..=64).step_by(step(9)) {
            let literal = Literal::<2>::new(&text[..length]).unwrap();
            assert_eq!((literal.len(), literal.text()), (length, &text[..length]));
            let check = |rest: &[u8]| {
                let expected = rest.starts_with(&text[..length]);
                assert_eq!(literal.begins(rest), expected, "{length} {}", rest.len());
                for simd in Simd::available() {
                    assert_eq!(
                        simd.vectorize(StandsAt(&literal, rest)),
                        expected,
                        "{simd} {length} {}",
                        rest.len()
                    );
                }
            };
            for rest in [0, 1, length.saturating_sub(1), length, length + 1, 64, 100] {
                check(&text[..rest.min(100)]);
            }
            for at in (0..length).step_by(step(5)) {
                let mut other = text.clone();
                other[at] ^= 1;
                check(&other);
                check(&other[..length]);
            }
        }
        assert!(Literal::<2>::new(&text[..65]).is_none());
    }
}
