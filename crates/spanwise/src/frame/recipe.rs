//! Blocks that are made again from their own bytes, long after the stream was cut: what an index of files needs.

use std::ops::Range;

use bytes::Bytes;

use super::block::Block;
use super::boundary::Rereads;
use super::parts::Part;
use crate::decode::Framing;
use crate::diagnostic::{LineNumber, Origin};

const FRAMINGS: [Framing; 3] = [Framing::Auto, Framing::Lines, Framing::Documents];

// Bits of the first byte, beside the two of the framing.
const FIRST: u8 = 1 << 2;
const LAST: u8 = 1 << 3;
const FOLLOWS: u8 = 1 << 4;
const PART: u8 = 1 << 5;
const ENDS: u8 = 1 << 6;
const TRAILS: u8 = 1 << 7;

impl Block {
    /// Where its own bytes stand in the stream. Those of a part are not all of [`Self::bytes`].
    pub fn range(&self) -> Range<u64> {
        self.origin.offset..self.origin.offset.saturating_add(self.own().len() as u64)
    }

    /// Its own bytes: what the stream has at [`Self::range`].
    pub fn own(&self) -> &[u8] {
        let (before, behind) = self.part.as_ref().map_or((0, 0), |part| (part.before, part.behind));
        let end = self.bytes.len().saturating_sub(behind);
        self.bytes.get(before..end).unwrap_or_default()
    }

    /// What it takes, beside its own bytes, to make it again with [`Self::remade`]: few bytes, and for a part of a document
    /// what is put before and behind it, which has resource and scope. The bytes mean something to this version alone.
    ///
    /// ```
    /// use spanwise::frame::{Block, BlockSizes, Framer};
    /// use spanwise::{DecodeOptions, Framing};
    /// let stream = b"{\"resourceSpans\":[]}\n{}\n";
    /// let sizes = BlockSizes { block: 1, ..BlockSizes::default() };
    /// let mut framer = Framer::over(stream[..].into(), &DecodeOptions::default(), Framing::Auto, sizes);
    /// while let Some(block) = framer.next_block() {
    ///     let range = block.range();
    ///     let own = &stream[range.start as usize..range.end as usize];
    ///     let again = Block::remade(own.to_vec().into(), &block.recipe()).unwrap();
    ///     assert_eq!((again.bytes(), again.range()), (block.bytes(), range));
    /// }
    /// ```
    pub fn recipe(&self) -> Vec<u8> {
        let framing = match self.framing {
            Framing::Auto => 0,
            Framing::Lines => 1,
            Framing::Documents => 2,
        };
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let ends = self.part.as_ref().is_some_and(|part| part.ends);
        let mut out = vec![
            framing
                | flag(self.first, FIRST)
                | flag(self.last, LAST)
                | flag(self.follows, FOLLOWS)
                | flag(self.part.is_some(), PART)
                | flag(ends, ENDS)
                | flag(self.trails, TRAILS),
        ];
        let Origin { offset, column, .. } = self.origin;
        let line = self.origin.line.get();
        for number in [offset, line, column, self.rereads.read()] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        if let Some(part) = &self.part {
            for index in part.indices {
                out.extend_from_slice(&index.to_le_bytes());
            }
            out.extend_from_slice(&(part.before as u64).to_le_bytes());
            out.extend_from_slice(self.bytes.get(..part.before).unwrap_or_default());
            let end = self.bytes.len().saturating_sub(part.behind);
            out.extend_from_slice(self.bytes.get(end..).unwrap_or_default());
        }
        out
    }

    /// The block with these bytes of its own, and this [`Self::recipe`]. `None` if that is none of a block: whatever comes back
    /// can be decoded.
    pub fn remade(own: Bytes, recipe: &[u8]) -> Option<Self> {
        let (flags, rest) = recipe.split_first()?;
        let mut rest = rest;
        let mut number = || {
            let (bytes, behind) = rest.split_first_chunk::<8>()?;
            rest = behind;
            Some(u64::from_le_bytes(*bytes))
        };
        let (offset, line, column, rereads) = (number()?, number()?, number()?, number()?);
        let mut origin = Origin { offset, line: LineNumber::known(line), column, before: 0 };
        let mut bytes = own;
        let mut part = None;
        if flags & PART != 0 {
            let mut indices = [0; 3];
            for index in &mut indices {
                let (bytes, behind) = rest.split_first_chunk::<4>()?;
                rest = behind;
                *index = u32::from_le_bytes(*bytes);
            }
            let (before, behind) = rest.split_first_chunk::<8>()?;
            let before = usize::try_from(u64::from_le_bytes(*before)).ok()?;
            let (before, behind) = behind.split_at_checked(before)?;
            bytes = [before, &bytes, behind].concat().into();
            origin.before = before.len();
            let ends = flags & ENDS != 0;
            let (before, behind) = (before.len(), behind.len());
            part = Some(Box::new(Part { before, behind, indices, ends, ..Part::default() }));
        } else if !rest.is_empty() {
            return None;
        }
        // Each goes on through the bytes, and there is one behind them.
        let length = bytes.len() as u64 + 1;
        [offset, line, column].into_iter().all(|begin| begin.checked_add(length).is_some()).then_some(())?;
        Some(Self {
            bytes,
            framing: *FRAMINGS.get(usize::from(flags & 3))?,
            origin,
            counting: None,
            first: flags & FIRST != 0,
            last: flags & LAST != 0,
            follows: flags & FOLLOWS != 0,
            trails: flags & TRAILS != 0,
            rereads: Rereads::new(rereads),
            part,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecodeOptions, Decoder, SpanBatch};

    /// All that is asked of a block. Its line feeds, and the finding in its last line, take its numbers furthest.
    fn look_at(block: Block) -> usize {
        let (bytes, range) = (block.bytes().clone(), block.range());
        assert!(range.start <= range.end && block.offset() <= range.start, "{range:?}");
        assert!(block.line_behind().get() >= block.line() && block.own().len() <= bytes.len());
        assert!(!block.recipe().is_empty());
        let mut batch = SpanBatch::new();
        Decoder::new(DecodeOptions::default()).decode_framed(block, &mut batch).unwrap();
        batch.diagnostics().count()
    }

    #[test]
    fn what_is_made_of_any_recipe_can_be_worked_with() {
        let own = Bytes::from_static(
            b"\n\n  {}\n\n{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"kind\":99}]}]}]}\n]",
        );
        let most = u64::MAX;
        let numbers = [0, 1, 1 << 40, most / 2, most - 1000, most - 3, most - 2, most - 1, most];
        let (mut made, mut refused, mut found) = (0, 0, 0);
        for flags in 0..=u8::MAX {
            for place in 0..4 {
                for number in numbers {
                    let mut recipe = vec![flags];
                    for at in 0..4 {
                        let number = if at == place { number } else { 1 };
                        recipe.extend_from_slice(&number.to_le_bytes());
                    }
                    if flags & PART != 0 {
                        recipe.extend_from_slice(&[0xff; 12]);
                        recipe.extend_from_slice(&4_u64.to_le_bytes());
                        recipe.extend_from_slice(b"{}\n\n\n\n]");
                    }
                    match Block::remade(own.clone(), &recipe) {
                        Some(block) => {
                            found += look_at(block);
                            made += 1;
                        }
                        None => refused += 1,
                    }
                }
            }
        }
        assert!(made > 1000 && refused > 1000 && found > 1000, "{made} {refused} {found}");
        // One that is cut off anywhere, or goes on.
        let mut recipe = Block::whole(own.clone(), Framing::Lines).recipe();
        for length in 0..recipe.len() {
            assert!(Block::remade(own.clone(), &recipe[..length]).is_none(), "{length}");
        }
        recipe.push(0);
        assert!(Block::remade(own, &recipe).is_none());
    }

    #[test]
    fn lines_may_begin_anywhere() {
        for offset in [u64::MAX, u64::MAX - 5] {
            let block = Block::of_lines("{}\n]\n]\n".into(), offset, LineNumber::default(), true);
            assert_eq!(look_at(block), 2);
        }
    }
}
