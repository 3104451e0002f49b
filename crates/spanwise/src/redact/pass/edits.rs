//! What is to be changed in a batch: decided once, carried out on its tables or on its input.

use std::ops::Range;

use crate::batch::memory::bytes_of;

/// Where a change is made. The row is one of the table that the name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The value of an attribute.
    Attribute,
    /// The key of an attribute.
    AttributeKey,
    /// A child of an array or a kvlist.
    Child,
    /// The key of a child of a kvlist.
    ChildKey,
    SpanName,
    SpanTraceState,
    StatusMessage,
    EventName,
    LinkTraceState,
    ScopeName,
    ScopeVersion,
    ScopeSchema,
    ResourceSchema,
    /// All entity references of a resource.
    EntityRefs,
    TraceId,
    SpanId,
    ParentSpanId,
    LinkTraceId,
    LinkSpanId,
}

/// What is put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: the attribute, the child or the member goes.
    Drop,
    /// A text, as a string: a range of [`Edits::texts`].
    Text { start: u32, end: u32 },
    /// The same of [`Edits::lasting`].
    Lasting { start: u32, end: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) slot: Slot,
    pub(super) row: u32,
    pub(super) change: Change,
}

/// The changes of a batch, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    pub(super) list: Vec<Edit>,
    pub(super) texts: String,
    /// Texts that outlive a batch: masks, and keys as they are put in.
    lasting: String,
    /// More text than can be addressed: nothing may be made of these edits.
    pub(super) overflows: bool,
}

impl Edits {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.texts.clear();
        self.overflows = false;
    }

    /// Keeps a text to be put in, perhaps more than once.
    pub(super) fn keep(&mut self, text: &str) -> Change {
        let start = self.texts.len();
        self.texts.push_str(text);
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(self.texts.len())) {
            return Change::Text { start, end };
        }
        self.overflows = true;
        Change::Drop
    }

    pub(super) fn push(&mut self, slot: Slot, row: usize, change: Change) {
        let row = u32::try_from(row).unwrap_or_else(|_| {
            self.overflows = true;
            u32::MAX
        });
        self.list.push(Edit { slot, row, change });
    }

    /// Keeps a text beyond this batch, until [`forget`](Self::forget).
    pub(super) fn keep_lasting(&mut self, text: &str) -> Change {
        let start = self.lasting.len();
        self.lasting.push_str(text);
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(self.lasting.len())) {
            return Change::Lasting { start, end };
        }
        self.overflows = true;
        Change::Drop
    }

    /// Bytes that are held.
    pub(super) fn memory(&self) -> usize {
        bytes_of(&self.list) + self.texts.capacity() + self.lasting.capacity()
    }

    /// Gives back all but what was kept beyond a batch.
    pub(super) fn give_buffers_back(&mut self) {
        *self = Self { lasting: std::mem::take(&mut self.lasting), ..Self::default() };
    }

    pub(super) fn forget(&mut self) {
        self.lasting.clear();
    }

    /// Bytes of what was kept beyond a batch.
    pub(super) fn lasting_bytes(&self) -> usize {
        self.lasting.len()
    }

    /// The text of a change; none for one that drops.
    pub(super) fn text(&self, change: Change) -> Option<&str> {
        match change {
            Change::Drop => None,
            Change::Text { start, end } => self.texts.get(Range { start: start as usize, end: end as usize }),
            Change::Lasting { start, end } => {
                self.lasting.get(Range { start: start as usize, end: end as usize })
            }
        }
    }
}
