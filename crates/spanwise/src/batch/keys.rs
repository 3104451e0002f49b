//! The distinct attribute keys of a batch.
//!
//! Keys come from outside and choose buckets, so the hash is seeded. Every key has a stamp: the number of the attribute
//! list that used it last. A key whose stamp is the list being read is a duplicate: found without searching.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::Text;

#[derive(Debug, Clone, Copy)]
struct KeyRow {
    text: Text,
    hash: u64,
    stamp: u32,
}

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// See the module's head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    rows: Vec<KeyRow>,
    table: HashTable<u32>,
    lists: u32,
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.table.clear();
        self.lists = 0;
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
            if let Ok(entry) = self.table.find_entry(row.hash, |candidate| *candidate as usize == id) {
                entry.remove();
            }
        }
    }

    pub(crate) fn text(&self, id: usize) -> Text {
        self.rows.get(id).map_or(Text::EMPTY, |row| row.text)
    }

    /// The id of the key that reads `name`, if the batch has it. `bytes_of` gives the bytes of a stored key.
    pub(crate) fn find<'a>(&self, name: &[u8], bytes_of: impl Fn(Text) -> &'a [u8]) -> Option<u32> {
        let hash = Self::hash(name);
        self.table.find(hash, |id| bytes_of(self.text(*id as usize)) == name).copied()
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
        let rows = &self.rows;
        let found = self.table.find(hash, |id| {
            rows.get(*id as usize).is_some_and(|row| row.hash == hash && bytes_of(row.text) == name)
        });
        if let Some(id) = found {
            return Some(*id);
        }
        let id = u32::try_from(self.rows.len()).ok().filter(|id| *id < super::rows::AttributeRow::NO_KEY)?;
        self.rows.push(KeyRow { text: text()?, hash, stamp: 0 });
        let rows = &self.rows;
        self.table.insert_unique(hash, id, |id| rows.get(*id as usize).map_or(0, |row| row.hash));
        Some(id)
    }

    /// Stamps `id` with `list` and returns the stamp it had.
    #[inline]
    pub(crate) fn stamp(&mut self, id: u32, list: u32) -> u32 {
        match self.rows.get_mut(id as usize) {
            Some(row) => std::mem::replace(&mut row.stamp, list),
            None => 0,
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
}
