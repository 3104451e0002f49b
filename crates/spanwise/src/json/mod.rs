//! JSON text: scanning, numbers, escapes and the checked skip. Nothing of OTLP lives here.
//!
//! Everything works on one byte slice and a position. Nothing is copied and nothing is allocated, but for the log of
//! anomalies in tolerant mode (which keeps its capacity). [`Cursor`] pulls one token at a time; the schema above it
//! decides what a token means, so no tree or tape is ever built.

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
