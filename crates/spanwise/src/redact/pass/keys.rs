//! What becomes of each key, remembered from batch to batch.
//!
//! Resolving a key looks it up, its beginnings too, and tries globs. Traces of one writer have the same few hundred keys
//! all day long, and the batches of one client number them alike: so the first guess at a key is the one that had its
//! number before, told by comparing their bytes; the second is a look at a table of all that are known. The memory is
//! bounded, and forgets all when it is full: who sends ever new keys makes it slower, not larger.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::edits::{Change, Edits};
use super::paths::Paths;
use crate::batch::{KeyId, SpanBatch, TextKind};
use crate::redact::detector::{Builtin, Look};
use crate::redact::place::Place;
use crate::redact::placeholder;
use crate::redact::policy::{CompiledPolicy, EventClass, Treatment, Verdict};
use crate::redact::text::redact_text;

/// Keys that are remembered.
const MOST_REMEMBERED: usize = 1 << 16;
const KEYED: usize = 5;

/// What is known of a key at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) verdict: Verdict,
    /// The text to put in the key's place, where detectors find something in it.
    pub(super) key: Option<Change>,
    /// The placeholder to put in the value's place, where it is masked.
    pub(super) mask: Option<Change>,
    /// The value is the query of a URL.
    pub(super) is_query: bool,
}

/// What to do with a value, where that needs no more than its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Quick {
    /// It must be looked into.
    #[default]
    No,
    /// Lists must be gone through; anything else stays.
    Lists,
    /// So must strings.
    ListsAndStrings,
}

/// What is known of the key that has a number in the batch.
#[derive(Clone, Debug, Default)]
struct Numbered {
    /// The key, as bytes.
    name: Vec<u8>,
    /// The batch for which the name was last compared.
    batch: u64,
    quick: [Quick; KEYED],
    places: [Option<Known>; KEYED],
}

#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    numbered: Vec<Numbered>,
    remembered: HashMap<Box<[u8]>, [Option<Known>; KEYED], RandomState>,
    of_events: HashMap<(EventClass, u32), Known, RandomState>,
    pub(super) paths: Paths,
    batch: u64,
}

impl Keys {
    /// Begins a batch.
    pub(super) fn begin(&mut self, batch: &SpanBatch, edits: &mut Edits) {
        self.batch += 1;
        self.of_events.clear();
        self.paths.begin();
        if self.remembered.len() > MOST_REMEMBERED || self.numbered.len() > MOST_REMEMBERED {
            self.remembered.clear();
            self.numbered.clear();
            edits.forget();
        }
        if self.numbered.len() < batch.keys.len() {
            self.numbered.resize_with(batch.keys.len(), Numbered::default);
        }
    }

    /// What to do with the value of this key, if that is known at once.
    #[inline]
    pub(super) fn quick(&self, place: Place, event: EventClass, key: KeyId) -> Quick {
        match self.numbered.get(key.index()) {
            Some(numbered) if numbered.batch == self.batch && event == EventClass::default() => {
                numbered.quick.get(place.as_usize()).copied().unwrap_or_default()
            }
            _ => Quick::No,
        }
    }

    /// What becomes of an attribute with this key.
    #[inline]
    pub(super) fn known(
        &mut self,
        batch: &SpanBatch,
        policy: &CompiledPolicy,
        edits: &mut Edits,
        place: Place,
        event: EventClass,
        key: KeyId,
    ) -> Option<Known> {
        if event == EventClass::default()
            && let Some(numbered) = self.numbered.get(key.index())
            && numbered.batch == self.batch
            && let Some(Some(known)) = numbered.places.get(place.as_usize())
        {
            return Some(*known);
        }
        self.look_up(batch, policy, edits, place, event, key)
    }

    #[inline(never)]
    fn look_up(
        &mut self,
        batch: &SpanBatch,
        policy: &CompiledPolicy,
        edits: &mut Edits,
        place: Place,
        event: EventClass,
        key: KeyId,
    ) -> Option<Known> {
        if event != EventClass::default() {
            let number = u32::try_from(key.index()).ok()?;
            let known = self.of_events.entry((event, number));
            return Some(*known.or_insert_with(|| resolve(policy, edits, place, event, &batch.key(key))));
        }
        let text = batch.key_text(key);
        let name;
        let name = if text.kind() == TextKind::Escaped {
            name = batch.text(text);
            name.as_bytes()
        } else {
            batch.stored_bytes(text)
        };
        let numbered = self.numbered.get_mut(key.index())?;
        if numbered.batch != self.batch {
            numbered.batch = self.batch;
            if numbered.name != name {
                numbered.name.clear();
                numbered.name.extend_from_slice(name);
                numbered.places = self.remembered.get(name).copied().unwrap_or_default();
                numbered.quick =
                    numbered.places.map(|known| known.map_or(Quick::No, |known| known.quick(policy)));
            }
        }
        let slot = numbered.places.get_mut(place.as_usize())?;
        if let Some(known) = slot {
            return Some(*known);
        }
        let known = resolve(policy, edits, place, event, &batch.key(key));
        *slot = Some(known);
        if let Some(quick) = numbered.quick.get_mut(place.as_usize()) {
            *quick = known.quick(policy);
        }
        let places = numbered.places;
        self.remembered.insert(name.into(), places);
        Some(known)
    }
}

impl Known {
    fn quick(&self, policy: &CompiledPolicy) -> Quick {
        if self.verdict.treatment != Treatment::Keep || self.key.is_some() {
            Quick::No
        } else if self.verdict.selection.is_empty() {
            Quick::Lists
        } else if policy.reads_numbers() || self.is_query {
            Quick::No
        } else {
            Quick::ListsAndStrings
        }
    }
}

fn resolve(policy: &CompiledPolicy, edits: &mut Edits, place: Place, event: EventClass, name: &str) -> Known {
    let look = policy.look(place);
    let verdict = policy.resolve(place, event, name);
    let mask = (verdict.treatment == Treatment::Mask).then(|| {
        let mut mask = String::new();
        placeholder::push_mask(&mut mask, policy.label(verdict.rule));
        edits.keep_lasting(&mask)
    });
    Known {
        verdict,
        key: redacted_key(policy, look, name).map(|text| edits.keep_lasting(&text)),
        mask,
        is_query: look.on.has(Builtin::UrlSecretParam) && name == "url.query",
    }
}

/// The key without what detectors find in it.
pub(super) fn redacted_key(policy: &CompiledPolicy, look: Look, name: &str) -> Option<String> {
    redact_text(policy.detectors(), look, name, &mut |detector, found: &str, out: &mut String| {
        policy.push_find(detector, found, out);
    })
}
