//! Comparing a short learned text with the input.

use std::hint::cold_path;

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
    /// Bytes of the longest.
    pub(crate) const LONGEST: usize = 32 * BLOCKS;

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

    /// The text's first 64 bytes, zeros behind a shorter one.
    #[allow(clippy::inline_always, reason = "as below")]
    #[inline(always)]
    pub(crate) fn block(&self) -> &[u8; 64] {
        const { assert!(BLOCKS >= 2, "a block is two of them") };
        self.blocks.as_flattened().first_chunk().unwrap_or(&[0; 64])
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
        let blocks = self.blocks.as_flattened();
        // Wider than the text where the input is long enough: one comparison of bytes, the surplus masked.
        let (Some(block), Some(window)) = (blocks.first_chunk::<64>(), rest.first_chunk::<64>()) else {
            cold_path();
            return rest.starts_with(self.text());
        };
        if !kernel.begin_alike_64(block, window, self.len()) {
            return false;
        }
        if self.len() > 64 {
            cold_path();
            return self.goes_on(kernel, rest);
        }
        true
    }

    /// Whether the text from its 65th byte on stands there in `rest`.
    #[allow(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn goes_on<K: Kernel>(&self, kernel: K, rest: &[u8]) -> bool {
        let (mut at, len) = (64, self.len());
        let blocks = self.blocks.as_flattened();
        if let (Some(block), Some(window)) = (
            blocks.get(64..).and_then(<[u8]>::first_chunk::<64>),
            rest.get(64..).and_then(<[u8]>::first_chunk::<64>),
        ) {
            if !kernel.begin_alike_64(block, window, len - 64) {
                return false;
            }
            at = 128;
        }
        while at < len {
            let (Some(block), Some(window)) = (blocks.get(at..), rest.get(at..)) else { return false };
            let alike = match (block.first_chunk::<32>(), window.first_chunk::<32>()) {
                (Some(block), Some(window)) => kernel.begin_alike(block, window, (len - at).min(32)),
                (block, _) => {
                    block.and_then(|it| it.get(..len - at)).is_some_and(|it| window.starts_with(it))
                }
            };
            if !alike {
                return false;
            }
            at += 32;
        }
        true
    }

    /// Whether the text, which is no longer than a word, is the beginning of this one.
    #[allow(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    pub(crate) fn is_word_at<K: Kernel>(&self, kernel: K, word: [u8; 8]) -> bool {
        let text = self.blocks.as_flattened().first_chunk::<8>().unwrap_or(&[0; 8]);
        kernel.words_begin_alike(u64::from_le_bytes(*text), u64::from_le_bytes(word), self.len())
    }

    /// [`Self::stands_at`] for a text that is most likely no longer than a word.
    #[allow(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    pub(crate) fn stands_shortly_at<K: Kernel>(&self, kernel: K, rest: &[u8]) -> bool {
        match rest.first_chunk() {
            Some(word) if self.len() <= 8 => self.is_word_at(kernel, *word),
            _ => {
                cold_path();
                self.stands_at(kernel, rest)
            }
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

    struct StandsAt<'a, const BLOCKS: usize>(&'a Literal<BLOCKS>, &'a [u8]);

    impl<const BLOCKS: usize> Vectorized for StandsAt<'_, BLOCKS> {
        type Output = bool;

        fn run<K: Kernel>(self, kernel: K) -> bool {
            let stands = self.0.stands_at(kernel, self.1);
            assert_eq!(self.0.stands_shortly_at(kernel, self.1), stands);
            stands
        }
    }

    fn comparing_is_the_same_as_starts_with<const BLOCKS: usize>() {
        let text: Vec<u8> = (0..200u8).collect();
        let most = 32 * BLOCKS;
        for length in (0..=most).step_by(step(9)).chain([1, 7, 8, 9, most - 1, most]) {
            let literal = Literal::<BLOCKS>::new(&text[..length]).unwrap();
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
            for rest in [0, 1, length.saturating_sub(1), length, length + 1, 63, 64, 65, 100, 200] {
                check(&text[..rest]);
            }
            for at in (0..length).step_by(step(5)) {
                let mut other = text.clone();
                other[at] ^= 1;
                check(&other);
                check(&other[..length]);
            }
        }
        assert!(Literal::<BLOCKS>::new(&text[..=most]).is_none());
    }

    #[test]
    fn comparing_in_blocks_is_the_same_as_starts_with() {
        comparing_is_the_same_as_starts_with::<2>();
        comparing_is_the_same_as_starts_with::<5>();
    }
}
