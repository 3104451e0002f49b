//! Real OpenTelemetry SDKs export known spans to a loopback listener, and what arrives is compared with what was set.
//!
//! - [`model`]: a span as plain data, in which expectations are written and to which readers reduce a body.
//! - [`listener`]: an HTTP/1.1 server that keeps each request as it came.
//! - [`javascript`], [`rust`]: the two clients. Each exports and says what must have arrived.
//! - [`reference`](mod@reference): a reader built on `serde_json`. It is the proof that capture and expectation are right, whatever the decoder does.
//! - [`decoded`]: the same over [`spanwise`], which is what is tested.
//!
//! It is a package of its own so that no other crate's tests build the SDKs. Nothing here is published: so the examples of README.md
//! and of the guide to redaction are tests of this package, since those of a published one have no file beyond it.

#![forbid(unsafe_code)]

pub mod decoded;
pub mod javascript;
pub mod listener;
pub mod model;
pub mod reference;
pub mod rust;

#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../../docs/redaction.md")]
struct RedactionGuide;

/// Whatever goes wrong in a client, a listener or a reader: it fails the test with its text.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
