//! Where in the input the rows of a batch stand: what redaction and splicing need, recorded only when asked for.
//!
//! Each table here is parallel to the table of the batch that it is named after.

use super::rows::ByteRange;

/// Source of a key-value, or of a child of an array (then `key` is empty).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AttributeSource {
    /// The whole element, from its first to its last byte.
    pub element: ByteRange,
    /// The key's string token, quotes included. Empty where the key was not written.
    pub key: ByteRange,
    /// The `AnyValue`: from `{` to `}`, or whatever stood there. Empty where it was not written.
    pub value: ByteRange,
}

/// Source of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SpanSource {
    /// The whole object.
    pub element: ByteRange,
    /// The value of `name`. Empty where it was not written; so are the others.
    pub name: ByteRange,
    /// The value of `traceState`.
    pub trace_state: ByteRange,
    /// The value of `status.message`.
    pub status_message: ByteRange,
}

/// Source of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EventSource {
    /// The whole object.
    pub element: ByteRange,
    /// The value of `name`.
    pub name: ByteRange,
}

/// Source of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LinkSource {
    /// The whole object.
    pub element: ByteRange,
    /// The value of `traceState`.
    pub trace_state: ByteRange,
}

/// Source of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScopeSource {
    /// The whole `ScopeSpans` object.
    pub element: ByteRange,
    /// The value of `scope.name`.
    pub name: ByteRange,
    /// The value of `scope.version`.
    pub version: ByteRange,
    /// The value of `schemaUrl`.
    pub schema_url: ByteRange,
}

/// Source of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ResourceSource {
    /// The whole `ResourceSpans` object.
    pub element: ByteRange,
    /// The value of `schemaUrl`.
    pub schema_url: ByteRange,
    /// The value of `resource.entityRefs`.
    pub entity_refs: ByteRange,
}

/// The tables of sources. All are empty unless the decoder was told to record them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sources {
    /// Parallel to `attributes`.
    pub attributes: Vec<AttributeSource>,
    /// Parallel to `values`.
    pub values: Vec<AttributeSource>,
    /// Parallel to `spans`.
    pub spans: Vec<SpanSource>,
    /// Parallel to `events`.
    pub events: Vec<EventSource>,
    /// Parallel to `links`.
    pub links: Vec<LinkSource>,
    /// Parallel to `scopes`.
    pub scopes: Vec<ScopeSource>,
    /// Parallel to `resources`.
    pub resources: Vec<ResourceSource>,
}
