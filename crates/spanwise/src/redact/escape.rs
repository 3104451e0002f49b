//! JSON escapes in text: undone with a way back to where each character stood, and written.

use std::ops::Range;

/// A text with one level of JSON escapes undone, which knows where in the escaped text its characters stood.
///
/// It undoes what it can in *any* text, not only in well-formed JSON strings: a cut-off value or a log line with JSON in
/// it is searched all the same. What is no escape stays as it is; half a surrogate pair becomes U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct Unescaped {
    text: String,
    /// Where the mapping changes: after each of these offsets of `text`, characters stand at `escaped` and on, one to
    /// one, or all at `escaped` where they come from one escape.
    pieces: Vec<Piece>,
    escaped_length: usize,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    plain: usize,
    escaped: usize,
    is_escape: bool,
}

impl Unescaped {
    /// Undoes one level of escapes. Costs one copy of the text, and 24 bytes per escape.
    pub(crate) fn new(escaped: &str) -> Self {
        let mut result = Self {
            text: String::with_capacity(escaped.len()),
            pieces: Vec::new(),
            escaped_length: escaped.len(),
        };
        let mut copied = 0;
        let mut searched = 0;
        while let Some(found) =
            escaped.get(searched..).and_then(|rest| memchr::memchr(b'\\', rest.as_bytes()))
        {
            let start = searched + found;
            let Some((character, width)) = escaped.get(start..).and_then(undo) else {
                searched = start + 1;
                continue;
            };
            result.copy(escaped, copied..start);
            result.pieces.push(Piece { plain: result.text.len(), escaped: start, is_escape: true });
            result.text.push(character);
            copied = start + width;
            searched = copied;
        }
        result.copy(escaped, copied..escaped.len());
        result
    }

    fn copy(&mut self, escaped: &str, range: Range<usize>) {
        if let Some(plain) = escaped.get(range.clone()).filter(|plain| !plain.is_empty()) {
            self.pieces.push(Piece { plain: self.text.len(), escaped: range.start, is_escape: false });
            self.text.push_str(plain);
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where the characters of `plain`, a range of the unescaped text, stand in the escaped one, whole escapes taken.
    pub(crate) fn escaped_range(&self, plain: Range<usize>) -> Range<usize> {
        let start = self.piece_at(plain.start).map_or(self.escaped_length, |(piece, _)| {
            piece.escaped + if piece.is_escape { 0 } else { plain.start - piece.plain }
        });
        let end = match plain.end.checked_sub(1).and_then(|last| self.piece_at(last)) {
            Some((piece, next)) if piece.is_escape => next,
            Some((piece, next)) => (piece.escaped + (plain.end - piece.plain)).min(next),
            None => 0,
        };
        start..end.max(start)
    }

    /// Where the characters that the range `escaped` of the escaped text touches stand in the unescaped one.
    pub(crate) fn plain_range(&self, escaped: Range<usize>) -> Range<usize> {
        let start = self.plain_offset(escaped.start, false);
        start..self.plain_offset(escaped.end, true).max(start)
    }

    fn plain_offset(&self, escaped: usize, is_end: bool) -> usize {
        let next = self.pieces.partition_point(|piece| piece.escaped <= escaped);
        let end = self.pieces.get(next).map_or(self.text.len(), |piece| piece.plain);
        match next.checked_sub(1).and_then(|place| self.pieces.get(place)) {
            Some(piece) if piece.escaped == escaped => piece.plain,
            Some(piece) if piece.is_escape => {
                if is_end {
                    end
                } else {
                    piece.plain
                }
            }
            Some(piece) => (piece.plain + (escaped - piece.escaped)).min(end),
            None => 0,
        }
    }

    /// The piece that holds the offset `plain`, and where in the escaped text the next begins.
    fn piece_at(&self, plain: usize) -> Option<(Piece, usize)> {
        if plain >= self.text.len() {
            return None;
        }
        let next = self.pieces.partition_point(|piece| piece.plain <= plain);
        let piece = self.pieces.get(next.checked_sub(1)?)?;
        Some((*piece, self.pieces.get(next).map_or(self.escaped_length, |piece| piece.escaped)))
    }
}

/// The character of the escape that `text` begins with, and the width of the escape.
fn undo(text: &str) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let character = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = code_unit(bytes.get(2..6)?)?;
            if (0xd800..0xdc00).contains(&first)
                && let Some([b'\\', b'u', digits @ ..]) = bytes.get(6..12)
                && let Some(second) = code_unit(digits).filter(|unit| (0xdc00..0xe000).contains(unit))
            {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12));
            }
            return Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6));
        }
        _ => return None,
    };
    Some((character, 2))
}

fn code_unit(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    push_escaped(&mut quoted, text);
    quoted.push('"');
    quoted
}

/// Writes `text` behind `out` as the inside of a JSON string.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    let mut copied = 0;
    for (place, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(text.get(copied..place).unwrap_or(""));
        copied = place + 1;
        if escape.is_empty() {
            out.push_str("\\u00");
            out.extend(
                [byte >> 4, byte & 15].iter().filter_map(|digit| char::from_digit(u32::from(*digit), 16)),
            );
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(text.get(copied..).unwrap_or(""));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_places_kept() {
        let escaped = r"a\n\u0040b\ud83d\ude00\\\x\u12";
        let unescaped = Unescaped::new(escaped);
        assert_eq!(unescaped.text(), "a\n@b😀\\\\x\\u12");
        let place = |needle: &str| {
            let start = unescaped.text().find(needle).unwrap();
            &escaped[unescaped.escaped_range(start..start + needle.len())]
        };
        assert_eq!(place("@"), r"\u0040");
        assert_eq!(place("\n@"), r"\n\u0040");
        assert_eq!(place("@b"), r"\u0040b");
        assert_eq!(place("😀"), r"\ud83d\ude00");
        assert_eq!(place("\\\\x"), r"\\\x");
        assert_eq!(place("a"), "a");
        assert_eq!(unescaped.escaped_range(0..unescaped.text().len()), 0..escaped.len());
    }

    #[test]
    fn places_map_both_ways() {
        let escaped = r#"x\"y\u00e9z"#;
        let unescaped = Unescaped::new(escaped);
        assert_eq!(unescaped.text(), "x\"yéz");
        assert_eq!(unescaped.plain_range(0..escaped.len()), 0..6);
        assert_eq!(unescaped.plain_range(2..3), 1..2);
        assert_eq!(unescaped.plain_range(1..4), 1..3);
        assert_eq!(unescaped.plain_range(5..6), 3..5);
    }

    #[test]
    fn written_text_is_read_back() {
        let text = "a\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}é😀";
        let mut escaped = String::new();
        push_escaped(&mut escaped, text);
        assert_eq!(Unescaped::new(&escaped).text(), text);
        assert_eq!(serde_json::from_str::<String>(&format!("\"{escaped}\"")).unwrap(), text);
    }

    #[test]
    fn half_a_pair_becomes_the_replacement_character() {
        assert_eq!(Unescaped::new(r"\ud83d!").text(), "\u{fffd}!");
        assert_eq!(Unescaped::new(r"\ude00").text(), "\u{fffd}");
    }
}
