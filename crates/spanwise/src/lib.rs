//! Parses and validates OTLP JSON traces at memory speed.
//!
//! [`decode`] turns the bytes of an OTLP/JSON trace request into a [`SpanBatch`]: flat tables that borrow from the input.
//! Strings are handles into the text itself, escapes are undone only when they are read, and a decoder that is warm
//! allocates nothing.
//!
//! ```
//! let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{
//!     "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat",
//!     "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001500000000",
//!     "attributes":[{"key":"gen_ai.usage.output_tokens","value":{"intValue":"58"}}]}]}]}]}"#;
//! let batch = spanwise::decode(&body[..])?;
//! for span in &batch {
//!     let tokens = span.attributes().get("gen_ai.usage.output_tokens").and_then(|value| value.as_int());
//!     assert_eq!((span.duration_nanos(), tokens), (1_500_000_000, Some(58)));
//! }
//! # Ok::<(), spanwise::DecodeError>(())
//! ```
//!
//! What is wrong with a payload is told by [`Diagnostic`]s, which name a code, a path and an offset, and never a value. In
//! lenient [`Mode`], the default, everything that a known exporter sends is read and each liberty taken is a warning; in
//! strict mode a span with a fault is rejected, and it alone.
//!
//! Options, here and in the other crates of `spanwise`, are structures with public fields, to which a release may add: write
//! `..Default::default()` at the end of each. What comes out of the crates, and choices that may become more, are
//! `#[non_exhaustive]`: a pattern needs `..`, and a `match` an arm for what is not known yet.
//!
//! Input is taken as [`Bytes`](bytes::Bytes), so the crate [`bytes`] is given on: with it comes the version that fits. A new major
//! version of it is a breaking change of this crate.
//!
//! # Features
//!
//! Both are on by default, and both bring dependencies. Without them decoding, [`frame`], [`llm`] and [`encode`] are there.
//!
//! - `index`: the module `index`, TraceQL and the index of attributes.
//! - `redact`: the module `redact`, which takes private text out of traces.

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod decode;
mod diagnostic;
mod encode;
pub mod frame;
#[cfg(feature = "index")]
pub mod index;
mod json;
pub mod llm;
mod plain;
#[cfg(feature = "redact")]
pub mod redact;
mod schema;
#[cfg(feature = "redact")]
mod splice;
mod words;

pub use bytes;

pub use batch::{
    ArrayRef, AttributeRef, AttributeRow, AttributeSource, Attributes, AttributesRef, ByteRange, DocumentRow,
    Elements, EntityRefRef, EntityRefRow, EventRef, EventRow, EventSource, Id, KeyId, LinkRef, LinkRow,
    LinkSource, RawValue, ResourceRef, ResourceRow, ResourceSource, Rows, ScopeRef, ScopeRow, ScopeSource,
    Sources, SpanBatch, SpanKind, SpanRef, SpanRow, SpanSource, Spans, StatusCode, StatusRef, Text, TextKind,
    ValueRef,
};
pub use decode::{DecodeOptions, Decoder, Framing, Limits, Mode, Projection, decode};
pub use diagnostic::{Code, DecodeError, Diagnostic, Diagnostics, Layer, Severity};
pub use encode::{encode, encode_into, write_json_string};
pub use json::Simd;
pub use words::UnknownWord;
