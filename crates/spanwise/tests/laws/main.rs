//! Laws that decoding obeys for every input: damaged cases and payloads, and documents made by `spanwise-testgen`.
//!
//! Each module is a law. The number of cases is small enough for every run of the tests; `PROPTEST_CASES=20000 cargo test
//! --release --test laws` hunts. A finding becomes a file of `tests/regressions`, which [`regressions`] runs through all
//! laws.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::naive_bytecount,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test, whose second readings are meant to be plain"
)]

mod block;
mod history;
mod json_verdict;
mod lists;
mod opentelemetry_proto;
mod oracle;
mod parts;
mod positions;
mod privacy;
mod projection;
mod reading;
mod regressions;
mod round_trip;
mod sources;
mod stream;

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use spanwise::{DecodeError, DecodeOptions, Decoder, Mode, SpanBatch};
use spanwise_testgen::{Damage, Dialect, Entropy, damage, document, lines, samples};

static SAMPLES: LazyLock<Vec<samples::Sample>> = LazyLock::new(|| samples::all().unwrap());

/// `cases` runs, or as many as `PROPTEST_CASES` says.
fn runs(cases: u32) -> ProptestConfig {
    let chosen = std::env::var_os("PROPTEST_CASES").is_some();
    let default =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 3000, ..ProptestConfig::default() };
    if chosen { default } else { ProptestConfig { cases, ..default } }
}

/// Options in a mode, with sources recorded.
fn options(mode: Mode) -> DecodeOptions {
    DecodeOptions::default().with_mode(mode).with_record_sources(true)
}

/// An input that shows itself as text where a law breaks.
#[derive(Clone)]
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl std::ops::Deref for Input {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Decodes with a decoder that has seen nothing.
fn fresh(text: &[u8], options: DecodeOptions) -> Result<SpanBatch, DecodeError> {
    let mut batch = SpanBatch::new();
    Decoder::new(options).decode(text.to_vec(), &mut batch).map(|()| batch)
}

/// What a document is made from.
fn entropy() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..1200)
}

/// A document in a dialect.
fn made(dialect: Dialect) -> impl Strategy<Value = Input> {
    entropy().prop_map(move |bytes| Input(document(&bytes, dialect).text))
}

/// One to three damages of bytes.
fn damages() -> impl Strategy<Value = Vec<(Index, [u8; 3])>> {
    vec((any::<Index>(), any::<[u8; 3]>()), 1..3)
}

fn damaged(mut text: Vec<u8>, damages: &[(Index, [u8; 3])]) -> Vec<u8> {
    for (place, bytes) in damages {
        if !text.is_empty() {
            let at = place.index(text.len());
            damage(&mut text, at, Damage::any(&mut Entropy::new(bytes)));
        }
    }
    text
}

/// A case or payload with damage.
fn damaged_sample() -> impl Strategy<Value = Input> {
    (any::<Index>(), damages())
        .prop_map(|(index, damages)| Input(damaged(index.get(&SAMPLES).bytes.clone(), &damages)))
}

/// A made document with damage.
fn damaged_document(dialect: Dialect) -> impl Strategy<Value = Input> {
    (made(dialect), damages()).prop_map(|(text, damages)| Input(damaged(text.0, &damages)))
}

/// Lines, as far as the dialect allows broken and blank.
fn made_lines(dialect: Dialect) -> impl Strategy<Value = Input> {
    entropy().prop_map(move |bytes| Input(lines(&bytes, dialect)))
}

/// Any input of any kind.
fn any_input() -> impl Strategy<Value = Input> {
    let noisy = Dialect { noise: 70, liberties: 10, ..Dialect::STRICT };
    prop_oneof![
        2 => made(Dialect::STRICT),
        4 => made(Dialect::LENIENT),
        2 => made(noisy),
        1 => damaged_document(Dialect::STRICT),
        2 => damaged_document(Dialect::LENIENT),
        1 => damaged_sample(),
    ]
}
