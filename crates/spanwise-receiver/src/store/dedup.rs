//! Which spans were delivered before.
//!
//! Two generations of hashes: the current one takes what comes, and becomes the previous one when it is as old as the
//! window or half as large as the bound. So a span is remembered for at least the window, and at most twice that, unless
//! the bound on memory is reached first.

use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use crate::delivery::SpanKey;

/// What is known of a span that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// Neither its ids nor its content were seen.
    New,
    /// Its ids were seen with other content.
    Conflict,
    /// The very same was seen.
    Duplicate,
}

#[derive(Debug, Default)]
struct Generation {
    spans: HashSet<u128, RandomState>,
    ids: HashSet<u64, RandomState>,
    /// When its first span came, in Unix nanoseconds.
    since: u64,
}

/// The window.
#[derive(Debug)]
pub(crate) struct Dedup {
    current: Generation,
    previous: Generation,
    window: u64,
    capacity: usize,
}

impl Dedup {
    /// An empty window of this length that remembers at most `capacity` spans.
    pub(crate) fn new(window: Duration, capacity: usize) -> Self {
        Self {
            current: Generation::default(),
            previous: Generation::default(),
            window: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX),
            capacity: capacity.div_ceil(2),
        }
    }

    /// Spans that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.current.spans.len() + self.previous.spans.len()
    }

    /// Lets go of what is too old at `now`.
    pub(crate) fn advance(&mut self, now: u64) {
        let age = now.saturating_sub(self.current.since);
        if self.current.spans.is_empty() || (age < self.window && self.current.spans.len() < self.capacity) {
            return;
        }
        self.begin();
        if age >= self.window.saturating_mul(2) {
            self.previous = Generation::default();
        }
    }

    /// Begins a generation.
    fn begin(&mut self) {
        // The memory of one that once was large is not kept for ever.
        self.previous = std::mem::take(&mut self.current);
    }

    /// Looks a span up and remembers it. Spans without a span id are always new: nothing tells them apart.
    pub(crate) fn see(&mut self, key: SpanKey, now: u64) -> Sighting {
        if key.ids == SpanKey::NO_IDS || self.capacity == 0 {
            return Sighting::New;
        }
        if self.previous.spans.contains(&key.content) {
            return Sighting::Duplicate;
        }
        // In the midst of a group, too: how much comes at once is up to who sends it.
        if self.current.spans.len() >= self.capacity && !self.current.spans.contains(&key.content) {
            self.begin();
        }
        if self.current.spans.is_empty() {
            self.current.since = now;
        }
        if !self.current.spans.insert(key.content) {
            return Sighting::Duplicate;
        }
        if self.previous.ids.contains(&key.ids) || !self.current.ids.insert(key.ids) {
            return Sighting::Conflict;
        }
        Sighting::New
    }

    /// Takes back what [`Self::see`] remembered of a span that could not be stored.
    pub(crate) fn forget(&mut self, key: SpanKey, sighting: Sighting) {
        // A generation may have begun since.
        for generation in [&mut self.current, &mut self.previous] {
            if sighting != Sighting::Duplicate {
                generation.spans.remove(&key.content);
            }
            if sighting == Sighting::New {
                generation.ids.remove(&key.ids);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ids: u64, content: u128) -> SpanKey {
        SpanKey { content: content << 64 | u128::from(ids), ids }
    }

    fn dedup(capacity: usize) -> Dedup {
        Dedup::new(Duration::from_nanos(100), capacity)
    }

    #[test]
    fn the_same_span_is_seen_once_and_other_content_is_a_conflict() {
        let mut dedup = dedup(100);
        assert_eq!(dedup.see(key(1, 1), 0), Sighting::New);
        assert_eq!(dedup.see(key(1, 1), 0), Sighting::Duplicate);
        assert_eq!(dedup.see(key(1, 2), 0), Sighting::Conflict);
        assert_eq!(dedup.see(key(1, 2), 0), Sighting::Duplicate);
        assert_eq!(dedup.see(key(2, 1), 0), Sighting::New);
    }

    #[test]
    fn spans_without_ids_are_never_duplicates() {
        let mut dedup = dedup(100);
        for _ in 0..3 {
            assert_eq!(dedup.see(SpanKey { content: 5, ids: SpanKey::NO_IDS }, 0), Sighting::New);
        }
        assert_eq!(dedup.len(), 0);
    }

    #[test]
    fn what_is_taken_back_is_new_again() {
        let mut dedup = dedup(100);
        dedup.see(key(1, 1), 0);
        let conflict = dedup.see(key(1, 2), 0);
        dedup.forget(key(1, 2), conflict);
        assert_eq!(dedup.see(key(1, 2), 0), Sighting::Conflict);
        dedup.forget(key(1, 2), Sighting::Conflict);
        dedup.forget(key(1, 1), Sighting::New);
        assert_eq!(dedup.see(key(1, 1), 0), Sighting::New);
    }

    #[test]
    fn a_span_is_remembered_for_the_window_and_not_for_ever() {
        let mut dedup = dedup(100);
        dedup.see(key(1, 1), 1000);
        dedup.advance(1099);
        assert_eq!(dedup.see(key(1, 1), 1099), Sighting::Duplicate);
        dedup.advance(1100);
        assert_eq!(dedup.see(key(1, 1), 1100), Sighting::Duplicate);
        assert_eq!(dedup.see(key(1, 2), 1100), Sighting::Conflict);
        dedup.advance(1200);
        dedup.see(key(2, 1), 1200);
        dedup.advance(1300);
        assert_eq!(dedup.see(key(1, 1), 1300), Sighting::New);
        assert_eq!(dedup.see(key(2, 1), 1300), Sighting::Duplicate);
    }

    /// A generation is as old as its first span, or one of steady traffic would never end.
    #[test]
    fn spans_that_come_later_keep_none_that_came_before() {
        let mut dedup = dedup(100);
        dedup.see(key(1, 1), 1000);
        dedup.see(key(2, 1), 1099);
        dedup.advance(1100);
        dedup.see(key(3, 1), 1150);
        dedup.advance(1250);
        assert_eq!(dedup.see(key(1, 1), 1250), Sighting::New);
        assert_eq!(dedup.see(key(3, 1), 1250), Sighting::Duplicate);
    }

    #[test]
    fn a_silence_of_two_windows_forgets_all() {
        let mut dedup = dedup(100);
        dedup.see(key(1, 1), 1000);
        dedup.advance(1200);
        assert_eq!((dedup.len(), dedup.see(key(1, 1), 1200)), (0, Sighting::New));
    }

    #[test]
    fn memory_is_bounded() {
        let mut dedup = dedup(10);
        // Whatever comes at once.
        for n in 1..1000 {
            if n % 70 == 0 {
                dedup.advance(1);
            }
            assert_eq!(dedup.see(key(n, 1), 1), Sighting::New);
            assert!(dedup.len() <= 10, "{}", dedup.len());
            assert_eq!(dedup.see(key(n.saturating_sub(4).max(1), 1), 1), Sighting::Duplicate);
        }
        // What is taken back of a group that was too large is new again, all of it.
        for n in 2000..2013 {
            dedup.see(key(n, 1), 1);
        }
        for n in (2000..2013).rev() {
            dedup.forget(key(n, 1), Sighting::New);
        }
        for n in 2000..2004 {
            assert_eq!(
                (dedup.see(key(n, 1), 1), dedup.see(key(n, 2), 1)),
                (Sighting::New, Sighting::Conflict)
            );
        }
        let mut off = Dedup::new(Duration::from_secs(1), 0);
        assert_eq!((off.see(key(1, 1), 0), off.see(key(1, 1), 0)), (Sighting::New, Sighting::New));
    }
}
