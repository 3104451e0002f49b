//! Findings as decode notes them, and the reading of them.

use std::ops::Range;

use bytes::Bytes;

use super::excerpt::Excerpt;
use super::line_number::{LineNumber, feeds};
use super::{Code, Diagnostic, Layer, Severity};
use crate::batch::memory::bytes_of;
use crate::schema::Field;

/// Where the first byte of a batch's input stands in its file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) offset: u64,
    pub(crate) line: LineNumber,
    /// Bytes of that line before it.
    pub(crate) column: u64,
    /// Bytes that were put before the input and stand elsewhere: the place is that of the byte behind them.
    pub(crate) before: usize,
}

impl Origin {
    /// The place after `bytes` that begin here.
    pub(crate) fn after(&self, bytes: &[u8]) -> Self {
        let column = match memchr::memrchr(b'\n', bytes) {
            Some(last) => (bytes.len() - last - 1) as u64,
            None => self.column.saturating_add(bytes.len() as u64),
        };
        let offset = self.offset.saturating_add(bytes.len() as u64);
        let line = LineNumber::known(self.line.get().saturating_add(feeds(bytes)));
        Self { offset, line, column, before: 0 }
    }

    /// The place after whole lines that begin here, which are to be counted yet.
    pub(crate) fn after_lines(&self, bytes: &Bytes) -> Self {
        let offset = self.offset.saturating_add(bytes.len() as u64);
        Self { offset, line: self.line.clone().behind(bytes.clone()), column: 0, before: 0 }
    }
}

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Field(Field),
    Index(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    code: Code,
    severity: Severity,
    offset: u32,
    steps: u32,
    steps_len: u32,
}

/// The findings of one decode, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DiagnosticLog {
    rows: Vec<Row>,
    steps: Vec<Step>,
    /// How many are kept; the rest are counted.
    pub(crate) bound: usize,
    pub(crate) show_keys: bool,
    pub(crate) errors: u64,
    pub(crate) warnings: u64,
    /// How many of each code, by the code's place in [`Code::ALL`] and by severity; as long as the last code that was found.
    counts: Vec<[u64; 3]>,
    /// What is decoded is a part of a document: what is found elsewhere is another part's.
    part: Option<Own>,
    /// Findings that are another part's.
    others: u64,
    /// Their codes, each once.
    other_codes: Vec<Code>,
    /// What rejected the first bad document, though it be one finding too many to be kept.
    rejection: Option<Row>,
    /// The first warning of each code by which spans may have been passed over, though there be no room for it in `rows`.
    passed_over: Vec<Row>,
}

/// What a part's findings are about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    bytes: Range<usize>,
    indices: [u32; 3],
}

impl DiagnosticLog {
    /// Keeps what is found within `bytes` alone, and counts elements on from `indices`.
    pub(crate) fn part(&mut self, bytes: Range<usize>, indices: [u32; 3]) {
        self.part = Some(Own { bytes, indices });
    }

    /// Bytes that the tables hold.
    pub(crate) fn memory(&self) -> usize {
        bytes_of(&self.rows)
            + bytes_of(&self.steps)
            + bytes_of(&self.counts)
            + bytes_of(&self.passed_over)
            + bytes_of(&self.other_codes)
    }

    pub(crate) fn clear(&mut self) {
        self.part = None;
        self.others = 0;
        self.other_codes.clear();
        self.rejection = None;
        self.passed_over.clear();
        self.rows.clear();
        self.steps.clear();
        self.errors = 0;
        self.warnings = 0;
        self.counts.clear();
    }

    pub(crate) fn push(
        &mut self,
        severity: Severity,
        code: Code,
        offset: usize,
        path: &[Step],
        tail: &[Field],
    ) {
        self.push_many(severity, code, offset, (path, tail), 1);
    }

    /// Whether what stands there is put round a part, and not its own.
    fn is_of_another(&self, offset: usize) -> bool {
        self.part.as_ref().is_some_and(|own| !own.bytes.contains(&offset))
    }

    /// Adds `count` findings, of which the first is at `offset` and may be kept.
    pub(crate) fn push_many(
        &mut self,
        severity: Severity,
        code: Code,
        offset: usize,
        (path, tail): (&[Step], &[Field]),
        count: u64,
    ) {
        if self.is_of_another(offset) {
            self.others += count;
            if !self.other_codes.contains(&code) {
                self.other_codes.push(code);
            }
            return;
        }
        match severity {
            Severity::Error => self.errors += count,
            Severity::Warning => self.warnings += count,
            Severity::Info => {}
        }
        let place = code as usize;
        if self.counts.len() <= place {
            self.counts.resize(place + 1, [0; 3]);
        }
        if let Some(sum) = self.counts.get_mut(place).and_then(|sums| sums.get_mut(severity as usize)) {
            *sum += count;
        }
        if self.rows.len() < self.bound {
            let row = self.row(severity, code, offset, path, tail);
            self.rows.push(row);
        }
    }

    /// Notes what rejects a document. Of the first one it is kept whatever the bound says: who stops there is to know why.
    pub(crate) fn reject(&mut self, code: Code, offset: usize, path: &[Step]) {
        let kept = self.rows.len();
        self.push(Severity::Error, code, offset, path, &[]);
        if self.rejection.is_none() {
            let row = self.rows.get(kept).copied();
            self.rejection = Some(row.unwrap_or_else(|| self.row(Severity::Error, code, offset, path, &[])));
        }
    }

    /// Codes of what was found in bytes that are not a part's own, but put round it.
    pub(crate) fn codes_of_others(&self) -> &[Code] {
        &self.other_codes
    }

    /// What rejected the first bad document.
    pub(crate) fn rejection(&self, input: &[u8], origin: Origin) -> Option<Diagnostic> {
        let row = self.rejection.as_ref()?;
        let mut lines = Lines::new(input, origin);
        let path = self.path(row);
        Some(lines.diagnostic(row.severity, row.code, path, row.offset as usize, self.show_keys))
    }

    /// Notes a warning by which spans may have been passed over.
    pub(crate) fn pass_over(&mut self, code: Code, offset: usize, path: &[Step], tail: &[Field]) {
        if self.is_of_another(offset) || self.passed_over.iter().any(|row| row.code == code) {
            return;
        }
        let row = self.row(Severity::Warning, code, offset, path, tail);
        self.passed_over.push(row);
    }

    /// The first warning of each code by which spans may have been passed over.
    pub(crate) fn passed_over<'a>(
        &'a self,
        input: &'a [u8],
        origin: Origin,
    ) -> impl Iterator<Item = Diagnostic> + 'a {
        let mut lines = Lines::new(input, origin);
        self.passed_over.iter().map(move |row| {
            let offset = row.offset as usize;
            lines.diagnostic(row.severity, row.code, self.path(row), offset, self.show_keys)
        })
    }

    fn row(&mut self, severity: Severity, code: Code, offset: usize, path: &[Step], tail: &[Field]) -> Row {
        let index = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let steps = index(self.steps.len());
        self.steps.extend_from_slice(path);
        self.steps.extend(tail.iter().map(|field| Step::Field(*field)));
        let steps_len = index(path.len() + tail.len());
        Row { code, severity, offset: index(offset), steps, steps_len }
    }

    /// Findings so far, those not kept included.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.errors + self.warnings + self.others
    }

    /// The codes that were found, each with how often.
    pub(crate) fn by_code(&self) -> impl Iterator<Item = (Code, u64)> + '_ {
        self.counted(|sums| sums.iter().sum())
    }

    /// The codes that were found with this severity, each with how often.
    pub(crate) fn of_severity(&self, severity: Severity) -> impl Iterator<Item = (Code, u64)> + '_ {
        self.counted(move |sums| sums.get(severity as usize).copied().unwrap_or(0))
    }

    fn counted(&self, count: impl Fn(&[u64; 3]) -> u64) -> impl Iterator<Item = (Code, u64)> {
        let counts = Code::ALL.iter().zip(&self.counts).map(move |(code, sums)| (*code, count(sums)));
        counts.filter(|(_, count)| *count > 0)
    }

    /// Findings that were counted and not kept.
    pub(crate) fn dropped(&self) -> u64 {
        (self.errors + self.warnings).saturating_sub(self.rows.len() as u64)
    }

    /// Code and offset of each finding that is kept.
    #[cfg(feature = "redact")]
    pub(crate) fn findings(&self) -> impl Iterator<Item = (Code, usize)> + '_ {
        self.rows.iter().map(|row| (row.code, row.offset as usize))
    }

    pub(crate) fn read<'a>(&'a self, input: &'a [u8], origin: Origin) -> Diagnostics<'a> {
        Diagnostics { log: self, lines: Lines::new(input, origin), next: 0 }
    }

    /// The path of a row in words.
    fn path(&self, row: &Row) -> String {
        let start = row.steps as usize;
        let steps = self.steps.get(start..start + row.steps_len as usize).unwrap_or_default();
        let Some(own) = &self.part else { return path_text(steps) };
        // The first element of a list is the one that was open where the part begins, if those round it are.
        let mut steps = steps.to_vec();
        let lists = steps.iter_mut().skip(1).step_by(2);
        for (step, before) in lists.zip(own.indices) {
            let Step::Index(index) = step else { break };
            let is_first = *index == 0;
            *index = index.saturating_add(before);
            if !is_first {
                break;
            }
        }
        path_text(&steps)
    }
}

fn path_text(steps: &[Step]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Field(field) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(field.name());
            }
            Step::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
        }
    }
    text
}

/// The findings of a batch, each made when the iterator comes to it. Reading all costs one pass over the input.
#[derive(Debug, Clone)]
pub struct Diagnostics<'a> {
    log: &'a DiagnosticLog,
    lines: Lines<'a>,
    next: usize,
}

impl Iterator for Diagnostics<'_> {
    type Item = Diagnostic;

    fn next(&mut self) -> Option<Diagnostic> {
        let row = self.log.rows.get(self.next)?;
        self.next += 1;
        let path = self.log.path(row);
        Some(self.lines.diagnostic(row.severity, row.code, path, row.offset as usize, self.log.show_keys))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.log.rows.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Diagnostics<'_> {}

/// Counts lines as it moves from offset to offset, in either direction, looking only at the bytes between.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    input: &'a [u8],
    origin: Origin,
    at: usize,
    /// Line feeds before it.
    feeds: u64,
    line_start: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(input: &'a [u8], origin: Origin) -> Self {
        let at = origin.before;
        Self { input, origin, at, feeds: 0, line_start: at }
    }

    /// Moves to `offset` and returns its line and column, both from 1.
    fn position(&mut self, offset: usize) -> (u64, u64) {
        let first = self.origin.before;
        let offset = offset.max(first);
        let (low, high) = (self.at.min(offset), self.at.max(offset));
        let between = self.input.get(low..high).unwrap_or_default();
        let newlines = feeds(between);
        if offset >= self.at {
            self.feeds += newlines;
            if let Some(last) = memchr::memrchr(b'\n', between) {
                self.line_start = low + last + 1;
            }
        } else {
            self.feeds -= newlines;
            if offset < self.line_start {
                let before = self.input.get(first..offset).unwrap_or_default();
                self.line_start = memchr::memrchr(b'\n', before).map_or(first, |at| first + at + 1);
            }
        }
        self.at = offset;
        // The first line may have begun before the input.
        let before = if self.line_start == self.origin.before { self.origin.column } else { 0 };
        let column = before.saturating_add((offset - self.line_start) as u64).saturating_add(1);
        (self.origin.line.get().saturating_add(self.feeds), column)
    }

    pub(crate) fn diagnostic(
        &mut self,
        severity: Severity,
        code: Code,
        path: String,
        offset: usize,
        show_keys: bool,
    ) -> Diagnostic {
        let offset = offset.min(self.input.len());
        let (line, column) = self.position(offset);
        // Findings about the text of a string stand at a byte between its quotes, all others outside.
        let inside =
            code.layer() == Layer::Text || matches!(code, Code::InvalidEscape | Code::RawControlCharacter);
        Diagnostic {
            severity,
            code,
            path,
            offset: self.origin.offset.saturating_add(offset.saturating_sub(self.origin.before) as u64),
            line,
            column,
            excerpt: Excerpt::new(self.input, offset, inside, show_keys),
        }
    }

    /// The same from the steps of a path, for a document that is being rejected.
    pub(crate) fn rejection(
        &mut self,
        code: Code,
        steps: &[Step],
        offset: usize,
        show_keys: bool,
    ) -> Diagnostic {
        self.diagnostic(Severity::Error, code, path_text(steps), offset, show_keys)
    }
}
