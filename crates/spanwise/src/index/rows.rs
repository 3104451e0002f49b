//! What a query picks, and the order in which it is shown.

use std::cmp::Reverse;
use std::fmt;

use roaring::RoaringBitmap;

use super::times::Times;
use super::{Index, IndexError, Scan};
use crate::words;

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
    pub fn iter(&self) -> RowNumbers<'_> {
        RowNumbers(self.0.iter())
    }
}

impl<'a> IntoIterator for &'a RowSet {
    type Item = u32;
    type IntoIter = RowNumbers<'a>;

    /// As [`RowSet::iter`].
    fn into_iter(self) -> RowNumbers<'a> {
        self.iter()
    }
}

/// The rows of a set in ascending order: [`RowSet::iter`].
#[derive(Clone)]
pub struct RowNumbers<'a>(roaring::bitmap::Iter<'a>);

impl Iterator for RowNumbers<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        self.0.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }

    // Rows are stored in runs and words, which this goes through one after the other.
    #[inline]
    fn fold<B, F: FnMut(B, u32) -> B>(self, first: B, each: F) -> B {
        self.0.fold(first, each)
    }
}

impl DoubleEndedIterator for RowNumbers<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<u32> {
        self.0.next_back()
    }
}

impl fmt::Debug for RowNumbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl FromIterator<u32> for RowSet {
    fn from_iter<T: IntoIterator<Item = u32>>(rows: T) -> Self {
        Self(rows.into_iter().collect())
    }
}

words! { Order, "order", Input "input", Earliest "earliest", Latest "latest", Shortest "shortest", Longest "longest" }

/// The order of rows in an answer. Rows that are equal in it keep the order of the input.
///
/// ```
/// use spanwise::index::Order;
/// assert_eq!((Order::Longest.to_string(), "longest".parse()), ("longest".to_owned(), Ok(Order::Longest)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As the spans were added.
    #[default]
    Input,
    /// By start, the earliest first.
    Earliest,
    /// By start, the latest first.
    Latest,
    /// By duration, the shortest first.
    Shortest,
    /// By duration, the longest first.
    Longest,
}

impl Order {
    /// The first `limit` of these rows.
    fn first(self, rows: &RowSet, limit: usize, times: &Times) -> Vec<u32> {
        match self {
            Self::Input => rows.iter().take(limit).collect(),
            Self::Earliest => least(rows, limit, |row| times.start_of(row)),
            Self::Latest => least(rows, limit, |row| Reverse(times.start_of(row))),
            Self::Shortest => least(rows, limit, |row| times.duration_of(row)),
            Self::Longest => least(rows, limit, |row| Reverse(times.duration_of(row))),
        }
    }
}

/// The `limit` rows with the least keys, in their order; of equal keys, the rows that come first.
fn least<K: Ord>(rows: &RowSet, limit: usize, key: impl Fn(u32) -> K) -> Vec<u32> {
    let mut rows: Vec<u32> = rows.iter().collect();
    if limit < rows.len() {
        rows.select_nth_unstable_by_key(limit, |row| (key(*row), *row));
        rows.truncate(limit);
    }
    rows.sort_unstable_by_key(|row| (key(*row), *row));
    rows
}

impl Index {
    /// The first `limit` of these rows in an order.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn first(&self, rows: &RowSet, order: Order, limit: usize) -> Result<Vec<u32>, IndexError> {
        match order {
            Order::Input => Ok(rows.iter().take(limit).collect()),
            _ => Ok(order.first(rows, limit, self.times()?)),
        }
    }
}

impl Scan<'_> {
    /// The first `limit` of these rows in an order.
    pub fn first(&self, rows: &RowSet, order: Order, limit: usize) -> Vec<u32> {
        match order {
            Order::Input => rows.iter().take(limit).collect(),
            _ => order.first(rows, limit, &self.tables().1),
        }
    }
}
