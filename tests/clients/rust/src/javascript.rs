//! The OpenTelemetry JS SDK as a client: `../js/export.mjs`, run by Node.js with the packages of `../js/package-lock.json`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::model::Span;

/// Installs the packages, unless those of the lock file are there already.
///
/// Tests may run at the same time, in one process or several: all but one wait at a lock in `scratch`.
pub fn install(scratch: &Path) -> Result<(), Error> {
    let lock = File::create(scratch.join("npm-ci.lock"))?;
    lock.lock()?;
    let home = home();
    // npm writes this copy of the lock file when it has installed everything else.
    let installed = modified(&home.join("node_modules").join(".package-lock.json"));
    let wanted = modified(&home.join("package-lock.json"))?;
    if installed.is_ok_and(|installed| installed >= wanted) {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    run(Command::new(npm).arg("ci").current_dir(&home))?;
    Ok(())
}

/// Exports to a port of the loopback interface, and gives what must have arrived there.
pub fn export(port: u16, options: &[&str]) -> Result<Vec<Span>, Error> {
    let mut command = Command::new("node");
    command.arg(home().join("export.mjs")).arg(port.to_string()).args(options);
    // Settings of the SDK that this shell may hold.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    Ok(serde_json::from_slice(&run(&mut command)?)?)
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("js")
}

fn modified(path: &Path) -> io::Result<std::time::SystemTime> {
    fs::metadata(path)?.modified()
}

/// Standard output of a command that must succeed.
fn run(command: &mut Command) -> Result<Vec<u8>, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        format!("cannot start `{program}`: {error}. These tests need Node.js 20.6 or later, with npm")
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}\n{complaint}", output.status).into())
}
