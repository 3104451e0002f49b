//! A second reading of a source, ahead of the first: a large document is looked at before its parts are given.

use std::io::{Cursor, Read};

use bytes::Bytes;
use spanwise::frame::Survey;

use crate::compression::{Compression, fill};
use crate::positional::FileReader;

/// Bytes that a survey sees at once.
const LOOK: usize = 1 << 20;

/// What a source is read from as often as one likes, from its beginning.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    File(FileReader),
    Bytes(Bytes),
}

impl Origin {
    /// A reader from so many bytes behind its beginning on.
    pub(crate) fn reader(&self, offset: u64) -> Box<dyn Read + Send> {
        match self {
            Self::File(file) => Box::new(file.clone().skipping(offset)),
            Self::Bytes(bytes) => {
                let mut cursor = Cursor::new(bytes.clone());
                cursor.set_position(offset);
                Box::new(cursor)
            }
        }
    }
}

/// The text of a source once more, for surveys alone.
pub(crate) struct Ahead {
    pub(crate) origin: Origin,
    pub(crate) compression: Option<Compression>,
    /// Frames that need a window of more than `1 << window` bytes are refused.
    pub(crate) window: u32,
    /// The text ends after so many bytes.
    pub(crate) bound: u64,
    pub(crate) readings: Readings,
}

/// Readings that have come to a place, and how much was read again to come there.
#[derive(Default)]
pub(crate) struct Readings {
    /// Two of them: of two documents the first may have taken the other for a part of itself, to where both are torn.
    open: Vec<Reading>,
    /// How far the text was read.
    furthest: u64,
    /// How much was read to come to places.
    pub(crate) again: u64,
}

/// A reading that has come to a place. What is compressed is found only by way of what stands before it, so it is kept for the next
/// survey; what is not is found at once.
struct Reading {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// How much of the buffer was read last, and where in the text that begins.
    filled: usize,
    at: u64,
    ended: bool,
}

impl Ahead {
    /// Surveys of documents that lie within each other may have all be read so many times again. Then there are no more: the cost would
    /// grow with the square of their number.
    pub(crate) const BOUND: u64 = 4;

    /// Reads from where the survey begins until it has seen enough. `None` if the system cannot, or it was too much already.
    pub(crate) fn look(&mut self, mut survey: Survey) -> Option<Survey> {
        let offset = survey.offset();
        let mut reading = self.reading(offset)?;
        while reading.end() <= offset && !reading.ended {
            reading.next()?;
        }
        let mut from = usize::try_from(offset.saturating_sub(reading.at)).unwrap_or(usize::MAX);
        while survey.push(reading.buffer.get(from..reading.filled).unwrap_or_default()) {
            reading.next()?;
            from = 0;
        }
        self.readings.furthest = self.readings.furthest.max(reading.end());
        if self.compression.is_some() {
            self.readings.open.push(reading);
        }
        Some(survey)
    }

    /// A reading that has not gone beyond the place: the one that is nearest, or a new one.
    fn reading(&mut self, offset: u64) -> Option<Reading> {
        let Some(compression) = self.compression else {
            return Some(Reading::new(self.origin.reader(offset), offset));
        };
        let Readings { open, furthest, again } = &mut self.readings;
        open.sort_by_key(|reading| reading.at);
        let not_beyond = open.partition_point(|reading| reading.at <= offset);
        if let Some(nearest) = not_beyond.checked_sub(1) {
            return Some(open.remove(nearest));
        }
        // The other is of use when its place has come.
        open.truncate(1);
        *again = again.saturating_add(offset);
        if *again > offset.max(*furthest).saturating_mul(Self::BOUND) {
            return None;
        }
        let reader = compression.reader(self.origin.reader(0), self.window).ok()?;
        Some(Reading::new(Box::new(reader.take(self.bound)), 0))
    }
}

impl Reading {
    fn new(reader: Box<dyn Read + Send>, at: u64) -> Self {
        Self { reader, buffer: vec![0; LOOK], filled: 0, at, ended: false }
    }

    /// Where what was read last ends.
    fn end(&self) -> u64 {
        self.at + self.filled as u64
    }

    /// Reads what follows: nothing at the end. `None` where the system cannot.
    fn next(&mut self) -> Option<()> {
        self.at = self.end();
        self.filled = 0;
        if self.ended {
            return Some(());
        }
        let result;
        (self.filled, result) = fill(&mut self.reader, &mut self.buffer);
        self.ended = self.filled < self.buffer.len();
        match result {
            Err(error) if error.raw_os_error().is_some() => None,
            // Compressed data that is at fault: whoever reads the blocks comes to the same end, and tells of it.
            _ => Some(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn of(origin: Origin, compression: Option<Compression>) -> Ahead {
        Ahead { origin, compression, window: 27, bound: u64::MAX, readings: Readings::default() }
    }

    #[test]
    fn a_place_is_found_at_once_where_nothing_is_compressed_and_by_way_of_the_last_one_where_it_is() {
        let text = vec![b' '; 5 * LOOK];
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &text).unwrap();
        let mut plain = of(Origin::File(FileReader::new(Arc::new(file), 0, None)), None);
        let packed = zstd::encode_all(&*text, 1).unwrap();
        let mut compressed = of(Origin::Bytes(packed.into()), Some(Compression::Zstd));
        let places = [10, 10 + 2 * LOOK as u64, 20 + 2 * LOOK as u64, 4 * LOOK as u64];
        let mut opened = 0;
        for place in places {
            assert_eq!(plain.reading(place).unwrap().at, place);
            let mut reading = compressed.reading(place).unwrap();
            assert_eq!(reading.at, opened, "{place}");
            while reading.end() <= place {
                reading.next().unwrap();
            }
            opened = reading.at;
            compressed.readings.furthest = reading.end();
            compressed.readings.open.push(reading);
        }
        assert_eq!((compressed.readings.again, plain.readings.again), (10, 0));
        // Before it there is none.
        assert_eq!(compressed.reading(0).unwrap().at, 0);
    }
}
