//! Spans that tell again of a request that another tells of, neither above nor below it. The rule is in the head of [`super`].
//!
//! Two libraries that trace one client each write spans of their own, under the same parent or elsewhere in the trace, so what
//! is compared are whole traces, by sorting. Traces in which one library alone tells of requests are passed over.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use std::cell::LazyCell;
use std::cmp::Reverse;

use super::models::{Model, Models, NO_MODEL};
use super::overlap::Told;
use super::requests::{NO_TRACE, Node, Role};
use super::settled::Settled;
use super::telling::Part;
use super::usage::{Amounts, Usage};

/// Places of spans.
pub(super) type Places = HashSet<u32, RandomState>;

/// Whoever tells the same is compared with so many of those that stay.
const MOST_COMPARED: usize = 16;

/// A span that says the id of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) place: u32,
    pub(super) id: u64,
}

/// The spans of some traces, as they were noted.
#[derive(Debug)]
pub(super) struct Spans<'a> {
    nodes: &'a [Node],
    usages: &'a [Usage],
    /// In the order of their places.
    pub(super) answers: &'a [Answer],
    pub(super) models: &'a Models,
    settled: &'a Settled,
    /// By place: that of the parent, without circles.
    parents: &'a [u32],
    /// By trace: the writer of its requests.
    writers: Vec<Writer>,
}

/// Where a span is, seen from those that are not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Unknown,
    Below,
    Apart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    None,
    One(u16),
    Several,
}

impl<'a> Spans<'a> {
    pub(super) fn new(
        nodes: &'a [Node],
        usages: &'a [Usage],
        answers: &'a [Answer],
        models: &'a Models,
        settled: &'a Settled,
        parents: &'a [u32],
        traces: usize,
    ) -> Self {
        let mut writers = vec![Writer::None; traces];
        for node in nodes.iter().filter(|node| node.is_request()) {
            if let Some(writer) = writers.get_mut(node.trace as usize) {
                *writer = match *writer {
                    Writer::None => Writer::One(node.writer),
                    Writer::One(one) if one == node.writer => Writer::One(one),
                    _ => Writer::Several,
                };
            }
        }
        Self { nodes, usages, answers, models, settled, parents, writers }
    }

    /// The answer that a span says it got.
    fn answer(&self, place: u32) -> Option<u64> {
        let at = self.answers.binary_search_by_key(&place, |answer| answer.place).ok()?;
        self.answers.get(at).map(|answer| answer.id)
    }

    pub(super) fn parent(&self, place: u32) -> Option<u32> {
        self.parents.get(place as usize).copied().filter(|parent| (*parent as usize) < self.nodes.len())
    }

    /// The places of spans that have one of these below them.
    fn above(&self, places: impl Iterator<Item = u32>) -> Places {
        let mut above = Places::default();
        for place in places {
            let mut at = self.parent(place);
            while let Some(parent) = at.filter(|parent| above.insert(*parent)) {
                at = self.parent(parent);
            }
        }
        above
    }

    /// The places of spans that have a request below them, in the traces that are looked at.
    pub(super) fn above_requests(&self) -> Places {
        let compared = self.requests().filter(|(_, node)| self.has_several_writers(*node));
        self.above(compared.map(|(place, _)| place))
    }

    /// Adds those that lie below them and tell of parts of the same, but for what tools spend. One that would not stand tells of a
    /// part of what is below it, and takes nothing along.
    fn add_what_is_below(&self, unheard: &mut Places) {
        if unheard.is_empty() {
            return;
        }
        let mut known = vec![Where::Unknown; self.nodes.len()];
        let mut walk = Vec::new();
        for start in 0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX) {
            let mut at = Some(start);
            let mut found = Where::Apart;
            while let Some(place) = at {
                if unheard.contains(&place) {
                    found = Where::Below;
                    break;
                }
                let is_tool = self.node(place).is_some_and(|node| node.part == Part::Tool);
                let Some(here) = known.get_mut(place as usize).filter(|_| !is_tool) else { break };
                if *here != Where::Unknown {
                    found = *here;
                    break;
                }
                walk.push(place);
                at = self.parent(place);
            }
            for place in walk.drain(..) {
                if let Some(here) = known.get_mut(place as usize) {
                    *here = found;
                }
            }
        }
        unheard.extend((0..).zip(&known).filter(|(_, here)| **here == Where::Below).map(|(place, _)| place));
    }

    pub(super) fn node(&self, place: u32) -> Option<Node> {
        self.nodes.get(place as usize).copied()
    }

    pub(super) fn usage(&self, node: Node) -> Option<Usage> {
        match node.role {
            Role::Usage(at) => self.usages.get(at as usize).copied(),
            _ => None,
        }
    }

    pub(super) fn model(&self, node: Node) -> Model {
        match node.role {
            Role::Named(model) => model,
            _ => self.usage(node).map_or(NO_MODEL, |usage| usage.model),
        }
    }

    /// Whether it was told before that the span stands for a request, with what it took.
    pub(super) fn is_settled(&self, place: u32) -> bool {
        self.settled.counts(place as usize) && self.node(place).is_some_and(|node| self.usage(node).is_some())
    }

    /// Those that may stand for a request.
    pub(super) fn requests(&self) -> impl Iterator<Item = (u32, Node)> {
        (0..).zip(self.nodes.iter().copied()).filter(|(_, node)| node.is_request())
    }

    pub(super) fn has_several_writers(&self, node: Node) -> bool {
        self.writers.get(node.trace as usize) == Some(&Writer::Several)
    }

    /// Spans whose request one under the same parent tells of. `standing` tells which would stand if all were heard.
    pub(super) fn told_beside(&self, standing: impl FnOnce() -> Vec<usize>) -> Places {
        let (mut unheard, mut twins) = (Places::default(), Places::default());
        let standing = LazyCell::new(standing);
        let stands = |place: &u32| standing.binary_search(&(*place as usize)).is_ok();
        self.opened_streams(&mut unheard);
        let mut pairs = self.twins(&mut twins);
        // One that would not stand tells of something else.
        pairs.retain(|(_, goes)| stands(goes));
        let mut told = Told::default();
        for (stays, goes) in pairs {
            if let (Some(one), Some(other)) = (self.node(stays), self.node(goes)) {
                told.note((stays, one.writer), (goes, other.writer));
            }
        }
        self.cousins(told, &mut twins);
        unheard.extend(twins.extract_if(|place| stands(place)));
        self.add_what_is_below(&mut unheard);
        unheard.extend(twins);
        // What is below these was called by them.
        self.steps(&mut unheard);
        self.own_beginnings_and_sums(&mut unheard);
        unheard
    }

    /// The beginnings of streams that a log tells of: each log, in their order, takes the last that began before it.
    fn opened_streams(&self, unheard: &mut Places) {
        let is_opening = |node: Node| node.part == Part::Opening && matches!(node.role, Role::Named(_));
        let mut streams: Vec<_> = self
            .requests()
            .filter(|(_, node)| node.trace != NO_TRACE && (node.part == Part::Log || is_opening(*node)))
            .map(|(place, node)| {
                let (start, end) = node.times;
                let is_log = node.part == Part::Log;
                ((node.trace, node.parent, self.model(node)), start, is_log, end, place)
            })
            .collect();
        if streams.is_empty() {
            return;
        }
        streams.sort_unstable();
        let traces: HashSet<u32, RandomState> = streams.iter().map(|((trace, ..), ..)| *trace).collect();
        let above = self.requests().filter(|(_, node)| traces.contains(&node.trace));
        let above = self.above(above.map(|(place, _)| place));
        for streams in streams.chunk_by(|a, b| a.0 == b.0) {
            let mut open = Vec::new();
            for (_, _, is_log, _, place) in streams {
                if *is_log {
                    // What lies below the beginning is not told by a log without usage.
                    let has_usage = self.node(*place).is_some_and(|log| self.usage(log).is_some());
                    unheard.extend(open.pop().filter(|opening| has_usage || !above.contains(opening)));
                } else {
                    open.push(*place);
                }
            }
        }
    }

    /// Steps that repeat the figures of a call beside them.
    fn steps(&self, unheard: &mut Places) {
        let key = |node: Node| {
            let usage = self.usage(node).filter(|_| node.trace != NO_TRACE)?;
            Some((node.trace, node.parent?, bits(usage.amounts)))
        };
        let mut steps: HashMap<_, Vec<u32>, RandomState> = HashMap::default();
        for (place, node) in self.requests().filter(|(_, node)| node.part == Part::Step) {
            if let Some(key) = key(node) {
                steps.entry(key).or_default().push(place);
            }
        }
        if steps.is_empty() {
            return;
        }
        for (_, node) in self.requests().filter(|(_, node)| self.model(*node) != NO_MODEL) {
            if let Some(steps) = key(node).and_then(|key| steps.remove(&key)) {
                unheard.extend(steps);
            }
        }
    }

    /// Calls of one model that two libraries tell of at the same time, with the same tokens in and out, or failed for both. Names
    /// of spans are not enough to tell libraries apart: samples of one prompt may be numbered, and take as many tokens. Nor are
    /// scopes where both say what was answered, and it is not the same: a program may have one for each of its modules.
    fn twins(&self, unheard: &mut Places) -> Vec<(u32, u32)> {
        let mut pairs = Vec::new();
        let above = self.above_requests();
        let mut calls: Vec<_> = self
            .requests()
            .filter(|(_, node)| node.has_scope && self.has_several_writers(*node))
            .filter(|(_, node)| node.part != Part::Opening)
            .filter_map(|(place, node)| {
                let tokens = match self.usage(node).map(|usage| usage.amounts) {
                    // A run that only names its model did not fail.
                    None if above.contains(&place) => return None,
                    None => [0; 2],
                    Some([input, output, ..]) if input > 0.0 && output > 0.0 => {
                        [input.to_bits(), output.to_bits()]
                    }
                    Some(_) => return None,
                };
                Some(((node.trace, node.parent?, self.models.stem(self.model(node)), tokens), place))
            })
            .filter(|((.., model, _), _)| *model != NO_MODEL)
            .collect();
        calls.sort_unstable();
        for calls in calls.chunk_by(|a, b| a.0 == b.0).filter(|calls| calls.len() > 1) {
            let places = calls.iter().map(|(_, place)| *place);
            let has_usage = calls.iter().all(|((.., tokens), _)| *tokens != [0; 2]);
            let are_one = |a: (Node, u32), b: (Node, u32)| {
                meet(a.0, b.0) && self.answered_alike(a.1, b.1) && self.of_one_model(a.0, b.0)
            };
            pairs.extend(self.keep_one_writer(places, |_| true, are_one, has_usage, unheard));
        }
        pairs
    }

    /// Whether two spans do not say that they have different answers.
    pub(super) fn answered_alike(&self, a: u32, b: u32) -> bool {
        match (self.answer(a), self.answer(b)) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }

    /// What was asked for often has a shorter name than what answered.
    pub(super) fn of_one_model(&self, a: Node, b: Node) -> bool {
        let (a, b) = (self.model(a), self.model(b));
        a == b || self.models.are_one(a, b)
    }

    /// The beginnings of spans that have come, and sums that go on from run to run, above what they are of.
    fn own_beginnings_and_sums(&self, unheard: &mut Places) {
        let has_come =
            |(place, node): &(u32, Node)| node.part == Part::Pending && self.parent(*place).is_some();
        unheard.extend(self.requests().filter(has_come).map(|(place, _)| place));
        let mut sums = self.requests().filter(|(_, node)| node.part == Part::Sums).peekable();
        if sums.peek().is_some() {
            let calls =
                self.requests().filter(|(_, node)| self.usage(*node).is_some() && node.part != Part::Sums);
            let above = self.above(calls.map(|(place, _)| place));
            unheard.extend(sums.map(|(place, _)| place).filter(|place| above.contains(place)));
        }
    }

    /// Spans with the answer of another of the trace that says some of the same figures at the same time, where some of both stand.
    /// `stands` has those that do. Libraries count differently what was cached or thought, and servers use ids again.
    pub(super) fn told_elsewhere(&self, stands: impl Fn(u32) -> bool) -> Places {
        let (mut unheard, mut heard) = (Places::default(), Vec::new());
        let mut answers: Vec<_> = self
            .answers
            .iter()
            .filter_map(|answer| {
                let node = self.node(answer.place).filter(|node| self.has_several_writers(*node))?;
                Some((node.trace, answer.id, answer.place))
            })
            .collect();
        answers.sort_unstable();
        let above = if answers.is_empty() { Places::default() } else { self.above_requests() };
        let say_the_same = |(kept, _): (Node, u32), (other, place): (Node, u32)| {
            let tokens = match (self.usage(kept), self.usage(other)) {
                (Some(kept), Some(other)) => some_tokens_are_as_many(kept.amounts, other.amounts),
                // Nor did a run fail that only names its model.
                (_, None) => !above.contains(&place),
                // What it carries would be lost.
                (None, Some(_)) => false,
            };
            tokens && meet(kept, other)
        };
        for same in answers.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|same| same.len() > 1) {
            let places = same.iter().map(|(.., place)| *place);
            let pairs = self.keep_one_writer(places, &stands, say_the_same, false, &mut unheard);
            heard.extend(pairs.into_iter().map(|(stays, _)| stays));
        }
        if self.has_several_traces() {
            let elsewhere = self.told_in_other_traces(&stands);
            heard.extend(elsewhere.iter().map(|(stays, _)| *stays));
            unheard.extend(elsewhere.into_iter().map(|(_, goes)| goes));
        }
        // What others were not heard for would not be heard below one that is not.
        let above = self.above(heard.into_iter());
        unheard.retain(|place| !above.contains(place));
        let alone: Places = unheard.extract_if(|place| !stands(*place)).collect();
        self.add_what_is_below(&mut unheard);
        unheard.extend(alone);
        unheard
    }

    /// Spans without a trace are of another one.
    fn has_several_traces(&self) -> bool {
        self.writers.len() > 1 || self.nodes.iter().any(|node| node.trace == NO_TRACE)
    }

    /// Of spans that may tell the same, those of the writer stay that tells of most requests, of those with usage first, and
    /// says most of them. A library tells of a request once: two spans of one are two requests. Returns those for which others
    /// are not heard, each with such another: with one of each library alone, if they are told one by one.
    fn keep_one_writer(
        &self,
        places: impl Iterator<Item = u32>,
        stands: impl Fn(u32) -> bool,
        are_one: impl Fn((Node, u32), (Node, u32)) -> bool,
        one_by_one: bool,
        unheard: &mut Places,
    ) -> Vec<(u32, u32)> {
        let mut spans: Vec<(Node, u32)> =
            places.filter_map(|place| Some((self.node(place)?, place))).collect();
        spans.sort_unstable_by_key(|(node, _)| (node.writer, node.times));
        let standing = |of: &[(Node, u32)]| -> Vec<(Node, u32)> {
            of.iter().filter(|(_, place)| stands(*place)).copied().collect()
        };
        let writers = spans.chunk_by(|a, b| a.0.writer == b.0.writer).map(standing);
        let writers: Vec<Vec<(Node, u32)>> = writers.filter(|standing| !standing.is_empty()).collect();
        let mut heard = Vec::new();
        if writers.len() < 2 {
            return heard;
        }
        let best = writers.iter().max_by_key(|standing| {
            let amounts =
                || standing.iter().filter_map(|(node, _)| self.usage(*node)).map(|usage| usage.amounts);
            let with_usage = amounts().count();
            let costs = amounts().filter(|amounts| amounts[3] > 0.0).count();
            let figures = amounts().flatten().filter(|amount| *amount > 0.0).count();
            let first = standing.iter().map(|(node, _)| node.times).min();
            let writer = standing.first().map(|(node, _)| node.writer);
            // What was told stands anyway.
            let told = standing.iter().filter(|(_, place)| self.is_settled(*place)).count();
            (told, with_usage, standing.len(), costs, figures, Reverse(first), writer)
        });
        let Some([(first, _), ..]) = best.map(Vec::as_slice) else { return heard };
        let kept = || best.into_iter().flatten().take(MOST_COMPARED);
        let mut told = Told::default();
        for other in spans.iter().filter(|(node, _)| node.writer != first.writer) {
            // The first that is one with it, and was told by nothing else of its library if they are told one by one.
            let tells = |&&(kept, place): &&(Node, u32)| {
                are_one((kept, place), *other)
                    && (told.note((place, kept.writer), (other.1, other.0.writer)) || !one_by_one)
            };
            if let Some((_, place)) = kept().find(tells) {
                heard.push((*place, other.1));
                unheard.insert(other.1);
            }
        }
        heard
    }
}

/// Whether one of the counts of tokens is the same.
pub(super) fn some_tokens_are_as_many(a: Amounts, b: Amounts) -> bool {
    a.iter().zip(b).take(3).any(|(a, b)| *a > 0.0 && a.total_cmp(&b).is_eq())
}

fn bits(amounts: Amounts) -> [u64; 4] {
    amounts.map(f64::to_bits)
}

/// Whether two spans lie in the same time: not one behind the other, and not where one does not say when it was.
fn meet(a: Node, b: Node) -> bool {
    let lasts = |node: Node| node.times.0 < node.times.1;
    let end = |node: Node| node.times.1.max(node.times.0);
    let is_known = a.times.0 > 0 && b.times.0 > 0;
    let touch = a.times.0 == end(b) || b.times.0 == end(a);
    let within = a.times.0 <= end(b) && b.times.0 <= end(a);
    is_known && within && !(touch && lasts(a) && lasts(b))
}
