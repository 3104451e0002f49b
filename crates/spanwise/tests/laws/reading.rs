//! Numbers against the standard library, strings against `serde_json`.

use proptest::collection::vec;
use proptest::prelude::*;
use spanwise::{Code, Layer, Mode, ValueRef};

use super::{fresh, options, runs};

/// What strict mode reads of a member of an `AnyValue`: the value, or the code of the fault.
fn value(member: &str, token: &[u8]) -> Result<Read, Code> {
    let mut text = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n","attributes":[{"key":"k","value":{""#.to_vec();
    text.extend_from_slice(member.as_bytes());
    text.extend_from_slice(b"\":");
    text.extend_from_slice(token);
    text.extend_from_slice(b"}}]}]}]}]}");
    let batch = fresh(&text, options(Mode::Strict)).map_err(|error| error.diagnostic().code)?;
    let Some(span) = batch.span(0) else { return Err(batch.diagnostics().next().unwrap().code) };
    Ok(match span.attributes().get("k") {
        Some(ValueRef::Int(read)) => Read::Int(read),
        Some(ValueRef::Double(read)) => Read::Double(read.to_bits()),
        Some(ValueRef::String(read)) => Read::String(read.into_owned()),
        other => panic!("{other:?}"),
    })
}

#[derive(Debug, PartialEq)]
enum Read {
    Int(i64),
    Double(u64),
    String(String),
}

/// An integer from its digits, by shifting the point in the text.
fn integer(text: &str) -> Result<i64, Code> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap();
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|digit| digit == b'0') {
        return Ok(0);
    }
    let point = whole.len() as i64 + exponent;
    let padded = if point < 0 { "0".repeat(point.unsigned_abs() as usize) + &digits } else { digits };
    let point = point.max(0) as usize;
    let whole: String = padded.chars().chain(std::iter::repeat('0')).take(point).collect();
    let rest: String = padded.chars().skip(point).collect();
    let whole = whole.trim_start_matches('0');
    if whole.len() > 20 {
        return Err(Code::IntRange);
    }
    if rest.bytes().any(|digit| digit != b'0') {
        return Err(Code::IntFraction);
    }
    let value: i128 = format!("{sign}{}", if whole.is_empty() { "0" } else { whole }).parse().unwrap();
    i64::try_from(value).map_err(|_| Code::IntRange)
}

const NUMBER: &str = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?";
const NEARLY_WHOLE: &str = "-?[1-9][0-9]{0,19}(\\.[0-9]{0,3}0{1,20})?([eE][+-]?[0-9]{1,2})?";

/// A piece of a string token, legal or not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z ]{1,9}".prop_map(String::into_bytes),
        2 => any::<char>().prop_filter("no quote", |c| !matches!(c, '"' | '\\')).prop_map(|c| c.to_string().into_bytes()),
        2 => prop::sample::select(vec!["\\n", "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\u0000", "\\u00e9"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}").into_bytes()),
        1 => any::<char>().prop_map(|c| {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect::<String>().into_bytes()
        }),
        1 => (0xd7f0..0xe010u16).prop_map(|unit| format!("\\u{unit:04x}").into_bytes()),
        1 => any::<u8>().prop_filter("no quote", |byte| *byte != b'"').prop_map(|byte| vec![byte]),
    ]
}

/// The law for the content of one string.
fn check_string(token: &[u8]) -> Result<(), TestCaseError> {
    let read = value("stringValue", token);
    match serde_json::from_slice::<String>(token) {
        Ok(expected) => prop_assert_eq!(read, Ok(Read::String(expected))),
        Err(error) => prop_assert!(
            read.as_ref().is_err_and(|code| matches!(code.layer(), Layer::Syntax | Layer::Text)),
            "{error}: {read:?}"
        ),
    }
    Ok(())
}

proptest! {
    #![proptest_config(runs(1500))]

    #[test]
    fn doubles_are_those_of_the_standard_library(text in NUMBER, quoted in any::<bool>()) {
        let token = if quoted { format!("\"{text}\"") } else { text.clone() };
        let expected: f64 = text.parse().unwrap();
        let read = value("doubleValue", token.as_bytes());
        let expected = if expected.is_finite() { Ok(Read::Double(expected.to_bits())) } else { Err(Code::DoubleRange) };
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn every_double_is_read_back(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        prop_assert_eq!(value("doubleValue", format!("{number:?}").as_bytes()), Ok(Read::Double(bits)));
        prop_assert_eq!(value("doubleValue", format!("{number:e}").as_bytes()), Ok(Read::Double(bits)));
    }

    #[test]
    fn integers_are_exact(text in prop_oneof![NUMBER, NEARLY_WHOLE], quoted in any::<bool>()) {
        let token = if quoted { format!("\"{text}\"") } else { text.clone() };
        let read = value("intValue", token.as_bytes());
        match integer(&text) {
            Ok(expected) => prop_assert_eq!(read, Ok(Read::Int(expected))),
            // A number may be too large and have a fraction as well: either may be said.
            Err(_) => prop_assert!(matches!(read, Err(Code::IntRange | Code::IntFraction)), "{:?}", read),
        }
    }

    #[test]
    fn every_integer_is_read_back(number in any::<i64>()) {
        prop_assert_eq!(value("intValue", number.to_string().as_bytes()), Ok(Read::Int(number)));
    }

    #[test]
    fn strings_are_those_of_serde_json(pieces in vec(piece(), 0..12)) {
        check_string(&[b"\"".to_vec(), pieces.concat(), b"\"".to_vec()].concat())?;
    }

    #[test]
    fn long_strings_are_those_of_serde_json(text in any::<String>(), at in 0usize..70) {
        let text = "x".repeat(at) + &text;
        check_string(serde_json::to_string(&text).unwrap().as_bytes())?;
    }
}
