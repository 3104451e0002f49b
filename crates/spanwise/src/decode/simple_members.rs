//! The members of a span that are read without looking anything up: ids, times, numbers, short strings, empty lists.
//!
//! A loop over the gaps that were learned, compiled per instruction set. It reads what is written as nearly every writer
//! does, and stops at the first byte of anything else: the general path reads that member, and the loop goes on after it.
//! It makes no finding, so nothing it reads may be one.

use std::hint::cold_path;

use super::gaps::{Gaps, Members};
use super::reader::{Reader, Scratch};
use super::templated::Run;
use crate::batch::{ByteRange, Id, Rows, SpanBatch, SpanRow, SpanSource, Text};
use crate::json::number;
use crate::json::scan::{Kernel, Vectorized};
use crate::schema::{Field, Message};

/// Where the loop stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// At the value of this member.
    Member(Field),
    /// In the list of attributes, after so many.
    Attributes(Run, u32),
    /// After the object.
    End,
    /// After the last member that it read.
    Unknown,
}

struct SimpleMembers<'a, 'r> {
    reader: &'a mut Reader<'r>,
    members: &'a mut Members,
}

impl Vectorized for SimpleMembers<'_, '_> {
    type Output = Stop;

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Stop {
        let Self { reader, members } = self;
        loop {
            let stop = reader.simple_members_by(kernel, members);
            if let Stop::Member(field) = stop
                && reader.skim_list(kernel, field)
            {
                continue;
            }
            if stop != Stop::Member(Field::Attributes) {
                return stop;
            }
            let seen = if reader.scratch.gaps.is_disordered() { 0 } else { members.seen };
            match reader.span_attributes_by(kernel, seen) {
                Ok(rows) => reader.span_row(|row| row.attributes = rows),
                Err(stop) => return stop,
            }
        }
    }
}

impl Reader<'_> {
    /// Reads members of a span as long as they are simple and come as learned.
    #[inline]
    pub(super) fn simple_members(&mut self, members: &mut Members) -> Stop {
        if self.options.general_path {
            return Stop::Unknown;
        }
        self.cursor.simd.vectorize(SimpleMembers { reader: self, members })
    }

    /// Reads past the list that is the value of this member, if nobody wants it and nothing is wrong with it.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn skim_list<K: Kernel>(&mut self, kernel: K, field: Field) -> bool {
        let wanted = self.options.projection;
        let of = match field {
            Field::Attributes if !wanted.span_attributes => Message::Span,
            Field::Events if !wanted.events => Message::Event,
            Field::Links if !wanted.links => Message::Link,
            _ => return false,
        };
        if !self.skim(kernel, of) {
            return false;
        }
        let SpanBatch { spans, attributes, events, links, .. } = &mut *self.batch;
        let Some(row) = spans.last_mut() else { return false };
        match of {
            Message::Span => row.attributes = Rows::since(attributes.len(), attributes),
            Message::Event => row.events = Rows::since(events.len(), events),
            _ => row.links = Rows::since(links.len(), links),
        }
        true
    }

    /// Reads the list of attributes that stands here, if templates read all of them.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn span_attributes_by<K: Kernel>(&mut self, kernel: K, seen: u64) -> Result<Rows, Stop> {
        // Three levels are opened and closed.
        if self.peek() != Some(b'[') || self.cursor.depth + 3 > self.cursor.max_depth {
            return Err(Stop::Member(Field::Attributes));
        }
        let (first, values) = (self.batch.attributes.len(), self.batch.values.len());
        let items = self.items;
        let list = self.batch.keys.next_list();
        let name = self.batch.spans.last().map_or(Text::EMPTY, |row| row.name);
        let name = name.raw(self.cursor.text, &self.batch.made);
        let mut run = Run::of_span(self.cursor.depth, list, name, seen);
        self.cursor.at += 1;
        let (count, bracket) = self.attributes_by_templates(kernel, &mut run);
        let Some(bracket) = bracket else {
            self.cursor.depth += 1;
            (self.items_before, self.values_before) = (items, values);
            return Err(Stop::Attributes(run, count));
        };
        // Not counted while it was open: place and depth would be read as one, and wait until the place is written.
        self.cursor.at = bracket + 1;
        if !self.options.projection.span_attributes && !self.strict {
            self.items = items;
        }
        Ok(self.wanted_attributes(Message::Span, first, values))
    }

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn simple_members_by<K: Kernel>(&mut self, kernel: K, members: &mut Members) -> Stop {
        let Self { cursor, batch, scratch, .. } = self;
        let Scratch { gaps, .. } = &mut **scratch;
        let SpanBatch { spans, events, links, sources, .. } = &mut **batch;
        let Some(row) = spans.last_mut() else { return Stop::Unknown };
        // There is none where sources are not recorded.
        let mut source = sources.spans.last_mut();
        let text = cursor.text;
        let mut rest = text.get(cursor.at..).unwrap_or_default();
        let message = members.message;
        let mut seen = members.seen;
        let mut last = members.last;
        let disordered = gaps.is_disordered();
        let stop = loop {
            let (field, length) = if let Some(gap) = gaps.after(message, last)
                && gap.literal.stands_at(kernel, rest)
            {
                (gap.field, gap.literal.len())
            } else {
                cold_path();
                members.misses = members.misses.saturating_add(1);
                let found = if disordered {
                    members.spelled_at(kernel, text.len() - rest.len(), rest)
                } else {
                    gaps.other(message, last, rest).map(|gap| (gap.field, gap.literal.len()))
                };
                let Some(found) = found else { break Stop::Unknown };
                found
            };
            let Some(value) = rest.get(length..) else { break Stop::Unknown };
            let Some(field) = field else {
                if members.duplicates {
                    break Stop::Unknown;
                }
                rest = value;
                cursor.depth = cursor.depth.saturating_sub(1);
                break Stop::End;
            };
            // The same gap may be followed by white space, which is not part of it.
            if seen & field.bit() != 0 || value.first().is_none_or(|byte| *byte <= b' ') {
                cold_path();
                break Stop::Unknown;
            }
            rest = value;
            let start = text.len() - value.len();
            let length = match field {
                Field::TraceId => trace_id(kernel, value, start, &mut row.trace_id),
                Field::SpanId => span_id(kernel, value, start, &mut row.span_id),
                Field::ParentSpanId => parent_id(kernel, value, start, &mut row.parent_span_id),
                Field::StartTimeUnixNano => time(kernel, value, &mut row.start_time_unix_nano),
                Field::EndTimeUnixNano => time(kernel, value, &mut row.end_time_unix_nano),
                Field::Kind => digit(value).map(|digit| {
                    row.kind = digit;
                    1
                }),
                Field::Flags => count(value, &mut row.flags),
                Field::DroppedAttributesCount => count(value, &mut row.dropped_attributes_count),
                Field::DroppedEventsCount => count(value, &mut row.dropped_events_count),
                Field::DroppedLinksCount => count(value, &mut row.dropped_links_count),
                Field::Events if value.starts_with(b"[]") && cursor.depth < cursor.max_depth => {
                    row.events = Rows::since(events.len(), events);
                    Some(2)
                }
                Field::Links if value.starts_with(b"[]") && cursor.depth < cursor.max_depth => {
                    row.links = Rows::since(links.len(), links);
                    Some(2)
                }
                Field::Name | Field::TraceState if value.first() == Some(&b'"') => {
                    let content = value.get(1..).unwrap_or_default();
                    cursor.clean_string_by(kernel, content, start + 1).map(|(length, escaped)| {
                        let end = start + 1 + length;
                        let text = Text::input(start + 1, end, escaped);
                        put_text(row, source.as_deref_mut(), field, text, ByteRange::new(start, end + 1));
                        length + 2
                    })
                }
                Field::Status if cursor.depth < cursor.max_depth => {
                    status(gaps, value).map(|(code, length)| {
                        row.status_code = code;
                        row.status_message = Text::EMPTY;
                        if let Some(source) = &mut source {
                            source.status_message = ByteRange::default();
                        }
                        length
                    })
                }
                _ => None,
            };
            seen |= field.bit();
            last = field as u8;
            match length.and_then(|length| value.get(length..)) {
                Some(after) => rest = after,
                None => break Stop::Member(field),
            }
        };
        members.seen = seen;
        members.last = last;
        cursor.at = text.len() - rest.len();
        stop
    }
}

/// Fills in the name or the trace state, and where it stands.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn put_text(row: &mut SpanRow, source: Option<&mut SpanSource>, field: Field, text: Text, range: ByteRange) {
    if field == Field::Name {
        row.name = text;
    } else {
        row.trace_state = text;
    }
    if let Some(source) = source {
        let of_field = if field == Field::Name { &mut source.name } else { &mut source.trace_state };
        *of_field = range;
    }
}

/// Reads an id in lower-case hex; its length, quotes included.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn trace_id<K: Kernel>(kernel: K, value: &[u8], start: usize, id: &mut Id<16>) -> Option<usize> {
    let [b'"', digits @ .., b'"'] = value.first_chunk::<34>()? else { return None };
    let bytes = kernel.hex_32(digits)?;
    let zero = u128::from_le_bytes(bytes) == 0;
    *id = Id { bytes, valid: !zero, zero, text: Text::input(start + 1, start + 33, false) };
    Some(34)
}

/// [`trace_id`] for the shorter id.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn span_id<K: Kernel>(kernel: K, value: &[u8], start: usize, id: &mut Id<8>) -> Option<usize> {
    let [b'"', digits @ .., b'"'] = value.first_chunk::<18>()? else { return None };
    let bytes = kernel.hex_16(digits)?;
    let zero = u64::from_le_bytes(bytes) == 0;
    *id = Id { bytes, valid: !zero, zero, text: Text::input(start + 1, start + 17, false) };
    Some(18)
}

/// [`span_id`] where none may stand: an empty string.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn parent_id<K: Kernel>(kernel: K, value: &[u8], start: usize, id: &mut Id<8>) -> Option<usize> {
    if value.starts_with(b"\"\"") {
        *id = Id::NONE;
        return Some(2);
    }
    let mut read = Id::NONE;
    // All zeros are a finding.
    let length = span_id(kernel, value, start, &mut read).filter(|_| read.valid)?;
    *id = read;
    Some(length)
}

/// Reads 19 digits in quotes; their length, quotes included.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn time<K: Kernel>(kernel: K, value: &[u8], time: &mut u64) -> Option<usize> {
    let [b'"', digits @ .., b'"'] = value.first_chunk::<21>()? else { return None };
    let (high, low) = (digits.first_chunk::<16>()?, digits.last_chunk::<3>()?);
    let low = low.map(|digit| digit.wrapping_sub(b'0'));
    if low.iter().any(|digit| *digit > 9) {
        return None;
    }
    let [hundreds, tens, ones] = low.map(u64::from);
    *time = kernel.digits_16(high)? * 1000 + hundreds * 100 + tens * 10 + ones;
    Some(21)
}

/// Whether a number ends before this byte.
#[inline]
fn ends_number(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
}

/// The digit that stands alone.
#[inline]
fn digit(value: &[u8]) -> Option<i32> {
    match value {
        [digit @ b'0'..=b'9', after, ..] if ends_number(*after) => Some(i32::from(digit - b'0')),
        _ => None,
    }
}

/// Reads a uint32; its length.
#[inline]
fn count(value: &[u8], count: &mut u32) -> Option<usize> {
    if let Some(digit) = digit(value) {
        *count = digit.unsigned_abs();
        return Some(1);
    }
    let (read, length) = number::short_integer(value)?;
    let read = u32::try_from(read).ok()?;
    ends_number(*value.get(length)?).then(|| {
        *count = read;
        length
    })
}

/// The code of a status that is `{}` or `{"code":N}`, without white space or laid out as the last one, and its length.
#[inline]
fn status(gaps: &Gaps, value: &[u8]) -> Option<(i32, usize)> {
    match value {
        [b'{', b'}', ..] => Some((0, 2)),
        [b'{', b'"', b'c', b'o', b'd', b'e', b'"', b':', digit @ b'0'..=b'9', b'}', ..] => {
            Some((i32::from(digit - b'0'), 10))
        }
        [b'{', rest @ ..] => indented_status(gaps, rest),
        _ => None,
    }
}

/// [`status`] with white space in it, behind the brace.
#[inline(never)]
fn indented_status(gaps: &Gaps, rest: &[u8]) -> Option<(i32, usize)> {
    let before = gaps.after(Message::Status, Members::NONE).filter(|gap| gap.field == Some(Field::Code))?;
    let end = gaps.after(Message::Status, Field::Code as u8).filter(|gap| gap.field.is_none())?;
    let length = before.literal.len();
    let (value, behind) = (rest.get(length..)?, rest.get(length + 1..)?);
    let stand = before.literal.begins(rest) && end.literal.begins(behind);
    Some((digit(value)?, length + 2 + end.literal.len())).filter(|_| stand)
}

#[cfg(test)]
mod tests {
    use super::super::templated::tests::read;
    use crate::{DecodeOptions, Decoder};

    /// A request with a span of this status.
    fn body(status: &str) -> String {
        let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331""#;
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"name":"n","status":{status},"flags":1}}]}}]}}]}}"#
        )
    }

    /// Whatever layout was learned before, each is read as the general path reads it.
    #[test]
    fn a_status_is_read_alike_however_it_is_laid_out() {
        let general = DecodeOptions::default().with_general_path(true);
        let layouts = [
            r#"{"code":2}"#,
            r#"{ "code": 2 }"#,
            "{\n                \"code\": 1\n              }",
            "{\n  \"code\" : 1\n}",
            r#"{"message":"m", "code": 2}"#,
            "{ \"code\": 2, \"message\": \"m\" }",
            r#"{ "message": "" }"#,
            "{ }",
            "{}",
            "null",
        ];
        let others = [
            r#"{ "code": 12 }"#,
            r#"{ "code": -1 }"#,
            r#"{ "code": 1.0 }"#,
            r#"{ "code": "2" }"#,
            r#"{ "code": "STATUS_CODE_ERROR" }"#,
            r#"{ "code":  2 }"#,
            r#"{ "code": 2, "code": 1 }"#,
            r#"{ "code": 2 ]"#,
            r#"{ "code": 2"#,
            r#"{ "code": }"#,
            r#"{ "code": 2 }}"#,
            r#"{ "other": 2 }"#,
        ];
        for layout in layouts {
            let mut decoder = Decoder::default();
            for status in layouts.into_iter().chain(others) {
                for status in [layout, layout, status] {
                    let expected = read(&mut Decoder::new(general), body(status));
                    assert_eq!(read(&mut decoder, body(status)), expected, "{layout} {status}");
                }
            }
        }
    }
}
