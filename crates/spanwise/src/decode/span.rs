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
        let mut row = SpanRow { scope: u32::try_from(scope).unwrap_or(u32::MAX), ..SpanRow::default() };
        let mut source = SpanSource::default();
        let mut members = self.open(Message::Span)?;
        loop {
            let field = match self.simple_members(&mut members, &mut row, &mut source) {
                Stop::Member(field) => field,
                Stop::Attributes(run, count) => {
                    row.attributes = self.rest_of_span_attributes(run, count)?;
                    continue;
                }
                Stop::End => break,
                Stop::Unknown => match self.next_member(&mut members)? {
                    Some(field) => field,
                    None => break,
                },
            };
            self.span_member(field, &mut row, &mut source)?;
        }
        self.scratch.gaps.note_misses(members.misses);
        self.check_span(&row, start)?;
        if self.is_rejected(&trial) {
            self.batch.rejected_spans += 1;
        } else {
            self.batch.spans.push(row);
            if self.record {
                source.element = self.source(start);
                self.batch.sources.spans.push(source);
            }
        }
        Ok(())
    }

    #[inline]
    fn span_member(&mut self, field: Field, row: &mut SpanRow, source: &mut SpanSource) -> Result<(), Fatal> {
        let start = self.cursor.at;
        match field {
            Field::TraceId => row.trace_id = self.id(field)?,
            Field::SpanId => row.span_id = self.id(field)?,
            Field::ParentSpanId => row.parent_span_id = self.parent_id(field)?,
            Field::TraceState => {
                row.trace_state = self.string_field(field)?;
                source.trace_state = self.source(start);
            }
            Field::Flags => row.flags = self.uint32(field)?,
            Field::Name => {
                row.name = self.string_field(field)?;
                source.name = self.source(start);
            }
            Field::Kind => row.kind = self.enumeration(field)?,
            Field::StartTimeUnixNano => row.start_time_unix_nano = self.fixed64(field)?,
            Field::EndTimeUnixNano => row.end_time_unix_nano = self.fixed64(field)?,
            Field::Attributes => row.attributes = self.attributes(field, Message::Span)?,
            Field::DroppedAttributesCount => row.dropped_attributes_count = self.uint32(field)?,
            Field::Events => {
                let mark = self.batch.mark();
                if self.options.projection.events {
                    self.messages(field, Self::event)?;
                } else {
                    self.unwanted(Message::Event, |reader| reader.messages(field, Self::event))?;
                    self.drop_since(&mark);
                }
                row.events = Rows::since(mark.events, &self.batch.events);
            }
            Field::DroppedEventsCount => row.dropped_events_count = self.uint32(field)?,
            Field::Links => {
                let mark = self.batch.mark();
                if self.options.projection.links {
                    self.messages(field, Self::link)?;
                } else {
                    self.unwanted(Message::Link, |reader| reader.messages(field, Self::link))?;
                    self.drop_since(&mark);
                }
                row.links = Rows::since(mark.links, &self.batch.links);
            }
            Field::DroppedLinksCount => row.dropped_links_count = self.uint32(field)?,
            Field::Status => {
                row.status_code = 0;
                row.status_message = Text::EMPTY;
                source.status_message = ByteRange::default();
                self.message(field, |reader| reader.status(row, source))?;
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
    pub(super) fn check_span(&mut self, row: &SpanRow, start: usize) -> Result<(), Fatal> {
        if !row.trace_id.valid && is_absent_or_zero(&row.trace_id) {
            let code = if row.trace_id.text.is_empty() { Code::TraceIdEmpty } else { Code::TraceIdZero };
            self.report(code, start, &[Field::TraceId])?;
        }
        if !row.span_id.valid && is_absent_or_zero(&row.span_id) {
            let code = if row.span_id.text.is_empty() { Code::SpanIdEmpty } else { Code::SpanIdZero };
            self.report(code, start, &[Field::SpanId])?;
        }
        if row.name.is_empty() {
            self.report(Code::SpanNameEmpty, start, &[Field::Name])?;
        }
        if row.end_time_unix_nano < row.start_time_unix_nano && row.end_time_unix_nano != 0 {
            self.report(Code::EndBeforeStart, start, &[Field::EndTimeUnixNano])?;
        }
        Ok(())
    }

    fn status(&mut self, row: &mut SpanRow, source: &mut SpanSource) -> Result<(), Fatal> {
        let mut members = self.open(Message::Status)?;
        while let Some(field) = self.next_member(&mut members)? {
            let start = self.cursor.at;
            match field {
                Field::Message => {
                    row.status_message = self.string_field(field)?;
                    source.status_message = self.source(start);
                }
                Field::Code => row.status_code = self.enumeration(field)?,
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

/// No id at all, or one of the right size with nothing but zeros. (An id kept as text was reported where it stood.)
fn is_absent_or_zero<const N: usize>(id: &Id<N>) -> bool {
    id.text.is_empty() || id.zero
}
