//! Every bound: one below it, at it, and one above it; and nesting as deep as any setting allows on a small stack.
//!
//! One below and at the bound are accepted; one above is rejected with the bound's own code and leaves an empty batch, and
//! in a block costs that document alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use spanwise::frame::{BlockSizes, Framer};
use spanwise::{
    Code, DecodeError, DecodeOptions, Decoder, Framing, Limits, Mode, Severity, SpanBatch, encode,
};

const IDS: &str = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n""#;
const MODES: [Mode; 2] = [Mode::Strict, Mode::Lenient];

fn request(spans: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

/// A request of one span with these members besides ids and name.
fn span(members: &str) -> String {
    request(&format!("{{{IDS},{members}}}"))
}

fn attribute(value: &str) -> String {
    span(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#))
}

/// `count` items, written by `item` from their index, with commas between.
fn listed(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn options(mode: Mode, limits: Limits) -> DecodeOptions {
    DecodeOptions::default().with_mode(mode).with_limits(limits)
}

/// Decodes cold and warm, by the learned path and by the general one: all must agree.
fn decode(text: &str, mode: Mode, limits: Limits) -> Result<SpanBatch, DecodeError> {
    let mut results = Vec::new();
    for general in [false, true] {
        let mut decoder = Decoder::new(options(mode, limits).with_general_path(general));
        let mut batch = SpanBatch::new();
        for _ in 0..3 {
            let result = decoder.decode(text.as_bytes().to_vec(), &mut batch);
            assert!(result.is_ok() || batch.is_empty() && batch.attribute_rows().is_empty());
            results.push(result.map(|()| batch.clone()));
        }
    }
    let last = results.pop().unwrap();
    assert!(results.iter().all(|result| *result == last), "the paths differ");
    last
}

/// Checks that what `make` makes of a bound of `bound` items is accepted one below and at it, and rejected one above.
fn check(code: Code, bound: usize, limits: Limits, make: impl Fn(usize) -> String) {
    for mode in MODES {
        for count in [bound - 1, bound] {
            let result = decode(&make(count), mode, limits);
            assert!(result.is_ok(), "{code} {mode:?} {count} of {bound}: {:?}", result.err());
        }
        let text = make(bound + 1);
        let error = decode(&text, mode, limits).err();
        let error = error.unwrap_or_else(|| panic!("{code} {mode:?}: {} of {bound} accepted", bound + 1));
        assert_eq!(error.diagnostic().code, code, "{mode:?}: {text}");
        assert!(error.diagnostic().offset < text.len() as u64);

        let lines = format!("{}\n{text}\n{}\n", span(r#""kind":1"#), span(r#""kind":2"#));
        for framing in [Framing::Lines, Framing::Documents] {
            let mut batch = SpanBatch::new();
            Decoder::new(options(mode, limits)).decode_block(lines.clone(), framing, &mut batch).unwrap();
            let kinds: Vec<_> = batch.spans().map(|span| span.kind().number()).collect();
            assert_eq!((kinds, batch.bad_documents()), (vec![1, 2], 1), "{code} {framing:?}");
        }
    }
}

#[test]
fn document_size() {
    let make = |size: usize| format!("{:size$}", span(r#""kind":1"#));
    for mode in MODES {
        for (size, accepted) in [(299, true), (300, true), (301, false)] {
            let limits = Limits { document_bytes: 300, ..Limits::default() };
            let error = decode(&make(size), mode, limits).err().map(|error| error.diagnostic().code);
            assert_eq!(error, (!accepted).then_some(Code::DocumentSize), "{size}");
        }
        // In a block the bound is on each document, white space round it left out.
        let long = span(&format!(r#""traceState":"{}""#, "x".repeat(300)));
        let block = format!("{}\n{long}\n{}", make(300), make(250));
        for framing in [Framing::Lines, Framing::Documents] {
            let limits = Limits { document_bytes: 300, ..Limits::default() };
            let mut batch = SpanBatch::new();
            Decoder::new(options(mode, limits)).decode_block(block.clone(), framing, &mut batch).unwrap();
            assert_eq!((batch.len(), batch.bad_documents()), (2, 1), "{framing:?}");
        }
    }
}

#[test]
fn spans_of_a_document() {
    let limits = Limits { spans: 7, ..Limits::default() };
    check(Code::SpansPerDocument, 7, limits, |count| request(&listed(count, |_| format!("{{{IDS}}}"))));
    // Over several scopes and resources; spans that were replaced do not count.
    check(Code::SpansPerDocument, 7, limits, |count| {
        let spans = listed(count - 3, |_| format!("{{{IDS}}}"));
        let three = listed(3, |_| format!("{{{IDS}}}"));
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}],"spans":[{three}]}}]}},{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
        )
    });
}

fn key(index: usize) -> String {
    format!(r#"{{"key":"k{index}","value":{{"intValue":"1"}}}}"#)
}

#[test]
fn attributes_of_a_span() {
    let limits = Limits { attributes: 9, ..Limits::default() };
    let check = |make: fn(usize) -> String| check(Code::AttributesPerSpan, 9, limits, make);
    check(|count| span(&format!(r#""attributes":[{}]"#, listed(count, key))));
    check(|count| span(&format!(r#""events":[{{"attributes":[{}]}}]"#, listed(count - 1, key))));
    check(|count| span(&format!(r#""links":[{{"attributes":[{}]}}]"#, listed(count - 1, key))));
    check(|count| span(&format!(r#""events":[{}]"#, listed(count, |_| "{}".into()))));
    check(|count| span(&format!(r#""links":[{}]"#, listed(count, |_| "{}".into()))));
    check(|count| {
        attribute(&format!(r#"{{"arrayValue":{{"values":[{}]}}}}"#, listed(count - 1, |_| "{}".into())))
    });
    check(|count| attribute(&format!(r#"{{"kvlistValue":{{"values":[{}]}}}}"#, listed(count - 1, key))));
    // All kinds together; each span begins anew.
    check(|count| {
        let members =
            format!(r#""events":[{{}},{{}}],"attributes":[{}],"links":[{{}}]"#, listed(count - 3, key));
        request(&listed(2, |_| format!("{{{IDS},{members}}}")))
    });
}

#[test]
fn attributes_of_a_resource_and_a_scope() {
    let limits = Limits { attributes: 9, ..Limits::default() };
    check(Code::AttributesPerSpan, 9, limits, |count| {
        format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{}]}}}}]}}"#, listed(count, key))
    });
    check(Code::AttributesPerSpan, 9, limits, |count| {
        let scope = format!(r#"{{"attributes":[{}]}}"#, listed(count, key));
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"scope":{scope}}}]}}]}}"#)
    });
    check(Code::AttributesPerSpan, 9, limits, |count| {
        let keys = listed(count - 1, |_| "\"k\"".into());
        format!(r#"{{"resourceSpans":[{{"resource":{{"entityRefs":[{{"type":"t","idKeys":[{keys}]}}]}}}}]}}"#)
    });
}

#[test]
fn attributes_in_the_forms_that_lenient_mode_takes() {
    let limits = Limits { attributes: 9, ..Limits::default() };
    let makes: [fn(usize) -> String; 3] = [
        |count| span(&format!(r#""attributes":{{{}}}"#, listed(count, |index| format!(r#""k{index}":1"#)))),
        |count| attribute(&format!("[{}]", listed(count - 1, |_| "1".into()))),
        |count| {
            let members = listed(count - 1, |index| format!(r#""k{index}":1"#));
            span(&format!(r#""attributes":{{"k":{{{members}}}}}"#))
        },
    ];
    for make in makes {
        for (count, accepted) in [(8, true), (9, true), (10, false)] {
            let error =
                decode(&make(count), Mode::Lenient, limits).err().map(|error| error.diagnostic().code);
            assert_eq!(error, (!accepted).then_some(Code::AttributesPerSpan), "{}", make(count));
        }
    }
}

#[test]
fn length_of_a_string() {
    let limits = Limits { string_bytes: 40, ..Limits::default() };
    let check = |make: fn(usize) -> String| check(Code::StringLength, 40, limits, make);
    check(|length| attribute(&format!(r#"{{"stringValue":"{}"}}"#, "x".repeat(length))));
    check(|length| attribute(&format!(r#"{{"stringValue":"{}é"}}"#, "x".repeat(length - 2))));
    check(|length| attribute(&format!(r#"{{"stringValue":"\n{}"}}"#, "x".repeat(length - 2))));
    check(|length| attribute(&format!(r#"{{"stringValue":"{}\u0000"}}"#, "x".repeat(length - 6))));
    check(|length| span(&format!(r#""traceState":"{}""#, "x".repeat(length))));
    check(|length| {
        span(&format!(r#""attributes":[{{"key":"{}","value":{{"intValue":"1"}}}}]"#, "k".repeat(length)))
    });
    check(|length| span(&format!(r#""{}":1"#, "m".repeat(length))));
    check(|length| span(&format!(r#""unknown":["{}"]"#, "m".repeat(length))));
}

#[test]
fn depth() {
    let limits = Limits { depth: 60, ..Limits::default() };
    let check = |make: fn(usize) -> String| check(Code::NestingDepth, 60, limits, make);
    // The span's object lies on level 7.
    check(|depth| span(&format!(r#""unknown":{}{}"#, "[".repeat(depth - 7), "]".repeat(depth - 7))));
    check(|depth| span(&format!(r#""unknown":{}0{}"#, r#"{"a":"#.repeat(depth - 7), "}".repeat(depth - 7))));
    check(|depth| span(&format!(r#""unknown":[1,{}{}]"#, "[".repeat(depth - 8), "]".repeat(depth - 8))));
    check(|depth| format!(r#"{{"resourceLogs":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1)));
}

#[test]
fn depth_of_values() {
    // An attribute's value lies on level 10; three levels a list, four a kvlist.
    for (limit, make) in [(10 + 3 * 12, array as fn(usize) -> String), (10 + 4 * 12, kvlist)] {
        for (levels, accepted) in [(11, true), (12, true), (13, false)] {
            for mode in MODES {
                let limits = Limits { depth: limit, ..Limits::default() };
                let result = decode(&make(levels), mode, limits);
                let code = result.as_ref().err().map(|error| error.diagnostic().code);
                assert_eq!(code, (!accepted).then_some(Code::NestingDepth), "{levels} levels in {limit}");
                if let Ok(batch) = result {
                    let again = decode(&String::from_utf8(encode(&batch)).unwrap(), mode, limits);
                    assert!(again.unwrap() == batch);
                }
            }
        }
    }
}

/// An attribute of `levels` lists in each other.
fn array(levels: usize) -> String {
    let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(levels), "]}}".repeat(levels));
    attribute(&format!(r#"{open}{{"intValue":"1"}}{close}"#))
}

/// An attribute of `levels` kvlists in each other.
fn kvlist(levels: usize) -> String {
    let (open, close) =
        (r#"{"kvlistValue":{"values":[{"key":"k","value":"#.repeat(levels), "}]}}".repeat(levels));
    attribute(&format!(r#"{open}{{"intValue":"1"}}{close}"#))
}

#[test]
fn sixty_four_levels_are_accepted_by_default() {
    for text in [array(64), kvlist(64)] {
        for mode in MODES {
            assert!(decode(&text, mode, Limits::default()).is_ok());
        }
    }
}

#[test]
fn diagnostics_kept() {
    let limits = Limits { diagnostics: 5, ..Limits::default() };
    for (count, kept) in [(0, 0), (4, 4), (5, 5), (6, 5), (500, 5)] {
        let text = span(
            &listed(count + 1, |index| format!(r#""unknown{index}":1"#)).replace("\"unknown0\"", "\"kind\""),
        );
        for mode in MODES {
            let batch = decode(&text, mode, limits).unwrap();
            assert_eq!(batch.diagnostics().len(), kept);
            assert_eq!(
                (batch.warning_count(), batch.dropped_diagnostics()),
                (count as u64, (count - kept) as u64)
            );
        }
    }
}

/// Runs on a thread with a stack of 2 MiB: what Rust gives a thread, and a quarter of what Linux gives a process.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

/// What nests as deep as the input likes.
fn bombs(levels: usize) -> Vec<(&'static str, String)> {
    let repeat = |open: &str, close: &str| format!("{}1{}", open.repeat(levels), close.repeat(levels));
    vec![
        ("lists", array(levels)),
        ("kvlists", kvlist(levels)),
        ("lists that never end", array(levels).chars().take(30 * levels).collect()),
        ("unknown arrays", span(&format!(r#""unknown":{}"#, repeat("[", "]")))),
        ("unknown objects", span(&format!(r#""unknown":{}"#, repeat(r#"{"a":"#, "}")))),
        ("plain arrays", attribute(&repeat("[", "]"))),
        ("plain objects", attribute(&repeat(r#"{"a":"#, "}"))),
        ("attributes as maps", span(&format!(r#""attributes":{}"#, repeat(r#"{"a":"#, "}")))),
        ("maps in kvlists", attribute(&repeat(r#"{"kvlistValue":{"values":{"a":"#, "}}}"))),
        (
            "values in maps",
            span(&format!(r#""attributes":{{"a":{}}}"#, repeat(r#"{"arrayValue":{"values":["#, "]}}"))),
        ),
        ("arrays in place of an id", span(&format!(r#""parentSpanId":{}"#, repeat("[", "]")))),
        ("objects in place of an integer", span(&format!(r#""flags":{}"#, repeat(r#"{"low":"#, "}")))),
        ("objects in place of bytes", attribute(&format!(r#"{{"bytesValue":{}}}"#, repeat(r#"{"0":"#, "}")))),
        ("arrays at the top", repeat("[", "]")),
        ("duplicates", repeat(r#"{"resourceSpans":1,"resourceSpans":"#, "}")),
        ("duplicate values", attribute(&repeat(r#"{"arrayValue":0,"arrayValue":{"values":["#, "]}}"))),
    ]
}

#[test]
fn no_nesting_exhausts_a_small_stack() {
    on_a_small_stack(|| {
        for levels in [100, 337, 338, 1000, 100_000] {
            for (name, text) in bombs(levels) {
                for mode in MODES {
                    for record in [false, true] {
                        let limits = Limits { depth: usize::MAX, ..Limits::default() };
                        let options = options(mode, limits).with_record_sources(record);
                        let mut batch = SpanBatch::new();
                        let result = Decoder::new(options).decode(text.clone(), &mut batch);
                        match result {
                            // What was accepted is read, compared and written on the same stack.
                            Ok(()) => {
                                let mut again = SpanBatch::new();
                                let json = encode(&batch);
                                Decoder::new(options.with_mode(Mode::Lenient))
                                    .decode(json, &mut again)
                                    .unwrap();
                                assert!(again == batch, "{name}");
                                assert!(
                                    !format!("{:?}", batch.spans().next().map(spanwise::SpanRef::attributes))
                                        .is_empty()
                                );
                            }
                            Err(error) => assert!(
                                levels >= 337 || error.diagnostic().code != Code::NestingDepth,
                                "{name}"
                            ),
                        }
                        for framing in [Framing::Lines, Framing::Documents] {
                            Decoder::new(options).decode_block(text.clone(), framing, &mut batch).unwrap();
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn no_setting_goes_deeper_than_1024() {
    let text =
        |levels: usize| span(&format!(r#""unknown":{}{}"#, "[".repeat(levels - 7), "]".repeat(levels - 7)));
    for depth in [1024, 1025, usize::MAX] {
        let limits = Limits { depth, ..Limits::default() };
        assert!(decode(&text(1024), Mode::Strict, limits).is_ok());
        let error = decode(&text(1025), Mode::Strict, limits).unwrap_err();
        assert_eq!(error.diagnostic().code, Code::NestingDepth);
    }
}

#[test]
fn an_array_that_is_too_deep_is_named_by_its_own_path() {
    let text = attribute(r#"{"arrayValue":{"values":[]}}"#);
    // The brackets and braces round it are eleven.
    let limits = Limits { depth: 11, ..Limits::default() };
    for mode in MODES {
        let error = decode(&text, mode, limits).err().unwrap();
        assert_eq!(error.diagnostic().code, Code::NestingDepth);
        let path = "resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value.arrayValue.values,";
        assert!(error.to_string().contains(path), "{error}");
        assert!(decode(&text, mode, Limits { depth: 12, ..limits }).is_ok());
    }
}

/// Documents read of a text that comes in chunks of so many bytes, and their faults.
fn read_in_chunks(text: &[u8], chunk: usize, framing: Framing, mode: Mode) -> (usize, u64) {
    let options = DecodeOptions::default().with_mode(mode);
    let mut framer = Framer::new(&options, framing, BlockSizes::default());
    let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
    let (mut documents, mut errors) = (0, 0);
    let mut read = |framer: &mut Framer| {
        while let Some(block) = framer.next_block() {
            decoder.decode_framed(block, &mut batch).unwrap();
            documents += batch.documents().len();
            errors += batch.diagnostics().filter(|found| found.severity == Severity::Error).count() as u64;
        }
    };
    for chunk in text.chunks(chunk) {
        framer.push(chunk);
        read(&mut framer);
    }
    framer.finish();
    read(&mut framer);
    (documents, errors)
}

/// It would take most of an hour to look at all of it for each chunk.
#[test]
fn blank_text_that_comes_in_small_chunks_is_looked_at_once() {
    const BLANK: usize = 1 << 20;
    let document = r#"{"resourceSpans":[]}"#;
    let befores = [
        String::new(),
        "\u{feff}".to_owned(),
        document.to_owned(),
        format!("{document}\n"),
        format!("{document}\n{document}\n"),
        format!("\u{feff}x{document}"),
        format!("[\n{document}\n"),
    ];
    for before in befores {
        for behind in ["", "\n", document] {
            let text = format!("{before}{}{behind}", " ".repeat(BLANK));
            for framing in [Framing::Auto, Framing::Documents, Framing::Lines] {
                for mode in [Mode::Strict, Mode::Lenient] {
                    let whole = read_in_chunks(text.as_bytes(), text.len(), framing, mode);
                    let pieces = read_in_chunks(text.as_bytes(), 64, framing, mode);
                    assert_eq!(pieces, whole, "{} {behind} {framing:?} {mode:?}", before.escape_debug());
                }
            }
        }
    }
}
