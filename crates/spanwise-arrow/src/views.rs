//! Columns of views, and the buffers that they share.

use std::sync::Arc;

use arrow_array::StringViewArray;
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use spanwise::SpanBatch;

use crate::pool::Pool;
use crate::text::{ARENA, BUILT, INLINE, INPUT, Texts, append};
use crate::{Compact, ConvertError};

/// Views in the making.
#[derive(Debug, Default)]
pub(crate) struct Views {
    pub(crate) data: Vec<u128>,
    /// A bit set of the buffers that they may refer to.
    pub(crate) used: u8,
    /// Many views may be of one and the same place: those of keys, and what scope or resource has.
    pub(crate) shared: bool,
}

impl Views {
    /// Views of which each is of a text of its own.
    pub(crate) fn with_capacity(pools: &Pools, len: usize) -> Self {
        Self { data: pools.views.take(len), used: 0, shared: false }
    }

    /// Views of which many are of the same text.
    pub(crate) fn shared(pools: &Pools, len: usize) -> Self {
        Self { shared: true, ..Self::with_capacity(pools, len) }
    }
}

/// Where the memory of views and of text comes from, and goes back to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pools {
    views: Pool<u128>,
    pub(crate) text: Pool<u8>,
}

/// The buffers of one batch's views, in their final form.
pub(crate) struct Buffers {
    pool: Pool<u128>,
    /// Input, arena, and what was built.
    texts: [Buffer; 3],
    /// The lists of buffers for each bit set, made when first asked for.
    lists: [Option<Arc<[Buffer]>>; 8],
}

impl Buffers {
    /// `arena` is that of the batch; it is copied if it is not given.
    pub(crate) fn new(
        pools: &Pools,
        batch: &SpanBatch,
        arena: Option<Vec<u8>>,
        built: Vec<u8>,
        used: u8,
    ) -> Self {
        let arena = match arena {
            Some(arena) => Buffer::from_vec(arena),
            None if used & 1 << ARENA != 0 => Buffer::from(batch.arena()),
            None => Buffer::default(),
        };
        let input =
            if used & 1 << INPUT != 0 { Buffer::from(batch.input().clone()) } else { Buffer::default() };
        let built = pools.text.lend(built);
        Self { pool: pools.views.clone(), texts: [input, arena, built], lists: Default::default() }
    }

    /// The column of `views`. Buffers that it does not use are empty in it, so that it does not keep them alive.
    pub(crate) fn strings(&mut self, views: Views, nulls: Option<NullBuffer>) -> StringViewArray {
        let used = usize::from(views.used & 7);
        let data = self.pool.lend(views.data);
        let texts = &self.texts;
        let list = self.lists[used].get_or_insert_with(|| {
            let count = (usize::BITS - used.leading_zeros()) as usize;
            texts
                .iter()
                .take(count)
                .enumerate()
                .map(
                    |(number, buffer)| {
                        if used >> number & 1 == 1 { buffer.clone() } else { Buffer::default() }
                    },
                )
                .collect()
        });
        // `try_new` asks of each view that its length and offset lie within the buffer that it names, that its prefix is the
        // text's, that the rest of a short view is zero, and that its bytes are UTF-8. `text::view` makes the first three hold
        // or gives the empty view, and every buffer in `used` is in the list at its number. Views are made of texts of the batch
        // alone, which decode has found to be UTF-8 or has repaired, and of what `SpanBatch::text_into` and
        // `ValueRef::write_json` wrote, which is UTF-8. Where something did not fit, the columns are dropped with
        // `ConvertError::TooLarge`. `nulls` is made by the column, as long as its views.
        #[allow(
            unsafe_code,
            reason = "checking the UTF-8 of every text a second time took longer than making the views"
        )]
        // SAFETY: `try_new` would not fail, for the reasons above.
        unsafe {
            StringViewArray::new_unchecked(ScalarBuffer::from(data), list.clone(), nulls)
        }
    }
}

/// Copies the text that views refer to out of the input and the arena, each text once. Only where views are shared is it
/// remembered what was copied: looking that up for every view took twice as long as making the views.
pub(crate) struct Compactor<'t, 'a> {
    texts: &'t mut Texts<'a>,
    copied: HashMap<u64, u32, RandomState>,
}

impl<'t, 'a> Compactor<'t, 'a> {
    /// Whether columns should let go of the input.
    pub(crate) fn wanted(texts: &Texts<'_>, compact: Compact) -> bool {
        let held = |number: u32, bytes: usize| if texts.seen >> number & 1 == 1 { bytes } else { 0 };
        let held = held(INPUT, texts.batch.input().len()) + held(ARENA, texts.batch.arena().len());
        match compact {
            Compact::Never => false,
            Compact::Always => held > 0,
            Compact::Auto => texts.referred < held / 2,
        }
    }

    pub(crate) fn new(texts: &'t mut Texts<'a>) -> Self {
        Self { texts, copied: HashMap::default() }
    }

    /// Makes `views` refer to copies.
    pub(crate) fn compact(&mut self, views: &mut Views) -> Result<(), ConvertError> {
        if views.used & (1 << INPUT | 1 << ARENA) == 0 {
            return Ok(());
        }
        let (mut before, mut after) = (0, 0);
        for view in &mut views.data {
            if *view == before {
                *view = after;
                continue;
            }
            let bytes = view.to_le_bytes();
            let [length, _, buffer, start] = [0, 4, 8, 12]
                .map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
            if length as usize <= INLINE || buffer == BUILT {
                continue;
            }
            let copy = if views.shared {
                // Start and length are below 2³¹, and the buffer's number is 0 or 1.
                let place = u64::from(start) << 32 | u64::from(length) << 1 | u64::from(buffer);
                match self.copied.entry(place) {
                    Entry::Occupied(copied) => *copied.get(),
                    Entry::Vacant(vacant) => *vacant.insert(copy_out(self.texts, buffer, start, length)?),
                }
            } else {
                copy_out(self.texts, buffer, start, length)?
            };
            before = *view;
            *view = *view & u128::from(u64::MAX) | u128::from(BUILT) << 64 | u128::from(copy) << 96;
            after = *view;
        }
        views.used = 1 << BUILT;
        Ok(())
    }
}

/// Copies a text of the input or the arena, and says where the copy stands.
#[inline]
fn copy_out(texts: &mut Texts<'_>, buffer: u32, start: u32, length: u32) -> Result<u32, ConvertError> {
    let source = if buffer == INPUT { texts.batch.input().as_ref() } else { texts.batch.arena() };
    let (start, length) = (start as usize, length as usize);
    let copy = texts.built.len();
    if copy + length > i32::MAX as usize {
        return Err(ConvertError::TooLarge);
    }
    append(&mut texts.built, source, start, length);
    u32::try_from(copy).map_err(|_| ConvertError::TooLarge)
}
