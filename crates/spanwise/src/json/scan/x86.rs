//! SSE2, which every x86-64 processor has, and AVX2.

#![allow(
    unsafe_code,
    reason = "vector loads; measured: the escaped text of LLM traces is read twice as fast"
)]
#![allow(clippy::cast_ptr_alignment, reason = "the loads ask for no alignment")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
    _mm_set1_epi8, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_set1_epi8,
};

use super::{BLOCK, Clean, Masks, clean_with};

const QUOTE: i8 = b'"'.cast_signed();
const BACKSLASH: i8 = b'\\'.cast_signed();
/// The last control character.
const CONTROL: i8 = 0x1f;

#[target_feature(enable = "sse2")]
#[inline]
fn masks_sse2(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (vectors, _) = block.as_chunks::<16>();
    for (index, vector) in vectors.iter().enumerate() {
        // SAFETY: `vector` is 16 bytes long; the load asks for no alignment.
        let vector = unsafe { _mm_loadu_si128(vector.as_ptr().cast::<__m128i>()) };
        let bits = |lanes: __m128i| u64::from(_mm_movemask_epi8(lanes).cast_unsigned()) << (16 * index);
        masks.quote |= bits(_mm_cmpeq_epi8(vector, _mm_set1_epi8(QUOTE)));
        masks.backslash |= bits(_mm_cmpeq_epi8(vector, _mm_set1_epi8(BACKSLASH)));
        masks.control |= bits(_mm_cmpeq_epi8(_mm_min_epu8(vector, _mm_set1_epi8(CONTROL)), vector));
        masks.high |= bits(vector);
    }
    masks
}

#[target_feature(enable = "avx2")]
#[inline]
fn masks_avx2(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (vectors, _) = block.as_chunks::<32>();
    for (index, vector) in vectors.iter().enumerate() {
        // SAFETY: `vector` is 32 bytes long; the load asks for no alignment.
        let vector = unsafe { _mm256_loadu_si256(vector.as_ptr().cast::<__m256i>()) };
        let bits = |lanes: __m256i| u64::from(_mm256_movemask_epi8(lanes).cast_unsigned()) << (32 * index);
        masks.quote |= bits(_mm256_cmpeq_epi8(vector, _mm256_set1_epi8(QUOTE)));
        masks.backslash |= bits(_mm256_cmpeq_epi8(vector, _mm256_set1_epi8(BACKSLASH)));
        masks.control |= bits(_mm256_cmpeq_epi8(_mm256_min_epu8(vector, _mm256_set1_epi8(CONTROL)), vector));
        masks.high |= bits(vector);
    }
    masks
}

#[target_feature(enable = "sse2")]
pub(super) fn clean_sse2(text: &[u8], start: usize) -> Option<Clean> {
    clean_with(text, start, |block| masks_sse2(block))
}

#[target_feature(enable = "avx2")]
pub(super) fn clean_avx2(text: &[u8], start: usize) -> Option<Clean> {
    clean_with(text, start, |block| masks_avx2(block))
}

/// Looks at 32 bytes from `start`: where a closing quote stands among them with nothing but plain ASCII before it.
#[inline]
pub(super) fn short_plain(text: &[u8], start: usize) -> Option<usize> {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { short_plain_sse2(text, start) }
}

#[target_feature(enable = "sse2")]
#[inline]
fn short_plain_sse2(text: &[u8], start: usize) -> Option<usize> {
    let block = text.get(start..)?.first_chunk::<32>()?;
    let (vectors, _) = block.as_chunks::<16>();
    let (mut quote, mut other) = (0, 0);
    for (index, vector) in vectors.iter().enumerate() {
        // SAFETY: `vector` is 16 bytes long; the load asks for no alignment.
        let vector = unsafe { _mm_loadu_si128(vector.as_ptr().cast::<__m128i>()) };
        let bits = |lanes: __m128i| _mm_movemask_epi8(lanes).cast_unsigned() << (16 * index);
        quote |= bits(_mm_cmpeq_epi8(vector, _mm_set1_epi8(QUOTE)));
        let backslash = _mm_cmpeq_epi8(vector, _mm_set1_epi8(BACKSLASH));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(vector, _mm_set1_epi8(CONTROL)), vector);
        other |= bits(_mm_or_si128(_mm_or_si128(backslash, control), vector));
    }
    let inside = (quote & quote.wrapping_neg()).wrapping_sub(1);
    (quote != 0 && other & inside == 0).then(|| start + quote.trailing_zeros() as usize)
}
