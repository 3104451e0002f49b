//! Which spans make a trace, and who is whose parent.
//!
//! Ids are kept as numbers ([`super::ids`]). Spans without a trace id are a trace each. A parent is looked for in the same
//! trace only; of several spans with one id, each is the parent.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use hashbrown::HashTable;
use roaring::RoaringBitmap;

use super::column::{SEED, ascending, bitmap_bytes, push};
use super::ids::{IdTexts, SpanId, TraceId, read_trace_id, trace_id};
use super::query::ast::Intrinsic;
use super::times::Times;
use crate::{SpanBatch, SpanRow};

/// Rows and traces, by number. A row's number is its place in the tables.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// The id of each trace, 0 where it has none. Which of them are sums of texts is in `texts`, as it is of spans.
    pub(crate) ids: Vec<u128>,
    /// Finds the traces with an id.
    table: HashTable<u32>,
    /// It was read from elsewhere, and the table is not there.
    unlisted: bool,
    last: Option<(TraceId, u32)>,
    pub(crate) trace: Vec<u32>,
    /// The span's id; 0 where it has none.
    pub(crate) span: Vec<u64>,
    /// The parent's; 0 on a root.
    pub(crate) parent: Vec<u64>,
    /// Rows without a trace id.
    pub(crate) anonymous: RoaringBitmap,
    pub(crate) texts: IdTexts,
    facts: OnceLock<Facts>,
    /// Made where there are texts.
    apart: OnceLock<(Vec<u64>, Vec<u64>)>,
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

impl Traces {
    /// A table that was read from elsewhere.
    pub(crate) fn of_parts(
        ids: Vec<u128>,
        trace: Vec<u32>,
        span: Vec<u64>,
        parent: Vec<u64>,
        texts: IdTexts,
    ) -> Self {
        let nameless = |trace: &u32| ids.get(*trace as usize) == Some(&0);
        let anonymous = (0..).zip(&trace).filter(|(_, trace)| nameless(trace)).map(|(row, _)| row);
        let anonymous = RoaringBitmap::from_sorted_iter(anonymous).unwrap_or_default();
        Self { ids, unlisted: true, trace, span, parent, anonymous, texts, ..Self::default() }
    }

    pub(crate) fn push(&mut self, batch: &SpanBatch, row: &SpanRow) {
        let trace = trace_id(batch, &row.trace_id);
        self.push_row(trace, SpanId::of(batch, &row.span_id), SpanId::of(batch, &row.parent_span_id));
    }

    fn push_row(&mut self, trace: Option<TraceId>, span: SpanId, parent: SpanId) {
        let row = self.len();
        let known = trace.and_then(|id| self.last.filter(|(last, _)| *last == id));
        let number = if let Some((_, number)) = known {
            number
        } else if let Some(id) = trace {
            let number = self.intern(id);
            self.last = Some((id, number));
            number
        } else {
            push(&mut self.anonymous, row);
            self.ids.push(0);
            self.count() - 1
        };
        self.trace.push(number);
        let texts = &mut self.texts;
        for (id, numbers, is_parent) in [(span, &mut self.span, false), (parent, &mut self.parent, true)] {
            numbers.push(match id {
                SpanId::Valid(number) => number,
                SpanId::Text(sum) => {
                    push(if is_parent { &mut texts.parents } else { &mut texts.spans }, row);
                    texts.intern(sum)
                }
            });
        }
        self.apart = OnceLock::new();
        self.facts = OnceLock::new();
    }

    fn id_of(&self, trace: u32) -> TraceId {
        (self.ids.get(trace as usize).copied().unwrap_or(0), self.texts.traces.contains(trace))
    }

    fn has_id(&self, trace: u32, (id, is_text): TraceId) -> bool {
        self.ids.get(trace as usize) == Some(&id) && self.texts.traces.contains(trace) == is_text
    }

    fn intern(&mut self, id: TraceId) -> u32 {
        let hash = SEED.hash_one(id.0);
        if let Some(number) = self.table.find(hash, |number| self.has_id(*number, id)) {
            return *number;
        }
        let number = self.count();
        self.ids.push(id.0);
        if id.1 {
            push(&mut self.texts.traces, number);
        }
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
        let id = |number: u64, is_text: bool| {
            if is_text { SpanId::Text(other.texts.sum(number)) } else { SpanId::Valid(number) }
        };
        let rows = other.trace.iter().zip(&other.span).zip(&other.parent);
        for (row, ((trace, span), parent)) in (0..).zip(rows) {
            let trace = Some(other.id_of(*trace)).filter(|(id, _)| *id != 0);
            let span = id(*span, other.texts.spans.contains(row));
            self.push_row(trace, span, id(*parent, other.texts.parents.contains(row)));
        }
    }

    /// The rows whose id reads so.
    pub(crate) fn with_id(&self, which: Intrinsic, text: &str) -> RoaringBitmap {
        if which == Intrinsic::TraceId {
            if text.is_empty() {
                return self.anonymous.clone();
            }
            let id = read_trace_id(text);
            // Without the table each is looked at, which costs less than making the table.
            let number = if self.unlisted {
                (0..self.count()).find(|number| self.has_id(*number, id))
            } else {
                self.table.find(SEED.hash_one(id.0), |number| self.has_id(*number, id)).copied()
            };
            return number.map(|number| matching(&self.trace, &number)).unwrap_or_default();
        }
        let (numbers, texts) = match which {
            Intrinsic::SpanId => (&self.span, &self.texts.spans),
            _ => (&self.parent, &self.texts.parents),
        };
        match SpanId::read(text) {
            SpanId::Valid(number) => matching(numbers, &number) - texts,
            SpanId::Text(sum) => self.texts.find(sum).map_or_else(RoaringBitmap::new, |number| {
                ascending(texts.iter().filter(|row| numbers.get(*row as usize) == Some(&number)))
            }),
        }
    }

    /// The numbers of spans and of parents by row, where no text has the number of a valid id: that of a text is one that no
    /// span and no parent has.
    pub(crate) fn told_apart(&self) -> (&[u64], &[u64]) {
        if self.texts.sums.is_empty() {
            return (&self.span, &self.parent);
        }
        let sides = [(&self.span, &self.texts.spans), (&self.parent, &self.texts.parents)];
        let (spans, parents) = self.apart.get_or_init(|| {
            // So many are not all taken.
            let most = (self.span.len() * 2 + self.texts.sums.len()) as u64;
            let mut taken = HashSet::new();
            for (numbers, texts) in sides {
                let low = (0..).zip(numbers).filter(|(_, number)| **number <= most);
                taken.extend(low.filter(|(row, _)| !texts.contains(*row)).map(|(_, number)| *number));
            }
            let free = (1..=most).filter(|number| !taken.contains(number));
            let free: Vec<u64> = free.take(self.texts.sums.len()).collect();
            let [spans, parents] = sides.map(|(numbers, texts)| {
                let mut numbers = numbers.clone();
                for row in texts {
                    if let Some(number) = numbers.get_mut(row as usize) {
                        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
                        *number = place.and_then(|place| free.get(place)).copied().unwrap_or(0);
                    }
                }
                numbers
            });
            (spans, parents)
        });
        (spans, parents)
    }

    /// Bytes on the heap, nearly.
    pub(crate) fn bytes(&self) -> usize {
        self.ids.capacity() * 16
            + self.table.capacity() * 5
            + self.trace.capacity() * 4
            + (self.span.capacity() + self.parent.capacity()) * 8
            + bitmap_bytes(&self.anonymous)
            + self.texts.bytes()
            + self.apart.get().map_or(0, |(spans, parents)| (spans.len() + parents.len()) * 8)
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
            let (spans, parents) = self.told_apart();
            let mut children: HashMap<(u32, u64), u32> = HashMap::new();
            let mut root: Vec<Option<u32>> = vec![None; traces];
            let mut ends = vec![(u64::MAX, 0u64); traces];
            let start = |row: u32| times.start_of(row);
            // 0 is no time, and so becomes the last of all.
            let rank = |row: u32| start(row).wrapping_sub(1);
            for (row, trace) in (0..).zip(&self.trace) {
                let at = row as usize;
                let parent = parents.get(at).copied().unwrap_or(0);
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
            let rows = self.trace.iter().zip(spans);
            let children =
                rows.map(|(trace, span)| children.get(&(*trace, *span)).copied().unwrap_or(0)).collect();
            let duration = ends.into_iter().map(|(first, last)| last.saturating_sub(first)).collect();
            Facts { children, root, duration }
        })
    }
}
