//! Every payload of `tests/payloads` against `expected.json`: what a gateway or an SDK sends is read whole, and the sums
//! of its requests are right. Each payload is a test of its own name.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use spanwise::llm::{LlmKeys, Requests};
use spanwise::{Decoder, Framing, SpanBatch, SpanRef, StatusCode};

/// Both are equal, or a failure that says what differs.
#[allow(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

/// The payloads that are a gateway's tests.
const TESTS: &[&str] = &["openrouter-connection-test.json", "openrouter-test-generation.json"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads")
}

/// The sums of one model, under the names of `expected.json`.
type Sums = BTreeMap<&'static str, f64>;

#[allow(clippy::cast_precision_loss, reason = "made-up counts are small")]
fn sums(batch: &SpanBatch) -> BTreeMap<String, Sums> {
    let keys = LlmKeys::resolve(batch);
    let mut requests = Requests::default();
    requests.add_batch(batch);
    let mut models: BTreeMap<String, Sums> = BTreeMap::new();
    for place in requests.counted() {
        let span = batch.span(place).unwrap();
        let llm = keys.read(span);
        let sums = models.entry(llm.model.as_deref().unwrap_or_default().to_owned()).or_default();
        let failed = span.status().code == StatusCode::ERROR;
        let count = |count: Option<i64>| count.unwrap_or_default() as f64;
        for (name, value) in [
            ("requests", 1.0),
            ("errors", f64::from(u8::from(failed))),
            ("input_tokens", count(llm.input_tokens)),
            ("output_tokens", count(llm.output_tokens)),
            ("total_tokens", count(llm.total_tokens)),
            ("input_cost", llm.input_cost_usd.unwrap_or_default()),
            ("output_cost", llm.output_cost_usd.unwrap_or_default()),
            ("total_cost", llm.cost_usd.unwrap_or_default()),
        ] {
            *sums.entry(name).or_default() += value;
        }
    }
    models
}

fn check_models(batch: &SpanBatch, expected: &Value) -> Result<(), Failed> {
    let found = sums(batch);
    let expected = expected.as_object().ok_or("models are an object")?;
    same("models", expected.keys().cloned().collect::<Vec<_>>(), found.keys().cloned().collect())?;
    for (model, sums) in &found {
        let expected = expected[model].as_object().ok_or("sums are an object")?;
        same(&format!("{model}: sums"), expected.len(), sums.len())?;
        for (name, value) in sums {
            let expected = expected[*name].as_f64().ok_or("a number")?;
            let near = (expected - value).abs() <= 1e-9;
            same(&format!("{model}: {name} is {value}, expected {expected}"), true, near)?;
        }
    }
    Ok(())
}

fn run(file: &str, expected: &Value) -> Result<(), Failed> {
    let bytes = std::fs::read(folder().join(file)).map_err(|error| error.to_string())?;
    let mut batch = SpanBatch::new();
    Decoder::default().decode_block(bytes, Framing::Auto, &mut batch).map_err(|error| error.to_string())?;
    let codes: Vec<_> = batch.diagnostics().map(|diagnostic| diagnostic.code.as_str()).collect();
    same(&format!("bad documents ({codes:?})"), 0, batch.bad_documents())?;
    same(&format!("rejected spans ({codes:?})"), 0, batch.rejected_spans())?;
    same("documents", expected["documents"].as_u64(), Some(batch.documents().len() as u64))?;
    same("spans", expected["spans"].as_u64(), Some(batch.len() as u64))?;
    let traces: BTreeSet<_> = batch.spans().map(SpanRef::trace_id).collect();
    same("traces", expected["traces"].as_u64(), Some(traces.len() as u64))?;
    let attributes: Vec<_> = batch.spans().map(|span| span.attributes().len() as u64).collect();
    same("first_span_attributes", expected["first_span_attributes"].as_u64(), attributes.first().copied())?;
    let listed: Option<Vec<_>> =
        expected["span_attributes"].as_array().map(|list| list.iter().filter_map(Value::as_u64).collect());
    same("span_attributes", listed, Some(attributes))?;
    let errors = batch.spans().filter(|span| span.status().code == StatusCode::ERROR).count();
    let keys = LlmKeys::resolve(&batch);
    let tests = batch.spans().filter(|span| keys.read(*span).is_test).count();
    same("test spans", usize::from(TESTS.contains(&file)), tests)?;
    for (name, found) in [
        ("error_spans", errors),
        ("events", batch.spans().map(|span| span.events().len()).sum()),
        ("links", batch.spans().map(|span| span.links().len()).sum()),
    ] {
        if let Some(expected) = expected[name].as_u64() {
            same(name, expected, found as u64)?;
        }
    }
    if expected["models"].is_object() {
        check_models(&batch, &expected["models"])?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let mut trials = Vec::new();
    for (file, expected) in expected["files"].as_object().unwrap() {
        let (name, expected) = (file.clone(), expected.clone());
        trials.push(Trial::test(file, move || run(&name, &expected)));
    }
    println!("{} payloads", trials.len());
    libtest_mimic::run(&arguments, trials).exit_code()
}
