//! `ResourceSpans`, `Resource` and `EntityRef`.
//!
//! Members come in any order, so the resource's row is there before its first span and is filled in whenever `resource`
//! comes. A second coming of a list truncates the tables to where the first began.

use super::gaps::Members;
use super::reader::{Fatal, Reader};
use super::recurring::{Introduction, Outer, Owner};
use crate::batch::{ByteRange, EntityRefRow, Mark, ResourceRow, ResourceSource, Rows, Text};
use crate::diagnostic::Code;
use crate::json::Scalar;
use crate::schema::{Field, Message};

/// Where a list of spans, scopes or resources began.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListMark {
    resources: usize,
    scopes: usize,
    spans: usize,
    rejected_spans: u64,
}

/// How things stood before something was read whose faults reject it with all that is under it (strict).
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    /// Where it begins.
    pub(super) start: usize,
    pub(super) mark: Mark,
    residue: usize,
    outer_faults: u32,
}

/// A `ResourceSpans` that is being read.
pub(super) struct ResourceSpans {
    /// The row of its resource.
    pub(super) resource: usize,
    pub(super) trial: Trial,
    pub(super) scope_list: Option<ListMark>,
}

impl Reader<'_> {
    /// Begins a list of spans, scopes or (`resources`) resources: forgets an earlier coming of the same list, and
    /// remembers where this one begins.
    pub(super) fn replace_list(&mut self, slot: &mut Option<ListMark>, resources: bool) {
        if let Some(mark) = slot {
            if resources {
                self.batch.resources.truncate(mark.resources);
                self.batch.sources.resources.truncate(mark.resources);
            }
            self.batch.scopes.truncate(mark.scopes);
            self.batch.sources.scopes.truncate(mark.scopes);
            self.batch.spans.truncate(mark.spans);
            self.batch.sources.spans.truncate(mark.spans);
            self.batch.rejected_spans = mark.rejected_spans;
            return;
        }
        *slot = Some(ListMark {
            resources: self.batch.resources.len(),
            scopes: self.batch.scopes.len(),
            spans: self.batch.spans.len(),
            rejected_spans: self.batch.rejected_spans,
        });
    }

    /// Reads the `ResourceSpans` that stands here.
    pub(super) fn resource_spans(&mut self) -> Result<(), Fatal> {
        let state = self.begin_resource_spans(self.cursor.at, self.batch.residue.len());
        let members = self.open(Message::ResourceSpans)?;
        self.rest_of_resource_spans(state, members)
    }

    #[inline]
    pub(super) fn rest_of_resource_spans(
        &mut self,
        mut state: ResourceSpans,
        mut members: Members,
    ) -> Result<(), Fatal> {
        while let Some(field) = self.next_member(&mut members)? {
            if field == Field::ScopeSpans && self.opening.is_some() {
                self.outer = Outer { start: state.trial.start, seen: members.seen };
            }
            self.resource_spans_member(&mut state, field)?;
        }
        self.finish_resource_spans(&state);
        Ok(())
    }

    /// Begins one at `start`, when the residue had so many ranges.
    pub(super) fn begin_resource_spans(&mut self, start: usize, residue: usize) -> ResourceSpans {
        let trial = self.begin_trial(start, residue);
        self.batch.resources.push(ResourceRow::default());
        if self.record {
            self.batch
                .sources
                .resources
                .push(ResourceSource { element: self.source(start), ..Default::default() });
        }
        ResourceSpans { resource: trial.mark.resources, trial, scope_list: None }
    }

    /// Begins what may be rejected, at `start`, when the residue had so many ranges.
    #[inline]
    pub(super) fn begin_trial(&mut self, start: usize, residue: usize) -> Trial {
        let outer_faults = std::mem::take(&mut self.faults);
        Trial { start, mark: self.batch.mark(), residue, outer_faults }
    }

    /// Ends it. Whether its faults reject it: then the spans since are rejected, and its bytes are left to the residue.
    #[inline]
    pub(super) fn is_rejected(&mut self, trial: &Trial) -> bool {
        let rejected = self.faults > 0;
        if rejected {
            self.reject_since(trial);
        }
        self.faults = trial.outer_faults;
        rejected
    }

    pub(super) fn resource_spans_member(
        &mut self,
        state: &mut ResourceSpans,
        field: Field,
    ) -> Result<(), Fatal> {
        match field {
            Field::Resource => {
                let schema_url =
                    self.batch.resources.get(state.resource).map_or(Text::EMPTY, |row| row.schema_url);
                let mut row = ResourceRow { schema_url, ..ResourceRow::default() };
                if let Some(source) = self.batch.sources.resources.get_mut(state.resource) {
                    source.entity_refs = ByteRange::default();
                }
                self.message(field, |reader| reader.resource(&mut row, state.resource))?;
                if let Some(slot) = self.batch.resources.get_mut(state.resource) {
                    *slot = row;
                }
            }
            Field::ScopeSpans => {
                self.replace_list(&mut state.scope_list, false);
                self.messages(field, |reader| reader.scope_spans(state.resource))?;
            }
            Field::SchemaUrl => {
                let start = self.cursor.at;
                let schema_url = self.string_field(field)?;
                if let Some(row) = self.batch.resources.get_mut(state.resource) {
                    row.schema_url = schema_url;
                }
                let range = self.source(start);
                if let Some(source) = self.batch.sources.resources.get_mut(state.resource) {
                    source.schema_url = range;
                }
            }
            _ => self.skip_to_residue()?,
        }
        Ok(())
    }

    pub(super) fn finish_resource_spans(&mut self, state: &ResourceSpans) {
        if self.is_rejected(&state.trial) {
            return;
        }
        let range = self.source(state.trial.start);
        if let Some(source) = self.batch.sources.resources.get_mut(state.resource) {
            source.element = range;
        }
    }

    fn reject_since(&mut self, trial: &Trial) {
        let spans = self.batch.spans.len() - trial.mark.spans;
        self.rewind(&trial.mark);
        self.batch.rejected_spans += spans as u64;
        self.batch.residue.truncate(trial.residue);
        self.leave_out(trial.start);
    }

    fn resource(&mut self, row: &mut ResourceRow, index: usize) -> Result<(), Fatal> {
        let recalled = self.recall(Owner::Resource);
        if self.batch.spans.len() == self.first_span {
            self.scratch.recurring.assured = recalled.is_some();
        }
        let it = match recalled {
            Some(it) => it,
            None => self.read_resource(row, index)?,
        };
        it.introduce_resource(row);
        Ok(())
    }

    /// References to entities go to `row`: they have tables of their own, and what has any is read each time.
    fn read_resource(&mut self, row: &mut ResourceRow, index: usize) -> Result<Introduction, Fatal> {
        let outset = self.outset();
        self.items = 0;
        let mut it = Introduction::default();
        let mut members = self.open(Message::Resource)?;
        while let Some(field) = self.next_member(&mut members)? {
            match field {
                Field::Attributes => it.attributes = self.attributes(field, Message::Resource)?,
                Field::DroppedAttributesCount => it.dropped_attributes_count = self.uint32(field)?,
                Field::EntityRefs => {
                    let start = self.cursor.at;
                    let first = self.batch.entity_refs.len();
                    self.messages(field, Self::entity_ref)?;
                    row.entity_refs = Rows::since(first, &self.batch.entity_refs).without_place_if_none();
                    let range = self.source(start);
                    if let Some(source) = self.batch.sources.resources.get_mut(index) {
                        source.entity_refs = range;
                    }
                }
                _ => self.skip_to_residue()?,
            }
        }
        if members.seen & Field::EntityRefs.bit() == 0 {
            self.learn_owner(Owner::Resource, &outset, it);
        }
        Ok(it)
    }

    fn entity_ref(&mut self) -> Result<(), Fatal> {
        self.count_item()?;
        let start = self.cursor.at;
        let mut row = EntityRefRow::default();
        let mut members = self.open(Message::EntityRef)?;
        while let Some(field) = self.next_member(&mut members)? {
            match field {
                Field::SchemaUrl => row.schema_url = self.string_field(field)?,
                Field::Type => row.kind = self.string_field(field)?,
                Field::IdKeys => row.id_keys = self.string_list(field)?,
                Field::DescriptionKeys => row.description_keys = self.string_list(field)?,
                _ => self.skip_to_residue()?,
            }
        }
        if row.kind.is_empty() {
            self.report(Code::EntityRefType, start, &[])?;
        }
        self.batch.entity_refs.push(row);
        Ok(())
    }

    /// Reads a repeated string field.
    fn string_list(&mut self, field: Field) -> Result<Rows, Fatal> {
        let first = self.batch.strings.len();
        if self.peek() != Some(b'[') {
            if !self.null()? {
                self.mismatch(&[field])?;
            }
            return Ok(Rows::default());
        }
        self.scratch.path.push(crate::diagnostic::Step::Field(field));
        self.elements(|reader, _| {
            reader.count_item()?;
            let start = reader.cursor.at;
            match reader.scalar()? {
                Scalar::String(raw) => {
                    let text = reader.text(raw)?;
                    reader.batch.strings.push(text);
                    Ok(())
                }
                Scalar::Null => reader.report(Code::NullElement, start, &[]),
                _ => {
                    reader.cursor.at = start;
                    reader.mismatch(&[])
                }
            }
        })?;
        self.scratch.path.pop();
        Ok(Rows::since(first, &self.batch.strings))
    }
}
