//! The state of one decode, and what every message reader uses: members, lists, findings.
//!
//! The path is kept as a stack of steps while messages are open. An error leaves it as it stood, so that a rejected
//! document's path is that of the byte at fault.

use super::gaps::{Gaps, Members};
use super::nested::Open;
use super::options::{DecodeOptions, Mode, Projection};
use super::recurring::{Outer, Outset, Recurring};
use super::templates::Templates;
use crate::batch::{AttributeRow, AttributeSource, ByteRange, Mark, SpanBatch, Text};
use crate::diagnostic::{Code, Effect, Severity, Step};
use crate::frame::Rules;
use crate::json::{
    Anomaly, AnomalyKind, Cursor, JsonError, JsonErrorKind, RawString, Scalar, Walk, escape, utf8,
};
use crate::schema::{Field, Message, Resemblance};

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

    // ---- findings

    /// Notes a finding at the current path, with `tail` appended to it.
    #[cold]
    pub(super) fn report(&mut self, code: Code, offset: usize, tail: &[Field]) -> Result<(), Fatal> {
        self.report_as(code.effect(self.strict), code, offset, tail)
    }

    pub(super) fn report_as(
        &mut self,
        effect: Effect,
        code: Code,
        offset: usize,
        tail: &[Field],
    ) -> Result<(), Fatal> {
        self.report_many(effect, code, offset, tail, 1)
    }

    /// Notes `count` findings of which the first is at `offset`.
    fn report_many(
        &mut self,
        effect: Effect,
        code: Code,
        offset: usize,
        tail: &[Field],
        count: u64,
    ) -> Result<(), Fatal> {
        let severity = match effect {
            Effect::Reject => {
                self.scratch.path.extend(tail.iter().map(|field| Step::Field(*field)));
                return Err(Fatal::new(code, offset));
            }
            Effect::Fault => {
                self.faults += u32::from(self.strict);
                if self.strict { Severity::Error } else { Severity::Warning }
            }
            Effect::Warn => Severity::Warning,
        };
        if self.quiet {
            self.untold += count;
            return Ok(());
        }
        self.batch.log.push_many(severity, code, offset, (&self.scratch.path, tail), count);
        Ok(())
    }

    /// Findings so far, those included that are not told.
    #[inline]
    pub(super) fn findings(&self) -> u64 {
        self.batch.log.count() + self.untold
    }

    #[cold]
    fn report_anomalies(&mut self) -> Result<(), Fatal> {
        let anomalies = std::mem::take(&mut self.cursor.anomalies);
        for anomaly in &anomalies {
            let code = match anomaly.kind {
                AnomalyKind::RawControlCharacter => Code::RawControlCharacter,
                AnomalyKind::LoneSurrogate => Code::LoneSurrogate,
                AnomalyKind::InvalidUtf8 => Code::InvalidUtf8,
                AnomalyKind::NonFiniteToken => Code::NonFiniteToken,
            };
            self.report_many(code.effect(self.strict), code, anomaly.offset, &[], anomaly.count)?;
        }
        self.cursor.anomalies = anomalies;
        self.cursor.anomalies.clear();
        Ok(())
    }

    #[inline]
    fn drain_anomalies(&mut self) -> Result<(), Fatal> {
        if self.cursor.anomalies.is_empty() { Ok(()) } else { self.report_anomalies() }
    }

    /// Counts one more attribute, element, event or link of the owner that is being read.
    #[inline]
    pub(super) fn count_item(&mut self) -> Result<(), Fatal> {
        self.items += 1;
        if self.items > self.options.limits.attributes {
            return Err(Fatal::new(Code::AttributesPerSpan, self.cursor.at));
        }
        Ok(())
    }

    /// Remembers that no row represents the bytes from `start` to where the cursor stands.
    #[inline]
    pub(super) fn leave_out(&mut self, start: usize) {
        if self.record {
            self.batch.residue.push(ByteRange::new(start, self.cursor.at));
        }
    }

    /// Notes whether a line feed is in what is learned of the bytes from `from` to where the cursor stands.
    pub(super) fn note_feeds(&mut self, from: usize) {
        let learned = self.cursor.slice(from, self.cursor.at);
        self.scratch.learned_feeds |= memchr::memchr(b'\n', learned).is_some();
    }

    // ---- tokens

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

    // ---- texts

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

    // ---- objects

    /// Opens the object that stands here.
    #[inline]
    pub(super) fn open(&mut self, message: Message) -> Result<Members, Fatal> {
        let start = self.cursor.at;
        self.cursor.open()?;
        Ok(Members::new(message, start))
    }

    /// Reads the next member's name and colon; the cursor then stands at its value. `None` at the object's end, which is
    /// consumed. Members that the schema does not know are reported and skipped on the way.
    #[allow(
        clippy::inline_always,
        reason = "measured: what is guessed is a few comparisons, and the call cost as much"
    )]
    #[inline(always)]
    pub(super) fn next_member(&mut self, members: &mut Members) -> Result<Option<Field>, Fatal> {
        let rest = self.cursor.text.get(self.cursor.at..).unwrap_or_default();
        if !self.options.general_path
            && let Some(gap) = self.scratch.gaps.after(members.message, members.last)
            && gap.literal.begins(rest)
        {
            let (length, field) = (gap.literal.len(), gap.field);
            if self.take_gap(members, length, field, rest) {
                return Ok(field);
            }
        }
        self.unguessed_member(members)
    }

    /// Takes the gap of this length that stands here, unless something is out of the ordinary; nothing moves then.
    #[inline]
    fn take_gap(&mut self, members: &mut Members, length: usize, field: Option<Field>, rest: &[u8]) -> bool {
        match field {
            // The same gap may be followed by white space, which is not part of it.
            Some(field)
                if members.seen & field.bit() == 0 && rest.get(length).is_some_and(|byte| *byte > b' ') =>
            {
                self.cursor.at += length;
                members.seen |= field.bit();
                members.last = field as u8;
                true
            }
            None if !members.duplicates => {
                self.cursor.at += length - 1;
                self.cursor.close();
                true
            }
            _ => false,
        }
    }

    /// [`Self::next_member`] where the guess was wrong.
    #[inline(never)]
    fn unguessed_member(&mut self, members: &mut Members) -> Result<Option<Field>, Fatal> {
        members.misses = members.misses.saturating_add(1);
        let (message, last) = (members.message, members.last);
        if !self.options.general_path && self.scratch.gaps.after(message, last).is_some() {
            let rest = self.cursor.text.get(self.cursor.at..).unwrap_or_default();
            let disordered = self.scratch.gaps.is_disordered();
            if !disordered && let Some(gap) = self.scratch.gaps.other(message, last, rest) {
                let (length, field) = (gap.literal.len(), gap.field);
                if self.take_gap(members, length, field, rest) {
                    return Ok(field);
                }
            }
            if (disordered || !self.scratch.gaps.is_worth_learning(message, last))
                && let Some(field) = self.compact_member(members)
            {
                return Ok(Some(field));
            }
        }
        self.parse_member(members)
    }

    /// Reads a known member's name where no white space stands round it and no escape in it; nothing moves otherwise.
    fn compact_member(&mut self, members: &mut Members) -> Option<Field> {
        let rest = self.cursor.text.get(self.cursor.at..)?;
        let name = match rest {
            [b',', b'"', name @ ..] if !members.is_first(self.cursor.at) => name,
            [b'"', name @ ..] if members.is_first(self.cursor.at) => name,
            _ => return None,
        };
        let length = name.iter().take(Field::LONGEST + 1).position(|byte| *byte == b'"')?;
        let (name, after) = name.split_at_checked(length)?;
        let field = members.message.field(name)?;
        let [b'"', b':', value, ..] = after else { return None };
        if *value <= b' ' || members.seen & field.bit() != 0 {
            return None;
        }
        self.cursor.at += rest.len() - after.len() + 2;
        members.seen |= field.bit();
        members.last = field as u8;
        Some(field)
    }

    /// [`Self::next_member`] where nothing was learned or the guess was wrong.
    #[inline(never)]
    fn parse_member(&mut self, members: &mut Members) -> Result<Option<Field>, Fatal> {
        // Where the gap to the next member begins; none after a member that was skipped, whose value lies within.
        let mut gap = Some(self.cursor.at);
        loop {
            let first = members.is_first(self.cursor.at);
            if !self.cursor.next_item(first, b'}')? {
                if let Some(gap) = gap {
                    self.note_feeds(gap);
                    self.scratch.gaps.learn(members, self.cursor.slice(gap, self.cursor.at), None);
                }
                if members.duplicates && self.record {
                    self.leave_out_duplicates(members)?;
                }
                return Ok(None);
            }
            let start = self.cursor.at;
            let raw = self.string()?;
            let message = members.message;
            let own = self.with_content(raw, |name| message.field(name));
            let known = match own {
                Some(field) => Some(field),
                None => self.unknown_member(members, start, raw)?,
            };
            self.cursor.colon()?;
            let Some(field) = known else {
                self.skip()?;
                self.leave_out(start);
                members.skipped();
                gap = None;
                continue;
            };
            // A field under another name is a finding each time, so only its own is learned.
            if let Some(gap) = gap
                && own.is_some()
                && !raw.escaped
            {
                self.note_feeds(gap);
                self.scratch.gaps.learn(members, self.cursor.slice(gap, self.cursor.at), Some(field));
            }
            if members.seen & field.bit() != 0 {
                members.duplicates = true;
                self.report(Code::DuplicateKey, start, &[field])?;
            }
            members.seen |= field.bit();
            members.last = field as u8;
            return Ok(Some(field));
        }
    }

    /// A name that the schema does not have in this message. Returns the field that lenient mode takes it for.
    #[cold]
    fn unknown_member(
        &mut self,
        members: &mut Members,
        start: usize,
        raw: RawString,
    ) -> Result<Option<Field>, Fatal> {
        let message = members.message;
        let resembles = self.with_content(raw, |name| message.resembles(name));
        members.resembled |= resembles.is_some();
        let code = match resembles {
            None => Code::UnknownMember,
            Some(Resemblance::SnakeCase(_)) => Code::SnakeCaseKey,
            Some(Resemblance::Former(field)) => match field {
                Field::Batches => Code::TempoBatches,
                Field::ResourceLogs | Field::ResourceMetrics | Field::ResourceProfiles => Code::OtherSignal,
                Field::InstrumentationLibrarySpans | Field::InstrumentationLibrary => Code::DeprecatedKey,
                _ => Code::BareResourceSpans,
            },
        };
        self.report(code, start, &[])?;
        // Other signals are told apart in both modes: a document that holds nothing else is counted.
        Ok(resembles.filter(|_| !self.strict || code == Code::OtherSignal).map(Resemblance::field))
    }

    /// Reads a message field with `read`, or nothing at `null`. Anything but an object is a finding and is skipped.
    #[inline]
    pub(super) fn message(
        &mut self,
        field: Field,
        read: impl FnOnce(&mut Self) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        if self.peek() == Some(b'{') {
            self.scratch.path.push(Step::Field(field));
            read(self)?;
            self.scratch.path.pop();
            return Ok(());
        }
        if self.null()? {
            return Ok(());
        }
        self.mismatch(&[field])
    }

    /// Reports that the value here has the wrong type, and skips it.
    #[cold]
    pub(super) fn mismatch(&mut self, tail: &[Field]) -> Result<(), Fatal> {
        let start = self.cursor.at;
        self.skip_to_residue()?;
        self.report(Code::TypeMismatch, start, tail)
    }

    // ---- lists

    /// Says which element of the innermost list is being read.
    #[inline]
    pub(super) fn set_index(&mut self, index: u32) {
        if let Some(step) = self.scratch.path.last_mut() {
            *step = Step::Index(index);
        }
    }

    /// Reads the elements of the array that stands here; `read` is called at each element's first byte, with where the one
    /// before ended.
    #[inline]
    pub(super) fn elements(
        &mut self,
        read: impl FnMut(&mut Self, usize) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        let bracket = self.cursor.at;
        self.cursor.open()?;
        self.scratch.path.push(Step::Index(0));
        let end = self.rest_of_elements(0, read)?;
        self.last_list = (bracket, end);
        Ok(())
    }

    /// Reads the elements from `index` on. Returns where the last one ended.
    #[allow(
        clippy::inline_always,
        reason = "measured: lists of events are short, and the call cost as much as an event"
    )]
    #[inline(always)]
    fn rest_of_elements(
        &mut self,
        mut index: u32,
        mut read: impl FnMut(&mut Self, usize) -> Result<(), Fatal>,
    ) -> Result<usize, Fatal> {
        loop {
            let gap = self.cursor.at;
            if !self.cursor.next_item(index == 0, b']')? {
                self.scratch.path.pop();
                return Ok(gap);
            }
            self.set_index(index);
            read(self, gap)?;
            index = index.saturating_add(1);
        }
    }

    /// Reads a repeated message field; `read` is called at each element's `{`.
    #[inline]
    pub(super) fn messages(
        &mut self,
        field: Field,
        read: impl FnMut(&mut Self) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        if self.open_messages(field)? { self.rest_of_messages(field, 0, read) } else { Ok(()) }
    }

    /// Opens the list of a repeated message field, if there is one.
    #[inline]
    pub(super) fn open_messages(&mut self, field: Field) -> Result<bool, Fatal> {
        if self.peek() != Some(b'[') {
            if !self.null()? {
                self.mismatch(&[field])?;
            }
            return Ok(false);
        }
        self.scratch.path.push(Step::Field(field));
        self.cursor.open()?;
        self.scratch.path.push(Step::Index(0));
        Ok(true)
    }

    /// Reads the elements from `index` on; the path is that of the one before, or of the first.
    #[inline]
    pub(super) fn rest_of_messages(
        &mut self,
        field: Field,
        index: u32,
        mut read: impl FnMut(&mut Self) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        self.rest_of_elements(index, |reader, _| match reader.peek() {
            Some(b'{') => read(reader),
            _ => reader.no_message(field),
        })?;
        self.scratch.path.pop();
        Ok(())
    }

    /// An element of a list of messages that is no object. Where it stands for a span, or for a scope or resource with
    /// spans of its own, it is at fault alone: what holds the list is not.
    #[cold]
    pub(super) fn no_message(&mut self, field: Field) -> Result<(), Fatal> {
        let start = self.cursor.at;
        let faults = self.faults;
        if self.null()? {
            self.report(Code::NullElement, start, &[])?;
        } else {
            self.mismatch(&[])?;
        }
        match field {
            Field::Spans => {
                self.batch.rejected_spans += u64::from(self.faults - faults);
                self.faults = faults;
            }
            Field::ResourceSpans | Field::ScopeSpans => {
                self.faults = faults;
            }
            _ => {}
        }
        Ok(())
    }
}
