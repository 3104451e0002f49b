//! JSON text: scanning, numbers, escapes and the checked skip. Nothing of OTLP lives here.
//!
//! Everything works on one byte slice and a position, or, where a text comes in pieces, goes on from where it was (`resume`).
//! [`Cursor`] pulls one token at a time, and copies and allocates nothing but its log of anomalies in tolerant mode, which
//! keeps its capacity; the schema above it decides what a token means, so no tree or tape is ever built. What nobody wants is
//! checked without tokens: `skip` goes over it, and `skim` over its outline, which it makes in buffers of its own.

mod cursor;
pub(crate) mod escape;
pub(crate) mod hex;
mod literal;
pub(crate) mod number;
mod resume;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod scan;
mod skim;
mod skip;
pub(crate) mod utf8;

pub use scan::Simd;

pub(crate) use cursor::{Anomaly, AnomalyKind, Cursor, JsonError, JsonErrorKind, RawString, Scalar};
pub(crate) use literal::Literal;
pub(crate) use resume::{Skip, UNDECIDED};
pub(crate) use skim::Walk;
