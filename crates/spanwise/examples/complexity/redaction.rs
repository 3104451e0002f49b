//! The same inputs, and texts that ask much of one detector or another, redacted by all that a policy can ask for.

use spanwise::redact::{Bodies, Builtin, HashKey, Identity, Policy, Preset, Redactor, Unknown};
use spanwise::{Framing, encode};

/// Each is put behind itself, over and over, in one string, and in a list of JSON text.
pub(super) const PIECES: &[&str] = &[
    "@",
    "a@",
    "a.@",
    "a@b.",
    "://a:b@",
    "://@@",
    "a:b@",
    "+1",
    "+1 2",
    "(2",
    "1 ",
    "1-",
    "4111 ",
    "4111-1111-",
    "4",
    "A",
    "GB11",
    "GB11 LAMP ",
    "GB11 ",
    "?sig=",
    "&sig=",
    "&code=aaaa",
    "%",
    "eyJ",
    "eyJ-",
    "eyJhbGci-",
    "eyJhbGciOiJub25lIn0.",
    "sk-",
    "sk-a",
    "sk-or-v1-",
    "xoxb-1-",
    "ghp_",
    "github_pat_",
    "glpat-",
    "AKIA",
    "hf_",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN A PRIVATE KEY----------END B PRIVATE KEY-----",
    "Bearer ",
    "bearer a1",
    "token 1",
    "aws secret key ",
    "a=",
    "=",
    "\\",
    "\\u",
    "\\u005c",
    "\\\\",
    "\\/",
    "\"",
    "{",
    "[",
    "{\"a\":",
    "1.",
    "1.2.3.4.",
    ":",
    "a:",
    "password=",
    "secret:\"",
    "é",
    "é@",
    "[REDACTED:",
    "[REDACTED:email]",
    "hmac:",
    "hmac:5bdcc146bf60754e",
    "joe@example.com ",
    "\\u006aoe\\u0040example.com ",
];

/// Lists whose names ask much of rules: the name of a family, and what is redacted.
pub(super) const LISTS: &[super::Family] = &[
    (
        "children of a long name",
        |n| {
            let values = super::listed(n, |i| format!(r#"{{"key":"k{i}","value":{{"intValue":1}}}}"#));
            let key = "k.".repeat(n);
            super::span(&format!(
                r#""attributes":[{{"key":"{key}","value":{{"kvlistValue":{{"values":[{values}]}}}}}}]"#
            ))
        },
        None,
    ),
    (
        "a key of many parts",
        |n| {
            let key = "k.".repeat(n);
            super::attributes(1, |_| format!(r#"{{"key":"{key}","value":{{"stringValue":"a"}}}}"#))
        },
        None,
    ),
    (
        "nested members of ever new names",
        |n| {
            super::of_spans(n / 20, |i| {
                let open = format!(r#"{{"kvlistValue":{{"values":[{{"key":"a{i}","value":"#);
                super::nested(&open, r#"{"stringValue":"a"}"#, "}]}}", 20)
            })
        },
        None,
    ),
    (
        "keys with much in them",
        |n| {
            super::attributes(n, |i| {
                format!(r#"{{"key":"joe{i}@example.com","value":{{"stringValue":"a"}}}}"#)
            })
        },
        None,
    ),
    (
        "keys that become one",
        |n| super::attributes(n, |i| format!(r#"{{"key":"+4930{i:08}","value":{{"stringValue":"a"}}}}"#)),
        None,
    ),
    (
        "names of objects with much in them",
        |n| {
            let names = super::listed(n, |i| format!(r#"\"a{i}@b.co\":1"#));
            let objects = super::listed(n, |_| r#"{\"a@b.co\":1}"#.to_owned());
            super::attribute(&format!(r#"{{"stringValue":"[{{{names}}},{objects}]"}}"#))
        },
        None,
    ),
    (
        "lines that are written afresh",
        |n| {
            let line = |i| {
                let attribute = format!(r#"{{"key":"gen_ai.prompt.{i}","value":{{"stringValue":"a"}}}}"#);
                format!(
                    "{}\n",
                    super::span(&format!(r#""kind":"SPAN_KIND_CLIENT","attributes":[{attribute}]"#))
                )
            };
            (0..n / 4).map(line).collect()
        },
        super::LINES,
    ),
    (
        "messages",
        |n| {
            let message = |i| {
                format!(
                    r#"{{\"role\":\"user\",\"content\":\"{i}\",\"n{i}\":[{{\"type\":\"tool_call\",\"name\":\"x\"}}]}}"#
                )
            };
            let body = super::listed(n / 4, message);
            super::attributes(1, |_| {
                format!(r#"{{"key":"gen_ai.input.messages","value":{{"stringValue":"[{body}]"}}}}"#)
            })
        },
        None,
    ),
];

/// A text of `n` pieces, as an attribute that stays and as one whose structure stays.
pub(super) fn of_pieces(piece: &str, n: usize) -> String {
    of_text(&piece.repeat(n))
}

/// The piece as each item of a list in JSON text, where detectors end at quotes.
pub(super) fn of_items(piece: &str, n: usize) -> String {
    let item = super::quoted(piece);
    of_text(&format!("[{}]", super::listed(n, |_| item.clone())))
}

fn of_text(text: &str) -> String {
    let text = super::quoted(text);
    super::span(&format!(
        r#""attributes":[{{"key":"note","value":{{"stringValue":{text}}}}},
        {{"key":"gen_ai.input.messages","value":{{"stringValue":{text}}}}}],"joe@example.com":{text}"#
    ))
}

/// What is counted.
#[inline(never)]
pub(super) fn measured_redaction(text: &str, framing: Option<Framing>) -> usize {
    let privacy = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets).identity(Identity::Hash);
    let policy =
        privacy.detectors_on(Builtin::all().map(Builtin::id)).bodies(Bodies::Structure).read_numbers(true);
    let mut length = 0;
    for unknown in [Unknown::Drop, Unknown::Keep] {
        let Ok(compiled) = policy.clone().unknown(unknown).compile(Some(HashKey::new(b"a key for counting")))
        else {
            return 0;
        };
        let mut redactor = Redactor::new(compiled);
        let input = text.as_bytes().to_vec();
        let redacted = match framing {
            Some(framing) => redactor.redact_block(input, framing),
            None => redactor.redact_json(input),
        };
        length += redacted.map_or(0, |redacted| redacted.data.len());
        if let Ok(batch) = spanwise::decode(text.as_bytes().to_vec()) {
            length += redactor.redact(&batch).map_or(0, |redacted| encode(&redacted.batch).len());
        }
    }
    length
}
