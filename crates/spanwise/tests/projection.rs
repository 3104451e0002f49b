//! A projection drops the lists that it leaves out and changes nothing else: not the spans, not what is rejected, not what is
//! found, but for what a lenient decode finds in those lists. On every case, payload and corpus, in both modes, with one
//! decoder for all.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use bytes::Bytes;
use spanwise::{
    Code, DecodeError, DecodeOptions, Decoder, Framing, Mode, Projection, Severity, Simd, SpanBatch,
};
use spanwise_corpora::{Corpus, Form};

fn inputs() -> Vec<Bytes> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders =
        ["cases", "payloads"].iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let files = folders.map(|entry| std::fs::read(entry.unwrap().path()).unwrap().into());
    files.chain(Corpus::ALL.iter().map(|corpus| corpus.to_vec(3, 40_000, Form::Ndjson).into())).collect()
}

/// What a batch says of its lists, by whose they are; a list that is not kept is empty.
fn lists(batch: &SpanBatch, kept: Projection) -> Vec<String> {
    let shown =
        |keep: bool, list: &dyn std::fmt::Debug| if keep { format!("{list:?}") } else { String::new() };
    let empty = |keep: bool, len: usize| assert!(keep || len == 0);
    let resources = batch.resources().map(|resource| {
        empty(kept.resource_attributes, resource.attributes().len());
        shown(kept.resource_attributes, &resource.attributes())
    });
    let spans = batch.spans().flat_map(|span| {
        empty(kept.span_attributes, span.attributes().len());
        empty(kept.scope_attributes, span.scope().attributes().len());
        empty(kept.events, span.events().len());
        empty(kept.links, span.links().len());
        [
            shown(kept.span_attributes, &span.attributes()),
            shown(kept.scope_attributes, &span.scope().attributes()),
            shown(
                kept.events,
                &span
                    .events()
                    .map(|event| {
                        let (attributes, dropped) = (event.attributes(), event.dropped_attributes_count());
                        format!("{} {} {attributes:?} {dropped}", event.time_unix_nano(), event.name())
                    })
                    .collect::<Vec<_>>(),
            ),
            shown(
                kept.links,
                &span
                    .links()
                    .map(|link| {
                        let (attributes, dropped) = (link.attributes(), link.dropped_attributes_count());
                        let ids = (link.trace_id(), link.span_id(), link.trace_state(), link.flags());
                        format!("{ids:?} {attributes:?} {dropped}")
                    })
                    .collect::<Vec<_>>(),
            ),
        ]
    });
    resources.chain(spans).collect()
}

/// Everything else that a batch says.
#[derive(Debug, PartialEq)]
struct Rest {
    spans: Vec<String>,
    /// Each with its path, and as it is shown.
    findings: Vec<(Code, String, String)>,
    counts: [u64; 4],
}

fn rest(batch: &SpanBatch, result: &Result<(), DecodeError>) -> Rest {
    let spans = batch.spans().map(|span| {
        let status = span.status();
        format!(
            "{} {} {} {} {:?} {:?} {} {} {} {:?} {} {} {}",
            span.trace_id(),
            span.span_id(),
            span.parent_span_id(),
            span.name(),
            span.kind(),
            status,
            span.start_time_unix_nano(),
            span.end_time_unix_nano(),
            span.flags(),
            span.trace_state(),
            span.dropped_attributes_count(),
            span.dropped_events_count(),
            span.dropped_links_count(),
        )
    });
    let found = batch.diagnostics().chain(result.as_ref().err().map(|error| error.diagnostic().clone()));
    let findings = found.map(|finding| (finding.code, finding.path.clone(), finding.to_string())).collect();
    let counts = [
        batch.rejected_spans(),
        batch.bad_documents(),
        batch.other_signals(),
        batch.documents().len() as u64,
    ];
    Rest { spans: spans.collect(), findings, counts }
}

/// Whether a finding is of what stands in a list that is left out.
fn is_left_out(code: Code, path: &str, projection: Projection) -> bool {
    // Those are of the list's name where the path ends with it.
    let of_name = matches!(code, Code::DuplicateKey | Code::SnakeCaseKey);
    let leads_into = |list: &str, member: &str| {
        member.strip_prefix(list).is_some_and(|behind| !(of_name && behind.is_empty()))
    };
    let of =
        |owner: &str, list: &str| path.split_once(owner).is_some_and(|(_, member)| leads_into(list, member));
    let of_span = |list: &str| {
        let (_, span) = path.split_once(".spans[").unwrap_or_default();
        span.split_once("].").is_some_and(|(_, member)| leads_into(list, member))
    };
    !projection.resource_attributes && of("].resource.", "attributes")
        || !projection.scope_attributes && of("].scope.", "attributes")
        || !projection.span_attributes && of_span("attributes")
        || !projection.events && of_span("events")
        || !projection.links && of_span("links")
}

#[test]
fn a_projection_drops_lists_and_changes_nothing_else() {
    let projections = [
        Projection::NONE,
        Projection { span_attributes: true, ..Projection::NONE },
        Projection { events: true, ..Projection::NONE },
        Projection { links: true, resource_attributes: true, ..Projection::NONE },
        Projection { span_attributes: false, ..Projection::ALL },
        Projection { scope_attributes: false, events: false, ..Projection::ALL },
    ];
    let inputs = inputs();
    let (mut all, mut some) = (SpanBatch::new(), SpanBatch::new());
    let (mut compared, mut untold) = (0, 0);
    for mode in [Mode::Lenient, Mode::Strict] {
        let options = DecodeOptions::default().with_mode(mode);
        let mut whole = Decoder::new(options);
        for projection in projections {
            let mut decoder = Decoder::new(options.with_projection(projection));
            for input in &inputs {
                let expected = whole.decode_block(input.clone(), Framing::Auto, &mut all);
                let result = decoder.decode_block(input.clone(), Framing::Auto, &mut some);
                let mut expected = rest(&all, &expected);
                let before = expected.findings.len();
                if mode == Mode::Lenient {
                    expected.findings.retain(|(code, path, _)| {
                        code.severity(mode) == Severity::Error || !is_left_out(*code, path, projection)
                    });
                }
                untold += before - expected.findings.len();
                assert_eq!(rest(&some, &result), expected, "{}", input.escape_ascii());
                let (kept, found) = (lists_of(&all, projection), lists(&some, projection));
                assert_eq!(found, kept);
                compared += some.len();
            }
        }
    }
    assert!(compared > 5_000 && untold > 100, "{compared} {untold}");
}

/// The lists of a whole batch that a projection keeps.
fn lists_of(batch: &SpanBatch, kept: Projection) -> Vec<String> {
    let whole = lists(batch, Projection::ALL);
    let resources = batch.resources().len();
    let wanted = |index: usize| match index.checked_sub(resources) {
        None => kept.resource_attributes,
        Some(index) => [kept.span_attributes, kept.scope_attributes, kept.events, kept.links][index % 4],
    };
    whole
        .into_iter()
        .enumerate()
        .map(|(index, list)| if wanted(index) { list } else { String::new() })
        .collect()
}

#[test]
fn redaction_sees_everything_whatever_is_wanted() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":{"stringValue":"v"}}],
        "events":[{"name":"e"}],"links":[{}]}]}]}]}"#;
    let options = DecodeOptions::default().with_projection(Projection::NONE).with_record_sources(true);
    let mut batch = SpanBatch::new();
    Decoder::new(options).decode(&body[..], &mut batch).unwrap();
    let span = batch.span(0).unwrap();
    assert_eq!((span.attributes().len(), span.events().len(), span.links().len()), (1, 1, 1));
}

/// A line ends with its line feed, wherever that stands: also within what nobody wants.
#[test]
fn lines_torn_within_lists_that_are_left_out_are_torn() {
    // Without a finding, so that lines are read before their ends are known.
    let body = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n","attributes":[{"key":"k","value":{"stringValue":"v"}},{"key":"l","value":{"intValue":12}},{"key":"m","value":{"arrayValue":{"values":[{"boolValue":true}]}}}],"events":[{"name":"e","timeUnixNano":"1"}]}]}]}]}"#;
    let options = DecodeOptions::default().with_projection(Projection::NONE);
    let general = options.with_general_path(true).with_simd(Simd::portable());
    let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
    let mut bad = 0;
    for simd in Simd::available() {
        let mut decoder = Decoder::new(options.with_simd(simd));
        for at in 0..body.len() {
            let text = format!("{body}\n{}\n{}\n{body}\n", &body[..at], &body[at..]);
            for framing in [Framing::Auto, Framing::Lines, Framing::Documents] {
                decoder.decode_block(text.clone(), framing, &mut batch).unwrap();
                Decoder::new(general).decode_block(text.clone(), framing, &mut expected).unwrap();
                assert_eq!(rest(&batch, &Ok(())), rest(&expected, &Ok(())), "{simd} {framing:?} {at}");
                bad += batch.bad_documents();
            }
        }
    }
    assert!(bad > 1000, "{bad}");
}

/// What comes of a span with these members, twice by one decoder, that keeps none of its lists.
fn of_span(options: DecodeOptions, members: &str) -> Result<(usize, usize), Code> {
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{members}}}]}}]}}]}}"#);
    let mut decoder = Decoder::new(options.with_projection(Projection::NONE));
    let mut decode = || {
        let mut batch = SpanBatch::new();
        let result = decoder.decode(body.clone(), &mut batch);
        result.map(|()| (batch.len(), batch.value_rows().len())).map_err(|error| error.diagnostic().code)
    };
    let first = decode();
    assert_eq!(decode(), first, "{members}");
    first
}

#[test]
fn bounds_hold_in_lists_that_are_left_out() {
    let attribute = |value: &str| format!(r#""attributes":[{{"key":"k","value":{value}}}]"#);
    let nested = |depth: usize, open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let canonical = |depth| nested(depth, r#"{"arrayValue":{"values":["#, r#"{"intValue":"1"}"#, "]}}");
    let mut refused = 0;
    let mut check = |members: &str| {
        for mode in [Mode::Lenient, Mode::Strict] {
            let bounds = [(1, 512), (2, 512), (3, 512), (4, 512), (5, 512), (16, 512), (40, 512)];
            let depths = [16, 24, 40, 128, 250].map(|depth| (1 << 20, depth));
            for bound in bounds.into_iter().chain(depths) {
                let mut options = DecodeOptions::default().with_mode(mode);
                (options.limits.attributes, options.limits.depth) = bound;
                let expected = of_span(options.with_general_path(true), members);
                refused += usize::from(expected.is_err());
                for simd in Simd::available() {
                    assert_eq!(
                        of_span(options.with_simd(simd), members),
                        expected,
                        "{simd} {bound:?} {members}"
                    );
                }
            }
        }
    };
    for depth in [1, 2, 4, 9, 11, 30, 50] {
        check(&attribute(&nested(depth, "[", "1", "]")));
        check(&attribute(&nested(depth, r#"{"a":"#, "1", "}")));
        check(&attribute(&canonical(depth)));
    }
    check(r#""attributes":[{"value":{"arrayValue":{"values":[{}]}}}]"#);
    check(r#""events":[{"attributes":[{}]}]"#);
    check(r#""events":[{"attributes":{"k":"v"}}],"links":[{"attributes":{"k":{"l":"v"}}}]"#);
    check(r#""attributes":[{"key":"a","value":[{"a":1,"b":{"c":2}}]}]"#);
    let event = r#"{"name":"n","attributes":{"k":"v"}}"#;
    check(&format!(r#""events":[{}]"#, vec![event; 15].join(",")));
    assert!(refused > 200, "{refused}");
}

#[test]
fn nothing_is_left_of_lists_that_templates_read_in_part() {
    let list = r#"{"key":"k","value":{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}}"#;
    let members = format!(r#""attributes":[{list},{{"key":"e","value":{{}}}}]"#);
    for simd in Simd::available() {
        for mode in [Mode::Lenient, Mode::Strict] {
            let options = DecodeOptions::default().with_simd(simd).with_mode(mode);
            assert_eq!(
                of_span(options, &members),
                Ok((usize::from(mode == Mode::Lenient), 0)),
                "{simd} {mode:?}"
            );
        }
    }
}
