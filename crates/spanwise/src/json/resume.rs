//! Reading past a value of which only a part may be there yet.
//!
//! [`Cursor::skip`] over text that comes in pieces: the same verdict at the same byte, however the text is cut. What is
//! whole is read once; only the token at the end of a piece is read again.

use super::cursor::{Cursor, JsonError, Scalar};
use super::skip::Levels;

/// A fault this close to the end of a piece is no verdict yet: the bytes after it may make it none. (The longest look
/// ahead is that over the two escapes of a surrogate pair.)
pub(crate) const UNDECIDED: usize = 16;

/// A token longer than this is not looked at again before the text has doubled.
const LONG_TOKEN: usize = 4096;

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// In the innermost container: an item or its end.
    Item {
        first: bool,
    },
    Name,
    Colon,
}

/// How far a step came.
enum Step {
    Done,
    More,
    /// The text ends where a number might go on.
    Open,
}

/// A value that is being read past.
#[derive(Debug, Clone)]
pub(crate) struct Skip {
    levels: Levels,
    next: Next,
    /// Containers that were open before the value began.
    outside: usize,
    /// The length that the text must have before it is worth another look.
    worth: usize,
}

impl Skip {
    /// Of a value within `outside` open containers.
    pub(crate) fn new(outside: usize) -> Self {
        Self { levels: Levels::default(), next: Next::Value, outside, worth: 0 }
    }

    /// Reads on from where the cursor stands. Returns whether the value is passed; then the cursor stands after it, and
    /// otherwise where to go on once there is more text. `last`: there will be none. At a fault it stands at the token that has
    /// it, and reading on from there finds it again.
    pub(crate) fn resume(&mut self, cursor: &mut Cursor<'_>, last: bool) -> Result<bool, JsonError> {
        if !last && cursor.text.len() < self.worth {
            return Ok(false);
        }
        cursor.depth = self.outside + self.levels.count();
        loop {
            let at = cursor.at;
            match self.step(cursor, last) {
                Ok(Step::Done) => return Ok(true),
                Ok(Step::More) => continue,
                Err(error) if last || error.offset.saturating_add(UNDECIDED) <= cursor.text.len() => {
                    cursor.at = at;
                    return Err(error);
                }
                Ok(Step::Open) | Err(_) => {}
            }
            cursor.at = at;
            let token = cursor.text.len() - at;
            self.worth = cursor.text.len() + if token > LONG_TOKEN { token } else { 0 };
            return Ok(false);
        }
    }

    /// `from` bytes of the text were taken away from its beginning.
    pub(crate) fn shift(&mut self, from: usize) {
        self.worth = self.worth.saturating_sub(from);
    }

    fn step(&mut self, cursor: &mut Cursor<'_>, last: bool) -> Result<Step, JsonError> {
        match self.next {
            Next::Value => {
                cursor.white();
                let scalar = cursor.scalar()?;
                if scalar == Scalar::Container {
                    let object = cursor.peek() == Some(b'{');
                    cursor.open()?;
                    self.levels.push(object);
                    self.next = Next::Item { first: true };
                    return Ok(Step::More);
                }
                if matches!(scalar, Scalar::Number(_)) && !last && cursor.at >= cursor.text.len() {
                    return Ok(Step::Open);
                }
                Ok(self.passed())
            }
            Next::Item { first } => {
                let object = self.levels.top() == Some(true);
                if cursor.next_item(first, if object { b'}' } else { b']' })? {
                    self.next = if object { Next::Name } else { Next::Value };
                    return Ok(Step::More);
                }
                self.levels.pop();
                Ok(self.passed())
            }
            Next::Name => {
                cursor.string()?;
                self.next = Next::Colon;
                Ok(Step::More)
            }
            Next::Colon => {
                cursor.colon()?;
                self.next = Next::Value;
                Ok(Step::More)
            }
        }
    }

    fn passed(&mut self) -> Step {
        self.next = Next::Item { first: false };
        if self.levels.top().is_some() { Step::More } else { Step::Done }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::step;
    use super::*;

    fn cursor(text: &[u8], at: usize, tolerant: bool) -> Cursor<'_> {
        Cursor { max_depth: 8, max_string: 12, ..Cursor::over(text, at, tolerant) }
    }

    /// The verdict on text that comes in pieces that end at `cuts`.
    fn in_pieces(text: &[u8], cuts: &[usize], tolerant: bool) -> Result<usize, JsonError> {
        let mut skip = Skip::new(0);
        let mut at = 0;
        for end in cuts.iter().copied().chain([text.len()]) {
            let mut cursor = cursor(&text[..end], at, tolerant);
            let result = skip.resume(&mut cursor, end == text.len());
            at = cursor.at;
            match result {
                Ok(false) => {}
                Ok(true) => return Ok(at),
                Err(_) => {
                    // A fault is found again, with more behind it or not.
                    for end in [end, text.len()] {
                        let mut cursor = self::cursor(&text[..end], at, tolerant);
                        let again = skip.resume(&mut cursor, end == text.len());
                        assert_eq!((again.err(), cursor.at), (result.err(), at), "{}", text.escape_ascii());
                    }
                    return result.map(|_| at);
                }
            }
        }
        unreachable!("the last piece decides");
    }

    #[test]
    fn the_verdict_is_the_same_however_the_text_is_cut() {
        for text in [
            &b"{\"a\" : [1, -2.5e+3, true, {\"b\":\"\\ud83d\\ude00\"}], \"c\":null} x"[..],
            b"[\"\\ud83d\", 1]",
            b"[\"\\ud83dx\\ude00\", \"\\u12g4\"]",
            b"[\"a\nb\", NaN, -Infinity, Infinity]",
            b"[-I, 1]",
            b"[1,]",
            b"[tru",
            b"{\"a\":1",
            b"{\"a\"",
            b"12",
            b"12 ",
            b"-",
            b"01",
            b"\"\xc3\xa4\xff\"",
            b"\"far too long a string\"",
            b"[[[[[[[[[[1]]]]]]]]]]",
            b"{\"a\":1 \"b\"}",
            b"",
            b"  ",
            b"}",
        ] {
            for tolerant in [false, true] {
                let expected = cursor_skip(text, tolerant);
                for first in (0..=text.len()).step_by(step(9)) {
                    for second in (first..=text.len()).step_by(step(7)) {
                        let found = in_pieces(text, &[first, second], tolerant);
                        assert_eq!(found, expected, "{} cut at {first}, {second}", text.escape_ascii());
                    }
                }
            }
        }
    }

    fn cursor_skip(text: &[u8], tolerant: bool) -> Result<usize, JsonError> {
        let mut cursor = cursor(text, 0, tolerant);
        cursor.white();
        cursor.skip().map(|()| cursor.at)
    }
}
