//! Of which spans something is still to be told: of those that are settled, few.

use std::borrow::Cow;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::super::repeats::Answer;
use super::super::settled::Settled;
use super::super::trees::{NO_PLACE, cut_circles};
use super::{Node, Requests};

/// The spans that have a say, numbered anew in their order.
pub(super) struct Open<'a> {
    pub(super) nodes: Cow<'a, [Node]>,
    pub(super) answers: Cow<'a, [Answer]>,
    pub(super) settled: Cow<'a, Settled>,
    /// By place: that of the parent, without circles.
    pub(super) parents: Vec<u32>,
    /// The places that they have among all; `None` where they are all.
    places: Option<Vec<u32>>,
}

impl<'a> Open<'a> {
    /// All spans.
    pub(super) fn all(requests: &'a Requests) -> Self {
        let mut parents: Vec<u32> = requests.nodes.iter().map(|node| requests.parent(node)).collect();
        cut_circles(&mut parents);
        Self {
            nodes: Cow::Borrowed(&requests.nodes),
            answers: Cow::Borrowed(&requests.answers),
            settled: Cow::Borrowed(&requests.settled),
            parents,
            places: None,
        }
    }

    /// Those that are not settled, the traces that these are of, and what tells of the same answers as these traces.
    pub(super) fn of(requests: &'a Requests) -> Self {
        let settled = requests.settled.spans();
        if settled == 0 {
            return Self::all(requests);
        }
        let mut groups = Groups::of_answers(requests);
        let later = requests.nodes.get(settled..).unwrap_or_default();
        let mut is_open = vec![false; groups.links.len()];
        for node in later {
            if let Some(is_open) = is_open.get_mut(groups.of(node.trace) as usize) {
                *is_open = true;
            }
        }
        let mut numbers = vec![NO_PLACE; requests.nodes.len()];
        let (mut places, mut nodes) = (Vec::new(), Vec::with_capacity(later.len()));
        for ((place, node), number) in (0..).zip(&requests.nodes).zip(&mut numbers) {
            if is_open.get(groups.of(node.trace) as usize) == Some(&true) {
                *number = u32::try_from(places.len()).unwrap_or(NO_PLACE);
                places.push(place);
                nodes.push(*node);
            }
        }
        let number = |place: u32| numbers.get(place as usize).copied().filter(|number| *number != NO_PLACE);
        let mut parents: Vec<u32> =
            nodes.iter().map(|node| number(requests.parent(node)).unwrap_or(NO_PLACE)).collect();
        cut_circles(&mut parents);
        let answers = requests.answers.iter();
        Self {
            answers: answers
                .filter_map(|answer| Some(Answer { place: number(answer.place)?, ..*answer }))
                .collect(),
            settled: Cow::Owned(requests.settled.of(&places)),
            nodes: Cow::Owned(nodes),
            parents,
            places: Some(places),
        }
    }

    /// The place that a span has among all.
    pub(super) fn place(&self, number: usize) -> usize {
        match &self.places {
            Some(places) => places.get(number).map_or(number, |place| *place as usize),
            None => number,
        }
    }
}

/// Traces, those that tell of the same answers together. Spans of none are like one.
struct Groups {
    /// By trace, and last of no trace: itself, or another of its group.
    links: Vec<u32>,
}

impl Groups {
    fn of_answers(requests: &Requests) -> Self {
        let traces = u32::try_from(requests.traces.len()).unwrap_or(u32::MAX);
        let mut groups = Self { links: (0..=traces).collect() };
        let mut firsts: HashMap<u64, u32, RandomState> = HashMap::default();
        for answer in &requests.answers {
            let Some(node) = requests.nodes.get(answer.place as usize) else { continue };
            let first = *firsts.entry(answer.id).or_insert(node.trace);
            let (one, other) = (groups.of(first), groups.of(node.trace));
            if let Some(link) = groups.links.get_mut(one as usize) {
                *link = other;
            }
        }
        groups
    }

    /// The trace that stands for a group.
    fn of(&mut self, trace: u32) -> u32 {
        let last = u32::try_from(self.links.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let mut at = trace.min(last);
        while let Some(next) = self.links.get(at as usize).copied().filter(|next| *next != at) {
            let beyond = self.links.get(next as usize).copied().unwrap_or(next);
            if let Some(link) = self.links.get_mut(at as usize) {
                *link = beyond;
            }
            at = beyond;
        }
        at
    }
}
