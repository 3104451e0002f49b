//! The rules of a policy, the user's and those of its presets, made ready to be matched.

use super::compiled::{CompiledRule, Origin, Scan, Treatment};
use super::rule::{EventName, KeyPattern, Matcher};
use super::{Action, Bodies, Identity, Policy, PolicyError, Preset};
use crate::redact::catalogue::{Class, Match, Row};
use crate::redact::place::Places;
use crate::redact::placeholder;

/// Events are told apart by as many names, which rules ask for.
const MOST_EVENTS: usize = 64;

pub(super) struct Builder<'p> {
    pub(super) policy: &'p Policy,
    pub(super) events: Vec<(String, EventName)>,
    pub(super) rules: Vec<(Matcher, CompiledRule)>,
}

impl Builder<'_> {
    pub(super) fn own_rule(&mut self, place: usize, rule: &super::Rule) -> Result<(), PolicyError> {
        if !placeholder::is_label(&rule.label) {
            return Err(PolicyError::new(
                "a label is made of lower-case letters, `_`, `-` and up to four digits, 32 characters at most",
            ));
        }
        if rule.places == Places::NONE || !rule.places.is_within(Places::KEYED) {
            return Err(PolicyError::new(
                "a rule is for resource, scope, span, event or link, for one of them at least",
            ));
        }
        let scan = if rule.detects { Scan::All } else { Scan::Nothing };
        let treatment = treatment(rule.action);
        let matcher = Matcher::new(&rule.pattern, self.policy.folds_case)?;
        let compiled = CompiledRule {
            origin: Origin::Rule(place + 1),
            pattern: rule.pattern.clone(),
            places: rule.places,
            event: self.event(rule.event.as_deref())?,
            event_name: rule.event.clone(),
            treatment,
            label: rule.label.clone(),
            members: Vec::new(),
            sorted_members: Vec::new(),
            of_members: Treatment::Mask,
            is_metadata: false,
            scan,
            of_texts: false,
        };
        self.rules.push((matcher, compiled));
        Ok(())
    }

    pub(super) fn row(&mut self, row: &Row) -> Result<(), PolicyError> {
        let policy = self.policy;
        let privacy = policy.presets.contains(&Preset::PrivacyMode);
        let secrets = policy.presets.contains(&Preset::Secrets);
        let content = match treatment(policy.content) {
            Treatment::Mask if policy.bodies == Bodies::Structure => Treatment::Structure,
            treatment => treatment,
        };
        let (preset, treatment, scan) = match row.class {
            Class::Content | Class::Word if privacy => (Preset::PrivacyMode, content, Scan::All),
            Class::Answer if privacy => {
                let treatment = if content == Treatment::Mask { Treatment::Figures } else { content };
                (Preset::PrivacyMode, treatment, Scan::All)
            }
            Class::Settings if privacy => (Preset::PrivacyMode, Treatment::Members, Scan::All),
            Class::Credential if privacy => (Preset::PrivacyMode, Treatment::Mask, Scan::All),
            Class::Credential if secrets => (Preset::Secrets, Treatment::Mask, Scan::All),
            Class::Identity if privacy => (Preset::PrivacyMode, identity(policy.identity), Scan::All),
            Class::Metadata if privacy => {
                let keeps_all = policy.identity == Identity::Keep;
                let treatment = if keeps_all { Treatment::Keep } else { Treatment::Members };
                (Preset::PrivacyMode, treatment, Scan::All)
            }
            Class::Kept if privacy => (Preset::PrivacyMode, Treatment::Keep, Scan::All),
            Class::Numeric if privacy || secrets => {
                let is_mark = privacy && row.label == "marker";
                let treatment = if is_mark { Treatment::KeepMark } else { Treatment::Keep };
                let preset = if privacy { Preset::PrivacyMode } else { Preset::Secrets };
                (preset, treatment, Scan::WithoutDigits)
            }
            _ => return Ok(()),
        };
        let pattern = match row.matching {
            Match::Exact => KeyPattern::Exact(row.pattern.to_owned()),
            Match::Tree => KeyPattern::Prefix(row.pattern.to_owned()),
            Match::Glob => KeyPattern::Glob(row.pattern.to_owned()),
            Match::Header => KeyPattern::Regex(row.header_expression()),
        };
        let matcher = match &pattern {
            KeyPattern::Regex(expression) => Matcher::of_header(expression, row.header_head())?,
            _ => Matcher::new(&pattern, policy.folds_case)?,
        };
        let members: Vec<_> = row.members.iter().map(|member| (*member).to_owned()).collect();
        let compiled = CompiledRule {
            origin: Origin::Preset { preset, convention: row.convention, source: row.source },
            // Shown as the catalogue has it, not as the expression that matches headers.
            pattern: if row.matching == Match::Header {
                KeyPattern::Glob(row.pattern.to_owned())
            } else {
                pattern
            },
            places: row.places,
            event: self.event(row.event)?,
            event_name: row.event.map(str::to_owned),
            treatment,
            label: row.label.to_owned(),
            sorted_members: sorted(members.clone()),
            members,
            of_members: if row.class == Class::Metadata {
                identity(policy.identity)
            } else {
                Treatment::Mask
            },
            is_metadata: row.class == Class::Metadata,
            scan,
            of_texts: row.class == Class::Word,
        };
        self.rules.push((matcher, compiled));
        Ok(())
    }

    fn event(&mut self, name: Option<&str>) -> Result<Option<usize>, PolicyError> {
        let Some(name) = name else {
            return Ok(None);
        };
        if let Some(place) = self.events.iter().position(|(known, _)| known == name) {
            return Ok(Some(place));
        }
        if self.events.len() == MOST_EVENTS {
            return Err(PolicyError::new("rules ask for more than 64 names of events"));
        }
        self.events.push((name.to_owned(), EventName::new(name)?));
        Ok(Some(self.events.len() - 1))
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

fn identity(identity: Identity) -> Treatment {
    match identity {
        Identity::Keep => Treatment::Keep,
        Identity::Hash => Treatment::Hash,
        Identity::Mask => Treatment::Mask,
        Identity::Drop => Treatment::Drop,
    }
}

fn treatment(action: Action) -> Treatment {
    match action {
        Action::Keep => Treatment::Keep,
        Action::Drop => Treatment::Drop,
        Action::Mask => Treatment::Mask,
        Action::Hash => Treatment::Hash,
        Action::Truncate(length) => Treatment::Truncate(length),
    }
}
