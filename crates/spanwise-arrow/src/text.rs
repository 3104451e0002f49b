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
    if start + length > source.len() || start > REACH || length > REACH {
        return EMPTY;
    }
    // Whether a text is short is a coin that is thrown for each: both views are made, and no branch is guessed.
    let [first, rest] = KEPT[length.min(INLINE)];
    let [head, tail] = halves(head << 32);
    let low = length as u64 | head & first;
    let inline = tail & rest;
    let place = u64::from(buffer) | (start as u64) << 32;
    let high = std::hint::select_unpredictable(length <= INLINE, inline, place);
    u128::from(low) | u128::from(high) << 64
}

/// Masks of both halves of the view of a text of each length, its length aside.
static KEPT: [[u64; 2]; INLINE + 1] = {
    let mut masks = [[0; 2]; INLINE + 1];
    let mut length = 0;
    while length <= INLINE {
        masks[length] = halves(((1 << (length * 8)) - 1) << 32);
        length += 1;
    }
    masks
};

#[allow(clippy::cast_possible_truncation, reason = "the low half, then the high half")]
const fn halves(view: u128) -> [u64; 2] {
    [view as u64, (view >> 64) as u64]
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
    /// Bytes of input and arena that long views refer to or are copies of; what is repeated counts once.
    pub(crate) referred: usize,
    /// Bit set of the buffers that these stand in.
    pub(crate) seen: u8,
    /// Texts of input and arena are copied while their views are made, so that nothing is left to compact. For columns that
    /// ask for each text once.
    pub(crate) copying: bool,
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
            seen: 0,
            copying: false,
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
            // However it is stored, the batch reads it.
            _ => return self.build(|batch, built| batch.text_into(text, built)),
        };
        let length = text.stored_len();
        let long = length > INLINE;
        self.seen |= u8::from(long) << buffer;
        self.referred += if long { length } else { 0 };
        if self.copying {
            return self.copy(source, text.start(), length);
        }
        self.used |= u8::from(long) << buffer;
        view(source, buffer, text.start(), length)
    }

    /// The view of a copy of `source[start..start + length]`.
    #[inline]
    fn copy(&mut self, source: &[u8], start: usize, length: usize) -> u128 {
        let place = self.built.len();
        append(&mut self.built, source, start, if length > INLINE { length } else { 0 });
        if length <= INLINE {
            return view(source, BUILT, start, length);
        }
        if self.built.len() > REACH {
            self.too_large = true;
            self.built.truncate(place);
            return EMPTY;
        }
        self.used |= 1 << BUILT;
        view(&self.built, BUILT, place, length)
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
                self.seen |= 1 << buffer;
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
            // Its JSON, as the core writes it: a list, or whatever else a value may come to be.
            _ => self.nested(value, false),
        })
    }

    /// The view of an integer's decimal digits.
    #[inline]
    pub(crate) fn integer(&mut self, value: i64) -> u128 {
        // The digits of a short number stand in a register: the view is ready when they are.
        if let number @ 0..100_000_000 = value {
            let (digits, length) = digits(number.unsigned_abs());
            return u128::from(digits) << 32 | u128::from(length);
        }
        self.build(|_, built| {
            // Writing to a vector cannot fail.
            let _ = write!(built, "{value}");
        })
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

/// Appends `source[start..start + length]`; nothing where that is out of bounds.
#[inline]
pub(crate) fn append(built: &mut Vec<u8>, source: &[u8], start: usize, length: usize) {
    let place = built.len();
    match source.get(start..).and_then(|rest| rest.first_chunk::<32>()) {
        // Most are ids, keys and names: a copy of fixed size that is cut takes no call, and no guess of the length.
        Some(chunk) if length <= chunk.len() => {
            built.extend_from_slice(chunk);
            built.truncate(place + length);
        }
        _ => built.extend_from_slice(source.get(start..start + length).unwrap_or_default()),
    }
}

/// The decimal digits of a number below 10^8, the first in the lowest byte, and how many they are.
#[inline]
fn digits(number: u64) -> (u64, u32) {
    // Two halves of four digits, each split into pairs, each of these into digits: by multiplications that divide all lanes.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | (pairs - tens * 10) << 8;
    let zeros = (digits.trailing_zeros() / 8).min(7);
    ((digits | 0x3030_3030_3030_3030) >> (8 * zeros), 8 - zeros)
}

/// The rows of a range, none where it is out of bounds.
#[inline]
pub(crate) fn rows<T>(table: &[T], rows: Rows) -> &[T] {
    table.get(rows.range()).unwrap_or_default()
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
        let powers = (0..11).map(|power| 10_i64.pow(power));
        let near = powers.flat_map(|power| [power - 1, power, power + 1, power * 7, -power]);
        for value in near.chain([42, 100, 909_090, 12_345_678, 98_765_432, -99_999_999_999, 999_999_999_999])
        {
            assert_eq!(texts.integer(value), inline(value.to_string().as_bytes()), "{value}");
        }
        for value in [i64::MIN, i64::MAX, -999_999_999_999] {
            texts.built.clear();
            texts.integer(value);
            assert_eq!(texts.built, value.to_string().into_bytes());
        }
    }
}
