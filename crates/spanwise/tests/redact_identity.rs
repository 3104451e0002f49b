//! Who it was, among metadata: in keys of their own, in lists, and in JSON that is a text.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use spanwise::decode;
use spanwise::redact::{HashKey, Identity, Place, Policy, Preset, redact, redact_json};

const KEY: &[u8] = b"a key for the tests";

/// What becomes of one attribute of a span, in the JSON and, which must be the same, in a batch; twice is once.
fn redacted(identity: Identity, key: &str, value: &Value) -> Value {
    let policy = Policy::from_preset(Preset::PrivacyMode).identity(identity);
    let policy = policy.compile(Some(HashKey::new(KEY))).unwrap();
    let span = json!({"name": "n", "attributes": [{"key": key, "value": value}]});
    let input = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let output = redact_json(input.clone(), &policy).unwrap();
    let of_batch = redact(&decode(input).unwrap(), &policy).unwrap();
    assert!(of_batch.batch == decode(output.data.clone()).unwrap());
    let again = redact_json(output.data.clone(), &policy).unwrap();
    assert!(again.data == output.data);
    let document: Value = serde_json::from_slice(&output.data).unwrap();
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"].clone()
}

fn pseudonym(text: &str) -> String {
    HashKey::new(KEY).pseudonym(text)
}

/// A text of JSON, as what becomes of it.
fn of_text(identity: Identity, key: &str, metadata: &Value) -> Value {
    let value = redacted(identity, key, &json!({"stringValue": metadata.to_string()}));
    serde_json::from_str(value["stringValue"].as_str().unwrap()).unwrap()
}

const KEYS: [&str; 8] = [
    "metadata",
    "langfuse.trace.metadata",
    "langfuse.observation.metadata",
    "langsmith.metadata",
    "ai.telemetry.metadata",
    "_ml_obs.meta.metadata",
    "trace.metadata",
    "metadata.caller",
];

#[test]
fn users_and_sessions_in_the_text_of_metadata_become_what_the_policy_says() {
    let metadata = json!({
        "user_id": "u-1", "sessionId": 17, "tier": "gold", "langgraph_step": 3, "thread_id": null,
        "caller": [{"email": "ada@example.com", "roles": ["x"]}], "session": {"id": "s-1"},
        "inner": "{\"user\":\"bob\",\"team\":\"t-1\"}", "note": "[draft", "username": true,
    });
    for key in KEYS {
        assert_eq!(of_text(Identity::Keep, key, &metadata), metadata, "{key}");
        let mask = "[REDACTED:identity]";
        let masked = json!({
            "user_id": mask, "sessionId": mask, "tier": "gold", "langgraph_step": 3, "thread_id": null,
            "caller": [{"email": mask, "roles": ["x"]}], "session": mask,
            "inner": format!("{{\"user\":\"{mask}\",\"team\":\"t-1\"}}"), "note": "[draft", "username": mask,
        });
        for identity in [Identity::Mask, Identity::Drop] {
            assert_eq!(of_text(identity, key, &metadata), masked, "{key}");
        }
        let hashed = json!({
            "user_id": pseudonym("u-1"), "sessionId": pseudonym("17"), "tier": "gold", "langgraph_step": 3,
            "thread_id": null, "caller": [{"email": pseudonym("ada@example.com"), "roles": ["x"]}], "session": mask,
            "inner": format!("{{\"user\":\"{}\",\"team\":\"t-1\"}}", pseudonym("bob")), "note": "[draft",
            "username": pseudonym("true"),
        });
        assert_eq!(of_text(Identity::Hash, key, &metadata), hashed, "{key}");
    }
}

#[test]
fn so_they_do_in_lists_and_in_keys_of_their_own() {
    let text = |text: &str| json!({"stringValue": text});
    let pair = |key: &str, value: Value| json!({"key": key, "value": value});
    let list = |user: Value| {
        let members = [pair("user_id", user), pair("tier", text("gold"))];
        json!({"kvlistValue": {"values": [pair("caller", json!({"kvlistValue": {"values": members}}))]}})
    };
    for key in KEYS {
        let found = redacted(Identity::Hash, key, &list(text("u-1")));
        assert_eq!(found, list(text(&pseudonym("u-1"))), "{key}");
        assert_eq!(redacted(Identity::Keep, key, &list(text("u-1"))), list(text("u-1")), "{key}");
        let of_key = |identity| redacted(identity, &format!("{key}.user_id"), &text("u-1"));
        assert_eq!(of_key(Identity::Hash), text(&pseudonym("u-1")), "{key}");
        assert_eq!(of_key(Identity::Keep), text("u-1"), "{key}");
        assert_eq!(of_key(Identity::Drop), Value::Null, "{key}");
        assert_eq!(redacted(Identity::Drop, &format!("{key}.tier"), &text("gold")), text("gold"), "{key}");
    }
}

/// What is no JSON has no members, and stays, but for objects as other languages write them.
#[test]
fn metadata_that_is_no_json_stays() {
    let text = |text: &str| json!({"stringValue": text});
    for value in [
        text("gold"),
        text("[draft] of user_id"),
        text("\"user_id\""),
        text(""),
        json!({"intValue": "7"}),
        json!({"boolValue": true}),
        json!({"bytesValue": "AAEC"}),
        json!({"arrayValue": {"values": [text("gold"), json!({"intValue": "7"})]}}),
    ] {
        for identity in [Identity::Keep, Identity::Hash, Identity::Drop] {
            assert_eq!(redacted(identity, "metadata", &value), value, "{identity:?}");
        }
    }
    let written_by_python = text("{'user_id': 'u-1'}");
    assert_eq!(redacted(Identity::Keep, "metadata", &written_by_python), written_by_python);
    assert_eq!(redacted(Identity::Hash, "metadata", &written_by_python), text("[REDACTED:identity]"));
}

#[test]
fn the_policy_explains_which_members_are_meant() {
    for (identity, words) in [
        (Identity::Keep, "`metadata` of a span stays.\n"),
        (
            Identity::Hash,
            "stays, with pseudonyms in the place of these members of its JSON: user_id, userId,",
        ),
        (Identity::Mask, "stays without these members of its JSON: user_id, userId,"),
    ] {
        let policy = Policy::from_preset(Preset::PrivacyMode).identity(identity);
        let policy = policy.compile(Some(HashKey::new(KEY))).unwrap();
        let explained = policy.explain(Place::Span, "metadata", None).to_string();
        assert!(explained.contains(words), "{explained}");
    }
}
