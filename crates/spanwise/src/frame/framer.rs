//! Chunks in, blocks out.

use std::fmt;

use bytes::Bytes;

use super::block::Block;
use super::boundary::Rules;
use super::buffers::Buffers;
use super::parts::Part;
use super::scanner::{Carried, Contradiction, Cut, Scanner};
use super::survey::Survey;
use crate::batch::Text;
use crate::decode::{DecodeOptions, Framing, Limits};
use crate::diagnostic::{Counting, LineNumber, Origin};

/// How much of a stream is held at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSizes {
    /// Bytes of a block, about: it ends at the first boundary from there on. Default 1 MiB, which a processor's cache still
    /// holds when columns are made of what was decoded. None is taken for 1.
    pub block: usize,
    /// Bytes of a document that is held whole; a larger one is cut between its spans. Default 8 MiB. Whoever bounds documents
    /// more tightly than by default ([`Limits::document_bytes`](crate::Limits), [`Limits::spans`](crate::Limits)) has them held
    /// whole, up to the bound. Less than [`Self::block`] is taken for that many.
    pub document: usize,
    /// Bytes of such a document that are held back until resource and scope are known, where the stream is read once. Default
    /// 64 MiB. The fewer there are, the more documents end in a [`Contradiction`].
    pub held: usize,
}

impl Default for BlockSizes {
    fn default() -> Self {
        Self { block: 1 << 20, document: 8 << 20, held: 64 << 20 }
    }
}

impl BlockSizes {
    /// What is taken for sizes beyond their bounds.
    const fn clamped(self) -> Self {
        let block = if self.block == 0 { 1 } else { self.block };
        let document = if self.document < block { block } else { self.document };
        Self { block, document, held: self.held }
    }
}

/// Bytes of a buffer that is worth being used again, however small the blocks.
const SMALL: usize = 256 << 10;

enum Held {
    /// Chunks are appended. What stands before the place was given.
    Growing(Vec<u8>, usize),
    /// All there is, cut without a copy.
    Whole(Bytes),
}

impl Held {
    fn text(&self) -> &[u8] {
        match self {
            Self::Growing(text, given) => text.get(*given..).unwrap_or_default(),
            Self::Whole(text) => text,
        }
    }

    /// Takes what stands before `at`. Copies no more than that, however much stands behind it.
    fn take(&mut self, at: usize, buffers: &Buffers) -> Bytes {
        match self {
            Self::Growing(text, given) => {
                let end = given.saturating_add(at).min(text.len());
                let rest = text.len() - end;
                if *given == 0 && rest <= end {
                    let mut behind = buffers.get();
                    behind.extend_from_slice(text.get(end..).unwrap_or_default());
                    text.truncate(end);
                    return buffers.lend(std::mem::replace(text, behind));
                }
                let mut taken = buffers.get();
                taken.extend_from_slice(text.get(*given..end).unwrap_or_default());
                *given = end;
                if rest <= end {
                    text.drain(..end);
                    text.shrink_to(rest.saturating_mul(2).max(SMALL));
                    *given = 0;
                }
                buffers.lend(taken)
            }
            Self::Whole(text) => text.split_to(at.min(text.len())),
        }
    }
}

/// Cuts a stream into blocks. See the module's head.
///
/// That no block comes is said of three things: more chunks are needed, the stream has ended, or what comes contradicts what was
/// given of a large document. So whoever is done looks at [`Self::contradiction`].
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
/// if let Some(contradiction) = framer.contradiction() {
///     return Err(contradiction.into()); // The rest of the stream was not read.
/// }
/// assert_eq!(documents, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Framer {
    held: Held,
    buffers: Buffers,
    scanner: Scanner,
    origin: Origin,
    carried: Carried,
    first: bool,
    finished: bool,
    /// All blocks were given.
    ended: bool,
}

/// How much it holds, and nothing of what that says.
impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("held_bytes", &self.held())
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

impl Framer {
    /// A framer of chunks, for a decoder with these options: what is a document depends on the mode and the bounds.
    pub fn new(options: &DecodeOptions, framing: Framing, sizes: BlockSizes) -> Self {
        Self::holding(Held::Growing(Vec::new(), 0), options, framing, sizes)
    }

    /// A framer of a stream that is in memory already. Blocks share its bytes. It looks at large documents twice, as one
    /// [with surveys](Self::with_surveys), but asks nobody for them: no [`contradiction`](Self::contradiction) ends it.
    pub fn over(bytes: Bytes, options: &DecodeOptions, framing: Framing, sizes: BlockSizes) -> Self {
        let mut framer = Self::holding(Held::Whole(bytes), options, framing, sizes);
        framer.finished = true;
        framer.scanner.complete = true;
        framer
    }

    fn holding(held: Held, options: &DecodeOptions, framing: Framing, sizes: BlockSizes) -> Self {
        let limits = &options.limits;
        let sizes = sizes.clamped();
        let cuts = limits.document_bytes >= Text::MAX && limits.spans >= Limits::default().spans;
        Self {
            held,
            buffers: Buffers::new(sizes.block.saturating_mul(2).max(SMALL)),
            scanner: Scanner::new(Rules::new(options), framing, sizes, cuts),
            origin: Origin::default(),
            carried: Carried::default(),
            first: true,
            finished: false,
            ended: false,
        }
    }

    /// A framer of the rest of a stream of lines, which begins at `offset` with this line.
    pub fn of_lines(options: &DecodeOptions, sizes: BlockSizes, offset: u64, line: LineNumber) -> Self {
        let mut framer = Self::new(options, Framing::Lines, sizes);
        framer.origin = Origin { offset, line, ..Origin::default() };
        framer.first = false;
        framer.scanner.enter_lines();
        framer
    }

    /// Where the next block begins and in which line, if nothing but the ends of lines decides where it ends: behind the first
    /// block of a stream of lines. Who can read the stream at any place may cut the rest by itself. The block ends behind the
    /// first line feed from its byte [`BlockSizes::block`] on, or the stream does. One that is larger than
    /// [`BlockSizes::document`] is for a framer to cut ([`Self::of_lines`]).
    pub fn in_lines(&self) -> Option<(u64, LineNumber)> {
        let lines = !self.first && !self.ended && self.scanner.is_in_lines();
        lines.then(|| (self.origin.offset, self.origin.line.clone()))
    }

    /// The buffers of its blocks, for those who fill such themselves.
    pub fn buffers(&self) -> Buffers {
        self.buffers.clone()
    }

    /// Says that the stream can be read twice: [`Self::survey`] is to be asked for whenever no block comes. What the survey was
    /// shown must be what is pushed; a stream that has changed in between may end in a [`contradiction`](Self::contradiction).
    ///
    /// ```
    /// use spanwise::frame::{BlockSizes, Framer};
    /// use spanwise::{DecodeOptions, Framing};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{},{}]}],"resource":{}}]}"#;
    /// let sizes = BlockSizes { block: 8, document: 8, ..BlockSizes::default() };
    /// let mut framer = Framer::new(&DecodeOptions::default(), Framing::Auto, sizes).with_surveys();
    /// framer.push(text.as_bytes());
    /// framer.finish();
    /// let mut blocks = 0;
    /// loop {
    ///     if framer.next_block().is_some() {
    ///         blocks += 1;
    ///     } else if let Some(mut survey) = framer.survey() {
    ///         let mut chunks = text.as_bytes()[survey.offset() as usize..].chunks(16);
    ///         while survey.push(chunks.next().unwrap_or_default()) {}
    ///         framer.surveyed(survey);
    ///     } else {
    ///         break;
    ///     }
    /// }
    /// match framer.contradiction() {
    ///     Some(contradiction) => return Err(contradiction.into()),
    ///     None => assert_eq!(blocks, 3),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_surveys(mut self) -> Self {
        self.scanner.surveyed = true;
        self
    }

    /// A survey that is waited for: of a document that is to be cut. Without it no block comes, and [`Self::contradiction`] says
    /// nothing of it.
    pub fn survey(&self) -> Option<Survey> {
        self.scanner.wants_survey().then(|| self.scanner.survey(self.origin.offset))
    }

    /// Takes the survey back.
    pub fn surveyed(&mut self, survey: Survey) {
        if self.scanner.wants_survey() {
            self.scanner.surveyed_as(survey);
        }
    }

    /// Says that the document that is waited for cannot be surveyed: its parts are given as where a stream is read once, and what then
    /// contradicts them is a [`contradiction`](Self::contradiction).
    pub fn without_survey(&mut self) {
        if self.scanner.wants_survey() {
            self.scanner.not_surveyed();
        }
    }

    /// Why no further block comes, if the rest of the stream contradicts what was given. To be looked at when
    /// [`Self::next_block`] gives none and no chunk is left: the rest of such a stream was not read.
    pub fn contradiction(&self) -> Option<Contradiction> {
        self.scanner.contradiction
    }

    /// Appends a chunk. Has no effect after [`Self::finish`].
    pub fn push(&mut self, chunk: &[u8]) {
        let finished = self.finished;
        if let Some(buffer) = self.buffer().filter(|_| !finished) {
            buffer.extend_from_slice(chunk);
        }
    }

    /// The buffer that chunks are appended to, for readers that do so in place: only append. What stands in it is held and not yet
    /// given, but maybe for its beginning ([`Self::held`]). `None` for a stream that is in memory already.
    pub fn buffer(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.held {
            Held::Growing(text, _) => Some(text),
            Held::Whole(_) => None,
        }
    }

    /// Bytes that are held and not yet given.
    ///
    /// ```
    /// use spanwise::frame::{BlockSizes, Framer};
    /// use spanwise::{DecodeOptions, Framing};
    /// let sizes = BlockSizes { block: 1, ..BlockSizes::default() };
    /// let mut framer = Framer::new(&DecodeOptions::default(), Framing::Lines, sizes);
    /// framer.push(b"{}\n{}\n{}");
    /// assert_eq!(framer.held(), 8);
    /// framer.next_block().unwrap();
    /// assert_eq!(framer.held(), 5);
    /// ```
    pub fn held(&self) -> usize {
        self.held.text().len()
    }

    /// Says that no chunk follows.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The next block, as soon as one is complete; at the end of the stream, what is left. `None` while more chunks are
    /// needed, while a [survey](Self::survey) is waited for, after the last block, and after a
    /// [`contradiction`](Self::contradiction), which alone tells that from an end. There is at least one block: that of an empty
    /// stream tells that it is empty.
    pub fn next_block(&mut self) -> Option<Block> {
        if self.ended {
            return None;
        }
        loop {
            let text = self.held.text();
            let length = text.len();
            match self.scanner.cut(text, self.origin.offset, self.finished) {
                Some(Cut::Part { end, next, before, behind, part }) => {
                    return Some(self.take_part(end, next, before, &behind, part));
                }
                None if self.scanner.contradiction.is_some() || self.scanner.wants_survey() => return None,
                Some(Cut::Block(at)) if at < length || !self.finished => return Some(self.take(at)),
                Some(Cut::Drop(at)) => {
                    let dropped = self.held.take(at, &self.buffers);
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
        let bytes = self.held.take(at, &self.buffers);
        let framing = self.scanner.framing;
        let mut counting = None;
        let lines = framing == Framing::Lines && bytes.last() == Some(&b'\n');
        let behind = if lines { self.origin.after_lines(&bytes) } else { self.origin.after(&bytes) };
        if lines {
            counting = Some(Counting::new(behind.line.clone()));
        }
        let origin = std::mem::replace(&mut self.origin, behind);
        self.scanner.shift(bytes.len());
        let Carried { follows, trails, rereads } =
            std::mem::replace(&mut self.carried, self.scanner.carried());
        let first = std::mem::take(&mut self.first);
        let last = self.ended;
        Block { bytes, framing, origin, counting, first, last, follows, trails, rereads, part: None }
    }

    fn take_part(
        &mut self,
        end: usize,
        next: usize,
        before: Vec<u8>,
        behind: &[u8],
        mut part: Part,
    ) -> Block {
        let mut block = self.take(next);
        part.gap = Bytes::copy_from_slice(block.bytes.get(end..).unwrap_or_default());
        let mut bytes = before;
        bytes.extend_from_slice(block.bytes.get(..end).unwrap_or(&block.bytes));
        // A block that shows a fault shows what stands behind it, too, which is not taken yet.
        let more = end.saturating_sub(block.bytes.len());
        bytes.extend_from_slice(self.held.text().get(..more).unwrap_or_default());
        bytes.extend_from_slice(behind);
        block.bytes = bytes.into();
        block.origin.before = part.before;
        // What is decoded is not what is to be counted.
        block.counting = None;
        block.part = Some(Box::new(part));
        block
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    const SIZES: BlockSizes = BlockSizes { block: 100, document: 4000, held: 10_000 };

    fn framer() -> Framer {
        Framer::new(&DecodeOptions::default(), Framing::Lines, SIZES)
    }

    /// Lines of all lengths.
    fn lines(count: usize) -> Vec<u8> {
        (0..count)
            .flat_map(|line| format!("{{\"unknown\":\"{}\"}}\n", "x".repeat(line % 157)).into_bytes())
            .collect()
    }

    fn address(framer: &Framer) -> usize {
        framer.held.text().as_ptr().addr()
    }

    /// Pushes all in chunks, of which each is followed by so many blocks, and returns the blocks' bytes and how many bytes went
    /// to another place in memory while they were held.
    fn through(text: &[u8], chunk: usize, blocks: usize) -> (Vec<Bytes>, usize) {
        let (mut framer, mut found, mut moved) = (framer(), Vec::new(), 0);
        let mut cut = |framer: &mut Framer, most: usize| {
            for _ in 0..most {
                let before = address(framer);
                let Some(block) = framer.next_block() else { break };
                if address(framer) != before + block.bytes.len() {
                    moved += framer.held();
                }
                found.push(block.bytes);
            }
        };
        for chunk in text.chunks(chunk) {
            framer.push(chunk);
            cut(&mut framer, blocks);
        }
        framer.finish();
        cut(&mut framer, usize::MAX);
        assert_eq!((framer.held(), framer.next_block().is_none()), (0, true));
        (found, moved)
    }

    #[test]
    fn what_stands_behind_a_block_is_moved_once_for_each_byte_that_is_given() {
        let text = lines(20_000);
        let (expected, _) = through(&text, 1, usize::MAX);
        assert!(expected.len() > 10_000 && expected.concat() == text);
        for (chunk, blocks) in [(text.len(), 0), (text.len() / 3, 100), (5000, 1), (200, 1), (150, 2)] {
            let (found, moved) = through(&text, chunk, blocks);
            assert!(found == expected, "{chunk} {blocks}");
            assert!(moved <= text.len(), "{chunk} {blocks}: {moved} of {}", text.len());
        }
    }

    #[test]
    fn memory_is_given_back_as_blocks_are() {
        let text = lines(20_000);
        let mut framer = framer();
        framer.push(&text);
        framer.finish();
        while let Some(block) = framer.next_block() {
            let held = framer.held();
            let Held::Growing(buffer, _) = &framer.held else { unreachable!() };
            assert!(buffer.capacity() <= 4 * held + SMALL, "{held} of {}", text.len());
            assert!(block.bytes.len() < 1000);
        }
    }
}
