//! Reading past an array at the speed of a scan.
//!
//! The array is reduced to its outline ([`Outline`]), many blocks at once, and the outline is checked against the grammar:
//! elements that are attributes as nearly everyone writes them in a few comparisons each, anything else byte by byte. The
//! answer is only ever that all is well. Where it may not be, nothing moves, and whoever asked reads token by token.

use super::cursor::Cursor;
use super::scan::{Kernel, Outline, Spaces};

const BLOCK: usize = 64;

/// What of the outline of an attribute whose key comes first stands before its value.
const BEFORE_VALUE: &[u8] = b"{\":\",\":{\":";

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
    /// Commas, at whatever depth.
    commas: usize,
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
            commas: 0,
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
        (self.objects, self.depth, self.deepest, self.commas) = (0, 1, 1, 0);
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
        let mut commas = 0;
        let mut last = None;
        // What lies behind the end is of outlines before: what reaches into it does not count.
        while let Some(attribute) = self.outline.get(at..).and_then(|rest| rest.first_chunk::<LENGTH>())
            && let Some(value) = attribute.strip_prefix(BEFORE_VALUE)
            && let Some(length) = short_value(value)
            && let length = length + usize::from(value.get(length).is_some_and(|byte| is_white(*byte, feeds)))
            && let Some([b'}', b'}', after]) = value.get(length..).and_then(|rest| rest.first_chunk())
            && let behind = at + BEFORE_VALUE.len() + length + 2
            && behind < end
        {
            match after {
                b',' => commas += 1,
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
        self.commas += commas;
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
                    self.commas += 1;
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

/// How many decimal digits these bytes begin with, at most eight. Without a branch, as that cannot be guessed.
#[inline]
fn digits(bytes: [u8; 8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let below_ten = u64::from_le_bytes(bytes) ^ (ONES * u64::from(b'0'));
    // Bytes behind the first that is no digit may be wrong.
    let others = (below_ten.wrapping_add(ONES * 0x76) | below_ten) & (ONES * 0x80);
    others.trailing_zeros() as usize / 8
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
            let whole = digits(*outline.first_chunk()?);
            if !(1..8).contains(&whole) || whole > 1 && outline.first() == Some(&b'0') {
                return None;
            }
            if outline.get(whole) != Some(&b'.') {
                return Some(whole);
            }
            let fraction = digits(*outline.get(whole + 1..)?.first_chunk()?);
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
    /// Reads past the array that stands here, one of a `kind` that are about as long, if it is JSON within the bounds, with at most `most` elements in all its arrays
    /// together. Where that may not be so, or cannot be told fast, it gives `false`, and nothing moves. Halves of surrogate
    /// pairs are no fault.
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(crate) fn skim<K: Kernel>(&mut self, kernel: K, most: usize, kind: usize, walk: &mut Walk) -> bool {
        if !K::OUTLINES || self.peek() != Some(b'[') || !walk.is_patient() {
            return false;
        }
        let end = match self.end_of_array(kernel, most, kind, walk) {
            Err(Found::Spaces) => {
                walk.spaced = true;
                self.end_of_array(kernel, most, kind, walk)
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
        most: usize,
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
        let within = self.depth + walk.deepest as usize <= self.max_depth
            && walk.commas < most
            && end - self.at <= self.max_string;
        let text =
            within && (outline.is_ascii() || simdutf8::basic::from_utf8(self.slice(self.at, end)).is_ok());
        if text { Ok(end) } else { Err(Found::Doubt) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::step;
    use super::super::scan::Vectorized;
    use super::super::{JsonErrorKind, Simd};
    use super::*;

    /// [`Cursor::end_of_array`] whether it is worth it or not, of which sets differ in the outline alone.
    struct End<'a, 't>(&'a Cursor<'t>, usize, &'a mut Walk);

    impl Vectorized for End<'_, '_> {
        type Output = Result<usize, Found>;

        fn run<K: Kernel>(self, kernel: K) -> Self::Output {
            self.0.end_of_array(kernel, self.1, 0, self.2)
        }
    }

    /// Where the array ends that stands at `at`, by every set, after whatever `walk` has seen.
    fn end(cursor: &Cursor<'_>, most: usize, walk: &mut Walk) -> Option<usize> {
        let (spaced, blocks) = (walk.spaced, walk.blocks);
        let mut ends = Simd::available().into_iter().map(|simd| {
            (walk.spaced, walk.blocks) = (spaced, blocks);
            let found = simd.vectorize(End(cursor, most, walk));
            if found == Err(Found::Spaces) {
                walk.spaced = true;
                return simd.vectorize(End(cursor, most, walk)).ok();
            }
            found.ok()
        });
        let first = ends.next().unwrap();
        ends.for_each(|end| assert_eq!(end, first, "{}", cursor.text.escape_ascii()));
        first
    }

    fn cursor(text: &[u8]) -> Cursor<'_> {
        Cursor::over(text, 0, true)
    }

    /// What reading token by token says: where the array ends, if it is without an anomaly but half a surrogate pair.
    fn by_token(cursor: &mut Cursor<'_>) -> Option<usize> {
        cursor.skip().ok()?;
        let plain = |kind| kind == super::super::AnomalyKind::LoneSurrogate;
        cursor.anomalies.iter().all(|anomaly| plain(anomaly.kind)).then_some(cursor.at)
    }

    fn attribute(key: usize, value: &str) -> String {
        format!(r#"{{"key":"key.{key}","value":{{{value}}}}}"#)
    }

    const VALUES: [&str; 24] = [
        r#""stringValue":"text""#,
        r#""stringValue":"""#,
        r#""stringValue":"a \"quoted\" \\ \u00e9\n\ud83d\ude00 [{,:}] é""#,
        r#""stringValue":"half a pair: \ud83d""#,
        r#""intValue":"12""#,
        r#""intValue":0"#,
        r#""intValue":7"#,
        r#""intValue":1234567"#,
        r#""intValue":12345678901234567890"#,
        r#""intValue":-5"#,
        r#""doubleValue":0.5"#,
        r#""doubleValue":1234567.7654321"#,
        r#""doubleValue":1.123456789012"#,
        r#""doubleValue":-1.5e-07"#,
        r#""doubleValue":2E+5"#,
        r#""boolValue":true"#,
        r#""boolValue":false"#,
        r#""bytesValue":null"#,
        r#""arrayValue":{"values":[{"intValue":1},{"stringValue":"x"},{}]}"#,
        r#""arrayValue":{"values":[]}"#,
        r#""arrayValue":{}"#,
        r#""kvlistValue":{"values":[{"key":"a","value":{"boolValue":true}},{"value":{"doubleValue":1.5},"key":"b"}]}"#,
        "",
        r#""unknown":[[1,[2,3.5],"]"],{"a":{"b":null}}]"#,
    ];

    /// As it is, as Python writes by default, indented, and with all white space that there is.
    fn laid_out(text: &str) -> [String; 4] {
        let spaced = |comma: &str, colon: &str, open: &str, close: &str| {
            let (mut out, mut string, mut escaped) = (String::new(), false, false);
            for letter in text.chars() {
                let ends = letter == '"' && !escaped;
                escaped = string && letter == '\\' && !escaped;
                string ^= ends;
                match letter {
                    ',' if !string => out.push_str(comma),
                    ':' if !string => out.push_str(colon),
                    '{' | '[' if !string => out.extend([letter.to_string(), open.to_owned()]),
                    '}' | ']' if !string => out.extend([close.to_owned(), letter.to_string()]),
                    _ => out.push(letter),
                }
            }
            out
        };
        [
            text.to_owned(),
            spaced(", ", ": ", "", ""),
            spaced(",\n    ", ": ", "\n        ", "\n    "),
            spaced(" \t,\r\n", " \n: ", " ", "\r\t"),
        ]
    }

    #[test]
    fn arrays_are_passed_over_whole_whatever_came_before() {
        let mut walk = Walk::default();
        let mut arrays = vec!["[]".to_owned(), "[[]]".to_owned(), r#"["a",1,null,true,{}]"#.to_owned()];
        for count in (1..70).step_by(step(17)) {
            let list: Vec<_> = (0..count)
                .map(|index| attribute(index, VALUES[(index * 7 + count) % VALUES.len()]))
                .collect();
            arrays.push(format!("[{}]", list.join(",")));
        }
        for value in VALUES {
            arrays.push(format!("[{}]", attribute(1, value)));
            arrays.push(format!("[{},{}]", attribute(1, value), attribute(2, VALUES[0])));
        }
        for array in &arrays {
            for text in laid_out(array) {
                let behind = format!("{text} ,\"more\":[{{\"key\":\"]\"}}]}}\n");
                assert_eq!(end(&cursor(text.as_bytes()), 1000, &mut walk), Some(text.len()), "{text}");
                assert_eq!(end(&cursor(behind.as_bytes()), 1000, &mut walk), Some(text.len()), "{behind}");
            }
        }
    }

    #[test]
    fn what_is_damaged_is_passed_over_only_if_tokens_say_so() {
        let whole: Vec<_> = VALUES.iter().enumerate().map(|(index, value)| attribute(index, value)).collect();
        let mut walk = Walk::default();
        let (mut passed, mut refused) = (0, 0);
        for (layout, text) in laid_out(&format!("[{}]", whole.join(","))).iter().enumerate() {
            for at in (0..text.len()).step_by(step(41) * (layout + 1)) {
                let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + 1..]);
                let swaps: Vec<_> =
                    b"\"\\{}[],:0 -.enxu\n\x01\xff".iter().cycle().skip(at * 2).take(2).collect();
                let replaced = swaps.iter().map(|byte| [before, &[**byte], after].concat());
                let added = swaps.iter().map(|byte| [before, &[**byte], &text.as_bytes()[at..]].concat());
                let fewer = [[before, after].concat(), before.to_vec()];
                for damaged in replaced.chain(added).chain(fewer).filter(|text| text.starts_with(b"[")) {
                    let expected = by_token(&mut cursor(&damaged));
                    let found = end(&cursor(&damaged), 1000, &mut walk);
                    // What comes behind the end may be looked at, and is no JSON where the array ends early.
                    let whole = expected.is_some_and(|end| end + 1 >= damaged.len());
                    assert!(found == expected || found.is_none() && !whole, "{}", damaged.escape_ascii());
                    *(if found.is_some() { &mut passed } else { &mut refused }) += 1;
                }
            }
        }
        assert!(passed.min(refused) > 300, "{passed} {refused}");
    }

    #[test]
    fn bounds_hold_as_they_do_token_by_token() {
        let text = format!("[{},{}]", attribute(1, VALUES[18]), attribute(2, VALUES[0]));
        let mut walk = Walk::default();
        // Two attributes and three elements; a comma between members may count as well.
        for most in (0..9).filter(|most| *most != 5) {
            let expected = (most > 5).then_some(text.len());
            assert_eq!(end(&cursor(text.as_bytes()), most, &mut walk), expected, "{most}");
        }
        let short = format!("[{},{}]", attribute(1, VALUES[0]), attribute(2, VALUES[6]));
        for most in 0..5 {
            let expected = (most >= 2).then_some(short.len());
            assert_eq!(end(&cursor(short.as_bytes()), most, &mut walk), expected, "{most}");
        }
        for (max_depth, text) in (0..12).flat_map(|depth| [(depth, &text), (depth, &short)]) {
            let deep = Cursor { max_depth, depth: 3, ..cursor(text.as_bytes()) };
            let mut tokens = Cursor { max_depth, depth: 3, ..cursor(text.as_bytes()) };
            assert_eq!(end(&deep, 99, &mut walk), by_token(&mut tokens), "{max_depth} {text}");
        }
        let long = Cursor { max_string: text.len() - 1, ..cursor(text.as_bytes()) };
        assert_eq!(end(&long, 99, &mut walk), None);
        // Deeper than is kept account of.
        for depth in [59, 60, 61, 70, 400] {
            let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(end(&cursor(deep.as_bytes()), 99, &mut walk), (depth <= 60).then_some(2 * depth));
        }
    }

    #[test]
    fn a_line_feed_is_white_space_only_where_no_line_ends_with_it() {
        let values: Vec<_> =
            [0, 4, 6, 10, 13, 15, 19, 21].map(|index| attribute(index, VALUES[index])).into();
        let mut walk = Walk::default();
        let mut passed = [0, 0];
        for text in &laid_out(&format!("[{},[1,true],null]", values.join(",")))[..2] {
            for at in (1..=text.len()).step_by(step(7)) {
                let text = format!("{}\n{}\n", &text[..at], &text[at..]);
                for in_line in [false, true] {
                    let cursor = || Cursor { in_line, ..cursor(text.as_bytes()) };
                    let found = end(&cursor(), 99, &mut walk);
                    assert_eq!(found, by_token(&mut cursor()), "{in_line} {}", text.escape_debug());
                    passed[usize::from(in_line)] += usize::from(found.is_some());
                }
            }
        }
        // In a line, the one behind it alone.
        assert!(passed[0] > 100 / step(7) && passed[1] == 2, "{passed:?}");
    }

    #[test]
    fn nothing_moves_where_an_array_cannot_be_passed_over() {
        struct Skim<'a, 't>(&'a mut Cursor<'t>, &'a mut Walk);

        impl Vectorized for Skim<'_, '_> {
            type Output = (bool, bool);

            fn run<K: Kernel>(self, kernel: K) -> Self::Output {
                (K::OUTLINES, self.0.skim(kernel, 99, 0, self.1))
            }
        }

        for simd in Simd::available() {
            let mut walk = Walk::default();
            let mut skim = |text: &str| {
                let mut cursor = cursor(text.as_bytes());
                let (outlines, passed) = simd.vectorize(Skim(&mut cursor, &mut walk));
                assert_eq!((cursor.at, cursor.depth), (if passed { text.len() } else { 0 }, 0));
                (outlines, passed)
            };
            let outlines = skim("[1]").0;
            assert_eq!(skim("[{}]"), (outlines, outlines), "{simd}");
            for text in ["[1,]", "{}", "[NaN]", "[", "", "[\"\\ud83\"]"] {
                (0..2 * PATIENCE).for_each(|_| assert!(!skim(text).1, "{simd} {text}"));
                // Sooner or later it is tried again, and then each time.
                let passed = (0..2 * PATIENCE).position(|_| skim("[1]").1);
                assert_eq!(passed.is_some(), outlines, "{simd} {text}");
                assert_eq!(skim("[2]").1, outlines);
            }
        }
    }

    #[test]
    fn digits_are_counted_up_to_the_first_other_byte() {
        for byte in 0..=255 {
            for place in 0..8 {
                let mut bytes = *b"90817263";
                bytes[place] = byte;
                let expected = if byte.is_ascii_digit() { 8 } else { place };
                assert_eq!(digits(bytes), expected, "{byte} {place}");
            }
        }
    }

    #[test]
    fn words_are_those_of_the_grammar() {
        for text in ["0", "-0", "12", "1.5", "0.0625", "-1e5", "1E+05", "2.5e-3", "true", "false", "null"] {
            for end in [",", "}", "]"] {
                assert_eq!(word(format!("{text}{end}").as_bytes(), true), Some(text.len()), "{text}");
                assert_eq!(word(format!("{text} {end}").as_bytes(), false), Some(text.len() + 1), "{text}");
            }
            assert_eq!(word(format!("{text}\n]").as_bytes(), true), Some(text.len() + 1), "{text}");
            assert_eq!(word(format!("{text}\n]").as_bytes(), false), None, "{text}");
            assert_eq!(word(text.as_bytes(), true), None, "{text}");
            assert_eq!(word(format!("{text}x").as_bytes(), true), None, "{text}");
        }
        for text in ["01", "-", "1.", ".5", "1e", "+1", "1.e5", "nul", "tru", "NaN", "-Infinity", "0x1"] {
            assert_eq!(word(format!("{text},").as_bytes(), true), None, "{text}");
            let error =
                Cursor::over(format!("[{text}]").as_bytes(), 0, false).skip().map_err(|error| error.kind);
            assert!(error.is_err_and(|kind| kind != JsonErrorKind::TooDeep), "{text}");
        }
    }
}
