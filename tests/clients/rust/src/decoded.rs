//! Reads a request with the decoder of `spanwise`, through the views that its users read through.

use spanwise::{AttributesRef, Code, DecodeOptions, Decoder, Mode, Severity, SpanBatch, SpanRef, ValueRef};

use crate::Error;
use crate::model::{Attributes, Double, Event, Link, Resource, Scope, Span, Status, Value};

/// What the decoder made of a request.
#[derive(Debug)]
pub struct Decoded {
    /// The spans, in the request's order.
    pub spans: Vec<Span>,
    /// How many it refused.
    pub rejected_spans: u64,
    /// All that it remarked on.
    pub findings: Vec<Finding>,
}

/// A diagnostic: how serious, what, and where.
pub type Finding = (Severity, Code, String);

/// Decodes a request.
pub fn read(body: &[u8], mode: Mode) -> Result<Decoded, Error> {
    let mut batch = SpanBatch::new();
    Decoder::new(DecodeOptions::default().with_mode(mode)).decode(body.to_vec(), &mut batch)?;
    if batch.dropped_diagnostics() > 0 {
        return Err("more diagnostics than are kept".into());
    }
    Ok(Decoded {
        spans: batch.spans().map(span).collect::<Result<_, _>>()?,
        rejected_spans: batch.rejected_spans(),
        findings: batch.diagnostics().map(|found| (found.severity, found.code, found.path)).collect(),
    })
}

fn span(span: SpanRef<'_>) -> Result<Span, Error> {
    let (resource, scope, status) = (span.resource(), span.scope(), span.status());
    if resource.entity_refs().len() > 0 {
        return Err("entity references are not compared".into());
    }
    Ok(Span {
        resource: Resource {
            attributes: attributes(resource.attributes())?,
            dropped_attributes_count: resource.dropped_attributes_count(),
            schema_url: resource.schema_url().into(),
        },
        scope: Scope {
            name: scope.name().into(),
            version: scope.version().into(),
            attributes: attributes(scope.attributes())?,
            dropped_attributes_count: scope.dropped_attributes_count(),
            schema_url: scope.schema_url().into(),
        },
        trace_id: span.trace_id().into(),
        span_id: span.span_id().into(),
        parent_span_id: span.parent_span_id().into(),
        trace_state: span.trace_state().into(),
        flags: span.flags(),
        name: span.name().into(),
        kind: span.kind().number(),
        start_time_unix_nano: span.start_time_unix_nano(),
        end_time_unix_nano: span.end_time_unix_nano(),
        attributes: attributes(span.attributes())?,
        dropped_attributes_count: span.dropped_attributes_count(),
        events: span
            .events()
            .map(|event| {
                Ok(Event {
                    time_unix_nano: event.time_unix_nano(),
                    name: event.name().into(),
                    attributes: attributes(event.attributes())?,
                    dropped_attributes_count: event.dropped_attributes_count(),
                })
            })
            .collect::<Result<_, Error>>()?,
        dropped_events_count: span.dropped_events_count(),
        links: span
            .links()
            .map(|link| {
                Ok(Link {
                    trace_id: link.trace_id().into(),
                    span_id: link.span_id().into(),
                    trace_state: link.trace_state().into(),
                    flags: link.flags(),
                    attributes: attributes(link.attributes())?,
                    dropped_attributes_count: link.dropped_attributes_count(),
                })
            })
            .collect::<Result<_, Error>>()?,
        dropped_links_count: span.dropped_links_count(),
        status: Status { code: status.code.number(), message: status.message.into() },
    })
}

fn attributes(attributes: AttributesRef<'_>) -> Result<Attributes, Error> {
    attributes.iter().map(|pair| Ok((pair.key().into(), value(pair.value())?))).collect()
}

fn value(found: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match found {
        ValueRef::Empty => Value::Empty,
        ValueRef::String(text) => Value::String(text.into()),
        ValueRef::Bool(truth) => Value::Bool(truth),
        ValueRef::Int(int) => Value::Int(int),
        ValueRef::Double(double) => Value::Double(Double(double)),
        ValueRef::Array(values) => Value::Array(values.iter().map(value).collect::<Result<_, _>>()?),
        _ => return Err("a value that no client set".into()),
    })
}
