//! A block of many documents: lines, or documents one after the other. A bad document costs itself alone.

use bytes::Bytes;

use super::options::Framing;
use super::reader::{Fatal, Reader};
use super::{Decoder, SpanBatch};
use crate::batch::{Mark, Text};
use crate::diagnostic::{Code, DecodeError, Severity};
use crate::frame::{
    Block, Part, Rereads, Rules, after_white, first_line, is_blank, is_line_behind, line_end,
    next_in_column_0,
};

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
        self.decode_framed(Block::whole(block.into(), framing), batch)
    }

    /// Decodes a block that a [`Framer`](crate::frame::Framer) cut out of a stream, as [`Self::decode_block`] does a whole
    /// one. Findings tell their place in the stream. The framer must have been made for the options of this decoder.
    ///
    /// # Errors
    /// As those of [`Self::decode_block`], at the block's place in the stream.
    pub fn decode_framed(&mut self, block: Block, batch: &mut SpanBatch) -> Result<(), DecodeError> {
        batch.clear();
        batch.is_block = true;
        batch.log.bound = self.options.limits.diagnostics;
        batch.log.show_keys = self.options.report_keys;
        batch.origin = block.origin.clone();
        if block.bytes.len() > Text::MAX {
            return Err(self.rejection(Code::DocumentSize, 0, &[], block.origin));
        }
        let mut reader = Reader::new(&block.bytes, batch, &mut self.scratch, self.options);
        let feeds = reader.block(&block);
        reader.finish();
        if let (Some(feeds), Some(counting)) = (feeds, &block.counting) {
            counting.counted(feeds);
        }
        batch.input = block.bytes;
        Ok(())
    }
}

/// What a batch had before something was read that counts whole or not at all.
struct Before {
    mark: Mark,
    documents: usize,
    residue: usize,
    other_signals: u64,
}

impl Reader<'_> {
    /// Reads a part of a document, which is a document of its own.
    fn part(&mut self, block: &Block, part: &Part) {
        let text = self.cursor.text;
        let own = part.before..text.len() - part.behind.min(text.len());
        // What a torn document ends with is its own, and so is its end.
        let end = if part.behind == 0 { usize::MAX } else { own.end };
        self.batch.log.part(own.start..end, part.indices);
        if part.before == 0 {
            // Lenient: strict mode refuses the mark and its line.
            let _ = block.first && self.byte_order_mark().is_ok();
            if block.follows && block.framing != Framing::Lines && self.cursor.white().is_some() {
                self.scratch.path.clear();
                self.note(Code::ConcatenatedDocuments, self.cursor.at);
            }
        }
        self.batch.part = Some(Box::new(part.clone()));
        if self.attempt(|reader| reader.document().and_then(|()| reader.after_document())) && !part.ends {
            self.batch.unended += 1;
        }
    }

    /// Returns how many line feeds there are, if that comes of itself.
    fn block(&mut self, block: &Block) -> Option<u64> {
        if let Some(part) = &block.part {
            self.part(block, part);
            return None;
        }
        if block.first {
            let marked = self.byte_order_mark();
            if let Err(fatal) = marked {
                // Strict: the mark belongs to the first document, which is bad with it.
                self.bad_document(fatal);
                self.cursor.at = line_end(self.cursor.text, 0);
            }
            let start = self.cursor.at;
            if block.last && self.cursor.white().is_none() {
                if marked.is_ok()
                    && let Err(fatal) = self.report(Code::EmptyInput, self.cursor.at, &[])
                {
                    self.bad_document(fatal);
                }
                return None;
            }
            self.cursor.at = start;
        }
        let start = self.cursor.at;
        let lines = match block.framing {
            Framing::Auto => self.is_lines(start),
            Framing::Lines => true,
            Framing::Documents => false,
        };
        if lines {
            let feeds = self.lines(start);
            return (start == 0).then_some(feeds);
        }
        self.documents(start, block);
        None
    }

    /// Whether the first line that is not blank is a whole JSON value, with more after it that may be a line.
    fn is_lines(&mut self, start: usize) -> bool {
        let text = self.cursor.text;
        let Some((from, end)) = first_line(text, start) else { return false };
        // A document that is laid out over several lines fails at the end of the first, without a second look at the rest.
        let line = self.cursor.slice(from, end);
        let behind = after_white(text, end).and_then(|next| is_line_behind(text, next, true));
        behind == Some(true) && Rules::new(&self.options).is_value(line, &mut self.cursor.anomalies)
    }

    /// Reads lines. Returns how many line feeds there are.
    ///
    /// A line is whatever ends with a line feed, so its end is to be found before it is read. As long as all is well it need
    /// not: a document that was read without going past a line feed, with nothing to find fault with, and with a line feed
    /// behind it, is what its line would have given.
    fn lines(&mut self, start: usize) -> u64 {
        let text = self.cursor.text;
        let mut feeds = 0;
        let mut from = start;
        let mut well = self.learns_lines();
        while from < text.len() {
            well = well && self.findings() == 0;
            let good = if well { self.good_line(from) } else { None };
            // Not tried again in this block: whoever wants to have many lines read twice, far beyond their ends, would find a way.
            well = good.is_some();
            let end = good.unwrap_or_else(|| {
                let end = line_end(text, from);
                self.line(from, end);
                end
            });
            feeds += u64::from(text.get(..end).is_some_and(|lines| lines.ends_with(b"\n")));
            from = end;
        }
        feeds
    }

    /// Whether lines may be read before their ends are known. No line feed must be in what was learned then.
    fn learns_lines(&mut self) -> bool {
        if std::mem::take(&mut self.scratch.learned_feeds) {
            self.scratch.gaps.forget();
            self.scratch.templates.forget();
            self.scratch.recurring.forget();
        }
        !self.options.general_path
    }

    /// Reads the line at `from` if there is nothing to say of it. Returns the index behind it; otherwise all is as before.
    fn good_line(&mut self, from: usize) -> Option<usize> {
        self.cursor.at = from;
        let before = self.before();
        self.cursor.in_line = true;
        let read = self.document().is_ok() && matches!(self.cursor.white(), Some(b'\n') | None);
        self.cursor.in_line = false;
        if read && self.findings() == 0 && self.batch.other_signals == before.other_signals {
            return Some((self.cursor.at + 1).min(self.cursor.text.len()));
        }
        self.take_back(&before);
        self.batch.log.clear();
        self.cursor.anomalies.clear();
        None
    }

    fn line(&mut self, from: usize, end: usize) {
        self.scratch.path.clear();
        if is_blank(self.cursor.slice(from, end)) {
            if self.strict {
                self.note(Code::BlankLine, from);
            }
            return;
        }
        let whole = self.cursor.text;
        // Where a line is torn is where it ends, and not on the next one.
        let line = whole.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.cursor.text = line.strip_suffix(b"\r").unwrap_or(line);
        self.cursor.at = from;
        let others = self.batch.other_signals;
        self.attempt(Self::payload);
        self.cursor.text = whole;
        if self.strict && self.batch.other_signals > others {
            self.scratch.path.clear();
            self.note(Code::MixedSignals, from);
        }
    }

    fn documents(&mut self, start: usize, block: &Block) {
        self.cursor.at = start;
        let mut follows = block.follows;
        let mut rereads = block.rereads;
        if block.trails {
            self.pass_trailing();
        }
        while self.cursor.white().is_some() {
            let begin = self.cursor.at;
            if follows {
                self.scratch.path.clear();
                self.note(Code::ConcatenatedDocuments, begin);
            }
            follows = true;
            if self.attempt(Self::document) {
                self.pass_trailing();
            } else {
                self.cursor.at = self.after_bad(begin, block.origin.offset, &mut rereads);
            }
        }
    }

    /// Passes over what stands behind a document, up to where the next may begin. What is none there is bad by itself, and costs
    /// the document nothing.
    fn pass_trailing(&mut self) {
        let end = self.cursor.at;
        if let Err(fatal) = self.after_document() {
            self.bad_document(fatal);
            let text = self.cursor.text;
            self.cursor.at = next_in_column_0(text, end).unwrap_or(text.len());
        }
    }

    /// Where reading goes on after a bad document. If it is JSON, whatever else is wrong with it, that is after it; if it is
    /// torn, at the next bracket in column 0.
    fn after_bad(&mut self, begin: usize, offset: u64, rereads: &mut Rereads) -> usize {
        let text = self.cursor.text;
        let rules = Rules::new(&self.options);
        let mut cursor = rules.cursor(text, begin, std::mem::take(&mut self.cursor.anomalies));
        let verdict = cursor.skip();
        let end = cursor.at;
        let next = cursor.white();
        let after = cursor.at;
        cursor.anomalies.clear();
        self.cursor.anomalies = cursor.anomalies;
        let from = match verdict {
            Ok(()) if next.is_none_or(|byte| rules.may_follow(self.cursor.slice(end, after), byte)) => {
                return after;
            }
            Ok(()) => end,
            Err(error) => rereads.after_torn(begin, error.offset, offset),
        };
        next_in_column_0(text, from).unwrap_or(text.len())
    }

    /// What may follow a document: white space, and on a new line or in lenient mode another document.
    fn after_document(&mut self) -> Result<(), Fatal> {
        let end = self.cursor.at;
        match self.cursor.white() {
            None => Ok(()),
            Some(byte)
                if Rules::new(&self.options).may_follow(self.cursor.slice(end, self.cursor.at), byte) =>
            {
                Ok(())
            }
            Some(_) => {
                self.scratch.path.clear();
                Err(Fatal::new(Code::TrailingBytes, self.cursor.at))
            }
        }
    }

    /// Reads something that counts whole or not at all. Returns whether it counted.
    fn attempt(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Fatal>) -> bool {
        let before = self.before();
        let Err(fatal) = read(self) else { return true };
        self.take_back(&before);
        self.bad_document(fatal);
        false
    }

    fn before(&self) -> Before {
        Before {
            mark: self.batch.mark(),
            documents: self.batch.documents.len(),
            residue: self.batch.residue.len(),
            other_signals: self.batch.other_signals,
        }
    }

    fn take_back(&mut self, before: &Before) {
        self.rewind(&before.mark);
        self.batch.rejected_spans = before.mark.rejected_spans;
        self.batch.documents.truncate(before.documents);
        self.batch.residue.truncate(before.residue);
        self.batch.other_signals = before.other_signals;
    }

    /// Notes a finding about the block that rejects nothing.
    fn note(&mut self, code: Code, offset: usize) {
        let severity = if self.strict { Severity::Error } else { Severity::Warning };
        self.batch.log.push(severity, code, offset, &self.scratch.path, &[]);
    }

    fn bad_document(&mut self, fatal: Fatal) {
        self.batch.log.reject(fatal.code, fatal.offset(), &self.scratch.path);
        self.batch.bad_documents += 1;
        self.cursor.anomalies.clear();
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::diagnostic::{LineNumber, Origin};

    /// It is not looked at, and so takes no memory.
    #[test]
    #[cfg_attr(miri, ignore = "memory that nobody looks at is taken there")]
    fn a_block_that_is_too_large_is_told_where_it_stands() {
        let bytes = Bytes::from(vec![0; Text::MAX + 1]);
        let at = |origin: Origin| {
            let block = Block { origin, ..Block::whole(bytes.clone(), Framing::Documents) };
            let error = Decoder::default().decode_framed(block, &mut SpanBatch::new()).unwrap_err();
            let found = error.diagnostic();
            assert_eq!(found.code, Code::DocumentSize);
            (found.offset, found.line, found.column)
        };
        assert_eq!(at(Origin::default()), (0, 1, 1));
        let origin = Origin { offset: 5 << 30, line: LineNumber::known(7), column: 3, before: 0 };
        assert_eq!(at(origin.clone()), (5 << 30, 7, 4));
        // A part begins where the bytes behind what was put before it do.
        assert_eq!(at(Origin { before: 40, ..origin }), (5 << 30, 7, 4));
    }
}
