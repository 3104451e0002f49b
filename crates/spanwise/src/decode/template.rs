//! One attribute, or element of an array, as a writer lays it out: the bytes that stay the same, and how to read those that do not.

use crate::batch::{AttributeSource, ByteRange, Text, ValueTag};
use crate::json::scan::{self, Kernel};
use crate::json::{Cursor, Literal, Scalar, number};
use crate::schema::{Field, Message};

/// Templates are numbered from one; zero is none.
pub(super) const NONE: u16 = 0;
/// The generation of a template whose key has no id yet; never that of a batch.
pub(super) const NEVER: u32 = u32::MAX;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
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
    /// `arrayValue`.
    Array,
    /// `kvlistValue`.
    KvList,
}

impl Shape {
    pub(super) const COUNT: usize = Self::KvList as usize + 1;

    /// Whether the content is elements, or attributes.
    #[inline]
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Array | Self::KvList)
    }
}

/// In which order key and value are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    KeyFirst,
    ValueFirst,
    /// A value without a key: an element of an array.
    Alone,
}

/// See the module's head. 256 bytes, so that a number is an address by a shift; what is compared first stands where a
/// vector does not reach over the end of a cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Template {
    /// The part with the key. From the end of the attribute before to the first byte of the value's content; or, where the
    /// value comes first, from the end of the content to the end of the attribute. Of a list, the content is what stands
    /// between its brackets, to the end of the last element.
    pub(super) with_key: Literal<5>,
    /// The other part.
    pub(super) without_key: Literal<2>,
    pub(super) shape: Shape,
    pub(super) order: Order,
    /// Whether the attribute begins with the comma after another.
    pub(super) separated: bool,
    /// Where the attribute's `{` and the value's `{` stand in the head.
    pub(super) element: u8,
    pub(super) value: u8,
    /// Where in the tail the value's `}` ends.
    pub(super) value_end: u8,
    /// Where the key's quote and the key's end stand in the part with the key.
    pub(super) key: u8,
    pub(super) key_end: u8,
    /// What followed the last time, in any list.
    pub(super) next: u16,
    /// The same attribute laid out otherwise: with its members in the other order, say.
    pub(super) sibling: u16,
    /// How often in a row what is in the list could not be read by templates.
    pub(super) failures: u8,
    /// The key's id, if `generation` is that of the batch.
    pub(super) key_id: u32,
    pub(super) generation: u32,
    pub(super) key_hash: u64,
}

/// What was read by a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) tag: ValueTag,
    pub(super) payload: u64,
    /// Length of the content.
    pub(super) content: usize,
}

const _: () = assert!(size_of::<Template>() == 256);

impl Template {
    /// Bytes of an attribute with a short string, at most: what stands before it, 32 to look for its end in, what stands after it.
    pub(super) const WINDOW: usize = Literal::<5>::LONGEST + 32 + Literal::<2>::LONGEST;

    /// The key, as it is written; nothing where there is none.
    pub(super) fn name(&self) -> &[u8] {
        let quoted = usize::from(self.key) + 1..usize::from(self.key_end).saturating_sub(1);
        self.with_key.text().get(quoted).unwrap_or_default()
    }

    /// Whether what stands before the content of the value stands at `rest`.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn begins<K: Kernel>(&self, kernel: K, rest: &[u8]) -> bool {
        if self.order == Order::ValueFirst {
            return self.without_key.stands_at(kernel, rest);
        }
        self.with_key.stands_at(kernel, rest)
    }

    /// Whether what stands after the content of the value stands at `rest`.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn ends<K: Kernel>(&self, kernel: K, rest: &[u8]) -> bool {
        if self.order == Order::ValueFirst {
            return self.with_key.stands_at(kernel, rest);
        }
        self.without_key.stands_at(kernel, rest)
    }

    /// Lengths of what stands before the content and after it.
    #[inline]
    fn lengths(&self) -> (usize, usize) {
        if self.order == Order::ValueFirst {
            return (self.without_key.len(), self.with_key.len());
        }
        (self.with_key.len(), self.without_key.len())
    }

    /// [`Self::read_key_first`] of a short plain string, as most values are, in the window with which `rest` begins. `None` where
    /// it is another.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn read_short_string<'t, K: Kernel>(
        &self,
        kernel: K,
        text: &'t [u8],
        rest: &'t [u8],
        window: &'t [u8; Self::WINDOW],
    ) -> Option<(Value, &'t [u8])> {
        if self.shape != Shape::String {
            return None;
        }
        // It is no more, which the compiler cannot know: what follows is within the window.
        let head = self.with_key.len().min(Literal::<5>::LONGEST);
        let window = window.get(head..)?.first_chunk::<96>()?;
        let length = scan::short_plain(kernel, window)?;
        let tail = self.without_key.len();
        let behind = window.get(length..)?;
        let ends = if tail <= 8 {
            self.without_key.is_word_at(kernel, *behind.first_chunk()?)
        } else {
            kernel.begin_alike_64(self.without_key.block(), behind.first_chunk()?, tail)
        };
        if !ends {
            return None;
        }
        let start = text.len() - rest.len() + head;
        let payload = Text::input(start, start + length, false).bits();
        Some((Value { tag: ValueTag::String, payload, content: length }, rest.get(head + length + tail..)?))
    }

    /// [`Self::read`] where the value comes last.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn read_key_first<'t, K: Kernel>(
        &self,
        kernel: K,
        cursor: &Cursor<'t>,
        rest: &'t [u8],
    ) -> Option<(Value, &'t [u8])> {
        let content = rest.get(self.with_key.len()..)?;
        let value = read_content(kernel, cursor, self.shape, content)?;
        let tail = content.get(value.content..)?;
        if !self.without_key.stands_shortly_at(kernel, tail) {
            return None;
        }
        Some((value, tail.get(self.without_key.len()..)?))
    }

    /// Reads the value of the attribute at `rest`, the end of the input, which begins as the template does; and what stands
    /// after it. `None` where it does not end so, and where the value is a list.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn read<'t, K: Kernel>(
        &self,
        kernel: K,
        cursor: &Cursor<'t>,
        rest: &'t [u8],
    ) -> Option<(Value, &'t [u8])> {
        let (before, after) = self.lengths();
        let content = rest.get(before..)?;
        let value = read_content(kernel, cursor, self.shape, content)?;
        let tail = content.get(value.content..)?;
        if !self.ends(kernel, tail) {
            return None;
        }
        Some((value, tail.get(after..)?))
    }

    /// Where the key stands in an attribute at `at`, quotes included.
    fn key_token(&self, at: usize, content: usize) -> (usize, usize) {
        let base = if self.order == Order::ValueFirst { at + self.lengths().0 + content } else { at };
        (base + usize::from(self.key), base + usize::from(self.key_end))
    }

    /// The text of the key of an attribute at `at`, with a value whose content is so long.
    #[inline]
    pub(super) fn key_text(&self, at: usize, content: usize) -> Text {
        let (start, end) = self.key_token(at, content);
        Text::input(start + 1, end - 1, false)
    }

    /// Where the parts of the attribute at `at` stand, with a value whose content is so long.
    #[inline(never)]
    pub(super) fn source(&self, at: usize, content: usize) -> AttributeSource {
        let (key, key_end) = self.key_token(at, content);
        let (before, after) = self.lengths();
        let content_end = at + before + content;
        let has_key = self.order != Order::Alone;
        AttributeSource {
            element: ByteRange::new(at + usize::from(self.element), content_end + after),
            key: if has_key { ByteRange::new(key, key_end) } else { ByteRange::default() },
            value: ByteRange::new(at + usize::from(self.value), content_end + usize::from(self.value_end)),
        }
    }

    /// Whether all constant bytes of both are the same.
    pub(super) fn is_laid_out_as(&self, other: &Self) -> bool {
        self.with_key.text() == other.with_key.text() && self.without_key.text() == other.without_key.text()
    }

    /// Whether both are the same key in the same place with a value of the same kind.
    pub(super) fn is_akin(&self, other: &Self) -> bool {
        self.shape == other.shape && self.separated == other.separated && self.name() == other.name()
    }

    /// Whether `written`, which the general path has read, is an attribute or element of this template.
    pub(super) fn is_of(&self, written: &[u8], order: Order) -> bool {
        if self.order != order || order == Order::ValueFirst {
            return false;
        }
        let content = written.strip_prefix(self.with_key.text());
        let content = content.and_then(|content| content.strip_suffix(self.without_key.text()));
        // What stands before a number or a word may be followed by a quote or by white space, which belong to another.
        content.is_some_and(|content| match (self.shape, content) {
            (Shape::Int | Shape::Double | Shape::Bool, [first, .., last]) => {
                (first.is_ascii_alphanumeric() || *first == b'-') && last.is_ascii_alphanumeric()
            }
            _ => true,
        })
    }

    /// Whether a line feed is in what is compared.
    pub(super) fn has_feed(&self) -> bool {
        [self.with_key.text(), self.without_key.text()]
            .iter()
            .any(|text| memchr::memchr(b'\n', text).is_some())
    }
}

/// Reads a member's name and colon.
fn name<'t>(cursor: &mut Cursor<'t>) -> Option<&'t [u8]> {
    cursor.white();
    let raw = cursor.string().ok()?;
    cursor.colon().ok()?;
    Some(cursor.slice(raw.start, raw.end))
}

/// Reads a key that is learned: not empty, without escapes. Its first quote and its end.
fn key(cursor: &mut Cursor<'_>) -> Option<(usize, usize)> {
    let start = cursor.at;
    let raw = cursor.string().ok()?;
    (!raw.escaped && raw.start < raw.end).then_some((start, cursor.at))
}

/// Where the general path has read an attribute, or an element of an array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// The end of the one before, or what is after the list's bracket.
    pub(super) gap: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) order: Order,
    /// Bracket, and end of the last element, of the list that was read last: the value, if that is a list.
    pub(super) list: (usize, usize),
}

/// Takes an attribute, or an element, apart that the general path has read. `None` where it is not simple: other members, an
/// escaped key, a value that is no scalar and no list. `written.order` tells elements; of attributes, what stands there does.
#[cold]
pub(super) fn parse(text: &[u8], written: Written) -> Option<Template> {
    let Written { gap, start, end, .. } = written;
    let mut cursor = Cursor::over(text.get(..end)?, start, false);
    let is = |name: &[u8], field: Field| name == field.name().as_bytes();
    let mut order = written.order;
    let mut key_token = (gap, gap);
    if order != Order::Alone {
        cursor.open().ok()?;
        let first = name(&mut cursor)?;
        order = if is(first, Field::Value) { Order::ValueFirst } else { Order::KeyFirst };
        if order == Order::KeyFirst {
            is(first, Field::Key).then_some(())?;
            key_token = key(&mut cursor)?;
            cursor.next_item(false, b'}').ok()?.then_some(())?;
            is(name(&mut cursor)?, Field::Value).then_some(())?;
        }
    }
    let value = cursor.at;
    let Content { shape, start: content, end: content_end } = content(&mut cursor, written.list)?;
    let value_end = cursor.at;
    if order == Order::ValueFirst {
        // What follows a list's bracket is an element: nothing to compare before it is known which attribute this is.
        (!shape.is_list()).then_some(())?;
        cursor.next_item(false, b'}').ok()?.then_some(())?;
        is(name(&mut cursor)?, Field::Key).then_some(())?;
        key_token = key(&mut cursor)?;
    }
    if order != Order::Alone {
        (!cursor.next_item(false, b'}').ok()?).then_some(())?;
    }
    (cursor.at == end).then_some(())?;
    let (head, tail) = (text.get(gap..content)?, text.get(content_end..end)?);
    let (with_key, without_key, base) =
        if order == Order::ValueFirst { (tail, head, content_end) } else { (head, tail, gap) };
    let offset = |from: usize, at: usize| u8::try_from(at - from).ok();
    Some(Template {
        with_key: Literal::new(with_key)?,
        without_key: Literal::new(without_key)?,
        shape,
        order,
        separated: text.get(gap..start)?.contains(&b','),
        element: offset(gap, start)?,
        value: offset(gap, value)?,
        value_end: offset(content_end, value_end)?,
        key: offset(base, key_token.0)?,
        key_end: offset(base, key_token.1)?,
        key_id: 0,
        generation: NEVER,
        key_hash: 0,
        next: NONE,
        sibling: NONE,
        failures: 0,
    })
}

/// What stands between the quotes or brackets of a value, or is the value.
struct Content {
    shape: Shape,
    start: usize,
    end: usize,
}

/// Reads an `AnyValue` with one member.
fn content(cursor: &mut Cursor<'_>, list: (usize, usize)) -> Option<Content> {
    (cursor.peek()? == b'{').then_some(())?;
    cursor.open().ok()?;
    let variant = Message::AnyValue.field(name(cursor)?)?;
    let mut start = cursor.at;
    let scalar = cursor.scalar().ok()?;
    let mut end = cursor.at;
    let shape = match (variant, scalar) {
        (Field::StringValue, Scalar::String(_)) => Shape::String,
        (Field::IntValue, Scalar::String(_)) => Shape::QuotedInt,
        (Field::IntValue, Scalar::Number(_)) => Shape::Int,
        (Field::DoubleValue, Scalar::Number(_)) => Shape::Double,
        (Field::BoolValue, Scalar::Bool(_)) => Shape::Bool,
        (Field::ArrayValue, Scalar::Container) => Shape::Array,
        (Field::KvlistValue, Scalar::Container) => Shape::KvList,
        _ => return None,
    };
    if let Scalar::String(raw) = scalar {
        (start, end) = (raw.start, raw.end);
    }
    if shape.is_list() {
        (cursor.peek()? == b'{').then_some(())?;
        cursor.open().ok()?;
        (name(cursor)? == Field::Values.name().as_bytes()).then_some(())?;
        (cursor.peek()? == b'[' && cursor.at == list.0).then_some(())?;
        cursor.open().ok()?;
        (start, end) = (cursor.at, list.1);
        cursor.at = end;
        (!cursor.next_item(start == end, b']').ok()?).then_some(())?;
        (!cursor.next_item(false, b'}').ok()?).then_some(())?;
    }
    (!cursor.next_item(false, b'}').ok()?).then_some(())?;
    Some(Content { shape, start, end })
}

/// Reads a value's content, with which `rest` begins, the end of the input. `None` where anything is out of the ordinary.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
pub(super) fn read_content<K: Kernel>(
    kernel: K,
    cursor: &Cursor<'_>,
    shape: Shape,
    rest: &[u8],
) -> Option<Value> {
    let (tag, payload, content) = match shape {
        Shape::String => {
            let start = cursor.text.len() - rest.len();
            let (length, escaped) = cursor.clean_string_by(kernel, rest, start)?;
            (ValueTag::String, Text::input(start, start + length, escaped).bits(), length)
        }
        Shape::QuotedInt | Shape::Int => {
            let (value, length) = number::short_integer(rest)?;
            (ValueTag::Int, value.cast_unsigned(), length)
        }
        Shape::Double => {
            let (value, length) = match number::short_double(rest) {
                Some(read) => read,
                None => read_double(rest)?,
            };
            (ValueTag::Double, value.to_bits(), length)
        }
        Shape::Bool => match rest {
            [b't', b'r', b'u', b'e', ..] => (ValueTag::Bool, 1, 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (ValueTag::Bool, 0, 5),
            _ => return None,
        },
        Shape::Array | Shape::KvList => return None,
    };
    Some(Value { tag, payload, content })
}

#[inline(never)]
fn read_double(rest: &[u8]) -> Option<(f64, usize)> {
    let raw = Cursor::over(rest, 0, false).number().ok()?;
    let value = number::double(rest.get(..raw.end)?).filter(|value| value.is_finite())?;
    Some((value, raw.end))
}
