//! Ids as numbers, and texts that are no ids beside them.
//!
//! A valid id is its own bytes, which whoever sends it chooses. So no number is left for a text: a table of spans says of each
//! number whether it is an id's or a text's. A text goes by the first 16 bytes of its SHA-256, which nobody can make meet and
//! every process comes to; where there is room for 8 bytes only, by its place among the texts.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use sha2::{Digest as _, Sha256};

use super::column::{SEED, bitmap_bytes};
use crate::{Id, SpanBatch};

/// The id of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanId {
    /// 0 if there is none.
    Valid(u64),
    /// The sum of a text that is no id.
    Text(u128),
}

/// The id of a trace, and whether it is the sum of a text.
pub(super) type TraceId = (u128, bool);

fn sum_of(text: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let [first, ..] = digest.as_chunks::<16>().0 else { return 1 };
    u128::from_be_bytes(*first).max(1)
}

/// What `digits` lower-case hex digits spell, unless it is 0.
fn valid_number(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let number = if is_hex { u128::from_str_radix(text, 16).ok() } else { None };
    number.filter(|number| *number != 0)
}

impl SpanId {
    #[inline]
    pub(super) fn of(batch: &SpanBatch, id: &Id<8>) -> Self {
        if id.valid {
            Self::Valid(u64::from_be_bytes(id.bytes))
        } else {
            Self::of_no_id(&batch.text(id.text))
        }
    }

    /// The id that reads so.
    pub(super) fn read(text: &str) -> Self {
        match valid_number(text, 16).and_then(|number| u64::try_from(number).ok()) {
            Some(number) => Self::Valid(number),
            None => Self::of_no_id(text),
        }
    }

    fn of_no_id(text: &str) -> Self {
        if text.is_empty() { Self::Valid(0) } else { Self::Text(sum_of(text)) }
    }
}

/// The id of a trace, if there is one.
#[inline]
pub(super) fn trace_id(batch: &SpanBatch, id: &Id<16>) -> Option<TraceId> {
    if id.valid {
        return Some((u128::from_be_bytes(id.bytes), false));
    }
    let text = batch.text(id.text);
    (!text.is_empty()).then(|| (sum_of(&text), true))
}

/// The id of a trace that reads so.
pub(super) fn read_trace_id(text: &str) -> TraceId {
    valid_number(text, 32).map_or_else(|| (sum_of(text), true), |number| (number, false))
}

/// The texts of a table that are no ids, and where they stand for one.
#[derive(Debug, Default)]
pub(crate) struct IdTexts {
    /// Of those that stand for spans, by number, which is from 1.
    pub(crate) sums: Vec<u128>,
    /// Finds numbers, those from 1 to `listed`.
    table: HashTable<u64>,
    listed: u64,
    /// Rows whose span has the number of a text.
    pub(crate) spans: RoaringBitmap,
    /// Rows whose parent has.
    pub(crate) parents: RoaringBitmap,
    /// Traces whose id is the sum of a text.
    pub(crate) traces: RoaringBitmap,
}

fn at(sums: &[u128], number: u64) -> Option<u128> {
    sums.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
}

impl IdTexts {
    /// Those of a table that was read from elsewhere.
    pub(crate) fn of_parts(
        sums: Vec<u128>,
        spans: RoaringBitmap,
        parents: RoaringBitmap,
        traces: RoaringBitmap,
    ) -> Self {
        Self { sums, spans, parents, traces, ..Self::default() }
    }

    /// The number of a text, which is made if there is none.
    pub(super) fn intern(&mut self, sum: u128) -> u64 {
        while at(&self.sums, self.listed + 1).is_some() {
            self.listed += 1;
            self.list(self.listed);
        }
        if let Some(number) = self.find(sum) {
            return number;
        }
        self.sums.push(sum);
        self.listed += 1;
        self.list(self.listed);
        self.listed
    }

    fn list(&mut self, number: u64) {
        let sums = &self.sums;
        let hash = |number: &u64| SEED.hash_one(at(sums, *number).unwrap_or(0));
        self.table.insert_unique(hash(&number), number, hash);
    }

    /// The number of a text. What was read from elsewhere is gone through, which costs less than making the table.
    pub(super) fn find(&self, sum: u128) -> Option<u64> {
        if self.listed < self.sums.len() as u64 {
            return (1..).zip(&self.sums).find(|(_, found)| **found == sum).map(|(number, _)| number);
        }
        self.table.find(SEED.hash_one(sum), |number| at(&self.sums, *number) == Some(sum)).copied()
    }

    pub(super) fn sum(&self, number: u64) -> u128 {
        at(&self.sums, number).unwrap_or(0)
    }

    /// Bytes on the heap, nearly.
    pub(super) fn bytes(&self) -> usize {
        self.sums.capacity() * 16
            + self.table.capacity() * 9
            + [&self.spans, &self.parents, &self.traces].into_iter().map(bitmap_bytes).sum::<usize>()
    }
}
