//! What users read a batch through. A view is a reference to the batch and to one row: copying it is free.

use std::borrow::Cow;
use std::fmt;

use super::attributes::AttributesRef;
use super::rows::{EntityRefRow, EventRow, LinkRow, ResourceRow, Rows, ScopeRow, SpanRow};
use super::{SpanBatch, Text};

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i32);

        impl $name {
            $($(#[$variant_doc])* pub const $variant: Self = Self($number);)*

            /// The value with this number, known or not.
            pub const fn new(number: i32) -> Self {
                Self(number)
            }

            /// The number on the wire.
            pub const fn number(self) -> i32 {
                self.0
            }

            /// `TraceQL`'s word for it; `None` for a number that the specification does not know.
            pub const fn as_str(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($word),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.as_str() {
                    Some(word) => f.pad(word),
                    None => self.0.fmt(f),
                }
            }
        }
    };
}

open_enum! {
    /// `Span.SpanKind`, an open enum: unknown numbers are kept.
    SpanKind {
        /// Not said; may be taken for `INTERNAL`.
        UNSPECIFIED = 0 "unspecified",
        /// An operation within an application.
        INTERNAL = 1 "internal",
        /// The server's side of a remote call.
        SERVER = 2 "server",
        /// The client's side of a remote call.
        CLIENT = 3 "client",
        /// A message sent.
        PRODUCER = 4 "producer",
        /// A message received.
        CONSUMER = 5 "consumer",
    }
}

open_enum! {
    /// `Status.StatusCode`, an open enum: unknown numbers are kept.
    StatusCode {
        /// Not said.
        UNSET = 0 "unset",
        /// Declared to be fine.
        OK = 1 "ok",
        /// An error.
        ERROR = 2 "error",
    }
}

macro_rules! view {
    ($(#[$doc:meta])* $name:ident of $row:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            batch: &'a SpanBatch,
            row: &'a $row,
        }

        impl<'a> $name<'a> {
            pub(crate) fn new(batch: &'a SpanBatch, row: &'a $row) -> Self {
                Self { batch, row }
            }

            /// The row behind the view.
            pub fn row(self) -> &'a $row {
                self.row
            }

            /// A text of the row as it is stored: escapes are not undone.
            #[allow(dead_code, reason = "of spans alone")]
            pub(crate) fn stored(self, text: $crate::batch::Text) -> &'a [u8] {
                text.raw(self.batch.input(), self.batch.arena())
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(self.row).finish()
            }
        }
    };
}

pub(super) use view;

view! {
    /// One span.
    SpanRef of SpanRow
}

impl<'a> SpanRef<'a> {
    /// Lower-case hex, or the text that was sent where it is no id, or empty.
    pub fn trace_id(self) -> Cow<'a, str> {
        self.batch.text(self.row.trace_id.text)
    }

    /// The trace id as bytes; `None` where it is not valid.
    pub fn trace_id_bytes(self) -> Option<[u8; 16]> {
        self.row.trace_id.valid.then_some(self.row.trace_id.bytes)
    }

    /// Lower-case hex, or the text that was sent where it is no id, or empty.
    pub fn span_id(self) -> Cow<'a, str> {
        self.batch.text(self.row.span_id.text)
    }

    /// The span id as bytes; `None` where it is not valid.
    pub fn span_id_bytes(self) -> Option<[u8; 8]> {
        self.row.span_id.valid.then_some(self.row.span_id.bytes)
    }

    /// The parent's span id as [`Self::span_id`]; empty on a root.
    pub fn parent_span_id(self) -> Cow<'a, str> {
        self.batch.text(self.row.parent_span_id.text)
    }

    /// The parent's span id as bytes; `None` on a root and where it is not valid.
    pub fn parent_span_id_bytes(self) -> Option<[u8; 8]> {
        self.row.parent_span_id.valid.then_some(self.row.parent_span_id.bytes)
    }

    /// Whether trace id and span id are valid: of their size and not all zero.
    pub fn ids_valid(self) -> bool {
        self.row.trace_id.valid && self.row.span_id.valid
    }

    /// W3C trace state, as it is.
    pub fn trace_state(self) -> Cow<'a, str> {
        self.batch.text(self.row.trace_state)
    }

    /// Bits 0 to 7: W3C trace flags; 8 and 9: whether the parent is remote.
    pub fn flags(self) -> u32 {
        self.row.flags
    }

    /// The name; empty if unknown.
    pub fn name(self) -> Cow<'a, str> {
        self.batch.text(self.row.name)
    }

    /// The kind.
    pub fn kind(self) -> SpanKind {
        SpanKind(self.row.kind)
    }

    /// Nanoseconds since the Unix epoch; 0 if unknown.
    pub fn start_time_unix_nano(self) -> u64 {
        self.row.start_time_unix_nano
    }

    /// Nanoseconds since the Unix epoch; 0 if unknown.
    pub fn end_time_unix_nano(self) -> u64 {
        self.row.end_time_unix_nano
    }

    /// End minus start in nanoseconds; 0 where the end precedes the start.
    pub fn duration_nanos(self) -> u64 {
        self.row.end_time_unix_nano.saturating_sub(self.row.start_time_unix_nano)
    }

    /// Whether the end precedes the start, so that the duration is not what the times say.
    pub fn duration_clamped(self) -> bool {
        self.row.end_time_unix_nano < self.row.start_time_unix_nano
    }

    /// The span's attributes, as sent: equal keys stand here twice.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::attributes(self.batch, self.row.attributes)
    }

    /// The span's events.
    pub fn events(self) -> impl DoubleEndedIterator + ExactSizeIterator<Item = EventRef<'a>> + Clone {
        let batch = self.batch;
        rows(&batch.events, self.row.events).iter().map(move |row| EventRef::new(batch, row))
    }

    /// The span's links.
    pub fn links(self) -> impl DoubleEndedIterator + ExactSizeIterator<Item = LinkRef<'a>> + Clone {
        let batch = self.batch;
        rows(&batch.links, self.row.links).iter().map(move |row| LinkRef::new(batch, row))
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.row.dropped_attributes_count
    }

    /// Events that the sender dropped.
    pub fn dropped_events_count(self) -> u32 {
        self.row.dropped_events_count
    }

    /// Links that the sender dropped.
    pub fn dropped_links_count(self) -> u32 {
        self.row.dropped_links_count
    }

    /// The status.
    pub fn status(self) -> StatusRef<'a> {
        StatusRef {
            code: StatusCode(self.row.status_code),
            message: self.batch.text(self.row.status_message),
        }
    }

    /// The scope that the span was made in.
    pub fn scope(self) -> ScopeRef<'a> {
        const NONE: &ScopeRow = &ScopeRow {
            resource: u32::MAX,
            name: Text::EMPTY,
            version: Text::EMPTY,
            attributes: Rows { start: 0, len: 0 },
            dropped_attributes_count: 0,
            schema_url: Text::EMPTY,
        };
        ScopeRef { batch: self.batch, row: self.batch.scopes.get(self.row.scope as usize).unwrap_or(NONE) }
    }

    /// The resource that the span belongs to.
    pub fn resource(self) -> ResourceRef<'a> {
        self.scope().resource()
    }
}

/// A span's status.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusRef<'a> {
    /// The code.
    pub code: StatusCode,
    /// The message; for errors, by convention.
    pub message: Cow<'a, str>,
}

view! {
    /// One instrumentation scope.
    ScopeRef of ScopeRow
}

impl<'a> ScopeRef<'a> {
    /// The name; empty if unknown.
    pub fn name(self) -> Cow<'a, str> {
        self.batch.text(self.row.name)
    }

    /// The version.
    pub fn version(self) -> Cow<'a, str> {
        self.batch.text(self.row.version)
    }

    /// The scope's attributes.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::attributes(self.batch, self.row.attributes)
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.row.dropped_attributes_count
    }

    /// `schemaUrl` of the `ScopeSpans`: applies to scope, spans and events.
    pub fn schema_url(self) -> Cow<'a, str> {
        self.batch.text(self.row.schema_url)
    }

    /// The resource that the scope belongs to.
    pub fn resource(self) -> ResourceRef<'a> {
        const NONE: &ResourceRow = &ResourceRow {
            attributes: Rows { start: 0, len: 0 },
            dropped_attributes_count: 0,
            schema_url: Text::EMPTY,
            entity_refs: Rows { start: 0, len: 0 },
        };
        ResourceRef {
            batch: self.batch,
            row: self.batch.resources.get(self.row.resource as usize).unwrap_or(NONE),
        }
    }
}

view! {
    /// One resource.
    ResourceRef of ResourceRow
}

impl<'a> ResourceRef<'a> {
    /// The resource's attributes.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::attributes(self.batch, self.row.attributes)
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.row.dropped_attributes_count
    }

    /// `schemaUrl` of the `ResourceSpans`: applies to the resource alone.
    pub fn schema_url(self) -> Cow<'a, str> {
        self.batch.text(self.row.schema_url)
    }

    /// The resource's entity references.
    pub fn entity_refs(
        self,
    ) -> impl DoubleEndedIterator + ExactSizeIterator<Item = EntityRefRef<'a>> + Clone {
        let batch = self.batch;
        rows(&batch.entity_refs, self.row.entity_refs).iter().map(move |row| EntityRefRef::new(batch, row))
    }
}

view! {
    /// One entity reference of a resource.
    EntityRefRef of EntityRefRow
}

impl<'a> EntityRefRef<'a> {
    /// `schemaUrl`.
    pub fn schema_url(self) -> Cow<'a, str> {
        self.batch.text(self.row.schema_url)
    }

    /// `type`.
    pub fn kind(self) -> Cow<'a, str> {
        self.batch.text(self.row.kind)
    }

    /// `idKeys`.
    pub fn id_keys(self) -> impl DoubleEndedIterator + ExactSizeIterator<Item = Cow<'a, str>> + Clone {
        let batch = self.batch;
        rows(&batch.strings, self.row.id_keys).iter().map(move |text| batch.text(*text))
    }

    /// `descriptionKeys`.
    pub fn description_keys(
        self,
    ) -> impl DoubleEndedIterator + ExactSizeIterator<Item = Cow<'a, str>> + Clone {
        let batch = self.batch;
        rows(&batch.strings, self.row.description_keys).iter().map(move |text| batch.text(*text))
    }
}

view! {
    /// One event of a span.
    EventRef of EventRow
}

impl<'a> EventRef<'a> {
    /// Nanoseconds since the Unix epoch; 0 if unknown.
    pub fn time_unix_nano(self) -> u64 {
        self.row.time_unix_nano
    }

    /// The name.
    pub fn name(self) -> Cow<'a, str> {
        self.batch.text(self.row.name)
    }

    /// The event's attributes.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::attributes(self.batch, self.row.attributes)
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.row.dropped_attributes_count
    }
}

view! {
    /// One link of a span.
    ///
    /// ```
    /// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"links":[
    ///     {"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"0001020304050607"},{"traceId":"no id"}]}]}]}]}"#;
    /// let batch = spanwise::decode(&body[..])?;
    /// let mut links = batch.spans().next().unwrap().links();
    /// let (good, bad) = (links.next().unwrap(), links.next().unwrap());
    /// assert_eq!(good.trace_id_bytes(), Some([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));
    /// assert_eq!(good.span_id_bytes(), Some([0, 1, 2, 3, 4, 5, 6, 7]));
    /// assert_eq!((bad.trace_id_bytes(), bad.span_id_bytes()), (None, None));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    LinkRef of LinkRow
}

impl<'a> LinkRef<'a> {
    /// The linked span's trace id, as [`SpanRef::trace_id`].
    pub fn trace_id(self) -> Cow<'a, str> {
        self.batch.text(self.row.trace_id.text)
    }

    /// The linked span's id, as [`SpanRef::span_id`].
    pub fn span_id(self) -> Cow<'a, str> {
        self.batch.text(self.row.span_id.text)
    }

    /// The linked span's trace id as bytes; `None` where it is not valid.
    pub fn trace_id_bytes(self) -> Option<[u8; 16]> {
        self.row.trace_id.valid.then_some(self.row.trace_id.bytes)
    }

    /// The linked span's id as bytes; `None` where it is not valid.
    pub fn span_id_bytes(self) -> Option<[u8; 8]> {
        self.row.span_id.valid.then_some(self.row.span_id.bytes)
    }

    /// The linked span's trace state.
    pub fn trace_state(self) -> Cow<'a, str> {
        self.batch.text(self.row.trace_state)
    }

    /// Flags, as [`SpanRef::flags`].
    pub fn flags(self) -> u32 {
        self.row.flags
    }

    /// The link's attributes.
    pub fn attributes(self) -> AttributesRef<'a> {
        AttributesRef::attributes(self.batch, self.row.attributes)
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(self) -> u32 {
        self.row.dropped_attributes_count
    }
}

pub(super) fn rows<T>(table: &[T], rows: Rows) -> &[T] {
    table.get(rows.range()).unwrap_or_default()
}
