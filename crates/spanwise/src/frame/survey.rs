//! A first look at a document that is to be cut: what its parts need to know beforehand.

use super::boundary::{Rules, is_blank};
use super::parts::{Halt, Late, PartSizes, Parts, Step};

/// What a survey found.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// Parts can be given, with what comes late.
    Good(Late),
    /// It is no document: its parts are not to be given.
    Bad,
    /// It cannot be cut. So is one in which a list comes a second time: that one counts, and what was given of the first would
    /// have to be taken back.
    Shape,
}

/// A first look at a document that is too large to be held, by whoever can read the stream twice: a
/// [`Framer`](super::Framer) asks for it.
///
/// It reads at the speed of skipping, and holds no more than a part. Feed it the stream from [`Self::offset`] on with
/// [`push`](Self::push) until it has seen enough, then give it [back](super::Framer::surveyed).
#[derive(Debug, Clone)]
pub struct Survey {
    parts: Parts,
    /// A line feed ends the document.
    line: bool,
    held: Vec<u8>,
    offset: u64,
    /// Where in the stream what is held begins.
    held_at: u64,
    verdict: Option<Verdict>,
}

impl Survey {
    /// Of a document that begins some bytes behind a place in the stream, where its first part begins.
    pub(super) fn new(rules: Rules, sizes: PartSizes, line: bool, (offset, at): (u64, usize)) -> Self {
        let parts = Parts::survey(rules, sizes, at);
        Self { parts, line, held: Vec::new(), offset, held_at: offset, verdict: None }
    }

    /// From where on it wants to see the stream.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Looks at the next chunk; an empty one says that the stream has ended. Returns whether more is needed.
    pub fn push(&mut self, chunk: &[u8]) -> bool {
        let mut end = self.held.len();
        self.held.extend_from_slice(chunk);
        let newline = if self.line { memchr::memchr(b'\n', chunk) } else { None };
        end += newline.unwrap_or(chunk.len());
        let last = chunk.is_empty() || newline.is_some();
        while self.verdict.is_none() {
            let text = self.held.get(..end).unwrap_or_default();
            match self.parts.step(text, self.held_at, last) {
                Ok(Step::More) => break,
                Ok(Step::Cut { next, .. }) => {
                    self.parts.cut(next);
                    self.held.drain(..next);
                    self.held_at = self.held_at.saturating_add(next as u64);
                    end -= next;
                }
                Ok(Step::Done(_)) if self.line && !last => break,
                // Lenient mode takes several documents in a line, and all of them or none.
                Ok(Step::Done(at)) if self.line && !is_blank(text.get(at..).unwrap_or_default()) => {
                    self.verdict = Some(Verdict::Shape);
                }
                Ok(Step::Done(_)) => self.verdict = Some(Verdict::Good(self.parts.take_late())),
                Err(Halt::Shape | Halt::Contradiction(_)) => self.verdict = Some(Verdict::Shape),
                Err(Halt::Json(_)) => self.verdict = Some(Verdict::Bad),
            }
        }
        self.verdict.is_none() && !last
    }

    /// What was found; without an end, the document is none.
    pub(super) fn into_verdict(self) -> Verdict {
        self.verdict.unwrap_or(Verdict::Bad)
    }
}
