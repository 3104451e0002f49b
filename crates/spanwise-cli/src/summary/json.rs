//! The summary for programs: one JSON object.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::Totals;
use super::models::Model;
use crate::timestamp::rfc3339;

#[derive(Serialize)]
struct Report<'a> {
    files: u64,
    documents: u64,
    bad_documents: u64,
    other_signals: u64,
    /// JSON with nothing of OTLP in it: among the documents.
    foreign_documents: u64,
    spans: u64,
    traces: u64,
    /// Spans of each service.
    services: &'a BTreeMap<String, u64>,
    /// RFC 3339, or null where no span has a time.
    start_time: Option<String>,
    end_time: Option<String>,
    error_spans: u64,
    events: u64,
    links: u64,
    /// A gateway's tests: among the spans, not in the models.
    test_spans: u64,
    /// Spans that were delivered before: among the spans, not in the models.
    duplicate_spans: u64,
    models: BTreeMap<&'a str, Sums>,
    unreadable: Vec<Unreadable<'a>>,
}

/// Costs in US dollars, latencies in milliseconds. Null where no request had one.
#[derive(Serialize)]
struct Sums {
    requests: u64,
    errors: u64,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    input_cost: Option<f64>,
    output_cost: Option<f64>,
    total_cost: Option<f64>,
    p50_latency_ms: Option<f64>,
    p95_latency_ms: Option<f64>,
}

#[derive(Serialize)]
struct Unreadable<'a> {
    file: &'a str,
    message: &'a str,
}

/// The name under which requests stand that name no model.
const NOT_NAMED: &str = "";

fn sums(model: &Model) -> Sums {
    #[allow(clippy::cast_precision_loss, reason = "a latency below 104 days is exact")]
    let millis = |nanos: u64| nanos as f64 / 1e6;
    Sums {
        requests: model.requests,
        errors: model.errors,
        input_tokens: model.input_tokens.known(),
        output_tokens: model.output_tokens.known(),
        total_tokens: model.total_tokens.known(),
        input_cost: model.input_cost.known(),
        output_cost: model.output_cost.known(),
        total_cost: model.total_cost.known(),
        p50_latency_ms: model.latency(50).map(millis),
        p95_latency_ms: model.latency(95).map(millis),
    }
}

pub(super) fn write(totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
    let models = totals.models();
    let report = Report {
        files: totals.files,
        documents: totals.documents,
        bad_documents: totals.bad_documents,
        other_signals: totals.other_signals,
        foreign_documents: totals.foreign_documents,
        spans: totals.spans,
        traces: totals.requests.traces() as u64,
        services: &totals.services,
        start_time: totals.start.map(rfc3339),
        end_time: totals.end.map(rfc3339),
        error_spans: totals.error_spans,
        events: totals.events,
        links: totals.links,
        test_spans: totals.test_spans,
        duplicate_spans: totals.requests.duplicates(),
        models: models
            .iter()
            .map(|model| (model.name.as_deref().unwrap_or(NOT_NAMED), sums(model)))
            .collect(),
        unreadable: totals
            .unreadable
            .iter()
            .map(|unreadable| Unreadable { file: &unreadable.name, message: &unreadable.message })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}
