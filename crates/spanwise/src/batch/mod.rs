//! [`SpanBatch`]: the hub that decode fills and that every later pass reads.
//!
//! Flat tables of small rows. A list in a row is a range of another table; a text is a handle into the input or into the
//! batch's arena. Nothing points by address, so a batch has no lifetime, is `Send`, and can be reused: [`SpanBatch::clear`]
//! keeps every capacity, and decoding into a warm batch allocates nothing.
//!
//! Users read through the views ([`SpanRef`] and its kin); passes that turn tables into tables read the rows.

mod attributes;
mod equality;
mod iterators;
mod keys;
pub(crate) mod memory;
mod repeated;
mod rows;
mod sources;
mod text;
mod views;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub use attributes::{ArrayRef, AttributeRef, AttributesRef, ValueRef};
pub use iterators::{Attributes, Elements, Spans};
pub(crate) use keys::Keys;
pub(crate) use rows::ValueTag;
pub use rows::{
    AttributeRow, ByteRange, DocumentRow, EntityRefRow, EventRow, Id, KeyId, LinkRow, RawValue, ResourceRow,
    Rows, ScopeRow, SpanRow,
};
pub use sources::{
    AttributeSource, EventSource, LinkSource, ResourceSource, ScopeSource, Sources, SpanSource,
};
pub use text::{Text, TextKind};
pub use views::{
    EntityRefRef, EventRef, LinkRef, ResourceRef, ScopeRef, SpanKind, SpanRef, StatusCode, StatusRef,
};

use crate::diagnostic::{Code, Diagnostic, DiagnosticLog, Diagnostics, Origin, Severity};
use crate::frame::Part;

/// The decoded spans of one contiguous input: one request, or a block of many documents.
///
/// ```
/// let payload = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{
///     "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat",
///     "attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"heron-2"}}]}]}]}]}"#;
/// let batch = spanwise::decode(&payload[..]).unwrap();
/// let span = batch.spans().find(|span| span.name() == "chat").unwrap();
/// assert_eq!(span.trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// let model = span.attributes().get("gen_ai.request.model").unwrap();
/// assert_eq!(model.as_str(), Some("heron-2"));
/// ```
#[derive(Clone, Default)]
pub struct SpanBatch {
    pub(crate) input: Bytes,
    pub(crate) made: Vec<u8>,
    pub(crate) documents: Vec<DocumentRow>,
    pub(crate) resources: Vec<ResourceRow>,
    pub(crate) entity_refs: Vec<EntityRefRow>,
    pub(crate) strings: Vec<Text>,
    pub(crate) scopes: Vec<ScopeRow>,
    pub(crate) spans: Vec<SpanRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) links: Vec<LinkRow>,
    pub(crate) attributes: Vec<AttributeRow>,
    pub(crate) values: Vec<AttributeRow>,
    pub(crate) keys: Keys,
    pub(crate) sources: Sources,
    /// Whether sources and residue were recorded: what was not is not known to be absent.
    pub(crate) has_sources: bool,
    /// Whether the input is a block of documents, as opposed to the payload of one request.
    pub(crate) is_block: bool,
    pub(crate) residue: Vec<ByteRange>,
    pub(crate) log: DiagnosticLog,
    pub(crate) origin: Origin,
    pub(crate) rejected_spans: u64,
    pub(crate) bad_documents: u64,
    pub(crate) other_signals: u64,
    /// Documents of which this is a part and not the last.
    pub(crate) unended: u64,
    /// The part that it was decoded from, if it was one.
    pub(crate) part: Option<Box<Part>>,
    /// Made by redaction, which reports no duplicates.
    pub(crate) redacted: bool,
}

/// How much there is, and nothing of what it says: so that no log shows it by mistake.
impl fmt::Debug for SpanBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanBatch")
            .field("input_bytes", &self.input.len())
            .field("documents", &self.documents.len())
            .field("resources", &self.resources.len())
            .field("scopes", &self.scopes.len())
            .field("spans", &self.spans.len())
            .field("attributes", &self.attributes.len())
            .field("errors", &self.log.errors)
            .field("warnings", &self.log.warnings)
            .finish_non_exhaustive()
    }
}

/// The lengths of all tables at one moment, to go back to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    pub(crate) made: usize,
    pub(crate) resources: usize,
    pub(crate) entity_refs: usize,
    pub(crate) strings: usize,
    pub(crate) scopes: usize,
    pub(crate) spans: usize,
    pub(crate) events: usize,
    pub(crate) links: usize,
    pub(crate) attributes: usize,
    pub(crate) values: usize,
    pub(crate) keys: usize,
    pub(crate) rejected_spans: u64,
}

impl SpanBatch {
    /// An empty batch. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all rows and the input, and keeps the capacity of every table (see [`memory`](Self::memory)).
    pub fn clear(&mut self) {
        self.input = Bytes::new();
        self.made.clear();
        self.documents.clear();
        self.resources.clear();
        self.entity_refs.clear();
        self.strings.clear();
        self.scopes.clear();
        self.spans.clear();
        self.events.clear();
        self.links.clear();
        self.attributes.clear();
        self.values.clear();
        self.keys.clear();
        self.has_sources = false;
        self.is_block = false;
        self.residue.clear();
        self.log.clear();
        self.truncate_sources(&Mark::default());
        self.origin = Origin::default();
        self.rejected_spans = 0;
        self.bad_documents = 0;
        self.other_signals = 0;
        self.unended = 0;
        self.part = None;
        self.redacted = false;
    }

    fn truncate_sources(&mut self, mark: &Mark) {
        self.sources.resources.truncate(mark.resources);
        self.sources.scopes.truncate(mark.scopes);
        self.sources.spans.truncate(mark.spans);
        self.sources.events.truncate(mark.events);
        self.sources.links.truncate(mark.links);
        self.sources.attributes.truncate(mark.attributes);
        self.sources.values.truncate(mark.values);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            made: self.made.len(),
            resources: self.resources.len(),
            entity_refs: self.entity_refs.len(),
            strings: self.strings.len(),
            scopes: self.scopes.len(),
            spans: self.spans.len(),
            events: self.events.len(),
            links: self.links.len(),
            attributes: self.attributes.len(),
            values: self.values.len(),
            keys: self.keys.len(),
            rejected_spans: self.rejected_spans,
        }
    }

    /// Forgets every row that was added since `mark`. Rejected spans stay counted.
    pub(crate) fn rewind(&mut self, mark: &Mark) {
        self.made.truncate(mark.made);
        self.resources.truncate(mark.resources);
        self.entity_refs.truncate(mark.entity_refs);
        self.strings.truncate(mark.strings);
        self.scopes.truncate(mark.scopes);
        self.spans.truncate(mark.spans);
        self.events.truncate(mark.events);
        self.links.truncate(mark.links);
        self.attributes.truncate(mark.attributes);
        self.values.truncate(mark.values);
        self.keys.truncate(mark.keys);
        self.truncate_sources(mark);
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The span at `index`, in document order.
    pub fn span(&self, index: usize) -> Option<SpanRef<'_>> {
        self.spans.get(index).map(|row| SpanRef::new(self, row))
    }

    /// All spans, in document order.
    pub fn spans(&self) -> Spans<'_> {
        Spans::new(self, &self.spans)
    }

    /// The row of the table of events at `index`, as a view.
    pub fn event(&self, index: usize) -> Option<EventRef<'_>> {
        self.events.get(index).map(|row| EventRef::new(self, row))
    }

    /// The row of the table of links at `index`, as a view.
    pub fn link(&self, index: usize) -> Option<LinkRef<'_>> {
        self.links.get(index).map(|row| LinkRef::new(self, row))
    }

    /// The row of the table of resources at `index`, as a view.
    ///
    /// ```
    /// let batch = spanwise::decode(r#"{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"s"}}]},{"schemaUrl":"u"}]}"#)?;
    /// assert_eq!(batch.scope(0).unwrap().name(), "s");
    /// assert_eq!(batch.resource(1).unwrap().schema_url(), "u");
    /// assert_eq!(batch.resources().next_back().unwrap().schema_url(), "u");
    /// assert!(batch.scope(1).is_none() && batch.resource(2).is_none());
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn resource(&self, index: usize) -> Option<ResourceRef<'_>> {
        self.resources.get(index).map(|row| ResourceRef::new(self, row))
    }

    /// The row of the table of scopes at `index`, as a view.
    pub fn scope(&self, index: usize) -> Option<ScopeRef<'_>> {
        self.scopes.get(index).map(|row| ScopeRef::new(self, row))
    }

    /// All resources, those without spans included.
    pub fn resources(&self) -> impl DoubleEndedIterator + ExactSizeIterator<Item = ResourceRef<'_>> + Clone {
        self.resources.iter().map(|row| ResourceRef::new(self, row))
    }

    /// The findings, each made when the iterator comes to it.
    pub fn diagnostics(&self) -> Diagnostics<'_> {
        self.log.read(&self.input, self.origin.clone())
    }

    /// What rejected the first bad document of a block: kept even where it is beyond the bound of [`Self::diagnostics`].
    ///
    /// ```
    /// use spanwise::{Code, DecodeOptions, Decoder, Framing, Limits, SpanBatch};
    /// let options = DecodeOptions::default().with_limits(Limits { diagnostics: 1, ..Limits::default() });
    /// let mut batch = SpanBatch::new();
    /// let text = &b"{\"unknown\":1}\n{\"resourceSpans\":]}\n"[..];
    /// Decoder::new(options).decode_block(text, Framing::Lines, &mut batch)?;
    /// assert!(batch.diagnostics().all(|found| found.code != Code::UnexpectedByte));
    /// let found = batch.rejection().unwrap();
    /// assert_eq!((found.code, found.line, found.column), (Code::UnexpectedByte, 2, 18));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn rejection(&self) -> Option<Diagnostic> {
        self.log.rejection(&self.input, self.origin.clone())
    }

    /// Warnings by which spans may have been passed over, the first of each code: on the way to spans, through requests, resources
    /// and scopes, something was of another type, not known, or given twice. What was read though it has another name is none of
    /// them, nor is what was found within spans, nor an error of strict mode, which rejects. They are among [`Self::diagnostics`], but
    /// for [`Code::BareResourceSpans`](crate::Code::BareResourceSpans), which stands for `scopeSpans` behind `resourceSpans` that lenient
    /// mode does not read, and are kept here even where they are beyond its bound.
    ///
    /// ```
    /// # use spanwise::Code;
    /// let payload = br#"{"resourceSpans":[{"scopeSpans":{"spans":[{"future":1}]}},{"scopeSpans":[{"spans":[{"future":1}]}]}]}"#;
    /// let batch = spanwise::decode(&payload[..])?;
    /// let found: Vec<_> = batch.passed_over().map(|found| (found.code, found.path)).collect();
    /// assert_eq!(found, [(Code::TypeMismatch, "resourceSpans[0].scopeSpans".to_owned())]);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn passed_over(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        self.log.passed_over(&self.input, self.origin.clone())
    }

    /// Findings beyond the bound [`crate::Limits::diagnostics`]: counted and not kept.
    pub fn dropped_diagnostics(&self) -> u64 {
        self.log.dropped()
    }

    /// The codes among all findings, those not kept included, each with how often it was found.
    ///
    /// ```
    /// # use spanwise::Code;
    /// let payload = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SERVER"},{"kind":"CLIENT"}]}]}]}"#;
    /// let batch = spanwise::decode(&payload[..])?;
    /// assert!(batch.diagnostic_counts().any(|found| found == (Code::EnumName, 2)));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn diagnostic_counts(&self) -> impl Iterator<Item = (Code, u64)> + '_ {
        self.log.by_code()
    }

    /// Those of [`Self::diagnostic_counts`] with this severity. A code mostly has the one that [`Code::severity`](crate::Code::severity)
    /// says: an attribute whose key is in a string table has none that strict mode takes for a fault.
    ///
    /// ```
    /// # use spanwise::{Code, DecodeOptions, Decoder, Mode, Severity, SpanBatch};
    /// let keys = r#"{"keyStrindex":7},{"key":""},{"key":"k"}"#;
    /// let span = |keys| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{keys}]}}]}}]}}]}}"#);
    /// let mut batch = SpanBatch::new();
    /// Decoder::new(DecodeOptions::default().with_mode(Mode::Strict)).decode(span(keys), &mut batch)?;
    /// let count = |severity| batch.diagnostic_counts_of(severity).find(|found| found.0 == Code::AttributeKeyEmpty);
    /// let empty = |count| Some((Code::AttributeKeyEmpty, count));
    /// assert_eq!([Severity::Error, Severity::Warning].map(count), [empty(1), empty(1)]);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn diagnostic_counts_of(&self, severity: Severity) -> impl Iterator<Item = (Code, u64)> + '_ {
        self.log.of_severity(severity)
    }

    /// Whether any list of attributes may have a key twice: decode found one, also in what was put round a part of a document, or the
    /// batch is redacted and nobody looked.
    ///
    /// ```
    /// let span = |list| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{list}]}}]}}]}}]}}"#);
    /// let key = r#"{"key":"k","value":{}}"#;
    /// assert!(!spanwise::decode(span(key.to_owned()))?.may_repeat_keys());
    /// assert!(spanwise::decode(span(format!("{key},{key}")))?.may_repeat_keys());
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn may_repeat_keys(&self) -> bool {
        let duplicate = Code::AttributeKeyDuplicate;
        self.redacted
            || self.log.by_code().any(|(code, _)| code == duplicate)
            || self.log.codes_of_others().contains(&duplicate)
    }

    /// Number of errors among all findings, those not kept included.
    pub fn error_count(&self) -> u64 {
        self.log.errors
    }

    /// Number of warnings among all findings, those not kept included.
    pub fn warning_count(&self) -> u64 {
        self.log.warnings
    }

    /// Spans that strict mode rejected (OTLP's `rejectedSpans`).
    pub fn rejected_spans(&self) -> u64 {
        self.rejected_spans
    }

    /// Documents that were rejected whole, and lines that are no document.
    pub fn bad_documents(&self) -> u64 {
        self.bad_documents
    }

    /// Documents of metrics, logs or profiles.
    pub fn other_signals(&self) -> u64 {
        self.other_signals
    }

    /// Documents with nothing of traces in them ([`DocumentRow::foreign`]); those of metrics, logs or profiles count for
    /// themselves.
    ///
    /// ```
    /// let batch = spanwise::decode(r#"[{"resourceSpans":[]},{"level":"info"}]"#)?;
    /// assert_eq!((batch.foreign_documents(), batch.other_signals()), (1, 0));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn foreign_documents(&self) -> u64 {
        self.documents.iter().filter(|document| document.foreign).count() as u64
    }

    /// How many documents end here: a document that was too large for one batch counts in the last of its parts.
    pub fn document_count(&self) -> u64 {
        (self.documents.len() as u64).saturating_sub(self.unended)
    }

    /// The documents that were read; a part of one that was too large for one batch is one here.
    pub fn documents(&self) -> &[DocumentRow] {
        &self.documents
    }

    /// The bytes that the batch was decoded from. Plain and escaped texts are ranges of it.
    pub fn input(&self) -> &Bytes {
        &self.input
    }

    /// The arena: texts and bytes that decode had to build.
    pub fn arena(&self) -> &[u8] {
        &self.made
    }

    /// Reads a text of this batch. Borrowed unless it holds escapes.
    ///
    /// ```
    /// # let batch = spanwise::decode(&br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a\nb"}]}]}]}"#[..]).unwrap();
    /// let name = batch.span_rows()[0].name;
    /// assert_eq!(batch.text(name), "a\nb");
    /// ```
    pub fn text(&self, text: Text) -> Cow<'_, str> {
        text.resolve(&self.input, &self.made)
    }

    /// Appends a text of this batch to `out`, escapes undone: for passes that read much text into a buffer that they reuse.
    /// What is appended is UTF-8.
    ///
    /// ```
    /// # let batch = spanwise::decode(&br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a\nb"}]}]}]}"#[..]).unwrap();
    /// let mut out = b"name: ".to_vec();
    /// batch.text_into(batch.span_rows()[0].name, &mut out);
    /// assert_eq!(out, b"name: a\nb");
    /// ```
    pub fn text_into(&self, text: Text, out: &mut Vec<u8>) {
        text.append(&self.input, &self.made, out);
    }

    /// The arena, taken out of the batch: for a pass that hands it on. Texts of the batch that stand in it read as empty
    /// from then on, so take it last.
    pub fn take_arena(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.made)
    }

    /// The bytes of a text as they are stored: with its escapes, if it is of kind [`TextKind::Escaped`].
    pub fn stored_bytes(&self, text: Text) -> &[u8] {
        text.raw(&self.input, &self.made)
    }

    /// The view of a row of this batch: of [`Self::attribute_rows`] or [`Self::value_rows`].
    pub fn attribute<'a>(&'a self, row: &'a AttributeRow) -> AttributeRef<'a> {
        AttributeRef::new(self, row)
    }

    /// The view of a value that a row of this batch gave.
    pub fn raw_value(&self, value: RawValue) -> ValueRef<'_> {
        ValueRef::from_raw(self, value)
    }

    /// The handles of the distinct attribute keys, by id.
    pub fn key_texts(&self) -> impl ExactSizeIterator<Item = Text> + '_ {
        self.keys.texts()
    }

    /// The distinct attribute keys, by id. Those of lists that a [`Projection`](crate::Projection) leaves out may be among them.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = Cow<'_, str>> {
        self.keys.texts().map(|text| self.text(text))
    }

    /// The text of the key `id`. An id means something only together with the batch that it came from: with another one it
    /// is any key of that, or empty where that has fewer.
    ///
    /// ```
    /// let body = |key| format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"{key}"}}]}}}}]}}"#);
    /// let (one, other) = (spanwise::decode(body("a"))?, spanwise::decode(body("b"))?);
    /// let id = one.key_id("a").unwrap();
    /// assert_eq!((one.key(id), other.key(id), spanwise::SpanBatch::new().key(id)), ("a".into(), "b".into(), "".into()));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn key(&self, id: KeyId) -> Cow<'_, str> {
        self.text(self.key_text(id))
    }

    /// The handle of the key `id`, as [`Self::key`].
    pub fn key_text(&self, id: KeyId) -> Text {
        self.keys.text(id.index())
    }

    /// The id of the key that reads `name`, if any attribute list has it.
    pub fn key_id(&self, name: &str) -> Option<KeyId> {
        self.keys.find(name.as_bytes(), |text| text.raw(&self.input, &self.made)).map(KeyId)
    }

    /// The table of resources.
    pub fn resource_rows(&self) -> &[ResourceRow] {
        &self.resources
    }

    /// The table of entity references.
    pub fn entity_ref_rows(&self) -> &[EntityRefRow] {
        &self.entity_refs
    }

    /// The table of strings in lists of strings.
    pub fn string_rows(&self) -> &[Text] {
        &self.strings
    }

    /// The table of scopes.
    pub fn scope_rows(&self) -> &[ScopeRow] {
        &self.scopes
    }

    /// The table of spans.
    pub fn span_rows(&self) -> &[SpanRow] {
        &self.spans
    }

    /// The table of events.
    pub fn event_rows(&self) -> &[EventRow] {
        &self.events
    }

    /// The table of links.
    pub fn link_rows(&self) -> &[LinkRow] {
        &self.links
    }

    /// The table of attributes of resources, scopes, spans, events and links.
    pub fn attribute_rows(&self) -> &[AttributeRow] {
        &self.attributes
    }

    /// The table of children of arrays and kvlists.
    pub fn value_rows(&self) -> &[AttributeRow] {
        &self.values
    }

    /// Where the rows stand in the input. Empty unless decode was told to record it.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Ranges of the input that no row represents: unknown members, superseded duplicates, rejected spans, other signals.
    /// Empty unless decode was told to record them.
    pub fn residue(&self) -> &[ByteRange] {
        &self.residue
    }
}
