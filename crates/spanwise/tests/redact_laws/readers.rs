//! What readers of JSON find in a text: every string and every name, whichever of equal members they go by.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// All strings and names of a JSON value, those of members that another one supersedes too: what a reader finds that takes
/// the first of equal members, or the last, or both.
#[derive(Debug, Default)]
struct Everything(Vec<String>);

impl<'de> Deserialize<'de> for Everything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Everything;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("JSON")
            }

            fn visit_str<E>(self, text: &str) -> Result<Everything, E> {
                Ok(Everything(vec![text.to_owned()]))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Everything, E> {
                Ok(Everything::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<Everything, E> {
                Ok(Everything::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Everything, E> {
                Ok(Everything::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<Everything, E> {
                Ok(Everything::default())
            }

            fn visit_unit<E>(self) -> Result<Everything, E> {
                Ok(Everything::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Everything, A::Error> {
                let mut all = Vec::new();
                while let Some(Everything(found)) = items.next_element()? {
                    all.extend(found);
                }
                Ok(Everything(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Everything, A::Error> {
                let mut all = Vec::new();
                while let Some((name, Everything(found))) = members.next_entry::<String, _>()? {
                    all.push(name);
                    all.extend(found);
                }
                Ok(Everything(all))
            }
        }
        deserializer.deserialize_any(Collect)
    }
}

fn strings_of_value(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings_of_value(value, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.push(name.clone());
            strings_of_value(value, found);
        }),
        _ => {}
    }
}

/// The strings that four readers find in one JSON text: one that sees all members, `serde_json`, simd-json, and our own, whose
/// batch is written out for that. Strings that are JSON again are read in turn.
pub(crate) fn strings(text: &str) -> Vec<String> {
    let mut found = strings_of_text(text);
    let mut next = 0;
    while let Some(inner) = found.get(next) {
        next += 1;
        if inner.trim_start().starts_with(['{', '[', '"']) && serde_json::from_str::<Value>(inner).is_ok() {
            found.extend(strings_of_text(&inner.clone()));
        }
    }
    found
}

fn strings_of_text(text: &str) -> Vec<String> {
    let Everything(mut found) = serde_json::from_str(text).unwrap();
    strings_of_value(&serde_json::from_str(text).unwrap(), &mut found);
    match simd_json::serde::from_slice::<Value>(&mut text.as_bytes().to_vec()) {
        Ok(other) => strings_of_value(&other, &mut found),
        // It has no integers beyond 64 bits.
        Err(error) => assert!(error.to_string().contains("InvalidNumber"), "{error}"),
    }
    if let Ok(batch) = spanwise::decode(text.as_bytes().to_vec()) {
        let written = spanwise::encode(&batch);
        strings_of_value(&serde_json::from_slice(&written).unwrap(), &mut found);
    }
    found
}

#[test]
fn no_member_is_overlooked() {
    let found = strings(r#"{"a":"first","a":["\u0061gain",{"b":null}],"c":"{\"d\":\"deeper\"}","e":1.5}"#);
    for text in ["a", "first", "again", "b", "c", "d", "deeper", "e"] {
        assert!(found.iter().any(|known| known == text), "{text}");
    }
}
