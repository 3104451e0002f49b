//! Which strings of an input may hold something, told without looking at each of them.
//!
//! Most strings are short, and starting three scans for each would cost more than the scans. So detectors read stretches
//! of the input, quotes and braces and all, and a string is asked for the finds that touch it. A stretch begins where a
//! string does that has to be known about, so that what goes anyway (a masked prompt) is not read.

use std::ops::ControlFlow;

use crate::batch::memory::bytes_of;
use crate::batch::{SpanBatch, Text, TextKind};
use crate::redact::detector::{DetectorSet, Look};

/// How far a stretch reads on beyond the string that was asked for.
const AHEAD: usize = 2048;

/// Finds so near to each other are one: it makes a string be looked at that would not have to be, if at all.
const NEAR: usize = 16;

/// A stretch of the input and what was found in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    start: usize,
    end: usize,
    finds: Vec<(usize, usize)>,
}

impl Window {
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.finds.clear();
    }

    /// Bytes that are held.
    pub(super) fn memory(&self) -> usize {
        bytes_of(&self.finds)
    }

    /// Whether `text` may hold something. False is certain.
    pub(super) fn may_hold(&mut self, batch: &SpanBatch, text: Text, look: Look, every: Look) -> bool {
        if text.is_empty() {
            return false;
        }
        let raw = batch.stored_bytes(text);
        if text.kind() == TextKind::Made || look.is_query || look.on.has_custom() {
            return DetectorSet::may_contain_selected(raw, look);
        }
        let (start, end) = (text.start(), text.start() + text.stored_len());
        if start < self.start || end >= self.end {
            self.read(batch.input(), start, end, every);
        }
        let first = self.finds.partition_point(|(_, find_end)| *find_end <= start);
        self.finds.get(first).is_some_and(|(find_start, _)| *find_start < end)
            || DetectorSet::begins_like_query(raw, look)
    }

    fn read(&mut self, input: &[u8], start: usize, end: usize, every: Look) {
        self.start = start;
        self.end = end.saturating_add(AHEAD).min(input.len());
        self.finds.clear();
        let finds = &mut self.finds;
        DetectorSet::scan_raw(input.get(start..self.end).unwrap_or_default(), every, &mut |from, to| {
            // A text in a script that is written in escapes has one after the other: they are one find.
            match finds.last_mut() {
                Some((first, last)) if (*first..=*last + NEAR).contains(&(start + from)) => {
                    *last = (*last).max(start + to);
                }
                _ => finds.push((start + from, start + to)),
            }
            ControlFlow::Continue(())
        });
        // Each pass gives its finds in order. What is asked for is a find that ends behind a string's beginning and
        // begins before its end, so ends must rise too: a find within another tells nothing more.
        finds.sort_unstable();
        let mut last = 0;
        finds.retain(|(_, to)| {
            let is_new = *to > last;
            last = last.max(*to);
            is_new
        });
    }
}
