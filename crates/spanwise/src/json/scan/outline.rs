//! What is left of JSON text when the insides of its strings and the white space round its tokens are taken out.
//!
//! `{"key": "a, b", "n": [1, true]}` is `{":",":[1,true]}`: of a string its opening quote stays. Whether the text is JSON can
//! be told from that, and from what is checked of the strings here: control characters, and escapes as RFC 8259 has them. Not
//! checked are the pairs of surrogates and UTF-8.

use super::{BLOCK, Digits, ESCAPED, SIMPLE, escaped_bytes};

/// Which white space is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Spaces {
    /// None: there should be none.
    #[default]
    Stay,
    /// All but line feeds, where a line feed is none.
    Go,
    GoWithFeeds,
}

impl Spaces {
    #[inline]
    fn has(self, byte: u8) -> bool {
        match byte {
            b' ' | b'\t' | b'\r' => self != Self::Stay,
            b'\n' => self == Self::GoWithFeeds,
            _ => false,
        }
    }
}

/// How things stand between two blocks of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Outline {
    /// All bits if the next byte is in a string, none otherwise.
    in_string: u64,
    /// Bit 0: it is escaped.
    escaped: u64,
    /// There was a backslash.
    escapes: bool,
    /// The next bytes that must be hex digits, a bit each.
    digits_due: u64,
    /// Bit 0: a word or number stands before it.
    after_word: u64,
    /// There was a byte above 0x7f.
    high: bool,
    /// White space was taken out.
    white: bool,
    spaces: Spaces,
}

/// What there is outside of strings, a bit a byte.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "no set of this architecture tells it"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Between {
    /// Space, tab, carriage return, line feed.
    pub(super) white: u64,
    /// Brackets, braces, comma and colon.
    pub(super) structural: u64,
}

/// What an instruction set tells of a block, a bit a byte; what is seldom asked for when it is.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "as above"))]
pub(super) struct Told<Simple, Units, Separation, Parity> {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// Below 0x20.
    pub(super) control: u64,
    /// Letters that are a whole escape after a backslash.
    pub(super) simple: Simple,
    /// See [`Digits`].
    pub(super) digits: Units,
    /// What stands between tokens, where a line feed is white space or not.
    pub(super) between: Separation,
    /// For each bit the parity of those up to and including it.
    pub(super) running_parity: Parity,
}

impl Outline {
    /// That of text whose first byte is in no string.
    pub(crate) fn new(spaces: Spaces) -> Self {
        Self { spaces, ..Self::default() }
    }

    /// Whether all that was added is ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        !self.high
    }

    /// Whether there was white space to be taken out.
    pub(crate) fn had_white(&self) -> bool {
        self.white
    }

    /// Whether white space between tokens is taken out.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "as above"))]
    pub(super) fn takes_white_out(&self) -> bool {
        self.spaces != Spaces::Stay
    }

    /// Notes whether a byte above 0x7f was added.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "as above"))]
    pub(super) fn note_high(&mut self, high: bool) {
        self.high |= high;
    }

    /// The bits of the bytes of the next block that are kept. Of white space behind a word or number one byte is, so that
    /// `1 2` does not become `12`. `None` where a string is not as it should be, or a backslash stands in none.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "as above"))]
    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        block: &Told<impl Fn() -> u64, impl Fn() -> Digits, impl Fn(bool) -> Between, impl Fn(u64) -> u64>,
    ) -> Option<u64> {
        let backslash = block.backslash;
        // Once there are escapes, there will be more: not to be guessed block by block.
        self.escapes |= backslash != 0;
        let mut escaped = 0;
        let mut other = 0;
        if self.escapes {
            escaped = escaped_bytes(backslash, &mut self.escaped);
            other = escaped & !(block.simple)();
        }
        let quote = block.quote & !escaped;
        // From each opening quote on as far as the byte before the closing one.
        let string = (block.running_parity)(quote) ^ self.in_string;
        self.in_string = (string.cast_signed() >> 63).cast_unsigned();
        if block.control & string | backslash & !string != 0 {
            return None;
        }
        if other | self.digits_due != 0 {
            let digits = (block.digits)();
            let units = other & digits.u;
            let due = units << 1 | units << 2 | units << 3 | units << 4 | self.digits_due;
            if other & !digits.u | due & !digits.hex != 0 {
                return None;
            }
            self.digits_due = units >> 63 | units >> 62 | units >> 61 | units >> 60;
        }
        let mut outside = !(string | quote);
        if self.spaces != Spaces::Stay {
            let Between { white, structural } = (block.between)(self.spaces == Spaces::GoWithFeeds);
            self.white |= white & outside != 0;
            let word = outside & !white & !structural;
            outside &= !white | word << 1 | self.after_word;
            self.after_word = word >> 63;
        }
        Some(outside | quote & string)
    }

    /// The same, one byte after the other: the definition.
    pub(super) fn add_by_byte(
        &mut self,
        blocks: &[[u8; BLOCK]],
        keeps: &mut [u64],
        out: &mut [u8],
    ) -> Option<usize> {
        let mut count = 0;
        for (block, keep) in blocks.iter().zip(keeps) {
            *keep = 0;
            for (index, &byte) in block.iter().enumerate() {
                if self.add_byte(byte)? {
                    *keep |= 1 << index;
                    *out.get_mut(count)? = byte;
                    count += 1;
                }
            }
        }
        Some(count)
    }

    fn add_byte(&mut self, byte: u8) -> Option<bool> {
        self.high |= byte >= 0x80;
        if self.in_string != 0 {
            if self.digits_due != 0 {
                self.digits_due >>= 1;
                return byte.is_ascii_hexdigit().then_some(false);
            }
            if std::mem::take(&mut self.escaped) != 0 {
                if byte == b'u' {
                    self.digits_due = 0b1111;
                    return Some(false);
                }
                return (ESCAPED[usize::from(byte)] == SIMPLE).then_some(false);
            }
            match byte {
                b'"' => self.in_string = 0,
                b'\\' => self.escaped = 1,
                0..0x20 => return None,
                _ => {}
            }
            return Some(false);
        }
        let white = self.spaces.has(byte);
        let kept = !white || self.after_word != 0;
        self.after_word = u64::from(!white && !b"\"{}[],:".contains(&byte));
        match byte {
            b'"' => self.in_string = u64::MAX,
            b'\\' => return None,
            _ => self.white |= white,
        }
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::step;
    use super::super::{Kernel, Simd, Vectorized};
    use super::*;

    struct Add<'a>(&'a mut Outline, &'a [[u8; BLOCK]], &'a mut [u64], &'a mut [u8]);

    impl Vectorized for Add<'_> {
        type Output = Option<usize>;

        fn run<K: Kernel>(self, kernel: K) -> Self::Output {
            kernel.outline(self.0, self.1, self.2, self.3)
        }
    }

    /// The outline of `text`, in pieces of so many blocks: what is kept, the bits of it, and what is told besides.
    fn outline(
        simd: Simd,
        text: &[u8],
        piece: usize,
        spaces: Spaces,
    ) -> Option<(Vec<u8>, Vec<u64>, bool, bool)> {
        let mut padded = text.to_vec();
        padded.resize(text.len().next_multiple_of(BLOCK), b' ');
        let mut outline = Outline::new(spaces);
        let (mut kept, mut bits) = (Vec::new(), Vec::new());
        for blocks in padded.as_chunks::<BLOCK>().0.chunks(piece) {
            let mut keeps = vec![7; blocks.len()];
            let mut out = vec![0; (blocks.len() + 1) * BLOCK];
            let count = simd.vectorize(Add(&mut outline, blocks, &mut keeps, &mut out))?;
            kept.extend_from_slice(&out[..count]);
            bits.extend(keeps);
        }
        Some((kept, bits, outline.is_ascii(), outline.had_white()))
    }

    fn kept(text: &str, spaces: Spaces) -> Option<String> {
        let (kept, ..) = outline(Simd::portable(), text.as_bytes(), 3, spaces)?;
        Some(String::from_utf8(kept).unwrap().trim_end().to_owned())
    }

    #[test]
    fn strings_lose_their_insides_and_tokens_the_white_space_round_them() {
        let text = r#" {"key" : "a, \"b\" ]" , "n":[1 , true ,2 3, tru e], "\u00e9":"" } "#;
        assert_eq!(kept(text, Spaces::GoWithFeeds).unwrap(), r#"{":",":[1 ,true ,2 3,tru e],":"}"#);
        assert_eq!(kept(r#"{"a": 1 }"#, Spaces::Stay).unwrap(), r#"{": 1 }"#);
        for (text, good) in [
            (r#""\q""#, false),
            (r#""\u12g4""#, false),
            (r#""\u12""#, false),
            (r#""\ud83d""#, true),
            ("\"\u{1f}\"", false),
            ("\"\u{7f}\"", true),
            (r"\", false),
            (r#""\\""#, true),
        ] {
            assert_eq!(kept(text, Spaces::GoWithFeeds).is_some(), good, "{text}");
        }
    }

    #[test]
    fn every_instruction_set_outlines_alike() {
        let letters = *b"\\\"u0dx1 \t\n\r\xc3\xa9/[]{},:-.\x01\x7f\xff\xa0\x8d\xfb\xae";
        let pieces = [
            r#""a""#,
            r#""\\\\""#,
            r#""\"\\\"\/\b\f\n\r\t""#,
            r#""\u00e9\uD83D\ude00\u12aF""#,
            "\"é [{,:}] \u{7f}\"",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "12",
            "true",
            "-1.5e+7",
            " ",
            "\t\r\n",
        ];
        let mut state = 5u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let (mut good, mut bad) = (0, 0);
        for round in (0..2000).step_by(step(101)) {
            let mut text = Vec::new();
            for _ in 0..random(60) {
                match random(100) {
                    0..9 => {
                        text.extend(std::iter::once(b'"').chain(vec![b'x'; random(150)]).chain(*b"\\\"\""));
                    }
                    _ => text.extend_from_slice(pieces[random(pieces.len())].as_bytes()),
                }
            }
            for _ in 0..(round % 4).min(text.len()) {
                let at = random(text.len());
                text[at] = letters[random(letters.len())];
            }
            for spaces in [Spaces::Stay, Spaces::Go, Spaces::GoWithFeeds] {
                let expected = outline(Simd::portable(), &text, 1, spaces);
                *(if expected.is_some() { &mut good } else { &mut bad }) += 1;
                for simd in Simd::available() {
                    for piece in [1, 2, 64] {
                        let found = outline(simd, &text, piece, spaces);
                        assert_eq!(found, expected, "{simd} {piece} {}", text.escape_ascii());
                    }
                }
            }
        }
        assert!(good.min(bad) > 2000 / step(100) / 3, "{good} {bad}");
    }
}
