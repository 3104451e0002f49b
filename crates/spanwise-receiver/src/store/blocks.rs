//! The records of a segment, several at a time: a table of a few rows costs as much as one of a few thousand.

use std::io::{BufReader, Read};

use bytes::BytesMut;

use super::queue::Closed;
use super::record::{ReadError, Record, SegmentReader};
use super::seal_error::SealError;

/// JSON and spans that are decoded at once.
pub(crate) const BLOCK_BYTES: usize = 4 << 20;
const BLOCK_SPANS: usize = 64 << 10;
const READ_AHEAD: usize = 256 << 10;

/// What is left of a segment.
pub(crate) struct Blocks {
    reader: SegmentReader<BufReader<Box<dyn Read + Send>>>,
    damaged: bool,
    at_end: bool,
}

impl Blocks {
    /// Those of a segment, from the beginning of its file on.
    pub(crate) fn new(segment: Closed, file: Box<dyn Read + Send>) -> Result<Self, SealError> {
        let file = BufReader::with_capacity(READ_AHEAD, file);
        let reader = SegmentReader::new(file, segment.id, segment.len)?;
        Ok(Self { reader, damaged: false, at_end: false })
    }

    /// Whether something could not be read so far. What stands before and behind it can be.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Fills `text` with the JSON of the next records, a line each. Returns whether there was any.
    pub(crate) fn next(&mut self, text: &mut BytesMut, records: &mut Vec<Record>) -> Result<bool, SealError> {
        text.clear();
        records.clear();
        let mut spans = 0;
        while !self.at_end && text.len() < BLOCK_BYTES && spans < BLOCK_SPANS {
            let start = text.len();
            match self.reader.next(text) {
                Ok(Some(record)) => {
                    text.extend_from_slice(b"\n");
                    spans += record.keys.len();
                    records.push(record);
                }
                Ok(None) => self.at_end = true,
                Err(ReadError::Damaged) => {
                    self.damaged = true;
                    text.truncate(start);
                    self.at_end = !self.reader.skip_damage()?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(!records.is_empty())
    }
}
