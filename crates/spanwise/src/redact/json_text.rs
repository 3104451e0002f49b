//! JSON that stands as text in a string: an attribute's message list, a tool's arguments inside it.
//!
//! [`Tokens`] walks such a text and checks all of it on the way (RFC 8259), without recursion and without building
//! anything. It is made for rewriting: each token comes with its place in the text, so that whatever is not replaced is
//! copied as it is. It is no parser for traces: those have one of their own, which knows their schema.

use std::ops::Range;

/// Containers within containers; a text that goes deeper is not read.
const DEEPEST: usize = 512;

/// What stands at a place of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{`
    ObjectStart,
    /// `}`
    ObjectEnd,
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// The name of a member, with its quotes.
    Name,
    /// A string that is no name, with its quotes.
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    NotJson,
    /// It may be JSON, and goes deeper than is looked into.
    TooDeep,
}

/// Whether `text` can be JSON with anything inside: the first look, which nearly all prose fails.
pub(crate) fn looks_like_json(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['{', '[', '"'])
}

/// The tokens of a text with their depth (how many containers are open around them) and their place. An error ends them.
pub(crate) struct Tokens<'t> {
    text: &'t [u8],
    position: usize,
    /// For each open container whether it is an object.
    open: Vec<bool>,
    expects: Expects,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    CommaOrEnd,
    Nothing,
    Broken,
}

impl<'t> Tokens<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), position: 0, open: Vec::new(), expects: Expects::Value }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn step(&mut self) -> Result<Option<(Token, usize, Range<usize>)>, Fault> {
        self.skip_space();
        if self.expects == Expects::CommaOrEnd && self.peek() == Some(b',') {
            self.position += 1;
            self.skip_space();
            self.expects = if self.open.last() == Some(&true) { Expects::Name } else { Expects::Value };
        }
        let start = self.position;
        let Some(byte) = self.peek() else {
            return if self.expects == Expects::Nothing { Ok(None) } else { Err(Fault::NotJson) };
        };
        let depth = self.open.len();
        let token = match (self.expects, byte) {
            (Expects::CommaOrEnd | Expects::NameOrEnd, b'}') if self.open.last() == Some(&true) => {
                self.close();
                return Ok(Some((Token::ObjectEnd, self.open.len(), start..self.position)));
            }
            (Expects::CommaOrEnd | Expects::ValueOrEnd, b']') if self.open.last() == Some(&false) => {
                self.close();
                return Ok(Some((Token::ArrayEnd, self.open.len(), start..self.position)));
            }
            (Expects::Name | Expects::NameOrEnd, b'"') => {
                self.string()?;
                let end = self.position;
                self.skip_space();
                if self.peek() != Some(b':') {
                    return Err(Fault::NotJson);
                }
                self.position += 1;
                self.expects = Expects::Value;
                return Ok(Some((Token::Name, depth, start..end)));
            }
            (Expects::Value | Expects::ValueOrEnd, b'{' | b'[') => {
                if depth >= DEEPEST {
                    return Err(Fault::TooDeep);
                }
                let is_object = byte == b'{';
                self.position += 1;
                self.open.push(is_object);
                self.expects = if is_object { Expects::NameOrEnd } else { Expects::ValueOrEnd };
                let token = if is_object { Token::ObjectStart } else { Token::ArrayStart };
                return Ok(Some((token, depth, start..self.position)));
            }
            (Expects::Value | Expects::ValueOrEnd, b'"') => {
                self.string()?;
                Token::String
            }
            (Expects::Value | Expects::ValueOrEnd, b'-' | b'0'..=b'9') => {
                self.number()?;
                Token::Number
            }
            (Expects::Value | Expects::ValueOrEnd, b't' | b'f' | b'n') => {
                self.literal()?;
                Token::Literal
            }
            _ => return Err(Fault::NotJson),
        };
        self.after_value();
        Ok(Some((token, depth, start..self.position)))
    }

    fn close(&mut self) {
        self.position += 1;
        self.open.pop();
        self.after_value();
    }

    fn after_value(&mut self) {
        self.expects = if self.open.is_empty() { Expects::Nothing } else { Expects::CommaOrEnd };
    }

    /// Goes past a string; the position is at its opening quote.
    fn string(&mut self) -> Result<(), Fault> {
        self.position += 1;
        loop {
            let rest = self.text.get(self.position..).unwrap_or(&[]);
            let length = memchr::memchr2(b'"', b'\\', rest).ok_or(Fault::NotJson)?;
            let (plain, rest) = rest.split_at(length);
            if plain.iter().any(|byte| *byte < 0x20) {
                return Err(Fault::NotJson);
            }
            self.position += length;
            match rest {
                [b'"', ..] => {
                    self.position += 1;
                    return Ok(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.position += 2,
                [b'\\', b'u', a, b, c, d, ..]
                    if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
                {
                    self.position += 6;
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) || (self.take(b'.') && self.digits() == 0) {
            return Err(Fault::NotJson);
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err(Fault::NotJson);
            }
        }
        Ok(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.position += usize::from(is_there);
        is_there
    }

    fn digits(&mut self) -> usize {
        let start = self.position;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        self.position - start
    }

    fn literal(&mut self) -> Result<(), Fault> {
        let rest = self.text.get(self.position..).unwrap_or(&[]);
        let literal = [&b"true"[..], b"false", b"null"].into_iter().find(|literal| rest.starts_with(literal));
        self.position += literal.ok_or(Fault::NotJson)?.len();
        Ok(())
    }
}

impl Iterator for Tokens<'_> {
    type Item = Result<(Token, usize, Range<usize>), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.expects == Expects::Broken {
            return None;
        }
        let token = self.step();
        if token.is_err() {
            self.expects = Expects::Broken;
        }
        token.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_json(text: &str) -> bool {
        Tokens::new(text).all(|token| token.is_ok())
    }

    #[test]
    fn it_accepts_what_serde_json_accepts() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            "{\"a\":1}",
            "[1,2]",
            "\"\"",
            "0",
            "-0.5e+10",
            "true",
            "null",
            "[[],{}]",
            "{\"a\":{\"b\":[]}}",
            "\"\\u00e9\\n\"",
            "{\"a\":1,\"a\":2}",
            "[1 , 2 ]",
            "",
            " ",
            "{",
            "[",
            "]",
            "}",
            "[}",
            "{]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "nul",
            "truex",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\u{1}\"",
            "{1:2}",
            "[1 2]",
            "{} {}",
            "1 1",
            "\"a\" \"b\"",
            "{\"a\":1 \"b\":2}",
            "[\"a\":1]",
            "nan",
            "\u{feff}[]",
        ] {
            assert_eq!(is_json(text), serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn tokens_have_their_depth_and_place() {
        let text = r#" {"a": [1, "b"], "c": null}"#;
        let tokens: Vec<_> = Tokens::new(text)
            .map(|token| token.map(|(token, depth, at)| (token, depth, &text[at])))
            .collect();
        assert_eq!(
            tokens,
            [
                Ok((Token::ObjectStart, 0, "{")),
                Ok((Token::Name, 1, "\"a\"")),
                Ok((Token::ArrayStart, 1, "[")),
                Ok((Token::Number, 2, "1")),
                Ok((Token::String, 2, "\"b\"")),
                Ok((Token::ArrayEnd, 1, "]")),
                Ok((Token::Name, 1, "\"c\"")),
                Ok((Token::Literal, 1, "null")),
                Ok((Token::ObjectEnd, 0, "}")),
            ]
        );
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_json(&nested(DEEPEST)));
        assert!(!is_json(&nested(DEEPEST + 1)));
        assert!(!is_json(&"[".repeat(1_000_000)));
    }
}
