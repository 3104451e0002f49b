//! A second reading of a source, ahead of the first: a large document is looked at before its parts are given.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use bytes::Bytes;
use spanwise::frame::Survey;

use crate::compression::Compression;
use crate::input::{Meter, Metered};
use crate::positional::FileReader;

/// Bytes that a survey sees at once.
const LOOK: usize = 1 << 20;

/// What a source is read from as often as one likes, from its beginning.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    File(FileReader),
    Bytes(Bytes),
}

/// The text of a source once more, for surveys alone.
pub(crate) struct Ahead {
    origin: Origin,
    compression: Option<Compression>,
    /// The bounds on windows, as a power of two, and on bytes of text.
    bounds: (u32, u64),
    open: Option<Open>,
}

/// A reading that has come to a place. Surveys follow each other, so it is kept for the next: what is compressed is found only by way
/// of what stands before it.
struct Open {
    reader: Box<dyn Read + Send>,
    meter: Arc<Meter>,
    buffer: Vec<u8>,
    /// How much of the buffer was read last, and where in the text that begins.
    filled: usize,
    at: u64,
    ended: bool,
}

impl Ahead {
    /// Of a source that is compressed so, or not. Frames that need a window of more than `1 << window` bytes are refused, and the text
    /// ends after `bound` bytes.
    pub(crate) fn new(origin: Origin, compression: Option<Compression>, window: u32, bound: u64) -> Self {
        Self { origin, compression, bounds: (window, bound), open: None }
    }

    /// Opens it at a place, or before that.
    fn open(&self, offset: u64) -> io::Result<Open> {
        let meter = Arc::<Meter>::default();
        let metered = |source| Box::new(Metered::new(source, Arc::clone(&meter)));
        let (window, bound) = self.bounds;
        let (reader, at): (Box<dyn Read + Send>, _) = match (&self.origin, self.compression) {
            (Origin::File(file), None) => (metered(Box::new(file.clone().skipping(offset))), offset),
            (origin, compression) => {
                let source: Box<dyn Read + Send> = match origin {
                    Origin::File(file) => Box::new(file.clone()),
                    Origin::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
                };
                let source = metered(source);
                let reader = match compression {
                    Some(compression) => Box::new(compression.reader(source, window)?.take(bound)),
                    None => source as Box<dyn Read + Send>,
                };
                (reader, 0)
            }
        };
        Ok(Open { reader, meter, buffer: vec![0; LOOK], filled: 0, at, ended: false })
    }

    /// Reads from where the survey begins until it has seen enough.
    ///
    /// # Errors
    /// The system's. Where compressed data is at fault, the text ends.
    pub(crate) fn look(&mut self, mut survey: Survey) -> io::Result<Survey> {
        let offset = survey.offset();
        let mut open = match self.open.take().filter(|open| open.at <= offset) {
            Some(open) => open,
            None => self.open(offset)?,
        };
        while open.end() <= offset && !open.ended {
            open.next()?;
        }
        let mut from = usize::try_from(offset.saturating_sub(open.at)).unwrap_or(usize::MAX);
        while survey.push(open.buffer.get(from..open.filled).unwrap_or_default()) {
            open.next()?;
            from = 0;
        }
        self.open = Some(open);
        Ok(survey)
    }
}

impl Open {
    /// Where what was read last ends.
    fn end(&self) -> u64 {
        self.at + self.filled as u64
    }

    /// Reads what follows: nothing at the end.
    fn next(&mut self) -> io::Result<()> {
        self.at = self.end();
        self.filled = 0;
        while let Some(rest) =
            self.buffer.get_mut(self.filled..).filter(|rest| !rest.is_empty() && !self.ended)
        {
            match self.reader.read(rest) {
                Ok(0) => self.ended = true,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.meter.has_failed() => return Err(error),
                // Whoever reads the blocks comes to the same fault, and tells it.
                Err(_) => self.ended = true,
            }
        }
        Ok(())
    }
}
