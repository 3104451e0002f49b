//! The summary for people.

use std::io::{self, Write};

use super::Totals;
use super::models::{Model, Sum};
use crate::table::{Align, Table, counted, grouped};
use crate::timestamp::{duration, rfc3339};

/// Services that are named before the rest are counted.
const SERVICES: usize = 10;

pub(super) fn write(totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
    if totals.files == 0 && totals.documents + totals.bad_documents == 0 {
        return Ok(());
    }
    facts(totals, out)?;
    writeln!(out)?;
    let models = totals.models();
    if models.is_empty() { writeln!(out, "no calls of models") } else { table(&models, out) }
}

fn facts(totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([Align::Left, Align::Left]);
    let documents = [
        Some(grouped(totals.documents)),
        (totals.other_signals > 0).then(|| format!("{} of other signals", grouped(totals.other_signals))),
        (totals.foreign_documents > 0)
            .then(|| format!("{} without traces", grouped(totals.foreign_documents))),
        (totals.bad_documents > 0).then(|| format!("{} could not be read", grouped(totals.bad_documents))),
    ];
    table.row(["documents", &documents.into_iter().flatten().collect::<Vec<_>>().join(", ")]);
    table.row(["spans", &grouped(totals.spans)]);
    table.row(["traces", &grouped(totals.requests.traces() as u64)]);
    table.row(["services", &services(totals)]);
    let time = match (totals.start, totals.end) {
        (Some(start), Some(end)) if start <= end => {
            format!("{} to {} ({})", rfc3339(start), rfc3339(end), duration(end - start))
        }
        _ => "unknown".to_owned(),
    };
    table.row(["time", &time]);
    table.row(["errors", &counted(totals.error_spans, "span")]);
    if totals.test_spans > 0 {
        table.row(["tests", &format!("{}, not in the sums", counted(totals.test_spans, "span"))]);
    }
    if totals.requests.duplicates() > 0 {
        let spans = counted(totals.requests.duplicates(), "span");
        table.row(["repeated", &format!("{spans} delivered before, not in the sums")]);
    }
    table.write(out)
}

fn services(totals: &Totals) -> String {
    if totals.services.is_empty() {
        return "none named".to_owned();
    }
    let mut services: Vec<_> = totals.services.iter().collect();
    services.sort_by_key(|(name, spans)| (std::cmp::Reverse(**spans), *name));
    let mut named: Vec<String> = services
        .iter()
        .take(SERVICES)
        .map(|(name, spans)| format!("{name} ({})", grouped(**spans)))
        .collect();
    if services.len() > SERVICES {
        named.push(format!("{} more", grouped((services.len() - SERVICES) as u64)));
    }
    named.join(", ")
}

fn table(models: &[Model], out: &mut dyn Write) -> io::Result<()> {
    let mut columns = vec![Align::Left];
    columns.extend([Align::Right; 10]);
    let mut table = Table::new(columns);
    table.row([
        "model",
        "requests",
        "errors",
        "tokens in",
        "out",
        "total",
        "USD in",
        "out",
        "total",
        "p50",
        "p95",
    ]);
    for model in models {
        table.row([
            model.name.clone().unwrap_or_else(|| "(not named)".to_owned()),
            grouped(model.requests),
            grouped(model.errors),
            tokens(model.input_tokens),
            tokens(model.output_tokens),
            tokens(model.total_tokens),
            cost(model.input_cost),
            cost(model.output_cost),
            cost(model.total_cost),
            model.latency(50).map_or_else(unknown, duration),
            model.latency(95).map_or_else(unknown, duration),
        ]);
    }
    table.write(out)
}

fn unknown() -> String {
    "-".to_owned()
}

fn tokens(sum: Sum<u64>) -> String {
    sum.known().map_or_else(unknown, grouped)
}

fn cost(sum: Sum<f64>) -> String {
    sum.known().map_or_else(unknown, |cost| format!("{cost:.6}"))
}
