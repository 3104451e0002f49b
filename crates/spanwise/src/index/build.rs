//! Adds the spans of a batch to an index.
//!
//! Each field's column is found once for each distinct key of the batch. What a resource or a scope says is added once for
//! all its spans that follow each other.

use super::column::{Entry, Run};
use super::query::ast::{Field, Intrinsic, Scope};
use super::times::nanos_between;
use super::{Index, IndexError, IndexLimits};
use crate::{AttributeRow, RawValue, Rows, SpanBatch, SpanRow, Text};

/// Texts that are longer, in bytes as stored, are not even read.
const LONG: usize = 4096;

const NONE: u32 = u32::MAX;

/// The numbers of columns by key id, and for each key the list that had it last.
#[derive(Debug, Default)]
struct Keys {
    columns: Vec<u32>,
    stamps: Vec<u32>,
}

/// Buffers that are used again for each batch.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    keys: [Keys; 5],
    list: u32,
    text: Vec<u8>,
}

/// The scopes of attributes, in a fixed order.
pub(super) const SCOPES: [Scope; 5] =
    [Scope::Span, Scope::Resource, Scope::Event, Scope::Link, Scope::Instrumentation];

/// The intrinsics that have a column, in a fixed order.
pub(super) const INTRINSICS: [Intrinsic; 10] = [
    Intrinsic::Name,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::Kind,
    Intrinsic::EventName,
    Intrinsic::EventTimeSinceStart,
    Intrinsic::LinkTraceId,
    Intrinsic::LinkSpanId,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
];

struct Adding<'a> {
    index: &'a mut Index,
    batch: &'a SpanBatch,
    scratch: Scratch,
    intrinsics: [u32; 10],
    limits: IndexLimits,
}

impl Index {
    /// Adds the spans of a batch; the first becomes row [`Self::len`].
    ///
    /// # Errors
    /// There would be more rows than 2³² − 2; or the index is stored, and what was not read of it yet cannot be read. Nothing is
    /// added then.
    pub fn add(&mut self, batch: &SpanBatch) -> Result<(), IndexError> {
        let first = self.len();
        let len = u32::try_from(batch.len()).ok().and_then(|len| first.checked_add(len));
        let len = len.filter(|len| *len < u32::MAX).ok_or(IndexError::TooManyRows)?;
        self.load()?;
        let mut scratch = std::mem::take(&mut self.scratch);
        for keys in &mut scratch.keys {
            keys.columns.clear();
            keys.columns.resize(batch.keys().len(), NONE);
            keys.stamps.clear();
            keys.stamps.resize(batch.keys().len(), 0);
        }
        scratch.list = 0;
        let limits = self.limits;
        let intrinsics =
            INTRINSICS.map(|intrinsic| self.column_number(Field::Intrinsic(intrinsic)).unwrap_or(NONE));
        let mut adding = Adding { index: self, batch, scratch, intrinsics, limits };
        adding.spans(first);
        adding.owners(first);
        let scratch = adding.scratch;
        self.scratch = scratch;
        let (traces, times) = self.tables_mut();
        for row in batch.span_rows() {
            traces.push(batch, row);
            times.push(row);
        }
        self.len = len;
        Ok(())
    }
}

impl Adding<'_> {
    /// What stands in the spans themselves.
    fn spans(&mut self, first: u32) {
        let batch = self.batch;
        let [name, status, message, kind, event_name, event_time, link_trace, link_span, ..] =
            self.intrinsics;
        for (row, span) in (first..).zip(batch.span_rows()) {
            let run = Run { start: row, end: row + 1 };
            self.text(name, span.name, run);
            self.entry(status, Entry::Int(span.status_code.into()), run);
            self.text(message, span.status_message, run);
            self.entry(kind, Entry::Int(span.kind.into()), run);
            self.attributes(0, span.attributes, run, false);
            for event in batch.event_rows().get(span.events.range()).unwrap_or_default() {
                self.repeated_text(event_name, event.name, row);
                let since = Entry::Int(nanos_between(span.start_time_unix_nano, event.time_unix_nano));
                if let Some(column) = self.index.column_mut(event_time) {
                    column.add_repeated(since, row, self.limits);
                }
                self.attributes(2, event.attributes, run, true);
            }
            for link in batch.link_rows().get(span.links.range()).unwrap_or_default() {
                self.repeated_text(link_trace, link.trace_id.text, row);
                self.repeated_text(link_span, link.span_id.text, row);
                self.attributes(3, link.attributes, run, true);
            }
        }
    }

    /// What scopes and resources say, once for each run of their spans.
    fn owners(&mut self, first: u32) {
        let batch = self.batch;
        let [.., scope_name, scope_version] = self.intrinsics;
        let scope_of = |span: &SpanRow| batch.scope_rows().get(span.scope as usize);
        for (run, span) in runs(batch, first, |span| span.scope) {
            let Some(scope) = scope_of(span) else { continue };
            self.text(scope_name, scope.name, run);
            self.text(scope_version, scope.version, run);
            self.attributes(4, scope.attributes, run, false);
        }
        // By itself: once for each scope of it would cost the product of both.
        let resource_of = |span: &SpanRow| scope_of(span).map(|scope| scope.resource);
        for (run, span) in runs(batch, first, resource_of) {
            let resource = resource_of(span).and_then(|number| batch.resource_rows().get(number as usize));
            if let Some(resource) = resource {
                self.attributes(1, resource.attributes, run, false);
            }
        }
    }

    #[inline]
    fn attributes(&mut self, scope: usize, list: Rows, run: Run, repeated: bool) {
        let batch = self.batch;
        let rows = batch.attribute_rows().get(list.range()).unwrap_or_default();
        self.scratch.list += 1;
        let stamp = self.scratch.list;
        // From the last: of equal keys it is the one that counts.
        for row in rows.iter().rev() {
            let Some(key) = row.key() else { continue };
            let Some(keys) = self.scratch.keys.get_mut(scope) else { return };
            let at = key.index();
            let Some(seen) = keys.stamps.get_mut(at) else { continue };
            if std::mem::replace(seen, stamp) == stamp {
                continue;
            }
            let mut column = keys.columns.get(at).copied().unwrap_or(NONE);
            if column == NONE {
                let Some(scope_of) = SCOPES.get(scope) else { return };
                let field = Field::Attribute(*scope_of, batch.key(key).into_owned());
                let Some(number) = self.index.column_number(field) else {
                    self.index.overflow(scope, run);
                    continue;
                };
                column = number;
                if let Some(place) =
                    self.scratch.keys.get_mut(scope).and_then(|keys| keys.columns.get_mut(at))
                {
                    *place = number;
                }
            }
            self.value(column, row, run, repeated);
        }
    }

    #[inline]
    fn value(&mut self, column: u32, row: &AttributeRow, run: Run, repeated: bool) {
        match row.value() {
            RawValue::Empty => {}
            RawValue::Array(elements) => {
                let elements = self.batch.value_rows().get(elements.range()).unwrap_or_default();
                if let Some(column) = self.index.column_mut(column) {
                    column.mark_several(run);
                    // A row that comes with several values is marked already.
                    column.last = Some(run.start);
                }
                // Rows that share a list were added before: each element is added to all of them.
                for element in elements {
                    self.scalar(column, element.value(), run, false);
                }
            }
            value => self.scalar(column, value, run, repeated),
        }
    }

    #[inline]
    fn scalar(&mut self, column: u32, value: RawValue, run: Run, repeated: bool) {
        let entry = match value {
            RawValue::Empty => return,
            RawValue::String(text) if repeated => return self.repeated_text(column, text, run.start),
            RawValue::String(text) => return self.text(column, text, run),
            RawValue::Bool(value) => Entry::Bool(value),
            RawValue::Int(number) => Entry::Int(number),
            RawValue::Double(number) => Entry::Float(number),
            RawValue::Bytes(_) | RawValue::Array(_) | RawValue::KvList(_) => Entry::Other,
        };
        let limits = self.limits;
        if let Some(column) = self.index.column_mut(column) {
            if repeated {
                column.add_repeated(entry, run.start, limits);
            } else {
                column.add(entry, run, limits);
            }
        }
    }

    #[inline]
    fn entry(&mut self, column: u32, entry: Entry<'_>, run: Run) {
        let limits = self.limits;
        if let Some(column) = self.index.column_mut(column) {
            column.add(entry, run, limits);
        }
    }

    #[inline]
    fn text(&mut self, column: u32, text: Text, run: Run) {
        let limits = self.limits;
        let entry = entry_of(self.batch, text, &mut self.scratch.text);
        if let Some(column) = self.index.column_mut(column) {
            column.add(entry, run, limits);
        }
    }

    fn repeated_text(&mut self, column: u32, text: Text, row: u32) {
        let limits = self.limits;
        let entry = entry_of(self.batch, text, &mut self.scratch.text);
        if let Some(column) = self.index.column_mut(column) {
            column.add_repeated(entry, row, limits);
        }
    }
}

/// The rows of spans that follow each other and are alike in `by`, the first being row `first`, with one of the spans.
fn runs<T: PartialEq>(
    batch: &SpanBatch,
    first: u32,
    by: impl Fn(&SpanRow) -> T,
) -> impl Iterator<Item = (Run, &SpanRow)> {
    let mut start = first;
    batch.span_rows().chunk_by(move |a, b| by(a) == by(b)).filter_map(move |spans| {
        let run = Run { start, end: start + u32::try_from(spans.len()).unwrap_or(0) };
        start = run.end;
        Some((run, spans.first()?))
    })
}

#[inline]
fn entry_of<'a>(batch: &'a SpanBatch, text: Text, buffer: &'a mut Vec<u8>) -> Entry<'a> {
    if text.stored_len() > LONG {
        return Entry::Long;
    }
    if text.kind() == crate::TextKind::Escaped {
        buffer.clear();
        batch.text_into(text, buffer);
        return Entry::Text(buffer);
    }
    Entry::Text(batch.stored_bytes(text))
}

/// The number of an attribute's scope.
pub(super) fn scope_number(field: &Field) -> Option<usize> {
    let Field::Attribute(scope, _) = field else { return None };
    SCOPES.iter().position(|found| found == scope)
}
