//! The distinct attribute keys of a batch.
//!
//! Keys come from outside and choose places in the table, so the hash is seeded. Every key has a stamp: the number of the
//! attribute list that used it last. A key whose stamp is the list being read is a duplicate: found without searching.
//!
//! The table is of our own making because most requests are small: each key of a request is new to it once, and looking for
//! it and adding it are one walk here; and forgetting all keys costs nothing, however many there once were.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use super::Text;
use super::memory::bytes_of;

#[derive(Debug, Clone, Copy)]
struct KeyRow {
    text: Text,
    hash: u64,
    stamp: u32,
}

/// A place in the table, taken if `epoch` is that of the keys.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    epoch: u32,
    id: u32,
}

impl Place {
    /// Takes the place for a new key, whose id is returned.
    #[inline]
    fn take(&mut self, epoch: u32, rows: &mut Vec<KeyRow>, hash: u64, text: Text) -> Option<u32> {
        let id = u32::try_from(rows.len()).ok().filter(|id| *id < super::rows::AttributeRow::NO_KEY)?;
        *self = Self { epoch, id };
        rows.push(KeyRow { text, hash, stamp: 0 });
        Some(id)
    }
}

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// See the module's head.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    rows: Vec<KeyRow>,
    /// As many as a power of two, or none; at least half of them free. A key stands at the first free one from that of its
    /// hash on.
    places: Vec<Place>,
    /// Not zero, which is that of no keys.
    epoch: u32,
    lists: u32,
}

impl Default for Keys {
    fn default() -> Self {
        Self { rows: Vec::new(), places: Vec::new(), epoch: 1, lists: 0 }
    }
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that the tables hold.
    pub(super) fn memory(&self) -> usize {
        bytes_of(&self.rows) + bytes_of(&self.places)
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.lists = 0;
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            // After 2^32 batches a place that was taken long ago could look taken.
            self.places.fill(Place::default());
            self.epoch = 1;
        }
    }

    /// The number of the next attribute list, from 1. An input is too short for more lists than there are numbers.
    #[inline]
    pub(crate) fn next_list(&mut self) -> u32 {
        self.lists = self.lists.wrapping_add(1);
        self.lists
    }

    /// Forgets the keys that were added after there were `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        while self.rows.len() > len {
            let Some(row) = self.rows.pop() else { return };
            let id = self.rows.len();
            let (place, Some(_)) = self.search(row.hash, |candidate| candidate as usize == id) else {
                continue;
            };
            // No key that is left was added after this one and stands behind it.
            if let Some(place) = self.places.get_mut(place) {
                place.epoch = 0;
            }
        }
    }

    /// Walks the taken places of `hash` to the first whose key `is` the one: its place and id, or the free place after them.
    /// There is a free one, if any at all.
    #[inline]
    fn search(&self, hash: u64, is: impl Fn(u32) -> bool) -> (usize, Option<u32>) {
        let mask = self.places.len().wrapping_sub(1);
        #[allow(clippy::cast_possible_truncation, reason = "the lower bits are asked for")]
        let mut place = hash as usize & mask;
        while let Some(taken) = self.places.get(place).filter(|place| place.epoch == self.epoch) {
            if is(taken.id) {
                return (place, Some(taken.id));
            }
            place = (place + 1) & mask;
        }
        (place, None)
    }

    /// [`Self::search`] for the key that reads `name`.
    #[inline]
    fn search_name<'a>(
        &self,
        hash: u64,
        name: &[u8],
        bytes_of: impl Fn(Text) -> &'a [u8],
    ) -> (usize, Option<u32>) {
        self.search(hash, |id| {
            self.rows.get(id as usize).is_some_and(|row| row.hash == hash && bytes_of(row.text) == name)
        })
    }

    /// Makes room for one more key.
    #[cold]
    fn grow(&mut self) {
        self.places.clear();
        self.places.resize((4 * (self.rows.len() + 1)).next_power_of_two().max(64), Place::default());
        for id in 0..self.rows.len() {
            let Some(row) = self.rows.get(id) else { return };
            let (place, _) = self.search(row.hash, |_| false);
            if let (Some(place), Ok(id)) = (self.places.get_mut(place), u32::try_from(id)) {
                *place = Place { epoch: self.epoch, id };
            }
        }
    }

    pub(crate) fn text(&self, id: usize) -> Text {
        self.rows.get(id).map_or(Text::EMPTY, |row| row.text)
    }

    /// The id of the key that reads `name`, if the batch has it. `bytes_of` gives the bytes of a stored key.
    pub(crate) fn find<'a>(&self, name: &[u8], bytes_of: impl Fn(Text) -> &'a [u8]) -> Option<u32> {
        self.search_name(Self::hash(name), name, bytes_of).1
    }

    /// The id of the key that reads `name`, added as `text` when it is new.
    #[inline]
    pub(crate) fn intern<'a>(
        &mut self,
        name: &[u8],
        bytes_of: impl Fn(Text) -> &'a [u8],
        text: impl FnOnce() -> Option<Text>,
    ) -> Option<u32> {
        self.intern_hashed(Self::hash(name), name, bytes_of, text)
    }

    /// The hash of a key: seeded, the same for all batches of the process.
    #[inline]
    pub(crate) fn hash(name: &[u8]) -> u64 {
        SEED.hash_one(name)
    }

    /// [`Self::intern`] for a name whose hash is known.
    #[inline]
    pub(crate) fn intern_hashed<'a>(
        &mut self,
        hash: u64,
        name: &[u8],
        bytes_of: impl Fn(Text) -> &'a [u8],
        text: impl FnOnce() -> Option<Text>,
    ) -> Option<u32> {
        let (mut place, found) = self.search_name(hash, name, bytes_of);
        if found.is_some() {
            return found;
        }
        if self.places.len() < 2 * (self.rows.len() + 1) {
            self.grow();
            (place, _) = self.search(hash, |_| false);
        }
        self.places.get_mut(place)?.take(self.epoch, &mut self.rows, hash, text()?)
    }

    /// [`Self::intern_hashed`] where it is plain that the batch has no such key, and there is room for it: the id that it gets.
    #[inline]
    pub(crate) fn add_unmet(&mut self, hash: u64, text: Text) -> Option<u32> {
        #[allow(clippy::cast_possible_truncation, reason = "the lower bits are asked for")]
        let first = hash as usize & self.places.len().wrapping_sub(1);
        let room = self.places.len() / 2 > self.rows.len() && self.rows.capacity() > self.rows.len();
        let place = self.places.get_mut(first).filter(|place| room && place.epoch != self.epoch)?;
        place.take(self.epoch, &mut self.rows, hash, text)
    }

    /// Stamps `id` with `list` and returns the stamp it had.
    #[inline]
    pub(crate) fn stamp(&mut self, id: u32, list: u32) -> u32 {
        match self.rows.get_mut(id as usize) {
            Some(row) => std::mem::replace(&mut row.stamp, list),
            None => 0,
        }
    }

    /// Gives keys the stamps back that they had before `taken` was exceeded.
    #[inline]
    pub(crate) fn restore_stamps(&mut self, stamps: &mut Vec<(u32, u32)>, taken: usize) {
        while stamps.len() > taken {
            let Some((key, stamp)) = stamps.pop() else { break };
            self.stamp(key, stamp);
        }
    }

    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = Text> + '_ {
        self.rows.iter().map(|row| row.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::TextKind;

    #[test]
    fn equal_keys_share_an_id_and_truncation_forgets_the_later_ones() {
        let arena = b"alphabetagamma";
        let bytes_of = |text: Text| text.raw(b"", arena);
        let mut keys = Keys::default();
        let add = |keys: &mut Keys, start: usize, end: usize| {
            keys.intern(&arena[start..end], bytes_of, || Text::new(TextKind::Made, start, end)).unwrap()
        };
        assert_eq!(add(&mut keys, 0, 5), 0);
        assert_eq!(add(&mut keys, 5, 9), 1);
        assert_eq!(add(&mut keys, 0, 5), 0);
        keys.truncate(1);
        assert_eq!(keys.find(b"beta", bytes_of), None);
        assert_eq!(keys.find(b"alpha", bytes_of), Some(0));
        assert_eq!(add(&mut keys, 9, 14), 1);
        assert_eq!(keys.find(b"gamma", bytes_of), Some(1));
        assert_eq!((keys.stamp(1, 4), keys.stamp(1, 5)), (0, 4));
    }

    #[test]
    fn many_keys_are_told_apart_whatever_was_forgotten_before() {
        let names: Vec<String> = (0..500).map(|number| format!("key-{number}")).collect();
        let arena = names.concat().into_bytes();
        let mut ends = names.iter().scan(0, |end, name| {
            *end += name.len();
            Some(*end)
        });
        let texts: Vec<Text> = names
            .iter()
            .map(|name| {
                let end = ends.next().unwrap();
                Text::new(TextKind::Made, end - name.len(), end).unwrap()
            })
            .collect();
        let bytes_of = |text: Text| text.raw(b"", &arena);
        let mut keys = Keys::default();
        for round in 0..3 {
            for (number, text) in texts.iter().enumerate() {
                // As a template does, or as the general path.
                let name = names[number].as_bytes();
                let unmet = (number % 2 == 0).then(|| keys.add_unmet(Keys::hash(name), *text)).flatten();
                let id = unmet.or_else(|| keys.intern(name, bytes_of, || Some(*text)));
                assert_eq!(id, u32::try_from(number).ok(), "{round}");
            }
            keys.truncate(100 + round);
            for (number, name) in names.iter().enumerate() {
                let expected = u32::try_from(number).ok().filter(|_| number < 100 + round);
                assert_eq!(keys.find(name.as_bytes(), bytes_of), expected, "{round}");
            }
            keys.clear();
            assert_eq!((keys.len(), keys.find(b"key-1", bytes_of)), (0, None));
        }
        // A key that is known takes no room.
        let room = keys.places.len();
        for (number, text) in texts.iter().enumerate() {
            let id = keys.intern(names[number].as_bytes(), bytes_of, || Some(*text));
            assert_eq!(id, u32::try_from(number).ok());
            if 2 * (keys.len() + 1) > keys.places.len() {
                break;
            }
        }
        assert_eq!(keys.intern(b"key-1", bytes_of, || None), Some(1));
        assert_eq!(keys.places.len(), room);
        keys.clear();
        // The epoch after the last one is the first, and none of its keys are there.
        assert_eq!(keys.intern(b"key-7", bytes_of, || Some(texts[7])), Some(0));
        keys.epoch = u32::MAX;
        assert_eq!(keys.intern(b"key-7", bytes_of, || Some(texts[7])), Some(1));
        keys.clear();
        assert_eq!(keys.epoch, 1);
        assert_eq!(keys.find(b"key-7", bytes_of), None);
    }
}
