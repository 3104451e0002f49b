//! SSE2, which every x86-64 processor has, and AVX2 with BMI.

#![allow(
    unsafe_code,
    reason = "vector loads; measured: the escaped text of LLM traces is read twice as fast"
)]
#![allow(clippy::cast_ptr_alignment, reason = "the loads ask for no alignment")]
#![allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]

use std::arch::x86_64::{
    __m128i, __m256i, _bzhi_u64, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_madd_epi16,
    _mm_maddubs_epi16, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32, _mm_set1_epi8,
    _mm_set1_epi16, _mm_set1_epi32, _mm_sub_epi8, _mm_unpackhi_epi64, _mm256_add_epi8, _mm256_and_si256,
    _mm256_blendv_epi8, _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_maddubs_epi16, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_packus_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_shuffle_epi8,
    _mm256_srli_epi16, _mm256_sub_epi8,
};

use super::kernel::{Kernel, Portable, Vectorized};
use super::{BLOCK, Clean, Digits, Masks, SIMPLE_COLUMNS, SIMPLE_ROWS, clean_with};

const QUOTE: i8 = b'"'.cast_signed();
const BACKSLASH: i8 = b'\\'.cast_signed();
/// The last control character.
const CONTROL: i8 = 0x1f;

#[target_feature(enable = "sse2")]
#[inline]
fn load_sse2(vector: &[u8; 16]) -> __m128i {
    // SAFETY: `vector` is 16 bytes long; the load asks for no alignment.
    unsafe { _mm_loadu_si128(vector.as_ptr().cast::<__m128i>()) }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn load_avx2(vector: &[u8; 32]) -> __m256i {
    // SAFETY: `vector` is 32 bytes long; the load asks for no alignment.
    unsafe { _mm256_loadu_si256(vector.as_ptr().cast::<__m256i>()) }
}

/// The lanes that are at most `most`, unsigned.
#[target_feature(enable = "sse2")]
#[inline]
fn at_most_sse2(lanes: __m128i, most: i8) -> __m128i {
    _mm_cmpeq_epi8(_mm_min_epu8(lanes, _mm_set1_epi8(most)), lanes)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn at_most_avx2(lanes: __m256i, most: i8) -> __m256i {
    _mm256_cmpeq_epi8(_mm256_min_epu8(lanes, _mm256_set1_epi8(most)), lanes)
}

#[target_feature(enable = "sse2")]
#[inline]
fn masks_sse2(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (vectors, _) = block.as_chunks::<16>();
    for (index, vector) in vectors.iter().enumerate() {
        let vector = load_sse2(vector);
        let bits = |lanes: __m128i| u64::from(_mm_movemask_epi8(lanes).cast_unsigned()) << (16 * index);
        masks.quote |= bits(_mm_cmpeq_epi8(vector, _mm_set1_epi8(QUOTE)));
        masks.backslash |= bits(_mm_cmpeq_epi8(vector, _mm_set1_epi8(BACKSLASH)));
        masks.control |= bits(at_most_sse2(vector, CONTROL));
        masks.high |= bits(vector);
    }
    masks
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn masks_avx2(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (vectors, _) = block.as_chunks::<32>();
    for (index, vector) in vectors.iter().enumerate() {
        let vector = load_avx2(vector);
        let bits = |lanes: __m256i| u64::from(_mm256_movemask_epi8(lanes).cast_unsigned()) << (32 * index);
        masks.quote |= bits(_mm256_cmpeq_epi8(vector, _mm256_set1_epi8(QUOTE)));
        masks.backslash |= bits(_mm256_cmpeq_epi8(vector, _mm256_set1_epi8(BACKSLASH)));
        masks.control |= bits(at_most_avx2(vector, CONTROL));
        masks.high |= bits(vector);
    }
    masks
}

/// The letters that are a whole escape after a backslash.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn simple_avx2(block: &[u8; BLOCK]) -> u64 {
    let [rows, columns] =
        [&SIMPLE_ROWS, &SIMPLE_COLUMNS].map(|table| _mm256_broadcastsi128_si256(load_sse2(table)));
    let mut simple = 0;
    let (vectors, _) = block.as_chunks::<32>();
    for (index, vector) in vectors.iter().enumerate() {
        let vector = load_avx2(vector);
        let row = _mm256_and_si256(_mm256_srli_epi16::<4>(vector), _mm256_set1_epi8(0x0f));
        // A byte above 0x7f is in no column.
        let found = _mm256_and_si256(_mm256_shuffle_epi8(rows, row), _mm256_shuffle_epi8(columns, vector));
        let none = _mm256_movemask_epi8(_mm256_cmpeq_epi8(found, _mm256_set1_epi8(0))).cast_unsigned();
        simple |= u64::from(!none) << (32 * index);
    }
    simple
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn digits_avx2(block: &[u8; BLOCK]) -> Digits {
    let mut digits = Digits { u: 0, hex: 0, d: 0, low: 0 };
    let (vectors, _) = block.as_chunks::<32>();
    for (index, vector) in vectors.iter().enumerate() {
        let vector = load_avx2(vector);
        let bits = |lanes: __m256i| u64::from(_mm256_movemask_epi8(lanes).cast_unsigned()) << (32 * index);
        let is = |lanes: __m256i, byte: u8| _mm256_cmpeq_epi8(lanes, _mm256_set1_epi8(byte.cast_signed()));
        let within = |lanes: __m256i, first: u8, most: i8| {
            at_most_avx2(_mm256_sub_epi8(lanes, _mm256_set1_epi8(first.cast_signed())), most)
        };
        let lower = _mm256_or_si256(vector, _mm256_set1_epi8(0x20));
        digits.u |= bits(is(vector, b'u'));
        digits.hex |= bits(_mm256_or_si256(within(vector, b'0', 9), within(lower, b'a', 5)));
        digits.d |= bits(is(lower, b'd'));
        digits.low |= bits(within(vector, b'0', 7));
    }
    digits
}

#[target_feature(enable = "sse2")]
fn clean_sse2(text: &[u8], start: usize) -> Option<Clean> {
    clean_with(text, start, |block| masks_sse2(block), |_| None, |_| None)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn clean_avx2(text: &[u8], start: usize) -> Option<Clean> {
    clean_with(
        text,
        start,
        |block| masks_avx2(block),
        |block| Some(simple_avx2(block)),
        |block| Some(digits_avx2(block)),
    )
}

#[target_feature(enable = "sse2")]
#[inline]
fn short_sse2(block: &[u8; 32]) -> (u32, u32) {
    let (vectors, _) = block.as_chunks::<16>();
    let (mut quote, mut other) = (0, 0);
    for (index, vector) in vectors.iter().enumerate() {
        let vector = load_sse2(vector);
        let bits = |lanes: __m128i| _mm_movemask_epi8(lanes).cast_unsigned() << (16 * index);
        quote |= bits(_mm_cmpeq_epi8(vector, _mm_set1_epi8(QUOTE)));
        let backslash = _mm_cmpeq_epi8(vector, _mm_set1_epi8(BACKSLASH));
        let control = at_most_sse2(vector, CONTROL);
        other |= bits(_mm_or_si128(_mm_or_si128(backslash, control), vector));
    }
    (quote, other)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn short_avx2(block: &[u8; 32]) -> (u32, u32) {
    let vector = load_avx2(block);
    let bits = |lanes: __m256i| _mm256_movemask_epi8(lanes).cast_unsigned();
    let quote = bits(_mm256_cmpeq_epi8(vector, _mm256_set1_epi8(QUOTE)));
    let backslash = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(BACKSLASH));
    let control = at_most_avx2(vector, CONTROL);
    (quote, bits(_mm256_or_si256(_mm256_or_si256(backslash, control), vector)))
}

/// Bits of the lanes that differ.
#[target_feature(enable = "sse2")]
#[inline]
fn differ_sse2(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    let ((a, _), (b, _)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut equal = 0;
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        let lanes = _mm_cmpeq_epi8(load_sse2(a), load_sse2(b));
        equal |= _mm_movemask_epi8(lanes).cast_unsigned() << (16 * index);
    }
    !equal
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn differ_avx2(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    !_mm256_movemask_epi8(_mm256_cmpeq_epi8(load_avx2(a), load_avx2(b))).cast_unsigned()
}

/// Whether the lowest `len` bits, at most all of them, are zeros; `len` is that of a literal, which is below 256.
#[target_feature(enable = "bmi2")]
#[inline]
pub(super) fn begins_with_zeros(bits: u64, len: usize) -> bool {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "eight bits of it count; from 64 on they stand for all bits"
    )]
    let len = len as u32;
    _bzhi_u64(bits, len) == 0
}

/// Without a branch between the halves.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn begin_alike_avx2(a: &[u8; 64], b: &[u8; 64], len: usize) -> bool {
    let ((a, _), (b, _)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut differ = 0;
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        differ |= u64::from(differ_avx2(a, b)) << (32 * index);
    }
    begins_with_zeros(differ, len)
}

/// The nibbles of lower-case hex digits, and whether they are that.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn nibbles_avx2(digits: __m256i) -> (__m256i, bool) {
    let value = _mm256_sub_epi8(digits, _mm256_set1_epi8(b'0'.cast_signed()));
    let letter = _mm256_sub_epi8(digits, _mm256_set1_epi8(b'a'.cast_signed()));
    let is_letter = at_most_avx2(letter, 5);
    let valid = _mm256_movemask_epi8(_mm256_or_si256(at_most_avx2(value, 9), is_letter)) == -1;
    (_mm256_blendv_epi8(value, _mm256_add_epi8(letter, _mm256_set1_epi8(10)), is_letter), valid)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn hex_32_avx2(digits: &[u8; 32]) -> Option<[u8; 16]> {
    let (nibbles, valid) = nibbles_avx2(load_avx2(digits));
    // High nibble times 16 plus low nibble in each pair; then one byte of each pair, from both halves.
    let pairs = _mm256_maddubs_epi16(nibbles, _mm256_set1_epi16(0x0110));
    let packed = _mm256_permute4x64_epi64::<0b1000>(_mm256_packus_epi16(pairs, pairs));
    valid.then(|| u128_of(_mm256_castsi256_si128(packed)).to_le_bytes())
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn hex_16_avx2(digits: &[u8; 16]) -> Option<[u8; 8]> {
    let (nibbles, valid) = nibbles_avx2(_mm256_broadcastsi128_si256(load_sse2(digits)));
    let pairs = _mm256_maddubs_epi16(nibbles, _mm256_set1_epi16(0x0110));
    let packed = _mm256_castsi256_si128(_mm256_packus_epi16(pairs, pairs));
    valid.then(|| _mm_cvtsi128_si64(packed).to_le_bytes())
}

#[target_feature(enable = "sse2")]
#[inline]
fn u128_of(lanes: __m128i) -> u128 {
    let (low, high) = (_mm_cvtsi128_si64(lanes), _mm_cvtsi128_si64(_mm_unpackhi_epi64(lanes, lanes)));
    u128::from(low.cast_unsigned()) | u128::from(high.cast_unsigned()) << 64
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn digits_16_avx2(digits: &[u8; 16]) -> Option<u64> {
    let value = _mm_sub_epi8(load_sse2(digits), _mm_set1_epi8(b'0'.cast_signed()));
    if _mm_movemask_epi8(at_most_sse2(value, 9)) != 0xffff {
        return None;
    }
    // Tens and ones, hundreds and ones, ten thousands and ones: 16 digits to two numbers of 8.
    let pairs = _mm_maddubs_epi16(value, _mm_set1_epi16(0x010a));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x0001_2710));
    let both = _mm_cvtsi128_si64(eights).cast_unsigned();
    Some((both & 0xffff_ffff) * 100_000_000 + (both >> 32))
}

/// SSE2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sse2;

impl Kernel for Sse2 {
    #[inline(always)]
    fn short(self, block: &[u8; 32]) -> (u32, u32) {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { short_sse2(block) }
    }

    #[inline(always)]
    fn begin_alike(self, a: &[u8; 32], b: &[u8; 32], len: usize) -> bool {
        // SAFETY: as above.
        let differ = unsafe { differ_sse2(a, b) };
        u64::from(differ) & !(u64::MAX << len) == 0
    }

    #[inline(always)]
    fn hex_32(self, digits: &[u8; 32]) -> Option<[u8; 16]> {
        Portable.hex_32(digits)
    }

    #[inline(always)]
    fn hex_16(self, digits: &[u8; 16]) -> Option<[u8; 8]> {
        Portable.hex_16(digits)
    }

    #[inline(always)]
    fn digits_16(self, digits: &[u8; 16]) -> Option<u64> {
        Portable.digits_16(digits)
    }

    #[inline(always)]
    fn clean(self, text: &[u8], start: usize) -> Option<Clean> {
        // SAFETY: as above.
        unsafe { clean_sse2(text, start) }
    }
}

/// AVX2, BMI1 and BMI2. INVARIANT: made by [`Avx2::detect`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let found = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2");
        found.then_some(Self(()))
    }

    /// Runs `job`, compiled with this set.
    #[inline]
    pub(super) fn vectorize<V: Vectorized>(self, job: V) -> V::Output {
        #[target_feature(enable = "avx2,bmi1,bmi2")]
        #[inline(never)]
        fn compiled<V: Vectorized>(kernel: Avx2, job: V) -> V::Output {
            job.run(kernel)
        }
        // SAFETY: that `self` exists says that the processor has the set.
        unsafe { compiled(self, job) }
    }
}

impl Kernel for Avx2 {
    #[inline(always)]
    fn short(self, block: &[u8; 32]) -> (u32, u32) {
        // SAFETY: that `self` exists says that the processor has the set.
        unsafe { short_avx2(block) }
    }

    #[inline(always)]
    fn begin_alike(self, a: &[u8; 32], b: &[u8; 32], len: usize) -> bool {
        // SAFETY: as above.
        let differ = unsafe { differ_avx2(a, b) };
        u64::from(differ) & !(u64::MAX << len) == 0
    }

    #[inline(always)]
    fn begin_alike_64(self, a: &[u8; 64], b: &[u8; 64], len: usize) -> bool {
        // SAFETY: as above.
        unsafe { begin_alike_avx2(a, b, len) }
    }

    #[inline(always)]
    fn words_begin_alike(self, a: u64, b: u64, len: usize) -> bool {
        // SAFETY: as above.
        unsafe { begins_with_zeros(a ^ b, 8 * len) }
    }

    #[inline(always)]
    fn hex_32(self, digits: &[u8; 32]) -> Option<[u8; 16]> {
        // SAFETY: as above.
        unsafe { hex_32_avx2(digits) }
    }

    #[inline(always)]
    fn hex_16(self, digits: &[u8; 16]) -> Option<[u8; 8]> {
        // SAFETY: as above.
        unsafe { hex_16_avx2(digits) }
    }

    #[inline(always)]
    fn digits_16(self, digits: &[u8; 16]) -> Option<u64> {
        // SAFETY: as above.
        unsafe { digits_16_avx2(digits) }
    }

    #[inline(always)]
    fn clean(self, text: &[u8], start: usize) -> Option<Clean> {
        // SAFETY: as above.
        unsafe { clean_avx2(text, start) }
    }
}
