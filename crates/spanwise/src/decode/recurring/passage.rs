//! What a resource or scope became, to be copied to where the same bytes stand again.
//!
//! Places are counted from the first byte of what is kept. Keys belong to the batch: each interns them anew, in the order of
//! the rows, which is why an object with a kvlist, whose keys come in between, is read each time.

use std::ops::Range;

use super::MOST_ROWS;
use crate::batch::{
    AttributeRow, AttributeSource, ByteRange, Keys, Mark, ResourceRow, Rows, ScopeRow, ScopeSource,
    SpanBatch, Text, TextKind, ValueTag,
};

/// The members of a resource or scope, as its row has them. A resource has no name and no version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::decode) struct Introduction {
    pub(in crate::decode) attributes: Rows,
    pub(in crate::decode) dropped_attributes_count: u32,
    pub(in crate::decode) name: Text,
    pub(in crate::decode) version: Text,
    pub(in crate::decode) name_source: ByteRange,
    pub(in crate::decode) version_source: ByteRange,
}

impl Introduction {
    pub(super) fn of_resource(row: &ResourceRow) -> Self {
        let ResourceRow { attributes, dropped_attributes_count, .. } = *row;
        Self { attributes, dropped_attributes_count, ..Self::default() }
    }

    pub(super) fn of_scope(row: &ScopeRow, source: Option<&ScopeSource>) -> Self {
        let ScopeRow { attributes, dropped_attributes_count, name, version, .. } = *row;
        let (name_source, version_source) =
            source.map(|source| (source.name, source.version)).unwrap_or_default();
        Self { attributes, dropped_attributes_count, name, version, name_source, version_source }
    }

    #[inline]
    pub(in crate::decode) fn introduce_resource(&self, row: &mut ResourceRow) {
        row.attributes = self.attributes.without_place_if_none();
        row.dropped_attributes_count = self.dropped_attributes_count;
    }

    #[inline]
    pub(in crate::decode) fn introduce_scope(&self, row: &mut ScopeRow, source: Option<&mut ScopeSource>) {
        row.attributes = self.attributes.without_place_if_none();
        row.dropped_attributes_count = self.dropped_attributes_count;
        (row.name, row.version) = (self.name, self.version);
        if let Some(source) = source {
            (source.name, source.version) = (self.name_source, self.version_source);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Key {
    hash: u64,
    /// In the bytes that are kept.
    start: usize,
    end: usize,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Passage {
    pub(super) introduction: Introduction,
    /// Their keys are right for the batch whose generation this is.
    attributes: Vec<AttributeRow>,
    generation: u32,
    keys: Vec<Key>,
    values: Vec<AttributeRow>,
    attribute_sources: Vec<AttributeSource>,
    value_sources: Vec<AttributeSource>,
}

/// The rows of a resource or scope in the batch that it was read into.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) attributes: Range<usize>,
    pub(super) values: Range<usize>,
}

impl Taken {
    /// What was added between the two.
    pub(super) fn between(from: &Mark, to: &Mark) -> Self {
        Self { attributes: from.attributes..to.attributes, values: from.values..to.values }
    }

    /// Whether they are few enough, and all stay right where their text and children are moved.
    pub(super) fn can_move(&self, batch: &SpanBatch) -> bool {
        let rows = batch.attributes.get(self.attributes.clone()).unwrap_or_default();
        let children = batch.values.get(self.values.clone()).unwrap_or_default();
        rows.len().max(children.len()) <= MOST_ROWS && rows.iter().chain(children).all(AttributeRow::can_move)
    }
}

impl Passage {
    /// Nothing yet, with room for all that it may hold.
    pub(super) fn with_room(record: bool) -> Self {
        let sources = if record { MOST_ROWS } else { 0 };
        Self {
            introduction: Introduction::default(),
            attributes: Vec::with_capacity(MOST_ROWS),
            generation: 0,
            keys: Vec::with_capacity(MOST_ROWS),
            values: Vec::with_capacity(MOST_ROWS),
            attribute_sources: Vec::with_capacity(sources),
            value_sources: Vec::with_capacity(sources),
        }
    }

    /// Takes the rows of an object from the batch of this generation. `bytes` are kept, stand at `at` in `input`, and the
    /// object begins `from` there. `None` where a key is not found in it.
    pub(super) fn take(
        &mut self,
        (bytes, mut from): (&[u8], usize),
        (input, at): (&[u8], usize),
        batch: &SpanBatch,
        taken: &Taken,
        introduction: Introduction,
        generation: u32,
    ) -> Option<()> {
        let texts = Move { from: at, to: 0 };
        let children = Move { from: taken.values.start, to: 0 };
        self.introduction = texts.introduction(introduction);
        self.generation = generation;
        self.attributes.clear();
        self.keys.clear();
        self.values.clear();
        self.attribute_sources.clear();
        self.value_sources.clear();
        let escapes = memchr::memchr(b'\\', bytes).is_some();
        for row in batch.attributes.get(taken.attributes.clone())? {
            self.attributes.push(row.moved(texts, children));
            let text = batch.keys.text(row.key as usize);
            let name = text.raw(input, &batch.made);
            let start = match text.start().checked_sub(at) {
                Some(start) if text.kind() == TextKind::Plain => start,
                // The batch has it from before the object.
                _ if escapes => return None,
                _ => next_key(bytes, from, name)?,
            };
            from = start + name.len();
            self.keys.push(Key { hash: Keys::hash(name), start, end: from });
        }
        let values = batch.values.get(taken.values.clone())?;
        self.values.extend(values.iter().map(|row| row.moved(texts, children)));
        let moved = |source: &AttributeSource| texts.source(*source);
        let sources = &batch.sources;
        let attributes = sources.attributes.get(taken.attributes.clone()).unwrap_or_default();
        self.attribute_sources.extend(attributes.iter().map(moved));
        let values = sources.values.get(taken.values.clone()).unwrap_or_default();
        self.value_sources.extend(values.iter().map(moved));
        Some(())
    }

    /// Copies the rows into the batch of this generation, for an object in `bytes`, which stand at `at` in `input`. `None`,
    /// and no row is there, where the batch takes no more keys.
    #[inline]
    pub(super) fn put(
        &mut self,
        bytes: &[u8],
        (input, at): (&[u8], usize),
        batch: &mut SpanBatch,
        generation: u32,
    ) -> Option<Introduction> {
        let SpanBatch { keys, made, attributes, values, sources, has_sources, .. } = batch;
        if self.generation != generation {
            self.intern(bytes, (input, at), keys, made)?;
            self.generation = generation;
        }
        let texts = Move { from: 0, to: at };
        let children = Move { from: 0, to: values.len() };
        let first = attributes.len();
        attributes.extend(self.attributes.iter().map(|row| row.moved(texts, children)));
        values.extend(self.values.iter().map(|row| row.moved(texts, children)));
        if *has_sources {
            sources.attributes.extend(self.attribute_sources.iter().map(|source| texts.source(*source)));
            sources.values.extend(self.value_sources.iter().map(|source| texts.source(*source)));
        }
        let mut introduction = texts.introduction(self.introduction);
        introduction.attributes = Rows::since(first, attributes);
        Some(introduction)
    }

    /// Interns the keys into a batch that may not have them.
    fn intern(
        &mut self,
        bytes: &[u8],
        (input, at): (&[u8], usize),
        keys: &mut Keys,
        made: &[u8],
    ) -> Option<()> {
        for (row, key) in self.attributes.iter_mut().zip(&self.keys) {
            let name = bytes.get(key.start..key.end)?;
            let text = || Some(Text::input(at + key.start, at + key.end, false));
            row.key = keys.intern_hashed(key.hash, name, |text| text.raw(input, made), text)?;
        }
        Some(())
    }
}

/// Where the next key from `from` on stands, if it reads `name` and is written without white space. There must be no
/// backslash in `bytes`: then a quote begins or ends a string, and what looks like a member is one.
fn next_key(bytes: &[u8], from: usize, name: &[u8]) -> Option<usize> {
    const BEFORE: &[u8] = br#""key":""#;
    let rest = bytes.get(from..)?;
    let start = memchr::memmem::find(rest, BEFORE)? + BEFORE.len();
    let after = rest.get(start..)?.strip_prefix(name)?;
    after.starts_with(b"\"").then_some(from + start)
}

impl AttributeRow {
    /// Whether the row stays right where its text and children are moved: it refers to nothing else.
    fn can_move(&self) -> bool {
        match self.tag {
            ValueTag::Empty
            | ValueTag::String
            | ValueTag::Bool
            | ValueTag::Int
            | ValueTag::Double
            | ValueTag::Array => true,
            // Bytes stand in the arena, even if they are none, and the keys of a kvlist are interned between those of attributes.
            ValueTag::Bytes | ValueTag::KvList => false,
        }
    }

    /// The row of a value whose text and children stand elsewhere now.
    #[inline]
    fn moved(self, texts: Move, children: Move) -> Self {
        let payload = match self.tag {
            ValueTag::String => texts.text(Text::from_bits(self.payload)).bits(),
            ValueTag::Array => children.rows(self.payload),
            _ => self.payload,
        };
        Self { payload, ..self }
    }
}

/// From where to where something moves.
#[derive(Debug, Clone, Copy)]
struct Move {
    from: usize,
    to: usize,
}

impl Move {
    /// A text within what moves. None of its strings begins with its first byte, so an empty handle stays one.
    #[inline]
    fn text(self, text: Text) -> Text {
        match text.bits() {
            0 => text,
            bits => Text::from_bits(bits - self.from as u64 + self.to as u64),
        }
    }

    /// The payload of an array: where its children begin in the lower half, how many they are in the upper.
    #[inline]
    fn rows(self, payload: u64) -> u64 {
        if payload >> 32 == 0 { 0 } else { payload - self.from as u64 + self.to as u64 }
    }

    #[inline]
    fn range(self, range: ByteRange) -> ByteRange {
        if range == ByteRange::default() {
            return range;
        }
        ByteRange::new(range.start as usize - self.from + self.to, range.end as usize - self.from + self.to)
    }

    fn source(self, source: AttributeSource) -> AttributeSource {
        AttributeSource {
            element: self.range(source.element),
            key: self.range(source.key),
            value: self.range(source.value),
        }
    }

    fn introduction(self, it: Introduction) -> Introduction {
        Introduction {
            name: self.text(it.name),
            version: self.text(it.version),
            name_source: self.range(it.name_source),
            version_source: self.range(it.version_source),
            ..it
        }
    }
}
