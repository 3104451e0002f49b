//! A store that is closed says what became of all, however often and by however many it is closed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use spanwise_receiver::{ReceiverOptions, StoreOptions};
use support::memory_disk::MemoryDisk;
use support::{Stand, body, runtime, tally};

const DELIVERIES: u64 = 5;
const A_WHILE: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_mins(1);

/// Segments of about two deliveries, one after the other.
fn open(disk: &MemoryDisk) -> Stand {
    let options = StoreOptions { seal_bytes: 800, seal_threads: 1, ..StoreOptions::default() };
    Stand::on(Arc::new(disk.clone()), options, ReceiverOptions::default())
}

/// A store with several segments, on a disk that makes no Parquet for now.
fn stalled() -> (MemoryDisk, Stand) {
    let disk = MemoryDisk::new();
    disk.stall(Some("staging"));
    let (stand, runtime) = (open(&disk), runtime());
    for n in 0..DELIVERIES {
        assert_eq!(runtime.block_on(stand.post(body(7, n, &format!("span {n}")))), 200);
    }
    (disk, stand)
}

fn found(disk: &MemoryDisk) -> BTreeMap<(String, String), usize> {
    let files = disk.files(".parquet").into_iter().filter(|(path, _)| path.starts_with("spans"));
    tally(files.map(|(_, bytes)| bytes))
}

fn all() -> BTreeMap<(String, String), usize> {
    (0..DELIVERIES).map(|n| ((format!("{:016x}", n + 1), format!("span {n}")), 1)).collect()
}

#[test]
fn who_closes_it_again_waits_and_is_told_what_is_left() {
    let (disk, stand) = stalled();
    for _ in 0..2 {
        let begun = Instant::now();
        // Nothing failed in the time that there was.
        assert!(stand.store.close(A_WHILE));
        assert!(begun.elapsed() >= A_WHILE && stand.store.unsealed_bytes() > 0);
    }
    let ending = disk.clone();
    let ends = thread::spawn(move || {
        thread::sleep(A_WHILE);
        ending.stall(None);
    });
    // Those behind the segment at hand were left when the time of the first was over.
    assert!(!stand.store.close(LONG) && !stand.store.close(LONG));
    assert!(stand.store.unsealed_bytes() > 0);
    ends.join().unwrap();
    drop(stand);
    open(&disk).close();
    assert_eq!(found(&disk), all());
}

#[test]
fn all_who_close_it_at_the_same_time_wait() {
    let (disk, stand) = stalled();
    thread::scope(|scope| {
        let closing: Vec<_> = (0..3).map(|_| scope.spawn(|| stand.store.close(LONG))).collect();
        thread::sleep(A_WHILE);
        assert!(closing.iter().all(|closing| !closing.is_finished()));
        disk.stall(None);
        for closing in closing {
            assert!(closing.join().unwrap());
        }
    });
    assert_eq!((found(&disk), stand.store.unsealed_bytes()), (all(), 0));
    assert!(stand.store.close(Duration::ZERO));
}

#[test]
fn what_is_dropped_after_its_time_waits_for_the_segment_at_hand() {
    let (disk, stand) = stalled();
    assert!(stand.store.close(A_WHILE));
    let dropping = thread::spawn(move || drop(stand));
    thread::sleep(A_WHILE);
    assert!(!dropping.is_finished() && found(&disk).is_empty());
    disk.stall(None);
    dropping.join().unwrap();
    let found = found(&disk);
    assert!(!found.is_empty() && found.len() < all().len(), "{found:?}");
}
