//! `ScopeSpans` and `InstrumentationScope`.

use super::gaps::Members;
use super::reader::{Fatal, Reader};
use super::recurring::{Introduction, Owner};
use super::resource_spans::Trial;
use crate::batch::{ScopeRow, ScopeSource};
use crate::schema::{Field, Message};

/// A `ScopeSpans` that is being read.
pub(super) struct ScopeSpans {
    /// The row of its scope.
    pub(super) scope: usize,
    pub(super) trial: Trial,
    /// Spans, and rejected ones, before its list.
    span_list: Option<(usize, u64)>,
}

impl Reader<'_> {
    /// Reads the `ScopeSpans` that stands here.
    pub(super) fn scope_spans(&mut self, resource: usize) -> Result<(), Fatal> {
        let state = self.begin_scope_spans(self.cursor.at, resource);
        let members = self.open(Message::ScopeSpans)?;
        self.rest_of_scope_spans(state, members)
    }

    /// Begins one at `start`.
    pub(super) fn begin_scope_spans(&mut self, start: usize, resource: usize) -> ScopeSpans {
        let trial = self.begin_trial(start, self.batch.residue.len());
        let resource = u32::try_from(resource).unwrap_or(u32::MAX);
        self.batch.scopes.push(ScopeRow { resource, ..ScopeRow::default() });
        if self.record {
            self.batch.sources.scopes.push(ScopeSource::default());
        }
        ScopeSpans { scope: trial.mark.scopes, trial, span_list: None }
    }

    #[inline]
    pub(super) fn rest_of_scope_spans(
        &mut self,
        mut state: ScopeSpans,
        mut members: Members,
    ) -> Result<(), Fatal> {
        let index = state.scope;
        while let Some(field) = self.next_member(&mut members)? {
            match field {
                Field::Scope => {
                    let mut row = self.batch.scopes.get(index).map_or_else(ScopeRow::default, |row| {
                        ScopeRow { resource: row.resource, schema_url: row.schema_url, ..ScopeRow::default() }
                    });
                    if let Some(source) = self.batch.sources.scopes.get_mut(index) {
                        *source = ScopeSource { schema_url: source.schema_url, ..ScopeSource::default() };
                    }
                    self.message(field, |reader| reader.scope(&mut row, index))?;
                    if let Some(slot) = self.batch.scopes.get_mut(index) {
                        *slot = row;
                    }
                }
                Field::Spans => {
                    self.replace_spans(&mut state);
                    self.learn_opening(&state, &members);
                    if self.open_messages(field)? {
                        self.spans(index)?;
                    }
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
        self.finish_scope_spans(&state);
        Ok(())
    }

    /// Reads the spans of the list that was opened.
    #[inline(never)]
    pub(super) fn spans(&mut self, scope: usize) -> Result<(), Fatal> {
        self.rest_of_messages(Field::Spans, 0, |reader| reader.span(scope))
    }

    pub(super) fn finish_scope_spans(&mut self, state: &ScopeSpans) {
        if self.is_rejected(&state.trial) {
            return;
        }
        let range = self.source(state.trial.start);
        if let Some(source) = self.batch.sources.scopes.get_mut(state.scope) {
            source.element = range;
        }
    }

    /// Begins `spans`; a second coming within one `ScopeSpans` replaces the first.
    pub(super) fn replace_spans(&mut self, state: &mut ScopeSpans) {
        if let Some((spans, rejected)) = state.span_list {
            self.batch.spans.truncate(spans);
            self.batch.sources.spans.truncate(spans);
            self.batch.rejected_spans = rejected;
            return;
        }
        state.span_list = Some((self.batch.spans.len(), self.batch.rejected_spans));
    }

    fn scope(&mut self, row: &mut ScopeRow, index: usize) -> Result<(), Fatal> {
        let it = match self.recall(Owner::Scope) {
            Some(it) => it,
            None => self.read_scope()?,
        };
        it.introduce_scope(row, self.batch.sources.scopes.get_mut(index));
        Ok(())
    }

    fn read_scope(&mut self) -> Result<Introduction, Fatal> {
        let outset = self.outset();
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
                Field::Attributes => it.attributes = self.attributes(field, Message::Scope)?,
                Field::DroppedAttributesCount => it.dropped_attributes_count = self.uint32(field)?,
                _ => self.skip_to_residue()?,
            }
        }
        self.learn_owner(Owner::Scope, &outset, it);
        Ok(it)
    }
}
