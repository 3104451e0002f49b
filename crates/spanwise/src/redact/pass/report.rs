//! What a redaction did, in counts. Nothing in a report is the user's text.

use crate::redact::detector::DetectorIndex;
use crate::redact::place::Place;
use crate::redact::policy::{CompiledPolicy, Origin};

/// Counts of what was taken out, and of what never came into the output.
///
/// Reports of the same policy can be added up. Rules, detectors and places are told by [`RedactionReport::rules`],
/// [`detectors`](Self::detectors) and [`places`](Self::places), which leave out what counted nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedactionReport {
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
pub struct Count {
    /// A rule, a detector's id or a place's id.
    pub name: String,
    /// How often.
    pub count: u64,
}

impl RedactionReport {
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
    pub fn totals(&self) -> [(&'static str, u64); 13] {
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
    }

    /// How many values and texts were changed or dropped.
    pub fn changes(&self) -> u64 {
        self.places.iter().sum()
    }

    /// How often each rule decided that something goes. Rules are told as [`CompiledPolicy::explain`] tells them.
    pub fn rules(&self, policy: &CompiledPolicy) -> Vec<Count> {
        let counted = self.rules.in_order();
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

    /// How often each detector found something.
    pub fn detectors(&self, policy: &CompiledPolicy) -> Vec<Count> {
        let id_of = |place: u32| u8::try_from(place).ok().map(DetectorIndex::new);
        let name = |place| id_of(place).map_or(String::new(), |id| policy.detectors().id(id).to_owned());
        self.detectors.in_order().map(|(place, count)| Count { name: name(place), count }).collect()
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

    /// Adds the counts of another report of the same policy.
    pub fn add(&mut self, other: &Self) {
        self.rules.add_all(&other.rules);
        self.detectors.add_all(&other.detectors);
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
