//! What can go wrong between a batch and its columns.

use std::fmt;

use arrow_schema::ArrowError;

use crate::Column;

/// Options that no converter can be made from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// There is no column of this name. Attributes become columns by [`promote`](crate::ArrowOptions::promote).
    UnknownColumn(String),
    /// A promoted attribute is named among the columns that are ours.
    PromotedColumn(String),
    /// Two columns would have this name.
    DuplicateColumn(String),
    /// An attribute of events or links is to be a column of spans, of which each may have many.
    UnknownPlace(String),
}

/// As much of a name as an error shows: nobody's column is called so, and what was given may be anything.
fn start(name: &str) -> &str {
    const SHOWN: usize = 100;
    name.char_indices().nth(SHOWN).map_or(name, |(end, _)| name.get(..end).unwrap_or_default())
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownColumn(name) => {
                write!(f, "no column is named {:?}", start(name))?;
                if let Some(near) = Column::nearest(name) {
                    write!(f, "; the nearest is {near:?}")?;
                }
                f.write_str("; attributes become columns by `promote`")
            }
            Self::PromotedColumn(name) => {
                let name = start(name);
                write!(
                    f,
                    "{name:?} is promoted, and comes behind the columns that are named: do not name it among them"
                )
            }
            Self::DuplicateColumn(name) => write!(f, "two columns would be named {:?}", start(name)),
            Self::UnknownPlace(key) => {
                let key = start(key);
                write!(
                    f,
                    "{key:?} cannot be promoted: attributes of a resource, a scope and a span can; \"span:{key}\" is a span's \
                     that has this name"
                )
            }
        }
    }
}

impl std::error::Error for OptionsError {}

/// A batch that cannot become columns.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConvertError {
    /// The columns would be larger than Arrow's 31-bit offsets reach, or hold more than 134,217,728 attributes in one
    /// column (a resource's attributes stand in each of its spans' rows). Convert fewer spans at once: of this batch the converter
    /// keeps nothing.
    TooLarge,
    /// Arrow refused the arrays: a fault of this crate.
    Arrow(ArrowError),
    /// These are not the record batches that were meant: they have other columns, or other rows.
    Foreign(ArrowError),
    /// There are not as many rows as [`RequestMarks`](crate::RequestMarks) were made of: what was read has changed since.
    Changed {
        /// Rows that there were.
        told: usize,
        /// Rows that there are, as far as they came.
        found: usize,
    },
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the batch is too large for one Arrow record batch"),
            Self::Arrow(error) => write!(f, "Arrow refused the columns: {error}"),
            Self::Foreign(error) => write!(f, "record batches of something else: {error}"),
            Self::Changed { told, found } => {
                let found = if found > told { "more".to_owned() } else { found.to_string() };
                write!(f, "{told} spans when requests were told, and {found} now")
            }
        }
    }
}

impl std::error::Error for ConvertError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooLarge | Self::Changed { .. } => None,
            Self::Arrow(error) | Self::Foreign(error) => error.source(),
        }
    }
}

/// For readers of record batches, whose errors are Arrow's.
impl From<ConvertError> for ArrowError {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::Arrow(error) | ConvertError::Foreign(error) => error,
            other => Self::ExternalError(Box::new(other)),
        }
    }
}

impl From<ArrowError> for ConvertError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}
