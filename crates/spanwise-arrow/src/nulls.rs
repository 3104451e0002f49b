//! Which entries of a column in the making are null.

use std::ops::Range;

use arrow_buffer::bit_iterator::BitIndexIterator;
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};

/// A bit for each entry, the lowest of a byte first, as far as the last that was null. While none was there is nothing.
#[derive(Debug, Default)]
pub(crate) struct Nulls {
    bits: Vec<u8>,
}

impl Nulls {
    pub(crate) fn insert(&mut self, at: usize) {
        let byte = at / 8;
        if byte >= self.bits.len() {
            self.bits.resize(byte + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(byte) {
            *bits |= 1 << (at % 8);
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, at: usize) {
        if let Some(bits) = self.bits.get_mut(at / 8) {
            *bits &= !(1 << (at % 8));
        }
    }

    /// The entries from `end` on, so many as are in the range, are null where those of the range are.
    pub(crate) fn repeat(&mut self, range: Range<usize>, end: usize) {
        let known = range.end.min(self.bits.len() * 8).saturating_sub(range.start);
        if known > 0 {
            let nulls: Vec<_> = BitIndexIterator::new(&self.bits, range.start, known).collect();
            for at in nulls {
                self.insert(end + at);
            }
        }
    }

    /// The nulls of a column of `len` entries; none if no entry is null.
    pub(crate) fn finish(mut self, len: usize) -> Option<NullBuffer> {
        if self.bits.iter().all(|bits| *bits == 0) {
            return None;
        }
        self.bits.resize(len.div_ceil(8), 0);
        for bits in &mut self.bits {
            *bits = !*bits;
        }
        Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(self.bits), 0, len)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    /// Whether each of `len` entries is null.
    fn told(nulls: Nulls, len: usize) -> Vec<bool> {
        match nulls.finish(len) {
            None => vec![false; len],
            Some(nulls) => {
                assert!(nulls.null_count() > 0);
                nulls.iter().map(|valid| !valid).collect()
            }
        }
    }

    #[test]
    fn what_was_said_last_of_an_entry_holds_and_ranges_are_repeated() {
        // As `PlainValues` does it: entries are added at the end, told of again, and repeated. A list is the oracle.
        let mut state = 1_u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            usize::try_from(state >> 33).unwrap() % bound
        };
        for round in 0..3000 {
            let (mut nulls, mut expected) = (Nulls::default(), Vec::new());
            for _ in 0..below(40) {
                let seldom = below(1 + round % 9) > 0;
                let at = if seldom && !expected.is_empty() { below(expected.len()) } else { expected.len() };
                match below(3) {
                    0 => {
                        let range = at..at + below(expected.len() - at + 1);
                        nulls.repeat(range.clone(), expected.len());
                        expected.extend_from_within(range);
                    }
                    is_null => {
                        if is_null == 1 {
                            nulls.insert(at);
                        } else {
                            nulls.remove(at);
                        }
                        expected.resize(expected.len().max(at + 1), false);
                        *expected.get_mut(at).unwrap() = is_null == 1;
                    }
                }
            }
            assert_eq!(told(nulls, expected.len()), expected);
        }
    }

    #[test]
    fn a_null_that_is_gone_again_leaves_a_column_without_any() {
        let mut nulls = Nulls::default();
        nulls.insert(70);
        nulls.remove(70);
        assert!(nulls.finish(100).is_none());
    }
}
