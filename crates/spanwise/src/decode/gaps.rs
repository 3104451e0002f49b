//! What stands between two members: learned from the writer, compared as a block.
//!
//! A writer lays out every object of a kind in the same way. The bytes from the end of one member's value to the start of
//! the next one's — white space, comma, name, colon — are recorded the first time by the path that parses them, and
//! compared afterwards. They hold no value, so equal bytes mean the same tokens; a miss parses. Any indentation is learned
//! as well as any order.

use crate::json::Literal;
use crate::json::scan::Kernel;
use crate::schema::{Field, Message};

/// The bytes before one member's value, or before and with an object's closing brace. Aligned as templates are.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Gap {
    pub(super) literal: Literal<2>,
    /// `None`: the object's end.
    pub(super) field: Option<Field>,
}

impl Gap {
    fn is(&self, other: &Self) -> bool {
        self.field == other.field && self.literal.text() == other.literal.text()
    }
}

/// Of how many misses one is learned where there is no room for another.
const RELEARN: u32 = 32;
/// Gaps kept for one place, the likeliest first: writers of several layouts may share a stream.
const WAYS: usize = 4;
/// Wrong guesses in one object after which its members came in no order.
const DISORDER: u8 = 4;
/// Objects in a row without order after which there is none.
const PATIENCE: u8 = 2;
/// Objects without order after which order is hoped for again.
const HOPE: u8 = 64;

/// What was learned of the members of all messages.
#[derive(Debug)]
pub(super) struct Gaps {
    met: Vec<Gap>,
    /// Misses since the table was made. Where members come in no order, learning each would cost more than it saves.
    misses: u32,
    /// Objects in a row whose members came in no order.
    disordered: u8,
    /// Indices into `met`, plus one; zero where nothing was learned.
    index: [[[u8; WAYS]; Members::STATES]; Message::COUNT],
}

impl Default for Gaps {
    fn default() -> Self {
        Self {
            met: Vec::new(),
            misses: 0,
            disordered: 0,
            index: [[[0; WAYS]; Members::STATES]; Message::COUNT],
        }
    }
}

impl Gaps {
    /// Forgets all that was learned, and keeps the room for it.
    pub(super) fn forget(&mut self) {
        self.met.clear();
        let Self { index, .. } = Self::default();
        self.index = index;
        (self.misses, self.disordered) = (0, 0);
    }

    /// What most likely follows the member `last`.
    #[inline]
    pub(super) fn after(&self, message: Message, last: u8) -> Option<&Gap> {
        let row = self.index.get(message as usize)?;
        let [likeliest, ..] = row.get(usize::from(last))?;
        self.met.get(usize::from(*likeliest).wrapping_sub(1))
    }

    /// What stands at `rest` after the member `last` where [`Self::after`] does not; it is the likeliest from now on.
    #[inline(never)]
    pub(super) fn other(&mut self, message: Message, last: u8, rest: &[u8]) -> Option<&Gap> {
        let ways = self.index.get_mut(message as usize)?.get_mut(usize::from(last))?;
        for way in 1..WAYS {
            let gap = self.met.get(usize::from(*ways.get(way)?).wrapping_sub(1))?;
            if gap.literal.begins(rest) {
                ways.swap(0, way);
                return Some(gap);
            }
        }
        None
    }

    /// Whether members have come in no order lately, so that guessing is in vain.
    #[inline]
    pub(super) fn is_disordered(&self) -> bool {
        self.disordered >= PATIENCE
    }

    /// Notes how many guesses failed in one object.
    #[inline]
    pub(super) fn note_misses(&mut self, misses: u8) {
        if misses < DISORDER || self.disordered > HOPE {
            self.disordered = 0;
        } else {
            self.disordered += 1;
        }
    }

    /// Whether what followed the member `last` is worth learning: there is room, or it is its turn.
    pub(super) fn is_worth_learning(&mut self, message: Message, last: u8) -> bool {
        self.misses = self.misses.wrapping_add(1);
        let ways = self.index.get(message as usize).and_then(|row| row.get(usize::from(last)));
        let full = ways.is_none_or(|ways| ways.iter().all(|way| *way != 0));
        !full || self.misses.is_multiple_of(RELEARN)
    }

    /// Remembers that `text` led from `members`' last member to `field`.
    pub(super) fn learn(&mut self, members: &Members, text: &[u8], field: Option<Field>) {
        let ways = self.index.get_mut(members.message as usize);
        let Some(ways) = ways.and_then(|row| row.get_mut(usize::from(members.last))) else { return };
        if self.met.capacity() == 0 {
            // At once: what is learned late must not make a warm decode allocate.
            self.met.reserve_exact(usize::from(u8::MAX));
        }
        let Some(literal) = Literal::new(text) else { return };
        let gap = Gap { literal, field };
        let known = |way: &u8| self.met.get(usize::from(*way).wrapping_sub(1)).is_some_and(|it| it.is(&gap));
        if let Some(way) = ways.iter().position(known) {
            ways.swap(0, way);
            return;
        }
        // In the place of none or of the last, and then to the front.
        ways.rotate_right(1);
        if let Some(last) = self.met.get_mut(usize::from(ways[0]).wrapping_sub(1)) {
            *last = gap;
        } else if let Ok(number) = u8::try_from(self.met.len() + 1) {
            self.met.push(gap);
            ways[0] = number;
        } else if let Some(last) = self.met.get_mut(usize::from(ways[1]).wrapping_sub(1)) {
            *last = gap;
            ways.rotate_left(1);
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
    /// Guesses that failed.
    pub(super) misses: u8,
    /// Bits of the fields that were met.
    pub(super) seen: u64,
    /// Where the object begins.
    pub(super) start: usize,
}

impl Members {
    /// States of `last`: one a field, one before the first member, and one after unknown members alone.
    const STATES: usize = 66;
    pub(super) const NONE: u8 = 64;
    const UNKNOWN: u8 = 65;

    pub(super) fn new(message: Message, start: usize) -> Self {
        Self { message, last: Self::NONE, resembled: false, duplicates: false, misses: 0, seen: 0, start }
    }

    /// An object that begins at `start`, in which the members `seen` were read, `last` being the last.
    pub(super) fn met(message: Message, start: usize, seen: u64, last: Field) -> Self {
        Self { seen, last: last as u8, ..Self::new(message, start) }
    }

    /// What stands at `rest`, at `at` in the input, before the next value if it is written without white space and escapes: the
    /// member's field, `None` for the object's end, and the length.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn spelled_at<K: Kernel>(
        &self,
        kernel: K,
        at: usize,
        rest: &[u8],
    ) -> Option<(Option<Field>, usize)> {
        let before = match rest {
            [b'"', ..] if self.is_first(at) => 1,
            [b',', b'"', ..] if !self.is_first(at) => 2,
            [b'}', ..] => return Some((None, 1)),
            _ => return None,
        };
        let (field, length) = self.message.field_at(kernel, rest.get(before..)?.first_chunk()?)?;
        Some((Some(field), before + length))
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
