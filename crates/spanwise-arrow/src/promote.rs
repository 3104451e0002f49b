//! Attributes that become columns of their own.
//!
//! The keys are looked up once per batch. Then one pass over a span's attributes finds all of them, however many columns
//! there are; those of scope and resource are found once per scope.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder};
use spanwise::{AttributeRow, KeyId, RawValue, Rows, SpanBatch, SpanRow};

use crate::scope::resource;
use crate::text::{EMPTY, Texts, rows};
use crate::views::{Buffers, Pools, Views};
use crate::{PromotedType, Promotion};

const SPAN: usize = 0;
const SCOPE: usize = 1;
const RESOURCE: usize = 2;

/// Where the attribute stands, and its key there.
pub(crate) fn place(key: &str) -> (usize, &str) {
    for (prefix, place) in [("span:", SPAN), ("scope:", SCOPE), ("resource:", RESOURCE)] {
        if let Some(key) = key.strip_prefix(prefix) {
            return (place, key);
        }
    }
    (SPAN, key)
}

/// Whether a key is meant as that of an event or a link. Of those a span has many, and a column has room for one.
pub(crate) fn is_of_list(key: &str) -> bool {
    key.starts_with("event:") || key.starts_with("link:")
}

/// A value as a cell of its column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    /// The attribute is not there, or has no value.
    Absent,
    /// It is there and of another type.
    Mismatch,
    Text(u128),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Cell {
    fn of(texts: &mut Texts<'_>, row: Option<AttributeRow>, to: PromotedType) -> Self {
        let Some(row) = row else { return Self::Absent };
        let text = |text| texts.batch.text(text);
        match (to, row.value()) {
            (_, RawValue::Empty) => Self::Absent,
            (PromotedType::String, RawValue::String(text)) => Self::Text(texts.view(text)),
            (PromotedType::Int64, RawValue::Int(value)) => Self::Int(value),
            (PromotedType::Int64, RawValue::Double(value)) => whole(value).map_or(Self::Mismatch, Self::Int),
            (PromotedType::Int64, RawValue::String(value)) => {
                integer(&text(value)).map_or(Self::Mismatch, Self::Int)
            }
            (PromotedType::Double, RawValue::Double(value)) => Self::Double(value),
            (PromotedType::Double, RawValue::Int(value)) => exact(value).map_or(Self::Mismatch, Self::Double),
            (PromotedType::Double, RawValue::String(value)) => {
                double(&text(value)).map_or(Self::Mismatch, Self::Double)
            }
            (PromotedType::Bool, RawValue::Bool(value)) => Self::Bool(value),
            _ => Self::Mismatch,
        }
    }
}

/// The integer that a double is, if it is one.
fn whole(value: f64) -> Option<i64> {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    #[allow(clippy::cast_possible_truncation, reason = "checked: a whole number within the range")]
    ((-TOP..TOP).contains(&value) && value.fract() == 0.0).then_some(value as i64)
}

/// The double that an integer is, if one is it exactly.
fn exact(value: i64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "checked by going back")]
    let double = value as f64;
    (whole(double) == Some(value)).then_some(double)
}

/// Whether `text` is a JSON number, and whether it has neither fraction nor exponent.
fn json_number(text: &str) -> Option<bool> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(unsigned);
    if whole == 0 || whole > 1 && unsigned.starts_with('0') {
        return None;
    }
    let mut rest = unsigned.get(whole..)?;
    let integer = rest.is_empty();
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        rest = fraction.get(count..).filter(|_| count > 0)?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        rest = exponent.get(count..).filter(|_| count > 0)?;
    }
    rest.is_empty().then_some(integer)
}

fn integer(text: &str) -> Option<i64> {
    json_number(text).filter(|integer| *integer).and_then(|_| text.parse().ok())
}

fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => json_number(text).and_then(|_| text.parse().ok()).filter(|value: &f64| value.is_finite()),
    }
}

/// The cells of one column.
enum Cells {
    Text(Views, NullBufferBuilder),
    Int(Vec<i64>, NullBufferBuilder),
    Double(Vec<f64>, NullBufferBuilder),
    Bool(BooleanBufferBuilder, NullBufferBuilder),
}

impl Cells {
    fn new(pools: &Pools, to: PromotedType, len: usize) -> Self {
        let nulls = NullBufferBuilder::new(len);
        match to {
            PromotedType::String => Self::Text(Views::with_capacity(pools, len), nulls),
            PromotedType::Int64 => Self::Int(Vec::with_capacity(len), nulls),
            PromotedType::Double => Self::Double(Vec::with_capacity(len), nulls),
            PromotedType::Bool => Self::Bool(BooleanBufferBuilder::new(len), nulls),
        }
    }

    fn push(&mut self, cell: Cell) {
        let some = match (&mut *self, cell) {
            (Self::Text(views, _), Cell::Text(view)) => {
                views.data.push(view);
                true
            }
            (Self::Int(values, _), Cell::Int(value)) => {
                values.push(value);
                true
            }
            (Self::Double(values, _), Cell::Double(value)) => {
                values.push(value);
                true
            }
            (Self::Bool(values, _), Cell::Bool(value)) => {
                values.append(value);
                true
            }
            (Self::Text(views, _), _) => {
                views.data.push(EMPTY);
                false
            }
            (Self::Int(values, _), _) => {
                values.push(0);
                false
            }
            (Self::Double(values, _), _) => {
                values.push(0.0);
                false
            }
            (Self::Bool(values, _), _) => {
                values.append(false);
                false
            }
        };
        let (Self::Text(_, nulls) | Self::Int(_, nulls) | Self::Double(_, nulls) | Self::Bool(_, nulls)) =
            self;
        nulls.append(some);
    }

    fn finish(self, buffers: &mut Buffers) -> ArrayRef {
        match self {
            Self::Text(views, mut nulls) => Arc::new(buffers.strings(views, nulls.finish())),
            Self::Int(values, mut nulls) => Arc::new(Int64Array::new(values.into(), nulls.finish())),
            Self::Double(values, mut nulls) => Arc::new(Float64Array::new(values.into(), nulls.finish())),
            Self::Bool(mut values, mut nulls) => Arc::new(BooleanArray::new(values.finish(), nulls.finish())),
        }
    }
}

/// Whether any of these looks at attributes of spans, of scopes, of resources.
pub(crate) fn promoted_places(promote: &[Promotion]) -> [bool; 3] {
    let of = |wanted| promote.iter().any(|promotion| place(&promotion.key).0 == wanted);
    [of(SPAN), of(SCOPE), of(RESOURCE)]
}

struct PromotedColumn {
    place: usize,
    /// Index in the place's `found`; `None` where the batch does not have the key.
    slot: Option<usize>,
    to: PromotedType,
    cells: Cells,
    /// The cell of the last scope, for columns of scopes and resources.
    last: Cell,
    mismatches: u64,
}

/// The keys that are looked for in one place.
#[derive(Default)]
struct Place {
    /// By key: the index in `found`, or `NONE`.
    slots: Vec<u32>,
    found: Vec<Option<AttributeRow>>,
}

impl Place {
    const NONE: u32 = u32::MAX;

    fn slot(&mut self, batch: &SpanBatch, key: KeyId) -> Option<usize> {
        if self.slots.is_empty() {
            self.slots = vec![Self::NONE; batch.key_texts().len()];
        }
        let slot = self.slots.get_mut(key.index())?;
        if *slot == Self::NONE {
            *slot = u32::try_from(self.found.len()).ok()?;
            self.found.push(None);
        }
        Some(*slot as usize)
    }

    /// Finds the keys in a list; of equal keys the last.
    fn find(&mut self, batch: &SpanBatch, list: Rows) {
        if self.found.is_empty() {
            return;
        }
        self.found.fill(None);
        for row in rows(batch.attribute_rows(), list) {
            let slot = row.key().and_then(|key| self.slots.get(key.index()));
            if let Some(found) = slot.and_then(|slot| self.found.get_mut(*slot as usize)) {
                *found = Some(*row);
            }
        }
    }
}

/// All promoted columns.
pub(crate) struct Promoted {
    columns: Vec<PromotedColumn>,
    places: [Place; 3],
    scope: Option<u32>,
}

impl Promoted {
    pub(crate) fn new(pools: &Pools, promotions: &[Promotion], batch: &SpanBatch) -> Self {
        let mut places: [Place; 3] = Default::default();
        let columns = promotions.iter().map(|promotion| {
            let (place, key) = place(&promotion.key);
            let slot = batch
                .key_id(key)
                .and_then(|key| places.get_mut(place).and_then(|place| place.slot(batch, key)));
            let mut cells = Cells::new(pools, promotion.to, batch.len());
            if let Cells::Text(views, _) = &mut cells {
                views.shared = place != SPAN;
            }
            PromotedColumn { place, slot, to: promotion.to, cells, last: Cell::Absent, mismatches: 0 }
        });
        Self { columns: columns.collect(), places, scope: None }
    }

    pub(crate) fn append(&mut self, texts: &mut Texts<'_>, spans: &[SpanRow]) {
        let batch = texts.batch;
        for span in spans {
            let same_scope = self.scope == Some(span.scope);
            if !same_scope {
                self.scope = Some(span.scope);
                let scope = batch.scope_rows().get(span.scope as usize);
                let resource = scope.and_then(|scope| resource(batch, scope));
                self.places[SCOPE].find(batch, scope.map(|row| row.attributes).unwrap_or_default());
                self.places[RESOURCE].find(batch, resource.map(|row| row.attributes).unwrap_or_default());
            }
            self.places[SPAN].find(batch, span.attributes);
            for column in &mut self.columns {
                let found =
                    |place: &Place| column.slot.and_then(|slot| place.found.get(slot).copied().flatten());
                let cell = if column.place == SPAN || !same_scope {
                    let found = self.places.get(column.place).and_then(found);
                    Cell::of(texts, found, column.to)
                } else {
                    column.last
                };
                column.last = cell;
                column.mismatches += u64::from(cell == Cell::Mismatch);
                column.cells.push(cell);
            }
        }
        let used = texts.take_used();
        self.views(&mut |views| views.used |= used);
    }

    /// How many cells of each column are of another type than its own.
    pub(crate) fn mismatches(&self) -> impl Iterator<Item = u64> + '_ {
        self.columns.iter().map(|column| column.mismatches)
    }

    pub(crate) fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        for column in &mut self.columns {
            if let Cells::Text(views, _) = &mut column.cells {
                visit(views);
            }
        }
    }

    /// Appends the columns, and adds the mismatches of each to `mismatches`.
    pub(crate) fn finish(self, buffers: &mut Buffers, columns: &mut Vec<ArrayRef>, mismatches: &mut [u64]) {
        for (column, count) in self.columns.into_iter().zip(mismatches) {
            *count += column.mismatches;
            columns.push(column.cells.finish(buffers));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_numbers_are_coerced() {
        for (text, int, real) in [
            ("42", Some(42), Some(42.0)),
            ("-0", Some(0), Some(-0.0)),
            ("9223372036854775807", Some(i64::MAX), Some(9_223_372_036_854_775_807.0)),
            ("9223372036854775808", None, Some(9_223_372_036_854_775_808.0)),
            ("2.5e-7", None, Some(2.5e-7)),
            ("1e400", None, None),
            ("007", None, None),
            ("+1", None, None),
            (" 1", None, None),
            ("1.", None, None),
            (".5", None, None),
            ("1e", None, None),
            ("inf", None, None),
            ("0x10", None, None),
            ("", None, None),
            ("-", None, None),
        ] {
            assert_eq!((integer(text), double(text)), (int, real), "{text}");
        }
        assert_eq!(whole(3.0), Some(3));
        assert_eq!(whole(3.5), None);
        assert_eq!(whole(9_223_372_036_854_775_808.0), None);
        assert_eq!(exact(1 << 53), Some(9_007_199_254_740_992.0));
        assert_eq!(exact((1 << 53) + 1), None);
        assert_eq!(exact(i64::MAX), None);
    }
}
