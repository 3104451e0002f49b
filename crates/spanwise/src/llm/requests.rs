//! Which spans stand for a request, when several tell of the same one. The rule is in the head of [`super`].
//!
//! Spans of one trace come in any order and in any number of batches, so each is noted as a few numbers, and the question
//! is answered when all have been seen.

use foldhash::fast::{FixedState, RandomState};
use hashbrown::HashMap;
use std::borrow::Cow;
use std::hash::BuildHasher;

use super::models::{Model, Models};
use super::repeats::{Answer, Places, Spans};
use super::settled::{ROUNDS, Settled};
use super::telling::Part;
use super::trees::{self, NO_PLACE, Says};
use super::usage::{Usage, amounts};
use super::{LlmKeys, LlmSpan};
use crate::batch::{SpanBatch, SpanRef};
use crate::decode::Projection;

use open::Open;

mod forget;
mod open;

/// A note of every span that was added: 100 to 250 bytes each. Of many spans it is about 110, and 50 more for one that carries
/// usage, and while [`counted`](Self::counted) tells half as much again, or, where all are told of one answer, as much.
///
/// A request that says the id of its answer takes 16 more.
///
/// ```
/// use spanwise::llm::{LlmKeys, Requests};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
///     {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","attributes":[
///         {"key":"ai.model.id","value":{"stringValue":"heron-2"}},
///         {"key":"ai.usage.totalTokens","value":{"intValue":272}}]},
///     {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"c08ef7c205606e66",
///      "parentSpanId":"b7ad6b7169203331","attributes":[
///         {"key":"gen_ai.request.model","value":{"stringValue":"heron-2"}},
///         {"key":"gen_ai.usage.total_tokens","value":{"intValue":272}}]}]}]}]}"#;
/// let batch = spanwise::decode(&body[..])?;
/// let keys = LlmKeys::resolve(&batch);
/// let mut requests = Requests::default();
/// for span in batch.spans() {
///     requests.add(span, &keys.read(span));
/// }
/// assert_eq!(requests.counted().collect::<Vec<_>>(), [0]);
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Requests {
    traces: HashMap<u128, u32, RandomState>,
    /// Where a span stands in `nodes`, by its trace and its own id.
    places: HashMap<(u32, u64), u32, RandomState>,
    /// Where a span stands that has the ids of another, and other times.
    others: HashMap<(u32, u64, (u64, u64)), u32, RandomState>,
    nodes: Vec<Node>,
    /// What the spans carry that carry any usage, in their order.
    usages: Vec<Usage>,
    models: Models,
    /// The spans that say the id of their answer, in their order.
    answers: Vec<Answer>,
    duplicates: u64,
    settled: Settled,
    /// Makes numbers of ids that are texts.
    hasher: RandomState,
}

/// What is kept of a span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// [`NO_TRACE`] for a span without a trace id: it belongs to none.
    pub(super) trace: u32,
    pub(super) parent: Option<u64>,
    pub(super) times: (u64, u64),
    pub(super) role: Role,
    pub(super) part: Part,
    /// A number for the library that tells of a request: by its scope or, where it has none, by its name.
    pub(super) writer: u16,
    pub(super) has_scope: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Stands for nothing: no LLM span, or a test.
    None,
    /// Nor does what was delivered before.
    Again,
    /// Names a model and carries no usage.
    Named(Model),
    /// Carries usage: its place in the list of those that do.
    Usage(u32),
}

pub(super) const NO_TRACE: u32 = u32::MAX;

impl Node {
    pub(super) fn is_request(&self) -> bool {
        matches!(self.role, Role::Named(_) | Role::Usage(_))
    }

    fn has_usage(&self) -> bool {
        matches!(self.role, Role::Usage(_))
    }
}

impl Requests {
    /// What a decoder must keep of spans that are added.
    pub const PROJECTION: Projection = Projection { span_attributes: true, ..Projection::NONE };

    /// Notes all spans of a batch, as [`add`](Self::add) does.
    ///
    /// ```
    /// use spanwise::llm::Requests;
    /// use spanwise::{DecodeOptions, Decoder, SpanBatch};
    /// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"chat heron-2","attributes":[
    ///     {"key":"gen_ai.request.model","value":{"stringValue":"heron-2"}}]}]}]}]}"#;
    /// let mut batch = SpanBatch::new();
    /// Decoder::new(DecodeOptions::default().with_projection(Requests::PROJECTION)).decode(&body[..], &mut batch)?;
    /// let mut requests = Requests::default();
    /// requests.add_batch(&batch);
    /// assert_eq!((requests.spans(), requests.counted().collect()), (2, vec![1]));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn add_batch(&mut self, batch: &SpanBatch) {
        let keys = LlmKeys::of_requests(batch);
        for span in batch.spans() {
            self.add(span, &keys.read(span));
        }
    }

    /// Notes a span and what it says. Spans are numbered from 0 in the order in which they are added.
    ///
    /// Returns whether the span is new; `false` for one that was added before.
    pub fn add(&mut self, span: SpanRef<'_>, llm: &LlmSpan<'_>) -> bool {
        let row = span.row();
        let trace = self.trace(span);
        let id = self.span(span.span_id_bytes(), || span.span_id());
        let times = (row.start_time_unix_nano, row.end_time_unix_nano);
        let place = u32::try_from(self.nodes.len()).unwrap_or(NO_PLACE);
        let mut new = true;
        if let Some(id) = id.filter(|_| trace != NO_TRACE) {
            let first = *self.places.entry((trace, id)).or_insert(place);
            let same = self.nodes.get(first as usize).is_some_and(|node| node.times == times);
            new = first == place || !same && *self.others.entry((trace, id, times)).or_insert(place) == place;
        }
        let part = llm.part();
        let role = match () {
            () if !new => Role::Again,
            () if llm.is_test || !llm.is_request() => Role::None,
            () if llm.carries_usage() => {
                let model = self.models.number(llm.model.as_deref());
                self.usages.push(Usage { model, is_call: part == Part::Call, amounts: amounts(llm) });
                Role::Usage(u32::try_from(self.usages.len() - 1).unwrap_or(NO_PLACE))
            }
            () => Role::Named(self.models.number(llm.model.as_deref())),
        };
        let is_request = matches!(role, Role::Named(_) | Role::Usage(_));
        let (writer, has_scope) = if is_request { writer(span) } else { (0, false) };
        if let Some(answer) = llm.telling.answer.as_deref().filter(|_| is_request) {
            self.answers.push(Answer { place, id: self.hasher.hash_one(answer) });
        }
        self.duplicates += u64::from(!new);
        let parent = self.span(span.parent_span_id_bytes(), || span.parent_span_id());
        self.nodes.push(Node { trace, parent, times, role, part, writer, has_scope });
        new
    }

    fn trace(&mut self, span: SpanRef<'_>) -> u32 {
        let number = if let Some(id) = span.trace_id_bytes() {
            u128::from_be_bytes(id)
        } else {
            let text = span.trace_id();
            if text.is_empty() {
                return NO_TRACE;
            }
            // Twice 64 bits, so that texts by chance are no more likely to meet than ids by chance.
            u128::from(self.hasher.hash_one(&text)) << 64 | u128::from(self.hasher.hash_one((&text, 1)))
        };
        let next = u32::try_from(self.traces.len()).unwrap_or(NO_TRACE);
        *self.traces.entry(number).or_insert(next)
    }

    /// The number of an id of a span: most are valid, and their text need not be looked at.
    fn span<'a>(&self, id: Option<[u8; 8]>, text: impl FnOnce() -> Cow<'a, str>) -> Option<u64> {
        if let Some(id) = id {
            return Some(u64::from_be_bytes(id));
        }
        let text = text();
        (!text.is_empty()).then(|| self.hasher.hash_one(text))
    }

    /// Number of spans that were added.
    pub fn spans(&self) -> usize {
        self.nodes.len()
    }

    /// Takes for settled what [`counted`](Self::counted) says of the spans that were added so far: whatever is added later, it says the
    /// same of them. For who has to tell before all spans have come, as a receiver has.
    ///
    /// ```
    /// use spanwise::llm::Requests;
    /// let span = |id: u8, parent: &str, tokens: u8| {
    ///     let usage = format!(r#"{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"{tokens}"}}}}"#);
    ///     let ids = format!(r#""traceId":"t","spanId":"{id}","parentSpanId":"{parent}""#);
    ///     spanwise::decode(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"attributes":[{usage}]}}]}}]}}]}}"#))
    /// };
    /// let mut requests = Requests::default();
    /// requests.add_batch(&span(2, "1", 9)?);
    /// assert_eq!(requests.counted().collect::<Vec<_>>(), [0]);
    /// requests.settle();
    /// // An agent's run, which ends later, and another of its calls: all in all 12 tokens.
    /// requests.add_batch(&span(3, "1", 3)?);
    /// requests.add_batch(&span(1, "", 12)?);
    /// assert_eq!((requests.settled(), requests.counted().collect()), (1, vec![0, 1]));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn settle(&mut self) {
        self.settled = Settled::new(self.nodes.len(), self.counted().collect());
    }

    /// Number of spans that are settled, the first of those that were added.
    pub fn settled(&self) -> usize {
        self.settled.spans()
    }

    /// Number of distinct trace ids among them.
    pub fn traces(&self) -> usize {
        self.traces.len()
    }

    /// Number of spans that had been added before.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The numbers of the spans that stand for a request each, in the order in which they were added.
    ///
    /// Takes time in proportion to the number of spans, however deep the traces, and ends on parents in a circle. Of those that are
    /// settled only traces to which something came are gone through again, and those with an answer of such a trace.
    pub fn counted(&self) -> impl Iterator<Item = usize> {
        let nothing_came_since = self.settled.spans() == self.nodes.len();
        let told =
            if nothing_came_since { self.settled.counted().to_vec() } else { self.told(&Open::of(self)) };
        told.into_iter()
    }

    /// What is settled, and what of the others stands.
    fn told(&self, open: &Open<'_>) -> Vec<usize> {
        let Open { nodes, parents, settled, .. } = open;
        let (traces, usages) = (self.traces.len(), &self.usages);
        let spans = Spans::new(nodes, usages, &open.answers, &self.models, settled, parents, traces);
        let told = |unheard: &Places| -> Vec<usize> {
            let says = |place: usize| self.says(nodes.get(place), place, unheard);
            trees::requests(parents, says, &self.models).collect()
        };
        let mut unheard = spans.told_beside(|| told(&Places::default()));
        let mut counted = told(&unheard);
        // The counted are in order.
        let again = spans.told_elsewhere(|place| counted.binary_search(&(place as usize)).is_ok());
        if !again.is_empty() {
            unheard.extend(again);
            counted = told(&unheard);
        }
        let has_usage = |place: usize| nodes.get(place).is_some_and(Node::has_usage);
        for _ in 0..ROUNDS {
            let late = settled.replaced_by(&counted, parents, has_usage);
            if late.is_empty() {
                break;
            }
            unheard.extend(late);
            counted = told(&unheard);
        }
        let later = counted.split_off(counted.partition_point(|place| *place < settled.spans()));
        self.settled
            .counted()
            .iter()
            .copied()
            .chain(later.into_iter().map(|place| open.place(place)))
            .collect()
    }

    fn says(&self, node: Option<&Node>, place: usize, unheard: &Places) -> Says {
        let Some(node) = node else { return Says::Nothing };
        if !unheard.is_empty() && u32::try_from(place).is_ok_and(|place| unheard.contains(&place)) {
            return Says::Nothing;
        }
        match node.role {
            Role::Usage(at) => {
                self.usages.get(at as usize).map_or(Says::Nothing, |usage| Says::Usage(*usage))
            }
            Role::Named(_) => match node.part {
                Part::Call => Says::Call,
                Part::Run => Says::Run,
                _ => Says::Model,
            },
            Role::None if node.part == Part::Tool => Says::Tool,
            Role::None | Role::Again => Says::Nothing,
        }
    }

    fn parent(&self, node: &Node) -> u32 {
        let parent = node.parent.filter(|_| node.trace != NO_TRACE);
        parent.and_then(|id| self.places.get(&(node.trace, id))).copied().unwrap_or(NO_PLACE)
    }
}

/// Bytes of a name that tell libraries apart, with its length: a sender may give one name of megabytes to all its spans.
const TOLD_APART: usize = 256;

/// The number of the library that wrote a span, and whether it has a scope. The number is the same in every run: where two
/// libraries say as much as each other, it settles which one is heard.
fn writer(span: SpanRef<'_>) -> (u16, bool) {
    let scope = span.scope().row().name;
    let has_scope = scope.stored_len() > 0;
    let name = if has_scope { scope } else { span.row().name };
    let stored = span.stored(name);
    let head = stored.get(..TOLD_APART).unwrap_or(stored);
    let [a, b, ..] = FixedState::default().hash_one((head, stored.len())).to_le_bytes();
    (u16::from_le_bytes([a, b]), has_scope)
}

#[cfg(test)]
mod tests;
