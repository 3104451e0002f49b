//! The learned path and the general path, and every instruction set, give the same batch and the same diagnostics: on every
//! case and payload, whole and damaged, with whatever was decoded before.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, Framing, Limits, Mode, Projection, Simd, SpanBatch, encode};
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
    Corpus::ALL.iter().copied().flat_map(requests).collect()
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
    diagnostics.extend(result.err().map(|error| error.diagnostic().to_string()));
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

/// The ways to decode that are compared: both modes with sources, and what is read of lists that nobody wants.
fn ways() -> impl Iterator<Item = DecodeOptions> {
    let options = DecodeOptions::default();
    let [strict, lenient] = [Mode::Strict, Mode::Lenient].map(|mode| options.with_mode(mode));
    let events = Projection { events: true, ..Projection::NONE };
    [strict, lenient]
        .map(|options| options.with_record_sources(true))
        .into_iter()
        .chain([Projection::NONE, events].map(|projection| lenient.with_projection(projection)))
}

impl Pair {
    fn new(options: DecodeOptions) -> Self {
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
    for options in ways() {
        let mut pair = Pair::new(options);
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
    for options in ways() {
        let mut pair = Pair::new(options);
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

/// Arrays and kvlists below attributes, in as many ways as there are: `open`, `comma` and `close` are what the writer puts
/// after brackets and commas and before brackets.
fn lists(open: &str, comma: &str, close: &str) -> Bytes {
    let member = |name: &str, value: &str| format!("{{{open}\"{name}\":{value}{close}}}");
    let list = |name: &str, values: &[String]| {
        let values = match values {
            [] => "[]".to_owned(),
            values => format!("[{open}{}{close}]", values.join(&format!(",{comma}"))),
        };
        member(name, &member("values", &values))
    };
    let attribute =
        |key: &str, value: String| format!("{{{open}\"key\":\"{key}\",{comma}\"value\":{value}{close}}}");
    let text = |content: &str| member("stringValue", &format!("\"{content}\""));
    let array = |values: &[String]| list("arrayValue", values);
    let kvlist = |values: &[String]| list("kvlistValue", values);
    let part = |kind: &str, content: &str| {
        kvlist(&[attribute("type", text(kind)), attribute("content", text(content))])
    };
    let message = |role: &str, parts: &[String]| {
        kvlist(&[attribute("role", text(role)), attribute("parts", array(parts))])
    };
    let int = member("intValue", "\"17\"");
    let attributes = [
        attribute("first", text("plain")),
        attribute(
            "m",
            array(&[message("user", &[part("text", "a \\u00e9"), part("text", "b")]), message("tool", &[])]),
        ),
        attribute("scores", array(&[member("doubleValue", "1.5"), member("doubleValue", "20"), int.clone()])),
        attribute(
            "rows",
            array(&[array(&[int.clone(), int.clone()]), array(std::slice::from_ref(&int)), array(&[])]),
        ),
        attribute(
            "config",
            kvlist(&[
                attribute("first", int.clone()),
                attribute("on", member("boolValue", "false")),
                attribute("next", kvlist(&[attribute("first", int.clone()), attribute("next", kvlist(&[]))])),
                attribute("last", int.clone()),
            ]),
        ),
        attribute("last", member("intValue", "3")),
    ];
    let attributes = format!("[{open}{}{close}]", attributes.join(&format!(",{comma}")));
    let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n""#;
    let span = format!("{{{ids},\"attributes\":{attributes},\"events\":[{{\"attributes\":{attributes}}}]}}");
    Bytes::from(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#))
}

/// Compact, as Python writes by default, and indented.
fn layouts_of_lists() -> [Bytes; 3] {
    [lists("", "", ""), lists("", " ", ""), lists("\n  ", "\n  ", "\n ")]
}

#[test]
fn lists_damaged_anywhere_read_alike() {
    let [compact, _, indented] = layouts_of_lists();
    let indented = ways().skip(1).step_by(2).map(|options| (options, &indented));
    for (options, whole) in ways().take(3).map(|options| (options, &compact)).chain(indented) {
        let mut pair = Pair::new(options);
        // Which set it is matters little here, and each takes its time.
        let last = pair.learned.len() - 1;
        pair.learned.drain(1..last.max(1));
        (0..3).for_each(|_| pair.check(whole));
        for at in 0..whole.len() {
            let (before, after) = (&whole[..at], &whole[at + 1..]);
            let byte = b"\"\\{}[],:0 x\n"[at / 4 % 12];
            let damaged = match at % 4 {
                0 => [before, after].concat(),
                1 => [before, &[byte], after].concat(),
                2 => [before, &[byte], &whole[at..]].concat(),
                _ => before.to_vec(),
            };
            pair.check(&Bytes::from(damaged));
            // So that what is damaged next meets templates that did not fail of late.
            pair.check(whole);
        }
    }
}

#[test]
fn lists_with_other_things_among_them_read_alike() {
    let swaps = [
        (r#"{"intValue":"17"}"#, r#"{"intValue":"99999999999999999999"}"#),
        (r#"{"intValue":"17"}"#, r#"{"bytesValue":"AAEC"}"#),
        (r#"{"intValue":"17"}"#, "null"),
        (r#"{"intValue":"17"}"#, "{}"),
        (r#"{"intValue":"17"}"#, r#"{"intValue":"17","intValue":"18"}"#),
        (r#"{"intValue":"17"}"#, r#"{"intValue":"17","unknown":[[]]}"#),
        (r#"{"intValue":"17"}"#, "17"),
        (r#"{"doubleValue":20}"#, r#"{"doubleValue":"NaN"}"#),
        (r#"{"doubleValue":20}"#, r#"{"doubleValue":1e999}"#),
        (r#""role""#, r#""parts""#),
        (r#""parts""#, r#""role""#),
        (r#""type""#, r#""content""#),
        (r#""on""#, r#""first""#),
        // A duplicate behind a list that has the key, too.
        (r#""last""#, r#""first""#),
        (r#""next""#, r#""""#),
        (r#""next""#, "\"\\u006eext\""),
        (r#"{"key":"on","value":{"boolValue":false}}"#, r#"{"value":{"boolValue":false},"key":"on"}"#),
        (r#"{"key":"on","value":{"boolValue":false}}"#, r#"{"boolValue":false}"#),
        (r#"{"values":[]}"#, "{}"),
        (r#"{"values":[]}"#, r#"{"values":null}"#),
        (r#"{"values":[]}"#, r#"{"values":[],"values":[]}"#),
        (r#"{"arrayValue":{"values":[]}}"#, r#"{"arrayValue":{"values":[]},"kvlistValue":{"values":[]}}"#),
    ];
    for options in ways() {
        let [whole, ..] = layouts_of_lists();
        let mut pair = Pair::new(options);
        (0..3).for_each(|_| pair.check(&whole));
        let text = std::str::from_utf8(&whole).unwrap();
        for (from, to) in swaps {
            let places: Vec<_> = text.match_indices(from).map(|(at, _)| at).collect();
            assert!(!places.is_empty(), "{from}");
            for at in places {
                let other = [&text[..at], to, &text[at + from.len()..]].concat();
                let other = Bytes::from(other);
                // Often enough for templates to be given up, and learned anew.
                (0..6).for_each(|_| pair.check(&other));
                pair.check(&whole);
            }
        }
    }
}

#[test]
fn a_duplicate_behind_a_list_that_was_not_read_to_its_end_reads_alike() {
    let [whole, ..] = layouts_of_lists();
    // The list has the key, too, before what no template reads.
    let text = std::str::from_utf8(&whole).unwrap();
    let bytes = text.replace(r#"{"boolValue":false}"#, r#"{"bytesValue":"AAEC"}"#);
    let other = Bytes::from(bytes.replace(r#""last""#, r#""first""#));
    assert_ne!(other.len(), whole.len());
    for options in ways() {
        let mut pair = Pair::new(options);
        (0..3).for_each(|_| pair.check(&whole));
        pair.check(&other);
    }
}

#[test]
fn lists_at_the_bounds_read_alike() {
    let [whole, ..] = layouts_of_lists();
    let defaults = Limits::default();
    let attributes = (1..60).map(|attributes| Limits { attributes, ..defaults });
    let depths = (1..32).map(|depth| Limits { depth, ..defaults });
    let within = |limits: Limits, text: &Bytes| {
        for options in ways().filter(|options| options.mode == Mode::Lenient) {
            let mut pair = Pair::new(options.with_limits(limits));
            (0..4).for_each(|_| pair.check(text));
        }
    };
    attributes.chain(depths).for_each(|limits| within(limits, &whole));
    let x = "x".repeat(32);
    let text = std::str::from_utf8(&whole).unwrap();
    let long =
        text.replace("Value\":\"", &format!("Value\":\"{x}")).replace("key\":\"", &format!("key\":\"{x}"));
    assert!(long.len() > whole.len() + 320);
    let long = long.into();
    (30..44).for_each(|string_bytes| within(Limits { string_bytes, ..defaults }, &long));
}

#[test]
fn ids_times_and_names_are_never_too_long() {
    let members = [
        r#""traceId":"0af7651916cd43dd8448eb211c80319c""#,
        r#""startTimeUnixNano":"1764028800000000001""#,
        r#""droppedAttributesCount":1"#,
        r#""spanId":"b7ad6b7169203331""#,
        r#""endTimeUnixNano":"1764028800000000009""#,
        r#""droppedEventsCount":1"#,
    ];
    let body = |members: &[&str]| {
        let members = members.join(",");
        Bytes::from(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{members}}}]}}]}}]}}"#))
    };
    for string_bytes in 0..40 {
        let limits = Limits { string_bytes, ..Limits::default() };
        for options in ways() {
            let mut pair = Pair::new(options.with_limits(limits));
            // In an order that is learned, and in none.
            for turn in (0..40).map(|turn| if turn < 4 { 0 } else { turn * 5 }) {
                let mut members = members;
                members.rotate_left(turn % 6);
                members.swap(0, turn % 5);
                pair.check(&body(&members));
            }
        }
    }
    let limits = Limits { string_bytes: 0, ..Limits::default() };
    let mut batch = SpanBatch::new();
    Decoder::new(DecodeOptions::default().with_limits(limits)).decode(body(&members), &mut batch).unwrap();
    assert_eq!(batch.len(), 1);
}
