//! What stands in the place of what was taken out: `[REDACTED:<label>]`, with a length `[REDACTED:<label>:<length>]`, or
//! a pseudonym `hmac:<16 hex>`.
//!
//! Both are plain ASCII without a character that JSON escapes, so they can stand in a string at any depth of JSON in
//! strings without spoiling it. Both are recognised again, so that redacting twice is redacting once.
//!
//! A pseudonym is made so that it can never look like a card number: it never has more than twelve digits in a row.
//! A text that merely begins with `hmac:` and has a card number behind it is therefore no pseudonym, and hides nothing.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit as _, Mac as _};
use memchr::memmem;
use sha2::{Digest as _, Sha256};

const OPEN: &str = "[REDACTED:";
const PSEUDONYM: &str = "hmac:";
const PSEUDONYM_DIGITS: usize = 16;
/// Bounds of a label, so that no secret can pass as one: a longer text, or one with more digits, is not spared.
const LONGEST_LABEL: usize = 32;
const MOST_DIGITS: usize = 4;
/// The largest length that is told. Eight digits are too few for anything private.
const LONGEST_LENGTH: usize = 99_999_999;

/// The key of the pseudonyms.
///
/// Equal texts get equal pseudonyms under one key, so they can still be counted, grouped and joined; without the key
/// nobody can find the text by trying (a plain digest of a card number is undone in seconds).
///
/// # Examples
///
/// ```
/// use spanwise::redact::HashKey;
///
/// let key = HashKey::new(b"thirty-two bytes or more, kept elsewhere");
/// assert_eq!(key.pseudonym("reader-7"), key.pseudonym("reader-7"));
/// assert_ne!(key.pseudonym("reader-7"), key.pseudonym("reader-8"));
/// assert!(key.pseudonym("reader-7").starts_with("hmac:"));
/// ```
#[derive(Clone)]
pub struct HashKey {
    mac: Hmac<Sha256>,
    len: usize,
}

impl HashKey {
    /// A key of any bytes. Thirty-two random ones are a good key; a policy refuses one of less than sixteen.
    pub fn new(key: &[u8]) -> Self {
        // HMAC takes a key of every length (RFC 2104, section 2): the other branch is never taken.
        let mac = Hmac::<Sha256>::new_from_slice(key)
            .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
        Self { mac, len: key.len() }
    }

    /// Whether it is a key of no bytes, which is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the key.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The pseudonym of `text`: `hmac:` and sixteen hexadecimal digits of its HMAC-SHA-256.
    pub fn pseudonym(&self, text: &str) -> String {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        let digits: Vec<u8> =
            digest.iter().flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)]).collect();
        // The first sixteen digits that hold no long run of decimal ones. That no window of the digest does has a
        // chance of one in 10^15; the letter put in then keeps the promise.
        let window = digits.windows(PSEUDONYM_DIGITS).find(|window| breaks_digit_runs(window));
        let mut pseudonym = String::with_capacity(PSEUDONYM.len() + PSEUDONYM_DIGITS);
        pseudonym.push_str(PSEUDONYM);
        match window {
            Some(window) => pseudonym.extend(window.iter().map(|digit| char::from(*digit))),
            None => pseudonym.push_str("0000000f00000000"),
        }
        pseudonym
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HashKey(…)")
    }
}

/// An identifier of `width` bytes, in hexadecimal digits, that stands for `text`: the beginning of its SHA-256, or of its
/// HMAC where there is a key. Never all zero. Without a key who guesses the text can tell that it is the right one: equal
/// identifiers are to be equal wherever they are redacted, so that a trace in two files is still one.
pub(crate) fn digest_id(key: Option<&HashKey>, text: &str, width: usize) -> String {
    let digest = match key {
        Some(key) => {
            let mut mac = key.mac.clone();
            mac.update(text.as_bytes());
            mac.finalize().into_bytes()
        }
        None => Sha256::digest(text.as_bytes()),
    };
    let mut digits: Vec<u8> =
        digest.iter().take(width).flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)]).collect();
    if digits.iter().all(|digit| *digit == b'0') {
        digits.fill(b'1');
    }
    digits.into_iter().map(char::from).collect()
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) }
}

/// Whether a letter stands among digits 3 to 12 of sixteen: then no run of decimal digits is longer than twelve.
fn breaks_digit_runs(digits: &[u8]) -> bool {
    digits.get(3..13).is_some_and(|middle| middle.iter().any(u8::is_ascii_lowercase))
}

/// Writes `[REDACTED:<label>]` behind `out`.
pub(crate) fn push_mask(out: &mut String, label: &str) {
    out.push_str(OPEN);
    out.push_str(label);
    out.push(']');
}

/// Writes `[REDACTED:<label>:<length>]` behind `out`.
pub(crate) fn push_mask_of_length(out: &mut String, label: &str, length: usize) {
    out.push_str(OPEN);
    out.push_str(label);
    out.push(':');
    out.push_str(&length.min(LONGEST_LENGTH).to_string());
    out.push(']');
}

/// Names that become one when something is taken out of them are told apart by numbers, which are never free again: to begin
/// anew for each name would cost the square of their count.
pub(crate) struct Apart {
    next: usize,
}

impl Default for Apart {
    fn default() -> Self {
        Self { next: 2 }
    }
}

impl Apart {
    /// Puts placeholders in the place of `name` until `takes` takes one.
    pub(crate) fn tell(&mut self, name: &mut String, mut takes: impl FnMut(&str) -> bool) {
        while !takes(name) {
            name.clear();
            push_mask_of_length(name, "key", self.next);
            self.next += 1;
        }
    }
}

/// Whether `label` can stand in a placeholder: lower-case letters, `_`, `-` and at most four digits, 32 in all.
pub(crate) fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LONGEST_LABEL
        && label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
        && label.bytes().filter(u8::is_ascii_digit).count() <= MOST_DIGITS
}

/// Whether the whole of `text` is one placeholder.
pub(crate) fn is_placeholder(text: &str) -> bool {
    length_at(text.as_bytes()) == Some(text.len())
}

/// The length of the placeholder that `text` begins with.
pub(crate) fn length_at(text: &[u8]) -> Option<usize> {
    if let Some(rest) = text.strip_prefix(OPEN.as_bytes()) {
        let length = rest.iter().take(LONGEST_LABEL + 10).position(|byte| *byte == b']')?;
        let inside = std::str::from_utf8(rest.get(..length)?).ok()?;
        let valid = match inside.split_once(':') {
            None => is_label(inside),
            Some((label, number)) => {
                is_label(label)
                    && (1..=8).contains(&number.len())
                    && number.bytes().all(|byte| byte.is_ascii_digit())
            }
        };
        return valid.then_some(OPEN.len() + length + 1);
    }
    let digits = text.strip_prefix(PSEUDONYM.as_bytes())?;
    let window = digits.get(..PSEUDONYM_DIGITS)?;
    let valid = window.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        && breaks_digit_runs(window)
        && !digits.get(PSEUDONYM_DIGITS).is_some_and(u8::is_ascii_alphanumeric);
    valid.then_some(PSEUDONYM.len() + PSEUDONYM_DIGITS)
}

/// `text` with a character that stands in no name in the place of its placeholders: neither what they say nor what is left beside
/// them makes a name.
pub(crate) fn blotted_out(text: &str) -> Cow<'_, str> {
    // There is a colon in each.
    let placeholders = if text.contains(':') { ranges(text.as_bytes()) } else { Vec::new() };
    if placeholders.is_empty() {
        return text.into();
    }
    let mut out = String::new();
    let mut at = 0;
    for (start, end) in placeholders {
        out.push_str(text.get(at..start).unwrap_or_default());
        out.push(char::REPLACEMENT_CHARACTER);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out.into()
}

/// The byte ranges of all placeholders in `text`, in order.
pub(crate) fn ranges(text: &[u8]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = memmem::find_iter(text, OPEN)
        .chain(memmem::find_iter(text, PSEUDONYM))
        .filter_map(|start| text.get(start..).and_then(length_at).map(|length| (start, start + length)))
        .collect();
    ranges.sort_unstable();
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_begins_like_a_placeholder_is_none() {
        for text in ["[REDACTED:email]", "[REDACTED:content:33]", "hmac:5bdcc146bf60754e"] {
            assert!(is_placeholder(text), "{text}");
            assert!(!is_placeholder(&text[..text.len() - 1]), "{text}");
            assert!(!is_placeholder(&format!("{text}x")), "{text}");
        }
        for text in [
            "hmac:my secret words!",
            "hmac:5BDCC146BF60754E",
            "hmac:5bdcc146bf60754g",
            "hmac:4111111111111111",
            "[REDACTED:My Words]",
            "[REDACTED:content:ada]",
            "[REDACTED:content:123456789]",
            "[REDACTED:content:]",
            "[REDACTED:]",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn a_pseudonym_never_holds_thirteen_digits_in_a_row() {
        let key = HashKey::new(b"test");
        for number in 0..20_000 {
            let pseudonym = key.pseudonym(&number.to_string());
            assert_eq!(pseudonym.len(), 21);
            assert!(is_placeholder(&pseudonym), "{pseudonym}");
            let longest = pseudonym.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
            assert!(longest <= Some(12), "{pseudonym}");
        }
    }

    #[test]
    fn the_digest_is_the_published_one() {
        // RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?", 5bdcc146bf60754e…
        assert_eq!(HashKey::new(b"Jefe").pseudonym("what do ya want for nothing?"), "hmac:5bdcc146bf60754e");
    }

    #[test]
    fn only_whole_and_well_formed_placeholders_are_spared() {
        assert!(is_placeholder("[REDACTED:card]"));
        assert!(is_placeholder("[REDACTED:content:1234]"));
        assert!(is_placeholder("hmac:5bdcc146bf60754e"));
        for text in [
            "",
            "[REDACTED:]",
            "[REDACTED:joe@example.com]",
            "[REDACTED:card] ",
            "[REDACTED:card",
            "[REDACTED:card:]",
            "[REDACTED:card:123456789]",
            "[REDACTED:4111111111111111]",
            "[REDACTED: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]",
            "hmac:4111111111111111",
            "hmac:5bdcc146bf60754",
            "hmac:5bdcc146bf60754eb",
            "hmac:5BDCC146BF60754E",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
        assert_eq!(ranges(b"a [REDACTED:x] hmac:5bdcc146bf60754e"), [(2, 14), (15, 36)]);
        // What goes on behind a pseudonym would be hidden by it.
        assert_eq!(ranges(b"hmac:5bdcc146bf60754eb hmac:5bdcc146bf60754eSECRET"), []);
    }

    #[test]
    fn labels_and_lengths_have_bounds_and_are_recognised_up_to_them() {
        let of = |letters: usize, digits: usize| "a".repeat(letters) + &"1".repeat(digits);
        for (label, is_one) in [
            (of(LONGEST_LABEL, 0), true),
            (of(LONGEST_LABEL + 1, 0), false),
            (of(1, MOST_DIGITS), true),
            (of(1, MOST_DIGITS + 1), false),
        ] {
            assert_eq!(is_label(&label), is_one, "{label}");
            for length in [0, LONGEST_LENGTH, LONGEST_LENGTH + 1, usize::MAX] {
                let (mut mask, mut with_length) = (String::new(), String::new());
                push_mask(&mut mask, &label);
                push_mask_of_length(&mut with_length, &label, length);
                assert_eq!(
                    (is_placeholder(&mask), is_placeholder(&with_length)),
                    (is_one, is_one),
                    "{with_length}"
                );
            }
        }
    }

    #[test]
    fn identifiers_tell_who_guesses_a_text_nothing_where_there_is_a_key() {
        // FIPS 180-2, B.1: the digest of "abc"; RFC 4231, test case 2.
        assert_eq!(digest_id(None, "abc", 8), "ba7816bf8f01cfea");
        let key = HashKey::new(b"Jefe");
        assert_eq!(digest_id(Some(&key), "what do ya want for nothing?", 8), "5bdcc146bf60754e");
    }

    #[test]
    fn the_key_is_never_shown() {
        assert_eq!(format!("{:?}", HashKey::new(b"secret")), "HashKey(…)");
    }
}
