//! Numbers of lines that are known later.
//!
//! Where a stream is one of lines, nobody needs to look for their ends before they are decoded: the decoder comes by all of
//! them. So the number of the line that a block begins in is that of the block before and the line feeds in it, which are
//! counted when they were decoded, when somebody asks for the number, or at the latest when the block is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The number of a line of a stream, from 1: known, or to be known once the lines before it were counted.
#[derive(Debug, Clone)]
pub struct LineNumber(Number);

#[derive(Debug, Clone)]
enum Number {
    Known(u64),
    Behind(Arc<Mutex<Count>>),
}

/// Of a block: the number of the line behind it.
#[derive(Debug)]
enum Count {
    Known(u64),
    /// So many line feeds behind another.
    Feeds(LineNumber, u64),
    /// Those of a text behind another.
    Text(LineNumber, Bytes),
}

/// How many blocks are waited for to be counted as they are decoded, before it is done here: more than are under way at once.
const PATIENCE: usize = 64;

/// The first line of a stream.
impl Default for LineNumber {
    fn default() -> Self {
        Self::known(1)
    }
}

fn lock(count: &Mutex<Count>) -> MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LineNumber {
    pub(crate) fn known(line: u64) -> Self {
        Self(Number::Known(line))
    }

    /// The number behind a text that begins with this line.
    pub(crate) fn behind(self, text: Bytes) -> Self {
        Self(Number::Behind(Arc::new(Mutex::new(Count::Text(self, text)))))
    }

    /// The number. Counts what was not counted yet.
    pub fn get(&self) -> u64 {
        self.resolve(0).unwrap_or_default()
    }

    /// The number, if what is not counted yet is at least so many blocks ago, or nothing.
    fn resolve(&self, patience: usize) -> Option<u64> {
        let mut open = Vec::new();
        let mut at = self.clone();
        let mut line = loop {
            let Number::Behind(count) = &at.0 else { break None };
            let before = match &*lock(count) {
                Count::Known(line) => break Some(*line),
                Count::Text(..) if open.len() < patience => return None,
                Count::Feeds(before, _) | Count::Text(before, _) => before.clone(),
            };
            open.push(Arc::clone(count));
            at = before;
        };
        if let Number::Known(known) = at.0 {
            line = Some(known);
        }
        let mut line = line?;
        for count in open.into_iter().rev() {
            let mut count = lock(&count);
            line = match &*count {
                Count::Known(line) => *line,
                Count::Feeds(_, feeds) => line.saturating_add(*feeds),
                Count::Text(_, text) => line.saturating_add(feeds(text)),
            };
            *count = Count::Known(line);
        }
        Some(line)
    }
}

/// Line feeds in a text.
pub(crate) fn feeds(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// Has the lines of a block counted, at the latest when it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Counting(LineNumber);

impl Counting {
    pub(crate) fn new(behind: LineNumber) -> Self {
        Self(behind)
    }

    pub(crate) fn behind(&self) -> &LineNumber {
        &self.0
    }

    /// Says how many line feeds the block has.
    pub(crate) fn counted(&self, feeds: u64) {
        let Number::Behind(count) = &self.0.0 else { return };
        let mut count = lock(count);
        if let Count::Text(before, _) = &*count {
            *count = Count::Feeds(before.clone(), feeds);
        }
        drop(count);
        self.0.resolve(PATIENCE);
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let Number::Behind(count) = &self.0.0 else { return };
        let text = match &*lock(count) {
            Count::Text(_, text) => text.clone(),
            _ => return,
        };
        self.counted(feeds(&text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_no_further_than_the_largest() {
        for line in [u64::MAX, u64::MAX - 1] {
            let behind = LineNumber::known(line).behind("\n\n".into());
            assert_eq!(behind.clone().behind("\n".into()).get(), u64::MAX);
            let counting = Counting::new(behind.behind("\n".into()));
            counting.counted(1);
            assert_eq!(counting.behind().get(), u64::MAX);
        }
    }

    fn texts() -> Vec<Bytes> {
        (0..200).map(|index| "a\n".repeat(index % 5).into()).collect()
    }

    fn numbers() -> (Vec<Counting>, Vec<u64>) {
        let mut line = LineNumber::known(1);
        let mut known = 1;
        let mut behind = Vec::new();
        let mut expected = Vec::new();
        for text in texts() {
            known += feeds(&text);
            line = line.behind(text);
            behind.push(Counting::new(line.clone()));
            expected.push(known);
        }
        (behind, expected)
    }

    #[test]
    fn lines_are_counted_in_any_order() {
        for step in [1, 3, 67, 199] {
            let (behind, expected) = numbers();
            for at in (0..200).map(|index| index * step % 200) {
                behind[at].counted(feeds(&texts()[at]));
                if at % 7 == 0 {
                    assert_eq!(behind[at].behind().get(), expected[at]);
                }
            }
            assert!(behind.iter().map(|one| one.behind().get()).eq(expected), "{step}");
        }
    }

    #[test]
    fn what_is_dropped_is_counted_and_holds_no_text() {
        let (mut behind, expected) = numbers();
        let last = behind.pop().map(|one| one.behind().clone());
        while let Some(one) = behind.pop() {
            drop(one);
        }
        let last = last.into_iter().next();
        assert_eq!(last.as_ref().map(LineNumber::get), expected.last().copied());
        let text = Bytes::from(vec![b'\n'; 9]);
        let one = Counting::new(LineNumber::known(1).behind(text.clone()));
        let line = one.behind().clone();
        one.counted(9);
        assert!(text.try_into_mut().is_ok(), "still held");
        assert_eq!(line.get(), 10);
    }
}
