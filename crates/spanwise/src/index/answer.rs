//! What an index knows of a filter, and how the source settles the rest.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::build::INTRINSICS;
use super::column::{Column, Known};
use super::numbers::range;
use super::pipeline::{self, Rows, groups_of};
use super::query::Query;
use super::query::ast::{Comparison, Expr, Field, Intrinsic, Literal, Scope};
use super::query::evaluate::{Root, Subject, TraceFacts};
use super::query::value::Value;
use super::times::nanos;
use super::traces::Traces;
use super::values::Held;
use super::{Index, IndexError, RowSet, SpanLookup};

impl Index {
    /// The rows that a query picks. The source gives the spans that the index alone cannot tell about.
    ///
    /// Most queries ask nothing of the source: comparisons of a field with a literal, joined in any way, over fields whose
    /// values are neither long nor of very many kinds.
    ///
    /// # Errors
    /// The source failed.
    pub fn run(&self, query: &Query, source: &dyn SpanLookup) -> Result<RowSet, IndexError> {
        pipeline::run(&query.stages, &Answering { index: self, source }).map(RowSet)
    }

    fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.len());
        all
    }

    fn all_unsure(&self) -> Known {
        Known { yes: RoaringBitmap::new(), unsure: self.all() }
    }

    pub(super) fn known(&self, expr: &Expr) -> Result<Known, IndexError> {
        Ok(match expr {
            Expr::Literal(Literal::Bool(true)) => Known::exact(self.all()),
            Expr::Literal(_) | Expr::Negate(_) | Expr::Arithmetic(..) => Known::default(),
            Expr::Field(field) => self.is_bool(field, true)?,
            Expr::Not(inner) => match &**inner {
                Expr::Field(field) => self.is_bool(field, false)?,
                Expr::Literal(Literal::Bool(value)) => {
                    if *value {
                        Known::default()
                    } else {
                        Known::exact(self.all())
                    }
                }
                Expr::Compare(..) | Expr::Exists(..) | Expr::Matches { .. } | Expr::And(_) | Expr::Or(_) => {
                    self.known(inner)?.not(self.all())
                }
                // What is no boolean stays none however often it is negated.
                _ => self.all_unsure(),
            },
            Expr::And(parts) => {
                let mut left: Option<Known> = None;
                for part in parts {
                    let known = match left {
                        Some(left) if left.yes.is_empty() && left.unsure.is_empty() => return Ok(left),
                        Some(left) => left.and(self.known(part)?),
                        None => self.known(part)?,
                    };
                    left = Some(known);
                }
                left.unwrap_or_default()
            }
            Expr::Or(parts) => {
                let mut joined = Known::default();
                for part in parts {
                    joined = joined.or(self.known(part)?);
                }
                joined
            }
            Expr::Exists(inner, exists) => match &**inner {
                Expr::Field(field) => {
                    let present = self.present(field)?;
                    if *exists { present } else { present.not(self.all()) }
                }
                Expr::Literal(_) => Known::exact(if *exists { self.all() } else { RoaringBitmap::new() }),
                _ => self.all_unsure(),
            },
            Expr::Matches { expr, regex, negated } => match &**expr {
                Expr::Field(field) => self.matches(field, &|column| column.matches(regex, *negated))?,
                Expr::Literal(literal) => {
                    let holds = Value::from(literal).matches(regex, *negated);
                    if holds { Known::exact(self.all()) } else { Known::default() }
                }
                _ => self.all_unsure(),
            },
            Expr::Compare(comparison, left, right) => match (&**left, &**right) {
                (Expr::Field(field), Expr::Literal(literal)) => self.compares(field, *comparison, literal)?,
                (Expr::Literal(literal), Expr::Field(field)) => {
                    self.compares(field, comparison.flipped(), literal)?
                }
                (Expr::Literal(left), Expr::Literal(right)) => {
                    let holds = Value::from(left).compares(*comparison, &Value::from(right));
                    if holds { Known::exact(self.all()) } else { Known::default() }
                }
                (left, right) => {
                    let mut unsure = self.all();
                    if is_computed(left) && is_computed(right) {
                        // Nothing comes of a field that is not there.
                        let mut fields = Vec::new();
                        left.fields(&mut |field| fields.push(field));
                        right.fields(&mut |field| fields.push(field));
                        for field in fields {
                            unsure &= self.present(field)?.possible();
                        }
                    }
                    Known { yes: RoaringBitmap::new(), unsure }
                }
            },
        })
    }

    fn matches(&self, field: &Field, column: &dyn Fn(&Column) -> Known) -> Result<Known, IndexError> {
        self.over(field, column, &|index, intrinsic| match intrinsic {
            Intrinsic::TraceId | Intrinsic::SpanId | Intrinsic::ParentId => Ok(index.all_unsure()),
            Intrinsic::RootName => {
                index.of_roots(&index.matches(&Field::Intrinsic(Intrinsic::Name), column)?)
            }
            Intrinsic::RootService => index.of_roots(&index.matches(&service_name(), column)?),
            _ => Ok(Known::default()),
        })
    }

    fn is_bool(&self, field: &Field, value: bool) -> Result<Known, IndexError> {
        match field {
            // One of several may be it; and a list in an event is none.
            _ if field.is_repeated() => {
                let known = self.compares(field, Comparison::Equal, &Literal::Bool(value))?;
                Ok(Known { yes: RoaringBitmap::new(), unsure: known.possible() })
            }
            _ => self.over(field, &|column| column.is_bool(value), &|_, _| Ok(Known::default())),
        }
    }

    fn present(&self, field: &Field) -> Result<Known, IndexError> {
        self.over(field, &|column| Known::exact(column.present()), &|index, intrinsic| {
            Ok(match intrinsic {
                Intrinsic::RootName => index.of_roots(&Known::exact(index.all()))?,
                Intrinsic::RootService => index.of_roots(&index.present(&service_name())?)?,
                _ => Known::exact(index.all()),
            })
        })
    }

    fn compares(
        &self,
        field: &Field,
        comparison: Comparison,
        literal: &Literal,
    ) -> Result<Known, IndexError> {
        let column = |column: &Column| match (field, literal) {
            (Field::Intrinsic(Intrinsic::Status), Literal::Status(number))
            | (Field::Intrinsic(Intrinsic::Kind), Literal::Kind(number)) => {
                column.compares(comparison, &Literal::Int((*number).into()))
            }
            _ => column.compares(comparison, literal),
        };
        self.over(field, &column, &|index, intrinsic| {
            index.compares_intrinsic(intrinsic, comparison, literal)
        })
    }

    /// What the columns of a field say, or, of intrinsics without a column, `other`.
    fn over(
        &self,
        field: &Field,
        column: &dyn Fn(&Column) -> Known,
        other: &dyn Fn(&Self, Intrinsic) -> Result<Known, IndexError>,
    ) -> Result<Known, IndexError> {
        // What the column says; and the rows that have a value, or may have one that no column knows.
        let one = |scope: Scope, name: &str| -> Result<(Known, RoaringBitmap), IndexError> {
            let overflow = self.overflow_of(scope)?;
            let unknown = Known { yes: RoaringBitmap::new(), unsure: overflow.clone() };
            Ok(match self.column(&Field::Attribute(scope, name.to_owned()))? {
                Some(found) if overflow.is_empty() => (column(found), found.present()),
                Some(found) => (column(found).or(unknown), found.present() | overflow),
                None => (unknown, overflow.clone()),
            })
        };
        match field {
            Field::Attribute(Scope::Unscoped, name) => {
                let (of_span, has) = one(Scope::Span, name)?;
                let (of_resource, _) = one(Scope::Resource, name)?;
                Ok(of_span.or(of_resource.without(&has)))
            }
            Field::Attribute(scope, name) => Ok(one(*scope, name)?.0),
            Field::Intrinsic(intrinsic) => match self.column(field)? {
                Some(found) => Ok(column(found)),
                // No row was added yet.
                None if INTRINSICS.contains(intrinsic) => Ok(Known::default()),
                None => other(self, *intrinsic),
            },
        }
    }

    /// Intrinsics that have no column of their own.
    fn compares_intrinsic(
        &self,
        intrinsic: Intrinsic,
        comparison: Comparison,
        literal: &Literal,
    ) -> Result<Known, IndexError> {
        let literal_value = Value::from(literal);
        let is = |value: Value<'_>| value.compares(comparison, &literal_value);
        let nanos = |duration: u64| Value::Duration(nanos(duration));
        let rows = |test: &dyn Fn(usize) -> bool| {
            let found = (0..self.len()).filter(|row| test(*row as usize));
            Known::exact(RoaringBitmap::from_sorted_iter(found).unwrap_or_default())
        };
        Ok(match intrinsic {
            Intrinsic::Duration => {
                if literal_value.as_float().is_none_or(f64::is_nan) {
                    let all = is(Value::Duration(0));
                    return Ok(if all { Known::exact(self.all()) } else { Known::default() });
                }
                let (low, high) = comparison.beyond();
                let than = |beyond: Option<Comparison>, bits: u64| {
                    beyond.is_some_and(|beyond| nanos(bits).compares(beyond, &literal_value))
                };
                let range = range(&(0..=u64::MAX), |bits| than(low, bits), |bits| than(high, bits));
                let found = self.times()?.between(&range);
                Known::exact(if comparison == Comparison::NotEqual { self.all() - found } else { found })
            }
            Intrinsic::ChildCount => {
                let children = &self.facts()?.children;
                rows(&|row| is(Value::Int(children.get(row).copied().unwrap_or(0).into())))
            }
            Intrinsic::TraceDuration => {
                let (traces, facts) = (self.traces()?, self.facts()?);
                let matching: Vec<bool> =
                    facts.duration.iter().map(|duration| is(nanos(*duration))).collect();
                let of = |row: usize| traces.trace.get(row).and_then(|trace| matching.get(*trace as usize));
                rows(&|row| of(row).copied().unwrap_or(false))
            }
            Intrinsic::RootName => {
                let names = self.compares(&Field::Intrinsic(Intrinsic::Name), comparison, literal)?;
                self.of_roots(&names)?
            }
            Intrinsic::RootService => {
                let services = self.compares(&service_name(), comparison, literal)?;
                self.of_roots(&services)?
            }
            Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::TraceId => {
                let Literal::Text(text) = literal else { return Ok(Known::default()) };
                let found = self.traces()?.with_id(intrinsic, text);
                match comparison {
                    Comparison::Equal => Known::exact(found),
                    Comparison::NotEqual => Known::exact(self.all() - found),
                    _ => self.all_unsure(),
                }
            }
            _ => Known::default(),
        })
    }

    /// The rows of the traces whose root is among these rows.
    fn of_roots(&self, roots: &Known) -> Result<Known, IndexError> {
        let (traces, facts) = (self.traces()?, self.facts()?);
        let of = |rows: &RoaringBitmap| {
            let has: Vec<bool> =
                facts.root.iter().map(|root| root.is_some_and(|root| rows.contains(root))).collect();
            let found = (0..self.len())
                .filter(|row| has.get(traces.trace_of(*row) as usize).copied().unwrap_or(false));
            RoaringBitmap::from_sorted_iter(found).unwrap_or_default()
        };
        let unsure = if roots.unsure.is_empty() { RoaringBitmap::new() } else { of(&roots.unsure) };
        Ok(Known { yes: of(&roots.yes), unsure })
    }
}

fn service_name() -> Field {
    Field::Attribute(Scope::Resource, "service.name".to_owned())
}

/// Whether it is made of fields, numbers and arithmetic alone.
fn is_computed(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) | Expr::Field(_) => true,
        Expr::Negate(inner) => is_computed(inner),
        Expr::Arithmetic(first, steps) => {
            is_computed(first) && steps.iter().all(|(_, operand)| is_computed(operand))
        }
        _ => false,
    }
}

/// An index and its source, as rows.
struct Answering<'a> {
    index: &'a Index,
    source: &'a dyn SpanLookup,
}

/// By row of a root, what is asked of it.
type OfRoots = HashMap<u32, Value<'static>>;

impl Answering<'_> {
    /// Calls `each` with the spans of these rows and what their traces say about them, as far as `expr` asks for it. Every span
    /// is read once, in the order of the rows; roots that must be read are read before.
    fn spans(
        &self,
        rows: &RoaringBitmap,
        expr: &Expr,
        each: &mut dyn FnMut(u32, Subject<'_, '_>),
    ) -> Result<(), IndexError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows = RowSet(rows.clone());
        if !expr.needs_trace() {
            let facts = TraceFacts::default();
            return self.source.spans(&rows, &mut |row, span| each(row, Subject { span, facts: &facts }));
        }
        let (traces, facts) = (self.index.traces()?, self.index.facts()?);
        let of_roots = |wanted, field| {
            if expr.asks_for(wanted) { self.of_roots(&rows.0, field) } else { Ok(OfRoots::new()) }
        };
        let names = of_roots(Intrinsic::RootName, Field::Intrinsic(Intrinsic::Name))?;
        let services = of_roots(Intrinsic::RootService, service_name())?;
        self.source.spans(&rows, &mut |row, span| {
            let trace = traces.trace_of(row) as usize;
            let root = facts.root.get(trace).copied().flatten();
            let name = root.and_then(|root| names.get(&root)).unwrap_or(&Value::Nil);
            let service = root.and_then(|root| services.get(&root)).unwrap_or(&Value::Nil);
            let facts = TraceFacts {
                child_count: facts.children.get(row as usize).copied().unwrap_or(0),
                root: Root::Known { name, service },
                duration: facts.duration.get(trace).copied().unwrap_or(0),
            };
            each(row, Subject { span, facts: &facts });
        })
    }

    /// The values of a field of the roots of these rows' traces.
    fn of_roots(&self, rows: &RoaringBitmap, field: Field) -> Result<OfRoots, IndexError> {
        let (traces, facts) = (self.index.traces()?, self.index.facts()?);
        let traces = groups_of(rows, &traces.trace);
        let roots = traces.iter().filter_map(|trace| facts.root.get(trace as usize).copied().flatten());
        let mut values = OfRoots::new();
        self.values(&roots.collect(), &Expr::Field(field), &mut |row, value| {
            values.insert(row, value.clone().into_owned());
        })?;
        Ok(values)
    }

    /// Calls `each` with what the tables of all rows have of an intrinsic; false if they have nothing.
    fn table_values(
        &self,
        rows: &RoaringBitmap,
        intrinsic: Intrinsic,
        each: &mut dyn FnMut(u32, &Value<'_>),
    ) -> Result<bool, IndexError> {
        let field = match intrinsic {
            Intrinsic::Duration => {
                let times = self.index.times()?;
                rows.iter().for_each(|row| each(row, &Value::Duration(nanos(times.duration_of(row)))));
                return Ok(true);
            }
            Intrinsic::ChildCount => {
                let children = &self.index.facts()?.children;
                let of = |row: u32| children.get(row as usize).copied().unwrap_or(0);
                rows.iter().for_each(|row| each(row, &Value::Int(of(row).into())));
                return Ok(true);
            }
            Intrinsic::TraceDuration => {
                let (traces, durations) = (self.index.traces()?, &self.index.facts()?.duration);
                let of = |row: u32| durations.get(traces.trace_of(row) as usize).copied().unwrap_or(0);
                rows.iter().for_each(|row| each(row, &Value::Duration(nanos(of(row)))));
                return Ok(true);
            }
            Intrinsic::RootName => Field::Intrinsic(Intrinsic::Name),
            Intrinsic::RootService => service_name(),
            _ => return Ok(false),
        };
        let (traces, facts) = (self.index.traces()?, self.index.facts()?);
        let values = self.of_roots(rows, field)?;
        for row in rows {
            let root = facts.root.get(traces.trace_of(row) as usize).copied().flatten();
            each(row, root.and_then(|root| values.get(&root)).unwrap_or(&Value::Nil));
        }
        Ok(true)
    }
}

impl Rows for Answering<'_> {
    type Error = IndexError;

    fn filter(&self, expr: &Expr) -> Result<RoaringBitmap, IndexError> {
        let Known { mut yes, unsure } = self.index.known(expr)?;
        let mut confirmed = Vec::new();
        self.spans(&unsure, expr, &mut |row, subject| {
            if expr.is_true(subject) {
                confirmed.push(row);
            }
        })?;
        yes.extend(confirmed);
        Ok(yes)
    }

    fn values(
        &self,
        rows: &RoaringBitmap,
        expr: &Expr,
        each: &mut dyn FnMut(u32, &Value<'_>),
    ) -> Result<(), IndexError> {
        let held = match expr {
            Expr::Field(Field::Intrinsic(intrinsic)) if self.table_values(rows, *intrinsic, each)? => {
                return Ok(());
            }
            Expr::Field(field) => self.index.held(field, rows)?,
            _ => None,
        };
        let Some(Held { known, asked }) = held else {
            return self.spans(rows, expr, &mut |row, subject| each(row, &expr.value(subject)));
        };
        let mut known = known.into_iter().peekable();
        let mut rows = rows.iter().peekable();
        let mut before = |end: Option<u32>, each: &mut dyn FnMut(u32, &Value<'_>)| {
            while let Some(row) = rows.next_if(|row| end.is_none_or(|end| *row < end)) {
                let value = known.next_if(|(found, _)| *found == row);
                each(row, &value.map_or(Value::Nil, |(_, value)| value));
            }
            rows.next();
        };
        self.spans(&asked, expr, &mut |row, subject| {
            before(Some(row), each);
            each(row, &expr.value(subject));
        })?;
        before(None, each);
        Ok(())
    }

    fn len(&self) -> u32 {
        self.index.len()
    }

    fn traces(&self) -> Result<&Traces, IndexError> {
        self.index.traces()
    }
}
