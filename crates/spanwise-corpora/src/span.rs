//! Spans, and how the known writers spell them.
//!
//! OTLP JSON leaves a writer free in the order of members, in whether it writes empty ones, and in whether a 64-bit
//! integer is a number or a string. Each [`Dialect`] is one real writer's answer, and all are strictly valid.

use crate::json::{Json, Text};
use crate::random::Random;

/// An attribute's value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Text),
    Int(u64),
    Double(f64),
    Bool(bool),
    Base64(String),
    List(Vec<Value>),
    Map(Attributes),
}

/// A list of attributes. Whoever builds one keeps its keys apart.
pub(crate) type Attributes = Vec<(Text, Value)>;

impl Value {
    pub(crate) fn text(text: impl Into<Text>) -> Value {
        Value::Text(text.into())
    }
}

/// What a span says, whoever writes it.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) trace: Trace,
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: Text,
    pub(crate) kind: u8,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<(Trace, u64)>,
    pub(crate) status: u8,
}

/// A trace id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace(u64, u64);

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) time: u64,
    pub(crate) name: Text,
    pub(crate) attributes: Attributes,
}

/// A writer of OTLP JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A gateway's webhook: no empty members, integers as numbers, status before the attributes.
    Gateway,
    /// The Collector's file exporter: an empty parent id and an empty status are written, integers as strings.
    Collector,
    /// The JavaScript exporter: every list and count is written, integers as numbers.
    Javascript,
    /// A Python service that writes its spans with `json.dumps`: integers as strings, flags last.
    Python,
}

/// The ids and the clock of a stream of spans.
#[derive(Debug)]
pub(crate) struct Chain {
    trace: Trace,
    previous: Option<u64>,
    now: u64,
}

impl Chain {
    pub(crate) fn new(random: &mut Random) -> Chain {
        Chain {
            trace: Trace::new(random),
            previous: None,
            now: 1_790_611_200_000_000_000 + random.below(1 << 50),
        }
    }

    /// The next span: about every eighth starts a new trace.
    pub(crate) fn next(
        &mut self,
        random: &mut Random,
        name: impl Into<Text>,
        attributes: Attributes,
    ) -> Span {
        if self.previous.is_some() && random.one_in(8) {
            self.trace = Trace::new(random);
            self.previous = None;
        }
        let id = random.next() | 1;
        let start = self.now + random.below(5_000_000);
        let end = start + random.between(20_000, 900_000_000);
        self.now = start;
        Span {
            trace: self.trace,
            id,
            parent: self.previous.replace(id),
            name: name.into(),
            kind: random.pick(&[1, 2, 3, 3, 4, 5]),
            start,
            end,
            attributes,
            events: Vec::new(),
            links: Vec::new(),
            status: random.pick(&[0, 0, 0, 1, 1, 2]),
        }
    }
}

impl Trace {
    pub(crate) fn new(random: &mut Random) -> Trace {
        Trace(random.next(), random.next() | 1)
    }

    fn hex(self) -> Json {
        Json::text(format!("{:016x}{:016x}", self.0, self.1))
    }
}

fn hex(id: u64) -> Json {
    Json::text(format!("{id:016x}"))
}

fn time(nanoseconds: u64) -> Json {
    Json::text(nanoseconds.to_string())
}

impl Dialect {
    fn value(self, value: Value) -> Json {
        let (name, value) = match value {
            Value::Text(text) => ("stringValue", Json::Text(text)),
            Value::Int(int) => (
                "intValue",
                match self {
                    Dialect::Gateway | Dialect::Javascript => Json::number(int),
                    Dialect::Collector | Dialect::Python => Json::text(int.to_string()),
                },
            ),
            Value::Double(double) => ("doubleValue", Json::number(double)),
            Value::Bool(value) => ("boolValue", Json::Bare(if value { "true" } else { "false" }.into())),
            Value::Base64(text) => ("bytesValue", Json::text(text)),
            Value::List(items) => {
                let items = items.into_iter().map(|item| self.value(item)).collect();
                ("arrayValue", Json::Object(vec![("values", Json::List(items))]))
            }
            Value::Map(members) => ("kvlistValue", Json::Object(vec![("values", self.attributes(members))])),
        };
        Json::Object(vec![(name, value)])
    }

    fn attributes(self, attributes: Attributes) -> Json {
        let pair = |(key, value)| Json::Object(vec![("key", Json::Text(key)), ("value", self.value(value))]);
        Json::List(attributes.into_iter().map(pair).collect())
    }

    fn event(self, event: Event) -> Json {
        let mut members = vec![
            ("timeUnixNano", time(event.time)),
            ("name", Json::Text(event.name)),
            ("attributes", self.attributes(event.attributes)),
        ];
        if self == Dialect::Javascript {
            members.push(("droppedAttributesCount", Json::number(0)));
        }
        Json::Object(members)
    }

    fn link(self, (trace, id): (Trace, u64)) -> Json {
        let mut members = vec![("traceId", trace.hex()), ("spanId", hex(id))];
        if self == Dialect::Javascript {
            members.extend([("attributes", Json::List(vec![])), ("droppedAttributesCount", Json::number(0))]);
        }
        Json::Object(members)
    }

    pub(crate) fn span(self, span: Span) -> Json {
        let mut members = vec![("traceId", span.trace.hex()), ("spanId", hex(span.id))];
        match span.parent {
            Some(parent) => members.push(("parentSpanId", hex(parent))),
            None if self == Dialect::Collector => members.push(("parentSpanId", Json::text(""))),
            None => {}
        }
        if self == Dialect::Collector {
            members.push(("flags", Json::number(256)));
        }
        members.extend([
            ("name", Json::Text(span.name)),
            ("kind", Json::number(span.kind)),
            ("startTimeUnixNano", time(span.start)),
            ("endTimeUnixNano", time(span.end)),
        ]);
        let status = match (self, span.status) {
            (Dialect::Javascript, code) => Json::Object(vec![("code", Json::number(code))]),
            (_, 0) => Json::Object(vec![]),
            (_, code) => Json::Object(vec![("code", Json::number(code))]),
        };
        let attributes = ("attributes", self.attributes(span.attributes));
        let events = Json::List(span.events.into_iter().map(|event| self.event(event)).collect());
        let links = Json::List(span.links.into_iter().map(|link| self.link(link)).collect());
        match self {
            Dialect::Gateway => {
                members.extend([("status", status), attributes]);
                members.extend(unless_empty("events", events));
                members.extend(unless_empty("links", links));
            }
            Dialect::Javascript => members.extend([
                attributes,
                ("droppedAttributesCount", Json::number(0)),
                ("events", events),
                ("droppedEventsCount", Json::number(0)),
                ("status", status),
                ("links", links),
                ("droppedLinksCount", Json::number(0)),
                ("flags", Json::number(257)),
            ]),
            Dialect::Collector | Dialect::Python => {
                members.push(attributes);
                members.extend(unless_empty("events", events));
                members.extend(unless_empty("links", links));
                members.push(("status", status));
                if self == Dialect::Python {
                    members.push(("flags", Json::number(257)));
                }
            }
        }
        Json::Object(members)
    }

    /// One element of `resourceSpans`, with one scope.
    pub(crate) fn resource_spans(self, resource: Attributes, scope: &Scope, spans: Vec<Json>) -> Json {
        let mut resource = vec![("attributes", self.attributes(resource))];
        if self == Dialect::Javascript {
            resource.push(("droppedAttributesCount", Json::number(0)));
        }
        let mut scope = vec![("name", Json::text(scope.name)), ("version", Json::text(scope.version))];
        scope.retain(|(_, text)| self == Dialect::Javascript || text.size() > 2);
        let scope_spans = Json::Object(vec![("scope", Json::Object(scope)), ("spans", Json::List(spans))]);
        let mut members =
            vec![("resource", Json::Object(resource)), ("scopeSpans", Json::List(vec![scope_spans]))];
        if self == Dialect::Collector {
            members.push(("schemaUrl", Json::text("https://opentelemetry.io/schemas/1.37.0")));
        }
        Json::Object(members)
    }
}

/// An instrumentation scope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

fn unless_empty(name: &'static str, list: Json) -> Option<(&'static str, Json)> {
    (list.size() > 2).then_some((name, list))
}
