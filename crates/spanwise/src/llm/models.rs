//! Names of models, and whether two of them are of one.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// The number of a model's name.
pub(super) type Model = u32;

/// Of a span that names none.
pub(super) const NO_MODEL: Model = u32::MAX;

/// Of several that are not told apart.
pub(super) const OTHER_MODELS: Model = u32::MAX - 1;

/// Names are told apart by so many bytes.
const LONGEST_NAME: usize = 128;

/// The names of models, numbered in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Models {
    numbers: HashMap<Box<str>, Model, RandomState>,
    names: Vec<Box<str>>,
}

impl Models {
    pub(super) fn number(&mut self, name: Option<&str>) -> Model {
        let Some(name) = name.map(bare).filter(|name| !name.is_empty()) else { return NO_MODEL };
        let name = name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        if let Some(number) = self.numbers.get(&*name) {
            return *number;
        }
        let number = Model::try_from(self.names.len())
            .ok()
            .filter(|number| *number < OTHER_MODELS)
            .unwrap_or(OTHER_MODELS);
        self.names.push(name.clone().into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// Forgets all but the first so many names.
    pub(super) fn truncate(&mut self, names: usize) {
        self.names.truncate(names);
        self.numbers.retain(|_, number| (*number as usize) < names);
    }

    /// Whether two numbers are of one model: what answers often has a longer name than what was asked for, with a date or a
    /// version.
    pub(super) fn are_one(&self, a: Model, b: Model) -> bool {
        let name = |model: Model| self.names.get(model as usize);
        let (Some(a), Some(b)) = (name(a), name(b)) else { return false };
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        long.strip_prefix(&**short).is_some_and(is_version)
    }
}

/// The name without what gateways and clouds put before it: `openai/gpt-4o`, `us.anthropic.claude-sonnet-4`.
fn bare(name: &str) -> &str {
    let mut name = name.rsplit('/').next().unwrap_or(name);
    while let Some((before, rest)) = name.split_once('.')
        && !before.is_empty()
        && before.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        name = rest;
    }
    name
}

/// Whether what one name has more than another is a date, a version or a tag: `-2024-08-06`, `-0613`, `-latest`, `@20240620`,
/// `-v1:0`, `:free`.
fn is_version(rest: &str) -> bool {
    let Some(first) = rest.chars().next() else { return true };
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = |word: &str| word == "latest" || word.strip_prefix('v').is_some_and(is_number);
    let mut words = rest.split(['-', '@', ':', '.']).skip(1);
    match first {
        ':' => true,
        '-' | '@' => {
            let begins =
                words.next().is_some_and(|word| is_version(word) || is_number(word) && word.len() > 2);
            begins && words.all(|word| is_version(word) || is_number(word))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_one_model_but_for_dates_and_versions() {
        let mut models = Models::default();
        for (a, b, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "openai/GPT-4o-2024-08-06", true),
            ("gpt-4", "gpt-4-0613", true),
            ("claude-sonnet-4", "us.anthropic.claude-sonnet-4-20250514-v1:0", true),
            ("claude-3-5-sonnet", "claude-3-5-sonnet@20240620", true),
            ("claude-3-5-sonnet", "claude-3-5-sonnet-latest", true),
            ("deepseek-r1", "deepseek/deepseek-r1:free", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4", "gpt-4.1", false),
            ("gpt-4", "gpt-4o", false),
            ("gpt-4", "gpt-4-32k", false),
            ("gpt-4.1", "gpt-4.1-mini", false),
            ("o1", "o1-mini", false),
            ("claude-sonnet-4", "claude-sonnet-4-5", false),
            ("heron", "owl", false),
        ] {
            let (a, b) = (models.number(Some(a)), models.number(Some(b)));
            assert_eq!((models.are_one(a, b), models.are_one(b, a)), (expected, expected), "{a} {b}");
        }
        assert_eq!(models.number(None), NO_MODEL);
        assert_eq!(models.number(Some("openai/")), NO_MODEL);
        assert!(!models.are_one(NO_MODEL, NO_MODEL) && !models.are_one(OTHER_MODELS, OTHER_MODELS));
    }
}
