//! Findings: at which path, of what severity, and what becomes of what they are about.

use super::reader::{Fatal, Reader};
use crate::batch::ByteRange;
use crate::diagnostic::{Code, Effect, Severity, Step, Unread};
use crate::json::AnomalyKind;
use crate::schema::Field;

/// What of a document was passed over around its spans: in requests, resources and scopes.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Something of another type, or of a name that this mode does not read.
    pub(super) misread: bool,
    /// A member that the schema does not know.
    pub(super) unknown: bool,
    /// An object with nothing of OTLP in it, or an element in place of a request that is no object.
    pub(super) whole: bool,
}

impl Reader<'_> {
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
        self.note_passed(code, tail);
        if self.quiet {
            self.untold += count;
            return Ok(());
        }
        if severity == Severity::Warning && self.passes_over(code, tail) {
            self.pass_over(code, offset, tail);
        }
        self.batch.log.push_many(severity, code, offset, (&self.scratch.path, tail), count);
        Ok(())
    }

    fn note_passed(&mut self, code: Code, tail: &[Field]) {
        let is_misread = match code {
            Code::UnknownMember => false,
            // Nothing of them is lost, or what comes later counts.
            Code::NullElement | Code::DuplicateKey => return,
            code if code.unread(self.strict) == Unread::Nothing => return,
            _ => true,
        };
        let is_around_spans = self.fields(tail).all(|field| {
            let messages =
                [Field::ResourceSpans, Field::ScopeSpans, Field::Spans, Field::Resource, Field::Scope];
            messages.contains(&field)
        });
        if is_around_spans {
            self.passed.misread |= is_misread;
            self.passed.unknown |= !is_misread;
        }
    }

    /// The fields on the way from the document to what is read, and on along `tail`.
    fn fields(&self, tail: &[Field]) -> impl Iterator<Item = Field> {
        let steps = self.scratch.path.iter().filter_map(|step| match step {
            Step::Field(field) => Some(*field),
            Step::Index(_) => None,
        });
        steps.chain(tail.iter().copied())
    }

    /// Whether spans may be in what a warning at the current path, with `tail` appended to it, leaves unread.
    fn passes_over(&self, code: Code, tail: &[Field]) -> bool {
        let unread = code.unread(self.strict);
        if unread == Unread::Nothing {
            return false;
        }
        let mut in_span = false;
        let on_the_way = self.fields(tail).all(|field| {
            in_span = field == Field::Spans;
            matches!(field, Field::ResourceSpans | Field::ScopeSpans | Field::Spans)
        });
        on_the_way && !(in_span && unread == Unread::Member)
    }

    /// Notes a warning by which spans may have been passed over.
    #[cold]
    pub(super) fn pass_over(&mut self, code: Code, offset: usize, tail: &[Field]) {
        self.batch.log.pass_over(code, offset, &self.scratch.path, tail);
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
    pub(super) fn drain_anomalies(&mut self) -> Result<(), Fatal> {
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
}
