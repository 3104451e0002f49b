//! Private keys in PEM armour (RFC 7468): all from `-----BEGIN … PRIVATE KEY-----` to the matching end.

use memchr::memmem;

use super::class::{DIGIT, SPACE, UPPER, at, from, is, slice};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Longest label looked at; the longest in use has 21 characters.
const LONGEST_LABEL: usize = 64;

/// The key whose armour begins at `start`, and where it ends.
///
/// A key without an end was cut off, and is taken to the end of the text, or in JSON text, where quotes part the
/// values, to the next quote: armour holds none.
pub(super) fn find(text: &[u8], start: usize) -> Option<usize> {
    let rest = from(text, start).strip_prefix(BEGIN)?;
    let belongs = |byte: &&u8| is(**byte, UPPER | DIGIT) || **byte == b' ';
    let label_end = rest.iter().take(LONGEST_LABEL).take_while(belongs).count();
    let label = slice(rest, 0, label_end);
    if !(label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK"))
        || !from(rest, label_end).starts_with(DASHES)
    {
        return None;
    }
    let footer = [END, label, DASHES].concat();
    let body = start + BEGIN.len() + label_end + DASHES.len();
    let rest = from(text, body);
    if let Some(length) = memmem::find(rest, &footer) {
        return Some(body + length + footer.len());
    }
    let is_json =
        text.iter().find(|byte| !is(**byte, SPACE)).is_some_and(|byte| matches!(byte, b'{' | b'[' | b'"'));
    let mut end = text.len();
    if let Some(quote) = is_json.then(|| memchr::memchr(b'"', rest)).flatten() {
        end = body + quote;
        while end > body && at(text, end - 1) == b'\\' {
            end -= 1;
        }
    }
    Some(end)
}
