//! Many sources, block by block, on several threads.
//!
//! Whoever is free takes the next block and does the work on it. So there is no thread that only reads, a block is in the
//! cache of the thread that works on it, and with one thread there is none but the caller's. Threads take turns at reading,
//! under a lock, but for files of lines: of those a thread takes a range, and reads it outside the lock; and for small files, of
//! which it takes many. Results wait until it is their turn; how many may wait is bounded, and with them the memory.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::hint;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::Poll;
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use spanwise::SpanBatch;
use spanwise::frame::Block;

use crate::blocks::{Blocks, Task};
use crate::error::ReadError;
use crate::settings::ReadSettings;
use crate::small_files::{MOST, SMALL, SmallFiles, Worked};
use crate::source::Source;
use crate::thread_count::{is_room, useful};

/// What a scan hands to the work: a block of a source, or why the source cannot be read, or not to its end.
#[derive(Debug)]
#[non_exhaustive]
pub struct Piece {
    /// The number of the source, in the order in which they were given, from 0.
    pub source: usize,
    /// How many sources, from that one on, the block holds, a line each. One, but for [`Scan::joining`].
    pub sources: usize,
    /// The block.
    pub block: Result<Block, ReadError>,
}

impl Piece {
    /// Whether `batch`, decoded from a block of this many sources, holds what the batches of each of them would have held: a
    /// document of each, no error, and all that was found. What was found in line `n` is about the `n`th of them.
    pub fn is_sum_of(sources: usize, batch: &SpanBatch) -> bool {
        batch.error_count() == 0 && batch.dropped_diagnostics() == 0 && batch.documents().len() == sources
    }
}

/// The blocks of all sources, one after the other. A source that cannot be read does not end the others.
struct Feed {
    sources: VecDeque<Source>,
    next_source: usize,
    blocks: Option<Blocks>,
    settings: ReadSettings,
    joins: bool,
    /// How many times something was taken.
    taken: u64,
}

/// What a thread takes in one turn.
enum Taken {
    /// A block of a source, or what it takes to have it.
    Task(usize, Task),
    Files(SmallFiles),
}

impl Feed {
    /// Leaves an empty one.
    fn take(&mut self) -> Self {
        let settings = self.settings.clone();
        let empty = Self {
            sources: VecDeque::new(),
            next_source: 0,
            blocks: None,
            settings,
            joins: self.joins,
            taken: 0,
        };
        std::mem::replace(self, empty)
    }

    /// What is to be done next.
    fn next(&mut self) -> Option<Taken> {
        loop {
            let source = self.next_source.saturating_sub(1);
            if let Some(blocks) = &mut self.blocks {
                match blocks.next_task() {
                    Some(task) => return Some(Taken::Task(source, task)),
                    None => self.blocks = None,
                }
            }
            if let Some(files) = self.small_files() {
                return Some(Taken::Files(files));
            }
            let source = self.sources.pop_front()?;
            self.next_source += 1;
            match Blocks::open(source, &self.settings) {
                Ok(blocks) => self.blocks = Some(blocks),
                Err(error) => return Some(Taken::Task(self.next_source - 1, Task::Ready(Err(error)))),
            }
        }
    }

    /// The small files that are next, as many as make a block, if there are several.
    fn small_files(&mut self) -> Option<SmallFiles> {
        let mut left = self.settings.sizes.block as u64;
        let is_small = |source: &&Source| {
            let length = matches!(source, Source::File(_)).then(|| source.length()).flatten();
            let room = length.filter(|length| *length <= SMALL).and_then(|length| left.checked_sub(length));
            left = room.unwrap_or(left);
            room.is_some()
        };
        let count = self.sources.iter().take(MOST).take_while(is_small).count();
        if count < 2 {
            return None;
        }
        let files = self.sources.drain(..count).collect();
        let first = self.next_source;
        self.next_source += count;
        Some(SmallFiles { first, files, settings: self.settings.clone(), joins: self.joins })
    }
}

impl Taken {
    /// Does the work on what was taken.
    fn work<T>(self, worked: &mut Worked<'_, T>) {
        match self {
            Self::Task(source, task) => {
                if let Some(block) = task.done() {
                    worked.results.extend((worked.work)(Piece { source, sources: 1, block }));
                }
            }
            Self::Files(files) => files.work(worked),
        }
    }
}

type Work<T> = Box<dyn FnMut(Piece) -> Option<T> + Send>;

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
#[must_use = "a scan that is dropped ends"]
pub struct Scan<T>(Mode<T>);

/// How many threads it has, and none of what they read or made of it.
impl<T> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = match &self.0 {
            Mode::Here(_) => 1,
            Mode::There(threads) => threads.threads.len(),
        };
        f.debug_struct("Scan").field("threads", &threads).finish_non_exhaustive()
    }
}

enum Mode<T> {
    /// On the caller's thread, as results are asked for.
    Here(Box<Here<T>>),
    There(Threads<T>),
}

impl<T: Send + 'static> Scan<T> {
    /// A scan on `threads` threads: 0 means as many as the machine has, 1 the caller's own. There are no more of them than the
    /// sources are good for, nor than the system lets there be, nor than 512. Each has its own work, which `worker` makes.
    pub fn new<W: FnMut(Piece) -> T + Send + 'static>(
        sources: Vec<Source>,
        settings: ReadSettings,
        threads: usize,
        worker: impl Fn() -> W,
    ) -> Self {
        let worker = || {
            let mut work = worker();
            move |piece| Some(work(piece))
        };
        Self::with_joining(sources, settings, threads, worker, false)
    }

    /// The same, with small files joined: a piece may hold several sources ([`Piece::sources`]), files of one line each that come
    /// one after the other. Where that does not make what each alone would have made ([`Piece::is_sum_of`]), the work is to do
    /// nothing and give `None`: then it is given each of the sources alone.
    ///
    /// Of a folder with a file for each request this makes batches as large as those of one file with all requests.
    ///
    /// ```
    /// use spanwise::{Decoder, SpanBatch};
    /// use spanwise_io::{Piece, ReadSettings, Scan, Source};
    /// let folder = tempfile::tempdir()?;
    /// let paths = ["a.json", "b.json", "c.json"].map(|name| folder.path().join(name));
    /// for path in &paths {
    ///     std::fs::write(path, r#"{"resourceSpans":[{"resource":{}}]}"#)?;
    /// }
    /// let settings = ReadSettings::default();
    /// let options = settings.decode;
    /// let scan = Scan::joining(paths.map(Source::File).into(), settings, 1, move || {
    ///     let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
    ///     move |piece| {
    ///         decoder.decode_framed(piece.block.ok()?, &mut batch).ok()?;
    ///         let taken = piece.sources == 1 || Piece::is_sum_of(piece.sources, &batch);
    ///         taken.then(|| (piece.source, batch.documents().len()))
    ///     }
    /// });
    /// assert_eq!(scan.collect::<Vec<_>>(), [(0, 3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn joining<W: FnMut(Piece) -> Option<T> + Send + 'static>(
        sources: Vec<Source>,
        settings: ReadSettings,
        threads: usize,
        worker: impl Fn() -> W,
    ) -> Self {
        Self::with_joining(sources, settings, threads, worker, true)
    }

    fn with_joining<W: FnMut(Piece) -> Option<T> + Send + 'static>(
        sources: Vec<Source>,
        settings: ReadSettings,
        threads: usize,
        worker: impl Fn() -> W,
        joins: bool,
    ) -> Self {
        let threads = useful(threads, &sources, &settings);
        let feed = Feed { sources: sources.into(), next_source: 0, blocks: None, settings, joins, taken: 0 };
        if threads == 1 {
            return Self::here(feed, worker());
        }
        Self::there(feed, threads, worker)
    }

    fn here(feed: Feed, work: impl FnMut(Piece) -> Option<T> + Send + 'static) -> Self {
        Self(Mode::Here(Box::new(Here { feed, work: Box::new(work), ready: VecDeque::new() })))
    }

    fn there<W: FnMut(Piece) -> Option<T> + Send + 'static>(
        feed: Feed,
        wanted: usize,
        worker: impl Fn() -> W,
    ) -> Self {
        let settings = feed.settings.clone();
        let shared = Arc::new(Shared {
            feed: Mutex::new(feed),
            state: Mutex::new(State {
                waiting: BTreeMap::new(),
                ready: VecDeque::new(),
                turn: (0, 0),
                in_flight: 0,
                working: wanted,
                stopped: false,
            }),
            changed: Condvar::new(),
            // Each thread has one in work and one that waits for its turn.
            most: wanted * 2,
        });
        let spawn = |before| {
            if !is_room(before + 1, &settings) {
                return None;
            }
            let (shared, work) = (Arc::clone(&shared), worker());
            let (tell, has_begun) = mpsc::channel();
            let run = move || {
                // With its first allocation a thread takes the memory that it will allocate from.
                drop(hint::black_box(Box::new(0_u8)));
                let _ = tell.send(());
                shared.run(work);
            };
            let thread = Builder::new().spawn(run).ok()?;
            // Where memory is bounded, the room for the next is what this one has left.
            let _ = has_begun.recv();
            Some(thread)
        };
        // Where there can be no more, those that there are do it all.
        let threads: Vec<_> = (0..wanted).map_while(spawn).collect();
        if threads.is_empty() {
            return Self::here(lock(&shared.feed).take(), worker());
        }
        let mut state = lock(&shared.state);
        state.working -= wanted - threads.len();
        drop(state);
        Self(Mode::There(Threads { shared, threads }))
    }
}

impl<T> Scan<T> {
    /// The next result, as [`Iterator::next`], but waits no longer than `patience` for other threads: for callers that have to
    /// look after something else meanwhile. On the caller's own thread the work is done, however long it takes.
    pub fn poll(&mut self, patience: Duration) -> Poll<Option<T>> {
        match &mut self.0 {
            Mode::Here(here) => Poll::Ready(here.next()),
            Mode::There(threads) => threads.poll(Some(patience)),
        }
    }
}

impl<T> Iterator for Scan<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Mode::Here(here) => here.next(),
            Mode::There(threads) => match threads.poll(None) {
                Poll::Ready(result) => result,
                // Only patience runs out.
                Poll::Pending => None,
            },
        }
    }
}

/// All on one thread.
struct Here<T> {
    feed: Feed,
    work: Work<T>,
    /// Results of small files, which are worked on together.
    ready: VecDeque<T>,
}

impl<T> Here<T> {
    fn next(&mut self) -> Option<T> {
        while self.ready.is_empty() {
            let taken = self.feed.next()?;
            let ready = &mut self.ready;
            let mut give = |results: Vec<T>| {
                ready.extend(results);
                true
            };
            let mut worked = Worked { work: &mut self.work, give: &mut give, results: Vec::new() };
            taken.work(&mut worked);
            let rest = worked.results;
            self.ready.extend(rest);
        }
        self.ready.pop_front()
    }
}

/// What came of what was taken in one turn, or a part of it.
struct Results<T> {
    /// None of a range behind one that could not be read.
    results: Vec<T>,
    /// Nothing more comes of it.
    last: bool,
}

/// The number of a turn, and of a part of what came of it.
type Turn = (u64, u64);

struct State<T> {
    /// Results whose turn has not come.
    waiting: BTreeMap<Turn, Results<T>>,
    /// Results to be given next.
    ready: VecDeque<T>,
    /// Whose turn it is.
    turn: Turn,
    /// Turns that were taken, or are about to be, and parts of their results, that were not given.
    in_flight: usize,
    /// Threads that have not ended.
    working: usize,
    stopped: bool,
}

impl<T> State<T> {
    /// The next result. Says whether room was made by that.
    fn next(&mut self) -> (Option<T>, bool) {
        let mut room = false;
        while self.ready.is_empty() {
            let Some(Results { results, last }) = self.waiting.remove(&self.turn) else { break };
            let (turn, part) = self.turn;
            self.turn = if last { (turn + 1, 0) } else { (turn, part + 1) };
            self.in_flight -= 1;
            room = true;
            self.ready.extend(results);
        }
        (self.ready.pop_front(), room)
    }
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
    fn run(&self, mut work: impl FnMut(Piece) -> Option<T>) {
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
            let Some(taken) = feed.next() else {
                lock(&self.state).in_flight -= 1;
                return;
            };
            let turn = feed.taken;
            feed.taken += 1;
            drop(feed);
            let mut part = 0;
            let mut give = |results: Vec<T>| {
                let goes_on = self.give((turn, part), results);
                part += 1;
                goes_on
            };
            let mut worked = Worked { work: &mut work, give: &mut give, results: Vec::new() };
            taken.work(&mut worked);
            let results = worked.results;
            lock(&self.state).waiting.insert((turn, part), Results { results, last: true });
            self.changed.notify_all();
        }
    }

    /// Hands a part of the results of a turn over, and waits until there is room for the next one; not if all before that are
    /// given, since nothing else would be. Says whether to go on.
    fn give(&self, (turn, part): Turn, results: Vec<T>) -> bool {
        let mut state = lock(&self.state);
        state.waiting.insert((turn, part), Results { results, last: false });
        self.changed.notify_all();
        while state.in_flight >= self.most && state.turn != (turn, part + 1) && !state.stopped {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.in_flight += 1;
        !state.stopped
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
        // Where there is no such time, it never comes.
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut state = lock(&self.shared.state);
        loop {
            let (result, room) = state.next();
            if room {
                self.shared.changed.notify_all();
            }
            if result.is_some() {
                return Poll::Ready(result);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_room_for_no_thread_the_caller_does_it() {
        let mut settings = ReadSettings::default();
        let feed = |settings: &ReadSettings| Feed {
            sources: vec![Source::Bytes("{}\n{}\n".into())].into(),
            next_source: 0,
            blocks: None,
            settings: settings.clone(),
            joins: false,
            taken: 0,
        };
        let scan = Scan::there(feed(&settings), 2, || |piece: Piece| Some(piece.block.is_ok()));
        assert!(matches!(scan.0, Mode::There(_)));
        assert_eq!(scan.collect::<Vec<_>>(), [true]);
        settings.sizes.block = usize::MAX;
        let scan = Scan::there(feed(&settings), 2, || |piece: Piece| Some(piece.block.is_ok()));
        assert!(matches!(scan.0, Mode::Here(_)));
        assert_eq!(scan.collect::<Vec<_>>(), [true]);
    }
}
