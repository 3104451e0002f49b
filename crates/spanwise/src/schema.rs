//! The names of OTLP's trace messages, as JSON spells them (opentelemetry-proto, `trace.proto`, `common.proto`,
//! `resource.proto`, `trace_service.proto`).

use crate::json::scan::Kernel;

macro_rules! fields {
    ($($variant:ident $name:literal,)*) => {
        /// A member name that the schema knows, in whichever message it stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Field { $($variant,)* }

        impl Field {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

fields! {
    ResourceSpans "resourceSpans",
    Batches "batches",
    ResourceLogs "resourceLogs",
    ResourceMetrics "resourceMetrics",
    ResourceProfiles "resourceProfiles",
    Resource "resource",
    ScopeSpans "scopeSpans",
    InstrumentationLibrarySpans "instrumentationLibrarySpans",
    SchemaUrl "schemaUrl",
    Scope "scope",
    InstrumentationLibrary "instrumentationLibrary",
    Spans "spans",
    TraceId "traceId",
    SpanId "spanId",
    ParentSpanId "parentSpanId",
    TraceState "traceState",
    Flags "flags",
    Name "name",
    Kind "kind",
    StartTimeUnixNano "startTimeUnixNano",
    EndTimeUnixNano "endTimeUnixNano",
    Attributes "attributes",
    Events "events",
    Links "links",
    DroppedAttributesCount "droppedAttributesCount",
    DroppedEventsCount "droppedEventsCount",
    DroppedLinksCount "droppedLinksCount",
    Status "status",
    TimeUnixNano "timeUnixNano",
    Message "message",
    Code "code",
    EntityRefs "entityRefs",
    Type "type",
    IdKeys "idKeys",
    DescriptionKeys "descriptionKeys",
    Version "version",
    Key "key",
    Value "value",
    KeyStrindex "keyStrindex",
    StringValue "stringValue",
    BoolValue "boolValue",
    IntValue "intValue",
    DoubleValue "doubleValue",
    ArrayValue "arrayValue",
    KvlistValue "kvlistValue",
    BytesValue "bytesValue",
    StringValueStrindex "stringValueStrindex",
    Values "values",
}

const _: () = assert!(Field::ALL.len() <= 64, "a seen-mask is 64 bits wide");

impl Field {
    /// Length of the longest name.
    pub(crate) const LONGEST: usize = CAMEL_CAPACITY - 1;

    /// This field's bit in a seen-mask.
    #[inline]
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Whether `name`, in its own or in snake-case spelling, is a word of the schema.
    pub(crate) fn is_schema_word(name: &[u8]) -> bool {
        let mut buffer = [0; CAMEL_CAPACITY];
        let camel = camel_case(name, &mut buffer).unwrap_or(name);
        Self::ALL.iter().any(|field| field.name().as_bytes() == camel)
    }
}

/// A message of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Message {
    Request,
    ResourceSpans,
    Resource,
    EntityRef,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    Status,
    KeyValue,
    AnyValue,
    /// `ArrayValue` and `KeyValueList`: both have `values` alone.
    List,
}

impl Message {
    pub(crate) const COUNT: usize = Self::List as usize + 1;

    const ALL: [Self; Self::COUNT] = [
        Self::Request,
        Self::ResourceSpans,
        Self::Resource,
        Self::EntityRef,
        Self::ScopeSpans,
        Self::Scope,
        Self::Span,
        Self::Event,
        Self::Link,
        Self::Status,
        Self::KeyValue,
        Self::AnyValue,
        Self::List,
    ];

    /// The message's fields, in the order in which proto numbers them.
    #[allow(clippy::enum_glob_use, reason = "the table is read more easily without a prefix on every word")]
    const fn fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            Self::Request => &[ResourceSpans],
            Self::ResourceSpans => &[Resource, ScopeSpans, SchemaUrl],
            Self::Resource => &[Attributes, DroppedAttributesCount, EntityRefs],
            Self::EntityRef => &[SchemaUrl, Type, IdKeys, DescriptionKeys],
            Self::ScopeSpans => &[Scope, Spans, SchemaUrl],
            Self::Scope => &[Name, Version, Attributes, DroppedAttributesCount],
            Self::Span => &[
                TraceId,
                SpanId,
                TraceState,
                ParentSpanId,
                Flags,
                Name,
                Kind,
                StartTimeUnixNano,
                EndTimeUnixNano,
                Attributes,
                DroppedAttributesCount,
                Events,
                DroppedEventsCount,
                Links,
                DroppedLinksCount,
                Status,
            ],
            Self::Event => &[TimeUnixNano, Name, Attributes, DroppedAttributesCount],
            Self::Link => &[TraceId, SpanId, TraceState, Attributes, DroppedAttributesCount, Flags],
            Self::Status => &[Message, Code],
            Self::KeyValue => &[Key, Value, KeyStrindex],
            Self::AnyValue => &[
                StringValue,
                BoolValue,
                IntValue,
                DoubleValue,
                ArrayValue,
                KvlistValue,
                BytesValue,
                StringValueStrindex,
            ],
            Self::List => &[Values],
        }
    }

    /// Names that are no fields of the message today, but under which its content is met.
    #[allow(clippy::enum_glob_use, reason = "as above")]
    const fn former_fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            Self::Request => &[
                Batches,
                ResourceLogs,
                ResourceMetrics,
                ResourceProfiles,
                Resource,
                ScopeSpans,
                InstrumentationLibrarySpans,
                SchemaUrl,
            ],
            Self::ResourceSpans => &[InstrumentationLibrarySpans],
            Self::ScopeSpans => &[InstrumentationLibrary],
            _ => &[],
        }
    }

    /// The field that `name` spells exactly (RFC 8259 section 8.3: compared after escapes are undone, case-sensitive).
    #[inline]
    pub(crate) fn field(self, name: &[u8]) -> Option<Field> {
        let candidates = BY_LENGTH.get(self as usize)?.get(name.len())?;
        candidates.iter().flatten().copied().find(|field| field.name().as_bytes() == name)
    }

    /// The field whose name, quote and colon stand at the start of `block`, and their length. No escape is undone.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(crate) fn field_at<K: Kernel>(self, kernel: K, block: &[u8; 32]) -> Option<(Field, usize)> {
        let (quotes, _) = kernel.short(block);
        let length = quotes.trailing_zeros() as usize;
        let field = (*BY_SPELLING.get(self as usize)?.get(spelling(length, block[1], SPREAD))?)?;
        let name = QUOTED.get(field as usize)?;
        kernel.begin_alike(block, name, length + 2).then_some((field, length + 2))
    }

    /// What an unknown `name` most likely means.
    pub(crate) fn resembles(self, name: &[u8]) -> Option<Resemblance> {
        let mut buffer = [0; CAMEL_CAPACITY];
        let camel = camel_case(name, &mut buffer);
        let former =
            |name: &[u8]| self.former_fields().iter().copied().find(|field| field.name().as_bytes() == name);
        if let Some(field) = camel.and_then(|camel| self.field(camel)) {
            return Some(Resemblance::SnakeCase(field));
        }
        former(camel.unwrap_or(name)).map(Resemblance::Former)
    }
}

/// The fields of each message by the length of their names, of which no more than three are equal.
static BY_LENGTH: [[[Option<Field>; 3]; CAMEL_CAPACITY]; Message::COUNT] = {
    let mut table = [[[None; 3]; CAMEL_CAPACITY]; Message::COUNT];
    let mut message = 0;
    while message < Message::COUNT {
        let fields = Message::ALL[message].fields();
        let mut index = 0;
        while index < fields.len() {
            let slots = &mut table[message][fields[index].name().len()];
            let mut slot = 0;
            while slots[slot].is_some() {
                slot += 1;
            }
            slots[slot] = Some(fields[index]);
            index += 1;
        }
        message += 1;
    }
    table
};

/// Where a name of so many bytes, with this second one, is looked for: no field of a message has the place of another.
const fn spelling(length: usize, second: u8, spread: usize) -> usize {
    (length * spread + second as usize) % SPELLINGS
}

const SPELLINGS: usize = 64;

/// What keeps the fields of each message apart.
const SPREAD: usize = {
    let mut spread = 0;
    while by_spelling(spread).is_none() {
        spread += 1;
    }
    spread
};

type BySpelling = [[Option<Field>; SPELLINGS]; Message::COUNT];

/// The fields of each message by their spelling. `None` if two have the same place.
const fn by_spelling(spread: usize) -> Option<BySpelling> {
    let mut table = [[None; SPELLINGS]; Message::COUNT];
    let mut message = 0;
    while message < Message::COUNT {
        let fields = Message::ALL[message].fields();
        let mut index = 0;
        while index < fields.len() {
            let name = fields[index].name().as_bytes();
            let place = &mut table[message][spelling(name.len(), name[1], spread)];
            if place.is_some() {
                return None;
            }
            *place = Some(fields[index]);
            index += 1;
        }
        message += 1;
    }
    Some(table)
}

static BY_SPELLING: BySpelling = by_spelling(SPREAD).unwrap();

/// The name of each field, as it stands before its value: with the closing quote and the colon.
static QUOTED: [[u8; 32]; Field::ALL.len()] = {
    let mut table = [[0; 32]; Field::ALL.len()];
    let mut field = 0;
    while field < Field::ALL.len() {
        let name = Field::ALL[field].name().as_bytes();
        let mut at = 0;
        while at < name.len() {
            table[field][at] = name[at];
            at += 1;
        }
        table[field][at] = b'"';
        table[field][at + 1] = b':';
        field += 1;
    }
    table
};

/// See [`Message::resembles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resemblance {
    /// The proto name of a field, which OTLP/JSON does not allow as a key.
    SnakeCase(Field),
    /// One of [`Message::former_fields`], in either spelling.
    Former(Field),
}

impl Resemblance {
    /// The field that holds today what the name holds. One field under two names is a duplicate, and the last one counts.
    pub(crate) const fn field(self) -> Field {
        match self {
            Self::Former(Field::Batches) => Field::ResourceSpans,
            Self::Former(Field::InstrumentationLibrarySpans) => Field::ScopeSpans,
            Self::Former(Field::InstrumentationLibrary) => Field::Scope,
            Self::SnakeCase(field) | Self::Former(field) => field,
        }
    }
}

/// No field's name is longer.
const CAMEL_CAPACITY: usize = 32;

/// `name` in lowerCamelCase; `None` where it holds no underscore or is longer than any field.
fn camel_case<'b>(name: &[u8], buffer: &'b mut [u8; CAMEL_CAPACITY]) -> Option<&'b [u8]> {
    if !name.contains(&b'_') {
        return None;
    }
    let mut length = 0;
    let mut upper = false;
    for &byte in name {
        if byte == b'_' {
            upper = true;
            continue;
        }
        *buffer.get_mut(length)? = if upper { byte.to_ascii_uppercase() } else { byte };
        length += 1;
        upper = false;
    }
    buffer.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Simd;
    use crate::json::scan::Vectorized;

    #[test]
    fn names_are_found_in_their_own_message_alone() {
        assert_eq!(Message::Span.field(b"traceId"), Some(Field::TraceId));
        assert_eq!(Message::Span.field(b"TraceId"), None);
        assert_eq!(Message::Status.field(b"traceId"), None);
        for (index, message) in Message::ALL.into_iter().enumerate() {
            assert_eq!(message as usize, index);
            for field in message.fields() {
                assert_eq!(message.field(field.name().as_bytes()), Some(*field));
            }
        }
        for field in Field::ALL {
            assert!(field.name().len() < CAMEL_CAPACITY);
        }
    }

    struct FieldAt<'a>(Message, &'a [u8; 32]);

    impl Vectorized for FieldAt<'_> {
        type Output = Option<(Field, usize)>;

        fn run<K: Kernel>(self, kernel: K) -> Self::Output {
            self.0.field_at(kernel, self.1)
        }
    }

    #[test]
    fn names_are_found_where_they_stand() {
        let at = |simd: Simd, message: Message, text: &str| {
            let mut block = [b'"'; 32];
            let length = text.len().min(32);
            block[..length].copy_from_slice(&text.as_bytes()[..length]);
            simd.vectorize(FieldAt(message, &block))
        };
        for simd in Simd::available() {
            for message in Message::ALL {
                for field in Field::ALL {
                    let name = field.name();
                    let own = message.fields().contains(field).then_some((*field, name.len() + 2));
                    assert_eq!(at(simd, message, &format!("{name}\":1")), own, "{simd} {name}");
                    assert_eq!(at(simd, message, &format!("{name}\" :")), None, "{simd} {name}");
                    assert_eq!(at(simd, message, &format!("{}x\":", &name[1..])), None, "{simd} {name}");
                    assert_eq!(at(simd, message, &format!("{name}x\":")), None, "{simd} {name}");
                }
            }
            assert_eq!(at(simd, Message::Span, &"x".repeat(32)), None);
            assert_eq!(at(simd, Message::Span, ""), None);
        }
    }

    #[test]
    fn other_spellings_are_told_from_unknown_names() {
        use Resemblance::{Former, SnakeCase};
        for (message, name, expected) in [
            (Message::Span, "trace_id", Some(SnakeCase(Field::TraceId))),
            (Message::Span, "start_time_unix_nano", Some(SnakeCase(Field::StartTimeUnixNano))),
            (Message::Request, "resource_spans", Some(SnakeCase(Field::ResourceSpans))),
            (Message::Request, "batches", Some(Former(Field::Batches))),
            (Message::Request, "resource_logs", Some(Former(Field::ResourceLogs))),
            (Message::Request, "scopeSpans", Some(Former(Field::ScopeSpans))),
            (
                Message::ResourceSpans,
                "instrumentation_library_spans",
                Some(Former(Field::InstrumentationLibrarySpans)),
            ),
            (Message::ScopeSpans, "instrumentationLibrary", Some(Former(Field::InstrumentationLibrary))),
            (Message::Span, "TraceId", None),
            (Message::Span, "future_field_with_a_name_longer_than_any_known", None),
        ] {
            assert_eq!(message.resembles(name.as_bytes()), expected, "{name}");
        }
        assert!(Field::is_schema_word(b"trace_id") && !Field::is_schema_word(b"http.method"));
    }
}
