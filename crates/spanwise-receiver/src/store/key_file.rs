//! The hashes of a sealed segment's spans, in a file of their own: what is left of it for the window of duplicates.

use twox_hash::XxHash3_64;

use crate::delivery::SpanKey;

pub(crate) const DEDUP: &str = "dedup";
/// The file of hashes, before it has its place.
pub(crate) const STAGED_KEYS: &str = "keys";
const KEYS: &[u8; 8] = b"SPWKEYS1";

pub(crate) const KEYS_SUFFIX: &str = ".keys";

/// The file name of a segment's hashes.
pub(crate) fn keys_name(id: u64) -> String {
    format!("{id:014}{KEYS_SUFFIX}")
}

/// A file of hashes: magic, when the last of its spans came, the hashes as in a record, checksum.
pub(crate) fn write_keys(received: u64, keys: &[SpanKey]) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + keys.len() * 24);
    out.extend_from_slice(KEYS);
    out.extend_from_slice(&received.to_le_bytes());
    for key in keys {
        out.extend_from_slice(&key.content.to_le_bytes());
        out.extend_from_slice(&key.ids.to_le_bytes());
    }
    let checksum = XxHash3_64::oneshot(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// How many spans a file of so many bytes has the hashes of.
pub(crate) fn spans_in(bytes: u64) -> usize {
    usize::try_from(bytes.saturating_sub(24) / 24).unwrap_or(usize::MAX)
}

/// When the last span of a file of hashes came, and the hashes; `None` if it is damaged.
pub(crate) fn read_keys(bytes: &[u8]) -> Option<(u64, Vec<SpanKey>)> {
    let (text, checksum) = bytes.split_last_chunk::<8>()?;
    let rest = text.strip_prefix(KEYS)?;
    if *checksum != XxHash3_64::oneshot(text).to_le_bytes() {
        return None;
    }
    let (received, keys) = rest.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*received), super::record::keys(keys)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_hashes_is_whole_or_none() {
        let keys = [SpanKey { content: u128::MAX - 3, ids: 9 }, SpanKey { content: 1, ids: 2 }];
        let bytes = write_keys(77, &keys);
        assert_eq!(read_keys(&bytes), Some((77, keys.to_vec())));
        for len in 0..bytes.len() {
            assert_eq!(read_keys(&bytes[..len]), None, "{len}");
        }
    }
}
