//! Views of a batch's texts: sixteen bytes that hold a short text whole, and of a long one where it stands.
//!
//! A view of at most twelve bytes is those bytes themselves. A longer one names one of three buffers: the batch's input, the
//! batch's arena, or the buffer in which this pass builds what stands nowhere yet (escaped text, undone; numbers; JSON text
//! of nested values). Nothing is allocated for a view.

use std::io::Write as _;

use spanwise::{AttributeRow, RawValue, Rows, SpanBatch, Text, TextKind};

use crate::key_views::KeyViews;

/// Buffer number of the input.
pub(crate) const INPUT: u32 = 0;
/// Buffer number of the batch's arena.
pub(crate) const ARENA: u32 = 1;
/// Buffer number of the texts that this pass builds.
pub(crate) const BUILT: u32 = 2;

/// Texts up to this length stand in the view itself.
pub(crate) const INLINE: usize = 12;

/// The largest offset in a buffer.
const REACH: usize = i32::MAX as usize;

/// The text of no bytes.
pub(crate) const EMPTY: u128 = 0;

/// The view of a text of at most twelve bytes; the rest is cut off.
pub(crate) const fn inline(text: &[u8]) -> u128 {
    let mut view = [0; 16];
    let mut at = 0;
    while at < text.len() && at < INLINE {
        view[4 + at] = text[at];
        at += 1;
    }
    #[allow(clippy::cast_possible_truncation, reason = "at most twelve")]
    let length = at as u8;
    view[0] = length;
    u128::from_le_bytes(view)
}

/// The view of `source[start..start + length]`; the empty one where that is out of bounds.
#[inline]
pub(crate) fn view(source: &[u8], buffer: u32, start: usize, length: usize) -> u128 {
    let head = match source.get(start..).and_then(|rest| rest.first_chunk::<16>()) {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => short_head(source, start),
    };
    if length <= INLINE {
        if start + length > source.len() {
            return EMPTY;
        }
        let mask = (1_u128 << (length * 8)) - 1;
        return (head & mask) << 32 | length as u128;
    }
    if start + length > source.len() || start > REACH || length > REACH {
        return EMPTY;
    }
    let prefix = head & 0xffff_ffff;
    length as u128 | prefix << 32 | u128::from(buffer) << 64 | (start as u128) << 96
}

/// The bytes from `start` on where the source ends within sixteen bytes.
#[cold]
fn short_head(source: &[u8], start: usize) -> u128 {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(source.iter().skip(start)).for_each(|(slot, byte)| *slot = *byte);
    u128::from_le_bytes(bytes)
}

/// Makes views of one batch's texts.
pub(crate) struct Texts<'a> {
    pub(crate) batch: &'a SpanBatch,
    input: &'a [u8],
    arena: &'a [u8],
    /// The views of the attribute keys; none until a column needs them.
    pub(crate) keys: KeyViews,
    /// What stands nowhere yet.
    pub(crate) built: Vec<u8>,
    /// Bit set of the buffers that long views were made of since [`Self::take_used`].
    used: u8,
    /// Bytes of input and arena that long views refer to; what is repeated counts once.
    pub(crate) referred: usize,
    /// Something did not fit: the columns must not be used.
    pub(crate) too_large: bool,
}

impl<'a> Texts<'a> {
    /// `built` is empty, and may have capacity to start with.
    pub(crate) fn new(batch: &'a SpanBatch, built: Vec<u8>) -> Self {
        Self {
            batch,
            input: batch.input(),
            arena: batch.arena(),
            keys: KeyViews::default(),
            built,
            used: 0,
            referred: 0,
            too_large: false,
        }
    }

    /// The buffers that long views were made of since this was asked last.
    pub(crate) fn take_used(&mut self) -> u8 {
        std::mem::take(&mut self.used)
    }

    /// The view of a text of the batch.
    #[inline]
    pub(crate) fn view(&mut self, text: Text) -> u128 {
        let (source, buffer) = match text.kind() {
            TextKind::Plain => (self.input, INPUT),
            TextKind::Made => (self.arena, ARENA),
            TextKind::Escaped => return self.build(|batch, built| batch.text_into(text, built)),
        };
        let length = text.stored_len();
        if length > INLINE {
            self.used |= 1 << buffer;
            self.referred += length;
        }
        view(source, buffer, text.start(), length)
    }

    /// The view of a text that was read from the batch: where it stands, if it is borrowed, or of a copy.
    pub(crate) fn view_str(&mut self, text: &str) -> u128 {
        if text.len() <= INLINE {
            return inline(text.as_bytes());
        }
        for (source, buffer) in [(self.input, INPUT), (self.arena, ARENA)] {
            let start = text.as_ptr().addr().wrapping_sub(source.as_ptr().addr());
            // By address and by content: another allocation of the same text would not do harm either.
            if source.get(start..start.saturating_add(text.len())) == Some(text.as_bytes()) {
                self.used |= 1 << buffer;
                self.referred += text.len();
                return view(source, buffer, start, text.len());
            }
        }
        self.build(|_, built| built.extend_from_slice(text.as_bytes()))
    }

    /// Reads a byte of each string of a list that its view will look at, all at once. The views are made one after the other,
    /// each with branches of its own: waiting for memory one after the other was half of their cost.
    #[inline]
    pub(crate) fn touch(&self, rows: &[AttributeRow]) {
        let mut sum = 0;
        for row in rows {
            if let RawValue::String(text) = row.value() {
                sum ^= self.input.get(text.start()).copied().unwrap_or(0);
            }
        }
        std::hint::black_box(sum);
    }

    /// The view of what `write` appends, which is UTF-8.
    #[inline]
    fn build(&mut self, write: impl FnOnce(&SpanBatch, &mut Vec<u8>)) -> u128 {
        let start = self.built.len();
        write(self.batch, &mut self.built);
        let length = self.built.len() - start;
        if self.built.len() > REACH {
            self.too_large = true;
            self.built.truncate(start);
            return EMPTY;
        }
        let view = view(&self.built, BUILT, start, length);
        if length <= INLINE {
            self.built.truncate(start);
        } else {
            self.used |= 1 << BUILT;
        }
        view
    }

    /// The view of a value's text: strings are themselves, other values JSON text, except that bytes and doubles without a
    /// JSON number are not quoted. `None` for an `AnyValue` with no member.
    #[inline]
    pub(crate) fn value(&mut self, value: RawValue) -> Option<u128> {
        Some(match value {
            RawValue::Empty => return None,
            RawValue::String(text) => self.view(text),
            RawValue::Bool(value) => {
                let words = const { [inline(b"false"), inline(b"true")] };
                words[usize::from(value)]
            }
            RawValue::Int(value) => self.integer(value),
            RawValue::Double(value) => self.double(value),
            RawValue::Bytes(_) | RawValue::Array(_) | RawValue::KvList(_) => self.nested(value, false),
        })
    }

    /// The view of an integer's decimal digits.
    #[inline]
    pub(crate) fn integer(&mut self, value: i64) -> u128 {
        // The digits of a short number gather in a register, the first one lowest: the view is ready when they are.
        let mut text = 0_u128;
        let mut length = usize::from(value < 0);
        let mut rest = value.unsigned_abs();
        if rest > 99_999_999_999 {
            return self.build(|_, built| {
                // Writing to a vector cannot fail.
                let _ = write!(built, "{value}");
            });
        }
        loop {
            text = text << 8 | u128::from(u64::from(b'0') + rest % 10);
            length += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            text = text << 8 | u128::from(b'-');
        }
        text << 32 | length as u128
    }

    fn double(&mut self, value: f64) -> u128 {
        if value.is_nan() {
            return const { inline(b"NaN") };
        }
        if value.is_infinite() {
            let words = const { [inline(b"Infinity"), inline(b"-Infinity")] };
            return words[usize::from(value < 0.0)];
        }
        self.build(|_, built| spanwise::ValueRef::Double(value).write_json(built))
    }

    /// The view of the JSON text of bytes, an array or a kvlist.
    #[cold]
    pub(crate) fn nested(&mut self, value: RawValue, quoted: bool) -> u128 {
        self.build(|batch, built| {
            let from = built.len();
            batch.raw_value(value).write_json(built);
            if !quoted && matches!(value, RawValue::Bytes(_)) {
                built.pop();
                built.remove(from);
            }
        })
    }
}

/// The rows of a range, none where it is out of bounds.
#[inline]
pub(crate) fn rows<T>(table: &[T], rows: Rows) -> &[T] {
    let start = rows.start as usize;
    table.get(start..start + rows.len as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_holds_a_short_text_and_points_at_a_long_one() {
        let source = b"0123456789abcdefghij";
        for start in 0..source.len() {
            for length in 0..=source.len() - start {
                let view = view(source, 1, start, length);
                let bytes = view.to_le_bytes();
                assert_eq!(u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize, length);
                let text = &source[start..start + length];
                if length <= INLINE {
                    assert_eq!(&bytes[4..4 + length], text);
                    assert!(bytes[4 + length..].iter().all(|byte| *byte == 0));
                    assert_eq!(view, inline(text));
                } else {
                    assert_eq!(bytes[4..8], text[..4]);
                    assert_eq!(bytes[8..12], 1_u32.to_le_bytes());
                    assert_eq!(u32::from_le_bytes(bytes[12..].try_into().unwrap()) as usize, start);
                }
            }
            assert_eq!(view(source, 0, start, source.len() - start + 1), EMPTY);
        }
    }

    #[test]
    fn integers_are_their_digits() {
        let batch = SpanBatch::new();
        let mut texts = Texts::new(&batch, Vec::new());
        for value in [0, 7, -1, 42, -99_999_999_999, 999_999_999_999] {
            assert_eq!(texts.integer(value), inline(value.to_string().as_bytes()));
        }
        for value in [i64::MIN, i64::MAX, -999_999_999_999] {
            texts.built.clear();
            texts.integer(value);
            assert_eq!(texts.built, value.to_string().into_bytes());
        }
    }
}
