//! Decode, redact, and tell the spans apart: what is done with a body before it is stored.

use std::hash::Hasher as _;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr_iter;
use spanwise::redact::{CompiledPolicy, RedactError, Redactor};
use spanwise::{
    Code, DecodeOptions, Decoder, Diagnostic, Limits, Mode, Rows, Severity, SpanBatch, Text, encode_into,
};
use twox_hash::XxHash3_64;

use crate::answer::{Answer, Bound, finding};
use crate::body::READ_AT_ONCE;
use crate::delivery::SpanKey;
use crate::metrics::{FindingLabel, Metrics};

/// Findings that an answer names.
const TOLD: usize = 3;
/// A worker that has decoded a payload with larger tables begins afresh, so that it does not hold their memory.
const KEPT_TABLES: usize = 32 << 20;
/// Bytes of the largest row of a table that an object can become; spans, whose rows are larger, have a bound of their own.
const ROW: usize = 96;
/// Bytes of the row that an element of an array can become.
const VALUE: usize = 16;
/// The row of a span, and what is recorded with it.
const SPAN: usize = 320;
/// Bytes of ordinary spans for each object and each comma: traces with short attributes have 38 and 31, those of LLM traffic 55 and 45.
const ORDINARY: usize = 32;

/// Attributes of resources and scopes, once for each of their spans, in one payload, and in one table that is made of several. A
/// payload of two megabytes could come to a hundred million otherwise, which no memory holds when they are columns.
const MOST_REPEATED: u64 = 1 << 22;
/// Bytes of their text, counted so as well. A payload of two megabytes could come to a terabyte in Parquet otherwise.
const MOST_REPEATED_BYTES: u64 = 1 << 30;

/// Whether a table of these spans would be too large for its payload: the text of a resource stands in the row of each span.
pub(crate) fn repeats_too_much(batch: &SpanBatch) -> bool {
    batch.repeated_attributes() > MOST_REPEATED || batch.repeated_bytes() > MOST_REPEATED_BYTES
}

/// The bounds within which is read again what was taken within others: none.
pub(crate) fn taken_already() -> Limits {
    let most = usize::MAX;
    Limits {
        depth: most,
        spans: most,
        attributes: most,
        string_bytes: most,
        diagnostics: 0,
        ..Limits::default()
    }
}

/// A payload, ready to be stored.
pub(crate) struct Prepared {
    /// What to store; nothing where there is no span.
    pub(crate) json: Bytes,
    pub(crate) keys: Vec<SpanKey>,
    /// What to answer, once it is stored.
    pub(crate) answer: Answer,
}

/// Decodes one payload after the other, with buffers that it keeps.
#[derive(Debug)]
pub(crate) struct Worker {
    options: DecodeOptions,
    policy: Option<Arc<CompiledPolicy>>,
    decoder: Decoder,
    batch: SpanBatch,
    redactor: Option<Redactor>,
    /// Reads what is to be stored, where that is not what was sent.
    reader: Decoder,
    stored: SpanBatch,
}

impl Worker {
    pub(crate) fn new(options: DecodeOptions, policy: Option<Arc<CompiledPolicy>>) -> Self {
        let options = options.with_record_sources(true);
        let reading = options.with_mode(Mode::Lenient).with_limits(taken_already());
        Self {
            options,
            decoder: Decoder::new(options),
            batch: SpanBatch::new(),
            redactor: policy.clone().map(|policy| Redactor::with_options(policy, options)),
            policy,
            reader: Decoder::new(reading),
            stored: SpanBatch::new(),
        }
    }

    /// Does all that is done before storing.
    ///
    /// `tables` is what [`tables`] gives for the body.
    pub(crate) fn prepare(
        &mut self,
        body: Bytes,
        tables: usize,
        metrics: &Metrics,
    ) -> Result<Prepared, Answer> {
        let large = tables > KEPT_TABLES;
        let prepared = self.work(body, metrics);
        self.batch.clear();
        self.stored.clear();
        if large {
            *self = Self::new(self.options, self.policy.take());
        }
        prepared
    }

    fn work(&mut self, body: Bytes, metrics: &Metrics) -> Result<Prepared, Answer> {
        if let Err(error) = self.decoder.decode(body.clone(), &mut self.batch) {
            let diagnostic = error.diagnostic();
            let label = FindingLabel { code: diagnostic.code.as_str() };
            metrics.findings.get_or_create(&label).inc();
            return Err(match diagnostic.code {
                Code::DocumentSize => {
                    let most = self.options.limits.document_bytes.min(Text::MAX);
                    Answer::TooLarge(Bound::Document(most))
                }
                _ => Answer::rejected(diagnostic),
            });
        }
        for (code, count) in self.batch.diagnostic_counts() {
            metrics.findings.get_or_create(&FindingLabel { code: code.as_str() }).inc_by(count);
        }
        metrics.spans_rejected.inc_by(self.batch.rejected_spans());
        if repeats_too_much(&self.batch) {
            let message = format!(
                "what resources and scopes say, once for each of their spans, is more than {MOST_REPEATED} attributes or \
                 {MOST_REPEATED_BYTES} bytes"
            );
            return Err(Answer::Invalid { message, field: None });
        }
        let answer = self.answer();
        if self.batch.is_empty() {
            return Ok(Prepared { json: Bytes::new(), keys: Vec::new(), answer });
        }
        let json = match &mut self.redactor {
            Some(redactor) => {
                let mut out = Vec::with_capacity(body.len());
                let report =
                    redactor.redact_batch_into(&self.batch, &mut out).map_err(|error| match error {
                        RedactError::TooLarge => Answer::TooLarge(Bound::Redacted),
                        error => {
                            let code = match &error {
                                RedactError::Decode(error) => error.diagnostic().code.as_str(),
                                _ => "",
                            };
                            tracing::error!(code, "redaction failed; the request is refused");
                            Answer::Internal
                        }
                    })?;
                metrics.redacted_values.inc_by(report.changes());
                Some(out)
            }
            // What was rejected is not stored, nor are metrics and logs.
            None if self.batch.rejected_spans() > 0 || holds_other_signals(&self.batch) => {
                let mut out = Vec::with_capacity(body.len());
                encode_into(&self.batch, &mut out);
                Some(out)
            }
            None => None,
        };
        let Some(json) = json else {
            return Ok(Prepared { json: body, keys: keys(&self.batch), answer });
        };
        let json = Bytes::from(json);
        if self.reader.decode(json.clone(), &mut self.stored).is_err()
            || self.stored.len() != self.batch.len()
        {
            tracing::error!("what was to be stored does not decode to what was sent; the request is refused");
            return Err(Answer::Internal);
        }
        Ok(Prepared { json, keys: keys(&self.stored), answer })
    }

    /// What to answer when all that was taken is stored.
    fn answer(&self) -> Answer {
        let rejected = self.batch.rejected_spans();
        let mut told = Vec::new();
        if self.batch.error_count() > 0 {
            let errors = self.batch.diagnostics().filter(|found| found.severity == Severity::Error);
            told.extend(errors.take(TOLD).map(|found| finding(&found)));
            let rest = self.batch.error_count() - told.len() as u64;
            if rest > 0 {
                told.push(format!("and {rest} more"));
            }
        }
        // Nothing was rejected there, and yet the sender may have meant spans that are not stored.
        // Beside spans a member that is not known is one of a later version, which is to be ignored.
        let is_told = |found: &Diagnostic| self.batch.is_empty() || found.code != Code::UnknownMember;
        told.extend(self.batch.passed_over().filter(is_told).map(|found| finding(&found)));
        if holds_other_signals(&self.batch) {
            told.push("metrics, logs and profiles are not stored".to_owned());
        }
        if rejected == 0 && told.is_empty() {
            Answer::Stored
        } else {
            Answer::Partly { rejected, message: told.join("; ") }
        }
    }
}

/// Whether there are metrics, logs or profiles, alone or beside traces.
fn holds_other_signals(batch: &SpanBatch) -> bool {
    batch.diagnostic_counts().any(|(code, _)| code == Code::OtherSignal)
}

/// Bytes that the tables of a payload can take at most. Two passes over the payload at the speed of memory: small payloads with
/// large tables are what would exhaust it otherwise.
pub(crate) fn tables(json: &[u8], limits: Limits) -> usize {
    let objects = memchr_iter(b'{', json).count();
    let elements = memchr_iter(b',', json).count();
    rows(objects, elements, limits.spans).saturating_add(growth(json))
}

/// Bytes that are taken for a payload beside itself, before it is decoded: its tables, what is stored, and the copy of that on the way
/// to the log.
pub(crate) fn needed(json: &[u8], tables: usize) -> usize {
    tables.saturating_add(json.len() * 2)
}

/// Bytes that the least of all deliveries takes, `{}`: with fewer nothing can be delivered.
pub(crate) fn least(limits: Limits) -> usize {
    let json = b"{}";
    READ_AT_ONCE.saturating_add(needed(json, tables(json, limits)))
}

/// Bytes that the rows of so many objects and elements can take at most.
fn rows(objects: usize, elements: usize, spans: usize) -> usize {
    let rows = objects.saturating_mul(ROW).saturating_add(elements.saturating_mul(VALUE));
    rows.saturating_add(objects.min(spans).saturating_mul(SPAN))
}

/// Bytes that a body of ordinary spans takes from the budget, so long without its compression: itself, what is stored, its copy, and
/// the tables.
pub(crate) fn ordinary(body: usize, limits: Limits) -> usize {
    let rows = rows(body / ORDINARY, body / ORDINARY, limits.spans);
    body.saturating_mul(3).saturating_add(rows)
}

/// Bytes by which the text of a payload grows at most where it is mended: a control character that stands in a string as it is
/// becomes an escape of six, and a byte that is no UTF-8 a replacement character of three.
fn growth(json: &[u8]) -> usize {
    let is_control = |byte: u8| byte < b' ' && byte != b'\t' && byte != b'\n' && byte != b'\r';
    let controls = count(json, is_control);
    let broken = match simdutf8::basic::from_utf8(json) {
        Ok(_) => 0,
        Err(_) => count(json, |byte| !byte.is_ascii()),
    };
    controls * 5 + broken * 2
}

/// How many bytes are such. Counted in bytes as long as these reach, so that as many are counted at once as a vector holds.
fn count(text: &[u8], is_such: impl Fn(u8) -> bool) -> usize {
    let of = |part: &[u8]| part.iter().fold(0, |sum: u8, byte| sum + u8::from(is_such(*byte)));
    text.chunks(usize::from(u8::MAX)).map(|part| usize::from(of(part))).sum()
}

/// The keys of all spans.
fn keys(batch: &SpanBatch) -> Vec<SpanKey> {
    let (input, sources) = (batch.input(), batch.sources());
    let mut context = None;
    let spans = batch.span_rows().iter().zip(&sources.spans);
    let key = |(row, source): (&spanwise::SpanRow, &spanwise::SpanSource)| {
        let context = match context {
            Some((scope, hash)) if scope == row.scope => hash,
            _ => {
                let hash = scope_hash(batch, row.scope);
                context = Some((row.scope, hash));
                hash
            }
        };
        let element = input.get(source.element.range()).unwrap_or_default();
        let (trace_id, span_id) = (batch.text(row.trace_id.text), batch.text(row.span_id.text));
        SpanKey::new(trace_id.as_bytes(), span_id.as_bytes(), context, element)
    };
    spans.map(key).collect()
}

/// Hash of a scope and its resource, as they were written.
fn scope_hash(batch: &SpanBatch, scope: u32) -> u64 {
    let mut hasher = XxHash3_64::default();
    let Some(scope) = batch.scope_rows().get(scope as usize) else { return 0 };
    let resource = batch.resource_rows().get(scope.resource as usize).copied().unwrap_or_default();
    let mut attributes = |rows: Rows| {
        hasher.write_u32(rows.len);
        let sources = batch.sources().attributes.get(rows.range()).unwrap_or_default();
        for source in sources {
            let element = batch.input().get(source.element.range()).unwrap_or_default();
            hasher.write_u64(element.len() as u64);
            hasher.write(element);
        }
    };
    attributes(resource.attributes);
    attributes(scope.attributes);
    for text in [scope.name, scope.version, scope.schema_url, resource.schema_url] {
        let text = batch.text(text);
        hasher.write_u64(text.len() as u64);
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_grows_where_it_is_mended() {
        for (text, more) in [
            (&b"{\"a\":\"\xc3\xa4\"}\r\n\t"[..], 0),
            (b"\x00\x1f\x7f", 10),
            (b"\xff\xc3\xa4", 6),
            (b"\x01\xff", 7),
            (&[1; 1000], 5000),
            (&[0xff; 511], 1022),
        ] {
            assert_eq!(growth(text), more, "{text:?}");
        }
    }

    #[test]
    fn the_same_span_of_another_scope_is_another_span() {
        let span = r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"s"}"#;
        let scope = |name: &str| format!(r#"{{"scope":{{"name":"{name}"}},"spans":[{span}]}}"#);
        let scopes = ["a", "b", "a"].map(scope).join(",");
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{scopes}]}}]}}"#);
        let mut batch = SpanBatch::new();
        Decoder::new(DecodeOptions::default().with_record_sources(true)).decode(body, &mut batch).unwrap();
        let keys = keys(&batch);
        assert_eq!((keys.len(), keys[0].ids == keys[1].ids), (3, true));
        assert!(keys[0].content != keys[1].content && keys[0].content == keys[2].content);
    }
}
