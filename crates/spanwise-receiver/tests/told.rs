//! What of a delivery was not read on the way to its spans is told, and what is odd within spans is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::sync::Arc;

use spanwise::Mode;
use spanwise_receiver::{ReceiverOptions, StoreOptions};
use support::memory_disk::MemoryDisk;
use support::{Stand, runtime};

/// Two spans, as elements of a list.
const TWO: &str = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a"},
    {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203332","name":"b"}"#;

/// The body, in which `TWO` stands for two spans; of lenient and of strict mode: how many are stored, and what is told, in the order
/// of its parts, if anything is.
type Case = (&'static str, (u64, &'static [&'static str]), (u64, &'static [&'static str]));

const CASES: &[Case] = &[
    // Requests without spans.
    ("{}", (0, &[]), (0, &[])),
    (r#"{"resourceSpans":[]}"#, (0, &[]), (0, &[])),
    (r#"{"resourceSpans":null}"#, (0, &[]), (0, &[])),
    (r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[]}]}]}"#, (0, &[]), (0, &[])),
    // Of another type.
    (
        r#"{"resourceSpans":{}}"#,
        (0, &["type-mismatch at resourceSpans, "]),
        (0, &["type-mismatch at resourceSpans, "]),
    ),
    (
        r#"{"resourceSpans":"SECRET"}"#,
        (0, &["type-mismatch at resourceSpans, "]),
        (0, &["type-mismatch at resourceSpans, "]),
    ),
    (
        r#"{"resourceSpans":["SECRET",{"scopeSpans":[{"spans":[TWO]}]}]}"#,
        (2, &["type-mismatch at resourceSpans[0], "]),
        (2, &["type-mismatch at resourceSpans[0], "]),
    ),
    (
        r#"{"resourceSpans":[{"scopeSpans":{"spans":[TWO]}}]}"#,
        (0, &["type-mismatch at resourceSpans[0].scopeSpans, "]),
        (0, &["type-mismatch at resourceSpans[0].scopeSpans, "]),
    ),
    (
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":"SECRET"}]}]}"#,
        (0, &["type-mismatch at resourceSpans[0].scopeSpans[0].spans, "]),
        (0, &["type-mismatch at resourceSpans[0].scopeSpans[0].spans, "]),
    ),
    (
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":["SECRET",TWO]}]}]}"#,
        (2, &["type-mismatch at resourceSpans[0].scopeSpans[0].spans[0], "]),
        (2, &["type-mismatch at resourceSpans[0].scopeSpans[0].spans[0], "]),
    ),
    (
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[null,TWO]}]}]}"#,
        (2, &["null-element at resourceSpans[0].scopeSpans[0].spans[0], "]),
        (2, &["null-element at resourceSpans[0].scopeSpans[0].spans[0], "]),
    ),
    // Not known.
    (
        r#"{"data":{"SECRET":1}}"#,
        (0, &["unknown-member, offset 1: ", "no-known-field, offset 0: "]),
        (0, &["unknown-member, offset 1: ", "no-known-field, offset 0: "]),
    ),
    (
        r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"SECRET"}"#,
        (0, &["unknown-member, offset 1: ", "no-known-field, offset 0: "]),
        (0, &["unknown-member, offset 1: ", "no-known-field, offset 0: "]),
    ),
    (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[TWO]}],"SECRET":[]}]}"#, (2, &[]), (2, &[])),
    (
        r#"{"resourceSpans":[{"scopeSpans":[],"SECRET":[]}]}"#,
        (0, &["unknown-member at resourceSpans[0], "]),
        (0, &["unknown-member at resourceSpans[0], "]),
    ),
    // Another name.
    (
        r#"{"resource_spans":[{"scope_spans":[{"spans":[TWO]}]}]}"#,
        (2, &[]),
        (0, &["snake-case-key, offset 1: "]),
    ),
    (
        r#"{"resourceSpans":[{"instrumentationLibrarySpans":[{"spans":[TWO]}]}]}"#,
        (2, &[]),
        (0, &["deprecated-key at resourceSpans[0], "]),
    ),
    (r#"{"batches":[{"scopeSpans":[{"spans":[TWO]}]}]}"#, (2, &[]), (0, &["tempo-batches, offset 1: "])),
    (r#"{"scopeSpans":[{"spans":[TWO]}]}"#, (2, &[]), (0, &["bare-resource-spans, offset 1: "])),
    (
        r#"{"resourceSpans":[],"scopeSpans":[{"spans":[TWO]}]}"#,
        (0, &["bare-resource-spans at scopeSpans, "]),
        (0, &["bare-resource-spans, offset 20: "]),
    ),
    // Twice.
    (
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[TWO]}]}],"resourceSpans":[]}"#,
        (0, &["duplicate-key at resourceSpans, "]),
        (0, &["duplicate-key at resourceSpans, "]),
    ),
    (
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[TWO]}],"scopeSpans":[]}]}"#,
        (0, &["duplicate-key at resourceSpans[0].scopeSpans, "]),
        (0, &["duplicate-key at resourceSpans[0].scopeSpans, "]),
    ),
    (
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[TWO],"spans":[]}]}]}"#,
        (0, &["duplicate-key at resourceSpans[0].scopeSpans[0].spans, "]),
        (0, &["duplicate-key at resourceSpans[0].scopeSpans[0].spans, "]),
    ),
    // Within a span, a scope or a resource.
    (
        r#"{"resourceSpans":[{"resource":{"SECRET":1,"attributes":[],"attributes":[]},"scopeSpans":[{"scope":{"SECRET":1,
            "name":"a","name":"b"},"spans":[{"SECRET":1,"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
            "name":"a","name":"b","status":{"SECRET":1},"events":[{"name":"e","SECRET":1}]}]}]}]}"#,
        (1, &[]),
        (1, &[]),
    ),
    (
        r#"{"resourceSpans":[{"resource":"SECRET","scopeSpans":[{"scope":"SECRET","spans":[{"traceId":"SECRET","spanId":1,
            "start_time_unix_nano":"SECRET","events":[null,"SECRET"],"attributes":{"SECRET":{}},"kind":"SERVER"},{}]}]}]}"#,
        (2, &[]),
        (
            0,
            &[
                "type-mismatch at resourceSpans[0].resource, ",
                "type-mismatch at resourceSpans[0].scopeSpans[0].scope, ",
            ],
        ),
    ),
];

#[test]
fn what_was_not_read_on_the_way_to_spans_is_told_and_what_is_odd_within_them_is_not() {
    let runtime = runtime();
    for (body, lenient, strict) in CASES {
        for (mode, (stored, told)) in [(Mode::Lenient, lenient), (Mode::Strict, strict)] {
            let mut options = ReceiverOptions::default();
            options.decode.mode = mode;
            let stand = Stand::on(Arc::new(MemoryDisk::new()), StoreOptions::default(), options);
            let (status, answer) = runtime.block_on(stand.send(support::post(body.replace("TWO", TWO))));
            assert_eq!(
                (status, stand.count("spanwise_spans_stored_total")),
                (200, *stored),
                "{body}: {answer}"
            );
            assert!(!answer.contains("SECRET"), "{body}: {answer}");
            let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
            if told.is_empty() {
                assert_eq!(answer, "{}", "{mode:?} {body}");
            } else {
                let partial = &json["partialSuccess"];
                assert!(partial["rejectedSpans"].is_string(), "{mode:?} {body}: {answer}");
                let parts: Vec<_> =
                    partial["errorMessage"].as_str().unwrap_or_default().split("; ").collect();
                for (at, part) in told.iter().enumerate() {
                    let found = parts.iter().any(|found| found.starts_with(part));
                    assert!(found, "{mode:?} {body}, {at}: {answer}");
                }
            }
            stand.close();
        }
    }
}

#[test]
fn of_spans_of_zipkin_nothing_is_stored_and_that_is_told() {
    let stand = Stand::on(Arc::new(MemoryDisk::new()), StoreOptions::default(), ReceiverOptions::default());
    let (status, answer) =
        runtime().block_on(stand.send(support::post(r#"[{"id":"SECRET","kind":"CLIENT"}]"#)));
    assert!(status == 200 && answer.contains("; no-known-field at [0], offset 1: "), "{answer}");
    assert!(!answer.contains("SECRET"), "{answer}");
    stand.close();
}

#[test]
fn it_is_told_however_many_findings_come_before_it() {
    let odd = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a","future":1},"#;
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{TWO}]}}]}},{{"scopeSpans":{{}}}}]}}"#,
        odd.repeat(1000)
    );
    let stand = Stand::on(Arc::new(MemoryDisk::new()), StoreOptions::default(), ReceiverOptions::default());
    let (status, answer) = runtime().block_on(stand.send(support::post(body)));
    assert_eq!(status, 200);
    let expected = r#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"type-mismatch at resourceSpans[1].scopeSpans, "#;
    assert!(answer.starts_with(expected), "{answer}");
    stand.close();
}
