//! Resources and scopes that come again.
//!
//! A writer says in every request who it is, in the same bytes. What they became the last time is kept here, with places
//! counted from the object's first byte. Where the same bytes stand again, the rows are copied to where the object stands
//! now, and nothing of it is read: an object ends with its own bracket, so the general path would find the same in it,
//! whatever comes after.
//!
//! Kept is only what had no finding and refers to nothing but its own bytes. Keys belong to the batch: each interns them
//! anew, in the order of the rows, which is why an object with a kvlist, whose keys come in between, is read each time.

use std::ops::Range;

use super::reader::{Reader, Scratch};
use crate::batch::{
    AttributeRow, AttributeSource, ByteRange, Keys, Mark, Rows, SpanBatch, Text, TextKind, ValueTag,
};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Resource,
    Scope,
}

/// The members of an object that may come again, as its row has them. A resource has no name and no version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Introduction {
    /// `None` where there is no such member.
    pub(super) attributes: Option<Rows>,
    pub(super) dropped_attributes_count: u32,
    pub(super) name: Text,
    pub(super) version: Text,
    pub(super) name_source: ByteRange,
    pub(super) version_source: ByteRange,
}

/// How things stood before an object was read.
pub(super) struct Before {
    at: usize,
    mark: Mark,
    residue: usize,
    findings: u64,
}

/// Objects of one kind that are kept: several services may share a stream.
const WAYS: usize = 4;
/// Of one object.
const MOST_BYTES: usize = 4096;
const MOST_ROWS: usize = 64;
/// The generation of a decoder's first batch, in which nothing is learned: one that decodes once would make room in vain.
const FIRST: u32 = 1;
/// Objects in a row that were learned in vain, after which only one in so many is: where each request has a resource of its
/// own, looking and learning cost and give nothing.
const PATIENCE: u32 = 4;
const SELDOM: u32 = 64;

#[derive(Debug, Clone, Copy)]
struct Key {
    hash: u64,
    /// In the object's bytes.
    start: usize,
    end: usize,
}

#[derive(Debug)]
struct Known {
    bytes: Vec<u8>,
    /// Containers that are open round it: a bound on them must not be passed anywhere else.
    depth: usize,
    introduction: Introduction,
    /// Their keys are right for the batch whose generation this is.
    attributes: Vec<AttributeRow>,
    generation: u32,
    keys: Vec<Key>,
    values: Vec<AttributeRow>,
    attribute_sources: Vec<AttributeSource>,
    value_sources: Vec<AttributeSource>,
}

impl Known {
    /// The depth of what is nowhere.
    const FORGOTTEN: usize = usize::MAX;

    /// Nothing yet, with room for all that it may hold.
    fn with_room(record: bool) -> Self {
        let sources = if record { MOST_ROWS } else { 0 };
        Self {
            bytes: Vec::with_capacity(MOST_BYTES),
            depth: Self::FORGOTTEN,
            introduction: Introduction::default(),
            attributes: Vec::with_capacity(MOST_ROWS),
            generation: 0,
            keys: Vec::with_capacity(MOST_ROWS),
            values: Vec::with_capacity(MOST_ROWS),
            attribute_sources: Vec::with_capacity(sources),
            value_sources: Vec::with_capacity(sources),
        }
    }

    /// Where the next key from `from` on stands, if it reads `name` and is written without white space. There must be no
    /// backslash in the object: then a quote begins or ends a string, and what looks like a member is one.
    fn next_key(&self, from: usize, name: &[u8]) -> Option<usize> {
        const BEFORE: &[u8] = br#""key":""#;
        let rest = self.bytes.get(from..)?;
        let start = memchr::memmem::find(rest, BEFORE)? + BEFORE.len();
        let after = rest.get(start..)?.strip_prefix(name)?;
        after.starts_with(b"\"").then_some(from + start)
    }

    /// Interns the keys into a batch that may not have them. `None` where it takes no more.
    fn intern(&mut self, keys: &mut Keys, input: &[u8], made: &[u8], at: usize) -> Option<()> {
        for (row, key) in self.attributes.iter_mut().zip(&self.keys) {
            let name = self.bytes.get(key.start..key.end)?;
            let text = || Some(Text::input(at + key.start, at + key.end, false));
            row.key = keys.intern_hashed(key.hash, name, |text| text.raw(input, made), text)?;
        }
        Some(())
    }
}

/// What a decoder keeps of both kinds.
#[derive(Debug, Default)]
pub(super) struct Recurring {
    /// The one that came or was learned last is first.
    #[allow(clippy::vec_box, reason = "they change places, and are large")]
    known: [Vec<Box<Known>>; 2],
    /// Objects in a row that were none of them.
    barren: [u32; 2],
}

impl Recurring {
    /// Forgets all that was learned, and keeps the room for it.
    pub(super) fn forget(&mut self) {
        self.known.iter_mut().flatten().for_each(|known| known.depth = Known::FORGOTTEN);
        self.barren = [0; 2];
    }

    /// The object that stands at `rest`, if it is kept.
    #[inline]
    fn find(&mut self, owner: Owner, depth: usize, rest: &[u8]) -> Option<&mut Known> {
        let known = &mut self.known[owner as usize];
        let barren = &mut self.barren[owner as usize];
        let tried = if *barren > PATIENCE { 1 } else { WAYS };
        let way = known.iter().take(tried).position(|it| it.depth == depth && rest.starts_with(&it.bytes))?;
        *barren = 0;
        if way > 0 {
            known.swap(0, way);
        }
        known.first_mut().map(|known| &mut **known)
    }

    /// Whether it is worth it to keep one more, or its turn.
    fn is_worth_learning(&mut self, owner: Owner) -> bool {
        let barren = &mut self.barren[owner as usize];
        *barren = barren.wrapping_add(1);
        *barren <= PATIENCE || barren.is_multiple_of(SELDOM)
    }

    /// Where to keep one more: in the place of the one that came longest ago.
    fn place(&mut self, owner: Owner, record: bool) -> Option<&mut Known> {
        if self.known.iter().all(Vec::is_empty) {
            // At once: what is learned late must not make a warm decode allocate.
            let some = || (0..WAYS).map(|_| Box::new(Known::with_room(record))).collect();
            self.known = [some(), some()];
        }
        let known = &mut self.known[owner as usize];
        known.rotate_right(1);
        known.first_mut().map(|known| &mut **known)
    }
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

impl Reader<'_> {
    /// How things stand at the first byte of an object that may come again.
    pub(super) fn before_owner(&self) -> Before {
        Before {
            at: self.cursor.at,
            mark: self.batch.mark(),
            residue: self.batch.residue.len(),
            findings: self.batch.log.count(),
        }
    }

    /// Takes the object that stands here, if it is one that was read before.
    #[inline]
    pub(super) fn recall(&mut self, owner: Owner) -> Option<Introduction> {
        let Self { cursor, batch, scratch, record, .. } = self;
        let Scratch { recurring, templates, .. } = &mut **scratch;
        let SpanBatch { keys, made, attributes, values, sources, .. } = &mut **batch;
        let known = recurring.find(owner, cursor.depth, cursor.text.get(cursor.at..)?)?;
        if known.generation != templates.generation {
            known.intern(keys, cursor.text, made, cursor.at)?;
            known.generation = templates.generation;
        }
        let texts = Move { from: 0, to: cursor.at };
        let children = Move { from: 0, to: values.len() };
        let first = attributes.len();
        attributes.extend(known.attributes.iter().map(|row| row.moved(texts, children)));
        values.extend(known.values.iter().map(|row| row.moved(texts, children)));
        if *record {
            sources.attributes.extend(known.attribute_sources.iter().map(|source| texts.source(*source)));
            sources.values.extend(known.value_sources.iter().map(|source| texts.source(*source)));
        }
        let mut introduction = texts.introduction(known.introduction);
        if introduction.attributes.is_some() {
            introduction.attributes = Some(Rows::since(first, attributes));
        }
        cursor.at += known.bytes.len();
        Some(introduction)
    }

    /// Keeps the object that was read since `before`, if that can be done and seems worth it.
    pub(super) fn learn_owner(&mut self, owner: Owner, before: &Before, introduction: Introduction) {
        let Self { cursor, batch, scratch, record, options, .. } = self;
        let Scratch { recurring, learned_feeds, templates, .. } = &mut **scratch;
        let wanted = match owner {
            Owner::Resource => options.projection.resource_attributes,
            Owner::Scope => options.projection.scope_attributes,
        };
        let bytes = cursor.text.get(before.at..cursor.at).unwrap_or_default();
        let now = batch.mark();
        let alone = batch.log.count() == before.findings
            && batch.residue.len() == before.residue
            && now.made == before.mark.made;
        if options.general_path
            || templates.generation == FIRST
            || !wanted
            || !alone
            || bytes.len() > MOST_BYTES
        {
            return;
        }
        let (attributes, values) = (before.mark.attributes..now.attributes, before.mark.values..now.values);
        let rows = batch.attributes.get(attributes.clone()).unwrap_or_default();
        let children = batch.values.get(values.clone()).unwrap_or_default();
        if rows.len().max(children.len()) > MOST_ROWS
            || !rows.iter().chain(children).all(AttributeRow::can_move)
            || !recurring.is_worth_learning(owner)
        {
            return;
        }
        let Some(known) = recurring.place(owner, *record) else { return };
        known.bytes.clear();
        known.bytes.extend_from_slice(bytes);
        known.generation = templates.generation;
        known.introduction = Move { from: before.at, to: 0 }.introduction(introduction);
        // Without all of its rows it is none that could be met again.
        let taken = known.take_rows(batch, cursor.text, before.at, attributes, values);
        known.depth = taken.map_or(Known::FORGOTTEN, |()| cursor.depth);
        *learned_feeds |= memchr::memchr(b'\n', bytes).is_some();
    }
}

impl Known {
    /// Takes the rows of the object at `at`.
    fn take_rows(
        &mut self,
        batch: &SpanBatch,
        input: &[u8],
        at: usize,
        attributes: Range<usize>,
        values: Range<usize>,
    ) -> Option<()> {
        let texts = Move { from: at, to: 0 };
        let children = Move { from: values.start, to: 0 };
        let sources = &batch.sources;
        self.attributes.clear();
        self.keys.clear();
        self.values.clear();
        self.attribute_sources.clear();
        self.value_sources.clear();
        let escapes = memchr::memchr(b'\\', &self.bytes).is_some();
        let mut from = 0;
        for row in batch.attributes.get(attributes.clone())? {
            self.attributes.push(row.moved(texts, children));
            let text = batch.keys.text(row.key as usize);
            let name = text.raw(input, &batch.made);
            let start = match text.start().checked_sub(at) {
                Some(start) if text.kind() == TextKind::Plain => start,
                // The batch has it from before the object.
                _ if escapes => return None,
                _ => self.next_key(from, name)?,
            };
            from = start + name.len();
            self.keys.push(Key { hash: Keys::hash(name), start, end: from });
        }
        self.values.extend(batch.values.get(values.clone())?.iter().map(|row| row.moved(texts, children)));
        let moved = |source: &AttributeSource| texts.source(*source);
        self.attribute_sources
            .extend(sources.attributes.get(attributes).unwrap_or_default().iter().map(moved));
        self.value_sources.extend(sources.values.get(values).unwrap_or_default().iter().map(moved));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RawValue;
    use crate::{DecodeOptions, Decoder, Framing, Mode, Projection, encode};

    /// A request of one span, with a resource and a scope.
    fn request(resource: &str, scope: &str) -> String {
        format!(
            r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"scope":{scope},"spans":[{{"name":"n","attributes":[{{"key":"own","value":{{"intValue":1}}}}]}}]}}]}}]}}"#
        )
    }

    /// All that can be seen of a batch.
    fn seen(batch: &SpanBatch) -> impl PartialEq + std::fmt::Debug + use<> {
        let keys: Vec<_> = batch.keys().map(std::borrow::Cow::into_owned).collect();
        let texts: Vec<_> = batch.key_texts().collect();
        let findings: Vec<_> = batch.diagnostics().map(|it| it.to_string()).collect();
        let tables = (batch.sources().clone(), batch.residue().to_vec(), batch.documents().to_vec());
        let rows = (batch.resource_rows().to_vec(), batch.scope_rows().to_vec(), batch.span_rows().to_vec());
        // Where an array without children begins says nothing.
        let value = |row: &AttributeRow| match row.value() {
            RawValue::Array(Rows { len: 0, .. }) => (row.key(), RawValue::Array(Rows::default())),
            value => (row.key(), value),
        };
        let values: [Vec<_>; 2] =
            [batch.attribute_rows(), batch.value_rows()].map(|rows| rows.iter().map(value).collect());
        (keys, texts, findings, tables, rows, values, encode(batch))
    }

    fn all_options() -> impl Iterator<Item = DecodeOptions> {
        [Mode::Lenient, Mode::Strict].into_iter().flat_map(|mode| {
            [false, true].map(|record| DecodeOptions::default().with_mode(mode).with_record_sources(record))
        })
    }

    /// How many objects of a kind the decoder has.
    fn known(decoder: &Decoder, owner: Owner) -> usize {
        let known = &decoder.scratch.recurring.known[owner as usize];
        known.iter().filter(|it| it.depth != Known::FORGOTTEN).count()
    }

    const OBJECTS: [&str; 14] = [
        "{}",
        r#"{"attributes":[]}"#,
        r#"{"attributes":null,"droppedAttributesCount":0}"#,
        r#"{"droppedAttributesCount":7,"attributes":[{"key":"a","value":{"stringValue":""}}]}"#,
        r#"{"attributes":[{"key":"a","value":{"stringValue":"plain"}},{"key":"b","value":{"stringValue":"a\tb"}}]}"#,
        r#"{"attributes":[{"key":"own","value":{"intValue":"-3"}},{"key":"b","value":{"doubleValue":2.5}}]}"#,
        r#"{"attributes":[{"key":"b","value":{"boolValue":true}},{"key":"a","value":{}},{"key":"c","value":null}]}"#,
        r#"{"attributes":[{"value":{"stringValue":"b"},"key":"a"},{"value":{"stringValue":"a"},"key":"b"}]}"#,
        r#"{"attributes":[{"key":"argv","value":{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":4},{}]}}},{"key":"z","value":{"arrayValue":{}}}]}"#,
        r#"{"attributes":[{"key":"deep","value":{"arrayValue":{"values":[{"arrayValue":{"values":[{"stringValue":"x"}]}},{"arrayValue":{"values":[]}}]}}}]}"#,
        "{ \"attributes\" : [ {\n\"key\":\"a\",\"value\":{\"stringValue\":\"b\"} } ] }",
        r#"{"name":"a","version":"1","attributes":[{"key":"name","value":{"stringValue":"name"}}]}"#,
        r#"{"version":"\u00e9","name":""}"#,
        r#"{"attributes":[{"key":"ключ","value":{"stringValue":"значение"}}],"name":"имя"}"#,
    ];

    #[test]
    fn what_comes_again_is_what_it_was() {
        for options in all_options() {
            let mut decoder = Decoder::new(options);
            let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
            for resource in OBJECTS {
                for scope in OBJECTS {
                    // Where the object stands, and what the batch has by then, must not matter.
                    for before in ["", " ", "\n \t"] {
                        let body = before.to_owned() + &request(resource, scope);
                        decoder.decode(body.clone(), &mut batch).unwrap();
                        Decoder::new(options.with_general_path(true)).decode(body, &mut expected).unwrap();
                        assert_eq!(seen(&batch), seen(&expected), "{resource} {scope}");
                    }
                }
            }
        }
    }

    #[test]
    fn in_one_batch_it_has_the_keys_that_are_there() {
        for options in all_options() {
            let mut decoder = Decoder::new(options);
            let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
            for round in 0..OBJECTS.len() {
                let mut lines = String::new();
                for (index, object) in OBJECTS.iter().cycle().skip(round).take(9).enumerate() {
                    lines +=
                        &request(object, OBJECTS[(index * 5 + round) % OBJECTS.len()]).replace('\n', " ");
                    lines += "\n";
                    lines += &request(object, object).replace('\n', " ");
                    // Between them, one whose rows are taken back.
                    lines += "\n{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"gone\"}]}}]\n";
                }
                for framing in [Framing::Lines, Framing::Documents] {
                    decoder.decode_block(lines.clone(), framing, &mut batch).unwrap();
                    let mut general = Decoder::new(options.with_general_path(true));
                    general.decode_block(lines.clone(), framing, &mut expected).unwrap();
                    assert_eq!(seen(&batch), seen(&expected), "{round}");
                }
            }
        }
    }

    #[test]
    fn what_is_plain_is_learned_and_the_rest_is_not() {
        let mut batch = SpanBatch::new();
        // As a resource, and as a scope.
        let mut learned = |object: &str| {
            [(request(object, "{}"), Owner::Resource), (request("{}", object), Owner::Scope)].map(
                |(body, owner)| {
                    let mut decoder = Decoder::default();
                    for _ in 0..3 {
                        decoder.decode(body.clone(), &mut batch).unwrap();
                    }
                    known(&decoder, owner)
                },
            )
        };
        for object in OBJECTS.iter().filter(|object| !object.contains("name\":")) {
            assert_eq!(learned(object), [1, 1], "{object}");
        }
        assert_eq!(learned(r#"{"name":"n","version":"v"}"#), [0, 1], "a resource has no name");
        for object in [
            // With findings.
            r#"{"attributes":[{"key":""}]}"#,
            r#"{"attributes":[{"key":"a"},{"key":"a"}]}"#,
            r#"{"attributes":[],"attributes":[]}"#,
            r#"{"unknown":1}"#,
            r#"{"entityRefs":[]}"#,
            // With something in the arena, or keys between those of the attributes.
            r#"{"attributes":[{"key":"a\t"}]}"#,
            r#"{"attributes":[{"key":"a","value":{"bytesValue":"AA=="}}]}"#,
            r#"{"attributes":[{"key":"a","value":{"bytesValue":""}}]}"#,
            r#"{"attributes":[{"key":"a","value":{"kvlistValue":{"values":[]}}}]}"#,
            r#"{"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"b"}]}}]}}}]}"#,
        ] {
            assert_eq!(learned(object), [0, 0], "{object}");
        }
        let attribute = |number: usize| format!(r#"{{"key":"k{number}","value":{{"intValue":1}}}}"#);
        for (count, expected) in [(MOST_ROWS, 1), (MOST_ROWS + 1, 0)] {
            let attributes: Vec<_> = (0..count).map(attribute).collect();
            let object = format!(r#"{{"attributes":[{}]}}"#, attributes.join(","));
            assert_eq!(learned(&object), [expected; 2], "{count}");
        }
        let long = |length: usize| {
            let rest = r#"{"attributes":[{"key":"k","value":{"stringValue":""}}]}"#.len();
            let text = "x".repeat(length - rest);
            format!(r#"{{"attributes":[{{"key":"k","value":{{"stringValue":"{text}"}}}}]}}"#)
        };
        assert_eq!((learned(&long(MOST_BYTES)), learned(&long(MOST_BYTES + 1))), ([1; 2], [0; 2]));
    }

    #[test]
    fn keys_that_the_batch_has_from_elsewhere_are_found_where_they_stand() {
        let first = r#"{"attributes":[{"key":"a"},{"key":"b"},{"key":"ab"},{"key":"\"a"}]}"#;
        for (object, learned) in [
            (r#"{"attributes":[{"key":"b","value":{"stringValue":"a"}},{"key":"a"},{"key":"ab"}]}"#, 1),
            (
                r#"{"attributes":[{"value":{"stringValue":"a"},"key":"b"},{"value":{"stringValue":"b"},"key":"a"}]}"#,
                1,
            ),
            (r#"{"attributes":[{"key":"a","value":{"stringValue":"a\"key\":\"b"}},{"key":"b"}]}"#, 0),
            (r#"{"attributes":[{"key":"\"a"}]}"#, 0),
            (r#"{"attributes":[{"key": "a"}]}"#, 0),
        ] {
            let mut decoder = Decoder::default();
            let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
            for _ in 0..2 {
                decoder.decode(request(first, object), &mut batch).unwrap();
            }
            assert_eq!(known(&decoder, Owner::Scope), learned, "{object}");
            // Without the first, and with it at another place.
            for body in [request("{}", object), format!(" {}", request(first, object))] {
                decoder.decode(body.clone(), &mut batch).unwrap();
                let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
                general.decode(body, &mut expected).unwrap();
                assert_eq!(seen(&batch), seen(&expected), "{object}");
            }
        }
    }

    #[test]
    fn a_key_in_the_arena_is_not_taken_for_one_in_the_object() {
        let object =
            r#"{"attributes":[{"key":"a","value":{"intValue":1}},{"key":"b","value":{"intValue":2}}]}"#;
        for length in 0..200 {
            // Each byte that is no UTF-8 takes three of the arena, so that a place there may be one in the object, too.
            let broken = "?".repeat(length);
            let first = format!(
                r#"{{"attributes":[{{"key":"c","value":{{"stringValue":"{broken}"}}}},{{"key":"\u0061"}}]}}"#
            );
            let mut decoder = Decoder::default();
            let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
            for body in [&first, &first, "{}"].map(|first| request(first, object)) {
                let body: Vec<u8> = body.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
                decoder.decode(body.clone(), &mut batch).unwrap();
                let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
                general.decode(body, &mut expected).unwrap();
                assert_eq!(seen(&batch), seen(&expected), "{length}");
            }
            assert_eq!(known(&decoder, Owner::Scope), 1);
        }
    }

    #[test]
    fn the_first_batch_and_the_general_path_learn_nothing() {
        let body = request("{}", "{}");
        let mut batch = SpanBatch::new();
        let mut decoder = Decoder::default();
        let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
        for expected in [0, 1] {
            decoder.decode(body.clone(), &mut batch).unwrap();
            general.decode(body.clone(), &mut batch).unwrap();
            assert_eq!(known(&decoder, Owner::Scope), expected);
            assert_eq!(known(&general, Owner::Scope), 0);
        }
    }

    #[test]
    fn attributes_that_nobody_wants_leave_their_keys() {
        let wanted = Projection { resource_attributes: false, ..Projection::ALL };
        let mut decoder = Decoder::new(DecodeOptions::default().with_projection(wanted));
        let mut batch = SpanBatch::new();
        for _ in 0..4 {
            decoder.decode(request(OBJECTS[4], OBJECTS[5]), &mut batch).unwrap();
            assert_eq!(batch.keys().collect::<Vec<_>>(), ["a", "b", "own"]);
            assert_eq!(batch.attribute_rows().len(), 3);
        }
        assert_eq!((known(&decoder, Owner::Resource), known(&decoder, Owner::Scope)), (0, 1));
    }

    #[test]
    fn a_bound_on_depth_holds_wherever_the_object_stands() {
        let resource = OBJECTS[8];
        let body = request(resource, "{}");
        let deep = format!(r"[{body}]");
        let limits = crate::Limits { depth: 10, ..crate::Limits::default() };
        let mut decoder = Decoder::new(DecodeOptions::default().with_limits(limits));
        let mut batch = SpanBatch::new();
        for _ in 0..3 {
            let results = [&body, &deep].map(|body| {
                let mut fresh =
                    Decoder::new(DecodeOptions::default().with_limits(limits).with_general_path(true));
                let expected = fresh.decode(body.clone(), &mut SpanBatch::new());
                assert_eq!(decoder.decode(body.clone(), &mut batch), expected);
                expected.is_ok()
            });
            assert_eq!(results, [true, false]);
        }
    }

    #[test]
    fn several_writers_are_known_and_one_that_never_comes_again_costs_little() {
        let mut decoder = Decoder::default();
        let mut batch = SpanBatch::new();
        let count = |number: usize| format!(r#"{{"droppedAttributesCount":{number}}}"#);
        decoder.decode(request("{}", "{}"), &mut batch).unwrap();
        for number in (0..WAYS).cycle().take(3 * WAYS) {
            decoder.decode(request(&count(number), "{}"), &mut batch).unwrap();
        }
        let learned = |decoder: &Decoder| {
            let known = &decoder.scratch.recurring.known[Owner::Resource as usize];
            let mut all: Vec<_> = known.iter().map(|it| it.introduction.dropped_attributes_count).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(learned(&decoder), [0, 1, 2, 3]);
        assert_eq!(decoder.scratch.recurring.barren, [0, 0]);
        for number in 100..100 + SELDOM as usize {
            decoder.decode(request(&count(number), "{}"), &mut batch).unwrap();
        }
        // Those that it was patient with, and the one whose turn it was.
        assert_eq!(learned(&decoder), [101, 102, 103, 99 + SELDOM]);
        // One that comes again after them is known the second time that it is learned, at the latest.
        for _ in 0..=SELDOM {
            decoder.decode(request("{}", "{}"), &mut batch).unwrap();
        }
        assert_eq!(decoder.scratch.recurring.barren[0], 0);
    }

    #[test]
    fn what_has_a_line_feed_is_forgotten_before_lines_are_read() {
        let mut decoder = Decoder::default();
        let mut batch = SpanBatch::new();
        let request = |resource: &str| format!(r#"{{"resourceSpans":[{{"resource":{resource}}}]}}"#);
        // The line feed is not in what else is learned: between members, and in attributes.
        let resource = "{\"attributes\":[\n]}";
        for _ in 0..3 {
            decoder.decode(request(resource), &mut batch).unwrap();
        }
        assert_eq!(known(&decoder, Owner::Resource), 1);
        let lines = format!("{}\n{}\n{}\n", request("{}"), request(resource), request("{}"));
        decoder.decode_block(lines, Framing::Lines, &mut batch).unwrap();
        assert_eq!((batch.resources().len(), batch.bad_documents()), (2, 2));
    }
}
