//! Which spans stand for a request, told by a reading of its own before the rows are written.
//!
//! Spans that tell of one request may lie anywhere in the sources, and rows that were written are not changed. So `convert`
//! reads twice: the first reading takes 100 to 250 bytes a span, what is left of them for the second a bit.

use std::fmt;
use std::io;

use arrow_array::RecordBatch;
use spanwise_arrow::{ConvertError, Converter, RequestMarks};
use spanwise_io::FileLooks;

use crate::reading::Reading;
use crate::table::visible;

/// What the first reading told.
pub(crate) struct Told {
    marks: RequestMarks,
    looks: FileLooks,
}

/// Why what was told is of no use.
#[derive(Debug)]
pub(crate) enum Untold {
    /// The source of this name can be read only once, and cannot be kept.
    Kept(String, io::Error),
    /// This file is not what it was.
    Changed(String),
    /// What was read is not what it was.
    Rows(ConvertError),
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(source, error) => {
                write!(f, "{source}: cannot be kept to be read twice, as is_request needs: {error}")
            }
            Self::Changed(file) => {
                write!(
                    f,
                    "not written: {file}: changed while it was read, twice for is_request; convert a copy of it"
                )
            }
            Self::Rows(error) => {
                write!(f, "not written: a source changed while it was read, twice for is_request: {error}")
            }
        }
    }
}

impl Told {
    /// Reads for the first time, and gives back the second reading. What is wrong with a source is told by that.
    pub(crate) fn of(reading: Reading, converter: &Converter) -> Result<(Self, Reading), Untold> {
        let looks = reading.file_looks();
        let [first, second] = reading.twice().map_err(|(name, error)| Untold::Kept(visible(&name), error))?;
        Ok((Self { marks: RequestMarks::new(&first.requests(), converter), looks }, second))
    }

    /// Puts the marks into the next rows.
    pub(crate) fn mark(&mut self, rows: RecordBatch) -> Result<RecordBatch, Untold> {
        self.marks.mark(rows).map_err(|error| self.changed().unwrap_or(Untold::Rows(error)))
    }

    /// Whether it holds to the end: there were no more rows, and files look as they did.
    pub(crate) fn finish(&self) -> Result<(), Untold> {
        let all = self.marks.finish().map_err(Untold::Rows);
        self.changed().map_or(all, Err)
    }

    fn changed(&self) -> Option<Untold> {
        self.looks.changed().map(|path| Untold::Changed(visible(&path.display().to_string())))
    }
}
