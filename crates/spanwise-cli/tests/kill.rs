//! `spanwise convert` that is killed leaves no file or a whole one, as does every command whose disk is full.
//!
//! `KILL_ROUNDS=100 cargo test -p spanwise-cli --test kill` tries longer.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use parquet::file::reader::{FileReader as _, SerializedFileReader};

const LINES: usize = 30_000;

fn lines(path: &Path) {
    let line = |index: usize| {
        format!(
            "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"name\":\"span {index}\",\"attributes\":[{{\"key\":\"n\",\
             \"value\":{{\"stringValue\":\"{}\"}}}}]}}]}}]}}]}}\n",
            index * 7919 % 104_729
        )
    };
    std::fs::write(path, (0..LINES).map(line).collect::<String>()).unwrap();
}

fn rows(path: &Path) -> i64 {
    SerializedFileReader::new(File::open(path).unwrap()).unwrap().metadata().file_metadata().num_rows()
}

fn convert(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanwise"));
    command.args(["convert", "in.jsonl", "-o", "out.parquet", "--threads", "2"]).current_dir(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn a_run_that_is_killed_leaves_no_half_file() {
    let folder = tempfile::tempdir().unwrap();
    lines(&folder.path().join("in.jsonl"));
    let output = folder.path().join("out.parquet");
    let begun = Instant::now();
    assert!(convert(folder.path()).status().unwrap().success());
    let whole = begun.elapsed();
    assert_eq!(rows(&output), i64::try_from(LINES).unwrap());
    let rounds: u32 = std::env::var("KILL_ROUNDS").map_or(8, |rounds| rounds.parse().unwrap());
    let (mut none, mut complete) = (0, 0);
    for round in 0..rounds {
        let _ = std::fs::remove_file(&output);
        let mut child = convert(folder.path()).spawn().unwrap();
        // From the beginning to a little after the end, in an order that jumps.
        std::thread::sleep(whole * (round * 37 % rounds) / rounds * 6 / 5 + Duration::from_millis(1));
        let _ = child.kill();
        child.wait().unwrap();
        if output.exists() {
            assert_eq!(rows(&output), i64::try_from(LINES).unwrap());
            complete += 1;
        } else {
            none += 1;
        }
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // What was being written is there under a name that no command takes for traces or a table.
            let is_part = Path::new(&name).extension().is_some_and(|it| it == "part");
            assert!(["in.jsonl", "out.parquet"].contains(&&*name) || is_part, "{name}");
        }
    }
    assert_eq!(none + complete, rounds);
    assert!(none > 0);
}

#[test]
fn a_disk_that_takes_no_more_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    lines(&folder.path().join("in.jsonl"));
    // A bound on the size of files stands in for a full disk: writing fails at some byte.
    for blocks in [1, 64, 200] {
        for (command, said) in [
            ("convert in.jsonl -o out.parquet", "spanwise: out.parquet: cannot write: "),
            ("convert in.jsonl -o out.csv", "spanwise: out.csv: cannot write: "),
            ("redact --policy secrets in.jsonl -o out.jsonl", "spanwise: cannot write: out.jsonl: "),
            ("index in.jsonl -o out.idx", "spanwise: out.idx: the index file: "),
            ("generate --corpus micro --size 1MiB -o out.jsonl", "spanwise: cannot write: out.jsonl: "),
        ] {
            let run = Command::new("sh")
                .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {command}")])
                .arg(env!("CARGO_BIN_EXE_spanwise"))
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert_eq!(run.status.code(), Some(2), "{command}: {run:?}");
            // What the system says, and no other name than the one that was asked for.
            let stderr = String::from_utf8(run.stderr).unwrap();
            assert_eq!(
                stderr.strip_prefix(said),
                Some("File too large (os error 27)\n"),
                "{command}: {stderr}"
            );
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{command}");
        }
    }
}
