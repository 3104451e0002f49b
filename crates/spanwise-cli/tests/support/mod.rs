//! Running the built command.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A folder of test data at the top of the repository.
pub(crate) fn folder(name: &str) -> PathBuf {
    // With the drive, where there are drives: the command may run on another.
    std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(name)).unwrap()
}

/// Runs the command with nothing to read on standard input.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Run {
    run_with(arguments, b"", Path::new(env!("CARGO_MANIFEST_DIR")))
}

/// Runs the command in a folder, with `input` on standard input.
pub(crate) fn run_with<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    input: &[u8],
    folder: &Path,
) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanwise"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command may end without reading; what it says then is what the test looks at.
    let _ = child.stdin.take().unwrap().write_all(input);
    ended(child)
}

/// Runs the command in a folder with nothing to read, while nobody reads what it writes to standard output.
#[allow(dead_code, reason = "not every test has such a reader")]
pub(crate) fn run_unread<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, folder: &Path) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanwise"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    ended(child)
}

fn ended(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
