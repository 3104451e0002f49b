//! Many sources, block by block, on several threads.
//!
//! Whoever is free takes the next block and does the work on it. So there is no thread that only reads, a block is in the
//! cache of the thread that works on it, and with one thread there is none but the caller's. Threads take turns at reading,
//! under a lock, but for files of lines: of those a thread takes a range, and reads it outside the lock. Results wait until it is their turn; how many may wait is bounded, and with them the memory.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use spanwise::frame::Block;

use crate::blocks::{Blocks, Task};
use crate::error::ReadError;
use crate::settings::ReadSettings;
use crate::source::Source;

/// What a scan hands to the work: a block of a source, or why the source cannot be read, or not to its end.
#[derive(Debug)]
pub struct Piece {
    /// The number of the source, in the order in which they were given, from 0.
    pub source: usize,
    /// The block.
    pub block: Result<Block, ReadError>,
}

/// The blocks of all sources, one after the other. A source that cannot be read does not end the others.
struct Feed {
    sources: VecDeque<Source>,
    next_source: usize,
    blocks: Option<Blocks>,
    settings: ReadSettings,
    /// How many pieces were taken.
    taken: u64,
}

impl Feed {
    /// What the next piece takes.
    fn next(&mut self) -> Option<(usize, Task)> {
        loop {
            let source = self.next_source.saturating_sub(1);
            if let Some(blocks) = &mut self.blocks {
                match blocks.next_task() {
                    Some(task) => return Some((source, task)),
                    None => self.blocks = None,
                }
            }
            let source = self.sources.pop_front()?;
            self.next_source += 1;
            match Blocks::open(source, &self.settings) {
                Ok(blocks) => self.blocks = Some(blocks),
                Err(error) => return Some((self.next_source - 1, Task::Ready(Err(error)))),
            }
        }
    }

    /// The next piece.
    fn piece(&mut self) -> Option<Piece> {
        loop {
            let (source, task) = self.next()?;
            if let Some(block) = task.done() {
                return Some(Piece { source, block });
            }
        }
    }
}

type Work<T> = Box<dyn FnMut(Piece) -> T + Send>;

/// Goes through sources and gives the results of the work on their blocks, in the order of the blocks. Dropping it stops the
/// work.
///
/// ```
/// use spanwise::{Decoder, SpanBatch};
/// use spanwise_io::{ReadSettings, Scan, Source};
/// let settings = ReadSettings::default();
/// let options = settings.decode;
/// let sources = vec![Source::Bytes("{}\n{}\n".into()), Source::File("no-such-file".into())];
/// let scan = Scan::new(sources, settings, 2, move || {
///     let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
///     move |piece| {
///         decoder.decode_framed(piece.block.ok()?, &mut batch).ok()?;
///         Some(batch.documents().len())
///     }
/// });
/// assert_eq!(scan.collect::<Vec<_>>(), [Some(2), None]);
/// ```
pub struct Scan<T>(Mode<T>);

enum Mode<T> {
    /// On the caller's thread, as results are asked for.
    Here {
        feed: Box<Feed>,
        work: Work<T>,
    },
    There(Threads<T>),
}

impl<T: Send + 'static> Scan<T> {
    /// A scan on `threads` threads: 0 means as many as the machine has, 1 the caller's own. Each has its own work, which
    /// `worker` makes.
    pub fn new<W: FnMut(Piece) -> T + Send + 'static>(
        sources: Vec<Source>,
        settings: ReadSettings,
        threads: usize,
        worker: impl Fn() -> W,
    ) -> Self {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            threads => threads,
        };
        let feed = Feed { sources: sources.into(), next_source: 0, blocks: None, settings, taken: 0 };
        if threads == 1 {
            return Self(Mode::Here { feed: Box::new(feed), work: Box::new(worker()) });
        }
        let shared = Arc::new(Shared {
            feed: Mutex::new(feed),
            state: Mutex::new(State {
                waiting: BTreeMap::new(),
                given: 0,
                in_flight: 0,
                working: threads,
                stopped: false,
            }),
            changed: Condvar::new(),
            // Each thread has one in work and one that waits for its turn.
            most: threads * 2,
        });
        let threads = (0..threads)
            .map(|_| {
                let (shared, work) = (Arc::clone(&shared), worker());
                thread::spawn(move || shared.run(work))
            })
            .collect();
        Self(Mode::There(Threads { shared, threads }))
    }
}

impl<T> Scan<T> {
    /// The next result, as [`Iterator::next`], but waits no longer than `patience` for other threads: for callers that have to
    /// look after something else meanwhile. On the caller's own thread the work is done, however long it takes.
    pub fn poll(&mut self, patience: Duration) -> Poll<Option<T>> {
        match &mut self.0 {
            Mode::Here { feed, work } => Poll::Ready(feed.piece().map(work)),
            Mode::There(threads) => threads.poll(Some(patience)),
        }
    }
}

impl<T> Iterator for Scan<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Mode::Here { feed, work } => feed.piece().map(work),
            Mode::There(threads) => match threads.poll(None) {
                Poll::Ready(result) => result,
                // Only patience runs out.
                Poll::Pending => None,
            },
        }
    }
}

struct State<T> {
    /// Results whose turn has not come; none of a range behind one that could not be read.
    waiting: BTreeMap<u64, Option<T>>,
    /// How many results were given.
    given: u64,
    /// Pieces that were taken, or are about to be, and whose results were not given.
    in_flight: usize,
    /// Threads that have not ended.
    working: usize,
    stopped: bool,
}

struct Shared<T> {
    feed: Mutex<Feed>,
    state: Mutex<State<T>>,
    changed: Condvar,
    most: usize,
}

/// A thread that panicked leaves nothing half done behind: counters and a map of whole results.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that a thread has ended, however it did.
struct Ending<'a, T>(&'a Shared<T>);

impl<T> Drop for Ending<'_, T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.working -= 1;
        // The result of a thread that panicked never comes: nobody is to wait for his turn after it.
        state.stopped |= thread::panicking();
        drop(state);
        self.0.changed.notify_all();
    }
}

impl<T> Shared<T> {
    fn run(&self, mut work: impl FnMut(Piece) -> T) {
        let _ending = Ending(self);
        loop {
            let mut state = lock(&self.state);
            while state.in_flight >= self.most && !state.stopped {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stopped {
                return;
            }
            state.in_flight += 1;
            drop(state);
            let mut feed = lock(&self.feed);
            let Some((source, task)) = feed.next() else {
                lock(&self.state).in_flight -= 1;
                return;
            };
            let number = feed.taken;
            feed.taken += 1;
            drop(feed);
            let result = task.done().map(|block| work(Piece { source, block }));
            lock(&self.state).waiting.insert(number, result);
            self.changed.notify_all();
        }
    }
}

struct Threads<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

/// How long a scan that is dropped waits for its threads. One that hangs in a read ends when the read does.
const FAREWELL: Duration = Duration::from_secs(1);

impl<T> Threads<T> {
    fn poll(&mut self, patience: Option<Duration>) -> Poll<Option<T>> {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut state = lock(&self.shared.state);
        loop {
            let next = state.given;
            if let Some(result) = state.waiting.remove(&next) {
                state.given += 1;
                state.in_flight -= 1;
                self.shared.changed.notify_all();
                if result.is_some() {
                    return Poll::Ready(result);
                }
                continue;
            }
            if state.working == 0 {
                break;
            }
            let changed = &self.shared.changed;
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Poll::Pending,
                Some(left) => changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        drop(state);
        // A panic of the work is the caller's, as it would be on one thread.
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        Poll::Ready(None)
    }
}

impl<T> Drop for Threads<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.stopped = true;
        self.shared.changed.notify_all();
        let until = Instant::now() + FAREWELL;
        while state.working > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
