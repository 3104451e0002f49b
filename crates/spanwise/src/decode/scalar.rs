//! Scalar fields: strings, integers, enums.
//!
//! An unusable integer, time or enum is 0 (lenient), its bytes left to the residue. An unusable string is the JSON text
//! of what stood there.

use super::reader::{Fatal, Reader};
use crate::batch::Text;
use crate::diagnostic::Code;
use crate::json::number::IntegerFault;
use crate::json::{Scalar, number};
use crate::schema::Field;

/// The code of a text that is not the integer that was asked for.
pub(super) fn code_of(fault: IntegerFault) -> Code {
    match fault {
        IntegerFault::Range => Code::IntRange,
        IntegerFault::Fraction => Code::IntFraction,
        IntegerFault::Format => Code::IntFormat,
    }
}

impl Reader<'_> {
    /// Reads a string field; null is the empty text.
    #[inline]
    pub(super) fn string_field(&mut self, field: Field) -> Result<Text, Fatal> {
        if self.peek() == Some(b'"') {
            let raw = self.string()?;
            return self.text(raw);
        }
        let start = self.cursor.at;
        match self.scalar()? {
            Scalar::Null => return Ok(Text::EMPTY),
            Scalar::Container => self.skip()?,
            _ => {}
        }
        self.report(Code::TypeMismatch, start, &[field])?;
        self.json_text(start, self.cursor.at)
    }

    /// Reads a uint32 or fixed32 field.
    #[inline]
    pub(super) fn uint32(&mut self, field: Field) -> Result<u32, Fatal> {
        let rest = self.cursor.text.get(self.cursor.at..).unwrap_or_default();
        if let Some((value, length)) = number::short_integer(rest)
            && let Ok(value) = u32::try_from(value)
            && matches!(rest.get(length), Some(b',' | b'}'))
        {
            self.cursor.at += length;
            return Ok(value);
        }
        self.integer_field(field)
    }

    /// Reads a fixed64 field.
    #[inline]
    pub(super) fn fixed64(&mut self, field: Field) -> Result<u64, Fatal> {
        // What nearly every time looks like: 19 digits in quotes.
        let rest = self.cursor.text.get(self.cursor.at..).unwrap_or_default();
        if let Some([b'"', written @ .., b'"']) = rest.first_chunk::<21>()
            && let Some(value) = number::digits(written)
        {
            self.cursor.at += 21;
            return Ok(value);
        }
        self.integer_field(field)
    }

    /// Reads an integer field of the range of `T`, in any form that ProtoJSON allows.
    pub(super) fn integer_field<T: TryFrom<i128> + Default>(&mut self, field: Field) -> Result<T, Fatal> {
        let start = self.cursor.at;
        let read = match self.scalar()? {
            Scalar::Number(raw) => self.cursor.integer_of(raw.start, raw.end).map_err(code_of),
            Scalar::String(raw) => self.with_content(raw, number::integer).map_err(code_of),
            Scalar::Null => return Ok(T::default()),
            Scalar::Container => match self.long_object()? {
                Some(bits) => {
                    self.report(Code::LongObject, start, &[field])?;
                    Ok(i128::from(bits))
                }
                None => Err(Code::TypeMismatch),
            },
            Scalar::Bool(_) | Scalar::NonFinite(_) => Err(Code::TypeMismatch),
        };
        let fault = match read.map(T::try_from) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(_)) => Code::IntRange,
            Err(code) => code,
        };
        self.leave_out(start);
        self.report(fault, start, &[field])?;
        Ok(T::default())
    }

    /// Reads a `{low, high}` object, as protobuf runtimes without 64-bit integers write them. Consumes the object in any
    /// case; `None` where it is something else. Whether the bits are meant as a signed number is the field's business.
    pub(super) fn long_object(&mut self) -> Result<Option<u64>, Fatal> {
        let start = self.cursor.at;
        let depth = self.cursor.depth;
        let anomalies = self.cursor.anomalies.len();
        if let Some(value) = self.try_long_object() {
            return Ok(Some(value));
        }
        self.cursor.at = start;
        self.cursor.depth = depth;
        self.cursor.anomalies.truncate(anomalies);
        self.skip()?;
        Ok(None)
    }

    fn try_long_object(&mut self) -> Option<u64> {
        if self.peek() != Some(b'{') {
            return None;
        }
        self.cursor.open().ok()?;
        let (mut low, mut high) = (None, None);
        let mut first = true;
        while self.cursor.next_item(first, b'}').ok()? {
            first = false;
            let name = self.cursor.string().ok()?;
            self.cursor.colon().ok()?;
            match (self.cursor.slice(name.start, name.end), self.cursor.scalar().ok()?) {
                (b"low", Scalar::Number(raw)) => low = Some(self.half(raw.start, raw.end)?),
                (b"high", Scalar::Number(raw)) => high = Some(self.half(raw.start, raw.end)?),
                (b"unsigned", Scalar::Bool(_)) => {}
                _ => return None,
            }
        }
        Some(u64::from(high?) << 32 | u64::from(low?))
    }

    /// Half of a 64-bit integer: 32 bits, signed or not.
    fn half(&self, start: usize, end: usize) -> Option<u32> {
        let value = i64::try_from(self.cursor.integer_of(start, end).ok()?).ok()?;
        u32::try_from(value).ok().or_else(|| i32::try_from(value).ok().map(i32::cast_unsigned))
    }

    /// Reads an enum field: `kind`, or `code` of a status. OTLP/JSON allows numbers alone; unknown ones are kept.
    #[inline]
    pub(super) fn enumeration(&mut self, field: Field) -> Result<i32, Fatal> {
        let start = self.cursor.at;
        let rest = self.cursor.text.get(start..).unwrap_or_default();
        if let [digit @ b'0'..=b'9', b',' | b'}', ..] = rest {
            self.cursor.at += 1;
            return Ok(i32::from(digit - b'0'));
        }
        let scalar = self.scalar()?;
        if let Scalar::Number(raw) = scalar
            && let Ok(Ok(value)) = self.cursor.integer_of(raw.start, raw.end).map(i32::try_from)
        {
            return Ok(value);
        }
        self.other_enumeration(scalar, start, field)
    }

    #[cold]
    fn other_enumeration(&mut self, scalar: Scalar, start: usize, field: Field) -> Result<i32, Fatal> {
        let (value, code) = match scalar {
            Scalar::Null => return Ok(0),
            Scalar::String(raw) => self.with_content(raw, |content| {
                if let Some(value) = number::integer(content).ok().and_then(|value| i32::try_from(value).ok())
                {
                    return (Some(value), Code::EnumString);
                }
                (named(field, content), Code::EnumName)
            }),
            Scalar::Container => {
                self.skip()?;
                (None, Code::EnumValue)
            }
            _ => (None, Code::EnumValue),
        };
        let Some(value) = value else {
            self.leave_out(start);
            self.report(Code::EnumValue, start, &[field])?;
            return Ok(0);
        };
        self.report(code, start, &[field])?;
        Ok(value)
    }
}

/// The number of an enum's name: in full (`SPAN_KIND_SERVER`), or without its prefix, in any case.
fn named(field: Field, name: &[u8]) -> Option<i32> {
    let (prefix, words): (&[u8], &[&[u8]]) = match field {
        Field::Kind => {
            (b"SPAN_KIND_", &[b"UNSPECIFIED", b"INTERNAL", b"SERVER", b"CLIENT", b"PRODUCER", b"CONSUMER"])
        }
        _ => (b"STATUS_CODE_", &[b"UNSET", b"OK", b"ERROR"]),
    };
    let word = match name.split_at_checked(prefix.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(prefix) => rest,
        _ => name,
    };
    words
        .iter()
        .position(|candidate| candidate.eq_ignore_ascii_case(word))
        .and_then(|index| i32::try_from(index).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enum_names_are_read_in_full_and_short() {
        for (field, name, value) in [
            (Field::Kind, "SPAN_KIND_SERVER", Some(2)),
            (Field::Kind, "server", Some(2)),
            (Field::Kind, "SPAN_KIND_GATEWAY", None),
            (Field::Kind, "", None),
            (Field::Code, "STATUS_CODE_ERROR", Some(2)),
            (Field::Code, "Ok", Some(1)),
            (Field::Code, "SPAN_KIND_CLIENT", None),
        ] {
            assert_eq!(named(field, name.as_bytes()), value, "{name}");
        }
    }
}
