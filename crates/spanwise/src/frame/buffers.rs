//! Buffers that blocks are done with, to be filled again.
//!
//! A fresh buffer costs more than the copy into it: the system has to clear its pages first, and they are in no cache.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::batch::Text;

/// How many are kept: as many as threads that share a stream are likely to give back before one is asked for.
const MOST: usize = 16;

/// Buffers whose blocks are gone, wherever those were dropped. Clones share them.
#[derive(Clone)]
pub struct Buffers {
    /// None is kept that holds more than this.
    largest: usize,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Nothing of what stands in them.
impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers").field("largest", &self.largest).finish_non_exhaustive()
    }
}

/// A buffer that is a block's until the last of those who share its bytes drops them.
struct Lent {
    text: Vec<u8>,
    buffers: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.buffers.put(std::mem::take(&mut self.text));
    }
}

impl Buffers {
    pub(super) fn new(largest: usize) -> Self {
        Self { largest, idle: Arc::default() }
    }

    /// An empty buffer.
    pub(super) fn get(&self) -> Vec<u8> {
        let mut text = self.any();
        text.clear();
        text
    }

    /// A buffer of this length, to be filled with something else than what it holds: text of earlier blocks, which nobody
    /// cleared. So all of it is to be written over, or what was not is to be cut off, before it is lent or looked at.
    ///
    /// It is no longer than the text of a block can be, 2 GiB − 1, whatever is asked for.
    pub fn sized(&self, length: usize) -> Vec<u8> {
        let length = length.min(Text::MAX);
        let mut text = self.any();
        if text.capacity() < length {
            // The system gives zeros; what is here would be copied.
            text = vec![0; length.saturating_add(length / 8).min(self.largest).max(length)];
        }
        text.resize(length, 0);
        text
    }

    fn any(&self) -> Vec<u8> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps its length, too: what was written once need not be cleared to be written over.
    fn put(&self, text: Vec<u8>) {
        if text.capacity() > self.largest {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST {
            idle.push(text);
        }
    }

    /// What a buffer holds, which comes back when it is dropped.
    pub fn lend(&self, text: Vec<u8>) -> Bytes {
        if text.capacity() > self.largest {
            return text.into();
        }
        Bytes::from_owner(Lent { text, buffers: self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_the_last_share_of_it_is_dropped() {
        let buffers = Buffers::new(64);
        let mut text = buffers.get();
        text.extend_from_slice(b"a block");
        let place = text.as_ptr();
        let block = buffers.lend(text);
        let share = block.slice(2..);
        drop(block);
        assert_eq!(buffers.get().capacity(), 0, "it is still in use");
        assert_eq!(share, "block".as_bytes());
        drop(share);
        let text = buffers.get();
        assert_eq!((text.as_ptr(), text.len()), (place, 0));
    }

    #[test]
    fn a_buffer_of_a_length_has_it() {
        let buffers = Buffers::new(64);
        for length in [3, 0, 40, 64, 100, 5] {
            let text = buffers.sized(length);
            assert_eq!(text.len(), length);
            drop(buffers.lend(text));
        }
        assert!(buffers.get().capacity() <= 64);
    }

    #[test]
    fn no_buffer_is_larger_than_a_block() {
        let buffers = Buffers::new(64);
        for length in [usize::MAX, usize::MAX / 2 + 1, Text::MAX + 1, Text::MAX] {
            assert_eq!(buffers.sized(length).len(), Text::MAX);
        }
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        let buffers = Buffers::new(64);
        drop(buffers.lend(vec![b' '; 65]));
        assert_eq!(buffers.get().capacity(), 0);
    }
}
