//! Trace and span ids: hex by the letter, and the ladder of other forms that lenient mode reads.
//!
//! The forms have different lengths, so none is guessed: for 16 bytes, hex has 32 digits, a dashed UUID 36 characters,
//! base64 24, hex of hex text 64, base64 of hex text 44; for 8 bytes they are 16, none, 12, 32 and 24.

use super::base64;
use super::reader::{Fatal, Reader};
use crate::batch::{Id, Text};
use crate::diagnostic::Code;
use crate::json::hex::lower_hex;
use crate::json::{RawString, Scalar, escape::hex_value};
use crate::schema::Field;

/// The bytes that `2 * N` hex digits spell, and whether all of them are lower-case.
#[inline]
fn hex<const N: usize>(digits: &[u8]) -> Option<([u8; N], bool)> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    let mut lower = true;
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        lower &= !pair[0].is_ascii_uppercase() && !pair[1].is_ascii_uppercase();
    }
    Some((bytes, lower))
}

/// One rung of the ladder: the id, and the name of the liberty.
fn other_form<const N: usize>(content: &[u8]) -> Option<([u8; N], Code)> {
    if N == 16 && content.len() == 36 {
        const DASHES: [usize; 4] = [8, 13, 18, 23];
        let digits =
            content.iter().enumerate().filter(|(index, _)| !DASHES.contains(index)).map(|(_, digit)| *digit);
        let mut plain = [0; 32];
        plain.iter_mut().zip(digits).for_each(|(slot, digit)| *slot = digit);
        let dashed = DASHES.iter().all(|index| content.get(*index) == Some(&b'-'));
        return dashed.then(|| hex(&plain)).flatten().map(|(bytes, _)| (bytes, Code::IdUuid));
    }
    if N == 16 && content.len() == 16 {
        let (low, _) = hex::<8>(content)?;
        let mut bytes = [0; N];
        bytes.iter_mut().skip(8).zip(low).for_each(|(slot, byte)| *slot = byte);
        return Some((bytes, Code::TraceIdLength));
    }
    // `2 * N` characters of hex text, undone once, at most.
    let mut text = [0; 32];
    let text = text.get_mut(..2 * N)?;
    if content.len() == 4 * N {
        let (pairs, _) = content.as_chunks::<2>();
        for (slot, pair) in text.iter_mut().zip(pairs) {
            *slot = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        return hex(text).map(|(bytes, _)| (bytes, Code::IdDoubleHex));
    }
    if content.len() == N.div_ceil(3) * 4 {
        let mut bytes = [0; N];
        return base64::decode_exact(content, &mut bytes).then_some((bytes, Code::IdBase64));
    }
    if content.len() == (2 * N).div_ceil(3) * 4 && base64::decode_exact(content, text) {
        return hex(text).map(|(bytes, _)| (bytes, Code::IdBase64));
    }
    None
}

impl Reader<'_> {
    /// Reads `traceId` or `spanId`.
    #[inline]
    pub(super) fn id<const N: usize>(&mut self, field: Field) -> Result<Id<N>, Fatal> {
        let start = self.cursor.at + 1;
        let end = start + 2 * N;
        if self.peek() == Some(b'"')
            && self.cursor.text.get(end) == Some(&b'"')
            && let Some(bytes) = lower_hex(self.cursor.slice(start, end))
        {
            self.cursor.at = end + 1;
            let valid = bytes != [0; N];
            return Ok(Id { bytes, valid, zero: !valid, text: Text::input(start, end, false) });
        }
        if self.peek() != Some(b'"') {
            return self.id_of_other_type(field);
        }
        let raw = self.string()?;
        self.id_of_text(raw, field)
    }

    /// Reads `parentSpanId`: an all-zero one means that there is none.
    #[inline]
    pub(super) fn parent_id(&mut self, field: Field) -> Result<Id<8>, Fatal> {
        let start = self.cursor.at;
        let id = self.id(field)?;
        if id.zero {
            self.report(Code::ParentIdZero, start, &[field])?;
            return Ok(Id::NONE);
        }
        Ok(id)
    }

    fn id_of_text<const N: usize>(&mut self, raw: RawString, field: Field) -> Result<Id<N>, Fatal> {
        if raw.start == raw.end {
            return Ok(Id::NONE);
        }
        let start = raw.start - 1;
        let length_code = if N == 16 { Code::TraceIdLength } else { Code::SpanIdLength };
        let (read, code) = self.with_content(raw, |content| match hex(content) {
            Some((bytes, _)) => (Some(bytes), None),
            None => match other_form(content) {
                Some((bytes, code)) => (Some(bytes), Some(code)),
                None if content.iter().all(u8::is_ascii_hexdigit) => (None, Some(length_code)),
                None => (None, Some(Code::IdText)),
            },
        });
        if let Some(code) = code {
            self.report(code, start, &[field])?;
        }
        match read {
            Some(bytes) => self.made_id(bytes, start),
            None => Ok(Id { text: self.text(raw)?, ..Id::NONE }),
        }
    }

    /// An id whose canonical text is not what was sent.
    fn made_id<const N: usize>(&mut self, bytes: [u8; N], offset: usize) -> Result<Id<N>, Fatal> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let from = self.batch.made.len();
        for byte in bytes {
            self.batch.made.push(DIGITS[usize::from(byte >> 4)]);
            self.batch.made.push(DIGITS[usize::from(byte & 15)]);
        }
        let text = self.made_since(from, offset)?;
        let valid = bytes != [0; N];
        Ok(Id { bytes, valid, zero: !valid, text })
    }

    #[cold]
    fn id_of_other_type<const N: usize>(&mut self, field: Field) -> Result<Id<N>, Fatal> {
        let start = self.cursor.at;
        if self.peek() == Some(b'[') {
            let from = self.batch.made.len();
            let of_bytes = self.byte_sequence()?;
            let bytes = self.batch.made.get(from..).and_then(|made| <[u8; N]>::try_from(made).ok());
            self.batch.made.truncate(from);
            if let Some(bytes) = bytes.filter(|_| of_bytes) {
                self.report(Code::IdByteArray, start, &[field])?;
                return self.made_id(bytes, start);
            }
        } else {
            match self.scalar()? {
                Scalar::Null => return Ok(Id::NONE),
                Scalar::Container => self.skip()?,
                _ => {}
            }
        }
        self.report(Code::IdType, start, &[field])?;
        // The text may happen to be an id: read as what it would be in quotes, as it will be when it is written.
        let text = self.json_text(start, self.cursor.at)?;
        let written = self.cursor.slice(start, self.cursor.at);
        match hex(written).map(|(bytes, _)| bytes).or_else(|| other_form(written).map(|(bytes, _)| bytes)) {
            Some(bytes) => self.made_id(bytes, start),
            None => Ok(Id { text, ..Id::NONE }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_trace_id_is_told_from_the_others() {
        let id = *b"\xa1\xb2\xc3\xd4\xe5\xf6\x07\x18\x29\x3a\x4b\x5c\x6d\x7e\x8f\x90";
        for (text, code) in [
            ("a1b2c3d4-e5f6-0718-293a-4b5c6d7e8f90", Code::IdUuid),
            ("obLD1OX2BxgpOktcbX6PkA==", Code::IdBase64),
            ("YTFiMmMzZDRlNWY2MDcxODI5M2E0YjVjNmQ3ZThmOTA=", Code::IdBase64),
            ("6131623263336434653566363037313832393361346235633664376538663930", Code::IdDoubleHex),
        ] {
            assert_eq!(other_form(text.as_bytes()), Some((id, code)), "{text}");
        }
        for text in ["a1b2c3d4-e5f6-0718-293a4b5c6d7e8f90-", "obLD1OX2BxgpOktcbX6PkA", "zz", &"z".repeat(64)]
        {
            assert_eq!(other_form::<16>(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn each_form_of_a_span_id_is_told_from_the_others() {
        let id = *b"\x11\x22\x33\x44\x55\x66\x77\x88";
        for (text, code) in [
            ("ESIzRFVmd4g=", Code::IdBase64),
            ("MTEyMjMzNDQ1NTY2Nzc4OA==", Code::IdBase64),
            ("31313232333334343535363637373838", Code::IdDoubleHex),
        ] {
            assert_eq!(other_form(text.as_bytes()), Some((id, code)), "{text}");
        }
        assert_eq!(other_form::<8>(b"11223344"), None);
    }
}
