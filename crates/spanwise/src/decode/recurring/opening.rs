//! Requests that begin as one before: with who writes, up to the first span.
//!
//! What stands after the spans is read as ever, from the state in which the general path would be by then: members that were
//! met, and marks to go back to.

use super::Known;
use super::passage::{Introduction, Passage, Taken};
use crate::batch::ByteRange;
use crate::decode::gaps::Members;
use crate::decode::reader::{Fatal, Reader, Scratch};
use crate::decode::request::Found;
use crate::decode::resource_spans::{ListMark, ResourceSpans};
use crate::decode::scope_spans::ScopeSpans;
use crate::diagnostic::Step;
use crate::schema::{Field, Message};

/// What is open before the first span: the request, its list, a resource's object, its list, a scope's object and its list.
const OPEN: usize = 6;

/// The resource that is being read, for the opening that ends within it.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::decode) struct Outer {
    /// Where its object begins.
    pub(in crate::decode) start: usize,
    /// The bits of its members so far.
    pub(in crate::decode) seen: u64,
}

/// What the first resource and the first scope of a request became.
#[derive(Debug)]
pub(super) struct Opening {
    resource: Passage,
    scope: Passage,
    /// Where their objects begin, in the bytes that are kept.
    starts: [usize; 2],
    /// The bits of the members that they have by then.
    seen: [u64; 2],
}

impl Opening {
    /// Nothing yet, with room for all that it may hold.
    pub(super) fn with_room(record: bool) -> Self {
        let passage = || Passage::with_room(record);
        Self { resource: passage(), scope: passage(), starts: [0; 2], seen: [0; 2] }
    }
}

/// A request that is being read, at the first span.
pub(in crate::decode) struct Opened {
    request: Members,
    residue: usize,
    resource_list: Option<ListMark>,
    resource: (ResourceSpans, Members),
    scope: (ScopeSpans, Members),
}

impl Reader<'_> {
    /// Takes the opening of a request that stands here, if it is one that was read before.
    #[inline]
    pub(in crate::decode) fn recall_opening(&mut self) -> Option<Opened> {
        // The rest of the reader is needed to take it.
        let mut openings = std::mem::take(&mut self.scratch.recurring.openings);
        let rest = self.cursor.slice(self.cursor.at, self.cursor.text.len());
        let known = openings.find(self.cursor.depth, rest);
        let opened = known.and_then(|known| self.take_opening(known));
        let assured = self.scratch.recurring.assured;
        let learns = opened.is_none() && assured && openings.is_worth_learning();
        self.opening = learns.then(|| self.outset());
        self.scratch.recurring.openings = openings;
        opened
    }

    fn take_opening(&mut self, known: &mut Known<Opening>) -> Option<Opened> {
        let Known { bytes, became: Opening { resource, scope, starts, seen }, .. } = known;
        let start = self.cursor.at;
        let place = (self.cursor.text, start);
        let generation = self.scratch.templates.generation;
        let residue = self.batch.residue.len();
        let mut resource_list = None;
        self.replace_list(&mut resource_list, true);

        let at = start + starts[0];
        let mut resource_spans = self.begin_resource_spans(at, residue);
        let it = resource.put(bytes, place, self.batch, generation);
        let resource_members = Members::met(Message::ResourceSpans, at, seen[0], Field::ScopeSpans);
        self.replace_list(&mut resource_spans.scope_list, false);

        let at = start + starts[1];
        let index = resource_spans.resource;
        let mut scope_spans = self.begin_scope_spans(at, index);
        let (Some(introduced), Some(it)) = (it, scope.put(bytes, place, self.batch, generation)) else {
            // The batch takes no more keys: the general path says so.
            self.rewind(&resource_spans.trial.mark);
            return None;
        };
        let scope_members = Members::met(Message::ScopeSpans, at, seen[1], Field::Spans);
        self.replace_spans(&mut scope_spans);
        if let Some(row) = self.batch.resources.get_mut(index) {
            introduced.introduce_resource(row);
        }
        if let Some(row) = self.batch.scopes.get_mut(scope_spans.scope) {
            it.introduce_scope(row, self.batch.sources.scopes.get_mut(scope_spans.scope));
        }

        self.cursor.at += bytes.len();
        self.cursor.depth += OPEN;
        self.scratch.path.extend([
            Step::Field(Field::ResourceSpans),
            Step::Index(0),
            Step::Field(Field::ScopeSpans),
            Step::Index(0),
            Step::Field(Field::Spans),
            Step::Index(0),
        ]);
        Some(Opened {
            request: Members::met(Message::Request, start, Field::ResourceSpans.bit(), Field::ResourceSpans),
            residue,
            resource_list,
            resource: (resource_spans, resource_members),
            scope: (scope_spans, scope_members),
        })
    }

    /// Reads what comes after the opening of a request.
    pub(in crate::decode) fn rest_of_opened(
        &mut self,
        opened: Opened,
        found: &mut Found,
    ) -> Result<(), Fatal> {
        let Opened { request, residue, resource_list, resource, scope } = opened;
        let (index, row) = (resource.0.resource, scope.0.scope);
        found.traces = true;
        self.spans(row)?;
        if self.take_ending(&resource.0, &scope.0) {
            return Ok(());
        }
        self.rest_of_scope_spans(scope.0, scope.1)?;
        self.rest_of_messages(Field::ScopeSpans, 1, |reader| reader.scope_spans(index))?;
        self.rest_of_resource_spans(resource.0, resource.1)?;
        self.rest_of_messages(Field::ResourceSpans, 1, Self::resource_spans)?;
        self.rest_of_request(request, residue, resource_list, found)
    }

    /// Takes what stands here if it ends the scope, the resource and the request, and nothing else.
    fn take_ending(&mut self, resource: &ResourceSpans, scope: &ScopeSpans) -> bool {
        let ends = self.cursor.slice(self.cursor.at, self.cursor.text.len()).starts_with(b"}]}]}");
        if ends {
            self.cursor.close();
            self.finish_scope_spans(scope);
            self.cursor.close();
            self.cursor.close();
            self.finish_resource_spans(resource);
            self.cursor.close();
            self.cursor.close();
            self.scratch.path.clear();
        }
        ends
    }

    /// Keeps what was read of the request, up to the list of spans that stands here, if the list is the first one, that can be
    /// done, and it seems worth it.
    pub(in crate::decode) fn learn_opening(&mut self, state: &ScopeSpans, members: &Members) {
        let Some(document) = self.opening.take() else { return };
        let outer = self.outer;
        // An array of requests, or a resource that stands in none, was a finding.
        let first = document.mark.resources + 1 == self.batch.resources.len()
            && document.mark.scopes + 1 == self.batch.scopes.len()
            && document.mark.entity_refs == self.batch.entity_refs.len();
        // Of a list of none, only the place is known.
        let source = self.batch.sources.resources.get(document.mark.resources);
        let plain = source.is_none_or(|source| source.entity_refs == ByteRange::default());
        // URLs of schemas come behind the spans as far as is known.
        let bare = (outer.seen | members.seen) & Field::SchemaUrl.bit() == 0;
        if !first || !plain || !bare || self.peek() != Some(b'[') {
            return;
        }
        let now = self.batch.mark();
        let resource = Taken::between(&document.mark, &state.trial.mark);
        let scope = Taken::between(&state.trial.mark, &now);
        if !self.leaves_rows_alone(Message::Resource)
            || !self.leaves_rows_alone(Message::Scope)
            || !resource.can_move(self.batch)
            || !scope.can_move(self.batch)
        {
            return;
        }
        let Some(bytes) = self.learnable(&document, self.cursor.at + 1) else { return };
        let Self { cursor, batch, scratch, record, .. } = self;
        let Scratch { recurring, learned_feeds, templates, .. } = &mut **scratch;
        recurring.make_room(*record);
        *learned_feeds |= memchr::memchr(b'\n', bytes).is_some();
        let (place, generation) = ((cursor.text, document.at), templates.generation);
        let starts = [outer.start, state.trial.start].map(|start| start - document.at);
        recurring.openings.learn(bytes, document.depth, |opening| {
            opening.starts = starts;
            opening.seen = [outer.seen, members.seen];
            let [first, second] = starts.map(|start| (bytes, start));
            let it = Introduction::of_resource(batch.resources.get(document.mark.resources)?);
            opening.resource.take(first, place, batch, &resource, it, generation)?;
            let source = batch.sources.scopes.get(state.scope);
            let it = Introduction::of_scope(batch.scopes.get(state.scope)?, source);
            opening.scope.take(second, place, batch, &scope, it, generation)
        });
    }
}
