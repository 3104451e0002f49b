//! Structure with AVX2 and carry-less multiplication.

/// Fills `words` and says whether all strings end; `None` where the processor lacks what this needs.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn bitmap(_text: &[u8], _words: &mut Vec<u64>) -> Option<bool> {
    None
}

/// Fills `index` and says whether all strings end; `None` where the processor lacks what this needs.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn index(_text: &[u8], _index: &mut super::StructuralIndex) -> Option<bool> {
    None
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{bitmap, classify, index, prefix_xor};

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector loads, and calls of functions that need the vectors")]
mod x86_64 {
    use super::super::StructuralIndex;
    use super::super::block::Masks;
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    /// Fills `words` and says whether all strings end; `None` where the processor lacks what this needs.
    pub(in super::super) fn bitmap(text: &[u8], words: &mut Vec<u64>) -> Option<bool> {
        // SAFETY: the processor has what the function asks for.
        available().then(|| unsafe { bitmap_avx2(text, words) })
    }

    /// Fills `index` and says whether all strings end; `None` where the processor lacks what this needs.
    pub(in super::super) fn index(text: &[u8], index: &mut StructuralIndex) -> Option<bool> {
        // SAFETY: the processor has what the function asks for.
        available().then(|| unsafe { index_avx2(text, index) })
    }

    fn available() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt")
    }

    #[target_feature(enable = "avx2,pclmulqdq")]
    fn bitmap_avx2(text: &[u8], words: &mut Vec<u64>) -> bool {
        super::super::bitmap_with(text, words, |block| classify(block), |bits| prefix_xor(bits))
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
    fn index_avx2(text: &[u8], index: &mut StructuralIndex) -> bool {
        let write = super::super::write_eights;
        super::super::index_with(text, index, |block| classify(block), |bits| prefix_xor(bits), write)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn classify(block: &[u8; 64]) -> Masks {
        // SAFETY: both loads lie within the 64 bytes of `block`, and unaligned ones are asked for.
        let halves: [__m256i; 2] = unsafe {
            [_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())]
        };
        Masks {
            quotes: join(halves.map(|half| equal(half, b'"'))),
            backslashes: join(halves.map(|half| equal(half, b'\\'))),
            operators: join(halves.map(|half| operators(half))),
        }
    }

    #[target_feature(enable = "avx2")]
    fn equal(half: __m256i, byte: u8) -> __m256i {
        _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte.cast_signed()))
    }

    #[target_feature(enable = "avx2")]
    fn operators(half: __m256i) -> __m256i {
        // Setting this bit makes `[` and `{`, and `]` and `}`, the same.
        let folded = _mm256_or_si256(half, _mm256_set1_epi8(0x20));
        let brackets = _mm256_or_si256(equal(folded, b'{'), equal(folded, b'}'));
        _mm256_or_si256(brackets, _mm256_or_si256(equal(half, b':'), equal(half, b',')))
    }

    #[target_feature(enable = "avx2")]
    fn join([low, high]: [__m256i; 2]) -> u64 {
        let bits = |half| u64::from(_mm256_movemask_epi8(half).cast_unsigned());
        bits(low) | bits(high) << 32
    }

    /// Multiplying by all ones without carries sets each bit to the exclusive or of all bits up to it.
    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    pub(in super::super) fn prefix_xor(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
}
