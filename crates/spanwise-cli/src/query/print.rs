//! Spans as they come, in the form and the order that was asked for.

use std::io::{self, Write};

use spanwise::index::Order;

use super::rows::{Found, Shape, Shown};
use crate::arguments::QueryFormat;
use crate::table::{Align, Table, counted, grouped};

/// What becomes of the spans that are found.
pub(super) struct Printer {
    format: QueryFormat,
    counts: bool,
    cells: bool,
    order: Order,
    limit: usize,
    matched: u64,
    /// Lines that were written.
    written: usize,
    /// What waits for its place in the order, or for the width of its column.
    held: Vec<Found>,
}

impl Printer {
    pub(super) fn new(format: QueryFormat, shape: &Shape, order: Order, limit: usize) -> Self {
        let (counts, cells) = (matches!(shape, Shape::Count), matches!(shape, Shape::Cells));
        Self { format, counts, cells, order, limit, matched: 0, written: 0, held: Vec::new() }
    }

    /// Whether nothing that comes later changes what is shown.
    pub(super) fn is_full(&self) -> bool {
        self.order == Order::Input && self.written == self.limit && !self.counts && !self.cells
    }

    pub(super) fn add(&mut self, matched: u64, found: Vec<Found>, out: &mut dyn Write) -> io::Result<()> {
        self.matched += matched;
        if self.order != Order::Input {
            self.held.extend(found);
            if self.held.len() / 2 > self.limit {
                self.settle();
            }
        } else if self.cells {
            let room = self.limit.saturating_sub(self.held.len());
            self.held.extend(found.into_iter().take(room));
        } else {
            let room = self.limit - self.written;
            for found in found.into_iter().take(room) {
                self.line(&found, out)?;
            }
        }
        Ok(())
    }

    /// Leaves what is shown of what is held. Equal keys keep the order of the input.
    fn settle(&mut self) {
        self.held.sort_by_key(|found| found.key);
        self.held.truncate(self.limit);
    }

    fn line(&mut self, found: &Found, out: &mut dyn Write) -> io::Result<()> {
        let Shown::Line(line) = &found.shown else { return Ok(()) };
        if self.format == QueryFormat::Json {
            out.write_all(if self.written == 0 { b"[\n" } else { b",\n" })?;
            out.write_all(line.as_bytes())?;
        } else {
            writeln!(out, "{line}")?;
        }
        self.written += 1;
        Ok(())
    }

    pub(super) fn finish(mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.counts {
            return match self.format {
                QueryFormat::Human => writeln!(out, "{}", self.matched),
                QueryFormat::Json | QueryFormat::Jsonl => writeln!(out, "{{\"spans\":{}}}", self.matched),
            };
        }
        self.settle();
        let held = std::mem::take(&mut self.held);
        if self.cells {
            return self.table(&held, out);
        }
        for found in &held {
            self.line(found, out)?;
        }
        if self.format == QueryFormat::Json {
            out.write_all(if self.written == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        Ok(())
    }

    fn table(&self, held: &[Found], out: &mut dyn Write) -> io::Result<()> {
        if self.matched == 0 {
            return writeln!(out, "no span matches");
        }
        if !held.is_empty() {
            let left = Align::Left;
            let mut table = Table::new([left, Align::Right, left, left, left, left, left]);
            table.row(["start", "duration", "status", "service", "name", "trace", "span"]);
            for found in held {
                if let Shown::Cells(cells) = &found.shown {
                    table.row(cells);
                }
            }
            table.write(out)?;
            writeln!(out)?;
        }
        let spans = counted(self.matched, "span");
        let shown = held.len() as u64;
        match shown < self.matched {
            true if held.len() == self.limit => {
                writeln!(out, "{} of {spans} shown; --limit shows more", grouped(shown))
            }
            // The rest is in a source that could not be read.
            true => writeln!(out, "{} of {spans} shown", grouped(shown)),
            false => writeln!(out, "{spans}"),
        }
    }
}
