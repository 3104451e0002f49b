//! Why a policy does what it does with a key.

use std::fmt;

use super::compiled::CompiledRule;
use super::{CompiledPolicy, KeyPattern, Mode, Origin, TextAction, Treatment};
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
    /// attribute of one. Of a place without keys ([`Place::has_keys`]) it says what becomes of the text, whatever the key.
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
        if !place.has_keys() {
            return self.explain_text(place);
        }
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
            Treatment::Figures => {
                format!(
                    "keeps usage, cost and finish reason; [REDACTED:{label}] stands in the place of all else"
                )
            }
            Treatment::Members => {
                let members = self.members(verdict.rule).join(", ");
                let without = match self.of_named_members(verdict.rule) {
                    Treatment::Hash => "stays, with pseudonyms in the place of",
                    _ => "stays without",
                };
                let rest = if self.is_of_metadata(verdict.rule) || self.is_key_of_member(verdict.rule, key) {
                    String::new()
                } else {
                    format!("; what is no object is [REDACTED:{label}]")
                };
                format!("{without} these members of its JSON: {members}{rest}")
            }
        };
        let outcome = if self.spares_numbers(verdict.rule) {
            format!("{outcome}, unless it is true, false or a number")
        } else {
            outcome
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
        let detectors = self.who_looks(selection);
        Explanation { key: key.to_owned(), place, outcome, reason, detectors }
    }

    /// What becomes of a text without a key.
    fn explain_text(&self, place: Place) -> Explanation {
        let action = self.text_action(place);
        let outcome = match action {
            TextAction::Scan | TextAction::Keep => "stays",
            // A placeholder is no trace state, and no URL.
            TextAction::Mask if matches!(place, Place::TraceState | Place::Schema) => "is dropped",
            TextAction::Mask => "is masked",
        };
        let selection = if action == TextAction::Scan { self.selection(place) } else { Selection::NONE };
        Explanation {
            key: String::new(),
            place,
            outcome: outcome.to_owned(),
            reason: format!("It has no key: the setting `{}` of texts decides.", place.id()),
            detectors: self.who_looks(selection),
        }
    }

    fn who_looks(&self, selection: Selection) -> String {
        let ids = self.detectors.ids_of(selection);
        if ids.is_empty() {
            return "No detector looks at it.".to_owned();
        }
        format!("Detectors that look at it: {}.", ids.join(", "))
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
        let Self { key, outcome, reason, detectors, .. } = self;
        let what = match self.place {
            Place::Resource => format!("`{key}` of a resource"),
            Place::Scope => format!("`{key}` of a scope"),
            Place::Span => format!("`{key}` of a span"),
            Place::Event => format!("`{key}` of an event"),
            Place::Link => format!("`{key}` of a link"),
            Place::SpanName => "The name of a span".to_owned(),
            Place::EventName => "The name of an event".to_owned(),
            Place::ScopeName => "The name or version of a scope".to_owned(),
            Place::StatusMessage => "The message of a status".to_owned(),
            Place::TraceState => "A trace state".to_owned(),
            Place::Schema => "A schema URL, or text of an entity reference,".to_owned(),
        };
        write!(formatter, "{what} {outcome}.\n{reason}\n{detectors}")
    }
}
