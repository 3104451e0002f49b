//! Timing: all contestants of a case, in rounds, each warmed right before.
//!
//! Contestants take turns within a round, so that whatever slows the machine for a while slows all of them. Before
//! each timed run the same run is made once untimed, so that its code, its tables and as much of the text as the
//! caches hold are warm: a receiver under load is. The median over the rounds is the figure. A contestant first
//! shows that it finds what the base finds; one that cannot is left out, with its reason.

use crate::allocation;
use crate::clock;
use crate::contestants::{BASE, Contestant, Facts, Refusal, Task};
use crate::machine;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde::Serialize;
use spanwise_corpora::{Corpus, Form};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

/// One corpus in one form, in memory.
#[derive(Debug, Clone)]
pub struct Case {
    /// The corpus's name, or `payloads`.
    pub corpus: &'static str,
    /// The form.
    pub form: Form,
    /// The documents: one in the form [`Form::Document`].
    pub requests: Vec<Bytes>,
    /// The length of all documents.
    pub bytes: u64,
    /// The spans that the generator wrote.
    pub spans: u64,
}

impl Case {
    /// Generates the case, of at least `size` bytes.
    pub fn generate(corpus: Corpus, form: Form, seed: u64, size: u64) -> Case {
        let sample = corpus.sample(seed, size, form);
        let text = Bytes::from(sample.bytes);
        let requests: Vec<Bytes> = sample.documents.into_iter().map(|range| text.slice(range)).collect();
        let bytes = requests.iter().map(|request| request.len() as u64).sum();
        Case { corpus: corpus.name(), form, requests, bytes, spans: sample.stats.spans }
    }

    /// The requests in the files of `folder`, over and over until there are `size` bytes. Files of lines are one request a
    /// line. What the base cannot read is left out: it would decide nothing but that.
    pub fn of_files(folder: &Path, size: u64) -> io::Result<Case> {
        let mut paths =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        let mut once = Vec::new();
        let mut spans_once = 0;
        for path in paths {
            let lines =
                path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
            let text = Bytes::from(fs::read(&path)?);
            let requests: Vec<Bytes> = if lines {
                text.split(|byte| *byte == b'\n').map(|line| text.slice_ref(line)).collect()
            } else {
                vec![text]
            };
            for request in requests {
                if let Some(spans) = spans_of(&request) {
                    spans_once += spans;
                    once.push(request);
                }
            }
        }
        let bytes_once: u64 = once.iter().map(|request| request.len() as u64).sum();
        let times = size.div_ceil(bytes_once.max(1));
        let requests = (0..times).flat_map(|_| once.iter().cloned()).collect();
        Ok(Case {
            corpus: "payloads",
            form: Form::Ndjson,
            requests,
            bytes: bytes_once * times,
            spans: spans_once * times,
        })
    }
}

/// The spans of a request that the base can read and that has any.
fn spans_of(request: &[u8]) -> Option<u64> {
    let read: ExportTraceServiceRequest = serde_json::from_slice(request).ok()?;
    let scopes = read.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = scopes.map(|scope| scope.spans.len() as u64).sum();
    (spans > 0).then_some(spans)
}

/// What one contestant did with one case. Its fields are the report's JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The corpus's name.
    pub corpus: &'static str,
    /// The form's name.
    pub form: &'static str,
    /// The task.
    pub task: Task,
    /// The vectors that were there to be used.
    pub simd: &'static str,
    /// The contestant's name.
    pub contestant: &'static str,
    /// Bytes of JSON text by nanosecond, the median of all rounds; null where it was refused.
    pub gb_per_s: Option<f64>,
    /// The spans in the case.
    pub spans: u64,
    /// Allocations and reallocations, by request; null where it was refused.
    pub allocations_per_request: Option<f64>,
    /// Why this contestant cannot read this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What all contestants must find in `case`: what the base finds, which must be what the generator wrote.
pub fn expected_facts(case: &Case) -> Result<Facts, Refusal> {
    let mut all = crate::contestants::all();
    let base = all.iter_mut().find(|contestant| contestant.name() == BASE);
    let base = base.ok_or_else(|| Refusal("there is no base".into()))?;
    base.prepare(&case.requests);
    let facts = base.check(&case.requests)?;
    if facts.spans == Some(case.spans) {
        Ok(facts)
    } else {
        Err(Refusal(format!("the base finds {:?} spans where {} were written", facts.spans, case.spans)))
    }
}

/// Checks and times all `contestants` on `case`.
pub fn measure(
    case: &Case,
    contestants: &mut [Box<dyn Contestant>],
    rounds: usize,
) -> Result<Vec<Row>, Refusal> {
    let expected = expected_facts(case)?;
    let mut tallies: Vec<Tally> =
        contestants.iter_mut().map(|contestant| Tally::start(contestant.as_mut(), case, &expected)).collect();
    for _ in 0..rounds.max(1) {
        for (contestant, tally) in contestants.iter_mut().zip(&mut tallies) {
            tally.round(contestant.as_mut(), case);
        }
    }
    let rows = contestants.iter().zip(tallies);
    Ok(rows.map(|(contestant, tally)| tally.row(contestant.as_ref(), case)).collect())
}

/// What is known so far of one contestant on one case.
#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    allocations: u64,
    refused: Option<String>,
}

impl Tally {
    fn start(contestant: &mut dyn Contestant, case: &Case, expected: &Facts) -> Tally {
        contestant.prepare(&case.requests);
        let refused = match contestant.check(&case.requests) {
            Ok(facts) => facts.differs(expected),
            Err(Refusal(reason)) => Some(reason),
        };
        Tally { refused, ..Tally::default() }
    }

    fn round(&mut self, contestant: &mut dyn Contestant, case: &Case) {
        if self.refused.is_some() {
            return;
        }
        contestant.prepare(&case.requests);
        let mut outcome = contestant.run(&case.requests);
        if outcome.is_ok() {
            contestant.prepare(&case.requests);
            let allocated = allocation::count();
            let start = clock::now();
            outcome = contestant.run(&case.requests);
            self.times.push(clock::now().saturating_sub(start));
            self.allocations = allocation::count() - allocated;
        }
        self.refused = outcome.err().map(|Refusal(reason)| reason);
    }

    #[allow(clippy::cast_precision_loss, reason = "counts of allocations and bytes stay far below 2^52")]
    fn row(mut self, contestant: &dyn Contestant, case: &Case) -> Row {
        let refused = self.refused.is_some();
        self.times.sort_unstable();
        let median = self.times.get(self.times.len() / 2).filter(|_| !refused);
        Row {
            corpus: case.corpus,
            form: case.form.name(),
            task: contestant.task(),
            simd: machine::simd(),
            contestant: contestant.name(),
            gb_per_s: median.map(|median| case.bytes as f64 / median.as_nanos() as f64),
            spans: case.spans,
            allocations_per_request: median.map(|_| self.allocations as f64 / case.requests.len() as f64),
            refused: self.refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants::{self, Reads};

    #[test]
    fn contestants_find_the_same_in_every_corpus() {
        for corpus in Corpus::ALL {
            for form in Form::ALL {
                let case = Case::generate(*corpus, *form, 5, 60_000);
                for row in measure(&case, &mut contestants::all(), 1).unwrap() {
                    assert_eq!(row.refused, None, "{corpus} {form} {}", row.contestant);
                    assert!(row.gb_per_s.unwrap() > 0.0);
                }
            }
        }
    }

    #[test]
    fn a_contestant_that_misses_a_span_is_refused() {
        struct Careless;
        impl Contestant for Careless {
            fn name(&self) -> &'static str {
                "careless"
            }
            fn reads(&self) -> Reads {
                Reads::Spans
            }
            fn run(&mut self, _: &[Bytes]) -> Result<(), Refusal> {
                Ok(())
            }
            fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
                Ok(Facts { documents: requests.len() as u64, ..Facts::nothing() })
            }
        }
        let case = Case::generate(Corpus::Tiny, Form::Ndjson, 5, 3000);
        let rows = measure(&case, &mut [Box::new(Careless)], 3).unwrap();
        assert_eq!(rows[0].refused.as_deref(), Some("spans: found Some(0), expected Some(3)"));
        assert_eq!((rows[0].gb_per_s, rows[0].allocations_per_request), (None, None));
    }
}
