//! Laws of redaction, held against documents made by `spanwise-testgen`: every field, every liberty, members in any
//! order, unknown and superseded members, escapes everywhere, and all of the user's texts made of three letters that no
//! word of the schema has.
//!
//! `PROPTEST_CASES=20000 cargo test --release --test redact_laws` hunts (`content.rs` holds the laws of content).

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod content;
mod parts;
mod readers;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::Value;
use spanwise::redact::{
    Action, CompiledPolicy, HashKey, KeyPattern, Mode as PolicyMode, Place, Policy, Preset, RedactError,
    Redactor, Rule, TextAction, Unknown,
};
use spanwise::{Code, DecodeOptions, Decoder, Framing, Layer, Mode, SpanBatch, decode};
use spanwise_testgen::{Dialect, document, lines};

/// Every text of the user's has these letters, and nothing else has.
const CANARY: [char; 3] = ['Q', 'X', 'Z'];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..1500)
}

/// `PROPTEST_CASES` overrides the number of cases.
fn runs() -> ProptestConfig {
    let chosen = std::env::var_os("PROPTEST_CASES").is_some();
    let default =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 3000, ..ProptestConfig::default() };
    if chosen { default } else { ProptestConfig { cases: 100, ..default } }
}

fn compiled(policy: &Policy) -> CompiledPolicy {
    policy.compile(Some(HashKey::new(b"a key for the tests"))).unwrap()
}

/// A policy under which no text of the user's stays anywhere.
fn everything_goes() -> Policy {
    let texts = Place::ALL.iter().copied().filter(|place| !place.has_keys());
    texts.fold(Policy::new().mode(PolicyMode::Allow).unknown(Unknown::Drop), |policy, place| {
        policy.text(place, TextAction::Mask)
    })
}

/// Masks all values of attributes and keeps their keys, which say nothing here.
fn values_go(action: Action) -> Policy {
    everything_goes().rule(Rule::new(KeyPattern::Regex(String::new()), action))
}

fn redacted(policy: &Policy, input: &[u8], mode: Mode) -> Option<Vec<u8>> {
    let options = DecodeOptions::default().with_mode(mode);
    redacted_by(&mut Redactor::with_options(compiled(policy), options), input)
}

fn redacted_by(redactor: &mut Redactor, input: &[u8]) -> Option<Vec<u8>> {
    match redactor.redact_json(input.to_vec()) {
        Ok(redacted) => Some(redacted.data),
        Err(RedactError::Decode(_)) => None,
        Err(error) => unreachable!("{error}"),
    }
}

/// The output is one JSON value, and a strict reader takes it but for what makes a span no valid one: ids and keys that
/// were never there.
fn check_valid(output: &[u8]) -> TestCaseResult {
    let value = serde_json::from_slice::<Value>(output);
    prop_assert!(value.is_ok(), "{}", String::from_utf8_lossy(output));
    let mut batch = SpanBatch::new();
    let read =
        Decoder::new(DecodeOptions::default().with_mode(Mode::Strict)).decode(output.to_vec(), &mut batch);
    prop_assert!(read.is_ok(), "{}", String::from_utf8_lossy(output));
    for found in batch.diagnostics() {
        let is_semantic = found.code.layer() == Layer::Semantic && found.code != Code::AttributeKeyDuplicate;
        let is_noise = matches!(found.code, Code::NoKnownField | Code::UnknownMember | Code::DuplicateKey);
        let of_strings = matches!(found.code, Code::StringIndex | Code::OtherSignal);
        prop_assert!(is_semantic || is_noise || of_strings, "{found} in {}", String::from_utf8_lossy(output));
    }
    Ok(())
}

/// The mode in which what was written can be read again with nothing missing. Strict mode takes an attribute whose key is an index
/// into a table of strings that traces do not have, but not the attribute without a key that is written for it.
fn mode_again(output: &[u8], mode: Mode) -> Mode {
    let mut batch = SpanBatch::new();
    let mut strict = Decoder::new(DecodeOptions::default().with_mode(Mode::Strict));
    strict.decode(output.to_vec(), &mut batch).unwrap();
    let lacks_key = batch.diagnostics().any(|found| found.code == Code::AttributeKeyEmpty);
    if lacks_key { Mode::Lenient } else { mode }
}

fn check_gone(policy: &Policy, input: &[u8], mode: Mode) -> TestCaseResult {
    let Some(once) = redacted(policy, input, mode) else {
        return Ok(());
    };
    check_valid(&once)?;
    let text = String::from_utf8(once.clone()).unwrap();
    prop_assert!(!text.contains(CANARY), "{text}\nof {}", String::from_utf8_lossy(input));
    prop_assert!(!readers::strings(&text).iter().any(|text| text.contains(CANARY)), "{text}");
    // Bytes that the user sent as base64 are no texts of the user's here, and stay where the policy keeps them.
    let twice = redacted(policy, &once, mode_again(&once, mode));
    prop_assert_eq!(twice.map(|twice| String::from_utf8(twice).unwrap()), Some(text));
    Ok(())
}

/// The redacted batch is what a reader reads of the redacted JSON.
fn check_batch(policy: &Policy, input: &[u8]) -> TestCaseResult {
    let Ok(batch) = decode(input.to_vec()) else {
        return Ok(());
    };
    let json = redacted(policy, input, Mode::Lenient).unwrap();
    let of_json = decode(json.clone()).unwrap();
    let of_batch = Redactor::new(compiled(policy)).redact(&batch).unwrap().batch;
    prop_assert!(
        of_batch == of_json,
        "{}\nof {}",
        String::from_utf8_lossy(&json),
        String::from_utf8_lossy(input)
    );
    Ok(())
}

/// Everything but the values of attributes and the texts that are masked is as it was.
fn check_kept(input: &[u8]) -> TestCaseResult {
    let policy = values_go(Action::Mask).unknown(Unknown::Keep);
    let (Ok(before), Some(after)) = (decode(input.to_vec()), redacted(&policy, input, Mode::Lenient)) else {
        return Ok(());
    };
    let after = decode(after).unwrap();
    prop_assert_eq!(before.len(), after.len());
    for (before, after) in before.spans().zip(after.spans()) {
        // An id that was text has become a digest.
        prop_assert!(before.trace_id_bytes().is_none() || before.trace_id_bytes() == after.trace_id_bytes());
        prop_assert!(before.span_id_bytes().is_none() || before.span_id_bytes() == after.span_id_bytes());
        prop_assert_eq!(before.start_time_unix_nano(), after.start_time_unix_nano());
        prop_assert_eq!(before.end_time_unix_nano(), after.end_time_unix_nano());
        prop_assert_eq!((before.kind(), before.flags()), (after.kind(), after.flags()));
        prop_assert_eq!(before.events().len(), after.events().len());
        prop_assert_eq!(before.links().len(), after.links().len());
    }
    Ok(())
}

fn check_empty_policy(input: &[u8]) -> TestCaseResult {
    let mut batch = SpanBatch::new();
    let mut strict = Decoder::new(DecodeOptions::default().with_mode(Mode::Strict));
    let is_valid = strict.decode(input.to_vec(), &mut batch).is_ok() && batch.error_count() == 0;
    if is_valid && batch.documents().iter().all(|document| !document.other_signal) {
        // A name that strict readers ignore is a liberty to take for a lenient one.
        let ignored = batch.diagnostics().any(|found| {
            matches!(
                found.code,
                Code::SnakeCaseKey | Code::DeprecatedKey | Code::TempoBatches | Code::BareResourceSpans
            )
        });
        let output = redacted(&Policy::new(), input, Mode::Lenient).unwrap();
        prop_assert!(ignored || output == input, "{}", String::from_utf8_lossy(&output));
    }
    Ok(())
}

fn check(input: &[u8]) -> TestCaseResult {
    for mode in [Mode::Strict, Mode::Lenient] {
        check_gone(&everything_goes(), input, mode)?;
    }
    for policy in
        [everything_goes(), values_go(Action::Mask), values_go(Action::Hash), values_go(Action::Truncate(2))]
    {
        check_batch(&policy, input)?;
        if let Some(output) = redacted(&policy, input, Mode::Lenient) {
            check_valid(&output)?;
            prop_assert_eq!(redacted(&policy, &output, Mode::Lenient), Some(output));
        }
    }
    let both = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets);
    check_batch(&both, input)?;
    check_kept(input)?;
    check_empty_policy(input)
}

proptest! {
    #![proptest_config(runs())]

    #[test]
    fn valid_documents(bytes in bytes()) {
        check(&document(&bytes, Dialect::STRICT_CANARIES).text)?;
    }

    #[test]
    fn documents_with_every_liberty(bytes in bytes()) {
        check(&document(&bytes, Dialect::CANARIES).text)?;
    }

    #[test]
    fn damaged_documents(bytes in bytes(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = document(&bytes, Dialect::STRICT_CANARIES).text;
        if !text.is_empty() {
            let at = at.index(text.len());
            text[at] = byte;
        }
        // The byte may be one of the letters; then it is no text of the user's that is found.
        if !CANARY.contains(&char::from(byte)) {
            check(&text)?;
        }
    }

    #[test]
    fn lines_of_documents(bytes in bytes()) {
        check_block(&lines(&bytes, Dialect::CANARIES))?;
    }

    #[test]
    fn documents_after_one_another(
        blocks in prop::collection::vec((bytes(), prop::sample::select(&["", "\n", "\r\n", "\n\n", "\n{\"resourceLogs\":[]}\n", "\n{\n\n", "\nQXZ\n", " QXZ\n", ",\n", "\0\0\0\n", "]\n"])), 2..5),
    ) {
        let mut text = Vec::new();
        for (bytes, end) in &blocks {
            text.extend(document(bytes, Dialect::CANARIES).text);
            text.extend(end.as_bytes());
        }
        check_block(&text)?;
    }
}

/// What comes out of a block: no text of the user's, nothing but JSON, and when redacted again the same.
fn check_block(text: &[u8]) -> TestCaseResult {
    let mut redactor = Redactor::new(compiled(&everything_goes()));
    let output = redactor.redact_block(text.to_vec(), Framing::Auto).unwrap().data;
    let output_text = String::from_utf8(output.clone()).unwrap();
    prop_assert!(!output_text.contains(CANARY), "{output_text:?}\nof {:?}", String::from_utf8_lossy(text));
    let values = serde_json::Deserializer::from_str(&output_text).into_iter::<Value>();
    prop_assert!(
        values.into_iter().all(|value| value.is_ok()),
        "{output_text:?}\nof {:?}",
        String::from_utf8_lossy(text)
    );
    let twice = redactor.redact_block(output.clone(), Framing::Auto).unwrap().data;
    prop_assert_eq!(String::from_utf8(twice).unwrap(), output_text);
    Ok(())
}

/// Where the first document fills one line and the next does not, a reader would take the next for torn lines.
#[test]
fn documents_that_pass_for_lines_become_lines() {
    let spread = "{\n\"resourceSpans\":\n[]}";
    let long = "{\"resourceSpans\": [],\n\"other\": 1}";
    let mut redactor = Redactor::new(compiled(&everything_goes()));
    for (input, output) in [
        // The first was written on two lines, for a member that is not in it any more.
        (format!("{long}\n{spread}\n"), "{\"resourceSpans\": []}\n{\"resourceSpans\":[]}\n".to_owned()),
        // The first is not there any more.
        (
            format!("{{\n\n{{\"resourceSpans\":[]}}\n{spread}"),
            "{\"resourceSpans\":[]}\n{\"resourceSpans\":[]}\n".to_owned(),
        ),
        // Nobody takes these for lines.
        (format!("{spread}\n{long}\n"), format!("{spread}\n{{\"resourceSpans\": []}}\n")),
        (format!("{spread}\n{spread}\n"), format!("{spread}\n{spread}\n")),
    ] {
        let once = redactor.redact_block(input.clone(), Framing::Auto).unwrap();
        assert_eq!(String::from_utf8(once.data.clone()).unwrap(), output, "{input:?}");
        assert_eq!(once.report.documents, 2, "{input:?}");
        let twice = redactor.redact_block(once.data, Framing::Auto).unwrap();
        assert_eq!(String::from_utf8(twice.data).unwrap(), output, "{input:?}");
        assert_eq!(twice.report.documents, 2, "{input:?}");
    }
}

/// Whoever appends to what comes out is to begin a line.
#[test]
fn the_last_line_has_the_end_that_it_had() {
    let document = "{\"resourceSpans\":[]}";
    let mut redactor = Redactor::new(compiled(&everything_goes()));
    for (behind, end) in [
        ("\n{bad\n", "\n"),
        ("\n{bad", "\n"),
        ("\n{\"resourceSpans\":\n", "\n"),
        ("\nQXZ\n\nQXZ\n", "\n"),
        (" QXZ\n", "\n"),
        ("\n{\"resourceLogs\":[]}\n", "\n"),
        ("\n\n", "\n\n"),
        (" QXZ", ""),
        ("", ""),
    ] {
        for framing in [Framing::Auto, Framing::Documents] {
            let redacted = redactor.redact_block(format!("{document}{behind}"), framing).unwrap();
            if redacted.report.documents > 0 {
                assert_eq!(
                    String::from_utf8(redacted.data).unwrap(),
                    format!("{document}{end}"),
                    "{behind:?}"
                );
            }
        }
    }
}

/// What a batch was decoded with decides how its JSON is written, and never what stands in it.
#[test]
fn a_decoded_batch_is_written_with_and_without_its_sources() {
    let span = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","note":"QXZ","name":"QXZ"}]}]}]}"#;
    let policy = compiled(&everything_goes());
    for (input, is_block, documents) in [
        (span.to_owned(), false, 1),
        (format!("{span} {span}"), false, 1),
        (format!("{span}\n{span}\n{{\"resourceLogs\":[\"QXZ\"]}}\nQXZ\n"), true, 2),
        (r#"{"note":"QXZ"}"#.to_owned(), false, 1),
        (String::new(), false, 1),
    ] {
        for records in [false, true] {
            let mut decoder = Decoder::new(DecodeOptions::default().with_record_sources(records));
            let mut batch = SpanBatch::new();
            if is_block {
                decoder.decode_block(input.clone(), Framing::Auto, &mut batch).unwrap();
            } else {
                decoder.decode(input.clone(), &mut batch).unwrap();
            }
            let mut redactor = Redactor::new(policy.clone());
            let mut out = b"before".to_vec();
            let report = redactor.redact_batch_into(&batch, &mut out).unwrap();
            let output = String::from_utf8(out).unwrap();
            let output = output.strip_prefix("before").unwrap();
            assert!(!output.contains("QXZ"), "{output} of {input}");
            let values = serde_json::Deserializer::from_str(output).into_iter::<Value>();
            assert_eq!(values.map(Result::unwrap).count(), documents, "{output} of {input}");
            assert_eq!(report.lost_anything(), is_block);

            // So is one that is redacted already, in a buffer that holds its texts alone.
            let redacted = redactor.redact(&batch).unwrap().batch;
            let mut again = Vec::new();
            redactor.redact_batch_into(&redacted, &mut again).unwrap();
            let again = String::from_utf8(again).unwrap();
            let values = serde_json::Deserializer::from_str(&again).into_iter::<Value>();
            assert_eq!(values.map(Result::unwrap).count(), documents, "{again} of {input}");
            assert_eq!(decode(again).unwrap().len(), batch.len());
        }
    }
}

/// Documents of the past that broke a law.
#[test]
fn documents_that_broke_a_law() {
    let attributes = [
        r#"{"key":"","value":{"stringValue":"v"}},{"value":{"stringValue":"w"}}"#,
        r#"{"value":{"stringValue":"v"}},{"key":"","value":{"stringValue":"w"}}"#,
        r#"{"value":{"stringValue":"v"}},{"value":{"stringValue":"w"}}"#,
        r#"{"key":"","value":{"stringValue":"v"}},{"key":"","value":{"stringValue":"w"}}"#,
        r#"{"key":"a","value":{"kvlistValue":{"values":[{"key":"","value":{"stringValue":"v"}},{"value":{"stringValue":"w"}}]}}}"#,
        r#"{"key":"a","value":{"":1,"":2}}"#,
    ];
    for attributes in attributes {
        let document = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","attributes":[{attributes}]}}]}}]}}]}}"#
        );
        check_batch(&Policy::new(), document.as_bytes()).unwrap();
        check(document.as_bytes()).unwrap();
    }
}
