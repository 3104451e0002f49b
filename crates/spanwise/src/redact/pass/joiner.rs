//! What was written of blocks, one behind the other, with documents whole that came in parts.

use std::io::{self, Write};
use std::ops::Range;

use crate::frame::Part;
use crate::splice::is_white;

/// How what was written of a block fits to what was written of its neighbours. Of use to a [`Joiner`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seams {
    /// Of a part of a document, if its JSON can be told from what was put round it.
    part: Option<Joint>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Joint {
    /// Bytes that open again what is open where the part begins; none in a document's first.
    opening: usize,
    /// Bytes that close what is open where it ends.
    closing: usize,
    ends: bool,
    /// What stood behind the part.
    gap: Vec<u8>,
}

impl Seams {
    /// Of a part that was written with so many bytes before and behind its own, and before such a gap.
    pub(super) fn new(opening: usize, closing: usize, ends: bool, gap: Vec<u8>) -> Self {
        Self { part: Some(Joint { opening, closing, ends, gap }) }
    }
}

/// The bytes of a part that are its own, among those that stand for its document.
pub(super) fn own_bytes(part: &Part, document: &Range<usize>) -> Range<usize> {
    let start = part.before.clamp(document.start, document.end);
    start..document.end.saturating_sub(part.behind).max(start)
}

/// Puts the outputs of [`Redactor::redact_part_into`](super::Redactor::redact_part_into) behind each other, in the order of their
/// blocks: parts of a document become one document again, and between documents without a line end there is one.
///
/// A part that had to be written afresh, in canonical form, is a document of its own, and so is what follows it.
///
/// ```
/// use spanwise::frame::{BlockSizes, Framer};
/// use spanwise::redact::{Joiner, Policy, Preset, Redactor};
/// use spanwise::{Decoder, Framing, SpanBatch};
///
/// let document = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}, {"name":"tool"}]}]}]}"#;
/// let mut redactor = Redactor::new(Policy::from_preset(Preset::PrivacyMode).compile(None)?);
/// let options = redactor.decode_options();
/// // So small that the document comes in parts.
/// let sizes = BlockSizes { block: 1, document: 1, ..BlockSizes::default() };
/// let mut framer = Framer::over(document[..].into(), &options, Framing::Auto, sizes);
/// let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
/// let (mut joiner, mut joined) = (Joiner::default(), Vec::new());
/// while let Some(block) = framer.next_block() {
///     decoder.decode_framed(block, &mut batch)?;
///     let mut text = Vec::new();
///     let (_, seams) = redactor.redact_part_into(&batch, &mut text)?;
///     joiner.push(&text, &seams, &mut joined)?;
/// }
/// joiner.finish(&mut joined)?;
/// assert_eq!(joined, document);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Joiner {
    /// What closes the document that is written as far as its parts came.
    closing: Option<Vec<u8>>,
    /// What stood behind its last part.
    gap: Vec<u8>,
    /// The last byte that was written and is no white space.
    last: u8,
    /// What was written does not end a line.
    in_line: bool,
}

impl Joiner {
    /// Writes what was written of the next block.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn push(&mut self, text: &[u8], seams: &Seams, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let joint = seams.part.as_ref();
        let goes_on = joint.filter(|joint| joint.opening > 0 && self.closing.is_some());
        let rest = if let Some(joint) = goes_on {
            self.closing = None;
            let rest = text.get(joint.opening..).unwrap_or_default();
            let own = rest.get(..rest.len().saturating_sub(joint.closing)).unwrap_or_default();
            let first = own.iter().find(|byte| !is_white(**byte));
            let gap = std::mem::take(&mut self.gap);
            // Of elements that were taken out no comma is left.
            let needs_comma = self.last != b'[' && first.is_some_and(|first| *first != b']');
            if needs_comma || !gap.contains(&b',') {
                self.write(&gap, out)?;
            }
            rest
        } else {
            self.finish(out)?;
            let blank = text.iter().take_while(|byte| is_white(**byte)).count();
            if self.in_line && blank < text.len() && !text.iter().take(blank).any(|byte| *byte == b'\n') {
                self.write(b"\n", out)?;
            }
            text
        };
        let Some(joint) = joint else { return self.write(rest, out) };
        let (own, closing) = rest.split_at(rest.len().saturating_sub(joint.closing));
        self.write(own, out)?;
        if joint.ends {
            let is_blank = joint.gap.iter().all(|byte| is_white(*byte));
            return if is_blank && self.in_line { self.write(&joint.gap, out) } else { Ok(()) };
        }
        self.closing = Some(closing.to_vec());
        self.gap.clone_from(&joint.gap);
        Ok(())
    }

    /// Ends a document of which no more parts come.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(&mut self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        match self.closing.take() {
            Some(closing) => self.write(&closing, out),
            None => Ok(()),
        }
    }

    fn write(&mut self, text: &[u8], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        if let Some(last) = text.last() {
            self.in_line = *last != b'\n';
            if let Some(last) = text.iter().rev().find(|byte| !is_white(**byte)) {
                self.last = *last;
            }
        }
        out.write_all(text)
    }
}
