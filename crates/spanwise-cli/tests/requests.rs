//! `is_request` in what `convert` writes: the marks that `summary` goes by, wherever the spans of a request lie.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[allow(dead_code, reason = "not every test reads JSON")]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use spanwise_corpora::{Corpus, Form};
use support::{folder, run_with};

const TRACES: usize = 1500;

/// Traces as the Vercel AI SDK tells of them, with the roots megabytes behind the calls that they include.
fn traces() -> String {
    let text = "a".repeat(1000);
    let line = |trace: usize, id: usize, parent: &str, attributes: &str| {
        format!(
            "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":\"{trace:032x}\",\"spanId\":\"{id:016x}\",\
             \"parentSpanId\":\"{parent}\",\"attributes\":[{attributes},\
             {{\"key\":\"text\",\"value\":{{\"stringValue\":\"{text}\"}}}}]}}]}}]}}]}}\n"
        )
    };
    let attribute =
        |key: &str, value: &str| format!("{{\"key\":\"{key}\",\"value\":{{\"stringValue\":\"{value}\"}}}}");
    let call = [
        attribute("gen_ai.request.model", "heron-2"),
        attribute("gen_ai.usage.input_tokens", "7"),
        attribute("gen_ai.usage.output_tokens", "2"),
    ];
    let root = [
        attribute("ai.model.id", "heron-2"),
        attribute("ai.usage.promptTokens", "7"),
        attribute("ai.usage.completionTokens", "2"),
    ];
    let calls = (1..=TRACES).map(|trace| line(trace, 2, &format!("{:016x}", 1), &call.join(",")));
    let roots = (1..=TRACES).map(|trace| line(trace, 1, "", &root.join(",")));
    calls.chain(roots).collect()
}

/// The columns that are added up.
const CHOSEN: &str = "--columns=span_id,llm_model,llm_input_tokens,llm_output_tokens,is_request";

/// What `convert` says of each model: requests, and tokens in and out.
type Sums = BTreeMap<String, [u64; 3]>;

fn converted(words: &[&str], input: &[u8], folder: &Path) -> Sums {
    let run = run_with(["convert", CHOSEN, "-o-", "--to=jsonl"].iter().chain(words), input, folder);
    assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
    let mut sums = Sums::new();
    for line in run.stdout.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["is_request"] == true {
            let count = |column: &str| row[column].as_u64().unwrap_or_default();
            let model = row["llm_model"].as_str().unwrap_or_default();
            let [requests, input, output] = sums.entry(model.to_owned()).or_default();
            *requests += 1;
            *input += count("llm_input_tokens");
            *output += count("llm_output_tokens");
        }
    }
    sums
}

fn summed_up(words: &[&str], input: &[u8], folder: &Path) -> Sums {
    let run = run_with(["summary", "--format=json"].iter().chain(words), input, folder);
    assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
    let models = run.json()["models"].as_object().unwrap().clone();
    let sums = models.into_iter().map(|(model, sums)| {
        let sum = |name: &str| sums[name].as_u64().unwrap_or_default();
        (model, [sum("requests"), sum("input_tokens"), sum("output_tokens")])
    });
    sums.collect()
}

fn of_traces() -> Sums {
    let requests = TRACES as u64;
    Sums::from([("heron-2".to_owned(), [requests, 7 * requests, 2 * requests])])
}

#[test]
fn a_request_counts_once_wherever_its_spans_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let text = traces();
    std::fs::write(path.join("a.jsonl"), &text).unwrap();
    std::fs::create_dir(path.join("again")).unwrap();
    std::fs::write(path.join("again/b.jsonl"), &text).unwrap();
    // A file for each request, which are read together, and some of them again.
    std::fs::create_dir(path.join("small")).unwrap();
    for (number, line) in text.lines().enumerate().filter(|(number, _)| number % TRACES < 200) {
        std::fs::write(path.join(format!("small/{number:05}.json")), line).unwrap();
    }
    for threads in ["--threads=1", "--threads=2"] {
        for sources in
            [&["a.jsonl"][..], &["a.jsonl", "again"], &["small", "a.jsonl"], &["."], &["**/*.jsonl"]]
        {
            let words = [sources, &[threads]].concat();
            assert_eq!(summed_up(&words, b"", path), of_traces(), "{words:?}");
            assert_eq!(converted(&words, b"", path), of_traces(), "{words:?}");
        }
        // What can be read only once.
        for sources in [&["-"][..], &["again", "-"], &["-", "again"]] {
            let words = [sources, &[threads]].concat();
            assert_eq!(converted(&words, text.as_bytes(), path), of_traces(), "{words:?}");
        }
    }
}

#[test]
fn marks_are_those_of_the_summary() {
    let made = tempfile::tempdir().unwrap();
    for corpus in Corpus::ALL {
        let name = corpus.name();
        std::fs::write(made.path().join(format!("{name}.jsonl")), corpus.to_vec(5, 3 << 20, Form::Ndjson))
            .unwrap();
    }
    let payloads = folder("payloads").join("*.json");
    let lines = folder("payloads").join("*.{jsonl,ndjson}");
    let (payloads, lines) = (payloads.to_str().unwrap(), lines.to_str().unwrap());
    let corpora = made.path().to_str().unwrap();
    for threads in ["--threads=1", "--threads=2"] {
        for sources in [&[lines][..], &[corpora], &[payloads, corpora, lines, payloads]] {
            let words = [sources, &[threads]].concat();
            let expected = summed_up(&words, b"", made.path());
            assert!(!expected.is_empty(), "{words:?}");
            assert_eq!(converted(&words, b"", made.path()), expected, "{words:?}");
        }
    }
}

#[test]
fn a_policy_changes_no_mark() {
    let folder = tempfile::tempdir().unwrap();
    let rule = |prefix: &str| format!("[[rules]]\nprefix = \"{prefix}\"\naction = \"drop\"\n");
    std::fs::write(folder.path().join("policy.toml"), rule("gen_ai.") + &rule("ai.")).unwrap();
    let marks = |words: &[&str]| {
        let words = [&["convert", "--columns=span_id,is_request", "-o-", "--to=csv"], words].concat();
        let run = run_with(words, traces().as_bytes(), folder.path());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let plain = marks(&[]);
    assert_eq!(plain.matches(",true").count(), TRACES);
    assert!(marks(&["--policy=policy.toml"]) == plain);
}

/// A source that cannot be read is told once, and costs itself alone.
#[test]
fn what_cannot_be_read_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jsonl"), traces()).unwrap();
    std::fs::write(folder.path().join("b.jsonl"), b"\x1f\x8b no gzip").unwrap();
    std::fs::write(folder.path().join("c.jsonl"), "{\"resourceSpans\":[}\n").unwrap();
    let words = ["convert", "a.jsonl", "b.jsonl", "c.jsonl", "none.json", "--llm", "-o", "out.parquet"];
    let run = run_with(words, b"", folder.path());
    assert_eq!(run.code, 2, "{run:?}");
    for once in ["b.jsonl: ", "none.json: ", "left out: 1 bad document"] {
        assert_eq!(run.stderr.matches(once).count(), 1, "{once}: {run:?}");
    }
    assert!(run.stderr.contains(&format!("out.parquet: {} spans", 2 * TRACES)), "{run:?}");
}

/// Reads what a command writes to a pipe no faster than it is told to.
#[cfg(unix)]
mod changes {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    /// Runs `convert` of `a.jsonl` and `b.jsonl` and, once it writes rows of the first, has `change` done with the other. Gives its
    /// code and what it said.
    fn changed(change: impl FnOnce(&Path)) -> (Option<i32>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("a.jsonl"), traces()).unwrap();
        std::fs::write(path.join("b.jsonl"), traces()).unwrap();
        let pipe = path.join("out.jsonl");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let child = Command::new(env!("CARGO_BIN_EXE_spanwise"))
            .args(["convert", "a.jsonl", "b.jsonl", "--threads=1", "--llm", "-o", "out.jsonl"])
            .current_dir(path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut written = File::open(&pipe).unwrap();
        written.read_exact(&mut [0; 1]).unwrap();
        change(&path.join("b.jsonl"));
        std::io::copy(&mut written, &mut std::io::sink()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    #[test]
    fn a_source_that_changes_between_the_readings_is_an_error() {
        let (code, said) = changed(|_| ());
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = changed(|path| {
            File::options().append(true).open(path).unwrap().write_all(traces().as_bytes()).unwrap();
        });
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(
                "not written: b.jsonl: changed while it was read, twice for is_request; convert a copy of it"
            ),
            "{said}"
        );
        let (code, said) = changed(|path| std::fs::remove_file(path).unwrap());
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(
                "not written: b.jsonl: changed while it was read, twice for is_request; convert a copy of it"
            ),
            "{said}"
        );
        // As long and as old as it was, with a line less.
        let (code, said) = changed(|path| {
            let modified = path.metadata().unwrap().modified().unwrap();
            let mut text = std::fs::read(path).unwrap();
            let line = text.iter().position(|byte| *byte == b'\n').unwrap();
            text[..line].fill(b' ');
            std::fs::write(path, text).unwrap();
            File::options().append(true).open(path).unwrap().set_modified(modified).unwrap();
        });
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("not written: a source changed while it was read"), "{said}");
    }

    #[test]
    fn a_change_leaves_no_file() {
        // The output is no pipe here: what is kept of one source makes the command wait behind its first look at the other.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("a.jsonl"), traces()).unwrap();
        assert!(Command::new("mkfifo").arg(path.join("b.jsonl")).status().unwrap().success());
        let child = Command::new(env!("CARGO_BIN_EXE_spanwise"))
            .args(["convert", "a.jsonl", "b.jsonl", "--llm", "-o", "out.parquet"])
            .current_dir(path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut kept = File::options().write(true).open(path.join("b.jsonl")).unwrap();
        File::options().append(true).open(path.join("a.jsonl")).unwrap().write_all(b"{}\n").unwrap();
        kept.write_all(traces().as_bytes()).unwrap();
        drop(kept);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("not written: a.jsonl: changed"), "{said}");
        assert!(!path.join("out.parquet").exists());
    }

    #[test]
    fn a_named_pipe_is_kept_as_standard_input_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let pipe = path.join("in.jsonl");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = std::thread::spawn(move || std::fs::write(pipe, traces()).unwrap());
        assert_eq!(converted(&["in.jsonl"], b"", path), of_traces());
        writer.join().unwrap();
    }
}

#[test]
fn a_file_on_standard_input_is_read_from_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jsonl"), traces()).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_spanwise"))
        .args(["convert", CHOSEN, "-o-", "--to=csv"])
        .stdin(std::fs::File::open(folder.path().join("a.jsonl")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().matches(",true").count(), TRACES);
}
