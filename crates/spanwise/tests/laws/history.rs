//! Decoding an input gives the same whatever the decoder and the batch have seen before, and whether by what was learned
//! of the writer's layout or by the general path.

use proptest::collection::vec;
use proptest::prelude::*;
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
    let mut decoder = Decoder::new(options(mode));
    let mut batch = SpanBatch::new();
    for earlier in history {
        // Whether it was accepted does not matter.
        let _: Result<(), DecodeError> = decoder.decode(earlier.to_vec(), &mut batch);
    }
    let warm = decoder.decode(text.to_vec(), &mut batch);
    let general = options(mode).with_general_path(true).with_simd(Simd::portable());
    for options in [options(mode), general] {
        let mut unused = SpanBatch::new();
        let fresh = Decoder::new(options).decode(text.to_vec(), &mut unused);
        prop_assert_eq!(&warm, &fresh, "{:?}", options);
        prop_assert_eq!(observed(&batch), observed(&unused), "{:?}", options);
        prop_assert!(batch == unused, "{:?} and {:?}", encode(&batch), encode(&unused));
    }
    Ok(())
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
