//! Decodes one hostile input of a chosen size, for counting instructions: `complexity FAMILY N`, or `complexity list`.
//!
//! `tests/complexity/run.sh` runs every family at n and 2n under callgrind, which counts within [`measured`] alone: decoding
//! with everything switched on (both modes, sources, every diagnostic kept), rendering what was found, and writing the batch.
//! Families whose name begins with `redact` are redacted (`redaction`), those with `index` are indexed (`indexing`).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod indexing;
mod redaction;
mod requests;

use std::process::ExitCode;

use spanwise::{DecodeOptions, Decoder, Framing, Limits, Mode, SpanBatch, encode};

const IDS: &str = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n""#;

/// A name, what is decoded, and how it is framed.
type Family = (&'static str, fn(usize) -> String, Option<Framing>);

fn resource_spans(members: &str) -> String {
    format!(r#"{{"resourceSpans":[{{{members}}}]}}"#)
}

fn request(spans: &str) -> String {
    resource_spans(&format!(r#""scopeSpans":[{{"spans":[{spans}]}}]"#))
}

fn span(members: &str) -> String {
    request(&format!("{{{IDS},{members}}}"))
}

fn attribute(value: &str) -> String {
    span(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#))
}

/// `count` items, written by `item` from their index, with commas between.
fn listed(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn attributes(count: usize, item: impl Fn(usize) -> String) -> String {
    span(&format!(r#""attributes":[{}]"#, listed(count, item)))
}

fn map(count: usize, item: impl Fn(usize) -> String) -> String {
    span(&format!(r#""attributes":{{{}}}"#, listed(count, item)))
}

fn key_value(index: usize, value: &str) -> String {
    format!(r#"{{"key":"k{index}","value":{value}}}"#)
}

/// `count` spans with one attribute each, all of one key.
fn of_spans(count: usize, value: impl Fn(usize) -> String) -> String {
    request(&listed(count, |i| format!(r#"{{{IDS},"attributes":[{}]}}"#, key_value(0, &value(i)))))
}

fn string(unit: &str, count: usize) -> String {
    attribute(&format!(r#"{{"stringValue":"{}"}}"#, unit.repeat(count)))
}

/// `levels` of nesting, closed.
fn nested(open: &str, middle: &str, close: &str, levels: usize) -> String {
    format!("{}{middle}{}", open.repeat(levels), close.repeat(levels))
}

const LINES: Option<Framing> = Some(Framing::Lines);
const DOCUMENTS: Option<Framing> = Some(Framing::Documents);
const AUTO: Option<Framing> = Some(Framing::Auto);

/// Many members, keys, spans, documents.
const MANY: &[Family] = &[
    ("plain spans", |n| request(&listed(n, |i| format!(r#"{{{IDS},"flags":{i}}}"#))), None),
    ("tiny attributes", |n| attributes(n, |_| r#"{"key":"a"}"#.into()), None),
    ("distinct keys", |n| attributes(n, |i| key_value(i, r#"{"intValue":"1"}"#)), None),
    ("equal keys", |n| attributes(n, |_| key_value(0, r#"{"intValue":"1"}"#)), None),
    (
        "changing layouts",
        |n| attributes(n, |i| format!(r#"{{"key":"k{i}",{:1$}"value":{{"intValue":"1"}}}}"#, "", i % 50)),
        None,
    ),
    (
        "one key in many layouts",
        |n| {
            let attribute = |i| {
                let (before, after) = (" ".repeat(i % 37), " ".repeat(i % 41));
                format!(r#"{{"attributes":[{{"key":"k",{before}"value":{{"intValue":{after}"1"}}}}]}}"#)
            };
            request(&format!(r#"{{{IDS},"events":[{}]}}"#, listed(n, attribute)))
        },
        None,
    ),
    ("unknown members", |n| span(&listed(n, |i| format!(r#""u{i}":{i}"#))), None),
    (
        "rejected spans with new keys",
        |n| request(&listed(n, |i| format!(r#"{{"attributes":[{{"key":"k{i}"}}],"kind":"X"}}"#))),
        None,
    ),
    (
        "rejected scopes",
        |n| {
            let scope = |i| {
                let keys = format!(r#"{{"key":"k{i}"}},{{"key":"k{i}"}}"#);
                format!(r#"{{"scope":{{"attributes":[{keys}]}},"spans":[{{{IDS}}}]}}"#)
            };
            resource_spans(&format!(r#""scopeSpans":[{}]"#, listed(n, scope)))
        },
        None,
    ),
    (
        "scopes of a large resource",
        |n| {
            let keys = listed(n, |i| format!(r#"{{"key":"k{i}"}}"#));
            let scopes = listed(n, |_| format!(r#"{{"spans":[{{{IDS}}}]}}"#));
            resource_spans(&format!(r#""resource":{{"attributes":[{keys}]}},"scopeSpans":[{scopes}]"#))
        },
        None,
    ),
    (
        "resources that come again but for the last byte",
        |n| {
            let keys = listed(60, |i| key_value(i, r#"{"stringValue":"aaaaaaaaaaaaaaaaaaaa"}"#));
            let resource =
                |i| format!(r#"{{"resource":{{"attributes":[{keys}],"droppedAttributesCount":{}}}}}"#, i % 7);
            format!(r#"{{"resourceSpans":[{}]}}"#, listed(n / 20, resource))
        },
        None,
    ),
    (
        "scopes that come again",
        |n| {
            let scope = |i| format!(r#"{{"scope":{{"name":"s{}","attributes":[{{"key":"k"}}]}}}}"#, i % 3);
            resource_spans(&format!(r#""scopeSpans":[{}]"#, listed(n, scope)))
        },
        None,
    ),
    (
        "spans of a large scope",
        |n| {
            let keys = listed(n, |i| format!(r#"{{"key":"k{i}"}}"#));
            let spans = listed(n, |_| format!("{{{IDS}}}"));
            resource_spans(&format!(
                r#""scopeSpans":[{{"scope":{{"attributes":[{keys}]}},"spans":[{spans}]}}]"#
            ))
        },
        None,
    ),
    ("arrays of requests", |n| format!("[{}]", listed(n, |_| r#"{"resourceSpans":[]}"#.into())), None),
    ("other signals", |n| format!("{{{}}}", listed(n, |_| r#""resourceLogs":[{}]"#.into())), None),
    (
        "entity references",
        |n| {
            let references = listed(n, |_| r#"{"type":"t","idKeys":["a"],"idKeys":["b"]}"#.into());
            resource_spans(&format!(r#""resource":{{"entityRefs":[{references}]}}"#))
        },
        None,
    ),
    (
        "events and links",
        |n| {
            let items = listed(n, |_| r#"{"attributes":[{"key":"k"}]}"#.into());
            span(&format!(r#""events":[{items}],"links":[{items}]"#))
        },
        None,
    ),
];

/// The same member again and again.
const DUPLICATES: &[Family] = &[
    ("duplicate members", |n| span(&listed(n, |_| r#""kind":1"#.into())), None),
    (
        "duplicate lists of spans",
        |n| {
            let lists = listed(n, |_| format!(r#""spans":[{{{IDS}}}]"#));
            resource_spans(&format!(r#""scopeSpans":[{{{lists}}}]"#))
        },
        None,
    ),
    (
        "duplicate lists of resources",
        |n| format!("{{{}}}", listed(n, |_| r#""resourceSpans":[{"schemaUrl":"u"}]"#.into())),
        None,
    ),
    (
        "duplicate lists by two names",
        |n| format!("{{{}}}", listed(n, |i| format!(r#""{}":[{{}}]"#, ["batches", "resourceSpans"][i % 2]))),
        None,
    ),
    (
        "bare members round lists",
        |n| format!("{{{}}}", listed(n, |_| r#""scopeSpans":[{}],"batches":[{}]"#.into())),
        None,
    ),
    (
        "duplicate scopes",
        |n| {
            resource_spans(&format!(
                r#""scopeSpans":[{{{}}}]"#,
                listed(n, |_| r#""scope":{"name":"a"}"#.into())
            ))
        },
        None,
    ),
    (
        "duplicate members of values",
        |n| attribute(&format!("{{{}}}", listed(n, |_| r#""stringValue":"a""#.into()))),
        None,
    ),
    (
        "duplicates in duplicates",
        |n| {
            let value = nested(r#"{"arrayValue":0,"arrayValue":{"values":["#, "{}", "]}}", 100);
            attributes(n / 50, |i| key_value(i, &value))
        },
        None,
    ),
];

/// As deep as the bounds allow, and deeper.
const DEEP: &[Family] = &[
    (
        "nested to the bound",
        |n| attributes(n / 50, |i| key_value(i, &nested(r#"{"arrayValue":{"values":["#, "{}", "]}}", 150))),
        None,
    ),
    (
        "nested kvlists of equal keys",
        |n| {
            let value = nested(r#"{"kvlistValue":{"values":[{"key":"k0","value":"#, "{}", "}]}}", 100);
            attributes(n / 50, |_| key_value(0, &value))
        },
        None,
    ),
    (
        "lists that do not end as the last one did",
        |n| {
            let members = listed(12, |i| key_value(i, r#"{"stringValue":"a"}"#));
            let end = |i| if i % 2 == 0 { "" } else { r#","x":1"# };
            of_spans(n / 20, |i| format!(r#"{{"kvlistValue":{{"values":[{members}]{}}}}}"#, end(i)))
        },
        None,
    ),
    (
        "nested lists that do not hold what the last one did",
        |n| {
            let open = r#"{"kvlistValue":{"values":[{"key":"k0","value":{"arrayValue":{"values":["#;
            let middle = |i| if i % 2 == 0 { r#"{"intValue":1}"# } else { r#"{"bytesValue":"AAEC"}"# };
            of_spans(n / 50, |i| nested(open, middle(i), "]}}}]}}", 50))
        },
        None,
    ),
    (
        "elements in many layouts",
        |n| {
            let element = |i: usize| format!(r#"{{"intValue":{}1}}"#, " ".repeat(i * 7 % 11));
            of_spans(n / 50, |_| format!(r#"{{"arrayValue":{{"values":[{}]}}}}"#, listed(50, element)))
        },
        None,
    ),
    (
        "nested plain maps",
        |n| map(n / 50, |i| format!(r#""k{i}":{}"#, nested(r#"{"k":"#, "1", "}", 100))),
        None,
    ),
    ("nested plain arrays", |n| map(n / 50, |i| format!(r#""k{i}":{}"#, nested("[", "1", "]", 100))), None),
    ("nested beyond the bound", |n| format!("{}\n", nested("[", "", "]", 600)).repeat(n / 100), LINES),
    (
        "nested skips",
        |n| span(&listed(n / 50, |i| format!(r#""u{i}":{}"#, nested("[", "1", "]", 400)))),
        None,
    ),
];

/// Strings and numbers.
const SCALARS: &[Family] = &[
    ("escapes only", |n| string("\\u0061", n), None),
    ("lone surrogates", |n| string("\\ud800", n), None),
    ("raw control characters", |n| string("\n\t", n), None),
    ("characters of four bytes", |n| string("😀", n), None),
    ("escaped keys", |n| attributes(n, |i| format!(r#"{{"key":"\u006b{i}"}}"#)), None),
    ("backslashes before quotes", |n| attributes(n, |_| r#"{"key":"\\\\\\\\\\\"","value":5}"#.into()), None),
    ("one run of backslashes", |n| span(&format!(r#""kind":"{}","kind":"x\"""#, "\\\\".repeat(n))), None),
    ("digits of an integer", |n| attribute(&format!(r#"{{"intValue":{}}}"#, "7".repeat(n))), None),
    ("zeros of an integer", |n| attribute(&format!(r#"{{"intValue":"{}1"}}"#, "0".repeat(n))), None),
    ("digits of a double", |n| attribute(&format!(r#"{{"doubleValue":0.{}}}"#, "7".repeat(n))), None),
    ("digits of an exponent", |n| attribute(&format!(r#"{{"doubleValue":1e{}}}"#, "7".repeat(n))), None),
    (
        "numbers of many digits",
        |n| {
            attributes(n / 10, |i| {
                key_value(i, &format!(r#"{{"doubleValue":{}.5}}"#, "123456789".repeat(12)))
            })
        },
        None,
    ),
    ("long key", |n| attributes(1, |_| format!(r#"{{"key":"{}","value":{{}}}}"#, "k".repeat(n))), None),
    ("long keys", |n| attributes(n / 20, |i| format!(r#"{{"key":"{}{i}"}}"#, "k".repeat(500))), None),
    ("long names in maps", |n| map(n / 20, |i| format!(r#""a{i}":{{"{}":1}}"#, "k".repeat(100))), None),
    (
        "bytes as numbers",
        |n| attribute(&format!(r#"{{"bytesValue":[{},256]}}"#, listed(n, |_| "7".into()))),
        None,
    ),
    (
        "bytes as members",
        |n| attribute(&format!(r#"{{"bytesValue":{{{},"x":1}}}}"#, listed(n, |i| format!(r#""{i}":7"#)))),
        None,
    ),
    (
        "ids as arrays",
        |n| {
            span(&format!(
                r#""links":[{}]"#,
                listed(n, |_| r#"{"traceId":[1,2,[4]],"spanId":[1,"x"]}"#.into())
            ))
        },
        None,
    ),
];

/// Findings, white space, and how documents lie in a block.
const LAYOUT: &[Family] = &[
    ("findings everywhere", |n| request(&listed(n, |_| r#"{"kind":"X","traceId":5}"#.into())), None),
    ("findings on lines", |n| request(&listed(n, |_| "{\n\"kind\":\"X\",\n\"traceId\":5}".into())), None),
    ("findings far apart", |n| attributes(n, |_| format!("{{\n{:60}\n\"value\":5}}", "")), None),
    ("concatenated documents", |n| "{\"resourceSpans\":[]}".repeat(n), None),
    ("documents of other signals", |n| "{\"resourceLogs\":[]}\n\n".repeat(n), DOCUMENTS),
    ("documents in a block", |n| "{\"resourceSpans\":[]}\n".repeat(n), DOCUMENTS),
    ("lines", |n| format!("{}\n", span(r#""kind":1"#)).repeat(n / 4), LINES),
    ("white space", |n| format!("{{{}}}", " \n\t\r".repeat(n)), None),
    (
        "white space between members",
        |n| request(&listed(n, |_| format!("{{ \n \n {IDS} \n , \n \"kind\" \n : \n 1 \n }}"))),
        None,
    ),
    ("blank lines", |n| "\n".repeat(n), AUTO),
    ("blank lines before a document", |n| format!("{}{{}}", "\n".repeat(n)), AUTO),
    ("bad lines", |n| "{\"resourceSpans\":[{\n".repeat(n), LINES),
    ("torn documents", |n| "{\"resourceSpans\":[{\n".repeat(n), DOCUMENTS),
    (
        "torn after a long first line",
        |n| format!("{{\"resourceSpans\":[{{\n{}", "{},\n".repeat(n)),
        DOCUMENTS,
    ),
    ("documents that never end", |n| format!("{}{}", "[\n".repeat(500), " \n1,".repeat(n)), DOCUMENTS),
    ("text between documents", |n| "{\"resourceSpans\":[]}\nx\n".repeat(n), DOCUMENTS),
    ("an array left open", |n| format!("[\n{}", "{\"resourceSpans\":[]},\n".repeat(n)), DOCUMENTS),
    ("strings that never end", |n| "[\",\n".repeat(n), DOCUMENTS),
];

/// What is counted.
#[inline(never)]
fn measured(text: &str, framing: Option<Framing>) -> usize {
    let limits = Limits { diagnostics: usize::MAX, ..Limits::default() };
    let mut shown = 0;
    for mode in [Mode::Strict, Mode::Lenient] {
        let options = DecodeOptions::default().with_mode(mode).with_limits(limits).with_record_sources(true);
        let mut decoder = Decoder::new(options);
        let mut batch = SpanBatch::new();
        // The first batch is decoded with less learning.
        shown += usize::from(decoder.decode(&b"{}"[..], &mut batch).is_err());
        let input = text.as_bytes().to_vec();
        let result = match framing {
            Some(framing) => decoder.decode_block(input, framing, &mut batch),
            None => decoder.decode(input, &mut batch),
        };
        if let Err(error) = result {
            shown += error.to_string().len();
        }
        shown += batch.diagnostics().map(|found| found.to_string().len()).sum::<usize>();
        shown += encode(&batch).len();
    }
    shown
}

fn families() -> impl Iterator<Item = &'static Family> {
    [MANY, DUPLICATES, DEEP, SCALARS, LAYOUT].into_iter().flatten()
}

/// The text as a JSON string.
fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    spanwise::write_json_string(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The names of all families.
fn names() -> impl Iterator<Item = String> {
    let redacted = families().chain(redaction::LISTS).map(|(name, ..)| format!("redact {name}"));
    let pieces = redaction::PIECES.iter().map(|piece| format!("redact piece {piece}"));
    let items = redaction::PIECES.iter().map(|piece| format!("redact items {piece}"));
    let indexed = families().chain(indexing::TRACES).map(|(name, ..)| format!("index {name}"));
    let told = requests::TELLING.iter().map(|(name, ..)| format!("requests {name}"));
    let decoded = families().map(|(name, ..)| (*name).to_owned());
    decoded.chain(redacted).chain(pieces).chain(items).chain(indexed).chain(told)
}

/// The input of a family of size `n`: its length, and what it comes to.
fn run(name: &str, n: usize) -> Option<(usize, usize)> {
    if let Some(piece) = name.strip_prefix("redact piece ") {
        let text = redaction::of_pieces(redaction::PIECES.iter().find(|known| **known == piece)?, n);
        return Some((text.len(), redaction::measured_redaction(&text, None)));
    }
    if let Some(piece) = name.strip_prefix("redact items ") {
        let text = redaction::of_items(redaction::PIECES.iter().find(|known| **known == piece)?, n);
        return Some((text.len(), redaction::measured_redaction(&text, None)));
    }
    if let Some(name) = name.strip_prefix("redact ") {
        let (_, make, framing) = families().chain(redaction::LISTS).find(|(known, ..)| *known == name)?;
        let text = make(n);
        return Some((text.len(), redaction::measured_redaction(&text, *framing)));
    }
    if let Some(name) = name.strip_prefix("index ") {
        let (_, make, framing) = families().chain(indexing::TRACES).find(|(known, ..)| *known == name)?;
        let text = make(n);
        return Some((text.len(), indexing::measured_index(&text, *framing)));
    }
    if let Some(name) = name.strip_prefix("requests ") {
        let (_, make, _) = requests::TELLING.iter().find(|(known, ..)| *known == name)?;
        let text = make(n);
        return Some((text.len(), requests::measured_requests(&text)));
    }
    let (_, make, framing) = families().find(|(known, ..)| *known == name)?;
    let text = make(n);
    Some((text.len(), measured(&text, *framing)))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [list] if list == "list" => {
            names().for_each(|name| println!("{name}"));
            ExitCode::SUCCESS
        }
        [family, n] => {
            let Some((length, shown)) = n.parse().ok().and_then(|n| run(family, n)) else {
                eprintln!("no family {family}, or {n} is no number");
                return ExitCode::from(2);
            };
            println!("{length} {shown}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("complexity FAMILY N, or complexity list");
            ExitCode::from(2)
        }
    }
}
