//! A second reading of OTLP/JSON, by way of `serde_json`'s tree and without regard to speed or faults. It agrees with the
//! decoder on every document that strict mode accepts.

use proptest::prelude::*;
use serde_json::Value;
use spanwise::{AttributesRef, Code, Mode, Severity, SpanBatch, ValueRef};
use spanwise_testgen::Dialect;

use super::{SAMPLES, fresh, made, options, runs};

const NULL: &Value = &Value::Null;

/// The members of `AnyValue`'s oneof.
const MEMBERS: &[&str] =
    &["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"];

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An integer in any form; `None` where the tree's double may not be exact.
fn integer(value: &Value) -> Option<i128> {
    let of_text = |text: &str| {
        if let Some((whole, zeros)) = text.split_once('.')
            && zeros.bytes().all(|digit| digit == b'0')
        {
            return whole.parse().ok();
        }
        text.parse::<i128>().ok().or_else(|| exact(text.parse().ok()?))
    };
    match value {
        Value::Null => Some(0),
        Value::String(text) => of_text(text),
        other => of_text(&other.to_string()).or_else(|| exact(other.as_f64()?)),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "of whole numbers below 2^53")]
fn exact(value: f64) -> Option<i128> {
    (value.abs() < 9e15).then_some(value as i128)
}

fn same_integer(value: &Value, read: impl Into<i128>) -> bool {
    integer(value).is_none_or(|expected| expected == read.into())
}

fn double(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

fn base64(text: &str) -> Vec<u8> {
    let mut bits = 0u32;
    let mut count = 0;
    let mut out = Vec::new();
    for character in text.trim_end_matches('=').chars() {
        let value = match character {
            'A'..='Z' => character as u32 - 65,
            'a'..='z' => character as u32 - 71,
            '0'..='9' => character as u32 + 4,
            '+' | '-' => 62,
            _ => 63,
        };
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 255) as u8);
        }
    }
    out
}

/// Whether an `AnyValue` says what was read.
pub(crate) fn same_value(value: &Value, read: &ValueRef<'_>) -> bool {
    let member = |name: &str| Some(&value[name]).filter(|value| !value.is_null());
    match read {
        ValueRef::Empty => MEMBERS.iter().all(|name| value[*name].is_null()),
        ValueRef::String(read) => member("stringValue").is_some_and(|value| value.as_str() == Some(read)),
        ValueRef::Bool(read) => member("boolValue").is_some_and(|value| value.as_bool() == Some(*read)),
        ValueRef::Int(read) => member("intValue").is_some_and(|value| same_integer(value, *read)),
        ValueRef::Double(read) => member("doubleValue").is_some_and(|value| {
            let expected = double(value);
            // The tree's doubles may be a unit in the last place off.
            expected.total_cmp(read).is_eq()
                || expected.is_nan() && read.is_nan()
                || (expected - read).abs() <= (expected.abs() * 1e-15).max(1e-320)
        }),
        ValueRef::Bytes(read) => member("bytesValue").is_some_and(|value| base64(text(value)) == *read),
        ValueRef::Array(read) => member("arrayValue").is_some_and(|value| {
            let values = list(&value["values"]);
            values.len() == read.len()
                && values.iter().zip(read.iter()).all(|(value, read)| same_value(value, &read))
        }),
        ValueRef::KvList(read) => {
            member("kvlistValue").is_some_and(|value| same_attributes(&value["values"], *read))
        }
        _ => false,
    }
}

fn same_attributes(value: &Value, read: AttributesRef<'_>) -> bool {
    let expected = list(value);
    expected.len() == read.len()
        && expected.iter().zip(read.iter()).all(|(value, read)| {
            text(&value["key"]) == read.key() && same_value(&value["value"], &read.value())
        })
}

fn id(value: &Value) -> String {
    text(value).to_ascii_lowercase()
}

macro_rules! same {
    ($($expected:expr, $read:expr;)*) => { $(prop_assert_eq!($expected, $read);)* };
}

/// Compares every field.
pub(crate) fn same(document: &Value, batch: &SpanBatch) -> Result<(), TestCaseError> {
    let mut spans = batch.spans();
    let mut resources = batch.resources();
    for resource_spans in list(&document["resourceSpans"]) {
        let resource = resources.next().unwrap();
        let expected = &resource_spans["resource"];
        prop_assert!(same_attributes(&expected["attributes"], resource.attributes()));
        prop_assert!(same_integer(&expected["droppedAttributesCount"], resource.dropped_attributes_count()));
        same! { text(&resource_spans["schemaUrl"]), resource.schema_url(); }
        let entities = list(&expected["entityRefs"]);
        same! { entities.len(), resource.entity_refs().len(); }
        for (expected, entity) in entities.iter().zip(resource.entity_refs()) {
            same! { text(&expected["schemaUrl"]), entity.schema_url(); text(&expected["type"]), entity.kind(); }
            let keys = |name: &str| list(&expected[name]).iter().map(text).collect::<Vec<_>>();
            same! {
                keys("idKeys"), entity.id_keys().collect::<Vec<_>>();
                keys("descriptionKeys"), entity.description_keys().collect::<Vec<_>>();
            }
        }
        for scope_spans in list(&resource_spans["scopeSpans"]) {
            for expected in list(&scope_spans["spans"]) {
                let span = spans.next().unwrap();
                prop_assert!(span.resource() == resource);
                same_scope(scope_spans, span.scope())?;
                same_span(expected, span)?;
            }
        }
    }
    prop_assert!(spans.next().is_none() && resources.next().is_none());
    Ok(())
}

fn same_scope(scope_spans: &Value, scope: spanwise::ScopeRef<'_>) -> Result<(), TestCaseError> {
    let expected = &scope_spans["scope"];
    same! {
        text(&expected["name"]), scope.name();
        text(&expected["version"]), scope.version();
        text(&scope_spans["schemaUrl"]), scope.schema_url();
    }
    prop_assert!(same_attributes(&expected["attributes"], scope.attributes()));
    prop_assert!(same_integer(&expected["droppedAttributesCount"], scope.dropped_attributes_count()));
    Ok(())
}

fn same_span(expected: &Value, span: spanwise::SpanRef<'_>) -> Result<(), TestCaseError> {
    let status = span.status();
    same! {
        id(&expected["traceId"]), span.trace_id();
        id(&expected["spanId"]), span.span_id();
        id(&expected["parentSpanId"]), span.parent_span_id();
        text(&expected["traceState"]), span.trace_state();
        text(&expected["name"]), span.name();
        text(&expected["status"]["message"]), status.message;
        list(&expected["events"]).len(), span.events().len();
        list(&expected["links"]).len(), span.links().len();
    }
    let bytes: String = span.trace_id_bytes().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    same! { bytes, span.trace_id(); }
    for (name, read) in [
        ("flags", i128::from(span.flags())),
        ("kind", span.kind().number().into()),
        ("startTimeUnixNano", span.start_time_unix_nano().into()),
        ("endTimeUnixNano", span.end_time_unix_nano().into()),
        ("droppedAttributesCount", span.dropped_attributes_count().into()),
        ("droppedEventsCount", span.dropped_events_count().into()),
        ("droppedLinksCount", span.dropped_links_count().into()),
    ] {
        prop_assert!(same_integer(&expected[name], read), "{} {:?}: {}", name, expected[name], read);
    }
    prop_assert!(same_integer(&expected["status"]["code"], status.code.number()));
    prop_assert!(same_attributes(&expected["attributes"], span.attributes()));
    for (expected, event) in list(&expected["events"]).iter().zip(span.events()) {
        same! { text(&expected["name"]), event.name(); }
        prop_assert!(same_integer(&expected["timeUnixNano"], event.time_unix_nano()));
        prop_assert!(same_attributes(&expected["attributes"], event.attributes()));
        prop_assert!(same_integer(&expected["droppedAttributesCount"], event.dropped_attributes_count()));
    }
    for (expected, link) in list(&expected["links"]).iter().zip(span.links()) {
        same! {
            id(&expected["traceId"]), link.trace_id();
            id(&expected["spanId"]), link.span_id();
            text(&expected["traceState"]), link.trace_state();
        }
        prop_assert!(same_integer(&expected["flags"], link.flags()));
        prop_assert!(same_attributes(&expected["attributes"], link.attributes()));
        prop_assert!(same_integer(&expected["droppedAttributesCount"], link.dropped_attributes_count()));
    }
    Ok(())
}

/// What strict mode accepts is what the tree says, and the sources of attributes are the tree's own text. Returns
/// whether there was anything to compare.
pub(crate) fn check(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(batch) = fresh(bytes, options(Mode::Strict)) else { return Ok(false) };
    // Of a oneof's member that comes again as null the earlier value counts; a tree keeps the later one.
    let skip = batch.diagnostics().any(|found| {
        found.severity == Severity::Error || found.code == Code::DuplicateKey && found.path.ends_with("Value")
    });
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return Ok(false) };
    if skip {
        return Ok(false);
    }
    same(&document, &batch)?;
    for span in batch.spans() {
        for (index, attribute) in span.attributes().iter().enumerate() {
            let source = batch.sources().attributes[span.row().attributes.start as usize + index];
            let written = &bytes[source.key.range()];
            let key =
                if written.is_empty() { String::new() } else { serde_json::from_slice(written).unwrap() };
            prop_assert_eq!(key, attribute.key());
            let element: Value = serde_json::from_slice(&bytes[source.element.range()]).unwrap();
            let written = &bytes[source.value.range()];
            let value =
                if written.is_empty() { NULL.clone() } else { serde_json::from_slice(written).unwrap() };
            prop_assert_eq!(&element["value"], &value);
            prop_assert!(same_value(&value, &attribute.value()));
        }
    }
    Ok(true)
}

proptest! {
    #![proptest_config(runs(600))]

    #[test]
    fn accepted_documents_say_what_the_tree_says(text in made(Dialect::STRICT)) {
        check(&text)?;
    }
}

#[test]
fn accepted_samples_say_what_the_tree_says() {
    let mut compared = 0;
    for sample in SAMPLES.iter() {
        let checked = check(&sample.bytes);
        compared += usize::from(*checked.as_ref().unwrap_or_else(|error| panic!("{}: {error}", sample.name)));
    }
    println!("{compared} samples compared");
    assert!(compared > 40);
}
