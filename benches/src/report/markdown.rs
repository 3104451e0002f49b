//! The tables: contestants down, corpora across.

use super::{Report, reads};
use crate::contestants::{BASE, Reads, TAPE};
use std::fmt::Write;

/// The whole report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a `String` does not fail.
    let _ = write_report(report, &mut out);
    out
}

fn write_report(report: &Report, out: &mut String) -> std::fmt::Result {
    let machine = &report.machine;
    writeln!(
        out,
        "{}, {} cores, {}, {}, {}, {}; one thread, {} rounds, corpora of {} bytes from seed {}.\n",
        machine.cpu,
        machine.cores,
        machine.simd,
        machine.platform,
        machine.rustc,
        if machine.native { "built for this very processor" } else { "built without `target-cpu=native`" },
        report.settings.rounds,
        report.settings.bytes,
        report.settings.seed
    )?;
    for form in report.names(|row| row.form) {
        writeln!(out, "## {form}\n\n### GB/s\n")?;
        table(report, form, out, |corpus, contestant| {
            report.speed(form, corpus, contestant).map(|speed| format!("{speed:.2}"))
        })?;
        for (title, base) in [("Times the base", BASE), ("Times the tape", TAPE)] {
            writeln!(out, "### {title} (`{base}`)\n")?;
            table(report, form, out, |corpus, contestant| {
                let ratio = report.speed(form, corpus, contestant)? / report.speed(form, corpus, base)?;
                Some(format!("{ratio:.2}"))
            })?;
        }
        writeln!(out, "### Allocations by request\n")?;
        table(report, form, out, |corpus, contestant| {
            let allocations = report.row(form, corpus, contestant)?.allocations_per_request?;
            Some(format!("{allocations:.1}"))
        })?;
        for row in report.rows.iter().filter(|row| row.form == form) {
            if let Some(reason) = &row.refused {
                writeln!(out, "- `{}` on `{}`: refused: {reason}", row.contestant, row.corpus)?;
            }
        }
    }
    Ok(())
}

fn table(
    report: &Report,
    form: &str,
    out: &mut String,
    cell: impl Fn(&str, &str) -> Option<String>,
) -> std::fmt::Result {
    let corpora = report.names(|row| row.corpus);
    writeln!(out, "| contestant | makes | {} |", corpora.join(" | "))?;
    writeln!(out, "|---|---|{}", "--:|".repeat(corpora.len()))?;
    for contestant in report.names(|row| row.contestant) {
        let task = report.rows.iter().find(|row| row.contestant == contestant).map(|row| row.task.name());
        let makes = match (reads(contestant), task) {
            (_, Some("arrow")) => "Arrow",
            (_, Some("redact")) => "redacted JSON",
            (Reads::Spans, _) => "spans",
            (Reads::Tree, _) => "a tree",
            (Reads::Grammar, _) => "nothing (skips)",
            (Reads::Bytes, _) => "nothing (limit)",
        };
        write!(out, "| {contestant} | {makes} |")?;
        for corpus in &corpora {
            let refused = report.row(form, corpus, contestant).is_some_and(|row| row.refused.is_some());
            let absent = if refused { "refused" } else { "" };
            write!(out, " {} |", cell(corpus, contestant).as_deref().unwrap_or(absent))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::markdown;

    #[test]
    fn tables() {
        let text = markdown(&example());
        for line in [
            "| contestant | makes | micro |",
            "| simd-json tape | a tree | 1.00 |",
            "| simd-json tape | a tree | 4.00 |",
            "| opentelemetry-proto+serde_json | spans | 0.25 |",
            "| jiter tree | a tree | refused |",
            "- `jiter tree` on `micro`: refused: a|b",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
    }
}
