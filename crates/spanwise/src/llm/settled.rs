//! What was told already, and cannot be taken back: rows of it were written.

use super::repeats::Places;
use super::trees::NO_PLACE;

/// Spans under each other that would each stand for what was told, which are found one by one; nobody nests so many runs of agents.
pub(super) const ROUNDS: usize = 8;

/// The first spans of those that were added, and which of them stand for a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Settled {
    spans: usize,
    /// In order.
    counted: Vec<usize>,
}

impl Settled {
    pub(super) fn new(spans: usize, counted: Vec<usize>) -> Self {
        Self { spans, counted }
    }

    pub(super) fn spans(&self) -> usize {
        self.spans
    }

    /// Whether it was told that this one stands for a request.
    pub(super) fn counts(&self, place: usize) -> bool {
        self.counted.binary_search(&place).is_ok()
    }

    /// Those that stand for a request, in order.
    pub(super) fn counted(&self) -> &[usize] {
        &self.counted
    }

    /// The same of some of the spans, which are in order and numbered anew.
    pub(super) fn of(&self, places: &[u32]) -> Self {
        let spans = places.partition_point(|place| (*place as usize) < self.spans);
        let places = places.iter().take(spans).enumerate();
        let counted = places.filter(|(_, place)| self.counts(**place as usize)).map(|(number, _)| number);
        Self { spans, counted: counted.collect() }
    }

    /// Forgets the first so many spans.
    pub(super) fn forget(&mut self, spans: usize) {
        self.spans = self.spans.saturating_sub(spans);
        self.counted = self.counted.iter().filter_map(|place| place.checked_sub(spans)).collect();
    }

    pub(super) fn truncate(&mut self, spans: usize) {
        self.spans = self.spans.min(spans);
        self.counted.truncate(self.counted.partition_point(|place| *place < spans));
    }

    /// Of those that `counted` has, the ones that came later and stand in the place of one that is settled and has figures: the
    /// nearest above each.
    pub(super) fn replaced_by(
        &self,
        counted: &[usize],
        parents: &[u32],
        has_figures: impl Fn(usize) -> bool,
    ) -> Places {
        let mut walked = vec![false; parents.len()];
        let mut replacing = Places::default();
        let stands_no_more = |place: &&usize| counted.binary_search(place).is_err() && has_figures(**place);
        for settled in self.counted.iter().filter(stands_no_more) {
            let mut at = *settled;
            // Who was walked over leads to what was found then.
            while walked.get_mut(at).is_some_and(|walked| !std::mem::replace(walked, true)) {
                let above = parents.get(at).copied().unwrap_or(NO_PLACE);
                at = above as usize;
                if counted.binary_search(&at).is_ok() {
                    if at >= self.spans {
                        replacing.insert(above);
                    }
                    break;
                }
            }
        }
        replacing
    }
}
