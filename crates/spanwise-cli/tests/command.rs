//! The command as people and programs call it: sources, exit codes, and what is printed where.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use support::{folder, run, run_unread, run_with};

const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat"}]}]}]}"#;

/// A folder with two trace files, one in a folder of its own, and something else.
fn traces() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deeper")).unwrap();
    std::fs::write(folder.path().join("b.json"), SPAN).unwrap();
    std::fs::write(folder.path().join("deeper/a.jsonl"), format!("{SPAN}\n{SPAN}\n")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no trace").unwrap();
    folder
}

/// The files that a run of `validate` in `folder` read, and its exit code.
fn files(arguments: &[&str], folder: &Path) -> (Vec<String>, i32) {
    let words = ["validate", "--format=json"].iter().chain(arguments);
    let run = run_with(words, b"", folder);
    let report = run.json();
    let files = report["files"].as_array().unwrap().iter();
    (files.map(|file| with_slashes(file["file"].as_str().unwrap())).collect(), run.code)
}

/// A name with the same separator on every system.
fn with_slashes(name: &str) -> String {
    if cfg!(windows) { name.replace('\\', "/") } else { name.to_owned() }
}

#[test]
fn a_directory_is_searched_in_a_stable_order() {
    let folder = traces();
    let expected = ["b.json".to_owned(), "deeper/a.jsonl".to_owned()];
    assert_eq!(files(&["."], folder.path()), (expected.to_vec(), 0));
    let path = folder.path().to_str().unwrap();
    let expected = expected.map(|name| format!("{}/{name}", with_slashes(path)));
    assert_eq!(files(&[path], Path::new("/")), (expected.to_vec(), 0));
}

#[test]
fn globs_are_expanded_where_the_shell_did_not() {
    let folder = traces();
    for (pattern, expected) in [
        ("*.json", &["b.json"][..]),
        ("./*.json", &["b.json"]),
        ("**/*.json*", &["b.json", "deeper/a.jsonl"]),
        ("deeper/?.{json,jsonl}", &["deeper/a.jsonl"]),
        ("*", &["b.json", "notes.txt"]),
    ] {
        let (found, _) = files(&[pattern], folder.path());
        assert_eq!(found, expected, "{pattern}");
    }
    let absolute = with_slashes(folder.path().to_str().unwrap());
    assert_eq!(
        files(&[&format!("{absolute}/dee*/*")], Path::new("/")).0,
        [format!("{absolute}/deeper/a.jsonl")]
    );
}

#[test]
fn a_file_may_have_the_name_of_a_pattern() {
    let folder = traces();
    std::fs::write(folder.path().join("[b].json"), SPAN).unwrap();
    assert_eq!(files(&["[b].json"], folder.path()), (vec!["[b].json".to_owned()], 0));
}

#[test]
fn standard_input_is_read_by_name_and_by_default() {
    let here = Path::new(".");
    for arguments in [&["validate", "--format=json"][..], &["validate", "--format=json", "-"]] {
        let report = run_with(arguments, SPAN.as_bytes(), here).json();
        assert_eq!((&report["spans"], &report["files"][0]["file"]), (&1.into(), &"-".into()));
    }
    let summary = run_with(["summary"], format!("{SPAN}\n{SPAN}\n").as_bytes(), here);
    assert_eq!(summary.code, 0);
    assert!(summary.stdout.contains("spans      2\n"), "{summary:?}");
    assert!(summary.stdout.contains("repeated   1 span delivered before"), "{summary:?}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_read() {
    let folder = traces();
    std::fs::write(folder.path().join("c.json"), b"\x1f\x8b\x08\x00").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (source, message) in [
        ("missing.json", "missing.json: cannot read"),
        ("c.json", "c.json: the gzip data is cut off, after 0 bytes of text"),
        ("*.yaml", "*.yaml: no file matches"),
        ("empty", "empty: no .json"),
        ("x[", "x[: not a glob pattern"),
    ] {
        for command in ["validate", "summary"] {
            let run = run_with([command, "--format=json", source, "b.json"], b"", folder.path());
            assert_eq!(run.code, 2, "{run:?}");
            assert!(run.stderr.contains(message), "{run:?}");
            assert_eq!(run.json()["spans"], 1);
            let alone = run_with([command, source], b"", folder.path());
            assert_eq!((alone.code, &*alone.stdout), (2, ""));
        }
    }
    let report = run_with(["validate", "--format=json", "missing.json"], b"", folder.path()).json();
    assert_eq!(report["ok"], false);
    assert!(report["files"][0]["unreadable"].is_string());
}

#[test]
fn wrong_use_is_told_apart_from_findings() {
    for arguments in [
        &[][..],
        &["bogus"],
        &["validate", "--mode=lax"],
        &["validate", "--max-diagnostics=-1"],
        &["summary", "--format=xml"],
        &["summary", "--framing"],
    ] {
        let run = run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}");
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("--help"), "{run:?}");
    }
    for arguments in
        [&["--help"][..], &["help"], &["help", "validate"], &["--version"], &["validate", "--help"]]
    {
        let run = run(arguments);
        assert_eq!((run.code, &*run.stderr), (0, ""));
    }
}

#[test]
fn what_was_read_before_a_source_was_cut_off_is_shown_to_people_too() {
    use std::io::Write as _;
    let folder = traces();
    let mut text = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    text.write_all(format!("{SPAN}\n{SPAN}\n{SPAN}\n{{\n").as_bytes()).unwrap();
    let text = text.finish().unwrap();
    std::fs::write(folder.path().join("cut.json.gz"), &text[..text.len() - 8]).unwrap();
    let run = run_with(["validate", "cut.json.gz", "b.json"], b"", folder.path());
    assert_eq!(run.code, 2, "{run:?}");
    let row = |name: &str| -> Vec<String> {
        let row = run.stdout.lines().find(|line| line.starts_with(&format!("{name} ")));
        row.unwrap().split_whitespace().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(row("cut.json.gz"), ["3", "1", "0", "3", "0", "1", "0"]);
    assert_eq!(row("b.json"), ["1", "0", "0", "1", "0", "0", "0"]);
    assert_eq!(row("total"), ["4", "1", "0", "4", "0", "1", "0"]);
    assert!(run.stdout.starts_with("cut.json.gz\n  error[unexpected-end]"), "{run:?}");
    let verdict = "\n1 error, 0 warnings in 1 of 2 files, 1 file not read to the end\n";
    assert!(run.stdout.ends_with(verdict), "{run:?}");
    let alone = run_with(["validate", "cut.json.gz"], b"", folder.path());
    assert!(alone.stdout.contains("\ncut.json.gz          3    1"), "{alone:?}");
}

#[test]
fn a_sum_of_nothing_is_null() {
    let attribute = r#""name":"chat","attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"0"}}]"#;
    let body = SPAN.replace(r#""name":"chat""#, attribute);
    let summary = run_with(["summary", "--format=json"], body.as_bytes(), Path::new("."));
    let sums = &summary.json()["models"]["m"];
    assert_eq!((&sums["requests"], &sums["input_tokens"]), (&1.into(), &0.into()), "{sums}");
    for name in ["output_tokens", "total_tokens", "input_cost", "output_cost", "total_cost"] {
        assert!(sums.get(name).unwrap().is_null(), "{name}: {sums}");
    }
}

#[test]
fn more_threads_than_there_is_room_for_are_no_error() {
    let text = format!("{SPAN}\n").repeat(20_000);
    for threads in ["999999", "18446744073709551615"] {
        let run = run_with(["validate", "--threads", threads], text.as_bytes(), Path::new("."));
        assert_eq!((run.code, &*run.stderr), (0, ""), "{run:?}");
        assert!(run.stdout.contains("\nstandard input     20,000    0"), "{run:?}");
    }
}

/// Where a process may not have as much memory as the stacks of so many threads take.
#[cfg(target_os = "linux")]
#[test]
fn threads_that_the_system_refuses_are_done_without() {
    let text = format!("{SPAN}\n").repeat(20_000);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.jsonl"), text).unwrap();
    for bound in [150_000, 300_000] {
        let run = std::process::Command::new("sh")
            .args(["-c", &format!("ulimit -v {bound}; cat in.jsonl | \"$0\" validate --threads 3000")])
            .arg(env!("CARGO_BIN_EXE_spanwise"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(0), "{bound}: {run:?}");
        assert!(String::from_utf8(run.stdout).unwrap().contains("standard input     20,000    0"), "{bound}");
    }
}

#[test]
fn what_is_no_json_is_known_by_its_first_bytes() {
    let utf_16: Vec<u8> =
        [0xfeff].into_iter().chain(SPAN.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("traces.idx");
    std::fs::write(folder.path().join("in.json"), SPAN).unwrap();
    assert_eq!(run_with(["index", "in.json", "-o", "traces.idx"], b"", folder.path()).code, 0);
    for (text, said) in [
        (&*utf_16, "this looks like text in UTF-16; JSON is UTF-8"),
        (b"PAR1\x15\x04", "this looks like a Parquet file, not like JSON"),
        (&std::fs::read(index).unwrap(), "this looks like an index of spanwise, not like JSON"),
    ] {
        std::fs::write(folder.path().join("x.json"), text).unwrap();
        for words in [
            &["validate"][..],
            &["summary"],
            &["convert", "-o-", "--to=csv"],
            &["redact", "--policy=secrets"],
        ] {
            for source in ["x.json", "-"] {
                let run = run_with(words.iter().chain(&[source]), text, folder.path());
                assert_ne!(run.code, 0, "{words:?}: {run:?}");
                let said = format!("spanwise: {source}: {said}\n");
                assert!(run.stderr.starts_with(&said), "{words:?}: {run:?}");
            }
        }
    }
    let run = run_with(["validate"], &SPAN.as_bytes()[..40], folder.path());
    assert_eq!((run.code, &*run.stderr), (1, ""));
}

#[test]
fn findings_exit_with_one() {
    let strict = folder("cases").join("011-id-too-long-one-bad-span.json");
    let strict = strict.to_str().unwrap();
    assert_eq!(run(["validate", "--mode=strict", strict]).code, 1);
    assert_eq!(run(["validate", strict]).code, 0);
    let broken = folder("cases").join("122-lines-one-bad-line.ndjson");
    let broken = broken.to_str().unwrap();
    assert_eq!(run(["validate", broken]).code, 1);
    let summary = run(["summary", broken]);
    assert_eq!(summary.code, 1);
    assert!(summary.stdout.contains("1 could not be read"), "{summary:?}");
}

#[test]
fn what_is_told_of_a_code_is_of_the_severity_that_it_had() {
    // A key of a string table is no fault in strict mode, and no key is one.
    let span = |list: &str| SPAN.replace(r#""name""#, &format!(r#""attributes":[{list}],"name""#));
    let (tables, none) = (span(r#"{"keyStrindex":1}"#), span(r#"{"key":""}"#));
    let strict = |body: &str, shown: &str| {
        let words = ["validate", "--mode=strict", shown];
        run_with(words, body.as_bytes(), Path::new("."))
    };
    let run = strict(&format!("{tables}\n{tables}\n"), "--max-diagnostics=0");
    assert!(run.stdout.contains("2 warnings of attribute-key-empty\n"), "{}", run.stdout);
    assert!(run.stdout.contains("no errors, 4 warnings\n") && run.code == 0, "{}", run.stdout);
    let run = strict(&format!("{tables}\n{none}\n{none}\n"), "--max-diagnostics=0");
    let lines = "  2 errors of attribute-key-empty\n  1 warning of attribute-key-empty\n";
    assert!(run.stdout.contains(lines) && run.code == 1, "{}", run.stdout);
    assert!(run.stdout.contains("2 errors, 2 warnings\n"), "{}", run.stdout);
    let both = run_with(
        ["validate", "--mode=strict", "--format=json"],
        format!("{tables}\n{none}\n{none}\n").as_bytes(),
        Path::new("."),
    );
    assert_eq!(both.json()["codes"]["attribute-key-empty"], 3);
    assert_eq!(both.json()["files"][0]["codes"]["attribute-key-empty"], 3);
}

#[test]
fn findings_are_shown_up_to_the_bound_and_every_code_has_its_turn() {
    let spans = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"x","kind":"CLIENT"},"#;
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{"traceId":"hush","spanId":"b7ad6b7169203331","name":"x"}}]}}]}}]}}"#,
        spans.repeat(30)
    );
    let here = Path::new(".");
    let human = run_with(["validate", "--max-diagnostics=3"], body.as_bytes(), here);
    assert_eq!(human.stdout.matches("warning[enum-name]").count(), 2, "{human:?}");
    assert_eq!(human.stdout.matches("warning[id-text]").count(), 1);
    assert!(human.stdout.contains("  28 more warnings of enum-name\n"), "{human:?}");
    assert!(human.stdout.ends_with("no errors, 31 warnings\n"), "{human:?}");
    let json = run_with(["validate", "--format=json", "--max-diagnostics=3"], body.as_bytes(), here).json();
    assert_eq!(json["diagnostics"].as_array().unwrap().len(), 3);
    assert_eq!((&json["dropped_diagnostics"], &json["codes"]["enum-name"]), (&28.into(), &30.into()));
    let none = run_with(["validate", "--max-diagnostics=0"], body.as_bytes(), here);
    assert!(none.stdout.contains("  30 warnings of enum-name\n  1 warning of id-text\n"), "{none:?}");
    let all = run_with(["validate", "--format=json", "--max-diagnostics=5000"], body.as_bytes(), here).json();
    assert_eq!((all["diagnostics"].as_array().unwrap().len(), &all["dropped_diagnostics"]), (31, &0.into()));
}

#[test]
fn framing_can_be_given() {
    let lines = format!("{{\n{SPAN}\n");
    let here = Path::new(".");
    for (framing, spans) in [("--framing=lines", 1), ("--framing=documents", 1), ("--framing=auto", 1)] {
        let run = run_with(["validate", "--format=json", framing], lines.as_bytes(), here);
        assert_eq!((run.code, &run.json()["spans"]), (1, &spans.into()), "{framing}");
    }
    let pretty = SPAN.replace('{', "{\n");
    assert_eq!(run_with(["validate", "--framing=documents"], pretty.as_bytes(), here).code, 0);
    assert_eq!(run_with(["validate", "--framing=lines"], pretty.as_bytes(), here).code, 1);
}

#[test]
fn findings_show_no_value_and_no_key_unless_asked() {
    let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"hush-trace","spanId":"b7ad6b7169203331",
        "name":"hush-name","attributes":[{"key":"hush.key","value":{"intValue":"hush-value"}}],"hush-member":1}]}]}]}"#;
    let here = Path::new(".");
    for mode in ["--mode=strict", "--mode=lenient"] {
        for format in ["--format=human", "--format=json"] {
            let run = run_with(["validate", mode, format], body.as_bytes(), here);
            assert!(!run.stdout.contains("hush") && !run.stderr.contains("hush"), "{run:?}");
        }
    }
    let asked = run_with(["validate", "--report-keys"], body.as_bytes(), here);
    assert!(asked.stdout.contains("hush.key") && !asked.stdout.contains("hush-value"), "{asked:?}");
}

#[test]
fn names_cannot_steer_a_terminal() {
    let body = SPAN.replace(
        r#"{"resourceSpans":[{"#,
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"\u001b[2Jx"}}]},"#,
    );
    let run = run_with(["summary"], body.as_bytes(), Path::new("."));
    assert!(run.stdout.contains("\u{fffd}[2Jx (1)"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn names_of_files_that_were_found_cannot_steer_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\n\u{1b}[31mspanwise: all is well\u{202e}.json";
    let shown = "a\u{fffd}\u{fffd}[31mspanwise: all is well\u{fffd}.json";
    for text in [&b"\x1f\x8b\x08\x00"[..], b"PAR1\x15\x04", b"{\"name\":\"x\"}"] {
        std::fs::write(folder.path().join(name), text).unwrap();
        for words in [
            &["validate", "."][..],
            &["summary", "."],
            &["query", "{ }", "."],
            &["convert", ".", "-o-", "--to=csv"],
            &["redact", ".", "--policy=secrets"],
            &["index", ".", "-o", "traces.idx"],
        ] {
            let run = run_with(words, b"", folder.path());
            let told = [&*run.stdout, &run.stderr].concat();
            assert!(told.contains(shown), "{words:?}: {run:?}");
            let steers = |c: char| c == '\u{1b}' || c == '\u{202e}';
            assert!(!run.stdout.contains(steers) && !run.stderr.contains(steers), "{words:?}: {run:?}");
        }
    }
}

#[test]
fn json_that_holds_no_traces_is_told_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.json", SPAN);
    write("b.json", r#"{"name":"x","version":1}"#);
    write("c.jsonl", "{}\n{\"name\":1}\n{\"name\":2}\n");
    let one = "spanwise: 1 document that holds no traces, in b.json\n";
    let three = "spanwise: 3 documents that hold no traces, the first in b.json\n";
    for (sources, said) in [
        (&["a.json"][..], ""),
        (&["b.json"], one),
        (&["a.json", "b.json", "c.jsonl"], three),
        (&["."], three),
    ] {
        // `validate` has it among its findings.
        for words in [
            &["summary"][..],
            &["query", "{ }"],
            &["query", "{ } >> { }"],
            &["convert", "-o-", "--to=csv"],
            &["redact", "--policy=secrets"],
            &["index", "-o", "traces.idx"],
        ] {
            let run = run_with(words.iter().chain(sources), b"", folder.path());
            // What such a document holds is lost to `redact` alone.
            let is_lost = words[0] == "redact" && !said.is_empty();
            assert_eq!(run.code, i32::from(is_lost), "{words:?}: {run:?}");
            let told: String =
                run.stderr.split_inclusive('\n').filter(|line| line.contains("no traces")).collect();
            assert_eq!(told, said, "{words:?}: {run:?}");
        }
    }
    let summary = run_with(["summary", "--format=json", "."], b"", folder.path()).json();
    assert_eq!((&summary["documents"], &summary["foreign_documents"]), (&5.into(), &3.into()));
    let summary = run_with(["summary", "."], b"", folder.path());
    assert!(summary.stdout.contains("documents  5, 3 without traces\n"), "{summary:?}");
}

#[test]
fn a_reader_that_closes_early_is_told_nothing_and_passes_nothing() {
    let run = run_unread(["validate", "--format=json", "--mode=strict", "."], &folder("cases"));
    assert_eq!((run.code, run.stderr.len()), (141, 0));
}

#[test]
fn the_verdict_says_what_was_not_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), SPAN).unwrap();
    std::fs::write(folder.path().join("b.json.gz"), b"\x1f\x8b\x08\x00").unwrap();
    for (words, verdict) in [
        (&["a.json"][..], "no errors, 0 warnings\n"),
        (&["a.json", "none.json"], "no errors, 0 warnings, 1 file not read\n"),
        (&["none.json", "a.json", "b.json.gz"], "no errors, 0 warnings, 2 files not read\n"),
    ] {
        let run = run_with(["validate"].iter().chain(words), b"", folder.path());
        assert_eq!(run.code, if words.len() == 1 { 0 } else { 2 }, "{run:?}");
        assert!(run.stdout.ends_with(&format!("\n{verdict}")), "{words:?}: {run:?}");
    }
}

#[test]
fn costs_without_bounds_have_a_sum_in_json() {
    let span = |id: u32| {
        SPAN.replace("b7ad6b7169203331", &format!("b7ad6b716920333{id}")).replacen(
            "\"name\":",
            r#""attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"heron"}},{"key":"gen_ai.usage.cost","value":{"doubleValue":1.7e308}}],"name":"#,
            1,
        )
    };
    let input = format!("{}\n{}\n{}\n", span(1), span(2), span(3));
    let run = run_with(["summary", "--format=json"], input.as_bytes(), Path::new("."));
    let model = &run.json()["models"]["heron"];
    assert_eq!((&model["requests"], &model["total_cost"]), (&3.into(), &f64::MAX.into()), "{run:?}");
}

#[test]
fn the_examples_are_what_their_page_says() {
    let examples = folder("../examples");
    let summary = run([std::ffi::OsStr::new("summary"), "--format=json".as_ref(), examples.as_os_str()]);
    assert_eq!(summary.code, 0, "{summary:?}");
    let summary = summary.json();
    assert_eq!((&summary["spans"], &summary["test_spans"]), (&28.into(), &1.into()));
    let requests = |model: &str| &summary["models"][model]["requests"];
    assert_eq!(requests("larkspur-labs/wren-3"), 2);
    assert_eq!(requests("larkspur-labs/wren-3-mini"), 2);
    assert_eq!(requests("wren-3"), 2);
    let validate = |mode: &str| {
        run([std::ffi::OsStr::new("validate"), mode.as_ref(), "--format=json".as_ref(), examples.as_os_str()])
    };
    let lenient = validate("--mode=lenient");
    assert_eq!((lenient.code, &lenient.json()["spans"]), (0, &28.into()));
    let strict = validate("--mode=strict");
    assert_eq!(
        (strict.code, &strict.json()["spans"], &strict.json()["rejected_spans"]),
        (1, &27.into(), &1.into())
    );
}
