//! Every payload of `tests/payloads` is found again in Parquet: each span, once, with the right values.
//!
//! The oracle is a walk over what `serde_json` reads, that knows nothing of how spanwise decodes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use parquet::record::{Field, Row};
use serde_json::Value;
use spanwise_receiver::{ReceiverOptions, StoreOptions};
use support::{Stand, parquet, rows};

/// What is compared of a span.
#[allow(clippy::struct_field_names, reason = "the specification's names")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    trace_id: String,
    span_id: String,
    name: String,
    service: Option<String>,
    start: u64,
    events: usize,
    links: usize,
    /// Strings, whole numbers and truths as text; of other values the key alone.
    attributes: BTreeMap<String, Option<String>>,
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn len(value: &Value, name: &str) -> usize {
    value[name].as_array().map_or(0, Vec::len)
}

fn attributes(of: &Value) -> BTreeMap<String, Option<String>> {
    let list = of["attributes"].as_array().into_iter().flatten();
    list.map(|pair| {
        let value = &pair["value"];
        let scalar = match (&value["stringValue"], &value["intValue"], &value["boolValue"]) {
            (Value::String(text), ..) | (_, Value::String(text), _) => Some(text.clone()),
            (_, Value::Number(number), _) => Some(number.to_string()),
            (.., Value::Bool(truth)) => Some(truth.to_string()),
            _ => None,
        };
        (text(pair, "key"), scalar)
    })
    .collect()
}

/// The spans of a payload.
fn expected(payload: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for document in serde_json::Deserializer::from_str(payload).into_iter::<Value>() {
        for resource_spans in document.unwrap()["resourceSpans"].as_array().into_iter().flatten() {
            let service = attributes(&resource_spans["resource"]).remove("service.name").flatten();
            for scope_spans in resource_spans["scopeSpans"].as_array().into_iter().flatten() {
                for span in scope_spans["spans"].as_array().into_iter().flatten() {
                    let start = &span["startTimeUnixNano"];
                    spans.push(Span {
                        trace_id: text(span, "traceId"),
                        span_id: text(span, "spanId"),
                        name: text(span, "name"),
                        service: service.clone(),
                        start: start
                            .as_str()
                            .map_or_else(|| start.as_u64(), |text| text.parse().ok())
                            .unwrap_or(0),
                        events: len(span, "events"),
                        links: len(span, "links"),
                        attributes: attributes(span),
                    });
                }
            }
        }
    }
    spans
}

fn field<'r>(row: &'r Row, name: &str) -> &'r Field {
    row.get_column_iter().find(|(column, _)| *column == name).unwrap().1
}

/// The span of a row, with `like` telling which attributes are compared by value.
fn found(row: &Row, like: &BTreeMap<String, Option<String>>) -> Span {
    let string = |name| match field(row, name) {
        Field::Str(text) => Some(text.clone()),
        Field::Null => None,
        other => panic!("{name}: {other:?}"),
    };
    let list = |name| match field(row, name) {
        Field::ListInternal(list) => list.len(),
        Field::Null => 0,
        other => panic!("{name}: {other:?}"),
    };
    let Field::MapInternal(map) = field(row, "attributes") else { panic!("{row}") };
    let pairs = map.entries().iter().map(|(key, value)| {
        let Field::Str(key) = key else { panic!("{key:?}") };
        let scalar = like.get(key).is_some_and(Option::is_some);
        match value {
            Field::Str(text) if scalar => (key.clone(), Some(text.clone())),
            _ => (key.clone(), None),
        }
    });
    Span {
        trace_id: string("trace_id").unwrap(),
        span_id: string("span_id").unwrap(),
        name: string("name").unwrap(),
        service: string("service_name"),
        start: match field(row, "start_time") {
            Field::Null => 0,
            Field::Long(nanos) => nanos.cast_unsigned(),
            other => panic!("{other:?}"),
        },
        events: list("events"),
        links: list("links"),
        attributes: pairs.collect(),
    }
}

#[test]
fn every_span_is_found_with_its_values() {
    let runtime = support::runtime();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads");
    let mut all = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "README.md" || name == "expected.json" {
            continue;
        }
        let payload = std::fs::read_to_string(&path).unwrap();
        let store = tempfile::tempdir().unwrap();
        let stand = Stand::in_folder(store.path(), StoreOptions::default(), ReceiverOptions::default());
        // Lines are one delivery each.
        let bodies: Vec<&str> = if path.extension().is_some_and(|extension| extension == "json") {
            vec![&payload]
        } else {
            payload.lines().collect()
        };
        for body in bodies {
            assert_eq!(runtime.block_on(stand.post(body.to_owned())), 200, "{name}");
        }
        stand.close();
        let mut expected = expected(&payload);
        let like: BTreeMap<_, _> =
            expected.iter().map(|span| (span.span_id.clone(), span.attributes.clone())).collect();
        let empty = BTreeMap::new();
        let mut spans: Vec<Span> = parquet(store.path())
            .into_iter()
            .flat_map(rows)
            .map(|row| {
                let Field::Str(id) = field(&row, "span_id") else { panic!("{row}") };
                found(&row, like.get(id).unwrap_or(&empty))
            })
            .collect();
        expected.sort();
        spans.sort();
        assert_eq!(spans.len(), expected.len(), "{name}");
        for (span, expected) in spans.iter().zip(&expected) {
            assert_eq!(span, expected, "{name}");
        }
        all += spans.len();
    }
    assert!(all > 140, "{all}");
}
