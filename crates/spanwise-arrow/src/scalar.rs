//! Columns with one value of the span's own: texts, ids, words, times, counts.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt32Array,
};
use arrow_buffer::{Buffer, NullBufferBuilder};
use arrow_schema::ArrowError;
use spanwise::{Id, SpanRow, Text};

use crate::Times;
use crate::convert::Build;
use crate::shapes::Shapes;
use crate::text::Texts;
use crate::views::{Buffers, Pools, Views};

/// Texts of something that has one per row.
pub(crate) struct TextColumn<P> {
    pick: P,
    views: Views,
}

impl<P> TextColumn<P> {
    pub(crate) fn new(pools: &Pools, len: usize, pick: P) -> Self {
        Self { pick, views: Views::with_capacity(pools, len) }
    }
}

impl<P: Fn(&SpanRow) -> Text> Build for TextColumn<P> {
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]) {
        self.views.data.extend(rows.iter().map(|row| texts.view((self.pick)(row))));
        self.views.used |= texts.take_used();
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        visit(&mut self.views);
    }

    fn finish(self: Box<Self>, _: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(buffers.strings(self.views, None)))
    }
}

/// Ids as bytes, in the making; null where not valid.
pub(crate) struct IdBytes<const N: usize> {
    bytes: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl<const N: usize> IdBytes<N> {
    pub(crate) fn new(len: usize) -> Self {
        Self { bytes: Vec::with_capacity(len * N), nulls: NullBufferBuilder::new(len) }
    }

    pub(crate) fn push(&mut self, id: &Id<N>) {
        self.bytes.extend_from_slice(if id.valid { &id.bytes } else { &[0; N] });
        self.nulls.append(id.valid);
    }

    pub(crate) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let size = i32::try_from(N).unwrap_or(i32::MAX);
        let bytes = Buffer::from_vec(self.bytes);
        Ok(Arc::new(FixedSizeBinaryArray::try_new(size, bytes, self.nulls.finish())?))
    }
}

/// Ids as bytes.
pub(crate) struct IdColumn<const N: usize> {
    pick: fn(&SpanRow) -> &Id<N>,
    ids: IdBytes<N>,
}

impl<const N: usize> IdColumn<N> {
    pub(crate) fn new(len: usize, pick: fn(&SpanRow) -> &Id<N>) -> Self {
        Self { pick, ids: IdBytes::new(len) }
    }
}

impl<const N: usize> Build for IdColumn<N> {
    fn append(&mut self, _: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            self.ids.push((self.pick)(row));
        }
    }

    fn finish(self: Box<Self>, _: &Shapes, _: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        self.ids.finish()
    }
}

/// Numbers of an open enum, as a dictionary of words. Unknown numbers are appended to the words as they come.
pub(crate) struct WordColumn<P> {
    pick: P,
    /// The known words, by number.
    words: ArrayRef,
    unknown: Vec<i32>,
    keys: Vec<i32>,
}

impl<P> WordColumn<P> {
    pub(crate) fn new(len: usize, words: &ArrayRef, pick: P) -> Self {
        Self { pick, words: Arc::clone(words), unknown: Vec::new(), keys: Vec::with_capacity(len) }
    }

    #[cold]
    fn unknown(&mut self, number: i32) -> i32 {
        let known = self.words.len();
        // Searched from the end: distinct unknown numbers are few, unless somebody makes them so. Then the dictionary repeats
        // a word rather than be searched whole for every span.
        let recent = self.unknown.len().saturating_sub(64);
        let found = self.unknown.iter().skip(recent).position(|other| *other == number);
        let index = found.map_or(self.unknown.len(), |index| recent + index);
        if found.is_none() {
            self.unknown.push(number);
        }
        i32::try_from(known + index).unwrap_or(i32::MAX)
    }
}

impl<P: Fn(&SpanRow) -> i32> Build for WordColumn<P> {
    fn append(&mut self, _: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            let number = (self.pick)(row);
            let known = usize::try_from(number).is_ok_and(|number| number < self.words.len());
            let key = if known { number } else { self.unknown(number) };
            self.keys.push(key);
        }
    }

    fn finish(self: Box<Self>, _: &Shapes, _: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        let words = if self.unknown.is_empty() {
            self.words
        } else {
            let known = self.words.as_string::<i32>().iter().flatten().map(Cow::Borrowed);
            let unknown = self.unknown.iter().map(|number| Cow::Owned(number.to_string()));
            Arc::new(StringArray::from_iter_values(known.chain(unknown)))
        };
        let keys = Int32Array::from(self.keys);
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, words)?))
    }
}

/// Times in the making; null where 0 or beyond 64 bits with a sign.
pub(crate) struct Instants {
    values: Vec<i64>,
    nulls: NullBufferBuilder,
}

impl Instants {
    pub(crate) fn new(len: usize) -> Self {
        Self { values: Vec::with_capacity(len), nulls: NullBufferBuilder::new(len) }
    }

    #[inline]
    pub(crate) fn push(&mut self, nanos: u64) {
        let value = i64::try_from(nanos).unwrap_or(0);
        self.values.push(value);
        self.nulls.append(value != 0);
    }

    /// An array in the unit of `shapes`.
    pub(crate) fn finish(mut self, shapes: &Shapes) -> Result<ArrayRef, ArrowError> {
        let (values, nulls, zone) = (self.values, self.nulls.finish(), Arc::clone(&shapes.zone));
        Ok(match shapes.times {
            Times::Nanoseconds => {
                Arc::new(TimestampNanosecondArray::try_new(values.into(), nulls)?.with_timezone(zone))
            }
            Times::Microseconds => {
                let values: Vec<i64> = values.into_iter().map(|nanos| nanos / 1000).collect();
                Arc::new(TimestampMicrosecondArray::try_new(values.into(), nulls)?.with_timezone(zone))
            }
        })
    }
}

/// Times.
pub(crate) struct TimeColumn<P> {
    pick: P,
    times: Instants,
}

impl<P> TimeColumn<P> {
    pub(crate) fn new(len: usize, pick: P) -> Self {
        Self { pick, times: Instants::new(len) }
    }
}

impl<P: Fn(&SpanRow) -> u64> Build for TimeColumn<P> {
    fn append(&mut self, _: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            self.times.push((self.pick)(row));
        }
    }

    fn finish(self: Box<Self>, shapes: &Shapes, _: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        self.times.finish(shapes)
    }
}

/// Durations.
pub(crate) struct DurationColumn(Vec<i64>);

impl DurationColumn {
    pub(crate) fn new(len: usize) -> Self {
        Self(Vec::with_capacity(len))
    }
}

impl Build for DurationColumn {
    fn append(&mut self, _: &mut Texts<'_>, rows: &[SpanRow]) {
        self.0.extend(rows.iter().map(|row| {
            let nanos = row.end_time_unix_nano.saturating_sub(row.start_time_unix_nano);
            i64::try_from(nanos).unwrap_or(i64::MAX)
        }));
    }

    fn finish(self: Box<Self>, _: &Shapes, _: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(Int64Array::from(self.0)))
    }
}

/// Counts and flags.
pub(crate) struct CountColumn<P> {
    pick: P,
    values: Vec<u32>,
}

impl<P> CountColumn<P> {
    pub(crate) fn new(len: usize, pick: P) -> Self {
        Self { pick, values: Vec::with_capacity(len) }
    }
}

impl<P: Fn(&SpanRow) -> u32> Build for CountColumn<P> {
    fn append(&mut self, _: &mut Texts<'_>, rows: &[SpanRow]) {
        self.values.extend(rows.iter().map(&self.pick));
    }

    fn finish(self: Box<Self>, _: &Shapes, _: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(UInt32Array::from(self.values)))
    }
}
