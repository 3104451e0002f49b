//! The values of a field by row, from its columns: postings the other way round.
//!
//! A row with several values, and one whose value the column does not hold itself, is left to the source.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use super::column::Column;
use super::numbers::Number;
use super::query::ast::{Field, Intrinsic, Scope};
use super::query::value::Value;
use super::{Index, IndexError};

/// What columns hold of the values of some rows. A row that is in neither has none.
#[derive(Default)]
pub(super) struct Held<'a> {
    /// In ascending order of the rows.
    pub(super) known: Vec<(u32, Value<'a>)>,
    /// Rows for which the source must be asked.
    pub(super) asked: RoaringBitmap,
}

impl<'a> Held<'a> {
    /// Rows that have a value, or may have one.
    fn rows(&self) -> RoaringBitmap {
        RoaringBitmap::from_sorted_iter(self.known.iter().map(|(row, _)| *row)).unwrap_or_default()
            | &self.asked
    }

    /// Together with those of rows that are in neither.
    fn and(mut self, mut other: Self) -> Self {
        self.known.append(&mut other.known);
        self.known.sort_unstable_by_key(|(row, _)| *row);
        self.asked |= other.asked;
        self
    }

    fn map(mut self, change: impl Fn(Value<'a>) -> Value<'a>) -> Self {
        self.known = self.known.into_iter().map(|(row, value)| (row, change(value))).collect();
        self
    }
}

impl Column {
    fn held<'a>(&'a self, rows: &RoaringBitmap) -> Held<'a> {
        let single = rows - &self.several;
        let mut known = Vec::new();
        let mut add = |rows: &RoaringBitmap, value: &Value<'a>| {
            known.extend((rows & &single).iter().map(|row| (row, value.clone())));
        };
        for (text, rows) in self.texts.iter() {
            add(rows, &Value::Text(Cow::Borrowed(text)));
        }
        for (number, rows) in self.ints.values.iter().zip(&self.ints.postings) {
            add(rows, &Value::Int(*number));
        }
        for (number, rows) in self.floats.values.iter().zip(&self.floats.postings) {
            add(rows, &Value::Float(*number));
        }
        for (value, rows) in [false, true].into_iter().zip(&self.bools) {
            add(rows, &Value::Bool(value));
        }
        add(&self.other, &Value::Other);
        let ints = self.ints.rest.rows.iter().zip(&self.ints.rest.bits);
        let ints = ints.map(|(row, bits)| (*row, Value::Int(i64::of_bits(*bits))));
        let floats = self.floats.rest.rows.iter().zip(&self.floats.rest.bits);
        let floats = floats.map(|(row, bits)| (*row, Value::Float(f64::of_bits(*bits))));
        known.extend(ints.chain(floats).filter(|(row, _)| single.contains(*row)));
        known.sort_unstable_by_key(|(row, _)| *row);
        known.dedup_by_key(|(row, _)| *row);
        let mut held = Held { known, asked: RoaringBitmap::new() };
        held.asked = (self.present() & rows) - held.rows();
        held
    }
}

impl Index {
    /// What columns hold of a field that has one value for each span; `None` if it has no column.
    pub(super) fn held(&self, field: &Field, rows: &RoaringBitmap) -> Result<Option<Held<'_>>, IndexError> {
        match field {
            _ if field.is_repeated() => Ok(None),
            Field::Attribute(Scope::Unscoped, name) => {
                let of_span = self.held_in(Scope::Span, name, rows)?;
                let of_resource = self.held_in(Scope::Resource, name, &(rows - of_span.rows()))?;
                Ok(Some(of_span.and(of_resource)))
            }
            Field::Attribute(scope, name) => self.held_in(*scope, name, rows).map(Some),
            Field::Intrinsic(intrinsic) => {
                let held = self.column(field)?.map(|column| column.held(rows));
                Ok(held.map(|held| match intrinsic {
                    Intrinsic::Status => held.map(|value| enumerated(&value, Value::Status)),
                    Intrinsic::Kind => held.map(|value| enumerated(&value, Value::Kind)),
                    _ => held,
                }))
            }
        }
    }

    fn held_in(&self, scope: Scope, name: &str, rows: &RoaringBitmap) -> Result<Held<'_>, IndexError> {
        let overflow = self.overflow_of(scope)? & rows;
        let column = self.column(&Field::Attribute(scope, name.to_owned()))?;
        let rows = rows - &overflow;
        let mut held = column.map(|column| column.held(&rows)).unwrap_or_default();
        held.asked |= overflow;
        Ok(held)
    }
}

fn enumerated(value: &Value<'_>, of: impl Fn(i32) -> Value<'static>) -> Value<'static> {
    match value {
        Value::Int(number) => of(i32::try_from(*number).unwrap_or(-1)),
        _ => Value::Nil,
    }
}
