//! JSON text in the layouts that OTLP writers use.
//!
//! A request is built as a tree and then written, so that one content can be laid out in several ways: the same
//! members compact, with spaces, indented, shuffled, or with everything beyond ASCII as `\uXXXX`.

use crate::random::Random;
use std::borrow::Cow;

/// Text that is either a constant or made for one span.
pub(crate) type Text = Cow<'static, str>;

/// A JSON value. Member names are always the schema's, hence constants.
#[derive(Debug, Clone)]
pub(crate) enum Json {
    Text(Text),
    /// A number or a word, written as it stands.
    Bare(Text),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

/// Where a writer puts blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spacing {
    /// None at all.
    Compact,
    /// After each colon and comma, as Python's `json.dumps` does.
    Spaced,
    /// Each member on its own line, indented by two.
    Indented,
}

/// Which characters a writer escapes beyond those that JSON demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// None: UTF-8 as it is.
    Utf8,
    /// All beyond ASCII, as Python's `json.dumps` does.
    Ascii,
    /// `<`, `>` and `&`, as Go's `encoding/json` does.
    Html,
}

/// How a writer lays out JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) spacing: Spacing,
    pub(crate) escapes: Escapes,
}

impl Layout {
    pub(crate) const COMPACT: Layout = Layout { spacing: Spacing::Compact, escapes: Escapes::Utf8 };

    /// How many bytes this layout makes of `bytes` compact ones, roughly.
    pub(crate) fn expand(self, bytes: usize) -> usize {
        match self.spacing {
            Spacing::Compact => bytes,
            Spacing::Spaced => bytes + bytes / 20,
            Spacing::Indented => bytes * 12 / 5,
        }
    }

    pub(crate) fn break_line(self, depth: usize, out: &mut Vec<u8>) {
        if self.spacing == Spacing::Indented {
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', 2 * depth));
        }
    }

    pub(crate) fn comma(self, depth: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.spacing == Spacing::Spaced { b", " } else { b"," });
        self.break_line(depth, out);
    }

    pub(crate) fn name(self, name: &str, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(if self.spacing == Spacing::Compact { b"\":" } else { b"\": " });
    }
}

impl Json {
    pub(crate) fn text(text: impl Into<Text>) -> Json {
        Json::Text(text.into())
    }

    /// A number, as `Display` writes it: the shortest text that reads back as the same number.
    pub(crate) fn number<T: ToString + Copy>(number: T) -> Json {
        Json::Bare(number.to_string().into())
    }

    /// Writes the value, whose own line is indented by `depth` levels.
    pub(crate) fn write(&self, layout: Layout, depth: usize, out: &mut Vec<u8>) {
        match self {
            Json::Text(text) => write_text(text, layout.escapes, out),
            Json::Bare(word) => out.extend_from_slice(word.as_bytes()),
            Json::List(items) if items.is_empty() => out.extend_from_slice(b"[]"),
            Json::Object(members) if members.is_empty() => out.extend_from_slice(b"{}"),
            Json::List(items) => {
                out.push(b'[');
                for (row, item) in items.iter().enumerate() {
                    if row > 0 {
                        layout.comma(depth + 1, out);
                    } else {
                        layout.break_line(depth + 1, out);
                    }
                    item.write(layout, depth + 1, out);
                }
                layout.break_line(depth, out);
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (row, (name, value)) in members.iter().enumerate() {
                    if row > 0 {
                        layout.comma(depth + 1, out);
                    } else {
                        layout.break_line(depth + 1, out);
                    }
                    layout.name(name, out);
                    value.write(layout, depth + 1, out);
                }
                layout.break_line(depth, out);
                out.push(b'}');
            }
        }
    }

    /// The value as compact text, to be put into a string.
    pub(crate) fn into_text(self) -> Text {
        let mut out = Vec::new();
        self.write(Layout::COMPACT, 0, &mut out);
        Cow::Owned(String::from_utf8(out).unwrap_or_default())
    }

    /// The length of the compact text, but for escapes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Json::Text(text) => text.len() + 2,
            Json::Bare(word) => word.len(),
            Json::List(items) => 2 + items.iter().map(|item| item.size() + 1).sum::<usize>(),
            Json::Object(members) => {
                2 + members.iter().map(|(name, value)| name.len() + 4 + value.size()).sum::<usize>()
            }
        }
    }

    /// Puts the members of every object into random order. Lists keep theirs.
    pub(crate) fn shuffle(&mut self, random: &mut Random) {
        match self {
            Json::Text(_) | Json::Bare(_) => {}
            Json::List(items) => items.iter_mut().for_each(|item| item.shuffle(random)),
            Json::Object(members) => {
                random.shuffle(members);
                for (_, value) in members {
                    value.shuffle(random);
                }
            }
        }
    }
}

fn write_text(text: &str, escapes: Escapes, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '<' | '>' | '&' if escapes == Escapes::Html => write_unit(c as u32, out),
            ..'\u{20}' => write_unit(c as u32, out),
            ..'\u{80}' => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            _ if escapes == Escapes::Ascii => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write_unit(u32::from(*unit), out);
                }
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

fn write_unit(unit: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(b"0123456789abcdef"[(unit >> shift & 0xf) as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Json, spacing: Spacing, escapes: Escapes) -> String {
        let mut out = Vec::new();
        value.write(Layout { spacing, escapes }, 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn layouts() {
        let value = Json::Object(vec![
            ("a", Json::List(vec![Json::number(1), Json::text("x")])),
            ("b", Json::Object(vec![])),
        ]);
        for (spacing, want) in [
            (Spacing::Compact, r#"{"a":[1,"x"],"b":{}}"#),
            (Spacing::Spaced, r#"{"a": [1, "x"], "b": {}}"#),
            (Spacing::Indented, "{\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"b\": {}\n}"),
        ] {
            assert_eq!(written(&value, spacing, Escapes::Utf8), want);
        }
        assert_eq!(value.size(), 22); // an upper bound: it counts a comma after each item
    }

    #[test]
    fn escapes() {
        let value = Json::text("a\"\\\n\u{1}<é灯🧭");
        for (escapes, want) in [
            (Escapes::Utf8, "\"a\\\"\\\\\\n\\u0001<é灯🧭\""),
            (Escapes::Html, "\"a\\\"\\\\\\n\\u0001\\u003cé灯🧭\""),
            (Escapes::Ascii, "\"a\\\"\\\\\\n\\u0001<\\u00e9\\u706f\\ud83e\\udded\""),
        ] {
            assert_eq!(written(&value, Spacing::Compact, escapes), want);
        }
    }
}
