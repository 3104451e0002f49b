//! Every command of the README runs, on the examples, and does what the README says. The pages name all that JSON has.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The lines of the README's `sh` blocks, without their comments.
#[cfg(unix)]
fn commands(readme: &str) -> Vec<String> {
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines =
        blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

#[cfg(unix)]
#[test]
fn every_command_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let examples = folder.path().join("examples");
    std::fs::create_dir(&examples).unwrap();
    for entry in std::fs::read_dir(root.join("examples")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), examples.join(entry.file_name())).unwrap();
    }

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

/// The names of all members, but of objects that are counts by name.
fn names(json: &serde_json::Value, found: &mut BTreeSet<String>) {
    match json {
        serde_json::Value::Array(elements) => elements.iter().for_each(|element| names(element, found)),
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                found.insert(name.clone());
                match (name.as_str(), value) {
                    ("codes" | "services" | "places" | "detectors", _) => {}
                    ("models", serde_json::Value::Object(models)) => {
                        models.values().for_each(|sums| names(sums, found));
                    }
                    _ => names(value, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn the_pages_name_all_that_json_has() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.json.gz");
    std::fs::write(&cut, b"\x1f\x8b\x08\x00").unwrap();
    for (arguments, page, heading) in [
        (&["validate", "--format=json"][..], "diagnostics", "In JSON"),
        (&["summary", "--format=json"], "llm-columns", "A summary in JSON"),
        (&["redact", "--policy=privacy-mode", "--output=safe.json", "--report=-"], "redaction", "The report"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spanwise"));
        command.args(arguments).arg(root.join("examples")).arg(&cut).current_dir(&folder);
        let json = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let mut found = BTreeSet::new();
        names(&json, &mut found);
        let text = std::fs::read_to_string(root.join(format!("docs/{page}.md"))).unwrap();
        let section = text.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
        for name in found {
            let is_named = [format!("`{name}`"), format!("\"{name}\":")];
            assert!(is_named.iter().any(|form| section.contains(form)), "docs/{page}.md lacks {name}");
        }
    }
}
