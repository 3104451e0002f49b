//! Runs a query's stages over rows, wherever these come from.
//!
//! The spansets of a pipeline share no row, so they are one set of rows, and for each row the number of its group: its trace
//! until `by` splits it. So every filter is asked once, and every value, in the order of the rows, however many groups there
//! are.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::aggregate::{Passing, passing};
use super::query::ast::{Expr, Spanset, Stage, Step};
use super::query::value::Value;
use super::traces::Traces;

/// What rows can be asked.
pub(crate) trait Rows {
    /// Why an answer may fail.
    type Error;

    /// The rows that match a filter.
    fn filter(&self, expr: &Expr) -> Result<RoaringBitmap, Self::Error>;

    /// Calls `each` with the value that `expr` has for each of these rows, in ascending order.
    fn values(
        &self,
        rows: &RoaringBitmap,
        expr: &Expr,
        each: &mut dyn FnMut(u32, &Value<'_>),
    ) -> Result<(), Self::Error>;

    fn len(&self) -> u32;

    fn traces(&self) -> Result<&Traces, Self::Error>;
}

/// The rows that a query's stages leave.
pub(crate) fn run<R: Rows>(stages: &[Stage], rows: &R) -> Result<RoaringBitmap, R::Error> {
    if let [Stage::Spanset(Spanset::Filter(expr)), rest @ ..] = stages
        && rest.iter().all(|stage| matches!(stage, Stage::Select))
    {
        return rows.filter(expr);
    }
    let all = RoaringBitmap::from_sorted_iter(0..rows.len()).unwrap_or_default();
    run_on(stages, rows, all, &Groups::Traces)
}

/// Which rows make a spanset.
enum Groups {
    /// Those of one trace.
    Traces,
    /// Those with the same number here, by row.
    Split(Vec<u32>),
}

impl Groups {
    /// The number of each row's group, by row.
    fn numbers<'a, R: Rows>(&'a self, rows: &'a R) -> Result<&'a [u32], R::Error> {
        match self {
            Self::Traces => Ok(&rows.traces()?.trace),
            Self::Split(numbers) => Ok(numbers),
        }
    }
}

/// Runs stages on some rows in these groups, which is what `coalesce` makes of those that `by` split.
fn run_on<R: Rows>(
    stages: &[Stage],
    rows: &R,
    mut within: RoaringBitmap,
    whole: &Groups,
) -> Result<RoaringBitmap, R::Error> {
    let mut split = None;
    for stage in stages {
        let groups = split.as_ref().unwrap_or(whole);
        match stage {
            Stage::Select => {}
            Stage::Coalesce => split = None,
            Stage::Spanset(spanset) => within = pick(spanset, rows, &within, groups)?,
            Stage::By(expr) => split = Some(Groups::Split(by(expr, rows, &within, groups)?)),
            Stage::Aggregate(aggregate, comparison, literal) => {
                let wanted = Passing { aggregate, comparison: *comparison, literal };
                within = passing(wanted, rows, &within, groups.numbers(rows)?)?;
            }
        }
    }
    Ok(within)
}

/// The rows among `within` that a spanset picks.
fn pick<R: Rows>(
    spanset: &Spanset,
    rows: &R,
    within: &RoaringBitmap,
    groups: &Groups,
) -> Result<RoaringBitmap, R::Error> {
    Ok(match spanset {
        Spanset::Filter(expr) => rows.filter(expr)? & within,
        Spanset::Or(parts) => {
            let mut any = RoaringBitmap::new();
            for part in parts {
                any |= pick(part, rows, within, groups)?;
            }
            any
        }
        Spanset::And(parts) => {
            let mut any = RoaringBitmap::new();
            let mut common: Option<RoaringBitmap> = None;
            for part in parts {
                let picked = pick(part, rows, within, groups)?;
                let of = groups_of(&picked, groups.numbers(rows)?);
                common = Some(match common {
                    Some(common) => common & of,
                    None => of,
                });
                any |= picked;
            }
            in_groups(&any, &common.unwrap_or_default(), groups.numbers(rows)?)
        }
        Spanset::Related(first, steps) => {
            let mut left = pick(first, rows, within, groups)?;
            for Step { relation, negated, to } in steps {
                let right = pick(to, rows, within, groups)?;
                let related = rows.traces()?.related(*relation, &left, &right, groups.numbers(rows)?);
                left = if *negated { right - related } else { related };
            }
            left
        }
        Spanset::Pipeline(stages) => run_on(stages, rows, within.clone(), groups)?,
    })
}

/// The number of a row's group.
pub(super) fn group_of(row: u32, numbers: &[u32]) -> u32 {
    numbers.get(row as usize).copied().unwrap_or(u32::MAX)
}

/// The groups that the rows belong to.
pub(super) fn groups_of(rows: &RoaringBitmap, numbers: &[u32]) -> RoaringBitmap {
    let mut groups: Vec<u32> = rows.iter().map(|row| group_of(row, numbers)).collect();
    groups.sort_unstable();
    groups.dedup();
    RoaringBitmap::from_sorted_iter(groups).unwrap_or_default()
}

/// The rows of `rows` whose group is among `groups`.
pub(super) fn in_groups(rows: &RoaringBitmap, groups: &RoaringBitmap, numbers: &[u32]) -> RoaringBitmap {
    let found = rows.iter().filter(|row| groups.contains(group_of(*row, numbers)));
    RoaringBitmap::from_sorted_iter(found).unwrap_or_default()
}

/// The numbers of the groups that a value splits groups into, by row.
fn by<R: Rows>(expr: &Expr, rows: &R, within: &RoaringBitmap, groups: &Groups) -> Result<Vec<u32>, R::Error> {
    let before = groups.numbers(rows)?;
    let mut values: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut splits: HashMap<(u32, u32), u32> = HashMap::new();
    let mut numbers = vec![0; before.len()];
    let mut key = Vec::new();
    // There are no more of either than rows.
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    rows.values(within, expr, &mut |row, value| {
        key.clear();
        write_key(value, &mut key);
        let value = if let Some(number) = values.get(&key) {
            *number
        } else {
            let number = count(values.len());
            values.insert(key.clone(), number);
            number
        };
        let next = count(splits.len());
        let split = *splits.entry((group_of(row, before), value)).or_insert(next);
        if let Some(number) = numbers.get_mut(row as usize) {
            *number = split;
        }
    })?;
    Ok(numbers)
}

/// Bytes that are equal for equal values of one type.
fn write_key(value: &Value<'_>, key: &mut Vec<u8>) {
    let mut number = |tag: u8, bits: u64| {
        key.push(tag);
        key.extend_from_slice(&bits.to_le_bytes());
    };
    match value {
        Value::Nil => number(0, 0),
        Value::Other => number(1, 0),
        Value::Bool(value) => number(2, u64::from(*value)),
        Value::Int(value) => number(3, value.cast_unsigned()),
        Value::Duration(value) => number(4, value.cast_unsigned()),
        Value::Float(value) => number(5, if value.is_nan() { f64::NAN } else { value + 0.0 }.to_bits()),
        Value::Status(value) => number(6, u64::from(value.cast_unsigned())),
        Value::Kind(value) => number(7, u64::from(value.cast_unsigned())),
        Value::Text(text) => {
            number(8, text.len() as u64);
            key.extend_from_slice(text.as_bytes());
        }
        Value::List(elements) => {
            number(9, elements.len() as u64);
            for element in elements {
                write_key(element, key);
            }
        }
    }
}
