//! The closed segments that wait for being made into Parquet, and the order in which they are published.
//!
//! Several threads make files of several segments at a time, since that takes most of the processor time of all that the
//! receiver does. What they made is published in the order of the segments: the header of a segment says how much of the one
//! before was acknowledged, so it must not go as long as that one is there.
//!
//! Where one cannot be made for lack of room, what waits for its turn takes that room: from then on they are made one by one, and
//! with each that is, one more at a time.
//!
//! A segment whose manifest is durable is published, whatever becomes of its files: nobody asks any more how much of it counts. If
//! they cannot be put in their places now, it steps aside, and keeps no other from being published.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::seal::Sealed;

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// A segment that takes no more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) id: u64,
    /// Bytes of it that count.
    pub(crate) len: u64,
    /// What is damaged in it was told and counted already, and a copy is kept.
    pub(crate) told: bool,
    /// Its file was begun by this store since it was opened. Another receiver may still be writing to any other.
    pub(crate) ours: bool,
    /// What was made of it, where that is not counted since its manifest may not have its name.
    pub(crate) made: Option<Sealed>,
}

#[derive(Debug)]
struct State {
    /// In order.
    waiting: VecDeque<Closed>,
    sealing: BTreeMap<u64, Closed>,
    /// Published, but not all of their files have their places.
    aside: BTreeMap<u64, Aside>,
    /// So many at a time: there was no room for more.
    together: usize,
    /// More may come.
    open: bool,
    /// What is here is left for the next start.
    abandoned: bool,
    retry: Option<Instant>,
    delay: Duration,
}

impl Closed {
    /// One of so many bytes that was there when the store was opened.
    pub(crate) fn found(id: u64, len: u64) -> Self {
        Self { id, len, told: false, ours: false, made: None }
    }
}

impl State {
    /// Gives a segment its place in the order.
    fn wait_again(&mut self, segment: Closed) {
        let place = self.waiting.partition_point(|other| other.id < segment.id);
        self.waiting.insert(place, segment);
    }
}

#[derive(Debug)]
struct Aside {
    segment: Closed,
    /// Nothing while it is being tried, and where it is left for the next start.
    retry: Option<Instant>,
    delay: Duration,
}

/// Whether a segment may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    /// What was made of it is to be thrown away, and the segment to be [put back](Queue::put_back): the room is wanted.
    Later,
    /// It is left for the next start.
    Never,
}

/// What a thread is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Make Parquet of this segment, and say [`Queue::done`], [`Queue::failed`] or [`Queue::step_aside`].
    Seal(Closed),
    /// Nothing came in the time.
    Nothing,
    /// There will be nothing more.
    End,
}

/// The queue. Segments are given out in their order.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// With the segments that are there already, in their order, and those that are published and not in their places.
    pub(crate) fn new(waiting: VecDeque<Closed>, published: Vec<Closed>) -> Self {
        let now = Instant::now();
        let aside = |segment: Closed| {
            (segment.id, Aside { segment, retry: Some(now + FIRST_RETRY), delay: FIRST_RETRY * 2 })
        };
        let state = State {
            waiting,
            sealing: BTreeMap::new(),
            aside: published.into_iter().map(aside).collect(),
            together: usize::MAX,
            open: true,
            abandoned: false,
            retry: None,
            delay: FIRST_RETRY,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a segment that comes after all others.
    pub(crate) fn push(&self, segment: Closed) {
        self.state().waiting.push_back(segment);
        self.changed.notify_all();
    }

    /// No more will come.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.open = false;
        // No waiting for better times any more.
        state.retry = None;
        let now = Instant::now();
        for retry in state.aside.values_mut().filter_map(|aside| aside.retry.as_mut()) {
            *retry = now;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Leaves all that is not published for the next start.
    pub(crate) fn abandon(&self) {
        self.state().abandoned = true;
        self.changed.notify_all();
    }

    /// Segments that are not in their places.
    pub(crate) fn len(&self) -> usize {
        let state = self.state();
        state.waiting.len() + state.sealing.len() + state.aside.len()
    }

    /// Segments that are not published, in their order, and those that are and have stepped aside.
    pub(crate) fn unsealed(&self) -> (Vec<Closed>, Vec<u64>) {
        let state = self.state();
        let mut segments: Vec<_> = state.sealing.values().chain(&state.waiting).copied().collect();
        segments.sort_unstable_by_key(|segment| segment.id);
        (segments, state.aside.keys().copied().collect())
    }

    /// The next segment to seal, waited for until then.
    pub(crate) fn next(&self, until: Instant) -> Next {
        let mut state = self.state();
        loop {
            let aside = state.aside.values().filter_map(|aside| aside.retry).min();
            if state.abandoned || (!state.open && state.waiting.is_empty() && aside.is_none()) {
                return Next::End;
            }
            let now = Instant::now();
            let due = |aside: &&mut Aside| aside.retry.is_some_and(|at| at <= now);
            if let Some(aside) = state.aside.values_mut().find(due) {
                aside.retry = None;
                return Next::Seal(aside.segment);
            }
            if state.retry.is_none_or(|at| at <= now)
                && state.sealing.len() < state.together
                && let Some(segment) = state.waiting.pop_front()
            {
                state.sealing.insert(segment.id, segment);
                return Next::Seal(segment);
            }
            if now >= until {
                return Next::Nothing;
            }
            let retry = state.retry.filter(|_| !state.waiting.is_empty());
            let due = [retry, aside].into_iter().flatten().fold(until, Instant::min);
            state = self.wait(state, due.saturating_duration_since(now));
        }
    }

    /// Waits so long, or until no more segments will come. Whether that is so.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.state();
        while state.open && !state.abandoned {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.wait(state, left);
        }
        true
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until all segments before this one are published.
    pub(crate) fn turn(&self, id: u64) -> Turn {
        let mut state = self.state();
        loop {
            if state.abandoned {
                return Turn::Never;
            }
            let first = |state: &State| {
                state.sealing.first_key_value().is_none_or(|(other, _)| *other >= id)
                    && state.waiting.front().is_none_or(|other| other.id > id)
            };
            if first(&state) {
                return Turn::Now;
            }
            // Only those that come next may keep others waiting, and never one that is not given out.
            let before =
                state.sealing.range(..id).count() + state.waiting.partition_point(|other| other.id < id);
            if before >= state.together {
                return Turn::Later;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A segment is in its place, in `damaged`, or gone.
    pub(crate) fn done(&self, id: u64) {
        let mut state = self.state();
        state.aside.remove(&id);
        if state.sealing.remove(&id).is_some() {
            (state.retry, state.delay) = (None, FIRST_RETRY);
            state.together = state.together.saturating_add(1);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// There is no room for what is being made: from now on segments are made one at a time. Whether that is news.
    pub(crate) fn one_at_a_time(&self) -> bool {
        let before = std::mem::replace(&mut self.state().together, 1);
        self.changed.notify_all();
        before > 1
    }

    /// A segment whose turn comes later is given out again then.
    pub(crate) fn put_back(&self, segment: Closed) {
        let mut state = self.state();
        state.sealing.remove(&segment.id);
        state.wait_again(segment);
        drop(state);
        self.changed.notify_all();
    }

    /// A segment could not be sealed now: it is given out again after a while, or, where no more will come, left for the
    /// next start with all that are behind it. Whether that is so.
    pub(crate) fn failed(&self, segment: Closed) -> bool {
        let mut state = self.state();
        if state.aside.contains_key(&segment.id) {
            drop(state);
            return self.step_aside(segment);
        }
        state.sealing.remove(&segment.id);
        state.wait_again(segment);
        let is_left = !state.open;
        if state.open {
            state.retry = Some(Instant::now() + state.delay);
            state.delay = (state.delay * 2).min(LONGEST_RETRY);
        } else {
            state.abandoned = true;
        }
        drop(state);
        self.changed.notify_all();
        is_left
    }

    /// Whether a segment stepped aside before.
    pub(crate) fn is_aside(&self, id: u64) -> bool {
        self.state().aside.contains_key(&id)
    }

    /// A segment is published, and its files cannot be put in their places now: it is given out again after a while, or, where no
    /// more will come, left for the next start. Whether that is so. Those behind it need not wait.
    pub(crate) fn step_aside(&self, segment: Closed) -> bool {
        let mut state = self.state();
        state.sealing.remove(&segment.id);
        let delay = state.aside.get(&segment.id).map_or(FIRST_RETRY, |aside| aside.delay);
        let retry = state.open.then(|| Instant::now() + delay);
        let delay = (delay * 2).min(LONGEST_RETRY);
        state.aside.insert(segment.id, Aside { segment, retry, delay });
        drop(state);
        self.changed.notify_all();
        retry.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn segment(id: u64) -> Closed {
        Closed { id, len: 100, told: false, ours: true, made: None }
    }

    fn queue(ids: &[u64]) -> Queue {
        Queue::new(ids.iter().map(|id| segment(*id)).collect(), Vec::new())
    }

    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn segments_are_given_out_in_order_and_the_end_is_told() {
        let queue = queue(&[1, 2]);
        queue.push(segment(5));
        for id in [1, 2, 5] {
            assert_eq!(queue.next(now()), Next::Seal(segment(id)));
        }
        assert_eq!((queue.next(now()), queue.len()), (Next::Nothing, 3));
        assert!(!queue.ends_within(Duration::ZERO));
        queue.close();
        assert!(queue.ends_within(Duration::from_hours(1)));
        assert_eq!(queue.next(now() + Duration::from_hours(1)), Next::End);
        queue.done(2);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_segment_is_published_after_those_before() {
        let queue = queue(&[1, 2, 3]);
        for _ in 0..2 {
            queue.next(now());
        }
        let published = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let turn = queue.turn(2);
                published.store(true, Ordering::SeqCst);
                turn
            });
            assert_eq!(queue.turn(1), Turn::Now);
            assert!(!published.load(Ordering::SeqCst));
            // One that fails is waited for as well.
            queue.failed(segment(1));
            assert!(!published.load(Ordering::SeqCst));
            assert_eq!(queue.next(now()), Next::Nothing);
            assert_eq!(queue.next(now() + Duration::from_hours(1)), Next::Seal(segment(1)));
            assert!(!published.load(Ordering::SeqCst));
            queue.done(1);
            assert_eq!(second.join().unwrap(), Turn::Now);
        });
        queue.done(2);
        assert_eq!(queue.next(now()), Next::Seal(segment(3)));
        assert_eq!(queue.turn(3), Turn::Now);
    }

    #[test]
    fn what_fails_again_and_again_is_tried_ever_more_seldom_until_one_succeeds() {
        let queue = queue(&[1, 2]);
        let fails_for = |id: u64, wait: Duration| {
            // As if it had waited.
            queue.state().retry = None;
            assert_eq!(queue.next(now()), Next::Seal(segment(id)));
            let before = now();
            assert!(!queue.failed(segment(id)));
            let retry = queue.state().retry.unwrap();
            assert!(before + wait <= retry && retry <= now() + wait, "{wait:?}");
        };
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            fails_for(1, Duration::from_secs(wait));
        }
        queue.state().retry = None;
        assert_eq!(queue.next(now()), Next::Seal(segment(1)));
        queue.done(1);
        fails_for(2, FIRST_RETRY);
    }

    #[test]
    fn a_failure_at_the_end_leaves_the_rest() {
        let queue = queue(&[1, 2, 3]);
        for _ in 0..2 {
            queue.next(now());
        }
        queue.close();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.turn(2));
            queue.failed(segment(1));
            assert_eq!(second.join().unwrap(), Turn::Never);
        });
        queue.failed(segment(2));
        assert_eq!((queue.next(now()), queue.len()), (Next::End, 3));
    }

    #[test]
    fn without_room_segments_are_made_one_at_a_time() {
        let queue = &queue(&[1, 2, 3]);
        for _ in 0..3 {
            queue.next(now());
        }
        let hour = now() + Duration::from_hours(1);
        std::thread::scope(|scope| {
            // They wait with what they made.
            let waiting = [2, 3].map(|id| scope.spawn(move || (id, queue.turn(id))));
            assert!(queue.one_at_a_time());
            queue.failed(segment(1));
            for waited in waiting {
                let (id, turn) = waited.join().unwrap();
                assert_eq!(turn, Turn::Later);
                queue.put_back(segment(id));
            }
        });
        assert_eq!(queue.next(hour), Next::Seal(segment(1)));
        assert_eq!((queue.next(now()), queue.turn(1)), (Next::Nothing, Turn::Now));
        queue.done(1);
        // There may be room for two.
        queue.push(segment(4));
        assert_eq!([queue.next(now()), queue.next(now())], [2, 3].map(|id| Next::Seal(segment(id))));
        assert_eq!(queue.next(now()), Next::Nothing);
        // The one before fails for another reason: it is given out again, whatever waits.
        queue.failed(segment(2));
        assert_eq!(queue.next(hour), Next::Seal(segment(2)));
        assert!(queue.one_at_a_time() && !queue.one_at_a_time());
        assert_eq!(queue.turn(3), Turn::Later);
    }

    #[test]
    fn one_that_stepped_aside_keeps_no_other_and_is_tried_again() {
        let queue = queue(&[1, 2]);
        assert_eq!(queue.next(now()), Next::Seal(segment(1)));
        assert_eq!(queue.next(now()), Next::Seal(segment(2)));
        assert_eq!(queue.turn(1), Turn::Now);
        assert!(!queue.step_aside(segment(1)));
        assert_eq!(queue.turn(2), Turn::Now);
        queue.done(2);
        assert_eq!((queue.next(now()), queue.len()), (Next::Nothing, 1));
        assert_eq!(queue.unsealed(), (Vec::new(), vec![1]));
        let hour = now() + Duration::from_hours(1);
        assert_eq!(queue.next(hour), Next::Seal(segment(1)));
        // While it is being tried, those that come need not wait either.
        queue.push(segment(3));
        assert_eq!(queue.next(hour), Next::Seal(segment(3)));
        assert_eq!(queue.turn(3), Turn::Now);
        queue.done(3);
        // Whatever it is that fails.
        assert!(!queue.failed(segment(1)));
        // At the end it is tried at once, and once.
        queue.close();
        assert_eq!(queue.next(hour), Next::Seal(segment(1)));
        assert_eq!(queue.next(hour), Next::End);
        assert!(queue.step_aside(segment(1)));
        assert_eq!((queue.next(hour), queue.len()), (Next::End, 1));
    }

    #[test]
    fn what_is_abandoned_is_not_given_out() {
        let queue = queue(&[1, 2]);
        queue.next(now());
        queue.abandon();
        assert_eq!(queue.turn(1), Turn::Never);
        assert_eq!(queue.next(now()), Next::End);
    }
}
