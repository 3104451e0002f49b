//! A projection drops the lists that it leaves out and changes nothing else: not the spans, not the findings, not what is
//! rejected. On every case, payload and corpus, in both modes, with one decoder for all.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, Framing, Mode, Projection, SpanBatch};
use spanwise_corpora::{Corpus, Form};

fn inputs() -> Vec<Bytes> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders =
        ["cases", "payloads"].iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let files = folders.map(|entry| std::fs::read(entry.unwrap().path()).unwrap().into());
    files.chain(Corpus::ALL.into_iter().map(|corpus| corpus.to_vec(3, 40_000, Form::Ndjson).into())).collect()
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

/// Everything else.
fn rest(
    batch: &SpanBatch,
    result: Result<(), spanwise::DecodeError>,
) -> (Vec<String>, Vec<String>, [u64; 5]) {
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
    let mut findings: Vec<_> = batch.diagnostics().map(|diagnostic| diagnostic.to_string()).collect();
    findings.extend(result.err().map(|error| error.to_string()));
    let counts = [
        batch.rejected_spans(),
        batch.bad_documents(),
        batch.other_signals(),
        batch.error_count(),
        batch.documents().len() as u64,
    ];
    (spans.collect(), findings, counts)
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
    let mut compared = 0;
    for mode in [Mode::Lenient, Mode::Strict] {
        let options = DecodeOptions::default().with_mode(mode);
        let mut whole = Decoder::new(options);
        for projection in projections {
            let mut decoder = Decoder::new(options.with_projection(projection));
            for input in &inputs {
                let expected = whole.decode_block(input.clone(), Framing::Auto, &mut all);
                let result = decoder.decode_block(input.clone(), Framing::Auto, &mut some);
                assert_eq!(rest(&some, result), rest(&all, expected));
                let (kept, found) = (lists_of(&all, projection), lists(&some, projection));
                assert_eq!(found, kept);
                compared += some.len();
            }
        }
    }
    assert!(compared > 5_000, "{compared}");
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
