//! The messages of a trace request, from `ResourceSpans` down.

use crate::writer::{Field, Writer};

impl Writer {
    pub(crate) const RESOURCE_SPANS: &[Field] = &[
        ("resource", Writer::resource, true),
        ("scopeSpans", Writer::scope_spans_list, true),
        ("schemaUrl", Writer::string, false),
    ];

    pub(crate) fn resource_spans(&mut self) {
        self.message(Self::RESOURCE_SPANS);
    }

    fn resource(&mut self) {
        self.one(|writer| {
            writer.message(&[
                ("attributes", Writer::attributes, false),
                ("droppedAttributesCount", Writer::uint32, false),
                ("entityRefs", Writer::entity_refs, false),
            ]);
        });
    }

    fn entity_refs(&mut self) {
        self.messages(2, |writer| {
            writer.message(&[
                ("schemaUrl", Writer::string, false),
                ("type", Writer::string, true),
                ("idKeys", Writer::strings, false),
                ("descriptionKeys", Writer::strings, false),
            ]);
        });
    }

    fn strings(&mut self) {
        if self.liberty() {
            return self.any_json();
        }
        self.list(3, Self::string);
    }

    fn scope_spans_list(&mut self) {
        self.messages(2, |writer| {
            writer.message(&[
                ("scope", Writer::scope, false),
                ("spans", Writer::spans, true),
                ("schemaUrl", Writer::string, false),
            ]);
        });
    }

    fn scope(&mut self) {
        self.one(|writer| {
            writer.message(&[
                ("name", Writer::string, false),
                ("version", Writer::string, false),
                ("attributes", Writer::attributes, false),
                ("droppedAttributesCount", Writer::uint32, false),
            ]);
        });
    }

    fn spans(&mut self) {
        self.messages(3, |writer| {
            writer.message(&[
                ("traceId", Writer::trace_id, true),
                ("spanId", Writer::span_id, true),
                ("parentSpanId", Writer::parent_id, false),
                ("traceState", Writer::string, false),
                ("flags", Writer::uint32, false),
                ("name", Writer::string, true),
                ("kind", Writer::kind, false),
                ("startTimeUnixNano", Writer::fixed64, false),
                ("endTimeUnixNano", Writer::fixed64, false),
                ("attributes", Writer::attributes, false),
                ("droppedAttributesCount", Writer::uint32, false),
                ("events", Writer::events, false),
                ("droppedEventsCount", Writer::uint32, false),
                ("links", Writer::links, false),
                ("droppedLinksCount", Writer::uint32, false),
                ("status", Writer::status, false),
            ]);
        });
    }

    fn events(&mut self) {
        self.messages(2, |writer| {
            writer.message(&[
                ("timeUnixNano", Writer::fixed64, false),
                ("name", Writer::string, false),
                ("attributes", Writer::attributes, false),
                ("droppedAttributesCount", Writer::uint32, false),
            ]);
        });
    }

    fn links(&mut self) {
        self.messages(2, |writer| {
            writer.message(&[
                ("traceId", Writer::link_trace_id, false),
                ("spanId", Writer::link_span_id, false),
                ("traceState", Writer::string, false),
                ("attributes", Writer::attributes, false),
                ("droppedAttributesCount", Writer::uint32, false),
                ("flags", Writer::uint32, false),
            ]);
        });
    }

    fn status(&mut self) {
        self.one(|writer| {
            writer.message(&[("message", Writer::string, false), ("code", Writer::status_code, false)]);
        });
    }
}
