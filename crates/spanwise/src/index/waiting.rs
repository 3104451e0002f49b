//! Rows that wait to join the sets of a column.
//!
//! A row that joins its sets at once costs a search in each. So a column writes down for which set each row is, and lets many
//! join together: they are sorted by set in linear time, and each set is added to at its end.

use std::borrow::BorrowMut;

use roaring::RoaringBitmap;

use super::column::{Run, ascending};

/// The most rows that wait, and the most runs. It bounds what a column takes beyond its sets: 8 bytes for each row, 12 for each run.
const MOST: usize = 1 << 16;

/// The set, of those of a column, that rows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The posting of a text, by number, and so the rows with a text.
    Text(u32),
    /// The posting of an integer, and the rows with one.
    Int(u32),
    /// The posting of a double, and the rows with one.
    Float(u32),
    Mark(Mark),
}

/// A set that stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mark {
    Text,
    Long,
    Int,
    Float,
    False,
    True,
    Other,
    Several,
}

/// A kind of target in the top bits, and a number below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Code(u32);

/// What [`Code`]s are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Text,
    Int,
    Float,
    Mark,
}

impl Code {
    const SHIFT: u32 = 30;

    #[inline]
    fn new(kind: Kind, number: u32) -> Self {
        Self((kind as u32) << Self::SHIFT | number)
    }

    #[inline]
    fn is(self, kind: Kind) -> bool {
        self.0 >> Self::SHIFT == kind as u32
    }

    #[inline]
    fn number(self) -> usize {
        (self.0 & ((1 << Self::SHIFT) - 1)) as usize
    }
}

impl From<Target> for Code {
    #[inline]
    fn from(target: Target) -> Self {
        match target {
            Target::Text(number) => Self::new(Kind::Text, number),
            Target::Int(number) => Self::new(Kind::Int, number),
            Target::Float(number) => Self::new(Kind::Float, number),
            Target::Mark(mark) => Self::new(Kind::Mark, mark as u32),
        }
    }
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    rows: Vec<(Code, u32)>,
    runs: Vec<(Code, Run)>,
}

impl Waiting {
    /// Numbers of postings are below it.
    pub(crate) const POSTINGS: u32 = 1 << Code::SHIFT;

    #[inline]
    pub(crate) fn push(&mut self, target: Target, run: Run) {
        if run.end - run.start == 1 {
            self.rows.push((target.into(), run.start));
        } else {
            self.runs.push((target.into(), run));
        }
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= MOST || self.runs.len() >= MOST
    }

    /// Lets all that wait for sets of a kind join them, and `all` of them.
    pub(crate) fn join<S: BorrowMut<RoaringBitmap>>(
        &self,
        kind: Kind,
        sets: &mut [S],
        mut all: Option<&mut RoaringBitmap>,
    ) {
        for (code, run) in self.runs.iter().filter(|(code, _)| code.is(kind)) {
            let set = sets.get_mut(code.number()).map(BorrowMut::borrow_mut);
            for set in [set, all.as_deref_mut()].into_iter().flatten() {
                set.insert_range(run.start..run.end);
            }
        }
        let rows = || self.rows.iter().filter(|(code, _)| code.is(kind));
        let mut places = vec![0u32; sets.len()];
        let mut count = 0;
        for (code, _) in rows() {
            if let Some(place) = places.get_mut(code.number()) {
                *place += 1;
                count += 1;
            }
        }
        if count == 0 {
            return;
        }
        if let Some(all) = all {
            let in_any: Vec<u32> = rows().map(|(_, row)| *row).collect();
            add(all, &in_any);
        }
        let mut start = 0;
        for place in &mut places {
            start += std::mem::replace(place, start);
        }
        // Each is put at its place, so that afterwards places are where the rows of each set end.
        let mut sorted = vec![0u32; count];
        for (code, row) in rows() {
            if let Some(place) = places.get_mut(code.number()) {
                if let Some(to) = sorted.get_mut(*place as usize) {
                    *to = *row;
                }
                *place += 1;
            }
        }
        let mut start = 0;
        for (set, end) in sets.iter_mut().zip(places) {
            add(set.borrow_mut(), sorted.get(start..end as usize).unwrap_or_default());
            start = end as usize;
        }
    }

    /// Nobody waits any more.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.runs.clear();
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<(Code, u32)>() + self.runs.capacity() * size_of::<(Code, Run)>()
    }
}

/// Adds rows, which mostly ascend and come after all that are there.
fn add(set: &mut RoaringBitmap, rows: &[u32]) {
    match rows {
        [] => {}
        [row] => {
            set.insert(*row);
        }
        [first, .., last] if rows.is_sorted_by(|a, b| a + 1 == *b) => {
            set.insert_range(*first..=*last);
        }
        _ => {
            if set.append(rows.iter().copied()).is_err() {
                *set |= ascending(rows.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u32, end: u32) -> Run {
        Run { start, end }
    }

    #[test]
    fn rows_join_their_sets_in_whatever_order_they_come() {
        let mut sets = [RoaringBitmap::new(), RoaringBitmap::from_iter([90]), RoaringBitmap::new()];
        let mut all = RoaringBitmap::from_iter([90]);
        let mut waiting = Waiting::default();
        for (number, rows) in [
            (0, run(3, 4)),
            (1, run(4, 5)),
            (0, run(5, 6)),
            (0, run(5, 6)),
            (1, run(10, 20)),
            (1, run(8, 9)),
            (1, run(100, 101)),
        ] {
            waiting.push(Target::Text(number), rows);
        }
        // Of another kind: no concern of these sets.
        waiting.push(Target::Int(2), run(7, 8));
        waiting.join(Kind::Text, &mut sets, Some(&mut all));
        let of = |rows: &[u32]| rows.iter().copied().collect::<RoaringBitmap>();
        let of_one = of(&[4, 8, 90, 100]) | RoaringBitmap::from_sorted_iter(10..20).unwrap();
        assert_eq!(sets, [of(&[3, 5]), of_one.clone(), of(&[])]);
        assert_eq!(all, of_one | of(&[3, 5]));

        let mut ints = [RoaringBitmap::new(), RoaringBitmap::new(), RoaringBitmap::new()];
        waiting.join(Kind::Int, &mut ints, None);
        assert_eq!(ints, [of(&[]), of(&[]), of(&[7])]);
        waiting.clear();
        waiting.join(Kind::Text, &mut ints, Some(&mut all.clone()));
        assert_eq!(ints, [of(&[]), of(&[]), of(&[7])]);
    }

    #[test]
    fn rows_that_follow_each_other_are_a_range() {
        let mut set = RoaringBitmap::from_iter([2]);
        let rows: Vec<u32> = (3..200_000).collect();
        add(&mut set, &rows);
        assert_eq!(set, RoaringBitmap::from_sorted_iter(2..200_000).unwrap());
        add(&mut set, &[5, 6, 7, 300_000]);
        assert_eq!((set.len(), set.max()), (199_999, Some(300_000)));
    }

    #[test]
    fn codes_hold_every_number_that_is_given() {
        for (target, kind, number) in [
            (Target::Text(0), Kind::Text, 0),
            (Target::Int(Waiting::POSTINGS - 1), Kind::Int, Waiting::POSTINGS as usize - 1),
            (Target::Float(77), Kind::Float, 77),
            (Target::Mark(Mark::Several), Kind::Mark, 7),
        ] {
            let code = Code::from(target);
            let kinds = [Kind::Text, Kind::Int, Kind::Float, Kind::Mark];
            assert_eq!(kinds.map(|kind| code.is(kind)), kinds.map(|found| found == kind));
            assert_eq!(code.number(), number);
        }
    }
}
