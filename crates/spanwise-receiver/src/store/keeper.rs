//! The threads that make Parquet of closed segments, and the one that deletes what is not to stay.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use spanwise_arrow::Converter;
use tracing::{debug, error, info, warn};

use super::damaged;
use super::disk::{Disk, Entry, lacks_room};
use super::durable::{Shared, StoreOptions};
use super::key_file::{DEDUP, KEYS_SUFFIX, spans_in};
use super::manifest::{Manifest, STAGING};
use super::named::Named;
use super::partition::Spread;
use super::queue::{Closed, Next, Turn};
use super::retention::Retention;
use super::seal::{Sealed, Sealer};
use super::seal_error::SealError;
use super::writer::{LOG, SPARE, segment_name};
use crate::metrics::Metrics;

const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Those who seal wait for as long as it takes.
const LONG: Duration = Duration::from_hours(1);

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
}

impl Keeper {
    /// Works until the writer is gone and all is sealed, or sealing fails after the writer is gone.
    pub(crate) fn run(&self, converter: &Converter, spread: Spread) {
        let disk = Named(&*self.disk);
        let queue = &self.shared.queue;
        let remembers = self.options.dedup_spans > 0;
        let recent = &self.shared.recent_requests;
        let new = || Sealer::new(&disk, converter.clone(), spread, remembers, recent);
        let mut sealer = new();
        give_way();
        loop {
            let segment = match queue.next(Instant::now() + LONG) {
                Next::Seal(segment) => segment,
                Next::Nothing => continue,
                Next::End => break,
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| self.seal(&mut sealer, segment)));
            // A fault of ours. Those behind this segment wait for its turn to come.
            let outcome = outcome.unwrap_or_else(|_| {
                sealer = new();
                let aside = catch_unwind(AssertUnwindSafe(|| self.set_aside(segment, "a panic")));
                // Then it is the disk that panics, and may not do so the next time.
                aside.unwrap_or_else(|_| Err(io::Error::other("a panic").into()))
            });
            match outcome {
                Ok(done) => {
                    self.shared.done(segment, &self.metrics);
                    self.tell_damage(segment, done);
                }
                Err(SealError::Io(error)) => self.keep(segment, &error),
                Err(SealError::Unsure(error, done)) => {
                    // Should the next attempt find it again, it was told.
                    let told = segment.told || done.damaged > 0;
                    self.keep(Closed { told, made: Some(Sealed { damaged: 0, ..done }), ..segment }, &error);
                    self.tell_damage(segment, done);
                }
                Err(SealError::Later) => queue.put_back(segment),
                Err(SealError::Gone) => {
                    // Those behind it need not wait: it says no more how much of the one before counts.
                    self.shared.falls_short();
                    self.shared.done(segment, &self.metrics);
                    self.shared.lose(segment.id);
                    self.metrics.damaged_segments.inc();
                    let (segment, bytes) = (segment.id, segment.len);
                    error!(segment, bytes, "the file of a segment is gone, and what was acknowledged in it");
                }
                Err(SealError::Unplaced(error, done)) => {
                    self.step_aside(segment, &error);
                    self.tell_damage(segment, done);
                }
                Err(SealError::Aside(problem)) => {
                    self.shared.falls_short();
                    // Its file may still be there, and says nothing any more.
                    self.shared.done(segment, &self.metrics);
                    self.shared.lose(segment.id);
                    self.metrics.damaged_segments.inc();
                    let segment = segment.id;
                    error!(segment, problem, "cannot be made into Parquet; set aside in `damaged`");
                }
                // The queue was abandoned.
                Err(SealError::Abandoned | SealError::Table(_)) => {
                    queue.failed(segment);
                }
            }
        }
        // The last to end leaves none.
        self.remove_spare();
    }

    /// Keeps a segment that cannot be sealed now.
    fn keep(&self, segment: Closed, error: &io::Error) {
        if self.shared.queue.is_aside(segment.id) {
            return self.step_aside(segment, error);
        }
        self.make_room(error);
        if lacks_room(error) && self.shared.queue.one_at_a_time() {
            warn!(
                "there is no room for several segments: they become Parquet one at a time, until that goes well"
            );
        }
        self.metrics.seal_failures.inc();
        error!(segment = segment.id, %error, "cannot seal; the segment is kept");
        if self.shared.queue.failed(segment) {
            self.shared.falls_short();
        }
    }

    /// Leaves a segment whose files cannot all be put in their places now, so that those behind it need not wait.
    fn step_aside(&self, segment: Closed, error: &io::Error) {
        let queue = &self.shared.queue;
        self.make_room(error);
        self.metrics.seal_failures.inc();
        let id = segment.id;
        // Each once, and then of all one a minute: there may be many, and what is in the way may stay for long.
        if !queue.is_aside(id) {
            error!(
                segment = id,
                %error,
                "not all files can be put in their places, which `manifest` in its staging folder names; the rest stay there, \
                 and it is tried again"
            );
        } else if let Some(untold) = self.shared.stuck.untold() {
            error!(segment = id, %error, untold, "files still cannot be put in their places");
        } else {
            debug!(segment = id, %error, "files still cannot be put in their places");
        }
        // What was made of it is counted.
        if queue.step_aside(Closed { made: None, ..segment }) {
            self.shared.falls_short();
        }
    }

    /// Frees what can be spared where room may be what is missing.
    fn make_room(&self, error: &io::Error) {
        if lacks_room(error) {
            self.remove_spare();
        }
    }

    /// An error where the store may be somebody else's, or is away. Where that is a file system that is not mounted, or a folder that
    /// was moved for a moment, it comes back, and all that was acknowledged with it.
    fn check_held(&self) -> io::Result<()> {
        self.disk.check_held()
    }

    fn remove_spare(&self) {
        if self.check_held().is_ok() {
            let _ = self.disk.remove_file(Path::new(SPARE));
        }
    }

    /// Deletes what is not to stay, every minute until the writer is gone.
    pub(crate) fn look_after(&self) {
        give_way();
        loop {
            if catch_unwind(AssertUnwindSafe(|| self.sweep())).is_err() {
                error!("looking through the store ended by a panic; it is tried again");
            }
            if self.shared.queue.ends_within(SWEEP_EVERY) {
                return;
            }
        }
    }

    fn seal(&self, sealer: &mut Sealer<'_>, segment: Closed) -> Result<Sealed, SealError> {
        let begun = Instant::now();
        self.check_held()?;
        let turn = || match self.shared.queue.turn(segment.id) {
            Turn::Now => Ok(self.check_held()?),
            Turn::Later => Err(SealError::Later),
            Turn::Never => Err(SealError::Abandoned),
        };
        let outcome = sealer.seal(segment, self.shared.queue.is_aside(segment.id), &turn);
        match outcome {
            Ok(done) => {
                self.metrics.sealed_segments.inc();
                let seconds = begun.elapsed().as_secs_f64();
                self.metrics.seal_seconds.observe(seconds);
                self.count(done);
                let (files, rows, bytes) = (done.files, done.rows, done.bytes);
                if self.shared.queue.is_aside(segment.id) {
                    info!(segment = segment.id, "all files are in their places");
                } else {
                    info!(segment = segment.id, files, rows, bytes, seconds, "sealed");
                }
            }
            Err(SealError::Unplaced(_, done)) => self.count(done),
            Err(SealError::Table(problem)) => return self.set_aside(segment, &problem),
            Err(_) => {}
        }
        outcome
    }

    /// Counts what was made of a segment.
    fn count(&self, done: Sealed) {
        self.metrics.sealed_files.inc_by(done.files);
        self.metrics.sealed_bytes.inc_by(done.bytes);
    }

    /// Tells what was not made of a segment, once the queue knows what became of it.
    fn tell_damage(&self, segment: Closed, done: Sealed) {
        if done.damaged > 0 {
            self.shared.falls_short();
            self.shared.lose(segment.id);
            self.metrics.damaged_segments.inc();
            error!(segment = segment.id, parts = done.damaged, "what cannot be read is kept in `damaged`");
        }
    }

    /// Gives a segment up: trying again would fail again, and nothing behind it would ever be sealed.
    fn set_aside(&self, segment: Closed, problem: &str) -> Result<Sealed, SealError> {
        let turn = self.shared.queue.turn(segment.id);
        if turn == Turn::Never {
            return Err(SealError::Abandoned);
        }
        self.check_held()?;
        let staging = Path::new(STAGING).join(segment.id.to_string());
        let is_published = Manifest::read(&*self.disk, segment.id)?.is_some();
        if turn == Turn::Later {
            if !is_published {
                self.disk.remove_dir_all(&staging)?;
            }
            return Err(SealError::Later);
        }
        if is_published {
            // Its files are whole, and on their way.
            return Err(SealError::Unplaced(io::Error::other(problem.to_owned()), Sealed::default()));
        }
        damaged::copy_segment(&*self.disk, segment.id)?;
        let gone = || {
            self.disk.remove_file(&Path::new(LOG).join(segment_name(segment.id)))?;
            self.disk.sync_dir(Path::new(LOG))?;
            self.disk.remove_dir_all(&staging)
        };
        if let Err(error) = gone() {
            // It is kept already. If it is still there at the next start, all of this happens again.
            warn!(segment = segment.id, kind = ?error.kind(), "cannot remove what was set aside");
        }
        Err(SealError::Aside(problem.to_owned()))
    }

    fn sweep(&self) {
        if self.check_held().is_err() {
            // Who writes says so.
            return;
        }
        let now = SystemTime::now();
        let StoreOptions { keep_for, keep_bytes, dedup_window, dedup_spans, .. } = self.options;
        let (swept, problem) = Retention { age: keep_for, bytes: keep_bytes }.sweep(&*self.disk, now);
        self.metrics.stored_bytes.set(i64::try_from(swept.left).unwrap_or(i64::MAX));
        self.metrics.retired_files.inc_by(swept.files);
        if swept.files > 0 {
            info!(files = swept.files, bytes = swept.bytes, "deleted by retention");
        }
        if let Some(error) = problem {
            warn!(kind = ?error.kind(), "cannot look through all of the store, or not delete what is not to stay");
        }
        if let Err(error) = remove_old_keys(&*self.disk, now, dedup_window, dedup_spans) {
            warn!(kind = ?error.kind(), "cannot clear the window of duplicates");
        }
        if let Err(error) = remove_idle_spare(&*self.disk, now, self.options.seal_after) {
            warn!(kind = ?error.kind(), "cannot remove the spare segment");
        }
    }
}

/// Removes hashes that nobody will look for any more: those of before the window, and those beyond as many as are remembered, which
/// the newest are.
fn remove_old_keys(disk: &dyn Disk, now: SystemTime, window: Duration, most: usize) -> io::Result<()> {
    let mut files = disk.list(Path::new(DEDUP))?;
    files.retain(|entry| !entry.is_dir && entry.name.ends_with(KEYS_SUFFIX));
    files.sort_unstable_by(|one, other| other.name.cmp(&one.name));
    let mut spans = 0_usize;
    for entry in files {
        let age = now.duration_since(entry.modified).unwrap_or_default();
        if age > window.saturating_mul(2) || spans >= most {
            disk.remove_file(&Path::new(DEDUP).join(entry.name))?;
        }
        spans = spans.saturating_add(spans_in(entry.len));
    }
    Ok(())
}

/// Removes the spare segment where it was not wanted for so long: what it holds is in Parquet, and should not stay longer than
/// that for want of traffic.
fn remove_idle_spare(disk: &dyn Disk, now: SystemTime, longest: Duration) -> io::Result<()> {
    let is_idle = |entry: &Entry| {
        Path::new(LOG).join(&entry.name) == Path::new(SPARE)
            && now.duration_since(entry.modified).unwrap_or_default() > longest
    };
    if disk.list(Path::new(LOG))?.iter().any(is_idle) { disk.remove_file(Path::new(SPARE)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::key_file::{keys_name, write_keys};
    use super::*;
    use crate::delivery::SpanKey;
    use crate::store::LocalDisk;

    #[test]
    fn hashes_go_that_are_too_old_or_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let hour = Duration::from_hours(1);
        let now = SystemTime::now();
        for (window, most, left) in [
            (hour, usize::MAX, &[1, 2, 3, 4][..]),
            (hour, 21, &[2, 3, 4]),
            (hour, 20, &[3, 4]),
            (hour, 1, &[4]),
            (hour, 0, &[]),
            (hour / 4, usize::MAX, &[2, 3, 4]),
            (hour / 5, usize::MAX, &[3, 4]),
        ] {
            disk.create_dir_all(Path::new(DEDUP)).unwrap();
            // Of ten spans each; the last is new, and each before it a quarter of an hour older.
            for id in 1..5 {
                let keys = write_keys(0, &[SpanKey { content: 1, ids: 1 }; 10]);
                let path = folder.path().join(DEDUP).join(keys_name(id));
                std::fs::write(&path, keys).unwrap();
                let age = hour / 4 * (4 - u32::try_from(id).unwrap());
                std::fs::File::options().write(true).open(&path).unwrap().set_modified(now - age).unwrap();
            }
            remove_old_keys(&disk, now, window, most).unwrap();
            let mut names: Vec<_> =
                disk.list(Path::new(DEDUP)).unwrap().into_iter().map(|e| e.name).collect();
            names.sort();
            assert_eq!(names, left.iter().map(|id| keys_name(*id)).collect::<Vec<_>>(), "{window:?} {most}");
            disk.remove_dir_all(Path::new(DEDUP)).unwrap();
        }
    }

    #[test]
    fn the_spare_segment_goes_when_it_was_not_wanted_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let minute = Duration::from_mins(1);
        let now = SystemTime::now();
        remove_idle_spare(&disk, now, minute).unwrap();
        disk.create_dir_all(Path::new(LOG)).unwrap();
        for name in ["spare", "00000000000001.log"] {
            let file = std::fs::File::create(folder.path().join(LOG).join(name)).unwrap();
            file.set_modified(now - minute).unwrap();
        }
        let left = |after: Duration| {
            remove_idle_spare(&disk, now + after, minute).unwrap();
            disk.list(Path::new(LOG)).unwrap().len()
        };
        assert_eq!((left(Duration::ZERO), left(Duration::from_secs(1))), (2, 1));
        assert!(folder.path().join(LOG).join("00000000000001.log").exists());
    }
}
