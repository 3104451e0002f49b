//! What loops over many short tokens ask of an instruction set.
//!
//! A loop is written once as a [`Vectorized`] and compiled once per set, by [`super::Simd::vectorize`], so that everything in
//! it uses the set's registers without a call. That holds for what is inlined into it alone: `run` and what is hot below it
//! are `#[inline(always)]`.

use super::outline::Outline;
use super::{Clean, portable};
use crate::json::hex::lower_hex;
use crate::json::{escape, number};

/// An instruction set, as a type. A value of it exists only where the processor has the set.
pub(crate) trait Kernel: Copy {
    /// Bits of the quotes, and of the bytes that are not plain: backslashes, control characters and bytes above 0x7f.
    fn short(self, block: &[u8; 32]) -> (u32, u32);

    /// Whether the first `len` bytes are equal. At most 32 are looked at.
    fn begin_alike(self, a: &[u8; 32], b: &[u8; 32], len: usize) -> bool;

    /// [`Self::begin_alike`] of at most 64 bytes; `len` is below 256.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn begin_alike_64(self, a: &[u8; 64], b: &[u8; 64], len: usize) -> bool {
        let ((a, _), (b, _)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
        a.iter()
            .zip(b)
            .enumerate()
            .all(|(index, (a, b))| self.begin_alike(a, b, len.saturating_sub(32 * index).min(32)))
    }

    /// Whether the first `len` bytes of two words are equal; `len` is at most 8.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn words_begin_alike(self, a: u64, b: u64, len: usize) -> bool {
        len == 0 || (a ^ b) << (64 - 8 * len.min(8)) == 0
    }

    /// The bytes that lower-case hex digits spell.
    fn hex_32(self, digits: &[u8; 32]) -> Option<[u8; 16]>;

    /// The bytes that lower-case hex digits spell.
    fn hex_16(self, digits: &[u8; 16]) -> Option<[u8; 8]>;

    /// The number that decimal digits spell.
    fn digits_16(self, digits: &[u8; 16]) -> Option<u64>;

    /// See [`super::clean`].
    fn clean(self, text: &[u8], start: usize) -> Option<Clean>;

    /// Whether outlines are worth making: several times as fast as reading token by token.
    const OUTLINES: bool = false;

    /// Adds blocks, as many as there are `keeps`, to the outline of a text: the bits of the bytes that are kept, and the bytes
    /// themselves to `out`, which has room for one block more. Returns how many they are. `None` where the text is not JSON.
    #[inline]
    fn outline(
        self,
        outline: &mut Outline,
        blocks: &[[u8; 64]],
        keeps: &mut [u64],
        out: &mut [u8],
    ) -> Option<usize> {
        outline.add_by_byte(blocks, keeps, out)
    }

    /// See [`escape::unescape_checked_into`].
    #[inline]
    fn unescape(self, raw: &[u8], out: &mut Vec<u8>) {
        escape::unescape_by_halves(raw, out);
    }
}

/// A loop to be compiled with an instruction set.
pub(crate) trait Vectorized {
    type Output;

    /// Runs the loop. Implement it `#[inline(always)]`.
    fn run<K: Kernel>(self, kernel: K) -> Self::Output;
}

/// Looks at the first 32 bytes: where a closing quote stands among them with nothing but plain ASCII before it.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
pub(crate) fn short_plain<K: Kernel>(kernel: K, rest: &[u8]) -> Option<usize> {
    let (quote, other) = kernel.short(rest.first_chunk::<32>()?);
    let inside = (quote & quote.wrapping_neg()).wrapping_sub(1);
    (quote != 0 && other & inside == 0).then_some(quote.trailing_zeros() as usize)
}

/// Whether the first `len` bytes are equal, or all. Word by word.
#[inline]
fn begin_alike<const BYTES: usize>(a: &[u8; BYTES], b: &[u8; BYTES], len: usize) -> bool {
    let ((a, _), (b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut left = len;
    for (a, b) in a.iter().zip(b) {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if left < 8 {
            return differ & !(u64::MAX << (8 * left)) == 0;
        }
        if differ != 0 {
            return false;
        }
        left -= 8;
    }
    true
}

/// Ordinary registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

impl Kernel for Portable {
    #[inline]
    fn short(self, block: &[u8; 32]) -> (u32, u32) {
        portable::short(block)
    }

    #[inline]
    fn begin_alike(self, a: &[u8; 32], b: &[u8; 32], len: usize) -> bool {
        begin_alike(a, b, len)
    }

    #[inline]
    fn begin_alike_64(self, a: &[u8; 64], b: &[u8; 64], len: usize) -> bool {
        begin_alike(a, b, len)
    }

    #[inline]
    fn hex_32(self, digits: &[u8; 32]) -> Option<[u8; 16]> {
        lower_hex(digits)
    }

    #[inline]
    fn hex_16(self, digits: &[u8; 16]) -> Option<[u8; 8]> {
        lower_hex(digits)
    }

    #[inline]
    fn digits_16(self, digits: &[u8; 16]) -> Option<u64> {
        number::digits(digits)
    }

    #[inline]
    fn clean(self, text: &[u8], start: usize) -> Option<Clean> {
        portable::clean(text, start)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{bytes, step};
    use super::super::Simd;
    use super::*;

    struct Short<'a>(&'a [u8; 32]);

    impl Vectorized for Short<'_> {
        type Output = (u32, u32);

        fn run<K: Kernel>(self, kernel: K) -> Self::Output {
            kernel.short(self.0)
        }
    }

    struct Alike<'a>(&'a [u8; 32], &'a [u8; 32], usize);

    impl Vectorized for Alike<'_> {
        type Output = bool;

        fn run<K: Kernel>(self, kernel: K) -> bool {
            kernel.begin_alike(self.0, self.1, self.2)
        }
    }

    #[test]
    fn every_set_tells_bytes_apart_alike() {
        for byte in bytes() {
            for place in (0..32).step_by(step(5)) {
                let mut block = [b'a'; 32];
                block[place] = byte;
                let plain = matches!(byte, 0x20..=0x7f) && byte != b'\\';
                let expected = (u32::from(byte == b'"') << place, u32::from(!plain) << place);
                for simd in Simd::available() {
                    assert_eq!(simd.vectorize(Short(&block)), expected, "{simd} {byte} {place}");
                }
            }
        }
    }

    struct Digits<'a>(&'a [u8; 16], &'a [u8; 32]);

    impl Vectorized for Digits<'_> {
        type Output = (Option<u64>, Option<[u8; 8]>, Option<[u8; 16]>);

        fn run<K: Kernel>(self, kernel: K) -> Self::Output {
            (kernel.digits_16(self.0), kernel.hex_16(self.0), kernel.hex_32(self.1))
        }
    }

    #[test]
    fn every_set_reads_digits_alike() {
        for byte in bytes() {
            for place in (0..32).step_by(step(5)) {
                let mut long = *b"0123456789abcdef00ff19a7c8e26b5d";
                let mut short = *b"9081726354490718";
                long[place] = byte;
                short[place % 16] = byte;
                let text = std::str::from_utf8(&short).ok();
                let number = text.filter(|_| byte.is_ascii_digit()).and_then(|text| text.parse().ok());
                let lower = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                for simd in Simd::available() {
                    let found = simd.vectorize(Digits(&short, &long));
                    assert_eq!(found, (number, lower_hex(&short), lower_hex(&long)), "{simd} {byte} {place}");
                    assert_eq!(
                        (found.1.is_some(), found.2.is_some()),
                        (lower, lower),
                        "{simd} {byte} {place}"
                    );
                }
            }
        }
        for simd in Simd::available() {
            for number in [0, 1, 9_999_999_999_999_999, 1_234_567_890_123_456] {
                let text: [u8; 16] = format!("{number:016}").into_bytes().try_into().unwrap();
                assert_eq!(simd.vectorize(Digits(&text, &[b'0'; 32])).0, Some(number), "{simd}");
            }
        }
    }

    #[test]
    fn every_set_compares_beginnings_alike() {
        let a: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap() * 7);
        for place in (0..32).step_by(step(5)) {
            let mut b = a;
            b[place] ^= 0x40;
            for len in (0..=32).step_by(step(3)) {
                for simd in Simd::available() {
                    assert_eq!(simd.vectorize(Alike(&a, &b, len)), len <= place, "{simd} {place} {len}");
                    assert!(simd.vectorize(Alike(&a, &a, len)));
                }
            }
        }
    }

    struct Alike64<'a>(&'a [u8; 64], &'a [u8; 64], usize);

    impl Vectorized for Alike64<'_> {
        type Output = bool;

        fn run<K: Kernel>(self, kernel: K) -> bool {
            kernel.begin_alike_64(self.0, self.1, self.2)
        }
    }

    #[test]
    fn every_set_compares_longer_beginnings_alike() {
        let a: [u8; 64] = std::array::from_fn(|index| u8::try_from(index).unwrap() * 3);
        for place in (0..64).step_by(step(7)) {
            let mut b = a;
            b[place] ^= 0x40;
            for len in (0..=64).step_by(step(3)).chain([31, 32, 33, 63, 64, 65, 160]) {
                for simd in Simd::available() {
                    assert_eq!(simd.vectorize(Alike64(&a, &b, len)), len <= place, "{simd} {place} {len}");
                    assert!(simd.vectorize(Alike64(&a, &a, len)));
                }
            }
        }
    }
}
