//! Decodes a small corpus once it is warm, for counting instructions: `instructions CORPUS [SIMD]`, or `instructions list`.
//!
//! `tests/instructions/run.sh` runs every corpus under callgrind, which counts within [`measured`] alone, and compares the
//! counts with a baseline. With `--time ROUNDS` it is its own clock: the best round in MB/s, for a quick look.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, Simd, SpanBatch};
use spanwise_corpora::{Corpus, Form};

const SEED: u64 = 11;
const BYTES: u64 = 300_000;

/// Decodes every request into the same batch, as a receiver does.
#[inline(never)]
fn measured(decoder: &mut Decoder, batch: &mut SpanBatch, requests: &[Bytes]) -> usize {
    let mut spans = 0;
    for request in requests {
        if decoder.decode(request.clone(), batch).is_ok() {
            spans += batch.len();
        }
    }
    black_box(spans)
}

/// The set that is called so, or the default.
fn simd(name: Option<&str>) -> Option<Simd> {
    match name {
        None => Some(Simd::detect()),
        Some(name) => Simd::available().into_iter().find(|simd| simd.name() == name),
    }
}

fn run(arguments: &[String]) -> Option<()> {
    let time = arguments.iter().position(|argument| argument == "--time");
    let rounds: Option<u32> = match time {
        Some(at) => Some(arguments.get(at + 1)?.parse().ok()?),
        None => None,
    };
    let named = arguments.get(..time.unwrap_or(arguments.len()))?;
    let corpus = Corpus::parse(named.first()?)?;
    let options = DecodeOptions::default().with_simd(simd(named.get(1).map(String::as_str))?);
    let sample = corpus.sample(SEED, BYTES, Form::Ndjson);
    let text = Bytes::from(sample.bytes);
    let requests: Vec<Bytes> = sample.documents.into_iter().map(|range| text.slice(range)).collect();
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
    // By another way than `measured`, which is what is counted.
    for request in requests.iter().chain(&requests) {
        decoder.decode(request.clone(), &mut batch).ok()?;
    }
    let mut best = f64::INFINITY;
    for _ in 0..rounds.unwrap_or(1) {
        let start = Instant::now();
        measured(&mut decoder, &mut batch, &requests);
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[allow(clippy::cast_precision_loss, reason = "a few hundred kilobytes")]
    match rounds {
        Some(_) => println!("{corpus} {:.0}", bytes as f64 / best / 1e6),
        None => println!("{bytes}"),
    }
    Some(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "list") {
        for corpus in Corpus::ALL {
            println!("{corpus}");
        }
        return ExitCode::SUCCESS;
    }
    if run(&arguments).is_none() {
        eprintln!("usage: instructions CORPUS [SIMD] [--time ROUNDS] | list");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}
