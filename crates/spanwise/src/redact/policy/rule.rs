//! Rules for keys: which they match, where, and what becomes of the value.

use regex::{Regex, RegexBuilder};

use super::PolicyError;
use crate::redact::detector::reason;
use crate::redact::place::Places;

/// Bound of a compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// Which keys a rule is for.
///
/// Keys are compared as they are after JSON escapes are undone: exactly, case and all, unless the policy folds case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPattern {
    /// The whole key.
    Exact(String),
    /// The key, and all that go on with a `.`, a `:` or a `[`: `app.note` matches `app.note.0` and not `app.notes`.
    Prefix(String),
    /// A glob: `*` is one segment or part of one, `**` any number of segments. `app.*.note` matches `app.7.note`.
    Glob(String),
    /// A regular expression, found anywhere in the key unless it is anchored.
    Regex(String),
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It stays; detectors still look at it.
    Keep,
    /// The attribute goes altogether.
    Drop,
    /// `[REDACTED:<label>]` stands in its place.
    Mask,
    /// Its pseudonym stands in its place, so that equal values can still be joined. Needs a key.
    Hash,
    /// The first so many characters stay, after detectors have looked at the whole.
    Truncate(usize),
}

/// A rule of a policy.
///
/// ```
/// use spanwise::redact::{Action, KeyPattern, Place, Rule};
///
/// let rule = Rule::new(KeyPattern::Prefix("app.note".into()), Action::Mask).places([Place::Span]).label("note");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) pattern: KeyPattern,
    pub(crate) action: Action,
    pub(crate) places: Places,
    pub(crate) event: Option<String>,
    pub(crate) label: String,
    pub(crate) detects: bool,
}

impl Rule {
    /// A rule for all places with attributes, whose placeholder says `masked`.
    pub fn new(pattern: KeyPattern, action: Action) -> Self {
        Self {
            pattern,
            action,
            places: Places::KEYED,
            event: None,
            label: "masked".to_owned(),
            detects: true,
        }
    }

    /// Only there.
    #[must_use]
    pub fn places(mut self, places: impl Into<Places>) -> Self {
        self.places = places.into();
        self
    }

    /// Only in events whose name matches the glob.
    #[must_use]
    pub fn event(mut self, name: impl Into<String>) -> Self {
        self.event = Some(name.into());
        self
    }

    /// What the placeholder says: lower-case letters, `_`, `-` and up to four digits.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Whether detectors look at what the rule keeps.
    #[must_use]
    pub fn detectors(mut self, detects: bool) -> Self {
        self.detects = detects;
        self
    }
}

/// A pattern made ready to be matched.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    Exact(String),
    Prefix(String),
    Regex(Expression),
}

/// An expression, and what a key that it matches begins and ends with: most keys are told by that.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    regex: Regex,
    head: String,
    tail: String,
}

impl Expression {
    /// `head` and `tail` are compared case aside.
    pub(crate) fn new(regex: Regex, head: &str, tail: &str) -> Self {
        Self { regex, head: head.to_owned(), tail: tail.to_owned() }
    }

    fn of_glob(glob: &str) -> Result<Self, PolicyError> {
        let head = glob.split('*').next().unwrap_or_default();
        let tail = glob.rsplit('*').next().unwrap_or_default();
        Ok(Self::new(glob_regex(glob)?, head, tail))
    }

    pub(crate) fn is_match(&self, key: &str) -> bool {
        let key_bytes = key.as_bytes();
        let begins = key_bytes.get(..self.head.len());
        let ends = key_bytes.len().checked_sub(self.tail.len()).and_then(|start| key_bytes.get(start..));
        begins.is_some_and(|begin| begin.eq_ignore_ascii_case(self.head.as_bytes()))
            && ends.is_some_and(|end| end.eq_ignore_ascii_case(self.tail.as_bytes()))
            && self.regex.is_match(key)
    }
}

impl Matcher {
    /// The names of a header, whose expression has no case and begins with `head`.
    pub(crate) fn of_header(expression: &str, head: &str) -> Result<Self, PolicyError> {
        match Self::new(&KeyPattern::Regex(expression.to_owned()), false)? {
            Self::Regex(expression) => Ok(Self::Regex(Expression::new(expression.regex, head, ""))),
            matcher => Ok(matcher),
        }
    }

    pub(crate) fn new(pattern: &KeyPattern, folds_case: bool) -> Result<Self, PolicyError> {
        let folded = |text: &str| if folds_case { text.to_lowercase() } else { text.to_owned() };
        match pattern {
            KeyPattern::Exact(key) | KeyPattern::Prefix(key) if key.is_empty() => {
                Err(PolicyError::new("the pattern is empty"))
            }
            KeyPattern::Exact(key) | KeyPattern::Prefix(key) if key.contains('*') => Err(PolicyError::new(
                "`*` stands for itself in `key` and `prefix`: write a `glob`, or a `regex` for a key that has one",
            )),
            KeyPattern::Exact(key) => Ok(Self::Exact(folded(key))),
            KeyPattern::Prefix(key) => Ok(Self::Prefix(folded(key.strip_suffix(['.', ':']).unwrap_or(key)))),
            KeyPattern::Glob(glob) => Expression::of_glob(&folded(glob)).map(Self::Regex),
            KeyPattern::Regex(regex) => RegexBuilder::new(regex)
                .case_insensitive(folds_case)
                .size_limit(LARGEST_PATTERN)
                .build()
                .map(|regex| Self::Regex(Expression::new(regex, "", "")))
                .map_err(|error| {
                    PolicyError::new(format!("the regular expression is not valid: {}", reason(&error)))
                }),
        }
    }
}

/// The name of the events that a rule is for. It is asked for every event there is, so that a name without a star is compared.
#[derive(Clone, Debug)]
pub(super) enum EventName {
    Exact(String),
    Glob(Regex),
}

impl EventName {
    pub(super) fn new(glob: &str) -> Result<Self, PolicyError> {
        let regex = glob_regex(glob)?;
        Ok(if glob.contains('*') { Self::Glob(regex) } else { Self::Exact(glob.to_owned()) })
    }

    pub(super) fn is_match(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob(regex) => regex.is_match(name),
        }
    }
}

/// Where a key may go on behind a prefix.
pub(crate) fn is_separator(character: char) -> bool {
    matches!(character, '.' | ':' | '[')
}

/// The expression that a glob stands for. Linear to match, which backtracking over stars is not.
pub(crate) fn glob_regex(glob: &str) -> Result<Regex, PolicyError> {
    if glob.is_empty() {
        return Err(PolicyError::new("the glob is empty"));
    }
    let mut expression = String::from("(?s)^");
    let mut literal = String::new();
    let mut characters = glob.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '*' {
            literal.push(character);
            continue;
        }
        expression.push_str(&regex::escape(&literal));
        literal.clear();
        let is_double = characters.next_if_eq(&'*').is_some();
        if characters.peek() == Some(&'*') {
            return Err(PolicyError::new("a glob has `*` and `**`, and no more stars in a row"));
        }
        expression.push_str(if is_double { ".*" } else { r"[^.:\[\]]+" });
    }
    expression.push_str(&regex::escape(&literal));
    expression.push('$');
    RegexBuilder::new(&expression)
        .size_limit(LARGEST_PATTERN)
        .build()
        .map_err(|_| PolicyError::new("the glob is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_keep_to_their_segments() {
        for (glob, key, matches) in [
            ("a.*.b", "a.7.b", true),
            ("a.*.b", "a.7.8.b", false),
            ("a.*.b", "a..b", false),
            ("a.**.b", "a.7.8.b", true),
            ("**.b", "x.y.b", true),
            ("**.b", "xb", false),
            ("*.openrouter.*_ms", "span.openrouter.first_token_ms", true),
            ("a.*", "a.b:c", false),
            ("a.(b", "a.(b", true),
            ("a*", "abc", true),
            ("a*", "a", false),
        ] {
            assert_eq!(glob_regex(glob).unwrap().is_match(key), matches, "{glob} {key}");
        }
        assert!(glob_regex("a***").is_err());
        assert!(glob_regex("").is_err());
    }
}
