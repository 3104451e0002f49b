//! [`DurableStore`]: the log and its threads.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use spanwise::llm::Requests;
use spanwise_arrow::write::{FileFormat, TableWriter, WriteError};
use spanwise_arrow::{ArrowOptions, Converter, OptionsError};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::disk::{Disk, LocalDisk};
use super::keeper::Keeper;
use super::partition::Spread;
use super::queue::{Closed, Queue};
use super::recovery::recover;
use super::writer::{Message, State, Writer};
use crate::delivery::{Delivery, Store, StoreError, Storing, now};
use crate::metrics::Metrics;
use crate::seldom::Seldom;

/// Threads that make Parquet, at most: each holds a segment's columns, and waits for the disk like the others.
const MOST_SEALERS: usize = 64;

/// Besides a file for each folder that a segment is spread over: the segment, what is remembered, and folders to sync.
const FILES_OF_A_SEALER: usize = 4;
const FILES_OF_THE_REST: usize = 8;

/// How a store works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// A segment of the log is closed, and made into Parquet, when it is this large. Default 128 MiB.
    pub seal_bytes: u64,
    /// And when it is this old. Default five minutes.
    pub seal_after: Duration,
    /// Segments made into Parquet at the same time. Default: as many as there are processors, and at most four: each takes
    /// memory for a segment's columns. There are no more than 64, whatever is asked for.
    pub seal_threads: usize,
    /// Deliveries are refused while more than this waits for being made into Parquet; from half of it on answers become slower,
    /// by a tenth of a second at most, so that senders slow down before. Give it room for several segments. Default 4 GiB.
    pub max_log_bytes: u64,
    /// Deliveries are refused while the disk has less free than this. Default 256 MiB: making Parquet of a segment needs
    /// room beside it.
    pub reserve_bytes: u64,
    /// How long a span is remembered, to tell that it is delivered again. At most twice as long. Default one hour.
    pub dedup_window: Duration,
    /// Spans remembered at most, about 50 bytes each. Default 1,048,576; 0 switches the telling off.
    pub dedup_spans: usize,
    /// Parquet files are deleted when they are older. Default: never.
    pub keep_for: Option<Duration>,
    /// The oldest Parquet files are deleted while all together are larger. Default: never.
    pub keep_bytes: Option<u64>,
    /// Files that the store may have open at the same time, at most. Where that is few, fewer segments are made into Parquet at the
    /// same time than [`Self::seal_threads`] says, and one is spread over fewer folders. Some twenty are needed whatever is said
    /// here. Default: as many as it wants.
    pub files: usize,
    /// The columns. Default: all, those of LLM traffic included.
    pub columns: ArrowOptions,
}

impl StoreOptions {
    /// How many files a store opens at the same time, at most. Ordinary traffic takes a few of them.
    pub fn open_files(&self) -> usize {
        let (sealers, spread) = self.sealers();
        sealers * (spread.files() + FILES_OF_A_SEALER) + FILES_OF_THE_REST
    }

    /// How many folders a segment is spread over, at most.
    pub fn folders(&self) -> usize {
        self.sealers().1.files()
    }

    /// How many threads make Parquet, and how far each spreads a segment.
    fn sealers(&self) -> (usize, Spread) {
        let room = self.files.saturating_sub(FILES_OF_THE_REST);
        let all = Spread::default().files();
        let wanted = self.seal_threads.clamp(1, MOST_SEALERS);
        let sealers = wanted.min(room / (all + FILES_OF_A_SEALER)).max(1);
        (sealers, Spread::within((room / sealers).saturating_sub(FILES_OF_A_SEALER)))
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            seal_bytes: 128 << 20,
            seal_after: Duration::from_mins(5),
            seal_threads: thread::available_parallelism().map_or(2, NonZero::get).min(4),
            max_log_bytes: 4 << 30,
            reserve_bytes: 256 << 20,
            dedup_window: Duration::from_hours(1),
            dedup_spans: 1 << 20,
            keep_for: None,
            keep_bytes: None,
            files: usize::MAX,
            columns: ArrowOptions { llm: true, ..ArrowOptions::default() },
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be read or written, or another receiver has it open.
    Io(io::Error),
    /// The columns do not hold together.
    Columns(OptionsError),
    /// Parquet has no file with these columns: there is none, say.
    Table(WriteError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Columns(error) => error.fmt(f),
            Self::Table(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Columns(error) => error.source(),
            Self::Table(error) => error.source(),
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<OptionsError> for OpenError {
    fn from(error: OptionsError) -> Self {
        Self::Columns(error)
    }
}

impl From<WriteError> for OpenError {
    fn from(error: WriteError) -> Self {
        Self::Table(error)
    }
}

/// What the threads and the service tell each other.
#[derive(Debug)]
pub(crate) struct Shared {
    unsealed_bytes: AtomicU64,
    /// The last group could not be written.
    pub(crate) failing: AtomicBool,
    /// Something that was acknowledged cannot be read, or did not become Parquet though there was time.
    short: AtomicBool,
    /// Segments of which something was acknowledged and is lost, since the writer looked last.
    lost: Mutex<Vec<u64>>,
    /// Files that still cannot be put in their places: each segment of them is tried every minute.
    pub(crate) stuck: Seldom,
    /// What was told of the segments that became Parquet last.
    pub(crate) recent_requests: Mutex<Requests>,
    pub(crate) queue: Queue,
}

impl Shared {
    /// Bytes of closed segments.
    pub(crate) fn unsealed(&self) -> u64 {
        self.unsealed_bytes.load(Ordering::Relaxed)
    }

    /// A segment is closed.
    pub(crate) fn hand_over(&self, segment: Closed, metrics: &Metrics) {
        self.unsealed_bytes.fetch_add(segment.len, Ordering::Relaxed);
        metrics.unsealed_bytes.inc_by(i64::try_from(segment.len).unwrap_or(i64::MAX));
        self.queue.push(segment);
    }

    /// A segment is gone, left for the next start since making Parquet of it failed, or in part or as a whole in `damaged`.
    pub(crate) fn falls_short(&self) {
        self.short.store(true, Ordering::Relaxed);
    }

    /// Something that was acknowledged in this segment is gone, or in `damaged`: who sends it again must not be told that it is
    /// stored. To be said before anybody else is told, and once the segment is no longer in the queue as one whose file says what is
    /// stored.
    pub(crate) fn lose(&self, id: u64) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    /// What was said by [`Self::lose`] since the last call.
    pub(crate) fn take_lost(&self) -> Vec<u64> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A segment is Parquet, set aside, or gone.
    pub(crate) fn done(&self, segment: Closed, metrics: &Metrics) {
        self.unsealed_bytes.fetch_sub(segment.len, Ordering::Relaxed);
        metrics.unsealed_bytes.dec_by(i64::try_from(segment.len).unwrap_or(i64::MAX));
        self.queue.done(segment.id);
    }
}

/// A store in a folder: a delivery is durable before it is answered, and becomes Parquet later.
///
/// ```
/// use std::sync::Arc;
/// use spanwise_receiver::{Metrics, DurableStore, StoreOptions};
///
/// let folder = tempfile::tempdir()?;
/// let store = DurableStore::open(folder.path(), StoreOptions::default(), Arc::new(Metrics::new()))?;
/// // Hand it to a service; at the end:
/// store.close(std::time::Duration::from_secs(30));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DurableStore {
    shared: Arc<Shared>,
    messages: Mutex<Option<Sender<Message>>>,
    /// Those that have not ended, or not been seen to.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// It was said that something is left for the next start.
    told_rest: AtomicBool,
}

impl DurableStore {
    /// Opens the store in a folder, which is made if it is not there. Reads the log that a crash left: that takes as long
    /// as reading the files does. Sealing goes on behind.
    ///
    /// # Errors
    /// The folder cannot be read or written, another receiver has it open, or the columns do not hold together or cannot stand in
    /// a Parquet file.
    pub fn open(
        folder: impl AsRef<Path>,
        options: StoreOptions,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(LocalDisk::open(folder)?), options, metrics)
    }

    /// Opens the store on a disk.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: StoreOptions,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let converter = Converter::new(&options.columns)?;
        // What was acknowledged could become Parquet neither now nor after any start.
        drop(TableWriter::new(io::sink(), FileFormat::Parquet, converter.schema())?);
        let recovered = recover(&*disk, options.dedup_window, options.dedup_spans, now())?;
        metrics.damaged_segments.inc_by(recovered.damaged);
        let segments = recovered.closed.iter().chain(&recovered.published);
        let unsealed: u64 = segments.clone().map(|segment| segment.len).sum();
        info!(segments = segments.count(), bytes = unsealed, "the log is read");
        let shared = Arc::new(Shared {
            unsealed_bytes: AtomicU64::new(unsealed),
            failing: AtomicBool::new(false),
            short: AtomicBool::new(recovered.damaged > 0),
            lost: Mutex::default(),
            stuck: Seldom::default(),
            recent_requests: Mutex::default(),
            queue: Queue::new(recovered.closed, recovered.published),
        });
        metrics.unsealed_bytes.set(i64::try_from(unsealed).unwrap_or(i64::MAX));
        let (messages, to_write) = channel();
        let mut writer = Writer {
            disk: Arc::clone(&disk),
            options: options.clone(),
            metrics: Arc::clone(&metrics),
            shared: Arc::clone(&shared),
            messages: to_write,
            dedup: recovered.dedup,
            before: recovered.before,
            last_id: recovered.last_id,
            state: State::default(),
        };
        // What it finds is known before anybody asks whether a delivery would be taken.
        writer.look();
        let (sealers, spread) = options.sealers();
        let keeper = Keeper { disk, options, metrics, shared: Arc::clone(&shared) };
        let mut threads =
            vec![thread::Builder::new().name("spanwise-log".into()).spawn(move || writer.run())?];
        for _ in 0..sealers {
            let (converter, keeper) = (converter.clone(), keeper.clone());
            threads.push(
                thread::Builder::new()
                    .name("spanwise-seal".into())
                    .spawn(move || keeper.run(&converter, spread))?,
            );
        }
        threads.push(thread::Builder::new().name("spanwise-keep".into()).spawn(move || keeper.look_after())?);
        Ok(Self {
            shared,
            messages: Mutex::new(Some(messages)),
            threads: Mutex::new(threads),
            told_rest: AtomicBool::new(false),
        })
    }

    /// Closes the segment that is open, so that it becomes Parquet now.
    pub fn flush(&self) {
        let _ = self.send(Message::Close);
    }

    /// Takes no more deliveries, and returns when all is in Parquet or the time is over. What is not sealed by then is
    /// sealed after the next start.
    ///
    /// False where something that was acknowledged did not become Parquet though there was time: the disk failed, the file of a
    /// segment is gone, what could not be read, now or when the store was opened, or not be made into a table, is in `damaged`,
    /// or a thread of the store panicked. The log says which.
    ///
    /// It may be called again, and by several at once: each waits as long as it says. The first whose time is over leaves the rest to
    /// the next start; who would have waited longer is then told false.
    pub fn close(&self, patience: Duration) -> bool {
        // Where there is no such time, it never comes.
        let end = Instant::now().checked_add(patience);
        drop(self.messages.lock().unwrap_or_else(PoisonError::into_inner).take());
        let had_time = self.wait(end);
        let left = self.shared.queue.len();
        if left > 0 && !self.told_rest.swap(true, Ordering::Relaxed) {
            warn!(segments = left, "segments are left for the next start");
        }
        !(self.shared.short.load(Ordering::Relaxed) || (had_time && left > 0))
    }

    /// Waits until all threads have ended, or leaves the rest to the next start. Whether they have.
    fn wait(&self, end: Option<Instant>) -> bool {
        while !self.have_ended() {
            if end.is_some_and(|end| Instant::now() >= end) {
                self.shared.queue.abandon();
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Whether all threads have ended. Those that have are let go of.
    fn have_ended(&self) -> bool {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.extract_if(.., |thread| thread.is_finished()) {
            if thread.join().is_err() {
                self.shared.falls_short();
            }
        }
        threads.is_empty()
    }

    /// Bytes of the log that wait for being made into Parquet, without the open segment.
    pub fn unsealed_bytes(&self) -> u64 {
        self.shared.unsealed()
    }

    /// Tells the writer, which takes what it was told before the store was closed.
    fn send(&self, message: Message) -> Result<(), StoreError> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = messages.as_ref().ok_or(StoreError::Closed)?;
        // It is gone, though nobody closed the store: it panicked.
        messages.send(message).map_err(|_| StoreError::Failed)
    }
}

impl Store for DurableStore {
    fn store(&self, mut delivery: Delivery) -> Storing {
        // Nobody looks at them here, and what they hold should not wait for the disk.
        delivery.extensions.clear();
        let (answer, answered) = oneshot::channel();
        let sent = self.send(Message::Store(delivery, answer));
        Box::pin(async move {
            sent?;
            // Without an answer the thread has panicked, and nobody knows what became of the delivery.
            answered.await.unwrap_or(Err(StoreError::Failed))
        })
    }

    fn is_ready(&self) -> bool {
        let open = self.messages.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        open && !threads.iter().any(JoinHandle::is_finished) && !self.shared.failing.load(Ordering::Relaxed)
    }

    fn counts(&self) -> bool {
        true
    }
}

impl Drop for DurableStore {
    /// Waits for the writer, which ends with what it was sent, and for the segments that are being sealed: ten seconds at most, whether
    /// it was closed before or not.
    fn drop(&mut self) {
        self.shared.queue.abandon();
        self.close(Duration::from_secs(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealers_and_folders_take_no_more_files_than_there_may_be() {
        for (files, seal_threads, sealers, folders) in [
            (usize::MAX, 4, 4, 160),
            (664, 4, 4, 160),
            (663, 4, 3, 160),
            (496, 4, 2, 160),
            (172, 4, 1, 160),
            (171, 1, 1, 159),
            (34, 4, 1, 22),
            (20, 4, 1, 8),
            (0, 4, 1, 8),
            (usize::MAX, 1000, 64, 160),
        ] {
            let options = StoreOptions { seal_threads, files, ..StoreOptions::default() };
            assert_eq!((options.sealers().0, options.folders()), (sealers, folders), "{files}");
            assert!(options.open_files() <= files.max(20), "{files}: {}", options.open_files());
        }
    }
}
