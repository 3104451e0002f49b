//! What happens to a store's folder while a receiver runs: nothing is acknowledged that is not found again.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use spanwise_receiver::{Disk as _, LocalDisk, ReceiverOptions, StoreOptions};
use support::{Stand, body, tally, until};

fn open(folder: &Path) -> Stand {
    Stand::in_folder(folder, StoreOptions::default(), ReceiverOptions::default())
}

/// Another receiver on the same folder, whose lock somebody removed.
fn take(folder: &Path) -> Stand {
    loop {
        // The first one may make it again as soon as it is gone.
        let _ = fs::remove_file(folder.join("receiver.lock"));
        if let Ok(disk) = LocalDisk::open(folder) {
            return Stand::on(Arc::new(disk), StoreOptions::default(), ReceiverOptions::default());
        }
    }
}

fn send(stand: &Stand, runtime: &tokio::runtime::Runtime, n: u64) -> u16 {
    runtime.block_on(stand.post(body(7, n, &format!("span {n}"))))
}

fn found(folder: &Path) -> BTreeMap<(String, String), usize> {
    tally(support::parquet(&folder.join("spans")))
}

fn once(spans: impl IntoIterator<Item = u64>) -> BTreeMap<(String, String), usize> {
    spans.into_iter().map(|n| ((format!("{:016x}", n + 1), format!("span {n}")), 1)).collect()
}

#[test]
fn who_has_lost_the_lock_acknowledges_nothing() {
    let runtime = support::runtime();
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    for n in 0..5 {
        assert_eq!(send(&first, &runtime, n), 200);
    }
    let second = take(folder.path());
    for n in 5..25 {
        assert_eq!(send(&second, &runtime, n), 200);
        assert_eq!(send(&first, &runtime, 100 + n), 503);
        // One that it remembers.
        assert_eq!(send(&first, &runtime, n % 5), 503);
        if n % 10 == 0 {
            first.store.flush();
            second.store.flush();
        }
    }
    assert!(second.receiver.is_ready() && !first.receiver.is_ready());
    first.close();
    assert_eq!(send(&second, &runtime, 25), 200);
    second.close();
    assert_eq!(found(folder.path()), once(0..26));
}

#[test]
fn a_store_that_is_taken_is_noticed_though_nothing_comes() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = take(folder.path());
    until("it is not ready", || !first.receiver.is_ready());
    assert!(second.receiver.is_ready());
}

#[test]
fn a_lock_that_was_removed_is_made_again() {
    let runtime = support::runtime();
    let folder = tempfile::tempdir().unwrap();
    let stand = open(folder.path());
    fs::remove_file(folder.path().join("receiver.lock")).unwrap();
    assert_eq!(send(&stand, &runtime, 1), 200);
    assert_eq!(LocalDisk::open(folder.path()).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    stand.close();
    assert_eq!(found(folder.path()), once([1]));
}

#[test]
fn a_store_that_is_emptied_is_begun_again() {
    let runtime = support::runtime();
    let folder = tempfile::tempdir().unwrap();
    let stand = open(folder.path());
    assert_eq!(send(&stand, &runtime, 1), 200);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    assert_eq!(send(&stand, &runtime, 2), 503);
    assert!(!stand.receiver.is_ready());
    for n in [2, 1] {
        assert_eq!(send(&stand, &runtime, n), 200);
    }
    assert!(stand.receiver.is_ready());
    stand.close();
    assert_eq!(found(folder.path()), once([1, 2]));
}

#[test]
fn a_folder_in_the_place_of_the_store_is_not_written_to() {
    let runtime = support::runtime();
    let above = tempfile::tempdir().unwrap();
    let (folder, away) = (above.path().join("store"), above.path().join("away"));
    let stand = open(&folder);
    assert_eq!(send(&stand, &runtime, 1), 200);
    fs::rename(&folder, &away).unwrap();
    fs::create_dir(&folder).unwrap();
    for n in [2, 3, 1] {
        assert_eq!(send(&stand, &runtime, n), 503);
    }
    // Time to look again, and not to be deceived.
    std::thread::sleep(Duration::from_millis(1200));
    assert!(!stand.receiver.is_ready());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::remove_dir(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    until("it is ready", || stand.receiver.is_ready());
    for n in [2, 1] {
        assert_eq!(send(&stand, &runtime, n), 200);
    }
    stand.close();
    assert_eq!(found(&folder), once([1, 2]));
}

/// What the writer does with the open segment while the folder is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// It gives it up, since duplicates come.
    Duplicates,
    /// It closes it.
    Closes,
}

#[test]
fn a_store_that_is_away_for_a_moment_loses_and_doubles_nothing() {
    let runtime = support::runtime();
    for meanwhile in [Meanwhile::Duplicates, Meanwhile::Closes] {
        let above = tempfile::tempdir().unwrap();
        let (folder, away) = (above.path().join("store"), above.path().join("away"));
        let stand = open(&folder);
        for n in 0..3 {
            assert_eq!(send(&stand, &runtime, n), 200);
        }
        fs::rename(&folder, &away).unwrap();
        match meanwhile {
            Meanwhile::Duplicates => assert_eq!(send(&stand, &runtime, 0), 503),
            Meanwhile::Closes => stand.store.flush(),
        }
        let tried = ["spanwise_seal_failures_total", "spanwise_damaged_segments_total"];
        until("it is tried", || tried.iter().any(|name| stand.count(name) > 0));
        assert!(!folder.exists(), "{meanwhile:?}");
        fs::rename(&away, &folder).unwrap();
        until("it is ready", || stand.receiver.is_ready());
        for n in [0, 3, 1] {
            assert_eq!(send(&stand, &runtime, n), 200);
        }
        assert_eq!(stand.count("spanwise_damaged_segments_total"), 0, "{meanwhile:?}");
        assert!(stand.store.close(Duration::from_mins(1)), "{meanwhile:?}");
        assert_eq!(found(&folder), once(0..4), "{meanwhile:?}");
        drop(stand);
        open(&folder).close();
        assert_eq!(found(&folder), once(0..4), "{meanwhile:?}");
    }
}

#[test]
fn what_is_left_when_the_store_is_away_is_told() {
    let runtime = support::runtime();
    let above = tempfile::tempdir().unwrap();
    let (folder, away) = (above.path().join("store"), above.path().join("away"));
    let stand = open(&folder);
    assert_eq!(send(&stand, &runtime, 0), 200);
    fs::rename(&folder, &away).unwrap();
    assert!(!stand.store.close(Duration::from_mins(1)));
    drop(stand);
    fs::rename(&away, &folder).unwrap();
    open(&folder).close();
    assert_eq!(found(&folder), once([0]));
}

/// Otherwise it would come back empty, and what was moved away could not.
#[test]
fn the_folder_of_a_store_is_not_made_again() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("store");
    let disk = LocalDisk::open(&folder).unwrap();
    disk.create_dir_all(Path::new("spans/date=2025-11-25/service=shop")).unwrap();
    disk.create_dir_all(Path::new("spans/date=2025-11-25")).unwrap();
    fs::write(folder.join("file"), "").unwrap();
    assert!(disk.create_dir_all(Path::new("file")).is_err());
    fs::remove_dir_all(&folder).unwrap();
    for path in ["staging", "spans/date=2025-11-25/service=shop", ""] {
        let error = disk.create_dir_all(Path::new(path)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{path}");
    }
    assert!(!folder.exists());
    let error = disk.check_held().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with("the folder of the store: "), "{error}");
}

#[test]
fn how_much_is_remembered_is_told_from_the_start() {
    let (runtime, folder) = (support::runtime(), tempfile::tempdir().unwrap());
    for (n, before) in [(1, 0), (2, 1), (3, 2)] {
        let stand = open(folder.path());
        assert_eq!(stand.count("spanwise_remembered_spans"), before);
        assert_eq!(send(&stand, &runtime, n), 200);
        assert_eq!(stand.count("spanwise_remembered_spans"), before + 1);
        stand.close();
    }
}

#[test]
fn a_disk_without_room_is_known_from_the_start() {
    let disk = support::memory_disk::MemoryDisk::new();
    let limited = StoreOptions { reserve_bytes: u64::MAX / 2, ..StoreOptions::default() };
    disk.set_free(40 << 20);
    let stand = Stand::on(Arc::new(disk.clone()), limited, ReceiverOptions::default());
    assert!(!stand.receiver.is_ready());
    disk.set_free(u64::MAX);
    until("it is ready", || stand.receiver.is_ready());
}
