//! Reading the values that `expected.jsonl` names out of a batch.

use serde_json::{Value, json};
use spanwise::{AttributesRef, SpanBatch, SpanRef, ValueRef};

/// Both are equal, or a failure that says what differs.
#[allow(clippy::needless_pass_by_value, reason = "reads better where it is called")]
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

/// The double that `{"$double": "…"}` names.
fn double(text: &str) -> f64 {
    match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => text.parse().unwrap(),
    }
}

/// Whether `found` is what a check value describes.
pub(crate) fn matches(found: &ValueRef<'_>, expected: &Value) -> bool {
    match (found, expected) {
        (ValueRef::Empty, Value::Null) => true,
        (ValueRef::String(text), Value::String(expected)) => text == expected.as_str(),
        (ValueRef::Bool(value), Value::Bool(expected)) => value == expected,
        (ValueRef::Int(value), Value::Number(expected)) => expected.as_i64() == Some(*value),
        (ValueRef::Array(elements), Value::Array(expected)) => {
            elements.len() == expected.len() && elements.iter().zip(expected).all(|(a, b)| matches(&a, b))
        }
        (found, Value::Object(expected)) => {
            if let Some(text) = expected.get("$int").and_then(Value::as_str) {
                return found.as_int() == Some(text.parse().unwrap());
            }
            if let Some(text) = expected.get("$double").and_then(Value::as_str) {
                return found.as_double().is_some_and(|value| {
                    value.total_cmp(&double(text)).is_eq() || value.is_nan() && text == "NaN"
                });
            }
            if let Some(text) = expected.get("$bytes").and_then(Value::as_str) {
                let hex: String = match found {
                    ValueRef::Bytes(bytes) => bytes
                        .iter()
                        .flat_map(|byte| [byte >> 4, byte & 15])
                        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
                        .collect(),
                    _ => return false,
                };
                return hex == text;
            }
            if expected.contains_key("$empty") {
                return matches!(found, ValueRef::Empty);
            }
            match found {
                ValueRef::KvList(members) => {
                    members.len() == expected.len()
                        && expected
                            .iter()
                            .all(|(key, value)| members.get(key).is_some_and(|it| matches(&it, value)))
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn depth(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::Array(elements) => 1 + elements.iter().map(|element| depth(&element)).max().unwrap_or(0),
        ValueRef::KvList(members) => {
            1 + members.iter().map(|member| depth(&member.value())).max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// `prefix[index].rest` as index and rest.
fn indexed<'a>(path: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    let (index, rest) = path.strip_prefix(prefix)?.strip_prefix('[')?.split_once("].")?;
    Some((index.parse().ok()?, rest))
}

fn attribute(list: AttributesRef<'_>, name: &str, expected: &Value) -> Result<(), String> {
    if name == "#" {
        return same("entries", expected, &json!(list.len()));
    }
    if let Some(value) = list.get(name) {
        return if matches(&value, expected) { Ok(()) } else { Err(format!("{name}: found {value:?}")) };
    }
    if let Some(value) = name.strip_suffix(".len").and_then(|name| list.get(name)) {
        let length = value.as_str().map(|text| text.len() as u64);
        return same("length", expected.as_u64(), length);
    }
    if let Some(value) = name.strip_suffix(".depth").and_then(|name| list.get(name)) {
        return same("depth", expected.as_u64(), Some(depth(&value) as u64));
    }
    Err(format!("no attribute {name}"))
}

fn span_check(span: SpanRef<'_>, path: &str, expected: &Value) -> Result<(), String> {
    if let Some(name) = path.strip_prefix("attributes.") {
        return attribute(span.attributes(), name, expected);
    }
    if let Some((index, rest)) = indexed(path, "resource.entity_refs") {
        let entity = span.resource().entity_refs().nth(index).ok_or("no entity reference")?;
        let found = match rest {
            "type" => entity.kind(),
            "schema_url" => entity.schema_url(),
            _ => return Err(format!("unknown check {path}")),
        };
        return same(path, expected, &json!(found));
    }
    if let Some(name) = path.strip_prefix("resource.") {
        return attribute(span.resource().attributes(), name, expected);
    }
    if let Some(name) = path.strip_prefix("scope.attributes.") {
        return attribute(span.scope().attributes(), name, expected);
    }
    if let Some((index, rest)) = indexed(path, "events") {
        let event = span.events().nth(index).ok_or("no event")?;
        let found = match rest {
            "time" => json!(event.time_unix_nano().to_string()),
            "name" => json!(event.name()),
            "dropped_attributes_count" => json!(event.dropped_attributes_count()),
            _ => return attribute(event.attributes(), rest.trim_start_matches("attributes."), expected),
        };
        return same(path, expected, &found);
    }
    if let Some((index, rest)) = indexed(path, "links") {
        let link = span.links().nth(index).ok_or("no link")?;
        let found = match rest {
            "trace_id" => json!(link.trace_id()),
            "span_id" => json!(link.span_id()),
            "trace_state" => json!(link.trace_state()),
            "flags" => json!(link.flags()),
            "dropped_attributes_count" => json!(link.dropped_attributes_count()),
            _ => return attribute(link.attributes(), rest.trim_start_matches("attributes."), expected),
        };
        return same(path, expected, &found);
    }
    let found = match path {
        "trace_id" => json!(span.trace_id()),
        "span_id" => json!(span.span_id()),
        "parent_span_id" => json!(span.parent_span_id()),
        "trace_state" => json!(span.trace_state()),
        "name" => json!(span.name()),
        "flags" => json!(span.flags()),
        "kind" => json!(span.kind().number()),
        "start" => json!(span.start_time_unix_nano().to_string()),
        "end" => json!(span.end_time_unix_nano().to_string()),
        "status.code" => json!(span.status().code.number()),
        "status.message" => json!(span.status().message),
        "dropped_attributes_count" => json!(span.dropped_attributes_count()),
        "dropped_events_count" => json!(span.dropped_events_count()),
        "dropped_links_count" => json!(span.dropped_links_count()),
        "ids_valid" => json!(span.ids_valid()),
        "duration_clamped" => json!(span.duration_clamped()),
        "rejected_spans" => unreachable!("a value of the batch"),
        "scope.name" => json!(span.scope().name()),
        "scope.version" => json!(span.scope().version()),
        "scope.dropped_attributes_count" => json!(span.scope().dropped_attributes_count()),
        "scope.schema_url" => json!(span.scope().schema_url()),
        _ => return Err(format!("unknown check {path}")),
    };
    same(path, expected, &found)
}

/// Checks one key of `checks` against a batch.
pub(crate) fn check(batch: &SpanBatch, key: &str, expected: &Value) -> Result<(), String> {
    if let Some((index, rest)) = indexed(key, "spans") {
        let span = batch.span(index).ok_or_else(|| format!("{key}: no such span"))?;
        return span_check(span, rest, expected).map_err(|error| format!("{key}: {error}"));
    }
    let found = match key {
        "rejected_spans" => batch.rejected_spans(),
        "lines.bad" => batch.bad_documents(),
        "lines.other_signal" => batch.other_signals(),
        _ => return Err(format!("unknown check {key}")),
    };
    same(key, expected.as_u64(), Some(found))
}
