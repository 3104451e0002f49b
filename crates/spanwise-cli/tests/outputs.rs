//! What becomes of the place that a command writes to.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "not every test reads JSON")]
mod support;

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::{Command, Stdio};

#[cfg(unix)]
use spanwise_corpora::{Corpus, Form};
#[cfg(unix)]
use support::run_unread;
use support::{Run, run_with};

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

/// Runs a script, in which `$B` is the command, in a folder; returns its exit code and what it said on standard error.
#[cfg(unix)]
fn script(text: &str, folder: &Path) -> (i32, String) {
    let run = Command::new("bash")
        .args(["-c", text])
        .env("B", env!("CARGO_BIN_EXE_spanwise"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (run.status.code().unwrap(), String::from_utf8(run.stderr).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_open_already_is_written_to_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("in.json"), SPAN).unwrap();
    for (command, rows) in [
        ("redact --policy=secrets", format!("{SPAN}\n")),
        ("convert --to=csv --columns=name", "name\nchat\n".to_owned()),
    ] {
        let run = format!("$B {command} in.json -o");
        for (text, expected) in [
            (format!("echo kept > out; {run} /dev/stdout >> out"), format!("kept\n{rows}")),
            (format!("{{ echo head; {run} /dev/stdout; echo foot; }} > out"), format!("head\n{rows}foot\n")),
            (
                format!("{{ echo head; {run} /proc/self/fd/1; echo foot; }} > out"),
                format!("head\n{rows}foot\n"),
            ),
            (format!("ln -sf /dev/fd/1 l; {{ echo head; {run} l; }} > out"), format!("head\n{rows}")),
            (format!("echo kept > out; {run} /dev/fd/7 7>> out >&2"), format!("kept\n{rows}")),
            // As a pipe, too.
            (format!("{run} /dev/stdout | cat > out"), rows.clone()),
            (format!("{run} >(cat > out) >&2; wait $!"), rows.clone()),
        ] {
            let (code, errors) = script(&text, folder.path());
            // The traces of a document without an end of its line have none.
            let found = read("out").replace("}foot", "}\nfoot");
            let found = if found.ends_with('\n') { found } else { found + "\n" };
            assert_eq!((code, found), (0, expected), "{text}: {errors}");
        }
    }
    let redact = "$B redact --policy=secrets in.json";
    for (text, said) in [
        (format!("{redact} --report=/dev/stdout > out"), "--report must name a file"),
        (format!("{redact} -o /dev/stdout --report=- > out"), "--report must name a file"),
        (format!("{redact} -o - --report=/dev/fd/1 > out"), "--report must name a file"),
        (format!("{redact} -o /dev/fd/7 --report=/dev/fd/7 7> out"), "a file of its own"),
        ("$B index in.json -o /dev/stdout > out".to_owned(), "name another file"),
    ] {
        let (code, errors) = script(&text, folder.path());
        assert_eq!((code, &*read("out")), (2, ""), "{text}: {errors}");
        assert!(errors.contains(said), "{text}: {errors}");
    }
    let both = format!("{{ echo head; {redact} --report=/dev/stderr; }} > out 2> err");
    assert_eq!(script(&both, folder.path()).0, 0);
    assert_eq!(read("out"), format!("head\n{SPAN}"));
    assert!(read("err").contains("\"documents\": 1"), "{}", read("err"));
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

/// Each command that reads, but for its sources.
#[cfg(unix)]
const READERS: [&str; 6] = [
    "validate",
    "summary",
    "redact --policy=secrets",
    "convert --to=csv -o -",
    "query --format=jsonl '{}'",
    "index -o x.idx",
];

#[cfg(unix)]
#[test]
fn no_command_reads_what_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("in")).unwrap();
    // More than is held before it is written.
    let text = format!("{SPAN}\n").repeat(500);
    fs::write(path("in/a.jsonl"), &text).unwrap();
    let run = |text: &str| script(&format!("ulimit -f 10000; {text}"), folder.path());
    for command in READERS {
        let alone = run(&format!("$B {command} in > expected"));
        assert_eq!(alone.0, 0, "{command}: {alone:?}");
        for (words, code, said) in [
            (format!("$B {command} in > in/b.jsonl"), 0, "in/b.jsonl: left out, since standard output goes"),
            (format!("$B {command} 'in/*.jsonl' > in/b.jsonl"), 0, "in/b.jsonl: left out"),
            (
                format!("$B {command} in/a.jsonl >> in/a.jsonl"),
                2,
                "in/a.jsonl: not read, since standard output goes to this file",
            ),
            (format!("$B {command} in/../in/a.jsonl >> in/a.jsonl"), 2, "standard output goes to this file"),
            (format!("$B {command} in in/b.jsonl > in/b.jsonl"), 2, "in/b.jsonl: not read"),
            // As a shell makes of a pattern the second time.
            (format!("echo > in/b.jsonl; $B {command} in/*.jsonl > in/b.jsonl"), 2, "in/b.jsonl: not read"),
            (format!("$B {command} < in/a.jsonl >> in/a.jsonl"), 2, "-: not read"),
            (format!("ln in/a.jsonl hard; $B {command} hard >> in/a.jsonl"), 2, "hard: not read"),
            (format!("mkdir new; $B {command} new > new/b.jsonl"), 2, "there is no other file to read"),
        ] {
            if command.starts_with("index") && words.contains('<') {
                continue;
            }
            let (found, errors) = run(&words);
            assert_eq!(found, code, "{words}: {errors}");
            assert!(errors.contains(said), "{words}: {errors}");
            assert_eq!(fs::read_to_string(path("in/a.jsonl")).unwrap(), text, "{words}");
            if code == 0 {
                let written = fs::read_to_string(path("in/b.jsonl")).unwrap();
                assert!(written == fs::read_to_string(path("expected")).unwrap(), "{words}");
            } else if words.contains("*.jsonl") && !command.starts_with("index") {
                // Others are read, and what came of them is there.
                assert!(path("in/b.jsonl").metadata().unwrap().len() > 0, "{words}");
            }
            let _ = fs::remove_file(path("in/b.jsonl"));
            let _ = fs::remove_file(path("hard"));
            let _ = fs::remove_dir_all(path("new"));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_source_is_known_by_all_its_names_and_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // More than is held before it is written.
    let text = format!("{SPAN}\n").repeat(500);
    fs::write(path("b.jsonl"), SPAN).unwrap();
    let [redact, convert] = ["$B redact --policy=secrets", "$B convert --to=jsonl"];
    let (output, report) = ("the output is one of the sources", "the report is one of the sources");
    for (text_of_script, said) in [
        (format!("{redact} a.jsonl -o /dev/fd/7 7>> a.jsonl"), output),
        (format!("{redact} -o /dev/fd/7 7>> a.jsonl < a.jsonl"), output),
        (format!("{redact} -o /dev/stderr 2>> a.jsonl < a.jsonl"), ""),
        (format!("{redact} hard -o /dev/fd/7 7>> a.jsonl"), output),
        (format!("{redact} - b.jsonl -o a.jsonl < a.jsonl"), output),
        (format!("{redact} hard b.jsonl -o a.jsonl"), output),
        (format!("{redact} a.jsonl 'none*' -o a.jsonl"), output),
        (format!("{redact} - b.jsonl --report a.jsonl < a.jsonl"), report),
        (format!("{redact} b.jsonl hard --report a.jsonl"), report),
        (format!("{convert} - -o a.jsonl < a.jsonl"), output),
        (format!("{convert} hard -o a.jsonl"), output),
        (format!("{convert} -o /dev/fd/7 7>> a.jsonl < a.jsonl"), output),
    ] {
        fs::write(path("a.jsonl"), &text).unwrap();
        let _ = fs::remove_file(path("hard"));
        fs::hard_link(path("a.jsonl"), path("hard")).unwrap();
        let (code, errors) = script(&format!("ulimit -f 10000; {text_of_script}"), folder.path());
        assert_eq!(code, 2, "{text_of_script}: {errors}");
        assert!(errors.contains(said), "{text_of_script}: {errors}");
        // What is said goes to standard error.
        let left = fs::read_to_string(path("a.jsonl")).unwrap();
        assert_eq!(left.strip_prefix(&text).map(|told| told.contains("resourceSpans")), Some(false));
    }
    // Its only source may be the output, also where it is standard input.
    for text_of_script in ["a.jsonl -o a.jsonl", "-o a.jsonl < a.jsonl", "- -o a.jsonl < a.jsonl"] {
        fs::write(path("a.jsonl"), SPAN.replace("chat", "of joe@example.com")).unwrap();
        let (code, errors) = script(&format!("{redact} {text_of_script}"), folder.path());
        let left = fs::read_to_string(path("a.jsonl")).unwrap();
        assert_eq!((code, left.contains("[REDACTED:email]")), (0, true), "{text_of_script}: {errors}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_open_is_written_to_only_where_nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.json"), SPAN).unwrap();
    let redact = "$B redact --policy=secrets in.json -o /dev/fd/7 >&2";
    for (text, code, written) in [
        (format!("{redact} 7>> out"), 0, format!("before\n{SPAN}")),
        (format!("{redact} 7< out"), 2, "before\n".to_owned()),
        // What is written through the descriptor before and after stays.
        (
            format!("{{ echo head >&7; {redact}; c=$?; echo foot >&7; exit $c; }} 7>> out"),
            0,
            format!("before\nhead\n{SPAN}foot\n"),
        ),
    ] {
        fs::write(folder.path().join("out"), "before\n").unwrap();
        let (found, errors) = script(&text, folder.path());
        let left = fs::read_to_string(folder.path().join("out")).unwrap();
        assert_eq!((found, left), (code, written), "{text}: {errors}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_takes_no_name_at_the_end_is_not_said_to_be_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("foreign.json"), "{\"hello\":1}\n").unwrap();
    let redact = "$B redact --policy=secrets foreign.json -o";
    for (output, code, written) in
        [("/dev/fd/7 7>> out", 1, true), (">(cat > out); wait $!", 1, true), ("out", 2, false)]
    {
        let _ = fs::remove_file(path("out"));
        let (found, errors) = script(&format!("{redact} {output} ; exit $?"), folder.path());
        let is_there = fs::read_to_string(path("out")).is_ok_and(|text| text == "{}\n");
        assert_eq!(is_there, written, "{output}: {errors}");
        assert_eq!(errors.contains("nothing is written"), !written, "{output}: {errors}");
        assert_eq!(errors.contains("empty in the output"), written, "{output}: {errors}");
        assert!(found == code || output.contains("wait"), "{output}: {found}: {errors}");
    }
}

#[cfg(unix)]
#[test]
fn what_nobody_reads_is_told_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.jsonl"), format!("{SPAN}\n").repeat(2000)).unwrap();
    fs::write(folder.path().join("bad.jsonl"), format!("{SPAN}\n{{bad\n").repeat(2000)).unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
    assert!(made.success());
    // A reader that is there when the writer begins, and gone before it writes.
    let gone = "exec 7<> pipe 8> pipe 7<&-";
    for (text, expected) in [
        // Whoever goes by the exit code of a gate is not to pass what was not looked at.
        ("$B validate --max-diagnostics=5000 bad.jsonl >&8", 141),
        ("$B validate --format=json bad.jsonl >&8", 141),
        ("$B redact --policy=secrets bad.jsonl >&8", 141),
        ("$B redact --policy=secrets good.jsonl >&8", 141),
        ("$B convert --to=csv -o - bad.jsonl >&8", 141),
        ("$B query --format=jsonl '{}' good.jsonl >&8", 141),
        ("$B generate --corpus micro --size 1MiB -o - >&8", 141),
        // A file that is whole is what was asked for; what is said of it is not.
        ("$B redact --policy=secrets good.jsonl -o new.jsonl >&8", 0),
        ("$B redact --policy=secrets bad.jsonl -o new.jsonl >&8", 1),
        ("$B redact --policy=secrets good.jsonl none.jsonl -o new.jsonl >&8", 2),
        ("$B redact --policy=secrets good.jsonl -o new.jsonl --report - >&8", 141),
        ("$B index good.jsonl -o new.idx >&8", 0),
        ("$B index bad.jsonl -o new.idx >&8", 1),
        ("$B generate --corpus micro --size 1MiB -o new.jsonl >&8", 0),
        // Standard error is no place to stop being read.
        ("$B validate none.jsonl 2>&8 > out", 2),
        ("$B validate none.jsonl good.jsonl 2>&8 > out", 2),
        ("$B convert --to=csv -o - bad.jsonl 2>&8 > out", 2),
        ("$B redact --policy=secrets bad.jsonl 2>&8 > out", 2),
        ("$B validate good.jsonl 2>&8 > out", 0),
        // Nor is what was named.
        ("$B redact --policy=secrets good.jsonl -o /dev/fd/8 > out", 2),
        ("$B convert --to=csv good.jsonl -o /dev/fd/8 > out", 2),
        ("$B index good.jsonl -o /dev/fd/8 > out", 2),
        ("$B generate --corpus micro --size 1MiB -o /dev/fd/8 > out", 2),
        ("$B redact --policy=secrets good.jsonl -o new.jsonl --report=/dev/fd/8 > out", 2),
    ] {
        let (code, errors) = script(&format!("{gone}; {text}"), folder.path());
        assert_eq!(code, expected, "{text}: {errors}");
        let is_told = errors.lines().any(|line| line.contains("roken pipe"));
        assert_eq!(is_told, text.contains("/dev/fd/8"), "{text}: {errors}");
    }
    let (code, _) = script("$B --help | true; exit ${PIPESTATUS[0]}", folder.path());
    assert_eq!(code, 0);
}

#[test]
fn no_policy_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let policy = "presets = [\"secrets\"]\n[hash]\nkey_file = \"key\"\n";
    let key = "a key that is long enough";
    fs::write(path("in.json"), SPAN).unwrap();
    fs::create_dir(path("p")).unwrap();
    fs::write(path("p/policy.toml"), policy).unwrap();
    fs::write(path("p/key"), key).unwrap();
    let policies = ["--policy=p/policy.toml", "--policy=secrets"];
    for words in [
        &["redact", "in.json", "-o", "p/policy.toml"][..],
        &["redact", "in.json", "-o", "p/key"],
        &["redact", "in.json", "-o", "out", "--report=./p/policy.toml"],
        &["redact", "in.json", "--report=p/../p/key"],
        &["convert", "--to=csv", "in.json", "-o", "p/policy.toml"],
        &["convert", "--to=csv", "in.json", "-o", "p/key"],
    ] {
        let run = run_with(words.iter().chain(&policies), b"", folder.path());
        assert_eq!((run.code, &*run.stdout), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.contains("the policy is in this file"), "{words:?}: {run:?}");
        let there = ["p/policy.toml", "p/key"].map(|name| fs::read_to_string(path(name)).unwrap());
        assert_eq!(there, [policy, key], "{words:?}");
    }
    #[cfg(unix)]
    for text in [
        "$B redact --policy=p/policy.toml --explain=a >> p/policy.toml",
        "ln p/key hard; $B redact --policy=p/policy.toml in.json -o hard",
    ] {
        let (code, errors) = script(text, folder.path());
        assert_eq!(code, 2, "{text}: {errors}");
        assert!(errors.contains("the policy is in this file"), "{text}: {errors}");
        let there = ["p/policy.toml", "p/key"].map(|name| fs::read_to_string(path(name)).unwrap());
        assert_eq!(there, [policy, key], "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_not_told_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    // Of other ids and times, which nothing makes small: more than is held before it is written.
    let text = Corpus::parse("micro").unwrap().to_vec(3, 12 << 20, Form::Ndjson);
    fs::write(folder.path().join("in.jsonl"), text).unwrap();
    for format in ["parquet", "arrow", "arrows", "jsonl", "csv"] {
        let run = run_unread(["convert", "in.jsonl", "-o", "-", "--to", format], folder.path());
        assert_eq!((run.code, &*run.stderr), (141, ""), "{format}");
    }
}
