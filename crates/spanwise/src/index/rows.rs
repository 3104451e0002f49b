//! What a query picks, and the order in which it is shown.

use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

use roaring::RoaringBitmap;

use super::times::Times;
use super::{Index, IndexError, Scan};
use crate::SpanRef;
use crate::words;

/// A set of rows, by number: spans in the order in which they were added.
///
/// Sets of one index, or of one scan, can be joined: what is in either (`|`), in both (`&`), in the first alone (`-`).
///
/// ```
/// use spanwise::index::{Query, Scan};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"name":"b"},{"name":"ab"}]}]}]}"#;
/// let batches = [spanwise::decode(&body[..])?];
/// let scan = Scan::new(&batches);
/// let named = |pattern| Query::parse(&format!("{{ name =~ \"{pattern}\" }}")).map(|query| scan.run(&query));
/// let (a, b) = (named("a.*")?, named(".*b")?);
/// assert_eq!((&a | &b).len(), 3);
/// assert_eq!((&a & &b).iter().collect::<Vec<_>>(), [2]);
/// assert_eq!(&a - &b, [0].into_iter().collect());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowSet(pub(crate) RoaringBitmap);

impl Eq for RowSet {}

impl BitOr for &RowSet {
    type Output = RowSet;

    fn bitor(self, other: Self) -> RowSet {
        RowSet(&self.0 | &other.0)
    }
}

impl BitAnd for &RowSet {
    type Output = RowSet;

    fn bitand(self, other: Self) -> RowSet {
        RowSet(&self.0 & &other.0)
    }
}

impl Sub for &RowSet {
    type Output = RowSet;

    fn sub(self, other: Self) -> RowSet {
        RowSet(&self.0 - &other.0)
    }
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Order {
    /// As the spans were added.
    #[default]
    Input,
    /// By start, the earliest first, and last what does not say when it starts.
    Earliest,
    /// By start, the latest first, and last what does not say when it starts.
    Latest,
    /// By duration, the shortest first.
    Shortest,
    /// By duration, the longest first.
    Longest,
}

impl Order {
    /// What ascends from span to span in this order; of equals, the one that was added first comes first.
    ///
    /// ```
    /// use spanwise::index::Order;
    /// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"7"},{"startTimeUnixNano":"5"},{}]}]}]}"#;
    /// let batch = spanwise::decode(&body[..])?;
    /// let mut order: Vec<usize> = (0..3).collect();
    /// order.sort_by_key(|span| Order::Earliest.key(batch.span(*span).unwrap()));
    /// assert_eq!(order, [1, 0, 2]);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn key(self, span: SpanRef<'_>) -> u64 {
        self.key_of(span.start_time_unix_nano(), span.duration_nanos())
    }

    #[inline]
    fn key_of(self, start: u64, duration: u64) -> u64 {
        match self {
            Self::Input => 0,
            // 0 is no time, and so becomes the last of all.
            Self::Earliest => start.wrapping_sub(1),
            Self::Latest => !start,
            Self::Shortest => duration,
            Self::Longest => !duration,
        }
    }

    /// The first `limit` of these rows.
    fn first(self, rows: &RowSet, limit: usize, times: &Times) -> Vec<u32> {
        // A comparison looks up what it compares, and no more.
        match self {
            Self::Input => rows.iter().take(limit).collect(),
            Self::Earliest => least(rows, limit, |row| Self::Earliest.key_of(times.start_of(row), 0)),
            Self::Latest => least(rows, limit, |row| Self::Latest.key_of(times.start_of(row), 0)),
            Self::Shortest => least(rows, limit, |row| Self::Shortest.key_of(0, times.duration_of(row))),
            Self::Longest => least(rows, limit, |row| Self::Longest.key_of(0, times.duration_of(row))),
        }
    }
}

/// The `limit` rows with the least keys, in their order; of equal keys, the rows that come first.
fn least(rows: &RowSet, limit: usize, key: impl Fn(u32) -> u64) -> Vec<u32> {
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
