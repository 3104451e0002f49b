//! Policies made ready: what becomes of a key at a place.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::builder::Builder;
use super::nested::{LongKeys, WholePaths};
use super::rule::{EventName, Expression, KeyPattern, Matcher, is_separator};
use super::{HashKeySource, Mode, Policy, PolicyError, Preset, TextAction, Unknown, vain};
use crate::redact::catalogue;
use crate::redact::detector::{Builtin, DetectorIndex, DetectorSet, Look, Selection};
use crate::redact::place::{Place, Places};
use crate::redact::placeholder::{self, HashKey};

/// Bytes of a key of pseudonyms.
const SHORTEST_KEY: usize = 16;
const TOO_MANY: &str = "there are too many rules";

/// A policy that can be applied. Immutable, and cheap to share.
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    pub(super) rules: Vec<CompiledRule>,
    exact: HashMap<String, Vec<u32>, RandomState>,
    prefixes: HashMap<String, Vec<u32>, RandomState>,
    /// Bytes of the longest of them. A key is looked at no further, or one of many parts would cost the square of its length.
    longest_prefix: usize,
    expressions: Vec<(u32, Expression)>,
    /// The rules of the user's, which come first.
    pub(super) own: u32,
    events: Vec<EventName>,
    pub(super) whole_paths: WholePaths,
    pub(super) long_keys: LongKeys,
    pub(super) folds_case: bool,
    pub(super) mode: Mode,
    unknown: Unknown,
    texts: [TextAction; Place::ALL.len()],
    pub(super) detectors: DetectorSet,
    pub(super) selections: [Selection; Place::ALL.len()],
    key: Option<HashKey>,
    hashes_finds: bool,
    reads_numbers: bool,
    longest_text: usize,
    names: u64,
}

/// A rule with all that was decided when the policy was compiled.
#[derive(Clone, Debug)]
pub(super) struct CompiledRule {
    pub(super) origin: Origin,
    pub(super) pattern: KeyPattern,
    pub(super) places: Places,
    pub(super) event: Option<usize>,
    pub(super) event_name: Option<String>,
    pub(super) treatment: Treatment,
    pub(super) label: String,
    pub(super) members: Vec<String>,
    /// The same, to be compared with those of other rules.
    pub(super) sorted_members: Vec<String>,
    /// What becomes of these members.
    pub(super) of_members: Treatment,
    /// What has no such members stays, whatever it is.
    pub(super) is_metadata: bool,
    pub(super) scan: Scan,
    /// Numbers, true and false stay.
    pub(super) of_texts: bool,
}

impl CompiledRule {
    pub(super) fn is_of_all_keys(&self) -> bool {
        matches!(&self.pattern, KeyPattern::Glob(glob) if glob == "**")
    }
}

/// Which detectors look at what a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    All,
    WithoutDigits,
    Nothing,
}

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A rule of the policy's own, counted from 1.
    Rule(usize),
    /// A row of a preset.
    Preset {
        /// Which preset.
        preset: Preset,
        /// Whose convention the key is.
        convention: &'static str,
        /// Where that is written down.
        source: &'static str,
    },
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Treatment {
    /// It stays; detectors look at it.
    Keep,
    /// It stays if it is no more than a mark (true, false, a number), and is masked otherwise.
    KeepMark,
    /// The attribute goes.
    Drop,
    /// A placeholder stands in its place.
    Mask,
    /// A pseudonym stands in its place.
    Hash,
    /// The first so many characters stay.
    Truncate(usize),
    /// The structure of its messages stays, and a placeholder stands in the place of all content.
    Structure,
    /// The usage and the finish reason in its JSON stay, and a placeholder stands in the place of all else.
    Figures,
    /// Some members of its JSON are masked, or become what the policy says of identities, and the rest stays.
    Members,
}

impl Treatment {
    /// Whether nothing of a value is left.
    pub(crate) fn takes_all(self) -> bool {
        matches!(self, Self::Drop | Self::Mask | Self::Hash)
    }
}

/// What becomes of a key, and which rule says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What to do with the value.
    pub treatment: Treatment,
    /// The rule, to be passed to [`CompiledPolicy::label`] and for counting; none where no rule matched.
    pub rule: Option<u32>,
    /// The detectors that look at what stays.
    pub selection: Selection,
    /// The rule that names members which go from what is cut off.
    pub(crate) within: Option<u32>,
    /// How many names of a path stand above those by which rows of presets know what they say of it.
    pub(crate) above: usize,
}

/// Which of the event names that rules ask for an event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct EventClass(u64);

pub(super) fn compile(policy: &Policy, key: Option<HashKey>) -> Result<CompiledPolicy, PolicyError> {
    if key.as_ref().is_some_and(|key| key.len() < SHORTEST_KEY) {
        return Err(PolicyError::new(
            "the key of the pseudonyms is shorter than 16 bytes: they could be undone by trying",
        ));
    }
    if let Some(error) = &policy.detectors.broken {
        return Err(error.clone());
    }
    vain::check(policy)?;
    let mut builder = Builder { policy, events: Vec::new(), rules: Vec::new() };
    for (place, (rule, position)) in policy.rules.iter().enumerate() {
        builder.own_rule(place, rule).map_err(|error| error.at_position(*position))?;
    }
    for row in catalogue::rows() {
        builder.row(&row)?;
    }
    let detectors = detectors(policy)?;
    let selections = selections(policy, &detectors)?;
    let mut compiled = CompiledPolicy {
        rules: Vec::with_capacity(builder.rules.len()),
        exact: HashMap::default(),
        prefixes: HashMap::default(),
        longest_prefix: 0,
        expressions: Vec::new(),
        own: u32::try_from(policy.rules.len()).map_err(|_| PolicyError::new(TOO_MANY))?,
        events: builder.events.iter().map(|(_, name)| name.clone()).collect(),
        whole_paths: WholePaths::of(policy),
        long_keys: LongKeys::of(policy),
        folds_case: policy.folds_case,
        mode: policy.mode,
        unknown: policy.unknown.unwrap_or(if policy.presets.is_empty() && policy.mode == Mode::Deny {
            Unknown::Keep
        } else {
            Unknown::Drop
        }),
        texts: policy.texts,
        detectors,
        selections,
        key,
        hashes_finds: policy.detectors.hashes,
        reads_numbers: policy.detectors.reads_numbers,
        longest_text: policy.longest_text,
        names: 0,
    };
    for (place, (matcher, rule)) in builder.rules.into_iter().enumerate() {
        let place = u32::try_from(place).map_err(|_| PolicyError::new(TOO_MANY))?;
        match matcher {
            Matcher::Exact(key) => compiled.exact.entry(key).or_default().push(place),
            Matcher::Prefix(key) => {
                compiled.longest_prefix = compiled.longest_prefix.max(key.len());
                compiled.prefixes.entry(key).or_default().push(place);
            }
            Matcher::Regex(regex) => compiled.expressions.push((place, regex)),
        }
        compiled.rules.push(rule);
    }
    if compiled.key.is_none() {
        compiled.check_without_key(policy.key_source())?;
    }
    compiled.names = compiled.hash_of_names();
    Ok(compiled)
}

/// All detectors of the policy: those of its presets and those that it names, and the user's own.
fn detectors(policy: &Policy) -> Result<DetectorSet, PolicyError> {
    let settings = &policy.detectors;
    let mut set = settings.set.clone();
    if policy.presets.contains(&Preset::Secrets) {
        set = Builtin::all().filter(|builtin| builtin.is_on_by_default()).fold(set, DetectorSet::with);
    }
    for id in settings.on.iter().chain(&settings.off).chain(settings.only.iter().map(|(id, _)| id)) {
        if set.select(id).is_none() {
            return Err(PolicyError::new(format!("there is no detector `{id}`")));
        }
    }
    set = settings.on.iter().filter_map(|id| Builtin::from_id(id)).fold(set, DetectorSet::with);
    set = settings.off.iter().filter_map(|id| Builtin::from_id(id)).fold(set, DetectorSet::without);
    if !set.selection().is_empty() {
        set = set.with(Builtin::DeepEscapes);
    }
    Ok(set)
}

fn selections(policy: &Policy, set: &DetectorSet) -> Result<[Selection; Place::ALL.len()], PolicyError> {
    let settings = &policy.detectors;
    let mut selections = [Selection::NONE; Place::ALL.len()];
    for (place, selection) in Place::ALL.iter().copied().zip(&mut selections) {
        if settings.places.has(place) {
            *selection = set.selection();
        }
        for (id, places) in &settings.only {
            let one =
                set.select(id).ok_or_else(|| PolicyError::new(format!("there is no detector `{id}`")))?;
            let is_on = places.has(place) && set.selection().intersects(one);
            *selection = if is_on { selection.union(one) } else { selection.difference(one) };
        }
        for id in &settings.off {
            *selection = set.select(id).map_or(*selection, |one| selection.difference(one));
        }
        // It came for the others.
        let alone =
            set.select(Builtin::DeepEscapes.id()).is_some_and(|one| selection.difference(one).is_empty());
        if alone && !settings.on.iter().any(|id| id == Builtin::DeepEscapes.id()) {
            *selection = Selection::NONE;
        }
    }
    Ok(selections)
}

impl CompiledPolicy {
    /// Which of the event names that rules ask for `name` is.
    pub fn event_class(&self, name: &str) -> EventClass {
        let events = self.events.iter().enumerate().filter(|(_, event)| event.is_match(name));
        EventClass(events.fold(0, |class, (place, _)| class | 1 << place))
    }

    /// The same for a name that need not be read where no rule asks for names.
    pub(crate) fn event_class_of<'n>(&self, name: impl FnOnce() -> std::borrow::Cow<'n, str>) -> EventClass {
        if self.events.is_empty() { EventClass::default() } else { self.event_class(&name()) }
    }

    /// What becomes of the attribute `key` at `place`. `event` is the class of the event that it belongs to; for other
    /// places the default.
    ///
    /// Looks the key and its beginnings up, and tries the globs and expressions: worth remembering per key.
    pub fn resolve(&self, place: Place, event: EventClass, key: &str) -> Verdict {
        match self.first_match(place, event, key, 0..u32::MAX, |_| true) {
            Some(rule) => self.verdict(place, rule, key),
            None => self.default_verdict(place),
        }
    }

    /// What a rule makes of the members that it names.
    pub(crate) fn of_named_members(&self, rule: Option<u32>) -> Treatment {
        self.compiled(rule).map_or(Treatment::Mask, |rule| rule.of_members)
    }

    /// Whether what has no members that a rule names stays: text that is no JSON, say.
    pub(crate) fn is_of_metadata(&self, rule: Option<u32>) -> bool {
        self.compiled(rule).is_some_and(|rule| rule.is_metadata)
    }

    pub(super) fn compiled(&self, rule: Option<u32>) -> Option<&CompiledRule> {
        self.rules.get(rule? as usize)
    }

    /// Whether a rule names the members of this name, or of one of the names that it is made of. What was put in it is none.
    pub(crate) fn is_named_member(&self, rule: Option<u32>, name: &str) -> bool {
        let name = placeholder::blotted_out(name);
        let is_end = |character| is_separator(character) || character == ']';
        name.split(is_end).any(|name| {
            self.members(rule).iter().any(|member| {
                if self.folds_case { member.eq_ignore_ascii_case(name) } else { member == name }
            })
        })
    }

    pub(super) fn first_match(
        &self,
        place: Place,
        event: EventClass,
        key: &str,
        rules: Range<u32>,
        counts: impl Fn(&CompiledRule) -> bool,
    ) -> Option<u32> {
        let key = &*self.as_compared(key);
        let applies = |rule: &u32| {
            rules.contains(rule)
                && self.rules.get(*rule as usize).is_some_and(|rule| {
                    rule.places.has(place)
                        && rule.event.is_none_or(|name| event.0 >> name & 1 == 1)
                        && counts(rule)
                })
        };
        let first_of =
            |rules: Option<&Vec<u32>>| rules.and_then(|rules| rules.iter().copied().find(&applies));
        let mut best = first_of(self.exact.get(key));
        let mut consider = |rule: Option<u32>| best = best.into_iter().chain(rule).min();
        consider(first_of(self.prefixes.get(key)));
        let ends = key.match_indices(is_separator).map(|(end, _)| end);
        for end in ends.take_while(|end| *end <= self.longest_prefix) {
            consider(first_of(self.prefixes.get(key.get(..end).unwrap_or(""))));
        }
        let from = self.expressions.partition_point(|(rule, _)| *rule < rules.start);
        let before = best.unwrap_or(u32::MAX).min(rules.end);
        let expressions = self.expressions.get(from..).unwrap_or_default().iter();
        let mut expressions = expressions.take_while(|(rule, _)| *rule < before);
        let first = expressions.find(|(rule, expression)| applies(rule) && expression.is_match(key));
        first.map(|(rule, _)| *rule).or(best)
    }

    /// A key as patterns are compared with it.
    fn as_compared<'k>(&self, key: &'k str) -> Cow<'k, str> {
        if self.folds_case { Cow::Owned(key.to_lowercase()) } else { Cow::Borrowed(key) }
    }

    /// Whether a key that a rule matches goes on behind the pattern: that of a member, where the rule is of lists.
    pub(crate) fn is_key_of_member(&self, rule: Option<u32>, key: &str) -> bool {
        self.compiled(rule).is_some_and(|rule| match &rule.pattern {
            KeyPattern::Prefix(pattern) => !self.behind_pattern(pattern, key).is_empty(),
            KeyPattern::Exact(_) | KeyPattern::Glob(_) | KeyPattern::Regex(_) => false,
        })
    }

    /// What of a key stands behind as many bytes as a pattern has, as they are compared.
    fn behind_pattern<'k>(&self, pattern: &str, key: &'k str) -> &'k str {
        let mut compared = 0;
        let mut ends = key.char_indices().map(|(at, character)| {
            let before = compared;
            compared += character.to_lowercase().map(char::len_utf8).sum::<usize>();
            (at, before)
        });
        let from = if self.folds_case {
            ends.find(|(_, before)| *before >= pattern.len()).map_or(key.len(), |(at, _)| at)
        } else {
            pattern.len()
        };
        key.get(from..).unwrap_or_default()
    }

    /// What a rule says of a key that it matches.
    pub(super) fn verdict(&self, place: Place, rule: u32, key: &str) -> Verdict {
        let Some(compiled) = self.rules.get(rule as usize) else {
            return self.default_verdict(place);
        };
        // Of settings that are written as keys of their own, the member is in the key.
        let is_named = || self.is_named_member(Some(rule), self.behind_pattern(self.pattern_text(rule), key));
        let treatment = match compiled.treatment {
            Treatment::Members if is_named() => compiled.of_members,
            treatment => treatment,
        };
        let all = self.selection(place);
        let selection = match compiled.scan {
            Scan::All => all,
            Scan::WithoutDigits => all.without_digits(),
            Scan::Nothing => Selection::NONE,
        };
        let above = if rule < self.own { usize::MAX } else { 0 };
        Verdict { treatment, rule: Some(rule), selection, within: None, above }
    }

    pub(super) fn default_verdict(&self, place: Place) -> Verdict {
        let treatment = if self.mode == Mode::Allow { Treatment::Drop } else { Treatment::Keep };
        Verdict { treatment, rule: None, selection: self.selection(place), within: None, above: usize::MAX }
    }

    /// The detectors that look at a place.
    pub fn selection(&self, place: Place) -> Selection {
        self.selections.get(place.as_usize()).copied().unwrap_or(Selection::NONE)
    }

    /// What the placeholder of a rule says.
    pub fn label(&self, rule: Option<u32>) -> &str {
        self.compiled(rule).map_or("masked", |rule| &rule.label)
    }

    /// Whether a rule takes texts, and lists and objects, and leaves numbers, true and false. Where only what is allowed stays, it
    /// leaves nothing.
    pub(crate) fn spares_numbers(&self, rule: Option<u32>) -> bool {
        self.compiled(rule).is_some_and(|rule| rule.of_texts) && self.mode == Mode::Deny
    }

    /// Where a rule comes from.
    pub fn origin(&self, rule: u32) -> Option<&Origin> {
        self.rules.get(rule as usize).map(|rule| &rule.origin)
    }

    /// The pattern of a rule, as it is written.
    pub fn pattern_text(&self, rule: u32) -> &str {
        self.rules.get(rule as usize).map_or("", |rule| match &rule.pattern {
            KeyPattern::Exact(text)
            | KeyPattern::Prefix(text)
            | KeyPattern::Glob(text)
            | KeyPattern::Regex(text) => text,
        })
    }

    /// Tells policies apart whose rules and detectors are others, or stand in another order: reports count them by their place.
    pub(crate) fn names(&self) -> u64 {
        self.names
    }

    /// The same in every run and for every policy that says the same: no key goes into it.
    fn hash_of_names(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (rule, place) in self.rules.iter().zip(0..) {
            match &rule.origin {
                Origin::Rule(number) => number.hash(&mut hasher),
                Origin::Preset { preset, .. } => preset.id().hash(&mut hasher),
            }
            self.pattern_text(place).hash(&mut hasher);
        }
        self.detectors.ids_of(self.detectors.selection()).hash(&mut hasher);
        hasher.finish()
    }

    /// How many rules there are; a rule is known by a number below.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// The members that a rule names.
    pub(super) fn members(&self, rule: Option<u32>) -> &[String] {
        self.compiled(rule).map_or(&[], |rule| &rule.members)
    }

    /// What becomes of the texts of a place without keys.
    pub fn text_action(&self, place: Place) -> TextAction {
        self.texts.get(place.as_usize()).copied().unwrap_or(TextAction::Mask)
    }

    /// What becomes of unknown members.
    pub fn unknown(&self) -> Unknown {
        self.unknown
    }

    /// The detectors.
    pub fn detectors(&self) -> &DetectorSet {
        &self.detectors
    }

    pub(crate) fn look(&self, place: Place) -> Look {
        Look { on: self.selection(place), is_query: false }
    }

    /// Writes what stands in the place of a find behind `out`.
    pub(crate) fn push_find(&self, detector: DetectorIndex, found: &str, out: &mut String) {
        match self.key.as_ref().filter(|_| self.hashes_finds) {
            Some(key) => out.push_str(&key.pseudonym(found)),
            None => placeholder::push_mask(out, self.detectors.id(detector)),
        }
    }

    pub(crate) fn key(&self) -> Option<&HashKey> {
        self.key.as_ref()
    }

    #[cfg(test)]
    pub(crate) fn hashes_finds(&self) -> bool {
        self.hashes_finds
    }

    pub(crate) fn reads_numbers(&self) -> bool {
        self.reads_numbers
    }

    pub(crate) fn longest_text(&self) -> usize {
        self.longest_text
    }

    /// Refuses what needs a key, or is of use with one alone. What a source says is not shown: it may be the key, put there by
    /// mistake.
    fn check_without_key(&self, source: Option<&HashKeySource>) -> Result<(), PolicyError> {
        let hashes = self.hashes_finds || self.rules.iter().any(|rule| rule.treatment == Treatment::Hash);
        if !hashes && !self.is_empty() {
            return Ok(());
        }
        Err(PolicyError::new(match source {
            Some(HashKeySource::Environment(_)) => {
                "there is no key: whoever compiles the policy fetches it from the environment variable that `key_env` names"
            }
            Some(HashKeySource::File(_)) => {
                "there is no key: whoever compiles the policy fetches it from the file that `key_file` names"
            }
            None if hashes => {
                "something is to be hashed, and there is no key: name an environment variable or a file under [hash]"
            }
            None => "the policy changes nothing: name a preset, a detector or a rule",
        }))
    }

    /// Whether it takes nothing out, whatever the trace. It has a key then: ids that are text are digests under it.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.iter().all(|rule| rule.treatment == Treatment::Keep)
            && self.mode == Mode::Deny
            && self.unknown == Unknown::Keep
            && self.texts.iter().all(|text| *text != TextAction::Mask)
            && Place::ALL.iter().all(|&place| {
                let is_read = place.has_keys() || self.text_action(place) == TextAction::Scan;
                !is_read || self.selection(place).is_empty()
            })
    }
}
