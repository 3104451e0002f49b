//! What holds for a stream that is cut into chunks and parts anywhere: it comes to what it is as a whole. The same laws, slower,
//! stand in `crates/spanwise/tests/laws` (`stream`, `parts`).

use spanwise::frame::{BlockSizes, Contradiction, Framer};
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

/// What a stream came to, and why it did not come to its end.
fn in_chunks(
    text: &[u8],
    mode: Mode,
    sizes: BlockSizes,
    chunk: usize,
    twice: bool,
) -> (Option<Contradiction>, Outcome) {
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
    (framer.contradiction(), outcome)
}

/// Whether there may be one, in any spelling.
fn has_schema_url(text: &[u8]) -> bool {
    let holds = |name: &[u8]| text.windows(name.len()).any(|window| window == name);
    holds(b"\\u") || holds(b"schemaUrl") || holds(b"schema_ur")
}

/// How a stream comes: what the first bytes of an input say, and what is left of it.
pub(crate) struct Coming {
    chunk: usize,
    block: usize,
    document: usize,
}

impl Coming {
    pub(crate) fn of(data: &[u8]) -> Option<(Self, &[u8])> {
        let [chunk, block, document, rest @ ..] = data else { return None };
        let chunk = usize::from(*chunk) + 1;
        let block = usize::from(*block) * 4 + 1;
        let document = usize::from(*document) * 16;
        Some((Self { chunk, block, document }, rest))
    }
}

/// The laws for one input. Panics where one breaks.
pub(crate) fn check(text: &[u8], coming: &Coming) {
    let Coming { chunk, block, document } = *coming;
    for mode in [Mode::Strict, Mode::Lenient] {
        let mut batch = SpanBatch::new();
        let read = Decoder::new(options(mode)).decode_block(text.to_vec(), Framing::Auto, &mut batch);
        read.expect("small enough");
        let mut whole = Outcome::default();
        whole.add(batch);
        let held = BlockSizes { block, document: usize::MAX, ..BlockSizes::default() };
        let (contradiction, outcome) = in_chunks(text, mode, held, chunk, false);
        assert!(contradiction.is_none(), "in chunks: {contradiction:?}");
        outcome.assert_same(&whole, true, "in chunks");
        let cut = BlockSizes { block, document, ..BlockSizes::default() };
        for twice in [false, true] {
            let (contradiction, outcome) = in_chunks(text, mode, cut, chunk, twice);
            // Where reading goes on after a torn document depends on how much of it was held.
            if contradiction.is_none() && whole.counts.bad_documents == 0 {
                // A schema URL that comes late is of the last part alone where the stream is read once.
                let owners = twice || !has_schema_url(text);
                outcome.assert_same(&whole, owners, if twice { "in parts" } else { "in parts, read once" });
            }
            if twice {
                assert!(contradiction.is_none(), "in parts: {contradiction:?}");
                let bad = outcome.counts.bad_documents > 0;
                assert_eq!(bad, whole.counts.bad_documents > 0, "in parts: bad");
            }
        }
    }
}
