//! What stands between two members: learned from the writer, compared as a block.
//!
//! A writer lays out every object of a kind in the same way. The bytes from the end of one member's value to the start of
//! the next one's — white space, comma, name, colon — are recorded the first time by the path that parses them, and
//! compared afterwards. They hold no value, so equal bytes mean the same tokens; a miss parses. Any indentation is learned
//! as well as any order.

use crate::json::Literal;
use crate::schema::{Field, Message};

/// The bytes before one member's value, or before and with an object's closing brace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    pub(super) literal: Literal<2>,
    /// `None`: the object's end.
    pub(super) field: Option<Field>,
}

/// Of how many misses one is learned, where something was learned before.
const RELEARN: u32 = 2;

/// A gap that was met lately, per message and previous member.
#[derive(Debug)]
pub(super) struct Gaps {
    met: Vec<Gap>,
    /// Misses since the table was made. Where members come in no order, learning each would cost more than it saves.
    misses: u32,
    /// Index into `met`, plus one; zero where nothing was learned.
    index: [[u8; Members::STATES]; Message::COUNT],
}

impl Default for Gaps {
    fn default() -> Self {
        Self { met: Vec::new(), misses: 0, index: [[0; Members::STATES]; Message::COUNT] }
    }
}

impl Gaps {
    /// What most likely follows.
    #[inline]
    pub(super) fn guess(&self, members: &Members) -> Option<&Gap> {
        self.after(members.message, members.last)
    }

    /// What most likely follows the member `last`.
    #[inline]
    pub(super) fn after(&self, message: Message, last: u8) -> Option<&Gap> {
        let row = self.index.get(message as usize)?;
        self.met.get(usize::from(*row.get(usize::from(last))?).wrapping_sub(1))
    }

    /// Counts a wrong guess. Whether what stands there instead is worth learning.
    pub(super) fn missed(&mut self) -> bool {
        self.misses = self.misses.wrapping_add(1);
        self.misses.is_multiple_of(RELEARN)
    }

    /// Remembers that `text` led from `members`' last member to `field`.
    pub(super) fn learn(&mut self, members: &Members, text: &[u8], field: Option<Field>) {
        let Some(slot) = self
            .index
            .get_mut(members.message as usize)
            .and_then(|row| row.get_mut(usize::from(members.last)))
        else {
            return;
        };
        if self.met.capacity() == 0 {
            // At once: what is learned late must not make a warm decode allocate.
            self.met.reserve_exact(usize::from(u8::MAX));
        }
        let Some(literal) = Literal::new(text) else { return };
        let gap = Gap { literal, field };
        if let Some(known) = self.met.get_mut(usize::from(*slot).wrapping_sub(1)) {
            *known = gap;
        } else if let Ok(number) = u8::try_from(self.met.len() + 1) {
            self.met.push(gap);
            *slot = number;
        }
    }
}

/// The members of one object as they are read.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) message: Message,
    /// The last member's field, or one of the states below.
    pub(super) last: u8,
    /// A member was met that is a known one by another name.
    pub(super) resembled: bool,
    /// A member came twice.
    pub(super) duplicates: bool,
    /// Bits of the fields that were met.
    pub(super) seen: u64,
    /// Where the object begins.
    pub(super) start: usize,
}

impl Members {
    /// States of `last`: one a field, one before the first member, and one after unknown members alone.
    const STATES: usize = 66;
    const NONE: u8 = 64;
    const UNKNOWN: u8 = 65;

    pub(super) fn new(message: Message, start: usize) -> Self {
        Self { message, last: Self::NONE, resembled: false, duplicates: false, seen: 0, start }
    }

    /// Notes a member that was skipped: a comma must stand before the next.
    pub(super) fn skipped(&mut self) {
        if self.last == Self::NONE {
            self.last = Self::UNKNOWN;
        }
    }

    /// Whether no member was read yet, known or not.
    pub(super) fn is_first(&self, at: usize) -> bool {
        at == self.start + 1
    }
}
