//! A block of many documents: lines, or documents one after the other. A bad document costs itself alone.

use bytes::Bytes;

use super::options::Framing;
use super::reader::{Fatal, Reader};
use super::{Decoder, SpanBatch};
use crate::batch::Text;
use crate::diagnostic::{Code, DecodeError, Severity};

impl Decoder {
    /// Decodes a block of documents into `batch`, which is cleared first: a file of JSON lines, say.
    ///
    /// A rejected document is an error among [`SpanBatch::diagnostics`] and counted in [`SpanBatch::bad_documents`]; the
    /// documents round it are read. Strict mode reports what the OTLP file format forbids (blank lines, lines of other
    /// signals, documents that are no lines) and reads on.
    ///
    /// # Errors
    /// The block is larger than 2 GiB − 1; then `batch` is empty.
    ///
    /// ```
    /// use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch};
    /// let lines = "{\"resourceSpans\":[]}\n{\"resourceSpans\":\n{\"resourceLogs\":[]}\n";
    /// let mut batch = SpanBatch::new();
    /// Decoder::new(DecodeOptions::default()).decode_block(lines, Framing::Auto, &mut batch)?;
    /// assert_eq!((batch.documents().len(), batch.bad_documents(), batch.other_signals()), (2, 1, 1));
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn decode_block(
        &mut self,
        block: impl Into<Bytes>,
        framing: Framing,
        batch: &mut SpanBatch,
    ) -> Result<(), DecodeError> {
        let input = block.into();
        batch.clear();
        batch.is_block = true;
        batch.log.bound = self.options.limits.diagnostics;
        batch.log.show_keys = self.options.report_keys;
        if input.len() > Text::MAX {
            return Err(self.rejection(Code::DocumentSize, 0, &[]));
        }
        let mut reader = Reader::new(&input, batch, &mut self.scratch, self.options);
        reader.block(framing);
        reader.finish();
        batch.input = input;
        Ok(())
    }
}

/// Index after the next newline at or after `from`, or the end.
fn line_end(text: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', text.get(from..).unwrap_or_default()).map_or(text.len(), |at| from + at + 1)
}

/// Whether nothing but JSON's white space stands there.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
}

impl Reader<'_> {
    fn block(&mut self, framing: Framing) {
        let marked = self.byte_order_mark();
        if let Err(fatal) = marked {
            // Strict: the mark belongs to the first document, which is bad with it.
            self.bad_document(fatal);
            self.cursor.at = line_end(self.cursor.text, 0);
        }
        let start = self.cursor.at;
        if self.cursor.white().is_none() {
            if marked.is_ok()
                && let Err(fatal) = self.report(Code::EmptyInput, self.cursor.at, &[])
            {
                self.bad_document(fatal);
            }
            return;
        }
        match framing {
            Framing::Auto if !self.is_lines(start) => self.documents(start),
            Framing::Auto | Framing::Lines => self.lines(start),
            Framing::Documents => self.documents(start),
        }
    }

    /// Whether the first line that is not blank is a whole JSON value, with more than white space after it.
    fn is_lines(&mut self, start: usize) -> bool {
        let text = self.cursor.text;
        let mut from = start;
        let mut end = line_end(text, from);
        while from < end && is_blank(self.cursor.slice(from, end)) {
            from = end;
            end = line_end(text, from);
        }
        if is_blank(self.cursor.slice(end, text.len())) {
            return false;
        }
        // A document that is laid out over several lines fails at the end of the first, without a second look at the rest.
        self.cursor.text = text.get(..end).unwrap_or_default();
        self.cursor.at = from;
        self.cursor.depth = 0;
        self.cursor.white();
        let whole = self.cursor.skip().is_ok() && self.cursor.white().is_none();
        self.cursor.anomalies.clear();
        self.cursor.text = text;
        self.cursor.at = start;
        whole
    }

    fn lines(&mut self, start: usize) {
        let text = self.cursor.text;
        let mut from = start;
        while from < text.len() {
            let end = line_end(text, from);
            self.line(text, from, end);
            from = end;
        }
    }

    fn line(&mut self, text: &[u8], from: usize, end: usize) {
        self.scratch.path.clear();
        if is_blank(text.get(from..end).unwrap_or_default()) {
            if self.strict {
                self.note(Code::BlankLine, from);
            }
            return;
        }
        let whole = self.cursor.text;
        self.cursor.text = whole.get(..end).unwrap_or_default();
        self.cursor.at = from;
        let others = self.batch.other_signals;
        // Whether it counted is in the batch.
        let _ = self.attempt(Self::payload);
        self.cursor.text = whole;
        if self.strict && self.batch.other_signals > others {
            self.scratch.path.clear();
            self.note(Code::MixedSignals, from);
        }
    }

    fn documents(&mut self, start: usize) {
        self.cursor.at = start;
        let mut first = true;
        let mut budget = self.cursor.text.len().saturating_mul(REREADS);
        while self.cursor.white().is_some() {
            let begin = self.cursor.at;
            if !first {
                self.scratch.path.clear();
                self.note(Code::ConcatenatedDocuments, begin);
            }
            first = false;
            let attempt = self.attempt(|reader| reader.document().and_then(|()| reader.after_document()));
            if let Err(fault) = attempt {
                let reached = fault.max(self.cursor.at);
                let spent = reached - begin;
                let from = if spent <= budget { begin } else { reached };
                budget = budget.saturating_sub(spent);
                self.cursor.at = resynchronise(self.cursor.text, from);
            }
        }
    }

    /// What may follow a document: white space, and on a new line or in lenient mode another document.
    fn after_document(&mut self) -> Result<(), Fatal> {
        let end = self.cursor.at;
        let next = self.cursor.white();
        let new_line = memchr::memchr(b'\n', self.cursor.slice(end, self.cursor.at)).is_some();
        match next {
            None => Ok(()),
            Some(b'{' | b'[') if new_line || !self.strict => Ok(()),
            _ => {
                self.scratch.path.clear();
                Err(Fatal { code: Code::TrailingBytes, offset: self.cursor.at })
            }
        }
    }

    /// Reads something that counts whole or not at all. Where it does not count, returns the place of the fault.
    fn attempt(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Fatal>) -> Result<(), usize> {
        let mark = self.batch.mark();
        let documents = self.batch.documents.len();
        let residue = self.batch.residue.len();
        let other_signals = self.batch.other_signals;
        let Err(fatal) = read(self) else { return Ok(()) };
        self.rewind(&mark);
        self.batch.rejected_spans = mark.rejected_spans;
        self.batch.documents.truncate(documents);
        self.batch.residue.truncate(residue);
        self.batch.other_signals = other_signals;
        self.bad_document(fatal);
        Err(fatal.offset)
    }

    /// Notes a finding about the block that rejects nothing.
    fn note(&mut self, code: Code, offset: usize) {
        let severity = if self.strict { Severity::Error } else { Severity::Warning };
        self.batch.log.push(severity, code, offset, &self.scratch.path, &[]);
    }

    fn bad_document(&mut self, fatal: Fatal) {
        self.batch.log.push(Severity::Error, fatal.code, fatal.offset, &self.scratch.path, &[]);
        self.batch.bad_documents += 1;
        self.cursor.anomalies.clear();
    }
}

/// How many times the length of the block may be read again after bad documents. Each may have been read to the end of the
/// block before it proved bad, so without a bound the cost would grow with their number.
const REREADS: usize = 4;

/// Where reading goes on after a bad document: at the next `{` or `[` in column 0 after `from`, which is where the document
/// began as long as that is affordable. A torn document must not take the next one with it, which it may have swallowed
/// as one of its own elements.
fn resynchronise(text: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        at = line_end(text, at);
        match text.get(at) {
            None | Some(b'{' | b'[') => return at,
            Some(_) => {}
        }
    }
}
