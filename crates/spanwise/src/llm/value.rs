//! Reading what a column wants out of a value, in whatever type the sender chose.
//!
//! Counts and costs come as `intValue`, as `doubleValue` and as text, and some conventions put JSON text into strings. A
//! value that is nothing the column could hold (no number, a negative count, an empty text) reads as absent, so that the
//! next source key is asked.

use std::borrow::Cow;

use super::table::Form;
use crate::batch::ValueRef;
use crate::json::{Cursor, RawString, Scalar, escape, number};

/// A text, not empty. Integers are read as their digits: some senders number their users.
pub(super) fn text<'a>(value: &ValueRef<'a>, form: Form) -> Option<Cow<'a, str>> {
    let text = match picked(value, form)? {
        Picked::Value(ValueRef::String(text)) | Picked::Text(text) => text,
        Picked::Value(ValueRef::Int(number)) => Cow::Owned(number.to_string()),
        Picked::Number(digits) if number::integer(digits.as_bytes()).is_ok() => digits,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A count: a whole number that is not negative.
pub(super) fn count(value: &ValueRef<'_>, form: Form) -> Option<i64> {
    let count = match picked(value, form)? {
        Picked::Value(ValueRef::Int(number)) => number,
        Picked::Value(ValueRef::Double(number)) => whole(number)?,
        Picked::Value(ValueRef::String(text)) | Picked::Text(text) | Picked::Number(text) => {
            i64::try_from(number::integer(text.as_bytes()).ok()?).ok()?
        }
        Picked::Value(_) => return None,
    };
    (count >= 0).then_some(count)
}

/// A finite amount.
pub(super) fn amount(value: &ValueRef<'_>, form: Form) -> Option<f64> {
    let amount = match picked(value, form)? {
        #[allow(clippy::cast_precision_loss, reason = "an amount is a double")]
        Picked::Value(ValueRef::Int(number)) => number as f64,
        Picked::Value(ValueRef::Double(number)) => number,
        Picked::Value(ValueRef::String(text)) | Picked::Text(text) | Picked::Number(text) => {
            number::double(text.as_bytes())?
        }
        Picked::Value(_) => return None,
    };
    amount.is_finite().then_some(amount)
}

/// Whether a mark is set.
pub(super) fn mark(value: &ValueRef<'_>, form: Form) -> bool {
    match (value, form) {
        (ValueRef::String(text), Form::Says(mark)) => text == mark,
        _ => false,
    }
}

/// The whole number that a double is, below 2^53, where doubles still hold every one of them.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "whole and within range")]
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

/// What a form finds in a value.
enum Picked<'a> {
    Value(ValueRef<'a>),
    /// A string of JSON text.
    Text(Cow<'a, str>),
    /// A number of JSON text.
    Number(Cow<'a, str>),
}

fn picked<'a>(value: &ValueRef<'a>, form: Form) -> Option<Picked<'a>> {
    match (form, value) {
        (Form::First, ValueRef::Array(elements)) => elements.get(0).map(Picked::Value),
        (Form::First, ValueRef::String(text)) if text.starts_with('[') => in_json(text, |cursor| {
            cursor.open().ok()?;
            cursor.next_item(true, b']').ok()?.then_some(())
        }),
        (Form::JsonText, ValueRef::String(text)) => {
            in_json(text, |_| Some(())).or_else(|| Some(Picked::Text(text.clone())))
        }
        (Form::Member(path), ValueRef::String(text)) => {
            in_json(text, |cursor| path.iter().try_for_each(|name| member(cursor, name.as_bytes())))
        }
        (Form::Member([name, rest @ ..]), ValueRef::KvList(members)) => {
            let mut value = members.get(name)?;
            for name in rest {
                let ValueRef::KvList(members) = value else { return None };
                value = members.get(name)?;
            }
            Some(Picked::Value(value))
        }
        (Form::Member(_), _) => None,
        (Form::Plain | Form::JsonText | Form::First | Form::Says(_), value) => {
            Some(Picked::Value(value.clone()))
        }
    }
}

/// The string or number of JSON text at which `find` leaves the cursor.
fn in_json<'a>(text: &str, find: impl FnOnce(&mut Cursor<'_>) -> Option<()>) -> Option<Picked<'a>> {
    let mut cursor = Cursor::over(text.as_bytes(), 0, false);
    cursor.white();
    find(&mut cursor)?;
    match cursor.scalar().ok()? {
        Scalar::String(raw) => Some(Picked::Text(Cow::Owned(unescaped(&cursor, raw)))),
        Scalar::Number(raw) => {
            let digits = cursor.slice(raw.start, raw.end);
            Some(Picked::Number(Cow::Owned(String::from_utf8_lossy(digits).into_owned())))
        }
        _ => None,
    }
}

/// Moves from the start of an object to the value of its member `name`, the last of equal ones.
fn member(cursor: &mut Cursor<'_>, name: &[u8]) -> Option<()> {
    if cursor.peek() != Some(b'{') {
        return None;
    }
    cursor.open().ok()?;
    let mut found = None;
    let mut first = true;
    while cursor.next_item(first, b'}').ok()? {
        first = false;
        let key = cursor.string().ok()?;
        cursor.colon().ok()?;
        let same = if key.escaped {
            unescaped(cursor, key).as_bytes() == name
        } else {
            cursor.slice(key.start, key.end) == name
        };
        if same {
            found = Some(cursor.at);
        }
        cursor.skip().ok()?;
    }
    cursor.at = found?;
    Some(())
}

fn unescaped(cursor: &Cursor<'_>, raw: RawString) -> String {
    let mut out = Vec::new();
    escape::unescape_into(cursor.slice(raw.start, raw.end), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> ValueRef<'_> {
        ValueRef::String(Cow::Borrowed(text))
    }

    #[test]
    fn counts_come_in_every_type_and_are_exact() {
        for (value, expected) in [
            (ValueRef::Int(214), Some(214)),
            (ValueRef::Double(214.0), Some(214)),
            (string("214"), Some(214)),
            (string("2.14e2"), Some(214)),
            (string("9223372036854775807"), Some(i64::MAX)),
            (string("9223372036854775808"), None),
            (ValueRef::Double(214.5), None),
            (ValueRef::Double(1e300), None),
            (ValueRef::Double(f64::NAN), None),
            (ValueRef::Int(-1), None),
            (string(""), None),
            (string("214 tokens"), None),
            (ValueRef::Bool(true), None),
            (ValueRef::Empty, None),
        ] {
            assert_eq!(count(&value, Form::Plain), expected, "{value:?}");
        }
    }

    #[test]
    fn amounts_come_in_every_type_and_are_finite() {
        for (value, expected) in [
            (ValueRef::Double(2.5e-7), Some(2.5e-7)),
            (ValueRef::Int(2), Some(2.0)),
            (string("0.02"), Some(0.02)),
            (string("2.5e-7"), Some(2.5e-7)),
            (string("1e999"), None),
            (string("NaN"), None),
            (ValueRef::Double(f64::INFINITY), None),
        ] {
            assert_eq!(amount(&value, Form::Plain), expected, "{value:?}");
        }
    }

    #[test]
    fn members_are_found_at_any_depth_and_the_last_of_equal_ones_counts() {
        let usage = string(r#" {"input":51, "in\u0070ut":52,"usage":{"a":[{}],"total":"59"},"note":{}} "#);
        assert_eq!(count(&usage, Form::Member(&["input"])), Some(52));
        assert_eq!(count(&usage, Form::Member(&["usage", "total"])), Some(59));
        assert_eq!(count(&usage, Form::Member(&["note"])), None);
        assert_eq!(count(&usage, Form::Member(&["input", "deeper"])), None);
        assert_eq!(count(&usage, Form::Member(&["output"])), None);
        assert_eq!(count(&string(r#"{"input":51"#), Form::Member(&["input"])), None);
        assert_eq!(count(&string(r#"{"input":5"#), Form::Member(&["input"])), None);
        assert_eq!(count(&ValueRef::Int(5), Form::Member(&["input"])), None);
        assert_eq!(amount(&string(r#"{"total":3.1e-4}"#), Form::Member(&["total"])), Some(0.00031));
    }

    #[test]
    fn json_text_is_undone_once_and_other_text_is_kept() {
        assert_eq!(text(&string(r#""heron \"2\"""#), Form::JsonText).as_deref(), Some("heron \"2\""));
        assert_eq!(text(&string("heron-2"), Form::JsonText).as_deref(), Some("heron-2"));
        assert_eq!(text(&string(r#""heron"#), Form::JsonText).as_deref(), Some(r#""heron"#));
        assert_eq!(text(&string(r#""""#), Form::JsonText), None);
        assert_eq!(text(&string("7"), Form::JsonText).as_deref(), Some("7"));
    }

    #[test]
    fn the_first_of_a_list_is_taken_from_json_text_too() {
        for (value, expected) in [
            (string(r#"["stop","length"]"#), Some("stop")),
            (string(r#"[ "tool_calls" ]"#), Some("tool_calls")),
            (string("stop"), Some("stop")),
            (string("[]"), None),
            (string("[broken"), None),
        ] {
            assert_eq!(text(&value, Form::First).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn texts_are_not_empty_and_a_numbered_user_is_a_text() {
        assert_eq!(text(&string(""), Form::Plain), None);
        assert_eq!(text(&ValueRef::Int(7), Form::Plain).as_deref(), Some("7"));
        assert_eq!(text(&ValueRef::Bool(true), Form::Plain), None);
    }
}
