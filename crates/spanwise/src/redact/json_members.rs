//! Members that a rule names, in JSON that is a text: what stands in the place of their values.
//!
//! They are looked for however deep they are, in JSON in strings too, and in pairs, `{"key": …, "value": …}`, as which attributes
//! are written: all members of an object are what its `key` says, but that itself. Only the values are written anew.

use std::ops::Range;

use super::escape::{Unescaped, quoted};
use super::json_text::{self, Fault, Token, Tokens};
use super::placeholder;
use super::text::{DEEPEST, apply};

/// Characters of a name that is looked for in text that is no JSON.
const LONGEST_NAME: usize = 256;

/// What becomes of some members of a JSON text.
pub(crate) trait Members {
    /// Whether the members of this name are meant.
    fn has(&self, name: &str) -> bool;

    /// What stands in the place of such a value, which is a string, a number, true or false, or of a whole list or object; `None`
    /// where it may stay.
    fn replacement(&self, value: Option<&str>) -> Option<String>;

    /// What stands in the place of a text in which members cannot be found for this reason; `None` where it may stay.
    fn replacement_of_unread(&self, text: &str, fault: Fault) -> Option<String>;
}

/// The JSON text with other values of the members that are meant.
pub(crate) fn change(text: &str, members: &dyn Members) -> Result<String, Fault> {
    changed(text, members, 0)
}

/// Whether a text that is no JSON has a member that is meant all the same: its name in quotes, with a colon behind, or as the key of a
/// pair. So it is in JSON that was cut off, that has `NaN` or a byte order mark, and in what other languages write. Quotes, names and the
/// white space between may be written as escapes, those in strings of strings as escapes of escapes.
pub(crate) fn are_named_in(text: &str, members: &dyn Members) -> bool {
    let mut unescaped = None::<String>;
    for _ in 0..=DEEPEST {
        let text = unescaped.as_deref().unwrap_or(text);
        if are_named_as_written(text, members) {
            return true;
        }
        let inner = Some(text).filter(|text| has_escapes(text)).map(Unescaped::new);
        match inner.map(Unescaped::into_text).filter(|inner| inner != text) {
            Some(inner) => unescaped = Some(inner),
            None => return false,
        }
    }
    true
}

/// Whether there are escapes but of quotes and of backslashes.
fn has_escapes(text: &str) -> bool {
    text.as_bytes()
        .array_windows()
        .any(|[before, byte]| *before == b'\\' && !matches!(byte, b'"' | b'\'' | b'\\'))
}

fn are_named_as_written(text: &str, members: &dyn Members) -> bool {
    let is_quote = |character: char| matches!(character, '"' | '\'');
    text.match_indices(':').any(|(colon, _)| {
        let before = text.get(..colon).unwrap_or_default().trim_end();
        let Some(name) = before.strip_suffix(is_quote) else { return false };
        let name = name.trim_end_matches('\\');
        let mut begin = name.char_indices().rev().take(LONGEST_NAME + 1);
        let quote = begin.find(|(_, character)| is_quote(*character));
        let Some(name) = quote.and_then(|(quote, _)| name.get(quote + 1..)) else { return false };
        if members.has(name) {
            return true;
        }
        let value = text.get(colon + 1..).unwrap_or_default().trim_start().trim_start_matches('\\');
        let value = value.strip_prefix(is_quote).filter(|_| name == "key").unwrap_or_default();
        let end = value.char_indices().take(LONGEST_NAME + 1).find(|(_, character)| is_quote(*character));
        let key = end.and_then(|(end, _)| value.get(..end));
        key.is_some_and(|key| members.has(key.trim_end_matches('\\')))
    })
}

/// An object or a list that is open, as far as it is a pair.
#[derive(Default)]
struct Container {
    /// What the next value is.
    next: Half,
    /// A key that is meant was met.
    is_meant: bool,
    /// Where the list or object began that is one of its values and is open.
    value_from: Option<usize>,
    /// Its values but that of its key: there should be one.
    values: Vec<(Token, Range<usize>)>,
}

/// A part of a pair.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Half {
    Key,
    Value,
    #[default]
    Neither,
}

/// JSON that is being read.
struct Reading<'t, 'm> {
    text: &'t str,
    members: &'m dyn Members,
    depth_of_text: usize,
    containers: Vec<Container>,
    /// In order, and apart.
    edits: Vec<(Range<usize>, String)>,
}

impl Reading<'_, '_> {
    /// What stands between the quotes of a token.
    fn unescaped(&self, range: &Range<usize>) -> Unescaped {
        Unescaped::new(self.text.get(range.start + 1..range.end.saturating_sub(1)).unwrap_or_default())
    }

    /// What stands in the place of a value that is meant.
    fn replacement(&self, token: Token, range: &Range<usize>) -> Option<String> {
        let value = self.text.get(range.clone()).unwrap_or_default();
        match token {
            Token::Literal if value == "null" => None,
            Token::Number | Token::Literal => self.members.replacement(Some(value)),
            Token::String => self.members.replacement(Some(self.unescaped(range).text())),
            _ => self.members.replacement(None),
        }
    }

    /// What stands in the place of a string that is not meant itself.
    fn replacement_within(&self, range: &Range<usize>) -> Option<String> {
        let inner = self.unescaped(range);
        let inner = inner.text();
        let changed = if !json_text::looks_like_json(inner) {
            Err(Fault::NotJson)
        } else if self.depth_of_text < DEEPEST {
            changed(inner, self.members, self.depth_of_text + 1)
        } else {
            Err(Fault::TooDeep)
        };
        match changed {
            Ok(changed) => Some(changed).filter(|changed| changed != inner),
            Err(_) if placeholder::is_placeholder(inner) => None,
            Err(fault) => self.members.replacement_of_unread(inner, fault),
        }
    }

    fn edit(&mut self, range: Range<usize>, replacement: Option<String>) {
        self.edits.extend(replacement.map(|text| (range, quoted(&text))));
    }

    /// Notes a value of the pair that is open.
    fn note(&mut self, half: Half, token: Token, range: &Range<usize>) {
        let is_key = half == Half::Key && token == Token::String;
        let is_meant = is_key && self.members.has(self.unescaped(range).text());
        let Some(around) = self.containers.last_mut() else { return };
        around.is_meant |= is_meant;
        match (half, token) {
            (Half::Value, Token::ObjectStart | Token::ArrayStart) => around.value_from = Some(range.start),
            (Half::Value, _) => around.values.push((token, range.clone())),
            _ => {}
        }
    }

    /// A list or an object ends here, which may be the value of the pair that it is in.
    fn end(&mut self, token: Token, end: usize) {
        if let Some(around) = self.containers.last_mut()
            && let Some(start) = around.value_from.take()
        {
            around.values.push((token, start..end));
        }
    }

    /// The pair that ended has a key that is meant: its values go, whatever was changed within.
    fn change_pair(&mut self, pair: Container) {
        let Some((_, first)) = pair.values.first() else { return };
        let from = self.edits.partition_point(|(other, _)| other.end <= first.start);
        let mut later = self.edits.split_off(from).into_iter().peekable();
        for (token, range) in pair.values {
            let Some(replacement) = self.replacement(token, &range) else { continue };
            self.edits.extend(std::iter::from_fn(|| later.next_if(|(other, _)| other.end <= range.start)));
            while later.next_if(|(other, _)| other.start < range.end).is_some() {}
            self.edits.push((range, quoted(&replacement)));
        }
        self.edits.extend(later);
    }
}

fn changed(text: &str, members: &dyn Members, depth_of_text: usize) -> Result<String, Fault> {
    let mut reading = Reading { text, members, depth_of_text, containers: Vec::new(), edits: Vec::new() };
    let mut is_meant = false;
    // Where the container that goes began, and how deep.
    let mut open = None;
    for token in Tokens::new(text) {
        let (token, depth, range) = token?;
        let is_end = matches!(token, Token::ObjectEnd | Token::ArrayEnd);
        if let Some((start, outer)) = open {
            if depth == outer && is_end {
                reading.edit(start..range.end, members.replacement(None));
                reading.end(token, range.end);
                open = None;
            }
            continue;
        }
        let was_meant = std::mem::take(&mut is_meant);
        let half = reading.containers.last_mut().map(|around| std::mem::take(&mut around.next));
        let half = half.unwrap_or_default();
        match token {
            Token::Name => {
                let name = reading.unescaped(&range);
                let half = match name.text() {
                    "key" => Half::Key,
                    _ => Half::Value,
                };
                is_meant = members.has(name.text());
                if let Some(around) = reading.containers.last_mut() {
                    around.next = half;
                }
            }
            Token::ObjectEnd | Token::ArrayEnd => {
                if let Some(ended) = reading.containers.pop().filter(|ended| ended.is_meant) {
                    reading.change_pair(ended);
                }
                reading.end(token, range.end);
            }
            Token::ObjectStart | Token::ArrayStart => {
                reading.note(half, token, &range);
                if was_meant {
                    open = Some((range.start, depth));
                } else {
                    reading.containers.push(Container::default());
                }
            }
            Token::String | Token::Number | Token::Literal => {
                reading.note(half, token, &range);
                let replacement = match token {
                    _ if was_meant => reading.replacement(token, &range),
                    Token::String => reading.replacement_within(&range),
                    _ => None,
                };
                reading.edit(range, replacement);
            }
        }
    }
    Ok(apply(text, &reading.edits))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Members of these names, masked.
    struct Masked(&'static [&'static str]);

    impl Members for Masked {
        fn has(&self, name: &str) -> bool {
            self.0.contains(&name)
        }

        fn replacement(&self, value: Option<&str>) -> Option<String> {
            (value != Some("stays")).then(|| "[REDACTED:x]".to_owned())
        }

        fn replacement_of_unread(&self, text: &str, _: Fault) -> Option<String> {
            (text != "[stays" && json_text::looks_like_json(text)).then(|| "[REDACTED:x]".to_owned())
        }
    }

    #[test]
    fn members_are_masked_and_the_others_stay() {
        for (text, expected) in [
            (
                r#"{"t":1,"tools":[{"a":[{}]}],"b":{"user":1,"c":[{"tools":"s"},"s"]}}"#,
                Some(
                    r#"{"t":1,"tools":"[REDACTED:x]","b":{"user":"[REDACTED:x]","c":[{"tools":"[REDACTED:x]"},"s"]}}"#,
                ),
            ),
            (
                r#"{"c":"[{\"d\":\"{\\\"user\\\":[1]}\",\"e\":1}]","d":"{tools"}"#,
                Some(
                    r#"{"c":"[{\"d\":\"{\\\"user\\\":\\\"[REDACTED:x]\\\"}\",\"e\":1}]","d":"[REDACTED:x]"}"#,
                ),
            ),
            (r#"[{"user":1}]"#, Some(r#"[{"user":"[REDACTED:x]"}]"#)),
            (r#""user""#, Some(r#""user""#)),
            (r#"{"us\u0065r":"joe","tools":null}"#, Some(r#"{"us\u0065r":"[REDACTED:x]","tools":null}"#)),
            ("{}", Some("{}")),
            (r#"{"a":[1,"tools",true,{"user":null}]}"#, Some(r#"{"a":[1,"tools",true,{"user":null}]}"#)),
            (r#"["tools"]"#, Some(r#"["tools"]"#)),
            (r#"{"tools":"stays","a":"[stays"}"#, Some(r#"{"tools":"stays","a":"[stays"}"#)),
            (r#"{"tools":"#, None),
            ("tools", None),
        ] {
            assert_eq!(change(text, &Masked(&["tools", "user"])).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn members_in_text_in_text_go_as_deep_as_it_is_looked_into_and_deeper_all_goes() {
        for depth in 0..DEEPEST + 3 {
            let mut text = r#"{"user":"joe"}"#.to_owned();
            for _ in 0..depth {
                text = serde_json::to_string(&[("a", text)].into_iter().collect::<HashMap<_, _>>()).unwrap();
            }
            let masked = change(&text, &Masked(&["user"])).unwrap();
            assert!(!masked.contains("joe") && masked.contains("[REDACTED:x]"), "{depth} {masked}");
            assert_eq!(masked.contains("user"), depth <= DEEPEST, "{depth}");
            assert_eq!(change(&masked, &Masked(&["user"])).unwrap(), masked);
        }
    }
}
