//! A disk that panics takes the log with it, and what was acknowledged is there after the next start. Those who make Parquet and look
//! after it go on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanwise_receiver::{ReceiverOptions, StoreOptions};
use support::memory_disk::{Fault, MemoryDisk};
use support::watched_disk::WatchedDisk;
use support::{Stand, body, post, runtime, tally, until};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The errors that the log was told.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Errors {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

fn open(disk: &MemoryDisk) -> Stand {
    Stand::on(Arc::new(disk.clone()), StoreOptions::default(), ReceiverOptions::default())
}

fn found(disk: &MemoryDisk) -> BTreeMap<(String, String), usize> {
    tally(disk.files(".parquet").into_iter().map(|(_, bytes)| bytes))
}

fn once(spans: impl IntoIterator<Item = u64>) -> BTreeMap<(String, String), usize> {
    spans.into_iter().map(|n| ((format!("{:016x}", n + 1), format!("span {n}")), 1)).collect()
}

#[test]
fn a_log_that_ended_by_a_panic_is_told_once_and_takes_nothing() {
    let errors = Errors::default();
    tracing::subscriber::set_global_default(errors.clone()).unwrap();
    let (disk, runtime) = (MemoryDisk::new(), runtime());
    let stand = open(&disk);
    let send = |stand: &Stand, n: u64| runtime.block_on(stand.send(post(body(7, n, &format!("span {n}")))));
    assert_eq!(send(&stand, 0).0, 200);
    assert!(stand.receiver.is_ready());
    disk.set_fault(Fault::Panic(disk.operations()));
    for n in 1..4 {
        let (status, answer) = send(&stand, n);
        assert!(status == 503 && answer.contains("the store cannot be written"), "{answer}");
    }
    until("it is not ready", || !stand.receiver.is_ready());
    disk.set_fault(Fault::None);
    for _ in 0..2 {
        assert!(!stand.store.close(Duration::from_mins(1)), "something is left");
    }
    let told = "the thread that writes the log ended by a panic; deliveries are refused until the next start";
    assert_eq!(errors.0.lock().unwrap().iter().filter(|error| *error == told).count(), 1);
    drop(stand);
    let stand = open(&disk);
    for n in 0..2 {
        assert_eq!(send(&stand, n).0, 200);
    }
    assert_eq!(stand.count("spanwise_spans_duplicate_total"), 1);
    assert!(stand.store.close(Duration::from_mins(1)));
    assert_eq!(found(&disk), once([0, 1]));
}

#[test]
fn who_makes_parquet_and_who_looks_after_it_go_on_behind_a_panic() {
    let (disk, runtime) = (MemoryDisk::new(), runtime());
    let (panics, swept) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (panicking, sweeping) = (Arc::clone(&panics), Arc::clone(&swept));
    let watched = WatchedDisk::new(disk.clone(), move |path, to| {
        let is_sweep = path == Path::new("spans");
        sweeping.fetch_add(usize::from(is_sweep), Ordering::SeqCst);
        let is_manifest = to.is_none() && path.ends_with("manifest");
        assert!(!(is_sweep || is_manifest && panicking.load(Ordering::SeqCst)), "as the test wants it");
        Ok(None)
    });
    let options = StoreOptions { seal_bytes: 1, seal_threads: 1, ..StoreOptions::default() };
    let stand = Stand::on(Arc::new(watched), options, ReceiverOptions::default());
    for n in 0..2 {
        assert_eq!(runtime.block_on(stand.post(body(7, n, &format!("span {n}")))), 200);
    }
    until("it fails", || stand.count("spanwise_seal_failures_total") > 0);
    panics.store(false, Ordering::SeqCst);
    until("they are made", || stand.count("spanwise_sealed_segments_total") == 2);
    until("it is looked after", || swept.load(Ordering::SeqCst) > 0);
    assert!(stand.receiver.is_ready());
    assert!(stand.store.close(Duration::from_mins(1)));
    assert_eq!(stand.count("spanwise_damaged_segments_total"), 0);
    assert_eq!(found(&disk), once([0, 1]));
}
