//! The index with AVX-512: the positions of a block are a list of numbers with those left out that the bitmap does not
//! name.

/// Fills `index` and says whether all strings end; `None` where the processor lacks what this needs.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn index(_text: &[u8], _index: &mut super::StructuralIndex) -> Option<bool> {
    None
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::index;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector loads and stores, and calls of functions that need the vectors")]
mod x86_64 {
    use super::super::StructuralIndex;
    use super::super::avx2::{classify, prefix_xor};
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32,
        _mm512_loadu_si512, _mm512_maskz_compress_epi8, _mm512_set1_epi32, _mm512_storeu_si512,
    };

    static NUMBERS: [u8; 64] = {
        let mut numbers = [0; 64];
        let mut at = 0;
        while at < 64 {
            numbers[at as usize] = at;
            at += 1;
        }
        numbers
    };

    /// Fills `index` and says whether all strings end; `None` where the processor lacks what this needs.
    pub(in super::super) fn index(text: &[u8], index: &mut StructuralIndex) -> Option<bool> {
        let available = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt");
        // SAFETY: the processor has what the function asks for.
        available.then(|| unsafe { index_avx512(text, index) })
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,pclmulqdq,popcnt")]
    fn index_avx512(text: &[u8], index: &mut StructuralIndex) -> bool {
        super::super::index_with(
            text,
            index,
            |block| classify(block),
            |bits| prefix_xor(bits),
            |word, base, places| write(word, base, places),
        )
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    fn write(word: u64, base: u32, places: &mut [u32; 64]) {
        // SAFETY: 64 bytes are read of 64.
        let numbers = unsafe { _mm512_loadu_si512(NUMBERS.as_ptr().cast()) };
        let bits = _mm512_maskz_compress_epi8(word, numbers);
        let base = _mm512_set1_epi32(base.cast_signed());
        let sixteen = [
            _mm512_castsi512_si128(bits),
            _mm512_extracti32x4_epi32::<1>(bits),
            _mm512_extracti32x4_epi32::<2>(bits),
            _mm512_extracti32x4_epi32::<3>(bits),
        ];
        let most = word.count_ones() as usize;
        for (at, (bits, places)) in sixteen.into_iter().zip(places.as_chunks_mut::<16>().0).enumerate() {
            // The first sixteen always: most blocks have no more.
            if at > 0 && most <= 16 * at {
                break;
            }
            let positions = _mm512_add_epi32(_mm512_cvtepu8_epi32(bits), base);
            // SAFETY: 64 bytes are written to 16 places of four.
            unsafe { _mm512_storeu_si512(places.as_mut_ptr().cast(), positions) };
        }
    }
}
