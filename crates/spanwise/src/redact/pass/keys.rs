//! What becomes of each key, remembered from batch to batch.
//!
//! Resolving a key looks it up, its beginnings too, and tries globs. Traces of one writer have the same few hundred keys
//! all day long, and the batches of one client number them alike: so the first guess at a key is the one that had its
//! number before, told by comparing their bytes; the second is a look at a table of all that are known. The memory is
//! bounded, in keys and in bytes, and forgets all when it is full: who sends ever new keys makes it slower, not larger. What
//! is known of a long key, and of one of an event that rules ask for, is known for one batch.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::edits::{Change, Edits};
use super::paths::Paths;
use crate::batch::memory::bytes_of;
use crate::batch::{KeyId, SpanBatch, TextKind};
use crate::redact::detector::{Builtin, Look};
use crate::redact::place::Place;
use crate::redact::placeholder;
use crate::redact::policy::{CompiledPolicy, EventClass, Treatment, Verdict};
use crate::redact::text::redact_text;

/// Keys that are remembered, and those of a batch that are by their number.
const MOST_REMEMBERED: usize = 1 << 16;
/// Bytes of them, and of what is put in for them.
const MOST_BYTES: usize = 1 << 23;
/// Keys that are longer are not worth the room.
const LONGEST_NAME: usize = 256;
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
    /// The key, as bytes, if it is remembered.
    name: Vec<u8>,
    /// Whether it is. Otherwise all is known for one batch.
    lasts: bool,
    /// The batch for which the name was last compared.
    batch: u64,
    quick: [Quick; KEYED],
    places: [Option<Known>; KEYED],
}

#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    numbered: Vec<Numbered>,
    remembered: HashMap<Box<[u8]>, [Option<Known>; KEYED], RandomState>,
    /// Bytes of the keys that are remembered.
    remembered_bytes: usize,
    of_events: HashMap<(EventClass, u32), Known, RandomState>,
    pub(super) paths: Paths,
    batch: u64,
}

impl Keys {
    /// Begins a batch.
    pub(super) fn begin(&mut self, batch: &SpanBatch, edits: &mut Edits) {
        self.batch += 1;
        self.of_events.clear();
        self.of_events.shrink_to(MOST_REMEMBERED);
        self.paths.begin();
        let bytes = self.remembered_bytes + edits.lasting_bytes();
        if self.remembered.len() > MOST_REMEMBERED || bytes > MOST_BYTES {
            self.remembered.clear();
            self.remembered.shrink_to(MOST_REMEMBERED);
            self.remembered_bytes = 0;
            self.numbered.clear();
            edits.forget();
        }
        let numbered = batch.keys.len().min(MOST_REMEMBERED);
        if self.numbered.len() < numbered {
            self.numbered.resize_with(numbered, Numbered::default);
        }
    }

    /// Bytes that are held.
    pub(super) fn memory(&self) -> usize {
        let names = self.numbered.iter().map(|numbered| bytes_of(&numbered.name)).sum::<usize>();
        let tables = self.remembered.allocation_size() + self.of_events.allocation_size();
        bytes_of(&self.numbered) + names + tables + self.remembered_bytes + self.paths.memory()
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
            return Some(*known.or_insert_with(|| {
                resolve(policy, place, event, &batch.key(key), &mut |text| edits.keep(text))
            }));
        }
        let Some(numbered) = self.numbered.get_mut(key.index()) else {
            return Some(resolve(policy, place, event, &batch.key(key), &mut |text| edits.keep(text)));
        };
        let text = batch.key_text(key);
        let name;
        let name = if text.kind() == TextKind::Escaped {
            name = batch.text(text);
            name.as_bytes()
        } else {
            batch.stored_bytes(text)
        };
        let lasts = name.len() <= LONGEST_NAME;
        if numbered.batch != self.batch {
            numbered.batch = self.batch;
            if !(lasts && numbered.lasts && numbered.name == name) {
                numbered.lasts = lasts;
                numbered.name.clear();
                let known = if lasts {
                    numbered.name.extend_from_slice(name);
                    self.remembered.get(name)
                } else {
                    None
                };
                numbered.places = known.copied().unwrap_or_default();
                numbered.quick =
                    numbered.places.map(|known| known.map_or(Quick::No, |known| known.quick(policy)));
            }
        }
        let slot = numbered.places.get_mut(place.as_usize())?;
        if let Some(known) = slot {
            return Some(*known);
        }
        let known = resolve(policy, place, event, &batch.key(key), &mut |text| {
            if lasts { edits.keep_lasting(text) } else { edits.keep(text) }
        });
        *slot = Some(known);
        if let Some(quick) = numbered.quick.get_mut(place.as_usize()) {
            *quick = known.quick(policy);
        }
        if lasts && self.remembered.insert(name.into(), numbered.places).is_none() {
            self.remembered_bytes += name.len();
        }
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

fn resolve(
    policy: &CompiledPolicy,
    place: Place,
    event: EventClass,
    name: &str,
    keep: &mut dyn FnMut(&str) -> Change,
) -> Known {
    let look = policy.look(place);
    let verdict = policy.resolve(place, event, name);
    let is_masked = verdict.treatment == Treatment::Mask && !policy.spares_numbers(verdict.rule);
    let mask = is_masked.then(|| {
        let mut mask = String::new();
        placeholder::push_mask(&mut mask, policy.label(verdict.rule));
        keep(&mask)
    });
    Known {
        verdict,
        key: redacted_key(policy, look, name).map(|text| keep(&text)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::policy::{Policy, Preset};
    use crate::redact::{RedactedJson, Redactor};

    const LONG: usize = 100_000;

    fn redactor() -> Redactor {
        Redactor::new(Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets).compile(None).unwrap())
    }

    fn payload(keys: &[String], event: &str) -> String {
        let attributes: Vec<_> =
            keys.iter().map(|key| format!(r#"{{"key":"{key}","value":{{"stringValue":"x"}}}}"#)).collect();
        let attributes = attributes.join(",");
        let events = format!(r#"[{{"timeUnixNano":"1","name":"{event}","attributes":[{attributes}]}}]"#);
        let span = format!(
            r#"{{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"s","kind":1,"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{attributes}],"events":{events}}}"#
        );
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
    }

    fn redacted(redactor: &mut Redactor, payload: &str) -> String {
        let RedactedJson { data, .. } = redactor.redact_json(payload.as_bytes().to_vec()).unwrap();
        String::from_utf8(data).unwrap()
    }

    #[test]
    fn who_sends_ever_new_keys_makes_it_no_larger() {
        let mut redactor = redactor();
        for (number, event) in (0..40).zip(["gen_ai.choice", "other"].into_iter().cycle()) {
            let long = format!("a{number}@b.co {}", "x".repeat(LONG));
            let short: Vec<_> = (0..2000).map(|key| format!("k{number}.{key}@b.co")).collect();
            for keys in [vec![long], short] {
                let text = payload(&keys, event);
                let once = redacted(&mut redactor, &text);
                assert!(!once.contains("@b.co"), "{number}");
                assert_eq!(once, redacted(&mut self::redactor(), &text), "{number}");
            }
        }
        let keys = &redactor.state.keys;
        let names: usize = keys.numbered.iter().map(|numbered| numbered.name.capacity()).sum();
        assert!(names <= keys.numbered.len() * LONGEST_NAME, "{names}");
        let remembered: usize = keys.remembered.keys().map(|name| name.len()).sum();
        assert_eq!(keys.remembered_bytes, remembered);
        // What a batch adds comes on top.
        assert!(remembered + redactor.state.edits.lasting_bytes() < MOST_BYTES + (1 << 20));
        assert!(remembered > 0 && keys.remembered.keys().all(|name| name.len() <= LONGEST_NAME));
    }

    #[test]
    fn a_long_key_is_not_taken_for_an_empty_one() {
        let mut redactor = redactor();
        let long = format!("gen_ai.prompt.{}", "x".repeat(LONGEST_NAME));
        for keys in [[long.clone()], [String::new()], [long]] {
            let text = payload(&keys, "other");
            assert_eq!(redacted(&mut redactor, &text), redacted(&mut self::redactor(), &text));
        }
    }

    #[test]
    fn what_is_known_of_a_key_is_not_known_of_the_next_that_has_its_number() {
        let policy = || Policy::from_preset(Preset::PrivacyMode).compile(None).unwrap();
        let mut redactor = Redactor::new(policy());
        for key in ["app.note", "gen_ai.prompt", "app.note", "input.value"] {
            let text = payload(&[key.to_owned()], "other");
            let once = redacted(&mut redactor, &text);
            assert_eq!(once, redacted(&mut Redactor::new(policy()), &text), "{key}");
            assert_eq!(once.contains(r#""stringValue":"x""#), key == "app.note", "{once}");
        }
    }

    #[test]
    fn all_is_forgotten_where_keys_or_their_bytes_are_too_many() {
        let text = payload(&["app.note".to_owned()], "other");
        let mut redactor = redactor();
        redacted(&mut redactor, &text);
        let known = redactor.state.keys.remembered.len();
        redactor.state.keys.remembered_bytes += MOST_BYTES;
        redacted(&mut redactor, &text);
        assert_eq!(redactor.state.keys.remembered_bytes, "app.note".len());
        let keys = &mut redactor.state.keys;
        keys.remembered
            .extend((0..=MOST_REMEMBERED).map(|key| (key.to_string().into_bytes().into(), [None; KEYED])));
        redacted(&mut redactor, &text);
        assert_eq!((known, redactor.state.keys.remembered.len()), (1, 1));
    }

    #[test]
    fn keys_beyond_those_that_are_numbered_are_redacted_all_the_same() {
        let mut redactor = redactor();
        let mut keys: Vec<_> = (0..MOST_REMEMBERED).map(|key| format!("k{key}")).collect();
        keys.extend(["gen_ai.prompt".to_owned(), "joe@example.com".to_owned(), "app.note".to_owned()]);
        let once = redacted(&mut redactor, &payload(&keys, "other"));
        assert_eq!(redactor.state.keys.numbered.len(), MOST_REMEMBERED);
        for (key, value) in
            [("gen_ai.prompt", "[REDACTED:content]"), ("[REDACTED:email]", "x"), ("app.note", "x")]
        {
            let attribute = format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
            assert_eq!(once.matches(&attribute).count(), 2, "{attribute}");
        }
    }
}
