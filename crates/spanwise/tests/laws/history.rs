//! Decoding an input gives the same whatever the decoder and the batch have seen before, and whether by what was learned
//! of the writer's layout or by the general path.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use spanwise::{DecodeError, Decoder, Diagnostic, Mode, Simd, SpanBatch, encode};

use super::{any_input, damaged, damages, options, runs};

/// Everything that can be observed of a decode.
fn observed(batch: &SpanBatch) -> impl PartialEq + std::fmt::Debug {
    (
        batch.diagnostics().collect::<Vec<Diagnostic>>(),
        (batch.rejected_spans(), batch.bad_documents(), batch.other_signals(), batch.dropped_diagnostics()),
        (batch.error_count(), batch.warning_count()),
        batch.documents().to_vec(),
        batch.sources().clone(),
        batch.residue().to_vec(),
        batch.keys().map(std::borrow::Cow::into_owned).collect::<Vec<_>>(),
        (batch.len(), batch.attribute_rows().len(), batch.value_rows().len(), batch.arena().to_vec()),
        batch.key_texts().collect::<Vec<_>>(),
    )
}

/// The law for one input after a history of others.
pub(crate) fn check(history: &[&[u8]], text: &[u8], mode: Mode) -> Result<(), TestCaseError> {
    for records in [true, false] {
        let own = options(mode).with_record_sources(records);
        let mut decoder = Decoder::new(own);
        let mut batch = SpanBatch::new();
        for earlier in history {
            // Whether it was accepted does not matter.
            let _: Result<(), DecodeError> = decoder.decode(earlier.to_vec(), &mut batch);
        }
        let warm = decoder.decode(text.to_vec(), &mut batch);
        for options in [own, own.with_general_path(true).with_simd(Simd::portable())] {
            let mut unused = SpanBatch::new();
            let fresh = Decoder::new(options).decode(text.to_vec(), &mut unused);
            prop_assert_eq!(&warm, &fresh, "{:?}", options);
            prop_assert_eq!(observed(&batch), observed(&unused), "{:?}", options);
            prop_assert!(batch == unused, "{:?} and {:?}", encode(&batch), encode(&unused));
        }
    }
    Ok(())
}

/// Pieces of JSON that stand beside tokens where they should not, or should and mean something else.
const PIECES: [&str; 12] = ["1", "1,", ",1", "null,", "{}", "{},", ",", "[]", "\"s\"", "\"k\":1,", " ", "\n"];

/// The text with pieces put behind some of its brackets and commas, or with these taken away.
fn spliced(mut text: Vec<u8>, splices: &[(Index, usize)]) -> Vec<u8> {
    for (place, piece) in splices {
        let joints = joints(&text);
        if !joints.is_empty() {
            splice(&mut text, *place.get(&joints), *piece);
        }
    }
    text
}

/// Where brackets, commas and colons stand.
fn joints(text: &[u8]) -> Vec<usize> {
    let is_joint = |at: &usize| matches!(text[*at], b'[' | b']' | b'{' | b'}' | b',' | b':');
    (0..text.len()).filter(is_joint).collect()
}

/// Puts a piece behind what stands at `at`; or takes that away, where there is no such piece.
fn splice(text: &mut Vec<u8>, at: usize, piece: usize) {
    let rest = text.split_off(at + 1);
    match PIECES.get(piece) {
        Some(piece) => text.extend(piece.bytes()),
        None => drop(text.pop()),
    }
    text.extend(rest);
}

/// Every joint of a document in which all that is learned comes first, last and alone in its list.
#[test]
fn every_joint_may_be_spliced() {
    let list = r#"{"key":"l","value":{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"1"}]}}}"#;
    let map = r#"{"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}}"#;
    let text = r#"{"key":"s","value":{"stringValue":"a"}}"#;
    let turned = r#"{"value":{"intValue":"1"},"key":"t"}"#;
    let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331""#;
    let span = |attributes: &str| {
        format!(r#"{{{ids},"name":"n","kind":1,"status":{{"code":1}},"attributes":[{attributes}]}}"#)
    };
    let others = format!(
        r#"{{{ids},"name":"n","events":[{{"timeUnixNano":"1","name":"e","attributes":[{list}]}}],"links":[{{{ids},"attributes":[{map}]}}]}}"#
    );
    let documents = [
        vec![span(list), span(&format!("{map},{text}"))],
        vec![span(map), span(&format!("{text},{list}"))],
        vec![span(text), span(&format!("{turned},{text}")), span(turned)],
        vec![others],
    ];
    for spans in documents {
        let text = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{list}]}},"scopeSpans":[{{"scope":{{"name":"s","attributes":[{map}]}},"spans":[{}]}}]}}]}}"#,
            spans.join(",")
        );
        let text = text.as_bytes();
        for at in joints(text) {
            for piece in 0..=PIECES.len() {
                let mut other = text.to_vec();
                splice(&mut other, at, piece);
                for mode in [Mode::Strict, Mode::Lenient] {
                    let read = check(&[text; 3], &other, mode);
                    assert!(read.is_ok(), "{mode:?} {}: {read:?}", other.escape_ascii());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(runs(250))]

    #[test]
    fn an_input_is_read_the_same_after_any_history(
        history in vec(any_input(), 1..5),
        text in any_input(),
        strict in any::<bool>(),
    ) {
        let history: Vec<&[u8]> = history.iter().map(|earlier| &**earlier).collect();
        check(&history, &text, if strict { Mode::Strict } else { Mode::Lenient })?;
    }

    /// What was learned of a document's layout meets nearly that layout.
    #[test]
    fn a_damaged_input_is_read_the_same_after_the_whole_one(
        text in any_input(),
        damages in damages(),
        strict in any::<bool>(),
    ) {
        let mode = if strict { Mode::Strict } else { Mode::Lenient };
        let other = damaged(text.0.clone(), &damages);
        check(&[&text], &other, mode)?;
        check(&[&text, &other, &text], &other, mode)?;
        // Openings are learned last.
        check(&[&text[..]; 4], &other, mode)?;
    }

    /// Where tokens are missing or too many, what was learned must not pass over it.
    #[test]
    fn a_spliced_input_is_read_the_same_after_the_whole_one(
        text in any_input(),
        splices in vec((any::<Index>(), 0..=PIECES.len()), 1..3),
        strict in any::<bool>(),
    ) {
        let mode = if strict { Mode::Strict } else { Mode::Lenient };
        let other = spliced(text.0.clone(), &splices);
        check(&[&text[..]; 3], &other, mode)?;
        check(&[&text, &other, &text], &other, mode)?;
    }

    #[test]
    fn an_input_is_read_the_same_again(text in any_input(), strict in any::<bool>()) {
        let mode = if strict { Mode::Strict } else { Mode::Lenient };
        check(&[&text], &text, mode)?;
        // Elsewhere, and beside itself: what is kept of objects that come again is moved to where they stand.
        let moved = [b" \n", &text[..]].concat();
        let twice = [&text[..], b"\n", &text[..]].concat();
        check(&[&text, &text], &moved, mode)?;
        check(&[&text[..]; 4], &moved, mode)?;
        check(&[&moved, &twice], &twice, mode)?;
    }
}
