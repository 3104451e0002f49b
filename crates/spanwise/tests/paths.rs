//! The learned path and the general path, and every instruction set, give the same batch and the same diagnostics: on every
//! case and payload, whole and damaged, with whatever was decoded before.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, Framing, Mode, Simd, SpanBatch, encode};
use spanwise_corpora::{Corpus, Form};

/// Every file under `tests/cases` and `tests/payloads`.
fn inputs() -> Vec<Bytes> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let mut paths: Vec<_> = ["cases", "payloads"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            !["expected.json", "expected.jsonl", "README.md"].iter().any(|name| path.ends_with(name))
        })
        .collect();
    paths.sort();
    let files = paths.iter().map(|path| std::fs::read(path).unwrap());
    // What a receiver sees of a file of lines is one line at a time.
    files
        .flat_map(|file| file.split(|byte| *byte == b'\n').map(Bytes::copy_from_slice).collect::<Vec<_>>())
        .collect()
}

/// A few requests of every corpus: what is learned from them is what is fast.
fn corpora() -> Vec<Bytes> {
    let requests = |corpus: Corpus| {
        let sample = corpus.sample(5, 24_000, Form::Ndjson);
        let text = Bytes::from(sample.bytes);
        sample.documents.into_iter().map(|range| text.slice(range)).take(6).collect::<Vec<_>>()
    };
    Corpus::ALL.into_iter().flat_map(requests).collect()
}

/// All that a decode says.
#[derive(Debug, PartialEq)]
struct Said {
    json: Vec<u8>,
    diagnostics: Vec<String>,
    counts: [u64; 5],
    residue: Vec<(usize, usize)>,
    sources: String,
}

fn said(decoder: &mut Decoder, batch: &mut SpanBatch, input: &Bytes, lines: bool) -> Said {
    let result = if lines {
        decoder.decode_block(input.clone(), Framing::Auto, batch)
    } else {
        decoder.decode(input.clone(), batch)
    };
    let mut diagnostics: Vec<_> = batch.diagnostics().map(|diagnostic| diagnostic.to_string()).collect();
    diagnostics.extend(result.err().map(|error| error.to_string()));
    Said {
        json: encode(batch),
        diagnostics,
        counts: [
            batch.len() as u64,
            batch.rejected_spans(),
            batch.bad_documents(),
            batch.other_signals(),
            batch.error_count(),
        ],
        residue: batch.residue().iter().map(|range| (range.range().start, range.range().end)).collect(),
        sources: format!("{:?}", batch.sources()),
    }
}

struct Pair {
    learned: Vec<(Decoder, SpanBatch)>,
    general: DecodeOptions,
}

impl Pair {
    fn new(mode: Mode) -> Self {
        let options = DecodeOptions::default().with_mode(mode).with_record_sources(true);
        let learned = Simd::available()
            .into_iter()
            .map(|simd| (Decoder::new(options.with_simd(simd)), SpanBatch::new()))
            .collect();
        Self { learned, general: options.with_general_path(true).with_simd(Simd::portable()) }
    }

    fn check(&mut self, input: &Bytes) {
        for lines in [false, true] {
            let expected = said(&mut Decoder::new(self.general), &mut SpanBatch::new(), input, lines);
            for (decoder, batch) in &mut self.learned {
                let found = said(decoder, batch, input, lines);
                assert_eq!(found, expected, "{} {}", decoder.options().simd, input.escape_ascii());
            }
        }
    }
}

#[test]
fn whole_inputs_read_alike() {
    for mode in [Mode::Lenient, Mode::Strict] {
        let mut pair = Pair::new(mode);
        let mut inputs = inputs();
        inputs.extend(corpora());
        // Twice: the second time, everything has been learned.
        inputs.iter().chain(&inputs).for_each(|input| pair.check(input));
    }
}

#[test]
fn damaged_inputs_read_alike() {
    let mut state = 11u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for mode in [Mode::Lenient, Mode::Strict] {
        let mut pair = Pair::new(mode);
        let (inputs, corpora) = (inputs(), corpora());
        let inputs = inputs.iter().map(|input| (input, 24)).chain(corpora.iter().map(|input| (input, 5)));
        for (input, times) in inputs.filter(|(input, _)| (1..20_000).contains(&input.len())) {
            pair.check(input);
            for _ in 0..times {
                let mut damaged = input.to_vec();
                let at = random(damaged.len());
                match random(4) {
                    0 => damaged[at] ^= 1 << random(8),
                    1 => damaged.truncate(at),
                    2 => damaged.insert(at, b"\"\\{}[],: 0nt\xff\x01"[random(14)]),
                    _ => drop(damaged.remove(at)),
                }
                pair.check(&Bytes::from(damaged));
            }
        }
    }
}
