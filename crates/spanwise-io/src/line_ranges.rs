//! A file of lines in byte ranges, which threads read side by side.
//!
//! A range is a block: it begins with a line and ends behind the first line feed from the size of a block on, as a framer
//! would have it, so that blocks are the same whoever cuts. To find that line feed takes a small read, which is all that is
//! done in turn; the range itself is read by whoever takes it, at its place in the file. Its first line is the one behind the
//! range before, which is told from one to the next.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use spanwise::frame::{Block, Buffers, LineNumber};

use crate::error::{ReadError, ReadErrorKind};
use crate::positional::{check_end, read_at, read_exact_at};
use crate::settings::ReadSettings;

/// Bytes in which the end of a range is looked for at first, and at most.
const LOOK: (usize, usize) = (32 << 10, 1 << 20);

/// Bytes of a range, at most, whatever the settings: an index into a block has 31 bits.
const MOST: usize = 1 << 30;

/// What comes next.
pub(crate) enum Next {
    Range(LineRange),
    /// A block for a framer, of more than a document's bound; where it begins, and with which line.
    Large(u64, LineNumber),
    /// Nothing, or nothing more after a range that could not be read.
    End,
}

/// See the module's head.
pub(crate) struct LineRanges {
    file: Arc<File>,
    /// How long it was when it was opened.
    length: u64,
    /// Where the next range begins.
    at: u64,
    /// Its line, as soon as the range before was read.
    line: Receiver<LineNumber>,
    block: usize,
    most: usize,
    looked: Vec<u8>,
    buffers: Buffers,
    meter: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
}

/// One range, to be read.
pub(crate) struct LineRange {
    file: Arc<File>,
    range: Range<u64>,
    /// The file ends with it.
    last: bool,
    before: Receiver<LineNumber>,
    after: SyncSender<LineNumber>,
    buffers: Buffers,
    meter: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
}

impl LineRanges {
    /// The ranges from `offset` on, where this line begins, of a file that had this length when it was opened.
    pub(crate) fn new(
        (file, length): (Arc<File>, u64),
        offset: u64,
        line: LineNumber,
        settings: &ReadSettings,
        buffers: Buffers,
    ) -> Self {
        let (tell, told) = sync_channel(1);
        // There is room for it, and somebody who will hear.
        let _ = tell.send(line);
        Self {
            file,
            length,
            at: offset,
            line: told,
            block: settings.sizes.block,
            // As a framer has it: no document is large that fits into a block.
            most: settings.sizes.document.max(settings.sizes.block).min(MOST),
            looked: Vec::new(),
            buffers,
            meter: Arc::clone(&settings.bytes_read),
            failed: Arc::default(),
        }
    }

    pub(crate) fn next(&mut self) -> io::Result<Next> {
        if self.failed.load(Ordering::Relaxed) {
            return Ok(Next::End);
        }
        let Some((end, last)) = self.end()? else {
            return Ok(self.line.recv().map_or(Next::End, |line| Next::Large(self.at, line)));
        };
        if end == self.at {
            return Ok(Next::End);
        }
        let (after, line) = sync_channel(1);
        let before = std::mem::replace(&mut self.line, line);
        let range = std::mem::replace(&mut self.at, end)..end;
        Ok(Next::Range(LineRange {
            file: Arc::clone(&self.file),
            range,
            last,
            before,
            after,
            buffers: self.buffers.clone(),
            meter: Arc::clone(&self.meter),
            failed: Arc::clone(&self.failed),
        }))
    }

    /// Where the next range ends, and whether the file does, too. `None`: beyond what a range may have.
    fn end(&mut self) -> io::Result<Option<(u64, bool)>> {
        let from = self.at.saturating_add(self.block.saturating_sub(1) as u64);
        let (mut at, mut size) = (from, LOOK.0);
        loop {
            if at - self.at > self.most as u64 {
                return Ok(None);
            }
            if self.looked.len() < size {
                self.looked.resize(size, 0);
            }
            let window = self.looked.get_mut(..size).unwrap_or_default();
            let read = read_at(&self.file, window, at)?;
            let text = window.get(..read).unwrap_or_default();
            let feed = memchr::memchr(b'\n', text);
            let end = match feed {
                Some(feed) => at + feed as u64 + 1,
                None if read == size => {
                    at += read as u64;
                    size = (size * 2).min(LOOK.1);
                    continue;
                }
                None if at == from && read == 0 => self.file.metadata()?.len().clamp(self.at, from),
                None => at + read as u64,
            };
            if feed.is_none() {
                check_end(&self.file, end, self.length)?;
            }
            return Ok((end - self.at <= self.most as u64).then_some((end, feed.is_none())));
        }
    }
}

impl LineRange {
    /// The block; `None` if a range before it could not be read: the source ends there.
    pub(crate) fn read(self) -> Option<Result<Block, ReadError>> {
        let Range { start, end } = self.range;
        let mut text = self.buffers.sized(usize::try_from(end - start).unwrap_or_default());
        let read = read_exact_at(&self.file, &mut text, start);
        let line = self.before.recv().ok()?;
        Some(match read {
            Ok(()) => {
                let block = Block::of_lines(self.buffers.lend(text), start, line, self.last);
                // Whoever reads the next range is told; nobody is where there is none.
                let _ = self.after.send(block.line_behind());
                self.meter.fetch_add(end - start, Ordering::Relaxed);
                Ok(block)
            }
            Err(error) => {
                self.failed.store(true, Ordering::Relaxed);
                Err(ReadError::new(ReadErrorKind::Io(error), start))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

    use std::fs;

    use spanwise::DecodeOptions;
    use spanwise::frame::{BlockSizes, Framer};

    use super::*;

    fn ranges(path: &std::path::Path, block: usize, document: usize) -> LineRanges {
        let sizes = BlockSizes { block, document, ..BlockSizes::default() };
        let settings = ReadSettings { sizes, ..ReadSettings::default() };
        let framer = Framer::new(&DecodeOptions::default(), settings.framing, sizes);
        let file = File::open(path).unwrap();
        let length = file.metadata().unwrap().len();
        LineRanges::new((Arc::new(file), length), 0, LineNumber::default(), &settings, framer.buffers())
    }

    fn all(ranges: &mut LineRanges) -> Vec<LineRange> {
        std::iter::from_fn(|| match ranges.next().unwrap() {
            Next::Range(range) => Some(range),
            Next::End => None,
            Next::Large(..) => panic!("none is large"),
        })
        .collect()
    }

    #[test]
    fn a_range_ends_behind_the_line_that_its_end_falls_into() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        fs::write(&path, "{}\n[]\n\n[1,2]\nno end").unwrap();
        for (block, ends) in [
            (1, &[3, 6, 7, 13, 19][..]),
            (3, &[3, 6, 13, 19]),
            (4, &[6, 13, 19]),
            (13, &[13, 19]),
            (14, &[19]),
            (100, &[19]),
        ] {
            let found = all(&mut ranges(&path, block, 100));
            assert!(found.iter().map(|range| range.range.end).eq(ends.iter().copied()), "{block}");
            assert!(found.windows(2).all(|two| two[0].range.end == two[1].range.start), "{block}");
            assert!(found.iter().rev().skip(1).all(|range| !range.last) && found.last().unwrap().last);
        }
        let mut ranges = ranges(&path, 1, 5);
        let found: Vec<_> = std::iter::repeat_with(|| ranges.next().unwrap()).take(3).collect();
        let lines = found.into_iter().map(|next| match next {
            Next::Range(range) => range.read().unwrap().unwrap().line(),
            _ => panic!("none is large"),
        });
        assert!(lines.eq([1, 2, 3]));
        assert!(matches!(ranges.next().unwrap(), Next::Large(7, line) if line.get() == 4));
    }

    #[test]
    fn the_first_that_cannot_be_read_is_the_last_that_is_told_of() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        fs::write(&path, "{}\n".repeat(40)).unwrap();
        let mut ranges = ranges(&path, 30, 100);
        let mut found = all(&mut ranges);
        assert_eq!(found.len(), 4);
        File::options().write(true).open(&path).unwrap().set_len(50).unwrap();
        // The last is read first, on a thread of its own, and hears of the others.
        let late = found.split_off(2).into_iter().rev().map(|range| std::thread::spawn(|| range.read()));
        let late: Vec<_> = late.collect();
        let mut early = found.into_iter().map(LineRange::read);
        assert_eq!(early.next().unwrap().unwrap().unwrap().line(), 1);
        let error = early.next().unwrap().unwrap().unwrap_err();
        assert_eq!(error.delivered(), 30);
        assert!(
            matches!(error.kind(), ReadErrorKind::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof)
        );
        assert!(late.into_iter().all(|thread| thread.join().unwrap().is_none()));
        assert!(matches!(ranges.next().unwrap(), Next::End));
    }

    #[test]
    fn a_file_that_becomes_shorter_does_not_end_there() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        // At the end of a range, within one, behind nothing, and with as many bytes of something else.
        for (left, then) in [(30, 30), (31, 31), (45, 45), (0, 0), (0, 90)] {
            fs::write(&path, "{}\n".repeat(40)).unwrap();
            let mut ranges = ranges(&path, 30, 100);
            assert!(matches!(ranges.next().unwrap(), Next::Range(_)));
            let file = File::options().write(true).open(&path).unwrap();
            file.set_len(left).unwrap();
            file.set_len(then).unwrap();
            let error = std::iter::repeat_with(|| ranges.next())
                .take_while(|next| !matches!(next, Ok(Next::End)))
                .find_map(Result::err)
                .unwrap();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{left} {then}");
        }
        // One that becomes longer ends later.
        fs::write(&path, "{}\n".repeat(20)).unwrap();
        let mut ranges = ranges(&path, 30, 100);
        assert!(matches!(ranges.next().unwrap(), Next::Range(_)));
        fs::write(&path, "{}\n".repeat(40)).unwrap();
        assert_eq!(all(&mut ranges).len(), 3);
    }
}
