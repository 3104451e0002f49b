//! Spans of GenAI instrumentation: 28 attributes, of which five hold long text or JSON in a string.

use crate::json::Json;
use crate::random::Random;
use crate::span::{Attributes, Chain, Scope, Span, Value};
use crate::text::{Tongue, prose, prose_of, token, uuid};

pub(crate) const SCOPE: Scope = Scope { name: "opentelemetry.instrumentation.genai", version: "2.1.0" };

const MODELS: [&str; 4] =
    ["northwind-ai/heron-2", "northwind-ai/heron-2-mini", "fjord/osprey-7b", "tideline/gull-large"];

pub(crate) fn resource(random: &mut Random) -> Attributes {
    let service = random.pick(&["catalogue-assistant", "night-watch", "ledger-agent"]);
    vec![
        ("service.name".into(), Value::text(service)),
        ("service.version".into(), Value::text("1.4.2")),
        ("telemetry.sdk.language".into(), Value::text("python")),
        ("host.name".into(), Value::text(format!("node-{}", random.below(40)))),
    ]
}

pub(crate) fn span(random: &mut Random, chain: &mut Chain, tongue: Tongue) -> Span {
    let operation = random.pick(&["chat", "chat", "chat", "text_completion", "execute_tool"]);
    let model = random.pick(&MODELS);
    let provider = model.split('/').next().unwrap_or(model);
    let (input, output) = (random.between(40, 9000), random.between(5, 900));
    // One span in eight carries a whole document or a long history.
    let long = if random.one_in(8) { 6 } else { 1 };
    // What is to be measured of the other scripts is their text: three times as much of it.
    let long = if tongue == Tongue::Mixed { 3 * long } else { long };
    let attributes = vec![
        ("gen_ai.operation.name".into(), Value::text(operation)),
        ("gen_ai.provider.name".into(), Value::text(provider)),
        ("gen_ai.request.model".into(), Value::text(model)),
        ("gen_ai.response.model".into(), Value::text(format!("{model}-20260801"))),
        ("gen_ai.response.id".into(), Value::text(token(random, "resp_"))),
        ("gen_ai.request.temperature".into(), Value::Double(tenths(random, 20))),
        ("gen_ai.request.top_p".into(), Value::Double(0.95)),
        ("gen_ai.request.max_tokens".into(), Value::Int(random.pick(&[256, 1024, 4096]))),
        ("gen_ai.request.stream".into(), Value::Bool(random.one_in(2))),
        ("gen_ai.usage.input_tokens".into(), Value::Int(input)),
        ("gen_ai.usage.output_tokens".into(), Value::Int(output)),
        ("gen_ai.usage.total_tokens".into(), Value::Int(input + output)),
        ("gen_ai.usage.cached_tokens".into(), Value::Int(input / 2)),
        ("gen_ai.usage.reasoning_tokens".into(), Value::Int(output / 3)),
        ("gen_ai.usage.cost".into(), Value::Double(cost(input + 5 * output))),
        ("gen_ai.response.finish_reasons".into(), Value::text(r#"["stop"]"#)),
        ("gen_ai.response.time_to_first_token_ms".into(), Value::Double(tenths(random, 20_000))),
        ("gen_ai.conversation.id".into(), Value::text(uuid(random))),
        ("user.id".into(), Value::text(token(random, "reader-"))),
        ("session.id".into(), Value::text(token(random, "sess_"))),
        ("server.address".into(), Value::text("api.northwind.example")),
        ("server.port".into(), Value::Int(443)),
        ("trace.metadata.environment".into(), Value::text("production")),
        ("trace.metadata.project".into(), Value::text("harbour-library")),
        ("gen_ai.system_instructions".into(), {
            let size = size_of(random, 160);
            Value::text(prose_of(random, tongue, size))
        }),
        ("gen_ai.input.messages".into(), {
            let count = random.between(1, 4);
            Value::Text(messages(random, tongue, count, 110 * long).into_text())
        }),
        ("gen_ai.output.messages".into(), Value::Text(messages(random, tongue, 1, 180 * long).into_text())),
        ("gen_ai.tool.definitions".into(), Value::Text(tools(random, tongue).into_text())),
    ];
    chain.next(random, format!("{operation} {model}"), attributes)
}

/// A list of messages, of about `size` bytes of text each, as the GenAI conventions write them.
pub(crate) fn messages(random: &mut Random, tongue: Tongue, count: u64, size: u64) -> Json {
    let message = |random: &mut Random| {
        let role = random.pick(&["user", "user", "assistant", "tool"]);
        let mut content = String::new();
        let size = size_of(random, size);
        prose(random, tongue, size, &mut content);
        let part = Json::Object(vec![("type", Json::text("text")), ("content", Json::text(content))]);
        Json::Object(vec![("role", Json::text(role)), ("parts", Json::List(vec![part]))])
    };
    Json::List((0..count).map(|_| message(random)).collect())
}

fn tools(random: &mut Random, tongue: Tongue) -> Json {
    let name = random.pick(&["find_volume", "read_tide_table", "write_log"]);
    Json::List(vec![Json::Object(vec![
        ("type", Json::text("function")),
        ("name", Json::text(name)),
        ("description", Json::text(prose_of(random, tongue, 60))),
        ("strict", Json::Bare("true".into())),
    ])])
}

/// A size between a half and three halves of `typical`.
pub(crate) fn size_of(random: &mut Random, typical: u64) -> usize {
    usize::try_from(random.between(typical / 2, typical * 3 / 2)).unwrap_or(0)
}

/// A double with one decimal, below a tenth of `bound`.
pub(crate) fn tenths(random: &mut Random, bound: u32) -> f64 {
    f64::from(u32::try_from(random.below(bound.into())).unwrap_or(0)) / 10.0
}

/// What `tokens` cost, in dollars.
pub(crate) fn cost(tokens: u64) -> f64 {
    f64::from(u32::try_from(tokens).unwrap_or(0)) * 1.2e-6
}
