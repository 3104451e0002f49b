//! `spanwise summary`: what the traces hold, and what the calls of models in them took and cost.

mod human;
mod json;
mod models;

use std::collections::BTreeMap;
use std::io::{self, Write};

use spanwise::llm::{LlmKeys, Requests};
use spanwise::{DecodeOptions, SpanBatch, SpanRef, StatusCode};
use spanwise_io::Unreadable;

use crate::Outcome;
use crate::arguments::{Format, Summary};
use crate::reading::{Reading, Stopped};
use crate::service;
use models::{Calls, Model};

/// What all inputs hold: batches are added one after the other, and the spans that call models are remembered, each with its figures,
/// until it is known which of them stand for a request.
///
/// ```
/// use spanwise::{DecodeOptions, Decoder, SpanBatch};
///
/// let mut batch = SpanBatch::new();
/// Decoder::new(DecodeOptions::default()).decode(&br#"{"resourceSpans":[]}"#[..], &mut batch)?;
/// let mut totals = spanwise_cli::summary::Totals::default();
/// totals.add(&batch);
/// totals.read(1, Vec::new());
/// let mut json = Vec::new();
/// totals.write_json(&mut json)?;
/// assert!(String::from_utf8(json)?.starts_with("{\n  \"files\": 1,\n  \"documents\": 1,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Totals {
    files: u64,
    documents: u64,
    bad_documents: u64,
    other_signals: u64,
    foreign_documents: u64,
    spans: u64,
    error_spans: u64,
    test_spans: u64,
    events: u64,
    links: u64,
    /// Spans of each service that is named.
    services: BTreeMap<String, u64>,
    /// The first start and the last end, where known.
    start: Option<u64>,
    end: Option<u64>,
    requests: Requests,
    calls: Calls,
    unreadable: Vec<Unreadable>,
}

impl Totals {
    /// Adds a batch. Costs a look at each span.
    pub fn add(&mut self, batch: &SpanBatch) {
        self.documents += batch.document_count();
        self.bad_documents += batch.bad_documents();
        self.other_signals += batch.other_signals();
        self.foreign_documents += batch.foreign_documents();
        self.spans += batch.len() as u64;
        let keys = LlmKeys::resolve(batch);
        let key = batch.key_id("service.name");
        for span in batch.spans() {
            self.add_span(span);
            let name = key.and_then(|key| span.resource().attributes().get_by_id(key));
            if let Some(name) = name.and_then(service::name) {
                match self.services.get_mut(&*name) {
                    Some(spans) => *spans += 1,
                    None => drop(self.services.insert(name.into_owned(), 1)),
                }
            }
            let llm = keys.read(span);
            self.test_spans += u64::from(llm.is_test);
            let number = self.requests.spans();
            if self.requests.add(span, &llm) && !llm.is_test && llm.is_request() {
                self.calls.note(number, span, &llm);
            }
        }
    }

    /// Says how many inputs were read to their end, and which were not.
    pub fn read(&mut self, files: u64, unreadable: Vec<Unreadable>) {
        (self.files, self.unreadable) = (files, unreadable);
    }

    /// Writes what `spanwise summary --format json` prints: one JSON object.
    ///
    /// # Errors
    /// It cannot be written to `out`.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::write(self, out)
    }

    fn add_span(&mut self, span: SpanRef<'_>) {
        self.error_spans += u64::from(span.status().code == StatusCode::ERROR);
        self.events += span.events().len() as u64;
        self.links += span.links().len() as u64;
        let known = |time: u64| (time > 0).then_some(time);
        let (start, end) = (known(span.start_time_unix_nano()), known(span.end_time_unix_nano()));
        self.start = self.start.into_iter().chain(start).min();
        self.end = self.end.max(end);
    }

    /// The models by name, each with the sums of its requests.
    fn models(&self) -> Vec<Model> {
        self.calls.models(self.requests.counted())
    }
}

/// Runs the command.
pub(crate) fn run(
    arguments: &Summary,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<Outcome> {
    let reading = Reading::open(&arguments.inputs, DecodeOptions::default(), errors)?;
    let mut totals = Totals::default();
    let mut inputs = reading.ledger();
    reading.read(|input, decoded| {
        match decoded {
            Ok(batch) => totals.add(batch),
            Err(Stopped { message, bad, .. }) => {
                totals.bad_documents += u64::from(bad);
                inputs.fault(input, message);
            }
        }
        io::Result::Ok(())
    })?;
    let (files, unreadable) = inputs.tell(errors)?;
    totals.read(files, unreadable);
    match arguments.format {
        Format::Human => human::write(&totals, output)?,
        Format::Json => totals.write_json(output)?,
    }
    Ok(match () {
        () if !totals.unreadable.is_empty() => Outcome::Unreadable,
        () if totals.bad_documents > 0 => Outcome::Findings,
        () => Outcome::Fine,
    })
}
