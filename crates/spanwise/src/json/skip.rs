//! Reading past a value without keeping it: every byte is still checked.

use super::cursor::{Cursor, JsonError, Scalar};

/// One bit a level: whether the open container is an object. Nesting is bounded by the cursor's own depth bound.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    bits: [u64; Levels::WORDS],
    count: usize,
}

impl Levels {
    const WORDS: usize = Cursor::DEEPEST.div_ceil(64);

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, object: bool) {
        let (word, bit) = (self.count / 64, self.count % 64);
        if let Some(word) = self.bits.get_mut(word) {
            *word = *word & !(1 << bit) | u64::from(object) << bit;
        }
        self.count += 1;
    }

    pub(super) fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Whether the innermost open container is an object; `None` when none is open.
    pub(super) fn top(&self) -> Option<bool> {
        let index = self.count.checked_sub(1)?;
        self.bits.get(index / 64).map(|word| word >> (index % 64) & 1 == 1)
    }
}

impl Cursor<'_> {
    /// The deepest nesting that any setting allows.
    pub(crate) const DEEPEST: usize = 1024;

    /// Reads past the value that stands here, checking it in full. Iterative: no input can exhaust the stack.
    pub(crate) fn skip(&mut self) -> Result<(), JsonError> {
        if self.scalar()? != Scalar::Container {
            return Ok(());
        }
        let mut levels = Levels::default();
        levels.push(self.peek() == Some(b'{'));
        self.open()?;
        let mut first = true;
        while let Some(object) = levels.top() {
            if !self.next_item(first, if object { b'}' } else { b']' })? {
                levels.pop();
                first = false;
                continue;
            }
            first = false;
            if object {
                self.string()?;
                self.colon()?;
            }
            if self.scalar()? == Scalar::Container {
                levels.push(self.peek() == Some(b'{'));
                self.open()?;
                first = true;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::JsonErrorKind;
    use super::*;

    fn skip(text: &str, tolerant: bool) -> Result<usize, JsonError> {
        let text = text.as_bytes();
        let mut cursor = Cursor::over(text, 0, tolerant);
        cursor.skip()?;
        assert_eq!(cursor.depth, 0);
        Ok(cursor.at)
    }

    #[test]
    fn whole_values_are_passed_over_and_nothing_more() {
        for text in [
            "null",
            "-1.5e3",
            "\"a\\\"]}\"",
            "[]",
            "{}",
            "[ 1 , [ ] , { } , \"]\" ]",
            "{ \"a\" : { \"b\" : [ { } , 2 ] } , \"c\" : null }",
        ] {
            assert_eq!(skip(text, false), Ok(text.len()), "{text}");
            assert_eq!(skip(&format!("{text} ,"), false), Ok(text.len()), "{text}");
        }
    }

    #[test]
    fn faults_are_found_where_they_stand() {
        use JsonErrorKind::{InvalidLiteral, TooDeep, UnexpectedByte, UnexpectedEnd};
        let deep = "[".repeat(2000);
        for (text, kind, offset) in [
            ("[1,]", UnexpectedByte, 3),
            ("{\"a\":1,}", UnexpectedByte, 7),
            ("[1 2]", UnexpectedByte, 3),
            ("{\"a\" 1}", UnexpectedByte, 5),
            ("{1:2}", UnexpectedByte, 1),
            ("[}", UnexpectedByte, 1),
            ("{]", UnexpectedByte, 1),
            ("[[1]", UnexpectedEnd, 4),
            ("[,1]", UnexpectedByte, 1),
            ("tru", UnexpectedEnd, 3),
            ("trux", InvalidLiteral, 3),
            ("NaN", JsonErrorKind::NonFiniteToken, 0),
            (deep.as_str(), TooDeep, 1024),
        ] {
            assert_eq!(skip(text, false), Err(JsonError { kind, offset }), "{text}");
        }
        assert_eq!(skip("[NaN,-Infinity,Infinity]", true), Ok(24));
    }

    #[test]
    fn nesting_up_to_the_bound_is_passed_over() {
        let text = format!("{}{}", "[{\"a\":".repeat(512), "}]".repeat(512));
        let bare = text.replace("\"a\":}", "}");
        assert_eq!(skip(&bare, false), Ok(bare.len()));
    }
}
