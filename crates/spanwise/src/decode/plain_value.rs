//! Plain JSON where OTLP wants an `AnyValue` (lenient): attributes written as an object, values written as they are.

use super::reader::{Fatal, Reader};
use crate::batch::{AttributeRow, AttributeSource, ByteRange, RawValue};
use crate::diagnostic::{Code, Step};
use crate::json::{RawString, Scalar, number};
use crate::schema::Message;

/// Levels of nesting that an array, and an object, take when they are written as an `AnyValue`. Counting plain ones so
/// keeps what was decoded within the bound when it is written canonically.
const ARRAY_LEVELS: usize = 3;
pub(super) const KVLIST_LEVELS: usize = 4;

impl Reader<'_> {
    /// Reads a value that is no `AnyValue`, with the finding.
    #[cold]
    pub(super) fn plain_value_reported(&mut self) -> Result<RawValue, Fatal> {
        let start = self.cursor.at;
        let value = self.plain_value()?;
        self.report(Code::PlainValue, start, &[])?;
        Ok(value)
    }

    /// Reads the value of a member of attributes that are written as an object: an `AnyValue` if it looks like one.
    pub(super) fn plain_or_any_value(&mut self) -> Result<RawValue, Fatal> {
        if self.peek() == Some(b'{') && self.begins_any_value() {
            self.any_value()
        } else {
            self.plain_value()
        }
    }

    /// Whether the first member of the object here is one of `AnyValue`'s.
    fn begins_any_value(&mut self) -> bool {
        let rest = self.cursor.text.get(self.cursor.at + 1..).unwrap_or_default().trim_ascii_start();
        let Some(rest) = rest.strip_prefix(b"\"") else { return false };
        let name = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
        name.len() <= 32 && Message::AnyValue.field(name).is_some()
    }

    /// Reads any JSON value as what an `AnyValue` could say of it.
    fn plain_value(&mut self) -> Result<RawValue, Fatal> {
        let start = self.cursor.at;
        match self.scalar()? {
            Scalar::Null => Ok(RawValue::Empty),
            Scalar::Bool(value) => Ok(RawValue::Bool(value)),
            Scalar::NonFinite(value) => Ok(RawValue::Double(value)),
            Scalar::String(raw) => Ok(RawValue::String(self.text(raw)?)),
            Scalar::Number(raw) => {
                let written = self.cursor.slice(raw.start, raw.end);
                if raw.integer {
                    if let Some(value) =
                        number::integer(written).ok().and_then(|value| i64::try_from(value).ok())
                    {
                        return Ok(RawValue::Int(value));
                    }
                } else if let Some(value) = number::double(written).filter(|value| value.is_finite()) {
                    return Ok(RawValue::Double(value));
                }
                Ok(RawValue::String(self.json_text(start, self.cursor.at)?))
            }
            Scalar::Container if self.peek() == Some(b'[') => {
                let base = self.scratch.stack.len();
                self.cursor.depth += ARRAY_LEVELS - 1;
                self.elements(|reader, _| {
                    reader.count_item()?;
                    let start = reader.cursor.at;
                    let value = reader.plain_value()?;
                    let range = reader.source(start);
                    let source =
                        AttributeSource { element: range, value: range, ..AttributeSource::default() };
                    reader.push_child(AttributeRow::new(AttributeRow::NO_KEY, value), source);
                    Ok(())
                })?;
                self.cursor.depth -= ARRAY_LEVELS - 1;
                Ok(RawValue::Array(self.take_children(base)))
            }
            Scalar::Container => {
                self.cursor.depth += KVLIST_LEVELS - 1;
                let children = self.plain_kvlist()?;
                self.cursor.depth -= KVLIST_LEVELS - 1;
                Ok(RawValue::KvList(children))
            }
        }
    }

    /// Reads the members of an object whose names are the user's own. `read` is called at each value with the name, the
    /// member's start and the name's source.
    pub(super) fn plain_members(
        &mut self,
        mut read: impl FnMut(&mut Self, RawString, usize, ByteRange) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        self.cursor.open()?;
        self.scratch.path.push(Step::Index(0));
        let mut index = 0;
        while self.cursor.next_item(index == 0, b'}')? {
            self.set_index(index);
            let start = self.cursor.at;
            let name = self.string()?;
            let source = self.source(start);
            self.cursor.colon()?;
            read(self, name, start, source)?;
            index = index.saturating_add(1);
        }
        self.scratch.path.pop();
        Ok(())
    }
}
