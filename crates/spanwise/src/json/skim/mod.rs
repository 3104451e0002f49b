//! Reading past an array at the speed of a scan.
//!
//! The array is reduced to its outline ([`Outline`]), many blocks at once, and the outline is checked against the grammar:
//! elements that are attributes as nearly everyone writes them in a few comparisons each, anything else byte by byte. The
//! answer is only ever that all is well. Where it may not be, nothing moves, and whoever asked reads token by token.

use super::cursor::Cursor;
use super::number;
use super::scan::{Kernel, Outline, Spaces};
use super::utf8;

const BLOCK: usize = 64;

/// Elements and members that may be counted of an attribute as it is nearly always written: itself, and its two and one members.
const ATTRIBUTE_ITEMS: usize = 4;

/// What of the outline of an attribute whose key comes first stands before its value.
const BEFORE_VALUE: &[u8] = b"{\":\",\":{\":";

/// The outline of one whose value is a string, with the comma behind it.
const STRING_ATTRIBUTE: &[u8] = b"{\":\",\":{\":\"}},";

/// The shortest outline of an attribute, with the byte behind it.
const SHORTEST: usize = BEFORE_VALUE.len() + 4;

/// How much of an outline is looked at together: an attribute with the longest number that is looked for.
const LENGTH: usize = BEFORE_VALUE.len() + 24;

/// Open arrays and objects that are kept account of.
const DEEPEST: u32 = 60;

/// After so many arrays in a row that could not be passed over, only one in so many is tried.
const PATIENCE: u32 = 16;

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A value, or the end of the array.
    First,
    Value,
    /// A name, or the end of the object.
    FirstName,
    Name,
    Colon,
    /// A comma, or the end.
    Comma,
}

/// What the outline says as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The array goes on.
    More,
    /// Its last bracket is this byte of the outline.
    End(usize),
    /// White space stands between tokens.
    Spaces,
    /// This may not be JSON.
    Doubt,
}

/// The check of an outline that comes piece by piece, and what was seen of arrays before.
#[derive(Debug)]
pub(crate) struct Walk {
    outline: [u8; Walk::ROOM],
    /// Of each block of the last piece, which bytes are in the outline.
    keeps: [u64; Walk::BLOCKS],
    /// What is to be checked of the outline yet.
    start: usize,
    end: usize,
    next: Next,
    /// One bit for each open array or object, the innermost lowest: whether it is an object.
    objects: u64,
    depth: u32,
    deepest: u32,
    /// At least as many as there are elements and members, at whatever depth: commas, and what was opened.
    items: usize,
    /// A line feed is white space.
    feeds: bool,
    /// There was white space between tokens in the last array that had been passed over.
    spaced: bool,
    /// How many blocks the last one of each kind took.
    blocks: [usize; Walk::KINDS],
    /// Arrays that could not be, since then.
    misses: u32,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            outline: [0; Self::ROOM],
            keeps: [0; Self::BLOCKS],
            start: 0,
            end: 0,
            next: Next::First,
            objects: 0,
            depth: 1,
            deepest: 1,
            items: 0,
            feeds: false,
            spaced: false,
            blocks: [0; Self::KINDS],
            misses: 0,
        }
    }
}

impl Walk {
    /// How many kinds of arrays are told apart by whoever has them passed over.
    const KINDS: usize = 16;
    /// How many blocks are looked at together at most: as one loop without a guess in it.
    const BLOCKS: usize = 64;
    /// And what may be left of those before: less than an attribute, or a word that is longer than any.
    const ROOM: usize = (Self::BLOCKS + 3) * BLOCK;

    /// Begins behind an array's bracket.
    fn begin(&mut self, feeds: bool) {
        self.feeds = feeds;
        (self.start, self.end) = (0, 0);
        self.next = Next::First;
        (self.objects, self.depth, self.deepest, self.items) = (0, 1, 1, 1);
    }

    /// Whether it is worth trying.
    fn is_patient(&mut self) -> bool {
        let patient = self.misses < PATIENCE || self.misses.is_multiple_of(PATIENCE);
        // Until it has gone well.
        self.misses = self.misses.wrapping_add(1);
        patient
    }

    /// How many blocks to look at after `done`. Those of the last array of its kind are likely to be right; beyond them, few at a time,
    /// as what lies behind the array is looked at for nothing.
    fn portion(&self, kind: usize, done: usize) -> usize {
        let last = self.blocks[kind % Self::KINDS];
        let guess = if done < last { last - done } else { (done - last).max(done / 8) };
        guess.clamp(2, Self::BLOCKS)
    }

    /// Moves what is to be checked yet to the beginning, so that there is room behind it.
    #[inline]
    fn make_room(&mut self) {
        let left = self.end - self.start;
        if left <= BLOCK
            && let Some(rest) =
                self.outline.get(self.start..).and_then(|rest| rest.first_chunk::<BLOCK>().copied())
            && let Some(begin) = self.outline.first_chunk_mut()
        {
            *begin = rest;
        } else {
            self.outline.copy_within(self.start..self.end, 0);
        }
        (self.start, self.end) = (0, left);
    }

    /// Where a byte of the outline stands in the last piece, which is of so many blocks. It is likely to be near the end.
    fn place_of(&self, byte: usize, blocks: usize) -> Option<usize> {
        let mut first = self.end;
        for (block, keep) in self.keeps.get(..blocks)?.iter().enumerate().rev() {
            first = first.checked_sub(keep.count_ones() as usize)?;
            if let Some(rank) = byte.checked_sub(first) {
                let bits = (0..rank).fold(*keep, |bits, _| bits & bits.wrapping_sub(1));
                return Some(block * BLOCK + bits.trailing_zeros() as usize);
            }
        }
        None
    }

    /// Checks what there is. After [`Found::More`] no bracket is left unchecked, so that the last one is in the piece that
    /// was added last.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn check(&mut self) -> Found {
        loop {
            if self.depth == 1
                && let Next::First | Next::Value = self.next
            {
                if let Some(end) = self.attributes() {
                    return Found::End(end);
                }
                let left = self.outline.get(self.start..self.end).unwrap_or_default();
                if left.len() < SHORTEST && !left.contains(&b']') {
                    return Found::More;
                }
            }
            match self.element() {
                Some(Found::More) => {}
                Some(found) => return found,
                None => return Found::More,
            }
        }
    }

    /// Passes attributes as they are nearly always written. Returns the array's last bracket where it meets that.
    #[allow(clippy::inline_always, reason = "measured: one of three parts of the whole")]
    #[inline(always)]
    fn attributes(&mut self) -> Option<usize> {
        let (mut at, end, feeds) = (self.start, self.end, self.feeds);
        let (mut items, mut last) = (0, None);
        // What lies behind the end is of outlines before: what reaches into it does not count.
        while let Some(attribute) = self.outline.get(at..).and_then(|rest| rest.first_chunk::<LENGTH>()) {
            if attribute.starts_with(STRING_ATTRIBUTE) && at + STRING_ATTRIBUTE.len() <= end {
                items += ATTRIBUTE_ITEMS;
                at += STRING_ATTRIBUTE.len();
                continue;
            }
            let Some(value) = attribute.strip_prefix(BEFORE_VALUE) else { break };
            let Some(length) = short_value(value) else { break };
            let length = length + usize::from(value.get(length).is_some_and(|byte| is_white(*byte, feeds)));
            let Some([b'}', b'}', after]) = value.get(length..).and_then(|rest| rest.first_chunk()) else {
                break;
            };
            let behind = at + BEFORE_VALUE.len() + length + 2;
            if behind >= end {
                break;
            }
            items += ATTRIBUTE_ITEMS;
            match after {
                b',' => {}
                b']' => {
                    last = Some(behind);
                    break;
                }
                _ => break,
            }
            at = behind + 1;
        }
        if at > self.start {
            self.next = Next::Value;
        }
        self.deepest = self.deepest.max(3);
        self.start = at;
        self.items += items;
        last
    }

    /// Checks byte by byte, as far as the comma behind an element (`More`) or the end of what there is (`None`).
    #[inline(never)]
    fn element(&mut self) -> Option<Found> {
        while let Some(&byte) = self.outline.get(self.start..self.end).and_then(|rest| rest.first()) {
            self.start += 1;
            match (self.next, byte) {
                (Next::First | Next::Value, b'"') => self.next = Next::Comma,
                (Next::FirstName | Next::Name, b'"') => self.next = Next::Colon,
                (Next::Colon, b':') => self.next = Next::Value,
                (Next::Comma, b',') => {
                    self.items += 1;
                    self.next = if self.objects & 1 == 1 { Next::Name } else { Next::Value };
                    if self.depth == 1 {
                        return Some(Found::More);
                    }
                }
                (Next::First | Next::Value, b'{' | b'[') => {
                    if self.depth == DEEPEST {
                        return Some(Found::Doubt);
                    }
                    self.depth += 1;
                    self.items += 1;
                    self.deepest = self.deepest.max(self.depth);
                    self.objects = self.objects << 1 | u64::from(byte == b'{');
                    self.next = if byte == b'{' { Next::FirstName } else { Next::First };
                }
                (Next::FirstName | Next::Comma, b'}') if self.objects & 1 == 1 => self.close(),
                (Next::First | Next::Comma, b']') if self.objects & 1 == 0 => {
                    if self.depth == 1 {
                        return Some(Found::End(self.start - 1));
                    }
                    self.close();
                }
                (Next::First | Next::Value, b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => {
                    self.start -= 1;
                    let rest = self.outline.get(self.start..self.end).unwrap_or_default();
                    match word(rest, self.feeds) {
                        Some(length) => self.start += length,
                        // It may go on.
                        None if rest.len() < BLOCK
                            && !rest.iter().any(|byte| ends_word(*byte, self.feeds)) =>
                        {
                            return None;
                        }
                        None => return Some(Found::Doubt),
                    }
                    self.next = Next::Comma;
                }
                _ if is_white(byte, self.feeds) && !self.spaced => return Some(Found::Spaces),
                _ => return Some(Found::Doubt),
            }
        }
        None
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
        self.next = Next::Comma;
    }
}

/// White space of RFC 8259 section 2, line feeds only if they are no ends of lines.
#[inline]
fn is_white(byte: u8, feeds: bool) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r') || byte == b'\n' && feeds
}

/// Whether a word or number may end before this byte.
#[inline]
fn ends_word(byte: u8, feeds: bool) -> bool {
    matches!(byte, b',' | b'}' | b']') || is_white(byte, feeds)
}

/// The length of the value that `outline` begins with if that is a string, `true`, `false`, or a short number without sign
/// and exponent.
#[allow(clippy::inline_always, reason = "measured: as of attributes")]
#[inline(always)]
fn short_value(outline: &[u8]) -> Option<usize> {
    match outline {
        [b'"', ..] => Some(1),
        [b't', b'r', b'u', b'e', ..] => Some(4),
        [b'f', b'a', b'l', b's', b'e', ..] => Some(5),
        _ => {
            let whole = number::digits_at_start(*outline.first_chunk()?);
            if !(1..8).contains(&whole) || whole > 1 && outline.first() == Some(&b'0') {
                return None;
            }
            if outline.get(whole) != Some(&b'.') {
                return Some(whole);
            }
            let fraction = number::digits_at_start(*outline.get(whole + 1..)?.first_chunk()?);
            (1..8).contains(&fraction).then_some(whole + 1 + fraction)
        }
    }
}

/// The length of the word or number that `outline` begins with, with the white space behind it. `None` where it is neither,
/// or may go on.
fn word(outline: &[u8], feeds: bool) -> Option<usize> {
    let ends = |length: &usize| outline.get(*length).is_some_and(|byte| ends_word(*byte, feeds));
    let length = short_value(outline).filter(ends).or_else(|| {
        if outline.starts_with(b"null") {
            return Some(4);
        }
        let mut cursor = Cursor::over(outline, 0, false);
        cursor.number().ok()?;
        Some(cursor.at)
    });
    let length = length.filter(ends)?;
    Some(length + usize::from(outline.get(length).is_some_and(|byte| is_white(*byte, feeds))))
}

impl Cursor<'_> {
    /// Reads past the array that stands here if it is JSON within the bounds, with at most `most` elements and members in all of it,
    /// where each level counts as `levels`. Arrays of one `kind` are expected to be about as long. Where all may not be well, or
    /// cannot be told fast, it gives `false`, and nothing moves. Halves of surrogate pairs are no fault.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(crate) fn skim<K: Kernel>(
        &mut self,
        kernel: K,
        (most, levels): (usize, usize),
        kind: usize,
        walk: &mut Walk,
    ) -> bool {
        if !K::OUTLINES || self.peek() != Some(b'[') || !walk.is_patient() {
            return false;
        }
        let end = match self.end_of_array(kernel, (most, levels), kind, walk) {
            Err(Found::Spaces) => {
                walk.spaced = true;
                self.end_of_array(kernel, (most, levels), kind, walk)
            }
            end => end,
        };
        let Ok(end) = end else { return false };
        walk.misses = 0;
        self.at = end;
        true
    }

    /// Where the array that stands here ends.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn end_of_array<K: Kernel>(
        &self,
        kernel: K,
        (most, levels): (usize, usize),
        kind: usize,
        walk: &mut Walk,
    ) -> Result<usize, Found> {
        let spaces = match (walk.spaced, self.in_line) {
            (false, _) => Spaces::Stay,
            (true, true) => Spaces::Go,
            (true, false) => Spaces::GoWithFeeds,
        };
        let mut outline = Outline::new(spaces);
        walk.begin(!self.in_line);
        let mut at = self.at + 1;
        let mut done = 0;
        let end = loop {
            let (blocks, tail) = self.text.get(at..).unwrap_or_default().as_chunks::<BLOCK>();
            let mut last = [[b' '; BLOCK]];
            let blocks = match blocks.get(..walk.portion(kind, done).min(blocks.len())).unwrap_or_default() {
                [] if tail.is_empty() => return Err(Found::Doubt),
                [] => {
                    if let Some(last) = last[0].get_mut(..tail.len()) {
                        last.copy_from_slice(tail);
                    }
                    &last
                }
                blocks => blocks,
            };
            walk.make_room();
            let Walk { outline: bytes, keeps, end, .. } = &mut *walk;
            let out = bytes.get_mut(*end..).unwrap_or_default();
            *end += kernel.outline(&mut outline, blocks, keeps, out).ok_or(Found::Doubt)?;
            match walk.check() {
                Found::More => {}
                Found::End(byte) => break at + walk.place_of(byte, blocks.len()).ok_or(Found::Doubt)? + 1,
                found => return Err(found),
            }
            at += blocks.len() * BLOCK;
            done += blocks.len();
        };
        let usual = &mut walk.blocks[kind % Walk::KINDS];
        *usual = (*usual + *usual / 2 + 1).min((end - self.at).div_ceil(BLOCK));
        walk.spaced = outline.had_white();
        // The longest string cannot be told, nor can elements be told from members: both are bounded.
        let within = self.depth + walk.deepest as usize * levels <= self.max_depth
            && walk.items <= most
            && end - self.at <= self.max_string;
        let text = within && (outline.is_ascii() || utf8::is_valid(self.slice(self.at, end)));
        if text { Ok(end) } else { Err(Found::Doubt) }
    }
}

#[cfg(test)]
mod tests;
