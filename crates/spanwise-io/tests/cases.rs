//! Every case of `tests/cases` as a stream, in both modes, in small blocks and on one thread or three: the spans, values and
//! verdict that `expected.jsonl` names. Each is a test of its own name. Containers (`.bin`) are not judged by mode.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../spanwise/tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use spanwise::frame::BlockSizes;
use spanwise::{DecodeOptions, Decoder, Framing, Mode, SpanBatch};
use spanwise_io::{ReadSettings, Scan, Source};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

fn read(path: PathBuf, mode: Mode, block: usize, threads: usize) -> Vec<SpanBatch> {
    let decode = DecodeOptions::default().with_mode(mode).with_record_sources(true);
    let framing =
        if path.extension().is_some_and(|it| it == "ndjson") { Framing::Lines } else { Framing::Auto };
    let settings = ReadSettings {
        decode,
        framing,
        sizes: BlockSizes { block, ..BlockSizes::default() },
        ..ReadSettings::default()
    };
    Scan::new(vec![Source::File(path)], settings, threads, || {
        let mut decoder = Decoder::new(decode);
        move |piece| {
            let mut batch = SpanBatch::new();
            decoder.decode_framed(piece.block.unwrap(), &mut batch).unwrap();
            batch
        }
    })
    .collect()
}

fn run(case: &Value) -> Result<(), Failed> {
    let path = folder().join(case["file"].as_str().unwrap());
    let expect = &case["expect"];
    let container = path.extension().is_some_and(|it| it == "bin");
    for (mode, name) in [(Mode::Lenient, "lenient"), (Mode::Strict, "strict")] {
        let whole = read(path.clone(), mode, usize::MAX, 1);
        let [batch] = &whole[..] else { return Err("more than one block".into()) };
        if expect[name] == "accept" && expect["alt"] != "either" {
            let spans = match mode {
                Mode::Strict => expect.get("spans_strict").unwrap_or(&expect["spans"]),
                Mode::Lenient => &expect["spans"],
            };
            support::same(name, spans.as_u64(), Some(batch.len() as u64))?;
            support::same(name, 0, batch.rejected_spans())?;
            if mode == Mode::Lenient || container {
                for (key, value) in expect["checks"].as_object().unwrap() {
                    support::check(batch, key, value).map_err(|error| format!("{name}: {error}"))?;
                }
            }
        }
        for threads in [1, 3] {
            let parts = read(path.clone(), mode, 1, threads);
            let spans = || parts.iter().flat_map(SpanBatch::spans);
            support::same("spans in small blocks", batch.len(), spans().count())?;
            support::same("their values", true, batch.spans().eq(spans()))?;
            let counts = |get: fn(&SpanBatch) -> u64| parts.iter().map(get).sum::<u64>();
            support::same("errors", batch.error_count(), counts(SpanBatch::error_count))?;
            support::same("warnings", batch.warning_count(), counts(SpanBatch::warning_count))?;
            support::same("bad documents", batch.bad_documents(), counts(SpanBatch::bad_documents))?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let text = std::fs::read_to_string(folder().join("expected.jsonl")).unwrap();
    let trials = text.lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["file"].as_str().unwrap().to_owned();
        Trial::test(name, move || run(&case))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
