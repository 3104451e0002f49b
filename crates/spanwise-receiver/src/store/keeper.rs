//! The thread that makes Parquet of closed segments and deletes what is not to stay.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use spanwise_arrow::Converter;
use tracing::{error, info, warn};

use super::disk::Disk;
use super::durable::{Shared, StoreOptions};
use super::retention::Retention;
use super::seal::{DEDUP, SealError, Sealer};
use super::writer::{LOG, segment_name};
use crate::metrics::Metrics;

/// The folder of segments that cannot be made into Parquet.
pub(crate) const DAMAGED: &str = "damaged";
const SWEEP_EVERY: Duration = Duration::from_mins(1);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// A segment that takes no more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) id: u64,
    /// Bytes of it that count.
    pub(crate) len: u64,
}

pub(crate) struct Keeper {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: StoreOptions,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) closed: Receiver<Closed>,
    pub(crate) queue: VecDeque<Closed>,
}

impl Keeper {
    /// Works until the writer is gone and all is sealed, or sealing fails after the writer is gone.
    pub(crate) fn run(mut self, converter: Converter) {
        let disk = Arc::clone(&self.disk);
        let mut sealer = Sealer::new(&*disk, converter, self.options.times);
        let mut writer_lives = true;
        let mut next_sweep = Instant::now();
        let mut retry: Option<Instant> = None;
        let mut delay = FIRST_RETRY;
        while writer_lives || !self.queue.is_empty() {
            let due = if self.queue.is_empty() { next_sweep } else { retry.unwrap_or_else(Instant::now) };
            if writer_lives {
                let wait = due.min(next_sweep).saturating_duration_since(Instant::now());
                match self.closed.recv_timeout(wait) {
                    Ok(closed) => {
                        self.queue.push_back(closed);
                        continue;
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => writer_lives = false,
                }
            }
            if self.shared.abandon.load(Ordering::Relaxed) {
                warn!(segments = self.queue.len(), "segments are left for the next start");
                break;
            }
            let now = Instant::now();
            if now >= next_sweep {
                self.sweep();
                next_sweep = now + SWEEP_EVERY;
            }
            if writer_lives && retry.is_some_and(|at| now < at) {
                continue;
            }
            let Some(segment) = self.queue.front().copied() else { continue };
            match self.seal(&mut sealer, segment) {
                Ok(()) => {
                    self.queue.pop_front();
                    self.shared.unsealed_bytes.fetch_sub(segment.len, Ordering::Relaxed);
                    (retry, delay) = (None, FIRST_RETRY);
                }
                Err(error) => {
                    self.metrics.seal_failures.inc();
                    error!(segment = segment.id, kind = ?error.kind(), "cannot seal; the segment is kept");
                    if !writer_lives {
                        break;
                    }
                    retry = Some(now + delay);
                    delay = (delay * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    fn seal(&self, sealer: &mut Sealer<'_>, segment: Closed) -> io::Result<()> {
        let begun = Instant::now();
        match sealer.seal(segment.id, segment.len) {
            Ok(done) => {
                self.metrics.sealed_segments.inc();
                self.metrics.sealed_files.inc_by(done.files);
                self.metrics.sealed_bytes.inc_by(done.bytes);
                let seconds = begun.elapsed().as_secs_f64();
                self.metrics.seal_seconds.observe(seconds);
                let (files, rows, bytes) = (done.files, done.rows, done.bytes);
                info!(segment = segment.id, files, rows, bytes, seconds, "sealed");
                Ok(())
            }
            Err(SealError::Io(error)) => Err(error),
            Err(SealError::Table(problem)) => {
                // Trying again would fail again, and nothing behind it would ever be sealed.
                self.metrics.damaged_segments.inc();
                error!(segment = segment.id, problem, "cannot be made into Parquet; set aside in `damaged`");
                let name = segment_name(segment.id);
                self.disk.create_dir_all(Path::new(DAMAGED))?;
                self.disk.rename(&Path::new(LOG).join(&name), &Path::new(DAMAGED).join(&name))?;
                self.disk.sync_dir(Path::new(DAMAGED))?;
                self.disk.sync_dir(Path::new(LOG))
            }
        }
    }

    fn sweep(&self) {
        let now = SystemTime::now();
        let StoreOptions { keep_for, keep_bytes, dedup_window, .. } = self.options;
        match (Retention { age: keep_for, bytes: keep_bytes }).sweep(&*self.disk, now) {
            Ok(swept) => {
                self.metrics.stored_bytes.set(i64::try_from(swept.left).unwrap_or(i64::MAX));
                self.metrics.retired_files.inc_by(swept.files);
                if swept.files > 0 {
                    info!(files = swept.files, bytes = swept.bytes, "deleted by retention");
                }
            }
            Err(error) => warn!(kind = ?error.kind(), "cannot look through the store"),
        }
        let forgotten = || {
            for entry in self.disk.list(Path::new(DEDUP))? {
                let age = now.duration_since(entry.modified).unwrap_or_default();
                if !entry.is_dir && age > dedup_window.saturating_mul(2) {
                    self.disk.remove_file(&Path::new(DEDUP).join(entry.name))?;
                }
            }
            io::Result::Ok(())
        };
        if let Err(error) = forgotten() {
            warn!(kind = ?error.kind(), "cannot clear the window of duplicates");
        }
    }
}
