//! Text to tokens.
//!
//! The traps of the language are here. A bare attribute name goes on until white space or one of `{}()=~!<>&|^,`, so
//! `span.a-b` and `.a+1` are one name each; parts of it may be quoted. A number with a unit is a duration. `.5` is a
//! number and no attribute.

use super::QueryError;
use super::ast::{Intrinsic, Scope};
use super::hint::attributes;

/// A token, and the column of its first character.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) column: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// An operator or a bracket.
    Sign(&'static str),
    /// A word of the language, or one that is none.
    Word(String),
    Text(String),
    /// Without its sign, so that it may be one more than an integer goes to.
    Int(u64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    Attribute(Scope, String),
    Intrinsic(Intrinsic),
    End,
}

/// Longest first, so that the first that fits is the right one.
const SIGNS: &[&str] = &[
    "!>>", "!<<", "&>>", "&<<", "&&", "||", "=~", "!=", "!~", "!>", "!<", ">=", "<=", ">>", "<<", "&>", "&<",
    "&~", "{", "}", "(", ")", ",", "|", "=", "<", ">", "~", "!", "+", "-", "*", "/", "%", "^",
];

/// Nanoseconds of each unit. The longer of two that begin alike comes first.
const UNITS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 6e10),
    ("h", 3.6e12),
    ("d", 8.64e13),
    ("w", 6.048e14),
    ("y", 3.1536e16),
];

/// What is said of a number that no value can be.
pub(super) const TOO_LARGE: &str = "this number is too large";

/// Characters of a name that are repeated in a message.
const REPEATED: usize = 100;

/// Whether a name may be repeated in a message.
pub(super) fn is_short(name: &str) -> bool {
    name.chars().nth(REPEATED).is_none()
}

/// All tokens of a query; the last is [`Kind::End`].
pub(crate) fn tokens(query: &str) -> Result<Vec<Token>, QueryError> {
    let mut lexer = Lexer { rest: query, column: 1 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let column = lexer.column;
        let kind = lexer.next()?;
        let is_end = kind == Kind::End;
        tokens.push(Token { kind, column });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    column: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        self.column += 1;
        Some(next)
    }

    /// Goes past `prefix` if it is there.
    fn eat(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                self.column += prefix.chars().count();
                true
            }
            None => false,
        }
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let mut out = String::new();
        while let Some(next) = self.peek().filter(|next| keep(*next)) {
            out.push(next);
            self.bump();
        }
        out
    }

    fn error(&self, message: impl Into<String>) -> QueryError {
        QueryError::new(self.column, message)
    }

    /// White space and comments.
    fn skip_blank(&mut self) -> Result<(), QueryError> {
        loop {
            self.take_while(char::is_whitespace);
            let start = self.column;
            if self.eat("//") {
                self.take_while(|next| next != '\n');
            } else if self.eat("/*") {
                while !self.eat("*/") {
                    if self.bump().is_none() {
                        return Err(QueryError::new(start, "this comment has no end"));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Kind, QueryError> {
        let Some(first) = self.peek() else { return Ok(Kind::End) };
        match first {
            '"' => self.quoted(),
            '`' => self.raw(),
            '\'' => Err(self.error("text stands in double quotes or backticks")),
            '[' => Err(self.error("lists (`[`) are not supported; join comparisons by `||`")),
            '.' if self.rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
            '.' => {
                self.bump();
                Ok(Kind::Attribute(Scope::Unscoped, self.name()?))
            }
            '0'..='9' => self.number(),
            _ if first.is_alphabetic() || first == '_' => self.word(),
            _ => match SIGNS.iter().copied().find(|sign| self.eat(sign)) {
                Some(sign) => Ok(Kind::Sign(sign)),
                None if first == '&' => Err(self.error("`&` alone means nothing; `&&` is and")),
                None => Err(self.error("this character has no meaning in a query")),
            },
        }
    }

    fn word(&mut self) -> Result<Kind, QueryError> {
        let column = self.column;
        let word = self.take_while(|next| next.is_alphanumeric() || next == '_');
        match self.peek() {
            Some('.') => {
                let scope = match word.as_str() {
                    "span" => Scope::Span,
                    "resource" => Scope::Resource,
                    "event" => Scope::Event,
                    "link" => Scope::Link,
                    "instrumentation" => Scope::Instrumentation,
                    "parent" => return Err(QueryError::new(column, "the scope `parent.` is not supported")),
                    "trace" => return Err(QueryError::new(column, "the scope `trace.` is not supported")),
                    _ => return Err(self.no_scope(column, &word)),
                };
                self.bump();
                Ok(Kind::Attribute(scope, self.name()?))
            }
            Some(':') => {
                self.bump();
                let name = self.take_while(|next| next.is_alphanumeric() || next == '_');
                match Intrinsic::scoped(&word, &name) {
                    Some(intrinsic) => Ok(Kind::Intrinsic(intrinsic)),
                    None if Intrinsic::is_scope(&word) => {
                        Err(QueryError::new(column, format!("`{word}:` has no such intrinsic")))
                    }
                    None => Err(QueryError::new(column, "this is no scope of intrinsics")),
                }
            }
            _ => Ok(Intrinsic::bare(&word).map_or(Kind::Word(word), Kind::Intrinsic)),
        }
    }

    /// Of what stands where a scope does: often it is an attribute's name that lacks its dot.
    fn no_scope(&mut self, column: usize, word: &str) -> QueryError {
        self.bump();
        let rest = self.name().ok().filter(|rest| !rest.contains(char::is_control));
        let message = match rest {
            _ if !is_short(word) => "this is no scope of attributes".to_owned(),
            Some(rest) if is_short(&rest) => {
                let [name, of_span] = attributes(&format!("{word}.{rest}"));
                format!("`{word}` is no scope of attributes; is `{name}` or `{of_span}` meant?")
            }
            _ => format!("`{word}` is no scope of attributes"),
        };
        QueryError::new(column, message)
    }

    /// An attribute's name, after its dot.
    fn name(&mut self) -> Result<String, QueryError> {
        let start = self.column;
        let mut name = String::new();
        while let Some(next) = self.peek() {
            match next {
                '"' => self.quoted_part(&mut name)?,
                _ if next.is_whitespace() || "{}()=~!<>&|^,".contains(next) => break,
                _ => {
                    name.push(next);
                    self.bump();
                }
            }
        }
        if self.column == start {
            return Err(self.error("the name of an attribute is missing"));
        }
        Ok(name)
    }

    fn quoted_part(&mut self, name: &mut String) -> Result<(), QueryError> {
        let start = self.column;
        self.bump();
        loop {
            match self.bump() {
                None => return Err(QueryError::new(start, "this quoted name has no end")),
                Some('"') => return Ok(()),
                Some('\\') => match self.peek() {
                    Some(next @ ('"' | '\\')) => {
                        name.push(next);
                        self.bump();
                    }
                    _ => return Err(self.error("in a quoted name only `\\\"` and `\\\\` are escapes")),
                },
                Some(next) => name.push(next),
            }
        }
    }

    fn raw(&mut self) -> Result<Kind, QueryError> {
        let start = self.column;
        self.bump();
        let text = self.take_while(|next| next != '`');
        match self.bump() {
            // As in Go, whose raw strings these are.
            Some(_) => Ok(Kind::Text(text.replace('\r', ""))),
            None => Err(QueryError::new(start, "this text has no end")),
        }
    }

    fn quoted(&mut self) -> Result<Kind, QueryError> {
        let start = self.column;
        self.bump();
        let mut bytes = Vec::new();
        let mut buffer = [0; 4];
        loop {
            match self.bump() {
                None | Some('\n') => return Err(QueryError::new(start, "this text has no end")),
                Some('"') => break,
                Some('\\') => self.escape(&mut bytes)?,
                Some(next) => bytes.extend_from_slice(next.encode_utf8(&mut buffer).as_bytes()),
            }
        }
        let text = String::from_utf8(bytes);
        text.map(Kind::Text).map_err(|_| QueryError::new(start, "this text is not UTF-8"))
    }

    /// One of Go's escapes, after its backslash.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), QueryError> {
        let unknown = self.error("there is no such escape");
        let Some(next) = self.bump() else { return Err(unknown) };
        let (digits, radix, is_byte) = match next {
            'x' => (2, 16, true),
            'u' => (4, 16, false),
            'U' => (8, 16, false),
            '0'..='7' => (2, 8, true),
            _ => {
                let byte = match next {
                    'a' => 7,
                    'b' => 8,
                    'f' => 12,
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    'v' => 11,
                    '\\' => b'\\',
                    '"' => b'"',
                    _ => {
                        return Err(QueryError::new(
                            unknown.column(),
                            "there is no such escape; a backslash is written `\\\\`, or as it is in backticks",
                        ));
                    }
                };
                bytes.push(byte);
                return Ok(());
            }
        };
        let mut number = if radix == 8 { next.to_digit(8).unwrap_or(0) } else { 0 };
        for _ in 0..digits {
            let digit = self.bump().and_then(|next| next.to_digit(radix));
            number = match digit.and_then(|digit| number.checked_mul(radix)?.checked_add(digit)) {
                Some(number) => number,
                None => return Err(unknown),
            };
        }
        if is_byte {
            bytes.push(u8::try_from(number).map_err(|_| unknown)?);
        } else {
            let character = char::from_u32(number).ok_or(unknown)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, QueryError> {
        let start = self.column;
        let mut text = self.take_while(|next| next.is_ascii_digit());
        let mut is_float = false;
        if self.peek() == Some('.') {
            is_float = true;
            self.bump();
            text.push('.');
            text.push_str(&self.take_while(|next| next.is_ascii_digit()));
        }
        if let Some(duration) = self.duration(&text, start)? {
            return Ok(Kind::Duration(duration));
        }
        let exponent = self.rest.strip_prefix(['e', 'E']);
        let exponent = exponent.map(|digits| digits.strip_prefix(['+', '-']).unwrap_or(digits));
        if exponent.is_some_and(|digits| digits.starts_with(|next: char| next.is_ascii_digit())) {
            is_float = true;
            text.extend(self.bump());
            if let Some('+' | '-') = self.peek() {
                text.extend(self.bump());
            }
            text.push_str(&self.take_while(|next| next.is_ascii_digit()));
        }
        if self.peek().is_some_and(|next| next.is_alphanumeric() || next == '_' || next == '.') {
            return Err(QueryError::new(start, "this is no number and no duration"));
        }
        let number = if is_float {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Kind::Float)
        } else {
            text.parse().ok().map(Kind::Int)
        };
        number.ok_or_else(|| QueryError::new(start, TOO_LARGE))
    }

    /// A duration whose first number has been read; `None` if no unit follows it.
    fn duration(&mut self, first: &str, start: usize) -> Result<Option<i64>, QueryError> {
        let mut number = first.to_owned();
        let mut sum = 0i128;
        let mut parts = 0;
        while let Some((_, nanos)) = UNITS.iter().find(|(unit, _)| self.eat(unit)) {
            parts += 1;
            let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
            if fraction.contains('.') {
                return Err(QueryError::new(start, "this is no number and no duration"));
            }
            let whole: i128 = if whole.is_empty() { Some(0) } else { whole.parse().ok() }
                .ok_or_else(|| QueryError::new(start, "this duration is too long"))?;
            let fraction: f64 = format!("0.{fraction}0").parse().unwrap_or(0.0);
            #[allow(clippy::cast_possible_truncation, reason = "a whole number of nanoseconds below 2^55")]
            let (unit, fraction) = (*nanos as i128, (fraction * nanos).round() as i128);
            sum = whole.saturating_mul(unit).saturating_add(fraction).saturating_add(sum);
            number = self.take_while(|next| next.is_ascii_digit() || next == '.');
            if number.is_empty() {
                break;
            }
        }
        if parts == 0 {
            return Ok(None);
        }
        if !number.is_empty() || self.peek().is_some_and(|next| next.is_alphanumeric() || next == '_') {
            return Err(QueryError::new(start, "this is no number and no duration"));
        }
        i64::try_from(sum).map(Some).map_err(|_| QueryError::new(start, "this duration is too long"))
    }
}
