//! The members of messages, in any order, and the elements of lists.

use super::gaps::Members;
use super::reader::{Fatal, Reader};
use crate::diagnostic::{Code, Step};
use crate::json::RawString;
use crate::schema::{Field, Message, Resemblance};

impl Reader<'_> {
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
