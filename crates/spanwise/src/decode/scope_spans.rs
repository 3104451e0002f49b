//! `ScopeSpans` and `InstrumentationScope`.

use super::reader::{Fatal, Reader};
use crate::batch::{ByteRange, ScopeRow, ScopeSource, Text};
use crate::schema::{Field, Message};

impl Reader<'_> {
    /// Reads the `ScopeSpans` that stands here.
    pub(super) fn scope_spans(&mut self, resource: u32) -> Result<(), Fatal> {
        let start = self.cursor.at;
        let mark = self.batch.mark();
        let residue = self.batch.residue.len();
        let outer_faults = std::mem::take(&mut self.faults);
        let index = mark.scopes;
        self.batch.scopes.push(ScopeRow { resource, ..ScopeRow::default() });
        if self.record {
            self.batch.sources.scopes.push(ScopeSource::default());
        }
        let mut span_list = None;
        let mut members = self.open(Message::ScopeSpans)?;
        while let Some(field) = self.next_member(&mut members)? {
            match field {
                Field::Scope => {
                    let schema_url = self.batch.scopes.get(index).map_or(Text::EMPTY, |row| row.schema_url);
                    let mut row = ScopeRow { resource, schema_url, ..ScopeRow::default() };
                    if let Some(source) = self.batch.sources.scopes.get_mut(index) {
                        *source = ScopeSource { schema_url: source.schema_url, ..ScopeSource::default() };
                    }
                    self.message(field, |reader| reader.scope(&mut row, index))?;
                    if let Some(slot) = self.batch.scopes.get_mut(index) {
                        *slot = row;
                    }
                }
                Field::Spans => {
                    self.replace_spans(&mut span_list);
                    let scope = u32::try_from(index).unwrap_or(u32::MAX);
                    self.messages(field, |reader| reader.span(scope))?;
                }
                Field::SchemaUrl => {
                    let start = self.cursor.at;
                    let schema_url = self.string_field(field)?;
                    if let Some(row) = self.batch.scopes.get_mut(index) {
                        row.schema_url = schema_url;
                    }
                    let range = self.source(start);
                    if let Some(source) = self.batch.sources.scopes.get_mut(index) {
                        source.schema_url = range;
                    }
                }
                _ => self.skip_to_residue()?,
            }
        }
        if self.faults > 0 {
            self.reject_since(&mark, start, residue);
        } else {
            let range = self.source(start);
            if let Some(source) = self.batch.sources.scopes.get_mut(index) {
                source.element = range;
            }
        }
        self.faults = outer_faults;
        Ok(())
    }

    /// Begins `spans`; a second coming within one `ScopeSpans` replaces the first.
    fn replace_spans(&mut self, first: &mut Option<(usize, u64)>) {
        if let Some((spans, rejected)) = *first {
            self.batch.spans.truncate(spans);
            self.batch.sources.spans.truncate(spans);
            self.batch.rejected_spans = rejected;
            return;
        }
        *first = Some((self.batch.spans.len(), self.batch.rejected_spans));
    }

    fn scope(&mut self, row: &mut ScopeRow, index: usize) -> Result<(), Fatal> {
        self.items = 0;
        let (mut name, mut version) = (ByteRange::default(), ByteRange::default());
        let mut members = self.open(Message::Scope)?;
        while let Some(field) = self.next_member(&mut members)? {
            let start = self.cursor.at;
            match field {
                Field::Name => {
                    row.name = self.string_field(field)?;
                    name = self.source(start);
                }
                Field::Version => {
                    row.version = self.string_field(field)?;
                    version = self.source(start);
                }
                Field::Attributes => row.attributes = self.attributes(field, Message::Scope)?,
                Field::DroppedAttributesCount => row.dropped_attributes_count = self.uint32(field)?,
                _ => self.skip_to_residue()?,
            }
        }
        if let Some(source) = self.batch.sources.scopes.get_mut(index) {
            source.name = name;
            source.version = version;
        }
        Ok(())
    }
}
