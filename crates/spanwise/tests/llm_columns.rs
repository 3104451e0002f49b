//! What the columns of `spanwise::llm` read out of every convention: each span of the payloads below, whole, against
//! `llm_columns.txt`. A line is a span: `*` before one that stands for a request, then its name and the columns it fills.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::path::Path;

use spanwise::llm::{Column, Form, LlmKeys, LlmSpan, Requests, TABLE};
use spanwise::{Decoder, Framing, SpanBatch};

const PAYLOADS: &[&str] = &[
    "openrouter-chat.json",
    "openrouter-error.json",
    "openrouter-connection-test.json",
    "openrouter-test-generation.json",
    "openrouter-docs-sample.json",
    "genai-semconv.json",
    "openinference.json",
    "openllmetry.json",
    "vercel-ai.json",
    "langfuse.json",
    "pydantic-ai.json",
    "mlflow.json",
    "genkit.json",
    "langsmith-datadog.json",
    "adk-livekit-flue.json",
    "litellm.json",
    "more-libraries.ndjson",
    "keys-of-their-own.ndjson",
    "told-twice.ndjson",
];

fn cell(llm: &LlmSpan<'_>, column: Column) -> Option<String> {
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(ToOwned::to_owned);
    let count = |count: Option<i64>| count.map(|count| count.to_string());
    let cost = |cost: Option<f64>| cost.map(|cost| cost.to_string());
    match column {
        Column::Model => text(&llm.model),
        Column::Provider => text(&llm.provider),
        Column::Operation => text(&llm.operation),
        Column::InputTokens => count(llm.input_tokens),
        Column::OutputTokens => count(llm.output_tokens),
        Column::TotalTokens => count(llm.total_tokens),
        Column::InputCost => cost(llm.input_cost_usd),
        Column::OutputCost => cost(llm.output_cost_usd),
        Column::Cost => cost(llm.cost_usd),
        Column::FinishReason => text(&llm.finish_reason),
        Column::UserId => text(&llm.user_id),
        Column::SessionId => text(&llm.session_id),
        Column::TraceName => text(&llm.trace_name),
        Column::GenerationName => text(&llm.generation_name),
        Column::IsTest => llm.is_test.then(|| "true".to_owned()),
        _ => None,
    }
}

#[test]
fn every_convention_fills_the_columns_it_can() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut found = String::new();
    for payload in PAYLOADS {
        let bytes = std::fs::read(tests.join("../../../tests/payloads").join(payload)).unwrap();
        let mut batch = SpanBatch::new();
        Decoder::default().decode_block(bytes, Framing::Auto, &mut batch).unwrap();
        let keys = LlmKeys::resolve(&batch);
        let mut requests = Requests::default();
        requests.add_batch(&batch);
        let counted: Vec<usize> = requests.counted().collect();
        writeln!(found, "{payload}").unwrap();
        for (place, span) in batch.spans().enumerate() {
            let llm = keys.read(span);
            let mark = if counted.contains(&place) { '*' } else { ' ' };
            write!(found, "{mark} {}:", span.name()).unwrap();
            for column in Column::ALL {
                if let Some(cell) = cell(&llm, *column) {
                    write!(found, " {}={cell:?}", column.name()).unwrap();
                }
            }
            found.push('\n');
        }
    }
    let expected = std::fs::read_to_string(tests.join("llm_columns.txt")).unwrap();
    for (expected, found) in expected.lines().zip(found.lines()) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected.lines().count(), found.lines().count());
}

/// A gateway tells the Vercel AI SDK what a call cost, and the SDK gives a run what the gateway told of its last step.
#[test]
fn what_gateways_say_of_cost_is_read_and_adds_up_to_that_of_the_steps() {
    const OPENROUTER: &str =
        r#"{"openrouter":{"provider":"a","reasoning_details":[],"usage":{"totalTokens":9,"cost":COST}}}"#;
    const GATEWAY: &str = r#"{"openai":{"cost":9},"gateway":{"routing":{"cost":"8"},"cost":"COST"}}"#;
    let span = |id: &str, parent: &str, tokens: [u64; 2], metadata: &str, cost: &str| {
        let metadata = metadata.replace("COST", cost).replace('"', r#"\""#);
        let text =
            |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
        let attributes = [
            text("ai.model.id", "heron-2"),
            text("ai.usage.inputTokens", &tokens[0].to_string()),
            text("ai.usage.outputTokens", &tokens[1].to_string()),
            text("ai.response.providerMetadata", &metadata),
        ];
        let attributes = attributes.join(",");
        format!(r#"{{"traceId":"t","spanId":"{id}","parentSpanId":"{parent}","attributes":[{attributes}]}}"#)
    };
    for metadata in [OPENROUTER, GATEWAY] {
        let of_one_step = [("2", "1", [20, 4], "0.25"), ("1", "", [20, 4], "0.25")];
        let of_two = [("2", "1", [20, 4], "0.25"), ("3", "1", [31, 8], "0.5"), ("1", "", [51, 12], "0.5")];
        for (spans, expected) in [(&of_one_step[..], (0.25, 20)), (&of_two, (0.75, 51))] {
            let spans: Vec<_> = spans
                .iter()
                .map(|(id, parent, tokens, cost)| span(id, parent, *tokens, metadata, cost))
                .collect();
            let spans = spans.join(",");
            let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
            let batch = spanwise::decode(text).unwrap();
            let keys = LlmKeys::resolve(&batch);
            let mut requests = Requests::default();
            requests.add_batch(&batch);
            let (mut cost, mut tokens) = (0.0, 0);
            for place in requests.counted() {
                let llm = keys.read(batch.spans().nth(place).unwrap());
                cost += llm.cost_usd.unwrap_or_default();
                tokens += llm.input_tokens.unwrap_or_default();
            }
            assert_eq!((cost, tokens), expected, "{metadata}");
        }
    }
}

/// What the guide to redaction promises: the table of costs is the same of traces without content.
#[cfg(feature = "redact")]
#[test]
fn privacy_mode_leaves_all_that_counts_and_prices_a_request() {
    use spanwise::redact::{Bodies, Policy, Preset, Redactor};

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads");
    let private = [Column::UserId, Column::SessionId, Column::TraceName, Column::GenerationName];
    for bodies in [Bodies::Mask, Bodies::Structure] {
        let policy = Policy::from_preset(Preset::PrivacyMode).bodies(bodies).compile(None).unwrap();
        let mut redactor = Redactor::new(policy);
        let mut cells = 0;
        for payload in PAYLOADS {
            let mut batch = SpanBatch::new();
            let bytes = std::fs::read(folder.join(payload)).unwrap();
            Decoder::default().decode_block(bytes, Framing::Auto, &mut batch).unwrap();
            let redacted = redactor.redact(&batch).unwrap().batch;
            let (keys, redacted_keys) = (LlmKeys::resolve(&batch), LlmKeys::resolve(&redacted));
            for (span, redacted) in batch.spans().zip(redacted.spans()) {
                let (before, after) = (keys.read(span), redacted_keys.read(redacted));
                for column in Column::ALL.iter().filter(|column| !private.contains(column)) {
                    let cell_before = cell(&before, *column);
                    cells += usize::from(cell_before.is_some());
                    assert_eq!(cell(&after, *column), cell_before, "{payload} {} {column:?}", span.name());
                }
            }
        }
        assert!(cells > 300, "{cells}");
    }
}

/// The page's table of sources, made from the table in the library.
fn sources() -> String {
    let mut page = String::new();
    for column in Column::ALL {
        let rows: Vec<_> = TABLE.iter().filter(|source| source.column == *column).collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(page, "\n### {}\n\n| key | convention | how it is read |\n|---|---|---|", column.name())
            .unwrap();
        for source in rows {
            let mut how = match source.form {
                Form::Plain => "as it is".to_owned(),
                Form::JsonText => "as JSON text".to_owned(),
                Form::First => "the first of a list".to_owned(),
                Form::Member(path) => format!("its member `{}`", path.join(".")),
                Form::Says(text) => format!("true if it is `{text}`"),
                _ => unreachable!("a form that the page has no words for"),
            };
            if let Some((key, value)) = source.only_if {
                write!(how, ", where `{key}` is `{value}`").unwrap();
            }
            writeln!(page, "| `{}` | {} | {how} |", source.key, source.convention.name()).unwrap();
        }
    }
    page
}

/// What the page says of `is_test` beside its keys.
#[test]
fn a_test_is_known_by_its_name_or_by_the_smallest_ids() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/llm-columns.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("`openrouter-connection-test`") && page.contains("trace and span id are both 1"));
    let (one, other) = (format!("{:032x}", 1), format!("{:016x}", 1));
    let attribute = r#"{"key":"a","value":{"boolValue":true}}"#;
    for (name, trace, attributes, is_test) in [
        ("openrouter-connection-test", "0af7651916cd43dd8448eb211c80319c", attribute, true),
        ("any", one.as_str(), "", true),
        ("any", one.as_str(), attribute, false),
        ("any", "0af7651916cd43dd8448eb211c80319c", "", false),
    ] {
        let span = format!(
            r#"{{"traceId":"{trace}","spanId":"{other}","name":"{name}","attributes":[{attributes}]}}"#
        );
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
        let batch = spanwise::decode(text).unwrap();
        let read = LlmKeys::resolve(&batch).read(batch.spans().next().unwrap()).is_test;
        assert_eq!(read, is_test, "{span}");
    }
}

#[test]
fn the_page_lists_every_source() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/llm-columns.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once("\n### ").unwrap_or((&page, ""));
    let expected = format!("{}\n{}", head.trim_end(), sources());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert!(page == expected, "docs/llm-columns.md is not the table: run this test with UPDATE_DOCS=1");
    let head = head.to_owned();
    for convention in TABLE.iter().map(|source| source.convention) {
        let row = format!("| {} | {} |", convention.name(), convention.source());
        assert!(head.contains(&row), "missing: {row}");
    }
}

#[test]
fn users_and_sessions_are_read_out_of_metadata_in_json() {
    for (metadata, user, session) in [
        (r#"{"user_id":"u-1","session_id":"s-1","thread_id":"t-1"}"#, Some("u-1"), Some("s-1")),
        (r#"{"langgraph_step":3,"thread_id":"t-1"}"#, None, Some("t-1")),
        (r#"{"userId":7,"sessionId":"s-2"}"#, Some("7"), Some("s-2")),
        (r#"{"caller":{"user_id":"u-1"}}"#, None, None),
        (r#"{"user_id":"u-1""#, None, None),
        ("user_id", None, None),
    ] {
        let value = serde_json::json!({"stringValue": metadata});
        let span = serde_json::json!({"attributes": [{"key": "metadata", "value": value}]});
        let body = serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
        let batch = spanwise::decode(body).unwrap();
        let llm = LlmKeys::resolve(&batch).read(batch.span(0).unwrap());
        assert_eq!((llm.user_id.as_deref(), llm.session_id.as_deref()), (user, session), "{metadata}");
    }
}
