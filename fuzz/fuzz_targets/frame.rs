//! Any bytes as a stream: cut into chunks and parts anywhere, it comes to what it is as a whole.
//!
//! The first bytes say how it comes: the size of the chunks, of blocks, and of documents that are held whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spanwise::frame::{BlockSizes, Framer};
use spanwise::{DecodeOptions, Decoder, Framing, Mode, SpanBatch};

/// What a stream comes to.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    spans: Vec<String>,
    findings: Vec<(&'static str, String, u64, u64, u64)>,
    documents: u64,
    bad_documents: u64,
    other_signals: u64,
    rejected_spans: u64,
}

impl Outcome {
    fn add(&mut self, batch: &SpanBatch) {
        self.spans.extend(batch.spans().map(|span| {
            format!("{span:?} {:?} {:?}", span.scope().name(), span.resource().schema_url())
        }));
        self.findings.extend(batch.diagnostics().map(|found| {
            (found.code.as_str(), found.path, found.offset, found.line, found.column)
        }));
        self.documents += batch.document_count();
        self.bad_documents += batch.bad_documents();
        self.other_signals += batch.other_signals();
        self.rejected_spans += batch.rejected_spans();
    }
}

fn options(mode: Mode) -> DecodeOptions {
    let default = DecodeOptions::default();
    let limits = spanwise::Limits { diagnostics: usize::MAX, ..default.limits };
    default.with_mode(mode).with_limits(limits)
}

/// Whether a stream came to its end, and what it came to.
fn in_chunks(text: &[u8], mode: Mode, sizes: BlockSizes, chunk: usize, twice: bool) -> (bool, Outcome) {
    let (mut decoder, mut batch) = (Decoder::new(options(mode)), SpanBatch::new());
    let mut framer = Framer::new(&options(mode), Framing::Auto, sizes);
    if twice {
        framer = framer.with_surveys();
    }
    let mut outcome = Outcome::default();
    let mut blocks = |framer: &mut Framer| loop {
        while let Some(block) = framer.next_block() {
            if decoder.decode_framed(block, &mut batch).is_ok() {
                outcome.add(&batch);
            }
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

fuzz_target!(|data: &[u8]| {
    let [chunk, block, document, text @ ..] = data else { return };
    let chunk = usize::from(*chunk) + 1;
    let block = usize::from(*block) * 4 + 1;
    let document = usize::from(*document) * 16;
    for mode in [Mode::Strict, Mode::Lenient] {
        let (mut decoder, mut batch) = (Decoder::new(options(mode)), SpanBatch::new());
        let mut whole = Outcome::default();
        if decoder.decode_block(text.to_vec(), Framing::Auto, &mut batch).is_ok() {
            whole.add(&batch);
        }
        let held = BlockSizes { block, document: usize::MAX, ..BlockSizes::default() };
        assert_eq!(in_chunks(text, mode, held, chunk, false), (true, whole), "in chunks");
        let mut whole = Outcome::default();
        whole.add(&batch);
        let cut = BlockSizes { block, document, ..BlockSizes::default() };
        for twice in [false, true] {
            let (ended, outcome) = in_chunks(text, mode, cut, chunk, twice);
            // Where reading goes on after a torn document depends on how much of it was held.
            if ended && whole.bad_documents == 0 {
                assert_eq!(outcome, whole, "in parts, twice: {twice}");
            }
        }
    }
});
