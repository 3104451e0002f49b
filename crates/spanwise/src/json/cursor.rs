//! A pull cursor over one JSON text.
//!
//! INVARIANT: `at <= text.len()`, and every token that was returned ended at or before `at`.

use std::hint::cold_path;

use super::escape::{self, Escape};
use super::scan::Kernel;
use super::{Simd, number, scan, utf8};

/// Why the text is not JSON, or not within the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonErrorKind {
    UnexpectedEnd,
    UnexpectedByte,
    InvalidLiteral,
    InvalidNumber,
    InvalidEscape,
    RawControlCharacter,
    LoneSurrogate,
    InvalidUtf8,
    NonFiniteToken,
    TooDeep,
    StringTooLong,
}

/// An error and the byte it stands at. The text is not read past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonError {
    pub(crate) kind: JsonErrorKind,
    pub(crate) offset: usize,
}

/// A departure from JSON that tolerant reading takes, noted with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnomalyKind {
    RawControlCharacter,
    LoneSurrogate,
    InvalidUtf8,
    NonFiniteToken,
}

/// See [`AnomalyKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anomaly {
    pub(crate) kind: AnomalyKind,
    pub(crate) offset: usize,
    /// How many of the kind, from this one on, it stands for.
    pub(crate) count: u64,
}

/// The bytes between the quotes of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawString {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It holds at least one backslash.
    pub(crate) escaped: bool,
    /// It holds bytes that are not UTF-8 (tolerant reading only).
    pub(crate) broken: bool,
}

/// The bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawNumber {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// No fraction and no exponent.
    pub(crate) integer: bool,
}

/// A value that is no container; containers are left unread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Number(RawNumber),
    /// `NaN`, `Infinity` or `-Infinity` without quotes (tolerant reading only).
    NonFinite(f64),
    String(RawString),
    Container,
}

/// See the module's head.
pub(crate) struct Cursor<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) at: usize,
    /// Containers that are open.
    pub(crate) depth: usize,
    pub(crate) max_depth: usize,
    pub(crate) max_string: usize,
    /// Take the departures that [`AnomalyKind`] names instead of failing.
    pub(crate) tolerant: bool,
    /// The text goes on behind the value's line: a line feed is no white space, and no value goes past one unless a string of
    /// it has an anomaly.
    pub(crate) in_line: bool,
    pub(crate) anomalies: Vec<Anomaly>,
    /// Anomalies that are noted one by one.
    pub(crate) most_anomalies: usize,
    pub(crate) simd: Simd,
}

impl<'t> Cursor<'t> {
    /// No bound on strings may be tighter: ids, times and the names of members are read without a look at it.
    pub(crate) const SHORTEST_BOUND: usize = 32;

    /// A cursor without bounds of its own, for text that was read once already.
    pub(crate) fn over(text: &'t [u8], at: usize, tolerant: bool) -> Self {
        let max_depth = Self::DEEPEST;
        Self {
            text,
            at,
            depth: 0,
            max_depth,
            max_string: usize::MAX,
            tolerant,
            in_line: false,
            anomalies: Vec::new(),
            most_anomalies: 64,
            simd: Simd::portable(),
        }
    }

    /// Reads the string whose first byte after the quote stands at `start`: its end, and whether it holds escapes. `None`
    /// where it is anything but well-formed or is beyond the bound; nothing is noted and nothing moves.
    #[inline]
    pub(crate) fn clean_string(&self, start: usize) -> Option<(usize, bool)> {
        let found = scan::clean(self.simd, self.text, start)?;
        if found.end - start > self.max_string || found.high && !self.is_utf8(start, found.end) {
            return None;
        }
        Some((found.end, found.escaped))
    }

    /// [`Self::clean_string`] in a vectorized loop, for the string that begins with `rest`, which stands at `start`: its
    /// length, and whether it holds escapes.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(crate) fn clean_string_by<K: Kernel>(
        &self,
        kernel: K,
        rest: &[u8],
        start: usize,
    ) -> Option<(usize, bool)> {
        let (length, escaped) = if let Some(length) = scan::short_plain(kernel, rest) {
            (length, false)
        } else {
            cold_path();
            self.long_clean_string(kernel, start)?
        };
        (length <= self.max_string).then_some((length, escaped))
    }

    #[inline(never)]
    fn long_clean_string<K: Kernel>(&self, kernel: K, start: usize) -> Option<(usize, bool)> {
        let found = kernel.clean(self.text, start)?;
        if found.high && !self.is_utf8(start, found.end) {
            return None;
        }
        Some((found.end - start, found.escaped))
    }

    #[inline(never)]
    fn is_utf8(&self, start: usize, end: usize) -> bool {
        utf8::is_valid(self.slice(start, end))
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(crate) fn slice(&self, start: usize, end: usize) -> &'t [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    fn starts_with(&self, literal: &[u8]) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(literal))
    }

    pub(crate) fn error<T>(&self, kind: JsonErrorKind) -> Result<T, JsonError> {
        Err(JsonError { kind, offset: self.at })
    }

    /// The error for a byte that no rule allows here.
    pub(crate) fn unexpected<T>(&self) -> Result<T, JsonError> {
        self.error(if self.at < self.text.len() {
            JsonErrorKind::UnexpectedByte
        } else {
            JsonErrorKind::UnexpectedEnd
        })
    }

    /// Where the bracket stands that closes the list which has been read up to `at`, if the list ends there.
    #[inline]
    pub(crate) fn closing(&self, at: usize) -> Option<usize> {
        match self.text.get(at)? {
            b']' => Some(at),
            b' ' | b'\r' | b'\t' | b'\n' => {
                let at = self.behind_white(at);
                (self.text.get(at) == Some(&b']')).then_some(at)
            }
            _ => None,
        }
    }

    /// Skips white space (RFC 8259 section 2) and returns the byte after it.
    #[inline]
    pub(crate) fn white(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        if byte > b' ' {
            return Some(byte);
        }
        self.at = self.behind_white(self.at);
        self.peek()
    }

    /// Where the white space ends that stands from `at` on: an indentation is read a word at a time.
    #[inline(never)]
    fn behind_white(&self, mut at: usize) -> usize {
        const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
        loop {
            match self.text.get(at) {
                Some(b' ' | b'\r' | b'\t') => at += 1,
                Some(b'\n') if !self.in_line => at += 1,
                _ => return at,
            }
            while let Some(word) = self.text.get(at..).and_then(<[u8]>::first_chunk) {
                let differ = u64::from_le_bytes(*word) ^ SPACES;
                at += differ.trailing_zeros() as usize / 8;
                if differ != 0 {
                    break;
                }
            }
        }
    }

    /// Consumes `byte` if it stands here.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Consumes the bracket that stands here and counts it as open.
    #[inline]
    pub(crate) fn open(&mut self) -> Result<(), JsonError> {
        if self.depth >= self.max_depth {
            return self.error(JsonErrorKind::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Consumes the bracket that stands here and counts it as closed.
    #[inline]
    pub(crate) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
    }

    /// After a container's opening bracket, or after one of its items: consumes the comma, or the closing bracket.
    /// Returns whether another item follows; the cursor then stands at its first byte.
    #[inline]
    pub(crate) fn next_item(&mut self, first: bool, closing: u8) -> Result<bool, JsonError> {
        match self.white() {
            Some(byte) if byte == closing => {
                self.close();
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                match self.white() {
                    Some(byte) if byte != closing => Ok(true),
                    _ => self.unexpected(),
                }
            }
            Some(_) if first => Ok(true),
            _ => self.unexpected(),
        }
    }

    /// Consumes the colon after a member's name and the white space on both sides of it.
    #[inline]
    pub(crate) fn colon(&mut self) -> Result<(), JsonError> {
        if self.white() != Some(b':') {
            return self.unexpected();
        }
        self.at += 1;
        self.white();
        Ok(())
    }

    fn anomaly(&mut self, kind: AnomalyKind, offset: usize) -> Result<(), JsonError> {
        if self.tolerant {
            self.note(kind, offset);
            return Ok(());
        }
        let kind = match kind {
            AnomalyKind::RawControlCharacter => JsonErrorKind::RawControlCharacter,
            AnomalyKind::LoneSurrogate => JsonErrorKind::LoneSurrogate,
            AnomalyKind::InvalidUtf8 => JsonErrorKind::InvalidUtf8,
            AnomalyKind::NonFiniteToken => JsonErrorKind::NonFiniteToken,
        };
        Err(JsonError { kind, offset })
    }

    /// Notes an anomaly. Beyond the bound they are counted, with the first of their kind beyond it: text of nothing else would
    /// take many times its size.
    fn note(&mut self, kind: AnomalyKind, offset: usize) {
        let beyond = self.anomalies.get_mut(self.most_anomalies..).unwrap_or_default();
        match beyond.iter_mut().find(|anomaly| anomaly.kind == kind) {
            Some(anomaly) => anomaly.count += 1,
            None => self.anomalies.push(Anomaly { kind, offset, count: 1 }),
        }
    }

    /// Reads and checks the string whose opening quote stands here.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<RawString, JsonError> {
        if self.peek() != Some(b'"') {
            return self.unexpected();
        }
        let start = self.at + 1;
        if let Some((end, escaped)) = self.clean_string(start) {
            self.at = end + 1;
            return Ok(RawString { start, end, escaped, broken: false });
        }
        self.unclean_string(start)
    }

    /// The rest of [`Self::string`]: finds what is wrong, or takes it.
    #[cold]
    fn unclean_string(&mut self, start: usize) -> Result<RawString, JsonError> {
        let mut high = 0;
        let mut escaped = false;
        let mut at = scan::string_run(self.text, start, &mut high);
        loop {
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    match escape::check(self.text, at) {
                        Escape::Legal(length) => at += length,
                        Escape::LoneSurrogate => {
                            self.anomaly(AnomalyKind::LoneSurrogate, at)?;
                            at += 6;
                        }
                        Escape::Illegal => {
                            return Err(JsonError { kind: JsonErrorKind::InvalidEscape, offset: at });
                        }
                        Escape::Cut => {
                            return Err(JsonError {
                                kind: JsonErrorKind::UnexpectedEnd,
                                offset: self.text.len(),
                            });
                        }
                    }
                }
                Some(_) => {
                    self.anomaly(AnomalyKind::RawControlCharacter, at)?;
                    at += 1;
                }
                None => return Err(JsonError { kind: JsonErrorKind::UnexpectedEnd, offset: at }),
            }
            at = scan::string_run(self.text, at, &mut high);
        }
        if at - start > self.max_string {
            return Err(JsonError { kind: JsonErrorKind::StringTooLong, offset: start - 1 });
        }
        let mut broken = false;
        if high != 0 {
            let raw = self.slice(start, at);
            if !utf8::is_valid(raw) {
                broken = true;
                self.anomaly(AnomalyKind::InvalidUtf8, start + utf8::valid_up_to(raw))?;
            }
        }
        self.at = at + 1;
        Ok(RawString { start, end: at, escaped, broken })
    }

    /// Reads the number that stands here, in JSON's own grammar.
    pub(crate) fn number(&mut self) -> Result<RawNumber, JsonError> {
        let start = self.at;
        self.eat(b'-');
        let whole = self.digits();
        if whole == 0 {
            return self.bad_number();
        }
        if whole > 1 && self.text.get(self.at - whole) == Some(&b'0') {
            self.at = self.at - whole + 1;
            return self.error(JsonErrorKind::InvalidNumber);
        }
        let mut integer = true;
        if self.eat(b'.') {
            integer = false;
            if self.digits() == 0 {
                return self.bad_number();
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if !self.eat(b'-') {
                self.eat(b'+');
            }
            if self.digits() == 0 {
                return self.bad_number();
            }
        }
        Ok(RawNumber { start, end: self.at, integer })
    }

    fn bad_number<T>(&self) -> Result<T, JsonError> {
        self.error(if self.at < self.text.len() {
            JsonErrorKind::InvalidNumber
        } else {
            JsonErrorKind::UnexpectedEnd
        })
    }

    /// Consumes a run of digits and returns its length.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// Reads `literal`, which is already known to begin here.
    fn literal(&mut self, literal: &'static [u8]) -> Result<(), JsonError> {
        if self.starts_with(literal) {
            self.at += literal.len();
            return Ok(());
        }
        let same = literal
            .iter()
            .zip(self.text.get(self.at..).unwrap_or_default())
            .take_while(|(a, b)| a == b)
            .count();
        self.at += same;
        self.error(if self.at < self.text.len() {
            JsonErrorKind::InvalidLiteral
        } else {
            JsonErrorKind::UnexpectedEnd
        })
    }

    fn non_finite(&mut self, token: &'static [u8], value: f64) -> Result<Scalar, JsonError> {
        let start = self.at;
        if !self.starts_with(token) {
            return self.unexpected();
        }
        self.at += token.len();
        self.anomaly(AnomalyKind::NonFiniteToken, start)?;
        Ok(Scalar::NonFinite(value))
    }

    /// Reads the scalar that stands here. At `{` or `[` nothing is consumed.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<Scalar, JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(Scalar::String),
            Some(b'{' | b'[') => Ok(Scalar::Container),
            Some(b'-') if self.text.get(self.at + 1) == Some(&b'I') => {
                self.non_finite(b"-Infinity", f64::NEG_INFINITY)
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Scalar::Number),
            Some(b't') => self.literal(b"true").map(|()| Scalar::Bool(true)),
            Some(b'f') => self.literal(b"false").map(|()| Scalar::Bool(false)),
            Some(b'n') => self.literal(b"null").map(|()| Scalar::Null),
            Some(b'N') => self.non_finite(b"NaN", f64::NAN),
            Some(b'I') => self.non_finite(b"Infinity", f64::INFINITY),
            _ => self.unexpected(),
        }
    }

    /// Consumes `null` if it stands here.
    #[inline]
    pub(crate) fn null(&mut self) -> Result<bool, JsonError> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.literal(b"null").map(|()| true)
    }

    /// The integer that `raw` spells, if it is one.
    pub(crate) fn integer_of(&self, start: usize, end: usize) -> Result<i128, number::IntegerFault> {
        number::integer(self.slice(start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn cursor(text: &[u8], tolerant: bool) -> Cursor<'_> {
        Cursor { max_depth: 16, max_string: 64, ..Cursor::over(text, 0, tolerant) }
    }

    #[test]
    fn white_space_ends_where_its_last_byte_stands() {
        for (before, length) in (0..20).flat_map(|before| (0..30).map(move |length| (before, length))) {
            for (white, behind) in
                [("", "]"), ("\n", "]"), ("\r\n\t", ","), ("  \n", ""), ("\u{b}", "]"), ("\0", "]")]
            {
                let text = format!("{}{white}{}{behind}", " ".repeat(before), " ".repeat(length));
                for in_line in [false, true] {
                    let is_white = |byte: &u8| b" \t\r".contains(byte) || *byte == b'\n' && !in_line;
                    let end = text.bytes().take_while(is_white).count();
                    let bracket = text.as_bytes().get(end) == Some(&b']');
                    let mut cursor = Cursor { in_line, ..cursor(text.as_bytes(), false) };
                    assert_eq!(cursor.closing(0), bracket.then_some(end), "{text:?}");
                    assert_eq!(cursor.white(), text.as_bytes().get(end).copied(), "{text:?}");
                    assert_eq!(cursor.at, end, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn strings_are_checked_as_they_are_read() {
        use JsonErrorKind::*;
        for (text, expected) in [
            (&b"\"abc\" "[..], Ok((1, 4, false))),
            (b"\"a\\nb\"", Ok((1, 5, true))),
            ("\"é€😀\"".as_bytes(), Ok((1, 10, false))),
            (b"\"", Err((UnexpectedEnd, 1))),
            (b"\"ab", Err((UnexpectedEnd, 3))),
            (b"\"a\\", Err((UnexpectedEnd, 3))),
            (b"\"a\\q\"", Err((InvalidEscape, 2))),
            (b"\"a\tb\"", Err((RawControlCharacter, 2))),
            (b"\"a\\ud800\"", Err((LoneSurrogate, 2))),
            (b"\"ab\xffc\"", Err((InvalidUtf8, 3))),
            (b"x", Err((UnexpectedByte, 0))),
        ] {
            let read = cursor(text, false).string();
            assert_eq!(
                read.map(|raw| (raw.start, raw.end, raw.escaped)),
                expected.map_err(|(kind, offset)| JsonError { kind, offset }),
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn tolerant_strings_note_each_anomaly() {
        let mut cursor = cursor(b"\"a\tb\\ud800\xff\"", true);
        assert_eq!(cursor.string(), Ok(RawString { start: 1, end: 11, escaped: true, broken: true }));
        let noted: Vec<_> = cursor.anomalies.iter().map(|anomaly| (anomaly.kind, anomaly.offset)).collect();
        assert_eq!(
            noted,
            [
                (AnomalyKind::RawControlCharacter, 2),
                (AnomalyKind::LoneSurrogate, 4),
                (AnomalyKind::InvalidUtf8, 10)
            ]
        );
    }

    #[test]
    fn anomalies_beyond_the_bound_are_counted() {
        use AnomalyKind::{InvalidUtf8, LoneSurrogate, RawControlCharacter};
        let text = b"\"\x01\x02\x03\\ud800\x04\\ud801\xff\"";
        for (bound, expected) in [
            (0, &[(RawControlCharacter, 1, 4), (LoneSurrogate, 4, 2), (InvalidUtf8, 17, 1)][..]),
            (
                2,
                &[
                    (RawControlCharacter, 1, 1),
                    (RawControlCharacter, 2, 1),
                    (RawControlCharacter, 3, 2),
                    (LoneSurrogate, 4, 2),
                    (InvalidUtf8, 17, 1),
                ],
            ),
        ] {
            let mut cursor = Cursor { most_anomalies: bound, ..cursor(text, true) };
            cursor.string().unwrap();
            let noted: Vec<_> =
                cursor.anomalies.iter().map(|noted| (noted.kind, noted.offset, noted.count)).collect();
            assert_eq!(noted, expected, "{bound}");
        }
        let mut batch = crate::SpanBatch::new();
        let body =
            [&br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"#[..], text, b"}]}]}]}"].concat();
        let mut options = crate::DecodeOptions::default();
        options.limits.diagnostics = 2;
        crate::Decoder::new(options).decode(body, &mut batch).unwrap();
        let counts: Vec<_> = batch.diagnostic_counts().map(|(code, count)| (code.as_str(), count)).collect();
        assert_eq!(counts[..3], [("raw-control-character", 4), ("lone-surrogate", 2), ("invalid-utf8", 1)]);
        let kept: Vec<_> = batch.diagnostics().map(|kept| kept.offset).collect();
        assert_eq!((kept, batch.warning_count()), (vec![52, 53], 9));
    }

    #[test]
    fn a_string_may_be_as_long_as_the_bound_and_no_longer() {
        let text = format!("\"{}\"", "x".repeat(64));
        assert!(cursor(text.as_bytes(), false).string().is_ok());
        let text = format!("\"{}\"", "x".repeat(65));
        let error = JsonError { kind: JsonErrorKind::StringTooLong, offset: 0 };
        assert_eq!(cursor(text.as_bytes(), false).string(), Err(error));
    }

    #[test]
    fn numbers_follow_the_grammar_of_json() {
        for (text, expected) in [
            ("0", Ok(true)),
            ("-12", Ok(true)),
            ("1.5", Ok(false)),
            ("2e+7", Ok(false)),
            ("01", Err(1)),
            ("-", Err(1)),
            ("1.", Err(2)),
            ("1.e", Err(2)),
            ("1e", Err(2)),
            ("-x", Err(1)),
        ] {
            let read = cursor(text.as_bytes(), false).number();
            assert_eq!(read.map(|raw| raw.integer).map_err(|error| error.offset), expected, "{text}");
        }
    }
}
