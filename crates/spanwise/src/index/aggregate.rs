//! Which groups of rows have an aggregate that compares as a query says.

use roaring::RoaringBitmap;

use super::pipeline::{Rows, group_of, groups_of, in_groups};
use super::query::ast::{Aggregate, Comparison, Literal};
use super::query::value::{Value, holds};

/// What is asked of each group.
pub(super) struct Passing<'a> {
    pub(super) aggregate: &'a Aggregate,
    pub(super) comparison: Comparison,
    pub(super) literal: &'a Literal,
}

/// Numbers summed up: exactly, until a double joins them.
#[derive(Clone, Default)]
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

    fn average(&self) -> Value<'static> {
        if self.count == 0 { Value::Nil } else { Value::Float(self.total() / f64::from(self.count)) }
    }

    fn passes(&self, comparison: Comparison, literal: &Value<'_>) -> bool {
        if self.count == 0 {
            return false;
        }
        if self.has_float {
            return Value::Float(self.total()).compares(comparison, literal);
        }
        let order = match literal {
            Value::Int(other) | Value::Duration(other) => Some(self.exact.cmp(&i128::from(*other))),
            _ => match literal.as_float() {
                Some(other) => self.total().partial_cmp(&other),
                None => return false,
            },
        };
        holds(comparison, order)
    }
}

/// The number of a value that is one and compares with others, to be kept.
fn number(value: &Value<'_>) -> Option<Value<'static>> {
    match value {
        Value::Int(number) => Some(Value::Int(*number)),
        Value::Duration(nanos) => Some(Value::Duration(*nanos)),
        Value::Float(number) if !number.is_nan() => Some(Value::Float(*number)),
        _ => None,
    }
}

/// The rows of the groups whose aggregate compares so; `numbers` has the number of each row's group.
pub(super) fn passing<R: Rows>(
    Passing { aggregate, comparison, literal }: Passing<'_>,
    rows: &R,
    within: &RoaringBitmap,
    numbers: &[u32],
) -> Result<RoaringBitmap, R::Error> {
    let literal = Value::from(literal);
    let groups = groups_of(within, numbers);
    let count = groups.max().map_or(0, |last| last as usize + 1);
    let place = |row: u32| group_of(row, numbers) as usize;
    let passes: Vec<bool> = match aggregate {
        Aggregate::Count => {
            let mut counts = vec![0i64; count];
            for row in within {
                if let Some(count) = counts.get_mut(place(row)) {
                    *count += 1;
                }
            }
            counts.into_iter().map(|count| Value::Int(count).compares(comparison, &literal)).collect()
        }
        Aggregate::Minimum(expr) | Aggregate::Maximum(expr) => {
            let wanted = match aggregate {
                Aggregate::Minimum(_) => Comparison::Less,
                _ => Comparison::Greater,
            };
            let mut best = vec![Value::Nil; count];
            rows.values(within, expr, &mut |row, value| {
                let (Some(best), Some(number)) = (best.get_mut(place(row)), number(value)) else { return };
                if best.is_nil() || number.compares(wanted, best) {
                    *best = number;
                }
            })?;
            best.into_iter().map(|best| best.compares(comparison, &literal)).collect()
        }
        Aggregate::Sum(expr) | Aggregate::Average(expr) => {
            let mut sums = vec![Sum::default(); count];
            rows.values(within, expr, &mut |row, value| {
                if let Some(sum) = sums.get_mut(place(row)) {
                    sum.add(value);
                }
            })?;
            let passes = |sum: &Sum| match aggregate {
                Aggregate::Average(_) => sum.average().compares(comparison, &literal),
                _ => sum.passes(comparison, &literal),
            };
            sums.iter().map(passes).collect()
        }
    };
    let passing = groups.iter().filter(|group| passes.get(*group as usize).copied().unwrap_or(false));
    let passing = RoaringBitmap::from_sorted_iter(passing).unwrap_or_default();
    Ok(in_groups(within, &passing, numbers))
}
