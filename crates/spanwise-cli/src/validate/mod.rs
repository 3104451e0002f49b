//! `spanwise validate`: what is wrong, how often, and where.

mod human;
mod json;

use std::io::{self, Write};

use spanwise::{Code, DecodeOptions, Diagnostic, Limits, Severity, SpanBatch};

use crate::Outcome;
use crate::arguments::{Format, Validate};
use crate::input::{Place, Reading};
use crate::source::{Unreadable, expand};

/// Findings shown of each file, where nothing else is asked for.
const SHOWN_TO_PEOPLE: usize = 20;
const SHOWN_TO_PROGRAMS: usize = 1000;

/// What was counted in one input, or in all.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    documents: u64,
    bad_documents: u64,
    other_signals: u64,
    spans: u64,
    rejected_spans: u64,
    errors: u64,
    warnings: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.documents += other.documents;
        self.bad_documents += other.bad_documents;
        self.other_signals += other.other_signals;
        self.spans += other.spans;
        self.rejected_spans += other.rejected_spans;
        self.errors += other.errors;
        self.warnings += other.warnings;
    }

    fn of(batch: &SpanBatch) -> Self {
        Self {
            documents: batch.documents().len() as u64,
            bad_documents: batch.bad_documents(),
            other_signals: batch.other_signals(),
            spans: batch.len() as u64,
            rejected_spans: batch.rejected_spans(),
            errors: batch.error_count(),
            warnings: batch.warning_count(),
        }
    }
}

/// All findings of one code in one input.
#[derive(Debug)]
struct Findings {
    code: Code,
    severity: Severity,
    count: u64,
    /// The first of them.
    kept: Vec<Diagnostic>,
}

/// What was found in one input.
#[derive(Debug)]
struct FileReport {
    name: String,
    counts: Counts,
    /// Errors first, then by the place of the first of each code.
    findings: Vec<Findings>,
    /// Why it could not be read, or not to its end.
    unreadable: Option<String>,
}

impl FileReport {
    fn new(name: String) -> Self {
        Self { name, counts: Counts::default(), findings: Vec::new(), unreadable: None }
    }

    fn add(&mut self, batch: &SpanBatch, place: Place, arguments: &Validate) {
        self.counts.add(Counts::of(batch));
        for (code, count) in batch.diagnostic_counts() {
            let severity = code.severity(arguments.mode.into());
            self.update(code, severity, |findings| findings.count += count);
        }
        for mut diagnostic in batch.diagnostics() {
            diagnostic.offset += place.offset;
            diagnostic.line += place.lines;
            self.update(diagnostic.code, diagnostic.severity, |findings| {
                if findings.kept.len() < arguments.shown() {
                    findings.kept.push(diagnostic);
                }
            });
        }
    }

    fn update(&mut self, code: Code, severity: Severity, change: impl FnOnce(&mut Findings)) {
        if let Some(findings) = self.findings.iter_mut().find(|findings| findings.code == code) {
            return change(findings);
        }
        let mut findings = Findings { code, severity, count: 0, kept: Vec::new() };
        change(&mut findings);
        self.findings.push(findings);
    }

    /// Orders the codes and keeps at most `shown` findings: every code has its turn before any has a second.
    fn finish(&mut self, shown: usize) {
        self.findings.sort_by_key(|findings| {
            let first = findings.kept.first().map_or(u64::MAX, |diagnostic| diagnostic.offset);
            (std::cmp::Reverse(findings.severity), first)
        });
        let mut left = shown;
        let mut turns = vec![0; self.findings.len()];
        let mut more = true;
        while more {
            more = false;
            for (turn, findings) in turns.iter_mut().zip(&self.findings) {
                if left > 0 && *turn < findings.kept.len() {
                    *turn += 1;
                    left -= 1;
                    more = true;
                }
            }
        }
        for (turn, findings) in turns.into_iter().zip(&mut self.findings) {
            findings.kept.truncate(turn);
        }
    }
}

impl Validate {
    fn shown(&self) -> usize {
        self.max_diagnostics.unwrap_or(match self.format {
            Format::Human => SHOWN_TO_PEOPLE,
            Format::Json => SHOWN_TO_PROGRAMS,
        })
    }
}

/// Runs the command.
pub(crate) fn run(
    arguments: &Validate,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<Outcome> {
    let limits = Limits::default();
    // What is kept of a block must hold what is shown, and more of it gives rare codes their turn.
    let limits = Limits { diagnostics: limits.diagnostics.max(arguments.shown()), ..limits };
    let options = DecodeOptions::default()
        .with_mode(arguments.mode.into())
        .with_limits(limits)
        .with_report_keys(arguments.report_keys);
    let mut reading = Reading::new(options, arguments.inputs.framing.into());
    let mut files = Vec::new();
    for source in expand(&arguments.inputs.sources) {
        let mut file;
        match source {
            Ok(source) => {
                file = FileReport::new(source.name());
                let result = reading.read(&source, |batch, place| file.add(batch, place, arguments));
                file.unreadable = result.err();
            }
            Err(Unreadable { name, message }) => {
                file = FileReport::new(name);
                file.unreadable = Some(message);
            }
        }
        file.finish(arguments.shown());
        if let Some(message) = &file.unreadable {
            writeln!(errors, "spanwise: {}: {message}", file.name)?;
        }
        files.push(file);
    }
    let mut total = Counts::default();
    for file in &files {
        total.add(file.counts);
    }
    match arguments.format {
        Format::Human => human::write(&files, total, output)?,
        Format::Json => json::write(&files, total, arguments.mode, output)?,
    }
    Ok(match () {
        () if files.iter().any(|file| file.unreadable.is_some()) => Outcome::Unreadable,
        () if total.errors > 0 => Outcome::Findings,
        () => Outcome::Fine,
    })
}
