//! Answers queries by looking at every span: what an index is held to, and what is done where there is none.

use std::convert::Infallible;
use std::sync::OnceLock;

use roaring::RoaringBitmap;

use super::RowSet;
use super::pipeline::{self, Rows};
use super::query::Query;
use super::query::ast::Expr;
use super::query::evaluate::{Root, Subject, TraceFacts};
use super::query::value::Value;
use super::times::Times;
use super::traces::Traces;
use crate::{SpanBatch, SpanRef};

/// Spans in batches, as rows that a query can be run on. Row 0 is the first span of the first batch.
///
/// ```
/// use spanwise::index::{Query, Scan};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
/// let batches = [spanwise::decode(&body[..])?];
/// let found = Scan::new(&batches).run(&Query::parse(r#"{ name = "tool" }"#)?);
/// for row in &found {
///     assert_eq!(row, 1);
/// }
/// assert_eq!(found.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scan<'a> {
    batches: Vec<&'a SpanBatch>,
    /// The row that each batch begins with.
    starts: Vec<u32>,
    len: u32,
    tables: OnceLock<(Traces, Times)>,
}

impl<'a> Scan<'a> {
    /// The spans of these batches; those beyond 2³² − 1 are left out.
    pub fn new(batches: impl IntoIterator<Item = &'a SpanBatch>) -> Self {
        let mut scan = Self { batches: Vec::new(), starts: Vec::new(), len: 0, tables: OnceLock::new() };
        for batch in batches {
            let Some(len) = u32::try_from(batch.len()).ok().and_then(|len| scan.len.checked_add(len)) else {
                break;
            };
            scan.starts.push(scan.len);
            scan.batches.push(batch);
            scan.len = len;
        }
        scan
    }

    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The span of a row.
    pub fn span(&self, row: u32) -> Option<SpanRef<'a>> {
        let batch = self.starts.partition_point(|start| *start <= row).checked_sub(1)?;
        self.batches.get(batch)?.span((row - self.starts.get(batch)?) as usize)
    }

    /// The rows that a query picks.
    pub fn run(&self, query: &Query) -> RowSet {
        match pipeline::run(&query.stages, self) {
            Ok(rows) => RowSet(rows),
        }
    }

    fn rows(&self) -> impl Iterator<Item = (u32, SpanRef<'a>)> + '_ {
        (0..).zip(self.batches.iter().flat_map(|batch| batch.spans()))
    }

    pub(crate) fn tables(&self) -> &(Traces, Times) {
        self.tables.get_or_init(|| {
            let (mut traces, mut times) = (Traces::default(), Times::default());
            for batch in &self.batches {
                for row in batch.span_rows() {
                    traces.push(batch, row);
                    times.push(row);
                }
            }
            (traces, times)
        })
    }

    fn facts(&self, row: u32) -> TraceFacts<'a> {
        let (traces, times) = self.tables();
        let (facts, trace) = (traces.facts(times), traces.trace_of(row) as usize);
        let root = facts.root.get(trace).copied().flatten().and_then(|root| self.span(root));
        TraceFacts {
            child_count: facts.children.get(row as usize).copied().unwrap_or(0),
            root: root.map_or(Root::None, Root::Span),
            duration: facts.duration.get(trace).copied().unwrap_or(0),
        }
    }
}

impl Rows for Scan<'_> {
    type Error = Infallible;

    fn filter(&self, expr: &Expr) -> Result<RoaringBitmap, Infallible> {
        let needs_trace = expr.needs_trace();
        let none = TraceFacts::default();
        let matching = self.rows().filter(|(row, span)| {
            if needs_trace {
                expr.is_true(Subject { span: *span, facts: &self.facts(*row) })
            } else {
                expr.is_true(Subject { span: *span, facts: &none })
            }
        });
        Ok(RoaringBitmap::from_sorted_iter(matching.map(|(row, _)| row)).unwrap_or_default())
    }

    fn values(
        &self,
        rows: &RoaringBitmap,
        expr: &Expr,
        each: &mut dyn FnMut(u32, &Value<'_>),
    ) -> Result<(), Infallible> {
        let needs_trace = expr.needs_trace();
        for row in rows {
            let Some(span) = self.span(row) else { continue };
            let facts = if needs_trace { self.facts(row) } else { TraceFacts::default() };
            each(row, &expr.value(Subject { span, facts: &facts }));
        }
        Ok(())
    }

    fn len(&self) -> u32 {
        self.len
    }

    fn traces(&self) -> Result<&Traces, Infallible> {
        Ok(&self.tables().0)
    }
}
