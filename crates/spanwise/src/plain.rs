//! A value as plain JSON: what an analyst expects to see of it, without the `AnyValue` wrapping.
//!
//! | value | JSON |
//! |---|---|
//! | string, bool, int | string, `true` or `false`, all digits of the number |
//! | double | the shortest decimal that reads back as the same double; `"NaN"`, `"Infinity"`, `"-Infinity"` as strings |
//! | bytes | base64 with padding, a string |
//! | array, kvlist | array, object; of equal keys the last |
//! | no member set | `null` |

use std::collections::HashMap;
use std::io::Write as _;

use crate::batch::{AttributesRef, ValueRef};
use crate::decode::base64;
use crate::encode::write_string;

/// Lists up to this long are searched for equal keys entry by entry.
const SHORT: usize = 16;

impl ValueRef<'_> {
    /// Appends the value as plain JSON: strings quoted, bytes as base64, kvlists as objects (of equal keys the last), no
    /// member set as `null`. Doubles that JSON has no number for are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.
    ///
    /// ```
    /// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":{"arrayValue":{"values":[
    ///     {"intValue":"1"},{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"\u0022"}}]}},{}]}}}]}]}]}]}"#;
    /// let batch = spanwise::decode(&body[..])?;
    /// let mut json = Vec::new();
    /// batch.spans().next().and_then(|span| span.attributes().get("k")).unwrap().write_json(&mut json);
    /// assert_eq!(json, br#"[1,{"a":"\""},null]"#);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.extend_from_slice(b"null"),
            Self::String(text) => write_string(text.as_bytes(), out),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Int(value) => {
                // Writing to a vector cannot fail, here and below.
                let _ = write!(out, "{value}");
            }
            Self::Double(value) => write_double(*value, out),
            Self::Bytes(bytes) => {
                out.push(b'"');
                base64::encode_into(bytes, out);
                out.push(b'"');
            }
            Self::Array(elements) => {
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    element.write_json(out);
                }
                out.push(b']');
            }
            Self::KvList(members) => members.write_json(out),
        }
    }
}

impl AttributesRef<'_> {
    /// Appends the list as a plain JSON object, values as [`ValueRef::write_json`] writes them; of equal keys the last.
    pub fn write_json(self, out: &mut Vec<u8>) {
        let last: HashMap<_, _> = if self.len() > SHORT {
            self.iter().enumerate().map(|(index, member)| (member.key_id(), index)).collect()
        } else {
            HashMap::new()
        };
        let superseded = |index: usize, key| match last.get(&key) {
            Some(last) => *last != index,
            None => self.rows().iter().skip(index + 1).any(|row| row.key() == key),
        };
        out.push(b'{');
        let opened = out.len();
        for (index, member) in self.iter().enumerate() {
            if superseded(index, member.key_id()) {
                continue;
            }
            if out.len() > opened {
                out.push(b',');
            }
            write_string(member.key().as_bytes(), out);
            out.push(b':');
            member.value().write_json(out);
        }
        out.push(b'}');
    }
}

/// The shortest decimal that reads back as the same double; a string where JSON has no number for it.
pub(crate) fn write_double(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else {
        out.extend_from_slice(if value < 0.0 { b"\"-Infinity\"" } else { b"\"Infinity\"" });
    }
}

#[cfg(test)]
mod tests {
    fn json(members: &str) -> String {
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"k","value":{{"kvlistValue":{{"values":[{members}]}}}}}}]}}]}}]}}]}}"#
        );
        let batch = crate::decode(body.into_bytes()).unwrap();
        let mut out = Vec::new();
        batch.span(0).unwrap().attributes().get("k").unwrap().write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn of_equal_keys_the_last_is_written_in_short_lists_and_in_long_ones() {
        let member =
            |key: usize, value: usize| format!(r#"{{"key":"k{key}","value":{{"intValue":"{value}"}}}}"#);
        assert_eq!(json(&[member(1, 1), member(2, 2), member(1, 3)].join(",")), r#"{"k2":2,"k1":3}"#);
        let long: Vec<_> = (0..40).map(|index| member(index % 20, index)).collect();
        let found: serde_json::Value = serde_json::from_str(&json(&long.join(","))).unwrap();
        assert_eq!(found.as_object().unwrap().len(), 20);
        assert_eq!(found["k3"], 23);
    }

    #[test]
    fn what_json_has_no_form_for_is_a_string_or_null() {
        let members = [("doubleValue", r#""NaN""#), ("doubleValue", "1e300"), ("bytesValue", r#""AQI=""#)]
            .map(|(kind, value)| format!(r#"{{"key":"{}","value":{{"{kind}":{value}}}}}"#, value.len()));
        // Of equal keys the last; whether the exponent has a sign is the formatter's business.
        let found: serde_json::Value = serde_json::from_str(&json(&members.join(","))).unwrap();
        assert_eq!(found, serde_json::json!({"5": 1e300, "6": "AQI="}));
        assert_eq!(json(&members[0]), r#"{"5":"NaN"}"#);
        assert_eq!(json(r#"{"key":"e","value":{}}"#), r#"{"e":null}"#);
    }
}
