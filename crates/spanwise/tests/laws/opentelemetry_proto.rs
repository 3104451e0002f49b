//! What `opentelemetry-proto`'s structs, filled by `serde_json`, read of a document is what strict decoding reads of it, field
//! by field; and so it is of what `encode` writes.
//!
//! Documents that it refuses are not compared. Where both read, these are all the differences:
//!
//! | agreed difference | `opentelemetry-proto` | ours | reason |
//! |---|---|---|---|
//! | ids of any length, `0x` before them | reads them | rejects the span | the specification has 16 and 8 bytes |
//! | a message as an array of its fields | reads them | a fault of type | serde's derive takes it, ProtoJSON does not |
//! | members of two types in one `AnyValue` | the last counts | a fault | a oneof holds one |
//! | `stringValueStrindex`, `keyStrindex` | knows them | unknown members | they are of profiles, not of traces |
//! | the last digit of a double | may be off by one | exact | `serde_json` rounds twice by default |
//!
//! And this it refuses, though ProtoJSON allows it: `null` for a list or a number; a whole number as `5.0` or `1e3`; numbers
//! of 32 bits and doubles in quotes (`"NaN"` with them); base64 of the alphabet for URLs or without padding; nesting beyond
//! 127.

use std::cell::Cell;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use spanwise::{AttributesRef, Mode, ScopeRef, SpanBatch, SpanRef, ValueRef, encode};
use spanwise_corpora::{Corpus, Form};
use spanwise_testgen::Dialect;

use super::{SAMPLES, fresh, made, options, runs};

/// The message, or the default where it is not there.
fn or_default<T: Default + Clone>(message: Option<&T>) -> T {
    message.cloned().unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same_double(expected: f64, read: f64) -> bool {
    let (a, b) = (expected.to_bits(), read.to_bits());
    a == b || expected.is_nan() && read.is_nan() || a.abs_diff(b) == 1
}

fn same_value(expected: Option<&AnyValue>, read: &ValueRef<'_>) -> bool {
    use any_value::Value;
    match (expected.and_then(|value| value.value.as_ref()), read) {
        (None, ValueRef::Empty) => true,
        (Some(Value::StringValue(expected)), ValueRef::String(read)) => expected == read,
        (Some(Value::BoolValue(expected)), ValueRef::Bool(read)) => expected == read,
        (Some(Value::IntValue(expected)), ValueRef::Int(read)) => expected == read,
        (Some(Value::DoubleValue(expected)), ValueRef::Double(read)) => same_double(*expected, *read),
        (Some(Value::BytesValue(expected)), ValueRef::Bytes(read)) => expected == read,
        (Some(Value::ArrayValue(expected)), ValueRef::Array(read)) => {
            expected.values.len() == read.len()
                && expected.values.iter().zip(read.iter()).all(|(value, read)| same_value(Some(value), &read))
        }
        (Some(Value::KvlistValue(expected)), ValueRef::KvList(read)) => {
            same_attributes(&expected.values, *read)
        }
        _ => false,
    }
}

fn same_attributes(expected: &[KeyValue], read: AttributesRef<'_>) -> bool {
    expected.len() == read.len()
        && expected.iter().zip(read.iter()).all(|(expected, read)| {
            expected.key == read.key() && same_value(expected.value.as_ref(), &read.value())
        })
}

macro_rules! same {
    ($($expected:expr, $read:expr;)*) => { $(prop_assert_eq!($expected, $read);)* };
}

/// Compares every field of every span with its scope and resource.
fn same(request: &ExportTraceServiceRequest, batch: &SpanBatch) -> Result<(), TestCaseError> {
    let mut spans = batch.spans();
    for of_resource in &request.resource_spans {
        let resource = or_default(of_resource.resource.as_ref());
        for of_scope in &of_resource.scope_spans {
            for expected in &of_scope.spans {
                let Some(span) = spans.next() else {
                    return Err(TestCaseError::fail("a span is not there"));
                };
                let read = span.resource();
                prop_assert!(same_attributes(&resource.attributes, read.attributes()));
                same! {
                    resource.dropped_attributes_count, read.dropped_attributes_count();
                    &of_resource.schema_url, &read.schema_url();
                    resource.entity_refs.len(), read.entity_refs().len();
                }
                for (expected, read) in resource.entity_refs.iter().zip(read.entity_refs()) {
                    same! {
                        &expected.schema_url, &read.schema_url();
                        &expected.r#type, &read.kind();
                        &expected.id_keys, &read.id_keys().collect::<Vec<_>>();
                        &expected.description_keys, &read.description_keys().collect::<Vec<_>>();
                    }
                }
                same_scope(of_scope, span.scope())?;
                same_span(expected, span)?;
            }
        }
    }
    prop_assert!(spans.next().is_none(), "a span more");
    Ok(())
}

fn same_scope(of_scope: &ScopeSpans, read: ScopeRef<'_>) -> Result<(), TestCaseError> {
    let scope = or_default(of_scope.scope.as_ref());
    prop_assert!(same_attributes(&scope.attributes, read.attributes()));
    same! {
        scope.name, read.name();
        scope.version, read.version();
        scope.dropped_attributes_count, read.dropped_attributes_count();
        &of_scope.schema_url, &read.schema_url();
    }
    Ok(())
}

fn same_span(expected: &Span, read: SpanRef<'_>) -> Result<(), TestCaseError> {
    let (status, read_status) = (or_default(expected.status.as_ref()), read.status());
    same! {
        hex(&expected.trace_id), read.trace_id();
        hex(&expected.span_id), read.span_id();
        hex(&expected.parent_span_id), read.parent_span_id();
        &expected.trace_state, &read.trace_state();
        expected.flags, read.flags();
        &expected.name, &read.name();
        expected.kind, read.kind().number();
        expected.start_time_unix_nano, read.start_time_unix_nano();
        expected.end_time_unix_nano, read.end_time_unix_nano();
        expected.dropped_attributes_count, read.dropped_attributes_count();
        expected.dropped_events_count, read.dropped_events_count();
        expected.dropped_links_count, read.dropped_links_count();
        status.code, read_status.code.number();
        status.message, read_status.message;
        expected.events.len(), read.events().len();
        expected.links.len(), read.links().len();
    }
    prop_assert!(same_attributes(&expected.attributes, read.attributes()));
    for (expected, event) in expected.events.iter().zip(read.events()) {
        same! {
            expected.time_unix_nano, event.time_unix_nano();
            &expected.name, &event.name();
            expected.dropped_attributes_count, event.dropped_attributes_count();
        }
        prop_assert!(same_attributes(&expected.attributes, event.attributes()));
    }
    for (expected, link) in expected.links.iter().zip(read.links()) {
        same! {
            hex(&expected.trace_id), link.trace_id();
            hex(&expected.span_id), link.span_id();
            &expected.trace_state, &link.trace_state();
            expected.flags, link.flags();
            expected.dropped_attributes_count, link.dropped_attributes_count();
        }
        prop_assert!(same_attributes(&expected.attributes, link.attributes()));
    }
    Ok(())
}

/// Compares the two readings of a document and of what is written of it, where both read. Returns how many spans there were
/// to compare.
pub(crate) fn check(text: &[u8]) -> Result<usize, TestCaseError> {
    let Ok(batch) = fresh(text, options(Mode::Strict)) else { return Ok(0) };
    let mut compared = 0;
    if batch.error_count() == 0
        && let Ok(request) = serde_json::from_slice::<ExportTraceServiceRequest>(text)
    {
        same(&request, &batch)?;
        compared += batch.len();
    }
    let json = encode(&batch);
    if let Ok(request) = serde_json::from_slice::<ExportTraceServiceRequest>(&json) {
        same(&request, &batch)?;
        compared += batch.len();
    }
    Ok(compared)
}

/// Compares generated documents and returns how many spans there were to compare.
fn compared(dialect: Dialect) -> usize {
    let compared = Cell::new(0);
    let checked = TestRunner::new(runs(600)).run(&made(dialect), |text| {
        compared.set(compared.get() + check(&text)?);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    compared.get()
}

#[test]
fn generated_documents_are_read_alike() {
    let spans = compared(Dialect::STRICT) + compared(Dialect { liberties: 4, ..Dialect::STRICT });
    println!("{spans} spans");
    assert!(spans > 300, "{spans} spans");
}

/// What each reads of a document with one span that has these members besides its ids; of theirs, a span's attribute.
fn both(members: &str) -> (Option<AnyValue>, Option<SpanBatch>) {
    let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n""#;
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},{members}}}]}}]}}]}}"#);
    let theirs = serde_json::from_str::<ExportTraceServiceRequest>(&text).ok();
    let theirs = theirs.map(|request| {
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        span.attributes.first().and_then(|attribute| attribute.value.clone()).unwrap_or_default()
    });
    let ours = fresh(text.as_bytes(), options(Mode::Strict)).ok();
    (theirs, ours.filter(|batch| batch.rejected_spans() == 0))
}

/// The tables above are true.
#[test]
fn the_differences_are_these() {
    for members in [
        r#""parentSpanId":"ab""#,
        r#""parentSpanId":"0xb7ad6b7169203331""#,
        r#""status":["message",1]"#,
        r#""attributes":[{"key":"k","value":{"intValue":1,"stringValue":"x"}}]"#,
    ] {
        let (theirs, ours) = both(members);
        assert!(theirs.is_some() && ours.is_none(), "{members}: {} {}", theirs.is_some(), ours.is_some());
    }
    let (theirs, ours) =
        both(r#""attributes":[{"key":"k","value":{"stringValueStrindex":3},"keyStrindex":1}]"#);
    assert_eq!((theirs, ours.map(|batch| batch.warning_count())), (Some(AnyValue::default()), Some(2)));
    for members in [
        r#""events":null"#,
        r#""kind":null"#,
        r#""startTimeUnixNano":5.0"#,
        r#""startTimeUnixNano":1e3"#,
        r#""flags":"1""#,
        r#""attributes":[{"key":"k","value":{"doubleValue":"NaN"}}]"#,
        r#""attributes":[{"key":"k","value":{"doubleValue":"1.5"}}]"#,
        r#""attributes":[{"key":"k","value":{"bytesValue":"_-8="}}]"#,
        r#""attributes":[{"key":"k","value":{"bytesValue":"AA"}}]"#,
    ] {
        let (theirs, ours) = both(members);
        assert!(theirs.is_none() && ours.is_some(), "{members}: {} {}", theirs.is_some(), ours.is_some());
    }
}

#[test]
fn samples_are_read_alike() {
    let (mut spans, mut samples) = (0, 0);
    for sample in SAMPLES.iter() {
        let compared = check(&sample.bytes).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        spans += compared;
        samples += usize::from(compared > 0);
    }
    println!("{spans} spans of {samples} samples");
    assert!(samples >= 60 && spans >= 170, "{spans} spans of {samples} samples");
}

#[test]
fn corpora_are_read_alike() {
    for corpus in Corpus::ALL {
        let text = corpus.to_vec(11, 300_000, Form::Document);
        let spans = fresh(&text, options(Mode::Strict)).unwrap().len();
        let compared = check(&text).unwrap_or_else(|error| panic!("{}: {error}", corpus.name()));
        assert!(spans > 20 && compared == 2 * spans, "{}: {compared} of {spans}", corpus.name());
    }
}
