//! `Span`, `Span.Event`, `Span.Link` and `Status`.

use super::reader::{Fatal, Reader};
use super::simple_members::Stop;
use crate::batch::{
    ByteRange, EventRow, EventSource, Id, LinkRow, LinkSource, Mark, Rows, SpanRow, SpanSource, Text,
};
use crate::diagnostic::Code;
use crate::schema::{Field, Message};

impl Reader<'_> {
    /// Reads the span that stands here. Strict: a fault in it rejects it, and it alone.
    #[inline]
    pub(super) fn span(&mut self, scope: usize) -> Result<(), Fatal> {
        let start = self.cursor.at;
        if self.batch.spans.len() - self.first_span >= self.options.limits.spans {
            return Err(Fatal::new(Code::SpansPerDocument, start));
        }
        let trial = self.begin_trial(start, self.batch.residue.len());
        self.items = 0;
        self.begin_span(scope);
        let mut members = self.open(Message::Span)?;
        loop {
            let field = match self.simple_members(&mut members) {
                Stop::Member(field) => field,
                Stop::Attributes(run, count) => {
                    let rows = self.rest_of_span_attributes(run, count)?;
                    self.span_row(|row| row.attributes = rows);
                    continue;
                }
                Stop::End => break,
                Stop::Unknown => match self.next_member(&mut members)? {
                    Some(field) => field,
                    None => break,
                },
            };
            self.span_member(field)?;
        }
        self.scratch.gaps.note_misses(members.misses);
        self.check_span(start)?;
        if !self.is_rejected(&trial) {
            let element = self.source(start);
            self.span_source(|source| source.element = element);
        }
        Ok(())
    }

    /// Adds a row for the span that is being read. It is filled in where it lies: one that was filled in elsewhere would be
    /// copied by more at once than was written at once, which waits until all of it is written.
    #[inline]
    fn begin_span(&mut self, scope: usize) {
        let scope = u32::try_from(scope).unwrap_or(u32::MAX);
        self.batch.spans.push(SpanRow::default());
        self.span_row(|row| row.scope = scope);
        if self.record {
            self.batch.sources.spans.push(SpanSource::default());
        }
    }

    /// Fills in the row of the span that is being read.
    #[inline]
    pub(super) fn span_row(&mut self, fill_in: impl FnOnce(&mut SpanRow)) {
        if let Some(row) = self.batch.spans.last_mut() {
            fill_in(row);
        }
    }

    /// The same for its source, if sources are recorded.
    #[inline]
    fn span_source(&mut self, fill_in: impl FnOnce(&mut SpanSource)) {
        if self.record
            && let Some(source) = self.batch.sources.spans.last_mut()
        {
            fill_in(source);
        }
    }

    #[inline]
    fn span_member(&mut self, field: Field) -> Result<(), Fatal> {
        let start = self.cursor.at;
        match field {
            Field::TraceId => {
                let id = self.id(field)?;
                self.span_row(|row| row.trace_id = id);
            }
            Field::SpanId => {
                let id = self.id(field)?;
                self.span_row(|row| row.span_id = id);
            }
            Field::ParentSpanId => {
                let id = self.parent_id(field)?;
                self.span_row(|row| row.parent_span_id = id);
            }
            Field::TraceState => {
                let text = self.string_field(field)?;
                let range = self.source(start);
                self.span_row(|row| row.trace_state = text);
                self.span_source(|source| source.trace_state = range);
            }
            Field::Flags => {
                let flags = self.uint32(field)?;
                self.span_row(|row| row.flags = flags);
            }
            Field::Name => {
                let text = self.string_field(field)?;
                let range = self.source(start);
                self.span_row(|row| row.name = text);
                self.span_source(|source| source.name = range);
            }
            Field::Kind => {
                let kind = self.enumeration(field)?;
                self.span_row(|row| row.kind = kind);
            }
            Field::StartTimeUnixNano => {
                let time = self.fixed64(field)?;
                self.span_row(|row| row.start_time_unix_nano = time);
            }
            Field::EndTimeUnixNano => {
                let time = self.fixed64(field)?;
                self.span_row(|row| row.end_time_unix_nano = time);
            }
            Field::Attributes => {
                let rows = self.attributes(field, Message::Span)?;
                self.span_row(|row| row.attributes = rows);
            }
            Field::DroppedAttributesCount => {
                let count = self.uint32(field)?;
                self.span_row(|row| row.dropped_attributes_count = count);
            }
            Field::Events => {
                let mark = self.batch.mark();
                if self.options.projection.events {
                    self.messages(field, Self::event)?;
                } else {
                    self.unwanted(Message::Event, |reader| reader.messages(field, Self::event))?;
                    self.drop_since(&mark);
                }
                let rows = Rows::since(mark.events, &self.batch.events);
                self.span_row(|row| row.events = rows);
            }
            Field::DroppedEventsCount => {
                let count = self.uint32(field)?;
                self.span_row(|row| row.dropped_events_count = count);
            }
            Field::Links => {
                let mark = self.batch.mark();
                if self.options.projection.links {
                    self.messages(field, Self::link)?;
                } else {
                    self.unwanted(Message::Link, |reader| reader.messages(field, Self::link))?;
                    self.drop_since(&mark);
                }
                let rows = Rows::since(mark.links, &self.batch.links);
                self.span_row(|row| row.links = rows);
            }
            Field::DroppedLinksCount => {
                let count = self.uint32(field)?;
                self.span_row(|row| row.dropped_links_count = count);
            }
            Field::Status => {
                self.span_row(|row| (row.status_code, row.status_message) = (0, Text::EMPTY));
                self.span_source(|source| source.status_message = ByteRange::default());
                self.message(field, Self::status)?;
            }
            _ => self.skip_to_residue()?,
        }
        Ok(())
    }

    /// Drops events or links that are not wanted.
    fn drop_since(&mut self, mark: &Mark) {
        self.batch.events.truncate(mark.events);
        self.batch.links.truncate(mark.links);
        self.batch.attributes.truncate(mark.attributes);
        self.batch.values.truncate(mark.values);
    }

    /// What a valid span must have beyond being readable (opentelemetry-proto, `trace.proto`).
    #[inline]
    fn check_span(&mut self, start: usize) -> Result<(), Fatal> {
        let Some(row) = self.batch.spans.last() else { return Ok(()) };
        let trace_id = fault_of_id(&row.trace_id, Code::TraceIdEmpty, Code::TraceIdZero);
        let span_id = fault_of_id(&row.span_id, Code::SpanIdEmpty, Code::SpanIdZero);
        let is_nameless = row.name.is_empty();
        let ends_early = row.end_time_unix_nano < row.start_time_unix_nano && row.end_time_unix_nano != 0;
        if let Some(code) = trace_id {
            self.report(code, start, &[Field::TraceId])?;
        }
        if let Some(code) = span_id {
            self.report(code, start, &[Field::SpanId])?;
        }
        if is_nameless {
            self.report(Code::SpanNameEmpty, start, &[Field::Name])?;
        }
        if ends_early {
            self.report(Code::EndBeforeStart, start, &[Field::EndTimeUnixNano])?;
        }
        Ok(())
    }

    fn status(&mut self) -> Result<(), Fatal> {
        let mut members = self.open(Message::Status)?;
        while let Some(field) = self.next_member(&mut members)? {
            let start = self.cursor.at;
            match field {
                Field::Message => {
                    let text = self.string_field(field)?;
                    let range = self.source(start);
                    self.span_row(|row| row.status_message = text);
                    self.span_source(|source| source.status_message = range);
                }
                Field::Code => {
                    let code = self.enumeration(field)?;
                    self.span_row(|row| row.status_code = code);
                }
                _ => self.skip_to_residue()?,
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Result<(), Fatal> {
        self.count_item()?;
        let start = self.cursor.at;
        let mut row = EventRow::default();
        let mut source = EventSource::default();
        let mut members = self.open(Message::Event)?;
        while let Some(field) = self.next_member(&mut members)? {
            let start = self.cursor.at;
            match field {
                Field::TimeUnixNano => row.time_unix_nano = self.fixed64(field)?,
                Field::Name => {
                    row.name = self.string_field(field)?;
                    source.name = self.source(start);
                }
                Field::Attributes => row.attributes = self.attributes(field, Message::Event)?,
                Field::DroppedAttributesCount => row.dropped_attributes_count = self.uint32(field)?,
                _ => self.skip_to_residue()?,
            }
        }
        self.batch.events.push(row);
        if self.record {
            source.element = self.source(start);
            self.batch.sources.events.push(source);
        }
        Ok(())
    }

    fn link(&mut self) -> Result<(), Fatal> {
        self.count_item()?;
        let start = self.cursor.at;
        let mut row = LinkRow::default();
        let mut source = LinkSource::default();
        let mut members = self.open(Message::Link)?;
        while let Some(field) = self.next_member(&mut members)? {
            let start = self.cursor.at;
            match field {
                Field::TraceId => row.trace_id = self.id(field)?,
                Field::SpanId => row.span_id = self.id(field)?,
                Field::TraceState => {
                    row.trace_state = self.string_field(field)?;
                    source.trace_state = self.source(start);
                }
                Field::Attributes => row.attributes = self.attributes(field, Message::Link)?,
                Field::DroppedAttributesCount => row.dropped_attributes_count = self.uint32(field)?,
                Field::Flags => row.flags = self.uint32(field)?,
                _ => self.skip_to_residue()?,
            }
        }
        self.batch.links.push(row);
        if self.record {
            source.element = self.source(start);
            self.batch.sources.links.push(source);
        }
        Ok(())
    }
}

/// What is told of an id that is not there at all (`empty`), or is of the right size with nothing but zeros. (An id kept as text was
/// reported where it stood.)
#[inline]
fn fault_of_id<const N: usize>(id: &Id<N>, empty: Code, zero: Code) -> Option<Code> {
    if id.valid {
        return None;
    }
    if id.text.is_empty() { Some(empty) } else { id.zero.then_some(zero) }
}
