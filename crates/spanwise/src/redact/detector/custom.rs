//! Detectors of the user's: regular expressions over decoded text.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::redact::placeholder;

/// Bound of a compiled expression, in bytes.
const LARGEST: usize = 1 << 20;

/// Why an expression cannot be a detector.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CustomError {
    /// The id has other characters than lower-case letters, `_`, `-` and four digits, or more than 32.
    BadId,
    /// Another detector has the id.
    TakenId,
    /// The expression is broken; the text says where.
    BadPattern(String),
    /// The expression matches the empty text, and so everywhere.
    MatchesNothing,
    /// There is no room for another: 105 there can be.
    TooMany,
}

impl fmt::Display for CustomError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadId => formatter.write_str(
                "a detector's id is made of lower-case letters, `_`, `-` and up to four digits, 32 characters at most",
            ),
            Self::TakenId => formatter.write_str("there already is a detector with this id"),
            Self::BadPattern(reason) => write!(formatter, "the regular expression is not valid: {reason}"),
            Self::MatchesNothing => formatter.write_str("the regular expression matches the empty text"),
            Self::TooMany => formatter.write_str("there are too many detectors"),
        }
    }
}

impl std::error::Error for CustomError {}

/// What is wrong with an expression, in one line; the whole message draws it over several.
pub(crate) fn reason(error: &regex::Error) -> String {
    let message = error.to_string();
    let line = message.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[derive(Clone, Debug)]
pub(super) struct Custom {
    id: String,
    regex: Regex,
    has_group: bool,
}

impl Custom {
    pub(super) fn new(id: &str, pattern: &str) -> Result<Self, CustomError> {
        if !placeholder::is_label(id) {
            return Err(CustomError::BadId);
        }
        let regex = RegexBuilder::new(pattern)
            .size_limit(LARGEST)
            .build()
            .map_err(|error| CustomError::BadPattern(reason(&error)))?;
        if regex.is_match("") {
            return Err(CustomError::MatchesNothing);
        }
        let has_group = regex.capture_names().flatten().any(|name| name == "secret");
        Ok(Self { id: id.to_owned(), regex, has_group })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn find(&self, text: &str, mut found: impl FnMut(usize, usize)) {
        if self.has_group {
            for captures in self.regex.captures_iter(text) {
                if let Some(secret) =
                    captures.name("secret").or_else(|| captures.get(0)).filter(|at| !at.is_empty())
                {
                    found(secret.start(), secret.end());
                }
            }
        } else {
            for at in self.regex.find_iter(text).filter(|at| !at.is_empty()) {
                found(at.start(), at.end());
            }
        }
    }
}
