//! The numbers of one field: a dictionary while they are few, sorted segments after.
//!
//! A segment holds 65,536 numbers in the order of their rows, and the order of the numbers as a permutation of two bytes
//! each. A comparison is two binary searches in each segment. The last numbers, too few for a segment, are looked at one by
//! one.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use roaring::{MultiOps, RoaringBitmap};

use super::column::{Run, ascending, bitmap_bytes};
use super::query::ast::Comparison;
use super::query::value::Value;

/// Numbers of a segment.
pub(crate) const SEGMENT: usize = 1 << 16;

/// A number that has an order and a spelling in 64 bits.
pub(crate) trait Number: Copy + PartialOrd {
    /// Bits that sort as the numbers do; NaN before or after all others.
    fn bits(self) -> u64;
    fn of_bits(bits: u64) -> Self;
    fn is_nan(self) -> bool;
    /// The bits of all numbers but NaN.
    fn all() -> RangeInclusive<u64>;
}

impl Number for i64 {
    fn bits(self) -> u64 {
        self.cast_unsigned() ^ 1 << 63
    }

    fn of_bits(bits: u64) -> Self {
        (bits ^ 1 << 63).cast_signed()
    }

    fn is_nan(self) -> bool {
        false
    }

    fn all() -> RangeInclusive<u64> {
        0..=u64::MAX
    }
}

impl Number for f64 {
    fn bits(self) -> u64 {
        let bits = self.to_bits();
        if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
    }

    fn of_bits(bits: u64) -> Self {
        Self::from_bits(if bits >> 63 == 0 { !bits } else { bits & !(1 << 63) })
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }

    fn all() -> RangeInclusive<u64> {
        Self::NEG_INFINITY.bits()..=Self::INFINITY.bits()
    }
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Numbers<N> {
    /// Rows with such a number.
    pub(crate) rows: RoaringBitmap,
    /// By bits: the place of a value and its posting.
    places: HashMap<u64, u32, foldhash::fast::RandomState>,
    pub(crate) values: Vec<N>,
    pub(crate) postings: Vec<RoaringBitmap>,
    /// The place that was given last: in many columns it is the next as well.
    last: u32,
    pub(crate) rest: Sorted,
}

impl<N> Default for Numbers<N> {
    fn default() -> Self {
        Self {
            rows: RoaringBitmap::new(),
            places: HashMap::default(),
            values: Vec::new(),
            postings: Vec::new(),
            last: 0,
            rest: Sorted::default(),
        }
    }
}

/// Numbers, as bits that sort as they do, in the order of their rows.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    pub(crate) rows: Vec<u32>,
    pub(crate) bits: Vec<u64>,
    /// For each whole segment, its places in ascending order of the numbers.
    pub(crate) order: Vec<u16>,
}

impl Sorted {
    pub(crate) fn push(&mut self, row: u32, bits: u64) {
        self.rows.push(row);
        self.bits.push(bits);
        if self.bits.len().is_multiple_of(SEGMENT) {
            let start = self.bits.len() - SEGMENT;
            self.order.extend(order(self.bits.get(start..).unwrap_or_default()));
        }
    }

    /// The rows whose bits are in the range.
    pub(crate) fn between(&self, range: &RangeInclusive<u64>) -> RoaringBitmap {
        let mut rows = Vec::new();
        between(&self.bits, &self.order, range, &mut |start, found| {
            found.each(&mut |at| rows.extend(self.rows.get(start + at)));
        });
        ascending(rows)
    }

    fn bytes(&self) -> usize {
        self.rows.capacity() * 4 + self.bits.capacity() * 8 + self.order.capacity() * 2
    }
}

/// The places of a segment's numbers in ascending order.
pub(crate) fn order(bits: &[u64]) -> impl Iterator<Item = u16> {
    let mut pairs: Vec<(u64, u16)> = bits.iter().copied().zip(0..=u16::MAX).collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, at)| at)
}

/// Places in one segment, in ascending order.
pub(crate) enum Found<'a> {
    Few(&'a [u16]),
    /// A bit for each place, the lowest first.
    Many(&'a [u8; SEGMENT / 8]),
}

impl Found<'_> {
    fn each(&self, each: &mut impl FnMut(usize)) {
        match self {
            Self::Few(places) => places.iter().for_each(|at| each(usize::from(*at))),
            Self::Many(bits) => {
                for (at, word) in bits.as_chunks::<8>().0.iter().enumerate() {
                    let mut word = u64::from_le_bytes(*word);
                    while word != 0 {
                        each(at * 64 + word.trailing_zeros() as usize);
                        word &= word - 1;
                    }
                }
            }
        }
    }
}

/// Of the bits in `all` those after all that are `below`, and before all that are `above`; the tests must be such that this is a
/// range. They are asked some dozens of times, and not for each number.
pub(crate) fn range(
    all: &RangeInclusive<u64>,
    below: impl Fn(u64) -> bool,
    above: impl Fn(u64) -> bool,
) -> RangeInclusive<u64> {
    /// The least bits that pass, if any do: all after them must, too.
    fn first(all: &RangeInclusive<u64>, passes: impl Fn(u64) -> bool) -> Option<u64> {
        let (mut low, mut high) = (*all.start(), *all.end());
        while low < high {
            let middle = low + (high - low) / 2;
            if passes(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        passes(low).then_some(low)
    }
    let start = first(all, |bits| !below(bits));
    // Before the first that is above, which may be the first of all.
    let end = first(all, above).map_or(Some(*all.end()), |end| end.checked_sub(1));
    match (start, end) {
        (Some(start), Some(end)) => start..=end,
        _ => RangeInclusive::new(1, 0),
    }
}

/// Calls `each` with where a segment begins and the places in it whose numbers are in the range, for each segment that has any.
pub(crate) fn between(
    bits: &[u64],
    order: &[u16],
    range: &RangeInclusive<u64>,
    each: &mut impl FnMut(usize, Found<'_>),
) {
    let mut marks = [0u8; SEGMENT / 8];
    let mut few: Vec<u16> = Vec::new();
    let mut start = 0;
    for order in order.chunks_exact(SEGMENT) {
        let number = |at: &u16| bits.get(start + usize::from(*at)).copied().unwrap_or(0);
        let first = order.partition_point(|at| number(at) < *range.start());
        let last = order.partition_point(|at| number(at) <= *range.end());
        let found = order.get(first..last).unwrap_or_default();
        if found.len() < 64 {
            few.clear();
            few.extend(found);
            few.sort_unstable();
            if !few.is_empty() {
                each(start, Found::Few(&few));
            }
        } else {
            marks.fill(0);
            for at in found {
                if let Some(byte) = marks.get_mut(usize::from(*at) / 8) {
                    *byte |= 1 << (at % 8);
                }
            }
            each(start, Found::Many(&marks));
        }
        start += SEGMENT;
    }
    // Too few for a segment: each is looked at.
    let open = (0..=u16::MAX).zip(bits.get(start..).unwrap_or_default());
    few.clear();
    few.extend(open.filter(|(_, bits)| range.contains(bits)).map(|(at, _)| at));
    if !few.is_empty() {
        each(start, Found::Few(&few));
    }
}

impl<N: Number> Numbers<N> {
    /// Numbers that were read from elsewhere; none if a value comes twice.
    pub(crate) fn of_parts(
        rows: RoaringBitmap,
        values: Vec<N>,
        postings: Vec<RoaringBitmap>,
        rest: Sorted,
    ) -> Option<Self> {
        let places: HashMap<u64, u32, _> = values.iter().map(|value| value.bits()).zip(0..).collect();
        (places.len() == values.len()).then_some(Self { rows, places, values, postings, last: 0, rest })
    }

    /// The number's place among the postings. Without one, its rows are in `rest`, unless it is NaN: that compares with
    /// nothing, and that it is there is all there is to know.
    #[inline]
    pub(crate) fn add(&mut self, number: N, run: Run, distinct: u32) -> Option<u32> {
        let place = self.place(number, distinct);
        if place.is_none() && !number.is_nan() {
            (run.start..run.end).for_each(|row| self.rest.push(row, number.bits()));
        }
        place
    }

    /// The place of a number, which is given one if less than `distinct` have one.
    #[inline]
    pub(super) fn place(&mut self, number: N, distinct: u32) -> Option<u32> {
        let bits = number.bits();
        if self.values.get(self.last as usize).is_some_and(|last| last.bits() == bits) {
            return Some(self.last);
        }
        let place = if let Some(place) = self.places.get(&bits) {
            *place
        } else {
            let place = u32::try_from(self.values.len()).ok().filter(|place| *place < distinct)?;
            self.places.insert(bits, place);
            self.values.push(number);
            self.postings.push(RoaringBitmap::new());
            place
        };
        self.last = place;
        Some(place)
    }

    /// The rows with a number that compares so with the literal. `!=` is not asked.
    pub(crate) fn rows_that<'a>(
        &self,
        comparison: Comparison,
        value: impl Fn(N) -> Value<'a>,
        literal: &Value<'a>,
    ) -> RoaringBitmap {
        let holds = |number: N| value(number).compares(comparison, literal);
        let mut found = self.values.iter().zip(&self.postings).filter(|(number, _)| holds(**number));
        let first = found.next().map(|(_, rows)| rows);
        let rows = match (first, found.next()) {
            (None, _) => RoaringBitmap::new(),
            (Some(only), None) => only.clone(),
            (Some(first), Some((_, second))) => {
                [first, second].into_iter().chain(found.map(|(_, rows)| rows)).union()
            }
        };
        if self.rest.bits.is_empty() || literal.as_float().is_none_or(f64::is_nan) {
            return rows;
        }
        let is = |comparison, bits| value(N::of_bits(bits)).compares(comparison, literal);
        let (low, high) = comparison.beyond();
        let rest = self.rest.between(&range(
            &N::all(),
            |bits| low.is_some_and(|low| is(low, bits)),
            |bits| high.is_some_and(|high| is(high, bits)),
        ));
        if rows.is_empty() { rest } else { rows | rest }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.postings.iter().map(bitmap_bytes).sum::<usize>()
            + bitmap_bytes(&self.rows)
            + self.places.capacity() * 16
            + self.values.capacity() * 8
            + self.rest.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::IndexLimits;
    use crate::index::column::{Column, Entry};
    use crate::index::query::ast::Literal;

    /// Numbers that look random and are the same in every run.
    fn numbers(count: u32) -> impl Iterator<Item = u64> {
        (0..count).scan(7u64, |state, _| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Some(*state >> 20)
        })
    }

    const COMPARISONS: [Comparison; 5] = [
        Comparison::Equal,
        Comparison::Less,
        Comparison::LessEqual,
        Comparison::Greater,
        Comparison::GreaterEqual,
    ];

    #[test]
    fn segments_answer_as_looking_at_each_number_does() {
        let rows = 3 * 65_536 + 100;
        let ints: Vec<i64> = numbers(rows).map(|bits| (bits % 5000).cast_signed() - 2500).collect();
        #[allow(clippy::cast_precision_loss, reason = "small")]
        let floats: Vec<f64> = ints.iter().map(|number| *number as f64 / 4.0).collect();
        let (mut of_ints, mut of_floats) = (Column::default(), Column::default());
        let limits = IndexLimits { distinct: 10, ..IndexLimits::default() };
        for (row, (int, float)) in (0..).zip(ints.iter().zip(&floats)) {
            let run = Run { start: row, end: row + 1 };
            of_ints.add(Entry::Int(*int), run, limits);
            of_floats.add(Entry::Float(*float), run, limits);
        }
        of_ints.close();
        of_floats.close();
        let (of_ints, of_floats) = (of_ints.ints, of_floats.floats);
        assert_eq!(of_ints.rest.order.len(), 2 * SEGMENT);
        for literal in [
            Literal::Int(-2501),
            Literal::Int(-2500),
            Literal::Int(17),
            Literal::Float(17.25),
            Literal::Duration(2499),
            Literal::Float(f64::INFINITY),
            Literal::Float(f64::NAN),
        ] {
            let literal = Value::from(&literal);
            for comparison in COMPARISONS {
                let plain: Vec<u32> = (0..)
                    .zip(&ints)
                    .filter(|(_, number)| Value::Int(**number).compares(comparison, &literal))
                    .map(|(row, _)| row)
                    .collect();
                let found = of_ints.rows_that(comparison, Value::Int, &literal);
                assert!(found.iter().eq(plain), "{comparison:?} {literal:?}");
                let plain: Vec<u32> = (0..)
                    .zip(&floats)
                    .filter(|(_, number)| Value::Float(**number).compares(comparison, &literal))
                    .map(|(row, _)| row)
                    .collect();
                let found = of_floats.rows_that(comparison, Value::Float, &literal);
                assert!(found.iter().eq(plain), "{comparison:?} {literal:?}");
            }
        }
    }

    #[test]
    fn ranges_end_where_the_tests_do() {
        for (least, most) in [(0, u64::MAX), (0, 0), (u64::MAX, u64::MAX), (7, 90), (8, 7)] {
            let found = range(&(0..=u64::MAX), |bits| bits < least, |bits| bits > most);
            assert_eq!((found.is_empty(), found.contains(&least)), (least > most, least <= most));
            assert!(least > most || found == (least..=most));
        }
        assert!(range(&(3..=9), |_| true, |_| false).is_empty());
        assert!(range(&(0..=9), |_| false, |_| true).is_empty());
        assert_eq!(range(&(3..=9), |_| false, |_| false), 3..=9);
    }

    #[test]
    fn bits_sort_as_the_numbers_do() {
        let ints = [i64::MIN, -1, 0, 1, i64::MAX];
        assert!(ints.map(Number::bits).is_sorted());
        assert_eq!(ints.map(|number| i64::of_bits(number.bits())), ints);
        let floats = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, f64::MIN_POSITIVE, 2.0, f64::INFINITY];
        assert!(floats.map(Number::bits).is_sorted());
        assert_eq!(floats.map(|number| f64::of_bits(number.bits()).to_bits()), floats.map(f64::to_bits));
    }
}
