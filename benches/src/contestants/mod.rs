//! The contestants, one file each, behind one trait.
//!
//! Each is written as its own documentation advises for speed: buffers reused, nothing read twice. What a library
//! needs before it can start (a copy of the input, because it parses in place) is left out of its time where the
//! contestant's name says so.

mod facts;
mod jiter_skip;
mod jiter_value;
mod memcpy;
mod otlp2records;
mod proto_serde_json;
mod proto_simd_json;
mod proto_sonic_rs;
mod redaction;
mod serde_json_skip;
mod simd_json_tape;
mod simdutf8;
mod sonic_rs_skip;
mod spanwise;
mod spanwise_to_arrow;
mod structural;

pub use facts::Facts;

use bytes::Bytes;
use serde::Serialize;
use spanwise_to_arrow::SpanwiseToArrow;
use std::fmt;

/// What all this is for.
pub const OURS: &str = "spanwise";

/// The base of every ratio.
pub const BASE: &str = "opentelemetry-proto+serde_json";

/// The tape that a single pass is compared with.
pub const TAPE: &str = "simd-json tape";

/// What is made of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Spans in memory, or less: see [`Reads`].
    Decode,
    /// An Arrow record batch.
    Arrow,
    /// The same JSON without what is private.
    Redact,
}

impl Task {
    /// All tasks.
    pub const ALL: [Task; 3] = [Task::Decode, Task::Arrow, Task::Redact];

    /// The task's name, as it stands in the report.
    pub fn name(self) -> &'static str {
        match self {
            Task::Decode => "decode",
            Task::Arrow => "arrow",
            Task::Redact => "redact",
        }
    }
}

/// How much of the text a contestant understands. Rows of different depths are not rivals: a scanner that skips
/// everything is a limit to how fast a typed decode can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// The OTLP schema: ids, times, numbers and strings typed and checked.
    Spans,
    /// JSON values, without a schema.
    Tree,
    /// JSON's grammar, nothing kept.
    Grammar,
    /// Bytes: a limit of the machine.
    Bytes,
}

/// Why a contestant cannot read a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl Refusal {
    fn because(error: impl fmt::Display) -> Refusal {
        Refusal(error.to_string())
    }
}

/// One way of reading traces.
pub trait Contestant {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    /// What it makes of the bytes.
    fn task(&self) -> Task {
        Task::Decode
    }

    /// How much it understands.
    fn reads(&self) -> Reads;

    /// What must happen before each run and is not timed.
    fn prepare(&mut self, _requests: &[Bytes]) {}

    /// Reads every request. This is what is timed, freeing the results included.
    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal>;

    /// Reads every request once more and says what it found, to be compared with the other contestants' facts.
    /// It is preceded by [`Contestant::prepare`] and not timed.
    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal>;
}

/// All contestants: ours, the base, the others by how much they understand.
pub fn all() -> Vec<Box<dyn Contestant>> {
    let mut all: Vec<Box<dyn Contestant>> = vec![
        Box::new(spanwise::Spanwise::default()),
        Box::new(proto_serde_json::ProtoSerdeJson),
        Box::new(proto_sonic_rs::ProtoSonicRs),
        Box::new(proto_simd_json::ProtoSimdJson::default()),
        Box::new(simd_json_tape::SimdJsonTape::default()),
        Box::new(jiter_value::JiterValue),
        Box::new(serde_json_skip::SerdeJsonSkip),
        Box::new(sonic_rs_skip::SonicRsSkip),
        Box::new(jiter_skip::JiterSkip),
        Box::new(structural::StructuralIndex::default()),
        Box::new(structural::StructuralBitmap::default()),
        Box::new(simdutf8::Simdutf8),
        Box::new(memcpy::Memcpy::default()),
        Box::new(otlp2records::Otlp2Records),
        Box::new(redaction::SpanwiseRedact::privacy_mode()),
        Box::new(redaction::SpanwiseRedact::structure()),
        Box::new(redaction::SpanwiseRedact::secrets()),
    ];
    // Their options name columns that there are, as a test says.
    all.extend(SpanwiseToArrow::all().unwrap_or_default().into_iter().map(boxed));
    // The expressions are a file of ours, which a test compiles.
    if let Ok(walk) = redaction::ValueAndRegex::new() {
        all.push(Box::new(walk));
    }
    all
}

fn boxed(contestant: SpanwiseToArrow) -> Box<dyn Contestant> {
    Box::new(contestant)
}

#[cfg(test)]
mod tests {
    use super::SpanwiseToArrow;

    #[test]
    fn the_columns_are_columns() {
        assert_eq!(SpanwiseToArrow::all().map(|all| all.len()), Ok(4));
    }

    #[test]
    fn the_expressions_are_expressions() {
        assert!(super::redaction::ValueAndRegex::new().is_ok());
    }
}
