//! Runs a query's stages over rows, wherever these come from.
//!
//! Until `by` splits them, the spansets of a pipeline are the traces, so they are one set of rows; only then are they
//! listed one by one.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::query::ast::{Aggregate, Comparison, Expr, Literal, Spanset, Stage, Step};
use super::query::value::{Value, holds};
use super::traces::Traces;

/// What rows can be asked.
pub(crate) trait Rows {
    /// Why an answer may fail.
    type Error;

    /// The rows that match a filter.
    fn filter(&self, expr: &Expr) -> Result<RoaringBitmap, Self::Error>;

    /// Calls `each` with the value that `expr` has for each of these rows; the rows of one trace in ascending order.
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
        && rest.iter().all(|stage| matches!(stage, Stage::Select(_)))
    {
        return rows.filter(expr);
    }
    let all = RoaringBitmap::from_sorted_iter(0..rows.len()).unwrap_or_default();
    run_on(stages, rows, all)
}

enum Spansets {
    /// Each trace's.
    Traces(RoaringBitmap),
    Groups(Vec<RoaringBitmap>),
}

fn run_on<R: Rows>(stages: &[Stage], rows: &R, all: RoaringBitmap) -> Result<RoaringBitmap, R::Error> {
    let mut spansets = Spansets::Traces(all);
    for stage in stages {
        spansets = match (stage, spansets) {
            (Stage::Select(_), spansets) => spansets,
            (Stage::Coalesce, spansets) => Spansets::Traces(joined(spansets)),
            (Stage::Spanset(spanset), Spansets::Traces(within)) => {
                Spansets::Traces(pick(spanset, rows, &within)?)
            }
            (Stage::Spanset(spanset), Spansets::Groups(groups)) => {
                let mut left = Vec::new();
                for group in groups {
                    left.push(pick(spanset, rows, &group)?);
                }
                left.retain(|group| !group.is_empty());
                Spansets::Groups(left)
            }
            (Stage::By(expr), spansets) => {
                let mut split = Vec::new();
                for group in grouped(spansets, rows)? {
                    split.extend(by(expr, rows, &group)?);
                }
                Spansets::Groups(split)
            }
            (Stage::Aggregate(aggregate, comparison, literal), spansets) => {
                let of_traces = matches!(spansets, Spansets::Traces(_));
                let mut kept = Vec::new();
                for group in grouped(spansets, rows)? {
                    if passes(aggregate, *comparison, literal, rows, &group)? {
                        kept.push(group);
                    }
                }
                let kept = Spansets::Groups(kept);
                if of_traces { Spansets::Traces(joined(kept)) } else { kept }
            }
        };
    }
    Ok(joined(spansets))
}

fn joined(spansets: Spansets) -> RoaringBitmap {
    match spansets {
        Spansets::Traces(rows) => rows,
        Spansets::Groups(groups) => {
            let mut rows: Vec<u32> = groups.iter().flatten().collect();
            rows.sort_unstable();
            rows.dedup();
            RoaringBitmap::from_sorted_iter(rows).unwrap_or_default()
        }
    }
}

fn grouped<R: Rows>(spansets: Spansets, rows: &R) -> Result<Vec<RoaringBitmap>, R::Error> {
    match spansets {
        Spansets::Groups(groups) => Ok(groups),
        Spansets::Traces(all) => {
            let groups = rows.traces()?.groups(&all);
            Ok(groups
                .into_iter()
                .map(|rows| RoaringBitmap::from_sorted_iter(rows).unwrap_or_default())
                .collect())
        }
    }
}

/// The rows among `within` that a spanset picks.
fn pick<R: Rows>(spanset: &Spanset, rows: &R, within: &RoaringBitmap) -> Result<RoaringBitmap, R::Error> {
    Ok(match spanset {
        Spanset::Filter(expr) => rows.filter(expr)? & within,
        Spanset::Or(parts) => {
            let mut any = RoaringBitmap::new();
            for part in parts {
                any |= pick(part, rows, within)?;
            }
            any
        }
        Spanset::And(parts) => {
            let traces = rows.traces()?;
            let mut any = RoaringBitmap::new();
            let mut common: Option<RoaringBitmap> = None;
            for part in parts {
                let picked = pick(part, rows, within)?;
                let of = traces.of(&picked);
                common = Some(common.map_or_else(|| of.clone(), |common| common & &of));
                any |= picked;
            }
            traces.within(&any, &common.unwrap_or_default())
        }
        Spanset::Related(first, steps) => {
            let mut left = pick(first, rows, within)?;
            for Step { relation, negated, to } in steps {
                let right = pick(to, rows, within)?;
                left = rows.traces()?.related(*relation, *negated, &left, &right);
            }
            left
        }
        Spanset::Pipeline(stages) => run_on(stages, rows, within.clone())?,
    })
}

fn by<R: Rows>(expr: &Expr, rows: &R, group: &RoaringBitmap) -> Result<Vec<RoaringBitmap>, R::Error> {
    let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut split: Vec<RoaringBitmap> = Vec::new();
    let mut key = Vec::new();
    rows.values(group, expr, &mut |row, value| {
        key.clear();
        write_key(value, &mut key);
        let number = if let Some(number) = numbers.get(&key) {
            *number
        } else {
            split.push(RoaringBitmap::new());
            numbers.insert(key.clone(), split.len() - 1);
            split.len() - 1
        };
        if let Some(rows) = split.get_mut(number) {
            rows.insert(row);
        }
    })?;
    Ok(split)
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

/// Numbers summed up: exactly, until a double joins them.
#[derive(Default)]
struct Sum {
    count: u32,
    exact: i128,
    float: f64,
    has_float: bool,
}

impl Sum {
    fn add(&mut self, value: &Value<'_>) {
        match value {
            Value::Int(number) | Value::Duration(number) => self.exact += i128::from(*number),
            Value::Float(number) => {
                self.has_float = true;
                self.float += number;
            }
            _ => return,
        }
        self.count += 1;
    }

    #[allow(clippy::cast_precision_loss, reason = "a double is asked for")]
    fn total(&self) -> f64 {
        self.exact as f64 + self.float
    }
}

fn passes<R: Rows>(
    aggregate: &Aggregate,
    comparison: Comparison,
    literal: &Literal,
    rows: &R,
    group: &RoaringBitmap,
) -> Result<bool, R::Error> {
    let literal = Value::from(literal);
    let value = match aggregate {
        Aggregate::Count => Value::Int(i64::try_from(group.len()).unwrap_or(i64::MAX)),
        Aggregate::Minimum(expr) | Aggregate::Maximum(expr) => {
            let wanted = if matches!(aggregate, Aggregate::Minimum(_)) {
                Comparison::Less
            } else {
                Comparison::Greater
            };
            let mut best = Value::Nil;
            rows.values(group, expr, &mut |_, value| {
                let better = best.is_nil() || value.compares(wanted, &best);
                if let Some(number) = value.to_number().filter(|_| better) {
                    best = match number {
                        Literal::Int(number) => Value::Int(number),
                        Literal::Duration(nanos) => Value::Duration(nanos),
                        Literal::Float(number) => Value::Float(number),
                        _ => Value::Nil,
                    };
                }
            })?;
            best
        }
        Aggregate::Sum(expr) | Aggregate::Average(expr) => {
            let mut sum = Sum::default();
            rows.values(group, expr, &mut |_, value| sum.add(value))?;
            if sum.count == 0 {
                Value::Nil
            } else if matches!(aggregate, Aggregate::Average(_)) {
                Value::Float(sum.total() / f64::from(sum.count))
            } else if sum.has_float {
                Value::Float(sum.total())
            } else {
                match (i64::try_from(sum.exact), literal.as_float()) {
                    (Ok(exact), _) => Value::Int(exact),
                    // Beyond any integer that it could be compared with.
                    (Err(_), Some(other)) => return Ok(holds(comparison, sum.total().partial_cmp(&other))),
                    (Err(_), None) => Value::Nil,
                }
            }
        }
    };
    Ok(value.compares(comparison, &literal))
}
