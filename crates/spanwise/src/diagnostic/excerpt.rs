//! The masked piece of input that a rendered diagnostic shows.
//!
//! What may be shown is decided token by token, and never depends on having guessed right whether the piece begins inside
//! a string: only brackets, colons, commas, quotes, white space, the literals and names of the schema before a colon are
//! ever copied. Everything else becomes `…`.

use std::fmt;

use crate::json::escape;
use crate::schema::Field;

/// Bytes of input to each side of the offset.
const REACH: usize = 40;
const MASK: &str = "…";

/// A rendered piece and the column of the caret in it, in characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Excerpt {
    text: String,
    caret: usize,
}

impl Excerpt {
    /// The piece of `input` round `offset`. `inside_string`: the offset lies between the quotes of a string.
    /// `show_keys`: values of members called `key` are shown as well.
    pub(super) fn new(input: &[u8], offset: usize, inside_string: bool, show_keys: bool) -> Self {
        let offset = offset.min(input.len());
        let reach = offset.saturating_sub(REACH);
        let before = input.get(reach..offset).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(reach, |at| reach + at + 1);
        let rest = input.get(offset..input.len().min(offset + REACH)).unwrap_or_default();
        let end = offset + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let inside = starts_inside(input, start, offset, inside_string);
        let mut mask = Masker { input, end, show_keys, out: String::new(), keyed: false };
        mask.tokens(start, offset, inside);
        let caret = mask.out.chars().count();
        mask.tokens(offset, end, inside_string);
        Self { text: mask.out, caret }
    }

    pub(super) fn render(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, "\n  | {}\n  | {:caret$}^", self.text, "", caret = self.caret)
    }
}

/// Whether the byte at `at` follows an odd number of backslashes.
fn is_escaped(input: &[u8], at: usize) -> bool {
    input.get(..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Whether `start` lies inside a string, given that for `offset`: every quote between them changes it.
fn starts_inside(input: &[u8], start: usize, offset: usize, offset_inside: bool) -> bool {
    let quotes =
        (start..offset).filter(|at| input.get(*at) == Some(&b'"') && !is_escaped(input, *at)).count();
    offset_inside ^ (quotes % 2 == 1)
}

struct Masker<'a> {
    input: &'a [u8],
    end: usize,
    show_keys: bool,
    out: String,
    /// The last member's name was `key`.
    keyed: bool,
}

impl Masker<'_> {
    fn mask(&mut self) {
        if !self.out.ends_with(MASK) {
            self.out.push_str(MASK);
        }
    }

    /// Copies or masks what stands in `from..to`.
    fn tokens(&mut self, from: usize, to: usize, mut inside: bool) {
        let mut at = from;
        while at < to {
            if inside {
                let close =
                    (at..to).find(|at| self.input.get(*at) == Some(&b'"') && !is_escaped(self.input, *at));
                if close != Some(at) {
                    self.mask();
                }
                let Some(close) = close else { return };
                self.out.push('"');
                at = close + 1;
                inside = false;
                continue;
            }
            let byte = self.input.get(at).copied().unwrap_or_default();
            match byte {
                b'"' => {
                    let (next, still_inside) = self.string(at, to);
                    at = next;
                    inside = still_inside;
                }
                b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' => {
                    if matches!(byte, b'{' | b',') {
                        self.keyed = false;
                    }
                    self.out.push(char::from(byte));
                    at += 1;
                }
                b'\t' | b'\r' => {
                    self.out.push(' ');
                    at += 1;
                }
                _ => at = self.word(at, to),
            }
        }
    }

    /// A string that opens at `at`: shown if it is a schema name before a colon.
    fn string(&mut self, at: usize, to: usize) -> (usize, bool) {
        let close =
            (at + 1..self.end).find(|at| self.input.get(*at) == Some(&b'"') && !is_escaped(self.input, *at));
        self.out.push('"');
        let Some(close) = close.filter(|close| *close < to) else {
            if at + 1 < to {
                self.mask();
            }
            return (to, true);
        };
        let content = self.input.get(at + 1..close).unwrap_or_default();
        let after = self.input.get(close + 1..).unwrap_or_default();
        let named = after.iter().take(REACH).find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        if named && Field::is_schema_word(content) {
            self.out.push_str(&String::from_utf8_lossy(content));
            self.keyed = content == b"key";
        } else if self.keyed && self.show_keys && !named {
            let mut key = Vec::new();
            escape::unescape_into(content, &mut key);
            self.out
                .extend(String::from_utf8_lossy(&key).chars().map(|c| if c.is_control() { ' ' } else { c }));
        } else if !content.is_empty() {
            self.mask();
        }
        self.out.push('"');
        (close + 1, false)
    }

    /// A run of anything else: shown if it is one of JSON's literals.
    fn word(&mut self, at: usize, to: usize) -> usize {
        let is_word =
            |byte: u8| !matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\t' | b'\r');
        let end = (at..to).find(|at| self.input.get(*at).is_some_and(|byte| !is_word(*byte))).unwrap_or(to);
        match self.input.get(at..end) {
            Some(b"true") => self.out.push_str("true"),
            Some(b"false") => self.out.push_str("false"),
            Some(b"null") => self.out.push_str("null"),
            _ => self.mask(),
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(input: &str, offset: usize, inside: bool) -> (String, usize) {
        let excerpt = Excerpt::new(input.as_bytes(), offset, inside, false);
        (excerpt.text, excerpt.caret)
    }

    #[test]
    fn names_and_structure_are_shown_and_nothing_else() {
        let input = r#"{"key":"my.secret","value":{"intValue":"4111"},"x":[true,-12.5,null]}"#;
        let at = input.find("\"4111").unwrap();
        let (text, caret) = shown(input, at, false);
        assert_eq!(text, r#"{"key":"…","value":{"intValue":"…"},"…":[true,…,null]}"#);
        assert_eq!(text.chars().nth(caret), Some('"'));
    }

    #[test]
    fn a_piece_that_begins_or_ends_inside_a_string_is_masked() {
        let secret = "hush ".repeat(40);
        let input = format!(r#"{{"name":"{secret}","kind":x,"name":"{secret}"}}"#);
        let at = input.find("x,").unwrap();
        assert_eq!(shown(&input, at, false).0, r#"…","kind":…,"name":"…"#);
        let inside = input.find("hush hush").unwrap() + 77;
        assert_eq!(shown(&input, inside, true), ("…".into(), 1));
    }

    #[test]
    fn wrong_guesses_about_strings_show_no_text() {
        for (input, offset) in [
            (r#"log line of user=joe {"a":1}"#, 0),
            (r#"{"a":"x"joe smith"b":"#, 8),
            (r#"{"a":"joe"#, 9),
            (r#"{"a":"joe\"#, 10),
            (r#"{"joe":"smith""#, 14),
        ] {
            for inside in [false, true] {
                let (text, _) = shown(input, offset, inside);
                assert!(!text.contains("joe") && !text.contains("smith"), "{input}: {text}");
            }
        }
    }

    #[test]
    fn keys_are_shown_on_request() {
        let input = r#"{"key":"http.method","value":{"stringValue":"GET"}}"#;
        let excerpt = Excerpt::new(input.as_bytes(), 20, false, true);
        assert_eq!(excerpt.text, r#"{"key":"http.method","value":{"stringValue":"…"}}"#);
    }
}
