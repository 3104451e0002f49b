//! Lists that a projection leaves out.
//!
//! A strict decode reads them as all others: what is in them may reject a span. A lenient one asks of them no more than that
//! they are JSON within the bounds. It passes over them as fast as that can be told, or reads them as all others and says
//! nothing of what it finds; which of the two, the answer does not show.

use super::plain_value::KVLIST_LEVELS;
use super::reader::{Fatal, Reader};
use crate::json::scan::{Kernel, Vectorized};
use crate::schema::Message;

/// [`Reader::skim`] for one instruction set.
struct Skim<'a, 'r>(&'a mut Reader<'r>, Message);

impl Vectorized for Skim<'_, '_> {
    type Output = bool;

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> bool {
        self.0.skim(kernel, self.1)
    }
}

impl Reader<'_> {
    /// Whether the attributes of such a message leave nothing behind but rows. Read in full and dropped, they leave their keys.
    pub(super) fn leaves_rows_alone(&self, owner: Message) -> bool {
        !self.strict || self.options.projection.keeps_attributes_of(owner)
    }

    /// Reads past the list that stands here, which nobody wants, if that is fast and all is well with it. It is one of such
    /// messages, or of the attributes of one.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn skim<K: Kernel>(&mut self, kernel: K, of: Message) -> bool {
        if !K::OUTLINES || self.strict || self.options.general_path {
            return false;
        }
        let room = self.options.limits.attributes.saturating_sub(self.items);
        // Plain values are nested as deep as what they stand for.
        let bounds = (room, KVLIST_LEVELS);
        self.cursor.skim(kernel, bounds, of as usize, self.scratch.walk.get_or_insert_default())
    }

    /// Reads the list that stands here, which nobody wants: past it, or by `read`. Its rows are left to the caller.
    pub(super) fn unwanted(
        &mut self,
        of: Message,
        read: impl FnOnce(&mut Self) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        if self.cursor.simd.vectorize(Skim(self, of)) {
            return Ok(());
        }
        self.quietly(self.items, read)
    }

    /// Reads what nobody wants by `read`. A lenient decode keeps to itself what it finds, and counts no more than `items`
    /// afterwards.
    pub(super) fn quietly(
        &mut self,
        items: usize,
        read: impl FnOnce(&mut Self) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        self.quiet = !self.strict;
        let result = read(self);
        self.quiet = false;
        if !self.strict {
            self.items = items;
        }
        result
    }
}
