//! Regular expressions as Tempo reads them, in the spelling of the crate that runs them.
//!
//! Tempo's are RE2's. The crate's are nearly the same, but it has set operations and nested classes in brackets, classes of Perl
//! that go beyond ASCII, and flags and escapes of its own; each would be another answer without a word. So classes are read
//! here and written anew with every character escaped, and what only the crate knows is refused. A brace that begins no
//! repetition is a character to RE2, and an error to the crate.

use std::collections::HashSet;
use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// Bytes that the expressions of one query may take when they are compiled.
const MOST: usize = 16 << 20;

/// What an expression is counted with at least.
const LEAST: usize = 16 << 10;

/// What a byte of it is counted with at least, and a class that Unicode defines: both are read before the crate tells how large
/// the whole becomes.
const OF_BYTE: usize = 64;
const OF_CLASS: usize = 8 << 10;

/// Characters that are counted with a byte where case is ignored: the crate then goes through those of a range, one by one.
const FOLDED: usize = 16;

/// All characters.
const ALL: usize = 0x11_0000;

/// Times of a repetition, at most, as in RE2.
const TIMES: u32 = 1000;

/// The names of classes in brackets: `[[:alpha:]]`.
const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Compiles the expressions of one query.
pub(super) struct Patterns {
    /// Bytes that those which are to come may take.
    left: usize,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { left: MOST }
    }
}

impl Patterns {
    /// The expression, anchored at both ends; `.` takes a line break too. Or what is wrong with it.
    pub(super) fn compile(&mut self, pattern: &str) -> Result<Regex, String> {
        let Translated { text, counted } =
            translated(pattern).map_err(|reason| format!("this is no regular expression: {reason}"))?;
        let text = format!(r"\A(?s:{text})\z");
        let mut size = LEAST.max(text.len() * OF_BYTE + counted);
        // The crate takes a bound and does not tell a size, so that the size is found by what suffices.
        while size <= self.left {
            match RegexBuilder::new(&text).size_limit(size).dfa_size_limit((8 * size).min(2 << 20)).build() {
                Ok(regex) => {
                    self.left -= size;
                    return Ok(regex);
                }
                Err(regex::Error::CompiledTooBig(_)) if size < self.left => {
                    size = (4 * size).min(self.left);
                }
                Err(regex::Error::CompiledTooBig(_)) => break,
                Err(error) => {
                    // The text before it shows the expression as it is spelled here.
                    let error = error.to_string();
                    let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    return Err(format!("this is no regular expression: {reason}"));
                }
            }
        }
        let most = MOST >> 20;
        Err(format!("the regular expressions of the query are too large: they may take {most} MiB together"))
    }
}

struct Translated {
    text: String,
    /// What its classes are counted with.
    counted: usize,
}

type Reason = &'static str;

const ENDS: Reason = "a `\\` at the end escapes nothing";
const NO_CLASS: Reason = "there is no class of such a name";
const NO_FLAG: Reason = "there is no such flag; `i`, `m`, `s` and `U` are";

fn translated(pattern: &str) -> Result<Translated, Reason> {
    let mut translator = Translator { rest: pattern.chars().peekable(), ..Translator::default() };
    let mut depth = 0usize;
    let mut is_repeated = false;
    while let Some(next) = translator.rest.next() {
        let repeats = match next {
            '*' | '+' | '?' => {
                translator.out.push(next);
                true
            }
            '{' => translator.brace()?,
            _ => false,
        };
        if repeats {
            if is_repeated {
                return Err("a repetition of a repetition needs parentheses");
            }
            translator.out.extend(translator.rest.next_if_eq(&'?'));
        }
        is_repeated = repeats;
        match next {
            '*' | '+' | '?' | '{' => {}
            '\\' => translator.escape()?,
            '[' => translator.class()?,
            '(' => {
                depth += 1;
                translator.out.push('(');
                translator.group()?;
            }
            ')' => {
                depth = depth.checked_sub(1).ok_or("a `)` closes nothing")?;
                translator.out.push(')');
            }
            other => translator.out.push(other),
        }
    }
    if depth > 0 {
        return Err("a `(` is not closed");
    }
    let folded = if translator.ignores_case { translator.width / FOLDED } else { 0 };
    Ok(Translated { text: translator.out, counted: translator.classes * OF_CLASS + folded })
}

/// A number as a repetition has it: without zeros before it. One that is too large is more than [`TIMES`].
fn times(rest: &mut Peekable<Chars<'_>>) -> Option<u32> {
    let first = rest.next()?.to_digit(10)?;
    if first == 0 {
        return Some(0);
    }
    let mut number = first;
    while let Some(digit) = rest.peek().and_then(|next| next.to_digit(10)) {
        number = number.saturating_mul(10).saturating_add(digit);
        rest.next();
    }
    Some(number)
}

/// A repetition after its brace: how often at least, and at most if that is said. `None` if this is none.
fn repetition(rest: &mut Peekable<Chars<'_>>) -> Option<(u32, Option<u32>)> {
    let least = times(rest)?;
    let most = match rest.next()? {
        '}' => return Some((least, Some(least))),
        ',' if rest.next_if_eq(&'}').is_some() => return Some((least, None)),
        ',' => times(rest)?,
        _ => return None,
    };
    (rest.next()? == '}').then_some((least, Some(most)))
}

/// The characters of a class of Perl as ranges, and whether it is all others that are meant.
fn perl(letter: char) -> Option<(&'static str, bool)> {
    let ranges = match letter {
        'd' | 'D' => "0-9",
        'w' | 'W' => "0-9A-Za-z_",
        's' | 'S' => r"\t\n\x0C\r ",
        _ => return None,
    };
    Some((ranges, letter.is_ascii_uppercase()))
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// Classes that Unicode defines.
    classes: usize,
    /// Characters of all classes, counted for each part of one.
    width: usize,
    /// Whether case is ignored anywhere.
    ignores_case: bool,
    /// Names of groups.
    names: HashSet<String>,
}

impl Default for Translator<'_> {
    fn default() -> Self {
        Self {
            rest: "".chars().peekable(),
            out: String::new(),
            classes: 0,
            width: 0,
            ignores_case: false,
            names: HashSet::new(),
        }
    }
}

impl Translator<'_> {
    /// A brace and, if it begins one, the rest of a repetition. Otherwise it is a character, and this is false.
    fn brace(&mut self) -> Result<bool, Reason> {
        let mut ahead = self.rest.clone();
        let Some((least, most)) = repetition(&mut ahead) else {
            self.out.push_str(r"\{");
            return Ok(false);
        };
        if least > TIMES || most.is_some_and(|most| most > TIMES) {
            return Err("a repetition is of 1000 times at most");
        }
        self.rest = ahead;
        self.out.push('{');
        self.out.push_str(&least.to_string());
        self.out.push(',');
        if let Some(most) = most {
            self.out.push_str(&most.to_string());
        }
        self.out.push('}');
        Ok(true)
    }

    /// An escape that stands in no brackets, after its backslash.
    fn escape(&mut self) -> Result<(), Reason> {
        let next = self.rest.next().ok_or(ENDS)?;
        if let Some((ranges, negated)) = perl(next) {
            self.out.push_str(if negated { "[^" } else { "[" });
            self.out.push_str(ranges);
            self.out.push(']');
            return Ok(());
        }
        match next {
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => return Err("`\\B` is not supported"),
            'A' | 'z' => self.out.extend(['\\', next]),
            'Q' => {
                let mut literal = String::new();
                while let Some(next) = self.rest.next() {
                    if next == '\\' && self.rest.next_if_eq(&'E').is_some() {
                        break;
                    }
                    literal.push(next);
                }
                self.out.push_str(&regex::escape(&literal));
            }
            'p' | 'P' => self.unicode(next)?,
            _ => {
                let character = self.escaped(next)?;
                self.push(character);
            }
        }
        Ok(())
    }

    /// What follows an opening parenthesis: a name, which is left out, or flags, which must be those of RE2 and are written
    /// once each.
    fn group(&mut self) -> Result<(), Reason> {
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        let is_named = self.rest.next_if_eq(&'P').is_some();
        if self.rest.next_if_eq(&'<').is_some() {
            return self.name();
        }
        if is_named {
            return Err(NO_FLAG);
        }
        let (mut on, mut off) = (String::new(), String::new());
        let mut is_off = false;
        while let Some(flag) = self.rest.next_if(|next| !matches!(next, ':' | ')')) {
            match flag {
                '-' if !is_off => is_off = true,
                'i' | 'm' | 's' | 'U' => {
                    self.ignores_case |= flag == 'i' && !is_off;
                    if is_off {
                        on.retain(|other| other != flag);
                    }
                    let flags = if is_off { &mut off } else { &mut on };
                    if !flags.contains(flag) {
                        flags.push(flag);
                    }
                }
                _ => return Err(NO_FLAG),
            }
        }
        if is_off && off.is_empty() {
            return Err(NO_FLAG);
        }
        self.out.push('?');
        self.out.push_str(&on);
        if is_off {
            self.out.push('-');
            self.out.push_str(&off);
        }
        Ok(())
    }

    fn name(&mut self) -> Result<(), Reason> {
        if matches!(self.rest.peek(), Some('=' | '!')) {
            return Err("what stands before or behind cannot be asked for");
        }
        let mut name = String::new();
        while let Some(next) = self.rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
            name.push(next);
        }
        if name.is_empty() || self.rest.next() != Some('>') {
            return Err("the name of a group is of letters, digits and `_`");
        }
        if !self.names.insert(name) {
            return Err("two groups have the same name");
        }
        Ok(())
    }

    /// A class that Unicode defines, after its letter.
    fn unicode(&mut self, letter: char) -> Result<(), Reason> {
        self.classes += 1;
        self.width += ALL;
        let mut name = String::new();
        match self.rest.next().ok_or(ENDS)? {
            '{' => loop {
                match self.rest.next().ok_or("a `{` is not closed")? {
                    '}' => break,
                    next => name.push(next),
                }
            },
            next => name.push(next),
        }
        let rest = name.strip_prefix('^');
        let negated = (letter == 'P') != rest.is_some();
        let name = rest.unwrap_or(&name);
        // What else the crate takes (`sc=Greek`) is its own.
        if name.is_empty() || !name.chars().all(|next| next.is_ascii_alphanumeric() || " _-".contains(next)) {
            return Err(NO_CLASS);
        }
        self.out.push_str(if negated { r"\P{" } else { r"\p{" });
        self.out.push_str(name);
        self.out.push('}');
        Ok(())
    }

    /// A class in brackets, after the first.
    fn class(&mut self) -> Result<(), Reason> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let next = self.rest.next().ok_or("a `[` is not closed")?;
            if next == ']' && !is_first {
                self.out.push(']');
                return Ok(());
            }
            is_first = false;
            if next == '[' && self.named()? || next == '\\' && self.class_in_class()? {
                continue;
            }
            let low = self.character(next)?;
            self.push(low);
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']') {
                self.rest.next();
                let next = self.rest.next().ok_or("a `[` is not closed")?;
                let high = self.character(next)?;
                if high < low {
                    return Err("a range in brackets goes backwards");
                }
                self.width += (high as usize) - (low as usize);
                self.out.push('-');
                self.push(high);
            }
        }
    }

    /// `[:alpha:]` within brackets, after its bracket; false if that is only a character.
    fn named(&mut self) -> Result<bool, Reason> {
        let rest: String = self.rest.clone().take(12).collect();
        let Some((name, _)) = rest.strip_prefix(':').and_then(|rest| rest.split_once(":]")) else {
            return Ok(false);
        };
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(NO_CLASS);
        }
        self.width += if name.starts_with('^') { ALL } else { 0 };
        self.out.push_str("[:");
        self.out.push_str(name);
        self.out.push_str(":]");
        for _ in 0..name.len() + 3 {
            self.rest.next();
        }
        Ok(true)
    }

    /// A class of Perl's or Unicode's within brackets, after its backslash; false if it is a character.
    fn class_in_class(&mut self) -> Result<bool, Reason> {
        let next = *self.rest.peek().ok_or(ENDS)?;
        if let Some((ranges, negated)) = perl(next) {
            self.rest.next();
            self.out.push_str(if negated { "[^" } else { "" });
            self.out.push_str(ranges);
            self.out.push_str(if negated { "]" } else { "" });
            self.width += if negated { ALL } else { 0 };
            return Ok(true);
        }
        if !matches!(next, 'p' | 'P') {
            return Ok(false);
        }
        self.rest.next();
        self.unicode(next)?;
        Ok(true)
    }

    /// A character in brackets that begins with `first`.
    fn character(&mut self, first: char) -> Result<char, Reason> {
        if first != '\\' {
            return Ok(first);
        }
        let next = self.rest.next().ok_or(ENDS)?;
        self.escaped(next)
    }

    /// The character that is meant by `next` after a backslash.
    fn escaped(&mut self, next: char) -> Result<char, Reason> {
        Ok(match next {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => return self.hexadecimal().ok_or("`\\x` is followed by two digits, or by some in braces"),
            _ if next.is_ascii() && !next.is_ascii_alphanumeric() => next,
            _ => return Err("there is no such escape here"),
        })
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let digits: String = match self.rest.next()? {
            '{' => {
                let mut digits = String::new();
                loop {
                    match self.rest.next()? {
                        '}' => break digits,
                        digit => digits.push(digit),
                    }
                }
            }
            digit => [digit, self.rest.next()?].into_iter().collect(),
        };
        let is_number = digits.chars().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(&digits, 16).ok().filter(|_| is_number).and_then(char::from_u32)
    }

    fn push(&mut self, character: char) {
        self.out.extend(character.escape_unicode());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn expressions_mean_what_they_mean_to_re2() {
        for (pattern, matching, others) in [
            ("[a&&b]+", &["a", "b", "&", "a&&b"][..], &["c", ""][..]),
            ("[+--]", &["+", ",", "-"], &[".", "*"]),
            ("[a~~b]", &["a", "~", "b"], &["c"]),
            ("[a[b]", &["a", "[", "b"], &["]"]),
            ("[a[b]]", &["a]", "[]", "b]"], &["a", "]"]),
            ("[]a]+", &["]", "a]"], &["b"]),
            ("[^]a]", &["b", "\n"], &["]", "a"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[-a]", &["a", "-"], &["b"]),
            (r"[\-\]\\]", &["-", "]", r"\"], &["a"]),
            (r"[\x41-\x{43}]", &["A", "B", "C"], &["D", "x"]),
            ("[[:alpha:]é]", &["a", "é"], &["è", ":", "1"]),
            ("[[:^digit:]]", &["a", "٣"], &["1"]),
            ("[[:]", &["[", ":"], &["a"]),
            (r"\d+", &["123"], &["٣", "1a"]),
            (r"\D", &["٣", "a", "\n"], &["3"]),
            (r"\w+", &["a_9"], &["é", "a b"]),
            (r"\W", &["é", " "], &["a"]),
            (r"a\sb", &["a b", "a\tb"], &["a\u{a0}b", "a\u{b}b"]),
            (r"[\ \_\,]", &[" ", "_", ","], &["a"]),
            (r"[\w\ -]+", &["a b-c"], &["a.b"]),
            ("\\ \\\n", &[" \n"], &["\\ "]),
            (r"[\d\w]+", &["a1_"], &["é", "٣"]),
            (r"[\D]", &["٣", "a"], &["3"]),
            (r"[^\S]", &[" "], &["a", "\u{a0}"]),
            (r"[\d-z]", &["1", "-", "z"], &["a"]),
            (r"a\b.*", &["a b", "aé", "a"], &["ab"]),
            (r"\pL+", &["aé"], &["1"]),
            (r"[\p{Greek}\pN]+", &["αβ1"], &["a"]),
            (r"\p{^Greek}[\p{^L}][\P{^L}]\P{^L}", &["a1aa"], &["α1aa", "aaaa", "a1a1"]),
            (r"\<a\>", &["<a>"], &["a"]),
            (r"\Qa.b\E.", &["a.bc"], &["axbc"]),
            (r"\Q(", &["("], &[""]),
            ("(?i)[k]", &["k", "K", "\u{212a}"], &["l"]),
            ("(?ii)a(?i-i)b(?s-mU:.)", &["Ab."], &["AB."]),
            ("(?P<1a>x)(?<b>y)", &["xy"], &["x"]),
            ("(?i:a)|(?P<n>b)", &["a", "A", "b"], &["B"]),
            ("/users/{id}", &["/users/{id}"], &["/users/1", "/users/id"]),
            ("a{b}", &["a{b}"], &["a", "ab"]),
            ("{foo}", &["{foo}"], &["foo"]),
            ("a{2", &["a{2"], &["aa"]),
            ("a{,2}", &["a{,2}"], &["aa", "a"]),
            ("a{ 2 }", &["a{ 2 }"], &["aa"]),
            ("a{02}", &["a{02}"], &["aa"]),
            ("a{2,03}", &["a{2,03}"], &["aa"]),
            ("a{{2}", &["a{{"], &["a{2}"]),
            ("a{x}{2}", &["a{x}}"], &["a{x}{2}"]),
            ("a{}*", &["a{", "a{}}"], &["a"]),
            ("(a{0}b{1,2}c{2,}){1}", &["bcc", "bbccc"], &["bc", "abcc", "bbbcc"]),
            ("(a{2}?)*a+?", &["aaa", "a"], &["b"]),
            (r"a\b{start}", &["a{start}"], &["a", "astart"]),
            (r".\b{2}{x}", &["a{x}"], &["a"]),
            (r"\{2}", &["{2}"], &["{{"]),
            (r"[a{2}]+", &["a{2}"], &["b"]),
            (r"\x{43}{2}\x44", &["CCD"], &["C{2}D"]),
            (r"\p{Greek}{2}", &["αβ"], &["α"]),
            (r"\Qa{2}\E{2}", &["a{2}}"], &["aa"]),
            (".", &["é", "\n"], &["ab", ""]),
            ("(?-s).", &["é"], &["\n"]),
            ("a|b", &["a", "b"], &["ab", "xa"]),
            ("", &[""], &["a"]),
        ] {
            let regex = Patterns::default().compile(pattern);
            let regex = regex.unwrap_or_else(|error| panic!("{pattern}: {error}"));
            for text in matching {
                assert!(regex.is_match(text), "{pattern} {text:?} {regex}");
            }
            for text in others {
                assert!(!regex.is_match(text), "{pattern} {text:?} {regex}");
            }
        }
    }

    #[test]
    fn what_is_no_expression_says_why() {
        for (pattern, reason) in [
            ("(", "a `(` is not closed"),
            ("a)|(b", "a `)` closes nothing"),
            ("[a", "a `[` is not closed"),
            ("[]", "a `[` is not closed"),
            ("[a--b]", "a range in brackets goes backwards"),
            (r"[a-\d]", "there is no such escape here"),
            (r"\u0061", "there is no such escape here"),
            (r"\u{41}", "there is no such escape here"),
            (r"[\u0061]", "there is no such escape here"),
            (r"\é", "there is no such escape here"),
            (r"\x{110000}", "`\\x` is followed by two digits, or by some in braces"),
            ("[[:^^alpha:]]", "there is no class of such a name"),
            (r"\p{sc=Greek}", "there is no class of such a name"),
            (r"[\p{sc:Greek}]", "there is no class of such a name"),
            (r"\p{}", "there is no class of such a name"),
            (r"\p{L", "a `{` is not closed"),
            ("x{1001}", "a repetition is of 1000 times at most"),
            ("x{1001,}", "a repetition is of 1000 times at most"),
            ("x{0,1001}", "a repetition is of 1000 times at most"),
            ("x{1,99999999999999999999}", "a repetition is of 1000 times at most"),
            ("x{2,1}", "invalid repetition count range, the start must be <= the end"),
            ("a**", "a repetition of a repetition needs parentheses"),
            ("a{2}{3}", "a repetition of a repetition needs parentheses"),
            ("a+?{3}", "a repetition of a repetition needs parentheses"),
            ("a???", "a repetition of a repetition needs parentheses"),
            ("{2}", "repetition operator missing expression"),
            ("(?P<a.b>x)", "the name of a group is of letters, digits and `_`"),
            ("(?P<>x)", "the name of a group is of letters, digits and `_`"),
            ("(?P<a>x)(?<a>y)", "two groups have the same name"),
            ("(?Px)", "there is no such flag; `i`, `m`, `s` and `U` are"),
            ("(?<=x)", "what stands before or behind cannot be asked for"),
            ("(?i--s)", "there is no such flag; `i`, `m`, `s` and `U` are"),
            ("(?i-)", "there is no such flag; `i`, `m`, `s` and `U` are"),
            ("[[:alfa:]]", "there is no class of such a name"),
            (r"[\x4]", "`\\x` is followed by two digits, or by some in braces"),
            (r"[\x{+41}]", "`\\x` is followed by two digits, or by some in braces"),
            (r"a\", "a `\\` at the end escapes nothing"),
            (r"a\B", "`\\B` is not supported"),
            ("(?x)a b", "there is no such flag; `i`, `m`, `s` and `U` are"),
            ("*", "repetition operator missing expression"),
            (r"\p{None}", "Unicode property not found"),
        ] {
            let error = Patterns::default().compile(pattern).unwrap_err();
            assert_eq!(error, format!("this is no regular expression: {reason}"));
        }
    }

    #[test]
    fn all_of_a_query_share_one_bound() {
        let mut patterns = Patterns::default();
        assert!((0..500).all(|at| patterns.compile(&format!("service-{at}.*")).is_ok()));
        let mut patterns = Patterns::default();
        let taken = (0..100).take_while(|_| patterns.compile(r"\pL{20}").is_ok()).count();
        assert!((1..40).contains(&taken), "{taken}");
        for pattern in [
            r"\pL".repeat(300_000),
            "(?i)".to_owned() + &"k".repeat(900_000),
            "(?i)".to_owned() + &r"[ -\x{10ffff}]".repeat(3_000),
            r"[\W\D]".repeat(3_000) + "(?s-i:(?i:a))",
            "(?i)".to_owned() + &"[[:^alpha:]]".repeat(3_000),
            "(?i)".to_owned() + &r"\p{Any}".repeat(600),
        ] {
            let error = Patterns::default().compile(&pattern).unwrap_err();
            assert_eq!(
                error,
                "the regular expressions of the query are too large: they may take 16 MiB together"
            );
        }
    }
}
