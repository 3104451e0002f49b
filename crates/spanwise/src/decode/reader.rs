//! The state of one decode, and what every message reader uses: tokens and texts.
//!
//! The path is kept as a stack of steps while messages are open. An error leaves it as it stood, so that a rejected
//! document's path is that of the byte at fault.

use super::findings::Passed;
use super::gaps::Gaps;
use super::nested::Open;
use super::options::{DecodeOptions, Mode, Projection};
use super::recurring::{Outer, Outset, Recurring};
use super::templates::Templates;
use crate::batch::memory::bytes_of;
use crate::batch::{AttributeRow, AttributeSource, ByteRange, Mark, SpanBatch, Text};
use crate::diagnostic::{Code, Step};
use crate::frame::Rules;
use crate::json::{Anomaly, Cursor, JsonError, JsonErrorKind, RawString, Scalar, Walk, escape, utf8};

/// What rejects a document. Small enough to be returned in a register, with whatever else might have been.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fatal {
    pub(super) code: Code,
    offset: u32,
}

impl Fatal {
    /// A fault at `offset`, which is within [`Text::MAX`] as any input is.
    #[cold]
    pub(super) fn new(code: Code, offset: usize) -> Self {
        Self { code, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }

    pub(super) fn offset(self) -> usize {
        self.offset as usize
    }
}

impl From<JsonError> for Fatal {
    fn from(error: JsonError) -> Self {
        let code = match error.kind {
            JsonErrorKind::UnexpectedEnd => Code::UnexpectedEnd,
            JsonErrorKind::UnexpectedByte => Code::UnexpectedByte,
            JsonErrorKind::InvalidLiteral => Code::InvalidLiteral,
            JsonErrorKind::InvalidNumber => Code::InvalidNumber,
            JsonErrorKind::InvalidEscape => Code::InvalidEscape,
            JsonErrorKind::RawControlCharacter => Code::RawControlCharacter,
            JsonErrorKind::LoneSurrogate => Code::LoneSurrogate,
            JsonErrorKind::InvalidUtf8 => Code::InvalidUtf8,
            JsonErrorKind::NonFiniteToken => Code::NonFiniteToken,
            JsonErrorKind::TooDeep => Code::NestingDepth,
            JsonErrorKind::StringTooLong => Code::StringLength,
        };
        Self::new(code, error.offset)
    }
}

/// Buffers that outlive one decode, so that a warm decoder allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) path: Vec<Step>,
    pub(super) anomalies: Vec<Anomaly>,
    /// Children of the arrays and kvlists that are being read.
    pub(super) stack: Vec<AttributeRow>,
    /// Their sources, when recorded.
    pub(super) stack_sources: Vec<AttributeSource>,
    /// The lists that are being read by templates.
    pub(super) lists: Vec<Open>,
    /// Stamps of keys that an inner list took from an outer one.
    pub(super) stamps: Vec<(u32, u32)>,
    /// A name or number with its escapes undone.
    pub(super) unescaped: Vec<u8>,
    pub(super) gaps: Gaps,
    pub(super) templates: Templates,
    pub(super) recurring: Recurring,
    /// Made when the first list is passed over.
    pub(super) walk: Option<Box<Walk>>,
    /// A line feed is in what was learned.
    pub(super) learned_feeds: bool,
}

impl Scratch {
    /// Bytes of the buffers that grow with what is decoded.
    pub(super) fn memory(&self) -> usize {
        let lists = bytes_of(&self.stack) + bytes_of(&self.stack_sources);
        let open = bytes_of(&self.path) + bytes_of(&self.lists) + bytes_of(&self.stamps);
        lists + open + bytes_of(&self.anomalies) + bytes_of(&self.unescaped)
    }

    /// Gives these back. What was learned stays.
    pub(super) fn give_buffers_back(&mut self) {
        self.stack = Vec::new();
        self.stack_sources = Vec::new();
        self.path = Vec::new();
        self.lists = Vec::new();
        self.stamps = Vec::new();
        self.anomalies = Vec::new();
        self.unescaped = Vec::new();
    }

    /// Key ids that were learned mean nothing any more.
    fn forget_key_ids(&mut self) {
        if self.templates.forget_key_ids() {
            self.recurring.forget();
        }
    }
}

/// See the module's head.
pub(super) struct Reader<'r> {
    pub(super) cursor: Cursor<'r>,
    pub(super) batch: &'r mut SpanBatch,
    pub(super) scratch: &'r mut Scratch,
    pub(super) options: DecodeOptions,
    pub(super) strict: bool,
    /// Whether sources and residue are recorded.
    pub(super) record: bool,
    /// Faults in what is being read: a span, or a scope or resource without its spans.
    pub(super) faults: u32,
    /// What was passed over of the document so far.
    pub(super) passed: Passed,
    /// Attributes, elements, events and links of the owner that is being read.
    pub(super) items: usize,
    /// Those without what is in the list that is being read, if nobody wants that.
    pub(super) items_before: usize,
    /// Children there were before the span's list of attributes that is being read.
    pub(super) values_before: usize,
    /// Findings are not told.
    pub(super) quiet: bool,
    /// How many were not.
    pub(super) untold: u64,
    /// Index of the first span of the document.
    pub(super) first_span: usize,
    /// Bracket, and end of the last element, of the list that was read last.
    pub(super) last_list: (usize, usize),
    /// How things stood at the first byte of the document, until its first span, if its opening is worth learning.
    pub(super) opening: Option<Outset>,
    /// Then, the `ResourceSpans` whose scopes are being read.
    pub(super) outer: Outer,
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        text: &'r [u8],
        batch: &'r mut SpanBatch,
        scratch: &'r mut Scratch,
        mut options: DecodeOptions,
    ) -> Self {
        scratch.path.clear();
        scratch.stack.clear();
        scratch.stack_sources.clear();
        scratch.stamps.clear();
        scratch.lists.clear();
        let anomalies = std::mem::take(&mut scratch.anomalies);
        scratch.forget_key_ids();
        let strict = options.mode == Mode::Strict;
        let cursor = Rules::new(&options).cursor(text, 0, anomalies);
        let record = options.record_sources;
        if record {
            options.projection = Projection::ALL;
        }
        batch.has_sources = record;
        let last_list = (0, 0);
        Self {
            cursor,
            batch,
            scratch,
            options,
            strict,
            record,
            faults: 0,
            passed: Passed::default(),
            items: 0,
            items_before: 0,
            values_before: 0,
            quiet: false,
            untold: 0,
            first_span: 0,
            last_list,
            opening: None,
            outer: Outer::default(),
        }
    }

    /// Gives the cursor's buffer back for the next decode.
    pub(super) fn finish(self) {
        self.scratch.anomalies = self.cursor.anomalies;
    }

    /// Forgets every row that was added since `mark`, and what was learned about keys that are no more.
    pub(super) fn rewind(&mut self, mark: &Mark) {
        self.batch.rewind(mark);
        self.scratch.forget_key_ids();
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.cursor.peek()
    }

    #[inline]
    pub(super) fn string(&mut self) -> Result<RawString, Fatal> {
        let raw = self.cursor.string()?;
        self.drain_anomalies()?;
        Ok(raw)
    }

    #[inline]
    pub(super) fn scalar(&mut self) -> Result<Scalar, Fatal> {
        let scalar = self.cursor.scalar()?;
        self.drain_anomalies()?;
        Ok(scalar)
    }

    /// Reads past the value that stands here.
    pub(super) fn skip(&mut self) -> Result<(), Fatal> {
        self.cursor.skip()?;
        self.drain_anomalies()
    }

    /// Reads past the value that stands here and leaves it to the residue.
    pub(super) fn skip_to_residue(&mut self) -> Result<(), Fatal> {
        let start = self.cursor.at;
        self.skip()?;
        self.leave_out(start);
        Ok(())
    }

    /// Consumes `null` if it stands here.
    #[inline]
    pub(super) fn null(&mut self) -> Result<bool, Fatal> {
        Ok(self.cursor.null()?)
    }

    /// The handle of a string's text.
    #[inline]
    pub(super) fn text(&mut self, raw: RawString) -> Result<Text, Fatal> {
        if raw.broken {
            return self.make(raw.start, escape::unescape_into, raw.start, raw.end);
        }
        Ok(Text::input(raw.start, raw.end, raw.escaped))
    }

    /// The JSON text of the value that stands in `start..end`, as a text.
    pub(super) fn json_text(&mut self, start: usize, end: usize) -> Result<Text, Fatal> {
        if utf8::is_valid(self.cursor.slice(start, end)) {
            return Ok(Text::input(start, end, false));
        }
        self.make(start, escape::push_lossy, start, end)
    }

    /// Builds a text in the arena from the input's `start..end`.
    fn make(
        &mut self,
        offset: usize,
        build: impl FnOnce(&[u8], &mut Vec<u8>),
        start: usize,
        end: usize,
    ) -> Result<Text, Fatal> {
        let from = self.batch.made.len();
        build(self.cursor.slice(start, end), &mut self.batch.made);
        self.made_since(from, offset)
    }

    /// The handle of what was appended to the arena since `from`.
    pub(super) fn made_since(&mut self, from: usize, offset: usize) -> Result<Text, Fatal> {
        Text::new(crate::batch::TextKind::Made, from, self.batch.made.len())
            .ok_or_else(|| Fatal::new(Code::ArenaSize, offset))
    }

    /// Calls `read` with the content of a string, its escapes undone.
    #[inline]
    pub(super) fn with_content<T>(&mut self, raw: RawString, read: impl FnOnce(&[u8]) -> T) -> T {
        if raw.escaped || raw.broken {
            self.scratch.unescaped.clear();
            escape::unescape_into(self.cursor.slice(raw.start, raw.end), &mut self.scratch.unescaped);
            return read(&self.scratch.unescaped);
        }
        read(self.cursor.slice(raw.start, raw.end))
    }

    /// The range of what was read since `start`, or an empty one where sources are not recorded.
    #[inline]
    pub(super) fn source(&self, start: usize) -> ByteRange {
        if self.record { ByteRange::new(start, self.cursor.at) } else { ByteRange::default() }
    }
}
