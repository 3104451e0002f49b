//! Policies: what to take out of traces, as data.
//!
//! A policy is built in Rust ([`Policy`]) or read from TOML ([`Policy::from_toml`]), then compiled
//! ([`Policy::compile`]). Nothing happens before that. The compiled form answers what becomes of a key at a place, and says why.
//!
//! The order of decisions: the user's rules in their order, then the rows of the presets in theirs; the first that
//! matches decides. What no rule matches stays, or, in allow-list mode, goes. Detectors look at everything that stays.

mod builder;
mod compiled;
mod document;
mod error;
mod explain;
mod nested;
mod rule;
mod vain;

use std::fmt;
use std::str::FromStr;

use super::detector::{CustomError, DetectorSet};
use super::place::{Place, Places};
use super::placeholder::HashKey;
use crate::UnknownWord;

pub use compiled::{CompiledPolicy, EventClass, Origin, Treatment, Verdict};
pub use error::{PolicyError, without_value};
pub use explain::Explanation;
pub(crate) use nested::{ANY_NAME, Said};
pub use rule::{Action, KeyPattern, Rule};

/// A policy that comes with the crate. Presets compose with each other and with rules.
///
/// ```
/// use spanwise::redact::Preset;
/// assert_eq!((Preset::PrivacyMode.to_string(), "secrets".parse()), ("privacy-mode".to_owned(), Ok(Preset::Secrets)));
/// let error = "secret".parse::<Preset>().unwrap_err();
/// assert_eq!(error.to_string(), "no preset is named \"secret\"; known are privacy-mode and secrets");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Preset {
    /// No text of prompts, completions, tools and documents; tokens, cost, timing, model and metadata stay.
    PrivacyMode,
    /// All detectors that are on by default, and headers that hold credentials.
    Secrets,
}

impl Preset {
    /// All presets.
    pub const ALL: &[Self] = &[Self::PrivacyMode, Self::Secrets];

    const IDS: [&'static str; Self::ALL.len()] = [Self::PrivacyMode.id(), Self::Secrets.id()];

    /// Its name in policy files and on the command line.
    pub const fn id(self) -> &'static str {
        match self {
            Self::PrivacyMode => "privacy-mode",
            Self::Secrets => "secrets",
        }
    }

    /// The preset of this name, if there is one.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.id() == id)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl FromStr for Preset {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::from_id(word).ok_or_else(|| UnknownWord::new("preset", word, &Self::IDS))
    }
}

/// What becomes of attributes that no rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// They stay.
    #[default]
    Deny,
    /// They go: the rules that keep are a list of what is allowed.
    Allow,
}

/// What becomes of members of the JSON that OTLP does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// They go.
    Drop,
    /// They stay, and detectors look at their text. One in whose name they find something goes.
    Keep,
}

/// What becomes of message bodies that are content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Bodies {
    /// The whole value is masked.
    #[default]
    Mask,
    /// Roles, types, names of tools, finish reasons and lengths stay; the content is masked.
    Structure,
}

/// What becomes of keys that tell who it was, where a preset knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Identity {
    /// They stay; detectors look at them.
    #[default]
    Keep,
    /// Their pseudonyms stand in their place. Needs a key.
    Hash,
    /// A placeholder stands in their place.
    Mask,
    /// They go.
    Drop,
}

/// What becomes of a text that has no key: a name, a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TextAction {
    /// It stays; detectors look at it.
    #[default]
    Scan,
    /// It stays as it is.
    Keep,
    /// A placeholder stands in its place.
    Mask,
}

/// Where the key of the pseudonyms is kept. Never in the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashKeySource {
    /// The name of an environment variable.
    Environment(String),
    /// The path of a file, all of whose bytes but a line end at its end are the key.
    File(String),
}

/// What to take out, as data.
///
/// # Examples
///
/// ```
/// use spanwise::redact::{Action, KeyPattern, Place, Policy, Preset, Rule};
///
/// let policy = Policy::from_preset(Preset::PrivacyMode)
///     .preset(Preset::Secrets)
///     .rule(Rule::new(KeyPattern::Prefix("app.note".into()), Action::Drop))
///     .compile(None)?;
/// assert!(policy.explain(Place::Span, "gen_ai.prompt.0.content", None).to_string().contains("privacy-mode"));
/// # Ok::<(), spanwise::redact::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    presets: Vec<Preset>,
    rules: Vec<(Rule, Option<PolicyPosition>)>,
    mode: Mode,
    unknown: Option<Unknown>,
    bodies: Bodies,
    content: Action,
    identity: Identity,
    folds_case: bool,
    hash_key: Option<HashKeySource>,
    texts: [TextAction; Place::ALL.len()],
    detectors: DetectorSettings,
    longest_text: usize,
}

/// Where in a policy file a rule stands, for errors that show only when the policy is compiled.
type PolicyPosition = (usize, usize);

#[derive(Clone, Debug)]
struct DetectorSettings {
    set: DetectorSet,
    /// What is wrong with the first detector of the user's that is none.
    broken: Option<PolicyError>,
    /// Ids to add to those that presets bring, and to leave out.
    on: Vec<String>,
    off: Vec<String>,
    hashes: bool,
    places: Places,
    /// Ids that look at some places only.
    only: Vec<(String, Places)>,
    reads_numbers: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy {
    /// Bound of a text that detectors look at unless set otherwise: a longer one is masked whole.
    pub const LONGEST_TEXT: usize = 64 << 20;

    /// A policy that takes nothing out yet. It needs a preset, a rule, a detector or a setting to [be compiled](Self::compile).
    pub fn new() -> Self {
        Self {
            presets: Vec::new(),
            rules: Vec::new(),
            mode: Mode::Deny,
            unknown: None,
            bodies: Bodies::Mask,
            content: Action::Mask,
            identity: Identity::Keep,
            folds_case: false,
            hash_key: None,
            texts: [TextAction::Scan; Place::ALL.len()],
            detectors: DetectorSettings {
                set: DetectorSet::empty(),
                broken: None,
                on: Vec::new(),
                off: Vec::new(),
                hashes: false,
                places: Places::ALL,
                only: Vec::new(),
                reads_numbers: false,
            },
            longest_text: Self::LONGEST_TEXT,
        }
    }

    /// A preset as it is.
    pub fn from_preset(preset: Preset) -> Self {
        Self::new().preset(preset)
    }

    /// Reads a policy file; the guide describes its settings.
    ///
    /// Unknown settings, unknown names and broken patterns are errors that name the line.
    ///
    /// ```
    /// use spanwise::redact::Policy;
    ///
    /// let policy = Policy::from_toml(
    ///     r#"
    ///     presets = ["privacy-mode", "secrets"]
    ///     identity = "hash"
    ///
    ///     [hash]
    ///     key_env = "SPANWISE_HASH_KEY"
    ///
    ///     [[rules]]
    ///     glob = "app.*.note"
    ///     action = "mask"
    ///
    ///     [detectors]
    ///     off = ["phone_e164"]
    ///     custom = { employee = '\bEMP-[0-9]{6}\b' }
    ///     "#,
    /// )?;
    /// # Ok::<(), spanwise::redact::PolicyError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        document::read(text)
    }

    /// With another preset behind those it has.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        if !self.presets.contains(&preset) {
            self.presets.push(preset);
        }
        self
    }

    /// With another rule behind those it has. Rules come before presets.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push((rule, None));
        self
    }

    /// What becomes of attributes that no rule matches.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What becomes of unknown members. Unless it is set, a policy with a preset drops them, and so does an [allow-list](Mode::Allow); another
    /// keeps them.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = Some(unknown);
        self
    }

    /// What becomes of message bodies.
    #[must_use]
    pub fn bodies(mut self, bodies: Bodies) -> Self {
        self.bodies = bodies;
        self
    }

    /// What the rows of presets do with content: mask it (unless set), drop it or hash it.
    #[must_use]
    pub fn content(mut self, action: Action) -> Self {
        self.content = action;
        self
    }

    /// What becomes of identities.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Whether keys match whatever their case.
    #[must_use]
    pub fn fold_case(mut self, folds: bool) -> Self {
        self.folds_case = folds;
        self
    }

    /// Where the key of the pseudonyms is kept. Whoever compiles the policy fetches it from there, as
    /// `spanwise_io::policy::compile` does.
    #[must_use]
    pub fn hash_key_source(mut self, source: HashKeySource) -> Self {
        self.hash_key = Some(source);
        self
    }

    /// What becomes of the texts of a place without keys. Of attributes rules decide: one of their places is an error when the policy
    /// is [compiled](Self::compile).
    #[must_use]
    pub fn text(mut self, place: Place, action: TextAction) -> Self {
        if let Some(text) = self.texts.get_mut(place.as_usize()) {
            *text = action;
        }
        self
    }

    /// With these detectors on too, by id.
    #[must_use]
    pub fn detectors_on<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.detectors.on.extend(ids.into_iter().map(str::to_owned));
        self
    }

    /// With these detectors off, by id.
    #[must_use]
    pub fn detectors_off<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.detectors.off.extend(ids.into_iter().map(str::to_owned));
        self
    }

    /// With a detector of the user's; see [`DetectorSet::with_custom`]. One that cannot be is an error when the policy is
    /// [compiled](Self::compile).
    ///
    /// ```
    /// use spanwise::redact::Policy;
    ///
    /// let policy = Policy::new().custom_detector("employee", r"\bEMP-[0-9]{6}\b").custom_detector("ticket", r"T-(");
    /// let error = policy.compile(None).unwrap_err().to_string();
    /// assert!(error.starts_with("the detector `ticket`: the regular expression is not valid"), "{error}");
    /// ```
    #[must_use]
    pub fn custom_detector(mut self, id: &str, pattern: &str) -> Self {
        if let Err(error) = self.add_custom(id, pattern) {
            let named = || PolicyError::new(format!("the detector `{id}`: {error}"));
            self.detectors.broken.get_or_insert_with(named);
        }
        self
    }

    fn add_custom(&mut self, id: &str, pattern: &str) -> Result<(), CustomError> {
        let set = std::mem::replace(&mut self.detectors.set, DetectorSet::empty());
        self.detectors.set = set.with_custom(id, pattern)?;
        Ok(())
    }

    /// Where detectors look, unless told otherwise for one of them.
    #[must_use]
    pub fn detector_places(mut self, places: impl Into<Places>) -> Self {
        self.detectors.places = places.into();
        self
    }

    /// Where one detector looks, by id.
    #[must_use]
    pub fn detector_only_at(mut self, id: &str, places: impl Into<Places>) -> Self {
        self.detectors.only.push((id.to_owned(), places.into()));
        self
    }

    /// Whether what detectors find is replaced by its pseudonym and not masked. Needs a key.
    #[must_use]
    pub fn hash_finds(mut self, hashes: bool) -> Self {
        self.detectors.hashes = hashes;
        self
    }

    /// Whether detectors look at integers and doubles too; a find makes the value a string.
    #[must_use]
    pub fn read_numbers(mut self, reads: bool) -> Self {
        self.detectors.reads_numbers = reads;
        self
    }

    /// The longest text that detectors look at, in bytes; a longer one is masked whole.
    #[must_use]
    pub fn longest_text(mut self, bytes: usize) -> Self {
        self.longest_text = bytes;
        self
    }

    /// Where the policy says that the key is kept.
    pub fn key_source(&self) -> Option<&HashKeySource> {
        self.hash_key.as_ref()
    }

    /// Makes the policy ready to be applied.
    ///
    /// `key` is the key of the pseudonyms, fetched from where [`key_source`](Self::key_source) says. It is an error if
    /// a rule needs one and there is none, if it has less than 16 bytes, if an id is not a detector's, if a pattern, detector or label
    /// is not valid, if a setting can have no effect, or if the policy changes nothing: it names nothing that takes anything
    /// out (a key does: ids that are text are digests under it): a policy that cannot be applied as it stands is not applied at all.
    pub fn compile(&self, key: Option<HashKey>) -> Result<CompiledPolicy, PolicyError> {
        compiled::compile(self, key)
    }
}

#[cfg(test)]
mod tests;
