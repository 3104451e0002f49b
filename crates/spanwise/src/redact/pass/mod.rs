//! The pass itself: a policy carried out on a batch, or on JSON.
//!
//! It decides once what is to be changed (`walk`), and carries that out in one of two ways: on the tables, which gives a
//! batch in buffers of its own (`rebuild`), or on the input, which gives JSON in which every untouched byte is the one that
//! came in (`output`). Where decoding took a liberty with a document, its bytes are not trusted: the document is written
//! afresh from the new tables, in canonical form.
//!
//! **It fails closed.** What could not be read does not come out, and is counted; what cannot be addressed is an error; a
//! text that is too long, too deep or not what it should be is masked whole.

mod edits;
mod joiner;
mod keys;
mod liberties;
mod lists;
mod memory;
mod output;
mod partly;
mod paths;
mod rebuild;
mod report;
mod walk;
mod window;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{DocumentRow, SpanBatch};
use crate::decode::{DecodeOptions, Decoder, Framing};
use crate::diagnostic::DecodeError;
use crate::encode::encode_into;
use crate::redact::policy::CompiledPolicy;
use crate::splice::{self, Splice, is_white};
use edits::Edits;
use joiner::own_bytes;
pub use joiner::{Joiner, Seams};
use liberties::Liberties;
use output::Splices;
use rebuild::Rebuild;
pub use report::{Count, RedactionReport};
use walk::Walk;

/// Findings kept of one decode. If there are more, what they were is not known, and all is written afresh.
const MOST_FINDINGS: usize = 1 << 16;

/// Why nothing came out.
#[derive(Debug)]
#[non_exhaustive]
pub enum RedactError {
    /// The input could not be decoded.
    Decode(DecodeError),
    /// The output would be larger than a batch can be: 2 GiB − 1 of text.
    TooLarge,
}

impl fmt::Display for RedactError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(formatter),
            Self::TooLarge => formatter.write_str("the redacted batch would hold more text than a batch can"),
        }
    }
}

impl std::error::Error for RedactError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Decode(error) => error.source(),
            Self::TooLarge => None,
        }
    }
}

impl From<DecodeError> for RedactError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

/// A redacted batch, and what was done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redacted {
    /// The batch. It shares no buffer with the one that was read, and has no diagnostics.
    pub batch: SpanBatch,
    /// Counts.
    pub report: RedactionReport,
}

impl From<rebuild::TooLarge> for RedactError {
    fn from(_: rebuild::TooLarge) -> Self {
        Self::TooLarge
    }
}

/// Redacted JSON, and what was done.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedactedJson {
    /// The JSON: one document, or a block of many as the input was one.
    pub data: Vec<u8>,
    /// Counts.
    pub report: RedactionReport,
}

/// How long the JSON is, and the counts: what a policy leaves is not for logs either.
impl fmt::Debug for RedactedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactedJson").field("bytes", &self.data.len()).field("report", &self.report).finish()
    }
}

/// Carries a policy out, over and over. Keep one: it remembers what becomes of which key, and reuses its buffers.
///
/// Its buffers stay as large as the largest payload made them. [`Self::memory`] says how large that is, and
/// [`Self::shrink_to`] gives them back.
///
/// # Examples
///
/// ```
/// use spanwise::redact::{Policy, Preset, Redactor};
///
/// let policy = Policy::from_preset(Preset::PrivacyMode).compile(None)?;
/// let mut redactor = Redactor::new(policy);
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat","attributes":[
///     {"key":"gen_ai.prompt","value":{"stringValue":"a secret"}},
///     {"key":"gen_ai.usage.input_tokens","value":{"intValue":"3"}}]}]}]}]}"#;
/// let redacted = redactor.redact_json(&body[..])?;
/// assert_eq!(
///     redacted.data,
///     br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat","attributes":[
///     {"key":"gen_ai.prompt","value":{"stringValue":"[REDACTED:content]"}},
///     {"key":"gen_ai.usage.input_tokens","value":{"intValue":"3"}}]}]}]}]}"#
/// );
/// assert_eq!(redacted.report.changes(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Redactor {
    policy: Arc<CompiledPolicy>,
    decoder: Decoder,
    batch: SpanBatch,
    lines: bool,
    state: State,
}

/// The policy, and nothing of what was redacted.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What is remembered and reused.
#[derive(Clone, Debug, Default)]
struct State {
    edits: Edits,
    keys: keys::Keys,
    window: window::Window,
    splices: Splices,
    /// Where in the output its documents stand.
    written: Vec<Range<usize>>,
}

impl Redactor {
    /// A redactor that decodes leniently.
    pub fn new(policy: impl Into<Arc<CompiledPolicy>>) -> Self {
        Self::with_options(policy, DecodeOptions::default())
    }

    /// A redactor that decodes so. Whatever the options say, sources are recorded, all lists are kept
    /// ([`Projection`](crate::Projection)), and 65,536 findings are ([`Limits::diagnostics`](crate::Limits)): what decoding took
    /// liberties with must be known for the rest to come out as it went in.
    pub fn with_options(policy: impl Into<Arc<CompiledPolicy>>, options: DecodeOptions) -> Self {
        let mut options = options.with_record_sources(true);
        options.limits.diagnostics = MOST_FINDINGS;
        Self {
            policy: policy.into(),
            decoder: Decoder::new(options),
            batch: SpanBatch::new(),
            lines: false,
            state: State::default(),
        }
    }

    /// The same, with every document of a block on a line of its own in the output, ended by a line feed: line ends within
    /// a document are left out. What comes of several inputs can then be put one behind the other.
    #[must_use]
    pub fn in_lines(mut self) -> Self {
        self.lines = true;
        self
    }

    /// The options it decodes with, for who decodes batches for it.
    pub fn decode_options(&self) -> DecodeOptions {
        self.decoder.options()
    }

    /// The policy.
    pub fn policy(&self) -> &CompiledPolicy {
        &self.policy
    }

    /// Redacts a batch.
    ///
    /// Costs a walk over the batch and a copy of what stays.
    ///
    /// # Errors
    /// The new batch would hold more than 2 GiB − 1 of text.
    pub fn redact(&mut self, batch: &SpanBatch) -> Result<Redacted, RedactError> {
        let mut report = RedactionReport::of(&self.policy);
        self.state.walk(batch, &self.policy, &mut report);
        let whole = whole_document(batch);
        let is_made = batch.documents.is_empty() && !batch.is_block;
        let documents = if is_made { std::slice::from_ref(&whole) } else { &batch.documents };
        let mut redacted = Rebuild::new(batch, &self.state.edits)?.documents(documents, &mut report)?;
        redacted.is_block = batch.is_block;
        redacted.rejected_spans = batch.rejected_spans;
        redacted.bad_documents = batch.bad_documents;
        redacted.other_signals = batch.other_signals;
        count_losses(batch, &mut report);
        Ok(Redacted { batch: redacted, report })
    }

    /// Redacts the payload of one request.
    ///
    /// Costs a decode, a walk over the batch, and a copy of what stays.
    ///
    /// # Errors
    /// The payload cannot be decoded at all. Spans that strict decoding rejects are no error: they are not in the output,
    /// and counted.
    pub fn redact_json(&mut self, payload: impl Into<Bytes>) -> Result<RedactedJson, RedactError> {
        let mut data = Vec::new();
        let report = self.redact_json_into(payload, &mut data)?;
        Ok(RedactedJson { data, report })
    }

    /// The same, written behind `out`, which keeps its capacity from call to call.
    ///
    /// # Errors
    /// As [`redact_json`](Self::redact_json); then nothing is written.
    pub fn redact_json_into(
        &mut self,
        payload: impl Into<Bytes>,
        out: &mut Vec<u8>,
    ) -> Result<RedactionReport, RedactError> {
        self.decoded(out, |decoder, batch| decoder.decode(payload, batch))
    }

    /// Redacts a block of documents: a file of JSON lines, say.
    ///
    /// Documents that cannot be read, and those of other signals, are not in the output, and counted. It is taken for a whole
    /// stream: what comes of several blocks of one stream is put together as
    /// [`redact_batch_into`](Self::redact_batch_into) says.
    ///
    /// # Errors
    /// The block is larger than 2 GiB − 1.
    pub fn redact_block(
        &mut self,
        block: impl Into<Bytes>,
        framing: Framing,
    ) -> Result<RedactedJson, RedactError> {
        let mut data = Vec::new();
        let report = self.redact_block_into(block, framing, &mut data)?;
        Ok(RedactedJson { data, report })
    }

    /// The same, written behind `out`, which keeps its capacity from call to call.
    ///
    /// # Errors
    /// As [`redact_block`](Self::redact_block); then nothing is written.
    pub fn redact_block_into(
        &mut self,
        block: impl Into<Bytes>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<RedactionReport, RedactError> {
        self.decoded(out, |decoder, batch| decoder.decode_block(block, framing, batch))
    }

    /// Writes what becomes of the batch that `decode` gives.
    fn decoded(
        &mut self,
        out: &mut Vec<u8>,
        decode: impl FnOnce(&mut Decoder, &mut SpanBatch) -> Result<(), DecodeError>,
    ) -> Result<RedactionReport, RedactError> {
        let mut batch = std::mem::take(&mut self.batch);
        let result = match decode(&mut self.decoder, &mut batch) {
            Ok(()) => self.redact_batch_into(&batch, out),
            Err(error) => Err(error.into()),
        };
        batch.clear();
        self.batch = batch;
        result
    }

    /// Redacts a batch that is decoded already, and writes its JSON behind `out`: one document for the payload of one
    /// request, and for a block as many as it has.
    ///
    /// Costs a walk over the batch and a copy of what stays. Where the batch was decoded with
    /// [`DecodeOptions::record_sources`], untouched bytes come out as they went in; where not, or where decoding took
    /// more liberties than [`crate::Limits::diagnostics`] keeps, all is written afresh in canonical form. Then the lists that a
    /// [`Projection`](crate::Projection) did not keep are not in it.
    ///
    /// What is written of the blocks of one stream cannot just be put behind each other: where a stream is cut there need be no
    /// line end, so that documents would touch (`{…}{…}`), and one that was too large for a block would be as many as it has
    /// parts. Either the redactor writes [lines](Self::in_lines), each with its end, or a [`Joiner`] puts
    /// [`redact_part_into`](Self::redact_part_into) of each together. How large the blocks are shows even then where a large document
    /// came in parts and decoding took a liberty with one of them: that part alone is written afresh, as a document of its own.
    /// So bytes, and [`RedactionReport::canonical_documents`], depend on [`BlockSizes`](crate::frame::BlockSizes) there; spans do
    /// not.
    ///
    /// # Errors
    /// What was written afresh would hold more than 2 GiB − 1 of text; then nothing is written.
    pub fn redact_batch_into(
        &mut self,
        batch: &SpanBatch,
        out: &mut Vec<u8>,
    ) -> Result<RedactionReport, RedactError> {
        self.redact_part_into(batch, out).map(|(report, _)| report)
    }

    /// The same of blocks that are to be put behind each other by a [`Joiner`], which makes one document again of one that was too
    /// large for a block. Without it each of its parts is a document.
    ///
    /// # Errors
    /// As [`redact_batch_into`](Self::redact_batch_into).
    pub fn redact_part_into(
        &mut self,
        batch: &SpanBatch,
        out: &mut Vec<u8>,
    ) -> Result<(RedactionReport, Seams), RedactError> {
        let begin = out.len();
        let result = self.write(batch, out);
        if result.is_err() {
            out.truncate(begin);
        }
        result
    }

    fn write(
        &mut self,
        batch: &SpanBatch,
        out: &mut Vec<u8>,
    ) -> Result<(RedactionReport, Seams), RedactError> {
        let mut report = RedactionReport::of(&self.policy);
        let mut seams = Seams::default();
        self.state.walk(batch, &self.policy, &mut report);
        count_losses(batch, &mut report);
        let State { edits, splices, written: documents, .. } = &mut self.state;
        documents.clear();
        let has_sources = splices.collect(batch, edits).is_ok() && batch.has_sources;
        // An empty policy leaves valid input alone, what no reader reads included.
        let cuts_residue = !self.policy.is_empty() || batch.rejected_spans > 0 || batch.other_signals > 0;
        if cuts_residue {
            splices.residue(batch, &self.policy, &mut report);
        }
        splices.list.sort_unstable_by_key(|splice| splice.start);
        let liberties = Liberties::of(batch);
        if !batch.is_block && batch.documents.len() != 1 {
            // One payload becomes one document, whatever was taken for it.
            let whole = whole_document(batch);
            let rebuilt = Rebuild::new(batch, edits)?.documents(std::slice::from_ref(&whole), &mut report)?;
            encode_into(&rebuilt, out);
            report.canonical_documents += 1;
            report.emptied_documents += batch.foreign_documents();
            return Ok((report, seams));
        }
        // Of all documents that are written afresh.
        let mut rebuild = None;
        let in_lines = self.lines && batch.is_block;
        let begin = out.len();
        let mut copied = 0;
        // A document was written, and no end of its line behind it.
        let mut line_is_open = false;
        let input: &[u8] = &batch.input;
        for document in &batch.documents {
            let range = document.bytes.range();
            let gap = input.get(copied..range.start).unwrap_or_default();
            copied = range.end;
            // Between documents stands white space, or what could not be read.
            if !in_lines && gap.iter().all(|byte| is_white(*byte)) {
                out.extend_from_slice(gap);
                line_is_open &= memchr::memchr(b'\n', gap).is_none();
            }
            if std::mem::take(&mut line_is_open) {
                out.push(b'\n');
            }
            if document.other_signal && batch.is_block {
                copied += line_end(input, range.end);
                continue;
            }
            let document_begin = out.len();
            let loses;
            if !has_sources || liberties.any_in(&range) {
                let rebuild = match &mut rebuild {
                    Some(made) => made,
                    none => none.insert(Rebuild::new(batch, edits)?),
                };
                encode_into(&rebuild.documents(std::slice::from_ref(document), &mut report)?, out);
                report.canonical_documents += 1;
                loses = true;
            } else {
                let first = splices.list.partition_point(|splice| splice.start < range.start);
                let last = splices.list.partition_point(|splice| splice.start < range.end);
                let own: &mut [Splice] = splices.list.get_mut(first..last).unwrap_or_default();
                loses = own.iter().any(|splice| matches!(splice.change, splice::Change::Cut));
                seams = write_spliced(batch, &range, own, &splices.put_in, in_lines, out);
            }
            report.emptied_documents += u64::from(document.foreign && loses);
            if in_lines {
                out.push(b'\n');
            }
            line_is_open = !in_lines;
            documents.push(document_begin..out.len());
        }
        let rest = input.get(copied..).unwrap_or_default();
        if !in_lines && rest.iter().all(|byte| is_white(*byte)) {
            out.extend_from_slice(rest);
        } else if line_is_open && batch.is_block && memchr::memchr(b'\n', rest).is_some() {
            // The line of the last document has an end, though what stands behind it is not in the output.
            out.push(b'\n');
        }
        if !in_lines && passes_for_lines(documents, out) && out.get(begin..) != Some(input) {
            become_lines(documents, out);
        }
        Ok((report, seams))
    }
}

impl State {
    fn walk(&mut self, batch: &SpanBatch, policy: &CompiledPolicy, report: &mut RedactionReport) {
        let Self { edits, keys, window, .. } = self;
        Walk::new(batch, policy, edits, report, keys, window).run();
    }
}

/// Writes a document of a batch with `own` splices carried out, in one line if `in_lines`. The end of that line is not written.
fn write_spliced(
    batch: &SpanBatch,
    range: &Range<usize>,
    own: &mut [Splice],
    put_in: &[u8],
    in_lines: bool,
    out: &mut Vec<u8>,
) -> Seams {
    let mut write = |range, splices: &mut [Splice]| {
        let begin = out.len();
        splice::splice(&batch.input, range, splices, put_in, out);
        if in_lines {
            leave_line_ends_out(out, begin);
        }
        out.len() - begin
    };
    let part = batch.part.as_ref().map(|part| (part, own_bytes(part, range)));
    let Some((part, bytes)) = part.filter(|(_, bytes)| !own.iter().any(|splice| splice.lies_across(bytes)))
    else {
        write(range.clone(), own);
        return Seams::default();
    };
    let (before, own) = own.split_at_mut(own.partition_point(|splice| splice.start < bytes.start));
    let (own, behind) = own.split_at_mut(own.partition_point(|splice| splice.start < bytes.end));
    let opening = write(range.start..bytes.start, before);
    write(bytes.clone(), own);
    let closing = write(bytes.end..range.end, behind);
    let mut gap = part.gap.to_vec();
    if in_lines {
        leave_line_ends_out(&mut gap, 0);
    }
    // The end of a line is behind what closes the document.
    Seams::new(opening, if part.ends { 0 } else { closing + usize::from(in_lines) }, part.ends, gap)
}

/// A row for all of a batch, for one that was made without documents.
fn whole_document(batch: &SpanBatch) -> DocumentRow {
    use crate::batch::Rows;
    DocumentRow {
        resources: Rows::since(0, &batch.resources),
        spans: Rows::since(0, &batch.spans),
        ..DocumentRow::default()
    }
}

fn count_losses(batch: &SpanBatch, report: &mut RedactionReport) {
    report.documents += batch.document_count();
    report.rejected_spans += batch.rejected_spans;
    report.bad_documents += batch.bad_documents;
    report.other_signals += batch.other_signals;
}

/// Whether a reader that goes by the first line would take documents for lines, and find some of them torn.
fn passes_for_lines(documents: &[Range<usize>], out: &[u8]) -> bool {
    let mut spread = documents
        .iter()
        .map(|document| memchr::memchr(b'\n', out.get(document.clone()).unwrap_or_default()).is_some());
    spread.next() == Some(false) && spread.any(|is_spread| is_spread)
}

/// Makes lines of the documents of an output.
fn become_lines(documents: &[Range<usize>], out: &mut Vec<u8>) {
    let Some(first) = documents.first() else { return };
    let spread = out.split_off(first.start);
    for document in documents {
        let range = document.start - first.start..document.end - first.start;
        let begin = out.len();
        out.extend_from_slice(spread.get(range).unwrap_or_default());
        leave_line_ends_out(out, begin);
        out.push(b'\n');
    }
}

/// Leaves line ends out behind `begin`. In valid JSON they are never within a string.
fn leave_line_ends_out(out: &mut Vec<u8>, begin: usize) {
    if memchr::memchr2(b'\n', b'\r', out.get(begin..).unwrap_or_default()).is_some() {
        let text = out.split_off(begin);
        out.extend(text.into_iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    }
}

/// How many bytes of white space follow `at`, up to and with the end of the line.
fn line_end(input: &[u8], at: usize) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| is_white(**byte)).count();
    let line = rest.iter().take(blank).position(|byte| *byte == b'\n');
    line.map_or(blank, |line| line + 1)
}

/// Redacts a batch once. For more than one batch keep a [`Redactor`].
///
/// # Errors
/// As [`Redactor::redact`].
pub fn redact(batch: &SpanBatch, policy: &CompiledPolicy) -> Result<Redacted, RedactError> {
    Redactor::new(policy.clone()).redact(batch)
}

/// Redacts a payload once. For more than one keep a [`Redactor`].
///
/// # Errors
/// As [`Redactor::redact_json`].
pub fn redact_json(payload: impl Into<Bytes>, policy: &CompiledPolicy) -> Result<RedactedJson, RedactError> {
    Redactor::new(policy.clone()).redact_json(payload)
}
