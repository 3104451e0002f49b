//! A folder that is not there for a moment is not one in which nothing is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanwise_receiver::{Disk, DiskFile, Entry, ReceiverOptions, StoreOptions};
use support::memory_disk::MemoryDisk;
use support::{Stand, body, runtime, tally};

/// A disk of which what lies below a folder is not there at some of the operations on it.
#[derive(Debug)]
struct Absent {
    disk: MemoryDisk,
    below: &'static str,
    /// Of the operations to come, the first last: whether it is absent.
    when: Mutex<Vec<bool>>,
}

impl Absent {
    fn look(&self, path: &Path) -> io::Result<()> {
        let is_absent = path.starts_with(self.below) && self.when.lock().unwrap().pop().unwrap_or(false);
        if is_absent { Err(ErrorKind::NotFound.into()) } else { Ok(()) }
    }
}

impl Disk for Absent {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(path)
    }

    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        self.disk.reopen(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.look(path)?;
        self.disk.open(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.disk.list(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if to.starts_with("spans") {
            self.look(from)?;
        }
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
}

/// Delivers a span, and makes Parquet of it while what lies below a folder is absent at these of the operations there.
fn deliver(below: &'static str, when: &[bool]) {
    let runtime = runtime();
    let disk = MemoryDisk::new();
    let absent = Arc::new(Absent { disk: disk.clone(), below, when: Mutex::default() });
    let stand =
        Stand::on(Arc::clone(&absent) as Arc<dyn Disk>, StoreOptions::default(), ReceiverOptions::default());
    assert_eq!(runtime.block_on(stand.post(body(7, 0, "span 0"))), 200);
    *absent.when.lock().unwrap() = when.iter().rev().copied().collect();
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
