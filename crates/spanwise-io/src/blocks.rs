//! The blocks of one source, read as they are asked for.

use spanwise::frame::{Block, Framer};

use crate::error::ReadError;
use crate::input::Input;
use crate::settings::ReadSettings;
use crate::source::Source;

/// The blocks of one source. An error is the last item; what was good before it has been given.
///
/// ```
/// use spanwise::{Decoder, SpanBatch};
/// use spanwise_io::{Blocks, ReadSettings, Source};
/// let settings = ReadSettings::default();
/// let source = Source::Bytes(bytes::Bytes::from_static(b"{\"resourceSpans\":[]}\n{}\n"));
/// let mut batch = SpanBatch::new();
/// for block in Blocks::open(source, &settings)? {
///     Decoder::new(settings.decode).decode_framed(block?, &mut batch)?;
/// }
/// assert_eq!(batch.documents().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Blocks {
    input: Input,
    framer: Framer,
    size: usize,
    error: Option<ReadError>,
    at_end: bool,
}

/// Bytes that are read beyond a block: the line that it ends in is likely to end there.
const BEYOND: usize = 64 << 10;

impl Blocks {
    /// Opens a source.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn open(source: Source, settings: &ReadSettings) -> Result<Self, ReadError> {
        let mut input = Input::open(source, settings)?;
        let framer = match input.take_whole() {
            Some(bytes) => Framer::over(bytes, &settings.decode, settings.framing, settings.sizes),
            None => Framer::new(&settings.decode, settings.framing, settings.sizes),
        };
        Ok(Self { input, framer, size: settings.sizes.block, error: None, at_end: false })
    }

    /// The source, as far as it was read.
    pub fn input(&self) -> &Input {
        &self.input
    }
}

impl Iterator for Blocks {
    type Item = Result<Block, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(block) = self.framer.next_block() {
                return Some(Ok(block));
            }
            if self.at_end {
                return self.error.take().map(Err);
            }
            let Some(held) = self.framer.buffer() else {
                self.at_end = true;
                continue;
            };
            let wanted = self.size.saturating_add(BEYOND).saturating_sub(held.len()).max(BEYOND);
            match self.input.read(held, wanted) {
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
