//! Documents that are too large to be held, which are cut between their spans: the same files as of smaller ones, and no file
//! where what comes last contradicts what was read before.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "not every test reads JSON")]
mod support;

use std::path::Path;

use serde_json::Value;
use support::run_with;

const SPANS: usize = 20_000;
/// Bytes of content a span: with it, a document is larger than what is held back until resource and scope are known.
const CONTENT: usize = 4000;

fn document(resource_first: bool) -> String {
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    let content = " hush".repeat(CONTENT / 5);
    let spans: Vec<String> = (1..=SPANS)
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
    (rows.clone().count(), rows.filter(|row| *row == "shop").count())
}

#[test]
fn a_large_document_has_its_resource_wherever_it_stands_in_a_file() {
    for resource_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in.json"), document(resource_first)).unwrap();
        let words = ["convert", "in.json", "-o", "out.csv", "--columns=service_name"];
        let run = run_with(words, b"", folder.path());
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(services(&folder.path().join("out.csv")), (SPANS, SPANS));
    }
}

#[test]
fn what_comes_too_late_from_a_pipe_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = document(false);
    for words in [
        &["convert", "-", "-o", "out.csv", "--columns=service_name"][..],
        &["redact", "-", "-o", "out.json", "--policy=privacy-mode"],
    ] {
        let run = run_with(words, text.as_bytes(), folder.path());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("of its spans that were delivered before"), "{run:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{words:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let words = ["convert", "-", "-o", "out.csv", "--columns=service_name"];
    let run = run_with(words, document(true).as_bytes(), folder.path());
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(services(&folder.path().join("out.csv")), (SPANS, SPANS));
}

#[test]
fn a_large_document_is_redacted_to_json_that_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.json"), document(false)).unwrap();
    let run = run_with(["redact", "in.json", "-o", "out.jsonl", "--policy=privacy-mode"], b"", folder.path());
    assert_eq!(run.code, 0, "{run:?}");
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert!(!text.contains("hush"));
    let mut spans = 0;
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let value = value.unwrap();
        for resource in value["resourceSpans"].as_array().unwrap() {
            assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "shop");
            for scope in resource["scopeSpans"].as_array().unwrap() {
                assert_eq!(scope["scope"]["name"], "lib");
                spans += scope["spans"].as_array().unwrap().len();
            }
        }
    }
    assert_eq!(spans, SPANS);
    let run = run_with(["validate", "--mode=strict", "out.jsonl"], b"", folder.path());
    assert_eq!(run.code, 0, "{run:?}");
}
