//! The rows of a batch's tables, as later passes read them.

use super::Text;

/// A run of rows in another table: `start..start + len`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rows {
    /// Index of the first row.
    pub start: u32,
    /// Number of rows.
    pub len: u32,
}

impl Rows {
    /// The same as a range of `usize`.
    #[inline]
    pub fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }

    /// The same, but that where no rows begin says nothing.
    #[inline]
    pub(crate) fn without_place_if_none(self) -> Self {
        if self.len == 0 { Self::default() } else { self }
    }

    /// The rows of a table from `start` to its end now.
    #[inline]
    pub(crate) fn since<T>(start: usize, table: &[T]) -> Self {
        let index = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Self { start: index(start), len: index(table.len().saturating_sub(start)) }
    }
}

/// A half-open range of bytes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl ByteRange {
    /// An input is at most 2 GiB − 1 long, so both ends fit.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let offset = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(end) }
    }

    /// The same as a range of `usize`.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether it covers no byte.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// The number of a distinct attribute key within one batch: an index into its `keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) u32);

impl KeyId {
    /// The id as an index, for tables that hold one entry per distinct key.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One document of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DocumentRow {
    /// Its bytes.
    pub bytes: ByteRange,
    /// Its resources.
    pub resources: Rows,
    /// Its spans.
    pub spans: Rows,
    /// Spans that strict mode rejected.
    pub rejected_spans: u32,
    /// It holds metrics, logs or profiles and no traces.
    pub other_signal: bool,
    /// It holds nothing of traces, or a part of an array that it is does: JSON with nothing of OTLP in it
    /// ([`Code::NoKnownField`](crate::Code::NoKnownField)), or without a span and with something of another type, or of a name that
    /// is not read, where spans would be. An empty document holds nothing else either, and is none of these.
    pub foreign: bool,
}

/// What decode read of an `AnyValue`, in sixteen bytes together with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ValueTag {
    Empty,
    String,
    Bool,
    Int,
    Double,
    Bytes,
    Array,
    KvList,
}

/// A value and its key. Children of arrays have no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeRow {
    pub(crate) key: u32,
    pub(crate) tag: ValueTag,
    pub(crate) payload: u64,
}

/// A value of a row whose texts and children are still handles.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RawValue {
    /// An `AnyValue` with no member set.
    Empty,
    /// `stringValue`.
    String(Text),
    /// `boolValue`.
    Bool(bool),
    /// `intValue`.
    Int(i64),
    /// `doubleValue`.
    Double(f64),
    /// `bytesValue`, decoded: a range of the arena.
    Bytes(Text),
    /// `arrayValue`: rows of the `values` table.
    Array(Rows),
    /// `kvlistValue`: rows of the `values` table.
    KvList(Rows),
}

impl AttributeRow {
    pub(crate) const NO_KEY: u32 = u32::MAX;

    #[inline]
    pub(crate) fn new(key: u32, value: RawValue) -> Self {
        let rows = |rows: Rows| u64::from(rows.start) | u64::from(rows.len) << 32;
        let (tag, payload) = match value {
            RawValue::Empty => (ValueTag::Empty, 0),
            RawValue::String(text) => (ValueTag::String, text.bits()),
            RawValue::Bool(value) => (ValueTag::Bool, u64::from(value)),
            RawValue::Int(value) => (ValueTag::Int, value.cast_unsigned()),
            RawValue::Double(value) => (ValueTag::Double, value.to_bits()),
            RawValue::Bytes(text) => (ValueTag::Bytes, text.bits()),
            RawValue::Array(children) => (ValueTag::Array, rows(children)),
            RawValue::KvList(children) => (ValueTag::KvList, rows(children)),
        };
        Self { key, tag, payload }
    }

    /// The key, `None` in an array.
    #[inline]
    pub fn key(self) -> Option<KeyId> {
        (self.key != Self::NO_KEY).then_some(KeyId(self.key))
    }

    /// The value.
    #[inline]
    pub fn value(self) -> RawValue {
        #[allow(clippy::cast_possible_truncation, reason = "the low half, then the high half")]
        let rows = Rows { start: self.payload as u32, len: (self.payload >> 32) as u32 };
        match self.tag {
            ValueTag::Empty => RawValue::Empty,
            ValueTag::String => RawValue::String(Text::from_bits(self.payload)),
            ValueTag::Bool => RawValue::Bool(self.payload != 0),
            ValueTag::Int => RawValue::Int(self.payload.cast_signed()),
            ValueTag::Double => RawValue::Double(f64::from_bits(self.payload)),
            ValueTag::Bytes => RawValue::Bytes(Text::from_bits(self.payload)),
            ValueTag::Array => RawValue::Array(rows),
            ValueTag::KvList => RawValue::KvList(rows),
        }
    }
}

/// `Resource` with the `schemaUrl` of its `ResourceSpans`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ResourceRow {
    /// Rows of `attributes`.
    pub attributes: Rows,
    /// `droppedAttributesCount`.
    pub dropped_attributes_count: u32,
    /// `schemaUrl` of the `ResourceSpans`.
    pub schema_url: Text,
    /// Rows of `entity_refs`.
    pub entity_refs: Rows,
}

/// `EntityRef` of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EntityRefRow {
    /// `schemaUrl`.
    pub schema_url: Text,
    /// `type`.
    pub kind: Text,
    /// `idKeys`: rows of `strings`.
    pub id_keys: Rows,
    /// `descriptionKeys`: rows of `strings`.
    pub description_keys: Rows,
}

/// `InstrumentationScope` with the `schemaUrl` of its `ScopeSpans`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScopeRow {
    /// Row of `resources`.
    pub resource: u32,
    /// `name`.
    pub name: Text,
    /// `version`.
    pub version: Text,
    /// Rows of `attributes`.
    pub attributes: Rows,
    /// `droppedAttributesCount`.
    pub dropped_attributes_count: u32,
    /// `schemaUrl` of the `ScopeSpans`.
    pub schema_url: Text,
}

/// An id as bytes and as its canonical text.
///
/// `bytes` is meaningful only where `valid`: exactly the size of the field and not all zero. `text` is lower-case hex,
/// or the text as sent where no rule could read it (lenient mode), or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Id<const N: usize> {
    /// The bytes.
    pub bytes: [u8; N],
    /// Whether `bytes` is a valid id.
    pub valid: bool,
    /// Of the right size, and all zero.
    pub zero: bool,
    /// Canonical text.
    pub text: Text,
}

impl<const N: usize> Id<N> {
    /// No id: what a root span has for a parent.
    pub const NONE: Self = Self { bytes: [0; N], valid: false, zero: false, text: Text::EMPTY };
}

impl<const N: usize> Default for Id<N> {
    fn default() -> Self {
        Self::NONE
    }
}

/// `Span`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SpanRow {
    /// Row of `scopes`.
    pub scope: u32,
    /// `flags`.
    pub flags: u32,
    /// `traceId`.
    pub trace_id: Id<16>,
    /// `spanId`.
    pub span_id: Id<8>,
    /// `parentSpanId`.
    pub parent_span_id: Id<8>,
    /// `traceState`.
    pub trace_state: Text,
    /// `name`.
    pub name: Text,
    /// `kind`; unknown numbers are kept.
    pub kind: i32,
    /// `status.code`; unknown numbers are kept.
    pub status_code: i32,
    /// `status.message`.
    pub status_message: Text,
    /// `startTimeUnixNano`.
    pub start_time_unix_nano: u64,
    /// `endTimeUnixNano`.
    pub end_time_unix_nano: u64,
    /// Rows of `attributes`.
    pub attributes: Rows,
    /// Rows of `events`.
    pub events: Rows,
    /// Rows of `links`.
    pub links: Rows,
    /// `droppedAttributesCount`.
    pub dropped_attributes_count: u32,
    /// `droppedEventsCount`.
    pub dropped_events_count: u32,
    /// `droppedLinksCount`.
    pub dropped_links_count: u32,
}

/// `Span.Event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EventRow {
    /// `timeUnixNano`.
    pub time_unix_nano: u64,
    /// `name`.
    pub name: Text,
    /// Rows of `attributes`.
    pub attributes: Rows,
    /// `droppedAttributesCount`.
    pub dropped_attributes_count: u32,
}

/// `Span.Link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LinkRow {
    /// `traceId`.
    pub trace_id: Id<16>,
    /// `spanId`.
    pub span_id: Id<8>,
    /// `traceState`.
    pub trace_state: Text,
    /// `flags`.
    pub flags: u32,
    /// Rows of `attributes`.
    pub attributes: Rows,
    /// `droppedAttributesCount`.
    pub dropped_attributes_count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_takes_sixteen_bytes_and_gives_its_value_back() {
        assert_eq!(size_of::<AttributeRow>(), 16);
        let rows = Rows { start: u32::MAX - 1, len: 7 };
        for value in [
            RawValue::Empty,
            RawValue::String(Text::input(3, 9, true)),
            RawValue::Bool(true),
            RawValue::Int(i64::MIN),
            RawValue::Double(-0.5),
            RawValue::Bytes(Text::input(1, 2, false)),
            RawValue::Array(rows),
            RawValue::KvList(rows),
        ] {
            let row = AttributeRow::new(5, value);
            assert_eq!((row.key(), row.value()), (Some(KeyId(5)), value));
        }
        assert_eq!(AttributeRow::new(AttributeRow::NO_KEY, RawValue::Empty).key(), None);
    }
}
