//! Deliveries of OpenRouter's Broadcast webhook, in the shape of `tests/payloads/openrouter-*.json`.
//!
//! A delivery has three spans, each under a resource of its own: the root, which carries the prompt and the
//! completion three times each as JSON in a string, the provider attempt, and the generation.

use crate::json::Json;
use crate::llm::{cost, messages, size_of, tenths};
use crate::random::Random;
use crate::span::{Attributes, Chain, Dialect, Scope, Span, Value};
use crate::text::{Tongue, prose_of, token, uuid};

const SCOPE: Scope = Scope { name: "openrouter", version: "" };

/// The elements of `resourceSpans` of one delivery, one span each.
pub(crate) fn delivery(random: &mut Random) -> Vec<Json> {
    let id = token(random, "gen-1790611200-");
    let mut chain = Chain::new(random);
    let mut root = root(random, &mut chain, &id);
    root.kind = 3;
    let attempt = attempt(random, &mut chain, &id, &root);
    let generation = generation(random, &mut chain, &id, &root);
    let resource = || {
        vec![
            ("service.name".into(), Value::text("openrouter")),
            ("openrouter.trace.id".into(), Value::text(id.clone())),
            ("service.version".into(), Value::text("1.0.0")),
        ]
    };
    [root, attempt, generation]
        .into_iter()
        .map(|span| Dialect::Gateway.resource_spans(resource(), &SCOPE, vec![Dialect::Gateway.span(span)]))
        .collect()
}

fn root(random: &mut Random, chain: &mut Chain, id: &str) -> Span {
    let (input, output) = (random.between(100, 40_000), random.between(10, 1500));
    let turns = random.between(1, 18);
    let prompt = Json::Object(vec![("messages", messages(random, Tongue::English, turns, 240))]).into_text();
    let completion = completion(random).into_text();
    let attempts = Json::List(vec![Json::Object(vec![
        ("id", Json::text(uuid(random))),
        ("provider_name", Json::text("Fjord Compute")),
        ("status", Json::number(200)),
        ("latency", Json::number(random.between(100, 4000))),
        ("is_byok", Json::Bare("false".into())),
        ("model_permaslug", Json::text("northwind-ai/heron-2-20260801")),
    ])])
    .into_text();
    let mut attributes: Attributes = vec![
        ("trace.name".into(), Value::text("OpenRouter Request")),
        ("user.id".into(), Value::text(token(random, "reader-"))),
        ("session.id".into(), Value::text(token(random, "sess-"))),
        ("trace.input".into(), Value::Text(prompt.clone())),
        ("trace.output".into(), Value::Text(completion.clone())),
    ];
    for place in ["trace", "span"] {
        if place == "span" {
            attributes.push(("span.type".into(), Value::text("generation")));
            attributes.push(("span.level".into(), Value::text("DEFAULT")));
        }
        attributes.extend([
            (format!("{place}.metadata.project").into(), Value::text("harbour-library")),
            (format!("{place}.metadata.environment").into(), Value::text("test")),
            (format!("{place}.metadata.round").into(), Value::Int(7)),
            (format!("{place}.metadata.dry_run").into(), Value::Bool(false)),
            (format!("{place}.metadata.provider_responses").into(), Value::Text(attempts.clone())),
        ]);
    }
    attributes.extend([
        ("span.input".into(), Value::Text(prompt.clone())),
        ("span.output".into(), Value::Text(completion.clone())),
        ("gen_ai.operation.name".into(), Value::text("chat")),
        ("gen_ai.system".into(), Value::text("northwind-ai")),
        ("gen_ai.provider.name".into(), Value::text("northwind-ai")),
        ("gen_ai.request.model".into(), Value::text("northwind-ai/heron-2")),
        ("gen_ai.response.model".into(), Value::text("northwind-ai/heron-2")),
        ("gen_ai.response.id".into(), Value::text(id.to_owned())),
        ("gen_ai.usage.input_tokens".into(), Value::Int(input)),
        ("gen_ai.usage.output_tokens".into(), Value::Int(output)),
        ("gen_ai.usage.total_tokens".into(), Value::Int(input + output)),
        ("gen_ai.usage.input_cost".into(), Value::Double(cost(input))),
        ("gen_ai.usage.output_cost".into(), Value::Double(cost(5 * output))),
        ("gen_ai.usage.total_cost".into(), Value::Double(cost(input + 5 * output))),
        ("gen_ai.prompt".into(), Value::Text(prompt)),
        ("gen_ai.completion".into(), Value::Text(completion)),
        ("gen_ai.usage.input_tokens.cached".into(), Value::Int(input / 2)),
        ("gen_ai.usage.input_tokens.cache_write".into(), Value::Int(0)),
        ("gen_ai.usage.output_tokens.reasoning".into(), Value::Int(output / 3)),
        ("gen_ai.response.finish_reasons".into(), Value::text(r#"["stop"]"#)),
        ("gen_ai.response.finish_reason".into(), Value::text("stop")),
    ]);
    attributes.extend(router_figures(random));
    chain.next(random, "LLM Generation", attributes)
}

fn router_figures(random: &mut Random) -> Attributes {
    let key = |name: &str| format!("trace.metadata.openrouter.{name}").into();
    vec![
        (key("source"), Value::text("openrouter")),
        (key("api_key_name"), Value::text("catalogue key")),
        (key("entity_id"), Value::text(token(random, "user_"))),
        (key("creator_user_id"), Value::text(token(random, "user_"))),
        (key("router_latency_ms"), Value::Double(tenths(random, 900))),
        (key("provider_request_ms"), Value::Double(42.0)),
        (key("provider_headers_ms"), Value::Double(tenths(random, 9000))),
        (key("first_token_ms"), Value::Double(tenths(random, 9900))),
        (key("inter_token_latency_ms"), Value::Double(tenths(random, 900) / 7.0)),
        (key("provider_name"), Value::text("Fjord Compute")),
        (key("provider_slug"), Value::text("fjord-compute/eu")),
        (key("finish_reason"), Value::text("end_turn")),
        (key("input_unit_price"), Value::Double(1.2e-6)),
        (key("output_unit_price"), Value::Double(6e-6)),
    ]
}

fn completion(random: &mut Random) -> Json {
    let (answer, reasoning) = (size_of(random, 400), size_of(random, 200));
    Json::Object(vec![
        ("completion", Json::text(prose_of(random, Tongue::English, answer))),
        ("reasoning", Json::text(prose_of(random, Tongue::English, reasoning))),
        (
            "rawRequest",
            Json::Object(vec![
                ("model", Json::text("northwind-ai/heron-2")),
                ("stream", Json::Bare("true".into())),
                ("max_tokens", Json::number(400)),
                ("temperature", Json::number(0.3)),
            ]),
        ),
    ])
}

fn attempt(random: &mut Random, chain: &mut Chain, id: &str, root: &Span) -> Span {
    let attributes = vec![
        ("span.type".into(), Value::text("span")),
        ("span.level".into(), Value::text("DEFAULT")),
        ("span.metadata.attempt_index".into(), Value::Int(0)),
        ("span.metadata.status_code".into(), Value::Int(200)),
        ("span.metadata.is_byok".into(), Value::Bool(false)),
        ("span.metadata.endpoint_id".into(), Value::text(uuid(random))),
        ("gen_ai.operation.name".into(), Value::text("chat")),
        ("gen_ai.response.id".into(), Value::text(format!("{id}:attempt-0"))),
    ];
    let span = chain.next(random, "provider attempt 1: Fjord Compute", attributes);
    Span { trace: root.trace, parent: Some(root.id), kind: 2, ..span }
}

fn generation(random: &mut Random, chain: &mut Chain, id: &str, root: &Span) -> Span {
    let attributes = vec![
        ("span.type".into(), Value::text("span")),
        ("span.level".into(), Value::text("DEFAULT")),
        ("gen_ai.operation.name".into(), Value::text("chat")),
        ("gen_ai.response.id".into(), Value::text(format!("{id}:generation"))),
    ];
    let span = chain.next(random, "generation", attributes);
    Span { trace: root.trace, parent: Some(root.id), kind: 2, ..span }
}
