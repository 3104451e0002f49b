//! Lists of `KeyValue`: attributes, and the children of a kvlist.

use super::nested::Below;
use super::reader::{Fatal, Reader, Scratch};
use super::template::NONE;
use super::templated::Run;
use super::templates::OTHER;
use crate::batch::{AttributeRow, AttributeSource, ByteRange, RawValue, Rows, SpanBatch, Text, TextKind};
use crate::diagnostic::{Code, Effect, Step};
use crate::json::{RawString, Scalar, escape};
use crate::schema::{Field, Message};

/// Where the rows of a list go while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// Straight to `attributes`: no other such list can be open.
    Attributes,
    /// On the stack: lists within lists must each lie together in `values`.
    Stack,
}

impl Reader<'_> {
    /// Reads the attributes of a resource, scope, span, event or link.
    pub(super) fn attributes(&mut self, field: Field, owner: Message) -> Result<Rows, Fatal> {
        let (first, values) = (self.batch.attributes.len(), self.batch.values.len());
        if self.options.projection.keeps_attributes_of(owner) {
            self.key_values(field, owner, Destination::Attributes)?;
        } else {
            self.unwanted(owner, |reader| reader.key_values(field, owner, Destination::Attributes))?;
        }
        Ok(self.wanted_attributes(owner, first, values))
    }

    /// The rest of a span's attributes, of which templates have read `count`.
    pub(super) fn rest_of_span_attributes(&mut self, run: Run, count: u32) -> Result<Rows, Fatal> {
        let (first, values) = (self.batch.attributes.len() - count as usize, self.values_before);
        if self.options.projection.span_attributes {
            self.rest_of_list(Field::Attributes, run, count)?;
        } else {
            self.quietly(self.items_before, |reader| {
                reader.rest_of_list(Field::Attributes, run, count).map(drop)
            })?;
        }
        Ok(self.wanted_attributes(Message::Span, first, values))
    }

    /// The attributes from `first` on, with their children from `values` on; they are dropped where they are not wanted.
    #[inline]
    pub(super) fn wanted_attributes(&mut self, owner: Message, first: usize, values: usize) -> Rows {
        if !self.options.projection.keeps_attributes_of(owner) {
            self.batch.attributes.truncate(first);
            self.batch.values.truncate(values);
        }
        Rows::since(first, &self.batch.attributes)
    }

    /// The array of key-values that stands here, by templates where they match.
    fn key_value_list(&mut self, field: Field, mut run: Run) -> Result<(), Fatal> {
        let bracket = self.cursor.at;
        self.cursor.open()?;
        let (count, closing) = self.templated_attributes(&mut run);
        if let Some(closing) = closing {
            self.last_list = (bracket, self.cursor.at);
            self.cursor.at = closing;
            self.cursor.close();
            return Ok(());
        }
        let last = self.rest_of_list(field, run, count)?;
        self.last_list = (bracket, last);
        Ok(())
    }

    /// What is left of an array of key-values of which templates have read the first `index`. Returns where the last one
    /// ends.
    fn rest_of_list(&mut self, field: Field, mut run: Run, mut index: u32) -> Result<usize, Fatal> {
        self.scratch.path.push(Step::Field(field));
        self.scratch.path.push(Step::Index(0));
        let last = loop {
            let gap = self.cursor.at;
            // What is wrong after an element is told of that element.
            self.set_index(index.saturating_sub(1));
            if !self.cursor.next_item(index == 0, b']')? {
                break gap;
            }
            self.set_index(index);
            let start = self.cursor.at;
            if self.peek() == Some(b'{') {
                let findings = self.findings();
                let (row, source) = self.key_value(run.list, run.into)?;
                self.put(row, source, run.into);
                if self.findings() == findings {
                    self.learn_attribute(&mut run, gap, start);
                }
            } else {
                self.no_message(field)?;
            }
            if run.previous == NONE {
                // It could not be learned, and is there all the same.
                run.advance(OTHER);
            }
            index = index.saturating_add(1);
            index = index.saturating_add(self.templated_attributes(&mut run).0);
        };
        self.scratch.path.truncate(self.scratch.path.len() - 2);
        Ok(last)
    }

    /// Reads the `values` of a kvlist.
    pub(super) fn kvlist_values(&mut self, field: Field) -> Result<Rows, Fatal> {
        let base = self.scratch.stack.len();
        self.key_values(field, Message::List, Destination::Stack)?;
        Ok(self.take_children(base))
    }

    /// Moves the children on the stack, from `base` on, to their table.
    pub(super) fn take_children(&mut self, base: usize) -> Rows {
        let Self { batch, scratch, record, cursor, .. } = self;
        let Scratch { stack, stack_sources, lists, .. } = &mut **scratch;
        // Templates may read the list the next time, and a warm decode must not allocate: fewer lists are open than containers.
        lists.reserve(cursor.depth);
        let SpanBatch { values, sources, .. } = &mut **batch;
        let value_sources = &mut sources.values;
        Below { stack, stack_sources, values, value_sources, lists }.take_children(base, *record)
    }

    fn key_values(&mut self, field: Field, owner: Message, into: Destination) -> Result<(), Fatal> {
        let list = self.batch.keys.next_list();
        let taken = self.scratch.stamps.len();
        let start = self.cursor.at;
        match self.peek() {
            Some(b'[') => self.key_value_list(field, Run::new(owner, self.cursor.depth, list, into))?,
            Some(b'{') => {
                self.report(Code::AttributesAsMap, start, &[field])?;
                self.scratch.path.push(Step::Field(field));
                self.cursor.depth += 1;
                self.plain_members(|reader, key, row_start, key_source| {
                    let (row, source) = reader.plain_key_value(list, into, key, row_start, key_source)?;
                    reader.put(row, source, into);
                    Ok(())
                })?;
                self.cursor.depth -= 1;
                self.scratch.path.pop();
            }
            _ if self.null()? => {}
            _ => self.mismatch(&[field])?,
        }
        self.restore_stamps(taken);
        Ok(())
    }

    #[inline]
    fn put(&mut self, row: AttributeRow, source: AttributeSource, into: Destination) {
        match into {
            Destination::Attributes => {
                self.batch.attributes.push(row);
                if self.record {
                    self.batch.sources.attributes.push(source);
                }
            }
            Destination::Stack => self.push_child(row, source),
        }
    }

    /// Adds a child to the array or kvlist that is being read.
    #[inline]
    pub(super) fn push_child(&mut self, row: AttributeRow, source: AttributeSource) {
        self.scratch.stack.push(row);
        if self.record {
            self.scratch.stack_sources.push(source);
        }
    }

    /// Reads the `KeyValue` that stands here.
    #[inline]
    fn key_value(&mut self, list: u32, into: Destination) -> Result<(AttributeRow, AttributeSource), Fatal> {
        self.count_item()?;
        let start = self.cursor.at;
        let mut key = None;
        let mut key_start = start;
        let mut string_index = false;
        let mut value = RawValue::Empty;
        let mut source = AttributeSource::default();
        let mut members = self.open(Message::KeyValue)?;
        while let Some(field) = self.next_member(&mut members)? {
            let member_start = self.cursor.at;
            match field {
                Field::Key => {
                    key_start = member_start;
                    key = self.key()?;
                    source.key = self.source(member_start);
                }
                Field::Value => {
                    self.scratch.path.push(Step::Field(field));
                    value = self.any_value()?;
                    self.scratch.path.pop();
                    source.value = self.source(member_start);
                }
                Field::KeyStrindex => string_index |= self.string_index(field)?,
                _ => self.skip_to_residue()?,
            }
        }
        let key = if let Some(key) = key {
            key
        } else {
            // common.proto: a string index in a trace is not fatal; treat it as absent.
            let effect =
                if string_index { Effect::Warn } else { Code::AttributeKeyEmpty.effect(self.strict) };
            self.report_as(effect, Code::AttributeKeyEmpty, key_start, &[Field::Key])?;
            self.intern_empty(start)?
        };
        // An absent key is an empty one (ProtoJSON), and a list may have one of those, too.
        self.check_duplicate(key, list, into, key_start)?;
        source.element = self.source(start);
        Ok((AttributeRow::new(key, value), source))
    }

    /// Reads a reference to a string table. Returns whether there was one.
    pub(super) fn string_index(&mut self, field: Field) -> Result<bool, Fatal> {
        let start = self.cursor.at;
        if self.null()? {
            return Ok(false);
        }
        self.integer_field::<i32>(field)?;
        self.leave_out(start);
        self.report(Code::StringIndex, start, &[field])?;
        Ok(true)
    }

    /// Reads `key`; `None` for an empty one.
    #[inline]
    fn key(&mut self) -> Result<Option<u32>, Fatal> {
        if self.peek() == Some(b'"') {
            let raw = self.string()?;
            return if raw.start == raw.end { Ok(None) } else { self.intern(raw).map(Some) };
        }
        let start = self.cursor.at;
        match self.scalar()? {
            Scalar::Null => return Ok(None),
            Scalar::Container => self.skip()?,
            _ => {}
        }
        self.report(Code::TypeMismatch, start, &[Field::Key])?;
        let from = self.batch.made.len();
        escape::push_lossy(self.cursor.slice(start, self.cursor.at), &mut self.batch.made);
        self.intern_made(from, start).map(Some)
    }

    /// The id of the key that `raw` spells.
    #[inline]
    pub(super) fn intern(&mut self, raw: RawString) -> Result<u32, Fatal> {
        if raw.escaped || raw.broken {
            let from = self.batch.made.len();
            escape::unescape_into(self.cursor.slice(raw.start, raw.end), &mut self.batch.made);
            return self.intern_made(from, raw.start);
        }
        let input = self.cursor.text;
        let SpanBatch { keys, made, .. } = &mut *self.batch;
        let name = self.cursor.slice(raw.start, raw.end);
        keys.intern(name, |text| text.raw(input, made), || Some(Text::input(raw.start, raw.end, false)))
            .ok_or_else(|| Fatal::new(Code::ArenaSize, raw.start))
    }

    /// The id of the key that was appended to the arena since `from`; if it is known, the arena is as it was before.
    fn intern_made(&mut self, from: usize, offset: usize) -> Result<u32, Fatal> {
        let input = self.cursor.text;
        let SpanBatch { keys, made, .. } = &mut *self.batch;
        let known = keys.len();
        let name = made.get(from..).unwrap_or_default();
        let text = || Text::new(TextKind::Made, from, made.len());
        let id = keys
            .intern(name, |text| text.raw(input, made), text)
            .ok_or_else(|| Fatal::new(Code::ArenaSize, offset))?;
        if keys.len() == known {
            made.truncate(from);
        }
        Ok(id)
    }

    pub(super) fn intern_empty(&mut self, offset: usize) -> Result<u32, Fatal> {
        self.intern_made(self.batch.made.len(), offset)
    }

    /// Reports a key that the list has already.
    #[inline]
    fn check_duplicate(
        &mut self,
        key: u32,
        list: u32,
        into: Destination,
        offset: usize,
    ) -> Result<(), Fatal> {
        let before = self.batch.keys.stamp(key, list);
        if before == list {
            return self.report(Code::AttributeKeyDuplicate, offset, &[Field::Key]);
        }
        if into == Destination::Stack {
            self.scratch.stamps.push((key, before));
        }
        Ok(())
    }

    /// One member of attributes that are written as a plain object.
    fn plain_key_value(
        &mut self,
        list: u32,
        into: Destination,
        key: RawString,
        start: usize,
        key_source: ByteRange,
    ) -> Result<(AttributeRow, AttributeSource), Fatal> {
        self.count_item()?;
        let value_start = self.cursor.at;
        let key = if key.start == key.end {
            self.report(Code::AttributeKeyEmpty, start, &[Field::Key])?;
            self.intern_empty(start)?
        } else {
            self.intern(key)?
        };
        self.check_duplicate(key, list, into, start)?;
        let value = self.plain_or_any_value()?;
        let source =
            AttributeSource { element: self.source(start), key: key_source, value: self.source(value_start) };
        Ok((AttributeRow::new(key, value), source))
    }

    /// Reads the children of a kvlist that is written as a plain object.
    pub(super) fn plain_kvlist(&mut self) -> Result<Rows, Fatal> {
        let list = self.batch.keys.next_list();
        let taken = self.scratch.stamps.len();
        let base = self.scratch.stack.len();
        self.plain_members(|reader, key, start, key_source| {
            let (row, source) = reader.plain_key_value(list, Destination::Stack, key, start, key_source)?;
            reader.push_child(row, source);
            Ok(())
        })?;
        self.restore_stamps(taken);
        Ok(self.take_children(base))
    }

    /// Gives the stamps that an inner list took back to the outer one.
    fn restore_stamps(&mut self, taken: usize) {
        self.batch.keys.restore_stamps(&mut self.scratch.stamps, taken);
    }
}
