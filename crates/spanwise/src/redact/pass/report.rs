//! What a redaction did, in counts. Nothing in a report is the user's text.

use crate::redact::detector::DetectorIndex;
use crate::redact::place::Place;
use crate::redact::policy::{CompiledPolicy, Origin};

/// Counts of what was taken out, and of what never came into the output.
///
/// Reports can be [added up](Self::add), those of several policies but for the counts of their rules and detectors. Rules,
/// detectors and places are told by [`RedactionReport::rules`], [`detectors`](Self::detectors) and [`places`](Self::places), which
/// leave out what counted nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedactionReport {
    /// Of whose policy the rules and detectors are, by [`CompiledPolicy::names`].
    policy: Option<u64>,
    rules: Sparse,
    detectors: Sparse,
    places: [u64; Place::ALL.len()],
    /// Attributes that no rule of an allow-list keeps.
    pub unlisted: u64,
    /// Texts without keys that were masked because the policy says so.
    pub masked_texts: u64,
    /// Texts that were masked whole because they are longer than the policy's bound.
    pub long_texts: u64,
    /// Members that OTLP does not know, and superseded ones, that were cut out.
    pub unknown_members: u64,
    /// Identifiers that were no identifiers but text, replaced by a digest of the right form.
    pub text_ids: u64,
    /// Attributes cut out because a later one of the same list has the same key.
    pub duplicate_keys: u64,
    /// Spans read.
    pub spans: u64,
    /// Documents read.
    pub documents: u64,
    /// Documents that were written afresh in canonical form, because decoding them took a liberty.
    pub canonical_documents: u64,
    /// Spans that strict decoding rejected; none is in the output.
    pub rejected_spans: u64,
    /// Documents and lines that could not be read; none is in the output.
    pub bad_documents: u64,
    /// Documents of metrics, logs and profiles; none is in the output.
    pub other_signals: u64,
    /// Documents with nothing of traces in them ([`DocumentRow::foreign`](crate::DocumentRow::foreign)) that lost something:
    /// what is in the output of them may be no more than an empty document.
    pub emptied_documents: u64,
}

/// One count of a report, with the name of what was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// A rule, a detector's id or a place's id.
    pub name: String,
    /// How often.
    pub count: u64,
}

impl RedactionReport {
    /// An empty report of what this policy does.
    pub(super) fn of(policy: &CompiledPolicy) -> Self {
        Self { policy: Some(policy.names()), ..Self::default() }
    }

    #[inline]
    pub(super) fn count_rule(&mut self, rule: Option<u32>, place: Place) {
        match rule {
            Some(rule) => self.rules.add(rule, 1),
            None => self.unlisted += 1,
        }
        self.count_place(place);
    }

    #[inline]
    pub(super) fn count_place(&mut self, place: Place) {
        if let Some(count) = self.places.get_mut(place.as_usize()) {
            *count += 1;
        }
    }

    #[inline]
    pub(super) fn count_detector(&mut self, detector: DetectorIndex) {
        self.detectors.add(u32::try_from(detector.as_usize()).unwrap_or(u32::MAX), 1);
    }

    /// The counts that are no list, with the names they have in written reports.
    pub fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("documents", self.documents),
            ("spans", self.spans),
            ("changes", self.changes()),
            ("unlisted", self.unlisted),
            ("masked_texts", self.masked_texts),
            ("long_texts", self.long_texts),
            ("text_ids", self.text_ids),
            ("unknown_members", self.unknown_members),
            ("duplicate_keys", self.duplicate_keys),
            ("canonical_documents", self.canonical_documents),
            ("rejected_spans", self.rejected_spans),
            ("bad_documents", self.bad_documents),
            ("other_signals", self.other_signals),
        ]
        .into_iter()
    }

    /// How many values and texts were changed or dropped.
    pub fn changes(&self) -> u64 {
        self.places.iter().sum()
    }

    /// How often each rule decided that something goes. Rules are told as [`CompiledPolicy::explain`] tells them. Nothing if the
    /// report is of another policy.
    pub fn rules(&self, policy: &CompiledPolicy) -> Vec<Count> {
        let counted = self.rules.in_order().filter(|_| self.is_of(policy));
        counted
            .map(|(rule, count)| {
                let origin = match policy.origin(rule) {
                    Some(Origin::Rule(place)) => format!("rule {place}"),
                    Some(Origin::Preset { preset, .. }) => preset.id().to_owned(),
                    None => String::new(),
                };
                Count { name: format!("{origin}: {}", policy.pattern_text(rule)), count }
            })
            .collect()
    }

    /// How often each detector found something. Nothing if the report is of another policy.
    pub fn detectors(&self, policy: &CompiledPolicy) -> Vec<Count> {
        let id_of = |place: u32| u8::try_from(place).ok().map(DetectorIndex::new);
        let name = |place| id_of(place).map_or(String::new(), |id| policy.detectors().id(id).to_owned());
        let counted = self.detectors.in_order().filter(|_| self.is_of(policy));
        counted.map(|(place, count)| Count { name: name(place), count }).collect()
    }

    fn is_of(&self, policy: &CompiledPolicy) -> bool {
        self.policy == Some(policy.names())
    }

    /// How many values and texts were changed or dropped at each place.
    pub fn places(&self) -> Vec<Count> {
        let counted = Place::ALL.iter().zip(&self.places).filter(|(_, count)| **count > 0);
        counted.map(|(place, count)| Count { name: place.id().to_owned(), count: *count }).collect()
    }

    /// Whether something that was read is not in the output although the policy did not ask for it: rejected spans, bad
    /// documents, other signals.
    pub fn lost_anything(&self) -> bool {
        self.rejected_spans + self.bad_documents + self.other_signals > 0
    }

    /// Adds the counts of another report. Rules and detectors are counted for one policy, that of the first report that has counted
    /// one: of a report of another policy all else is added. Policies are the same in this if their rules and
    /// detectors are, and stand in the same order; a policy that is compiled anew from its file is.
    pub fn add(&mut self, other: &Self) {
        if self.rules.0.is_empty() && self.detectors.0.is_empty() {
            self.policy = other.policy.or(self.policy);
        }
        if self.policy == other.policy {
            self.rules.add_all(&other.rules);
            self.detectors.add_all(&other.detectors);
        }
        for (count, other) in self.places.iter_mut().zip(&other.places) {
            *count += other;
        }
        self.unlisted += other.unlisted;
        self.masked_texts += other.masked_texts;
        self.long_texts += other.long_texts;
        self.unknown_members += other.unknown_members;
        self.text_ids += other.text_ids;
        self.duplicate_keys += other.duplicate_keys;
        self.spans += other.spans;
        self.documents += other.documents;
        self.canonical_documents += other.canonical_documents;
        self.rejected_spans += other.rejected_spans;
        self.bad_documents += other.bad_documents;
        self.other_signals += other.other_signals;
        self.emptied_documents += other.emptied_documents;
    }
}

/// Counts of few out of many: those of a handful of rules that ever decide anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sparse(Vec<(u32, u64)>);

impl Sparse {
    #[inline]
    fn add(&mut self, what: u32, count: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, known)) => *known += count,
            None => self.0.push((what, count)),
        }
    }

    fn add_all(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            self.add(*what, *count);
        }
    }

    fn in_order(&self) -> impl Iterator<Item = (u32, u64)> {
        let mut counts = self.0.clone();
        counts.sort_unstable();
        counts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::policy::{Action, KeyPattern, Policy, Preset, Rule};
    use crate::redact::redact_json;

    const PAYLOAD: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"n","attributes":[
        {"key":"a","value":{"stringValue":"ada@example.com"}},{"key":"b","value":{"stringValue":"x"}}]}]}]}]}"#;

    fn policy(keys: &[&str], detectors: &[&str]) -> CompiledPolicy {
        let rule = |key: &&str| Rule::new(KeyPattern::Exact((*key).to_owned()), Action::Drop);
        let policy = keys.iter().map(rule).fold(Policy::new(), Policy::rule);
        policy.detectors_on(detectors.iter().copied()).compile(None).unwrap()
    }

    fn report(policy: &CompiledPolicy) -> RedactionReport {
        redact_json(PAYLOAD, policy).unwrap().report
    }

    #[test]
    fn counts_of_rules_and_detectors_are_of_one_policy() {
        let (one, other) = (policy(&["b"], &["email"]), policy(&["x", "a", "b"], &[]));
        let mut sum = RedactionReport::default();
        sum.add(&report(&one));
        sum.add(&report(&other));
        // Compiled once more it is the same.
        sum.add(&report(&policy(&["b"], &["email"])));
        assert_eq!(sum.rules(&one), [Count { name: "rule 1: b".to_owned(), count: 2 }]);
        assert_eq!(sum.detectors(&one), [Count { name: "email".to_owned(), count: 2 }]);
        assert_eq!((sum.spans, sum.documents, sum.changes()), (3, 3, 6));
        assert_eq!(sum.places().iter().map(|place| place.count).sum::<u64>(), 6);
        // Another does not know their names.
        assert_eq!((sum.rules(&other), sum.detectors(&other)), (Vec::new(), Vec::new()));
        assert!(RedactionReport::default().rules(&one).is_empty());
        // One that counted nothing decides nothing.
        let mut sum = RedactionReport { policy: report(&one).policy, ..RedactionReport::default() };
        sum.add(&report(&other));
        sum.add(&RedactionReport::default());
        assert_eq!((sum.rules(&one), sum.rules(&other)), (Vec::new(), report(&other).rules(&other)));
    }

    #[test]
    fn policies_are_told_apart_by_what_is_counted_of_them() {
        let known = [
            policy(&["a"], &[]),
            policy(&["a", "b"], &[]),
            policy(&["b", "a"], &[]),
            policy(&["ab"], &[]),
            Policy::from_preset(Preset::PrivacyMode).compile(None).unwrap(),
            Policy::from_preset(Preset::Secrets).compile(None).unwrap(),
        ];
        for (place, one) in known.iter().enumerate() {
            for (at, other) in known.iter().enumerate() {
                assert_eq!(one.names() == other.names(), place == at, "{place} {at}");
            }
        }
    }
}
