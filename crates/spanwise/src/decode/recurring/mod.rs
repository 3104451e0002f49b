//! What comes again: resources, scopes, and the openings of requests.
//!
//! A writer says in every request who it is, in the same bytes. What they became the last time is kept here. Where the same
//! bytes stand again, the rows are copied to where they stand now, and nothing of it is read. An object ends with its own
//! bracket, and an opening with that of the list of spans, so the general path would find the same in it, whatever comes after.
//!
//! Kept is only what had no finding and refers to nothing but its own bytes.

mod opening;
mod passage;
#[cfg(test)]
mod tests;

use super::reader::{Reader, Scratch};
use crate::batch::Mark;
use crate::schema::Message;
use opening::Opening;
pub(super) use opening::Outer;
pub(super) use passage::Introduction;
use passage::{Passage, Taken};

/// Whose objects are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Resource,
    Scope,
}

impl Owner {
    fn message(self) -> Message {
        match self {
            Self::Resource => Message::Resource,
            Self::Scope => Message::Scope,
        }
    }
}

/// How things stood at the first byte of what may come again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outset {
    at: usize,
    depth: usize,
    mark: Mark,
    residue: usize,
    findings: u64,
}

/// Kept of one kind: several services may share a stream.
const WAYS: usize = 4;
/// Of each.
const MOST_BYTES: usize = 4096;
const MOST_ROWS: usize = 64;
/// The generation of a decoder's first batch, in which nothing is learned: one that decodes once would make room in vain.
const FIRST: u32 = 1;
/// How many in a row were learned in vain, after which only one in so many is: where each request has a resource of its own,
/// looking and learning cost and give nothing.
const PATIENCE: u32 = 4;
const SELDOM: u32 = 64;

/// Bytes, and what they became.
#[derive(Debug)]
struct Known<T> {
    bytes: Vec<u8>,
    /// Containers that are open round it: a bound on them must not be passed anywhere else.
    depth: usize,
    became: T,
}

impl<T> Known<T> {
    /// The depth of what is nowhere.
    const FORGOTTEN: usize = usize::MAX;
}

/// All that are kept of one kind.
#[derive(Debug)]
struct Kept<T> {
    /// The one that came or was learned last is first.
    #[allow(clippy::vec_box, reason = "they change places, and are large")]
    known: Vec<Box<Known<T>>>,
    /// How many in a row were none of them.
    barren: u32,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { known: Vec::new(), barren: 0 }
    }
}

impl<T> Kept<T> {
    fn make_room(&mut self, became: impl Fn() -> T) {
        let empty = || Known {
            bytes: Vec::with_capacity(MOST_BYTES),
            depth: Known::<T>::FORGOTTEN,
            became: became(),
        };
        self.known = (0..WAYS).map(|_| Box::new(empty())).collect();
    }

    fn forget(&mut self) {
        self.known.iter_mut().for_each(|known| known.depth = Known::<T>::FORGOTTEN);
        self.barren = 0;
    }

    /// What stands at `rest`, if it is kept.
    #[inline]
    fn find(&mut self, depth: usize, rest: &[u8]) -> Option<&mut Known<T>> {
        let tried = if self.barren > PATIENCE { 1 } else { WAYS };
        let mut known = self.known.iter().take(tried);
        let way = known.position(|it| it.depth == depth && rest.starts_with(&it.bytes))?;
        self.barren = 0;
        if way > 0 {
            self.known.swap(0, way);
        }
        self.known.first_mut().map(|known| &mut **known)
    }

    /// Whether it is worth it to keep one more, or its turn.
    fn is_worth_learning(&mut self) -> bool {
        self.barren = self.barren.wrapping_add(1);
        self.barren <= PATIENCE || self.barren.is_multiple_of(SELDOM)
    }

    /// Keeps `bytes` in the place of what came longest ago, with what they `became`, if that can be told.
    fn learn(&mut self, bytes: &[u8], depth: usize, became: impl FnOnce(&mut T) -> Option<()>) {
        self.known.rotate_right(1);
        let Some(known) = self.known.first_mut() else { return };
        known.bytes.clear();
        known.bytes.extend_from_slice(bytes);
        let told = became(&mut known.became);
        known.depth = told.map_or(Known::<T>::FORGOTTEN, |()| depth);
    }
}

/// What a decoder keeps of all kinds.
#[derive(Debug, Default)]
pub(super) struct Recurring {
    owners: [Kept<Passage>; 2],
    openings: Kept<Opening>,
    /// The last request began with a resource that came again. Only then is its opening, which holds one, worth a thought.
    pub(super) assured: bool,
}

impl Recurring {
    /// Forgets all that was learned, and keeps the room for it.
    pub(super) fn forget(&mut self) {
        self.owners.iter_mut().for_each(Kept::forget);
        self.openings.forget();
        self.assured = false;
    }

    /// Makes room for all of it at once: what is learned late must not make a warm decode allocate.
    fn make_room(&mut self, record: bool) {
        if self.openings.known.is_empty() {
            self.owners.iter_mut().for_each(|kept| kept.make_room(|| Passage::with_room(record)));
            self.openings.make_room(|| Opening::with_room(record));
        }
    }
}

impl<'t> Reader<'t> {
    pub(super) fn outset(&self) -> Outset {
        Outset {
            at: self.cursor.at,
            depth: self.cursor.depth,
            mark: self.batch.mark(),
            residue: self.batch.residue.len(),
            findings: self.findings(),
        }
    }

    /// The bytes that were read since `outset`, up to `end`, if they can be learned.
    fn learnable(&self, outset: &Outset, end: usize) -> Option<&'t [u8]> {
        let bytes = self.cursor.slice(outset.at, end);
        let alone = self.findings() == outset.findings
            && self.batch.residue.len() == outset.residue
            && self.batch.made.len() == outset.mark.made;
        let lasting = !self.options.general_path && self.scratch.templates.generation != FIRST;
        (alone && lasting && bytes.len() <= MOST_BYTES).then_some(bytes)
    }

    /// Takes the object that stands here, if it is one that was read before.
    #[inline]
    pub(super) fn recall(&mut self, owner: Owner) -> Option<Introduction> {
        let Self { cursor, batch, scratch, .. } = self;
        let Scratch { recurring, templates, .. } = &mut **scratch;
        let known = recurring.owners[owner as usize].find(cursor.depth, cursor.text.get(cursor.at..)?)?;
        let place = (cursor.text, cursor.at);
        let introduction = known.became.put(&known.bytes, place, batch, templates.generation)?;
        cursor.at += known.bytes.len();
        Some(introduction)
    }

    /// Keeps the object that was read since `outset`, if that can be done and seems worth it.
    pub(super) fn learn_owner(&mut self, owner: Owner, outset: &Outset, introduction: Introduction) {
        let Some(bytes) = self.learnable(outset, self.cursor.at) else { return };
        let taken = Taken::between(&outset.mark, &self.batch.mark());
        if !self.leaves_rows_alone(owner.message()) || !taken.can_move(self.batch) {
            return;
        }
        let Self { cursor, batch, scratch, record, .. } = self;
        let Scratch { recurring, learned_feeds, templates, .. } = &mut **scratch;
        recurring.make_room(*record);
        let kept = &mut recurring.owners[owner as usize];
        if !kept.is_worth_learning() {
            return;
        }
        *learned_feeds |= memchr::memchr(b'\n', bytes).is_some();
        let place = (cursor.text, outset.at);
        kept.learn(bytes, cursor.depth, |passage| {
            passage.take((bytes, 0), place, batch, &taken, introduction, templates.generation)
        });
    }
}
