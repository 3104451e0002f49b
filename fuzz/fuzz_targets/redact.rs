//! Redaction: a canary must vanish, what comes out must be read, and redacting it again must change nothing. Inputs are
//! documents as they are, or documents made from the fuzzer's bytes with canaries in them.

#![no_main]

use std::cell::RefCell;

use serde::Deserialize as _;
use spanwise::redact::{
    Action, Bodies, HashKey, Mode as PolicyMode, Place, Policy, Preset, RedactError, Redactor, TextAction,
    Unknown,
};
use spanwise::{DecodeOptions, Decoder, Framing, Mode, SpanBatch, decode, encode};
use spanwise_testgen::{Damage, Dialect, Entropy, damage, document};

/// Every text of the user's that has these letters is a canary, and nothing else has them.
const CANARY: [char; 3] = ['Q', 'X', 'Z'];

struct Redactors {
    /// No text of the user's stays.
    everything: Redactor,
    strict: Redactor,
    /// Content goes, in each of these.
    content: Vec<Redactor>,
    empty: Redactor,
}

thread_local! {
    /// Kept from input to input: what becomes of one must not depend on the ones before.
    static REDACTORS: RefCell<Redactors> = RefCell::new(Redactors::new());
}

impl Redactors {
    fn new() -> Self {
        let compiled =
            |policy: Policy| policy.compile(Some(HashKey::new(b"a key for fuzzing"))).expect("a policy");
        let privacy = || Policy::from_preset(Preset::PrivacyMode);
        let everything = compiled(everything_goes());
        let strict = DecodeOptions::default().with_mode(Mode::Strict);
        Self {
            strict: Redactor::with_options(everything.clone(), strict),
            everything: Redactor::new(everything),
            content: [
                privacy(),
                privacy().bodies(Bodies::Structure),
                privacy().preset(Preset::Secrets).unknown(Unknown::Keep).read_numbers(true),
                privacy().content(Action::Hash).preset(Preset::Secrets),
            ]
            .map(|policy| Redactor::new(compiled(policy)))
            .into(),
            empty: Redactor::new(compiled(Policy::new())),
        }
    }
}

fn everything_goes() -> Policy {
    let texts = Place::ALL.iter().copied().filter(|place| !place.has_keys());
    let none = Policy::new().mode(PolicyMode::Allow).unknown(Unknown::Drop);
    texts.fold(none, |policy, place| policy.text(place, TextAction::Mask))
}

/// One JSON value, however deep: decode's bound is not `serde_json`'s. Nothing where a number is beyond `serde_json`, which is only
/// where its feature `arbitrary_precision` is off.
fn parsed(text: &[u8]) -> Option<serde_json::Value> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let value = serde_json::Value::deserialize(&mut reader);
    match value.and_then(|value| reader.end().map(|()| value)) {
        Err(error) if error.to_string().starts_with("number out of range") => None,
        value => Some(value.unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(text)))),
    }
}

/// What the redactor makes of a payload, checked as far as it holds for any.
fn redacted(redactor: &mut Redactor, input: &[u8]) -> Option<String> {
    let once = match redactor.redact_json(input.to_vec()) {
        Ok(redacted) => redacted.data,
        Err(RedactError::Decode(_)) => return None,
        Err(error) => panic!("{error}"),
    };
    parsed(&once);
    let twice = redactor.redact_json(once.clone()).expect("what came out is read").data;
    assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once), "twice is not once");
    // A batch says the same.
    if redactor.decode_options().mode == Mode::Lenient {
        let batch = decode(input.to_vec()).expect("read before");
        let of_batch = redactor.redact(&batch).expect("small enough").batch;
        assert!(of_batch == decode(once.clone()).expect("read before"), "{}", String::from_utf8_lossy(&once));
    }
    let block = redactor.redact_block(input.to_vec(), Framing::Auto).expect("small enough").data;
    let again = redactor.redact_block(block.clone(), Framing::Auto).expect("small enough").data;
    assert_eq!(
        String::from_utf8_lossy(&again),
        String::from_utf8_lossy(&block),
        "a block, twice, is not once"
    );
    Some(String::from_utf8(once).expect("UTF-8"))
}

fn assert_gone(redactor: &mut Redactor, input: &[u8]) {
    let Some(output) = redacted(redactor, input) else { return };
    assert!(!output.contains(CANARY), "{output}");
    if let Some(value) = parsed(output.as_bytes()) {
        assert!(!value.to_string().contains(CANARY), "{output}");
    }
    if let Ok(batch) = decode(input.to_vec()) {
        let batch = redactor.redact(&batch).expect("small enough").batch;
        for buffer in [batch.input().to_vec(), encode(&batch)] {
            assert!(!String::from_utf8_lossy(&buffer).contains(CANARY), "in a buffer");
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    REDACTORS.with_borrow_mut(|redactors| match kind % 4 {
        0 => {
            for redactor in
                redactors.content.iter_mut().chain([&mut redactors.everything, &mut redactors.strict])
            {
                redacted(redactor, bytes);
            }
            let mut batch = SpanBatch::new();
            let mut strict = Decoder::new(DecodeOptions::default().with_mode(Mode::Strict));
            let is_valid = strict.decode(bytes.to_vec(), &mut batch).is_ok()
                && batch.error_count() + batch.warning_count() == 0
                && decode(bytes.to_vec()).is_ok_and(|batch| batch.diagnostics().len() == 0);
            let output = redacted(&mut redactors.empty, bytes);
            assert!(
                !is_valid || output.is_some_and(|output| output.as_bytes() == bytes),
                "an empty policy changes"
            );
        }
        1 | 2 => {
            let dialect = if kind % 4 == 1 { Dialect::CONTENT } else { Dialect::STRICT_CONTENT };
            let text = document(bytes, dialect).text;
            // With unknown members kept, those of the generator stay, canaries and all.
            for redactor in redactors.content.iter_mut().filter(|it| it.policy().unknown() == Unknown::Drop) {
                assert_gone(redactor, &text);
            }
        }
        _ => {
            let Some((&[a, b, c, d], bytes)) = bytes.split_first_chunk::<4>() else { return };
            let mut text = document(bytes, Dialect::CANARIES).text;
            if a & 1 == 1 && !text.is_empty() {
                let at = usize::from(u16::from_be_bytes([b, c])) % text.len();
                damage(&mut text, at, Damage::any(&mut Entropy::new(&[d, c, b])));
            }
            assert_gone(&mut redactors.everything, &text);
            assert_gone(&mut redactors.strict, &text);
        }
    });
});
