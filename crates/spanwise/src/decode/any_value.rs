//! `AnyValue` and its arrays and kvlists.
//!
//! Recursion follows the nesting of the input, which the cursor bounds.

use super::reader::{Fatal, Reader};
use super::scalar::code_of;
use super::templated::Run;
use crate::batch::{AttributeRow, AttributeSource, RawValue, Rows};
use crate::diagnostic::{Code, Step};
use crate::json::{Scalar, number};
use crate::schema::{Field, Message};

impl Reader<'_> {
    /// Reads the `AnyValue` that stands here.
    #[inline]
    pub(super) fn any_value(&mut self) -> Result<RawValue, Fatal> {
        if self.peek() != Some(b'{') {
            return if self.null()? { Ok(RawValue::Empty) } else { self.plain_value_reported() };
        }
        let mut value = RawValue::Empty;
        let mut set: Option<Field> = None;
        let mut members = self.open(Message::AnyValue)?;
        while let Some(field) = self.next_member(&mut members)? {
            let start = self.cursor.at;
            if field == Field::StringValueStrindex {
                self.string_index(field)?;
                continue;
            }
            // ProtoJSON: null leaves the oneof as it is.
            if self.null()? {
                continue;
            }
            if let Some(earlier) = set
                && earlier != field
            {
                members.duplicates = true;
                self.report(Code::OneofDuplicate, start, &[field])?;
            }
            set = Some(field);
            value = self.any_value_member(field)?;
        }
        Ok(value)
    }

    #[inline]
    fn any_value_member(&mut self, field: Field) -> Result<RawValue, Fatal> {
        match field {
            Field::StringValue => Ok(RawValue::String(self.string_field(field)?)),
            Field::IntValue => self.int_value(),
            Field::BoolValue => self.bool_value(),
            Field::DoubleValue => self.double_value(),
            Field::ArrayValue => self.container(field, Self::array_values, RawValue::Array),
            Field::KvlistValue => self.container(field, Self::kvlist_values, RawValue::KvList),
            Field::BytesValue => self.bytes_value(),
            _ => {
                self.skip_to_residue()?;
                Ok(RawValue::Empty)
            }
        }
    }

    /// The value that stands in `start..` as text: of a string its content, else its JSON text.
    fn as_text(&mut self, scalar: Scalar, start: usize) -> Result<RawValue, Fatal> {
        let text = match scalar {
            Scalar::String(raw) => self.text(raw)?,
            _ => self.json_text(start, self.cursor.at)?,
        };
        Ok(RawValue::String(text))
    }

    fn int_value(&mut self) -> Result<RawValue, Fatal> {
        const FIELD: Field = Field::IntValue;
        let start = self.cursor.at;
        let scalar = self.scalar()?;
        let (read, double) = match scalar {
            Scalar::Number(raw) => {
                let written = self.cursor.slice(raw.start, raw.end);
                (number::integer(written), number::double(written))
            }
            Scalar::String(raw) => self.with_content(raw, |content| {
                let read = number::integer(content);
                (read, if read.is_err() { number::double(content) } else { None })
            }),
            Scalar::Container => {
                if let Some(bits) = self.long_object()? {
                    self.report(Code::LongObject, start, &[FIELD])?;
                    return Ok(RawValue::Int(bits.cast_signed()));
                }
                self.report(Code::TypeMismatch, start, &[FIELD])?;
                return self.as_text(scalar, start);
            }
            Scalar::NonFinite(value) => {
                self.report(Code::IntFormat, start, &[FIELD])?;
                return Ok(RawValue::Double(value));
            }
            Scalar::Bool(_) | Scalar::Null => {
                self.report(Code::TypeMismatch, start, &[FIELD])?;
                return self.as_text(scalar, start);
            }
        };
        let code = match read.map(i64::try_from) {
            Ok(Ok(value)) => return Ok(RawValue::Int(value)),
            Ok(Err(_)) => Code::IntRange,
            Err(fault) => code_of(fault),
        };
        self.report(code, start, &[FIELD])?;
        match double {
            Some(value) if code == Code::IntFraction && value.is_finite() => Ok(RawValue::Double(value)),
            _ => self.as_text(scalar, start),
        }
    }

    fn bool_value(&mut self) -> Result<RawValue, Fatal> {
        let start = self.cursor.at;
        let scalar = self.scalar()?;
        let converted = match scalar {
            Scalar::Bool(value) => return Ok(RawValue::Bool(value)),
            Scalar::String(raw) => self.with_content(raw, |content| match content {
                b"true" => Some(true),
                b"false" => Some(false),
                _ => None,
            }),
            Scalar::Container => {
                self.skip()?;
                None
            }
            _ => None,
        };
        self.report(Code::BoolFormat, start, &[Field::BoolValue])?;
        match converted {
            Some(value) => Ok(RawValue::Bool(value)),
            None => self.as_text(scalar, start),
        }
    }

    fn double_value(&mut self) -> Result<RawValue, Fatal> {
        let start = self.cursor.at;
        let scalar = self.scalar()?;
        let read = match scalar {
            Scalar::Number(raw) => {
                number::double(self.cursor.slice(raw.start, raw.end)).filter(|it| it.is_finite())
            }
            Scalar::NonFinite(value) => return Ok(RawValue::Double(value)),
            Scalar::String(raw) => self.with_content(raw, |content| match content {
                b"NaN" => Some(f64::NAN),
                b"Infinity" => Some(f64::INFINITY),
                b"-Infinity" => Some(f64::NEG_INFINITY),
                _ => number::double(content).filter(|value| value.is_finite()),
            }),
            Scalar::Container => {
                self.skip()?;
                None
            }
            Scalar::Bool(_) | Scalar::Null => None,
        };
        if let Some(value) = read {
            return Ok(RawValue::Double(value));
        }
        let is_number = match scalar {
            Scalar::Number(_) => true,
            Scalar::String(raw) => self.with_content(raw, number::is_decimal),
            _ => false,
        };
        let code = if is_number { Code::DoubleRange } else { Code::DoubleFormat };
        self.report(code, start, &[Field::DoubleValue])?;
        self.as_text(scalar, start)
    }

    /// Reads an `ArrayValue` or a `KeyValueList`, both of which have `values` alone.
    fn container(
        &mut self,
        field: Field,
        read: fn(&mut Self, Field) -> Result<Rows, Fatal>,
        value: fn(Rows) -> RawValue,
    ) -> Result<RawValue, Fatal> {
        let start = self.cursor.at;
        if self.peek() != Some(b'{') {
            self.skip()?;
            self.report(Code::TypeMismatch, start, &[field])?;
            return Ok(RawValue::String(self.json_text(start, self.cursor.at)?));
        }
        self.scratch.path.push(Step::Field(field));
        let mut children = Rows::default();
        let mut members = self.open(Message::List)?;
        while let Some(values) = self.next_member(&mut members)? {
            children = read(self, values)?;
        }
        self.scratch.path.pop();
        Ok(value(children))
    }

    fn array_values(&mut self, field: Field) -> Result<Rows, Fatal> {
        if self.peek() != Some(b'[') {
            if !self.null()? {
                self.mismatch(&[field])?;
            }
            return Ok(Rows::default());
        }
        let base = self.scratch.stack.len();
        let mut run = Run::of_elements(self.cursor.depth);
        self.scratch.path.push(Step::Field(field));
        self.elements(|reader, gap| reader.element(gap, &mut run))?;
        self.scratch.path.pop();
        Ok(self.take_children(base))
    }

    /// Reads the element of an array that stands here, after the one that ended at `gap`.
    fn element(&mut self, gap: usize, run: &mut Run) -> Result<(), Fatal> {
        self.count_item()?;
        let start = self.cursor.at;
        let findings = self.findings();
        let value = self.any_value()?;
        if self.cursor.slice(start, self.cursor.at) == b"null" {
            self.report(Code::NullElement, start, &[])?;
        }
        let range = self.source(start);
        let source = AttributeSource { element: range, value: range, ..AttributeSource::default() };
        self.push_child(AttributeRow::new(AttributeRow::NO_KEY, value), source);
        if self.findings() == findings {
            self.learn_attribute(run, gap, start);
        }
        Ok(())
    }
}
