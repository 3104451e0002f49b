//! `jiter`'s tree of values, on a reused scratch.

use super::facts::id_of_hex;
use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use jiter::{JsonValue, JsonValueScratch, PartialMode};
use std::hint::black_box;

pub(super) struct JiterValue;

fn parse<'j>(scratch: &mut JsonValueScratch<'j>, request: &'j [u8]) -> Result<JsonValue<'j>, Refusal> {
    scratch.parse(request, false, PartialMode::Off).map_err(Refusal::because)
}

impl Contestant for JiterValue {
    fn name(&self) -> &'static str {
        "jiter tree"
    }

    fn reads(&self) -> Reads {
        Reads::Tree
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        let mut scratch = JsonValueScratch::new();
        for request in requests {
            black_box(parse(&mut scratch, request)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        let mut scratch = JsonValueScratch::new();
        for request in requests {
            facts.documents += 1;
            add_request(&parse(&mut scratch, request)?, &mut facts)
                .ok_or_else(|| Refusal("not the shape of OTLP".into()))?;
        }
        Ok(facts)
    }
}

fn member<'v, 'j>(value: &'v JsonValue<'j>, name: &str) -> Option<&'v JsonValue<'j>> {
    match value {
        JsonValue::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
        _ => None,
    }
}

fn list<'v, 'j>(value: &'v JsonValue<'j>, name: &str) -> Option<&'v [JsonValue<'j>]> {
    match member(value, name) {
        Some(JsonValue::Array(items)) => Some(items.as_slice()),
        _ => None,
    }
}

fn text<'v>(value: &'v JsonValue<'_>, name: &str) -> Option<&'v str> {
    match member(value, name) {
        Some(JsonValue::Str(text)) => Some(text),
        _ => None,
    }
}

fn add_request(request: &JsonValue<'_>, facts: &mut Facts) -> Option<()> {
    for resource in list(request, "resourceSpans")? {
        for scope in list(resource, "scopeSpans")? {
            for span in list(scope, "spans")? {
                facts.add_span(
                    id_of_hex(text(span, "spanId")?)?,
                    text(span, "name")?.len(),
                    list(span, "attributes")?.len(),
                );
            }
        }
    }
    Some(())
}
