//! Spans of a web service: 13 short attributes each, from four kinds of instrumentation.

use crate::random::Random;
use crate::span::{Attributes, Chain, Event, Scope, Span, Trace, Value};

pub(crate) const SCOPE: Scope =
    Scope { name: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", version: "0.58.0" };

pub(crate) fn resource(random: &mut Random) -> Attributes {
    let service = random.pick(&["orchard-web", "orchard-ledger", "orchard-basket"]);
    let mut attributes = tiny_resource(service);
    attributes.extend([
        ("service.version".into(), Value::text("1.4.2")),
        ("telemetry.sdk.language".into(), Value::text("go")),
        ("host.name".into(), Value::text(format!("node-{}", random.below(40)))),
        ("process.pid".into(), Value::Int(random.between(1000, 60_000))),
    ]);
    attributes
}

/// The least that a resource says.
pub(crate) fn tiny_resource(service: &'static str) -> Attributes {
    vec![("service.name".into(), Value::text(service))]
}

pub(crate) fn span(random: &mut Random, chain: &mut Chain) -> Span {
    let (name, attributes) = match random.below(4) {
        0 => ("GET /fruit/{id}", server(random)),
        1 => ("SELECT orchard.basket", database(random)),
        2 => ("orchard.Ledger/Post", remote_call(random)),
        _ => ("postings publish", message(random)),
    };
    chain.next(random, name, attributes)
}

/// Gives about every fourth span an event, and every tenth a link.
pub(crate) fn decorate(random: &mut Random, span: &mut Span) {
    if random.one_in(4) {
        span.events.push(Event {
            time: span.start + 5_000,
            name: "cache.miss".into(),
            attributes: vec![
                ("cache.key".into(), Value::text(format!("basket:{}", random.below(100)))),
                ("cache.ttl_seconds".into(), Value::Double(30.5)),
            ],
        });
    }
    if random.one_in(10) {
        span.links.push((Trace::new(random), random.next() | 1));
    }
}

fn server(random: &mut Random) -> Attributes {
    let id = random.below(10_000);
    vec![
        ("http.request.method".into(), Value::text(random.pick(&["GET", "GET", "POST"]))),
        ("http.route".into(), Value::text("/fruit/{id}")),
        ("url.path".into(), Value::text(format!("/fruit/{id}"))),
        ("url.query".into(), Value::text(format!("sort=<new>&page={}", id % 7))),
        ("url.scheme".into(), Value::text("https")),
        ("http.response.status_code".into(), Value::Int(random.pick(&[200, 200, 204, 404, 500]))),
        ("server.address".into(), Value::text("orchard.example.com")),
        ("server.port".into(), Value::Int(8443)),
        ("network.peer.address".into(), Value::text(format!("192.0.2.{}", random.below(256)))),
        ("network.protocol.version".into(), Value::text("1.1")),
        ("user_agent.original".into(), Value::text("orchard-app/3.2")),
        ("http.response.body.size".into(), Value::Int(random.below(100_000))),
        ("http.server.cached".into(), Value::Bool(random.one_in(3))),
    ]
}

fn database(random: &mut Random) -> Attributes {
    let table = random.pick(&["basket", "fruit", "posting"]);
    vec![
        ("db.system.name".into(), Value::text("postgresql")),
        ("db.namespace".into(), Value::text("orchard")),
        ("db.collection.name".into(), Value::text(table)),
        ("db.operation.name".into(), Value::text("SELECT")),
        ("db.query.text".into(), Value::text(format!("SELECT * FROM {table} WHERE id = $1"))),
        ("db.query.summary".into(), Value::text(format!("SELECT {table}"))),
        ("db.response.returned_rows".into(), Value::Int(random.below(500))),
        ("db.client.connection.pool.name".into(), Value::text("primary")),
        ("server.address".into(), Value::text("db.orchard.example.com")),
        ("server.port".into(), Value::Int(5432)),
        ("network.transport".into(), Value::text("tcp")),
        ("db.wait_ms".into(), Value::Double(crate::llm::tenths(random, 400))),
        ("db.prepared".into(), Value::Bool(true)),
    ]
}

fn remote_call(random: &mut Random) -> Attributes {
    vec![
        ("rpc.system".into(), Value::text("grpc")),
        ("rpc.service".into(), Value::text("orchard.Ledger")),
        ("rpc.method".into(), Value::text(random.pick(&["Post", "Balance", "Close"]))),
        ("rpc.grpc.status_code".into(), Value::Int(random.pick(&[0, 0, 0, 4, 14]))),
        ("server.address".into(), Value::text("ledger.orchard.example.com")),
        ("server.port".into(), Value::Int(9090)),
        ("network.type".into(), Value::text("ipv4")),
        ("network.peer.address".into(), Value::text(format!("198.51.100.{}", random.below(256)))),
        ("network.peer.port".into(), Value::Int(random.between(1024, 65_536))),
        ("rpc.request.size".into(), Value::Int(random.below(4096))),
        ("rpc.response.size".into(), Value::Int(random.below(65_536))),
        ("rpc.retry".into(), Value::Bool(random.one_in(20))),
        ("rpc.deadline_s".into(), Value::Double(2.5)),
    ]
}

fn message(random: &mut Random) -> Attributes {
    vec![
        ("messaging.system".into(), Value::text("kafka")),
        ("messaging.operation.name".into(), Value::text("publish")),
        ("messaging.operation.type".into(), Value::text("send")),
        ("messaging.destination.name".into(), Value::text("postings")),
        ("messaging.destination.partition.id".into(), Value::text(random.below(12).to_string())),
        // With a letter before it, since some would be numbers of cards otherwise.
        ("messaging.message.id".into(), Value::text(format!("m{:015x}", random.next() >> 4))),
        ("messaging.kafka.offset".into(), Value::Int(random.below(10_000_000_000))),
        ("messaging.message.body.size".into(), Value::Int(random.below(4096))),
        ("messaging.client.id".into(), Value::text("orchard-ledger-7")),
        ("messaging.consumer.group.name".into(), Value::text("auditors")),
        ("server.address".into(), Value::text("kafka.orchard.example.com")),
        ("server.port".into(), Value::Int(9092)),
        ("messaging.kafka.tombstone".into(), Value::Bool(false)),
    ]
}
