//! The report for programs: one JSON object.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use spanwise::Diagnostic;

use super::{Counts, FileReport};
use crate::arguments::Mode;

#[derive(Serialize)]
struct Report<'a> {
    /// All inputs were read and hold no error.
    ok: bool,
    mode: &'static str,
    #[serde(flatten)]
    total: Numbers,
    /// How often each code was found, the findings that are not listed included.
    codes: BTreeMap<&'static str, u64>,
    /// Findings that are not listed.
    dropped_diagnostics: u64,
    diagnostics: Vec<Finding<'a>>,
    files: Vec<Input<'a>>,
}

#[derive(Serialize)]
struct Numbers {
    documents: u64,
    bad_documents: u64,
    other_signals: u64,
    spans: u64,
    rejected_spans: u64,
    errors: u64,
    warnings: u64,
}

impl From<Counts> for Numbers {
    fn from(counts: Counts) -> Self {
        Self {
            documents: counts.documents,
            bad_documents: counts.bad_documents,
            other_signals: counts.other_signals,
            spans: counts.spans,
            rejected_spans: counts.rejected_spans,
            errors: counts.errors,
            warnings: counts.warnings,
        }
    }
}

#[derive(Serialize)]
struct Input<'a> {
    file: &'a str,
    ok: bool,
    #[serde(flatten)]
    numbers: Numbers,
    codes: BTreeMap<&'static str, u64>,
    dropped_diagnostics: u64,
    /// Why it could not be read, or not to its end.
    unreadable: Option<&'a str>,
}

#[derive(Serialize)]
struct Finding<'a> {
    file: &'a str,
    severity: &'static str,
    code: &'static str,
    message: &'static str,
    path: &'a str,
    offset: u64,
    line: u64,
    column: u64,
}

impl<'a> Finding<'a> {
    fn new(file: &'a str, diagnostic: &'a Diagnostic) -> Self {
        Self {
            file,
            severity: diagnostic.severity.as_str(),
            code: diagnostic.code.as_str(),
            message: diagnostic.message(),
            path: &diagnostic.path,
            offset: diagnostic.offset,
            line: diagnostic.line,
            column: diagnostic.column,
        }
    }
}

pub(super) fn write(files: &[FileReport], total: Counts, mode: Mode, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report {
        ok: files.iter().all(is_ok),
        mode: spanwise::Mode::from(mode).as_str(),
        total: total.into(),
        codes: BTreeMap::new(),
        dropped_diagnostics: 0,
        diagnostics: Vec::new(),
        files: Vec::new(),
    };
    for file in files {
        let mut codes = BTreeMap::new();
        for findings in &file.findings {
            *codes.entry(findings.code.as_str()).or_default() += findings.count;
        }
        for (code, count) in &codes {
            *report.codes.entry(code).or_default() += count;
        }
        let mut listed: Vec<_> = file
            .findings
            .iter()
            .flat_map(|findings| &findings.kept)
            .map(|diagnostic| Finding::new(&file.name, diagnostic))
            .collect();
        listed.sort_by_key(|finding| finding.offset);
        let dropped = codes.values().sum::<u64>().saturating_sub(listed.len() as u64);
        report.dropped_diagnostics += dropped;
        report.diagnostics.extend(listed);
        report.files.push(Input {
            file: &file.name,
            ok: is_ok(file),
            numbers: file.counts.into(),
            codes,
            dropped_diagnostics: dropped,
            unreadable: file.unreadable.as_deref(),
        });
    }
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn is_ok(file: &FileReport) -> bool {
    file.unreadable.is_none() && file.counts.errors == 0
}
