//! The report for people: a line for each file, then what was found in each.

use std::io::{self, Write};

use super::{Counts, FileReport};
use crate::table::{Align, Table, counted, grouped, visible};

pub(super) fn write(files: &[FileReport], total: Counts, out: &mut dyn Write) -> io::Result<()> {
    let readable: Vec<_> = files.iter().filter(|file| file.was_read()).collect();
    if readable.is_empty() {
        return Ok(());
    }
    for file in files.iter().filter(|file| !file.findings.is_empty()) {
        findings(file, out)?;
    }
    table(&readable, total, out)?;
    let with_findings = files.iter().filter(|file| file.counts.errors + file.counts.warnings > 0).count();
    let verdict = if total.errors == 0 { "no errors".to_owned() } else { counted(total.errors, "error") };
    write!(out, "\n{verdict}, {}", counted(total.warnings, "warning"))?;
    if files.len() > 1 && with_findings > 0 {
        write!(out, " in {with_findings} of {}", counted(files.len() as u64, "file"))?;
    }
    let in_part = readable.iter().filter(|file| file.unreadable.is_some()).count();
    if in_part > 0 {
        write!(out, ", {} not read to the end", counted(in_part as u64, "file"))?;
    }
    let unread = files.len() - readable.len();
    if unread > 0 {
        write!(out, ", {} not read", counted(unread as u64, "file"))?;
    }
    writeln!(out)
}

fn table(files: &[&FileReport], total: Counts, out: &mut dyn Write) -> io::Result<()> {
    let mut columns = vec![Align::Left];
    columns.extend([Align::Right; 7]);
    let mut table = Table::new(columns);
    table.row(["file", "documents", "bad", "other signals", "spans", "rejected", "errors", "warnings"]);
    let mut row = |name: &str, counts: Counts| {
        let numbers = [
            counts.documents,
            counts.bad_documents,
            counts.other_signals,
            counts.spans,
            counts.rejected_spans,
            counts.errors,
            counts.warnings,
        ];
        table.row(std::iter::once(name.to_owned()).chain(numbers.map(grouped)));
    };
    for file in files {
        row(name(file), file.counts);
    }
    if files.len() > 1 {
        row("total", total);
    }
    table.write(out)
}

fn name(file: &FileReport) -> &str {
    if file.name == "-" { "standard input" } else { &file.name }
}

/// The findings of one file, code by code, the errors first.
fn findings(file: &FileReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", visible(name(file)))?;
    for findings in &file.findings {
        for diagnostic in &findings.kept {
            for line in diagnostic.to_string().lines() {
                writeln!(out, "  {line}")?;
            }
        }
        let rest = findings.count.saturating_sub(findings.kept.len() as u64);
        if rest > 0 {
            let more = if findings.kept.is_empty() { "" } else { "more " };
            let noun = format!("{more}{}", findings.severity);
            writeln!(out, "  {} of {}", counted(rest, &noun), findings.code)?;
        }
    }
    writeln!(out)
}
