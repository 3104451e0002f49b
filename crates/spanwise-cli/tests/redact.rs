//! `spanwise redact` as people and programs call it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{folder, run, run_with};

fn document(value: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat","attributes":[{{"key":"input.value","value":{{"stringValue":"{value}"}}}},{{"key":"note","value":{{"stringValue":"{value} of joe@example.com"}}}}]}}]}}]}}]}}"#
    )
}

#[test]
fn private_text_goes_and_the_rest_is_as_it_was() {
    let input = format!("{}\n{}\n", document("hush"), document("quiet"));
    let privacy = run_with(["redact", "--policy=privacy-mode"], input.as_bytes(), Path::new("."));
    assert_eq!((privacy.code, &*privacy.stderr), (0, ""));
    let expected = input
        .replace(r#"Value":"hush""#, r#"Value":"[REDACTED:content]""#)
        .replace(r#"Value":"quiet""#, r#"Value":"[REDACTED:content]""#);
    assert_eq!(privacy.stdout, expected);
    let both = ["redact", "--policy=privacy-mode", "--policy=secrets", "-"];
    let both = run_with(both, input.as_bytes(), Path::new("."));
    assert_eq!(both.stdout, expected.replace("joe@example.com", "[REDACTED:email]"));
}

#[test]
fn every_payload_loses_what_must_go() {
    let expected: Value =
        serde_json::from_slice(&fs::read(folder("payloads").join("expected.json")).unwrap()).unwrap();
    for (name, expected) in expected["files"].as_object().unwrap() {
        let path = folder("payloads").join(name);
        let redacted = run(["redact".as_ref(), "--policy=privacy-mode".as_ref(), path.as_os_str()]);
        assert_eq!((redacted.code, &*redacted.stderr), (0, ""), "{name}");
        for word in expected["vanish"].as_array().into_iter().flatten() {
            assert!(!redacted.stdout.contains(word.as_str().unwrap()), "{name}: {word}");
        }
        let strict = run_with(
            ["validate", "--format=json", "--mode=strict"],
            redacted.stdout.as_bytes(),
            Path::new("."),
        );
        let codes = strict.json()["codes"].as_object().unwrap().clone();
        // What a span never had, redaction does not make up.
        let is_absence =
            |code: &String| matches!(&**code, "trace-id-empty" | "span-id-empty" | "span-name-empty");
        assert!(strict.code == 0 || codes.keys().all(is_absence), "{name}: {codes:?}");
    }
}

#[test]
fn a_folder_of_requests_becomes_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    for number in 0..40 {
        let value = format!("number {number}");
        let end = if number % 3 == 0 { "\n" } else { "" };
        fs::write(folder.path().join(format!("{number:02}.json")), document(&value) + end).unwrap();
        expected += &document(&value).replacen(&value, "[REDACTED:content]", 1);
        expected += "\n";
    }
    let redact = || run_with(["redact", "--policy=privacy-mode", "."], b"", folder.path());
    let all = redact();
    assert_eq!((all.code, &*all.stderr), (0, ""));
    assert_eq!(all.stdout, expected);
    // One of them torn: the others are what they were.
    fs::write(folder.path().join("20.json"), "{\"resourceSpans\":[").unwrap();
    let (before, after) = expected.split_once("number 20").unwrap();
    let before = &before[..=before.rfind('\n').unwrap()];
    let after = &after[after.find('\n').unwrap() + 1..];
    let rest = redact();
    assert_eq!((rest.code, rest.stdout), (1, format!("{before}{after}")));
}

#[test]
fn several_sources_become_lines_and_an_output_may_be_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let pretty = document("hush").replace("{\"traceId", "\r\n  {\"traceId");
    fs::write(folder.path().join("a.json"), &pretty).unwrap();
    fs::write(folder.path().join("b.jsonl"), format!("{0}\n\n{0}", document("hush"))).unwrap();
    fs::write(folder.path().join("c.json"), document("hush")).unwrap();
    let policy = "--policy=privacy-mode";
    let all = run_with(["redact", policy, "."], b"", folder.path());
    let line = document("hush").replacen("hush", "[REDACTED:content]", 1);
    let of_pretty = line.replace("{\"traceId", "  {\"traceId");
    assert_eq!((all.code, all.stdout), (0, format!("{of_pretty}\n{line}\n{line}\n{line}\n")));
    let told = run_with(["redact", policy, "a.json", "-o", "a.json"], b"", folder.path());
    assert_eq!((told.code, &*told.stderr), (0, ""));
    assert_eq!(
        told.stdout,
        "1 document, 1 span: 1 change in place of private text\n\
         places  1  span\n\
         rules   1  privacy-mode: input.value\n"
    );
    let expected = pretty.replacen("hush", "[REDACTED:content]", 1);
    assert_eq!(fs::read_to_string(folder.path().join("a.json")).unwrap(), expected);
}

#[test]
fn of_several_sources_none_is_the_output_and_a_report_has_a_place_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("in")).unwrap();
    fs::write(path("in/a.json"), document("x")).unwrap();
    let redact = |words: &[&str]| {
        run_with(["redact", "--policy=privacy-mode"].iter().chain(words), b"", folder.path())
    };
    assert_eq!(redact(&["in", "-o", "in/out.jsonl"]).code, 0);
    let first = fs::read_to_string(path("in/out.jsonl")).unwrap();
    for (words, said) in [
        (&["in", "-o", "in/out.jsonl"][..], "the output is one of the sources"),
        (&["in/a.json", "in/out.jsonl", "-o", "./in/out.jsonl"], "the output is one of the sources"),
        (&["in/a.json", "--report=-"], "--report must name a file"),
        (&["in/a.json", "-o-", "--report=-"], "--report must name a file"),
        (&["in/a.json", "-o", "out.jsonl", "--report=out.jsonl"], "a file of its own"),
        (&["in/a.json", "-o", "out.jsonl", "--report=./out.jsonl"], "a file of its own"),
        (&["in/a.json", "-o", "in/../out.jsonl", "--report=out.jsonl"], "a file of its own"),
        (&["in/a.json", "-o", "in/out.jsonl", "--report=in/./out.jsonl"], "a file of its own"),
        (&["in/a.json", "-o", "out.jsonl", "--report=in/a.json"], "the report is one of the sources"),
    ] {
        let run = redact(words);
        assert_eq!((run.code, &*run.stdout), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.starts_with("spanwise: ") && run.stderr.contains(said), "{words:?}: {run:?}");
        assert_eq!(fs::read_to_string(path("in/out.jsonl")).unwrap(), first, "{words:?}");
        assert_eq!(fs::read_to_string(path("in/a.json")).unwrap(), document("x"), "{words:?}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("in", path("link")).unwrap();
        let run = redact(&["in/a.json", "-o", "in/new.jsonl", "--report=link/new.jsonl"]);
        assert!(run.code == 2 && run.stderr.contains("a file of its own"), "{run:?}");
        assert!(!path("in/new.jsonl").exists());
    }
    let told = redact(&["in/a.json", "-o", "out.jsonl", "--report=-"]);
    assert_eq!((told.code, told.json()["changes"].clone()), (0, 1.into()), "{told:?}");
    assert_eq!(fs::read_to_string(path("out.jsonl")).unwrap().matches("[REDACTED:content]").count(), 1);
}

#[test]
fn json_without_a_span_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // As containers write what is logged in them.
    let line = r#"{"log":"hush","stream":"stdout"}"#;
    fs::write(folder.path().join("a.jsonl"), format!("{line}\n{line}\n")).unwrap();
    fs::write(folder.path().join("one.jsonl"), "{\"log\":\"hush\"}\n").unwrap();
    fs::write(folder.path().join("b.jsonl"), format!("{line}\n{}\n", document("x"))).unwrap();
    fs::write(folder.path().join("c.jsonl"), "{}\n{\"resourceSpans\":[]}\n").unwrap();
    fs::write(folder.path().join("d.jsonl"), "{\"resourceSpans\":[],\"log\":\"hush\"}\n").unwrap();
    for (name, code, said) in [
        (
            "a.jsonl",
            1,
            "spanwise: 2 documents that hold no traces, the first in a.jsonl\n\
             spanwise: 2 documents are empty in the output: nothing of traces\n",
        ),
        (
            "one.jsonl",
            1,
            "spanwise: 1 document that holds no traces, in one.jsonl\n\
             spanwise: 1 document is empty in the output: nothing of traces\n",
        ),
        (
            "b.jsonl",
            1,
            "spanwise: 1 document that holds no traces, in b.jsonl\n\
             spanwise: 1 document is empty in the output: nothing of traces\n",
        ),
        ("c.jsonl", 0, ""),
        ("d.jsonl", 0, "spanwise: there is no span; 1 member that OTLP does not know is not in the output\n"),
    ] {
        let redacted = run_with(["redact", "--policy=privacy-mode", name], b"", folder.path());
        assert_eq!((redacted.code, &*redacted.stderr), (code, said), "{name}");
        assert!(!redacted.stdout.contains("hush"), "{name}");
    }
}

#[test]
fn what_is_no_traces_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let keep = "unknown = \"keep\"\n[text]\nspan_name = \"mask\"\n";
    fs::write(path("keep.toml"), keep).unwrap();
    let logs = "{\"resourceLogs\":[]}\n";
    let foreign = "{\"hello\":1,\"data\":[1,2]}\n";
    let empty = "{\"resourceSpans\":[]}\n";
    // JSON of other types than those of traces, and members that the policy keeps and a document written afresh does not.
    let others = [
        r#"["a","b"]"#,
        "[1,2]",
        "[[]]",
        r#"{"resourceSpans":"text"}"#,
        r#"{"resourceSpans":["text"]}"#,
        r#"{"resource":"text","id":1}"#,
        r#"[{"role":"user","content":"hi"}]"#,
        r#"{"name":"pkg","version":1}"#,
    ];
    // Without a text that policies take out.
    let span = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}]}]}]}"#;
    let mut rows = Vec::new();
    for (other, policy) in others.iter().flat_map(|other| [(other, "secrets"), (other, "keep.toml")]) {
        rows.push((format!("{other}\n"), policy, 2, None));
        let left = run_with(["redact", "--policy", policy], format!("{other}\n").as_bytes(), folder.path());
        let written = format!("{span}\n{}{span}\n", left.stdout);
        rows.push((format!("{span}\n{other}\n{span}\n"), policy, 1, Some(written)));
    }
    rows.extend([
        (logs.to_owned(), "secrets", 2, None),
        (foreign.to_owned(), "secrets", 2, None),
        (format!("{logs}{foreign}{{bad\n"), "secrets", 2, None),
        // The policy leaves it.
        (foreign.to_owned(), "keep.toml", 0, Some(foreign.to_owned())),
        (format!("{logs}{empty}"), "secrets", 1, Some(empty.to_owned())),
        (format!("{foreign}{empty}"), "secrets", 1, Some(format!("{{}}\n{empty}"))),
        (String::new(), "secrets", 0, Some(String::new())),
    ]);
    for (text, policy, code, written) in rows {
        fs::write(path("a.jsonl"), &text).unwrap();
        let words = ["redact", "--policy", policy, "a.jsonl", "-o", "a.jsonl"];
        let redacted = run_with(words, b"", folder.path());
        let left = fs::read_to_string(path("a.jsonl")).unwrap();
        let said = redacted.stderr.contains("so nothing is written");
        assert_eq!(redacted.code, code, "{text}: {redacted:?}");
        assert_eq!((said, left), (written.is_none(), written.unwrap_or(text)), "{redacted:?}");
    }
}

#[test]
fn a_source_that_is_not_read_to_its_end_is_not_replaced() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut text = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    text.write_all(format!("{0}\n{0}\n{0}\n", document("x")).as_bytes()).unwrap();
    let text = text.finish().unwrap();
    let cut = &text[..text.len() - 8];
    let redact = |output: &str| {
        let words = ["redact", "--policy=privacy-mode", "cut.jsonl.gz", "--report=r.json", "-o", output];
        run_with(words, b"", folder.path())
    };
    fs::write(path("cut.jsonl.gz"), cut).unwrap();
    let redacted = redact("./cut.jsonl.gz");
    assert_eq!(redacted.code, 2, "{redacted:?}");
    assert!(
        redacted
            .stderr
            .ends_with("cut.jsonl.gz: not written: it is the source, which was not read to its end\n")
    );
    assert!(fs::read(path("cut.jsonl.gz")).unwrap() == cut);
    // Nor is there a report of what is not there.
    assert!(!path("r.json").exists());
    // Elsewhere is what could be read.
    assert_eq!(redact("out.jsonl").code, 2);
    assert_eq!(fs::read_to_string(path("out.jsonl")).unwrap().lines().count(), 3);
    assert!(path("r.json").exists());
}

#[test]
fn what_is_appended_twice_is_lines() {
    let input = "{\"resourceSpans\":[]}\n{bad\n";
    let redacted = run_with(["redact", "--policy=secrets"], input.as_bytes(), Path::new("."));
    assert_eq!((redacted.code, &*redacted.stdout), (1, "{\"resourceSpans\":[]}\n"));
}

#[test]
fn what_is_left_out_is_told_and_exits_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let input =
        format!("{}\n{{\"hush\":\n{{\"resourceLogs\":[{{\"hush\":1}}]}}\n{}\n", document("x"), document("y"));
    fs::write(folder.path().join("a.jsonl"), input).unwrap();
    let arguments = ["redact", "--policy=privacy-mode", "a.jsonl", "-o", "out.jsonl", "--report=report.json"];
    let redacted = run_with(arguments, b"", folder.path());
    assert_eq!(redacted.code, 1);
    assert_eq!(
        redacted.stderr,
        "spanwise: 1 document is not in the output: no trace that can be read\n\
         spanwise: 1 document is not in the output: metrics, logs or profiles\n"
    );
    let output = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert_eq!((output.lines().count(), output.contains("hush")), (2, false));
    let report = fs::read_to_string(folder.path().join("report.json")).unwrap();
    assert!(!report.contains("hush"));
    let report: Value = serde_json::from_str(&report).unwrap();
    for (name, value) in [
        ("ok", Value::from(false)),
        ("documents", 3.into()),
        ("spans", 2.into()),
        ("changes", 2.into()),
        ("bad_documents", 1.into()),
        ("other_signals", 1.into()),
        ("rejected_spans", 0.into()),
        ("places", serde_json::json!({"span": 2})),
        ("detectors", serde_json::json!({})),
        ("rules", serde_json::json!([{"rule": "privacy-mode: input.value", "count": 2}])),
        ("unreadable", serde_json::json!([])),
    ] {
        assert_eq!(report[name], value, "{name}");
    }
    let strict = document("x").replace("b7ad6b7169203331", "hush");
    let strict = run_with(["redact", "--policy=secrets", "--mode=strict"], strict.as_bytes(), folder.path());
    assert_eq!((strict.code, strict.stdout.contains("hush")), (1, false));
    assert!(strict.stderr.contains("1 span is not in the output: rejected"), "{strict:?}");
}

#[test]
fn a_source_that_cannot_be_read_costs_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), document("x")).unwrap();
    fs::write(folder.path().join("b.gz"), b"\x1f\x8b\x08\x00").unwrap();
    let arguments = ["redact", "--policy=privacy-mode", "missing", "b.gz", "a.json", "--report=r.json"];
    let redacted = run_with(arguments, b"", folder.path());
    assert_eq!((redacted.code, redacted.stdout.lines().count()), (2, 1));
    assert!(redacted.stderr.contains("spanwise: missing: cannot read"), "{redacted:?}");
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("r.json")).unwrap()).unwrap();
    assert_eq!((&report["ok"], &report["unreadable"][0]["file"]), (&false.into(), &"missing".into()));
}

#[test]
fn a_policy_that_cannot_be_applied_is_wrong_use() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.toml"), "presets = [\"secrets\"]\nmodes = 1\n").unwrap();
    fs::write(folder.path().join("out.json"), "before").unwrap();
    for (policy, message) in [
        ("privacy", "privacy: no such policy file, and no such preset"),
        ("policy.toml", "policy.toml: line 2, column 1: unknown field `modes`"),
    ] {
        let arguments = ["redact", "--policy", policy, "-o", "out.json"];
        let redacted = run_with(arguments, document("x").as_bytes(), folder.path());
        assert_eq!((redacted.code, &*redacted.stdout), (2, ""));
        assert!(redacted.stderr.contains(message), "{redacted:?}");
        assert_eq!(fs::read_to_string(folder.path().join("out.json")).unwrap(), "before");
    }
    for arguments in [
        &["redact"][..],
        &["redact", "--policy=secrets", "--explain=a", "b.json"],
        &["redact", "--policy=secrets", "--place=event"],
        &["redact", "--policy=secrets", "--place=span", "b.json"],
        &["redact", "--policy=secrets", "--event=a", "b.json"],
    ] {
        fs::write(folder.path().join("b.json"), document("x")).unwrap();
        let redacted = run_with(arguments, b"", folder.path());
        assert_eq!((redacted.code, &*redacted.stdout), (2, ""), "{arguments:?}");
    }
    let arguments = ["redact", "--policy=secrets", "-o", "missing/out.json"];
    let redacted = run_with(arguments, document("x").as_bytes(), folder.path());
    assert_eq!(redacted.code, 2);
    assert!(redacted.stderr.contains("cannot write: missing/out.json: "), "{redacted:?}");
}

#[test]
fn a_hash_key_is_fetched_from_where_the_policy_says() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    let policy = "presets = [\"privacy-mode\"]\ncontent = \"hash\"\n[hash]\nkey_file = \"key\"\n";
    fs::write(folder.path().join("policies/policy.toml"), policy).unwrap();
    let arguments = ["redact", "--policy=policies/policy.toml"];
    let without = run_with(arguments, document("x").as_bytes(), folder.path());
    assert_eq!((without.code, &*without.stdout), (2, ""));
    fs::write(folder.path().join("policies/key"), format!("{}\n", "\u{b}".repeat(20))).unwrap();
    let with = run_with(arguments, document("Hi There").as_bytes(), folder.path());
    assert_eq!(with.code, 0);
    // RFC 4231, test case 1.
    assert!(with.stdout.contains(r#"{"stringValue":"hmac:b0344c61d8db3853"}"#), "{with:?}");
}

#[test]
fn decisions_are_explained() {
    let explained = run(["redact", "--policy=privacy-mode", "--explain=gen_ai.prompt.name", "--explain=x"]);
    assert_eq!(explained.code, 0);
    assert_eq!(
        explained.stdout,
        "`gen_ai.prompt.name` of a span stays.\n\
         It matches `gen_ai.prompt.name`, in preset privacy-mode (convention genai, source semconv-genai).\n\
         No detector looks at it.\n\n\
         `x` of a span stays.\nNo rule matches it.\nNo detector looks at it.\n"
    );
    let event =
        ["redact", "--policy=privacy-mode", "--explain=content", "--place=event", "--event=gen_ai.choice"];
    assert!(run(event).stdout.starts_with("`content` of an event is masked"));
    let span = ["redact", "--policy=privacy-mode", "--explain=content"];
    assert!(run(span).stdout.starts_with("`content` of a span stays"));
}
