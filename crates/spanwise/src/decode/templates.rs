//! Attributes as a writer lays them out: learned from the general path, compared as blocks.
//!
//! All bytes of a simple attribute but its value are constant: `,{"key":"http.method","value":{"stringValue":"` before and
//! `"}}` after. A [`Template`] holds the two, with the white space that the writer puts in. Where the bytes are equal, the
//! general path would read the same tokens, so nothing is left to do but to read the value. The templates that followed the
//! last times are tried first: in lists that began alike, then in any; then the one of the key that stands there; then the
//! general path reads the attribute, and what it read is learned.
//!
//! A template says nothing about what may vary with the list: bounds and duplicate keys are checked for each attribute.

use std::hint::cold_path;

use hashbrown::HashTable;

use crate::batch::{AttributeRow, AttributeSource, Keys, SpanBatch};
use crate::json::scan::{self, Kernel, Vectorized};
use crate::json::{Cursor, Literal};
use crate::schema::Message;

use super::attributes::Into;
use super::reader::{Reader, Scratch};
use super::template::{self, NEVER, NONE, Shape, Template, Value};

/// All templates of a decoder.
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: Vec<Template>,
    by_key: HashTable<u16>,
    /// What began lists the last times, per kind of owner and depth: kvlists of kvlists alternate.
    first: [[Guesses; DEPTHS]; Message::COUNT],
    /// What followed the last times in lists that began alike, by a hash of the first template and the last.
    follows: Vec<Guesses>,
    /// From the list's bracket, or from the end of an attribute, to the first byte of the next one's key.
    openings: [[Option<Literal<2>>; LAYOUTS]; 2],
    /// Whose turn it is to be forgotten where there is no room for another layout.
    turn: usize,
    /// A template of each shape in which the value comes first; in lists, for the first attribute and for others.
    value_first: [[u16; Shape::COUNT]; 2],
    /// Key ids are known for one batch, until rows of it are taken back.
    generation: u32,
    /// Attributes in a row that were not simple enough to be learned.
    barren: u32,
    /// Attributes that could not be learned for want of room.
    too_many: u32,
}

/// What stood in one place, the latest first: attributes may be missing, and spans of several kinds alternate.
type Guesses = [u16; WAYS];
const WAYS: usize = 4;

/// More than most services' vocabulary.
const MOST: usize = 1024;
/// Depths told apart; deeper ones share.
const DEPTHS: usize = 16;
/// Stands for an attribute that is not simple: the general path reads it.
const OTHER: u16 = u16::MAX;
/// Layouts kept of one key: writers of several may share a stream. A hostile one must not fill the bucket of a key.
const LAYOUTS: usize = 4;
/// Failures to learn in a row after which one in so many attributes is looked at.
const PATIENCE: u32 = 8;
/// When so many more were wanted, learning begins anew.
const OUTWORN: u32 = 1 << 16;
/// Guesses kept; a power of two.
const SLOTS: usize = 2048;

impl Templates {
    /// Key ids that were learned mean nothing any more.
    pub(super) fn forget_key_ids(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == NEVER {
            // After 2^32 batches or rejected spans a stale id could look fresh.
            self.generation = 0;
            self.known.iter_mut().for_each(|template| template.generation = NEVER);
        }
    }

    /// Forgets all that was learned, and keeps the room for it.
    pub(super) fn forget(&mut self) {
        (self.too_many, self.barren) = Default::default();
        self.known.clear();
        self.by_key.clear();
        self.first = Default::default();
        self.openings = Default::default();
        self.value_first = Default::default();
        self.follows.fill([NONE; WAYS]);
    }

    fn get(&self, number: u16) -> Option<&Template> {
        self.known.get(usize::from(number).wrapping_sub(1))
    }

    #[inline]
    fn get_mut(&mut self, number: u16) -> Option<&mut Template> {
        self.known.get_mut(usize::from(number).wrapping_sub(1))
    }

    /// What most likely begins a list.
    #[inline]
    fn begins_with(&self, owner: Message, depth: usize) -> u16 {
        self.first[owner as usize][depth % DEPTHS][0]
    }

    /// What most likely follows `previous` in a list that began with `first`.
    #[inline]
    fn after(&self, first: u16, previous: u16) -> u16 {
        self.follows.get(slot(first, previous)).map_or(NONE, |guesses| guesses[0])
    }

    /// All guesses of what comes next.
    fn guesses(&mut self, run: &Run) -> Option<&mut Guesses> {
        match run.previous {
            NONE => Some(&mut self.first[run.owner as usize][run.depth % DEPTHS]),
            previous => self.follows.get_mut(slot(run.first, previous)),
        }
    }

    /// Remembers that `number` followed.
    fn follow(&mut self, run: &Run, number: u16) {
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
    #[cold]
    #[inline(never)]
    fn intern(
        &mut self,
        number: u16,
        to: (&mut Keys, &[u8]),
        text: &[u8],
        at: usize,
        content: usize,
    ) -> Option<u32> {
        let generation = self.generation;
        let template = self.get_mut(number)?;
        let (keys, made) = to;
        template.key_id = template.intern(keys, text, made, at, content)?;
        template.generation = generation;
        Some(template.key_id)
    }

    /// The attribute at `rest` where `guess` does not stand with its key first: in the other order, or another. Its
    /// template, what it counts as in the list, the same whichever its order, its value, and what stands after it.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn other<'t, K: Kernel>(
        &mut self,
        kernel: K,
        guess: u16,
        run: Run,
        cursor: &Cursor<'t>,
        rest: &'t [u8],
        follows: bool,
    ) -> Option<(u16, u16, Value, &'t [u8])> {
        let mut number = guess;
        for _ in 0..2 {
            let Some(template) = self.get(number) else { break };
            if template.begins(kernel, rest) {
                // Where the value comes first, only its end shows whether it is this key.
                match template.read(kernel, cursor, rest) {
                    Some((value, after)) => return Some((number, guess, value, after)),
                    None if template.value_first => break,
                    None => return None,
                }
            }
            number = template.sibling;
        }
        // Where there was no guess, what is first may have a comma before it.
        let guesses =
            self.guesses(&run).filter(|_| guess != NONE).map(|guesses| *guesses).unwrap_or_default();
        for other in guesses.into_iter().skip(1) {
            if let Some(template) = self.get(other)
                && !template.value_first
                && template.with_key.stands_at(kernel, rest)
            {
                let (value, after) = template.read_key_first(kernel, cursor, rest)?;
                self.follow(&run, other);
                return Some((other, other, value, after));
            }
        }
        let number = self.miss(kernel, run, cursor, rest, follows);
        let (value, after) = self.get(number)?.read(kernel, cursor, rest)?;
        Some((number, number, value, after))
    }

    /// The template that stands at `rest` where the best guess did not; remembers it.
    #[inline(never)]
    fn miss<K: Kernel>(
        &mut self,
        kernel: K,
        run: Run,
        cursor: &Cursor<'_>,
        rest: &[u8],
        follows: bool,
    ) -> u16 {
        // What followed the last time in any list.
        let other = self.get(run.previous).map_or(NONE, |template| template.next);
        let matches = |number: u16| {
            let template = self.get(number);
            template.is_some_and(|it| !it.value_first && it.separated == follows && it.begins(kernel, rest))
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
            let matches =
                |it: &Template| !it.value_first && it.separated == follows && it.begins(kernel, rest);
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
            it.value_first
                && it.shape == like.shape
                && it.separated == follows
                && it.begins(kernel, rest)
                && it.ends(kernel, tail)
        };
        let found = self.by_key.find(Keys::hash(key), |number| self.get(*number).is_some_and(matches));
        found.copied().unwrap_or(NONE)
    }

    /// Learns the attribute `start..end`, with what stands between it and the one before from `gap`. Returns its number.
    fn learn(&mut self, text: &[u8], gap: usize, start: usize, end: usize) -> u16 {
        let Some(mut template) = template::parse(text, gap, start, end) else { return NONE };
        template.key_hash = Keys::hash(template.name());
        let hash = template.key_hash;
        if !template.value_first {
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
            if known.value_first != template.value_first || !known.is_akin(&template) {
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
        if template.value_first {
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
fn slot(first: u16, previous: u16) -> usize {
    (usize::from(first) * 37 + usize::from(previous)) % SLOTS
}

/// A list of attributes that is being read by templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    owner: Message,
    first: u16,
    previous: u16,
    depth: usize,
    pub(super) list: u32,
    pub(super) into: Into,
}

impl Run {
    pub(super) fn new(owner: Message, depth: usize, list: u32, into: Into) -> Self {
        Self { owner, first: NONE, previous: NONE, depth, list, into }
    }

    #[inline]
    fn advance(&mut self, number: u16) {
        if self.first == NONE {
            self.first = number;
        }
        self.previous = number;
    }
}

/// Where the attributes of a list go.
struct Sink<'a> {
    rows: &'a mut Vec<AttributeRow>,
    /// Where sources are recorded.
    row_sources: Option<&'a mut Vec<AttributeSource>>,
    keys: &'a mut Keys,
    stamps: &'a mut Vec<(u32, u32)>,
    made: &'a [u8],
    text: &'a [u8],
    list: u32,
    into: Into,
}

impl Sink<'_> {
    /// Adds the attribute that a template read at `rest`; `key` is its key's id, if the batch has met it. Whether it could.
    #[allow(clippy::inline_always, reason = "measured: values stay in registers")]
    #[inline(always)]
    fn put(
        &mut self,
        templates: &mut Templates,
        number: u16,
        key: Option<u32>,
        value: Value,
        rest: &[u8],
    ) -> bool {
        let key = if let Some(key) = key {
            key
        } else {
            cold_path();
            let at = self.text.len() - rest.len();
            let to = (&mut *self.keys, self.made);
            let Some(id) = templates.intern(number, to, self.text, at, value.content) else { return false };
            id
        };
        // A duplicate is the general path's business; it finds this same stamp.
        let before = self.keys.stamp(key, self.list);
        if before == self.list {
            cold_path();
            return false;
        }
        if self.into == Into::Stack {
            cold_path();
            self.stamps.push((key, before));
        }
        self.rows.push(AttributeRow { key, tag: value.tag, payload: value.payload });
        if let Some(sources) = &mut self.row_sources
            && let Some(template) = templates.get(number)
        {
            cold_path();
            sources.push(template.source(self.text.len() - rest.len(), value.content));
        }
        true
    }
}

/// [`Templates::other`] for one instruction set, out of the way of what is guessed.
struct Other<'a, 'r> {
    templates: &'a mut Templates,
    guess: u16,
    run: Run,
    cursor: &'a Cursor<'r>,
    rest: &'r [u8],
    follows: bool,
}

impl<'r> Vectorized for Other<'_, 'r> {
    type Output = Option<(u16, u16, Value, &'r [u8])>;

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        self.templates.other(kernel, self.guess, self.run, self.cursor, self.rest, self.follows)
    }
}

/// [`Reader::templated_attributes`] for one instruction set.
struct Attributes<'a, 'r> {
    reader: &'a mut Reader<'r>,
    run: &'a mut Run,
    follows: bool,
}

impl Vectorized for Attributes<'_, '_> {
    type Output = u32;

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> u32 {
        self.reader.attributes_by_templates(kernel, self.run, self.follows)
    }
}

impl Reader<'_> {
    /// Reads attributes as long as templates match, from the list's bracket or (`follows`) the end of an attribute on.
    /// Returns how many were read; the cursor is left after the last.
    pub(super) fn templated_attributes(&mut self, run: &mut Run, follows: bool) -> u32 {
        // Two levels are opened and closed within.
        if self.options.general_path || self.cursor.depth + 2 > self.cursor.max_depth {
            return 0;
        }
        self.cursor.simd.vectorize(Attributes { reader: self, run, follows })
    }

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn attributes_by_templates<K: Kernel>(
        &mut self,
        kernel: K,
        run: &mut Run,
        follows: bool,
    ) -> u32 {
        let room = self.options.limits.attributes.saturating_sub(self.items);
        let Self { cursor, batch, scratch, record, .. } = self;
        let (cursor, record) = (&mut *cursor, *record);
        let Scratch { templates, stack, stack_sources, stamps, .. } = &mut **scratch;
        let SpanBatch { attributes, keys, made, sources, .. } = &mut **batch;
        let generation = templates.generation;
        let text = cursor.text;
        let (rows, row_sources) = match run.into {
            Into::Attributes => (attributes, &mut sources.attributes),
            Into::Stack => (stack, stack_sources),
        };
        let begin = rows.len();
        let limit = begin.saturating_add(room);
        let (list, into) = (run.list, run.into);
        let mut sink =
            Sink { rows, row_sources: record.then_some(row_sources), keys, stamps, made, text, list, into };
        let mut rest = text.get(cursor.at..).unwrap_or_default();
        // In registers: storing halves and loading the whole would stall.
        let Run { owner, depth, mut first, mut previous, .. } = *run;
        while sink.rows.len() < limit {
            let guess = if previous != NONE {
                templates.after(first, previous)
            } else if follows {
                // Elements that are no messages came before: what is first in a list has no comma.
                NONE
            } else {
                templates.begins_with(owner, depth)
            };
            // What follows a template is separated from it, and what is first in a list is not: no need to look.
            if let Some(template) = templates.get(guess)
                && !template.value_first
                && template.with_key.stands_at(kernel, rest)
            {
                let key = (template.generation == generation).then_some(template.key_id);
                let Some((value, after)) = template.read_key_first(kernel, cursor, rest) else { break };
                if !sink.put(templates, guess, key, value, rest) {
                    break;
                }
                (rest, previous) = (after, guess);
            } else {
                cold_path();
                if guess == OTHER || rest.first() == Some(&b']') {
                    break;
                }
                let run = Run { owner, first, previous, depth, list, into };
                let follows = follows || sink.rows.len() > begin;
                let other = Other { templates, guess, run, cursor, rest, follows };
                let Some((number, step, value, after)) = cursor.simd.vectorize(other) else { break };
                let template = templates.get(number).filter(|template| template.generation == generation);
                let key = template.map(|template| template.key_id);
                if !sink.put(templates, number, key, value, rest) {
                    break;
                }
                (rest, previous) = (after, step);
            }
            if first == NONE {
                first = previous;
            }
        }
        let count = sink.rows.len() - begin;
        *run = Run { owner, first, previous, depth, list, into };
        cursor.at = text.len() - rest.len();
        self.items += count;
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Learns the attribute that the general path has just read from `start`, after the one that ended at `gap`.
    #[cold]
    pub(super) fn learn_attribute(&mut self, run: &mut Run, gap: usize, start: usize) {
        if self.options.general_path {
            return;
        }
        let templates = &mut self.scratch.templates;
        // Where nothing can be learned, looking is given up, but for a look now and then.
        if templates.barren >= PATIENCE && !templates.barren.is_multiple_of(PATIENCE) {
            templates.barren += 1;
            run.advance(OTHER);
            return;
        }
        let number = templates.learn(self.cursor.text, gap, start, self.cursor.at);
        let number = if number == NONE {
            templates.barren = templates.barren.wrapping_add(1);
            OTHER
        } else {
            templates.barren = 0;
            // Not before: what was not learned may be long, and hold others that were looked at.
            self.note_feeds(gap);
            number
        };
        self.scratch.templates.follow(run, number);
        run.advance(number);
    }
}
