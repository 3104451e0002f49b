//! What is wrong with a query, and where.

use std::fmt;

/// A query that cannot be read, or asks for what is not supported.
///
/// The message names the construct; it repeats no text of the query but `TraceQL`'s own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    column: usize,
    message: String,
}

impl QueryError {
    pub(crate) fn new(column: usize, message: impl Into<String>) -> Self {
        Self { column, message: message.into() }
    }

    /// Where it is: characters from the start of the query, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without the column.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for QueryError {}
