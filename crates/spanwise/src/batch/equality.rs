//! When two batches hold the same spans: by what is read through the views, not by how the tables lie.

use super::{
    ArrayRef, AttributesRef, EntityRefRef, EventRef, LinkRef, ResourceRef, ScopeRef, SpanBatch, SpanRef,
    ValueRef,
};

/// Resources, scopes and spans are equal in order and in every field. Doubles compare by their bits, and any NaN equals
/// any other. Input bytes, documents, diagnostics and sources do not count.
impl PartialEq for SpanBatch {
    fn eq(&self, other: &Self) -> bool {
        let scopes = |batch: &Self| batch.scopes.len();
        self.len() == other.len()
            && scopes(self) == scopes(other)
            && self.resources().eq(other.resources())
            && self
                .scopes
                .iter()
                .zip(&other.scopes)
                .all(|(a, b)| a.resource == b.resource && ScopeRef::new(self, a) == ScopeRef::new(other, b))
            && self.spans().zip(other.spans()).all(|(a, b)| a.row().scope == b.row().scope && a == b)
    }
}

impl PartialEq for ResourceRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.attributes() == other.attributes()
            && self.dropped_attributes_count() == other.dropped_attributes_count()
            && self.schema_url() == other.schema_url()
            && self.entity_refs().eq(other.entity_refs())
    }
}

impl PartialEq for EntityRefRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.schema_url() == other.schema_url()
            && self.kind() == other.kind()
            && self.id_keys().eq(other.id_keys())
            && self.description_keys().eq(other.description_keys())
    }
}

/// The scope's own fields; not its resource.
impl PartialEq for ScopeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.version() == other.version()
            && self.attributes() == other.attributes()
            && self.dropped_attributes_count() == other.dropped_attributes_count()
            && self.schema_url() == other.schema_url()
    }
}

/// The span's own fields; not its scope and resource.
impl PartialEq for SpanRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.row(), other.row());
        self.trace_id() == other.trace_id()
            && self.trace_id_bytes() == other.trace_id_bytes()
            && self.span_id() == other.span_id()
            && self.span_id_bytes() == other.span_id_bytes()
            && self.parent_span_id() == other.parent_span_id()
            && self.parent_span_id_bytes() == other.parent_span_id_bytes()
            && self.trace_state() == other.trace_state()
            && self.name() == other.name()
            && self.status() == other.status()
            && (a.flags, a.kind, a.start_time_unix_nano, a.end_time_unix_nano)
                == (b.flags, b.kind, b.start_time_unix_nano, b.end_time_unix_nano)
            && (a.dropped_attributes_count, a.dropped_events_count, a.dropped_links_count)
                == (b.dropped_attributes_count, b.dropped_events_count, b.dropped_links_count)
            && self.attributes() == other.attributes()
            && self.events().eq(other.events())
            && self.links().eq(other.links())
    }
}

impl PartialEq for EventRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.time_unix_nano() == other.time_unix_nano()
            && self.name() == other.name()
            && self.attributes() == other.attributes()
            && self.dropped_attributes_count() == other.dropped_attributes_count()
    }
}

impl PartialEq for LinkRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.trace_id() == other.trace_id()
            && self.span_id() == other.span_id()
            && self.trace_state() == other.trace_state()
            && self.flags() == other.flags()
            && self.attributes() == other.attributes()
            && self.dropped_attributes_count() == other.dropped_attributes_count()
    }
}

impl PartialEq for AttributesRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().zip(other.iter()).all(|(a, b)| a.key() == b.key() && a.value() == b.value())
    }
}

impl PartialEq for ArrayRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::KvList(a), Self::KvList(b)) => a == b,
            _ => false,
        }
    }
}
