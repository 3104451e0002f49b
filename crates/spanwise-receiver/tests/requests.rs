//! Which rows stand for a request is told over all of a segment, however its deliveries lie in it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use parquet::record::RowAccessor as _;
use spanwise_arrow::ArrowOptions;
use spanwise_receiver::{Delivery, Disk as _, ReceiverOptions, SpanKey, Store as _, StoreOptions};
use support::memory_disk::MemoryDisk;
use support::watched_disk::WatchedDisk;
use support::{Stand, rows, runtime, until};

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

/// The name of each row, and whether it stands for a request.
fn marks(disk: &MemoryDisk) -> Vec<(String, bool)> {
    let rows = disk.files(".parquet").into_iter().flat_map(|(_, file)| rows(file));
    rows.map(|row| {
        let place = |column| row.get_column_iter().position(|(name, _)| name == column);
        let name = row.get_string(place("name").unwrap()).unwrap();
        (name.clone(), place("is_request").is_some_and(|place| row.get_bool(place).unwrap()))
    })
    .collect()
}

/// The names of all rows, and of those that stand for a request.
fn found(disk: &MemoryDisk) -> [BTreeSet<String>; 2] {
    found_but(disk, "")
}

/// The same without rows of this name.
fn found_but(disk: &MemoryDisk, but: &str) -> [BTreeSet<String>; 2] {
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for (name, is_request) in marks(disk).into_iter().filter(|(name, _)| name != but) {
        assert!(found[0].insert(name.clone()), "{name} twice");
        if is_request {
            found[1].insert(name);
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
            let keys = (0..2).map(|at| SpanKey::new(&[7], &[at], trace, &[])).collect();
            let lie = Delivery::new(span(trace, "chat", "", ""), keys, 1_764_028_800_000_000_000);
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

/// A file as it is when it is read first, and not when it was opened.
struct Later {
    disk: MemoryDisk,
    path: PathBuf,
    file: Option<Box<dyn Read + Send>>,
}

impl Read for Later {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.file.is_none() {
            self.file = Some(self.disk.open(&self.path)?);
        }
        self.file.as_mut().unwrap().read(out)
    }
}

#[test]
fn marks_stay_with_their_rows_where_the_log_changes_while_it_is_read() {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    let (log, mut opened) = (disk.clone(), 0);
    let failing = WatchedDisk::new(disk.clone(), move |path, to| {
        if to.is_some() || path.parent() != Some("log".as_ref()) {
            return Ok(None);
        }
        opened += 1;
        Ok(match opened {
            // To make rows, which is read when requests are told.
            1 => Some(Box::new(Later { disk: log.clone(), path: path.to_owned(), file: None })),
            // To tell requests. Then a byte changes.
            2 => {
                let good = log.open(path)?;
                let bytes = log.files(".log").remove(0).1;
                log.damage(path, bytes.windows(7).position(|window| window == b"first 1").unwrap());
                Some(good)
            }
            _ => None,
        })
    });
    let stand = Stand::on(Arc::new(failing), StoreOptions::default(), ReceiverOptions::default());
    for trace in 1..4 {
        let plain = span(trace, "first", "", "").replace("gen_ai", "other");
        assert_eq!(runtime.block_on(stand.post(plain)), 200);
        assert_eq!(runtime.block_on(stand.post(span(trace, "chat", "", ""))), 200);
    }
    stand.store.flush();
    until("it is sealed", || {
        stand.store.unsealed_bytes() == 0 && stand.count("spanwise_damaged_segments_total") == 1
    });
    let [all, marked] = found(&disk);
    assert_eq!(all.len(), 5);
    assert_eq!(marked, (1..4).map(|trace| format!("chat {trace}")).collect());
    assert!(stand.count("spanwise_seal_failures_total") > 0);
    stand.close();
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

#[test]
fn a_run_that_becomes_parquet_behind_its_calls_is_no_request_of_its_own() {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    let seal = |files: u64| {
        let is_sealed = || disk.files(".parquet").len() as u64 == files && stand.store.unsealed_bytes() == 0;
        stand.store.flush();
        until("it is sealed", is_sealed);
    };
    for trace in 1..=TRACES {
        assert_eq!(runtime.block_on(stand.post(span(trace, "chat", id("invoke_agent"), ""))), 200);
        if trace % 4 == 0 {
            seal(trace / 4);
        }
    }
    // Of the first trace all comes once more, in other words: it was stored, and counted.
    assert_eq!(runtime.block_on(stand.post(span(1, "chat", id("invoke_agent"), "again"))), 200);
    for trace in 1..=TRACES + 1 {
        assert_eq!(runtime.block_on(stand.post(span(trace, "invoke_agent", "", ""))), 200);
    }
    seal(4);
    let marks = marks(&disk);
    let marked = |name: &str| marks.iter().filter(|(found, is_request)| found == name && *is_request).count();
    assert_eq!(marks.len() as u64, 2 * TRACES + 2);
    for name in names("chat").chain([format!("invoke_agent {}", TRACES + 1)]) {
        assert_eq!(marked(&name), 1, "{name}");
    }
    for name in names("invoke_agent") {
        assert_eq!(marked(&name), 0, "{name}");
    }
    stand.close();
}

/// More spans than are remembered: the last of them are.
#[test]
fn a_run_that_becomes_parquet_behind_very_many_spans_is_known_by_the_last_of_them() {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    let plain = |first: u64| {
        let span = |id: u64| format!(r#"{{"traceId":"{first:032x}","spanId":"{id:016x}","name":"plain"}}"#);
        let spans: Vec<_> = (1..=40_000).map(span).collect();
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
    };
    // Calls have a time, and the others are of the day of their delivery.
    for (trace, files) in [(1, 2), (2, 4)] {
        assert_eq!(runtime.block_on(stand.post(span(trace, "chat", id("invoke_agent"), ""))), 200);
        assert_eq!(runtime.block_on(stand.post(plain(100 + trace))), 200);
        stand.store.flush();
        until("it is sealed", || disk.files(".parquet").len() == files && stand.store.unsealed_bytes() == 0);
    }
    for trace in [1, 2] {
        assert_eq!(runtime.block_on(stand.post(span(trace, "invoke_agent", "", ""))), 200);
    }
    stand.close();
    let [all, marked] = found_but(&disk, "plain");
    assert_eq!(all.len(), 4);
    let expected = ["chat 1", "chat 2", "invoke_agent 1"].map(str::to_owned);
    assert_eq!(marked, expected.into(), "the first call is forgotten");
}

/// What was noted of a segment that did not become Parquet is not taken for delivered before.
#[test]
fn a_segment_that_is_read_again_has_its_requests() {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    let mut failed = 0;
    let failing = WatchedDisk::new(disk.clone(), move |path, to| {
        // The second segment has no manifest at first.
        if to.is_some_and(|to| to.ends_with("manifest")) && !path.starts_with("log") {
            failed += 1;
            if failed == 2 {
                return Err(io::Error::other("no manifest"));
            }
        }
        Ok(None)
    });
    let stand = Stand::on(Arc::new(failing), StoreOptions::default(), ReceiverOptions::default());
    for (traces, files) in [(1..3, 1), (3..6, 2), (6..9, 3)] {
        for trace in traces {
            assert_eq!(runtime.block_on(stand.post(span(trace, "chat", id("invoke_agent"), ""))), 200);
        }
        stand.store.flush();
        until("it is sealed", || disk.files(".parquet").len() == files && stand.store.unsealed_bytes() == 0);
    }
    assert_eq!(stand.count("spanwise_seal_failures_total"), 1);
    assert_eq!(found(&disk)[1], (1..9).map(|trace| format!("chat {trace}")).collect());
    stand.close();
}
