//! Every case of `tests/cases`, in both modes, against `expected.jsonl`. Each is a test of its own name.
//!
//! A case is judged as its file is meant to be read: `.json` as one request, `.ndjson` as lines. Compressed ones (`.bin`) are
//! for `spanwise-io`, which judges all cases as streams.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use spanwise::{DecodeOptions, Decoder, Framing, Mode, Severity, SpanBatch};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

/// What decoding a case gave: whether any error was reported, and the batch (empty if it was rejected).
struct Outcome {
    accepted: bool,
    codes: Vec<&'static str>,
    batch: SpanBatch,
}

fn decode(bytes: &[u8], lines: bool, mode: Mode) -> Outcome {
    let mut decoder = Decoder::new(DecodeOptions::default().with_mode(mode).with_record_sources(true));
    let mut batch = SpanBatch::new();
    let bytes = bytes.to_vec();
    let result = if lines {
        decoder.decode_block(bytes, Framing::Lines, &mut batch)
    } else {
        decoder.decode(bytes, &mut batch)
    };
    let mut codes: Vec<_> = batch.diagnostics().map(|diagnostic| diagnostic.code.as_str()).collect();
    let accepted = match result {
        Ok(()) => batch.diagnostics().all(|diagnostic| diagnostic.severity != Severity::Error),
        Err(error) => {
            codes.push(error.diagnostic().code.as_str());
            false
        }
    };
    Outcome { accepted, codes, batch }
}

fn run(case: &Value) -> Result<(), Failed> {
    let file = case["file"].as_str().ok_or("no file")?;
    let expect = &case["expect"];
    let bytes = std::fs::read(folder().join(file)).map_err(|error| error.to_string())?;
    let lines = file.ends_with(".ndjson");
    let spans = expect["spans"].as_u64().ok_or("no spans")?;
    let either = expect["alt"] == "either";

    for (mode, name) in [(Mode::Lenient, "lenient"), (Mode::Strict, "strict")] {
        let outcome = decode(&bytes, lines, mode);
        let accept = expect[name] == "accept";
        if either && !outcome.accepted {
            let limits = ["nesting-depth", "document-size", "string-length"];
            support::same(
                "a clean limit error",
                true,
                outcome.codes.iter().any(|code| limits.contains(code)),
            )?;
            continue;
        }
        // In lines, a lenient run that "accepts" may still have had to leave a bad line out.
        let bad_lines = expect["checks"]["lines.bad"].as_u64().unwrap_or(0);
        let accepted = outcome.accepted
            || (mode == Mode::Lenient && outcome.batch.bad_documents() == bad_lines && bad_lines > 0);
        support::same(&format!("{name} accepts ({:?})", outcome.codes), accept, accepted)?;
        let count = outcome.batch.len() as u64;
        let expected = match (mode, accept) {
            (Mode::Lenient, true) => spans,
            (Mode::Lenient, false) => 0,
            (Mode::Strict, true) => expect["spans_strict"].as_u64().unwrap_or(spans),
            (Mode::Strict, false) => expect["spans_strict"].as_u64().unwrap_or(0),
        };
        support::same(&format!("{name} spans ({:?})", outcome.codes), expected, count)?;
        if mode == Mode::Lenient || (accept && count == spans) {
            for (key, value) in expect["checks"].as_object().ok_or("no checks")? {
                support::check(&outcome.batch, key, value).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        if mode == Mode::Lenient {
            for code in expect["warn"].as_array().into_iter().flatten() {
                let found = outcome.codes.iter().any(|reported| Some(*reported) == code.as_str());
                support::same(&format!("warns {code} among {:?}", outcome.codes), true, found)?;
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let text = std::fs::read_to_string(folder().join("expected.jsonl")).unwrap();
    let mut trials = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let file = case["file"].as_str().unwrap().to_owned();
        let container = std::path::Path::new(&file).extension().is_some_and(|it| it == "bin");
        if !container {
            trials.push(Trial::test(file, move || run(&case)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
