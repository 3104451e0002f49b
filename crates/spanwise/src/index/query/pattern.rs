//! Regular expressions as Tempo reads them, in the spelling of the crate that runs them.
//!
//! Tempo's are RE2's. The crate's are nearly the same, but it has set operations and nested classes in brackets, classes of Perl
//! that go beyond ASCII, and flags and escapes of its own; each would be another answer without a word. So classes are read
//! here and written anew with every character escaped, and what only the crate knows is refused.

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
        let Translated { text, classes } =
            translated(pattern).map_err(|reason| format!("this is no regular expression: {reason}"))?;
        let text = format!(r"\A(?s:{text})\z");
        let mut size = LEAST.max(text.len() * OF_BYTE + classes * OF_CLASS);
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
    /// Classes that Unicode defines.
    classes: usize,
}

type Reason = &'static str;

const ENDS: Reason = "a `\\` at the end escapes nothing";

fn translated(pattern: &str) -> Result<Translated, Reason> {
    let mut translator = Translator { rest: pattern.chars().peekable(), out: String::new(), classes: 0 };
    let mut depth = 0usize;
    while let Some(next) = translator.rest.next() {
        match next {
            '\\' => translator.escape()?,
            '[' => translator.class()?,
            '(' => {
                depth += 1;
                translator.out.push('(');
                translator.flags()?;
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
    Ok(Translated { text: translator.out, classes: translator.classes })
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
    classes: usize,
}

impl Translator<'_> {
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
            // The ends of words to the crate.
            '<' | '>' => self.out.push(next),
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
            _ => {
                self.classes += usize::from(matches!(next, 'p' | 'P'));
                self.out.extend(['\\', next]);
            }
        }
        Ok(())
    }

    /// What follows an opening parenthesis: flags, if any, are copied, and must be those of RE2.
    fn flags(&mut self) -> Result<(), Reason> {
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if matches!(self.rest.peek(), Some('P' | '<')) {
            return Ok(());
        }
        while let Some(flag) = self.rest.next_if(|next| !matches!(next, ':' | ')')) {
            if !"imsU-".contains(flag) {
                return Err("there is no such flag; `i`, `m`, `s` and `U` are");
            }
            self.out.push(flag);
        }
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
        if !NAMES.contains(&name.trim_start_matches('^')) {
            return Err("there is no class of such a name");
        }
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
            return Ok(true);
        }
        if !matches!(next, 'p' | 'P') {
            return Ok(false);
        }
        self.rest.next();
        self.classes += 1;
        self.out.extend(['\\', next]);
        let name = self.rest.next().ok_or(ENDS)?;
        self.out.push(name);
        if name == '{' {
            loop {
                let next = self.rest.next().ok_or("a `[` is not closed")?;
                self.out.push(next);
                if next == '}' {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// A character in brackets that begins with `first`.
    fn character(&mut self, first: char) -> Result<char, Reason> {
        if first != '\\' {
            return Ok(first);
        }
        let next = self.rest.next().ok_or(ENDS)?;
        Ok(match next {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => return self.hexadecimal().ok_or("`\\x` is followed by two digits, or by some in braces"),
            _ if next.is_ascii_punctuation() => next,
            _ => return Err("there is no such escape in brackets"),
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
            (r"[\d\w]+", &["a1_"], &["é", "٣"]),
            (r"[\D]", &["٣", "a"], &["3"]),
            (r"[^\S]", &[" "], &["a", "\u{a0}"]),
            (r"[\d-z]", &["1", "-", "z"], &["a"]),
            (r"a\b.*", &["a b", "aé", "a"], &["ab"]),
            (r"\pL+", &["aé"], &["1"]),
            (r"[\p{Greek}\pN]+", &["αβ1"], &["a"]),
            (r"\<a\>", &["<a>"], &["a"]),
            (r"\Qa.b\E.", &["a.bc"], &["axbc"]),
            (r"\Q(", &["("], &[""]),
            ("(?i)[k]", &["k", "K", "\u{212a}"], &["l"]),
            ("(?i:a)|(?P<n>b)", &["a", "A", "b"], &["B"]),
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
            (r"[a-\d]", "there is no such escape in brackets"),
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
        for pattern in [r"\pL".repeat(300_000), "(?i)".to_owned() + &"k".repeat(900_000)] {
            let error = Patterns::default().compile(&pattern).unwrap_err();
            assert_eq!(
                error,
                "the regular expressions of the query are too large: they may take 16 MiB together"
            );
        }
    }
}
