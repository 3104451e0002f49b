//! A batch with its edits carried out, in buffers of its own.
//!
//! Nothing is shared with the batch that was read: not a byte of it that was not copied on purpose is reachable from the
//! new one. All texts stand in one new buffer, unescaped, in the order of the rows.
//!
//! Of attributes with equal keys in one list the last stays, so that what is written from the batch is valid. A row that
//! is no longer referred to is not copied.

use std::ops::Range;

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::edits::{Change, Edits, Slot};
use super::report::RedactionReport;
use crate::batch::{
    AttributeRow, DocumentRow, EntityRefRow, EventRow, Id, KeyId, LinkRow, RawValue, ResourceRow, Rows,
    ScopeRow, SpanBatch, SpanRow, Text, TextKind,
};
use crate::json::escape::hex_value;

/// The new batch would need more text than a batch can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Makes batches of the documents of one, with the edits carried out. The tables of these are made once for all documents.
pub(super) struct Rebuild<'a> {
    from: &'a SpanBatch,
    edits: &'a Edits,
    by_place: HashMap<(u8, u32), Change, RandomState>,
    /// For each key of the old batch the list that had it last.
    stamps: Vec<u32>,
    lists: u32,
    /// For each key of the old batch its number in the new one, plus one.
    keys: Vec<u32>,
    /// The keys that have such a number.
    numbered: Vec<usize>,
}

impl<'a> Rebuild<'a> {
    pub(super) fn new(batch: &'a SpanBatch, edits: &'a Edits) -> Result<Self, TooLarge> {
        if edits.overflows {
            return Err(TooLarge);
        }
        let mut by_place = HashMap::with_capacity_and_hasher(edits.list.len(), RandomState::default());
        for edit in &edits.list {
            by_place.insert((edit.slot as u8, edit.row), edit.change);
        }
        Ok(Self {
            from: batch,
            edits,
            by_place,
            stamps: vec![0; batch.keys.len()],
            lists: 0,
            keys: vec![0; batch.keys.len()],
            numbered: Vec::new(),
        })
    }

    /// Copies the resources `documents` refer to, with what is under them and with the edits carried out.
    pub(super) fn documents(
        &mut self,
        documents: &[DocumentRow],
        report: &mut RedactionReport,
    ) -> Result<SpanBatch, TooLarge> {
        for key in self.numbered.drain(..) {
            if let Some(number) = self.keys.get_mut(key) {
                *number = 0;
            }
        }
        let mut copy =
            Copy { tables: self, to: SpanBatch::new(), texts: Vec::new(), stack: Vec::new(), report };
        for document in documents {
            copy.document(document)?;
        }
        let mut to = copy.to;
        to.input = Bytes::from(copy.texts);
        to.redacted = true;
        Ok(to)
    }
}

/// A new batch that is being made.
struct Copy<'r, 'a> {
    tables: &'r mut Rebuild<'a>,
    to: SpanBatch,
    texts: Vec<u8>,
    /// Children of the lists that are being copied.
    stack: Vec<AttributeRow>,
    report: &'r mut RedactionReport,
}

impl Copy<'_, '_> {
    fn document(&mut self, document: &DocumentRow) -> Result<(), TooLarge> {
        let (first_resource, first_span) = (self.to.resources.len(), self.to.spans.len());
        let scopes = self.scopes_of(document);
        for row in document.resources.range() {
            let Some(resource) = self.tables.from.resources.get(row).copied() else {
                continue;
            };
            let copied = ResourceRow {
                attributes: self.attributes(resource.attributes)?,
                dropped_attributes_count: resource.dropped_attributes_count,
                schema_url: self.text(Slot::ResourceSchema, row, resource.schema_url)?,
                entity_refs: self.entity_refs(row, resource.entity_refs)?,
            };
            self.to.resources.push(copied);
        }
        let resources = self.to.resources.len() - first_resource;
        let mut spans = document.spans.range();
        for (row, scope) in scopes {
            let resource = (scope.resource as usize).saturating_sub(document.resources.start as usize);
            if resource >= resources {
                continue;
            }
            let copied = ScopeRow {
                resource: number(first_resource + resource)?,
                name: self.text(Slot::ScopeName, row, scope.name)?,
                version: self.text(Slot::ScopeVersion, row, scope.version)?,
                attributes: self.attributes(scope.attributes)?,
                dropped_attributes_count: scope.dropped_attributes_count,
                schema_url: self.text(Slot::ScopeSchema, row, scope.schema_url)?,
            };
            let number = number(self.to.scopes.len())?;
            self.to.scopes.push(copied);
            let from = self.tables.from;
            let is_of_scope = |span: &&SpanRow| span.scope as usize == row;
            while let Some(span) =
                spans.clone().next().and_then(|row| from.spans.get(row)).filter(is_of_scope)
            {
                self.span(spans.start, span, number)?;
                spans.start += 1;
            }
        }
        self.to.documents.push(DocumentRow {
            resources: Rows::since(first_resource, &self.to.resources),
            spans: Rows::since(first_span, &self.to.spans),
            rejected_spans: document.rejected_spans,
            other_signal: document.other_signal,
            ..DocumentRow::default()
        });
        Ok(())
    }

    /// The scopes of a document's resources, which lie together.
    fn scopes_of(&self, document: &DocumentRow) -> std::vec::IntoIter<(usize, ScopeRow)> {
        let resources = document.resources.range();
        let first =
            self.tables.from.scopes.partition_point(|scope| (scope.resource as usize) < resources.start);
        let last = self.tables.from.scopes.partition_point(|scope| (scope.resource as usize) < resources.end);
        let scopes: Vec<_> =
            (first..last).filter_map(|row| Some((row, *self.tables.from.scopes.get(row)?))).collect();
        scopes.into_iter()
    }

    fn span(&mut self, row: usize, span: &SpanRow, scope: u32) -> Result<(), TooLarge> {
        let copied = SpanRow {
            scope,
            trace_id: self.id(Slot::TraceId, row, span.trace_id)?,
            span_id: self.id(Slot::SpanId, row, span.span_id)?,
            parent_span_id: self.id(Slot::ParentSpanId, row, span.parent_span_id)?,
            trace_state: self.text(Slot::SpanTraceState, row, span.trace_state)?,
            name: self.text(Slot::SpanName, row, span.name)?,
            status_message: self.text(Slot::StatusMessage, row, span.status_message)?,
            attributes: self.attributes(span.attributes)?,
            events: self.events(span.events.range())?,
            links: self.links(span.links.range())?,
            ..*span
        };
        self.to.spans.push(copied);
        Ok(())
    }

    fn events(&mut self, rows: Range<usize>) -> Result<Rows, TooLarge> {
        let first = self.to.events.len();
        for row in rows {
            if let Some(event) = self.tables.from.events.get(row).copied() {
                let name = self.text(Slot::EventName, row, event.name)?;
                let attributes = self.attributes(event.attributes)?;
                self.to.events.push(EventRow { name, attributes, ..event });
            }
        }
        Ok(Rows::since(first, &self.to.events))
    }

    fn links(&mut self, rows: Range<usize>) -> Result<Rows, TooLarge> {
        let first = self.to.links.len();
        for row in rows {
            if let Some(link) = self.tables.from.links.get(row).copied() {
                let copied = LinkRow {
                    trace_id: self.id(Slot::LinkTraceId, row, link.trace_id)?,
                    span_id: self.id(Slot::LinkSpanId, row, link.span_id)?,
                    trace_state: self.text(Slot::LinkTraceState, row, link.trace_state)?,
                    attributes: self.attributes(link.attributes)?,
                    ..link
                };
                self.to.links.push(copied);
            }
        }
        Ok(Rows::since(first, &self.to.links))
    }

    fn entity_refs(&mut self, resource: usize, rows: Rows) -> Result<Rows, TooLarge> {
        if self.change(Slot::EntityRefs, resource).is_some() {
            return Ok(Rows::default());
        }
        let first = self.to.entity_refs.len();
        for row in self.tables.from.entity_refs.get(rows.range()).unwrap_or_default() {
            let copied = EntityRefRow {
                schema_url: self.copied(row.schema_url)?,
                kind: self.copied(row.kind)?,
                id_keys: self.strings(row.id_keys)?,
                description_keys: self.strings(row.description_keys)?,
            };
            self.to.entity_refs.push(copied);
        }
        Ok(Rows::since(first, &self.to.entity_refs))
    }

    fn strings(&mut self, rows: Rows) -> Result<Rows, TooLarge> {
        let first = self.to.strings.len();
        for text in self.tables.from.strings.get(rows.range()).unwrap_or_default() {
            let copied = self.copied(*text)?;
            self.to.strings.push(copied);
        }
        Ok(Rows::since(first, &self.to.strings))
    }

    fn attributes(&mut self, rows: Rows) -> Result<Rows, TooLarge> {
        let base = self.stack.len();
        self.key_values(Slot::Attribute, rows)?;
        let first = self.to.attributes.len();
        self.to.attributes.extend(self.stack.drain(base..));
        Ok(Rows::since(first, &self.to.attributes))
    }

    /// Copies a list with keys to the stack.
    fn key_values(&mut self, slot: Slot, rows: Rows) -> Result<(), TooLarge> {
        let from = self.tables.from;
        let table = if slot == Slot::Attribute { &from.attributes } else { &from.values };
        let later = self.superseded(table.get(rows.range()).unwrap_or_default());
        for (row, is_superseded) in rows.range().zip(later) {
            let Some(attribute) = table.get(row).copied() else {
                continue;
            };
            let change = self.change(slot, row);
            if is_superseded {
                self.report.duplicate_keys += 1;
                continue;
            }
            if change == Some(Change::Drop) {
                continue;
            }
            let key_slot = if slot == Slot::Attribute { Slot::AttributeKey } else { Slot::ChildKey };
            let key = self.key(key_slot, row, attribute)?;
            let value = self.value(change, attribute.value())?;
            self.stack.push(AttributeRow::new(key, value));
        }
        Ok(())
    }

    /// For each row of a list whether a later one has the same key.
    fn superseded(&mut self, rows: &[AttributeRow]) -> Vec<bool> {
        let Rebuild { stamps, lists, .. } = &mut *self.tables;
        *lists += 1;
        let mut superseded = vec![false; rows.len()];
        for (row, superseded) in rows.iter().zip(&mut superseded).rev() {
            if let Some(stamp) = row.key().and_then(|key| stamps.get_mut(key.index())) {
                *superseded = *stamp == *lists;
                *stamp = *lists;
            }
        }
        superseded
    }

    fn value(&mut self, change: Option<Change>, value: RawValue) -> Result<RawValue, TooLarge> {
        if let Some(change) = change {
            let edits = self.tables.edits;
            return match edits.text(change) {
                Some(text) => Ok(RawValue::String(self.put(text)?)),
                None => Ok(RawValue::Empty),
            };
        }
        Ok(match value {
            RawValue::String(text) => RawValue::String(self.copied(text)?),
            RawValue::Bytes(bytes) => {
                // The arena of the new batch holds bytes alone: they are no text, and must not be read as such.
                let start = self.to.made.len();
                self.to.made.extend_from_slice(self.tables.from.stored_bytes(bytes));
                RawValue::Bytes(Text::new(TextKind::Made, start, self.to.made.len()).ok_or(TooLarge)?)
            }
            RawValue::Array(rows) => {
                let base = self.stack.len();
                for row in rows.range() {
                    if let Some(child) = self.tables.from.values.get(row).copied() {
                        let change = self.change(Slot::Child, row);
                        let value = self.value(change, child.value())?;
                        self.stack.push(AttributeRow::new(AttributeRow::NO_KEY, value));
                    }
                }
                RawValue::Array(self.take_children(base))
            }
            RawValue::KvList(rows) => {
                let base = self.stack.len();
                self.key_values(Slot::Child, rows)?;
                RawValue::KvList(self.take_children(base))
            }
            plain => plain,
        })
    }

    fn take_children(&mut self, base: usize) -> Rows {
        let first = self.to.values.len();
        self.to.values.extend(self.stack.drain(base..));
        Rows::since(first, &self.to.values)
    }

    fn change(&self, slot: Slot, row: usize) -> Option<Change> {
        self.tables.by_place.get(&(slot as u8, u32::try_from(row).ok()?)).copied()
    }

    /// The number of a key in the new batch.
    fn key(&mut self, slot: Slot, row: usize, attribute: AttributeRow) -> Result<u32, TooLarge> {
        let (from, edits) = (self.tables.from, self.tables.edits);
        if let Some(text) = self.change(slot, row).and_then(|change| edits.text(change)) {
            let text = self.put(text)?;
            return self.intern(text);
        }
        let old = attribute.key().map_or(usize::MAX, KeyId::index);
        if let Some(known) = self.tables.keys.get(old).and_then(|number| number.checked_sub(1)) {
            return Ok(known);
        }
        let text = self.copied(attribute.key().map_or(Text::EMPTY, |key| from.key_text(key)))?;
        let new = self.intern(text)?;
        if let Some(number) = self.tables.keys.get_mut(old) {
            *number = new + 1;
            self.tables.numbered.push(old);
        }
        Ok(new)
    }

    fn intern(&mut self, text: Text) -> Result<u32, TooLarge> {
        let Self { to, texts, .. } = self;
        let name = text.raw(texts, &[]);
        to.keys.intern(name, |text| text.raw(texts, &[]), || Some(text)).ok_or(TooLarge)
    }

    fn id<const N: usize>(&mut self, slot: Slot, row: usize, id: Id<N>) -> Result<Id<N>, TooLarge> {
        let edits = self.tables.edits;
        match self.change(slot, row).and_then(|change| edits.text(change)) {
            Some(digits) => {
                Ok(Id { bytes: bytes_of(digits), valid: true, zero: false, text: self.put(digits)? })
            }
            None => Ok(Id { text: self.copied(id.text)?, ..id }),
        }
    }

    fn text(&mut self, slot: Slot, row: usize, text: Text) -> Result<Text, TooLarge> {
        let edits = self.tables.edits;
        match self.change(slot, row) {
            Some(change) => edits.text(change).map_or(Ok(Text::EMPTY), |text| self.put(text)),
            None => self.copied(text),
        }
    }

    /// Copies a text of the old batch, its escapes undone.
    fn copied(&mut self, text: Text) -> Result<Text, TooLarge> {
        if text.is_empty() {
            return Ok(Text::EMPTY);
        }
        let content = self.tables.from.text(text);
        self.put(&content)
    }

    fn put(&mut self, text: &str) -> Result<Text, TooLarge> {
        let start = self.texts.len();
        self.texts.extend_from_slice(text.as_bytes());
        Text::new(TextKind::Plain, start, self.texts.len()).ok_or(TooLarge)
    }
}

/// The bytes of an identifier that was made here, in hexadecimal digits.
fn bytes_of<const N: usize>(digits: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = hex_value(*high).unwrap_or(0) << 4 | hex_value(*low).unwrap_or(0);
    }
    bytes
}

fn number(index: usize) -> Result<u32, TooLarge> {
    u32::try_from(index).map_err(|_| TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{DecodeOptions, Decoder, Framing};
    use crate::redact::policy::Policy;
    use crate::redact::{Preset, Redactor};

    /// Tables that stay from document to document leave nothing of one in another.
    #[test]
    fn documents_of_a_block_are_made_as_if_each_were_alone() {
        let attribute =
            |key: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"joe@example.com"}}}}"#);
        let line = |keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|key| attribute(key)).collect();
            let span =
                format!(r#"{{"name":"n","kind":"SPAN_KIND_CLIENT","attributes":[{}]}}"#, keys.join(","));
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
        };
        let lines = [
            line(&["a", "gen_ai.prompt", "b"]),
            line(&["b", "b", "c"]),
            line(&[]),
            line(&["gen_ai.prompt", "a@b.co", "a", "gen_ai.prompt"]),
            line(&["c", "a"]),
        ];
        let policy =
            || Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets).compile(None).unwrap();
        let mut redactor = Redactor::new(policy());
        let together = redactor.redact_block(lines.join("\n"), Framing::Lines).unwrap();
        let alone = lines.each_ref().map(|line| Redactor::new(policy()).redact_json(line.clone()).unwrap());
        let texts = alone.each_ref().map(|alone| String::from_utf8(alone.data.clone()).unwrap());
        assert_eq!(String::from_utf8(together.data).unwrap(), texts.join("\n"));
        let duplicates = alone.iter().map(|alone| alone.report.duplicate_keys).sum::<u64>();
        assert_eq!((together.report.duplicate_keys, duplicates), (2, 2));
        assert_eq!(together.report.canonical_documents, 5);

        let mut batch = SpanBatch::new();
        let mut decoder = Decoder::new(DecodeOptions::default());
        decoder.decode_block(lines.join("\n"), Framing::Lines, &mut batch).unwrap();
        let edits = Edits::default();
        let mut rebuild = Rebuild::new(&batch, &edits).unwrap();
        for document in &batch.documents {
            let document = std::slice::from_ref(document);
            let mut report = RedactionReport::default();
            let next = rebuild.documents(document, &mut report).unwrap();
            let first = Rebuild::new(&batch, &edits).unwrap().documents(document, &mut report).unwrap();
            assert!(next == first && next.keys.len() == first.keys.len());
        }
    }
}
