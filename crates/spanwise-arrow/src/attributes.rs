//! Maps of attributes, in both layouts.
//!
//! An entry costs two views and one look at the stamp of its key, which finds equal keys without searching. Of equal keys
//! the first entry keeps its place and takes the last value, as in a Python dict: `DuckDB` refuses maps with equal keys.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, MapArray, StructArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use spanwise::{AttributeRow, RawValue, Rows, SpanRow};

use crate::Layout;
use crate::convert::Build;
use crate::nulls::Nulls;
use crate::shapes::Shapes;
use crate::text::{EMPTY, Texts, rows};
use crate::views::{Buffers, Pools, Views};

/// Entries of one column beyond which a batch is too large: 4 GiB of views. Fewer in unit tests, which reach it so.
const MOST_ENTRIES: usize = if cfg!(test) { 1 << 10 } else { 1 << 27 };

/// Maps in the making.
pub(crate) struct Maps {
    offsets: Vec<i32>,
    keys: Views,
    values: Values,
}

impl Maps {
    /// `lists` and `entries` are what to make room for.
    pub(crate) fn new(pools: &Pools, layout: Layout, lists: usize, entries: usize) -> Self {
        let mut offsets = Vec::with_capacity(lists + 1);
        offsets.push(0);
        let keys = Views::shared(pools, entries);
        Self { offsets, keys, values: Values::new(pools, layout, entries) }
    }

    /// Appends the map of a list of attributes.
    #[inline]
    pub(crate) fn push(&mut self, texts: &mut Texts<'_>, list: Rows) {
        let rows = rows(texts.batch.attribute_rows(), list);
        texts.touch(rows);
        if texts.keys.unique {
            self.keys.data.extend(rows.iter().map(|row| texts.keys.view(*row)));
            match &mut self.values {
                Values::Plain(values) => values.extend(texts, rows),
                Values::Typed(values) => {
                    for row in rows {
                        values.push(TypedValue::of(texts, row.value()));
                    }
                }
            }
            return self.close(texts);
        }
        texts.keys.next_list();
        match &mut self.values {
            Values::Plain(values) => {
                for row in rows {
                    let value = texts.value(row.value());
                    Self::enter(&mut self.keys, texts, *row, |at| values.set(at, value));
                }
            }
            Values::Typed(values) => {
                for row in rows {
                    let value = TypedValue::of(texts, row.value());
                    Self::enter(&mut self.keys, texts, *row, |at| values.set(at, value));
                }
            }
        }
        self.close(texts);
    }

    /// Appends the map of those attributes for whose key `names` has a name, under that name; values as in the map layout.
    pub(crate) fn push_some(&mut self, texts: &mut Texts<'_>, list: Rows, names: &[Option<u128>]) {
        texts.keys.next_list();
        for row in rows(texts.batch.attribute_rows(), list) {
            let name = row.key().and_then(|key| names.get(key.index()).copied().flatten());
            let (Some(name), Values::Plain(values)) = (name, &mut self.values) else { continue };
            let value = texts.value(row.value());
            let mut next = self.keys.data.len();
            Self::enter(&mut self.keys, texts, *row, |at| {
                values.set(at, value);
                next = at;
            });
            if let Some(key) = self.keys.data.get_mut(next) {
                *key = name;
            }
        }
        self.close(texts);
    }

    /// Appends the key of `row` if the list does not have it yet, and sets the value of its entry.
    #[inline]
    fn enter(keys: &mut Views, texts: &mut Texts<'_>, row: AttributeRow, set: impl FnOnce(usize)) {
        let next = keys.data.len();
        // `close` sees to it that there are fewer entries than `u32` counts.
        #[allow(clippy::cast_possible_truncation, reason = "see above")]
        match texts.keys.enter(row, next as u32) {
            (_, Some(entry)) => set(entry as usize),
            (key, None) => {
                keys.data.push(key);
                set(next);
            }
        }
    }

    /// Ends a map.
    fn close(&mut self, texts: &mut Texts<'_>) {
        let end = self.keys.data.len();
        if end > MOST_ENTRIES {
            texts.too_large = true;
            // The columns will be dropped: give the memory back now.
            self.keys.data.truncate(0);
            self.values.truncate();
            self.offsets.fill(0);
        }
        self.offsets.push(i32::try_from(self.keys.data.len()).unwrap_or(i32::MAX));
    }

    /// The entries of the last map.
    pub(crate) fn last(&self) -> Range<usize> {
        let [.., start, end] = self.offsets[..] else { return 0..0 };
        usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0)
    }

    /// Appends the map of these entries again.
    pub(crate) fn repeat(&mut self, texts: &mut Texts<'_>, entries: Range<usize>) {
        // They are gone where the batch was found too large.
        if entries.end <= self.keys.data.len() {
            self.keys.data.extend_from_within(entries.clone());
            self.values.repeat(entries);
        }
        self.close(texts);
    }

    /// Notes which buffers the views made since the last call refer to.
    pub(crate) fn note_used(&mut self, used: u8, keys: u8) {
        self.keys.used |= keys;
        match &mut self.values {
            Values::Plain(values) => values.views.used |= used,
            Values::Typed(values) => {
                values.texts.used |= used;
                values.json.used |= used;
            }
        }
    }

    pub(crate) fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        visit(&mut self.keys);
        match &mut self.values {
            Values::Plain(values) => visit(&mut values.views),
            Values::Typed(values) => {
                visit(&mut values.texts);
                visit(&mut values.json);
            }
        }
    }

    pub(crate) fn finish(self, shapes: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        let keys = buffers.strings(self.keys, None);
        let (shape, values) = match self.values {
            Values::Plain(values) => (&shapes.text_map, values.finish(buffers)),
            Values::Typed(values) => (&shapes.map, values.finish(shapes, buffers)?),
        };
        let pairs = StructArray::try_new(shape.fields.clone(), vec![Arc::new(keys), values], None)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Ok(Arc::new(MapArray::try_new(Arc::clone(&shape.item), offsets, pairs, None, false)?))
    }
}

enum Values {
    Plain(PlainValues),
    Typed(Box<TypedValues>),
}

impl Values {
    fn new(pools: &Pools, layout: Layout, entries: usize) -> Self {
        match layout {
            Layout::Map => {
                let views = Views::with_capacity(pools, entries);
                Self::Plain(PlainValues { views, nulls: Nulls::default() })
            }
            Layout::Typed => Self::Typed(Box::new(TypedValues {
                members: Vec::with_capacity(entries),
                texts: Views::with_capacity(pools, entries),
                json: Views::with_capacity(pools, entries),
                bits: Vec::with_capacity(entries),
            })),
        }
    }

    fn truncate(&mut self) {
        match self {
            Self::Plain(values) => *values = PlainValues::default(),
            Self::Typed(values) => **values = TypedValues::default(),
        }
    }

    fn repeat(&mut self, range: Range<usize>) {
        match self {
            Self::Plain(values) => values.repeat(range),
            Self::Typed(values) => values.repeat(range),
        }
    }
}

/// The values of the map layout.
#[derive(Default)]
struct PlainValues {
    views: Views,
    /// The entries that are null: seldom any.
    nulls: Nulls,
}

impl PlainValues {
    #[inline]
    fn extend(&mut self, texts: &mut Texts<'_>, rows: &[AttributeRow]) {
        let first = self.views.data.len();
        let nulls = &mut self.nulls;
        self.views.data.extend(rows.iter().enumerate().map(|(at, row)| {
            texts.value(row.value()).unwrap_or_else(|| {
                nulls.insert(first + at);
                EMPTY
            })
        }));
    }

    #[inline]
    fn set(&mut self, at: usize, value: Option<u128>) {
        let view = value.unwrap_or(EMPTY);
        match self.views.data.get_mut(at) {
            None => self.views.data.push(view),
            Some(slot) => *slot = view,
        }
        match value {
            Some(_) => self.nulls.remove(at),
            None => self.nulls.insert(at),
        }
    }

    fn repeat(&mut self, range: Range<usize>) {
        self.nulls.repeat(range.clone(), self.views.data.len());
        self.views.shared = true;
        self.views.data.extend_from_within(range);
    }

    fn finish(self, buffers: &mut Buffers) -> ArrayRef {
        let nulls = self.nulls.finish(self.views.data.len());
        Arc::new(buffers.strings(self.views, nulls))
    }
}

/// Which member of a typed value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    None,
    Str,
    Int,
    Double,
    Bool,
    Json,
}

/// A value of the typed layout: the member, and its view or its bits.
#[derive(Clone, Copy)]
struct TypedValue {
    member: Member,
    view: u128,
    bits: u64,
}

impl TypedValue {
    #[inline]
    fn of(texts: &mut Texts<'_>, value: RawValue) -> Self {
        let (member, view, bits) = match value {
            RawValue::Empty => (Member::None, EMPTY, 0),
            RawValue::String(text) => (Member::Str, texts.view(text), 0),
            RawValue::Bool(value) => (Member::Bool, EMPTY, u64::from(value)),
            RawValue::Int(value) => (Member::Int, EMPTY, value.cast_unsigned()),
            RawValue::Double(value) => (Member::Double, EMPTY, value.to_bits()),
            _ => (Member::Json, texts.nested(value, true), 0),
        };
        Self { member, view, bits }
    }

    /// The views of a string and of JSON text, of which at most one is not empty.
    #[inline]
    fn texts(self) -> [u128; 2] {
        if self.member == Member::Str { [self.view, EMPTY] } else { [EMPTY, self.view] }
    }
}

/// The values of the typed layout: one member of each entry is set, the others are null.
#[derive(Default)]
struct TypedValues {
    members: Vec<Member>,
    texts: Views,
    json: Views,
    /// Of integer, double and bool, whichever the entry has.
    bits: Vec<u64>,
}

impl TypedValues {
    #[inline]
    fn push(&mut self, value: TypedValue) {
        let [text, json] = value.texts();
        self.members.push(value.member);
        self.texts.data.push(text);
        self.json.data.push(json);
        self.bits.push(value.bits);
    }

    #[inline]
    fn set(&mut self, at: usize, value: TypedValue) {
        if at >= self.members.len() {
            return self.push(value);
        }
        let [text, json] = value.texts();
        // All four are of one length.
        if let (Some(member), Some(text_slot), Some(json_slot), Some(bits)) = (
            self.members.get_mut(at),
            self.texts.data.get_mut(at),
            self.json.data.get_mut(at),
            self.bits.get_mut(at),
        ) {
            (*member, *text_slot, *json_slot, *bits) = (value.member, text, json, value.bits);
        }
    }

    fn repeat(&mut self, range: Range<usize>) {
        self.texts.shared = true;
        self.json.shared = true;
        self.members.extend_from_within(range.clone());
        self.texts.data.extend_from_within(range.clone());
        self.json.data.extend_from_within(range.clone());
        self.bits.extend_from_within(range);
    }

    fn finish(self, shapes: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        let members = self.members;
        let set = |member| {
            NullBuffer::new(BooleanBuffer::collect_bool(members.len(), |index| members[index] == member))
        };
        let ints: Vec<_> = self.bits.iter().map(|bits| bits.cast_signed()).collect();
        let doubles: Vec<_> = self.bits.iter().map(|bits| f64::from_bits(*bits)).collect();
        let bools = BooleanBuffer::collect_bool(members.len(), |index| self.bits[index] != 0);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(buffers.strings(self.texts, Some(set(Member::Str)))),
            Arc::new(Int64Array::new(ints.into(), Some(set(Member::Int)))),
            Arc::new(Float64Array::new(doubles.into(), Some(set(Member::Double)))),
            Arc::new(BooleanArray::new(bools, Some(set(Member::Bool)))),
            Arc::new(buffers.strings(self.json, Some(set(Member::Json)))),
        ];
        let some = BooleanBuffer::collect_bool(members.len(), |index| members[index] != Member::None);
        Ok(Arc::new(StructArray::try_new(shapes.typed.clone(), columns, Some(NullBuffer::new(some)))?))
    }
}

/// The column of the spans' attributes.
pub(crate) struct SpanAttributes(Maps);

impl SpanAttributes {
    pub(crate) fn new(pools: &Pools, layout: Layout, spans: usize, entries: usize) -> Self {
        Self(Maps::new(pools, layout, spans, entries))
    }
}

impl Build for SpanAttributes {
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            self.0.push(texts, row.attributes);
        }
        self.0.note_used(texts.take_used(), texts.keys.used);
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        self.0.views(visit);
    }

    fn finish(self: Box<Self>, shapes: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        self.0.finish(shapes, buffers)
    }
}
