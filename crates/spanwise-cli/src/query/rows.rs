//! A span that was found, as it is shown.

use spanwise::index::Order;
use spanwise::{Projection, SpanBatch, SpanRef};
use spanwise_arrow::Converter;
use spanwise_arrow::write::{FileFormat, to_vec};

use crate::service;
use crate::table::visible;
use crate::timestamp::{duration, rfc3339};

/// What is shown of spans.
#[derive(Clone)]
pub(super) enum Shape {
    /// Nothing but how many there are.
    Count,
    /// A line with the ids of trace and span.
    Ids,
    /// The cells of a table for people.
    Cells,
    /// A line of JSON with the columns of a table.
    Json(Box<Converter>),
}

/// A span that was found.
pub(super) struct Found {
    /// Ascends in the order that was asked for.
    pub(super) key: u64,
    pub(super) shown: Shown,
}

pub(super) enum Shown {
    Line(String),
    Cells([String; 7]),
}

impl Shape {
    /// The lists that are shown something of.
    pub(super) fn projection(&self) -> Projection {
        match self {
            Self::Count | Self::Ids => Projection::NONE,
            // The service.
            Self::Cells => Projection { resource_attributes: true, ..Projection::NONE },
            Self::Json(converter) => converter.projection(),
        }
    }

    /// The spans of these rows of a batch.
    pub(super) fn render(
        &mut self,
        batch: &SpanBatch,
        rows: &[u32],
        order: Order,
    ) -> Result<Vec<Found>, String> {
        let spans = rows.iter().filter_map(|row| batch.span(*row as usize));
        Ok(match self {
            Self::Count => Vec::new(),
            Self::Ids => spans
                .map(|span| Found {
                    key: order.key(span),
                    // An id that is none may be any text.
                    shown: Shown::Line(format!("{} {}", visible(&span.trace_id()), visible(&span.span_id()))),
                })
                .collect(),
            Self::Cells => {
                spans.map(|span| Found { key: order.key(span), shown: Shown::Cells(cells(span)) }).collect()
            }
            Self::Json(_) if rows.is_empty() => Vec::new(),
            Self::Json(converter) => {
                let table = converter.convert(batch).map_err(|error| error.to_string())?;
                let line = |row: u32| {
                    let row = table.slice(row as usize, 1);
                    let line = to_vec(FileFormat::JsonLines, converter.schema(), [row]);
                    let line = line.map_err(|error| error.to_string())?;
                    String::from_utf8(line).map_err(|error| error.to_string())
                };
                let mut found = Vec::new();
                for (row, span) in rows.iter().zip(spans) {
                    let line = line(*row)?.trim_end().to_owned();
                    found.push(Found { key: order.key(span), shown: Shown::Line(line) });
                }
                found
            }
        })
    }
}

/// Start, duration, status, service, name, trace and span.
fn cells(span: SpanRef<'_>) -> [String; 7] {
    let start = span.start_time_unix_nano();
    let name = span.resource().attributes().get("service.name");
    let name = name.and_then(service::name).map(std::borrow::Cow::into_owned);
    [
        if start == 0 { "-".to_owned() } else { rfc3339(start) },
        duration(span.duration_nanos()),
        span.status().code.as_str().unwrap_or("-").to_owned(),
        name.unwrap_or_else(|| "-".to_owned()),
        span.name().into_owned(),
        span.trace_id().into_owned(),
        span.span_id().into_owned(),
    ]
}
