//! Message bodies: JSON text whose structure stays while its content goes.
//!
//! Who spoke, in what kind of parts, which tools were called, how it finished and how long each text was: that is often
//! all that an analysis needs. [`structure`] keeps it and masks the rest.
//!
//! It goes by names that message formats have, and by nothing else: a member that it does not know is masked whole, name
//! and all, and a role, a type or a tool's name stays only if it looks like one. So a format that it has never seen loses
//! structure, and no text but words of a format under its own names.
//!
//! The text is walked by [`Tokens`], which checks it without building anything, and only what is masked is written anew.
//! A parser that works in place (simd-json) was the alternative; it would need a copy of the text to destroy and a tree
//! to walk, to save time in a mode that is off by default.

use std::borrow::Cow;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::escape::Unescaped;
use super::json_text::{Token, Tokens};
use super::member::{Kept, Member, is_price, member};
use super::placeholder;

/// What the walk knows of an open container.
#[derive(Clone, Copy)]
struct Frame {
    /// It is a tool's: its call, its answer, its definition. What is in it further down need not be.
    is_tool: bool,
    /// What it is itself.
    own: Member,
    /// What the values in it are; for objects, of the last name.
    values: Member,
}

type Tokenized = Vec<(Token, usize, Range<usize>)>;

/// The text with its structure and without its content; none if it is not JSON, and is to be masked whole.
pub(crate) fn structure(text: &str, label: &str, kept: Kept) -> Option<String> {
    let tokens: Tokenized = Tokens::new(text).collect::<Result<_, _>>().ok()?;
    let tools = objects_of_tools(text, &tokens);
    let mut out = Masked { text, label, out: String::with_capacity(text.len() / 4), copied: 0 };
    let mut open: Vec<Frame> =
        vec![Frame { is_tool: false, own: Member::Container, values: Member::Container }];
    let mut names = MaskedNames::default();
    let mut place = 0;
    while let Some((token, depth, range)) = tokens.get(place) {
        let frame = open.last().copied()?;
        let inside = text.get(range.clone())?;
        place += 1;
        match token {
            Token::ObjectStart | Token::ArrayStart if frame.values.is_container() => {
                let is_tool =
                    frame.values == Member::ToolContainer || tools.binary_search(&(place - 1)).is_ok();
                open.push(Frame { is_tool, own: frame.values, values: frame.values });
            }
            // Words may come in a list; what is in an object there is no word.
            Token::ArrayStart if frame.values.is_of_words() => open.push(frame),
            Token::ObjectStart | Token::ArrayStart => {
                let end = matching_end(&tokens, place, *depth)?;
                let whole = range.start..tokens.get(end)?.2.end;
                out.mask(&whole, whole.len());
                place = end + 1;
            }
            Token::ObjectEnd | Token::ArrayEnd => {
                open.pop();
            }
            Token::Name => {
                let name = unquoted(inside)?;
                let known = member(&name, frame.own, kept);
                if known.is_none() && !placeholder::is_placeholder(&name) {
                    out.mask(range, names.next(label, || names_of(text, &tokens)));
                }
                open.last_mut()?.values = known.unwrap_or(Member::Content);
            }
            Token::String => {
                let value = unquoted(inside)?;
                if !stays(frame.values, frame.is_tool, &value) {
                    out.mask(range, value.chars().count());
                }
            }
            Token::Number if inside.parse().is_ok_and(|number| frame.values.has_room_for(number)) => {}
            Token::Number if inside.parse().is_ok_and(|number| frame.values.has_room_for_decimal(number)) => {
            }
            Token::Literal if inside == "null" => {}
            Token::Number | Token::Literal => out.mask(range, inside.len()),
        }
    }
    Some(out.finish())
}

/// The numbers of names that are masked. Names that an earlier redaction put in are not given out again.
#[derive(Default)]
pub(crate) struct MaskedNames<'t> {
    taken: Option<HashSet<Cow<'t, str>, RandomState>>,
    last: usize,
}

impl<'t> MaskedNames<'t> {
    /// The length that the next placeholder tells, beside these names, which are the same each time.
    pub(crate) fn next<I: Iterator<Item = Cow<'t, str>>>(
        &mut self,
        label: &str,
        names: impl FnOnce() -> I,
    ) -> usize {
        let taken = self
            .taken
            .get_or_insert_with(|| names().filter(|name| placeholder::is_placeholder(name)).collect());
        loop {
            self.last += 1;
            let mut mask = String::new();
            placeholder::push_mask_of_length(&mut mask, label, self.last);
            if !taken.contains(mask.as_str()) {
                return self.last;
            }
        }
    }
}

fn names_of<'t>(text: &'t str, tokens: &Tokenized) -> impl Iterator<Item = Cow<'t, str>> {
    let names = tokens.iter().filter(|(token, ..)| *token == Token::Name);
    names.filter_map(|(.., range)| unquoted(text.get(range.clone())?))
}

/// The text as it is written anew, masks put in as it goes.
struct Masked<'t> {
    text: &'t str,
    label: &'t str,
    out: String,
    copied: usize,
}

impl Masked<'_> {
    /// Puts a placeholder in the place of a range; ranges come in order.
    fn mask(&mut self, range: &Range<usize>, length: usize) {
        self.out.push_str(self.text.get(self.copied..range.start).unwrap_or(""));
        self.out.push('"');
        placeholder::push_mask_of_length(&mut self.out, self.label, length);
        self.out.push('"');
        self.copied = range.end;
    }

    fn finish(mut self) -> String {
        self.out.push_str(self.text.get(self.copied..).unwrap_or(""));
        self.out
    }
}

/// Whether a text stays: as a word, or as the name of a tool. So does what is a placeholder already.
pub(crate) fn stays(member: Member, is_tool: bool, value: &str) -> bool {
    let is_structure = match member {
        Member::Word | Member::Reason | Member::Kind => is_word(value),
        Member::Price => is_price(value),
        Member::Tool => is_tool_name(value),
        Member::Name => is_tool && is_tool_name(value),
        _ => false,
    };
    is_structure || placeholder::is_placeholder(value)
}

/// The objects, by the place of their first token, whose own `type` is that of a tool's call, answer or definition.
fn objects_of_tools(text: &str, tokens: &Tokenized) -> Vec<usize> {
    let mut open: Vec<usize> = Vec::new();
    let mut tools = Vec::new();
    let mut is_type = false;
    for (place, (token, _, range)) in tokens.iter().enumerate() {
        let inside = || text.get(range.clone()).and_then(unquoted);
        match token {
            Token::ObjectStart | Token::ArrayStart => open.push(place),
            Token::ObjectEnd | Token::ArrayEnd => {
                open.pop();
            }
            Token::String if is_type && inside().is_some_and(|kind| is_of_tool(&kind)) => {
                tools.extend(open.last());
            }
            _ => {}
        }
        is_type = *token == Token::Name && inside().is_some_and(|name| is_type_name(&name));
    }
    tools.sort_unstable();
    tools
}

/// Whether a member of this name says what kind of part an object is.
pub(crate) fn is_type_name(name: &str) -> bool {
    matches!(name, "type" | "part_kind" | "kind")
}

/// Whether a part of this type is a tool's.
pub(crate) fn is_of_tool(kind: &str) -> bool {
    kind.contains("tool") || kind.contains("function")
}

/// Where the container that was opened right before `place` ends; `depth` is that of its beginning.
fn matching_end(tokens: &Tokenized, place: usize, depth: usize) -> Option<usize> {
    let rest = tokens.get(place..)?;
    let ends = |(token, at, _): &(Token, usize, Range<usize>)| {
        *at == depth && matches!(token, Token::ObjectEnd | Token::ArrayEnd)
    };
    rest.iter().position(ends).map(|end| place + end)
}

fn unquoted(quoted: &str) -> Option<Cow<'_, str>> {
    let inside = quoted.get(1..quoted.len().checked_sub(1)?)?;
    let has_escapes = memchr::memchr(b'\\', inside.as_bytes()).is_some();
    Some(if has_escapes { Cow::Owned(Unescaped::new(inside).into_text()) } else { Cow::Borrowed(inside) })
}

/// Whether it looks like a word of a format's vocabulary: `assistant`, `tool_call`, `image/png`, `MAX_TOKENS`.
fn is_word(text: &str) -> bool {
    const LONGEST: usize = 32;
    const MOST_DIGITS: usize = 3;
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+');
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(is_plain)
        && text.bytes().filter(u8::is_ascii_digit).count() <= MOST_DIGITS
}

/// Whether it looks like the name of a function: letters, digits, `_`, `-`, `.`, `/` and `:`, 64 at most.
fn is_tool_name(text: &str) -> bool {
    const LONGEST: usize = 64;
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':');
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structured(text: &str) -> Option<String> {
        let once = structure(text, "content", Kept::Structure)?;
        assert_eq!(structure(&once, "content", Kept::Structure).as_ref(), Some(&once), "twice is once");
        assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok(), "{once}");
        Some(once)
    }

    #[test]
    fn structure_stays_and_content_goes() {
        for (text, expected) in [
            (
                r#"[{"role":"user","parts":[{"type":"text","content":"soup é"}]}]"#,
                r#"[{"role":"user","parts":[{"type":"text","content":"[REDACTED:content:6]"}]}]"#,
            ),
            (
                r#"{"messages":[{"role":"user","name":"Mira","content":"hi"}]}"#,
                r#"{"messages":[{"role":"user","name":"[REDACTED:content:4]","content":"[REDACTED:content:2]"}]}"#,
            ),
            (
                r#"[{"role":"assistant","parts":[{"name":"tide","type":"tool_call","id":"c1","arguments":{"p":"x"}}]}]"#,
                concat!(
                    r#"[{"role":"assistant","parts":[{"name":"tide","type":"tool_call","id":"[REDACTED:content:2]","#,
                    r#""arguments":"[REDACTED:content:9]"}]}]"#
                ),
            ),
            (
                r#"{"completion":null,"toolCalls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}],"rawRequest":{"x":1}}"#,
                concat!(
                    r#"{"completion":null,"toolCalls":[{"function":{"name":"f","arguments":"[REDACTED:content:7]"}}],"#,
                    r#""rawRequest":"[REDACTED:content:7]"}"#
                ),
            ),
            (
                r#"[{"type":"function","name":"f","parameters":{"properties":{"secret":{}}}}]"#,
                r#"[{"type":"function","name":"f","parameters":"[REDACTED:content:28]"}]"#,
            ),
            (
                r#"{"finish_reasons":["stop",{"a":1}],"index":0}"#,
                r#"{"finish_reasons":["stop","[REDACTED:content:7]"],"index":0}"#,
            ),
            (
                r#"{"role":"a secret in a role","secret":true}"#,
                r#"{"role":"[REDACTED:content:18]","[REDACTED:content:1]":"[REDACTED:content:4]"}"#,
            ),
            (
                r#"["one",2,{"three":[]}]"#,
                r#"["[REDACTED:content:3]","[REDACTED:content:1]",{"[REDACTED:content:1]":"[REDACTED:content:2]"}]"#,
            ),
            (r#""bare""#, r#""[REDACTED:content:4]""#),
            (r#"{"co\u006etent":"x"}"#, r#"{"co\u006etent":"[REDACTED:content:1]"}"#),
            // What a tool is does not depend on how it is written.
            (
                r#"[{"type":"\tool","name":"Mira"}]"#,
                r#"[{"type":"[REDACTED:content:4]","name":"[REDACTED:content:4]"}]"#,
            ),
            (r#"{"type":"t\u006fol","name":"f"}"#, r#"{"type":"t\u006fol","name":"f"}"#),
            (r#"{"name":"f","\u0074ype":"tool"}"#, r#"{"name":"f","\u0074ype":"tool"}"#),
        ] {
            assert_eq!(structured(text).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_json_has_no_structure() {
        for text in ["", "prose", r#"{"messages":[{"role":"user""#, "{} {}", "{'a':1}"] {
            assert_eq!(structured(text), None, "{text}");
        }
    }

    #[test]
    fn a_tool_that_is_no_part_of_this_object_lends_it_no_name() {
        let text =
            r#"{"role":"user","name":"Mira","content":[{"type":"tool_result","content":[{"name":"Mira"}]}]}"#;
        let structured = structured(text).unwrap();
        assert!(!structured.contains("Mira"), "{structured}");
    }
}
