//! `spanwise query`: which spans, in which form and order; what is said of queries that cannot be read.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "not every test needs all of it")]
mod support;

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use support::{Run, run_with};

/// Eight spans of three traces; each id ends in the number of its span.
const SPANS: &[u8] = include_bytes!("../../spanwise/tests/traceql/spans.json");

fn query(words: &[&str]) -> Run {
    run_with(["query"].iter().chain(words), SPANS, Path::new("."))
}

/// The numbers of the spans in an answer of `--ids`.
fn numbers(run: &Run) -> Vec<&str> {
    run.stdout.lines().map(|line| &line[line.len() - 2..]).collect()
}

#[test]
fn ids_and_counts() {
    for (text, expected) in [
        (r#"{ name = "chat" }"#, &["01", "04", "05"][..]),
        // What needs the other spans of a trace.
        (r#"{ name = "chat" } >> { }"#, &["02", "03", "04", "06"]),
        ("{ } | by(name) | count() > 1", &["01", "04"]),
        (r#"{ name = "nobody" }"#, &[]),
    ] {
        let run = query(&[text, "--ids"]);
        assert_eq!((run.code, numbers(&run), run.stderr.as_str()), (0, expected.to_vec(), ""), "{text}");
        let run = query(&[text, "--count"]);
        assert_eq!((run.code, run.stdout), (0, format!("{}\n", expected.len())), "{text}");
    }
    let run = query(&[r#"{ name = "chat" }"#, "--ids", "--limit=1"]);
    assert_eq!(run.stdout, "00000000000000000000000000000001 0000000000000001\n");
}

#[test]
fn ids_cannot_steer_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let id = r"x\n0af7651916cd43dd8448eb211c80319c b7ad6b7169203331\u001b[31m\u202e";
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{id}","spanId":"{id}","name":"chat"}}]}}]}}]}}"#
    );
    let shown = "x\u{fffd}0af7651916cd43dd8448eb211c80319c b7ad6b7169203331\u{fffd}[31m\u{fffd}";
    for words in [&["{ }", "--ids"][..], &["{ }"]] {
        let run = run_with(["query"].iter().chain(words), body.as_bytes(), folder.path());
        assert_eq!(run.stdout.matches(shown).count(), 2, "{run:?}");
    }
}

#[test]
fn orders_hold_for_queries_of_either_kind() {
    for text in ["{ duration > 1ms }", "{ duration > 1ms && traceDuration >= 0s }"] {
        let ids = |words: &[&str]| {
            let run = query(&[&[text, "--ids"], words].concat());
            assert_eq!(run.code, 0, "{run:?}");
            numbers(&run).join(" ")
        };
        let input = ids(&[]);
        assert_eq!(ids(&["--order=input", "--limit=2"]), input[..5]);
        let longest = ids(&["--order=longest"]);
        assert_eq!(ids(&["--order=longest", "--limit=1"]), "01");
        assert!(longest.starts_with("01 "), "{longest}");
        let (earliest, latest) = (ids(&["--order=earliest"]), ids(&["--order=latest"]));
        assert_eq!(ids(&["--order=latest", "--limit=1"]), latest[..2]);
        assert_ne!(earliest, latest);
        let sorted = |text: &str| {
            let mut all: Vec<_> = text.split(' ').map(str::to_owned).collect();
            all.sort();
            all
        };
        for order in [&longest, &earliest, &latest] {
            assert_eq!(sorted(order), sorted(&input));
        }
    }
}

#[test]
fn the_forms_for_programs_have_the_columns_of_convert() {
    let text = r#"{ name = "tool" }"#;
    let run = query(&[text, "--format=jsonl", "--columns=span_id,name,service_name"]);
    let expected = [
        json!({"span_id": "0000000000000002", "name": "tool", "service_name": "web"}),
        json!({"span_id": "0000000000000006", "name": "tool", "service_name": "job"}),
    ];
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, expected);
    let run = query(&[text, "--format=json", "--columns=span_id,name,service_name"]);
    assert_eq!(run.json(), json!(expected));

    let all = query(&[text, "--format=json", "--limit=1"]).json();
    let converted = run_with(["convert", "-o", "-", "--to=jsonl"], SPANS, Path::new("."));
    let second: Value = serde_json::from_str(converted.stdout.lines().nth(1).unwrap()).unwrap();
    assert_eq!(all, json!([second]));

    let ids = query(&[text, "--format=json", "--ids", "--limit=1"]).json();
    assert_eq!(ids, json!([{"trace_id": "00000000000000000000000000000001", "span_id": "0000000000000002"}]));
    assert_eq!(query(&["{ false }", "--format=json"]).stdout, "[]\n");
    assert_eq!(query(&["{ false }", "--format=jsonl"]).stdout, "");
    assert_eq!(query(&["{ }", "--format=json", "--count"]).stdout, "{\"spans\":8}\n");
}

#[test]
fn attributes_are_shown_by_promoting_them() {
    let text = r#"{ name = "chat" }"#;
    let words = ["--format=jsonl", "--columns=span_id , name", "--promote=model:string"];
    let lines = |words: &[&str]| -> Vec<Value> {
        let run = query(&[&[text], words].concat());
        assert_eq!(run.code, 0, "{run:?}");
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let shown = lines(&words);
    assert_eq!(shown.len(), 3);
    let model = |line: &Value| line["model"].clone();
    assert_eq!(shown[0], json!({"span_id": "0000000000000001", "name": "chat", "model": model(&shown[0])}));
    assert!(shown.iter().any(|line| model(line).is_string()), "{shown:?}");
    let number = lines(&["--format=jsonl", "--columns=name", "--promote=model:int64"]);
    assert_eq!(number[0], json!({"name": "chat", "model": null}));
    for words in [&["--promote=a:string"][..], &["--promote=a:string", "--ids"], &["--promote=a"]] {
        let run = query(&[&[text], words].concat());
        assert_eq!((run.code, &*run.stdout), (2, ""), "{run:?}");
    }
}

#[test]
fn where_nothing_was_read_nothing_is_said_of_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let empty = r#"{"resourceSpans":[]}"#;
    std::fs::write(folder.path().join("cut.json.gz"), b"\x1f\x8b\x08\x00").unwrap();
    std::fs::write(folder.path().join("empty.json"), empty).unwrap();
    std::fs::write(folder.path().join("bad.json"), "{").unwrap();
    std::fs::write(folder.path().join("a.json"), SPANS).unwrap();
    let run = run_with(["index", "a.json", "-o", "a.idx"], b"", folder.path());
    assert_eq!(run.code, 0, "{run:?}");
    let index = std::fs::read(folder.path().join("a.idx")).unwrap();
    for len in [1, 7, 8, index.len() - 1] {
        std::fs::write(folder.path().join(format!("cut{len}.idx")), &index[..len]).unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&index).unwrap();
    std::fs::write(folder.path().join("a.idx.gz"), gzip.finish().unwrap()).unwrap();
    let cut = [1, 7, 8, index.len() - 1].map(|len| format!("cut{len}.idx"));
    let strict = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#;
    std::fs::write(folder.path().join("strict.json"), strict).unwrap();
    let shapes: [&[&str]; 5] = [&[], &["--count"], &["--ids"], &["--format=json"], &["--format=jsonl"]];
    for shape in shapes {
        for text in ["{ }", "{ } | count() > 0"] {
            for source in ["none.json", "cut.json.gz"].into_iter().chain(cut.iter().map(String::as_str)) {
                let words = [&["query", text, source], shape].concat();
                let run = run_with(words, b"", folder.path());
                assert_eq!((run.code, &*run.stdout), (2, ""), "{shape:?}: {run:?}");
                assert!(run.stderr.starts_with(&format!("spanwise: {source}: ")), "{run:?}");
            }
            for source in ["bad.json", "a.idx.gz", "-", "strict.json"] {
                let words = [&["query", text, source, "--mode=strict"], shape].concat();
                let run = run_with(words, &index, folder.path());
                assert_eq!((run.code, &*run.stdout), (1, ""), "{shape:?}: {run:?}");
                assert!(run.stderr.contains("not looked at: 1 "), "{run:?}");
            }
        }
    }
    // There was something to look at, and it is not there.
    let run = run_with(["query", "{ }", "empty.json", "none.json", "--count"], b"", folder.path());
    assert_eq!((run.code, &*run.stdout), (2, "0\n"), "{run:?}");
    let run = run_with(["query", "{ }", "empty.json", "bad.json", "--count"], b"", folder.path());
    assert_eq!((run.code, &*run.stdout), (1, "0\n"), "{run:?}");
}

#[test]
fn people_get_a_table() {
    let run = query(&[r#"{ name = "chat" }"#, "--limit=1"]);
    assert_eq!(
        run.stdout,
        "start                 duration  status  service  name  trace                             span\n\
         2023-11-14T22:13:20Z    2.00 s  unset   web      chat  00000000000000000000000000000001  0000000000000001\n\
         \n1 of 3 spans shown; --limit shows more\n"
    );
    assert_eq!(query(&["{ false }"]).stdout, "no span matches\n");
    assert!(query(&["{ }"]).stdout.ends_with("\n\n8 spans\n"));
}

#[test]
fn a_query_that_cannot_be_read_is_shown_with_its_column() {
    let run = query(&["{ parent.name = \"x\" }"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert_eq!(
        run.stderr,
        "spanwise: the query, column 3: the scope `parent.` is not supported\n  { parent.name = \"x\" }\n    ^\n"
    );
    let run = query(&["{ .a = 1 &&\n\t.b == 2 &&\n\t.c = 3 }"]);
    assert_eq!(
        run.stderr,
        "spanwise: the query, line 2, column 6: `=` cannot stand here; a value is expected\n   .b == 2 &&\n       ^\n"
    );
    let run = query(&["{ .a = 1 || .b = 2 && .c = 3 }", "--count"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "0\n"));
    assert!(run.stderr.starts_with("spanwise: the query, column "), "{}", run.stderr);
}

#[test]
fn what_was_not_looked_at_is_said() {
    let run = run_with(["query", "{ }", "--count"], b"{\"resourceSpans\":[}", Path::new("."));
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(run.stderr, "not looked at: 1 bad document (`spanwise validate` says why)\n");
    let run = run_with(["query", "{ }", "no-such-file.json", "-", "--count"], SPANS, Path::new("."));
    assert_eq!((run.code, run.stdout.as_str()), (2, "8\n"));
    assert!(run.stderr.starts_with("spanwise: no-such-file.json: "), "{}", run.stderr);
}
