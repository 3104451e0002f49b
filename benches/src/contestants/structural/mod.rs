//! A limit: finding the structure, and nothing else.
//!
//! One bitmap word per 64 bytes, with a bit for each quote that is not escaped and for each of `{}[]:,` outside
//! strings: the first stage of a two-stage parser such as simdjson's. It checks nothing, keeps no values and is
//! not a parser; it shows what a parser that starts this way cannot beat.

#![allow(clippy::inline_always, reason = "the block step must be compiled with its caller's vectors")]

mod avx2;
mod block;
mod portable;

use super::{Contestant, Facts, Reads, Refusal};
use block::{Masks, State};
use bytes::Bytes;
use std::hint::black_box;

/// The bitmap, reused from request to request.
#[derive(Default)]
pub(super) struct StructuralIndex {
    words: Vec<u64>,
}

/// Fills `words` with the bitmap of `text`; false where a string does not end.
fn index(text: &[u8], words: &mut Vec<u64>) -> bool {
    match avx2::index(text, words) {
        Some(complete) => complete,
        None => portable::index(text, words),
    }
}

/// The bitmap by way of `classify`, which finds the characters of one block.
#[inline(always)]
fn index_with(
    text: &[u8],
    words: &mut Vec<u64>,
    classify: impl Fn(&[u8; 64]) -> Masks,
    prefix_xor: impl Fn(u64) -> u64,
) -> bool {
    words.clear();
    words.reserve(text.len() / 64 + 1);
    let mut state = State::default();
    let (blocks, tail) = text.as_chunks::<64>();
    words.extend(blocks.iter().map(|block| state.step(classify(block), &prefix_xor)));
    let mut last = [b' '; 64];
    last[..tail.len()].copy_from_slice(tail);
    words.push(state.step(classify(&last), &prefix_xor));
    !state.in_string()
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
            if !index(request, &mut self.words) {
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
        let complete = portable::index(text, &mut words);
        assert_eq!((&words, complete), (&expected.0, expected.1), "portable");
        if let Some(complete) = avx2::index(text, &mut words) {
            assert_eq!((&words, complete), (&expected.0, expected.1), "avx2");
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
