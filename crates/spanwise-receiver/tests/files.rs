//! Which files a store makes, writes over, and leaves alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use spanwise_receiver::{Disk as _, ReceiverOptions, StoreOptions};
use support::memory_disk::{Fault, MemoryDisk};
use support::{Stand, body, tally, until};

const EIO: i32 = 5;

fn open(disk: &MemoryDisk) -> Stand {
    Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default())
}

fn found(disk: &MemoryDisk) -> BTreeMap<(String, String), usize> {
    let files = disk.files(".parquet").into_iter().filter(|(path, _)| path.starts_with("spans"));
    tally(files.map(|(_, bytes)| bytes))
}

fn key(n: u64) -> (String, String) {
    (format!("{:016x}", n + 1), format!("span {n}"))
}

/// A span without ids is never a duplicate: where it is refused and yet there, it is there twice when it is sent again.
#[test]
fn what_was_refused_in_a_new_segment_does_not_come_back() {
    let runtime = support::runtime();
    let nameless = body(7, 0, "span 0").replace(&format!("{:016x}", 1), "");
    let (mut refused, mut at) = (0, 0);
    loop {
        let disk = MemoryDisk::new();
        let stand = open(&disk);
        let first = disk.operations() + at;
        disk.set_fault(Fault::Errors(first, first + 1, EIO));
        let answer = runtime.block_on(stand.post(nameless.clone()));
        let is_behind = disk.operations() <= first;
        // Killed: what was written is there.
        disk.set_fault(Fault::Crash(disk.operations()));
        drop(stand);
        disk.set_fault(Fault::None);
        let stand = open(&disk);
        if answer == 503 {
            refused += 1;
            assert_eq!(runtime.block_on(stand.post(nameless.clone())), 200);
        }
        stand.close();
        assert_eq!(found(&disk).into_values().collect::<Vec<_>>(), [1], "{answer} at {at}");
        if is_behind {
            break;
        }
        at += 1;
    }
    assert!(refused > 1, "{refused}");
}

/// Who had the store before may still be writing to a segment that was there when it was opened.
#[test]
fn no_file_that_another_receiver_may_hold_is_written_over() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let stand = open(&disk);
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    disk.set_fault(Fault::Crash(disk.operations()));
    drop(stand);
    let disk = disk.after_crash(0);
    let stand = open(&disk);
    until("it is sealed", || stand.store.unsealed_bytes() == 0);
    assert_eq!(disk.files("spare"), []);
    for n in 1..3 {
        assert_eq!(runtime.block_on(stand.post(body(7, n, &format!("span {n}")))), 200);
        stand.store.flush();
        until("it is sealed", || found(&disk).len() as u64 == n + 1 && disk.files("spare").len() == 1);
    }
    // Its own is: that which was there was opened to be synced.
    assert_eq!(disk.reopened(), 2);
    stand.close();
    assert_eq!(found(&disk), (0..3).map(|n| (key(n), 1)).collect());
}

#[test]
fn what_is_no_segment_is_left_alone() {
    let disk = MemoryDisk::new();
    open(&disk).close();
    for path in ["log/5.log", "log/notes.txt", "staging/7"] {
        disk.put(Path::new(path), b"somebody's");
    }
    let stand = open(&disk);
    assert_eq!(support::runtime().block_on(stand.post(body(7, 0, "span 0"))), 200);
    stand.close();
    assert_eq!(found(&disk), BTreeMap::from([(key(0), 1)]));
    assert_eq!(disk.files("").iter().filter(|(_, bytes)| bytes == b"somebody's").count(), 3);
}

/// What was published is made again where its folder was removed by hand.
#[test]
fn a_staging_folder_that_somebody_removes_is_made_again() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let place = "spans/date=2025-11-25";
    disk.block(Some((place, std::io::ErrorKind::PermissionDenied)));
    let stand = open(&disk);
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    stand.store.flush();
    until("it is staged", || {
        disk.files("manifest").len() == 1 && stand.count("spanwise_seal_failures_total") > 0
    });
    let (manifest, _) = disk.files("manifest").remove(0);
    disk.remove_dir_all(manifest.parent().unwrap()).unwrap();
    disk.block(None);
    assert!(stand.store.close(std::time::Duration::from_mins(1)));
    assert_eq!(found(&disk), BTreeMap::from([(key(0), 1)]));
}

/// Those are not what the window of duplicates remembers.
#[test]
fn spans_without_ids_leave_no_hashes() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let nameless = |n: u64| body(7, n, "span").replace(&format!("{:016x}", n + 1), "");
    let stand = open(&disk);
    for n in 0..5 {
        assert_eq!(runtime.block_on(stand.post(nameless(n))), 200);
    }
    assert_eq!(runtime.block_on(stand.post(body(7, 5, "span 5"))), 200);
    stand.close();
    let [(_, bytes)] = &disk.files(".keys")[..] else { panic!() };
    // Magic, time and checksum, and the hashes of one span.
    assert_eq!(bytes.len(), 24 + 24);
}

/// As where the clock went back between two starts, and no hash says which ids there were.
#[test]
fn segments_of_one_id_have_files_of_different_names() {
    let runtime = support::runtime();
    let disk = MemoryDisk::new();
    let mut marks = BTreeSet::new();
    for n in 0..2 {
        let stand = open(&disk);
        assert_eq!(runtime.block_on(stand.post(body(7, n, "span"))), 200);
        stand.close();
    }
    for (path, _) in disk.files(".parquet") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let [id, mark, index] = name.split('-').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((id.len(), mark.len(), index), (14, 8, "0"));
        marks.insert(mark.to_owned());
    }
    assert_eq!(marks.len(), 2);
}

#[test]
fn a_store_without_a_window_of_duplicates_keeps_no_hashes() {
    let runtime = support::runtime();
    for (dedup_spans, kept) in [(0, 0), (10, 1)] {
        let disk = MemoryDisk::new();
        let options = StoreOptions { dedup_spans, ..StoreOptions::default() };
        let stand = Stand::on(Arc::new(disk.clone()), options, ReceiverOptions::default());
        assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
        stand.close();
        assert_eq!((found(&disk).len(), disk.files(".keys").len()), (1, kept));
    }
}
