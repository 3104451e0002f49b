//! Any bytes as a stream: cut into chunks and parts anywhere, it comes to what it is as a whole.
//!
//! The first bytes say how it comes: the size of the chunks, of blocks, and of documents that are held whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spanwise::frame::{BlockSizes, Framer};
use spanwise::{DecodeOptions, Decoder, Framing, Mode, SpanBatch};

/// What a stream comes to.
#[derive(Default)]
struct Outcome {
    batches: Vec<SpanBatch>,
    counts: Counts,
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    findings: Vec<(&'static str, String, u64, u64, u64)>,
    documents: u64,
    bad_documents: u64,
    other_signals: u64,
    rejected_spans: u64,
}

impl Outcome {
    fn add(&mut self, batch: SpanBatch) {
        self.counts.findings.extend(
            batch
                .diagnostics()
                .map(|found| (found.code.as_str(), found.path, found.offset, found.line, found.column)),
        );
        self.counts.documents += batch.document_count();
        self.counts.bad_documents += batch.bad_documents();
        self.counts.other_signals += batch.other_signals();
        self.counts.rejected_spans += batch.rejected_spans();
        self.batches.push(batch);
    }

    /// Panics unless both are the same, and with `owners` scope and resource of every span.
    fn assert_same(&self, whole: &Self, owners: bool, how: &str) {
        assert_eq!(self.counts, whole.counts, "{how}");
        let mut spans = self.batches.iter().flat_map(SpanBatch::spans);
        for expected in whole.batches.iter().flat_map(SpanBatch::spans) {
            let span = spans.next().expect("as many spans");
            assert!(span == expected, "{how}: {span:?} for {expected:?}");
            assert!(
                !owners || span.scope() == expected.scope() && span.resource() == expected.resource(),
                "{how}: the owner of {span:?}"
            );
        }
        assert!(spans.next().is_none(), "{how}: more spans");
    }
}

fn options(mode: Mode) -> DecodeOptions {
    let default = DecodeOptions::default();
    let limits = spanwise::Limits { diagnostics: usize::MAX, ..default.limits };
    default.with_mode(mode).with_limits(limits)
}

/// Whether a stream came to its end, and what it came to.
fn in_chunks(text: &[u8], mode: Mode, sizes: BlockSizes, chunk: usize, twice: bool) -> (bool, Outcome) {
    let mut decoder = Decoder::new(options(mode));
    let mut framer = Framer::new(&options(mode), Framing::Auto, sizes);
    if twice {
        framer = framer.with_surveys();
    }
    let mut outcome = Outcome::default();
    let mut blocks = |framer: &mut Framer| loop {
        while let Some(block) = framer.next_block() {
            let mut batch = SpanBatch::new();
            decoder.decode_framed(block, &mut batch).expect("small enough");
            outcome.add(batch);
        }
        let Some(mut survey) = framer.survey() else { return };
        let from = usize::try_from(survey.offset()).unwrap_or(usize::MAX);
        let mut chunks = text.get(from..).unwrap_or_default().chunks(chunk);
        while survey.push(chunks.next().unwrap_or_default()) {}
        framer.surveyed(survey);
    };
    for chunk in text.chunks(chunk) {
        framer.push(chunk);
        blocks(&mut framer);
    }
    framer.finish();
    blocks(&mut framer);
    (framer.contradiction().is_none(), outcome)
}

/// Whether there may be one, in any spelling.
fn has_schema_url(text: &[u8]) -> bool {
    let holds = |name: &[u8]| text.windows(name.len()).any(|window| window == name);
    holds(b"\\u") || holds(b"schemaUrl") || holds(b"schema_ur")
}

fuzz_target!(|data: &[u8]| {
    let [chunk, block, document, text @ ..] = data else { return };
    let chunk = usize::from(*chunk) + 1;
    let block = usize::from(*block) * 4 + 1;
    let document = usize::from(*document) * 16;
    for mode in [Mode::Strict, Mode::Lenient] {
        let mut batch = SpanBatch::new();
        let read = Decoder::new(options(mode)).decode_block(text.to_vec(), Framing::Auto, &mut batch);
        read.expect("small enough");
        let mut whole = Outcome::default();
        whole.add(batch);
        let held = BlockSizes { block, document: usize::MAX, ..BlockSizes::default() };
        let (ended, outcome) = in_chunks(text, mode, held, chunk, false);
        assert!(ended, "in chunks");
        outcome.assert_same(&whole, true, "in chunks");
        let cut = BlockSizes { block, document, ..BlockSizes::default() };
        for twice in [false, true] {
            let (ended, outcome) = in_chunks(text, mode, cut, chunk, twice);
            // Where reading goes on after a torn document depends on how much of it was held.
            if ended && whole.counts.bad_documents == 0 {
                // A schema URL that comes late is of the last part alone where the stream is read once.
                let owners = twice || !has_schema_url(text);
                outcome.assert_same(&whole, owners, if twice { "in parts" } else { "in parts, read once" });
            }
        }
    }
});
