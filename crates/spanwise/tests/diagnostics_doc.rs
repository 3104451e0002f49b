//! Keeps `docs/diagnostics.md` true: every code is listed once with its layer, effects and message, every bound with its
//! default, and each example yields its code and no other, with the effects that the table says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;

use spanwise::{Code, DecodeOptions, Decoder, Framing, Limits, Mode, Severity, SpanBatch};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/diagnostics.md")).unwrap()
}

/// The cells of each row of the table under a heading, without the table's own head.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    rows.skip(1).map(|row| row.split(" |").map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn without_ticks(cell: &str) -> &str {
    cell.trim_matches('`')
}

#[test]
fn every_code_is_listed_once_as_it_is() {
    let listed = table(&page(), "Codes");
    assert_eq!(listed.len(), Code::ALL.len());
    for (row, code) in listed.iter().zip(Code::ALL) {
        assert_eq!(without_ticks(&row[0]), code.as_str());
        assert_eq!(row[1], code.layer().as_str(), "{code}");
        for (word, mode) in [(&row[2], Mode::Strict), (&row[3], Mode::Lenient)] {
            let severity = if matches!(word.as_str(), "document" | "error") {
                Severity::Error
            } else {
                Severity::Warning
            };
            assert_eq!(code.severity(mode), severity, "{code} {mode:?}");
        }
        assert_eq!(row[4], code.message(), "{code}");
    }
}

#[test]
fn every_bound_is_listed_with_its_default() {
    let default = Limits::default();
    let listed: BTreeMap<String, usize> = table(&page(), "Bounds")
        .iter()
        .map(|row| (without_ticks(&row[0]).to_owned(), row[1].parse().unwrap()))
        .collect();
    let expected = [
        ("document_bytes", default.document_bytes),
        ("depth", default.depth),
        ("spans", default.spans),
        ("attributes", default.attributes),
        ("string_bytes", default.string_bytes),
        ("diagnostics", default.diagnostics),
    ];
    assert_eq!(listed, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

/// The bytes of an example: `⟨0A⟩` is one byte.
fn bytes(example: &str) -> Vec<u8> {
    let mut parts = example.split('⟨');
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_once('⟩').unwrap();
        out.push(u8::from_str_radix(byte, 16).unwrap());
        out.extend_from_slice(rest.as_bytes());
    }
    out
}

/// The scaffold of the place round the example.
fn document(place: &str, example: &str) -> Vec<u8> {
    let in_span = |members: &str| {
        let mut span = members.to_owned();
        for (name, value) in [
            ("traceId", "0af7651916cd43dd8448eb211c80319c"),
            ("spanId", "b7ad6b7169203331"),
            ("name", "chat"),
        ] {
            if !span.contains(&format!("\"{name}\":")) {
                span = format!("\"{name}\":\"{value}\",{span}");
            }
        }
        bytes(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{span}}}]}}]}}]}}"#))
    };
    match place {
        "span" => in_span(example),
        "value" => in_span(&format!(r#""attributes":[{{"key":"a","value":{example}}}]"#)),
        "payload" | "lines" | "documents" => bytes(example),
        _ => panic!("unknown place {place}"),
    }
}

fn limits(setting: &str) -> Limits {
    let mut limits = Limits::default();
    let Some((name, value)) = setting.split_once(" = ") else { return limits };
    let value = value.parse().unwrap();
    match name {
        "document_bytes" => limits.document_bytes = value,
        "depth" => limits.depth = value,
        "spans" => limits.spans = value,
        "attributes" => limits.attributes = value,
        "string_bytes" => limits.string_bytes = value,
        _ => panic!("unknown setting {name}"),
    }
    limits
}

/// What an example yields in a mode: severities and codes, or the code of a rejection.
fn findings(place: &str, text: &[u8], options: DecodeOptions) -> Result<Vec<(Severity, Code)>, Code> {
    let mut batch = SpanBatch::new();
    let mut decoder = Decoder::new(options);
    let result = match place {
        "lines" => decoder.decode_block(text.to_vec(), Framing::Lines, &mut batch),
        "documents" => decoder.decode_block(text.to_vec(), Framing::Documents, &mut batch),
        _ => decoder.decode(text.to_vec(), &mut batch),
    };
    match result {
        Ok(()) => Ok(batch.diagnostics().map(|found| (found.severity, found.code)).collect()),
        Err(error) => Err(error.diagnostic().code),
    }
}

/// The effect of `code` in the page's words. Codes besides it may only be `beside`.
fn effect(code: Code, beside: Option<Code>, found: Result<Vec<(Severity, Code)>, Code>) -> &'static str {
    let found = match found {
        Ok(found) => found,
        Err(rejected) => {
            assert_eq!(rejected, code);
            return "document";
        }
    };
    assert!(found.iter().all(|(_, other)| *other == code || Some(*other) == beside), "{code}: {found:?}");
    match found.iter().find(|(_, other)| *other == code) {
        Some((Severity::Error, _)) => "error",
        Some(_) => "warning",
        None => "silent",
    }
}

#[test]
fn every_example_yields_its_code_and_no_other() {
    let page = page();
    let effects = table(&page, "Codes");
    let examples = table(&page, "Examples");
    assert_eq!(examples.len(), Code::ALL.len());
    for ((row, effects), code) in examples.iter().zip(effects).zip(Code::ALL) {
        let [name, place, setting, example] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(without_ticks(name), code.as_str());
        if *code == Code::ArenaSize {
            continue;
        }
        let beside = match code {
            Code::NoKnownField => Some(Code::UnknownMember),
            Code::MixedSignals => Some(Code::OtherSignal),
            _ => None,
        };
        let text = document(place, without_ticks(example));
        for (mode, word) in [(Mode::Strict, &effects[2]), (Mode::Lenient, &effects[3])] {
            let options =
                DecodeOptions::default().with_mode(mode).with_limits(limits(without_ticks(setting)));
            let found = effect(*code, beside, findings(place, &text, options));
            assert_eq!(found, word, "{code} {mode:?}");
        }
    }
}
