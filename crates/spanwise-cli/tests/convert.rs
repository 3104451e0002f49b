//! `spanwise convert`: the rows of each format, what is said of them, and what happens to the file when something is wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[allow(dead_code, reason = "not every test reads JSON")]
mod support;

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use support::{folder, run_with};

const SPANS: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"host.name","value":{"stringValue":"a:1"}}]},"scopeSpans":[{"spans":[
{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat, \"one\"","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001500000000","attributes":[{"key":"n","value":{"intValue":"7"}}]},
{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203332","name":"two","attributes":[{"key":"n","value":{"stringValue":"seven"}}]}]}]}]}"#;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn scalar(cell: &Field) -> Value {
    match cell {
        Field::Null => Value::Null,
        Field::Str(text) => text.as_str().into(),
        Field::Long(number) => (*number).into(),
        Field::Double(number) => (*number).into(),
        other => panic!("not a scalar of ours: {other}"),
    }
}

#[test]
fn rows_are_as_chosen() {
    let chosen = [
        "--columns=name,duration_ns,service_name",
        "--promote=n:int64",
        "--promote=resource:host.name:string",
    ];
    let words = ["convert", "-", "-o", "-", "--to=jsonl"].iter().chain(&chosen);
    let run = run_with(words, SPANS.as_bytes(), Path::new("."));
    assert_eq!(run.code, 0, "{run:?}");
    let expected = [
        json!({"name": "chat, \"one\"", "duration_ns": 1_500_000_000, "service_name": "shop", "n": 7, "resource:host.name": "a:1"}),
        json!({"name": "two", "duration_ns": 0, "service_name": "shop", "n": null, "resource:host.name": "a:1"}),
    ];
    assert_eq!(lines(&run.stdout), expected);
    assert_eq!(run.stderr, "n: 1 value of another type, null in the column\n");

    let words = ["convert", "-o", "-", "--to", "csv"].iter().chain(&chosen);
    let run = run_with(words, SPANS.as_bytes(), Path::new("."));
    assert_eq!(
        run.stdout,
        "name,duration_ns,service_name,n,resource:host.name\n\"chat, \"\"one\"\"\",1500000000,shop,7,a:1\n\
         two,0,shop,,a:1\n"
    );
}

#[test]
fn the_forms_of_columns_are_settings() {
    let words = [
        "convert",
        "-o-",
        "--to=jsonl",
        "--columns=TraceId,Timestamp,SpanAttributes",
        "--names=clickhouse",
        "--ids=binary",
        "--layout=typed",
        "--times=microseconds",
    ];
    let run = run_with(words, SPANS.as_bytes(), Path::new("."));
    assert_eq!(run.code, 0, "{run:?}");
    let first = &lines(&run.stdout)[0];
    assert_eq!(first["TraceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(first["SpanAttributes"]["n"]["int"], 7);
    assert_eq!(first["Timestamp"], "2023-11-14T22:13:20.000000Z");

    let run = run_with(["convert", "-o-", "--to=csv", "--llm"], SPANS.as_bytes(), Path::new("."));
    let header: Vec<_> = run.stdout.lines().next().unwrap().split(',').map(str::to_owned).collect();
    assert!(
        header.contains(&"trace_id".to_owned()) && header.contains(&"llm_cost_usd".to_owned()),
        "{header:?}"
    );
}

#[test]
fn every_payload_is_a_table_in_every_format() {
    let text = std::fs::read_to_string(folder("payloads").join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut spans = 0;
    for (file, expected) in expected["files"].as_object().unwrap() {
        let path = folder("payloads").join(file).to_str().unwrap().to_owned();
        let rows = usize::try_from(expected["spans"].as_u64().unwrap()).unwrap();
        spans += rows;
        for name in ["out.jsonl", "out.csv", "out.parquet", "out.arrow", "out.arrows"] {
            let run = run_with(["convert", &path, "-o", name, "--llm"], b"", out.path());
            assert_eq!((run.code, &*run.stdout), (0, ""), "{file}: {run:?}");
            let said = format!("{name}: {rows} span{} of ", if rows == 1 { "" } else { "s" });
            assert!(run.stderr.starts_with(&said), "{file}: {run:?}");
        }
        let json = lines(&std::fs::read_to_string(out.path().join("out.jsonl")).unwrap());
        assert_eq!(json.len(), rows, "{file}");
        let parquet = SerializedFileReader::new(File::open(out.path().join("out.parquet")).unwrap()).unwrap();
        assert_eq!(usize::try_from(parquet.metadata().file_metadata().num_rows()).unwrap(), rows, "{file}");
        let names = ["trace_id", "name", "service_name", "llm_model", "llm_total_tokens", "llm_cost_usd"];
        for (parquet, json) in parquet.get_row_iter(None).unwrap().zip(&json) {
            let parquet = parquet.unwrap();
            let cells = parquet.get_column_iter().filter(|(name, _)| names.contains(&name.as_str()));
            let cells: Vec<_> = cells.collect();
            assert_eq!(cells.len(), names.len());
            for (name, cell) in cells {
                assert_eq!(scalar(cell), json[name], "{file} {name}");
            }
        }
    }
    assert!(spans > 24);
}

#[test]
fn what_is_left_out_is_counted() {
    let out = tempfile::tempdir().unwrap();
    let metrics = r#"{"resourceMetrics":[]}"#;
    let span = SPANS.replace('\n', "");
    let input = format!("{span}\n{{\"resourceSpans\":\n{metrics}\n{span}\n");
    let run = run_with(["convert", "-o", "out.csv", "--framing=lines"], input.as_bytes(), out.path());
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(
        run.stderr,
        "out.csv: 4 spans of 3 documents\nleft out: 1 bad document (`spanwise validate` says why)\n\
         passed over: 1 document of another signal\n"
    );
    // No span is missing of these.
    let run = run_with(["convert", "-o", "out.csv"], metrics.as_bytes(), out.path());
    assert_eq!((run.code, run.stderr.contains("left out")), (0, false), "{run:?}");

    let bad = SPANS.replace("b7ad6b7169203331", "b7ad");
    let run = run_with(["convert", "-o", "out.csv", "--mode=strict"], bad.as_bytes(), out.path());
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("out.csv: 1 span of 1 document\nleft out: 1 rejected span ("), "{run:?}");
}

#[test]
fn wrong_use_writes_nothing_and_says_why() {
    let out = tempfile::tempdir().unwrap();
    std::fs::write(out.path().join("spans.jsonl"), SPANS.replace('\n', "")).unwrap();
    for (words, said) in [
        (&["spans.jsonl", "-o", "out.txt"][..], "the output's name must end in .parquet"),
        (&["spans.jsonl", "-o", "-"], "--to must say what it is"),
        (&["spans.jsonl", "-o", "out.csv", "--columns=nome"], "no column is named \"nome\""),
        (
            &["spans.jsonl", "-o", "out.csv", "--columns=name,v", "--promote=v:int64"],
            "\"v\" is promoted, and comes behind",
        ),
        (&["spans.jsonl", "-o", "out.csv", "--promote=n:int8"], "no promoted type is named \"int8\""),
        (&["spans.jsonl", "-o", "out.csv", "--promote=n"], "write KEY:TYPE"),
        (&["spans.jsonl", "-o", "out.csv", "--promote=name:string"], "two columns would be named \"name\""),
        (&["spans.jsonl", "-o", "./spans.jsonl"], "the output is one of the sources"),
        (&[".", "-o", "spans.jsonl"], "the output is one of the sources"),
        (&["none.json", "-o", "out.csv"], "nothing could be read"),
        (&["spans.jsonl", "-o", "none/out.csv"], "none/out.csv: cannot write"),
        (&["spans.jsonl"], "--output <OUT>"),
    ] {
        let run = run_with(["convert"].iter().chain(words), b"", out.path());
        assert_eq!((run.code, &*run.stdout), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.contains(said), "{words:?}: {run:?}");
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1, "{words:?}");
    }
}

#[test]
fn a_source_that_cannot_be_read_costs_itself_alone() {
    let out = tempfile::tempdir().unwrap();
    std::fs::write(out.path().join("spans.json"), SPANS).unwrap();
    let run = run_with(["convert", "none.json", "spans.json", "-o", "out.csv"], b"", out.path());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("spanwise: none.json: cannot read"), "{run:?}");
    assert!(run.stderr.contains("out.csv: 2 spans of 1 document"), "{run:?}");
    assert_eq!(std::fs::read_to_string(out.path().join("out.csv")).unwrap().lines().count(), 3);
}

#[test]
fn with_a_policy_no_file_holds_what_it_takes_out() {
    let text = std::fs::read_to_string(folder("payloads").join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut kept = 0;
    for (file, expected) in expected["files"].as_object().unwrap() {
        let path = folder("payloads").join(file).to_str().unwrap().to_owned();
        let words =
            |list: &str| expected[list].as_array().into_iter().flatten().map(|word| word.as_str().unwrap());
        let mut texts = Vec::new();
        for name in ["out.jsonl", "out.csv", "out.parquet", "out.arrow", "out.arrows"] {
            let policy = ["convert", &path, "-o", name, "--llm", "--policy=privacy-mode", "--policy=secrets"];
            let run = run_with(policy, b"", out.path());
            assert_eq!(run.code, 0, "{file}: {run:?}");
            texts.push(String::from_utf8_lossy(&std::fs::read(out.path().join(name)).unwrap()).into_owned());
        }
        let parquet = SerializedFileReader::new(File::open(out.path().join("out.parquet")).unwrap()).unwrap();
        texts.push(parquet.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect());
        for text in &texts {
            assert_eq!(words("vanish").find(|word| text.contains(word)), None, "{file}");
        }
        kept += words("survive").filter(|word| texts[5].contains(word) && texts[0].contains(word)).count();
    }
    assert!(kept > 100, "{kept}");
    let run = run_with(["convert", "-o", "new.csv", "--policy=privacy"], b"{}", out.path());
    assert_eq!((run.code, out.path().join("new.csv").exists()), (2, false), "{run:?}");
}
