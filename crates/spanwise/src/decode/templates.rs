//! Attributes as a writer lays them out: learned from the general path, compared as blocks.
//!
//! All bytes of a simple attribute but its value are constant: `,{"key":"http.method","value":{"stringValue":"` before and
//! `"}}` after. A [`Template`] holds the two, with the white space that the writer puts in. Where the bytes are equal, the
//! general path would read the same tokens, so nothing is left to do but to read the value. The template that followed the
//! last time is tried first: in a list that began alike, then in any; then the one of the key that stands there; then the
//! general path reads the attribute, and what it read is learned.
//!
//! A template says nothing about what may vary with the list: bounds and duplicate keys are checked for each attribute.

use hashbrown::HashTable;

use crate::batch::{AttributeRow, AttributeSource, ByteRange, Keys, SpanBatch, Text, ValueTag};
use crate::json::scan::{self, Kernel, Vectorized};
use crate::json::{Cursor, Literal, Scalar, number};
use crate::schema::{Field, Message};

use super::reader::Reader;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `stringValue`.
    String,
    /// `intValue` in quotes.
    QuotedInt,
    /// `intValue` without.
    Int,
    /// `doubleValue` without quotes.
    Double,
    /// `boolValue`.
    Bool,
}

/// See the module's head. 256 bytes, so that a number is an address by a shift.
#[derive(Debug)]
#[repr(align(64))]
struct Template {
    /// From the end of the attribute before to the first byte of the value's content.
    head: Literal<5>,
    /// From the end of the content to the end of the attribute.
    tail: Literal<2>,
    shape: Shape,
    /// Whether the head begins with the comma after another attribute.
    separated: bool,
    /// Where the attribute's `{`, the key's quote, the key's end, and the value's `{` stand in `head`.
    element: u8,
    key: u8,
    key_end: u8,
    value: u8,
    /// Where in `tail` the value's `}` ends.
    value_end: u8,
    /// The key's id, if `generation` is that of the batch.
    key_id: u32,
    generation: u32,
    key_hash: u64,
    /// What followed the last time, in any list.
    next: u16,
}

/// All templates of a decoder.
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: Vec<Template>,
    by_key: HashTable<u16>,
    /// What began a list the last time, per kind of owner.
    first: [u16; Message::COUNT],
    /// What followed the last time in a list that began alike: a guess, by a hash of the first template and the last.
    follows: Vec<u16>,
    /// From the list's bracket, or from the end of an attribute, to the first byte of the next one's key.
    openings: [Option<Literal<2>>; 2],
    /// Key ids are known for one batch, until rows of it are taken back.
    generation: u32,
    /// Attributes in a row that were not simple enough to be learned.
    barren: u32,
    /// Attributes that could not be learned for want of room.
    too_many: u32,
}

/// Templates are numbered from one; zero is none.
const NONE: u16 = 0;
/// More than most services' vocabulary.
const MOST: usize = 1024;
/// Failures to learn in a row after which one in so many attributes is looked at.
const PATIENCE: u32 = 8;
/// The generation of a template whose key has no id yet; never that of a batch.
const NEVER: u32 = u32::MAX;
/// When so many more were wanted, learning begins anew.
const OUTWORN: u32 = 1 << 16;
/// Guesses kept; a power of two.
const SLOTS: usize = 2048;

const _: () = assert!(size_of::<Template>() == 256);

impl Template {
    /// The key, as it is written.
    fn key(&self) -> &[u8] {
        let quoted = usize::from(self.key) + 1..usize::from(self.key_end).saturating_sub(1);
        self.head.text().get(quoted).unwrap_or_default()
    }

    /// Whether the attribute at `rest` is written so. `follows`: it is not the first of its list.
    #[inline]
    fn matches(&self, rest: &[u8], follows: bool) -> bool {
        self.separated == follows && self.head.begins(rest)
    }
}

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

    fn get(&self, number: u16) -> Option<&Template> {
        self.known.get(usize::from(number).wrapping_sub(1))
    }

    /// What most likely follows.
    #[inline]
    fn guess(&self, run: &Run) -> u16 {
        if run.previous == NONE {
            return self.first[run.owner as usize];
        }
        self.follows.get(run.slot()).copied().unwrap_or(NONE)
    }

    /// Remembers that `number` followed.
    fn follow(&mut self, run: &Run, number: u16) {
        match self.known.get_mut(usize::from(run.previous).wrapping_sub(1)) {
            Some(template) => {
                template.next = number;
                if let Some(slot) = self.follows.get_mut(run.slot()) {
                    *slot = number;
                }
            }
            None => self.first[run.owner as usize] = number,
        }
    }

    /// The template that stands at `rest` where the best guess did not; remembers it.
    #[inline(never)]
    fn miss(&mut self, run: Run, rest: &[u8], follows: bool) -> u16 {
        // What followed the last time in any list.
        let other = self.get(run.previous).map_or(NONE, |template| template.next);
        let other_matches = self.get(other).is_some_and(|template| template.matches(rest, follows));
        let number = if other_matches { other } else { self.find(rest, follows) };
        if number != NONE {
            self.follow(&run, number);
        }
        number
    }

    /// The template whose head stands at `rest`, by its key.
    fn find(&self, rest: &[u8], follows: bool) -> u16 {
        let opening = self.openings[usize::from(follows)].as_ref();
        let Some(opening) = opening.filter(|opening| opening.begins(rest)) else { return NONE };
        let start = opening.len();
        let end = scan::string_run(rest, start, &mut 0);
        let Some(key) = rest.get(start..end) else { return NONE };
        let found = self
            .by_key
            .find(Keys::hash(key), |number| self.get(*number).is_some_and(|it| it.matches(rest, follows)));
        found.copied().unwrap_or(NONE)
    }

    /// Learns the attribute `start..end`, with what stands between it and the one before from `gap`. Returns its number.
    fn learn(&mut self, text: &[u8], gap: usize, start: usize, end: usize) -> u16 {
        let Some(mut template) = parse(text, gap, start, end) else { return NONE };
        let head = template.head.text();
        template.key_hash = Keys::hash(template.key());
        let hash = template.key_hash;
        self.openings[usize::from(template.separated)] =
            Literal::new(head.get(..=usize::from(template.key)).unwrap_or_default());
        // One layout a key, shape and place: a writer has one, and a hostile one must not fill the bucket of a key.
        let same = |it: &Template| {
            it.key() == template.key() && it.shape == template.shape && it.separated == template.separated
        };
        if let Some(number) = self.by_key.find(hash, |number| self.get(*number).is_some_and(same)).copied() {
            if let Some(known) = self.known.get_mut(usize::from(number).wrapping_sub(1))
                && (known.head.text() != template.head.text() || known.tail.text() != template.tail.text())
            {
                *known = Template { next: known.next, ..template };
            }
            return number;
        }
        if self.known.capacity() < MOST {
            // At once: what is learned late must not make a warm decode allocate.
            self.known.reserve_exact(MOST);
            self.by_key.reserve(MOST, |_| 0);
            self.follows.resize(SLOTS, NONE);
        }
        if self.known.len() >= MOST {
            // Beginning anew for every key too many would forget those that do come again.
            self.too_many += 1;
            if self.too_many < OUTWORN {
                return NONE;
            }
            self.too_many = 0;
            self.known.clear();
            self.by_key.clear();
            self.first = Default::default();
            self.follows.fill(NONE);
        }
        self.known.push(template);
        let number = u16::try_from(self.known.len()).unwrap_or(NONE);
        let known = &self.known;
        self.by_key.insert_unique(hash, number, |number| {
            known.get(usize::from(*number).wrapping_sub(1)).map_or(0, |template| template.key_hash)
        });
        number
    }
}

/// Reads a member's name and colon.
fn name<'t>(cursor: &mut Cursor<'t>) -> Option<&'t [u8]> {
    cursor.white();
    let raw = cursor.string().ok()?;
    cursor.colon().ok()?;
    Some(cursor.slice(raw.start, raw.end))
}

/// Takes an attribute apart that the general path has read. `None` where it is not simple: other members, other order,
/// an escaped key, a value that is no scalar.
#[cold]
fn parse(text: &[u8], gap: usize, start: usize, end: usize) -> Option<Template> {
    let mut cursor = Cursor::over(text.get(..end)?, start, false);
    let offset = |at: usize| u8::try_from(at - gap).ok();
    let element = offset(cursor.at)?;
    cursor.open().ok()?;
    (name(&mut cursor)? == Field::Key.name().as_bytes()).then_some(())?;
    let key = offset(cursor.at)?;
    let raw = cursor.string().ok()?;
    (!raw.escaped && raw.start < raw.end).then_some(())?;
    let key_end = offset(cursor.at)?;
    cursor.next_item(false, b'}').ok()?.then_some(())?;
    (name(&mut cursor)? == Field::Value.name().as_bytes()).then_some(())?;
    let value = offset(cursor.at)?;
    (cursor.peek()? == b'{').then_some(())?;
    cursor.open().ok()?;
    let variant = name(&mut cursor)?;
    let mut content = cursor.at;
    let scalar = cursor.scalar().ok()?;
    let mut content_end = cursor.at;
    let shape = match (Message::AnyValue.field(variant)?, scalar) {
        (Field::StringValue, Scalar::String(_)) => Shape::String,
        (Field::IntValue, Scalar::String(_)) => Shape::QuotedInt,
        (Field::IntValue, Scalar::Number(_)) => Shape::Int,
        (Field::DoubleValue, Scalar::Number(_)) => Shape::Double,
        (Field::BoolValue, Scalar::Bool(_)) => Shape::Bool,
        _ => return None,
    };
    if let Scalar::String(raw) = scalar {
        (content, content_end) = (raw.start, raw.end);
    }
    (!cursor.next_item(false, b'}').ok()?).then_some(())?;
    let value_end = u8::try_from(cursor.at - content_end).ok()?;
    (!cursor.next_item(false, b'}').ok()?).then_some(())?;
    (cursor.at == end).then_some(())?;
    Some(Template {
        head: Literal::new(text.get(gap..content)?)?,
        tail: Literal::new(text.get(content_end..end)?)?,
        shape,
        separated: text.get(gap..start)?.contains(&b','),
        element,
        key,
        key_end,
        value,
        value_end,
        key_id: 0,
        generation: NEVER,
        key_hash: 0,
        next: NONE,
    })
}

/// A list of attributes that is being read by templates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    owner: Message,
    first: u16,
    previous: u16,
    pub(super) list: u32,
}

impl Run {
    pub(super) fn new(owner: Message, list: u32) -> Self {
        Self { owner, first: NONE, previous: NONE, list }
    }

    /// Where the guess for what follows is kept.
    #[inline]
    fn slot(&self) -> usize {
        (usize::from(self.first) * 37 + usize::from(self.previous)) % SLOTS
    }

    #[inline]
    fn advance(&mut self, number: u16) {
        if self.first == NONE {
            self.first = number;
        }
        self.previous = number;
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
    fn attributes_by_templates<K: Kernel>(&mut self, kernel: K, run: &mut Run, mut follows: bool) -> u32 {
        let room = self.options.limits.attributes.saturating_sub(self.items);
        let Self { cursor, batch, scratch, .. } = self;
        let templates = &mut scratch.templates;
        let SpanBatch { attributes, keys, made, sources, .. } = &mut **batch;
        let generation = templates.generation;
        let text = cursor.text;
        let mut at = cursor.at;
        let mut count = 0;
        // In registers: storing halves and loading the whole would stall.
        let mut walk = *run;
        while count < room {
            let rest = text.get(at..).unwrap_or_default();
            if rest.first() == Some(&b']') {
                break;
            }
            let mut number = templates.guess(&walk);
            // What follows a template is separated from it, and what is first in a list is not: no need to look.
            if !templates.get(number).is_some_and(|template| template.head.stands_at(kernel, rest)) {
                number = templates.miss(walk, rest, follows);
            }
            let Some(template) = templates.known.get_mut(usize::from(number).wrapping_sub(1)) else { break };
            let content = at + template.head.len();
            let Some((tag, payload, content_end)) = read_content(kernel, cursor, template.shape, content)
            else {
                break;
            };
            if !template.tail.stands_at(kernel, text.get(content_end..).unwrap_or_default()) {
                break;
            }
            let key_token = (at + usize::from(template.key), at + usize::from(template.key_end));
            if template.generation != generation {
                let (start, end) = (key_token.0 + 1, key_token.1 - 1);
                let name = text.get(start..end).unwrap_or_default();
                let handle = || Some(Text::input(start, end, false));
                let Some(id) = keys.intern_hashed(template.key_hash, name, |key| key.raw(text, made), handle)
                else {
                    break;
                };
                template.key_id = id;
                template.generation = generation;
            }
            // A duplicate is the general path's business; it finds this same stamp.
            if keys.stamp(template.key_id, walk.list) == walk.list {
                break;
            }
            attributes.push(AttributeRow { key: template.key_id, tag, payload });
            let end = content_end + template.tail.len();
            if self.record {
                sources.attributes.push(AttributeSource {
                    element: ByteRange::new(at + usize::from(template.element), end),
                    key: ByteRange::new(key_token.0, key_token.1),
                    value: ByteRange::new(
                        at + usize::from(template.value),
                        content_end + usize::from(template.value_end),
                    ),
                });
            }
            at = end;
            count += 1;
            follows = true;
            walk.advance(number);
        }
        *run = walk;
        cursor.at = at;
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
            run.advance(NONE);
            return;
        }
        let number = templates.learn(self.cursor.text, gap, start, self.cursor.at);
        templates.barren = if number == NONE { templates.barren.wrapping_add(1) } else { 0 };
        if number != NONE {
            self.scratch.templates.follow(run, number);
        }
        run.advance(number);
    }
}

/// Reads a value's content: its tag and payload in a row, and where it ends. `None` where anything is out of the ordinary.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn read_content<K: Kernel>(
    kernel: K,
    cursor: &Cursor<'_>,
    shape: Shape,
    start: usize,
) -> Option<(ValueTag, u64, usize)> {
    match shape {
        Shape::String => {
            let (end, escaped) = cursor.clean_string_by(kernel, start)?;
            Some((ValueTag::String, Text::input(start, end, escaped).bits(), end))
        }
        Shape::QuotedInt | Shape::Int => {
            let rest = cursor.text.get(start..)?;
            let (value, length) = number::short_integer(rest)?;
            Some((ValueTag::Int, value.cast_unsigned(), start + length))
        }
        Shape::Double => {
            let (value, end) = read_double(cursor, start)?;
            Some((ValueTag::Double, value.to_bits(), end))
        }
        Shape::Bool => {
            let rest = cursor.text.get(start..)?;
            if rest.starts_with(b"true") {
                return Some((ValueTag::Bool, 1, start + 4));
            }
            rest.starts_with(b"false").then_some((ValueTag::Bool, 0, start + 5))
        }
    }
}

#[inline(never)]
fn read_double(cursor: &Cursor<'_>, start: usize) -> Option<(f64, usize)> {
    let mut number = Cursor::over(cursor.text, start, false);
    let raw = number.number().ok()?;
    let value = number::double(cursor.slice(raw.start, raw.end)).filter(|value| value.is_finite())?;
    Some((value, raw.end))
}
