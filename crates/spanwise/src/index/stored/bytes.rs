//! Numbers and sets of rows as bytes.

use roaring::RoaringBitmap;

use crate::index::column::push;
use crate::index::numbers::SEGMENT;

/// Numbers that are packed with one width.
const PACK: usize = 256;

/// What a section is written to.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn number(&mut self, mut number: u64) {
        #[allow(clippy::cast_possible_truncation, reason = "seven bits")]
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.extend(u8::try_from(number));
    }

    /// The same with the sign in the lowest bit.
    pub(super) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63).cast_unsigned());
    }

    pub(super) fn set(&mut self, rows: &RoaringBitmap) {
        let mut rows = rows.clone();
        rows.optimize();
        // Writing to memory does not fail.
        let _ = rows.serialize_into(&mut self.0);
    }

    /// Rows as they come, maybe some more than once.
    pub(super) fn rows(&mut self, rows: &[u32]) {
        self.number(rows.len() as u64);
        let ascending = rows.is_sorted_by(|a, b| a < b);
        self.number(ascending.into());
        if ascending {
            self.set(&RoaringBitmap::from_sorted_iter(rows.iter().copied()).unwrap_or_default());
            return;
        }
        let mut last = 0;
        for row in rows {
            self.signed(i64::from(*row) - last);
            last = i64::from(*row);
        }
    }

    /// Numbers that are near each other, as what they have beyond the least of each pack.
    pub(super) fn packed(&mut self, numbers: &[u64]) {
        for pack in numbers.chunks(PACK) {
            let least = pack.iter().copied().min().unwrap_or(0);
            let width = pack.iter().map(|number| 64 - (number - least).leading_zeros()).max().unwrap_or(0);
            self.number(least);
            self.number(width.into());
            let (mut held, mut bits) = (0u128, 0);
            for number in pack {
                held |= u128::from(number - least) << bits;
                bits += width;
                while bits >= 8 {
                    self.0.extend(u8::try_from(held & 0xff));
                    held >>= 8;
                    bits -= 8;
                }
            }
            if bits > 0 {
                self.0.extend(u8::try_from(held & 0xff));
            }
        }
    }

    /// Numbers and, of each whole segment, their order: the order, and what each has beyond the one before it in it.
    pub(super) fn segments(&mut self, numbers: &[u64], order: &[u16]) {
        let mut steps = Vec::with_capacity(SEGMENT);
        for (numbers, order) in numbers.chunks_exact(SEGMENT).zip(order.chunks_exact(SEGMENT)) {
            for at in order {
                self.raw(&at.to_le_bytes());
            }
            let sorted = order.iter().map(|at| numbers.get(usize::from(*at)).copied().unwrap_or(0));
            let mut last = sorted.clone().next().unwrap_or(0);
            self.number(last);
            steps.clear();
            for number in sorted {
                steps.push(number - last);
                last = number;
            }
            self.packed(&steps);
        }
        self.packed(numbers.chunks_exact(SEGMENT).remainder());
    }

    /// Sets that share no row, of the rows of `all`; or, if they do, each for itself.
    pub(super) fn family(&mut self, all: &RoaringBitmap, sets: &[RoaringBitmap]) {
        match sets {
            [] => {}
            [only] if only == all => self.number(0),
            _ => {
                if let Some(codes) = codes(all, sets) {
                    self.number(1);
                    self.0.extend(codes.iter().map(|code| code.to_le_bytes()[0]));
                    if sets.len() > 0xff {
                        self.0.extend(codes.iter().map(|code| code.to_le_bytes()[1]));
                    }
                } else {
                    self.number(2);
                    for rows in sets {
                        self.set(rows);
                    }
                }
            }
        }
    }
}

/// For each row of `all` the number of its set, from 1; 0 if it is in none. None if a row is in two, or in one and not in
/// `all`, or there are too many sets.
fn codes(all: &RoaringBitmap, sets: &[RoaringBitmap]) -> Option<Vec<u16>> {
    u16::try_from(sets.len()).ok()?;
    let (first, last) = (all.min()?, all.max()?);
    let count = usize::try_from(all.len()).ok()?;
    let span = (last - first) as usize + 1;
    let mut filled = 0;
    // By row where rows are dense, and by a sorted list where they are few.
    let codes: Vec<u16> = if span / 16 <= count {
        let mut places = vec![0u16; span];
        for (code, rows) in (1..=u16::MAX).zip(sets) {
            for row in rows {
                let place = row.checked_sub(first).and_then(|at| places.get_mut(at as usize))?;
                if std::mem::replace(place, code) != 0 {
                    return None;
                }
                filled += 1;
            }
        }
        all.iter().map(|row| places.get((row - first) as usize).copied().unwrap_or(0)).collect()
    } else {
        let mut pairs: Vec<(u32, u16)> = (1..=u16::MAX)
            .zip(sets)
            .flat_map(|(code, rows)| rows.iter().map(move |row| (row, code)))
            .collect();
        pairs.sort_unstable();
        if pairs.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
            return None;
        }
        filled = pairs.len();
        let mut pairs = pairs.into_iter().peekable();
        all.iter().map(|row| pairs.next_if(|(found, _)| *found == row).map_or(0, |(_, code)| code)).collect()
    };
    (codes.iter().filter(|code| **code != 0).count() == filled).then_some(codes)
}

/// What a section is read from. `None` of any method: this is not what was written.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that are to come.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    pub(super) fn raw(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits.leading_zeros() < shift {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Rows below `len`.
    pub(super) fn set(&mut self, len: u32) -> Option<RoaringBitmap> {
        let rows = RoaringBitmap::deserialize_from(&mut self.0).ok()?;
        rows.max().is_none_or(|last| last < len).then_some(rows)
    }

    pub(super) fn rows(&mut self, len: u32) -> Option<Vec<u32>> {
        let count = usize::try_from(self.number()?).ok()?;
        if self.number()? == 1 {
            let set = self.set(len)?;
            return (set.len() == count as u64).then(|| set.iter().collect());
        }
        let mut rows = Vec::with_capacity(count.min(self.0.len()));
        let mut last = 0i64;
        for _ in 0..count {
            last = last.checked_add(self.signed()?)?;
            rows.push(u32::try_from(last).ok().filter(|row| *row < len)?);
        }
        Some(rows)
    }

    pub(super) fn packed(&mut self, count: usize) -> Option<Vec<u64>> {
        let mut numbers = Vec::with_capacity(count.min(self.0.len().saturating_mul(PACK / 2)));
        while numbers.len() < count {
            let pack = PACK.min(count - numbers.len());
            let least = self.number()?;
            let width = usize::try_from(self.number()?).ok().filter(|width| *width <= 64)?;
            let bytes = self.raw((pack * width).div_ceil(8))?;
            let mask = (1u128 << width) - 1;
            let (mut held, mut bits) = (0u128, 0);
            let mut bytes = bytes.iter();
            for _ in 0..pack {
                while bits < width {
                    held |= u128::from(*bytes.next()?) << bits;
                    bits += 8;
                }
                numbers.push(least.checked_add(u64::try_from(held & mask).ok()?)?);
                held >>= width;
                bits -= width;
            }
        }
        Some(numbers)
    }

    pub(super) fn segments(&mut self, count: usize) -> Option<(Vec<u64>, Vec<u16>)> {
        let (mut numbers, mut order) = (Vec::new(), Vec::new());
        let mut seen = vec![false; if count < SEGMENT { 0 } else { SEGMENT }];
        for segment in 0..count / SEGMENT {
            seen.fill(false);
            for pair in self.raw(2 * SEGMENT)?.as_chunks::<2>().0 {
                let at = u16::from_le_bytes(*pair);
                if std::mem::replace(seen.get_mut(usize::from(at))?, true) {
                    return None;
                }
                order.push(at);
            }
            let mut number = self.number()?;
            let steps = self.packed(SEGMENT)?;
            numbers.resize((segment + 1) * SEGMENT, 0);
            let places = numbers.get_mut(segment * SEGMENT..)?;
            for (at, step) in order.get(segment * SEGMENT..)?.iter().zip(steps) {
                number = number.checked_add(step)?;
                *places.get_mut(usize::from(*at))? = number;
            }
        }
        numbers.extend(self.packed(count % SEGMENT)?);
        Some((numbers, order))
    }

    pub(super) fn family(
        &mut self,
        all: &RoaringBitmap,
        count: usize,
        len: u32,
    ) -> Option<Vec<RoaringBitmap>> {
        if count == 0 {
            return Some(Vec::new());
        }
        match self.number()? {
            0 if count == 1 => Some(vec![all.clone()]),
            1 => {
                let rows = usize::try_from(all.len()).ok()?;
                // Each has a row that no other has, and a number of two bytes.
                if count > rows || u16::try_from(count).is_err() {
                    return None;
                }
                let low = self.raw(rows)?;
                let high = if count > 0xff { self.raw(rows)? } else { &[] };
                let mut sets = vec![RoaringBitmap::new(); count];
                let mut high = high.iter();
                let codes =
                    low.iter().map(|low| u16::from_le_bytes([*low, high.next().copied().unwrap_or(0)]));
                let mut rows = all.iter().zip(codes).peekable();
                while let Some((first, code)) = rows.next() {
                    let mut end = first;
                    while let Some((row, _)) =
                        rows.next_if(|(row, next)| *next == code && Some(*row) == end.checked_add(1))
                    {
                        end = row;
                    }
                    let Some(number) = usize::from(code).checked_sub(1) else { continue };
                    let set = sets.get_mut(number)?;
                    if first == end {
                        push(set, first);
                    } else {
                        set.insert_range(first..=end);
                    }
                }
                Some(sets)
            }
            2 => {
                // The number of a set's containers, at least.
                if count > self.left() / 8 {
                    return None;
                }
                let mut sets = Vec::with_capacity(count);
                for _ in 0..count {
                    sets.push(self.set(len)?);
                }
                Some(sets)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(write: impl FnOnce(&mut Writer), read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> T {
        let mut writer = Writer::default();
        write(&mut writer);
        let bytes = writer.take();
        let mut reader = Reader::new(&bytes);
        let value = read(&mut reader).unwrap();
        assert!(reader.is_at_end());
        value
    }

    #[test]
    #[allow(
        clippy::redundant_closure_for_method_calls,
        reason = "the method's own type asks for too long a life"
    )]
    fn numbers_of_every_size() {
        for shift in 0..64 {
            for number in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                assert_eq!(read(|out| out.number(number), |bytes| bytes.number()), number);
                for number in [number.cast_signed(), number.cast_signed().wrapping_neg()] {
                    assert_eq!(read(|out| out.signed(number), |bytes| bytes.signed()), number);
                }
            }
        }
    }

    #[test]
    fn packs_of_every_width() {
        for width in 0..=64u32 {
            let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
            let numbers: Vec<u64> = (1..700u64)
                .map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask)
                .map(|number| number | u64::from(width < 60) << 60)
                .collect();
            let read = read(|out| out.packed(&numbers), |bytes| bytes.packed(numbers.len()));
            assert_eq!(read, numbers, "{width}");
        }
    }

    #[test]
    fn segments_and_what_is_left_of_one() {
        let numbers: Vec<u64> =
            (0..2 * SEGMENT as u64 + 5).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20).collect();
        let order: Vec<u16> = numbers.chunks_exact(SEGMENT).flat_map(crate::index::numbers::order).collect();
        let found = read(|out| out.segments(&numbers, &order), |bytes| bytes.segments(numbers.len()));
        assert_eq!(found, (numbers, order));
    }

    #[test]
    fn sets_that_share_rows_or_do_not() {
        let set = |rows: &[u32]| rows.iter().copied().collect::<RoaringBitmap>();
        let most = |step: u32| (0..0xffff).map(|at| set(&[at * step])).collect::<Vec<_>>();
        let many: Vec<RoaringBitmap> = (0..300).map(|at| set(&[at, at + 300])).collect();
        for (all, sets) in [
            (set(&[1, 5, 9]), vec![set(&[1, 5, 9])]),
            (set(&[1, 5, 9]), vec![set(&[1, 9])]),
            (set(&[1, 2, 3, 4, 5]), vec![set(&[1, 2, 5]), set(&[3])]),
            (set(&[1, 2, 3]), vec![set(&[1, 2]), set(&[2, 3])]),
            (set(&[1, 1_000_000]), vec![set(&[1_000_000]), set(&[1])]),
            (set(&[1, 1_000_000]), vec![set(&[1_000_000]), set(&[1, 1_000_000])]),
            ((0..600).collect(), many),
            ((0..0xffff).collect(), most(1)),
            ((0..0xffff).map(|at| at * 30).collect(), most(30)),
            (set(&[]), vec![]),
        ] {
            let found =
                read(|out| out.family(&all, &sets), |bytes| bytes.family(&all, sets.len(), 2_000_000));
            assert_eq!(found, sets);
        }
        // Told to be more than there are rows, than a number has room for, or than there are bytes.
        let rows: RoaringBitmap = (0..100).collect();
        let of_many = |kind: u8, count| {
            let bytes = [&[kind][..], &[1; 300]].concat();
            Reader::new(&bytes).family(&rows, count, 100).map(|sets| sets.len())
        };
        assert_eq!(of_many(1, 100), Some(100));
        for (kind, count) in [(0, 2), (1, 101), (1, 0x10000), (2, 38), (2, usize::MAX)] {
            assert_eq!(of_many(kind, count), None, "{kind} {count}");
        }
        for rows in [&[][..], &[3, 4, 9], &[3, 3, 4], &[9, 4]] {
            assert_eq!(read(|out| out.rows(rows), |bytes| bytes.rows(10)), rows);
        }
    }
}
