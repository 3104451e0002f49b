//! What a decoder may take, and how much of it.

use crate::json::Simd;
use crate::schema::Message;
use crate::words;

words! { Mode, "mode", Strict "strict", Lenient "lenient" }
words! { Framing, "framing", Auto "auto", Lines "lines", Documents "documents" }

/// How far from the specification's letter a payload may be.
///
/// ```
/// use spanwise::{Framing, Mode};
/// assert_eq!((Mode::Strict.to_string(), "strict".parse()), ("strict".to_owned(), Ok(Mode::Strict)));
/// assert_eq!((Framing::Lines.to_string(), "lines".parse()), ("lines".to_owned(), Ok(Framing::Lines)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The letter of OTLP/JSON, ProtoJSON and RFC 8259. A span with a fault is rejected alone.
    Strict,
    /// Takes what known exporters send and loses no data. Every liberty taken is a warning.
    #[default]
    Lenient,
}

/// How documents lie in an input of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Framing {
    /// Lines if the first line that is not blank holds a whole JSON value and more follows, unless that begins with a `{` or `[`
    /// alone in its line; documents otherwise.
    #[default]
    Auto,
    /// Every line is a document of its own. After a bad line, reading goes on at the next.
    Lines,
    /// Documents one after the other, of any layout. What stands behind one and begins no other is a bad document by itself
    /// ([`trailing-bytes`](crate::Code::TrailingBytes)). After a bad one, reading goes on at the next `{` or `[` in column 0: after
    /// where the bad one began, for it may have swallowed the next, or after the fault once that has cost reading the block
    /// four times over.
    Documents,
}

/// Bounds. Going beyond one rejects the document, each with a code of its own.
///
/// They bound the input, and by that memory, but not one to one: the tables of a batch ([`SpanBatch::memory`](crate::SpanBatch::memory))
/// take some 60 to 140 times the bytes of a list of empty spans (`{},`), and while they grow up to 200 times. For traces that exporters
/// send it is 6 times at most. Who takes payloads from strangers bounds [`Self::document_bytes`] and [`Self::spans`] with that in
/// mind.
///
/// ```
/// use spanwise::{Code, DecodeOptions, Decoder, Limits, SpanBatch};
/// let limits = Limits { spans: 1, ..Limits::default() };
/// let mut decoder = Decoder::new(DecodeOptions::default().with_limits(limits));
/// let payload = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}]}"#;
/// let error = decoder.decode(&payload[..], &mut SpanBatch::new()).unwrap_err();
/// assert_eq!(error.diagnostic().code, Code::SpansPerDocument);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a document ([`document-size`](crate::Code::DocumentSize)). At most 2 GiB − 1, which is the default.
    pub document_bytes: usize,
    /// Open arrays and objects ([`nesting-depth`](crate::Code::NestingDepth)). Default 512; values above 1,024 mean
    /// 1,024, so that no setting can exhaust the stack of a thread as Rust makes them (2 MiB). An attribute of 64 nested lists takes
    /// 202. Where a stack is smaller: 512 fit in 256 KiB, and 1,024 in 512 KiB; without optimization in 1 MiB and 2 MiB.
    pub depth: usize,
    /// Spans of a document ([`spans-per-document`](crate::Code::SpansPerDocument)). Default 4,194,304.
    pub spans: usize,
    /// Attributes, array elements, events and links of one span, scope or resource together
    /// ([`attributes-per-span`](crate::Code::AttributesPerSpan)). Default 1,048,576.
    pub attributes: usize,
    /// Bytes of a string as written ([`string-length`](crate::Code::StringLength)). Default 256 MiB; values below 32, the length of
    /// a trace id, mean 32.
    pub string_bytes: usize,
    /// Diagnostics kept of one decode; more are counted and not kept. Default 1,000.
    pub diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: crate::Text::MAX,
            depth: 512,
            spans: 1 << 22,
            attributes: 1 << 20,
            string_bytes: 256 << 20,
            diagnostics: 1000,
        }
    }
}

/// Which lists of a batch are kept.
///
/// [`Mode::Strict`] reads what is not in full, and drops the rows: diagnostics, rejected spans and bounds are those of a decode
/// that keeps all. [`Mode::Lenient`] asks of it only that it is JSON, nested no deeper and with strings no longer than the
/// bounds allow, and passes over it as fast as that can be told: spans and what is rejected for its JSON are the same, but what
/// else may be found in those lists is not told, and their elements count for no bound but one list at a time.
///
/// ```
/// use spanwise::{DecodeOptions, Decoder, Projection, SpanBatch};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat","attributes":[{"key":"k","value":{}}]}]}]}]}"#;
/// let projection = Projection { span_attributes: false, ..Projection::ALL };
/// let mut batch = SpanBatch::new();
/// Decoder::new(DecodeOptions::default().with_projection(projection)).decode(&body[..], &mut batch)?;
/// let span = batch.span(0).unwrap();
/// assert_eq!((span.name().as_ref(), span.attributes().len()), ("chat", 0));
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "one for each list")]
pub struct Projection {
    /// Attributes of resources.
    pub resource_attributes: bool,
    /// Attributes of scopes.
    pub scope_attributes: bool,
    /// Attributes of spans.
    pub span_attributes: bool,
    /// Events, with their attributes.
    pub events: bool,
    /// Links, with their attributes.
    pub links: bool,
}

impl Projection {
    /// Every list: the default.
    pub const ALL: Self = Self {
        resource_attributes: true,
        scope_attributes: true,
        span_attributes: true,
        events: true,
        links: true,
    };

    /// No list.
    pub const NONE: Self = Self {
        resource_attributes: false,
        scope_attributes: false,
        span_attributes: false,
        events: false,
        links: false,
    };

    /// The lists of either.
    ///
    /// ```
    /// use spanwise::Projection;
    /// let (events, links) = (Projection { events: true, ..Projection::NONE }, Projection { links: true, ..Projection::NONE });
    /// assert_eq!(events.union(links), Projection { events: true, links: true, ..Projection::NONE });
    /// ```
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            resource_attributes: self.resource_attributes || other.resource_attributes,
            scope_attributes: self.scope_attributes || other.scope_attributes,
            span_attributes: self.span_attributes || other.span_attributes,
            events: self.events || other.events,
            links: self.links || other.links,
        }
    }

    /// Whether the attributes of such a message are wanted; those of events and links go with what has them.
    #[inline]
    pub(super) fn keeps_attributes_of(self, owner: Message) -> bool {
        match owner {
            Message::Resource => self.resource_attributes,
            Message::Scope => self.scope_attributes,
            Message::Span => self.span_attributes,
            _ => true,
        }
    }
}

impl Default for Projection {
    fn default() -> Self {
        Self::ALL
    }
}

/// How to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// Strict or lenient.
    pub mode: Mode,
    /// Bounds.
    pub limits: Limits,
    /// Record where rows stand in the input ([`crate::SpanBatch::sources`], [`crate::SpanBatch::residue`]). Redaction and
    /// splicing need it; nothing else does.
    pub record_sources: bool,
    /// Which lists are kept. Where sources are recorded all are, since redaction must see everything.
    pub projection: Projection,
    /// The instruction set that strings are scanned with. Default: the fastest that the processor has.
    pub simd: Simd,
    /// Parse every byte, and use nothing that was learned of the writer's layout. Slower, and the definition of what is
    /// right: the answers are the same.
    pub general_path: bool,
    /// Let rendered diagnostics show attribute keys. Values stay masked.
    pub report_keys: bool,
}

impl DecodeOptions {
    /// The same in `mode`.
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same within `limits`.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with sources recorded, or not.
    #[must_use]
    pub const fn with_record_sources(mut self, record: bool) -> Self {
        self.record_sources = record;
        self
    }

    /// The same with the lists of `projection` alone.
    #[must_use]
    pub const fn with_projection(mut self, projection: Projection) -> Self {
        self.projection = projection;
        self
    }

    /// The same with strings scanned by `simd`.
    #[must_use]
    pub const fn with_simd(mut self, simd: Simd) -> Self {
        self.simd = simd;
        self
    }

    /// The same by the general path alone, or not.
    #[must_use]
    pub const fn with_general_path(mut self, general: bool) -> Self {
        self.general_path = general;
        self
    }

    /// The same with attribute keys shown in rendered diagnostics, or not.
    #[must_use]
    pub const fn with_report_keys(mut self, report: bool) -> Self {
        self.report_keys = report;
        self
    }
}
