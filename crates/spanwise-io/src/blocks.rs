//! The blocks of one source, read as they are asked for.

use std::fmt;
use std::io;
use std::sync::Arc;

use spanwise::frame::{Block, Framer, LineNumber};

use crate::ahead::Ahead;
use crate::error::{ReadError, ReadErrorKind};
use crate::input::Input;
use crate::line_ranges::{LineRange, LineRanges, Next};
use crate::settings::ReadSettings;
use crate::source::Source;

/// The blocks of one source. An error is the last item; what was good before it has been given.
///
/// ```
/// use spanwise_io::spanwise::{Decoder, SpanBatch, bytes::Bytes};
/// use spanwise_io::{Blocks, ReadSettings, Source};
/// let settings = ReadSettings::default();
/// let source = Source::Bytes(Bytes::from_static(b"{\"resourceSpans\":[]}\n{}\n"));
/// let mut batch = SpanBatch::new();
/// for block in Blocks::open(source, &settings)? {
///     Decoder::new(settings.decode).decode_framed(block?, &mut batch)?;
/// }
/// assert_eq!(batch.documents().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a source is read as its blocks are asked for"]
pub struct Blocks {
    input: Input,
    /// Where large documents are looked at beforehand.
    ahead: Option<Ahead>,
    framer: Framer,
    /// Where it is a file of lines that can be read at any place: what is left of it is cut here, not by the framer.
    ranges: Option<LineRanges>,
    /// The framer has given a block, so that it gets on.
    given: bool,
    settings: ReadSettings,
    error: Option<ReadError>,
    at_end: bool,
    /// Nothing more is given.
    ended: bool,
}

/// How far it was read, and none of what it says.
impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks")
            .field("input", &self.input)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// The next block, or what it takes to have it.
pub(crate) enum Task {
    Ready(Result<Block, ReadError>),
    /// It has to be read yet, which any thread can do.
    Range(LineRange),
}

impl Task {
    /// The block; `None` if an error that was found meanwhile comes before it.
    pub(crate) fn done(self) -> Option<Result<Block, ReadError>> {
        match self {
            Self::Ready(block) => Some(block),
            Self::Range(range) => range.read(),
        }
    }
}

/// Bytes that are read beyond a block: the line that it ends in is likely to end there.
const BEYOND: usize = 64 << 10;

/// Bytes of a large document that are read at once, at most.
const MORE: usize = 1 << 20;

impl Blocks {
    /// Opens a source.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn open(source: Source, settings: &ReadSettings) -> Result<Self, ReadError> {
        let mut input = Input::open(source, settings)?;
        let (mut framer, ahead) = match input.take_whole() {
            Some(bytes) => (Framer::over(bytes, &settings.decode, settings.framing, settings.sizes), None),
            None => (Framer::new(&settings.decode, settings.framing, settings.sizes), input.ahead()),
        };
        if ahead.is_some() {
            framer = framer.with_surveys();
        }
        Ok(Self {
            input,
            ahead,
            framer,
            ranges: None,
            given: false,
            settings: settings.clone(),
            error: None,
            at_end: false,
            ended: false,
        })
    }

    /// The source, as far as it was read.
    pub fn input(&self) -> &Input {
        &self.input
    }
}

impl Iterator for Blocks {
    type Item = Result<Block, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_task()?.done()
    }
}

impl Blocks {
    /// What is to be done for the next block. Tasks are to be done in any order, but all of them.
    pub(crate) fn next_task(&mut self) -> Option<Task> {
        if self.ended {
            return None;
        }
        let task = loop {
            self.enter_ranges();
            let Some(ranges) = &mut self.ranges else { break self.framed().map(Task::Ready) };
            let left = match ranges.next() {
                Ok(Next::Range(range)) => break Some(Task::Range(range)),
                Ok(Next::End) => break None,
                Ok(Next::Large(offset, line)) => self.leave_ranges(offset, line),
                Err(error) => Err(error),
            };
            if let Err(error) = left {
                break Some(Task::Ready(Err(self.failed(error))));
            }
        };
        self.ended |= task.is_none();
        task
    }

    fn failed(&mut self, error: io::Error) -> ReadError {
        self.ended = true;
        ReadError::new(ReadErrorKind::Io(error), self.input.delivered())
    }

    /// Has a framer go on.
    fn leave_ranges(&mut self, offset: u64, line: LineNumber) -> io::Result<()> {
        self.ranges = None;
        (self.given, self.at_end, self.error) = (false, false, None);
        let framer = Framer::of_lines(&self.settings.decode, self.settings.sizes, offset, line);
        self.framer = framer.with_surveys();
        self.input.go_to(offset)
    }

    /// From where on only lines come, a file that is longer than a block is cut into ranges.
    fn enter_ranges(&mut self) {
        let Some(file) = self.input.plain().filter(|_| self.given && self.ranges.is_none()) else { return };
        let Some((offset, line)) = self.framer.in_lines() else { return };
        let length = self.input.length().unwrap_or(0);
        if length.saturating_sub(offset) > self.settings.sizes.block as u64 {
            let (file, buffers) = (Arc::clone(file), self.framer.buffers());
            self.input.give_back(offset);
            self.ranges = Some(LineRanges::new((file, length), offset, line, &self.settings, buffers));
        }
    }

    fn framed(&mut self) -> Option<Result<Block, ReadError>> {
        loop {
            if let Some(block) = self.framer.next_block() {
                self.given = true;
                return Some(Ok(block));
            }
            if let Some(survey) = self.framer.survey() {
                match self.ahead.as_mut().and_then(|ahead| ahead.look(survey)) {
                    Some(survey) => self.framer.surveyed(survey),
                    None => self.framer.without_survey(),
                }
                if let Err(error) = self.input.go_to(self.input.delivered()) {
                    return Some(Err(self.failed(error)));
                }
                continue;
            }
            if let Some(contradiction) = self.framer.contradiction() {
                self.ended = true;
                let kind = ReadErrorKind::Contradiction(contradiction);
                let error = ReadError::new(kind, self.input.delivered());
                // A document is broken where its source is.
                let cause = self.error.take().filter(|_| contradiction.fault);
                return Some(Err(match cause {
                    Some(cause) => error.because_of(cause),
                    None => error,
                }));
            }
            if self.at_end {
                return self.error.take().map(Err);
            }
            let held = self.framer.held();
            let Some(buffer) = self.framer.buffer() else {
                self.at_end = true;
                continue;
            };
            let size = self.settings.sizes.block;
            // Where a block's worth is held already, what is held is a document that has not ended.
            let wanted = match size.saturating_add(BEYOND).checked_sub(held) {
                Some(wanted) if wanted >= BEYOND => wanted,
                _ => size.clamp(BEYOND, MORE),
            };
            match self.input.read(buffer, wanted) {
                Ok(read) if read == wanted => {}
                result => {
                    self.error = result.err();
                    self.at_end = true;
                    // A source of which nothing can be read is not an empty one.
                    if self.error.is_none() || self.input.delivered() > 0 {
                        self.framer.finish();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use spanwise::frame::BlockSizes;

    use super::*;

    const SIZES: BlockSizes = BlockSizes { block: 2000, document: 10_000, held: 30_000 };

    /// `deep` documents of which each takes the next for an element of its own, and the last is torn; so many times. Each is longer
    /// than what is read ahead at once.
    fn within_each_other(deep: usize, times: usize) -> String {
        let head = r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#;
        let document = format!("{head}{}", r#"{"name":"span"},"#.repeat(70_000));
        format!("{}x\n", vec![document; deep].join("\n")).repeat(times)
    }

    #[test]
    fn documents_within_each_other_are_not_read_again_from_the_beginning_each_time() {
        let settings = ReadSettings { sizes: SIZES, ..ReadSettings::default() };
        for (deep, times) in [(1, 6), (2, 6), (3, 9)] {
            let text = within_each_other(deep, times);
            let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
            let mut blocks = Blocks::open(Source::Bytes(packed.into()), &settings).unwrap();
            let errors: Vec<_> = blocks.by_ref().filter_map(Result::err).collect();
            let again = blocks.ahead.unwrap().readings.again;
            let length = text.len() as u64;
            // Two readings are there at once; more have to begin anew, until that is too much.
            let (most, is_too_much) =
                if deep > 2 { (length * Ahead::BOUND, true) } else { (length / 6, false) };
            assert!(again <= most, "{deep}: {again} of {length}");
            assert_eq!(!errors.is_empty(), is_too_much, "{deep}: {errors:?}");
        }
    }
}
