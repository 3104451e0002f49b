//! Takes what detectors find out of a text, and leaves the rest of it as it was.
//!
//! A text that is JSON stays JSON: a find inside a string is replaced inside that string (and the string, if it is JSON
//! again, is treated the same), a number becomes a string. Only the tokens that hold a find are written anew. Any other
//! text is cut and joined; placeholders need no escaping, so JSON within prose survives too.

use std::collections::HashSet;
use std::ops::Range;

use super::detector::{DetectorIndex, DetectorSet, Hit, Look};
use super::escape::{Unescaped, quoted};
use super::json_text::{self, Token, Tokens};
use super::placeholder::Apart;

/// JSON in strings is taken apart this deep; deeper down, text is cut and joined.
pub(super) const DEEPEST: usize = 16;

/// Says what to put in the place of a find. Called once per find that is replaced, with the text found.
pub(crate) trait Replace {
    /// Writes the replacement behind `out`.
    fn replace(&mut self, detector: DetectorIndex, found: &str, out: &mut String);
}

impl<F: FnMut(DetectorIndex, &str, &mut String)> Replace for F {
    fn replace(&mut self, detector: DetectorIndex, found: &str, out: &mut String) {
        self(detector, found, out);
    }
}

/// The text without what `detectors` find in it, or nothing where they find nothing.
pub(crate) fn redact_text(
    detectors: &DetectorSet,
    look: Look,
    text: &str,
    replace: &mut impl Replace,
) -> Option<String> {
    redact(detectors, look, text, Vec::new(), 0, replace)
}

/// `hits` are finds in this text that were made in the text around it.
fn redact(
    detectors: &DetectorSet,
    look: Look,
    text: &str,
    mut hits: Vec<Hit>,
    depth: usize,
    replace: &mut impl Replace,
) -> Option<String> {
    detectors.find_selected(text, look, &mut hits);
    if depth > 0 {
        DetectorSet::merge(text, &mut hits);
    }
    let first = hits.first()?;
    let is_whole = first.start == 0 && first.end == text.len();
    if depth < DEEPEST
        && !is_whole
        && json_text::looks_like_json(text)
        && let Some(edits) = edits_of_json(detectors, look, text, &hits, depth, replace)
    {
        return Some(apply(text, &edits));
    }
    let edits: Vec<_> = hits
        .iter()
        .map(|hit| {
            let mut replacement = String::new();
            replace.replace(hit.detector, text.get(hit.start..hit.end).unwrap_or(""), &mut replacement);
            (hit.start..hit.end, replacement)
        })
        .collect();
    Some(apply(text, &edits))
}

/// What to write in the place of which tokens; nothing if the text is not JSON.
fn edits_of_json(
    detectors: &DetectorSet,
    look: Look,
    text: &str,
    hits: &[Hit],
    depth_of_text: usize,
    replace: &mut impl Replace,
) -> Option<Vec<(Range<usize>, String)>> {
    // First all tokens, so that nothing is counted for a text that turns out to be no JSON.
    let tokens: Vec<_> = Tokens::new(text).collect::<Result<_, _>>().ok()?;
    let mut edits = Vec::new();
    let mut names = Names::of(text, &tokens);
    for (token, depth, range) in tokens {
        if token == Token::ObjectEnd {
            names.end(depth);
        }
        let touching = touching(hits, &range);
        let Some(first) = touching.first() else {
            continue;
        };
        match token {
            Token::Name | Token::String => {
                let inside = range.start + 1..range.end - 1;
                let unescaped = Unescaped::new(text.get(inside.clone())?);
                let mapped = touching
                    .iter()
                    .filter(|hit| hit.start < inside.end && hit.end > inside.start)
                    .map(|hit| {
                        let start = hit.start.max(inside.start) - inside.start;
                        let plain = unescaped.plain_range(start..hit.end.min(inside.end) - inside.start);
                        Hit { start: plain.start, end: plain.end, ..*hit }
                    })
                    .filter(|hit| hit.start < hit.end)
                    .collect();
                let inner = Look { is_query: false, ..look };
                let redacted = redact(detectors, inner, unescaped.text(), mapped, depth_of_text + 1, replace);
                if let Some(mut redacted) = redacted {
                    if token == Token::Name {
                        names.tell_apart(depth, &mut redacted);
                    }
                    edits.push((range, quoted(&redacted)));
                }
            }
            Token::Number | Token::Literal => {
                let mut replacement = String::from("\"");
                replace.replace(first.detector, text.get(range.clone())?, &mut replacement);
                replacement.push('"');
                edits.push((range, replacement));
            }
            Token::ObjectStart | Token::ObjectEnd | Token::ArrayStart | Token::ArrayEnd => {}
        }
    }
    Some(edits)
}

/// Names that were put in, of the objects that are open, so that no two of an object are the same.
struct Names {
    /// By depth, of the objects that have any.
    open: Vec<HashSet<String>>,
    /// Those that stand in the text and look as if something had been put in.
    taken: HashSet<String>,
    apart: Apart,
}

impl Names {
    fn of(text: &str, tokens: &[(Token, usize, Range<usize>)]) -> Self {
        let names = tokens.iter().filter(|(token, ..)| *token == Token::Name);
        let taken = names
            .filter_map(|(.., range)| text.get(range.start + 1..range.end - 1))
            .map(|name| Unescaped::new(name).text().to_owned())
            .filter(|name| name.contains("[REDACTED:") || name.contains("hmac:"))
            .collect();
        Self { open: Vec::new(), taken, apart: Apart::default() }
    }

    /// An object ends that was so many containers deep: those within it have ended before.
    fn end(&mut self, depth: usize) {
        self.open.truncate(depth + 1);
    }

    /// Makes the name of a member, so many containers deep, one that its object has not yet.
    fn tell_apart(&mut self, depth: usize, name: &mut String) {
        if self.open.len() <= depth {
            self.open.resize_with(depth + 1, HashSet::new);
        }
        let Some(names) = self.open.get_mut(depth) else { return };
        self.apart.tell(name, |name| !self.taken.contains(name) && names.insert(name.to_owned()));
    }
}

/// The hits, which are in order, that share a byte with `range`.
fn touching<'h>(hits: &'h [Hit], range: &Range<usize>) -> &'h [Hit] {
    let first = hits.partition_point(|hit| hit.end <= range.start);
    let last = hits.partition_point(|hit| hit.start < range.end);
    hits.get(first..last).unwrap_or(&[])
}

/// The text with its edits, which are in order and apart.
pub(crate) fn apply(text: &str, edits: &[(Range<usize>, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (range, replacement) in edits {
        out.push_str(text.get(copied..range.start).unwrap_or(""));
        out.push_str(replacement);
        copied = range.end;
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    out
}

#[cfg(test)]
mod tests {
    use super::super::placeholder;
    use super::*;

    fn redacted(text: &str) -> String {
        let detectors = DetectorSet::default();
        let look = Look { on: detectors.selection(), is_query: false };
        let mut replace =
            |detector, _: &str, out: &mut String| placeholder::push_mask(out, detectors.id(detector));
        let once = redact_text(&detectors, look, text, &mut replace).unwrap_or_else(|| text.to_owned());
        let twice = redact_text(&detectors, look, &once, &mut replace);
        assert_eq!(twice, None, "redacting twice changed {once:?}");
        once
    }

    #[test]
    fn what_is_private_goes_and_what_is_around_it_stays() {
        for (text, expected) in [
            ("nothing here", "nothing here"),
            ("mail joe@example.com now", "mail [REDACTED:email] now"),
            (r#"{"a":"\tjoe@example.com","b":[1,2]}"#, r#"{"a":"\t[REDACTED:email]","b":[1,2]}"#),
            (r#"{"card":4111111111111111}"#, r#"{"card":"[REDACTED:card]"}"#),
            (r#"{"joe@example.com":1}"#, r#"{"[REDACTED:email]":1}"#),
            (
                r#"[{"a@b.co":{"a@b.co":1,"x":[{"a@b.co":1}],"c@b.co":2,"d@b.co":3}},{"d@b.co":4}]"#,
                r#"[{"[REDACTED:email]":{"[REDACTED:email]":1,"x":[{"[REDACTED:email]":1}],"[REDACTED:key:2]":2,"[REDACTED:key:3]":3}},{"[REDACTED:email]":4}]"#,
            ),
            (
                r#"{"a@b.co":1,"[REDACTED:email]":2,"[REDACTED:key:2]":3}"#,
                r#"{"[REDACTED:key:3]":1,"[REDACTED:email]":2,"[REDACTED:key:2]":3}"#,
            ),
            (
                r#"{"x a@b.co":1,"\u0078 [REDACTED:email]":2}"#,
                r#"{"[REDACTED:key:2]":1,"\u0078 [REDACTED:email]":2}"#,
            ),
            (r#"["x",["{\"c\":4111111111111111}"]]"#, r#"["x",["{\"c\":\"[REDACTED:card]\"}"]]"#),
            (r#"{"a":"joe\u0040example.com"}"#, r#"{"a":"[REDACTED:email]"}"#),
            (r#"{"a":"{\"b\":\"joe\\u0040example.com\"}"}"#, r#"{"a":"{\"b\":\"[REDACTED:email]\"}"}"#),
            (r#"cut {"a":"joe\u0040example.com"#, r#"cut {"a":"[REDACTED:email]"#),
            (r#"data: {"a":"\njoe@example.com"}"#, r#"data: {"a":"\n[REDACTED:email]"}"#),
            (
                r#"{"u":"https:\/\/a:b@h.example\/x"}"#,
                r#"{"u":"https://[REDACTED:url_userinfo]@h.example/x"}"#,
            ),
            (
                r#"{"aws_secret_access_key":"ZLht5BGhRfmtakG9pWyXJbyFmESLTu618eE6dHaB"}"#,
                r#"{"aws_secret_access_key":"[REDACTED:key_aws_secret]"}"#,
            ),
            (r#"{"k":"-----BEGIN PRIVATE KEY-----\nabc","n":1}"#, r#"{"k":"[REDACTED:private_key]","n":1}"#),
            (
                r#"{"o":"{\"k\":\"-----BEGIN PRIVATE KEY-----\\nabc\",\"n\":1}"}"#,
                r#"{"o":"{\"k\":\"[REDACTED:private_key]\",\"n\":1}"}"#,
            ),
            ("postgres://svc:pass@db.example.com/x", "postgres://[REDACTED:url_userinfo]@db.example.com/x"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }

    #[test]
    fn json_stays_json() {
        let text =
            r#"{"a":"\"joe@example.com\"","b":{"4111111111111111":[4111111111111111,null]},"c":"x\\"}"#;
        let redacted = redacted(text);
        assert!(serde_json::from_str::<serde_json::Value>(&redacted).is_ok(), "{redacted}");
        assert!(!redacted.contains("example.com") && !redacted.contains("4111"), "{redacted}");
    }

    #[test]
    fn escapes_nested_too_deep_take_the_text_with_them() {
        let mut text = "joe@example.com".to_owned();
        for _ in 0..20 {
            text = format!("\\u{:04x}{}", u32::from(text.as_bytes()[0]), &text[1..]);
        }
        for before in ["", "[REDACTED:a]", "hmac:5bdcc146bf60754e ", "[REDACTED:a] x "] {
            assert_eq!(redacted(&format!("{before}{text}")), "[REDACTED:deep_escapes]");
        }
    }
}
