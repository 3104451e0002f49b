//! The instruction sets, and the choice among them.

use std::fmt;
use std::sync::LazyLock;

use super::Clean;
use super::kernel::{Kernel, Portable, Vectorized};
#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
use super::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::{
    avx512::Avx512,
    x86::{Avx2, Sse2},
};

/// An instruction set that the scan of strings can use. Only sets that this processor has can be had.
///
/// ```
/// use spanwise::Simd;
/// assert!(Simd::available().contains(&Simd::portable()));
/// assert_eq!(Some(&Simd::detect()), Simd::available().last());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simd(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
    Neon,
}

impl Simd {
    /// Ordinary registers, eight bytes at a time. Safe code, and what all others are tested against.
    ///
    /// What every processor of the architecture has is used with it, too: on x86-64 and 64-bit Arm for the first bytes of a
    /// string, and on x86-64 for undoing escapes.
    pub const fn portable() -> Self {
        Self(Set::Portable)
    }

    /// The fastest set of this processor.
    pub fn detect() -> Self {
        static DETECTED: LazyLock<Simd> =
            LazyLock::new(|| Simd::available().last().copied().unwrap_or(Simd::portable()));
        *DETECTED
    }

    /// All sets of this processor, the fastest last.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let mut sets = vec![Self::portable(), Self(Set::Sse2)];
            sets.extend(Avx2::detect().map(|avx2| Self(Set::Avx2(avx2))));
            sets.extend(Avx512::detect().map(|avx512| Self(Set::Avx512(avx512))));
            sets
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
        {
            vec![Self::portable(), Self(Set::Neon)]
        }
        #[cfg(not(any(
            target_arch = "x86_64",
            all(target_arch = "aarch64", target_feature = "neon", target_endian = "little")
        )))]
        {
            vec![Self::portable()]
        }
    }

    /// The name that reports use: `none`, `sse2`, `avx2`, `avx512`, `neon`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "none",
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => "sse2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
            Set::Neon => "neon",
        }
    }

    /// Runs `job`, compiled with this set.
    #[inline]
    pub(crate) fn vectorize<V: Vectorized>(self, job: V) -> V::Output {
        match self.0 {
            Set::Portable => job.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => job.run(Sse2),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(avx2) => avx2.vectorize(job),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(avx512) => avx512.vectorize(job),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
            Set::Neon => job.run(Neon),
        }
    }

    #[inline]
    pub(super) fn clean(self, text: &[u8], start: usize) -> Option<Clean> {
        match self.0 {
            Set::Portable => Portable.clean(text, start),
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => Sse2.clean(text, start),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(avx2) => avx2.clean(text, start),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(avx512) => avx512.clean(text, start),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
            Set::Neon => Neon.clean(text, start),
        }
    }

    #[inline]
    pub(in crate::json) fn unescape(self, raw: &[u8], out: &mut Vec<u8>) {
        match self.0 {
            Set::Portable => Portable.unescape(raw, out),
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => Sse2.unescape(raw, out),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(avx2) => avx2.unescape(raw, out),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(avx512) => avx512.unescape(raw, out),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
            Set::Neon => Neon.unescape(raw, out),
        }
    }
}

impl Default for Simd {
    fn default() -> Self {
        Self::detect()
    }
}

impl fmt::Display for Simd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
