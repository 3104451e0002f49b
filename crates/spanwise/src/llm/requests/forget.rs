//! Spans that are forgotten: the last that were added, or the first.

use hashbrown::HashMap;

use super::super::models::{NO_MODEL, OTHER_MODELS};
use super::super::repeats::Answer;
use super::{NO_TRACE, Node, Requests, Role};

impl Requests {
    /// Forgets all spans but the first so many, as if the others had not been added.
    ///
    /// Takes time in proportion to the number of all spans.
    pub fn truncate(&mut self, spans: usize) {
        let Some(forgotten) = self.nodes.get(spans..).filter(|nodes| !nodes.is_empty()) else { return };
        self.duplicates -= duplicates(forgotten);
        let usages = usages(forgotten);
        self.settled.truncate(spans);
        self.usages.truncate(self.usages.len() - usages);
        self.nodes.truncate(spans);
        self.answers.truncate(self.answers.partition_point(|answer| (answer.place as usize) < spans));
        let named =
            self.nodes.iter().map(|node| if let Role::Named(model) = node.role { model } else { NO_MODEL });
        let models = self.usages.iter().map(|usage| usage.model).chain(named);
        let models = models.filter(|model| *model < OTHER_MODELS);
        self.models.truncate(models.max().map_or(0, |last| last as usize + 1));
        // Traces have their numbers in the order in which they came.
        let known = self.nodes.iter().map(|node| node.trace).filter(|trace| *trace != NO_TRACE);
        let traces = known.max().map_or(0, |last| last + 1);
        self.traces.retain(|_, number| *number < traces);
        self.places.retain(|_, place| (*place as usize) < spans);
        self.others.retain(|_, place| (*place as usize) < spans);
    }

    /// Forgets all spans but the last so many, which are numbered anew from 0. One that comes again after its first was forgotten is new,
    /// and what is [settled](Self::settle) of those that are left stays so. For who goes on for ever, as a receiver does.
    ///
    /// Takes time in proportion to the number of all spans, if there are any to forget.
    ///
    /// ```
    /// use spanwise::llm::Requests;
    /// let named = r#"{"key":"gen_ai.request.model","value":{"stringValue":"heron"}}"#;
    /// let span = |id: u8| format!(r#"{{"traceId":"t","spanId":"{id}","attributes":[{named}]}}"#);
    /// let spans = [1, 2, 1].map(span).join(",");
    /// let batch = spanwise::decode(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#))?;
    /// let mut requests = Requests::default();
    /// requests.add_batch(&batch);
    /// assert_eq!((requests.duplicates(), requests.counted().collect()), (1, vec![0, 1]));
    /// requests.keep_last(2);
    /// assert_eq!((requests.spans(), requests.counted().collect()), (2, vec![0]));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn keep_last(&mut self, spans: usize) {
        let gone = self.nodes.len().saturating_sub(spans);
        if gone == 0 {
            return;
        }
        let forgotten = self.nodes.get(..gone).unwrap_or_default();
        self.duplicates -= duplicates(forgotten);
        let usages = usages(forgotten);
        self.settled.forget(gone);
        self.usages.drain(..usages);
        self.nodes.drain(..gone);
        // What was there for a moment is not held for ever.
        self.usages.shrink_to(2 * self.usages.len());
        self.nodes.shrink_to(2 * self.nodes.len());
        let place =
            |place: u32| (place as usize).checked_sub(gone).and_then(|place| u32::try_from(place).ok());
        self.answers = std::mem::take(&mut self.answers)
            .into_iter()
            .filter_map(|answer| Some(Answer { place: place(answer.place)?, ..answer }))
            .collect();
        // Numbers of traces are given in the order in which they came.
        let (mut numbers, mut traces) = (vec![NO_TRACE; self.traces.len()], 0);
        for node in &mut self.nodes {
            if let Role::Usage(at) = &mut node.role {
                *at = at.saturating_sub(u32::try_from(usages).unwrap_or(u32::MAX));
            }
            if let Some(number) = numbers.get_mut(node.trace as usize) {
                if *number == NO_TRACE {
                    *number = traces;
                    traces += 1;
                }
                node.trace = *number;
            }
        }
        let number = |trace: u32| numbers.get(trace as usize).copied().filter(|number| *number != NO_TRACE);
        self.traces.retain(|_, trace| number(*trace).map(|now| *trace = now).is_some());
        self.places = taken(&mut self.places, |(trace, id), at| Some(((number(trace)?, id), place(at)?)));
        self.others =
            taken(&mut self.others, |(trace, id, times), at| Some(((number(trace)?, id, times), place(at)?)));
        // The first that is left of those with one id takes its place.
        for ((trace, id, _), at) in &self.others {
            let first = self.places.entry((*trace, *id)).or_insert(*at);
            *first = (*first).min(*at);
        }
        self.keep_models();
    }

    /// Forgets the names of models that no span has.
    fn keep_models(&mut self) {
        let mut is_kept = vec![false; self.models.len()];
        let named = self.nodes.iter_mut().filter_map(|node| match &mut node.role {
            Role::Named(model) => Some(model),
            _ => None,
        });
        let models: Vec<_> = named.chain(self.usages.iter_mut().map(|usage| &mut usage.model)).collect();
        for model in &models {
            if let Some(is_kept) = is_kept.get_mut(**model as usize) {
                *is_kept = true;
            }
        }
        let now = self.models.keep(&is_kept);
        for model in models {
            *model = now.get(*model as usize).copied().unwrap_or(*model);
        }
    }
}

/// All entries of a map, as they are to be now.
fn taken<K: Eq + std::hash::Hash, V, S: std::hash::BuildHasher + Clone>(
    map: &mut HashMap<K, V, S>,
    now: impl Fn(K, V) -> Option<(K, V)>,
) -> HashMap<K, V, S> {
    let mut kept = HashMap::with_hasher(map.hasher().clone());
    kept.extend(map.drain().filter_map(|(key, value)| now(key, value)));
    kept
}

fn duplicates(nodes: &[Node]) -> u64 {
    nodes.iter().filter(|node| node.role == Role::Again).count() as u64
}

fn usages(nodes: &[Node]) -> usize {
    nodes.iter().filter(|node| matches!(node.role, Role::Usage(_))).count()
}
