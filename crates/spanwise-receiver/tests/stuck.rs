//! A file that cannot be put in its place keeps no other, neither now nor after a start.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use spanwise_receiver::{DurableStore, Metrics, ReceiverOptions, StoreOptions};
use support::memory_disk::{Fault, MemoryDisk};
use support::{Stand, body, tally, until};

const EIO: i32 = 5;
/// Of ten deliveries; those before are of another service.
const STUCK: u64 = 3;
const DELIVERIES: u64 = 10;
const PLACE: &str = "spans/date=2025-11-25/service=billing";

/// Segments of about two deliveries.
fn options() -> StoreOptions {
    StoreOptions { seal_bytes: 800, ..StoreOptions::default() }
}

fn open(disk: &MemoryDisk) -> Stand {
    Stand::on(Arc::new(disk.clone()), options(), ReceiverOptions::default())
}

fn deliver(stand: &Stand, runtime: &tokio::runtime::Runtime) -> Vec<u64> {
    let stored = |n: &u64| {
        let service = if *n == STUCK { "billing" } else { "shop" };
        runtime.block_on(stand.post(body(7, *n, &format!("span {n}")).replace("shop", service))) == 200
    };
    (0..DELIVERIES).filter(stored).collect()
}

fn found(disk: &MemoryDisk) -> BTreeMap<(String, String), usize> {
    let files = disk.files(".parquet").into_iter().filter(|(path, _)| path.starts_with("spans"));
    tally(files.map(|(_, bytes)| bytes))
}

fn all_but(left_out: Option<u64>) -> BTreeMap<(String, String), usize> {
    let key = |n: u64| ((format!("{:016x}", n + 1), format!("span {n}")), 1);
    (0..DELIVERIES).filter(|n| Some(*n) != left_out).map(key).collect()
}

#[test]
fn what_cannot_be_put_in_its_place_keeps_no_other() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    disk.block(Some((PLACE, ErrorKind::PermissionDenied)));
    let stand = open(&disk);
    assert_eq!(deliver(&stand, &runtime).len() as u64, DELIVERIES);
    stand.store.flush();
    until("the others", || found(&disk) == all_but(Some(STUCK)));
    // That of one segment, which is waited for.
    until("one left", || disk.files(".log").len() == 1);
    assert!(stand.store.unsealed_bytes() > 0 && stand.count("spanwise_seal_failures_total") > 0);
    assert!(!stand.store.close(Duration::from_mins(1)), "something is left");
    drop(stand);
    // After a start, too; it remembers what is stuck.
    let stand = open(&disk);
    assert_eq!(deliver(&stand, &runtime).len() as u64, DELIVERIES);
    assert_eq!(stand.count("spanwise_spans_duplicate_total"), DELIVERIES);
    // It is tried again.
    disk.block(None);
    until("the last one", || found(&disk) == all_but(None) && stand.store.unsealed_bytes() == 0);
    assert!(stand.store.close(Duration::from_mins(1)));
    assert_eq!((disk.files(".log"), disk.files("manifest")), (vec![], vec![]));
}

#[test]
fn the_power_may_go_while_something_is_stuck() {
    let runtime = support::runtime();
    let operations = {
        let disk = MemoryDisk::new();
        disk.block(Some((PLACE, ErrorKind::PermissionDenied)));
        let stand = open(&disk);
        deliver(&stand, &runtime);
        stand.close();
        disk.operations()
    };
    for (at, error_before) in (12..operations).step_by(7).zip([0, 5, 11].into_iter().cycle()) {
        // A sync that fails leaves a record that was refused, and is sent again.
        let disk = MemoryDisk::new();
        disk.block(Some((PLACE, ErrorKind::PermissionDenied)));
        let stand = open(&disk);
        if error_before > 0 {
            let from = at.saturating_sub(error_before * 3);
            disk.set_fault(Fault::Errors(from, from + 1, EIO));
            let answered = deliver(&stand, &runtime);
            assert!(answered.len() as u64 >= DELIVERIES - 1, "{answered:?}");
        }
        disk.set_fault(Fault::Crash(at.max(disk.operations() + at % 40)));
        let answered = deliver(&stand, &runtime);
        drop(stand);
        let mut after = disk.after_crash(if at % 2 == 0 { 100 } else { 0 });
        // It starts, while that is stuck and when it is not.
        for blocked in [Some((PLACE, ErrorKind::PermissionDenied)), None] {
            after.block(blocked);
            let stand = open(&after);
            assert_eq!(deliver(&stand, &runtime).len() as u64, DELIVERIES);
            if blocked.is_none() {
                stand.close();
                break;
            }
            after.set_fault(Fault::Crash(after.operations() + at % 30));
            drop(stand);
            after = after.after_crash(0);
        }
        assert_eq!(found(&after), all_but(None), "at {at}, {error_before}, answered {answered:?}");
        assert_eq!(after.files(".log"), []);
    }
}

#[test]
fn what_was_answered_is_there_once_though_something_is_stuck_and_nothing_is_sent_again() {
    let runtime = support::runtime();
    let blocked = Some((PLACE, ErrorKind::PermissionDenied));
    let operations = {
        let disk = MemoryDisk::new();
        disk.block(blocked);
        let stand = open(&disk);
        deliver(&stand, &runtime);
        stand.close();
        disk.operations()
    };
    for at in (12..operations).step_by(9) {
        for kept in [0, 100] {
            let disk = MemoryDisk::new();
            disk.block(blocked);
            let stand = open(&disk);
            disk.set_fault(Fault::Crash(at));
            let answered = deliver(&stand, &runtime);
            drop(stand);
            let mut after = disk.after_crash(kept);
            // The power goes once more while the log is read or made into Parquet, with and without what is in the way.
            for blocked in [blocked, None] {
                after.block(blocked);
                after.set_fault(Fault::Crash(12 + at % 40));
                drop(DurableStore::open_on(Arc::new(after.clone()), options(), Arc::new(Metrics::new())));
                after = after.after_crash(kept);
            }
            open(&after).close();
            let found = found(&after);
            for n in answered {
                let key = (format!("{:016x}", n + 1), format!("span {n}"));
                assert_eq!(found.get(&key), Some(&1), "span {n}, at {at}, {kept} of 100 kept");
            }
            assert!(found.values().all(|count| *count == 1), "at {at}, {kept} of 100 kept: {found:?}");
            assert_eq!(after.files(".log"), []);
        }
    }
}

#[test]
fn what_is_stuck_does_not_push_what_came_later_out_of_the_window() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    disk.block(Some((PLACE, ErrorKind::PermissionDenied)));
    let open = || {
        let options = StoreOptions { dedup_spans: 10, ..StoreOptions::default() };
        Stand::on(Arc::new(disk.clone()), options, ReceiverOptions::default())
    };
    let stand = open();
    for n in 100..120 {
        let body = body(7, n, &format!("span {n}")).replace("shop", "billing");
        assert_eq!(runtime.block_on(stand.post(body)), 200);
    }
    stand.store.flush();
    until("it is stuck", || stand.count("spanwise_seal_failures_total") > 0);
    let send = |stand: &Stand| {
        for n in 0..3 {
            assert_eq!(runtime.block_on(stand.post(body(7, n, &format!("span {n}")))), 200);
        }
    };
    send(&stand);
    stand.store.flush();
    until("Parquet", || found(&disk).len() == 3);
    drop(stand);
    let stand = open();
    send(&stand);
    assert_eq!(stand.count("spanwise_spans_duplicate_total"), 3);
}

#[test]
fn the_spare_segment_stays_where_it_is_not_room_that_is_missing() {
    let runtime = support::runtime();
    for (kind, stays) in [(ErrorKind::PermissionDenied, true), (ErrorKind::StorageFull, false)] {
        let disk = MemoryDisk::new();
        disk.block(Some((PLACE, kind)));
        let stand = open(&disk);
        deliver(&stand, &runtime);
        stand.store.flush();
        let spare = || !disk.files("log/spare").is_empty();
        until("the others", || stand.store.unsealed_bytes() > 0 && disk.files(".log").len() == 1);
        let failures = stand.count("spanwise_seal_failures_total");
        until("again", || stand.count("spanwise_seal_failures_total") > failures + 1);
        assert_eq!(spare(), stays, "{kind:?}");
        drop(stand);
    }
}

#[test]
fn a_store_on_two_file_systems_is_not_opened() {
    for folder in ["spans", "dedup"] {
        let disk = MemoryDisk::new();
        disk.block(Some((folder, ErrorKind::CrossesDevices)));
        let opened = DurableStore::open_on(Arc::new(disk.clone()), options(), Arc::new(Metrics::new()));
        let error = opened.unwrap_err().to_string();
        assert!(
            error.contains("staging") && error.contains(folder) && error.contains("one file system"),
            "{error}"
        );
        // Whatever else it is may pass.
        disk.block(Some((folder, ErrorKind::PermissionDenied)));
        open(&disk).close();
        assert_eq!(disk.files("probe"), []);
    }
}
