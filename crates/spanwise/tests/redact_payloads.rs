//! Every payload of `tests/payloads`, redacted: what must go is gone in every spelling, what must stay is there.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, clippy::format_collect, reason = "a test")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use spanwise::redact::{Bodies, CompiledPolicy, HashKey, Identity, Policy, Preset, Redactor, redact};
use spanwise::{DecodeOptions, Decoder, Framing, Mode, SpanBatch, encode};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads")
}

/// All strings of a JSON text, names too, at every level of JSON in strings and with escapes undone that no parser took.
fn strings_of(text: &str, strings: &mut BTreeSet<String>) {
    fn walk(value: &Value, strings: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => strings_of(text, strings),
            Value::Array(values) => values.iter().for_each(|value| walk(value, strings)),
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                strings_of(name, strings);
                walk(value, strings);
            }),
            Value::Number(number) => drop(strings.insert(number.to_string())),
            _ => {}
        }
    }
    if !strings.insert(text.to_owned()) {
        return;
    }
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok) {
        walk(&value, strings);
    }
    if text.contains('\\') {
        let quoted = format!("\"{}\"", text.replace('"', "\\\"").replace("\\\\\"", "\\\""));
        if let Ok(undone) = serde_json::from_str::<String>(&quoted) {
            strings_of(&undone, strings);
        }
    }
}

/// The spellings of a word in bytes: as it is, in JSON escapes, and in base64 at each of the three alignments.
fn spellings(word: &str) -> Vec<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let escaped: String = word.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let mut spellings = vec![word.to_owned(), escaped.to_uppercase().replace("\\U", "\\u"), escaped];
    for shift in 0..3 {
        let bytes: Vec<u8> = [b' '].repeat(shift).into_iter().chain(word.bytes()).collect();
        let bits: Vec<u8> =
            bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let digits: String = bits
            .chunks_exact(6)
            .skip((shift * 8).div_ceil(6))
            .map(|six| char::from(ALPHABET[six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit))]))
            .collect();
        spellings.push(digits.replace('+', "-").replace('/', "_"));
        spellings.push(digits);
    }
    spellings
}

struct Output {
    bytes: String,
    strings: BTreeSet<String>,
}

impl Output {
    fn new(bytes: Vec<u8>) -> Self {
        let bytes = String::from_utf8(bytes).unwrap();
        let mut strings = BTreeSet::new();
        strings_of(&bytes, &mut strings);
        Self { bytes, strings }
    }

    fn holds(&self, word: &str) -> bool {
        self.bytes.contains(word) || self.strings.iter().any(|text| text.contains(word))
    }

    fn holds_any_spelling(&self, word: &str) -> bool {
        self.holds(word) || spellings(word).iter().any(|word| self.holds(word))
    }
}

fn words(expected: &Value, list: &str) -> Vec<String> {
    let words = expected[list].as_array().into_iter().flatten();
    words.map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn compiled(policy: &Policy) -> CompiledPolicy {
    policy.compile(Some(HashKey::new(b"a key for the tests"))).unwrap()
}

fn redacted(policy: &Policy, input: &[u8], is_block: bool) -> Vec<u8> {
    let mut redactor = Redactor::new(compiled(policy));
    let input = input.to_vec();
    let result =
        if is_block { redactor.redact_block(input, Framing::Auto) } else { redactor.redact_json(input) };
    result.unwrap().data
}

/// What holds for every output: it is read by the letter, and redacting it again changes nothing.
fn check_output(name: &str, policy: &Policy, input: &[u8], is_block: bool) -> Output {
    let once = redacted(policy, input, is_block);
    assert_eq!(
        String::from_utf8_lossy(&redacted(policy, &once, is_block)),
        String::from_utf8_lossy(&once),
        "{name}: twice is once"
    );
    let mut strict = Decoder::new(DecodeOptions::default().with_mode(Mode::Strict));
    let mut batch = SpanBatch::new();
    if is_block {
        strict.decode_block(once.clone(), Framing::Auto, &mut batch).unwrap();
    } else {
        strict.decode(once.clone(), &mut batch).unwrap();
    }
    assert_eq!(
        (batch.rejected_spans(), batch.bad_documents()),
        (0, 0),
        "{name}: {:?}",
        batch.diagnostics().next()
    );
    Output::new(once)
}

fn check_privacy(name: &str, expected: &Value, policy: &Policy, input: &[u8], is_block: bool) {
    let output = check_output(name, policy, input, is_block);
    for word in words(expected, "vanish").iter().chain(&words(expected, "absent")) {
        assert!(!output.holds_any_spelling(word), "{name}: {word} is still there");
    }
    for word in words(expected, "survive") {
        assert!(output.holds(&word), "{name}: {word} is gone");
    }
    for word in words(expected, "maybe") {
        // Near names and free text stay by default; a value whose member was superseded may go.
        let is_superseded = name == "traps.json" && word == "MAYBE-0057";
        assert!(output.holds(&word) || is_superseded || word == "MAYBE-0053", "{name}: {word} is gone");
    }
    for row in expected["vanish_values"].as_array().into_iter().flatten() {
        let key = row["key"].as_str().unwrap();
        let value = &row["value"];
        let spelled = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let after = output.bytes.split(&format!("\"{key}\"")).nth(1).unwrap();
        assert!(!after[..60].contains(&spelled), "{name}: the value of {key} is still there");
        assert!(after[..60].contains("[REDACTED:"), "{name}: {key}");
    }
}

fn check_payload(name: &str, expected: &Value) {
    let input = std::fs::read(folder().join(name)).unwrap();
    let is_block = name.ends_with('l') || name.ends_with("ndjson");
    let privacy = Policy::from_preset(Preset::PrivacyMode);

    check_privacy(name, expected, &privacy, &input, is_block);
    check_privacy(name, expected, &privacy.clone().bodies(Bodies::Structure), &input, is_block);

    for (identity, stays) in
        [(Identity::Keep, true), (Identity::Hash, false), (Identity::Mask, false), (Identity::Drop, false)]
    {
        let output = check_output(name, &privacy.clone().identity(identity), &input, is_block);
        for word in words(expected, "identity") {
            // A user within the settings of a call goes with them.
            assert_eq!(
                output.holds(&word),
                stays && word != "IDENT-0019",
                "{name}: {word} with {identity:?}"
            );
        }
        for word in words(expected, "survive") {
            assert!(output.holds(&word), "{name}: {word} is gone with {identity:?}");
        }
    }

    let both = privacy.clone().preset(Preset::Secrets);
    let output = check_output(name, &both, &input, is_block);
    for word in words(expected, "vanish").iter().chain(&words(expected, "vanish_secrets")) {
        assert!(!output.holds_any_spelling(word), "{name}: {word} is still there");
    }
    for word in words(expected, "survive") {
        assert!(output.holds(&word), "{name}: {word} is gone");
    }
    let secrets = check_output(name, &Policy::from_preset(Preset::Secrets), &input, is_block);
    for word in words(expected, "survive") {
        assert!(secrets.holds(&word), "{name}: {word} is gone with secrets alone");
    }
    for id in words(expected, "untouched_ids") {
        assert!(output.bytes.contains(&format!("\"spanId\":\"{id}\"")), "{name}: {id}");
    }

    check_batch(name, expected, &both, &input, is_block);
    check_empty_policy(name, &input, is_block);
}

/// The redacted batch says what the redacted JSON says, and holds nothing of the old text anywhere.
fn check_batch(name: &str, expected: &Value, policy: &Policy, input: &[u8], is_block: bool) {
    let mut batch = SpanBatch::new();
    let mut decoder = Decoder::default();
    if is_block {
        decoder.decode_block(input.to_vec(), Framing::Auto, &mut batch).unwrap();
    } else {
        decoder.decode(input.to_vec(), &mut batch).unwrap();
    }
    let redacted = redact(&batch, &compiled(policy)).unwrap().batch;
    assert_eq!(redacted.len(), batch.len());
    let buffers = [redacted.input().to_vec(), redacted.arena().to_vec(), encode(&redacted)];
    for buffer in buffers {
        let text = String::from_utf8_lossy(&buffer);
        for word in words(expected, "vanish") {
            assert!(
                !spellings(&word).iter().any(|word| text.contains(word)),
                "{name}: {word} is in a buffer"
            );
        }
    }
    let json = self::redacted(policy, input, is_block);
    let mut again = SpanBatch::new();
    if is_block {
        decoder.decode_block(json, Framing::Auto, &mut again).unwrap();
    } else {
        decoder.decode(json, &mut again).unwrap();
    }
    assert!(again == redacted, "{name}: the batch and the JSON differ");
}

fn check_empty_policy(name: &str, input: &[u8], is_block: bool) {
    let mut strict = Decoder::new(DecodeOptions::default().with_mode(Mode::Strict));
    let mut batch = SpanBatch::new();
    let is_valid = if is_block {
        strict.decode_block(input.to_vec(), Framing::Auto, &mut batch).is_ok()
    } else {
        strict.decode(input.to_vec(), &mut batch).is_ok()
    };
    if is_valid && batch.rejected_spans() == 0 && batch.bad_documents() == 0 {
        let output = redacted(&Policy::new(), input, is_block);
        assert!(output == input, "{name}: an empty policy changed something");
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let expected: Value =
        serde_json::from_slice(&std::fs::read(folder().join("expected.json")).unwrap()).unwrap();
    let files = expected["files"].as_object().unwrap().clone();
    let trials = files.into_iter().map(|(name, expected)| {
        let title = name.clone();
        Trial::test(title, move || {
            check_payload(&name, &expected);
            Ok::<(), Failed>(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
