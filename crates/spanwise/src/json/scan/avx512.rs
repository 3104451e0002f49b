//! AVX-512 with bytes (F, BW, VL, VBMI, VBMI2), and products without carries, which Intel has since Ice Lake and AMD since
//! Zen 4.

#![allow(
    unsafe_code,
    reason = "vector loads and stores; measured: escapes are checked and undone a block at a time"
)]
#![allow(clippy::cast_ptr_alignment, reason = "the loads and stores ask for no alignment")]
#![allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]

use std::arch::x86_64::{
    __m512i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8,
    _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_cmpneq_epi8_mask, _mm512_loadu_si512,
    _mm512_mask2_permutex2var_epi8, _mm512_maskz_compress_epi8, _mm512_maskz_loadu_epi8, _mm512_min_epu8,
    _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_storeu_si512, _mm512_sub_epi8,
};

use super::kernel::{Kernel, Vectorized};
use super::outline::{Between, Outline, Told};
use super::x86::{Avx2, begins_with_zeros};
use super::{BLOCK, Clean, Digits, Masks, SIMPLE_LETTERS, clean_with, escaped_bytes};
use crate::json::escape;

/// A byte for each ASCII character.
type Table = [[u8; BLOCK]; 2];

/// What an escaped letter stands for: itself, but for five.
static MEANINGS: Table = {
    let mut table = [[0; BLOCK]; 2];
    let mut byte = 0;
    while byte < 128 {
        table[byte as usize / BLOCK][byte as usize % BLOCK] = match byte {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            other => other,
        };
        byte += 1;
    }
    table
};

/// For each byte of ASCII itself, if it is one of these, and another otherwise.
const fn find(bytes: &[u8]) -> Table {
    let mut table = [[0; BLOCK]; 2];
    let mut byte = 0;
    while byte < 128 {
        // Nor is it that byte with the high bit set, which is looked up as if it had none.
        table[byte as usize / BLOCK][byte as usize % BLOCK] = byte ^ 1;
        byte += 1;
    }
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index] as usize;
        table[byte / BLOCK][byte % BLOCK] = bytes[index];
        index += 1;
    }
    table
}

static SIMPLE: Table = find(SIMPLE_LETTERS);
static WHITE: Table = find(b" \t\r\n");
static WHITE_IN_LINE: Table = find(b" \t\r");
static STRUCTURAL: Table = find(b"{}[],:");

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn load(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: `block` is 64 bytes long; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast::<__m512i>()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn is(lanes: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(lanes, _mm512_set1_epi8(byte.cast_signed()))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn is_one_of(lanes: __m512i, table: &Table) -> u64 {
    // The look-up sees seven bits of a byte.
    let found = _mm512_permutex2var_epi8(load(&table[0]), lanes, load(&table[1]));
    _mm512_cmpeq_epi8_mask(found, lanes)
}

/// The lanes from `first` to `last`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn within(lanes: __m512i, first: u8, last: u8) -> u64 {
    let from_first = _mm512_sub_epi8(lanes, _mm512_set1_epi8(first.cast_signed()));
    _mm512_cmple_epu8_mask(from_first, _mm512_set1_epi8((last - first).cast_signed()))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn begin_alike(a: &[u8; BLOCK], b: &[u8; BLOCK], len: usize) -> bool {
    begins_with_zeros(_mm512_cmpneq_epi8_mask(load(a), load(b)), len)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn masks(block: &[u8; BLOCK]) -> Masks {
    let lanes = load(block);
    Masks {
        quote: is(lanes, b'"'),
        backslash: is(lanes, b'\\'),
        control: _mm512_cmple_epu8_mask(lanes, _mm512_set1_epi8(0x1f)),
        high: _mm512_movepi8_mask(lanes),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn digits(block: &[u8; BLOCK]) -> Digits {
    let lanes = load(block);
    let lower = _mm512_or_si512(lanes, _mm512_set1_epi8(0x20));
    Digits {
        u: is(lanes, b'u'),
        hex: within(lanes, b'0', b'9') | within(lower, b'a', b'f'),
        d: is(lower, b'd'),
        low: within(lanes, b'0', b'7'),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
fn clean(text: &[u8], start: usize) -> Option<Clean> {
    clean_with(
        text,
        start,
        |block| masks(block),
        |block| Some(is_one_of(load(block), &SIMPLE)),
        |block| Some(digits(block)),
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
fn outline(
    outline: &mut Outline,
    blocks: &[[u8; BLOCK]],
    keeps: &mut [u64],
    out: &mut [u8],
) -> Option<usize> {
    if outline.takes_white_out() {
        return outline_with::<true>(outline, blocks, keeps, out).map(|(count, _)| count);
    }
    let (count, has_control) = outline_with::<false>(outline, blocks, keeps, out)?;
    if has_control {
        // Such as the line feed behind the list. All that stands in no string is kept.
        let in_string = |(block, keep): (&[u8; BLOCK], &u64)| is_control(load(block)) & !keep != 0;
        if blocks.iter().zip(&*keeps).any(in_string) {
            return None;
        }
    }
    Some(count)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn is_control(lanes: __m512i) -> u64 {
    _mm512_cmple_epu8_mask(lanes, _mm512_set1_epi8(0x1f))
}

/// How many bytes the outline of the blocks has, and whether there is a control character in them. That none stands in a
/// string is checked if `CONTROL`: there are seldom any, unless there is white space.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn outline_with<const CONTROL: bool>(
    outline: &mut Outline,
    blocks: &[[u8; BLOCK]],
    keeps: &mut [u64],
    out: &mut [u8],
) -> Option<(usize, bool)> {
    let mut state = *outline;
    let mut count = 0;
    let mut all = _mm512_setzero_si512();
    let mut least = _mm512_set1_epi8(-1);
    for (block, keep) in blocks.iter().zip(keeps) {
        let lanes = load(block);
        all = _mm512_or_si512(all, lanes);
        least = _mm512_min_epu8(least, lanes);
        *keep = state.add(&Told {
            quote: is(lanes, b'"'),
            backslash: is(lanes, b'\\'),
            control: if CONTROL { is_control(lanes) } else { 0 },
            simple: || is_one_of(lanes, &SIMPLE),
            digits: || digits(block),
            between: |feeds: bool| Between {
                white: is_one_of(lanes, if feeds { &WHITE } else { &WHITE_IN_LINE }),
                structural: is_one_of(lanes, &STRUCTURAL),
            },
            running_parity: |bits: u64| {
                let product =
                    _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(bits.cast_signed()), _mm_set1_epi8(-1));
                _mm_cvtsi128_si64(product).cast_unsigned()
            },
        })?;
        let kept: &mut [u8; BLOCK] = out.get_mut(count..)?.first_chunk_mut()?;
        let lanes = _mm512_maskz_compress_epi8(*keep, lanes);
        // SAFETY: `kept` is 64 bytes long; the store asks for no alignment.
        unsafe { _mm512_storeu_si512(kept.as_mut_ptr().cast::<__m512i>(), lanes) };
        count += keep.count_ones() as usize;
    }
    state.note_high(_mm512_movepi8_mask(all) != 0);
    *outline = state;
    Some((count, is_control(least) != 0))
}

/// See [`Kernel::unescape`]. A block at a time: letters are replaced by what they stand for, then backslashes are pressed out.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    // No escape is shorter than what it stands for.
    out.reserve(raw.len() + BLOCK);
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let count = rest.len().min(BLOCK);
        let lanes = match rest.first_chunk::<BLOCK>() {
            Some(block) => load(block),
            // SAFETY: lanes beyond `rest` are not read.
            None => unsafe { _mm512_maskz_loadu_epi8(first(count), rest.as_ptr().cast::<i8>()) },
        };
        let backslash = is(lanes, b'\\');
        if backslash == 0 {
            append(out, lanes, count);
            at += count;
            continue;
        }
        let escaped = escaped_bytes(backslash, &mut 0);
        let begin = backslash & !escaped;
        // Those which begin what is not told by one letter of this block.
        let other = begin & !((escaped & is_one_of(lanes, &SIMPLE)) >> 1);
        let whole = count.min(other.trailing_zeros() as usize);
        let keep = !begin & first(whole);
        let meant = _mm512_mask2_permutex2var_epi8(load(&MEANINGS[0]), lanes, escaped, load(&MEANINGS[1]));
        append(out, _mm512_maskz_compress_epi8(keep, meant), keep.count_ones() as usize);
        at += whole;
        if whole < count {
            at += escape::unescape_one(raw, at, out);
            while let Some([b'\\', b'u', ..]) = raw.get(at..) {
                at += escape::unescape_one(raw, at, out);
            }
        }
    }
}

/// The first `count` bits, at most all.
#[inline(always)]
fn first(count: usize) -> u64 {
    if count < BLOCK { !(u64::MAX << count) } else { u64::MAX }
}

/// Appends the first `count` lanes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq")]
#[inline]
fn append(out: &mut Vec<u8>, lanes: __m512i, count: usize) {
    if out.spare_capacity_mut().len() < BLOCK {
        out.reserve(BLOCK);
    }
    let length = out.len();
    // SAFETY: there is room for a block behind what is there; the store asks for no alignment and initialises it.
    unsafe {
        _mm512_storeu_si512(out.as_mut_ptr().add(length).cast::<__m512i>(), lanes);
        out.set_len(length + count.min(BLOCK));
    }
}

/// The sets named at the head of this module. INVARIANT: made by [`Avx512::detect`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx512(Avx2);

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let found = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512vbmi")
            && std::arch::is_x86_feature_detected!("avx512vbmi2")
            && std::arch::is_x86_feature_detected!("popcnt")
            && std::arch::is_x86_feature_detected!("pclmulqdq");
        Avx2::detect().filter(|_| found).map(Self)
    }

    /// Runs `job`, compiled with this set.
    #[inline]
    pub(super) fn vectorize<V: Vectorized>(self, job: V) -> V::Output {
        #[target_feature(
            enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,popcnt,pclmulqdq"
        )]
        #[inline(never)]
        fn compiled<V: Vectorized>(kernel: Avx512, job: V) -> V::Output {
            job.run(kernel)
        }
        // SAFETY: that `self` exists says that the processor has the set.
        unsafe { compiled(self, job) }
    }
}

/// Tokens of at most 32 bytes are read as with AVX2: masks of half a register are no gain.
impl Kernel for Avx512 {
    #[inline(always)]
    fn short(self, block: &[u8; 32]) -> (u32, u32) {
        self.0.short(block)
    }

    #[inline(always)]
    fn begin_alike(self, a: &[u8; 32], b: &[u8; 32], len: usize) -> bool {
        self.0.begin_alike(a, b, len)
    }

    #[inline(always)]
    fn begin_alike_64(self, a: &[u8; 64], b: &[u8; 64], len: usize) -> bool {
        // SAFETY: that `self` exists says that the processor has the set.
        unsafe { begin_alike(a, b, len) }
    }

    #[inline(always)]
    fn words_begin_alike(self, a: u64, b: u64, len: usize) -> bool {
        self.0.words_begin_alike(a, b, len)
    }

    #[inline(always)]
    fn hex_32(self, digits: &[u8; 32]) -> Option<[u8; 16]> {
        self.0.hex_32(digits)
    }

    #[inline(always)]
    fn hex_16(self, digits: &[u8; 16]) -> Option<[u8; 8]> {
        self.0.hex_16(digits)
    }

    #[inline(always)]
    fn digits_16(self, digits: &[u8; 16]) -> Option<u64> {
        self.0.digits_16(digits)
    }

    #[inline(always)]
    fn clean(self, text: &[u8], start: usize) -> Option<Clean> {
        // SAFETY: that `self` exists says that the processor has the set.
        unsafe { clean(text, start) }
    }

    const OUTLINES: bool = true;

    #[inline(always)]
    fn outline(
        self,
        state: &mut Outline,
        blocks: &[[u8; 64]],
        keeps: &mut [u64],
        out: &mut [u8],
    ) -> Option<usize> {
        // SAFETY: as above.
        unsafe { outline(state, blocks, keeps, out) }
    }

    #[inline(always)]
    fn unescape(self, raw: &[u8], out: &mut Vec<u8>) {
        // SAFETY: as above.
        unsafe { unescape(raw, out) }
    }
}
