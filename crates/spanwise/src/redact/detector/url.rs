//! Secrets in URLs: the user and password before the host, and the values of query members that sign or admit.

use super::class::{SPACE, at, before, from, is, slice};
use crate::redact::placeholder;

/// Query members that hold secrets, in lower case (compared without regard to case, after percent-decoding). The first
/// seven are those of the semantic conventions for URLs.
const SECRET_MEMBERS: [&[u8]; 13] = [
    b"x-amz-signature",
    b"x-amz-credential",
    b"x-amz-security-token",
    b"awsaccesskeyid",
    b"signature",
    b"sig",
    b"x-goog-signature",
    b"token",
    b"key",
    b"api_key",
    b"apikey",
    b"access_token",
    b"code",
];
const LONGEST_MEMBER: usize = 20;
/// `code=200` and `key=id` are no secrets.
const SHORTEST_VALUE: usize = 4;

/// Finds users and passwords at the `@` signs of a text, which come in order.
///
/// What was looked at for one sign is not looked at again for the next, so that a text of nothing but signs costs no
/// more than its length.
#[derive(Default)]
pub(super) struct Authorities {
    /// Everything before was searched for what ends an authority …
    searched: usize,
    /// … and the last such byte stands right before this.
    start: usize,
    /// The authority found last ends here.
    end: usize,
}

impl Authorities {
    /// The user and password before the `@` at `sign`, if it stands in the authority of a URL.
    pub(super) fn find(&mut self, text: &[u8], sign: usize) -> Option<(usize, usize)> {
        if sign < self.end {
            return None;
        }
        if let Some(delimiter) =
            slice(text, self.searched, sign).iter().rposition(|byte| ends_authority(*byte))
        {
            self.start = self.searched + delimiter + 1;
        }
        self.searched = sign;
        let start = self.start;
        let scheme = start.checked_sub(3)?;
        if slice(text, scheme, start) != b"://" || !before(text, scheme).is_ascii_alphanumeric() {
            return None;
        }
        self.end = sign + from(text, sign).iter().take_while(|byte| !ends_authority(**byte)).count();
        let last_sign = sign + slice(text, sign, self.end).iter().rposition(|byte| *byte == b'@')?;
        let userinfo = slice(text, start, last_sign);
        let colon = userinfo.iter().position(|byte| *byte == b':')?;
        let host = at(text, last_sign + 1);
        let has_host = host.is_ascii_alphanumeric() || !host.is_ascii() || host == b'[';
        (has_host && colon + 1 < userinfo.len()).then_some((start, last_sign))
    }
}

fn ends_authority(byte: u8) -> bool {
    is(byte, SPACE)
        || byte.is_ascii_control()
        || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'<' | b'>' | b'\\' | b'`')
}

/// The value of the query member whose name begins at `start`, if the name is one that holds secrets.
pub(super) fn find_secret_member(text: &[u8], start: usize) -> Option<(usize, usize)> {
    // Of most texts that are asked about, the first bytes hold no equals sign.
    let beginning = from(text, start).get(..LONGEST_MEMBER * 3 + 1).unwrap_or(from(text, start));
    if !beginning.contains(&b'=') {
        return None;
    }
    let mut name = [0u8; LONGEST_MEMBER];
    let mut length = 0;
    let mut position = start;
    loop {
        let byte = match at(text, position) {
            b'=' => break,
            b'%' => {
                let decoded = percent_decoded(at(text, position + 1), at(text, position + 2))?;
                position += 2;
                decoded
            }
            byte => byte,
        };
        if !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return None;
        }
        *name.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
        position += 1;
    }
    let name = name.get(..length)?;
    if !SECRET_MEMBERS.contains(&name) {
        return None;
    }
    let value = position + 1;
    let mut end = value;
    loop {
        end += from(text, end).iter().take_while(|byte| !ends_value(**byte)).count();
        // What stands around a placeholder is part of the value too.
        match placeholder::length_at(from(text, end)) {
            Some(length) => end += length,
            None => break,
        }
    }
    while end > value && matches!(before(text, end), b'.' | b',' | b';' | b':' | b'!') {
        end -= 1;
    }
    (end - value >= SHORTEST_VALUE).then_some((value, end))
}

fn ends_value(byte: u8) -> bool {
    is(byte, SPACE)
        || byte.is_ascii_control()
        || matches!(
            byte,
            b'&' | b'?'
                | b'#'
                | b'"'
                | b'\''
                | b'<'
                | b'>'
                | b'\\'
                | b'`'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'|'
        )
}

/// Whether the whole text is a query without its URL (`sig=…&view=list`), as the attribute `url.query` holds it.
pub(super) fn is_bare_query(text: &[u8]) -> bool {
    text.contains(&b'&')
        && !text.iter().any(|byte| {
            is(*byte, SPACE)
                || byte.is_ascii_control()
                || matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'{' | b'(')
        })
}

fn percent_decoded(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}
