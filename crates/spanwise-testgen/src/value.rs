//! `KeyValue` and `AnyValue`.

use crate::writer::{CONTENT_KEYS, Canaries, Field, Write, Writer};

/// Deeper values are scalars.
const DEEPEST: usize = 5;

impl Writer {
    /// A list of `KeyValue`, or an object in its place.
    pub(crate) fn attributes(&mut self) {
        if self.liberty() {
            if self.entropy.chance(128) {
                self.map(Self::plain_or_any_value);
            } else {
                self.any_json();
            }
            return;
        }
        self.list(4, |writer| {
            if writer.liberty() {
                return writer.any_json();
            }
            if writer.is_content() { writer.content() } else { writer.key_value() }
        });
    }

    /// Whether the attribute that begins here is one of content.
    fn is_content(&mut self) -> bool {
        self.dialect.canaries == Canaries::Content && !self.is_hidden && self.entropy.chance(128)
    }

    /// An attribute of content. It has a key in any case: without one, nobody could tell.
    fn content(&mut self) {
        let mut members = vec![true, false];
        if self.noise() {
            members.push(self.entropy.chance(128));
        }
        self.entropy.shuffle(&mut members);
        self.made.text.push(b'{');
        self.white();
        for (index, is_key) in members.into_iter().enumerate() {
            self.comma(index);
            if is_key {
                self.word("key");
                self.colon();
                self.content_key();
            } else {
                self.word("value");
                self.colon();
                self.hidden(Self::any_value);
            }
        }
        self.white();
        self.made.text.push(b'}');
    }

    fn content_key(&mut self) {
        let key = self.entropy.pick(&CONTENT_KEYS);
        let start = self.made.text.len();
        if self.made.liberties || self.dialect.liberties > 0 {
            self.word(key);
        } else {
            // No two of a list may be the same.
            self.count += 1;
            let key = format!("{key}.{}", self.count);
            self.word(&key);
        }
        self.made.strings.push(start..self.made.text.len());
    }

    fn key_value(&mut self) {
        const FIELDS: &[Field] =
            &[("key", Writer::key as Write, true), ("value", Writer::any_value as Write, false)];
        const INDEXED: &[Field] = &[
            ("key", Writer::key as Write, true),
            ("value", Writer::any_value as Write, false),
            ("keyStrindex", Writer::string_index as Write, false),
        ];
        let fields = if self.entropy.chance(8) { INDEXED } else { FIELDS };
        self.message(fields);
    }

    fn string_index(&mut self) {
        if self.liberty() { self.any_json() } else { self.raw("3") }
    }

    /// A key unlike those before it, unless a liberty is taken.
    fn key(&mut self) {
        if self.liberty() {
            match self.entropy.below(4) {
                0 => self.word(""),
                1 => self.any_json(),
                _ => {
                    let start = self.made.text.len();
                    let key = if self.dialect.canaries == Canaries::Content { "amm" } else { "QZX" };
                    self.word(key);
                    self.made.strings.push(start..self.made.text.len());
                }
            }
            return;
        }
        self.text();
        // Before the closing quote: the number that makes it differ.
        self.made.text.pop();
        self.count += 1;
        let number = self.count;
        self.raw(&format!("{number}\""));
        if let Some(token) = self.made.strings.last_mut() {
            token.end = self.made.text.len();
        }
    }

    pub(crate) fn any_value(&mut self) {
        const STRING: Field = ("stringValue", Writer::string, true);
        const MEMBERS: &[Field] = &[
            ("intValue", Writer::int64, true),
            ("doubleValue", Writer::double, true),
            ("boolValue", Writer::boolean, true),
            ("bytesValue", Writer::bytes, true),
            ("arrayValue", Writer::array, true),
            ("kvlistValue", Writer::kvlist, true),
        ];
        if self.liberty() {
            return self.plain_value();
        }
        self.depth += 1;
        let scalars = if self.depth > DEEPEST { 4 } else { MEMBERS.len() };
        let second = self.liberty();
        let index = self.entropy.below(scalars);
        match self.entropy.below(8) {
            0..=2 => self.message(&[STRING]),
            3 => self.raw("{}"),
            4 if self.noise() => self.message(&[("stringValueStrindex", Writer::string_index, true)]),
            _ if second => self.message(&[STRING, MEMBERS[index]]),
            _ => self.message(&[MEMBERS[index]]),
        }
        self.depth -= 1;
    }

    /// A string field.
    pub(crate) fn string(&mut self) {
        if self.liberty() { self.any_json() } else { self.text() }
    }

    fn array(&mut self) {
        if self.liberty() {
            return self.any_json();
        }
        self.message(&[("values", Writer::elements, false)]);
    }

    fn elements(&mut self) {
        if self.liberty() {
            return self.any_json();
        }
        self.list(3, Self::any_value);
    }

    fn kvlist(&mut self) {
        if self.liberty() {
            return self.any_json();
        }
        self.message(&[("values", Writer::attributes, false)]);
    }

    /// A JSON value in place of an `AnyValue`.
    fn plain_value(&mut self) {
        self.depth += 1;
        match self.entropy.below(if self.depth > DEEPEST { 1 } else { 3 }) {
            0 => self.any_json(),
            1 => self.list(3, Self::plain_value),
            _ => self.map(Self::plain_or_any_value),
        }
        self.depth -= 1;
    }

    fn plain_or_any_value(&mut self) {
        if self.entropy.chance(100) { self.any_value() } else { self.plain_value() }
    }

    fn map(&mut self, value: Write) {
        self.depth += 1;
        let outer = std::mem::replace(&mut self.in_map, true);
        let length = self.entropy.below(4);
        self.made.text.push(b'{');
        for index in 0..length {
            self.comma(index);
            if self.is_content() {
                self.content_key();
                self.colon();
                self.hidden(value);
                continue;
            }
            self.key_of_map();
            self.colon();
            value(self);
        }
        self.made.text.push(b'}');
        self.in_map = outer;
        self.depth -= 1;
    }

    fn key_of_map(&mut self) {
        if self.entropy.chance(30) { self.word("") } else { self.text() }
    }
}
