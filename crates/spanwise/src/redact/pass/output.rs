//! Edits carried out on the input: every byte that no edit touches comes out as it went in.
//!
//! What no row of the batch represents (unknown members, superseded ones, rejected spans) is cut out, or kept where the
//! policy keeps what is unknown and detectors have looked at it.

use super::edits::{Change, Edits, Slot};
use super::joiner::own_bytes;
use super::report::RedactionReport;
use crate::batch::{ByteRange, SpanBatch};
use crate::encode::write_string;
use crate::redact::detector::Look;
use crate::redact::json_text::Tokens;
use crate::redact::place::Place;
use crate::redact::policy::{CompiledPolicy, Unknown};
use crate::redact::text::redact_text;
use crate::schema::Field;
use crate::splice::{self, PutIn, Splice, is_white};

/// Buffers for splicing, to be used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Splices {
    pub(super) list: Vec<Splice>,
    pub(super) put_in: Vec<u8>,
}

/// An edit is of a row whose place in the input is not known: it cannot be carried out there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSource;

impl Splices {
    /// Turns edits into splices of the batch's input. The batch must have been decoded with its sources recorded.
    pub(super) fn collect(&mut self, batch: &SpanBatch, edits: &Edits) -> Result<(), NoSource> {
        self.list.clear();
        self.put_in.clear();
        if edits.overflows {
            return Err(NoSource);
        }
        let mut last: Option<(Change, Slot, PutIn)> = None;
        for edit in &edits.list {
            let range = source(batch, edit.slot, edit.row as usize, edit.change).ok_or(NoSource)?;
            let is_value = matches!(edit.slot, Slot::Attribute | Slot::Child);
            let change = match (edit.change, edits.text(edit.change)) {
                (Change::Drop, _) if is_value => splice::Change::Cut,
                (Change::Drop, _) if edit.slot == Slot::EntityRefs => splice::Change::Cut,
                (change, text) => {
                    // The same mask, over and over: put in once.
                    let put = match last {
                        Some((last, slot, put)) if last == change && slot == edit.slot => put,
                        _ => self.put(is_value, text.unwrap_or("")),
                    };
                    last = Some((change, edit.slot, put));
                    splice::Change::Put(put)
                }
            };
            self.list.push(Splice { start: range.start as usize, end: range.end as usize, change });
        }
        Ok(())
    }

    fn put(&mut self, is_value: bool, text: &str) -> PutIn {
        let start = self.put_in.len();
        if is_value {
            self.put_in.extend_from_slice(b"{\"stringValue\":");
        }
        write_string(text.as_bytes(), &mut self.put_in);
        if is_value {
            self.put_in.push(b'}');
        }
        PutIn { start, end: self.put_in.len() }
    }

    /// Adds what becomes of the input that no row represents.
    pub(super) fn residue(
        &mut self,
        batch: &SpanBatch,
        policy: &CompiledPolicy,
        report: &mut RedactionReport,
    ) {
        let input = batch.input();
        let whole = 0..input.len();
        // What is put round a part of a document is counted in the part that it comes from.
        let own = batch.part.as_ref().map_or(whole.clone(), |part| own_bytes(part, &whole));
        for range in &batch.residue {
            let piece = input.get(range.range()).unwrap_or_default();
            let (start, end) = (range.start as usize, range.end as usize);
            if policy.unknown() == Unknown::Keep
                && let Some(value) = unknown_member(piece)
                && self.keep(piece, start, &value, policy, report)
            {
                continue;
            }
            if is_index(piece) {
                continue;
            }
            // A value whose name was known to the reader: the name goes with it.
            let start = name_before(input, start).unwrap_or(start);
            self.list.push(Splice { start, end, change: splice::Change::Cut });
            report.unknown_members += u64::from(own.contains(&start));
        }
    }

    /// Lets detectors look at a member that stays. False where it must go: they find something in its name, of which two
    /// could become the same, or cannot look at its value.
    fn keep(
        &mut self,
        piece: &[u8],
        offset: usize,
        member: &Member,
        policy: &CompiledPolicy,
        report: &mut RedactionReport,
    ) -> bool {
        let Some((name, value)) =
            std::str::from_utf8(piece).ok().and_then(|piece| piece.split_at_checked(member.start))
        else {
            return false;
        };
        let look = Look { on: policy.selection(Place::Span), is_query: false };
        let name = name.get(..member.name_end).unwrap_or(name);
        let in_name = redact_text(policy.detectors(), look, name, &mut |_, _: &str, _: &mut String| {});
        if in_name.is_some() {
            return false;
        }
        let mut finds = Vec::new();
        let redacted =
            redact_text(policy.detectors(), look, value, &mut |detector, found: &str, out: &mut String| {
                finds.push(detector);
                policy.push_find(detector, found, out);
            });
        if let Some(redacted) = redacted {
            // Deeper than is looked into, it was cut like prose.
            if Tokens::new(&redacted).any(|token| token.is_err()) {
                return false;
            }
            for detector in finds {
                report.count_detector(detector);
            }
            let start = self.put_in.len();
            self.put_in.extend_from_slice(redacted.as_bytes());
            let put = PutIn { start, end: self.put_in.len() };
            let change = splice::Change::Put(put);
            self.list.push(Splice { start: offset + member.start, end: offset + piece.len(), change });
            report.count_place(Place::Span);
        }
        true
    }
}

/// Whether a piece is the number of a reference to a string table. It says nothing, and without it what it stands in has no
/// key for a reader that goes by the letter. Any other number that was left out is a liberty, and its document written
/// afresh.
fn is_index(piece: &[u8]) -> bool {
    const LONGEST: usize = 12;
    piece.len() <= LONGEST
        && piece.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'"' | b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// Where in the input the place of an edit stands.
fn source(batch: &SpanBatch, slot: Slot, row: usize, change: Change) -> Option<ByteRange> {
    let sources = &batch.sources;
    let range = match slot {
        Slot::Attribute | Slot::AttributeKey => {
            let source = sources.attributes.get(row)?;
            attribute(source, slot == Slot::AttributeKey, change)
        }
        Slot::Child | Slot::ChildKey => {
            let source = sources.values.get(row)?;
            attribute(source, slot == Slot::ChildKey, change)
        }
        Slot::SpanName => sources.spans.get(row)?.name,
        Slot::SpanTraceState => sources.spans.get(row)?.trace_state,
        Slot::StatusMessage => sources.spans.get(row)?.status_message,
        Slot::EventName => sources.events.get(row)?.name,
        Slot::LinkTraceState => sources.links.get(row)?.trace_state,
        Slot::ScopeName => sources.scopes.get(row)?.name,
        Slot::ScopeVersion => sources.scopes.get(row)?.version,
        Slot::ScopeSchema => sources.scopes.get(row)?.schema_url,
        Slot::ResourceSchema => sources.resources.get(row)?.schema_url,
        Slot::EntityRefs => {
            let list = sources.resources.get(row)?.entity_refs;
            let start = name_before(batch.input(), list.start as usize)?;
            ByteRange { start: u32::try_from(start).ok()?, end: list.end }
        }
        // Identifiers that are changed were no identifiers: such a document is written afresh.
        Slot::TraceId | Slot::SpanId | Slot::ParentSpanId | Slot::LinkTraceId | Slot::LinkSpanId => {
            return None;
        }
    };
    (!range.is_empty()).then_some(range)
}

fn attribute(source: &crate::batch::AttributeSource, is_key: bool, change: Change) -> ByteRange {
    match change {
        Change::Drop => source.element,
        Change::Text { .. } | Change::Lasting { .. } if is_key => source.key,
        Change::Text { .. } | Change::Lasting { .. } => source.value,
    }
}

/// Where a member's parts stand within it.
struct Member {
    name_end: usize,
    start: usize,
}

/// The parts of a piece that is a member whose name no message of OTLP has. A name that one has is that of a member that
/// another superseded, or of a place that it does not belong to: what it holds is no less private for that.
fn unknown_member(piece: &[u8]) -> Option<Member> {
    let inside = piece.strip_prefix(b"\"")?;
    let mut length = 0;
    loop {
        match inside.get(length)? {
            b'"' => break,
            b'\\' => length += 2,
            _ => length += 1,
        }
    }
    let name_end = length + 2;
    let blank = |from: usize| {
        piece.get(from..).unwrap_or_default().iter().take_while(|byte| is_white(**byte)).count()
    };
    let colon = name_end + blank(name_end);
    if piece.get(colon) != Some(&b':') {
        return None;
    }
    let mut name = Vec::new();
    crate::json::escape::unescape_into(inside.get(..length)?, &mut name);
    let start = colon + 1 + blank(colon + 1);
    (!Field::is_schema_word(&name)).then_some(Member { name_end, start })
}

/// Where the name of the member begins whose value stands at `value`; none if it is no member's. The name is one of the
/// schema, and holds no quote.
fn name_before(input: &[u8], value: usize) -> Option<usize> {
    let blank = |end: usize| {
        let before = input.get(..end).unwrap_or_default();
        end - before.iter().rev().take_while(|byte| is_white(**byte)).count()
    };
    let colon = blank(value).checked_sub(1).filter(|colon| input.get(*colon) == Some(&b':'))?;
    let quote = blank(colon).checked_sub(1).filter(|quote| input.get(*quote) == Some(&b'"'))?;
    memchr::memrchr(b'"', input.get(..quote)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_name() {
        let input = br#"{"a":1, "b" : [2]}"#;
        assert_eq!(name_before(input, 5), Some(1));
        assert_eq!(name_before(input, 14), Some(8));
        assert_eq!(name_before(input, 8), None);
        assert_eq!(name_before(input, 0), None);
    }

    #[test]
    fn members_of_the_schema_are_not_unknown() {
        for (piece, is_unknown) in [
            (r#""note":1"#, true),
            (r#""n\u006fte" : {}"#, true),
            (r#""attributes":[]"#, false),
            (r#""attr\u0069butes":[]"#, false),
            (r#""snake_case":1"#, true),
            (r#""trace_id":1"#, false),
            (r#""text""#, false),
            ("{}", false),
        ] {
            assert_eq!(unknown_member(piece.as_bytes()).is_some(), is_unknown, "{piece}");
        }
    }
}
