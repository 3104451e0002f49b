//! Which spans make a trace, and who is whose parent.
//!
//! Ids are kept as numbers: a valid id is its own bytes, and of a text that is no id the first bytes of its SHA-256, which
//! nobody can make meet and every process comes to. Spans without a trace id are a trace each. A parent is looked for in the
//! same trace only; of several spans with one id, each is the parent.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use sha2::{Digest as _, Sha256};

use super::column::{SEED, ascending, bitmap_bytes, push};
use super::query::ast::Intrinsic;
use super::times::Times;
use crate::{Id, SpanBatch, SpanRow};

/// Rows and traces, by number. A row's number is its place in the tables.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// The id of each trace, 0 where it has none.
    pub(crate) ids: Vec<u128>,
    /// Finds the traces with an id.
    table: HashTable<u32>,
    /// It was read from elsewhere, and the table is not there.
    unlisted: bool,
    last: Option<(u128, u32)>,
    pub(crate) trace: Vec<u32>,
    /// The span's id; 0 where it has none.
    pub(crate) span: Vec<u64>,
    /// The parent's; 0 on a root.
    pub(crate) parent: Vec<u64>,
    /// Rows without a trace id.
    pub(crate) anonymous: RoaringBitmap,
    facts: OnceLock<Facts>,
}

/// What filters ask of traces.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// By row.
    pub(crate) children: Vec<u32>,
    /// By trace: the root that starts first. One that does not say when it starts is the last.
    pub(crate) root: Vec<Option<u32>>,
    /// By trace: from the first start to the last end. Spans that do not say when they start are left out.
    pub(crate) duration: Vec<u64>,
}

fn matching<T: PartialEq>(values: &[T], wanted: &T) -> RoaringBitmap {
    ascending((0..).zip(values).filter(|(_, value)| *value == wanted).map(|(row, _)| row))
}

fn text_trace_number(text: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let [first, ..] = digest.as_chunks::<16>().0 else { return 0 };
    u128::from_be_bytes(*first).max(1)
}

fn text_span_number(text: &str) -> u64 {
    #[allow(clippy::cast_possible_truncation, reason = "half of it is enough within a trace")]
    let half = text_trace_number(text) as u64;
    if text.is_empty() { 0 } else { half | 1 }
}

/// The number of an id; 0 if there is none.
pub(crate) fn span_number(batch: &SpanBatch, id: &Id<8>) -> u64 {
    if id.valid { u64::from_be_bytes(id.bytes) } else { text_span_number(&batch.text(id.text)) }
}

fn trace_number(batch: &SpanBatch, id: &Id<16>) -> Option<u128> {
    if id.valid {
        return Some(u128::from_be_bytes(id.bytes));
    }
    let text = batch.text(id.text);
    (!text.is_empty()).then(|| text_trace_number(&text))
}

impl Traces {
    /// A table that was read from elsewhere.
    pub(crate) fn of_parts(ids: Vec<u128>, trace: Vec<u32>, span: Vec<u64>, parent: Vec<u64>) -> Self {
        let nameless = |trace: &u32| ids.get(*trace as usize) == Some(&0);
        let anonymous = (0..).zip(&trace).filter(|(_, trace)| nameless(trace)).map(|(row, _)| row);
        let anonymous = RoaringBitmap::from_sorted_iter(anonymous).unwrap_or_default();
        Self { ids, unlisted: true, trace, span, parent, anonymous, ..Self::default() }
    }

    pub(crate) fn push(&mut self, batch: &SpanBatch, row: &SpanRow) {
        let trace = trace_number(batch, &row.trace_id);
        let (span, parent) = (span_number(batch, &row.span_id), span_number(batch, &row.parent_span_id));
        self.push_row(trace, span, parent);
    }

    fn push_row(&mut self, trace: Option<u128>, span: u64, parent: u64) {
        let known = trace.and_then(|id| self.last.filter(|(last, _)| *last == id));
        let number = if let Some((_, number)) = known {
            number
        } else if let Some(id) = trace {
            let number = self.intern(id);
            self.last = Some((id, number));
            number
        } else {
            let row = self.len();
            push(&mut self.anonymous, row);
            self.ids.push(0);
            self.count() - 1
        };
        self.trace.push(number);
        self.span.push(span);
        self.parent.push(parent);
        self.facts = OnceLock::new();
    }

    fn intern(&mut self, id: u128) -> u32 {
        let hash = SEED.hash_one(id);
        let ids = &self.ids;
        if let Some(number) = self.table.find(hash, |number| ids.get(*number as usize) == Some(&id)) {
            return *number;
        }
        let number = self.count();
        self.ids.push(id);
        let ids = &self.ids;
        self.table.insert_unique(hash, number, |number| {
            SEED.hash_one(ids.get(*number as usize).copied().unwrap_or(0))
        });
        number
    }

    /// Makes ready for more rows.
    pub(crate) fn open(&mut self) {
        if std::mem::take(&mut self.unlisted) {
            let (ids, table) = (&self.ids, &mut self.table);
            for (number, id) in (0..).zip(ids).filter(|(_, id)| **id != 0) {
                table.insert_unique(SEED.hash_one(id), number, |number| {
                    SEED.hash_one(ids.get(*number as usize).copied().unwrap_or(0))
                });
            }
        }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.ids.len()).unwrap_or(u32::MAX)
    }

    /// Adds the rows of another table after these.
    pub(crate) fn append(&mut self, other: &Self) {
        let rows = other.trace.iter().zip(&other.span).zip(&other.parent);
        for ((trace, span), parent) in rows {
            let id = other.ids.get(*trace as usize).copied().filter(|id| *id != 0);
            self.push_row(id, *span, *parent);
        }
    }

    /// The rows whose id reads so.
    pub(crate) fn with_id(&self, which: Intrinsic, text: &str) -> RoaringBitmap {
        let is_hex =
            |len| text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if which == Intrinsic::TraceId {
            if text.is_empty() {
                return self.anonymous.clone();
            }
            let valid = if is_hex(32) { u128::from_str_radix(text, 16).ok() } else { None };
            let id = valid.filter(|id| *id != 0).unwrap_or_else(|| text_trace_number(text));
            // Without the table each is looked at, which costs less than making the table.
            let number = if self.unlisted {
                (0..).zip(&self.ids).find(|(_, found)| **found == id).map(|(number, _)| number)
            } else {
                let found = |number: &u32| self.ids.get(*number as usize) == Some(&id);
                self.table.find(SEED.hash_one(id), found).copied()
            };
            return number.map(|number| matching(&self.trace, &number)).unwrap_or_default();
        }
        let valid = if is_hex(16) { u64::from_str_radix(text, 16).ok() } else { None };
        let id = valid.filter(|id| *id != 0).unwrap_or_else(|| text_span_number(text));
        matching(if which == Intrinsic::SpanId { &self.span } else { &self.parent }, &id)
    }

    /// Bytes on the heap, nearly.
    pub(crate) fn bytes(&self) -> usize {
        self.ids.capacity() * 16
            + self.table.capacity() * 5
            + self.trace.capacity() * 4
            + (self.span.capacity() + self.parent.capacity()) * 8
            + bitmap_bytes(&self.anonymous)
            + self.facts.get().map_or(0, |facts| facts.children.len() * 4 + facts.root.len() * 16)
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.trace.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn trace_of(&self, row: u32) -> u32 {
        self.trace.get(row as usize).copied().unwrap_or(u32::MAX)
    }

    /// The rows of each trace, for all traces that `rows` belong to.
    pub(crate) fn groups(&self, rows: &RoaringBitmap) -> Vec<Vec<u32>> {
        let mut pairs: Vec<(u32, u32)> = rows.iter().map(|row| (self.trace_of(row), row)).collect();
        pairs.sort_unstable();
        pairs.chunk_by(|a, b| a.0 == b.0).map(|chunk| chunk.iter().map(|(_, row)| *row).collect()).collect()
    }

    pub(crate) fn facts(&self, times: &Times) -> &Facts {
        self.facts.get_or_init(|| {
            let traces = self.ids.len();
            let mut children: HashMap<(u32, u64), u32> = HashMap::new();
            let mut root: Vec<Option<u32>> = vec![None; traces];
            let mut ends = vec![(u64::MAX, 0u64); traces];
            let start = |row: u32| times.start_of(row);
            // 0 is no time, and so becomes the last of all.
            let rank = |row: u32| start(row).wrapping_sub(1);
            for (row, trace) in (0..).zip(&self.trace) {
                let at = row as usize;
                let parent = self.parent.get(at).copied().unwrap_or(0);
                if parent != 0 {
                    *children.entry((*trace, parent)).or_default() += 1;
                } else if let Some(root) = root
                    .get_mut(*trace as usize)
                    .filter(|root| root.is_none_or(|found| rank(row) < rank(found)))
                {
                    *root = Some(row);
                }
                let (start, duration) = (start(row), times.duration_of(row));
                if let Some((first, last)) = ends.get_mut(*trace as usize).filter(|_| start != 0) {
                    *first = start.min(*first);
                    *last = start.saturating_add(duration).max(*last);
                }
            }
            let rows = self.trace.iter().zip(&self.span);
            let children =
                rows.map(|(trace, span)| children.get(&(*trace, *span)).copied().unwrap_or(0)).collect();
            let duration = ends.into_iter().map(|(first, last)| last.saturating_sub(first)).collect();
            Facts { children, root, duration }
        })
    }
}
