//! Arrays and kvlists below an attribute, read by templates.
//!
//! A list is laid out as any attribute is: `{"key":"tags","value":{"arrayValue":{"values":[` before what is in it, and `]}}}`
//! after. What is in it is read by templates in turn, of attributes or of elements, without a call for each level: a stack
//! holds the lists that are open. What no template fits is not looked at further: all is as before, and the general path
//! reads the whole attribute, and learns.

use super::attributes::Destination;
use super::template::{NONE, Order, Shape, Value};
use super::templated::{Run, Sink};
use super::templates::Templates;
use crate::batch::{AttributeRow, AttributeSource, RawValue, Rows};
use crate::json::Cursor;
use crate::json::scan::{Kernel, Vectorized};
use crate::schema::Message;

/// A list that is open.
#[derive(Debug)]
pub(super) struct Open {
    number: u16,
    key: u32,
    /// Where it begins, with what stands between it and the one before, and where its content does.
    at: usize,
    content: usize,
    /// Rows on the stack that are not in it, and stamps that were taken before.
    base: usize,
    taken: usize,
    /// The list that it stands in.
    outer: Run,
}

/// Where what is below attributes goes.
pub(super) struct Below<'a> {
    pub(super) stack: &'a mut Vec<AttributeRow>,
    pub(super) stack_sources: &'a mut Vec<AttributeSource>,
    pub(super) values: &'a mut Vec<AttributeRow>,
    pub(super) value_sources: &'a mut Vec<AttributeSource>,
    pub(super) lists: &'a mut Vec<Open>,
}

/// What there was before a list was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    stack: usize,
    values: usize,
    stamps: usize,
}

impl Below<'_> {
    #[inline]
    pub(super) fn marks(&self, sink: &Sink<'_>) -> Marks {
        Marks { stack: self.stack.len(), values: self.values.len(), stamps: sink.stamps.len() }
    }

    /// All is as it was at the marks; keys that were met stay, since the general path will meet them in the same order.
    #[cold]
    pub(super) fn take_back(&mut self, marks: Marks, sink: &mut Sink<'_>) {
        self.stack.truncate(marks.stack);
        self.stack_sources.truncate(marks.stack);
        self.values.truncate(marks.values);
        self.value_sources.truncate(marks.values);
        self.lists.clear();
        sink.restore_stamps(marks.stamps);
    }

    /// Moves the rows of a list from the stack, where they are from `base` on, to their table.
    #[inline]
    pub(super) fn take_children(&mut self, base: usize, record: bool) -> Rows {
        let first = self.values.len();
        self.values.extend_from_slice(self.stack.get(base..).unwrap_or_default());
        self.stack.truncate(base);
        if record {
            self.value_sources.extend_from_slice(self.stack_sources.get(base..).unwrap_or_default());
            self.stack_sources.truncate(base);
        }
        Rows::since(first, self.values)
    }
}

/// A list that stands at `rest`, with its template `number`, in a list of attributes with so many containers open round it.
pub(super) struct List<'l, 's, 'r> {
    pub(super) templates: &'l mut Templates,
    pub(super) below: &'l mut Below<'s>,
    pub(super) sink: Sink<'l>,
    pub(super) cursor: &'l Cursor<'r>,
    pub(super) number: u16,
    pub(super) depth: usize,
    /// Attributes and elements that there may be, the list included.
    pub(super) room: usize,
    pub(super) rest: &'r [u8],
}

impl<'r> Vectorized for List<'_, '_, 'r> {
    /// What stands after it, and how many attributes and elements are below it.
    type Output = Option<(&'r [u8], usize)>;

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(mut self, kernel: K) -> Self::Output {
        if !self.templates.is_worth_trying(self.number) {
            return None;
        }
        let marks = self.below.marks(&self.sink);
        let read = self.read(kernel);
        self.templates.note_trial(self.number, read.is_none());
        if let Some((key, value, after, items)) = read
            && self.sink.put(self.templates, self.number, Some(key), value, self.rest)
        {
            return Some((after, items));
        }
        self.below.take_back(marks, &mut self.sink);
        None
    }
}

impl<'r> List<'_, '_, 'r> {
    /// The list's key and value, what stands after it, and how many attributes and elements are below it.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn read<K: Kernel>(&mut self, kernel: K) -> Option<(u32, Value, &'r [u8], usize)> {
        let mut list = Run::new(Message::List, self.depth, self.sink.list, Destination::Attributes);
        let mut number = self.number;
        let mut rest = self.rest;
        let mut items = 0;
        loop {
            // The template stands at `rest`, in `list`.
            let template = self.templates.get(number)?;
            let at = self.sink.text.len() - rest.len();
            if items == self.room {
                return None;
            }
            items += 1;
            if template.shape.is_list() {
                let (shape, head) = (template.shape, template.with_key.len());
                let key = self.key(number, at)?;
                rest = rest.get(head..)?;
                let inner = self.inner(&list, shape)?;
                self.below.lists.push(Open {
                    number,
                    key,
                    at,
                    content: at + head,
                    base: self.below.stack.len(),
                    taken: self.sink.stamps.len(),
                    outer: list,
                });
                list = inner;
            } else {
                let (value, after) = template.read_key_first(kernel, self.cursor, rest)?;
                let key = self.key(number, at)?;
                self.put(&list, number, key, value, at)?;
                rest = after;
                list.advance(number);
            }
            number = loop {
                let guess = self.templates.guess(list.owner, list.place, list.first, list.previous);
                // As for attributes: what is guessed has a comma before it where there must be one, and nowhere else.
                if let Some(template) = self.templates.get(guess)
                    && template.order == list.order()
                    && template.with_key.stands_at(kernel, rest)
                {
                    break guess;
                }
                let open = self.below.lists.last()?;
                let template = self.templates.get(open.number)?;
                if !template.without_key.stands_shortly_at(kernel, rest) {
                    match self.templates.other_below(kernel, &list, rest) {
                        NONE => return None,
                        other => break other,
                    }
                }
                let (shape, tail) = (template.shape, template.without_key.len());
                let content = self.sink.text.len() - rest.len() - open.content;
                rest = rest.get(tail..)?;
                let open = self.below.lists.pop()?;
                self.sink.restore_stamps(open.taken);
                let rows = self.below.take_children(open.base, self.sink.row_sources.is_some());
                let row = AttributeRow::new(
                    open.key,
                    if shape == Shape::Array { RawValue::Array(rows) } else { RawValue::KvList(rows) },
                );
                let value = Value { tag: row.tag, payload: row.payload, content };
                if self.below.lists.is_empty() {
                    return Some((open.key, value, rest, items - 1));
                }
                list = open.outer;
                self.put(&list, open.number, open.key, value, open.at)?;
                list.advance(open.number);
            };
        }
    }

    /// The list that opens in `list`, if that is not too deep.
    #[inline]
    fn inner(&mut self, list: &Run, shape: Shape) -> Option<Run> {
        // `AnyValue`, its list and the bracket before; within an attribute, its own brace, too.
        let depth = list.depth + if list.order() == Order::Alone { 3 } else { 4 };
        // The bracket, and two levels within.
        if depth + 3 > self.cursor.max_depth {
            return None;
        }
        Some(match shape {
            Shape::KvList => Run::new(Message::List, depth, self.sink.keys.next_list(), Destination::Stack),
            _ => Run::of_elements(depth),
        })
    }

    /// The id of the key of the attribute at `at`, of the template `number`.
    #[inline]
    fn key(&mut self, number: u16, at: usize) -> Option<u32> {
        let template = self.templates.get(number)?;
        if template.order == Order::Alone {
            return Some(AttributeRow::NO_KEY);
        }
        if template.generation == self.templates.generation {
            return Some(template.key_id);
        }
        let texts = (self.sink.text, self.sink.made);
        // The key comes first: where it stands does not depend on the content.
        self.templates.intern_anyhow(number, self.sink.keys, texts, at, 0)
    }

    /// Adds a row to `list`. `None` for a duplicate, which is the general path's business.
    #[inline]
    fn put(&mut self, list: &Run, number: u16, key: u32, value: Value, at: usize) -> Option<()> {
        if list.order() != Order::Alone {
            let before = self.sink.keys.stamp(key, list.list);
            if before == list.list {
                return None;
            }
            self.sink.stamps.push((key, before));
        }
        self.below.stack.push(AttributeRow { key, tag: value.tag, payload: value.payload });
        if self.sink.row_sources.is_some() {
            self.below.stack_sources.push(self.templates.get(number)?.source(at, value.content));
        }
        Some(())
    }
}
