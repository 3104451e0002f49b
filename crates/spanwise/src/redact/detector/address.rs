//! Network addresses, both off unless asked for: versions and identifiers look like the old kind, paths and times like
//! the new.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::class::{DIGIT, after_escape_letter, before, closes, from, is, opens, slice};

/// The IPv4 address that begins at `start`, and where it ends. Loopback, broadcast, unspecified and documentation
/// addresses (RFC 5737) are nobody's.
pub(super) fn find_v4(text: &[u8], start: usize) -> Option<usize> {
    let length =
        from(text, start).iter().take(16).take_while(|byte| is(**byte, DIGIT) || **byte == b'.').count();
    let mut end = start + length;
    if before(text, end) == b'.' {
        end -= 1;
    }
    if before(text, start) == b'.' || !opens(text, start) || !closes(text, end) {
        return None;
    }
    let address: Ipv4Addr = std::str::from_utf8(slice(text, start, end)).ok()?.parse().ok()?;
    let is_nobodys = address.is_unspecified()
        || address.is_loopback()
        || address.is_broadcast()
        || address.is_documentation();
    (!is_nobodys).then_some(end)
}

/// The IPv6 address around the colon at `colon`: where it begins and ends.
///
/// At least three groups are asked for; `::` and `::1` are nobody's.
pub(super) fn find_v6(text: &[u8], colon: usize) -> Option<(usize, usize)> {
    const LONGEST: usize = 39;
    let belongs = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    let left = slice(text, colon.saturating_sub(LONGEST), colon)
        .iter()
        .rev()
        .take_while(|byte| belongs(byte))
        .count();
    let right = from(text, colon).iter().take(LONGEST + 1).take_while(|byte| belongs(byte)).count();
    let (mut start, end) = (colon - left, colon + right);
    if after_escape_letter(text, start + 1) {
        start += 1;
    }
    if !opens(text, start) || !closes(text, end) {
        return None;
    }
    let end =
        if slice(text, start, end).ends_with(b"::") || before(text, end) != b':' { end } else { end - 1 };
    let address = std::str::from_utf8(slice(text, start, end)).ok()?;
    let groups = address.split(':').filter(|group| !group.is_empty()).count();
    let parsed: Ipv6Addr = address.parse().ok()?;
    (groups >= 3 && !parsed.is_unspecified() && !parsed.is_loopback()).then_some((start, end))
}
