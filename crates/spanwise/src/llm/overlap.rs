//! Pairs of spans of two libraries, one in the time of the other, or most of it.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::models::NO_MODEL;
use super::repeats::{Places, Spans, some_tokens_are_as_many};
use super::requests::Node;
use super::telling::Part;

/// Each is compared with so many that begin after it.
const MOST_COMPARED: usize = 16;

/// So many spans above one are looked at.
const HIGHEST: usize = 64;

/// A span that may tell of a request of which another tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) times: (u64, u64),
    pub(super) writer: u16,
    pub(super) place: u32,
}

/// Spans, each with the libraries of which another tells of the same.
#[derive(Debug, Default)]
pub(super) struct Told(HashSet<(u32, u16), RandomState>);

impl Told {
    /// Notes that two spans tell of one request, each with its place and its library. Whether neither was told by the library of the
    /// other before: a library tells of a request once.
    pub(super) fn note(&mut self, one: (u32, u16), other: (u32, u16)) -> bool {
        let both = [(one.0, other.1), (other.0, one.1)];
        let is_new = !both.iter().any(|told| self.0.contains(told));
        if is_new {
            self.0.extend(both);
        }
        is_new
    }
}

/// Of each pair that is one, the place of the span that is to stay, and that of the other. `are_one` is asked of spans of two
/// libraries of which the second lies in the time of the first but for a moment, `stays` which of the two stays: whether the
/// first. A library tells of a request once, so a span is told again by one of each other library, if not by one that `told` has.
pub(super) fn pairs(
    candidates: &mut [Candidate],
    are_one: impl Fn(Candidate, Candidate) -> bool,
    stays: impl Fn(Candidate, Candidate) -> bool,
    told: &mut Told,
) -> Vec<(u32, u32)> {
    candidates.sort_unstable_by_key(|one| (one.times.0, std::cmp::Reverse(one.times.1), one.place));
    let mut gone: HashSet<u32, RandomState> = HashSet::default();
    let mut pairs = Vec::new();
    for (at, outer) in candidates.iter().enumerate() {
        let behind = candidates.iter().skip(at + 1).take(MOST_COMPARED);
        for inner in behind.take_while(|inner| inner.times.0 <= outer.times.1) {
            if gone.contains(&outer.place) {
                break;
            }
            let is_within = lies_within(inner.times, outer.times);
            if inner.writer == outer.writer || !is_within || gone.contains(&inner.place) {
                continue;
            }
            if !are_one(*outer, *inner) {
                continue;
            }
            let (stays, goes) = if stays(*outer, *inner) { (outer, inner) } else { (inner, outer) };
            if told.note((stays.place, stays.writer), (goes.place, goes.writer)) {
                gone.insert(goes.place);
                pairs.push((stays.place, goes.place));
            }
        }
    }
    pairs
}

/// Whether the later of two times lies in the other, at least half of the shorter one: clocks of libraries are not read at once, and
/// some go by milliseconds.
fn lies_within(later: (u64, u64), earlier: (u64, u64)) -> bool {
    let length = |times: (u64, u64)| times.1.saturating_sub(times.0);
    let both = later.1.min(earlier.1).saturating_sub(later.0);
    earlier.0 > 0 && both >= length(later).min(length(earlier)).div_ceil(2)
}

impl Spans<'_> {
    /// Calls of one model that two libraries tell of, one in the time of the other, with the same tokens in and out, or none in one of
    /// them: under one parent, or where the parent of one lies above the other. A library that does not put its spans above those
    /// that others begin meanwhile has its own tree beside theirs.
    pub(super) fn cousins(&self, mut told: Told, unheard: &mut Places) {
        let above = self.above_requests();
        let mut calls: Vec<_> = self
            .requests()
            .filter(|(place, node)| {
                let has_several = node.has_scope && self.has_several_writers(*node);
                has_several && node.part != Part::Opening && !unheard.contains(place)
            })
            .filter_map(|(place, node)| {
                let model = self.models.stem(self.model(node));
                // A run that only names its model did not fail.
                let is_call = model != NO_MODEL && (self.usage(node).is_some() || !above.contains(&place));
                let candidate = Candidate { times: node.times, writer: node.writer, place };
                (is_call && node.parent.is_some()).then_some(((node.trace, model), candidate))
            })
            .collect();
        calls.sort_unstable_by_key(|(key, candidate)| (*key, candidate.place));
        let figures = |call: Candidate| self.usage(self.node(call.place)?);
        let are_beside = |outer: Candidate, inner: Candidate| {
            let (Some(a), Some(b)) = (self.node(outer.place), self.node(inner.place)) else { return false };
            self.answered_alike(outer.place, inner.place)
                && self.of_one_model(a, b)
                && (self.lies_beside(inner.place, (a, outer.place))
                    || self.lies_beside(outer.place, (b, inner.place)))
        };
        let take_as_much = |outer, inner| {
            let [a, b] = [outer, inner].map(|call| figures(call).map(|usage| usage.amounts));
            let ([input, output, ..], [others_input, others_output, ..]) =
                (a.unwrap_or_default(), b.unwrap_or_default());
            let is_same = |a: f64, b: f64| a > 0.0 && a.total_cmp(&b).is_eq();
            is_same(input, others_input) && is_same(output, others_output)
        };
        let stays = |outer, inner| self.stays(outer, inner);
        // Each is told by what says as much before it is told by what says nothing: another call, which failed, may be that.
        let says_one = |outer, inner| figures(outer).is_some() != figures(inner).is_some();
        for calls in calls.chunk_by(|a, b| a.0 == b.0).filter(|calls| calls.len() > 1) {
            let mut calls: Vec<Candidate> = calls.iter().map(|(_, candidate)| *candidate).collect();
            let say_nothing_else = |outer, inner| {
                figures(outer).is_none() || figures(inner).is_none() || take_as_much(outer, inner)
            };
            self.without_told_above(&mut calls, say_nothing_else, &mut told);
            let are_one = |outer, inner| take_as_much(outer, inner) && are_beside(outer, inner);
            unheard.extend(pairs(&mut calls, are_one, stays, &mut told).iter().map(|(_, goes)| *goes));
            calls.retain(|call| !unheard.contains(&call.place));
            let are_one = |outer, inner| says_one(outer, inner) && are_beside(outer, inner);
            unheard.extend(pairs(&mut calls, are_one, stays, &mut told).iter().map(|(_, goes)| *goes));
        }
    }

    /// Leaves out those that lie below a call of another library which tells of the same: of two such, the tree tells which counts, and
    /// neither tells of another call. The calls are in the order of their places.
    fn without_told_above(
        &self,
        calls: &mut Vec<Candidate>,
        tells_the_same: impl Fn(Candidate, Candidate) -> bool,
        told: &mut Told,
    ) {
        let all = calls.clone();
        let call_of = |place: u32| {
            let at = all.binary_search_by_key(&place, |call| call.place).ok()?;
            all.get(at).copied()
        };
        calls.retain(|call| {
            let mut above = self.parent(call.place);
            for _ in 0..HIGHEST {
                let Some(place) = above else { break };
                if let Some(outer) = call_of(place).filter(|outer| outer.writer != call.writer) {
                    let is_told = tells_the_same(outer, *call)
                        && told.note((outer.place, outer.writer), (call.place, call.writer));
                    return !is_told;
                }
                above = self.parent(place);
            }
            true
        });
    }

    /// Whether the first of two that are one stays: what was told stands anyway, then the one that says a cost, then more figures.
    fn stays(&self, outer: Candidate, inner: Candidate) -> bool {
        let rank = |one: Candidate| {
            let amounts = self.node(one.place).and_then(|node| self.usage(node)).map(|usage| usage.amounts);
            let amounts = amounts.unwrap_or_default();
            let figures = amounts.iter().filter(|amount| **amount > 0.0).count();
            (self.is_settled(one.place), amounts[3] > 0.0, figures)
        };
        rank(outer) >= rank(inner)
    }

    /// Whether a span has the parent of another, or one above it has, and it does not lie below the other.
    fn lies_beside(&self, place: u32, (other, others_place): (Node, u32)) -> bool {
        let mut at = Some(place);
        for _ in 0..HIGHEST {
            let Some(node) = at.filter(|at| *at != others_place).and_then(|place| self.node(place)) else {
                return false;
            };
            if node.parent == other.parent {
                return true;
            }
            at = at.and_then(|place| self.parent(place));
        }
        false
    }

    /// The same of spans of two traces: nothing begins a trace for a library that does not see the span of another. The first of each
    /// pair stays. Servers use ids again, so both must say some of the same figures, and one lie in the time of the other.
    pub(super) fn told_in_other_traces(&self, stands: impl Fn(u32) -> bool) -> Vec<(u32, u32)> {
        let mut answers: Vec<_> = self
            .answers
            .iter()
            .filter_map(|answer| {
                let node = self.node(answer.place).filter(|node| node.has_scope && stands(answer.place))?;
                self.usage(node)?;
                let candidate = Candidate { times: node.times, writer: node.writer, place: answer.place };
                Some((answer.id, candidate))
            })
            .collect();
        answers.sort_unstable_by_key(|(id, candidate)| (*id, candidate.place));
        let are_one = |a: Candidate, b: Candidate| {
            let (Some(a), Some(b)) = (self.node(a.place), self.node(b.place)) else { return false };
            let usages = self.usage(a).zip(self.usage(b));
            a.trace != b.trace
                && self.of_one_model(a, b)
                && usages.is_some_and(|(a, b)| some_tokens_are_as_many(a.amounts, b.amounts))
        };
        let mut found = Vec::new();
        for same in answers.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            let mut candidates: Vec<Candidate> = same.iter().map(|(_, candidate)| *candidate).collect();
            let stays = |outer, inner| self.stays(outer, inner);
            found.extend(pairs(&mut candidates, are_one, stays, &mut Told::default()));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `start end library`, numbered in their order.
    fn found(spans: &[(u64, u64, u16)]) -> Vec<(u32, u32)> {
        let candidate = |((start, end, writer), place): (&(u64, u64, u16), u32)| Candidate {
            times: (*start, *end),
            writer: *writer,
            place,
        };
        let mut candidates: Vec<_> = spans.iter().zip(0..).map(candidate).collect();
        pairs(&mut candidates, |_, _| true, |_, _| true, &mut Told::default())
    }

    #[test]
    fn one_lies_in_the_time_of_the_other() {
        assert_eq!(found(&[(1, 9, 0), (2, 8, 1)]), [(0, 1)]);
        assert_eq!(found(&[(2, 8, 1), (1, 9, 0)]), [(1, 0)], "in any order");
        assert_eq!(found(&[(1, 9, 0), (1, 9, 1)]), [(0, 1)], "at the same time");
        assert_eq!(found(&[(1, 9, 0), (2, 8, 0)]), [], "one library");
        assert_eq!(found(&[(10, 90, 0), (20, 91, 1)]), [(0, 1)], "but for a moment");
        assert_eq!(found(&[(10, 90, 0), (60, 140, 1)]), [], "beyond it");
        assert_eq!(found(&[(1, 4, 0), (5, 8, 1)]), [], "behind it");
        assert_eq!(found(&[(0, 9, 0), (0, 8, 1)]), [], "at no time that is known");
    }

    #[test]
    fn each_is_told_once_by_each_library() {
        assert_eq!(found(&[(1, 9, 0), (2, 8, 1), (3, 7, 1)]), [(0, 1)], "two calls of one library are two");
        assert_eq!(found(&[(1, 9, 0), (2, 8, 1), (3, 7, 2)]), [(0, 1), (0, 2)], "three libraries");
        assert_eq!(
            found(&[(1, 9, 0), (1, 9, 0), (2, 8, 1), (2, 8, 1)]),
            [(0, 2), (1, 3)],
            "at the same time"
        );
        let candidate = |place, writer| Candidate { times: (1, 9), writer, place };
        let mut told = Told::default();
        assert!(told.note((0, 0), (9, 1)) && !told.note((0, 0), (8, 1)) && !told.note((7, 0), (9, 1)));
        let mut candidates = [candidate(0, 0), candidate(1, 1), candidate(2, 2)];
        let found = pairs(&mut candidates, |a, _| a.place == 0, |_, _| true, &mut told);
        assert_eq!(found, [(0, 2)], "told before");
    }
}
