//! Handles of texts, resolved against the input and the arena.

use std::borrow::Cow;

use crate::json::{escape, utf8};

/// Where a [`Text`] stands and how it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextKind {
    /// A range of the input that is the text itself.
    Plain,
    /// A range of the input that still holds its JSON escapes. They are undone when the text is read.
    Escaped,
    /// A range of the batch's arena: what decode had to build or repair.
    Made,
}

/// A string of a batch in eight bytes: offset (31 bits), length (31 bits), kind (2 bits).
///
/// It means something only together with the batch that it came from; [`crate::SpanBatch::text`] reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Text(u64);

impl Text {
    /// The empty text.
    pub const EMPTY: Self = Self(0);
    /// The largest offset and the largest length.
    pub const MAX: usize = (1 << 31) - 1;

    const MASK: u64 = Self::MAX as u64;

    /// `None` where offset or length do not fit 31 bits.
    pub(crate) fn new(kind: TextKind, start: usize, end: usize) -> Option<Self> {
        let length = end.checked_sub(start)?;
        if start > Self::MAX || length > Self::MAX {
            return None;
        }
        Some(Self::packed(kind, start, length))
    }

    /// The range `start..end` of the input, which is known to be at most [`Self::MAX`] long.
    #[inline]
    pub(crate) const fn input(start: usize, end: usize, escaped: bool) -> Self {
        Self::packed(
            if escaped { TextKind::Escaped } else { TextKind::Plain },
            start,
            end.wrapping_sub(start),
        )
    }

    #[inline]
    const fn packed(kind: TextKind, start: usize, length: usize) -> Self {
        Self(start as u64 & Self::MASK | (length as u64 & Self::MASK) << 31 | (kind as u64) << 62)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// How the text is stored.
    #[inline]
    pub const fn kind(self) -> TextKind {
        match self.0 >> 62 {
            0 => TextKind::Plain,
            1 => TextKind::Escaped,
            _ => TextKind::Made,
        }
    }

    /// Offset of the first byte, in the input or in the arena.
    #[inline]
    pub const fn start(self) -> usize {
        (self.0 & Self::MASK) as usize
    }

    /// Length in bytes as stored; with escapes, at least that of the text.
    #[inline]
    pub const fn stored_len(self) -> usize {
        (self.0 >> 31 & Self::MASK) as usize
    }

    /// Whether the text is empty.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.stored_len() == 0
    }

    /// Bytes as they are stored.
    #[inline]
    pub(crate) fn raw<'a>(self, input: &'a [u8], made: &'a [u8]) -> &'a [u8] {
        let source = match self.kind() {
            TextKind::Made => made,
            TextKind::Plain | TextKind::Escaped => input,
        };
        source.get(self.start()..self.start() + self.stored_len()).unwrap_or_default()
    }

    /// Appends the text itself.
    pub(crate) fn append(self, input: &[u8], made: &[u8], out: &mut Vec<u8>) {
        let raw = self.raw(input, made);
        if self.kind() == TextKind::Escaped {
            escape::unescape_checked_into(raw, out);
        } else {
            out.extend_from_slice(raw);
        }
    }

    /// The text itself, borrowed unless it has escapes to undo.
    #[inline]
    pub(crate) fn resolve<'a>(self, input: &'a [u8], made: &'a [u8]) -> Cow<'a, str> {
        let raw = self.raw(input, made);
        if self.kind() == TextKind::Escaped {
            return Cow::Owned(unescaped(raw));
        }
        // Decode has checked this text already; checking again on reading is what keeps this free of `unsafe`.
        utf8::read(raw).map_or_else(|| String::from_utf8_lossy(raw), Cow::Borrowed)
    }
}

#[cold]
fn unescaped(raw: &[u8]) -> String {
    // Undoing takes the room that it needs, which is a little more than the text: what was taken before would be too small.
    let mut out = Vec::new();
    escape::unescape_checked_into(raw, &mut out);
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_keeps_offset_length_and_kind() {
        for kind in [TextKind::Plain, TextKind::Escaped, TextKind::Made] {
            for (start, end) in [(0, 0), (7, 19), (Text::MAX, Text::MAX), (0, Text::MAX)] {
                let text = Text::new(kind, start, end).unwrap();
                assert_eq!((text.kind(), text.start(), text.stored_len()), (kind, start, end - start));
            }
        }
        assert_eq!(Text::new(TextKind::Plain, Text::MAX + 1, Text::MAX + 1), None);
        assert_eq!(Text::new(TextKind::Plain, 2, 1), None);
    }

    #[test]
    fn plain_text_is_borrowed_and_escaped_text_is_not() {
        let input: &[u8] = br"ab\ncd";
        let plain = Text::input(0, 2, false).resolve(input, b"");
        assert!(matches!(plain, Cow::Borrowed("ab")));
        assert_eq!(Text::input(1, 6, true).resolve(input, b""), "b\ncd");
        assert_eq!(Text::new(TextKind::Made, 1, 3).unwrap().resolve(input, b"xyz"), "yz");
    }
}
