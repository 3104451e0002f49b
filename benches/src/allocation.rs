//! Counting what a contestant asks of the allocator.
//!
//! The counter is a plain load and store, not an atomic addition: an addition on each allocation would slow the
//! contestants that allocate, and the figures would flatter those that do not. Counts are exact for one thread,
//! and measuring is done by one.

#![allow(unsafe_code, reason = "a global allocator cannot be had without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted. A binary that wants counts installs it as its global allocator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

/// How many allocations and reallocations there were so far; 0 always where [`Counting`] is not installed.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

fn increment() {
    COUNT.store(COUNT.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

// SAFETY: every method hands its arguments on to `System`, which upholds the contract of `GlobalAlloc`, and gives
// back what `System` gave. Counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        increment();
        // SAFETY: the caller keeps the contract of `alloc`, which is `System`'s too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `System` with `layout`, since all methods here hand on to it.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        increment();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is `System`'s too.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        increment();
        // SAFETY: `block` came from `System` with `layout`, and the caller keeps the rest of the contract.
        unsafe { System.realloc(block, layout, size) }
    }
}
