//! What a contestant found, so that none is timed that reads something else than the others.

use super::Refusal;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

/// Sums over all requests. A contestant leaves out what it does not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Requests read to their end.
    pub documents: u64,
    /// Spans.
    pub spans: Option<u64>,
    /// Attributes of spans.
    pub attributes: Option<u64>,
    /// All span ids, as big-endian numbers, exclusive-ored.
    pub ids: Option<u64>,
    /// The length of all span names, unescaped.
    pub name_bytes: Option<u64>,
}

impl Facts {
    /// Facts of a contestant that looks at everything, before it has read anything.
    pub fn nothing() -> Facts {
        Facts { documents: 0, spans: Some(0), attributes: Some(0), ids: Some(0), name_bytes: Some(0) }
    }

    /// Adds one span.
    pub fn add_span(&mut self, id: u64, name_bytes: usize, attributes: usize) {
        self.spans = self.spans.map(|spans| spans + 1);
        self.attributes = self.attributes.map(|sum| sum + attributes as u64);
        self.ids = self.ids.map(|ids| ids ^ id);
        self.name_bytes = self.name_bytes.map(|sum| sum + name_bytes as u64);
    }

    /// Adds the spans of one decoded request.
    pub fn add_request(&mut self, request: &ExportTraceServiceRequest) -> Result<(), Refusal> {
        self.documents += 1;
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        for span in scopes.flat_map(|scope| &scope.spans) {
            let id =
                id_of_bytes(&span.span_id).ok_or_else(|| Refusal("a span id that is not 8 bytes".into()))?;
            self.add_span(id, span.name.len(), span.attributes.len());
        }
        Ok(())
    }

    /// Adds the spans of a batch of ours.
    pub fn add_batch(&mut self, batch: &spanwise::SpanBatch) -> Result<(), Refusal> {
        self.documents += batch.documents().len() as u64;
        for span in batch.spans() {
            let id = span.span_id_bytes().ok_or_else(|| Refusal("a span id that is not hex".into()))?;
            self.add_span(u64::from_be_bytes(id), span.name().len(), span.attributes().len());
        }
        Ok(())
    }

    /// Which of these facts is not `expected`; `None` when all that is looked at agrees.
    pub fn differs(&self, expected: &Facts) -> Option<String> {
        let fields = [
            ("documents", Some(self.documents), Some(expected.documents)),
            ("spans", self.spans, expected.spans),
            ("attributes", self.attributes, expected.attributes),
            ("span ids", self.ids, expected.ids),
            ("bytes of names", self.name_bytes, expected.name_bytes),
        ];
        let (what, found, expected) =
            fields.into_iter().find(|(_, found, expected)| found.is_some() && found != expected)?;
        Some(format!("{what}: found {found:?}, expected {expected:?}"))
    }
}

/// A span id as a number.
pub(super) fn id_of_bytes(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// A span id in hexadecimal digits as a number.
pub(super) fn id_of_hex(text: &str) -> Option<u64> {
    if text.len() == 16 { u64::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_looked_at_is_compared() {
        let mut expected = Facts::nothing();
        expected.add_span(0xff, 4, 13);
        let mut other = Facts { attributes: None, ..expected };
        assert_eq!(other.differs(&expected), None);
        other.ids = Some(1);
        assert_eq!(other.differs(&expected).as_deref(), Some("span ids: found Some(1), expected Some(255)"));
    }

    #[test]
    fn ids() {
        assert_eq!(id_of_hex("00000000000000ff"), id_of_bytes(&[0, 0, 0, 0, 0, 0, 0, 0xff]));
        assert_eq!((id_of_hex("ff"), id_of_bytes(&[1])), (None, None));
    }
}
