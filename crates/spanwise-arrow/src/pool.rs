//! Memory of columns that comes back when the last array that shares it is dropped.
//!
//! The columns of a block take about as much memory as its text. Given back to the system and asked for again block after
//! block, its pages took two fifths of the time of converting.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow_buffer::{ArrowNativeType, Buffer, ToByteSlice};
use bytes::Bytes;

/// Bytes from which memory is worth keeping; the allocator is quick to give less.
const LEAST: usize = 64 << 10;

/// Bytes that are kept while nobody uses them, at most.
const MOST: usize = 64 << 20;

/// Memory that waits for its next use, of one kind of element. Clones share it.
#[derive(Debug)]
pub(crate) struct Pool<T>(Arc<Mutex<Vec<Vec<T>>>>);

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// What goes back to its pool.
struct Lent<T> {
    memory: Vec<T>,
    pool: Weak<Mutex<Vec<Vec<T>>>>,
}

fn bytes<T>(memory: &Vec<T>) -> usize {
    memory.capacity() * size_of::<T>()
}

impl<T> Pool<T> {
    /// An empty vector with room for so many elements, and at most twice that where it was used before.
    pub(crate) fn take(&self, room: usize) -> Vec<T> {
        if room * size_of::<T>() < LEAST {
            return Vec::with_capacity(room);
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |memory: &Vec<T>| memory.capacity() >= room && memory.capacity() / 2 <= room;
        let found = waiting.iter().position(fits).map(|index| waiting.swap_remove(index));
        drop(waiting);
        found.unwrap_or_else(|| Vec::with_capacity(room))
    }
}

impl<T: ArrowNativeType> Pool<T> {
    /// The elements as a buffer, whose memory comes back where there is enough of it.
    pub(crate) fn lend(&self, memory: Vec<T>) -> Buffer {
        if bytes(&memory) < LEAST {
            return Buffer::from_vec(memory);
        }
        let lent = Lent { memory, pool: Arc::downgrade(&self.0) };
        Buffer::from(Bytes::from_owner(lent))
    }
}

impl<T: ArrowNativeType> AsRef<[u8]> for Lent<T> {
    fn as_ref(&self) -> &[u8] {
        self.memory.as_slice().to_byte_slice()
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        let Some(pool) = self.pool.upgrade() else { return };
        let mut memory = std::mem::take(&mut self.memory);
        memory.clear();
        let mut waiting = pool.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.iter().map(bytes).sum::<usize>() + bytes(&memory) <= MOST {
            waiting.push(memory);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_when_the_last_buffer_is_dropped_and_fits_its_next_use() {
        let pool = Pool::<u128>::default();
        let taken = |room| {
            let memory = pool.take(room);
            memory.as_ptr().addr()
        };
        let mut memory = pool.take(LEAST);
        memory.extend([1, 2, 3]);
        let place = memory.as_ptr().addr();
        let buffer = pool.lend(memory);
        let slice = buffer.slice(16);
        assert_eq!(slice.as_slice(), [2_u128.to_le_bytes(), 3_u128.to_le_bytes()].as_flattened());
        drop(buffer);
        assert_ne!(taken(LEAST), place);
        drop(slice);
        assert_ne!(taken(LEAST / 2 - 1), place, "more than twice of what is asked for");
        assert_ne!(taken(LEAST + 1), place, "less than what is asked for");
        let again = pool.take(LEAST);
        assert_eq!((again.as_ptr().addr(), again.len()), (place, 0));
    }

    #[test]
    fn a_pool_keeps_no_more_than_its_bound_and_memory_outlives_it() {
        let pool = Pool::<u8>::default();
        let lent: Vec<_> = (0..5).map(|_| pool.lend(pool.take(MOST / 4))).collect();
        drop(lent);
        assert_eq!(pool.0.lock().unwrap().len(), 4);
        let buffer = pool.lend(vec![7; LEAST]);
        drop(pool);
        assert_eq!(buffer[LEAST - 1], 7);
    }
}
