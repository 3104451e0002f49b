//! When spans start and how long they take, by row.

use std::ops::RangeInclusive;

use roaring::RoaringBitmap;

use super::numbers::{Found, SEGMENT, between, order};
use crate::SpanRow;

/// Nanoseconds as queries know them. What is too long is as long as can be told.
pub(crate) fn nanos(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// The same from `start` to `end`, which may be before it.
pub(crate) fn nanos_between(start: u64, end: u64) -> i64 {
    let nanos = i128::from(end) - i128::from(start);
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// In nanoseconds, by row.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) start: Vec<u64>,
    pub(crate) duration: Vec<u64>,
    /// Places of each whole segment by duration.
    pub(crate) order: Vec<u16>,
}

impl Times {
    pub(crate) fn push(&mut self, row: &SpanRow) {
        let duration = row.end_time_unix_nano.saturating_sub(row.start_time_unix_nano);
        self.push_row(row.start_time_unix_nano, duration);
    }

    fn push_row(&mut self, start: u64, duration: u64) {
        self.start.push(start);
        self.duration.push(duration);
        if self.duration.len().is_multiple_of(SEGMENT) {
            let sealed = self.duration.len() - SEGMENT;
            self.order.extend(order(self.duration.get(sealed..).unwrap_or_default()));
        }
    }

    /// Adds the rows of another table after these.
    pub(crate) fn append(&mut self, other: &Self) {
        for (start, duration) in other.start.iter().zip(&other.duration) {
            self.push_row(*start, *duration);
        }
    }

    /// The rows whose durations are in the range.
    pub(crate) fn between(&self, range: &RangeInclusive<u64>) -> RoaringBitmap {
        let mut rows = RoaringBitmap::new();
        between(&self.duration, &self.order, range, &mut |start, found| {
            // There are no more rows than that.
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            match found {
                Found::Few(places) => rows.extend(places.iter().map(|at| start.saturating_add((*at).into()))),
                Found::Many(bits) => rows |= RoaringBitmap::from_lsb0_bytes(start, bits),
            }
        });
        rows
    }

    pub(crate) fn start_of(&self, row: u32) -> u64 {
        self.start.get(row as usize).copied().unwrap_or(0)
    }

    pub(crate) fn duration_of(&self, row: u32) -> u64 {
        self.duration.get(row as usize).copied().unwrap_or(0)
    }

    /// Bytes on the heap, nearly.
    pub(crate) fn bytes(&self) -> usize {
        (self.start.capacity() + self.duration.capacity()) * 8 + self.order.capacity() * 2
    }
}
