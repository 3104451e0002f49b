//! Writes JSON with choices in every place where the grammar leaves one.

use std::ops::Range;

use crate::Entropy;

/// How far a document departs from the plainest one. Shares are out of 256 chances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Departures from OTLP/JSON that lenient decoding takes; also faults that strict decoding must find.
    pub liberties: u8,
    /// Unknown members, duplicate members, members in another order.
    pub noise: u8,
    /// Characters that are written as escapes, schema names included.
    pub escapes: u8,
    /// White space between tokens.
    pub white: u8,
    /// Which texts are canaries.
    pub canaries: Canaries,
}

/// Which of the user's texts are made of the letters Q, X and Z (and characters that need escapes), none of which stands in
/// any word of the schema, code or message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canaries {
    /// None.
    None,
    /// All.
    Everywhere,
    /// Those of attributes whose key is one of [`CONTENT_KEYS`], as half of them have, and of unknown members: base64, JSON in
    /// strings and names within them too. No other text has any of the letters.
    Content,
}

/// Keys under which the conventions of LLM tracing put text of prompts, completions, tools and documents: one or two of
/// each, with each kind of separator.
pub const CONTENT_KEYS: [&str; 12] = [
    "gen_ai.prompt",
    "gen_ai.input.messages",
    "gen_ai.completion.0.content",
    "gen_ai.tool.call.arguments",
    "llm.input_messages.0.message.content",
    "input.value",
    "ai.toolCall.args",
    "langfuse.trace.output",
    "mlflow.spanInputs",
    "genkit:input",
    "traceloop.entity.output",
    "trace.input",
];

impl Dialect {
    /// What a strict decoder accepts.
    pub const STRICT: Self =
        Self { liberties: 0, noise: 20, escapes: 20, white: 20, canaries: Canaries::None };
    /// Everything.
    pub const LENIENT: Self = Self { liberties: 20, ..Self::STRICT };
    /// What a strict decoder accepts, all texts canaries.
    pub const STRICT_CANARIES: Self = Self { canaries: Canaries::Everywhere, ..Self::STRICT };
    /// Everything, all texts canaries.
    pub const CANARIES: Self = Self { canaries: Canaries::Everywhere, ..Self::LENIENT };
    /// What a strict decoder accepts, with content among the attributes.
    pub const STRICT_CONTENT: Self = Self { canaries: Canaries::Content, ..Self::STRICT };
    /// Everything, with content among the attributes.
    pub const CONTENT: Self = Self { canaries: Canaries::Content, ..Self::LENIENT };
}

/// A document, and where the user's strings stand in it.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// The document.
    pub text: Vec<u8>,
    /// The tokens, quotes included, of strings that are neither names of the schema nor read as something else (ids,
    /// numbers, base64, names of enums).
    pub strings: Vec<Range<usize>>,
    /// Whether a place was given something that strict decoding refuses.
    pub liberties: bool,
}

/// Writes one member's value.
pub(crate) type Write = fn(&mut Writer);

/// A field of a message: its name, its value, and whether a valid message must have it.
pub(crate) type Field = (&'static str, Write, bool);

/// The state of one document being made.
pub(crate) struct Writer {
    pub(crate) entropy: Entropy,
    pub(crate) dialect: Dialect,
    pub(crate) made: Made,
    /// How deep the value that is being made lies.
    pub(crate) depth: usize,
    /// Makes attribute keys differ.
    pub(crate) count: usize,
    /// What is being made is content, or within an unknown member.
    pub(crate) is_hidden: bool,
    /// What is being made is within an object in the place of attributes.
    pub(crate) in_map: bool,
}

impl Writer {
    pub(crate) fn new(bytes: &[u8], dialect: Dialect) -> Self {
        Self {
            entropy: Entropy::new(bytes),
            dialect,
            made: Made::default(),
            depth: 0,
            count: 0,
            is_hidden: false,
            in_map: false,
        }
    }

    /// Whether to take a liberty here. Says so in the result.
    pub(crate) fn liberty(&mut self) -> bool {
        let taken = self.entropy.chance(self.dialect.liberties);
        self.made.liberties |= taken;
        taken
    }

    /// Whether a text that is made now is a canary.
    pub(crate) fn makes_canaries(&self) -> bool {
        match self.dialect.canaries {
            Canaries::None => false,
            Canaries::Everywhere => true,
            Canaries::Content => self.is_hidden,
        }
    }

    /// Makes something that is content.
    pub(crate) fn hidden(&mut self, make: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.is_hidden, true);
        make(self);
        self.is_hidden = outer;
    }

    pub(crate) fn noise(&mut self) -> bool {
        self.entropy.chance(self.dialect.noise)
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.made.text.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn white(&mut self) {
        while self.entropy.chance(self.dialect.white) {
            let byte = self.entropy.pick(b" \n\t\r");
            self.made.text.push(byte);
        }
    }

    /// A string that is a word of the schema's, or is read as something else than text.
    pub(crate) fn word(&mut self, text: &str) {
        self.made.text.push(b'"');
        let escapes = self.entropy.chance(self.dialect.escapes);
        for character in text.chars() {
            self.character(character, escapes);
        }
        self.made.text.push(b'"');
    }

    /// A character as itself, or if it must or by chance (`escapes`) as an escape.
    fn character(&mut self, character: char, escapes: bool) {
        let must = matches!(character, '"' | '\\') || character < ' ';
        let as_escape = must || escapes && self.entropy.chance(80);
        if !as_escape {
            self.made.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
        let short = match character {
            '"' | '\\' | '/' => Some(character),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            _ => None,
        };
        match short {
            Some(letter) if !self.entropy.chance(64) => self.raw(&format!("\\{letter}")),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let upper = self.entropy.chance(64);
                    self.raw(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
                }
            }
        }
    }

    /// A text of the user's. Its token is remembered.
    pub(crate) fn text(&mut self) {
        let start = self.made.text.len();
        self.made.text.push(b'"');
        let escapes = self.entropy.chance(self.dialect.escapes);
        let is_canary = self.makes_canaries();
        if is_canary && self.is_hidden && self.entropy.chance(40) {
            // What instrumentation puts there: JSON in a string.
            let body = self.entropy.pick(&[
                r#"[{"role":"user","content":"QZX"}]"#,
                r#"{"messages":[{"role":"QZX QZX","content":[{"type":"text","text":"QZX"}]}],"QZX":1}"#,
                r#"[{"type":"tool_call","name":"QZX of QZX","arguments":"{\"q\":\"QZX\"}"}]"#,
                r#"{"completion":"QZX"#,
            ]);
            body.chars().for_each(|character| self.character(character, escapes));
        } else if is_canary {
            self.raw("QZX");
        } else if self.entropy.chance(16) {
            let word =
                self.entropy.pick(&["traceId", "key", "true", "{\"name\":\"x\"}", "resourceSpans", "1e5"]);
            word.chars().for_each(|character| self.character(character, escapes));
        }
        let plain = if is_canary { ['Q', 'Z', 'X'] } else { ['a', 'm', '0'] };
        let length = match self.entropy.below(8) {
            0..=4 => self.entropy.below(4),
            5 | 6 => self.entropy.below(12),
            _ => {
                let (letter, length) = (self.entropy.pick(&plain), self.entropy.below(200));
                self.made.text.extend(std::iter::repeat_n(letter as u8, length));
                2
            }
        };
        for _ in 0..length {
            let character = match self.entropy.below(16) {
                0..=9 => self.entropy.pick(&plain),
                10 | 11 => self.entropy.pick(&[' ', '/', '.', '\u{7f}', ':', ',']),
                12 => self.entropy.pick(&['"', '\\', '{', '}', '[', ']']),
                13 => self.entropy.pick(&['\n', '\t', '\r', '\u{0}', '\u{8}', '\u{c}', '\u{1f}']),
                _ => self.entropy.pick(&['é', '€', '😀', '\u{ffff}', '\u{10ffff}', '\u{2028}']),
            };
            self.character(character, escapes);
        }
        if self.liberty() {
            let broken: &[u8] = self.entropy.pick(&[
                &b"\\ud83d"[..],
                b"\\udc00\\ud800",
                b"\n",
                b"\x01",
                b"\xff",
                b"\xe2\x82",
                b"\xed\xa0\x80",
            ]);
            self.made.text.extend_from_slice(broken);
        }
        self.made.text.push(b'"');
        self.made.strings.push(start..self.made.text.len());
    }

    /// An object with some of `fields`, in any order, with noise.
    pub(crate) fn message(&mut self, fields: &[Field]) {
        let mut members: Vec<(&str, Option<Write>)> = Vec::new();
        for (name, write, required) in fields {
            if *required && !self.liberty() || self.entropy.chance(150) {
                members.push((name, Some(*write)));
            }
        }
        if self.noise() && !members.is_empty() {
            let again = self.entropy.pick(&members);
            members.push(again);
        }
        if self.noise() {
            let name =
                self.entropy.pick(&["", "futureField", "TraceId", "id", "resourceSpans", "values", "key"]);
            let known = fields.iter().any(|(field, ..)| *field == name);
            members.push((if known { "" } else { name }, None));
        }
        if self.noise() {
            self.entropy.shuffle(&mut members);
        }
        self.made.text.push(b'{');
        self.white();
        for (index, (name, write)) in members.iter().enumerate() {
            self.comma(index);
            let Some(write) = write else {
                self.unknown_member(name);
                continue;
            };
            self.name(name);
            let required = fields.iter().any(|(field, _, required)| field == name && *required);
            if !required && self.noise() {
                self.raw("null");
            } else {
                write(self);
            }
        }
        self.white();
        self.made.text.push(b'}');
    }

    pub(crate) fn comma(&mut self, index: usize) {
        if index > 0 {
            self.white();
            self.made.text.push(b',');
            self.white();
        }
    }

    pub(crate) fn colon(&mut self) {
        self.white();
        self.made.text.push(b':');
        self.white();
    }

    /// A field's name and colon, now and then under another name of the same field.
    fn name(&mut self, name: &str) {
        if self.liberty() {
            let former = match name {
                "resourceSpans" => "batches",
                "scopeSpans" => "instrumentationLibrarySpans",
                "scope" => "instrumentationLibrary",
                _ => "",
            };
            let snake = snake_case(name);
            let other = if former.is_empty() || self.entropy.chance(128) { &snake } else { former };
            self.word(other);
        } else {
            self.word(name);
        }
        self.colon();
    }

    /// A member that the schema does not know: of the name given, or else of the user's own.
    fn unknown_member(&mut self, name: &str) {
        let write = |writer: &mut Self| {
            if name.is_empty() {
                writer.text();
            } else {
                writer.word(name);
            }
            writer.colon();
            writer.any_json();
        };
        // Within attributes that are an object, what is nearly an `AnyValue` is an object of the user's own, this member with it.
        if self.in_map { write(self) } else { self.hidden(write) }
    }

    /// Between brackets, up to `most` elements that `write` writes.
    pub(crate) fn list(&mut self, most: usize, mut write: impl FnMut(&mut Self)) {
        let empty = self.entropy.is_spent() || self.entropy.chance(20);
        let length = if empty { 0 } else { 1 + self.entropy.below(most) };
        self.made.text.push(b'[');
        self.white();
        for index in 0..length {
            self.comma(index);
            write(self);
        }
        self.white();
        self.made.text.push(b']');
    }

    /// A repeated message field; `element` writes an object.
    pub(crate) fn messages(&mut self, most: usize, element: Write) {
        if self.liberty() {
            return self.any_json();
        }
        self.list(most, |writer| {
            if writer.liberty() {
                return writer.any_json();
            }
            element(writer);
        });
    }

    /// A message field; `object` writes an object.
    pub(crate) fn one(&mut self, object: Write) {
        if self.liberty() { self.any_json() } else { object(self) }
    }

    /// Any JSON value; its strings are the user's.
    pub(crate) fn any_json(&mut self) {
        self.depth += 1;
        match self.entropy.below(if self.depth > 6 { 6 } else { 9 }) {
            0 => self.raw("null"),
            1 => self.text(),
            2 => {
                let number =
                    self.entropy.pick(&["0", "-7", "12", "9.5", "1e3", "18446744073709551616", "-0.0"]);
                self.raw(number);
            }
            3 => self.raw("true"),
            4 => self.raw("false"),
            5 if self.liberty() => {
                let token = self.entropy.pick(&["NaN", "Infinity", "-Infinity"]);
                self.raw(token);
            }
            5 => self.raw("9007199254740993"),
            6 => self.list(3, Self::any_json),
            _ => {
                let length = self.entropy.below(4);
                self.made.text.push(b'{');
                for index in 0..length {
                    self.comma(index);
                    self.text();
                    self.colon();
                    self.any_json();
                }
                self.made.text.push(b'}');
            }
        }
        self.depth -= 1;
    }
}

/// `traceId` as `trace_id`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_texts_token_is_remembered() {
        let mut writer = Writer::new(&[0, 0, 3, 0, 0, 15, 0, 13, 0], Dialect::STRICT_CANARIES);
        writer.raw("[");
        writer.text();
        let range = writer.made.strings[0].clone();
        let token = String::from_utf8_lossy(&writer.made.text[range.clone()]).into_owned();
        assert!(token.starts_with("\"QZX") && token.ends_with('"') && range.start == 1, "{token}");
    }

    #[test]
    fn names_are_put_in_snake_case() {
        assert_eq!(snake_case("startTimeUnixNano"), "start_time_unix_nano");
    }
}
