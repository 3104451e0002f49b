//! One bound on the memory of all requests together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that requests may hold together. A clone is the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// There is no memory left for it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
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
                Ok(())
            }
            Err(_) => Err(Exhausted),
        }
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let back = self.bytes.saturating_sub(bytes);
        self.bytes -= back;
        self.budget.used.fetch_sub(back, Ordering::Relaxed);
    }

    /// Bytes reserved.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
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
        first.shrink_to(5);
        assert_eq!(budget.used(), 8);
        drop(second);
        drop(first);
        assert_eq!(budget.used(), 0);
    }
}
