//! Attributes as a writer lays them out: learned from the general path, compared as blocks.
//!
//! All bytes of a simple attribute but its value are constant: `,{"key":"http.method","value":{"stringValue":"` before and
//! `"}}` after. A [`Template`] holds the two, with the white space that the writer puts in. Where the bytes are equal, the
//! general path would read the same tokens, so nothing is left to do but to read the value. The templates that followed the
//! last times are tried first: in lists that began alike, then in any; then the one of the key that stands there; then the
//! general path reads the attribute, and what it read is learned. An element of an array is an attribute without a key.
//!
//! A template says nothing about what may vary with the list: bounds and duplicate keys are checked for each attribute.

use hashbrown::HashTable;

use crate::batch::{Keys, Text};
use crate::json::scan::{self, Kernel};
use crate::json::{Cursor, Literal};
use crate::schema::Message;

use super::sequence::{SEQUENCES, Sequence};
use super::template::{self, NEVER, NONE, Order, Shape, Template, Value, Written};
use super::templated::Run;

/// All templates of a decoder.
#[derive(Debug)]
pub(super) struct Templates {
    known: Vec<Template>,
    by_key: HashTable<u16>,
    /// What began lists the last times, per kind of owner and depth: kvlists of kvlists alternate.
    first: [[Guesses; DEPTHS]; Message::COUNT],
    /// The same for spans, by a hash of the name.
    first_of_spans: [Guesses; NAMES],
    /// What followed the last times in lists that began alike, by a hash of the first template and the last.
    pub(super) follows: Vec<Guesses>,
    /// What followed the first template of a list the last time, to its end.
    pub(super) sequences: Vec<Sequence>,
    /// From the list's bracket, or from the end of an attribute, to the first byte of the next one's key.
    openings: [[Option<Literal<2>>; LAYOUTS]; 2],
    /// Whose turn it is to be forgotten where there is no room for another layout.
    turn: usize,
    /// A template of each shape in which the value comes first; in lists, for the first attribute and for others.
    value_first: [[u16; Shape::COUNT]; 2],
    /// Key ids are known for one batch, until rows of it are taken back.
    pub(super) generation: u32,
    /// Attributes in a row whose keys came first, of those that were met in both orders.
    pub(super) straight: usize,
    /// Attributes in a row that were not simple enough to be learned.
    pub(super) barren: u32,
    /// Attributes that could not be learned for want of room.
    too_many: u32,
}

/// What stood in one place, the latest first: attributes may be missing, and spans of several kinds alternate.
type Guesses = [u16; WAYS];
const WAYS: usize = 4;

/// More than most services' vocabulary.
const MOST: usize = 1024;
/// Depths told apart; deeper ones share.
pub(super) const DEPTHS: usize = 16;
/// Names of spans told apart, by a hash; others share. A power of two.
pub(super) const NAMES: usize = 256;
/// Stands for an attribute that is not simple: the general path reads it.
pub(super) const OTHER: u16 = u16::MAX;
/// Layouts kept of one key: writers of several may share a stream. A hostile one must not fill the bucket of a key.
const LAYOUTS: usize = 4;
/// Failures to learn in a row after which one in so many attributes is looked at.
pub(super) const PATIENCE: u32 = 8;
/// Failures in a row after which lists below an attribute are left to the general path, but for one in some 250.
const FAILURES: u8 = 4;
/// When so many more were wanted, learning begins anew.
const OUTWORN: u32 = 1 << 16;
/// Guesses kept; a power of two.
const SLOTS: usize = 2048;

impl Default for Templates {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            by_key: HashTable::new(),
            first: Default::default(),
            first_of_spans: [[NONE; WAYS]; NAMES],
            follows: Vec::new(),
            sequences: Vec::new(),
            openings: Default::default(),
            turn: 0,
            value_first: Default::default(),
            generation: 0,
            straight: 0,
            barren: 0,
            too_many: 0,
        }
    }
}

impl Templates {
    /// Key ids that were learned mean nothing any more. Returns whether generations begin anew.
    pub(super) fn forget_key_ids(&mut self) -> bool {
        self.generation = self.generation.wrapping_add(1);
        let over = self.generation == NEVER;
        if over {
            // After 2^32 batches or rejected spans a stale id could look fresh.
            self.generation = 0;
            self.known.iter_mut().for_each(|template| template.generation = NEVER);
        }
        over
    }

    /// Forgets all that was learned, and keeps the room for it.
    pub(super) fn forget(&mut self) {
        (self.too_many, self.barren) = Default::default();
        self.known.clear();
        self.by_key.clear();
        self.first = Default::default();
        self.first_of_spans = [[NONE; WAYS]; NAMES];
        self.openings = Default::default();
        self.value_first = Default::default();
        self.follows.fill([NONE; WAYS]);
        self.sequences.fill(Sequence::default());
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    #[inline]
    pub(super) fn get(&self, number: u16) -> Option<&Template> {
        self.known.get(usize::from(number).wrapping_sub(1))
    }

    #[inline]
    fn get_mut(&mut self, number: u16) -> Option<&mut Template> {
        self.known.get_mut(usize::from(number).wrapping_sub(1))
    }

    /// What most likely comes next: after `previous` in a list that began with `first`, or first in a list of `owner`.
    #[allow(clippy::inline_always, reason = "measured: in the loop over attributes")]
    #[inline(always)]
    pub(super) fn guess(&self, owner: Message, place: u8, first: u16, previous: u16) -> u16 {
        if previous == NONE {
            return self.first(owner, place)[0];
        }
        self.follows.get(slot(first, previous)).map_or(NONE, |guesses| guesses[0])
    }

    /// What began such lists the last times.
    #[inline]
    fn first(&self, owner: Message, place: u8) -> &Guesses {
        if owner == Message::Span {
            return &self.first_of_spans[usize::from(place) % NAMES];
        }
        &self.first[owner as usize][usize::from(place) % DEPTHS]
    }

    /// The two templates of the attribute that is guessed, with the key first and with the value first. `None` where it was not
    /// met in both orders.
    #[allow(clippy::inline_always, reason = "measured: in the loop over attributes")]
    #[inline(always)]
    pub(super) fn both_orders(&self, guess: u16) -> Option<(u16, u16)> {
        let template = self.get(guess)?;
        let sibling = self.get(template.sibling)?;
        match (template.order, sibling.order) {
            (Order::KeyFirst, Order::ValueFirst) => Some((guess, template.sibling)),
            (Order::ValueFirst, Order::KeyFirst) => Some((template.sibling, guess)),
            _ => None,
        }
    }

    /// All guesses of what comes next.
    fn guesses(&mut self, run: &Run) -> Option<&mut Guesses> {
        match run.previous {
            NONE if run.owner == Message::Span => {
                Some(&mut self.first_of_spans[usize::from(run.place) % NAMES])
            }
            NONE => Some(&mut self.first[run.owner as usize][usize::from(run.place) % DEPTHS]),
            previous => self.follows.get_mut(slot(run.first, previous)),
        }
    }

    /// Remembers that `number` followed.
    pub(super) fn follow(&mut self, run: &Run, number: u16) {
        let separated = self.get(number).is_some_and(|template| template.separated);
        // INVARIANT: what is guessed to be first has no comma before it, so `[,{` is never taken.
        if run.previous == NONE && separated {
            return;
        }
        if let Some(template) = self.get_mut(run.previous) {
            template.next = number;
        }
        if let Some(guesses) = self.guesses(run) {
            let last = guesses.iter().position(|guess| *guess == number).unwrap_or(WAYS - 1);
            guesses[..=last].rotate_right(1);
            guesses[0] = number;
        }
    }

    /// The id of the key of the template `number`, met for the first time in this batch: in the attribute at `at`, with a
    /// value whose content is so long.
    #[inline]
    pub(super) fn intern(
        &mut self,
        number: u16,
        keys: &mut Keys,
        texts: (&[u8], &[u8]),
        at: usize,
        content: usize,
    ) -> Option<u32> {
        match self.add_unmet(number, keys, at, content) {
            Some(id) => Some(id),
            None => self.intern_anyhow(number, keys, texts, at, content),
        }
    }

    /// [`Self::intern`] where it is plain that the batch does not have the key from elsewhere. In small requests each key is such;
    /// a function of its own gets by with few registers.
    #[inline(never)]
    fn add_unmet(&mut self, number: u16, keys: &mut Keys, at: usize, content: usize) -> Option<u32> {
        let template = self.get(number)?;
        let id = keys.add_unmet(template.key_hash, template.key_text(at, content))?;
        self.note_key_id(number, id);
        Some(id)
    }

    /// Remembers the id of a key for the rest of the batch.
    #[inline]
    fn note_key_id(&mut self, number: u16, id: u32) {
        let generation = self.generation;
        let Some(template) = self.get_mut(number) else { return };
        (template.key_id, template.generation) = (id, generation);
        let sibling = template.sibling;
        if let Some(sibling) = self.get_mut(sibling) {
            (sibling.key_id, sibling.generation) = (id, generation);
        }
    }

    /// [`Self::intern`] without a try of what is quick.
    #[cold]
    #[inline(never)]
    pub(super) fn intern_anyhow(
        &mut self,
        number: u16,
        keys: &mut Keys,
        (text, made): (&[u8], &[u8]),
        at: usize,
        content: usize,
    ) -> Option<u32> {
        let template = self.get(number)?;
        let handle = template.key_text(at, content);
        let bytes_of = |key: Text| key.raw(text, made);
        let id = keys.intern_hashed(template.key_hash, handle.raw(text, made), bytes_of, || Some(handle))?;
        self.note_key_id(number, id);
        Some(id)
    }

    /// The attribute at `rest` where `guess` does not stand with its key first: in the other order, or another. Its
    /// template, what it counts as in the list, the same whichever its order, its value, and what stands after it. A list is
    /// left unread, and guessed from now on.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn other<'t, K: Kernel>(
        &mut self,
        kernel: K,
        guess: u16,
        run: Run,
        cursor: &Cursor<'t>,
        rest: &'t [u8],
    ) -> Option<(u16, u16, Value, &'t [u8])> {
        let (mut number, order) = (guess, self.get(guess).map(|template| template.order));
        for _ in 0..2 {
            let Some(template) = self.get(number) else { break };
            // Guesses of several lists may share a place.
            if template.order != Order::Alone && template.begins(kernel, rest) {
                // Where the value comes first, only its end shows whether it is this key.
                match template.read(kernel, cursor, rest) {
                    // Another layout is another writer's, who has lists of his own; the other order may be the same one's.
                    Some((value, after)) if Some(template.order) == order => {
                        self.follow(&run, number);
                        return Some((number, number, value, after));
                    }
                    Some((value, after)) => return Some((number, guess, value, after)),
                    None if template.order == Order::ValueFirst => break,
                    None => {
                        self.follow(&run, number);
                        return None;
                    }
                }
            }
            number = template.sibling;
        }
        let guesses = self.guesses(&run).map(|guesses| *guesses).unwrap_or_default();
        for other in guesses.into_iter().skip(1) {
            if let Some(template) = self.get(other)
                && template.order == Order::KeyFirst
                && template.with_key.stands_at(kernel, rest)
            {
                let read = template.read_key_first(kernel, cursor, rest);
                self.follow(&run, other);
                return read.map(|(value, after)| (other, other, value, after));
            }
        }
        let number = self.miss(kernel, run, cursor, rest);
        let (value, after) = self.get(number)?.read(kernel, cursor, rest)?;
        Some((number, number, value, after))
    }

    /// What is guessed in a list of attributes, if it is a list and stands at `rest`.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn list_at<K: Kernel>(&self, kernel: K, run: &Run, rest: &[u8]) -> u16 {
        let guess = self.guess(run.owner, run.place, run.first, run.previous);
        let stands = self.get(guess).is_some_and(|it| {
            it.shape.is_list() && it.order == Order::KeyFirst && it.with_key.stands_at(kernel, rest)
        });
        if stands { guess } else { NONE }
    }

    /// What stands at `rest` in a list below an attribute, where the best guess does not.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn other_below<K: Kernel>(&mut self, kernel: K, run: &Run, rest: &[u8]) -> u16 {
        let (order, follows) = (run.order(), run.previous != NONE);
        let guesses = self.guesses(run).map(|guesses| *guesses).unwrap_or_default();
        let stands = |number: &u16| {
            let template = self.get(*number);
            template.is_some_and(|it| it.order == order && it.separated == follows && it.begins(kernel, rest))
        };
        let number = guesses.into_iter().skip(1).find(stands).unwrap_or_else(|| match order {
            Order::Alone => {
                let mut elements = self.by_key.iter_hash(Keys::hash(b""));
                elements.find(|number| stands(number)).copied().unwrap_or(NONE)
            }
            _ => self.find(kernel, rest, follows),
        });
        if number != NONE {
            self.follow(run, number);
        }
        number
    }

    /// Whether templates are worth trying for what is below the list `number`: they did not fail lately, or may try again.
    pub(super) fn is_worth_trying(&mut self, number: u16) -> bool {
        let Some(template) = self.get_mut(number) else { return false };
        if template.failures < FAILURES {
            return true;
        }
        template.failures = template.failures.wrapping_add(1).max(FAILURES);
        template.failures == u8::MAX
    }

    /// Notes whether what is below the list `number` was read by templates.
    pub(super) fn note_trial(&mut self, number: u16, failed: bool) {
        if let Some(template) = self.get_mut(number) {
            template.failures = if failed { template.failures.saturating_add(1).min(FAILURES) } else { 0 };
        }
    }

    /// The template that stands at `rest` where the best guess did not; remembers it.
    #[inline(never)]
    fn miss<K: Kernel>(&mut self, kernel: K, run: Run, cursor: &Cursor<'_>, rest: &[u8]) -> u16 {
        let follows = run.previous != NONE;
        // What followed the last time in any list.
        let other = self.get(run.previous).map_or(NONE, |template| template.next);
        let matches = |number: u16| {
            let template = self.get(number);
            template.is_some_and(|it| {
                it.order == Order::KeyFirst && it.separated == follows && it.begins(kernel, rest)
            })
        };
        let number = if matches(other) {
            other
        } else {
            match self.find(kernel, rest, follows) {
                NONE => self.find_value_first(kernel, cursor, rest, follows),
                found => found,
            }
        };
        if number != NONE {
            self.follow(&run, number);
        }
        number
    }

    /// The template whose head stands at `rest`, by its key.
    fn find<K: Kernel>(&self, kernel: K, rest: &[u8], follows: bool) -> u16 {
        for opening in self.openings[usize::from(follows)].iter().flatten() {
            if !opening.begins(rest) {
                continue;
            }
            let start = opening.len();
            let end = scan::string_run(rest, start, &mut 0);
            let Some(key) = rest.get(start..end) else { return NONE };
            let matches = |it: &Template| {
                it.order == Order::KeyFirst && it.separated == follows && it.begins(kernel, rest)
            };
            let found = self.by_key.find(Keys::hash(key), |number| self.get(*number).is_some_and(matches));
            // White space of one layout may begin as that of another.
            if let Some(found) = found {
                return *found;
            }
        }
        NONE
    }

    /// The template of the attribute at `rest` whose value comes first, by its key.
    fn find_value_first<K: Kernel>(&self, kernel: K, cursor: &Cursor<'_>, rest: &[u8], follows: bool) -> u16 {
        let mut alike = self.value_first[usize::from(follows)].iter().filter_map(|number| self.get(*number));
        let Some(like) = alike.find(|it| it.begins(kernel, rest)) else { return NONE };
        let content = rest.get(like.without_key.len()..).unwrap_or_default();
        let Some(value) = template::read_content(kernel, cursor, like.shape, content) else { return NONE };
        let tail = content.get(value.content..).unwrap_or_default();
        let start = usize::from(like.key) + 1;
        let Some(key) = tail.get(start..scan::string_run(tail, start, &mut 0)) else { return NONE };
        let matches = |it: &Template| {
            it.order == Order::ValueFirst
                && it.shape == like.shape
                && it.separated == follows
                && it.begins(kernel, rest)
                && it.ends(kernel, tail)
        };
        let found = self.by_key.find(Keys::hash(key), |number| self.get(*number).is_some_and(matches));
        found.copied().unwrap_or(NONE)
    }

    /// Learns what the general path has read. Returns its number.
    pub(super) fn learn(&mut self, text: &[u8], written: Written) -> u16 {
        let Some(mut template) = template::parse(text, written) else { return NONE };
        template.key_hash = Keys::hash(template.name());
        let hash = template.key_hash;
        if template.order == Order::KeyFirst {
            let opening = template.with_key.text().get(..=usize::from(template.key)).unwrap_or_default();
            let openings = &mut self.openings[usize::from(template.separated)];
            if !openings.iter().flatten().any(|known| known.text() == opening) {
                let room = openings.iter().position(Option::is_none).unwrap_or(self.turn % LAYOUTS);
                openings[room] = Literal::new(opening);
            }
        }
        // The layouts of one key, shape, order and place.
        let mut layouts = [NONE; LAYOUTS];
        let mut count = 0;
        for number in self.by_key.iter_hash(hash).copied() {
            let Some(known) = self.get(number) else { continue };
            if known.order != template.order || !known.is_akin(&template) {
                continue;
            }
            if known.is_laid_out_as(&template) {
                return number;
            }
            if let Some(layout) = layouts.get_mut(count) {
                (*layout, count) = (number, count + 1);
            }
        }
        if count == LAYOUTS {
            self.turn = self.turn.wrapping_add(1);
            let number = layouts[self.turn % LAYOUTS];
            if let Some(known) = self.get_mut(number) {
                let Template { next, sibling, .. } = *known;
                *known = Template { next, sibling, ..template };
            }
            return number;
        }
        if self.known.capacity() < MOST {
            // At once: what is learned late must not make a warm decode allocate.
            self.known.reserve_exact(MOST);
            self.by_key.reserve(MOST, |_| 0);
            self.follows.resize(SLOTS, [NONE; WAYS]);
            self.sequences.resize(SEQUENCES, Sequence::default());
        }
        if self.known.len() >= MOST {
            // Beginning anew for every key too many would forget those that do come again.
            self.too_many += 1;
            if self.too_many < OUTWORN {
                return NONE;
            }
            self.forget();
        }
        let number = u16::try_from(self.known.len() + 1).unwrap_or(NONE);
        let akin = |it: &Template| it.is_akin(&template);
        let sibling = self.by_key.find(hash, |number| self.get(*number).is_some_and(akin)).copied();
        template.sibling = sibling.unwrap_or(NONE);
        if let Some(sibling) = self.get_mut(template.sibling) {
            sibling.sibling = number;
        }
        if template.order == Order::ValueFirst {
            let place = &mut self.value_first[usize::from(template.separated)];
            place[template.shape as usize] = number;
        }
        self.known.push(template);
        let known = &self.known;
        self.by_key.insert_unique(hash, number, |number| {
            known.get(usize::from(*number).wrapping_sub(1)).map_or(0, |template| template.key_hash)
        });
        number
    }
}

/// Where the guess is kept for what follows `previous` in a list that began with `first`.
#[inline]
pub(super) fn slot(first: u16, previous: u16) -> usize {
    (usize::from(first) * 37 + usize::from(previous)) % SLOTS
}
