//! Every command of the README runs, on the examples, and does what the README says.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::Command;

/// The lines of the README's `sh` blocks, without their comments.
fn commands(readme: &str) -> Vec<String> {
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines =
        blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_command_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let traces = folder.path().join("traces");
    std::fs::create_dir(&traces).unwrap();
    for name in ["collector.jsonl", "openrouter.ndjson", "agent.json"] {
        std::fs::copy(root.join("examples").join(name), traces.join(name)).unwrap();
    }
    std::fs::copy(root.join("tests/cases/001-baseline-full.json"), folder.path().join("body.json")).unwrap();

    let binary = Path::new(env!("CARGO_BIN_EXE_spanwise")).parent().unwrap().to_owned();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();

    let mut ran = 0;
    for command in commands(&readme) {
        if let Some(target) = command.strip_prefix("make ") {
            // CI runs these two themselves; this test is part of one of them.
            let target = target.split_whitespace().next().unwrap();
            assert!(makefile.contains(&format!("\n{target}:")), "the Makefile has no target {target}");
            continue;
        }
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", &command]).current_dir(&folder).env("PATH", &path).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {errors}");
        assert!(!output.stdout.is_empty(), "{command} says nothing");
        ran += 1;
    }
    assert!(ran >= 4, "only {ran} commands were found");
}
