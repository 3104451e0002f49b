//! An open source: its text, decompressed as it is read.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use crate::ahead::{Ahead, Origin, Readings};
use crate::compression::{Compression, Trailing, possible_window, wants_more};
use crate::error::{ReadError, ReadErrorKind};
use crate::positional::{FileReader, check_end};
use crate::source::Source;
use crate::twice::standard_input;

/// Most that is reserved at once, in bytes: a setting may ask for blocks of any size.
const MOST_AT_ONCE: usize = 64 << 20;

/// What a source's own bytes told: how many were read, and whether reading them failed.
#[derive(Debug, Default)]
struct Meter {
    /// Of all sources.
    read: Arc<AtomicU64>,
    /// Of this one alone, where it is compressed.
    own: AtomicU64,
    failed: AtomicBool,
}

/// Counts the bytes of a source before they are decompressed.
struct Metered {
    source: Box<dyn Read + Send>,
    meter: Arc<Meter>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.source.read(buffer) {
            Ok(count) => {
                self.meter.read.fetch_add(count as u64, Ordering::Relaxed);
                self.meter.own.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.meter.failed.store(true, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }
}

/// A file as it was when it was opened.
struct Opened {
    file: Arc<File>,
    /// Where it is read from.
    begin: u64,
    length: u64,
}

impl Opened {
    fn of(file: &Arc<File>, begin: u64) -> io::Result<Option<Self>> {
        let there = file.metadata()?;
        Ok(there.is_file().then(|| Self { file: Arc::clone(file), begin, length: there.len() }))
    }
}

/// The text of one source, decompressed as it is read.
///
/// ```
/// use spanwise_io::spanwise::bytes::Bytes;
/// use spanwise_io::{Input, ReadSettings, Source};
/// let source = Source::Bytes(Bytes::from_static(b"{\"resourceSpans\":[]}\n"));
/// let mut input = Input::open(source, &ReadSettings::default())?;
/// let mut text = Vec::new();
/// while input.read(&mut text, 64 << 10)? > 0 {}
/// assert_eq!((text.len(), input.compression()), (21, None));
/// # Ok::<(), spanwise_io::ReadError>(())
/// ```
pub struct Input {
    reader: Box<dyn Read + Send>,
    /// All of it, if it is in memory and not compressed.
    whole: Option<Bytes>,
    /// The file, if it is one that can be read at any place, and not compressed.
    plain: Option<Arc<File>>,
    /// The file, if it is one, to see whether it has become shorter.
    opened: Option<Opened>,
    /// Where it can be read again from.
    origin: Option<Origin>,
    compression: Option<Compression>,
    meter: Arc<Meter>,
    length: Option<u64>,
    delivered: u64,
    bound: u64,
    /// Bytes that a window may have, as a power of two.
    window: u32,
}

/// How much was read of it, and none of what it says.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("compression", &self.compression)
            .field("length", &self.length)
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}

impl Input {
    /// Opens a source and looks at its first bytes.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn open(source: Source, settings: &crate::ReadSettings) -> Result<Self, ReadError> {
        let (mut whole, mut plain, mut opened, mut origin) = (None, None, None, None);
        let (mut reader, length): (Box<dyn Read + Send>, _) = match source {
            Source::Stdin => {
                if let Some((file, begin)) = standard_input() {
                    let file = Arc::new(file);
                    opened = Opened::of(&file, begin)?;
                    origin = Some(Origin::File(FileReader::new(file, begin, None)));
                }
                (Box::new(io::stdin()), None)
            }
            Source::File(path) => {
                let file = Arc::new(File::open(path)?);
                if file.metadata()?.is_dir() {
                    return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
                }
                opened = Opened::of(&file, 0)?;
                plain = opened.as_ref().map(|opened| Arc::clone(&opened.file));
                origin = plain.as_ref().map(|file| Origin::File(FileReader::new(Arc::clone(file), 0, None)));
                (Box::new(file), opened.as_ref().map(|opened| opened.length))
            }
            Source::Bytes(bytes) => {
                let length = bytes.len() as u64;
                whole = Some(bytes.clone());
                origin = Some(Origin::Bytes(bytes.clone()));
                (Box::new(Cursor::new(bytes)), Some(length))
            }
            Source::Kept(kept) => {
                let reader = kept.reader();
                let (file, begin) = reader.place();
                opened = Opened::of(file, begin)?.filter(|_| reader.failed().is_none());
                origin = Some(Origin::File(reader.clone()));
                (Box::new(reader), kept.length())
            }
            Source::Reader(reader) => (reader, None),
        };
        let (head, compression) = Compression::of_source(&mut reader)?;
        let meter = Arc::new(Meter { read: Arc::clone(&settings.bytes_read), ..Meter::default() });
        let source: Box<dyn Read + Send> = Box::new(Cursor::new(head).chain(reader));
        let reader = if let Some(compression) = compression {
            (whole, plain) = (None, None);
            // From its beginning, as a second reading has it, which does not move this one, whatever the system.
            let source = origin.as_ref().map_or(source, |origin| origin.reader(0));
            let metered = Box::new(Metered { source, meter: Arc::clone(&meter) });
            compression.reader(metered, settings.window_log)?
        } else {
            // What is read is what is stored. A reader of our own in between would have every buffer zeroed first.
            source
        };
        Ok(Self {
            reader,
            whole,
            plain,
            opened,
            origin,
            compression,
            meter,
            length,
            delivered: 0,
            bound: settings.inflated_bytes,
            window: possible_window(settings.window_log),
        })
    }

    /// How it is compressed.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// How many bytes it has as it is stored, where known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Bytes of text that were read.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// All of it, if it is in memory and not compressed.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        let whole = self.whole.take()?;
        self.meter.read.fetch_add(whole.len() as u64, Ordering::Relaxed);
        Some(whole)
    }

    /// The file, if it is one that can be read at any place, and not compressed.
    pub(crate) fn plain(&self) -> Option<&Arc<File>> {
        self.plain.as_ref()
    }

    /// A second reading, if there can be one.
    pub(crate) fn ahead(&self) -> Option<Ahead> {
        let origin = match self.origin.clone()? {
            // What it ended with is told by whoever reads the blocks.
            Origin::File(file) => Origin::File(file.without_failure()),
            bytes @ Origin::Bytes(_) => bytes,
        };
        let (compression, window, bound) = (self.compression, self.window, self.bound);
        Some(Ahead { origin, compression, window, bound, readings: Readings::default() })
    }

    /// Gives what was read from `offset` on back, for others to read, and to count.
    pub(crate) fn give_back(&mut self, offset: u64) {
        let again = self.delivered.saturating_sub(offset);
        self.meter.read.fetch_sub(again, Ordering::Relaxed);
        self.delivered -= again;
    }

    /// Goes on at `offset`, where it can be read at any place.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        if let Some(file) = &self.plain {
            (&**file).seek(SeekFrom::Start(offset))?;
            self.reader = Box::new(Arc::clone(file));
            self.delivered = offset;
        }
        Ok(())
    }

    /// Appends up to `size` bytes of text, fewer only at the end, and returns how many.
    ///
    /// # Errors
    /// It cannot be read, is a file that became shorter, or its compression is at fault; what was good before is appended.
    pub fn read(&mut self, text: &mut Vec<u8>, size: usize) -> Result<usize, ReadError> {
        let before = text.len();
        let size = match self.compression {
            // One byte more tells that there is more.
            Some(_) => {
                let within = self.bound.saturating_sub(self.delivered).saturating_add(1);
                size.min(usize::try_from(within).unwrap_or(usize::MAX))
            }
            None => size,
        };
        // At once, since growing step by step copies what is there at each step; yet no more than a source is known to
        // have, and not without bound where it is not known.
        let left = match (self.length, self.compression) {
            (Some(length), None) => {
                usize::try_from(length.saturating_sub(self.delivered)).unwrap_or(usize::MAX)
            }
            _ => usize::MAX,
        };
        // One byte beyond the end tells the reader that it is one.
        let room = size.min(left.saturating_add(1)).min(MOST_AT_ONCE);
        if before < room {
            text.reserve_exact(room);
        } else {
            text.reserve(room);
        }
        let result = self.reader.by_ref().take(size as u64).read_to_end(text);
        let read = text.len() - before;
        self.delivered += read as u64;
        if self.compression.is_none() {
            self.meter.read.fetch_add(read as u64, Ordering::Relaxed);
        }
        if let Err(error) = result {
            return Err(self.error(error));
        }
        if self.compression.is_some() && self.delivered > self.bound {
            text.truncate(
                before + read - usize::try_from(self.delivered - self.bound).unwrap_or(read).min(read),
            );
            return Err(ReadError::new(ReadErrorKind::Inflated, self.bound));
        }
        if read < size {
            self.check_end().map_err(|error| ReadError::new(ReadErrorKind::Io(error), self.delivered))?;
        }
        Ok(read)
    }

    /// That it may end where it did.
    fn check_end(&self) -> io::Result<()> {
        let Some(Opened { file, begin, length }) = &self.opened else { return Ok(()) };
        let read = match self.compression {
            Some(_) => self.meter.own.load(Ordering::Relaxed),
            None => self.delivered,
        };
        check_end(file, begin.saturating_add(read), *length)
    }

    fn error(&self, error: io::Error) -> ReadError {
        let kind = match self.compression {
            Some(compression) if !self.meter.failed.load(Ordering::Relaxed) => {
                if error.get_ref().and_then(|inner| inner.downcast_ref::<Trailing>()).is_some() {
                    ReadErrorKind::Trailing(compression)
                } else if error.kind() == io::ErrorKind::UnexpectedEof {
                    ReadErrorKind::CutOff(compression)
                } else if wants_more(&error) {
                    ReadErrorKind::Window { compression, most: 1 << self.window }
                } else {
                    ReadErrorKind::Corrupt(compression)
                }
            }
            _ => ReadErrorKind::Io(error),
        };
        ReadError::new(kind, self.delivered)
    }
}
