//! A piece of a stream that can be decoded by itself.

use bytes::Bytes;

use super::boundary::Rereads;
use super::parts::Part;
use crate::decode::Framing;
use crate::diagnostic::Origin;

/// Whole documents of a stream, one after the other, and where in the stream they stand; or a part of a document that is too
/// large to be held, made a document of its own.
#[derive(Debug, Clone)]
pub struct Block {
    pub(crate) bytes: Bytes,
    /// Lines or documents, once the stream has shown which; `Auto` for a stream in one block.
    pub(crate) framing: Framing,
    pub(crate) origin: Origin,
    /// In lines, if they were counted already: the indices behind their ends.
    pub(crate) line_ends: Vec<u32>,
    /// The stream begins with it: there may be a byte order mark.
    pub(crate) first: bool,
    /// The stream ends with it.
    pub(crate) last: bool,
    /// Documents mode: another document came before it.
    pub(crate) follows: bool,
    pub(crate) rereads: Rereads,
    /// It is a part of a document.
    pub(crate) part: Option<Box<Part>>,
}

/// The indices behind the ends of lines; none where one is too large for an index.
pub(super) fn line_ends(text: &[u8]) -> Vec<u32> {
    memchr::memchr_iter(b'\n', text).filter_map(|at| u32::try_from(at + 1).ok()).collect()
}

impl Block {
    /// A whole stream.
    pub(crate) fn whole(bytes: Bytes, framing: Framing) -> Self {
        let origin = Origin::default();
        let rereads = Rereads::default();
        Self {
            bytes,
            framing,
            origin,
            line_ends: Vec::new(),
            first: true,
            last: true,
            follows: false,
            rereads,
            part: None,
        }
    }

    /// Whole lines of a stream of lines, from a place behind its first block on, for whoever cuts the stream by itself where
    /// [`Framer::in_lines`](super::Framer::in_lines) says so. Looks for the ends of the lines.
    ///
    /// ```
    /// use spanwise::frame::Block;
    /// let mut block = Block::of_lines("{}\n{}\n".into(), 70, true);
    /// assert_eq!(block.line_count(), 2);
    /// block.set_line(8);
    /// assert_eq!((block.offset(), block.line()), (70, 8));
    /// ```
    pub fn of_lines(bytes: Bytes, offset: u64, last: bool) -> Self {
        let line_ends = line_ends(&bytes);
        Self {
            origin: Origin { offset, ..Origin::default() },
            line_ends,
            first: false,
            last,
            ..Self::whole(bytes, Framing::Lines)
        }
    }

    /// How many lines [`Self::of_lines`] found to end in it.
    pub fn line_count(&self) -> u64 {
        self.line_ends.len() as u64
    }

    /// Says which line of the stream it begins in.
    pub fn set_line(&mut self, line: u64) {
        self.origin.line = line;
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What to add to an index into its bytes for the place in the stream. For a part of a document that is not where its bytes
    /// begin, since what is open there is opened again before it.
    pub fn offset(&self) -> u64 {
        self.origin.offset.saturating_sub(self.origin.before as u64)
    }

    /// The line of the stream that it begins in, from 1.
    pub fn line(&self) -> u64 {
        self.origin.line
    }
}
