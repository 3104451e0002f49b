//! What is wrong with a query, and where.

use std::fmt;

/// Where the lines of a query begin, in characters from its start, which is how far the parser counts.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let ends = (2..).zip(text.chars()).filter(|(_, next)| *next == '\n').map(|(behind, _)| behind);
        Self(std::iter::once(1).chain(ends).collect())
    }

    /// The line of a character, and its column there, all from 1.
    pub(super) fn place(&self, character: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= character).max(1);
        let start = self.0.get(line - 1).copied().unwrap_or(1);
        (line, (character + 1).saturating_sub(start).max(1))
    }
}

/// Writes a place and what is said of it. The first line need not be named.
pub(super) fn write_placed(
    f: &mut fmt::Formatter<'_>,
    line: usize,
    column: usize,
    message: &str,
) -> fmt::Result {
    if line > 1 {
        write!(f, "line {line}, ")?;
    }
    write!(f, "column {column}: {message}")
}

/// A query that cannot be read, or asks for what is not supported.
///
/// The message names the construct; of the query it repeats `TraceQL`'s own words and names of fields, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    line: usize,
    column: usize,
    message: String,
}

impl QueryError {
    pub(crate) fn new(column: usize, message: impl Into<String>) -> Self {
        Self { line: 1, column, message: message.into() }
    }

    /// The same in its line.
    pub(super) fn in_line(self, text: &str) -> Self {
        let (line, column) = Lines::of(text).place(self.column);
        Self { line, column, ..self }
    }

    /// The line of the query that it is in, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Where it is in its line: characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_placed(f, self.line, self.column, &self.message)
    }
}

impl std::error::Error for QueryError {}
