//! Reads a request with `serde_json`, member by member as the SDKs write them.
//!
//! It is deliberately narrow: an unknown member, or a form of number that neither SDK writes, is an error. So a new version of an SDK
//! that sends more than the model holds is noticed, and not silently left unchecked.

#![expect(clippy::struct_field_names, reason = "the names are those of the wire")]

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::Error;
use crate::model::{self, Attributes, Double, Value};

/// The spans of a request, in its order.
pub fn read(body: &[u8]) -> Result<Vec<model::Span>, Error> {
    let request: Request<'_> = serde_json::from_slice(body)?;
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.into_model(of_resource.schema_url)?;
        for of_scope in of_resource.scope_spans {
            let scope = of_scope.scope.into_model(of_scope.schema_url)?;
            for span in of_scope.spans {
                spans.push(span.into_model(&resource, &scope)?);
            }
        }
    }
    Ok(spans)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceSpans<'a> {
    #[serde(borrow)]
    resource: Resource<'a>,
    scope_spans: Vec<ScopeSpans<'a>>,
    #[serde(default)]
    schema_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resource<'a> {
    #[serde(borrow)]
    attributes: Vec<KeyValue<'a>>,
    dropped_attributes_count: u32,
    /// Not of OTLP: the JavaScript SDK writes it here as well.
    schema_url: Option<String>,
    #[serde(default)]
    entity_refs: Vec<IgnoredAny>,
}

impl Resource<'_> {
    fn into_model(self, schema_url: String) -> Result<model::Resource, Error> {
        if self.schema_url.is_some_and(|url| url != schema_url) {
            return Err("the resource's schema URL differs from that of its ResourceSpans".into());
        }
        if !self.entity_refs.is_empty() {
            return Err("entity references are not compared".into());
        }
        Ok(model::Resource {
            attributes: attributes(self.attributes)?,
            dropped_attributes_count: self.dropped_attributes_count,
            schema_url,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScopeSpans<'a> {
    #[serde(borrow)]
    scope: Scope<'a>,
    spans: Vec<Span<'a>>,
    #[serde(default)]
    schema_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scope<'a> {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(borrow, default)]
    attributes: Vec<KeyValue<'a>>,
    #[serde(default)]
    dropped_attributes_count: u32,
}

impl Scope<'_> {
    fn into_model(self, schema_url: String) -> Result<model::Scope, Error> {
        Ok(model::Scope {
            name: self.name,
            version: self.version,
            attributes: attributes(self.attributes)?,
            dropped_attributes_count: self.dropped_attributes_count,
            schema_url,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Span<'a> {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
    #[serde(default)]
    trace_state: String,
    flags: u32,
    name: String,
    kind: i32,
    #[serde(borrow)]
    start_time_unix_nano: &'a RawValue,
    end_time_unix_nano: &'a RawValue,
    attributes: Vec<KeyValue<'a>>,
    dropped_attributes_count: u32,
    events: Vec<Event<'a>>,
    dropped_events_count: u32,
    links: Vec<Link<'a>>,
    dropped_links_count: u32,
    status: Status,
}

impl Span<'_> {
    fn into_model(self, resource: &model::Resource, scope: &model::Scope) -> Result<model::Span, Error> {
        Ok(model::Span {
            resource: resource.clone(),
            scope: scope.clone(),
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            trace_state: self.trace_state,
            flags: self.flags,
            name: self.name,
            kind: self.kind,
            start_time_unix_nano: number(self.start_time_unix_nano)?,
            end_time_unix_nano: number(self.end_time_unix_nano)?,
            attributes: attributes(self.attributes)?,
            dropped_attributes_count: self.dropped_attributes_count,
            events: self.events.into_iter().map(Event::into_model).collect::<Result<_, _>>()?,
            dropped_events_count: self.dropped_events_count,
            links: self.links.into_iter().map(Link::into_model).collect::<Result<_, _>>()?,
            dropped_links_count: self.dropped_links_count,
            status: model::Status { code: self.status.code, message: self.status.message },
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Event<'a> {
    #[serde(borrow)]
    time_unix_nano: &'a RawValue,
    name: String,
    attributes: Vec<KeyValue<'a>>,
    dropped_attributes_count: u32,
}

impl Event<'_> {
    fn into_model(self) -> Result<model::Event, Error> {
        Ok(model::Event {
            time_unix_nano: number(self.time_unix_nano)?,
            name: self.name,
            attributes: attributes(self.attributes)?,
            dropped_attributes_count: self.dropped_attributes_count,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Link<'a> {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    trace_state: String,
    flags: u32,
    #[serde(borrow)]
    attributes: Vec<KeyValue<'a>>,
    dropped_attributes_count: u32,
}

impl Link<'_> {
    fn into_model(self) -> Result<model::Link, Error> {
        Ok(model::Link {
            trace_id: self.trace_id,
            span_id: self.span_id,
            trace_state: self.trace_state,
            flags: self.flags,
            attributes: attributes(self.attributes)?,
            dropped_attributes_count: self.dropped_attributes_count,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    code: i32,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue<'a> {
    key: String,
    #[serde(borrow)]
    value: AnyValue<'a>,
}

/// A member that is null is one that is not set.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnyValue<'a> {
    string_value: Option<String>,
    bool_value: Option<bool>,
    #[serde(borrow)]
    int_value: Option<&'a RawValue>,
    double_value: Option<&'a RawValue>,
    array_value: Option<ArrayValue<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayValue<'a> {
    #[serde(borrow)]
    values: Vec<AnyValue<'a>>,
}

impl AnyValue<'_> {
    fn into_model(self) -> Result<Value, Error> {
        let Self { string_value, bool_value, int_value, double_value, array_value } = self;
        Ok(match (string_value, bool_value, int_value, double_value, array_value) {
            (None, None, None, None, None) => Value::Empty,
            (Some(text), None, None, None, None) => Value::String(text),
            (None, Some(truth), None, None, None) => Value::Bool(truth),
            (None, None, Some(int), None, None) => Value::Int(number(int)?),
            (None, None, None, Some(double), None) => Value::Double(Double(number(double)?)),
            (None, None, None, None, Some(array)) => {
                Value::Array(array.values.into_iter().map(Self::into_model).collect::<Result<_, _>>()?)
            }
            _ => return Err("a value with more than one member".into()),
        })
    }
}

fn attributes(pairs: Vec<KeyValue<'_>>) -> Result<Attributes, Error> {
    pairs.into_iter().map(|pair| Ok((pair.key, pair.value.into_model()?))).collect()
}

/// A number from its own digits, in quotes or not.
fn number<T: FromStr<Err: Display>>(raw: &RawValue) -> Result<T, Error> {
    let text = raw.get();
    let digits = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    digits.parse().map_err(|error| format!("number {text}: {error}").into())
}
