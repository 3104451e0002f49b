//! Bytes to [`SpanBatch`]: one pass, directed by the schema, over borrowed input.
//!
//! One file per message. A reader function is called at the first byte of its value and leaves the cursor after the
//! last. Nothing here knows what comes after a batch. That is the general path, the definition of what is right; beside it
//! stands what is learned of a writer, which reads as it would or falls back on it: `gaps`, `templates` and what belongs to
//! them, `sequence` and `recurring`.

mod any_value;
mod attributes;
pub(crate) mod base64;
mod block;
mod bytes_value;
mod duplicates;
mod either_order;
mod findings;
mod gaps;
mod id;
mod members;
mod nested;
mod options;
mod plain_value;
mod reader;
mod recurring;
mod request;
mod resource_spans;
mod scalar;
mod scope_spans;
mod sequence;
mod simple_members;
mod span;
mod template;
mod templated;
mod templates;
mod unwanted;

use std::fmt;

use bytes::Bytes;

pub use options::{DecodeOptions, Framing, Limits, Mode, Projection};

use crate::batch::{SpanBatch, Text};
use crate::diagnostic::{Code, DecodeError, Lines, Origin};
use reader::{Reader, Scratch};

/// Decodes one request's payload with the default options (lenient).
///
/// No byte is copied: pass what gives its bytes away (a `Vec<u8>`, a `String`, [`Bytes`]) or has them for ever (a `'static` slice or
/// text). Of any other slice make a copy, by [`Bytes::copy_from_slice`]. A receiver keeps a [`Decoder`] and a [`SpanBatch`]
/// instead, and allocates nothing once they are warm.
///
/// ```
/// use spanwise::bytes::Bytes;
/// fn spans_of(payload: &[u8]) -> Result<usize, spanwise::DecodeError> {
///     Ok(spanwise::decode(Bytes::copy_from_slice(payload))?.len())
/// }
/// let body = String::from(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#);
/// assert_eq!(spans_of(body.as_bytes())?, 1);
/// assert_eq!(spanwise::decode(body)?.len(), 1);
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
///
/// # Errors
/// As [`Decoder::decode`].
pub fn decode(payload: impl Into<Bytes>) -> Result<SpanBatch, DecodeError> {
    let mut batch = SpanBatch::new();
    Decoder::new(DecodeOptions::default()).decode(payload, &mut batch)?;
    Ok(batch)
}

/// Decodes payloads, with buffers that it reuses.
///
/// It remembers how writers lay out what they write, and keeps until it is dropped what it may meet again: some thousand attribute
/// keys, and of resources, of scopes and of what stands before a request's first span four each as they were written, 4 KiB at most.
/// Less than a megabyte in all. None of it is shown by `Debug`, and what is decoded does not depend on it.
///
/// ```
/// use spanwise::{DecodeOptions, Decoder, Mode, SpanBatch};
/// let mut decoder = Decoder::new(DecodeOptions::default().with_mode(Mode::Strict));
/// let mut batch = SpanBatch::new();
/// for body in [&br#"{"resourceSpans":[]}"#[..], br#"{}"#] {
///     decoder.decode(body, &mut batch)?;
///     assert!(batch.is_empty());
/// }
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
#[derive(Default)]
pub struct Decoder {
    options: DecodeOptions,
    scratch: Scratch,
}

/// A decoder with the same options, which has learned nothing and holds nothing yet.
impl Clone for Decoder {
    fn clone(&self) -> Self {
        Self::new(self.options)
    }
}

/// The options, and nothing that was learned of what was decoded.
impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder with these options. Allocates nothing.
    pub fn new(options: DecodeOptions) -> Self {
        Self { options, scratch: Scratch::default() }
    }

    /// The options.
    pub fn options(&self) -> DecodeOptions {
        self.options
    }

    /// Bytes of memory that its buffers hold, beside what it remembers of writers: usually next to nothing. An array of many
    /// elements, and a name or a number that is long, make them as large as the batch that comes of it, or the text.
    ///
    /// ```
    /// use spanwise::{Decoder, SpanBatch};
    ///
    /// let (mut decoder, mut batch) = (Decoder::default(), SpanBatch::new());
    /// let values = vec!["{}"; 100_000].join(",");
    /// let list = format!(r#"{{"key":"k","value":{{"arrayValue":{{"values":[{values}]}}}}}}"#);
    /// decoder.decode(
    ///     format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{list}]}}]}}]}}]}}"#),
    ///     &mut batch,
    /// )?;
    /// assert!(decoder.memory() > 1 << 20);
    /// decoder.shrink_to(1 << 20);
    /// assert_eq!(decoder.memory(), 0);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn memory(&self) -> usize {
        self.scratch.memory()
    }

    /// Gives the buffers back if they hold more than so many bytes. What it remembers of writers stays.
    pub fn shrink_to(&mut self, most: usize) {
        if self.memory() > most {
            self.scratch.give_buffers_back();
        }
    }

    /// Decodes the payload of one request into `batch`, which is cleared first.
    ///
    /// Lenient mode also takes an empty payload, an array of requests, and several documents in a row.
    ///
    /// # Errors
    /// The payload is not JSON, not UTF-8 (strict), or beyond a bound; then `batch` is empty. Faults of single spans are
    /// no errors: they are in [`SpanBatch::rejected_spans`] and [`SpanBatch::diagnostics`].
    pub fn decode(&mut self, payload: impl Into<Bytes>, batch: &mut SpanBatch) -> Result<(), DecodeError> {
        let input = payload.into();
        batch.clear();
        batch.log.bound = self.options.limits.diagnostics;
        batch.log.show_keys = self.options.report_keys;
        if input.len() > self.options.limits.document_bytes.min(Text::MAX) {
            return Err(self.rejection(Code::DocumentSize, 0, &[], Origin::default()));
        }
        let mut reader = Reader::new(&input, batch, &mut self.scratch, self.options);
        let result = reader.payload();
        reader.finish();
        match result {
            Ok(()) => {
                batch.input = input;
                Ok(())
            }
            Err(fatal) => {
                batch.clear();
                Err(self.rejection(fatal.code, fatal.offset(), &input, Origin::default()))
            }
        }
    }

    /// The error for a document that is rejected at `offset` of an input, on the path that is open there.
    fn rejection(&self, code: Code, offset: usize, input: &[u8], origin: Origin) -> DecodeError {
        let path: &[_] = if input.is_empty() { &[] } else { &self.scratch.path };
        let mut lines = Lines::new(input, origin);
        DecodeError::new(lines.rejection(code, path, offset, self.options.report_keys))
    }
}
