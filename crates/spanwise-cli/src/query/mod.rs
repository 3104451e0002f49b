//! `spanwise query`: the spans that a `TraceQL` query picks, found by looking at each, or from an index.
//!
//! Without an index, a query that judges each span by itself is run block by block, on several threads, in bounded memory. One that asks
//! about other spans of the trace (structure, counts, roots) needs all of them: their text is held in memory.

mod indexed;
mod print;
mod rows;

use std::io::{self, Write};
use std::sync::Arc;

use spanwise::index::{Order, Query, QueryError, Scan};
use spanwise::{DecodeOptions, SpanBatch};
use spanwise_arrow::{ArrowOptions, Converter};
use spanwise_io::SpanIndex;

use crate::Outcome;
use crate::arguments::{self, QueryFormat};
use crate::reading::{Inputs, Portion, Reading};
use crate::table::counted;
use print::Printer;
use rows::{Found, Shape};

/// Spans shown to people, where nothing else is asked for.
const SHOWN_TO_PEOPLE: usize = 100;

/// What came of a block, or of all of them.
struct Part {
    /// Something was read.
    read: bool,
    matched: u64,
    found: Result<Vec<Found>, String>,
    left_out: LeftOut,
}

/// What no query can find.
#[derive(Debug, Clone, Copy, Default)]
struct LeftOut {
    bad_documents: u64,
    rejected_spans: u64,
}

impl LeftOut {
    fn of_index(index: &SpanIndex) -> Self {
        let spanwise_io::LeftOut { bad_documents, rejected_spans, .. } = index.left_out();
        Self { bad_documents, rejected_spans }
    }

    fn of(batch: &SpanBatch) -> Self {
        Self { bad_documents: batch.bad_documents(), rejected_spans: batch.rejected_spans() }
    }

    fn is_any(self) -> bool {
        self.bad_documents > 0 || self.rejected_spans > 0
    }

    fn add(&mut self, other: Self) {
        self.bad_documents += other.bad_documents;
        self.rejected_spans += other.rejected_spans;
    }
}

/// Finds and renders spans: one on each thread.
#[derive(Clone)]
struct Finder {
    query: Arc<Query>,
    order: Order,
    limit: usize,
    shape: Shape,
}

impl Finder {
    fn in_block(&mut self, batch: &SpanBatch) -> Part {
        let scan = Scan::new([batch]);
        let rows = scan.run(&self.query);
        let first = match self.shape {
            Shape::Count => Vec::new(),
            _ => scan.first(&rows, self.order, self.limit),
        };
        let found = self.shape.render(batch, &first, self.order);
        Part { read: was_read(batch), matched: rows.len(), found, left_out: LeftOut::of(batch) }
    }

    fn in_all(&mut self, batches: &[SpanBatch]) -> Part {
        let scan = Scan::new(batches);
        let rows = scan.run(&self.query);
        let mut first = match self.shape {
            Shape::Count => Vec::new(),
            _ => scan.first(&rows, self.order, self.limit),
        };
        // Rendered batch by batch, then put in order: those of one batch are converted once.
        first.sort_unstable();
        let mut found = Ok(Vec::new());
        let mut left_out = LeftOut::default();
        let mut start = 0u32;
        let mut rest = first.as_slice();
        for batch in batches {
            left_out.add(LeftOut::of(batch));
            let end = start.saturating_add(u32::try_from(batch.len()).unwrap_or(u32::MAX));
            let (here, after) = rest.split_at(rest.partition_point(|row| *row < end));
            rest = after;
            let here: Vec<u32> = here.iter().map(|row| row - start).collect();
            start = end;
            if let Ok(all) = &mut found {
                match self.shape.render(batch, &here, self.order) {
                    Ok(rendered) => all.extend(rendered),
                    Err(message) => found = Err(message),
                }
            }
        }
        Part { read: batches.iter().any(was_read), matched: rows.len(), found, left_out }
    }
}

/// Whether there was something to look at, be it that there are no spans.
fn was_read(batch: &SpanBatch) -> bool {
    !batch.is_empty() || batch.document_count() > 0 && batch.rejected_spans() == 0
}

/// Why reading ended before the sources did.
enum Stop {
    /// As many are shown as were asked for.
    Enough,
    Io(io::Error),
    Convert(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs the command.
pub(crate) fn run(
    arguments: &arguments::Query,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<Outcome> {
    let query = match Query::parse(&arguments.traceql) {
        Ok(query) => query,
        Err(error) => return refuse(&arguments.traceql, &error, errors).map(|()| Outcome::Unreadable),
    };
    for warning in query.warnings() {
        writeln!(errors, "spanwise: the query, {warning}")?;
    }
    let shape = match shape(arguments) {
        Ok(shape) => shape,
        Err(message) => return writeln!(errors, "spanwise: {message}").map(|()| Outcome::Unreadable),
    };
    let limit = arguments.limit.unwrap_or(match shape {
        Shape::Cells => SHOWN_TO_PEOPLE,
        _ => usize::MAX,
    });
    let singly = query.is_of_single_spans();
    let order = arguments.order.into();
    let lists = query.projection().union(shape.projection());
    let mut finder = Finder { query: Arc::new(query), order, limit, shape };
    let decode = DecodeOptions::default().with_mode(arguments.mode.into()).with_projection(lists);
    let reading = Reading::open(&arguments.inputs, decode, errors)?;
    let mut inputs = reading.ledger();
    let mut unreadable = |input: usize, why: String| inputs.fault(input, why);
    let mut printer = Printer::new(arguments.format, &finder.shape, order, limit);
    let mut left_out = LeftOut::default();
    let mut anything_read = false;
    let mut take = |part: Part| -> Result<(), Stop> {
        anything_read |= part.read;
        left_out.add(part.left_out);
        printer.add(part.matched, part.found.map_err(Stop::Convert)?, output)?;
        if printer.is_full() { Err(Stop::Enough) } else { Ok(()) }
    };
    let mut portions = reading.portions();
    let read = if portions.iter().any(|portion| matches!(portion, Portion::Index(..))) {
        indexed::run(&mut finder, portions, singly, &mut take, &mut unreadable)
    } else if let Some(Portion::Sources(reading)) = portions.pop() {
        scan(&mut finder, reading, singly, &mut take, &mut unreadable)
    } else {
        Ok(())
    };
    match read {
        Ok(()) | Err(Stop::Enough) => {}
        Err(Stop::Io(error)) => return Err(error),
        Err(Stop::Convert(message)) => {
            return writeln!(errors, "spanwise: {message}").map(|()| Outcome::Unreadable);
        }
    }
    // That nothing was found says something only where something was looked at.
    if anything_read || !inputs.any_wrong() && !left_out.is_any() {
        printer.finish(output)?;
    }
    report(inputs, left_out, errors)
}

/// Looks at every span.
fn scan(
    finder: &mut Finder,
    reading: Reading,
    singly: bool,
    take: &mut dyn FnMut(Part) -> Result<(), Stop>,
    unreadable: &mut dyn FnMut(usize, String),
) -> Result<(), Stop> {
    if singly {
        let worker = || {
            let mut finder = finder.clone();
            move |batch: &mut SpanBatch| finder.in_block(batch)
        };
        reading.scan(worker, |input, part| match part {
            Ok(part) => take(part),
            Err(stopped) => {
                unreadable(input, stopped.message);
                Ok(())
            }
        })
    } else {
        let mut batches = Vec::new();
        let worker = || |batch: &mut SpanBatch| std::mem::take(batch);
        reading.scan(worker, |input, batch| {
            match batch {
                Ok(batch) => batches.push(batch),
                Err(stopped) => unreadable(input, stopped.message),
            }
            Ok::<(), Stop>(())
        })?;
        take(finder.in_all(&batches))
    }
}

/// What is shown of each span that is found.
fn shape(arguments: &arguments::Query) -> Result<Shape, String> {
    if arguments.count {
        return Ok(Shape::Count);
    }
    let columns = match arguments.format {
        QueryFormat::Human if arguments.ids => return Ok(Shape::Ids),
        QueryFormat::Human if arguments.columns.is_some() || !arguments.promote.is_empty() => {
            return Err("--columns and --promote are of the columns of --format json and jsonl".to_owned());
        }
        QueryFormat::Human => return Ok(Shape::Cells),
        _ if arguments.ids => Some(vec!["trace_id".to_owned(), "span_id".to_owned()]),
        _ => arguments.columns.clone(),
    };
    let promote = arguments.promote.clone();
    let options = ArrowOptions { columns, promote, ..ArrowOptions::default() };
    let converter = Converter::new(&options).map_err(|error| error.to_string())?;
    Ok(Shape::Json(Box::new(converter)))
}

/// Says what is wrong with a query, and where.
fn refuse(query: &str, error: &QueryError, errors: &mut dyn Write) -> io::Result<()> {
    writeln!(errors, "spanwise: the query, {error}")?;
    let line = query.lines().nth(error.line().saturating_sub(1)).unwrap_or_default().replace('\t', " ");
    if !line.is_empty() && line.len() <= 200 && !line.chars().any(char::is_control) {
        let caret = " ".repeat(error.column().saturating_sub(1));
        writeln!(errors, "  {line}\n  {caret}^")?;
    }
    Ok(())
}

fn report(inputs: Inputs, left_out: LeftOut, errors: &mut dyn Write) -> io::Result<Outcome> {
    let (_, unreadable) = inputs.tell(errors)?;
    let mut outcome = if unreadable.is_empty() { Outcome::Fine } else { Outcome::Unreadable };
    let kinds = [(left_out.bad_documents, "bad document"), (left_out.rejected_spans, "rejected span")];
    let named: Vec<_> =
        kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(count, noun)).collect();
    if !named.is_empty() {
        writeln!(errors, "not looked at: {} (`spanwise validate` says why)", named.join(", "))?;
        outcome = outcome.max(Outcome::Findings);
    }
    Ok(outcome)
}
