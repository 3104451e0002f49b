//! Small files, many at a time.
//!
//! A folder of deliveries has a file for each, and a file by itself costs more than what is in it: a turn under the lock, a
//! batch, a table of a few rows. So a thread takes a run of them in one turn and reads them outside the lock. Where the work
//! can do with it, files of one document each, on one line, are put behind one another as the lines of one block. Nothing is
//! lost with that as long as there is nothing to say of any of them; otherwise each comes alone, as it would have.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use spanwise::frame::{Block, LineNumber};

use crate::blocks::Blocks;
use crate::input::Input;
use crate::scan::Piece;
use crate::settings::ReadSettings;
use crate::source::Source;

/// Bytes of a file that is small, as it is stored.
pub(crate) const SMALL: u64 = 64 << 10;
/// Bytes of the text of one that is joined with others: it may be compressed.
const MOST_TEXT: usize = 256 << 10;
/// Bytes that are reserved for a block, at most.
const ROOM: usize = 2 << 20;
/// Files of one run, at most.
pub(crate) const MOST: usize = 256;
/// Results that are given at once, of files that come alone: what they hold is bounded by blocks.
const AT_ONCE: usize = 32;

/// Small files, one after the other.
pub(crate) struct SmallFiles {
    /// The number of the first.
    pub(crate) first: usize,
    pub(crate) files: Vec<Source>,
    pub(crate) settings: ReadSettings,
    /// Whether the work can do with several in one block.
    pub(crate) joins: bool,
}

/// Whether a thread is to go on.
pub(crate) type GoesOn = bool;

/// Does the work on pieces, and hands its results over.
pub(crate) struct Worked<'a, T> {
    pub(crate) work: &'a mut dyn FnMut(Piece) -> Option<T>,
    /// Takes results whose turn comes after those before.
    pub(crate) give: &'a mut dyn FnMut(Vec<T>) -> GoesOn,
    pub(crate) results: Vec<T>,
}

impl<T> Worked<'_, T> {
    fn piece(&mut self, piece: Piece) -> GoesOn {
        self.results.extend((self.work)(piece));
        self.results.len() < AT_ONCE || self.flush()
    }

    fn flush(&mut self) -> GoesOn {
        (self.give)(std::mem::take(&mut self.results))
    }
}

impl SmallFiles {
    /// Does the work on all of them, until it need not go on. The last results are left in `worked`.
    pub(crate) fn work<T>(self, worked: &mut Worked<'_, T>) {
        let mut joining = Joining::new(&self.settings);
        for (number, source) in (self.first..).zip(self.files) {
            let added = if self.joins { joining.add(number, &source) } else { Added::Unread };
            let goes_on = match added {
                Added::Joined if joining.is_full() => joining.flush(worked),
                Added::Joined => true,
                Added::Read(text) => {
                    joining.flush(worked) && alone(number, Source::Bytes(text), &joining.uncounted, worked)
                }
                Added::Unread => joining.flush(worked) && alone(number, source, &self.settings, worked),
            };
            if !goes_on {
                return;
            }
        }
        joining.flush(worked);
    }
}

/// Files that are put into one block.
struct Joining {
    text: Vec<u8>,
    /// The number of the first.
    first: usize,
    /// Of each, in the text.
    files: Vec<Range<usize>>,
    block: usize,
    /// Where bytes are counted that are read.
    bytes_read: Arc<AtomicU64>,
    /// To read what is counted already, or may be read again.
    uncounted: ReadSettings,
}

/// What became of a file.
enum Added {
    Joined,
    /// It is read, and is no line.
    Read(Bytes),
    /// It is to be read by itself.
    Unread,
}

impl Joining {
    fn new(settings: &ReadSettings) -> Self {
        Self {
            text: Vec::new(),
            first: 0,
            files: Vec::new(),
            block: settings.sizes.block,
            bytes_read: Arc::clone(&settings.bytes_read),
            uncounted: ReadSettings { bytes_read: Arc::default(), ..settings.clone() },
        }
    }

    fn add(&mut self, number: usize, source: &Source) -> Added {
        let Source::File(path) = source else { return Added::Unread };
        let counted = &self.uncounted.bytes_read;
        counted.store(0, Ordering::Relaxed);
        let Ok(mut input) = Input::open(Source::File(path.clone()), &self.uncounted) else {
            return Added::Unread;
        };
        let begin = self.text.len();
        if begin == 0 {
            self.text.reserve(self.block.min(ROOM));
        }
        // What is wrong with it, or that it is larger, is seen again when it is read by itself.
        let read = input.read(&mut self.text, MOST_TEXT + 1);
        let is_whole = read.is_ok_and(|read| read <= MOST_TEXT);
        let text = self.text.get(begin..).unwrap_or_default();
        let is_line = is_line(text);
        // What was compressed must not be taken for what is, once more.
        if !is_whole || !is_line && input.compression().is_some() {
            self.text.truncate(begin);
            return Added::Unread;
        }
        self.bytes_read.fetch_add(counted.load(Ordering::Relaxed), Ordering::Relaxed);
        if !is_line {
            let text = Bytes::copy_from_slice(text);
            self.text.truncate(begin);
            return Added::Read(text);
        }
        if self.files.is_empty() {
            self.first = number;
        }
        self.files.push(begin..self.text.len());
        if self.text.last() != Some(&b'\n') {
            self.text.push(b'\n');
        }
        Added::Joined
    }

    /// Whether it is as large as a block.
    fn is_full(&self) -> bool {
        self.text.len() >= self.block
    }

    /// Does the work on what there is, on all together or, if it cannot be done so, on each alone.
    fn flush<T>(&mut self, worked: &mut Worked<'_, T>) -> GoesOn {
        let (mut text, files, first) =
            (std::mem::take(&mut self.text), std::mem::take(&mut self.files), self.first);
        let Some(last) = files.last() else { return true };
        // The last ends as it ends.
        text.truncate(last.end);
        let bytes = Bytes::from(text);
        if files.len() > 1 {
            let block = Ok(Block::of_lines(bytes.clone(), 0, LineNumber::default(), true));
            if let Some(result) = (worked.work)(Piece { source: first, sources: files.len(), block }) {
                worked.results.push(result);
                return worked.flush();
            }
        }
        (first..)
            .zip(files)
            .all(|(number, file)| alone(number, Source::Bytes(bytes.slice(file)), &self.uncounted, worked))
    }
}

/// Whether a text is one line, at most, and looks like one document.
fn is_line(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    text.first() == Some(&b'{') && text.last() == Some(&b'}') && memchr::memchr(b'\n', text).is_none()
}

/// Does the work on a source by itself.
fn alone<T>(number: usize, source: Source, settings: &ReadSettings, worked: &mut Worked<'_, T>) -> GoesOn {
    match Blocks::open(source, settings) {
        Ok(mut blocks) => blocks.all(|block| worked.piece(Piece { source: number, sources: 1, block })),
        Err(error) => worked.piece(Piece { source: number, sources: 1, block: Err(error) }),
    }
}
