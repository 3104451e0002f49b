//! The blocks of one source, read as they are asked for.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use spanwise::frame::{Block, Framer, Survey};

use crate::error::{ReadError, ReadErrorKind};
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
    /// The file, where it can be read twice.
    again: Option<PathBuf>,
    size: usize,
    error: Option<ReadError>,
    contradicted: bool,
    at_end: bool,
}

/// Bytes that are read beyond a block: the line that it ends in is likely to end there.
const BEYOND: usize = 64 << 10;

/// Bytes of a large document that are read at once, at most.
const MORE: usize = 1 << 20;

/// Bytes that a survey sees at once.
const LOOK: usize = 1 << 20;

impl Blocks {
    /// Opens a source.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn open(source: Source, settings: &ReadSettings) -> Result<Self, ReadError> {
        let path = if let Source::File(path) = &source { Some(path.clone()) } else { None };
        let mut input = Input::open(source, settings)?;
        let mut framer = match input.take_whole() {
            Some(bytes) => Framer::over(bytes, &settings.decode, settings.framing, settings.sizes),
            None => Framer::new(&settings.decode, settings.framing, settings.sizes),
        };
        let again = path.filter(|_| input.compression().is_none() && input.length().is_some());
        if again.is_some() {
            framer = framer.with_surveys();
        }
        Ok(Self {
            input,
            framer,
            again,
            size: settings.sizes.block,
            error: None,
            contradicted: false,
            at_end: false,
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
        loop {
            if let Some(block) = self.framer.next_block() {
                return Some(Ok(block));
            }
            if let Some(survey) = self.framer.survey() {
                let looked = self.again.as_deref().map_or(Ok(survey.clone()), |path| look(path, survey));
                match looked {
                    Ok(survey) => self.framer.surveyed(survey),
                    Err(error) => {
                        self.again = None;
                        self.at_end = true;
                        return Some(Err(ReadError::new(ReadErrorKind::Io(error), self.input.delivered())));
                    }
                }
                continue;
            }
            if let Some(contradiction) = self.framer.contradiction().filter(|_| !self.contradicted) {
                (self.contradicted, self.at_end) = (true, true);
                let kind = ReadErrorKind::Contradiction(contradiction);
                return Some(Err(ReadError::new(kind, self.input.delivered())));
            }
            if self.at_end {
                return self.error.take().map(Err);
            }
            let Some(held) = self.framer.buffer() else {
                self.at_end = true;
                continue;
            };
            // Where a block's worth is held already, what is held is a document that has not ended.
            let wanted = match self.size.saturating_add(BEYOND).checked_sub(held.len()) {
                Some(wanted) if wanted >= BEYOND => wanted,
                _ => self.size.clamp(BEYOND, MORE),
            };
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

/// Reads a file from where the survey begins until it has seen enough.
fn look(path: &Path, mut survey: Survey) -> std::io::Result<Survey> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(survey.offset()))?;
    let mut chunk = Vec::with_capacity(LOOK);
    loop {
        chunk.clear();
        file.by_ref().take(LOOK as u64).read_to_end(&mut chunk)?;
        if !survey.push(&chunk) {
            return Ok(survey);
        }
    }
}
