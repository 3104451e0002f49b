//! Policy files: TOML.
//!
//! Every setting that is not known here is an error, and so is every name, place, detector and pattern: a typing mistake
//! must not leave something private in place. Errors come with their line.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use toml::Spanned;

use super::error::{position_of, without_value};
use super::rule::{KeyPattern, Matcher, Rule};
use super::{
    Action, Bodies, HashKeySource, Identity, Mode, Policy, PolicyError, Preset, TextAction, Unknown,
};
use crate::redact::detector::Builtin;
use crate::redact::place::{Place, Places};

pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let plain = PolicyError::new(one_line(&without_value(error.message())));
        match error.span() {
            Some(span) => plain.at(text, span.start),
            None => plain,
        }
    })?;
    document.into_policy(text)
}

/// The first line of a message: the rest may repeat the file.
fn one_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a policy")]
struct Document {
    #[serde(default)]
    presets: Vec<Named<Preset>>,
    mode: Option<Named<Mode>>,
    unknown: Option<Named<Unknown>>,
    bodies: Option<Named<Bodies>>,
    content: Option<Named<Action>>,
    identity: Option<Named<Identity>>,
    fold_case: Option<bool>,
    hash: Option<Spanned<HashTable>>,
    #[serde(default)]
    text: BTreeMap<Spanned<String>, Named<TextAction>>,
    #[serde(default)]
    detectors: DetectorTable,
    #[serde(default)]
    limits: LimitTable,
    #[serde(default)]
    rules: Vec<Spanned<RuleTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "where the hash key is kept")]
struct HashTable {
    key_env: Option<String>,
    key_file: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "settings of the detectors")]
struct DetectorTable {
    #[serde(default)]
    on: Vec<Spanned<String>>,
    #[serde(default)]
    off: Vec<Spanned<String>>,
    action: Option<Named<FindAction>>,
    places: Option<Vec<Named<Place>>>,
    #[serde(default)]
    only: BTreeMap<Spanned<String>, Vec<Named<Place>>>,
    numbers: Option<bool>,
    #[serde(default)]
    custom: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "limits")]
struct LimitTable {
    text: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule")]
struct RuleTable {
    key: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    glob: Option<Spanned<String>>,
    regex: Option<Spanned<String>>,
    action: Named<Action>,
    length: Option<usize>,
    places: Option<Vec<Named<Place>>>,
    event: Option<String>,
    label: Option<String>,
    detectors: Option<bool>,
}

#[derive(Clone, Copy)]
enum FindAction {
    Mask,
    Hash,
}

/// A value that is written as one of a few words.
#[derive(Clone, Copy)]
struct Named<T>(T);

trait Words: Sized + Copy + 'static {
    /// What it is, for the message.
    const WHAT: &'static str;
    fn words() -> Vec<(&'static str, Self)>;
}

impl<'de, T: Words> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<T: Words> de::Visitor<'_> for Visitor<T> {
            type Value = Named<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let words: Vec<_> = T::words().iter().map(|(word, _)| format!("\"{word}\"")).collect();
                write!(formatter, "{}: {}", T::WHAT, words.join(", "))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let known = T::words().into_iter().find(|(word, _)| *word == text);
                known
                    .map(|(_, value)| Named(value))
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Visitor(std::marker::PhantomData))
    }
}

macro_rules! words {
    ($type:ty, $what:literal, $($word:literal => $value:expr),+ $(,)?) => {
        impl Words for $type {
            const WHAT: &'static str = $what;
            fn words() -> Vec<(&'static str, Self)> {
                vec![$(($word, $value)),+]
            }
        }
    };
}

words!(Mode, "a mode", "deny" => Mode::Deny, "allow" => Mode::Allow);
words!(Unknown, "what becomes of unknown members", "drop" => Unknown::Drop, "keep" => Unknown::Keep);
words!(Bodies, "what becomes of bodies", "mask" => Bodies::Mask, "structure" => Bodies::Structure);
words!(
    Identity, "what becomes of identities",
    "keep" => Identity::Keep, "hash" => Identity::Hash, "mask" => Identity::Mask, "drop" => Identity::Drop,
);
words!(
    TextAction, "what becomes of a text",
    "scan" => TextAction::Scan, "keep" => TextAction::Keep, "mask" => TextAction::Mask,
);
words!(FindAction, "what becomes of finds", "mask" => FindAction::Mask, "hash" => FindAction::Hash);
words!(
    Action, "an action",
    "keep" => Action::Keep, "drop" => Action::Drop, "mask" => Action::Mask, "hash" => Action::Hash,
    "truncate" => Action::Truncate(usize::MAX),
);

impl Words for Preset {
    const WHAT: &'static str = "a preset";
    fn words() -> Vec<(&'static str, Self)> {
        Self::ALL.iter().map(|preset| (preset.id(), *preset)).collect()
    }
}

impl Words for Place {
    const WHAT: &'static str = "a place";
    fn words() -> Vec<(&'static str, Self)> {
        Self::ALL.iter().map(|place| (place.id(), *place)).collect()
    }
}

impl Document {
    fn into_policy(self, text: &str) -> Result<Policy, PolicyError> {
        let mut policy =
            self.presets.into_iter().fold(Policy::new(), |policy, Named(preset)| policy.preset(preset));
        policy.mode = self.mode.map_or(policy.mode, |Named(mode)| mode);
        policy.unknown = self.unknown.map(|Named(unknown)| unknown);
        policy.bodies = self.bodies.map_or(policy.bodies, |Named(bodies)| bodies);
        policy.content = self.content.map_or(policy.content, |Named(content)| content);
        policy.identity = self.identity.map_or(policy.identity, |Named(identity)| identity);
        policy.folds_case = self.fold_case.unwrap_or(policy.folds_case);
        policy.longest_text = self.limits.text.unwrap_or(policy.longest_text);
        if let Some(hash) = self.hash {
            policy.hash_key = Some(hash_source(text, hash)?);
        }
        for (name, Named(action)) in self.text {
            let place =
                Place::from_id(name.get_ref()).filter(|place| !place.has_keys()).ok_or_else(|| {
                    let places: Vec<_> =
                        Place::ALL.iter().filter(|place| !place.has_keys()).map(|place| place.id()).collect();
                    PolicyError::new(format!("no place of texts; there are {}", places.join(", ")))
                        .at(text, name.span().start)
                })?;
            policy = policy.text(place, action);
        }
        policy = self.detectors.apply(policy, text)?;
        for rule in self.rules {
            let start = rule.span().start;
            policy.rules.push((self::rule(text, rule, policy.folds_case)?, Some(position_of(text, start))));
        }
        Ok(policy)
    }
}

fn hash_source(text: &str, hash: Spanned<HashTable>) -> Result<HashKeySource, PolicyError> {
    let start = hash.span().start;
    match hash.into_inner() {
        HashTable { key_env: Some(name), key_file: None } => Ok(HashKeySource::Environment(name)),
        HashTable { key_env: None, key_file: Some(path) } => Ok(HashKeySource::File(path)),
        _ => Err(PolicyError::new("name either `key_env` or `key_file`").at(text, start)),
    }
}

impl DetectorTable {
    fn apply(self, mut policy: Policy, text: &str) -> Result<Policy, PolicyError> {
        for (id, pattern) in self.custom {
            let at = pattern.span().start;
            policy
                .add_custom(id.get_ref(), pattern.get_ref())
                .map_err(|error| PolicyError::new(error.to_string()).at(text, at))?;
        }
        let is_known = |policy: &Policy, id: &Spanned<String>| {
            policy.detectors.set.select(id.get_ref()).map(|_| ()).ok_or_else(|| {
                let ids: Vec<_> = Builtin::all().map(Builtin::id).collect();
                PolicyError::new(format!(
                    "no such detector; there are {} and the custom ones",
                    ids.join(", ")
                ))
                .at(text, id.span().start)
            })
        };
        for id in self.on.iter().chain(&self.off).chain(self.only.keys()) {
            is_known(&policy, id)?;
        }
        policy.detectors.on = self.on.into_iter().map(Spanned::into_inner).collect();
        policy.detectors.off = self.off.into_iter().map(Spanned::into_inner).collect();
        policy.detectors.hashes = matches!(self.action, Some(Named(FindAction::Hash)));
        policy.detectors.places = self.places.map_or(Places::ALL, places);
        policy.detectors.only =
            self.only.into_iter().map(|(id, list)| (id.into_inner(), places(list))).collect();
        policy.detectors.reads_numbers = self.numbers.unwrap_or(false);
        Ok(policy)
    }
}

fn places(list: Vec<Named<Place>>) -> Places {
    list.into_iter().map(|Named(place)| place).collect()
}

fn rule(text: &str, table: Spanned<RuleTable>, folds_case: bool) -> Result<Rule, PolicyError> {
    let start = table.span().start;
    let fail = |message: &str| PolicyError::new(message).at(text, start);
    let table = table.into_inner();
    let given = [
        table.key.map(|key| (key, KeyPattern::Exact as fn(String) -> KeyPattern)),
        table.prefix.map(|prefix| (prefix, KeyPattern::Prefix as _)),
        table.glob.map(|glob| (glob, KeyPattern::Glob as _)),
        table.regex.map(|regex| (regex, KeyPattern::Regex as _)),
    ];
    let mut given = given.into_iter().flatten();
    let (Some((pattern, make)), None) = (given.next(), given.next()) else {
        return Err(fail("a rule has one of `key`, `prefix`, `glob` and `regex`"));
    };
    let at = pattern.span().start;
    let pattern = make(pattern.into_inner());
    Matcher::new(&pattern, folds_case).map_err(|error| error.at(text, at))?;
    let action = match (table.action, table.length) {
        (Named(Action::Truncate(_)), Some(length)) => Action::Truncate(length),
        (Named(Action::Truncate(_)), None) => return Err(fail("`truncate` needs a `length`")),
        (Named(action), None) => action,
        (_, Some(_)) => return Err(fail("`length` is for `truncate`")),
    };
    let mut rule = Rule::new(pattern, action).detectors(table.detectors.unwrap_or(true));
    if let Some(list) = table.places {
        rule = rule.places(places(list));
    }
    rule.event = table.event;
    rule.label = table.label.unwrap_or(rule.label);
    Ok(rule)
}
