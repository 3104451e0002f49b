//! One bound on the memory of all requests together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;

use crate::answer::Answer;

/// Bytes that requests may hold together. A clone is the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    used: Arc<AtomicUsize>,
    limit: usize,
    /// What all budgets that tell it have used.
    gauge: Gauge,
}

/// There is no memory left for it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more memory at once than there may be")
    }
}

impl std::error::Error for Exhausted {}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self::told(limit, Gauge::default())
    }

    /// One whose use is added to that of others.
    pub(crate) fn told(limit: usize, gauge: Gauge) -> Self {
        Self { used: Arc::default(), limit, gauge }
    }

    /// Bytes that are reserved.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A reservation of nothing, to grow.
    pub fn reserve(&self) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
#[must_use = "what is dropped is given back"]
pub struct Reservation {
    budget: Budget,
    bytes: usize,
}

impl Reservation {
    /// Takes more. Never waits: those who wait would hold what others need to end.
    ///
    /// # Errors
    /// The budget has less left; then nothing is taken.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let limit = self.budget.limit;
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        match self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => {
                self.bytes += bytes;
                self.budget.gauge.inc_by(gauged(bytes));
                Ok(())
            }
            Err(_) => Err(Exhausted),
        }
    }

    /// Takes more for what cannot do without it.
    ///
    /// # Errors
    /// There is too little now, or there never will be enough: then to send it again is of no use.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Answer> {
        self.grow(bytes).map_err(|Exhausted| match self.bytes.checked_add(bytes) {
            Some(all) if all <= self.budget.limit => Answer::Overload,
            _ => Answer::BeyondMemory,
        })
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let back = self.bytes.saturating_sub(bytes);
        self.bytes -= back;
        self.budget.used.fetch_sub(back, Ordering::Relaxed);
        self.budget.gauge.dec_by(gauged(back));
    }

    /// Bytes reserved.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// As gauges count.
fn gauged(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_stay_within_the_budget_and_come_back() {
        let budget = Budget::new(10);
        let (mut first, mut second) = (budget.reserve(), budget.reserve());
        assert_eq!(first.grow(7), Ok(()));
        assert_eq!((second.grow(4), second.bytes(), budget.used()), (Err(Exhausted), 0, 7));
        assert_eq!((second.grow(3), second.grow(usize::MAX)), (Ok(()), Err(Exhausted)));
        // What is too much for now, and what always will be.
        assert_eq!((first.take(1), first.take(3)), (Err(Answer::Overload), Err(Answer::Overload)));
        assert_eq!(
            (first.take(4), first.take(usize::MAX)),
            (Err(Answer::BeyondMemory), Err(Answer::BeyondMemory))
        );
        first.shrink_to(5);
        assert_eq!(budget.used(), 8);
        drop(second);
        drop(first);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_several_use_is_told_together() {
        let gauge = Gauge::default();
        let budgets = [10, 20].map(|limit| Budget::told(limit, gauge.clone()));
        let [mut first, mut second] = [budgets[0].reserve(), budgets[1].reserve()];
        assert_eq!((first.grow(9), second.grow(15), second.grow(6)), (Ok(()), Ok(()), Err(Exhausted)));
        assert_eq!(gauge.get(), 24);
        first.shrink_to(4);
        assert_eq!((gauge.get(), budgets[0].used(), budgets[1].used()), (19, 4, 15));
        drop(second);
        drop(first);
        assert_eq!(gauge.get(), 0);
    }
}
