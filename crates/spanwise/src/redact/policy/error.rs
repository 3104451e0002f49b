//! What is wrong with a policy, and where.

use std::borrow::Cow;
use std::fmt;

/// A policy that cannot be applied.
///
/// It names the line of the policy file where there is one. It does not repeat the line: a hash key that was put there by
/// mistake would land in a log.
///
/// ```
/// use spanwise::redact::Policy;
///
/// let error = Policy::from_toml("mode = \"deny\"\nbodys = \"mask\"\n").unwrap_err();
/// assert_eq!((error.line(), error.column()), (Some(2), Some(1)));
/// assert!(error.to_string().starts_with("line 2, column 1: unknown field `bodys`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    message: String,
    position: Option<(usize, usize)>,
}

impl PolicyError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), position: None }
    }

    /// The same at the offset `at` of the policy file `text`.
    pub(crate) fn at(self, text: &str, at: usize) -> Self {
        self.at_position(Some(position_of(text, at)))
    }

    pub(crate) fn at_position(self, position: Option<(usize, usize)>) -> Self {
        Self { position: self.position.or(position), ..self }
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line of the policy file, from 1.
    pub fn line(&self) -> Option<usize> {
        self.position.map(|(line, _)| line)
    }

    /// The column of the policy file, in characters, from 1.
    pub fn column(&self) -> Option<usize> {
        self.position.map(|(_, column)| column)
    }
}

/// What the reader of a settings file says of a value that is of another type than its setting, without the value: a secret, or a
/// document, may have been put there by mistake.
///
/// ```
/// use spanwise::redact::without_value;
/// assert_eq!(without_value("invalid type: string \"hush\", expected a map"), "invalid type: string, expected a map");
/// assert_eq!(without_value("missing field `action`"), "missing field `action`");
/// ```
pub fn without_value(message: &str) -> Cow<'_, str> {
    match (message.find(['"', '`']), message.rsplit_once(", expected ")) {
        (Some(value), Some((found, expected))) if message.starts_with("invalid ") && value < found.len() => {
            let kind = message.get(..value).unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}").into()
        }
        _ => message.into(),
    }
}

/// Line and column, from 1, of the offset `at`.
pub(crate) fn position_of(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(formatter, "line {line}, column {column}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

impl std::error::Error for PolicyError {}
