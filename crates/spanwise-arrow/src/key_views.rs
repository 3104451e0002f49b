//! The views of a batch's attribute keys, made once per distinct key, and where a key stands in the list being read.

use spanwise::AttributeRow;

use crate::text::{EMPTY, Texts};

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct KeyViews {
    views: Vec<u128>,
    /// Buffers that the views refer to.
    pub(crate) used: u8,
    /// Per key, the number of the list that had it last (high half) and the entry where it stands (low half).
    stamps: Vec<u64>,
    list: u32,
    /// No list of the batch has a key twice.
    pub(crate) unique: bool,
}

impl KeyViews {
    /// The views of all keys of the batch.
    pub(crate) fn of(texts: &mut Texts<'_>) -> Self {
        texts.take_used();
        let views: Vec<_> = texts.batch.key_texts().map(|text| texts.view(text)).collect();
        let unique = !texts.batch.may_repeat_keys();
        let stamps = if unique { Vec::new() } else { vec![0; views.len()] };
        Self { views, used: texts.take_used(), stamps, list: 0, unique }
    }

    /// The view of the key of `row`.
    #[inline]
    pub(crate) fn view(&self, row: AttributeRow) -> u128 {
        row.key().and_then(|key| self.views.get(key.index())).copied().unwrap_or(EMPTY)
    }

    /// Begins another list.
    #[inline]
    pub(crate) fn next_list(&mut self) {
        self.list = self.list.wrapping_add(1);
        if self.list == 0 {
            self.stamps.fill(0);
            self.list = 1;
        }
    }

    /// The view of the key of `row`, and the entry of the current list that has the key already; otherwise it is noted to
    /// stand at `entry`.
    #[inline]
    pub(crate) fn enter(&mut self, row: AttributeRow, entry: u32) -> (u128, Option<u32>) {
        let Some(index) = row.key().map(spanwise::KeyId::index) else { return (EMPTY, None) };
        let (Some(view), Some(stamp)) = (self.views.get(index), self.stamps.get_mut(index)) else {
            return (EMPTY, None);
        };
        if (*stamp >> 32) == u64::from(self.list) {
            #[allow(clippy::cast_possible_truncation, reason = "the low half")]
            return (*view, Some(*stamp as u32));
        }
        *stamp = u64::from(self.list) << 32 | u64::from(entry);
        (*view, None)
    }
}
