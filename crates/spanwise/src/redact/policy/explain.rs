//! Why a policy does what it does with a key.

use std::fmt;

use super::compiled::CompiledRule;
use super::{CompiledPolicy, KeyPattern, Mode, Origin, Treatment};
use crate::redact::detector::Selection;
use crate::redact::place::Place;

/// What becomes of a key at a place, which rule decides, and who looks at what stays. Shown by its `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    key: String,
    place: Place,
    outcome: String,
    reason: String,
    detectors: String,
}

impl CompiledPolicy {
    /// Says which rule decides what becomes of `key` at `place`, and why. `event` is the name of the event, if it is an
    /// attribute of one.
    ///
    /// ```
    /// use spanwise::redact::{Place, Policy, Preset};
    ///
    /// let policy = Policy::from_preset(Preset::PrivacyMode).compile(None)?;
    /// let explanation = policy.explain(Place::Span, "gen_ai.prompt.0.content", None).to_string();
    /// assert_eq!(
    ///     explanation,
    ///     "`gen_ai.prompt.0.content` of a span is masked: [REDACTED:content] stands in its place.\n\
    ///      It matches `gen_ai.prompt` or what goes on from it, in preset privacy-mode \
    ///      (convention openrouter, source openrouter-broadcast).\n\
    ///      No detector looks at it."
    /// );
    /// # Ok::<(), spanwise::redact::PolicyError>(())
    /// ```
    pub fn explain(&self, place: Place, key: &str, event: Option<&str>) -> Explanation {
        let class = event.map(|name| self.event_class(name)).unwrap_or_default();
        let verdict = self.resolve(place, class, key);
        let label = self.label(verdict.rule);
        let outcome = match verdict.treatment {
            Treatment::Keep => "stays".to_owned(),
            Treatment::KeepMark => {
                format!("stays if it is true, false or a number, and is [REDACTED:{label}] if not")
            }
            Treatment::Drop => "is dropped".to_owned(),
            Treatment::Mask => format!("is masked: [REDACTED:{label}] stands in its place"),
            Treatment::Hash => "is hashed: its pseudonym stands in its place".to_owned(),
            Treatment::Truncate(length) => format!("is cut to its first {length} characters"),
            Treatment::Structure => {
                format!("keeps its structure; [REDACTED:{label}] stands in the place of its content")
            }
            Treatment::Members => {
                let members = self.members(verdict.rule).join(", ");
                format!("stays without these members of its JSON: {members}")
            }
        };
        let reason = match verdict.rule.and_then(|rule| self.rules.get(rule as usize)) {
            Some(rule) => rule.reason(self.folds_case),
            None if self.mode == Mode::Allow => {
                "No rule matches it, and the policy keeps only what a rule keeps.".to_owned()
            }
            None => "No rule matches it.".to_owned(),
        };
        let is_read = !matches!(verdict.treatment, Treatment::Drop | Treatment::Mask | Treatment::Hash);
        let selection = if is_read { verdict.selection } else { Selection::NONE };
        let ids = self.detectors.ids_of(selection);
        let detectors = if ids.is_empty() {
            "No detector looks at it.".to_owned()
        } else {
            format!("Detectors that look at it: {}.", ids.join(", "))
        };
        Explanation { key: key.to_owned(), place, outcome, reason, detectors }
    }
}

impl CompiledRule {
    fn reason(&self, folds_case: bool) -> String {
        let pattern = match &self.pattern {
            KeyPattern::Exact(key) => format!("`{key}`"),
            KeyPattern::Prefix(key) => format!("`{key}` or what goes on from it"),
            KeyPattern::Glob(glob) => format!("the glob `{glob}`"),
            KeyPattern::Regex(regex) => format!("the expression `{regex}`"),
        };
        let case = if folds_case { ", case aside" } else { "" };
        let event = self.event_name.as_ref().map_or(String::new(), |name| format!(" in events `{name}`"));
        let origin = match &self.origin {
            Origin::Rule(place) => format!("rule {place} of the policy"),
            Origin::Preset { preset, convention, source } => {
                format!("preset {} (convention {convention}, source {source})", preset.id())
            }
        };
        format!("It matches {pattern}{case}{event}, in {origin}.")
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = match self.place {
            Place::Resource => "a resource",
            Place::Scope => "a scope",
            Place::Event => "an event",
            Place::Link => "a link",
            _ => "a span",
        };
        let Self { key, outcome, reason, detectors, .. } = self;
        write!(formatter, "`{key}` of {owner} {outcome}.\n{reason}\n{detectors}")
    }
}
