//! What was answered 200 is in Parquet exactly once, wherever the power goes and whichever operation of the disk fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use spanwise_receiver::{Delivery, Disk as _, ReceiverOptions, SpanKey, Store as _, StoreOptions};
use support::memory_disk::{Fault, MemoryDisk};
use support::{Stand, body, tally};

const DELIVERIES: u64 = 12;
const ENOSPC: i32 = 28;
const EIO: i32 = 5;

/// Segments of about three deliveries.
fn options() -> StoreOptions {
    StoreOptions { seal_bytes: 1200, seal_after: Duration::from_mins(1), ..StoreOptions::default() }
}

fn open(disk: &MemoryDisk) -> Stand {
    Stand::on(Arc::new(disk.clone()), options(), ReceiverOptions::default())
}

fn found(disk: &MemoryDisk) -> BTreeMap<(String, String), usize> {
    tally(
        disk.files(".parquet")
            .into_iter()
            .filter(|(path, _)| path.starts_with("spans"))
            .map(|(_, bytes)| bytes),
    )
}

/// Segments, the spare one included.
fn left_in_log(disk: &MemoryDisk) -> usize {
    disk.files("").iter().filter(|(path, _)| path.starts_with("log")).count()
}

fn key(n: u64) -> (String, String) {
    (format!("{:016x}", n + 1), format!("span {n}"))
}

/// Sends all deliveries once and says which were answered 200.
fn deliver(stand: &Stand, runtime: &tokio::runtime::Runtime) -> Vec<u64> {
    deliver_and(stand, runtime, || {})
}

/// The same, and does something after each.
fn deliver_and(stand: &Stand, runtime: &tokio::runtime::Runtime, then: impl Fn()) -> Vec<u64> {
    let stored = |n: &u64| {
        let status = runtime.block_on(stand.post(body(7, *n, &format!("span {n}"))));
        assert!(status == 200 || status == 503, "{status}");
        then();
        status == 200
    };
    (0..DELIVERIES).filter(stored).collect()
}

/// Operations of the disk while all is delivered and sealed.
fn operations_of_a_run(runtime: &tokio::runtime::Runtime) -> u64 {
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    assert_eq!(deliver(&stand, runtime).len() as u64, DELIVERIES);
    stand.close();
    let expected = (0..DELIVERIES).map(|n| (key(n), 1)).collect();
    assert_eq!(found(&disk), expected);
    assert_eq!(left_in_log(&disk), 0);
    disk.operations()
}

/// When the next delivery is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    AtOnce,
    /// When all closed segments are Parquet, so that every other is written over one of them.
    Sealed,
}

/// A disk whose power goes at an operation, what that leaves of it, so much of what was not synced kept, and what was answered
/// before.
fn crashed(
    at: u64,
    kept: usize,
    pace: Pace,
    runtime: &tokio::runtime::Runtime,
) -> (MemoryDisk, MemoryDisk, Vec<u64>) {
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    disk.set_fault(Fault::Crash(at));
    let answered = deliver_and(&stand, runtime, || {
        while pace == Pace::Sealed && stand.store.unsealed_bytes() > 0 && disk.operations() <= at {
            std::thread::sleep(Duration::from_micros(50));
        }
    });
    drop(stand);
    let after = disk.after_crash(kept);
    (disk, after, answered)
}

#[test]
fn the_power_may_go_at_any_operation() {
    let runtime = support::runtime();
    let operations = operations_of_a_run(&runtime);
    assert!(operations > 60, "{operations}");
    let opening = {
        let disk = MemoryDisk::new();
        drop(open(&disk));
        disk.operations()
    };
    let mut reopened = 0;
    for at in opening..operations {
        for (kept, pace) in [(0, Pace::Sealed), (60, Pace::AtOnce), (60, Pace::Sealed), (100, Pace::AtOnce)] {
            let (before, after, answered) = crashed(at, kept, pace, &runtime);
            reopened += if pace == Pace::Sealed { before.reopened() } else { 0 };
            // The gateway sends again what was not answered, to the receiver that is up again.
            let stand = open(&after);
            assert_eq!(deliver(&stand, &runtime).len() as u64, DELIVERIES);
            stand.close();
            let expected: BTreeMap<_, _> = (0..DELIVERIES).map(|n| (key(n), 1)).collect();
            assert_eq!(
                found(&after),
                expected,
                "at {at}, {kept} of 100 kept, {pace:?}, answered {answered:?}"
            );
            assert_eq!(left_in_log(&after), 0);
        }
    }
    // Segments were written over older ones.
    assert!(reopened > operations, "{reopened} of {operations}");
}

#[test]
fn what_was_answered_is_there_without_being_sent_again() {
    let runtime = support::runtime();
    for at in (12..operations_of_a_run(&runtime)).step_by(3) {
        for kept in [0, 100] {
            let (_, after, answered) = crashed(at, kept, Pace::Sealed, &runtime);
            // The power goes once more, while the log is being read or sealed.
            after.set_fault(Fault::Crash(24));
            let metrics = Arc::new(spanwise_receiver::Metrics::new());
            let again = spanwise_receiver::DurableStore::open_on(Arc::new(after.clone()), options(), metrics);
            drop(again);
            let after = after.after_crash(kept);
            open(&after).close();
            let found = found(&after);
            for n in answered {
                assert_eq!(found.get(&key(n)), Some(&1), "span {n}, at {at}, {kept} of 100 kept");
            }
            assert!(found.values().all(|count| *count == 1), "{found:?}");
        }
    }
}

#[test]
fn errors_of_the_disk_are_answered_503_and_pass() {
    let runtime = support::runtime();
    let operations = operations_of_a_run(&runtime);
    for error in [ENOSPC, EIO] {
        for from in (12..operations).step_by(2) {
            for many in [1, 2, 5] {
                let disk = MemoryDisk::new();
                let stand = open(&disk);
                disk.set_fault(Fault::Errors(from, from + many, error));
                let mut left: Vec<u64> = (0..DELIVERIES).collect();
                for _ in 0..20 {
                    let answered = deliver(&stand, &runtime);
                    left.retain(|n| !answered.contains(n));
                    if left.is_empty() {
                        break;
                    }
                }
                assert_eq!(left, [0_u64; 0], "{error} from {from}");
                disk.set_fault(Fault::None);
                stand.close();
                // Sealing that failed once the writer was gone is left to the next start.
                open(&disk).close();
                let expected: BTreeMap<_, _> = (0..DELIVERIES).map(|n| (key(n), 1)).collect();
                assert_eq!(found(&disk), expected, "{many} errors {error} from {from}");
                // A disk that fails is no reason to give a segment up.
                assert_eq!(left_in_log(&disk), 0, "{many} errors {error} from {from}");
            }
        }
    }
}

/// Some payloads can be read alone and not among others: behind the first byte of a block, a byte order mark is no JSON.
#[test]
fn what_can_only_be_read_alone_is_made_into_parquet_with_the_others() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    for n in 0..4 {
        let mark = if n % 2 == 1 { "\u{feff}" } else { "" };
        assert_eq!(runtime.block_on(stand.post(mark.to_owned() + &body(7, n, &format!("span {n}")))), 200);
    }
    stand.close();
    assert_eq!(found(&disk), (0..4).map(|n| (key(n), 1)).collect());
    assert_eq!(disk.files(".log"), []);
}

/// A delivery as whoever links the crate may make it: of spans of which it says how many they are.
fn delivery(n: u64, spans: usize) -> Delivery {
    let json = body(7, n, &format!("span {n}"));
    let key = |at: usize| SpanKey::new(b"trace", format!("{n} {at}").as_bytes(), 0, json.as_bytes());
    let keys = (0..spans).map(key).collect();
    Delivery::new(json, keys, 1_764_028_800_000_000_000)
}

#[test]
fn what_the_system_alone_holds_is_on_disk_before_it_is_remembered() {
    let runtime = support::runtime();
    let mut told = 0;
    for at in 0..8 {
        let disk = MemoryDisk::new();
        let stand = open(&disk);
        assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
        // The process is killed at some operation of the second delivery, and what it had written is still there.
        disk.set_fault(Fault::Crash(disk.operations() + at));
        let _ = runtime.block_on(stand.post(body(7, 1, "span 1")));
        drop(stand);
        disk.set_fault(Fault::None);
        disk.refuse_below(Some("staging"));
        let stand = open(&disk);
        assert_eq!(runtime.block_on(stand.post(body(7, 1, "span 1"))), 200);
        told += stand.count("spanwise_spans_duplicate_total");
        // Now the power goes.
        disk.set_fault(Fault::Crash(disk.operations()));
        drop(stand);
        let after = disk.after_crash(0);
        open(&after).close();
        assert_eq!(found(&after), (0..2).map(|n| (key(n), 1)).collect(), "killed at {at}");
        assert_eq!(after.files(".log"), []);
    }
    assert!(told > 0, "it was never there already");
}

#[test]
fn what_a_store_was_given_is_stored_though_nobody_waits_for_it() {
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    drop(stand.store.store(delivery(0, 1)));
    stand.close();
    assert_eq!(found(&disk), BTreeMap::from([(key(0), 1)]));
}

#[test]
fn a_record_that_is_not_what_it_says_is_kept_aside_and_the_others_become_parquet() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    for (n, spans) in [(0, 1), (1, 2), (2, 1)] {
        let stored = runtime.block_on(stand.store.store(delivery(n, spans))).unwrap();
        assert_eq!(stored.spans, spans as u64);
    }
    let metrics = Arc::clone(&stand.metrics);
    assert!(!stand.store.close(Duration::from_mins(1)));
    drop(stand);
    // The power goes: both are durable.
    for disk in [disk.clone(), disk.after_crash(0)] {
        assert_eq!(found(&disk), [0, 2].into_iter().map(|n| (key(n), 1)).collect());
        let kept: Vec<_> =
            disk.files("").into_iter().filter(|(path, _)| path.starts_with("damaged")).collect();
        let [(path, bytes)] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(
            (path.extension().unwrap(), &bytes[..]),
            (OsStr::new("json"), body(7, 1, "span 1").as_bytes())
        );
    }
    assert!(metrics.text().contains("spanwise_damaged_segments_total 1\n"), "{}", metrics.text());
}

#[test]
fn damage_found_while_sealing_takes_no_record_before_or_behind_it() {
    for damaged in 0..3 {
        damage_takes_one(damaged, false);
    }
}

/// The newest segment, that of which no other says how much was acknowledged.
#[test]
fn damage_found_after_a_crash_takes_no_record_before_or_behind_it() {
    // Behind the last nothing stands: it is as if it had not come to its end.
    for damaged in 0..2 {
        damage_takes_one(damaged, true);
    }
}

fn damage_takes_one(damaged: u64, crashes: bool) {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    for n in 0..3 {
        assert_eq!(runtime.block_on(stand.post(body(7, n, &format!("span {n}")))), 200);
    }
    let segments = disk.files(".log");
    let [(path, bytes)] = &segments[..] else { panic!("{segments:?}") };
    let name = format!("span {damaged}");
    let place = bytes.windows(6).rposition(|window| window == name.as_bytes()).unwrap();
    let (disk, stand) = if crashes {
        let after = disk.after_crash(0);
        after.damage(path, place);
        let stand = open(&after);
        (after, stand)
    } else {
        disk.damage(path, place);
        (disk.clone(), stand)
    };
    let metrics = Arc::clone(&stand.metrics);
    assert!(!stand.store.close(Duration::from_mins(1)));
    drop(stand);
    assert_eq!(found(&disk), (0..3).filter(|n| *n != damaged).map(|n| (key(n), 1)).collect());
    assert!(metrics.text().contains("spanwise_damaged_segments_total 1\n"), "{}", metrics.text());
    let kept: Vec<_> = disk.files(".log").into_iter().map(|(path, _)| path).collect();
    assert_eq!(kept, [Path::new("damaged").join(path.file_name().unwrap())]);
}

#[test]
fn what_was_taken_within_other_bounds_becomes_parquet() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let mut options = ReceiverOptions::default();
    options.decode.limits.depth = 1024;
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), options);
    let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(190), "]}}".repeat(190));
    let deep = format!(r#""attributes":[{{"key":"deep","value":{open}{close}}}],"name":"span 1""#);
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    assert_eq!(runtime.block_on(stand.post(body(7, 1, "span 1").replace(r#""name":"span 1""#, &deep))), 200);
    stand.close();
    assert_eq!(found(&disk), (0..2).map(|n| (key(n), 1)).collect());
}

#[test]
fn services_that_differ_in_case_have_files_of_different_names() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    for (n, service) in [(0, "Shop"), (1, "shop"), (2, "SHOP")] {
        let body = body(7, n, &format!("span {n}")).replace("shop", service);
        assert_eq!(runtime.block_on(stand.post(body)), 200);
    }
    stand.close();
    let paths: BTreeSet<_> =
        disk.files(".parquet").iter().map(|(path, _)| path.to_string_lossy().to_lowercase()).collect();
    // On file systems on which case makes no difference they are in one folder.
    assert_eq!(paths.len(), 3, "{paths:?}");
}

#[test]
fn folder_and_column_of_a_service_agree_whatever_its_type() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    let values = [
        r#"{"intValue":"5"}"#,
        r#"{"doubleValue":1.5}"#,
        r#"{"doubleValue":"NaN"}"#,
        r#"{"boolValue":true}"#,
        r#"{"bytesValue":"aGk="}"#,
        r#"{"arrayValue":{"values":[{"stringValue":"a b"},{"intValue":"1"}]}}"#,
        r#"{"kvlistValue":{"values":[{"key":"k","value":{"intValue":"1"}}]}}"#,
        r#"{"stringValue":"null"}"#,
        "{}",
    ];
    for (n, value) in (0..).zip(values) {
        let body = body(7, n, &format!("span {n}")).replace(r#"{"stringValue":"shop"}"#, value);
        assert_eq!(runtime.block_on(stand.post(body)), 200);
    }
    stand.close();
    let files = disk.files(".parquet");
    assert_eq!(files.len(), values.len());
    for (path, bytes) in files {
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let row = &support::rows(bytes)[0];
        let (_, field) = row.get_column_iter().find(|(name, _)| *name == "service_name").unwrap();
        let column = match field {
            parquet::record::Field::Str(text) => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
                text.bytes()
                    .map(
                        |byte| {
                            if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
                        },
                    )
                    .collect()
            }
            _ => "__HIVE_DEFAULT_PARTITION__".to_owned(),
        };
        assert_eq!(folder, format!("service={column}"));
    }
}

#[test]
fn a_panic_behind_the_manifest_takes_no_file_with_it() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    disk.panic_once_below("spans");
    stand.store.flush();
    // It is tried again after a second.
    let begun = std::time::Instant::now();
    while stand.count("spanwise_sealed_segments_total") == 0 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(stand.count("spanwise_damaged_segments_total"), 0);
    stand.close();
    assert_eq!(found(&disk), BTreeMap::from([(key(0), 1)]));
}

#[test]
fn a_segment_that_is_set_aside_is_told() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    disk.panic_once_below("staging");
    assert!(!stand.store.close(Duration::from_mins(1)));
    assert_eq!(stand.count("spanwise_damaged_segments_total"), 1);
    assert_eq!((left_in_log(&disk), found(&disk)), (0, BTreeMap::new()));
    let kept: Vec<_> = disk.files(".log").into_iter().map(|(path, _)| path).collect();
    assert!(matches!(&kept[..], [path] if path.starts_with("damaged")), "{kept:?}");
}

/// Otherwise all would be answered with 200 and come to lie in `damaged`.
#[test]
fn columns_that_no_parquet_file_can_have_are_refused_when_a_store_opens() {
    let mut options = StoreOptions::default();
    options.columns.llm = false;
    options.columns.columns = Some(Vec::new());
    let disk = MemoryDisk::new();
    let metrics = Arc::new(spanwise_receiver::Metrics::new());
    let opened = spanwise_receiver::DurableStore::open_on(Arc::new(disk.clone()), options, metrics);
    let error = opened.unwrap_err();
    assert!(matches!(error, spanwise_receiver::OpenError::Table(_)), "{error:?}");
    assert_eq!(disk.list(Path::new("")).unwrap(), []);
}

#[test]
fn a_folder_that_is_deleted_meanwhile_takes_no_file_with_it() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    // Between its being made and a file's coming there.
    disk.lose_once_below("spans");
    stand.close();
    assert_eq!(found(&disk), BTreeMap::from([(key(0), 1)]));
}

#[test]
fn a_staging_folder_that_cannot_be_removed_stops_nothing() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    disk.cling_to_folders(true);
    assert_eq!(deliver(&stand, &runtime).len() as u64, DELIVERIES);
    let (store, failures) = (Arc::clone(&stand.store), stand.count("spanwise_seal_failures_total"));
    stand.close();
    assert_eq!((store.unsealed_bytes(), failures), (0, 0));
    let expected: BTreeMap<_, _> = (0..DELIVERIES).map(|n| (key(n), 1)).collect();
    assert_eq!(found(&disk), expected);
    disk.cling_to_folders(false);
    open(&disk).close();
    assert_eq!((found(&disk), disk.list(Path::new("staging")).unwrap()), (expected, vec![]));
}

#[test]
fn a_file_that_cannot_be_removed_does_not_keep_the_others() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    assert_eq!(deliver(&stand, &runtime).len() as u64, DELIVERIES);
    stand.close();
    let files = disk.files(".parquet");
    assert!(files.len() > 2);
    disk.cling_to(&files[1].0);
    let none = StoreOptions { keep_bytes: Some(0), ..options() };
    // It sweeps when it opens, and ends with what it does.
    Stand::on(Arc::new(disk.clone()), none, ReceiverOptions::default()).close();
    let left: Vec<_> = disk.files(".parquet").into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, [files[1].0.clone()]);
}

#[test]
fn a_segment_that_is_gone_is_told_and_keeps_no_other() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    disk.refuse_below(Some("staging"));
    let answered = deliver(&stand, &runtime);
    stand.store.flush();
    let segments: Vec<_> = disk.files(".log").into_iter().map(|(path, _)| path).collect();
    assert!(answered.len() as u64 == DELIVERIES && segments.len() > 2, "{segments:?}");
    disk.remove_file(&segments[1]).unwrap();
    disk.refuse_below(None);
    assert!(!stand.store.close(Duration::from_mins(1)));
    assert_eq!(stand.count("spanwise_damaged_segments_total"), 1);
    assert_eq!((left_in_log(&disk), stand.store.unsealed_bytes()), (0, 0));
    let found = found(&disk).len() as u64;
    assert!(found < DELIVERIES && found > DELIVERIES / 2, "{found}");
}

#[test]
fn a_segment_that_cannot_be_read_stops_the_start() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    disk.refuse_below(Some("staging"));
    deliver(&stand, &runtime);
    assert!(!stand.store.close(Duration::from_mins(1)), "sealing failed");
    let last = disk.files(".log").pop().unwrap().0;
    // What it says of the one before would not be known.
    disk.break_once(&last);
    let metrics = Arc::new(spanwise_receiver::Metrics::new());
    let opened = spanwise_receiver::DurableStore::open_on(Arc::new(disk.clone()), options(), metrics);
    let error = opened.unwrap_err().to_string();
    assert!(error.contains(last.to_str().unwrap()), "{error}");
}

/// Waits until the receiver says that it is ready, though nothing is delivered.
fn becomes_ready(stand: &Stand) -> bool {
    let begun = std::time::Instant::now();
    while !stand.receiver.is_ready() {
        if begun.elapsed() > Duration::from_secs(30) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn a_disk_that_works_again_is_noticed_before_the_next_delivery() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    disk.set_fault(Fault::Errors(0, u64::MAX, EIO));
    assert_eq!(runtime.block_on(stand.post(body(1, 1, "refused"))), 503);
    // Long enough for it to be tried in vain.
    std::thread::sleep(Duration::from_millis(1200));
    assert!(!stand.receiver.is_ready());
    disk.set_fault(Fault::None);
    assert!(becomes_ready(&stand));
    assert_eq!(runtime.block_on(stand.post(body(1, 1, "taken"))), 200);
    stand.close();
    assert_eq!(found(&disk), BTreeMap::from([(("0000000000000002".to_owned(), "taken".to_owned()), 1)]));
    assert_eq!(left_in_log(&disk), 0);
}

#[test]
fn a_full_disk_is_answered_503_and_recovers() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    assert_eq!(runtime.block_on(stand.post(body(1, 1, "before"))), 200);
    disk.set_free(options().reserve_bytes - 1);
    let (status, answer) = runtime.block_on(stand.send(support::post(body(1, 2, "full"))));
    assert_eq!((status, answer.as_str()), (503, r#"{"code":14,"message":"the store is full"}"#));
    assert!(!stand.receiver.is_ready());
    disk.set_free(u64::MAX);
    assert!(becomes_ready(&stand));
    assert_eq!(runtime.block_on(stand.post(body(1, 2, "full"))), 200);
    assert!(stand.receiver.is_ready());
    assert_eq!(
        (stand.count("spanwise_spans_stored_total"), stand.count("spanwise_spans_duplicate_total")),
        (2, 0)
    );
    stand.close();
    let names: Vec<_> = found(&disk).into_keys().map(|(_, name)| name).collect();
    assert_eq!(names, ["before", "full"]);
}

#[test]
fn what_waits_for_being_parquet_is_bounded() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let bound = 3 * options().seal_bytes;
    let limited = StoreOptions { max_log_bytes: bound, ..options() };
    let stand = Stand::on(Arc::new(disk.clone()), limited, ReceiverOptions::default());
    disk.refuse_below(Some("staging"));
    let mut stored: Vec<u64> = Vec::new();
    let answer = (0..100).find_map(|n| {
        let (status, answer) = runtime.block_on(stand.send(support::post(body(7, n, &format!("span {n}")))));
        if status == 200 {
            stored.push(n);
        }
        (status != 200).then_some((status, answer))
    });
    assert_eq!(answer, Some((503, r#"{"code":14,"message":"the store is full"}"#.to_owned())));
    let waiting = stand.count("spanwise_unsealed_bytes");
    // One segment beyond the bound, since a segment counts when it is closed.
    assert!(waiting > bound && waiting < bound + 2 * options().seal_bytes, "{waiting}");
    assert!(!stand.receiver.is_ready());

    // Sealing is tried again after a second or two, and that makes room.
    disk.refuse_below(None);
    assert!(becomes_ready(&stand));
    assert_eq!(runtime.block_on(stand.post(body(7, 200, "span 200"))), 200);
    stand.close();
    let expected = stored.into_iter().chain([200]).map(|n| (key(n), 1)).collect();
    assert_eq!(found(&disk), expected);
    assert_eq!(left_in_log(&disk), 0);
}
