//! A stream is what it is as a whole, however it is cut into chunks and whatever the size of the blocks.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use spanwise::frame::{Block, BlockSizes, Framer};
use spanwise::{Code, Decoder, Diagnostic, Framing, Limits, Mode, Severity, SpanBatch};
use spanwise_testgen::Dialect;

use super::{Input, SAMPLES, any_input, damaged, damages, made_lines, options, runs};

/// What must be the same of a finding.
type Found = (Severity, Code, String, u64, u64, u64);

fn found(finding: &Diagnostic) -> Found {
    let Diagnostic { severity, code, path, offset, line, column, .. } = finding;
    (*severity, *code, path.clone(), *offset, *line, *column)
}

/// What a stream comes to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counts {
    documents: u64,
    pub(crate) bad_documents: u64,
    other_signals: u64,
    rejected_spans: u64,
    errors: u64,
    warnings: u64,
}

#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) batches: Vec<SpanBatch>,
    findings: Vec<Found>,
    pub(crate) counts: Counts,
}

impl Reading {
    pub(crate) fn add(&mut self, batch: SpanBatch) {
        self.findings.extend(batch.diagnostics().map(|finding| found(&finding)));
        self.counts.documents += batch.document_count();
        self.counts.bad_documents += batch.bad_documents();
        self.counts.other_signals += batch.other_signals();
        self.counts.rejected_spans += batch.rejected_spans();
        self.counts.errors += batch.error_count();
        self.counts.warnings += batch.warning_count();
        self.batches.push(batch);
    }
}

fn decoder(mode: Mode) -> Decoder {
    let limits = Limits { diagnostics: usize::MAX, spans: 40, ..Limits::default() };
    Decoder::new(options(mode).with_limits(limits))
}

fn in_chunks(chunks: &[&[u8]], framing: Framing, mode: Mode, block: usize) -> Reading {
    let mut decoder = decoder(mode);
    let mut framer = Framer::new(&decoder.options(), framing, BlockSizes { block, ..BlockSizes::default() });
    let mut reading = Reading::default();
    let text = chunks.concat();
    let mut blocks = |framer: &mut Framer| {
        while let Some(block) = framer.next_block() {
            let mut batch = SpanBatch::new();
            decoder.decode_framed(remade(&text, &block), &mut batch).unwrap();
            reading.add(batch);
        }
    };
    for chunk in chunks {
        framer.push(chunk);
        blocks(&mut framer);
    }
    framer.finish();
    blocks(&mut framer);
    reading
}

/// The block made again from the stream. So all that holds of blocks holds of those that are made again.
pub(crate) fn remade(text: &[u8], block: &Block) -> Block {
    let range = block.range();
    let own = text[range.start as usize..range.end as usize].to_vec();
    Block::remade(own.into(), &block.recipe()).unwrap()
}

pub(crate) fn same(found: &Reading, expected: &Reading) -> Result<(), TestCaseError> {
    same_spans(found, expected, true)
}

/// The same, and with `owners` scope and resource of every span.
pub(crate) fn same_spans(found: &Reading, expected: &Reading, owners: bool) -> Result<(), TestCaseError> {
    let differs = found.findings.iter().zip(&expected.findings).find(|(found, expected)| found != expected);
    prop_assert_eq!(differs, None);
    prop_assert_eq!(found.findings.len(), expected.findings.len());
    prop_assert_eq!(&found.counts, &expected.counts);
    let mut spans = found.batches.iter().flat_map(SpanBatch::spans);
    for expected in expected.batches.iter().flat_map(SpanBatch::spans) {
        let same = spans.next().is_some_and(|span| {
            span == expected
                && (!owners || span.scope() == expected.scope() && span.resource() == expected.resource())
        });
        prop_assert!(same);
    }
    prop_assert!(spans.next().is_none());
    Ok(())
}

/// The text cut at `cuts`, against the text as a whole.
pub(crate) fn check_cuts(text: &[u8], cuts: &[usize], block: usize) -> Result<(), TestCaseError> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| (*cut).min(text.len())).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    let chunks: Vec<_> = cuts.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
    for mode in [Mode::Strict, Mode::Lenient] {
        for framing in [Framing::Auto, Framing::Lines, Framing::Documents] {
            let mut whole = SpanBatch::new();
            decoder(mode).decode_block(text.to_vec(), framing, &mut whole).unwrap();
            let mut expected = Reading::default();
            expected.add(whole);
            let found = in_chunks(&chunks, framing, mode, block);
            same(&found, &expected)?;
            let mut framer = Framer::over(
                text.to_vec().into(),
                &decoder(mode).options(),
                framing,
                BlockSizes { block, ..BlockSizes::default() },
            );
            let blocks = std::iter::from_fn(|| framer.next_block());
            let blocks: Vec<_> = blocks.map(|block| (block.offset(), block.bytes().clone())).collect();
            let batches = found.batches.iter().map(|batch| batch.input().clone());
            prop_assert!(blocks.iter().map(|block| block.1.clone()).eq(batches), "cuts depend on chunks");
        }
    }
    Ok(())
}

/// The law for one input, at a few cuts and sizes that depend on nothing but its length.
pub(crate) fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let length = text.len();
    check_cuts(text, &[length / 3, length / 2], 1)?;
    check_cuts(text, &[1, length.saturating_sub(1)], length / 4 + 1)
}

/// What writers leave between and behind documents.
pub(crate) const JUNK: [&str; 14] = [
    "\nINFO flushed\n",
    " \r\nWARN {\"a\":1}\r\n",
    "\nFlushed 1 span.",
    "\n[2026-01-02] done\n",
    "\0\0\0\0",
    "\n\0\0\0\0\n",
    ",",
    "\n,\n",
    ",\n]\n",
    "]\n",
    "}",
    "\n12\n",
    " null \n\n",
    "\u{feff}\n",
];

/// Inputs one after the other.
pub(crate) fn several() -> impl Strategy<Value = Input> {
    let gap = prop_oneof![
        4 => prop::sample::select(&["\n", "", " \n\n", ",\n", "\n\u{feff}", "\n{\"resourceSpans\":[\n"][..]),
        3 => prop::sample::select(&JUNK[..]),
    ];
    vec((any_input(), gap), 1..5).prop_map(|parts| {
        Input(parts.iter().flat_map(|(input, gap)| input.iter().chain(gap.as_bytes())).copied().collect())
    })
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..5)
}

fn check_at(text: &[u8], cuts: &[Index], block: usize) -> Result<(), TestCaseError> {
    let cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    check_cuts(text, &cuts, block)
}

/// Lines whose ends are not looked for first, against lines whose ends are: by a decoder that has read the same as documents
/// before, and has learned their layout, line feeds and all.
fn check_lines(text: &[u8]) -> Result<(), TestCaseError> {
    for mode in [Mode::Strict, Mode::Lenient] {
        let mut reading = [Reading::default(), Reading::default()];
        for (general, reading) in [true, false].into_iter().zip(&mut reading) {
            let mut decoder = Decoder::new(decoder(mode).options().with_general_path(general));
            for framing in [Framing::Documents, Framing::Lines, Framing::Lines] {
                let mut batch = SpanBatch::new();
                decoder.decode_block(text.to_vec(), framing, &mut batch).unwrap();
                reading.add(batch);
            }
        }
        same(&reading[1], &reading[0])?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(runs(300))]

    #[test]
    fn lines_need_not_be_looked_for(
        text in several(), lines in made_lines(Dialect::LENIENT), damages in damages()
    ) {
        check_lines(&text)?;
        check_lines(&damaged(lines.0, &damages))?;
    }

    #[test]
    fn documents_are_the_same_in_chunks(text in several(), cuts in cuts(), block in 1..3000usize) {
        check_at(&text, &cuts, block)?;
    }

    #[test]
    fn lines_are_the_same_in_chunks(
        text in made_lines(Dialect::LENIENT), cuts in cuts(), damages in damages(), block in 1..600usize
    ) {
        check_at(&text, &cuts, block)?;
        check_at(&damaged(text.0, &damages), &cuts, block)?;
    }
}

#[test]
fn a_line_feed_ends_a_line_wherever_it_stands() {
    let span =
        |name: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"name":"{name}"}}]}}]}}]}}"#);
    let (one, two) = (span("one"), span("two"));
    for (text, documents, bad) in [
        (format!("{one}\n{two}\n"), 2, 0),
        (format!("{one}\n{two}"), 2, 0),
        (format!("{one} \r\n\t{two}\r\n"), 2, 0),
        (format!("{one}\n\n{two}\n"), 2, 0),
        (format!("{}\n{two}\n", span("a\nb")), 1, 2),
        (format!("{one}\n{}\n{two}\n", one.replace("[{", "[\n{")), 2, 4),
        (format!("{one}\n{}\n{two}\n", one.replace(":[", ":\n[")), 2, 4),
        (format!("{one}\n{{\"resourceSpans\":[]\n}}\n{two}\n"), 2, 2),
        (format!("{one}\n{{\"resourceSpans\":[],\"x\":{{\n}}}}\n{two}\n"), 2, 2),
    ] {
        assert!(check_lines(text.as_bytes()).is_ok(), "{text}");
        let mut batch = SpanBatch::new();
        decoder(Mode::Lenient).decode_block(text.clone(), Framing::Lines, &mut batch).unwrap();
        assert_eq!((batch.document_count(), batch.bad_documents()), (documents, bad), "{text}");
    }
}

const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n"}]}]}]}"#;

/// Streams with what is no document: `D` stands for a document of one span on one line, `P` for one that is spread over lines.
/// How many spans they come to, and where what is bad begins.
#[test]
fn a_document_is_kept_whatever_stands_behind_it() {
    use Code::{TrailingBytes as Trailing, UnexpectedByte as Byte, UnexpectedEnd as End};
    let spread = SPAN.replace("[{", "[\n  {").replacen('{', "{\n", 1).replace("}]}]}]}", "}]}\n]}]\n}");
    for (stream, spans, bad) in [
        (
            "INFO start\nD\nINFO done\nD\nINFO end",
            2,
            &[(Byte, "INFO start"), (Trailing, "INFO done"), (Trailing, "INFO end")][..],
        ),
        ("[2026-01-02] INFO\nD\n[2026-01-03] INFO\nD\n", 2, &[(Byte, "-01-02"), (Byte, "-01-03")]),
        ("P\nFlushed 1 span.\n", 1, &[(Trailing, "Flushed")]),
        ("P Flushed\n1 span.\nP", 2, &[(Trailing, "Flushed")]),
        ("P\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1, &[(Trailing, "\0")]),
        ("D \0\0\0\0", 1, &[(Trailing, "\0")]),
        ("D}", 1, &[(Trailing, "}")]),
        ("P]\nP", 2, &[(Trailing, "]\n{")]),
        ("P,\nP", 2, &[(Trailing, ",\n{\n")]),
        ("P\n,\nP\n,", 2, &[(Trailing, ",\n{\n"), (Trailing, ",")]),
        ("P\n12\nP", 2, &[(Trailing, "12\n")]),
        ("P\n\u{feff}P\n\u{feff}D", 3, &[(Trailing, "\u{feff}{\n"), (Trailing, "\u{feff}{\"")]),
        ("[\nD,\nD,\nD\n", 3, &[(End, ""), (Trailing, ",\n{\"res"), (Trailing, ",\n{\"res")]),
        ("[\nD,\nD,\n]", 2, &[(Byte, "]"), (Trailing, ",\n{\"res"), (Trailing, ",\n]")]),
        ("x\ny\nP\nz {\n\nP\n\n{\nP", 3, &[(Byte, "x"), (Trailing, "z"), (Byte, "{\n\"resourceSpans")]),
    ] {
        let text = stream.replace('D', SPAN).replace('P', &spread);
        for mode in [Mode::Strict, Mode::Lenient] {
            let mut batch = SpanBatch::new();
            decoder(mode).decode_block(text.clone(), Framing::Auto, &mut batch).unwrap();
            let found: Vec<_> = batch
                .diagnostics()
                .filter(|found| matches!(found.code, Trailing | Byte | End))
                .map(|found| (found.code, &text[found.offset as usize..]))
                .collect();
            let named = found.iter().zip(bad).all(|((code, at), (expected, begins))| {
                code == expected && at.starts_with(begins) && at.is_empty() == begins.is_empty()
            });
            assert!(named && found.len() == bad.len(), "{mode:?} {stream:?}: {found:?}");
            let counts = (batch.len(), batch.bad_documents(), batch.document_count());
            assert_eq!(counts, (spans, bad.len() as u64, spans as u64), "{mode:?} {stream:?}");
        }
        for cut in (0..=text.len()).step_by(3) {
            let checked = check_cuts(text.as_bytes(), &[cut, cut + 40], cut % 97 + 1);
            assert!(checked.is_ok(), "{stream:?} cut at {cut}: {checked:?}");
        }
    }
}

#[test]
fn a_mark_before_a_document_is_not_parted_from_its_line() {
    for length in 1..200 {
        let text = format!("{}\n\u{feff}{SPAN}\n", "x".repeat(length));
        let checked = check_cuts(text.as_bytes(), &[length, length + 2, length + 4], 64);
        assert!(checked.is_ok(), "{length}: {checked:?}");
        let mut batch = SpanBatch::new();
        decoder(Mode::Lenient).decode_block(text, Framing::Auto, &mut batch).unwrap();
        assert_eq!((batch.len(), batch.bad_documents()), (1, 1), "{length}");
    }
}

/// Else all of such a stream would be one block.
#[test]
fn documents_with_junk_between_them_are_cut() {
    for junk in ["INFO flushed\n", "---\n", &"-".repeat(100)] {
        let text = format!("{}\n{junk}\n", SPAN.replacen('{', "{\n", 1)).repeat(50);
        let read = in_chunks(&[text.as_bytes()], Framing::Auto, Mode::Lenient, 1000);
        let spans: usize = read.batches.iter().map(SpanBatch::len).sum();
        assert!(spans == 50 && read.batches.len() >= 7, "{junk:?}: {} blocks", read.batches.len());
    }
}

/// What proves bad at the end of a string that is longer than a chunk is told alike, however the text comes.
#[test]
fn a_string_that_is_no_utf8_is_one_behind_any_white_space() {
    for head in ["{\"\": \"", "{\"\":\n\t \"", "{ \"", "[ \"a\", \"", " \""] {
        let text = [head.as_bytes(), b"\xff", &[b'y'; 400], b"\"}"].concat();
        for cut in 1..head.len() + 80 {
            let checked = check_cuts(&text, &[cut, cut + 1], 1);
            assert!(checked.is_ok(), "{head:?} cut at {cut}: {checked:?}");
        }
        let every: Vec<usize> = (0..text.len()).collect();
        let checked = check_cuts(&text, &every, 1);
        assert!(checked.is_ok(), "{head:?} cut at every byte: {checked:?}");
    }
}

/// Behind a first document on one line, a bracket alone in its line begins one that is spread over lines.
#[test]
fn documents_are_no_lines_behind_one_that_would_pass_for_a_line() {
    let spread = SPAN.replacen('{', "{\n", 1);
    for (stream, spans, bad) in [
        ("D\nP\nP\n", 3, 0),
        ("D\r\n\r\n P", 2, 0),
        ("\n D \nP\nD\nP", 4, 0),
        ("D\n{\nD\nD", 3, 1),
        // These are lines.
        ("D\n{", 1, 1),
        ("D\n{\r", 1, 1),
        ("D\n{ \nD\nD", 3, 1),
        ("D\nx\nD\nD", 3, 1),
        ("D\nD\nP", 2, 2),
    ] {
        let text = stream
            .replace('D', SPAN)
            .replace('P', &spread)
            .replace("{\n", if stream.contains('\r') { "{\r\n" } else { "{\n" });
        for mode in [Mode::Strict, Mode::Lenient] {
            let mut batch = SpanBatch::new();
            decoder(mode).decode_block(text.clone(), Framing::Auto, &mut batch).unwrap();
            assert_eq!((batch.len(), batch.bad_documents()), (spans, bad), "{mode:?} {stream:?}");
        }
        for cut in (0..=text.len()).step_by(3) {
            let checked = check_cuts(text.as_bytes(), &[cut, cut + 1], cut % 97 + 1);
            assert!(checked.is_ok(), "{stream:?} cut at {cut}: {checked:?}");
        }
    }
}

#[test]
fn every_sample_is_the_same_cut_anywhere() {
    for sample in SAMPLES.iter() {
        let length = sample.bytes.len();
        // Every byte of the short ones, and some of the long.
        for cut in (0..=length).step_by(length / 10 + 1) {
            let checked = check_cuts(&sample.bytes, &[cut, cut + length / 7], cut % 97 + 1);
            assert!(checked.is_ok(), "{} cut at {cut}: {checked:?}", sample.name);
        }
        assert!(check_lines(&sample.bytes).is_ok(), "{}", sample.name);
    }
}
