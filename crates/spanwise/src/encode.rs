//! The canonical OTLP/JSON writer.
//!
//! Writes what the specification asks of writers: lowerCamelCase keys, hex ids, 64-bit integers as decimal strings, enums
//! as numbers, NaN and infinities as strings, base64 with padding; fields with their default value are left out.
//! Decoding what was written gives an equal batch, whatever liberties the first decode took.

use std::io::Write as _;

use crate::batch::{
    AttributesRef, EventRef, LinkRef, ResourceRef, ScopeRef, SpanBatch, SpanRef, Text, ValueRef,
};
use crate::decode::base64;
use crate::json::scan;
use crate::plain::write_double;

/// The batch as one OTLP/JSON trace request, without white space.
///
/// An id that was kept as text is written as that text: such output is read back in lenient mode alone.
///
/// ```
/// let body = br#"{"resource_spans":[{"scope_spans":[{"spans":[{"span_id":"tlDwgS3h2bw=","kind":"SERVER"}]}]}]}"#;
/// let json = spanwise::encode(&spanwise::decode(&body[..])?);
/// assert_eq!(json, br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"b650f0812de1d9bc","kind":2}]}]}]}"#);
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
pub fn encode(batch: &SpanBatch) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.input().len());
    encode_into(batch, &mut out);
    out
}

/// Appends what [`encode`] gives to `out`.
pub fn encode_into(batch: &SpanBatch, out: &mut Vec<u8>) {
    let mut writer = Writer { batch, out };
    writer.out.extend_from_slice(b"{\"resourceSpans\":[");
    let mut spans = batch.spans().peekable();
    let mut scopes = batch.scope_rows().iter().enumerate().peekable();
    for (index, resource) in batch.resources().enumerate() {
        writer.comma(index > 0);
        writer.object(|writer| {
            writer.resource(resource);
            writer.member("scopeSpans");
            writer.out.push(b'[');
            let mut first = true;
            while let Some((number, row)) = scopes.next_if(|(_, row)| row.resource as usize == index) {
                writer.comma(!first);
                first = false;
                writer.object(|writer| {
                    let scope = ScopeRef::new(batch, row);
                    writer.scope(scope);
                    writer.member("spans");
                    writer.out.push(b'[');
                    let mut first = true;
                    while let Some(span) = spans.next_if(|span| span.row().scope as usize == number) {
                        writer.comma(!first);
                        first = false;
                        writer.object(|writer| writer.span(span));
                    }
                    writer.out.push(b']');
                    writer.text("schemaUrl", row.schema_url);
                });
            }
            writer.out.push(b']');
            writer.text("schemaUrl", resource.row().schema_url);
        });
    }
    writer.out.extend_from_slice(b"]}");
}

struct Writer<'a, 'o> {
    batch: &'a SpanBatch,
    out: &'o mut Vec<u8>,
}

impl Writer<'_, '_> {
    fn comma(&mut self, needed: bool) {
        if needed {
            self.out.push(b',');
        }
    }

    fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        write(self);
        self.out.push(b'}');
    }

    /// A member that is an object; left out where the object would be empty.
    fn message(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        self.member(name);
        let opened = self.out.len();
        self.object(write);
        if self.out.len() == opened + 2 {
            self.out.truncate(before);
        }
    }

    /// Begins a member: a comma unless it is the object's first, the name and the colon.
    fn member(&mut self, name: &str) {
        self.comma(self.out.last() != Some(&b'{'));
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn string(&mut self, text: &[u8]) {
        write_string(text, self.out);
    }

    fn text(&mut self, name: &str, text: Text) {
        if !text.is_empty() {
            self.member(name);
            self.string(self.batch.text(text).as_bytes());
        }
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn number(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.member(name);
            self.display(value);
        }
    }

    fn fixed64(&mut self, name: &str, value: u64) {
        if value != 0 {
            self.member(name);
            self.out.push(b'"');
            self.display(value);
            self.out.push(b'"');
        }
    }

    fn resource(&mut self, resource: ResourceRef<'_>) {
        let row = resource.row();
        self.message("resource", |writer| {
            writer.attributes(resource.attributes());
            writer.number("droppedAttributesCount", row.dropped_attributes_count.into());
            if row.entity_refs.len > 0 {
                writer.member("entityRefs");
                writer.list(resource.entity_refs(), |writer, entity| {
                    writer.text("schemaUrl", entity.row().schema_url);
                    writer.text("type", entity.row().kind);
                    writer.strings("idKeys", entity.id_keys());
                    writer.strings("descriptionKeys", entity.description_keys());
                });
            }
        });
    }

    fn strings<'s>(&mut self, name: &str, texts: impl ExactSizeIterator<Item = std::borrow::Cow<'s, str>>) {
        if texts.len() == 0 {
            return;
        }
        self.member(name);
        self.out.push(b'[');
        for (index, text) in texts.enumerate() {
            self.comma(index > 0);
            self.string(text.as_bytes());
        }
        self.out.push(b']');
    }

    fn list<T>(&mut self, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.out.push(b'[');
        for (index, item) in items.enumerate() {
            self.comma(index > 0);
            self.object(|writer| write(writer, item));
        }
        self.out.push(b']');
    }

    fn scope(&mut self, scope: ScopeRef<'_>) {
        let row = scope.row();
        self.message("scope", |writer| {
            writer.text("name", row.name);
            writer.text("version", row.version);
            writer.attributes(scope.attributes());
            writer.number("droppedAttributesCount", row.dropped_attributes_count.into());
        });
    }

    fn span(&mut self, span: SpanRef<'_>) {
        let row = span.row();
        self.text("traceId", row.trace_id.text);
        self.text("spanId", row.span_id.text);
        self.text("traceState", row.trace_state);
        self.text("parentSpanId", row.parent_span_id.text);
        self.number("flags", row.flags.into());
        self.text("name", row.name);
        self.number("kind", row.kind.into());
        self.fixed64("startTimeUnixNano", row.start_time_unix_nano);
        self.fixed64("endTimeUnixNano", row.end_time_unix_nano);
        self.attributes(span.attributes());
        self.number("droppedAttributesCount", row.dropped_attributes_count.into());
        if row.events.len > 0 {
            self.member("events");
            self.list(span.events(), Self::event);
        }
        self.number("droppedEventsCount", row.dropped_events_count.into());
        if row.links.len > 0 {
            self.member("links");
            self.list(span.links(), Self::link);
        }
        self.number("droppedLinksCount", row.dropped_links_count.into());
        self.message("status", |writer| {
            writer.text("message", row.status_message);
            writer.number("code", row.status_code.into());
        });
    }

    fn event(&mut self, event: EventRef<'_>) {
        let row = event.row();
        self.fixed64("timeUnixNano", row.time_unix_nano);
        self.text("name", row.name);
        self.attributes(event.attributes());
        self.number("droppedAttributesCount", row.dropped_attributes_count.into());
    }

    fn link(&mut self, link: LinkRef<'_>) {
        let row = link.row();
        self.text("traceId", row.trace_id.text);
        self.text("spanId", row.span_id.text);
        self.text("traceState", row.trace_state);
        self.attributes(link.attributes());
        self.number("droppedAttributesCount", row.dropped_attributes_count.into());
        self.number("flags", row.flags.into());
    }

    fn attributes(&mut self, attributes: AttributesRef<'_>) {
        if !attributes.is_empty() {
            self.member("attributes");
            self.key_values(attributes);
        }
    }

    fn key_values(&mut self, attributes: AttributesRef<'_>) {
        self.list(attributes.iter(), |writer, attribute| {
            writer.member("key");
            writer.string(attribute.key().as_bytes());
            writer.member("value");
            writer.value(&attribute.value());
        });
    }

    fn value(&mut self, value: &ValueRef<'_>) {
        self.object(|writer| match value {
            ValueRef::Empty => {}
            ValueRef::String(text) => {
                writer.member("stringValue");
                writer.string(text.as_bytes());
            }
            ValueRef::Bool(value) => {
                writer.member("boolValue");
                writer.display(value);
            }
            ValueRef::Int(value) => {
                writer.member("intValue");
                writer.out.push(b'"');
                writer.display(value);
                writer.out.push(b'"');
            }
            ValueRef::Double(value) => {
                writer.member("doubleValue");
                write_double(*value, writer.out);
            }
            ValueRef::Bytes(bytes) => {
                writer.member("bytesValue");
                writer.out.push(b'"');
                base64::encode_into(bytes, writer.out);
                writer.out.push(b'"');
            }
            ValueRef::Array(elements) => {
                writer.member("arrayValue");
                writer.object(|writer| {
                    writer.member("values");
                    writer.out.push(b'[');
                    for (index, element) in elements.iter().enumerate() {
                        writer.comma(index > 0);
                        writer.value(&element);
                    }
                    writer.out.push(b']');
                });
            }
            ValueRef::KvList(members) => {
                writer.member("kvlistValue");
                writer.object(|writer| {
                    writer.member("values");
                    writer.key_values(*members);
                });
            }
        });
    }
}

/// Appends `text` as a JSON string, quotes included. Only `"`, `\` and control characters are escaped.
///
/// ```
/// let mut out = Vec::new();
/// spanwise::write_json_string("a \"b\"\n", &mut out);
/// assert_eq!(out, br#""a \"b\"\n""#);
/// ```
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    write_string(text.as_bytes(), out);
}

/// Appends `text` as a JSON string, quotes included: only `"`, `\` and control characters are escaped.
pub(crate) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut from = 0;
    loop {
        let at = scan::string_run(text, from, &mut 0);
        out.extend_from_slice(text.get(from..at).unwrap_or_default());
        let Some(byte) = text.get(at) else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        from = at + 1;
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_json_asks() {
        for text in ["", "plain", "a\"b\\c", "\u{0}\u{1f}\n\r\t\u{7f}", "é€😀", "ends with \\"] {
            let mut out = Vec::new();
            write_string(text.as_bytes(), &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
