//! A run as others see it than the thread that it is on: another thread, or the callable that is told of its progress.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::report::Report;

/// A Python object that several hold as one. Python's search for cycles is told of it by one of them, and has to find as many
/// references as it is told of.
pub(crate) type Held = Arc<Py<PyAny>>;

/// What a run has found so far, and whether it is to end.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    report: Mutex<Report>,
    ends: AtomicBool,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found so far.
    pub(crate) fn report(&self) -> Report {
        self.lock().clone()
    }

    /// Spans that were found so far.
    pub(crate) fn spans(&self) -> u64 {
        self.lock().spans
    }

    /// Takes note of what was found.
    pub(crate) fn note(&self, note: impl FnOnce(&mut Report)) {
        note(&mut self.lock());
    }

    /// The run is to end as soon as it looks.
    pub(crate) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    pub(crate) fn is_to_end(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }
}
