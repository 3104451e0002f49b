//! Which spans stand for a request, when several tell of the same one. The rule is in the head of [`super`].
//!
//! Spans of one trace come in any order and in any number of batches, so each is noted as a few numbers, and the question
//! is answered when all have been seen.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::BuildHasher;

use super::LlmSpan;
use crate::batch::{Id, SpanRef};

/// A note of every span that was added: about 60 bytes each.
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
    nodes: Vec<Node>,
    duplicates: u64,
    /// Makes numbers of ids that are texts.
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// [`NO_TRACE`] for a span without a trace id: it belongs to none.
    trace: u32,
    parent: Option<u64>,
    times: (u64, u64),
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Stands for nothing: no LLM span, or a test.
    None,
    /// Nor does what was delivered before.
    Again,
    /// Names a model and carries no usage.
    Named,
    /// Carries usage.
    Usage,
}

const NO_TRACE: u32 = u32::MAX;
const NO_NODE: u32 = u32::MAX;

impl Requests {
    /// Notes a span and what it says. Spans are numbered from 0 in the order in which they are added.
    ///
    /// Returns whether the span is new; `false` for one that was added before.
    pub fn add(&mut self, span: SpanRef<'_>, llm: &LlmSpan<'_>) -> bool {
        let row = span.row();
        let trace = self.trace(row.trace_id, &span.trace_id());
        let id = self.span(row.span_id, &span.span_id());
        let times = (row.start_time_unix_nano, row.end_time_unix_nano);
        let place = u32::try_from(self.nodes.len()).unwrap_or(NO_NODE);
        let mut new = true;
        if let Some(id) = id.filter(|_| trace != NO_TRACE) {
            let first = *self.places.entry((trace, id)).or_insert(place);
            let same = self.nodes.get(first as usize).is_some_and(|node| node.times == times);
            new = first == place || !same;
        }
        let role = match () {
            () if !new => Role::Again,
            () if llm.is_test || !llm.is_request() => Role::None,
            () if llm.carries_usage() => Role::Usage,
            () => Role::Named,
        };
        self.duplicates += u64::from(!new);
        let parent = self.span(row.parent_span_id, &span.parent_span_id());
        self.nodes.push(Node { trace, parent, times, role });
        new
    }

    fn trace(&mut self, id: Id<16>, text: &str) -> u32 {
        let number = match () {
            () if text.is_empty() => return NO_TRACE,
            () if id.valid => u128::from_be_bytes(id.bytes),
            // Twice 64 bits, so that texts by chance are no more likely to meet than ids by chance.
            () => u128::from(self.hasher.hash_one(text)) << 64 | u128::from(self.hasher.hash_one((text, 1))),
        };
        let next = u32::try_from(self.traces.len()).unwrap_or(NO_TRACE);
        *self.traces.entry(number).or_insert(next)
    }

    fn span(&self, id: Id<8>, text: &str) -> Option<u64> {
        match () {
            () if text.is_empty() => None,
            () if id.valid => Some(u64::from_be_bytes(id.bytes)),
            () => Some(self.hasher.hash_one(text)),
        }
    }

    /// Forgets all spans but the first so many, as if the others had not been added.
    ///
    /// Takes time in proportion to the number of all spans.
    pub fn truncate(&mut self, spans: usize) {
        let Some(forgotten) = self.nodes.get(spans..).filter(|nodes| !nodes.is_empty()) else { return };
        let again = forgotten.iter().filter(|node| node.role == Role::Again).count();
        self.duplicates -= again as u64;
        self.nodes.truncate(spans);
        // Traces have their numbers in the order in which they came.
        let known = self.nodes.iter().map(|node| node.trace).filter(|trace| *trace != NO_TRACE);
        let traces = known.max().map_or(0, |last| last + 1);
        self.traces.retain(|_, number| *number < traces);
        self.places.retain(|_, place| (*place as usize) < spans);
    }

    /// Number of spans that were added.
    pub fn spans(&self) -> usize {
        self.nodes.len()
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
    /// Takes time in proportion to the number of spans, however deep the traces, and ends on parents in a circle.
    pub fn counted(&self) -> impl Iterator<Item = usize> {
        let parents: Vec<u32> = self.nodes.iter().map(|node| self.parent(node)).collect();
        let below = self.usage_below(&parents);
        let claims = |place: usize| match self.nodes.get(place).map(|node| node.role) {
            Some(Role::Usage) => true,
            Some(Role::Named) => !below.get(place).copied().unwrap_or_default(),
            _ => false,
        };
        let covered = covered(&parents, claims);
        let counted: Vec<usize> = (0..self.nodes.len())
            .filter(|place| claims(*place) && !covered.get(*place).copied().unwrap_or_default())
            .collect();
        counted.into_iter()
    }

    fn parent(&self, node: &Node) -> u32 {
        let parent = node.parent.filter(|_| node.trace != NO_TRACE);
        parent.and_then(|id| self.places.get(&(node.trace, id))).copied().unwrap_or(NO_NODE)
    }

    /// Which spans have a descendant that carries usage.
    fn usage_below(&self, parents: &[u32]) -> Vec<bool> {
        let mut below = vec![false; parents.len()];
        for (place, _) in self.nodes.iter().enumerate().filter(|(_, node)| node.role == Role::Usage) {
            let mut at = place;
            loop {
                let parent = parents.get(at).copied().unwrap_or(NO_NODE) as usize;
                match below.get_mut(parent) {
                    Some(known) if !*known => *known = true,
                    // No parent, or one whose ancestors are marked already.
                    _ => break,
                }
                at = parent;
            }
        }
        below
    }
}

/// Which spans have an ancestor that claims to stand for a request.
fn covered(parents: &[u32], claims: impl Fn(usize) -> bool) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Unknown,
        Asked,
        Known(bool),
    }
    let mut states = vec![State::Unknown; parents.len()];
    let mut path = Vec::new();
    for start in 0..parents.len() {
        let mut at = start;
        // Upwards to the first span that is known, to a root, or round a circle to a span that was asked already.
        let mut above = loop {
            match states.get(at).copied() {
                None | Some(State::Asked) => break false,
                Some(State::Known(known)) => break known || claims(at),
                Some(State::Unknown) => {}
            }
            if let Some(state) = states.get_mut(at) {
                *state = State::Asked;
            }
            path.push(at);
            at = parents.get(at).copied().unwrap_or(NO_NODE) as usize;
        };
        while let Some(place) = path.pop() {
            if let Some(state) = states.get_mut(place) {
                *state = State::Known(above);
            }
            above = above || claims(place);
        }
    }
    states.into_iter().map(|state| state == State::Known(true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::LlmKeys;

    /// `id parent model tokens`, a span each; `-` for none.
    fn counted(spans: &[&str]) -> Vec<usize> {
        let mut requests = Requests::default();
        for (at, line) in spans.iter().enumerate() {
            let mut words = line.split(' ').map(|word| if word == "-" { "" } else { word });
            let (id, parent) = (words.next().unwrap(), words.next().unwrap());
            let mut attributes = Vec::new();
            for (key, kind) in [
                ("gen_ai.request.model", "stringValue"),
                ("gen_ai.usage.input_tokens", "intValue"),
                ("gen_ai.operation.name", "stringValue"),
            ] {
                if let Some(value) = words.next().filter(|value| !value.is_empty()) {
                    attributes.push(format!(r#"{{"key":"{key}","value":{{"{kind}":"{value}"}}}}"#));
                }
            }
            let hex = |id: &str| if id.is_empty() { String::new() } else { format!("{id:0>16}") };
            let body = format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c",
                "spanId":"{}","parentSpanId":"{}","startTimeUnixNano":"{at}","attributes":[{}]}}]}}]}}]}}"#,
                hex(id),
                hex(parent),
                attributes.join(",")
            );
            let batch = crate::decode(body.into_bytes()).unwrap();
            let keys = LlmKeys::resolve(&batch);
            for span in batch.spans() {
                requests.add(span, &keys.read(span));
            }
        }
        assert_eq!(requests.spans(), spans.len());
        requests.counted().collect()
    }

    #[test]
    fn usage_counts_at_the_topmost_span_that_carries_it() {
        assert_eq!(counted(&["1 - heron 9", "2 1 heron 9"]), [0]);
        assert_eq!(counted(&["2 1 heron 9", "1 - heron 9"]), [1], "children first");
        assert_eq!(counted(&["1 - heron 9", "2 1 - -", "3 2 - -", "4 3 heron 9"]), [0], "spans in between");
        assert_eq!(counted(&["1 - - -", "2 1 heron 9", "3 1 heron 5"]), [1, 2], "siblings");
        assert_eq!(counted(&["1 - heron 0", "2 1 heron 9"]), [1], "zeros carry nothing");
        assert_eq!(counted(&["1 7 heron 9"]), [0], "the parent was never sent");
    }

    #[test]
    fn a_request_without_usage_counts_where_nothing_else_tells_of_it() {
        assert_eq!(counted(&["1 - heron -", "2 1 - - chat", "3 1 - - chat"]), [0], "a failed request");
        assert_eq!(counted(&["1 - heron -", "2 1 heron -"]), [0], "a failed request told twice");
        assert_eq!(counted(&["1 - heron -", "2 1 heron 9", "3 1 heron -"]), [1, 2], "an agent's run");
        assert_eq!(counted(&["1 - heron 9", "2 1 heron -"]), [0]);
        assert_eq!(counted(&["1 - heron - create_agent", "2 - heron - execute_tool"]), [0; 0]);
    }

    #[test]
    fn parents_in_a_circle_and_spans_without_ids_are_read() {
        assert_eq!(counted(&["1 2 heron 9", "2 1 heron 9"]), [1]);
        assert_eq!(counted(&["1 1 heron 9"]), [0]);
        assert_eq!(counted(&["- - heron 9", "- - heron 9"]), [0, 1]);
    }

    #[test]
    fn a_span_that_comes_twice_counts_once() {
        let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"my-trace","spanId":"my-span",
            "attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"heron"}}]}]}]}]}"#;
        let batch = crate::decode(&body[..]).unwrap();
        let keys = LlmKeys::resolve(&batch);
        let mut requests = Requests::default();
        let span = batch.span(0).unwrap();
        assert!(requests.add(span, &keys.read(span)));
        assert!(!requests.add(span, &keys.read(span)));
        assert_eq!((requests.duplicates(), requests.traces(), requests.counted().count()), (1, 1, 1));
    }

    #[test]
    fn spans_that_are_forgotten_leave_nothing() {
        let span = |trace: &str, id: usize, parent: &str| {
            format!(
                r#"{{"traceId":"{trace}","spanId":"{id}","parentSpanId":"{parent}","attributes":[
                {{"key":"gen_ai.request.model","value":{{"stringValue":"heron"}}}}]}}"#
            )
        };
        // The third is the first again, and the last of another trace and of none.
        let spans = [
            span("a", 1, ""),
            span("b", 2, ""),
            span("a", 1, ""),
            span("a", 3, "1"),
            span("c", 4, ""),
            span("", 5, ""),
        ];
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
        let batch = crate::decode(body.into_bytes()).unwrap();
        let keys = LlmKeys::resolve(&batch);
        let said = |requests: &Requests| {
            let counted: Vec<_> = requests.counted().collect();
            (requests.spans(), requests.traces(), requests.duplicates(), counted)
        };
        let mut after = vec![said(&Requests::default())];
        let mut all = Requests::default();
        for span in batch.spans() {
            all.add(span, &keys.read(span));
            after.push(said(&all));
        }
        for kept in 0..=spans.len() + 1 {
            let mut requests = all.clone();
            requests.truncate(kept);
            assert_eq!(said(&requests), after[kept.min(spans.len())], "{kept}");
            for span in batch.spans().skip(kept) {
                requests.add(span, &keys.read(span));
            }
            assert_eq!(said(&requests), *after.last().unwrap(), "{kept}");
        }
    }
}
