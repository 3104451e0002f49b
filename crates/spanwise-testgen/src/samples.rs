//! The files of `tests/cases`, `tests/payloads` and `tests/regressions`.

use std::path::{Path, PathBuf};

/// A file of the repository's test data.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Sample {
    /// Whether it is meant to be read line by line.
    pub fn is_lines(&self) -> bool {
        [".ndjson", ".jsonl"].iter().any(|ending| self.name.ends_with(ending))
    }
}

/// The folder `tests` at the top of the repository.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

/// The cases, sorted by name.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub fn cases() -> std::io::Result<Vec<Sample>> {
    files("cases")
}

/// The payloads, sorted by name.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub fn payloads() -> std::io::Result<Vec<Sample>> {
    files("payloads")
}

/// What once broke a law or a fuzz target, sorted by name.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub fn regressions() -> std::io::Result<Vec<Sample>> {
    files("regressions")
}

/// Cases and payloads.
///
/// # Errors
/// A folder or a file in it cannot be read.
pub fn all() -> std::io::Result<Vec<Sample>> {
    let mut samples = cases()?;
    samples.extend(payloads()?);
    Ok(samples)
}

fn files(folder_name: &str) -> std::io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder().join(folder_name))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("expected") || name == "README.md" {
            continue;
        }
        samples.push(Sample { name, bytes: std::fs::read(entry.path())? });
    }
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(samples)
}
