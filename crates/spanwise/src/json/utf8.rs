//! Whether bytes are UTF-8, told by SIMD.
//!
//! Under Miri the standard library tells it: `simdutf8` works out the address of what it prefetches with an offset that may be
//! behind the text, which the rules of pointers forbid even where nothing is read, and Miri stops at.

/// The text that the bytes are, if they are UTF-8.
#[inline]
pub(crate) fn read(bytes: &[u8]) -> Option<&str> {
    if cfg!(miri) { std::str::from_utf8(bytes).ok() } else { simdutf8::basic::from_utf8(bytes).ok() }
}

#[inline]
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    read(bytes).is_some()
}

/// How many bytes are UTF-8, from the first on.
pub(crate) fn valid_up_to(bytes: &[u8]) -> usize {
    if cfg!(miri) {
        return std::str::from_utf8(bytes).err().map_or(bytes.len(), |error| error.valid_up_to());
    }
    simdutf8::compat::from_utf8(bytes).err().map_or(bytes.len(), |error| error.valid_up_to())
}
