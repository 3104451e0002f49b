//! OTLP traces as Arrow columns that point into the JSON text itself.
//!
//! A [`Converter`] turns a decoded [`SpanBatch`](spanwise::SpanBatch) into a [`RecordBatch`](arrow_array::RecordBatch): one
//! row per span, resource and scope repeated in every row ([`Column`] lists the columns). Strings are `Utf8View`: sixteen
//! bytes each that hold a short string whole, and of a long one where it stands in the input. So making the columns copies
//! no string, except those that JSON had escaped.
//!
//! ```
//! use spanwise_arrow::arrow_array::{Array, cast::AsArray, types::Int64Type};
//! use spanwise_arrow::{ArrowOptions, Converter, Promotion, PromotedType};
//!
//! let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat","startTimeUnixNano":"1700000000000000000",
//!     "endTimeUnixNano":"1700000001500000000","attributes":[
//!     {"key":"gen_ai.usage.output_tokens","value":{"stringValue":"58"}}]}]}]}]}"#;
//! let mut converter = Converter::new(&ArrowOptions {
//!     columns: Some(vec!["name".into(), "duration_ns".into()]),
//!     promote: vec![Promotion::new("gen_ai.usage.output_tokens", PromotedType::Int64)],
//!     ..ArrowOptions::default()
//! })?;
//! let rows = converter.convert(&spanwise::decode(&body[..])?)?;
//! assert_eq!(rows.column(0).as_string_view().value(0), "chat");
//! assert_eq!(rows.column(1).as_primitive::<Int64Type>().value(0), 1_500_000_000);
//! assert_eq!(rows.column(2).as_primitive::<Int64Type>().value(0), 58);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a consumer cannot take as it is gets converted at the edge: see [`mod@write`], which the feature `write` brings, on by
//! default, and with it `parquet` and `arrow-ipc`.
//!
//! Batches come from [`spanwise`], and tables go out as types of [`arrow_array`] and [`arrow_schema`], so all three are given on:
//! with them come the versions that fit. A new major version of one of them, or of `parquet`, whose error is in [`write::WriteError`],
//! is a breaking change of this crate.

#![deny(unsafe_code)]

mod attributes;
mod column;
mod compact;
mod convert;
mod error;
mod join;
mod key_views;
mod list;
mod llm;
mod nulls;
mod options;
mod pick;
mod plain;
mod pool;
mod promote;
mod request_marks;
mod same_columns;
mod scalar;
mod scope;
mod shapes;
mod text;
mod views;
#[cfg(feature = "write")]
pub mod write;

pub use {arrow_array, arrow_schema, spanwise};

pub use column::Column;
pub use compact::compact;
pub use convert::{Converter, Telling};
pub use error::{ConvertError, OptionsError};
pub use join::join;
pub use options::{ArrowOptions, Compact, Ids, Layout, Names, PromotedType, Promotion, Times};
pub use pick::pick;
pub use plain::{plain, plain_schema};
pub use request_marks::RequestMarks;
