//! How many threads a scan has: as many as were asked for, unless there is no work or no room for them.

use std::num::NonZeroUsize;

use crate::settings::ReadSettings;
use crate::source::Source;

/// Threads of one scan, at most: what they hold together is memory.
const MOST: usize = 512;

/// Blocks that a source may have for each block of its bytes as they are stored: it may be compressed.
const INFLATED: u64 = 32;

/// How many threads are of use: no more than there may be blocks.
pub(crate) fn useful(threads: usize, sources: &[Source], settings: &ReadSettings) -> usize {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        threads => threads,
    };
    let threads = threads.min(MOST);
    let block = settings.sizes.block.max(1) as u64;
    let mut blocks = 0;
    for source in sources {
        if blocks >= threads as u64 {
            break;
        }
        let of_source =
            source.length().map_or(u64::MAX, |length| length.saturating_mul(INFLATED) / block + 1);
        blocks = blocks.saturating_add(of_source);
    }
    usize::try_from(blocks).unwrap_or(usize::MAX).clamp(1, threads)
}

/// What a thread holds, in blocks: the one that is in work with its tables, and one that waits.
const HELD: usize = 4;

/// What glibc asks for at once where a thread allocates for the first time, and its stack. It gives half of that back.
const BEGINNING: usize = 136 << 20;

/// Whether there is room for what so many threads hold: where the system bounds the memory of a process, a thread more than
/// that would have the first that asks for some end it.
pub(crate) fn is_room(threads: usize, settings: &ReadSettings) -> bool {
    let held = settings.sizes.block.saturating_mul(HELD).saturating_mul(threads);
    let wanted = held.saturating_add(BEGINNING);
    let mut room: Vec<u8> = Vec::new();
    let reserved = room.try_reserve_exact(wanted);
    // Otherwise a compiler may leave out what nobody uses.
    std::hint::black_box(&room);
    reserved.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_threads_than_sources_are_good_for() {
        let settings = ReadSettings::default();
        let bytes = |len: usize| Source::Bytes(vec![b' '; len].into());
        let endless = || Source::Reader(Box::new(std::io::empty()));
        for (threads, sources, expected) in [
            (8, vec![], 1),
            (8, vec![bytes(10)], 1),
            (8, vec![bytes(10), bytes(10), bytes(10)], 3),
            (8, vec![bytes(1 << 20)], 8),
            (1, vec![endless()], 1),
            (8, vec![endless()], 8),
            (usize::MAX, vec![endless(), endless()], MOST),
        ] {
            assert_eq!(useful(threads, &sources, &settings), expected, "{threads} {sources:?}");
        }
        assert!((1..=MOST).contains(&useful(0, &[endless()], &settings)));
    }

    #[test]
    fn room_is_bounded() {
        let mut settings = ReadSettings::default();
        assert!(is_room(1, &settings));
        settings.sizes.block = usize::MAX;
        assert!(!is_room(1, &settings));
    }
}
