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
    /// Of each stem the first number.
    stems: HashMap<Box<str>, Model, RandomState>,
    names: Vec<Name>,
}

/// What two names are compared by.
#[derive(Debug, Clone)]
struct Name {
    /// The number of its stem: the name without its version. Points and hyphens are alike: `claude-3.5-sonnet`.
    stem: Model,
    /// The numbers of its version: a date, most often.
    numbers: Box<str>,
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
        let (stem, version) = stem(&name);
        let stem = *self.stems.entry(stem.replace('.', "-").into()).or_insert(number);
        self.names.push(Name { stem, numbers: digits(version).into() });
        self.numbers.insert(name.into(), number);
        number
    }

    /// Forgets all but the first so many names.
    pub(super) fn truncate(&mut self, names: usize) {
        self.names.truncate(names);
        self.numbers.retain(|_, number| (*number as usize) < names);
        self.stems.retain(|_, number| (*number as usize) < names);
    }

    /// Forgets the names that are not kept, and gives for each number the one that it has now: they stay in their order.
    pub(super) fn keep(&mut self, is_kept: &[bool]) -> Vec<Model> {
        let mut now = vec![OTHER_MODELS; self.names.len()];
        let mut stems = vec![OTHER_MODELS; self.names.len()];
        let mut names = Vec::new();
        for ((name, now), _) in
            self.names.drain(..).zip(&mut now).zip(is_kept).filter(|(_, is_kept)| **is_kept)
        {
            *now = Model::try_from(names.len()).unwrap_or(OTHER_MODELS);
            let Some(stem) = stems.get_mut(name.stem as usize) else { continue };
            *stem = (*stem).min(*now);
            names.push(Name { stem: *stem, ..name });
        }
        self.names = names;
        let renumber = |number: &mut Model, now: &[Model]| {
            *number = now.get(*number as usize).copied().unwrap_or(OTHER_MODELS);
            *number != OTHER_MODELS
        };
        self.numbers.retain(|_, number| renumber(number, &now));
        self.stems.retain(|_, stem| renumber(stem, &stems));
        now
    }

    /// How many names it knows.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// A number that all have which may be of one model.
    pub(super) fn stem(&self, model: Model) -> Model {
        self.names.get(model as usize).map_or(model, |name| name.stem)
    }

    /// Whether two numbers are of one model: what answers often has a longer name than what was asked for, with a date or a
    /// version. Two dates are two models.
    pub(super) fn are_one(&self, a: Model, b: Model) -> bool {
        let name = |model: Model| self.names.get(model as usize);
        let (Some(a), Some(b)) = (name(a), name(b)) else { return false };
        // Which one has none may be any: the latest, say.
        a.stem == b.stem && (a.numbers == b.numbers || a.numbers.is_empty() || b.numbers.is_empty())
    }
}

/// Names that stand before that of a model, with a colon.
const PROVIDERS: [&str; 18] = [
    "anthropic",
    "azure",
    "bedrock",
    "cohere",
    "deepseek",
    "fireworks",
    "gemini",
    "google",
    "google-gla",
    "google-vertex",
    "groq",
    "huggingface",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "together",
    "xai",
];

/// The name without what gateways and clouds put before it: `openai/gpt-4o`, `openai:gpt-4o`, `us.anthropic.claude-sonnet-4`.
fn bare(name: &str) -> &str {
    let mut name = name.rsplit('/').next().unwrap_or(name);
    if let Some((before, rest)) = name.split_once(':')
        && PROVIDERS.iter().any(|provider| before.eq_ignore_ascii_case(provider))
    {
        name = rest;
    }
    while let Some((before, rest)) = name.split_once('.')
        && !before.is_empty()
        && before.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    {
        name = rest;
    }
    name
}

/// The name without a date, a version or a tag at its end, and these: `-2024-08-06`, `-0613`, `-latest`, `-preview-05-06`,
/// `@20240620`, `-v1:0`, `:free`.
fn stem(name: &str) -> (&str, &str) {
    let whole = name;
    let name = name.split(':').next().unwrap_or(name);
    let mut end = name.len();
    // Numbers of one or two digits are of a date only where one of more stands before them, or a word does.
    let mut short = end;
    loop {
        let head = name.get(..short).unwrap_or_default();
        let Some(cut) = head.rfind(['-', '@']).filter(|cut| *cut > 0) else { break };
        let word = head.get(cut + 1..).unwrap_or_default();
        let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let is_version = matches!(word, "latest" | "preview" | "exp")
            || word
                .strip_prefix('v')
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
        match () {
            () if is_version || is_number && word.len() > 2 => {
                short = cut;
                end = cut;
            }
            () if is_number => short = cut,
            () => break,
        }
    }
    whole.split_at(end)
}

/// The digits of a version.
fn digits(version: &str) -> String {
    let version = version.split(':').next().unwrap_or(version);
    // `-v1` says nothing beside a date.
    version.split(['-', '@']).filter(|word| word.bytes().all(|byte| byte.is_ascii_digit())).collect()
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
            ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022", true),
            ("claude-sonnet-4@20250514", "claude-sonnet-4-20250514", true),
            ("openai:o3-mini", "o3-mini-2025-01-31", true),
            ("gemini-2.5-pro", "gemini-2.5-pro-preview-05-06", true),
            ("anthropic/claude-3.5-sonnet", "claude-3-5-sonnet-20241022", true),
            ("us-gov.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4", true),
            ("gpt-4-turbo", "gpt-4-turbo-preview", true),
            ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06", false),
            ("openai:gpt-4o", "openai", false),
            ("o1", "o3", false),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4", "gpt-4.1", false),
            ("gpt-4", "gpt-4o", false),
            ("gpt-4", "gpt-4-32k", false),
            ("gpt-4.1", "gpt-4.1-mini", false),
            ("o1", "o1-mini", false),
            ("claude-sonnet-4", "claude-sonnet-4-5", false),
            ("heron", "owl", false),
            ("heron", "heron-v2x", false),
            ("heron", "heron-v", false),
            ("heron", "heron-2024-mini", false),
            ("-latest", "-preview", false),
        ] {
            let (a, b) = (models.number(Some(a)), models.number(Some(b)));
            assert_eq!((models.are_one(a, b), models.are_one(b, a)), (expected, expected), "{a} {b}");
        }
        assert_eq!(models.number(None), NO_MODEL);
        assert_eq!(models.number(Some("openai/")), NO_MODEL);
        assert!(!models.are_one(NO_MODEL, NO_MODEL) && !models.are_one(OTHER_MODELS, OTHER_MODELS));
    }
}
