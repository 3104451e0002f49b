//! Log lines that every request could write: one a minute, which says how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_mins(1);

/// When something was last told, and how often it came about since.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// Whether it is to be told that it came about now; if so, how often it did since it was last told.
    pub(crate) fn untold(&self) -> Option<u64> {
        self.untold_at(Instant::now())
    }

    fn untold_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, untold) = &mut *state;
        if last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            *untold += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute_with_the_number_of_those_between() {
        let (seldom, begun) = (Seldom::default(), Instant::now());
        for (seconds, told) in
            [(0, Some(0)), (0, None), (59, None), (60, Some(2)), (61, None), (500, Some(1))]
        {
            assert_eq!(seldom.untold_at(begun + Duration::from_secs(seconds)), told, "{seconds}");
        }
    }
}
