//! A piece of a stream that can be decoded by itself.

use std::fmt;

use bytes::Bytes;

use super::boundary::Rereads;
use super::parts::Part;
use crate::decode::Framing;
use crate::diagnostic::{Counting, LineNumber, Origin};

/// Whole documents of a stream, one after the other, and where in the stream they stand; or a part of a document that is too
/// large to be held, made a document of its own.
#[allow(clippy::struct_excessive_bools, reason = "what is known of its place in the stream, each by itself")]
#[derive(Clone)]
pub struct Block {
    pub(crate) bytes: Bytes,
    /// Lines or documents, once the stream has shown which; `Auto` for a stream in one block.
    pub(crate) framing: Framing,
    pub(crate) origin: Origin,
    /// In lines that are to be counted yet.
    pub(crate) counting: Option<Counting>,
    /// The stream begins with it: there may be a byte order mark.
    pub(crate) first: bool,
    /// The stream ends with it.
    pub(crate) last: bool,
    /// Documents mode: another document came before it.
    pub(crate) follows: bool,
    /// Documents mode: the end of a document stands right before it.
    pub(crate) trails: bool,
    pub(crate) rereads: Rereads,
    /// It is a part of a document.
    pub(crate) part: Option<Box<Part>>,
}

/// Where it stands and how large it is, and nothing of what it says.
impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("bytes", &self.bytes.len())
            .field("framing", &self.framing)
            .field("is_part", &self.part.is_some())
            .finish_non_exhaustive()
    }
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
            counting: None,
            first: true,
            last: true,
            follows: false,
            trails: false,
            rereads,
            part: None,
        }
    }

    /// Whole lines of a stream of lines, from a place behind its first block on, for whoever cuts the stream by itself where
    /// [`Framer::in_lines`](super::Framer::in_lines) says so. What comes behind them begins with the line
    /// [`Self::line_behind`]. Looks at none of the bytes.
    ///
    /// ```
    /// use spanwise::frame::{Block, BlockSizes, Framer};
    /// use spanwise::{DecodeOptions, Framing};
    /// let sizes = BlockSizes { block: 1, ..BlockSizes::default() };
    /// let mut framer = Framer::new(&DecodeOptions::default(), Framing::Lines, sizes);
    /// framer.push(b"{}\n");
    /// let first = framer.next_block().unwrap();
    /// let (offset, line) = framer.in_lines().unwrap();
    /// let block = Block::of_lines("{}\n{}\n".into(), offset, line, true);
    /// assert_eq!((block.offset(), block.line(), block.line_behind().get()), (3, 2, 4));
    /// ```
    pub fn of_lines(bytes: Bytes, offset: u64, line: LineNumber, last: bool) -> Self {
        let behind = line.clone().behind(bytes.clone());
        Self {
            origin: Origin { offset, line, ..Origin::default() },
            counting: Some(Counting::new(behind)),
            first: false,
            last,
            ..Self::whole(bytes, Framing::Lines)
        }
    }

    /// The line behind it.
    pub fn line_behind(&self) -> LineNumber {
        match &self.counting {
            Some(counting) => counting.behind().clone(),
            None => self.origin.after(self.own()).line,
        }
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
        self.origin.line.get()
    }
}
