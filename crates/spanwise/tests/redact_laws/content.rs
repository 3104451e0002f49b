//! `privacy-mode` on documents with content in every place that has attributes: none of it is left, in any spelling, for
//! any reader, and all that is no content is as it was.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use spanwise::redact::{Action, Bodies, CompiledPolicy, Policy, Preset, Redactor};
use spanwise::{AttributesRef, DecodeOptions, Mode, SpanBatch, ValueRef, decode, encode};
use spanwise_testgen::{CONTENT_KEYS, Dialect, document};

use super::{bytes, check_valid, compiled, mode_again, readers, redacted_by, runs};

/// How the generator spells its canary in base64.
const BASE64: [&str; 5] = ["UVpYUVpY", "P1FaWFFaWA", "Pz9RWlhRWlg", "_1FaWFFaWA", "/z9RWlhRWlg"];

/// Every canary of the generator begins so. Its single letters can come up in the base64 of other bytes.
const CANARY: &str = "QZX";

fn is_canary(text: &str) -> bool {
    text.contains(CANARY) || BASE64.iter().any(|word| text.contains(word))
}

/// Policies that each take all content out, one way or another; the first leaves all else as it is. Made once: that costs
/// more than a document.
static POLICIES: LazyLock<[Arc<CompiledPolicy>; 5]> = LazyLock::new(|| {
    let privacy = || Policy::from_preset(Preset::PrivacyMode);
    [
        privacy(),
        privacy().bodies(Bodies::Structure),
        privacy().preset(Preset::Secrets),
        privacy().content(Action::Drop),
        privacy().content(Action::Hash),
    ]
    .map(|policy| Arc::new(compiled(&policy)))
});

fn redacted(policy: &Arc<CompiledPolicy>, input: &[u8], mode: Mode) -> Option<Vec<u8>> {
    redacted_by(
        &mut Redactor::with_options(Arc::clone(policy), DecodeOptions::default().with_mode(mode)),
        input,
    )
}

fn check_gone(policy: &Arc<CompiledPolicy>, input: &[u8], mode: Mode) -> TestCaseResult {
    let Some(once) = redacted(policy, input, mode) else {
        return Ok(());
    };
    check_valid(&once)?;
    let text = String::from_utf8(once.clone()).unwrap();
    let found = readers::strings(&text).into_iter().find(|text| is_canary(text));
    prop_assert_eq!(found, None, "{}\nof {}", text, String::from_utf8_lossy(input));
    prop_assert!(!is_canary(&text), "{}\nof {}", text, String::from_utf8_lossy(input));
    let twice = redacted(policy, &once, mode_again(&once, mode));
    prop_assert_eq!(twice.map(|twice| String::from_utf8(twice).unwrap()), Some(text));
    Ok(())
}

/// No buffer of the redacted batch holds a canary.
fn check_buffers(policy: &Arc<CompiledPolicy>, batch: &SpanBatch) -> TestCaseResult {
    let redacted = Redactor::new(Arc::clone(policy)).redact(batch).unwrap().batch;
    for buffer in [redacted.input().to_vec(), redacted.arena().to_vec(), encode(&redacted)] {
        let text = String::from_utf8_lossy(&buffer);
        prop_assert!(!is_canary(&text), "{}", text);
        prop_assert!(!text.contains("QZXQZX"), "{}", text);
    }
    Ok(())
}

fn is_content(key: &str) -> bool {
    CONTENT_KEYS.iter().any(|content| key.starts_with(content))
}

/// Whether members are themselves a pair, `{"key": …, "value": …}`, whose key is one of content: one that somebody wrote where no
/// attributes belong is one all the same.
fn names_content(members: AttributesRef<'_>) -> bool {
    let mut members = members.iter().filter(|member| member.key() == "key");
    members.any(|member| member.value().as_str().is_some_and(is_content))
}

fn check_value(before: &ValueRef<'_>, after: &ValueRef<'_>) -> TestCaseResult {
    match (before, after) {
        (ValueRef::Array(before), ValueRef::Array(after)) => {
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(after.iter()) {
                check_value(&before, &after)?;
            }
        }
        (ValueRef::KvList(before), ValueRef::KvList(after)) => {
            check_members(*before, *after, names_content(*before))?;
        }
        (before, after) => prop_assert_eq!(before, after),
    }
    Ok(())
}

fn check_attributes(before: AttributesRef<'_>, after: AttributesRef<'_>) -> TestCaseResult {
    check_members(before, after, false)
}

/// Of a pair of content, all but the key may be gone.
fn check_members(before: AttributesRef<'_>, after: AttributesRef<'_>, is_pair: bool) -> TestCaseResult {
    let distinct: std::collections::HashSet<_> = before.iter().map(spanwise::AttributeRef::key).collect();
    // Attributes without a key are none that another supersedes.
    let is_keyed = |key: &std::borrow::Cow<'_, str>| !key.is_empty();
    let left = after.iter().map(spanwise::AttributeRef::key).filter(is_keyed).count();
    prop_assert_eq!(left, distinct.iter().filter(|key| is_keyed(key)).count(), "{:?} {:?}", before, after);
    for attribute in after.iter().filter(|attribute| !attribute.key().is_empty()) {
        let key = attribute.key();
        let value = before.get(&key).unwrap();
        let is_gone = attribute.value().as_str().is_some_and(|text| text.starts_with("[REDACTED:"))
            || attribute.value() == ValueRef::Empty;
        if is_content(&key) {
            prop_assert!(is_gone, "{:?} under {}", attribute.value(), key);
        } else if !(is_pair && key != "key" && is_gone) {
            check_value(&value, &attribute.value())?;
        }
    }
    Ok(())
}

/// Whatever is no content is as it was: texts, times, kinds, and the values of all other attributes.
fn check_kept(input: &[u8]) -> TestCaseResult {
    let (Ok(before), Some(after)) = (decode(input.to_vec()), redacted(&POLICIES[0], input, Mode::Lenient))
    else {
        return Ok(());
    };
    let after = decode(after).unwrap();
    prop_assert_eq!(before.len(), after.len());
    for (before, after) in before.spans().zip(after.spans()) {
        prop_assert_eq!(before.name(), after.name());
        prop_assert_eq!(before.trace_state(), after.trace_state());
        prop_assert_eq!(before.status().message, after.status().message);
        prop_assert_eq!(before.status().code, after.status().code);
        prop_assert_eq!((before.kind(), before.flags()), (after.kind(), after.flags()));
        prop_assert_eq!(before.start_time_unix_nano(), after.start_time_unix_nano());
        prop_assert_eq!(before.end_time_unix_nano(), after.end_time_unix_nano());
        if before.ids_valid() {
            prop_assert_eq!((before.trace_id(), before.span_id()), (after.trace_id(), after.span_id()));
        }
        check_attributes(before.attributes(), after.attributes())?;
        check_attributes(before.scope().attributes(), after.scope().attributes())?;
        check_attributes(before.resource().attributes(), after.resource().attributes())?;
        prop_assert_eq!(before.scope().name(), after.scope().name());
        prop_assert_eq!(before.resource().schema_url(), after.resource().schema_url());
        prop_assert_eq!(before.events().len(), after.events().len());
        for (before, after) in before.events().zip(after.events()) {
            prop_assert_eq!((before.name(), before.time_unix_nano()), (after.name(), after.time_unix_nano()));
            check_attributes(before.attributes(), after.attributes())?;
        }
        prop_assert_eq!(before.links().len(), after.links().len());
        for (before, after) in before.links().zip(after.links()) {
            prop_assert_eq!(before.trace_state(), after.trace_state());
            check_attributes(before.attributes(), after.attributes())?;
        }
    }
    Ok(())
}

fn check(input: &[u8]) -> TestCaseResult {
    for policy in POLICIES.iter() {
        for mode in [Mode::Strict, Mode::Lenient] {
            check_gone(policy, input, mode)?;
        }
        if let Ok(batch) = decode(input.to_vec()) {
            check_buffers(policy, &batch)?;
        }
    }
    let kept = check_kept(input);
    prop_assert!(kept.is_ok(), "{:?} of {}", kept, String::from_utf8_lossy(input));
    Ok(())
}

proptest! {
    #![proptest_config(runs())]

    #[test]
    fn content_of_valid_documents(bytes in bytes()) {
        check(&document(&bytes, Dialect::STRICT_CONTENT).text)?;
    }

    #[test]
    fn content_of_documents_with_every_liberty(bytes in bytes()) {
        check(&document(&bytes, Dialect::CONTENT).text)?;
    }
}

/// `false` among the pairs makes them members of plain JSON, of which one is called `key`.
#[test]
fn content_goes_out_of_a_pair_that_is_no_attribute() {
    let document = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":{"k":{"kvlist_value":{"values":[false,{"value":{"stringValue":"QZX"},"key":"gen_ai.prompt"},{"value":"kept","key":"k"}]}}}}]}]}]}"#;
    check(document.as_bytes()).unwrap();
    let after =
        String::from_utf8(redacted(&POLICIES[0], document.as_bytes(), Mode::Lenient).unwrap()).unwrap();
    assert!(!after.contains("QZX") && after.contains("gen_ai.prompt") && after.contains("kept"), "{after}");
}

/// The generator makes what the laws are about: content in every place that has attributes, in strict and lenient documents.
#[test]
fn the_documents_hold_content() {
    for dialect in [Dialect::STRICT_CONTENT, Dialect::CONTENT] {
        let mut places = [0; 5];
        for seed in 0..400u32 {
            let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
            let bytes: Vec<u8> = (0..1500)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state.to_le_bytes()[1]
                })
                .collect();
            let Ok(batch) = decode(document(&bytes, dialect).text) else { continue };
            let count = |attributes: AttributesRef<'_>| {
                attributes.iter().filter(|attribute| is_content(&attribute.key())).count()
            };
            for span in batch.spans() {
                places[0] += count(span.resource().attributes());
                places[1] += count(span.scope().attributes());
                places[2] += count(span.attributes());
                places[3] += span.events().map(|event| count(event.attributes())).sum::<usize>();
                places[4] += span.links().map(|link| count(link.attributes())).sum::<usize>();
            }
        }
        assert!(places.iter().all(|count| *count > 20), "{places:?}");
    }
}
