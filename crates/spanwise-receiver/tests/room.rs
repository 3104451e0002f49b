//! A disk that has room for the files of one segment at a time is enough for all of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use spanwise_receiver::{ReceiverOptions, StoreOptions};
use support::memory_disk::MemoryDisk;
use support::{Stand, body, runtime, tally, until};

const SEGMENTS: u64 = 4;

/// Text that cannot be made smaller by much.
fn noise(seed: u64) -> String {
    let mut state = seed;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from((state >> 33) % 64).unwrap())
    };
    (0..100_000).map(|_| letter()).map(|letter| if letter == '\\' { '-' } else { letter }).collect()
}

#[test]
fn segments_that_do_not_fit_beside_each_other_become_parquet_one_by_one() {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    // No segment can be made yet.
    disk.refuse_below(Some("staging"));
    let options = StoreOptions { seal_threads: 4, ..StoreOptions::default() };
    let stand = Stand::on(Arc::new(disk.clone()), options, ReceiverOptions::default());
    for n in 0..SEGMENTS {
        assert_eq!(runtime.block_on(stand.post(body(7, n, &format!("span {n} {}", noise(n))))), 200);
        stand.store.flush();
        until("a segment", || disk.files(".log").len() as u64 == n + 1);
    }
    until("none can be made", || stand.count("spanwise_seal_failures_total") > 0);
    // Room for the columns of one, and for half of another.
    let taken: usize = disk.files("").iter().map(|(_, bytes)| bytes.len()).sum();
    disk.set_capacity(taken + taken / 4 * 3 / 2);
    disk.refuse_below(None);
    until("all are made", || stand.store.unsealed_bytes() == 0);
    assert!(stand.count("spanwise_seal_failures_total") > 0);
    assert!(stand.store.close(Duration::from_mins(1)));
    let spans = disk.files(".parquet").into_iter().map(|(_, bytes)| bytes);
    let found = tally(spans);
    assert_eq!((found.len() as u64, found.values().all(|times| *times == 1)), (SEGMENTS, true));
    assert!(disk.files("").iter().all(|(path, _)| !path.starts_with("staging")));
}
