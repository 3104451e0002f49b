//! What a query picks.

use roaring::RoaringBitmap;

/// A set of rows, by number: spans in the order in which they were added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowSet(pub(crate) RoaringBitmap);

impl RowSet {
    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a row is in the set.
    pub fn contains(&self, row: u32) -> bool {
        self.0.contains(row)
    }

    /// The rows in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter()
    }
}
