//! The tables of all rows as bytes.
//!
//! An id is eight bytes that nothing makes smaller. A parent is mostly a span nearby: then it is how many rows away that is.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use roaring::RoaringBitmap;

use super::bytes::{Reader, Writer};
use crate::index::ids::IdTexts;
use crate::index::times::Times;
use crate::index::traces::Traces;

/// Rows among which parents are looked for.
const NEARBY: usize = 1 << 16;

/// Bytes that the table of traces has for each row, at least: a byte for the trace, the id, a byte for the parent.
pub(super) const LEAST_OF_ROW: u64 = 10;

impl Writer {
    pub(super) fn overflow(&mut self, overflow: &[RoaringBitmap; 5]) {
        for rows in overflow {
            self.set(rows);
        }
    }

    pub(super) fn times(&mut self, times: &Times) {
        self.packed(&times.start);
        self.segments(&times.duration, &times.order);
    }

    pub(super) fn traces(&mut self, traces: &Traces) {
        self.number(traces.ids.len() as u64);
        for id in &traces.ids {
            self.raw(&id.to_le_bytes());
        }
        let mut last = 0;
        for trace in &traces.trace {
            self.signed(i64::from(*trace) - last);
            last = i64::from(*trace);
        }
        for span in &traces.span {
            self.raw(&span.to_le_bytes());
        }
        let mut far = Vec::new();
        for (spans, parents) in traces.span.chunks(NEARBY).zip(traces.parent.chunks(NEARBY)) {
            let rows: HashMap<u64, i64, RandomState> =
                spans.iter().copied().zip(0..).filter(|(span, _)| *span != 0).collect();
            for (row, parent) in (0..).zip(parents) {
                match rows.get(parent) {
                    None if *parent == 0 => self.number(0),
                    None => {
                        self.number(1);
                        far.push(*parent);
                    }
                    // At most 2^17 away: the sign and the two above find room.
                    Some(found) => {
                        let away: i64 = found - row;
                        self.number((away << 1 ^ away >> 63).cast_unsigned() + 2);
                    }
                }
            }
        }
        for parent in far {
            self.raw(&parent.to_le_bytes());
        }
        self.id_texts(&traces.texts);
    }

    fn id_texts(&mut self, texts: &IdTexts) {
        self.number(texts.sums.len() as u64);
        for sum in &texts.sums {
            self.raw(&sum.to_le_bytes());
        }
        for set in [&texts.spans, &texts.parents, &texts.traces] {
            self.set(set);
        }
    }
}

pub(in crate::index) fn overflow(bytes: &[u8], len: u32) -> Option<[RoaringBitmap; 5]> {
    let mut reader = Reader::new(bytes);
    let mut set = || reader.set(len);
    let overflow = [set()?, set()?, set()?, set()?, set()?];
    reader.is_at_end().then_some(overflow)
}

pub(in crate::index) fn times(bytes: &[u8], len: u32) -> Option<Times> {
    let mut reader = Reader::new(bytes);
    let start = reader.packed(len as usize)?;
    let (duration, order) = reader.segments(len as usize)?;
    reader.is_at_end().then_some(Times { start, duration, order })
}

pub(in crate::index) fn traces(bytes: &[u8], len: u32) -> Option<Traces> {
    let mut reader = Reader::new(bytes);
    let count = reader.small()?;
    let ids = reader.raw((count as usize).checked_mul(16)?)?;
    let ids = ids.as_chunks::<16>().0.iter().map(|id| u128::from_le_bytes(*id)).collect();
    let mut trace = Vec::new();
    let mut last = 0i64;
    for _ in 0..len {
        last = last.checked_add(reader.signed()?)?;
        trace.push(u32::try_from(last).ok().filter(|trace| *trace < count)?);
    }
    let span = reader.raw((len as usize).checked_mul(8)?)?;
    let span: Vec<u64> = span.as_chunks::<8>().0.iter().map(|id| u64::from_le_bytes(*id)).collect();
    let mut parent = Vec::with_capacity(span.len());
    let mut far = Vec::new();
    for (row, _) in span.iter().enumerate() {
        match reader.number()? {
            0 => parent.push(0),
            1 => {
                far.push(row);
                parent.push(0);
            }
            away => {
                let away = away - 2;
                let away = (away >> 1).cast_signed() ^ -(away & 1).cast_signed();
                let found = usize::try_from(i64::try_from(row).ok()?.checked_add(away)?).ok()?;
                parent.push(*span.get(found)?);
            }
        }
    }
    let ids_of_far = reader.raw(far.len().checked_mul(8)?)?;
    for (row, id) in far.into_iter().zip(ids_of_far.as_chunks::<8>().0) {
        *parent.get_mut(row)? = u64::from_le_bytes(*id);
    }
    let texts = id_texts(&mut reader, count, &span, &parent)?;
    reader.is_at_end().then(|| Traces::of_parts(ids, trace, span, parent, texts))
}

fn id_texts(reader: &mut Reader<'_>, traces: u32, span: &[u64], parent: &[u64]) -> Option<IdTexts> {
    let count = reader.number()?;
    let sums = reader.raw(usize::try_from(count).ok()?.checked_mul(16)?)?;
    let sums = sums.as_chunks::<16>().0.iter().map(|sum| u128::from_le_bytes(*sum)).collect();
    let len = u32::try_from(span.len()).ok()?;
    let [spans, parents, traces] = [reader.set(len)?, reader.set(len)?, reader.set(traces)?];
    for (numbers, texts) in [(span, &spans), (parent, &parents)] {
        let is_text = |row: u32| numbers.get(row as usize).is_some_and(|number| (1..=count).contains(number));
        if !texts.iter().all(is_text) {
            return None;
        }
    }
    Some(IdTexts::of_parts(sums, spans, parents, traces))
}
