//! Spans whose attributes are arrays and maps: GenAI messages as structured values, and other trees.

use crate::llm::{size_of, tenths};
use crate::random::Random;
use crate::span::{Attributes, Chain, Scope, Span, Value};
use crate::text::{Tongue, prose_of};

pub(crate) const SCOPE: Scope = Scope { name: "pydantic-ai", version: "1.9.1" };

pub(crate) fn span(random: &mut Random, chain: &mut Chain) -> Span {
    let messages = (0..random.between(2, 6)).map(|_| message(random)).collect();
    let scores = (0..random.between(4, 24)).map(|_| Value::Double(tenths(random, 1000))).collect();
    let rows = (0..random.between(2, 9)).map(|_| Value::Int(random.below(100_000))).collect();
    let words = ["harbour", "tide", "lamp", "rope", "ledger", "keeper"];
    let tags = (0..random.between(1, 6)).map(|_| Value::text(random.pick(&words))).collect();
    let depth = random.between(1, 7);
    let attributes = vec![
        ("gen_ai.operation.name".into(), Value::text("invoke_agent")),
        ("gen_ai.agent.name".into(), Value::text("night-watch")),
        ("gen_ai.input.messages".into(), Value::List(messages)),
        ("retrieval.scores".into(), Value::List(scores)),
        ("retrieval.rows".into(), Value::List(rows)),
        ("tags".into(), Value::List(tags)),
        ("agent.config".into(), tree(random, depth)),
        ("agent.digest".into(), Value::Base64(base64(random))),
        ("agent.steps".into(), Value::Int(random.below(12))),
        ("agent.empty".into(), Value::List(Vec::new())),
    ];
    chain.next(random, "invoke_agent night-watch", attributes)
}

fn message(random: &mut Random) -> Value {
    let part = |random: &mut Random| {
        let size = size_of(random, 90);
        Value::Map(vec![
            ("type".into(), Value::text(random.pick(&["text", "thinking"]))),
            ("content".into(), Value::text(prose_of(random, Tongue::English, size))),
        ])
    };
    let parts = (0..random.between(1, 4)).map(|_| part(random)).collect();
    Value::Map(vec![
        ("role".into(), Value::text(random.pick(&["system", "user", "assistant"]))),
        ("parts".into(), Value::List(parts)),
    ])
}

/// Maps within maps, `depth` of them.
fn tree(random: &mut Random, depth: u64) -> Value {
    let mut members: Attributes = vec![
        ("retries".into(), Value::Int(random.below(5))),
        ("strict".into(), Value::Bool(random.one_in(2))),
    ];
    if depth > 0 {
        members.push(("next".into(), tree(random, depth - 1)));
    }
    Value::Map(members)
}

/// 24 random bytes in base64.
fn base64(random: &mut Random) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..32).map(|_| char::from(random.pick(alphabet))).collect()
}
