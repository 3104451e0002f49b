//! The request, and what stands round it: byte order mark, wrappers, further documents.

use super::findings::Passed;
use super::gaps::Members;
use super::reader::{Fatal, Reader};
use super::resource_spans::{ListMark, ResourceSpans};
use crate::batch::{ByteRange, DocumentRow, Rows};
use crate::diagnostic::Code;
use crate::frame::BYTE_ORDER_MARK;
use crate::schema::{Field, Message};

/// What a top-level object held.
#[derive(Default)]
pub(super) struct Found {
    pub(super) traces: bool,
    other_signal: bool,
    /// Members of `ResourceSpans` without the request round them.
    is_bare: bool,
    /// The resource that bare members of `ResourceSpans` belong to.
    bare: Option<ResourceSpans>,
}

impl Reader<'_> {
    /// Skips a byte order mark at the cursor, if the mode takes one.
    pub(super) fn byte_order_mark(&mut self) -> Result<(), Fatal> {
        if self.cursor.text.get(self.cursor.at..).is_some_and(|rest| rest.starts_with(BYTE_ORDER_MARK)) {
            self.report(Code::ByteOrderMark, self.cursor.at, &[])?;
            self.cursor.at += BYTE_ORDER_MARK.len();
        }
        Ok(())
    }

    /// Reads one document; the cursor is left after it. After an error, the caller rewinds the tables.
    pub(super) fn document(&mut self) -> Result<(), Fatal> {
        let mark = self.batch.mark();
        self.first_span = mark.spans;
        self.faults = 0;
        self.passed = Passed::default();
        self.scratch.path.clear();
        self.cursor.depth = 0;
        self.cursor.white();
        let start = self.cursor.at;
        self.opening = None;
        let mut found = Found::default();
        self.top_level(&mut found)?;
        if self.cursor.at - start > self.options.limits.document_bytes {
            return Err(Fatal::new(Code::DocumentSize, start));
        }
        let other_signal = found.other_signal && !found.traces;
        self.batch.other_signals += u64::from(other_signal);
        let mut row = DocumentRow {
            bytes: ByteRange::new(start, self.cursor.at),
            resources: Rows::since(mark.resources, &self.batch.resources),
            spans: Rows::since(mark.spans, &self.batch.spans),
            rejected_spans: u32::try_from(self.batch.rejected_spans - mark.rejected_spans)
                .unwrap_or(u32::MAX),
            other_signal,
            foreign: false,
        };
        row.foreign = self.is_foreign(&row, &found);
        self.batch.documents.push(row);
        Ok(())
    }

    fn is_foreign(&self, row: &DocumentRow, found: &Found) -> bool {
        // Of a document that was cut a part does not know what is before it and behind it.
        let is_without_spans =
            row.spans.len == 0 && row.rejected_spans == 0 && !row.other_signal && self.batch.part.is_none();
        // What the schema does not know yet may stand beside a list of spans that is empty, as much as beside spans. Who has a
        // `resource` alone, and more that is not known, writes no traces: logs of clouds look like that.
        self.passed.whole || is_without_spans && (self.passed.misread || found.is_bare && self.passed.unknown)
    }

    fn top_level(&mut self, found: &mut Found) -> Result<(), Fatal> {
        match self.peek() {
            Some(b'{') => match self.recall_opening() {
                Some(opened) => self.rest_of_opened(opened, found),
                None => self.request(found),
            },
            Some(b'[') => self.top_level_array(found),
            _ => {
                let start = self.cursor.at;
                self.skip()?;
                Err(Fatal::new(Code::TopLevelType, start))
            }
        }
    }

    fn top_level_array(&mut self, found: &mut Found) -> Result<(), Fatal> {
        let start = self.cursor.at;
        if self.strict {
            // The verdict on the JSON comes first.
            self.skip()?;
            return self.report(Code::TopLevelArray, start, &[]);
        }
        self.report(Code::TopLevelArray, start, &[])?;
        self.elements(|reader, _| match reader.peek() {
            Some(b'{') => reader.request(found),
            Some(b'n') => {
                let start = reader.cursor.at;
                reader.null()?;
                reader.report(Code::NullElement, start, &[])
            }
            _ => {
                reader.passed.whole = true;
                reader.mismatch(&[])
            }
        })
    }

    /// Reads an `ExportTraceServiceRequest` (the same as `TracesData`).
    fn request(&mut self, found: &mut Found) -> Result<(), Fatal> {
        let residue = self.batch.residue.len();
        let members = self.open(Message::Request)?;
        found.bare = None;
        self.rest_of_request(members, residue, None, found)
    }

    /// Reads what is left of a request; `residue` is how many ranges of bytes were left out before it, and `list` where
    /// `resourceSpans` began, if it came.
    #[inline]
    pub(super) fn rest_of_request(
        &mut self,
        mut members: Members,
        residue: usize,
        mut list: Option<ListMark>,
        found: &mut Found,
    ) -> Result<(), Fatal> {
        let start = members.start;
        let mut known = list.is_some();
        while let Some(field) = self.next_member(&mut members)? {
            known = true;
            match field {
                Field::ResourceSpans => {
                    found.traces = true;
                    self.finish_bare(found);
                    self.replace_list(&mut list, true);
                    self.messages(field, Self::resource_spans)?;
                }
                Field::ResourceLogs | Field::ResourceMetrics | Field::ResourceProfiles => {
                    found.other_signal = true;
                    self.skip_to_residue()?;
                }
                // Beside a list, bare members are what strict mode takes them for. Those that came before it are kept as a
                // resource of their own: the rows of a resource lie together.
                _ if list.is_some() => {
                    if field == Field::ScopeSpans {
                        self.pass_over(Code::BareResourceSpans, self.cursor.at, &[field]);
                    }
                    self.skip_to_residue()?;
                }
                _ => {
                    found.traces = true;
                    found.is_bare = true;
                    let mut bare = if let Some(bare) = found.bare.take() {
                        bare
                    } else {
                        // As deep as it would be within a request.
                        self.cursor.depth += 2;
                        self.begin_resource_spans(start, residue)
                    };
                    self.resource_spans_member(&mut bare, field)?;
                    found.bare = Some(bare);
                }
            }
        }
        self.finish_bare(found);
        let empty = self.cursor.slice(start + 1, self.cursor.at - 1).iter().all(u8::is_ascii_whitespace);
        // A member that resembles a known one was reported as such; "nothing known" would hide the cause.
        if !known && !empty && !members.resembled {
            self.passed.whole = true;
            self.report(Code::NoKnownField, start, &[])?;
        }
        Ok(())
    }

    fn finish_bare(&mut self, found: &mut Found) {
        if let Some(bare) = found.bare.take() {
            self.cursor.depth = self.cursor.depth.saturating_sub(2);
            self.finish_resource_spans(&bare);
        }
    }

    /// Strict: before a document of the wrong type is refused as such, what follows it must not make it no JSON at all.
    fn verdict_first(&mut self, fatal: Fatal) -> Fatal {
        let of_type = matches!(fatal.code, Code::TopLevelType | Code::TopLevelArray);
        if self.strict && of_type && self.cursor.white().is_some() {
            self.scratch.path.clear();
            return Fatal::new(Code::TrailingBytes, self.cursor.at);
        }
        fatal
    }

    /// Reads the payload of one request: one document, or in lenient mode several, or none.
    pub(super) fn payload(&mut self) -> Result<(), Fatal> {
        self.byte_order_mark()?;
        if self.cursor.white().is_none() {
            return self.report(Code::EmptyInput, self.cursor.at, &[]);
        }
        loop {
            self.document().map_err(|fatal| self.verdict_first(fatal))?;
            match self.cursor.white() {
                None => return Ok(()),
                Some(b'{' | b'[') if !self.strict => {
                    self.report(Code::ConcatenatedDocuments, self.cursor.at, &[])?;
                }
                Some(_) => return Err(Fatal::new(Code::TrailingBytes, self.cursor.at)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{DecodeOptions, Decoder, Framing, Mode, SpanBatch};

    const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat"}]}]}]}"#;

    /// Of each document whether it is foreign.
    fn foreign(text: &str, mode: Mode) -> Vec<bool> {
        let (mut decoder, mut batch) =
            (Decoder::new(DecodeOptions::default().with_mode(mode)), SpanBatch::new());
        decoder.decode_block(text.as_bytes().to_vec(), Framing::Lines, &mut batch).unwrap();
        batch.documents().iter().map(|document| document.foreign).collect()
    }

    #[test]
    fn what_holds_nothing_of_traces_is_foreign_whatever_json_it_is() {
        let snake = SPAN.replace("resourceSpans", "resource_spans");
        let (array, mixed) = (format!("[{SPAN}]"), format!(r#"[{SPAN},{{"hello":1}}]"#));
        // In strict mode an array is no document.
        for (text, lenient, strict) in [
            (r#"{"hello":1}"#, true, Some(true)),
            (r#"["a","b"]"#, true, None),
            ("[1,2]", true, None),
            ("[[]]", true, None),
            (r#"[{"role":"user"},{"role":"user"}]"#, true, None),
            (&mixed, true, None),
            (r#"{"resourceSpans":"text"}"#, true, Some(true)),
            (r#"{"resourceSpans":{}}"#, true, Some(true)),
            (r#"{"resourceSpans":["text"]}"#, true, Some(true)),
            // To strict mode it is a span that is rejected.
            (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[1]}]}]}"#, true, Some(false)),
            (r#"{"resource":5}"#, true, Some(true)),
            (r#"{"resource":{"type":"gce"},"textPayload":"x"}"#, true, Some(true)),
            (&snake, false, Some(true)),
            (&array, false, None),
            ("{}", false, Some(false)),
            ("[]", false, None),
            ("[null]", false, None),
            (r#"{"resourceSpans":[]}"#, false, Some(false)),
            (r#"{"resourceSpans":null}"#, false, Some(false)),
            (r#"{"resourceSpans":[],"future":1}"#, false, Some(false)),
            (r#"{"resourceSpans":[{"future":1}]}"#, false, Some(false)),
            (r#"{"resourceLogs":["text"]}"#, false, Some(false)),
            (SPAN, false, Some(false)),
        ] {
            assert_eq!(foreign(text, Mode::Lenient), [lenient], "{text}");
            assert_eq!(foreign(text, Mode::Strict), strict.as_slice(), "{text}");
            // Nor does it depend on what stands beside it.
            let lines = format!("{SPAN}\n{text}\n{SPAN}\n{text}\n{SPAN}\n");
            assert_eq!(foreign(&lines, Mode::Lenient), [false, lenient, false, lenient, false], "{text}");
        }
    }
}
