//! How far a long run is, on a terminal.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whoever is done before this needs no bar.
const LONG: Duration = Duration::from_millis(500);

const KNOWN: &str =
    "{prefix}{bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {msg}, {eta} left";
const UNKNOWN: &str = "{prefix}{spinner} {binary_bytes}, {binary_bytes_per_sec}, {msg}";

/// Bytes, spans and time left, drawn on standard error where that is a terminal and the run is long. Nothing elsewhere.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    wanted: bool,
    begun: Instant,
    /// What stands before all else.
    stage: &'static str,
    /// Bytes of all sources, where known.
    total: Option<u64>,
    read: Arc<AtomicU64>,
    spans: Arc<AtomicU64>,
}

impl Progress {
    pub(crate) fn new(
        stage: &'static str,
        total: Option<u64>,
        read: Arc<AtomicU64>,
        spans: Arc<AtomicU64>,
    ) -> Self {
        let wanted = io::stderr().is_terminal();
        Self { bar: None, wanted, begun: Instant::now(), stage, total, read, spans }
    }

    /// Draws, if it is time to. Called by the thread that holds standard error: a thread that only draws would wait for it.
    pub(crate) fn draw(&mut self) {
        if !self.wanted || self.begun.elapsed() < LONG {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(self.total, ProgressDrawTarget::stderr_with_hz(10));
            let template = if self.total.is_some() { KNOWN } else { UNKNOWN };
            let style = ProgressStyle::with_template(template);
            let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
            bar.with_prefix(self.stage).with_elapsed(self.begun.elapsed())
        });
        let spans = self.spans.load(Ordering::Relaxed);
        #[allow(clippy::cast_precision_loss, reason = "a rate, for reading")]
        let rate = spans as f64 / self.begun.elapsed().as_secs_f64();
        bar.set_message(format!("{spans} spans, {rate:.0} spans/s"));
        bar.set_position(self.read.load(Ordering::Relaxed));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
