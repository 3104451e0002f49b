//! Value detectors: private things known by what they are, wherever in a text they stand.
//!
//! A detector is precise before it is eager. Where a format has a check (Luhn, modulo 97, a checksum, a header that
//! decodes), it is made; where it has none, length, alphabet and neighbours must fit. So clean text stays as it is, and
//! what is reported is worth acting on. There is no detector for "looks random": hashes, diffs, images and encrypted
//! reasoning look random too.
//!
//! Detectors read *decoded* text. Text is often JSON with more JSON in its strings, so escapes are undone level by
//! level, and a find is reported where it stands in the text as given: see [`DetectorSet::find`].
//!
//! All detectors together read a text in three passes (`scan`), whose cost clean text hardly notices; no text, however
//! made, makes them slower than a constant times its length.

mod address;
mod builtin;
mod card;
mod class;
mod credential;
mod custom;
mod email;
mod iban;
mod jwt;
mod phone;
mod private_key;
mod provider_key;
mod scan;
mod ssn;
mod url;
mod words;

use std::ops::ControlFlow;

pub use builtin::Builtin;
pub use custom::CustomError;
pub(crate) use custom::reason;

use super::escape::Unescaped;
use super::placeholder;

/// Levels of JSON in strings that are looked into. Five need 31 backslashes before a quote; a text that goes deeper is
/// reported whole.
const DEEPEST_ESCAPES: usize = 12;

/// A place in a text where a detector found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes. What a find shows for context (the word `Bearer`, a URL's host) is outside.
    pub end: usize,
    /// Whose it is: pass it to [`DetectorSet::id`].
    pub detector: DetectorIndex,
}

/// A detector of one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectorIndex(u8);

impl DetectorIndex {
    pub(crate) fn new(place: u8) -> Self {
        Self(place)
    }

    /// Its place among the detectors of its set, for counting: below [`DetectorSet::len`].
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// Some of the detectors of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Selection(u128);

const _: () =
    assert!(Selection::MOST_CUSTOM == 105, "docs/redaction.md and `CustomError` say how many there can be");

impl Selection {
    /// No detector.
    pub const NONE: Self = Self(0);

    const BUILTINS: u32 = Builtin::DeepEscapes as u32 + 1;
    const MOST_CUSTOM: usize = (u128::BITS - Self::BUILTINS) as usize;

    /// Whether it has the detector.
    #[inline]
    pub fn has(self, builtin: Builtin) -> bool {
        self.0 >> builtin as u32 & 1 == 1
    }

    /// With the detector.
    #[must_use]
    pub fn with(self, builtin: Builtin) -> Self {
        Self(self.0 | 1 << builtin as u32)
    }

    /// Without the detector.
    #[must_use]
    pub fn without(self, builtin: Builtin) -> Self {
        Self(self.0 & !(1 << builtin as u32))
    }

    /// Without the detectors that go by the shape of digits: what is left may look at identifiers and counts.
    #[must_use]
    pub fn without_digits(self) -> Self {
        Builtin::all().filter(|builtin| builtin.is_of_digits()).fold(self, Self::without)
    }

    /// Whether it has no detector.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// With the detectors of `other` too.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without the detectors of `other`.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a detector is in both.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn has_custom(self) -> bool {
        self.custom() != 0
    }

    fn custom(self) -> u128 {
        self.0 >> Self::BUILTINS
    }
}

/// The detectors of a policy: some of those that come with the crate, and the user's own.
///
/// # Examples
///
/// ```
/// use spanwise::redact::DetectorSet;
///
/// let detectors = DetectorSet::default();
/// let text = "call mira.fell@example.com, Authorization: Bearer a1BDxsruelf94Zn1h0fW0FS4";
/// let mut hits = Vec::new();
/// detectors.find(text, &mut hits);
///
/// let found: Vec<_> = hits.iter().map(|hit| (detectors.id(hit.detector), &text[hit.start..hit.end])).collect();
/// assert_eq!(found, [("email", "mira.fell@example.com"), ("bearer", "a1BDxsruelf94Zn1h0fW0FS4")]);
/// ```
#[derive(Clone, Debug)]
pub struct DetectorSet {
    on: Selection,
    custom: Vec<custom::Custom>,
}

impl Default for DetectorSet {
    /// Every detector that is on by default.
    fn default() -> Self {
        let on = Builtin::all()
            .filter(|builtin| builtin.is_on_by_default())
            .fold(Selection::NONE, Selection::with);
        Self { on, custom: Vec::new() }
    }
}

impl DetectorSet {
    /// A set of no detectors.
    pub fn empty() -> Self {
        Self { on: Selection::NONE, custom: Vec::new() }
    }

    /// The set with `builtin` too.
    #[must_use]
    pub fn with(mut self, builtin: Builtin) -> Self {
        self.on = self.on.with(builtin);
        self
    }

    /// The set without `builtin`.
    #[must_use]
    pub fn without(mut self, builtin: Builtin) -> Self {
        self.on = self.on.without(builtin);
        self
    }

    /// The set with a detector of the user's: what the regular expression matches, or its group named `secret` where it
    /// has one.
    ///
    /// It reads every text whole, for it has no anchors: keep the expression cheap. It fails on a name that is taken or
    /// cannot stand in a placeholder, on a broken or too large expression, on one that matches the empty text, and on
    /// more than a hundred expressions.
    ///
    /// ```
    /// use spanwise::redact::DetectorSet;
    ///
    /// let detectors = DetectorSet::empty().with_custom("employee", r"\bEMP-(?<secret>[0-9]{6})\b")?;
    /// let mut hits = Vec::new();
    /// detectors.find("signed EMP-004711", &mut hits);
    /// assert_eq!((hits[0].start, hits[0].end), (11, 17));
    /// # Ok::<(), spanwise::redact::CustomError>(())
    /// ```
    pub fn with_custom(mut self, id: &str, pattern: &str) -> Result<Self, CustomError> {
        let is_taken = Builtin::from_id(id).is_some() || self.custom.iter().any(|custom| custom.id() == id);
        if is_taken {
            return Err(CustomError::TakenId);
        }
        if self.custom.len() >= Selection::MOST_CUSTOM {
            return Err(CustomError::TooMany);
        }
        let custom = custom::Custom::new(id, pattern)?;
        self.on.0 |= 1 << (Selection::BUILTINS as usize + self.custom.len());
        self.custom.push(custom);
        Ok(self)
    }

    /// All detectors that are on.
    pub fn selection(&self) -> Selection {
        self.on
    }

    /// The selection of one detector of this set by its id: one that comes with the crate, or the user's.
    pub fn select(&self, id: &str) -> Option<Selection> {
        let custom = self.custom.iter().position(|custom| custom.id() == id);
        Builtin::from_id(id)
            .map(|builtin| Selection::NONE.with(builtin))
            .or_else(|| custom.map(|place| Selection(1 << (Selection::BUILTINS as usize + place))))
    }

    /// One more than the largest index of a detector.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the indices are never none; the detectors that are on may be"
    )]
    pub fn len(&self) -> usize {
        Selection::BUILTINS as usize + self.custom.len()
    }

    /// The id of a detector, as policies, placeholders and reports have it.
    pub fn id(&self, detector: DetectorIndex) -> &str {
        let place = detector.as_usize();
        match place.checked_sub(Selection::BUILTINS as usize) {
            None => Builtin::all().nth(place).map_or("", Builtin::id),
            Some(place) => self.custom.get(place).map_or("", custom::Custom::id),
        }
    }

    /// The ids of the detectors of `selection`, in order of precedence.
    pub fn ids_of(&self, selection: Selection) -> Vec<&str> {
        let indices = (0..self.len()).filter(|place| selection.0 >> place & 1 == 1);
        indices
            .filter_map(|place| u8::try_from(place).ok())
            .map(|place| self.id(DetectorIndex(place)))
            .collect()
    }

    /// Finds everything private in `text`, in order and without overlaps, and puts it behind `hits`.
    ///
    /// Where two finds overlap, the one that begins first wins, and of two that begin together the longer; what the
    /// other has beyond is reported too. Placeholders of an earlier redaction are never found again.
    ///
    /// If the text holds escapes that can hide a character (`\u0040`, `\/`), it is searched again with the escapes
    /// undone, level by level; finds are reported where they stand in `text`.
    ///
    /// Time is linear in the text, memory is needed only for finds and for escapes.
    pub fn find(&self, text: &str, hits: &mut Vec<Hit>) {
        self.find_selected(text, Look { on: self.on, is_query: false }, hits);
    }

    /// The same with some of the detectors, and with what is known of the text.
    pub(crate) fn find_selected(&self, text: &str, look: Look, hits: &mut Vec<Hit>) {
        let kept = hits.len();
        let mut levels: Vec<Unescaped> = Vec::new();
        loop {
            let view = levels.last().map_or(text, Unescaped::text);
            let first = hits.len();
            let hides_characters = self.collect(view, look, hits);
            for hit in hits.iter_mut().skip(first) {
                for level in levels.iter().rev() {
                    let range = level.escaped_range(hit.start..hit.end);
                    (hit.start, hit.end) = (range.start, range.end);
                }
            }
            // What the user's expressions ask of neighbours holds only where no escape is left.
            let looks_deeper = hides_characters
                || (look.on.custom() != 0 && memchr::memchr(b'\\', view.as_bytes()).is_some());
            if !looks_deeper {
                break;
            }
            if levels.len() == DEEPEST_ESCAPES {
                if hides_characters {
                    hits.push(Hit { start: 0, end: text.len(), detector: index(Builtin::DeepEscapes) });
                }
                break;
            }
            let next = Unescaped::new(view);
            if next.text().len() == view.len() {
                break;
            }
            levels.push(next);
        }
        if hits.len() > kept {
            resolve(text, hits, kept);
        }
    }

    /// Puts hits of several searches of one text in order, as [`find`](Self::find) leaves those of one.
    pub(crate) fn merge(text: &str, hits: &mut Vec<Hit>) {
        resolve(text, hits, 0);
    }

    /// What the detectors find in one view of a text. Says whether escapes in it hide characters.
    fn collect(&self, text: &str, look: Look, hits: &mut Vec<Hit>) -> bool {
        let mut hides_characters = false;
        let first = hits.len();
        let _ = scan::scan(text.as_bytes(), look.on, look.is_query, &mut |builtin, start, end| {
            if builtin == Builtin::DeepEscapes {
                hides_characters = true;
            } else {
                hits.push(Hit { start, end, detector: index(builtin) });
            }
            ControlFlow::Continue(())
        });
        let custom = look.on.custom();
        for (place, detector) in self.custom.iter().enumerate().filter(|(place, _)| custom >> place & 1 == 1)
        {
            let detector_index =
                DetectorIndex(u8::try_from(Selection::BUILTINS as usize + place).unwrap_or(u8::MAX));
            detector.find(text, |start, end| hits.push(Hit { start, end, detector: detector_index }));
        }
        join(text, look, hits, first);
        hides_characters
    }

    /// Whether [`find`](Self::find) can find anything in the text that `raw`, the inside of a JSON string, stands for.
    ///
    /// It reads `raw` as it is, escapes and all. *False* is certain: the text need not be unescaped to be left alone.
    /// *True* only asks to look properly: there is a find, or an escape that can hide one, or a detector of the user's.
    pub fn may_contain(&self, raw: &[u8]) -> bool {
        Self::may_contain_selected(raw, Look { on: self.on, is_query: false })
    }

    /// Gives the range of everything that the detectors of the crate find in `raw`, a stretch of JSON: a superset of what
    /// they find in its strings, but for queries at a string's beginning. Escapes that hide a character are given too.
    pub(crate) fn scan_raw(raw: &[u8], look: Look, found: &mut impl FnMut(usize, usize) -> ControlFlow<()>) {
        let _ = scan::scan(raw, look.on, false, &mut |_, start, end| found(start, end));
    }

    /// Whether `raw` begins with a query member that holds a secret, and could be a query without its URL.
    #[inline]
    pub(crate) fn begins_like_query(raw: &[u8], look: Look) -> bool {
        look.on.has(Builtin::UrlSecretParam) && url::find_secret_member(raw, 0).is_some()
    }

    pub(crate) fn may_contain_selected(raw: &[u8], look: Look) -> bool {
        if look.on.custom() != 0 {
            return true;
        }
        // A control character in a query without its URL is written as an escape here.
        Self::begins_like_query(raw, look)
            || scan::scan(raw, look.on, look.is_query, &mut |_, _, _| ControlFlow::Break(())).is_break()
    }
}

/// How to look at a text: with which detectors, and whether it is the query of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) on: Selection,
    pub(crate) is_query: bool,
}

fn index(builtin: Builtin) -> DetectorIndex {
    DetectorIndex(builtin as u8)
}

/// Adds finds that hold or touch other hits from `first` on, or begin behind one: the values of secret members of a query, what is
/// assigned to a word, and mail addresses. Such a value is one find then, so that no placeholder is put into it that would make more
/// be found when it is looked at again.
fn join(text: &str, look: Look, hits: &mut Vec<Hit>, first: usize) {
    if hits.len() == first {
        return;
    }
    let text = text.as_bytes();
    if look.on.has(Builtin::Email) {
        let ends: Vec<usize> = hits.iter().skip(first).map(|hit| hit.end).collect();
        let addresses = ends.into_iter().filter_map(|end| email::find_behind(text, end));
        hits.extend(addresses.map(|(start, end)| Hit { start, end, detector: index(Builtin::Email) }));
    }
    for builtin in [Builtin::AssignedSecret, Builtin::UrlSecretParam] {
        if !look.on.has(builtin) {
            continue;
        }
        let detector = index(builtin);
        let finds = apart(hits.iter().skip(first).filter(|hit| hit.detector != detector));
        if finds.is_empty() {
            continue;
        }
        let found = |start, end| hits.push(Hit { start, end, detector });
        if builtin == Builtin::AssignedSecret {
            credential::find_joined_secrets(text, &finds, found);
        } else {
            url::find_joined_members(text, &finds, look.is_query, found);
        }
    }
}

/// The ranges of hits in order, those that overlap as one.
fn apart<'a>(hits: impl Iterator<Item = &'a Hit>) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = hits.map(|hit| (hit.start, hit.end)).collect();
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let overlaps = next.0 < last.1;
        last.1 = if overlaps { last.1.max(next.1) } else { last.1 };
        overlaps
    });
    ranges
}

/// Puts the hits from `first` on in order, spares placeholders, and leaves no two overlapping.
fn resolve(text: &str, hits: &mut Vec<Hit>, first: usize) {
    let placeholders = placeholder::ranges(text.as_bytes());
    let mut found = hits.split_off(first);
    found.retain_mut(|hit| {
        // Nothing is known of what stands deeper: no placeholder vouches for it.
        hit.detector == index(Builtin::DeepEscapes) || spare(text.as_bytes(), &placeholders, hit)
    });
    found.sort_unstable_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end), hit.detector));
    for mut hit in found {
        if let Some(last) = hits.get(first..).and_then(<[Hit]>::last) {
            let is_host =
                last.detector == index(Builtin::UrlUserinfo) && hit.detector == index(Builtin::Email);
            if hit.end <= last.end || (is_host && hit.start < last.end) {
                continue;
            }
            hit.start = hit.start.max(last.end);
        }
        hits.push(hit);
    }
}

/// Makes a hit begin behind the placeholder that it begins in, and end behind the one that it ends in. Says whether anything
/// is left of it.
///
/// What stands behind a placeholder is no part of it, or a placeholder in front of a secret would hide it. Signs between
/// the two stay: a pseudonym that a letter touches is none.
fn spare(text: &[u8], placeholders: &[(usize, usize)], hit: &mut Hit) -> bool {
    let around = |place: usize| {
        let before = placeholders.partition_point(|(start, _)| *start <= place);
        let around = before.checked_sub(1).and_then(|last| placeholders.get(last));
        around.copied().filter(|(_, end)| place < *end)
    };
    while let Some((start, end)) = around(hit.start) {
        let rest = text.get(end..hit.end).unwrap_or(&[]);
        // A letter beyond ASCII touches it, and could not be told from the pseudonym that comes in its place.
        if rest.first().is_some_and(|byte| !byte.is_ascii())
            && !text.get(..end).is_some_and(|text| text.ends_with(b"]"))
        {
            hit.start = start;
            break;
        }
        // Without whom it was for, a domain is no address: so stands a URL whose user is hidden.
        if hit.detector == index(Builtin::Email) && (rest.starts_with(b"@") || rest.starts_with(b"%40")) {
            return false;
        }
        let signs = rest.iter().take_while(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()).count();
        // The next placeholder may begin with one of these signs.
        let next = placeholders.partition_point(|(start, _)| *start < end);
        let next = placeholders.get(next).map_or(usize::MAX, |(start, _)| *start);
        hit.start = (end + signs).min(next);
    }
    if let Some((_, end)) = hit.end.checked_sub(1).and_then(around) {
        hit.end = end;
    }
    hit.start < hit.end
}

#[cfg(test)]
mod levels;
#[cfg(test)]
mod tests;
