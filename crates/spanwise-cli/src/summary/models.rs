//! The sums of each model, over the spans that stand for a request.

use std::collections::{BTreeMap, HashMap};

use spanwise::llm::LlmSpan;
use spanwise::{SpanRef, StatusCode};

/// The figures of every span that may stand for a request. Which of them do is known when all spans have been seen.
#[derive(Debug, Default)]
pub(super) struct Calls {
    rows: Vec<Call>,
    names: Vec<String>,
    ids: HashMap<String, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    /// The span's number.
    number: usize,
    /// Place in `names`; `None` where the span names no model.
    model: Option<usize>,
    failed: bool,
    tokens: [Option<i64>; 3],
    costs: [Option<f64>; 3],
    latency: Option<u64>,
}

/// The sums of one model.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// `None` for requests that name no model.
    pub(super) name: Option<String>,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) input_tokens: Sum<u64>,
    pub(super) output_tokens: Sum<u64>,
    pub(super) total_tokens: Sum<u64>,
    pub(super) input_cost: Sum<f64>,
    pub(super) output_cost: Sum<f64>,
    pub(super) total_cost: Sum<f64>,
    /// In nanoseconds, ascending.
    latencies: Vec<u64>,
}

/// A sum, and whether there was anything to add up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum<T> {
    value: T,
    known: bool,
}

impl<T: Copy> Sum<T> {
    /// The sum, if there was anything to add up.
    pub(super) fn known(self) -> Option<T> {
        self.known.then_some(self.value)
    }
}

impl Sum<u64> {
    fn add(&mut self, count: Option<i64>) {
        self.known |= count.is_some();
        // Counts are not negative.
        self.value = self.value.saturating_add(count.unwrap_or_default().unsigned_abs());
    }
}

impl Sum<f64> {
    fn add(&mut self, amount: Option<f64>) {
        self.known |= amount.is_some();
        // As counts do it. What has no end is none that JSON can say.
        self.value = (self.value + amount.unwrap_or_default()).clamp(f64::MIN, f64::MAX);
    }
}

impl Model {
    fn add(&mut self, call: &Call) {
        let [input, output, total] = call.tokens;
        self.input_tokens.add(input);
        self.output_tokens.add(output);
        self.total_tokens.add(total);
        let [input, output, total] = call.costs;
        self.input_cost.add(input);
        self.output_cost.add(output);
        self.total_cost.add(total);
        self.requests += 1;
        self.errors += u64::from(call.failed);
        self.latencies.extend(call.latency);
    }

    /// The latency that `percent` of the requests do not exceed, in nanoseconds: one that was measured, by the nearest
    /// rank. `None` where no request has both times.
    pub(super) fn latency(&self, percent: usize) -> Option<u64> {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies.get(rank.saturating_sub(1)).copied()
    }
}

impl Calls {
    pub(super) fn note(&mut self, number: usize, span: SpanRef<'_>, llm: &LlmSpan<'_>) {
        let model = llm.model.as_deref().map(|name| {
            self.ids.get(name).copied().unwrap_or_else(|| {
                self.names.push(name.to_owned());
                self.ids.insert(name.to_owned(), self.names.len() - 1);
                self.names.len() - 1
            })
        });
        let timed = span.start_time_unix_nano() > 0 && !span.duration_clamped();
        self.rows.push(Call {
            number,
            model,
            failed: span.status().code == StatusCode::ERROR,
            tokens: [llm.input_tokens, llm.output_tokens, llm.total_tokens],
            costs: [llm.input_cost_usd, llm.output_cost_usd, llm.cost_usd],
            latency: timed.then(|| span.duration_nanos()),
        });
    }

    /// The models by name, then the requests that name none. `counted` are the numbers of the spans that stand for a
    /// request, ascending.
    pub(super) fn models(&self, counted: impl Iterator<Item = usize>) -> Vec<Model> {
        let mut models: BTreeMap<Option<&str>, Model> = BTreeMap::new();
        for number in counted {
            let Ok(row) = self.rows.binary_search_by_key(&number, |call| call.number) else { continue };
            let Some(call) = self.rows.get(row) else { continue };
            let name = call.model.and_then(|id| self.names.get(id)).map(String::as_str);
            models.entry(name).or_default().add(call);
        }
        let mut models: Vec<Model> = models
            .into_iter()
            .map(|(name, mut model)| {
                model.latencies.sort_unstable();
                Model { name: name.map(ToOwned::to_owned), ..model }
            })
            .collect();
        if models.first().is_some_and(|model| model.name.is_none()) {
            models.rotate_left(1);
        }
        models
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let model = |count: u64| Model { latencies: (1..=count).collect(), ..Model::default() };
        for (count, p50, p95) in [
            (0, None, None),
            (1, Some(1), Some(1)),
            (2, Some(1), Some(2)),
            (20, Some(10), Some(19)),
            (21, Some(11), Some(20)),
            (100, Some(50), Some(95)),
        ] {
            let model = model(count);
            assert_eq!((model.latency(50), model.latency(95)), (p50, p95), "{count}");
        }
    }
}
