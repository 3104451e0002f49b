//! Views of attributes and values, as deep as they are nested.

use std::borrow::Cow;
use std::fmt;

use super::SpanBatch;
use super::iterators::{Attributes, Elements};
use super::rows::{AttributeRow, KeyId, RawValue, Rows};
use super::views::{rows, view};

/// A list of key-values: the attributes of something, or a kvlist.
#[derive(Clone, Copy)]
pub struct AttributesRef<'a> {
    batch: &'a SpanBatch,
    rows: &'a [AttributeRow],
}

impl<'a> AttributesRef<'a> {
    pub(super) fn attributes(batch: &'a SpanBatch, list: Rows) -> Self {
        Self { batch, rows: rows(&batch.attributes, list) }
    }

    /// Number of entries, equal keys counted each.
    pub fn len(self) -> usize {
        self.rows.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(self) -> bool {
        self.rows.is_empty()
    }

    /// The entries, in the order in which they were sent.
    ///
    /// ```
    /// # let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"n","value":{"arrayValue":{"values":[
    /// #     {"intValue":1},{"intValue":2}]}}}]}]}]}]}"#;
    /// let batch = spanwise::decode(&body[..])?;
    /// let attributes = batch.span(0).unwrap().attributes();
    /// let mut sum = 0;
    /// for attribute in &attributes {
    ///     let numbers = attribute.value().as_array().unwrap();
    ///     for number in &numbers {
    ///         sum += number.as_int().unwrap();
    ///     }
    /// }
    /// assert_eq!((sum, attributes.len()), (3, 1));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn iter(self) -> Attributes<'a> {
        Attributes::new(self.batch, self.rows)
    }

    /// The value of `key`, the last of equal keys.
    ///
    /// ```
    /// use spanwise::ValueRef;
    /// # let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"to","value":{"stringValue":"Ada"}},
    /// #     {"key":"n","value":{"intValue":1}}]}]}]}]}"#;
    /// let batch = spanwise::decode(&body[..])?;
    /// let attributes = batch.span(0).unwrap().attributes();
    /// // A number is there when its value is gone; a text is taken out of it.
    /// assert_eq!(attributes.get("n").and_then(|value| value.as_int()), Some(1));
    /// assert_eq!(attributes.get("to").and_then(ValueRef::into_str).as_deref(), Some("Ada"));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        self.get_by_id(self.batch.key_id(key)?)
    }

    /// The same by a key's id, for looking one key up in many lists.
    pub fn get_by_id(self, key: KeyId) -> Option<ValueRef<'a>> {
        self.rows.iter().rev().find(|row| row.key() == Some(key)).map(|row| ValueRef::new(self.batch, row))
    }

    /// The value of the entry at `index`.
    pub(crate) fn value_at(self, index: usize) -> Option<ValueRef<'a>> {
        self.rows.get(index).map(|row| ValueRef::new(self.batch, row))
    }

    /// The rows behind the view.
    pub fn rows(self) -> &'a [AttributeRow] {
        self.rows
    }
}

impl fmt::Debug for AttributesRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|attribute| (attribute.key(), attribute.value()))).finish()
    }
}

view! {
    /// One key with its value.
    AttributeRef of AttributeRow
}

impl<'a> AttributeRef<'a> {
    /// The key.
    pub fn key(self) -> Cow<'a, str> {
        self.row.key().map_or(Cow::Borrowed(""), |id| self.batch.key(id))
    }

    /// The key's id within the batch.
    pub fn key_id(self) -> Option<KeyId> {
        self.row.key()
    }

    /// The value.
    pub fn value(self) -> ValueRef<'a> {
        ValueRef::new(self.batch, self.row)
    }
}

/// An `AnyValue`.
///
/// ```
/// let body = br#"{"resourceSpans":[{"resource":{"attributes":[
///     {"key":"text","value":{"stringValue":"a"}},
///     {"key":"bool","value":{"boolValue":true}},
///     {"key":"int","value":{"intValue":"-7"}},
///     {"key":"double","value":{"doubleValue":0.5}},
///     {"key":"bytes","value":{"bytesValue":"AQI="}},
///     {"key":"array","value":{"arrayValue":{"values":[{"intValue":1},{"boolValue":false}]}}},
///     {"key":"kvlist","value":{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":2}}]}}}]},
///     "scopeSpans":[{"spans":[{}]}]}]}"#;
/// let batch = spanwise::decode(&body[..])?;
/// let attributes = batch.spans().next().unwrap().resource().attributes();
/// let get = |key| attributes.get(key).unwrap();
/// assert_eq!(get("text").as_str(), Some("a"));
/// assert_eq!((get("bool").as_bool(), get("int").as_int(), get("double").as_double()), (Some(true), Some(-7), Some(0.5)));
/// assert_eq!(get("bytes").as_bytes(), Some(&[1, 2][..]));
/// assert_eq!(get("array").as_array().unwrap().get(1).unwrap().as_bool(), Some(false));
/// assert_eq!(get("kvlist").as_kvlist().unwrap().get("k").unwrap().as_double(), Some(2.0));
/// // Nothing is converted.
/// assert_eq!((get("int").as_double(), get("text").as_bytes(), get("array").as_kvlist().is_none()), (None, None, true));
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// No member set: valid, and different from an empty string.
    Empty,
    /// `stringValue`.
    String(Cow<'a, str>),
    /// `boolValue`.
    Bool(bool),
    /// `intValue`.
    Int(i64),
    /// `doubleValue`.
    Double(f64),
    /// `bytesValue`, decoded.
    Bytes(&'a [u8]),
    /// `arrayValue`.
    Array(ArrayRef<'a>),
    /// `kvlistValue`.
    KvList(AttributesRef<'a>),
}

impl<'a> ValueRef<'a> {
    pub(super) fn new(batch: &'a SpanBatch, row: &'a AttributeRow) -> Self {
        Self::from_raw(batch, row.value())
    }

    pub(crate) fn from_raw(batch: &'a SpanBatch, value: RawValue) -> Self {
        match value {
            RawValue::Empty => Self::Empty,
            RawValue::String(text) => Self::String(batch.text(text)),
            RawValue::Bool(value) => Self::Bool(value),
            RawValue::Int(value) => Self::Int(value),
            RawValue::Double(value) => Self::Double(value),
            RawValue::Bytes(bytes) => Self::Bytes(batch.stored_bytes(bytes)),
            RawValue::Array(list) => Self::Array(ArrayRef { batch, rows: rows(&batch.values, list) }),
            RawValue::KvList(list) => Self::KvList(AttributesRef { batch, rows: rows(&batch.values, list) }),
        }
    }

    /// The text of a `stringValue`, for as long as this value is there: where it is not kept in a variable,
    /// [`into_str`](Self::into_str) is what gives its text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a `stringValue`, for as long as the batch lives: borrowed unless escapes were undone.
    ///
    /// ```
    /// # let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[
    /// #     {"key":"gen_ai.prompt","value":{"stringValue":"Hello"}}]}]}]}]}"#;
    /// let batch = spanwise::decode(&body[..])?;
    /// let prompts: Vec<_> = batch
    ///     .spans()
    ///     .filter_map(|span| span.attributes().get("gen_ai.prompt")?.into_str())
    ///     .collect();
    /// assert_eq!(prompts, ["Hello"]);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn into_str(self) -> Option<Cow<'a, str>> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// What a `boolValue` says.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number of an `intValue`.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The number of a `doubleValue`.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes of a `bytesValue`, decoded.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of an `arrayValue`.
    pub fn as_array(&self) -> Option<ArrayRef<'a>> {
        match self {
            Self::Array(elements) => Some(*elements),
            _ => None,
        }
    }

    /// The entries of a `kvlistValue`.
    pub fn as_kvlist(&self) -> Option<AttributesRef<'a>> {
        match self {
            Self::KvList(entries) => Some(*entries),
            _ => None,
        }
    }
}

/// The elements of an `arrayValue`.
#[derive(Clone, Copy)]
pub struct ArrayRef<'a> {
    batch: &'a SpanBatch,
    rows: &'a [AttributeRow],
}

impl<'a> ArrayRef<'a> {
    /// Number of elements.
    pub fn len(self) -> usize {
        self.rows.len()
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.rows.is_empty()
    }

    /// The elements.
    pub fn iter(self) -> Elements<'a> {
        Elements::new(self.batch, self.rows)
    }

    /// The element at `index`.
    pub fn get(self, index: usize) -> Option<ValueRef<'a>> {
        self.rows.get(index).map(|row| ValueRef::new(self.batch, row))
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
