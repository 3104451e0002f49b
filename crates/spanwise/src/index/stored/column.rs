//! Columns as bytes.

use super::bytes::{Reader, Writer};
use crate::index::column::{Checksums, Column, Texts};
use crate::index::numbers::{Number, Numbers, Sorted};

/// Bytes of a column of nothing.
pub(super) const LEAST_OF_COLUMN: u64 = 98;

impl Writer {
    pub(super) fn column(&mut self, column: &Column) {
        self.number(column.texts.len().into());
        for number in 0..column.texts.len() {
            self.number(column.texts.get(number).len() as u64);
        }
        self.raw(&column.texts.arena);
        self.set(&column.text_rows);
        self.family(&column.text_rows, &column.texts.postings);
        self.rows(&column.checksums.rows);
        for sum in &column.checksums.sums {
            self.raw(&sum.to_le_bytes());
        }
        let [no, yes] = &column.bools;
        for rows in [&column.long, no, yes, &column.other, &column.several] {
            self.set(rows);
        }
        self.numbers(&column.ints);
        self.numbers(&column.floats);
        self.number(column.last.map_or(0, |last| u64::from(last) + 1));
    }

    fn numbers<N: Number>(&mut self, numbers: &Numbers<N>) {
        self.set(&numbers.rows);
        self.number(numbers.values.len() as u64);
        for value in &numbers.values {
            self.raw(&value.bits().to_le_bytes());
        }
        self.family(&numbers.rows, &numbers.postings);
        self.rows(&numbers.rest.rows);
        self.segments(&numbers.rest.bits, &numbers.rest.order);
    }
}

/// The column that a section holds, of an index of `len` rows.
pub(in crate::index) fn column(bytes: &[u8], len: u32) -> Option<Column> {
    let mut reader = Reader::new(bytes);
    let column = reader.column(len)?;
    reader.is_at_end().then_some(column)
}

impl Reader<'_> {
    fn column(&mut self, len: u32) -> Option<Column> {
        let mut column = Column::default();
        let (mut ends, mut end) = (Vec::new(), 0u32);
        let count = self.small()?;
        // A byte for the length of each, and one of its own but for the one that may be empty.
        if 2 * u64::from(count) > self.left() as u64 + 1 {
            return None;
        }
        for _ in 0..count {
            end = end.checked_add(self.small()?)?;
            ends.push(end);
        }
        let arena = self.raw(end as usize)?;
        column.text_rows = self.set(len)?;
        let postings = self.family(&column.text_rows, ends.len(), len)?;
        column.texts = Texts::of_parts(arena.to_vec(), ends, postings)?;
        let rows = self.rows(len)?;
        let sums = self.raw(rows.len().checked_mul(4)?)?;
        let sums = sums.as_chunks::<4>().0.iter().map(|sum| u32::from_le_bytes(*sum)).collect();
        column.checksums = Checksums { rows, sums };
        column.long = self.set(len)?;
        column.bools = [self.set(len)?, self.set(len)?];
        column.other = self.set(len)?;
        column.several = self.set(len)?;
        column.ints = self.numbers(len)?;
        column.floats = self.numbers(len)?;
        column.last = self.small()?.checked_sub(1);
        if column.last.is_some_and(|last| last >= len) {
            return None;
        }
        Some(column)
    }

    fn numbers<N: Number>(&mut self, len: u32) -> Option<Numbers<N>> {
        let all = self.set(len)?;
        let count = self.small()? as usize;
        let values = self.raw(count.checked_mul(8)?)?;
        let values =
            values.as_chunks::<8>().0.iter().map(|bits| N::of_bits(u64::from_le_bytes(*bits))).collect();
        let postings = self.family(&all, count, len)?;
        let rows = self.rows(len)?;
        let (bits, order) = self.segments(rows.len())?;
        Numbers::of_parts(all, values, postings, Sorted { rows, bits, order })
    }
}

#[cfg(test)]
mod tests {
    use roaring::RoaringBitmap;

    use super::*;

    /// A column of `texts` texts, whose lengths are given, and rows from 0 that are told to have them.
    fn of_texts(texts: u64, lengths: &[u8], arena: &[u8], rows: u32, family: &[u8]) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(texts);
        out.raw(lengths);
        out.raw(arena);
        out.set(&(0..rows).collect());
        out.raw(family);
        out.rows(&[]);
        for _ in 0..5 {
            out.set(&RoaringBitmap::new());
        }
        out.numbers(&Numbers::<i64>::default());
        out.numbers(&Numbers::<f64>::default());
        out.number(0);
        out.take()
    }

    #[test]
    fn the_last_row_is_one_of_the_index() {
        let mut written = of_texts(0, &[], b"", 0, &[]);
        for (last, is_good) in
            [(0, true), (1, true), (1000, true), (1001, false), (u64::from(u32::MAX), false)]
        {
            written.truncate(usize::try_from(LEAST_OF_COLUMN).unwrap() - 1);
            let mut out = Writer::default();
            out.number(last);
            written.extend(out.take());
            let read = column(&written, 1000);
            assert_eq!(read.is_some(), is_good, "{last}");
            let row = last.checked_sub(1).map(|row| u32::try_from(row).unwrap());
            assert!(read.is_none_or(|column| column.last == row), "{last}");
        }
    }

    #[test]
    fn values_that_no_row_has_are_no_column() {
        let read = |bytes: &[u8]| column(bytes, 1000).map(|column| column.texts.len());
        assert_eq!(read(&of_texts(2, &[0, 1], b"a", 2, &[1, 2, 1])), Some(2));
        // One that is empty, and one that is there twice.
        assert_eq!(read(&of_texts(2, &[0, 0], b"", 2, &[1, 2, 1])), None);
        assert_eq!(read(&of_texts(2, &[0, 1], b"a", 1, &[1, 2])), None);
        assert_eq!(read(&of_texts(200, &[1; 200], &(0..200).collect::<Vec<u8>>(), 2, &[1, 2, 1])), None);
        assert_eq!(read(&of_texts(100, &[0; 100], b"", 100, &(0..101).collect::<Vec<u8>>())), None);
        let nothing = of_texts(0, &[], b"", 0, &[]);
        assert_eq!((read(&nothing), nothing.len() as u64), (Some(0), LEAST_OF_COLUMN));
    }
}
