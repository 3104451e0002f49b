//! Chunks in, blocks out.

use bytes::Bytes;

use super::block::Block;
use super::boundary::Rules;
use super::scanner::{Carried, Cut, Scanner};
use crate::decode::{DecodeOptions, Framing};
use crate::diagnostic::Origin;

/// How much of a stream is held at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSizes {
    /// Bytes of a block, about: it ends at the first boundary from there on. Default 1 MiB, which a processor's cache still
    /// holds when columns are made of what was decoded.
    pub block: usize,
}

impl Default for BlockSizes {
    fn default() -> Self {
        Self { block: 1 << 20 }
    }
}

#[derive(Debug)]
enum Held {
    /// Chunks are appended.
    Growing(Vec<u8>),
    /// All there is, cut without a copy.
    Whole(Bytes),
}

impl Held {
    fn text(&self) -> &[u8] {
        match self {
            Self::Growing(text) => text,
            Self::Whole(text) => text,
        }
    }

    /// Takes what stands before `at`.
    fn take(&mut self, at: usize) -> Bytes {
        match self {
            Self::Growing(text) => {
                let rest = text.split_off(at.min(text.len()));
                Bytes::from(std::mem::replace(text, rest))
            }
            Self::Whole(text) => text.split_to(at.min(text.len())),
        }
    }
}

/// Cuts a stream into blocks. See the module's head.
///
/// ```
/// use spanwise::frame::{BlockSizes, Framer};
/// use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch};
///
/// let options = DecodeOptions::default();
/// let mut framer = Framer::new(&options, Framing::Auto, BlockSizes::default());
/// let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
/// let mut documents = 0;
/// for chunk in ["{\"resourceSpans\":", "[]}\n{\"resource", "Spans\":[]}\n"] {
///     framer.push(chunk.as_bytes());
///     while let Some(block) = framer.next_block() {
///         decoder.decode_framed(block, &mut batch)?;
///         documents += batch.documents().len();
///     }
/// }
/// framer.finish();
/// while let Some(block) = framer.next_block() {
///     decoder.decode_framed(block, &mut batch)?;
///     documents += batch.documents().len();
/// }
/// assert_eq!(documents, 2);
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Framer {
    held: Held,
    scanner: Scanner,
    origin: Origin,
    carried: Carried,
    first: bool,
    finished: bool,
    /// All blocks were given.
    ended: bool,
}

impl Framer {
    /// A framer of chunks, for a decoder with these options: what is a document depends on the mode and the bounds.
    pub fn new(options: &DecodeOptions, framing: Framing, sizes: BlockSizes) -> Self {
        Self::holding(Held::Growing(Vec::new()), options, framing, sizes)
    }

    /// A framer of a stream that is in memory already. Blocks share its bytes.
    pub fn over(bytes: Bytes, options: &DecodeOptions, framing: Framing, sizes: BlockSizes) -> Self {
        Self { finished: true, ..Self::holding(Held::Whole(bytes), options, framing, sizes) }
    }

    fn holding(held: Held, options: &DecodeOptions, framing: Framing, sizes: BlockSizes) -> Self {
        Self {
            held,
            scanner: Scanner::new(Rules::new(options), framing, sizes.block),
            origin: Origin::default(),
            carried: Carried::default(),
            first: true,
            finished: false,
            ended: false,
        }
    }

    /// Appends a chunk. Has no effect after [`Self::finish`].
    pub fn push(&mut self, chunk: &[u8]) {
        let finished = self.finished;
        if let Some(buffer) = self.buffer().filter(|_| !finished) {
            buffer.extend_from_slice(chunk);
        }
    }

    /// What is held and not yet given, for readers that append to it in place: only append. `None` for a stream that is in
    /// memory already.
    pub fn buffer(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.held {
            Held::Growing(text) => Some(text),
            Held::Whole(_) => None,
        }
    }

    /// Says that no chunk follows.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next block, as soon as one is complete; at the end of the stream, what is left. `None` while more chunks are
    /// needed, and after the last block. There is at least one block: that of an empty stream tells that it is empty.
    pub fn next_block(&mut self) -> Option<Block> {
        if self.ended {
            return None;
        }
        loop {
            let text = self.held.text();
            let length = text.len();
            match self.scanner.cut(text, self.origin.offset, self.finished) {
                Some(Cut::Block(at)) if at < length || !self.finished => return Some(self.take(at)),
                Some(Cut::Drop(at)) => {
                    let dropped = self.held.take(at);
                    self.origin = self.origin.after(&dropped);
                    self.scanner.shift(dropped.len());
                }
                _ if !self.finished => return None,
                _ => {
                    self.ended = true;
                    // What is left after a block that was cut within what is no document belongs to none.
                    let left = self.first || length > 0 && !self.scanner.is_dropping();
                    return left.then(|| self.take(length));
                }
            }
        }
    }

    fn take(&mut self, at: usize) -> Block {
        let bytes = self.held.take(at);
        let origin = self.origin;
        self.origin = origin.after(&bytes);
        self.scanner.shift(bytes.len());
        let Carried { follows, rereads } = std::mem::replace(&mut self.carried, self.scanner.carried());
        let first = std::mem::take(&mut self.first);
        Block { bytes, framing: self.scanner.framing, origin, first, last: self.ended, follows, rereads }
    }
}
