//! The command over every payload of `tests/payloads`: counts and sums per model equal `expected.json`. Each payload is a
//! test of its own name.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

fn check(file: &str, expected: &Value) -> Result<(), Failed> {
    let path = support::folder("payloads").join(file);
    let words = |command: &'static str| [OsStr::new(command), path.as_os_str(), OsStr::new("--format=json")];
    let validate = support::run(words("validate"));
    if validate.code != 0 {
        return Err(format!("validate: {validate:?}").into());
    }
    let summary = support::run(words("summary"));
    if summary.code != 0 {
        return Err(format!("summary: {summary:?}").into());
    }
    assert_eq!((&*validate.stderr, &*summary.stderr), ("", ""));
    let (validate, summary) = (validate.json(), summary.json());
    assert_eq!((&validate["ok"], &validate["errors"]), (&Value::Bool(true), &0.into()));
    for name in ["documents", "spans"] {
        assert_eq!((name, &validate[name]), (name, &expected[name]));
    }
    for name in ["documents", "spans", "traces", "error_spans", "events", "links"] {
        if expected[name].is_number() {
            assert_eq!((name, &summary[name]), (name, &expected[name]));
        }
    }
    if expected["services"].is_number() {
        assert_eq!(expected["services"], summary["services"].as_object().unwrap().len());
    }
    if let Some(models) = expected["models"].as_object() {
        let found = summary["models"].as_object().unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), models.keys().collect::<Vec<_>>());
        for (model, sums) in models {
            for (name, expected) in sums.as_object().unwrap() {
                // A sum of nothing is 0 in the file, and null in the summary.
                let found = &found[model][name];
                let found = if found.is_null() { 0.0 } else { found.as_f64().unwrap() };
                let expected = expected.as_f64().unwrap();
                assert!((expected - found).abs() <= 1e-9, "{model} {name}: {expected} is {found}");
            }
        }
        let tests = ["openrouter-connection-test.json", "openrouter-test-generation.json"];
        assert_eq!(summary["test_spans"], i32::from(tests.contains(&file)));
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let text = std::fs::read_to_string(support::folder("payloads").join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let trials = expected["files"].as_object().unwrap().iter().map(|(file, expected)| {
        let (name, expected) = (file.clone(), expected.clone());
        Trial::test(file, move || check(&name, &expected))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
