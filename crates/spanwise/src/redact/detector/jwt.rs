//! JSON Web Tokens: signed (RFC 7519, three parts) and encrypted (RFC 7516, five parts).
//!
//! Looking alike is not enough: other blobs have base64url parts and dots too. The header must decode to a JSON object
//! with `alg` (and `enc`, for five parts), and the claims to a JSON object.

use super::class::{WORD_HYPHEN, at, before, run_end, run_end_within, slice};
use crate::decode::base64;
use crate::redact::json_text::{Token, Tokens};

/// Headers are short; a longer one is decoded only where no other can have begun before it, so that nothing is decoded twice.
const LONGEST_HEADER: usize = 2048;
/// Chains of certificates stand in headers, too.
const LONGEST_LONE_HEADER: usize = 1 << 16;

/// The token that begins at `start` with the base64 of a brace, and where it ends.
pub(super) fn find(text: &[u8], start: usize) -> Option<usize> {
    // The names of header members are small letters: what does not begin so is dismissed without reading on.
    let beginning = decoded(slice(text, start, start + 16))?;
    let name = beginning.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    if !name.is_some_and(|name| matches!(name, [] | [b'"'] | [b'"', b'a'..=b'z', ..])) {
        return None;
    }
    let longest = if before(text, start) == b'-' { LONGEST_HEADER } else { LONGEST_LONE_HEADER };
    let header_end = run_end_within(text, start, WORD_HYPHEN, longest);
    if at(text, header_end) != b'.' {
        return None;
    }
    let header = Header::read(&decoded(slice(text, start, header_end))?)?;
    let mut part = header_end + 1;
    let mut ends = [0usize; 4];
    let mut parts = 0;
    for end in &mut ends {
        *end = run_end(text, part, WORD_HYPHEN);
        parts += 1;
        part = *end + 1;
        if at(text, *end) != b'.' {
            break;
        }
    }
    let [claims_end, signature_end, _, tag_end] = ends;
    if header.encrypts && parts == 4 && tag_end > ends[2] + 1 {
        return Some(tag_end);
    }
    let claims = decoded(slice(text, header_end + 1, claims_end))?;
    let is_signed = parts >= 2 && signature_end > claims_end + 1;
    let is_unsigned = parts >= 2 && signature_end == claims_end + 1 && header.is_plain;
    (is_object(&claims) && (is_signed || is_unsigned)).then_some(signature_end)
}

/// The bytes that a part stands for.
fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(part.len());
    base64::decode_into(part, &mut bytes).then_some(bytes)
}

struct Header {
    /// `alg` is `none`: no signature follows.
    is_plain: bool,
    /// `enc` is there: four parts follow.
    encrypts: bool,
}

impl Header {
    /// Reads the members of the outermost object; without a text `alg` it is no header.
    fn read(json: &[u8]) -> Option<Self> {
        let json = std::str::from_utf8(json).ok()?;
        let mut header = Self { is_plain: false, encrypts: false };
        let mut has_algorithm = false;
        let mut name = "";
        for token in Tokens::new(json) {
            match token.ok()? {
                (Token::Name, depth, range) => name = if depth == 1 { json.get(range)? } else { "" },
                (Token::String, 1, range) if name == "\"alg\"" => {
                    has_algorithm = true;
                    header.is_plain = json.get(range)?.eq_ignore_ascii_case("\"none\"");
                }
                (Token::String, 1, _) if name == "\"enc\"" => header.encrypts = true,
                _ => {}
            }
        }
        (is_object(json.as_bytes()) && has_algorithm).then_some(header)
    }
}

fn is_object(json: &[u8]) -> bool {
    std::str::from_utf8(json).is_ok_and(|json| {
        json.trim_ascii_start().starts_with('{') && Tokens::new(json).all(|token| token.is_ok())
    })
}
