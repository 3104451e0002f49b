//! The vectors of `tests/payloads/secrets.json` and `tests/redact/detectors.jsonl`, and the laws of all detectors.

use serde_json::Value;

use super::*;
use crate::redact::text::redact_text;

const SECRETS: &str = include_str!("../../../../../tests/payloads/secrets.json");
const EXPECTED: &str = include_str!("../../../../../tests/payloads/expected.json");
const VECTORS: &str = include_str!("../../../../../tests/redact/detectors.jsonl");

fn everything() -> DetectorSet {
    Builtin::all().fold(DetectorSet::empty(), DetectorSet::with)
}

/// Replaces what `detectors` find in `text`, and says whose the finds are.
fn redacted(detectors: &DetectorSet, text: &str) -> (String, Vec<String>) {
    let mut ids = Vec::new();
    let look = Look { on: detectors.selection(), is_query: false };
    let redacted = redact_text(detectors, look, text, &mut |detector, _: &str, out: &mut String| {
        ids.push(detectors.id(detector).to_owned());
        crate::redact::placeholder::push_mask(out, detectors.id(detector));
    });
    (redacted.unwrap_or_else(|| text.to_owned()), ids)
}

/// All strings of a text, at every level of JSON in strings.
fn strings_within(text: &str, strings: &mut Vec<String>) {
    fn walk(value: &Value, strings: &mut Vec<String>) {
        match value {
            Value::String(text) => strings_within(text, strings),
            Value::Array(values) => values.iter().for_each(|value| walk(value, strings)),
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                strings_within(name, strings);
                walk(value, strings);
            }),
            _ => {}
        }
    }
    strings.push(text.to_owned());
    if text.starts_with(['{', '[', '"'])
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        walk(&value, strings);
    }
}

/// A row of `detectors.jsonl`: a text, the text without what is found in it, and the detectors that find it.
struct Vector {
    text: String,
    redacted: String,
    detectors: DetectorSet,
    /// Whether it is not put beside others.
    is_alone: bool,
}

fn vectors() -> Vec<Vector> {
    let rows = VECTORS.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    rows.map(|row| Vector {
        text: text(&row, "text").unwrap(),
        redacted: text(&row, "redacted").or_else(|| text(&row, "text")).unwrap(),
        detectors: row["on"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|id| Builtin::from_id(id.as_str().unwrap()).unwrap())
            .fold(DetectorSet::default(), DetectorSet::with),
        is_alone: row["alone"] == true,
    })
    .collect()
}

fn payload_values() -> Vec<(String, String)> {
    let payload: Value = serde_json::from_str(SECRETS).unwrap();
    let mut values = Vec::new();
    for resource in payload["resourceSpans"].as_array().unwrap() {
        for scope in resource["scopeSpans"].as_array().unwrap() {
            for span in scope["spans"].as_array().unwrap() {
                for attribute in span["attributes"].as_array().unwrap() {
                    let value = &attribute["value"];
                    let text = value["stringValue"].as_str().or(value["intValue"].as_str()).unwrap();
                    values.push((attribute["key"].as_str().unwrap().to_owned(), text.to_owned()));
                }
            }
        }
    }
    values
}

#[test]
fn every_hit_of_the_payload_is_found_and_no_miss() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let values = payload_values();
    let mut failures = Vec::new();
    for row in expected["files"]["secrets.json"]["detectors"].as_array().unwrap() {
        let key = row["key"].as_str().unwrap();
        let id = row["id"].as_str().unwrap();
        let text = &values.iter().find(|(name, _)| name == key).unwrap().1;
        let is_off = row["default"] == "off";
        let builtin = Builtin::from_id(id);
        let detectors = match builtin {
            Some(builtin) if is_off => DetectorSet::default().with(builtin),
            _ => DetectorSet::default(),
        };
        let (redacted, ids) = redacted(&detectors, text);
        if row["hit"] == true {
            let mut strings = Vec::new();
            strings_within(&redacted, &mut strings);
            let secret = row["secret"].as_str().unwrap();
            let around = [row["before"].as_str().unwrap(), row["after"].as_str().unwrap()];
            let whole = format!("{}[REDACTED:{id}]{}", around[0], around[1]);
            if strings.iter().any(|text| text.contains(secret)) || !strings.contains(&whole) || ids != [id] {
                failures.push(format!("{key}: {ids:?} {redacted:?}"));
            }
        } else if !ids.is_empty() || redacted != *text {
            failures.push(format!("{key}: {ids:?} {redacted:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_vector_is_redacted_as_its_row_says_and_once_is_enough() {
    let mut failures = Vec::new();
    for vector in vectors() {
        let (once, _) = redacted(&vector.detectors, &vector.text);
        if once != vector.redacted {
            failures.push(format!("{:?} became {once:?}", vector.text));
        }
        let (twice, ids) = redacted(&vector.detectors, &once);
        if twice != once {
            failures.push(format!("{once:?} became {twice:?}: {ids:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Whatever placeholder stands before a find or behind it, masks and pseudonyms alike.
#[test]
fn redacting_around_placeholders_twice_is_redacting_once() {
    let key = crate::redact::HashKey::new(b"a key for tests");
    let placeholders = ["[REDACTED:x]", "hmac:5bdcc146bf60754e", "[REDACTED:x:12]hmac:5bdcc146bf60754e"];
    for Vector { text, detectors, .. } in vectors() {
        let look = Look { on: detectors.selection(), is_query: false };
        let mut replace = |_, found: &str, out: &mut String| out.push_str(&key.pseudonym(found));
        let mut hashed =
            |text: &str| redact_text(&detectors, look, text, &mut replace).unwrap_or_else(|| text.to_owned());
        for placeholder in placeholders {
            for between in ["", " ", ".", "é", "a"] {
                for text in [format!("{placeholder}{between}{text}"), format!("{text}{between}{placeholder}")]
                {
                    let once = hashed(&text);
                    assert_eq!(hashed(&once), once, "{text:?}");
                    let once = redacted(&detectors, &text).0;
                    assert_eq!(redacted(&detectors, &once).0, once, "{text:?}");
                }
            }
        }
    }
}

#[test]
fn the_raw_text_never_hides_a_find() {
    let detectors = everything();
    for (key, text) in payload_values() {
        let (redacted, ids) = redacted(&detectors, &text);
        let mut raw = String::new();
        crate::redact::escape::push_escaped(&mut raw, &text);
        if !ids.is_empty() {
            assert!(detectors.may_contain(raw.as_bytes()), "{key}");
        }
        let (twice, ids) = self::redacted(&detectors, &redacted);
        assert!(ids.is_empty() && twice == redacted, "{key}: {ids:?} {redacted:?}");
    }
}

#[test]
fn the_raw_text_of_a_vector_never_hides_a_find() {
    for Vector { text, redacted, detectors, .. } in vectors() {
        let mut raw = String::new();
        crate::redact::escape::push_escaped(&mut raw, &text);
        assert!(text == redacted || detectors.may_contain(raw.as_bytes()), "{text:?}");
    }
}

/// What shares a look at the text with others is held back all the same.
#[test]
fn a_detector_that_is_off_finds_nothing_whatever_else_is_on() {
    let mut texts: Vec<String> = payload_values().into_iter().map(|(_, text)| text).collect();
    texts.extend(vectors().into_iter().map(|vector| vector.text));
    for off in Builtin::all().filter(|builtin| *builtin != Builtin::DeepEscapes) {
        let others = Builtin::all().filter(|on| *on != off).fold(DetectorSet::empty(), DetectorSet::with);
        let alone = DetectorSet::empty().with(off);
        let id = off.id();
        assert!(texts.iter().any(|text| !redacted(&alone, text).1.is_empty()), "{id} is in no text");
        for text in &texts {
            let (_, ids) = redacted(&others, text);
            assert!(!ids.iter().any(|other| other == id), "{id} in {text:?}");
        }
    }
}

#[test]
fn hits_are_in_order_and_apart() {
    let detectors = everything();
    let text = payload_values().into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ");
    let mut hits = Vec::new();
    detectors.find(&text, &mut hits);
    assert!(hits.len() > 50);
    assert!(hits.is_sorted_by(|a, b| a.end <= b.start));
}

/// Numbers are found by a look at some bytes only, wherever in a text they stand.
#[test]
fn numbers_are_found_at_every_offset() {
    let detectors = everything();
    for (id, number) in [
        ("card", "4111111111111111"),
        ("card", "4111 1111 1111 1111"),
        ("card", "4111-1111-1111-1111"),
        ("card", "378282246310005"),
        ("card", "3782 822463 10005"),
        ("card", "4222222222222"),
        ("ssn_us", "212-55-6788"),
        ("ssn_us", "212 55 6788"),
        ("phone_nanp", "(212) 555-1234"),
        ("phone_nanp", "212-555-1234"),
        ("phone_nanp", "212.555.1234"),
        ("phone_e164", "+1 (212) 555-1234"),
        ("phone_e164", "+49 89 1234567"),
        ("iban", "DE89370400440532013000"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("ipv4", "192.168.17.1"),
        ("ipv6", "2001:db8:1::17"),
    ] {
        for offset in 0..200 {
            let before = "no number here, not one, ".repeat(9);
            let before = before.get(..offset).unwrap();
            for (before, after) in [(before, ""), (before, " and on"), (&*" ".repeat(offset), "\n\n")] {
                let before = if before.ends_with(char::is_alphabetic) {
                    format!("{before} ")
                } else {
                    before.to_owned()
                };
                let (text, ids) = redacted(&detectors, &format!("{before}{number}{after}"));
                assert_eq!(text, format!("{before}[REDACTED:{id}]{after}"), "{offset}");
                assert_eq!(ids, [id]);
            }
        }
    }
}

/// Whatever stands behind whatever else, but for what says that it stands alone: there an exception (a repository, a file) looks as
/// far as the other find, and no further once that has gone.
#[test]
fn redacting_pairs_twice_is_redacting_once() {
    // A text that is too long for a detector is not, once a placeholder stands in it.
    const LONGEST: usize = 160;
    let key = crate::redact::HashKey::new(b"a key for tests");
    let step = if cfg!(miri) { 50 } else { 1 };
    let is_short = |vector: &Vector| vector.text.len() <= LONGEST && !vector.is_alone;
    let vectors: Vec<_> = vectors().into_iter().filter(is_short).step_by(step).collect();
    let mut failures = Vec::new();
    for first in &vectors {
        for second in &vectors {
            let detectors =
                DetectorSet { on: first.detectors.on.union(second.detectors.on), custom: Vec::new() };
            let look = Look { on: detectors.selection(), is_query: false };
            let mut replace = |_, found: &str, out: &mut String| out.push_str(&key.pseudonym(found));
            let mut hashed = |text: &str| {
                redact_text(&detectors, look, text, &mut replace).unwrap_or_else(|| text.to_owned())
            };
            for between in ["", " ", ".", "/", ","] {
                let text = format!("{}{between}{}", first.text, second.text);
                let once = redacted(&detectors, &text).0;
                let twice = redacted(&detectors, &once).0;
                if twice != once {
                    failures.push(format!("{text:?}\n    {once:?}\n    {twice:?}"));
                }
                let once = hashed(&text);
                let twice = hashed(&once);
                if twice != once {
                    failures.push(format!("{text:?}\n    {once:?}\n    {twice:?}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.len(), failures.join("\n"));
}
