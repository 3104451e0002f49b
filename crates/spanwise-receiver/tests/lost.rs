//! What was acknowledged and is lost can be sent again: it is stored then, and nothing else twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use spanwise_receiver::{Delivery, Disk as _, ReceiverOptions, SpanKey, Store as _, StoreOptions};
use support::memory_disk::{Fault, MemoryDisk};
use support::{Stand, body, tally, until};

const DELIVERIES: u64 = 12;

fn send(stand: &Stand, runtime: &tokio::runtime::Runtime, n: u64) -> u16 {
    runtime.block_on(stand.post(body(7, n, &format!("span {n}"))))
}

/// Flips a bit of the last such text of a segment.
fn damage(disk: &MemoryDisk, path: &PathBuf, text: &str) {
    let (_, bytes) = disk.files(".log").into_iter().find(|(other, _)| other == path).unwrap();
    let place = bytes.windows(text.len()).rposition(|window| window == text.as_bytes()).unwrap();
    disk.damage(path, place);
}

/// What is lost of segments of about three deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// A segment that waits for being made into Parquet.
    Closed,
    /// All of them.
    All,
    /// A record.
    Record,
    /// A record in each of two segments.
    Records,
    /// None, but making Parquet of a segment panics.
    Aside,
    /// The same, and its file cannot be removed.
    AsideAndThere,
}

#[test]
fn what_was_told_to_be_lost_is_stored_when_it_is_sent_again() {
    let runtime = support::runtime();
    for loss in [Loss::Closed, Loss::All, Loss::Record, Loss::Records, Loss::Aside, Loss::AsideAndThere] {
        let disk = MemoryDisk::new();
        let options = StoreOptions { seal_bytes: 1200, ..StoreOptions::default() };
        let stand = Stand::on(Arc::new(disk.clone()), options, ReceiverOptions::default());
        // One is Parquet already.
        assert_eq!(send(&stand, &runtime, 100), 200);
        stand.store.flush();
        until("Parquet", || stand.count("spanwise_sealed_segments_total") == 1);
        disk.refuse_below(Some("staging"));
        for n in 0..DELIVERIES {
            assert_eq!(send(&stand, &runtime, n), 200);
        }
        stand.store.flush();
        let segments: Vec<_> = disk.files(".log").into_iter().map(|(path, _)| path).collect();
        assert!(segments.len() > 2, "{segments:?}");
        let lost = match loss {
            Loss::Closed => {
                disk.remove_file(&segments[1]).unwrap();
                1
            }
            Loss::All => {
                for path in &segments {
                    disk.remove_file(path).unwrap();
                }
                segments.len() as u64
            }
            Loss::Record => {
                damage(&disk, &segments[0], "span 1\"");
                1
            }
            Loss::Records => {
                damage(&disk, &segments[0], "span 1\"");
                damage(&disk, &segments[segments.len() - 1], "span 11\"");
                2
            }
            Loss::Aside | Loss::AsideAndThere => {
                if loss == Loss::AsideAndThere {
                    disk.cling_to(&segments[0]);
                }
                disk.panic_once_below("staging");
                1
            }
        };
        disk.refuse_below(None);
        until("it is told", || stand.count("spanwise_damaged_segments_total") == lost);
        for _ in 0..2 {
            for n in (0..DELIVERIES).chain([100]) {
                assert_eq!(send(&stand, &runtime, n), 200, "{loss:?}");
            }
        }
        stand.close();
        assert_eq!(found(&disk), once((0..DELIVERIES).chain([100])), "{loss:?}");
    }
}

#[test]
fn duplicates_of_what_is_gone_from_the_open_segment_are_not_acknowledged() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    assert_eq!(send(&stand, &runtime, 1), 200);
    assert_eq!(send(&stand, &runtime, 1), 200);
    let (path, _) = disk.files(".log").pop().unwrap();
    disk.remove_file(&path).unwrap();
    assert_eq!(send(&stand, &runtime, 1), 503);
    assert!(!stand.receiver.is_ready());
    assert_eq!(send(&stand, &runtime, 1), 200);
    assert_eq!(stand.count("spanwise_spans_stored_total"), 2);
    stand.close();
    let spans = disk.files(".parquet").into_iter().map(|(_, bytes)| bytes);
    assert_eq!(tally(spans), BTreeMap::from([((format!("{:016x}", 2), "span 1".to_owned()), 1)]));
}

fn found(disk: &MemoryDisk) -> BTreeMap<(String, String), usize> {
    let spans = disk.files(".parquet").into_iter().filter(|(path, _)| path.starts_with("spans"));
    tally(spans.map(|(_, bytes)| bytes))
}

fn once(spans: impl IntoIterator<Item = u64>) -> BTreeMap<(String, String), usize> {
    spans.into_iter().map(|n| ((format!("{:016x}", n + 1), format!("span {n}")), 1)).collect()
}

#[test]
fn what_is_left_of_a_damaged_segment_is_stored_again_where_that_is_lost_later() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let options = StoreOptions { seal_bytes: 1200, ..StoreOptions::default() };
    let stand = Stand::on(Arc::new(disk.clone()), options, ReceiverOptions::default());
    disk.refuse_below(Some("staging"));
    for n in 0..DELIVERIES {
        assert_eq!(send(&stand, &runtime, n), 200);
    }
    stand.store.flush();
    let segments: Vec<_> = disk.files(".log").into_iter().map(|(path, _)| path).collect();
    // A record of the second is lost when the window is read again for want of the first.
    let (_, second) = disk.files(".log").into_iter().find(|(path, _)| *path == segments[1]).unwrap();
    let text = String::from_utf8_lossy(&second).into_owned();
    let n = (0..DELIVERIES).find(|n| text.contains(&format!("span {n}\""))).unwrap();
    damage(&disk, &segments[1], &format!("span {n}\""));
    disk.remove_file(&segments[0]).unwrap();
    until("the first is told", || stand.count("spanwise_damaged_segments_total") == 1);
    assert_eq!(send(&stand, &runtime, 0), 200);
    disk.remove_file(&segments[1]).unwrap();
    until("the second is told", || stand.count("spanwise_damaged_segments_total") == 2);
    disk.refuse_below(None);
    for n in 0..DELIVERIES {
        assert_eq!(send(&stand, &runtime, n), 200);
    }
    stand.close();
    assert_eq!(found(&disk), once(0..DELIVERIES));
}

#[test]
fn while_it_cannot_be_read_what_is_there_nothing_is_forgotten() {
    let runtime = support::runtime();
    for is_away in [false, true] {
        let disk = MemoryDisk::new();
        let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
        assert_eq!(send(&stand, &runtime, 100), 200);
        stand.store.flush();
        until("Parquet", || stand.count("spanwise_sealed_segments_total") == 1);
        assert_eq!(send(&stand, &runtime, 1), 200);
        let (log, _) = disk.files(".log").pop().unwrap();
        disk.remove_file(&log).unwrap();
        assert_eq!(send(&stand, &runtime, 1), 503);
        let keys = disk.files(".keys");
        if is_away {
            // As it looks where the folder went away since it was asked for.
            disk.remove_file(&keys[0].0).unwrap();
            disk.hold(false);
        } else {
            disk.break_once(&keys[0].0);
        }
        assert_eq!(send(&stand, &runtime, 100), 503, "{is_away}");
        if is_away {
            disk.put(&keys[0].0, &keys[0].1);
            disk.hold(true);
        }
        until("it is ready", || stand.receiver.is_ready());
        for n in [100, 1] {
            assert_eq!(send(&stand, &runtime, n), 200, "{is_away}");
        }
        assert_eq!(stand.count("spanwise_spans_duplicate_total"), 1);
        stand.close();
        assert_eq!(found(&disk), once([1, 100]), "{is_away}");
    }
}

#[test]
fn what_does_not_decode_is_not_remembered() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
    let delivery = |json: String| {
        let keys: Vec<_> = (0..2_u64).map(|n| SpanKey::new(b"trace", &n.to_le_bytes(), 0, b"span")).collect();
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        let received = u64::try_from(since.as_nanos()).unwrap();
        Delivery::new(json, keys, received)
    };
    // One span of the two that it says to have.
    let stored = runtime.block_on(stand.store.store(delivery(body(7, 0, "span 0")))).unwrap();
    assert_eq!(stored.spans, 2);
    stand.store.flush();
    until("it is told", || stand.count("spanwise_damaged_segments_total") == 1);
    let both = body(7, 0, "span 0").replace("\"spans\":[", "\"spans\":[{},");
    let stored = runtime.block_on(stand.store.store(delivery(both))).unwrap();
    assert_eq!((stored.spans, stored.duplicates), (2, 0));
    stand.close();
}

/// Whichever operation fails that has to do with it, and when: it may be told twice, before and after a start, but not never.
#[test]
fn damage_is_told_whatever_fails() {
    let runtime = support::runtime();
    let run = |failing: Option<u64>| {
        let disk = MemoryDisk::new();
        let open = || Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
        let stand = open();
        for n in 0..3 {
            assert_eq!(send(&stand, &runtime, n), 200);
        }
        let (path, _) = disk.files(".log").pop().unwrap();
        damage(&disk, &path, "span 1\"");
        let begun = disk.operations();
        if let Some(at) = failing {
            disk.set_fault(Fault::Errors(begun + at, begun + at + 1, 5));
        }
        let metrics = Arc::clone(&stand.metrics);
        stand.close();
        disk.set_fault(Fault::None);
        let operations = disk.operations() - begun;
        let again = open();
        let told = again.count("spanwise_damaged_segments_total");
        again.close();
        assert_eq!(found(&disk), once([0, 2]), "{failing:?}");
        let first = metrics.text().contains("spanwise_damaged_segments_total 1\n");
        (operations, u64::from(first) + told)
    };
    let (operations, told) = run(None);
    assert_eq!(told, 1);
    // Most of those before write rows.
    for at in operations.saturating_sub(40)..operations {
        assert!(run(Some(at)).1 >= 1, "at {at}");
    }
}
