//! `ScopeSpans` and `InstrumentationScope`.

use super::reader::{Fatal, Reader};
use super::recurring::{Introduction, Owner};
use crate::batch::{ScopeRow, ScopeSource, Text};
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
        let it = match self.recall(Owner::Scope) {
            Some(it) => it,
            None => self.read_scope()?,
        };
        row.attributes = it.attributes.unwrap_or_default();
        row.dropped_attributes_count = it.dropped_attributes_count;
        (row.name, row.version) = (it.name, it.version);
        if let Some(source) = self.batch.sources.scopes.get_mut(index) {
            (source.name, source.version) = (it.name_source, it.version_source);
        }
        Ok(())
    }

    fn read_scope(&mut self) -> Result<Introduction, Fatal> {
        let before = self.before_owner();
        self.items = 0;
        let mut it = Introduction::default();
        let mut members = self.open(Message::Scope)?;
        while let Some(field) = self.next_member(&mut members)? {
            let start = self.cursor.at;
            match field {
                Field::Name => {
                    it.name = self.string_field(field)?;
                    it.name_source = self.source(start);
                }
                Field::Version => {
                    it.version = self.string_field(field)?;
                    it.version_source = self.source(start);
                }
                Field::Attributes => it.attributes = Some(self.attributes(field, Message::Scope)?),
                Field::DroppedAttributesCount => it.dropped_attributes_count = self.uint32(field)?,
                _ => self.skip_to_residue()?,
            }
        }
        self.learn_owner(Owner::Scope, &before, it);
        Ok(it)
    }
}
