//! Joins indexes.

use roaring::RoaringBitmap;

use super::column::Column;
use super::column::Run;
use super::numbers::{Number, Numbers};
use super::waiting::Waiting;
use super::{Index, IndexError, IndexLimits};

impl Index {
    /// Adds the rows of another index after these: its row 0 becomes row [`Self::len`].
    ///
    /// The answers are those of one index that was given the spans of both.
    ///
    /// # Errors
    /// There would be more rows than 2³² − 2; or one of the two is stored, and what was not read of it yet cannot be read.
    /// Nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), IndexError> {
        let first = self.len();
        let len =
            first.checked_add(other.len()).filter(|len| *len < u32::MAX).ok_or(IndexError::TooManyRows)?;
        self.load()?;
        // All of it before the first row is added: behind this nothing fails.
        let theirs = other.whole()?;
        let limits = self.limits;
        for (field, column) in theirs.columns {
            if let Some(number) = self.column_number(field.clone()) {
                if let Some(ours) = self.column_mut(number) {
                    ours.append(column, first, limits);
                }
            } else {
                let scope = super::build::scope_number(field);
                let rows = shifted(&column.present(), first);
                if let Some(overflow) = scope.and_then(|scope| self.overflow_mut().get_mut(scope)) {
                    *overflow |= rows;
                }
            }
        }
        for (ours, theirs) in self.overflow_mut().iter_mut().zip(theirs.overflow) {
            *ours |= shifted(theirs, first);
        }
        let (traces, times) = self.tables_mut();
        traces.append(theirs.traces);
        times.append(theirs.times);
        self.len = len;
        Ok(())
    }
}

fn shifted(rows: &RoaringBitmap, first: u32) -> RoaringBitmap {
    RoaringBitmap::from_sorted_iter(rows.iter().map(|row| row + first)).unwrap_or_default()
}

fn join(ours: &mut RoaringBitmap, theirs: &RoaringBitmap, first: u32) {
    // All rows of the other come after all of these.
    if ours.append(theirs.iter().map(|row| row + first)).is_err() {
        *ours |= shifted(theirs, first);
    }
}

impl Column {
    fn append(&mut self, other: &Self, first: u32, limits: IndexLimits) {
        self.settle();
        let distinct = limits.distinct.min(Waiting::POSTINGS);
        for (text, rows) in
            (0..).zip(&other.texts.postings).map(|(number, rows)| (other.texts.get(number), rows))
        {
            let number =
                if text.len() <= limits.text_bytes { self.texts.intern(text, distinct) } else { None };
            let posting = number.and_then(|number| self.texts.postings.get_mut(number as usize));
            if let Some(posting) = posting {
                join(posting, rows, first);
            } else {
                let sum = crc32fast::hash(text);
                for row in rows {
                    self.checksums.rows.push(row + first);
                    self.checksums.sums.push(sum);
                }
            }
        }
        self.checksums.rows.extend(other.checksums.rows.iter().map(|row| row + first));
        self.checksums.sums.extend(&other.checksums.sums);
        self.ints.append(&other.ints, first, distinct);
        self.floats.append(&other.floats, first, distinct);
        let [no, yes] = &mut self.bools;
        let [their_no, their_yes] = &other.bools;
        for (ours, theirs) in [
            (&mut self.text_rows, &other.text_rows),
            (&mut self.long, &other.long),
            (no, their_no),
            (yes, their_yes),
            (&mut self.other, &other.other),
            (&mut self.several, &other.several),
        ] {
            join(ours, theirs, first);
        }
        self.last = other.last.map(|row| row + first).or(self.last);
    }
}

impl<N: Number> Numbers<N> {
    fn append(&mut self, other: &Self, first: u32, distinct: u32) {
        // NaN that found no room is in the rows alone.
        join(&mut self.rows, &other.rows, first);
        let one = |row: u32| Run { start: row + first, end: row + first + 1 };
        for (number, rows) in other.values.iter().zip(&other.postings) {
            if let Some(posting) =
                self.place(*number, distinct).and_then(|place| self.postings.get_mut(place as usize))
            {
                join(posting, rows, first);
            } else {
                for row in rows {
                    self.add(*number, one(row), distinct);
                }
            }
        }
        for (row, bits) in other.rest.rows.iter().zip(&other.rest.bits) {
            let run = one(*row);
            let place = self.add(N::of_bits(*bits), run, distinct);
            if let Some(posting) = place.and_then(|place| self.postings.get_mut(place as usize)) {
                posting.insert(run.start);
            }
        }
    }
}
