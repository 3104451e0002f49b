//! Two limits: finding the structure, and nothing else.
//!
//! The bitmap is one word per 64 bytes, with a bit for each quote that is not escaped and for each of `{}[]:,` outside
//! strings. The index is the positions of these bits, four bytes each: what the first stage of a two-stage parser such as
//! simdjson's leaves to the second. They check nothing, keep no values and are no parsers; they show what a parser that
//! starts this way cannot beat.

#![allow(clippy::inline_always, reason = "the block step must be compiled with its caller's vectors")]

mod avx2;
mod avx512;
mod block;
mod portable;

use super::{Contestant, Facts, Reads, Refusal};
use block::{Masks, State};
use bytes::Bytes;
use std::hint::black_box;

/// The bitmap, reused from request to request.
#[derive(Default)]
pub(super) struct StructuralBitmap {
    words: Vec<u64>,
}

/// The positions, reused from request to request. Those behind `len` are of no meaning.
#[derive(Default)]
pub(super) struct StructuralIndex {
    positions: Vec<u32>,
    len: usize,
}

/// Fills `words` with the bitmap of `text`; false where a string does not end.
fn bitmap(text: &[u8], words: &mut Vec<u64>) -> bool {
    match avx2::bitmap(text, words) {
        Some(complete) => complete,
        None => portable::bitmap(text, words),
    }
}

/// Fills `index` with the positions of structure in `text`; false where a string does not end.
fn index(text: &[u8], index: &mut StructuralIndex) -> bool {
    match avx512::index(text, index).or_else(|| avx2::index(text, index)) {
        Some(complete) => complete,
        None => portable::index(text, index),
    }
}

/// Gives each word of the bitmap to `each`, by way of `classify`, which finds the characters of one block; false where a
/// string does not end.
#[inline(always)]
fn words_with(
    text: &[u8],
    classify: impl Fn(&[u8; 64]) -> Masks,
    prefix_xor: impl Fn(u64) -> u64,
    mut each: impl FnMut(u64),
) -> bool {
    let mut state = State::default();
    let (blocks, tail) = text.as_chunks::<64>();
    for block in blocks {
        each(state.step(classify(block), &prefix_xor));
    }
    let mut last = [b' '; 64];
    last[..tail.len()].copy_from_slice(tail);
    each(state.step(classify(&last), &prefix_xor));
    !state.in_string()
}

#[inline(always)]
fn bitmap_with(
    text: &[u8],
    words: &mut Vec<u64>,
    classify: impl Fn(&[u8; 64]) -> Masks,
    prefix_xor: impl Fn(u64) -> u64,
) -> bool {
    words.clear();
    words.reserve(text.len() / 64 + 1);
    words_with(text, classify, prefix_xor, |word| words.push(word))
}

/// `write` puts the positions of a word's bits, the first of which is at the given one, into 64 places. It may write rubbish
/// behind them.
#[inline(always)]
fn index_with(
    text: &[u8],
    index: &mut StructuralIndex,
    classify: impl Fn(&[u8; 64]) -> Masks,
    prefix_xor: impl Fn(u64) -> u64,
    write: impl Fn(u64, u32, &mut [u32; 64]),
) -> bool {
    // As many as there can be: one for each byte, and the places that the last word may write to.
    let most = text.len() + 128;
    if index.positions.len() < most {
        index.positions.resize(most, 0);
    }
    let (mut base, mut len) = (0, 0);
    let positions = index.positions.as_mut_slice();
    let complete = words_with(text, classify, prefix_xor, |word| {
        if let Some(places) = positions.get_mut(len..).and_then(<[u32]>::first_chunk_mut) {
            write(word, base, places);
        }
        len += word.count_ones() as usize;
        base += 64;
    });
    index.len = len;
    complete
}

/// Eight at a time, whether there are as many or not: what takes one after the other cannot foresee when to stop.
#[inline(always)]
fn write_eights(mut word: u64, base: u32, places: &mut [u32; 64]) {
    for eight in places.as_chunks_mut::<8>().0 {
        if word == 0 {
            return;
        }
        for place in eight {
            *place = base.wrapping_add(word.trailing_zeros());
            word &= word.wrapping_sub(1);
        }
    }
}

impl Contestant for StructuralBitmap {
    fn name(&self) -> &'static str {
        "limit: structural bitmap"
    }

    fn reads(&self) -> Reads {
        Reads::Bytes
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            if !bitmap(request, &mut self.words) {
                return Err(Refusal("a string that does not end".into()));
            }
            black_box(self.words.as_slice());
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        self.run(requests)?;
        Ok(Facts { documents: requests.len() as u64, ..Facts::default() })
    }
}

impl Contestant for StructuralIndex {
    fn name(&self) -> &'static str {
        "limit: structural index"
    }

    fn reads(&self) -> Reads {
        Reads::Bytes
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            if !index(request, self) {
                return Err(Refusal("a string that does not end".into()));
            }
            black_box(self.positions.get(..self.len));
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        self.run(requests)?;
        Ok(Facts { documents: requests.len() as u64, ..Facts::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanwise_corpora::{Corpus, Form};

    /// The bitmap as one would write it down by hand.
    fn naive(text: &[u8]) -> (Vec<u64>, bool) {
        let mut words = vec![0; text.len() / 64 + 1];
        let (mut in_string, mut escaped) = (false, false);
        for (at, byte) in text.iter().enumerate() {
            let structural = match byte {
                b'"' if !escaped => {
                    in_string = !in_string;
                    true
                }
                b'{' | b'}' | b'[' | b']' | b':' | b',' => !in_string,
                _ => false,
            };
            escaped = *byte == b'\\' && !escaped;
            words[at / 64] |= u64::from(structural) << (at % 64);
        }
        (words, !in_string)
    }

    fn assert_same(text: &[u8]) {
        let expected = naive(text);
        let mut words = Vec::new();
        let complete = portable::bitmap(text, &mut words);
        assert_eq!((&words, complete), (&expected.0, expected.1), "portable");
        if let Some(complete) = avx2::bitmap(text, &mut words) {
            assert_eq!((&words, complete), (&expected.0, expected.1), "avx2");
        }
        let positions: Vec<u32> = (0u32..)
            .zip(expected.0.iter().flat_map(|word| (0..64).map(move |bit| word >> bit & 1)))
            .filter_map(|(at, bit)| (bit == 1).then_some(at))
            .collect();
        let mut index = StructuralIndex::default();
        let complete = Some(portable::index(text, &mut index));
        assert_eq!(
            (index.positions.get(..index.len), complete),
            (Some(&*positions), Some(expected.1)),
            "portable"
        );
        for (name, set) in
            [("avx2", avx2::index as fn(&[u8], &mut StructuralIndex) -> _), ("avx512", avx512::index)]
        {
            let mut index = StructuralIndex::default();
            if let Some(complete) = set(text, &mut index) {
                assert_eq!(
                    (index.positions.get(..index.len), complete),
                    (Some(&*positions), expected.1),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn corpora() {
        for corpus in Corpus::ALL {
            assert_same(&corpus.to_vec(3, 200_000, Form::Ndjson));
        }
    }

    #[test]
    fn runs_of_backslashes_across_blocks() {
        for before in 50..70 {
            for run in 0..140 {
                let mut text = vec![b'x'; before];
                text[0] = b'"';
                text.extend(std::iter::repeat_n(b'\\', run));
                text.extend_from_slice(br#"",[{"a":"b\"c,"}]"#);
                assert_same(&text);
            }
        }
    }

    #[test]
    fn lengths_about_a_block() {
        let text = br#"{"a":[1,2,{"b":"c"}]}"#.repeat(10);
        for end in 0..text.len() {
            assert_same(&text[..end]);
        }
    }
}
