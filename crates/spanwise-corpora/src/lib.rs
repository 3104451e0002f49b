//! A seeded generator of OTLP JSON traces: the corpora that `spanwise` is measured on.
//!
//! Ten corpora, each made to hurt in its own way (long escaped prompts, short attributes, indentation, `\uXXXX`
//! runs, members in random order …), and each strictly valid: unique attribute keys, hex ids, times as decimal
//! strings. The same seed gives the same bytes on every machine and in every version that keeps its pinned
//! hashes, so that a figure measured here can be measured again elsewhere. All content is made up.
//!
//! Not for testing what a decoder does with broken input: nothing here is broken.
//!
//! ```
//! use spanwise_corpora::{Corpus, Form};
//!
//! let corpus = Corpus::parse("micro").unwrap();
//! let mut out = Vec::new();
//! let stats = corpus.write(7, 100_000, Form::Ndjson, &mut out)?;
//! assert_eq!(stats.bytes, out.len() as u64);
//! assert!(stats.bytes >= 100_000 && stats.documents > 1 && stats.spans > stats.documents);
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod corpus;
mod json;
mod llm;
mod micro;
mod nested;
mod openrouter;
mod random;
mod request;
mod size;
mod span;
mod text;

pub use corpus::{Corpus, Form, Sample, Stats};
pub use size::parse_size;
