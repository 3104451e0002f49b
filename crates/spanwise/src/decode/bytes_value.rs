//! `bytesValue`: base64, and the ways in which byte arrays leak out of JavaScript.

use super::base64;
use super::reader::{Fatal, Reader};
use crate::batch::RawValue;
use crate::diagnostic::Code;
use crate::json::{Scalar, escape};
use crate::schema::Field;

impl Reader<'_> {
    pub(super) fn bytes_value(&mut self) -> Result<RawValue, Fatal> {
        let start = self.cursor.at;
        let from = self.batch.made.len();
        let scalar = self.scalar()?;
        match scalar {
            Scalar::String(raw) => {
                let read = if raw.escaped || raw.broken {
                    self.scratch.unescaped.clear();
                    escape::unescape_into(self.cursor.slice(raw.start, raw.end), &mut self.scratch.unescaped);
                    base64::decode_into(&self.scratch.unescaped, &mut self.batch.made)
                } else {
                    base64::decode_into(self.cursor.slice(raw.start, raw.end), &mut self.batch.made)
                };
                if read {
                    return Ok(RawValue::Bytes(self.made_since(from, start)?));
                }
            }
            Scalar::Container if self.byte_sequence()? => {
                self.report(Code::ByteArray, start, &[Field::BytesValue])?;
                return Ok(RawValue::Bytes(self.made_since(from, start)?));
            }
            _ => {}
        }
        self.report(Code::BytesFormat, start, &[Field::BytesValue])?;
        let text = match scalar {
            Scalar::String(raw) => self.text(raw)?,
            _ => self.json_text(start, self.cursor.at)?,
        };
        Ok(RawValue::String(text))
    }

    /// Reads bytes that are written as numbers: `[1,2]`, `{"0":1,"1":2}` (a typed array) or
    /// `{"type":"Buffer","data":[1,2]}`. Appends them to the arena. Consumes the container in any case; `false`, with the
    /// arena as it was, where it holds anything else.
    pub(super) fn byte_sequence(&mut self) -> Result<bool, Fatal> {
        let start = self.cursor.at;
        let depth = self.cursor.depth;
        let from = self.batch.made.len();
        let anomalies = self.cursor.anomalies.len();
        let read = match self.peek() {
            Some(b'[') => self.number_array(),
            _ => self.index_object(),
        };
        if read.is_some() {
            return Ok(true);
        }
        self.batch.made.truncate(from);
        self.cursor.at = start;
        self.cursor.depth = depth;
        self.cursor.anomalies.truncate(anomalies);
        self.skip()?;
        Ok(false)
    }

    fn byte(&mut self) -> Option<()> {
        let Scalar::Number(raw) = self.cursor.scalar().ok()? else { return None };
        let value = self.cursor.integer_of(raw.start, raw.end).ok()?;
        self.batch.made.push(u8::try_from(value).ok()?);
        Some(())
    }

    fn number_array(&mut self) -> Option<()> {
        self.cursor.open().ok()?;
        let mut first = true;
        while self.cursor.next_item(first, b']').ok()? {
            first = false;
            self.byte()?;
        }
        Some(())
    }

    fn index_object(&mut self) -> Option<()> {
        self.cursor.open().ok()?;
        let mut index = 0;
        let mut buffer = false;
        while self.cursor.next_item(index == 0 && !buffer, b'}').ok()? {
            let name = self.cursor.string().ok()?;
            self.cursor.colon().ok()?;
            match self.cursor.slice(name.start, name.end) {
                b"type" if index == 0 && !buffer => {
                    let Scalar::String(kind) = self.cursor.scalar().ok()? else { return None };
                    buffer = self.cursor.slice(kind.start, kind.end) == b"Buffer";
                    buffer.then_some(())?;
                }
                b"data" if index == 0 && buffer && self.cursor.peek() == Some(b'[') => self.number_array()?,
                digits if !buffer && number_is(digits, index) => {
                    self.byte()?;
                    index += 1;
                }
                _ => return None,
            }
        }
        Some(())
    }
}

/// Whether `digits` spells `index`.
fn number_is(digits: &[u8], index: usize) -> bool {
    crate::json::number::integer(digits).is_ok_and(|value| usize::try_from(value) == Ok(index))
}
