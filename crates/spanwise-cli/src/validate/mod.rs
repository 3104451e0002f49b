//! `spanwise validate`: what is wrong, how often, and where.

mod human;
mod json;

use std::io::{self, Write};

use spanwise::{Code, DecodeOptions, Diagnostic, Limits, Severity, SpanBatch};

use crate::Outcome;
use crate::arguments::{Format, Validate};
use crate::reading::{Reading, Stopped};

/// Findings shown of each file, where nothing else is asked for.
const SHOWN_TO_PEOPLE: usize = 20;
const SHOWN_TO_PROGRAMS: usize = 1000;

/// What was counted in one input, or in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
            documents: batch.document_count(),
            bad_documents: batch.bad_documents(),
            other_signals: batch.other_signals(),
            spans: batch.len() as u64,
            rejected_spans: batch.rejected_spans(),
            errors: batch.error_count(),
            warnings: batch.warning_count(),
        }
    }
}

/// All findings of one code and severity in one input.
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
    /// Errors first, then by the place of the first of each.
    findings: Vec<Findings>,
    /// Why it could not be read, or not to its end.
    unreadable: Option<String>,
}

impl FileReport {
    fn new((name, unreadable): (&str, Option<&str>)) -> Self {
        let unreadable = unreadable.map(str::to_owned);
        Self { name: name.to_owned(), counts: Counts::default(), findings: Vec::new(), unreadable }
    }

    /// Whether anything of it was read.
    fn was_read(&self) -> bool {
        self.unreadable.is_none() || self.counts != Counts::default()
    }

    fn add(&mut self, batch: &SpanBatch, arguments: &Validate) {
        self.counts.add(Counts::of(batch));
        let mut wanted = false;
        for severity in [Severity::Error, Severity::Warning, Severity::Info] {
            for (code, count) in batch.diagnostic_counts_of(severity) {
                let findings = self.findings_of(code, severity);
                findings.count += count;
                wanted |= findings.kept.len() < arguments.shown();
            }
        }
        if !wanted {
            return;
        }
        for diagnostic in batch.diagnostics() {
            let findings = self.findings_of(diagnostic.code, diagnostic.severity);
            if findings.kept.len() < arguments.shown() {
                findings.kept.push(diagnostic);
            }
        }
    }

    fn findings_of(&mut self, code: Code, severity: Severity) -> &mut Findings {
        let found = self.findings.iter().position(|found| (found.code, found.severity) == (code, severity));
        let index = found.unwrap_or_else(|| {
            self.findings.push(Findings { code, severity, count: 0, kept: Vec::new() });
            self.findings.len() - 1
        });
        &mut self.findings[index]
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
    let reading = Reading::open(&arguments.inputs, options, errors)?;
    let mut files: Vec<_> = reading.inputs().map(FileReport::new).collect();
    let mut inputs = reading.ledger();
    reading.read(|input, decoded| {
        if let Some(file) = files.get_mut(input) {
            match decoded {
                Ok(batch) => file.add(batch, arguments),
                Err(Stopped { message, bad, .. }) => {
                    file.counts.bad_documents += u64::from(bad);
                    inputs.fault(input, message);
                }
            }
        }
        io::Result::Ok(())
    })?;
    for (input, file) in files.iter_mut().enumerate() {
        file.finish(arguments.shown());
        file.unreadable = inputs.wrong(input).map(str::to_owned);
    }
    inputs.tell_faults(errors)?;
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
