//! [`Index`]: columns by field, and the table of traces.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use super::build::Scratch;
use super::column::{Column, Run, bitmap_bytes};
use super::query::ast::{Field, Scope};
use super::slot::Slot;
use super::stored::{self, Sections};
use super::times::Times;
use super::traces::{Facts, Traces};
use super::{RowSet, Scan};
use crate::SpanRef;

/// How much of a field is kept in postings. What is beyond is answered from sorted numbers and checksums, and from the
/// source: slower, and never wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexLimits {
    /// Distinct texts, and distinct numbers, of a field that have postings. Default 4,096.
    pub distinct: u32,
    /// The longest text that has a posting, in bytes. Default 256.
    pub text_bytes: usize,
    /// Distinct fields, with those that are no attributes, of which there always are all. Attributes of further ones are only
    /// known to be there. Default 65,536.
    pub fields: u32,
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self { distinct: 4096, text_bytes: 256, fields: 1 << 16 }
    }
}

/// Why an index cannot answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum IndexError {
    /// More than 2³² − 2 spans.
    TooManyRows,
    /// The source could not give a span, or its store a section.
    Source(Box<dyn Error + Send + Sync>),
    /// A section of its store is not what [`Index::store`] wrote.
    Damaged,
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyRows => f.write_str("an index holds at most 4,294,967,294 spans"),
            Self::Source(error) => write!(f, "cannot read what was indexed: {error}"),
            Self::Damaged => f.write_str("the stored index is damaged"),
        }
    }
}

impl Error for IndexError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) => error.source(),
            Self::TooManyRows | Self::Damaged => None,
        }
    }
}

/// Where the spans that were added to an index are looked up, by row.
pub trait SpanLookup {
    /// Calls `each` for each of these rows with its span, in ascending order.
    ///
    /// # Errors
    /// A span cannot be read any more.
    fn spans(&self, rows: &RowSet, each: &mut dyn FnMut(u32, SpanRef<'_>)) -> Result<(), IndexError>;
}

impl SpanLookup for Scan<'_> {
    fn spans(&self, rows: &RowSet, each: &mut dyn FnMut(u32, SpanRef<'_>)) -> Result<(), IndexError> {
        for row in rows {
            let span =
                self.span(row).ok_or_else(|| IndexError::Source("there are fewer spans than rows".into()))?;
            each(row, span);
        }
        Ok(())
    }
}

/// An index over the fields of spans.
///
/// Rows are spans, in the order in which they were added. The spans themselves are not in it.
///
/// ```
/// use spanwise::index::{Index, Query, Scan};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
///     {"name":"chat","attributes":[{"key":"llm.model","value":{"stringValue":"heron-2"}}]},{"name":"tool"}]}]}]}"#;
/// let batches = [spanwise::decode(&body[..])?];
/// let mut index = Index::default();
/// index.add(&batches[0])?;
/// let found = index.run(&Query::parse(r#"{ .llm.model = "heron-2" }"#)?, &Scan::new(&batches))?;
/// assert_eq!(found.iter().collect::<Vec<_>>(), [0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Index {
    pub(super) len: u32,
    pub(super) limits: IndexLimits,
    pub(super) numbers: HashMap<Field, u32>,
    pub(super) slots: Vec<Slot>,
    /// By scope, as in `build`: rows with attributes beyond the last field.
    pub(super) overflow: OnceLock<[RoaringBitmap; 5]>,
    pub(super) traces: OnceLock<Traces>,
    pub(super) times: OnceLock<Times>,
    /// Where what is not there yet is read from; without it, what is not there is empty.
    pub(super) sections: Option<Arc<dyn Sections>>,
    pub(super) scratch: Scratch,
}

/// All that an index holds, in memory.
pub(super) struct Whole<'a> {
    pub(super) columns: Vec<(&'a Field, &'a Column)>,
    pub(super) overflow: &'a [RoaringBitmap; 5],
    pub(super) traces: &'a Traces,
    pub(super) times: &'a Times,
}

/// How many rows and fields there are, and nothing of what they hold.
impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("rows", &self.len)
            .field("fields", &self.slots.len())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Index {
    /// An empty index with these limits.
    pub fn new(limits: IndexLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that it takes, nearly. What was not read yet from where it is stored takes none.
    pub fn memory(&self) -> usize {
        let columns = self.slots.iter().map(Slot::bytes);
        let names = self.slots.len() * size_of::<(Slot, Field, u32)>();
        columns.sum::<usize>()
            + names
            + self.traces.get().map_or(0, Traces::bytes)
            + self.times.get().map_or(0, Times::bytes)
            + self.overflow.get().into_iter().flatten().map(bitmap_bytes).sum::<usize>()
    }

    /// Reads all that was not read yet, so that rows can be added.
    pub(super) fn load(&mut self) -> Result<(), IndexError> {
        if self.sections.is_some() {
            self.whole()?;
            self.sections = None;
        }
        if let Some(traces) = self.traces.get_mut() {
            traces.open();
        }
        Ok(())
    }

    /// All that it holds; what was not read yet is read.
    pub(super) fn whole(&self) -> Result<Whole<'_>, IndexError> {
        let mut columns = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            if let Some(column) = self.column(&slot.field)? {
                columns.push((&slot.field, column));
            }
        }
        let overflow = self.overflowed()?;
        Ok(Whole { columns, overflow, traces: self.traces()?, times: self.times()? })
    }

    pub(super) fn column(&self, field: &Field) -> Result<Option<&Column>, IndexError> {
        let Some(number) = self.numbers.get(field) else { return Ok(None) };
        let Some(slot) = self.slots.get(*number as usize) else { return Ok(None) };
        slot.column(|| {
            section(self.sections.as_deref(), stored::COLUMNS + number, |bytes| {
                stored::column(bytes, self.len)
            })
        })
        .map(Some)
    }

    /// The number of a field's column, which is made if there is none; `None` if there are too many.
    pub(super) fn column_number(&mut self, field: Field) -> Option<u32> {
        if let Some(number) = self.numbers.get(&field) {
            return Some(*number);
        }
        let number = u32::try_from(self.slots.len()).ok()?;
        if number >= self.limits.fields && matches!(field, Field::Attribute(..)) {
            return None;
        }
        self.numbers.insert(field.clone(), number);
        self.slots.push(Slot::empty(field));
        Some(number)
    }

    #[inline]
    pub(super) fn column_mut(&mut self, number: u32) -> Option<&mut Column> {
        self.slots.get_mut(number as usize)?.column_mut()
    }

    pub(super) fn overflow(&mut self, scope: usize, run: Run) {
        if let Some(rows) = self.overflow_mut().get_mut(scope) {
            rows.insert_range(run.start..run.end);
        }
    }

    pub(super) fn overflow_of(&self, scope: Scope) -> Result<&RoaringBitmap, IndexError> {
        let [span, resource, event, link, instrumentation] = self.overflowed()?;
        Ok(match scope {
            Scope::Span | Scope::Unscoped => span,
            Scope::Resource => resource,
            Scope::Event => event,
            Scope::Link => link,
            Scope::Instrumentation => instrumentation,
        })
    }

    pub(super) fn overflowed(&self) -> Result<&[RoaringBitmap; 5], IndexError> {
        read(&self.overflow, self.sections.as_deref(), stored::OVERFLOW, |bytes| {
            stored::overflow(bytes, self.len)
        })
    }

    pub(super) fn overflow_mut(&mut self) -> &mut [RoaringBitmap; 5] {
        made(&mut self.overflow)
    }

    pub(super) fn traces(&self) -> Result<&Traces, IndexError> {
        read(&self.traces, self.sections.as_deref(), stored::TRACES, |bytes| stored::traces(bytes, self.len))
    }

    pub(super) fn times(&self) -> Result<&Times, IndexError> {
        read(&self.times, self.sections.as_deref(), stored::TIMES, |bytes| stored::times(bytes, self.len))
    }

    pub(super) fn facts(&self) -> Result<&Facts, IndexError> {
        Ok(self.traces()?.facts(self.times()?))
    }

    pub(super) fn tables_mut(&mut self) -> (&mut Traces, &mut Times) {
        (made(&mut self.traces), made(&mut self.times))
    }
}

/// What is in a cell, read from its section if it is not there yet.
fn read<'a, T: Default>(
    cell: &'a OnceLock<T>,
    sections: Option<&dyn Sections>,
    number: u32,
    of: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<&'a T, IndexError> {
    if let Some(found) = cell.get() {
        return Ok(found);
    }
    let value = section(sections, number, of)?;
    // Another thread may have read it meanwhile: the same.
    Ok(cell.get_or_init(|| value))
}

/// What a section holds; without any, nothing.
fn section<T: Default>(
    sections: Option<&dyn Sections>,
    number: u32,
    of: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<T, IndexError> {
    match sections {
        Some(sections) => of(&sections.section(number)?).ok_or(IndexError::Damaged),
        None => Ok(T::default()),
    }
}

fn made<T: Default>(cell: &mut OnceLock<T>) -> &mut T {
    if cell.get().is_none() {
        *cell = OnceLock::from(T::default());
    }
    // It was filled above.
    cell.get_mut().unwrap_or_else(|| unreachable!())
}
