//! How much memory a redactor holds, and giving it back.

use std::ops::Range;

use super::output::Splices;
use super::window::Window;
use super::{Redactor, State};
use crate::batch::SpanBatch;
use crate::batch::memory::bytes_of;

impl Redactor {
    /// Bytes of memory that its buffers hold, and what it remembers of keys; as with
    /// [`Decoder::memory`](crate::Decoder::memory), what is remembered of writers comes on top.
    ///
    /// No call gives any of them back: that is what makes the next one cheap. Their size is that of the largest payload so far,
    /// which can be small as text: see [`Limits`](crate::Limits). Costs a look at each key that is remembered, some hundreds
    /// usually and 65,536 at most.
    ///
    /// ```
    /// use spanwise::redact::{Policy, Preset, Redactor};
    ///
    /// let mut redactor = Redactor::new(Policy::from_preset(Preset::Secrets).compile(None)?);
    /// let spans = vec!["{}"; 100_000].join(",");
    /// redactor.redact_json(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#))?;
    /// assert!(redactor.memory() > 60 * spans.len());
    /// // After each payload: what is usual stays.
    /// redactor.shrink_to(16 << 20);
    /// assert!(redactor.memory() <= 16 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory(&self) -> usize {
        self.batch.memory() + self.decoder.memory() + self.state.memory()
    }

    /// Gives memory back if it holds more than so many bytes: the buffers, and if that is not enough, what is remembered of keys,
    /// too. 0 stands for all.
    ///
    /// What is redacted does not depend on it. The next call makes its buffers anew.
    pub fn shrink_to(&mut self, most: usize) {
        if self.memory() <= most {
            return;
        }
        self.batch = SpanBatch::new();
        self.decoder.shrink_to(0);
        self.state.give_buffers_back();
        if self.memory() > most {
            self.state = State::default();
        }
    }
}

impl State {
    fn memory(&self) -> usize {
        let Self { edits, keys, window, splices, written } = self;
        let splices = bytes_of(&splices.list) + bytes_of(&splices.put_in);
        edits.memory() + keys.memory() + window.memory() + splices + bytes_of::<Range<usize>>(written)
    }

    /// What is known of keys, and the texts that it refers to, stays.
    fn give_buffers_back(&mut self) {
        let Self { edits, keys: _, window, splices, written } = self;
        edits.give_buffers_back();
        *window = Window::default();
        *splices = Splices::default();
        *written = Vec::new();
    }
}
