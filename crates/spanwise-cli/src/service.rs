//! The name of the service that a span comes from, as a table has it.

use std::borrow::Cow;

use spanwise::ValueRef;

/// The text of a resource's `service.name`: what `service_name` is in a table, so that both can be compared. A value that is no text
/// is its JSON text, without quotes where it has any; `None` for one that is not set.
pub(crate) fn name(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::Empty => None,
        ValueRef::String(name) => Some(name),
        other => {
            let mut json = Vec::new();
            other.write_json(&mut json);
            let json = String::from_utf8(json).ok()?;
            // Bytes, and doubles that JSON has no number for: nothing in them is escaped.
            Some(json.trim_matches('"').to_owned().into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_table_says_it_is() {
        for value in [
            r#"{"stringValue":"web \"1\""}"#,
            r#"{"stringValue":""}"#,
            r#"{"intValue":"7"}"#,
            r#"{"doubleValue":1.5}"#,
            r#"{"doubleValue":"NaN"}"#,
            r#"{"boolValue":true}"#,
            r#"{"bytesValue":"AQI="}"#,
            r#"{"arrayValue":{"values":[{"stringValue":"a"}]}}"#,
            r#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}}]}}"#,
            "{}",
        ] {
            let resource = format!(r#"{{"attributes":[{{"key":"service.name","value":{value}}}]}}"#);
            let body = format!(
                r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{{}}]}}]}}]}}"#
            );
            let batch = spanwise::decode(body).unwrap();
            let span = batch.span(0).unwrap();
            let told = span.resource().attributes().get("service.name").and_then(name);
            let options = spanwise_arrow::ArrowOptions {
                columns: Some(vec!["service_name".into()]),
                ..Default::default()
            };
            let mut converter = spanwise_arrow::Converter::new(&options).unwrap();
            let rows = converter.convert(&batch).unwrap();
            let json = spanwise_arrow::write::to_vec(
                spanwise_arrow::write::FileFormat::JsonLines,
                converter.schema(),
                [rows],
            );
            let row: serde_json::Value = serde_json::from_slice(&json.unwrap()).unwrap();
            let in_table = row.get("service_name").and_then(serde_json::Value::as_str);
            assert_eq!(told.as_deref(), in_table, "{value}");
        }
    }
}
