//! Goes through a batch and decides what is to be changed.
//!
//! Only rows that the batch refers to are visited: what a duplicate superseded is no row of it, and never comes into any
//! output. Every text is visited, wherever it stands; what is left alone is left alone on purpose.

use std::borrow::Cow;
use std::ops::Range;

use super::edits::{Change, Edits, Slot};
use super::keys::{self, Keys, Known, Quick};
use super::paths::Path;
use super::report::RedactionReport;
use super::window::Window;
use crate::batch::{AttributeRow, ByteRange, Id, RawValue, Rows, SpanBatch, Text, ValueTag};
use crate::redact::detector::{Look, Selection};
use crate::redact::member::Kept;
use crate::redact::place::Place;
use crate::redact::placeholder::{self, Apart};
use crate::redact::policy::{CompiledPolicy, EventClass, TextAction, Treatment, Verdict};
use crate::redact::text::redact_text;

/// What the walk needs, for one batch.
pub(super) struct Walk<'a> {
    pub(super) batch: &'a SpanBatch,
    pub(super) policy: &'a CompiledPolicy,
    pub(super) edits: &'a mut Edits,
    pub(super) report: &'a mut RedactionReport,
    pub(super) keys: &'a mut Keys,
    pub(super) window: &'a mut Window,
    /// The detectors of all places together, with which stretches of the input are read.
    pub(super) every: Look,
    /// The policy changes nothing.
    pub(super) idle: bool,
}

/// A value, and all that is needed to change it.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) slot: Slot,
    pub(super) row: usize,
    pub(super) value: RawValue,
    pub(super) place: Place,
    pub(super) event: EventClass,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        batch: &'a SpanBatch,
        policy: &'a CompiledPolicy,
        edits: &'a mut Edits,
        report: &'a mut RedactionReport,
        keys: &'a mut Keys,
        window: &'a mut Window,
    ) -> Self {
        edits.clear();
        keys.begin(batch, edits);
        window.clear();
        let on =
            Place::ALL.iter().map(|place| policy.selection(*place)).fold(Selection::NONE, Selection::union);
        let every = Look { on, is_query: false };
        Self { batch, policy, edits, report, keys, window, every, idle: policy.is_empty() }
    }

    pub(super) fn run(mut self) {
        let batch = self.batch;
        for (row, resource) in batch.resources.iter().enumerate() {
            let counted = self.counted_before(batch.sources.resources.get(row).map(|source| source.element));
            self.attributes(Place::Resource, EventClass::default(), resource.attributes.range());
            self.text(Place::Schema, Slot::ResourceSchema, row, resource.schema_url);
            self.entity_refs(row, resource.entity_refs);
            self.count_as(counted);
        }
        for (row, scope) in batch.scopes.iter().enumerate() {
            let counted = self.counted_before(batch.sources.scopes.get(row).map(|source| source.element));
            self.text(Place::ScopeName, Slot::ScopeName, row, scope.name);
            self.text(Place::ScopeName, Slot::ScopeVersion, row, scope.version);
            self.attributes(Place::Scope, EventClass::default(), scope.attributes.range());
            self.text(Place::Schema, Slot::ScopeSchema, row, scope.schema_url);
            self.count_as(counted);
        }
        for (row, span) in batch.spans.iter().enumerate() {
            self.id(Slot::TraceId, row, span.trace_id);
            self.id(Slot::SpanId, row, span.span_id);
            self.id(Slot::ParentSpanId, row, span.parent_span_id);
            self.text(Place::SpanName, Slot::SpanName, row, span.name);
            self.text(Place::TraceState, Slot::SpanTraceState, row, span.trace_state);
            self.text(Place::StatusMessage, Slot::StatusMessage, row, span.status_message);
            self.attributes(Place::Span, EventClass::default(), span.attributes.range());
            for row in span.events.range() {
                if let Some(event) = batch.events.get(row) {
                    self.text(Place::EventName, Slot::EventName, row, event.name);
                    let class = self.policy.event_class_of(|| batch.text(event.name));
                    self.attributes(Place::Event, class, event.attributes.range());
                }
            }
            for row in span.links.range() {
                if let Some(link) = batch.links.get(row) {
                    self.id(Slot::LinkTraceId, row, link.trace_id);
                    self.id(Slot::LinkSpanId, row, link.span_id);
                    self.text(Place::TraceState, Slot::LinkTraceState, row, link.trace_state);
                    self.attributes(Place::Link, EventClass::default(), link.attributes.range());
                }
            }
        }
        self.report.spans += batch.spans.len() as u64;
    }

    /// What was counted so far, if what comes next was counted in an earlier part of the document: a part repeats the resource and
    /// the scope that its spans are of.
    fn counted_before(&self, element: Option<ByteRange>) -> Option<RedactionReport> {
        let before = self.batch.part.as_ref()?.before;
        element.filter(|element| (element.start as usize) < before).map(|_| self.report.clone())
    }

    fn count_as(&mut self, counted: Option<RedactionReport>) {
        if let Some(counted) = counted {
            *self.report = counted;
        }
    }

    fn attributes(&mut self, place: Place, event: EventClass, rows: Range<usize>) {
        let mut changes_keys = false;
        for row in rows.clone() {
            let Some(attribute) = self.batch.attributes.get(row).copied() else {
                continue;
            };
            let Some(key) = attribute.key() else {
                continue;
            };
            let stays = match self.keys.quick(place, event, key) {
                Quick::No => false,
                Quick::Lists => !matches!(attribute.tag, ValueTag::Array | ValueTag::KvList),
                Quick::ListsAndStrings => {
                    !matches!(attribute.tag, ValueTag::Array | ValueTag::KvList | ValueTag::String)
                }
            };
            if stays {
                continue;
            }
            let known = self.keys.known(self.batch, self.policy, self.edits, place, event, key);
            let Some(known) = known else {
                // More keys than can be numbered: nothing is known of this one, so nothing of it stays.
                self.edits.push(Slot::Attribute, row, Change::Drop);
                continue;
            };
            changes_keys |= known.key.is_some();
            let item = Item { slot: Slot::Attribute, row, value: attribute.value(), place, event };
            self.attribute(item, attribute, known);
        }
        if changes_keys {
            self.change_keys(Slot::AttributeKey, place, event, rows);
        }
    }

    #[inline]
    fn attribute(&mut self, item: Item, attribute: AttributeRow, known: Known) {
        let Verdict { treatment, selection, .. } = known.verdict;
        if let Some(mask) = known.mask {
            return self.put_mask(item, known.verdict, mask);
        }
        if treatment == Treatment::Keep {
            match item.value {
                RawValue::String(_) if selection.is_empty() => {}
                RawValue::String(text) => {
                    let look = Look { on: selection, is_query: known.is_query };
                    self.look_at(item.slot, item.row, item.place, text, look);
                }
                RawValue::Array(rows) | RawValue::KvList(rows) => {
                    let mut path = Path::default();
                    path.push(self.key_of(attribute));
                    self.children(item, rows, &mut path, known.verdict);
                }
                value => self.number(item, value, selection),
            }
            return;
        }
        let mut path = Path::default();
        if matches!(item.value, RawValue::Array(_) | RawValue::KvList(_)) {
            path.push(self.key_of(attribute));
        }
        self.treat(item, known.verdict, &mut path);
    }

    pub(super) fn key_of(&self, row: AttributeRow) -> Cow<'a, str> {
        row.key().map_or(Cow::Borrowed(""), |key| self.batch.key(key))
    }

    /// Carries out a verdict.
    pub(super) fn treat(&mut self, item: Item, verdict: Verdict, path: &mut Path<'a>) {
        match verdict.treatment {
            Treatment::Keep => self.keep(item, verdict, path),
            _ if is_no_text(item.value) && self.policy.spares_numbers(verdict.rule) => {}
            Treatment::KeepMark if self.is_mark(item.value) => {}
            Treatment::Drop => {
                self.edits.push(item.slot, item.row, Change::Drop);
                self.report.count_rule(verdict.rule, item.place);
            }
            Treatment::Mask | Treatment::KeepMark => self.mask(item, verdict),
            Treatment::Hash => self.hash(item, verdict),
            Treatment::Truncate(length) => self.truncate(item, verdict, length, path),
            Treatment::Structure => self.structure(item, verdict, Kept::Structure, path),
            Treatment::Figures => self.structure(item, verdict, Kept::Figures, path),
            Treatment::Members => self.members(item, verdict, path),
        }
    }

    pub(super) fn keep(&mut self, item: Item, verdict: Verdict, path: &mut Path<'a>) {
        match item.value {
            RawValue::String(text) => {
                let look = Look { on: verdict.selection, is_query: false };
                self.look_at(item.slot, item.row, item.place, text, look);
            }
            RawValue::Array(rows) | RawValue::KvList(rows) => self.children(item, rows, path, verdict),
            value => self.number(item, value, verdict.selection),
        }
    }

    /// Puts other texts in the place of keys in which detectors find something, so that no two of a list are the same.
    pub(super) fn change_keys(&mut self, slot: Slot, place: Place, event: EventClass, rows: Range<usize>) {
        let table = if slot == Slot::AttributeKey { &self.batch.attributes } else { &self.batch.values };
        let mut names = std::collections::HashSet::new();
        let mut changed = Vec::new();
        for row in rows {
            let Some(attribute) = table.get(row).copied() else {
                continue;
            };
            let name = self.key_of(attribute);
            let look = self.policy.look(place);
            let known = attribute.key().filter(|_| slot == Slot::AttributeKey);
            let known =
                known.and_then(|key| self.keys.known(self.batch, self.policy, self.edits, place, event, key));
            let redacted = match known {
                Some(known) => known.key.and_then(|key| self.edits.text(key)).map(str::to_owned),
                None => keys::redacted_key(self.policy, look, &name),
            };
            match redacted {
                Some(redacted) => changed.push((row, redacted)),
                None => {
                    names.insert(name.into_owned());
                }
            }
        }
        let mut apart = Apart::default();
        for (row, mut name) in changed {
            apart.tell(&mut name, |name| names.insert(name.to_owned()));
            let change = self.edits.keep(&name);
            self.edits.push(slot, row, change);
            self.report.count_place(place);
        }
    }

    /// Lets detectors look at a string.
    pub(super) fn look_at(&mut self, slot: Slot, row: usize, place: Place, text: Text, look: Look) {
        if look.on.is_empty() || !self.window.may_hold(self.batch, text, look, self.every) {
            return;
        }
        if self.is_too_long(slot, row, place, text, look) {
            return;
        }
        let content = self.batch.text(text);
        if let Some(redacted) = self.redacted(&content, look) {
            let change = self.edits.keep(&redacted);
            self.edits.push(slot, row, change);
            self.report.count_place(place);
        }
    }

    /// Whether a text is longer than detectors look at, and is masked for it: unless it is plain that they would find nothing.
    pub(super) fn is_too_long(
        &mut self,
        slot: Slot,
        row: usize,
        place: Place,
        text: Text,
        look: Look,
    ) -> bool {
        let is_too_long = text.stored_len() > self.policy.longest_text()
            && !look.on.is_empty()
            && self.window.may_hold(self.batch, text, look, self.every);
        if is_too_long {
            let change = self.edits.keep("[REDACTED:long_text]");
            self.edits.push(slot, row, change);
            self.report.long_texts += 1;
            self.report.count_place(place);
        }
        is_too_long
    }

    /// The text without what detectors find in it; none where they find nothing.
    pub(super) fn redacted(&mut self, text: &str, look: Look) -> Option<String> {
        if look.on.is_empty() {
            return None;
        }
        let (policy, report) = (self.policy, &mut *self.report);
        redact_text(policy.detectors(), look, text, &mut |detector, found: &str, out: &mut String| {
            report.count_detector(detector);
            policy.push_find(detector, found, out);
        })
    }

    /// Lets detectors look at a number, if the policy says so.
    pub(super) fn number(&mut self, item: Item, value: RawValue, selection: Selection) {
        if !self.policy.reads_numbers() || selection.is_empty() {
            return;
        }
        let text = match value {
            RawValue::Int(number) => number.to_string(),
            RawValue::Double(number) => number.to_string(),
            _ => return,
        };
        if let Some(redacted) = self.redacted(&text, Look { on: selection, is_query: false }) {
            let change = self.edits.keep(&redacted);
            self.edits.push(item.slot, item.row, change);
            self.report.count_place(item.place);
        }
    }

    /// Whether a value is no more than a mark: true, false, a number, or one of them as a short text.
    fn is_mark(&self, value: RawValue) -> bool {
        const LONGEST: usize = 8;
        match value {
            RawValue::Empty => true,
            RawValue::String(text) => {
                let content = self.batch.text(text);
                let is_number = content.len() <= LONGEST && content.bytes().all(|byte| byte.is_ascii_digit());
                is_number || matches!(content.as_ref(), "true" | "false")
            }
            _ => is_no_text(value),
        }
    }

    /// Puts the rule's placeholder in the place of a value.
    pub(super) fn mask(&mut self, item: Item, verdict: Verdict) {
        if matches!(item.value, RawValue::Empty) {
            return;
        }
        let mask = self.kept_mask(verdict);
        self.put_mask(item, verdict, mask);
    }

    /// The rule's placeholder, to be put somewhere.
    pub(super) fn kept_mask(&mut self, verdict: Verdict) -> Change {
        let mut mask = String::new();
        placeholder::push_mask(&mut mask, self.policy.label(verdict.rule));
        self.edits.keep(&mask)
    }

    /// Puts a placeholder there, unless it stands there already.
    #[inline]
    fn put_mask(&mut self, item: Item, verdict: Verdict, mask: Change) {
        if matches!(item.value, RawValue::Empty) {
            return;
        }
        if let RawValue::String(text) = item.value
            && self.edits.text(mask).is_some_and(|mask| self.batch.stored_bytes(text) == mask.as_bytes())
        {
            return;
        }
        self.edits.push(item.slot, item.row, mask);
        self.report.count_rule(verdict.rule, item.place);
    }

    /// Puts a text in the place of a value, for a rule.
    pub(super) fn put(&mut self, item: Item, verdict: Verdict, text: &str) {
        let change = self.edits.keep(text);
        self.edits.push(item.slot, item.row, change);
        self.report.count_rule(verdict.rule, item.place);
    }

    /// Puts the value's pseudonym in its place. Lists have none, and are masked.
    fn hash(&mut self, item: Item, verdict: Verdict) {
        let text = match item.value {
            RawValue::Empty => return,
            RawValue::String(text) => self.batch.text(text),
            value => match scalar_text(value) {
                Some(text) => text.into(),
                None => return self.mask(item, verdict),
            },
        };
        if placeholder::is_placeholder(&text) {
            return;
        }
        match self.policy.key() {
            Some(key) => self.put(item, verdict, &key.pseudonym(&text)),
            None => self.mask(item, verdict),
        }
    }

    /// A text without a key.
    #[inline]
    fn text(&mut self, place: Place, slot: Slot, row: usize, text: Text) {
        let on = self.policy.selection(place);
        match self.policy.text_action(place) {
            TextAction::Keep => {}
            TextAction::Scan if on.is_empty() => {}
            TextAction::Scan => self.look_at(slot, row, place, text, Look { on, is_query: false }),
            TextAction::Mask => self.mask_text(place, slot, row, text),
        }
    }

    fn mask_text(&mut self, place: Place, slot: Slot, row: usize, text: Text) {
        if text.is_empty() {
            return;
        }
        // A placeholder is no trace state, and no URL: those go without one.
        let change = if matches!(place, Place::TraceState | Place::Schema) {
            Change::Drop
        } else {
            let mut mask = String::new();
            placeholder::push_mask(&mut mask, place.id());
            if self.batch.stored_bytes(text) == mask.as_bytes() {
                return;
            }
            self.edits.keep(&mask)
        };
        self.edits.push(slot, row, change);
        self.report.masked_texts += 1;
        self.report.count_place(place);
    }

    /// The entity references of a resource: they go together where anything is found in one of their texts.
    fn entity_refs(&mut self, resource: usize, rows: Rows) {
        let look = self.policy.look(Place::Schema);
        let action = self.policy.text_action(Place::Schema);
        if rows.len == 0 || action == TextAction::Keep || (action == TextAction::Scan && look.on.is_empty()) {
            return;
        }
        let batch = self.batch;
        let of = |rows: Rows| batch.strings.get(rows.range()).unwrap_or_default().iter().copied();
        let texts = batch.entity_refs.get(rows.range()).unwrap_or_default().iter().flat_map(|row| {
            [row.schema_url, row.kind].into_iter().chain(of(row.id_keys)).chain(of(row.description_keys))
        });
        let has_find = |text: Text| {
            let mut finds = Vec::new();
            self.policy.detectors().find_selected(&batch.text(text), look, &mut finds);
            !finds.is_empty()
        };
        if action == TextAction::Mask || texts.into_iter().any(has_find) {
            self.edits.push(Slot::EntityRefs, resource, Change::Drop);
            self.report.count_place(Place::Schema);
        }
    }

    /// An identifier that is none but a text: whatever a caller wrote there. A digest of it takes its place, so that spans
    /// still belong together, nothing can be read, and the output is valid.
    #[inline]
    fn id<const N: usize>(&mut self, slot: Slot, row: usize, id: Id<N>) {
        if !id.valid && !id.zero && !id.text.is_empty() {
            self.text_id(slot, row, id.text, N);
        }
    }

    #[cold]
    fn text_id(&mut self, slot: Slot, row: usize, text: Text, width: usize) {
        let digest = placeholder::digest_id(self.policy.key(), &self.batch.text(text), width);
        let change = self.edits.keep(&digest);
        self.edits.push(slot, row, change);
        self.report.text_ids += 1;
    }
}

/// The text of a number, true or false.
pub(super) fn scalar_text(value: RawValue) -> Option<String> {
    match value {
        RawValue::Bool(value) => Some(value.to_string()),
        RawValue::Int(value) => Some(value.to_string()),
        RawValue::Double(value) => Some(value.to_string()),
        RawValue::Empty
        | RawValue::String(_)
        | RawValue::Bytes(_)
        | RawValue::Array(_)
        | RawValue::KvList(_) => None,
    }
}

/// Whether it is true, false or a number.
fn is_no_text(value: RawValue) -> bool {
    matches!(value, RawValue::Bool(_) | RawValue::Int(_) | RawValue::Double(_))
}
