//! Where documents begin and end: the one definition, which the framer of a stream and the decoder of a block share.
//!
//! Every question here is answered from the bytes and the rules of the mode alone. So the framer can cut a stream without
//! decoding it, and the decoder comes to the same documents whether it has the whole stream or a block of it.

use crate::decode::{DecodeOptions, Framing, Mode};
use crate::json::{Anomaly, Cursor, JsonError, JsonErrorKind, Simd};

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What text must obey to be a document's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) strict: bool,
    depth: usize,
    string: usize,
    anomalies: usize,
    simd: Simd,
}

impl Rules {
    pub(crate) fn new(options: &DecodeOptions) -> Self {
        Self {
            strict: options.mode == Mode::Strict,
            depth: options.limits.depth.min(Cursor::DEEPEST),
            string: options.limits.string_bytes.max(Cursor::SHORTEST_BOUND),
            // More are not kept either.
            anomalies: options.limits.diagnostics,
            simd: options.simd,
        }
    }

    /// The cursor of the decoder, and of whoever must come to its verdict. It notes anomalies in `anomalies`, which is cleared first.
    pub(crate) fn cursor<'t>(&self, text: &'t [u8], at: usize, mut anomalies: Vec<Anomaly>) -> Cursor<'t> {
        anomalies.clear();
        Cursor {
            text,
            at,
            depth: 0,
            max_depth: self.depth,
            max_string: self.string,
            tolerant: !self.strict,
            in_line: false,
            anomalies,
            most_anomalies: self.anomalies,
            simd: self.simd,
        }
    }

    /// Whether `line` holds one whole JSON value and nothing else. `anomalies` is a buffer, left empty.
    pub(crate) fn is_value(&self, line: &[u8], anomalies: &mut Vec<Anomaly>) -> bool {
        let mut cursor = self.cursor(line, 0, std::mem::take(anomalies));
        cursor.white();
        let whole = cursor.skip().is_ok() && cursor.white().is_none();
        *anomalies = cursor.anomalies;
        anomalies.clear();
        whole
    }

    /// Whether a document may begin with `byte` after one that ended; `gap` stands between them.
    pub(crate) fn may_follow(&self, gap: &[u8], byte: u8) -> bool {
        matches!(byte, b'{' | b'[') && (!self.strict || memchr::memchr(b'\n', gap).is_some())
    }
}

/// How far the text must reach for a fault to show. The cursor stands at the token that is at fault.
pub(crate) fn reach(mut cursor: Cursor<'_>, error: JsonError) -> usize {
    if !matches!(error.kind, JsonErrorKind::InvalidUtf8 | JsonErrorKind::StringTooLong) {
        return error.offset;
    }
    // A string is judged when its end has been found. It stands behind the white space that the cursor may stand at.
    cursor.white();
    (cursor.tolerant, cursor.max_string) = (true, usize::MAX);
    if cursor.string().is_ok() { cursor.at } else { error.offset }
}

/// Index after the next newline at or after `from`, or the end.
pub(crate) fn line_end(text: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', text.get(from..).unwrap_or_default()).map_or(text.len(), |at| from + at + 1)
}

/// Whether this is JSON's white space.
pub(crate) const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Whether nothing but JSON's white space stands there.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| is_white(*byte))
}

/// The index of the first byte at or after `from` that is not white.
pub(crate) fn after_white(text: &[u8], from: usize) -> Option<usize> {
    text.get(from..)?.iter().position(|byte| !is_white(*byte)).map(|at| from + at)
}

/// The first line from `start` on that is not blank: where it begins, and the index after its newline.
pub(crate) fn first_line(text: &[u8], start: usize) -> Option<(usize, usize)> {
    Some(line_of(text, start, after_white(text, start)?))
}

/// Whether what follows the first line leaves that the first of a stream of lines; `next` is the first byte behind it that is not
/// white. `None` while that needs more text.
///
/// A bracket alone in its line begins a document that is spread over lines. Should it be a line that was left unfinished, lines that
/// begin in column 0 are read as documents all the same.
pub(crate) fn is_line_behind(text: &[u8], next: usize, last: bool) -> Option<bool> {
    match text.get(next..).unwrap_or_default() {
        [b'{' | b'[', b'\n', ..] | [b'{' | b'[', b'\r', b'\n', ..] => Some(false),
        [b'{' | b'['] | [b'{' | b'[', b'\r'] if !last => None,
        _ => Some(true),
    }
}

/// How documents lie in a stream whose first one ends at `end`, and where in the text it goes on: behind a line that this one
/// fills, or right behind it. `None` while that needs more text.
pub(crate) fn behind_first(text: &[u8], end: usize, last: bool) -> Option<(Framing, usize)> {
    let documents = (Framing::Documents, end);
    let next = match after_white(text, end) {
        None if last => text.len(),
        next => next?,
    };
    let gap = text.get(end..next).unwrap_or_default();
    let fills = next < text.len() && memchr::memchr(b'\n', text.get(..end).unwrap_or_default()).is_none();
    match memchr::memchr(b'\n', gap) {
        Some(feed) if fills && is_line_behind(text, next, last)? => Some((Framing::Lines, end + feed + 1)),
        _ => Some(documents),
    }
}

/// The line of the byte `first`, before which there is nothing but white space from `start` on: where it begins, and the index
/// after its newline.
pub(crate) fn line_of(text: &[u8], start: usize, first: usize) -> (usize, usize) {
    let before = text.get(start..first).unwrap_or_default();
    let from = memchr::memrchr(b'\n', before).map_or(start, |at| start + at + 1);
    (from, line_end(text, first))
}

/// How far torn documents have made the decoder read again.
///
/// After a document that proved bad, reading goes on at the next bracket in column 0 after where the document *began*: it
/// may have swallowed the next as one of its own elements. Each may have been read to the end of the stream before it
/// proved bad, so without a bound the cost would grow with the square of their number. Once going back has cost reading
/// everything [`Self::BOUND`] times over, reading goes on after the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rereads(u64);

impl Rereads {
    const BOUND: u64 = 4;

    pub(crate) fn new(read: u64) -> Self {
        Self(read)
    }

    pub(crate) fn read(self) -> u64 {
        self.0
    }

    /// After a document that began at `begin` and was torn at `fault`: where to look for the next. `offset` is where the
    /// text begins in its stream.
    pub(crate) fn after_torn(&mut self, begin: usize, fault: usize, offset: u64) -> usize {
        self.0 = self.0.saturating_add(fault.saturating_sub(begin) as u64);
        let read = offset.saturating_add(fault as u64);
        if self.0 <= read.saturating_mul(Self::BOUND) { begin } else { fault }
    }
}

/// The next `{` or `[` in column 0 of a line after the one that `from` is in, or behind a byte order mark there, as where files
/// were put behind each other; `None` where there is none, or where its line is not there yet.
pub(crate) fn next_in_column_0(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = line_end(text, at);
        match text.get(at..) {
            None | Some([]) => return None,
            Some([b'{' | b'[', ..]) => return Some(at),
            Some([0xEF, 0xBB, 0xBF, b'{' | b'[', ..]) => return Some(at + BYTE_ORDER_MARK.len()),
            Some(_) => {}
        }
    }
}
