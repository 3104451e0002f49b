//! A document that is cut between its spans is what it is whole: with a survey before it, or without one where nothing that
//! comes late contradicts what was given.

use proptest::prelude::*;
use proptest::sample::Index;
use spanwise::frame::{BlockSizes, Contradiction, Framer, LineNumber};
use spanwise::{Code, Decoder, Framing, Limits, Mode, Severity, SpanBatch};
use spanwise_testgen::Dialect;

use super::stream::{JUNK, Reading, remade, same, same_spans, several};
use super::{Input, SAMPLES, any_input, damaged, damages, made_lines, options, runs};

fn limits() -> Limits {
    Limits { diagnostics: usize::MAX, ..Limits::default() }
}

fn whole(text: &[u8], mode: Mode, framing: Framing) -> Reading {
    whole_within(text, mode, framing, limits())
}

fn whole_within(text: &[u8], mode: Mode, framing: Framing, limits: Limits) -> Reading {
    let mut batch = SpanBatch::new();
    Decoder::new(options(mode).with_limits(limits)).decode_block(text.to_vec(), framing, &mut batch).unwrap();
    let mut reading = Reading::default();
    reading.add(batch);
    reading
}

/// How a stream comes: in chunks, and whether it can be read twice.
#[derive(Debug, Clone, Copy)]
struct Coming {
    chunk: usize,
    twice: bool,
    /// It can, and is not for any of its documents.
    fails: bool,
}

impl Coming {
    fn new(chunk: usize, twice: bool) -> Self {
        Self { chunk, twice, fails: false }
    }
}

fn in_parts(
    text: &[u8],
    mode: Mode,
    framing: Framing,
    sizes: BlockSizes,
    coming: Option<Coming>,
) -> (Reading, Option<Contradiction>) {
    in_parts_within(text, mode, framing, sizes, coming, limits())
}

fn in_parts_within(
    text: &[u8],
    mode: Mode,
    framing: Framing,
    sizes: BlockSizes,
    coming: Option<Coming>,
    limits: Limits,
) -> (Reading, Option<Contradiction>) {
    let options = options(mode).with_limits(limits);
    let mut decoder = Decoder::new(options);
    let mut reading = Reading::default();
    let mut blocks = |framer: &mut Framer| {
        loop {
            while let Some(block) = framer.next_block() {
                let mut batch = SpanBatch::new();
                decoder.decode_framed(remade(text, &block), &mut batch).unwrap();
                reading.add(batch);
            }
            let Some(mut survey) = framer.survey() else { return };
            if coming.is_some_and(|coming| coming.fails) {
                framer.without_survey();
                continue;
            }
            let chunk = coming.map_or(usize::MAX, |coming| coming.chunk);
            let mut chunks = text[survey.offset() as usize..].chunks(chunk.max(1));
            while survey.push(chunks.next().unwrap_or_default()) {}
            framer.surveyed(survey);
        }
    };
    let mut framer = match coming {
        None => Framer::over(text.to_vec().into(), &options, framing, sizes),
        Some(_) => Framer::new(&options, framing, sizes),
    };
    if let Some(coming) = coming {
        if coming.twice || coming.fails {
            framer = framer.with_surveys();
        }
        for chunk in text.chunks(coming.chunk.max(1)) {
            framer.push(chunk);
            blocks(&mut framer);
        }
        framer.finish();
    }
    blocks(&mut framer);
    (reading, framer.contradiction())
}

/// The law for one input. Returns how many blocks came of it at most.
fn check(text: &[u8], sizes: BlockSizes, chunk: usize) -> Result<usize, TestCaseError> {
    let mut most = 0;
    for mode in [Mode::Strict, Mode::Lenient] {
        for framing in [Framing::Auto, Framing::Lines, Framing::Documents] {
            let expected = whole(text, mode, framing);
            let comings = [
                None,
                Some(Coming::new(chunk, true)),
                Some(Coming::new(chunk, false)),
                Some(Coming::new(text.len(), false)),
                Some(Coming { fails: true, ..Coming::new(chunk, false) }),
            ];
            for coming in comings {
                let (found, contradiction) = in_parts(text, mode, framing, sizes, coming);
                most = most.max(found.batches.len());
                // What torn documents cost depends on where reading goes on after them.
                // A schema URL that comes late is of the last part alone where the stream is read once.
                let owners = coming.is_none_or(|coming| coming.twice) || !has_schema_url(text);
                if contradiction.is_none() && expected.counts.bad_documents == 0 {
                    same_spans(&found, &expected, owners).map_err(|error| {
                        TestCaseError::fail(format!("{mode:?} {framing:?} {coming:?}: {error}"))
                    })?;
                }
                if coming.is_none_or(|coming| coming.twice) {
                    prop_assert_eq!(contradiction, None, "{:?} {:?} {:?}", mode, framing, coming);
                    prop_assert_eq!(expected.counts.bad_documents > 0, found.counts.bad_documents > 0);
                }
            }
        }
    }
    Ok(most)
}

/// Chunks of these sizes are cut at the same places and come to the same. Where the stream can be read twice, that is so for
/// one that is there as a whole, too.
fn check_chunks(text: &[u8], sizes: BlockSizes, chunks: [usize; 2]) -> Result<(), TestCaseError> {
    for mode in [Mode::Strict, Mode::Lenient] {
        for framing in [Framing::Auto, Framing::Lines, Framing::Documents] {
            for twice in [true, false] {
                let mut comings = chunks.map(|chunk| Some(Coming::new(chunk, twice))).to_vec();
                comings.extend(twice.then_some(None));
                let mut readings = comings.iter().map(|coming| in_parts(text, mode, framing, sizes, *coming));
                let Some((first, ending)) = readings.next() else { continue };
                for ((other, ended), coming) in readings.zip(&comings[1..]) {
                    let how = format!("{mode:?} {framing:?} {twice} {coming:?}");
                    let [inputs, others] = [&first, &other]
                        .map(|reading| reading.batches.iter().map(SpanBatch::input).collect::<Vec<_>>());
                    let lengths = [&inputs, &others]
                        .map(|inputs| inputs.iter().map(|input| input.len()).collect::<Vec<_>>());
                    prop_assert!(inputs == others, "{how}: blocks of {lengths:?} bytes");
                    prop_assert_eq!(ending, ended, "{}", how);
                    same(&other, &first).map_err(|error| TestCaseError::fail(format!("{how}: {error}")))?;
                }
            }
        }
    }
    Ok(())
}

/// Whether there may be one, in any spelling.
fn has_schema_url(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"\\u")
        || text.windows(9).any(|name| name == b"schemaUrl" || name == b"schema_ur")
}

fn sizes() -> impl Strategy<Value = BlockSizes> {
    (0..400usize, 0..1500usize, prop_oneof![Just(usize::MAX), 0..2000usize])
        .prop_map(|(block, document, held)| BlockSizes { block, document, held })
}

proptest! {
    #![proptest_config(runs(60))]

    #[test]
    fn documents_are_the_same_in_parts(text in any_input(), sizes in sizes(), chunk in any::<Index>()) {
        check(&text, sizes, chunk.index(text.len() + 1))?;
    }

    #[test]
    fn cuts_do_not_depend_on_chunks(
        text in several(), lines in made_lines(Dialect::LENIENT), damages in damages(), sizes in sizes(),
        chunks in [any::<Index>(), any::<Index>()],
    ) {
        for text in [&*text, &*lines, &damaged(lines.to_vec(), &damages)] {
            check_chunks(text, sizes, chunks.map(|chunk| chunk.index(text.len() + 1)))?;
        }
    }

    #[test]
    fn streams_are_the_same_in_parts(text in several(), sizes in sizes(), chunk in any::<Index>()) {
        check(&text, sizes, chunk.index(text.len() + 1))?;
    }

    #[test]
    fn lines_are_the_same_in_parts(text in made_lines(Dialect::LENIENT), sizes in sizes(), chunk in any::<Index>()) {
        let Input(text) = text;
        check(&text, sizes, chunk.index(text.len() + 1))?;
    }
}

#[test]
fn every_sample_is_the_same_in_parts() {
    for sample in SAMPLES.iter() {
        // Each span of the small ones is a part.
        for (block, document) in [(sample.bytes.len() / 40 + 1, 0), (sample.bytes.len() / 4 + 1, 1000)] {
            let sizes = BlockSizes { block, document, held: usize::MAX };
            let checked = check(&sample.bytes, sizes, sample.bytes.len() / 5 + 1);
            assert!(checked.is_ok(), "{}: {checked:?}", sample.name);
        }
    }
}

/// Two resources of some spans, with what stands where.
fn document(resource_first: bool, spans: usize) -> String {
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    let scope = r#""scope":{"name":"lib","version":"1"}"#;
    let spans: Vec<_> = (0..spans).map(|index| format!(" {{\"name\":\"span {index}\",\"odd\":1}}")).collect();
    let spans = format!("\"spans\":[\n{}\n]", spans.join(",\n"));
    let scopes = if resource_first {
        format!("\"scopeSpans\":[{{{scope},{spans}}},{{{spans}}}]")
    } else {
        format!("\"scopeSpans\":[{{{spans},{scope}}}]")
    };
    let one =
        if resource_first { format!("{{{resource},{scopes}}}") } else { format!("{{{scopes},{resource}}}") };
    format!("{{\"resourceSpans\":[{one},{one}]}}\n")
}

const SMALL: BlockSizes = BlockSizes { block: 200, document: 1000, held: 500 };

#[test]
fn a_document_is_cut_and_each_part_has_resource_and_scope() {
    let text = document(true, 50);
    assert!(check(text.as_bytes(), SMALL, 64).unwrap() > 20);
    for text in [text.clone(), format!("{text}{text}"), format!("\u{feff} \n{text}")] {
        let (found, contradiction) =
            in_parts(text.as_bytes(), Mode::Lenient, Framing::Auto, SMALL, Some(Coming::new(100, false)));
        assert_eq!(contradiction, None);
        let expected = whole(text.as_bytes(), Mode::Lenient, Framing::Auto);
        assert!(same(&found, &expected).is_ok());
    }
}

#[test]
fn what_stands_last_is_found_by_a_survey_and_contradicts_otherwise() {
    let text = document(false, 50);
    let come =
        |twice| in_parts(text.as_bytes(), Mode::Lenient, Framing::Auto, SMALL, Some(Coming::new(100, twice)));
    let (found, contradiction) = come(true);
    assert_eq!(contradiction, None);
    assert!(found.batches.len() > 10);
    assert!(same(&found, &whole(text.as_bytes(), Mode::Lenient, Framing::Auto)).is_ok());
    let (found, contradiction) = come(false);
    let contradiction = contradiction.unwrap();
    assert_eq!(contradiction.offset, text.find("\"scope\":").unwrap() as u64);
    let given: usize = found.batches.iter().map(SpanBatch::len).sum();
    assert_eq!((contradiction.spans, contradiction.fault), (given as u64, false));
    assert!(given > 20);
}

#[test]
fn a_torn_document_is_bad_whether_or_not_it_is_cut() {
    let good = document(true, 50);
    let torn = format!("{}\n{good}", good.replacen("span 49", "span \\x", 1));
    for mode in [Mode::Strict, Mode::Lenient] {
        let expected = whole(torn.as_bytes(), mode, Framing::Auto);
        let (found, contradiction) =
            in_parts(torn.as_bytes(), mode, Framing::Auto, SMALL, Some(Coming::new(100, true)));
        assert_eq!(contradiction, None);
        assert_eq!(found.counts.bad_documents, expected.counts.bad_documents);
        let bad = |reading: &Reading| {
            let all = reading.batches.iter().flat_map(SpanBatch::diagnostics);
            all.filter(|one| one.code.as_str() == "invalid-escape")
                .map(|one| (one.offset, one.line, one.column, one.path))
                .collect::<Vec<_>>()
        };
        assert_eq!(bad(&found), bad(&expected));
        assert_eq!(bad(&found).len(), 1);
        // Strict mode rejects spans without ids.
        let spans = |reading: &Reading| {
            reading.batches.iter().map(|batch| batch.len() as u64 + batch.rejected_spans()).sum::<u64>()
        };
        assert_eq!(spans(&found), spans(&expected));
        assert_eq!(spans(&found), 200);
        let (found, contradiction) =
            in_parts(torn.as_bytes(), mode, Framing::Auto, SMALL, Some(Coming::new(100, false)));
        let contradiction = contradiction.unwrap();
        assert!(contradiction.fault);
        assert_eq!(contradiction.spans, spans(&found));
    }
}

/// Nothing is held until the line ends, or the stream.
#[test]
fn documents_without_a_line_feed_are_given_as_they_come() {
    let document = document(true, 1).trim_end().replace('\n', " ");
    assert!(document.len() < SMALL.document / 2, "{document}");
    let spread = format!("{document}  {document}");
    let texts = [
        document.repeat(200),
        spread.repeat(100),
        format!("{{}}{}", " x".repeat(20_000)),
        format!("{document}{}", " x".repeat(20_000)),
        format!("\u{feff}{}", document.repeat(200)),
    ];
    for text in texts {
        let expected = whole(text.as_bytes(), Mode::Lenient, Framing::Auto);
        for (chunk, twice) in [(50, true), (50, false), (700, true)] {
            let mut framer = Framer::new(&options(Mode::Lenient), Framing::Auto, SMALL);
            if twice {
                framer = framer.with_surveys();
            }
            let mut most = 0;
            for chunk in text.as_bytes().chunks(chunk) {
                framer.push(chunk);
                while framer.next_block().is_some() {}
                most = most.max(framer.held());
            }
            assert!(most < 3 * SMALL.document, "{most} bytes are held of {}", text.len());
            let coming = Some(Coming::new(chunk, twice));
            let (found, _) = in_parts(text.as_bytes(), Mode::Lenient, Framing::Auto, SMALL, coming);
            same_spans(&found, &expected, true).unwrap();
        }
    }
}

/// What is left of its line behind the fault is no line of its own.
#[test]
fn a_large_line_that_is_torn_is_one_bad_line() {
    let line = |spans| document(true, spans).trim_end().replace('\n', " ");
    let (large, small) = (line(50), line(1));
    let torn = large.replacen("span 20", "span \\x", 1);
    for text in [format!("{small}\n{torn}\n{small}\n{small}"), format!("{torn}\n{small}\n"), torn.clone()] {
        let expected = whole(text.as_bytes(), Mode::Lenient, Framing::Lines);
        let counts = |reading: &Reading| {
            let all = reading.batches.iter().flat_map(SpanBatch::diagnostics);
            let errors = all.filter(|one| one.severity == Severity::Error);
            let errors = errors.map(|one| (one.code, one.offset, one.path)).collect::<Vec<_>>();
            (errors, reading.counts.bad_documents, reading.batches.iter().map(SpanBatch::len).sum::<usize>())
        };
        assert_eq!(expected.counts.bad_documents, 1);
        for chunk in [1, 50, 999, text.len()] {
            let coming = Some(Coming::new(chunk, true));
            let (found, contradiction) =
                in_parts(text.as_bytes(), Mode::Lenient, Framing::Lines, SMALL, coming);
            assert_eq!(contradiction, None);
            assert_eq!(counts(&found), counts(&expected), "{chunk}");
        }
    }
}

#[test]
fn what_follows_a_document_that_was_left_unfinished_is_read() {
    let first = document(true, 12);
    let others = ["second", "third"].map(|name| format!("{}\n", document(true, 2).replace("span ", name)));
    for at in first.len() - 700..first.len() {
        let text = format!("{}\n{}", &first[..at], others.concat());
        for mode in [Mode::Strict, Mode::Lenient] {
            let expected = whole(text.as_bytes(), mode, Framing::Documents);
            for coming in [None, Some(Coming::new(100, true))] {
                let (found, contradiction) =
                    in_parts(text.as_bytes(), mode, Framing::Documents, SMALL, coming);
                assert_eq!(contradiction, None);
                let spans = |reading: &Reading| {
                    reading
                        .batches
                        .iter()
                        .map(|batch| batch.len() as u64 + batch.rejected_spans())
                        .sum::<u64>()
                };
                let counts = |reading: &Reading| (reading.counts.bad_documents, spans(reading));
                assert_eq!(
                    counts(&found),
                    counts(&expected),
                    "{at} {mode:?} {coming:?} {}",
                    &first[at - 20..at]
                );
            }
        }
    }
}

#[test]
fn a_document_that_is_too_deep_is_so_in_parts() {
    let text = document(true, 12);
    let sizes = BlockSizes { block: 300, document: 100, ..BlockSizes::default() };
    for depth in 1..10 {
        for mode in [Mode::Strict, Mode::Lenient] {
            let limits = Limits { depth, ..limits() };
            let expected = whole_within(text.as_bytes(), mode, Framing::Documents, limits);
            assert_eq!(expected.counts.bad_documents > 0, depth < 7, "{depth}");
            for chunk in [1, 7, 51, 64, 200] {
                let coming = Some(Coming::new(chunk, true));
                let (found, contradiction) =
                    in_parts_within(text.as_bytes(), mode, Framing::Documents, sizes, coming, limits);
                assert_eq!(contradiction, None);
                let fatal = |reading: &Reading| {
                    let all = reading.batches.iter().flat_map(SpanBatch::diagnostics);
                    all.filter(|one| one.code == Code::NestingDepth)
                        .map(|one| (one.offset, one.path))
                        .collect::<Vec<_>>()
                };
                assert_eq!(fatal(&found), fatal(&expected), "{mode:?} {depth} {chunk}");
            }
        }
    }
}

/// What trails a document is bad alone, and contradicts nothing of what was given.
#[test]
fn a_document_that_was_cut_is_kept_whatever_stands_behind_it() {
    let big = document(true, 12);
    let big = big.trim_end();
    let line = big.replace('\n', " ");
    let small = document(true, 1);
    let sizes = BlockSizes { block: 200, document: 500, held: 500 };
    for junk in JUNK {
        for text in [
            format!("{big}{junk}"),
            format!("{big}{junk}{big}{junk}{big}"),
            format!("{big}{junk}\n{small}{junk}\n{big}"),
            format!("{line}{junk}{big}\n"),
            format!("{line}{junk}"),
            format!("\n{small}\n{big}{junk}\n{}", junk.repeat(100)),
        ] {
            for mode in [Mode::Strict, Mode::Lenient] {
                for framing in [Framing::Auto, Framing::Documents] {
                    let expected = whole(text.as_bytes(), mode, framing);
                    for (chunk, twice) in [(30, true), (30, false), (195, true), (9000, false)] {
                        let coming = Some(Coming::new(chunk, twice));
                        let (found, contradiction) = in_parts(text.as_bytes(), mode, framing, sizes, coming);
                        assert_eq!(contradiction, None, "{mode:?} {framing:?} {junk:?}");
                        let checked = same(&found, &expected);
                        assert!(checked.is_ok(), "{mode:?} {framing:?} {coming:?} {junk:?}: {checked:?}");
                    }
                    let (found, _) = in_parts(text.as_bytes(), mode, framing, sizes, None);
                    assert!(same(&found, &expected).is_ok(), "{mode:?} {framing:?} {junk:?}");
                }
            }
        }
    }
}

/// Strict mode refuses a byte order mark with its line; what is behind it is cut as if it came first, and is found to be lines or
/// documents as if it were read whole.
/// The part that shows a fault must hold what stands behind it, which may be still to come when the fault is found.
#[test]
fn a_fault_is_found_again_while_what_stands_behind_it_is_still_to_come() {
    let whole_one = document(true, 12);
    let sizes = BlockSizes { block: 300, document: 100, ..BlockSizes::default() };
    let span = whole_one.rmatch_indices(" {\"name\"").nth(5).unwrap().0;
    let mut found_bad = 0;
    for at in span..span + 40 {
        for added in ["{\"a\":", "{", "}", "[", "]", ",", ":", "\"", "\\", "\u{1}", "x"] {
            let text = [&whole_one[..at], added, &whole_one[at..]].concat();
            let text = text.as_bytes();
            for mode in [Mode::Strict, Mode::Lenient] {
                let expected = whole(text, mode, Framing::Documents);
                for chunk in [1, 7, 51, 64, 200] {
                    let coming = Some(Coming::new(chunk, true));
                    let (found, contradiction) = in_parts(text, mode, Framing::Documents, sizes, coming);
                    assert_eq!(contradiction, None);
                    let (bad, of_whole) = (found.counts.bad_documents, expected.counts.bad_documents);
                    assert_eq!(bad > 0, of_whole > 0, "{mode:?} {chunk} {added:?} at {at}");
                    found_bad += bad;
                }
            }
        }
    }
    assert!(found_bad > 2000, "{found_bad}");
}

#[test]
fn behind_a_refused_line_a_document_is_cut_as_the_first() {
    let big = document(true, 50);
    let line = big.trim_end().replace('\n', " ");
    let errors = |reading: &Reading| {
        let all = reading.batches.iter().flat_map(SpanBatch::diagnostics);
        // Of a document that turns out to be none only what is wrong with it is given.
        let errors =
            all.filter(|one| one.severity == Severity::Error && !one.code.as_str().ends_with("-id-empty"));
        errors.map(|one| (one.code, one.offset, one.line, one.column, one.path)).collect::<Vec<_>>()
    };
    for text in [
        format!("\u{feff}{{}}\n{big}"),
        format!("\u{feff}{{}}\n{line}"),
        format!("\u{feff}{{}}\n{line}\n{{}}\n"),
        format!("\u{feff}{{}}\n{line}\nx\n"),
        format!("\u{feff}{{}}\n\n {line}\n"),
        format!("\u{feff}{line}\n{line}\n{line}"),
    ] {
        let expected = [Framing::Auto, Framing::Lines, Framing::Documents]
            .map(|framing| (framing, whole(text.as_bytes(), Mode::Strict, framing)));
        assert!(expected.iter().all(|(_, expected)| expected.counts.bad_documents > 0));
        for (framing, expected) in expected {
            for coming in [None, Some(Coming::new(50, true)), Some(Coming::new(9000, true))] {
                let (found, contradiction) = in_parts(text.as_bytes(), Mode::Strict, framing, SMALL, coming);
                assert_eq!(contradiction, None, "{framing:?} {coming:?} {text}");
                assert_eq!(errors(&found), errors(&expected), "{framing:?} {coming:?} {text}");
                assert_eq!(found.counts.bad_documents, expected.counts.bad_documents);
            }
        }
    }
}

/// A later part has no member that came twice before it, and one that comes again in it is the first there.
#[test]
fn a_document_with_members_that_come_twice_is_not_cut() {
    let span = |index| {
        format!(r#"{{"traceId":"{0:032x}","spanId":"{0:016x}","name":"n","startTimeUnixNano":1}}"#, index + 1)
    };
    let spans: Vec<_> = (0..40).map(span).collect();
    let spans = format!("\"spans\":[{}]", spans.join(","));
    let faulty = r#""resource":{"attributes":[{"key":""}]},"resource":null"#;
    let scope = r#""scope":{"attributes":[{"key":""}]},"scope":{}"#;
    for text in [
        format!(r#"{{"resourceSpans":[{{{faulty},"scopeSpans":[{{{spans}}}]}}]}}"#),
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{{scope},{spans}}},{{{spans}}}]}}]}}"#),
        format!(r#"{{"resourceSpans":[{{"schemaUrl":5,"schemaUrl":"","scopeSpans":[{{{spans}}}]}}]}}"#),
        format!(r#"{{"resourceSpans":[],"scopeSpans":[],"scopeSpans":[{{{spans}}}]}}"#),
        format!(
            r#"{{"resourceLogs":[],"resourceSpans":[{{"scopeSpans":[{{{spans}}}]}}],"resourceLogs":[]}}"#
        ),
    ] {
        for mode in [Mode::Strict, Mode::Lenient] {
            for coming in [None, Some(Coming::new(50, true))] {
                let (found, contradiction) = in_parts(text.as_bytes(), mode, Framing::Auto, SMALL, coming);
                assert_eq!(contradiction, None, "{text}");
                let expected = whole(text.as_bytes(), mode, Framing::Auto);
                assert!(same(&found, &expected).is_ok(), "{mode:?} {coming:?} {text}");
            }
            check(text.as_bytes(), SMALL, 64).unwrap();
        }
    }
}

/// Places in a stream of lines that goes on behind one: they end where numbers do.
#[test]
fn a_stream_of_lines_may_begin_anywhere() {
    let good = document(true, 50).trim_end().replace('\n', " ");
    let late = document(false, 50).trim_end().replace('\n', " ");
    let torn = good.replacen("span 49", "span \\x", 1);
    let line = LineNumber::default();
    for (name, first) in [("good", &good), ("late", &late), ("torn", &torn)] {
        // What is surveyed begins the text.
        let text = format!("{first}\n{{}}\nx");
        let read = |offset: u64, twice: bool| {
            let mut framer = Framer::of_lines(&options(Mode::Lenient), SMALL, offset, line.clone());
            if twice {
                framer = framer.with_surveys();
            }
            framer.push(text.as_bytes());
            framer.finish();
            let mut decoder = Decoder::new(options(Mode::Lenient));
            let mut reading = Reading::default();
            loop {
                if let Some(block) = framer.next_block() {
                    let mut batch = SpanBatch::new();
                    decoder.decode_framed(block, &mut batch).unwrap();
                    reading.add(batch);
                } else if let Some(mut survey) = framer.survey() {
                    let mut chunks = text.as_bytes().chunks(100);
                    while survey.push(chunks.next().unwrap_or_default()) {}
                    framer.surveyed(survey);
                } else {
                    return (reading, framer.contradiction());
                }
            }
        };
        for twice in [true, false] {
            let (expected, ending) = read(0, twice);
            assert_eq!(ending.is_some(), !twice && name != "good", "{name}");
            for offset in [1 << 40, u64::MAX - text.len() as u64, u64::MAX - 900, u64::MAX - 2, u64::MAX] {
                let (found, ended) = read(offset, twice);
                assert_eq!(
                    ended.map(|ended| (ended.spans, ended.fault)),
                    ending.map(|ending| (ending.spans, ending.fault)),
                    "{name} {twice} {offset}"
                );
                assert_eq!(found.counts.bad_documents, expected.counts.bad_documents);
                let spans = |reading: &Reading| reading.batches.iter().map(SpanBatch::len).sum::<usize>();
                assert_eq!(spans(&found), spans(&expected), "{name} {twice} {offset}");
            }
        }
    }
}

/// The last list is the one that counts. What stands behind the document is read, too.
#[test]
fn a_document_whose_list_comes_again_is_not_cut_after_a_first_look() {
    let spans = |name: &str, count: usize| {
        let spans: Vec<_> = (0..count).map(|index| format!(r#"{{"name":"{name} {index}"}}"#)).collect();
        format!("[{}]", spans.join(","))
    };
    let (many, few) = (spans("first", 80), spans("last", 3));
    let good = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"behind"}]}]}]}"#;
    for [first, again] in [[&*many, &*few], [&many, &many], [&many, "[]"], [&many, "null"], [&many, "7"]] {
        for document in [
            format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{first}}}]}}],"resourceSpans":[{{"scopeSpans":[{{"spans":{again}}}]}}]}}"#
            ),
            format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{first}}}]}}],"resourceSpans":{again}}}"#
            ),
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{first}}}],"scopeSpans":{again}}}]}}"#),
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{first},"spans":{again}}}]}}]}}"#),
        ] {
            for text in
                [document.clone(), format!("{good}\n{document}\n{good}\n"), format!("{document}{good}")]
            {
                check(text.as_bytes(), SMALL, 64).unwrap();
            }
        }
    }
}

/// What is torn is passed over as far as that, and what else is odd in it on the way there ends nothing.
#[test]
fn a_torn_document_whose_list_comes_again_costs_itself_alone() {
    let spans = |count: usize| vec![r#"{"name":"torn"}"#; count].join(",");
    let good = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"good"}]}]}]}"#;
    for (many, few) in (20..60).step_by(4).flat_map(|many| (1..12).map(move |few| (many, few))) {
        for again in [r#""spans":"#, r#""scope":{},"scope":{},"spans":"#, r#""spans":7,"spans":"#] {
            let first = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{},"#, spans(few));
            let scope = format!(r#"{{"spans":[{}],{again}[{}],"scope":{{}}}}"#, spans(few), spans(3));
            let torn = format!("{first}\n{}]}},{scope},{{\"spans\":[{},{{\"name\":\"", spans(many), spans(5));
            let text = format!("{good}\n{torn}\n{good}\n{good}\n");
            check(text.as_bytes(), SMALL, 64).unwrap();
        }
    }
}

/// A document that is laid out over several lines is no line of a stream of lines, whatever is behind it: a first look says so.
#[test]
fn a_document_of_several_lines_is_not_the_first_of_a_stream_of_lines() {
    // For long it looks like a line.
    let big = document(true, 50).trim_end().replace('\n', " ").replace("]}]}", "]}\n]}");
    for behind in ["\u{feff}\n{}", "x\n{}\n", "]\n", "\u{feff}{}"] {
        let text = format!("{big}\n{behind}");
        for mode in [Mode::Strict, Mode::Lenient] {
            let expected = whole(text.as_bytes(), mode, Framing::Auto);
            for chunk in [50, 195, 1000] {
                let coming = Some(Coming::new(chunk, true));
                let (found, contradiction) = in_parts(text.as_bytes(), mode, Framing::Auto, SMALL, coming);
                assert_eq!(contradiction, None, "{mode:?} {chunk} {behind}");
                assert_eq!(found.counts.bad_documents, expected.counts.bad_documents, "{mode:?} {behind}");
                assert!(found.counts.bad_documents > 0);
            }
        }
        check(text.as_bytes(), SMALL, 195).unwrap();
    }
}

/// How much of a long token is there when a document is found to be large is a matter of chunks.
#[test]
fn cuts_do_not_depend_on_chunks_within_long_strings() {
    let small = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}"#;
    let prompt = "x".repeat(7000);
    let big = small.replace(
        r#"{"name":"x"}"#,
        &format!(
            r#"{{"name":"one","attributes":[{{"key":"prompt","value":{{"stringValue":"{prompt}"}}}}]}},{{"name":"two"}}"#
        ),
    );
    let unended = &big[..big.len() - 3];
    for text in [
        format!("{big}\n"),
        format!("{small}\n{big}\n{small}\n"),
        format!("\u{feff}{big}\n{small}"),
        format!("{}\n{small}\n", &big[..5000]),
        unended.to_owned(),
        format!("{unended},\n{small}"),
        big.replace(r#""two""#, "\"two"),
        format!("{}\n{small}", big.replace(r#""two""#, "tw")),
    ] {
        for chunks in [[40, 300], [40, 3500], [40, text.len()], [700, text.len() / 2]] {
            let sizes = BlockSizes { block: 278, document: 1005, held: 1306 };
            let checked = check_chunks(text.as_bytes(), sizes, chunks);
            assert!(checked.is_ok(), "{chunks:?} {}: {checked:?}", text.replace(&prompt, "..."));
        }
    }
}
