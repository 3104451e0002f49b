//! Which spans stand so to others of their group: parents, children, and all above and below.
//!
//! A group is a trace, or what `by` made of one. The spans between two that are related need not be of their group, so what is
//! above and below is found in whole traces. For one group that is a walk from its spans. For several it is a numbering of
//! the trace's ids in which all below an id have the numbers that follow its own: what is below any of a group's spans is then a
//! matter of sorted numbers, and a trace costs the same however many groups it has. Where spans of one id have several parents,
//! the first is numbered by, and each group goes besides through those of the others that it meets.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use roaring::RoaringBitmap;

use super::column::ascending;
use super::pipeline::{group_of, groups_of, in_groups};
use super::query::ast::Relation;
use super::traces::Traces;

fn id_of(ids: &[u64], row: u32) -> u64 {
    ids.get(row as usize).copied().unwrap_or(0)
}

impl Traces {
    /// The rows of `right` that stand so to any row of `left` with the same number among `groups`, which are traces or parts of
    /// traces.
    pub(crate) fn related(
        &self,
        relation: Relation,
        left: &RoaringBitmap,
        right: &RoaringBitmap,
        groups: &[u32],
    ) -> RoaringBitmap {
        let common = groups_of(left, groups) & groups_of(right, groups);
        if common.is_empty() {
            return RoaringBitmap::new();
        }
        let (left, right) = (&in_groups(left, &common, groups), &in_groups(right, &common, groups));
        let (spans, parents) = self.told_apart();
        let (span, parent) = (|row: u32| id_of(spans, row), |row: u32| id_of(parents, row));
        let group = |row: u32| group_of(row, groups);
        let of = |id: &dyn Fn(u32) -> u64| -> HashSet<(u32, u64)> {
            left.iter().map(|row| (group(row), id(row))).filter(|(_, id)| *id != 0).collect()
        };
        let keep = |test: &dyn Fn(u32) -> bool| -> RoaringBitmap {
            RoaringBitmap::from_sorted_iter(right.iter().filter(|row| test(*row))).unwrap_or_default()
        };
        match relation {
            Relation::Child => {
                let parents = of(&span);
                keep(&|row| parents.contains(&(group(row), parent(row))))
            }
            Relation::Parent => {
                let parents = of(&parent);
                keep(&|row| parents.contains(&(group(row), span(row))))
            }
            Relation::Sibling => {
                let mut counts: HashMap<(u32, u64), u32> = HashMap::new();
                for row in left.iter().filter(|row| parent(*row) != 0) {
                    *counts.entry((group(row), parent(row))).or_default() += 1;
                }
                keep(&|row| {
                    let others = counts.get(&(group(row), parent(row))).copied().unwrap_or(0);
                    others > u32::from(left.contains(row))
                })
            }
            Relation::Descendant | Relation::Ancestor => self.above_and_below(relation, left, right, groups),
        }
    }

    fn above_and_below(
        &self,
        relation: Relation,
        left: &RoaringBitmap,
        right: &RoaringBitmap,
        groups: &[u32],
    ) -> RoaringBitmap {
        let traces = groups_of(right, &self.trace);
        let all = RoaringBitmap::from_sorted_iter(0..self.len()).unwrap_or_default();
        let mut related = Vec::new();
        for rows in self.groups(&in_groups(&all, &traces, &self.trace)) {
            let of = |side: &RoaringBitmap| -> Vec<u32> {
                rows.iter().copied().filter(|row| side.contains(*row)).collect()
            };
            let (left, right) = (of(left), of(right));
            let mut found = left.iter().chain(&right).map(|row| group_of(*row, groups));
            let first = found.next();
            if found.all(|group| Some(group) == first) {
                related.extend(self.reached(relation, &rows, &left, &right));
            } else {
                related.extend(Lineage::of(self, &rows).related(self, relation, &left, &right, groups));
            }
        }
        ascending(related)
    }

    /// The rows of `right` that are reached from those of `left`.
    fn reached(&self, relation: Relation, rows: &[u32], left: &[u32], right: &[u32]) -> Vec<u32> {
        let (spans, parents) = self.told_apart();
        let (span, parent) = (|row: u32| id_of(spans, row), |row: u32| id_of(parents, row));
        let (entry, exit): (&dyn Fn(u32) -> u64, &dyn Fn(u32) -> u64) = match relation {
            Relation::Ancestor => (&span, &parent),
            _ => (&parent, &span),
        };
        let mut by_entry: HashMap<u64, Vec<u32>> = HashMap::new();
        for row in rows {
            by_entry.entry(entry(*row)).or_default().push(*row);
        }
        let reached = spread(&by_entry, left.iter().copied().map(exit), exit);
        right.iter().copied().filter(|row| reached.contains(row)).collect()
    }
}

/// The rows that are reached from `frontier`: a row is found by its entry, and its `exit` joins what was reached.
fn spread(
    by_entry: &HashMap<u64, Vec<u32>>,
    frontier: impl Iterator<Item = u64>,
    exit: &dyn Fn(u32) -> u64,
) -> HashSet<u32> {
    let mut todo: Vec<u64> = frontier.filter(|id| *id != 0).collect();
    let (mut seen, mut reached) = (HashSet::new(), HashSet::new());
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        for row in by_entry.get(&id).into_iter().flatten() {
            reached.insert(*row);
            todo.extend(Some(exit(*row)).filter(|id| *id != 0));
        }
    }
    reached
}

/// The ids of a trace, numbered so that an id and all below it have numbers that follow each other. Ids of a ring are below
/// each other, so they have the same numbers. Of several parents of an id the first counts; the others are kept beside.
#[derive(Default)]
struct Lineage {
    /// By id, the first of its numbers and the first that is no more of them.
    numbers: HashMap<u64, (u64, u64)>,
    /// In the order of the parents' numbers.
    others: Vec<Other>,
    /// By number, the innermost of `others` whose id has it.
    innermost: Vec<Option<usize>>,
}

/// A parent of an id beside its first.
struct Other {
    /// The first number of the parent.
    parent: u64,
    /// The numbers of the id.
    below: (u64, u64),
    /// The next of these whose id is above.
    outer: Option<usize>,
}

impl Lineage {
    fn of(traces: &Traces, rows: &[u32]) -> Self {
        let mut above: HashMap<u64, u64> = HashMap::new();
        let (mut ids, mut others) = (HashSet::new(), HashSet::new());
        let (spans, parents) = traces.told_apart();
        for row in rows {
            let (span, parent) = (id_of(spans, *row), id_of(parents, *row));
            ids.extend([span, parent].into_iter().filter(|id| *id != 0));
            if span != 0 && parent != 0 && *above.entry(span).or_insert(parent) != parent {
                others.insert((span, parent));
            }
        }
        let mut below: HashMap<u64, Vec<u64>> = HashMap::new();
        for (id, parent) in &above {
            below.entry(*parent).or_default().push(*id);
        }
        let mut lineage = Self::default();
        let mut next = 0;
        for top in ids.iter().filter(|id| !above.contains_key(id)) {
            lineage.number(&[*top], &below, &mut next);
        }
        // What is not numbered yet is on a ring or below one.
        for start in above.keys() {
            if !lineage.numbers.contains_key(start) {
                let ring = ring_above(*start, &above);
                lineage.number(&ring, &below, &mut next);
            }
        }
        lineage.add_others(&others, next);
        lineage
    }

    fn add_others(&mut self, others: &HashSet<(u64, u64)>, end: u64) {
        if others.is_empty() {
            return;
        }
        let other = |(id, parent): &(u64, u64)| {
            let (parent, _) = *self.numbers.get(parent)?;
            Some(Other { parent, below: *self.numbers.get(id)?, outer: None })
        };
        self.others = others.iter().filter_map(other).collect();
        self.others.sort_unstable_by_key(|other| other.parent);
        let mut starts: Vec<(u64, Reverse<u64>, usize)> = (0..)
            .zip(&self.others)
            .map(|(at, Other { below: (start, end), .. })| (*start, Reverse(*end), at))
            .collect();
        starts.sort_unstable();
        let mut starts = starts.into_iter().peekable();
        let mut open: Vec<(u64, usize)> = Vec::new();
        for number in 0..end {
            while open.pop_if(|(end, _)| *end <= number).is_some() {}
            while let Some((_, Reverse(end), at)) = starts.next_if(|(start, ..)| *start == number) {
                if let Some(other) = self.others.get_mut(at) {
                    other.outer = open.last().map(|(_, at)| *at);
                }
                open.push((end, at));
            }
            self.innermost.push(open.last().map(|(_, at)| *at));
        }
    }

    /// Adds to numbers those that are below them by another parent than the first.
    fn add_below(&self, found: &mut Vec<(u64, u64)>) {
        // Of those that were taken, the next that may not have been.
        let mut after: HashMap<usize, usize> = HashMap::new();
        let mut at = 0;
        while let Some((start, end)) = found.get(at).copied() {
            at += 1;
            let mut place = self.others.partition_point(|other| other.parent < start);
            loop {
                while let Some(next) = after.get(&place).copied() {
                    if let Some(beyond) = after.get(&next).copied() {
                        after.insert(place, beyond);
                    }
                    place = next;
                }
                let Some(other) = self.others.get(place).filter(|other| other.parent < end) else { break };
                found.push(other.below);
                after.insert(place, place + 1);
            }
        }
    }

    /// Adds to numbers the other parents of what is above them.
    fn add_above(&self, found: &mut Vec<(u64, u64)>) {
        let mut taken = HashSet::new();
        let mut at = 0;
        while let Some((number, _)) = found.get(at).copied() {
            at += 1;
            let innermost = usize::try_from(number).ok().and_then(|number| self.innermost.get(number));
            let mut next = innermost.copied().flatten();
            while let Some(place) = next.filter(|place| taken.insert(*place)) {
                let Some(other) = self.others.get(place) else { break };
                found.push((other.parent, other.parent + 1));
                next = other.outer;
            }
        }
    }

    /// Numbers these ids, as one, and all below.
    fn number(&mut self, tops: &[u64], below: &HashMap<u64, Vec<u64>>, next: &mut u64) {
        let first = *next;
        let is_top: HashSet<u64> = tops.iter().copied().collect();
        *next += 1;
        // An id comes back when all below it are numbered.
        let mut todo: Vec<(u64, bool)> = tops.iter().map(|id| (*id, false)).collect();
        while let Some((id, is_done)) = todo.pop() {
            if is_done {
                if let Some(numbers) = self.numbers.get_mut(&id) {
                    numbers.1 = *next;
                }
                continue;
            }
            if !is_top.contains(&id) {
                self.numbers.insert(id, (*next, *next));
                *next += 1;
                todo.push((id, true));
            }
            let below = below.get(&id).into_iter().flatten();
            todo.extend(below.filter(|id| !is_top.contains(id)).map(|id| (*id, false)));
        }
        for id in tops {
            self.numbers.insert(*id, (first, *next));
        }
    }

    fn related(
        &self,
        traces: &Traces,
        relation: Relation,
        left: &[u32],
        right: &[u32],
        groups: &[u32],
    ) -> Vec<u32> {
        let (spans, parents) = traces.told_apart();
        let (from, to) = match relation {
            Relation::Ancestor => (parents, spans),
            _ => (spans, parents),
        };
        let numbers = |ids: &[u64], row: u32| self.numbers.get(&id_of(ids, row)).copied();
        let by_group = |rows: &[u32]| {
            let mut rows: Vec<(u32, u32)> = rows.iter().map(|row| (group_of(*row, groups), *row)).collect();
            rows.sort_unstable();
            rows
        };
        let (left, right) = (by_group(left), by_group(right));
        let mut right = right.chunk_by(|a, b| a.0 == b.0).peekable();
        let mut related = Vec::new();
        // The numbers of what a group's spans are below, or of what is below them; of those that lie in others, the others. One
        // group after the other: each may meet all the other parents that there are.
        let mut found: Vec<(u64, u64)> = Vec::new();
        for left in left.chunk_by(|a, b| a.0 == b.0) {
            let group_of = |rows: &[(u32, u32)]| rows.first().map(|(group, _)| *group);
            while right.next_if(|right| group_of(right) < group_of(left)).is_some() {}
            let Some(right) = right.next_if(|right| group_of(right) == group_of(left)) else { continue };
            found.clear();
            found.extend(left.iter().filter_map(|(_, row)| numbers(from, *row)));
            match relation {
                _ if self.others.is_empty() => {}
                Relation::Ancestor => self.add_above(&mut found),
                _ => self.add_below(&mut found),
            }
            found.sort_unstable_by_key(|(start, end)| (*start, Reverse(*end)));
            if relation == Relation::Descendant {
                let mut covered = 0;
                found.retain(|(_, end)| {
                    let is_outside = *end > covered;
                    covered = covered.max(*end);
                    is_outside
                });
            }
            let is_related = |row: u32| {
                let Some((start, end)) = numbers(to, row) else { return false };
                if relation == Relation::Ancestor {
                    let at = found.partition_point(|(number, _)| *number < start);
                    found.get(at).is_some_and(|(number, _)| *number < end)
                } else {
                    let at = found.partition_point(|(first, _)| *first <= start);
                    let before = at.checked_sub(1).and_then(|at| found.get(at));
                    before.is_some_and(|(_, last)| start < *last)
                }
            };
            related.extend(right.iter().map(|(_, row)| *row).filter(|row| is_related(*row)));
        }
        related
    }
}

/// The ids of the ring that is above an id, which has no end above.
fn ring_above(start: u64, above: &HashMap<u64, u64>) -> Vec<u64> {
    let mut seen = HashSet::new();
    let mut id = start;
    while seen.insert(id) {
        id = above.get(&id).copied().unwrap_or(0);
    }
    let mut ring = vec![id];
    loop {
        match above.get(&id) {
            Some(next) if ring.first() != Some(next) => {
                ring.push(*next);
                id = *next;
            }
            _ => return ring,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::ids::IdTexts;

    /// Row by row as the words say it.
    fn naive(
        traces: &Traces,
        relation: Relation,
        left: &RoaringBitmap,
        right: &RoaringBitmap,
        groups: &[u32],
    ) -> RoaringBitmap {
        let (span, parent) = (|row: u32| id_of(&traces.span, row), |row: u32| id_of(&traces.parent, row));
        let is_child = |child: u32, of: u32| {
            traces.trace_of(child) == traces.trace_of(of) && parent(child) != 0 && parent(child) == span(of)
        };
        let is_below = |low: u32, high: u32| {
            let mut below: Vec<u32> = (0..traces.len()).filter(|row| is_child(*row, high)).collect();
            let mut at = 0;
            while let Some(row) = below.get(at).copied() {
                let new: Vec<u32> =
                    (0..traces.len()).filter(|next| is_child(*next, row) && !below.contains(next)).collect();
                below.extend(new);
                at += 1;
            }
            below.contains(&low)
        };
        let holds = |left: u32, right: u32| match relation {
            Relation::Child => is_child(right, left),
            Relation::Parent => is_child(left, right),
            Relation::Sibling => left != right && parent(left) != 0 && parent(left) == parent(right),
            Relation::Descendant => is_below(right, left),
            Relation::Ancestor => is_below(left, right),
        };
        let of_group = |row: u32, other: u32| group_of(row, groups) == group_of(other, groups);
        right
            .iter()
            .filter(|row| left.iter().any(|other| of_group(*row, other) && holds(other, *row)))
            .collect()
    }

    #[test]
    fn groups_of_random_traces_with_rings_and_ids_that_come_again() {
        let mut state = 7u64;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let mut found = 0;
        for round in 0..3000 {
            let (rows, ids) = (u32::try_from(2 + below(12)).unwrap_or(2), 3 + below(10));
            let trace: Vec<u32> = (0..rows).map(|_| u32::from(below(4) == 0)).collect();
            // In most rounds an id has one parent only.
            let parents: Vec<u64> = (0..ids).map(|_| below(ids)).collect();
            let span: Vec<u64> = (0..rows).map(|_| below(ids)).collect();
            let parent = span.iter().map(|id| match usize::try_from(*id) {
                Ok(at) if round % 4 > 0 => parents.get(at).copied().unwrap_or(0),
                _ => below(ids),
            });
            let parent = parent.collect();
            let groups: Vec<u32> =
                trace.iter().map(|trace| trace * 8 + u32::try_from(below(4)).unwrap_or(0)).collect();
            let traces = Traces::of_parts(vec![1, 2], trace, span, parent, IdTexts::default());
            let mut some = || (0..rows).filter(|_| below(3) > 0).collect::<RoaringBitmap>();
            let (left, right) = (some(), some());
            for relation in [
                Relation::Child,
                Relation::Parent,
                Relation::Sibling,
                Relation::Descendant,
                Relation::Ancestor,
            ] {
                for groups in [&traces.trace, &groups] {
                    let expected = naive(&traces, relation, &left, &right, groups);
                    let related = traces.related(relation, &left, &right, groups);
                    assert_eq!(related, expected, "{relation:?} {traces:?} {groups:?} {left:?} {right:?}");
                    found += expected.len();
                }
            }
        }
        assert!(found > 10_000, "{found}");
    }
}
