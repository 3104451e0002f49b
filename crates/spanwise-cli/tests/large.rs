//! Documents that are too large to be held, which are cut between their spans: the same files as of smaller ones, and no file
//! where what comes last contradicts what was read before.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "not every test reads JSON")]
mod support;

use std::io::Read as _;
use std::path::Path;

use flate2::Compression;
use flate2::read::GzEncoder;
use support::run_with;

const SPANS: usize = 20_000;
/// Bytes of content a span: with it, a document is larger than what is held back until resource and scope are known.
const CONTENT: usize = 4000;

fn document(spans: usize, resource_first: bool) -> String {
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    let content = " hush".repeat(CONTENT / 5);
    let spans: Vec<String> = (1..=spans)
        .map(|id| {
            format!(
                "{{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"{id:016x}\",\"name\":\"chat\",\
                 \"attributes\":[{{\"key\":\"gen_ai.prompt\",\"value\":{{\"stringValue\":\"hush{content}\"}}}}]}}"
            )
        })
        .collect();
    let spans = spans.join(",");
    let scopes = format!("\"scopeSpans\":[{{\"scope\":{{\"name\":\"lib\"}},\"spans\":[{spans}]}}]");
    let one = if resource_first { format!("{resource},{scopes}") } else { format!("{scopes},{resource}") };
    format!("{{\"resourceSpans\":[{{{one}}}]}}")
}

fn services(csv: &Path) -> (usize, usize) {
    let text = std::fs::read_to_string(csv).unwrap();
    let rows = text.lines().skip(1);
    (rows.clone().count(), rows.filter(|row| row.split(',').next() == Some("shop")).count())
}

#[test]
fn a_large_document_has_its_resource_wherever_it_stands_in_a_file() {
    for resource_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in.json"), document(SPANS, resource_first)).unwrap();
        let words = ["convert", "in.json", "-o", "out.csv", "--columns=service_name"];
        let run = run_with(words, b"", folder.path());
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(services(&folder.path().join("out.csv")), (SPANS, SPANS));
    }
}

#[test]
fn a_large_compressed_document_that_breaks_off_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let text = document(3000, false);
    let path = |name: &str| folder.path().join(format!("traces/{name}"));
    std::fs::create_dir(path("")).unwrap();
    let mut packed = Vec::new();
    GzEncoder::new(text.as_bytes(), Compression::fast()).read_to_end(&mut packed).unwrap();
    std::fs::write(path("a.json.gz"), &packed).unwrap();
    std::fs::write(path("b.json.gz"), &packed[..packed.len() - 100]).unwrap();
    std::fs::write(path("c.json"), &text).unwrap();
    // With requests to be told, all is read twice.
    for columns in ["--columns=service_name", "--columns=service_name,is_request"] {
        let run = run_with(["convert", "traces", "-o", "out.csv", columns], b"", folder.path());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("traces/b.json.gz: the gzip data is cut off, after "), "{run:?}");
        assert!(run.stderr.contains("left out: 1 bad document "), "{run:?}");
        assert_eq!(services(&folder.path().join("out.csv")), (6000, 6000));
    }
}

#[test]
fn what_comes_too_late_from_a_pipe_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = document(SPANS, false);
    for words in [
        &["convert", "-", "-o", "out.csv", "--columns=service_name"][..],
        &["redact", "-", "-o", "out.json", "--policy=privacy-mode"],
    ] {
        let run = run_with(words, text.as_bytes(), folder.path());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("of its spans that were delivered before"), "{run:?}");
        let begin = format!("spanwise: {}: not written: -: ", words[3]);
        assert!(run.stderr.starts_with(&begin), "{run:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{words:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let words = ["convert", "-", "-o", "out.csv", "--columns=service_name"];
    let run = run_with(words, document(SPANS, true).as_bytes(), folder.path());
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(services(&folder.path().join("out.csv")), (SPANS, SPANS));
}

#[test]
fn a_large_document_is_redacted_to_one_with_every_other_byte_as_it_was() {
    // Cut, and not larger than that takes.
    let document = document(3000, false);
    let folder = tempfile::tempdir().unwrap();
    for end in ["", "\n"] {
        let text = document.clone() + end;
        std::fs::write(folder.path().join("in.json"), &text).unwrap();
        let run = |out: &str, policy: &str| {
            let run = run_with(["redact", "in.json", "-o", out, policy], b"", folder.path());
            assert_eq!(run.code, 0, "{run:?}");
            assert!(run.stdout.starts_with("1 document, 3,000 spans"), "{run:?}");
            std::fs::read_to_string(folder.path().join(out)).unwrap()
        };
        let secrets = run("same.json", "--policy=secrets");
        assert!(secrets == text, "{} of {} bytes", secrets.len(), text.len());
        let content = format!("hush{}", " hush".repeat(CONTENT / 5));
        let masked = run("out.json", "--policy=privacy-mode");
        assert!(masked == text.replace(&content, "[REDACTED:content]"), "{} bytes", masked.len());
        let run = run_with(["validate", "--mode=strict", "out.json"], b"", folder.path());
        assert_eq!(run.code, 0, "{run:?}");
    }
    // Of several sources each document is a line.
    std::fs::write(folder.path().join("two.json"), "{\n\"resourceSpans\":[]}").unwrap();
    let words = ["redact", "in.json", "two.json", "-o", "lines.jsonl", "--policy=secrets"];
    let run = run_with(words, b"", folder.path());
    assert_eq!(run.code, 0, "{run:?}");
    let lines = std::fs::read_to_string(folder.path().join("lines.jsonl")).unwrap();
    assert!(lines == document + "\n{\"resourceSpans\":[]}\n", "{} bytes", lines.len());
}

#[test]
fn a_large_document_that_is_torn_counts_as_a_bad_one() {
    let mut text = document(3000, true);
    text.truncate(text.len() - 1000);
    for command in ["validate", "summary"] {
        let run = run_with([command, "-", "--format=json"], text.as_bytes(), Path::new("."));
        assert_eq!(run.code, 2, "{run:?}");
        let told = run.json();
        let count = told.get("bad_documents").or_else(|| told["files"][0].get("bad_documents"));
        assert_eq!(count.and_then(serde_json::Value::as_u64), Some(1), "{told}");
    }
}
