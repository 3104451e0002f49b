//! What becomes of the place that a command writes to.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "not every test reads JSON")]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use spanwise_corpora::{Corpus, Form};
use support::{Run, run_unread, run_with};

const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat"}]}]}]}"#;

/// Each command that writes a file, but for its sources and the file.
const COMMANDS: [&[&str]; 3] = [&["redact", "--policy=secrets"], &["convert", "--to=csv"], &["index"]];

fn write(command: &[&str], source: &str, output: &str, folder: &Path) -> Run {
    run_with(command.iter().chain(&[source, "-o", output]), b"", folder)
}

#[test]
fn where_nothing_could_be_read_the_file_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("cut.json"), &SPAN[..40]).unwrap();
    fs::write(path("cut.json.gz"), b"\x1f\x8b\x08\x00").unwrap();
    fs::write(path("empty.json"), "").unwrap();
    fs::write(path("kept"), "good").unwrap();
    for command in COMMANDS {
        for source in ["none.json", "cut.json", "cut.json.gz"] {
            let run = write(command, source, "kept", folder.path());
            assert_eq!((run.code, &*run.stdout), (2, ""), "{command:?} {source}: {run:?}");
            assert_eq!(fs::read_to_string(path("kept")).unwrap(), "good", "{command:?} {source}");
            assert!(run.stderr.lines().last().unwrap().contains(" written"), "{command:?} {source}: {run:?}");
        }
        // There was nothing to read, and that is what is written.
        assert_eq!(write(command, "empty.json", "new", folder.path()).code, 0, "{command:?}");
        fs::remove_file(path("new")).unwrap();
    }
    let run = run_with(["convert", "none.json", "-o", "-", "--to=csv"], b"", folder.path());
    assert_eq!((run.code, &*run.stdout), (2, ""), "{run:?}");
}

#[cfg(unix)]
#[test]
fn who_may_read_a_file_that_is_replaced_may_read_the_new_one_and_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in.json"), SPAN).unwrap();
    for command in COMMANDS {
        for mode in [0o600, 0o640] {
            fs::write(path("out"), "old").unwrap();
            fs::set_permissions(path("out"), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(write(command, "in.json", "out", folder.path()).code, 0, "{command:?}");
            assert_ne!(fs::read(path("out")).unwrap(), b"old");
            assert_eq!(path("out").metadata().unwrap().permissions().mode() & 0o777, mode, "{command:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_written_to_and_stays_one() {
    use std::os::unix::fs::FileTypeExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
    fs::write(folder.path().join("in.json"), SPAN).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for command in COMMANDS {
        assert_eq!(write(command, "in.json", "file", folder.path()).code, 0);
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        let run = write(command, "in.json", "pipe", folder.path());
        assert!(pipe.metadata().unwrap().file_type().is_fifo(), "{command:?}");
        assert_eq!(run.code, 0, "{command:?}: {run:?}");
        assert_eq!(reader.join().unwrap(), fs::read(&file).unwrap(), "{command:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_is_interrupted_leaves_nothing() {
    use std::io::Write as _;

    use rustix::fs::{Mode, OFlags};
    use rustix::process::{Pid, Signal, kill_process};
    let folder = tempfile::tempdir().unwrap();
    let unnamed = OFlags::TMPFILE | OFlags::RDWR;
    if rustix::fs::open(folder.path(), unnamed, Mode::from_raw_mode(0o600)).is_err() {
        return;
    }
    // Not the signal of Ctrl-C, which is ignored by what a shell runs in the background, tests too.
    for (command, signal) in [(COMMANDS[0], Signal::TERM), (COMMANDS[1], Signal::KILL)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spanwise"))
            .args(command.iter().chain(&["-", "-o", "out"]))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // More than a pipe holds: when all of it is taken, the command has begun to read, and has its output open before.
        let mut input = child.stdin.take().unwrap();
        input.write_all(format!("{SPAN}\n").repeat(2000).as_bytes()).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{command:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_error_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    // Of other ids and times, which nothing makes small: more than is held before it is written.
    let text = Corpus::parse("micro").unwrap().to_vec(3, 12 << 20, Form::Ndjson);
    fs::write(folder.path().join("in.jsonl"), text).unwrap();
    for format in ["parquet", "arrow", "arrows", "jsonl", "csv"] {
        let run = run_unread(["convert", "in.jsonl", "-o", "-", "--to", format], folder.path());
        assert_eq!((run.code, &*run.stderr), (0, ""), "{format}");
    }
}
