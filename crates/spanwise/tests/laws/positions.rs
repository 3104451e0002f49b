//! Offset, line and column of findings agree with counting.

use proptest::prelude::*;
use spanwise::{DecodeOptions, Decoder, Diagnostic, Framing, Mode, SpanBatch};
use spanwise_testgen::Dialect;

use super::{any_input, made_lines, runs};

fn check_place(text: &[u8], found: &Diagnostic) -> Result<(), TestCaseError> {
    let offset = usize::try_from(found.offset).unwrap();
    prop_assert!(offset <= text.len(), "{} of {}", offset, text.len());
    let before = &text[..offset];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    prop_assert_eq!((found.line, found.column), (line as u64, column as u64), "{}", found);
    Ok(())
}

/// The law for one input, in both modes, alone and as a block.
pub(crate) fn check(text: &[u8]) -> Result<(), TestCaseError> {
    for mode in [Mode::Strict, Mode::Lenient] {
        let mut decoder = Decoder::new(DecodeOptions::default().with_mode(mode));
        let mut batch = SpanBatch::new();
        if let Err(error) = decoder.decode(text.to_vec(), &mut batch) {
            check_place(text, error.diagnostic())?;
            prop_assert_eq!(batch.diagnostics().len(), 0, "a rejected payload leaves an empty batch");
        }
        for found in batch.diagnostics() {
            check_place(text, &found)?;
        }
        for framing in [Framing::Auto, Framing::Lines, Framing::Documents] {
            decoder.decode_block(text.to_vec(), framing, &mut batch).unwrap();
            for found in batch.diagnostics() {
                check_place(text, &found)?;
            }
            let kept = batch.diagnostics().len() as u64;
            prop_assert_eq!(kept + batch.dropped_diagnostics(), batch.error_count() + batch.warning_count());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(runs(200))]

    #[test]
    fn places_are_right(text in any_input()) {
        check(&text)?;
    }

    #[test]
    fn places_in_lines_are_right(text in made_lines(Dialect::LENIENT)) {
        check(&text)?;
    }
}
