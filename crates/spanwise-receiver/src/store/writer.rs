//! The thread that writes the log.
//!
//! It takes what has come since it last looked, tells duplicates, writes all in one go, and syncs once: under load a sync
//! is shared by all that waited for the one before. Nobody is answered before that. If writing or syncing fails, all of the
//! group are refused and the segment is given up: what a failed sync left on disk is not known, and a later sync that
//! succeeds says nothing about it.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{debug, error, info, warn};

use super::dedup::{Dedup, Sighting};
use super::disk::{Disk, DiskFile, lacks_room};
use super::durable::{Shared, StoreOptions};
use super::named::Named;
use super::queue::Closed;
use super::record::{HEADER, Predecessor, record_len, write_header, write_record};
use super::recovery::{make_folders, remember};
use crate::delivery::{Delivery, SpanKey, StoreError, Stored, now};
use crate::metrics::Metrics;

/// The folder of segments.
pub(crate) const LOG: &str = "log";
/// A segment that is Parquet by now, for the next to be written over it.
pub(crate) const SPARE: &str = "log/spare";
/// A group is written when it is this large, though more may wait.
const GROUP_BYTES: usize = 8 << 20;
/// A buffer that grew beyond this for one group is not kept.
const KEPT_BUFFER: usize = 32 << 20;

/// Groups up to this size are written over zeros, put there in pieces of [`PADDING`]. For larger ones writing twice as much
/// costs more than it saves.
const PADDED: usize = 32 << 10;
const PADDING: u64 = 1 << 20;
/// How long an answer is put off, at most, while sealing does not keep up.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// While the log cannot be written, how often is looked whether it can be again.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// And while it can be, and nothing comes, whether it still can.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is asked of the writer.
#[derive(Debug)]
pub(crate) enum Message {
    /// Store a delivery, and say what became of it.
    Store(Delivery, oneshot::Sender<Result<Stored, StoreError>>),
    /// Close the segment that is open.
    Close,
}

/// The file name of a segment.
pub(crate) fn segment_name(id: u64) -> String {
    format!("{id:014}.log")
}

/// The id in the file name of a segment.
pub(crate) fn segment_id(name: &str) -> Option<u64> {
    let id = name.strip_suffix(".log")?.parse().ok()?;
    (segment_name(id) == name).then_some(id)
}

/// How long to put answers off while so much waits for being made into Parquet. From half of the bound on they become slower,
/// so that senders come down to what can be kept up before any is refused.
fn pause(unsealed: u64, most: u64) -> Duration {
    let half = (most / 2).max(1);
    let over = unsealed.saturating_sub(half).min(half);
    let thousandths = u32::try_from(u128::from(over) * 1000 / u128::from(half)).unwrap_or(1000);
    LONGEST_PAUSE * thousandths / 1000
}

struct Segment {
    id: u64,
    file: Box<dyn DiskFile>,
    /// Bytes that are durable.
    len: u64,
    /// Bytes that the file has: behind those that count there are zeros, or what is left of an older segment.
    room: u64,
    opened: Instant,
}

impl Segment {
    fn closed(&self) -> Closed {
        Closed { ours: true, ..Closed::found(self.id, self.len) }
    }
}

/// A delivery of the group that is being written.
struct Pending {
    stored: Stored,
    answer: oneshot::Sender<Result<Stored, StoreError>>,
    received: Instant,
}

pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: StoreOptions,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) messages: Receiver<Message>,
    pub(crate) dedup: Dedup,
    /// The segment before the next, and the last id that was given.
    pub(crate) before: Predecessor,
    pub(crate) last_id: u64,
    pub(crate) state: State,
}

/// What the writer holds between groups.
#[derive(Default)]
pub(crate) struct State {
    segment: Option<Segment>,
    /// Segments in which nothing was acknowledged, and that could not be removed.
    refused: Vec<u64>,
    buffer: Vec<u8>,
    skip: Vec<u8>,
    /// What the group added to the window, to be taken back if it fails.
    seen: Vec<(SpanKey, Sighting)>,
    /// Segments whose files were found to be gone when the window was read again last: it has nothing of them.
    gone: BTreeSet<u64>,
    /// The window could not be read again, and is not tried again before.
    unread: Option<Instant>,
}

/// Tells those who seal that the writer is gone, however it went.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What was acknowledged in the open segment is left for the next start.
            self.0.falls_short();
            self.0.failing.store(true, Ordering::Relaxed);
            error!(
                "the thread that writes the log ended by a panic; deliveries are refused until the next start"
            );
        }
        self.0.queue.close();
    }
}

impl Writer {
    /// Works until the other end of `messages` is gone.
    pub(crate) fn run(mut self) {
        let _end = End(Arc::clone(&self.shared));
        loop {
            let failing = self.shared.failing.load(Ordering::Relaxed);
            let look = if failing { PROBE_EVERY } else { LOOK_EVERY };
            match self.messages.recv_timeout(self.time_left().map_or(look, |left| left.min(look))) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {
                    if self.time_left() == Some(Duration::ZERO) {
                        self.close();
                    }
                    self.look();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.close();
        if self.disk.check_held().is_err() {
            return;
        }
        for refused in std::mem::take(&mut self.state.refused) {
            // If it stays, the next start finds that nothing in it counts.
            let _ = self.disk.remove_file(&Path::new(LOG).join(segment_name(refused)));
        }
        let _ = self.disk.sync_dir(Path::new(LOG));
    }

    /// Sees whether a delivery could be stored, though none comes. Who sends nothing to a receiver that says it is not ready would
    /// otherwise never find out that it is again.
    pub(crate) fn look(&mut self) {
        self.tell_remembered();
        let failing = self.shared.failing.load(Ordering::Relaxed);
        if self.room(0).is_err() {
            return self.shared.failing.store(true, Ordering::Relaxed);
        }
        if let Err(problem) = self.is_ours() {
            if failing {
                return self.give_up();
            }
            let id = self.state.segment.as_ref().map_or(self.last_id, |segment| segment.id);
            self.failed(id, &problem);
            return self.shared.failing.store(true, Ordering::Relaxed);
        }
        if !failing || self.forget_lost(now()).is_err() {
            return;
        }
        if self.state.segment.is_none() {
            let begun = self.begin(self.next_id(now()));
            let synced = begun.and_then(|()| self.state.segment.as_mut().map_or(Ok(()), |s| s.file.sync()));
            if synced.is_err() {
                return self.give_up();
            }
        }
        info!("the log can be written again");
        self.shared.failing.store(false, Ordering::Relaxed);
    }

    fn tell_remembered(&self) {
        self.metrics.remembered_spans.set(i64::try_from(self.dedup.len()).unwrap_or(i64::MAX));
    }

    /// How long the open segment may stay open.
    fn time_left(&self) -> Option<Duration> {
        let segment = self.state.segment.as_ref()?;
        Some(self.options.seal_after.saturating_sub(segment.opened.elapsed()))
    }

    fn take(&mut self, message: Message) {
        let mut next = Some(message);
        while let Some(message) = next {
            next = match message {
                Message::Close => {
                    self.close();
                    None
                }
                Message::Store(delivery, answer) => self.group(&delivery, answer),
            };
        }
        let full = |segment: &Segment| segment.len >= self.options.seal_bytes;
        if self.time_left() == Some(Duration::ZERO) || self.state.segment.as_ref().is_some_and(full) {
            self.close();
        }
    }

    /// Stores a delivery together with those that wait behind it. Gives back a message that does not belong to them.
    fn group(
        &mut self,
        first: &Delivery,
        answer: oneshot::Sender<Result<Stored, StoreError>>,
    ) -> Option<Message> {
        let now = now();
        if let Err(problem) = self.forget_lost(now) {
            self.shared.failing.store(true, Ordering::Relaxed);
            let _ = answer.send(Err(problem));
            return None;
        }
        self.dedup.advance(now);
        self.state.seen.clear();
        self.state.buffer.clear();
        let id = self.state.segment.as_ref().map_or_else(|| self.next_id(now), |segment| segment.id);
        let mut pending = vec![self.add(id, first, answer, now)];
        let mut other = None;
        while self.state.buffer.len() < GROUP_BYTES {
            match self.messages.try_recv() {
                Ok(Message::Store(delivery, answer)) => pending.push(self.add(id, &delivery, answer, now)),
                Ok(message) => {
                    other = Some(message);
                    break;
                }
                Err(_) => break,
            }
        }
        // Where there was nothing to write, it is not known that it could be written.
        let is_idle = self.state.buffer.is_empty();
        let result = if is_idle { self.still_there() } else { self.commit(id) };
        if result.is_err() || !is_idle {
            self.shared.failing.store(result.is_err(), Ordering::Relaxed);
        }
        if result.is_err() {
            for (key, sighting) in self.state.seen.drain(..).rev() {
                self.dedup.forget(key, sighting);
            }
        }
        // Those who wait for an answer send nothing meanwhile.
        std::thread::sleep(pause(self.shared.unsealed(), self.options.max_log_bytes));
        self.tell_remembered();
        for Pending { stored, answer, received } in pending {
            if result.is_ok() {
                self.metrics.count(stored);
                self.metrics.commit_seconds.observe(received.elapsed().as_secs_f64());
            }
            // A client that is gone is not told; what was stored stays.
            let _ = answer.send(result.map(|()| stored));
        }
        if self.state.buffer.capacity() > KEPT_BUFFER {
            self.state.buffer = Vec::new();
        }
        other
    }

    /// Where something that was acknowledged is lost, takes its spans out of the window: they may be sent again, and have to be
    /// stored then. Which they are nobody can say any more, so the window becomes what the disk has of it. That takes as long as
    /// reading the log does. Where it cannot be read the window stays as it is, and nothing may be answered by it.
    fn forget_lost(&mut self, now: u64) -> Result<(), StoreError> {
        let lost = self.shared.take_lost();
        if self.options.dedup_spans == 0 || lost.iter().all(|id| self.state.gone.contains(id)) {
            return Ok(());
        }
        if self.state.unread.is_none_or(|again| again <= Instant::now()) {
            let mut unsealed = self.shared.queue.unsealed();
            let open = self.state.segment.as_ref();
            unsealed.0.extend(open.map(Segment::closed));
            let StoreOptions { dedup_window, dedup_spans, .. } = self.options;
            match remember(&*self.disk, dedup_window, dedup_spans, now, unsealed) {
                Ok((dedup, gone)) => {
                    (self.dedup, self.state.gone, self.state.unread) = (dedup, gone, None);
                    return Ok(());
                }
                Err(error) => {
                    self.metrics.log_failures.inc();
                    // Once, and not for every try.
                    if self.state.unread.replace(Instant::now() + PROBE_EVERY).is_none() {
                        error!(%error, "the window of duplicates cannot be read again; deliveries are refused");
                    }
                }
            }
        }
        for id in lost {
            self.shared.lose(id);
        }
        Err(StoreError::Failed)
    }

    /// Tells the duplicates of a delivery and puts the rest into the buffer.
    fn add(
        &mut self,
        id: u64,
        delivery: &Delivery,
        answer: oneshot::Sender<Result<Stored, StoreError>>,
        now: u64,
    ) -> Pending {
        let State { buffer, skip, seen, .. } = &mut self.state;
        let mut stored = Stored::default();
        skip.clear();
        skip.resize(delivery.keys.len().div_ceil(8), 0);
        for (index, key) in delivery.keys.iter().enumerate() {
            let sighting = self.dedup.see(*key, now);
            match sighting {
                Sighting::Duplicate => {
                    stored.duplicates += 1;
                    if let Some(byte) = skip.get_mut(index / 8) {
                        *byte |= 1 << (index % 8);
                    }
                    continue;
                }
                Sighting::Conflict => stored.conflicts += 1,
                Sighting::New => {}
            }
            stored.spans += 1;
            seen.push((*key, sighting));
        }
        if stored.spans > 0 {
            buffer.reserve(record_len(delivery.keys.len(), delivery.json.len()));
            write_record(id, delivery.received, &delivery.keys, skip, &delivery.json, buffer);
        }
        Pending { stored, answer, received: Instant::now() }
    }

    /// Ids are times, so that they grow from start to start whatever became of older files.
    fn next_id(&self, now: u64) -> u64 {
        (now / 1_000_000).max(self.last_id + 1)
    }

    /// Whether so many bytes may be written.
    fn room(&self, bytes: u64) -> Result<(), StoreError> {
        if self.shared.unsealed() > self.options.max_log_bytes {
            let most = self.options.max_log_bytes;
            self.complain(format_args!(
                "more than {most} bytes (`max_log_bytes`) wait for being made into Parquet"
            ));
            return Err(StoreError::Full);
        }
        // Making Parquet needs room too: without it a full disk could never be emptied.
        match self.disk.free_bytes() {
            Ok(free) if free < self.options.reserve_bytes.saturating_add(bytes) => {
                let reserve = self.options.reserve_bytes;
                self.complain(format_args!(
                    "the disk has {free} bytes free, and {reserve} are to be left (`reserve_bytes`)"
                ));
                // It may be what is missing. If not, all stays as it is.
                let _ = self.disk.remove_file(Path::new(SPARE));
                Err(StoreError::Full)
            }
            Ok(_) => Ok(()),
            // What a segment takes that is open still would go with it.
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
                self.complain(format_args!("the folder of the store is gone"));
                Err(StoreError::Failed)
            }
            // Not known: the write will tell.
            Err(problem) => {
                debug!(kind = ?problem.kind(), "cannot ask for the free space");
                Ok(())
            }
        }
    }

    /// Makes the buffer durable.
    fn commit(&mut self, id: u64) -> Result<(), StoreError> {
        let bytes = self.state.buffer.len() as u64;
        self.room(bytes)?;
        let begun = Instant::now();
        match self.write(id) {
            Ok(()) => {
                self.metrics.sync_seconds.observe(begun.elapsed().as_secs_f64());
                self.metrics.log_bytes.inc_by(bytes);
                if self.shared.failing.load(Ordering::Relaxed) {
                    info!("the log can be written again");
                }
                Ok(())
            }
            Err(problem) => Err(self.failed(id, &problem)),
        }
    }

    /// Whether the store is, and what was acknowledged in the open segment, since a group of duplicates alone says that it is there.
    fn still_there(&mut self) -> Result<(), StoreError> {
        let id = self.state.segment.as_ref().map_or(self.last_id, |segment| segment.id);
        self.is_ours().map_err(|problem| self.failed(id, &problem))
    }

    /// An error where the store may be somebody else's, or the file of the open segment is gone, and what was acknowledged in it.
    fn is_ours(&self) -> io::Result<()> {
        self.disk.check_held()?;
        let Some(segment) = &self.state.segment else { return Ok(()) };
        if segment.file.is_linked()? {
            return Ok(());
        }
        // All of the store may be what is away, since it was asked for.
        self.disk.check_held()?;
        if segment.len > HEADER {
            self.shared.lose(segment.id);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "the file of the segment was deleted, or moved away"))
    }

    /// Tells that the segment `id` cannot be written, and gives it up.
    fn failed(&mut self, id: u64, problem: &io::Error) -> StoreError {
        self.metrics.log_failures.inc();
        // Once, and not for every group: the counter has them all.
        if !self.shared.failing.load(Ordering::Relaxed) {
            error!(segment = id, error = %problem, "cannot write the log; deliveries are refused");
        }
        self.give_up();
        if lacks_room(problem) { StoreError::Full } else { StoreError::Failed }
    }

    /// Once, and not for every group.
    fn complain(&self, reason: fmt::Arguments<'_>) {
        if !self.shared.failing.load(Ordering::Relaxed) {
            warn!(%reason, "deliveries are refused");
        }
    }

    fn write(&mut self, id: u64) -> io::Result<()> {
        // Who has taken the store may be writing over this very file.
        self.disk.check_held()?;
        if self.state.segment.is_none() {
            self.begin(id)?;
        }
        let Some(segment) = &mut self.state.segment else { return Err(io::ErrorKind::NotFound.into()) };
        segment.file.write_all(&self.state.buffer)?;
        let end = segment.len + self.state.buffer.len() as u64;
        if end > segment.room && self.state.buffer.len() <= PADDED && segment.file.pad(PADDING).is_ok() {
            // If not, the next sync takes longer, and that is all.
            segment.room = end + PADDING;
        }
        segment.file.sync()?;
        self.is_ours()?;
        if let Some(segment) = &mut self.state.segment {
            segment.len = end;
        }
        Ok(())
    }

    /// Begins the segment `id`.
    fn begin(&mut self, id: u64) -> io::Result<()> {
        let disk = Named(&*self.disk);
        // What was refused is sent again: it must not come back from an old segment beside a new one.
        while let Some(refused) = self.state.refused.last() {
            disk.remove_file(&Path::new(LOG).join(segment_name(*refused)))?;
            // That it is not there is no error, unless all of the store is away.
            disk.check_held()?;
            self.state.refused.pop();
        }
        // The id is spent, whatever comes of it.
        self.last_id = id;
        let path = Path::new(LOG).join(segment_name(id));
        // Records of an older segment do not pass for those of this one: their checksums are seeded with its id.
        let spare = disk.rename(Path::new(SPARE), &path).and_then(|()| disk.reopen(&path));
        let (mut file, room) = match spare {
            Ok(reopened) => reopened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let created = match disk.create(&path) {
                    // Somebody has emptied the store.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        make_folders(&disk).and_then(|()| disk.create(&path))
                    }
                    other => other,
                };
                (created?, 0)
            }
            Err(error) => {
                // It may stand there.
                self.state.refused.push(id);
                return Err(error);
            }
        };
        let mut header = Vec::new();
        write_header(id, self.before, &mut header);
        let begun = file.write_all(&header).and_then(|()| disk.sync_dir(Path::new(LOG)));
        self.state.segment = Some(Segment { id, file, len: HEADER, room, opened: Instant::now() });
        begun
    }

    /// Lets go of a segment that could not be written. What was durable of it stays.
    fn give_up(&mut self) {
        let Some(mut segment) = self.state.segment.take() else { return };
        if self.disk.check_held().is_ok() {
            // If this fails too, the next segment's header says how much of this one counts, or its file is removed before that.
            let _ = segment.file.truncate(segment.len);
        }
        self.hand_over(&segment);
    }

    /// Closes the open segment and hands it to the keeper.
    fn close(&mut self) {
        if let Some(segment) = self.state.segment.take() {
            self.hand_over(&segment);
        }
    }

    fn hand_over(&mut self, segment: &Segment) {
        if segment.len <= HEADER {
            // Nothing in it was ever acknowledged.
            self.state.refused.push(segment.id);
            return;
        }
        self.before = Predecessor { id: segment.id, len: segment.len };
        self.shared.hand_over(segment.closed(), &self.metrics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_put_off_from_half_of_the_bound_on() {
        for (unsealed, most, millis) in [
            (0, 1000, 0),
            (500, 1000, 0),
            (510, 1000, 2),
            (750, 1000, 50),
            (1000, 1000, 100),
            (u64::MAX, 1000, 100),
            (u64::MAX, u64::MAX, 100),
            (0, 0, 0),
            (1, 0, 0),
            (2, 0, 100),
        ] {
            assert_eq!(pause(unsealed, most), Duration::from_millis(millis), "{unsealed} of {most}");
        }
    }
}
