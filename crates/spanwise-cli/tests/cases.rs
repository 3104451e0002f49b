//! `validate` over every case of `tests/cases`, in both modes: its exit code and its counts are what `expected.jsonl` says.
//! Each case is a test of its own name.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

fn check(case: &Value) -> Result<(), Failed> {
    let file = case["file"].as_str().unwrap();
    let expect = &case["expect"];
    let path = support::folder("cases").join(file);
    for mode in ["strict", "lenient"] {
        let mode_option = format!("--mode={mode}");
        let words = ["validate", "--format=json", &mode_option].map(OsStr::new);
        let found = support::run(words.into_iter().chain([path.as_os_str()]));
        let bad_lines = expect["checks"]["lines.bad"].as_u64().unwrap_or_default();
        let accepted = expect[mode] == "accept" && (mode == "strict" || bad_lines == 0);
        let code = i32::from(!accepted);
        if expect["alt"] != "either" && found.code != code {
            return Err(format!("{mode}: expected exit code {code}, found {found:?}").into());
        }
        assert_eq!(found.stderr, "");
        let report = found.json();
        assert_eq!(report["ok"], found.code == 0);
        if mode == "lenient" && expect[mode] == "accept" {
            assert_eq!((&report["spans"], &report["rejected_spans"]), (&expect["spans"], &0.into()));
            for warning in expect["warn"].as_array().into_iter().flatten() {
                let warning = warning.as_str().unwrap();
                assert!(report["codes"][warning].as_u64() > Some(0), "{warning}: {found:?}");
            }
        }
        let listed = report["diagnostics"].as_array().unwrap().len() as u64;
        let found = report["errors"].as_u64().unwrap() + report["warnings"].as_u64().unwrap();
        assert_eq!(listed + report["dropped_diagnostics"].as_u64().unwrap(), found);
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let text = std::fs::read_to_string(support::folder("cases").join("expected.jsonl")).unwrap();
    let trials = text.lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["file"].as_str().unwrap().to_owned();
        Trial::test(name, move || check(&case))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
