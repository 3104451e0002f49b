//! No damage makes decoding panic or hang, and strict decoding, `serde_json` and `simd-json` agree on what is JSON.
//!
//! | agreed difference | they | ours | reason |
//! |---|---|---|---|
//! | `1e400` | both refuse | JSON | RFC 8259 bounds no number; a field that cannot hold it has a fault of its own |
//! | an integer beyond 64 bits | `simd-json` refuses | JSON | as above |
//! | nesting beyond 127 | `serde_json` refuses | JSON up to the bound, then `nesting-depth` | SDKs send 64 nested lists, which are 202 levels |
//! | a bound exceeded | may accept | a code of layer `limit` | a bound is no verdict on the text |

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;
use simd_json::ErrorType;
use spanwise::{Layer, Mode};
use spanwise_testgen::{Damage, Dialect, damage};

use super::{SAMPLES, damaged_document, damaged_sample, fresh, options, runs};

/// What `serde_json` says, `None` where the table above has a difference.
fn verdict(text: &[u8]) -> Option<bool> {
    let Err(error) = serde_json::from_slice::<Value>(text) else { return Some(true) };
    let message = error.to_string();
    if message.starts_with("number out of range") {
        return None;
    }
    if message.starts_with("recursion limit exceeded") {
        // Reading without keeping has no limit, but looks at neither surrogates nor UTF-8.
        return if serde_json::from_slice::<IgnoredAny>(text).is_err() { Some(false) } else { None };
    }
    Some(false)
}

/// Whether strict decoding calls the text JSON, `None` where a bound was exceeded.
fn ours(text: &[u8]) -> Option<bool> {
    match fresh(text, options(Mode::Strict)) {
        Ok(_) => Some(true),
        Err(error) => match error.diagnostic().code.layer() {
            Layer::Syntax | Layer::Text => Some(false),
            Layer::Limit => None,
            _ => Some(true),
        },
    }
}

/// What `simd-json` says, `None` where the table above has a difference.
fn verdict_of_simd_json(text: &[u8]) -> Option<bool> {
    match simd_json::to_tape(&mut text.to_vec()) {
        Ok(_) => Some(true),
        Err(error) if *error.error() == ErrorType::InvalidNumber => None,
        Err(_) => Some(false),
    }
}

/// The law for one input.
pub(crate) fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let lenient = fresh(text, options(Mode::Lenient));
    if let (Some(ours), Some(theirs)) = (ours(text), verdict_of_simd_json(text)) {
        prop_assert_eq!(ours, theirs, "does simd-json think that it is JSON");
    }
    if let (Some(ours), Some(theirs)) = (ours(text), verdict(text)) {
        prop_assert_eq!(ours, theirs, "is it JSON: {:?}", fresh(text, options(Mode::Strict)).err());
        if ours {
            // A payload may still be of a type that no mode takes.
            let refused = lenient.err().filter(|error| error.diagnostic().code.layer() != Layer::Schema);
            prop_assert!(refused.is_none(), "lenient mode refuses JSON: {:?}", refused);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(runs(400))]

    #[test]
    fn damaged_samples_get_the_same_verdict(text in damaged_sample()) {
        check(&text)?;
    }

    #[test]
    fn damaged_documents_get_the_same_verdict(text in damaged_document(Dialect::STRICT)) {
        check(&text)?;
    }
}

/// Every byte of every small case, each with one kind of damage in turn; with `LAWS_SWEEP=all` with every kind.
#[test]
fn every_byte_of_every_case_may_be_damaged() {
    let all = std::env::var("LAWS_SWEEP").is_ok_and(|value| value == "all");
    let kinds: Vec<_> =
        [Damage::Drop, Damage::Double].into_iter().chain((0..8).map(|bit| Damage::Flip(1 << bit))).collect();
    let mut count = 0;
    for (number, sample) in SAMPLES.iter().enumerate().filter(|(_, sample)| sample.bytes.len() < 3000) {
        for at in 0..sample.bytes.len() {
            for (index, kind) in kinds.iter().enumerate() {
                if all || (at + number) % kinds.len() == index {
                    let mut text = sample.bytes.clone();
                    damage(&mut text, at, *kind);
                    let checked = check(&text);
                    assert!(checked.is_ok(), "{} {kind:?} at {at}: {checked:?}", sample.name);
                    count += 1;
                }
            }
        }
    }
    println!("{count} damaged cases");
    assert!(count > 50_000);
}
