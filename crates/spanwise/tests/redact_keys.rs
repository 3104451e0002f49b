//! What becomes of a key's value by the presets' catalogue: the rows of `tests/redact/keys.tsv`, and members that are keys.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use spanwise::llm::{Column, Form, TABLE};
use spanwise::redact::{CompiledPolicy, EventClass, Identity, Place, Policy, Preset, Treatment, redact_json};

const ROWS: &str = include_str!("../../../tests/redact/keys.tsv");

fn privacy_mode() -> Policy {
    Policy::from_preset(Preset::PrivacyMode)
}

fn word(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Keep => "keep",
        Treatment::Mask => "mask",
        Treatment::Drop => "drop",
        Treatment::Members => "members",
        _ => "something else",
    }
}

fn what_becomes(policy: &CompiledPolicy, place: &str, event: &str, key: &str) -> &'static str {
    let place = Place::ALL.iter().copied().find(|known| known.id() == place).unwrap();
    let class = if event == "-" { EventClass::default() } else { policy.event_class(event) };
    word(policy.resolve(place, class, key).treatment)
}

#[test]
fn every_key_is_treated_as_its_row_says() {
    let policies =
        [privacy_mode(), Policy::from_preset(Preset::Secrets), privacy_mode().identity(Identity::Drop)]
            .map(|policy| policy.compile(None).unwrap());
    let mut failures = Vec::new();
    for row in ROWS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [place, event, key, expected @ ..] = &row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let found: Vec<_> = policies.iter().map(|policy| what_becomes(policy, place, event, key)).collect();
        if found != expected {
            failures.push(format!("{row}: {}", found.join(" ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What the columns of users and sessions are filled from tells who it was.
#[test]
fn every_source_of_a_user_or_a_session_is_an_identity() {
    let policy = privacy_mode().identity(Identity::Drop).compile(None).unwrap();
    let sources: Vec<_> =
        TABLE.iter().filter(|source| matches!(source.column, Column::UserId | Column::SessionId)).collect();
    assert!(sources.len() > 15);
    for source in sources {
        let treatment = policy.resolve(Place::Span, EventClass::default(), source.key).treatment;
        let is_member = matches!(source.form, Form::Member(_));
        let expected = if is_member { Treatment::Members } else { Treatment::Drop };
        assert_eq!(treatment, expected, "{}", source.key);
    }
}

#[test]
fn members_of_settings_that_are_keys_of_their_own_stay_as_they_do_in_lists() {
    let policy = privacy_mode().compile(None).unwrap();
    let gone = |label: &str| format!("[REDACTED:{label}]");
    for (key, value, expected) in [
        ("llm.invocation_parameters.model", "gpt-4o", None),
        ("llm.invocation_parameters.temperature", "0.2", None),
        ("gen_ai.request.parameters.reasoning_effort", "high", None),
        ("langwatch.params.model", "gpt-4o", None),
        ("braintrust.metadata.model", "gpt-4o", None),
        ("langsmith.metadata.ls_invocation_params.model", "gpt-4o", None),
        ("hidden_params.model_id", "a1", None),
        ("llm.invocation_parameters.extra", r#"{"n":1}"#, None),
        ("llm.invocation_parameters.messages.0", "SECRET", Some(gone("content"))),
        (
            "llm.invocation_parameters.extra",
            r#"{"prompt":"SECRET"}"#,
            Some(format!(r#"{{"prompt":"{}"}}"#, gone("content"))),
        ),
        ("llm.invocation_parameters.extra", r#"{"prompt":"SECRET"#, Some(gone("content"))),
        ("hidden_params.headers.x", "SECRET", Some(gone("header"))),
        // What is the settings themselves is an object.
        ("llm.invocation_parameters", "gpt-4o", Some(gone("content"))),
        ("model_settings", "gpt-4o", Some(gone("content"))),
        ("hidden_params", "gpt-4o", Some(gone("header"))),
    ] {
        let span =
            |value: &str| json!({"name": "n", "attributes": [{"key": key, "value": {"stringValue": value}}]});
        let document = |value: &str| json!({"resourceSpans": [{"scopeSpans": [{"spans": [span(value)]}]}]});
        let found = redact_json(document(value).to_string(), &policy).unwrap().data;
        let found: Value = serde_json::from_slice(&found).unwrap();
        assert_eq!(found, document(expected.as_deref().unwrap_or(value)), "{key} {value}");
    }
    for (key, says) in [
        ("llm.invocation_parameters", true),
        ("model_settings", true),
        ("llm.invocation_parameters.model", false),
        ("metadata", false),
    ] {
        let explained = policy.explain(Place::Span, key, None).to_string();
        assert_eq!(explained.contains("; what is no object is [REDACTED:content]"), says, "{explained}");
    }
}

/// A letter may be longer than the one that it is compared as.
#[test]
fn members_are_named_behind_the_pattern_whatever_case_its_letters_have() {
    let policy = privacy_mode().identity(Identity::Mask).preset(Preset::Secrets).fold_case(true);
    let policy = policy.compile(None).unwrap();
    for (key, expected) in [
        ("GENKIT:metadata.User_Id", "mask"),
        ("gen\u{212a}it:metadata.user_id", "mask"),
        ("gen\u{212a}it:metadata", "members"),
        ("gen\u{212a}it:metadata.zq", "members"),
        // What was put in is no name, in any case.
        ("genkit:metadata.zq [REDACTED:email]", "members"),
        ("genkit:metadata.[REDACTED:email].user", "mask"),
    ] {
        assert_eq!(what_becomes(&policy, "span", "-", key), expected, "{key}");
    }
}
