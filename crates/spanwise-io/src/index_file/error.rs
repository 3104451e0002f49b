//! Why an index file cannot be made or used.

use std::{fmt, io};

use spanwise::index::IndexError;

use crate::error::ReadError;

/// Why an index file cannot be made or used. No message shows anything of a trace.
#[derive(Debug)]
#[non_exhaustive]
pub enum IndexFileError {
    /// The index file cannot be read or written.
    Io(io::Error),
    /// The file is no index.
    Foreign,
    /// It is an index of another version.
    Version(u32),
    /// It is cut off, or some of its bytes are not those that were written.
    Damaged,
    /// This source is not what it was when it was indexed.
    SourceChanged(String),
    /// This source has changed before there was an index file of it.
    SourceChanges(String),
    /// This source cannot be read.
    Source(String, Box<ReadError>),
    /// The source cannot be read again, so an index of it would be of no use.
    Fleeting,
    /// There would be more spans than an index holds.
    TooManyRows,
    /// No source of this number was made known.
    NoSource(u32),
    /// The index has no row of this number.
    NoRow(u32),
    /// Its spans are in fewer batches.
    NoBatch(usize),
}

impl fmt::Display for IndexFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the index file: {error}"),
            Self::Foreign => f.write_str("the file is no spanwise index"),
            Self::Version(version) => {
                write!(
                    f,
                    "the index file has version {version}, which this program does not know; make it again"
                )
            }
            Self::Damaged => f.write_str("the index file is damaged; make it again"),
            Self::SourceChanged(name) => {
                write!(f, "{name} has changed since it was indexed; make the index again")
            }
            Self::SourceChanges(name) => {
                write!(f, "{name} changed while it was read; index it when nothing writes to it")
            }
            Self::Source(name, error) => write!(f, "{name}, which was indexed: {error}"),
            Self::Fleeting => {
                f.write_str("only files can be indexed, since their spans are read from them later")
            }
            Self::TooManyRows => IndexError::TooManyRows.fmt(f),
            Self::NoSource(number) => write!(f, "no source {number} was made known to the index"),
            Self::NoRow(row) => write!(f, "the index has no row {row}"),
            Self::NoBatch(number) => write!(f, "the index has no batch {number}"),
        }
    }
}

impl std::error::Error for IndexFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Source(_, error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for IndexFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<IndexFileError> for IndexError {
    fn from(error: IndexFileError) -> Self {
        Self::Source(Box::new(error))
    }
}

impl From<IndexError> for IndexFileError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::TooManyRows => Self::TooManyRows,
            IndexError::Source(error) => match error.downcast() {
                Ok(error) => *error,
                Err(error) => Self::Io(io::Error::other(error)),
            },
            _ => Self::Damaged,
        }
    }
}
