//! The values of one field over all rows.
//!
//! A value goes to a dictionary with a posting (a set of rows) of its own, until the dictionary of its type is full. Later
//! new values go to what is bounded: numbers to a sorted column, which answers for them exactly, and texts to a column of
//! checksums, which names candidates. Texts that are too long for both are only known to be there. What the index cannot
//! answer for is *unsure*, and is looked up in the source: so a bound costs time, and never a wrong answer.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::{MultiOps, RoaringBitmap};

use super::IndexLimits;
use super::numbers::Numbers;
use super::query::ast::{Comparison, Literal};
use super::query::value::{Value, holds};
use super::waiting::{Kind, Mark, Target, Waiting};
use regex::Regex;

/// What buckets are chosen with.
pub(super) static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Rows for which something holds, and rows for which only the source can tell. The two share none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) yes: RoaringBitmap,
    pub(crate) unsure: RoaringBitmap,
}

impl Known {
    pub(crate) fn exact(yes: RoaringBitmap) -> Self {
        Self { yes, unsure: RoaringBitmap::new() }
    }

    /// Rows that are surely so and rows that may be.
    pub(crate) fn new(yes: RoaringBitmap, maybe: RoaringBitmap) -> Self {
        let unsure = if maybe.is_empty() { maybe } else { maybe - &yes };
        Self { yes, unsure }
    }

    /// Both sets together.
    pub(crate) fn possible(&self) -> RoaringBitmap {
        if self.unsure.is_empty() { self.yes.clone() } else { &self.yes | &self.unsure }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self::new(self.yes | other.yes, self.unsure | other.unsure)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        if self.unsure.is_empty() && other.unsure.is_empty() {
            return Self::exact(self.yes & other.yes);
        }
        let possible = self.possible() & other.possible();
        Self::new(self.yes & other.yes, possible)
    }

    /// Those of `all` for which it does not hold.
    pub(crate) fn not(self, all: RoaringBitmap) -> Self {
        let yes = all - self.possible();
        Self { yes, unsure: self.unsure }
    }

    pub(crate) fn without(self, rows: &RoaringBitmap) -> Self {
        Self { yes: self.yes - rows, unsure: self.unsure - rows }
    }
}

/// Adds a row. `try_push` looks for the largest row first, which in a dense set takes long each time.
#[inline]
pub(crate) fn push(rows: &mut RoaringBitmap, row: u32) {
    rows.insert(row);
}

/// Rows from `start` to before `end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Distinct texts in one buffer, and the rows of each.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) arena: Vec<u8>,
    /// Where each text ends in the arena.
    pub(crate) ends: Vec<u32>,
    table: HashTable<u32>,
    pub(crate) postings: Vec<RoaringBitmap>,
    /// The text that was added last: in many columns it is the next as well.
    last: u32,
}

impl Texts {
    /// Texts that were read from elsewhere; none if one comes twice.
    pub(crate) fn of_parts(arena: Vec<u8>, ends: Vec<u32>, postings: Vec<RoaringBitmap>) -> Option<Self> {
        let mut texts = Self { arena, ends, postings, ..Self::default() };
        for number in 0..texts.len() {
            let text = texts.get(number);
            if texts.find(text).is_some() {
                return None;
            }
            let (arena, ends) = (&texts.arena, &texts.ends);
            let rehash = |number: &u32| SEED.hash_one(Self::bytes(arena, ends, *number));
            texts.table.insert_unique(SEED.hash_one(text), number, rehash);
        }
        Some(texts)
    }

    fn bytes<'a>(arena: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
        let at = number as usize;
        let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
        let end = ends.get(at).copied().unwrap_or(0);
        arena.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(crate) fn get(&self, number: u32) -> &[u8] {
        Self::bytes(&self.arena, &self.ends, number)
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn find(&self, text: &[u8]) -> Option<u32> {
        self.table.find(SEED.hash_one(text), |number| self.get(*number) == text).copied()
    }

    /// The number of a text, which is added if there are less than `limit`.
    #[inline]
    pub(crate) fn intern(&mut self, text: &[u8], limit: u32) -> Option<u32> {
        if self.last < self.len() && self.get(self.last) == text {
            return Some(self.last);
        }
        let hash = SEED.hash_one(text);
        let (arena, ends) = (&self.arena, &self.ends);
        let found = self.table.find(hash, |number| Self::bytes(arena, ends, *number) == text).copied();
        let number = if let Some(number) = found {
            number
        } else {
            let number = self.len();
            let end = u32::try_from(self.arena.len() + text.len()).ok().filter(|_| number < limit)?;
            self.arena.extend_from_slice(text);
            self.ends.push(end);
            self.postings.push(RoaringBitmap::new());
            let (arena, ends) = (&self.arena, &self.ends);
            self.table.insert_unique(hash, number, |number| SEED.hash_one(Self::bytes(arena, ends, *number)));
            number
        };
        self.last = number;
        Some(number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RoaringBitmap)> {
        (0..)
            .zip(&self.postings)
            .map(|(number, rows)| (std::str::from_utf8(self.get(number)).unwrap_or(""), rows))
    }
}

/// Checksums of texts that found no room in the dictionary, and their rows.
#[derive(Debug, Default)]
pub(crate) struct Checksums {
    pub(crate) rows: Vec<u32>,
    pub(crate) sums: Vec<u32>,
}

impl Checksums {
    fn candidates(&self, text: &str) -> RoaringBitmap {
        let sum = crc32fast::hash(text.as_bytes());
        let found = self.rows.iter().zip(&self.sums).filter(|(_, found)| **found == sum);
        ascending(found.map(|(row, _)| *row))
    }

    fn all(&self) -> RoaringBitmap {
        ascending(self.rows.iter().copied())
    }
}

/// A set of rows that come nearly in ascending order, some more than once.
pub(crate) fn ascending(rows: impl IntoIterator<Item = u32>) -> RoaringBitmap {
    let mut rows: Vec<u32> = rows.into_iter().collect();
    if !rows.is_sorted() {
        rows.sort_unstable();
    }
    rows.dedup();
    RoaringBitmap::from_sorted_iter(rows).unwrap_or_default()
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(crate) texts: Texts,
    /// Rows with a text.
    pub(crate) text_rows: RoaringBitmap,
    pub(crate) checksums: Checksums,
    /// Rows with a text that is too long for a checksum.
    pub(crate) long: RoaringBitmap,
    pub(crate) ints: Numbers<i64>,
    pub(crate) floats: Numbers<f64>,
    /// Rows with false, and with true.
    pub(crate) bools: [RoaringBitmap; 2],
    /// Rows with what compares with nothing: bytes, kvlists, lists of none of the above.
    pub(crate) other: RoaringBitmap,
    /// Rows with a list, or with several values.
    pub(crate) several: RoaringBitmap,
    /// The row that was added last, for finding those with several values.
    pub(crate) last: Option<u32>,
    /// Rows that are in none of these sets yet. Nothing but `add` and the like may be called while there are any.
    waiting: Waiting,
}

/// What a value is to the index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    Text(&'a [u8]),
    /// A text of more bytes than are looked at.
    Long,
    Int(i64),
    Float(f64),
    Bool(bool),
    Other,
}

impl Column {
    /// Adds a value of these rows, which come in ascending order.
    #[inline]
    pub(crate) fn add(&mut self, entry: Entry<'_>, run: Run, limits: IndexLimits) {
        let distinct = limits.distinct.min(Waiting::POSTINGS);
        let target = match entry {
            Entry::Text(text) => {
                let number =
                    if text.len() <= limits.text_bytes { self.texts.intern(text, distinct) } else { None };
                if number.is_none() {
                    let sum = crc32fast::hash(text);
                    for row in run.start..run.end {
                        self.checksums.rows.push(row);
                        self.checksums.sums.push(sum);
                    }
                }
                number.map_or(Target::Mark(Mark::Text), Target::Text)
            }
            Entry::Long => {
                self.waiting.push(Target::Mark(Mark::Long), run);
                Target::Mark(Mark::Text)
            }
            Entry::Int(number) => {
                self.ints.add(number, run, distinct).map_or(Target::Mark(Mark::Int), Target::Int)
            }
            Entry::Float(number) => {
                self.floats.add(number, run, distinct).map_or(Target::Mark(Mark::Float), Target::Float)
            }
            Entry::Bool(value) => Target::Mark(if value { Mark::True } else { Mark::False }),
            Entry::Other => Target::Mark(Mark::Other),
        };
        self.wait(target, run);
    }

    /// The same, where a row may have several values: those of events and links.
    pub(crate) fn add_repeated(&mut self, entry: Entry<'_>, row: u32, limits: IndexLimits) {
        let run = Run { start: row, end: row + 1 };
        if self.last.replace(row) == Some(row) {
            self.mark_several(run);
        }
        self.add(entry, run, limits);
    }

    /// Marks rows whose values are those of a list.
    pub(crate) fn mark_several(&mut self, run: Run) {
        self.wait(Target::Mark(Mark::Several), run);
    }

    #[inline]
    fn wait(&mut self, target: Target, run: Run) {
        self.waiting.push(target, run);
        if self.waiting.is_full() {
            self.settle();
        }
    }

    /// Lets all rows that wait join their sets.
    #[cold]
    pub(super) fn settle(&mut self) {
        let Self { texts, text_rows, long, ints, floats, bools, other, several, waiting, .. } = self;
        waiting.join(Kind::Text, &mut texts.postings, Some(text_rows));
        waiting.join(Kind::Int, &mut ints.postings, Some(&mut ints.rows));
        waiting.join(Kind::Float, &mut floats.postings, Some(&mut floats.rows));
        let [no, yes] = bools;
        let mut marks = [text_rows, long, &mut ints.rows, &mut floats.rows, no, yes, other, several];
        waiting.join(Kind::Mark, &mut marks, None);
        waiting.clear();
    }

    /// Makes it ready to be asked.
    pub(super) fn close(&mut self) {
        self.settle();
        self.waiting = Waiting::default();
    }

    /// Rows that have a value.
    pub(crate) fn present(&self) -> RoaringBitmap {
        let [no, yes] = &self.bools;
        [&self.text_rows, &self.ints.rows, &self.floats.rows, no, yes, &self.other, &self.several].union()
    }

    /// Rows where the value is this boolean, and no list.
    pub(crate) fn is_bool(&self, value: bool) -> Known {
        let [no, yes] = &self.bools;
        let rows = if value { yes } else { no };
        Known::new(rows - &self.several, rows & &self.several)
    }

    pub(crate) fn compares(&self, comparison: Comparison, literal: &Literal) -> Known {
        if comparison == Comparison::NotEqual {
            let equal = self.compares(Comparison::Equal, literal);
            let rows = match literal {
                Literal::Text(_) => self.text_rows.clone(),
                Literal::Int(_) | Literal::Float(_) | Literal::Duration(_) => {
                    &self.ints.rows | &self.floats.rows
                }
                Literal::Bool(_) => &self.bools[0] | &self.bools[1],
                Literal::Status(_) | Literal::Kind(_) => RoaringBitmap::new(),
            };
            return self.differing(rows, equal);
        }
        match literal {
            Literal::Text(text) if comparison == Comparison::Equal => {
                let found = self.texts.find(text.as_bytes());
                let found = found.and_then(|number| self.texts.postings.get(number as usize));
                let unsure = self.checksums.candidates(text) | &self.long;
                Known::new(found.cloned().unwrap_or_default(), unsure)
            }
            Literal::Text(text) => self.texts_that(|value| holds(comparison, Some(value.cmp(text)))),
            Literal::Int(_) | Literal::Float(_) | Literal::Duration(_) => {
                let literal = Value::from(literal);
                let ints = self.ints.rows_that(comparison, Value::Int, &literal);
                let floats = self.floats.rows_that(comparison, Value::Float, &literal);
                Known::exact(if floats.is_empty() { ints } else { ints | floats })
            }
            Literal::Bool(value) if comparison == Comparison::Equal => {
                let [no, yes] = &self.bools;
                Known::exact(if *value { yes } else { no }.clone())
            }
            Literal::Bool(_) | Literal::Status(_) | Literal::Kind(_) => Known::default(),
        }
    }

    pub(crate) fn matches(&self, regex: &Regex, negated: bool) -> Known {
        let matching = self.texts_that(|text| regex.is_match(text));
        if negated { self.differing(self.text_rows.clone(), matching) } else { matching }
    }

    /// Rows of `rows` for which `equal` does not hold. Where a row has several values, the source must tell.
    fn differing(&self, rows: RoaringBitmap, equal: Known) -> Known {
        Known::new(rows - equal.possible() - &self.several, equal.unsure | &self.several)
    }

    fn texts_that(&self, test: impl Fn(&str) -> bool) -> Known {
        let yes = self.texts.iter().filter(|(text, _)| test(text)).map(|(_, rows)| rows).union();
        Known::new(yes, self.checksums.all() | &self.long)
    }

    /// Bytes on the heap, nearly.
    pub(crate) fn bytes(&self) -> usize {
        let sets = self.texts.postings.iter().chain(&self.bools);
        let sets = sets.chain([&self.text_rows, &self.long, &self.other, &self.several]);
        sets.map(bitmap_bytes).sum::<usize>()
            + self.texts.arena.capacity()
            + self.texts.ends.capacity() * 4
            + self.texts.table.capacity() * 5
            + self.checksums.rows.capacity() * 8
            + self.ints.bytes()
            + self.floats.bytes()
            + self.waiting.bytes()
    }
}

/// Bytes that a set takes, nearly.
pub(crate) fn bitmap_bytes(rows: &RoaringBitmap) -> usize {
    let statistics = rows.statistics();
    let containers = statistics.n_containers as usize * 32;
    let bytes = statistics.n_bytes_array_containers
        + statistics.n_bytes_run_containers
        + statistics.n_bytes_bitset_containers;
    containers + usize::try_from(bytes).unwrap_or(usize::MAX) + size_of::<RoaringBitmap>()
}
