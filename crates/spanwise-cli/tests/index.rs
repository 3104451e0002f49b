//! `spanwise index`, and `query` of what it made: the answers are those of looking at every span.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "not every test needs all of it")]
mod support;

use std::fs;
use std::path::Path;

use spanwise_corpora::{Corpus, Form};
use support::{Run, folder, run_with};

const QUERIES: [&str; 10] = [
    "{ }",
    "{ false }",
    "{ status = error }",
    "{ duration > 100ms && kind != server }",
    r#"{ span.http.request.method = "GET" || .gen_ai.request.model =~ ".+" }"#,
    r#"{ resource.service.name != nil && name != "" }"#,
    "{ } | count() > 3",
    "{ } > { duration > 1ms }",
    "{ rootName =~ \".*e.*\" }",
    "{ childCount >= 1 } | by(name) | avg(duration) > 10ms",
];

const SHAPES: [&[&str]; 7] = [
    &["--count"],
    &["--ids"],
    &["--ids", "--order=longest", "--limit=7"],
    &["--ids", "--order=latest", "--limit=3"],
    &["--format=jsonl", "--limit=5"],
    &["--format=json", "--columns=name,attributes", "--order=earliest", "--limit=4"],
    &[],
];

fn spanwise(words: &[&str], folder: &Path) -> Run {
    run_with(words, b"", folder)
}

/// Asks the sources and the indexes in every shape.
fn compare(sources: &[&str], indexes: &[&[&str]], folder: &Path) {
    for query in QUERIES {
        for shape in SHAPES {
            let ask = |of: &[&str]| {
                let run = spanwise(&[&["query", query], of, shape].concat(), folder);
                // Of documents without traces an index was told when it was made.
                let told: Vec<_> = run.stderr.lines().filter(|line| !line.contains("no traces")).collect();
                (run.code, run.stdout, told.join("\n"))
            };
            let expected = ask(sources);
            for indexes in indexes {
                assert_eq!(ask(indexes), expected, "{query} {shape:?} {indexes:?}");
            }
        }
    }
}

#[test]
fn payloads_answer_the_same_from_an_index() {
    let temporary = tempfile::tempdir().unwrap();
    let payloads = folder("payloads");
    let payloads = payloads.to_str().unwrap();
    let index = temporary.path().join("payloads.idx");
    let index = index.to_str().unwrap();
    let made = spanwise(&["index", payloads, "-o", index], temporary.path());
    assert!(made.code <= 1, "{made:?}");
    assert!(made.stdout.contains(" spans in "), "{made:?}");
    assert!(made.stderr.contains("1 document that holds no traces, in "), "{made:?}");
    compare(&[payloads], &[&[index]], temporary.path());
}

#[test]
fn corpora_answer_the_same_from_one_index_from_several_and_from_a_mixture() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let write = |name: &str, corpus: &str, form: Form| {
        fs::write(folder.join(name), Corpus::parse(corpus).unwrap().to_vec(3, 60_000, form)).unwrap();
    };
    write("a.jsonl", "micro", Form::Ndjson);
    write("b.json", "pretty", Form::Document);
    write("c.jsonl", "llm", Form::Ndjson);
    let index = |words: &[&str]| {
        let run = spanwise(&[&["index"], words].concat(), folder);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    };
    index(&["a.jsonl", "b.json", "c.jsonl", "-o", "all.idx"]);
    index(&["a.jsonl", "-o", "a.idx"]);
    index(&["c.jsonl", "-o", "c.idx"]);
    index(&["a.idx", "b.json", "c.idx", "-o", "merged.idx"]);
    index(&["merged.idx", "-o", "merged.idx"]);
    let sources = &["a.jsonl", "b.json", "c.jsonl"];
    compare(sources, &[&["all.idx"], &["merged.idx"], &["a.idx", "b.json", "c.idx"]], folder);
    compare(&["a.jsonl", "c.jsonl"], &[&["a.idx", "c.idx"]], folder);
    let text = fs::read(folder.join("b.json")).unwrap();
    let expected = spanwise(&["query", "{ } | count() > 1", "--count", "b.json", "c.jsonl"], folder);
    let found = run_with(["query", "{ } | count() > 1", "--count", "-", "c.idx"], &text, folder);
    assert_eq!((found.code, found.stdout), (0, expected.stdout));
}

#[test]
fn what_was_left_out_is_said_when_it_is_made_and_when_it_is_asked() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let good = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"traceId":3,"name":"b"}]}]}]}"#;
    fs::write(folder.join("a.jsonl"), format!("{good}\n{{\"resourceSpans\":[}}\n")).unwrap();
    let run = spanwise(&["index", "a.jsonl", "-o", "a.idx", "--mode=strict"], folder);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.starts_with("left out: 1 bad document"), "{run:?}");
    let scanned = spanwise(&["query", "{ }", "--count", "--mode=strict", "a.jsonl"], folder);
    let asked = spanwise(&["query", "{ }", "--count", "a.idx"], folder);
    assert_eq!((asked.code, &asked.stdout, &asked.stderr), (scanned.code, &scanned.stdout, &scanned.stderr));
    assert_eq!(asked.code, 1);
}

#[cfg(unix)]
#[test]
fn a_pipe_with_a_name_loses_nothing_to_the_question_whether_it_is_an_index() {
    let text = Corpus::parse("micro").unwrap().to_vec(3, 20_000, Form::Ndjson);
    let ask = |source: &str| run_with(["query", "{ }", "--ids", source], &text, Path::new("."));
    let (named, standard) = (ask("/dev/stdin"), ask("-"));
    assert_eq!((named.code, &named.stderr), (0, &String::new()));
    assert_eq!(named.stdout, standard.stdout);
    assert!(named.stdout.lines().count() > 5);
}

/// Changed without its size or its time, which is seen when its spans are read.
#[test]
fn a_source_whose_spans_are_others_has_no_answer_printed() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("a.jsonl");
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}"#;
    fs::write(&path, text).unwrap();
    let modified = path.metadata().unwrap().modified().unwrap();
    assert_eq!(spanwise(&["index", "a.jsonl", "-o", "a.idx"], temporary.path()).code, 0);
    fs::write(&path, text.replace("\"a\"", "\"b\"")).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    for shape in [&[][..], &["--ids"], &["--format=json"]] {
        let run = spanwise(&[&["query", "{ }", "a.idx"], shape].concat(), temporary.path());
        assert_eq!((run.code, &*run.stdout), (2, ""), "{shape:?}: {run:?}");
        assert!(run.stderr.contains("has changed since it was indexed"), "{run:?}");
    }
}

/// Some file systems hold names to UTF-8, such as those of Apple.
#[cfg(target_os = "linux")]
#[test]
fn a_source_without_spans_is_held_to_what_it_was_whatever_it_is_indexed_with() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let span = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}"#;
    let none = format!("{:<1$}", r#"{"resourceSpans":[]}"#, span.len());
    fs::write(folder.join("a.json"), &none).unwrap();
    fs::write(folder.join("b.json"), span).unwrap();
    for words in [
        &["index", "b.json", "-o", "b.idx"][..],
        &["index", "a.json", "b.json", "-o", "both.idx"],
        &["index", "a.json", "b.idx", "-o", "merged.idx"],
    ] {
        assert_eq!(spanwise(words, folder).code, 0, "{words:?}");
    }
    let ask = |index| spanwise(&["query", "{ }", index, "--count"], folder);
    fs::write(folder.join("a.json"), span).unwrap();
    for index in ["both.idx", "merged.idx"] {
        let run = ask(index);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{index}");
        assert!(run.stderr.contains("a.json has changed since it was indexed"), "{}", run.stderr);
    }
    fs::write(folder.join("a.json"), none).unwrap();
    for index in ["both.idx", "merged.idx"] {
        assert_eq!(ask(index).stdout, "1\n", "{index}");
    }
}

#[test]
fn spans_of_unknown_start_are_last_wherever_they_are() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    for (name, starts) in [("a.jsonl", ["5", "0"]), ("b.jsonl", ["7", "3"])] {
        let line = |start: &str| {
            let span = format!(r#"{{"name":"{name} {start}","startTimeUnixNano":"{start}"}}"#);
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
        };
        fs::write(folder.join(name), starts.map(line).join("\n")).unwrap();
    }
    assert_eq!(spanwise(&["index", "a.jsonl", "b.jsonl", "-o", "both.idx"], folder).code, 0);
    for sources in [&["a.jsonl", "b.jsonl"][..], &["both.idx"]] {
        for query in ["{ }", "{ childCount = 0 }"] {
            for (order, expected) in [
                ("--order=earliest", ["b.jsonl 3", "a.jsonl 5", "b.jsonl 7", "a.jsonl 0"]),
                ("--order=latest", ["b.jsonl 7", "a.jsonl 5", "b.jsonl 3", "a.jsonl 0"]),
            ] {
                let words =
                    [&["query", query], sources, &[order, "--format=jsonl", "--columns=name"]].concat();
                let expected = expected.map(|name| format!("{{\"name\":\"{name}\"}}\n")).concat();
                assert_eq!(spanwise(&words, folder).stdout, expected, "{words:?}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let temporary = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"a\xff.json");
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}"#;
    fs::write(temporary.path().join(name), text).unwrap();
    let made = spanwise(&["index", ".", "-o", "a.idx"], temporary.path());
    assert_eq!((made.code, &*made.stderr), (0, ""), "{made:?}");
    let found = spanwise(&["query", "{ }", "a.idx", "--format=jsonl", "--columns=name"], temporary.path());
    assert_eq!((found.code, &*found.stdout), (0, "{\"name\":\"a\"}\n"), "{found:?}");
}

#[cfg(unix)]
#[test]
fn a_pipe_without_a_name_is_as_little_a_file_as_one_with_one() {
    let temporary = tempfile::tempdir().unwrap();
    let run = std::process::Command::new("bash")
        .args(["-c", "$B index <(echo '{}') -o a.idx"])
        .env("B", env!("CARGO_BIN_EXE_spanwise"))
        .current_dir(temporary.path())
        .output()
        .unwrap();
    let errors = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(2), "{errors}");
    assert!(errors.contains(": only files can be indexed"), "{errors}");
}

#[test]
fn what_cannot_be_indexed_or_asked_is_an_error_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let write = |text: &[u8]| fs::write(folder.join("a.jsonl"), text).unwrap();
    write(b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"a\"}]}]}]}\n");
    for (words, message) in [
        (&["a.jsonl", "none.json", "-o", "a.idx"][..], "spanwise: none.json: "),
        (&["-", "-o", "a.idx"], "spanwise: -: only files can be indexed"),
        (&["-o", "a.idx"], "error: the following required arguments were not provided:\n  <SOURCE>..."),
        (&["a.jsonl", "-o", "a.jsonl"], "spanwise: a.jsonl: name another file"),
        (&["a.jsonl", "-o", "-"], "spanwise: -: name another file"),
        (&["a.jsonl", "-o", "none/a.idx"], "spanwise: none/a.idx: the index file: "),
    ] {
        let run = spanwise(&[&["index"], words].concat(), folder);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.starts_with(message), "{words:?}: {run:?}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "{words:?}");
    }
    assert_eq!(spanwise(&["index", "a.jsonl", "-o", "a.idx"], folder).code, 0);
    write(b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"changed\"}]}]}]}\n");
    let run = spanwise(&["query", "{ }", "a.idx", "--count"], folder);
    assert_eq!((run.code, &*run.stdout), (2, ""), "{run:?}");
    assert!(run.stderr.contains("has changed since it was indexed; make the index again"), "{run:?}");
    let bytes = fs::read(folder.join("a.idx")).unwrap();
    fs::write(folder.join("a.idx"), &bytes[..bytes.len() - 1]).unwrap();
    let run = spanwise(&["query", "{ }", "a.idx", "--count"], folder);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (2, "spanwise: a.idx: the index file is damaged; make it again\n")
    );
}
