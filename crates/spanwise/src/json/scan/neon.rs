//! NEON, which every 64-bit Arm processor has.

#![allow(unsafe_code, reason = "vector loads")]

use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vceqq_u8, vcgeq_u8, vcleq_u8, vcltq_u8, vdupq_n_u8, vgetq_lane_u32, vgetq_lane_u64,
    vld1q_u8, vorrq_u8, vpaddq_u8, vqtbl1q_u8, vreinterpretq_u32_u8, vreinterpretq_u64_u8, vshrq_n_u8,
    vsubq_u8, vtstq_u8,
};

use super::kernel::{Kernel, Portable};
use super::{BLOCK, Clean, Digits, Masks, SIMPLE_COLUMNS, SIMPLE_ROWS, clean_with};

#[target_feature(enable = "neon")]
#[inline]
fn load(vector: &[u8; 16]) -> uint8x16_t {
    // SAFETY: `vector` is 16 bytes long; the load asks for no alignment.
    unsafe { vld1q_u8(vector.as_ptr()) }
}

/// Four vectors, or two.
#[target_feature(enable = "neon")]
#[inline]
fn loads<const BYTES: usize, const VECTORS: usize>(block: &[u8; BYTES]) -> [uint8x16_t; VECTORS] {
    let (vectors, _) = block.as_chunks::<16>();
    std::array::from_fn(|index| vectors.get(index).map_or(vdupq_n_u8(0), |vector| load(vector)))
}

/// The bit of each lane within its byte of a mask.
static PLACES: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

/// One bit for each lane that is set; lanes are all ones or all zeros.
#[target_feature(enable = "neon")]
#[inline]
fn bits_64(lanes: [uint8x16_t; 4]) -> u64 {
    let [a, b, c, d] = lanes.map(|lanes| vandq_u8(lanes, load(&PLACES)));
    let bytes = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(bytes, bytes)))
}

/// As [`bits_64`], of two vectors.
#[target_feature(enable = "neon")]
#[inline]
fn bits_32(lanes: [uint8x16_t; 2]) -> u32 {
    let [a, b] = lanes.map(|lanes| vandq_u8(lanes, load(&PLACES)));
    let pairs = vpaddq_u8(a, b);
    let fours = vpaddq_u8(pairs, pairs);
    vgetq_lane_u32::<0>(vreinterpretq_u32_u8(vpaddq_u8(fours, fours)))
}

#[target_feature(enable = "neon")]
#[inline]
fn is(lanes: uint8x16_t, byte: u8) -> uint8x16_t {
    vceqq_u8(lanes, vdupq_n_u8(byte))
}

/// The lanes from `first` to `last`.
#[target_feature(enable = "neon")]
#[inline]
fn within(lanes: uint8x16_t, first: u8, last: u8) -> uint8x16_t {
    vcleq_u8(vsubq_u8(lanes, vdupq_n_u8(first)), vdupq_n_u8(last - first))
}

#[target_feature(enable = "neon")]
#[inline]
fn masks(block: &[u8; BLOCK]) -> Masks {
    let lanes = loads(block);
    Masks {
        quote: bits_64(lanes.map(|lanes| is(lanes, b'"'))),
        backslash: bits_64(lanes.map(|lanes| is(lanes, b'\\'))),
        control: bits_64(lanes.map(|lanes| vcltq_u8(lanes, vdupq_n_u8(0x20)))),
        high: bits_64(lanes.map(|lanes| vcgeq_u8(lanes, vdupq_n_u8(0x80)))),
    }
}

/// The letters that are a whole escape after a backslash.
#[target_feature(enable = "neon")]
#[inline]
fn simple(block: &[u8; BLOCK]) -> u64 {
    let lanes: [uint8x16_t; 4] = loads(block);
    let (rows, columns) = (load(&SIMPLE_ROWS), load(&SIMPLE_COLUMNS));
    bits_64(lanes.map(|lanes| {
        let row = vqtbl1q_u8(rows, vshrq_n_u8::<4>(lanes));
        vtstq_u8(row, vqtbl1q_u8(columns, vandq_u8(lanes, vdupq_n_u8(0x0f))))
    }))
}

#[target_feature(enable = "neon")]
#[inline]
fn digits(block: &[u8; BLOCK]) -> Digits {
    let lanes = loads(block);
    let lower = lanes.map(|lanes| vorrq_u8(lanes, vdupq_n_u8(0x20)));
    Digits {
        u: bits_64(lanes.map(|lanes| is(lanes, b'u'))),
        hex: bits_64(lanes.map(|lanes| within(lanes, b'0', b'9')))
            | bits_64(lower.map(|lower| within(lower, b'a', b'f'))),
        d: bits_64(lower.map(|lower| is(lower, b'd'))),
        low: bits_64(lanes.map(|lanes| within(lanes, b'0', b'7'))),
    }
}

#[target_feature(enable = "neon")]
fn clean(text: &[u8], start: usize) -> Option<Clean> {
    clean_with(text, start, |block| masks(block), |block| Some(simple(block)), |block| Some(digits(block)))
}

#[target_feature(enable = "neon")]
#[inline]
fn short(block: &[u8; 32]) -> (u32, u32) {
    let lanes = loads(block);
    let other = |lanes| {
        let control = vcltq_u8(lanes, vdupq_n_u8(0x20));
        let high = vcgeq_u8(lanes, vdupq_n_u8(0x80));
        vorrq_u8(is(lanes, b'\\'), vorrq_u8(control, high))
    };
    (bits_32(lanes.map(|lanes| is(lanes, b'"'))), bits_32(lanes.map(other)))
}

/// Bits of the lanes that differ.
#[target_feature(enable = "neon")]
#[inline]
fn differ(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    let ([a, c], [b, d]) = (loads(a), loads(b));
    !bits_32([vceqq_u8(a, b), vceqq_u8(c, d)])
}

/// NEON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon;

impl Kernel for Neon {
    #[inline]
    fn short(self, block: &[u8; 32]) -> (u32, u32) {
        // SAFETY: this is compiled for processors with NEON alone.
        unsafe { short(block) }
    }

    #[inline]
    fn begin_alike(self, a: &[u8; 32], b: &[u8; 32], len: usize) -> bool {
        // SAFETY: as above.
        let differ = unsafe { differ(a, b) };
        u64::from(differ) & !(u64::MAX << len) == 0
    }

    #[inline]
    fn hex_32(self, digits: &[u8; 32]) -> Option<[u8; 16]> {
        Portable.hex_32(digits)
    }

    #[inline]
    fn hex_16(self, digits: &[u8; 16]) -> Option<[u8; 8]> {
        Portable.hex_16(digits)
    }

    #[inline]
    fn digits_16(self, digits: &[u8; 16]) -> Option<u64> {
        Portable.digits_16(digits)
    }

    #[inline]
    fn clean(self, text: &[u8], start: usize) -> Option<Clean> {
        // SAFETY: as above.
        unsafe { clean(text, start) }
    }
}
