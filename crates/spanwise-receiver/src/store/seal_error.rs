//! Why a segment is not sealed.

use std::fmt;
use std::io;

use arrow_schema::ArrowError;
use spanwise_arrow::ConvertError;
use spanwise_arrow::write::WriteError;

use super::record::ReadError;
use super::seal::Sealed;

/// Why a segment is not sealed.
#[derive(Debug)]
pub(crate) enum SealError {
    /// The disk failed; it may work again.
    Io(io::Error),
    /// The same while the manifest took its name. It may have it: then the next attempt does not find again what was damaged.
    Unsure(io::Error, Sealed),
    /// The manifest is durable, and so are the files, but not all could be put in their places. What was made, unless that was said
    /// before.
    Unplaced(io::Error, Sealed),
    /// The table could not be made: a fault of ours, and the same the next time.
    Table(String),
    /// The same, and the segment was put into `damaged`.
    Aside(String),
    /// The file of the segment is not there any more.
    Gone,
    /// The room that its files took is wanted for segments before it. They are thrown away.
    Later,
    /// The store is closed before its turn came.
    Abandoned,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) | Self::Unsure(error, _) | Self::Unplaced(error, _) => {
                write!(f, "the disk failed: {:?}", error.kind())
            }
            Self::Table(problem) | Self::Aside(problem) => f.write_str(problem),
            Self::Gone => f.write_str("the segment is gone"),
            Self::Later => f.write_str("segments before it come first"),
            Self::Abandoned => f.write_str("the store is closed"),
        }
    }
}

impl From<io::Error> for SealError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadError> for SealError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Io(error),
            ReadError::Damaged => Self::Table("the segment is damaged".to_owned()),
        }
    }
}

impl From<WriteError> for SealError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(error) => Self::Io(error),
            other => Self::Table(other.to_string()),
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn broken_table(error: ArrowError) -> SealError {
    SealError::Table(error.to_string())
}

impl From<ConvertError> for SealError {
    fn from(error: ConvertError) -> Self {
        match error {
            // The two readings of a segment were of different records: the disk is failing, or somebody writes to it.
            ConvertError::Changed { .. } => Self::Io(io::Error::other("a segment changed while it was read")),
            error => Self::Table(error.to_string()),
        }
    }
}
