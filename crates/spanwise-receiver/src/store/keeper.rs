//! The threads that make Parquet of closed segments; the first of them deletes what is not to stay.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use spanwise_arrow::Converter;
use tracing::{error, info, warn};

use super::disk::Disk;
use super::durable::{Shared, StoreOptions};
use super::queue::{Closed, Next};
use super::retention::Retention;
use super::seal::{DEDUP, SealError, Sealer};
use super::writer::{LOG, segment_name};
use crate::metrics::Metrics;

/// The folder of segments that cannot be made into Parquet.
pub(crate) const DAMAGED: &str = "damaged";
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Above 0: who waits for an answer goes first. Not so much that Parquet never gets its turn.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

#[cfg(target_os = "linux")]
fn give_way() {
    // On Linux this is the calling thread's own. If it is refused, all goes on as before.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: StoreOptions,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shared: Arc<Shared>,
    /// Whether this one looks after retention.
    pub(crate) sweeps: bool,
}

impl Keeper {
    /// Works until the writer is gone and all is sealed, or sealing fails after the writer is gone.
    pub(crate) fn run(self, converter: Converter) {
        let disk = Arc::clone(&self.disk);
        let queue = &self.shared.queue;
        let mut sealer = Sealer::new(&*disk, converter, self.options.times);
        let mut next_sweep = Instant::now();
        give_way();
        loop {
            let now = Instant::now();
            if now >= next_sweep {
                if self.sweeps {
                    self.sweep();
                }
                next_sweep = now + SWEEP_EVERY;
            }
            let segment = match queue.next(next_sweep) {
                Next::Seal(segment) => segment,
                Next::Nothing => continue,
                Next::End => break,
            };
            match self.seal(&mut sealer, segment) {
                Ok(()) => self.shared.done(segment, &self.metrics),
                Err(SealError::Io(error)) => {
                    self.metrics.seal_failures.inc();
                    error!(segment = segment.id, kind = ?error.kind(), "cannot seal; the segment is kept");
                    queue.failed(segment);
                }
                // The queue was abandoned.
                Err(_) => queue.failed(segment),
            }
        }
        if self.sweeps && queue.len() > 0 {
            warn!(segments = queue.len(), "segments are left for the next start");
        }
    }

    fn seal(&self, sealer: &mut Sealer<'_>, segment: Closed) -> Result<(), SealError> {
        let begun = Instant::now();
        let queue = &self.shared.queue;
        match sealer.seal(segment.id, segment.len, &|| queue.turn(segment.id)) {
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
            Err(SealError::Table(problem)) => {
                if !queue.turn(segment.id) {
                    return Err(SealError::Abandoned);
                }
                // Trying again would fail again, and nothing behind it would ever be sealed.
                self.metrics.damaged_segments.inc();
                error!(segment = segment.id, problem, "cannot be made into Parquet; set aside in `damaged`");
                Ok(self.set_aside(segment)?)
            }
            Err(other) => Err(other),
        }
    }

    fn set_aside(&self, segment: Closed) -> io::Result<()> {
        let name = segment_name(segment.id);
        self.disk.create_dir_all(Path::new(DAMAGED))?;
        self.disk.rename(&Path::new(LOG).join(&name), &Path::new(DAMAGED).join(&name))?;
        self.disk.sync_dir(Path::new(DAMAGED))?;
        self.disk.sync_dir(Path::new(LOG))
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
