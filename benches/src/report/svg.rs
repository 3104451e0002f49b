//! The plot: for each case one group of bars, a bar for each contestant that reads JSON.
//!
//! The limits are left out: they would be the only bars to be seen. Written by hand since it is rectangles and text. Text takes the reader's colours, so that the plot is legible on dark pages too.

use super::{Report, reads};
use crate::contestants::{OURS, Reads, Task};
use crate::measure::Row;
use std::fmt::Write;

const BAR: usize = 16;
const GAP: usize = 26;
const LABELS: usize = 230;
const BARS: usize = 420;
const NUMBERS: usize = 70;
const COLUMNS: usize = 2;

/// The report as one SVG image.
pub fn svg(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a `String` does not fail.
    let _ = write_plot(report, &mut out);
    out
}

fn write_plot(report: &Report, out: &mut String) -> std::fmt::Result {
    let groups = groups(report);
    let rows = groups.iter().map(|group| group.bars.len()).max().unwrap_or(0);
    let (width, height) = (LABELS + BARS + NUMBERS, GAP + rows * BAR + GAP);
    let (total_width, total_height) = (width * COLUMNS, height * groups.len().div_ceil(COLUMNS));
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total_width} {total_height}\" \
         font-family=\"sans-serif\" font-size=\"11\">"
    )?;
    out.push_str(
        "<style>text{fill:#222}.spans{fill:#3b6ea8}.own{fill:#c8502a}.tree{fill:#7a9a4a}.grammar{fill:#b9b9b9}\
         @media(prefers-color-scheme:dark){text{fill:#ddd}.grammar{fill:#777}}</style>\n",
    );
    for (place, group) in groups.iter().enumerate() {
        let (left, top) = (place % COLUMNS * width, place / COLUMNS * height);
        writeln!(out, "<g transform=\"translate({left} {top})\">")?;
        write_group(group, out)?;
        writeln!(out, "</g>")?;
    }
    writeln!(out, "</svg>")
}

/// The bars of one case.
struct Group<'r> {
    title: String,
    bars: Vec<(&'r Row, f64)>,
}

fn groups(report: &Report) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    for corpus in report.names(|row| row.corpus) {
        for form in report.names(|row| row.form) {
            let case = report.rows.iter().filter(|row| row.corpus == corpus && row.form == form);
            let plotted = case.filter(|row| reads(row.contestant) != Reads::Bytes);
            let bars: Vec<_> = plotted.filter_map(|row| Some((row, row.gb_per_s?))).collect();
            if !bars.is_empty() {
                groups.push(Group { title: format!("{corpus}, {form}: GB/s"), bars });
            }
        }
    }
    groups
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "lengths of bars, in whole units"
)]
fn write_group(group: &Group<'_>, out: &mut String) -> std::fmt::Result {
    let most = group.bars.iter().map(|(_, speed)| *speed).fold(f64::MIN_POSITIVE, f64::max);
    writeln!(out, "<text x=\"{LABELS}\" y=\"18\" font-weight=\"bold\">{}</text>", escaped(&group.title))?;
    for (place, (row, speed)) in group.bars.iter().enumerate() {
        let top = GAP + place * BAR;
        let length = (speed / most * BARS as f64).round() as usize;
        let label = match row.task {
            Task::Decode => row.contestant.to_owned(),
            Task::Arrow => format!("{} (Arrow)", row.contestant),
            Task::Redact => format!("{} (redacted)", row.contestant),
        };
        let class = match reads(row.contestant) {
            _ if row.contestant.starts_with(OURS) => "own",
            Reads::Spans => "spans",
            Reads::Tree => "tree",
            Reads::Grammar | Reads::Bytes => "grammar",
        };
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LABELS}\" y=\"{top}\" width=\"{length}\" height=\"{}\"/>\
             <text x=\"{}\" y=\"{}\">{speed:.2}</text>",
            LABELS - 6,
            top + 11,
            escaped(&label),
            BAR - 3,
            LABELS + length + 5,
            top + 11,
        )?;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        let plot = svg(&example());
        assert!(plot.contains("width=\"105\"") && plot.contains("width=\"420\""), "{plot}");
        assert!(plot.starts_with("<svg") && plot.ends_with("</svg>\n"));
        assert_eq!(plot.matches("<rect").count(), 2); // the refused contestant has no bar
    }
}
