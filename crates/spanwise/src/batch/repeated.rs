//! What a table with a row for each span holds of resources and scopes: all they say, once for each of their spans.

use super::{AttributeRow, RawValue, Rows, ScopeRow, SpanBatch};

impl SpanBatch {
    /// Attributes of resources and scopes, counted once for each of their spans: so many stand in a table with a row for each
    /// span, which holds them beside the span's own. A small document can come to very many of them, and whoever makes tables
    /// of what strangers send should have a bound.
    ///
    /// ```
    /// let body = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a"},{"key":"b"}]},"scopeSpans":[
    ///     {"scope":{"attributes":[{"key":"c"}]},"spans":[{},{}]},{"spans":[{}]}]}]}"#;
    /// assert_eq!(spanwise::decode(&body[..])?.repeated_attributes(), 3 + 3 + 2);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn repeated_attributes(&self) -> u64 {
        self.repeated(|rows| rows.len.into(), |_| 0)
    }

    /// Bytes of all that resources and scopes say, counted as [`Self::repeated_attributes`] counts attributes: keys, values, names,
    /// versions and schema URLs, as they were sent.
    ///
    /// ```
    /// let body = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"four"}}]},
    ///     "scopeSpans":[{"scope":{"name":"ten bytes!"},"spans":[{},{}]},{"spans":[{}]}]}]}"#;
    /// assert_eq!(spanwise::decode(&body[..])?.repeated_bytes(), 15 + 15 + 5);
    /// # Ok::<(), spanwise::DecodeError>(())
    /// ```
    pub fn repeated_bytes(&self) -> u64 {
        self.repeated(
            |rows| self.bytes_of(self.attributes.get(rows.range()).unwrap_or_default()),
            |scope| {
                let url = self.resources.get(scope.resource as usize).map(|resource| resource.schema_url);
                let texts = [scope.name, scope.version, scope.schema_url, url.unwrap_or_default()];
                texts.iter().map(|text| text.stored_len() as u64).sum()
            },
        )
    }

    /// What `of_attributes` says of the attributes of each span's scope and resource, and `of_scope` of the rest.
    fn repeated(&self, of_attributes: impl Fn(Rows) -> u64, of_scope: impl Fn(&ScopeRow) -> u64) -> u64 {
        // A resource of many attributes may have many scopes.
        let mut of_resource = None;
        let mut of_span = |scope: u32| {
            let Some(scope) = self.scopes.get(scope as usize) else { return 0 };
            let resource = match of_resource {
                Some((resource, amount)) if resource == scope.resource => amount,
                _ => {
                    let rows = self.resources.get(scope.resource as usize);
                    let amount = rows.map_or(0, |resource| of_attributes(resource.attributes));
                    of_resource = Some((scope.resource, amount));
                    amount
                }
            };
            resource + of_attributes(scope.attributes) + of_scope(scope)
        };
        let runs = self.spans.chunk_by(|a, b| a.scope == b.scope);
        let mut of_run = |spans: &[_]| spans.first().map_or(0, |span: &super::SpanRow| of_span(span.scope));
        runs.fold(0, |sum: u64, spans| sum.saturating_add(of_run(spans).saturating_mul(spans.len() as u64)))
    }

    /// Bytes of keys and values, those of lists included.
    fn bytes_of(&self, rows: &[AttributeRow]) -> u64 {
        let bytes = |row: &AttributeRow| {
            let key = row.key().map_or(0, |key| self.key_text(key).stored_len() as u64);
            key + match row.value() {
                RawValue::String(text) | RawValue::Bytes(text) => text.stored_len() as u64,
                RawValue::Array(rows) | RawValue::KvList(rows) => {
                    self.bytes_of(self.values.get(rows.range()).unwrap_or_default())
                }
                RawValue::Empty => 0,
                RawValue::Bool(_) | RawValue::Int(_) | RawValue::Double(_) => 8,
            }
        };
        rows.iter().map(bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use crate::decode;

    #[test]
    fn bytes_are_those_of_everything_that_is_repeated() {
        let body = br#"{"resourceSpans":[
            {"schemaUrl":"12345","resource":{"attributes":[
                {"key":"int","value":{"intValue":1}},
                {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"ab"},{"arrayValue":{"values":[{"stringValue":"c"}]}}]}}},
                {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}},
                {"key":"none"}]},
             "scopeSpans":[
                {"schemaUrl":"1","scope":{"name":"22","version":"333","attributes":[{"key":"4444","value":{"boolValue":true}}]},
                 "spans":[{"name":"not counted","attributes":[{"key":"nor","value":{"stringValue":"this"}}]},{}]},
                {"spans":[{}]},
                {"spans":[]}]},
            {"scopeSpans":[{"spans":[{}]}]}]}"#;
        let batch = decode(&body[..]).unwrap();
        let resource = 5 + (3 + 8) + (4 + 2 + 1) + (3 + 1 + 1) + 4;
        let scope = 1 + 2 + 3 + 4 + 8;
        assert_eq!(batch.repeated_bytes(), 2 * (resource + scope) + resource);
        assert_eq!(batch.repeated_attributes(), 2 * (4 + 1) + 4);
    }
}
