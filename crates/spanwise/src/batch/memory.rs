//! How much memory a batch holds.

use super::SpanBatch;

/// Bytes that a table has room for.
pub(crate) fn bytes_of<T>(table: &Vec<T>) -> usize {
    table.capacity() * size_of::<T>()
}

impl SpanBatch {
    /// Bytes of memory that the batch holds beside its input, which it shares with whoever passed it.
    ///
    /// [`clear`](Self::clear) gives none of them back but what is noted of a part of a large document; so the next decode is cheap.
    /// After one unusually large payload a receiver may rather begin with a new batch, and have its [`Decoder`](crate::Decoder) give
    /// back what it holds.
    ///
    /// ```
    /// use spanwise::{Decoder, SpanBatch};
    ///
    /// let (mut decoder, mut batch) = (Decoder::default(), SpanBatch::new());
    /// assert_eq!(batch.memory(), 0);
    /// decoder.decode(&br#"{"resourceSpans":[]}"#[..], &mut batch)?;
    /// if batch.memory() > 32 << 20 {
    ///     batch = SpanBatch::new();
    /// }
    /// decoder.shrink_to(1 << 20);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn memory(&self) -> usize {
        let rows = [
            bytes_of(&self.made),
            bytes_of(&self.documents),
            bytes_of(&self.resources),
            bytes_of(&self.entity_refs),
            bytes_of(&self.strings),
            bytes_of(&self.scopes),
            bytes_of(&self.spans),
            bytes_of(&self.events),
            bytes_of(&self.links),
            bytes_of(&self.attributes),
            bytes_of(&self.values),
            bytes_of(&self.residue),
        ];
        let sources = [
            bytes_of(&self.sources.attributes),
            bytes_of(&self.sources.values),
            bytes_of(&self.sources.spans),
            bytes_of(&self.sources.events),
            bytes_of(&self.sources.links),
            bytes_of(&self.sources.scopes),
            bytes_of(&self.sources.resources),
        ];
        let part = self.part.as_ref().map_or(0, |part| size_of_val(&**part) + part.gap.len());
        rows.iter().chain(&sources).sum::<usize>() + self.keys.memory() + self.log.memory() + part
    }
}
