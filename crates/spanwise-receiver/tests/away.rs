//! A folder that is not there for a moment is not one in which nothing is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanwise_receiver::{ReceiverOptions, StoreOptions};
use support::memory_disk::MemoryDisk;
use support::watched_disk::WatchedDisk;
use support::{Stand, body, runtime, tally};

/// Delivers a span, and makes Parquet of it while what lies below a folder is absent at these of the operations there.
fn deliver(below: &'static str, when: &[bool]) {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    // Of the operations to come, the first last.
    let absent: Arc<Mutex<Vec<bool>>> = Arc::default();
    let left = Arc::clone(&absent);
    let watched = WatchedDisk::new(disk.clone(), move |path, to| {
        let counts = path.starts_with(below) && to.is_none_or(|to| to.starts_with("spans"));
        let is_absent = counts && left.lock().unwrap().pop().unwrap_or(false);
        if is_absent { Err(ErrorKind::NotFound.into()) } else { Ok(None) }
    });
    let stand = Stand::on(Arc::new(watched), StoreOptions::default(), ReceiverOptions::default());
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    *absent.lock().unwrap() = when.iter().rev().copied().collect();
    let closed = stand.store.close(Duration::from_mins(1));
    let damaged = stand.count("spanwise_damaged_segments_total");
    assert_eq!(damaged, 0, "{below} {when:?}");
    drop(stand);
    if !closed {
        let again = Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default());
        again.close();
    }
    let spans = disk.files(".parquet").into_iter().filter(|(path, _)| path.starts_with("spans"));
    let found = tally(spans.map(|(_, bytes)| bytes));
    assert_eq!(found.into_values().collect::<Vec<_>>(), [1], "{below} {when:?}");
}

#[test]
fn a_staged_file_that_is_away_while_it_is_to_be_placed_is_not_placed() {
    // Below it are asked for: the manifest of an attempt before, the file by its rename, then where it is, and so on.
    for from in 1..8 {
        for to in from + 1..9 {
            let when: Vec<_> = (0..to).map(|at| at >= from).collect();
            deliver("staging", &when);
        }
    }
}

#[test]
fn a_segment_that_is_away_when_it_is_opened_is_not_gone() {
    for when in [[true, false, false, false], [false, true, false, false], [true, false, true, false]] {
        deliver("log", &when);
    }
}
