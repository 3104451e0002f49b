//! The search for places to cut: a machine over the text that is held, which goes on where it stopped when there is more.

use super::boundary::{
    BYTE_ORDER_MARK, Rereads, Rules, after_white, first_line, line_end, next_in_column_0, reach,
};
use crate::decode::Framing;
use crate::json::{Skip, UNDECIDED};

/// What is looked for.
#[derive(Debug, Clone)]
enum Phase {
    /// The first document, and how documents lie.
    Start,
    /// The newline to cut at.
    Line,
    /// The first byte of a document.
    Begin,
    /// The end of the document that is open.
    Value(Skip),
    /// What follows a document that ended.
    After,
    /// A bracket in column 0, after what was no document.
    Lost,
    /// The same, where the block before has been cut already and what comes until then is of no use.
    Dropping,
}

/// Where to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// What stands before is a block.
    Block(usize),
    /// What stands before belongs to no block.
    Drop(usize),
}

/// What a decoder looks at round a fault, to find it and to show it.
const SURROUNDINGS: usize = 64;
const _: () = assert!(SURROUNDINGS > UNDECIDED);

/// See the module's head. All indices are into the text that is held.
#[derive(Debug, Clone)]
pub(super) struct Scanner {
    rules: Rules,
    /// As asked for, then as found.
    pub(super) framing: Framing,
    /// Bytes of a block, at least.
    block: usize,
    phase: Phase,
    at: usize,
    /// Where the open document began.
    begin: usize,
    /// A block that ended before this would hide from the decoder why a document is bad.
    horizon: usize,
    pub(super) rereads: Rereads,
    /// The last document that was found to begin is not the stream's first.
    seen: bool,
}

/// What the next block needs to know of the ones before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    pub(super) follows: bool,
    pub(super) rereads: Rereads,
}

impl Scanner {
    pub(super) fn new(rules: Rules, framing: Framing, block: usize) -> Self {
        Self {
            rules,
            framing,
            block,
            phase: Phase::Start,
            at: 0,
            begin: 0,
            horizon: 0,
            rereads: Rereads::default(),
            seen: false,
        }
    }

    /// The place to cut `text` at, if it holds one. `offset` is where the text begins in its stream; `last`: no more will come.
    pub(super) fn cut(&mut self, text: &[u8], offset: u64, last: bool) -> Option<Cut> {
        loop {
            match &mut self.phase {
                Phase::Start => self.start(text, last)?,
                Phase::Line => {
                    let from = self.at.max(self.block.saturating_sub(1));
                    let found = text.get(from..).and_then(|rest| memchr::memchr(b'\n', rest));
                    self.at = found.map_or(text.len(), |at| from + at + 1);
                    return found.map(|at| Cut::Block(from + at + 1));
                }
                Phase::Begin => {
                    self.begin = after_white(text, self.at)?;
                    self.at = self.begin;
                    self.phase = Phase::Value(Skip::new(0));
                    if self.begin >= self.block.max(self.horizon) && self.begin > 0 {
                        return Some(Cut::Block(self.begin));
                    }
                }
                Phase::Value(skip) => {
                    let mut cursor = self.rules.cursor(text, self.at, Vec::new());
                    match skip.resume(&mut cursor, last) {
                        Ok(done) => {
                            self.at = cursor.at;
                            if !done {
                                return None;
                            }
                            self.seen = true;
                            self.phase = Phase::After;
                        }
                        Err(error) => {
                            self.seen = true;
                            self.at = self.rereads.after_torn(self.begin, error.offset, offset);
                            let reach = reach(cursor, error);
                            self.horizon = self.horizon.max(reach + SURROUNDINGS);
                            self.phase = Phase::Lost;
                        }
                    }
                }
                Phase::After => {
                    let next = after_white(text, self.at)?;
                    let gap = text.get(self.at..next).unwrap_or_default();
                    if text.get(next).is_some_and(|byte| self.rules.may_follow(gap, *byte)) {
                        self.at = next;
                        self.phase = Phase::Begin;
                    } else {
                        self.horizon = self.horizon.max(next + SURROUNDINGS);
                        self.phase = Phase::Lost;
                    }
                }
                Phase::Lost => {
                    let next = self.next_in_column_0(text);
                    let enough = self.block.max(self.horizon);
                    if next.unwrap_or(text.len()) > enough {
                        self.phase = Phase::Dropping;
                        return Some(Cut::Block(enough));
                    }
                    self.at = next?;
                    self.phase = Phase::Begin;
                }
                Phase::Dropping => match self.next_in_column_0(text) {
                    Some(next) => {
                        self.phase = Phase::Begin;
                        return Some(Cut::Drop(next));
                    }
                    None => return (self.at > 0).then_some(Cut::Drop(self.at)),
                },
            }
        }
    }

    /// Looks on for a bracket in column 0, and remembers how far it looked.
    fn next_in_column_0(&mut self, text: &[u8]) -> Option<usize> {
        let next = next_in_column_0(text, self.at);
        if next.is_none() {
            // The last newline is needed again: what stands after it may not be there yet.
            let rest = text.get(self.at..).unwrap_or_default();
            self.at += memchr::memrchr(b'\n', rest).unwrap_or(rest.len());
        }
        next
    }

    /// What the block that begins with the open document must know.
    pub(super) fn carried(&self) -> Carried {
        Carried { follows: self.seen, rereads: self.rereads }
    }

    /// Whether what is held belongs to no block.
    pub(super) fn is_dropping(&self) -> bool {
        matches!(self.phase, Phase::Dropping)
    }

    /// The text was cut at `from`.
    pub(super) fn shift(&mut self, from: usize) {
        self.at = self.at.saturating_sub(from);
        self.begin = self.begin.saturating_sub(from);
        self.horizon = self.horizon.saturating_sub(from);
        if let Phase::Value(skip) = &mut self.phase {
            skip.shift(from);
        }
    }

    /// Decides how documents lie; `None` while that needs more text.
    fn start(&mut self, text: &[u8], last: bool) -> Option<()> {
        if text.len() < BYTE_ORDER_MARK.len() && !last {
            return None;
        }
        let mut start = 0;
        if text.starts_with(BYTE_ORDER_MARK) {
            // Strict mode refuses the mark and the line that it stands in.
            start = if self.rules.strict { line_end(text, 0) } else { BYTE_ORDER_MARK.len() };
        }
        // Blank text is held until something follows: whether anything does, decides what is wrong with it.
        let (from, end) = first_line(text, start)?;
        if self.framing == Framing::Auto {
            let follows = after_white(text, end);
            if follows.is_none() && !last {
                return None;
            }
            let line = text.get(from..end).unwrap_or_default();
            let lines = follows.is_some() && self.rules.is_value(line, &mut Vec::new());
            self.framing = if lines { Framing::Lines } else { Framing::Documents };
        }
        self.at = start;
        self.phase = if self.framing == Framing::Lines { Phase::Line } else { Phase::Begin };
        Some(())
    }
}
