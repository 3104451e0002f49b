//! Which rows stand for a request is told over all of a segment, however its deliveries lie in it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use parquet::record::RowAccessor as _;
use spanwise_arrow::ArrowOptions;
use spanwise_receiver::{Delivery, ReceiverOptions, SpanKey, Store as _, StoreOptions};
use support::memory_disk::MemoryDisk;
use support::{Stand, rows, runtime};

/// Traces, each an agent's run, and the model call in it that the run has the tokens of.
const TRACES: u64 = 12;
/// Several deliveries of such calls are more than is read of a segment at once.
const TEXT: usize = 800 << 10;

/// A delivery of one span of a trace, as instrumentation of agents sends them: the call when it ends, then the run.
fn span(trace: u64, name: &str, parent: &str, text: &str) -> String {
    let attribute = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{{value}}}}}"#);
    let attributes = [
        attribute("gen_ai.operation.name", &format!(r#""stringValue":"{name}""#)),
        attribute("gen_ai.request.model", r#""stringValue":"heron-2""#),
        attribute("gen_ai.usage.input_tokens", r#""intValue":9"#),
        attribute("gen_ai.usage.output_tokens", r#""intValue":3"#),
        attribute("text", &format!(r#""stringValue":"{text}""#)),
    ];
    let ids = format!(r#""traceId":"{trace:032x}","spanId":"{}","parentSpanId":"{parent}""#, id(name));
    let times = r#""startTimeUnixNano":"1764028800000000001","endTimeUnixNano":"1764028800000000009""#;
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"name":"{name} {trace}",{times},"attributes":[{}]}}]}}]}}]}}"#,
        attributes.join(",")
    )
}

fn id(name: &str) -> &'static str {
    if name == "chat" { "00000000000000c1" } else { "00000000000000a9" }
}

/// The names of all rows, and of those that stand for a request.
fn found(disk: &MemoryDisk) -> [BTreeSet<String>; 2] {
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for row in disk.files(".parquet").into_iter().flat_map(|(_, file)| rows(file)) {
        let place = |column| row.get_column_iter().position(|(name, _)| name == column);
        let name = row.get_string(place("name").unwrap()).unwrap();
        let marked = place("is_request").is_some_and(|place| row.get_bool(place).unwrap());
        assert!(found[0].insert(name.clone()), "{name} twice");
        if marked {
            found[1].insert(name.clone());
        }
    }
    found
}

fn names(name: &str) -> impl Iterator<Item = String> {
    (1..=TRACES).map(move |trace| format!("{name} {trace}"))
}

#[test]
fn a_call_and_its_run_are_one_request_in_whatever_blocks_they_are_read() {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    let text = "x".repeat(TEXT);
    for trace in 1..=TRACES {
        // A mark that is JSON at the beginning of a text alone: the records of its block are read one by one.
        let mark = if trace % 5 == 0 { "\u{feff}" } else { "" };
        let call = mark.to_owned() + &span(trace, "chat", id("invoke_agent"), &text);
        assert_eq!(runtime.block_on(stand.post(call.clone())), 200);
        if trace % 3 == 0 {
            // Delivered again, and stored once.
            assert_eq!(runtime.block_on(stand.post(call)), 200);
            // And what is another number of spans than it is said to be: it becomes no row.
            let lie = Delivery {
                keys: (0..2).map(|at| SpanKey::new(&[7], &[at], trace, &[])).collect(),
                json: span(trace, "chat", "", "").into(),
                received: 1_764_028_800_000_000_000,
                reservation: None,
                extensions: http::Extensions::new(),
            };
            runtime.block_on(stand.store.store(lie)).unwrap();
        }
    }
    for trace in 1..=TRACES {
        assert_eq!(runtime.block_on(stand.post(span(trace, "invoke_agent", "", ""))), 200);
    }
    assert_eq!(disk.files(".log").len(), 1);
    stand.close();
    let [all, marked] = found(&disk);
    assert_eq!(all, names("chat").chain(names("invoke_agent")).collect());
    assert_eq!(marked, names("invoke_agent").collect());
}

#[test]
fn columns_without_requests_are_made_as_well() {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    let columns = Some(vec!["span_id".to_owned(), "name".to_owned()]);
    let columns = ArrowOptions { columns, ..ArrowOptions::default() };
    let options = StoreOptions { columns, ..StoreOptions::default() };
    let stand = Stand::on(Arc::new(disk.clone()), options, ReceiverOptions::default());
    for trace in 1..=TRACES {
        assert_eq!(runtime.block_on(stand.post(span(trace, "chat", "", ""))), 200);
    }
    stand.close();
    assert_eq!(found(&disk), [names("chat").collect(), BTreeSet::new()]);
}
