//! Private keys in PEM armour (RFC 7468): all from `-----BEGIN … PRIVATE KEY-----` to the matching end.

use std::collections::HashMap;

use memchr::memmem;

use super::class::{DIGIT, SPACE, UPPER, at, from, is, slice};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Longest label looked at; the longest in use has 21 characters.
const LONGEST_LABEL: usize = 64;

/// What is known of the armour in a text, so that each look is a look at what is near: a text may hold very many beginnings.
#[derive(Default)]
pub(super) struct Armour<'a> {
    /// Where the last key ended: what it holds begins no other.
    end: usize,
    /// The labels of all ends, and where they stand, once one was asked for.
    ends: Option<HashMap<&'a [u8], Vec<usize>>>,
    is_json: Option<bool>,
}

impl<'a> Armour<'a> {
    /// The end of the key whose armour begins at `start`. Starts come in order.
    ///
    /// A key without an end was cut off, and is taken to the end of the text, or in JSON text, where quotes part the
    /// values, to the next quote: armour holds none.
    pub(super) fn find(&mut self, text: &'a [u8], start: usize) -> Option<usize> {
        if start < self.end {
            return None;
        }
        let label = label(from(text, start).strip_prefix(BEGIN)?)?;
        if !(label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK")) {
            return None;
        }
        let body = start + BEGIN.len() + label.len() + DASHES.len();
        let end = self.end_of(text, label, body).unwrap_or_else(|| self.end_without(text, body));
        self.end = end;
        Some(end)
    }

    /// Behind the first end with this label that does not stand before `body`.
    fn end_of(&mut self, text: &'a [u8], label: &[u8], body: usize) -> Option<usize> {
        let ends = self.ends.get_or_insert_with(|| {
            let mut ends: HashMap<&[u8], Vec<usize>> = HashMap::new();
            for at in memmem::find_iter(from(text, body), END) {
                if let Some(label) = self::label(from(text, body + at + END.len())) {
                    ends.entry(label).or_default().push(body + at);
                }
            }
            ends
        });
        let of_label = ends.get(label)?;
        let next = of_label.partition_point(|end| *end < body);
        Some(of_label.get(next)? + END.len() + label.len() + DASHES.len())
    }

    fn end_without(&mut self, text: &[u8], body: usize) -> usize {
        let is_json = *self.is_json.get_or_insert_with(|| {
            text.iter().find(|byte| !is(**byte, SPACE)).is_some_and(|byte| matches!(byte, b'{' | b'[' | b'"'))
        });
        let Some(quote) = is_json.then(|| memchr::memchr(b'"', from(text, body))).flatten() else {
            return text.len();
        };
        let mut end = body + quote;
        while end > body && at(text, end - 1) == b'\\' {
            end -= 1;
        }
        end
    }
}

/// The label that `rest` begins with, if dashes are behind it.
fn label(rest: &[u8]) -> Option<&[u8]> {
    let belongs = |byte: &&u8| is(**byte, UPPER | DIGIT) || **byte == b' ';
    let length = rest.iter().take(LONGEST_LABEL).take_while(belongs).count();
    from(rest, length).starts_with(DASHES).then(|| slice(rest, 0, length))
}
