//! The spans that the Rust SDK is given.

use crate::model::{Attributes, Double, Event, Link, Resource, Scope, Span, Status, Value};

const TRACE_A: &str = "5b8efff798038103d269b633813fc60c";
const TRACE_B: &str = "00000000000000000000000000000001";
const ROOT: &str = "eee19b7ec3c1b173";
const CHILD: &str = "0000000000000001";
const CONSUMER: &str = "00f067aa0ba902b7";

/// Bit 0: sampled; bit 8: it is known whether the parent is remote; bit 9: it is.
const LOCAL: u32 = 0x101;
const REMOTE: u32 = 0x301;

const EVERY_ESCAPE: &str =
    "\" \\ / \u{8} \u{c} \n \r \t \0 \u{1f} \u{7f} \u{2028} \u{2029} \u{feff} Ünï 世界 👩‍🚀 e\u{301}";

/// Spans of every kind and status, with values of every type that the SDK has.
pub fn spans() -> Vec<Span> {
    vec![server(), client(), internal(), producer(), consumer()]
}

fn server() -> Span {
    Span {
        trace_id: TRACE_A.into(),
        span_id: ROOT.into(),
        name: "POST /v1/chat".into(),
        kind: 2,
        start_time_unix_nano: 1_764_000_000_000_000_001,
        end_time_unix_nano: 1_764_000_003_123_456_789,
        attributes: pairs([
            ("string.escapes", EVERY_ESCAPE.into()),
            ("string.empty", "".into()),
            ("ключ \"с\" \\", "value".into()),
            ("int.zero", Value::Int(0)),
            ("int.negative", Value::Int(-42)),
            ("int.beyond_2_53", Value::Int(9_007_199_254_740_993)),
            ("int.max", Value::Int(i64::MAX)),
            ("int.min", Value::Int(i64::MIN)),
            ("bool.true", Value::Bool(true)),
            ("bool.false", Value::Bool(false)),
        ]),
        status: Status { code: 1, message: String::new() },
        ..in_full_scope()
    }
}

fn client() -> Span {
    let messages = r#"[{"role":"user","parts":[{"type":"text","content":"Grüße \"C:\\x\"\n\u0001"}]}]"#;
    Span {
        trace_id: TRACE_A.into(),
        span_id: CHILD.into(),
        parent_span_id: ROOT.into(),
        name: "chat gpt-5 \"mini\" — ünïcode".into(),
        kind: 3,
        start_time_unix_nano: 1_764_000_000_500_000_000,
        end_time_unix_nano: 1_764_000_002_999_999_999,
        attributes: pairs([
            ("gen_ai.operation.name", "chat".into()),
            ("gen_ai.input.messages", messages.into()),
            ("gen_ai.usage.input_tokens", Value::Int(1234)),
            ("double.integral", double(1.0)),
            ("double.negative_zero", double(-0.0)),
            ("double.tenth", double(0.1)),
            ("double.smallest", double(5e-324)),
            ("double.largest", double(f64::MAX)),
            ("double.lowest", double(f64::MIN)),
            ("double.beyond_2_64", double(1e20)),
            ("double.nan", double(f64::NAN)),
            ("double.infinity", double(f64::INFINITY)),
            ("double.negative_infinity", double(f64::NEG_INFINITY)),
        ]),
        events: vec![
            Event {
                time_unix_nano: 1_764_000_001_000_000_001,
                name: "gen_ai.choice".into(),
                attributes: pairs([("index", Value::Int(0)), ("finish_reason", "stop".into())]),
                dropped_attributes_count: 0,
            },
            Event {
                time_unix_nano: 1_764_000_002_000_000_002,
                name: "exception".into(),
                attributes: pairs([
                    ("exception.message", "quota \"exceeded\"\n\tat chat.rs:1".into()),
                    ("exception.escaped", Value::Bool(true)),
                    ("retry.delays", Value::Array(vec![double(0.5), double(1.5)])),
                ]),
                dropped_attributes_count: 2,
            },
            Event { time_unix_nano: u64::MAX, ..Event::default() },
        ],
        status: Status { code: 2, message: "quota \"exceeded\": 429 – später erneut".into() },
        ..in_full_scope()
    }
}

fn internal() -> Span {
    let kept = |name: &str| Event {
        time_unix_nano: 1_764_000_001_000_000_000,
        name: name.into(),
        ..Event::default()
    };
    let mut attributes = pairs([
        ("strings", Value::Array(vec!["a".into(), "ü\"\\".into(), "".into()])),
        ("ints", Value::Array(vec![Value::Int(1), Value::Int(-2), Value::Int(i64::MAX)])),
        ("doubles", Value::Array(vec![double(0.25), double(2.0), double(f64::NAN)])),
        ("bools", Value::Array(vec![Value::Bool(true), Value::Bool(false)])),
        ("none", Value::Array(vec![])),
    ]);
    // Up to the limit of 14, or none could be dropped.
    attributes.extend((1..=9).map(|i| (format!("filler.{i}"), Value::Int(i))));
    Span {
        trace_id: TRACE_A.into(),
        span_id: "ffffffffffffffff".into(),
        parent_span_id: CHILD.into(),
        name: "arrays and limits".into(),
        kind: 1,
        start_time_unix_nano: 1_764_000_001_000_000_000,
        end_time_unix_nano: 1_764_000_001_000_000_000,
        attributes,
        dropped_attributes_count: 5,
        events: vec![kept("kept.1"), kept("kept.2"), kept("kept.3")],
        dropped_events_count: 4,
        links: vec![
            Link { trace_id: TRACE_A.into(), span_id: ROOT.into(), flags: LOCAL, ..Link::default() },
            Link { trace_id: TRACE_B.into(), span_id: CONSUMER.into(), flags: 0x100, ..Link::default() },
        ],
        dropped_links_count: 3,
        ..in_full_scope()
    }
}

fn producer() -> Span {
    Span {
        trace_id: TRACE_A.into(),
        span_id: "abcdef0123456789".into(),
        parent_span_id: ROOT.into(),
        name: "publish".into(),
        kind: 4,
        start_time_unix_nano: 1_764_000_003_000_000_000,
        end_time_unix_nano: 1_764_000_003_000_000_999,
        ..in_bare_scope()
    }
}

fn consumer() -> Span {
    Span {
        trace_id: TRACE_B.into(),
        span_id: CONSUMER.into(),
        parent_span_id: "1234567890abcdef".into(),
        trace_state: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE".into(),
        flags: REMOTE,
        name: "consume".into(),
        kind: 5,
        start_time_unix_nano: 1_764_000_004_000_000_000,
        end_time_unix_nano: 1_764_000_005_000_000_000,
        links: vec![Link {
            trace_id: "ffffffffffffffffffffffffffffffff".into(),
            span_id: "abcdef0123456789".into(),
            trace_state: "vendor=opaque/1".into(),
            flags: REMOTE,
            attributes: pairs([("link.reason", "batch \"1\"".into()), ("link.weight", double(0.5))]),
            dropped_attributes_count: 1,
        }],
        ..in_bare_scope()
    }
}

fn in_full_scope() -> Span {
    Span {
        scope: Scope {
            name: "acme::gen_ai".into(),
            version: "0.9.0".into(),
            attributes: pairs([("scope.tier", "gold \"1\"".into()), ("scope.shard", Value::Int(7))]),
            schema_url: "https://opentelemetry.io/schemas/1.36.0".into(),
            ..Scope::default()
        },
        ..in_bare_scope()
    }
}

fn in_bare_scope() -> Span {
    Span {
        resource: Resource {
            attributes: pairs([
                ("service.name", "checkout \"ζ\"".into()),
                ("process.pid", Value::Int(4711)),
                ("process.command_args", Value::Array(vec!["run".into(), "--flag=a\\b".into(), "".into()])),
                ("host.load", double(0.75)),
                ("deployment.canary", Value::Bool(false)),
            ]),
            schema_url: "https://opentelemetry.io/schemas/1.37.0".into(),
            ..Resource::default()
        },
        scope: Scope { name: "queue".into(), ..Scope::default() },
        flags: LOCAL,
        ..Span::default()
    }
}

fn pairs<const N: usize>(pairs: [(&str, Value); N]) -> Attributes {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn double(value: f64) -> Value {
    Value::Double(Double(value))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
